"""Reads what an offline W&B run wrote: LevelDB's log framing around protobuf records."""

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

BLOCK = 32768
FULL, FIRST, MIDDLE = 1, 2, 3


def framed(content: bytes) -> Iterator[bytes]:
    """The records behind the file's 7-byte header."""
    assert content[:4] in (b":W&B", b"")
    offset, parts = 7, b""
    while offset + 7 <= len(content):
        left = BLOCK - offset % BLOCK
        if left < 7:
            offset += left
            continue
        _, length, kind = struct.unpack("<IHB", content[offset : offset + 7])
        if kind == length == 0:
            offset += left
            continue
        data = content[offset + 7 : offset + 7 + length]
        if len(data) < length:
            return
        offset += 7 + length
        if kind == FULL:
            yield data
        elif kind == FIRST:
            parts = data
        else:
            parts += data
            if kind != MIDDLE:
                yield parts


def records(folder: Path) -> dict[str, list[Any]]:
    """The records by type of the run folder's only W&B run, which writes the last ones a moment after `finish`."""
    (path,) = folder.glob("wandb/*run-*/run-*.wandb")
    for _ in range(500):
        found = parsed(path.read_bytes())
        if "exit" in found:
            return found
        time.sleep(0.01)
    raise TimeoutError(f"{path} has no exit record, only {sorted(found)}")


def parsed(content: bytes) -> dict[str, list[Any]]:
    """The records of a file as far as it is written, by type."""
    found: dict[str, list[Any]] = {}
    for raw in framed(content):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(raw)
        kind = record.WhichOneof("record_type")
        found.setdefault(kind, []).append(getattr(record, kind))
    return found


def values(items: Any) -> dict[str, Any]:
    """The named values of a history, config or summary record."""
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}


def history(folder: Path) -> list[dict[str, Any]]:
    """The rows, in order."""
    return [values(row.item) for row in records(folder)["history"]]
