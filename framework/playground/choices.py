"""What an agent thinks of each discrete action in a state: one bar an action."""

from typing import Any

import torch
from torch import Tensor

from ..agents.agent import Agent
from ..agents.policy_agent import PolicyAgent
from ..agents.tabular import Tabular
from ..agents.tree_search import MCTS
from ..keys import ACTION, OBSERVATION, STATE
from ..policies.categorical import CategoricalPolicy
from ..policies.epsilon_greedy import EpsilonGreedyPolicy
from .thought import Thought


@torch.no_grad()
def choices(agent: Agent, thought: Thought, chance: Tensor) -> dict[str, Any] | None:
    """By what it judges the actions, and the bars; None for agents that do not judge them one by one.

    A tree search is made again with the same chance, so that it is the same search.
    """
    td = thought.td
    if isinstance(agent, MCTS):
        with agent.seeded(0):
            agent.generator.set_state(chance)
            found = agent.found(agent.world_model.encode(td[OBSERVATION]))
        more = [f"mean return {q:.3g}" for q in found.q[0].tolist()]
        return bars("visits of the search", found.visits[0], td, more)
    if isinstance(agent, Tabular):
        return bars("value of the action", agent.values.q[td[OBSERVATION][0].argmax()], td)
    if isinstance(agent, PolicyAgent) and isinstance(agent.policy, EpsilonGreedyPolicy):
        return bars("value of the action", agent.policy.q(td[STATE])[0], td)
    if isinstance(agent, PolicyAgent) and isinstance(agent.policy, CategoricalPolicy):
        return bars("probability", agent.policy(td[STATE]).log_pi[0].exp(), td)
    return None


def bars(what: str, values: Tensor, td: Any, more: list[str] | None = None) -> dict[str, Any]:
    """One for each of A values; the action that was taken is marked."""
    told = more or [""] * len(values)
    return {
        "what": what,
        "values": values.double().tolist(),
        "more": told,
        "chosen": int(td[ACTION][0].argmax()),
    }
