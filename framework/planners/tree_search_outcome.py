"""What becomes known of a node when it is added to a search tree."""

from typing import NamedTuple

import torch
from torch import Tensor

VALUE, TOTAL, GATHERED, REWARD, DISCOUNT, PLAYER = range(6)
"""A node's numbers: v, then R and Gamma from the root, r and gamma c of the step into it, and whose turn it is."""

WORST = -1e6  # the reward of an outcome that is not finite: a diverged model never wins
LEAST = -1e9  # the least log-prior of a legal action


class Outcome(NamedTuple):
    """W draws of the outcome of one action in each of B trees, `[W, B]` and `[W, B, S or A]`.

    `reward` and `discount` (gamma times the probability of going on) lead there; `value` and `logits` are what the
    evaluation says of it; `legal` and `player` what the rules say. `ending` `[W, B, A]`, asked for by a solver, is the
    reward of each action that ends the game at once, NaN for the others.
    """

    state: Tensor
    reward: Tensor
    discount: Tensor
    legal: Tensor
    logits: Tensor
    value: Tensor
    player: Tensor
    ending: Tensor | None = None

    def sound(self) -> "Outcome":
        """The same with what is not finite made a bad end."""
        sound = self.state.isfinite().all(-1) & (self.reward + self.discount + self.value).isfinite()
        return self._replace(
            state=torch.where(sound[..., None], self.state, 0.0),
            reward=torch.where(sound, self.reward, WORST),
            discount=torch.where(sound, self.discount, 0.0),
            value=torch.where(sound & (self.discount > 0), self.value, 0.0),
        )

    def log_prior(self) -> Tensor:
        """`[W, B, A]`, normalised over the legal actions, -inf for the others."""
        return torch.where(self.legal, self.logits.clamp_min(LEAST), -torch.inf).log_softmax(-1)

    def shares(self) -> Tensor:
        """The weight `[W, B]` of each draw: the first of equal ones takes the weight of all, the others none."""
        outcome = torch.cat([self.state, self.reward[..., None], self.discount[..., None]], -1)
        equal = (outcome[:, None] == outcome[None]).all(-1)  # [W, W, B]
        first = equal.to(torch.uint8).argmax(1) == torch.arange(len(outcome), device=outcome.device)[:, None]
        return torch.where(first, equal.sum(1) / len(outcome), 0.0).to(outcome.dtype)
