"""A run's recipe as it can be given away: what it builds stays, what is of this machine or nobody's business goes.

loggers, and callbacks of the user's own      left out: the agent acts without
a path, the name of another machine           left out with the smallest part that can be, else `???`
secrets, and places of this machine in texts  `???`: whoever builds it must give them
variables of the environment                  what they stood for; `???` where they tell of user or machine
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..recipe import Composed, compose, planned, to_yaml
from ..recipe_check import Check
from ..recipe_foreign import HOSTS
from ..recipe_plan import Leaf, Node, Plan, children
from ..redact import HIDDEN, redact

GIVEN = "???"  # a recipe's word for what must be given
VARIABLE = "oc.env:"
PRIVATE = re.compile(VARIABLE + r"\s*(USER|LOGNAME|HOSTNAME)\b")
KEPT = ("agent", "environment")
PLACE = re.compile(r"[/~]|[A-Za-z]:[\\/]|\\\\")


def shared_recipe(run: Path) -> tuple[str, list[str]]:
    """The text of a run's recipe without what stays at home, and the keys of that.

    Raises:
        RecipeError: for a recipe that is wrong.
    """
    composed = compose(str(run))
    walk, _ = planned(composed)
    root = composed.tree.root
    removed = ["logger"] if root.pop("logger", None) else []
    removed += [put(root, key, None) for key in foreign_callbacks(walk)]
    for key, part in list(parts_with_paths(walk)):
        removed.append(put(root, part, None) if part else put(root, key, GIVEN))
    blanked = [key for key, value in blank(composed, root, redact(root), "") if value == GIVEN]
    name = composed.file.name if composed.file.shipped else composed.file.path.stem
    composed.file = replace(composed.file, origin=name)
    composed.tree.variables.taken.clear()
    return to_yaml(composed), sorted({*removed, *blanked})


def foreign_callbacks(walk: Check) -> list[str]:
    """The keys of callbacks that are not ours."""
    ours = walk.sources.is_ours
    return [
        key
        for key, node in walk.nodes.items()
        if re.fullmatch(r"callbacks\.\w+", key) and not ours(node.definition.module)
    ]


def parts_with_paths(walk: Check) -> Iterator[tuple[str, str]]:
    """The keys of paths and of other machines, each with that of the smallest part around it that its owner can do
    without, or nothing.
    """
    for node in walk.nodes.values():
        for name, plan in node.arguments.items():
            host = (node.definition.name, name) in HOSTS
            if any((leaf.path or host) and leaf.value is not None for leaf in leaves(plan)):
                yield f"{node.key}.{name}".lstrip("."), removable(walk, node, name)


def removable(walk: Check, node: Node, name: str) -> str:
    """The key of an argument, or of the first part around it, that is not required; empty where all are.

    Agent and environment are never cut.
    """
    while True:
        parameter = walk.classes.signature(node.definition).parameters.get(name)
        if parameter is None or not parameter.required:
            return f"{node.key}.{name}".lstrip(".")
        parent, _, name = node.key.rpartition(".")
        if parent not in walk.nodes or parent.partition(".")[0] in KEPT:
            return ""
        node = walk.nodes[parent]


def leaves(plan: Plan) -> Iterator[Leaf]:
    """The values below, as far as the next node."""
    if isinstance(plan, Leaf):
        yield plan
    elif not isinstance(plan, Node):
        for child in children(plan):
            yield from leaves(child)


def put(root: dict[str, Any], key: str, value: Any) -> str:
    """Sets a key, or takes it out for None; it may be gone with one above it. Returns the key."""
    *above, last = key.split(".")
    node: Any = root
    for name in above:
        node = node.get(name, {}) if isinstance(node, dict) else {}
    if isinstance(node, dict) and last in node:
        node.pop(last) if value is None else node.update({last: value})
    return key


def blank(composed: Composed, value: Any, redacted: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Replaces texts in place that stay at home; gives all texts as they are then, by key."""
    names = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in list(names):
        below = f"{key}.{name}".lstrip(".")
        if isinstance(inner, dict | list) and isinstance(redacted[name], type(inner)):
            yield from blank(composed, inner, redacted[name], below)
        elif redacted[name] != inner:
            value[name] = GIVEN
            yield below, GIVEN
        elif isinstance(inner, str):
            value[name] = given_away(composed, inner)
            yield below, value[name]


def given_away(composed: Composed, text: str) -> Any:
    """A text as others may see it."""
    if VARIABLE in text:
        return GIVEN if PRIVATE.search(text) else composed.tree.interpolated(text)
    return GIVEN if PLACE.match(text) or HIDDEN in text else text
