"""An update of soft actor-critic: ours under Lightning against TorchRL's `SACLoss` in a plain loop, equal parameters.

Both get a batch that is ready; ours are those of one call, as in a run. All of an update is timed: losses, gradients,
optimisers and target networks, and with us Lightning, the search for what is not finite, and the record of losses.
"""

from argparse import Namespace

import pytorch_lightning as pl
import torch
from tensordict import TensorDict

from fulgurite.agents.sac import SAC
from fulgurite.policies.action_values import ActionValues
from fulgurite.policies.squashed_gaussian import SquashedGaussianPolicy

from .calls import Calls
from .table import Row, compared, tables
from .timing import Rounds, timed, use_threads
from .torchrl_sac import TorchRLSAC
from .training_step import ROUNDS, UPDATES_PER_CALL, TakeTurns

STATE, ACTION, BATCH = 17, 6, 256  # HalfCheetah's
SIZES = {(64, 64): 5, (256, 256): 2}  # hidden: calls a chunk


def batch(*shape: int) -> TensorDict:
    """Transitions of random numbers, none of them the last."""
    never = torch.zeros(*shape, 1, dtype=torch.bool)
    following = {"observation": torch.randn(*shape, STATE), "reward": torch.randn(*shape, 1)}
    following |= {"terminated": never, "truncated": never, "done": never}
    action = torch.rand(*shape, ACTION) * 2 - 1
    return TensorDict({"observation": torch.randn(*shape, STATE), "action": action, "next": following}, shape)


def measure(hidden: tuple[int, ...], calls: int) -> Rounds:
    """Times of one update."""
    torch.manual_seed(0)
    agent = SAC((STATE,), ACTION, policy=SquashedGaussianPolicy(hidden), values=ActionValues(hidden=hidden))
    peer, given = TorchRLSAC(STATE, ACTION, hidden), batch(BATCH)
    peer.update(given.clone())  # which makes its lazy parts
    theirs = timed(lambda: peer.update(given.clone()), calls * UPDATES_PER_CALL)
    turns = TakeTurns(calls, {"torchrl": theirs})
    pl.Trainer(
        max_epochs=1, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, callbacks=[turns],
    ).fit(agent, Calls(calls * (ROUNDS + 1), batch(UPDATES_PER_CALL, BATCH)))  # fmt: skip
    ours = sum(p.numel() for p in agent.parameters() if p.requires_grad)
    assert ours == sum(p.numel() for p in peer.loss.parameters()), "the two learn as many numbers"
    return turns.rounds


def rows(threads: int) -> list[Row]:
    """Both sizes."""
    use_threads(threads)
    found = []
    for hidden, calls in SIZES.items():
        what = f"SAC update, 3 x [{len(hidden)} x {hidden[0]}], batch {BATCH}: TorchRL / ours"
        rounds = measure(hidden, calls)
        found.append(compared(what, threads, rounds, "ours", "torchrl", ">= 1.3", speedup=True))
    return found


def run(options: Namespace) -> str:
    """The table."""
    return tables("sac_update", rows, options)
