"""The true dynamics of the small tasks, as Dynamics without parameters.

A recipe that names one of them plans in the task's own world: what a planner reaches there is what a perfect model
would give it. States are the environments' observations.
"""

from abc import abstractmethod

import torch
from tensordict import TensorDictBase
from torch import Tensor

from ..equations import cart_pole, inverted_pendulum
from ..equations.pendulum import pendulum_step
from .dynamics import Dynamics
from .head import DeltaAt


class Physics(Dynamics):
    """Dynamics that are known and certain: nothing to learn, nothing to draw."""

    @abstractmethod
    def following(self, state: Tensor, action: Tensor) -> Tensor:
        """The next state `[*B, S]` of states `[*B, S]` under actions `[*B, A]`, which are clipped to [-1, 1]."""

    def sample_parameters(self, particles: int, generator: torch.Generator | None = None) -> None:
        return None

    def predict(self, state: Tensor, action: Tensor, theta: None) -> torch.distributions.Distribution:
        """A point mass at the next state."""
        return torch.distributions.Independent(DeltaAt(self.following(state, action)), 1)

    def step(self, state: Tensor, action: Tensor, theta: None, noise: Tensor | None) -> Tensor:
        return self.following(state, action)

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        return {}


class PendulumPhysics(Physics):
    """Pendulum-v1: state cos theta, sin theta, theta' from upright; semi-implicit Euler steps of 0.05 s.

    The equation is that of `equations/pendulum.py` with m = l = 1 and no friction.
    """

    def following(self, state: Tensor, action: Tensor) -> Tensor:
        return pendulum_step(state, action, mass=1.0, length=1.0, friction=0.0)


class CartPolePhysics(Physics):
    """fulgurite/CartPoleBalance-v0: state x, x', theta, theta'; explicit Euler steps of 0.02 s."""

    def following(self, state: Tensor, action: Tensor) -> Tensor:
        _, x_dot, theta, theta_dot = state.unbind(-1)
        force = cart_pole.FORCE * action[..., 0].clamp(-1, 1)
        x_acc, theta_acc = cart_pole.cart_pole_accelerations(theta_dot, theta.sin(), theta.cos(), force)
        return state + cart_pole.BALANCE_TIME_STEP * torch.stack([x_dot, x_acc, theta_dot, theta_acc], -1)


class CartPoleSwingUpPhysics(Physics):
    """fulgurite/CartPoleSwingUp-v0: state x, x', cos theta, sin theta, theta'; two semi-implicit steps of 0.025 s."""

    def following(self, state: Tensor, action: Tensor) -> Tensor:
        x, x_dot, cos, sin, theta_dot = state.unbind(-1)
        force = cart_pole.FORCE * action[..., 0].clamp(-1, 1)
        theta = torch.atan2(sin, cos)
        dt = cart_pole.SWING_UP_TIME_STEP / cart_pole.SWING_UP_SUBSTEPS
        for _ in range(cart_pole.SWING_UP_SUBSTEPS):
            x_acc, theta_acc = cart_pole.cart_pole_accelerations(theta_dot, theta.sin(), theta.cos(), force)
            x_dot, theta_dot = x_dot + dt * x_acc, theta_dot + dt * theta_acc
            x, theta = x + dt * x_dot, theta + dt * theta_dot
            stopped = x.abs() > cart_pole.TRACK
            theta_dot = torch.where(stopped, theta_dot + cart_pole.jerk_of_stop(x_dot, theta.cos()), theta_dot)
            x_dot = torch.where(stopped, torch.zeros_like(x_dot), x_dot)
            x = x.clamp(-cart_pole.TRACK, cart_pole.TRACK)
        return torch.stack([x, x_dot, theta.cos(), theta.sin(), theta_dot], -1)


class InvertedPendulumPhysics(Physics):
    """InvertedPendulum-v5: state x, theta, x', theta'; two Runge-Kutta steps of 0.02 s.

    Exact while the cart is off its rail's ends at |x| = 1 m, whose soft stops are not modelled.
    """

    def following(self, state: Tensor, action: Tensor) -> Tensor:
        force = inverted_pendulum.FORCE * action[..., 0].clamp(-1, 1)
        for _ in range(inverted_pendulum.FRAME_SKIP):
            state = inverted_pendulum.runge_kutta(state, force, inverted_pendulum.TIME_STEP)
        return state
