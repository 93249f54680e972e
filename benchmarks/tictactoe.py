"""Noughts and crosses by the number of simulations: wins, draws and losses against a random and a perfect player.

Plain UCT (c = sqrt 2, one random rollout a leaf) is the setting of the literature's tables; `mcts/tictactoe` backs
proven values up and averages eight rollouts; `alphazero/tictactoe` is trained by the command with each seed, and has
neither. 200 games each, seats alternating, from fixed reset seeds.
"""

import json
from argparse import Namespace
from pathlib import Path

import torch

from fulgurite.recipe import build, compose
from fulgurite.runs import checkpoint as checkpoints

from .learning import command
from .table import machine
from .timing import use_threads

SIMULATIONS = (10, 25, 50, 100, 200, 400)
GAMES = 200
PLAIN = ["agent.search.exploration=1.414", "agent.search.bounds=null", "agent.evaluator.rollouts=1"]
SEARCHES = {"UCT": ("mcts/tictactoe", PLAIN), "UCT with proven values, 8 rollouts": ("mcts/tictactoe", [])}
LEARNED = "alphazero/tictactoe"


def trained(seed: int, out: Path) -> str:
    """Trains by the command and returns the run folder."""
    runs = out / f"alphazero-seed{seed}"
    command("fulgurite", "train", LEARNED, f"seed={seed}", "evaluation.episodes=10", "--runs", str(runs))
    (run,) = [path.parent for path in runs.rglob("result.json")]
    return str(run)


def played(simulations: int, opponent: str, name: str, changes: list[str]) -> list[float]:
    """The shares of wins, draws and losses of a recipe or a run."""
    overrides = [f"agent.search.simulations={simulations}", f"evaluation.environment.options.opponent={opponent}"]
    overrides += [*changes, f"evaluation.episodes={GAMES}", "callbacks=null", "logger=null"]
    experiment = build(compose(name, overrides))
    if Path(name).is_dir():
        newest = checkpoints.latest(Path(name))
        assert newest is not None, f"{name} has no checkpoint"
        experiment.agent.load_state_dict(checkpoints.load(newest)["state_dict"])
    returns = torch.tensor([episode.return_ for episode in experiment.evaluation.run(experiment.agent)])
    return [(returns == result).float().mean().item() for result in (1, 0, -1)]


def run(options: Namespace) -> str:
    """The table; also written as JSON."""
    use_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    learned = {f"{LEARNED}, seed {seed}": (trained(seed, options.out), []) for seed in range(options.seeds)}
    rows = [
        {"search": who, "opponent": opponent, "simulations": n, "shares": played(n, opponent, name, changes)}
        for who, (name, changes) in {**SEARCHES, **learned}.items()
        for opponent in ("random", "perfect")
        for n in SIMULATIONS
    ]
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
