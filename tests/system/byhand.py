"""A runner that is a few HTTP calls, for tests of what the coordinator does with one."""
import base64


def heartbeat(coordinator, registration, headers=None, **body):
    return coordinator.request("POST", "/api/v1/runners/heartbeat", body, registration, headers)


def claim(coordinator, registration, **body):
    """The job that the next heartbeat brings."""
    answer = heartbeat(coordinator, registration, **body)
    assert answer.status == 200, (answer.status, answer.body)
    return Claimed(coordinator, answer.json())


class Claimed:
    """A job and the chain of its tokens: each answer brings the one for the next call."""

    def __init__(self, coordinator, claim):
        self.coordinator, self.claim = coordinator, claim
        self.token, self.job = claim["token"], claim["job"]
        self.id, self.run_id = self.job["id"], self.job["run_id"]
        self.steps = [step["id"] for step in self.job["steps"]]
        self.seq = {}

    def call(self, path, body):
        """The answer, also one that refuses."""
        answer = self.coordinator.request("POST", f"/api/v1/jobs/{self.id}/{path}", body, self.token)
        if answer.status < 300:
            self.token = answer.json().get("next_token")
        return answer

    def must(self, path, body):
        answer = self.call(path, body)
        assert answer.status < 300, (path, answer.status, answer.body)
        return answer.json()

    def log(self, data, step=0, seq=None):
        seq = self.seq.get(step, 0) if seq is None else seq
        answer = self.call("logs", {"seq": seq, "chunk": base64.b64encode(data).decode(),
                                    "step_id": self.steps[step]})
        if answer.status == 202:
            self.seq[step] = seq + 1
        return answer

    def logs(self, *chunks, step=0):
        for chunk in chunks:
            answer = self.log(chunk, step)
            assert answer.status == 202, (answer.status, answer.body)

    def step(self, step, status, **more):
        self.must(f"steps/{self.steps[step]}/status", {"status": status, **more})

    def end_step(self, step=0, conclusion="success"):
        self.step(step, "running")
        self.step(step, "completed", conclusion=conclusion)

    def end(self, conclusion="success"):
        self.must("status", {"status": "completed", "conclusion": conclusion})
