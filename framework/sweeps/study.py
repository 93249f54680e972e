"""The study: what was tried and what it gave, by Optuna, in a file that survives.

method bayes      tree-structured Parzen estimator, Bergstra et al. 2011, all parameters together
hyperband         asynchronous successive halving, Li et al. 2020, "A System for Massively Parallel Hyperparameter
                  Tuning", counted in evaluations
"""

from __future__ import annotations

import logging
from itertools import product
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from .sweep_file import Range, Stopper, Sweep, Values, text_of

JOURNAL = "journal.log"


def open_study(folder: Path, sweep: Sweep, jobs: int) -> optuna.Study:
    """The study of a folder: made, or gone on with.

    What was drawn before is not drawn again: the sampler's seed counts the trials that there are.
    """
    optuna.logging.set_verbosity(logging.ERROR)
    storage = JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
    direction: Literal["minimize", "maximize"] = "maximize" if sweep.goal == "maximize" else "minimize"
    study = optuna.create_study(storage=storage, study_name=sweep.name, direction=direction, load_if_exists=True)
    study.sampler = sampler(sweep, len(study.get_trials(deepcopy=False)), jobs)
    study.pruner = pruner(sweep.stopper)
    for params in grid(sweep) if sweep.method == "grid" else []:
        study.enqueue_trial(params, skip_if_exists=True)
    return study


def distributions(sweep: Sweep) -> dict[str, BaseDistribution]:
    """Optuna's of every parameter."""
    return {key: distribution(one) for key, one in sweep.parameters.items()}


def distribution(one: Range | Values) -> BaseDistribution:
    match one:
        case Values(options=options):
            return CategoricalDistribution(options)
        case Range(whole=True):
            return IntDistribution(int(one.low), int(one.high), log=one.log)
    return FloatDistribution(one.low, one.high, log=one.log, step=one.step)


def grid(sweep: Sweep) -> list[dict[str, Any]]:
    """Every combination. Optuna's own sampler for grids works inside `optimize` alone."""
    options = [
        [(key, text) for text in one.options] for key, one in sweep.parameters.items() if isinstance(one, Values)
    ]
    return [dict(combination) for combination in product(*options)]


def sampler(sweep: Sweep, made: int, jobs: int) -> BaseSampler:
    if sweep.method != "bayes":
        return RandomSampler(seed=made)
    return TPESampler(seed=made, multivariate=True, constant_liar=jobs > 1)


def pruner(stopper: Stopper | None) -> BasePruner:
    if stopper is None:
        return NopPruner()
    if stopper.kind == "median":
        return MedianPruner(n_startup_trials=3, n_warmup_steps=stopper.min_iter - 1)
    return SuccessiveHalvingPruner(min_resource=stopper.min_iter, reduction_factor=stopper.eta)


def overrides_of(params: dict[str, Any]) -> list[str]:
    """A trial's parameters as a recipe's overrides: a group before the keys in it, which it may bring with it."""
    return [f"{key}={text_of(params[key])}" for key in sorted(params, key=lambda key: (key.count("."), key))]
