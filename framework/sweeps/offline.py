"""The loop of a sweep without an account: several trials at once, given what Optuna suggests, watched, ended early.

sweeps/<recipe>/<name>/
  journal.log        the study, by which the same command goes on
  trials/0007/       a trial's runs, and log.txt
  best.yaml          the best trial's recipe
  trials.csv         every trial with its parameters and value
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from ..recipe import compose, seed_of, to_yaml
from ..runs.durable import swap
from .study import distributions, open_study, overrides_of
from .sweep_file import Sweep
from .trial import Trial

BEST, TABLE = "best.yaml", "trials.csv"
LOOK = 0.5  # seconds between looks at the running trials
HOPELESS = 3  # trials that fail before any succeeds


class SweepFailed(RuntimeError):
    """The first trials all failed; the text says how the last one did."""


@dataclass
class Running:
    """A trial that goes on: Optuna's and ours, and how many of its evaluations are reported."""

    theirs: optuna.Trial
    ours: Trial
    reported: int = 0


class Offline:
    """Runs a sweep.

    Args:
        folder: of the sweep.
        sweep: what to try.
        recipe, overrides, trust: as for `train`.
        jobs: trials at once.
        say: is told a line for each trial that ends.
    """

    def __init__(
        self,
        folder: Path,
        sweep: Sweep,
        recipe: str,
        overrides: list[str],
        trust: bool,
        jobs: int,
        say: Callable[[str], None],
    ) -> None:
        self.folder, self.sweep, self.recipe, self.trust = folder, sweep, recipe, trust
        self.overrides = [*overrides, *sweep.overrides]
        self.jobs, self.say = jobs, say
        folder.mkdir(parents=True, exist_ok=True)
        self.study = open_study(folder, sweep, jobs)
        self.space = distributions(sweep)
        self.running: list[Running] = []
        self.written: int | None = None  # the trial that `best.yaml` is of

    def run(self) -> None:
        """Goes on until all trials are made. However it is left, its runs have ended and can be gone on with.

        Raises:
            SweepFailed: where the first trials all fail.
        """
        try:
            for frozen in self.of(TrialState.RUNNING):  # left by a sweep that was stopped
                self.begin(optuna.Trial(self.study, frozen._trial_id))
            while self.running or self.made < self.sweep.trials:
                while len(self.running) < self.jobs and self.made < self.sweep.trials:
                    self.begin(self.study.ask(self.space))
                self.running = [one for one in self.running if not self.ended(one)]
                time.sleep(LOOK if self.running else 0)
        finally:
            for one in self.running:
                one.ours.stop()
            self.write()

    @property
    def made(self) -> int:
        """Trials that were begun, whatever became of them."""
        return len([one for one in self.of() if one.state != TrialState.WAITING])

    def of(self, *states: TrialState) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=states or None)

    def begin(self, theirs: optuna.Trial) -> None:
        folder = self.folder / "trials" / f"{theirs.number:04d}"
        words = [*self.overrides, *overrides_of(theirs.params)]
        ours = Trial(folder, self.recipe, words, self.seeds(words), self.sweep.metric, self.trust)
        self.running.append(Running(theirs, ours, len(self.study.trials[theirs.number].intermediate_values)))
        ours.start()  # whatever interrupts it, `run` stops what it has begun

    def seeds(self, words: list[str]) -> list[int]:
        """From the recipe's own on, the same for every trial, so that they differ in nothing but their parameters."""
        first = seed_of(compose(self.recipe, words, trust=self.trust))
        return list(range(first, first + self.sweep.seeds))

    def ended(self, one: Running) -> bool:
        """Looks at a trial: reports its evaluations, ends it early, or tells the study how it ended."""
        going_on = one.ours.running()
        evaluations = one.ours.evaluations()
        for count in range(one.reported, len(evaluations)):
            one.theirs.report(evaluations[count][1], step=count + 1)
            one.reported = count + 1
            if going_on and self.sweep.stopper is not None and one.theirs.should_prune():
                one.ours.stop()
                self.tell(one, TrialState.PRUNED, None, f"ended early after {evaluations[count][0]:,} env steps")
                return True
        if going_on:
            return False
        value = None if one.ours.failed else one.ours.value()
        if value is None:
            why = one.ours.failed or f"no row of metrics.jsonl has {self.sweep.metric}"
            self.tell(one, TrialState.FAIL, None, f"failed: {why}")
            if not self.of(TrialState.COMPLETE) and len(self.of(TrialState.FAIL)) >= HOPELESS:
                raise SweepFailed(f"the first {HOPELESS} trials failed, the last one so: {why}; see {one.ours.folder}")
        else:
            self.tell(one, TrialState.COMPLETE, value, f"{value:.4g}")
        return True

    def tell(self, one: Running, state: TrialState, value: float | None, said: str) -> None:
        self.study.tell(one.theirs, value, state=state)
        best = f", best {self.study.best_value:.4g}" if self.of(TrialState.COMPLETE) else ""
        words = " ".join(overrides_of(one.theirs.params))
        self.say(f"trial {one.theirs.number}: {said}  {words}  ({self.made} of {self.sweep.trials}{best})")
        self.write()

    def write(self) -> None:
        """`best.yaml` and `trials.csv`."""
        rows = [one for one in self.of() if one.state != TrialState.WAITING]
        with (self.folder / TABLE).open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["trial", "state", self.sweep.metric, *self.sweep.parameters])
            for row in rows:
                told = [row.params.get(key) for key in self.sweep.parameters]
                table.writerow([row.number, row.state.name.lower(), row.value, *told])
        best = self.study.best_trial if self.of(TrialState.COMPLETE) else None
        if best is not None and best.number != self.written:
            self.written = best.number
            words = [*self.overrides, *overrides_of(best.params)]
            swap(self.folder / BEST, to_yaml(compose(self.recipe, words, trust=self.trust)))


def ranked(study: optuna.Study, goal: str) -> list[FrozenTrial]:
    """Trials with a value, the best first, then those that were ended early, that go on, that failed."""
    sign = -1.0 if goal == "maximize" else 1.0
    order = [TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING, TrialState.FAIL]
    return sorted(
        study.get_trials(deepcopy=False, states=order),
        key=lambda one: (order.index(one.state), sign * one.value if one.value is not None else 0.0, one.number),
    )
