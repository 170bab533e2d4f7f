"""observe/trace.py: --trace, the report's timeline and what stands beside it, -v; of real jobs."""

import collections
import json
import os
import random
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive
from drive import Case

LATE = os.path.join(os.path.abspath(sys.argv.pop()), "observe_late.so")

KINDS = {"read", "map", "fold", "exchange", "spill", "merge", "reduce", "write", "wait", "checkpoint", "task"}
NANOSECOND = 1e-3  # in microseconds
MOST_BYTES = 64 << 20
MOST_SPANS = 4096


def words(count, different=500, seed=1):
    draw = random.Random(seed)
    return " ".join(str(draw.randrange(different)) + "\n" * (i % 9 == 8) for i in range(count)) + "\n"


class Seeing(Case):
    def job(self, args, ranks=0, **more):
        """Runs a job with a trace and a report, and looks at what any trace has to be."""
        out = self.good([*args, "--trace", "t.json", "--report", "r.json"], ranks, **more)
        report = json.loads(self.read("r.json"))
        return self.events(report["seconds"], max(1, ranks)), report, out

    def events(self, seconds, ranks):
        self.assertLessEqual(len(self.read("t.json")), MOST_BYTES)
        events = json.loads(self.read("t.json"))["traceEvents"]
        spans = [event for event in events if event["ph"] == "X"]
        self.assertEqual({event["ph"] for event in events}, {"X", "M"})
        names = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
        self.assertEqual(sorted(names), list(range(ranks)))
        for rank, name in names.items():
            self.assertRegex(name, rf"^rank {rank} \(.+\)$")
        rows = collections.defaultdict(list)
        for span in spans:
            self.assertIn(span["name"], KINDS)
            rows[span["pid"], span["tid"]].append(span)
        for row in rows.values():
            self.tidy(row, seconds * 1e6)
        return spans

    def tidy(self, row, end):
        """Of one thread: few, within the job, and none begins before the last one ends."""
        self.assertLessEqual(len(row), MOST_SPANS)
        at = 0
        for span in sorted(row, key=lambda span: (span["ts"], span["dur"])):
            self.assertGreaterEqual(span["ts"], at - NANOSECOND)
            self.assertGreaterEqual(span["dur"], 0)
            at = span["ts"] + span["dur"]
        self.assertLessEqual(at, end)

    def seconds(self, spans, *kinds):
        return sum(span["dur"] for span in spans if span["name"] in kinds) / 1e6

    def agrees(self, spans, report):
        """What was traced of kernels is what was reported. Within them, threads may fold."""
        busy = sum(rank["busy"] for rank in report["ranks"])
        mapped = self.seconds(spans, "map", "reduce")
        self.assertLessEqual(mapped, busy * 1.0001 + 1e-5)
        inner = self.seconds(spans, "fold", "spill", "merge", "wait", "exchange", "checkpoint")
        self.assertGreaterEqual(mapped + inner, busy * 0.9999 - 1e-5)
        for kind in KINDS - {"wait"}:  # some of that may lie before rank 0 began
            spent = sum(rank["spent"].get(kind, 0) for rank in report["ranks"])
            self.assertAlmostEqual(self.seconds(spans, kind), spent, delta=1e-4 + spent * 1e-3)


