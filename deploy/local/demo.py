#!/usr/bin/env python3
"""demo.py BUILD FOLDER IMAGE: two repositories, two pushes, two jobs, one readable summary.

The smoke workflow is the operator's runbook's own ("Arbitrary Repository Smoke"). Exit 0 only when
both jobs are completed with success and said what the runbook expects. DEMO_STORE: where the
coordinator's rows are, as --store takes it; not set: in a file of its data folder.
"""
import datetime
import os
import pathlib
import sys
import time

from driver import CommandFailed, Coordinator, Runner

REPOSITORIES = ("demo/scratch", "demo/second")
EXPECTED = b"shithub actions smoke passed\n"
SMOKE = (pathlib.Path(__file__).parent / "smoke.yml").read_text()


def when(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def duration(row):
    start, end = when(row.get("started_at")), when(row.get("completed_at"))
    return f"{(end - start).total_seconds():7.3f} s" if start and end else "        -"


def verdict(row):
    return "/".join(filter(None, (row["status"], row.get("conclusion"))))


def title(step):
    """What the author called it, else what it does."""
    return step.get("name") or step.get("uses") or step["run"].splitlines()[0]


def print_log(log):
    for line in log.decode(errors="replace").splitlines():
        print(f"      | {line}")


def print_run(coordinator, shown, wall):
    print(f"\n  {shown['repo']}  run {shown['run_index']}  {shown['workflow_name']}  "
          f"{verdict(shown)}")
    print(f"  Triggered via {shown['event']} on {shown['head_ref']} at {shown['head_sha'][:12]}")
    for job in shown["jobs"]:
        print(f"    job {job['key']:<22} {verdict(job):<20} {duration(job)}   "
              f"(runner, start to end: {wall:.3f} s)")
        for step in job["steps"]:
            print(f"    step {step['index']} {title(step):<19} {verdict(step):<20} "
                  f"{duration(step)}")
            print_log(coordinator.step_log(job["id"], step["index"]))


def good(coordinator, shown):
    ended = (shown["status"], shown.get("conclusion")) == ("completed", "success")
    return ended and all(
        (job["status"], job["conclusion"]) == ("completed", "success")
        and coordinator.step_log(job["id"]).endswith(EXPECTED) for job in shown["jobs"])


def smoke(build, folder, image):
    """Runs both jobs; whether both succeeded."""
    store = os.environ.get("DEMO_STORE")
    coordinator = Coordinator(build, folder / "coordinator", *(["--store", store] if store else []))
    programs = []
    try:
        coordinator.start()
        print(f"coordinator   {coordinator.base}, data in {coordinator.data}")
        if store:
            print("store         PostgreSQL")
        pat = coordinator.create_token()
        for name in REPOSITORIES:
            repository = coordinator.repository(name, pat)
            repository.commit({"README.md": f"# {name}\n", ".shithub/workflows/smoke.yml": SMOKE},
                              "Add the smoke workflow")
            repository.push()
            print(f"pushed trunk  {repository.url}")
        registered = coordinator.register_runner("local-1")
        runner = Runner(build, folder / "runner", coordinator.base, registered["token"], image,
                        **({} if os.getuid() == 0 else {"user": "auto"}))
        fine = True
        for _ in REPOSITORIES:
            start = time.monotonic()
            programs.append(runner.once())
            wall = time.monotonic() - start
            fine = programs[-1].process.returncode == 0 and fine
            done = [run for run in coordinator.runs() if run["status"] == "completed"]
            newest = coordinator.show(max(run["id"] for run in done)) if done else None
            if newest:
                print_run(coordinator, newest, wall)
        shown = [coordinator.show(run["id"]) for run in coordinator.runs()]
        fine = fine and len(shown) == 2 and all(good(coordinator, run) for run in shown)
        left = runner.left_over()
        if left:
            print(f"left behind: {left}")
        fine = fine and not left
    except (CommandFailed, TimeoutError, OSError, KeyError) as error:
        print(f"make run: {type(error).__name__}: {error}", file=sys.stderr)
        fine = False
    finally:
        coordinator.stop()
    if not fine:
        for program in (coordinator.program, *programs):
            if program:
                print(f"---- {program.log_path}\n{program.log()}", file=sys.stderr)
    return fine


def main():
    build, folder, image = sys.argv[1:4]
    print(f"engine        {os.environ.get('DOCKER_HOST')}, image {image}")
    fine = smoke(pathlib.Path(build), pathlib.Path(folder), image)
    print("\nboth jobs completed with success" if fine else "\nmake run failed, logs above")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
