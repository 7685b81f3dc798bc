#!/usr/bin/env python3
"""bench_logpath.py BUILD FOLDER IMAGE: how fast a step's output reaches a coordinator.

The step copies ordinary log lines to its output; the runner looks for 20 secrets in them, spools
them and sends them to a coordinator that reads and forgets. Two rates, medians in MB/s (10^6): as
the step sees it (its writes never wait for the network) and until the coordinator had everything.
"""
import base64
import http.server
import json
import os
import pathlib
import re
import shutil
import statistics
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "deploy/local"), str(HERE.parent / "system")]

from driver import Runner  # noqa: E402
from faulty import TOKEN, claim  # noqa: E402

ROUNDS = 5
BLOCK, BLOCKS = 16 << 20, 32
SECRETS = {f"SECRET_{n}": ("%02d-" % n + "kY7bQ2wLx9" * 7)[:8 + 3 * n] for n in range(20)}
STEP = f"""
line='2026-01-01T12:00:00Z info compiler built target=//src/base:buffer seconds=0.42 cached=no'
for i in $(seq 1000); do echo "$line $i"; done >/tmp/some
for i in $(seq 200); do cat /tmp/some; done >/tmp/block
truncate -s {BLOCK} /tmp/block
a=$(date +%s%N)
for i in $(seq {BLOCKS}); do cat /tmp/block; done
b=$(date +%s%N)
echo
echo took $((b - a))
"""


class NullCoordinator:
    """Hands out one job and takes every call about it, as cheaply as it can."""

    def __init__(self):
        handler = type("Handler", (Handler,), {"coordinator": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        self.serial = self.log_bytes = 0
        self.claim = None
        self.tail = b""
        self.first_log = self.last_log = None
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def offer(self, number):
        self.first_log, self.log_bytes = None, 0
        self.claim = claim(number, steps=[{"run": STEP}], secrets=SECRETS, timeout_minutes=10)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    coordinator = None
    room = threading.local()

    def body(self):
        left = int(self.headers.get("Content-Length") or 0)
        if not hasattr(self.room, "bytes"):
            self.room.bytes = bytearray(1 << 20)
        view = memoryview(self.room.bytes)[:left]
        done = 0
        while done < left:
            done += self.rfile.readinto(view[done:])
        return view

    def do_POST(self):
        null, body = self.coordinator, self.body()
        status, answer = 200, b'{"next_token":"t%d"}' % null.serial
        null.serial += 1
        if self.path.endswith("/heartbeat"):
            if null.claim is None:
                time.sleep(0.02)
            status = 200 if null.claim else 204
            answer, null.claim = json.dumps(null.claim).encode() if null.claim else b"", None
        elif self.path.endswith("/logs"):
            status = 202
            null.last_log = time.time()
            null.first_log = null.first_log or null.last_log
            null.log_bytes += len(body)
            null.tail = bytes(body[-4096:])
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def took_ns(tail):
    """What the step's last line says; the last chunk is short or ends with it."""
    text = tail.split(b'"chunk":"')[-1].split(b'"')[0]
    text = base64.b64decode(text[-(len(text) // 4 * 4):])
    return int(re.search(rb"took (\d+)", text).group(1))


def measure(build, folder, image):
    null = NullCoordinator()
    seen, delivered = [], []
    try:
        for number in range(1, ROUNDS + 1):
            runner = Runner(build, folder / f"logpath{number}", null.base, TOKEN, image)
            runner.env["SHITHUB_RUNNER_STEP_LOG_LIMIT"] = "1g"
            null.offer(number)
            program = runner.once()
            assert program.process.returncode == 0, program.log()
            assert null.log_bytes > BLOCK * BLOCKS * 4 / 3, f"{null.log_bytes} bytes arrived"
            seen.append(BLOCK * BLOCKS / took_ns(null.tail) * 1e3)
            delivered.append(BLOCK * BLOCKS / (null.last_log - null.first_log) / 1e6)
            shutil.rmtree(runner.folder)
    finally:
        null.stop()
    return statistics.median(seen), statistics.median(delivered)


def row(name, value, target):
    mark = "ok" if value >= target else "MISSED"
    print(f"{name:<44} {value:9.0f} {'':>9} {'MB/s':<3} {'':>11}  target {target:<5} {mark}",
          flush=True)


def main():
    build, folder, image = sys.argv[1:4]
    seen, delivered = measure(build, pathlib.Path(folder), image)
    row("log path: step to spool, 20 secrets masked", seen, 300)
    row("log path: step to a null coordinator", delivered, 300)


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C")
    main()
