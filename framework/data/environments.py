"""Environments, made to one convention from a recipe's few words.

Whatever an environment is at home (Gymnasium, DeepMind Control, the user's own), here it gives float32 vectors, takes
actions in [-1, 1] or one-hot vectors, repeats them, and draws the seed of every episode from one stream.
"""

from functools import cached_property, partial
from importlib.util import find_spec
from typing import Any

import gymnasium
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from tensordict import TensorDictBase
from torchrl.envs import EnvBase, GymWrapper, TransformedEnv

from ..recipe_error import MissingExtra
from . import cart_pole as cart_pole  # these register our environments
from . import cliff as cliff
from . import tictactoe as tictactoe
from .episodes import Episodes
from .gymnasium_wrappers import Convention
from .mujoco_setting import draw_cheaply, set_up_mujoco

DM_CONTROL = "dm_control/"


class Environment:
    """A recipe for environments; nothing is made until asked for.

    Args:
        id: registered with Gymnasium (`Pendulum-v1`), `module:Id-v0` to import the module that registers it first, or
            `dm_control/<domain>-<task>`.
        num_envs: environments that `make` steps together.
        action_repeat: simulator steps an action lasts; rewards are summed.
        max_episode_steps: time limit in simulator steps; None for the environment's own.
        options: keyword arguments of the environment's constructor.

    Raises:
        ValueError: for numbers below 1; from what makes an environment, for an unknown id or a space that the
            framework cannot serve.
        MissingExtra: from what makes an environment, when its package is not installed.
    """

    def __init__(
        self,
        id: str,
        num_envs: int = 1,
        action_repeat: int = 1,
        max_episode_steps: int | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        for name, number in {"num_envs": num_envs, "action_repeat": action_repeat}.items():
            if number < 1:
                raise ValueError(f"{name}: need at least 1, got {number}")
        if max_episode_steps is not None and max_episode_steps < 1:
            raise ValueError(f"max_episode_steps: need at least 1 or none, got {max_episode_steps}")
        self.id = id
        self.num_envs = num_envs
        self.action_repeat = action_repeat
        self.max_episode_steps = max_episode_steps
        self.options = dict(options or {})

    def make(self, seed: int, rank: int = 0, first: int = 0) -> EnvBase:
        """A TorchRL environment of batch size `[num_envs]` whose resets are seeded by (seed, rank, first and on).

        Entries: `observation [B, O]`, `action [B, A]`, `reward [B, 1]`, `terminated`, `truncated`, `done [B, 1]`.
        """
        factories = [partial(self._make, (seed, rank, index), False) for index in range(first, first + self.num_envs)]
        return _Batched(_Together(factories, autoreset_mode=AutoresetMode.DISABLED), device="cpu")

    def make_single(self, seed: int, render: bool = False) -> gymnasium.Env:
        """One Gymnasium environment of the same convention; with `render`, `.render()` gives RGB frames `[H, W, 3]`.

        Raises:
            ValueError: with `render`, unless it `renders`.
        """
        if render and not self.renders:
            raise ValueError(f"environment {self.id}: draws no frames: its metadata's render_modes lack rgb_array")
        return self._make((seed, 0, 0), render)

    @property
    def observation_size(self) -> int:
        """O."""
        return self._probed[0]

    @property
    def action_size(self) -> int:
        """A: how many numbers, or of how many discrete actions one is chosen."""
        return self._probed[1]

    @property
    def discrete_actions(self) -> bool:
        """Whether an action is one of A, a one-hot vector `[A]`, instead of A numbers in [-1, 1]."""
        return self._probed[3]

    @property
    def renders(self) -> bool:
        """Whether it can draw frames: `make_single(seed, render=True)` works."""
        return self._probed[2]

    @cached_property
    def _probed(self) -> tuple[int, int, bool, bool]:
        env = self.make_single(0)
        try:
            draws = "rgb_array" in env.metadata.get("render_modes", ())
            discrete: bool = env.get_wrapper_attr("discrete_actions")
            return spaces.flatdim(env.observation_space), spaces.flatdim(env.action_space), draws, discrete
        finally:
            env.close()

    def _make(self, stream: tuple[int, int, int], render: bool) -> Episodes:
        set_up_mujoco()
        try:
            env = self._simulator("rgb_array" if render else None)
            if render:
                draw_cheaply(env)
            return Episodes(Convention(env, self.action_repeat), self.id, stream)
        except gymnasium.error.DependencyNotInstalled as error:
            if "mujoco" in str(error).lower():
                raise MissingExtra("mujoco") from error
            raise ValueError(f"environment {self.id}: {error}") from error
        except (gymnasium.error.Error, ModuleNotFoundError, TypeError, ValueError) as error:
            raise ValueError(f"environment {self.id}: {error}") from error

    def _simulator(self, mode: str | None) -> gymnasium.Env:
        limit = self.max_episode_steps
        if not self.id.startswith(DM_CONTROL):
            drawn = {} if mode is None else {"render_mode": mode}  # not all constructors take it
            return gymnasium.make(self.id, limit, disable_env_checker=True, **drawn, **self.options)
        if find_spec("dm_control") is None:
            raise MissingExtra("dm_control")
        from .dm_control import DMControl

        domain, _, task = self.id.removeprefix(DM_CONTROL).partition("-")
        env: gymnasium.Env = DMControl(domain, task, render_mode=mode, **self.options)
        return env if limit is None else gymnasium.wrappers.TimeLimit(env, limit)


class _Together(SyncVectorEnv):
    """Steps environments one after the other and drops their `info`, whose entries need not stack."""

    def _add_info(self, vector_infos: dict[str, Any], env_info: dict[str, Any], env_num: int) -> dict[str, Any]:
        return vector_infos


class _Batched(GymWrapper):
    """TorchRL's wrapper, which by itself cannot be reset as a whole when a tensordict is passed."""

    def _reset(self, tensordict: TensorDictBase | None = None, **options: Any) -> TensorDictBase:
        partial_reset = tensordict is not None and "_reset" in tensordict
        return super()._reset(tensordict if partial_reset else None, **options)


def simulators(env: EnvBase) -> list[Episodes]:
    """The environments inside what `Environment.make` gave, in the order of its batch."""
    while isinstance(env, TransformedEnv):
        env = env.base_env
    return list(env._env.envs)
