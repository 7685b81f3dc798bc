"""serve with PostgreSQL servers of a test's own: TLS with a CA of its own, and a standby that becomes the
primary."""
import os
import pathlib
import re
import shutil
import socket
import subprocess

import byhand
import certificates
import driver
import pytest

KEEPALIVE, KEEPALIVE_S = "02", 20


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """A PostgreSQL on a free port of 127.0.0.1. PostgreSQL refuses to run as root."""

    def __init__(self, folder, *settings):
        newest = sorted(pathlib.Path("/usr/lib/postgresql").iterdir(), key=lambda one: int(one.name))[-1]
        self.bin, self.folder, self.port = newest / "bin", folder, free_port()
        self.data, self.settings = folder / "data", settings
        folder.mkdir()
        if os.getuid() == 0:
            shutil.chown(folder, "postgres", "postgres")

    def run(self, program, *words, check=True):
        drop = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
        done = subprocess.run([*(drop if os.getuid() == 0 else []), self.bin / program, *map(str, words)],
                              cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=120)
        assert not check or done.returncode == 0, (program, done.stdout)
        return done.stdout

    def make(self):
        self.run("initdb", "-D", self.data, "-U", "shithub", "-E", "UTF8", "--locale=C.UTF-8", "-A", "trust",
                 "--no-sync")
        return self

    def copy(self, of):
        self.run("pg_basebackup", "-D", self.data, "-h", "127.0.0.1", "-p", of.port, "-U", "shithub",
                 "-R", "-X", "stream", "-c", "fast")
        return self

    def start(self):
        lines = ["listen_addresses = '127.0.0.1'", f"port = {self.port}", "fsync = off",
                 f"unix_socket_directories = '{self.folder}'", *self.settings]
        with (self.data / "postgresql.auto.conf").open("a") as conf:
            conf.write("\n".join(lines) + "\n")
        # what starts it must not leave its pipe to the server
        self.run("pg_ctl", "-D", self.data, "-l", self.data / "server.log", "-w", "-t", "60", "start")
        return self

    def stop(self):
        if (self.data / "postmaster.pid").exists():
            self.run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")

    def psql(self, text):
        return self.run("psql", "-h", self.folder, "-p", self.port, "-U", "shithub", "-d", "postgres",
                        "-XAt", "-v", "ON_ERROR_STOP=1", "-c", text).strip()

    def address(self, *options, host="127.0.0.1"):
        options = "&".join(options)
        return f"postgres://shithub@{host}:{self.port}/postgres?{options}"


@pytest.fixture
def servers(folder):
    """servers(name, *settings): one that is not made yet."""
    made = []

    def add(name, *settings):
        made.append(Server(folder / name, *settings))
        return made[-1]

    yield add
    for one in reversed(made):
        one.stop()


def refused(build, folder, store):
    """Exit code and the one line of a serve that does not start."""
    done = subprocess.run([build / "shithubd", "serve", "--data", folder / "refused", "--listen",
                           "127.0.0.1:0", "--store", store], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60)
    lines = [line for line in done.stderr.splitlines() if " info " not in line]
    assert done.returncode != 0 and len(lines) == 1, done.stderr
    return done.returncode, lines[0]


