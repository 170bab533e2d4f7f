"""survive/kills.py: jobs that are killed, stopped or whose checkpoints are damaged, from outside: what
they give in the end is what they would have given undisturbed, or an error that says why not.

MR_MOMENTS: how many jobs are killed (default: 6). MR_SEED: other moments than usual. MR_JOBS: these
alone, by name.
"""

import os
import random
import re
import shutil
import signal
import struct
import sys
import time
import unittest
from dataclasses import dataclass
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

MOMENTS = int(os.environ.get("MR_MOMENTS", 6))
SEED = int(os.environ.get("MR_SEED", 1))
PATIENCE = 120  # seconds after which a test gives up
MANIFEST = re.compile(r"manifest-\d+")
# What a resumed job may say.
NOTES = re.compile(r"mapred: (resuming: |checkpoint damaged: .*: going on from the one before$|already done: )")
STOPPED, INTERRUPTED = 75, 130


@dataclass
class Job:
    """What is run; {} is the folder of the inputs."""

    name: str
    arguments: list

    def words(self, inputs):
        return [word.replace("{}", str(inputs)) for word in self.arguments]


WORDS = Job("wordcount", ["wordcount", "{}/words.txt"])
TERA = Job("terasort", ["terasort", "{}/tera"])
RANKS = Job("pagerank", ["pagerank", "--iterations", "200", "--tolerance", "0", "{}/edges.tsv"])
TREE = Job("uts", ["uts", "--tree", "t2"])
CLUSTERS = Job("kmeans", ["kmeans", "--k", "16", "--iterations", "60", "{}/points.npy"])
JOBS = [job for job in (WORDS, TERA, RANKS, TREE, CLUSTERS)
        if job.name in os.environ.get("MR_JOBS", job.name).split(",")]


def write_points(path, count, columns, some):
    head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({count}, {columns}), }}"
    head = head.ljust(117) + "\n"
    numbers = [some.gauss(i % 7, 1) for i in range(count * columns)]
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() +
                     struct.pack(f"<{len(numbers)}d", *numbers))


def make_inputs(folder):
    some = random.Random(5)
    words = [f"w{int(some.paretovariate(0.6)) % 200000}" for _ in range(50000)]
    text = "\n".join(" ".join(some.choices(words, k=10)) for _ in range(40000)) + "\n"
    (folder / "words.txt").write_text(text)
    (folder / "tera").write_bytes(some.randbytes(100 * 60000))
    edges = (f"{some.randrange(20000)}\t{some.randrange(20000)}\n" for _ in range(100000))
    (folder / "edges.tsv").write_text("".join(edges))
    write_points(folder / "points.npy", 20000, 4, some)


def setUpModule():
    Case.inputs = Path(Case.place or "/tmp") / f"mapred-kills-{os.getpid()}"
    Case.inputs.mkdir()
    unittest.addModuleCleanup(shutil.rmtree, Case.inputs)
    make_inputs(Case.inputs)


class Case(drive.Case):
    """With inputs, and results that nobody disturbed, made once for all tests."""

    inputs = None
    wanted = {}

    def undisturbed(self, job):
        """The job's result, and how long it takes."""
        if job.name not in self.wanted:
            begin = time.monotonic()
            result = self.good(job.words(self.inputs), 3)
            self.wanted[job.name] = result, time.monotonic() - begin
        return self.wanted[job.name]

    @property
    def checkpoint(self):
        return Path(self.path("cp"))

    @property
    def output(self):
        return Path(self.path("out.tsv"))

    def arguments(self, job, every=0, resume=False, more=()):
        kept = ["--checkpoint", self.checkpoint, "--checkpoint-every", every]
        return [*job.words(self.inputs), "-o", self.output, *kept, *(["--resume"] if resume else []),
                *more]

    def generations(self):
        if not self.checkpoint.exists():
            return 0
        names = filter(MANIFEST.fullmatch, os.listdir(self.checkpoint))
        return max((int(name.split("-")[1]) for name in names), default=0)

    def begin_anew(self):
        shutil.rmtree(self.checkpoint, ignore_errors=True)
        self.output.unlink(missing_ok=True)

    def wait_for(self, process, happened):
        """Until it happened, or the job has ended: whether it still runs."""
        end = time.monotonic() + PATIENCE
        while process.poll() is None and not happened():
            self.assertLess(time.monotonic(), end, "nothing happens")
            time.sleep(0.002)
        return process.poll() is None

    def finish(self, process):
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except Exception:
            process.kill()
            process.communicate()
            self.fail(f"no end: {process.args}")
        self.assertEqual(out, b"", process.args)
        return drive.Result(process.returncode, out, err)

    def said(self, result):
        return [line for line in result.lines()
                if line.startswith("mapred: ") and not NOTES.match(line)]

    def check_end(self, job, told):
        """A job that is resumed and left alone gives what it would have given undisturbed."""
        self.assertTrue(self.output.exists(), told)
        self.same(self.output.read_bytes(), self.undisturbed(job)[0], told)
        self.assertEqual(self.generations(), 0, told)


