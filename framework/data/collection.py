"""Acting in the environment: a TorchRL collector whose simulators outlive a collection, and a resume.

The simulators keep running between collections, so an episode may span several of them. Their state is the reset seed
and the actions since, from which a resumed run puts them back (see `episodes.py`).
"""

from typing import Any

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor
from torchrl.collectors import Collector

from ..keys import DONE, REWARD, TRAJECTORY, TRANSITION
from .actor import Actor
from .collector import Collecting
from .environments import Environment, simulators


class Collection(Collecting):
    """Steps `num_envs` environments with an actor and numbers their episodes.

    Args:
        environment: what is acted in.
        actor: what acts.
        frames: transitions a call, over all environments.
        seed: of the resets.
        rank: of the process; each has its own resets.
        state: of an earlier collection to go on from, or None.
        first: number of the first environment among those of the rank; each has its own resets.
    """

    def __init__(
        self,
        environment: Environment,
        actor: Actor,
        frames: int,
        seed: int,
        rank: int,
        state: dict[str, Any] | None,
        first: int = 0,
    ) -> None:
        self.actor = actor
        env = environment.make(seed, rank, first)
        self.simulators = simulators(env)
        self.number = torch.arange(environment.num_envs)  # of the episode that runs in each environment
        self.return_so_far = torch.zeros(environment.num_envs)
        self.next_number = environment.num_envs
        self.memory: TensorDictBase = TensorDict(batch_size=[environment.num_envs])
        if state is not None:
            self.number, self.return_so_far = state["number"].clone(), state["return_so_far"].clone()
            self.next_number = int(state["next_number"])
            self.memory = TensorDict(state["memory"], batch_size=[environment.num_envs])
            actor.resume(self.memory)
            for simulator, saved in zip(self.simulators, state["simulators"], strict=True):
                simulator.restore(saved)
        self.collector = Collector(
            actor.primed(env),
            actor,
            frames_per_batch=frames,
            use_buffers=False,  # else the collector lets the policy act once before anything is asked for
            trust_policy=True,
            track_traj_ids=False,
            auto_register_policy_transforms=False,
        )

    def collect(self) -> tuple[TensorDictBase, list[float]]:
        """Transitions `[B]` with the number of their episode, and the returns of the episodes that ended.

        Raises:
            EnvironmentFault: where an environment raised or gave nonsense.
        """
        recorded = self.collector.next()
        assert recorded is not None
        recorded = recorded.cpu()  # [num_envs, T]
        self.memory = self.actor.memory(recorded[:, -1])
        numbers, returns = self.numbered(recorded[DONE][..., 0], recorded[REWARD][..., 0])
        rows = recorded.select(*TRANSITION)
        rows[TRAJECTORY] = numbers[..., None]
        return rows.reshape(-1), returns

    def numbered(self, done: Tensor, reward: Tensor) -> tuple[Tensor, list[float]]:
        """The number of the episode at every step `[num_envs, T]`, and the returns of those that ended, in order."""
        numbers = torch.empty(done.shape, dtype=torch.int64)
        returns = []
        for t in range(done.shape[1]):
            numbers[:, t] = self.number
            self.return_so_far += reward[:, t]
            for env in done[:, t].nonzero()[:, 0].tolist():
                returns.append(self.return_so_far[env].item())
                self.return_so_far[env] = 0.0
                self.number[env] = self.next_number
                self.next_number += 1
        return numbers, returns

    def state_dict(self) -> dict[str, Any]:
        """Plain tensors and containers, enough to go on as if nothing had happened."""
        return {
            "number": self.number.clone(),
            "return_so_far": self.return_so_far.clone(),
            "next_number": self.next_number,
            "memory": self.memory.to_dict(),
            "simulators": [simulator.state() for simulator in self.simulators],
        }

    def close(self) -> None:
        """Closes the environments."""
        self.collector.shutdown()
