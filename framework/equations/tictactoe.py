"""Noughts and crosses: its lines, and its perfect player by exhaustive search.

v(board) = 1 won, -1 lost, 0 full, else max_a -v(board after a)        for whom it is to move; 0 at the start
"""

from functools import cache

LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))
"""The cells of the eight lines; cells are numbered row by row."""

Board = tuple[int, ...]
"""Nine cells: 1 of the mover, -1 of the other, 0 empty."""


def winner(board: Board) -> int:
    """1 or -1 for whoever has a line, else 0."""
    sums = [sum(board[cell] for cell in line) for line in LINES]
    return 1 if 3 in sums else -1 if -3 in sums else 0


@cache
def minimax(board: Board) -> int:
    """The value of a board for the mover."""
    if (won := winner(board)) or 0 not in board:
        return won
    return max(-minimax(after(board, cell)) for cell in empty(board))


def empty(board: Board) -> list[int]:
    """The cells that can be played."""
    return [cell for cell in range(9) if board[cell] == 0]


def after(board: Board, cell: int) -> Board:
    """The board once the mover played a cell, as the other sees it."""
    return tuple(-(1 if i == cell else owner) for i, owner in enumerate(board))


def perfect_moves(board: Board) -> list[int]:
    """All moves that keep the board's value."""
    return [cell for cell in empty(board) if -minimax(after(board, cell)) == minimax(board)]
