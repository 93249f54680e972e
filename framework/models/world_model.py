"""The world model: dynamics p(s' | s, a), reward r(s, a, s') and termination p(end | s'), together.

(s', r, c) with c = 1 - p(end | s') the probability of going on
"""

from typing import Any

import torch
from tensordict import TensorDictBase
from torch import Tensor

from .base import Model
from .dynamics import Dynamics
from .reward import Reward, RewardFunction
from .termination import Termination, TerminationFunction


class WorldModel(Model):
    """What an agent knows about the world. Reward and termination are learned parts or known functions.

    Args:
        dynamics: of the state, which is the observation.
        reward: a learned `Reward`, or a function (state, action, next state) -> reward.
        termination: a learned `Termination`, or a function next state -> probability, or None where nothing ends early.
        learning_rate, weight_decay, gradient_clip: of parameters of its own, where a kind of it has any; see `Model`.
    """

    def __init__(
        self,
        dynamics: Dynamics,
        reward: Reward | RewardFunction,
        termination: Termination | TerminationFunction | None = None,
        *,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, gradient_clip=gradient_clip)
        self.dynamics = dynamics
        self.reward = reward
        self.termination = termination
        self.members = dynamics.members

    def encode(self, observation: Tensor) -> Tensor:
        """The state `[*B, S]` in which an observation `[*B, O]` was made: itself."""
        return observation

    def decode(self, state: Tensor) -> Any:
        """What is seen in a state `[*B, S]`, in the observation's units: the observation `[*B, O]` itself here."""
        return state

    def infer(self, batch: TensorDictBase) -> TensorDictBase:
        """Writes `state` and `next.state`, from which every part's loss reads."""
        batch["state"] = self.encode(batch["observation"])
        batch["next", "state"] = self.encode(batch["next", "observation"])
        return batch

    def sample_parameters(self, particles: int, generator: torch.Generator | None = None) -> Any:
        """See `Dynamics.sample_parameters`."""
        return self.dynamics.sample_parameters(particles, generator)

    def outcome(
        self, state: Tensor, action: Tensor, next_state: Tensor, reward: RewardFunction | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Reward `[*B]` and probability of going on `[*B]`, None where nothing ends early; `reward` replaces ours."""
        r = (self.reward if reward is None else reward)(state, action, next_state)
        return r, None if self.termination is None else 1 - self.termination(next_state).to(r.dtype)

    def step(
        self, state: Tensor, action: Tensor, theta: Any, noise: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Next state `[P, *B, S]`, reward `[P, *B]` and probability of going on `[P, *B]` (or None)."""
        next_state = self.dynamics.step(state, action, theta, noise)
        return next_state, *self.outcome(state, action, next_state)

    def prepare(self, batch: TensorDictBase) -> None:
        super().prepare(self.infer(batch))  # the encoding is the identity: it has no weights

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        if "state" not in batch:
            batch = self.infer(batch)
        return {name: loss for part in self.parts().values() for name, loss in part.loss(batch).items()}

    def units(self) -> list[Model]:
        return [unit for part in self.parts().values() if part.learned_parts() for unit in part.units()]

    def evaluate(self, batch: TensorDictBase) -> dict[str, Tensor]:
        batch = self.infer(batch)
        scores = {name: part.evaluate(batch) for name, part in self.parts().items()}
        return {f"{name}/{key}": value for name, part in scores.items() for key, value in part.items()}

    def adapt(self, batch: TensorDictBase) -> None:
        super().adapt(self.infer(batch))

    def select(self, scores: dict[str, Tensor]) -> None:
        for name, part in self.parts().items():
            prefix = f"{name}/"
            part.select({key.removeprefix(prefix): value for key, value in scores.items() if key.startswith(prefix)})
