"""How many faults of its environments a run survives: so many within so many steps, counted, so that a run repeats."""

import logging
from typing import Any

from .episodes import EnvironmentFault

WINDOW = 10_000  # environment steps

log = logging.getLogger(__name__)


class FaultLimit:
    """Counts environment steps and faults.

    Args:
        limit: faults that are survived within the last `WINDOW` environment steps.

    Attributes:
        steps: environment steps so far.
        total: faults survived so far.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.steps = 0
        self.total = 0
        self._recent: list[int] = []  # the step of each survived fault within the window

    def stepped(self, steps: int) -> None:
        """So many environment steps were made."""
        self.steps += steps

    def survive(self, fault: EnvironmentFault, so: str) -> None:
        """Notes a fault and warns: `so` says what becomes of it.

        Raises:
            EnvironmentFault: one fault too many, with how many they are.
        """
        recent = [step for step in self._recent if step > self.steps - WINDOW]
        said = f"fault {len(recent) + 1} within {WINDOW:,} environment steps, environment.max_faults is {self.limit}"
        if len(recent) >= self.limit:
            beyond = EnvironmentFault(fault.id, fault.seed, fault.step, f"{fault.problem} ({said})")
            raise beyond from fault.__cause__
        self._recent = [*recent, self.steps]
        self.total += 1
        log.warning("%s (%s). %s", fault, said, so)

    def state(self) -> dict[str, Any]:
        """Plain numbers, for `restore`."""
        return {"steps": self.steps, "total": self.total, "recent": list(self._recent)}

    def restore(self, state: dict[str, Any]) -> None:
        """Takes what `state` gave."""
        self.steps, self.total = int(state["steps"]), int(state["total"])
        self._recent = list(state["recent"])
