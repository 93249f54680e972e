"""`report` and `compare` by the command: where pages land, what is printed and refused, and that torch stays out."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from run_folders import folder_of_run

from fulgurite.cli import main

ROOT = Path(__file__).parents[2]
TYPED = [
    line.partition("#")[0].split()[1:]
    for name in ("README.md", "docs/reports.md")
    for line in (ROOT / name).read_text().splitlines()
    if line.startswith(("fulgurite report", "fulgurite compare"))
]
SPY = "import sys; from fulgurite.cli import main; code = main(sys.argv[1:]); print(*sys.modules); sys.exit(code)"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_of_one_run_lies_in_its_folder(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_of_run(Path("runs"))
    assert main(["report", str(folder)]) == 0
    assert capsys.readouterr().out == "runs/one-seed0/report.html: 1 run; open it in a browser\n"
    assert "fulgurite resume runs/one-seed0 experience.max_env_steps=800" in (folder / "report.html").read_text()


def test_the_page_of_many_lies_here_or_where_it_is_wanted(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(2):
        folder_of_run(Path("runs"), seed=seed)
    assert main(["report", "runs", "runs/one-seed1"]) == 0
    assert "report.html: 2 runs" in capsys.readouterr().out
    assert main(["report", "runs", "--out", "here.html", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["report"], len(told["runs"])) == ("here.html", 2)
    assert Path("here.html").stat().st_size > 10_000


def test_compare_prints_tables_and_writes_a_page(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder_of_run(Path("runs"), "a")
    folder_of_run(Path("runs"), "b", (5.0, 6.0), ["agent.planner.horizon=3"])
    assert main(["compare", "runs", "--reach", "100"]) == 0
    said = capsys.readouterr().out
    assert "pets/cartpole horizon=3" in said
    assert "return 100.0" in said
    assert said.endswith("comparison.html: open it in a browser\n")
    Path("comparison.html").unlink()
    for form, begins in (("--markdown", "**Returns"), ("--latex", "\\begin{table}"), ("--json", "{")):
        assert main(["compare", "runs", form]) == 0
        said = capsys.readouterr().out
        assert said.startswith(begins)
        assert not Path("comparison.html").exists()
    assert json.loads(said)["standings"][0]["name"] == "pets/cartpole"


@pytest.mark.parametrize("words", TYPED, ids=" ".join)
def test_what_the_documents_say_to_type(words: list[str]) -> None:
    assert len(TYPED) >= 7
    for family in ("pets", "icem"):
        folder_of_run(Path("runs", family, "pendulum"), recipe=f"{family}/pendulum")
    assert main(words) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["report", "nowhere"], "nowhere: expected the folder of a run, or one with runs in it"),
        (["compare", "nowhere"], "nowhere: expected the folder of a run, or one with runs in it"),
        (["report", "runs", "--megabytes", "-1"], "--megabytes: expected 0 to 1000, got -1.0"),
        (["report", "runs", "--out", "no/such/page.html"], "cannot be written: No such file or directory"),
        (["compare", "runs"], "evaluation.episodes: "),
    ],
)
def test_what_is_refused(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder_of_run(Path("runs"), "a")
    folder_of_run(Path("runs"), "b", overrides=["evaluation.episodes=3"])
    assert main(words) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("verb", ["report", "compare"])
def test_torch_and_matplotlib_stay_out(home: Path, verb: str) -> None:
    folder_of_run(Path("runs"))
    call = [sys.executable, "-c", SPY, verb, "runs"]
    done = subprocess.run(call, cwd=home, capture_output=True, text=True, timeout=60, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert "jinja2" in loaded
    assert loaded.isdisjoint({"torch", "matplotlib", "pytorch_lightning", "wandb", "scipy"})
