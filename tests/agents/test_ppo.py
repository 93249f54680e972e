"""PPO: advantages by hand across the border of an episode, the clipped loss by hand, and ratios that begin at 1."""

import copy
import math
import pickle

import pytest
import torch
from tensordict import TensorDict

from fulgurite.agents.ppo import PPO
from fulgurite.data.environments import Environment
from fulgurite.data.experience import Experience
from fulgurite.policies.categorical import CategoricalPolicy
from fulgurite.policies.deterministic import DeterministicPolicy
from fulgurite.policies.squashed_gaussian import SquashedGaussianPolicy
from fulgurite.policies.state_value import StateValue

GAMMA, LAMBDA = 0.9, 0.8


def agent(**changes) -> PPO:
    """Its value of a state of one number is twice that number."""
    torch.manual_seed(0)
    arguments = {"policy": CategoricalPolicy((8,), unimix=0.0, output_scale=1.0), "discrete_actions": True, **changes}
    found = PPO(
        value=StateValue(()), observation_shape=(1,), action_size=2, discount=GAMMA, lambda_=LAMBDA, **arguments
    )
    with torch.no_grad():
        found.critic.network.layers[0].weight.fill_(2.0)
    return found


def rows(*steps: tuple[int, float, float, float, bool, bool]) -> TensorDict:
    """Of (episode, state, reward, next state, terminated, truncated)."""
    number, state, reward, after, terminated, truncated = zip(*steps, strict=True)
    ends = torch.tensor(terminated)[:, None], torch.tensor(truncated)[:, None]
    following = {
        "observation": torch.tensor(after)[:, None], "reward": torch.tensor(reward)[:, None],
        "terminated": ends[0], "truncated": ends[1], "done": ends[0] | ends[1],
    }  # fmt: skip
    entries = {"observation": torch.tensor(state)[:, None], "action": torch.eye(2)[torch.arange(len(steps)) % 2]}
    return TensorDict({**entries, "next": following, "trajectory": torch.tensor(number)[:, None]}, [len(steps)])


@pytest.mark.parametrize("end", ["terminated", "truncated", "goes on"])
def test_the_advantage_of_three_steps_by_hand(end):
    """The first episode has two steps and ends in some way, or goes on in a later collection; the second has one."""
    found = agent()
    told = found.credit(
        rows(
            (4, 1.0, 0.5, 2.0, False, False),
            (4, 2.0, 1.5, 3.0, end == "terminated", end == "truncated"),
            (7, 5.0, -1.0, 0.5, False, False),
        )
    )
    last = 1.5 + (0.0 if end == "terminated" else GAMMA * 6.0) - 4.0
    first = 0.5 + GAMMA * 4.0 - 2.0 + GAMMA * LAMBDA * last
    other = -1.0 + GAMMA * 1.0 - 10.0
    assert told["advantage"][:, 0].tolist() == pytest.approx([first, last, other], rel=1e-5)
    assert told["return"][:, 0].tolist() == pytest.approx([first + 2, last + 4, other + 10], rel=1e-5)
    log_pi = found.policy(torch.tensor([[1.0], [2.0], [5.0]])).log_pi.detach()
    torch.testing.assert_close(told["action_log_prob"][:, 0], log_pi[[0, 1, 2], [0, 1, 0]])
    assert not told["advantage"].requires_grad


