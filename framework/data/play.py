"""Whole episodes from given starts, all planned for at once: what evaluations and videos are made of."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import gymnasium
import numpy as np
import torch
from tensordict import TensorDict, TensorDictBase
from torchrl.data import Composite

from ..runs.stopping import give_up_if_asked
from .environments import Environment


class Policy(Protocol):
    """What an agent is to the data: see `agents.agent.Agent`."""

    memory_spec: Composite
    training: bool

    @property
    def device(self) -> torch.device: ...

    @property
    def generator(self) -> torch.Generator: ...

    def acting(self) -> Any: ...

    def __call__(self, td: TensorDictBase) -> TensorDictBase: ...


@dataclass
class Episode:
    """One episode: its transitions `[T]` with what the agent remembered, its reset seed, and frames if asked for."""

    seed: int
    transitions: TensorDict
    frames: list[np.ndarray] = field(default_factory=list)

    @property
    def return_(self) -> float:
        """The sum of rewards, undiscounted."""
        return self.transitions["next", "reward"].sum().item()

    def __len__(self) -> int:
        return len(self.transitions)


@torch.no_grad()
def play(environment: Environment, policy: Policy, seeds: Sequence[int], *, render: bool = False) -> list[Episode]:
    """Plays one episode from each reset seed, stepping only those that still run.

    Raises:
        Stopped: as soon as the run shall stop.
    """
    simulators = [environment.make_single(seed, render=render) for seed in seeds]
    try:
        return _play(simulators, policy, seeds, render)
    finally:
        for simulator in simulators:
            simulator.close()


def _play(simulators: list[gymnasium.Env], policy: Policy, seeds: Sequence[int], render: bool) -> list[Episode]:
    observations = [simulator.reset(seed=seed)[0] for simulator, seed in zip(simulators, seeds, strict=True)]
    steps: list[list[dict[str, Any]]] = [[] for _ in seeds]
    frames: list[list[Any]] = [[simulator.render()] if render else [] for simulator in simulators]
    running = list(range(len(seeds)))
    td = started(policy, len(seeds))
    while running:
        give_up_if_asked()
        td["observation"] = torch.as_tensor(np.stack([observations[i] for i in running])).to(policy.device)
        td = policy(td)
        actions = td["action"].cpu().numpy()
        recorded = td.select("observation", "action", *policy.memory_spec.keys(True, True)).cpu()
        going_on = []
        for row, i in enumerate(running):
            observation, reward, terminated, truncated, _ = simulators[i].step(actions[row])
            steps[i].append({**recorded[row].to_dict(), "next": outcome(observation, reward, terminated, truncated)})
            observations[i] = observation
            if render:
                frames[i].append(simulators[i].render())
            if not (terminated or truncated):
                going_on.append(row)
        running = [running[row] for row in going_on]
        if running:
            td = following(td[going_on], policy)
    return [
        Episode(seed, torch.stack([TensorDict(step) for step in rows]), shown)
        for seed, rows, shown in zip(seeds, steps, frames, strict=True)
    ]


def started(policy: Policy, batch: int) -> TensorDict:
    """What an agent finds at the start of `batch` episodes, but for the observation."""
    td = TensorDict({"is_init": torch.ones(batch, 1, dtype=torch.bool)}, [batch], device=policy.device)
    for key, spec in policy.memory_spec.items(True, True):
        td[key] = spec.zero((batch,)).to(policy.device)
    return td


def following(td: TensorDictBase, policy: Policy) -> TensorDict:
    """What the agent finds one step later: what it wrote for then."""
    memory = {key: td["next", key] for key in policy.memory_spec.keys(True, True)}
    return TensorDict({"is_init": torch.zeros_like(td["is_init"]), **memory}, td.batch_size, device=policy.device)


def outcome(observation: np.ndarray, reward: Any, terminated: bool, truncated: bool) -> dict[str, torch.Tensor]:
    """The `next` entries of one transition."""
    return {
        "observation": torch.as_tensor(observation),
        "reward": torch.as_tensor([reward], dtype=torch.float32),
        "terminated": torch.as_tensor([terminated]),
        "truncated": torch.as_tensor([truncated]),
        "done": torch.as_tensor([terminated or truncated]),
    }
