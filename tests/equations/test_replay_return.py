import torch

from fulgurite.equations.lambda_return import lambda_return
from fulgurite.equations.replay_return import replay_return

REWARD = torch.tensor([9.0, 1.0, 2.0, 0.0, 3.0])[:, None]  # [L, 1]
IMAGINED = torch.tensor([10.0, 20.0, 30.0, 40.0, 50.0])[:, None]
NEVER = torch.zeros(5, 1, dtype=torch.bool)


def at(*frames: int) -> torch.Tensor:
    marks = NEVER.clone()
    marks[list(frames)] = True
    return marks


def test_it_is_the_lambda_return_where_nothing_ends():
    found = replay_return(REWARD, NEVER, NEVER, IMAGINED, 0.9, 0.8)
    expected = lambda_return(REWARD[1:], torch.full((4, 1), 0.9), IMAGINED[1:], 0.8)
    torch.testing.assert_close(found, expected)


def test_by_hand_across_an_end():
    """Frame 2 is an episode's last by a time limit, frame 3 begins the next, frame 4 is where that terminates."""
    found = replay_return(REWARD, at(4), at(3), IMAGINED, 0.5, 0.5)[:, 0]
    g3 = 3.0  # the task ended at frame 4
    g2 = 30.0  # no step follows it: what is imagined
    g1 = 2 + 0.5 * (0.5 * 30 + 0.5 * g2)
    g0 = 1 + 0.5 * (0.5 * 20 + 0.5 * g1)
    torch.testing.assert_close(found, torch.tensor([g0, g1, g2, g3]))


def test_the_limits_of_lambda():
    one_step = replay_return(REWARD, NEVER, NEVER, IMAGINED, 0.9, 0.0)
    torch.testing.assert_close(one_step, REWARD[1:] + 0.9 * IMAGINED[1:])
    whole = replay_return(REWARD, NEVER, NEVER, IMAGINED, 1.0, 1.0)[0]
    torch.testing.assert_close(whole, REWARD[1:].sum(0) + 50)
