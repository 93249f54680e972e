"""Who is told of a step while experience is gathered: the policy that acts, once, of what it did, and nobody else."""

import pytest
import torch
from tiny import tiny_experience

from fulgurite.agents.agent import Agent
from fulgurite.agents.dyna_q import DynaQ
from fulgurite.agents.random import RandomAgent
from fulgurite.data.environments import Environment
from fulgurite.data.experience import Experience
from fulgurite.data.processes import Processes
from fulgurite.data.schedule import Schedule
from fulgurite.keys import TRAJECTORY, TRANSITION
from fulgurite.runs import stopping
from fulgurite.runs.evaluation import Evaluation


class Watcher(Agent):
    """Acts by chance and keeps all that it is told."""

    def __init__(self, action_size: int) -> None:
        super().__init__()
        self.action_size = action_size
        self.told: list = []
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, td):
        td["action"] = 2 * torch.rand(*td.batch_size, self.action_size, generator=self.generator) - 1
        return td

    def observe(self, td):
        self.seen += len(td)
        self.told.append(td.clone())

    def loss(self, batch):
        return {}


def watching(environment: Environment, agent: Agent, **changes) -> Experience:
    arguments = {"warmup_env_steps": 0, "env_steps_per_collection": 40, "schedule": Schedule(0, 0), "capacity": 1000}
    return Experience(environment, agent, **{**arguments, **changes})


def test_each_transition_once_with_ends_and_new_beginnings():
    agent = Watcher(1)
    experience = watching(Environment("fulgurite/CartPoleBalance-v0", num_envs=2, max_episode_steps=7), agent)
    rows = experience.collect()  # [2 x 20], environment by environment
    told = torch.stack(agent.told, 1).reshape(-1)
    assert agent.told[0].batch_size == (2,)
    assert told["next", "truncated"].sum() == 4
    assert experience.training_lengths == [7] * 4
    for key in TRANSITION:
        assert torch.equal(told[key], rows[key]), key
    starts = rows[TRAJECTORY][1:, 0] != rows[TRAJECTORY][:-1, 0]
    assert (told["observation"][1:][starts] != told["next", "observation"][:-1][starts]).any(1).all()


def test_steps_that_failed_are_not_told():
    agent = Watcher(1)
    options = {"at": 5, "seeds": None}
    experience = watching(
        Environment("fulgurite.selftest.faulty_environment:selftest/Faulty-v0", options=options, max_faults=99), agent
    )
    rows = experience.collect()
    assert 0 < len(rows) < 40
    assert agent.seen == len(rows)
    assert torch.equal(torch.cat(agent.told)["next", "observation"], rows["next", "observation"])


def test_only_who_acts_is_told():
    agent, base = Watcher(1), Watcher(1)
    experience = watching(Environment("fulgurite/CartPoleBalance-v0"), agent, base_policy=base, warmup_env_steps=40)
    experience.collect()
    assert (agent.seen, base.seen) == (0, 40)
    experience.collect()
    assert (agent.seen, base.seen) == (40, 40)
    Evaluation(experience.environment, episodes=1).run(agent)
    assert agent.seen == 40


def test_where_nobody_listens_nothing_is_added():
    experience = watching(Environment("fulgurite/CartPoleBalance-v0"), RandomAgent(1))
    experience.collect()
    assert "Observing" not in str(experience._collection.collector.env)
    with_one = watching(Environment("fulgurite/CartPoleBalance-v0"), Watcher(1))
    with_one.collect()
    assert "Observing" in str(with_one._collection.collector.env)


def maze_experience(agent: DynaQ) -> Experience:
    return watching(Environment("fulgurite/DynaMaze-v0"), agent)


def test_a_collection_that_is_given_up_was_not_learned_from():
    left_alone, stopped = (DynaQ(54, 4, True, True, epsilon=0.5) for _ in range(2))
    for agent in (left_alone, stopped):
        agent.generator.manual_seed(3)
    whole, broken = maze_experience(left_alone), maze_experience(stopped)
    whole.collect()
    broken.collect()
    acted, calls = broken._act, []

    def stops():
        calls.append(0)
        if len(calls) == 20:
            raise stopping.Stopped
        return acted()

    broken._collection.actor.choose = stops
    before = {name: value.clone() for name, value in stopped.state_dict().items()}
    try:
        with pytest.raises(stopping.Stopped):
            broken.collect()
    finally:
        stopping.forget()
    assert all(torch.equal(value, before[name]) for name, value in stopped.state_dict().items())
    whole.collect()
    broken.collect()
    for name, value in left_alone.state_dict().items():
        assert torch.equal(value, stopped.state_dict()[name]), name


def test_copies_cannot_teach():
    with pytest.raises(ValueError, match="collector: need InProcess, since DynaQ learns as it acts, got Processes"):
        watching(Environment("fulgurite/DynaMaze-v0"), DynaQ(54, 4, True, True), collector=Processes(1))
    watching(Environment("fulgurite/DynaMaze-v0"), RandomAgent(4, True), collector=Processes(1))


def test_an_epoch_without_updates_is_empty():
    experience = watching(Environment("fulgurite/CartPoleBalance-v0"), Watcher(1), updates_per_call=5)
    experience.collect()
    assert not experience.collection_due
    assert [len(calls) for calls in experience.train_dataloader()] == [0] * 20
    assert experience.collection_due
    busy = tiny_experience(Environment("fulgurite/CartPoleBalance-v0", num_envs=2), RandomAgent(1))
    busy.collect()
    assert [len(calls) for calls in busy.train_dataloader()] == [5] * 4
