"""Compare runs: which recipe ended higher, how likely, and how soon?

Runs that differ in nothing but the seed are one group. Returns are compared by interquartile means with bootstrap
intervals and by the probability of improvement. Writes comparison.html, one file that opens offline, and prints tables.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .output import Usage, say, say_json, table

PAGE = Path("comparison.html")


def add(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="the folder of a run, or one of many")
    parser.add_argument(
        "--reach", type=float, action="append", default=[], metavar="RETURN", help="how soon was it had?"
    )
    parser.add_argument("--anyway", action="store_true", help="also where environments or evaluations differ")
    parser.add_argument("--out", type=Path, metavar="FILE", help=f"where to write the page ({PAGE})")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print Markdown; a page only with --out")
    form.add_argument("--latex", action="store_true", help="print LaTeX; a page only with --out")
    form.add_argument("--json", action="store_true", help="print every number; a page only with --out")


def run(given: argparse.Namespace) -> int:
    """Reads the runs, compares, prints and writes the page."""
    from ..reports.comparison import compare
    from ..reports.comparison_page import comparison_page
    from ..reports.comparison_tables import latex, markdown, tables
    from ..reports.group import groups
    from ..reports.run import found_in, read

    try:
        folders = list(dict.fromkeys(folder for named in given.runs for folder in found_in(named)))
        found = groups([read(folder) for folder in folders])
        comparison = compare(found, levels=given.reach, anyway=given.anyway)
    except ValueError as error:
        raise Usage(str(error)) from error
    bare = given.markdown or given.latex or given.json
    path = given.out or (None if bare else PAGE)
    try:
        if path is not None:
            comparison_page(found, comparison, path)
    except OSError as error:
        raise Usage(f"{path}: cannot be written: {error.strerror}") from error
    if given.json:
        say_json(comparison.plain())
    elif bare:
        say(markdown(comparison) if given.markdown else latex(comparison))
    else:
        for caption, rows in tables(comparison).items():
            say(caption)
            table(rows)
            say()
        for note in comparison.notes:
            say(note)
        say(f"{path}: open it in a browser")
    return 0
