"""A training step of an ensemble: under Lightning, in a bare PyTorch loop with the same maths, and in mbrl-lib.

Lightning and the bare loop take turns within one `Trainer.fit`: a callback stops the trainer's clock after every chunk
of updates and lets the bare loop do as many. Both sample from the same transitions.
"""

from argparse import Namespace
from collections.abc import Callable
from inspect import signature
from time import perf_counter, process_time
from types import SimpleNamespace

import pytorch_lightning as pl
import torch
from tensordict import TensorDict
from torch import Tensor, nn
from torch.nn.functional import silu, softplus

from fulgurite.data.batches import Updates
from fulgurite.data.buffer import Dataset
from fulgurite.data.experience import Experience
from fulgurite.models.gaussian import GaussianDynamics
from fulgurite.models.known import cart_pole_balance_reward
from fulgurite.models.world_model import WorldModel

from .peer import Peer, available
from .table import Row, compared, tables
from .timing import Chunk, Rounds, Times, timed, use_threads

STATE, ACTION, MEMBERS, TRANSITIONS = 4, 1, 5, 5000
UPDATES_PER_CALL = signature(Experience).parameters["updates_per_call"].default
ROUNDS = 11
SIZES = {
    (200, 200, 200, 200): (256, 3, "<= 1.05"),
    (64, 64): (64, 20, "<= 1.2"),
}  # hidden: batch, calls a chunk, target
PEER = {"32-true": ">= 1.5", "bf16-mixed": ">= 2.4"}  # at 4 x 200


class Bare:
    """The same network, loss, optimiser and sampling in plain PyTorch."""

    def __init__(self, rows: TensorDict, dynamics: GaussianDynamics, batch_size: int) -> None:
        self.state, self.action = rows["observation"].clone(), rows["action"].clone()
        self.change = rows["next", "observation"] - self.state
        self.weights = [nn.Parameter(weight.detach().clone()) for weight in dynamics.network.weights]
        self.biases = [nn.Parameter(bias.detach().clone()) for bias in dynamics.network.biases]
        self.low = nn.Parameter(dynamics.head.min_log_var.detach().clone())
        self.high = nn.Parameter(dynamics.head.max_log_var.detach().clone())
        inputs, outputs = dynamics.input_normalizer, dynamics.change_normalizer
        self.input_mean, self.input_std = inputs.mean.clone(), inputs.std.clone()
        self.change_mean, self.change_std = outputs.mean.clone(), outputs.std.clone()
        parameters = [*self.weights, *self.biases, self.low, self.high]
        self.optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.0, fused=True)
        self.batch_size = batch_size

    def update(self) -> None:
        """One optimiser step."""
        index = torch.randint(len(self.state), (MEMBERS, self.batch_size))
        x = (torch.cat([self.state[index], self.action[index]], -1) - self.input_mean) / self.input_std
        target = (self.change[index] - self.change_mean) / self.change_std
        loss = self.loss(x, target)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def loss(self, x: Tensor, target: Tensor) -> Tensor:
        """The Gaussian negative log-likelihood with bounded variance."""
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = silu(torch.baddbmm(bias, x, weight.mT))
        mean, log_var = torch.baddbmm(self.biases[-1], x, self.weights[-1].mT).chunk(2, -1)
        log_var = self.high - softplus(self.high - log_var)
        log_var = self.low + softplus(log_var - self.low)
        nll = 0.5 * (1.8378770664093453 + log_var + (target - mean).square() * (-log_var).exp())
        return nll.sum(-1).mean(-1).sum() + 0.01 * (self.high.sum() - self.low.sum())