def ranks_of(process):
    """The processes that mpirun has started."""
    tasks = Path(f"/proc/{process.pid}/task")
    try:
        return [int(pid) for task in tasks.iterdir()
                for pid in (task / "children").read_text().split()]
    except OSError:
        return []


class Killed(Case):
    def kill_once(self, job, some, first):
        """One run, of which a rank is killed at some moment; whether its result is there."""
        every = some.choice((0, 0, 1))
        ranks = 3 if first else some.choice((2, 4))
        more = ["-t", some.choice((1, 2)), "--block", some.choice(("16K", "64K", "256K"))]
        process = self.start(self.arguments(job, every, not first, more), ranks)
        moment = time.monotonic() + some.uniform(0, 1.2 * self.undisturbed(job)[1])
        generation = self.generations() + some.randrange(1, 8)
        by_time = some.random() < 0.5
        if self.wait_for(process, lambda: time.monotonic() >= moment if by_time else
                         self.generations() >= generation):
            victims = ranks_of(process)
            if victims:
                try:
                    os.kill(some.choice(victims), signal.SIGKILL)
                except ProcessLookupError:
                    pass
        result = self.finish(process)
        told = (process.args, result.code, result.err[-1000:])
        if result.code == 0:
            self.check_end(job, told)
            return True
        self.assertLessEqual(len(self.said(result)), 1, told)
        if self.output.exists():  # it was killed when all was done
            self.same(self.output.read_bytes(), self.undisturbed(job)[0], told)
        return self.output.exists()

    def kill(self, job, seed):
        some = random.Random(seed)
        self.begin_anew()
        done = self.kill_once(job, some, True)
        while not done and some.random() < 0.3:
            done = self.kill_once(job, some, False)
        if done:
            return
        more = ["-t", some.choice((1, 2)), "--block", some.choice(("16K", "64K", "256K"))]
        ranks = some.choice((2, 4))
        result = self.run_mapred(self.arguments(job, 0, True, more), ranks, timeout=PATIENCE)
        told = (job.name, seed, ranks, more, result.code, result.err[-1000:])
        self.assertEqual((result.code, self.said(result)), (0, []), told)
        self.check_end(job, told)

    def test_moments(self):
        for moment in range(MOMENTS):
            with self.subTest(moment=moment):
                self.kill(JOBS[moment % len(JOBS)], SEED * 1000 + moment)


