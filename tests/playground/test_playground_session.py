"""The session: it plays what an evaluation plays, repeats itself, and imagines what a true model must."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from playing import FAULTY, MAZE, MODEL_FREE, POLICY, TRUE_PENDULUM, experiment, session
from untrained_run import CARTPOLE, DISCRETE, IMAGE, LATENT

from fulgurite.data.episodes import EnvironmentFault
from fulgurite.equations.maze import LAYOUTS
from fulgurite.playground.session import Refused, Session
from fulgurite.runs.evaluation import Evaluation

REPLANNING = CARTPOLE.replace("agent:", "agent:\n  replan_every: 2")
KEEPING = CARTPOLE.replace("{candidates", "{_target_: ICEM, kept_share: 0.9, candidates")
KINDS = {
    "cem": CARTPOLE, "icem": KEEPING, "replanning": REPLANNING, "latent": LATENT, "tree": DISCRETE, "policy": POLICY,
    "no model": MODEL_FREE, "maze": MAZE,
}  # fmt: skip


def seen(session: Session) -> list[list[float]]:
    return [[*told["numbers"], told["reward"]] for told in map(session.told, range(len(session.moments)))]


def play_on(session: Session, steps: int = 99) -> None:
    """The agent acts from where it is."""
    for _ in range(steps):
        last = session.moments[-1]
        if last.terminated or last.truncated:
            return
        session.step(len(session.moments) - 1, None)


@pytest.mark.parametrize("name", KINDS)
def test_an_agent_that_acts_alone_plays_the_episode_of_the_evaluation(tmp_path: Path, name: str) -> None:
    made = experiment(tmp_path, KINDS[name])
    seed = made.evaluation.seeds[-1]
    (episode,) = Evaluation(made.evaluation.environment, episodes=1, seed=seed).run(made.agent)
    played = Session(made.evaluation, made.agent)
    played.reset(seed)
    for step in range(len(episode)):
        if step == 1:
            played.imagine(step, "agent")  # looking changes nothing
            played.imagine(0, "held", [1.0] + [0.0] * (made.environment.action_size - 1))
        played.step(step, None)
    rewards = np.array([moment.reward for moment in played.moments[1:]], np.float32)
    assert np.array_equal(rewards, episode.transitions["next", "reward"][:, 0].numpy())
    assert played.moments[-1].return_ == pytest.approx(episode.return_, rel=1e-6)
    actions = np.stack([moment.action for moment in played.moments[:-1]])
    assert np.array_equal(actions, episode.transitions["action"].numpy())
    assert played.moments[-1].terminated or played.moments[-1].truncated
    with pytest.raises(Refused, match="the episode has ended here"):
        played.step(len(episode), None)


@pytest.mark.parametrize("name", ["cem", "icem", "replanning", "latent", "tree"])
def test_who_goes_back_and_does_the_same_sees_the_same(tmp_path: Path, name: str) -> None:
    played = session(tmp_path, KINDS[name])
    other = [1.0] + [0.0] * (played.environment.action_size - 1)
    if not played.environment.discrete_actions:
        other[0] = -0.7
    play_on(played, 2)
    played.step(2, other)
    play_on(played)
    first, imagined = seen(played), played.imagine(3, "agent")
    pictures = [played.picture(step) for step in range(len(first))]
    played.step(1, None)  # what it did there before
    assert seen(played) == first[:3]
    assert not played.told(2)["differs"]
    played.step(2, [-x for x in other] if other[0] < 0 else [*other[1:], other[0]])
    assert seen(played)[3] != first[3]
    played.step(2, other)
    assert played.imagine(3, "agent") == imagined
    play_on(played)
    assert seen(played) == first
    assert [played.picture(step) for step in range(len(first))] == pictures


def test_looking_before_a_person_acts_uses_up_no_chance(tmp_path: Path) -> None:
    """A search would, were it made on some of these steps only."""
    returns = []
    for looks in (False, True):
        played = session(tmp_path, TRUE_PENDULUM)
        for step in range(3):
            if looks:
                played.imagine(step, "agent")
            played.step(step, [0.5])
        play_on(played)
        returns.append(played.moments[-1].return_)
    assert returns[0] == returns[1]


def test_while_a_person_acts_the_agent_does_not_think_and_its_plan_moves_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = session(tmp_path, REPLANNING.replace("{candidates", "{_target_: ICEM, kept_share: 0.9, candidates"))
    played.step(0, None)
    before, chance = played.moments[1].found, played.moments[1].chance
    assert before["plan_age"].item() == 1
    monkeypatch.setattr(played.mind, "think", None)
    played.step(1, [0.5])
    after = played.moments[2].found
    for key in ("plan", "kept_plans"):
        assert torch.equal(after[key][..., :-1, :], before[key][..., 1:, :]), key
        assert after[key].abs().sum() > 0
    assert after["plan_age"].item() == 0  # due
    assert torch.equal(played.moments[2].chance, chance)
    assert not played.moments[1].by_agent


def test_nothing_counts_after_the_imagined_end(tmp_path: Path) -> None:
    physics = CARTPOLE.replace(
        "dynamics: {members: 2, elites: 1, hidden: [8]}", "dynamics: {_target_: CartPolePhysics}"
    )
    played = session(tmp_path, physics.replace("max_episode_steps: 12", "max_episode_steps: 100"))
    while not played.moments[-1].terminated:
        played.step(len(played.moments) - 1, [1.0])
    lasted = len(played.moments) - 1
    imagined = played.imagine(0, "held", [1.0])
    assert lasted < imagined["horizon"]
    assert imagined["reward"]["mean"] == [1.0] * lasted + [0.0] * (imagined["horizon"] - lasted)
    assert imagined["promised"]["mean"] == played.moments[-1].return_ == lasted
    assert imagined["alive"] == [1.0] * lasted + [0.0] * (imagined["horizon"] + 1 - lasted)
    assert "nothing ahead" in played.imagine(lasted, "agent")["said"]


def test_the_bars_are_of_the_search_that_acted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played = session(tmp_path, DISCRETE)
    agent, found = played.mind.agent, []
    search = agent.found
    monkeypatch.setattr(agent, "found", lambda state: found.append(search(state)) or found[-1])
    play_on(played, 3)
    for step in range(3):
        before = len(found)
        played.imagine(step, "agent")
        assert torch.equal(found[before].q, found[step].q), step
    assert not torch.equal(found[0].q, found[1].q)


def test_the_filter_hears_of_what_a_person_did(tmp_path: Path) -> None:
    """What a latent agent carries after a person's step is what it carries after the same step of its own."""
    played = session(tmp_path, LATENT)
    played.step(0, None)
    own = played.moments[1].found
    played.step(0, played.moments[0].action.tolist())
    persons = played.moments[1].found
    for key in ("previous_action", "filter_memory", "state"):
        assert torch.equal(own[key], persons[key]), key
    played.step(0, [0.9])
    assert played.moments[1].found["previous_action"].item() == pytest.approx(0.9)


