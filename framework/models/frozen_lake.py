"""FrozenLake-v1: true dynamics, reward and termination. A state is the one-hot number of a cell, row by row.

Actions are left, down, right, up; on slippery ice one goes where one wants, or to either side of that direction, with
probability 1/3 each. F is ice, H a hole, S the start, G the goal; a step off the lake stays where it was.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from .dynamics import Dynamics

LAKE = ("SFFF", "FHFH", "FFFH", "HFFG")
MOVES = ((0, -1), (1, 0), (0, 1), (-1, 0))  # rows, columns


class FrozenLakeDynamics(Dynamics):
    """The cell that one comes to.

    Args:
        lake: its rows.
        slippery: whether one may be carried to the side.
    """

    probability: Tensor  # [S, A, S]

    def __init__(self, lake: Sequence[str] = LAKE, slippery: bool = True) -> None:
        super().__init__()
        self.register_buffer("probability", transition_probability(lake, slippery))

    def loss(self, batch: object) -> dict[str, Tensor]:
        return {}

    def sample_parameters(self, particles: int, generator: torch.Generator | None = None) -> None:
        return None

    def predict(self, state: Tensor, action: Tensor, theta: None) -> torch.distributions.Distribution:
        """Categorical over the cells."""
        return torch.distributions.OneHotCategorical(self.reached(state, action))

    def step(self, state: Tensor, action: Tensor, theta: None, noise: Tensor | None) -> Tensor:
        """The noise's first number decides by the inverse of the distribution function; without noise the likeliest.

        A cell is not an average of cells, so what is `the mean` elsewhere is the mode here.
        """
        probability = self.reached(state, action)
        if noise is None:
            cell = probability.argmax(-1)
        else:
            quantile = torch.special.ndtr(noise[..., :1])
            below = probability.cumsum(-1) < quantile  # [*B, S]
            cell = below.sum(-1).clamp(max=state.shape[-1] - 1)
        return one_hot(cell, state.shape[-1]).to(state.dtype)

    def reached(self, state: Tensor, action: Tensor) -> Tensor:
        """The probability `[*B, S]` of each cell, for one-hot cells and actions."""
        return self.probability[state.argmax(-1), action.argmax(-1)]


def transition_probability(lake: Sequence[str], slippery: bool) -> Tensor:
    """`[S, A, S]`; holes and the goal are not left."""
    rows, columns = len(lake), len(lake[0])
    probability = torch.zeros(rows * columns, len(MOVES), rows * columns)
    for cell in range(rows * columns):
        row, column = divmod(cell, columns)
        for action in range(len(MOVES)):
            for direction in (action - 1, action, action + 1) if slippery else (action,):
                down, right = (0, 0) if lake[row][column] in "GH" else MOVES[direction % len(MOVES)]
                y, x = min(max(row + down, 0), rows - 1), min(max(column + right, 0), columns - 1)
                probability[cell, action, y * columns + x] += 1 / 3 if slippery else 1
    return probability


def frozen_lake_reward(state: Tensor, action: Tensor, next_state: Tensor, lake: Sequence[str] = LAKE) -> Tensor:
    """1 for the step to the goal, else 0."""
    return next_state[..., "".join(lake).index("G")]


def frozen_lake_careful_reward(
    state: Tensor, action: Tensor, next_state: Tensor, lake: Sequence[str] = LAKE, fall: float = 1.0
) -> Tensor:
    """For searching: 1 for the step to the goal, less `fall` for a hole, which random play finds far sooner."""
    holes = torch.tensor([kind == "H" for kind in "".join(lake)], device=next_state.device)
    return frozen_lake_reward(state, action, next_state, lake) - fall * next_state[..., holes].sum(-1)


def frozen_lake_termination(next_state: Tensor, lake: Sequence[str] = LAKE) -> Tensor:
    """1 in a hole and at the goal, else 0."""
    ends = torch.tensor([kind in "GH" for kind in "".join(lake)], device=next_state.device)
    return next_state[..., ends].sum(-1)
