"""actions/setup-python: the image's own interpreter, found and validated in a box of the job."""
from conftest import few, offline, once, others

pytestmark = offline


@others
def test_later_steps(job):
    done = job("""
    - run: command -v python || python3 -c 'import platform; print(platform.python_version())'
    - uses: actions/setup-python@v5
      id: py
      with: {python-version: '3.x', architecture: x64, check-latest: true}
    - uses: actions/checkout@v4
    - run: |
        python -c 'import sys; print(sys.version.split()[0])'
        python3 -c 'import sys; print(sys.version.split()[0])'
        echo "${{ steps.py.outputs.python-version }}"
        "${{ steps.py.outputs.python-path }}" -c 'print("path")'
        "$pythonLocation/bin/python" -c 'import json; print("location")'
        git status --porcelain
    - shell: python
      run: |
        import shutil, sys
        print(shutil.which("python") == shutil.which("python3").replace("python3", "python"))
    - run: ln -sf /bin/false "$pythonLocation/bin/python" 2>/dev/null || echo closed
    - uses: actions/setup-python@v5
    - run: command -v python
    """)
    assert done.conclusions() == ["success"] * 8, [done.text(i) for i in range(8)]
    version = done.text(0).strip()
    assert version.startswith("3."), "the image has no command `python` of its own"
    assert f"Python {version}: /" in done.text(1)
    assert done.text(3).splitlines() == [version, version, version, "path", "location"]
    assert done.text(4) == "True\n"
    assert done.text(5) == "closed\n", "steps cannot change what later ones run"
    assert "no version requested" in done.text(6)
    assert done.text(7).count("/python/") == 1


@once
def test_first_step_alone(job):
    """A job without any script still gets its box."""
    done = job("""
    - uses: actions/setup-python@v5
      with: {python-version: '>=3.4 <4', update-environment: false}
    """)
    assert done.conclusion == "success", done.text(0)


FILES = {
    ".python-version": "3\n",
    "conf/.tool-versions": "nodejs 20\npython 3.x\n",
    "pyproject.toml": "[project]\nrequires-python = '>=3.6,<4'\n",
    "old": "2.7\n",
}


@once
def test_version_files(job):
    done = job("""
    - uses: actions/checkout@v4
    - uses: actions/setup-python@v5
    - uses: actions/setup-python@v5
      with: {python-version-file: conf/.tool-versions}
    - uses: actions/setup-python@v5
      with: {python-version-file: pyproject.toml}
    - uses: actions/setup-python@v5
      continue-on-error: true
      with: {python-version-file: old}
    - uses: actions/setup-python@v5
      continue-on-error: true
      with: {python-version-file: nowhere}
    """, files=FILES)
    assert done.conclusion == "success", [done.text(i) for i in range(6)]
    for index in (1, 2, 3):
        assert done.text(index).startswith("Python 3."), done.text(index)
    assert 'no Python "2.7"' in done.text(4)
    assert "the workspace has no file nowhere" in done.text(5)


REFUSED = {
    "python-version: '3.2'": 'no Python "3.2" in the image shithub/runner-test:1; it has 3.',
    "python-version: 3.13-dev": 'version "3.13-dev": expected 3, 3.x, 3.11, 3.11.2',
    "python-version: pypy3.10": "expected 3, 3.x",
    "python-version: '3', architecture: arm128": 'no Python "3" for arm128',
    "python-version: '3', python-version-file: x": "expected one of them",
    "python-version-file: ../x": "expected a relative path inside the workspace",
    "cache: pip": "cache is not supported: dependencies are not cached",
    "freethreaded: true": "free-threaded builds",
    "check-latest: often": "not a boolean",
    "version: '3'": 'input "version" is not supported, expected one of python-version, ',
}


@once
def test_refused(job):
    steps = "".join("- uses: actions/setup-python@v5\n  continue-on-error: true\n"
                    f"  with: {{{given}}}\n" for given in REFUSED)
    done = job(steps + "- run: env | grep -i python || echo untouched\n")
    assert done.conclusion == "success"
    for index, (given, said) in enumerate(REFUSED.items()):
        lines = done.text(index).splitlines()
        assert lines[-1].startswith("[shithub] error: actions/setup-python: "), (given, lines)
        assert said in lines[-1], (given, lines)
    assert done.text(len(REFUSED)) == "untouched\n"


@few
def test_hostile_interpreter(job):
    """What calls itself python3 in a folder of PATH is checked before it is believed."""
    done = job("""
    - run: |
        mkdir bin
        printf '#!/bin/sh\\necho "python\\t3.99.0\\tfinal\\tpip\\tx\\t/usr\\trelative"\\n' >bin/python3
        printf '#!/bin/sh\\nyes | head -c 3000000\\n' >bin/python
        chmod 755 bin/*
        echo "$PWD/bin" >>"$SHITHUB_PATH"
    - uses: actions/setup-python@v5
      with: {python-version: 3.x}
    """)
    assert done.conclusions()[1] == "failure"
    assert "the image's answer is too large" in done.text(1)
