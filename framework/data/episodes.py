"""Episodes of one simulator: a stream of seeds, faults that name seed and step, and a log to restore it from.

    seed of episode k  =  SeedSequence([seed, rank, index, k])

so that resets repeat from run to run and differ between ranks, environments and episodes.
"""

import logging
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray

from ..runs.random_states import INEXACT
from ..runs.stopping import Stopped, asked, give_up_if_asked
from .gymnasium_wrappers import Convention, Outcome
from .isolated import Isolated
from .lasting import LASTING, Lasting, lasting
from .nonsense import WrongForm, problem
from .observation_space import Observation, packed
from .observation_tensors import arrays, tensors

log = logging.getLogger(__name__)


class EnvironmentFault(RuntimeError):
    """An environment raised, ended, hung or gave nonsense; chained to its own exception.

    Attributes:
        id: of the environment.
        seed: with which its episode was reset.
        step: of the episode, counting from 1; 0 is the reset.
        problem: what was expected and what came.
    """

    def __init__(self, id: str, seed: int, step: int, problem: str) -> None:
        super().__init__(id, seed, step, problem)
        self.id, self.seed, self.step, self.problem = id, seed, step, problem

    @property
    def hopeless(self) -> bool:
        """Whether what came has the wrong form, as it will have the next time."""
        return isinstance(self.__cause__, WrongForm)

    def __str__(self) -> str:
        return f"{self.id}, episode with seed {self.seed}, step {self.step}: {self.problem}"


