"""Run folders as a training leaves them, written in milliseconds: a recipe, rows, a result, a video."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fulgurite.recipe import compose, to_yaml

STEPS = (100, 200, 300, 400)


def folder_of_run(
    home: Path,
    name: str = "one",
    returns: Sequence[float] = (20.0, 90.0, 150.0, 190.0),
    overrides: Sequence[str] = (),
    *,
    recipe: str = "pets/cartpole",
    seed: int = 0,
    model: bool = True,
    status: str | None = "completed",
    video: bool = False,
    more: Sequence[dict[str, Any]] = (),
) -> Path:
    """A run's folder. `returns` are of its evaluations after 100, 200, ... steps; `more` are further rows."""
    folder = home / f"{name}-seed{seed}"
    (folder / "checkpoints" / "step-400").mkdir(parents=True)
    (folder / "recipe.yaml").write_text(to_yaml(compose(recipe, [*overrides, f"seed={seed}"])))
    rows = [row for i, mean in enumerate(returns) for row in measured(100 * (i + 1), mean, seed, model)]
    text = "".join(json.dumps(row) + "\n" for row in [*rows, *more])
    (folder / "metrics.jsonl").write_text(text)
    if status is not None:
        last = rows[-1] if rows else {"env_steps": 0, "gradient_steps": 0, "wall_seconds": 0.0}
        counters = {name: last[name] for name in ("env_steps", "gradient_steps", "wall_seconds")}
        result = {"status": status, **counters, "versions": {"torch": "2.13.0"}, "device": "cpu"}
        (folder / "result.json").write_text(json.dumps(result))
    if video:
        (folder / "videos").mkdir()
        frames = [Image.new("RGB", (60, 40), (40 * i, 90, 120)) for i in range(3)]
        frames[0].save(folder / "videos" / "step-400.gif", save_all=True, append_images=frames[1:])
    return folder


def measured(env_steps: int, mean: float, seed: int, model: bool) -> list[dict[str, float]]:
    """The rows of one evaluation."""
    axes = {"env_steps": env_steps, "gradient_steps": 5 * env_steps, "wall_seconds": env_steps / 10 + seed}
    spread = {"return_std": 2.0, "return_min": mean - 4, "return_max": mean + 3, "episodes": 4, "length_mean": 50.0}
    judged = {f"eval/{key}": value for key, value in spread.items()} | {"eval/return_mean": mean}
    rows = [{**axes, "train/return": mean - 5, "train/episodes": 2}, {**axes, **judged}]
    rows.append({**axes, "loss/dynamics": 100.0 / env_steps, "train/skipped_updates": 0})
    rows.append({**axes, **{f"speed/share_{part}": 0.2 for part in ("environment", "model", "planner", "evaluation")}})
    return rows + ([{**axes, **judged_model(env_steps)}] if model else [])


def judged_model(env_steps: int) -> dict[str, float]:
    """What `callbacks.model_error` and `callbacks.calibration` report."""
    found: dict[str, float] = {"model/disagreement": 10 / env_steps, "model/disagreement_correlation": 0.5}
    for k in (1, 2, 4):
        found |= {f"model/error_h{k}": k * 10 / env_steps, f"model/persistence_h{k}": k / 5, f"model/crps_h{k}": k / 50}
        found |= {f"model/coverage_{q}_h{k}": q / 100 for q in (50, 80, 95)}
        found |= {f"model/spread_correlation_h{k}": 0.4}
        found |= {f"pit/h{k}_{i}": share for i, share in enumerate(np.full(10, 0.1), start=1)}
    found |= {f"model/coverage_{q}": q / 100 for q in (50, 80, 95)}
    return found | {"plan/promised_return": 12.0, "plan/realised_return": 9.0, "plan/exploitation_gap": 3.0}
