"""What is imagined of the steps ahead: particles through the model from one state, by some way of acting.

    s^p_0 = s        a^p_t = act(s^p_t, t)        s^p_{t+1} ~ p(s' | s^p_t, a^p_t, theta^p)

Each particle keeps its draw of the parameters (TS-infinity), whatever the agent plans with, so that the bands show all
that the model does not know. Chance is fixed: the same state and actions give the same picture.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ..agents.agent import Agent
from ..agents.planning_agent import PlanningAgent
from ..agents.policy_agent import PolicyAgent
from ..agents.tree_search import MCTS
from ..imagination import TSInfinity, imagine_policy
from ..keys import PLAN
from ..models.world_model import WorldModel
from .thought import Thought

PARTICLES = 40
HORIZON = 25  # steps, where no plan says how many
SEARCHED = 12  # steps that a tree search goes on for in the model: each one is a search for every particle
SEARCHERS = 10  # particles that then search
ENDED = 0.5  # probability above which a particle's task is over

Acting = Callable[[Tensor, int], Tensor]
"""states `[1, P, S]` or `[P, 1, S]`, step t -> actions."""


class Foresight(NamedTuple):
    """P particles, H steps ahead.

    Attributes:
        states: `[P, H + 1, S]`.
        actions: `[P, H, A]`.
        rewards: `[P, H]`, each weighted by the probability that the task has not ended.
        alive: `[P, H + 1]`, that probability.
    """

    states: Tensor
    actions: Tensor
    rewards: Tensor
    alive: Tensor


class Way(NamedTuple):
    """A way of going on.

    Attributes:
        act: states to actions.
        horizon: H.
        particles: P.
        said: what it is, in words.
    """

    act: Acting
    horizon: int
    particles: int
    said: str


@torch.no_grad()
def foresee(model: WorldModel, state: Tensor, way: Way) -> Foresight:
    """From a state `[1, S]`."""
    chance = torch.Generator(state.device).manual_seed(0)
    P = way.particles
    seen = imagine_policy(
        model, state.expand(P, -1), way.act, way.horizon,
        propagation=TSInfinity(), particles=P, generator=chance,
    )  # fmt: skip
    whole = torch.ones_like(seen.reward)
    before = whole if seen.alive is None else seen.alive
    last = before[-1] if seen.continuation is None else before[-1] * seen.continuation[-1]
    return Foresight(
        torch.cat([seen.state[:1], seen.next_state]).transpose(0, 1),
        seen.action.transpose(0, 1),
        (seen.reward * before).transpose(0, 1),
        torch.cat([before, last[None]]).transpose(0, 1),
    )


def of_actions(actions: Tensor, said: str) -> Way:
    """Given actions `[H, A]`, whatever comes."""
    return Way(lambda state, t: actions[t].expand(*state.shape[:-1], -1), len(actions), PARTICLES, said)


def of_agent(agent: Agent, thought: Thought) -> Way | None:
    """How the agent would go on in the model, or None where it cannot be told."""
    if isinstance(agent, PlanningAgent):
        return of_actions(thought.td[PLAN][0], "the agent's plan is followed")
    if isinstance(agent, PolicyAgent):
        policy = agent.policy
        return Way(lambda state, t: policy(state).mode(), HORIZON, PARTICLES, "the policy acts in the model")
    if isinstance(agent, MCTS):
        return Way(searching(agent), SEARCHED, SEARCHERS, "the agent searches again at every imagined step")
    return None


def searching(agent: MCTS) -> Acting:
    """Searches from each particle, none of which may have ended: those that have search where they began."""
    started: list[Tensor] = []

    def act(state: Tensor, t: int) -> Tensor:
        rows = state.reshape(-1, state.shape[-1])
        if t == 0:
            started.append(rows[:1])
        ending = agent.world_model.termination
        if ending is not None:
            rows = torch.where((ending(rows) > ENDED)[:, None], started[0], rows)
        chosen = agent.found(rows).action
        actions = torch.nn.functional.one_hot(chosen, agent.action_size).to(state.dtype)
        return actions.view(*state.shape[:-1], -1)

    return act
