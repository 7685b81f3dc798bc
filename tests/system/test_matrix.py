"""Jobs with a matrix through coordinator and runner: legs, their contexts, what needs them."""
import driver
import pytest
from conftest import offline

from test_exec import DYNAMIC

pytestmark = [pytest.mark.flavors("docker-gate-step"), offline]  # the legs are the coordinator's

WORKFLOW = """\
on:
  push:
    branches: [trunk]
jobs:
  build:
    name: build ${{ matrix.v }}
    runs-on: ${{ matrix.on }}
    strategy:
      fail-fast: false
      max-parallel: 1
      matrix:
        v: [one, two]
        on: [ubuntu-latest]
        include:
          - {v: two, extra: {deep: [1, 2.5, "x"]}}
          - {v: three, on: linux}
    steps:
      - run: |
          echo 'v=${{ matrix.v }} leg=${{ strategy.job-index }}/${{ strategy.job-total }}'
          echo 'max=${{ strategy.max-parallel }} fast=${{ strategy.fail-fast }}'
          echo 'extra=${{ matrix.extra.deep[2] }}'
      - if: matrix.v == 'two'
        run: exit 3
  after:
    needs: build
    runs-on: linux
    steps: [{run: echo never}]
  report:
    needs: [build, alone]
    if: failure()
    runs-on: linux
    steps: [{run: "echo 'build=${{ needs.build.result }} alone=${{ needs.alone.result }}'"}]
  calm:
    needs: alone
    if: failure()
    runs-on: linux
    steps: [{run: echo never}]
  alone:
    runs-on: linux
    steps: [{run: "echo 'total=${{ strategy.job-total }}'"}]
"""


def test_matrix(coordinator, repository, joined):
    repo = repository()
    repo.commit({".shithub/workflows/ci.yml": WORKFLOW})
    repo.push()
    one = joined()
    one.start()
    run = coordinator.ended()
    jobs = run["jobs"]
    said = {job["name"]: coordinator.step_log(job["id"]).decode() for job in jobs}
    assert [(job["key"], job["name"], job["conclusion"]) for job in jobs] == [
        ("build", "build one", "success"), ("build", "build two", "failure"),
        ("build", "build three", "success"), ("after", "after", "skipped"),
        ("report", "report", "success"), ("calm", "calm", "skipped"),
        ("alone", "alone", "success")]
    assert "build=failure alone=success" in said["report"]
    assert "v=one leg=0/3" in said["build one"] and "extra=\n" in said["build one"]
    assert "v=two leg=1/3" in said["build two"] and "extra=x" in said["build two"]
    assert "v=three leg=2/3" in said["build three"]
    assert "max=1 fast=false" in said["build three"]
    assert "total=1" in said["alone"]
    legs = sorted((job["started_at"], job["completed_at"]) for job in jobs if job["key"] == "build")
    assert all(before[1] <= after[0] for before, after in zip(legs, legs[1:])), legs
    assert run["conclusion"] == "failure"


def test_fail_fast_stops_what_runs(coordinator, repository, joined):
    text = """\
on: push
jobs:
  build:
    runs-on: ubuntu-latest
    strategy: {matrix: {v: [bad, good, late]}}
    steps:
      - run: |
          if [ '${{ matrix.v }}' = bad ]; then exit 1; fi
          sleep 600
"""
    repo = repository()
    repo.commit({".shithub/workflows/ci.yml": text})
    repo.push()
    joined(capacity=2).start()
    run = coordinator.ended()
    assert [job["conclusion"] for job in run["jobs"]] == [
        "failure", "cancelled", "cancelled"]


def test_matrix_of_an_output(coordinator, repository, joined):
    """Its legs come when the job with the output is over, by the same rules as in a local run."""
    repo = repository()
    repo.commit({".shithub/workflows/ci.yml": DYNAMIC})
    repo.push()
    joined(capacity=2).start()
    run = coordinator.ended()
    jobs = run["jobs"]
    assert [(job["key"], job["name"], job["conclusion"]) for job in jobs] == [
        ("make", "make", "success"), ("test", "leg 0 after success", "success"),
        ("test", "leg 1 after success", "success"), ("last", "last", "success")]
    said = [coordinator.step_log(job["id"]).decode() for job in jobs]
    assert "v=<1> k=<> of 2\n" in said[1]
    assert "v=<Object> k=<a; touch /tmp/pwned> of 2\n" in said[2]
    assert "test=success\n" in said[3]


