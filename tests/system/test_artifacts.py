"""Artifacts from one job to another through the real runner and the real coordinator.

The coordinator's files and rows are changed between the jobs where a test needs what only an
attacker or a broken disk would do.
"""
import gzip
import hashlib
import http.server
import io
import json
import re
import sqlite3
import tarfile
import threading

import pytest

import driver
from conftest import Job, everyday, few, newest_run, offline, once
from faulty import Handler

pytestmark = offline

UPLOAD = "shithub/upload-artifact@v1"
DOWNLOAD = "shithub/download-artifact@v1"


class Jobs:
    """The jobs of a run by key, each as conftest's Job."""

    def __init__(self, coordinator, run):
        self.by_key = {}
        for number, row in enumerate(run["jobs"]):
            one = Job(coordinator, run, None, None)
            one.row, one.steps = run["jobs"][number], row["steps"]
            self.by_key[row["key"]] = one

    def __getitem__(self, key):
        return self.by_key[key]


def job_text(key, steps, needs=""):
    lines = steps.strip("\n").splitlines()
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    body = "\n".join("      " + line[margin:] for line in lines)
    return (f"  {key}:\n    runs-on: ubuntu-latest\n" + (f"    needs: {needs}\n" if needs else "")
            + f"    steps:\n{body}\n")


@pytest.fixture
def two(repository, coordinator, joined):
    """two(first, second, between=None): runs job a, then job b that needs it."""
    def make(first, second, between=None, **flags):
        repo = repository()
        text = ("name: CI\non: push\njobs:\n" + job_text("a", first) + job_text("b", second, "a"))
        repo.commit({"README.md": "# sample\n", ".shithub/workflows/ci.yml": text})
        repo.push()
        run_id = newest_run(coordinator)
        assert coordinator.show(run_id)["jobs"], coordinator.show(run_id)
        runner = joined(**flags)
        runner.once()
        first_job = Jobs(coordinator, coordinator.show(run_id))["a"]
        assert first_job.conclusion == "success", [
            first_job.text(index) for index in range(len(first_job.steps))]
        if between:
            between(run_id)
        runner.once()
        return Jobs(coordinator, coordinator.show(run_id))
    return make


def action(name, inputs, step_id):
    lines = "\n".join(f"    {key}: {json.dumps(value)}" for key, value in inputs.items())
    return (f"- uses: {name}\n" + (f"  id: {step_id}\n" if step_id else "")
            + (f"  with:\n{lines}\n" if inputs else ""))


def upload(path, step_id=None, **more):
    return action(UPLOAD, {"name": "box", "path": path, **more}, step_id)


def download(step_id=None, **more):
    return action(DOWNLOAD, more, step_id)


# Everything that a tree may be told apart by; times in seconds, as the archive has them.
LIST = ("cd {} && find . -mindepth 1 -printf '%p %y %m %l %Ts\\n' | sort && "
        "find . -type f -print0 | sort -z | xargs -0 sha256sum\n")
TREE = """
mkdir -p out/sub/deep out/empty
printf '#!/bin/sh\\necho hi\\n' > out/run.sh; chmod 755 out/run.sh
head -c 300000 /dev/urandom > out/sub/random.bin; chmod 640 out/sub/random.bin
: > out/sub/deep/nothing; chmod 444 out/sub/deep/nothing
printf x > 'out/a name with blanks'
printf y > "out/sub/$(printf 'n%.0s' $(seq 150))"
ln -s ../run.sh out/sub/link
ln -s missing out/dangling
chmod 775 out/sub/deep
touch -d 2020-02-02T02:02:02Z out/run.sh
"""


def script(text):
    body = "\n".join("    " + line for line in text.strip("\n").splitlines())
    return f"- run: |\n{body}\n"


