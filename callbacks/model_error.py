"""How far the model can be trusted: its open-loop error by horizon."""

from typing import Any

from fulgurite.data.windows import Windows
from fulgurite.models.world_model import WorldModel
from fulgurite.runs.prediction_error import prediction_error

from .held_against import HeldAgainst


class ModelError(HeldAgainst):
    """Reports the error of the mean prediction, see `runs/prediction_error.py`.

    Args: see `HeldAgainst`.
    """

    def measure(self, world_model: WorldModel, recorded: Windows, std: Any) -> dict[str, float]:
        return prediction_error(world_model, recorded, std, self.setting)
