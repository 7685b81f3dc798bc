"""A host of its own and a small internet, in network namespaces: nothing of it leaves the machine.

    host      25.18.0.1     a real dockerd, the runner and its firewall; also 192.168.55.1
    internet  25.18.0.2     routes everything; holds every other address of this world:
              25.18.0.53   the upstream resolver (dnsmasq that knows the names below)
              25.18.1.10   allowed.test, alias.test     25.18.1.20  other.test
              25.18.1.30   *.wild.test
              10.99.0.5     private.test                 100.64.0.9   carrier.test
              8.8.8.8, 1.1.1.1, 169.254.169.254, 2606:4700:4700::1111

Every address of the internet answers TCP on 80, 443 and 8080; 8.8.8.8 answers DNS over UDP and TCP.
25/8 is used because the ranges for examples count as private.
"""
import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

import driver
from conftest import keep_logs

DIE = ("setpriv", "--pdeathsig", "TERM")  # with the test, however that ends
PORTS = (80, 443, 8080)
ADDRESSES = ("25.18.0.53", "25.18.1.10", "25.18.1.20", "25.18.1.30", "10.99.0.5", "100.64.0.9",
             "8.8.8.8", "1.1.1.1", "169.254.169.254")
NAMES = {"allowed.test": "25.18.1.10", "below.allowed.test": "25.18.1.10",
         "other.test": "25.18.1.20", "example.com": "25.18.1.20", "wild.test": "25.18.1.30",
         "a.wild.test": "25.18.1.30", "b.a.wild.test": "25.18.1.30", "private.test": "10.99.0.5",
         "carrier.test": "100.64.0.9", "metadata.test": "169.254.169.254",
         "outer.test": "25.18.0.1"}
LISTENER = """
import selectors, socket
kinds = ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"))
chooser = selectors.DefaultSelector()
for port in %r:
    for family, address in kinds:
        listener = socket.socket(family)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(64)
        chooser.register(listener, selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _ in chooser.select():
        peer, _ = key.fileobj.accept()
        peer.close()
"""


class Namespace:
    """A network and mount namespace that lives as long as a sleeping process."""

    def __init__(self):
        self.holder = subprocess.Popen([*DIE, "unshare", "-n", "-m", "--propagation", "private",
                                        "sleep", "infinity"], stdin=subprocess.DEVNULL)
        own = os.readlink("/proc/self/ns/net")
        driver.wait_for(lambda: os.readlink(f"/proc/{self.holder.pid}/ns/net") != own, 10,
                        "the namespace")
        self.run("ip", "link", "set", "lo", "up")

    def enter(self, *argv, cwd=None):
        return ["nsenter", "-t", str(self.holder.pid), "-n", "-m",
                *([f"--wd={cwd}"] if cwd else []), *map(str, argv)]

    def run(self, *argv, **options):
        return driver.run(self.enter(*argv), **options)

    def start(self, *argv, log, env=None):
        return driver.Program([*DIE, *self.enter(*argv)], log, env=env)

    def stop(self):
        self.holder.terminate()
        self.holder.wait()


