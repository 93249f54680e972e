"""The view of a W&B project: what is in it, and that W&B's own client sends it (to a server of ours)."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fulgurite.cli import main
from fulgurite.reports.wandb_panels import MEDIA, SECTIONS, projects, workspace
from fulgurite.selftest.wandb_server import Server

ROOT = Path(__file__).parents[2]
pytest.importorskip("wandb_workspaces")


class Project(Server):
    """A W&B server with one account, whose project has so many runs; it keeps the views, or refuses them."""

    def __init__(self) -> None:
        super().__init__()
        self.runs, self.refuses = 1, False
        self.views: list[dict[str, Any]] = []

    def answer(self, path: str, body: bytes) -> tuple[int | None, Any]:
        asked = json.loads(body) if path == "/graphql" else {"query": ""}
        query, given = asked["query"], asked.get("variables")
        if "upsertView" in query and self.refuses:
            return 200, {"errors": [{"message": "permission denied"}], "data": None}
        if "upsertView" in query:
            self.views.append(given)
            return 200, {"data": {"upsertView": {"view": {"id": "1", "name": given["name"]}, "inserted": True}}}
        if "viewer" in query:
            account = {"id": "1", "entity": "me", "username": "me", "flags": "{}", "teams": {"edges": []}}
            return 200, {"data": {"viewer": account}}
        if "runs(" in query:
            page = {"totalCount": self.runs, "edges": [], "pageInfo": {"endCursor": None, "hasNextPage": False}}
            project = {"internalId": "1", "runCount": self.runs, "readOnly": False, "runs": page}
            return 200, {"data": {"project": project}}
        return super().answer(path, body)

    def variables(self, home: Path) -> dict[str, str]:
        """Of a process that shall speak to it."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
        own |= {"WANDB_BASE_URL": self.address, "WANDB_API_KEY": "0" * 40, "WANDB_ERROR_REPORTING": "false"}
        return {**own, "HOME": str(home), "NO_PROXY": "127.0.0.1"}


@pytest.fixture
def server() -> Iterator[Project]:
    with Project() as found:
        yield found


def a_run(folder: Path, logger: str = "{wandb: {_target_: Wandb, project: pendulum}}") -> Path:
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text(f"# recipe: pets/pendulum\nseed: 0\nlogger: {logger}\n")
    (folder / "metrics.jsonl").write_text('{"env_steps": 10, "train/return": -3.0}\n')
    return folder


@pytest.mark.filterwarnings("ignore:Pydantic V1 style:DeprecationWarning")  # as W&B's package is imported
def test_every_chart_is_against_environment_steps_and_in_a_section() -> None:
    spec = workspace("me", "pendulum")._to_model().spec.model_dump(by_alias=True, exclude_none=True)["section"]
    sections = spec["panelBankConfig"]["sections"]
    assert [section["name"] for section in sections] == [*SECTIONS, MEDIA[0]]
    for section, panels in zip(sections[:-1], SECTIONS.values(), strict=True):
        for sent, panel in zip(section["panels"], panels, strict=True):
            assert sent["config"]["xAxis"] == "env_steps"
            assert (sent["config"]["metrics"], sent["config"].get("metricRegex", "")) == (
                list(panel.names),
                panel.every,
            )
            assert sent["config"].get("yLogScale", False) == panel.log
    assert [panel["config"]["mediaKeys"] for panel in sections[-1]["panels"]] == [list(it.names) for it in MEDIA[1]]
    (runs,) = spec["runSets"]
    assert runs["grouping"] == [{"section": "run", "name": "group"}]


def test_every_panel_has_one_kind_of_choice() -> None:
    panels = [panel for section in (*SECTIONS.values(), MEDIA[1]) for panel in section]
    assert len(panels) > 20
    assert all(bool(panel.names) != bool(panel.every) for panel in panels)


def test_what_panels_name_is_what_the_source_logs() -> None:
    files = [path for top in ("framework", "callbacks") for path in (ROOT / top).rglob("*.py")]
    source = "\n".join(path.read_text() for path in files if path.name != "wandb_panels.py")
    logged = set(re.findall(r'"(\w+/[^"\s/]*)"', source)) | {f"plots/{name}" for name in re.findall(r'"(\w+)"', source)}
    patterns = [re.compile(re.sub(r"\\{.*?\\}", r"\\w+", re.escape(name))) for name in logged if "/{" not in name]
    names = [name for section in (*SECTIONS.values(), MEDIA[1]) for panel in section for name in panel.names]
    missing = [name for name in names if not any(pattern.fullmatch(name) for pattern in patterns)]
    assert len(names) > 20
    assert not missing


def test_the_verb_saves_a_view_in_the_project_of_the_run(server: Project, tmp_path: Path) -> None:
    run = a_run(tmp_path / "run")
    done = fulgurite(server, tmp_path, "report", str(run), "--wandb", "--json")
    assert done.returncode == 0, done.stderr
    (view,) = server.views
    assert (view["entityName"], view["projectName"], view["displayName"]) == ("me", "pendulum", "Fulgurite")
    sections = json.loads(view["spec"])["section"]["panelBankConfig"]["sections"]
    assert [section["name"] for section in sections] == [*SECTIONS, MEDIA[0]]
    (address,) = json.loads(done.stdout)["wandb"]
    assert address.startswith(f"{server.address}/me/pendulum?nw=")


def test_the_verb_says_in_one_line_that_a_view_is_refused(server: Project, tmp_path: Path) -> None:
    server.refuses = True
    done = fulgurite(server, tmp_path, "report", str(a_run(tmp_path / "run")), "--wandb")
    assert done.returncode == 2
    assert "--wandb: no view could be saved" in done.stderr
    assert "permission denied" in done.stderr
    assert "Traceback" not in done.stderr


def fulgurite(server: Project, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fulgurite", *words]
    return subprocess.run(command, cwd=home, env=server.variables(home), capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(("runs", "refuses", "views"), [(1, False, 1), (2, False, 0), (1, True, 0)])
def test_the_first_run_of_a_project_saves_a_view_and_a_refusal_is_no_error(
    server: Project, tmp_path: Path, runs: int, refuses: bool, views: int
) -> None:
    server.runs, server.refuses = runs, refuses
    script = "from fulgurite.reports.wandb_panels import *; print(saved_for_the_first('me', 'pendulum'))"
    done = subprocess.run(
        [sys.executable, "-c", script], env=server.variables(tmp_path), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert len(server.views) == views
    assert done.stdout.startswith("http://127.0.0.1" if views else "None")


def test_projects_are_those_of_the_recipes(tmp_path: Path) -> None:
    team = a_run(tmp_path / "a", "{wandb: {_target_: Wandb, project: p, entity: team}, csv: {_target_: CsvFile}}")
    same = a_run(tmp_path / "b", "{wandb: {_target_: fulgurite.callbacks.Wandb, entity: team, project: p}}")
    unnamed = a_run(tmp_path / "c", "{mirror: {_target_: Wandb, entity: team}}")
    assert projects([team, same, unnamed]) == [("team", "p"), ("team", "fulgurite")]
    assert projects([a_run(tmp_path / "d", "null")]) == []


def test_runs_without_wandb_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(a_run(tmp_path / "run", "null")), "--wandb"]) == 2
    assert "--wandb: expected a run with the logger Wandb" in capsys.readouterr().err
