"""A search that is watched: the candidates of its last question, and what the model promised of each."""

from torch import Tensor

from ..planners.nonfinite import NonfiniteShare
from ..planners.planner import BoundObjective


class Watched(NonfiniteShare):
    """In an agent's place for what counts its planner's questions; it remembers the last one, too.

    Attributes:
        asked: actions `[B, N, H, A]` and returns `[B, N]` of the last question of the last search; None before it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: tuple[Tensor, Tensor] | None = None

    def watching(self, objective: BoundObjective) -> BoundObjective:
        counted = super().watching(objective)

        def watched(actions: Tensor) -> Tensor:
            returns = counted(actions)
            self.asked = actions.detach(), returns.detach()
            return returns

        return watched
