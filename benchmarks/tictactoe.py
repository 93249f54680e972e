"""Noughts and crosses by the number of simulations: wins, draws and losses against a random and a perfect player.

Plain UCT (c = sqrt 2, one random rollout a leaf) is the setting of the literature's tables; the recipe's search backs
proven values up and averages eight rollouts. 200 games each, seats alternating, from fixed reset seeds.
"""

import json
from argparse import Namespace

import torch

from fulgurite.recipe import build, compose

from .table import machine
from .timing import use_threads

SIMULATIONS = (10, 25, 50, 100, 200, 400)
GAMES = 200
SEARCHES = {
    "UCT": ["agent.search.exploration=1.414", "agent.search.bounds=null", "agent.evaluator.rollouts=1"],
    "UCT with proven values, 8 rollouts": [],
}


def played(simulations: int, opponent: str, changes: list[str]) -> list[float]:
    """The shares of wins, draws and losses."""
    overrides = [f"agent.search.simulations={simulations}", f"environment.options.opponent={opponent}", *changes]
    experiment = build(compose("mcts/tictactoe", [*overrides, f"evaluation.episodes={GAMES}", "callbacks=null"]))
    returns = torch.tensor([episode.return_ for episode in experiment.evaluation.run(experiment.agent)])
    return [(returns == result).float().mean().item() for result in (1, 0, -1)]


def run(options: Namespace) -> str:
    """The table; also written as JSON."""
    use_threads(1)
    rows = [
        {"search": name, "opponent": opponent, "simulations": n, "shares": played(n, opponent, changes)}
        for name, changes in SEARCHES.items()
        for opponent in ("random", "perfect")
        for n in SIMULATIONS
    ]
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "tictactoe.json").write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")
    lines = [
        "| search | opponent | " + " | ".join(f"{n} simulations" for n in SIMULATIONS) + " |",
        "|" + "---|" * (2 + len(SIMULATIONS)),
    ]
    for first in range(0, len(rows), len(SIMULATIONS)):
        part = rows[first : first + len(SIMULATIONS)]
        cells = [" / ".join(f"{share:.3f}" for share in row["shares"]) for row in part]  # type: ignore[attr-defined]
        lines.append(f"| {part[0]['search']} | {part[0]['opponent']} | " + " | ".join(cells) + " |")
    return f"wins / draws / losses in {GAMES} games\n\n" + "\n".join(lines)
