"""A run to watch without running one: exact worlds, and the little that callbacks see of a trainer and its data."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor
from torch.distributions import Independent, Normal

from fulgurite.agents.agent import Agent
from fulgurite.data.play import Episode
from fulgurite.models.dynamics import Dynamics
from fulgurite.models.world_model import WorldModel
from fulgurite.runs.metrics import MetricsFile, read
from fulgurite.runs.phases import Phases

DECAY, STD = 0.9, 0.3


class LinearGaussian(Dynamics):
    """s' = decay s + a + std noise, in every dimension; the members' `offsets [M]` are added to the means."""

    def __init__(self, decay: float = 1.0, std: float = 0.0, offsets: tuple[float, ...] = (0.0,)) -> None:
        super().__init__()
        self.decay, self.std, self.offsets = decay, std, torch.tensor(offsets)

    def sample_parameters(self, particles: int, generator: torch.Generator | None = None) -> Tensor:
        return self.offsets.repeat_interleave(particles // len(self.offsets))  # [P]

    def mean(self, state: Tensor, action: Tensor, theta: Tensor) -> Tensor:
        return self.decay * state + action + theta.view(-1, *[1] * (state.dim() - 1))

    def predict(self, state: Tensor, action: Tensor, theta: Tensor) -> Independent:
        return Independent(Normal(self.mean(state, action, theta), self.std), 1)

    def step(self, state: Tensor, action: Tensor, theta: Tensor, noise: Tensor | None) -> Tensor:
        mean = self.mean(state, action, theta)
        return mean if noise is None else mean + self.std * noise

    def loss(self, batch: Any) -> dict[str, Tensor]:
        return {}


class Still(Agent):
    """Does nothing, but has a world model."""

    def __init__(self, world_model: WorldModel | None) -> None:
        super().__init__()
        self.world_model = world_model

    def forward(self, td: Any) -> Any:
        td["action"] = torch.zeros(*td.batch_size, 1)
        return td

    def loss(self, batch: Any) -> dict[str, Tensor]:
        return {}


def next_state_is_reward(state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
    return next_state[..., 0]


def trajectory(observations: Tensor, actions: Tensor, terminated: bool = False, **memory: Tensor) -> TensorDict:
    """A recorded episode from `[T + 1, O]` and `[T, A]`; rewards are the next observations' first."""
    T = len(actions)
    ended = torch.zeros(T, 1, dtype=torch.bool)
    ended[-1] = True
    return TensorDict(
        {
            "observation": observations[:-1],
            "action": actions,
            "next": {
                "observation": observations[1:],
                "reward": observations[1:, :1],
                "terminated": ended & terminated,
                "truncated": ended & (not terminated),
                "done": ended,
            },
            **memory,
        },
        [T],
    )


def counting(T: int, terminated: bool = False, **memory: Tensor) -> TensorDict:
    """0, 1, 2, ..., T by actions of one."""
    return trajectory(torch.arange(T + 1.0)[:, None], torch.ones(T, 1), terminated, **memory)


def noisy(count: int = 400, T: int = 10, dimensions: int = 2) -> list[TensorDict]:
    """Trajectories of s' = 0.9 s + a + 0.3 noise."""
    chance = torch.Generator().manual_seed(1)
    state = torch.randn(count, dimensions, generator=chance)
    actions = torch.rand(count, T, dimensions, generator=chance) * 2 - 1
    states = [state]
    for t in range(T):
        state = DECAY * state + actions[:, t] + STD * torch.randn(count, dimensions, generator=chance)
        states.append(state)
    path = torch.stack(states, 1)
    return [trajectory(path[i], actions[i]) for i in range(count)]


class Data:
    """What callbacks see of `Experience`."""

    def __init__(self, held_out: list[TensorDict], max_env_steps: int = 1000) -> None:
        self.env_steps = self.gradient_steps = self.warmup_env_steps = 0
        self.max_env_steps = max_env_steps
        self.seconds = 0.0
        self.collection_due = True
        self.phases = Phases()
        self._held_out = held_out

    @property
    def finished(self) -> bool:
        return self.env_steps >= self.max_env_steps

    def counters(self) -> dict[str, float]:
        return {"env_steps": self.env_steps, "gradient_steps": self.gradient_steps, "wall_seconds": self.seconds}

    def held_out(self) -> list[TensorDict]:
        return self._held_out


class Run:
    """A trainer's outside, with a metrics file; `go` moves it on and calls the hook of an epoch's end."""

    def __init__(self, folder: Path, *callbacks: Any, held_out: list[TensorDict] | None = None) -> None:
        self.data = Data(held_out or [])
        self.folder = folder
        self.trainer: Any = SimpleNamespace(
            datamodule=self.data,
            loggers=[MetricsFile(folder)],
            callbacks=list(callbacks),
            default_root_dir=str(folder),
            is_global_zero=True,
            ckpt_path=None,
        )

    def go(self, env_steps: int, agent: Any = None) -> None:
        self.data.env_steps = env_steps
        for callback in self.trainer.callbacks:
            callback.on_train_epoch_end(self.trainer, agent)

    def end(self, agent: Any = None) -> None:
        for callback in self.trainer.callbacks:
            callback.on_train_end(self.trainer, agent)

    @property
    def rows(self) -> list[dict[str, Any]]:
        return read(self.folder)


class Replayed:
    """An `Evaluation` that gives the same episodes each time."""

    environment: Any = None

    def __init__(self, *episodes: TensorDict) -> None:
        self.episodes = [Episode(seed, transitions) for seed, transitions in enumerate(episodes)]
        self.asked = 0

    @property
    def seeds(self) -> range:
        return range(len(self.episodes))

    def run(self, agent: Any) -> list[Episode]:
        self.asked += 1
        return self.episodes
