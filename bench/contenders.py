"""bench/contenders.py: what the benchmarks are made of: the setting they run in, contenders that
several of them have, and what marks are made of."""

import shutil
from dataclasses import dataclass

import harness
from harness import Contender, MIB


@dataclass
class Setting:
    """What the benchmarks are made for: the program, its build folder, the scale, whether slow tools
    get all the data."""

    mapred: object
    build: str
    scale: float
    full: bool

    def size(self, number):
        return max(1, int(number * self.scale))

    def slice(self, path, part):
        """What the slow tools get: all, or the first lines."""
        return path if self.full else harness.first_lines(path, path.stat().st_size // part)


# ---- contenders ----


def mapred(s, name, app, data, *options, ranks=0, before=(), named=False, **more):
    """No contender where there is no program: a list of one or none. `named`: options already name
    the data."""
    if not s.mapred:
        return []
    launch = ["mpirun", "-np", str(ranks)] if ranks else list(before)
    inputs = ["{in}"] if data and not named else []
    command = [*launch, s.mapred, app, "-q", *options, *inputs]
    return [Contender(name, command, data, **more)]


def limit(name, *options):
    """Threads of the limits sleep at barriers: they then do not suffer when others want a core."""
    return ["env", "OMP_WAIT_POLICY=passive", harness.limit(name), "-t", "2", *options]


def slow_tool(s, name, tool, command, whole, part, normalise, agrees):
    if not shutil.which(tool):
        return []
    data = s.slice(whole, part)
    note = "" if s.full else f"on the first {data.stat().st_size / MIB:.0f} MiB; compared by pace"
    return [Contender(name, command, data, normalise=normalise, agrees=agrees, slow=True, note=note)]


# ---- what marks are made of ----


def times(a, b):
    return lambda r: r[a].median / r[b].median


def paces(a, b):
    return lambda r: r[a].pace / r[b].pace


def rates(a, b):
    return lambda r: r[a].rate / r[b].rate


def reported(a, b, *path):
    def value(r):
        x, y = r[a].reported(*path), r[b].reported(*path)
        return x / y if x and y else None

    return value


def memory_share(name):
    """Peak resident bytes as a share of 64 MiB plus 3 times the result."""
    return lambda r: r[name].rss / (64 * MIB + 3 * r[name].output_bytes)
