"""bench/harness.py: what bench/run stands on: tools built and data made once, contenders warmed, run by
turns and checked against each other, times summed up and shown. Standard library only."""

import hashlib
import json
import os
import platform
import shlex
import shutil
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = Path(
    os.environ.get("MAPRED_BENCH_DATA")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mapred-bench"
)
TOOLS, DATA, OUT = CACHE / "tools", CACHE / "data", CACHE / "out"
MB, MIB = 1e6, 1 << 20


@dataclass
class Contender:
    """Something to run. `command` is a list, or a line for sh; {in}, {out} and {scratch} in it stand
    for the input, the file to write and an empty folder."""

    name: str
    command: object
    input: Path = None
    also: tuple = ()  # other files that it reads
    work: tuple = ()  # how much it does, and of what: shown as a rate
    clock: bool = False  # its own seconds count: the line `seconds: X` on its standard error
    output: str = ""  # what it writes by itself; else its standard output is taken
    normalise: str = "cat"  # a filter after which all outputs must be the same
    agrees: str = ""  # those with the same name here must agree; "": nobody looks
    slow: bool = False  # two repetitions, no trial
    report: bool = False  # give it --report and keep what it writes
    tree: bool = False  # its memory is that of all its processes together
    note: str = ""

    @property
    def files(self):
        return [path for path in (self.input, *self.also) if path]


@dataclass
class Mark:
    """What is held against the measurements: a ratio, a difference or a plain value, and a limit."""

    text: str
    value: object  # a function of the results by contender's name
    limit: float
    at_least: bool = False
    unit: str = "x"


@dataclass
class Result:
    contender: Contender
    seconds: list = field(default_factory=list)
    rss: int = 0
    digest: str = ""
    output_bytes: int = 0
    reports: list = field(default_factory=list)

    @property
    def median(self):
        return statistics.median(self.seconds)

    @property
    def bytes(self):
        return sum(path.stat().st_size for path in self.contender.files)

    @property
    def rate(self):
        return self.contender.work[0] / self.median if self.contender.work else None

    @property
    def pace(self):
        """Seconds per byte of input: compares runs on files of different sizes."""
        return self.median / self.bytes

    def reported(self, *path):
        """The median of a number in the reports, or None."""
        values = [dig(report, path) for report in self.reports]
        values = [v for v in values if isinstance(v, (int, float))]
        return statistics.median(values) if values else None


class Failed(Exception):
    """A contender failed, or contenders disagree: times mean nothing."""


def dig(tree, path):
    for name in path:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- tools and data ----


def compile_tool(name, source, *flags, compiler="cc", library=None):
    """The program made of a C source, compiled again only when the source, a header or the library it
    is linked with is newer."""
    target = TOOLS / name
    source = HERE / source
    files = [source, *([library] if library else [])]
    headers = [*source.parent.glob("*.h"), *(HERE.parent / "apps").glob("*.h")]
    newest = max(p.stat().st_mtime for p in [*files, *headers])
    if not target.exists() or target.stat().st_mtime < newest:
        TOOLS.mkdir(parents=True, exist_ok=True)
        command = [compiler, "-std=c17", "-D_GNU_SOURCE", "-O3", *flags, "-o", target, *files, "-lm"]
        subprocess.run(command, check=True)
    return target


def limit(name):
    """A hand-written limit, made for this very machine."""
    if name in ("mpinull", "alltoallv"):
        return compile_tool(name, f"limits/{name}.c", compiler="mpicc")
    return compile_tool(name, f"limits/{name}.c", "-march=native", "-fopenmp")


def make_data(name, generator, *arguments):
    """A file of the cache, generated on first use; its name tells all that went into it."""
    target = DATA / name
    if not target.exists():
        say(f"generating {target}")
        DATA.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        tool = compile_tool(f"gen-{generator}", f"gen/{generator}.c")
        with open(part, "wb") as out:
            subprocess.run([tool, *map(str, arguments)], stdout=out, check=True)
        part.rename(target)
    return target


def zipf_text(size, distinct=1_000_000, seed=1):
    return make_data(f"zipf-{size}-{distinct}-{seed}.txt", "zipf", size, distinct, seed)


def plain_words(words, distinct, letters, shared=0, seed=1):
    name = f"words-{words}-{distinct}-{letters}-{shared}-{seed}.txt"
    return make_data(name, "words", words, distinct, letters, shared, seed)


def station_rows(rows, seed=1):
    return make_data(f"rows-{rows}-{seed}.txt", "rows", HERE / "gen/stations.txt", rows, seed)


def records(count, seed=1):
    return make_data(f"records-{count}-{seed}.txt", "records", count, seed)


def graph(scale, edges, seed=1):
    return make_data(f"rmat-{scale}-{edges}-{seed}.txt", "rmat", scale, edges, seed)


