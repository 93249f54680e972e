"""The policy that a TorchRL collector runs: whatever acts now, with what it remembers."""

from collections.abc import Callable, Sequence

import torch
from tensordict import TensorDict, TensorDictBase
from tensordict.nn import TensorDictModuleBase
from torchrl.data import Composite
from torchrl.envs import Compose, EnvBase, InitTracker, TensorDictPrimer, TransformedEnv

from ..keys import DONE
from ..runs.phases import Phases
from .play import Behaviour


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
        self.phases = phases
        self.memory_spec = Composite()
        for policy in policies:
            self.memory_spec.update(policy.memory_spec)
        self.memory_keys = list(self.memory_spec.keys(True, True))
        self.in_keys = ["observation", "is_init", *self.memory_keys]
        self.out_keys = ["action", *self.memory_keys, *(("next", key) for key in self.memory_keys)]
        self.resumed: TensorDictBase | None = None

    def primed(self, env: EnvBase) -> EnvBase:
        """The environment with `is_init`, and with zeros for all that is remembered at the start of an episode."""
        transforms: list[torch.nn.Module] = [InitTracker()]
        if self.memory_keys:
            transforms.append(TensorDictPrimer(self.memory_spec.clone(), default_value=0.0, expand_specs=True))
        return TransformedEnv(env, Compose(*transforms))

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
        inputs = td.select(*self.in_keys).to(policy.device)
        with self.phases("plan"), torch.no_grad():
            output = policy(inputs).cpu()
        td["action"] = output["action"]
        for key in policy.memory_spec.keys(True, True):
            td[key] = output[key]
            td["next", key] = output["next", key]
        return td
