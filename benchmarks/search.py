"""Tree search on whole tasks: returns from fixed starts, by recipe, with known and with learned models and values.

python -m benchmarks search [--seeds 3] [--jobs 1] [--out DIR]

A recipe that learns something is trained by the command with each seed; the others are played as they are.
"""

import json
from argparse import Namespace
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

from . import learning
from .learning import Task, episodes, line
from .table import machine


class Search(NamedTuple):
    """A task's recipes; `most` is what no policy can beat on average."""

    environment: str
    starts: int
    known: tuple[str, ...]
    learned: tuple[str, ...]
    most: str


SEARCHES = {
    "CartPole": Search("CartPole-v1", 50, ("mcts/cartpole_true",), ("mcts/cartpole", "alphazero/cartpole"), "500"),
    "FrozenLake": Search("FrozenLake-v1", 200, ("mcts/frozen_lake",), ("alphazero/frozen_lake",), "about 0.74"),
    "Acrobot": Search("Acrobot-v1", 50, ("mcts/acrobot",), (), ""),
}

Row = dict[str, Any]


def known(recipe: str, starts: int) -> Row:
    """The row of a recipe that learns nothing."""
    return {"who": recipe, "env_steps": 0, **episodes(recipe, starts)}


def learned(recipe: str, environment: str, starts: int, seed: int, options: Namespace) -> Row:
    """The row of a recipe that was trained."""
    row = learning.learned(Task(recipe, environment, "", starts), seed, options.out / "search")
    return {**row, "who": f"{recipe}, seed {seed}"}


def run(options: Namespace) -> str:
    """Runs everything, `jobs` processes at a time; returns the table and writes it with all returns to `out`."""
    (options.out / "search").mkdir(parents=True, exist_ok=True)
    work: list[tuple[str, Callable[[], Row]]] = []
    for name, task in SEARCHES.items():
        place = Task("", task.environment, "", task.starts)
        work.append((name, partial(learning.random_policy, place)))
        work += [(name, partial(known, recipe, task.starts)) for recipe in task.known]
        work += [
            (name, partial(learned, recipe, task.environment, task.starts, seed, options))
            for recipe in task.learned
            for seed in range(options.seeds)
        ]
    with ThreadPoolExecutor(options.jobs) as pool:
        futures = [(name, pool.submit(job)) for name, job in work]
        rows = [(name, future.result()) for name, future in futures]
    (options.out / "search.json").write_text(json.dumps({"machine": machine(), "rows": rows}) + "\n")
    header = "| task | agent | env steps | mean return | std over starts | min | starts | | training wall s |\n"
    most = "; ".join(f"{name} {task.most}" for name, task in SEARCHES.items() if task.most)
    body = "\n".join(line(name, row) for name, row in rows)
    return f"{machine()}\n\nThe most on average: {most}.\n\n{header}|---|---|---|---|---|---|---|---|---|\n{body}"
