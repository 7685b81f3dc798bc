"""Row 1: what a step costs besides its script, against what an engine offers for it."""
from path import TimedProxy, chart
from rounds import Rounds
from world import STAMP, Engine, gaps, stamps, took

WARM = f"{STAMP}; sleep 0.4; {STAMP}"  # the next box is ready when it ends
SHORT = f"{STAMP}; {STAMP}"


def steps(bed, name, scripts):
    """A measure: what lies between the scripts, and from the claim to the first of them."""
    def measure():
        job, texts = bed.job(scripts)
        times = stamps(texts)
        return {name: gaps(times), f"{name}: first": [times[0][0] - job.claimed / 1e6]}
    return measure


def several(name, count, act):
    return lambda: {name: [act() for _ in range(count)]}


def docker(world, table):
    with world.bed(isolation="step") as step, world.bed(isolation="step", step_io="attach") as attach, \
            world.bed(isolation="job") as job, world.holder() as holder:
        engine = Engine(world.engine)
        found = Rounds(least=3, most=8, seconds=50).gather([
            steps(step, "warm", [WARM] * 5), steps(attach, "attach", [WARM] * 4), steps(job, "job", [WARM] * 4),
            steps(step, "back to back", [SHORT] * 6),
            several("docker run", 4, world.docker_run),
            several("docker exec", 4, lambda: took(["docker", "exec", holder, "bash", "-c", ":"])),
            several("raw API", 4, lambda: engine.run(world.image, holder)),
        ], [("warm", "docker run"), ("back to back", "docker run")])
    row = table.of(found, "ms")
    row("warm step, a container per step", "warm", "docker run", ratio=0.012, value=4)
    row("warm step through attach", "attach", "docker run")
    row("warm step, a container per job", "job", "docker exec")
    row("step whose box was not ready", "back to back", "docker run")
    row("the same against the bare API", "back to back", "raw API")
    row("claim to the first step's first command", "warm: first", "docker run", value=150)


def podman(world, table):
    if not world.podman:
        table.note("Podman: no CONTAINER_HOST, not measured")
        return
    with world.bed_podman(isolation="step") as bed:
        found = Rounds(least=3, most=5, seconds=20).gather(
            [steps(bed, "warm", [WARM] * 4), several("podman run", 2, world.podman_run)],
            [("warm", "podman run")])
    table.of(found, "ms")("warm step, Podman", "warm", "podman run")


def critical_path(world, table, count=3):
    """What ran beside what in a job of trivial steps."""
    proxy = TimedProxy(world.place("proxy") / "docker.sock", world.engine)
    try:
        with world.bed(isolation="step", engine_socket=proxy.path) as bed:
            bed.job([SHORT])  # what the first job of a runner asks once
            proxy.spans.clear()
            job, texts = bed.job([SHORT] * count)
            bed.settle()
    finally:
        proxy.stop()
    origin, ended = job.claimed / 1e6, job.ended / 1e6
    scripts = [(*one, f"script of step {number + 1}") for number, one in enumerate(stamps(texts))]
    spans = [one for one in proxy.spans if origin <= one[0] < ended]
    calls = len(spans)
    table.note(f"A job of {count} steps, a container per step: {ended - origin:.0f} ms, {calls} engine calls, "
               f"{sum(job.calls.values())} job calls; from when to when, in ms after the claim:")
    for line in chart(spans + scripts + [(ended - 1, ended, "final status answered")], origin):
        table.note("`" + line + "`")


def measure(world, table):
    docker(world, table)
    critical_path(world, table)
    podman(world, table)
