"""Draws of z within a recurrence, with gradients written out; they are those of `latent.py`.

    Gaussian      z = mu + sigma eps         dL/d raw = (dL/dz, dL/dz eps sigma')
    categorical   z = onehot(argmax_c pi_c / e_c),  e = -log(uniform)          the gradient of pi (straight-through)

argmax_c (log pi_c + g_c) with Gumbel noise g = -log(e) is argmax_c pi_c / e_c: what the noise needs is worked out for
all frames at once, and no logarithm is left in the loop. Classes come before variables there, since a sum over a short
last dimension takes a CPU fifteen times as long.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import functional as F

from .latent import CategoricalLatent, GaussianLatent, Latent


class Draw(ABC):
    """A family of `latent.py` in a scan; `raw` is what its `read` takes, with its columns arranged."""

    @abstractmethod
    def arrange(self, columns: Tensor) -> Tensor:
        """Weights or biases `[Q, ...]` that make raw numbers, in the order of the scan."""

    @abstractmethod
    def restore(self, raw: Tensor) -> Tensor:
        """Raw numbers `[*B, Q]` in the order of `Latent.read`."""

    @abstractmethod
    def chance(self, noise: Tensor | None, like: Tensor) -> Tensor:
        """What is drawn by, `[L, B, Z]`, from standard normal `noise [L, B, Z]`; None for means or modes.

        `like` is any `[L, B, ...]` of the result's device and dtype.
        """

    @abstractmethod
    def run(self, raw: Tensor, chance: Tensor) -> Tensor:
        """z `[B, Z]` of raw numbers `[B, Q]`."""

    @abstractmethod
    def slopes(self, raw: Tensor, chance: Tensor) -> Tensor:
        """What `back` needs, for all frames: `[L, B, ...]`."""

    @abstractmethod
    def back(self, slope: Tensor, grad: Tensor) -> Tensor:
        """The gradient of raw numbers `[B, Q]` for that of z `[B, Z]`."""


class GaussianDraw(Draw):
    """See `GaussianLatent`."""

    def __init__(self, latent: GaussianLatent) -> None:
        self.size, self.min_std = latent.size, latent.min_std

    def arrange(self, columns: Tensor) -> Tensor:
        return columns

    def restore(self, raw: Tensor) -> Tensor:
        return raw

    def chance(self, noise: Tensor | None, like: Tensor) -> Tensor:
        return like.new_zeros(*like.shape[:2], self.size) if noise is None else noise

    def run(self, raw: Tensor, chance: Tensor) -> Tensor:
        return torch.addcmul(raw[:, : self.size], F.softplus(raw[:, self.size :]) + self.min_std, chance)

    def slopes(self, raw: Tensor, chance: Tensor) -> Tensor:
        return raw[..., self.size :].sigmoid() * chance

    def back(self, slope: Tensor, grad: Tensor) -> Tensor:
        return torch.cat([grad, grad * slope], -1)


class CategoricalDraw(Draw):
    """See `CategoricalLatent`."""

    def __init__(self, latent: CategoricalLatent) -> None:
        self.shape = (latent.variables, latent.classes)
        self.kept = 1 - latent.unimix
        self.floor = latent.unimix / latent.classes / self.kept  # of a probability, before both are scaled by `kept`

    def _class_first(self, x: Tensor) -> Tensor:
        """`[*B, Z]` -> `[*B, classes, V]`, a view."""
        return x.unflatten(-1, self.shape).mT

    def arrange(self, columns: Tensor) -> Tensor:
        return columns.unflatten(0, self.shape).transpose(0, 1).flatten(0, 1)

    def restore(self, raw: Tensor) -> Tensor:
        return raw.unflatten(-1, self.shape[::-1]).mT.flatten(-2)

    def chance(self, noise: Tensor | None, like: Tensor) -> Tensor:
        if noise is None:
            return like.new_ones(*like.shape[:2], self.shape[1], self.shape[0])
        uniform = torch.special.ndtr(noise).clamp(1e-6, 1 - 1e-6)
        return self._class_first((-uniform.log()).reciprocal()).contiguous()  # [L, B, classes, V]

    def run(self, raw: Tensor, chance: Tensor) -> Tensor:
        probabilities = raw.unflatten(-1, self.shape[::-1]).softmax(-2)  # [B, classes, V]
        score = (probabilities + self.floor) * chance
        chosen = score.mT.contiguous().argmax(-1, keepdim=True)  # [B, V, 1]
        return raw.new_zeros(len(raw), *self.shape).scatter_(-1, chosen, 1.0).flatten(1)

    def slopes(self, raw: Tensor, chance: Tensor) -> Tensor:
        return raw.unflatten(-1, self.shape[::-1]).softmax(-2)  # [L, B, classes, V]

    def back(self, slope: Tensor, grad: Tensor) -> Tensor:
        weighed = self._class_first(grad) * slope
        return ((weighed - slope * weighed.sum(-2, keepdim=True)) * self.kept).flatten(-2)


def draw(latent: Latent) -> Draw | None:
    """The family's draws for a scan; None for a family of one's own."""
    if isinstance(latent, GaussianLatent):
        return GaussianDraw(latent)
    return CategoricalDraw(latent) if isinstance(latent, CategoricalLatent) else None
