"""The trainer's keys that a run sets itself, or that cannot work with several optimisers stepped by hand, and what
serves instead.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from pytorch_lightning.strategies import DDPStrategy, SingleDeviceStrategy

SET_BY_RUN = ("callbacks", "default_root_dir", "enable_checkpointing", "logger", "plugins")
STRATEGIES = ("auto", "ddp", "ddp_find_unused_parameters_true", "ddp_find_unused_parameters_false")
PRECISIONS = (None, 32, "32", "32-true", "bf16-mixed")


def check(trainer: Callable[..., Any]) -> None:
    """Looks at the arguments that an open trainer was given.

    Raises:
        ValueError: for one that Lightning would refuse only after the first experience was made, or get wrong.
    """
    given = trainer.keywords if isinstance(trainer, partial) else {}
    if taken := [name for name in SET_BY_RUN if name in given]:
        raise ValueError(f"trainer: need no {', '.join(taken)}: a run sets this itself, inside its folder")
    precision = given.get("precision")
    if precision not in PRECISIONS:
        # half precision needs a scaled loss; Lightning's scaler moves its scale between the optimisers of one update
        raise ValueError(f"trainer.precision: need 32-true or bf16-mixed, got {precision}")
    strategy = given.get("strategy", "auto")
    if strategy not in STRATEGIES and not isinstance(strategy, DDPStrategy | SingleDeviceStrategy):
        # an agent plans with whole weights, in an evaluation on one process while the others wait; a strategy that
        # keeps a share of them on each process would have to gather them for every plan
        got = strategy if isinstance(strategy, str) else type(strategy).__name__
        raise ValueError(f"trainer.strategy: need auto or ddp for an agent, which acts with whole weights, got {got}")
    if given.get("accumulate_grad_batches", 1) != 1:
        pieces = given["accumulate_grad_batches"]
        raise ValueError(f"trainer.accumulate_grad_batches: need 1, got {pieces}; set agent.update.accumulate={pieces}")
    for name in ("gradient_clip_val", "gradient_clip_algorithm"):
        if given.get(name) is not None:
            raise ValueError(
                f"trainer.{name}: need none, got {given[name]}; each learned part has its own gradient_clip, such as "
                f"agent.world_model.dynamics.gradient_clip"
            )
