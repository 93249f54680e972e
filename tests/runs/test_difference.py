"""Two runs that ended alike, and the first thing in which they do not."""

import json
import re

import pytest
import torch

from fulgurite.runs import parts
from fulgurite.runs.checkpoint import FolderCheckpointIO
from fulgurite.runs.difference import difference


def run(folder, weight=1.0, row=3.0, steps=10, seconds=1.0, moment=(0.5, torch.nan), piece=4):
    state = {
        "state_dict": {"weight": torch.tensor([0.0, weight])},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.tensor(moment)}}}],
        "Experience": {"wall_seconds": seconds, "dataset": [parts.part("rows", {"x": torch.arange(piece)})]},
    }
    FolderCheckpointIO().save_checkpoint(state, folder / "checkpoints" / f"step-{steps}")
    line = {"env_steps": steps, "wall_seconds": seconds, "speed/env_steps_per_second": seconds, "loss/x": row}
    (folder / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    return folder


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, None),
        ({"seconds": 2.0}, None),
        ({"weight": 1.0000001}, r"state_dict\.weight: float32 \[2\] \(0, 1\) and"),
        ({"weight": -1.0}, r"state_dict\.weight"),
        ({"moment": (0.5, 0.5)}, r"optimizer_states\[0\]\.state\.0\.exp_avg"),
        ({"piece": 5}, r"Experience\.dataset\[0\]\.x: int64 \[4\]"),
        ({"row": 4.0}, r"metrics\.jsonl, row 1, loss/x: 3\.0 and 4\.0"),
        ({"steps": 20}, "the newest checkpoints are step-10 and step-20"),
    ],
)
def test_the_first_difference_is_named(tmp_path, changes, said):
    found = difference(run(tmp_path / "one"), run(tmp_path / "two", **changes))
    if said is None:
        assert found is None
    else:
        assert found is not None
        assert re.match(said, found)


def test_a_row_too_many_is_a_difference(tmp_path):
    one, two = run(tmp_path / "one"), run(tmp_path / "two")
    with (two / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"env_steps": 11}) + "\n")
    assert difference(one, two) == "metrics.jsonl, row 2, env_steps: None and 11"
