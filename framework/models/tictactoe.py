"""Noughts and crosses as a world model: dynamics of single moves, reward, termination, and the rules.

A state `[10]` is the board, nine cells with 1 for the agent's marks and -1 for the opponent's, and whose turn it is: 1
the agent's, -1 the opponent's, 0 when the game is over by an illegal move. An action is a one-hot cell.

A mark on a taken cell is illegal: whoever makes it has lost.
"""

import torch
from torch import Tensor

from ..equations.tictactoe import LINES
from .physics import Physics
from .rules import Rules


class TicTacToeDynamics(Physics):
    """One move of whoever's turn it is; the environment's step is the agent's move and the opponent's reply."""

    def following(self, state: Tensor, action: Tensor) -> Tensor:
        board, turn = state[..., :9], state[..., 9:]
        taken = (board.abs() * action).sum(-1, keepdim=True) > 0
        return torch.where(taken, torch.cat([board, 0 * turn], -1), torch.cat([board + turn * action, -turn], -1))


class TicTacToeRules(Rules):
    """Empty cells may be marked; the players take turns."""

    def legal(self, state: Tensor) -> Tensor:
        return state[..., :9] == 0

    def to_play(self, state: Tensor) -> Tensor:
        return state[..., 9].sign()


def tictactoe_reward(state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
    """1 for the agent's win, -1 for its loss, else 0."""
    forfeited = next_state[..., 9] == 0
    return torch.where(forfeited, -state[..., 9], won(next_state))


def tictactoe_termination(next_state: Tensor) -> Tensor:
    """1 where somebody has a line, the board is full, or a move was illegal, else 0."""
    full = (next_state[..., :9] != 0).all(-1)
    return ((won(next_state) != 0) | full | (next_state[..., 9] == 0)).to(next_state.dtype)


def won(state: Tensor) -> Tensor:
    """`[*B]`: 1 where the agent has a line, -1 where the opponent has, else 0."""
    lines = state[..., torch.tensor(LINES, device=state.device)].sum(-1)  # [*B, 8]
    return (lines == 3).any(-1).to(state.dtype) - (lines == -3).any(-1).to(state.dtype)
