"""Two small environments: a pole on a cart, to be kept upright, and to be swung up.

    fulgurite/CartPoleBalance-v0    200 steps of 0.02 s, ends when the pole leans over 12 degrees or the cart leaves
    fulgurite/CartPoleSwingUp-v0    200 steps of 0.05 s, starts hanging, never ends early

The action, in [-1, 1], is a force of up to 10 N on the cart. Importing this module registers both with Gymnasium.
"""

import math
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..equations import cart_pole as physics
from .draws_small import DrawsSmall

if TYPE_CHECKING:
    from .play import Episode

UPRIGHT = math.cos(math.radians(12))
CENTRED = 0.5  # m

Observation = NDArray[np.float32]


class CartPole(gymnasium.Env, DrawsSmall):
    """A pole on a cart: what balancing and swing-up have in common.

    Args:
        render_mode: "rgb_array", for frames of 320 x 480 pixels, or None.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 50}  # noqa: RUF012 (Gymnasium's own)

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.observation_space = spaces.Box(-np.inf, np.inf, self.observe(0.0, 0.0, 0.0, 0.0).shape, np.float32)
        self.state = (0.0, 0.0, 0.0, 0.0)  # x [m], x' [m/s], theta [rad] from upright, theta' [rad/s]
        self._action = 0.0

    @abstractmethod
    def observe(self, x: float, x_dot: float, theta: float, theta_dot: float) -> Observation:
        """What is seen of a state."""

    @abstractmethod
    def start(self, noise: NDArray[np.float64]) -> tuple[float, float, float, float]:
        """The state in which an episode starts, for four numbers from -0.05 to 0.05."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        self.state = self.start(self.np_random.uniform(-0.05, 0.05, 4))
        self._action = 0.0
        return self.observe(*self.state), {}

    def push(self, action: NDArray[np.floating]) -> float:
        """The action as a number in [-1, 1]; remembered for drawing."""
        self._action = min(max(float(action[0]), -1.0), 1.0)
        return self._action

    def render(self) -> NDArray[np.uint8]:
        """The scene as seen from the side, `[320, 480, 3]`; an arrow shows the force."""
        from .cart_pole_drawing import draw  # only those who draw pay for pillow's import

        return draw(self.state[0], self.state[2], self._action)

    def draw(self, size: int, camera: int | str = 0) -> NDArray[np.uint8]:
        """The same scene, `[size, size, 3]`, at an eighth of the cost."""
        if camera != 0:
            raise ValueError(f"camera: need 0, the only one, got {camera}")
        from .cart_pole_drawing import draw

        return draw(self.state[0], self.state[2], self._action, finer=1, shape=(size, size))


class CartPoleBalance(CartPole):
    """Keep the pole upright: reward 1 a step.

    Observation x, x', theta, theta'. The task of mbrl-lib's `pets_cartpole` (Pineda et al. 2021): the classic
    constants, explicit Euler steps of 0.02 s, the end where |x| > 2.4 m or |theta| > 12 degrees.
    """

    def observe(self, x: float, x_dot: float, theta: float, theta_dot: float) -> Observation:
        return np.array([x, x_dot, theta, theta_dot], np.float32)

    def start(self, noise: NDArray[np.float64]) -> tuple[float, float, float, float]:
        x, x_dot, theta, theta_dot = noise.tolist()
        return x, x_dot, theta, theta_dot

    def step(self, action: NDArray[np.floating]) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        x, x_dot, theta, theta_dot = self.state
        force = physics.FORCE * self.push(action)
        x_acc, theta_acc = physics.cart_pole_accelerations(theta_dot, math.sin(theta), math.cos(theta), force)
        dt = physics.BALANCE_TIME_STEP
        self.state = (x + dt * x_dot, x_dot + dt * x_acc, theta + dt * theta_dot, theta_dot + dt * theta_acc)
        ended = abs(self.state[0]) > physics.TRACK or abs(self.state[2]) > physics.LEAN
        return self.observe(*self.state), 1.0, ended, False, {}


class CartPoleSwingUp(CartPole):
    """Swing the pole up and hold it in the middle: reward cos theta - 0.01 a^2 - 0.2 x^2, after the step.

    Observation x, x', cos theta, sin theta, theta'. The cart stops dead at the ends of its track, 2.4 m from
    the middle.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012

    def observe(self, x: float, x_dot: float, theta: float, theta_dot: float) -> Observation:
        return np.array([x, x_dot, math.cos(theta), math.sin(theta), theta_dot], np.float32)

    def start(self, noise: NDArray[np.float64]) -> tuple[float, float, float, float]:
        x, x_dot, theta, theta_dot = noise.tolist()
        return x, x_dot, math.pi + theta, theta_dot

    def step(self, action: NDArray[np.floating]) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        x, x_dot, theta, theta_dot = self.state
        pushed = self.push(action)
        dt = physics.SWING_UP_TIME_STEP / physics.SWING_UP_SUBSTEPS
        for _ in range(physics.SWING_UP_SUBSTEPS):
            sin, cos = math.sin(theta), math.cos(theta)
            x_acc, theta_acc = physics.cart_pole_accelerations(theta_dot, sin, cos, physics.FORCE * pushed)
            x_dot, theta_dot = x_dot + dt * x_acc, theta_dot + dt * theta_acc
            x, theta = x + dt * x_dot, theta + dt * theta_dot
            if abs(x) > physics.TRACK:
                theta_dot += physics.jerk_of_stop(x_dot, math.cos(theta))
                x, x_dot = math.copysign(physics.TRACK, x), 0.0
        self.state = (x, x_dot, theta, theta_dot)
        reward = math.cos(theta) - physics.ACTION_PENALTY * pushed**2 - physics.POSITION_PENALTY * x**2
        return self.observe(*self.state), reward, False, False, {}


def solved(episode: "Episode") -> bool:
    """Whether a swing-up ends well: its last 50 steps upright within 12 degrees and within 0.5 m of the middle."""
    seen = episode.transitions["next", "observation"][-50:]  # [50, 5]
    return len(seen) == 50 and bool(((seen[:, 2] > UPRIGHT) & (seen[:, 0].abs() < CENTRED)).all())


gymnasium.register("fulgurite/CartPoleBalance-v0", f"{__name__}:CartPoleBalance", max_episode_steps=200)
gymnasium.register("fulgurite/CartPoleSwingUp-v0", f"{__name__}:CartPoleSwingUp", max_episode_steps=200)
