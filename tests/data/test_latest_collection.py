"""On-policy data: only the latest collection, credited once, every transition as often as any other."""

import pytest
import torch
from recorded import rows
from tensordict import TensorDict

from fulgurite.agents.ppo import PPO
from fulgurite.agents.random import RandomAgent
from fulgurite.data.environments import Environment
from fulgurite.data.experience import Experience
from fulgurite.data.latest_collection import LatestCollection, OnPolicy
from fulgurite.policies.categorical import CategoricalPolicy
from fulgurite.policies.state_value import StateValue


class Teller(OnPolicy):
    """Its credit is how often it was asked, and the place of a transition among those that it was given."""

    def __init__(self) -> None:
        self.asked = 0

    def credit(self, transitions):
        self.asked += 1
        place = torch.arange(len(transitions)).float()[:, None]
        return TensorDict({"asked": torch.full_like(place, self.asked), "place": place}, transitions.batch_size)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def extended(data: LatestCollection, steps, held_out=(), ends=None) -> None:
    found = rows("vector", steps, ends or {})
    number = found["trajectory"][:, 0]
    data.extend(found, torch.isin(number, torch.tensor(held_out, dtype=torch.int64)), generator())


FIRST = [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2)]  # two episodes, interleaved


def test_what_was_learned_from_makes_room_and_what_was_not_stays():
    data = LatestCollection(Teller())
    extended(data, FIRST[:2])
    extended(data, FIRST[2:])
    assert len(data) == 5
    assert data.newest(2)["trajectory"][:, 0].tolist() == [1, 0]
    data.sample(1, 2, generator())
    assert data.agent.asked == 1
    extended(data, [(2, 0), (2, 1)])
    assert len(data) == 2
    assert data.sample(3, 2, generator())["asked"].unique().tolist() == [2]


def test_credit_is_asked_for_episode_by_episode_in_time():
    data = LatestCollection(Teller())
    extended(data, FIRST)
    batch = data.sample(1, 5, generator())[0]
    in_order = batch[batch["place"][:, 0].argsort()]
    assert in_order["observation"].tolist() == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1]]


def test_every_transition_is_handed_out_as_often():
    data = LatestCollection(Teller())
    extended(data, FIRST)
    chance = generator()
    passes = torch.cat([data.sample(2, 2, chance)["place"].flatten() for _ in range(5)])  # 20 of 5
    for one in passes.split(5):
        assert sorted(one.tolist()) == [0, 1, 2, 3, 4]
    assert len({tuple(one.tolist()) for one in passes.split(5)}) > 1


def test_nothing_is_held_out():
    """A collection of one episode would leave nothing to learn from."""
    data = LatestCollection(Teller())
    extended(data, FIRST, held_out=[0, 1])
    assert data.sample(1, 12, generator())["trajectory"].unique().tolist() == [0, 1]
    assert len(data.held_out(10)) == len(data.trajectories()) == 0


def test_without_a_transition_it_says_so():
    with pytest.raises(ValueError, match="need at least one transition to train on, got none"):
        LatestCollection(Teller()).sample(1, 1, generator())


def test_an_episode_that_was_cut_off_is_truncated():
    data = LatestCollection(Teller())
    data.cut(0)
    extended(data, FIRST)
    data.cut(0)
    data.cut(7)
    rows = data.newest(9)
    assert rows["next", "truncated"][:, 0].tolist() == [False] * 4 + [True]
    assert rows["next", "done"][:, 0].tolist() == [False] * 4 + [True]


@pytest.mark.parametrize("used", [0, 1])
def test_it_goes_on_from_a_checkpoint(used):
    data, chance = LatestCollection(Teller()), generator()
    extended(data, FIRST)
    for _ in range(used):
        data.sample(1, 3, chance)
    state = data.state_dict("rows-0")
    other, later = LatestCollection(Teller()), generator()
    other.load_state_dict(state)
    later.set_state(chance.get_state())
    for _ in range(4):
        assert (data.sample(2, 3, chance) == other.sample(2, 3, later)).all()
    assert other.agent.asked == 1 - used


def test_a_part_of_a_checkpoint_never_has_two_contents():
    data = LatestCollection(Teller())
    names = []
    for _ in range(3):
        extended(data, FIRST)
        names.append(data.state_dict("rows-0")["pieces"][0]["__part__"])
        data.sample(1, 1, generator())
        names.append(data.state_dict("rows-0")["pieces"][0]["__part__"])
    assert len(set(names)) == 6
    empty = LatestCollection(Teller()).state_dict("rows-0")
    LatestCollection(Teller()).load_state_dict(empty)


def learner() -> PPO:
    return PPO(CategoricalPolicy((8,)), StateValue((8,)), (4,), 2, True)


def test_experience_hands_an_on_policy_agent_its_latest_collection():
    experience = Experience(
        Environment("CartPole-v1", num_envs=2), learner(), warmup_env_steps=40, env_steps_per_collection=20,
        held_out_share=0,
    )  # fmt: skip
    assert len(experience.collect()) == 40  # the warm-up, which is acted by the agent
    assert len(experience.dataset) == 40
    experience.dataset.sample(1, 8, experience.generator)
    assert len(experience.collect()) == 20
    assert len(experience.dataset) == 20


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"base_policy": RandomAgent(2, True)}, "base_policy: need none, since PPO learns from what it does itself"),
        ({"sequence_length": 5}, "sequence_length: need none, since PPO learns from transitions, got 5"),
    ],
)
def test_what_it_did_not_do_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        Experience(Environment("CartPole-v1"), learner(), **changes)
