"""Simulators in processes of their own: the same numbers; what breaks is found and replaced, and nothing is left."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from fulgurite.agents.random import RandomAgent
from fulgurite.data.environments import Environment
from fulgurite.data.episodes import EnvironmentFault
from fulgurite.data.experience import Experience
from fulgurite.data.isolated import Isolated
from fulgurite.data.play import play
from fulgurite.data.simulator import Simulator
from fulgurite.data.worker_process import WorkerProcess
from fulgurite.runs import stopping
from fulgurite.selftest import faulty_environment as faulty_environment  # registers it

FAULTY = "fulgurite.selftest.faulty_environment:selftest/Faulty-v0"


def processes(group: int | None = None) -> set[int]:
    """The children of this process, zombies too; or what belongs to a group."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if b"resource_tracker" in (path.parent / "cmdline").read_bytes():
                continue  # Python's own
            _, parent, of = path.read_text().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == os.getpid() if group is None else int(of) == group:
            found.add(int(path.parent.name))
    return found


def pid(env: gymnasium.Env) -> int:
    """Of the process in which it runs."""
    inner = env.env  # type: ignore[attr-defined]
    assert isinstance(inner, Isolated)
    return inner.process.pid


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    before = processes()
    yield
    assert processes() <= before


@pytest.mark.parametrize(
    ("id", "options"),
    [
        ("Pendulum-v1", {}),
        ("CartPole-v1", {}),
        (FAULTY, {"p": 0.03}),
        (FAULTY.partition(":")[2], {"length": 9}),  # without a module in its id
    ],
)
def test_the_numbers_are_the_same(id, options):
    gathered, played = [], []
    for isolated in (False, True):
        environment = Environment(
            id, 2, action_repeat=2, max_episode_steps=30, options=options, max_faults=50, isolated=isolated
        )
        agent = RandomAgent(environment.action_size, environment.discrete_actions)
        experience = Experience(environment, agent, warmup_env_steps=0, env_steps_per_collection=200, capacity=400)
        experience.collect()
        experience.collect()
        gathered.append((experience.dataset.buffer[:], experience.training_returns))
        experience.teardown("fit")
        with agent.seeded(0):
            played.append(play(environment, agent, [1, 2, 3]))
    assert (gathered[0][0] == gathered[1][0]).all()
    assert gathered[0][1] == gathered[1][1]
    assert len(played[0]) == len(played[1])
    assert all((one.transitions == other.transitions).all() for one, other in zip(*played, strict=True))


@pytest.mark.parametrize(
    ("way", "says", "at"),
    [
        ("exit", "its process ended with exit code 3", 0),
        ("exit", "its process ended with exit code 3", 4),
        ("kill", "its process was ended by SIGKILL, as it is when memory runs out", 4),
        ("segfault", "its process was ended by SIGSEGV", 4),
        ("hang", r"no answer within 1 s \(environment.step_timeout\)", 4),
        ("memory", "MemoryError", 4),
        ("sys.exit", "SystemExit: enough", 4),
    ],
)
def test_whatever_breaks_is_replaced(way, says, at, caplog):
    """In the episodes of one of three seeds; the others go on."""
    options = {"way": way, "at": at, "seeds": 1, "length": 9}
    environment = Environment(FAULTY, 2, max_faults=9, isolated=True, step_timeout=1.0, options=options)
    env = environment.make(0)
    first = [pid(simulator) for simulator in env.simulators]
    began = time.monotonic()
    td, dropped = env.reset(), 0
    while not env.faults.total or env.faults.steps < 40:
        td["action"] = env.action_spec.zero()
        step, td = env.step_and_maybe_reset(td)
        dropped += int(step["next", "faulty"].sum())
        assert (step["next", "truncated"] == step["next", "faulty"]).all()
        assert (td["observation"][:, :1][step["next", "done"]] == 0).all()
    assert time.monotonic() - began < 5 * env.faults.total
    assert (dropped > 0) == (at > 0)
    told = [message for message in caplog.messages if "max_faults" in message]
    assert len(told) == env.faults.total
    assert all(re.search(rf"episode with seed \d+, step {at}: {says}", message) for message in told)
    now = [pid(simulator) for simulator in env.simulators]
    assert now != first
    assert processes() >= set(now)
    assert not (set(first) - set(now)) & processes()  # no zombie either
    env.close()


