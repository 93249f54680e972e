"""What every learned part is: a LightningModule with named losses and its own optimiser.

The module that is being fitted (a part alone, a world model, or an agent) sums the losses of the parts inside it, steps
every part's optimiser in the order of declaration and keeps the record. Parts never log.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from tensordict import TensorDictBase
from torch import Tensor

from ..keys import PREVIOUS_ACTION
from ..runs.ranks import mean_over_ranks
from .sequence import transitions
from .sharding import shard
from .update import Parts, Update


class Minibatches:
    """Several minibatches `[K, (E,) B]` in one call of the trainer, which spares small networks most of its cost."""

    def __init__(self, stacked: TensorDictBase) -> None:
        self.stacked = stacked

    def __len__(self) -> int:
        return len(self.stacked)

    def __iter__(self) -> Iterator[TensorDictBase]:
        return iter(self.stacked.unbind(0))

    def to(self, device: torch.device) -> "Minibatches":
        """Lightning calls it; where nothing must move, it takes no time, unlike a TensorDict's."""
        first = next(iter(self.stacked.values(True, True)), None)  # nothing, where there are no minibatches
        return self if first is None or first.device == device else Minibatches(self.stacked.to(device))


class Model(pl.LightningModule, ABC):
    """A part that is learned from transitions.

    A batch is a TensorDict of transitions (see `keys.py`) of shape `[B]`, or `[E, B]` when the members of an ensemble
    see different data, or of sequences of frames, of shape `[B]`. A loader may also yield `Minibatches`: one optimiser
    step is taken for each.

    Attributes:
        members: E, of an ensemble whose members may see different data; 1 for any other model.
        sequences: whether it learns from sequences of frames (see `keys.SEQUENCE`) instead of transitions.

    Args:
        learning_rate: of AdamW, for the parameters that belong to this part and to no part inside it.
        weight_decay: of AdamW (decoupled).
        gradient_clip: largest norm of this part's gradient, or None.
        update: how updates are made when this is the module that is fitted.
    """

    sequences: bool = False

    def __init__(
        self,
        *,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
        update: Update | None = None,
    ) -> None:
        super().__init__()
        self.update = Update() if update is None else update
        self.automatic_optimization = False
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.gradient_clip = gradient_clip
        self.members = 1
        self._record: list[dict[str, Tensor]] = []
        self._skipped = 0  # updates since the record was last taken
        self._notes: dict[str, Tensor] = {}  # of the loss that is being worked out
        self._parts = Parts([], [], [])  # found when the optimisers are made

    @abstractmethod
    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        """The scalars to minimise, by name."""

    def evaluate(self, batch: TensorDictBase) -> dict[str, Tensor]:
        """Scores on held-out transitions `[B]`, by name; called without gradients. By default the losses."""
        return self.loss(batch)

    def parts(self) -> dict[str, "Model"]:
        """The models inside this one, by name, in the order of declaration."""
        return {name: part for name, part in self.named_children() if isinstance(part, Model)}

    def prepare(self, batch: TensorDictBase) -> None:
        """Writes into a batch `[*B]` what is worked out once for all minibatches of a call.

        What does not depend on the weights a loss works out itself where it is missing. By default asks the parts.
        """
        for part in self.parts().values():
            part.prepare(batch)

    def adapt(self, batch: TensorDictBase) -> None:
        """Sees every transition `[B]` once, before it is trained on: for normalisers. By default asks the parts.

        Where experience comes in frames, these have no images: `observation` is missing, or has its vectors alone.
        """
        for part in self.parts().values():
            part.adapt(batch)

    def select(self, scores: dict[str, Tensor]) -> None:
        """Takes what `evaluate` gave on the whole held-out set: for elites. By default asks the parts."""
        for part in self.parts().values():
            part.select(scores)

    def note(self, name: str, value: Tensor) -> None:
        """Within a loss: reports a scalar that is not minimised as `name`, its mean over an epoch's updates.

        Where no gradients are wanted, as in a validation, it does nothing.
        """
        if torch.is_grad_enabled():
            self._notes[name] = value.detach()

    def resting(self) -> Sequence["Model"]:
        """Of the fitted module: which parts the next update leaves as they are. By default none."""
        return ()

    def follow(self) -> None:
        """Called after every update of the fitted module: for target networks. By default nothing."""

    # ------------------------------------------------------------------ Lightning's hooks, for whatever is fitted

    def configure_model(self) -> None:
        """The last moment before the model is shared between processes.

        Raises:
            ValueError: with several devices and nothing to learn, which has nothing to share.
        """
        if self.trainer.world_size > 1 and not self.learned_parts():
            raise ValueError(f"trainer.devices: need 1, since nothing is learned here, got {self.trainer.world_size}")
        shard(self)

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        parts = self.learned_parts()
        every = [part for part in self.modules() if isinstance(part, Model)]
        clipped = [part for part in parts if part.gradient_clip is not None]
        self._parts = Parts(every, clipped, [part for part in every if type(part).follow is not Model.follow])
        optimizers = [part.make_optimizer() for part in parts]
        if not optimizers:  # nothing is learned (known physics, a random policy), yet the loop needs an optimiser
            optimizers = [torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=0.0)]
        return optimizers

    def training_step(self, batch: TensorDictBase | Minibatches, batch_idx: int) -> None:
        optimizers: Any = self.optimizers()
        optimizers = optimizers if isinstance(optimizers, list) else [optimizers]
        rows = batch.stacked if isinstance(batch, Minibatches) else batch[None]
        if not len(rows):
            return
        self.prepare(rows)
        losses = self.update.make(self, rows, optimizers, self._parts)
        self._record += losses
        self._skipped += len(rows) - len(losses)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_current_fx_name":  # Lightning sets it a dozen times an update, and a module's own way is slow
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def on_train_start(self) -> None:
        for batch in self.trainer.train_dataloader or ():
            rows = (batch.stacked if isinstance(batch, Minibatches) else batch).reshape(-1)
            self.adapt(transitions(rows) if PREVIOUS_ACTION in rows.keys() else rows)  # noqa: SIM118

    def validation_step(self, batch: TensorDictBase, batch_idx: int) -> None:
        scores: dict[str, Tensor] = {}
        if len(batch):  # nothing is held out as long as there are few episodes
            scores = {name: score.detach() for name, score in self.evaluate(batch).items()}
        scores = mean_over_ranks(scores, len(batch), self.device)
        if scores:
            self.select(scores)
            means = {f"validation/{name}": score.mean() for name, score in scores.items()}
            self.log_dict(means, logger=False, batch_size=1)

    def on_train_epoch_end(self) -> None:
        self.log_dict(self.taken_losses())

    def taken_losses(self) -> dict[str, float]:
        """The means of `loss/<name>` and of what was noted since the last call, and how many updates were skipped."""
        record, self._record = self._record, []
        skipped, self._skipped = self._skipped, 0
        names = dict.fromkeys(name for row in record for name in row)  # parts that rest in an update have no loss in it
        means = {
            name: torch.stack([row[name].to(self.device) for row in record if name in row]).mean() for name in names
        }
        if not means and not skipped:
            return {}
        return {**{name: mean.item() for name, mean in means.items()}, "train/skipped_updates": skipped}

    def counters(self) -> dict[str, int | float]:
        """How far the fit is."""
        return {"epoch": self.trainer.current_epoch, "optimizer_steps": self.trainer.global_step}

    # ------------------------------------------------------------------ optimisers

    def learned_parts(self) -> list["Model"]:
        """This model and the models inside it that have parameters of their own, in the order of declaration."""
        return [part for part in self.modules() if isinstance(part, Model) and part.own_parameters()]

    def units(self) -> list["Model"]:
        """The models inside this one, or itself, whose weights nothing reads during a fit but their own losses.

        Together they hold all that is learned; see `sharding.py`. By default this one.
        """
        return [self]

    def own_parameters(self) -> list[torch.nn.Parameter]:
        """Trainable parameters that belong to this model and to no model inside it."""
        inner: Iterable[Model] = (part for part in self.modules() if isinstance(part, Model) and part is not self)
        taken = {id(parameter) for part in inner for parameter in part.parameters()}
        return [p for p in self.parameters() if p.requires_grad and id(p) not in taken]

    def make_optimizer(self) -> torch.optim.Optimizer:
        """AdamW over the part's own parameters; fused, which halves its time for small networks."""
        return torch.optim.AdamW(
            self.own_parameters(), lr=self.learning_rate, weight_decay=self.weight_decay, fused=True
        )
