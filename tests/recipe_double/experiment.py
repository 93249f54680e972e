"""The root of the double's recipes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from . import planners
from .deep import Acts, Model
from .planners import Planner


class Environment:
    def __init__(self, id: str, sizes: int = 3, options: dict[str, object] | None = None) -> None:
        self.id, self.sizes, self.options = id, sizes, options

    @property
    def observation_size(self) -> int:
        if self.sizes < 1:
            raise ValueError(f"sizes: need at least 1, got {self.sizes}")
        return self.sizes


class Windy(Environment):
    """An heir of a class that can be built itself, which is meant where none is named."""


class Agent:
    def __init__(self, planner: Planner, model: Model | None = None, spare: planners.Planner | None = None) -> None:
        self.planner, self.model, self.spare, self.memory = planner, model, spare, 0

    def act(self) -> int:
        return self.planner.plan()


class Watcher(ABC):
    """A base whose heirs are named in a map."""

    @abstractmethod
    def watch(self) -> None: ...


class Video(Watcher):
    def __init__(self, every: int = 1, name: str = "video") -> None:
        self.every, self.name = every, name

    def watch(self) -> None: ...


class Experience:
    def __init__(self, agent: Acts, environment: Environment, steps: int = 100, seed: int = 0) -> None:
        self.agent, self.environment, self.steps, self.seed = agent, environment, steps, seed


class Experiment:
    def __init__(
        self,
        *,
        seed: int = 0,
        environment: Environment,
        agent: Agent,
        experience: Experience | None = None,
        callbacks: Mapping[str, Watcher] | None = None,
        note: str | None = None,
        flag: bool = False,
    ) -> None:
        self.seed, self.environment, self.agent, self.experience = seed, environment, agent, experience
        self.callbacks, self.note, self.flag = callbacks or {}, note, flag
