"""What the doctor finds: the machine as it is, and machines that are made up."""

import json
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from fulgurite.cli import doctor_checks, doctor_versions, main
from fulgurite.cli.doctor_checks import Finding
from fulgurite.data import renderer

GOOD = {
    "torch": "2.13.0+cpu",
    "pytorch-lightning": "2.6.6",
    "torchrl": "0.14.1",
    "tensordict": "0.14.3",
    "gymnasium": "1.4.0",
    "omegaconf": "2.4.0",
    "wandb": "0.31.0",
    "filelock": "4.2.11",
    "jinja2": "3.1.6",
    "pillow": "13.0.0",
    "safetensors": "0.8.0",
    "numpy": "2.4.6",
    "mujoco": "3.17.0",
    "dm-control": "1.0.50",
}


def states(monkeypatch: pytest.MonkeyPatch, packages: dict[str, str]) -> dict[str, str]:
    for module in (doctor_versions, doctor_checks):
        monkeypatch.setattr(module, "installed", packages.get)
    return {finding.what: finding.state for finding in doctor_versions.versions()}


def test_the_tested_set_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(states(monkeypatch, GOOD).values()) == {"ok"}


@pytest.mark.parametrize(
    ("package", "version"),
    [
        ("torch", "2.9.1"),
        ("pytorch-lightning", "2.6.5"),
        ("pytorch-lightning", "2.7.0"),
        ("torchrl", "0.13.3"),
        ("omegaconf", "2.3.1"),
        ("mujoco", "4.0.0"),
        ("lightning", "2.6.3"),
        ("pytorch-lightning", "2.6.2"),
    ],
)
def test_known_bad_versions_are_broken(monkeypatch: pytest.MonkeyPatch, package: str, version: str) -> None:
    assert states(monkeypatch, {**GOOD, package: version})[package] == "broken"


ADVISORIES = [
    ("torch", "2.5.1", "broken", "CVE-2025-32434"),
    ("torch", "2.9.1", "broken", "CVE-2026-24747"),
    ("pytorch-lightning", "2.6.0", "broken", "CVE-2026-31221"),
    ("pytorch-lightning", "2.6.5", "broken", "CVE-2026-58659"),
    ("pytorch-lightning", "2.6.3", "broken", "GHSA-w37p-236h-pfx3"),
    ("lightning", "2.6.2", "broken", "GHSA-w37p-236h-pfx3"),
    ("lightning", "2.6.3", "broken", "GHSA-w37p-236h-pfx3"),
    ("lightning", "2.6.5", "note", "CVE-2026-58659"),
    ("tensordict", "0.12.0", "broken", "#1763"),
    ("omegaconf", "2.3.0", "broken", "#794"),
    ("hydra-core", "1.3.2", "note", "GHSA-2cp2-2r3c-7p7r"),
    ("jsonargparse", "4.53.0", "note", "#959"),
    ("stable-baselines3", "2.7.0", "note", "#2281"),
    ("ray", "2.60.0", "note", "CVE-2023-48022"),
    ("ray", "2.53.0", "broken", "CVE-2026-27482"),
    ("ray", "2.51.0", "broken", "CVE-2025-62593"),
    ("filelock", "3.20.0", "broken", "CVE-2025-68146"),
    ("filelock", "3.20.2", "broken", "CVE-2026-22701"),
    ("jinja2", "3.1.5", "broken", "CVE-2025-27516"),
    ("pillow", "11.2.1", "broken", "CVE-2025-48379"),
    ("pillow", "12.3.0", "note", "CVE-2026-96639"),
]


@pytest.mark.parametrize(("package", "version", "state", "advisory"), ADVISORIES)
def test_each_known_advisory_is_named(
    monkeypatch: pytest.MonkeyPatch, package: str, version: str, state: str, advisory: str
) -> None:
    monkeypatch.setattr(doctor_versions, "installed", {**GOOD, package: version}.get)
    found = [one for one in doctor_versions.versions() if one.what == package and advisory in one.said]
    assert [one.state for one in found] == [state]


@pytest.mark.parametrize(
    ("package", "version"), [("lightning", "2.6.6"), ("hydra-core", "1.3.8"), ("jsonargparse", "5.0")]
)
def test_a_repaired_version_is_not_named(monkeypatch: pytest.MonkeyPatch, package: str, version: str) -> None:
    assert package not in states(monkeypatch, {**GOOD, package: version})


