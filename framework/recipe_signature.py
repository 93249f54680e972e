"""Reads what a function or a constructor takes from its source; `recipe_classes` adds what the bases take."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from .recipe_module import Definition, Module


@dataclass(frozen=True)
class Parameter:
    """One argument: its annotation as written, the module in which to read that, and its default as written."""

    name: str
    annotation: ast.expr | None
    module: Module
    default: ast.expr | None

    @property
    def required(self) -> bool:
        return self.default is None


@dataclass
class Signature:
    """What can be given by keyword.

    `positional` names what can also be given by position, in order; `open` means that `**kwargs` takes any further
    keyword; `fixed` are arguments of a base that the class itself gives, so that a recipe cannot.
    """

    positional: list[str] = field(default_factory=list)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    open: bool = False
    fixed: set[str] = field(default_factory=set)

    def add(self, parameters: dict[str, Parameter]) -> None:
        """Adds a base's arguments behind those that are there."""
        for name, parameter in parameters.items():
            if name not in self.fixed:
                self.parameters.setdefault(name, parameter)


def of_function(function: ast.FunctionDef, module: Module, skip: int) -> Signature:
    """A function's signature; `skip` leaves out `self`. Arguments by position alone cannot be named in a recipe."""
    arguments = function.args
    by_position = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(by_position) - len(arguments.defaults)) + arguments.defaults
    signature = Signature([argument.arg for argument in by_position[skip:]], open=arguments.kwarg is not None)
    named = [*zip(by_position, defaults, strict=True)][max(skip, len(arguments.posonlyargs)) :]
    for argument, default in [*named, *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]:
        signature.parameters[argument.arg] = Parameter(argument.arg, argument.annotation, module, default)
    return signature


def given_to_base(constructor: ast.FunctionDef) -> set[str] | None:
    """The keywords that a constructor gives to its base's beside `**kwargs`; None where `**kwargs` goes elsewhere."""
    assert constructor.args.kwarg is not None
    for call in ast.walk(constructor):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "__init__"):
            continue
        spread = [word.value.id for word in call.keywords if word.arg is None and isinstance(word.value, ast.Name)]
        if constructor.args.kwarg.arg in spread:
            return {word.arg for word in call.keywords if word.arg is not None}
    return None


def constructor_of(cls: ast.ClassDef) -> ast.FunctionDef | None:
    found = [one for one in cls.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
    written = [one for one in found if not is_decorated(one, "overload")]
    return written[-1] if written else None


def is_record(cls: ast.AST) -> bool:
    """A dataclass or a NamedTuple: its annotated fields are its arguments."""
    assert isinstance(cls, ast.ClassDef)
    return is_decorated(cls, "dataclass") or any(last_name(base) == "NamedTuple" for base in cls.bases)


def fields_of(cls: Definition) -> dict[str, Parameter]:
    assert isinstance(cls.node, ast.ClassDef)
    fields = {}
    for statement in cls.node.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
                words = {}
                if isinstance(value, ast.Call) and last_name(value.func) == "field":
                    words = {word.arg: word.value for word in value.keywords}
                    value = words.get("default") or words.get("default_factory")
                init = words.get("init")
                hidden = isinstance(init, ast.Constant) and init.value is False
                if not hidden and last_name(annotation) not in {"ClassVar", "KW_ONLY"}:
                    fields[name] = Parameter(name, annotation, cls.module, value)
    return fields


def bound_by(statement: ast.stmt, annotated: bool = False) -> list[str]:
    """The names that a statement of a class body binds; `annotated`: or only declares."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name), value=value) if annotated or value is not None:
            return [name]
    return []


def set_by(constructor: ast.FunctionDef | None) -> set[str]:
    """The attributes that a constructor assigns."""
    nodes = ast.walk(constructor) if constructor is not None else ()
    return {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}


def is_decorated(node: ast.ClassDef | ast.FunctionDef, name: str) -> bool:
    return any(last_name(decorator) == name for decorator in node.decorator_list)


def last_name(expression: ast.expr) -> str:
    """`dataclass` of `@dataclasses.dataclass(frozen=True)`, `ClassVar` of `typing.ClassVar[int]`."""
    while isinstance(expression, ast.Call | ast.Subscript):
        expression = expression.func if isinstance(expression, ast.Call) else expression.value
    match expression:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
