"""What a page is told of imagination: curves with bands, pictures, what was promised, the plans that were weighed."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..agents.agent import Agent
from ..agents.planning_agent import PlanningAgent
from ..agents.policy_agent import PolicyAgent
from ..agents.tabular import Tabular
from ..data.environments import Environment
from ..keys import OBSERVATION, PLAN, STATE
from ..models.world_model import WorldModel
from .bands import band, one_number
from .candidates import lines, weighed
from .choices import choices
from .entries import Entries
from .foresight import HORIZON, Foresight, foresee, of_actions, of_agent
from .pictures import address, observed_png
from .table import path, table_of
from .thought import Mind, Thought
from .timeline import Moment


class Imagined:
    """Turns what the model foresees into what is drawn.

    Args:
        mind: whose model it is.
        entries: of the observation.
        environment: where it acts.
    """

    def __init__(self, mind: Mind, entries: Entries, environment: Environment) -> None:
        self.mind, self.entries, self.environment = mind, entries, environment
        self.agent: Agent = mind.agent

    @property
    def has_model(self) -> bool:
        """Whether anything can be imagined."""
        return self.agent.world_model is not None or (
            isinstance(self.agent, Tabular) and table_of(self.agent) is not None
        )

    def by_actions(self, moment: Moment, actions: NDArray[np.float32], said: str) -> dict[str, Any]:
        """If these actions `[H, A]` are taken."""
        if isinstance(self.agent, Tabular):
            return self._in_table(moment, actions.argmax(-1).tolist(), said)
        way = of_actions(torch.from_numpy(actions).to(self.agent.device), said)
        state = self.mind.state(moment.found)
        if state is None or self.agent.world_model is None:
            return {"said": self.without_model()}
        return self._seen(self.agent.world_model, foresee(self.agent.world_model, state, way), way.said)

    def of_agent(self, moment: Moment, thought: Thought, entry: int) -> dict[str, Any]:
        """If the agent goes on as it thinks best; the candidates by one entry of the action."""
        with self.agent.seeded(0):  # the same picture whenever it is asked for
            return self._of_agent(moment, thought, entry)

    def without_model(self) -> str:
        """Why nothing is imagined."""
        name = type(self.agent).__name__
        if self.agent.world_model is None:
            return f"{name} has no model of the world, so it imagines nothing: here is the truth alone."
        return f"{name} does not know the state that its model starts from, so nothing can be imagined."

    # ------------------------------------------------------------------ inside

    def _of_agent(self, moment: Moment, thought: Thought, entry: int) -> dict[str, Any]:
        judged: dict[str, Any] = {"choices": choices(self.agent, thought, moment.chance)}
        if isinstance(self.agent, PolicyAgent):
            judged["value"] = self.agent.value(thought.td[STATE])[0].item()
        if isinstance(self.agent, Tabular):
            return {**self._in_table(moment, None, "the best action is taken in the table"), **judged}
        state, way = self.mind.state(moment.found), of_agent(self.agent, thought)
        model = self.agent.world_model
        if state is None or model is None:
            return {"said": self.without_model(), **judged}
        if way is None:
            return {
                "said": f"{type(self.agent).__name__} has no way of its own in the model: hold an action.",
                **judged,
            }
        foresight = foresee(model, state, way)
        plans = self._plans(thought, foresight, entry)
        return {**self._seen(model, foresight, way.said), **judged, "plans": plans}

    def _plans(self, thought: Thought, foresight: Foresight, entry: int) -> dict[str, Any]:
        discrete = self.environment.discrete_actions
        if isinstance(self.agent, PlanningAgent):
            plan = thought.td[PLAN][0]  # [H, A]
            chosen = (plan.argmax(-1) if discrete else plan[:, entry]).tolist()
            if thought.plans is None:
                nothing = weighed(plan[None][:0], plan.new_zeros(0))
                return {"what": "followed", "chosen": chosen, **lines(nothing, entry, discrete)}
            return {"what": "candidates", "chosen": chosen, **lines(thought.plans, entry, discrete)}
        ways = weighed(foresight.actions, foresight.rewards.sum(1))
        return {"what": "rollouts", "chosen": None, **lines(ways, entry, discrete)}

    def _in_table(self, moment: Moment, actions: list[int] | None, said: str) -> dict[str, Any]:
        assert isinstance(self.agent, Tabular)
        table = table_of(self.agent)
        if table is None:
            return {"said": self.without_model()}
        state = int(moment.found[OBSERVATION][0].argmax())
        found = path(self.agent, table, state, actions, HORIZON if actions is None else len(actions))
        if not found.actions.shape[1]:
            return {"said": "The table does not know this action here: it was never tried."}
        curve = found.states.argmax(-1).float()  # [1, H + 1]
        return {**self._outcome(found, said), "entries": [band(curve)], "pictures": []}

    def _seen(self, model: WorldModel, foresight: Foresight, said: str) -> dict[str, Any]:
        outcome = self._outcome(foresight, said)
        try:
            with torch.no_grad():
                return {**outcome, **self._observed(model, foresight.states)}
        except ValueError as error:  # a latent model that was learned without looking back
            return {**outcome, "entries": [], "pictures": [], "unseen": str(error)}

    def _observed(self, model: WorldModel, states: Tensor) -> dict[str, Any]:
        entries, pictures = [], []
        if self.entries.names:
            numbers = self.entries.numbers(model.decode(states))  # [P, H + 1, D]
            entries = [band(numbers[..., i]) for i in range(numbers.shape[-1])]
        if self.entries.pictures:
            decoded = model.decode(states[0])  # of one particle: a mean of pictures is no picture
            for name in self.entries.pictures:
                images = decoded[name] if name else decoded  # [H + 1, C, height, width]
                pictures.append([address(observed_png(image)) for image in images])
        return {"entries": entries, "pictures": pictures}

    def _outcome(self, foresight: Foresight, said: str) -> dict[str, Any]:
        return {
            "said": said,
            "particles": len(foresight.states),
            "horizon": foresight.actions.shape[1],
            "reward": band(foresight.rewards),
            "promised": one_number(foresight.rewards.sum(1)),
            "alive": foresight.alive.mean(0).tolist(),
        }
