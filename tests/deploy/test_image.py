"""The contract of the steps' image, nix/contract.tsv, in an image that is made from Debian's packages."""
import functools
import json
import os
import secrets

import pytest

import driver
import roots
from conftest import TREE

ENGINE = "http://engine"


class Engine:
    def __init__(self, socket):
        self.socket = socket

    def call(self, method, path, body=None):
        words = ["curl", "-fsS", "--unix-socket", self.socket, "-X", method, ENGINE + path]
        if body is not None:
            words += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        return driver.run(words, timeout=120).stdout

    def run(self, image, command, binds):
        """(exit code, output) of a container with the limits of a step and /workspace as its own place."""
        name = f"contract-{secrets.token_hex(6)}"
        self.call("POST", f"/containers/create?name={name}", {
            "Image": image, "Cmd": command, "User": "65534:65534", "Tty": True, "WorkingDir": "/workspace",
            "HostConfig": {"NetworkMode": "none", "ReadonlyRootfs": True, "Binds": binds, "CapDrop": ["ALL"],
                           "SecurityOpt": ["no-new-privileges"],
                           "Tmpfs": {"/tmp": "noexec,mode=1777", "/workspace": "exec,uid=65534,gid=65534"}}})
        try:
            self.call("POST", f"/containers/{name}/start")
            code = json.loads(self.call("POST", f"/containers/{name}/wait"))["StatusCode"]
            return code, self.call("GET", f"/containers/{name}/logs?stdout=1&stderr=1").decode(errors="replace")
        finally:
            self.call("DELETE", f"/containers/{name}?force=1")


def check(engine, image):
    return engine.run(image, ["bash", "/nix/check-contract.sh", "/nix/contract.tsv"], ["/nix:/nix:ro"])


def build_image(build, socket):
    driver.run([TREE / "tests/image/build.sh", "--runner"], timeout=170,
               env={"SHITHUB_IMAGE_CACHE": str(build / "image"), **os.environ, "DOCKER_HOST": f"unix://{socket}"})
    return "shithub/runner-debian:1.1"


@pytest.fixture(scope="module")
def engine(root, build):
    """The engine of a machine that nobody boots, with the image."""
    for name in ("contract.tsv", "check-contract.sh"):
        root.write(f"/nix/{name}", (TREE / "nix" / name).read_text())
    root.start_engine(functools.partial(build_image, build))
    return Engine(root.path / roots.SOCKET)


def test_the_image_keeps_the_contract(engine, root, report):
    code, said = check(engine, root.image)
    lines = [line for line in (TREE / "nix/contract.tsv").read_text().splitlines() if line[0] != "#"]
    assert code == 0 and f"{len(lines)} kept, 0 broken" in said, said
    report("image", f"{len(lines)} promises of runner-nix:1.1 tested in an image of Debian's packages")


def test_a_missing_tool_breaks_the_contract(engine, root):
    root.write("/nix/contract.tsv", "bash\ttrue\nabsent\tno-such-tool --version\n")
    code, said = check(engine, root.image)
    assert code == 1 and "broken: absent: " in said and "1 kept, 1 broken" in said, said
