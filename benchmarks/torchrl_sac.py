"""TorchRL's soft actor-critic on its own modules, with as many parameters as ours, in a plain loop."""

import torch
from tensordict import TensorDict
from tensordict.nn import NormalParamExtractor, TensorDictModule
from torch import nn
from torchrl.modules import MLP, ProbabilisticActor, TanhNormal, ValueOperator
from torchrl.objectives import SACLoss, SoftUpdate

DISCOUNT, RATE, TAU = 0.99, 3e-4, 0.005


class TorchRLSAC:
    """`SACLoss` with two action values, a learned temperature and `SoftUpdate`; one fused AdamW for everything.

    Args:
        state_size, action_size: S and A.
        hidden: of all networks.
    """

    def __init__(self, state_size: int, action_size: int, hidden: tuple[int, ...]) -> None:
        def network(inputs: int, outputs: int) -> nn.Module:
            return MLP(inputs, outputs, num_cells=list(hidden), activation_class=nn.ReLU)

        body = nn.Sequential(network(state_size, 2 * action_size), NormalParamExtractor())
        actor = ProbabilisticActor(
            TensorDictModule(body, in_keys=["observation"], out_keys=["loc", "scale"]),
            in_keys=["loc", "scale"], distribution_class=TanhNormal, return_log_prob=True,
        )  # fmt: skip
        value = ValueOperator(network(state_size + action_size, 1), in_keys=["observation", "action"])
        self.loss = SACLoss(actor, value, num_qvalue_nets=2, loss_function="l2", target_entropy=-float(action_size))
        self.loss.make_value_estimator(gamma=DISCOUNT)
        self.follow = SoftUpdate(self.loss, tau=TAU)
        self.optimizer = torch.optim.AdamW(self.loss.parameters(), lr=RATE, weight_decay=0.0, fused=True)

    def update(self, batch: TensorDict) -> None:
        """One step of everything on transitions `[B]`."""
        losses = self.loss(batch)
        (losses["loss_actor"] + losses["loss_qvalue"] + losses["loss_alpha"]).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.follow.step()
