"""Bayesian neural network dynamics: p(theta | D) by a Gaussian for every weight.

    loss = E_q(theta) [ -log N(Delta; mu_theta(s, a), sigma_theta^2(s, a)) ] + lambda KL(q(theta) || p(theta)) / N

with N the number of transitions so far: the more data, the less the prior counts. The first term is a mean over a
minibatch, so both terms are nats a transition and their sum is the negative ELBO over N. Blundell et al. 2015 (Bayes by
backprop), section 3. lambda = 1 is Bayes' rule; a smaller lambda is a cold posterior (Wenzel et al. 2020).

For planning each particle gets one draw of the weights, kept for the whole rollout (TS-infinity).
"""

from collections.abc import Sequence

import torch
from tensordict import TensorDictBase
from torch import Tensor

from .head import GaussianHead
from .network_dynamics import NetworkDynamics
from .networks import Layers
from .variational import VariationalMLP


class BayesianDynamics(NetworkDynamics):
    """One network with a mean-field posterior over its weights, and a learned variance of the outcome.

    Args:
        observation_size: of the state S.
        action_size: A.
        hidden: sizes of the hidden layers.
        activation: between them.
        prior_std, initial_std: see `VariationalMLP`.
        kl_weight: lambda.
        learning_rate, weight_decay, gradient_clip: see `Model`.
    """

    network: VariationalMLP

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        hidden: Sequence[int] = (32, 32),
        activation: str = "silu",
        prior_std: float = 1.0,
        initial_std: float = 0.05,
        kl_weight: float = 1.0,
        learning_rate: float = 3e-3,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        head = GaussianHead(observation_size)
        inputs, outputs = observation_size + action_size, head.parts * observation_size
        network = VariationalMLP(inputs, outputs, hidden, activation, prior_std, initial_std)
        super().__init__(
            observation_size, action_size, network, head, activation, learning_rate, weight_decay, gradient_clip
        )
        self.kl_weight = kl_weight

    @property
    def transitions(self) -> Tensor:
        """N: how many transitions `adapt` has seen, those held out among them."""
        return self.change_normalizer.count

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        complexity = self.kl_weight * self.network.kl() / self.transitions.clamp_min(1)
        return {"dynamics": self.head.loss(*self.fitted(batch)), "kl": complexity}

    def draw(self, particles: int, generator: torch.Generator | None) -> Layers:
        """One draw of the weights for each particle."""
        return self.network.sample(particles, generator)
