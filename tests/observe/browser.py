"""observe/browser.py: pages of reports in a real browser, headless, with no network: no error, nothing that
asks for more than the page, nothing wider than a phone, a dark mode, a picture. Skips where there is no
Chromium. Each start of it takes a second or two: all pages are looked at in one."""

import html
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import zlib

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive
import madeup
from drive import Case

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
           "--hide-scrollbars", "--disable-extensions", "--disable-background-networking",
           "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr"]
DARK = "--blink-settings=preferredColorScheme=0"
SIZE = (600, 700)

# Within each page: what goes wrong is kept for whoever looks.
KEEP = """<script>window.wrong = [];
window.addEventListener("error", function (e) { wrong.push(String(e.message || e.target.src)); }, true);
</script>"""

# Around the pages: asks each of them, when all are there.
ASK = """
function visible(page, name) { return getComputedStyle(page.querySelector(name)); }
function light(color) {
  var part = color.match(/[0-9.]+/g).slice(0, 3).map(function (v) {
    v /= 255; return v <= 0.03928 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4); });
  return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2];
}
function contrast(a, b) { a = light(a); b = light(b); return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); }
function least(page) {
  var ground = getComputedStyle(page.body).backgroundColor;
  return Math.min.apply(null, ["h1", ".caption", "td.n", ".advice li", "nav a", "dt"].map(function (name) {
    var found = page.querySelector(name);
    return found ? contrast(getComputedStyle(found).color, ground) : 21; }));
}
function point(page, where) {
  var drawing = page.querySelector(where + " svg");
  if (!drawing) return null;
  drawing.scrollIntoView();
  var place = drawing.getBoundingClientRect(), readout = page.querySelector("#" + drawing.closest("section").id + " .readout");
  var at = { bubbles: true, clientX: place.left + place.width * 0.3, clientY: place.top + place.height * 0.7 };
  var target = page.elementFromPoint(at.clientX, at.clientY);
  target.dispatchEvent(new PointerEvent("pointermove", at));
  return readout.textContent;
}
function sorted(page) {
  var table = page.querySelector("#slowest table"), cells = function () {
    return Array.from(table.tBodies[0].rows).map(function (row) { return row.cells[2].textContent; }); };
  if (!table) return null;
  var button = table.tHead.rows[0].cells[2].querySelector("button");
  button.click();
  var down = cells();
  button.click();
  return [down, cells()];
}
function look(frame) {
  var page = frame.contentDocument, root = page.documentElement;
  return { name: frame.title, wrong: frame.contentWindow.wrong, width: root.clientWidth, needs: root.scrollWidth,
    body: page.body.scrollWidth, sections: page.querySelectorAll("section").length,
    ground: getComputedStyle(page.body).backgroundColor, ink: getComputedStyle(page.body).color,
    contrast: least(page), asked: frame.contentWindow.performance.getEntriesByType("resource").length,
    timeline: point(page, ".timeline"), heat: point(page, ".heat"), sorted: sorted(page),
    button: page.querySelectorAll("footer button").length };
}
window.addEventListener("load", function () {
  document.getElementById("told").textContent = JSON.stringify(Array.from(document.querySelectorAll("iframe")).map(look));
});
"""


