"""Images, several things by name, and wrappers: the same through every process, collector and resume."""

import importlib.util
import pickle
from typing import Any

import numpy as np
import pytest
import room as room
import torch
from tensordict import TensorDict
from torchrl.envs.utils import check_env_specs

from fulgurite.agents.random import RandomAgent
from fulgurite.data.acting import Acting, drawn
from fulgurite.data.collector import Collected, Collector, Task
from fulgurite.data.collector_worker import Assignment, Worker, received
from fulgurite.data.distractor import Distractor
from fulgurite.data.environment_wrapper import EnvironmentWrapper
from fulgurite.data.environments import Environment
from fulgurite.data.frame_stack import FrameStack
from fulgurite.data.hide_entries import HideEntries
from fulgurite.data.in_process import InProcess
from fulgurite.data.noise import Noise
from fulgurite.data.noise_columns import NoiseColumns
from fulgurite.data.pixels import Pixels
from fulgurite.data.play import play
from fulgurite.data.processes import Processes
from fulgurite.data.ray_workers import RayWorkers
from fulgurite.recipe_error import Unfit
from fulgurite.runs.footage import render
from fulgurite.runs.phases import Phases

ROOM = "room:tests/Room-v0"
VECTORS: dict[str, EnvironmentWrapper] = {
    "hide": HideEntries([2]), "stack": FrameStack(2), "columns": NoiseColumns(2), "noise": Noise(0.1)
}  # fmt: skip
IMAGES: dict[str, EnvironmentWrapper] = {
    "pixels": Pixels(16), "distractor": Distractor(), "noise": Noise(0.05), "stack": FrameStack(3)
}  # fmt: skip
BOTH: dict[str, EnvironmentWrapper] = {
    "pixels": Pixels(16, keep_vector=True), "noise": Noise(0.05), "distractor": Distractor(), "stack": FrameStack(2)
}  # fmt: skip


def environment(kind: str, **arguments: Any) -> Environment:
    match kind:
        case "room":
            return Environment(ROOM, **arguments)
        case "suite":
            return Environment("dm_control/cartpole-swingup", wrappers=IMAGES, max_episode_steps=30, **arguments)
    wrappers = {"vectors": VECTORS, "images": IMAGES, "both": BOTH}[kind]
    return Environment("Pendulum-v1", max_episode_steps=30, wrappers=wrappers, **arguments)


SHAPES = {
    "vectors": (6,),
    "images": (9, 16, 16),
    "both": {"pixels": (6, 16, 16), "vector": (6,)},
    "room": {"camera": (3, 6, 8), "door": (3,), "joints": (4,)},
}
SUITE = pytest.mark.skipif(not importlib.util.find_spec("dm_control"), reason="needs dm_control")


def described(observation: Any) -> Any:
    """Shape and type of each entry."""
    if isinstance(observation, TensorDict):
        return {name: described(entry) for name, entry in observation.items()}
    return tuple(observation.shape), observation.dtype


def expected(shape: Any, *batch: int) -> Any:
    if isinstance(shape, dict):
        return {name: expected(inner, *batch) for name, inner in shape.items()}
    return (*batch, *shape), torch.uint8 if len(shape) == 3 else torch.float32


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("num_envs", [1, 3])
def test_torchrl_sees_what_the_environment_promises(kind: str, num_envs: int) -> None:
    made = environment(kind, num_envs=num_envs)
    assert made.observation_shape == SHAPES[kind]
    env = made.make(0)
    check_env_specs(env)
    td = env.rollout(4, break_when_any_done=False)
    for seen in (td["observation"], td["next", "observation"]):
        assert described(seen) == expected(SHAPES[kind], num_envs, 4)
    assert (td["next", "observation"][:, :-1] == td["observation"][:, 1:]).all()
    assert not (td["next", "observation"][:, 1:] == td["observation"][:, 1:]).all()
    env.close()


