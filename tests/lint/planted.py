#!/usr/bin/env python3
"""Plants one fault for each rule of arrows.py, dialect.py and named_tests.py in a copy of a tiny tree: every one must
be found, and the tree without a fault must pass. A rule that finds nothing any more fails here."""
import pathlib
import subprocess
import sys
import tempfile

LINT = pathlib.Path(__file__).resolve().parent
ROOMS = "low:\nhigh: low\n"
LOW_H = ("/* Adds. */\n#ifndef LOW_ADD_H\n#define LOW_ADD_H\n\nstruct err;\n"
         "int add(int a, struct err *e);\n\n#endif\n")
LOW_C = ('/* Addition is a call, so that tests can fail it. */\n#include "low/add.h"\n\n'
         "int add(int a, struct err *e)\n{\n\tint b = a;\n\n\treturn e ? -1 : b;\n}\n")
HIGH_C = ('/* Uses what lies below. */\n#include "low/add.h"\n\n/* ---- use ---- */\n\n'
          "int use(int a)\n{\n\tif (add(a, 0) < 0)\n\t\treturn -1;\n\treturn 0;\n}\n")
CLAIMS = ("# Claims\n\n## All\n\nA test without a file stands in `tests/a.py`.\n\n| no. | what | tests |\n"
          "|---|---|---|\n| 1–93 | x | `test_a` |\n| S1, S2–S19 | x | `tests/b.c::test_b` |\n"
          "| W1–W20 | x | every test of `tests/a.py` |\n| G1–G21 | x | `test_a` |\n"
          "| H1–H24 | x | `test_a` |\n")
TREE = {"ROOMS": ROOMS, "low/add.h": LOW_H, "low/add.c": LOW_C, "high/use.c": HIGH_C,
        "docs/REQUIREMENTS.md": CLAIMS, "docs/SECURITY.md": "| a | `tests/a.py::test_a` |\n",
        "tests/a.py": "def test_a():\n    pass\n",
        "tests/b.c": "/* Holds. */\nstatic void test_b(void **state)\n{\n}\n"}

MANY = {f"low/more{number}.c": LOW_C for number in range(25)}
# (checker, file, text to replace, replacement, words of the finding)
FAULTS = (
    ("arrows", "low/add.c", '"low/add.h"\n', '"low/add.h"\n#include "high/use.c"\n', "no arrow"),
    ("arrows", "ROOMS", "low:\nhigh: low", "low: high\nhigh: low", "stand above"),
    ("arrows", "high/use.c", '#include "low/add.h"\n', "", "take the arrow out"),
    ("arrows", "low/add.c", '"low/add.h"', '"add.h"', "written from the root"),
    ("arrows", "ROOMS", "high: low\n", "", "not listed in ROOMS"),
    ("dialect", "high/use.c", "if (add(a, 0) < 0)", "if (add(a, 0))", "write < 0"),
    ("dialect", "high/use.c", "if (add(a, 0) < 0)", "if (!add(a, 0))", "write < 0"),
    ("dialect", "low/add.c", "b = a;\n\n", "b = a;\n", "blank line"),
    ("dialect", "low/add.c", "return e", 'printf("%lld", 1ll);\n\treturn e', "inttypes.h"),
    ("dialect", "high/use.c", "/* ---- use ---- */", "/* ==== use ==== */", "section begins"),
    ("dialect", "low/add.c", "return e", "(void)!close(b);\n\treturn e", "IGNORE_RESULT"),
    ("dialect", "low/add.h", "int add", "#define AUTO_ADD CLEANUP(add)\nint add", "CLEAN_"),
    ("dialect", "low/add.c", "return e", "loop_source_free(e);\n\treturn e", "loop_source_unref"),
    ("dialect", "low/add.c", "/* Addition is a call, so that tests can fail it. */\n", "",
     "opens with a comment"),
    ("dialect", "low/add.c", "Addition is a call, so that tests can fail it.", "See add.h.",
     "only names another file"),
    ("dialect", "low/add.h", "LOW_ADD_H", "ADD_H", "the guard"),
    ("dialect", "low/add.c", "return e", "b++;\n\t" * 50 + "return e", "at most 50"),
    ("dialect", "high/use.c", "int use(int a)", "int judge(int a)", "backtrace"),
    ("dialect", "high/use.c", "int use(int a)", "int add(int a)", "is also in"),
    ("dialect", "low/add.c", "int b = a", "int b = bury_it", "free_later"),
    ("dialect", "low/add.c", "int b = a", "int b = TRIES_MOST", "say MAX"),
    ("dialect", "low/add.c", "int b = a", "int b = disk_look", "inspect"),
    ("dialect", "low/add.c", "Addition is a call", "Addition is a wall", "clock alone"),
    ("named_tests", "docs/REQUIREMENTS.md", "1–93", "1–12, 14–93", "13 stands 0 times"),
    ("named_tests", "docs/REQUIREMENTS.md", "S1, ", "S1, S2, ", "S2 stands 2 times"),
    ("named_tests", "docs/REQUIREMENTS.md", "G1–G21 | x | `test_a`", "G1–G21 | x | none", "names no test"),
    ("named_tests", "tests/a.py", "def test_a", "def test_c", "tests/a.py has no test_a"),
    ("named_tests", "tests/b.c", "test_b(", "test_bb(", "tests/b.c has no test_b"),
    ("named_tests", "docs/SECURITY.md", "test_a`", "test_d`", "docs/SECURITY.md: tests/a.py has no test_d"),
)


def lay(root, changes):
    for name, text in {**TREE, **changes}.items():
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)


def check(checker, changes):
    """What the checker prints for the tree with these files changed."""
    with tempfile.TemporaryDirectory() as folder:
        lay(pathlib.Path(folder), changes)
        command = [sys.executable, LINT / f"{checker}.py"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr


def main():
    bad = []
    for checker in ("arrows", "dialect", "named_tests"):
        code, text = check(checker, {})
        if code != 0:
            bad.append(f"{checker}: finds something in a tree without a fault: {text}")
    for checker, name, old, new, wanted in FAULTS:
        assert old in TREE[name], (name, old)
        code, text = check(checker, {name: TREE[name].replace(old, new)})
        if code != 1 or wanted not in text:
            bad.append(f"{checker}: does not find {wanted!r} in {name}: exit {code}, {text}")
    code, text = check("arrows", MANY)
    if code != 1 or "split the room" not in text:
        bad.append(f"arrows: does not find a room that is too large: exit {code}, {text}")
    print("\n".join(bad) or f"{len(FAULTS) + 1} planted faults found")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
