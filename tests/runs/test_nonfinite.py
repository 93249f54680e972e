import pytest
import torch

from fulgurite.runs.nonfinite import nonfinite


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_the_first_that_is_not_finite_is_named(bad):
    state = {"count": torch.tensor(3), "empty": torch.empty(0), "a": torch.ones(3), "b": torch.ones(2, 2)}
    assert nonfinite(state) is None
    state["b"][1, 0] = bad
    state["c"] = torch.full((1,), bad)
    assert nonfinite(state) == "b"


def test_nothing_is_finite():
    assert nonfinite({}) is None
