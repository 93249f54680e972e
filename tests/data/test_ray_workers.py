"""Workers in Ray: the same rows as from processes, whose seeds they share, and a clear word where Ray is missing.

`pip install -c constraints.txt 'fulgurite[ray]'` and `pytest -m slow tests/data/test_ray_workers.py` runs them.
"""

import importlib.util
from importlib.machinery import ModuleSpec

import pytest
import torch
from tiny import tiny_agent, tiny_experience

from fulgurite.agents.random import RandomAgent
from fulgurite.data import ray_workers
from fulgurite.data.collector import Collector
from fulgurite.data.environments import Environment
from fulgurite.data.episodes import EnvironmentFault
from fulgurite.data.experience import Experience
from fulgurite.data.processes import Processes
from fulgurite.data.ray_workers import RayWorkers
from fulgurite.recipe_error import MissingExtra


@pytest.mark.parametrize("found", [None, ModuleSpec("ray", None)])
def test_without_ray_the_extra_is_named(found, monkeypatch):
    """A folder named ray, such as the one Ray leaves in /tmp, is no Ray."""
    monkeypatch.setattr(ray_workers, "find_spec", lambda name: found)
    with pytest.raises(MissingExtra, match=r"pip install 'fulgurite\[ray\]'"):
        RayWorkers(2)


def balance(collector: Collector) -> Experience:
    torch.manual_seed(0)
    environment = Environment("fulgurite/CartPoleBalance-v0", num_envs=2)
    return tiny_experience(environment, tiny_agent(), seed=5, collector=collector)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs ray")
@pytest.mark.filterwarnings("default")
def test_ray_collects_what_processes_collect_and_goes_on_from_a_state():
    local, remote = balance(Processes(2)), balance(RayWorkers(2))
    for _ in range(2):
        assert (local.collect() == remote.collect()).all()
        with torch.no_grad():
            for experience in (local, remote):
                for parameter in experience.agent.parameters():
                    parameter.mul_(1.5)
    state = remote.state_dict()
    assert state["ranks"][0]["collection"]["exact"]
    expected = local.collect()
    local.close()
    remote.close()
    resumed = balance(RayWorkers(2))
    resumed.load_state_dict(state)
    resumed.agent.load_state_dict(remote.agent.state_dict())
    assert (resumed.collect() == expected).all()
    resumed.close()


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs ray")
@pytest.mark.filterwarnings("default")
def test_a_fault_in_ray_arrives_with_its_own_exception():
    environment = Environment("breakable:Breakable-v0", max_faults=0, options={"breaks_at": 12})
    experience = Experience(
        environment, RandomAgent(1), warmup_env_steps=0, env_steps_per_collection=20, collector=RayWorkers(2)
    )
    experience.collect()
    with pytest.raises(EnvironmentFault, match=r"breakable:Breakable-v0, episode with seed \d+, step 5: ") as caught:
        experience.collect()
    assert type(caught.value.__cause__) is ZeroDivisionError
    assert len(experience.dataset) == 20
