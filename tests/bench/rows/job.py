"""Row 2: jobs of trivial steps, from the claim to the acknowledged final status, and how many a minute."""
from rounds import Rounds


def whole(bed, name, count):
    def measure():
        job, _ = bed.job([":"] * count)
        calls[name] = sum(job.calls.values())
        return {name: [(job.ended - job.claimed) / 1e6]}
    return measure


calls = {}


def lengths(world, table):
    with world.bed(isolation="step") as step, world.bed(isolation="job") as job:
        found = Rounds(least=3, most=5, seconds=40).gather(
            [whole(bed, f"{name} {count}", count) for count in (1, 10, 50)
             for name, bed in (("step", step), ("job", job))]
            + [lambda: {"docker run": [sum(world.docker_run() for _ in range(5)) * 2]}],
            [("step 10", "docker run"), ("job 10", "docker run")])
    row = table.of(found, "ms")
    for name in ("step", "job"):
        for count, ratio in ((1, None), (10, 0.10 if name == "step" else None), (50, None)):
            row(f"{count} steps, a container per {name}", f"{name} {count}", "docker run",
                against="10 docker run", ratio=ratio)
    table.note("job calls of a job: " + ", ".join(f"{name}: {count}" for name, count in sorted(calls.items())))


def a_minute(world, table):
    for isolation in ("step", "job"):
        for capacity in (1, 4, 8):
            with world.bed(isolation=isolation, capacity=str(capacity)) as bed:
                def measure():
                    jobs = bed.jobs(max(4, capacity), [":"])
                    first, last = min(job.claimed for job in jobs), max(job.ended for job in jobs)
                    return {"rate": [len(jobs) * 60e9 / (last - first)]}
                found = Rounds(least=3, most=4, seconds=8).gather([measure], [("rate", None)])
            table.of(found, "a minute")(f"jobs a minute, capacity {capacity}, a container per {isolation}",
                                        "rate", more=True)


def measure(world, table):
    lengths(world, table)
    a_minute(world, table)


