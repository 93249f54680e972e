"""The seam of every agent: a LightningModule that acts as a TorchRL policy and learns from what it did.

It reads `observation`, `is_init` and what it remembers from a tensordict, and writes `action` and what it will remember
into it. Nothing about an episode is kept in the module, so one agent serves any number of environments at once.
"""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from copy import deepcopy
from typing import Any

import torch
from tensordict import TensorDictBase
from torch import Tensor
from torchrl.data import Composite

from ..data.experience import Experience
from ..models.base import Minibatches, Model
from ..models.update import Update
from ..models.world_model import WorldModel
from ..runs.fit_loop import uncounted
from ..runs.metrics import report
from ..runs.random_states import set_generator
from ..runs.ranks import gathered, gathered_at_first, means, means_over_ranks, rank
from ..runs.stopping import Stopped, asked


class Agent(Model):
    """Acts, and learns by the losses of its parts.

    Attributes:
        memory_spec: what is carried from step to step, by name, each entry without batch dimensions; the agent reads
            entry m from `m` and writes it to `("next", m)`. Experience starts an episode with zeros.
        world_model: the model of the world, or None for an agent that has none.
    """

    def __init__(
        self,
        *,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
        update: Update | None = None,
    ) -> None:
        super().__init__(
            learning_rate=learning_rate, weight_decay=weight_decay, gradient_clip=gradient_clip, update=update
        )
        self.memory_spec = Composite()
        self.world_model: WorldModel | None = None
        self._generator: torch.Generator | None = None
        self._resumed: Tensor | None = None  # the generator's state, until the agent is on its device

    @abstractmethod
    def forward(self, td: TensorDictBase) -> TensorDictBase:
        """Reads `observation [B, O]`, `is_init [B, 1]`; writes `action [B, A]` and each remembered `("next", m)`."""

    def observe(self, td: TensorDictBase) -> None:
        """Sees the transitions `[B]` (`keys.TRANSITION`) of the step it just took, one of each environment.

        An agent that overrides it learns as it acts. Called in collecting alone, in the process that learns, without
        the steps in which an environment failed. What is learned must be in the agent's `state_dict`: a collection that
        is given up takes it back. By default nothing.
        """

    @property
    def observes(self) -> bool:
        """Whether it learns from each step as it takes it."""
        return type(self).observe is not Agent.observe

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        """The losses of the world model; an agent without one has none."""
        return {} if self.world_model is None else self.world_model.loss(batch)

    def evaluate(self, batch: TensorDictBase) -> dict[str, Tensor]:
        return self.loss(batch) if self.world_model is None else self.world_model.evaluate(batch)

    @property
    def generator(self) -> torch.Generator:
        """The agent's own source of chance, on its device; saved in checkpoints."""
        if self._generator is None or self._generator.device != self.device:
            seed = torch.initial_seed() if self._generator is None else self._generator.initial_seed()
            self._generator = torch.Generator(self.device).manual_seed(seed)
        return self._generator

    def acting(self) -> "Agent":
        """A copy that acts and never learns, without trainer and gradients: what is sent to a worker."""
        copy = deepcopy(self)  # leaves the trainer out, as Lightning has it
        for part in copy.modules():
            if isinstance(part, Agent):
                part._generator = None
        for parameter in copy.parameters():
            parameter.requires_grad_(False)
            parameter.grad = None
        return copy

    @contextmanager
    def seeded(self, seed: int) -> Iterator[None]:
        """Acts from another source of chance for a while, as an evaluation does, so that training is not disturbed."""
        kept, self._generator = self._generator, torch.Generator(self.device).manual_seed(seed)
        try:
            yield
        finally:
            self._generator = kept

    def begin_collection(self, env_steps: int) -> None:
        """Called before each collection, with the environment steps so far: for schedules. By default nothing."""

    def counted(self) -> dict[str, float]:
        """What it counted while acting since the last call, by metric."""
        return {}

    def further_state(self) -> dict[str, Any]:
        """What a checkpoint keeps besides weights and experience, of this process: tensors and numbers, by name.

        By default nothing. Asked of an agent inside another one, too.
        """
        return {}

    def load_further_state(self, state: dict[str, Any]) -> None:
        """Takes what `further_state` gave."""

    def agents(self) -> dict[str, "Agent"]:
        """This agent and those inside it, by the path of their names; its own is empty."""
        return {name: part for name, part in self.named_modules() if isinstance(part, Agent)}

    # ------------------------------------------------------------------ Lightning's hooks

    def configure_model(self) -> None:
        """See `Model`.

        Raises:
            ValueError: with several devices, of an agent that learns as it acts: nothing would keep its copies alike.
        """
        devices = self.trainer.world_size
        if devices > 1 and self.observes:
            raise ValueError(
                f"trainer.devices: need 1, since {type(self).__name__} learns as it acts, each process something else; "
                f"got {devices}"
            )
        super().configure_model()

    def counters(self) -> dict[str, int | float]:
        return {**super().counters(), **({} if self.experience is None else self.experience.counters())}

    @property
    def experience(self) -> Experience | None:
        """What the agent gathers its data with in this fit, or None where it is fitted to a fixed data set."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        return data if isinstance(data, Experience) else None

    def on_fit_start(self) -> None:
        if self._resumed is not None:
            set_generator(self.generator, self._resumed, "the agent")
            self._resumed = None
        experience = self.experience
        if experience is None:
            return
        if experience.env_steps == 0:
            self._generator = torch.Generator(self.device).manual_seed(experience.seed + 7919 * rank())
        if experience.collection_due and not experience.finished:  # a finished run goes on with more steps
            with suppress(Stopped):  # before anything was fitted; seen to when training starts
                self.gather(experience)

    def on_train_start(self) -> None:
        experience = self.experience
        if experience is None:
            super().on_train_start()  # else the normalisers have seen each transition as it was gathered
        elif experience.any_asked(asked()) or (experience.collection_due and experience.finished):
            self.trainer.should_stop = True  # nothing is left but what watches at the end

    def training_step(self, batch: TensorDictBase | Minibatches, batch_idx: int) -> None:
        with nullcontext() if self.experience is None else self.experience.phases("fit"):
            super().training_step(batch, batch_idx)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self.experience is not None:
            self.experience.updated(len(batch) if isinstance(batch, Minibatches) else 1)

    def on_validation_epoch_end(self) -> None:
        scores = [value for name, value in self.trainer.callback_metrics.items() if name.startswith("validation/")]
        if self.experience is not None and scores:
            self.experience.schedule.validated(torch.stack(scores).sum().item())

    def on_train_epoch_end(self) -> None:
        experience = self.experience
        if experience is None:
            super().on_train_epoch_end()
            return
        if experience.calls_made:  # the epoch was cut short, and is reported when the resumed run has ended it
            self.trainer.should_stop = True
            return
        validation = {k: v.item() for k, v in self.trainer.callback_metrics.items() if k.startswith("validation/")}
        report(self.trainer, {**means_over_ranks(self.taken_losses()), **validation})
        if experience.any_asked(asked()) or (experience.collection_due and experience.finished):
            self.trainer.should_stop = True
        elif experience.collection_due:
            try:
                self.gather(experience)
            except Stopped:
                self.trainer.should_stop = True

    def gather(self, experience: Experience) -> None:
        """Collects with the agent as it is; the normalisers see the new transitions.

        Raises:
            Stopped: where the run shall stop; then everything is as before.
        """
        self.begin_collection(experience.env_steps)
        self.adapt(experience.collect())
        every = gathered((experience.training_returns, experience.training_lengths, experience.environment_faults))
        told = means_over_ranks({**self.counted(), **means(experience.counted)})
        experience.training_returns, experience.training_lengths, experience.counted = [], [], []
        returns = [value for values, _, _ in every for value in values]
        lengths = [steps for _, values, _ in every for steps in values]
        faults = sum(count for _, _, count in every)
        if returns:
            told |= {"train/return": sum(returns) / len(returns), "train/episodes": len(returns)}
            told["train/length"] = sum(lengths) / len(lengths)
        if faults:  # of the run so far
            told["train/environment_faults"] = faults
        if told:
            report(self.trainer, told)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        own = {
            "generator": self.generator.get_state(),
            "losses": self._record,
            "skipped": self._skipped,
            "in_a_row": self.update.guard.in_a_row,
            "further": {name: part.further_state() for name, part in self.agents().items()},
        }
        checkpoint["agent"] = gathered_at_first(own)
        if self.experience is not None and self.experience.calls_made:
            uncounted(checkpoint["loops"]["fit_loop"], self.experience.calls_per_epoch)
            checkpoint["epoch"] -= 1

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        state = checkpoint["agent"][rank()]
        self._resumed = state["generator"]
        self._record, self._skipped = state["losses"], state["skipped"]
        self.update.guard.in_a_row = state["in_a_row"]
        for name, part in self.agents().items():
            part.load_further_state(state["further"][name])
