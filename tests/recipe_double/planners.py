"""Abstract and final classes, and one that derives from a final one's base at a distance."""

from abc import ABC, abstractmethod


class Planner(ABC):
    def __init__(self, horizon: int = 15) -> None:
        self.horizon = horizon

    @abstractmethod
    def plan(self) -> int: ...


class CEM(Planner):
    def __init__(self, candidates: int = 400, elites: int = 40, horizon: int = 25, alpha: float = 0.1) -> None:
        super().__init__(horizon)
        if elites > candidates:
            raise ValueError(f"need elites <= candidates, got {elites} and {candidates}")
        self.candidates, self.elites, self.alpha = candidates, elites, alpha

    def plan(self) -> int:
        return self.candidates


class RandomShooting(Planner):
    def __init__(self, candidates: int, **rest: int) -> None:
        super().__init__(**rest)
        self.candidates = candidates

    def plan(self) -> int:
        return self.candidates


class Still(Planner):
    """Takes what its base takes."""

    def plan(self) -> int:
        return 0
