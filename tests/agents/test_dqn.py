"""Double DQN: its loss by hand, what ends a value, the slow copy, epsilon, and value iteration on a chain."""

import copy
import pickle

import gymnasium
import numpy as np
import pytest
import torch
from fixed import Given, fit
from tensordict import TensorDict

from fulgurite.agents.dqn import DQN
from fulgurite.agents.linear_schedule import LinearSchedule
from fulgurite.agents.random import RandomAgent
from fulgurite.data.environments import Environment
from fulgurite.data.experience import Experience
from fulgurite.data.play import started
from fulgurite.policies.epsilon_greedy import EpsilonGreedyPolicy


def agent(states=4, actions=2, hidden=(8,), **changes) -> DQN:
    torch.manual_seed(0)
    changes = {"policy": EpsilonGreedyPolicy(hidden, learning_rate=0.03), "discrete_actions": True, **changes}
    return DQN(observation_shape=(states,), action_size=actions, **changes)


def three(states=4, actions=2) -> TensorDict:
    """One goes on, one is terminated, one is truncated."""
    generator = torch.Generator().manual_seed(1)
    terminated, truncated = torch.tensor([[False], [True], [False]]), torch.tensor([[False], [False], [True]])
    following = {
        "observation": torch.randn(3, states, generator=generator),
        "reward": torch.tensor([[1.0], [-2.0], [0.5]]),
        "terminated": terminated,
        "truncated": truncated,
        "done": terminated | truncated,
    }
    action = torch.eye(actions)[torch.tensor([1, 0, 1])]
    return TensorDict(
        {"observation": torch.randn(3, states, generator=generator), "action": action, "next": following}, [3]
    )


def apart(found: DQN) -> DQN:
    """With a slow copy that prefers the other action, so that double Q-learning differs from plain."""
    with torch.no_grad():
        found.slow.layers[-1].weight.mul_(-1.5)
        found.slow.layers[-1].bias.add_(torch.tensor([0.3, -0.2]))
    return found


@pytest.mark.parametrize("distance", ["l2", "smooth_l1"])
def test_the_loss_by_hand(distance):
    found, batch = apart(agent(discount=0.9, distance=distance)), three()
    q, q_next = found.policy.q(batch["observation"]), found.policy.q(batch["next", "observation"])
    slow = found.slow(batch["next", "observation"])
    best = [int(row[1] > row[0]) for row in q_next.tolist()]
    assert any(best[i] != int(slow[i].argmax()) for i in (0, 2))
    y = [1.0 + 0.9 * slow[0, best[0]], torch.tensor(-2.0), 0.5 + 0.9 * slow[2, best[2]]]
    taken = [q[0, 1], q[1, 0], q[2, 1]]
    errors = [(a - b).item() for a, b in zip(taken, y, strict=True)]
    small = [0.5 * e * e if abs(e) < 1 else abs(e) - 0.5 for e in errors]
    each = small if distance == "smooth_l1" else [e * e for e in errors]
    loss = found.loss(batch)["q"]
    assert loss.item() == pytest.approx(sum(each) / 3, rel=1e-5)
    loss.backward()
    assert all(parameter.grad is not None for parameter in found.policy.network.parameters())
    assert all(parameter.grad is None for parameter in found.slow.parameters())


def test_the_loss_leaves_no_trace_in_checkpoints_and_copies():
    found = agent()
    before = list(found.state_dict())
    found.loss(three())
    assert list(found.state_dict()) == before
    assert len(before) == 12  # two networks of two layers and a gain, epsilon, updates
    other = copy.deepcopy(found)
    with torch.no_grad():
        other.policy.network.layers[0].weight.zero_()
    assert not torch.equal(other.loss(three())["q"], found.loss(three())["q"])
    sent = pickle.loads(pickle.dumps(found.acting()))
    torch.testing.assert_close(sent.loss(three())["q"], found.loss(three())["q"])


def test_the_slow_copy_follows_softly_or_now_and_then():
    soft = agent(target_rate=0.25)
    fast, before = soft.policy.network.layers[0].weight, soft.slow.layers[0].weight.clone()
    with torch.no_grad():
        fast += 1.0
    soft.follow()
    torch.testing.assert_close(soft.slow.layers[0].weight, before + 0.25)

    hard = agent(target_rate=1.0, target_every=3)
    fast, before = hard.policy.network.layers[0].weight, hard.slow.layers[0].weight.clone()
    with torch.no_grad():
        fast += 1.0
    for expected in (before, before, fast, fast):
        hard.follow()
        assert torch.equal(hard.slow.layers[0].weight, expected)
    assert hard.state_dict()["updates"] == 4


def test_it_is_greedy_in_evaluations_and_explores_while_it_is_trained():
    found = agent()
    td = started(found, 4000)
    td["observation"] = torch.randn(1, 4).expand(4000, 4)
    best = found.policy.q(td["observation"]).argmax(-1)
    found.policy.epsilon.fill_(0.2)
    assert torch.equal(found.eval()(td.clone())["action"].argmax(-1), best)
    missed = (found.train()(td.clone())["action"].argmax(-1) != best).float().mean()
    assert missed == pytest.approx(0.1, abs=0.02)
    torch.testing.assert_close(found.value(td["observation"]), found.policy.q(td["observation"]).amax(-1))


