"""Environments that raise or give nonsense: survived within a limit, and nothing of a fault is learned from."""

import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensordict import TensorDictBase
from torchrl.data import Composite, Unbounded

from fulgurite.agents.random import RandomAgent
from fulgurite.data.environments import Environment
from fulgurite.data.episodes import EnvironmentFault
from fulgurite.data.experience import Experience
from fulgurite.data.fault_limit import FaultLimit
from fulgurite.data.play import play
from fulgurite.runs import stopping

FAULTY = "fulgurite.selftest.faulty_environment:selftest/Faulty-v0"


class Counting:
    """Acts by how many steps of the episode it remembers, in hundredths."""

    def __init__(self) -> None:
        self.memory_spec = Composite({"age": Unbounded((1,))})
        self.device, self.generator = torch.device("cpu"), torch.Generator()
        self.observes = False

    def __call__(self, td: TensorDictBase) -> TensorDictBase:
        td["age"] = td["age"].masked_fill(td["is_init"], 0.0)
        td["action"] = td["age"] / 100
        td["next", "age"] = td["age"] + 1
        return td


def experience(frames: int = 20, num_envs: int = 1, max_faults: int = 1000, **options: Any) -> Experience:
    isolated = options.pop("isolated", False)
    environment = Environment(FAULTY, num_envs, max_faults=max_faults, isolated=isolated, options=options)
    return Experience(
        environment, Counting(), warmup_env_steps=0, env_steps_per_collection=frames * num_envs, capacity=2000
    )


def collect(one: Experience, times: int) -> None:
    for _ in range(times):
        one.collect()


def rows(of: Experience) -> TensorDictBase:
    return of.dataset.buffer[:]


@pytest.mark.parametrize("way", ["nan", "inf", "shape", "raise", "sys.exit"])
@pytest.mark.parametrize("num_envs", [1, 2])
def test_without_a_limit_a_fault_stops_the_collection(way: str, num_envs: int) -> None:
    one = experience(20, num_envs, max_faults=0, way=way, at=7, seeds=0)
    seeds = [int(np.random.SeedSequence([0, 0, 0, k]).generate_state(1)[0]) for k in range(9)]
    says = r"Faulty-v0, episode with seed \d+, step 7: .*max_faults is 0"
    with pytest.raises(EnvironmentFault, match=says) as caught:
        collect(one, 20)
    collections = one.env_steps // (20 * num_envs)
    assert collections > 0
    assert caught.value.seed % 3 == 0
    assert num_envs > 1 or caught.value.seed == next(seed for seed in seeds if seed % 3 == 0)
    assert one.env_steps == len(one.dataset) == 20 * num_envs * collections
    assert rows(one)["next", "reward"].isfinite().all()


@pytest.mark.parametrize(
    ("way", "says", "isolated"),
    [
        ("raise", "ZeroDivisionError: the simulator broke", True),
        ("shape", r"observation: expected shape \(4,\), got \(3,\)", True),
        ("raise", "ZeroDivisionError: the simulator broke", False),
        ("nan", "reward: expected a finite float32, got nan", False),
        ("inf", r"observation: expected finite numbers, got inf at index \[2\]", False),
        ("shape", r"observation: expected shape \(4,\), got \(3,\)", False),
        ("parts", r"step: expected \(observation, .*\), got 4 parts", False),
        ("sys.exit", "SystemExit: enough", False),
    ],
)
def test_a_fault_is_survived(way: str, says: str, isolated: bool, caplog: pytest.LogCaptureFixture) -> None:
    one = experience(100, 2, way=way, p=0.03 if not isolated else 0.015, isolated=isolated)
    for _ in range(3):
        one.collect()
    faults = one.environment_faults
    assert 3 < faults < 30
    assert one.env_steps == 600  # a step that failed counts
    kept = rows(one)
    for key in ("observation", ("next", "observation"), ("next", "reward")):
        assert kept[key].isfinite().all()
    told = [message for message in caplog.messages if "max_faults" in message]
    assert len(told) == faults
    assert all(re.search(rf"Faulty-v0, episode with seed \d+, step \d+: {says}", message) for message in told)
    steps = [int(found[1]) for message in told if (found := re.search(r"step (\d+):", message))]
    assert len(kept) == 600 - sum(step > 0 for step in steps)
    cut = []
    running = kept["trajectory"].view(-1)[-1], kept["trajectory"].max()
    for number in kept["trajectory"].unique():
        episode = kept[kept["trajectory"][:, 0] == number]
        T = len(episode)
        assert episode["observation"][:, 0].tolist() == list(range(T))
        assert episode["next", "observation"][:, 0].tolist() == list(range(1, T + 1))
        assert episode["action"][:, 0].tolist() == pytest.approx([t / 100 for t in range(T)])  # the memory began afresh
        assert not episode["next", "done"][:-1].any()
        last = episode["next"][-1]
        assert last["done"] == (last["terminated"] | last["truncated"])
        if last["truncated"]:
            cut.append(T)
            assert not last["terminated"]
        elif number not in running:
            assert T == 30 or not last["done"]
    assert sorted(cut) == sorted(step - 1 for step in steps if step > 1)
    whole = sum(int(end) for end in kept["next", "terminated"])
    assert one.training_returns == [30.0] * whole  # half an episode has no return
    one.teardown("fit")


