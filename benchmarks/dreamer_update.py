"""One update of DreamerV3, forwards, backwards and by the optimiser: world model, imagination, policy and value.

Ours and TorchRL's losses with equally many parameters on the same sequences, in turns; and what ours spends on each
part. Both use REINFORCE, two-hot rewards and values, a slow critic and replayed values.
"""

from argparse import Namespace
from collections.abc import Callable
from typing import NamedTuple

import torch
from tensordict import TensorDict

from fulgurite.agents.dreamer import Dreamer
from fulgurite.models.divergence import Divergence
from fulgurite.models.filtering import Filtering
from fulgurite.models.latent_heads import TwoHotReward
from fulgurite.models.latent_world_model import LatentWorldModel
from fulgurite.models.likelihood import SymlogLikelihood
from fulgurite.models.observation import ObservationModel
from fulgurite.models.sequence_objective import SequenceELBO
from fulgurite.models.value_head import TwoHot
from fulgurite.models.vector_observation import MLPDecoder, MLPEncoder
from fulgurite.policies.bounded_normal import BoundedNormalPolicy
from fulgurite.policies.state_value import StateValue

from .rssm import ACTION, SIZES, Size, models
from .table import Row, compared, tables
from .timing import alternate, timed, use_threads
from .torchrl_dreamer import torchrl_batch, torchrl_dreamer

OBSERVATION = 24  # as many numbers as a walker shows
HORIZON = 15
ROUNDS = 5


class Setting(NamedTuple):
    """Sizes of the model, and how many sequences of how many frames an update learns from."""

    size: Size
    batch: int
    frames: int


SETTINGS = {
    "small: GRU 64, 8 x 8 classes, B 16 x T 16": Setting(SIZES["small: GRU 64, 8 x 8 classes"], 16, 16),
    "DreamerV3 size1m, B 16 x T 64": Setting(SIZES["DreamerV3 size1m: block GRU 512, 32 x 4 classes"], 16, 64),
}


def dreamer(size: Size) -> Dreamer:
    """Ours of this size, with DreamerV3's parts."""
    rssm, _ = models(size)
    hidden, shape = [size.hidden] * 3, (OBSERVATION,)
    world_model = LatentWorldModel(
        ACTION,
        ObservationModel(shape, MLPEncoder(shape, hidden), MLPDecoder(shape, SymlogLikelihood(), hidden)),
        Filtering(size.hidden, "silu", normalize=size.blocks),
        rssm,
        TwoHotReward(hidden[:1]),
        objective=SequenceELBO(Divergence(1.0, 0.1, free_nats=1.0)),
    )
    policy, value = BoundedNormalPolicy(hidden), StateValue(hidden, normalize=True, head=TwoHot(), target_rate=0.02)
    return Dreamer(world_model, policy, value, shape, ACTION, horizon=HORIZON)


def sequences(setting: Setting) -> TensorDict:
    """A batch of noise."""
    shape = (setting.batch, setting.frames)
    return TensorDict(
        {
            "observation": torch.randn(*shape, OBSERVATION),
            "previous_action": torch.rand(*shape, ACTION) * 2 - 1,
            "reward": torch.randn(*shape, 1),
            "terminated": torch.zeros(*shape, 1, dtype=torch.bool),
            "is_init": torch.rand(*shape, 1) < 0.02,
        },
        [setting.batch],
    )


class Learner(NamedTuple):
    """Parameters, and what makes their losses."""

    parameters: list[torch.nn.Parameter]
    losses: Callable[[], torch.Tensor]
    follow: Callable[[], None]

    def update(self) -> Callable[[], None]:
        """Makes one, with an optimiser for all parts."""
        optimizer = torch.optim.AdamW(self.parameters, fused=True)

        def work() -> None:
            self.losses().backward()
            optimizer.step()
            optimizer.zero_grad()
            self.follow()

        return work


def ours(setting: Setting) -> tuple[Learner, dict[str, Callable[[], None]]]:
    """The whole update, and parts of it."""
    agent, batch = dreamer(setting.size), sequences(setting)
    parameters = [p for p in agent.parameters() if p.requires_grad]

    def follow() -> None:
        agent.critic.follow()
        agent.actor_loss.scale.follow()

    def cleared() -> None:
        for parameter in parameters:
            parameter.grad = None

    def world_model() -> None:
        torch.stack(list(agent.world_model.loss(batch).values())).sum().backward()
        cleared()

    with torch.no_grad():
        start = agent.world_model.infer_sequences(batch).state.flatten(0, 1)
        imagined = agent.imagine(start)
    begins = torch.ones(len(start), dtype=torch.bool)

    def behaviour() -> None:
        dreamt = agent.dreamt(imagined, begins)
        actor, _ = agent.actor_loss(agent.policy, dreamt)
        (actor + agent.critic_loss(agent.critic, dreamt.state, dreamt.returns, dreamt.weight)).backward()
        cleared()

    parts = {
        "world model": world_model,
        "imagination": lambda: agent.imagine(start) and None,
        "policy and value": behaviour,
    }
    return Learner(parameters, lambda: torch.stack(list(agent.loss(batch).values())).sum(), follow), parts


def torchrls(setting: Setting) -> Learner:
    """TorchRL's."""
    agent = dreamer(setting.size)
    losses, slow = torchrl_dreamer(agent, HORIZON)
    batch = torchrl_batch(sequences(setting), agent)

    def total() -> torch.Tensor:
        found = losses(batch)
        return torch.stack([found[name] for name in found.keys() if name.startswith("loss_")]).sum()  # noqa: SIM118

    return Learner([p for p in losses.parameters() if p.requires_grad], total, slow.step)


def rows(threads: int) -> list[Row]:
    """TorchRL's update against ours, and the shares of ours."""
    use_threads(threads)
    found = []
    for name, setting in SETTINGS.items():
        torch.manual_seed(0)
        (mine, parts), theirs = ours(setting), torchrls(setting)
        counts = [sum(p.numel() for p in learner.parameters) for learner in (mine, theirs)]
        assert counts[0] == counts[1], f"need the same number of parameters, got {counts}"
        works = {"ours": mine.update(), "TorchRL": theirs.update(), **parts}
        rounds = alternate({who: timed(work, 1) for who, work in works.items()}, ROUNDS)
        what = f"{name}, {counts[0]:,} parameters: TorchRL / ours"
        found.append(compared(what, threads, rounds, "ours", "TorchRL", ">= 1", speedup=True))
        found += [
            compared(f"{name}: {part} / the whole", threads, rounds, part, "ours", "", speedup=False) for part in parts
        ]
    return found


def run(options: Namespace) -> str:
    """The table."""
    return tables("dreamer_update", rows, options)
