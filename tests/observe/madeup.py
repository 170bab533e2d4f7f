"""observe/madeup.py: reports of jobs that never were, in the form that --report writes: any number of ranks
and threads, the same one each time."""

import random

KINDS = ("read", "map", "fold", "exchange", "spill", "merge", "reduce", "write", "wait", "checkpoint")
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


def spans(draw, seconds, rank, count):
    """One behind the other from the start to the end, as a job goes: reading and mapping, then the rest."""
    cuts = sorted(draw.uniform(0, seconds) for _ in range(count - 1))
    found = []
    for begin, end in zip([0.0] + cuts, cuts + [seconds]):
        part = begin / seconds
        kinds = ("read", "map", "map", "map", "fold", "checkpoint") if part < 0.5 else (
            "exchange", "spill", "exchange", "merge") if part < 0.7 else ("reduce", "reduce", "write")
        kind = "wait" if draw.random() < 0.04 * (rank % 4) else draw.choice(kinds)
        found.append([kind, round(begin, 6), round(end, 6), round((end - begin) * draw.uniform(0.6, 1), 6)])
    return found


def one_rank(draw, rank, threads, ranks_a_host, seconds, old):
    report = {
        "rank": rank, "host": f"node{rank // ranks_a_host:03}",
        "seconds": {"plan": 0.02, "map": seconds * 0.5, "combine": seconds * 0.2, "sort": seconds * 0.2,
                    "write": seconds * 0.1},
        "busy": threads * seconds * draw.uniform(0.2, 0.4) * (2.5 if rank == 3 else 1),
        "reduce": draw.uniform(0.5, 1.5), "threads": threads, "blocks": draw.randrange(900, 1100),
        "bytes_read": draw.randrange(200, 300) * MIB, "splits": 250, "splits_stolen": draw.randrange(20),
        "flushes": 3, "keys": 100000, "keys_owned": 25000, "bytes_sent": 40 * MIB, "bytes_received": 40 * MIB,
        "messages_sent": 900, "pairs": 5000000, "spilled": 812 * MIB if rank % 5 == 2 else 0, "rows": 25000,
        "bytes_written": 30 * MIB, "memory_peak": draw.randrange(400, 1900) * MIB,
        "rss_peak": draw.randrange(1900, 2100) * MIB, "memory_budget": 2 * GIB}
    if not old:
        report["node_cpus"] = 2 * threads * ranks_a_host
    return report


def tasks():
    """The parts of apps that are no map and reduce."""
    stage = {"items_in": 50000, "items_out": 49000, "bytes_in": 4 * MIB, "bytes_out": 3 * MIB, "batches": 15}
    chain = {"tasks": 3, "seconds": 1.5, "share": 0.8, "of": [
        {"kind": "load", "key": "a<b", "number": 0, "rank": 1, "seconds": 1.0},
        {"kind": "add", "number": 4, "rank": 0, "seconds": 0.5}]}
    return {
        "forks": [{"name": "nqueens", "divided": 300, "solved": 5000, "joined": 300, "stolen_between_threads": 40,
                   "stolen_between_ranks": 11, "asked": 20, "workers": 8, "seconds": 3.5,
                   "busy_max_over_mean": 1.7, "busy": [1, 2, 3, 4]}],
        "pools": [{"workers": 7, "kinds": [
            {"name": "square", "tasks": 120000, "items": 0, "failed": 2, "retries": 3, "seconds": 0.9,
             "elsewhere": 0.6, "mean_latency": 0.0002}]}],
        "graphs": [{"name": "sums", "tasks": 41, "ran": 41, "again": 0, "workers": 6, "seconds": 1.9, "busy": 3.1,
                    "most_results": 12, "chain": chain}],
        "pipelines": [{"name": "logs", "seconds": 7.5, "bottleneck": "write", "reason": "in order: one item at a "
                       "time, busy for 91% of the time", "stages": [
                           {"name": "source", "kind": "source", "workers": 1, "busy_seconds": 0.1,
                            "waited_seconds": 3.0, "utilisation": 0.01, **stage},
                           {"name": "parse", "kind": "parallel", "workers": 6, "busy_seconds": 20.0,
                            "waited_seconds": 12.0, "utilisation": 0.45, **stage},
                           {"name": "write", "kind": "in order", "workers": 1, "busy_seconds": 6.8,
                            "waited_seconds": 0.0, "utilisation": 0.91, **stage}]}],
        "sync": [{"name": "gate", "kind": "lock", "home": 0, "operations": 40000, "waits": 20000,
                  "mean_wait": 0.0005, "max_wait": 0.02, "contention": 0.5}]}


