"""Running a part of a run again, the retry of a job that its runner lost, and why jobs wait."""
import byhand
import driver
from conftest import everyday, newest_run, offline, once

pytestmark = offline

# `flaky` fails in the first attempt only; `after` needs what `build` gave there
ATTEMPTS = """\
name: CI
on: push
jobs:
  build:
    runs-on: ubuntu-latest
    outputs: {version: "${{ steps.v.outputs.version }}"}
    steps:
      - id: v
        run: |
          echo version=7.1 >> "$SHITHUB_OUTPUT"
          echo built > box.txt
          echo built once
      - uses: shithub/upload-artifact@v1
        with: {name: box, path: box.txt}
  flaky:
    runs-on: ubuntu-latest
    steps: [{run: "test $SHITHUB_RUN_ATTEMPT = 2"}]
  after:
    runs-on: ubuntu-latest
    needs: [build, flaky]
    steps:
      - uses: shithub/download-artifact@v1
        with: {name: box}
      - run: echo "$(cat box.txt) ${{ needs.build.outputs.version }}"
"""


def pushed(repository, text):
    repo = repository()
    repo.commit({".shithub/workflows/ci.yml": text})
    repo.push()
    return repo


def jobs_of(run):
    return {job["key"]: job for job in run["jobs"]}


@once
@everyday
def test_only_what_failed_runs_again(coordinator, repository, joined):
    pushed(repository, ATTEMPTS)
    first = newest_run(coordinator)
    program = joined(capacity=2).start()
    run = coordinator.ended(first)
    assert {key: job["conclusion"] for key, job in jobs_of(run).items()} == {
        "build": "success", "flaky": "failure", "after": "skipped"}, run
    built = jobs_of(run)["build"]

    made = coordinator.admin_json("run", "rerun", "--id", str(first), "--failed")
    assert made["parent_run_id"] == first
    run = coordinator.ended(made["run_id"])
    program.stop()
    jobs = jobs_of(run)
    assert run["conclusion"] == "success", run
    assert jobs["build"]["kept_from_run_id"] == first
    assert jobs["flaky"]["kept_from_run_id"] is None
    assert jobs["build"]["completed_at"] == built["completed_at"]
    assert [s["conclusion"] for s in jobs["build"]["steps"]] == ["success", "success"]
    assert coordinator.step_log(jobs["build"]["id"], 0) == b"built once\n"
    assert coordinator.step_log(jobs["after"]["id"], 1) == b"built 7.1\n"

    again = coordinator.admin("run", "rerun", "--id", str(run["id"]), "--failed", check=False)
    assert again.returncode == 3 and b"no job that failed" in again.stderr, again.stderr


def test_rerun_names_one_target(coordinator):
    for words in ([], ["--id", "1", "--job", "1"], ["--job", "1", "--failed"]):
        said = coordinator.admin("run", "rerun", *words, check=False)
        assert said.returncode == 2 and said.stderr.count(b"\n") == 1, said.stderr
    for words in (["--id", "9"], ["--job", "9"]):
        for verb in ("rerun", "explain"):
            said = coordinator.admin("run", verb, *words, check=False)
            assert said.returncode == 1 and b"does not exist" in said.stderr, said.stderr


MANUAL = """\
on:
  workflow_dispatch:
    inputs: {level: {type: choice, options: [low, high], required: true}}
jobs:
  one: {runs-on: windows-latest, steps: [{run: echo}]}
"""


def test_by_api(coordinator, repository, pat):
    repo = repository()
    repo.commit({".shithub/workflows/manual.yml": MANUAL})
    repo.push()

    def call(path, body=None, method="POST"):
        return coordinator.request(method, "/api/v1" + path, body, pat)

    start = f"/repos/{repo.name}/actions/workflows/manual.yml/dispatches"
    refused = call(start, {"ref": "trunk", "inputs": {"level": "mid"}})
    assert refused.status == 400 and "expected one of: low high" in refused.json()["error"]
    assert call(start.replace("manual", "none"), {}).status == 404
    made = call(start, {"ref": "trunk", "inputs": {"level": "high"}})
    assert made.status == 201, made.body
    run = coordinator.show(made.json()["run_id"])
    assert (run["event"], run["actor"]) == ("workflow_dispatch", "driver")
    job = run["jobs"][0]["id"]
    for path in (f"/runs/{run['id']}/explain", f"/jobs/{job}/explain"):
        [waits] = call(path, method="GET").json()
        assert waits["job_id"] == job and waits["reasons"][0]["kind"] == "no_runner"
    assert call(f"/runs/{run['id']}/rerun-failed-jobs").status == 409, "it is not over"

    ended = call(f"/runs/{run['id']}/cancel")
    assert ended.status == 200 and ended.json()["conclusion"] == "cancelled", ended.body
    assert call(f"/runs/{run['id']}/cancel").status == 409
    assert coordinator.show(run["id"])["jobs"][0]["reason"] == "cancelled by driver"
    for number, path in enumerate((f"/runs/{run['id']}/rerun-failed-jobs", f"/jobs/{job}/rerun")):
        again = call(path)
        assert again.status == 201 and again.json()["parent_run_id"] == run["id"], again.body
        assert again.json()["run_index"] == run["run_index"] + number + 1


