"""Train a recipe with many settings, and find the best.

SWEEP is a file in W&B's own words (docs/sweeps.md). Online, W&B's server draws the settings; without a key or a network
Optuna does here, and everything lands in sweeps/<recipe>/<name>/: the same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import signal
from pathlib import Path
from types import FrameType
from typing import Any

from .output import Usage, complain, number, say, trusting


def add(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("recipe", help="a shipped name (pets/pendulum), a file or an address")
    parser.add_argument("sweep", metavar="SWEEP", type=Path, help="what to try: a file such as sweep.yaml")
    parser.add_argument("overrides", nargs="*", default=[], metavar="key=value", help="for every trial, as for train")
    parser.add_argument("--jobs", type=int, default=1, metavar="J", help="trials at once (1)")
    parser.add_argument(
        "--with", dest="by", choices=("wandb", "optuna"), help="who draws; else W&B where it is reached"
    )
    parser.add_argument("--folder", type=Path, metavar="FOLDER", help="Optuna's; sweeps/<recipe>/<name> by default")
    trusting(parser)


def run(given: argparse.Namespace) -> int:
    """Checks recipe and sweep, then tries."""
    from ..recipe import compose
    from ..sweeps.sweep_file import check_sweep, read_sweep

    if given.jobs < 1:
        raise Usage(f"--jobs: expected at least 1, got {given.jobs}")
    sweep = read_sweep(given.sweep)
    check_sweep(sweep, str(given.sweep), given.recipe, given.overrides, given.trust)
    composed = compose(given.recipe, given.overrides, trust=given.trust)
    if given.by == "wandb" or (given.by is None and online()):
        from ..sweeps import online as wandb_sweep

        about = composed.tree.root.get("logger") or {}
        about = about.get("wandb") or {}
        settings = wandb_sweep.config(sweep, given.recipe, given.overrides, given.trust)
        path, code = wandb_sweep.run(settings, about.get("project", "fulgurite"), about.get("entity"), given.jobs)
        say(f"W&B sweep {path}")
        return code
    return offline(given, sweep, given.folder or Path("sweeps") / composed.file.name / sweep.name)


def online() -> bool:
    """Whether W&B would be reached."""
    try:
        from fulgurite.callbacks.wandb_mode import decide, wandb
    except ImportError:
        return False
    return wandb is not None and decide("auto").mode == "online"


def offline(given: argparse.Namespace, sweep: Any, folder: Path) -> int:
    """Optuna's sweep in a folder that this process has to itself."""
    from importlib.util import find_spec

    from ..recipe_error import MissingExtra
    from . import run_folder

    if find_spec("optuna") is None:
        raise MissingExtra("optuna")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        the_same(folder, given)
    except OSError as error:
        raise Usage(f"{folder}: cannot be written: {error.strerror}") from error
    with run_folder.to_itself(folder):
        from ..sweeps.offline import BEST, Offline, SweepFailed

        def leave(number: int, frame: FrameType | None) -> None:
            raise SystemExit(128 + number)

        before = signal.signal(signal.SIGTERM, leave)
        going_on = Offline(folder, sweep, given.recipe, given.overrides, given.trust, given.jobs, say)
        say(f"{folder}: {going_on.made} of {sweep.trials} trials made; after a stop the same command goes on")
        try:
            going_on.run()
        except SweepFailed as error:
            complain(str(error))
            return 1
        except KeyboardInterrupt:
            complain("stopped; the same command goes on")
            return 130
        finally:
            signal.signal(signal.SIGTERM, before)
            show(going_on)
        if (folder / BEST).exists():
            say(f"fulgurite train {folder / BEST}")
        return 0


def the_same(folder: Path, given: argparse.Namespace) -> None:
    """Keeps the file of the sweep; one that goes on must have the same."""
    kept, text = folder / "sweep.yaml", given.sweep.read_text(encoding="utf-8")
    words = f"# fulgurite sweep {given.recipe} {' '.join(given.overrides)}".rstrip() + "\n"
    if kept.exists():
        if settled(kept.read_text(encoding="utf-8")) != settled(words + text):
            raise Usage(f"{kept}: differs from {given.sweep} or its command; --folder elsewhere, or another name")
    else:
        kept.write_text(words + text, encoding="utf-8")


def settled(text: str) -> list[str]:
    """The lines that must not change while a sweep goes on: all but how many trials it has."""
    return [line.rstrip() for line in text.splitlines() if line.strip() and not line.startswith("run_cap:")]


def show(sweep: Any) -> None:
    """The table of trials, the best first."""
    from rich.console import Console
    from rich.table import Table

    from ..sweeps.offline import ranked

    table = Table(title=f"{sweep.sweep.metric}, {sweep.sweep.goal}d", title_justify="left")
    for name in ("trial", "state", "value", *short(list(sweep.sweep.parameters))):
        table.add_column(name, justify="right", overflow="fold")
    for one in ranked(sweep.study, sweep.sweep.goal)[:20]:
        told = [digits(one.params.get(key, "-")) for key in sweep.sweep.parameters]
        value = "-" if one.value is None else number(float(one.value))
        table.add_row(str(one.number), one.state.name.lower(), value, *told)
    Console().print(table)


def short(keys: list[str]) -> list[str]:
    """The keys by as few of their last names as tell them apart."""
    found = []
    for key in keys:
        names = key.split(".")
        endings = [".".join(names[-count:]) for count in range(1, len(names) + 1)]
        alone = [end for end in endings if sum(f".{other}".endswith(f".{end}") for other in keys) == 1]
        found.append((alone or endings)[0])
    return found


def digits(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
