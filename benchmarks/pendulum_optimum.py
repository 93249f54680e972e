"""What no policy can beat on Pendulum-v1: dynamic programming on a grid.

    V_T = 0        V_t(theta, omega) = max_u [ r(theta, omega, u) + V_{t+1}(theta', omega') ]

with V interpolated bilinearly between the grid's points. The regret of a policy from a start is the return of the
greedy policy of V from there, less its own. Bellman 1957, chapter III; the physics are Gymnasium's `Pendulum-v1`.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

STEPS = 200
MAX_SPEED, MAX_TORQUE = 8.0, 2.0  # rad/s, Nm
GRAVITY, MASS, LENGTH, TIME_STEP = 10.0, 1.0, 1.0, 0.05


def pendulum(theta: Tensor, omega: Tensor, torque: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Next angle in [-pi, pi], next speed and reward, in float64 if the arguments are; all broadcast together."""
    reward = -(theta.square() + 0.1 * omega.square() + 0.001 * torque.square())
    acceleration = 1.5 * GRAVITY / LENGTH * theta.sin() + 3 / (MASS * LENGTH**2) * torque
    omega = (omega + acceleration * TIME_STEP).clamp(-MAX_SPEED, MAX_SPEED)
    theta = theta + omega * TIME_STEP
    return torch.remainder(theta + math.pi, 2 * math.pi) - math.pi, omega, reward


def interpolated(value: Tensor, theta: Tensor, omega: Tensor) -> Tensor:
    """The value on a grid `[omega, theta]` at points `[X, Y]`; both ends of the grid's theta are the same angle."""
    points = torch.stack([theta / math.pi, omega / MAX_SPEED], -1)[None]  # [1, X, Y, 2] in [-1, 1]
    return grid_sample(value[None, None], points, "bilinear", "border", align_corners=True)[0, 0]


def values(points: int = 301, torques: int = 31, steps: int = STEPS) -> list[Tensor]:
    """V_0 ... V_steps, each `[points, points]` over (omega, theta)."""
    omega = torch.linspace(-MAX_SPEED, MAX_SPEED, points)[:, None, None]
    theta = torch.linspace(-math.pi, math.pi, points)[None, :, None]
    torque = torch.linspace(-MAX_TORQUE, MAX_TORQUE, torques)[None, None, :]
    next_theta, next_omega, reward = (
        x.expand(points, points, torques).flatten(0, 1) for x in pendulum(theta, omega, torque)
    )
    found = [torch.zeros(points, points)]
    for _ in range(steps):
        future = interpolated(found[-1], next_theta, next_omega)  # [omega theta, torque]
        found.append((reward + future).amax(-1).view(points, points))
    return found[::-1]


def greedy_returns(value: list[Tensor], theta: Tensor, omega: Tensor, torques: int = 201) -> Tensor:
    """Returns `[B]` of the greedy policy from angles and speeds `[B]`, on the exact physics."""
    theta, omega = theta.double(), omega.double()
    choices = torch.linspace(-MAX_TORQUE, MAX_TORQUE, torques, dtype=torch.float64)
    total = torch.zeros_like(theta)
    for following in value[1:]:
        next_theta, next_omega, reward = pendulum(theta[:, None], omega[:, None], choices)  # [B, torque]
        future = interpolated(following, next_theta.float(), next_omega.float())
        best = (reward + future).argmax(-1, keepdim=True)
        theta, omega = next_theta.gather(1, best)[:, 0], next_omega.gather(1, best)[:, 0]
        total += reward.gather(1, best)[:, 0]
    return total


def optimal_returns(observation: Tensor) -> Tensor:
    """The optimum `[B]` from first observations `[B, 3]` (cos theta, sin theta, omega)."""
    cos, sin, omega = observation.unbind(-1)
    return greedy_returns(values(), torch.atan2(sin, cos), omega)
