"""MBPO's inner loop, by update: its share of branched rollouts, of the buffer and of sampling, and a SAC update.

Ours under Lightning against mbrl-lib's own functions, with networks of equal sizes: seven networks with five elites and
known reward and termination (cart-pole), 20 rollouts an update of which each call makes 400 at once, all of a batch
imagined; mbrl-lib makes those of a chunk at once. The model does not learn. Beside it TorchRL's `SACLoss` alone, on
batches that lie ready.
"""

from argparse import Namespace

import pytorch_lightning as pl
import torch
from tensordict import TensorDict

from fulgurite.agents.branched_rollouts import BranchedRollouts
from fulgurite.agents.mbpo import MBPO
from fulgurite.agents.rollout_length import RolloutLength
from fulgurite.models.gaussian import GaussianDynamics
from fulgurite.models.known import cart_pole_balance_reward, cart_pole_balance_termination
from fulgurite.models.world_model import WorldModel
from fulgurite.policies.action_values import ActionValues
from fulgurite.policies.squashed_gaussian import SquashedGaussianPolicy

from .calls import Calls
from .peer import Peer, available
from .table import Row, compared, tables
from .timing import Chunk, Rounds, timed, use_threads
from .torchrl_sac import TorchRLSAC
from .training_step import UPDATES_PER_CALL, TakeTurns

STATE, ACTION, BATCH, PER_UPDATE, LENGTH, ROUNDS = 4, 1, 256, 20, 1, 9
SIZES = {"small": ((64, 64, 64), (64, 64), 3), "the paper's": ((200,) * 4, (256, 256), 1)}  # model, policy, calls


def batch(*shape: int) -> TensorDict:
    """Transitions near the upright."""
    state, never = 0.02 * torch.randn(*shape, STATE), torch.zeros(*shape, 1, dtype=torch.bool)
    following = {"observation": state + 0.002 * torch.randn_like(state), "reward": torch.ones(*shape, 1)}
    following |= {"terminated": never, "truncated": never, "done": never}
    return TensorDict({"observation": state, "action": torch.rand(*shape, ACTION) * 2 - 1, "next": following}, shape)


def agent(model: tuple[int, ...], policy: tuple[int, ...]) -> MBPO:
    """MBPO whose model learns in the first update alone, so that normalisers and weights are those of a fit."""
    torch.manual_seed(0)
    dynamics = GaussianDynamics(STATE, ACTION, 7, 5, model)
    return MBPO(
        WorldModel(dynamics, cart_pole_balance_reward, cart_pole_balance_termination),
        BranchedRollouts(PER_UPDATE, RolloutLength(LENGTH, LENGTH)),
        real_ratio=0.0,
        observation_shape=(STATE,),
        action_size=ACTION,
        policy=SquashedGaussianPolicy(policy),
        values=ActionValues(hidden=policy),
        model_every=10**9,
    )


def measure(model: tuple[int, ...], policy: tuple[int, ...], calls: int, others: dict[str, Chunk]) -> Rounds:
    """Times of one update."""
    peer, given = TorchRLSAC(STATE, ACTION, policy), batch(BATCH)
    peer.update(given.clone())  # which makes its lazy parts
    others = {**others, "torchrl": timed(lambda: peer.update(given.clone()), calls * UPDATES_PER_CALL)}
    turns = TakeTurns(calls, others)
    pl.Trainer(
        max_epochs=1, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, callbacks=[turns],
    ).fit(agent(model, policy), Calls(calls * (ROUNDS + 1), batch(UPDATES_PER_CALL, BATCH)))  # fmt: skip
    return turns.rounds


def rows(threads: int) -> list[Row]:
    """Both sizes."""
    use_threads(threads)
    found = []
    for name, (model, policy, calls) in SIZES.items():
        updates = calls * UPDATES_PER_CALL
        numbers = (model[0], len(model), policy[0], PER_UPDATE * updates, LENGTH, BATCH, updates)
        others: dict[str, Chunk] = {"mbrl-lib": Peer("mbrl_mbpo.py", *map(str, numbers))} if available() else {}
        rounds = measure(model, policy, calls, others)
        size = f"MBPO's inner loop, {name} sizes, an update"
        for other, need in (("mbrl-lib", ">= 1.5"), ("torchrl", ">= 1")):
            if other in rounds:
                alone = " without rollouts and buffer" if other == "torchrl" else ""
                what = f"{size}: {other}{alone} / ours"
                found.append(compared(what, threads, rounds, "ours", other, need, speedup=True))
        if isinstance(peer := others.get("mbrl-lib"), Peer):
            peer.close()
    return found


def run(options: Namespace) -> str:
    """The table."""
    return tables("mbpo_loop", rows, options)
