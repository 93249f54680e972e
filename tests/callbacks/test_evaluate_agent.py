"""Evaluation: the numbers, when it runs, and what plans promised, by hand."""

from pathlib import Path

import pytest
import torch
from watched import LinearGaussian, Replayed, Run, Still, counting, next_state_is_reward, trajectory

from fulgurite.agents.mpc import MPC
from fulgurite.callbacks.evaluate_agent import EvaluateAgent, latest_episodes
from fulgurite.data.play import Episode
from fulgurite.models.world_model import WorldModel
from fulgurite.planners.objective import Objective
from fulgurite.planners.random_shooting import RandomShooting
from fulgurite.runs.evaluation import Evaluation
from fulgurite.runs.promises import promised_against_realised

AXES = {"env_steps", "gradient_steps", "wall_seconds"}


def planner(offset: float = 0.0, H: int = 3, **objective: object) -> MPC:
    """Plans in a world that counts, with an error of `offset` a step."""
    world = WorldModel(LinearGaussian(offsets=(offset,)), next_state_is_reward)
    return MPC(world, RandomShooting(horizon=H), action_size=1, objective=Objective(particles=2, **objective))  # type: ignore[arg-type]


def planned(T: int, H: int = 3, terminated: bool = False) -> Episode:
    """0, 1, ..., T, where every step planned to go on counting."""
    return Episode(0, counting(T, terminated, plan=torch.ones(T, H, 1)))


def test_returns_and_lengths(tmp_path: Path) -> None:
    evaluate = EvaluateAgent(Replayed(counting(2), counting(3)))  # type: ignore[arg-type]
    run = Run(tmp_path, evaluate)
    run.go(500, Still(None))
    row = {name: value for name, value in run.rows[0].items() if name not in AXES}
    assert row == {
        "eval/return_mean": 4.5,
        "eval/return_std": 1.5,
        "eval/return_min": 3.0,
        "eval/return_max": 6.0,
        "eval/episodes": 2,
        "eval/length_mean": 2.5,
    }
    assert evaluate.best_return == 4.5
    assert [len(episode) for episode in latest_episodes(run.trainer)] == [2, 3]


def test_the_best_return_stays_the_best(tmp_path: Path) -> None:
    replayed = Replayed(counting(3))
    evaluate = EvaluateAgent(replayed)  # type: ignore[arg-type]
    run = Run(tmp_path, evaluate)
    run.go(500, Still(None))
    replayed.episodes = [Episode(0, counting(2))]
    run.go(1000, Still(None))
    assert evaluate.best_return == 6.0
    resumed = EvaluateAgent(replayed)  # type: ignore[arg-type]
    resumed.load_state_dict(evaluate.state_dict())
    assert resumed.best_return == 6.0


def test_it_runs_once_in_every_so_many_steps_and_at_the_end(tmp_path: Path) -> None:
    replayed = Replayed(counting(2))
    run = Run(tmp_path, EvaluateAgent(replayed, every_env_steps=500))  # type: ignore[arg-type]
    agent = Still(None)
    for env_steps in (0, 200, 400, 600, 600, 800, 1000, 1200, 1400):
        run.go(env_steps, agent)
    run.end(agent)
    run.end(agent)
    assert [row["env_steps"] for row in run.rows] == [600, 1000, 1400]


def test_it_waits_for_the_model_to_be_fitted(tmp_path: Path) -> None:
    run = Run(tmp_path, EvaluateAgent(Replayed(counting(2))))  # type: ignore[arg-type]
    run.data.collection_due = False
    run.go(600, Still(None))
    assert run.rows == []
    run.data.collection_due = True
    run.go(600, Still(None))
    assert len(run.rows) == 1


def test_a_resumed_run_does_not_evaluate_again(tmp_path: Path) -> None:
    first = EvaluateAgent(Replayed(counting(2)))  # type: ignore[arg-type]
    Run(tmp_path / "first", first).go(600, Still(None))
    second = EvaluateAgent(Replayed(counting(2)))  # type: ignore[arg-type]
    second.load_state_dict(first.state_dict())
    run = Run(tmp_path / "second", second)
    run.go(800, Still(None))
    assert run.rows == []


