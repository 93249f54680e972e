"""Pages of the site that are made from the source: one for each module, by its docstrings, and their place in the menu.

mkdocs calls `on_config` and `on_files`. The docstrings are read from source through `.types/fulgurite`, a tree of links
by which `framework/` has its import name; nothing is imported.
"""

import ast
from collections import defaultdict
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / ".types" / "fulgurite"
LEFT_OUT = {"cli", "recipes", "selftest", "__main__", "__init__"}  # no library: the command, and data
INTERNAL = "recipe_"  # what `recipe` is made of


def link() -> None:
    """Gives the folders their import name, where mypy and griffe look for it."""
    PACKAGE.mkdir(parents=True, exist_ok=True)
    for path in [*(ROOT / "framework").iterdir(), ROOT / "callbacks", ROOT / "recipes"]:
        place = PACKAGE / path.name
        if path.suffix in ("", ".py", ".typed") and not path.name.startswith("__py") and not place.is_symlink():
            place.symlink_to(path)


def modules() -> dict[str, dict[str, Path]]:
    """The files of every package, by its name and their own."""
    found: dict[str, dict[str, Path]] = defaultdict(dict)
    for folder, root in ((ROOT / "framework", ""), (ROOT / "callbacks", "callbacks/")):
        for path in sorted(folder.rglob("*.py")):
            parts = (root + str(path.relative_to(folder).with_suffix(""))).split("/")
            if LEFT_OUT.isdisjoint(parts) and not parts[0].startswith(INTERNAL):
                found["/".join(parts[:-1])][parts[-1]] = path
    return found


def first_sentence(path: Path) -> str:
    """What a file says that it is."""
    said = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n\n")[0]
    return " ".join(said.split())


def page(package: str, name: str) -> str:
    """Where the page of a module lies in the site."""
    return "/".join(filter(None, ("reference", package, f"{name}.md")))


def index() -> str:
    """The reference's own page: every module and what it is."""
    lines = ["# Reference", "", "Every module, by its docstrings. `fulgurite show CLASS` prints a class's arguments."]
    for package, files in sorted(modules().items()):
        lines += ["", f"## {'fulgurite.' + package.replace('/', '.') if package else 'fulgurite'}", "", "| | |"]
        lines.append("|---|---|")
        for name, path in files.items():
            said = first_sentence(path).replace("|", "\\|")
            lines.append(f"| [{name}]({page(package, name).removeprefix('reference/')}) | {said} |")
    return "\n".join(lines) + "\n"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Makes the links, and puts the reference at the end of the menu."""
    link()
    sections = [
        {package or "fulgurite": [{name: page(package, name)} for name in files]}
        for package, files in sorted(modules().items())
    ]
    config.nav = [*(config.nav or []), {"Reference": ["reference/index.md", *sections]}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages."""
    files.append(File.generated(config, "reference/index.md", content=index()))
    for package, found in modules().items():
        for name in found:
            module = ".".join(filter(None, ("fulgurite", *package.split("/"), name)))
            files.append(File.generated(config, page(package, name), content=f"::: {module}\n"))
    return files
