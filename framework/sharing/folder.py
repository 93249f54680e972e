"""The folder of an exported agent: four files, nothing pickled, nothing of the machine that wrote it.

    model.safetensors   the weights
    recipe.yaml         what to build them into, see `shared_recipe.py`
    agent.json          format, versions, sizes and spaces, what it was trained with and how it was judged; hashes
    README.md           the model card

It may come from anybody. Hashes tell damage, not who made it; what is read is tensors, plain values and a recipe.
"""

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from ..recipe_files import EXPORTED, RUN_RECIPE
from ..runs.durable import fingerprint
from ..runs.manifest import is_plain

AGENT, RECIPE, WEIGHTS, CARD = EXPORTED, RUN_RECIPE, "model.safetensors", "README.md"
FILES = (AGENT, RECIPE, WEIGHTS, CARD)
FORMAT = 1
MAX_JSON = 1 << 20  # bytes
KINDS: dict[str, type] = {"name": str, "agent": str, "sizes": dict, "spaces": dict, "training": dict, "files": dict}


class WrongExport(RuntimeError):
    """A folder that is no exported agent, or a damaged one; the text says what was expected and what came."""


def is_exported(folder: Path) -> bool:
    """Whether a folder says that it holds an exported agent."""
    return (folder / AGENT).exists()


def read(folder: Path, links: bool = False) -> dict[str, Any]:
    """What `agent.json` says, once all files are as it says.

    Args:
        folder: of the exported agent.
        links: whether its files may be links, as they are in the hub's own cache.

    Raises:
        WrongExport: naming the first file that is missing or different.
    """
    for name in (AGENT, RECIPE, WEIGHTS):
        path = folder / name
        if not (path.is_file() if links else is_plain(path)):
            raise WrongExport(
                f"{path}: need a file of an exported agent, got {'a link' if path.is_symlink() else 'none'}"
            )
    about = plain(folder / AGENT)
    for name in (RECIPE, WEIGHTS):
        said, found = about["files"].get(name), fingerprint(folder / name)
        if said != found:
            raise WrongExport(f"{folder / name}: need {str(said)[:200]}, got {found}")
    return about


def plain(path: Path) -> dict[str, Any]:
    """The values of `agent.json`, each of its kind.

    Raises:
        WrongExport: for another format, and for what cannot be read.
    """
    if path.stat().st_size > MAX_JSON:
        raise WrongExport(f"{path}: need at most {MAX_JSON >> 10} KiB, got {path.stat().st_size >> 10}")
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise WrongExport(f"{path}: cannot be read: {type(error).__name__}: {str(error)[:200]}") from error
    found = about.get("format") if isinstance(about, dict) else None
    if found != FORMAT:
        newer = "; a newer Fulgurite wrote it" if isinstance(found, int) and found > FORMAT else ""
        raise WrongExport(f"{path}: need format {FORMAT}, got {found!r}{newer}")
    for name, kind in KINDS.items():
        if not isinstance(about.get(name), kind):
            raise WrongExport(f"{path}: {name}: need {kind.__name__}, got {type(about.get(name)).__name__}")
    return about


def weights(folder: Path) -> dict[str, Tensor]:
    """The tensors by name.

    Raises:
        WrongExport: for a file that is not safetensors'.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(folder / WEIGHTS)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise WrongExport(f"{folder / WEIGHTS}: cannot be read: {type(error).__name__}: {str(error)[:200]}") from error
