"""Two processes with half of each batch make the updates of one process with the whole.

Both see the same rows in the same batches: what `Experience` and `OfflineData` hand out differs by rank, so the batches
are given. Half the loss of each half is the loss of the whole, and so are the gradients, up to the order of their sums.
Normalisers see all rows on both.
"""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from rank_fits import LATENT, fits

ONE_UPDATE, ALL_UPDATES = 5e-7, 2e-6  # largest relative difference after 1 and after 100 updates
EVERY = ("all", "pieces", "resting", "resting pieces")
FITS = [("first", ONE_UPDATE), *((fit, ALL_UPDATES) for fit in EVERY)]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What one process says, and each of two."""
    folder = tmp_path_factory.mktemp("ranks")
    tests = Path(__file__).parents[1]
    environment = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "HOME": str(folder)}
    words = [sys.executable, str(tests / "rank_fits.py"), str(folder)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    two = [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in (0, 1)]
    return [fits(1, folder), *two]


def apart(one: dict, other: dict) -> float:
    """The largest difference of a weight or a statistic, relative to those above 1."""
    assert one["weights"].keys() == other["weights"].keys()
    pairs = [(one["weights"][name], other["weights"][name]) for name in one["weights"]]
    return max(((a - b).abs() / a.abs().clamp_min(1)).max().item() for a, b in pairs)


@pytest.mark.parametrize(("fit", "bound"), FITS)
def test_two_processes_are_as_good_as_one(told, fit, bound):
    """After one update to rounding; Adam, which divides by a gradient's size, then lets rounding grow a little."""
    alone, first, second = (one[fit] for one in told)
    assert apart(first, second) == 0
    assert apart(alone, first) < bound
    assert apart(alone, told[0]["start"]) > 5e-4
    losses = [{name: value for name, value in one["told"].items() if "loss" in name} for one in (alone, first, second)]
    means = {name: (losses[1][name] + losses[2][name]) / 2 for name in losses[0]}
    assert means == pytest.approx(losses[0], rel=1e-4)


def test_what_one_process_finds_not_finite_both_skip(told):
    alone, first, second = (one["skipped"] for one in told)
    assert [one["told"]["train/skipped_updates"] for one in (alone, first, second)] == [1, 1, 1]
    assert apart(first, second) == 0
    assert apart(alone, first) < ALL_UPDATES
    assert apart(alone, told[0]["all"]) > 1e-5


def test_both_stop_and_say_what_one_of_them_found(told):
    alone, first, second = (one["stopped"] for one in told)
    assert "loss/reward became inf, after 3 skipped updates in a row" in alone["told"]["error"]
    assert "loss/reward became inf, after 3 skipped updates in a row" in first["told"]["error"]
    assert "rank0.pt" in first["told"]["error"]
    assert "rank1.pt" in second["told"]["error"]
    assert apart(first, second) == 0
    assert apart(alone, first) < ALL_UPDATES


@pytest.mark.parametrize(
    ("fit", "alike"), [("sharded", "all"), ("sharded pieces", "all"), ("sharded skipped", "skipped")]
)
def test_a_share_of_the_weights_on_each_process_learns_the_same(told, fit, alike):
    """The weights come back whole, on the first process."""
    assert not told[2][fit]["weights"]
    assert apart(told[0][alike], told[1][fit]) < ALL_UPDATES
    skipped = [one[fit]["told"]["train/skipped_updates"] for one in told]
    assert skipped == [1 if "skipped" in fit else 0] * 3


@pytest.mark.parametrize("kind", LATENT)
def test_a_world_model_of_sequences_learns_the_same_whole_or_shared(told, kind):
    """In double precision; its parts read each other's weights, and one of its networks follows another."""
    alone, first, second = (one[kind] for one in told)
    assert apart(first, second) == 0
    assert apart(alone, first) < ALL_UPDATES
    assert not told[2][f"{kind}, sharded"]["weights"]
    assert apart(alone, told[1][f"{kind}, sharded"]) < ALL_UPDATES
    start = told[0][f"{kind}, start"]["weights"]
    moved = {name for name, weight in alone["weights"].items() if not torch.equal(weight, start[name])}
    assert {name.partition(".")[0] for name in moved} >= {"observation", "posterior", "dynamics", "reward"}
    assert kind != "without a decoder" or any("objective.slow" in name for name in moved)


def test_each_process_draws_its_own_batches_of_logged_data(told):
    alone, first, second = (one["logged"] for one in told)
    assert apart(first, second) == 0
    assert torch.equal(alone["drawn"], first["drawn"])
    assert not torch.isclose(first["drawn"], second["drawn"]).all(-1).any()


def test_a_metric_of_one_process_is_reported_by_both(told):
    """An agent that made no plan in a collection has nothing to say of its plans."""
    means = [one["said"]["means"] for one in told[1:]]
    assert means == [{"loss": 1.5, "policy": 2.0, "plan": 8.0}] * 2
    assert [list(mean) for mean in means] == [["loss", "policy", "plan"]] * 2


def test_the_first_process_gathers_in_pieces(told):
    """The states of two, of different sizes, neither of them a whole number of pieces."""
    first, second = told[1]["said"]["first"]
    assert (first["of"], second["of"]) == (0, 1)
    assert torch.equal(first["rows"], torch.arange(2000.0))
    assert torch.equal(second["rows"], torch.arange(1000.0))
    assert told[2]["said"]["first"] == []
