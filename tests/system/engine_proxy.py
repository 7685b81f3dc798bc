"""A container engine's socket between a program and an engine: records every call.

Behind it stands a real engine (its socket), or answers that were written down: `answers` maps
a path without version and query to (status, body), a dict or list being JSON, or to a function of
(method, path with query). `hold(path)` keeps calls to a path unanswered until release().
"""
import http.client
import http.server
import json
import re
import socket
import socketserver
import threading

VERSION = re.compile(r"^/v[0-9.]+(?=/)")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("engine", timeout=120)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 32


class EngineProxy:
    def __init__(self, path, behind=None, answers=None):
        self.path, self.behind = str(path), behind
        self.answers = dict(answers or {})
        self.calls = []      # "METHOD path?query", versions left out
        self.held = {}       # path -> threading.Event
        self.reached = threading.Event()
        self.partial = {}    # path -> bytes sent before a held call is kept
        self.rewrite = lambda path: path  # on the way to the real engine
        self.server = Server(self.path, type("Handler", (Handler,), {"proxy": self}))
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        self.release()
        self.server.shutdown()
        self.server.server_close()

    def hold(self, path, partial=None):
        self.reached.clear()
        self.held[path] = threading.Event()
        if partial is not None:
            self.partial[path] = partial

    def release(self):
        for event in self.held.values():
            event.set()
        self.held = {}
        self.partial = {}

    @property
    def changes(self):
        """All calls that could change something."""
        return [call for call in self.calls if not call.startswith("GET ")]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy = None

    def address_string(self):
        return "client"

    def log_message(self, *_):
        pass

    def head(self, status, headers, length):
        self.send_response_only(status)
        for key, value in headers:
            self.send_header(key, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def forward(self, path, body):
        link = UnixConnection(self.proxy.behind)
        link.request(self.command, path, body, {"Content-Type": "application/json"})
        got = link.getresponse()
        data = got.read()
        kept = [(key, value) for key, value in got.getheaders()
                if key.lower() not in ("content-length", "transfer-encoding", "connection")]
        link.close()
        return got.status, kept, data

    def canned(self, plain, full):
        found = self.proxy.answers.get(plain)
        if callable(found):
            found = found(self.command, full)
        if found is None:
            return 404, [], b'{"message":"no such thing"}'
        status, body = found
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = [("Content-Type", "application/json"), ("Api-Version", "1.41"),
                   ("Server", "Docker/20.10.24 (linux)")]
        return status, headers, data

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        full = VERSION.sub("", self.path)
        plain = full.split("?")[0]
        self.proxy.calls.append(f"{self.command} {full}")
        event = self.proxy.held.get(plain)
        if event:
            if plain in self.proxy.partial:
                self.head(200, [("Content-Type", "application/json")], 1 << 20)
                self.wfile.write(self.proxy.partial[plain])
                self.wfile.flush()
            self.proxy.reached.set()
            event.wait(120)
            self.close_connection = True
            if plain in self.proxy.partial:
                return
        if plain in self.proxy.answers or not self.proxy.behind:
            status, headers, data = self.canned(plain, full)
        else:
            status, headers, data = self.forward(self.proxy.rewrite(self.path), body)
        try:
            self.head(status, headers, len(data))
            self.wfile.write(data)
        except OSError:
            self.close_connection = True  # whoever asked has gone

    do_GET = do_POST = do_DELETE = do_PUT = do_HEAD = answer
