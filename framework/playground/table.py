"""What a tabular agent imagines: the way that its table of outcomes leads, from cell to cell.

    a_t = argmax_a Q(s_t, a), or given        s_{t+1}, r_t = Model(s_t, a_t)

until the task ends, or a pair was never tried: of that the table knows nothing. One certain path, so no bands.
"""

from collections.abc import Sequence

import torch
from torch.nn.functional import one_hot

from ..agents.tabular import Tabular
from ..models.tabular_model import TabularModel
from .foresight import Foresight


def table_of(agent: Tabular) -> TabularModel | None:
    """Its model, of a kind that has one."""
    return next((part for part in agent.children() if isinstance(part, TabularModel)), None)


def path(agent: Tabular, table: TabularModel, state: int, given: Sequence[int] | None, horizon: int) -> Foresight:
    """One particle from a state, by given actions or the best ones; at most `horizon` steps."""
    states, actions, rewards = [state], list[int](), list[float]()
    ends = False
    while len(actions) < horizon and not ends:
        s = states[-1]
        a = agent.values.greedy(s, 0.0) if given is None else given[len(actions)]
        if not table.tried[s, a]:
            break
        actions.append(a)
        rewards.append(table.reward[s, a].item())
        states.append(int(table.following[s, a].item()))
        ends = bool(table.terminal[s, a])
    alive = torch.ones(1, len(states))
    alive[0, -1] = float(not ends)
    return Foresight(
        one_hot(torch.tensor([states]), agent.observation_size).float(),
        one_hot(torch.tensor([actions], dtype=torch.long), agent.action_size).float(),
        torch.tensor([rewards]),
        alive,
    )
