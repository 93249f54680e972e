"""What W&B is told about a run: its name, its group, an id that stays with the folder, and the recipe."""

import os
import re
import secrets
from pathlib import Path
from typing import Any

import yaml

from fulgurite.redact import redact

ID = Path("wandb") / "run-id"


def describe(about: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Fills in what was left open: name and group from the run folder, an id that stays with it, and tags.

    A run that an agent of a W&B sweep has started has the id that the server knows it by.
    """
    if run_id(folder) is None:
        by_sweep = os.environ.get("WANDB_RUN_ID") if os.environ.get("WANDB_SWEEP_ID") else None
        (folder / ID).parent.mkdir(parents=True, exist_ok=True)
        (folder / ID).write_text(by_sweep or secrets.token_hex(4))
    name = recipe_name(folder)
    return {
        **about,
        "name": about["name"] or f"{name} {folder.name}",
        "group": about["group"] or f"{name} " + re.sub(r"-seed\d+$", "", folder.name),
        "tags": list(dict.fromkeys([*about["tags"], *told(recipe(folder))])),
        "id": run_id(folder),
    }


def run_id(folder: Path) -> str | None:
    """W&B's id of a run folder, None before it has one."""
    return (folder / ID).read_text().strip() if (folder / ID).exists() else None


def told(recipe: dict[str, Any]) -> list[str]:
    """Tags: the classes of agent and planner, and the environment."""
    agent = recipe.get("agent") or {}
    planner = agent.get("planner") or agent.get("search") or {}
    classes = [str(part.get("_target_", "")).rpartition(".")[2] for part in (agent, planner) if isinstance(part, dict)]
    found = [*classes, str((recipe.get("environment") or {}).get("id", ""))]
    return [one[:64] for one in found if one and "${" not in one]


def recipe_name(folder: Path) -> str:
    """What the recipe was composed from, by the first line of the run's own: a shipped name, or a file's."""
    path = folder / "recipe.yaml"
    first = path.read_text().partition("\n")[0] if path.exists() else ""
    found = re.fullmatch(r"# recipe: (.+)", first)
    name = found[1] if found else folder.parent.name
    return Path(name).stem if Path(name).is_absolute() or "://" in name else name


def recipe(folder: Path) -> dict[str, Any]:
    """The run's recipe as written, interpolations unresolved and secrets blanked out; empty where there is none."""
    path = folder / "recipe.yaml"
    return redact(yaml.safe_load(path.read_text()) or {}) if path.exists() else {}
