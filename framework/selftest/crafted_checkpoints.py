"""Checkpoints that somebody made to take a machine over, and what is said of each.

Every attempt would write a file `canary` in the working folder. The manifests' hashes are right: whoever makes the file
makes them, too.
"""

import hashlib
import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..runs.checkpoint import FolderCheckpointIO
from ..runs.manifest import MANIFEST, PAYLOAD

CANARY = "canary"


class Calls:
    """Unpickling it calls a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def touches() -> Calls:
    return Calls(os.system, f"touch {Path.cwd() / CANARY}")


def loads_more() -> Calls:
    """Its pickle calls torch.load on a file that would do the rest."""
    Path("inner.pt").write_bytes(pickle.dumps(touches()))
    return Calls(torch.load, str(Path("inner.pt").absolute()), "cpu", None)


def saved(content: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def wide(*shape: int) -> torch.Tensor:
    """A tensor of any size that is four bytes."""
    return torch.zeros(1).expand(*shape)


def deflated() -> bytes:
    """The archive of a tensor of zeros, compressed a thousand times."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(saved({"x": torch.zeros(5_000_000)}))) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for member in old.infolist():
            new.writestr(member.filename, old.read(member))
    return file.getvalue()


def climbing() -> bytes:
    file = io.BytesIO(saved({"x": torch.zeros(1)}))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(f"archive/../../{CANARY}", "x")
    return file.getvalue()


def sidecar() -> bytes:
    """A tensordict's folder, with the pickle that holds what is no tensor, as an archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("meta.json", json.dumps({"shape": [], "device": "cpu", "_type": "tensordict"}))
        archive.writestr("other.pickle", pickle.dumps(touches()))
    return file.getvalue()


def cyclic() -> bytes:
    content: dict[str, Any] = {"object": object}
    content["self"] = content
    return saved(content)


# What the file holds, and what is said of it.
FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "a call": (lambda: saved(touches()), "need tensors and plain containers, got posix.system"),
    "a call deep inside": (lambda: saved({"a": [{"b": (touches(),)}]}), "got posix.system"),
    "a bare pickle": (lambda: pickle.dumps(touches()), "need an archive as torch.save writes it, got none"),
    "a call of eval": (lambda: saved(Calls(eval, "open('canary', 'w')")), "got eval"),
    "a call of torch.load": (lambda: saved(loads_more()), "got torch.serialization.load"),
    "a module": (lambda: saved({"state_dict": torch.nn.Linear(1, 1)}), "got torch.nn.modules.linear.Linear"),
    "an object in the weights": (lambda: saved({"state_dict": {"a": np.random.default_rng()}}), "got numpy"),
    "a tensordict's sidecar": (sidecar, "cannot be read: RuntimeError"),
    "a climbing member": (climbing, "'archive/../../canary': need an entry inside the archive"),
    "a bomb": (deflated, "need an entry that is not compressed"),
    "a tensor without its numbers": (lambda: saved({"x": wide(10**6, 10**6)}), "need a tensor that holds its"),
    "a sparse tensor": (lambda: saved({"x": torch.eye(3).to_sparse()}), "need a dense tensor"),
    "a list": (lambda: saved([1, 2]), "need entries by name, got list"),
    "itself": (cyclic, "need tensors and plain containers"),
    "a device": (lambda: saved({"x": torch.device("cpu")}), "need tensors and plain containers, got device"),
    "half a file": (lambda: saved({"x": torch.zeros(100)})[:400], "need an archive as torch.save writes it"),
    "nothing": (lambda: b"", "need an archive as torch.save writes it"),
}


def sealed(folder: Path, payload: bytes | None = None, **changes: Any) -> Path:
    """Gives a folder a payload and the manifest that fits it, but for the changes."""
    folder.mkdir(parents=True, exist_ok=True)
    if payload is not None:
        (folder / PAYLOAD).write_bytes(payload)
    old = json.loads((folder / MANIFEST).read_text()) if (folder / MANIFEST).exists() else genuine_manifest()
    content = (folder / PAYLOAD).read_bytes()
    files = {PAYLOAD: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}}
    (folder / MANIFEST).write_text(json.dumps({**old, "files": {**files}, **changes}))
    return folder


def genuine_manifest() -> dict[str, Any]:
    FolderCheckpointIO().save_checkpoint({"x": 1}, "genuine/checkpoints/step-1")
    return dict(json.loads(Path("genuine/checkpoints/step-1", MANIFEST).read_text()))


def genuine(folder: Path) -> Path:
    FolderCheckpointIO().save_checkpoint({"x": torch.zeros(3)}, folder)
    return folder


def linked(folder: Path) -> None:
    (folder / PAYLOAD).rename(folder.parent / "elsewhere.pt")
    (folder / PAYLOAD).symlink_to(folder.parent / "elsewhere.pt")


def linked_manifest(folder: Path) -> None:
    (folder / MANIFEST).rename(folder.parent / "elsewhere.json")
    (folder / MANIFEST).symlink_to(folder.parent / "elsewhere.json")


def piped(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return change


def folder_instead(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return change


def says(text: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / MANIFEST).write_text(text)

    return change


def names(other: str) -> Callable[[Path], None]:
    """The manifest names a file that is there, and whose hash is right, at another place."""

    def change(folder: Path) -> None:
        (folder.parent.parent / "x").write_bytes(b"x")
        said = json.loads((folder / MANIFEST).read_text())
        fingerprint = {"bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
        place = other.replace("HERE", str(folder.parent.parent))
        (folder / MANIFEST).write_text(json.dumps({**said, "files": {**said["files"], place: fingerprint}}))

    return change


def giant(folder: Path) -> None:
    with (folder / MANIFEST).open("r+b") as file:
        file.truncate(1 << 30)


FOLDERS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a linked payload": (linked, "a link"),
    "a linked manifest": (linked_manifest, "a link"),
    "a pipe for a payload": (piped(PAYLOAD), "no plain file"),
    "a pipe for a manifest": (piped(MANIFEST), "no plain file"),
    "a folder for a payload": (folder_instead(PAYLOAD), "no plain file"),
    "a folder for a manifest": (folder_instead(MANIFEST), "no plain file"),
    "a missing file": (lambda folder: (folder / PAYLOAD).unlink(), "no file"),
    "a missing manifest": (lambda folder: (folder / MANIFEST).unlink(), "no file"),
    "a name that climbs": (names("../../x"), "got '../../x'"),
    "an absolute name": (names("HERE/x"), "need names of files in this folder"),
    "a giant manifest": (giant, "need a file of at most 16 MiB, got 1073741824 bytes"),
    "a deep manifest": (says("[" * 1_000_000), "cannot be read: RecursionError"),
    "a manifest that is a list": (says("[]"), "need format"),
    "a manifest that is no JSON": (says("\x00"), "cannot be read"),
    "a manifest of nothing": (says("{}"), "need format"),
}
