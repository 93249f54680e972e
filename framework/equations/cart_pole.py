"""The equations of motion of a pole on a cart, without friction.

    u       = (F + m l theta'^2 sin theta) / M
    theta'' = (g sin theta - u cos theta) / (l (4/3 - m cos^2 theta / M))
    x''     = u - m l theta'' cos theta / M

theta is 0 upright, l is half the pole's length, m its mass, M the mass of both. Barto, Sutton and Anderson 1983, in the
corrected form of Florian 2007, equations 23 and 24.

A stop that takes the cart's speed x' away jerks the pole's foot: by 4/3 l theta'' + x'' cos theta = g sin theta, which
holds through the jerk, theta' grows by x' cos theta / (4/3 l).
"""

import math
from typing import TypeVar

from torch import Tensor

Real = TypeVar("Real", float, Tensor)

GRAVITY = 9.8  # m/s^2
POLE_MASS = 0.1  # kg
MASS = 1.1  # kg, of cart and pole
HALF_LENGTH = 0.5  # m
FORCE = 10.0  # N at action 1
TRACK = 2.4  # m, from the middle to either end

BALANCE_TIME_STEP = 0.02  # s, one explicit Euler step
LEAN = math.radians(12)  # rad, at which balancing has failed

SWING_UP_TIME_STEP = 0.05  # s
SWING_UP_SUBSTEPS = 2  # semi-implicit Euler steps in it
ACTION_PENALTY = 0.01  # of a^2
POSITION_PENALTY = 0.2  # of x^2, 1/m^2


def cart_pole_accelerations(theta_dot: Real, sin: Real, cos: Real, force: Real) -> tuple[Real, Real]:
    """x'' [m/s^2] and theta'' [rad/s^2], for numbers or tensors of any one shape."""
    push = (force + POLE_MASS * HALF_LENGTH * theta_dot * theta_dot * sin) / MASS
    turning = (GRAVITY * sin - cos * push) / (HALF_LENGTH * (4 / 3 - POLE_MASS / MASS * cos * cos))
    return push - POLE_MASS * HALF_LENGTH / MASS * turning * cos, turning


def jerk_of_stop(x_dot: Real, cos: Real) -> Real:
    """What theta' [rad/s] gains when the cart, moving at x_dot [m/s], is stopped dead."""
    return x_dot * cos / (4 / 3 * HALF_LENGTH)
