"""The variational autoencoder: states of single observations, with a prior that knows nothing.

    loss = -E_q(s|o) log p(o | s) + beta max(KL(q(s | o) || p(s)), free nats)

With beta = 1 and no free nats it is minus the evidence lower bound, log p(o) >= -loss. Kingma and Welling 2014 and
Rezende et al. 2014; beta: Higgins et al. 2017, equation 4; free nats: Kingma et al. 2016, appendix C.8, here of an
observation's whole KL as in Hafner et al. 2019 (PlaNet). The importance-weighted bound: Burda, Grosse and
Salakhutdinov 2016, equation 8.
"""

import math

import torch
from tensordict import TensorDictBase
from torch import Tensor

from .base import Model
from .latent import GaussianLatent, Latent
from .latent_dynamics import distribution
from .observation import ObservationModel
from .observation_shape import Observation
from .single_step import SingleStep
from .update import Update

COLLAPSED = 0.01  # nats: a variable that says less on average says nothing


class VAE(Model):
    """An observation model with a single-step posterior and a standard normal (or uniform) prior, to be fitted alone.

    It is trained on `observation [*B, ...]`, whatever the batch: transitions `[B]` or sequences `[B, L]`.

    Args:
        observation: encoder and decoder.
        latent: the family of states; by default 30 normal variables without a least standard deviation.
        posterior: from features to states.
        beta: weight of the KL.
        free_nats: KL that costs nothing.
        learning_rate, weight_decay, gradient_clip: of the posterior's network, see `Model`.
        update: see `Model`.

    Raises:
        ValueError: for a negative `beta` or `free_nats`.
    """

    def __init__(
        self,
        observation: ObservationModel,
        latent: Latent | None = None,
        posterior: SingleStep | None = None,
        beta: float = 1.0,
        free_nats: float = 0.0,
        *,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
        update: Update | None = None,
    ) -> None:
        super().__init__(
            learning_rate=learning_rate, weight_decay=weight_decay, gradient_clip=gradient_clip, update=update
        )
        for name, number in (("beta", beta), ("free_nats", free_nats)):
            if number < 0:
                raise ValueError(f"{name}: need at least 0, got {number}")
        self.latent = GaussianLatent(min_std=0.0) if latent is None else latent
        self.observation = observation.build(self.latent.size)
        self.posterior = (SingleStep() if posterior is None else posterior).made_for(
            observation.feature_size, self.latent
        )
        self.beta, self.free_nats = beta, free_nats

    def statistics(self, observation: Observation) -> Tensor:
        """`[*B, Q]` of q(s | o)."""
        return self.posterior.statistics(self.observation.features(observation))

    def encode(self, observation: Observation) -> Tensor:
        """The mean of q(s | o), `[*B, S]`."""
        return self.latent.mean(self.statistics(observation))

    def kl(self, statistics: Tensor) -> Tensor:
        """KL(q(s | o) || p(s)) of each variable, `[*B, V]`."""
        return self.latent.kl(statistics, self.latent.standard(statistics))

    def terms(self, observation: Observation) -> tuple[dict[str, Tensor], Tensor]:
        """log p(o | s) `[*B]` by name at a draw s from q(s | o), and the KL of each variable, `[*B, V]`."""
        statistics = self.statistics(observation)
        noise = statistics.new_empty(*statistics.shape[:-1], self.latent.size).normal_()
        state = self.latent.sample(statistics, noise)
        return self.observation.log_likelihood(state, observation), self.kl(statistics)

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        seen, kl = self.terms(batch["observation"])
        reconstruction = {f"reconstruction_{name}": -nats.mean() for name, nats in seen.items()}
        return {**reconstruction, "kl": self.beta * kl.sum(-1).clamp_min(self.free_nats).mean()}

    def evaluate(self, batch: TensorDictBase) -> dict[str, Tensor]:
        """In nats an observation: the ELBO, its two terms, the largest, median and least KL of a variable.

        And `collapsed`, the share of the variables whose KL is under a hundredth of a nat on average.
        """
        seen, kl = self.terms(batch["observation"])
        each = kl.flatten(0, -2).mean(0)  # [V]
        means = {name: nats.mean() for name, nats in seen.items()}
        reconstruction = torch.stack(list(means.values())).sum()
        return {
            "elbo": reconstruction - each.sum(),
            "reconstruction": reconstruction,
            **({f"reconstruction_{name}": nats for name, nats in means.items()} if len(means) > 1 else {}),
            "kl": each.sum(),
            "kl_largest": each.max(),
            "kl_median": each.median(),
            "kl_least": each.min(),
            "collapsed": (each < COLLAPSED).to(each.dtype).mean(),
        }

    @torch.no_grad()
    def bound(self, observation: Observation, samples: int) -> Tensor:
        """The importance-weighted bound on log p(o), `[*B]`: log 1/K sum_k p(o | s_k) p(s_k) / q(s_k | o), s_k ~ q.

        With one sample it is the ELBO's estimate; it rises with K towards log p(o).
        """
        statistics = self.statistics(observation)  # [*B, Q]
        q = distribution(self.latent, statistics)
        p = distribution(self.latent, self.latent.standard(statistics).expand_as(statistics))
        weights = []
        for _ in range(samples):
            draw = q.sample()  # [*B, Z] or [*B, V, classes]
            state = draw.view(*statistics.shape[:-1], self.latent.size)
            seen = sum(self.observation.log_likelihood(state, observation).values())
            weights.append(seen + p.log_prob(draw) - q.log_prob(draw))
        return torch.stack(weights).logsumexp(0) - math.log(samples)
