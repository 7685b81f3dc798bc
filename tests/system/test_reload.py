"""SIGHUP: a good configuration holds for what comes, a bad one is refused and the old one stays."""
import json
import signal

import pytest

import driver
from conftest import offline, once, workflow

pytestmark = offline

JOB = 5
WAITING = "touch started\nuntil [ -e go ]; do sleep 0.05; done\necho done"


class Filed:
    """A runner whose configuration is a file."""

    def __init__(self, one):
        self.one, self.path = one, one.folder / "config.toml"
        self.token = one.folder / "token"
        self.token.write_text(one.flags.pop("token"))
        self.token.chmod(0o600)
        self.values = {"runner.labels": "ubuntu-latest", "runner.token_file": str(self.token),
                       "runner.poll_interval": "100ms"}
        one.flags.pop("labels")
        one.flags["config"] = self.path
        self.write()

    def write(self, **changes):
        self.values.update({key.replace("__", "."): value for key, value in changes.items()})
        text = {"runner": "", "engine": "", "server": ""}
        for key, value in self.values.items():
            section, name = key.split(".")
            shown = json.dumps([value] if name == "labels" else value)
            text[section] += f"{name} = {shown}\n"
        self.path.write_text("".join(f"[{name}]\n{body}" for name, body in text.items()))

    def reload(self, program, expect="reloaded"):
        count = program.log().count(expect)
        program.signal(signal.SIGHUP)
        driver.wait_for(lambda: program.log().count(expect) > count, 30, f"{expect} in the log")


@pytest.fixture
def filed(runner):
    return lambda base, token, **flags: Filed(runner(base, token, **flags))


def started(one, number=JOB):
    return driver.wait_for(lambda: next(one.in_workspaces(f"*/{number}/workspace/started"), None), 60,
                           "the step")


@once
def test_new_labels_and_capacity_hold_at_once(faulty, filed):
    made = filed(faulty.base, faulty.token)
    program = made.one.start()
    faulty.wait(lambda: faulty.heartbeats, 30, "a heartbeat")
    first = faulty.offer_job(JOB, steps=[{"run": WAITING}])
    mark = started(made.one)
    second = faulty.offer_job(JOB + 1)
    made.write(runner__labels="other", runner__capacity=2)
    made.reload(program)
    assert faulty.wait_final(second) == ("completed", "success")
    body = faulty.heartbeats[-1][2]
    assert (body["labels"], body["capacity"]) == (["other"], 2)
    assert not first.final
    (mark.parent / "go").touch()
    assert faulty.wait_final(first) == ("completed", "success")


@once
def test_a_smaller_capacity_waits_for_running_jobs(faulty, filed):
    made = filed(faulty.base, faulty.token)
    made.write(runner__capacity=2)
    program = made.one.start()
    jobs = [faulty.offer_job(JOB + n, steps=[{"run": WAITING}]) for n in range(2)]
    marks = [started(made.one, JOB + n) for n in range(2)]
    made.write(runner__capacity=1)
    made.reload(program)
    third = faulty.offer_job(JOB + 2, steps=[{"run": WAITING}])
    (marks[0].parent / "go").touch()
    assert faulty.wait_final(jobs[0]) == ("completed", "success")
    driver.wait_for(lambda: "job_over" in program.log(), 30, "the slot")
    heartbeats = len(faulty.heartbeats)
    faulty.wait(lambda: len(faulty.heartbeats) > heartbeats + 1, 30, "signs of life")
    assert not list(made.one.in_workspaces(f"*/{JOB + 2}/workspace/started"))
    (marks[1].parent / "go").touch()
    (started(made.one, JOB + 2).parent / "go").touch()
    assert faulty.wait_final(third) == ("completed", "success")


@once
def test_a_bad_file_is_refused_and_the_old_one_stays(faulty, filed):
    made = filed(faulty.base, faulty.token)
    program = made.one.start()
    faulty.wait(lambda: faulty.heartbeats, 30, "a heartbeat")
    good = made.path.read_text()
    made.path.write_text(good + "[runner2]\n")
    made.reload(program, "reload_refused")
    made.write(runner__capacity=65)
    made.reload(program, "reload_refused")
    assert "runner.capacity" in program.log()
    made.path.unlink()
    made.reload(program, "reload_refused")
    made.path.write_text(good)
    made.token.chmod(0o644)
    made.reload(program, "reload_refused")
    assert "chmod 0600" in program.log()
    job = faulty.offer_job(JOB)
    assert faulty.wait_final(job) == ("completed", "success")
    assert faulty.heartbeats[-1][2]["capacity"] == 1


@once
def test_what_needs_a_restart_is_named(faulty, filed):
    made = filed(faulty.base, faulty.token)
    for key in ("server-url", "state-dir", "workspace-root"):
        made.values[{"server-url": "server.base_url", "state-dir": "runner.state_dir",
                     "workspace-root": "runner.workspace_root"}[key]] = str(made.one.flags.pop(key))
    made.write()
    program = made.one.start()
    faulty.wait(lambda: faulty.heartbeats, 30, "a heartbeat")
    made.write(server__base_url="http://127.0.0.1:9", runner__state_dir="/nonexistent/state",
               runner__workspace_root="/nonexistent/workspaces", runner__capacity=2)
    made.reload(program)
    line = next(line for line in program.log().splitlines() if "reload_needs_restart" in line)
    assert "keys=server.base_url,runner.workspace_root,runner.state_dir" in line
    job = faulty.offer_job(JOB)
    assert faulty.wait_final(job) == ("completed", "success")
    assert faulty.heartbeats[-1][2]["capacity"] == 2


@once
def test_a_rotated_token(coordinator, repository, filed):
    """The token is replaced at the coordinator and in its file; a running job does not notice."""
    registered = coordinator.register_runner("rotating")
    made = filed(coordinator.base, registered["token"])
    program = made.one.start()
    repo = repository()
    repo.commit({".shithub/workflows/ci.yml": workflow(
        "- run: |\n" + "\n".join("    " + line for line in WAITING.splitlines()))})
    repo.push()
    mark = driver.wait_for(lambda: next(made.one.in_workspaces("*/*/workspace/started"), None), 60,
                           "the step")
    fresh = coordinator.admin_json("runner", "rotate-token", "--id", str(registered["id"]))
    made.token.write_text(fresh["token"])
    made.reload(program)
    (mark.parent / "go").touch()
    repo.commit({"README.md": "again\n"})
    repo.push()
    second = driver.wait_for(lambda: next((path for path in made.one.in_workspaces("*/*/workspace/started")
                                           if path != mark), None), 60, "the next job")
    (second.parent / "go").touch()
    assert {coordinator.ended(run["id"], 60)["conclusion"] for run in coordinator.runs()} == {"success"}
    assert fresh["token"] not in program.log()
    assert program.stop() == 0
