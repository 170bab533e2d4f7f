"""bench/folds.py: the benchmarks of jobs that fold: each returns its contenders and its marks."""

import harness
from contenders import limit, mapred, memory_share, paces, reported, slow_tool, times
from harness import Contender, Mark, MIB

# Filters after which outputs of different tools are the same bytes.
FROM_UNIQ = "awk '{print $2 \"\\t\" $1}'"
FROM_AWK = "sort -t '\t' -k 1,1"
FROM_BRACES = "sed 's/^{//; s/}$//; s|\\(=[-0-9.]*/[-0-9.]*/[-0-9.]*\\), |\\1\\n|g' | sort"
FROM_BRACES = f"{{ cat; echo; }} | {FROM_BRACES} | grep ."
FROM_LINES = "sort"

MAWK_WORDS = "mawk '{for (i = 1; i <= NF; i++) n[$i]++} END {for (w in n) print w \"\\t\" n[w]}' {in}"
UNIX_WORDS = "tr -s ' \\t\\n\\v\\f\\r' '\\n' < {in} | grep -v '^$' | sort | uniq -c"
MAWK_ROWS = r"""mawk -F ';' '
function tenths(x) { return x < 0 ? -int(0.5 - x * 10) : int(x * 10 + 0.5) }
function nearest(x,  i) { i = int(x); return i > x ? i - 1 : i }
{
    v = $2 + 0
    if (!($1 in n) || v < low[$1]) low[$1] = v
    if (!($1 in n) || v > high[$1]) high[$1] = v
    n[$1]++
    sum[$1] += v
}
END {
    for (s in n) {
        mean = nearest((2 * tenths(sum[s]) + n[s]) / (2 * n[s])) / 10
        printf "%s=%.1f/%.1f/%.1f\n", s, low[s], mean, high[s]
    }
}' {in}"""


def mapred_words(s, name, data, threads=2, **more):
    options = ["-t", str(threads), "-o", "{out}"]
    return mapred(s, name, "wordcount", data, *options, output="{out}", **more)


def mapred_rows(s, name, data, threads=2, **more):
    return mapred(s, name, "onebrc", data, "-t", str(threads), normalise=FROM_BRACES, **more)


def limit_words(name, data, **more):
    return [Contender(name, limit("wordcount", "{in}", "{out}"), data, output="{out}", **more)]


def limit_rows(name, data, **more):
    return [Contender(name, limit("onebrc", "{in}"), data, normalise=FROM_BRACES, **more)]


def wordcount(s):
    text = harness.zipf_text(s.size(1 << 30))
    part = s.slice(text, 8)
    contenders = [
        *mapred_words(s, "mapred -t 2", text, agrees="whole"),
        *limit_words("limits/wordcount", text, agrees="whole"),
        *slow_tool(s, "tr | sort | uniq -c", "uniq", UNIX_WORDS, text, 8, FROM_UNIQ, "part"),
        *slow_tool(s, "mawk", "mawk", MAWK_WORDS, text, 8, FROM_AWK, "part"),
        *limit_words("limits/wordcount, slow ones' part", part, agrees="part"),
    ]
    marks = [
        Mark("mapred over the limit", times("mapred -t 2", "limits/wordcount"), 1.3),
        Mark("tr | sort | uniq -c over mapred", paces("tr | sort | uniq -c", "mapred -t 2"), 30, True),
        Mark("mawk over mapred", paces("mawk", "mapred -t 2"), 20, True),
    ]
    return contenders, marks


def rank_marks(one, two):
    return [
        Mark("two ranks over one, wall", times(two, one), 1.1),
        Mark("two ranks over one, job by its report", reported(two, one, "seconds"), 1.1),
        Mark("two ranks over one, map by its report", reported(two, one, "phases", "map", "max"), 1.1),
    ]


def ranks(s, make, data):
    one, two = "mpirun -np 1, -t 2", "mpirun -np 2, -t 1"
    contenders = [
        *make(s, one, data, threads=2, ranks=1, agrees="whole", report=True),
        *make(s, two, data, threads=1, ranks=2, agrees="whole", report=True),
    ]
    return contenders, rank_marks(one, two)


