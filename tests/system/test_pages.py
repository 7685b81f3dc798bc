"""The page of security: each defence names tests, each attack is there, and so is each file that it
names. That the tests exist is for tests/lint/named_tests.py to say."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECURITY = (ROOT / "docs/SECURITY.md").read_text()


def test_every_defence_names_tests():
    rows = [line.split("|") for line in
            SECURITY.split("## Defences")[1].split("\n## ")[0].splitlines()
            if line.startswith("| ") and not line.startswith("| defence |")]
    assert len(rows) > 15
    for row in rows:
        assert re.search(r"`tests/\S+::\w+`", row[3]), f"no test proves: {row[1].strip()}"


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
