"""PPO on imagined rollouts: they are made once a call, and each is learned from several times.

    loss = E[ sum_{t < H} w_t clip-loss(pi / pi_old, A_t) ]        equation: `equations/ppo_clip.py`

A call of the trainer holds K minibatches (`experience.updates_per_call`). From the states of the first K / reuse of
them rollouts are imagined by the policy as it is, pi_old; they are dealt to the K minibatches in `reuse` random orders.
Schulman et al. 2017, algorithm 1, in a model.
"""

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor

from ..equations.ppo_clip import ppo_clip
from ..policies.policy import Policy
from .dream import following
from .likelihood_ratio import needs_density
from .policy_gradient import Learner, Lesson, PolicyGradient

IMAGINED = "imagined"  # of a row of a batch, one rollout: entries [*B, H, ...]


class Proximal(PolicyGradient):
    """Clips.

    Args:
        clip: epsilon.
        reuse: updates from each rollout; a divisor of `experience.updates_per_call`.
        standardize: see `LikelihoodRatio`; over the rollouts of a call.

    Raises:
        ValueError: for a clip outside (0, 1), or `reuse` below 1.
    """

    def __init__(self, clip: float = 0.2, reuse: int = 5, standardize: bool = False) -> None:
        if not 0 < clip < 1:
            raise ValueError(f"clip: need a number in (0, 1), got {clip}")
        if reuse < 1:
            raise ValueError(f"reuse: need at least 1, got {reuse}")
        self.clip, self.reuse, self.standardize = clip, reuse, standardize

    def check(self, policy: Policy) -> None:
        """Raises `ValueError` for a policy without a density."""
        needs_density(policy, self)

    def prepare(self, learner: Learner, rows: TensorDictBase) -> None:
        if learner.dream.starts is not None:
            raise ValueError(f"dream.starts: need null, Proximal imagines from every state, got {learner.dream.starts}")
        K = len(rows)
        if K % self.reuse:
            raise ValueError(f"reuse: need a divisor of the {K} updates of a call, got {self.reuse}")
        used = rows[: K // self.reuse]
        imagined = self.imagined(learner, learner.dream.begun(used), None)  # [K / reuse * B]
        orders = [torch.randperm(len(imagined), device=imagined.device) for _ in range(self.reuse)]
        rows[IMAGINED] = imagined[torch.cat(orders)].view(*rows.shape)

    @torch.no_grad()
    def imagined(self, learner: Learner, state: Tensor, horizon: int | None) -> TensorDict:
        """Rollouts `[B]` from states `[B, S]`, with what is learned from them."""
        world_model, policy, value, dream = learner
        rollout = dream.imagine(world_model, state, following(policy), horizon)
        entries = {
            "state": rollout.state,
            "action": rollout.action,
            "log_prob": policy(rollout.state).log_prob(rollout.action),
            "advantage": dream.advantages(rollout, value, self.standardize),
            "return": dream.returns(rollout, value),
            "weight": rollout.weight,
        }
        return TensorDict({name: entry.transpose(0, 1) for name, entry in entries.items()}, [len(state)])

    def lesson(self, learner: Learner, batch: TensorDictBase, horizon: int | None = None) -> Lesson:
        made = IMAGINED in batch.keys() and horizon is None  # noqa: SIM118
        rollout = batch[IMAGINED] if made else self.imagined(learner, learner.dream.begun(batch), horizon)
        log_prob = learner.policy(rollout["state"]).log_prob(rollout["action"])  # [*B, H]
        clipped = ppo_clip(log_prob, rollout["log_prob"], rollout["advantage"], self.clip)
        loss = (rollout["weight"] * clipped).sum(-1).mean()
        return Lesson(loss, rollout["state"], rollout["return"], rollout["weight"])
