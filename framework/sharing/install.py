"""An exported agent becomes a run folder again, for all that takes one: evaluate, video, a base policy in a recipe.

    runs/imported/<name>/recipe.yaml, README.md, checkpoints/step-<n>/

Its checkpoint has the weights and nothing else, so it can be acted with and not resumed.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..recipe import check, compose, to_yaml
from ..runs.checkpoint import FolderCheckpointIO
from ..runs.manifest import is_plain
from .folder import CARD, RECIPE, WrongExport, read
from .load import built


def install(
    source: Path, to: Path, overrides: Sequence[str] = (), trust: bool = False, links: bool = False
) -> dict[str, Any]:
    """Checks an exported agent, builds it once, and writes the run folder `to`, whole or not at all.

    Args:
        source: the exported folder.
        to: the folder to be; there must be nothing of that name.
        overrides: of its recipe: what it leaves open, with `???`.
        trust: whether its recipe may name any class that is installed here.
        links: whether its files may be links.

    Returns:
        what `agent.json` says.

    Raises:
        WrongExport: for a folder that is damaged, or whose weights are not of its recipe.
        RecipeError: for a recipe that is wrong, or names what it may not.
        FileExistsError: where there is something already.
    """
    if to.exists():
        raise FileExistsError(f"{to}: need a name of nothing that is there")
    about = read(source, links)
    composed = compose(str(source), overrides, trust=trust)
    check(composed)
    agent = built(composed, source, about)
    env_steps = about["training"].get("env_steps")
    if not isinstance(env_steps, int) or env_steps < 0:
        raise WrongExport(f"{source}: training.env_steps: need a whole number, got {str(env_steps)[:60]}")
    temporary = to.parent / f".tmp-{to.name}-{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        content = {"state_dict": agent.state_dict()}
        FolderCheckpointIO().save_checkpoint(content, temporary / "checkpoints" / f"step-{env_steps}")
        (temporary / RECIPE).write_text(to_yaml(composed), encoding="utf-8")
        if links or is_plain(source / CARD):
            shutil.copyfile(source / CARD, temporary / CARD)
        temporary.rename(to)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return about
