"""The operator's view of workflows: dispatch, broken files, what waits for which labels."""
import driver
import pytest

MANUAL = """\
on:
  workflow_dispatch:
    inputs:
      level: {required: true, type: choice, options: [low, high]}
jobs:
  nope: {runs-on: windows-latest, steps: [{run: echo should-not-run}]}
"""
BROKEN = "on: push\njobs:\n  a: {runs-on: x, bogus: 1, steps: [{name: nothing}]}\n"


@pytest.fixture
def pushed(repository):
    repo = repository("demo/manual")
    repo.commit({".shithub/workflows/manual.yml": MANUAL})
    repo.push()
    return repo


def dispatch(coordinator, *words):
    return coordinator.admin("run", "dispatch", "--repo", "demo/manual", *words, check=False)


def test_dispatch_waits_for_its_labels(coordinator, pushed):
    made = coordinator.admin_json("run", "dispatch", "--repo", "demo/manual",
                                  "--workflow", "manual.yml", "--input", "level=high")
    assert made["run_index"] == 1
    run = coordinator.show(made["run_id"])
    assert run["event"] == "workflow_dispatch" and run["status"] == "queued"
    text = coordinator.admin("run", "show", "--id", str(made["run_id"])).stdout.decode()
    assert "Waiting for runner with labels: windows-latest" in text
    queue = coordinator.admin("runner", "queue", "--output", "json").stdout.decode()
    assert "windows-latest" in queue


@pytest.mark.parametrize("words, line", [
    (["--workflow", "manual.yml"], "input level: required"),
    (["--workflow", "manual.yml", "--input", "level=mid"], "expected one of: low high"),
    (["--workflow", "manual.yml", "--input", "level"], "expected NAME=VALUE"),
    (["--workflow", "none.yml"], 'no workflow "none.yml" at refs/heads/trunk'),
    (["--workflow", "manual.yml", "--ref", "nope"], 'no branch or tag "nope"'),
])
def test_dispatch_refuses_in_one_line(coordinator, pushed, words, line):
    done = dispatch(coordinator, *words)
    said = done.stderr.decode()
    assert done.returncode in (1, 2) and line in said and said.count("\n") == 1
    assert coordinator.runs() == []


def test_broken_workflow_is_a_failed_run(coordinator, repository):
    repo = repository("demo/broken")
    repo.commit({".shithub/workflows/broken.yml": BROKEN})
    repo.push()
    [listed] = coordinator.runs()
    assert (listed["status"], listed["conclusion"]) == ("completed", "failure")
    text = coordinator.admin("run", "show", "--id", str(listed["id"])).stdout.decode()
    assert '.shithub/workflows/broken.yml:3:19: jobs.a: unknown key "bogus"' in text
    assert "jobs.a.steps[0]: neither run nor uses" in text


def test_parse_lists_every_problem(coordinator, folder):
    fine, broken = folder / "fine.yml", folder / "broken.yml"
    fine.write_text(MANUAL)
    broken.write_text(BROKEN)
    # on files, not on a data folder
    parse = [coordinator.binary, "admin", "actions", "parse"]
    assert driver.run([*parse, fine]).returncode == 0
    done = driver.run([*parse, fine, broken], check=False)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 2
    assert driver.run([*parse, folder / "absent.yml"], check=False).returncode == 2
    assert driver.run(parse, check=False).returncode == 2


def test_repositories_are_named_strictly(coordinator):
    made = coordinator.admin_json("repo", "add", "demo/first", "--private")
    assert made["clone_url"] == f"{coordinator.base}/demo/first.git" and made["private"]
    assert coordinator.admin("repo", "add", "Demo/FIRST", check=False).returncode == 3
    for name in ("demo", "../x", "demo/..", "demo/.git", "api/x", "demo/a/b"):
        assert coordinator.admin("repo", "add", name, check=False).returncode == 2, name
    assert [row["full_name"] for row in coordinator.admin_json("repo", "list")] == ["demo/first"]
