"""Dreamer: a policy and a value that learn from what a latent world model imagines.

    s_1..s_L ~ q(. | o, a)        from each of them H steps in the model, a_t ~ pi(. | s_t)
    G_t = r_{t+1} + gamma c_{t+1} [ (1 - lambda) V(s_{t+1}) + lambda G_{t+1} ],  G_H = V(s_H)

The model learns by its own losses, the policy raises G, the value is fitted to G; all three in one update, from one
inference. Hafner et al. 2020 (Dreamer), algorithm 1; Hafner et al. 2023 (DreamerV3). Which of them is a matter of the
parts: `Pathwise`, `GaussianLatent` and a squared error, or `Reinforce`, `CategoricalLatent` and `TwoHot`.
"""

import torch
from tensordict import TensorDictBase
from torch import Tensor

from ..equations.lambda_return import lambda_return
from ..equations.replay_return import replay_return
from ..imagination import Imagined, TSInfinity, imagine_policy
from ..keys import ObservationShape
from ..models.frozen import frozen
from ..models.latent_world_model import LatentWorldModel
from ..models.update import Update
from ..policies.policy import Policy
from ..policies.state_value import StateValue
from .dreamer_actor import ActorLoss, Dreamt, Reinforce
from .dreamer_critic import CriticLoss
from .policy_agent import PolicyAgent


class Dreamer(PolicyAgent):
    """Acts by its policy on the filtered state.

    Args:
        world_model: of latent states.
        policy: what acts.
        value: what states are worth to it.
        observation_shape: of one observation.
        action_size: A.
        discrete_actions: whether an action is one of A; the policy must be for such.
        actor_loss: how the policy learns; REINFORCE by default.
        critic_loss: how the value learns.
        horizon: H.
        starts: K, how many of a sequence's frames imagination starts from, its last ones; None for all after `burn_in`.
        discount: gamma, of one step of the agent.
        lambda_: of the returns.
        action_noise: see `PolicyAgent`; the first Dreamer's is 0.3.
        update: see `Update`.

    Raises:
        ValueError: for H < 1, K < 1, gamma or lambda out of [0, 1], and a policy without a density where the loss needs
            one.
    """

    world_model: LatentWorldModel

    def __init__(
        self,
        world_model: LatentWorldModel,
        policy: Policy,
        value: StateValue,
        observation_shape: ObservationShape,
        action_size: int,
        discrete_actions: bool = False,
        actor_loss: ActorLoss | None = None,
        critic_loss: CriticLoss | None = None,
        horizon: int = 15,
        starts: int | None = None,
        discount: float = 0.997,
        lambda_: float = 0.95,
        action_noise: float = 0.0,
        update: Update | None = None,
    ) -> None:
        super().__init__(
            policy, observation_shape, action_size, discrete_actions, world_model, discount, action_noise, update=update
        )
        for name, count in (("horizon", horizon), ("starts", starts)):
            if count is not None and count < 1:
                raise ValueError(f"{name}: need at least 1, got {count}")
        if not 0 <= lambda_ <= 1:
            raise ValueError(f"lambda_: need a number in [0, 1], got {lambda_}")
        self.critic = value.build(self.state_size)
        self.actor_loss = Reinforce() if actor_loss is None else actor_loss
        self.critic_loss = CriticLoss() if critic_loss is None else critic_loss
        if self.actor_loss.needs_density and not policy.has_density:
            raise ValueError(
                f"policy: need one with a density for {type(self.actor_loss).__name__} with entropy "
                f"{self.actor_loss.entropy}, got {type(policy).__name__}"
            )
        self.horizon, self.starts, self.lambda_ = horizon, starts, lambda_

    def value(self, state: Tensor) -> Tensor:
        """What states `[*B, S]` are worth to the policy, `[*B]`."""
        return self.critic(state)

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        """The world model's losses, `actor`, `value` and `replay_value`, of sequences `[B]` of L frames.

        Raises:
            ValueError: for sequences without so many frames to start from.
        """
        frames, kept = batch["is_init"].shape[1], self.world_model.burn_in
        starts = frames - kept if self.starts is None else self.starts
        if not 1 <= starts <= frames - kept:
            raise ValueError(f"starts: need 1 to {frames - kept}, the frames that follow burn_in, got {starts}")
        inferred = self.world_model.infer_sequences(batch)
        losses = self.world_model.losses(batch, inferred)
        known = inferred.state[:, -starts:].detach()  # [B, K, S]
        terminated = batch["terminated"][:, -starts:, 0]
        dreamt = self.dreamt(self.imagine(known.flatten(0, 1)), ~terminated.flatten())
        losses["actor"], told = self.actor_loss(self.policy, dreamt)
        losses["value"] = self.critic_loss(self.critic, dreamt.state, dreamt.returns, dreamt.weight)
        if self.critic_loss.replay and starts > 1:
            losses["replay_value"] = self.critic_loss.replay * self.replay_value_loss(batch, known, dreamt)
        for name, scalar in told.items():
            self.note(f"policy/{name}", scalar)
        return losses

    def imagine(self, state: Tensor) -> Imagined:
        """H steps `[H, B, ...]` from states `[B, S]`; what is learned of the world is given."""
        differentiable = self.actor_loss.differentiable
        with frozen(self.world_model) if differentiable else torch.no_grad():
            return imagine_policy(
                self.world_model,
                state,
                lambda s, t: self.policy(s).sample().action,
                self.horizon,
                propagation=TSInfinity(),
                particles=1,
            )

    def dreamt(self, imagined: Imagined, begins: Tensor) -> Dreamt:
        """The returns of imagined steps; nothing counts where the task had ended, `begins [B]` is false."""
        visited = torch.cat([imagined.state[:1], imagined.next_state])  # [H + 1, B, S]
        with frozen(self.critic) if self.actor_loss.differentiable else torch.no_grad():
            value = self.critic(visited)  # [H + 1, B]
        discount = torch.full_like(imagined.reward, self.discount)
        if imagined.continuation is not None:
            discount = discount * imagined.continuation
        returns = lambda_return(imagined.reward, discount, value[1:], self.lambda_)  # [H, B]
        reached = torch.cat([begins.to(discount.dtype)[None], discount[:-1].detach()]).cumprod(0)  # [H, B]
        return Dreamt(imagined.state.detach(), imagined.action.detach(), value[:-1].detach(), returns, reached)

    def replay_value_loss(self, batch: TensorDictBase, known: Tensor, dreamt: Dreamt) -> Tensor:
        """The value's loss at recorded states `[B, K, S]`."""
        reward, terminated, is_init = (
            batch[name][:, -known.shape[1] :, 0].transpose(0, 1) for name in ("reward", "terminated", "is_init")
        )  # [K, B]
        imagined = dreamt.returns[0].detach().view(known.shape[:2]).transpose(0, 1)  # [K, B]
        returns = replay_return(reward, terminated, is_init, imagined, self.discount, self.lambda_)  # [K - 1, B]
        return self.critic_loss(self.critic, known[:, :-1].transpose(0, 1), returns, (~is_init[1:]).to(returns.dtype))
