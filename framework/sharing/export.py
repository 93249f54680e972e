"""An agent leaves its run: a checkpoint's weights and what they need, as the folder that `folder.py` describes."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from ..recipe import build, compose, planned
from ..recipe_check import SIZES
from ..runs import checkpoint as checkpoints
from ..runs import metrics
from ..runs.about import versions
from ..runs.checkpoint_content import fits
from ..runs.durable import fingerprint
from ..runs.experiment import RESULT
from .card import card
from .folder import AGENT, CARD, FORMAT, RECIPE, WEIGHTS
from .shared_recipe import shared_recipe
from .spaces import described

SUMMARY = ("return_mean", "return_std", "return_min", "return_max", "length_mean", "episodes")


def export(
    run: Path,
    to: Path,
    checkpoint: Path,
    *,
    where: str | None = None,
    evaluation: dict[str, Any] | None = None,
    license: str | None = None,
) -> dict[str, Any]:
    """Writes the agent of a run's checkpoint into a new folder, whole or not at all.

    Args:
        run: the run folder.
        to: the folder to be; there must be nothing of that name.
        checkpoint: one of the run's.
        where: what the card tells others to load; the folder's name by default.
        evaluation: what `Experiment.evaluate` found; what the run itself noted at this checkpoint by default.
        license: of the weights, as the hub names it (`apache-2.0`).

    Returns:
        what `agent.json` says.

    Raises:
        FileExistsError: where there is something already.
        RecipeError, WrongCheckpoint: where the run has a wrong recipe, or the checkpoint is not of it.
    """
    if to.exists():
        raise FileExistsError(f"{to}: need a name of nothing that is there")
    saved = checkpoints.load(checkpoint)
    recipe, left_out = shared_recipe(run)
    about = described_agent(run, checkpoint, saved, evaluation) | {"left_out": left_out, "license": license}
    temporary = to.parent / f".tmp-{to.name}-{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        tensors = {name: value for name, value in saved["state_dict"].items() if isinstance(value, Tensor)}
        # Each its own memory: safetensors refuses tensors that share theirs.
        content = save({name: value.detach().clone().contiguous() for name, value in tensors.items()})
        (temporary / WEIGHTS).write_bytes(content)
        (temporary / RECIPE).write_text(recipe, encoding="utf-8")
        about["files"] = {name: fingerprint(temporary / name) for name in (WEIGHTS, RECIPE)}
        text = json.dumps(about, indent=2, allow_nan=False) + "\n"
        (temporary / AGENT).write_text(text, encoding="utf-8")
        (temporary / CARD).write_text(card(about, recipe, where or to.name), encoding="utf-8")
        temporary.rename(to)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return about


def described_agent(
    run: Path, checkpoint: Path, content: dict[str, Any], evaluation: dict[str, Any] | None
) -> dict[str, Any]:
    """What `agent.json` says but for the files, after checking that the weights are those of the recipe's agent."""
    composed = compose(str(run), ["logger=null", "callbacks=null"])
    walk, _ = planned(composed)
    environment, agent = build(composed, "environment"), build(composed, "agent")
    fits(agent, content, checkpoint)
    native = environment.native()
    try:
        spaces = {"observation": described(native.observation_space), "action": described(native.action_space)}
    finally:
        native.close()
    sources = composed.classes.sources
    file = composed.file
    counted = counters(content, checkpoint)
    sizes = {name: getattr(environment, name) for name in SIZES if name != "observation_size"}
    return {
        "format": FORMAT,
        "name": file.name if file.shipped else file.path.stem,
        "agent": type(agent).__name__,
        "parameters": sum(parameter.numel() for parameter in agent.parameters()),
        "own_classes": not all(
            sources.is_ours(walk.nodes[key].definition.module)
            for key in walk.nodes
            if key.partition(".")[0] in ("agent", "environment")
        ),
        "environment": {
            "id": environment.id,
            "action_repeat": environment.action_repeat,
            "max_episode_steps": environment.max_episode_steps,
            "wrappers": list(environment.wrappers),
        },
        "sizes": sizes,
        "spaces": spaces,
        "training": training(run, checkpoint, counted),
        "evaluation": noted(run, counted, composed.tree.root) if evaluation is None else shortened(evaluation),
        "versions": versions(),
    }


def counters(content: dict[str, Any], checkpoint: Path) -> dict[str, Any]:
    """The run's counters when the checkpoint was written; of one that was imported, what its name says."""
    ranks = content.get("Experience", {}).get("ranks") or [{}]
    return {"env_steps": checkpoints.step(checkpoint)[0], "gradient_steps": None, "wall_seconds": None} | {
        name: ranks[0][name] for name in metrics.AXES if name in ranks[0]
    }


def training(run: Path, checkpoint: Path, counted: dict[str, Any]) -> dict[str, Any]:
    """How far the run had come at the checkpoint, and how it ended."""
    path = run / RESULT
    result = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    seed = re.search(r"-seed(\d+)$", run.resolve().name)
    return {
        **counted,
        "seed": result.get("seed", int(seed[1]) if seed else None),
        "status": result.get("status", "unknown"),
        "checkpoint": checkpoint.name,
    }


def noted(run: Path, counted: dict[str, Any], recipe: dict[str, Any]) -> dict[str, Any] | None:
    """The run's own evaluation with the checkpoint's weights, or None.

    A checkpoint is written once the agent has collected what the next updates learn from: the weights are those of the
    evaluation that came before, after as many gradient steps.
    """
    rows = [row for row in metrics.read(run) if row.get("eval/return_mean") is not None]
    at = [row for row in rows if row.get("gradient_steps") == counted["gradient_steps"]]
    if not at:
        return None
    first = (recipe.get("evaluation") or {}).get("seed", 100_000)
    found = {name: at[-1].get(f"eval/{name}") for name in SUMMARY}
    return {**found, "episodes": int(at[-1]["eval/episodes"]), "first_seed": first if isinstance(first, int) else None}


def shortened(evaluation: dict[str, Any]) -> dict[str, Any]:
    """What the card tells of an evaluation."""
    return {**{name: evaluation[name] for name in SUMMARY}, "first_seed": evaluation["seeds"][0]}
