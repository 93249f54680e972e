"""Two processes imagine each from their own states, and keep one policy between them."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from policy_ranks import ESTIMATORS


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What each of two processes says."""
    folder = tmp_path_factory.mktemp("ranks")
    tests = Path(__file__).parents[1]
    environment = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "HOME": str(folder)}
    words = [sys.executable, str(tests / "policy_ranks.py"), str(folder)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in (0, 1)]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_weights_move_and_stay_the_same_on_both(told, estimator):
    first, second = (one[estimator] for one in told)
    assert first["weights"].keys() == second["weights"].keys()
    assert all(weight.equal(second["weights"][name]) for name, weight in first["weights"].items())
    moved = {name.split(".")[0] for name, weight in first["weights"].items() if not weight.equal(first["start"][name])}
    assert moved == {"world_model", "policy", "critic"}
    assert first["told"]["train/skipped_updates"] == 0
    assert first["told"]["loss/policy"] != second["told"]["loss/policy"]
