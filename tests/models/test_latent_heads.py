"""Reward and termination of latent states."""

import pytest
import torch
from tensordict import TensorDict

from fulgurite.models.latent_heads import LatentReward, LatentTermination, TwoHotReward, weighted_mean
from fulgurite.models.value_head import TwoHot


def steps(B: int = 6) -> TensorDict:
    torch.manual_seed(0)
    following = {"state": torch.randn(B, 3), "reward": torch.randn(B, 1), "terminated": torch.rand(B, 1) > 0.5}
    return TensorDict(
        {"state": torch.randn(B, 3), "action": torch.randn(B, 2), "counts": torch.ones(B), "next": following}, [B]
    )


def test_the_reward_is_learned_in_its_own_deviations() -> None:
    head = LatentReward(hidden=[8]).build(3, 2)
    batch = steps()
    batch["next", "reward"] = 5 + 3 * torch.randn(6, 1)
    head.adapt(batch)
    reward = batch["next", "reward"][:, 0]
    expected = (head(batch["state"], batch["action"], batch["next", "state"]) - reward) / reward.std(correction=0)
    torch.testing.assert_close(head.loss(batch)["reward"], 5 * expected.square().mean())


@pytest.mark.parametrize("of_transition", [True, False])
def test_what_the_reward_reads(of_transition: bool) -> None:
    head = LatentReward(of_transition=of_transition, hidden=[8]).build(3, 2)
    state, action, following = torch.randn(4, 3), torch.randn(4, 2), torch.randn(4, 3)
    changed = head(state + 1, action + 1, following)
    assert torch.equal(changed, head(state, action, following)) != of_transition


def test_steps_that_do_not_count_teach_nothing() -> None:
    heads = LatentReward(hidden=[8]), TwoHotReward(hidden=[8])
    for head in (*(head.build(3, 2) for head in heads), LatentTermination(hidden=[8]).build(3)):
        batch = steps()
        batch["counts"] = torch.tensor([1.0, 1, 1, 0, 0, 0])
        some = head.loss(batch)
        batch["counts"] = torch.ones(6)
        torch.testing.assert_close(some, head.loss(batch[:3]))


def test_termination_is_cross_entropy() -> None:
    head = LatentTermination(hidden=[8], scale=2).build(3)
    batch = steps()
    probability = head(batch["next", "state"])
    ended = batch["next", "terminated"][:, 0]
    expected = -torch.where(ended, probability, 1 - probability).log().mean()
    torch.testing.assert_close(head.loss(batch)["termination"], 2 * expected)


def test_the_two_hot_reward_starts_at_zero_and_learns_rewards_of_any_size() -> None:
    head = TwoHotReward(hidden=[16], scale=2.0, learning_rate=0.05).build(3, 2)
    batch = steps()
    batch["next", "reward"] = torch.tensor([0.0, 0.01, -3.0, 40.0, -500.0, 1.0])[:, None]
    first = head(batch["state"], batch["action"], batch["next", "state"])
    assert torch.equal(first, torch.zeros(6))
    torch.testing.assert_close(head.loss(batch)["reward"], 2 * torch.tensor(255.0).log())
    optimizer = head.make_optimizer()
    for _ in range(150):
        optimizer.zero_grad()
        head.loss(batch)["reward"].backward()
        optimizer.step()
    found = head(batch["state"], batch["action"], batch["next", "state"])
    torch.testing.assert_close(found, batch["next", "reward"][:, 0], rtol=0.05, atol=0.1)


def test_the_two_hot_reward_has_bins_of_its_own() -> None:
    head = TwoHotReward(hidden=[4], head=TwoHot(21, 3.0), normalize=False).build(3, 2)
    assert head.network.layers[-1].out_features == 21
    assert not head.network.gains


def test_the_mean_of_nothing() -> None:
    assert weighted_mean(torch.ones(3), torch.zeros(3)) == 0


@pytest.mark.parametrize("kind", [LatentReward, TwoHotReward, LatentTermination])
def test_a_scale_of_nothing(kind: type) -> None:
    with pytest.raises(ValueError, match="scale: need more than 0, got 0"):
        kind(scale=0)