def test_fewer_episodes_before_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played = []

    def play(environment: str, agent: Still, seeds: list[int]) -> list[Episode]:
        played.append((environment, seeds))
        return [Episode(seed, counting(2)) for seed in seeds]

    monkeypatch.setattr("fulgurite.runs.evaluation.play", play)
    evaluation = Evaluation("world", episodes=5, seed=70)  # type: ignore[arg-type]
    run = Run(tmp_path, EvaluateAgent(evaluation, interim_episodes=2))
    run.go(500, Still(None))
    run.go(1000, Still(None))  # the last steps of the run
    run.end(Still(None))
    assert played == [("world", [70, 71]), ("world", [70, 71, 72, 73, 74])]


def test_other_ranks_play_nothing(tmp_path: Path) -> None:
    replayed = Replayed(counting(2))
    run = Run(tmp_path, EvaluateAgent(replayed))  # type: ignore[arg-type]
    run.trainer.is_global_zero = False
    run.go(500, Still(None))
    assert replayed.asked == 0


def test_promises_of_a_true_model_are_kept(tmp_path: Path) -> None:
    run = Run(tmp_path, EvaluateAgent(Replayed(planned(5).transitions)))  # type: ignore[arg-type]
    run.go(500, planner())
    # Steps 0, 1, 2 have three rewards to go: 1+2+3, 2+3+4, 3+4+5.
    assert run.rows[0]["plan/promised_return"] == pytest.approx(9.0)
    assert run.rows[0]["plan/realised_return"] == pytest.approx(9.0)
    assert run.rows[0]["plan/exploitation_gap"] == pytest.approx(0.0, abs=1e-6)


def test_a_model_that_flatters_has_a_gap() -> None:
    # Each step ahead is overrated once more: 0.5 (1 + 2 + 3).
    assert promised_against_realised(planner(0.5), [planned(5)])["plan/exploitation_gap"] == pytest.approx(3.0)


def test_after_termination_nothing_more_was_to_come() -> None:
    # All five steps count: 6, 9, 12, 4+5, 5 realised, while the model saw no end: 6, 9, 12, 15, 18.
    result = promised_against_realised(planner(), [planned(5, terminated=True)])
    assert result["plan/realised_return"] == pytest.approx((6 + 9 + 12 + 9 + 5) / 5)
    assert result["plan/promised_return"] == pytest.approx(12.0)


def test_an_episode_cut_before_the_horizon_is_not_compared() -> None:
    assert promised_against_realised(planner(), [planned(2)]) == {}
    both = promised_against_realised(planner(), [planned(2), planned(5)])
    assert both["plan/realised_return"] == pytest.approx(9.0)


def test_a_shaped_reward_is_compared_with_itself() -> None:
    agent = planner(shaped_reward=lambda state, action, next_state: 10 * next_state[..., 0])
    result = promised_against_realised(agent, [planned(5)])
    assert result["plan/promised_return"] == pytest.approx(90.0)
    assert result["plan/realised_return"] == pytest.approx(90.0)


def test_a_sample_of_the_steps_spans_the_episode() -> None:
    episode = Episode(0, trajectory(torch.arange(9.0)[:, None], torch.ones(8, 1), plan=torch.ones(8, 1, 1)))
    # Of the steps 0..7 the first and last: rewards 1 and 8.
    assert promised_against_realised(planner(H=1), [episode], limit=2)["plan/realised_return"] == pytest.approx(4.5)


def test_the_agents_chance_is_left_alone() -> None:
    agent = planner()
    before = agent.generator.get_state()
    promised_against_realised(agent, [planned(5)])
    assert torch.equal(agent.generator.get_state(), before)


class Lossy(Replayed):
    """One episode in two was left out."""

    @property
    def seeds(self) -> range:
        return range(2 * max(1, len(self.episodes)))


def test_what_was_left_out_is_said(tmp_path: Path) -> None:
    run = Run(tmp_path, EvaluateAgent(Lossy(counting(2))))
    run.go(500, Still(None))
    assert (run.rows[0]["eval/episodes"], run.rows[0]["eval/left_out"]) == (1, 1)


def test_an_evaluation_without_an_episode_ends_nothing(tmp_path: Path) -> None:
    run = Run(tmp_path, evaluate := EvaluateAgent(Lossy()))
    run.go(500, Still(None))
    assert (run.rows[0]["eval/episodes"], run.rows[0]["eval/left_out"]) == (0, 2)
    assert "eval/return_mean" not in run.rows[0]
    assert evaluate.best_return is None
