"""Fits that are the same for one process with whole batches and for two with halves; run by the tests of them."""

import sys
from unittest.mock import patch

import pytorch_lightning as pl
import torch
from dreamer_doubles import calls, first_dreamer, third_dreamer
from fixed import Given, batches, fit
from latent_doubles import model as latent_world
from pytorch_lightning.strategies import ModelParallelStrategy
from torch import zeros_like

from fulgurite.data.offline import OfflineData
from fulgurite.models.dump import NotFinite
from fulgurite.models.gaussian import GaussianDynamics
from fulgurite.models.latent_consistency import LatentConsistency
from fulgurite.models.reward import LearnedReward
from fulgurite.models.update import Update
from fulgurite.models.world_model import WorldModel
from fulgurite.runs import ranks
from fulgurite.runs.ranks import rank


class Shared(pl.LightningDataModule):
    """The same batches for any number of processes; made once these know of each other."""

    def __init__(self, given, ranks):
        super().__init__()
        self.given, self.ranks = given, ranks

    def train_dataloader(self):
        return Given(self.given, rank(), self.ranks)


class Spoilt(LearnedReward):
    """Its loss is infinite, with a finite gradient, in batches with a spoilt row."""

    def loss(self, batch):
        (loss,) = super().loss(batch).values()
        return {"reward": loss + torch.where(batch["spoilt"].any(), torch.inf, 0.0)}

    def make_optimizer(self):
        """Unlike Adam it notices a gradient that is twice as large."""
        return torch.optim.SGD(self.own_parameters(), lr=0.1)


def world(update=None, kind=WorldModel):
    torch.manual_seed(0)
    dynamics = GaussianDynamics(3, 1, members=2, hidden=(16,), gradient_clip=1.0)
    found = kind(dynamics, Spoilt(3, 1, hidden=(8,)))
    found.update = update or Update()
    return found


class Resting(WorldModel):
    """Its dynamics learn in every second update alone."""

    updates = 0

    def resting(self):
        return [] if self.updates % 2 == 0 else [self.dynamics]

    def loss(self, batch):
        return {name: loss for name, loss in super().loss(batch).items() if self.updates % 2 == 0 or name == "reward"}

    def follow(self):
        self.updates += 1


def sharded():
    return ModelParallelStrategy(data_parallel_size=2, tensor_parallel_size=1, save_distributed_checkpoint=False)


def fitted(given, ranks, folder, update=None, strategy="ddp", kind=WorldModel):
    return learned(world(update, kind), given, ranks, folder, strategy)


def learned(found, given, ranks, folder, strategy):
    told = {}
    found.log_dict = lambda means, **_: told.update(means)
    trainer = {"strategy": strategy, "devices": ranks} if ranks > 1 else {}
    try:
        fit(found, Shared(given, ranks), folder, **trainer)
    except NotFinite as error:
        told["error"] = str(error)
    return {"weights": found.trainer.strategy.lightning_module_state_dict(), "told": told}


LATENT = {
    "of categorical states": lambda: third_dreamer().world_model,
    "of normal states": lambda: first_dreamer().world_model,
    "without a decoder": lambda: latent_world(LatentConsistency(hidden=[16]), actions=2).double(),
}


def latent(kind, ranks, folder, strategy="ddp_find_unused_parameters_true"):
    """A fit to sequences without noise, which would differ by process."""
    found, given = LATENT[kind](), calls()
    with patch("torch.randn", lambda *size, **kinds: torch.zeros(size, **kinds)), patch("torch.randn_like", zeros_like):
        return learned(found, given, ranks, folder, strategy)


class Watched(GaussianDynamics):
    """Notes what it was trained on."""

    def loss(self, batch):
        self.drawn = [*getattr(self, "drawn", []), batch["action"].flatten()]
        return super().loss(batch)


def logged(ranks, folder):
    """A model fitted to logged data, which each process reads and draws from by itself."""
    rows, number = batches(30)[:, None], torch.arange(30)
    ends = (number % 10 == 9).numpy()
    arrays = {
        "observation": rows["observation"][:, 0].numpy(), "action": rows["action"][:, 0].numpy(), "terminated": ends,
        "next_observation": rows["next", "observation"][:, 0].numpy(), "reward": number.float().numpy(),
    }  # fmt: skip
    torch.manual_seed(0)
    dynamics = Watched(3, 1, members=2, hidden=(16,))
    told = {}
    dynamics.log_dict = told.update
    trainer = {"strategy": "ddp", "devices": ranks} if ranks > 1 else {}
    fit(dynamics, OfflineData(arrays, batch_size=8, members=2, updates_per_epoch=6), folder, **trainer)
    return {"weights": dynamics.state_dict(), "drawn": torch.stack(dynamics.drawn), "told": told}


def said():
    """What two processes tell each other; to be called when they know of each other."""
    ranks.PIECE = 1000
    own = {"rows": torch.arange(1000.0 * (2 - rank())), "of": rank()}
    metrics = {"loss": 1.0 + rank(), **({"plan": 8.0} if rank() else {"policy": 2.0})}
    return {"means": ranks.means_over_ranks(metrics), "first": ranks.gathered_at_first(own)}


def fits(ranks, folder):
    given = batches(20, 5, 2, 24)
    given["spoilt"] = torch.zeros(20, 5, 2, 24, 1, dtype=torch.bool)
    once, often = given.clone(), given.clone()
    once["spoilt"][3, 2, :, -1] = True  # of the last process alone, in one update
    often["spoilt"][3, 1:, :, -1] = True
    return {
        "start": {"weights": world().state_dict()},
        "logged": logged(ranks, folder),
        "first": fitted(given[:1, :1], ranks, folder),
        "all": fitted(given, ranks, folder),
        "resting": fitted(given, ranks, folder, kind=Resting),
        "resting pieces": fitted(given, ranks, folder, Update(accumulate=3), kind=Resting),
        "pieces": fitted(given, ranks, folder, Update(accumulate=3)),
        "skipped": fitted(once, ranks, folder),
        "stopped": fitted(often, ranks, folder),
        "sharded": fitted(given, ranks, folder, strategy=sharded()),
        "sharded pieces": fitted(given, ranks, folder, Update(accumulate=3), sharded()),
        "sharded skipped": fitted(once, ranks, folder, strategy=sharded()),
        **{f"{kind}, start": {"weights": make().state_dict()} for kind, make in LATENT.items()},
        **{kind: latent(kind, ranks, folder) for kind in LATENT},
        **{f"{kind}, sharded": latent(kind, ranks, folder, sharded()) for kind in LATENT},
    }


if __name__ == "__main__":
    told = {**fits(2, sys.argv[1]), "said": said()}
    torch.save(told, f"{sys.argv[1]}/rank{rank()}.pt")