class Damaged(Case):
    """Every file of a checkpoint in every way that a disk has: never a wrong result."""

    def make(self, job, least=3):
        """A checkpoint of a few generations, of a job that was killed."""
        process = self.start(self.arguments(job, 0, False, ["-t", 1, "--block", "16K"]), 0)
        self.assertTrue(self.wait_for(process, lambda: self.generations() >= least), job.name)
        process.kill()
        self.finish(process)
        shutil.move(self.checkpoint, self.path("whole"))

    def resume(self, job, told):
        """Whether a resumed job found what it needed."""
        self.output.unlink(missing_ok=True)
        result = self.run_mapred(self.arguments(job, 60, True, ["-t", 2]))
        told = (job.name, told, result.code, result.err[-1000:])
        if result.code == 0:
            self.assertEqual(self.said(result), [], told)
            self.check_end(job, told)
            return True
        self.assertIn(result.code, (2, 3), told)
        self.assertEqual(len(self.said(result)), 1, told)
        self.assertRegex(self.said(result)[0], "checkpoint|resume", told)
        self.assertFalse(self.output.exists(), told)
        return False

    def damages(self, some):
        """Names, and what is done to a checkpoint's copy."""
        files = sorted(path.name for path in Path(self.path("whole")).iterdir() if path.is_file())
        for name in files:
            size = os.path.getsize(os.path.join(self.path("whole"), name))
            places = {0, size // 2, size - 1, some.randrange(max(size, 1))} if size else ()
            for place in sorted(places):
                yield f"bit of {name} at {place}", lambda n=name, p=place: self.flip(n, p, some)
            if size:
                cut = some.randrange(size)
                yield f"{name} cut at {cut}", lambda n=name, c=cut: os.truncate(self.checkpoint / n, c)
                yield f"{name} empty", lambda n=name: os.truncate(self.checkpoint / n, 0)
            yield f"{name} gone", lambda n=name: (self.checkpoint / n).unlink()
        for kind in ("manifest", "data"):
            same = [name for name in files if name.startswith(kind)]
            for a, b in zip(same, same[1:]):
                yield f"{a} and {b} swapped", lambda x=a, y=b: self.swap(x, y)

    def flip(self, name, place, some):
        with open(self.checkpoint / name, "r+b") as file:
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ 1 << some.randrange(8)]))

    def swap(self, a, b):
        first, second, aside = self.checkpoint / a, self.checkpoint / b, self.checkpoint / "aside"
        first.rename(aside)
        second.rename(first)
        aside.rename(second)

    def check_damage(self, job, most):
        some = random.Random(SEED)
        self.undisturbed(job)
        self.make(job)
        damages = list(self.damages(some))
        went_on = 0
        for told, damage in damages if len(damages) <= most else some.sample(damages, most):
            shutil.rmtree(self.checkpoint, ignore_errors=True)
            shutil.copytree(self.path("whole"), self.checkpoint)
            damage()
            went_on += self.resume(job, told)
        self.assertGreater(went_on, 0)

    def test_wordcount(self):
        self.check_damage(WORDS, 3 * MOMENTS)

    def test_terasort(self):
        self.check_damage(TERA, MOMENTS)

    def test_pagerank(self):
        self.check_damage(RANKS, MOMENTS)


class Changed(Case):
    """A job that is resumed is the same job: same app, options, inputs."""

    def setUp(self):
        super().setUp()
        self.words = Path(self.path("words.txt"))
        shutil.copy2(self.inputs / "words.txt", self.words)
        process = self.start(self.command("wordcount"), 0)
        self.assertTrue(self.wait_for(process, lambda: self.generations() >= 2))
        process.kill()
        self.finish(process)
        self.about = self.words.stat()

    def command(self, app, *more, inputs=("words.txt",)):
        return [app, *inputs, "-t", 1, "--block", "4K", "-o", self.output, "--checkpoint", "cp",
                "--checkpoint-every", 0, *more]

    def refused(self, code, naming, app="wordcount", *more, **rest):
        result = self.run_mapred(self.command(app, "--resume", *more, **rest))
        told = (naming, result.code, result.err)
        self.assertEqual((result.code, len(self.said(result))), (code, 1), told)
        self.assertRegex(self.said(result)[0], f"cannot resume: .*{naming}", told)
        self.assertFalse(self.output.exists())

    def test_changes(self):
        data = self.words.read_bytes()
        self.refused(2, "--sort", "wordcount", "--sort", "value")
        self.refused(2, "--top", "wordcount", "--top", "3")
        self.refused(2, "the app", "lengths")
        self.write("other.txt", data)
        self.refused(3, "other.txt", inputs=("other.txt",))
        self.refused(3, "other.txt", inputs=("words.txt", "other.txt"))
        os.utime(self.words, ns=(self.about.st_atime_ns, self.about.st_mtime_ns + 1))
        self.refused(3, "words.txt")
        self.words.write_bytes(data + b"more\n")
        os.utime(self.words, ns=(self.about.st_atime_ns, self.about.st_mtime_ns))
        self.refused(3, "words.txt")
        self.words.unlink()
        self.refused_missing()
        self.words.write_bytes(data)
        os.utime(self.words, ns=(self.about.st_atime_ns, self.about.st_mtime_ns))
        result = self.run_mapred(self.command("wordcount", "--resume", "--block", "16K"), 2)
        self.assertEqual((result.code, self.said(result)), (0, []), result.err)
        self.same(self.output.read_bytes(), self.undisturbed(WORDS)[0])

    def refused_missing(self):
        result = self.run_mapred(self.command("wordcount", "--resume"))
        self.assertEqual((result.code, len(self.said(result))), (3, 1), result.err)
        self.assertIn("words.txt", self.said(result)[0])

    def test_another_job_is_not_trampled(self):
        """A checkpoint that is there is gone on from, or replaced, if somebody says so."""
        line = self.bad(4, "checkpoint exists: cp", self.command("wordcount"))
        self.assertIn("--resume", line)

    def test_done_is_done_for_this_job_only(self):
        result = self.run_mapred(self.command("wordcount", "--resume"))
        self.assertEqual((result.code, self.said(result)), (0, []), result.err)
        self.output.unlink()
        self.refused(2, "--top", "wordcount", "--top", "3")


