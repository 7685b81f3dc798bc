"""A coordinator that hands out jobs and takes every call about them, as cheaply as it can.

It keeps when each job was handed out and when its last status came, how many calls there were, and of logs
the last bytes of each step: what is measured is the runner.
"""
import base64
import collections
import http.server
import json
import re
import threading
import time

from faulty import HOLD_MOST, claim

CALL = re.compile(r"/api/v1/jobs/(\d+)/(?:steps/(\d+)/)?([a-z-]+)$")
TAIL = 4096


class Job:
    def __init__(self):
        self.claimed = self.ended = self.first_log = self.last_log = 0
        self.calls, self.log_bytes = collections.Counter(), 0
        self.tails = {}
        self.conclusion = None

    def text(self, step):
        """The end of a step's log; all of it when that is short."""
        return b"".join(base64.b64decode(one[len(one) % 4:]) for one in self.tails.get(step, []))


class NullCoordinator:
    def __init__(self):
        handler = type("Handler", (Handler,), {"null": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        self.changed = threading.Condition()
        self.offers, self.jobs, self.serial, self.beats = [], {}, 0, 0
        self.first_beat = 0  # ns of the monotonic clock
        self.stopping = False
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with self.changed:
            self.stopping = True
            self.changed.notify_all()
        self.server.shutdown()
        self.server.server_close()

    def offer(self, steps, **changes):
        """The next heartbeat gets a job of these steps; its Job."""
        with self.changed:
            number = len(self.jobs) + 1
            self.jobs[number] = Job()
            self.offers.append((number, json.dumps(claim(number, steps=steps, **changes)).encode()))
            self.changed.notify_all()
            return self.jobs[number]

    def wait(self, condition, timeout=120.0, what="a condition"):
        with self.changed:
            if not self.changed.wait_for(condition, timeout):
                raise TimeoutError(f"waited {timeout:g} s for {what}")

    def finished(self, job, timeout=180.0):
        self.wait(lambda: job.ended, timeout, "the end of a job")
        if job.conclusion != "success":
            raise RuntimeError(f"a job ended as {job.conclusion}: {b''.join(map(job.text, job.tails))!r}")
        return job

    def heartbeat(self, hold):
        with self.changed:
            self.beats += 1
            self.first_beat = self.first_beat or time.monotonic_ns()
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.offers or self.stopping, hold)
            if not self.offers:
                return 204, b""
            number, body = self.offers.pop(0)
            self.jobs[number].claimed = time.time_ns()
            return 200, body

    def job_call(self, number, step, what, body):
        job, now = self.jobs[number], time.time_ns()
        with self.changed:
            job.calls[what if step is None else "step status"] += 1
            self.serial += 1
            answer = {"next_token": f"t{self.serial}"}
        if what == "logs":
            self.keep_log(job, body, now)
            return 202, b'{"accepted":true,"next_token":"t%d"}' % self.serial
        if what == "status":
            said = json.loads(bytes(body))
            answer |= {"status": said["status"], "conclusion": said.get("conclusion")}
            if step is None and said["status"] in ("completed", "cancelled"):
                job.conclusion = said.get("conclusion", said["status"])
        return 200, json.dumps({"cancelled": False, **answer}).encode()

    def keep_log(self, job, body, now):
        job.last_log = now
        job.first_log = job.first_log or now
        job.log_bytes += len(body)
        step = int(re.search(rb'"step_id":(\d+)', bytes(body[:256]) + bytes(body[-256:])).group(1))
        chunk = bytes(body[-TAIL:]).split(b'"chunk":"')[-1].split(b'"')[0]
        kept = job.tails.setdefault(step, [])
        kept.append(chunk)
        if len(body) > TAIL:
            del kept[:-1]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    null = None
    room = threading.local()

    def body(self):
        left, done = int(self.headers.get("Content-Length") or 0), 0
        if not hasattr(self.room, "bytes"):
            self.room.bytes = bytearray(1 << 20)
        view = memoryview(self.room.bytes)[:left]
        while done < left:
            done += self.rfile.readinto(view[done:])
        return view

    def do_POST(self):
        body = self.body()
        found = CALL.match(self.path)
        if found:
            number, step, what = found.groups()
            status, answer = self.null.job_call(int(number), step, what, body)
        elif self.path.endswith("/release"):
            status, answer = 204, b""
        else:
            hold = re.search(r"wait=(\d+)", self.headers.get("Prefer") or "")
            status, answer = self.null.heartbeat(min(float(hold.group(1)), HOLD_MOST) if hold else 0)
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        if found and found.group(3) == "status" and not found.group(2):
            self.note_end(self.null.jobs[int(found.group(1))])

    def note_end(self, job):
        with self.null.changed:
            if job.conclusion:
                job.ended = time.time_ns()
            self.null.changed.notify_all()

    def log_message(self, *_):
        pass
