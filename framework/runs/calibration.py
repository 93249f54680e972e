"""Whether a model knows what it does not know: held against what happened, by horizon k.

    nll = -mean_b log 1/P sum_p p(s_1 | s_0, a_0, theta_p)        nats a transition, one step; not for points
    crps_h<k>                   the particles' continuous ranked probability score, in std of the data
    coverage_<q>_h<k>           share of truths inside the particles' central interval of q percent
    pit/h<k>_<i>                share of truths in the i-th tenth of the particles' distribution, 0.1 at best
    spread_correlation_h<k>     rank correlation over starts of the particles' spread with the error of their mean
    disagreement                spread of the one-step means over draws of theta, in std of the data: the epistemic part
    disagreement_correlation    its rank correlation with the error: does the model know where it errs?

The keys are the same for every family of models, but for the likelihood, which points do not have. Where the state is
not observed, predictions of the observation are judged, and there is neither likelihood nor disagreement; of images and
of several observations by name nothing is said.
"""

import math
from collections import defaultdict
from typing import Any

import torch
from torch import Tensor

from ..data.windows import Windows
from ..equations.crps import crps
from ..equations.rank_correlation import rank_correlation
from ..equations.rank_histogram import coverage, pit_histogram
from ..models.latent_world_model import LatentWorldModel
from ..models.world_model import WorldModel
from .open_loop import OpenLoop, Predicted, predictions

LEVELS = (50, 80, 95)  # percent
BINS = 10


def calibration(world_model: WorldModel, recorded: Windows, std: Any, setting: OpenLoop) -> dict[str, float]:
    """The above as `model/<name>` and `pit/<name>`, on recorded windows `[B, H]`; without `_h<k>`, k is 1."""
    if not isinstance(std, Tensor) or std.dim() != 1:
        return {}
    std = std.to(world_model.device)
    chance = torch.Generator(world_model.device).manual_seed(0)
    rows: dict[str, list[Tensor]] = defaultdict(list)
    for part in predictions(world_model, recorded, setting, chance):
        for name, values in by_start(world_model, part, std, chance).items():
            rows[name].append(values.cpu())
    scores = {name: torch.cat(parts) for name, parts in rows.items()}  # [B, K] or [B]
    counts = scores.pop("counts").bool()
    spread, error = scores.pop("spread"), scores.pop("error")
    metrics = {}
    for i, k in enumerate(setting.horizons):
        here = counts[:, i]
        if here.any():
            for name, values in scores.items():
                if values.dim() == 2:
                    metrics[named(name, k)] = values[here, i].mean(dtype=torch.float64).item()
            metrics[f"model/spread_correlation_h{k}"] = rank_correlation(spread[here, i], error[here, i])
    metrics |= {f"model/{name}": metrics[f"model/{name}_h1"] for name in ("crps", *(f"coverage_{q}" for q in LEVELS))}
    if "disagreement" in scores:
        disagreement = scores["disagreement"]
        metrics["model/disagreement"] = disagreement.square().mean(dtype=torch.float64).sqrt().item()
        metrics["model/disagreement_correlation"] = rank_correlation(disagreement, error[:, 0])
    if "log_density" in scores:
        metrics["model/nll"] = -scores["log_density"].mean(dtype=torch.float64).item()
    return metrics


def named(name: str, k: int) -> str:
    """The metric's name of a score at a horizon."""
    return f"pit/h{k}_{name.removeprefix('pit_')}" if name.startswith("pit_") else f"model/{name}_h{k}"


def by_start(world_model: WorldModel, part: Predicted, std: Tensor, chance: torch.Generator) -> dict[str, Tensor]:
    """The scores of every start, `[B, K]` by horizon or `[B]` of one step; means over dimensions."""
    particles, truth = part.particles, part.truth
    error = ((particles.mean(0) - truth) / std).square().mean(-1).sqrt()  # [B, K]
    spread = (particles.std(0, correction=0) / std).square().mean(-1).sqrt()
    tenths = pit_histogram(particles, truth, BINS).mean(-1)  # [10, B, K]
    return {
        **{f"coverage_{q}": coverage(particles, truth, q / 100).mean(-1) for q in LEVELS},
        **{f"pit_{i + 1}": tenth for i, tenth in enumerate(tenths)},
        "crps": (crps(particles, truth) / std).mean(-1),
        "counts": part.counts,
        "spread": spread,
        "error": error,
        **({} if isinstance(world_model, LatentWorldModel) else one_step(world_model, part, std, chance)),
    }


def one_step(world_model: WorldModel, part: Predicted, std: Tensor, chance: torch.Generator) -> dict[str, Tensor]:
    """The disagreement of the draws' means, and the log-density `[B]` of their mixture where the model has one."""
    P = len(part.particles)
    theta = world_model.sample_parameters(P, chance)
    expanded = (part.state.expand(P, -1, -1), part.action.expand(P, -1, -1))  # [P, B, S], [P, B, A]
    distribution = world_model.dynamics.predict(*expanded, theta)
    scores = {"disagreement": (distribution.mean.std(0, correction=0) / std).square().mean(-1).sqrt()}
    try:
        density = distribution.log_prob(part.truth[:, 0])  # [P, B]
    except NotImplementedError:
        return scores
    return {**scores, "log_density": density.logsumexp(0) - math.log(P)}
