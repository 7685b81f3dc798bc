"""Pages of docs/ that name tests: each of these tests exists, and so does each file they name."""
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECURITY = (ROOT / "docs/SECURITY.md").read_text()
REQUIREMENTS = (ROOT / "docs/REQUIREMENTS.md").read_text()


def exists(path, function):
    shape = rf"^def {function}\(" if path.endswith(".py") else rf"\b{function}\(void \*\*"
    return re.search(shape, (ROOT / path).read_text(), re.M)


def test_every_defence_names_tests():
    rows = [line.split("|") for line in
            SECURITY.split("## Defences")[1].split("\n## ")[0].splitlines()
            if line.startswith("| ") and not line.startswith("| defence |")]
    assert len(rows) > 15
    for row in rows:
        assert re.search(r"`tests/\S+::\w+`", row[3]), f"no test proves: {row[1].strip()}"


@pytest.mark.parametrize("page", (SECURITY, REQUIREMENTS), ids=("security", "requirements"))
def test_named_tests_exist(page):
    named = re.findall(r"`(tests/[\w/.]+)::(\w+)`", page)
    assert named
    for path, function in named:
        assert exists(path, function), f"{path} has no {function}"


def test_named_tests_of_a_section_exist():
    """On the page of requirements a test without a file stands in the section's own."""
    sections = REQUIREMENTS.split("\n## ")[1:]
    assert len(sections) >= 5
    for section in sections:
        path = re.search(r"without a file stands in `(\S+)`", section).group(1)
        named = re.findall(r"`(test_\w+)`", section)
        assert named
        for function in named:
            assert exists(path, function), f"{path} has no {function}"


def test_every_requirement_of_hygiene_names_tests():
    """The runbook's (plain numbers) say where something is not built."""
    for kind, last in (("W", 20), ("G", 21), ("H", 24)):
        for number in range(1, last + 1):
            (row,) = re.findall(rf"^\| {kind}{number} \|.*$", REQUIREMENTS, re.M)
            assert "test_" in row, row


def test_every_attack_is_on_the_page():
    for path in sorted((ROOT / "tests/system/attacks").glob("test_attack_*.py")):
        assert f"tests/system/attacks/{path.name}::" in SECURITY, f"{path.name} proves no defence"


def test_files_of_the_security_page_exist():
    for name in re.findall(r"`((?:sandbox|base)/[\w.]+)`", SECURITY):
        assert (ROOT / name).is_file(), name
    for name in re.findall(r"`(fuzz_\w+\.c)`", SECURITY):
        assert (ROOT / "tests/fuzz" / name).is_file(), name
    for name in re.findall(r"\b([A-Z]+\.md)\b", SECURITY):
        assert (ROOT / "docs" / name).is_file(), name
