"""MBPO: what is imagined, what is mixed, what comes after an end, and what a checkpoint keeps."""

import pytest
import torch
from fixed import fit
from soft_doubles import A, S, batch, first_action, mbpo, world
from tensordict import TensorDict
from worlds import Counter, Drift, ends_above

from fulgurite.agents.branched_rollouts import BranchedRollouts
from fulgurite.agents.guided_mpc import GuidedMPC
from fulgurite.agents.rollout_length import RolloutLength
from fulgurite.agents.soft_actor_critic import unpack
from fulgurite.imagination import TSInfinity
from fulgurite.keys import POLICY_ROWS
from fulgurite.models.base import Minibatches
from fulgurite.models.world_model import WorldModel
from fulgurite.planners.random_shooting import RandomShooting
from fulgurite.policies.squashed_gaussian import SquashedGaussianPolicy

ONE = SquashedGaussianPolicy(hidden=(4,))


def made(model, state, length=1, particles=1, **rollouts):
    policy = SquashedGaussianPolicy(hidden=(4,)).build(1, 1)
    rollouts = BranchedRollouts(length=RolloutLength(length, length), particles=particles, **rollouts)
    return unpack(rollouts.made(model, policy, state, 0), 1, 1)


def state_plus_action(state, action, next_state):
    return next_state[..., 0]


def test_rollouts_go_on_from_where_they_are():
    start = 100.0 * torch.arange(4.0)[:, None]
    state, action, reward, ended, following = made(WorldModel(Counter(), state_plus_action), start, length=3)
    assert len(state) == 12
    assert torch.equal(state[:4], start)
    torch.testing.assert_close(following, state + action)
    torch.testing.assert_close(reward, following[:, 0])
    torch.testing.assert_close(state[4:], following[:8])
    assert not ended.any()


def test_nothing_comes_after_an_end():
    model = WorldModel(Drift(torch.tensor([1.0])), state_plus_action, ends_above(2.5))
    start = torch.tensor([[0.0], [1.0], [2.0], [9.0]])
    state, _, _, ended, _ = made(model, start, length=5)
    visited = sorted((s, e) for s, e in zip(state[:, 0].tolist(), ended.tolist(), strict=True))
    assert visited == sorted([(0, 0), (1, 0), (2, 1), (1, 0), (2, 1), (2, 1), (9, 1)])


def test_ends_are_as_likely_as_the_model_says():
    model = WorldModel(Counter(), state_plus_action, lambda s: torch.full_like(s[..., 0], 0.25))
    _, _, _, ended, _ = made(model, torch.zeros(20_000, 1))
    assert ended.mean().item() == pytest.approx(0.25, abs=0.01)


def test_each_step_draws_its_members_anew_unless_told_otherwise():
    drifts = torch.tensor([-1.0, 1.0])
    model, start = WorldModel(Drift(drifts), state_plus_action), torch.zeros(400, 1)
    kept = made(model, start, 4, particles=2, propagation=TSInfinity())[4][-400:, 0]
    assert kept.abs().unique().tolist() == [4]
    drawn = made(model, start, 4, particles=2)[4]
    assert {0.0, 1.0, 2.0, 3.0, 4.0} >= set(drawn.abs().unique().tolist())
    first = drawn[:400, 0]
    assert (first == 1).sum() == 200  # each member has its share
    ways = {tuple(drawn[i::400, 0].tolist()) for i in range(400)}
    for _ in range(20):
        again = made(model, start, 4, particles=2)[4]
        ways |= {tuple(again[i::400, 0].tolist()) for i in range(400)}
    assert len(ways) > 4


def test_what_is_not_finite_is_left_out():
    def explodes(state, action, next_state):
        return torch.where(state[..., 0] > 1, torch.inf, 1.0)

    state, *_ = made(WorldModel(Counter(), explodes), torch.tensor([[0.0], [5.0], [-1.0]]))
    assert sorted(state[:, 0].tolist()) == [-1, 0]


def test_fewer_states_than_particles_are_refused():
    with pytest.raises(ValueError, match=r"rollouts.particles: need at most the 3 states of a call, got 5"):
        made(WorldModel(Counter(), state_plus_action), torch.zeros(3, 1), particles=5)
    with pytest.raises(ValueError, match="need per_update and particles >= 1, got 0 and 5"):
        BranchedRollouts(per_update=0)


def agent(**changes):
    torch.manual_seed(0)
    return mbpo(**{"rollouts": BranchedRollouts(per_update=4, particles=2), **changes})


def real(row, given):
    """Which of the packed rows `[..., D]` were seen."""
    seen = given["observation"].reshape(-1, S)
    kept = (row.reshape(-1, 1, row.shape[-1])[..., :S] == seen).all(-1).any(-1)
    rewards = given["next", "reward"].reshape(-1)
    return (kept & (row.reshape(-1, row.shape[-1])[:, S + A, None] == rewards).any(-1)).view(row.shape[:-1])


@pytest.mark.parametrize("ratio", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(5, 8), (5, 2, 8)])
def test_the_share_of_what_was_seen(ratio, shape):
    given = batch(*shape)
    rows = given.clone()
    it = agent(real_ratio=ratio)
    it.prepare(rows)
    assert rows[POLICY_ROWS].shape == (*shape, 2 * S + A + 2)
    assert torch.equal(real(rows[POLICY_ROWS], given), (torch.arange(8) < ratio * 8).expand(shape))
    assert len(it.imagined) == (0 if ratio == 1 else 5 * 4)


