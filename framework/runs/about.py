"""What a checkpoint notes of the run that wrote it, beside its state: `about.json`, a file of its manifest.

    {"env_steps": 2000, "versions": {"torch": "2.13.0", ...}, "recipe": {"seed": 0, ...}}

The recipe is the composed one without secrets, by which a run that goes on with another is told so.
"""

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

ABOUT = "about.json"
LIBRARIES = ("fulgurite", "torch", "pytorch-lightning", "torchrl", "tensordict", "gymnasium", "numpy")


def versions() -> dict[str, str]:
    """Of the libraries that a run's numbers depend on."""
    return {name: version(name) for name in LIBRARIES}


def as_text(about: Mapping[str, Any]) -> str:
    """The content of the file."""
    return json.dumps(about, indent=2, default=str) + "\n"


def read(checkpoint: Path) -> dict[str, Any]:
    """What a verified checkpoint notes; nothing where it is older than these notes, or they are not readable."""
    try:
        found = json.loads((checkpoint / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
