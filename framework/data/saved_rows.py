"""A replay buffer in a checkpoint: in pieces, so that rows that were saved once need not be written again.

    piece k  =  rows [k n, (k + 1) n)  of all rows ever written, in the order of time; n rows make about 16 MB

Only the last piece, not yet full, is written anew. A piece stays until its last row is overwritten in the buffer.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any
from urllib.parse import quote, unquote

import torch
from tensordict import TensorDict, TensorDictBase

from ..runs import parts

PIECE = 16 << 20  # bytes


def save(
    rows: TensorDictBase, written: int, changed: Sequence[int], name: str, saved: Collection[str]
) -> dict[str, Any]:
    """The state of a buffer.

    Args:
        rows: `[R]`, transitions or frames, as they lie in the buffer: the i-th that was written is at i mod R.
        written: how many rows were ever written.
        changed: which of them were changed later, once for each time: their piece is written anew.
        name: of the buffer, one for each process of a run.
        saved: the names of parts that the checkpoint before has.
    """
    kept = len(rows)
    oldest = written - kept
    length = max(1, PIECE // max(1, sum(value[:1].nbytes for value in rows.values(True, True)))) if kept else 1
    pieces = []
    for start in range(oldest // length * length, written, length):
        end = min(start + length, written)
        called = f"{name}-{start}-{end}-{sum(start <= row < end for row in changed)}"
        content = None
        if called not in saved:
            first = max(start, oldest)
            piece = rows[(torch.arange(first, end)) % kept]
            content = {path(key): v for key, v in piece.items(True, True)} | {"first": torch.tensor(first)}
        pieces.append(parts.part(called, content))
    return {"written": written, "kept": kept, "changed": list(changed), "pieces": pieces}


def load(state: dict[str, Any]) -> Iterator[TensorDict]:
    """The rows that were in the buffer, oldest first, piece by piece."""
    oldest = int(state["written"]) - int(state["kept"])
    for saved in state["pieces"]:
        content = dict(parts.content(saved))
        skipped = max(0, oldest - int(content.pop("first")))
        rows = TensorDict({tuple(map(unquote, name.split("/"))): value for name, value in content.items()})
        rows.batch_size = [len(next(iter(content.values())))]
        yield rows[skipped:]


def path(key: str | tuple[str, ...]) -> str:
    """An entry's name in a piece; what the user called an observation may have any letters in it."""
    return "/".join(quote(name, safe=" ") for name in ((key,) if isinstance(key, str) else key))