def wordcount_ranks(s):
    return ranks(s, mapred_words, harness.zipf_text(s.size(1 << 30)))


def onebrc(s):
    rows = harness.station_rows(s.size(100_000_000))
    part = s.slice(rows, 10)
    contenders = [
        *mapred_rows(s, "mapred -t 2", rows, agrees="whole"),
        Contender("limits/lines", limit("lines", "{in}"), rows),
        Contender("limits/lines -m", limit("lines", "-m", "{in}"), rows),
        *limit_rows("limits/onebrc", rows, agrees="whole"),
        *slow_tool(s, "mawk", "mawk", MAWK_ROWS, rows, 10, FROM_LINES, "part"),
        *limit_rows("limits/onebrc, slow one's part", part, agrees="part"),
    ]
    marks = [
        Mark("mapred over plain reading", times("mapred -t 2", "limits/lines"), 8),
        Mark("mapred over plain reading, best known", times("mapred -t 2", "limits/lines"), 4.6),
        Mark("mawk over mapred", paces("mawk", "mapred -t 2"), 60, True),
    ]
    return contenders, marks


def onebrc_ranks(s):
    return ranks(s, mapred_rows, harness.station_rows(s.size(100_000_000)))


def startup(s):
    text = harness.zipf_text(1024, 100)
    null = [harness.limit("mpinull")]
    under, alone, nothing = "mpirun -np 1 mapred", "mapred alone", "mpirun -np 1 limits/mpinull"
    contenders = [
        *mapred_words(s, under, text, ranks=1, agrees="whole"),
        *mapred(s, alone, "wordcount", text, agrees="whole"),
        Contender(nothing, ["mpirun", "-np", "1", *null], text),
    ]
    marks = [
        Mark("added to doing nothing", lambda r: r[under].median - r[nothing].median, 0.060, unit="s"),
        Mark("without mpirun", lambda r: r[alone].median, 0.150, unit="s"),
    ]
    return contenders, marks


def prefix(s):
    words, distinct = s.size(8_000_000), s.size(4_000_000)
    kinds = {"8 random": (8, 0), "24 random": (24, 0), "16 shared + 8": (24, 16)}
    kinds |= {"72 random": (72, 0), "64 shared + 8": (72, 64)}
    contenders = []
    for kind, (letters, shared) in kinds.items():
        text = harness.plain_words(words, distinct, letters, shared)
        contenders += mapred_words(s, f"mapred: {kind}", text, agrees=kind)
        contenders += limit_words(f"limit: {kind}", text, agrees=kind)
    marks = [
        Mark(f"{a} over {b}", times(f"mapred: {a}", f"mapred: {b}"), 3)
        for a, b in (("16 shared + 8", "24 random"), ("64 shared + 8", "72 random"))
    ]
    marks += [
        Mark(f"{a} over 8 random", times(f"mapred: {a}", "mapred: 8 random"), 3)
        for a in ("16 shared + 8", "64 shared + 8")
    ]
    return contenders, marks


def memory(s):
    quarter, whole = s.size(1 << 28), s.size(1 << 30)
    inputs = {
        f"{quarter / MIB:.0f} MiB of Zipf text": harness.zipf_text(quarter),
        f"{whole / MIB:.0f} MiB of Zipf text": harness.zipf_text(whole),
        "many words": harness.plain_words(s.size(8_000_000), s.size(4_000_000), 24),
    }
    contenders = [c for name, data in inputs.items() for c in mapred_words(s, name, data)]
    marks = [
        Mark(f"{name}: peak over 64 MiB + 3 results", memory_share(name), 1) for name in inputs
    ]
    return contenders, marks


BENCHMARKS = {
    "wordcount": (wordcount, "words of Zipf text, 1 million distinct"),
    "wordcount-ranks": (wordcount_ranks, "two ranks of one thread against one of two"),
    "onebrc": (onebrc, "rows of 413 weather stations"),
    "onebrc-ranks": (onebrc_ranks, "two ranks of one thread against one of two"),
    "startup": (startup, "a file of 1 KiB, and an MPI program that does nothing"),
    "prefix": (prefix, "words that begin alike against words that do not"),
    "memory": (memory, "peak resident memory of a folded job"),
}