def test_with_nothing_imagined_it_is_soft_actor_critic():
    from soft_doubles import sac

    torch.manual_seed(0)
    one = mbpo(real_ratio=1.0)
    torch.manual_seed(0)
    other = sac(world_model=world())
    other.load_state_dict(one.state_dict())
    rows, same = batch(3, 8), batch(3, 8)
    one.prepare(rows)
    other.prepare(same)
    torch.manual_seed(1)
    found = one.loss(rows[1])
    torch.manual_seed(1)
    torch.testing.assert_close(found, other.loss(same[1]))


def test_rollouts_begin_in_the_states_of_the_minibatches_of_every_member():
    it, given = agent(real_ratio=0.0, rollouts=BranchedRollouts(per_update=4, particles=1)), batch(5, 2, 8)
    it.prepare(given.clone())
    state = it.imagined.state_dict()["rows"][:, :S]
    wanted = given["observation"][:, :, :2].transpose(1, 2).reshape(-1, S)  # two of each of two members
    assert torch.equal(state, wanted)


def test_only_the_model_learns_at_first_and_nothing_is_imagined():
    it = agent(model_first=12)
    for _ in range(2):
        rows = batch(5, 8)
        it.prepare(rows)
        assert len(it.imagined) == 0
        for row in rows.unbind(0):
            assert set(it.loss(row)) == {"dynamics"}
            it.follow()
    rows = batch(5, 8)
    it.prepare(rows)
    assert len(it.imagined) > 0


class Calls:
    def __init__(self, calls=3):
        self.calls = calls

    def __len__(self):
        return self.calls

    def __iter__(self):
        for seed in range(self.calls):
            yield Minibatches(batch(5, 8, seed=seed))


def test_a_fit_moves_every_part_and_names_what_it_did(tmp_path):
    it = agent(model_every=2)
    before = {name: value.clone() for name, value in it.state_dict().items()}
    fit(it, Calls(), tmp_path)
    after = it.state_dict()
    for part in ("policy.", "values.network", "values.slow", "temperature", "world_model.dynamics.network"):
        changed = [name for name in after if name.startswith(part) and not torch.equal(after[name], before[name])]
        assert changed, part
    told = it.trainer.callback_metrics
    for name in ("loss/critic", "loss/actor", "loss/dynamics", "policy/temperature", "imagination/length"):
        assert name in told
    assert it.updates == 15


def test_a_resting_model_keeps_every_number(tmp_path):
    it = agent(model_every=100)
    fit(it, Calls(1), tmp_path)
    kept = {name: value.clone() for name, value in it.world_model.state_dict().items() if "normalizer" not in name}
    fit(it, Calls(2), tmp_path)
    for name, value in kept.items():
        assert torch.equal(it.world_model.state_dict()[name], value), name


def test_learned_reward_and_end_are_imagined_with():
    from fulgurite.models.gaussian import GaussianDynamics
    from fulgurite.models.reward import LearnedReward
    from fulgurite.models.termination import LearnedTermination

    model = WorldModel(GaussianDynamics(S, A, 2, hidden=(4,)), LearnedReward(S, A, (4,)), LearnedTermination(S, (4,)))
    it, rows = agent(world_model=model), batch(5, 8)
    it.adapt(rows.reshape(-1).clone())
    it.prepare(rows)
    assert {"dynamics", "reward", "termination", "critic"} <= set(it.loss(rows[0]))
    ends = it.imagined.state_dict()["rows"][:, S + A + 1]
    assert set(ends.tolist()) == {0, 1}


def test_a_checkpoint_keeps_what_was_imagined(tmp_path):
    it = agent()
    fit(it, Calls(2), tmp_path)
    checkpoint = {}
    it.on_save_checkpoint(checkpoint)
    other = agent()
    other.on_load_checkpoint(checkpoint)
    assert other.updates == it.updates == 10
    assert torch.equal(other.imagined.state_dict()["rows"], it.imagined.state_dict()["rows"])
    assert len(it.acting().imagined) == 0


def test_inside_another_agent_it_learns_and_is_kept_as_by_itself(tmp_path):
    def guided():
        return GuidedMPC(agent(), RandomShooting(4, 2), A)

    it, alone = guided(), agent()
    for one in (it, alone):
        torch.manual_seed(0)
        fit(one, Calls(2), tmp_path)
    assert len(it.learner.imagined) == len(alone.imagined) > 0
    for name, weight in alone.state_dict().items():
        torch.testing.assert_close(it.learner.state_dict()[name], weight)
    assert it.learner.updates == 10
    assert it.resting() == it.learner.resting()
    checkpoint = {}
    it.on_save_checkpoint(checkpoint)
    other = guided()
    other.on_load_checkpoint(checkpoint)
    assert other.learner.updates == 10
    assert torch.equal(other.learner.imagined.state_dict()["rows"], it.learner.imagined.state_dict()["rows"])


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match=r"real_ratio: need a number in \[0, 1\], got 2"):
        mbpo(real_ratio=2)


def test_the_reward_is_the_model_s():
    it, rows = agent(real_ratio=0.0), batch(5, 8)
    it.prepare(rows)
    state, action, reward, _, following = unpack(rows[POLICY_ROWS], S, A)
    torch.testing.assert_close(reward, first_action(state, action, following))
    assert isinstance(rows, TensorDict)
