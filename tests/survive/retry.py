"""survive/retry.py: jobs that are started again: commands that only look like jobs, and real ones."""

import collections
import json
import os
import signal
import stat
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

PLUGINS = ""


def plugin(name):
    return os.path.join(PLUGINS, f"survive_{name}.so")


class Case(drive.Case):
    def retry(self, own, command, **more):
        env = {**drive.AT_ONCE, **more.pop("env", {})}
        return self.run_mapred(["retry", "--wait", 0] + own + ["--"] + command, env=env, **more)


class Fake(Case):
    """A shell script is the job. Each start adds its arguments to the file `starts`."""

    def script(self, text):
        path = self.write("job", '#!/bin/sh\necho "$@" >>starts\nn=$(wc -l <starts)\n' + text)
        os.chmod(path, stat.S_IRWXU)

    def starts(self):
        return self.read("starts").decode().splitlines()

    def job(self, own, text, code, starts, args=("--checkpoint", "ck"), **more):
        self.script(text)
        drive.run_tool("rm -rf ck starts", cwd=self.folder)
        result = self.retry(own, ["./job"] + list(args), **more)
        self.assertEqual(result.code, code, result.err)
        self.assertEqual(len(self.starts()), starts, result.err)
        return result

    def test_ends_that_are_ends(self):
        for code in (0, 2, 3, 4, 6, 75, 130):
            result = self.job([], f"exit {code}", code, 1)
            self.assertEqual(result.lines(), [])

    def test_goes_on(self):
        for code in (1, 5, 137, 139, 205):
            self.job([], f"echo out; mkdir -p ck; : >ck/manifest-00000$n; [ $n = 3 ] || exit {code}", 0, 3)
            self.assertEqual(self.starts(), ["--checkpoint ck"] + ["--resume --checkpoint ck"] * 2)
        result = self.job([], "[ $n = 2 ] || kill -9 $$", 0, 2, ["a", "--checkpoint=ck", "--", "-x"])
        self.assertEqual(self.starts()[1], "a --resume --checkpoint=ck -- -x")
        self.assertIn("mapred: retry: exit code 137", result.err.decode())
        self.job([], "[ $n = 2 ] || exit 1", 0, 2, ["a", "--", "-x"], env={"MAPRED_CHECKPOINT": "ck"})
        self.assertEqual(self.starts()[1], "a --resume -- -x")
        self.job([], "[ $n = 2 ] || exit 1", 0, 2, ["--resume", "--checkpoint", "ck"])
        self.assertEqual(self.starts()[1], "--resume --checkpoint ck")

    def test_what_passes_through(self):
        result = self.job([], "cat; echo out; printf 'no newline' >&2", 0, 1, data=b"in\n")
        self.assertEqual(result.out, b"in\nout\n")
        self.assertEqual(result.err, b"no newline")
        result = self.job([], "head -c 300000 /dev/zero | tr '\\0' x >&2", 0, 1)
        self.assertEqual(len(result.err), 300000)

    def test_limit(self):
        """Without anything that tells how far it came the limit alone holds."""
        result = self.job([], "exit 1", 1, 6)
        self.assertIn("gave up: exit code 1: it was started again 5 times", result.lines()[-1])
        self.job(["--limit", 2], "exit 139", 139, 3)
        self.job(["--limit=0"], "exit 1", 1, 1)
        self.job(["--limit", 1, "--from-start"], "exit 1", 1, 2, [])
        self.assertEqual(self.starts(), ["", ""])

    def test_no_progress(self):
        """Two starts in a row without a newer checkpoint, or at the same place."""
        result = self.job([], "mkdir -p ck; [ $n -gt 3 ] || : >ck/manifest-00000$n; exit 1", 1, 5)
        self.assertIn("two starts in a row got nowhere", result.lines()[-1])
        line = "mapred: kernel crashed: rank 1 (h): app: SIGSEGV while working on x bytes 0-9"
        self.job([], f"rm -rf ck; echo '{line}' >&2; exit 1", 1, 2)
        self.job([], f"rm -rf ck; echo '{line}'$n >&2; exit 1", 1, 6)

    def test_records(self):
        crash = "mapred: kernel crashed: rank 1 (h), thread 0: app: SIGSEGV at address 0x0 while working on " \
                "{} bytes 0-99, block 3, record at {}: run it under gdb"
        named = lambda file, at: f"echo '[1,0]<stderr>:{crash.format(file, at)}' >&2; exit 1"
        # Twice the same: not without --skip-bad.
        result = self.job([], named("x", 7), 1, 2)
        self.assertIn("one record crashed it twice: x at 7: ", result.lines()[-1])
        self.assertFalse(os.path.exists(self.path("ck/bad")))
        # With it, it is dropped.
        text = f"[ -e ck/bad/skip.tsv ] && exit 0; {named('a bytes 1-2 b', 7)}"
        self.job(["--skip-bad", 1], text, 0, 3)
        self.assertEqual(self.read("ck/bad/skip.tsv"), b"a bytes 1-2 b\t7\tit crashed the app twice: SIGSEGV\n")
        self.assertEqual(self.starts()[0], "--skip-bad=1 --checkpoint ck")
        quoted = "'$%s'"  # the shell puts it in
        # Any number of them, each with a count of its own; one too many.
        def many(records):
            return f"i=$(cat ck/bad/skip.tsv 2>/dev/null | wc -l); [ $i = {records} ] || {{ {named('x', quoted % 'i')}; }}"
        for count, allowed, code in ((4, 4, 0), (4, 3, 3)):
            result = self.job(["--limit", 1], many(count), code, 2 * count + (code == 0),
                              ["--checkpoint", "ck", "--skip-bad", str(allowed)])
        self.assertIn("too many bad records: more than the 3 that --skip-bad allows", result.lines()[-1])
        # Two threads take turns.
        turns = f"[ $(cat ck/bad/skip.tsv 2>/dev/null | wc -l) = 2 ] && exit 0; i=$((n % 2)); {named('x', quoted % 'i')}"
        self.job(["--skip-bad", 2], turns, 0, 5)
        # Killed from outside: a block is no record.
        self.job(["--skip-bad", 2], "echo 'mapred: rank 1 was killed: SIGKILL while working on x bytes 0-9, block 3' >&2; exit 137", 137, 2)

    def test_signals(self):
        script = "trap 'echo term >>got; exit 75' TERM; trap 'echo usr1 >>got; exit 75' USR1; " \
                 "trap 'echo int >>got; exit 1' INT; : >up; while :; do sleep 0.05; done"
        for sent, code, got, name in ((signal.SIGTERM, 75, b"term\n", "job"), (signal.SIGUSR1, 75, b"usr1\n", "job"),
                                      (signal.SIGINT, 130, b"int\n", "job"), (signal.SIGTERM, 75, b"usr1\n", "mpirun")):
            self.script(script)
            os.rename(self.path("job"), self.path(name))
            for old in ("got", "up", "starts"):
                if os.path.exists(self.path(old)):
                    os.unlink(self.path(old))
            process = self.start(["retry", "--", f"./{name}", "--checkpoint", "ck"])
            while not os.path.exists(self.path("up")):
                time.sleep(0.01)
            process.send_signal(sent)
            process.communicate(timeout=30)
            self.assertEqual(process.returncode, code)
            self.assertEqual(self.read("got"), got)

    def test_signal_between_starts(self):
        for sent, code in ((signal.SIGTERM, 75), (signal.SIGINT, 130)):
            self.script("mkdir -p ck; : >ck/manifest-000001; exit 1")
            process = self.start(["retry", "--wait", 1000, "--", "./job", "--checkpoint", "ck"])
            told = b""
            while b"going on from checkpoint 1 in 1000 s" not in told:
                told += process.stderr.readline()
            process.send_signal(sent)
            process.communicate(timeout=30)
            self.assertEqual(process.returncode, code)

    def test_wrong_use(self):
        self.bad(2, "no command", ["retry"])
        self.bad(2, "no command", ["retry", "--limit", 3, "--"])
        self.bad(2, "unknown argument: mpirun", ["retry", "mpirun", "mapred"])
        self.bad(2, "--limit x", ["retry", "--limit", "x", "--", "true"])
        self.bad(2, "no checkpoint: true: ", ["retry", "--", "true"])
        self.bad(2, "cannot start: ./none: No such file", ["retry", "--from-start", "--", "./none"])
        self.bad(2, "give it once", ["retry", "--skip-bad", 1, "--", "x", "--skip-bad=2", "--checkpoint", "c"])
        self.assertIn(b"--from-start", self.good(["help", "retry"]))


