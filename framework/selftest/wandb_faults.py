"""What can be wrong with W&B, made on this machine."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from .wandb_server import Server

KEY = {"WANDB_API_KEY": "a" * 40}
FULL = "full disk"
KILLED, HUNG = "its process killed", "its process hung"
FAULTS = (
    "a server that answers",
    "no key",
    "no network",
    "never answers",
    "errors after 3 answers",
    "errors after 10 answers",
    "silence after 3 answers",
    "silence after 10 answers",
    KILLED,
    HUNG,
    FULL,
    "not installed",
)


@contextmanager
def fault(name: str, folder: Path) -> Iterator[dict[str, str]]:
    """The variables of a process in which something is wrong with W&B; its own processes somebody else has to harm."""
    with ExitStack() as stack:
        if name == "no key":
            yield {}
        elif name == "no network":
            with socket.create_server(("127.0.0.1", 0)) as closed:
                port = closed.getsockname()[1]
            yield {**KEY, "WANDB_BASE_URL": f"http://127.0.0.1:{port}"}
        elif name == "never answers":
            server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=100))
            yield {**KEY, "WANDB_BASE_URL": f"http://127.0.0.1:{server.getsockname()[1]}"}
        elif name == FULL:
            small = stack.enter_context(full_disk(folder / "wandb"))
            yield {"FULL": str(small)}
        elif name == "not installed":
            (folder / "absent").mkdir()
            (folder / "absent" / "wandb.py").write_text("raise ModuleNotFoundError(\"No module named 'wandb'\")\n")
            yield {"PYTHONPATH": str(folder / "absent")}
        else:
            kind, _, rest = name.partition(" after ")
            good = int(rest.split()[0]) if rest else 0
            which: Any = kind if rest else "none"
            yield {**KEY, "WANDB_BASE_URL": stack.enter_context(Server(which, good)).address}


@contextmanager
def full_disk(place: Path) -> Iterator[Path]:
    """A file system at `place` on which a W&B run begins, but cannot be kept."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(place)], check=True, capture_output=True)
    try:
        (place / "filler").write_bytes(bytes(96 * 1024))
        yield place
        sys.stderr.write(f"left on the full disk: {shutil.disk_usage(place).free} bytes\n")
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def cores(pid: int) -> list[int]:
    """W&B's own processes among the children of a process."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            if "wandb-core" in Path(f"/proc/{child}/cmdline").read_text():
                found.append(child)
    return found
