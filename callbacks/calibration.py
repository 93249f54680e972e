"""Whether the model knows what it does not know."""

from typing import Any

from fulgurite.data.windows import Windows
from fulgurite.models.world_model import WorldModel
from fulgurite.runs.calibration import calibration

from .held_against import HeldAgainst


class Calibration(HeldAgainst):
    """Reports likelihood, CRPS, coverage, PIT histogram and rank correlations, see `runs/calibration.py`.

    Args: see `HeldAgainst`.
    """

    def measure(self, world_model: WorldModel, recorded: Windows, std: Any) -> dict[str, float]:
        return calibration(world_model, recorded, std, self.setting)
