"""docs/SECURITY.md names the test behind every wall: each of them exists."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/SECURITY.md").read_text()


def test_every_wall_names_tests_that_exist():
    rows = [line.split("|") for line in PAGE.split("## Walls")[1].split("\n## ")[0].splitlines()
            if line.startswith("| ") and not line.startswith("| wall |")]
    assert len(rows) > 15
    for row in rows:
        assert re.search(r"`tests/\S+::\w+`", row[3]), f"no test proves: {row[1].strip()}"


def test_named_tests_exist():
    named = re.findall(r"`(tests/[\w/.]+)::(\w+)`", PAGE)
    assert named
    for path, function in named:
        text = (ROOT / path).read_text()
        shape = (rf"^def {function}\(" if path.endswith(".py")
                 else rf"cmocka_unit_test\({function}\)")
        assert re.search(shape, text, re.M), f"{path} has no {function}"


def test_every_attack_is_on_the_page():
    for path in sorted((ROOT / "tests/system/attacks").glob("test_attack_*.py")):
        assert f"tests/system/attacks/{path.name}::" in PAGE, f"{path.name} proves no wall"


def test_named_files_exist():
    for name in re.findall(r"`((?:sandbox|base)/[\w.]+)`", PAGE):
        assert (ROOT / name).is_file(), name
    for name in re.findall(r"`(fuzz_\w+\.c)`", PAGE):
        assert (ROOT / "tests/fuzz" / name).is_file(), name
    for name in re.findall(r"\b([A-Z]+\.md)\b", PAGE):
        assert (ROOT / "docs" / name).is_file(), name
