"""TorchRL's RSSMRolloutV3 with the weights of an `RSSM` and a `Filtering`, and the keys that its fast path asks for."""

from collections.abc import Callable

import torch
from tensordict import TensorDict
from tensordict.nn import TensorDictModule
from torch import Tensor, nn
from torchrl.modules.models.model_based import RSSMPosteriorV3, RSSMPriorV3, RSSMRolloutV3

from fulgurite.models.block_gru_cell import BlockGRUCell
from fulgurite.models.filtering import Filtering
from fulgurite.models.gru_cell import GRUCell
from fulgurite.models.latent import CategoricalLatent
from fulgurite.models.rssm import RSSM

Rollout = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]


def torchrl_modules(rssm: RSSM, filtering: Filtering, action_size: int) -> tuple[RSSMPriorV3, RSSMPosteriorV3]:
    """Its prior and posterior with copies of the weights.

    Raises:
        ValueError: for what it does not have: Gaussian latents, or activations other than SiLU.
    """
    latent, cell, head = rssm.latent, rssm.cell, filtering.head
    if not isinstance(latent, CategoricalLatent) or not isinstance(cell, GRUCell | BlockGRUCell):
        raise ValueError(f"need a CategoricalLatent and a cell of ours, got {latent} and {cell}")
    blocks = isinstance(cell, BlockGRUCell)
    sizes = {"num_categoricals": latent.variables, "num_classes": latent.classes, "unimix": latent.unimix}
    prior = RSSMPriorV3(
        action_shape=(action_size,), action_dim=action_size, hidden_dim=cell.hidden,
        rnn_hidden_dim=rssm.deterministic_size, recurrent_model="block_gru" if blocks else "gru",
        prior_num_layers=len(rssm.head.layers) - 1, num_blocks=cell.blocks if blocks else 1, **sizes,
    )  # fmt: skip
    posterior = RSSMPosteriorV3(
        hidden_dim=filtering.hidden, rnn_hidden_dim=rssm.deterministic_size,
        obs_embed_dim=head.from_features.in_features, use_rms_norm=head.normalize, **sizes,
    )  # fmt: skip
    for module in (prior, posterior):
        module.to(head.out.weight.dtype)
    with torch.no_grad():
        _copy_block_cell(prior, cell) if isinstance(cell, BlockGRUCell) else _copy_cell(prior, cell)
        _copy_row(prior.rnn_to_prior_projector, [_of(layer) for layer in rssm.head.layers], list(rssm.head.gains))
        first = torch.cat([head.from_deterministic.weight, head.from_features.weight], 1), head.from_features.bias
        gains = [] if head.gain is None else [head.gain]
        _copy_row(posterior.obs_rnn_to_post_projector, [first, _of(head.out)], gains)
    return prior, posterior


def _of(layer: nn.Linear) -> tuple[Tensor, Tensor]:
    return layer.weight, layer.bias


def _copy_row(row: nn.Sequential, layers: list[tuple[Tensor, Tensor]], gains: list[Tensor]) -> None:
    for target, (weight, bias) in zip([part for part in row if isinstance(part, nn.Linear)], layers, strict=True):
        target.weight.copy_(weight)
        target.bias.copy_(bias)
    norms = [part for part in row if not isinstance(part, nn.Linear) and list(part.parameters())]
    for norm, gain in zip(norms, gains, strict=True):
        norm.weight.copy_(gain)


def _copy_cell(prior: RSSMPriorV3, cell: GRUCell) -> None:
    _copy_row(prior.action_state_projector, [_of(cell.inputs)], [])
    prior.rnn.load_state_dict(cell.gru.state_dict())


def _copy_block_cell(prior: RSSMPriorV3, cell: BlockGRUCell) -> None:
    unit = prior.rnn
    _copy_row(unit.belief_projection, [_of(cell.from_deterministic)], [cell.feature_gain[0]])
    _copy_row(unit.state_projection, [_of(cell.from_stochastic)], [cell.feature_gain[1]])
    _copy_row(unit.action_projection, [_of(cell.from_action)], [cell.action_gain])
    width = cell.carry.shape[1]
    mixing, norm, _ = unit.hidden_layers
    mixing.weight[:, :width] = cell.carry
    mixing.weight[:, width:] = cell.features.weight.t().unflatten(-1, (cell.blocks, width)).transpose(0, 1)
    mixing.bias.copy_(cell.features.bias)
    norm.weight.copy_(cell.gain)
    order = [0, 2, 1]  # its gates are reset, candidate, update
    unit.gates.weight.copy_(cell.gates.unflatten(-1, (3, width))[:, :, order].flatten(2))
    unit.gates.bias.copy_(cell.gate_bias.unflatten(-1, (3, width))[..., order, :].flatten())


def torchrl_rollout(rssm: RSSM, filtering: Filtering, action_size: int) -> tuple[nn.Module, Rollout]:
    """Its module, and what it makes of features `[B, L, F]`, actions `[B, L, A]` and is_init `[B, L, 1]`.

    States `[B, L, S]` and the statistics of posterior and prior `[B, L, Q]`, as `Filtering.infer` gives them.
    """
    prior, posterior = torchrl_modules(rssm, filtering, action_size)
    rollout = RSSMRolloutV3(
        TensorDictModule(
            prior,
            in_keys=["state", "belief", "action"],
            out_keys=[("next", "prior_logits"), ("next", "state"), ("next", "belief")],
        ),
        TensorDictModule(
            posterior,
            in_keys=[("next", "belief"), ("next", "encoded_latents")],
            out_keys=[("next", "posterior_logits"), ("next", "state")],
        ),
    )
    assert rollout._fast_path

    def infer(features: Tensor, action: Tensor, is_init: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        shape = features.shape[:2]
        start = {
            "state": features.new_zeros(*shape, rssm.latent.size),
            "belief": features.new_zeros(*shape, rssm.deterministic_size),
        }
        batch = {**start, "action": action, "is_init": is_init, "next": {"encoded_latents": features}}
        found = rollout(TensorDict(batch, shape))["next"]
        statistics = (rssm.latent.read(found[f"{name}_logits"].flatten(-2)) for name in ("posterior", "prior"))
        return torch.cat([found["belief"], found["state"]], -1), *statistics

    return rollout, infer