def test_the_size_of_what_is_no_vector_is_refused() -> None:
    assert environment("vectors").observation_size == 6
    with pytest.raises(Unfit, match=r"observation_size: need .* vectors, Pendulum-v1 gives an image \[9, 16, 16\]"):
        _ = environment("images").observation_size
    with pytest.raises(Unfit, match=r"gives camera: an image \[3, 6, 8\], door: a vector \[3\], joints: a vector"):
        _ = environment("room").observation_size


@pytest.mark.parametrize("kind", [*SHAPES, pytest.param("suite", marks=SUITE)])
@pytest.mark.parametrize("repeat", [1, 2])
def test_a_restored_simulator_goes_on_bit_by_bit(kind: str, repeat: int, tmp_path: Any) -> None:
    env, other = (environment(kind, action_repeat=repeat).make_single(3) for _ in range(2))
    actions = np.random.default_rng(1).uniform(-1, 1, (60, 1)).astype(np.float32)

    def walked(one: Any, some: np.ndarray) -> list[bytes]:
        seen = []
        for action in some:
            observation, reward, terminated, truncated, _ = one.step(action)
            seen.append(pickle.dumps((observation, reward)))
            if terminated or truncated:
                seen.append(pickle.dumps(one.reset()[0]))
        return seen

    env.reset()
    walked(env, actions[:22])
    torch.save(env.state(), tmp_path / "state.pt")
    saved = torch.load(tmp_path / "state.pt", weights_only=True)
    assert len(saved["actions"]) > 0
    other.restore(saved)
    observation, _ = other.reset()
    again = observation if isinstance(observation, dict) else {"": observation}
    kept = saved["observation"] if isinstance(observation, dict) else {"": saved["observation"]}
    assert all((again[name] == kept[name].numpy()).all() for name in again)
    assert walked(other, actions[22:]) == walked(env, actions[22:])
    assert other.exact
    env.close()
    other.close()


def test_a_replay_that_is_seen_otherwise_is_not_exact() -> None:
    env, other = (Environment("Pendulum-v1", wrappers={"noise": Noise(std)}).make_single(3) for std in (0.1, 0.2))
    env.reset()
    env.step(np.zeros(1, np.float32))
    other.restore(env.state())
    other.reset()
    assert not other.exact


@pytest.mark.parametrize("kind", [*SHAPES, pytest.param("suite", marks=[SUITE, pytest.mark.slow])])
def test_isolated_simulators_show_the_same(kind: str) -> None:
    rollouts = []
    for isolated in (False, True):
        made = environment(kind, num_envs=2, isolated=isolated)
        assert made.observation_shape == SHAPES.get(kind, (9, 16, 16))
        env = made.make(5)
        torch.manual_seed(0)
        rollouts.append(env.rollout(12, break_when_any_done=False))
        env.close()
    assert (rollouts[0] == rollouts[1]).all()


def collected(collector: Collector, kind: str, times: int = 2, state: Any = None) -> tuple[list[Collected], Any]:
    """What a collector brings in two collections, and its state after the first of them."""
    agent = RandomAgent(1)
    agent.generator.manual_seed(drawn(3, 0, 0, 0))
    made = environment(kind, num_envs=2)
    task = Task(made, lambda: agent, [agent], 16 * collector.workers, 3, 0, Phases())
    collecting = collector.start(task, state)
    try:
        first = collecting.collect()
        after = collecting.state_dict()
        return [first, *(collecting.collect() for _ in range(times - 1))], after
    finally:
        collecting.close()


@pytest.mark.parametrize("kind", SHAPES)
def test_collecting_in_this_process(kind: str) -> None:
    (first, second), _ = collected(InProcess(), kind)
    for rows in (first.rows, second.rows):
        assert described(rows["observation"]) == expected(SHAPES[kind], 16)
        assert described(rows["next", "observation"]) == expected(SHAPES[kind], 16)


