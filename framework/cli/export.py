"""Export a run's agent, to give it away or to put it into a machine.

Writes a folder of four files: model.safetensors, recipe.yaml, agent.json and README.md, the model card. Nothing in it
is pickled, and nothing tells of this machine. With --program it also holds policy.pt2, the policy as one function of
PyTorch's own (torch.export), for a robot that has no Fulgurite. With --to hf://owner/name it is uploaded to the hub.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from . import run_folder
from .output import Usage, complain, number, say, say_json, table


def add(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("run_folder", metavar="RUN", help="the folder of a run")
    parser.add_argument("--to", metavar="FOLDER|hf://owner/name", help="where; RUN/exported by default")
    parser.add_argument("--checkpoint", metavar="NAME", help="best, or one such as step-2000; else the newest")
    parser.add_argument(
        "--episodes",
        type=int,
        metavar="N",
        help="evaluate from N starts first, for the card; else the run's own evaluation",
    )
    parser.add_argument("--license", metavar="NAME", help="of the weights, as the hub names it, such as apache-2.0")
    parser.add_argument("--private", action="store_true", help="a repository on the hub that only you see")
    parser.add_argument("--program", action="store_true", help="write policy.pt2, too, where the agent is a policy")
    parser.add_argument("--force", action="store_true", help="replace an exported folder that is there")
    parser.add_argument("--json", action="store_true", help="what agent.json says, machine-readable")


def run(given: argparse.Namespace) -> int:
    """Writes the folder, and uploads it where it is to go to the hub."""
    folder = run_folder.existing(given.run_folder)
    on_hub = given.to is not None and given.to.startswith("hf://")
    if given.program and on_hub:
        raise Usage("--program: expected a folder with it, since a program is for one machine; the hub gets the agent")
    if given.private and not on_hub:
        raise Usage("--private: expected --to hf://owner/name with it")
    if given.episodes is not None and given.episodes < 1:
        raise Usage(f"--episodes: expected at least 1, got {given.episodes}")
    to = folder / "exported" if given.to is None else Path(given.to)
    from ..recipe_files import EXPORTED

    if not on_hub and to.exists() and not (given.force and (to / EXPORTED).exists()):
        hint = "; --force replaces it" if (to / EXPORTED).exists() else ""
        raise Usage(f"{to}: is there already{hint}")
    if not given.json:
        say("loading torch ...")
    from ..runs.checkpoint_content import WrongCheckpoint
    from ..sharing.folder import WrongExport

    try:
        return to_hub(folder, given) if on_hub else to_folder(folder, to, given)
    except (WrongCheckpoint, WrongExport, FileExistsError) as error:
        raise Usage(str(error)) from error


def to_folder(folder: Path, to: Path, given: argparse.Namespace) -> int:
    """Writes it, beside what it replaces until it is whole."""
    import shutil

    with tempfile.TemporaryDirectory(dir=existing_parent(to), prefix=".export-") as place:
        about = made(folder, Path(place) / to.name, str(to.name), given)
        to.parent.mkdir(parents=True, exist_ok=True)
        if to.exists():
            shutil.rmtree(to)
        (Path(place) / to.name).rename(to)
    tell(about, str(to), given.json)
    return 0


def to_hub(folder: Path, given: argparse.Namespace) -> int:
    """Writes it into a folder that does not stay, and uploads that."""
    from ..sharing import hub

    try:
        hub.split(given.to)
        hub.library()
        with tempfile.TemporaryDirectory() as place:
            made_here = Path(place) / "agent"
            about = made(folder, made_here, given.to, given)
            address = hub.push(made_here, given.to, given.private)
    except ValueError as error:
        raise Usage(f"--to: {error}") from error
    tell(about, given.to, given.json, address)
    return 0


def made(folder: Path, to: Path, where: str, given: argparse.Namespace) -> dict[str, Any]:
    """The export itself."""
    from ..recipe import build, compose
    from ..sharing.export import export
    from .evaluate import chosen

    checkpoint = chosen(folder, given.checkpoint)
    evaluation = None
    if given.episodes is not None:
        small = [f"evaluation.episodes={given.episodes}", "callbacks=null", "logger=null"]
        evaluation = build(compose(str(folder), small)).evaluate(checkpoint)
    about = export(folder, to, checkpoint, where=where, evaluation=evaluation, license=given.license)
    if given.program:
        from ..sharing.load import load
        from ..sharing.program import save_program

        try:
            save_program(load(to, trust=True), to)
        except ValueError as error:
            raise Usage(f"--program: {error}") from error
    return about


def tell(about: dict[str, Any], where: str, as_json: bool, address: str | None = None) -> None:
    """Prints what was exported, and how to use it."""
    if as_json:
        say_json(about)
        return
    evaluation = about["evaluation"]
    judged = "not evaluated; --episodes 50 does"
    if evaluation:
        spread = f"{number(evaluation['return_mean'])} +- {number(evaluation['return_std'])}"
        judged = f"{spread} over {evaluation['episodes']} starts"
    rows = [
        ("agent", f"{about['agent']}, {about['parameters']:,} parameters"),
        ("trained", f"{about['training']['env_steps']:,} env steps, {about['training']['checkpoint']}"),
        ("return", judged),
        ("left out", ", ".join(about["left_out"]) or "nothing"),
    ]
    table(rows)
    if about["own_classes"]:
        complain("Its recipe names classes that are not Fulgurite's: whoever loads it needs them, and says --trust.")
    say(f'{address or where}\nfrom fulgurite import load; policy = load("{where}")')


def existing_parent(path: Path) -> Path:
    """The nearest folder above that is there."""
    parent = path.absolute().parent
    while not parent.is_dir():
        parent = parent.parent
    return parent
