"""Parts of a checkpoint that get files of their own, since later checkpoints have them too: pieces of a replay buffer.

A part is a plain dictionary, `{NAME: name, "content": tensors by name}`, wherever it stands in a state. Its content is
None where the checkpoint before has a part of that name; one name must never mean two contents in a run.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from .checkpoint_content import read

NAME = "__part__"


def part(name: str, content: dict[str, Tensor] | None) -> dict[str, Any]:
    """A part to be saved."""
    return {NAME: name, "content": content}


def is_left_out(part: dict[str, Any]) -> bool:
    """Whether a part to be saved has no content, since the checkpoint before has it."""
    return "file" not in part and part["content"] is None


def content(saved: dict[str, Any]) -> Any:
    """What is in a part, tensors by name, read from its file where it has one.

    Raises:
        WrongCheckpoint: see `checkpoint_content.read`.
    """
    return read(Path(saved["file"])) if "file" in saved else saved["content"]


def replaced(state: Any, by: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """The state with every part in it replaced; containers without any stay the same objects."""
    if isinstance(state, dict):
        if NAME in state:
            return by(state)
        entries = {key: replaced(value, by) for key, value in state.items()}
        return entries if any(entries[key] is not value for key, value in state.items()) else state
    if type(state) in (list, tuple):
        items = [replaced(value, by) for value in state]
        return type(state)(items) if any(a is not b for a, b in zip(items, state, strict=True)) else state
    return state


def size_in_bytes(state: Any) -> int:
    """Of all tensors in a state."""
    if isinstance(state, Tensor):
        return state.numel() * state.element_size()
    values = state.values() if isinstance(state, dict) else state if isinstance(state, list | tuple) else ()
    return sum(size_in_bytes(value) for value in values)
