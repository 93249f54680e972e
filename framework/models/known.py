"""Rewards and terminations that are known, for the reward and termination slots of a recipe.

    reward(state [*B, S], action [*B, A], next state [*B, S]) -> [*B]        termination(next state [*B, S]) -> [*B]

States are the environments' observations; actions lie in [-1, 1] and are clipped to them, as the environments do.
"""

import torch
from torch import Tensor

from ..equations import cliff
from ..equations.cart_pole import ACTION_PENALTY, LEAN, POSITION_PENALTY, TRACK


def pendulum_reward(state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
    """Pendulum-v1: -(theta^2 + 0.1 theta'^2 + 0.001 u^2) before the step; theta from upright, u = 2 a N m.

    State cos theta, sin theta, theta'.
    """
    theta = torch.atan2(state[..., 1], state[..., 0])
    torque = 2 * action[..., 0].clamp(-1, 1)
    return -(theta.square() + 0.1 * state[..., 2].square() + 0.001 * torque.square())


def cart_pole_balance_reward(state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
    """fulgurite/CartPoleBalance-v0: 1 a step, the last one included."""
    return torch.ones_like(next_state[..., 0])


def cart_pole_balance_termination(next_state: Tensor) -> Tensor:
    """fulgurite/CartPoleBalance-v0: 1 where the cart has left its track or the pole leans over 12 degrees, else 0."""
    ended = (next_state[..., 0].abs() > TRACK) | (next_state[..., 2].abs() > LEAN)
    return ended.to(next_state.dtype)


def cart_pole_swing_up_reward(state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
    """fulgurite/CartPoleSwingUp-v0: cos theta - 0.01 a^2 - 0.2 x^2, after the step.

    State x, x', cos theta, sin theta, theta'. A cosine above 1, which only a learned model predicts, earns no more.
    """
    upright = next_state[..., 2].clamp(-1, 1)
    effort = action[..., 0].clamp(-1, 1).square()
    return upright - ACTION_PENALTY * effort - POSITION_PENALTY * next_state[..., 0].square()


def inverted_pendulum_reward(state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
    """InvertedPendulum-v5: 1 where the pole still stands after the step, else 0. State x, theta, x', theta'."""
    return 1 - inverted_pendulum_termination(next_state)


def inverted_pendulum_termination(next_state: Tensor) -> Tensor:
    """InvertedPendulum-v5: 1 where |theta| > 0.2 rad or the state is not finite, else 0."""
    ended = (next_state[..., 1].abs() > 0.2) | ~next_state.isfinite().all(-1)
    return ended.to(next_state.dtype)


def inverted_pendulum_shaped_reward(state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
    """For planning in InvertedPendulum-v5: 1 / (1 + 25 theta^2 + 4 x^2 + 0.2 theta'^2 + 0.5 x'^2).

    The task's reward does not tell a cart that drifts to the end of its rail from one that stays in the middle, until
    it is too late for a short horizon. At most the task's reward, and always positive: no plan gains by falling.
    """
    x, theta, x_dot, theta_dot = next_state.square().unbind(-1)
    return 1 / (1 + 25 * theta + 4 * x + 0.2 * theta_dot + 0.5 * x_dot)


def half_cheetah_reward(state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
    """HalfCheetah-v5: forward speed [m/s] - 0.1 |a|^2, with the speed observed before and after the step averaged.

    The environment takes the distance made within the step, of which the observation tells nothing: the average of the
    two speeds is 0.13 m/s off on random motion (root mean square, no bias), the later speed alone 0.19.
    """
    speed = (state[..., 8] + next_state[..., 8]) / 2
    return speed - 0.1 * action.clamp(-1, 1).square().sum(-1)


def hopper_termination(next_state: Tensor) -> Tensor:
    """Hopper-v5: 1 unless the torso is over 0.7 m high, leans less than 0.2 rad and nothing is beyond 100, else 0.

    The environment looks at velocities before it cuts them off at 10 for the observation, which is beyond any limit.
    """
    height, lean = next_state[..., 0], next_state[..., 1]
    healthy = (height > 0.7) & (lean.abs() < 0.2) & (next_state[..., 1:].abs() < 100).all(-1)
    return (~healthy).to(next_state.dtype)


def cliff_reward(state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
    """fulgurite/Cliff-v0: the way made to the right, less the distance from the edge and a fall. State x, y."""
    x, y = next_state.unbind(-1)
    return x - state[..., 0] - cliff.DETOUR * y.abs() - cliff.FALL * fallen(next_state).to(x.dtype)


def cliff_termination(next_state: Tensor) -> Tensor:
    """fulgurite/Cliff-v0: 1 after a fall and at the goal, else 0."""
    return (fallen(next_state) | (next_state[..., 0] >= cliff.GOAL)).to(next_state.dtype)


def fallen(state: Tensor) -> Tensor:
    """Whether a walker at x, y is over the edge of the cliff: `[*B]`."""
    x, y = state.unbind(-1)
    return (y < 0) & (x > cliff.EDGE_FROM) & (x < cliff.EDGE_TO)
