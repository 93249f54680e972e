"""A policy that learns inside the model: from recorded states it is followed in imagination, and improved there.

    policy:  max_pi E_s[ J(s) ] + eta E[ sum_t w_t H(pi(. | s_t)) ]        J by the model, see `dream.py`
    value:   min E[ w_t l(V(s_t), G_t) ]                                   G_t lambda returns of the same rollouts

How grad J is estimated is the `estimator`'s choice: `Pathwise` makes this SVG(H), `LikelihoodRatio` REINFORCE with GAE,
`Proximal` PPO, `TotalPropagation` the mix of the first two by their variances. Heess et al. 2015; Parmas et al. 2018.
"""

import torch
from tensordict import TensorDictBase
from torch import Tensor

from ..keys import ObservationShape
from ..models.latent_world_model import LatentWorldModel
from ..models.update import Update
from ..models.world_model import WorldModel
from ..policies.policy import Policy
from ..policies.state_value import StateValue
from .dream import Dream
from .pathwise import Pathwise
from .policy_agent import PolicyAgent
from .policy_gradient import Learner, Lesson, PolicyGradient


class ImaginedPolicyGradient(PolicyAgent):
    """Learns model, policy and value in every update.

    Args:
        world_model: learned from experience, or known; of the observed state.
        policy: what acts.
        value: V, built for the state.
        observation_shape, action_size, discrete_actions, action_noise: see `PolicyAgent`.
        estimator: of the policy's gradient; pathwise by default.
        dream: how far the policy is followed.
        entropy_weight: eta, a nat's worth in the estimator's unit: reward, or deviations of standardised advantages.
        update: see `Update`.

    Raises:
        ValueError: for a latent world model, a policy that the estimator has no gradient for, a negative
            `entropy_weight` or one for a policy without a density.
    """

    world_model: WorldModel  # never None here

    def __init__(
        self,
        world_model: WorldModel,
        policy: Policy,
        value: StateValue,
        observation_shape: ObservationShape,
        action_size: int,
        discrete_actions: bool = False,
        estimator: PolicyGradient | None = None,
        dream: Dream | None = None,
        entropy_weight: float = 0.0,
        action_noise: float = 0.0,
        update: Update | None = None,
    ) -> None:
        if isinstance(world_model, LatentWorldModel):
            raise ValueError(f"world_model: need one of the observed state, got {type(world_model).__name__}")
        dream = Dream() if dream is None else dream
        super().__init__(
            policy,
            observation_shape,
            action_size,
            discrete_actions,
            world_model,
            dream.discount,
            action_noise,
            update=update,
        )
        self.estimator = Pathwise() if estimator is None else estimator
        self.estimator.check(policy)
        if entropy_weight < 0 or (entropy_weight and not policy.has_density):
            need = "at least 0" if policy.has_density else "0 for a policy without a density"
            raise ValueError(f"entropy_weight: need {need}, got {entropy_weight}")
        self.entropy_weight = entropy_weight
        self.critic = value.build(self.state_size)
        self.dream = dream

    def value(self, state: Tensor) -> Tensor:
        return self.critic(state)

    @property
    def learner(self) -> Learner:
        """What the estimator works with."""
        return Learner(self.world_model, self.policy, self.critic, self.dream)

    def prepare(self, batch: TensorDictBase) -> None:
        super().prepare(batch)
        self.estimator.prepare(self.learner, batch)

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        batch = self.states(batch)
        lesson = self.estimator.lesson(self.learner, batch)
        fit = (lesson.weight * self.critic.fit(lesson.state, lesson.return_)).mean()
        losses = {**self.world_model.loss(batch), "policy": lesson.loss, "value": fit}
        if self.policy.has_density:
            losses |= self.entropy_loss(lesson)
        self.note("policy/value", lesson.return_.mean())
        return losses

    def entropy_loss(self, lesson: Lesson) -> dict[str, Tensor]:
        """-eta H at the states of a lesson, where eta is not 0; the entropy is noted."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.entropy_weight > 0):
            entropy = self.policy(lesson.state).entropy()
        self.note("policy/entropy", entropy.mean())
        if not self.entropy_weight:
            return {}
        return {"entropy": -self.entropy_weight * self.dream.horizon * (lesson.weight * entropy).mean()}

    def gradient_norm(self, batch: TensorDictBase, horizon: int) -> Tensor:
        """The norm of the policy's gradient from the states of a batch `[*B]`, over so many imagined steps."""
        with torch.enable_grad():
            loss = self.estimator.lesson(self.learner, self.states(batch), horizon).loss
            gradients = torch.autograd.grad(loss, list(self.policy.parameters()))
        return torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()
