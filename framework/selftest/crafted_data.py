"""Data sets that somebody made to take a machine over, or to fill it up, and what is said of each."""

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .crafted_checkpoints import touches

NO_ARCHIVES = (b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", pickle.dumps([1]))
NO_NAMES = ("../../evil-v0", "/etc/evil-v0", "a/../b-v0", "s3://x/y-v0", "", "a\nb-v0")


def columns(**changes: Any) -> dict[str, Any]:
    plain = {
        "observation": np.zeros((4, 2)), "action": np.zeros((4, 1)), "next_observation": np.zeros((4, 2)),
        "reward": np.zeros(4), "terminated": np.zeros(4, bool),
    }  # fmt: skip
    return {**plain, **changes}


ARRAYS: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "objects": (lambda: columns(reward=np.array([touches()] * 4, object)), "Object arrays cannot be loaded"),
    "texts": (lambda: columns(reward=np.array(["a"] * 4)), "reward: need numbers, got <U1"),
    "dates": (lambda: columns(reward=np.zeros(4, "datetime64[s]")), "reward: need numbers, got datetime64[s]"),
    "records": (lambda: columns(reward=np.zeros(4, "i4,i4")), "reward: need numbers"),
    "complex": (lambda: columns(reward=np.zeros(4, complex)), "reward: need numbers, got complex128"),
}


def unfolding(path: Path, unfolded: int) -> None:
    """An archive whose columns become so many bytes each, and which is very much smaller."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in columns():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                for _ in range(unfolded >> 20):
                    member.write(bytes(1 << 20))
