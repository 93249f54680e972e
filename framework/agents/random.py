"""The random agent: uniform actions. The baseline that everything must beat, and the usual source of first data.

Whatever model is fitted to what it does never sees where a better policy would go.
"""

import torch
from tensordict import TensorDictBase
from torch import Tensor
from torch.nn.functional import one_hot

from ..models.base import Model
from ..models.update import Update
from ..models.world_model import WorldModel
from .agent import Agent


class RandomAgent(Agent):
    """Acts uniformly in [-1, 1], or takes one of A discrete actions.

    Args:
        action_size: A.
        discrete_actions: whether an action is one of A, as a one-hot vector.
        model: what is fitted to the experience, though the agent does not ask it: an observation model, a world model.
        update: see `Update`.
    """

    def __init__(
        self,
        action_size: int,
        discrete_actions: bool = False,
        model: Model | None = None,
        update: Update | None = None,
    ) -> None:
        super().__init__(update=update)
        self.action_size = action_size
        self.discrete_actions = discrete_actions
        if isinstance(model, WorldModel):
            self.world_model = model
        else:
            self.other_model = model
        if model is not None:
            self.members, self.sequences = model.members, model.sequences

    def forward(self, td: TensorDictBase) -> TensorDictBase:
        shape = (*td.batch_size, self.action_size)
        uniform = torch.rand(shape, generator=self.generator, device=self.device)
        td["action"] = (
            one_hot(uniform.argmax(-1), self.action_size).float() if self.discrete_actions else 2 * uniform - 1
        )
        return td

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        """Those of the model."""
        return {name: loss for model in self.parts().values() for name, loss in model.loss(batch).items()}

    def evaluate(self, batch: TensorDictBase) -> dict[str, Tensor]:
        return {name: score for model in self.parts().values() for name, score in model.evaluate(batch).items()}
