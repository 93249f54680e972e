"""What a run ran on, in words."""

import torch
from pytorch_lightning import Trainer


def device_name(trainer: Trainer) -> str:
    """`cpu`, or `cuda (NVIDIA H100)`, and how many processes there were if several."""
    device = trainer.strategy.root_device
    name = f"{device.type} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else device.type
    return name if trainer.world_size == 1 else f"{name}, {trainer.world_size} processes"
