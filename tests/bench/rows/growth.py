"""Row 8: does twice the work take twice the time? Each at 1, 4 and 16 times; the ratio is the cost of one unit
at 16 times over that at once, so 1 is linear and less is better."""
import asyncio

from rounds import Rounds, Series
from rows.checkout import Hands, Subject, TREES, files
from rows.coordinator import Load
from rows.log import ENV, step
from rows.tree import spent

STEPS, MEGABYTES, TIMES = 2, 16, (1, 4, 16)
FILES, ENTRIES, WORKFLOWS, CLAIMS = 500, 5000, 2, 16


def steps(bed, times):
    def measure():
        job, _ = bed.job([":"] * (STEPS * times))
        return {f"steps {times}": [(job.ended - job.claimed) / 1e6 / (STEPS * times)]}
    return measure


def log(bed, times):
    def measure():
        job, _ = bed.job([step("log lines", times)], timeout_minutes=10)
        return {f"log {times}": [(job.ended - job.first_log) / 1e6 / (MEGABYTES * times)]}
    return measure


def secrets(bed, times):
    """Scripts that add masks, one command each."""
    script = f"for i in $(seq {16 * times}); do echo \"::add-mask::secret-number-$i-of-all\"; echo \"line $i\"; done"

    def measure():
        job, _ = bed.job([script])
        return {f"masks {times}": [(job.ended - job.claimed) / 1e6 / (16 * times)]}
    return measure


def checkouts(world):
    """What a checkout costs a file."""
    with world.coordinator() as coordinator:
        pat, hands = coordinator.create_token(), Hands(world, coordinator)
        try:
            subjects = {}
            for times in TIMES:
                TREES[f"{times} times"] = lambda times=times: files(FILES * times)
                subjects[times] = Subject(world, coordinator, pat, hands, f"{times} times")

            def act(times):
                return lambda: {f"files {times}": [subjects[times].ours()[f"{times} times: ours"][0] / times / FILES]}
            return Rounds(least=3, most=4, seconds=15).gather([act(times) for times in TIMES])
        finally:
            hands.stop()


def claims(world, times):
    """Milliseconds of a claim while that many jobs wait."""
    with world.coordinator() as coordinator:
        load = Load(coordinator, WORKFLOWS * times)
        token = load.register(1)[0]
        return [1e3 / asyncio.run(load.claim(token, CLAIMS)) for _ in range(3)]


def audits(world):
    """Milliseconds of an audit for each entry of a tree."""
    program, work = world.build / "shithubd-runner", {}
    for times in TIMES:
        work[times] = world.place("audit")
        for number in range(ENTRIES * times):
            folder = work[times] / "_work" / f"d{number // 50}"
            if number % 50 == 0:
                folder.mkdir(parents=True)
            (folder / f"f{number}").touch()

    def act(times):
        return lambda: {f"entries {times}": [
            spent([program, "workdir", "audit", "--instance", work[times]])[0] / ENTRIES / times]}
    return Rounds(least=3, most=5, seconds=8).gather([act(times) for times in TIMES])


def measure(world, table):
    with world.bed(isolation="step", env=ENV) as bed:
        found = Rounds(least=3, most=4, seconds=25).gather(
            [make(bed, times) for times in TIMES for make in (steps, log, secrets)],
            [("steps 16", "steps 1"), ("log 16", "log 1")])
    found |= checkouts(world) | audits(world)
    for times in TIMES:
        found[f"claims {times}"] = Series()
        for one in claims(world, times):
            found[f"claims {times}"].add([one])
    row = table.of(found, "ms")
    for name, unit in (("steps", "of a step"), ("log", "of a MB of log"), ("masks", "of an added mask"),
                       ("files", "of a file checked out"), ("entries", "of an audited entry"),
                       ("claims", "of a claim among waiting jobs")):
        row(f"cost {unit}, 4 times as many", f"{name} 4", f"{name} 1", against="at once")
        row(f"cost {unit}, 16 times as many", f"{name} 16", f"{name} 1", against="at once", ratio=1.1)
