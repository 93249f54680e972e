"""Checks a composed recipe against the signatures that its classes have in source; nothing is imported.

The walk starts at the root class and goes down: a key must be an argument, its value must be of the kind that the
argument's annotation says, and a node must name a class that its slot takes. The result is the plan that `recipe_build`
carries out.
"""

from __future__ import annotations

from typing import Any

from .recipe_classes import Classes
from .recipe_error import RecipeError, nearest, shown
from .recipe_kinds import ANY, Choice, Function, Items, Kind, Kinds, Object, Table, Value, members
from .recipe_module import Definition
from .recipe_plan import Listing, Mapping, Node, Plan, Shared, children, leaf
from .recipe_problems import Problems
from .recipe_signature import Parameter
from .recipe_slot import Slot, Slots
from .recipe_tree import NAME, PARTIAL, TARGET, Swap, Tree, Unresolved, referred

# filled from the environment
SIZES = ("observation_shape", "observation_size", "discrete_observations", "action_size", "discrete_actions")
Group = dict[Any, Any] | list[Any]


class Check:
    """One walk over a tree. It puts nodes in the place of bare names (`planner: cem`), the one change that it makes.

    Attributes:
        problems: what is wrong.
        nodes: every node by its key.
    """

    def __init__(self, tree: Tree, classes: Classes):
        self.tree, self.sources, self.classes = tree, classes.sources, classes
        self.kinds, self.slots = Kinds(classes.sources), Slots(classes)
        self.problems = Problems(tree)
        self.nodes: dict[str, Node] = {}
        self._shared: list[tuple[Shared, Kind, str]] = []
        self._unknown: list[tuple[Node, str]] = []

    def run(self) -> Node:
        """The plan of the whole recipe; what is wrong stands in `problems`."""
        root = self.sources.dotted(self.sources.root)
        if not isinstance(root, Definition):
            raise RecipeError(f"{self.sources.root}: {root}")
        node = Node("", self.tree.origin(""), root, Object(root))
        for key in (TARGET, PARTIAL):
            if key in self.tree.root:
                self._problem(key, f"a recipe's top level is always {root.name}")
        self._fill(node, self.tree.root)
        for shared, kind, key in self._shared:  # grows while plain containers that are shared are walked
            self._share(shared, kind, key)
        for owner, name in self._unknown:
            self._unknown_key(owner, name)
        if not self.problems.lines() and (loop := _loop(node, self.nodes, [])):
            self._problem(loop, f"${{{loop}}} leads back into itself")
        return node

    def _problem(self, key: str, text: str) -> Plan | None:
        """Notes what is wrong; there is no plan then."""
        self.problems.add(key, text)
        return None

    # ------------------------------------------------------------------ values

    def _walk(self, group: Group, name: Any, kind: Kind, key: str) -> Plan | None:
        """The plan of `group[name]` for a slot of this kind, None where something is wrong with it."""
        value = group[name] = self._settled(group[name], kind)
        if isinstance(value, str) and "${" in value:
            return self._reference(value, kind, key)
        if isinstance(value, dict):
            return self._mapping(value, kind, key)
        if isinstance(value, list):
            return self._listing(value, kind, key)
        return self._leaf(value, kind, key, self.tree.texts.get(key))

    def _settled(self, value: Any, kind: Kind) -> Any:
        """A bare name in a slot for objects becomes a node with those of the earlier keys that its class takes."""
        slots = _slots(kind)
        if not isinstance(value, str) or not slots or not NAME.fullmatch(value) or leaf(value, kind) is not None:
            return str(value) if isinstance(value, Swap) else value
        found = self.slots.named(value, slots)
        if isinstance(found, str):
            return str(value)
        definition, _ = found
        signature = self.classes.signature(definition)
        old = value.old if isinstance(value, Swap) else {}
        kept = {name: inner for name, inner in old.items() if name in signature.parameters or name == PARTIAL}
        return {TARGET: str(value) if "." in value else definition.name, **kept}

    def _leaf(self, value: Any, kind: Kind, key: str, text: str | None) -> Plan | None:
        if value == "???":
            return self._problem(key, f"this must be given: {kind}")
        found = leaf(value, kind, text)
        if found is not None:
            return found
        slots = _slots(kind)
        if slots and isinstance(value, str):
            named = self.slots.named(value, slots)
            return self._problem(key, named if isinstance(named, str) else f"expected {kind}, got {shown(value)}")
        options = [str(option) for one in members(kind) if isinstance(one, Choice) for option in one.options]
        hint = nearest(str(value), options) if options else ""
        if isinstance(value, bool | int | float) and any(one == Value("str") for one in members(kind)):
            hint = "; put it in quotes"
        return self._problem(key, f"expected {kind}, got {shown(value)}{hint}")

    def _listing(self, value: list[Any], kind: Kind, key: str) -> Plan | None:
        for one in members(kind):
            if isinstance(one, Items) and (not one.fixed or len(one.kinds) == len(value)):
                kinds = one.kinds if one.fixed else one.kinds * len(value)
                plans = [self._walk(value, place, inner, f"{key}.{place}") for place, inner in enumerate(kinds)]
                return Listing([plan for plan in plans if plan is not None], one.as_tuple)
            if one == ANY:
                plans = [self._walk(value, place, ANY, f"{key}.{place}") for place in range(len(value))]
                return Listing([plan for plan in plans if plan is not None])
        return self._problem(key, f"expected {kind}, got a list of {len(value)}")

    def _mapping(self, value: dict[Any, Any], kind: Kind, key: str) -> Plan | None:
        table = next((one for one in members(kind) if isinstance(one, Table) or one == ANY), None)
        slots = _slots(kind)
        if TARGET not in value and table is not None:
            item = table.item if isinstance(table, Table) else ANY
            if isinstance(item, Object):  # a named map of objects: null removes one
                for name in [name for name, inner in value.items() if inner is None]:
                    del value[name]
            plans = {name: self._walk(value, name, item, f"{key}.{name}") for name in list(value)}
            return Mapping({name: plan for name, plan in plans.items() if plan is not None})
        if slots:
            return self._node(value, slots, key)
        got = f"an object ({TARGET}: {value[TARGET]})" if TARGET in value else shown(value)
        return self._problem(key, f"expected {kind}, got {got}")

    # ------------------------------------------------------------------ nodes

    def _node(self, value: dict[Any, Any], slots: list[Slot], key: str) -> Plan | None:
        if TARGET in value:
            found = self.slots.named(value[TARGET], slots)
            if isinstance(found, str):
                return self._problem(f"{key}.{TARGET}", found)
            definition, slot = found
        else:
            implied = self.slots.implied(slots)
            if implied is None:
                hint = self.slots.hint("", slots)
                return self._problem(key, f"expected {self.slots.wanted(slots)}, got no {TARGET}{hint}")
            definition, slot = implied, slots[0]
        if PARTIAL in value and (not isinstance(slot, Object) or not slot.open or value[PARTIAL] is not True):
            opened = isinstance(slot, Object) and slot.open
            text = "is always true here" if opened else f"is for slots of open classes; this one takes {slot}"
            return self._problem(f"{key}.{PARTIAL}", f"{PARTIAL} {text}")
        node = Node(key, self.tree.origin(key), definition, slot)
        self.nodes[key] = node
        self._fill(node, value)
        return node

    def _fill(self, node: Node, value: dict[Any, Any]) -> None:
        """Walks a node's keys as the arguments of its class."""
        signature = self.classes.signature(node.definition)
        takes = self._takes(node)
        for name in [name for name in value if name not in (TARGET, PARTIAL)]:
            key = f"{node.key}.{name}" if node.key else str(name)
            parameter = takes.get(name)
            if parameter is None and (not signature.open or name in signature.fixed):
                self._unknown.append((node, str(name)))
                continue
            kind = ANY if parameter is None else self.kinds.of(parameter.annotation, parameter.module)
            plan = self._walk(value, name, kind, key)
            if plan is not None:
                node.arguments[name] = plan
        if isinstance(node.kind, Object) and node.kind.open:
            return
        left = [parameter for name, parameter in takes.items() if name not in value]
        node.sizes += [parameter.name for parameter in left if parameter.name in SIZES]
        for parameter in left:
            if parameter.required and parameter.name not in SIZES:
                kind = self.kinds.of(parameter.annotation, parameter.module)
                self._problem(node.key, f"{node.definition.name} needs '{parameter.name}' ({kind})")

    def _takes(self, node: Node) -> dict[str, Parameter]:
        """The arguments that a recipe can give: without those that a function's caller gives."""
        given = node.kind.arguments if isinstance(node.kind, Function) else ()
        parameters = self.classes.signature(node.definition).parameters
        return {name: parameter for name, parameter in parameters.items() if name not in given}

    def _unknown_key(self, node: Node, name: str) -> None:
        """The nearest right name is one of the same class, else the same name at a node below that takes it."""
        key, takes = f"{node.key}.{name}" if node.key else name, self._takes(node)
        hint = nearest(name, takes)
        below = [other for other in self.nodes.values() if not node.key or other.key.startswith(node.key + ".")]
        takers = [f"{other.key}.{name}" for other in below if name in self._takes(other)]
        if not hint and takers:
            hint = f"; did you mean '{takers[0]}'?"
        self._problem(key, f"{node.definition.name} takes no '{name}'" + (hint or nearest(name, takes, "it takes")))

    # ------------------------------------------------------------------ ${references}

    def _reference(self, text: str, kind: Kind, key: str) -> Plan | None:
        path = referred(text)
        if path:
            self.problems.refers(key, path)
        try:
            found, value = self.tree.find(path) if path else ("", self.tree.interpolated(text))
        except Unresolved as error:
            hint = "" if error.path is None else self.tree.hint(error.path, but=key)
            return self._problem(key, f"{error}{hint}")
        if not isinstance(value, dict | list):
            return self._leaf(value, kind, key, str(value))
        if f"{key}.".startswith(f"{found}."):
            return self._problem(key, f"{text} contains this key itself")
        shared = Shared(found)
        self._shared.append((shared, kind, key))
        return shared

    def _share(self, shared: Shared, kind: Kind, key: str) -> None:
        """Checks once all nodes are known that what stands at the shared key is of the kind wanted here."""
        node = self.nodes.get(shared.key)
        if node is None:
            shared.plan = self._walk({0: self.tree.find(shared.key)[1]}, 0, kind, shared.key)
            return
        for slot in _slots(kind):
            opened = isinstance(slot, Object) and slot.open
            if opened == (isinstance(node.kind, Object) and node.kind.open) and self.slots.fits(node.definition, slot):
                return
        self._problem(key, f"expected {kind}, got ${{{shared.key}}}, which is {node.definition.name}")


def _slots(kind: Kind) -> list[Slot]:
    return [one for one in members(kind) if isinstance(one, Object | Function)]


def _loop(plan: Plan, nodes: dict[str, Node], above: list[str]) -> str | None:
    """The key of a node that is among its own arguments."""
    if isinstance(plan, Shared) and plan.plan is None:
        plan = nodes[plan.key]
    if isinstance(plan, Node):
        if plan.key in above:
            return plan.key
        above = [*above, plan.key]
    return next((loop for child in children(plan) if (loop := _loop(child, nodes, above))), None)