class Stopped(Case):
    """Signals: in good order with a checkpoint, at once without."""

    def begin(self, ranks, job=WORDS, more=()):
        """A job that has a checkpoint and is not at its end."""
        self.begin_anew()
        process = self.start(self.arguments(job, 0, False, ["-t", 1, "--block", "4K", *more]), ranks)
        if not self.wait_for(process, lambda: self.generations() >= 1):
            self.fail(f"no checkpoint: {process.args} {process.communicate()}")
        return process

    def finish_resumed(self, job, ranks):
        result = self.run_mapred(self.arguments(job, 60, True), ranks)
        self.assertEqual((result.code, self.said(result)), (0, []), result.err)
        self.check_end(job, ranks)

    def check_stop(self, number, ranks, job):
        process = self.begin(ranks, job)
        process.send_signal(number)
        result = self.finish(process)
        told = (number, ranks, job.name, result.code, result.err)
        self.assertEqual(result.code, STOPPED, told)
        lines = self.said(result)
        self.assertEqual(len(lines), 1, told)
        self.assertRegex(lines[0], f"stopped: {number.name}: .*--resume", told)
        self.assertFalse(self.output.exists(), told)
        self.assertGreater(self.generations(), 0, told)
        self.finish_resumed(job, 2 if ranks == 0 else 0)

    def test_alone(self):
        for number, job in ((signal.SIGTERM, WORDS), (signal.SIGUSR1, WORDS), (signal.SIGTERM, TERA),
                            (signal.SIGUSR1, RANKS)):
            with self.subTest(signal=number.name, job=job.name):
                self.check_stop(number, 0, job)

    def test_mpirun_forwards(self):
        self.check_stop(signal.SIGUSR1, 3, WORDS)

    def test_interrupt(self):
        """mpirun has a code of its own when it is told to end, by SIGTERM too, and kills its ranks
        after a second, whether or not they have come to an end."""
        for number, ranks in ((signal.SIGINT, 0), (signal.SIGINT, 3), (signal.SIGTERM, 3)):
            process = self.begin(ranks)
            process.send_signal(number)
            result = self.finish(process)
            self.assertEqual(result.code == INTERRUPTED if ranks == 0 else result.code != 0, True,
                             (number, ranks, result.code, result.err))
            if not self.output.exists():  # it may have been at its very end
                self.finish_resumed(WORDS, 0)
            self.check_end(WORDS, ranks)

    def test_nothing_twice(self):
        """Who is told to end while he stops in good order ends at once, and loses nothing."""
        process = self.begin(0)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.25)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        result = self.finish(process)
        self.assertIn(result.code, (STOPPED, INTERRUPTED, -signal.SIGTERM), result.err)
        self.finish_resumed(WORDS, 3)


if __name__ == "__main__":
    drive.main()
