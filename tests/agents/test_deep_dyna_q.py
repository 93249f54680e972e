"""Deep Dyna-Q: what it imagines, what counts of it, and that without imagination it is DQN to the bit."""

import pytest
import torch
from tensordict import TensorDict
from worlds import Counter, state_is_reward

from fulgurite.agents.deep_dyna_q import DeepDynaQ
from fulgurite.models.gaussian import GaussianDynamics
from fulgurite.models.known import cart_pole_balance_reward, cart_pole_balance_termination
from fulgurite.models.latent_world_model import LatentWorldModel
from fulgurite.models.world_model import WorldModel
from fulgurite.policies.epsilon_greedy import EpsilonGreedyPolicy
from fulgurite.recipe import build, compose


class Steps(Counter):
    """Action 0 adds 1 to a state of one number, action 1 adds 2; from 3 on everything is not a number."""

    def step(self, state, action, theta, noise):
        moved = state + 1 + action[..., 1:]
        return torch.where(state >= 3, torch.nan, moved)


def ends_from_three(next_state):
    return (~(next_state[..., 0] < 3)).float()


def agent(world=None, **changes) -> DeepDynaQ:
    torch.manual_seed(0)
    world = WorldModel(Steps(), state_is_reward, ends_from_three) if world is None else world
    arguments = {"observation_shape": (1,), "action_size": 2, "discrete_actions": True, **changes}
    return DeepDynaQ(EpsilonGreedyPolicy((8,)), world, **arguments)


def batch(rows: int) -> TensorDict:
    state, action = torch.zeros(rows, 1), torch.eye(2)[torch.arange(rows) % 2]
    no = torch.zeros(rows, 1, dtype=torch.bool)
    after = {"observation": state + 1, "reward": torch.ones(rows, 1), "terminated": no, "truncated": no, "done": no}
    return TensorDict({"observation": state, "action": action, "next": after}, [rows])


def test_nothing_counts_after_an_imagined_end():
    found = agent(horizon=4, imagined=2)
    dreamt, counts = found.imagine(torch.zeros(50, 1))
    assert len(dreamt) == len(counts) == 50 * 2 * 4
    assert dreamt.isfinite().all()
    state, after = dreamt["state"][:, 0], dreamt["next", "state"][:, 0]
    kept = counts == 1
    assert 0 < kept.float().mean() < 1
    assert ((counts == 0) | kept).all()
    assert torch.equal(after[kept], (state + 1 + dreamt["action"][:, 1])[kept])
    assert torch.equal(dreamt["next", "reward"][kept, 0], after[kept])
    assert torch.equal(dreamt["next", "terminated"][kept, 0], (after >= 3)[kept])
    assert (state[kept] < 3).all()
    by_rollout = counts.view(4, 100)
    ended = dreamt["next", "terminated"].view(4, 100)
    for rollout in range(100):
        last = int(by_rollout[:, rollout].sum())  # as many steps as count, the last of which ends
        assert (by_rollout[:last, rollout] == 1).all()
        assert not ended[: last - 1, rollout].any()
        assert last == 4 or ended[last - 1, rollout]


def test_the_loss_is_the_mean_over_what_was_replayed_and_what_counts():
    found, rows = agent(horizon=3), batch(6)
    kept: list = []
    imagine = found.imagine
    found.imagine = lambda state: kept.append(imagine(state)) or kept[0]
    loss = found.loss(rows)["q"]
    ((dreamt, counts),) = kept
    real = found.states(batch(6))
    every = [found.td_loss(real[i : i + 1]) for i in range(6)]
    every += [found.td_loss(dreamt[i : i + 1]) for i in counts.nonzero()[:, 0]]
    assert len(every) < 6 + 18
    torch.testing.assert_close(loss, torch.stack(every).mean())
    assert found._notes["imagined/counting"] == counts.mean()


