"""A bucket of an S3 store that believes nothing: every request's signature is made anew from what
came over the wire and compared, headers that must be signed must be there, and every digest that is
announced is checked. It does on order what stores do on bad days.
"""
import base64
import contextlib
import datetime
import hashlib
import hmac
import http.server
import re
import ssl
import threading
import urllib.parse
from xml.sax.saxutils import escape

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW = 15 * 60


def encode(text):
    return urllib.parse.quote(text, safe="-._~")


def signature(method, path, query, headers, payload, stamp, scope, secret):
    """query and headers: pairs, headers with lower-case names; scope: day/region/service/…"""
    canonical = "\n".join([
        method, path, "&".join("=".join(p) for p in sorted((encode(k), encode(v)) for k, v in query)),
        "".join(f"{name}:{value}\n" for name, value in sorted(headers)),
        ";".join(sorted(name for name, _ in headers)), payload])
    text = "\n".join([ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


class Refused(Exception):
    def __init__(self, status, code, more=""):
        super().__init__(code)
        self.status, self.code, self.more = status, code, more


class Held:
    """A fault: the request is answered as it was when it came (late), or as it is then, when told."""

    def __init__(self, late=False):
        self.late, self.came, self.go = late, threading.Semaphore(0), threading.Event()

    def wait(self):
        self.came.release()
        self.go.wait(120)

    def must_come(self, times=1):
        for _ in range(times):
            assert self.came.acquire(timeout=30), "nobody asked"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bucket = None

    def log_message(self, *_):
        pass

    def any(self):
        path, _, raw = self.path.partition("?")
        self.query = dict(urllib.parse.parse_qsl(raw, keep_blank_values=True, strict_parsing=bool(raw)))
        fault = self.bucket.fault_of(self.command, self.path)
        length = int(self.headers.get("Content-Length") or 0)
        if fault == "cut":
            self.rfile.read(length // 2)
            self.close_connection = True
            return
        body = self.rfile.read(length)
        self.bucket.note(self.command, self.path, len(body), fault)
        if isinstance(fault, Held) and not fault.late:
            fault.wait()
        try:
            if fault and fault != "cut-answer" and not isinstance(fault, Held):
                raise Refused(*fault)
            self.check(path, body)
            status, headers, answer = self.bucket.answer(self.command, path, self.query, self.headers,
                                                         body)
        except Refused as why:
            status, headers = why.status, {"Content-Type": "application/xml"}
            answer = (f"<?xml version=\"1.0\"?>\n<Error><Code>{why.code}</Code><Message>no"
                      f"</Message>{why.more}</Error>").encode()
        if isinstance(fault, Held) and fault.late:
            fault.wait()
        with contextlib.suppress(OSError):  # who waits for the answer may have gone
            self.reply(status, headers, answer, fault)

    def reply(self, status, headers, answer, fault):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(answer[:len(answer) // 2] if fault == "cut-answer" else answer)
        self.close_connection = self.close_connection or fault == "cut-answer"

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = any

    def check(self, path, body):
        if "X-Amz-Signature" in self.query:
            self.check_url(path)
        else:
            self.check_header(path, body)
        announced = self.headers.get("x-amz-checksum-sha256")
        if announced and base64.b64encode(hashlib.sha256(body).digest()).decode() != announced:
            raise Refused(400, "BadDigest")

    def signed(self, names):
        headers = []
        for name in names.split(";"):
            values = self.headers.get_all(name)
            if not values:
                raise Refused(403, "SignatureDoesNotMatch")  # signed, and not sent
            headers.append((name, ",".join(" ".join(v.split()) for v in values)))
        for name in self.headers:
            if name.lower().startswith("x-amz-") and name.lower() not in names.split(";"):
                raise Refused(403, "AccessDenied")  # sent, and not signed
        return headers

    def compare(self, path, query, names, payload, stamp, credential, given):
        key, _, scope = credential.partition("/")
        day, region, service, end = scope.split("/")
        if key not in self.bucket.keys:
            raise Refused(403, "InvalidAccessKeyId")
        if region != self.bucket.region:
            raise Refused(400, "AuthorizationHeaderMalformed",
                          f"<Region>{self.bucket.region}</Region>")
        if (service, end, day) != ("s3", "aws4_request", stamp[:8]):
            raise Refused(400, "AuthorizationHeaderMalformed")
        want = signature(self.command, path, query, self.signed(names), payload, stamp, scope,
                         self.bucket.keys[key])
        if not hmac.compare_digest(want, given):
            raise Refused(403, "SignatureDoesNotMatch")
        if key in self.bucket.powerless:
            raise Refused(403, "AccessDenied")

    def age(self, stamp):
        then = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ")
        now = datetime.datetime.utcnow() + datetime.timedelta(seconds=self.bucket.ahead)
        return (now - then).total_seconds()

    def check_header(self, path, body):
        found = re.fullmatch(ALGORITHM + r" Credential=(\S+), SignedHeaders=(\S+), Signature=(\w{64})",
                             self.headers.get("Authorization") or "")
        payload, stamp = self.headers.get("x-amz-content-sha256"), self.headers.get("X-Amz-Date")
        if not found or not payload or not stamp:
            raise Refused(403, "AccessDenied")
        if abs(self.age(stamp)) > SKEW:
            raise Refused(403, "RequestTimeTooSkewed")
        query = [(k, v) for k, v in self.query.items()]
        self.compare(path, query, found[2], payload, stamp, found[1], found[3])
        if payload != hashlib.sha256(body).hexdigest():
            raise Refused(400, "XAmzContentSHA256Mismatch")

    def check_url(self, path):
        q = dict(self.query)
        given, stamp = q.pop("X-Amz-Signature"), q["X-Amz-Date"]
        if q["X-Amz-Algorithm"] != ALGORITHM or not 0 < int(q["X-Amz-Expires"]) <= 7 * 24 * 3600:
            raise Refused(400, "AuthorizationQueryParametersError")
        if not -SKEW < self.age(stamp) < int(q["X-Amz-Expires"]):
            raise Refused(403, "AccessDenied")
        self.compare(path, list(q.items()), q["X-Amz-SignedHeaders"], "UNSIGNED-PAYLOAD", stamp,
                     q["X-Amz-Credential"], given)


def document(name, *parts):
    return f"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{name}>{''.join(parts)}</{name}>".encode()


class Bucket:
    """Path-style, one bucket. objects: bytes by key; requests: (method, path, bytes, fault)."""
    name, region, page = "artifacts", "eu-test-1", 3

    def __init__(self, tls=None):
        self.keys, self.powerless = {"AKIDCI": "se/cret+key=of the test".replace(" ", "")}, set()
        self.powerless_keys = {"AKIDNONE": "another"}
        self.objects, self.uploads, self.requests, self.faults = {}, {}, [], []
        self.ahead = 0  # of our clock, seconds
        self.way_on = lambda token: token  # that a list names
        self.lock, self.tls, self.numbers = threading.Lock(), tls, 0
        self.port = 0
        self.listen()

    def listen(self):
        handler = type("Made", (Handler,), {"bucket": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self.server.daemon_threads = True
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    @contextlib.contextmanager
    def away(self):
        """Nobody listens; connections that are open bring nothing."""
        with self.fault(".*", "cut", 1 << 30):
            self.stop()
            yield
            self.listen()

    @property
    def endpoint(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def credentials(self):
        return next(iter(self.keys.items()))

    def where(self, prefix="/ci", **options):
        options = {"endpoint": self.endpoint, "region": self.region, **options}
        return f"s3://{self.name}{prefix}?" + "&".join(f"{k}={v}" for k, v in options.items())

    @contextlib.contextmanager
    def fault(self, pattern, fault, times=1):
        """The next requests "METHOD path" that match: "cut", "cut-answer", (status, code) or Held."""
        one = [re.compile(pattern), fault, times]
        with self.lock:
            self.faults.append(one)
        yield lambda: one[2]
        with self.lock:
            self.faults.remove(one)

    def fault_of(self, method, path):
        with self.lock:
            for one in self.faults:
                if one[2] and one[0].search(f"{method} {path}"):
                    one[2] -= 1
                    return one[1]
        return None

    def note(self, *request):
        with self.lock:
            self.requests.append(request)

    def asked(self, pattern):
        with self.lock:
            return [r for r in self.requests if re.search(pattern, f"{r[0]} {r[1]}")]

    # ---- what it does ----

    def answer(self, method, path, query, headers, body):
        root = f"/{self.name}"
        if path != root and not path.startswith(root + "/"):
            raise Refused(404, "NoSuchBucket")
        key = urllib.parse.unquote(path[len(root) + 1:])
        with self.lock:
            return self.of_object(method, key, query, headers, body) if key \
                else self.of_bucket(query)

    def of_bucket(self, query):
        if "uploads" in query:
            return 200, {}, document("ListMultipartUploadsResult", *(
                f"<Upload><Key>{escape(u['key'])}</Key><UploadId>{i}</UploadId>"
                f"<Initiated>{u['began']}</Initiated></Upload>" for i, u in self.uploads.items()
                if u["key"].startswith(query.get("prefix", ""))))
        assert query["list-type"] == "2"
        keys = sorted(k for k in self.objects if k.startswith(query.get("prefix", ""))
                      and k > query.get("continuation-token", ""))
        page = keys[:min(self.page, int(query.get("max-keys", 1000)))]
        more = len(page) < len(keys)
        token = self.way_on(page[-1]) if more else None
        return 200, {}, document("ListBucketResult", f"<IsTruncated>{str(more).lower()}</IsTruncated>", *(
            f"<Contents><Key>{escape(k)}</Key><Size>{len(self.objects[k])}</Size></Contents>"
            for k in page), f"<NextContinuationToken>{escape(token)}</NextContinuationToken>"
            if token else "")

    def of_object(self, method, key, query, headers, body):
        if "uploads" in query or "uploadId" in query:
            return self.of_upload(method, key, query, body)
        if method == "PUT":
            self.objects[key] = body
            return 200, {"ETag": f'"{hashlib.md5(body).hexdigest()}"'}, b""
        if method == "DELETE":
            self.objects.pop(key, None)
            return 204, {}, b""
        if key not in self.objects:
            raise Refused(404, "NoSuchKey")
        content = self.objects[key]
        more = {"Content-Length": str(len(content))}
        if headers.get("x-amz-checksum-mode") == "ENABLED":
            more["x-amz-checksum-sha256"] = base64.b64encode(hashlib.sha256(content).digest()).decode()
        return 200, more, content

    def of_upload(self, method, key, query, body):
        if "uploads" in query:
            self.numbers += 1
            number = f"up.{self.numbers}~x"
            began = datetime.datetime.utcnow().strftime("%Y-%m-%dT%H:%M:%S.000Z")
            self.uploads[number] = {"key": key, "parts": {}, "began": began}
            return 200, {}, document("InitiateMultipartUploadResult", f"<UploadId>{number}</UploadId>")
        upload = self.uploads.get(query["uploadId"])
        if not upload or upload["key"] != key:
            raise Refused(404, "NoSuchUpload")
        if method == "DELETE":
            del self.uploads[query["uploadId"]]
            return 204, {}, b""
        if method == "PUT":
            upload["parts"][int(query["partNumber"])] = body
            return 200, {"ETag": f'"{hashlib.md5(body).hexdigest()}"'}, b""
        parts = re.findall(r"<Part><PartNumber>(\d+)</PartNumber><ETag>\"(\w+)\"</ETag></Part>",
                           body.decode())
        have = [(str(n), hashlib.md5(b).hexdigest()) for n, b in sorted(upload["parts"].items())]
        if parts != have or any(len(b) < 5 << 20 for _, b in sorted(upload["parts"].items())[:-1]):
            raise Refused(400, "InvalidPart")
        self.objects[key] = b"".join(b for _, b in sorted(upload["parts"].items()))
        del self.uploads[query["uploadId"]]
        return 200, {}, document("CompleteMultipartUploadResult", "<ETag>\"x-2\"</ETag>")
