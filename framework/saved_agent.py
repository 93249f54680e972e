"""An agent from a run folder: what acts first in another run, or what to compare with."""

from pathlib import Path

import torch
from tensordict import TensorDictBase
from torch import Tensor

from .agents.agent import Agent
from .recipe import build, compose
from .runs import checkpoint as checkpoints
from .runs.checkpoint_content import load_weights


class SavedAgent(Agent):
    """The agent of a run's newest undamaged checkpoint. It acts and does not learn.

        experience:
          base_policy: {_target_: SavedAgent, run: runs/pets/pendulum/20260101-120000-seed0}

    Args:
        run: the run folder, relative to the working folder.

    Raises:
        ValueError: where the folder has no recipe or no undamaged checkpoint.
        WrongCheckpoint: where that is not this recipe's, or holds anything but tensors and plain containers.
    """

    def __init__(self, run: Path) -> None:
        super().__init__()
        self.run = run
        folder = checkpoints.latest(run)
        if folder is None or not (run / "recipe.yaml").is_file():
            raise ValueError(f"run: need a run folder with a recipe.yaml and an undamaged checkpoint, got {run}")
        chance = torch.get_rng_state()
        self.agent: Agent = build(compose(str(run), ["callbacks=null", "logger=null"])).agent
        torch.set_rng_state(chance)  # building a second recipe must not reseed the first
        load_weights(self.agent, checkpoints.load(folder), folder)
        self.agent.requires_grad_(False)
        self.memory_spec = self.agent.memory_spec

    def forward(self, td: TensorDictBase) -> TensorDictBase:
        self.agent._generator = self.generator  # an evaluation sets the outer agent's source of chance aside
        return self.agent(td)

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        return {}