def test_the_true_model_imagines_what_comes_with_bands_of_no_width(tmp_path: Path) -> None:
    played = session(tmp_path, TRUE_PENDULUM)
    for step, action in enumerate((0.9, -0.3, 0.0, 0.6, -1.0, 0.2, 0.2)):
        played.step(step, [action])
    imagined = played.imagine(2, "done")
    assert (imagined["at"], imagined["horizon"], imagined["particles"]) == (2, 5, 40)
    truth = np.array(seen(played))
    for i, curve in enumerate(imagined["entries"]):
        np.testing.assert_allclose(curve["mean"], truth[2:8, i], atol=2e-4)
        assert np.ptp([curve["low"], curve["high"]], axis=0).max() == 0
    np.testing.assert_allclose(imagined["reward"]["mean"], truth[3:8, 3], atol=2e-3)
    assert imagined["promised"]["mean"] == pytest.approx(sum(imagined["reward"]["mean"]), abs=1e-4)
    held = played.imagine(5, "held", [0.2])  # which is what was done there
    np.testing.assert_allclose(held["entries"][2]["mean"][:3], truth[5:8, 2], atol=2e-4)
    other = played.imagine(5, "held", [-0.8])
    assert abs(other["entries"][2]["mean"][2] - truth[7, 2]) > 0.1


def test_learned_models_have_bands_that_hold_their_mean(tmp_path: Path) -> None:
    imagined = session(tmp_path, CARTPOLE).imagine(0, "held", [0.3])
    for curve in [*imagined["entries"], imagined["reward"]]:
        low, mean, high = (np.array(curve[name]) for name in ("low", "mean", "high"))
        assert (low <= high).all()
        assert np.abs(mean - (low + high) / 2).max() < 10
    assert max(np.subtract(imagined["entries"][0]["high"], imagined["entries"][0]["low"])) > 1e-3
    assert imagined["alive"][0] == 1
    assert np.all(np.diff(imagined["alive"]) <= 0)


def test_candidates_are_those_of_the_last_question_and_the_best_is_drawn_last(tmp_path: Path) -> None:
    played = session(tmp_path, TRUE_PENDULUM)
    plans = played.imagine(0, "agent")["plans"]
    assert (plans["what"], plans["count"]) == ("candidates", 20)
    assert plans["levels"] == sorted(plans["levels"])
    assert (plans["levels"][0], plans["levels"][-1], plans["levels"].count(5)) == (0, 5, 1)
    asked = played.moments[0].thought.plans
    best = asked[0][asked[1].argmax(), :, 0].tolist()
    assert plans["values"][-1] == best
    assert plans["best"] == pytest.approx(asked[1].max().item())
    objective = played.mind.agent.objective.expected().bind(
        played.mind.agent.world_model, played.mind.state(played.moments[0].found), 6
    )
    assert objective(asked[0][None])[0] == pytest.approx(asked[1].numpy(), abs=1e-3)  # a known world: no chance in it
    played.step(0, None)
    assert played.moments[0].action[0] == plans["chosen"][0]


