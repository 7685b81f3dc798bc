"""What a step finds of its image, and what the steps of one job keep: home, temp, tool cache."""
import json
import re
import urllib.parse

import pytest

from conftest import few, once, workflow as steps, others
from test_exec import Local

IMAGE = {"PATH": "/opt/tool/bin:/usr/local/bin:/usr/bin:/bin", "HOME": "/home/dev", "LANG": "C",
         "TOOL_HOME": "/opt/tool", "CI": "of the image"}


@pytest.fixture
def local(build, folder, image, engine, flavor):
    made = Local(build, folder, image, engine, flavor)
    yield made
    made.close()


@pytest.fixture
def variant(engine, image, request):
    """variant(env): the test image with these variables; its name."""
    made = []

    def make(env):
        name = f"shithub/{re.sub('[^a-z0-9]+', '-', request.node.name).strip('-')}:{len(made)}"
        box = engine.api("POST", "/containers/create", {"Image": image, "Cmd": ["true"]})["Id"]
        repo, tag = name.split(":")
        changes = "".join("&changes=" + urllib.parse.quote(f"ENV {key}={json.dumps(value)}")
                          for key, value in env.items())
        engine.api("POST", f"/commit?container={box}&repo={repo}&tag={tag}{changes}", {})
        engine.api("DELETE", f"/containers/{box}?force=1")
        made.append(name)
        return name
    yield make
    for name in made:
        engine.api("DELETE", f"/images/{name}?force=1")


KEEPS = """
- run: |
    echo "home $HOME temp $RUNNER_TEMP cache $RUNNER_TOOL_CACHE"
    git config --global user.name "A Name"
    echo kept >"$RUNNER_TEMP/file" && mv "$RUNNER_TEMP/file" "$RUNNER_TOOL_CACHE/file"
    echo temporary >/tmp/file
- run: |
    git config --global user.name
    cat "$RUNNER_TOOL_CACHE/file"
    [ -f "$HOME/.gitconfig" ] && echo the same place
    ls -A "$RUNNER_TEMP" "${{ runner.temp }}" "${{ runner.tool_cache }}"
    ls -A "$GITHUB_WORKSPACE"
"""
KEPT = """A Name
kept
the same place
/shithub/temp:

/shithub/temp:

/shithub/tool_cache:
file
.git
.shithub
"""


def test_steps_share_a_home(local, variant):
    local.workflow(steps(KEEPS))
    for home, image in (("/shithub/home", local.image), ("/home/dev", variant(IMAGE))):
        done = local.run(image=image)
        assert done.returncode == 0, done.text
        assert (f"home {home} temp /shithub/temp cache /shithub/tool_cache\n"
                in done.text), done.text
        assert KEPT in done.text, done.text
    local.clean()


@few
def test_home_begins_with_what_the_image_has(local, variant):
    """A folder of the image stands in for a home with tools in it."""
    local.workflow(steps("""
        - run: test -d ~/templates/info && touch ~/templates/mine && echo writable
        - run: ls ~/templates/mine
        """))
    done = local.run(image=variant({"HOME": "/usr/share/git-core"}))
    assert done.returncode == 0, done.text
    assert "\nwritable\n" in done.text
    assert "\n/usr/share/git-core/templates/mine\n" in done.text, done.text
    local.clean()


@once
def test_an_image_without_a_shell_has_a_home_too(local, variant):
    local.workflow(steps("""
        - shell: /bin/bash {0}
          run: /bin/touch ~/file && echo "$HOME"
        """))
    done = local.run(image=variant({"HOME": "/home/dev", "PATH": "/nowhere"}))
    assert done.returncode == 0 and "\n/home/dev\n" in done.text, done.text


@others
def test_image_is_respected(local, variant):
    local.workflow(steps("""
        - run: echo "$PATH $LANG $TOOL_HOME $CI"; echo "$PWD/x" >>"$GITHUB_PATH"
        - run: echo "$PATH"
        - env: {PATH: "/bin:/usr/bin", HOME: /tmp, TOOL_HOME: mine}
          run: echo "$PATH $HOME $TOOL_HOME"
        - working-directory: /usr/share
          run: pwd
        - working-directory: ${{ env.NOTHING }}
          run: pwd
        """))
    done = local.run(image=variant(IMAGE))
    assert done.returncode == 0, done.text
    path = IMAGE["PATH"]
    said = [line for line in done.text.splitlines() if line.startswith("/")]
    assert said == [f"{path} C /opt/tool true", f"/workspace/x:{path}",
                    "/workspace/x:/bin:/usr/bin /tmp mine", "/usr/share", "/workspace"], done.text


@few
def test_localhost_resolves_without_a_network(local):
    local.workflow(steps("""
        - run: |
            python3 -c 'import socket
            for name in ("localhost", socket.gethostname()): print(socket.gethostbyname(name))'
            cat /etc/hosts
            if echo x >>/etc/hosts; then echo writable; fi
        """))
    done = local.run()
    assert done.returncode == 0, done.text
    assert "writable" not in done.text.split("━━")[-1].split("▶")[-1].split("\n", 1)[1]
    assert "127.0.0.1\n127.0.0.1\n127.0.0.1\tlocalhost step\n::1\tlocalhost ip6-localhost ip6-loopback\n" in done.text


@once
def test_home_counts_to_the_workspace_limit(local, folder):
    local.workflow(steps("- run: head -c 64M /dev/urandom >~/large; sleep 600"))
    (folder / "limited.toml").write_text('[runner]\nworkspace_limit = "32m"\n')
    done = local.run(config=folder / "limited.toml")
    assert done.returncode == 1
    assert "[shithub] error: workspace limit 32m exceeded" in done.text, done.text
    local.clean()


@few
def test_a_step_cannot_choose_what_is_mounted(local):
    """Each shared folder resists its replacement by a link to elsewhere."""
    local.workflow(steps("""
        - run: |
            for folder in "$HOME" "$RUNNER_TEMP" "$RUNNER_TOOL_CACHE" /workspace; do
              if mv "$folder" "$folder-2" || rm -rf "$folder" && ln -s /etc "$folder"; then
                echo "replaced $folder"
              fi
            done
        - run: stat -c '%F %n' "$HOME" "$RUNNER_TEMP" "$RUNNER_TOOL_CACHE" /workspace
        """))
    done = local.run()
    assert done.returncode == 0, done.text
    assert "\nreplaced" not in done.text, done.text
    assert ("directory /shithub/home\ndirectory /shithub/temp\ndirectory /shithub/tool_cache\n"
            "directory /workspace\n") in done.text, done.text
