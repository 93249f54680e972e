"""Workers in processes: the same data for the same seed, an exact resume, faults told as they were, no orphans."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from breakable import Constant
from tiny import tiny_agent, tiny_experience, tiny_experiment

from fulgurite.agents.random import RandomAgent
from fulgurite.callbacks.save_checkpoint import SaveCheckpoint
from fulgurite.data.acting import drawn
from fulgurite.data.environments import Environment
from fulgurite.data.episodes import EnvironmentFault
from fulgurite.data.experience import Experience
from fulgurite.data.processes import Processes
from fulgurite.runs import stopping
from fulgurite.runs.checkpoint import latest


@pytest.fixture(autouse=True)
def _nobody_asks():
    yield
    stopping.forget()


def processes_of(experience: Experience) -> list[int]:
    return [process.pid for process in experience._collection.collector.procs]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except OSError:
        return False


def breakable(collector=None, agent=None, num_envs: int = 1, frames: int = 20, seed: int = 3, **options) -> Experience:
    environment = Environment("breakable:Breakable-v0", num_envs=num_envs, max_faults=0, options=options)
    return Experience(
        environment, agent or RandomAgent(1), seed=seed, warmup_env_steps=0, env_steps_per_collection=frames,
        capacity=1000, collector=collector,
    )  # fmt: skip


@pytest.mark.slow
def test_one_worker_collects_what_this_process_would():
    """With the chance of the worker's agent, the rows are the same bit by bit, over three collections."""
    here, there = breakable(num_envs=2), breakable(Processes(1), num_envs=2)
    here.agent.generator.manual_seed(drawn(3, 0, 0, 0))
    for _ in range(3):
        assert (here.collect() == there.collect()).all()
    assert here.training_returns == there.training_returns
    there.close()


def test_two_workers_go_on_bitwise_where_they_were():
    """Warm-up, then the agent with weights that changed, on two workers; restored in the middle of episodes."""

    def fresh(seed: int = 5) -> Experience:
        torch.manual_seed(0)
        environment = Environment("fulgurite/CartPoleBalance-v0", num_envs=2)
        return tiny_experience(environment, tiny_agent(), seed=seed, collector=Processes(2))

    one = fresh()
    warm_up = one.collect()
    assert len(warm_up) == one.env_steps == 40
    firsts = [warm_up["observation"][start] for start in (0, 5, 10, 15)]  # of each environment
    assert len({tuple(first.tolist()) for first in firsts}) == 4
    assert len(warm_up["trajectory"].unique()) >= 4
    assert len(warm_up["action"].unique()) == 40  # each worker has chance of its own
    with torch.no_grad():
        for parameter in one.agent.parameters():
            parameter.mul_(1.5)
    one.collect()  # so that the agent's chance in the workers has moved on from its seed
    assert one.counted == [{}, {}, {"plan/nonfinite_share": 0.0}]  # where the plans were made
    state, before = one.state_dict(), one.agent.generator.get_state()
    assert state["ranks"][0]["collection"]["workers"][0]["chance"]["policies"]
    expected = [one.collect(), one.collect()]
    pids = processes_of(one)
    one.close()
    assert not any(alive(pid) for pid in pids)
    assert torch.equal(one.agent.generator.get_state(), before)  # the workers have their own

    other = fresh()
    other.load_state_dict(state)
    other.agent.load_state_dict(one.agent.state_dict())
    for rows in expected:
        assert (other.collect() == rows).all()
    other.close()


def test_the_newest_weights_act_and_a_fault_arrives_with_its_own_exception():
    experience = breakable(Processes(2), Constant(), breaks_at=22)
    assert experience.collect()["action"].unique().tolist() == [0.25]
    with torch.no_grad():
        experience.agent.value.fill_(0.75)
    experience.agent.eval()
    assert experience.collect()["action"].unique().tolist() == [-0.75]
    pids = processes_of(experience)
    with pytest.raises(EnvironmentFault, match=r"breakable:Breakable-v0, episode with seed \d+, step 1: ") as caught:
        experience.collect()
    assert caught.value.seed == drawn(3, 0, 0, 3)
    assert type(caught.value.__cause__) is ZeroDivisionError
    assert "in step" in str(caught.value.__cause__.__cause__)  # the worker's traceback
    assert len(experience.dataset) == experience.env_steps == 40
    assert not any(alive(pid) for pid in pids)


@pytest.mark.slow
def test_a_worker_that_could_not_bring_a_simulator_back_is_heard(caplog, capfd):
    first, then = breakable(Processes(1), drifts=True), breakable(Processes(1), drifts=True)
    first.collect()
    state = first.state_dict()
    first.close()
    then.load_state_dict(state)
    then.collect()
    assert not then.state_dict()["ranks"][0]["collection"]["workers"][0]["collection"]["simulators"][0]["exact"]
    then.close()
    (said,) = (record.getMessage() for record in caplog.records if record.levelname == "WARNING")
    assert said.startswith("resumed, but not exactly: breakable:Breakable-v0, episode with seed ")
    assert said.endswith(": replayed up to step 6, it shows something else")
    assert "resumed" not in capfd.readouterr().err


