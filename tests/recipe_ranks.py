"""Recipes in small, trained one after another by the same two processes; run by the test of them."""

import sys
from pathlib import Path

import torch

from fulgurite.recipe import build, compose
from fulgurite.runs.ranks import rank

SMALL = [
    "experience.max_env_steps=32", "experience.warmup_env_steps=8", "experience.env_steps_per_collection=8",
    "experience.updates_per_epoch=2", "experience.updates_per_call=1", "experience.batch_size=4",
    "experience.schedule={first_updates: 4, updates_per_env_step: 0.5}", "logger=null", "environment.num_envs=1",
    "environment.max_episode_steps=12", "environment.action_repeat=1", "callbacks=null",
    "trainer.accelerator=cpu", "trainer.devices=2", "trainer.strategy=ddp",
]  # fmt: skip
SEQUENCES = ["experience.sequence_length=6"]  # a collection has 9 frames
SEARCH = ["agent.search.simulations=4"]
FURTHER = {
    "alphazero": SEARCH,
    "mcts": SEARCH,
    "dreamer": ["agent.starts=1"],
    "mbpo": ["agent.model_first=2", "agent.model_every=2", "agent.rollouts.particles=2"],  # parts rest in turn
}


def trained(name, folder):
    """The weights in the end, and what this process did: two collections, so that each has seen what both gathered."""
    long = "sequence_length" in compose(name).tree.root["experience"]
    words = [*SMALL, *FURTHER.get(name.partition("/")[0], []), *(SEQUENCES if long else [])]
    experiment = build(compose(name, words))
    experiment.fit(folder)
    actions = experiment.experience.dataset.newest(10**6)["action"]
    return {"weights": experiment.agent.state_dict(), "actions": actions.clone()}


if __name__ == "__main__":
    place, *names = sys.argv[1:]
    for name in names:
        folder = Path(place) / name
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(trained(name, folder), folder / f"rank{rank()}.pt")
