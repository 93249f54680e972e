"""Secrets stay at home: what a recipe says under a telling name, and passwords within addresses, are blanked out."""

import re
from typing import Any

HIDDEN = "<redacted>"
TELLING = {"key", "apikey", "token", "secret", "password", "passwd", "credential"}
TELLING |= {f"{word}s" for word in TELLING - {"key"}}  # `in_keys` and the like are names, not secrets
IN_ADDRESS = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def redact(value: Any, name: str = "") -> Any:
    """A copy of plain containers without secrets.

    A name tells if one of its words does: `wandb_api_key` and `hub.token` do, `monkey` and `tokenizer` do not. An
    interpolation names a secret but does not hold it, so `${...}` stays.
    """
    if isinstance(value, dict):
        return {key: redact(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item, name) for item in value]
    if not isinstance(value, str) or re.fullmatch(r"\$\{[^{}]*\}", value):
        return value
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    if TELLING & {word.lower() for word in words}:
        return HIDDEN
    return IN_ADDRESS.sub(HIDDEN, value)
