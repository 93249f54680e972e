"""Runs that benchmarks look at: trained by the command, once, and the agents of them."""

from pathlib import Path

from fulgurite.recipe import build, compose
from fulgurite.runs import checkpoint as checkpoints
from fulgurite.runs.experiment import Experiment

from .learning import command


def trained(runs: Path, *words: str) -> Path:
    """The folder of the run below `runs` that `fulgurite train` made of these words, in this call or an earlier one."""
    if not list(runs.rglob("result.json")):
        command("fulgurite", "train", *words, "--runs", str(runs))
    (run,) = [path.parent for path in runs.rglob("result.json")]
    return run


def restored(run: Path, *overrides: str) -> Experiment:
    """The experiment of a run, which nobody watches, with its newest agent."""
    experiment = build(compose(str(run), ["callbacks=null", "logger=null", *overrides]))
    newest = checkpoints.latest(run)
    assert newest is not None, f"{run} has no checkpoint"
    experiment.load(newest)
    return experiment
