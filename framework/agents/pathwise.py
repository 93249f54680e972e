"""The pathwise gradient: backpropagation through an imagined rollout into the policy; with a value at the end SVG(H).

    grad J = E[ grad ( sum_{t < H} w_t r_t + w_H V(s_H) ) ],  a_t = pi(s_t, noise),  s_{t+1} = f(s_t, a_t, noise)

Draws of actions and states are functions of the parameters and of noise (reparameterised), so the gradient goes through
them; where actions are one-hot it passes straight through the draw, and has a bias. Its variance is small where the
dynamics are smooth, and grows without bound with the horizon where they are chaotic: then `truncate` the dream, or clip
the policy's gradient. Heess et al. 2015 (SVG); Clavera et al. 2020 (MAAC); Amos et al. 2021 (SAC-SVG).
"""

from tensordict import TensorDictBase

from ..models.frozen import frozen
from ..policies.policy import Policy
from .dream import following, objective
from .policy_gradient import Learner, Lesson, PolicyGradient


class Pathwise(PolicyGradient):
    """Differentiates what it imagined."""

    def check(self, policy: Policy) -> None:
        """Any policy can be differentiated."""

    def lesson(self, learner: Learner, batch: TensorDictBase, horizon: int | None = None) -> Lesson:
        world_model, policy, value, dream = learner
        with frozen(world_model, value):
            rollout = dream.imagine(world_model, dream.begun(batch), following(policy), horizon)
            loss = -objective(rollout, value).mean()
        returns = dream.returns(rollout, value)
        return Lesson(loss, rollout.state.detach(), returns, rollout.weight.detach())