@few
@everyday
def test_a_tree_arrives_as_it_was(two):
    jobs = two(script(TREE) + upload("out", "up") + script(LIST.format("out"))
               + "- run: echo ${{ steps.up.outputs.artifact-id }}"
                 " ${{ steps.up.outputs.artifact-digest }}\n",
               download("down", name="box", path="got") + script(LIST.format("got"))
               + "- run: echo ${{ steps.down.outputs.download-path }}\n")
    a, b = jobs["a"], jobs["b"]
    assert (a.conclusion, b.conclusion) == ("success", "success"), a.text(1) + b.text(0)
    sent, got = a.text(2).splitlines(), b.text(1).splitlines()
    assert len(sent) > 12 and got == sent
    number, digest = a.text(3).split()
    assert number.isdigit() and re.fullmatch("[0-9a-f]{64}", digest)
    assert digest in a.text(1) and digest in b.text(0)
    assert "signature=" not in a.text(1) + b.text(0), "a signed URL is a secret"
    assert b.text(2) == "/workspace/got\n"


@once
def test_what_is_taken(two):
    first = script("""
mkdir -p out/x web .hid
touch out/keep.txt out/.hidden out/x/drop.o out/x/keep.o web/index.html other .hid/f
ln -s /etc/passwd out/absolute
ln -s ../../.. out/up
""")
    first += upload("out\n/workspace/web/*.html\n!**/drop.o", name="default")
    first += upload("**", name="hidden", **{"include-hidden-files": True, "compression-level": 0})
    jobs = two(first, download() + "- run: find default hidden -type f -o -type l | sort\n")
    assert jobs["a"].conclusion == jobs["b"].conclusion == "success", jobs["a"].text(1)
    assert jobs["b"].text(1).split() == [
        "default/out/keep.txt", "default/out/x/keep.o", "default/web/index.html",
        "hidden/.hid/f", "hidden/other", "hidden/out/.hidden", "hidden/out/keep.txt",
        "hidden/out/x/drop.o", "hidden/out/x/keep.o", "hidden/web/index.html"]
    log = jobs["a"].text(1)
    assert "out/absolute left out" in log and "out/up left out" in log


@once
def test_several_and_patterns(two):
    first = script("echo 1 > one; echo 2 > two; echo 3 > three")
    for name in ("one", "two", "three"):
        first += upload(name, name="part-" + name if name != "three" else "other")
    second = (download(pattern="part-*", path="p") + download(pattern="part-*", path="/workspace/m",
                                                              **{"merge-multiple": True})
              + download(pattern="none-*") + "- run: grep . -r p m | sort\n")
    jobs = two(first, second)
    assert jobs["b"].conclusion == "success"
    assert jobs["b"].text(3).split() == ["m/one:1", "m/two:2", "p/part-one/one:1",
                                         "p/part-two/two:2"]
    assert "no artifacts that the pattern matches" in jobs["b"].text(2)


@once
def test_nothing_found(job):
    done = job(upload("none") + upload("none", **{"if-no-files-found": "ignore"})
               + upload("none", **{"if-no-files-found": "error"}))
    assert done.conclusions() == ["success", "success", "failure"]
    assert "::warning::no files were found" in done.text(0)
    assert "::warning::" not in done.text(1)
    assert "no files were found with the path given: none" in done.text(2)


BAD_INPUTS = [
    (upload("../x"), "line 1: \"../x\" leads out of the workspace"),
    (upload("/etc"), "line 1: \"/etc\" is absolute"),
    (upload("!x"), "at least one line"),
    (upload("", name="x"), "path is missing"),
    (upload(".", name="a/b"), "name: \"a/b\", expected 1 to 100"),
    (upload(".", name="..x"), "no two dots"),
    (upload(".", **{"retention-days": 91}), "retention-days: \"91\", expected a whole number from"),
    (upload(".", **{"compression-level": 10}), "compression-level"),
    (upload(".", **{"if-no-files-found": "maybe"}), "expected warn, error or ignore"),
    (upload(".", colour="red"), "input \"colour\" is not supported"),
    (download(name="none"), "the run has no artifact \"none\""),
    (download(name="x", pattern="x"), "name or pattern, not both"),
    (download(name="x", path="../y"), "expected names without"),
    (download(**{"run-id": 5}), "run-id is not supported"),
]


