"""A coordinator with things to see: what the tests of the pages look at, and who takes screenshots."""
import io
import tarfile
import urllib.request

import byhand
import driver

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202egnp\u202c"
WORKFLOW = """\
name: CI
run-name: ${{ github.event_name == 'workflow_dispatch' && 'By hand' || '' }}
on: [push, workflow_dispatch]
jobs:
  lint: {runs-on: linux, steps: [{name: Check formatting, run: make lint}]}
  build:
    runs-on: linux
    needs: lint
    strategy: {fail-fast: false, matrix: {cc: [gcc, clang], opt: [O0, O2]}}
    steps:
      - uses: actions/checkout@v4
      - {name: Compile, run: make}
      - {name: Test, run: make test}
  docs: {runs-on: linux, needs: lint, steps: [{run: make docs}]}
  deploy:
    runs-on: [linux, windows-latest]
    needs: docs
    steps: [{name: Deploy, run: ./deploy}]
"""
SUMMARY = """\
## Sizes of this build

Larger than on `trunk` by **1.2 %**, see [the chart](https://example.org/chart).

| file | before | now |
|------|-------:|----:|
| a.out | 1.9 KB | 2.0 KB |
| <b>lib.so</b> | 14 KB | 14 KB |

- [x] built
- [ ] stripped
"""
NIGHTLY = """\
name: Nightly
on: {schedule: [{cron: "30 4 * * 1-5"}, {cron: "0 0 1 * *"}]}
jobs: {a: {runs-on: linux, steps: [{run: ls}]}}
"""
LOG = """\
::group::Environment
PATH=/usr/local/bin:/usr/bin
CC=gcc
::endgroup::
$ make test
cc -O2 -c src/queue.c
\x1b[33msrc/queue.c:184:9:\x1b[0m \x1b[1;35mwarning:\x1b[0m unused variable 'left'
::warning file=src/queue.c,line=184,title=Unused::unused variable 'left'
 10%\r 50%\r100% done
\x1b[32mPASS\x1b[0m  test_queue (0.21 s)
\x1b[32mPASS\x1b[0m  test_store (1.04 s)
\x1b[31mFAIL\x1b[0m  test_claim (0.08 s)
    expected 3, got 4
    at tests/test_claim.c:77
::error file=tests/test_claim.c,line=77,title=test_claim::expected 3, got 4
make: *** [Makefile:31: test] Error 1
[shithub] exit code 2
"""


class Claimed(byhand.Claimed):
    """A job of a runner that says where it runs."""

    def __init__(self, coordinator, registration):
        answer = byhand.heartbeat(coordinator, registration, host_name="build-host-1", version="0.1.0")
        assert answer.status == 200, (answer.status, answer.body)
        super().__init__(coordinator, answer.json())

    def start(self):
        self.must("status", {"status": "running"})

    def say(self, step, text):
        self.logs(text if isinstance(text, bytes) else text.encode(), step=step)

    def artifact(self, name, files):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            for path, data in files.items():
                entry = tarfile.TarInfo(path)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
        answer = self.must("artifacts/upload", {"name": name, "size_bytes": len(packed.getvalue())})
        urllib.request.urlopen(urllib.request.Request(
            answer["upload_url"], data=packed.getvalue(), method="PUT"), timeout=30).close()
        return packed.getvalue()


def finish(claimed, conclusion="success", log="$ make\nok\n"):
    """The whole job: every step with that log, the last one with that conclusion."""
    claimed.start()
    for number in range(len(claimed.steps)):
        last = number == len(claimed.steps) - 1
        claimed.step(number, "running")
        claimed.say(number, log if last or conclusion == "success" else "$ true\n")
        claimed.step(number, "completed", conclusion=conclusion if last else "success")
    claimed.end(conclusion)


