"""Latent states without reconstruction: what the prior predicts is held against what a slow encoder later sees.

    s^0_t ~ q(s_t | .)        s^k_t ~ p(s' | s^{k-1}_t, a_{t+k-1})        e_t = slow encoder(o_t), not learned through
    loss = - mean_t sum_{k=0..H} rho^k cos(f(s^k_t), e_{t+k}) / sum_k rho^k        slow <- slow + tau (encoder - slow)

Schwarzer et al. 2021 (SPR), section 2.2; Hansen et al. 2022 (TD-MPC), equation 9. What the observation shows beyond
what predicts itself and the reward is not learned, nor can it be drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import TYPE_CHECKING

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn
from torch.nn import functional as F

from .divergence import Divergence
from .latent_heads import weighted_mean
from .networks import MLP
from .posterior import Inferred
from .sequence_objective import SequenceObjective

if TYPE_CHECKING:
    from .latent_world_model import LatentWorldModel


class LatentConsistency(SequenceObjective):
    """Consistency of predicted and later features, and divergence from the prior.

    Args:
        horizon: H, steps of the prior.
        decay: rho.
        tau: of the slow encoder.
        hidden: sizes of f's hidden layers.
        scale: of the loss beside the other parts' nats.
        divergence: of posterior and prior.

    Raises:
        ValueError: for numbers out of range.
    """

    predictor: MLP
    slow: nn.Module

    def __init__(
        self,
        horizon: int = 3,
        decay: float = 0.5,
        tau: float = 0.01,
        hidden: Sequence[int] = (200,),
        scale: float = 20.0,
        divergence: Divergence | None = None,
    ) -> None:
        super().__init__()
        if horizon < 1:
            raise ValueError(f"horizon: need at least 1, got {horizon}")
        for name, number in (("decay", decay), ("tau", tau)):
            if not 0 < number <= 1:
                raise ValueError(f"{name}: need a number in (0, 1], got {number}")
        if not scale > 0:
            raise ValueError(f"scale: need more than 0, got {scale}")
        self.horizon, self.decay, self.tau, self.hidden, self.scale = horizon, decay, tau, tuple(hidden), scale
        self.divergence = Divergence() if divergence is None else divergence

    def build(self, world_model: LatentWorldModel) -> None:
        observation = world_model.observation
        self.predictor = MLP(world_model.state_size, observation.feature_size, self.hidden, 1)
        self.slow = deepcopy(observation.encoder).requires_grad_(False)

    def forward(
        self, world_model: LatentWorldModel, inferred: Inferred, batch: TensorDictBase, counts: Tensor
    ) -> dict[str, Tensor]:
        if torch.is_grad_enabled():
            self.follow(world_model.observation.encoder)
        with torch.no_grad():
            target = self.slow(batch["observation"])  # [B, L, F]
        state, action, begins = inferred.state, batch["previous_action"], batch["is_init"][..., 0]
        theta = world_model.sample_parameters(1)
        within = counts  # whether frame t + k belongs to the episode of frame t
        total = weighted_mean(self.agreement(state, target), counts)
        weights = 1.0
        for k in range(1, self.horizon + 1):
            moved = state[None, :, :-1], action[None, :, k:]
            state = world_model.dynamics.step(*moved, theta, torch.randn_like(moved[0]))[0]
            within = within[:, :-1] * ~begins[:, k:]
            agreement = self.agreement(state, target[:, k:])
            total = total + self.decay**k * weighted_mean(agreement, within)
            weights += self.decay**k
        losses = {"consistency": -self.scale * total / weights}
        return losses | self.divergence(world_model.dynamics.latent, inferred, counts)

    def agreement(self, state: Tensor, target: Tensor) -> Tensor:
        """The cosine `[B, L]` between what states `[B, L, S]` predict and features `[B, L, F]`."""
        predicted = self.predictor(state.reshape(1, -1, state.shape[-1])).view(target.shape)
        return F.cosine_similarity(predicted, target, dim=-1)

    @torch.no_grad()
    def follow(self, encoder: nn.Module) -> None:
        """Moves the slow encoder towards the one that is learned."""
        for slow, learned in zip(self.slow.parameters(), encoder.parameters(), strict=True):
            slow.lerp_(learned, self.tau)
        for kept, current in zip(self.slow.buffers(), encoder.buffers(), strict=True):
            kept.copy_(current)
