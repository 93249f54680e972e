"""Drills on the disk: checkpoints that are killed while they are written, and files that are not what they were."""

import multiprocessing
import os
import random
import shutil
import time
from pathlib import Path

import torch

from ..runs import parts
from ..runs.checkpoint import FolderCheckpointIO, latest, load, step, sweep
from ..runs.durable import swap
from ..runs.manifest import DamagedCheckpoint
from .drill import Extent, Failed

MEMORY = Path("/dev/shm")  # a second file system, on most Linux machines
NUMBERS = 2_000_000  # in a checkpoint of the writer that is killed: 8 MB


def kills_while_writing(place: Path, extent: Extent) -> str:
    """A process that does nothing but save is killed at random times, on this file system and on another."""
    kills = 60 if extent.long else 6
    told = [f"{kills} kills, {killed(place / 'here', kills)} of them inside a write"]
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK):
        elsewhere = MEMORY / f"fulgurite-selftest-{os.getpid()}"
        try:
            told.append(f"{kills} on {MEMORY}, {killed(elsewhere, kills)} inside")
        finally:
            shutil.rmtree(elsewhere, ignore_errors=True)
    return "; ".join(told) + ": no checkpoint lost"


def killed(run: Path, kills: int) -> int:
    """Kills so many times; how many left a half-written checkpoint behind.

    Raises:
        Failed: where the newest checkpoint that had been announced is not there, or is damaged.
    """
    chance, inside, promised = random.Random(0), 0, 0
    server = multiprocessing.get_context("forkserver")  # imports torch once for all writers
    server.set_forkserver_preload([__name__])
    run.mkdir()
    announced = run / "announced"
    for _ in range(kills):
        before = promised
        process = server.Process(target=save_for_ever, args=(run,), daemon=True)
        process.start()
        try:
            while not announced.exists() or int(announced.read_text()) == before:
                if process.exitcode is not None:
                    raise Failed(f"the writer ended by itself, with {process.exitcode}")
                time.sleep(0.001)
            time.sleep(0.15 * chance.random())
        finally:
            process.kill()
            process.join()
        inside += any((run / "checkpoints").glob(".tmp-*"))
        promised = int(announced.read_text())
        told: list[str] = []
        newest = latest(run, told.append)
        if newest is None or step(newest)[0] < promised:
            raise Failed(f"step-{promised} was announced, the newest whole one is {newest}: {told}")
        if not (load(newest)["x"] == step(newest)[0]).all():
            raise Failed(f"{newest} holds another state")
        sweep(run)
        if any((run / "checkpoints").glob(".tmp-*")):
            raise Failed("half-written checkpoints stay")
    return inside


def save_for_ever(run: Path) -> None:
    """Saves step 1, 2, 3, ..., or on from the newest, announces each in a file, and keeps two."""
    writer = FolderCheckpointIO()
    newest = latest(run)
    n = 1 if newest is None else step(newest)[0] + 1
    while True:
        checkpoints = run / "checkpoints"
        writer.save_checkpoint({"n": n, "x": torch.full((NUMBERS,), n)}, checkpoints / f"step-{n}")
        swap(run / "announced", str(n))
        writer.remove_checkpoint(checkpoints / f"step-{n - 2}")
        n += 1


def damage(place: Path, extent: Extent) -> str:
    """Every file of a checkpoint cut short at five places, and single bits flipped at random; among the files one that
    an older checkpoint shares.
    """
    flips = 200 if extent.long else 40
    older, newer = two_checkpoints(place)
    files = sorted(newer.iterdir())
    chance = random.Random(0)
    cuts = [(file, share) for file in files for share in (0.0, 0.1, 0.5, 0.9, 0.99)]
    for file, share in [*cuts, *((chance.choice(files), None) for _ in range(flips))]:
        whole = file.read_bytes()
        broken = bytearray(whole)
        if share is None:
            bit = chance.randrange(8 * len(whole))
            broken[bit // 8] ^= 1 << bit % 8
        file.write_bytes(bytes(broken) if share is None else whole[: int(share * len(whole))])
        told: list[str] = []
        found = latest(place, told.append)
        if found != older or not told or newer.name not in told[0]:
            raise Failed(
                f"{file.name} {'with a flipped bit' if share is None else f'cut to {share:.0%}'} was taken for whole"
            )
        try:
            load(newer)
        except DamagedCheckpoint:
            pass
        else:
            raise Failed(f"{file.name} was loaded with damage")
        file.write_bytes(whole)
    if latest(place) != newer:
        raise Failed("the mended checkpoint was refused")
    return f"{len(cuts)} truncations and {flips} flipped bits: all found, the checkpoint before was taken"


def two_checkpoints(run: Path) -> tuple[Path, Path]:
    """The newest two of three checkpoints, each with a part of its own and one that the first of the three has too.

    Raises:
        Failed: where that part is not one file in the first and the third, and another in the second.
    """
    writer = FolderCheckpointIO()
    first, older, newer = folders = [run / "checkpoints" / f"step-{n}" for n in (1, 2, 3)]
    for path in folders:
        n = step(path)[0]
        shared = parts.part("rows", None if "rows" in writer.parts() else {"y": torch.arange(300)})
        own = parts.part(f"rows-{n}", {"y": torch.arange(200)})
        writer.save_checkpoint({"n": n, "x": torch.full((500,), n), "rows": [shared, own]}, path)
        writer.beside = path
    inodes = [(path / "rows.pt").stat().st_ino for path in folders]
    if not inodes[0] == inodes[2] != inodes[1]:
        raise Failed(f"{first}, {older}, {newer}: a part that they share is in files {inodes}, all of which may be one")
    return older, newer
