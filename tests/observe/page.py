"""observe/page.py: mapred report: the page of made-up reports of all sizes and of real jobs, as HTML and as
what a user gets who asks for it in the wrong way. What it looks like is for browser.py."""

import html.parser
import json
import os
import re
import stat
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive
import madeup
from drive import Case

VOID = {"meta", "br", "hr", "img", "input", "link"}
SECTIONS = ["next", "time", "timeline", "balance", "exchange", "memory", "slowest", "keys", "tasks", "graphs",
            "pipelines", "shared", "counters", "bad", "ranks", "rest"]


class Page(html.parser.HTMLParser):
    """What stands in a page: that each element ends, its sections, its texts, its data."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.wrong, self.ids, self.links = [], [], [], []
        self.text, self.data, self.scripts, self.rows = [], "", 0, 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        if len(told) != len(attrs):
            self.wrong.append(f"an attribute twice: {tag} {attrs}")
        if tag not in VOID:
            self.open.append((tag, told))
        self.rows += tag == "tr"
        self.scripts += tag == "script"
        self.ids += [told["id"]] if "id" in told else []
        self.links += [told[name] for name in ("href", "src") if name in told]
        if any(name.startswith("on") for name in told):
            self.wrong.append(f"a handler: {tag} {attrs}")

    def handle_startendtag(self, tag, attrs):
        if tag != "path":
            self.wrong.append(f"<{tag}/>")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop()[0] != tag:
            self.wrong.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data):
        if self.open and self.open[-1][1].get("id") == "report":
            self.data += data
        elif not self.open or self.open[-1][0] not in ("script", "style"):
            self.text.append(data)

    def words(self):
        return " ".join(" ".join(self.text).split())


class Looking(Case):
    def page(self, report, more=()):
        """Makes the page of a report and looks at what any page has to be."""
        self.write("r.json", json.dumps(report) if isinstance(report, dict) else report)
        self.assertEqual(self.good(["report", "r.json", "-o", "p.html", *more]), b"")
        raw = self.read("p.html")
        text = raw.decode("utf-8")
        page = Page(text)
        self.assertEqual(page.wrong, [])
        self.assertEqual(page.open, [])
        self.assertTrue(text.startswith("<!DOCTYPE html>\n<html lang=\"en\">"))
        self.assertNotRegex(text.split("<script type=", 1)[0], r"https?://|@import|url\(")
        self.assertNotRegex(text.rsplit("<script>", 1)[1], r"https?://|fetch|XMLHttp|import\(")
        self.assertEqual(page.scripts, 2)
        self.assertEqual(len(set(page.ids)), len(page.ids))
        for link in page.links:
            self.assertTrue(link.startswith("#") and link[1:] in page.ids, link)
        self.assertIsNone(re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text))
        page.size = len(raw)
        page.sections = [name for name in SECTIONS if name in page.ids]
        return page


class Pages(Looking):
    def test_all_parts(self):
        report = madeup.report(4, 2)
        report["later"] = {"a": [1, 2, {"b": "<i>"}]}
        page = self.page(report)
        self.assertEqual(page.sections, SECTIONS)
        data = dict(report)
        if page.size > 100000:
            data.pop("timeline")
        self.assertEqual(json.loads(page.data), data)
        words = page.words()
        for told in ("Rank 1 waited 41% of the time on rank 3", "One key has 38% of the pairs: the",
                     "812 MiB went to scratch disks", "2 cores would do", "12 bad records", "12.5 s",
                     "4 8 threads on 2 hosts", "data/part-00000.txt", "<b>of</b>", "123,456,789",
                     "mapred wordcount -o out.tsv", "</script><script>alert(1)", "?\u2401'\"&"):
            self.assertIn(told, words)

    def test_sizes(self):
        for ranks, threads in ((1, 1), (64, 8)):
            report = madeup.report(ranks, threads)
            page = self.page(report)
            self.assertLess(page.size, 300 << 10)
            data = json.loads(page.data)
            self.assertEqual(data, {name: report[name] for name in data})
            left_out = set(report) - set(data)
            self.assertEqual(left_out, {"timeline", "exchange"} if ranks == 64 else set())
            for name in left_out:
                self.assertRegex(page.words(), f"but for what is large: .*{name}")

    def test_too_many(self):
        """A thousand ranks: the page stays small, and says what it leaves out."""
        report = madeup.report(1000, 2, count=3)
        report["exchange"]["matrix"] = [row[:16] for row in report["exchange"]["matrix"][:16]]
        report["exchange"]["nodes"] = [f"node{i}" for i in range(16)]
        page = self.page(report)
        self.assertLess(page.size, 300 << 10)
        self.assertIn("Of 1,000 ranks, the 32 with most and the 32 with least time in kernels are shown",
                      page.words())
        self.assertIn("node15", page.words())

    def test_older(self):
        """As the first version told it; and hardly anything."""
        report = madeup.report(4, 2, old=True)
        page = self.page(report)
        self.assertEqual(page.sections,
                         ["next", "time", "balance", "exchange", "memory", "keys", "counters", "ranks"])
        self.assertEqual(json.loads(page.data), report)
        page = self.page({"mapred": "0.1.0", "app": None, "seconds": None})
        self.assertEqual(page.sections, ["next"])
        self.assertIn("Nothing stands out", page.words())

    def test_each_part_missing(self):
        """And each of them of another kind."""
        whole = madeup.report(2, 1, count=5)
        for name in whole:
            if name == "seconds":
                continue
            for other in (None, 7, [], [[]], {"bytes": {}}):
                report = dict(whole)
                report[name] = other
                self.write(f"{name}-{len(os.listdir(self.folder))}.json", json.dumps(report))
        names = [name for name in self.visible() if name.endswith(".json")]
        code = "set -e; for file; do %s report \"$file\" | tail -1; done" % drive.MAPRED
        done = subprocess.run(["sh", "-c", code, "sh", *names], cwd=self.folder, capture_output=True,
                                    check=False, env=drive.environment())
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual(done.stdout, b"</html>\n" * len(names))

    def test_bytes(self):
        """What is not UTF-8 is shown as question marks."""
        raw = json.dumps(madeup.report(2, 1, old=True)).encode()
        page = self.page(raw.replace(b'"the"', b'"th\xff\xfe\xc3\xbc"'))
        self.assertIn("th??\u00fc", page.words())

    def test_stdout(self):
        self.write("r.json", json.dumps(madeup.report(2, 1)))
        self.good(["report", "r.json", "-o", "p.html"])
        page = self.read("p.html")
        self.assertEqual(self.good(["report", "r.json"]), page)
        self.assertEqual(self.good(["report", "-"], data=self.read("r.json")), page)
        self.assertEqual(self.good(["report", "r.json"], 3), page)
        self.assertEqual(self.good(["report", "r.json", "--output", "/dev/stdout"]), page)
        for option in ("-oq.html", "--output=q.html"):
            self.good(["report", option, "r.json"])
            self.assertEqual(self.read("q.html"), page)
            os.remove(self.path("q.html"))

    def test_replaced(self):
        """Whole or not at all, and with the rights of any new file."""
        self.write("r.json", json.dumps(madeup.report(2, 1)))
        self.write("p.html", "old")
        os.symlink("p.html", self.path("link.html"))
        self.good(["report", "r.json", "-o", "link.html"])
        self.assertTrue(os.path.islink(self.path("link.html")))
        self.assertTrue(self.read("p.html").endswith(b"</html>\n"))
        self.assertEqual(stat.S_IMODE(os.stat(self.path("p.html")).st_mode) & 0o111, 0)
        self.assertEqual(self.visible(), ["link.html", "p.html", "r.json"])

    def test_usage(self):
        self.write("r.json", json.dumps(madeup.report(2, 1)))
        self.bad(2, "no report given", ["report"])
        self.bad(2, "too many files: s.json", ["report", "r.json", "s.json"])
        self.bad(2, "unknown option: --html", ["report", "r.json", "--html"])
        self.bad(2, "option needs a value: -o", ["report", "r.json", "-o"])
        self.bad(2, "page is the report: r.json", ["report", "r.json", "-o", "./r.json"])
        self.assertIn(b"mapred report FILE.json", self.good(["help", "report"]))

    def test_malformed(self):
        self.bad(3, "cannot read report: none.json: No such file", ["report", "none.json", "-o", "p.html"])
        self.bad(3, "cannot read report: .: Is a directory", ["report", "."])
        self.write("cut.json", '{"seconds": 1, "ran')
        self.bad(3, "not JSON: cut.json at byte 19", ["report", "cut.json", "-o", "p.html"])
        self.write("empty.json", "")
        self.bad(3, "not JSON: empty.json at byte 0", ["report", "empty.json", "-o", "p.html"])
        self.write("list.json", "[]")
        self.bad(3, "no report: list.json", ["report", "list.json", "-o", "p.html"])
        self.write("trace.json", '{"traceEvents": []}')
        self.bad(3, "it is a trace", ["report", "trace.json"])
        self.write("deep.json", "[" * 100000)
        self.bad(3, "not JSON: deep.json", ["report", "deep.json"])
        self.assertNotIn("p.html", self.visible())

    def test_output(self):
        self.write("r.json", json.dumps(madeup.report(2, 1)))
        os.mkdir(self.path("folder"))
        self.bad(4, "cannot write page: folder", ["report", "r.json", "-o", "folder"])
        self.bad(4, "cannot write page: no/p.html: No such file", ["report", "r.json", "-o", "no/p.html"])
        self.bad(4, "cannot write page: /dev/full: No space", ["report", "r.json", "-o", "/dev/full"])
        with open("/dev/full", "wb") as full:
            self.assertEqual(self.run_mapred(["report", "r.json"], stdout=full).code, 4)
        self.assertEqual(self.visible(), ["folder", "r.json"])


class Jobs(Looking):
    """Pages of jobs that were really run."""

    def job(self, args, ranks, told):
        self.run_mapred([*args, "--report", "job.json"], ranks)
        page = self.page(self.read("job.json"))
        for section in ("next", "time", "memory", "ranks", *told):
            self.assertIn(section, page.ids)
        data = json.loads(self.read("job.json"))
        kept = json.loads(page.data)
        self.assertEqual(kept, {name: data[name] for name in kept})
        return page

    def test_jobs(self):
        self.write("in.txt", "".join(f"w{i % 700} w{i % 31} the\n" for i in range(60000)))
        self.write("p.csv", "x,y\n" + "".join(f"{i % 7},{i % 11}\n" for i in range(2000)))
        self.write("a.log", "".join(f'1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET /x{i} HTTP/1.0" 200 {i}\n'
                                    for i in range(500)))
        page = self.job(["wordcount", "in.txt", "-t", "2", "-o", "out.tsv"], 3,
                        ["timeline", "balance", "exchange", "slowest"])
        self.assertIn("in.txt", page.words())
        self.job(["teragen", "--records", "3000", "-o", "t.bin"], 2, [])
        self.job(["terasort", "t.bin", "-o", "s.bin", "--overwrite"], 3, ["exchange", "slowest"])
        self.job(["kmeans", "--k", "3", "p.csv"], 2, ["counters"])
        self.job(["squares", "1", "2", "3"], 2, ["tasks"])
        self.job(["nqueens", "--n", "6"], 2, ["tasks"])
        self.job(["delayed"], 2, ["graphs", "tasks"])
        self.job(["logpipe", "a.log"], 2, ["pipelines", "counters"])
        self.job(["join", "--left", "p.csv", "--right", "p.csv"], 0, ["time"])


if __name__ == "__main__":
    drive.main()