class Real(Case):
    def command(self, args, ranks):
        return drive.command(args, ranks)

    def oracle(self, lines):
        counts = collections.Counter(line for line in lines if "kill" not in line and "bad" not in line)
        return "".join(f"{k}\t{v}\n" for k, v in sorted(counts.items())).encode()

    def test_records_that_kill(self):
        lines = [f"w{i % 17}" for i in range(2000)]
        lines[300], lines[301], lines[1500], lines[1700] = "kill1", "kill2", "bad", "kill3"
        self.write("x", "\n".join(lines) + "\n")
        want = self.oracle(lines)
        at = {line: sum(len(l) + 1 for l in lines[:i]) for i, line in enumerate(lines) if i in (300, 301, 1500, 1700)}
        for ranks, block in ((0, "64"), (2, "1K"), (3, "64")):
            job = self.command([plugin("records"), "x", "--block", block, "--threads", 1, "--checkpoint", "ck", "--checkpoint-every", 0,
                                "--skip-bad", 4, "-o", "out.tsv", "--report", "r.json"], ranks)
            result = self.retry(["--limit", 4], job)
            self.assertEqual(result.code, 0, result.err)
            self.assertEqual(self.read("out.tsv"), want)
            bad = [(b["offset"], b["reason"]) for b in json.loads(self.read("r.json"))["bad"]]
            self.assertEqual([b[0] for b in bad], sorted(at.values()))
            self.assertEqual(self.read(f"ck/bad/record-0-{at['kill2']}"), b"kill2\n")
            self.assertEqual(len(self.read("ck/bad/records.tsv").splitlines()), 4)
            drive.run_tool("rm -rf ck out.tsv", cwd=self.folder)
        result = self.retry([], self.command([plugin("records"), "x", "--threads", 1, "--checkpoint", "ck", "--skip-bad", 2,
                                              "-o", "out.tsv"], 2))
        self.assertEqual(result.code, 3, result.err)
        self.assertFalse(os.path.exists(self.path("out.tsv")))

    def test_other_records(self):
        text = " ".join(["a", "b", "kill", "c"] * 1 + ["d"] * 50)
        self.write("x", text)
        rows = [f"{i},2" for i in range(60)]
        rows[7], rows[30] = "666,1", "-5,1"
        self.write("x.csv", "\n".join(rows) + "\n")
        good = [int(r.split(",")[0]) for r in rows if r[0] not in "-" and not r.startswith("666")]
        for args, want in (([plugin("records"), "--words", "x"], b"a\t1\nb\t1\nc\t1\nd\t50\n"),
                           ([plugin("rows"), "x.csv"], f"rows\t{len(good)}\nsum\t{sum(good)}\n".encode())):
            for ranks in (0, 2):
                job = self.command(args + ["--threads", 1, "--block", 40, "--checkpoint", "ck", "-o", "out.tsv"], ranks)
                result = self.retry(["--skip-bad", 2], job)
                self.assertEqual(result.code, 0, result.err)
                self.assertEqual(self.read("out.tsv"), want)
                drive.run_tool("rm -rf ck out.tsv", cwd=self.folder)

    def test_one_that_is_killed(self):
        """SIGKILL leaves no word: it is started again, and nothing is dropped."""
        self.write("x", "a\ndie\n")
        job = self.command([plugin("records"), "x", "--checkpoint", "ck", "-o", "out.tsv"], 2)
        result = self.retry(["--limit", 1, "--skip-bad", 1], job)
        self.assertEqual(result.code, 137, result.err)
        self.assertFalse(os.path.exists(self.path("ck/bad/skip.tsv")))


if __name__ == "__main__":
    PLUGINS = os.path.abspath(sys.argv.pop(2))
    drive.main()