class Traces(Seeing):
    def test_every_kind_occurs(self):
        self.write("in.txt", words(200000, 50000))
        self.good(["teragen", "--records", 300000, "-o", "tera.bin"])
        seen = collections.Counter()
        for args, ranks in (
            (["wordcount", "-t", 2, "-o", "a.tsv", "in.txt"], 3),
            (["terasort", "-t", 2, "-m", "24M", "-o", "b.bin", "tera.bin"], 2),
            (["invertedindex", "-t", 2, "-o", "c.tsv", "in.txt"], 2),
            (["nqueens", "-t", 2, "--n", 9], 2),
            (["wordcount", "--checkpoint", "ck", "--checkpoint-every", 0, "-o", "d.tsv", "in.txt"], 2),
        ):
            spans, report, _ = self.job(args, ranks)
            self.agrees(spans, report)
            self.assertGreater(self.seconds(spans, *KINDS), 0)
            for span in spans:
                seen[span["name"]] += 1
        self.assertEqual(KINDS, set(seen))

    def test_a_million_blocks(self):
        self.write("in.txt", "ab\n" * 333334)
        spans, report, out = self.job(["wordcount", "-t", 2, "--block", 1, "in.txt"])
        self.assertEqual(out, b"ab\t333334\n")
        self.assertEqual(report["input"]["splits"], 1000002)
        self.agrees(spans, report)
        folded = [span for span in spans if span.get("args", {}).get("spans", 1) > 1]
        self.assertGreater(len(folded), 10)
        told = sum(span.get("args", {}).get("spans", 1) for span in spans if span["name"] == "map")
        self.assertGreaterEqual(told, 333334)

    def test_single_spans_say_where_they_were(self):
        self.write("in.txt", words(5000))
        spans, _, _ = self.job(["wordcount", "-t", 1, "--block", "4K", "in.txt"])
        places = {span["args"]["byte"] for span in spans if "file" in span.get("args", {})}
        self.assertTrue(places and places <= set(range(os.path.getsize(self.path("in.txt")))))

    def test_no_place_for_it(self):
        self.write("in.txt", "a\n")
        os.mkdir(self.path("folder"))
        for path, ranks in (("nowhere/t.json", 0), ("folder", 0), ("nowhere/t.json", 3)):
            self.bad(4, path, ["wordcount", "--trace", path, "-o", "out.tsv", "in.txt"], ranks)
        self.assertEqual(self.visible(), ["folder", "in.txt"])

    def test_devices_and_links(self):
        self.write("in.txt", "a\n")
        self.good(["wordcount", "--trace", "/dev/null", "in.txt"])
        self.write("old.json", "old")
        os.symlink("old.json", self.path("link.json"))
        self.good(["wordcount", "--trace", "link.json", "in.txt"])
        self.assertTrue(os.path.islink(self.path("link.json")))
        self.assertIn("traceEvents", json.loads(self.read("old.json")))
        self.assertEqual(self.visible(), ["in.txt", "link.json", "old.json"])

    def test_full_disk(self):
        self.write("in.txt", "a\n")
        if os.path.exists("/dev/full"):
            self.bad(4, "/dev/full", ["wordcount", "--trace", "/dev/full", "-o", "out.tsv", "in.txt"], 2)

    def test_of_a_job_that_fails(self):
        """All ranks know of an error before they leave: the trace is written all the same."""
        self.write("in.txt", words(3000))
        self.bad(4, "out", ["wordcount", "--trace", "t.json", "-t", 2, "--block", 64, "-o", "/dev/full", "in.txt"], 3)
        spans = self.events(60, 3)
        self.assertGreater(self.seconds(spans, "map"), 0)


    def test_interrupted(self):
        """Once the job has taken more than a pipe holds it is in its map."""
        job = self.start(["wordcount", "--trace", "t.json", "-o", "out.tsv", "-"], stdin=subprocess.PIPE)
        job.stdin.write(b"some words\n" * 200000)
        job.send_signal(signal.SIGINT)
        job.communicate(timeout=60)
        self.assertEqual(job.returncode, 130)
        self.assertEqual(self.visible(), [])


