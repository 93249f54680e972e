"""How many updates are due after a collection."""


class Schedule:
    """A fixed number of updates for each environment step, with an early end once the model stops improving.

    Args:
        updates_per_env_step: may be a fraction; the remainder is carried over.
        first_updates: due after the first collection instead, since a model that was never fitted needs more.
        patience: epochs without a better validation score after which the rest is dropped; None for never.
        improvement: by which share a score must fall to count as better.

    Raises:
        ValueError: for a negative number.
    """

    def __init__(
        self,
        updates_per_env_step: float = 2.0,
        first_updates: int = 1000,
        patience: int | None = None,
        improvement: float = 0.01,
    ) -> None:
        if min(updates_per_env_step, first_updates, improvement) < 0 or (patience is not None and patience < 1):
            raise ValueError(
                "need updates_per_env_step, first_updates, improvement >= 0 and patience >= 1 or none, got "
                f"{updates_per_env_step}, {first_updates}, {improvement} and {patience}"
            )
        self.updates_per_env_step = updates_per_env_step
        self.first_updates = first_updates
        self.patience = patience
        self.improvement = improvement
        self.owed = 0.0  # updates
        self.started = False
        self.best = float("inf")
        self.worse_epochs = 0

    def collected(self, env_steps: int) -> None:
        """New experience came in: updates fall due."""
        self.owed += self.updates_per_env_step * env_steps if self.started else self.first_updates
        self.started = True
        self.best, self.worse_epochs = float("inf"), 0

    def updated(self, updates: int) -> None:
        """So many updates were made."""
        self.owed -= updates

    def validated(self, score: float) -> None:
        """An epoch was validated with this score, lower is better."""
        if self.patience is None:
            return
        better = score < self.best - self.improvement * abs(self.best) if self.best < float("inf") else True
        self.best, self.worse_epochs = (score, 0) if better else (self.best, self.worse_epochs + 1)
        if self.worse_epochs >= self.patience:
            self.owed = min(self.owed, 0.0)

    def due(self, updates: int) -> bool:
        """Whether another epoch of so many updates is due: at least half of it is owed."""
        return self.owed >= 0.5 * updates

    def state_dict(self) -> dict[str, float | bool | int]:
        return {"owed": self.owed, "started": self.started, "best": self.best, "worse_epochs": self.worse_epochs}

    def load_state_dict(self, state: dict[str, float | bool | int]) -> None:
        self.owed, self.started = float(state["owed"]), bool(state["started"])
        self.best, self.worse_epochs = float(state["best"]), int(state["worse_epochs"])
