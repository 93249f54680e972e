"""Keys of the trainer that would fail late, or wrongly, are refused before anything is made."""

from functools import partial

import pytest
from pytorch_lightning import Trainer

from fulgurite.recipe import RecipeError, build, compose
from fulgurite.runs.trainer_keys import check


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("precision=16-mixed", "trainer.precision: need 32-true or bf16-mixed, got 16-mixed"),
        ("strategy=ddp_spawn", "got ddp_spawn"),
        ("strategy=fsdp", r"trainer\.strategy: need auto or ddp for an agent, which acts with whole weights, got fsdp"),
        (
            "strategy={_target_: pytorch_lightning.strategies.ModelParallelStrategy}",
            "need auto or ddp for an agent, .* got ModelParallelStrategy",
        ),
        ("precision=64-true", "got 64-true"),
        ("accumulate_grad_batches=4", r"accumulate_grad_batches: need 1, got 4; set agent\.update\.accumulate=4"),
        ("gradient_clip_val=1.0", r"gradient_clip_val: need none, got 1\.0; .*dynamics\.gradient_clip"),
    ],
)
def test_what_cannot_work_is_refused_with_what_can(key, said):
    with pytest.raises(RecipeError, match=said):
        build(compose("pets/cartpole", [f"trainer.{key}", "callbacks=null", "logger=null"]))


def test_batches_that_cannot_be_cut_are_refused_at_once():
    with pytest.raises(RecipeError, match=r"update\.accumulate: need a divisor of the batch size, 64, got 5"):
        build(compose("pets/cartpole", ["agent.update.accumulate=5", "callbacks=null", "logger=null"]))


@pytest.mark.parametrize("given", [{}, {"precision": 32}, {"precision": "bf16-mixed", "accumulate_grad_batches": 1}])
def test_what_works_is_let_through(given):
    check(partial(Trainer, **given))
    check(Trainer)