class Reports(Seeing):
    def test_timeline(self):
        self.write("in.txt", words(300000))
        _, report, _ = self.job(["wordcount", "-t", 2, "--block", 64, "in.txt"], 3)
        rows = report["timeline"]
        self.assertEqual([(row["rank"], row["thread"]) for row in rows],
                         [(rank, thread) for rank in range(3) for thread in range(2)])
        for row in rows:
            self.assertLessEqual(len(row["spans"]), 200)
            at = 0
            for kind, begin, end, busy in row["spans"]:
                self.assertIn(kind, KINDS)
                self.assertGreaterEqual(begin, at - 2e-6)
                self.assertAlmostEqual(busy, end - begin, delta=2e-6)
                at = end
            self.assertLessEqual(at, report["seconds"])
        busy = sum(span[3] for row in rows for span in row["spans"] if span[0] == "map")
        self.assertAlmostEqual(busy, sum(rank["busy"] for rank in report["ranks"]), delta=2e-3)

    def test_slowest_blocks(self):
        text = words(30000)
        self.write("a.txt", text[:5000])
        self.write("b.txt", text)
        _, report, _ = self.job(["wordcount", "-t", 2, "--block", 512, "a.txt", "b.txt"], 2)
        blocks = report["slowest"]
        self.assertEqual(len(blocks), 16)
        self.assertEqual(blocks, sorted(blocks, key=lambda block: -block["seconds"]))
        starts = {"a.txt": 0, "b.txt": os.path.getsize(self.path("a.txt"))}
        for block in blocks:
            self.assertIn(block["rank"], (0, 1))
            self.assertLess(block["begin"], block["end"])
            self.assertLessEqual(block["end"], os.path.getsize(self.path(block["file"])))
            split = block["block"] * 512
            self.assertTrue(split <= starts[block["file"]] + block["begin"] < split + 512, block)

    def test_exchange(self):
        self.write("in.txt", words(100000, 20000))
        for args in (["wordcount"], ["invertedindex"]):
            _, report, _ = self.job([*args, "-t", 2, "--block", "4K", "-o", "out.tsv", "--overwrite", "in.txt"], 3)
            matrix = report["exchange"]["matrix"]
            self.assertEqual([len(row) for row in matrix], [3, 3, 3])
            self.assertEqual([sum(row) for row in matrix], [rank["bytes_sent"] for rank in report["ranks"]])
            self.assertEqual([sum(row) for row in zip(*matrix)], [rank["bytes_received"] for rank in report["ranks"]])
            self.assertEqual([matrix[i][i] for i in range(3)], [0, 0, 0])
            self.assertNotIn("nodes", report["exchange"])

    def test_waits(self):
        _, report, _ = self.job([LATE], 3)
        waits = {wait["rank"]: wait for wait in report["waits"]}
        for rank in (0, 2):
            self.assertEqual(waits[rank]["on"], 1)
            self.assertGreater(waits[rank]["seconds"], 0.3)
            self.assertLess(waits[rank]["seconds"], report["seconds"])

    def test_cost(self):
        self.write("in.txt", words(300000))
        for ranks, cores in ((0, 1), (0, 2), (2, 4)):
            _, report, _ = self.job(["wordcount", "-t", cores // max(1, ranks), "in.txt"], ranks)
            cost = report["cost"]
            self.assertEqual(cost["cores"], cores)
            self.assertTrue(0 < cost["serial_seconds"] < report["seconds"] * cores)
            beats = cost["cores_to_beat_one"]
            want = int(report["seconds"] * cores / cost["serial_seconds"]) + 1
            if beats is None:
                self.assertGreaterEqual(want + 1, cores)
            else:
                self.assertTrue(beats <= cores and abs(beats - want) <= 1 + want * 0.1, (beats, want))

    def test_without_numbers(self):
        """What nobody asks for is not there, and the result is the same."""
        self.write("in.txt", words(3000))
        want = self.good(["wordcount", "in.txt"], 2)
        _, _, out = self.job(["wordcount", "in.txt"], 2)
        self.same(out, want)


class Summaries(Case):
    def told(self, args, ranks=0):
        result = self.run_mapred([*args, "-v"], ranks)
        self.assertEqual(result.code, 0, result.err)
        return [line.removeprefix("mapred: ") for line in result.lines()]

    def test_lines(self):
        self.write("in.txt", words(100000, 20000))
        lines = self.told(["wordcount", "-t", 2, "-o", "out.tsv", "in.txt"], 3)
        first = lines.index(next(line for line in lines if line.startswith("result: ")))
        for line, begin in zip(lines[first:], ("result: 1", "time: plan ", "threads: ", "balance: rank ",
                                               "waits: rank ", "exchange: ", "peak: ", "spill: nothing", "cost: 6 threads")):
            self.assertTrue(line.startswith(begin), (line, begin))
        self.assertLessEqual(len(lines) - first, 10)

    def test_alone(self):
        """One rank of one thread: nothing about others."""
        self.write("in.txt", words(1000))
        lines = self.told(["wordcount", "-t", 1, "in.txt"])
        begins = {line.split(":")[0] for line in lines}
        self.assertTrue({"time", "threads", "peak", "cost"} <= begins)
        self.assertFalse({"balance", "waits", "exchange"} & begins, lines)

    def test_spill(self):
        self.good(["teragen", "--records", 300000, "-o", "tera.bin"])
        lines = self.told(["terasort", "-t", 1, "-m", "24M", "-o", "out.bin", "tera.bin"])
        self.assertTrue(any(line.startswith("spill: ") and "iB went to" in line for line in lines), lines)


if __name__ == "__main__":
    drive.main()