def test_a_worker_that_is_killed_from_outside_is_noticed_at_the_next_step():
    env = Environment("Pendulum-v1", isolated=True).make_single(0)
    env.reset(seed=7)
    os.kill(pid(env), signal.SIGKILL)
    began = time.monotonic()
    with pytest.raises(
        EnvironmentFault, match="Pendulum-v1, episode with seed 7, step 1: its process was ended by SIGKILL"
    ):
        env.step(np.zeros(1, np.float32))
    assert time.monotonic() - began < 1
    env.close()


def test_what_a_simulator_started_ends_with_it():
    env = Environment(FAULTY, isolated=True, options={"way": "child", "at": 1}).make_single(0)
    env.reset(seed=7)
    with pytest.raises(EnvironmentFault, match=r"child \d+"):
        env.step(np.zeros(1, np.float32))
    group = pid(env)
    assert len(processes(group)) == 2
    env.close()
    deadline = time.monotonic() + 5
    while processes(group):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_users_exception_arrives_with_its_traceback():
    env = Environment(FAULTY, isolated=True, options={"at": 2}).make_single(0)
    env.reset()
    env.step(np.zeros(1, np.float32))
    with pytest.raises(EnvironmentFault, match="step 2: ZeroDivisionError: the simulator broke") as caught:
        env.step(np.zeros(1, np.float32))
    assert caught.value.__cause__ is not None
    (note,) = caught.value.__cause__.__notes__
    assert "faulty_environment.py" in note
    assert 'raise ZeroDivisionError("the simulator broke")' in note
    env.close()


def test_the_parent_decides_about_signals():
    env = Environment("Pendulum-v1", isolated=True).make_single(0)
    env.reset()
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(pid(env), number)
    env.step(np.zeros(1, np.float32))
    env.close()


ORPHANS = """
import time
from fulgurite.data.environments import Environment
import numpy as np
envs = []
for at in (1, 2):
    environment = Environment("FAULTY", isolated=True, options={"way": "hang", "at": at})
    envs.append(environment.make_single(0))
    envs[-1].reset()
envs[0].begin_step(np.zeros(1, np.float32))  # hangs
print(*(env.env.process.pid for env in envs), flush=True)
time.sleep(100)
""".replace("FAULTY", FAULTY)


