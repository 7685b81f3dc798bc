"""What pages cost, by the processor time of the server itself, which a busy machine does not change:
the first page, the queue, a run of 256 jobs. And how large they are."""
import contextlib
import pathlib
import sqlite3

import driver
import pytest
import timed
from pages_world import browse

ASKED = 20


def processor_seconds(pid):
    """Of all threads of a process; a thread that ended meanwhile is not counted."""
    used = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):
            used += int((task / "schedstat").read_text().split()[0])
    return used / 1e9


def cost(coordinator, path):
    """Seconds of processor time for one such page, and its bytes."""
    pid = coordinator.program.process.pid
    size = len(browse(coordinator, path).body)
    before = processor_seconds(pid)
    for _ in range(ASKED):
        answer = browse(coordinator, path)
        assert answer.status == 200 and abs(len(answer.body) - size) < 2000, path
    spent = (processor_seconds(pid) - before) / ASKED
    print(f"{path}: {spent * 1000:.2f} ms, {size} bytes")
    return spent, size


@pytest.fixture
def many(coordinator, repository):
    """120 repositories with a run each; a run of 256 jobs that wait, with 40 annotations. The copies are
    made in the store: pushing to each takes minutes."""
    repo = repository("demo/many")
    legs = ", ".join(f'"{number}"' for number in range(256))
    repo.commit({".shithub/workflows/ci.yml":
                 "name: Everything\non: push\njobs:\n  test:\n    runs-on: [linux, x64]\n"
                 f"    strategy: {{fail-fast: false, matrix: {{leg: [{legs}]}}}}\n"
                 "    steps: [{name: Compile and test, run: make}]\n"},
                "Change what every part of this needs at once")
    repo.push()
    run = driver.wait_for(coordinator.runs, what="the run")[0]["id"]
    assert len(coordinator.show(run)["jobs"]) == 256
    for number in range(20):
        coordinator.register_runner(f"builder-{number}", labels="linux,x64", capacity=4)
    with contextlib.closing(sqlite3.connect(coordinator.data / "shithubd.db", timeout=60)) as store, store:
        columns = [row[1] for row in store.execute("PRAGMA table_info(repositories)")]
        run_columns = [row[1] for row in store.execute("PRAGMA table_info(workflow_runs)")]
        for number in range(120):
            values = {"id": 1000 + number, "name": f"'project-{number:03}'", "badge_token_sha256": "NULL"}
            store.execute(f"INSERT INTO repositories ({', '.join(columns)}) SELECT "
                          f"{', '.join(str(values.get(name, name)) for name in columns)} FROM repositories LIMIT 1")
            values = {"id": 1000 + number, "repo_id": 1000 + number}
            store.execute(f"INSERT INTO workflow_runs ({', '.join(run_columns)}) SELECT "
                          f"{', '.join(str(values.get(name, name)) for name in run_columns)} FROM workflow_runs "
                          f"WHERE id = {run}")
    return run


def test_what_pages_cost(coordinator, many, build):
    slower = 8 if timed.sanitized(build) else 1
    for path, seconds, most in (("/", 0.010, 30_000), ("/queue", 0.050, 60_000),
                                ("/demo/many", 0.010, 30_000), ("/runners", 0.010, 30_000),
                                (f"/demo/many/runs/{many}", 0.050, 200_000)):
        spent, size = cost(coordinator, path)
        assert spent < seconds * slower and size < most, (path, spent, size)


def test_a_long_queue_costs_no_more(coordinator, many, build):
    """Runs by the thousand wait; a page reads some of them."""
    short, _ = cost(coordinator, "/queue")
    with contextlib.closing(sqlite3.connect(coordinator.data / "shithubd.db", timeout=60)) as store, store:
        run_columns = [row[1] for row in store.execute("PRAGMA table_info(workflow_runs)")]
        for name in ("id", "run_index"):
            run_columns.remove(name)
        columns = ", ".join(run_columns)
        store.execute(f"WITH RECURSIVE n(i) AS (SELECT 5000 UNION ALL SELECT i + 1 FROM n WHERE i < 25000) "
                      f"INSERT INTO workflow_runs (id, run_index, {columns}) "
                      f"SELECT i, i, {columns} FROM n, workflow_runs r WHERE r.id = {many}")
    long, _ = cost(coordinator, "/queue")
    assert long < short + (0.2 if timed.sanitized(build) else 0.02), (short, long)
