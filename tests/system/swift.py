"""OpenStack Swift with its S3 interface: an object store of others, on loopback, in one folder."""
import datetime
import hashlib
import re
import socket
import urllib.parse

import driver
from bucket import signature

CONF = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {folder}
devices = {folder}/node
mount_check = false
user = root
workers = 0
log_address = {folder}/no-syslog
"""
SERVER = CONF + "[pipeline:main]\npipeline = {kind}-server\n[app:{kind}-server]\nuse = egg:swift#{kind}\n"
FILTERS = {"catch_errors": "", "cache": "memcache", "listing_formats": "", "bulk": "",
           "s3api": "location = eu-test-1\ns3_acl = false\n",
           "tempauth": "user_test_ci = testing+of/ci .admin\n", "slo": ""}
PROXY = (CONF + f"[pipeline:main]\npipeline = {' '.join(FILTERS)} proxy-server\n"
         "[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n"
         + "".join(f"[filter:{name}]\nuse = egg:swift#{name if more != 'memcache' else more}\n"
                   + (more if "=" in more else "") for name, more in FILTERS.items()))


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


# What swift-ring-builder does in nine calls of some seconds each.
RINGS = """
import sys
from swift.common.ring import RingBuilder
for kind, port in zip(("account", "container", "object"), sys.argv[2:]):
    builder = RingBuilder(4, 1, 0)
    builder.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": int(port), "device": "d1",
                     "weight": 1})
    builder.rebalance()
    builder.get_ring().save(f"{sys.argv[1]}/{kind}.ring.gz")
"""


class Swift:
    """Looks like bucket.Bucket, as far as both can."""
    name, region = "artifacts", "eu-test-1"
    credentials = ("test:ci", "testing+of/ci")

    def __init__(self, folder):
        self.folder, self.programs = folder, []
        (folder / "node/d1").mkdir(parents=True)
        ports = {kind: free_port() for kind in ("account", "container", "object", "proxy")}
        self.endpoint = f"http://127.0.0.1:{ports['proxy']}"
        for kind in ("account", "container", "object"):
            self.start(kind, ports[kind], SERVER)
        driver.run(["/usr/bin/python3", "-c", RINGS, folder, *map(str, list(ports.values())[:3])])
        self.start("proxy", ports["proxy"], PROXY)
        driver.wait_for(self.answers, 60, "Swift")

    def start(self, kind, port, text):
        conf = self.folder / f"{kind}.conf"
        conf.write_text(text.format(port=port, folder=self.folder, kind=kind))
        if kind == "proxy":
            driver.wait_for(lambda: all((self.folder / f"{k}.ring.gz").exists()
                                        for k in ("account", "container", "object")), 10, "rings")
        self.programs.append(driver.Program([f"swift-{kind}-server", conf],
                                            self.folder / f"{kind}.log"))

    def answers(self):
        assert all(one.alive() for one in self.programs), [one.log()[-2000:] for one in self.programs]
        try:
            return driver.request("GET", self.endpoint + "/info").status == 200
        except OSError:
            return False

    def ask(self, method, path="", query=""):
        """One signed request without a body; the answer."""
        stamp = datetime.datetime.utcnow().strftime("%Y%m%dT%H%M%SZ")
        scope = f"{stamp[:8]}/{self.region}/s3/aws4_request"
        empty = hashlib.sha256(b"").hexdigest()
        path = f"/{self.name}" + (f"/{path}" if path else "")
        headers = [("host", self.endpoint.split("//")[1]), ("x-amz-content-sha256", empty),
                   ("x-amz-date", stamp)]
        made = signature(method, path, urllib.parse.parse_qsl(query), headers, empty, stamp, scope,
                         self.credentials[1])
        words = (f"AWS4-HMAC-SHA256 Credential={self.credentials[0]}/{scope}, SignedHeaders="
                 f"host;x-amz-content-sha256;x-amz-date, Signature={made}")
        return driver.request(method, self.endpoint + path + (f"?{query}" if query else ""), None,
                              None, {**dict(headers[1:]), "Authorization": words})

    def make_bucket(self, name):
        self.name = name
        answer = self.ask("PUT")
        assert answer.status == 200, answer.body

    @property
    def objects(self):
        listed = self.ask("GET", query="list-type=2")
        assert listed.status == 200, listed.body
        return {key: self.ask("GET", key).body
                for key in re.findall("<Key>(.*?)</Key>", listed.body.decode())}

    def where(self, prefix="/ci", **options):
        options = {"endpoint": self.endpoint, "region": self.region, **options}
        return f"s3://{self.name}{prefix}?" + "&".join(f"{k}={v}" for k, v in options.items())

    def stop(self):
        for one in self.programs:  # nothing of it is needed any more, and asked nicely it takes long
            one.process.kill()
            one.process.wait(10)
