"""Monte Carlo tree search in a world model: search from where the agent is, play one action, search again.

a_t = the action that the search chose at s_t        the world model is learned from experience, or known

With a network of policy and value that learns from searches this is AlphaZero's loop, with a learned model MuZero's but
for what the model predicts: here the observation. The searches that a network learns from are made for each batch, from
the recorded states and with the newest weights (reanalyse, Schrittwieser et al. 2021, "Online and Offline Reinforcement
Learning by Planning with a Learned Model"), so it matters little who acted there.
"""

import torch
from tensordict import TensorDictBase
from torch import Tensor
from torch.nn.functional import one_hot

from ..keys import SEARCH_POLICY, SEARCH_VALUE, STATE
from ..models.base import Model
from ..models.reward import RewardFunction
from ..models.rules import OnePlayer, Rules
from ..models.update import Update
from ..models.world_model import WorldModel
from ..planners.tree_search import Found, Problem, TreeSearch
from ..planners.tree_search_model import simulator
from ..planners.tree_search_rollout import Evaluator, RandomRollout
from .agent import Agent


class MCTS(Agent):
    """Searches anew at every step: while it is trained with the search's own chance, in evaluations without.

    Args:
        world_model: searched in, and learned from experience where it is not known.
        search: how the tree grows.
        action_size: A.
        discrete_actions: must be true; filled in from the environment.
        evaluator: what leaves are worth, a network that learns it or random play; of 20 steps by default.
        rules: legal actions and turns; one player and no rules by default.
        shaped_reward: a reward to search with instead of the world model's, where that one is too flat.
        epsilon: the share of actions that are drawn from the legal ones while it is trained, so that a network sees
            more than what it believes to be best.
        update: see `Update`.

    Raises:
        ValueError: for an environment whose actions are not discrete, and for epsilon outside [0, 1].
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
        epsilon: float = 0.0,
        update: Update | None = None,
    ) -> None:
        super().__init__(update=update)
        if not discrete_actions:
            raise ValueError("need an environment with discrete actions; this one's are real numbers")
        if not 0 <= epsilon <= 1:
            raise ValueError(f"epsilon: need a number in [0, 1], got {epsilon}")
        self.epsilon = epsilon
        self.world_model = world_model
        self.members = world_model.members
        self.search = search
        self.action_size = action_size
        self.evaluator = RandomRollout() if evaluator is None else evaluator
        self.rules = OnePlayer(action_size) if rules is None else rules
        self.shaped_reward = shaped_reward

    @torch.no_grad()
    def forward(self, td: TensorDictBase) -> TensorDictBase:
        state = self.world_model.encode(td["observation"])
        found = self.found(state)
        action = found.action
        if self.training and self.epsilon > 0:
            action = self.sometimes_random(action, self.rules.legal(state))
        td["action"] = one_hot(action, self.action_size).to(found.q.dtype)
        return td

    def sometimes_random(self, action: Tensor, legal: Tensor) -> Tensor:
        """Actions `[B]`, each replaced with probability epsilon by one drawn from the legal ones `[B, A]`."""
        chance = torch.rand(len(action), 1 + self.action_size, generator=self.generator, device=action.device)
        drawn = torch.where(legal, chance[:, 1:], -1.0).argmax(-1)
        return torch.where(chance[:, 0] < self.epsilon, drawn, action)

    def found(self, state: Tensor) -> Found:
        """What a search from states `[B, S]` finds."""
        simulate = simulator(self.world_model, self.search.outcomes, self.shaped_reward, self.generator)
        evaluate = self.evaluator.bind(simulate, self.rules.legal, self.search.discount)
        problem = Problem(simulate, evaluate, self.rules.legal, self.rules.to_play)
        return self.search.search(state, problem, self.generator, explore=self.training)

    def prepare(self, batch: TensorDictBase) -> None:
        super().prepare(self.seen(batch))
        if isinstance(self.evaluator, Model):
            state = batch[STATE].flatten(0, -2)
            with torch.no_grad():
                found = self.found(state)
            batch[SEARCH_POLICY] = found.policy.view(*batch.shape, -1)
            batch[SEARCH_VALUE] = (found.value * self.rules.to_play(state)).view(*batch.shape, 1)

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        batch = self.seen(batch)
        return {name: loss for part in self.parts().values() for name, loss in part.loss(batch).items()}

    def evaluate(self, batch: TensorDictBase) -> dict[str, Tensor]:
        batch = self.seen(batch)
        return {name: score for part in self.parts().values() for name, score in part.evaluate(batch).items()}

    def adapt(self, batch: TensorDictBase) -> None:
        super().adapt(self.seen(batch))

    def seen(self, batch: TensorDictBase) -> TensorDictBase:
        """With the states that all parts learn from."""
        return batch if STATE in batch else self.world_model.infer(batch)