def failed_run(coordinator, repo, token):
    """Pushes, and takes the run as far as a failed leg and a job that waits."""
    repo.commit({".shithub/workflows/ci.yml": WORKFLOW}, "Count jobs that were handed back\n\nMore.")
    repo.push()
    run = driver.wait_for(lambda: [r for r in coordinator.runs() if r["repo_id"]], what="a run")[0]
    finish(Claimed(coordinator, token))
    for _ in range(5):
        claimed = Claimed(coordinator, token)
        if claimed.job["job_name"].startswith("build (clang, O2"):
            finish(claimed, "failure", LOG)
        elif claimed.job["job_name"].startswith("build (gcc, O0"):
            claimed.start()
            claimed.step(0, "running")
            claimed.say(0, "$ git fetch\n")
            claimed.step(0, "completed", conclusion="success")
            claimed.step(1, "running")
            claimed.say(1, "$ make\ncc -O0 -c a.c\n")
            claimed.artifact("binaries", {"a.out": b"\x7fELF" * 500})
            claimed.say(1, f"::group::Step summary\n{SUMMARY}::endgroup::\n")
        else:
            finish(claimed)
    return run["id"]


def evidence(coordinator, token, status, **more):
    """A runner's record of what it did with its host's disk."""
    record = {"key": "deploy-7", "host": "build-host-1", "action": "prune_images", "status": status,
              "documents": {"free_before": 1 << 30, "free_after": 5 << 30}, **more}
    answer = coordinator.request("POST", "/api/v1/runners/evidence", record, token,
                                 {"Idempotency-Key": f"{record['key']}-{status}"})
    assert answer.status in (200, 201), (answer.status, answer.body)


def populate(coordinator, repository):
    """Repositories, runs and runners for every page; the id of the run with everything."""
    token = coordinator.register_runner("alder", labels="linux,x64", capacity=4)["token"]
    coordinator.register_runner("birch", labels="linux,arm64", capacity=2)
    ailing = coordinator.register_runner("cedar", labels="windows-latest")["token"]
    coordinator.request("POST", "/api/v1/runners/trouble", {
        "kind": "disk", "seconds": 2000, "text":
        "97% used at /var/lib/shithubd-runner/work, less than disk.min_free (5%) is free"}, ailing)
    drained = coordinator.admin_json("runner", "list")[1]["id"]
    coordinator.admin("runner", "drain", str(drained), "--reason", "new disk on Tuesday")
    first = repository("demo/claims")
    failed = failed_run(coordinator, first, token)
    second = repository("demo/letters")
    for number in range(4):
        second.commit({".shithub/workflows/nightly.yml": NIGHTLY, ".shithub/workflows/ci.yml":
                       "name: Letters\non: push\njobs: {a: {runs-on: linux, steps: [{run: ls}]}}\n"},
                      f"Write letter {number}")
        second.push("trunk" if number % 2 else f"topic/{number}")
        finish(Claimed(coordinator, token), "failure" if number == 2 else "success")
    repository("demo/empty")
    for status in ("planned", "completed"):
        evidence(coordinator, token, status)
    return failed


def running_job(coordinator, repository):
    """A claimed job of two steps, the first of which runs, with the address of its page."""
    repo = repository("demo/live")
    repo.commit({".shithub/workflows/ci.yml": "on: push\njobs: {a: {runs-on: linux, steps: "
                 "[{name: Build, run: x}, {name: Test, run: y}]}}"})
    repo.push()
    claimed = Claimed(coordinator, coordinator.register_runner("r", labels="linux")["token"])
    claimed.start()
    claimed.step(0, "running")
    claimed.url = f"/demo/live/runs/{claimed.run_id}/jobs/{claimed.id}"
    return claimed


def job_named(coordinator, run_id, start):
    return next(job["id"] for job in coordinator.show(run_id)["jobs"]
                if job["name"].startswith(start))


def browse(coordinator, path, headers=None, method="GET", body=None):
    """As a browser without scripts asks."""
    return driver.request(method, coordinator.base + path, body,
                          headers={"Accept": "text/html,*/*", **(headers or {})})


