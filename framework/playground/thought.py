"""What an agent makes of one step: its action, what it remembers, and the plans that it weighed.

It is asked as an evaluation asks it: not in training, with the chance of the episode, which is carried from step to
step. Where a person acts instead, it only watches: its filter learns what was done, its last plan moves on by one step,
and no chance is used up. So a session depends on nothing but its start and the actions.
"""

from typing import NamedTuple

import torch
from tensordict import TensorDictBase
from torch import Tensor

from ..agents.agent import Agent
from ..agents.planning_agent import PlanningAgent
from ..agents.state_estimate import know
from ..keys import ACTION, FILTER_MEMORY, KEPT, PLAN, PLAN_AGE, PREVIOUS_ACTION, STATE
from ..models.latent_world_model import LatentWorldModel
from ..planners.planner import shift
from .candidates import Weighed, weighed
from .watched import Watched

UNDERSTOOD = {STATE, FILTER_MEMORY, PREVIOUS_ACTION, PLAN, KEPT, PLAN_AGE}  # what can be carried without the agent


class Thought(NamedTuple):
    """What came of asking the agent once.

    Attributes:
        td: `[1]`, what it read and wrote.
        chance: the state of its generator afterwards.
        plans: that it asked its model about last, of agents that searched.
    """

    td: TensorDictBase
    chance: Tensor
    plans: Weighed | None


class Mind:
    """An agent, watched while it thinks.

    Args:
        agent: which from now on belongs to the session: its searches are watched, and it is not in training.
    """

    def __init__(self, agent: Agent) -> None:
        self.agent = agent.eval()
        self.watched: Watched | None = None
        if isinstance(agent, PlanningAgent):
            self.watched = agent.nonfinite = Watched()

    def chance(self, seed: int) -> Tensor:
        """The state of the generator at the start of an episode, as an evaluation has it."""
        with self.agent.seeded(seed):
            return self.agent.generator.get_state()

    @torch.no_grad()
    def think(self, td: TensorDictBase, chance: Tensor) -> Thought:
        """Asks the agent, which finds `td` `[1]`."""
        if self.watched is not None:
            self.watched.asked = None
        with self.agent.seeded(0):
            self.agent.generator.set_state(chance)
            written = self.agent(td.clone())
            after = self.agent.generator.get_state()
        asked = None if self.watched is None else self.watched.asked
        return Thought(written, after, None if asked is None else weighed(asked[0][0], asked[1][0]))

    @property
    def can_watch(self) -> bool:
        """Whether all that it remembers is known to go on without it."""
        return set(self.agent.memory_spec.keys(True, True)) <= UNDERSTOOD

    @torch.no_grad()
    def watch(self, td: TensorDictBase, action: Tensor) -> TensorDictBase:
        """The same `td` with the person's action `[1, A]`, and what the agent remembers of the step."""
        td = td.clone()
        td[ACTION] = action
        if isinstance(self.agent.world_model, LatentWorldModel) and STATE in td:
            know(self.agent.world_model, td)
        for key in (PLAN, KEPT):
            if key in td:
                td["next", key] = shift(td[key])
        if PLAN_AGE in td:
            td["next", PLAN_AGE] = torch.zeros_like(td[PLAN_AGE])  # a plan that was not followed is made anew
        return with_action(td, action)

    def state(self, td: TensorDictBase) -> Tensor | None:
        """`[1, S]`, from which the model imagines; None without a model, or where the agent does not know the state."""
        model = self.agent.world_model
        if model is None or (isinstance(model, LatentWorldModel) and STATE not in self.agent.memory_spec):
            return None
        seen = td.clone()
        know(model, seen)
        state: Tensor = seen[STATE]
        return state


def with_action(td: TensorDictBase, action: Tensor) -> TensorDictBase:
    """`td` with another action `[1, A]` than the agent's, which its filter will hear of."""
    td[ACTION] = action
    if PREVIOUS_ACTION in td:
        td["next", PREVIOUS_ACTION] = action
    return td
