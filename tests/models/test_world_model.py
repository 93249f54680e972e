"""Learned rewards and terminations against what they were made from, and the union of all parts."""

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader
from worlds import Counter, inferred, state_is_reward, transitions

from fulgurite.models.gaussian import GaussianDynamics
from fulgurite.models.reward import LearnedReward
from fulgurite.models.termination import LearnedTermination
from fulgurite.models.world_model import WorldModel


def data(rows: int = 3000):
    """s' = s + a in two dimensions, r = 50 + 10 s'_0 - 3 a, ended where s'_1 > 1."""
    generator = torch.Generator().manual_seed(0)
    state = torch.randn(rows, 2, generator=generator)
    action = torch.rand(rows, 1, generator=generator) * 2 - 1
    following = state + action
    reward = 50 + 10 * following[:, :1] - 3 * action
    return transitions(state, action, following, reward=reward, terminated=following[:, 1:] > 1)


def fit(model: pl.LightningModule, rows, tmp_path, epochs: int) -> None:
    loader = DataLoader(rows, batch_size=300, shuffle=True, collate_fn=lambda batch: batch)
    pl.Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=tmp_path,
    ).fit(model, loader)  # fmt: skip


def test_a_learned_reward_finds_a_linear_one(tmp_path):
    torch.manual_seed(0)
    reward = LearnedReward(2, 1, hidden=(), learning_rate=0.03)
    fit(reward, inferred(data()), tmp_path, 15)
    state, action = torch.tensor([[0.5, -1.0], [0.0, 0.0]]), torch.tensor([[0.5], [-1.0]])
    with torch.no_grad():
        found = reward(state, action, state + action)
    assert found.tolist() == pytest.approx([50 + 10 - 1.5, 50 - 10 + 3], abs=0.3)
    assert reward(state[:, None], action[:, None], state[:, None]).shape == (2, 1)


def test_a_learned_termination_finds_the_boundary(tmp_path):
    torch.manual_seed(0)
    termination = LearnedTermination(2, hidden=(16,), learning_rate=0.03)
    fit(termination, inferred(data()), tmp_path, 15)
    x = torch.linspace(-2, 2, 9)
    inside, outside = (torch.stack([x, torch.full_like(x, second)], -1) for second in (0.5, 1.5))
    with torch.no_grad():
        assert termination(inside).max() < 0.1
        assert termination(outside).min() > 0.9


def test_a_time_limit_is_not_learned_as_an_end():
    """Truncated rows are no terminal ones: the loss reads `terminated` alone."""
    rows = inferred(data(20))
    rows["next", "truncated"] = torch.ones(20, 1, dtype=torch.bool)
    termination = LearnedTermination(2)
    with torch.no_grad():
        expected = torch.nn.functional.binary_cross_entropy(
            termination(rows["next", "state"]), rows["next", "terminated"][:, 0].float()
        )
    assert termination.loss(rows)["termination"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_all_parts_fit_together_each_with_its_own_optimiser(tmp_path):
    torch.manual_seed(0)
    world = WorldModel(
        GaussianDynamics(2, 1, members=2, hidden=(8,), learning_rate=0.01),
        LearnedReward(2, 1, hidden=(8,), learning_rate=0.02),
        LearnedTermination(2, hidden=(8,), learning_rate=0.03),
    )
    rows = data()
    before = {name: loss.item() for name, loss in world.loss(rows.clone()).items()}
    assert list(before) == ["dynamics", "reward", "termination"]
    assert [optimizer.defaults["lr"] for optimizer in world.configure_optimizers()] == [0.01, 0.02, 0.03]
    fit(world, rows, tmp_path, 5)
    after = world.loss(rows.clone())
    assert all(after[name].item() < before[name] for name in before)
    scores = world.evaluate(rows.clone())
    assert scores["dynamics/member_error"].shape == (2,)
    world.select({**scores, "dynamics/member_error": torch.tensor([2.0, 1.0])})
    assert world.dynamics.elite_index.tolist() == [1, 0]


def test_what_is_known_is_not_learned():
    world = WorldModel(Counter(), state_is_reward, lambda next_state: (next_state[..., 0] > 2).float())
    assert world.loss(data(4)) == {}
    assert world.learned_parts() == []
    state, reward, going_on = world.step(torch.tensor([[[2.0]]]), torch.ones(1, 1, 1), None, None)
    assert (state.item(), reward.item(), going_on.item()) == (3, 3, 0)
    assert WorldModel(Counter(), state_is_reward).step(state, state, None, None)[2] is None


def test_every_parameter_has_exactly_one_optimiser():
    world = WorldModel(GaussianDynamics(2, 1), LearnedReward(2, 1), LearnedTermination(2))
    owned = [
        p for optimizer in world.configure_optimizers() for group in optimizer.param_groups for p in group["params"]
    ]
    assert len(owned) == len({id(p) for p in owned}) == len(list(world.parameters()))


def test_the_gradient_is_clipped_part_by_part(tmp_path):
    """With a clip of zero nothing but the weight decay could move a parameter."""
    torch.manual_seed(0)
    reward = LearnedReward(2, 1, hidden=(), gradient_clip=0.0)
    before = [p.detach().clone() for p in reward.parameters()]
    fit(reward, inferred(data(300)), tmp_path, 1)
    assert all(torch.equal(old, new) for old, new in zip(before, reward.parameters(), strict=True))
