"""Whole episodes from given starts, all planned for at once: what evaluations are made of.

A return of half an episode is no return. So where an environment fails, its episode is played again from its start, in
a simulator made anew; one that fails again is left out, and there are fewer episodes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from tensordict import TensorDict, TensorDictBase
from torchrl.data import Composite

from ..runs.stopping import give_up_if_asked
from .environments import Environment
from .episodes import EnvironmentFault, Episodes
from .fault_limit import FaultLimit
from .observation_space import Observation
from .observation_tensors import stacked, tensors

AGAIN = "The episode is played again from its start"
LEFT_OUT = "The episode failed twice and is left out"


class Behaviour(Protocol):
    """What an agent is to the data: see `agents.agent.Agent`."""

    memory_spec: Composite
    training: bool

    @property
    def device(self) -> torch.device: ...

    @property
    def generator(self) -> torch.Generator: ...

    @property
    def observes(self) -> bool: ...

    def observe(self, td: TensorDictBase) -> None: ...

    def acting(self) -> Any: ...

    def counted(self) -> dict[str, float]: ...

    def state_dict(self) -> Mapping[str, Any]: ...

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> Any: ...

    def __call__(self, td: TensorDictBase) -> TensorDictBase: ...


@dataclass
class Episode:
    """One episode: its transitions `[T]` with what the agent remembered, and its reset seed."""

    seed: int
    transitions: TensorDict

    @property
    def return_(self) -> float:
        """The sum of rewards, undiscounted."""
        return self.transitions["next", "reward"].sum().item()

    def __len__(self) -> int:
        return len(self.transitions)

    def state(self) -> dict[str, Any]:
        """Plain tensors and containers, for `restored`; each observation is in it once."""
        once = self.transitions.exclude(("next", "observation")).to_dict()
        last = self.transitions[-1:].select(("next", "observation")).to_dict()
        return {"seed": self.seed, "transitions": once, "last": last}

    @classmethod
    def restored(cls, state: dict[str, Any]) -> "Episode":
        """The episode of which this is the state."""
        transitions = TensorDict(state["transitions"])
        transitions.auto_batch_size_(1)
        last = TensorDict(state["last"], [1])["next", "observation"]
        transitions["next", "observation"] = torch.cat([transitions["observation"][1:], last])
        return cls(state["seed"], transitions)


@torch.no_grad()
def play(environment: Environment, policy: Behaviour, seeds: Sequence[int]) -> list[Episode]:
    """Plays one episode from each reset seed, stepping only those that still run; in the order of the seeds.

    Raises:
        EnvironmentFault: where environments fail more than `environment.max_faults` times.
        Stopped: as soon as the run shall stop.
    """
    limit = FaultLimit(environment.max_faults)
    played: dict[int, Episode] = {}
    for so in (AGAIN, LEFT_OUT):
        missing = [i for i in range(len(seeds)) if i not in played]
        simulators = environment.make_singles([seeds[i] for i in missing])
        try:
            episodes = Attempt(simulators, policy, limit, so).play([seeds[i] for i in missing])
        finally:
            for simulator in simulators:
                simulator.close()
        played |= {missing[k]: episode for k, episode in episodes.items()}
        if len(played) == len(seeds):
            break
    return [played[i] for i in sorted(played)]


@dataclass
class Attempt:
    """Plays an episode in each of several simulators."""

    simulators: Sequence[Episodes]
    policy: Behaviour
    limit: FaultLimit
    so: str  # what becomes of an episode that fails

    def play(self, seeds: Sequence[int]) -> dict[int, Episode]:
        """The episodes that came to their end, by the index of their seed."""
        begun = self.ended(
            {i: one.begin_reset(seed) for i, (one, seed) in enumerate(zip(self.simulators, seeds, strict=True))}
        )
        observations = {i: observation for i, (observation, _) in begun.items()}
        steps: list[list[dict[str, Any]]] = [[] for _ in seeds]
        complete = []
        running = list(observations)
        td = started(self.policy, len(running))
        while running:
            give_up_if_asked()
            td["observation"] = stacked([observations[i] for i in running]).to(self.policy.device)
            td = self.policy(td)
            actions = td["action"].cpu().numpy()
            recorded = td.select("observation", "action", *self.policy.memory_spec.keys(True, True)).cpu()
            endings = {i: self.simulators[i].begin_step(actions[row]) for row, i in enumerate(running)}
            outcomes = self.ended(endings)
            going_on = []
            for row, i in enumerate(running):
                if i not in outcomes:
                    continue
                observation, reward, terminated, truncated, _ = outcomes[i]
                steps[i].append(
                    {**recorded[row].to_dict(), "next": outcome(observation, reward, terminated, truncated)}
                )
                observations[i] = observation
                if terminated or truncated:
                    complete.append(i)
                else:
                    going_on.append(row)
            running = [running[row] for row in going_on]
            if running:
                td = following(td[going_on], self.policy)
        return {i: Episode(seeds[i], torch.stack([TensorDict(step) for step in steps[i]])) for i in complete}

    def ended(self, endings: Mapping[int, Callable[[], Any]]) -> dict[int, Any]:
        """What the simulators give, without those that fail.

        Raises:
            EnvironmentFault: one too many.
        """
        given = {}
        for i, ending in endings.items():
            try:
                given[i] = ending()
            except EnvironmentFault as fault:
                self.limit.survive(fault, self.so)
        return given


def started(policy: Behaviour, batch: int) -> TensorDict:
    """What an agent finds at the start of `batch` episodes, but for the observation."""
    td = TensorDict({"is_init": torch.ones(batch, 1, dtype=torch.bool)}, [batch], device=policy.device)
    for key, spec in policy.memory_spec.items(True, True):
        td[key] = spec.zero((batch,)).to(policy.device)
    return td


def following(td: TensorDictBase, policy: Behaviour) -> TensorDict:
    """What the agent finds one step later: what it wrote for then."""
    memory = {key: td["next", key] for key in policy.memory_spec.keys(True, True)}
    return TensorDict({"is_init": torch.zeros_like(td["is_init"]), **memory}, td.batch_size, device=policy.device)


def outcome(observation: Observation, reward: Any, terminated: bool, truncated: bool) -> dict[str, Any]:
    """The `next` entries of one transition."""
    return {
        "observation": tensors(observation),
        "reward": torch.as_tensor([reward], dtype=torch.float32),
        "terminated": torch.as_tensor([terminated]),
        "truncated": torch.as_tensor([truncated]),
        "done": torch.as_tensor([terminated or truncated]),
    }
