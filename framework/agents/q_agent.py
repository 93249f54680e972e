"""What deep Q-learners share: Q by a network, a slow copy of it, epsilon-greedy actions, and the loss of double DQN.

    y = r + gamma (1 - terminated) Q'(s', argmax_a Q(s', a))        loss = mean l(Q(s, a) - y)

Q' is the slow copy (Mnih et al. 2015), the choice of the action is Q's own (van Hasselt, Guez and Silver 2016). The
loss is TorchRL's `DQNLoss`.
"""

from copy import deepcopy
from typing import Literal

import torch
from tensordict import TensorDict, TensorDictBase
from tensordict.nn import TensorDictModuleBase
from torch import Tensor, nn
from torch.nn.functional import one_hot
from torchrl.objectives import DQNLoss, ValueEstimators

from ..equations.polyak import polyak
from ..keys import ACTION, DONE, NEXT_STATE, REWARD, STATE, TERMINATED, ObservationShape
from ..models.update import Update
from ..models.world_model import WorldModel
from ..policies.epsilon_greedy import EpsilonGreedyPolicy
from .lent import Lent
from .linear_schedule import LinearSchedule
from .policy_agent import PolicyAgent

WEIGHT = "priority_weight"  # [*B], TorchRL's name for what a transition counts in the mean


class QAgent(PolicyAgent):
    """Acts epsilon-greedily while it is trained, with the epsilon of the environment steps before the collection.

    Args:
        policy: Q, and what it makes an agent do.
        observation_shape, action_size, discrete_actions, world_model: see `PolicyAgent`.
        exploration: epsilon; 1 to 0.05 over 1,000 steps by default.
        discount: gamma.
        target_rate: tau, of the step by which the slow copy follows.
        target_every: updates between two such steps; with a rate of 1 the copy is a hard one.
        distance: l: `l2`, the square, or `smooth_l1`, which grows linearly beyond 1.
        update: see `Update`.

    Raises:
        ValueError: for actions that are not discrete, a policy of another kind, numbers out of range.
    """

    policy: EpsilonGreedyPolicy
    updates: Tensor

    def __init__(
        self,
        policy: EpsilonGreedyPolicy,
        observation_shape: ObservationShape,
        action_size: int,
        discrete_actions: bool,
        world_model: WorldModel | None,
        exploration: LinearSchedule | None,
        discount: float,
        target_rate: float,
        target_every: int,
        distance: Literal["l2", "smooth_l1"],
        update: Update | None,
    ) -> None:
        if not discrete_actions:
            raise ValueError("need an environment with discrete actions; this one's are real numbers")
        if not 0 < target_rate <= 1 or target_every < 1:
            raise ValueError(
                f"need target_rate in (0, 1] and target_every of at least 1, got {target_rate} and {target_every}"
            )
        self.exploration = LinearSchedule(1.0, 0.05, 1000) if exploration is None else exploration
        for name, epsilon in (("start", self.exploration.start), ("end", self.exploration.end)):
            if not 0 <= epsilon <= 1:
                raise ValueError(f"exploration.{name}: need a number in [0, 1], got {epsilon}")
        with torch.random.fork_rng(devices=[]):  # the same first weights, whatever else of an agent drew before
            torch.manual_seed(torch.initial_seed())
            super().__init__(
                policy, observation_shape, action_size, discrete_actions, world_model, discount, update=update
            )
        self.slow = deepcopy(self.policy.network).requires_grad_(False)
        self.distance = distance
        self.target_rate, self.target_every = target_rate, target_every
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self._objective = Lent[QAgent, DQNLoss](double_dqn)

    def value(self, state: Tensor) -> Tensor:
        """max_a Q(s, a), `[*B]` of states `[*B, S]`."""
        return self.policy.q(state).amax(-1)

    def td_loss(self, rows: TensorDictBase, weight: Tensor | None = None) -> Tensor:
        """The mean over transitions `[R]` with their states, each counted by its weight `[R]`, or all alike."""
        keys = (STATE, ACTION, NEXT_STATE, REWARD, TERMINATED, DONE)
        given = TensorDict({}, rows.batch_size).update(rows.select(*keys))
        if weight is not None:
            given[WEIGHT] = weight
        # not by a call, whose hook warns of target networks that no updater of TorchRL's moves
        loss: Tensor = self._objective(self).forward(given)["loss"]
        return loss

    def begin_collection(self, env_steps: int) -> None:
        self.policy.epsilon.fill_(self.exploration(env_steps))

    def counted(self) -> dict[str, float]:
        return {"policy/epsilon": self.policy.epsilon.item()}

    @torch.no_grad()
    def follow(self) -> None:
        slow, fast = list(self.slow.parameters()), list(self.policy.network.parameters())
        if self.target_every == 1:
            polyak(slow, fast, self.target_rate)
            return
        self.updates += 1
        due = self.updates % self.target_every == 0  # stays on its device: nobody waits for it
        rate = self.target_rate * due.to(slow[0].dtype)
        for mine, newest in zip(slow, fast, strict=True):
            mine.lerp_(newest, rate)


class Read(TensorDictModuleBase):
    """A Q network in the form that TorchRL's loss asks for, in half the time that its own `QValueActor` takes."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.in_keys, self.out_keys = [STATE], ["action_value", "chosen_action_value", ACTION]

    def forward(self, td: TensorDictBase) -> TensorDictBase:
        q = self.network(td[STATE])
        best = q.max(-1, keepdim=True)
        td["action_value"], td["chosen_action_value"] = q, best.values
        return td.set(ACTION, one_hot(best.indices[..., 0], q.shape[-1]))


def double_dqn(agent: QAgent) -> DQNLoss:
    """TorchRL's loss on the agent's two networks, which it does not copy."""
    loss = DQNLoss(Read(agent.policy.network), loss_function=agent.distance, double_dqn=True, action_space="one-hot")
    loss.make_value_estimator(ValueEstimators.TD0, gamma=agent.discount)
    slow = TensorDict.from_module(Read(agent.slow))
    vars(loss)["target_value_network_params"] = slow  # found before those that it made for itself
    return loss.to(agent.device)