class Episodes(gymnasium.Wrapper):
    """Seeds each episode, watches over it and can bring a simulator back to where it was.

    Args:
        env: the environment in the framework's convention, in this process or in one of its own.
        id: its name in messages.
        stream: what the seeds of its episodes derive from: (seed, rank, index).

    Raises:
        EnvironmentFault: from `reset` and `step`.
        Stopped: from a replay, and from waiting for a process, as soon as the run shall stop.
    """

    def __init__(self, env: Convention | Isolated, id: str, stream: tuple[int, int, int]) -> None:
        super().__init__(env)
        self.id = id
        self._simulator = env
        self._stream = stream
        self._shape = env.action_space.shape or ()  # [A]
        self._episode = 0  # how many episodes of the stream have begun
        self._seed: int | None = None  # of the running episode, None between episodes
        self._actions: list[NDArray[np.float32]] = []
        self._observation: Observation = np.zeros(0, np.float32)
        self._lasting: Lasting = {}  # now
        self._lasted: Lasting = {}  # when the running episode began
        self._exact = env.repeatable
        self._saved: dict[str, Any] | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begins an episode: with `seed`, or else with the next seed of the stream; after `restore`, where it was."""
        return self.begin_reset(seed, options)()

    def begin_reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> Callable[[], tuple[Observation, dict[str, Any]]]:
        """The same in two halves: what it returns gives the observation. In between, others may begin theirs."""
        saved, self._saved = self._saved, None
        if saved is not None and seed is None:
            return partial(self._replay, saved)
        if seed is None:
            seed = int(np.random.SeedSequence([*self._stream, self._episode]).generate_state(1)[0])
            self._episode += 1
        return self._begin(seed, options)

    def step(self, action: NDArray[np.floating]) -> Outcome:
        """The outcome of an action `[A]`.

        Raises:
            RuntimeError: between episodes.
            ValueError: for an action that is not finite or not of shape `[A]`, which is not the environment's fault.
        """
        return self.begin_step(action)()

    def begin_step(self, action: NDArray[np.floating]) -> Callable[[], Outcome]:
        """The same in two halves: what it returns gives the outcome. In between, others may begin theirs."""
        if self._seed is None:
            raise RuntimeError(f"{self.id}: no episode is running: reset before stepping")
        action = np.array(action, dtype=np.float32)
        if action.shape != self._shape or not np.isfinite(action).all():
            raise ValueError(f"{self.id}: need {self._shape[0]} finite actions, got {action.tolist()}")
        self._actions.append(action)
        ending = self._simulator.begin_step(action)

        def ended() -> Outcome:
            observation, reward, terminated, truncated, info = self._watched(ending)
            self._observation = observation
            if terminated or truncated:
                self._seed = None
            return observation, reward, terminated, truncated, info

        return ended

    def close(self) -> None:
        """Closes the simulator; one that cannot be closed, since it is broken perhaps, is left with a warning."""
        try:
            super().close()
        except Exception as error:
            log.warning("%s: closing it failed: %s", self.id, problem(error))

    def state(self) -> dict[str, Any]:
        """What `restore` needs: plain numbers and CPU tensors.

        `lasting` is what outlasts episodes, as it was before the running one; `episode` counts the stream's episodes so
        far; `seed`, `actions [T, A]` and `observation` are the running episode's (None and empty between episodes);
        `exact` says whether a replay is known to repeat it bit by bit.
        """
        running = self._seed is not None
        actions = self._actions if running else []
        log = np.stack(actions) if actions else np.zeros((0, *self._shape), np.float32)
        return {
            "episode": self._episode,
            "seed": self._seed,
            "actions": torch.from_numpy(log),
            "observation": deepcopy(tensors(self._observation)) if running else torch.zeros(0),
            "lasting": dict(self._lasted if running else self._lasting),
            "exact": self._exact,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Takes what `state` gave: the next `reset()` replays the episode and returns its latest observation."""
        self._episode, self._exact, self._lasting = state["episode"], state["exact"], dict(state["lasting"])
        self._saved = None if state["seed"] is None else state
        self._seed = None

    @property
    def discrete_observations(self) -> bool:
        """Whether an observation is one-hot."""
        return self._simulator.discrete_observations

    @property
    def discrete_actions(self) -> bool:
        """Whether an action is one-hot."""
        return self._simulator.discrete_actions

    @property
    def seed(self) -> int | None:
        """Of the running episode, None between episodes."""
        return self._seed

    @property
    def exact(self) -> bool:
        """Whether the simulator is where it would have been; false once a replay came out differently."""
        return self._exact

    def _replay(self, saved: dict[str, Any]) -> tuple[Observation, dict[str, Any]]:
        exact, self._exact = self._exact, False  # until it has come to its end
        observation, info = self._begin(saved["seed"], None)()
        for action in saved["actions"].numpy():
            give_up_if_asked()
            if self._seed is not None:
                observation, *_, info = self.step(action)
        if self._seed is None:  # it ended where it had not, so there is nothing to go on with
            return self.reset()
        same = packed(observation) == packed(arrays(saved["observation"]))
        if exact and not same:
            where = f"{self.id}, episode with seed {saved['seed']}"
            log.warning(INEXACT, f"{where}: replayed up to step {len(saved['actions'])}, it shows something else")
        self._exact = exact and same
        return observation, info

    def _begin(self, seed: int, options: dict[str, Any] | None) -> Callable[[], tuple[Observation, dict[str, Any]]]:
        self._seed = seed
        self._actions = []
        self._lasted = self._lasting
        if self._lasting:
            options = {**(options or {}), LASTING: self._lasting}
        ending = self._simulator.begin_reset(seed, options or None)

        def begun() -> tuple[Observation, dict[str, Any]]:
            self._observation, info = self._watched(ending)
            return self._observation, info

        return begun

    def _watched(self, ending: Callable[[], Any]) -> Any:
        """What it gives; raises a fault for whatever it raises. Then the episode is over: nothing of it can be trusted.

        An environment may call `sys.exit`; a run that shall stop at once raises the same.
        """
        try:
            outcome = ending()
            self._lasting = lasting(outcome[-1])
            return outcome
        except Stopped:
            raise
        except (Exception, SystemExit) as error:
            if isinstance(error, SystemExit) and asked():
                raise
            assert self._seed is not None
            fault = EnvironmentFault(self.id, self._seed, len(self._actions), problem(error))
            self._seed = None
            raise fault from error