def join_table(rows, keys, side, seed=1):
    return make_data(f"table-{rows}-{keys}-{side}-{seed}.txt", "table", rows, keys, side, seed)


def first_lines(source, size):
    """The first whole lines of a file, up to `size` bytes."""
    target = source.with_name(f"{source.stem}-first-{size}.txt")
    if not target.exists():
        with open(source, "rb") as whole, open(target.with_suffix(".part"), "wb") as part:
            left = size
            while left > 0 and (chunk := whole.read(min(left, MIB))):
                left -= len(chunk)
                part.write(chunk if left > 0 else chunk[: chunk.rfind(b"\n") + 1])
        target.with_suffix(".part").rename(target)
    return target


def internal_tool(name, build, *flags):
    """A program of this folder that uses the library's own objects, or None where they are not
    built."""
    objects = Path(build).resolve() / "src" / "libmapred-objects.a"
    if not objects.exists():
        return None
    folders = [f"-I{HERE.parent / folder}" for folder in ("include", "src")]
    return compile_tool(f"internal-{name}", f"{name}.c", *flags, *folders, compiler="mpicc", library=objects)


def find_mapred(build):
    """The program in the build folder, or None: then only the others are measured."""
    build = Path(build).resolve()
    for place in ("mapred", "src/cli/mapred", "src/mapred", "bin/mapred"):
        if os.access(build / place, os.X_OK) and (build / place).is_file():
            return build / place
    return None


# ---- running ----


def environment():
    env = dict(os.environ, LC_ALL="C")
    if os.geteuid() == 0:  # Open MPI wants to be told twice
        env.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    return env


def warm(paths, memory):
    """The inputs into the page cache, and as many fresh pages at hand as the run will touch."""
    tool = compile_tool("warm", "warm.c")
    subprocess.run([tool, str(memory), *paths], check=True)


def fill(text, contender):
    """{in}, {out} and {scratch} in a command line, which is for sh or a word by itself."""
    shell = text is contender.command
    places = {"{in}": contender.input, "{out}": OUT / "out.tsv", "{scratch}": OUT / "scratch"}
    for token, path in places.items():
        text = str(text).replace(token, shlex.quote(str(path)) if shell else str(path))
    return text


def command_of(contender):
    if isinstance(contender.command, str):
        return ["sh", "-c", fill(contender.command, contender)]
    words = [fill(word, contender) for word in contender.command]
    if contender.report:
        words[-1:-1] = ["--report", str(OUT / "report.json")]
    return words


def start(contender, stdout, stderr):
    return subprocess.Popen(
        command_of(contender),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        env=environment(),
        cwd=OUT,
    )


def own_seconds(contender):
    """What a program with a clock of its own says it took."""
    lines = (OUT / "stderr").read_text(errors="replace").splitlines()
    said = [line.split()[1] for line in lines if line.startswith("seconds: ")]
    if not said:
        raise Failed(f"{contender.name} did not say how long it took")
    return float(said[-1])


def children(pid):
    """A process and all that it started."""
    yield pid
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split():
                yield from children(int(child))
    except OSError:
        pass


def resident(pid):
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


class Watch(threading.Thread):
    """Looks again and again at how much memory a process and its children have together."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.most, self.over = pid, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.01):
            self.most = max(self.most, sum(map(resident, set(children(self.pid)))))

    def end(self):
        self.over.set()
        self.join()
        return self.most


def run_once(contender):
    """Runs it; returns seconds and peak resident bytes. The output is left in OUT."""
    shutil.rmtree(OUT, ignore_errors=True)
    (OUT / "scratch").mkdir(parents=True)
    with open(OUT / "stdout", "wb") as stdout, open(OUT / "stderr", "wb") as stderr:
        begin = time.perf_counter()
        process = start(contender, stdout, stderr)
        watch = Watch(process.pid) if contender.tree else None
        if watch:
            watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        last = (OUT / "stderr").read_text(errors="replace").strip()[-400:]
        raise Failed(f"{contender.name} failed with {process.returncode}: {last}")
    if contender.clock:
        seconds = own_seconds(contender)
    return seconds, max(usage.ru_maxrss * 1024, watch.end() if watch else 0)


def output_of(contender):
    return Path(fill(contender.output, contender)) if contender.output else OUT / "stdout"


def digest_output(contender):
    """sha256 of the normalised output, streamed: this process stays small, children inherit its peak."""
    pipe = subprocess.Popen(
        ["sh", "-c", f"( {contender.normalise} ) < {shlex.quote(str(output_of(contender)))}"],
        stdout=subprocess.PIPE,
        env=environment(),
    )
    digest = hashlib.sha256()
    while chunk := pipe.stdout.read(MIB):
        digest.update(chunk)
    if pipe.wait() != 0:
        raise Failed(f"{contender.name}: its output could not be normalised")
    return digest.hexdigest()


def read_report():
    report = OUT / "report.json"
    try:
        return json.loads(report.read_text()) if report.exists() else None
    except ValueError as error:
        raise Failed(f"the report is not JSON: {error}") from error


def examine(result):
    """Keeps the output's size, digest and report; every run must give what the first one gave."""
    contender = result.contender
    result.output_bytes = output_of(contender).stat().st_size
    if contender.agrees:
        digest = digest_output(contender)
        if result.digest not in ("", digest):
            raise Failed(f"{contender.name}: two runs gave different outputs")
        result.digest = digest
    if contender.report and (report := read_report()):
        result.reports.append(report)


