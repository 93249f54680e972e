"""What an agent's plans promised and what then really came: the exploitation gap of a model.

    promised_t = E_model [ sum_{k<H} r_{t+k} | plan of step t ]        realised_t = sum_{k<H} r_{t+k} of the episode
    gap = mean_t (promised_t - realised_t)

A planner finds the actions that the model overrates: a gap above zero is what that costs. The episode replanned at each
step, so realised may also exceed promised. Compared are only steps whose H rewards all happened, or would have, had the
task not ended.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..agents.agent import Agent
from ..agents.planning_agent import PlanningAgent
from ..data.play import Episode
from ..keys import ACTION, NEXT_OBSERVATION, OBSERVATION, PLAN, REWARD, STATE, TERMINATED


def promised_against_realised(agent: PlanningAgent, episodes: Sequence[Episode], limit: int = 256) -> dict[str, float]:
    """The means over the episodes' comparable steps, at most `limit` of them, evenly spread; empty if there is none."""
    comparable = [(episode, steps) for episode in episodes if (steps := comparable_steps(episode))]
    if not comparable:
        return {}
    state = torch.cat([states(agent, episode)[:steps] for episode, steps in comparable])
    plan = torch.cat([episode.transitions[PLAN][:steps] for episode, steps in comparable])
    realised = torch.cat([realised_returns(agent, episode)[:steps] for episode, steps in comparable])
    count = min(limit, len(realised))
    chosen = torch.linspace(0, len(realised) - 1, count).round().long()
    promised = promised_returns(agent, state[chosen], plan[chosen]).mean().item()
    got = realised[chosen].mean().item()
    return {"plan/promised_return": promised, "plan/realised_return": got, "plan/exploitation_gap": promised - got}


def comparable_steps(episode: Episode) -> int:
    """How many steps, from the first, have all their H rewards: all T if the task ended, else T - H + 1."""
    T, H = episode.transitions[PLAN].shape[:2]
    return T if episode.transitions[TERMINATED][-1].item() else max(0, T - H + 1)


def realised_returns(agent: PlanningAgent, episode: Episode) -> Tensor:
    """`[T]`: the sum of the H rewards from each step on, fewer at the end. In the reward that the agent plans with."""
    transitions = episode.transitions
    T, H = transitions[PLAN].shape[:2]
    reward = transitions[REWARD][:, 0]
    if agent.objective.shaped_reward is not None:
        encode = agent.world_model.encode
        reward = agent.objective.shaped_reward(
            encode(transitions[OBSERVATION]), transitions[ACTION], encode(transitions[NEXT_OBSERVATION])
        )
    total = torch.cat([reward.new_zeros(1, dtype=torch.float64), reward.double().cumsum(0)])  # [T + 1]
    start = torch.arange(T)
    return (total[(start + H).clamp(max=T)] - total[start]).to(reward.dtype)


def states(agent: Agent, episode: Episode) -> Tensor:
    """`[T, S]`, from which the agent acted."""
    transitions = episode.transitions
    if STATE in transitions:  # what it remembered, where the observation alone does not tell it
        return transitions[STATE]
    if agent.world_model is None:
        return transitions[OBSERVATION]
    return agent.world_model.encode(transitions[OBSERVATION].to(agent.device)).cpu()


def promised_returns(agent: PlanningAgent, state: Tensor, plan: Tensor) -> Tensor:
    """`[B]` for states `[B, S]` and plans `[B, H, A]`; leaves the agent's source of chance as it was."""
    with agent.seeded(0):
        return agent.promised_return(state.to(agent.device), plan.to(agent.device)).float().cpu()
