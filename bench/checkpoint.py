"""bench/checkpoint.py: what checkpoints cost: a folded and a shuffled job, with them and without."""

import harness
from contenders import mapred, times
from harness import Mark

# A folder of its own for each run: a checkpoint that is there is left alone.
SAVING = ["--checkpoint", "{out}.saved", "--overwrite"]


def saved(s, name, app, data, every, most, *options, **more):
    """A job that saves itself every so many seconds, beside the same one that does not."""
    plain = mapred(s, name, app, data, *options, "-o", "{out}", output="{out}", **more)
    asked = [*SAVING, "--checkpoint-every", str(every)]
    saves = mapred(s, f"{name}, every {every} s", app, data, *options, *asked, "-o", "{out}", output="{out}", **more)
    return [*plain, *saves], Mark(f"{name}, saved every {every} s, over not", times(f"{name}, every {every} s", name), most)


def checkpoint(s):
    text = harness.zipf_text(s.size(1 << 30))
    records = harness.records(s.size((1 << 30) // 100))
    # Read so often that it takes longer than two intervals.
    again = ["{in}"] * 11
    jobs = (
        saved(s, "wordcount of 12 GiB", "wordcount", text, 10, 1.03, "-t", "2", *again, agrees="many words", ranks=0),
        saved(s, "wordcount", "wordcount", text, 1, 1.2, "-t", "2", agrees="words", ranks=0),
        saved(s, "terasort", "terasort", records, 1, 1.1, "-t", "2", agrees="sorted", ranks=0),
        saved(s, "terasort, 2 ranks", "terasort", records, 1, 1.1, "-t", "1", agrees="sorted", ranks=2),
    )
    return [one for contenders, _ in jobs for one in contenders], [mark for _, mark in jobs]


BENCHMARKS = {"checkpoint": (checkpoint, "a folded and a shuffled job that save themselves, and that do not")}
