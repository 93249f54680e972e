"""Plays the fixed evaluation starts of a run or a recipe and prints one JSON object: returns, solved starts, seconds.

python -m benchmarks.episodes RUN|RECIPE EPISODES [key=value ...]
"""

import json
import sys
import time
from pathlib import Path

from fulgurite.data.cart_pole import solved
from fulgurite.recipe import build, compose
from fulgurite.runs import checkpoint as checkpoints

from .pendulum_optimum import optimal_returns


def main(name: str, episodes: str, *overrides: str) -> None:
    """Evaluates and prints."""
    experiment = build(compose(name, [f"evaluation.episodes={episodes}", *overrides]))
    if Path(name).is_dir():
        folder = checkpoints.latest(Path(name))
        assert folder is not None, f"{name} has no checkpoint"
        experiment.agent.load_state_dict(checkpoints.load(folder)["state_dict"])
    began = time.process_time()
    played = experiment.evaluation.run(experiment.agent)
    result = {
        "returns": [episode.return_ for episode in played],
        "seeds": experiment.evaluation.seeds,
        "cpu_seconds": time.process_time() - began,
    }
    environment = experiment.environment.id
    if environment == "fulgurite/CartPoleSwingUp-v0":
        result["solved"] = [solved(episode) for episode in played]
    if environment == "Pendulum-v1":
        import torch

        starts = torch.stack([episode.transitions["observation"][0] for episode in played])
        result["optimum"] = optimal_returns(starts).tolist()
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
