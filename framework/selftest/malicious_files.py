"""A drill on files that somebody else made: recipes, checkpoints and data sets. None of them runs anything."""

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from ..data.transitions import load_transitions
from ..recipe import RecipeError, build, compose
from ..runs.checkpoint import latest, load
from ..runs.checkpoint_content import WrongCheckpoint
from . import crafted_checkpoints, crafted_data, crafted_recipes
from .drill import Extent, Failed

SLOTS = ("agent.planner", "agent.world_model.reward", "callbacks.video", "agent.objective")
CEM = "fulgurite.planners.cem"
PLAIN = "defaults: [pets/cartpole]\n"


def malicious_files(place: Path, extent: Extent) -> str:
    """Reads one after the other as the commands do; each must be refused, and the canary not made."""
    slots = SLOTS if extent.long else SLOTS[:1]
    kinds = (disguises, texts, foreign, gifts, payloads, folders, data)
    with working_in(place):
        counts = [f"{recipes(place / 'recipes', slots)} calls in a recipe's slots"]
        counts += [f"{kind(place / kind.__name__)} {(kind.__doc__ or '').rstrip('.')}" for kind in kinds]
        made = [str(path) for path in place.rglob(crafted_checkpoints.CANARY)]
    if made:
        raise Failed(f"a file ran: it made {', '.join(made)}")
    return f"all refused, no canary made: {'; '.join(counts)}"


@contextmanager
def working_in(place: Path) -> Iterator[None]:
    """The canary is written into the working folder, and modules are looked for there."""
    before, path = Path.cwd(), list(sys.path)
    os.chdir(place)
    try:
        yield
    finally:
        os.chdir(before)
        sys.path[:] = path


def refused(what: str, use: Callable[[], object], error: type[Exception]) -> None:
    """Raises `Failed` where something is not refused, or in another way than by one clear error."""
    try:
        use()
    except error:
        return
    except Exception as other:
        raise Failed(f"{what[:100]!r}: {type(other).__name__}: {other}") from other
    raise Failed(f"{what[:100]!r} was not refused")


def built(recipe: str | Path, *overrides: str) -> object:
    """What a recipe makes."""
    return build(compose(recipe, overrides))


def written(folder: Path, texts: Iterable[str]) -> Iterator[Path]:
    """Each text as a recipe in the folder."""
    folder.mkdir(exist_ok=True)
    for number, text in enumerate(texts):
        path = folder / f"{number}.yaml"
        path.write_text(text)
        yield path


def recipes(folder: Path, slots: Sequence[str]) -> int:
    """Calls in a recipe's slots; how many."""
    folder.mkdir()
    (folder / "canary.py").write_text(crafted_recipes.RUNS + "class Thing: ...\ndef run(command): ...\n")
    os.chdir(folder)
    cases = [
        f"{slot}={{_target_: '{target}', command: touch {crafted_checkpoints.CANARY}}}"
        for target in crafted_recipes.TARGETS
        for slot in slots
    ]
    for word in cases:
        refused(word, partial(built, "pets/cartpole", word), RecipeError)
    return len(cases)


def disguises(folder: Path) -> int:
    """disguised classes."""
    folder.mkdir()
    (folder / "own.py").write_text(crafted_recipes.RUNS + crafted_recipes.MODULE.format(planners=CEM))
    os.chdir(folder)
    for target in crafted_recipes.DISGUISES:
        word = f"agent.planner={{_target_: '{target.format(planners=CEM)}', command: ls}}"
        refused(word, partial(built, "pets/cartpole", word), RecipeError)
    return len(crafted_recipes.DISGUISES)