def test_the_loss_by_hand():
    """Ratios of 1.5, 1 and 0.6, clipped where that makes the objective smaller."""
    found = agent(clip=0.2, entropy_bonus=0.1, normalize_advantage=False)
    state, action = torch.tensor([[0.3], [-0.7], [1.1]]), torch.eye(2)[[0, 1, 1]]
    pi = found.policy(state)
    ratio, advantage = torch.tensor([1.5, 1.0, 0.6]), torch.tensor([2.0, -1.0, -3.0])
    old = (pi.log_prob(action) - ratio.log()).detach()
    batch = TensorDict(
        {"observation": state, "action": action, "next": {"observation": state}, "advantage": advantage[:, None],
         "return": torch.tensor([[1.0], [0.0], [-2.0]]), "action_log_prob": old[:, None]}, [3],
    )  # fmt: skip
    losses = found.loss(batch)
    by_hand = -(min(1.5 * 2, 1.2 * 2) + min(-1.0, -1.0) + min(0.6 * -3, 0.8 * -3)) / 3
    assert losses["policy"].item() == pytest.approx(by_hand, rel=1e-5)
    assert losses["entropy"].item() == pytest.approx(-0.1 * pi.entropy().mean().item(), rel=1e-5)
    errors = [0.6 - 1.0, -1.4 - 0.0, 2.2 + 2.0]
    assert losses["value"].item() == pytest.approx(sum(0.5 * e * e for e in errors) / 3, rel=1e-5)
    losses["policy"].backward()
    slope = torch.autograd.grad((found.policy(state).log_prob(action) * torch.tensor([0.0, -1.0, 0.0])).sum() / -3,
                                list(found.policy.parameters()))  # fmt: skip
    for parameter, expected in zip(found.policy.parameters(), slope, strict=True):
        torch.testing.assert_close(parameter.grad, expected)
    assert found._notes["policy/ratio_max"].item() == pytest.approx(1.5, rel=1e-5)
    assert found._notes["policy/clipped"].item() == pytest.approx(2 / 3)


def test_advantages_of_a_minibatch_may_be_normalised():
    batch = rows((0, 1.0, 0.5, 2.0, False, False), (0, 2.0, 1.5, 3.0, False, False), (1, 5.0, 1.0, 0.5, True, False))
    found = agent(normalize_advantage=True)
    batch.update(found.credit(batch))
    shifted = batch.clone()
    shifted["advantage"] = 7 * shifted["advantage"] + 3
    torch.testing.assert_close(found.loss(batch)["policy"], found.loss(shifted)["policy"])


@pytest.mark.parametrize(
    ("id", "policy"), [("CartPole-v1", CategoricalPolicy((8,))), ("Pendulum-v1", SquashedGaussianPolicy((8,)))]
)
def test_ratios_are_one_at_the_first_update_after_a_collection(id, policy):
    torch.manual_seed(0)
    environment = Environment(id, num_envs=2)
    found = PPO(
        policy, StateValue((8,)), environment.observation_shape, environment.action_size, environment.discrete_actions
    )
    experience = Experience(environment, found, warmup_env_steps=0, env_steps_per_collection=60, held_out_share=0)
    optimizer = found.policy.make_optimizer()
    for _ in range(2):
        experience.collect()
        for update in range(3):
            losses = found.loss(experience.dataset.sample(1, 30, experience.generator)[0])
            apart = abs(found._notes["policy/ratio_max"].item() - 1), abs(found._notes["policy/kl"].item())
            assert (max(apart) < 2e-4) == (update == 0), apart
            losses["policy"].backward()
            for group in optimizer.param_groups:
                group["lr"] = 0.01
            optimizer.step()
            optimizer.zero_grad()


def test_what_was_not_credited_teaches_nothing():
    assert agent().loss(rows((0, 1.0, 0.5, 2.0, False, False))) == {}


def test_the_loss_leaves_no_trace_in_checkpoints_and_copies():
    found = agent()
    before, batch = list(found.state_dict()), rows((0, 1.0, 0.5, 2.0, False, False), (0, 2.0, 1.5, 3.0, False, False))
    batch.update(found.credit(batch))
    loss = found.loss(batch)["policy"]
    assert list(found.state_dict()) == before
    assert all(name.startswith(("policy.", "critic.")) for name in before)
    for other in (copy.deepcopy(found), pickle.loads(pickle.dumps(found.acting()))):
        torch.testing.assert_close(other.loss(batch)["policy"], loss)
    assert math.isfinite(found.value(torch.zeros(3, 1)).sum().item())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"policy": DeterministicPolicy(), "discrete_actions": False}, "policy: need one with a density"),
        ({"discrete_actions": False}, r"policy: need one for actions in \[-1, 1\]"),
        ({"clip": 1.5}, r"need clip in \(0, 1\)"),
        ({"entropy_bonus": -1.0}, "entropy_bonus of at least 0"),
    ],
)
def test_what_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        agent(**changes)
    with pytest.raises(ValueError, match=r"lambda_: need a number in \[0, 1\], got 1.2"):
        PPO(CategoricalPolicy(), StateValue(), (1,), 2, True, lambda_=1.2)
