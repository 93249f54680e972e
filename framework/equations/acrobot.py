"""The equations of motion of an acrobot: two links, a motor at the joint between them, no friction.

    theta_2'' = (u + d_2 / d_1 phi_1 - m l l_c theta_1'^2 sin theta_2 - phi_2) / (m l_c^2 + I - d_2^2 / d_1)
    theta_1'' = -(d_2 theta_2'' + phi_1) / d_1
    d_1 = m l_c^2 + m (l^2 + l_c^2 + 2 l l_c cos theta_2) + 2 I          d_2 = m (l_c^2 + l l_c cos theta_2) + I
    phi_2 = m l_c g cos(theta_1 + theta_2 - pi/2)
    phi_1 = -m l l_c theta_2' (theta_2' + 2 theta_1') sin theta_2 + m (l_c + l) g cos(theta_1 - pi/2) + phi_2

theta_1 is 0 hanging, theta_2 is 0 when stretched; both links have m = l = I = 1 and l_c = 1/2. Sutton and Barto 1998,
section 11.3, which Gymnasium's Acrobot-v1 follows.
"""

import math

import torch
from torch import Tensor

GRAVITY = 9.8  # m/s^2
CENTRE = 0.5  # m, l_c
TIME_STEP = 0.2  # s, one Runge-Kutta step
MAX_SPEED_1, MAX_SPEED_2 = 4 * math.pi, 9 * math.pi  # rad/s
HEIGHT = 1.0  # m above the upper joint, which the tip must pass


def derivative(motion: Tensor, torque: Tensor) -> Tensor:
    """The time derivative of theta_1, theta_2, theta_1', theta_2' `[*B, 4]` under torques `[*B]` [N m]."""
    angle1, angle2, speed1, speed2 = motion.unbind(-1)
    sin, cos = angle2.sin(), angle2.cos()
    d1 = CENTRE**2 + 1 + CENTRE**2 + 2 * CENTRE * cos + 2
    d2 = CENTRE**2 + CENTRE * cos + 1
    phi2 = CENTRE * GRAVITY * (angle1 + angle2).sin()
    phi1 = -CENTRE * speed2 * (speed2 + 2 * speed1) * sin + (CENTRE + 1) * GRAVITY * angle1.sin() + phi2
    pushed = torque + d2 / d1 * phi1 - CENTRE * speed1.square() * sin - phi2
    turning2 = pushed / (CENTRE**2 + 1 - d2.square() / d1)
    turning1 = -(d2 * turning2 + phi1) / d1
    return torch.stack([speed1, speed2, turning1, turning2], -1)


def runge_kutta(motion: Tensor, torque: Tensor, dt: float = TIME_STEP) -> Tensor:
    """One classical fourth-order step of `dt` [s] under a constant torque."""
    k1 = derivative(motion, torque)
    k2 = derivative(motion + dt / 2 * k1, torque)
    k3 = derivative(motion + dt / 2 * k2, torque)
    k4 = derivative(motion + dt * k3, torque)
    return motion + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
