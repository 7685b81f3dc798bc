"""What a hostile step or a hostile coordinator may try, on the real system: it fails, and nobody
but the job that tried is the worse for it."""
import json

import pytest

import driver
from conftest import offline, once
from faulty import claim

pytestmark = offline

WAITS = [{"run": "until [ -e go ]; do sleep 0.05; done"}]


def script(text):
    return "- run: |\n" + "".join(f"    {line}\n" for line in text.strip("\n").splitlines())


def release(runner, number):
    """Lets the job `number` with the steps WAITS end."""
    driver.wait_for(lambda: next(runner.in_workspaces(f"*/{number}/workspace"), None), 30,
                    "the workspace").joinpath("go").touch()


# ---- steps ----

REACH = r"""
set +e +o pipefail
try() { "$@" 2>/dev/null && echo "REACHED $*"; }
try ls /proc/1/fd
try head -c 1 /proc/1/environ
try head -c 1 /proc/1/mem
try ls /shithub/ctl
try touch /shithub/ctl/x /shithub/files/x /shithub/x
try rm -f "$SHITHUB_ENV"
try ln -s /etc "$(dirname "$SHITHUB_ENV")/link"
try mv "$(dirname "$SHITHUB_ENV")" /shithub/files/9
try chmod 0777 /shithub/files "$SHITHUB_ENV"
try cp /bin/true /shithub/gate
try truncate -s 0 /shithub/files/event.json
try cat /shithub/files/*/../../ctl/s
for signal in KILL STOP SEGV ABRT; do kill -$signal 1; done
try test "$(ps -e -o pid= | wc -l)" -gt 10
echo alive
"""


def test_gate_and_files_out_of_reach(job):
    done = job(script(REACH) + script("echo next"))
    assert done.conclusions() == ["success", "success"], done.text(0)
    assert "REACHED" not in done.text(0) and done.text(0).endswith("alive\n"), done.text(0)
    assert done.log(1) == b"next\n"


@once
@pytest.mark.timeout(90)
def test_flood_of_masks(job):
    """Each add-mask takes effect at once, and as many as nearly fill the 1 MiB of forms that a job's
    steps may add do not keep the runner busy."""
    done = job(script("""
        python3 - <<'END'
        import random
        for number in range(2500):
            value = f"{random.getrandbits(128):032x}"
            print(f"::add-mask::{value}\\nnumber {number} is {value}.")
        END
    """))
    assert done.conclusion == "success"
    lines = done.text(0).splitlines()
    assert lines[0::2] == ["::add-mask::***"] * 2500
    assert lines[1::2] == [f"number {number} is ***." for number in range(2500)]


# ---- coordinators ----

@pytest.fixture
def polling(faulty, runner):
    """polling(**flags): a runner on the faulty coordinator and its program."""
    def make(**flags):
        one = runner(faulty.base, faulty.token, poll_interval="100ms", **flags)
        return one, one.start()
    return make


@once
def test_two_identities(faulty, polling):
    """The supervisor would read job 9 here, the job process job 8, which another runner has."""
    victim = faulty.offer_job(8, steps=WAITS)
    one, program = polling(capacity="2")
    faulty.wait(lambda: victim.statuses(800), 30, "the victim's step")
    text = json.dumps(claim(9, steps=[{"run": "touch stolen"}]))
    text = text.replace('"id": 9,', '"i\\u0001d": 9, "id": 8,', 1)
    text = text.replace('"run_id": 1009', '"run_id\\u0001": 1009, "run_id": 1008', 1)
    evil = faulty.expect(9)
    faulty.offer(text.encode())
    assert faulty.wait_final(evil) == ("completed", "failure"), program.log()
    assert b"stands there twice" in evil.log()
    assert not list(one.in_workspaces("*/*/workspace/stolen"))
    release(one, 8)
    assert faulty.wait_final(victim) == ("completed", "success")


@once
@pytest.mark.parametrize("token", ("a b", "a\r\nHost: b", "\u00e9"), ids=("blank", "line", "text"))
def test_token_for_no_header(faulty, polling, token):
    faulty.offer({**claim(7), "token": token})
    good = faulty.offer_job(8)
    one, program = polling()
    assert faulty.wait_final(good) == ("completed", "success")
    assert "claim_unusable" in program.log() and "BUG" not in program.log()
    assert program.alive()


@once
def test_claims_that_nobody_asked_for(faulty, polling):
    """The runner keeps a bounded number of them, and loses none."""
    first = faulty.offer_job(10, steps=WAITS)
    one, program = polling()
    faulty.wait(lambda: first.statuses(1000), 30, "the first step")
    more = [faulty.offer_job(number) for number in range(11, 21)]
    driver.wait_for(lambda: "claims_unasked" in program.log(), 30, "the limit")
    assert len(faulty.script) == 6
    release(one, 10)
    for job in [first, *more]:
        assert faulty.wait_final(job) == ("completed", "success")