def test_outputs_of_jobs(coordinator, repository, joined):
    text = """\
on: push
jobs:
  make:
    runs-on: linux
    outputs:
      where: ${{ steps.s.outputs.where }}
      said: ${{ github.event.head_commit.message }}
      leak: ${{ secrets.TOKEN }}
      hidden: ${{ steps.s.outputs.hidden }}
      broken: ${{ fromJSON(steps.s.outputs.where) }}
      large: ${{ steps.s.outputs.large }}${{ steps.s.outputs.large }}
    steps:
      - id: s
        env: {T: "${{ secrets.TOKEN }}"}
        run: |
          echo "where=out here" >>"$SHITHUB_OUTPUT"
          echo "hidden=a-$T-b" >>"$SHITHUB_OUTPUT"
          echo "large=$(head -c 600000 /dev/zero | tr '\\0' x)" >>"$SHITHUB_OUTPUT"
  use:
    runs-on: linux
    needs: make
    if: needs.make.outputs.where == 'out here'
    steps:
      - run: |
          echo "where=<${{ needs.make.outputs.where }}> said=<${{ needs.make.outputs.said }}>"
          echo "leak=<${{ needs.make.outputs.leak }}> hidden=<${{ needs.make.outputs.hidden }}>"
"""
    repo = repository()
    coordinator.admin("secret", "set", "--repo", "demo/sample", "--name", "TOKEN",
                      stdin=b"hunter2-value")
    repo.commit({".shithub/workflows/ci.yml": text}, 'x"; touch /tmp/pwned; echo "`id`')
    repo.push()
    joined().start()
    run = coordinator.ended()
    make, use = run["jobs"]
    assert (make["conclusion"], use["conclusion"]) == ("success", "success")
    said = coordinator.step_log(use["id"]).decode()
    assert 'where=<out here> said=<x"; touch /tmp/pwned; echo "`id`' in said
    assert "leak=<> hidden=<>" in said
    log = coordinator.step_log(make["id"]).decode()
    assert "hunter2" not in log
    why = {line.split('"')[1]: line.partition(" is dropped: ")[2] for line in log.splitlines()
           if line.startswith("[shithub] output ")}
    assert why.pop("broken").startswith("its expression failed: column 5: fromJSON: ")
    assert why == {"leak": "it holds a secret", "hidden": "it holds a secret",
                   "large": "the outputs of a job may have 1 MiB in all"}


def test_a_cancelled_run_cleans_up(coordinator, repository, joined):
    text = """\
on: push
jobs:
  work:
    runs-on: linux
    steps:
      - run: |
          trap 'echo got TERM; exit 1' TERM
          echo started
          sleep 600 & wait
  cleanup:
    needs: work
    if: always()
    runs-on: linux
    steps: [{run: 'echo after ${{ needs.work.result }}'}]
  notify: {needs: work, if: cancelled(), runs-on: linux, steps: [{run: echo}]}
  broken: {needs: work, if: failure(), runs-on: linux, steps: [{run: echo}]}
  plain: {needs: work, runs-on: linux, steps: [{run: echo}]}
"""
    repo = repository()
    repo.commit({".shithub/workflows/ci.yml": text})
    repo.push()
    joined().start()
    run_id = coordinator.runs()[0]["id"]

    def work():
        return coordinator.show(run_id)["jobs"][0]["id"]
    driver.wait_for(lambda: b"started" in coordinator.step_log(work()), 60, "the step")
    coordinator.admin("run", "cancel", "--id", str(run_id))
    run = coordinator.ended(run_id, 90)
    assert run["status"] == "cancelled"
    jobs = {job["key"]: job for job in run["jobs"]}
    assert {key: job["conclusion"] for key, job in jobs.items()} == {
        "work": "cancelled", "cleanup": "success", "notify": "success", "broken": "skipped",
        "plain": "cancelled"}
    assert coordinator.step_log(jobs["cleanup"]["id"]) == b"after cancelled\n"
    assert coordinator.step_log(jobs["work"]["id"]).endswith(
        b"got TERM\n[shithub] cancelled by the operator\n")


def test_a_second_cancel_ends_all(coordinator, repository, joined):
    text = """\
on: push
jobs:
  work:
    runs-on: linux
    steps:
      - run: echo started; sleep 600
      - if: always()
        run: |
          trap '' TERM
          echo cleaning
          sleep 600
      - if: always()
        run: echo not reached
  cleanup: {needs: work, if: always(), runs-on: linux, steps: [{run: echo}]}
"""
    repo = repository()
    repo.commit({".shithub/workflows/ci.yml": text})
    repo.push()
    one = joined()
    one.env["SHITHUB_RUNNER_STOP_GRACE"] = "1s"
    one.start()
    run_id = coordinator.runs()[0]["id"]
    work = coordinator.show(run_id)["jobs"][0]["id"]
    driver.wait_for(lambda: b"started" in coordinator.step_log(work, 0), 60, "the step")
    coordinator.admin("run", "cancel", "--id", str(run_id))
    driver.wait_for(lambda: b"cleaning" in coordinator.step_log(work, 1), 60, "the cleanup")
    assert [job["status"] for job in coordinator.show(run_id)["jobs"]] == ["running", "queued"]
    coordinator.admin("run", "cancel", "--id", str(run_id))
    run = coordinator.ended(run_id, 60)
    assert run["status"] == "cancelled"
    rows = run["jobs"]
    assert [job["conclusion"] for job in rows] == ["cancelled", "cancelled"]
    assert [step["conclusion"] for step in rows[0]["steps"]] == ["cancelled", "cancelled", "skipped"]
    assert coordinator.step_log(work, 1) == b"cleaning\n[shithub] cancelled a second time\n"