def test_how_much_is_collected_at_a_time_does_not_matter() -> None:
    """So the transition before a fault is found in the buffer, too, and a collection may bring nothing."""
    buffers = []
    for frames in (1, 7, 140):
        one = experience(frames, way="raise", p=0.1)
        while one.env_steps < 140:
            one.collect()
        assert one.environment_faults > 5
        buffers.append(rows(one))
    for other in buffers[1:]:
        assert (other.exclude("held_out", "bootstrap") == buffers[0].exclude("held_out", "bootstrap")).all()


def test_what_always_fails_stops_soon() -> None:
    one = experience(100, max_faults=5, at=5)
    with pytest.raises(
        EnvironmentFault, match=r"step 5: .* \(fault 6 within 10,000 environment steps, .* is 5\)"
    ) as caught:
        one.collect()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert one.env_steps == len(one.dataset) == 0


def test_a_fault_at_reset_counts() -> None:
    with pytest.raises(EnvironmentFault, match=r"step 0: .*fault 6 within"):
        experience(max_faults=5, at=0).collect()
    one = experience(200, at=0, seeds=1)
    assert len(one.collect()) == 200  # no transition was lost
    assert one.environment_faults > 0


@pytest.mark.parametrize(("way", "at"), [("shape", 1), ("parts", 1)])
def test_what_can_never_work_is_refused_at_once(way: str, at: int, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(EnvironmentFault, match=r"step 1: .*expected"):
        experience(way=way, at=at).collect()
    assert "max_faults" not in caplog.text
    assert len(experience(200, way="nan", at=1, seeds=0).collect()) < 200  # this may be better the next time


def test_old_faults_are_forgotten_step_by_step() -> None:
    limit = FaultLimit(2)
    fault = EnvironmentFault("id", 1, 2, "broke")
    limit.survive(fault, "")
    limit.stepped(6000)
    limit.survive(fault, "")
    limit.stepped(3999)
    saved = limit.state()
    with pytest.raises(EnvironmentFault, match=r"broke .fault 3 within"):
        limit.survive(fault, "")
    limit.stepped(1)
    limit.survive(fault, "")
    assert limit.total == 3
    other = FaultLimit(2)
    other.restore(saved)
    with pytest.raises(EnvironmentFault):
        other.survive(fault, "")


def test_a_wrong_action_is_not_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    one = experience()
    act = Counting.__call__
    monkeypatch.setattr(Counting, "__call__", lambda self, td: act(self, td).set("action", td["action"] * torch.nan))
    with pytest.raises(ValueError, match="need 1 finite actions"):
        one.collect()


def restored(state: dict[str, Any], path: Path, **options: Any) -> Experience:
    torch.save(state, path)
    other = experience(**options)
    other.load_state_dict(torch.load(path, weights_only=True))
    return other


@pytest.mark.parametrize("isolated", [False, True])
def test_a_resumed_run_meets_the_same_faults(isolated: bool, tmp_path: Path) -> None:
    options = {"num_envs": 2, "p": 0.04, "max_faults": 6, "isolated": isolated}
    one = experience(**options)
    one.collect()
    one.collect()
    assert one.environment_faults
    other = restored(one.state_dict(), tmp_path / "state.pt", **options)
    ends = []
    for each in (one, other):
        with pytest.raises(EnvironmentFault, match="fault 7 within") as caught:
            collect(each, 100)
        ends.append((str(caught.value), each.env_steps))
        each.teardown("fit")
    assert ends[0] == ends[1]
    assert (rows(one) == rows(other)).all()


def test_a_collection_that_is_given_up_is_made_again_with_its_faults(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole, stopped = (experience(100, p=0.1) for _ in range(2))
    for one in (whole, stopped):
        one.collect()
    whole.collect()
    act, calls = Counting.__call__, []

    def asking(self: Counting, td: TensorDictBase) -> TensorDictBase:
        calls.append(1)
        if len(calls) == 60:
            stopping.ask()
        return act(self, td)

    monkeypatch.setattr(Counting, "__call__", asking)
    before = len(caplog.messages)
    try:
        with pytest.raises(stopping.Stopped):
            stopped.collect()
    finally:
        stopping.forget()
    assert len(caplog.messages) > before
    stopped.collect()
    assert (rows(whole) == rows(stopped)).all()
    assert whole.environment_faults == stopped.environment_faults


def test_an_episode_that_cannot_be_brought_back_is_cut(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    once = tmp_path / "once"
    one = experience(10, once=str(once))
    one.collect()
    once.touch()
    other = restored(one.state_dict(), tmp_path / "state.pt", frames=10, once=str(once))
    other.collect()
    assert any(
        re.fullmatch("resumed, but not exactly: .*, episode with seed .*: could not be brought back to step .*", one)
        for one in caplog.messages
    )
    kept = rows(other)
    assert kept["trajectory"][:, 0].tolist() == [0] * 10 + [1] * 10
    assert kept["next", "truncated"][:, 0].nonzero().tolist() == [[9]]
    assert kept["observation"][10:, 0].tolist() == list(range(10))
    assert kept["action"][10, 0] == 0
    assert not other.state_dict()["ranks"][0]["collection"]["simulators"][0]["exact"]


def test_a_simulator_that_cannot_be_made_anew_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    one = experience(40, max_faults=5, at=25)
    made = Environment._start

    def start(self: Environment, *arguments: Any) -> Any:
        if one._collection is not None:
            self.options["way"] = "constructor"
        return made(self, *arguments)

    monkeypatch.setattr(Environment, "_start", start)
    with pytest.raises(EnvironmentFault, match=r"it could not be made anew: .*the simulator broke.*fault 6"):
        collect(one, 5)


# ------------------------------------------------------------------ evaluation


def faulty(**options: Any) -> Environment:
    return Environment(FAULTY, max_faults=options.pop("max_faults", 5), options=options)


@pytest.mark.parametrize("at", [0, 9])
def test_an_episode_that_fails_twice_is_left_out(at: int, caplog: pytest.LogCaptureFixture) -> None:
    seeds = [3, 4, 5, 6]
    episodes = play(faulty(at=at, seeds=1), Counting(), seeds)
    assert [episode.seed for episode in episodes] == [3, 5, 6]
    assert [episode.return_ for episode in episodes] == [30.0] * 3
    sound = play(faulty(), Counting(), seeds)
    assert (episodes[1].transitions == sound[2].transitions).all()
    first, second = caplog.messages
    assert "played again" in first
    assert "left out" in second
    assert "seed 4" in first


def test_an_episode_that_fails_once_is_played_from_its_start(tmp_path: Path) -> None:
    (tmp_path / "once").touch()
    episodes = play(faulty(once=str(tmp_path / "once"), way="nan"), Counting(), [3, 4])
    sound = play(faulty(), Counting(), [3, 4])
    assert not (tmp_path / "once").exists()
    assert all((one.transitions == other.transitions).all() for one, other in zip(episodes, sound, strict=True))


def test_an_evaluation_survives_as_many_faults_as_it_may() -> None:
    assert play(faulty(at=9, max_faults=2), Counting(), [0]) == []
    with pytest.raises(EnvironmentFault, match=r"seed 0, step 9: .*fault 2 within"):
        play(faulty(at=9, max_faults=1), Counting(), [0])
    with pytest.raises(EnvironmentFault, match="max_faults is 0"):
        play(faulty(at=9, max_faults=0), Counting(), [0, 1])


def test_the_random_agent_survives_too() -> None:
    one = Experience(faulty(p=0.1, max_faults=50), RandomAgent(1), warmup_env_steps=100, env_steps_per_collection=20)
    assert len(one.collect()) < 100 == one.env_steps


@pytest.fixture(autouse=True)
def _warnings(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)


def test_a_simulator_that_failed_is_never_used_again() -> None:
    env = faulty(at=3).make(0)
    (first,) = env.simulators
    td = env.reset()
    for _ in range(3):
        assert env.simulators == [first]
        td["action"] = env.action_spec.zero()
        step, td = env.step_and_maybe_reset(td)
    assert step["next", "faulty"].all()
    assert env.simulators[0].unwrapped is not first.unwrapped
