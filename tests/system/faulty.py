"""A coordinator that misbehaves on request, for what the real one never sends.

It keeps the rules that matter to the runner (token chain, log sequence, order of calls) and records
every call, so a test can say afterwards what the runner told it. Answers to heartbeats are scripted
with offer(); everything else gets PROTOCOL.md's answers unless refuse() says otherwise.
"""
import base64
import copy
import http.server
import json
import re
import socket
import threading
import time

TOKEN = "0123456789abcdef" * 4
HOLD_MOST = 25.0


class Recorded:
    """What the runner reported about one job."""

    def __init__(self, token):
        self.tokens = [token]  # every token handed out, the last one is valid
        self.calls = []        # (what, step id or None, body)
        self.keys = []         # Idempotency-Key of each call
        self.answers = {}      # by key: what was answered, for a repeated call
        self.cancelled = False
        self.replays = 0

    def statuses(self, step=None):
        kind = "status" if step is None else "step"
        return [(body["status"], body.get("conclusion"))
                for what, where, body in self.calls if what == kind and where == step]

    @property
    def final(self):
        ends = [status for status in self.statuses() if status[0] in ("completed", "cancelled")]
        return ends[-1] if ends else None

    def log(self, step=None):
        """The log of a step (None: of all), chunks in the order of their sequence numbers."""
        chunks = [(body.get("step_id"), body["seq"], base64.b64decode(body["chunk"]))
                  for what, _, body in self.calls if what == "logs"]
        mine = [(where, seq, data) for where, seq, data in chunks if step in (None, where)]
        for where in {where for where, _, _ in mine}:
            seen = sorted({seq for which, seq, _ in mine if which == where})
            assert seen == list(range(len(seen))), f"log of step {where}: sequence {seen}"
        return b"".join(data for _, _, data in mine)


