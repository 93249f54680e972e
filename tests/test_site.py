"""The site is built without a warning, its links lead somewhere, and the notebooks run from top to bottom."""

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.py"))
ALONE = {**os.environ, "OMP_NUM_THREADS": "1", "NO_MKDOCS_2_WARNING": "1", "MPLBACKEND": "agg"}
mkdocs = pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="the extra `docs` is not installed")


class Links(HTMLParser):
    """Where a page leads, and the names that others can lead to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.to: list[str] = []
        self.names = {""}
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.names.add(value)
            elif (tag, name) in (("a", "href"), ("img", "src")) and value:
                self.to.append(value)


@mkdocs
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_site_is_built_and_every_link_within_it_leads_somewhere(tmp_path: Path) -> None:
    # Without --quiet: under it warnings are not counted, and --strict lets them pass.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=ALONE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {path: Links(path) for path in tmp_path.rglob("*.html") if path.name != "404.html"}
    assert len(pages) > 150
    assert (tmp_path / "reference" / "planners" / "cem.html").is_file()
    wrong = []
    for page, links in pages.items():
        for link in links.to:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            name = unquote(parts.fragment)
            known = pages[target].names if target in pages else {""}
            if not target.exists() or (target in pages and name not in known and name != "__skip"):
                wrong.append(f"{page.relative_to(tmp_path)}: {link}")
    assert not wrong, "\n".join(sorted(set(wrong))[:30])


@mkdocs
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_becomes_a_page_and_a_file_for_jupyter(path: Path) -> None:
    place = importlib.util.spec_from_file_location("notebook_pages", ROOT / "docs" / "notebook_pages.py")
    assert place is not None
    assert place.loader is not None
    pages = importlib.util.module_from_spec(place)
    place.loader.exec_module(pages)
    source = path.read_text()
    found = json.loads(pages.as_notebook(source))["cells"]
    code = "\n".join(cell["source"] for cell in found if cell["cell_type"] == "code")
    assert ast.dump(ast.parse(code)) == ast.dump(ast.parse(source))  # nothing is lost on the way
    assert found[0]["source"].startswith("# ")
    assert pages.as_page(path.stem, source).count("```python") == sum(cell["cell_type"] == "code" for cell in found)


def test_every_page_is_in_the_menu_and_can_be_found_from_the_first() -> None:
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    menu = re.findall(r"^ +- (\w+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert sorted(menu) == sorted(pages)
    linked = set(re.findall(r"\]\((\w+\.md)\)", (ROOT / "docs" / "index.md").read_text()))
    assert linked >= pages - {"index.md", "latent_speed.md"}


def test_there_are_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["ladder", "latent", "new_algorithm"]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(path)], cwd=tmp_path, env=ALONE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    pictures = [Path(line) for line in done.stdout.splitlines() if line.endswith(".png")]
    assert pictures
    assert all(picture.stat().st_size > 5000 for picture in pictures)