def test_ends_that_may_come_are_drawn():
    world = WorldModel(Counter(), state_is_reward, lambda s: torch.full_like(s[..., 0], 0.25))
    found = agent(world, observation_shape=(2,), horizon=3)
    dreamt, counts = found.imagine(torch.zeros(20_000, 2))
    ended = dreamt["next", "terminated"][:, 0]
    assert ended[counts == 1].float().mean() == pytest.approx(0.25, abs=0.01)
    for step, share in enumerate(counts.view(3, -1).mean(1).tolist()):
        assert share == pytest.approx(0.75**step, abs=0.01)


def test_where_nothing_ends_everything_counts():
    found = agent(WorldModel(Counter(), state_is_reward), observation_shape=(2,), horizon=2)
    dreamt, counts = found.imagine(torch.zeros(4, 2))
    assert (counts == 1).all()
    assert not dreamt["next", "done"].any()


def test_an_imagined_action_is_greedy_or_drawn():
    state = torch.randn(4000, 1)
    for epsilon, expected in ((0.0, 0.0), (1.0, 0.5), (0.4, 0.2)):
        found = agent(imagined_epsilon=epsilon)
        missed = found.act(state, 0).argmax(-1) != found.policy.q(state).argmax(-1)
        assert missed.float().mean() == pytest.approx(expected, abs=0.03)


def test_members_with_data_of_their_own_imagine_together():
    dynamics = GaussianDynamics(4, 2, members=3, hidden=(8,))
    world = WorldModel(dynamics, cart_pole_balance_reward, cart_pole_balance_termination)
    found = agent(world, observation_shape=(4,), particles=3, horizon=2)
    rows = torch.stack([batch(6)] * 3)
    for key in ("observation", ("next", "observation")):
        rows[key] = torch.randn(3, 6, 4) * 0.05
    losses = found.loss(rows)
    assert set(losses) == {"dynamics", "q"}
    assert all(loss.isfinite() for loss in losses.values())
    with pytest.raises(ValueError, match="particles: need a divisor of the 18 states, got 4"):
        agent(world, observation_shape=(4,), particles=4).loss(rows)


SMALL = [
    "experience.max_env_steps=80", "experience.warmup_env_steps=40", "experience.env_steps_per_collection=20",
    "experience.batch_size=8", "experience.updates_per_epoch=10", "experience.updates_per_call=5",
    "experience.schedule={updates_per_env_step: 0.5, first_updates: 20}", "callbacks=null", "logger=null",
    "trainer.accelerator=cpu", "evaluation.episodes=1",
]  # fmt: skip


def trained(name: str, folder, *more: str):
    experiment = build(compose(name, [*SMALL, *more]))
    assert experiment.fit(folder)["gradient_steps"] == 40
    return experiment.agent


def test_without_imagination_it_is_dqn_to_the_bit(tmp_path):
    dqn = trained("dqn/cartpole", tmp_path / "dqn")
    alike = trained("dyna/cartpole", tmp_path / "alike", "agent.imagined=0")
    other = trained("dyna/cartpole", tmp_path / "other")
    for one, same, different in zip(
        (*dqn.policy.parameters(), *dqn.slow.parameters()),
        (*alike.policy.parameters(), *alike.slow.parameters()),
        (*other.policy.parameters(), *other.slow.parameters()),
        strict=True,
    ):
        assert torch.equal(one, same)
        assert not torch.equal(one, different)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"imagined": -1}, "imagined: need at least 0, got -1"),
        ({"horizon": 0}, "horizon: need at least 1, got 0"),
        ({"particles": 0}, "particles: need at least 1, got 0"),
        ({"imagined_epsilon": 2.0}, r"imagined_epsilon: need a number in \[0, 1\], got 2.0"),
        ({"discrete_actions": False}, "need an environment with discrete actions"),
        ({"world": LatentWorldModel.__new__(LatentWorldModel)}, "got a LatentWorldModel"),
    ],
)
def test_what_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        agent(**changes)
