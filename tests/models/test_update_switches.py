"""Switches of an update that must not change what is learned: pieces, precision, compilation."""

import functools

import pytest
import torch
from fixed import Given, batches, fit

from fulgurite.models.gaussian import GaussianDynamics
from fulgurite.models.reward import LearnedReward
from fulgurite.models.update import Update
from fulgurite.models.world_model import WorldModel


class Plain(LearnedReward):
    """By gradient descent: unlike Adam it notices a gradient that is twice as large."""

    def make_optimizer(self):
        return torch.optim.SGD(self.own_parameters(), lr=0.1)


def untouched() -> WorldModel:
    """Two members and a reward, always from one start."""
    torch.manual_seed(0)
    dynamics = GaussianDynamics(3, 1, members=2, hidden=(16,), gradient_clip=1.0)
    return WorldModel(dynamics, Plain(3, 1, hidden=(8,)))


def fitted(calls: int = 4, update: Update | None = None, **trainer) -> tuple[WorldModel, dict[str, float]]:
    """After 5 updates a call on batches of 24, with the mean losses."""
    world = untouched()
    world.update = update or Update()
    told: dict[str, float] = {}
    world.log_dict = told.update
    fit(world, Given(batches(calls, 5, 2, 24)), **trainer)
    return world, told


def apart(one: WorldModel, other: WorldModel) -> float:
    """The largest difference of a weight."""
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return max((a.detach() - b.detach()).abs().max().item() for a, b in pairs)


@pytest.mark.parametrize("pieces", [2, 3, 24])
def test_pieces_of_a_batch_give_the_update_of_the_whole(pieces):
    (whole, losses), (cut, losses_cut) = fitted(), fitted(update=Update(accumulate=pieces))
    assert apart(whole, cut) < 1e-6
    assert apart(whole, untouched()) > 1e-3
    assert losses_cut == pytest.approx(losses, abs=1e-5)


def test_a_batch_that_cannot_be_cut_is_refused():
    with pytest.raises(ValueError, match=r"update\.accumulate: need a divisor of the batch size, 24, got 5"):
        fitted(update=Update(accumulate=5))
    with pytest.raises(ValueError, match="accumulate: need at least 1, got 0"):
        Update(accumulate=0)


def test_half_the_numbers_learn_as_much():
    """After 400 updates the held-out likelihood in bfloat16 is within 0.1 nats of float32's, which gained several."""
    unseen, scores = batches(2, 500, seed=1), {}
    for precision in ("32-true", "bf16-mixed"):
        world, _ = fitted(80, precision=precision)
        scores[precision] = world.dynamics.evaluate(unseen.clone())["nll"].item()
        assert all(parameter.dtype == torch.float32 for parameter in world.parameters())
    before = untouched().dynamics.evaluate(unseen.clone())["nll"].item()
    assert scores["32-true"] < before - 1
    assert scores["32-true"] != scores["bf16-mixed"]
    assert scores["bf16-mixed"] == pytest.approx(scores["32-true"], abs=0.1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_compiled_losses_are_the_same(backend, monkeypatch):
    torch._dynamo.reset()
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=backend))
    (eager, losses), (compiled, losses_compiled) = fitted(), fitted(update=Update(compiled=True))
    assert apart(eager, compiled) < 1e-5
    assert losses_compiled == pytest.approx(losses, abs=1e-5)
