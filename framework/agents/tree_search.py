"""Monte Carlo tree search in a world model: search from where the agent is, play one action, search again.

a_t = the action that the search chose at s_t        the world model is learned from experience, or known
"""

import torch
from tensordict import TensorDictBase
from torch import Tensor
from torch.nn.functional import one_hot

from ..models.reward import RewardFunction
from ..models.rules import OnePlayer, Rules
from ..models.world_model import WorldModel
from ..planners.tree_search import Found, Problem, TreeSearch
from ..planners.tree_search_model import simulator
from ..planners.tree_search_rollout import Evaluator, RandomRollout
from .agent import Agent


class MCTS(Agent):
    """Searches anew at every step.

    Args:
        world_model: searched in, and learned from experience where it is not known.
        search: how the tree grows.
        action_size: A.
        discrete_actions: must be true; filled in from the environment.
        evaluator: what leaves are worth; random play of 20 steps by default.
        rules: legal actions and turns; one player and no rules by default.
        shaped_reward: a reward to search with instead of the world model's, where that one is too flat.

    Raises:
        ValueError: for an environment whose actions are not discrete.
    """

    world_model: WorldModel  # never None here

    def __init__(
        self,
        world_model: WorldModel,
        search: TreeSearch,
        action_size: int,
        discrete_actions: bool = False,
        evaluator: Evaluator | None = None,
        rules: Rules | None = None,
        shaped_reward: RewardFunction | None = None,
    ) -> None:
        super().__init__()
        if not discrete_actions:
            raise ValueError("need an environment with discrete actions; this one's are real numbers")
        self.world_model = world_model
        self.members = world_model.members
        self.search = search
        self.action_size = action_size
        self.evaluator = RandomRollout() if evaluator is None else evaluator
        self.rules = OnePlayer(action_size) if rules is None else rules
        self.shaped_reward = shaped_reward

    def forward(self, td: TensorDictBase) -> TensorDictBase:
        found = self.found(self.world_model.encode(td["observation"]))
        td["action"] = one_hot(found.action, self.action_size).to(found.q.dtype)
        return td

    @torch.no_grad()
    def found(self, state: Tensor) -> Found:
        """What a search from states `[B, S]` finds."""
        simulate = simulator(self.world_model, self.search.outcomes, self.shaped_reward, self.generator)
        evaluate = self.evaluator.bind(simulate, self.rules.legal, self.search.discount)
        problem = Problem(simulate, evaluate, self.rules.legal, self.rules.to_play)
        return self.search.search(state, problem, self.generator)
