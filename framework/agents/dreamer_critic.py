"""How a Dreamer's value learns.

    loss = E w [ l(V(s), sg(G)) + beta l(V(s), sg(V'(s))) ]

with l the head's loss, G lambda returns and V' the slow copy, which keeps V from running after its own errors. It is
asked of imagined states and, by a smaller weight, of recorded ones: see `equations/replay_return.py`. Hafner et al.
2023 (DreamerV3), section "Critic learning"; without both, Hafner et al. 2020 (Dreamer), equation 8.
"""

from torch import Tensor, nn

from ..policies.state_value import StateValue


class CriticLoss(nn.Module):
    """The loss of a value.

    Args:
        slow: beta.
        replay: weight of the recorded states' loss; 0 for none. There, unlike in DreamerV3's code, states are given:
            the value does not shape them.

    Raises:
        ValueError: for a negative weight.
    """

    def __init__(self, slow: float = 1.0, replay: float = 0.3) -> None:
        super().__init__()
        for name, number in (("slow", slow), ("replay", replay)):
            if number < 0:
                raise ValueError(f"{name}: need at least 0, got {number}")
        self.slow, self.replay = slow, replay

    def forward(self, critic: StateValue, state: Tensor, returns: Tensor, weight: Tensor) -> Tensor:
        """The scalar to minimise, for states `[*B, S]`, their returns `[*B]` and weights `[*B]`."""
        output = critic.network(state)
        error = critic.head.loss(output, returns.detach())
        if self.slow:
            error = error + self.slow * critic.head.loss(output, critic.target(state))
        return (weight * error).mean()
