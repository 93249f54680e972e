"""Parts that are re-exported by a star import, with a dataclass, a protocol, a function slot and an open slot."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, Optional, Protocol, Union

RewardFunction = Callable[[float, float, float], float]
Number = Union[int, float]  # noqa: UP007


class Optimizer:
    def __init__(self, parameters: object, rate: float = 0.1) -> None:
        self.parameters, self.rate = parameters, rate


class Momentum(Optimizer):
    def __init__(self, parameters: object, rate: float = 0.1, *, momentum: float = 0.9) -> None:
        super().__init__(parameters, rate)
        self.momentum = momentum


class Reward:
    def __init__(self, observation_size: int, hidden: Sequence[int] = (8,)) -> None:
        self.observation_size, self.hidden = observation_size, hidden


@dataclass
class Model:
    observation_size: int
    reward: Reward | RewardFunction
    size: tuple[int, ...] = (1,)
    kind: ClassVar[str] = "model"
    activation: Literal["silu", "tanh"] = "silu"
    scale: Number = 1.0
    file: Optional[Path] = None  # noqa: UP045
    options: dict[str, object] = field(default_factory=dict)
    optimizer: Callable[..., Optimizer] = Optimizer
    cache: int = field(init=False, default=0)


class Acts(Protocol):
    memory: int

    def act(self) -> int: ...


def no_reward(state: float, action: float, next_state: float) -> float:
    return 0.0


def scaled_reward(state: float, action: float, next_state: float, factor: float = 1.0) -> float:
    return factor * state


def helper(path: str) -> str:
    return path
