"""A real registry on 127.0.0.1, with or without passwords, and a door in front of it that can be
held shut; small images of their own to push to it."""
import base64
import contextlib
import http.client
import http.server
import io
import json
import os
import pathlib
import re
import socket
import tarfile
import threading
import urllib.parse

import driver

USER, PASSWORD = "puller", "correct horse battery"
# bcrypt of PASSWORD, the only kind the registry takes
HTPASSWD = "puller:$2b$04$mA9QxHt01E75lFO4LpTbCumPtujzqK76vvlYv9JM76.wu8AKsXqTG\n"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def needs_of(program):
    """The program and the libraries it loads, as paths."""
    said = driver.run(["ldd", program]).stdout.decode()
    return [program, *re.findall(r"(/\S+) \(0x", said)]


def shell_tar(extra):
    """A root with a shell and one file of random bytes, so that its layer is nobody else's."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in needs_of("/bin/dash"):
            tar.add(os.path.realpath(name), "bin/sh" if name == "/bin/dash" else name.lstrip("/"))
        for name in ("workspace", "shithub", "tmp", "proc", "sys", "dev"):
            made = tarfile.TarInfo(name)
            made.type, made.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(made)
        made = tarfile.TarInfo("extra")
        made.size = len(extra)
        tar.addfile(made, io.BytesIO(extra))
    return out.getvalue()


def auth_entry(user, password):
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


class Registry:
    def __init__(self, folder, engine, passwords=False):
        self.folder, self.engine, self.passwords = pathlib.Path(folder), engine, passwords
        self.folder.mkdir()
        self.host = f"127.0.0.1:{free_port()}"
        config = {"version": 0.1, "http": {"addr": self.host}, "log": {"level": "warn"},
                  "storage": {"filesystem": {"rootdirectory": str(self.folder / "data")}}}
        if passwords:
            (self.folder / "htpasswd").write_text(HTPASSWD)
            config["auth"] = {"htpasswd": {"realm": "test", "path": str(self.folder / "htpasswd")}}
        (self.folder / "config.yml").write_text(json.dumps(config))
        self.program = None
        self.made = []
        self.start()

    def start(self):
        self.program = driver.Program(
            ["docker-registry", "serve", self.folder / "config.yml"], self.folder / "registry.log")
        driver.wait_for(lambda: self.ask("GET", "/v2/").status in (200, 401), what="the registry")

    def ask(self, method, path, headers=None):
        try:
            return driver.request(method, f"http://{self.host}{path}", headers=headers or {})
        except OSError:
            return driver.Answer(0, {}, b"")

    def stop(self):
        self.program.stop()

    def close(self):
        self.stop()
        driver.wait_for(self.none_left, what="the engine to let go of this registry's images")

    def none_left(self):
        """Deletes what has a name of ours; an engine refuses while a container still runs from it."""
        hosts = {name.split("/")[0] for name in self.made}
        names = [name for image in self.engine.api("GET", "/images/json")
                 for name in (image["RepoTags"] or []) + (image["RepoDigests"] or [])
                 if name.split("/")[0] in hosts]
        for name in names:
            self.forget(name)
        return not names

    def curl(self, *words, stdin=None):
        return driver.run(["curl", "-sS", "--unix-socket", self.engine.socket, *words],
                          stdin=stdin).stdout.decode()

    def push(self, name="tool:1", words="first", size=1 << 20):
        """Makes an image, pushes it, removes it from the engine; its reference and digest."""
        reference = f"{self.host}/{name}"
        repo, tag = reference.rsplit(":", 1)
        said = self.curl("-X", "POST", "-H", "Content-Type: application/x-tar", "-T", "-",
                         "http://engine/images/create?fromSrc=-",
                         stdin=shell_tar(words.encode() + os.urandom(size)))
        made = re.findall(r"sha256:[0-9a-f]{64}", said)[-1]
        self.engine.api("POST", f"/images/{made}/tag?repo={repo}&tag={tag}")
        login = base64.urlsafe_b64encode(
            json.dumps({"username": USER, "password": PASSWORD}).encode()).decode()
        said = self.curl("-X", "POST", "-H", f"X-Registry-Auth: {login}",
                         f"http://engine/images/{repo}/push?tag={tag}")
        digest = re.search(r"digest: (sha256:[0-9a-f]{64})", said)
        assert digest, said
        self.forget(reference)
        self.made.append(reference)
        return reference, digest.group(1)

    def forget(self, reference):
        self.curl("-X", "DELETE", f"http://engine/images/{reference}?force=1")

    def has(self, reference):
        found = self.engine.api("GET", f"/images/{urllib.parse.quote(reference, safe='')}/json")
        return "Id" in found

    def config(self, name, password=PASSWORD, user=USER):
        """A config.json with these credentials inline; its folder."""
        folder = self.folder / name
        folder.mkdir()
        (folder / "config.json").write_text(
            json.dumps({"auths": {self.host: auth_entry(user, password)}}))
        return folder


class Door:
    """Passes requests on to a registry; layers wait until it is opened, and are counted."""

    def __init__(self, registry):
        self.opened = threading.Event()
        self.asked = []  # paths of layers
        door = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if "/blobs/" in self.path:
                    door.asked.append(self.path)
                    door.opened.wait(120)
                upstream = http.client.HTTPConnection(registry.host)
                upstream.putrequest(self.command, self.path, skip_host=True)
                for key, value in self.headers.items():  # several Accept among them
                    upstream.putheader(key, value)
                upstream.endheaders()
                answer = upstream.getresponse()
                body = answer.read()
                self.send_response(answer.status)
                for key, value in answer.getheaders():
                    if key.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(key, value)
                length = answer.getheader("Content-Length") or str(len(body))
                self.send_header("Content-Length", length)
                self.end_headers()
                with contextlib.suppress(OSError):  # who asked may have given up
                    self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.opened.set()
        self.server.shutdown()
        self.server.server_close()