def pixels(png):
    """Rows of a PNG as bytes, and how many of them make a pixel."""
    at, packed, width, step = 8, b"", 0, 0
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at:at + 8])
        data = png[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, _, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", data)
            assert (depth, interlaced) == (8, 0) and colour in (2, 6)
            step = 3 if colour == 2 else 4
        packed += data if kind == b"IDAT" else b""
        at += 12 + size
    return list(unfiltered(zlib.decompress(packed), width * step, step)), step


def unfiltered(data, size, step):
    above = bytearray(size)
    for at in range(0, len(data), size + 1):
        kind, row = data[at], bytearray(data[at + 1:at + 1 + size])
        for i in range(size if kind else 0):
            left, up = row[i - step] if i >= step else 0, above[i]
            corner = above[i - step] if i >= step else 0
            if kind == 4:
                guess = min((abs(up - corner), 0, left), (abs(left - corner), 1, up),
                            (abs(left + up - 2 * corner), 2, corner))[2]
            else:
                guess = (0, left, up, (left + up) // 2)[kind]
            row[i] = (row[i] + guess) & 255
        yield row
        above = row


class Browser(Case):
    def setUp(self):
        super().setUp()
        if not BROWSER:
            self.skipTest("needs chromium")

    def make(self, name, **how):
        self.write("r.json", json.dumps(madeup.report(**how)))
        self.good(["report", "r.json", "-o", name])
        return self.read(name).decode()

    def browse(self, *args):
        """Without a network, by a namespace of its own where that may be; else by its options."""
        apart = ["unshare", "-rn"] if shutil.which("unshare") else []
        if apart and subprocess.run([*apart, "true"], capture_output=True, check=False).returncode != 0:
            apart = []
        done = subprocess.run([*apart, BROWSER, *OPTIONS, "--user-data-dir=" + self.path("profile"), *args],
                              cwd=self.folder, capture_output=True, timeout=90, check=False,
                              env={**os.environ, "HOME": self.folder})
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        self.assertEqual([line for line in done.stderr.decode(errors="replace").splitlines()
                          if "CONSOLE" in line and "source: chrome:" not in line], [])
        return done.stdout.decode()

    def ask(self, pages, *args):
        """What each page says of itself in a frame of that width."""
        frames = "".join(f'<iframe title="{name}" width="{width}" height="800" srcdoc="'
                         f'{html.escape(text.replace("<head>", "<head>" + KEEP, 1))}"></iframe>'
                         for name, width, text in pages)
        self.write("all.html", f"<!DOCTYPE html><meta charset=utf-8><body>{frames}<pre id=told></pre>"
                               f"<script>{ASK}</script>")
        shown = self.browse("--virtual-time-budget=20000", "--dump-dom", *args, "file://" + self.path("all.html"))
        told = re.search(r'<pre id="told">(.*?)</pre>', shown, re.S)[1]
        return {page["name"]: page for page in json.loads(html.unescape(told))}

    def test_pages(self):
        made = {"one": self.make("one.html", ranks=1, threads=1), "middle": self.make("middle.html"),
                "large": self.make("large.html", ranks=64, threads=8), "old": self.make("old.html", old=True)}
        told = self.ask([(f"{name} {width}", width, text) for name, text in made.items() for width in (360, 1100)])
        self.assertEqual(len(told), 8)
        for name, page in told.items():
            self.looks_well(name, page)
            self.assertEqual((page["ground"], page["ink"]), ("rgb(255, 255, 255)", "rgb(27, 33, 39)"))
        self.assertRegex(told["middle 1100"]["timeline"], r"^rank 0\.0 at 3\.7\d s: [a-z]+$")
        self.assertRegex(told["large 360"]["timeline"], r"^rank 0 at 3\.7\d s: [a-z]+$")
        self.assertRegex(told["large 1100"]["heat"], r"^from 44 to 19: up to \d+% of the most$")
        self.assertIsNone(told["old 360"]["timeline"])
        numbers = [int(text.replace(",", "")) for text in told["one 1100"]["sorted"][0]]
        self.assertEqual(numbers, sorted(numbers, reverse=True))
        self.assertEqual(told["one 1100"]["sorted"][1], told["one 1100"]["sorted"][0][::-1])
        self.in_the_dark(made["middle"])

    def looks_well(self, name, page):
        self.assertEqual(page["wrong"], [], name)
        self.assertEqual(page["asked"], 0, name)
        self.assertLessEqual(max(page["needs"], page["body"]), page["width"], name)
        self.assertGreaterEqual(page["contrast"], 4.5, name)
        self.assertGreater(page["sections"], 5, name)
        self.assertEqual(page["button"], 1, name)

    def in_the_dark(self, text):
        self.make("phone.html")
        light = self.picture("light.png")
        dark = self.picture("dark.png", DARK)
        for (rows, step), ground in ((light, 255), (dark, 20)):
            self.assertEqual(len(rows), SIZE[1])
            self.assertEqual(rows[1][0], ground)
            colours = {bytes(row[i:i + 3]) for row in rows for i in range(0, len(row), step)}
            self.assertGreater(len(colours), 100)
            drawn = sum(row[i:i + 3] != rows[1][:3] for row in rows for i in range(0, len(row), step))
            self.assertGreater(drawn, SIZE[0] * SIZE[1] // 100)
        self.assertIn("prefers-color-scheme: dark", text)

    def picture(self, name, *args):
        self.browse("--screenshot=" + self.path(name), "--window-size=%d,%d" % SIZE, *args,
                    "file://" + self.path("phone.html"))
        return pixels(self.read(name))


if __name__ == "__main__":
    drive.main()
