"""What the README says to type is accepted, and its own example of an algorithm is."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.S)
TRAIN = [
    line for kind, block in BLOCKS if kind == "sh" for line in block.splitlines() if line.startswith("fulgurite train")
]


def checked(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fulgurite", "check", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_there_are_blocks():
    assert len(TRAIN) >= 4


@pytest.mark.parametrize("line", TRAIN)
def test_commands(line, tmp_path):
    command, _, comment = line.partition("#")
    done = checked(command.split()[2:], tmp_path)
    if "error" in comment:
        assert done.returncode == 3
        assert "did you mean 'max_env_steps'?" in done.stderr
    else:
        assert done.returncode == 0, done.stderr


def test_the_algorithm_of_ones_own(tmp_path):
    files = {}
    for kind, block in BLOCKS:
        name = re.match(r"# (\S+\.(?:py|yaml))\n", block)
        if kind in ("python", "yaml") and name:
            files[name[1]] = block
    assert set(files) == {"planners.py", "mine.yaml"}
    for name, block in files.items():
        (tmp_path / name).write_text(block)
    done = checked(["mine.yaml", "--deep"], tmp_path)
    assert done.returncode == 0, done.stderr
