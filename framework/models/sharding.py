"""Parts too big for one device: each process keeps a share of the weights, gradients and optimiser states.

    Trainer(devices=2, strategy=ModelParallelStrategy(data_parallel_size=2, tensor_parallel_size=1,
            save_distributed_checkpoint=False)).fit(world_model, data)

Each of `Model.units` gathers its weights when its loss is worked out (FSDP2, `torch.distributed.fsdp.fully_shard`; Zhao
et al. 2023): the parts of a world model of transitions one after the other, one of sequences all at once. For fits to
data that are there; an agent acts with whole weights, on one process or with ddp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytorch_lightning.strategies import ModelParallelStrategy
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

if TYPE_CHECKING:
    from .base import Model

METHODS = ("loss", "evaluate")  # what reads weights during a fit, beside forward


def shard(model: Model) -> None:
    """Spreads the model's learned parts over the processes, where the trainer's strategy is to do so."""
    strategy = model.trainer.strategy
    if not isinstance(strategy, ModelParallelStrategy):
        return
    for unit in model.units():
        frozen = {weight for weight in unit.parameters() if not weight.requires_grad}  # whole: a loss may write to them
        fully_shard(unit, mesh=strategy.device_mesh["data_parallel"], ignored_params=frozen)
        for method in METHODS:
            register_fsdp_forward_method(unit, method)
