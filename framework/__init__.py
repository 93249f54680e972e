"""Fulgurite: learn models of the world and act with them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .sharing.loaded import LoadedPolicy

if __name__ != "fulgurite":
    raise ImportError("this folder is imported as `fulgurite`: run `pip install -e .` and `import fulgurite`")

os.environ.setdefault("RL_LOGGING_LEVEL", "ERROR")  # read by torchrl at import; it announces every buffer otherwise

__version__ = "0.1.0"


def load(
    name: str | Path, *, checkpoint: str | None = None, device: str = "cpu", seed: int = 0, trust: bool = False
) -> LoadedPolicy:
    """A trained agent as a plain policy, observation -> action: see `sharing.load.load`."""
    from .sharing.load import load  # imports torch, which takes seconds

    return load(name, checkpoint=checkpoint, device=device, seed=seed, trust=trust)
