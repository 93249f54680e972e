"""What CI says of the locked packages: a known hole ends it, one on the list does not, silence is called silence."""

import importlib.util
import json
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HOLE = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2.0"]}


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", Path(__file__).parents[1] / ".ci" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answering(monkeypatch: pytest.MonkeyPatch, stdout: str, stderr: str = "", code: int = 0) -> None:
    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        assert "constraints.txt" in command
        return subprocess.CompletedProcess(command, code, stdout, stderr)

    monkeypatch.setattr(subprocess, "run", run)


def packages(*found: dict[str, Any]) -> str:
    return json.dumps({"dependencies": list(found), "fixes": []})


def test_no_hole(audit: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    answering(monkeypatch, packages({"name": "a", "version": "1.0", "vulns": []}))
    assert audit.main("constraints.txt") == 0
    assert capsys.readouterr().out == "1 packages looked up, 0 known holes\n"


def test_a_hole_ends_it(audit: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    answering(monkeypatch, packages({"name": "a", "version": "1.0", "vulns": [HOLE]}), code=1)
    assert audit.main("constraints.txt") == 1
    assert capsys.readouterr().out.startswith("a 1.0: PYSEC-1 CVE-1: fixed in 2.0\n")


@pytest.mark.parametrize("name", ["PYSEC-1", "CVE-1"])
def test_one_on_the_list_does_not(
    audit: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    answering(monkeypatch, packages({"name": "a", "version": "1.0", "vulns": [HOLE]}), code=1)
    monkeypatch.setitem(audit.IGNORED, name, "only a server has it")
    assert audit.main("constraints.txt") == 0
    assert "ignored: only a server has it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("stdout", "stderr", "said"),
    [
        ("", "ERROR\nconnection refused\n", "NOT AUDITED: connection refused"),
        ("", "", "NOT AUDITED: pip-audit ended with 1"),
        (packages({"name": "a", "skip_reason": "not found on PyPI"}), "", "NOT AUDITED: no package could be looked up"),
    ],
)
def test_silence_is_no_proof(
    audit: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stdout: str,
    stderr: str,
    said: str,
) -> None:
    answering(monkeypatch, stdout, stderr, code=1)
    assert audit.main("constraints.txt") == 0
    assert capsys.readouterr().out.endswith(f"{said}\n")
