"""drive.py: what the tests of the real binary share: starting it as a user does, alone or under
mpirun, in a folder of its own. Standard library only.

A test file ends with drive.main(); its first argument is the path of mapred.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import quick

MAPRED = ""
MPIRUN = shutil.which("mpirun") or "mpirun"

# Ranks, 0 being mapred alone, without mpirun.
RANKS = (1, 2, 3, 4)
MANY_RANKS = 16
BLOCKS = ("1", "7", "64", "4K", None)


# In the environment of runs that fail: see quick.py.
AT_ONCE = {"OMPI_MCA_" + quick.AT_ONCE[0]: quick.AT_ONCE[1]}


class Result:
    """How a run ended."""

    def __init__(self, code, out, err):
        self.code = code
        self.out = out
        self.err = err

    def lines(self):
        """What stands on stderr, but for mpirun's own remarks on a rank that failed."""
        text = re.sub(rb"(?s)(^|\n)-{60,}\n.*?\n-{60,}(?=\n|$)", b"\n", self.err)
        return [line for line in text.decode(errors="replace").split("\n") if line]


def environment(extra=None):
    """The caller's, without what could make a test depend on it."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAPRED_", "OMP_"))}
    env["LC_ALL"] = "C"
    if os.geteuid() == 0:
        env["OMPI_ALLOW_RUN_AS_ROOT"] = "1"
        env["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
    env.update(extra or {})
    return env


def command(args, ranks=0):
    start = [MPIRUN, "--oversubscribe", "-np", str(ranks)] if ranks else []
    return start + [MAPRED] + [str(arg) for arg in args]


class Case(unittest.TestCase):
    """A test with a folder of its own, which is the current one while mapred runs."""

    maxDiff = 2000
    place = quick.place()

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="mapred-test-", dir=self.place)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.cache = os.path.join(self.folder, ".cache")

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        return path

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def visible(self):
        """The names in the folder, hidden ones too, but for the cache of compiled apps."""
        return sorted(name for name in os.listdir(self.folder) if name != ".cache")

    def start(self, args, ranks=0, env=None, **more):
        """A process that runs mapred in the folder; its cache of compiled apps is there too."""
        more.setdefault("stdout", subprocess.PIPE)
        more.setdefault("stdin", subprocess.DEVNULL)
        settings = {"XDG_CACHE_HOME": self.cache}
        settings.update(env or {})
        return subprocess.Popen(
            command(args, ranks),
            stderr=subprocess.PIPE,
            env=environment(settings),
            cwd=self.folder,
            **more,
        )

    def run_mapred(self, args, ranks=0, env=None, data=None, timeout=60, **more):
        """mpirun itself crashes now and then when standard input is at its end (a fault of Open
        MPI 4.1's forwarding of it): such a run says nothing about mapred, and is made again."""
        for _ in range(3):
            result = self.run_once(args, ranks, env, data, timeout, **more)
            if result.code != -11 or b"mca_iof_hnp" not in result.err:
                break
        return result

    def perturbed(self):
        """Each test's second run, and each seventh after it, has all memory filled that malloc gives:
        what is read before it is written is wrong there. It makes many jobs three times as long."""
        self.runs = getattr(self, "runs", 0) + 1
        return {"MALLOC_PERTURB_": "165"} if self.runs % 7 == 2 else {}

    def run_once(self, args, ranks, env, data, timeout, **more):
        env = {**self.perturbed(), **(env or {})}
        if data is not None:
            more["stdin"] = subprocess.PIPE
        process = self.start(args, ranks, env, **more)
        try:
            out, err = process.communicate(data, timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            self.fail(f"no end after {timeout} s: {args} at {ranks} ranks: {err[-500:]}")
        return Result(process.returncode, out, err)

    def good(self, args, ranks=0, **more):
        """Runs what has to work, in silence, and gives what it wrote to stdout."""
        result = self.run_mapred(args, ranks, **more)
        told = (args, ranks, result.err[-1000:])
        self.assertEqual(result.code, 0, told)
        self.assertEqual(result.lines(), [], told)
        return result.out

    def bad(self, code, naming, args, ranks=0, env=None, **more):
        """Runs what has to fail: one line that names the thing, and nothing on stdout."""
        result = self.run_mapred(args, ranks, {**AT_ONCE, **(env or {})}, **more)
        told = (args, ranks, result.err[-1000:])
        self.assertEqual(result.code, code, told)
        self.assertEqual(result.out, b"", told)
        lines = result.lines()
        self.assertEqual(len(lines), 1, told)
        self.assertTrue(lines[0].startswith("mapred: "), told)
        self.assertIn(naming, lines[0], told)
        return lines[0]

    def same(self, got, want, told=""):
        """Bytes are equal; where they are not, shows where and not all of them."""
        if got == want:
            return
        at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
        near = slice(max(0, at - 40), at + 40)
        self.fail(
            f"{told}: {len(got)} bytes, not {len(want)}; at byte {at}: {got[near]!r}, not {want[near]!r}"
        )

    def everywhere(self, args, want, blocks=BLOCKS, many=False):
        """The same bytes at every number of ranks: alone with each block size, under mpirun with one
        after the other. With `many`, at all of ranks x threads, and at far too many ranks."""
        points = [(0, 1 + i % 2, block) for i, block in enumerate(blocks)]
        points += [
            (ranks, threads, blocks[(ranks + 2 * threads) % len(blocks)])
            for ranks in RANKS
            for threads in (1, 2)
            if many or (ranks + threads) % 2 == 0
        ]
        if many:
            points.append((MANY_RANKS, 1, blocks[-1]))
        self.at(points, args, want)

    def at(self, points, args, want):
        for ranks, threads, block in points:
            more = ["--threads", threads] + (["--block", block] if block else [])
            got = self.good(list(args) + more, ranks)
            self.same(got, want, f"{args} {more} at {ranks} ranks")

    def somewhere(self, args, want, blocks=BLOCKS):
        """One point of the grid, another one each time: for what is one of many in a test."""
        self.turn = getattr(self, "turn", -1) + 1
        ranks = (0, 0, 3, 0, 0, 2)[self.turn % 6]
        self.at([(ranks, 1 + self.turn % 2, blocks[self.turn % len(blocks)])], args, want)

    def briefly(self, args, want, blocks=BLOCKS):
        """Less of the grid, for inputs that are one of many."""
        points = [(0, 1 + i % 2, block) for i, block in enumerate(blocks)]
        points.append((3, 2, blocks[0]))
        self.at(points, args, want)


def escape(data):
    """A field as tsv has it."""
    for byte, letter in ((b"\\", b"\\\\"), (b"\t", b"\\t"), (b"\n", b"\\n"), (b"\r", b"\\r")):
        data = data.replace(byte, letter)
    return data


def run_tool(command_line, data=None, cwd=None):
    """What a tool of the system, run by the shell, says."""
    return subprocess.run(
        command_line,
        shell=True,
        input=data,
        cwd=cwd,
        env=environment(),
        stdout=subprocess.PIPE,
        check=False,
    ).stdout


def main():
    global MAPRED
    if len(sys.argv) < 2:
        sys.exit("the path of mapred is needed")
    MAPRED = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
