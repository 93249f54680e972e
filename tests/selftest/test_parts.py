"""What the drills are made of: each does what its drill relies on, and a drill whose subject is broken fails."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from fixed import Given, batches, fit

from fulgurite.models.dump import NotFinite
from fulgurite.models.gaussian import GaussianDynamics
from fulgurite.runs.checkpoint_content import WrongCheckpoint
from fulgurite.selftest import crafted_checkpoints, malicious_files
from fulgurite.selftest.drill import FAMILIES, Extent, Failed
from fulgurite.selftest.faulty_environment import Faulty
from fulgurite.selftest.not_finite import NotFiniteUpdates
from fulgurite.selftest.numbers import planned
from fulgurite.selftest.witness import Witness


def test_ways_to_fail_come_in_turn_whoever_fails(tmp_path: Path) -> None:
    tally = str(tmp_path / "tally")
    seen = []
    for _ in range(9):  # each environment is replaced when it has failed
        env = Faulty(at=1, ways=["nan", "reward", "parts"], rounds=2, tally=tally)
        env.reset(seed=0)
        outcome = env.step(np.zeros(1))
        seen.append("parts" if len(outcome) == 4 else "nan" if outcome[1] != outcome[1] else outcome[1])
    assert seen == ["nan", "much", "parts"] * 2 + [1.0] * 3


def test_it_fails_only_during_a_time(tmp_path: Path) -> None:
    trouble = tmp_path / "trouble"
    env = Faulty(at=1, during=str(trouble))
    env.reset(seed=0)
    env.step(np.zeros(1))
    trouble.touch()
    env.reset(seed=0)
    with pytest.raises(ZeroDivisionError):
        env.step(np.zeros(1))


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_so_many_updates_are_spoiled(what: str, tmp_path: Path) -> None:
    """Three are survived, of which nothing is left; the fourth is one too many."""
    data = batches(1, 6, 2, 8)
    counted: dict[str, float] = {}
    model = GaussianDynamics(3, 1, members=2, hidden=(4,))
    model.log_dict = counted.update  # type: ignore[method-assign]
    fit(model, Given(data), tmp_path, callbacks=[NotFiniteUpdates(what, 1, 3)])
    assert counted["train/skipped_updates"] == 3
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    with pytest.raises(NotFinite, match="after 3 skipped updates in a row"):
        fit(model, Given(data), tmp_path, callbacks=[NotFiniteUpdates(what, 1, 4)])


@pytest.mark.parametrize("name", ["guided/pendulum", "latent_mpc/pendulum_pixels", "mcts/cartpole"])
def test_planners_act_in_a_model_that_explodes(name: str, tmp_path: Path) -> None:
    assert planned(name, tmp_path) == name


def test_an_agent_that_does_not_ask_its_model_is_not_counted_as_planning(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="svg/pendulum: the model was not asked for a plan"):
        planned("svg/pendulum", tmp_path)


def test_what_they_are_told_is_checked() -> None:
    with pytest.raises(ValueError, match=r"phase: need one of warm-up, .*, got napping"):
        Witness("napping")
    with pytest.raises(ValueError, match="what: need loss or gradient, got weights"):
        NotFiniteUpdates("weights", 0, 1)


def test_a_file_that_runs_or_is_taken_fails_the_drill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("recipes", "disguises", "texts", "foreign", "gifts", "folders", "data"):
        monkeypatch.setattr(malicious_files, kind, named(kind))

    def ran(path: Path) -> None:
        Path(crafted_checkpoints.CANARY).touch()
        raise WrongCheckpoint

    for folder, use, said in (
        ("sound", malicious_files.load, None),
        ("taken", lambda path: None, "'a call' was not refused"),
        ("ran", ran, "a file ran: it made .*canary"),
    ):
        (tmp_path / folder).mkdir()
        monkeypatch.setattr(malicious_files, "load", use)
        with nullcontext() if said is None else pytest.raises(Failed, match=said):
            malicious_files.malicious_files(tmp_path / folder, Extent())


def named(kind: str) -> Callable[..., int]:
    def nothing(*given: object) -> int:
        return 0

    nothing.__name__ = kind
    return nothing


def test_the_extent_of_a_drill() -> None:
    assert Extent().chosen == FAMILIES[:1]
    assert Extent(long=True).chosen == FAMILIES
    assert Extent(True, ["mcts/cartpole"]).chosen == ["mcts/cartpole"]
