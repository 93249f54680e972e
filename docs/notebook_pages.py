"""Pages of the site that are made from the notebooks: what they say, their code, and an .ipynb to take along.

    # %% [markdown]
    # What it says.
    # %%
    code

mkdocs calls `on_config` and `on_files`.
"""

import ast
import json
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

FOLDER = Path(__file__).resolve().parent / "notebooks"
CELL, TEXT = "# %%", "# %% [markdown]"


def cells(source: str) -> list[tuple[str, str]]:
    """`markdown` or `code`, and what is in it, for every cell."""
    found: list[tuple[str, list[str]]] = []
    for line in source.splitlines():
        if line.startswith(CELL):
            found.append(("markdown" if line == TEXT else "code", []))
        elif found:
            kind, lines = found[-1]
            lines.append(line.removeprefix("#").removeprefix(" ") if kind == "markdown" else line)
    return [(kind, "\n".join(lines).strip("\n")) for kind, lines in found]


def as_page(name: str, source: str) -> str:
    """Markdown, with the notebook behind a link below its heading."""
    blocks = [text if kind == "markdown" else f"```python\n{text}\n```" for kind, text in cells(source)]
    link = f"[As a notebook]({name}.ipynb) · run it: `python docs/notebooks/{name}.py`"
    return "\n\n".join([blocks[0], link, *blocks[1:]]) + "\n"


def as_notebook(source: str) -> str:
    """Jupyter's format, without outputs."""
    made = []
    for number, (kind, text) in enumerate(cells(source)):
        cell = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": text}
        made.append(cell if kind == "markdown" else {**cell, "execution_count": None, "outputs": []})
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps({"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}, indent=1)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Puts the notebooks into the menu, before the subjects."""
    pages = [f"notebooks/{path.stem}.md" for path in sorted(FOLDER.glob("*.py"))]
    nav = list(config.nav or [])
    at = next(number for number, entry in enumerate(nav) if isinstance(entry, dict) and "Subjects" in entry)
    config.nav = [*nav[:at], {"Notebooks": pages}, *nav[at:]]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages and the notebooks."""
    for path in sorted(FOLDER.glob("*.py")):
        source = path.read_text()
        ast.parse(source)
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=as_page(path.stem, source)))
        files.append(File.generated(config, f"notebooks/{path.stem}.ipynb", content=as_notebook(source)))
    return files
