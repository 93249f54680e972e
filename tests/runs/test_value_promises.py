"""Values against what came, on episodes worked by hand."""

import pytest
import torch
from tensordict import TensorDict

from fulgurite.agents.policy_agent import PolicyAgent
from fulgurite.data.play import Episode
from fulgurite.policies.deterministic import DeterministicPolicy
from fulgurite.runs.film import curves
from fulgurite.runs.value_promises import promised_and_realised, value_promises


class Tenfold(PolicyAgent):
    """Believes a state to be worth ten times its number."""

    def __init__(self) -> None:
        super().__init__(DeterministicPolicy(), (1,), 1, False, None, discount=0.5)

    def value(self, state):
        return 10 * state[..., 0]


def episode(terminated: bool) -> Episode:
    """Three steps in the states 1, 2, 3 with the rewards 1, 2, 4."""
    state, reward = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[1.0], [2.0], [4.0]])
    end = torch.tensor([[False], [False], [terminated]])
    following = {"observation": state + 1, "reward": reward, "terminated": end, "truncated": ~end, "done": end}
    return Episode(0, TensorDict({"observation": state, "action": reward, "next": following}, [3]))


def test_an_episode_that_ended_is_summed_to_its_end():
    promised, realised = promised_and_realised(Tenfold(), episode(True))
    assert promised.tolist() == [10, 20, 30]
    assert realised.tolist() == [1 + 0.5 * (2 + 0.5 * 4), 2 + 0.5 * 4, 4]


def test_where_the_recording_ended_the_last_state_says_what_is_left():
    promised, realised = promised_and_realised(Tenfold(), episode(False))
    assert promised.tolist() == [10, 20]
    assert realised.tolist() == [1 + 0.5 * (2 + 0.5 * 30), 2 + 0.5 * 30]


def test_the_means_are_over_all_steps_of_all_episodes():
    found = value_promises(Tenfold(), [episode(True), episode(False)])
    realised = (3.0 + 4 + 4 + 9.5 + 17) / 5
    assert found == {
        "value/promised": pytest.approx(18.0),
        "value/realised": pytest.approx(realised),
        "value/gap": pytest.approx(18.0 - realised),
    }
    single = Episode(0, episode(False).transitions[-1:])
    assert value_promises(Tenfold(), [single]) == {}


def test_a_video_shows_both():
    shown = curves(Tenfold(), episode(True))
    assert [curve.name for curve in shown] == ["value", "realised, discounted"]
    assert len(shown[0].values) == 3
