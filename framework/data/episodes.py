"""Episodes of one simulator: a stream of seeds, faults that name seed and step, and a log to restore it from.

    seed of episode k  =  SeedSequence([seed, rank, index, k])

so that resets repeat from run to run and differ between ranks, environments and episodes.
"""

from typing import Any

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray


class EnvironmentFault(RuntimeError):
    """An environment raised, or returned nonsense; chained to its own exception.

    Attributes:
        id: of the environment.
        seed: with which its episode was reset.
        step: of the episode, counting from 1; 0 is the reset.
        problem: what was expected and what came.
    """

    def __init__(self, id: str, seed: int, step: int, problem: str) -> None:
        super().__init__(id, seed, step, problem)
        self.id, self.seed, self.step, self.problem = id, seed, step, problem

    def __str__(self) -> str:
        return f"{self.id}, episode with seed {self.seed}, step {self.step}: {self.problem}"


class Episodes(gymnasium.Wrapper):
    """Seeds each episode, watches over it and can bring a simulator back to where it was.

    Args:
        env: the environment, already in the framework's convention.
        id: its name in messages.
        stream: what the seeds of its episodes derive from: (seed, rank, index).

    Raises:
        EnvironmentFault: from `reset` and `step`.
    """

    def __init__(self, env: gymnasium.Env, id: str, stream: tuple[int, int, int]) -> None:
        super().__init__(env)
        self.id = id
        self._stream = stream
        self._shape = env.action_space.shape or ()  # [A]
        self._episode = 0  # how many episodes of the stream have begun
        self._seed: int | None = None  # of the running episode, None between episodes
        self._actions: list[NDArray[np.float32]] = []
        self._observation: NDArray[np.float32] = np.zeros(0, np.float32)
        self._exact = env.spec is None or not env.spec.nondeterministic
        self._saved: dict[str, Any] | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begins an episode: with `seed`, or else with the next seed of the stream; after `restore`, where it was."""
        saved, self._saved = self._saved, None
        if saved is not None and seed is None:
            return self._replay(saved)
        if seed is None:
            seed = int(np.random.SeedSequence([*self._stream, self._episode]).generate_state(1)[0])
            self._episode += 1
        return self._begin(seed, options)

    def step(self, action: NDArray[np.floating]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """The outcome of an action `[A]`.

        Raises:
            RuntimeError: between episodes.
            ValueError: for an action that is not finite or not of shape `[A]`, which is not the environment's fault.
        """
        if self._seed is None:
            raise RuntimeError(f"{self.id}: no episode is running: reset before stepping")
        action = np.array(action, dtype=np.float32)
        if action.shape != self._shape or not np.isfinite(action).all():
            raise ValueError(f"{self.id}: need {self._shape[0]} finite actions, got {action.tolist()}")
        self._actions.append(action)
        try:
            observation, reward, terminated, truncated, info = self.env.step(action)
        except Exception as error:
            raise self._fault(error) from error
        self._observation = observation
        if terminated or truncated:
            self._seed = None
        return observation, float(reward), terminated, truncated, info

    def state(self) -> dict[str, Any]:
        """What `restore` needs: plain numbers and CPU tensors.

        `episode` counts the stream's episodes so far; `seed`, `actions [T, A]` and `observation [O]` are the running
        episode's (None and empty between episodes); `exact` says whether a replay is known to repeat it bit by bit.
        """
        running = self._seed is not None
        actions = self._actions if running else []
        log = np.stack(actions) if actions else np.zeros((0, *self._shape), np.float32)
        observation = self._observation if running else self._observation[:0]
        return {
            "episode": self._episode,
            "seed": self._seed,
            "actions": torch.from_numpy(log),
            "observation": torch.from_numpy(observation.copy()),
            "exact": self._exact,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Takes what `state` gave: the next `reset()` replays the episode and returns its latest observation."""
        self._episode, self._exact = state["episode"], state["exact"]
        self._saved = None if state["seed"] is None else state
        self._seed = None

    @property
    def exact(self) -> bool:
        """Whether the simulator is where it would have been; false once a replay came out differently."""
        return self._exact

    def _replay(self, saved: dict[str, Any]) -> tuple[NDArray[np.float32], dict[str, Any]]:
        observation, info = self._begin(saved["seed"], None)
        for action in saved["actions"].numpy():
            if self._seed is not None:
                observation, *_, info = self.step(action)
        if self._seed is None:  # it ended where it had not, so there is nothing to go on with
            self._exact = False
            return self.reset()
        self._exact &= observation.tobytes() == saved["observation"].numpy().tobytes()
        return observation, info

    def _begin(self, seed: int, options: dict[str, Any] | None) -> tuple[NDArray[np.float32], dict[str, Any]]:
        self._seed = seed
        self._actions = []
        try:
            self._observation, info = self.env.reset(seed=seed, options=options or None)
        except Exception as error:
            raise self._fault(error) from error
        return self._observation, info

    def _fault(self, error: Exception) -> EnvironmentFault:
        """The fault to raise; the episode is over, since nothing that follows it can be trusted."""
        assert self._seed is not None
        problem = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        fault = EnvironmentFault(self.id, self._seed, len(self._actions), problem)
        self._seed = None
        return fault
