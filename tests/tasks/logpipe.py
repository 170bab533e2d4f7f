"""tasks/logpipe.py: requests out of log files against the same in Python, with files whose lines end
anywhere, and lines that are none."""

import datetime
import json
import os
import random
import re
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

LINE = re.compile(
    rb'([^ ]+) [^ ]+ [^ ]+ \[((?:[^\]\\]|\\.)*)\] "((?:[^"\\]|\\.)*)" (\d\d\d) (\d+|-)(?: .*)?', re.S
)
PATHS = ("/", "/index.html", "/a/b?c=d", "/img/1.png", "/" + "x" * 300, '/q\\"u', "/tab\there")
STATUS = (200, 200, 200, 301, 404, 500, 503)


def moment(text):
    when = datetime.datetime.strptime(text.decode(), "%d/%b/%Y:%H:%M:%S %z")
    return when.timestamp()


def make_line(some, number):
    when = datetime.datetime(
        2000, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=some.choice((-7, 0, 5.5))))
    ) + datetime.timedelta(seconds=number * 97)
    size = some.choice(("-", some.randrange(100000)))
    line = (
        f"10.0.{some.randrange(256)}.{some.randrange(256)} - {some.choice(('-', 'anna'))} "
        f'[{when:%d/%b/%Y:%H:%M:%S %z}] "{some.choice(("GET", "POST"))} {some.choice(PATHS)} HTTP/1.1" '
        f"{some.choice(STATUS)} {size}"
    )
    if some.random() < 0.5:
        line += ' "http://a.b/" "Mozilla (X; Y)"'
    if some.random() < 0.1:
        line = some.choice(("", "nothing", line[: some.randrange(len(line))], line.replace('"', "")))
    return line.encode()


def make_log(seed, count):
    some = random.Random(seed)
    ends = [b"\r\n" if some.random() < 0.05 else b"\n" for _ in range(count)]
    text = b"".join(make_line(some, i) + end for i, end in enumerate(ends))
    return text if seed % 2 else text.rstrip(b"\r\n")


def lines_of(data):
    lines = data.split(b"\n")
    return lines[:-1] if lines and not lines[-1] else lines


def oracle(logs, keep=lambda fields: True):
    rows, malformed, count = [], 0, 0
    for line in (line for log in logs for line in lines_of(log)):
        count += 1
        match = LINE.fullmatch(line[:-1] if line.endswith(b"\r") else line)
        if not match:
            malformed += 1
        elif keep(match.groups()):
            rows.append(b"\t".join(drive.escape(field) for field in match.groups()) + b"\n")
    return rows, malformed, count


class Logpipe(drive.Case):
    def logs(self, *counts):
        logs = [make_log(seed, count) for seed, count in enumerate(counts)]
        for number, log in enumerate(logs):
            self.write(f"logs/{number}.log", log)
        return logs, [f"logs/{number}.log" for number in range(len(logs))]

    def test_same_everywhere(self):
        logs, names = self.logs(30, 0, 9000, 1, 4000)
        rows, malformed, count = oracle(logs)
        self.assertGreater(malformed, 100)
        for ranks, threads in ((0, 1), (0, 2), (2, 1), (3, 2), (4, 1)):
            more = ["-t", threads, "--report", "r.json", *names]
            got = self.good(["logpipe", *more], ranks)
            self.same(got, b"".join(rows), (ranks, threads))
            counters = json.loads(self.read("r.json"))["counters"]
            self.assertEqual(counters["lines"], count)
            self.assertEqual(counters["malformed"], malformed)
            self.assertEqual(counters["kept"], len(rows))

    def test_what_is_asked_for(self):
        logs, names = self.logs(50, 3000)
        since, until = "2000-01-02T12:00:00", "2000-01-04"
        limits = [
            datetime.datetime.fromisoformat(t).replace(tzinfo=datetime.timezone.utc).timestamp()
            for t in (since, until)
        ]
        cases = (
            (["--status", "404"], lambda f: f[3] == b"404"),
            (["--status", "5xx"], lambda f: f[3][:1] == b"5"),
            (["--path", "/img"], lambda f: f[2].split(b" ")[1].startswith(b"/img")),
            (["--since", since], lambda f: limits[0] <= moment(f[1])),
            (
                ["--since", since, "--until", until, "--status", "200"],
                lambda f: limits[0] <= moment(f[1]) < limits[1] and f[3] == b"200",
            ),
        )
        for options, keep in cases:
            want = b"".join(oracle(logs, keep)[0])
            self.assertTrue(want)
            self.same(self.good(["logpipe", *options, "-t", 2, *names]), want, options)

    def test_through(self):
        logs, _ = self.logs(5000, 3000)
        rows = oracle(logs)[0]
        command = "cut -f 4 | sort | uniq -c"
        want = subprocess.run(["sh", "-c", command], input=b"".join(rows), capture_output=True).stdout
        for ranks in (0, 2):
            args = ["logpipe", "--through", command, "-o", "out.tsv", "--overwrite", "logs"]
            self.good(args, ranks)
            self.same(self.read("out.tsv"), want)
        self.same(self.good(["logpipe", "--through", "head -n 3", "logs/*.log"]), b"".join(rows[:3]))

    def test_long_lines(self):
        """Over several ranges, and nothing but."""
        line = b'h - - [01/Jan/2000:00:00:00 +0000] "GET /%s HTTP/1.0" 200 5'
        log = b"\n".join(line % (b"y" * size) for size in (5, 700000, 10, 300000, 3)) + b"\n"
        self.write("long.log", log + b"x" * 600000)
        rows, malformed, _ = oracle([log + b"x" * 600000])
        self.assertEqual(malformed, 1)
        for ranks in (0, 3):
            self.same(self.good(["logpipe", "-t", 2, "long.log"], ranks), b"".join(rows))

    def test_what_fails(self):
        _, names = self.logs(1000)
        self.write("packed.log", b"\x1f\x8b" + b"0" * 100)
        for ranks in (0, 2):
            self.bad(3, "none.log", ["logpipe", names[0], "none.log"], ranks)
        self.bad(3, "packed.log", ["logpipe", "packed.log"])
        self.bad(3, "none*", ["logpipe", "none*"])
        self.bad(2, "--status", ["logpipe", "--status", "4", names[0]])
        self.bad(2, "--since", ["logpipe", "--since", "yesterday", names[0]])
        self.bad(1, "through", ["logpipe", "--through", "cat >/dev/null; exit 7", names[0]])
        self.assertNotIn("out.tsv", self.visible())
        self.bad(1, "code 7", ["logpipe", "--through", "exit 7", "-o", "out.tsv", names[0]])
        self.assertNotIn("out.tsv", self.visible())


if __name__ == "__main__":
    sys.argv.pop()
    drive.main()
