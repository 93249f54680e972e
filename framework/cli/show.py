"""Print a recipe with everything that it includes, or what a class takes.

A recipe is printed as it would be trained, overrides included; the output is a recipe again. For a class or a function
of Fulgurite, such as CEM, its arguments are printed; for a base class, such as Planner, what can stand in its place.
"""

from __future__ import annotations

import argparse
import ast

from ..recipe_error import RecipeError, nearest
from .output import say, say_json, table, trusting


def add(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument(
        "recipe", metavar="RECIPE|CLASS", help="a shipped name, a file, a run folder, an address, or a class"
    )
    parser.add_argument("overrides", nargs="*", default=[], metavar="key=value", help="as for train")
    trusting(parser)
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(given: argparse.Namespace) -> int:
    """Prints YAML or the class's arguments."""
    from ..recipe import compose, to_yaml

    try:
        composed = compose(given.recipe, given.overrides, trust=given.trust)
    except RecipeError:
        if not given.overrides and _class(given.recipe, given.json):
            return 0
        if hint := _nearest_class(given.recipe):
            raise RecipeError(f"{given.recipe}: no recipe and no class of this name{hint}") from None
        raise
    if given.json:
        say_json(composed.tree.root)
    else:
        say(to_yaml(composed).rstrip())
    return 0


def _nearest_class(name: str) -> str:
    """Half a sentence; empty where the name is a path's, or near to no class of ours."""
    from ..recipe_source import Sources

    return nearest(name, Sources().index) if name.isidentifier() else ""


def _class(name: str, as_json: bool) -> bool:
    """Prints a class of ours, if there is one of this name."""
    from ..recipe_classes import Classes
    from ..recipe_kinds import Kinds, Object
    from ..recipe_slot import Slots
    from ..recipe_source import Sources

    sources = Sources()
    found = sources.bare(name)
    if not found:
        return False
    definition, classes, kinds = found[0], Classes(sources), Kinds(sources)
    signature = classes.signature(definition)
    takes = {
        parameter.name: {
            "kind": str(kinds.of(parameter.annotation, parameter.module)),
            "default": None if parameter.default is None else ast.unparse(parameter.default),
            "required": parameter.required,
        }
        for parameter in signature.parameters.values()
    }
    stands_in = Slots(classes).options([Object(definition)]) if definition.is_class else []
    node = definition.node
    said = ast.get_docstring(node) if isinstance(node, ast.ClassDef | ast.FunctionDef) else ""
    if as_json:
        say_json({"name": definition.path, "doc": said, "takes": takes, "classes": stands_in})
        return True
    say(f"{definition.path}\n\n{said or ''}\n")
    if stands_in and stands_in != [definition.name]:
        say("Classes: " + ", ".join(stands_in))
    elif takes:
        table(
            [
                (key, str(one["kind"]), "required" if one["required"] else f"= {one['default']}")
                for key, one in takes.items()
            ]
        )
    return True
