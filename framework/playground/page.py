"""The page: one answer that holds its styles and its program, and asks for nothing but this server's own answers.

Its policy lets only these styles and this program run, by their hashes, and forbids being put into another page's
frame.
"""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..reports.page import HERE as REPORTS
from ..reports.page import digest

HERE = Path(__file__).parent
PROGRAM = ("charts.js", "panels.js", "plans.js", "actions.js", "play.js")


def page(title: str) -> tuple[bytes, str]:
    """The page, and its content security policy."""
    style = "\n".join(path.read_text(encoding="utf-8") for path in (REPORTS / "style.css", HERE / "play.css"))
    program = "\n".join((HERE / name).read_text(encoding="utf-8") for name in PROGRAM)
    templates = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined)
    text = templates.get_template("play.html.jinja").render(title=title, style=Markup(style), program=Markup(program))
    policy = (
        f"default-src 'none'; script-src '{digest(program)}'; style-src '{digest(style)}'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return text.encode(), policy
