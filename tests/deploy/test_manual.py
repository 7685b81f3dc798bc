"""Manual pages and completions, written by the programs' own tables: complete, well-formed, and in use."""
import json
import re
import subprocess

import pytest

import driver
from conftest import TREE

PROGRAMS = ("shithubd-runner", "shithubd")


@pytest.fixture(scope="module")
def manual(build, tmp_path_factory):
    out = tmp_path_factory.mktemp("manual")
    driver.run(["/usr/bin/python3", TREE / "deploy/manual/write.py", build, out])
    return out


def verbs_of(build, program):
    """Paths of all verbs that do something, asked from the program."""
    def walk(path, verbs):
        for verb in verbs:
            here = (*path, verb["name"])
            if verb["runs"]:
                yield here
            yield from walk(here, verb["verbs"] or ())
    said = driver.run([build / program, "--help=json"]).stdout
    return list(walk((), json.loads(said)["verbs"]))


def rendered(page):
    done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", str(page)], capture_output=True,
                          env={"MANWIDTH": "80", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
    assert (done.returncode, done.stderr) == (0, b""), (page.name, done.stderr.decode())
    return done.stdout.decode()


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_verb_has_a_page_with_all_its_flags(build, manual, program):
    whole = rendered(manual / f"man/man1/{program}.1")
    for verb in verbs_of(build, program):
        name = "-".join((program, *verb))
        assert f"{name}(1)" in whole
        page = re.sub(r"\s+", " ", rendered(manual / f"man/man1/{name}.1"))
        flags = json.loads(driver.run([build / program, *verb, "--help=json"]).stdout)["flags"]
        for flag in flags:
            assert f"--{flag['name']} " in page, (name, flag["name"])


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_page_of_the_configuration_has_every_key(build, manual, program):
    page = rendered(manual / f"man/man5/{program}.toml.5")
    keys = json.loads(driver.run([build / program, "config", "keys", "--output", "json"]).stdout)
    assert len(keys) > 5
    for key in keys:
        assert re.search(rf"^ +{key['key']} = ", page, re.M), key["key"]
        assert key["help"] and key["variable"] in page, key["key"]


def test_the_listed_configuration_is_a_valid_file(build, tmp_path):
    """Every default, taken out of its comment, is accepted and changes nothing."""
    text = driver.run([build / "shithubd-runner", "config", "keys"]).stdout.decode()
    file = tmp_path / "config.toml"
    file.write_text(re.sub(r'^#(\w+ = (?!""$|\[\]$).*)$', r"\1", text, flags=re.M))
    check = [build / "shithubd-runner", "config", "check", "--output", "json", "--config"]
    (tmp_path / "empty.toml").write_text("")
    mine, usual = (json.loads(driver.run([*check, path], env={}).stdout)
                   for path in (file, tmp_path / "empty.toml"))
    assert {one["key"]: one["value"] for one in mine["values"]} == {
        one["key"]: one["value"] for one in usual["values"]}
    assert sum(one["origin"] == "file" for one in mine["values"]) > 30


def test_units_name_pages_that_exist(manual):
    for unit in sorted((TREE / "deploy/systemd").glob("*.service")):
        named = re.findall(r"man:([\w.-]+)\((\d)\)", unit.read_text())
        assert named, unit.name
        for name, section in named:
            assert (manual / f"man/man{section}/{name}.{section}").is_file(), (unit.name, name)


def complete(file, program, *words):
    """What bash offers for the last of the words."""
    script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
              f'_{program.replace("-", "_")}; printf "%s\\n" "${{COMPREPLY[@]}}"')
    done = driver.run(["bash", "-c", script, "bash", file, program, *words])
    return done.stdout.decode().split()


def test_bash_completes_verbs_flags_and_words(manual):
    file = manual / "completions/bash/shithubd-runner"
    assert complete(file, "shithubd-runner", "con") == ["config"]
    assert complete(file, "shithubd-runner", "config", "") == ["check", "keys"]
    assert "--token-file" in complete(file, "shithubd-runner", "run", "--tok")
    assert complete(file, "shithubd-runner", "status", "--output", "") == ["table", "json"]
    file = manual / "completions/bash/shithubd"
    assert complete(file, "shithubd", "admin", "runner", "rev") == ["revoke"]
    driver.run(["shellcheck", "-s", "bash", *(manual / "completions/bash").iterdir()])


def test_fish_completes_verbs_flags_and_words(manual):
    def offered(line):
        script = f"source {manual}/completions/fish/shithubd-runner.fish; complete -C '{line}'"
        done = driver.run(["fish", "--no-config", "-c", script])
        assert done.stderr == b""
        return [one.split("\t")[0] for one in done.stdout.decode().splitlines()]
    assert offered("shithubd-runner con") == ["config"]
    assert offered("shithubd-runner config ") == ["check", "keys"]
    assert offered("shithubd-runner run --token-f") == ["--token-file"]
    assert offered("shithubd-runner status --output ") == ["json", "table"]


def test_zsh_reads_the_completion(manual):
    for file in (manual / "completions/zsh").iterdir():
        driver.run(["zsh", "-n", file])
        assert file.read_text().startswith(f"#compdef {file.name[1:]}\n")