def seen(draw, report, ranks, threads, seconds, count):
    """What later versions tell besides."""
    evil = "</script><script>alert(1)</script>\u202e\x01'\"&"
    report["timeline"] = [{"rank": rank, "thread": thread, "spans": spans(draw, seconds, rank, count)}
                          for rank in range(ranks) for thread in range(threads)]
    report["exchange"]["matrix"] = [[0 if to == rank else draw.randrange(8, 12) * MIB * (4 if to == 1 else 1)
                                    for to in range(ranks)] for rank in range(ranks)]
    report["slowest"] = [{"rank": i % ranks, "thread": i % threads, "file": f"data/part-{i:05}.txt",
                          "begin": i * 256 * KIB, "end": (i + 1) * 256 * KIB, "block": i, "seconds": 2.5 / (i + 1)}
                         for i in range(16)]
    report["waits"] = [{"rank": rank, "seconds": seconds * (0.41 if rank == 1 else 0.1),
                        "on": min(3, ranks - 1) if rank == 1 else None} for rank in range(ranks)]
    report["cost"] = {"serial_seconds": seconds * 1.6, "cores": ranks * threads, "cores_to_beat_one": 2}
    report["bad"] = [{"file": f"data/{evil}", "offset": 4096, "reason": "a date that is none"}]
    report["bad_count"] = 12
    report["command"] = {"app": "wordcount", "arguments": ["-o", "out.tsv", "my data/" + evil], "folder": "/home/me"}


def report(ranks=4, threads=2, seconds=12.5, old=False, count=200, app="wordcount"):
    """A job; `old`: as version 0.1.0 first told of one."""
    draw = random.Random(ranks * 100 + threads)
    each = [one_rank(draw, rank, threads, max(1, min(4, ranks // 2)), seconds, old) for rank in range(ranks)]
    total = {name: sum(rank[name] for rank in each) for name in ("bytes_read", "bytes_sent", "messages_sent")}
    busy = [rank["busy"] for rank in each]
    phases = {name: {"max": value, "mean": value * 0.9} for name, value in each[0]["seconds"].items()}
    made = {
        "mapred": "0.1.0", "app": app, "seconds": seconds, "phases": phases,
        "input": {"files": 40, "bytes": total["bytes_read"], "splits": 250 * ranks, "block": 256 * KIB},
        "output": {"path": "out.tsv", "rows": 25000 * ranks, "bytes": 30 * MIB * ranks},
        "balance": {"busy_max_over_mean": max(busy) * ranks / sum(busy), "reduce_max_over_mean": 1.2,
                    "bytes_max_over_mean": 1.1},
        "exchange": {"bytes": total["bytes_sent"], "messages": total["messages_sent"]},
        "memory": {"budget": 2 * GIB, "counted_peak_max": max(rank["memory_peak"] for rank in each),
                   "rss_peak_max": max(rank["rss_peak"] for rank in each)},
        "counters": {"bad dates": 7, "net": -3, "caf\u00e9 & <cr\u00e8me>": 123456789},
        "hot_keys": [{"set": "words", "key": "the", "share": 0.38, "rank": 0},
                     {"set": "words", "key": "<b>of</b>", "share": 0.07, "rank": 1}],
        "ranks": each}
    if not old:
        seen(draw, made, ranks, threads, seconds, count)
        made.update(tasks())
    return made