def may_fail(step, step_id):
    return step.replace("- uses", f"- continue-on-error: true\n  id: {step_id}\n  uses", 1)


@once
def test_bad_inputs_fail_their_steps(job):
    steps = "".join(may_fail(step, f"s{n}") for n, (step, _) in enumerate(BAD_INPUTS))
    outcomes = " ".join("${{ steps.s%d.outcome }}" % n for n in range(len(BAD_INPUTS)))
    done = job(steps + f"- run: echo {outcomes}\n")
    for index, (step, words) in enumerate(BAD_INPUTS):
        assert words in done.text(index), (step, done.text(index))
    assert done.text(len(BAD_INPUTS)).split() == ["failure"] * len(BAD_INPUTS)


@once
def test_same_name_again(job):
    done = job(script("echo 1 > f") + upload("f") + "- run: echo 2 > f\n" + upload("f", overwrite=True)
               + download(name="box", path="d") + "- run: cat d/f\n"
               + upload("f"))
    assert done.conclusions() == ["success"] * 6 + ["failure"]
    assert done.text(5) == "2\n"
    assert "has an artifact \"box\" already; set overwrite: true" in done.text(6)


@once
def test_caps_of_runner_and_coordinator(job, build, folder):
    done = job("- run: head -c 300000 /dev/urandom > big\n" + upload("big") + upload("big"),
               config=limits(folder, "64k"))
    assert done.conclusions() == ["success", "failure", "skipped"]
    assert "larger than 65536 bytes packed" in done.text(1)


def limits(folder, size):
    path = folder / "limits.toml"
    path.write_text(f'[runner]\nartifact_limit = "{size}"\n')
    return path


def store(coordinator):
    return sqlite3.connect(coordinator.folder / "data/shithubd.db", timeout=20)


def object_path(coordinator, run_id, name="box"):
    return coordinator.folder / f"data/objects/actions/runs/{run_id}/artifacts/{name}"


def replace_object(coordinator, run_id, data, with_digest=True, name="box"):
    """Puts other bytes in an artifact's place, as somebody with the coordinator's disk could."""
    object_path(coordinator, run_id, name).write_bytes(data)
    if with_digest:
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        with store(coordinator) as db:
            changed = db.execute("UPDATE artifacts SET size_bytes = ?, digest = ? WHERE run_id = ? "
                                 "AND name = ?", (len(data), digest, run_id, name))
        assert changed.rowcount == 1


