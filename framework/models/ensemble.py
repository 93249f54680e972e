"""Ensembles: an approximate p(theta | D) by E point estimates, which differ by their start and by their resampled data.

    theta ~ uniform over the elites, the K of E members with the least held-out error

Lakshminarayanan et al. 2017; Chua et al. 2018 (PETS), section 4.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from .head import Head
from .network_dynamics import NetworkDynamics
from .networks import MLP, Layers


class Ensemble(NetworkDynamics):
    """What ensembles share: members, elites, and draws of them.

    Args:
        observation_size: of the state S.
        action_size: A.
        head: what a network's output means.
        members: E; one member is a plain network.
        elites: how many members predict, chosen by their held-out error; None for all.
        hidden: sizes of the hidden layers.
        activation: between them.
        learning_rate, weight_decay, gradient_clip: see `Model`.

    Raises:
        ValueError: unless 1 <= elites <= members.
    """

    elite_index: Tensor
    network: MLP

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        head: Head,
        members: int,
        elites: int | None,
        hidden: Sequence[int],
        activation: str,
        learning_rate: float,
        weight_decay: float,
        gradient_clip: float | None,
    ) -> None:
        network = MLP(observation_size + action_size, head.parts * observation_size, hidden, members, activation)
        super().__init__(
            observation_size, action_size, network, head, activation, learning_rate, weight_decay, gradient_clip
        )
        self.members = members
        self.elites = members if elites is None else elites
        if not 1 <= self.elites <= members:
            raise ValueError(f"elites: need 1 <= elites <= members, got {elites} and {members}")
        self.register_buffer("elite_index", torch.arange(self.elites))

    @torch.no_grad()
    def select(self, scores: dict[str, Tensor]) -> None:
        error = scores["member_error"].clone()
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(error)
        self.elite_index.copy_(error.argsort()[: self.elites])

    def draw(self, particles: int, generator: torch.Generator | None) -> Layers:
        """Elite members.

        Every elite gets an equal share where P allows, so no plan escapes a member; else P members are drawn, each
        elite floor(P / K) or ceil(P / K) times.
        """
        chosen: Tensor | None = self.elite_index
        if particles % self.elites:
            shuffled = torch.randperm(self.elites, generator=generator, device=self.elite_index.device)
            chosen = self.elite_index[shuffled].repeat(-(-particles // self.elites))[:particles].sort().values
        elif self.elites == self.members:
            chosen = None
        return self.network.layers(chosen)
