"""A coordinator that hands out jobs and takes every call about them, as cheaply as it can.

It keeps when each job was handed out and when its last status came, how many calls there were, and of logs
the last bytes of each step: what is measured is the runner.
"""
import base64
import collections
import contextlib
import json
import re
import socket
import socketserver
import threading
import time

from faulty import HOLD_MOST, claim

CALL = re.compile(r"/api/v1/jobs/(\d+)/(?:steps/(\d+)/)?([a-z-]+)$")
LENGTH = re.compile(rb"(?i)\ncontent-length: *(\d+)")
HOLD = re.compile(rb"(?i)\nprefer:.*wait=(\d+)")
TAIL, BLOCK = 4096, 256 << 10


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
        self.server = Server(("127.0.0.1", 0), handler)
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"
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

    def note_end(self, number):
        with self.changed:
            if self.jobs[number].conclusion:
                self.jobs[number].ended = time.time_ns()
            self.changed.notify_all()

    def job_call(self, number, step, what, body, length):
        job, now = self.jobs[number], time.time_ns()
        with self.changed:
            job.calls[what if step is None else "step status"] += 1
            self.serial += 1
            answer = {"next_token": f"t{self.serial}"}
        if what == "logs":
            self.keep_log(job, body, length, now)
            return 202, b'{"accepted":true,"next_token":"t%d"}' % self.serial
        if what == "status":
            said = json.loads(body)
            answer |= {"status": said["status"], "conclusion": said.get("conclusion")}
            if step is None and said["status"] in ("completed", "cancelled"):
                job.conclusion = said.get("conclusion", said["status"])
        return 200, json.dumps({"cancelled": False, **answer}).encode()

    def keep_log(self, job, body, length, now):
        job.last_log = now
        job.first_log = job.first_log or now
        job.log_bytes += length
        step = int(re.search(rb'"step_id":(\d+)', body[:256] + body[-256:]).group(1))
        chunk = body[-TAIL:].split(b'"chunk":"')[-1].split(b'"')[0]
        kept = job.tails.setdefault(step, [])
        kept.append(chunk)
        if length > TAIL:
            del kept[:-1]


class Handler(socketserver.BaseRequestHandler):
    """HTTP/1.1 as runners speak it, read by hand: a library's reading would take longer than the runner's writing.
    The middle of a large body is left in the kernel, which forgets it (MSG_TRUNC)."""
    null = None

    def setup(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.block = bytearray(BLOCK)

    def handle(self):
        rest = b""
        with contextlib.suppress(ConnectionError):
            while True:
                while b"\r\n\r\n" not in rest:
                    got = self.request.recv(BLOCK)
                    if not got:
                        return
                    rest += got
                head, rest = rest.split(b"\r\n\r\n", 1)
                length = LENGTH.search(head)
                length = int(length.group(1)) if length else 0
                body, rest = self.body(rest, length)
                self.answer(head.split(b" ", 2)[1].decode(), head, body, length)

    def body(self, have, length):
        """All of it, or begin and end of a large one; what came behind it."""
        if len(have) >= length:
            return have[:length], have[length:]
        left, kept = length - len(have), [have]
        while left:
            if left > TAIL and length > BLOCK:
                got = self.request.recv_into(self.block, min(left - TAIL, BLOCK), socket.MSG_TRUNC)
            else:
                kept.append(self.request.recv(min(left, BLOCK)))
                got = len(kept[-1])
            if not got:
                raise ConnectionError
            left -= got
        return b"".join(kept), b""

    def answer(self, path, head, body, length):
        found = CALL.match(path)
        if found:
            number, step, what = found.groups()
            status, answer = self.null.job_call(int(number), step, what, body, length)
        elif path.endswith("/release"):
            status, answer = 204, b""
        else:
            hold = HOLD.search(head)
            status, answer = self.null.heartbeat(min(float(hold.group(1)), HOLD_MOST) if hold else 0)
        self.request.sendall(b"HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n" % (status, len(answer)) + answer)
        if found and found.group(3) == "status" and not found.group(2):
            self.null.note_end(int(found.group(1)))


class Server(socketserver.ThreadingTCPServer):
    daemon_threads, allow_reuse_address, request_queue_size = True, True, 64
