"""The sweep on W&B's server: it draws the settings, agents here train them by `fulgurite train`.

Each run is one of the sweep's on W&B, with the id that the server gave it (`callbacks/wandb_about.py`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from ..recipe_error import RecipeError
from .sweep_file import Range, Stopper, Sweep, Values


def config(sweep: Sweep, recipe: str, overrides: list[str], trust: bool) -> dict[str, Any]:
    """The sweep as W&B takes it.

    Raises:
        RecipeError: for what W&B has no word for.
    """
    if sweep.seeds > 1:
        raise RecipeError(
            f"seeds: expected 1 with W&B, which scores each run alone, got {sweep.seeds}; "
            "--with optuna has them, or sweep over the seed: parameters: {seed: {values: [0, 1]}}"
        )
    found: dict[str, Any] = {
        "name": sweep.name,
        "method": sweep.method,
        "metric": {"name": sweep.metric, "goal": sweep.goal},
        "run_cap": sweep.trials,
        "parameters": {key: parameter(one) for key, one in sweep.parameters.items()},
        "command": [
            sys.executable, "-m", "fulgurite", "train", recipe, *overrides, *sweep.overrides,
            *(["--trust"] if trust else []), "${args_no_hyphens}",
        ],
    }  # fmt: skip
    if sweep.stopper is not None:
        found["early_terminate"] = stopper(sweep.stopper)
    return found


def parameter(one: Range | Values) -> dict[str, Any]:
    if isinstance(one, Values):
        return {"values": list(one.options)}
    ends = [int(end) if one.whole else end for end in one.ends()]
    if one.step is not None:
        return {"distribution": "q_uniform", "min": ends[0], "max": ends[1], "q": one.step}
    names = {
        (False, False): "uniform",
        (True, False): "int_uniform",
        (False, True): "log_uniform_values",
        (True, True): "q_log_uniform_values",
    }
    return {"distribution": names[one.whole, one.log], "min": ends[0], "max": ends[1]}


def stopper(one: Stopper) -> dict[str, Any]:
    if one.kind != "hyperband":
        raise RecipeError(f"early_terminate.type: expected hyperband with W&B, got {one.kind}; --with optuna has it")
    return {"type": "hyperband", "min_iter": one.min_iter, "eta": one.eta}


def run(settings: dict[str, Any], project: str, entity: str | None, jobs: int) -> tuple[str, int]:
    """Makes the sweep on the server and trains until it has enough; the sweep's name and the agents' exit code."""
    import wandb

    sweep = wandb.sweep(settings, project=project, entity=entity)
    path = "/".join(part for part in (entity, project, sweep) if part)
    command = [sys.executable, "-m", "wandb", "agent", path]
    agents = [subprocess.Popen(command, env={**os.environ, "WANDB_SILENT": "true"}) for _ in range(jobs)]
    try:
        codes = [agent.wait() for agent in agents]
    finally:
        for agent in agents:
            if agent.poll() is None:
                agent.terminate()
                agent.wait()
    return path, max(map(abs, codes))
