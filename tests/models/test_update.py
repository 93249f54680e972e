"""Updates: what is not finite is skipped, whole, counted, and too much of it ends the run with a dump."""

import math

import pytest
import torch
from fixed import Given, batches, fit
from tensordict import TensorDict

from fulgurite.models.base import Model
from fulgurite.models.dump import NotFinite
from fulgurite.models.gaussian import GaussianDynamics
from fulgurite.models.guard import Guard
from fulgurite.models.reward import LearnedReward
from fulgurite.models.update import Update
from fulgurite.models.world_model import WorldModel
from fulgurite.runs.random_states import set_random_states


class Line(Model):
    """(w x)^2, not finite where x is 7 (all of it), 8 (only its gradient) or 9 (all but its gradient)."""

    def __init__(self, update: Update | None = None) -> None:
        super().__init__(update=update)
        self.w = torch.nn.Parameter(torch.ones(()))

    def loss(self, batch):
        x = batch["x"].mean()
        loss = (self.w * x).square()
        if x == 7:
            loss = loss * math.nan
        if x == 9:
            loss = loss + math.inf
        if x == 8:
            loss = loss + torch.sqrt(self.w - self.w.detach())  # 0, with an infinite slope
        return {"line": loss}


def line(*calls: tuple[float, ...]) -> Given:
    """Calls of as many updates each, with an x for each."""
    return Given(TensorDict({"x": torch.tensor(calls)[..., None]}, [len(calls), len(calls[0]), 1]))


class Noting(Line):
    """Notes x, and how often it followed, as a part of another would."""

    def __init__(self) -> None:
        super().__init__()
        self.followed = 0

    def loss(self, batch):
        self.note("line/x", batch["x"].mean())
        return super().loss(batch)

    def follow(self):
        self.followed += 1


class Holder(Model):
    def __init__(self) -> None:
        super().__init__()
        self.part = Noting()

    def loss(self, batch):
        return self.part.loss(batch)


def test_notes_of_parts_are_averaged_beside_the_losses_and_parts_follow_each_update(tmp_path):
    model = Holder()
    fit(model, line((1.0, 7.0, 2.0)), tmp_path)
    assert model.trainer.callback_metrics["line/x"] == 1.5  # without that of the update that was skipped
    assert model.part.followed == 3
    with torch.no_grad():
        model.loss({"x": torch.ones(())})
    assert not model.part._notes


@pytest.mark.parametrize("bad", [7.0, 8.0, 9.0])
def test_an_update_that_is_not_finite_leaves_no_trace(bad, tmp_path):
    with_bad, without = Line(), Line()
    fit(with_bad, line((1.0, bad, 2.0, bad, bad, bad, 3.0)), tmp_path)
    fit(without, line((1.0, 2.0, 3.0)), tmp_path)
    assert torch.equal(with_bad.w, without.w)
    states = [model.optimizers().optimizer.state_dict()["state"][0] for model in (with_bad, without)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in ("step", "exp_avg", "exp_avg_sq"))
    assert not (tmp_path / "dump").exists()


def test_skipped_updates_are_counted_and_no_part_of_the_mean_loss(tmp_path):
    model = Line()
    counted = {}
    model.log_dict = counted.update
    fit(model, line((1.0, 7.0, 8.0)), tmp_path)
    assert counted == {"loss/line": 1.0, "train/skipped_updates": 2}


@pytest.mark.parametrize("calls", [[(1.0, 7.0, 7.0, 7.0, 7.0, 3.0)], [(1.0, 7.0, 7.0), (7.0, 7.0, 3.0)]])
def test_the_fourth_in_a_row_stops_the_run_with_what_is_needed_to_see_why(calls, tmp_path):
    """Within a call or across two of them; no later update moves the weights."""
    model, after = Line(), fit(Line(), line((1.0,)), tmp_path).w
    with pytest.raises(NotFinite, match=r"loss/line became nan, after 3 skipped updates in a row.*dump/rank0\.pt"):
        fit(model, line(*calls), tmp_path)
    assert torch.equal(model.w, after)
    dump = torch.load(tmp_path / "dump" / "rank0.pt", weights_only=True)
    assert torch.equal(dump["weights"]["w"], after)
    assert dump["batch"]["x"].item() == 7
    assert math.isnan(dump["losses"]["line"])
    assert dump["counters"] == {"epoch": 0, "optimizer_steps": dump["counters"]["optimizer_steps"]}
    assert dump["optimizers"][0]["state"][0]["step"] == 1


def test_how_many_are_skipped_is_a_choice(tmp_path):
    with pytest.raises(NotFinite, match="after 0 skipped"):
        fit(Line(Update(max_skipped=0)), line((1.0, 7.0, 1.0)), tmp_path)
    fit(Line(Update(max_skipped=4)), line((7.0, 7.0, 7.0, 7.0, 1.0)), tmp_path)
    with pytest.raises(ValueError, match="max_skipped: need at least 0, got -1"):
        Update(max_skipped=-1)


def test_the_part_with_the_gradient_that_is_not_finite_is_named(tmp_path):
    class Steep(LearnedReward):
        def loss(self, batch):
            bias = self.network.biases[0]
            return {"reward": torch.sqrt(bias - bias.detach()).sum()}

    world = WorldModel(GaussianDynamics(3, 1, members=2, hidden=(4,)), Steep(3, 1, hidden=(4,)))
    with pytest.raises(NotFinite, match=r"the gradient of loss/reward in the weights of reward is not finite"):
        fit(world, Given(batches(1, 4, 2, 8)), tmp_path)


def test_the_dump_gives_the_same_loss_again(tmp_path):
    """Of a loss with chance in it: batch, weights and random states are those of the fourth update."""

    class Noisy(Line):
        def loss(self, batch):
            return {"noisy": torch.rand(()) * self.w.square() + torch.sqrt(self.w - self.w.detach())}

    with pytest.raises(NotFinite, match="the gradient of loss/noisy in the weights of Noisy is not finite"):
        fit(Noisy(), line((8.0,) * 6), tmp_path)
    dump = torch.load(tmp_path / "dump" / "rank0.pt", weights_only=True)
    again = Noisy()
    again.load_state_dict(dump["weights"])
    set_random_states(dump["random"])
    assert again.loss(TensorDict(dump["batch"])) == dump["losses"]


def test_nobody_waits_for_the_flags():
    """By hand, L = 1: one bad update is skipped, and after two in a row none is made, in this call or the next."""
    guard = Guard(1)
    good, bad = [torch.ones(2)], [torch.tensor([1.0, torch.inf])]
    guard.start(5, torch.device("cpu"))
    flags = [guard.judge(gradients) for gradients in (bad, good, bad, bad, good)]
    assert [flag.item() for flag in flags] == [1, 0, 1, 1, 1]
    assert guard.finish() == [True, False, True, True, True]
    assert guard.in_a_row == 3
    assert torch.equal(good[0], torch.ones(2))


def test_a_fused_optimiser_obeys_the_flag_itself():
    """What the update relies on where the device is a GPU: `found_inf` of torch's fused AdamW."""
    w = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.AdamW([w], lr=0.1, fused=True)
    for flag, moved in ((0.0, True), (1.0, False), (0.0, True)):
        before = w.detach().clone()
        w.grad = torch.full((2,), torch.nan if flag else 1.0)
        optimizer.found_inf = torch.tensor(flag)
        optimizer.step()
        assert torch.equal(w.detach(), before) is not moved
    assert optimizer.state[w]["step"] == 2
