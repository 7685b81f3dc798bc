"""The command line as somebody meets it who has only --help: tables, pages, ids, colours, live views."""
import codecs
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import byhand
import driver
import pytest

WORKFLOW = """\
name: "Nightly \\e]0;owned\\a\\N31m 日本"
on: push
jobs:
  work:
    runs-on: linux
    steps: [{name: First, run: echo hi}, {id: second, run: make all}]
  after: {runs-on: linux, needs: work, steps: [{run: echo never}]}
"""
PATIENCE = 60  # seconds
ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@pytest.fixture
def token(coordinator, repository):
    """A run whose first job waits; the registration token of a runner for it."""
    repo = repository()
    repo.commit({".shithub/workflows/ci.yml": WORKFLOW})
    repo.push()
    driver.wait_for(coordinator.runs, what="a run")
    return coordinator.register_runner("r1", labels="linux")["token"]


class Desk:
    """A verb with a terminal as its standard output."""

    def __init__(self, coordinator, *words, columns=80, **env):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        clean = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TERM")}
        self.process = subprocess.Popen(
            [coordinator.binary, "admin", *words, "--data", coordinator.data], stdout=slave,
            stdin=slave, stderr=subprocess.DEVNULL, env={**clean, "TERM": "xterm", **env})
        os.close(slave)
        self.text, self.decoder = "", codecs.getincrementaldecoder("utf-8")()

    def read(self, deadline):
        """What came by then; False at the end, when nobody has the other end any more."""
        ready, _, _ = select.select([self.master], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError(f"nothing more came after {self.text[-300:]!r}")
        with contextlib.suppress(OSError):
            data = os.read(self.master, 65536)
            self.text += self.decoder.decode(data)
            return bool(data)
        return False

    def read_until(self, wanted):
        deadline = time.monotonic() + PATIENCE
        while wanted not in self.text:
            assert self.read(deadline), (wanted, self.text)

    def end(self):
        """(exit code, all that came)."""
        deadline = time.monotonic() + PATIENCE
        while self.read(deadline):
            pass
        self.decoder.decode(b"", final=True)
        return self.process.wait(timeout=PATIENCE), self.text

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.fixture
def desk(coordinator):
    """desk(*words, **options): a Desk; its verb has ended after the test."""
    with contextlib.ExitStack() as ends:
        def make(*words, **options):
            made = Desk(coordinator, *words, **options)
            ends.callback(made.close)
            return made
        yield make


class Followed:
    """A live verb whose standard output is a pipe."""

    def __init__(self, coordinator, *words):
        self.process = subprocess.Popen(
            [coordinator.binary, "admin", *words, "--data", coordinator.data], stdout=subprocess.PIPE)
        self.data = b""

    def read(self):
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        if not ready:
            raise TimeoutError(f"nothing more came after {self.data[-300:]!r}")
        got = os.read(self.process.stdout.fileno(), 65536)
        self.data += got
        return bool(got)

    def line(self):
        while b"\n" not in self.data:
            assert self.read(), self.data
        line, self.data = self.data.split(b"\n", 1)
        return line.decode()

    def end(self):
        """(exit code, what came after the lines that were taken)."""
        while self.read():
            pass
        return self.process.wait(timeout=PATIENCE), self.data.decode()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def follow(coordinator):
    """follow(*words): a Followed; its verb has ended after the test."""
    with contextlib.ExitStack() as ends:
        def make(*words):
            made = Followed(coordinator, *words)
            ends.callback(made.close)
            return made
        yield make


def text_of(coordinator, *words, code=0):
    done = coordinator.admin(*words, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout.decode()


def refusal(coordinator, *words):
    done = coordinator.admin(*words, check=False)
    said = done.stderr.decode()
    assert done.returncode == 2 and done.stdout == b"" and said.count("\n") == 1, said
    return said


def test_an_id_with_and_without_its_name(coordinator, token):
    [run] = coordinator.runs()
    number = str(run["id"])
    shown = [text_of(coordinator, "run", "show", *words)
             for words in ((number,), ("--id", number), (f"--id={number}",), (number, "--id", number))]
    assert len(set(shown)) == 1 and shown[0].startswith(f"run {number} ")
    assert 'argument "2" and --id differ' in refusal(coordinator, "run", "show", "--id", "1", "2")
    assert "ID or --id ID is required" in refusal(coordinator, "run", "show")
    assert 'unexpected argument "3"' in refusal(coordinator, "run", "show", number, "3")
    assert '"x": expected a whole number' in refusal(coordinator, "run", "show", "x")
    text_of(coordinator, "runner", "drain", "1", "--reason", "kernel")
    assert coordinator.admin_json("runner", "list", "--status", "draining")[0]["id"] == 1


def test_a_slip_of_the_finger_names_what_was_meant(coordinator):
    assert 'did you mean "runner"?' in refusal(coordinator, "runer", "list")
    assert 'did you mean "list"?' in refusal(coordinator, "run", "lst")
    assert "did you mean --branch?" in refusal(coordinator, "run", "list", "--brnach", "x")
    done = driver.run([coordinator.binary, "run", "list"], check=False)
    assert done.returncode == 2 and b'did you mean "admin run"?' in done.stderr
    assert "did you mean" not in refusal(coordinator, "run", "list", "--zebra", "x")
    assert "expected table or json" in refusal(coordinator, "run", "list", "--output", "yaml")
    said = driver.run([coordinator.binary, "help", "admin", "run", "show"]).stdout
    assert said == driver.run([coordinator.binary, "admin", "run", "show", "--help"]).stdout
    assert b"also as an argument" in said


LISTS = (("runner", "list"), ("runner", "queue"), ("runner", "jobs"), ("repo", "list"), ("run", "list"),
         ("hygiene", "history"))


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_an_empty_list_has_titles_and_says_so(coordinator, words):
    done = coordinator.admin(*words)
    [titles] = done.stdout.decode().splitlines()
    assert titles == titles.upper() and titles.strip()
    assert done.stderr.decode().startswith("no ") and done.stderr.count(b"\n") == 1
    assert coordinator.admin_json(*words) == []
    assert coordinator.admin(*words, "--output", "text").stdout == done.stdout, "the old word"


def test_pages(coordinator):
    for number in range(7):
        coordinator.register_runner(f"r{number}", labels="linux")

    def names(*words):
        done = coordinator.admin("runner", "list", "--output", "json", *words)
        return [row["name"] for row in json.loads(done.stdout)], done.stderr.decode()

    everything, said = names()
    assert len(everything) == 7 and said == ""
    assert names("--limit", "3") == (everything[:3], "… 3 of 7 runners; --after 3\n")
    assert names("--limit", "3", "--after", "6") == (everything[6:], "")
    assert names("--after", "7") == ([], "nothing behind that; there are 7 runners\n")
    assert "did you mean" not in refusal(coordinator, "runner", "list", "--page", "2")
    table = text_of(coordinator, "runner", "list", "--limit", "2", "--after", "2")
    assert [line.split()[1] for line in table.splitlines()] == ["NAME", "r2", "r3"]


def test_runs_are_found_by_what_one_remembers(coordinator, token):
    [run] = coordinator.runs()

    def found(*words):
        return [row["id"] for row in coordinator.admin_json("run", "list", *words)]

    for words in (("--status", "queued"), ("--branch", "trunk"), ("--branch", "refs/heads/trunk"),
                  ("--event", "push"), ("--workflow", "ci.yml"), ("--repo", run_repo(coordinator)),
                  ("--workflow", ".shithub/workflows/ci.yml"), ("--actor", "driver")):
        assert found(*words) == [run["id"]], words
    for words in (("--status", "success"), ("--branch", "other"), ("--event", "schedule"),
                  ("--workflow", "i.yml"), ("--actor", "nobody")):
        assert found(*words) == [], words
    assert "expected any, queued" in refusal(coordinator, "run", "list", "--status", "odd")


def run_repo(coordinator):
    return coordinator.admin_json("repo", "list")[0]["full_name"]


def test_colours_are_for_terminals(coordinator, token, desk):
    words = ("runner", "list")
    plain = text_of(coordinator, *words)
    assert "\x1b" not in plain
    code, text = desk(*words).end()
    assert code == 0 and "\x1b[31moffline\x1b[0m" in text
    assert ESCAPE.sub("", text).replace("\r\n", "\n") == plain, "and only those"
    for shown in (desk(*words, NO_COLOR="1"), desk(*words, TERM="dumb"),
                  desk(*words, "--color", "never")):
        code, text = shown.end()
        assert code == 0 and "offline" in text and "\x1b" not in text
    assert "\x1b[31moffline" in text_of(coordinator, *words, "--color", "always")


def test_a_table_fits_its_terminal_and_is_whole_in_a_pipe(coordinator, desk):
    coordinator.admin("runner", "register", "--name", "n" * 90, "--labels", "a" * 90)
    _, text = desk("runner", "list", columns=100, NO_COLOR="1").end()
    lines = text.splitlines()
    assert len(lines) == 2 and all(len(line) <= 100 for line in lines) and "…" in lines[1]
    assert "n" * 90 in text_of(coordinator, "runner", "list")


def test_names_of_strangers_cannot_steer_a_terminal(coordinator, token, desk):
    [run] = coordinator.runs()
    number = str(run["id"])
    for words in (("run", "show", number), ("run", "list")):
        for text in (text_of(coordinator, *words), desk(*words).end()[1]):
            assert not set("\a\x85") & set(text) and "\x1b]" not in text, words
    assert "Nightly ?]0;owned??31m 日本" in text_of(coordinator, "run", "show", number)
    job = byhand.claim(coordinator, token)
    job.logs(b"\x1b]0;owned\a\x1b[31mred\n")
    stored = coordinator.admin("run", "log", "--job", str(job.id)).stdout
    assert stored == b"\x1b]0;owned\a\x1b[31mred\n", "a pipe gets the bytes as stored"
    code, text = desk("run", "log", number).end()
    assert code == 0 and "\\x1b]0;owned\\x07\x1b[31mred" in text and text.endswith("\x1b[0m")


def test_log_of_a_run_a_job_and_a_step(coordinator, token):
    job = byhand.claim(coordinator, token)
    run, number = str(job.run_id), str(job.id)
    job.logs(b"one\ntwo")
    job.logs(b"three\n", step=1)
    title = f"==> job {number} work, step"
    assert text_of(coordinator, "run", "log", run) == (
        f"{title} 0 First <==\none\ntwo\n{title} 1 Run make all <==\nthree\n")
    for words in (("--job", number), (run, "--job", number), (run, "--job", "work")):
        assert text_of(coordinator, "run", "log", *words) == "one\ntwothree\n"
    for step in ("1", "second", "Run make all"):
        assert text_of(coordinator, "run", "log", "--job", number, "--step", step) == "three\n"
    assert text_of(coordinator, "run", "log", run, "--job", "after") == ""
    for words in ((run, "--job", "nope"), (run, "--step", "nope"), ("99",), ("--job", "99")):
        text_of(coordinator, "run", "log", *words, code=1)
    assert "expected a run" in refusal(coordinator, "run", "log")
    assert "a run before it" in refusal(coordinator, "run", "log", "--job", "work")


@pytest.mark.parametrize("conclusion, code", [("success", 0), ("failure", 1), ("cancelled", 1)])
def test_log_follows_to_the_end(coordinator, token, follow, conclusion, code):
    job = byhand.claim(coordinator, token)
    followed = follow("run", "log", "--job", str(job.id), "--follow")
    for text in ("one", "two"):
        job.logs(text.encode() + b"\n")
        assert followed.line() == text, "while the job runs"
    job.logs(b"last words", step=1)
    job.end(conclusion)
    assert followed.end() == (code, "last words")
    again = coordinator.admin("run", "log", "--job", str(job.id), "--follow", check=False)
    assert (again.returncode, again.stdout) == (code, b"one\ntwo\nlast words"), "also afterwards"


def test_watch_tells_each_change_and_how_it_ended(coordinator, token, follow):
    [run] = coordinator.runs()
    watched = follow("run", "watch", str(run["id"]))

    def line():
        return watched.line().split(" ", 1)[1]

    assert [line() for _ in range(3)][-1] == f"run {run['id']}: queued"
    job = byhand.claim(coordinator, token)
    assert line() == f"job {job.id} work: running on r1"
    assert line() == f"run {run['id']}: running"
    job.step(0, "running")
    assert line() == f"job {job.id} work: step 0 First: running"
    job.step(0, "completed", conclusion="success")
    assert line() == f"job {job.id} work: step 0 First: success"
    job.end("failure")
    code, rest = watched.end()
    assert f"job {job.id} work: failure\n" in rest and "after: skipped\n" in rest
    assert code == 1 and rest.endswith(f"run {run['id']}: failure\n")


def test_watch_on_a_terminal_draws_over_itself(coordinator, token, desk):
    [run] = coordinator.runs()
    watch = desk("run", "watch", str(run["id"]))
    watch.read_until("waits for linux")
    job = byhand.claim(coordinator, token)
    watch.read_until("r1")
    assert "\x1b[4F\x1b[J" in watch.text, "two jobs, titles and the run"
    job.end()
    byhand.claim(coordinator, token).end()
    code, text = watch.end()
    assert code == 0 and "\x1b[32msuccess\x1b[0m" in text
    assert text.endswith("\r\n"), "the prompt comes below it"


@pytest.mark.parametrize("words", [("run", "watch"), ("run", "log", "--follow")], ids=" ".join)
def test_interrupt_ends_a_live_verb_at_once(coordinator, token, desk, words):
    job = byhand.claim(coordinator, token)
    job.logs(b"half a line")
    live = desk(*words, str(job.run_id))
    live.read_until("First")
    live.process.send_signal(signal.SIGINT)
    code, text = live.end()
    assert code == -signal.SIGINT and text.endswith("\n"), "as a shell expects, and a prompt of its own"


# What upstream's verbs say of themselves (`admin runner`), as scripts for it read them.
KEYS = {
    ("runner", "list"): "id name status capacity active_job_count labels host_name version "
                        "last_heartbeat_at last_heartbeat_age_seconds draining_at drain_reason "
                        "revoked_at revoked_reason created_at",
    ("runner", "queue"): "runs_on queued_jobs matching_runner_count oldest_queued_at "
                         "oldest_queued_seconds",
    ("runner", "register", "--name", "keys"): "id name labels capacity token token_expires_at",
    ("runner", "preflight"): "ok checked_count ready_count stale_count offline_count draining_count "
                             "missing_version_count version_drift_count reasons",
    ("runner", "cleanup-stale", "--older-than", "1ms"): "id name",
}


def test_one_runner_and_one_repository(coordinator, token):
    """What the lists say of one, and what stands in no list."""
    rows = {row["id"]: row for row in coordinator.admin_json("runner", "list")}
    [row] = rows.values()
    job = byhand.claim(coordinator, token)
    shown = coordinator.admin_json("runner", "show", str(row["id"]))
    assert set(row) <= set(shown) and shown["active_jobs"] == 1
    assert [(one["job_id"], one["run_id"], one["name"]) for one in shown["jobs"]] == [
        (job.id, job.run_id, "work")]
    byhand.heartbeat(coordinator, token, host_name="h\x1b[31m", active_job_ids=[job.id])
    coordinator.admin("runner", "drain", str(row["id"]), "--reason", "new disk")
    text = coordinator.admin("runner", "show", str(row["id"])).stdout.decode()
    assert "draining, 1 of 1 jobs" in text and "new disk" in text and "\x1b" not in text
    assert f"{job.id} of run {job.run_id}: work" in text
    assert coordinator.admin("runner", "show", "99", check=False).returncode == 1

    [row] = coordinator.admin_json("repo", "list")
    shown = coordinator.admin_json("repo", "show", row["full_name"].upper())
    assert {key: shown[key] for key in row} == row
    assert (shown["run_count"], shown["open_run_count"], shown["runner_count"]) == (1, 1, 0)
    coordinator.admin("runner", "register", "own", "--repo", row["full_name"])
    assert coordinator.admin_json("repo", "show", row["full_name"])["runner_count"] == 1
    assert b"1 runs, 1 of them not over, 1 runners" in coordinator.admin("repo", "show", row["full_name"]).stdout
    for name, code in (("demo/none", 1), ("none", 2), ("", 2)):
        assert coordinator.admin("repo", "show", name, check=False).returncode == code, name
    assert coordinator.admin("repo", "show", check=False).returncode == 2


@pytest.mark.parametrize("words", KEYS, ids=lambda words: " ".join(words[:2]))
def test_keys_are_those_of_the_hosted_service(coordinator, token, words):
    byhand.heartbeat(coordinator, token, capacity=0)
    done = coordinator.admin(*words, "--output", "json", check=False)
    answer = json.loads(done.stdout)
    row = answer[0] if isinstance(answer, list) else answer
    assert set(KEYS[words].split()) <= set(row), row


# What a verb needs to get past its own checks; the others need nothing.
NEEDED = {
    "run show": "1", "run log": "1", "run watch": "1", "run explain": "1", "run rerun": "1",
    "run pin": "1", "run unpin": "1", "run cancel": "1", "run approve": "1",
    "run dispatch": "o/n ci.yml", "run-job": "workflow:cleanup",
    "runner drain": "1", "runner undrain": "1", "runner revoke": "1", "runner show": "1",
    "runner rotate-token": "1", "runner set-labels": "1 --labels a",
    "runner recover-stale-jobs": "1 --dry-run", "runner scope-doctor": "--name a --owner-id 1 --repo-id 1",
    "repo show": "o/n", "repo set": "o/n --visibility public", "repo grant": "o/n u --role read",
    "repo revoke": "o/n u", "repo access": "o/n", "repo badge-token": "--repo o/n",
    "user show": "u", "user disable": "u", "user enable": "u", "user set-admin": "u on",
    "user password": "u", "user link": "u", "user unlink": "u",
    "owner member set": "o u", "owner member remove": "o u", "owner member list": "o",
    "token revoke": "1", "secret list": "--site", "secret delete": "--site --name X",
    "variable list": "--site", "variable delete": "--site --name X",
    "environment set": "--repo o/n --name e", "environment list": "--repo o/n",
    "environment delete": "--repo o/n --name e", "environment approve": "1 --name e",
    "environment reject": "1 --name e", "webhook deliveries": "1", "webhook test": "1",
    "webhook delete": "1", "policy set": "actions_enabled=true", "policy unset": "actions_enabled",
    "emergency-stop": "--reason x",
}
MAKERS = {
    "repo add": "o/n", "user add": "u", "owner add": "o", "token create": "me", "runner register": "r",
    "secret set": "--site --name X", "variable set": "--site --name X",
    "webhook set": "--site --to http://192.0.2.1/",
}


def verbs_of(verbs, path=()):
    for verb in verbs:
        if verb["runs"]:
            yield " ".join((*path, verb["name"]))
        yield from verbs_of(verb["verbs"] or [], (*path, verb["name"]))


def test_only_verbs_that_add_make_a_folder(build, folder):
    """A slip in --data must not look like an empty pool, nor like a change that was made."""
    top = json.loads(driver.run([build / "shithubd", "admin", "--help=json"]).stdout)
    paths = [path for path in verbs_of(top["verbs"]) if not path.startswith("actions ")]
    assert set(NEEDED) | set(MAKERS) <= set(paths)
    for number, path in enumerate(paths):
        data = folder / f"data-{number}"
        words = [*path.split(), *(NEEDED.get(path) or MAKERS.get(path, "")).split()]
        done = driver.run([build / "shithubd", "admin", *words, "--data", data], check=False,
                          stdin=b"a long value")
        if path in MAKERS:
            assert done.returncode == 0 and (data / "shithubd.db").exists(), (path, done.stderr)
        else:
            assert done.returncode in (2, 5) and not done.stdout, (path, done.returncode, done.stderr)
            assert b"shithubd.db" in done.stderr and not data.exists(), (path, done.stderr)


def test_relative_paths(build, folder):
    """Every path of a person is relative to where they stand."""
    (folder / "here").mkdir()
    for number, data in enumerate(("d", "./d", "../here/d")):
        driver.run([build / "shithubd", "admin", "repo", "add", f"demo/r{number}", "--data", data],
                   cwd=folder / "here")
    done = driver.run([build / "shithubd", "admin", "repo", "list", "--data", folder / "here/d"])
    assert done.stdout.count(b"demo/r") >= 3
    (folder / "here/shithubd.toml").write_text('[server]\ndata_dir = "../data"\nlisten = "127.0.0.1:0"\n')
    with driver.Program([build / "shithubd", "serve", "--config", folder / "here/shithubd.toml",
                         "--ready-file", folder / "ready"], folder / "log") as program:
        driver.wait_for((folder / "ready").exists, what="serve")
        assert program.stop() == 0 and (folder / "data/shithubd.db").exists(), "at the file's folder"
