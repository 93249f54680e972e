"""Acting in the environment: a TorchRL collector whose simulators outlive a collection, and a resume.

The simulators keep running between collections, so an episode may span several of them. Their state is the reset seed
and the actions since, from which a resumed run puts them back (see `episodes.py`).
"""

import logging
from typing import Any

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor
from torchrl.collectors import Collector

from ..keys import DONE, FAULTY, REWARD, TRAJECTORY, TRANSITION, TRUNCATED
from ..runs.random_states import INEXACT
from .actor import Actor
from .collector import Collected, Collecting
from .environments import Environment

log = logging.getLogger(__name__)


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
        self.env = environment.make(seed, rank, first)
        self.number = torch.arange(environment.num_envs)  # of the episode that runs in each environment
        self.return_so_far = torch.zeros(environment.num_envs)
        self.length_so_far = torch.zeros(environment.num_envs, dtype=torch.int64)
        self.next_number = environment.num_envs
        self.memory: TensorDictBase = TensorDict(batch_size=[environment.num_envs])
        if state is not None:
            self.number, self.return_so_far = state["number"].clone(), state["return_so_far"].clone()
            self.length_so_far = state["length_so_far"].clone()
            self.next_number = int(state["next_number"])
            self.memory = TensorDict(state["memory"], batch_size=[environment.num_envs])
            actor.resume(self.memory)
            self.env.faults.restore(state["faults"])
            for simulator, saved in zip(self.env.simulators, state["simulators"], strict=True):
                simulator.restore(saved)
        self.collector = Collector(  # which resets the environments
            actor.primed(self.env),
            actor,
            frames_per_batch=frames,
            use_buffers=False,  # else the collector lets the policy act once before anything is asked for
            trust_policy=True,
            track_traj_ids=False,
            auto_register_policy_transforms=False,
        )
        self.cut = [] if state is None else self._lost(environment.id, state["simulators"])

    def _lost(self, id: str, saved: list[dict[str, Any]]) -> list[int]:
        """The numbers of episodes that could not be brought back; others have begun in their place."""
        now = [simulator.seed for simulator in self.env.simulators]
        lost = [i for i, one in enumerate(saved) if one["seed"] not in (None, now[i])]
        cut = self.number[lost].tolist()
        for i in lost:
            where = f"{id}, episode with seed {saved[i]['seed']}"
            log.warning(INEXACT, f"{where}: could not be brought back to step {len(saved[i]['actions'])}, and is cut")
            self.memory["is_init"][i] = True
            self._next_episode(i)
        return cut

    def _next_episode(self, env: int) -> None:
        self.number[env] = self.next_number
        self.next_number += 1
        self.return_so_far[env] = 0.0
        self.length_so_far[env] = 0

    def collect(self) -> Collected:
        """Steps for one collection.

        Raises:
            EnvironmentFault: where environments failed too often.
        """
        recorded = self.collector.next()
        assert recorded is not None
        recorded = recorded.cpu()  # [num_envs, T]
        self.memory = self.actor.memory(recorded[:, -1])
        faulty, done = recorded[FAULTY][..., 0], recorded[DONE][..., 0]
        numbers, returns, lengths = self.numbered(done, recorded[REWARD][..., 0], faulty)
        rows = recorded.select(*TRANSITION)
        rows[TRAJECTORY] = numbers[..., None]
        cut, self.cut = self.cut, []
        for env, t in faulty.nonzero().tolist():
            if t:
                rows[TRUNCATED][env, t - 1] |= ~done[env, t - 1]
                rows[DONE][env, t - 1] = True
            else:
                cut.append(int(numbers[env, 0]))
        return Collected(rows[~faulty], returns, lengths, cut, self.env.faults.total, {})

    def numbered(self, done: Tensor, reward: Tensor, faulty: Tensor) -> tuple[Tensor, list[float], list[int]]:
        """The number of the episode at every step `[num_envs, T]`; returns and lengths of those that ended, in order.

        An episode that its environment broke off has neither.
        """
        numbers = torch.empty(done.shape, dtype=torch.int64)
        returns, lengths = [], []
        for t in range(done.shape[1]):
            numbers[:, t] = self.number
            self.return_so_far += reward[:, t]
            self.length_so_far += 1
            for env in done[:, t].nonzero()[:, 0].tolist():
                if not faulty[env, t]:
                    returns.append(self.return_so_far[env].item())
                    lengths.append(int(self.length_so_far[env]))
                self._next_episode(env)
        return numbers, returns, lengths

    def state_dict(self) -> dict[str, Any]:
        """Plain tensors and containers, enough to go on as if nothing had happened."""
        return {
            "number": self.number.clone(),
            "return_so_far": self.return_so_far.clone(),
            "length_so_far": self.length_so_far.clone(),
            "next_number": self.next_number,
            "memory": self.memory.to_dict(),
            "simulators": [simulator.state() for simulator in self.env.simulators],
            "faults": self.env.faults.state(),
        }

    def close(self) -> None:
        """Closes the environments."""
        self.collector.shutdown()