# ---- a lost runner -------------------------------------------------------------------------------

ONE = "on: push\njobs:\n  work: {runs-on: ubuntu-latest, steps: [{run: echo at last}]}\n"


@once
def test_job_of_a_runner_that_was_lost_early(monkeypatch, coordinators, runner):
    monkeypatch.setenv("SHITHUBD_JOBS__EXPIRY", "1s")
    coordinator = coordinators().start()
    repo = coordinator.repository("demo/sample", coordinator.create_token())
    repo.commit({".shithub/workflows/ci.yml": ONE})
    repo.push()
    run = newest_run(coordinator)
    silent = coordinator.register_runner("silent")["token"]
    claimed = byhand.claim(coordinator, silent)
    job = claimed.id
    driver.wait_for(lambda: coordinator.show(run)["jobs"][0]["status"] == "queued", 30, "the retry")
    assert "Started again: runner lost" in coordinator.show(run)["jobs"][0]["reason"]
    late = claimed.call("status", {"status": "completed", "conclusion": "success"})
    assert late.status == 404, late.body

    # a runner that is at work needs more than that second between two calls
    coordinator.stop()
    monkeypatch.delenv("SHITHUBD_JOBS__EXPIRY")
    coordinator.start()
    runner(coordinator.base, coordinator.register_runner("second")["token"]).once()
    ended = coordinator.show(run)
    assert ended["conclusion"] == "success", ended
    log = coordinator.step_log(job, 0)
    assert log.startswith(b"Started again: runner lost. silent has sent nothing for this job since")
    assert log.endswith(b"\nat last\n")


# ---- why jobs wait -------------------------------------------------------------------------------

WAITING = """\
on: push
concurrency: {group: "${{ github.ref_name }}"}
jobs:
  nobody: {runs-on: windows-latest, steps: [{run: echo}]}
  first: {runs-on: ubuntu-latest, steps: [{run: echo}]}
  second: {runs-on: ubuntu-latest, needs: first, steps: [{run: echo}]}
  legs:
    runs-on: ubuntu-latest
    strategy: {max-parallel: 1, matrix: {n: [1, 2]}}
    steps: [{run: echo}]
"""


def test_explain(coordinator, repository):
    repo = pushed(repository, WAITING)
    run = newest_run(coordinator)

    def reasons(number=run):
        listed = coordinator.admin_json("run", "explain", "--id", str(number))
        return {row["name"]: [(one["kind"], one["text"]) for one in row["reasons"]]
                for row in listed}

    labels = "Waiting for runner with labels: "
    seen = reasons()
    assert seen["nobody"] == [("no_runner", labels + "windows-latest (no runner offers it)")]
    assert seen["first"] == [("no_runner", labels + "ubuntu-latest (no runner offers it)")]
    assert seen["second"] == [("needs", "Waiting for jobs that it needs: first "
                               f"(job {coordinator.show(run)['jobs'][1]['id']}, queued)")]
    assert seen["legs (2)"] == [("max_parallel",
                                 "Waiting for other jobs of its matrix: max-parallel is 1")]

    token = coordinator.register_runner("r1")
    assert reasons()["first"] == [("runners_offline", labels + "ubuntu-latest (offline: r1)")]
    coordinator.admin("runner", "drain", "--id", str(token["id"]))
    assert byhand.heartbeat(coordinator, token["token"], capacity=1).status == 204
    assert reasons()["first"] == [("runners_drained", labels + "ubuntu-latest (drained: r1)")]
    coordinator.admin("runner", "undrain", "--id", str(token["id"]))
    assert reasons()["first"] == [
        ("soon", "Nothing keeps it back: r1 may take it at the next heartbeat")]
    assert byhand.heartbeat(coordinator, token["token"], capacity=1).status == 200
    seen = reasons()
    assert "first" not in seen, "it runs"
    assert seen["legs (1)"] == [("runners_busy", labels + "ubuntu-latest (busy: r1)")]

    repo.commit({"more": "x"})
    repo.push()
    late = newest_run(coordinator)
    assert late != run
    assert {one for one in reasons(late)["first"]} == {
        ("run_concurrency", f"Waiting for the concurrency group trunk, which run {run} holds")}
    text = coordinator.admin("run", "explain", "--job",
                             str(coordinator.show(run)["jobs"][0]["id"])).stdout.decode()
    assert text.splitlines()[0].endswith(" nobody") and labels + "windows-latest" in text
