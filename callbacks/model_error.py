"""How far the model can be trusted: its open-loop error by horizon, its calibration and its likelihood.

From a recorded state the model imagines the recorded actions, and after k steps is compared with what happened:

    error_h<k> = sqrt( mean_{b,d} ( (1/P sum_p s^p_k - s_k)_d / std_d )^2 )        persistence_h<k>: the same for s_0
    coverage_<q>_h<k> = share of (b, d) inside the particles' central interval of q percent; coverage_<q> is k = 1
    nll = -mean_b log 1/P sum_p p(s_1 | s_0, a_0, theta_p), in nats a transition

std is of each dimension over all data never trained on: 1 is the error of knowing nothing but the mean. Starts are the
latest evaluation's, where the agent goes when it acts, or else the held-out trajectories'. Nothing counts past the end
of an episode.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor

from fulgurite.agents.agent import Agent
from fulgurite.imagination import Propagation, TSInfinity, imagine
from fulgurite.models.world_model import WorldModel
from fulgurite.runs.metrics import report

from .coverage import coverage
from .evaluate_agent import latest_episodes
from .periodic import Periodic
from .windows import Windows, spread, windows

LEVELS = (50, 80, 95)  # percent
NUMBERS_AT_ONCE = 4_000_000  # predicted at a time, to bound memory for large states


class ModelError(Periodic):
    """Reports the above as `model/<name>`, for k in `horizons` and q of 50, 80 and 95.

    Args:
        horizons: the k to report; those longer than every episode are left out.
        particles: P; 40 resolve the 95 % interval (`coverage.py`) and divide evenly among the usual ensembles.
        starts: how many recorded states to predict from, at most.
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
        every_env_steps: int | None = 500,
        propagation: Propagation | None = None,
    ) -> None:
        super().__init__(every_env_steps)
        if min(*horizons, particles, starts) < 1:
            raise ValueError(f"need horizons, particles and starts >= 1, got {horizons}, {particles} and {starts}")
        self.horizons = sorted({1, *horizons})
        self.particles = particles
        self.starts = starts
        self.propagation = TSInfinity() if propagation is None else propagation

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
                    recorded = windows(played or held_out, self.horizons[-1], self.starts, chance)
                    std = spread([*held_out, *played])
                    metrics = self.measure(agent.world_model, recorded, std)
        report(trainer, metrics)

    def measure(self, world_model: WorldModel, recorded: Windows, std: Tensor) -> dict[str, float]:
        """The metrics of a model on recorded windows `[B, H]`, errors in units of `std` `[S]`."""
        device = world_model.device
        recorded = Windows(*(tensor.to(device) for tensor in recorded))
        std = std.to(device)
        chance = torch.Generator(device).manual_seed(0)
        at = torch.tensor(self.horizons, device=device) - 1
        size = max(1, NUMBERS_AT_ONCE // (self.particles * self.horizons[-1] * std.shape[0]))
        sums: dict[str, Tensor] = {}
        for part in chunks(recorded, size):
            for name, value in self._sums(world_model, part, std, at, chance).items():
                sums[name] = sums.get(name, torch.zeros_like(value)) + value
        count = sums.pop("count")  # [K]
        metrics = {}
        for k, n in enumerate(count.tolist()):
            for name, value in sums.items():
                if n and value.dim():
                    mean = value[k].item() / n
                    metrics[f"model/{name}_h{self.horizons[k]}"] = mean if "coverage" in name else math.sqrt(mean)
        metrics |= {f"model/coverage_{q}": metrics[f"model/coverage_{q}_h1"] for q in LEVELS}
        if "nll" in sums:
            metrics["model/nll"] = sums["nll"].item() / count[0].item()
        return metrics

    def _sums(
        self, world_model: WorldModel, part: Windows, std: Tensor, at: Tensor, chance: torch.Generator
    ) -> dict[str, Tensor]:
        """Sums over starts, `[K]` for the K horizons (means over dimensions), of what `measure` averages."""
        state = world_model.encode(part.observation)  # [B, S]
        imagined = imagine(
            world_model, state, part.actions,
            propagation=self.propagation, particles=self.particles, generator=chance,
        )  # fmt: skip
        predicted = imagined["next", "state"][:, :, at]  # [P, B, K, S]
        truth = world_model.encode(part.targets[:, at])  # [B, K, S]
        counts = part.counts[:, at]  # [B, K]

        def total(values: Tensor) -> Tensor:  # [B, K, S] -> [K]
            return values.mean(-1).masked_fill(~counts, 0.0).sum(0, dtype=torch.float64)

        sums = {f"coverage_{q}": total(coverage(predicted, truth, q / 100)) for q in LEVELS}
        sums["error"] = total(((predicted.mean(0) - truth) / std).square())
        sums["persistence"] = total(((state[:, None] - truth) / std).square())
        sums["count"] = counts.sum(0)
        density = log_density(world_model, state, part.actions[:, 0], truth[:, 0], self.particles, chance)
        return sums if density is None else {**sums, "nll": -density.sum(dtype=torch.float64)}


def log_density(
    world_model: WorldModel, state: Tensor, action: Tensor, truth: Tensor, particles: int, chance: torch.Generator
) -> Tensor | None:
    """The log-density `[B]` of the mixture over P draws of the parameters, None for a model that predicts points."""
    theta = world_model.sample_parameters(particles, chance)
    expanded = (state.expand(particles, -1, -1), action.expand(particles, -1, -1))  # [P, B, S], [P, B, A]
    distribution = world_model.dynamics.predict(*expanded, theta)
    try:
        density = distribution.log_prob(truth)  # [P, B]
    except NotImplementedError:
        return None
    return density.logsumexp(0) - math.log(particles)


def chunks(recorded: Windows, size: int) -> Iterator[Windows]:
    """The windows, `size` starts at a time."""
    for first in range(0, len(recorded.observation), size):
        yield Windows(*(tensor[first : first + size] for tensor in recorded))
