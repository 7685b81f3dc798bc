"""Capacity is real concurrency: so many jobs at once and not one more."""
import driver
from conftest import few, offline, once, workflow

pytestmark = offline

WAITING = workflow("""
- run: |
    touch started
    until [ -e go ]; do sleep 0.05; done
""")


def started(runner):
    return sorted(runner.in_workspaces("*/*/workspace/started"))


@few
def test_two_of_three_at_once(coordinator, repository, joined):
    repo = repository()
    for number in range(3):
        repo.commit({"README.md": f"{number}\n", ".shithub/workflows/ci.yml": WAITING})
        repo.push()
    runner = joined(capacity=2)
    program = runner.start()
    first = driver.wait_for(lambda: len(started(runner)) == 2 and started(runner), 60, "two jobs")
    states = sorted(coordinator.show(run["id"])["jobs"][0]["status"]
                    for run in coordinator.runs())
    assert states == ["queued", "running", "running"]

    (first[0].parent / "go").touch()
    second = driver.wait_for(lambda: [path for path in started(runner) if path not in first], 60,
                             "the third job")
    for path in (first[1], second[0]):
        (path.parent / "go").touch()
    assert {coordinator.ended(run["id"], 60)["conclusion"] for run in coordinator.runs()} == {"success"}
    assert program.stop() == 0


@once
def test_jobs_at_once_have_users_of_their_own(coordinator, repository, joined):
    """With a range in engine.user no slot takes from what the kernel counts for another's user."""
    repo = repository()
    text = workflow("""
    - uses: actions/checkout@v4
    - run: |
        touch started; id -u; id -g; stat -c %u README.md
        until [ -e go ]; do sleep 0.05; done
    """)
    for number in range(2):
        repo.commit({"README.md": f"{number}\n", ".shithub/workflows/ci.yml": text})
        repo.push()
    runner = joined(capacity=2, user="200000-200003")
    program = runner.start()
    both = driver.wait_for(lambda: len(started(runner)) == 2 and started(runner), 60, "two jobs")
    owners = [path.stat().st_uid for path in both]
    for path in both:
        assert path.stat().st_gid == path.stat().st_uid == path.parent.stat().st_uid
        (path.parent / "go").touch()
    assert sorted(owners) == [200000, 200001]
    assert {coordinator.ended(run["id"], 60)["conclusion"] for run in coordinator.runs()} == {"success"}
    assert program.stop() == 0


@once
def test_same_commands_in_two_runners(coordinator, repository, joined):
    """Two runners of one pool never get the same job."""
    repo = repository()
    runners = [joined(), joined()]
    programs = [runner.start() for runner in runners]
    for number in range(4):
        repo.commit({"README.md": f"{number}\n",
                     ".shithub/workflows/ci.yml": workflow("- run: echo $SHITHUB_RUN_ID")})
        repo.push()
    driver.wait_for(lambda: sum(run["status"] == "completed" for run in coordinator.runs()) == 4,
                    90, "four runs")
    assert {run["conclusion"] for run in coordinator.runs()} == {"success"}
    claimed = sum(program.log().count("job_claimed") for program in programs)
    assert claimed == 4
