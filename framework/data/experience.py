"""Experience: what the agent did, kept, and handed out as the batches that are due.

    collect() -> extend the buffer -> a fixed number of updates an epoch -> ... -> collect()

One Lightning epoch is a fixed, rank-independent number of updates. The agent calls `collect` at the start of the fit
and at the end of each epoch after which no more updates are due, so collecting never runs beside training.
"""

import logging
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any

import pytorch_lightning as pl
import torch
from tensordict import TensorDictBase

from ..keys import TRAJECTORY
from ..runs.checkpoint import FolderCheckpointIO
from ..runs.phases import Phases
from ..runs.random_states import INEXACT
from ..runs.ranks import gathered, gathered_at_first, most_over_ranks, rank, world_size
from ..runs.stopping import Stopped, ask, asked, give_up_if_asked
from .batches import HeldOut, Updates
from .collector import Collecting, Collector, Task, exact
from .environments import Environment
from .episodes import EnvironmentFault
from .frame_dataset import check_length
from .in_process import InProcess
from .latest_collection import OnPolicy
from .play import Behaviour
from .remembered import Remembered
from .replay import Replay
from .replay_choice import Wanted, check_on_policy, check_sequences, replay
from .schedule import Schedule

log = logging.getLogger(__name__)


class Experience(pl.LightningDataModule):
    """Collects with the agent and feeds it.

    Args:
        environment: where experience is made.
        agent: what acts, with its live weights.
        seed: of resets, batches and bootstrap; each rank derives its own.
        max_env_steps: ends the run; counted over all ranks, with action repeat.
        warmup_env_steps: made by `base_policy` before the first update.
        env_steps_per_collection: made on each rank between updates; a multiple of num_envs times action_repeat, times
            the collector's workers.
        base_policy: what acts first; None for the agent itself.
        batch_size: B, of each member; of sequences, where these are handed out.
        bootstrap: whether each member of the agent's ensemble trains on its own resample, or all on the same batches,
            as they always do on images and sequences.
        schedule: how many updates are due after each collection.
        updates_per_epoch: the unit in which updates are done and validated.
        updates_per_call: updates in one `training_step`, which spreads the trainer's cost.
        held_out_share: of trajectories that are kept for validation, whole; none where the agent learns on-policy.
        validation_size: held-out transitions that a validation looks at, at most; frames, of sequences.
        capacity: transitions in the buffer; then the oldest are overwritten. An agent that learns on-policy is handed
            its latest collection, whatever the capacity. Where observations have images, and for sequences, frames: an
            episode of T transitions has T + 1, and each image is kept once.
        sequence_length: L, frames of the sequences (`keys.SEQUENCE`) that are handed out instead of transitions. The
            batches of a call are gathered at once: with images, few `updates_per_call` keep them small.
        on_disk: whether images lie in a file in the run's folder instead of memory, or in which other folder; None:
            where they take more than half of the free memory. The file is not seen, and goes with the process.
        collector: where the environments are stepped and planned for; in this process by default.

    Raises:
        ValueError: where sizes do not divide or are out of range, where a policy learns as it acts and the collector
            has copies of it act, where the agent's model needs sequences and there is no length, or the reverse, where
            an agent that learns on-policy gets a length or a base policy; from the first use of the buffer, where there
            is no room for it.
    """

    def __init__(
        self,
        environment: Environment,
        agent: Behaviour,
        seed: int = 0,
        max_env_steps: int = 10_000,
        warmup_env_steps: int = 200,
        env_steps_per_collection: int = 200,
        base_policy: Behaviour | None = None,
        batch_size: int = 256,
        bootstrap: bool = True,
        schedule: Schedule | None = None,
        updates_per_epoch: int = 100,
        updates_per_call: int = 20,
        held_out_share: float = 0.1,
        validation_size: int = 2048,
        capacity: int = 1_000_000,
        sequence_length: int | None = None,
        on_disk: bool | str | Path | None = None,
        collector: Collector | None = None,
    ) -> None:
        super().__init__()
        self.collector = InProcess() if collector is None else collector
        self.policies = [policy for policy in (agent, base_policy) if policy is not None]
        learns = [type(policy).__name__ for policy in self.policies if policy.observes]
        if learns and self.collector.copies:
            raise ValueError(
                f"collector: need InProcess, since {learns[0]} learns as it acts, got {type(self.collector).__name__}, "
                "in which copies of it act"
            )
        unit = environment.num_envs * environment.action_repeat * self.collector.workers
        for name, size, divisor in (
            ("env_steps_per_collection", env_steps_per_collection, unit),
            ("updates_per_epoch", updates_per_epoch, updates_per_call),
        ):
            if size < 1 or size % divisor:
                raise ValueError(f"{name}: need a positive multiple of {divisor}, got {size}")
        if not 0 <= held_out_share < 1:
            raise ValueError(f"held_out_share: need a number in [0, 1), got {held_out_share}")
        self.environment, self.agent, self.base_policy, self.seed = environment, agent, base_policy, seed
        self.max_env_steps, self.warmup_env_steps = max_env_steps, warmup_env_steps
        self.frames = env_steps_per_collection // environment.action_repeat
        self.batch_size, self.validation_size = batch_size, validation_size
        self.schedule = Schedule() if schedule is None else schedule
        self.updates_per_epoch, self.updates_per_call = updates_per_epoch, updates_per_call
        self.held_out_share = held_out_share
        check_length(sequence_length, capacity)
        check_sequences(getattr(agent, "world_model", None), sequence_length)
        check_on_policy(agent, base_policy, sequence_length)
        self.bootstrap, self.capacity, self.sequence_length, self.on_disk = (
            bootstrap,
            capacity,
            sequence_length,
            on_disk,
        )
        self.phases = Phases()
        self.env_steps = 0
        self.gradient_steps = 0
        self.training_returns: list[float] = []
        self.training_lengths: list[int] = []
        self.environment_faults = 0
        self.counted: list[dict[str, float]] = []  # by copies of the policies, in each collection
        self.calls_made = 0
        self.epoch_pending = False  # whether data came in since the last epoch began, which may have no updates
        self._fresh = (0, 0)  # transitions kept, and steps made, since the last whole collection
        self._began, self._earlier_seconds = perf_counter(), 0.0
        self._collection: Collecting | None = None
        self._collection_state: dict[str, Any] | None = None
        self._generator: torch.Generator | None = None

    @cached_property
    def dataset(self) -> Replay:
        """The buffer, which has its room as soon as somebody asks for it.

        Raises:
            ValueError: where there is none.
        """
        steps = max(self.max_env_steps, self.warmup_env_steps)
        mine = -(-steps // (self.environment.action_repeat * world_size())) + self.frames
        members = getattr(self.agent, "members", 1) if self.bootstrap else 1
        most = 2 * mine  # where every episode has one transition
        on_policy = self.agent if isinstance(self.agent, OnPolicy) else None
        wanted = Wanted(self.capacity, most, members, self.sequence_length, self.on_disk, on_policy)
        return replay(self.environment, wanted, self.trainer)

    # ------------------------------------------------------------------ where the run stands

    @property
    def acting(self) -> Behaviour:
        """What acts now: the base policy during the warm-up, then the agent."""
        return self.agent if self.base_policy is None or self.env_steps >= self.warmup_env_steps else self.base_policy

    @property
    def finished(self) -> bool:
        """Whether the environment steps of the run are used up."""
        return self.env_steps >= self.max_env_steps

    @property
    def collection_due(self) -> bool:
        """Whether the model has had its updates on all data so far; never within an epoch, which a stop may cut.

        After a collection there is always an epoch, an empty one where no updates are due.
        """
        return not (self.calls_made or self.epoch_pending or self.schedule.due(self.updates_per_epoch))

    @property
    def calls_per_epoch(self) -> int:
        """Into how many calls the updates of an epoch are put."""
        return self.updates_per_epoch // self.updates_per_call

    def counters(self) -> dict[str, int | float]:
        """`env_steps` over all ranks with action repeat, `gradient_steps`, `wall_seconds` over all resumes."""
        seconds = self._earlier_seconds + perf_counter() - self._began
        return {"env_steps": self.env_steps, "gradient_steps": self.gradient_steps, "wall_seconds": round(seconds, 3)}

    def held_out(self) -> list[TensorDictBase]:
        """The held-out trajectories, `[T]` each; of images, the newest ones (`FrameDataset.trajectories`)."""
        return self.dataset.trajectories()

    # ------------------------------------------------------------------ collecting and updating

    def collect(self) -> TensorDictBase:
        """Acts for one collection, or for the whole warm-up, and returns the new transitions `[B]`, without images.

        A warm-up that was stopped goes on where it was, and its earlier transitions are among those returned.

        Raises:
            EnvironmentFault: where environments failed too often; nothing of that collection is kept.
            Stopped: where the run shall stop; as if the collection, or that part of the warm-up, had not begun.
            ValueError: where there is no room for the buffer.
        """
        target = min(self.warmup_env_steps, self.max_env_steps)
        self._collect_once()
        while self.env_steps < target:
            self._collect_once()
        (rows, frames), self._fresh = self._fresh, (0, 0)
        self.schedule.collected(frames * self.environment.action_repeat)
        self.epoch_pending = True
        return self.dataset.newest(rows)

    def _collect_once(self) -> None:
        dataset = self.dataset  # which has its room before anything is recorded
        with self.phases("collect"):
            if self.env_steps == 0 and self.base_policy is not None:  # on each rank, other chance
                self.base_policy.generator.manual_seed(torch.initial_seed() + 7919 * rank())
            before = self._collection_state if self._collection is None else self._collection.state_dict()
            policies = [Remembered(policy) for policy in self.policies]
            try:
                if self._collection is None:
                    task = Task(self.environment, self._act, self.policies, self.frames, self.seed, rank(), self.phases)
                    self._collection = self.collector.start(task, self._collection_state)
                with self.phases("environment"):
                    collected = self._collection.collect()
            except Stopped:
                collected = None
            except EnvironmentFault:
                self._give_up(before, policies)
                raise
            if self.any_asked(asked() if collected is None else 0) or collected is None:
                self._give_up(before, policies)
                raise Stopped
            rows = collected.rows
            self.training_returns += collected.returns
            self.training_lengths += collected.lengths
            self.environment_faults = collected.faults
            self.counted.append(collected.counted)
            number = rows[TRAJECTORY][:, 0]
            share = self.held_out_share  # every (1 / share)-th episode, not the first ones, which the model needs most
            held_out = ((number + 1) * share).floor() > (number * share).floor()
            for earlier in collected.cut:
                dataset.cut(earlier)
            if len(rows):
                dataset.extend(rows, held_out, self.generator)
            # a step that failed counts, else the ranks would part
            self.env_steps += self.frames * self.environment.action_repeat * world_size()
            self._fresh = (self._fresh[0] + len(rows), self._fresh[1] + self.frames)

    def _give_up(self, before: dict[str, Any] | None, policies: list[Remembered]) -> None:
        """Forgets a collection that has begun."""
        if self._collection is not None:
            self._collection.close()
        self._collection, self._collection_state = None, before
        for policy in policies:
            policy.put_back()

    def _act(self) -> Behaviour:
        """What acts now. A collection may be given up at any step."""
        give_up_if_asked()
        return self.acting

    def any_asked(self, number: int) -> bool:
        """Whether the run shall stop, by the signals of these numbers (0 for none) that came to the ranks.

        Then all of them are asked to, whichever one the signal came to. To be called on all of them.
        """
        most = most_over_ranks(number, self.agent.device)
        if most:
            ask(most)
        return bool(most)

    def updated(self, updates: int) -> None:
        """So many updates were made in a call."""
        self.gradient_steps += updates
        self.schedule.updated(updates)
        if updates:
            self.calls_made = (self.calls_made + 1) % self.calls_per_epoch

    @property
    def generator(self) -> torch.Generator:
        """The source of chance of batches and bootstrap."""
        if self._generator is None:
            self._generator = torch.Generator().manual_seed(self.seed + 104_729 * (rank() + 1))
        return self._generator

    # ------------------------------------------------------------------ Lightning's hooks

    def setup(self, stage: str) -> None:
        if stage == "fit":
            _ = self.dataset  # so that a buffer without room is known before the first step

    def train_dataloader(self) -> Updates:
        return Updates(self)

    def val_dataloader(self) -> HeldOut:
        return HeldOut(self)

    def state_dict(self) -> dict[str, Any]:
        """Of all ranks: each has its own transitions, simulators and chance."""
        writer = None if self.trainer is None else self.trainer.strategy.checkpoint_io
        saved = gathered(writer.parts() if isinstance(writer, FolderCheckpointIO) else [])[0]  # the first one writes
        return {"ranks": gathered_at_first(self._own_state(saved))}

    def _own_state(self, saved: list[str]) -> dict[str, Any]:
        collection = self._collection
        return {
            **self.counters(),
            "calls_made": self.calls_made,
            "epoch_pending": self.epoch_pending,
            "fresh": self._fresh,
            "training_returns": list(self.training_returns),
            "training_lengths": list(self.training_lengths),
            "dataset": self.dataset.state_dict(f"rows-{rank()}", saved),
            "schedule": self.schedule.state_dict(),
            "generator": self.generator.get_state(),
            "base_policy": None if self.base_policy is None else self.base_policy.generator.get_state(),
            "collection": self._collection_state if collection is None else collection.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes this rank's part.

        Raises:
            ValueError: for the state of another number of processes.
        """
        if len(state["ranks"]) != world_size():
            raise ValueError(
                f"the checkpoint was made by {len(state['ranks'])} processes, not {world_size()}: each kept its own "
                f"transitions; need trainer.devices x trainer.num_nodes = {len(state['ranks'])}"
            )
        state = state["ranks"][rank()]
        self.env_steps, self.gradient_steps = int(state["env_steps"]), int(state["gradient_steps"])
        self.calls_made, self._fresh = int(state["calls_made"]), tuple(state["fresh"])
        self.epoch_pending = bool(state["epoch_pending"])
        self.training_returns = [float(value) for value in state["training_returns"]]
        self.training_lengths = [int(steps) for steps in state["training_lengths"]]
        self._earlier_seconds, self._began = float(state["wall_seconds"]), perf_counter()
        self.dataset.load_state_dict(state["dataset"])
        self.schedule.load_state_dict(state["schedule"])
        self.generator.set_state(state["generator"].cpu())
        if self.base_policy is not None and state["base_policy"] is not None:
            self.base_policy.generator.set_state(state["base_policy"].cpu())
        self._collection_state = state["collection"]
        if not exact(state["collection"]):
            log.warning(INEXACT, "a simulator cannot be put back bit by bit")

    def teardown(self, stage: str) -> None:
        if stage == "fit":
            self.close()

    def close(self) -> None:
        """Ends collecting, so that nothing it started is left; a later `collect` goes on from here."""
        if self._collection is not None:
            self._collection_state = self._collection.state_dict()
            self._collection.close()
            self._collection = None
