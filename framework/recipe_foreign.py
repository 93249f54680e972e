"""What a recipe from elsewhere may say: it names our classes and plain values, and nothing of this machine.

A recipe in a file of one's own may name any class that its slots take, hence have any module imported that is installed
or lies in the working folder. One that was fetched may not, unless `--trust` is given. That of a run may be somebody
else's with the rest of its folder, from which nothing is imported.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .recipe_plan import Leaf, Node, Plan, children
from .recipe_source import Sources
from .recipe_tree import TARGET

TRAINER = "pytorch_lightning.trainer.trainer.Trainer"  # the one class of others' that a recipe needs
_PLACE = re.compile(r"[/\\:]|^[~.]")
HOSTS = {("RayWorkers", "address")}  # arguments that name another machine
# Arguments of ours, and of the trainer, that reach further than their class: what may not be given, and why.
_REFUSED: dict[tuple[str, str], tuple[Callable[[Any], bool], str]] = {
    ("Environment", "id"): (lambda id: ":" in str(id), "has a module imported"),
    ("Environment", "options"): (lambda text: bool(_PLACE.search(str(text))), "names a place on this machine"),
    ("Trainer", "strategy"): (lambda name: not str(name).startswith(("auto", "ddp")), "is not auto or ddp"),
    ("Wandb", "entity"): (lambda entity: entity is not None, "sends results to somebody's account"),
    ("Wandb", "mode"): (lambda mode: mode == "online", "sends results away"),
}
# The other arguments that a text may be given to: none of them reaches further than its class, whatever it says.
_PLAIN = {"activation", "camera", "device", "lake", "learned", "per", "precision"}
_PLAIN |= {f"Trainer.{name}" for name in ("accelerator", "devices", "max_time", "profiler", "val_check_interval")}
_PLAIN |= {f"Wandb.{name}" for name in ("group", "job_type", "name", "project", "tags")}


def brought(nodes: Iterable[Node], sources: Sources, origin: Callable[[str], str]) -> list[str]:
    """The environments of a checked recipe whose module lies in the folder of its run, a line each."""
    ids = (
        (f"{node.key}.id", str(leaf.value)) for node in nodes for leaf in _leaves(node.arguments.get("id", Leaf("")))
    )
    return [
        f"{origin(key)}: {key}: the module '{module}' is in the folder of the run, where none is looked for"
        for key, (module, colon, _) in ((key, id.partition(":")) for key, id in ids)
        if colon and sources.is_closed(module)
    ]


def refused(nodes: Iterable[Node], sources: Sources, origin: Callable[[str], str], own: str) -> list[str]:
    """What a checked recipe may not say if it comes from elsewhere, a line each.

    Args:
        nodes: all that it builds.
        sources: where their classes were found.
        origin: which layer set a key.
        own: the layer that is the user's: what it sets is not asked.
    """
    found = ((f"{node.key}.{name}".lstrip("."), said) for node in nodes for name, said in _of(node, sources))
    return [
        f"{origin(key)}: {key}: {said}; a recipe from elsewhere may not, unless --trust is given"
        for key, said in found
        if origin(key) != own
    ]


def _of(node: Node, sources: Sources) -> Iterator[tuple[str, str]]:
    definition = node.definition
    ours = sources.is_ours(definition.module)
    if not ours and definition.path != TRAINER:
        yield TARGET, f"{definition.path} is not of Fulgurite"
    for name, plan in node.arguments.items():
        wrong, why = _REFUSED.get((definition.name, name), (None, ""))
        values = [leaf for leaf in _leaves(plan) if leaf.value is not None]
        if any(leaf.path for leaf in values):
            yield name, "names a place on this machine"
        elif (definition.name, name) in HOSTS and values:
            yield name, "names another machine"
        elif wrong is not None:
            if any(wrong(leaf.value) for leaf in values):
                yield name, why
        elif _PLAIN.isdisjoint((name, f"{definition.name}.{name}")) and any(_is_text(leaf) for leaf in values):
            yield name, "may name something of this machine"


def _is_text(leaf: Leaf) -> bool:
    return isinstance(leaf.value, str) and not leaf.chosen


def _leaves(plan: Plan) -> Iterator[Leaf]:
    """The values below, as far as the next node."""
    if isinstance(plan, Leaf):
        yield plan
    elif not isinstance(plan, Node):
        for child in children(plan):
            yield from _leaves(child)