def archive(*members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, text in (("first", tarfile.REGTYPE, "x"), *members):
            info = tarfile.TarInfo(name)
            info.type, info.mode = kind, 0o6755
            data = text.encode() if kind == tarfile.REGTYPE else b""
            info.linkname, info.size = (text if not data else ""), len(data)
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(out.getvalue())


FILE, LINK = tarfile.REGTYPE, tarfile.SYMTYPE


HOSTILE_ARCHIVES = [
    (archive(("../evil", FILE, "x")), "expected names without"),
    (archive(("/workspace/evil", FILE, "x")), "expected a relative one"),
    (archive(("l", LINK, "/etc"), ("l/evil", FILE, "x")), "relative target"),
    (archive(("l", LINK, "."), ("l/evil", FILE, "x")), "is below the link"),
    (archive(("l", LINK, "../..")), "leads out of the artifact"),
    (archive(("hard", tarfile.LNKTYPE, "first")), "hard link"),
    (archive(("null", tarfile.CHRTYPE, "")), "device file"),
    (archive(("pipe", tarfile.FIFOTYPE, "")), "named pipe"),
    (archive(("a\x1b[2J", FILE, "x")), "control character"),
    (archive()[:-9], "ends in the middle"),
    (b"PK\3\4 no gzip", "not a gzip stream"),
    (gzip.compress(b"\0" * 5000 + b"x" * 1000), "end of the archive"),
]


@once
def test_hostile_archives_are_refused(two, coordinator):
    numbers = range(len(HOSTILE_ARCHIVES))

    def replace(run_id):
        for number, (data, _) in enumerate(HOSTILE_ARCHIVES):
            replace_object(coordinator, run_id, data, name=f"a{number}")
    outcomes = " ".join("${{ steps.s%d.outcome }}" % number for number in numbers)
    jobs = two(script("echo 1 > f") + "".join(upload("f", name=f"a{number}") for number in numbers),
               "".join(may_fail(download(name=f"a{number}", path=f"d/{number}"), f"s{number}")
                       for number in numbers)
               + f"- run: |\n    echo {outcomes}\n    find . d\n", replace)
    done = jobs["b"]
    for index, (_, words) in enumerate(HOSTILE_ARCHIVES):
        log = done.text(index)
        assert words in log and "nothing was written" in log, (words, log)
    outcome, *found = done.text(len(HOSTILE_ARCHIVES)).splitlines()
    assert outcome.split() == ["failure"] * len(HOSTILE_ARCHIVES)
    assert not [path for path in found if "evil" in path or "first" in path], found


@once
def test_modes_are_masked(two, coordinator):
    jobs = two(script("echo 1 > f") + upload("f"),
               download(name="box", path="d") + "- run: stat -c '%a %u' d/first\n",
               lambda run_id: replace_object(coordinator, run_id, archive()))
    assert jobs["b"].text(1) == "755 65534\n"


@once
def test_other_bytes_than_announced(two, coordinator):
    jobs = two(script("echo 1 > f") + upload("f"),
               download(name="box", path="d") + "- if: always()\n  run: ls -A\n",
               lambda run_id: replace_object(coordinator, run_id, archive(), with_digest=False))
    assert jobs["b"].conclusion == "failure"
    # the coordinator compares before it answers, so the runner's own check has nothing to find
    assert 'artifact "box": download: HTTP 500' in jobs["b"].text(0), jobs["b"].text(0)
    assert "is damaged: its size is not that of its row" in coordinator.program.log()
    assert jobs["b"].text(1) == ""


@once
def test_expired_ones_are_gone(two, coordinator):
    def expire(run_id):
        with store(coordinator) as db:
            db.execute("UPDATE artifacts SET expires_at = 1 WHERE run_id = ?", (run_id,))
        driver.wait_for(lambda: not object_path(coordinator, run_id).exists(), 30,
                        "the expired object to go")
    jobs = two(script("echo 1 > f") + upload("f", **{"retention-days": 1}), download(name="box"),
               expire)
    assert "the run has no artifact" in jobs["b"].text(0)
    with store(coordinator) as db:
        assert db.execute("SELECT count(*) FROM artifacts").fetchone() == (0,)


@once
def test_retention_is_kept(job, coordinator):
    done = job(script("echo 1 > f") + upload("f", **{"retention-days": 3}))
    assert done.conclusion == "success"
    with store(coordinator) as db:
        created, expires = db.execute("SELECT created_at, expires_at FROM artifacts").fetchone()
    assert expires - created == 3 * 24 * 3600 * 10 ** 6


@few
def test_links_of_a_step_are_not_followed(two, folder):
    outside = folder / "outside"
    outside.mkdir(mode=0o777)
    outside.chmod(0o777)
    jobs = two(script("mkdir out; echo 1 > out/f") + upload("out"),
               script(f"ln -s {outside} d; ln -s {outside}/g f") + download(name="box", path="d")
               + "- if: always()\n  uses: shithub/download-artifact@v1\n  with:\n    name: box\n"
               + "- if: always()\n  run: test ! -L f && cat f\n"
               + "- if: always()\n  uses: shithub/upload-artifact@v1\n  with:\n    path: d/x\n"
                 "    name: other\n")
    b = jobs["b"]
    assert b.conclusions() == ["success", "failure", "success", "success", "success"], b.text(4)
    assert b.text(3) == "1\n", "a link in a file's place is replaced"
    assert "d left out: a symbolic link, which is not followed" in b.text(4)
    assert "no files were found" in b.text(4)
    assert list(outside.iterdir()) == []


@once
def test_cancel_while_packing(repository, coordinator, joined, pat):
    repo = repository()
    text = "name: CI\non: push\njobs:\n" + job_text("a", script(
        "head -c 400M /dev/urandom > big") + upload("big", **{"compression-level": 9})
        + "- if: always()\n  uses: shithub/upload-artifact@v1\n  with:\n    path: README\n"
        + "- if: always()\n  run: echo still here\n")
    repo.commit({".shithub/workflows/ci.yml": text})
    repo.push()
    program = joined().start()
    run_id = newest_run(coordinator)
    steps = lambda: coordinator.show(run_id)["jobs"][0]["steps"]  # noqa: E731
    driver.wait_for(lambda: steps()[1]["status"] == "running", 60, "the upload to begin")
    job_id = coordinator.show(run_id)["jobs"][0]["id"]
    coordinator.request("POST", f"/api/v1/jobs/{job_id}/cancel", b"", pat)
    driver.wait_for(lambda: coordinator.show(run_id)["status"] in ("completed", "cancelled"), 60,
                    "the end of the run")
    assert steps()[1]["conclusion"] == "cancelled"
    assert coordinator.step_log(job_id, 3) == b"still here\n"
    assert program.stop() == 0


class ObjectHandler(Handler):
    """The faulty coordinator with a place for one artifact, whose uploads fail as it is told."""
    failures = []
    puts = []
    answer = {}

    def route(self, raw):
        found = re.fullmatch(r"/api/v1/jobs/(\d+)/artifacts/(upload|list)", self.path)
        if not found:
            return super().route(raw)
        status, headers, body = self.coordinator.job_call(
            int(found[1]), "artifacts/" + found[2], None, self.headers, json.loads(raw))
        base = f"{self.coordinator.base}/object"
        more = {"artifact_id": "a-1", "upload_url": base, **self.answer} if status == 200 else {}
        return status, headers, json.dumps({**json.loads(body), **more}).encode()

    def do_PUT(self):
        length = int(self.headers["Content-Length"])
        failure = self.failures.pop(0) if self.failures else 200
        if failure == "cut":
            self.rfile.read(length // 2)
            self.close_connection = True
            return
        self.puts.append(self.rfile.read(length))
        assert self.headers["Authorization"] is None, "a signed URL needs no token"
        self.send_response(failure)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def objects(faulty):
    """objects(failures, **answer): the handler of the faulty coordinator from now on."""
    def make(failures=(), **answer):
        made = type("Made", (ObjectHandler,), {"coordinator": faulty, "failures": list(failures),
                                               "puts": [], "answer": answer})
        faulty.server.RequestHandlerClass = made
        return made
    return make


def one_job(faulty, runner, *steps):
    program = runner(faulty.base, faulty.token, poll_interval="100ms").start()
    done = faulty.offer_job(7, steps=[{"run": "echo hello > f"}, *steps])
    faulty.wait_final(done)
    assert program.alive()
    return done, done.log(701).decode()


UP = {"run": "", "uses": UPLOAD, "with": {"path": "f", "name": "box"}}
DOWN = {"run": "", "uses": DOWNLOAD, "with": {"name": "box"}}


@once
def test_uploads_are_tried_again(faulty, runner, objects):
    made = objects([503, "cut", 200])
    done, log = one_job(faulty, runner, UP)
    assert done.final == ("completed", "success"), log
    assert len(made.puts) == 2 and made.puts[0] == made.puts[1], "the same bytes each time"
    assert gzip.decompress(made.puts[1])[:2] == b"f\0"
    assert "HTTP 503" in log and "try 2 in" in log and "id a-1" in log
    asked = [body for what, _, body in done.calls if what == "artifacts/upload"]
    assert asked == [{"name": "box", "size_bytes": len(made.puts[0])}], "nothing but the protocol's"


@once
def test_a_refused_upload_is_told(faulty, runner, objects):
    made = objects([403])
    done, log = one_job(faulty, runner, UP)
    assert done.final == ("completed", "failure")
    assert len(made.puts) == 1 and "HTTP 403" in log and faulty.base + "/object" not in log


@once
def test_a_coordinator_without_artifacts(faulty, runner):
    done, log = one_job(faulty, runner, DOWN, {**UP, "if": "always()"})
    assert done.final == ("completed", "failure")
    assert "this coordinator has no list of artifacts" in log
    assert "HTTP 404" in done.log(702).decode()
    assert done.replays == 0, "the token chain is whole"


BAD_LISTS = [
    ({"artifacts": "x"}, "expected a list of artifacts"),
    ({"artifacts": [{"name": "box"}]}, "expected name, size_bytes, digest and download_url"),
    ({"artifacts": [{"name": "../x", "size_bytes": 1, "digest": "sha256:" + "0" * 64,
                     "download_url": "http://127.0.0.1:9/x"}]}, "no two dots in front"),
    ({"artifacts": [{"name": "box", "size_bytes": 1, "digest": "md5:0",
                     "download_url": "http://127.0.0.1:9/x"}]}, "sha256:<64 hex digits>"),
    ({"artifacts": [{"name": "box", "size_bytes": 1, "digest": "sha256:" + "0" * 64,
                     "download_url": "file:///etc/passwd"}]}, "expected http:// or https://"),
    ({"artifacts": [{"name": "box", "size_bytes": 1 << 50, "digest": "sha256:" + "0" * 64,
                     "download_url": "http://127.0.0.1:9/x"}]}, "this runner takes"),
]


@once
def test_bad_lists_fail_the_download(faulty, runner, objects):
    program = runner(faulty.base, faulty.token, poll_interval="100ms").start()
    for number, (answer, words) in enumerate(BAD_LISTS, 7):
        objects(**answer)
        done = faulty.offer_job(number, steps=[{"run": "echo hello > f"}, DOWN])
        assert faulty.wait_final(done) == ("completed", "failure")
        assert words in done.log(number * 100 + 1).decode(), (answer, done.log())
    assert program.alive()


# the stand-in's own address is 127.0.0.1, so the addresses of this host are the coordinator's own
INSIDE = [("http://169.254.169.254/latest", "link-local"), ("http://10.255.255.1:9/x", "private"),
          ("http://[fd12::1]/x", "private"), ("http://[::ffff:192.168.255.1]:9/x", "private")]


@once
def test_artifacts_stay_outside(faulty, runner, objects):
    """An upload URL may be elsewhere, but not on the networks behind this host: no connection."""
    program = runner(faulty.base, faulty.token, poll_interval="100ms").start()
    for number, (url, kind) in enumerate(INSIDE, 7):
        made = objects(upload_url=url)
        done = faulty.offer_job(number, steps=[{"run": "echo hello > f"}, UP])
        assert faulty.wait_final(done) == ("completed", "failure")
        log = done.log(number * 100 + 1).decode()
        assert f"leads to an address that is {kind}" in log and made.puts == []
        assert "try 2" not in log and url not in log
    assert program.alive()


class Inside(http.server.BaseHTTPRequestHandler):
    """A service that is none of the coordinator's business."""
    words = b"inner word"

    def do_GET(self):
        self.send_response(403 if self.path == "/refused" else 200)
        self.send_header("Content-Length", str(len(self.words)))
        self.end_headers()
        self.wfile.write(self.words)

    def log_message(self, *_):
        pass


@once
@pytest.mark.parametrize("path, words", [("refused", "HTTP 403"), ("open", "size or digest")])
def test_nothing_of_another_answer_is_told(faulty, runner, objects, path, words):
    """Elsewhere: neither what a server says nor what it holds comes into the log."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Inside) as inside:
        threading.Thread(target=inside.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{inside.server_port}/{path}"
        objects(artifacts=[{"name": "box", "size_bytes": 5, "digest": "sha256:" + "0" * 64,
                            "download_url": url}])
        done, log = one_job(faulty, runner, DOWN)
        inside.shutdown()
    assert done.final == ("completed", "failure") and words in log
    for told in ("inner word", hashlib.sha256(Inside.words).hexdigest(), f" {len(Inside.words)} "):
        assert told not in log, log
