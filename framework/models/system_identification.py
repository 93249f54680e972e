"""System identification: known equations of motion with a few unknown constants, fitted to transitions.

    s' ~ N( f(s, a; c), diag(sigma^2) )        loss = -log N(s'; f(s, a; c), sigma^2),   c = exp(phi) > 0

f is physics, c are masses, lengths and the like. Where f is right, a handful of transitions says all there is to know
and the model is right everywhere; where f is wrong, no amount of data helps, and sigma grows to admit it.
Ljung 1999, System Identification, section 7.4 (the prediction error method with a Gaussian likelihood).
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn

from ..equations.gaussian import gaussian_nll
from ..equations.pendulum import pendulum_step
from .dynamics import Dynamics

STD_FLOOR = 1e-3  # of one step, in the state's units: residuals below are rounding, and their likelihood has no bound


class Constants(NamedTuple):
    """A fit: constants by name, each a scalar in SI units, and the deviation `[S]` of what the equation leaves open."""

    values: dict[str, Tensor]
    std: Tensor


class SystemIdentification(Dynamics):
    """What fitted equations share.

    Args:
        size: of the state S.
        constants: by name, positive: where the fit starts, or what is taken for true.
        learned: names of those that are fitted.
        learning_rate, gradient_clip: see `Model`; of the constants' logarithms, so a share of each constant an update.

    Raises:
        ValueError: for a constant that is not positive, and for a learned one that is none of them.
    """

    fixed: Tensor

    def __init__(
        self,
        size: int,
        constants: Mapping[str, float],
        learned: Sequence[str],
        learning_rate: float,
        gradient_clip: float | None,
    ) -> None:
        super().__init__(learning_rate=learning_rate, gradient_clip=gradient_clip)
        unknown = [name for name in learned if name not in constants]
        if unknown:
            raise ValueError(f"learned: need some of {', '.join(constants)}, got {', '.join(unknown)}")
        for name, value in constants.items():
            if not value > 0 and name in learned:
                raise ValueError(f"{name}: need a number above 0 to start from, got {value}")
        self.names = tuple(constants)
        self.log_constants = nn.ParameterDict({name: torch.tensor(constants[name]).log() for name in learned})
        self.register_buffer("fixed", torch.tensor([constants[name] for name in self.names]))
        self.log_std = nn.Parameter(torch.full((size,), -1.0))

    @abstractmethod
    def following(self, state: Tensor, action: Tensor, constants: Mapping[str, Tensor]) -> Tensor:
        """The equation of motion: the next state `[*B, S]` of `[*B, S]` under actions `[*B, A]`."""

    def constants(self) -> Constants:
        """The fit as it is, with gradient."""
        values = {
            name: self.log_constants[name].exp() if name in self.log_constants else fixed
            for name, fixed in zip(self.names, self.fixed.unbind(0), strict=True)
        }
        return Constants(values, (self.log_std.exp().square() + STD_FLOOR**2).sqrt())

    @torch.no_grad()
    def sample_parameters(self, particles: int, generator: torch.Generator | None = None) -> Constants:
        """The one fit, for all particles: with so few constants the data soon leave no doubt."""
        return self.constants()

    def predict(self, state: Tensor, action: Tensor, theta: Constants) -> torch.distributions.Distribution:
        """A diagonal Gaussian around the equation's next state."""
        mean = self.following(state, action, theta.values)
        return torch.distributions.Independent(torch.distributions.Normal(mean, theta.std), 1)

    def step(self, state: Tensor, action: Tensor, theta: Constants, noise: Tensor | None) -> Tensor:
        mean = self.following(state, action, theta.values)
        return mean if noise is None else mean + noise * theta.std

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        theta = self.constants()
        mean = self.following(batch["state"], batch["action"], theta.values)
        nll = gaussian_nll(batch["next", "state"], mean, 2 * theta.std.log())
        return {"dynamics": nll.sum(-1).mean()}


class IdentifiedPendulum(SystemIdentification):
    """Pendulum-v1's equation with unknown mass, length and friction; gravity and the motor are known.

    The truth is a mass of 1 kg, a length of 1 m and no friction. Leaving a constant out of `learned` claims to know it:
    `learned: [mass], length: 2, friction: 0` is a wrong representation, which no data mends.

    Args:
        mass: in kg.
        length: in m.
        friction: of the hinge, in N m s.
        learned, learning_rate, gradient_clip: see `SystemIdentification`.
    """

    def __init__(
        self,
        mass: float = 2.0,
        length: float = 0.5,
        friction: float = 0.1,
        learned: Sequence[str] = ("mass", "length", "friction"),
        learning_rate: float = 1e-2,
        gradient_clip: float | None = None,
    ) -> None:
        constants = {"mass": mass, "length": length, "friction": friction}
        super().__init__(3, constants, learned, learning_rate, gradient_clip)

    def following(self, state: Tensor, action: Tensor, constants: Mapping[str, Tensor]) -> Tensor:
        return pendulum_step(state, action, constants["mass"], constants["length"], constants["friction"])
