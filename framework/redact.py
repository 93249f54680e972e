"""Secrets stay at home: what a recipe says under a telling name, and passwords within addresses, are blanked out."""

import re
from collections.abc import Iterator
from typing import Any

HIDDEN = "<redacted>"
TELLING = {"key", "apikey", "token", "secret", "password", "passwd", "credential"}
TELLING |= {f"{word}s" for word in TELLING - {"key"}}  # `in_keys` and the like are names, not secrets
UNCOUNTED = {"password", "passwords", "passwd", "secret", "secrets"}
VARIABLES = re.compile(r"# recipe: .*\n# variables: (.*)\n")  # as a run's recipe begins: what it took from them
IN_ADDRESS = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def redact(value: Any, name: str = "") -> Any:
    """A copy of plain containers without secrets.

    A name tells if one of its words does: `wandb_api_key` and `hub.token` do, `monkey` and `tokenizer` do not; what
    stands below a telling name is told of, too. Numbers stay (`tokens: 512`), but for passwords. An interpolation names
    a secret but does not hold it, so `${...}` stays.
    """
    if isinstance(value, dict):
        above = name if _words(name) & TELLING else ""
        return {key: redact(item, f"{above}_{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item, name) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool) and _words(name) & UNCOUNTED:
        return HIDDEN
    if not isinstance(value, str) or re.fullmatch(r"\$\{[^{}]*\}", value):
        return value
    return HIDDEN if _words(name) & TELLING else IN_ADDRESS.sub(HIDDEN, value)


def without_secrets(text: str, said: Any) -> str:
    """A text in which the secrets of plain containers are blanked out, and passwords within addresses."""
    for secret in sorted(set(_secrets(said, redact(said))), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return IN_ADDRESS.sub(HIDDEN, text)


def _secrets(value: Any, blanked: Any) -> Iterator[str]:
    """The texts that were blanked out."""
    if isinstance(value, dict) and isinstance(blanked, dict):
        for key in value:
            yield from _secrets(value[key], blanked.get(key))
    elif isinstance(value, list) and isinstance(blanked, list):
        for one, other in zip(value, blanked, strict=True):
            yield from _secrets(one, other)
    elif blanked == HIDDEN and len(str(value)) > 3:
        yield str(value)


def _words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}
