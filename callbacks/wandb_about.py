"""What W&B is told about a run: its name, its group, an id that stays with the folder, and the recipe."""

import re
import secrets
from pathlib import Path
from typing import Any

import yaml

from fulgurite.redact import redact


def describe(about: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Fills in what was left open: name and group from the run folder, and an id that stays with it."""
    kept = folder / "wandb" / "run-id"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(secrets.token_hex(4))
    recipe = recipe_name(folder)
    return {
        **about,
        "name": about["name"] or f"{recipe} {folder.name}",
        "group": about["group"] or f"{recipe} " + re.sub(r"-seed\d+$", "", folder.name),
        "id": kept.read_text().strip(),
    }


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
