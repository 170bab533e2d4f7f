"""survive/loops.py: loops of drivers (mapred/loop.h): apps that iterate, and one that carries all there is to
carry; stopped and killed, and resumed."""

import random
import shutil

import again


def edges(seed, vertices, count, weights=False):
    some = random.Random(seed)
    lines = []
    for _ in range(count):
        ends = f"{some.randrange(vertices)} {some.randrange(vertices)}"
        lines.append(ends + (f" {some.randrange(1, 50)}" if weights else ""))
    return "\n".join(lines) + "\n"


class Loops(again.Survivor):
    def test_carry(self):
        for seed in (1, 2):
            with self.subTest(seed):
                args = [again.plugin("carry"), "--rounds", 14, "--log", f"log{seed}"]
                want = self.good(args[:3])
                runs = self.until_done(seed, [*args, "-o", f"{seed}.txt"], 5, 12, env={})
                self.same(self.read(f"{seed}.txt"), want, seed)
                self.assertLessEqual(len(self.read(f"log{seed}")), 14 + len(runs))
                self.tidy()

    def tidy(self):
        """The next job has a folder of its own."""
        shutil.rmtree(self.path("ck"), ignore_errors=True)

    def same_counters(self, plain, runs, names):
        last = again.counters(runs[-1])
        for name in names:
            self.assertEqual(last.get(name), plain[name], (name, runs[-1].err))

    def test_kmeans(self):
        some = random.Random(7)
        rows = [",".join(f"{some.gauss(i % 7, 0.8):.6f}" for _ in range(3)) for i in range(4000)]
        self.write("points.csv", "\n".join(rows) + "\n")
        plain, runs = self.survives(3, ["kmeans", "points.csv", "--k", 9], "k.tsv", 5, 30)
        self.same_counters(plain, runs, ["iterations", "centres drawn"])

    def test_pagerank(self):
        self.write("edges.txt", edges(1, 3000, 12000))
        plain, runs = self.survives(4, ["pagerank", "edges.txt"], "p.tsv", 4, 30)
        self.same_counters(plain, runs, ["iterations"])

    def test_sssp(self):
        chain = [f"{i} {(i * 7919 + 1) % 2003} 3" for i in range(2003)]
        self.write("edges.txt", edges(2, 2003, 3000, True) + "\n".join(chain) + "\n")
        self.survives(5, ["sssp", "edges.txt", "--source", 17], "s.tsv", 3, 6)

    def test_components(self):
        self.write("edges.txt", edges(3, 6000, 4000))
        self.survives(6, ["components", "edges.txt"], "c.tsv", 3, 4)

    def test_heat(self):
        plain, runs = self.survives(7, ["heat", "--n", 40, "--steps", 30], "u.npy", 4, 30)
        self.same_counters(plain, runs, ["steps"])

    def test_linreg(self):
        some = random.Random(8)
        rows = []
        for _ in range(3000):
            x = [some.gauss(0, 1) for _ in range(4)]
            rows.append(",".join(f"{v:.9f}" for v in (*x, 3 * x[0] - x[2] + some.gauss(0, 0.1))))
        self.write("table.csv", "a,b,c,d,y\n" + "\n".join(rows) + "\n")
        self.survives(9, ["linreg", "table.csv", "--target", "y"], "l.tsv", 2, 8)

    def test_nothing_is_saved_where_nobody_asked(self):
        self.good([again.plugin("carry"), "--rounds", 5, "-o", "plain.txt"], 2)
        self.assertEqual(self.visible(), ["plain.txt"])


if __name__ == "__main__":
    again.drive.main()
