"""The filtering posterior of a recurrent state-space model: what is known of z_t from everything up to now.

    q(z_t | o_1:t, a_1:t-1) = q(z_t | h_t, o_t)        h_t = f(h_{t-1}, z_{t-1}, a_{t-1})

Hafner et al. 2019 (PlaNet), section 3.
"""

from typing import Self

import torch
from torch import Tensor

from .explicit import Explicit, explicit_activation
from .filtering_head import FilteringHead
from .filtering_scan import Parts, Scanned, scan
from .latent_draw import draw
from .latent_dynamics import LatentDynamics
from .posterior import Filtered, Inferred, Posterior
from .rssm import RSSM


class Filtering(Posterior):
    """q(z | h, o), a network of one hidden layer. Its memory is the state itself.

    Args:
        hidden: size of the hidden layer.
        activation: one of silu, relu, elu, tanh.
        normalize: whether the hidden layer is normalised by its root mean square, as in DreamerV3.
        compiled: the steps of a scan by torch.compile, which takes half a minute at the first update.

    Raises:
        ValueError: for a size below 1 or another activation.
    """

    def __init__(
        self, hidden: int = 200, activation: str = "elu", normalize: bool = False, compiled: bool = False
    ) -> None:
        super().__init__()
        if hidden < 1:
            raise ValueError(f"hidden: need at least 1, got {hidden}")
        explicit_activation(activation)
        self.hidden, self.activation, self.normalize, self.compiled = hidden, activation, normalize, compiled

    def build(self, features: int, action_size: int, dynamics: LatentDynamics) -> Self:
        """See `Posterior`.

        Raises:
            TypeError: for dynamics without a deterministic part that filters.
        """
        of = recurrent(dynamics)
        self.draw = draw(of.latent)
        self.head = FilteringHead(
            features,
            of.deterministic_size,
            of.latent.statistics,
            self.hidden,
            self.activation,
            self.normalize,
            self.draw,
        )
        self.memory_size = of.state_size
        return self

    def statistics(self, dynamics: LatentDynamics, deterministic: Tensor, features: Tensor) -> Tensor:
        """Those of q(z | h, o), `[*B, Q]`, for h `[*B, D]` and features `[*B, F]`."""
        return dynamics.latent.read(self.head(self.head.given(features), deterministic))

    def infer(
        self, dynamics: LatentDynamics, features: Tensor, action: Tensor, is_init: Tensor, noise: Tensor | None
    ) -> Inferred:
        rssm = recurrent(dynamics)
        reset = is_init.to(features.dtype).transpose(0, 1)  # [L, B, 1]
        reset = torch.cat([torch.ones_like(reset[:1]), reset[1:]])
        drive = rssm.cell.drive(action.transpose(0, 1) * (1 - reset))  # [L, B, I]
        given = self.head.given(features.transpose(0, 1))  # [L, B, hidden]
        by_time = None if noise is None else noise.transpose(0, 1)  # [L, B, Z]
        start = rssm.start(drive)
        if self.draw is not None and isinstance(rssm.cell, Explicit):
            parts = Parts(rssm.cell, self.head, self.draw)
            h, z, raw = scan(parts, reset, by_time, start, drive, given, compiled=self.compiled)
            raw = self.draw.restore(raw)
        else:
            h, z, raw = self._stepped(rssm, reset, by_time, start, drive, given)
        state = torch.cat([h, z], -1).transpose(0, 1)  # [B, L, S]
        posterior = rssm.latent.read(raw).transpose(0, 1)  # [B, L, Q]
        return Inferred(state, posterior, rssm.prior(h, None).transpose(0, 1), {})

    def _stepped(
        self, rssm: RSSM, reset: Tensor, noise: Tensor | None, start: tuple[Tensor, ...], drive: Tensor, given: Tensor
    ) -> Scanned:
        """The scan through a graph: for cells and latents of one's own, whose gradients nobody has written out."""
        h, z = (x.expand(reset.shape[1], -1) for x in start)
        found = []
        for t in range(len(reset)):
            h, z = ((1 - reset[t]) * x + reset[t] * first for x, first in zip((h, z), start, strict=True))
            h = rssm.cell(h, z, drive[t])
            raw = self.head(given[t], h)
            z = rssm.latent.sample(rssm.latent.read(raw), None if noise is None else noise[t])
            found.append((h, z, raw))
        return Scanned(*(torch.stack(x) for x in zip(*found, strict=True)))

    def filter(
        self,
        dynamics: LatentDynamics,
        memory: Tensor,
        action: Tensor,
        features: Tensor,
        is_init: Tensor,
        noise: Tensor | None = None,
    ) -> Filtered:
        rssm = recurrent(dynamics)
        reset = is_init.to(memory.dtype)  # [B, 1]
        before = torch.where(is_init, rssm.initial(memory), memory)
        h = rssm.advance(before, action * (1 - reset), None)
        statistics = self.statistics(rssm, h, features)
        state = rssm.state(h, statistics, noise)
        return Filtered(state, statistics, state)


def recurrent(dynamics: LatentDynamics) -> RSSM:
    """The dynamics, which must have a deterministic memory.

    Raises:
        TypeError: for any other.
    """
    if not isinstance(dynamics, RSSM):
        raise TypeError(f"dynamics: Filtering needs an RSSM, whose h remembers, got {type(dynamics).__name__}")
    return dynamics
