"""What is said of a run that failed, without the secrets of its recipe: files, pages and W&B repeat it."""

import json
from pathlib import Path

import yaml

from ..redact import VARIABLES, without_secrets


def blanked(text: str, folder: Path | str) -> str:
    """A text in which the secrets that the recipe of a run folder gives or took from variables are blanked out.

    It is for a run's own folder, whose recipe was checked; where that cannot be read, the text has no secret of it.
    """
    try:
        recipe = (Path(folder) / "recipe.yaml").read_text(encoding="utf-8")
        taken = VARIABLES.match(recipe)
        return without_secrets(text, [yaml.safe_load(recipe), json.loads(taken[1]) if taken else {}])
    except (OSError, ValueError, yaml.YAMLError):
        return without_secrets(text, {})
