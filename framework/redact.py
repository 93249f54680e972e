"""Secrets stay at home: what a recipe says under a telling name, and passwords within addresses, are blanked out."""

import re
from typing import Any

HIDDEN = "<redacted>"
TELLING = {"key", "apikey", "token", "secret", "password", "passwd", "credential"}
TELLING |= {f"{word}s" for word in TELLING - {"key"}}  # `in_keys` and the like are names, not secrets
UNCOUNTED = {"password", "passwords", "passwd", "secret", "secrets"}
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


def _words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}
