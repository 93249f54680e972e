"""What a wrong recipe says: a line a problem, with file, key, what was expected, what came, the nearest right name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# An installable extra for each package that we need only sometimes.
EXTRAS = {
    "mujoco": "mujoco",
    "dm_control": "dmc",
    "minari": "offline",
    "h5py": "offline",
    "ray": "ray",
    "submitit": "slurm",
    "optuna": "sweep",
    "huggingface_hub": "hub",
    "tensorboard": "tensorboard",
}


class RecipeError(ValueError):
    """A recipe that cannot be built. `problems` holds one line each; the text is these lines."""

    def __init__(self, *problems: str):
        self.problems = [printable(" ".join(problem.split())) for problem in problems]
        super().__init__("\n".join(self.problems))


class MissingExtra(ImportError):
    """A recipe that needs a package which is not installed; the text holds the pip command."""

    def __init__(self, package: str):
        self.package = package
        extra = EXTRAS[package]
        super().__init__(f"this needs {package}, which is not installed: pip install 'fulgurite[{extra}]'")


class Unfit(ValueError):
    """What a part needs to know of the environment makes no sense there; who builds the part names it."""


def printable(text: str) -> str:
    """The text with everything that would steer a terminal written out: escape codes, reversed writing."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def plain(name: str) -> str:
    """A name as it is compared: RandomShooting, random_shooting and random-shooting are one."""
    return name.replace("_", "").replace("-", "").lower()


def nearest(word: str, names: Iterable[str], listing: str = "") -> str:
    """`; did you mean 'candidates'?`, or where nothing is near and `listing` is given, `; <listing> a, b, c`."""
    known = {plain(name): name for name in sorted(names)}
    found = difflib.get_close_matches(plain(word), known, n=1, cutoff=0.6)
    if found:
        return f"; did you mean '{known[found[0]]}'?"
    return f"; {listing} {', '.join(sorted(known.values()))}" if listing and 0 < len(known) <= 12 else ""


def shown(value: object) -> str:
    """A value as an error quotes it: YAML's words, short."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping with " + ", ".join(map(repr, list(value)[:4])) if value else "an empty mapping"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
