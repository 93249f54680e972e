"""The equation of motion of a driven pendulum, a uniform rod: Gymnasium's `Pendulum-v1`, with friction added.

    theta'' = 3 g / (2 l) sin theta + ( 3 u - 3 b theta' ) / (m l^2)        theta from upright

Semi-implicit Euler: the speed first, then the angle with the new speed. Gymnasium's own has g = 10, m = l = 1, b = 0.
"""

import torch
from torch import Tensor

TIME_STEP, MAX_TORQUE, MAX_SPEED = 0.05, 2.0, 8.0  # s, N m, rad/s
GRAVITY = 10.0  # m/s^2

Constant = Tensor | float


def pendulum_step(state: Tensor, action: Tensor, mass: Constant, length: Constant, friction: Constant) -> Tensor:
    """The state (cos theta, sin theta, theta') `[*B, 3]` one time step later, under actions `[*B, 1]` in [-1, 1].

    Mass in kg, length in m and friction in N m s are numbers or broadcast to `[*B]`.
    """
    cos, sin, theta_dot = state.unbind(-1)
    torque = MAX_TORQUE * action[..., 0].clamp(-1, 1)
    acceleration = 1.5 * GRAVITY / length * sin + 3 * (torque - friction * theta_dot) / (mass * length**2)
    theta_dot = (theta_dot + acceleration * TIME_STEP).clamp(-MAX_SPEED, MAX_SPEED)
    theta = torch.atan2(sin, cos) + theta_dot * TIME_STEP
    return torch.stack([theta.cos(), theta.sin(), theta_dot], -1)
