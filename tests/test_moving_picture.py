"""The README's moving picture: up is up, and the threads are where the plan leads."""

import numpy as np
import torch

from benchmarks.moving_picture import FOOT, HEAD, INK, SIZE, TIP, Column, frame, tips


def test_upright_is_up_and_the_angle_goes_to_the_left() -> None:
    upright, quarter, hanging = (torch.tensor([np.cos(angle), np.sin(angle), 0.0]) for angle in (0, np.pi / 2, np.pi))
    np.testing.assert_allclose(tips(torch.stack([upright, quarter, hanging])), [[0, 1], [-1, 0], [0, -1]], atol=1e-6)


def test_a_frame_shows_where_each_plan_leads() -> None:
    up, right = np.array([[0.0, 1.0]]), np.array([[[[1.0, 0.0]]]])  # [T, 2], [P, T, H, 2]
    one, other = Column("one", up, right, np.zeros(1)), Column("other", up, -right, np.zeros(1))
    picture = np.asarray(frame([one, other], 0)).astype(int)
    assert picture.shape == (HEAD + SIZE + FOOT, 2 * SIZE, 3)
    rows, columns = np.nonzero(abs(picture - TIP).sum(-1) < 30)
    middle = SIZE // 2
    assert abs(rows - HEAD - middle).max() <= 4
    rod = np.nonzero(abs(picture[HEAD : HEAD + SIZE] - INK).sum(-1) < 30)[0]
    assert rod.min() < middle / 2 < middle < rod.max() < middle + 20  # it stands
    assert {bool(x) for x in columns[columns < SIZE] > middle} == {True}  # to the right
    assert {bool(x) for x in columns[columns >= SIZE] > SIZE + middle} == {False}  # to the left
