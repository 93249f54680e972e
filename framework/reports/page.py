"""A page: a template filled in, one file that opens offline and loads nothing.

Everything that comes from a run is escaped, and the page's own policy forbids scripts, and whatever is not in the file:
styles count by their hash alone, pictures by holding their own data.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from .. import __version__
from ..runs.durable import swap
from .chart import Chart, Level
from .chart_table import table
from .scale import MINUS
from .svg import draw, swatch

HERE = Path(__file__).parent


def write(path: Path, template: str, **content: Any) -> None:
    """Fills in a template and writes the page in one go: whoever reloads it sees the old one or the new one.

    Raises:
        OSError: where it cannot be written.
    """
    swap(path, rendered(template, **content))


def rendered(template: str, **content: Any) -> str:
    """The page as text."""
    style = (HERE / "style.css").read_text(encoding="utf-8")
    policy = f"default-src 'none'; style-src '{digest(style)}'; img-src data:; base-uri 'none'; form-action 'none'"
    return (
        _templates().get_template(template).render(style=Markup(style), policy=policy, version=__version__, **content)
    )


def digest(text: str) -> str:
    """Of a style or a program, as a page's policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _templates() -> Environment:
    found = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    found.globals.update(draw=draw, legend=legend, table=table)
    found.filters.update(number=number, duration=duration, count=count)
    return found


def legend(chart: Chart) -> list[tuple[Markup, str]]:
    """A swatch and a name for each thing that the chart shows; a name once."""
    seen = {layer.label: swatch(layer) for layer in chart.layers if layer.label and not isinstance(layer, Level)}
    return [(drawn, label) for label, drawn in seen.items()]


def number(value: Any, digits: int = 1) -> str:
    """A number for people; a dash for none."""
    if not isinstance(value, int | float):
        return "-"
    if value and abs(value) < 10**-digits:
        return f"{value:.2g}".replace("-", MINUS)
    return f"{value:,.{digits}f}".replace("-", MINUS)


def count(value: Any) -> str:
    """A whole number for people."""
    return f"{value:,.0f}" if isinstance(value, int | float) else "-"


def duration(seconds: Any) -> str:
    """`1 h 05 min`, `3 min 20 s`, `12 s`."""
    if not isinstance(seconds, int | float):
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
