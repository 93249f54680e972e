"""The guide tells the truth: its files are written, its quick commands are run, and what it shows is what they say."""

import re
import shlex
from pathlib import Path

import pytest

from fulgurite.cli import main

GUIDE = (Path(__file__).parent.parent / "docs" / "recipes.md").read_text(encoding="utf-8")
FILES = {name: text for _, name, text in re.findall(r"```(yaml|python)\n# ([\w.]+)(.*?)```", GUIDE, re.DOTALL)}
QUICK = ("list", "show", "copy", "check")


def shown() -> list[tuple[str, str]]:
    """Every command of the guide with the output that is shown below it."""
    consoles = re.findall(r"```console\n(.*?)```", GUIDE, re.DOTALL)
    return [
        (command.partition("#")[0].strip(), output)
        for console in consoles
        for command, output in re.findall(r"^\$ fulgurite (.*)\n((?:[^$].*\n)*)", console, re.MULTILINE)
    ]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text("#" + text)
    monkeypatch.chdir(tmp_path)


def test_the_guide_has_files_and_commands() -> None:
    assert set(FILES) == {"mine.yaml", "known.yaml", "own.py", "constant.yaml"}
    assert len(shown()) > 10


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".yaml")])
def test_its_recipes_are_valid(name: str) -> None:
    assert main(["check", name]) == 0


@pytest.mark.parametrize(("command", "output"), shown())
def test_its_commands_say_what_it_shows(command: str, output: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(command)
    if words[0] == "train":  # as far as it is quick
        words = ["check", *(word for word in words[1:] if not word.startswith("seed=0.."))]
    assert words[0] in QUICK
    if words[0] == "copy":
        Path(words[-1]).unlink()  # the guide's own file of that name
    code = main(words)
    said = capsys.readouterr()
    assert code == (3 if output.startswith("command line") else 0)
    assert not output or said.out + said.err == output
