"""What callbacks share that hold the model's open-loop predictions against what happened."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer

from fulgurite.agents.agent import Agent
from fulgurite.data.windows import Windows, spread, windows
from fulgurite.imagination import Propagation, TSInfinity
from fulgurite.models.world_model import WorldModel
from fulgurite.runs.metrics import report
from fulgurite.runs.open_loop import OpenLoop

from .evaluate_agent import latest_episodes
from .periodic import Periodic


class HeldAgainst(Periodic):
    """Measures from recorded states. Starts are the latest evaluation's, where the agent goes when it acts, or else the
    held-out trajectories'.

    Args:
        horizons: the k to report; those longer than every episode are left out.
        particles: P; 40 resolve the 95 % interval (`rank_histogram.py`) and divide evenly among the usual ensembles.
        starts: how many recorded states to predict from, at most.
        context: C, frames from which a state that is not observed is filtered before.
        every_env_steps: how often; None for only at the end.
        propagation: how particles carry the uncertainty; TS-infinity by default.

    Raises:
        ValueError: for a horizon, particles or starts below 1.
    """

    def __init__(
        self,
        horizons: Sequence[int] = (1, 2, 4, 8, 16, 32),
        particles: int = 40,
        starts: int = 256,
        context: int = 10,
        every_env_steps: int | None = 500,
        propagation: Propagation | None = None,
    ) -> None:
        super().__init__(every_env_steps)
        for name, number in (
            ("horizons", min(horizons)),
            ("particles", particles),
            ("starts", starts),
            ("context", context),
        ):
            if number < 1:
                raise ValueError(f"{name}: need at least 1, got {number}")
        propagation = TSInfinity() if propagation is None else propagation
        self.setting = OpenLoop(sorted({1, *horizons}), particles, propagation, context)
        self.starts = starts

    @abstractmethod
    def measure(self, world_model: WorldModel, recorded: Windows, std: Any) -> dict[str, float]:
        """The metrics of a model on recorded windows `[B, H]`, in units of `std`, see `spread`."""

    def watch(self, trainer: Trainer, agent: LightningModule, final: bool) -> None:
        assert isinstance(agent, Agent)
        metrics: dict[str, float] = {}
        if trainer.is_global_zero and agent.world_model is not None:
            data: Any = trainer.datamodule  # type: ignore[attr-defined]
            with data.phases("evaluate"), torch.no_grad():
                held_out = data.held_out()
                played = [episode.transitions for episode in latest_episodes(trainer)]
                if held_out or played:
                    chance = torch.Generator().manual_seed(0)
                    recorded = windows(
                        played or held_out, self.setting.horizons[-1], self.starts, chance, self.setting.context
                    )
                    metrics = self.measure(agent.world_model, recorded, spread([*held_out, *played]))
        report(trainer, metrics)