class FaultyCoordinator:
    def __init__(self):
        self.lock = threading.Condition()  # of an RLock: its holder may call offer()
        self.heartbeats = []  # (monotonic time, headers, body)
        self.script = []      # answers to come, oldest first
        self.claims = []      # the number of each heartbeat that got a job, the first being 1
        self.jobs = {}
        self.refusals = []    # [pattern, status, headers, how often]
        self.idempotent = True # replays the stored answer when a key comes again
        self.holds = True      # honours Prefer: wait
        self.names_active = True  # takes active_job_ids; an older coordinator answers 400
        self.strangers = []    # paths of calls that it does not know
        self.releases = 0      # times that the runner asked for the answer to a held heartbeat
        self.drops = []        # paths whose next call is done but not answered
        self.revoked = False
        self.stopping = False
        handler = type("Handler", (Handler,), {"coordinator": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        self.token = TOKEN
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        with self.lock:
            self.stopping = True
            self.lock.notify_all()
        self.server.shutdown()
        self.server.server_close()

    def offer(self, answer, status=200, headers=None):
        """The next unanswered heartbeat gets this: a dict, or raw bytes as they are."""
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        with self.lock:
            self.script.append((status, headers or {}, body))
            self.lock.notify_all()

    def offer_job(self, number, **changes):
        """A claim as it should be, with changes; its Recorded."""
        self.offer(claim(number, **changes))
        return self.expect(number)

    def expect(self, number):
        """Records calls about a job whose claim was offered as raw bytes."""
        with self.lock:
            return self.jobs.setdefault(number, Recorded(first_token(number)))

    def refuse(self, pattern, status, headers=None, times=1):
        with self.lock:
            self.refusals.append([re.compile(pattern), status, headers or {}, times])

    def drop(self, pattern):
        """The next call of that path takes effect, but its answer is lost."""
        with self.lock:
            self.drops.append(re.compile(pattern))

    def dropped(self, path):
        with self.lock:
            for pattern in self.drops:
                if pattern.search(path):
                    self.drops.remove(pattern)
                    return True
        return False

    def heartbeat(self, headers, body, gone):
        hold = re.search(r"wait=(\d+)", headers.get("Prefer") or "")
        with self.lock:
            self.heartbeats.append((time.monotonic(), dict(headers), body))
            mine = len(self.heartbeats)
            self.lock.notify_all()
            if self.revoked or headers.get("Authorization") != f"Bearer {self.token}":
                return 401, {}, b'{"error":"runner token is not valid"}'
            if not self.names_active and "active_job_ids" in body:
                return 400, {}, b'{"error":"json: unknown field \\"active_job_ids\\""}'
            if hold and self.holds:
                before = self.releases
                self.lock.wait_for(lambda: self.script or self.stopping or self.revoked
                                   or self.releases != before,
                                   min(float(hold.group(1)), HOLD_MOST))
            if self.script and not gone():  # else the claim is the next runner's
                answer = self.script.pop(0)
                if answer[0] == 200:
                    self.claims.append(mine)
                return answer
        return 204, {}, b""

    def release(self):
        with self.lock:
            self.releases += 1
            self.lock.notify_all()
        return 204, {}, b""

    def job_call(self, number, what, step, headers, body):
        with self.lock:
            job = self.jobs.get(number)
            if job is None:
                return 404, {}, b'{"error":"no such job"}'
            key = headers.get("Idempotency-Key")
            if key in job.answers:
                return job.answers[key]
            if headers.get("Authorization") != f"Bearer {job.tokens[-1]}":
                job.replays += 1
                return 401, {}, b'{"error":"token was used before"}'
            job.calls.append((what, step, body))
            job.keys.append(headers.get("Idempotency-Key"))
            self.lock.notify_all()
            answer = {"accepted": True} if what == "logs" else {
                "cancelled": job.cancelled} if what == "cancel-check" else {
                "status": body.get("status"), "conclusion": body.get("conclusion")}
            if not (what == "status" and body["status"] in ("completed", "cancelled")):
                job.tokens.append(f"job.{number}.{len(job.tokens)}")
                answer["next_token"] = job.tokens[-1]
                answer["next_token_expires_at"] = "2100-01-01T00:00:00Z"
            whole = 202 if what == "logs" else 200, {}, json.dumps(answer).encode()
            if key and self.idempotent:
                job.answers[key] = whole
            return whole

    def refusal(self, path):
        with self.lock:
            for entry in self.refusals:
                if entry[3] > 0 and entry[0].search(path):
                    entry[3] -= 1
                    return entry[1], entry[2], b'{"error":"refused on purpose"}'
        return None

    def wait(self, condition, timeout=60.0, what="condition"):
        """Waits for a condition that changes with a call of the runner; its value."""
        with self.lock:
            value = self.lock.wait_for(condition, timeout)
        assert value, f"waited {timeout:g} s for {what}"
        return value

    def wait_final(self, job, timeout=90.0):
        return self.wait(lambda: job.final, timeout, "the job's final status")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    coordinator = None

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, headers, body = self.coordinator.refusal(self.path) or self.route(raw)
        if self.coordinator.dropped(self.path):
            self.close_connection = True
            return
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the runner hung up, as it may on an answer too large

    def route(self, raw):
        body = json.loads(raw or b"{}")
        if self.path == "/api/v1/runners/heartbeat":
            return self.coordinator.heartbeat(self.headers, body, self.gone)
        if self.path == "/api/v1/runners/heartbeat/release":
            return self.coordinator.release()
        found = re.fullmatch(r"/api/v1/jobs/(\d+)/(?:steps/(\d+)/)?([a-z-]+)", self.path)
        if not found:
            self.coordinator.strangers.append(self.path)
            return 404, {}, b'{"error":"no such path"}'
        number, step, what = found.groups()
        return self.coordinator.job_call(int(number), "step" if step else what,
                                         int(step) if step else None, self.headers, body)

    def gone(self):
        """Has the caller hung up? A killed runner's held heartbeat must not take another's claim."""
        try:
            return self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except ConnectionError:
            return True

    def log_message(self, *_):
        pass


def first_token(number):
    return f"job.{number}.0"


def step(number, index=0, **changes):
    made = {"id": number, "index": index, "step_id": "", "name": f"step {index}", "if": "",
            "run": "echo fine", "uses": "", "working_directory": "", "env": {}, "with": {},
            "continue_on_error": False}
    return {**made, **changes}


def claim(number, steps=None, **changes):
    """A well-formed claim of job `number`; its steps have the ids number * 100 + index."""
    steps = [{}] if steps is None else steps
    job = {
        "id": number, "run_id": number + 1000, "repo_id": 1, "run_index": 1,
        "workflow_file": ".shithub/workflows/ci.yml", "workflow_name": "CI",
        "checkout_url": "http://127.0.0.1:9/demo/sample.git", "checkout_token": "checkout-token",
        "head_sha": "a" * 40, "head_ref": "refs/heads/trunk", "event": "push",
        "event_payload": {}, "job_key": "main", "job_name": "main", "runs_on": "ubuntu-latest",
        "needs": [], "if": "", "timeout_minutes": 5, "permissions": {}, "secrets": {},
        "mask_values": [], "env": {},
        "steps": [step(number * 100 + index, index, **given) for index, given in enumerate(steps)],
    }
    job.update(copy.deepcopy(changes))
    return {"token": first_token(number), "expires_at": "2100-01-01T00:00:00Z", "job": job}
