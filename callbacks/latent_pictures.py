"""Pictures of what a model's latent variables carry, on held-out frames."""

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.loggers import WandbLogger

from fulgurite.data.observation_kinds import has_images
from fulgurite.models.latent_world_model import LatentWorldModel
from fulgurite.models.vae import VAE
from fulgurite.runs.traversals import kl_by_variable, known, reconstructions, tiled, traversals

from .periodic import Periodic

ENLARGED = 2


class LatentPictures(Periodic):
    """Writes `plots/kl_by_variable.png`, and of images `plots/traversals.png` and `plots/reconstructions.png`.

    Of an agent whose model has neither latent states nor an autoencoder, or without held-out frames, there are none.

    Args:
        variables: rows of traversals, those that carry most nats.
        steps: images of a row.
        every_env_steps: how often besides the end of the run, or None.

    Raises:
        ValueError: for numbers below 1.
    """

    def __init__(self, variables: int = 8, steps: int = 9, every_env_steps: int | None = None) -> None:
        super().__init__(every_env_steps)
        for name, number in (("variables", variables), ("steps", steps)):
            if number < 1:
                raise ValueError(f"{name}: need at least 1, got {number}")
        self.variables, self.steps = variables, steps

    def watch(self, trainer: Trainer, agent: LightningModule, final: bool) -> None:
        model = next((part for part in agent.modules() if isinstance(part, VAE | LatentWorldModel)), None)
        if model is None or not trainer.is_global_zero:
            return
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        batch = next(iter(data.val_dataloader()))
        if not len(batch):
            return
        training = model.training
        of = known(model.eval(), batch)
        model.train(training)
        folder = Path(trainer.default_root_dir) / "plots"
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / "kl_by_variable.png"]
        kl_by_variable(of.kl).savefig(paths[0], dpi=150)
        if has_images(model.observation.observation_shape):
            pictures = {
                "traversals": traversals(of, self.variables, self.steps),
                "reconstructions": reconstructions(of, batch["observation"]),
            }
            paths += [saved(folder / f"{name}.png", images) for name, images in pictures.items()]
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                for path in paths:
                    logger.log_image(f"plots/{path.stem}", [str(path)])


def saved(path: Path, images: torch.Tensor) -> Path:
    """The images as one file."""
    picture = Image.fromarray(tiled(images).numpy())
    size = (ENLARGED * picture.width, ENLARGED * picture.height)
    picture.resize(size, Image.Resampling.NEAREST).save(path)
    return path
