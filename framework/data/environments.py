"""Environments, made to one convention from a recipe's few words.

Whatever an environment is at home (Gymnasium, DeepMind Control, the user's own), here it gives float32 vectors, uint8
images or both by name, takes actions in [-1, 1] or one-hot vectors, repeats them, and draws the seed of every episode
from one stream.
"""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any, NamedTuple

import gymnasium

from ..keys import ObservationShape
from ..recipe_error import Unfit
from . import cart_pole as cart_pole  # these register our environments
from . import cliff as cliff
from . import maze as maze
from . import tictactoe as tictactoe
from .environment_wrapper import EnvironmentWrapper
from .episodes import Episodes
from .isolated import start
from .observation_space import described, shape_of
from .simulator import Simulator, registered_in
from .together import Together, all_started


class Environment:
    """A recipe for environments; nothing is made until asked for.

    Args:
        id: registered with Gymnasium (`Pendulum-v1`), `module:Id-v0` to import the module that registers it first, or
            `dm_control/<domain>-<task>`.
        num_envs: environments that `make` steps together.
        action_repeat: simulator steps an action lasts; rewards are summed.
        max_episode_steps: time limit in simulator steps; None for the environment's own.
        options: keyword arguments of the environment's constructor.
        max_faults: that a run survives within any 10,000 environment steps (of each process of training), and an
            evaluation in all. Then the failed step is dropped, its episode truncated, and the simulator replaced by
            one made anew. 0: the first one ends the run.
        isolated: every simulator in a process of its own; several step in parallel. What hangs, exits or is killed
            is a fault like any other then. Without, such a simulator takes the run with it, and one that hangs is
            waited for forever: a process cannot see its own hang.
        step_timeout: seconds after which an isolated simulator that does not answer a step or a reset counts as
            hanging.
        wrappers: by name, what stands between the environment and the agent, the first one innermost.

    Raises:
        ValueError: for numbers out of range; from what makes an environment, for an unknown id, a space that the
            framework cannot serve, or a wrapper that does not fit.
        MissingExtra: from what makes an environment, when its package is not installed.
    """

    def __init__(
        self,
        id: str,
        num_envs: int = 1,
        action_repeat: int = 1,
        max_episode_steps: int | None = None,
        options: dict[str, Any] | None = None,
        max_faults: int = 5,
        isolated: bool = False,
        step_timeout: float = 60.0,
        wrappers: dict[str, EnvironmentWrapper] | None = None,
    ) -> None:
        for name, number in {"num_envs": num_envs, "action_repeat": action_repeat}.items():
            if number < 1:
                raise ValueError(f"{name}: need at least 1, got {number}")
        if max_episode_steps is not None and max_episode_steps < 1:
            raise ValueError(f"max_episode_steps: need at least 1 or none, got {max_episode_steps}")
        if max_faults < 0:
            raise ValueError(f"max_faults: need at least 0, got {max_faults}")
        if not step_timeout > 0:
            raise ValueError(f"step_timeout: need more than 0 seconds, got {step_timeout}")
        self.id = id
        self.num_envs = num_envs
        self.action_repeat = action_repeat
        self.max_episode_steps = max_episode_steps
        self.options = dict(options or {})
        self.max_faults = max_faults
        self.isolated = isolated
        self.step_timeout = step_timeout
        self.wrappers = dict(wrappers or {})

    def make(self, seed: int, rank: int = 0, first: int = 0) -> Together:
        """A TorchRL environment of batch size `[num_envs]` whose resets are seeded by (seed, rank, first and on).

        Entries: `observation` (see `observation_shape`), `action [B, A]`, `reward [B, 1]`, `terminated`, `truncated`,
        `done [B, 1]`, and `faulty [B, 1]` where a step failed, see `Together`.
        """
        starts = [partial(self._start, (seed, rank, index), False) for index in range(first, first + self.num_envs)]
        return Together(starts, self.action_repeat, self.max_faults)

    def make_single(self, seed: int, render: bool = False) -> Episodes:
        """One Gymnasium environment of the same convention; with `render`, `.render()` gives RGB frames `[H, W, 3]`.

        Raises:
            ValueError: with `render`, unless it `renders`.
        """
        return self.make_singles([seed], render)[0]

    def make_singles(self, seeds: Sequence[int], render: bool = False) -> list[Episodes]:
        """One for each seed, see `make_single`; isolated ones start at the same time."""
        if render and not self.renders:
            raise ValueError(f"environment {self.id}: draws no frames: its metadata's render_modes lack rgb_array")
        return all_started([self._start((seed, 0, 0), render) for seed in seeds])

    def native(self, render: bool = False) -> gymnasium.Env:
        """One environment as Gymnasium has it: observations and actions of its own kind and units, after repeats and
        wrappers; in this process. With `render`, `.render()` gives RGB frames `[H, W, 3]`.
        """
        made = Simulator(
            self.id, self.action_repeat, self.max_episode_steps, self.options, render, None, self.wrappers
        ).make()
        return made.env

    @property
    def observation_shape(self) -> ObservationShape:
        """(O,) where a vector is observed, (C, H, W) where an image is, and these by name where several things are."""
        return self._probed.observation_shape

    @property
    def observation_size(self) -> int:
        """O.

        Raises:
            Unfit: a ValueError, where it is not one vector that is observed.
        """
        shape = self.observation_shape
        if isinstance(shape, dict) or len(shape) != 1:
            raise Unfit(f"observation_size: need an environment that gives vectors, {self.id} gives {described(shape)}")
        return shape[0]

    @property
    def discrete_observations(self) -> bool:
        """Whether an observation is one of O states, a one-hot vector `[O]`."""
        return self._probed.discrete_observations

    @property
    def action_size(self) -> int:
        """A: how many numbers, or of how many discrete actions one is chosen."""
        return self._probed.action_size

    @property
    def discrete_actions(self) -> bool:
        """Whether an action is one of A, a one-hot vector `[A]`, instead of A numbers in [-1, 1]."""
        return self._probed.discrete_actions

    @property
    def renders(self) -> bool:
        """Whether it can draw frames: `make_single(seed, render=True)` works."""
        return self._probed.renders

    @cached_property
    def _probed(self) -> "Probed":
        env = self.make_single(0)
        try:
            draws = "rgb_array" in env.metadata.get("render_modes", ())
            assert env.action_space.shape is not None
            discrete = env.discrete_observations, env.discrete_actions
            return Probed(shape_of(env.observation_space), env.action_space.shape[0], *discrete, draws)
        finally:
            env.close()

    def _start(self, stream: tuple[int, int, int], render: bool) -> Callable[[], Episodes]:
        """Starts to make a simulator; what it returns ends that."""
        module = registered_in(self.id) if self.isolated else None
        simulator = Simulator(
            self.id, self.action_repeat, self.max_episode_steps, self.options, render, module, self.wrappers
        )
        ending = start(simulator, self.step_timeout) if self.isolated else simulator.make
        return lambda: Episodes(ending(), self.id, stream)


class Probed(NamedTuple):
    """What one environment tells of all."""

    observation_shape: ObservationShape
    action_size: int
    discrete_observations: bool
    discrete_actions: bool
    renders: bool
