"""What can be said of a trained agent's model, on where the agent goes and on what it was never trained on."""

from collections.abc import Sequence
from typing import Any

import torch
from tensordict import TensorDictBase

from ..agents.agent import Agent
from ..agents.planning_agent import PlanningAgent
from ..data.play import Episode
from ..data.windows import spread, windows
from ..imagination import TSInfinity
from .calibration import calibration
from .open_loop import OpenLoop
from .prediction_error import prediction_error
from .promises import promised_against_realised

HORIZONS, PARTICLES, STARTS, CONTEXT = (1, 2, 4, 8, 16, 32), 40, 1000, 10


def model_report(
    agent: Agent, played: Sequence[Episode], held_out: Sequence[TensorDictBase]
) -> dict[str, dict[str, float]]:
    """Metrics by name, `played` on the agent's own episodes, `held_out` on trajectories `[T]` where there are any.

    Errors are in standard deviations of both together. An agent that plans is also asked for its promises.

    Raises:
        ValueError: for an agent without a model.
    """
    if agent.world_model is None:
        raise ValueError(f"{type(agent).__name__} has no model to judge")
    episodes = [episode.transitions for episode in played]
    std = spread([*episodes, *held_out])
    setting = OpenLoop(HORIZONS, PARTICLES, TSInfinity(), CONTEXT)
    report: dict[str, dict[str, Any]] = {}
    for name, recorded in (("played", episodes), ("held_out", held_out)):
        if recorded:
            starts = windows(recorded, HORIZONS[-1], STARTS, torch.Generator().manual_seed(0), CONTEXT)
            report[name] = {
                **prediction_error(agent.world_model, starts, std, setting),
                **calibration(agent.world_model, starts, std, setting),
            }
    if isinstance(agent, PlanningAgent):
        report["played"] |= promised_against_realised(agent, played)
    return report
