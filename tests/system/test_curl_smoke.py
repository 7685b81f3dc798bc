"""The runbook's curl token smoke, its commands run by bash as they stand there."""
import json
import os

import driver
from conftest import ROOT, newest_run

SMOKE = (ROOT / "deploy/local/smoke.yml").read_text()
ENDED = ("completed", "cancelled")
CLAIM = r"""
curl -fsS "$BASE/api/v1/runners/heartbeat" \
  -H "Authorization: Bearer $RUNNER_TOKEN" \
  -H "Content-Type: application/json" \
  -d '{"labels":["self-hosted","linux","ubuntu-latest","x64"],"capacity":1,"host_name":"curl-smoke","version":"manual"}' \
  | tee /tmp/shithub-claim.json
"""
EXTRACT = r"""
export JOB_ID="$(jq -r '.job.id' /tmp/shithub-claim.json)"
export JOB_TOKEN="$(jq -r '.token' /tmp/shithub-claim.json)"
"""
LOG = r"""
curl -fsS "$BASE/api/v1/jobs/$JOB_ID/logs" \
  -H "Authorization: Bearer $JOB_TOKEN" \
  -H "Content-Type: application/json" \
  -d "{\"seq\":0,\"chunk\":\"$(printf 'hello from curl\n' | base64)\"}" \
  | tee /tmp/shithub-log.json

export JOB_TOKEN="$(jq -r '.next_token' /tmp/shithub-log.json)"
"""
COMPLETE = r"""
curl -fsS "$BASE/api/v1/jobs/$JOB_ID/status" \
  -H "Authorization: Bearer $JOB_TOKEN" \
  -H "Content-Type: application/json" \
  -d '{"status":"completed","conclusion":"success"}'
"""
REPLAY = r"""
curl -i "$BASE/api/v1/jobs/$JOB_ID/status" \
  -H "Authorization: Bearer $(jq -r '.next_token' /tmp/shithub-log.json)" \
  -H "Content-Type: application/json" \
  -d '{"status":"running"}'
"""
CANCEL = r"""
curl -fsS "$BASE/api/v1/jobs/$JOB_ID/cancel" \
  -H "Authorization: Bearer $PAT_WITH_REPO_WRITE" \
  -X POST
"""
RERUN = r"""
curl -fsS "$BASE/api/v1/runs/$RUN_ID/rerun" \
  -H "Authorization: Bearer $PAT_WITH_REPO_WRITE" \
  -X POST
"""
CANCEL_CHECK = r"""
curl -fsS "$BASE/api/v1/jobs/$JOB_ID/cancel-check" \
  -H "Authorization: Bearer $JOB_TOKEN" -H "Content-Type: application/json" -d '{}'
"""


class Shell:
    """bash with the runbook's variables and a /tmp of its own; gives each command's output."""

    def __init__(self, coordinator, token, pat):
        self.tmp = coordinator.folder / "tmp"
        self.tmp.mkdir()
        self.env = {**os.environ, "BASE": coordinator.base, "RUNNER_TOKEN": token,
                    "PAT_WITH_REPO_WRITE": pat, "no_proxy": "*"}

    def __call__(self, text, check=True, **variables):
        env = {**self.env, **{key: str(value) for key, value in variables.items()}}
        script = "set -eo pipefail\n" + text
        inside = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /tmp && exec "$@"', self.tmp]
        return driver.run([*inside, "bash", "-c", script], env=env, check=check).stdout.decode()

    def claimed(self):
        return json.loads((self.tmp / "shithub-claim.json").read_text())


def prepared(coordinator, repository, pat):
    repo = repository()
    head = repo.commit({"README.md": "x\n", ".shithub/workflows/smoke.yml": SMOKE})
    repo.push()
    token = coordinator.register_runner("curl")["token"]
    return Shell(coordinator, token, pat), newest_run(coordinator), head


