"""A policy as it was before a collection, which may be given up: its chance, and what it learns as it acts."""

from collections.abc import Mapping
from typing import Any

from .play import Behaviour


class Remembered:
    """What collecting changes in a policy.

    Args:
        policy: as it is now.
    """

    def __init__(self, policy: Behaviour) -> None:
        self.policy = policy
        self.chance = policy.generator.get_state()
        self.learned: Mapping[str, Any] | None = None
        if policy.observes:
            self.learned = {name: value.clone() for name, value in policy.state_dict().items()}

    def put_back(self) -> None:
        """Makes the policy again what it was."""
        self.policy.generator.set_state(self.chance)
        if self.learned is not None:
            self.policy.load_state_dict(self.learned)