class World:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sht-net-"))
        self.folder.chmod(0o711)
        self.programs = []
        self.dockerd = None
        self.host, self.internet = Namespace(), Namespace()
        self.socket = self.folder / "docker.sock"
        try:
            self.wire()
            self.start_internet()
            self.start_engine()
        except BaseException:
            self.stop()
            raise

    def wire(self):
        self.internet.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "out0",
                          "netns", str(self.host.holder.pid))
        self.host.run("ip", "addr", "add", "25.18.0.1/24", "dev", "out0")
        self.host.run("ip", "-6", "addr", "add", "fd77::1/64", "dev", "out0", "nodad")
        self.host.run("ip", "link", "set", "out0", "up")
        self.host.run("ip", "addr", "add", "192.168.55.1/32", "dev", "lo")
        self.internet.run("ip", "addr", "add", "25.18.0.2/24", "dev", "eth0")
        self.internet.run("ip", "-6", "addr", "add", "fd77::2/64", "dev", "eth0", "nodad")
        self.internet.run("ip", "link", "set", "eth0", "up")
        for address in ADDRESSES:
            self.internet.run("ip", "addr", "add", f"{address}/32", "dev", "lo")
        self.internet.run("ip", "-6", "addr", "add", "2606:4700:4700::1111/128", "dev", "lo",
                          "nodad")
        self.host.run("ip", "route", "add", "default", "via", "25.18.0.2")
        self.host.run("ip", "-6", "route", "add", "default", "via", "fd77::2")
        self.internet.run("ip", "route", "add", "172.16.0.0/12", "via", "25.18.0.1")
        self.host.run("sysctl", "-qw", "net.ipv4.ip_forward=1")

    def dnsmasq(self, name, listen):
        conf = self.folder / f"{name}.conf"
        lines = [f"listen-address={listen}", "bind-interfaces", "no-resolv", "no-hosts",
                 "pid-file=", "user=root", "log-facility=-", "log-queries",
                 "cname=alias.test,allowed.test", "txt-record=other.test,secret-way-out"]
        lines += [f"host-record={key},{value}" for key, value in NAMES.items()]
        conf.write_text("\n".join(lines) + "\n")
        self.programs.append(self.internet.start(
            "dnsmasq", "--keep-in-foreground", f"--conf-file={conf}",
            log=self.folder / f"{name}.log"))

    def start_internet(self):
        self.dnsmasq("upstream", "25.18.0.53")
        self.dnsmasq("public", "8.8.8.8")
        listener = self.internet.start("/usr/bin/python3", "-c", LISTENER % (PORTS,),
                                       log=self.folder / "listener.log")
        self.programs.append(listener)
        for log, word in (("upstream", "started"), ("public", "started"), ("listener", "ready")):
            path = self.folder / f"{log}.log"
            driver.wait_for(lambda p=path, w=word: w in p.read_text(), 20, f"{word} in {path}")

    def start_engine(self):
        root = self.folder / "engine"
        root.mkdir(exist_ok=True)
        self.dockerd = self.host.start(
            "dockerd", "--data-root", root / "root", "--exec-root", root / "exec",
            "-p", root / "pid", "-H", f"unix://{self.socket}", log=self.folder / "dockerd.log")
        driver.wait_for(lambda: self.ping() or not self.dockerd.alive(), 60, "dockerd")
        assert self.dockerd.alive(), self.dockerd.log()

    def ping(self):
        return driver.run(["curl", "-fsS", "--unix-socket", self.socket, "http://engine/_ping"],
                          check=False).returncode == 0

    def restart_engine(self):
        assert self.dockerd.stop(60) == 0
        self.start_engine()

    def empty_image(self, name="empty:1"):
        """An empty image: a probe inside must bring everything along."""
        bare = self.folder / "bare"
        (bare / "etc").mkdir(parents=True, exist_ok=True)
        driver.run(["sh", "-c",
                    f"tar -C {bare} -c . | docker -H unix://{self.socket} import - {name}"])
        return name

    def copy_image(self, name, socket):
        driver.run(["sh", "-c", f"docker -H unix://{socket} save {name} | "
                                f"docker -H unix://{self.socket} load"], timeout=300)

    @contextlib.contextmanager
    def podman(self):
        """The socket of a Podman of root's on this host, beside Docker, with an empty image."""
        script = pathlib.Path(__file__).resolve().parents[2] / "deploy/local/engine.sh"
        env = {key: value for key, value in os.environ.items() if not key.endswith("_HOST")}
        env |= {"ENGINE": "podman", "SHITHUB_PODMAN_DIR": str(self.folder / "pm")}
        socket = self.host.run(script, "start", env=env).stdout.decode().strip()
        try:
            driver.run(["sh", "-c", f"tar -C {self.folder}/bare -c . |"
                        f" curl -fsS --unix-socket {socket} -H 'Content-Type: application/x-tar'"
                        " --data-binary @- 'http://engine/images/create?fromSrc=-&repo=empty'"])
            yield socket
        finally:
            self.host.run(script, "stop", env=env, check=False)

    @contextlib.contextmanager
    def host_listener(self, port):
        log = self.folder / f"host-{port}.log"
        listener = self.host.start("/usr/bin/python3", "-c", LISTENER % ((port,),), log=log)
        driver.wait_for(lambda: "ready" in log.read_text(), 20, "the host's listener")
        yield
        listener.stop()

    def upstream_log(self):
        return (self.folder / "upstream.log").read_text()

    def stop(self):
        for program in self.programs:
            program.stop()
        if self.dockerd:
            self.dockerd.stop(60)
        for namespace in (self.host, self.internet):
            namespace.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def lived(request, name):
    """For a module's fixture: a world whose logs are kept when one of its tests fails."""
    made = World()
    made.empty_image()
    failed = request.session.testsfailed
    yield made
    if request.session.testsfailed > failed:
        keep_logs(name, sorted(made.folder.glob("*.log")))
    made.stop()