def test_epsilon_is_that_of_the_environment_steps_before_a_collection():
    found = agent(exploration=LinearSchedule(0.9, 0.1, 100))
    told = []
    for steps in (0, 50, 100, 1000):
        found.begin_collection(steps)
        told.append(found.counted()["policy/epsilon"])
    assert told == pytest.approx([0.9, 0.5, 0.1, 0.1])
    assert LinearSchedule(0.9, 0.1, 0)(0) == 0.1


def test_first_weights_do_not_depend_on_what_was_made_before():
    torch.manual_seed(0)
    one = DQN(EpsilonGreedyPolicy((8,)), (4,), 2, True)
    torch.rand(7)
    chance = torch.get_rng_state()
    other = DQN(EpsilonGreedyPolicy((8,)), (4,), 2, True)
    assert torch.equal(torch.get_rng_state(), chance)
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


GAMMA, LENGTH = 0.8, 5


def chain() -> TensorDict:
    """Every transition of a chain: left to its start for 0.05, right to its end, which is terminal, for 1."""
    states, actions, following, rewards, ends = [], [], [], [], []
    for s in range(LENGTH):
        for a in range(2):
            last = a == 1 and s == LENGTH - 1
            states.append(s), actions.append(a), following.append(0 if a == 0 or last else s + 1)
            rewards.append(float(last) if a else 0.05), ends.append(last)
    ended = torch.tensor(ends)[:, None]
    nothing = torch.zeros_like(ended)
    after = {"observation": torch.eye(LENGTH)[following], "reward": torch.tensor(rewards)[:, None]}
    after |= {"terminated": ended, "truncated": nothing, "done": ended}
    return TensorDict(
        {"observation": torch.eye(LENGTH)[states], "action": torch.eye(2)[actions], "next": after}, [2 * LENGTH]
    )


def value_iteration() -> torch.Tensor:
    """Q* `[S, A]`."""
    q = torch.zeros(LENGTH, 2)
    for _ in range(300):
        v = q.amax(-1)
        right = torch.cat([GAMMA * v[1:], torch.ones(1)])
        q = torch.stack([0.05 + GAMMA * v[0].expand(LENGTH), right], -1)
    return q


def test_value_iteration_on_a_chain():
    """A network without hidden layers is a table: where everything is seen, Q is exact."""
    found = agent(
        LENGTH, 2, hidden=(), discount=GAMMA, distance="l2", target_rate=1.0, target_every=5,
        policy=EpsilonGreedyPolicy((), learning_rate=0.01),
    )  # fmt: skip
    fit(found, Given(chain().expand(6, 100, 2 * LENGTH).clone()))
    exact = value_iteration()
    assert (found.policy.q(torch.eye(LENGTH)) - exact).abs().max() < 0.01
    assert torch.equal(found.policy.q(torch.eye(LENGTH)).argmax(-1), exact.argmax(-1))


def falls() -> TensorDict:
    """Random walks of a cart-pole until it falls, which is never later than the 60th step here."""
    env, chance, steps = gymnasium.make("CartPole-v1"), np.random.default_rng(0), []
    for seed in range(40):
        (before, _), fallen = env.reset(seed=seed), False
        while not fallen:
            choice = int(chance.integers(2))
            after, reward, fallen, _, _ = env.step(choice)
            ending = {"observation": after, "reward": np.float32([reward]), "terminated": np.array([fallen])}
            ending |= {"truncated": np.array([False]), "done": np.array([fallen])}
            steps.append(
                TensorDict({"observation": before, "action": np.eye(2, dtype=np.float32)[choice], "next": ending})
            )
            before = after
    return torch.stack(steps)


def test_nothing_is_worth_more_than_reward_for_ever():
    """Rectified layers that are not normalised overrate the borders, where tasks end, more with every update."""
    torch.manual_seed(0)
    seen = falls()
    found = agent(4, 2, hidden=(128, 128), target_rate=0.05, policy=EpsilonGreedyPolicy((128, 128), learning_rate=5e-4))
    rows = seen[torch.randint(len(seen), (16, 50, 64))]
    fit(found, Given(rows))
    with torch.no_grad():
        assert found.policy.q(seen["observation"]).max() < 1 / (1 - found.discount)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"discrete_actions": False}, "need an environment with discrete actions"),
        ({"discount": 1.1}, r"discount: need a number in \[0, 1\], got 1.1"),
        ({"target_rate": 0.0}, "got 0.0 and 1"),
        ({"target_every": 0}, "got 0.005 and 0"),
        ({"exploration": LinearSchedule(1.5, 0.1, 10)}, r"exploration.start: need a number in \[0, 1\], got 1.5"),
        ({"observation_shape": (3, 8, 8)}, "vector"),
    ],
)
def test_what_is_refused(changes, said):
    arguments = {"observation_shape": (4,), "action_size": 2, "discrete_actions": True}
    arguments |= {"policy": EpsilonGreedyPolicy((8,)), **changes}
    with pytest.raises(ValueError, match=said):
        DQN(**arguments)
    with pytest.raises(ValueError, match="env_steps: need at least 0, got -1"):
        LinearSchedule(1.0, 0.0, -1)


def test_it_learns_from_what_is_collected():
    found = agent()
    experience = Experience(
        Environment("CartPole-v1"), found, base_policy=RandomAgent(2, True), warmup_env_steps=40,
        env_steps_per_collection=20, held_out_share=0,
    )  # fmt: skip
    experience.collect()
    experience.collect()
    loss = found.loss(experience.dataset.sample(1, 8, experience.generator)[0])["q"]
    assert loss.isfinite()
