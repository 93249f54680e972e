"""What an exported folder holds and does not hold, and what is refused of one that comes from elsewhere."""

import json
import shutil
import socket
from pathlib import Path

import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from untrained_run import CARTPOLE, PENDULUM, untrained_run

import fulgurite
from fulgurite.cli import main
from fulgurite.recipe_error import RecipeError
from fulgurite.runs.checkpoint import checkpoints, load
from fulgurite.runs.durable import fingerprint
from fulgurite.sharing.export import export
from fulgurite.sharing.folder import FILES, WrongExport
from fulgurite.sharing.shared_recipe import shared_recipe

AT_HOME = """
environment: {{options: {{render_mode: null, render_fps: 30, model: {place}/robot.xml, api_token: sesame}}}}
experience:
  base_policy: {{_target_: SavedAgent, run: {place}}}
  collector: {{_target_: RayWorkers, address: "ray-head:6379"}}
  on_disk: scratch
  seed: "${{oc.env:FULGURITE_SEED,3}}"
callbacks: {{mine: {{_target_: mine.Mine}}, plots: {{references: {{"by ${{oc.env:USER,me}}": 1}}}}}}
logger: {{wandb: {{entity: somebody, name: "of ${{oc.env:HOSTNAME,here}}"}}}}
"""
CALLBACK = "from pytorch_lightning import Callback\n\n\nclass Mine(Callback):\n    pass\n"
PLANNER = """
from fulgurite.planners.random_shooting import RandomShooting


class Mine(RandomShooting):
    pass
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with its agent exported; to be copied."""
    run = untrained_run(tmp_path_factory.mktemp("made") / "run")
    run = run.rename(run.with_name("20260101-120000-seed3"))
    export_newest(run)
    return run


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """The exported folder of the run beside it."""
    shutil.copytree(made, tmp_path / made.name)
    return tmp_path / made.name / "exported"


@pytest.fixture
def run(folder: Path) -> Path:
    return folder.parent


def export_newest(run: Path) -> Path:
    export(run, run / "exported", checkpoints(run)[0])
    return run / "exported"


def test_four_files_nothing_pickled_the_same_weights(run: Path, folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == set(FILES)
    with safe_open(folder / "model.safetensors", "pt") as file:
        saved = load(checkpoints(run)[0])["state_dict"]
        assert set(file.keys()) == set(saved)
        assert all(torch.equal(file.get_tensor(name), saved[name]) for name in saved)
    about = json.loads((folder / "agent.json").read_text())
    assert about["training"] == {
        "env_steps": 40, "gradient_steps": 30, "wall_seconds": 1.5, "seed": 3, "status": "unknown",
        "checkpoint": "step-40",
    }  # fmt: skip
    assert about["evaluation"]["return_mean"] == 9.5


def test_the_card_is_what_the_hub_reads(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    _, head, body = text.split("---\n", 2)
    meta = yaml.safe_load(head)
    assert meta["library_name"] == "fulgurite"
    assert "reinforcement-learning" in meta["tags"]
    (result,) = meta["model-index"][0]["results"]
    assert result["metrics"][0]["value"] == "9.50 +/- 1.50"
    assert result["dataset"]["type"] == "fulgurite/CartPoleBalance-v0"
    assert "| 9.5 | 1.5 | 8.0 | 11.0 | 9.5 | 2 (reset seeds 100000 to 100001) |" in body
    assert 'load("exported")' in body


def test_a_checkpoint_that_was_not_evaluated_says_so(run: Path) -> None:
    (run / "metrics.jsonl").unlink()
    shutil.rmtree(run / "exported")
    folder = export_newest(run)
    assert "It was not evaluated" in (folder / "README.md").read_text()
    assert "model-index" not in (folder / "README.md").read_text()


def test_what_is_of_this_machine_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "jane-doe")
    (tmp_path / "mine.py").write_text(CALLBACK)
    run = untrained_run(tmp_path / "run", CARTPOLE)
    text = CARTPOLE.replace("environment: {max_episode_steps: 12}", "") + AT_HOME.format(place=tmp_path)
    (run / "recipe.yaml").write_text(f"# recipe: {tmp_path}/small.yaml\n{text}")
    said, gone = shared_recipe(run)
    recipe = yaml.safe_load(said)
    assert said.startswith("# recipe: small\n")
    assert "logger" not in recipe
    assert "mine" not in recipe["callbacks"]
    assert recipe["callbacks"]["progress"]
    assert "base_policy" not in recipe["experience"]
    assert "on_disk" not in recipe["experience"]
    assert recipe["experience"]["collector"] == {"_target_": "RayWorkers"}
    assert recipe["experience"]["seed"] == "3"
    options = recipe["environment"]["options"]
    assert options == {"render_mode": None, "render_fps": 30, "model": "???", "api_token": "???"}
    assert {"logger", "callbacks.mine", "experience.base_policy", "environment.options.model"} <= set(gone)
    for secret in (str(tmp_path), socket.gethostname(), "sesame", "somebody", "jane-doe"):
        assert secret not in said


def test_the_command_exports_and_imports_and_the_returns_stay(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run), "--json"]) == 0
    before = json.loads(capsys.readouterr().out)
    assert main(["export", str(run), "--to", "given/agent", "--episodes", "2", "--license", "apache-2.0"]) == 0
    said = capsys.readouterr().out
    assert 'policy = load("given/agent")' in said
    about = json.loads(Path("given/agent/agent.json").read_text())
    assert about["evaluation"]["return_mean"] == pytest.approx(before["return_mean"])
    assert main(["import", "given/agent"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "runs/imported/agent"
    assert main(["evaluate", "runs/imported/agent", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["returns"] == before["returns"]
    base = "experience.base_policy={_target_: SavedAgent, run: runs/imported/agent}"
    assert main(["check", "pets/cartpole", base, "--deep"]) == 0
    assert main(["import", "given/agent"]) == 2
    assert "runs/imported/agent: need a name of nothing that is there" in capsys.readouterr().err
    assert main(["evaluate", "given/agent"]) == 2
    assert "install it first: fulgurite import given/agent" in capsys.readouterr().err


def test_an_imported_run_says_that_it_cannot_be_resumed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(run / "exported"), "--to", "there"]) == 0
    assert main(["resume", "there"]) == 1
    assert "cannot be gone on from" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["model.safetensors", "recipe.yaml"])
def test_a_damaged_file_is_found(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(bytes(content))
    with pytest.raises(WrongExport, match=rf"{name}: need \{{'bytes'"):
        fulgurite.load(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 9}, "need format 1, got 9; a newer Fulgurite wrote it"),
        ({"sizes": {"observation_shape": "x"}}, "sizes: need those of an environment"),
        ({"spaces": {"observation": {"kind": "Pickle"}}}, "spaces.observation: need Box, Discrete"),
        ({"spaces": None}, "spaces: need dict, got NoneType"),
        ({"sizes": {"observation_shape": [5], "action_size": 1, "discrete_actions": False}}, "is of another recipe"),
    ],
)
def test_a_wrong_agent_json_is_refused(folder: Path, change: dict, said: str) -> None:
    about = json.loads((folder / "agent.json").read_text()) | change
    (folder / "agent.json").write_text(json.dumps(about))
    with pytest.raises(WrongExport, match=said):
        fulgurite.load(folder)


