"""Rounds of measurements that take turns on one machine, and what is said about them.

What is compared is measured in the same rounds, so that noise hits both, and each round begins with another
of them. A figure is a median; beside it stands how sure it is: half the width of the interval in which the
median would lie in nineteen of twenty repetitions (the notch of a box plot, 1.57 times the middle half over
the root of the number of rounds), as a part of the median. Rounds go on until that is small, or time is up.
"""
import math
import os
import statistics
import time

LEAST = 3


def quantile(values, part):
    """Between two of the sorted values in proportion."""
    values = sorted(values)
    at = part * (len(values) - 1)
    low = math.floor(at)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (at - low)


def notch(values):
    """Half the width of the median's interval over the median; infinite for less than three values."""
    middle = statistics.median(values)
    if len(values) < LEAST or middle == 0:
        return math.inf
    return 1.57 * (quantile(values, 0.75) - quantile(values, 0.25)) / math.sqrt(len(values)) / abs(middle)


class Series:
    """Samples of one thing, kept by round."""

    def __init__(self):
        self.rounds = []

    def add(self, samples):
        self.rounds.append([float(one) for one in samples])

    @property
    def values(self):
        return [one for samples in self.rounds for one in samples]

    @property
    def medians(self):
        return [statistics.median(samples) for samples in self.rounds if samples]

    @property
    def median(self):
        return statistics.median(self.values)

    def __bool__(self):
        return any(self.rounds)


def ratios(ours, theirs):
    """Of each round in which both have samples."""
    return [statistics.median(one) / statistics.median(other)
            for one, other in zip(ours.rounds, theirs.rounds) if one and other]


def doubt(ours, theirs=None):
    """The notch of what a row says: of its ratio, or of its value where there is nothing to compare with."""
    return notch(ratios(ours, theirs) if theirs else ours.medians)


class Rounds:
    """gather() measures in turns: each of `measures` is called once a round and returns {series: samples}."""

    def __init__(self, least=LEAST, most=15, seconds=30.0, sure=0.05, clock=time.monotonic):
        self.least, self.most, self.seconds, self.sure, self.clock = least, most, seconds, sure, clock
        if os.environ.get("BENCH_ROUNDS"):  # to see that everything works: 1
            self.least = self.most = int(os.environ["BENCH_ROUNDS"])

    def gather(self, measures, watched=()):
        """{series: Series}. watched: pairs (ours, theirs or None) that should become sure."""
        measures, found = list(measures), {}
        began, longest = self.clock(), 0.0
        for number in range(self.most):
            start = self.clock()
            first = number % len(measures)
            for measure in measures[first:] + measures[:first]:
                for name, samples in measure().items():
                    found.setdefault(name, Series()).add(samples)
            longest = max(longest, self.clock() - start)
            if number + 1 >= self.least and (
                    self.is_sure(found, watched) or self.clock() - began + longest > self.seconds):
                break
        return found

    def is_sure(self, found, watched):
        return bool(watched) and all(
            doubt(found[ours], found[theirs] if theirs else None) <= self.sure for ours, theirs in watched)
