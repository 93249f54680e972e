"""The equations of motion of Gymnasium's MuJoCo InvertedPendulum.

    (M + m) x''       + m r cos(phi) phi''   = F - d x' + m r sin(phi) phi'^2
    m r cos(phi) x''  + (I + m r^2) phi''    = m g r sin(phi) - d phi'             phi = theta + offset

M is the cart's mass, m the pole's, r the distance of its centre of mass from the hinge, I its inertia about that
centre, d the damping of both joints. Numbers from the compiled `inverted_pendulum.xml`; the pole is drawn to
(0.001, 0, 0.6), so its centre of mass is a little off theta = 0.
"""

import math

import torch
from torch import Tensor

GRAVITY = 9.81  # m/s^2
CART_MASS = 10.47197551196598  # kg
POLE_MASS = 5.018591641363306  # kg
POLE_INERTIA = 0.1887497668730885  # kg m^2
DISTANCE = math.hypot(0.0005, 0.3)  # m
OFFSET = math.atan2(0.0005, 0.3)  # rad
DAMPING = 1.0  # N s/m and N m s/rad
FORCE = 300.0  # N at action 1
TIME_STEP = 0.02  # s, one Runge-Kutta step
FRAME_SKIP = 2  # steps an action lasts


def derivative(state: Tensor, force: Tensor) -> Tensor:
    """The time derivative of states x, theta, x', theta' `[*B, 4]` under forces `[*B]` [N], off the rail's ends."""
    _, theta, x_dot, theta_dot = state.unbind(-1)
    phi = theta + OFFSET
    coupling = POLE_MASS * DISTANCE * phi.cos()
    turned = POLE_INERTIA + POLE_MASS * DISTANCE**2
    pushed = force - DAMPING * x_dot + POLE_MASS * DISTANCE * phi.sin() * theta_dot.square()
    tipped = POLE_MASS * GRAVITY * DISTANCE * phi.sin() - DAMPING * theta_dot
    determinant = (CART_MASS + POLE_MASS) * turned - coupling.square()
    x_acc = (turned * pushed - coupling * tipped) / determinant
    theta_acc = ((CART_MASS + POLE_MASS) * tipped - coupling * pushed) / determinant
    return torch.stack([x_dot, theta_dot, x_acc, theta_acc], -1)


def runge_kutta(state: Tensor, force: Tensor, dt: float) -> Tensor:
    """One classical fourth-order step of `dt` [s] under a constant force."""
    k1 = derivative(state, force)
    k2 = derivative(state + dt / 2 * k1, force)
    k3 = derivative(state + dt / 2 * k2, force)
    k4 = derivative(state + dt * k3, force)
    return state + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
