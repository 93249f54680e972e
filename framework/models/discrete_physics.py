"""CartPole-v1 and Acrobot-v1: true dynamics, rewards and terminations. Actions are one-hot.

States are the environments' observations. Reward and termination of CartPole-v1 are those of
fulgurite/CartPoleBalance-v0: `cart_pole_balance_reward` and `cart_pole_balance_termination`.
"""

import torch
from torch import Tensor

from ..equations import acrobot, cart_pole
from .physics import Physics


class DiscreteCartPolePhysics(Physics):
    """CartPole-v1: state x, x', theta, theta'; a push of 10 N to the left (0) or right (1) for 0.02 s."""

    def following(self, state: Tensor, action: Tensor) -> Tensor:
        _, x_dot, theta, theta_dot = state.unbind(-1)
        force = cart_pole.FORCE * (action[..., 1] - action[..., 0])
        x_acc, theta_acc = cart_pole.cart_pole_accelerations(theta_dot, theta.sin(), theta.cos(), force)
        return state + cart_pole.BALANCE_TIME_STEP * torch.stack([x_dot, x_acc, theta_dot, theta_acc], -1)


def cart_pole_centred_reward(state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
    """For searching in CartPole-v1: 1 - x^2 / (2 * 2.4^2) - theta^2 / (2 * (12 degrees)^2), after the step.

    The task's 1 a step does not tell a cart that drifts to the end of its track from one in the middle, until it is too
    late for a short search. Not negative before the end: no search gains by falling.
    """
    x, theta = next_state[..., 0] / cart_pole.TRACK, next_state[..., 2] / cart_pole.LEAN
    return 1 - 0.5 * x.square() - 0.5 * theta.square()


class AcrobotPhysics(Physics):
    """Acrobot-v1: state cos and sin of both angles, both speeds; a torque of -1, 0 or 1 N m for 0.2 s."""

    def following(self, state: Tensor, action: Tensor) -> Tensor:
        cos1, sin1, cos2, sin2, speed1, speed2 = state.unbind(-1)
        torque = action[..., 2] - action[..., 0]
        motion = torch.stack([torch.atan2(sin1, cos1), torch.atan2(sin2, cos2), speed1, speed2], -1)
        angle1, angle2, speed1, speed2 = acrobot.runge_kutta(motion, torque).unbind(-1)
        speed1 = speed1.clamp(-acrobot.MAX_SPEED_1, acrobot.MAX_SPEED_1)
        speed2 = speed2.clamp(-acrobot.MAX_SPEED_2, acrobot.MAX_SPEED_2)
        return torch.stack([angle1.cos(), angle1.sin(), angle2.cos(), angle2.sin(), speed1, speed2], -1)


def acrobot_height(state: Tensor) -> Tensor:
    """The tip's height `[*B]` [m] above the upper joint: -cos theta_1 - cos(theta_1 + theta_2)."""
    cos1, sin1, cos2, sin2, _, _ = state.unbind(-1)
    return -cos1 - (cos1 * cos2 - sin1 * sin2)


def acrobot_reward(state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
    """Acrobot-v1: -1 a step, 0 for the one that brings the tip up."""
    return acrobot_termination(next_state) - 1


def acrobot_termination(next_state: Tensor) -> Tensor:
    """Acrobot-v1: 1 where the tip is more than 1 m above the upper joint, else 0."""
    return (acrobot_height(next_state) > acrobot.HEIGHT).to(next_state.dtype)


def acrobot_energy_reward(state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
    """For searching in Acrobot-v1: -1 a step, 0 at the end, and 0.02 a joule of energy gained in the step.

    The task's reward is the same everywhere until the tip is up, which random play does not achieve; but to get there
    the links must gain energy.
    """
    gained = acrobot_energy(next_state) - acrobot_energy(state)
    return acrobot_reward(state, action, next_state) + 0.02 * gained


def acrobot_energy(state: Tensor) -> Tensor:
    """Kinetic and potential energy `[*B]` [J], potential 0 at the upper joint's height."""
    cos1, sin1, cos2, sin2, speed1, speed2 = state.unbind(-1)
    l = acrobot.CENTRE
    both = speed1 + speed2
    kinetic = 0.5 * (1 + l**2) * speed1.square() + 0.5 * speed1.square() + 0.5 * (1 + l**2) * both.square()
    kinetic = kinetic + l * cos2 * speed1 * both
    potential = -acrobot.GRAVITY * ((l + 1) * cos1 + l * (cos1 * cos2 - sin1 * sin2))
    return kinetic + potential