def test_links_and_missing_files_are_refused(run: Path, folder: Path) -> None:
    (folder / "model.safetensors").rename(run / "elsewhere")
    with pytest.raises(WrongExport, match="got none"):
        fulgurite.load(folder)
    (folder / "model.safetensors").symlink_to(run / "elsewhere")
    with pytest.raises(WrongExport, match="got a link"):
        fulgurite.load(folder)


def test_weights_of_another_shape_are_refused(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    name = next(iter(weights))
    save_file({**weights, name: torch.zeros(7, 7)}, folder / "model.safetensors")
    signed(folder)
    with pytest.raises(WrongExport, match=f"is of another recipe: state_dict.{name}"):
        fulgurite.load(folder)


def signed(folder: Path) -> None:
    """Makes the hashes right again, as whoever means harm would."""
    about = json.loads((folder / "agent.json").read_text())
    about["files"] = {name: fingerprint(folder / name) for name in about["files"]}
    (folder / "agent.json").write_text(json.dumps(about))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("agent: {planner: {_target_: evil.Mine}}", "no module 'evil'"),
        ("environment: {id: 'evil:Other-v0'}", "has a module imported"),
        ("experience: {base_policy: {_target_: SavedAgent, run: /etc}}", "names a place on this machine"),
        ("environment: {options: {file: /etc/passwd}}", "names a place on this machine"),
    ],
)
def test_a_recipe_from_elsewhere_names_nothing_of_this_machine(folder: Path, line: str, said: str) -> None:
    (folder / "evil.py").write_text("raise SystemExit('it was imported')\n")
    text = (folder / "recipe.yaml").read_text()
    (folder / "recipe.yaml").write_text(yaml.safe_dump(merged(yaml.safe_load(text), yaml.safe_load(line))))
    signed(folder)
    with pytest.raises(RecipeError, match=said):
        fulgurite.load(folder)
    assert main(["import", str(folder)]) == 3
    assert main(["check", str(folder)]) == 3
    assert not Path("runs").exists()


def merged(into: dict, over: dict) -> dict:
    for key, value in over.items():
        into[key] = merged(into.get(key) or {}, value) if isinstance(value, dict) and "_target_" not in value else value
    return into


def test_classes_of_ones_own_need_trust_and_are_never_looked_for_in_the_folder(
    tmp_path: Path,
) -> None:
    (tmp_path / "own_planner.py").write_text(PLANNER)
    text = PENDULUM.replace("planner: {", "planner: {_target_: own_planner.Mine, ").replace(
        "elites: 2, iterations: 2, ", ""
    )
    folder = export_newest(untrained_run(tmp_path / "run", text))
    assert json.loads((folder / "agent.json").read_text())["own_classes"]
    assert "trust=True" in (folder / "README.md").read_text()
    with pytest.raises(RecipeError, match=r"own_planner\.Mine"):
        fulgurite.load(folder)
    assert fulgurite.load(folder, trust=True).agent.planner.__class__.__name__ == "Mine"
    (tmp_path / "own_planner.py").rename(folder / "own_planner.py")
    with pytest.raises(RecipeError, match="own_planner"):
        fulgurite.load(folder, trust=True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "nowhere: expected the folder of a run"),
        (["run", "--checkpoint", "step-9"], "--checkpoint: expected one of step-40, got step-9"),
        (["run", "--to", "taken"], "taken: is there already\n"),
        (["run", "--episodes", "0"], "--episodes: expected at least 1, got 0"),
        (["run", "--private"], "--private: expected --to hf://owner/name with it"),
        (["run", "--to", "hf://nobody"], "--to: need hf://owner/name"),
        (["run", "--program"], "--program: MPC searches at every step, by chance"),
    ],
)
def test_wrong_usage_is_one_line(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list, said: str
) -> None:
    shutil.copytree(made, "run", ignore=shutil.ignore_patterns("exported"))
    Path("taken").mkdir()
    assert main(["export", *words]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.glob("run/exported*"))
    assert not list(tmp_path.glob("run/.export*"))


def test_force_replaces(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(run)]) == 2
    assert "--force replaces it" in capsys.readouterr().err
    assert main(["export", str(run), "--force"]) == 0
