"""A ring keeps the newest rows, and goes on exactly after a save."""

from copy import deepcopy

import pytest
import torch

from fulgurite.data.ring import Ring


def rows(*numbers):
    return torch.tensor(numbers, dtype=torch.float32)[:, None]


def held(ring):
    return sorted(ring.state_dict()["rows"][:, 0].tolist())


@pytest.mark.parametrize("pieces", [[3, 4, 2], [9], [1] * 9, [5, 4], [2, 7]])
def test_the_newest_are_kept_whatever_they_come_in(pieces):
    ring, number = Ring(5), 0
    for size in pieces:
        ring.extend(rows(*range(number, number + size)))
        number += size
    assert held(ring) == [4, 5, 6, 7, 8]
    assert len(ring) == 5


def test_more_than_there_is_room_for():
    ring = Ring(3)
    ring.extend(rows(0, 1))
    ring.extend(rows(*range(2, 12)))
    assert held(ring) == [9, 10, 11]
    ring.extend(rows(12))
    assert held(ring) == [10, 11, 12]


def test_every_row_that_was_written_is_drawn_and_no_other():
    ring = Ring(100)
    ring.extend(rows(1, 2, 3))
    drawn = ring.sample(40, 5)
    assert drawn.shape == (40, 5, 1)
    assert set(drawn.flatten().tolist()) == {1, 2, 3}


def test_it_goes_on_after_a_save_as_if_there_had_been_none():
    ring, other = Ring(4), Ring(4)
    ring.extend(rows(*range(6)))
    other.load_state_dict(ring.state_dict())
    for one in (ring, other):
        one.extend(rows(6, 7, 8))
    assert torch.equal(ring.state_dict()["rows"], other.state_dict()["rows"])
    torch.manual_seed(0)
    drawn = ring.sample(7)
    torch.manual_seed(0)
    assert torch.equal(drawn, other.sample(7))


def test_an_empty_one_is_saved_and_loaded_too():
    ring = Ring(4)
    ring.load_state_dict(Ring(4).state_dict())
    assert len(ring) == 0
    with pytest.raises(ValueError, match="need a row to draw from, got an empty ring"):
        ring.sample(1)


def test_a_copy_begins_empty():
    ring = Ring(4)
    ring.extend(rows(1))
    assert len(deepcopy(ring)) == 0
    assert len(ring) == 1


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="capacity: need at least 1, got 0"):
        Ring(0)
    ring = Ring(4)
    ring.extend(rows(*range(4)))
    with pytest.raises(ValueError, match="capacity: need 2 rows of 4, got 4"):
        Ring(2).load_state_dict(ring.state_dict())
