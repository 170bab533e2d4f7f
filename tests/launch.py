"""tests/launch.py: starts mapred as a user would, alone or under mpirun, and tells what came of it.

For tests that are scripts. Only the standard library; nothing here knows what a test is about.
"""

import os
import re
import resource
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import quick

# What Open MPI itself says when ranks end with a code other than zero, or it lost a race while it
# started its daemons or closed a pipe of a rank that had ended; and nothing else.
CHATTER = [
    r"-{20,}",
    r"\s*",
    r"Primary job  terminated normally, but \d+ process returned",
    r"a non-zero exit code\. Per user-direction, the job has been aborted\.",
    r"mpirun detected that one or more processes exited with non-zero status, thus causing",
    r"the job to be terminated\. The first process to do so was:",
    r"  Process name: \[\[\d+,\d+\],\d+\]",
    r"  Exit code:    \d+",
    r"mpirun noticed that process rank \d+ with PID \d+ on node \S+ exited on signal \d+ \(.*\)\.",
    r"MPI_ABORT was invoked on rank \d+ in communicator MPI_COMM_WORLD",
    r"with errorcode \d+\.",
    r"NOTE: invoking MPI_ABORT causes Open MPI to kill all MPI processes\.",
    r"You may or may not see output from other processes, depending on",
    r"exactly when Open MPI kills them\.",
    r"\[warn\] Epoll \w+\(\d+\) on fd \d+ failed\..*",
    r"\[\S+:\d+\] plm:rsh: Warning: setpgid\(.*\) failed in parent with .*",
]
IS_CHATTER = re.compile("|".join(f"(?:{line})" for line in CHATTER))

# Options of mpirun for runs that fail: see quick.py.
AT_ONCE = ["--mca", *quick.AT_ONCE]

# Writes down how the rank ended: mpirun tells only the first code that is not zero.
RECORD = '"$@"; code=$?; ' \
         'echo $code > "$MR_RECORD/code.$OMPI_COMM_WORLD_RANK"; exit $code'


@dataclass
class Run:
    """How a run ended: its code, the ranks' codes, stdout, and stderr without mpirun's chatter."""

    command: list
    code: int
    codes: dict
    out: bytes
    err: list
    hung: bool = False

    @property
    def messages(self):
        return [line for line in self.err if line.startswith("mapred: ")]

    def __str__(self):
        shown = "\n    ".join(self.err[:40])
        return (f"command: {' '.join(map(str, self.command))}\n  code {self.code}, of ranks "
                f"{self.codes}, {'HUNG, ' if self.hung else ''}{len(self.out)} bytes on stdout\n"
                f"    {shown}")


@dataclass
class Launch:
    """A command and where it is started. `ranks` 0: without mpirun. `watched`: mpirun leaves the
    ranks alone when one ends with an error, so that the codes of all can be compared."""

    program: str
    ranks: int = 0
    watched: bool = False
    environment: dict = field(default_factory=dict)
    of_rank: dict = field(default_factory=dict)  # rank: {name: value}
    mpirun: list = field(default_factory=list)
    folder: Path = None

    def context(self, count, more, arguments):
        pairs = {**self.environment, **more}
        exports = [part for name, value in pairs.items() for part in ("-x", f"{name}={value}")]
        wrapper = ["sh", "-c", RECORD, "sh"] if self.watched else []
        return ["-np", str(count), *exports, *wrapper, self.program, *map(str, arguments)]

    def command(self, arguments):
        if self.ranks == 0:
            return [self.program, *map(str, arguments)]
        launcher = ["mpirun", "--oversubscribe", *self.mpirun]
        if self.watched:
            launcher += ["--mca", "orte_abort_on_non_zero_status", "0"]
        parts, plain = [], 0
        for rank in range(self.ranks + 1):
            special = rank in self.of_rank
            if plain and (special or rank == self.ranks):
                parts.append(self.context(plain, {}, arguments))
                plain = 0
            if special:
                parts.append(self.context(1, self.of_rank[rank], arguments))
            elif rank < self.ranks:
                plain += 1
        joined = parts[0]
        for part in parts[1:]:
            joined = [*joined, ":", *part]
        return launcher + joined

    def start(self, arguments, record):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAPRED_", "OMP_"))}
        env = {**kept, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
               "LC_ALL": "C", "MR_RECORD": record}
        if self.ranks == 0:
            env.update(self.environment, **self.of_rank.get(0, {}))
        return subprocess.Popen(self.command(arguments), env=env, cwd=self.folder,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def finish(self, process, record, timeout=30):
        hung = False
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            hung = True
            process.terminate()  # mpirun then ends its ranks
            try:
                out, err = process.communicate(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
        lines = err.decode(errors="replace").splitlines()
        codes = {int(path.suffix[1:]): int(path.read_text() or -1)
                 for path in sorted(Path(record).glob("code.*"))}
        return Run(process.args, process.returncode, codes, out,
                   [line for line in lines if not IS_CHATTER.fullmatch(line)], hung)

    def run(self, *arguments, timeout=30):
        with tempfile.TemporaryDirectory() as record:
            return self.finish(self.start(arguments, record), record, timeout)


def no_core_files():
    """A crash that leaves a core file ends by its signal: not what is looked at here."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