@pytest.mark.slow
def test_a_worker_that_is_killed_is_noticed():
    experience = breakable(Processes(2), sleeps_from=12)
    experience.collect()
    pids = processes_of(experience)
    killer = subprocess.Popen([sys.executable, "-c", f"import os, time; time.sleep(2); os.kill({pids[0]}, 9)"])
    with pytest.raises(RuntimeError, match="a worker ended by itself"):
        experience.collect()
    killer.wait()
    assert not any(alive(pid) for pid in pids)


@pytest.mark.slow
def test_a_stop_gives_the_collection_up_within_seconds():
    experience = breakable(Processes(2), sleeps_from=12)
    experience.collect()
    pids = processes_of(experience)
    before = experience.state_dict()["ranks"][0]["collection"]
    asked = time.monotonic()
    signal.signal(signal.SIGALRM, lambda *_: stopping.ask())
    signal.alarm(2)
    with pytest.raises(stopping.Stopped):
        experience.collect()
    assert time.monotonic() - asked < 10
    assert not any(alive(pid) for pid in pids)
    assert experience.state_dict()["ranks"][0]["collection"]["workers"] == before["workers"]
    assert experience.env_steps == 20


def test_bad_numbers():
    with pytest.raises(ValueError, match="workers: need at least 1, got 0"):
        Processes(0)
    with pytest.raises(ValueError, match="device: need cpu or cuda, got gpu"):
        Processes(device="gpu")
    with pytest.raises(ValueError, match="env_steps_per_collection: need a positive multiple of 3, got 20"):
        breakable(Processes(3))
    experience = breakable(Processes(2))
    experience._collection_state = {"workers": [None] * 3}
    with pytest.raises(ValueError, match="made with 3 workers, got 2"):
        experience.collect()


def checkpointed(**changes):
    experiment = tiny_experiment(collector=Processes(2), **changes)
    experiment.callbacks = {"save": SaveCheckpoint(20)}
    return experiment


@pytest.mark.slow
def test_a_run_is_the_same_twice_and_resumes_exactly(tmp_path):
    whole, again = checkpointed(), checkpointed()
    whole.fit(tmp_path / "whole")
    again.fit(tmp_path / "again")
    assert (whole.experience.dataset.buffer[:] == again.experience.dataset.buffer[:]).all()
    part = checkpointed(max_env_steps=60)
    part.fit(tmp_path / "part")
    resumed = checkpointed()
    resumed.fit(tmp_path / "part", latest(tmp_path / "part"))
    assert resumed.experience.env_steps == 80
    assert (whole.experience.dataset.buffer[:] == resumed.experience.dataset.buffer[:]).all()
    for name, value in whole.agent.state_dict().items():
        assert torch.equal(value, resumed.agent.state_dict()[name]), name


WORDS = (
    "experience.collector=processes", "experience.collector.workers=2", "experience.max_env_steps=100000",
    "experience.warmup_env_steps=40", "experience.env_steps_per_collection=20", "agent.planner.candidates=10",
    "agent.planner.elites=2", "callbacks.video=null", "callbacks.evaluate=null", "callbacks.plots=null", "logger=null",
    "experience.schedule={first_updates: 100, updates_per_env_step: 1}",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_command_leaves_no_process_behind(number, tmp_path):
    """Ctrl-C goes to all processes of the terminal; a kill only to the first."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fulgurite", "train", "pets/pendulum", *WORDS], cwd=tmp_path, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 200
        while not any("gradient_steps" in path.read_text() for path in tmp_path.rglob("metrics.jsonl")):
            assert time.monotonic() < deadline
            assert process.poll() is None, process.stderr.read()[-3000:]
            time.sleep(0.2)
        group = session(process.pid)
        assert len(group) >= 3  # the learner and two workers
        asked = time.monotonic()
        if number == signal.SIGKILL:
            process.kill()
        else:
            os.killpg(process.pid, number)
        _, complaints = process.communicate(timeout=60)
        assert time.monotonic() - asked < 30
        assert number == signal.SIGKILL or process.returncode == 130, complaints[-3000:]
        while session(process.pid) and time.monotonic() - asked < 30:
            time.sleep(0.2)
        assert not session(process.pid)
    finally:
        for pid in session(process.pid):
            os.kill(pid, signal.SIGKILL)
    if number == signal.SIGINT:
        assert "stopped; continue with: fulgurite resume" in complaints
        (run,) = [path.parent for path in tmp_path.rglob("result.json")]
        assert latest(run) is not None


def session(leader: int) -> list[int]:
    """The processes of a session that are alive."""
    found = subprocess.run(["ps", "-s", str(leader), "-o", "pid="], capture_output=True, text=True).stdout.split()
    return [int(pid) for pid in found if alive(int(pid))]
