"""Times that can be compared on a busy machine: contestants take turns, and ratios are taken within a turn.

Every round runs one chunk of each contestant, so whatever else the machine does hits all of them alike. The medians of
the rounds are reported; a ratio is the median of the rounds' ratios, not the ratio of medians.
"""

import os
from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter, process_time
from typing import NamedTuple

import torch


class Times(NamedTuple):
    """Seconds of one piece of work: on the clock, and of processor time over all threads of its process."""

    wall: float
    cpu: float

    def per(self, pieces: int) -> "Times":
        """The times of one of `pieces` equal pieces."""
        return Times(self.wall / pieces, self.cpu / pieces)


Chunk = Callable[[], Times]
Rounds = dict[str, list[Times]]


def timed(work: Callable[[], object], repeats: int) -> Chunk:
    """A chunk that does `work` so many times and gives the times of one."""

    def chunk() -> Times:
        wall, cpu = perf_counter(), process_time()
        for _ in range(repeats):
            work()
        return Times(perf_counter() - wall, process_time() - cpu).per(repeats)

    return chunk


def alternate(contestants: Mapping[str, Chunk], rounds: int) -> Rounds:
    """Runs a chunk of each contestant in turn, `rounds` times, after one that does not count."""
    for chunk in contestants.values():
        chunk()
    taken: Rounds = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, chunk in contestants.items():
            taken[name].append(chunk())
    return taken


def typical(times: list[Times]) -> Times:
    """The medians over rounds."""
    return Times(median(t.wall for t in times), median(t.cpu for t in times))


def ratio(numerator: list[Times], denominator: list[Times]) -> Times:
    """The medians over rounds of numerator / denominator."""
    pairs = list(zip(numerator, denominator, strict=True))
    return Times(median(a.wall / b.wall for a, b in pairs), median(a.cpu / b.cpu for a, b in pairs))


def use_threads(threads: int) -> None:
    """Lets torch use so many threads, here and in processes started from here."""
    torch.set_num_threads(threads)
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(threads)