def test_claim_log_complete_replay(coordinator, repository, pat):
    shell, run_id, head = prepared(coordinator, repository, pat)
    claimed = json.loads(shell(CLAIM))
    assert claimed["job"]["run_id"] == run_id
    assert claimed["job"]["head_sha"] == head
    assert coordinator.show(run_id)["jobs"][0]["status"] == "running"

    out = shell(EXTRACT + LOG + COMPLETE + REPLAY)
    assert '"accepted":true' in out.replace(" ", "")
    assert "401" in out[out.rindex("HTTP/1.1"):].splitlines()[0], out
    assert "error" in json.loads(out.splitlines()[-1])

    run = coordinator.show(run_id)
    assert (run["status"], run["conclusion"]) == ("completed", "success")
    assert (run["jobs"][0]["status"], run["jobs"][0]["conclusion"]) == ("completed", "success")
    assert coordinator.step_log(run["jobs"][0]["id"], 0) == b"hello from curl\n"
    assert shell.claimed() == claimed
    metrics = coordinator.request("GET", "/metrics").body.decode()
    assert "shithub_actions_step_timeouts_total" in metrics


def test_first_token_is_single_use(coordinator, repository, pat):
    shell, run_id, _ = prepared(coordinator, repository, pat)
    shell(CLAIM)
    shell(EXTRACT + LOG)
    done = coordinator.request("POST", f"/api/v1/jobs/{coordinator.show(run_id)['jobs'][0]['id']}"
                               "/cancel-check", {},
                               shell.claimed()["token"])
    assert done.status == 401


def test_cancel_queued_and_rerun(coordinator, repository, pat):
    shell, run_id, head = prepared(coordinator, repository, pat)
    job_id = coordinator.show(run_id)["jobs"][0]["id"]
    shell(CANCEL, JOB_ID=job_id)
    run = coordinator.show(run_id)
    assert run["jobs"][0]["status"] == "cancelled"
    assert run["status"] in ENDED and run["conclusion"] == "cancelled"

    again = json.loads(shell(RERUN, RUN_ID=run_id))
    assert again["parent_run_id"] == run_id
    assert again["run_index"] == run["run_index"] + 1
    assert coordinator.show(again["run_id"])["head_sha"] == head


def test_cancel_running(coordinator, repository, pat):
    shell, run_id, _ = prepared(coordinator, repository, pat)
    job_id = json.loads(shell(CLAIM))["job"]["id"]
    shell(CANCEL, JOB_ID=job_id)
    out = json.loads(shell(EXTRACT + CANCEL_CHECK))
    assert out["cancelled"] is True
    final = shell(r"""
curl -fsS "$BASE/api/v1/jobs/$JOB_ID/status" -H "Authorization: Bearer $JOB_TOKEN" \
  -H "Content-Type: application/json" -d '{"status":"cancelled"}'
""", JOB_ID=job_id, JOB_TOKEN=out["next_token"])
    assert json.loads(final)["status"] == "cancelled"
    run = coordinator.show(run_id)
    assert run["status"] in ENDED and run["conclusion"] == "cancelled"
    assert {step["status"] for step in run["jobs"][0]["steps"]} == {"cancelled"}


def test_wrong_tokens(coordinator, repository, pat):
    shell, run_id, _ = prepared(coordinator, repository, pat)
    job_id = coordinator.show(run_id)["jobs"][0]["id"]
    weak = coordinator.create_token("reader", "repo:read")
    for call, token in (("/api/v1/runners/heartbeat", "0" * 64),
                        (f"/api/v1/jobs/{job_id}/status", "no.such.token"),
                        (f"/api/v1/jobs/{job_id}/cancel", "nonsense")):
        assert coordinator.request("POST", call, {}, token).status == 401
    refused = coordinator.request("POST", f"/api/v1/jobs/{job_id}/cancel", b"", weak)
    assert refused.status in (401, 403, 404)
    assert coordinator.show(run_id)["status"] == "queued"
