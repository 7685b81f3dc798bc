"""nix/ without nixpkgs: parsed, checked and evaluated against the cut-down nixpkgs beside this file.

What only the real nixpkgs can show is not here: that package and image build. The contract of the image is
tested on one that is made from Debian's packages.
"""
import json
import os
import re
import shutil

import pytest

import driver
from conftest import TREE

HERE = TREE / "tests/deploy"
SYSTEM = "x86_64-linux"
SHIPPED = TREE / "deploy/systemd/shithubd-runner.service"

RUNNERS = """{ alpha = { enable = true; tokenFile = "/run/secrets/token"; %s
  settings = { server.base_url = "https://shithub.example"; runner.labels = [ "x64" ]; %s }; }; }"""


def runners(more="", settings=""):
    return RUNNERS % (more, settings)


class Nix:
    """The flake in a copy of the tree as a checkout has it, with a store of its own."""

    def __init__(self, folder):
        self.tree = folder / "tree"
        files = driver.run(["git", "-C", TREE, "ls-files", "-co", "--exclude-standard", "nix",
                            "deploy/systemd", "Makefile"]).stdout.decode().splitlines()
        for file in files:
            if (TREE / file).is_file():
                (self.tree / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(TREE / file, self.tree / file)
        for words in (["init", "-q"], ["add", "-A"]):
            driver.run(["git", "-C", self.tree, *words])
        self.url = f"git+file://{self.tree}?dir=nix"
        self.store = folder / "store"
        self.env = {**os.environ, "HOME": str(folder), "NIX_REMOTE": f"local?root={self.store}",
                    "NIX_CONFIG": "experimental-features = nix-command flakes\nsandbox = false\n"}

    def run(self, *words, check=True):
        return driver.run(["nix", "--offline", *words], env=self.env, check=check)

    def flake(self, *words):
        """A command about the flake, with our nixpkgs for the one it names."""
        return self.run(*words, "--override-input", "nixpkgs", f"path:{HERE}/nixpkgs", "--no-write-lock-file")

    def eval(self, expression, check=True):
        """The value of an expression that may use `packages`, `pkgs` and `nixos RUNNERS`."""
        text = f"""let
          pkgs = import {HERE}/nixpkgs/pkgs.nix "{SYSTEM}";
          packages.{SYSTEM}.shithubd-runner = pkgs.callPackage {self.tree}/nix/package.nix {{ }};
          module = import {self.tree}/nix/module.nix {{ inherit packages; }};
          nixos = runners: import {HERE}/nixpkgs/nixos.nix {{ inherit module pkgs runners; }};
        in {expression}"""
        done = self.run("eval", "--impure", "--json", "--expr", text, check=check)
        return json.loads(done.stdout) if check else done.stderr.decode()


@pytest.fixture(scope="module")
def nix(tmp_path_factory):
    return Nix(tmp_path_factory.mktemp("nix"))


def sections(text):
    """{section: {key: [values]}} of a unit file."""
    found, current = {}, None
    for line in text.splitlines():
        if line.startswith("["):
            current = found.setdefault(line.strip("[]"), {})
        elif line and line[0] not in "#;":
            key, _, value = line.partition("=")
            current.setdefault(key, []).append(value)
    return found


def test_the_flake_has_what_it_promises(nix, report):
    shown = json.loads(nix.flake("flake", "show", "--json", nix.url).stdout)
    assert {"shithubd-runner", "runnerImage", "default"} == set(shown["packages"][SYSTEM])
    assert set(shown["packages"]) == {SYSTEM, "aarch64-linux"}
    assert {"shithubd-runner", "default"} == set(shown["nixosModules"])
    assert {"package", "module", "image"} == set(shown["checks"][SYSTEM])
    nix.flake("flake", "check", "--no-build", nix.url)
    report("Nix", "flake shown and checked, without building, against a cut-down nixpkgs")


def test_the_package_installs_both_programs_and_their_helpers(nix):
    args = nix.eval(f"removeAttrs packages.{SYSTEM}.shithubd-runner.args [ \"src\" ]")
    version = re.search(r"^VERSION := (.*)$", (TREE / "Makefile").read_text(), re.M)[1]
    assert args["version"] == version and args["meta"]["mainProgram"] == "shithubd-runner"
    assert any(flag.startswith("MUSL_CC=") for flag in args["makeFlags"])
    install = (TREE / "Makefile").read_text()
    for variable in (flag.partition("=")[0] for flag in args["makeFlags"]):
        assert re.search(rf"^{variable} [:?]=", install, re.M), variable
    for name in ("shithubd", "shithubd-runner"):
        assert f"wrapProgram $out/bin/{name} " in args["postInstall"]


def test_the_module_gives_the_shipped_unit(nix, report):
    made = nix.eval(f"nixos {runners()}")
    assert made["failed"] == [] and list(made["units"]) == ["shithubd-runner-alpha"]
    unit = made["units"]["shithubd-runner-alpha"]
    assert "/usr/" not in unit
    unit = re.sub(r"/nix/store/\w{32}-shithubd-runner/bin/", "/usr/local/bin/", unit)
    unit = re.sub(r"/nix/store/\w{32}-coreutils/bin/", "/bin/", unit)
    ours, shipped = sections(unit), sections(SHIPPED.read_text())
    own = {"Description", "Documentation", "ConditionPathExists", "Environment", "EnvironmentFile",
           "LoadCredential", "SetCredential", "StateDirectory"}
    for name, settings in shipped.items():
        for key in settings.keys() - own:
            assert ours[name].get(key) == settings[key], (name, key)
        assert ours[name].keys() - settings.keys() <= own, name
    service = ours["Service"]
    assert service["LoadCredential"] == ["token:/run/secrets/token"]
    assert service["StateDirectory"] == ["shithubd-runner-alpha"]
    report("Nix", "module evaluated to its unit, compared with the shipped one")


def test_systemd_takes_the_units_of_the_module(nix, tmp_path):
    settings = 'runner.network_allowlist = [ "github.com" ]; network.bridge = "br7";'
    made = nix.eval(f"nixos {runners(settings=settings)}")
    resolver = sections(made["units"]["shithubd-runner-resolver-alpha"])["Service"]
    assert "/run/shithubd-network/br7/dnsmasq.conf" in resolver["ExecStart"][0]
    for name, text in made["units"].items():
        unit = tmp_path / f"{name}.service"
        unit.write_text(re.sub(r"/nix/store/\S*/bin/\S+", "/bin/true", text))
        done = driver.run(["systemd-analyze", "verify", "--man=no", unit], check=False)
        assert "shithubd" not in (done.stdout + done.stderr).decode(), done.stderr


def test_the_settings_become_a_file_that_the_runner_takes(nix, build):
    settings = 'runner.capacity = 3; engine.kind = "podman";'
    made = nix.eval(f"nixos {runners(settings=settings)}")
    unit = made["units"]["shithubd-runner-alpha"]
    file = re.search(r'^Environment="SHITHUB_RUNNER_CONFIG=(.*)"$', unit, re.M)[1]
    env = {"SHITHUB_RUNNER_TOKEN": "0" * 64, "SHITHUB_RUNNER_STATE_DIR": "/var/lib/shithubd-runner-alpha"}
    done = driver.run([build / "shithubd-runner", "config", "check", "--output", "json", "--config",
                       f"{nix.store}{file}"], env=env)
    values = {one["key"]: one["value"] for one in json.loads(done.stdout)["values"]}
    assert values["runner.capacity"] == 3 and values["engine.kind"] == "podman"
    assert values["runner.workspace_root"] == "/var/lib/shithubd-runner-alpha/workspaces"
    assert sections(unit)["Service"]["SupplementaryGroups"] == ["podman"]


def test_overrides_replace_settings_of_the_unit(nix):
    more = 'serviceOverrides = { MemoryMax = "8G"; WatchdogSec = "5min"; }; extraGroups = [ "video" ];'
    service = sections(nix.eval(f"nixos {runners(more)}")["units"]["shithubd-runner-alpha"])["Service"]
    assert service["MemoryMax"] == ["8G"] and service["WatchdogSec"] == ["5min"]
    assert service["SupplementaryGroups"] == ["docker", "video"]


@pytest.mark.parametrize("more, settings, reason", [
    ('tokenFile = null;', "", "tokenFile is missing. Run `shithubd admin runner register`"),
    ('tokenFile = "${builtins.storeDir}/x-token";', "", "in the Nix store, which everybody may read"),
    ("", 'runner.token = "x";', "Use tokenFile"),
    ("", 'engine.kind = "lxc";', 'expected "docker" or "podman"'),
    ("", 'runner.workspace_root = "/srv/work";', "may write only below /var/lib/shithubd-runner-alpha"),
])
def test_bad_input_is_refused_with_its_remedy(nix, more, settings, reason):
    text = runners(more, settings)
    if "tokenFile =" in more:
        text = text.replace('tokenFile = "/run/secrets/token";', "", 1)
    failed = nix.eval(f"(nixos {text}).failed")
    assert len(failed) == 1 and reason in failed[0], failed
    assert failed[0].startswith("services.shithubd-runner.alpha: ")


@pytest.mark.parametrize("more, reason", [
    ("capacity = 2;", "does not exist"), ("extraGroups = 3;", "is not of type"),
])
def test_the_module_knows_its_options(nix, more, reason):
    assert reason in nix.eval(f"(nixos {runners(more)}).units", check=False)


def test_the_image_is_the_promised_one(nix):
    image = nix.eval(f"""let a = (pkgs.callPackage {nix.tree}/nix/image.nix {{ }}).args; in
        a // {{ contents = map (one: {{ inherit (one) name; packages = one.packages or [ ]; }}) a.contents; }}""")
    assert image["name"] == "ghcr.io/tenseleyflow/shithub/runner-nix" and image["tag"] == "1.1"
    assert image["created"] == "1970-01-01T00:00:01Z" and image["maxLayers"] == 80
    assert image["config"]["Cmd"] == ["bash"] and image["config"]["WorkingDir"] == "/workspace"
    assert [one.partition("=")[0] for one in image["config"]["Env"]] == ["PATH", "SSL_CERT_FILE", "GIT_SSL_CAINFO"]
    have = {one["name"] for one in image["contents"]}
    have |= {name for one in image["contents"] for name in one["packages"]}
    contract = [line.split("\t")[0] for line in (TREE / "nix/contract.tsv").read_text().splitlines()
                if not line.startswith("#")]
    brought_by = {"env": "runner-files", "sh": "bash", "awk": "gawk", "gcc": "gfortran", "g++": "gfortran",
                  "python": "python3.12", "shallow-checkout": "shithub-shallow-checkout",
                  "workspace": "runner-files", "nobody": "runner-files"}
    assert {brought_by.get(tool, tool) for tool in contract} <= have