def check_agreement(results):
    for group in sorted({r.contender.agrees for r in results.values()} - {""}):
        members = [r for r in results.values() if r.contender.agrees == group and r.digest]
        for other in members[1:]:
            if other.digest != members[0].digest:
                names = f"{members[0].contender.name} and {other.contender.name}"
                raise Failed(f"the outputs of {names} differ")


def try_all(contenders):
    """One unmeasured run each: do they agree, and how much memory do they touch?"""
    results = {c.name: Result(c) for c in contenders}
    for result in results.values():
        if result.contender.slow:
            continue
        _, result.rss = run_once(result.contender)
        examine(result)
        result.reports.clear()
    check_agreement(results)
    return results


def memory_to_warm(results):
    """Twice what the hungriest needed: ranks and threads add up. Never more than a quarter of all."""
    most = max((2 * r.rss for r in results.values()), default=0)
    return min(most, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4)


def measure(contenders, repeat):
    """A B C A B C ...; each run right after a warm-up. Slow ones take part in two rounds only."""
    results = try_all(contenders)
    memory = memory_to_warm(results)
    for turn in range(repeat):
        for result in results.values():
            if result.contender.slow and turn >= 2:
                continue
            warm(result.contender.files, memory)
            seconds, rss = run_once(result.contender)
            result.seconds.append(seconds)
            result.rss = max(result.rss, rss)
            examine(result)
            say(f"  {turn + 1}/{repeat} {result.contender.name}: {seconds:.3f} s")
        check_agreement(results)
    return results


# ---- showing ----


def judge(mark, results):
    """The mark as a dictionary; a value of None: somebody it needs did not run."""
    try:
        value = mark.value(results)
    except KeyError:
        value = None
    met = None
    if value is not None:
        met = value >= mark.limit if mark.at_least else value <= mark.limit
    return {
        "text": mark.text,
        "value": value,
        "limit": mark.limit,
        "at_least": mark.at_least,
        "unit": mark.unit,
        "met": met,
    }


def summarise(result):
    times = result.seconds
    return {
        "command": shlex.join(command_of(result.contender)),
        "inputs": [str(path) for path in result.contender.files],
        "input_bytes": result.bytes,
        "output_bytes": result.output_bytes,
        "repetitions": len(times),
        "seconds": times,
        "median": result.median,
        "min": min(times),
        "max": max(times),
        "spread": (max(times) - min(times)) / result.median,
        "mb_per_second": result.bytes / result.median / MB,
        "rate": result.rate,
        "unit": result.contender.work[1] if result.contender.work else "",
        "peak_rss": result.rss,
        "agrees": result.contender.agrees,
        "sha256": result.digest,
        "note": result.contender.note,
        "reported": {
            "job": result.reported("seconds"),
            "map": result.reported("phases", "map", "max"),
        },
    }


def show_table(name, what, summaries):
    print(f"\n{name}: {what}")
    print(f"  {'':34}{'median s':>9}{'min':>9}{'max':>9}{'spread':>8}{'n':>3}{'MB/s':>7}{'RSS MiB':>9}")
    for who, s in summaries.items():
        print(
            f"  {who:34}{s['median']:9.3f}{s['min']:9.3f}{s['max']:9.3f}{s['spread']:8.0%}"
            f"{s['repetitions']:3}{s['mb_per_second']:7.0f}{s['peak_rss'] / MIB:9.0f}"
        )
        if s["rate"]:
            print(f"  {'':6}{s['rate']:.3g} {s['unit']} a second")
        for what, seconds in s["reported"].items():
            if seconds is not None:
                print(f"  {'':6}{what} by its report: {seconds:.3f} s")
        if s["note"]:
            print(f"  {'':6}{s['note']}")


def show_marks(marks):
    for m in marks:
        sign = ">=" if m["at_least"] else "<="
        value = "not measured" if m["value"] is None else f"{m['value']:.3g} {m['unit']}"
        word = {None: "", True: "met", False: "MISSED"}[m["met"]]
        print(f"  {m['text']}: {value} (mark: {sign} {m['limit']:g} {m['unit']}) {word}")


def machine():
    model = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {
        "cpus": len(os.sched_getaffinity(0)),
        "model": model,
        "kernel": platform.release(),
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
