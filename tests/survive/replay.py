"""survive/replay.py: one block of a job, run again: all blocks together give what the job gave."""

import collections
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

PLUGINS = ""


def plugin(name):
    return os.path.join(PLUGINS, f"survive_{name}.so")


class Replay(drive.Case):
    def setUp(self):
        super().setUp()
        self.lines = [f"w{i % 13}" for i in range(200)]
        self.write("in/a", "\n".join(self.lines[:120]) + "\n")
        self.write("in/b", "\n".join(self.lines[120:]) + "\n")

    def blocks(self, source, expected):
        """All blocks, added up."""
        sums = collections.Counter()
        for block in range(expected):
            for row in self.good(["replay", source, "--block", block]).decode().splitlines():
                key, value = row.split("\t")
                sums[key] += int(value)
        line = self.bad(2, "no such block", ["replay", source, "--block", expected])
        self.assertIn(f"{expected}: the input has {expected} of them", line)
        return sums

    def test_from_a_report(self):
        want = collections.Counter(self.lines)
        self.good([plugin("records"), "in", "--block", 64, "-o", "out.tsv", "--report", "r.json"], 3)
        splits = json.loads(self.read("r.json"))["input"]["splits"]
        before = self.visible()
        self.assertEqual(self.blocks("r.json", splits), want)
        self.assertEqual(self.visible(), before)  # nothing is written
        whole = self.good(["replay", "r.json", "--block=0", "--block-size", "1M"])
        self.assertEqual(whole, self.read("out.tsv"))

    def test_from_checkpoints(self):
        self.good([plugin("records"), "in", "--block", 64, "-o", "out.tsv", "--checkpoint", "ck"], 2)
        size = len(self.read("in/a")) + len(self.read("in/b"))
        self.assertEqual(self.blocks("ck", -(-size // 64)), collections.Counter(self.lines))

    def test_pairs_and_rows(self):
        self.good([plugin("records"), "--reduce", "in", "-o", "out.npy", "--report", "r.json",
                   "--overwrite", "--block", 64, "-o", "out.tsv"])
        first = self.good(["replay", "r.json", "--block", 0]).decode().splitlines()
        text = "".join(line + "\n" for line in self.lines)
        inside = [line for i, line in enumerate(self.lines)
                  if sum(len(l) + 1 for l in self.lines[:i]) < 64]
        self.assertEqual(sorted(row.split("\t")[1] for row in first), sorted(inside), text[:80])
        self.write("x.csv", "".join(f"{i},1\n" for i in range(50)))
        self.good([plugin("rows"), "x.csv", "--block", "1K", "--report", "r.json"])
        self.same(self.good(["replay", "r.json", "--block", 0]), b"rows\t50\nsum\t1225\n")

    def test_a_crash(self):
        """What a crash tells is enough to see it again, and only there."""
        self.lines[150] = "kill"
        self.write("in/b", "\n".join(self.lines[120:]) + "\n")
        job = [plugin("records"), "in", "--block", 64, "--checkpoint", "ck", "-o", "out.tsv"]
        self.assertNotEqual(self.run_mapred(job, 2, drive.AT_ONCE).code, 0)
        at = sum(len(line) + 1 for line in self.lines[:150])
        result = self.run_mapred(["replay", "ck", "--block", at // 64])
        self.assertEqual(result.code, 1)
        self.assertIn(b"SIGSEGV", result.err)
        self.assertEqual(result.out, b"")
        self.good(["replay", "ck", "--block", at // 64 - 1])

    def test_what_cannot_be(self):
        self.bad(2, "--block", ["replay", "ck"])
        self.bad(2, "the folder or the report", ["replay", "--block", 1])
        self.bad(2, "unknown argument", ["replay", "a", "b", "--block", 1])
        self.bad(2, "--block x", ["replay", "a", "--block", "x"])
        self.bad(3, "No such file", ["replay", "none", "--block", 1])
        self.write("empty.json", "{}")
        self.bad(3, "no command stands in it", ["replay", "empty.json", "--block", 1])
        self.write("torn.json", '{"command"')
        self.bad(3, "cannot replay: torn.json", ["replay", "torn.json", "--block", 1])
        self.write("gone.json", json.dumps({"command": {"app": "wordcount", "arguments": ["x"],
                                                        "folder": "/nowhere"}}))
        self.bad(3, "/nowhere", ["replay", "gone.json", "--block", 1])


if __name__ == "__main__":
    PLUGINS = os.path.abspath(sys.argv.pop(2))
    drive.main()
