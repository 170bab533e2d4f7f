"""submit.py: the scripts of `mapred submit` and of slurm/, without any Slurm: mpirun, scontrol, sbatch
and scancel are fakes that write down how they were called.

submit.py MAPRED
"""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import drive

TEMPLATES = Path(__file__).resolve().parents[2] / "slurm"

# Each call is a line of its own in `calls`, but for mpirun, whose arguments go to `job`.
FAKE = """#!/bin/bash
echo "${0##*/} $*" >>calls
case ${0##*/} in
sbatch) echo 99; cat >"${MR_KEPT:-/dev/null}" ;;
srun) exit "${MR_SRUN:-0}" ;;
esac
"""
FAKE_MPIRUN = """#!/bin/bash
printf '%s\\0' "$@" >job
eval "$MR_FAKE"
"""
USUAL = {"SLURM_JOB_ID": "42", "SLURM_ARRAY_TASK_ID": "7"}


class Scripts(drive.Case):
    def setUp(self):
        super().setUp()
        for name in ("sbatch", "scontrol", "scancel", "srun"):
            self.program(name, FAKE)
        self.program("mpirun", FAKE_MPIRUN)
        self.program("mapred", "")
        self.program("sinfo", "exit 1")

    def program(self, name, text):
        os.chmod(self.write(f"bin/{name}", text), 0o755)

    def fakes(self, **more):
        return {"PATH": f"{self.path('bin')}:{os.environ['PATH']}", **USUAL, **more}

    def script(self, *args, **more):
        return self.good(["submit", "--print", *args], env=self.fakes(**more)).decode()

    def start(self, args, ranks=0, env=None, **more):
        return super().start(args, ranks, {"PATH": self.fakes()["PATH"], **(env or {})}, **more)

    def batch(self, script, *args, fake="true", **more):
        self.write("script", script)
        env = drive.environment(self.fakes(MR_FAKE=fake, **more))
        return subprocess.Popen(["bash", "script", *args], cwd=self.folder, env=env,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def code_of(self, script, *args, **more):
        process = self.batch(script, *args, **more)
        self.out, self.err = process.communicate(timeout=30)
        return process.returncode

    def calls(self):
        """What was called since the last time."""
        path = Path(self.path("calls"))
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def arguments(self):
        """Those of mapred."""
        words = self.read("job").split(b"\0")[:-1]
        return words[words.index(b"run") + 1:]

    # ---- what is asked for ----

    def asked(self, *args):
        lines = self.script(*args, "wordcount", "x").splitlines()
        return [line.removeprefix("#SBATCH --") for line in lines if line.startswith("#SBATCH")]

    def test_options(self):
        usual = ["open-mode=append", "signal=B:USR1@60", "requeue"]
        self.assertEqual(self.asked(), ["job-name=wordcount", "ntasks-per-node=1", "exclusive",
                                        "output=%x-%j.log", *usual])
        self.assertEqual(
            self.asked("--nodes=2-4", "--mem", "3G", "--partition=p,q", "--account", "a b",
                       "--ntasks-per-node", "2", "--cpus-per-task", "8", "--job-name", 'x"\\',
                       "--output-log=l.%j", "--array=0-3%2", "--sbatch=--qos=long", "--sbatch",
                       "--hint=nomultithread"),
            ['job-name="x\\"\\\\"', "nodes=2-4", "ntasks-per-node=2", "cpus-per-task=8", "mem=3G",
             "partition=p,q", 'account="a b"', "array=0-3%2", "output=l.%j", *usual, "qos=long",
             "hint=nomultithread"])
        self.assertIn("no-requeue", self.asked("--chain", "3"))

    def test_margin(self):
        for limit, margin in (("1", 10), ("10", 60), ("00:10:00", 60), ("90:00", 300), ("2-0", 300),
                              ("1-00:00:30", 300), ("0:30", 10), ("UNLIMITED", 60), ("8:20", 50)):
            self.assertIn(f"signal=B:USR1@{margin}", self.asked("--time", limit), limit)
        self.assertIn("signal=B:USR1@7", self.asked("--time", "5", "--margin", "7"))
        for limit in ("x", "1:", ":1", "1-", "-1", "1:2:3:4", "1.5", "1-1-1", "1 2", "99999999999"):
            self.bad(2, "--time", ["submit", "--print", "--time", limit, "wordcount", "x"])

    def test_shape(self):
        """A rank a socket, and CPUs for all of their threads."""
        for told, ranks, rest in (("2 16 main*", 2, "cpus-per-task=8"),
                                  ("2 16 main*\n4 64 other", 2, "cpus-per-task=8"),
                                  ("2 16 main*\n4 64 main*", 1, "exclusive"),
                                  ("2 16 other", 1, "exclusive"), ("0 0 main*", 1, "exclusive"),
                                  ("", 1, "exclusive"), ("8 4 main*", 1, "exclusive")):
            self.program("sinfo", f"#!/bin/sh\nprintf '%s\\n' '{told}'")
            self.assertEqual(self.asked()[1:3], [f"ntasks-per-node={ranks}", rest], told)
        self.program("sinfo", "#!/bin/sh\n[ \"$*\" = '-h -e -o %X %c --partition=p' ] && echo 4 8")
        self.assertEqual(self.asked("--partition", "p")[1:3],
                         ["ntasks-per-node=4", "cpus-per-task=2"])
        self.assertEqual(self.asked("--partition=p", "--ntasks-per-node=2")[1:3],
                         ["ntasks-per-node=2", "cpus-per-task=4"])
        self.assertEqual(self.asked("--partition=p", "--cpus-per-task=3")[1:3],
                         ["ntasks-per-node=1", "cpus-per-task=3"])

    def test_usage(self):
        for naming, args in (
                ("no app", []), ("no app", ["--nodes", "2"]), ("no app", ["--"]),
                ("--nods", ["--nods", "2", "wordcount", "x"]), ("-n", ["-n", "2"]),
                ("--nodes", ["--nodes"]), ("--chain", ["--chain", "0", "wordcount", "x"]),
                ("--chain", ["--chain", "2", "--array", "1", "wordcount", "x"]),
                ("--launcher", ["--launcher", "aprun", "wordcount", "x"]),
                ("--print", ["--print=no", "wordcount", "x"]),
                ("--account", ["--account", "a\nb", "wordcount", "x"]),
                ("--partition", ["--partition", "", "wordcount", "x"]),
                ("--thraeds", ["wordcount", "--thraeds", "2", "x"]),
                ("no input", ["wordcount"]), ("--help", ["wordcount", "--help"])):
            self.bad(2, naming, ["submit", *args])
        self.bad(6, "nosuchapp", ["submit", "nosuchapp", "x"])
        self.assertEqual(self.calls(), [])

    # ---- submitting ----

    def test_submit(self):
        out = self.good(["submit", "--nodes=2", "wordcount", "x"],
                        env={"MR_KEPT": self.path("kept")})
        self.assertEqual((out, self.calls()), (b"99\n", ["sbatch "]))
        self.assertEqual(self.read("kept").decode().replace("submit --nodes", "submit --print --nodes"),
                         self.script("--nodes=2", "wordcount", "x"))

    def test_refused(self):
        self.program("sbatch", "#!/bin/sh\nexit 1")
        self.bad(1, "sbatch", ["submit", "wordcount", "x"])

    def test_no_slurm(self):
        os.unlink(self.path("bin/sbatch"))
        for name in ("bash", "sh", "env"):
            os.symlink(drive.shutil.which(name), self.path(f"bin/{name}"))
        alone = {"PATH": self.path("bin")}
        self.bad(1, "sbatch", ["submit", "wordcount", "x"], env=alone)
        self.assertIn(b"#SBATCH", self.good(["submit", "--print", "wordcount", "x"], env=alone))

    # ---- what it runs ----

    def test_quoting(self):
        """Whatever bytes an argument has, mapred gets them."""
        some = random.Random(3)
        odd = [b"", b"'", b"''", b"a'b", b"$HOME", b"`ls`", b"\\", b"\\n", b"a\r\nb", b"\n", b"~", b"*",
               b"a b", b"#x", b"!x", b"\xff\xfe", b"\x01\x7f9", b"%a", b"a%ab%%a", b'"', b"-x", b"x=y"]
        odd += [bytes(some.choice(b"ab'\"\\$`!%{} \n\r\t7\xc3\xa4") for _ in range(some.randrange(9)))
                for _ in range(60)]
        for options, change in (([], lambda word: word),
                                (["--array", "7"], lambda word: word.replace(b"%a", b"7"))):
            script = self.good(["submit", *options, "--print", "--", "wordcount", "-o", "out", "--",
                                *map(os.fsdecode, odd)])
            self.assertNotIn(b"\r", script)
            subprocess.run(["bash", "-n"], input=script, check=True)
            self.write("script", script)
            self.assertEqual(self.code_of(script), 0, self.err)
            beside = b"out.checkpoint-42" if not options else b"mapred-checkpoint-42"
            self.assertEqual(self.arguments(),
                             [b"wordcount", b"--checkpoint", beside, b"--resume", b"-o", b"out", b"--",
                              *map(change, odd)])

    def test_checkpoint(self):
        for args, more, wanted in (
                (["x"], {}, "--checkpoint mapred-checkpoint-42 --resume x"),
                (["-o", "a b/", "x"], {}, "--checkpoint a b.checkpoint-42 --resume -o a b/ x"),
                (["--checkpoint", "c d", "x"], {}, "--resume --checkpoint c d x"),
                (["x", "--checkpoint=c"], {}, "--resume x --checkpoint=c"),
                (["--checkpoint-every=3", "x"], {},
                 "--checkpoint mapred-checkpoint-42 --resume --checkpoint-every=3 x"),
                (["x"], {"MAPRED_CHECKPOINT": "c"}, "--resume x")):
            script = self.good(["submit", "--print", "--", "run", "wordcount", *args], env=more)
            self.assertEqual(self.code_of(script), 0, self.err)
            self.assertEqual(b" ".join(self.arguments()).decode(), "wordcount " + wanted)

    def test_launchers(self):
        self.assertIn("job=(mpirun ", self.script("wordcount", "x"))
        self.assertIn("job=(srun --mpi=pmix ", self.script("--launcher", "srun", "wordcount", "x"))

    # ---- how it ends ----

    def everywhere(self, **more):
        """The script of `mapred submit`, and the template that does the same."""
        yield self.script(*(["--chain", "2"] if more.get("chain") else []), "wordcount", "x"), ()
        name = "chain.sbatch" if more.get("chain") else "job.sbatch"
        yield (TEMPLATES / name).read_text(), ("wordcount", "x")

    GET_ON = "mkdir -p mapred-checkpoint-42; touch mapred-checkpoint-42/manifest-$(date +%s%N); exit 75"

    def test_done(self):
        for script, args in self.everywhere():
            fake = "mkdir mapred-checkpoint-42; touch mapred-checkpoint-42/{done,job.json,lock}"
            self.assertEqual(self.code_of(script, *args, fake=fake), 0, self.err)
            self.assertEqual((self.calls(), self.out, self.err), ([], "", ""))
            self.assertNotIn("mapred-checkpoint-42", self.visible())

    def test_failed(self):
        for script, args in self.everywhere():
            for code in (1, 2, 3, 4, 5, 6, 130):
                self.assertEqual(self.code_of(script, *args, fake=f"exit {code}"), code)
                self.assertEqual(self.calls(), self.ANSWER if code == 1 else [])

    ANSWER = ["srun --overlap --mpi=none --ntasks-per-node=1 true"]

    def test_silent_node(self):
        """mpirun says 1 when it can't start: then nothing of the job was tried."""
        for script, args in self.everywhere():
            self.assertEqual(self.code_of(script, *args, fake="exit 1", MR_SRUN="1"), 1)
            self.assertEqual(self.calls(), self.ANSWER + ["scontrol requeue 42"])
            self.assertIn("a node does not answer", self.out)

    def test_stopped(self):
        for script, args in self.everywhere():
            for _ in range(6):
                self.assertEqual(self.code_of(script, *args, fake=self.GET_ON), 75)
                self.assertEqual(self.calls(), ["scontrol requeue 42"])
            self.assertNotIn("mapred-failures-42", self.visible())

    def test_bounded(self):
        """Without getting on, three times and no more; that begins anew once it got on."""
        for script, args in self.everywhere():
            for code in (75, 205, 137, 244):
                for turn in range(2):
                    for _ in range(3):
                        self.assertEqual(self.code_of(script, *args, fake=f"exit {code}"), code)
                        self.assertEqual(self.calls(), ["scontrol requeue 42"])
                    if turn == 0:
                        self.code_of(script, *args, fake=self.GET_ON)
                        self.calls()
                self.assertEqual(self.code_of(script, *args, fake=f"exit {code}"), code)
                self.assertEqual(self.calls(), [])
                self.assertIn("given up after 3 retries", self.out)
        script = self.script("--retries", "0", "wordcount", "x")
        self.assertEqual(self.code_of(script, fake="exit 205"), 205)
        self.assertEqual(self.calls(), [])

    def signalled(self, number, script, args, fake):
        """How it ends that gets a signal while the job runs."""
        process = self.batch(script, *args, fake=fake)
        while not Path(self.path("ready")).exists():
            self.assertIsNone(process.poll())
            time.sleep(0.01)
        os.unlink(self.path("ready"))
        process.send_signal(number)
        self.out, self.err = process.communicate(timeout=30)
        return process.returncode

    def test_signals(self):
        told = "trap '{}' USR1; touch ready; while :; do sleep 0.01; done"
        for script, args in self.everywhere():
            code = self.signalled(signal.SIGUSR1, script, args, told.format(self.GET_ON))
            self.assertEqual((code, self.calls()), (75, ["scontrol requeue 42"]))
            code = self.signalled(signal.SIGTERM, script, args, told.format(self.GET_ON))
            self.assertEqual((code, self.calls()), (75, []))
            code = self.signalled(signal.SIGUSR1, script, args, told.format("exit 1"))
            self.assertEqual((code, self.calls()), (1, ["scontrol requeue 42"]))
            code = self.signalled(signal.SIGUSR1, script, args, told.format("exit 0"))
            self.assertEqual((code, self.calls()), (0, []))

    # ---- chains ----

    def test_chain(self):
        for script, args in self.everywhere(chain=True):
            last = {"MAPRED_LINK": "2" if not args else "10", "MAPRED_CHAIN": "42"}
            behind = f" script{''.join(' ' + arg for arg in args)}"
            asked = ["sbatch --parsable --dependency=afternotok:42 --kill-on-invalid-dep=yes" + behind]
            for code, calls in ((0, asked), (75, asked), (205, asked), (3, asked + ["scancel 99"])):
                fake = self.GET_ON if code == 75 else f"exit {code}"
                self.assertEqual(self.code_of(script, *args, fake=fake), code, self.err)
                self.assertEqual(self.calls(), calls)
                self.assertEqual(self.code_of(script, *args, fake=fake, SLURM_JOB_ID="50", **last), code)
                self.assertEqual(self.calls(), [])
                self.assertIn(b"mapred-checkpoint-42", self.arguments())

    # ---- templates ----

    def test_templates_are_the_same(self):
        """From what is exported on they are what `mapred submit` writes."""
        def tail(text):
            return text[text.index("# A node that has gone"):]
        alone = tail(self.script("wordcount", "x"))
        chain = tail(self.script("--chain", "10", "wordcount", "x"))
        chain = chain.replace("link < 10", "link < links").replace('"$0")\n', '"$0" "$@")\n')
        for name, wanted in (("job", alone), ("array", alone), ("chain", chain)):
            self.assertEqual(tail((TEMPLATES / f"{name}.sbatch").read_text()), wanted, name)

    def test_template_arguments(self):
        odd = ["-o", "a b-%a", "", "*", "$x"]
        for name in ("job", "array", "chain"):
            text = (TEMPLATES / f"{name}.sbatch").read_text()
            self.assertEqual(self.code_of(text, "wordcount", *odd), 0, self.err)
            wanted = [word.replace("%a", "7") for word in odd] if name == "array" else odd
            self.assertEqual([os.fsdecode(word) for word in self.arguments()[4:]], wanted)
            self.assertEqual(self.code_of(text, "wordcount"), 2)
            self.assertTrue(re.match("usage: ", self.err))


if __name__ == "__main__":
    drive.main()
