"""What may be in a checkpoint's file: tensors and plain containers, no larger than it, that fit the recipe's agent.

`weights_only=True` refuses objects. It does not refuse a small file that unfolds into a large one, nor a tensor of a
thousand rows that are one row, nor what is of the wrong shape.
"""

import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

PLAIN = (int, float, str, bool, bytes, type(None))
CONTAINERS = (list, tuple, torch.Size, set)


class WrongCheckpoint(RuntimeError):
    """A checkpoint that cannot be taken over; the text says which, what was expected and what came."""


def read(path: Path, map_location: Any = "cpu") -> dict[str, Any]:
    """The content of a file that `torch.save` wrote.

    Raises:
        WrongCheckpoint: for anything but tensors and plain containers by name.
    """
    unfolded(path)
    try:
        content = torch.load(path, map_location=map_location, weights_only=True)
    except UnpicklingError as error:
        raise WrongCheckpoint(f"{path}: need tensors and plain containers, got {_refused(error)}") from None
    except (RuntimeError, ValueError, TypeError, KeyError, AttributeError, IndexError, EOFError, OSError) as error:
        said = str(error).partition("\n")[0][:200]
        raise WrongCheckpoint(f"{path}: cannot be read: {type(error).__name__}: {said}") from None
    if type(content) is not dict:
        raise WrongCheckpoint(f"{path}: need entries by name, got {type(content).__name__}")
    plain(content, path)
    return content


def unfolded(path: Path) -> None:
    """Raises `WrongCheckpoint` unless the file is an archive as `torch.save` writes it: nothing in it is compressed."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RecursionError) as error:
        raise WrongCheckpoint(f"{path}: need an archive as torch.save writes it, got none: {error}") from None
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED:
            raise WrongCheckpoint(f"{path}: {member.filename!a}: need an entry that is not compressed")
        if member.filename.startswith(("/", "\\")) or ".." in member.filename.replace("\\", "/").split("/"):
            raise WrongCheckpoint(f"{path}: {member.filename!a}: need an entry inside the archive")
    total = sum(member.file_size for member in members)
    if total > path.stat().st_size:
        raise WrongCheckpoint(f"{path}: need at most {path.stat().st_size} bytes of entries, got {total}")


def plain(content: Any, path: Path) -> None:
    """Raises `WrongCheckpoint` for anything but dense tensors that hold what they say, in plain containers."""
    waiting, seen = [("", content)], {0}
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, Tensor):
            _dense(value, f"{path}: {name}")
        elif id(value) in seen or type(value) in PLAIN:
            continue
        elif type(value) in (dict, OrderedDict):
            if odd := [key for key in value if type(key) not in (*PLAIN, tuple)]:
                raise WrongCheckpoint(f"{path}: {name}: need plain names, got {type(odd[0]).__name__}")
            waiting += [(f"{name}.{key}".lstrip("."), item) for key, item in value.items()]
            seen.add(id(value))
        elif type(value) in CONTAINERS:
            waiting += [(f"{name}.{place}", item) for place, item in enumerate(value)]
            seen.add(id(value))
        else:
            raise WrongCheckpoint(f"{path}: {name}: need tensors and plain containers, got {type(value).__name__}")


def _dense(tensor: Tensor, place: str) -> None:
    if type(tensor) not in (Tensor, nn.Parameter) or tensor.layout != torch.strided or tensor.is_quantized:
        raise WrongCheckpoint(f"{place}: need a dense tensor, got {type(tensor).__name__}, {tensor.layout}")
    need, have = tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes()
    if need > have:
        raise WrongCheckpoint(f"{place}: need a tensor that holds its {need} bytes, got one of {have}")


def load_weights(agent: nn.Module, content: Mapping[str, Any], place: Path) -> None:
    """Gives an agent the weights of a checkpoint.

    Raises:
        WrongCheckpoint: see `fits`.
    """
    fits(agent, content, place)
    agent.load_state_dict(content["state_dict"])


def fits(agent: nn.Module, content: Mapping[str, Any], place: Path) -> None:
    """Raises `WrongCheckpoint` unless a checkpoint's weights are those of such an agent, by name and shape."""
    found = content.get("state_dict")
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise WrongCheckpoint(f"{place}: state_dict: need tensors by name, got {_kind(found)}")
    wanted = {name: list(value.shape) for name, value in agent.state_dict().items() if isinstance(value, Tensor)}
    shapes = {name: list(value.shape) for name, value in found.items()}
    if wrong := [name for name in [*wanted, *shapes] if wanted.get(name) != shapes.get(name)]:
        name = wrong[0]
        more = f", and {len(set(wrong)) - 1} more" if len(set(wrong)) > 1 else ""
        raise WrongCheckpoint(
            f"{place}: is of another recipe: state_dict.{name}: "
            f"need {wanted.get(name, 'none')}, got {shapes.get(name, 'none')}{more}"
        )


def _kind(value: Any) -> str:
    kinds = {type(one).__name__ for one in value.values()} if isinstance(value, Mapping) else {type(value).__name__}
    return ", ".join(sorted(kinds)) or "nothing"


def _refused(error: Exception) -> str:
    """What the unpickler met, of its advice in many lines."""
    text = str(error)
    for mark in ("GLOBAL ", "Unsupported class ", "Unsupported global: "):
        if mark in text:
            return text.partition(mark)[2].split()[0].strip(".,")
    return text.partition("\n")[0][:120]