@pytest.fixture
def tls(servers, folder):
    """A server that speaks TLS alone, and the file of its CA."""
    authority = certificates.Authority(folder / "ca")
    certificate, key = authority.issue("database")
    server = servers("database", "ssl = on", "ssl_cert_file = 'server.pem'", "ssl_key_file = 'server.key'")
    server.make()
    for source, name in ((certificate, "server.pem"), (key, "server.key")):
        shutil.copy(source, server.data / name)
        (server.data / name).chmod(0o600)
        if os.getuid() == 0:
            shutil.chown(server.data / name, "postgres", "postgres")
    (server.data / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.1/32 trust\n")
    return server.start(), authority.file


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_tls_with_a_ca_of_its_own(tls, coordinators, host):
    server, ca = tls
    coordinator = coordinators("--store", server.address("sslmode=verify-full", f"sslrootcert={ca}",
                                                         host=host)).start()
    token = coordinator.register_runner("r1")["token"]
    assert byhand.heartbeat(coordinator, token).status == 204
    rows = server.psql("SELECT count(*), count(*) FILTER (WHERE s.ssl) FROM pg_stat_activity a"
                       " JOIN pg_stat_ssl s USING (pid) WHERE a.application_name = 'shithubd'")
    connections, by_tls = map(int, rows.split("|"))
    assert connections == by_tls >= 3, rows


def test_a_wrong_ca_and_a_wrong_name_are_refused(tls, build, folder):
    server, ca = tls
    other = certificates.Authority(folder / "other", "other").file
    for options, said in (
            (("sslmode=verify-full", f"sslrootcert={other}"), "certificate verify failed"),
            (("sslmode=verify-full", f"sslrootcert={folder}/none.pem"), "none.pem"),
            (("sslmode=verify-full", f"sslrootcert={ca}", "hostaddr=127.0.0.1"), "does not match host name"),
            (("sslmode=disable",), "no pg_hba.conf entry")):
        host = "db.invalid" if "hostaddr=127.0.0.1" in options else "127.0.0.1"
        code, line = refused(build, folder, server.address(*options, host=host))
        remedy = "allow it in the server's pg_hba.conf" if "no pg_hba" in said else "check sslmode and sslrootcert"
        assert code == 1 and said in line and f"({remedy})" in line, (code, line)


def timers(pid, port):
    """Kind and seconds left of the timer of each connection to the port, by the kernel's list."""
    own = {os.readlink(one) for one in pathlib.Path(f"/proc/{pid}/fd").iterdir() if one.is_symlink()}
    found = []
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        field = line.split()
        if f"socket:[{field[9]}]" in own and field[2].endswith(f":{port:04X}"):
            kind, left = field[5].split(":")
            found.append((kind, int(left, 16) / os.sysconf("SC_CLK_TCK")))
    return found


def test_a_dead_peer_of_an_idle_connection_is_probed(tls, coordinators):
    server, ca = tls
    coordinator = coordinators("--store", server.address("sslmode=verify-full", f"sslrootcert={ca}")).start()
    pid = coordinator.program.process.pid

    def idle():
        """None while bytes of any connection are under way."""
        found = timers(pid, server.port)
        return found if len(found) >= 3 and all(kind == KEEPALIVE for kind, _ in found) else None

    found = driver.wait_for(idle, what="idle connections")
    assert all(left <= KEEPALIVE_S for _, left in found), found


def test_a_standby_is_refused_and_takes_over_when_promoted(servers, coordinators, build, folder):
    first = servers("first").make().start()
    second = servers("second").copy(first).start()
    assert (second.data / "standby.signal").exists()
    code, line = refused(build, folder, second.address())
    assert code == 1, "not 2, or systemd would not start it again"
    assert re.search(r"the server is a standby, which takes no changes; name the primary, or all hosts"
                     r" with target_session_attrs=read-write", line)
    coordinator = coordinators(
        "--store", f"postgres://shithub@127.0.0.1:{second.port},127.0.0.1:{first.port}/postgres"
                   "?target_session_attrs=read-write").start()
    token = coordinator.register_runner("r1")["token"]
    assert byhand.heartbeat(coordinator, token).status == 204
    second_has = "SELECT count(*) FROM runners"
    driver.wait_for(lambda: second.psql(second_has) == "1", what="the standby to have the rows")
    first.stop()
    assert byhand.heartbeat(coordinator, token).status == 503
    second.run("pg_ctl", "-D", second.data, "-w", "promote")
    driver.wait_for(lambda: byhand.heartbeat(coordinator, token).status == 204, what="the new primary")
    coordinator.register_runner("r2")
    assert second.psql(second_has) == "2"