def test_a_plan_that_is_followed_has_no_candidates(tmp_path: Path) -> None:
    played = session(tmp_path, REPLANNING)
    play_on(played, 2)
    kinds = [played.imagine(step, "agent")["plans"]["what"] for step in range(3)]
    assert kinds == ["candidates", "followed", "candidates"]
    assert played.imagine(1, "agent")["plans"]["values"] == []


def test_discrete_agents_say_what_they_make_of_each_action(tmp_path: Path) -> None:
    tree, network = (session(tmp_path, text).imagine(0, "agent") for text in (DISCRETE, MODEL_FREE))
    assert sum(tree["choices"]["values"]) == 4  # simulations
    assert tree["plans"]["what"] == "rollouts"
    assert "no model" in network["said"]
    assert network["value"] == pytest.approx(max(network["choices"]["values"]), abs=1e-6)
    assert network["choices"]["chosen"] == int(np.argmax(network["choices"]["values"]))


def test_the_table_leads_as_far_as_it_was_tried(tmp_path: Path) -> None:
    played = session(tmp_path, MAZE)
    start = "".join(LAYOUTS["dyna"][0]).index("S")
    agent = played.mind.agent
    assert "never tried" in played.imagine(0, "agent")["said"]
    agent.model.learn(start, 1, 0.0, start + 1, False)
    agent.model.learn(start + 1, 2, 1.0, start + 10, True)
    agent.values.q[start, 1] = agent.values.q[start + 1, 2] = 0.5
    imagined = played.imagine(0, "agent")
    assert imagined["entries"][0]["mean"] == [start, start + 1, start + 10]
    assert imagined["entries"][0]["low"] == imagined["entries"][0]["high"]
    assert (imagined["promised"]["mean"], imagined["alive"]) == (1.0, [1.0, 1.0, 0.0])
    assert imagined["choices"]["values"] == [0, 0.5, 0, 0]
    assert played.imagine(0, "held", [0, 1, 0, 0])["entries"][0]["mean"] == [start, start + 1]


def test_images_are_seen_and_imagined(tmp_path: Path) -> None:
    played = session(tmp_path, IMAGE)
    imagined = played.imagine(0, "agent")
    assert played.entries.pictures == ["pixels"]
    (frames,) = imagined["pictures"]
    assert len(frames) == imagined["horizon"] + 1
    assert all(frame.startswith("data:image/png;base64,") for frame in frames)
    assert played.sight(0, 0).startswith(b"\x89PNG")
    assert len(imagined["entries"]) == len(played.entries.names) == 3


def test_a_fault_leaves_the_episode_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    played = session(tmp_path, FAULTY)
    play_on(played, 2)
    before = seen(played)
    Path("broken").touch()
    for _ in range(2):
        with pytest.raises(EnvironmentFault, match="step 3"):
            played.step(2, None)
    assert seen(played) == before
    Path("broken").unlink()
    played.step(2, None)
    assert seen(played)[:3] == before
    assert len(played.moments) == 4


@pytest.fixture(scope="module")
def at_start(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return session(tmp_path_factory.mktemp("start"), TRUE_PENDULUM)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda s: s.step(4, None), "step: expected 0 to 0, got 4"),
        (lambda s: s.step(-1, None), "step: expected 0 to 0, got -1"),
        (lambda s: s.step(0, [0.1, 0.2]), r"action: expected 1 numbers in \[-1, 1\], got \[0.1, 0.2\]"),
        (lambda s: s.step(0, [1.5]), "action: expected 1 numbers"),
        (lambda s: s.step(0, [float("nan")]), "action: expected 1 numbers"),
        (lambda s: s.reset(-1), "seed: expected 0 to 2147483647, got -1"),
        (lambda s: s.imagine(0, "guess"), "way: expected one of agent, held, done, got 'guess'"),
        (lambda s: s.imagine(0, "held"), "action: expected 1 numbers"),
        (lambda s: s.imagine(0, "agent", None, 1), "entry: expected 0 to 0, got 1"),
        (lambda s: s.sight(0, 0), "image: expected"),
    ],
)
def test_what_cannot_be_had_is_refused(at_start: Session, call: Callable[[Session], Any], said: str) -> None:
    with pytest.raises(Refused, match=said):
        call(at_start)
    assert len(at_start.moments) == 1
