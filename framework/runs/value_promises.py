"""What a policy's value promised and what then really came: whether it overrates what follows.

    promised_t = V(s_t)        realised_t = sum_{k=t}^{T-1} gamma^(k-t) r_{k+1} + gamma^(T-t) V(s_T)

with V(s_T) = 0 where the task ended. Where only the recording ended, V itself says what is left: the gap then tells how
far the value is from agreeing with the rewards between. Targets that take a maximum push it up (Thrun and Schwartz
1993; Fujimoto et al. 2018, section 4).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..agents.policy_agent import PolicyAgent
from ..data.play import Episode
from ..keys import REWARD, TERMINATED
from .promises import states


def value_promises(agent: PolicyAgent, episodes: Sequence[Episode]) -> dict[str, float]:
    """The means over all steps of the episodes; empty where there are no steps to compare."""
    pairs = [promised_and_realised(agent, episode) for episode in episodes]
    promised, realised = (torch.cat([pair[i] for pair in pairs]) for i in (0, 1))
    if not len(promised):
        return {}
    means = promised.mean().item(), realised.mean().item()
    return {"value/promised": means[0], "value/realised": means[1], "value/gap": means[0] - means[1]}


@torch.no_grad()
def promised_and_realised(agent: PolicyAgent, episode: Episode) -> tuple[Tensor, Tensor]:
    """Two `[T]` for an episode whose task ended, else `[T - 1]`: the last state tells what is left. In float64."""
    with agent.seeded(0):
        value = agent.value(states(agent, episode).to(agent.device)).double().cpu()
    reward = episode.transitions[REWARD][:, 0].double()
    following = torch.zeros((), dtype=torch.float64)
    if not episode.transitions[TERMINATED][-1].item():
        following, value, reward = value[-1], value[:-1], reward[:-1]
    realised = torch.empty_like(reward)
    for t in range(len(reward) - 1, -1, -1):
        realised[t] = following = reward[t] + agent.discount * following
    return value, realised