class TakeTurns(pl.Callback):
    """Times chunks of the trainer's updates, and lets the others do a chunk after each."""

    def __init__(self, calls: int, others: dict[str, Chunk]) -> None:
        self.calls, self.others = calls, others
        self.rounds: Rounds = {"ours": [], **{name: [] for name in others}}
        self.wall = self.cpu = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.wall, self.cpu = perf_counter(), process_time()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs, batch, batch_idx) -> None:
        if (batch_idx + 1) % self.calls:
            return
        ours = Times(perf_counter() - self.wall, process_time() - self.cpu).per(self.calls * UPDATES_PER_CALL)
        taken = {name: chunk() for name, chunk in self.others.items()}
        if batch_idx + 1 > self.calls:  # the first chunk warms up
            for name, times in {"ours": ours, **taken}.items():
                self.rounds[name].append(times)
        self.wall, self.cpu = perf_counter(), process_time()


def transitions() -> TensorDict:
    """Cart-pole-like rows `[TRANSITIONS]` in the replay buffer's layout."""
    state, never = torch.randn(TRANSITIONS, STATE), torch.zeros(TRANSITIONS, 1, dtype=torch.bool)
    following = {"observation": state + 0.1 * torch.randn_like(state), "reward": torch.ones(TRANSITIONS, 1)}
    following |= {"terminated": never, "truncated": never, "done": never}
    number = torch.arange(TRANSITIONS)[:, None] // 200
    action = torch.rand(TRANSITIONS, ACTION) * 2 - 1
    return TensorDict({"observation": state, "action": action, "trajectory": number, "next": following}, [TRANSITIONS])


def measure(hidden: tuple[int, ...], precision: str, others: Callable[[Bare], dict[str, Chunk]]) -> Rounds:
    """Times of one update, ours under Lightning and those of the others."""
    batch_size, calls, _ = SIZES[hidden]
    torch.manual_seed(0)
    rows = transitions()
    data = Dataset(TRANSITIONS, MEMBERS)
    data.extend(rows, torch.zeros(TRANSITIONS, dtype=torch.bool), torch.Generator().manual_seed(0))
    dynamics = GaussianDynamics(STATE, ACTION, MEMBERS, hidden=hidden)
    bare = Bare(rows, dynamics, batch_size)
    turns = TakeTurns(calls, others(bare))
    trainer = pl.Trainer(
        max_epochs=1, accelerator="cpu", devices=1, precision=precision, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, callbacks=[turns],
    )  # fmt: skip
    batches = Updates(  # what Experience trains from, without an environment
        SimpleNamespace(
            dataset=data,
            batch_size=batch_size,
            updates_per_call=UPDATES_PER_CALL,
            calls_per_epoch=calls * (ROUNDS + 1),
            generator=torch.Generator().manual_seed(0),
            calls_made=0,
            any_rank=lambda decision: decision,
        )
    )
    trainer.fit(WorldModel(dynamics, cart_pole_balance_reward), batches)
    return turns.rounds


def rows(threads: int) -> list[Row]:
    """Against the bare loop, and against mbrl-lib in both precisions."""
    use_threads(threads)
    found = []
    for hidden, (batch_size, calls, target) in SIZES.items():
        updates = calls * UPDATES_PER_CALL
        rounds = measure(hidden, "32-true", lambda bare, n=updates: {"bare": timed(bare.update, n)})
        size = f"update, {MEMBERS} x [{len(hidden)} x {hidden[0]}], batch {batch_size}"
        found.append(compared(f"{size}: Lightning / bare loop", threads, rounds, "ours", "bare", target, speedup=False))
    if not available():
        return found
    hidden, (batch_size, _, _) = next(iter(SIZES.items()))
    peer = Peer("mbrl_training_step.py", str(hidden[0]), str(len(hidden)), str(batch_size), "50")
    for precision, target in PEER.items():
        rounds = measure(hidden, precision, lambda bare: {"mbrl-lib": peer})
        what = f"update, {MEMBERS} x [4 x 200], batch 256, {precision}: mbrl-lib / ours"
        found.append(compared(what, threads, rounds, "ours", "mbrl-lib", target, speedup=True))
    peer.close()
    return found


def run(options: Namespace) -> str:
    """The table."""
    return tables("training_step", rows, options)