def test_workers_die_with_their_parent():
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    parent = subprocess.Popen([sys.executable, "-c", ORPHANS], stdout=subprocess.PIPE, text=True, env=environ)
    assert parent.stdout is not None
    workers = [int(word) for word in parent.stdout.readline().split()]
    assert len(workers) == 2
    assert all(processes(worker) for worker in workers)
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 5
    while any(processes(worker) for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


LEFT_AT_ONCE = """
import time
import numpy as np
from fulgurite.cli.stop import signals
from fulgurite.data.environments import Environment
from fulgurite.data.episodes import EnvironmentFault
with signals(lambda stop: print("left", flush=True)) as stop:
    stop.fitting = True
    env = Environment("FAULTY", isolated=True, options={"way": "child", "at": 1}).make_single(0)
    env.reset()
    try:
        env.step(np.zeros(1, np.float32))
    except EnvironmentFault:
        print(env.env.process.pid, flush=True)
    time.sleep(100)
""".replace("FAULTY", FAULTY)


def test_what_a_simulator_started_ends_with_a_parent_that_leaves_at_once():
    terminal, its_end = os.openpty()
    parent = subprocess.Popen([sys.executable, "-c", LEFT_AT_ONCE], stdout=subprocess.PIPE, stderr=its_end, text=True)
    assert parent.stdout is not None
    group = int(parent.stdout.readline())
    assert len(processes(group)) == 2
    parent.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    parent.send_signal(signal.SIGTERM)
    assert parent.communicate(timeout=5) == ("left\n", None)
    assert parent.returncode == 128 + signal.SIGTERM
    assert os.read(terminal, 100) == b"\033[?25h"  # a progress line had hidden the cursor
    os.close(terminal)
    os.close(its_end)
    deadline = time.monotonic() + 5
    while processes(group):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("way", ["hang", "make"])
def test_nobody_waits_for_simulators_when_the_run_shall_stop(way, monkeypatch):
    """For a step of three of them, or for one that is being made."""
    if way == "make":
        monkeypatch.setattr("fulgurite.data.isolated.WorkerProcess", lambda _: WorkerProcess(SlowlyMade("Pendulum-v1")))
    options = {"way": "hang", "at": 4} if way == "hang" else {}
    environment = Environment(FAULTY, 3, isolated=True, options=options)
    experience = Experience(environment, RandomAgent(1), warmup_env_steps=0, env_steps_per_collection=30, capacity=400)
    asking = threading.Timer(3.0, stopping.ask)
    asking.start()
    began = time.monotonic()
    try:
        with pytest.raises(stopping.Stopped):
            experience.collect()
    finally:
        asking.cancel()
        stopping.forget()
    assert 3 < time.monotonic() - began < 5


class SlowlyMade(Simulator):
    """Takes for ever."""

    def make(self):
        time.sleep(1e6)


def test_they_step_at_the_same_time():
    env = Environment(FAULTY, 3, isolated=True, options={"nap": 0.3}).make(0)
    td = env.reset()
    td["action"] = env.action_spec.zero()
    began = time.monotonic()
    env.step(td)
    assert 0.3 < time.monotonic() - began < 0.8  # one after the other takes 0.9
    env.close()


def test_frames_are_the_same():
    frames = []
    for isolated in (False, True):
        env = Environment("fulgurite/Cliff-v0", isolated=isolated).make_single(3, render=True)
        env.reset()
        env.step(np.ones(2, np.float32))
        frames.append(env.render())
        assert env.metadata["render_fps"] == 10
        env.close()
    assert frames[0].std() > 0
    np.testing.assert_array_equal(frames[0], frames[1])


@pytest.mark.parametrize(
    ("id", "options", "says"),
    [
        ("Pendulm-v1", {}, "environment Pendulm-v1: .* Did you mean: `Pendulum`"),
        ("no_such_module:Mine-v0", {}, "environment no_such_module:Mine-v0: .*no_such_module"),
        ("Pendulum-v1", {"gravity": 3}, "environment Pendulum-v1: .*unexpected keyword argument 'gravity'"),
        (FAULTY, {"way": "constructor"}, "ZeroDivisionError: the simulator broke"),
        ("Pendulum-v1", {"g": lambda: 3}, "options: need what can be sent to a process"),
    ],
)
def test_what_cannot_be_made_says_why(id, options, says):
    with pytest.raises(Exception, match=says):
        Environment(id, 2, isolated=True, options=options).make(0)


SCRIPT = """
import gymnasium
from gymnasium.envs.classic_control import PendulumEnv
from fulgurite.data.environments import Environment

class Mine(PendulumEnv):
    pass

gymnasium.register("Mine-v0", Mine)
try:
    Environment("Mine-v0", isolated=True).make(0)
except ValueError as error:
    assert "put it into a module" in str(error), error
else:
    raise AssertionError
env = Environment("Pendulum-v1", isolated=True).make_single(0)  # a script without a guard is not run again
env.reset()
"""


@pytest.mark.slow
def test_a_script_needs_no_guard_but_its_own_environments_a_module(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run([sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("numbers", [{"step_timeout": 0.0}, {"max_faults": -1}])
def test_wrong_numbers(numbers):
    with pytest.raises(ValueError, match=f"{next(iter(numbers))}: need"):
        Environment("Pendulum-v1", **numbers)
