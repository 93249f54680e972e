"""An environment that gives images, an agent that learns from sequences of them, and an experiment with both."""

from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch
from tensordict import TensorDict
from torch import nn
from torchrl.data import Bounded, Categorical, Composite, Unbounded
from torchrl.envs import EnvBase
from worlds import Counter

from fulgurite.agents.agent import Agent
from fulgurite.data.environments import Environment
from fulgurite.data.experience import Experience
from fulgurite.data.fault_limit import FaultLimit
from fulgurite.data.schedule import Schedule
from fulgurite.models.world_model import WorldModel
from fulgurite.runs.evaluation import Evaluation
from fulgurite.runs.experiment import Experiment

SHAPE = (3, 8, 8)


class Slide:
    """One simulator: a bright column that actions move; episodes of 5 to 11 steps, every other one terminates."""

    def __init__(self, index: int) -> None:
        self.index, self.episode, self.time, self.place = index, -1, 0, 0.0
        self.restored = False

    @property
    def number(self) -> int:
        """Of the episode, among those of eight simulators."""
        return 32 * self.index % 256 + self.episode

    @property
    def seed(self) -> int:
        return self.number

    @property
    def length(self) -> int:
        return 5 + 3 * self.number % 7

    def reset(self) -> None:
        """Begins an episode, or goes on where it was put back."""
        if not self.restored:
            self.episode, self.time, self.place = self.episode + 1, 0, 3.0
        self.restored = False

    def step(self, action: float) -> float:
        self.time += 1
        self.place = min(max(self.place + action, 0.0), 7.0)
        return self.place

    def state(self) -> dict[str, Any]:
        return {"seed": self.seed, "episode": self.episode, "time": self.time, "place": self.place}

    def restore(self, state: dict[str, Any]) -> None:
        self.episode, self.time, self.place = state["episode"], state["time"], state["place"]
        self.restored = True

    def observe(self) -> torch.Tensor:
        image = torch.zeros(SHAPE, dtype=torch.uint8)
        image[0, :, int(self.place)] = 255
        image[1], image[2] = self.time, self.number
        return image


class Slides(EnvBase):
    """Several of them; a camera, and where wanted a vector beside it. The step `faulty_at` of the first one fails."""

    def __init__(self, count: int, first: int, nested: bool, faulty_at: int) -> None:
        super().__init__(device="cpu", batch_size=torch.Size([count]))
        self.simulators = [Slide(first + i) for i in range(count)]
        self.faults, self.nested, self.faulty_at = FaultLimit(5), nested, faulty_at
        flag = Categorical(2, shape=(count, 1), dtype=torch.bool)
        image = Unbounded((count, *SHAPE), dtype=torch.uint8)
        seen = Composite({"camera": image, "place": Unbounded((count, 1))}, shape=(count,)) if nested else image
        self.observation_spec = Composite({"observation": seen, "faulty": flag.clone()}, shape=(count,))
        self.action_spec = Bounded(-torch.ones(count, 1), torch.ones(count, 1))
        self.reward_spec = Unbounded((count, 1))
        self.full_done_spec = Composite(
            {name: flag.clone() for name in ("done", "terminated", "truncated")}, shape=(count,)
        )

    def _seen(self, **flags: list[bool]) -> TensorDict:
        seen: Any = torch.stack([one.observe() for one in self.simulators])
        if self.nested:
            places = torch.tensor([[one.place] for one in self.simulators])
            seen = TensorDict({"camera": seen, "place": places}, self.batch_size)
        names = ("done", "terminated", "truncated", "faulty")
        none = [False] * len(self.simulators)
        entries = {name: torch.tensor(flags.get(name, none))[:, None] for name in names}
        return TensorDict({"observation": seen, **entries}, self.batch_size)

    def _reset(self, tensordict: Any = None, **options: Any) -> TensorDict:
        which = range(len(self.simulators))
        if tensordict is not None and "_reset" in tensordict:
            which = tensordict["_reset"][:, 0].nonzero()[:, 0].tolist()
        for i in which:
            self.simulators[i].reset()
        return self._seen()

    def _step(self, tensordict: Any) -> TensorDict:
        self.faults.stepped(len(self.simulators))
        actions = tensordict["action"][:, 0].tolist()
        rewards = [one.step(action) for one, action in zip(self.simulators, actions, strict=True)]
        faulty = [self.faults.steps == self.faulty_at] + [False] * (len(self.simulators) - 1)
        if faulty[0]:
            self.simulators[0].time = self.simulators[0].length
        over = [one.time == one.length for one in self.simulators]
        ended = [end and one.number % 2 == 0 for end, one in zip(over, self.simulators, strict=True)]
        terminated = [end and not fault for end, fault in zip(ended, faulty, strict=True)]
        truncated = [end and not task for end, task in zip(over, terminated, strict=True)]
        seen = self._seen(done=over, terminated=terminated, truncated=truncated, faulty=faulty)
        return seen.set("reward", torch.tensor(rewards)[:, None])

    def _set_seed(self, seed: int | None) -> None:
        pass


