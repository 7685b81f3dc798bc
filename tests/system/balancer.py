"""A load balancer as it should not be: each request goes to the next backend, whatever came before, on a
connection of its own. So nothing can rest on two requests of one caller reaching one process."""
import http.client
import http.server
import itertools
import threading

HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "expect", "content-length"}
PIECE = 65536


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def chunks(self):
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            return b"".join(self.chunks())
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def forward(self):
        body = self.body()
        backend = self.server.next_backend(self.command, self.path)
        upstream = http.client.HTTPConnection(backend, timeout=120)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in HOP:
                    upstream.putheader(name, value)
            if body or self.command in ("POST", "PUT", "PATCH"):
                upstream.putheader("Content-Length", str(len(body)))
            upstream.endheaders(body or None)
            self.answer(upstream.getresponse())
        finally:
            upstream.close()

    def answer(self, got):
        self.close_connection = True
        self.send_response_only(got.status, got.reason)
        for name, value in got.getheaders():
            if name.lower() not in HOP or name.lower() == "content-length":
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        while piece := got.read1(PIECE):
            self.wfile.write(piece)
            self.wfile.flush()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = forward

    def handle(self):
        try:
            super().handle()
        except (OSError, http.client.HTTPException):
            pass  # either side went away: the other one sees its connection end


class Balancer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.lock = threading.Lock()
        self.backends = self.turn = None
        self.sent = []  # (backend, method, path without query)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def to(self, *bases):
        self.backends = [base.split("://")[1] for base in bases]
        self.turn = itertools.cycle(self.backends)

    def next_backend(self, method, path):
        with self.lock:
            backend = next(self.turn)
            self.sent.append((backend, method, path.split("?")[0]))
            return backend

    def close(self):
        self.shutdown()
        self.server_close()