@pytest.mark.parametrize("kind", SHAPES)
def test_what_a_worker_reports_is_what_was_collected(kind: str) -> None:
    """What runs in processes and in Ray, here without them."""
    (first, _), _ = collected(InProcess(), kind)
    assignment = Assignment(environment(kind, num_envs=2), 16, 3, 0, 0, "cpu", None)
    worker = Worker([assignment], policy=Acting([RandomAgent(1)]))
    report = received(torch.stack([next(worker.iterator())]), 0)
    worker.shutdown()
    assert (report["rows"] == first.rows).all()
    assert report["state"]["collection"]["simulators"][0]["exact"]


@pytest.mark.slow
def test_processes_collect_what_this_one_does_and_go_on_from_a_state() -> None:
    (first, second), _ = collected(InProcess(), "room")
    there, state = collected(Processes(1), "room")
    assert (there[0].rows == first.rows).all()
    assert (there[1].rows == second.rows).all()
    (again,), _ = collected(Processes(1), "room", 1, state)
    assert (again.rows == second.rows).all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", SHAPES)
def test_two_processes_collect_every_kind(kind: str) -> None:
    (first, _), _ = collected(Processes(2), kind)
    assert described(first.rows["observation"]) == expected(SHAPES[kind], 32)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs ray")
@pytest.mark.filterwarnings("default")
def test_ray_collects_what_processes_do() -> None:
    local, remote = (collected(collector, "room")[0] for collector in (Processes(2), RayWorkers(2)))
    assert all((one.rows == other.rows).all() for one, other in zip(local, remote, strict=True))


class Watching(RandomAgent):
    """Notes what it is shown."""

    def forward(self, td: Any) -> Any:
        self.seen = getattr(self, "seen", [])
        self.seen.append(described(td["observation"]))
        return super().forward(td)


@pytest.mark.parametrize("kind", SHAPES)
def test_episodes_are_played_and_filmed(kind: str) -> None:
    made = environment(kind)
    agent = Watching(1)
    episodes = play(made, agent, [1, 2])
    assert agent.seen[0] == expected(SHAPES[kind], 2)
    assert [episode.seed for episode in episodes] == [1, 2]
    for episode in episodes:
        rows = episode.transitions
        assert described(rows["observation"]) == expected(SHAPES[kind], len(episode))
        assert (rows["next", "observation"][:-1] == rows["observation"][1:]).all()
    footage = render(made, episodes[0])
    assert len(footage.frames) == len(episodes[0]) + 1
    assert footage.frames[0].shape == ((6, 8, 3) if kind == "room" else (500, 500, 3))


def test_a_step_that_fails_repeats_the_last_image() -> None:
    class Torn(EnvironmentWrapper):
        def wrap(self, env: Any) -> Any:
            class Tears(type(env.unwrapped)):  # type: ignore[misc]
                def seen(self) -> Any:
                    whole = super().seen()
                    return {**whole, "camera": whole["camera"][1:]} if self.steps == 3 else whole

            env.unwrapped.__class__ = Tears
            return env

    env = Environment(ROOM, wrappers={"torn": Torn()}, max_faults=1).make(0)
    td = env.rollout(4, break_when_any_done=False)
    assert td["next", "faulty"][0, :, 0].tolist() == [False, False, True, False]
    assert (td["next", "observation"][0, 2] == td["observation"][0, 2]).all()
    env.close()


def test_wrappers_that_cannot_be_sent_say_so() -> None:
    wrapper = Noise(0.1)
    wrapper.std = lambda: 3  # type: ignore[assignment]
    with pytest.raises(ValueError, match="environment Pendulum-v1: wrappers: need what can be sent to a process"):
        Environment("Pendulum-v1", isolated=True, wrappers={"noise": wrapper}).make_single(0)


def test_a_wrapper_that_gives_no_environment_is_named() -> None:
    class Nothing(EnvironmentWrapper):
        def wrap(self, env: Any) -> Any:
            return None

    with pytest.raises(ValueError, match=r"wrappers.mine: expected a gymnasium.Env from Nothing, got None"):
        Environment("Pendulum-v1", wrappers={"mine": Nothing()}).make_single(0)