class Pictures(Environment):
    """The recipe for them."""

    def __init__(self, num_envs: int = 2, nested: bool = False, faulty_at: int = -1) -> None:
        super().__init__("tests/Pictures-v0", num_envs)
        self.nested, self.faulty_at = nested, faulty_at

    def make(self, seed: int, rank: int = 0, first: int = 0) -> Any:
        return Slides(self.num_envs, 10 * rank + first, self.nested, self.faulty_at)

    @property
    def observation_shape(self) -> Any:
        return {"camera": SHAPE, "place": (1,)} if self.nested else SHAPE

    @property
    def action_size(self) -> int:
        return 1


class Looking(WorldModel):
    """Tells the reward of a frame from its image and the action that led to it, and notes what it was given."""

    sequences = True

    def __init__(self) -> None:
        super().__init__(Counter(), lambda state, action, next_state: next_state[..., 0])
        self.network = nn.Linear(3 * 8 * 8 + 1, 1)
        self.adapted: list[set] = []

    def prepare(self, batch: Any) -> None:
        pass

    def adapt(self, batch: Any) -> None:
        self.adapted.append(set(batch.keys(True, True)))

    def loss(self, batch: Any) -> dict[str, torch.Tensor]:
        assert batch["observation"].dtype == torch.uint8
        image = batch["observation"].flatten(2).float() / 255 - 0.5  # [B, L, D]
        error = self.network(torch.cat([image, batch["previous_action"]], -1)) - batch["reward"]
        return {"reward": error.masked_fill(batch["is_init"], 0.0).square().mean()}

    def evaluate(self, batch: Any) -> dict[str, torch.Tensor]:
        return self.loss(batch)

    def select(self, scores: Any) -> None:
        pass


class Watching(Agent):
    """Moves by chance, more when the image is bright, so that what it does depends on what it sees and has learned."""

    def __init__(self) -> None:
        super().__init__()
        self.world_model = Looking()

    def forward(self, td: Any) -> Any:
        image = td["observation"].flatten(1).float() / 255 - 0.5
        idle = torch.zeros(len(td), 1)
        noise = torch.rand(len(td), 1, generator=self.generator)
        liked = self.world_model.network(torch.cat([image, idle], -1)).tanh()
        td["action"] = (0.3 * liked + 2 * noise - 1).clamp(-1, 1)
        return td


class SaveAt(pl.callbacks.Checkpoint):
    """Saves once, at the end of the epoch after which so many environment steps were made."""

    def __init__(self, env_steps: int) -> None:
        self.env_steps = env_steps

    def on_train_epoch_end(self, trainer, pl_module):
        if trainer.datamodule.env_steps == self.env_steps:
            trainer.save_checkpoint(f"{trainer.default_root_dir}/checkpoints/step-{self.env_steps}")


def pictures(seed: int = 0, callbacks: dict[str, pl.Callback] | None = None, **changes: Any) -> Experiment:
    """Collections of 20 steps, with 10 updates after each; `changes` are arguments of the experience."""
    torch.manual_seed(seed)
    environment = changes.pop("environment", Pictures())
    agent = Watching()
    arguments = {
        "max_env_steps": 100, "warmup_env_steps": 40, "env_steps_per_collection": 20, "batch_size": 4,
        "schedule": Schedule(0.5, 10), "updates_per_epoch": 10, "updates_per_call": 5, "held_out_share": 0.3,
        "capacity": 70, "sequence_length": 6, "seed": seed,
    }  # fmt: skip
    trainer: Any = partial(
        pl.Trainer, max_epochs=-1, accelerator="cpu", num_sanity_val_steps=0,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    return Experiment(
        seed=seed,
        environment=environment,
        experience=Experience(environment, agent, **{**arguments, **changes}),
        agent=agent,
        evaluation=Evaluation(environment, episodes=3),
        callbacks=callbacks,
        trainer=trainer,
    )
