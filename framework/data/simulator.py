"""One simulator, made from plain words: all that a process of its own has to be told.

It imports neither torch nor TorchRL, which would cost every such process seconds and 200 MB.
"""

import warnings
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import gymnasium

from ..recipe_error import MissingExtra
from .environment_wrapper import EnvironmentWrapper
from .gymnasium_wrappers import ActionRepeat, Convention
from .mujoco_setting import draw_cheaply, mujoco_model, set_up_drawing, set_up_mujoco
from .renderer import choose_renderer, expect_renderer

DM_CONTROL = "dm_control/"


@dataclass(frozen=True)
class Simulator:
    """The arguments of `Environment` that make one simulator, and whether it draws.

    Attributes:
        render: whether it draws for others; a wrapper that draws makes it draw in any case.
        registered_in: a module whose import may register the id with Gymnasium, or None.
    """

    id: str
    action_repeat: int = 1
    max_episode_steps: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    render: bool = False
    registered_in: str | None = None
    wrappers: dict[str, EnvironmentWrapper] = field(default_factory=dict)

    def make(self) -> Convention:
        """The environment in the framework's convention.

        Raises:
            ValueError: for an unknown id, a space that the framework cannot serve, a wrapper that does not fit, and
                where it shall draw and cannot.
            MissingExtra: when its package is not installed.
        """
        set_up_drawing()
        if self._draws or self.id.startswith(DM_CONTROL):
            choose_renderer()
        set_up_mujoco()
        try:
            return Convention(self._wrapped(self._bare()))
        except gymnasium.error.DependencyNotInstalled as error:
            if "mujoco" in str(error).lower():
                raise MissingExtra("mujoco") from error
            raise ValueError(f"environment {self.id}: {error}") from error
        except (gymnasium.error.Error, ModuleNotFoundError, TypeError, ValueError) as error:
            said, _, _ = str(error).partition(" was raised from the environment creator")  # then all options, keys too
            raise ValueError(f"environment {self.id}: {said}") from error

    @property
    def _draws(self) -> bool:
        return self.render or any(wrapper.draws for wrapper in self.wrappers.values())

    def _wrapped(self, env: gymnasium.Env) -> gymnasium.Env:
        """Repeats come first: what wrappers do is done once for each action."""
        if self._draws:
            if mujoco_model(env) is not None or self.id.startswith(DM_CONTROL):
                expect_renderer()
            draw_cheaply(env)
        if self.action_repeat > 1:
            env = ActionRepeat(env, self.action_repeat)
        for name, wrapper in self.wrappers.items():
            try:
                env = wrapper.wrap(env)
                if not isinstance(env, gymnasium.Env):
                    raise TypeError(f"expected a gymnasium.Env from {type(wrapper).__name__}, got {env!r}")
            except (TypeError, ValueError) as error:
                raise ValueError(f"wrappers.{name}: {error}") from error
        return env

    def _bare(self) -> gymnasium.Env:
        limit = self.max_episode_steps
        mode = "rgb_array" if self._draws else None
        if not self.id.startswith(DM_CONTROL):
            if self.registered_in is not None:
                import_module(self.registered_in)
            drawn = {} if mode is None else {"render_mode": mode}  # not all constructors take it
            try:
                with warnings.catch_warnings():  # one that does not draw raises, which says enough
                    warnings.filterwarnings("ignore", ".*initialised with render_mode")
                    return gymnasium.make(self.id, limit, disable_env_checker=True, **drawn, **self.options)
            except TypeError as error:
                if "'render_mode'" not in str(error):
                    raise
                raise ValueError("draws no frames: its constructor takes no render_mode") from error
        if find_spec("dm_control") is None:
            raise MissingExtra("dm_control")
        from .dm_control import DMControl

        domain, _, task = self.id.removeprefix(DM_CONTROL).partition("-")
        env: gymnasium.Env = DMControl(domain, task, render_mode=mode, **self.options)
        return env if limit is None else gymnasium.wrappers.TimeLimit(env, limit)


def registered_in(id: str) -> str | None:
    """The module of an environment's class, for an id that this process knows without importing anything first.

    Raises:
        ValueError: for a class of the script that was started, which another process cannot import.
    """
    spec = gymnasium.registry.get(id)
    if spec is None or spec.entry_point is None:
        return None
    entry = spec.entry_point
    module = entry.partition(":")[0] if isinstance(entry, str) else entry.__module__
    if module == "__main__":
        raise ValueError(
            f"environment {id}: isolated: expected an environment that another process can import, got one of the "
            "script that was started: put it into a module and name it as id module:Id-v0"
        )
    return module
