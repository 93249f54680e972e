"""Noughts and crosses against an opponent who is part of the environment, or against oneself.

    fulgurite/TicTacToe-v0    reward 1 for a win, -1 for a loss, 0 for a draw and before the end

The opponent replies within the step. Who begins alternates with the reset seed: the agent where it is even. Without an
opponent the agent makes the opponent's moves too; wins and losses count as they do with one. Importing this module
registers the environment with Gymnasium.
"""

from typing import Any, Literal

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..equations.tictactoe import Board, after, empty, perfect_moves, winner


class TicTacToe(gymnasium.Env):
    """The observation is nine cells, row by row, 1 for the agent's marks and -1 for the opponent's, and the turn.

    The turn is 1 when it is the agent's, -1 when the game ended with the agent's move, and 0 when that was illegal: on
    a cell that was taken, which loses the game. Without an opponent it is -1 also where the agent moves in its stead.

    Args:
        opponent: `random`; `perfect`: at random among the moves that keep the value of the game; or `none`.

    Raises:
        ValueError: for any other opponent.
    """

    def __init__(self, opponent: Literal["random", "perfect", "none"] = "random") -> None:
        if opponent not in ("random", "perfect", "none"):
            raise ValueError(f"opponent: need random, perfect or none, got {opponent!r}")
        self.opponent = opponent
        self.action_space = spaces.Discrete(9)
        self.observation_space = spaces.Box(-1.0, 1.0, (10,), np.float32)
        self.board: Board = (0,) * 9  # as the agent sees it
        self.turn = 1

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        super().reset(seed=seed)
        self.board, self.turn = (0,) * 9, 1
        if (self.np_random.integers(2) if seed is None else seed % 2) == 1:
            if self.opponent == "none":
                self.turn = -1
            else:
                self.reply()
        return self.observe(self.turn), {}

    def step(self, action: int) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        if self.board[action] != 0:
            return self.observe(0), -float(self.turn), True, False, {}
        if self.opponent == "none":
            self.board, self.turn = marked(self.board, action, self.turn), -self.turn
            won = winner(self.board)
            return self.observe(self.turn), float(won), bool(won) or not empty(self.board), False, {}
        self.board = seen_by_the_other(after(self.board, action))
        if winner(self.board) or not empty(self.board):
            return self.observe(-1), float(winner(self.board)), True, False, {}
        self.reply()
        won = winner(self.board)
        return self.observe(1), float(won), bool(won) or not empty(self.board), False, {}

    def reply(self) -> None:
        """The opponent's move."""
        board = seen_by_the_other(self.board)
        moves = perfect_moves(board) if self.opponent == "perfect" else empty(board)
        self.board = after(board, int(self.np_random.choice(moves)))

    def observe(self, turn: int) -> NDArray[np.float32]:
        """Board and turn."""
        return np.array([*self.board, turn], np.float32)


def marked(board: Board, cell: int, mark: int) -> Board:
    """The board with a mark, 1 or -1, on an empty cell."""
    return (*board[:cell], mark, *board[cell + 1 :])


def seen_by_the_other(board: Board) -> Board:
    """The same board with the marks' signs changed."""
    return tuple(-owner for owner in board)


gymnasium.register("fulgurite/TicTacToe-v0", f"{__name__}:TicTacToe")
