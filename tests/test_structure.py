"""The map in the README is the tree, and imports point one way."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LEAVES = {
    "keys",
    "recipe_error",
    "redact",
    "runs/about",
    "runs/checkpoint",
    "runs/checkpoint_content",
    "runs/durable",
    "runs/fit_loop",
    "runs/lifeline",
    "runs/live_folder",
    "runs/manifest",
    "runs/metrics",
    "runs/parts",
    "runs/phases",
    "runs/random_states",
    "runs/ranks",
    "runs/remote_error",
    "runs/rows",
    "runs/shared_files",
    "runs/stopping",
}  # import nothing of ours but each other
ORDER = [
    "equations",
    "models",
    "imagination",
    "policies",
    "planners",
    "data",
    "agents",
    "runs",
    "recipe",
    "sharing",
    "sweeps",
    "reports",
    "playground",
    "cli",
]


def layer(path: Path) -> str:
    """The layer that a file of framework/ belongs to."""
    first = path.relative_to(ROOT / "framework").with_suffix("").parts[0]
    return "recipe" if first.startswith("recipe") else first


def imported(path: Path) -> list[str]:
    """What a file imports of framework/, as a path below it, such as `models/base`."""
    here = path.relative_to(ROOT / "framework").parts[:-1]
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = here[: len(here) - node.level + 1]
            module = tuple(node.module.split(".")) if node.module else ()
            for alias in node.names:
                inner = "/".join((*base, *module, alias.name))
                is_module = (ROOT / "framework" / f"{inner}.py").exists()
                found.append(inner if is_module or not module else "/".join((*base, *module)))
    return found


FILES = sorted((ROOT / "framework").rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path):
    name = str(path.relative_to(ROOT / "framework").with_suffix(""))
    for target in imported(path):
        if target in LEAVES or layer(path) not in ORDER:
            continue
        assert name not in LEAVES, f"{name} imports {target}, but should import nothing of ours"
        below = "recipe" if target.startswith("recipe") else target.split("/")[0]
        if below in ORDER:
            assert ORDER.index(below) <= ORDER.index(layer(path)), f"{name} imports {target}, which stands above it"


def test_nothing_in_the_framework_imports_callbacks():
    assert FILES
    for path in FILES:
        assert "callbacks" not in {target.split("/")[0] for target in imported(path)}, path
        assert "fulgurite.callbacks" not in re.findall(r"^\s*(?:from|import) ([\w.]+)", path.read_text(), re.M), path


def test_the_map_in_the_readme_is_the_tree():
    rows = re.findall(r"^\| `([\w/.*]+)` \|", (ROOT / "README.md").read_text().split("## The map")[1], re.M)
    assert rows
    for row in rows:
        assert list(ROOT.glob(row.rstrip("/"))), f"README.md names {row}, which does not exist"
    folders = {f"framework/{path.name}/" for path in (ROOT / "framework").iterdir() if (path / "__init__.py").exists()}
    assert folders <= set(rows)


def test_the_readme_lists_the_recipes():
    shipped = {str(path.relative_to(ROOT / "recipes").with_suffix("")) for path in (ROOT / "recipes").rglob("*/*.yaml")}
    table = (ROOT / "README.md").read_text().split("| recipe | task |")[1].split("\n\n")[0]
    assert shipped == set(re.findall(r"`(\w+/\w+)`", table))


def test_the_linter_looks_at_every_file():
    told = [sys.executable, "-m", "ruff", "check", "--show-files", "."]
    shown = set(subprocess.run(told, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split())
    ours = {
        str(path) for top in ("framework", "callbacks", "tests", "benchmarks") for path in (ROOT / top).rglob("*.py")
    }
    assert ours <= shown, sorted(ours - shown)
