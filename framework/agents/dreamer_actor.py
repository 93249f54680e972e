"""How a Dreamer's policy learns from what it imagined.

    pathwise     loss = - E sum_t w_t [ G_t / S                               + eta H(pi(. | s_t)) ]
    REINFORCE    loss = - E sum_t w_t [ log pi(a_t | s_t) sg((G_t - V(s_t)) / S) + eta H(pi(. | s_t)) ]

with lambda returns G, the scale S of returns and w_t the discount and the probability of getting to step t. Pathwise
gradients pass through the model, from each reward and the last value back to each action: Hafner et al. 2020 (Dreamer),
equation 7, where S = 1 and eta = 0. REINFORCE, for actions of any kind: Hafner et al. 2023 (DreamerV3), equation 11.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import Tensor, nn

from ..equations.reinforce import reinforce
from ..policies.action_distribution import ActionDistribution
from ..policies.policy import Policy
from ..policies.return_scale import PercentileScale, ReturnScale, Unscaled


class Dreamt(NamedTuple):
    """What came of a policy in H imagined steps from B states.

    Attributes:
        state: `[H, B, S]`, without a gradient.
        action: `[H, B, A]`, without a gradient.
        value: V `[H, B]` of the states, without a gradient.
        returns: G `[H, B]`, with a gradient in the actions where the actor's loss wants one.
        weight: w `[H, B]`.
    """

    state: Tensor
    action: Tensor
    value: Tensor
    returns: Tensor
    weight: Tensor


class ActorLoss(nn.Module, ABC):
    """The loss of a policy.

    Attributes:
        differentiable: whether returns must have a gradient in the actions.

    Args:
        entropy: eta.
        scale: S.

    Raises:
        ValueError: for a negative `entropy`.
    """

    differentiable: bool

    def __init__(self, entropy: float, scale: ReturnScale) -> None:
        super().__init__()
        if entropy < 0:
            raise ValueError(f"entropy: need at least 0, got {entropy}")
        self.entropy, self.scale = entropy, scale

    @property
    def needs_density(self) -> bool:
        """Whether it asks the policy for log pi or its entropy."""
        return self.entropy > 0 or not self.differentiable

    def forward(self, policy: Policy, dreamt: Dreamt) -> tuple[Tensor, dict[str, Tensor]]:
        """The scalar to minimise, and what is worth telling of it."""
        scale = self.scale(dreamt.returns)
        told = {"return_scale": scale, "imagined_return": dreamt.returns.mean()}
        if not self.needs_density:
            return -(dreamt.weight * self.gain(None, dreamt, scale)).mean(), told
        pi = policy(dreamt.state)
        gain = self.gain(pi, dreamt, scale)  # [H, B]
        if self.entropy:
            entropy = pi.entropy()  # [H, B]
            told["entropy"] = entropy.mean()
            gain = gain + self.entropy * entropy
        return -(dreamt.weight * gain).mean(), told

    @abstractmethod
    def gain(self, pi: ActionDistribution | None, dreamt: Dreamt, scale: Tensor) -> Tensor:
        """What shall become larger, beside the entropy, `[H, B]`; pi at the states, unless no density is needed."""


class Pathwise(ActorLoss):
    """Gradients through the model.

    Args:
        entropy: eta; 0 in the first Dreamer.
        scale: S; 1 by default.
    """

    differentiable = True

    def __init__(self, entropy: float = 0.0, scale: ReturnScale | None = None) -> None:
        super().__init__(entropy, Unscaled() if scale is None else scale)

    def gain(self, pi: ActionDistribution | None, dreamt: Dreamt, scale: Tensor) -> Tensor:
        return dreamt.returns / scale


class Reinforce(ActorLoss):
    """Likelihood ratios, with the value as a baseline.

    Args:
        entropy: eta.
        scale: S; percentiles by default.
    """

    differentiable = False

    def __init__(self, entropy: float = 3e-4, scale: ReturnScale | None = None) -> None:
        super().__init__(entropy, PercentileScale() if scale is None else scale)

    def gain(self, pi: ActionDistribution | None, dreamt: Dreamt, scale: Tensor) -> Tensor:
        assert pi is not None
        return -reinforce(pi.log_prob(dreamt.action), (dreamt.returns - dreamt.value) / scale)