def test_the_declared_ranges_are_the_doctors() -> None:
    """An installation by the package's own requirements is never one with a known hole."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    declared = {one.name: one.specifier for one in map(Requirement, project["dependencies"])}
    for package, (works, _) in doctor_versions.NEEDED.items():
        assert declared[package] == works
    for package, optional in doctor_versions.OPTIONAL.items():
        ranges = {one.name: one.specifier for one in map(Requirement, project["optional-dependencies"][optional.extra])}
        assert str(ranges[package]) == optional.works or package == "mujoco"  # others than the declared one work, too
    for package, version, state, _ in ADVISORIES:
        if state == "broken" and package in declared:
            assert version not in declared[package]


def test_a_needed_package_that_is_missing_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    found = states(monkeypatch, {name: version for name, version in GOOD.items() if name not in ("wandb", "mujoco")})
    assert found["wandb"] == "broken"
    assert found["mujoco"] == "ok"  # an extra


@pytest.mark.parametrize(
    ("variables", "works", "state", "says"),
    [
        ({}, {"egl"}, "ok", "no display; EGL draws"),
        ({}, {"egl", "osmesa"}, "ok", "no display; EGL draws"),
        ({}, {"osmesa"}, "ok", "no display; OSMesa draws"),
        ({}, set(), "note", "libosmesa6"),
        ({"DISPLAY": ":0"}, set(), "ok", "on display :0"),
        ({"MUJOCO_GL": "osmesa"}, {"egl"}, "broken", "libosmesa6"),
        ({"MUJOCO_GL": "osmesa"}, {"osmesa"}, "ok", "MUJOCO_GL=osmesa, which works"),
        ({"MUJOCO_GL": "egl"}, {"egl"}, "ok", "MUJOCO_GL=egl, which works"),
        ({"MUJOCO_GL": "egl"}, set(), "broken", "libegl1"),
        ({"MUJOCO_GL": "glfw"}, set(), "ok", "MUJOCO_GL=glfw"),
        ({"MUJOCO_GL": "disable"}, set(), "note", "MUJOCO_GL=disable"),
    ],
)
def test_rendering(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], works: set[str], state: str, says: str
) -> None:
    for name in ("MUJOCO_GL", "DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    tried = {name: lambda name=name: name in works for name in ("egl", "osmesa")}
    monkeypatch.setattr(renderer, "TRIED", tried)
    monkeypatch.setattr(renderer, "working", renderer.working.__wrapped__)  # without what it remembers
    monkeypatch.setattr(doctor_checks, "installed", GOOD.get)
    monkeypatch.setattr(doctor_checks.platform, "system", lambda: "Linux")
    (finding,) = doctor_checks.rendering()
    assert finding.state == state
    assert says in finding.said


@pytest.mark.parametrize(("free", "state"), [(50e9, "ok"), (1e9, "note"), (1e7, "broken")])
def test_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: float, state: str) -> None:
    usage = type("Usage", (), {"free": free})
    monkeypatch.setattr(doctor_checks.shutil, "disk_usage", lambda place: usage)
    assert doctor_checks.disk(tmp_path / "not" / "yet")[0].state == state


def test_a_key_is_told_of_and_never_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    assert "no key" in doctor_checks.tracking()[0].said
    (tmp_path / "netrc").write_text("machine api.wandb.ai login user password sesame\n")
    found = doctor_checks.tracking()[0].said
    assert "online" in found
    assert "sesame" not in found
    monkeypatch.setenv("WANDB_API_KEY", "sesame")
    assert "sesame" not in doctor_checks.tracking()[0].said


def test_more_threads_than_cores_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "10000")
    assert doctor_checks.processor()[0].state == "note"


@pytest.mark.parametrize(("said", "code"), [("ok", 0), ("note", 0), ("broken", 1)])
def test_the_exit_code_says_whether_something_is_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], said: str, code: int
) -> None:
    monkeypatch.setattr(doctor_versions, "versions", lambda: [])
    for part in ("rendering", "tracking", "processor", "gpu"):
        monkeypatch.setattr(doctor_checks, part, lambda: [])
    monkeypatch.setattr(doctor_checks, "disk", lambda runs: [Finding(said, "disk", "made up")])
    assert main(["doctor", "--json"]) == code
    assert json.loads(capsys.readouterr().out) == {
        "ok": code == 0,
        "findings": [{"state": said, "what": "disk", "said": "made up"}],
    }