def texts(folder: Path) -> int:
    """recipes that resolve, unfold or never end."""
    resolvers = [f"{PLAIN}environment: {{options: {{x: '{text}'}}}}" for text in crafted_recipes.RESOLVERS]
    numbers = [f"{PLAIN}agent: {{planner: {{candidates: {text}}}}}" for text in crafted_recipes.UNENDING]
    nested = [f"{PLAIN}environment: {{options: {{x: {text}}}}}" for text in crafted_recipes.NESTED]
    cases = [*resolvers, *numbers, *nested, crafted_recipes.alias_bomb()]
    for path in written(folder, cases):
        refused(path.read_text(), partial(built, path), RecipeError)
    return len(cases)


def foreign(folder: Path) -> int:
    """recipes from elsewhere that name something of this machine."""
    texts = [text if "defaults" in text else PLAIN + text for text in crafted_recipes.FOREIGN]
    paths = list(written(folder, texts))
    (folder / "own.yaml").write_text("seed: 1\n")
    (folder / "at_home.py").write_text(f"{crafted_recipes.RUNS}from {CEM} import CEM\nclass Own(CEM): ...\n")
    os.chdir(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        for path in paths:
            url = f"http://127.0.0.1:{server.server_address[1]}/{path.name}"
            refused(path.read_text(), partial(built, url), RecipeError)
    finally:
        server.shutdown()
        server.server_close()
    return len(paths)


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, and does not say what it was asked for."""

    def log_message(self, *said: object) -> None: ...


def gifts(folder: Path) -> int:
    """run folders that bring code."""
    code = f"{crafted_recipes.RUNS}from {CEM} import CEM\nclass Own(CEM): ...\n"
    for number, (what, text) in enumerate(crafted_recipes.RUN.items()):
        here = folder / str(number)
        for name in ("gift/packed.py", "beside/other.py"):
            (here / name).parent.mkdir(parents=True)
            (here / name).write_text(code)
        (here / "gift/metrics.jsonl").touch()
        (here / "beside/x.yaml").touch()
        (here / "way").symlink_to("gift")
        (here / "linked.py").symlink_to("gift/packed.py")
        (here / "gift/recipe.yaml").write_text(f"# recipe: /proc/self/cwd/beside/x.yaml\n{PLAIN}{text}\n")
        os.chdir(here)
        refused(what, partial(probed, "gift"), RecipeError)
    return len(crafted_recipes.RUN)


def probed(recipe: str) -> None:
    """Builds what a recipe says, and makes its environment once."""
    build(compose(recipe), "environment").native().close()
    built(recipe)


def payloads(folder: Path) -> int:
    """checkpoints with right hashes that call, unfold, or are none."""
    for number, (what, (make, _)) in enumerate(crafted_checkpoints.FILES.items()):
        path = crafted_checkpoints.sealed(folder / f"run{number}/checkpoints/step-10", make())
        refused(what, partial(load, path), WrongCheckpoint)
    return len(crafted_checkpoints.FILES)


def folders(folder: Path) -> int:
    """checkpoint folders that lead elsewhere."""
    for number, (what, (change, _)) in enumerate(crafted_checkpoints.FOLDERS.items()):
        run = folder / f"run{number}"
        path = crafted_checkpoints.genuine(run / "checkpoints/step-10")
        change(path)
        refused(what, partial(load, path), WrongCheckpoint)
        if latest(run, lambda told: None) is not None:
            raise Failed(f"{what} was taken for the newest checkpoint")
    return len(crafted_checkpoints.FOLDERS)


def data(folder: Path) -> int:
    """data sets of objects, bombs, and names that are paths."""
    folder.mkdir()
    for what, (make, _) in crafted_data.ARRAYS.items():
        np.savez(folder / f"{what}.npz", **make())
    crafted_data.unfolding(folder / "unfolds.npz", 220 << 20)
    for number, content in enumerate(crafted_data.NO_ARCHIVES):
        (folder / f"none{number}.npz").write_bytes(content)
    sources = [*map(str, sorted(folder.iterdir())), *crafted_data.NO_NAMES]
    for source in sources:
        refused(source, partial(load_transitions, source), ValueError)
    return len(sources)
