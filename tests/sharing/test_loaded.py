"""A loaded agent acts as it does in the framework, to the bit, in the environment's own units."""

import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from untrained_run import CARTPOLE, DISCRETE, IMAGE, LATENT, PENDULUM, untrained_run

import fulgurite
from fulgurite.data.play import play
from fulgurite.runs.checkpoint import checkpoints
from fulgurite.sharing.export import export
from fulgurite.sharing.loaded import LoadedPolicy


@pytest.fixture(scope="module", params=[CARTPOLE, PENDULUM, DISCRETE, LATENT, IMAGE], ids=str.split)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = untrained_run(tmp_path_factory.mktemp("made") / "20260101-120000-seed3", request.param)
    export(run, run / "exported", checkpoints(run)[0])
    return run


def looped(policy: LoadedPolicy, seed: int) -> tuple[list, float]:
    """Actions and return of an episode in Gymnasium's own loop."""
    environment = policy.environment()
    policy.reset()
    observation, _ = environment.reset(seed=seed)
    actions, total, over = [], 0.0, False
    while not over:
        action = policy(observation)
        assert environment.action_space.contains(action)
        actions.append(action)
        observation, reward, terminated, truncated, _ = environment.step(action)
        total, over = total + float(reward), terminated or truncated
    environment.close()
    return actions, total


def test_it_acts_as_in_an_evaluation(place: Path) -> None:
    actions, total = looped(fulgurite.load(place / "exported"), 7)
    inside = fulgurite.load(place)  # from the run itself
    (episode,) = play(inside._environment, inside.agent, [7])
    assert len(episode) == len(actions) >= 5
    assert total == pytest.approx(episode.return_, rel=1e-5)
    ours = episode.transitions["action"].numpy()
    if isinstance(actions[0], int):
        np.testing.assert_array_equal(actions, ours.argmax(-1))
    else:
        high = inside.action_space.high
        np.testing.assert_array_equal(np.stack(actions), np.float32(high) * ours)


def test_several_at_once_and_another_number_of_them(place: Path) -> None:
    policy = fulgurite.load(place / "exported")
    observations = [policy.environment().reset(seed=seed)[0] for seed in (1, 2, 3)]
    together = (
        {name: np.stack([one[name] for one in observations]) for name in observations[0]}
        if isinstance(observations[0], dict)
        else np.stack(observations)
    )
    actions = policy(together)
    assert len(actions) == 3
    assert all(policy.action_space.contains(action) for action in actions)
    with pytest.raises(ValueError, match=r"need 3 at once, as in the last call, got 1: reset\(\) first"):
        policy(observations[0])
    with pytest.raises(ValueError, match="need 3 of them"):
        policy.reset([True])
    policy.reset()
    assert policy.action_space.contains(policy(observations[0]))


def test_nothing_of_the_callers_chance_is_used(place: Path) -> None:
    torch.manual_seed(5)
    np.random.seed(5)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    fulgurite.load(place / "exported")
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == np.random.get_state()[1].tolist()


def test_it_acts_with_the_recipes_threads_and_leaves_the_callers(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, seen = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        for found in (place, place / "exported"):
            policy = fulgurite.load(found)
            act = policy.agent.forward
            monkeypatch.setattr(
                policy.agent, "forward", lambda td, act=act: seen.append(torch.get_num_threads()) or act(td)
            )
            policy(policy.environment().reset(seed=1)[0])
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(kept)
    assert seen == [1, 1]


def test_a_row_that_begins_anew_forgets(tmp_path: Path) -> None:
    run = untrained_run(tmp_path / "run", LATENT)
    policy = fulgurite.load(run)
    first, second = (policy.environment().reset(seed=seed)[0] for seed in (1, 2))
    policy(np.stack([first, second]))
    memory = policy._next.clone()
    policy.reset([False, True])
    assert torch.equal(policy._next["is_init"][:, 0], torch.tensor([False, True]))
    for name in ("state", "filter_memory"):
        assert torch.equal(policy._next[name][0], memory[name][0])
        assert memory[name][1].any()
        assert not policy._next[name][1].any()


def test_what_is_not_of_the_space_is_refused(tmp_path: Path) -> None:
    policy = fulgurite.load(untrained_run(tmp_path / "run"))
    with pytest.raises(ValueError, match=r"expected shape \(4,\), got \(3,\)"):
        policy(np.zeros(3))
    with pytest.raises(ValueError, match="expected finite numbers"):
        policy(np.full(4, np.nan))


def test_a_vector_environment(tmp_path: Path) -> None:
    policy = fulgurite.load(untrained_run(tmp_path / "run", PENDULUM))
    environments = gymnasium.vector.SyncVectorEnv([policy.environment] * 2)
    observations, _ = environments.reset(seed=[1, 2])
    for _ in range(3):
        observations, *_ = environments.step(policy(observations))
    environments.close()


def test_the_import_is_light() -> None:
    code = "import sys, fulgurite; fulgurite.load; assert not {'torch', 'numpy', 'gymnasium'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
