"""TorchRL's DreamerV3 losses and modules in the sizes of a `Dreamer`, for numbers in vectors and continuous actions.

Encoder and decoder are copies of ours, since its own have other normalisations; everything else is TorchRL's.
"""

import copy
from collections.abc import Callable

import torch
from tensordict import TensorDict, TensorDictBase
from tensordict.nn import (
    ProbabilisticTensorDictModule,
    ProbabilisticTensorDictSequential,
    TensorDictModule,
    TensorDictSequential,
)
from torch import Tensor, nn
from torchrl.data import Bounded, Composite, Unbounded
from torchrl.envs.model_based.dreamer import DreamerEnv
from torchrl.modules import IndependentNormal, WorldModelWrapper
from torchrl.modules.models.model_based import DreamerV3MLP, RSSMRolloutV3, SymExpTwoHot
from torchrl.objectives import SoftUpdate
from torchrl.objectives.dreamer_v3 import DreamerV3ActorLoss, DreamerV3Loss, DreamerV3ModelLoss, DreamerV3ValueLoss

from fulgurite.agents.dreamer import Dreamer
from fulgurite.models.filtering import Filtering
from fulgurite.models.rssm import RSSM

from .torchrl_rssm import torchrl_modules


class Twice(nn.Module):
    """A network of state and belief, which it takes apart or together."""

    def __init__(self, network: nn.Module, then: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.network, self.then = network, then

    def forward(self, state: Tensor, belief: Tensor) -> Tensor:
        return self.then(self.network(torch.cat([belief, state], -1)))


class Bounds(nn.Module):
    """A network's output -> mean and deviation of the bounded normal policy."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, state: Tensor, belief: Tensor) -> tuple[Tensor, Tensor]:
        mean, raw = self.network(torch.cat([belief, state], -1)).chunk(2, -1)
        return mean.tanh(), 0.1 + 0.9 * (raw + 2).sigmoid()


def torchrl_dreamer(agent: Dreamer, horizon: int) -> tuple[DreamerV3Loss, SoftUpdate]:
    """The losses, and what moves the slow critic. `Dreamer` must be one of vectors and continuous actions."""
    model, A = agent.world_model, agent.action_size
    rssm, filtering, critic = model.dynamics, model.posterior, agent.critic
    assert isinstance(rssm, RSSM)
    assert isinstance(filtering, Filtering)
    prior, posterior = torchrl_modules(rssm, filtering, A)
    encoder, decoder = copy.deepcopy(model.observation.encoder), copy.deepcopy(model.observation.decoder)
    width, S = critic.hidden[0], rssm.state_size

    def head(hidden: tuple[int, ...], outputs: int) -> DreamerV3MLP:
        return DreamerV3MLP(S, outputs, len(hidden), width)

    reward, two_hot = head(model.reward.hidden, 255), SymExpTwoHot()
    both = [("next", "state"), ("next", "belief")]
    world_model = TensorDictSequential(
        TensorDictModule(encoder, [("next", "observation")], [("next", "encoded_latents")]),
        RSSMRolloutV3(
            TensorDictModule(
                prior, ["state", "belief", "action"], [("next", "prior_logits"), ("next", "state"), ("next", "belief")]
            ),
            TensorDictModule(
                posterior,
                [("next", "belief"), ("next", "encoded_latents")],
                [("next", "posterior_logits"), ("next", "state")],
            ),
        ),
        TensorDictModule(Twice(Rows(decoder), lambda x: x), both, [("next", "reco_pixels")]),
        TensorDictModule(Twice(reward, lambda x: x), both, [("next", "reward_logits")]),
    )
    imagined = WorldModelWrapper(
        TensorDictModule(prior, ["state", "belief", "action"], ["_", "state", "belief"]),
        TensorDictModule(Twice(reward, two_hot), ["state", "belief"], ["reward"]),
    )
    env = DreamerEnv(imagined, prior_shape=(rssm.latent.size,), belief_shape=(rssm.deterministic_size,))
    env.observation_spec = Composite(state=Unbounded(rssm.latent.size), belief=Unbounded(rssm.deterministic_size))
    env.state_spec = env.observation_spec.clone()
    env.action_spec, env.reward_spec = Bounded(-1, 1, (A,)), Unbounded((1,))
    actor = ProbabilisticTensorDictSequential(
        TensorDictModule(Bounds(head(agent.policy.hidden, 2 * A)), ["state", "belief"], ["loc", "scale"]),
        ProbabilisticTensorDictModule(["loc", "scale"], ["action"], distribution_class=IndependentNormal),
    )
    value = TensorDictSequential(
        TensorDictModule(Twice(head(critic.hidden, 255), lambda x: x), ["state", "belief"], ["value_logits"]),
        TensorDictModule(SymExpTwoHot(), ["value_logits"], ["state_value"]),
    )
    model_loss = DreamerV3ModelLoss(world_model, kl_mode="separate", unimix=0.01, detach_output=False)
    model_loss.set_keys(pixels="observation")
    actor_loss = DreamerV3ActorLoss(actor, value, env, imagination_horizon=horizon, use_reinforce=True)
    actor_loss.make_value_estimator(gamma=agent.discount, lmbda=agent.lambda_)
    value_loss = DreamerV3ValueLoss(value, "two_hot", actor_loss=actor_loss, slow_critic_regularization=1.0)
    value_loss.set_keys(value_logits="value_logits")
    return DreamerV3Loss(model_loss, actor_loss, value_loss), SoftUpdate(value_loss, tau=critic.target_rate)


class Rows(nn.Module):
    """A decoder of ours as a plain network."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, state: Tensor) -> Tensor:
        return self.decoder(state)[..., 0, :]


def torchrl_batch(batch: TensorDictBase, agent: Dreamer) -> TensorDict:
    """Sequences `[B]` of L frames as it wants them, `[B, L]`."""
    rssm = agent.world_model.dynamics
    shape = batch["is_init"].shape[:2]
    following = {
        "observation": batch["observation"],
        "reward": batch["reward"],
        "done": batch["terminated"],
        "terminated": batch["terminated"],
    }
    return TensorDict(
        {
            "state": torch.zeros(*shape, rssm.latent.size),
            "belief": torch.zeros(*shape, rssm.deterministic_size),
            "action": batch["previous_action"],
            "is_init": batch["is_init"],
            "next": TensorDict(following, shape),
        },
        shape,
    )
