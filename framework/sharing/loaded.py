"""A loaded agent: a plain policy, observation -> action, in the environment's own units.

    policy = load("folder")                 # of an exported agent, of a run, or hf://user/name
    action = policy(observation)            # one, or several at once with a first dimension B
    policy.reset()                          # before another episode: an agent may remember the last one

What stands between the simulator and the agent while it learns is undone here: a space's own arrays become the
framework's vectors and images, an action in [-1, 1] the simulator's own, a one-hot one its number.
"""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray

from ..agents.agent import Agent
from ..data.environments import Environment
from ..data.gymnasium_wrappers import own_action
from ..data.observation_space import Observation, reader
from ..data.observation_tensors import stacked
from ..data.play import following, started


class LoadedPolicy:
    """Acts, never learns. What it remembers of an episode stays with it from call to call.

    Args:
        agent: what acts.
        environment: for which.
        observation_space, action_space: the environment's own, after its wrappers.
        seed: of the agent's own chance.
        about: what is known of it: what `agent.json` says, for an exported one.
        threads: of PyTorch on the CPU while it acts, and no longer; None for the caller's number.

    Raises:
        ValueError: for actions that are neither a Box nor Discrete.
    """

    def __init__(
        self,
        agent: Agent,
        environment: Environment,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        seed: int = 0,
        about: dict[str, Any] | None = None,
        threads: int | None = None,
    ) -> None:
        if not isinstance(action_space, spaces.Box | spaces.Discrete):
            raise ValueError(f"actions: need a Box or a Discrete space, got {action_space}")
        self.agent = agent.eval().requires_grad_(False)
        self.agent._generator = torch.Generator(agent.device).manual_seed(seed)
        self.observation_space, self.action_space, self.about = observation_space, action_space, about or {}
        self._environment, self._threads = environment, threads
        self._read = reader(observation_space)
        self._next: Any = None  # what the agent finds at the next step, but for the observation

    def environment(self, render: bool = False) -> gymnasium.Env:
        """A new environment that shows what the policy takes, and takes what it gives."""
        return self._environment.native(render)

    def reset(self, rows: NDArray[np.bool_] | Sequence[bool] | None = None) -> None:
        """Forgets the episode: all, or where several run at once those of these rows `[B]`.

        Raises:
            ValueError: for another number of rows than the last call had.
        """
        if rows is None:
            self._next = None
        elif self._next is not None:
            begun = torch.as_tensor(np.asarray(rows, dtype=bool), device=self._next.device)
            if begun.shape != self._next.batch_size:
                raise ValueError(f"rows: need {len(self._next)} of them, as the last call had, got {list(begun.shape)}")
            fresh = started(self.agent, len(begun))
            self._next[begun] = fresh[begun]

    @torch.no_grad()
    def __call__(self, observation: Any) -> Any:
        """The action for an observation, or actions `[B, ...]` for several.

        Args:
            observation: one of `observation_space`, or several: every array of it with a first dimension B.

        Returns:
            one of `action_space`: an array, an int of a Discrete one; or an array of several.

        Raises:
            ValueError: for what is not of the space, and for another B than the last call had without a `reset`.
        """
        callers = torch.get_num_threads()
        torch.set_num_threads(self._threads or callers)
        try:
            return self._act(observation)
        finally:
            torch.set_num_threads(callers)

    def _act(self, observation: Any) -> Any:
        batch = several(self.observation_space, observation)
        count = 1 if batch is None else batch
        if self._next is None:
            self._next = started(self.agent, count)
        elif len(self._next) != count:
            raise ValueError(
                f"observation: need {len(self._next)} at once, as in the last call, got {count}: reset() first"
            )
        td = self._next
        td["observation"] = stacked(self._rows(observation, batch)).to(self.agent.device)
        td = self.agent(td)
        self._next = following(td, self.agent)
        actions = own_action(td["action"].cpu().numpy(), self.action_space)  # [B, ...]
        return actions if batch is not None else int(actions[0]) if actions.ndim == 1 and self._discrete else actions[0]

    @property
    def _discrete(self) -> bool:
        return isinstance(self.action_space, spaces.Discrete)

    def _rows(self, observation: Any, batch: int | None) -> list[Observation]:
        if batch is None:
            return [self._read(observation)]
        return [self._read(row(observation, index)) for index in range(batch)]


def several(space: spaces.Space, observation: Any) -> int | None:
    """B where arrays have one dimension more than the space says, None for one observation."""
    if isinstance(space, spaces.Dict):
        name, inner = next(iter(space.spaces.items()))
        return several(inner, observation[name]) if isinstance(observation, dict) and name in observation else None
    if space.shape is None:
        return None
    return len(observation) if np.ndim(observation) == len(space.shape) + 1 else None


def row(observation: Any, index: int) -> Any:
    if isinstance(observation, dict):
        return {name: row(inner, index) for name, inner in observation.items()}
    return observation[index]
