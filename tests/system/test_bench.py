"""The statistics of `make bench`, and when `make bench-check` fails."""
import json
import math
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))

import check  # noqa: E402
import rounds  # noqa: E402


@pytest.mark.parametrize("values, part, expected", [
    ([1], 0.5, 1), ([1, 3], 0.5, 2), ([3, 1, 2], 0.5, 2), ([4, 1, 3, 2], 0.25, 1.75), ([1, 2, 3], 1, 3),
])
def test_quantile(values, part, expected):
    assert rounds.quantile(values, part) == expected


def test_notch():
    assert rounds.notch([1, 1]) == math.inf
    assert rounds.notch([5, 5, 5]) == 0
    assert rounds.notch([0, 0, 0]) == math.inf
    few, many = rounds.notch([9, 10, 11]), rounds.notch([9, 10, 11] * 8)
    assert few == pytest.approx(1.57 * 1 / math.sqrt(3) / 10)
    assert many < few


def test_ratios_are_of_rounds_that_have_both():
    ours, theirs = rounds.Series(), rounds.Series()
    for mine, other in (([2, 4, 30], [8]), ([], [1]), ([5], [10])):
        ours.add(mine)
        theirs.add(other)
    assert rounds.ratios(ours, theirs) == [0.5, 0.5]
    assert ours.median == 4.5
    assert ours.medians == [4, 5]


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def gathered(clock, values, seconds=1.0, **rules):
    order = []

    def one():
        order.append("one")
        clock.now += seconds
        return {"one": [values[order.count("one") % len(values)]]}

    def other():
        order.append("other")
        return {"other": [1]}
    found = rounds.Rounds(clock=clock, **rules).gather([one, other], [("one", "other")])
    return found, order


def test_rounds_take_turns_in_who_is_first():
    _, order = gathered(Clock(), [1], least=3, most=3)
    assert order == ["one", "other", "other", "one", "one", "other"]


def test_rounds_end_when_sure():
    found, _ = gathered(Clock(), [1], least=3, most=9)
    assert len(found["one"].rounds) == 3


def test_rounds_end_when_there_is_no_time_for_one_more():
    found, _ = gathered(Clock(), [1, 9], least=2, most=99, seconds=10)
    assert len(found["one"].rounds) == 3  # 10 s each, 30 s in all


def test_rounds_end_at_most():
    found, _ = gathered(Clock(), [1, 9], least=2, most=5, seconds=0.1)
    assert len(found["one"].rounds) == 5


def written(path, **row):
    known = {"name": "a step", "unit": "ms", "more_is_better": False, "median": 1, "doubt": 0.05, **row}
    path.write_text(json.dumps({"families": {"step": {"rows": [known]}}}))
    return path


@pytest.mark.parametrize("before, now, fails", [
    ({"ratio": 0.1}, {"ratio": 0.1}, False),
    ({"ratio": 0.1}, {"ratio": 0.12}, False),   # within tolerance and doubt
    ({"ratio": 0.1}, {"ratio": 0.13}, True),
    ({"ratio": 0.1}, {"ratio": 0.01}, False),
    ({"ratio": 4.0, "more_is_better": True}, {"ratio": 3.0, "more_is_better": True}, True),
    ({"ratio": 4.0, "more_is_better": True}, {"ratio": 9.0, "more_is_better": True}, False),
    ({"median": 1}, {"median": 9}, False),      # milliseconds of two machines
    ({"median": 4, "unit": "MiB"}, {"median": 6, "unit": "MiB"}, True),
    ({"ratio": 0.1, "doubt": 9}, {"ratio": 0.19, "doubt": 0}, True),  # a doubt is no excuse for everything
    ({"ratio": 0.1}, {"ratio": 0.1, "name": "another"}, True),  # it is not measured any more
])
def test_check(tmp_path, before, now, fails):
    baseline, results = written(tmp_path / "a", **before), written(tmp_path / "b", **now)
    assert check.main(baseline, results) == fails


def test_a_row_that_the_baseline_lacks_is_no_failure(tmp_path, capsys):
    baseline, results = tmp_path / "a", written(tmp_path / "b", ratio=5)
    baseline.write_text('{"families": {}}')
    assert not check.main(baseline, results)
    assert "new, not in the baseline" in capsys.readouterr().out


def test_only_families_that_are_measured_can_lose_rows(tmp_path):
    baseline, results = written(tmp_path / "a", ratio=5), tmp_path / "b"
    results.write_text('{"families": {}}')
    assert not check.main(baseline, results, "log")
    assert check.main(baseline, results, "step") and check.main(baseline, results)
