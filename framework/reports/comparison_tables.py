"""A comparison as tables of words, and these as Markdown and LaTeX."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from .comparison import Comparison, Estimate, Reached
from .page import count, duration, number

Table = list[list[str]]
_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\N{PLUS-MINUS SIGN}": r"$\pm$", "\N{MINUS SIGN}": "$-$",
}  # fmt: skip


def tables(comparison: Comparison) -> dict[str, Table]:
    """Captions and tables, a line of names first."""
    span = comparison.span
    between = f", {count(span[0])} to {count(span[1])} steps" if span else ""
    found = {
        f"Returns; area: mean return{between}": returns(comparison),
        "Median steps to reach a return": reached(comparison, lambda one: count(one.steps)),
        "Median time to reach a return": reached(comparison, lambda one: duration(one.seconds)),
    }
    if comparison.pairs:
        found["Probability that a run of the row ends above one of the column"] = improvement(comparison)
    return found


def returns(comparison: Comparison) -> Table:
    between = "95 % interval"
    head = ["group", "runs", "final, IQM", between, "mean \N{PLUS-MINUS SIGN} std", "area, IQM", between, "wall time"]
    return [head] + [
        [
            one.name, str(one.runs), number(one.final.value), ends(one.final),
            f"{number(one.mean)} \N{PLUS-MINUS SIGN} {number(one.std)}", number(one.area.value), ends(one.area),
            duration(one.seconds),
        ]
        for one in comparison.standings
    ]  # fmt: skip


def reached(comparison: Comparison, shown: Callable[[Reached], str]) -> Table:
    levels = [one.level for one in comparison.standings[0].reached]
    rows = [["group", *(f"return {number(level)}" for level in levels)]]
    for standing in comparison.standings:
        cells = []
        for one in standing.reached:
            word = shown(one) if math.isfinite(one.steps) else "not"
            cells.append(word if one.runs == standing.runs else f"{word} ({one.runs} of {standing.runs})")
        rows.append([standing.name, *cells])
    return rows


def improvement(comparison: Comparison) -> Table:
    names = [one.name for one in comparison.standings]
    found = {(pair.name, pair.other): pair.probability for pair in comparison.pairs}
    rows = [["", *names]]
    for name in names:
        cells = [found.get((name, other)) for other in names]
        rows.append([name, *("-" if cell is None else f"{cell.value:.2f} {ends(cell, 2)}" for cell in cells)])
    return rows


def ends(estimate: Estimate, digits: int = 1) -> str:
    return f"[{number(estimate.low, digits)}, {number(estimate.high, digits)}]"


def markdown(comparison: Comparison) -> str:
    """Every table, with its caption above, and the notes."""
    parts = []
    for caption, rows in tables(comparison).items():
        lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
        rule = "|---" + "|---:" * (len(rows[0]) - 1) + "|"
        parts.append("\n".join([f"**{caption}**", "", lines[0], rule, *lines[1:]]))
    return "\n\n".join([*parts, *comparison.notes])


def latex(comparison: Comparison) -> str:
    """Every table for the package booktabs."""
    parts = []
    for caption, rows in tables(comparison).items():
        lines = [" & ".join(map(escaped, row)) + r" \\" for row in rows]
        body = "\n".join(["\\toprule", lines[0], "\\midrule", *lines[1:], "\\bottomrule"])
        columns = "l" + "r" * (len(rows[0]) - 1)
        parts.append(
            f"\\begin{{table}}\n\\centering\n\\caption{{{escaped(caption)}}}\n\\begin{{tabular}}{{{columns}}}\n{body}\n"
            "\\end{tabular}\n\\end{table}"
        )
    return "\n\n".join([*parts, *(f"% {note}" for note in comparison.notes)])


def escaped(text: str) -> str:
    """A text as LaTeX shows it; control characters are left out."""
    plain = re.sub(r"[\x00-\x1f\x7f]", " ", text)
    return "".join(_SPECIAL.get(letter, letter) for letter in plain)
