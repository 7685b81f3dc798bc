"""Row 8: does twice the work take twice the time? Each at 1, 4 and 16 times; the ratio is the cost of one unit
at 16 times over that at once, so 1 is linear and less is better."""
from rounds import Rounds
from rows.log import ENV, step

STEPS, MEGABYTES, TIMES = 2, 16, (1, 4, 16)


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


def measure(world, table):
    with world.bed(isolation="step", env=ENV) as bed:
        found = Rounds(least=3, most=4, seconds=30).gather(
            [make(bed, times) for times in TIMES for make in (steps, log, secrets)],
            [("steps 16", "steps 1"), ("log 16", "log 1")])
    row = table.of(found, "ms")
    for name, unit in (("steps", "of a step"), ("log", "of a MB of log"), ("masks", "of an added mask")):
        row(f"cost {unit}, 4 times as many", f"{name} 4", f"{name} 1", against="at once")
        row(f"cost {unit}, 16 times as many", f"{name} 16", f"{name} 1", against="at once", ratio=1.1)
