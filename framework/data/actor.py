"""The policy that a TorchRL collector runs: whatever acts now, with what it remembers, told what came of it."""

from collections.abc import Callable, Sequence

import torch
from tensordict import TensorDict, TensorDictBase
from tensordict.nn import TensorDictModuleBase
from torchrl.data import Composite
from torchrl.envs import Compose, EnvBase, InitTracker, TensorDictPrimer, Transform, TransformedEnv

from ..keys import ACTION, DONE, FAULTY, OBSERVATION, TRANSITION
from ..runs.phases import Phases
from .play import Behaviour

NEXT = [key[1] for key in TRANSITION if isinstance(key, tuple)]


class Observing(Transform):
    """Hands on every step of an environment as it is made, and changes nothing.

    Args:
        tell: takes what the step began with and what came of it, `[num_envs]` each.
    """

    def __init__(self, tell: Callable[[TensorDictBase, TensorDictBase], None]) -> None:
        super().__init__()
        self.tell = tell

    def _step(self, tensordict: TensorDictBase, next_tensordict: TensorDictBase) -> TensorDictBase:
        self.tell(tensordict, next_tensordict)
        return next_tensordict


class Actor(TensorDictModuleBase):
    """Lets one of several policies act on a batch of environments, moving tensors to its device and back.

    It holds the policies without registering their parameters, so the collector reads live weights.

    Args:
        choose: which policy acts now.
        policies: all that may ever act; the memory of each is carried.
        phases: where the time spent planning is counted.
    """

    def __init__(self, choose: Callable[[], Behaviour], policies: Sequence[Behaviour], phases: Phases) -> None:
        super().__init__()
        self.choose = choose
        self.policies = tuple(policies)
        self.phases = phases
        self.memory_spec = Composite()
        for policy in policies:
            self.memory_spec.update(policy.memory_spec)
        self.memory_keys = list(self.memory_spec.keys(True, True))
        self.in_keys = ["observation", "is_init", *self.memory_keys]
        self.out_keys = ["action", *self.memory_keys, *(("next", key) for key in self.memory_keys)]
        self.resumed: TensorDictBase | None = None
        self.acted: tuple[Behaviour, ...] = ()  # the latest, in a tuple, so that its parameters are not registered

    def primed(self, env: EnvBase) -> EnvBase:
        """The environment with `is_init`, and with zeros for all that is remembered at the start of an episode."""
        transforms: list[torch.nn.Module] = [InitTracker()]
        if self.memory_keys:
            transforms.append(TensorDictPrimer(self.memory_spec.clone(), default_value=0.0, expand_specs=True))
        if any(policy.observes for policy in self.policies):
            transforms.append(Observing(self.tell))
        return TransformedEnv(env, Compose(*transforms))

    def tell(self, td: TensorDictBase, following: TensorDictBase) -> None:
        """Shows the policy that acted `[num_envs]` what came of it, if it wants to know."""
        (policy,) = self.acted
        if not policy.observes:
            return
        steps = td.select(OBSERVATION, ACTION).set("next", following.select(*NEXT))
        fine = ~following[FAULTY[1]][..., 0]
        with self.phases("fit"):
            policy.observe((steps if fine.all() else steps[fine]).to(policy.device))

    def resume(self, memory: TensorDictBase) -> None:
        """Gives back what was remembered in interrupted episodes, at the next step."""
        self.resumed = memory

    def memory(self, last: TensorDictBase) -> TensorDict:
        """What must be carried past the last recorded step `[num_envs]`."""
        carried = {key: last["next", key] for key in self.memory_keys}
        return TensorDict({**carried, "is_init": last[DONE]}, last.batch_size)

    def forward(self, td: TensorDictBase) -> TensorDictBase:
        if self.resumed is not None:
            td.update(self.resumed)
            self.resumed = None
        policy = self.choose()
        self.acted = (policy,)
        inputs = td.select(*self.in_keys).to(policy.device)
        with self.phases("plan"), torch.no_grad():
            output = policy(inputs).cpu()
        td["action"] = output["action"]
        for key in policy.memory_spec.keys(True, True):
            td[key] = output[key]
            td["next", key] = output["next", key]
        return td
