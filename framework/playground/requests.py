"""What a page may ask of a session: words and plain numbers in, plain numbers out. Everything is checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .session import Refused, Session

KNOWN = {
    "state": (), "reset": ("seed",), "step": ("at", "action"), "imagine": ("at", "way", "action", "entry"),
}  # fmt: skip


class Requests:
    """Answers them.

    Args:
        session: which they are about.
        about: what the page's head says of it.
    """

    def __init__(self, session: Session, about: Mapping[str, Any]) -> None:
        self.session, self.about = session, dict(about)

    def answer(self, verb: str, given: Any) -> dict[str, Any]:
        """The answer.

        Raises:
            Refused: for what cannot be had.
        """
        if verb not in KNOWN:
            raise Refused(f"expected one of {', '.join(KNOWN)}, got {verb!r}")
        if not isinstance(given, dict) or not set(given) <= set(KNOWN[verb]):
            raise Refused(f"{verb}: expected an object with {' and '.join(KNOWN[verb]) or 'nothing'}, got {given!r}")
        session = self.session
        if verb == "state":
            return self.whole()
        if verb == "reset":
            session.reset(whole(given, "seed"))
            return self.whole()
        action = numbers(given, "action")
        if verb == "step":
            session.step(whole(given, "at"), action)
            return {"moments": [session.told(step) for step in range(whole(given, "at"), len(session.moments))]}
        return session.imagine(whole(given, "at"), given.get("way", "agent"), action, whole(given, "entry", 0))

    def whole(self) -> dict[str, Any]:
        """All that a page needs that knows nothing yet."""
        session, environment = self.session, self.session.environment
        return {
            "about": self.about,
            "seed": session.seed,
            "starts": session.evaluation.seeds,
            "discrete": environment.discrete_actions,
            "actions": environment.action_size,
            "draws": session.stage.draw,
            "unable": session.unable,
            "entries": session.entries.names,
            "left_out": session.entries.left_out,
            "pictures": session.entries.pictures,
            "model": session.imagined.has_model,
            "moments": [session.told(step) for step in range(len(session.moments))],
        }


def whole(given: Mapping[str, Any], name: str, default: int | None = None) -> int:
    """A whole number.

    Raises:
        Refused: for anything else.
    """
    value = given.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refused(f"{name}: expected a whole number, got {value!r}")
    return value


def numbers(given: Mapping[str, Any], name: str) -> list[float] | None:
    """A list of numbers, or None.

    Raises:
        Refused: for anything else.
    """
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(x, int | float) and not isinstance(x, bool) for x in value):
        raise Refused(f"{name}: expected a list of numbers or null, got {value!r}")
    return value
