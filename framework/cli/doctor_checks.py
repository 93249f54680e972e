"""What `doctor` looks at beside versions."""

from __future__ import annotations

import netrc
import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from ..data import renderer

GIGABYTE = 1e9
WANDB_HOSTS = ("api.wandb.ai", "api.forge.coreweave.com")


class Finding(NamedTuple):
    """`state` is ok, note or broken."""

    state: str
    what: str
    said: str


def installed(package: str) -> str | None:
    """The version of an installed distribution."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def rendering() -> list[Finding]:
    """With what MuJoCo environments can be drawn here, as pixels and in videos."""
    chosen = os.environ.get("MUJOCO_GL")
    if installed("mujoco") is None:
        return [Finding("ok", "rendering", "MuJoCo is not installed; classic control draws without it")]
    if platform.system() != "Linux":
        return [Finding("ok", "rendering", f"by {platform.system()} itself")]
    if chosen in renderer.NONE:
        return [Finding("note", "rendering", f"MUJOCO_GL={chosen}: MuJoCo environments have neither pixels nor video")]
    if chosen in renderer.TRIED:
        if renderer.TRIED[chosen]():
            return [Finding("ok", "rendering", f"MUJOCO_GL={chosen}, which works")]
        needed = f"MUJOCO_GL={chosen}, which does not work: apt-get install {renderer.NEEDED[chosen]}"
        return [Finding("broken", "rendering", needed)]
    if chosen:
        return [Finding("ok", "rendering", f"MUJOCO_GL={chosen}")]
    if os.environ.get("DISPLAY"):
        return [Finding("ok", "rendering", f"on display {os.environ['DISPLAY']}")]
    found = renderer.working()
    if found is not None:
        return [Finding("ok", "rendering", f"no display; {renderer.CALLED[found]} draws")]
    without = "no display, EGL or OSMesa: MuJoCo environments have neither pixels nor video"
    return [Finding("note", "rendering", f"{without}; {renderer.INSTALL}")]


def disk(runs: Path) -> list[Finding]:
    """Whether checkpoints and buffers have room where runs are written."""
    place = runs.resolve()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / GIGABYTE
    said = f"{free:.1f} GB free at {place}"
    if not os.access(place, os.W_OK):
        return [Finding("broken", "disk", f"{place} cannot be written")]
    if free < 0.2:
        return [Finding("broken", "disk", said + "; a run needs at least 0.2 GB")]
    return [Finding("note" if free < 2 else "ok", "disk", said)]


def tracking() -> list[Finding]:
    """Whether W&B would be reached, or a run stays offline."""
    mode = os.environ.get("WANDB_MODE")
    if mode in ("offline", "disabled", "dryrun"):
        return [Finding("ok", "wandb", f"WANDB_MODE={mode}")]
    if os.environ.get("WANDB_API_KEY") or _in_netrc():
        return [Finding("ok", "wandb", "a key is there: runs are online")]
    return [Finding("ok", "wandb", "no key: runs are offline and complete; `wandb login` turns them on")]


def _in_netrc() -> bool:
    path = Path(os.environ.get("NETRC", Path.home() / ".netrc"))
    try:
        hosts = netrc.netrc(path).hosts
    except (OSError, netrc.NetrcParseError):
        return False
    return any(host in hosts for host in WANDB_HOSTS)


def processor() -> list[Finding]:
    """Cores that this process may use, against the threads that torch will start."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = os.environ.get("OMP_NUM_THREADS")
    said = f"{cores} cores, OMP_NUM_THREADS={threads or 'not set'}"
    if threads and threads.isdigit() and int(threads) > cores:
        return [Finding("note", "processor", said + ": more threads than cores slow everything down")]
    return [Finding("ok", "processor", said)]


def gpu() -> list[Finding]:
    """The GPUs that the driver lists, and whether the installed torch can use them."""
    torch = installed("torch") or ""
    if platform.system() == "Darwin":
        return [Finding("ok", "gpu", "Apple silicon" if platform.machine() == "arm64" else "none")]
    command = shutil.which("nvidia-smi")
    names = []
    if command is not None:
        try:
            asked = [command, "--query-gpu=name", "--format=csv,noheader"]
            done = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=False)
            names = done.stdout.split("\n")[:-1] if done.returncode == 0 else []
        except (OSError, subprocess.TimeoutExpired):
            return [Finding("note", "gpu", "nvidia-smi does not answer")]
    if not names:
        return [Finding("ok", "gpu", "none: everything runs on the processor")]
    if torch.endswith("+cpu"):
        return [Finding("note", "gpu", f"{', '.join(names)}, which torch {torch} cannot use: install a CUDA build")]
    return [Finding("ok", "gpu", ", ".join(names))]
