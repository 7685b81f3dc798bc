"""Tricks with files: links, pipes and swaps under what the runner reads, packs, hashes, removes."""
import os
import pathlib

import pytest

import attack
from conftest import few, offline, once

pytestmark = offline

SECRET = "only-the-host-knows-this"


@pytest.fixture
def host_secret(folder):
    """A file that everybody on the host may read and no step may see."""
    path = folder / "host-secret"
    path.write_text(SECRET)
    path.chmod(0o644)
    return path


COMMAND_FILES = {
    "link": 'ln -sf /etc/passwd "$SHITHUB_ENV"',
    "replaced": 'rm -f "$SHITHUB_ENV"; mkfifo "$SHITHUB_ENV"',
    "renamed": 'mv "$SHITHUB_OUTPUT" "$SHITHUB_OUTPUT.x"',
    "another step's": 'echo A=1 >"$(dirname "$(dirname "$SHITHUB_ENV")")/0/env"',
    "hard link": 'ln /etc/passwd "$(dirname "$SHITHUB_ENV")/link"',
    "folder": 'rm -f "$SHITHUB_PATH"; mkdir "$SHITHUB_PATH"',
    "mode": 'chmod 0 "$SHITHUB_ENV"',
    "out of the mount": 'ln "$SHITHUB_ENV" /workspace/env',
}


@few
def test_command_files_cannot_be_replaced(job):
    steps = "".join(attack.script(f"if {{ {text}; }} 2>/dev/null; then echo REACHED; fi\n"
                                  "echo GOOD=1 >>\"$SHITHUB_ENV\"", name=f'"{name}"')
                    for name, text in COMMAND_FILES.items() if name != "another step's")
    done = job(steps + attack.script('test "$GOOD" = 1'))
    assert done.conclusion == "success", [done.text(i) for i in range(len(done.steps))]
    for index in range(len(done.steps)):
        assert "REACHED" not in done.text(index), (index, done.text(index))


GROW = ("head -c 3M /dev/zero | tr '\\0' a", "yes A=b | head -c 8M", "head -c 64K /dev/urandom")


@once
def test_huge_and_broken_command_files(job):
    done = job("".join(
        attack.script(f'{grow} >>"$SHITHUB_ENV"; truncate -s 1T "$SHITHUB_OUTPUT" || true',
                      if_="always()") + attack.script("echo after", if_="always()")
        for grow in GROW))
    assert done.conclusions() == ["failure", "success"] * len(GROW), done.text(0)
    for index, grow in enumerate(GROW):
        assert "[shithub] error: " in done.text(2 * index), grow
        assert done.log(2 * index + 1) == b"after\n"


SWAP = """
    mkdir -p real; echo mine >real/host-secret; echo mine >real/file
    cat >swap.py <<'END'
    import os, time
    end = time.monotonic() + 60
    while time.monotonic() < end and not os.path.exists("stop"):
        for target in (HOST, "/etc", "../../.."):
            try:
                os.symlink(target, "next"); os.rename("next", "link")
                os.rename("real", "kept"); os.rename("link", "real")
                os.rename("real", "link"); os.rename("kept", "real")
            except OSError:
                pass
    END
    sed -i "s|HOST|'HERE'|" swap.py
    setsid python3 swap.py >/dev/null 2>&1 </dev/null &
    until [ -e link ] || [ -e kept ]; do :; done
"""


@pytest.mark.flavors("docker-gate-job", "podman-gate-job")
def test_swaps_while_packing_hashing_and_cleaning(job, host_secret, coordinator):
    """A process that outlives its step exchanges folders and links under everything we read."""
    steps = attack.script(SWAP.replace("HERE", str(host_secret.parent)))
    for number in range(4):
        steps += ("- uses: shithub/upload-artifact@v1\n  continue-on-error: true\n"
                  f"  with: {{name: a{number}, path: real, if-no-files-found: ignore}}\n"
                  "- run: echo \"${{ hashFiles('real/**', 'link/**') }}\"\n"
                  "  continue-on-error: true\n")
    steps += ("- uses: actions/checkout@v4\n  continue-on-error: true\n  with: {path: real/sub}\n"
              + attack.script("touch stop"))
    done = job(steps)
    assert done.steps[0]["conclusion"] == "success", done.text(0)
    stored = [path for path in pathlib.Path(coordinator.data).rglob("*") if path.is_file()]
    assert stored
    for path in stored:
        assert SECRET.encode() not in path.read_bytes(), path
    assert host_secret.read_text() == SECRET
    assert sorted(os.listdir(host_secret.parent)) == sorted(
        name for name in os.listdir(host_secret.parent) if name != "sub")


NASTY = r"""
    d=.; for i in $(seq 300); do d=$d/deep; done
    mkdir -p "$d"
    python3 - <<'END'
    import os
    for level in range(3000):
        os.mkdir("d"); os.chdir("d")
    END
    mkdir closed; touch closed/file; chmod 0 closed
    mkdir sticky; touch sticky/file; chmod 1555 sticky
    touch "$(printf 'new\nline\tand \001 more')" -- --help '-rf *'
    ln -s /etc out; ln -s loop loop; mkfifo pipe; touch file; ln file again
    truncate -s 100G sparse
    python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
    chmod 0 .
"""


@few
def test_nasty_tree_is_removed(job, host_secret):
    """The runner fixture asserts that no workspace stays behind."""
    done = job(attack.script(f"ln -s {host_secret} host") + attack.script(NASTY))
    assert done.conclusions() == ["success", "success"], done.text(1)
    assert done.runner.left_over() == []
    assert host_secret.read_text() == SECRET
    assert "workspace_remove" not in done.program.log(), done.program.log()


@once
def test_links_in_artifacts(job, host_secret, coordinator):
    """A link into the host is packed as a link; a hard link as a file of its own."""
    done = job(attack.script(f"""
        mkdir out; ln -s {host_secret} out/link; ln -s {host_secret.parent} out/folder
        echo same >out/one; ln out/one out/two; mkfifo out/pipe
    """) + "- uses: shithub/upload-artifact@v1\n  with: {name: a, path: out}\n"
               "- uses: shithub/download-artifact@v1\n  with: {name: a, path: back}\n"
           + attack.script("cat back/one back/two; cat back/link 2>/dev/null || echo nothing"))
    assert done.conclusion == "success", [done.text(i) for i in range(4)]
    assert done.text(3) == "same\nsame\nnothing\n"
    for path in pathlib.Path(coordinator.data).rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
