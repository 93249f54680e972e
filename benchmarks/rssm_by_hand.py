"""A recurrent state-space model as one would write it: nn.Modules, and a loop over time that does everything in turn.

The parameters are those of an `RSSM` and a `Filtering`, copied, so that all contestants do the same maths.
"""

import torch
from torch import Tensor, nn

from fulgurite.equations.rms_norm import EPS
from fulgurite.models.block_gru_cell import BlockGRUCell
from fulgurite.models.filtering import Filtering
from fulgurite.models.gru_cell import GRUCell
from fulgurite.models.perceptron import Perceptron
from fulgurite.models.rssm import RSSM


def copied(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """A layer with copies of these."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], dtype=weight.dtype)
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(torch.zeros_like(layer.bias) if bias is None else bias)
    return layer


def gained(gain: Tensor) -> nn.RMSNorm:
    """A normalisation with a copy of the gain."""
    norm = nn.RMSNorm(len(gain), EPS, dtype=gain.dtype)
    with torch.no_grad():
        norm.weight.copy_(gain)
    return norm


def copied_perceptron(perceptron: Perceptron) -> nn.Sequential:
    """The same layers in a row."""
    layers: list[nn.Module] = []
    for index, layer in enumerate(perceptron.layers):
        assert isinstance(layer, nn.Linear)
        layers.append(copied(layer.weight, layer.bias))
        if index < len(perceptron.layers) - 1:
            layers += [*([gained(perceptron.gains[index])] if perceptron.gains else []), nn.SiLU()]
    return nn.Sequential(*layers)


class PlainGRU(nn.Module):
    """One layer and a gated recurrent unit."""

    def __init__(self, cell: GRUCell) -> None:
        super().__init__()
        self.inputs = nn.Sequential(copied(cell.inputs.weight, cell.inputs.bias), nn.SiLU())
        self.gru = nn.GRUCell(cell.gru.input_size, cell.gru.hidden_size, dtype=cell.gru.weight_ih.dtype)
        self.gru.load_state_dict(cell.gru.state_dict())

    def forward(self, h: Tensor, z: Tensor, a: Tensor) -> Tensor:
        return self.gru(self.inputs(torch.cat([z, a], -1)), h)


class PlainBlockGRU(nn.Module):
    """DreamerV3's unit."""

    def __init__(self, cell: BlockGRUCell) -> None:
        super().__init__()
        self.blocks = cell.blocks

        def layer(of: nn.Linear, gain: Tensor) -> nn.Sequential:
            return nn.Sequential(copied(of.weight, of.bias), gained(gain), nn.SiLU())

        self.from_h = layer(cell.from_deterministic, cell.feature_gain[0])
        self.from_z = layer(cell.from_stochastic, cell.feature_gain[1])
        self.from_a = layer(cell.from_action, cell.action_gain)
        width = cell.carry.shape[1]
        features = cell.features.weight.detach().t().unflatten(-1, (self.blocks, width)).transpose(0, 1)
        self.mixing = nn.Parameter(torch.cat([cell.carry.detach(), features], 1))  # [G, D / G + 3 hidden, D / G]
        self.mixing_bias = nn.Parameter(cell.features.bias.detach().clone())
        self.norm = gained(cell.gain)
        self.gates = nn.Parameter(cell.gates.detach().clone())  # [G, D / G, 3 D / G]
        self.gate_bias = nn.Parameter(cell.gate_bias.detach().squeeze(1).clone())
        self.update_bias = cell.update_bias

    def forward(self, h: Tensor, z: Tensor, a: Tensor) -> Tensor:
        features = torch.cat([self.from_h(h), self.from_z(z), self.from_a(a)], -1)  # [B, 3 hidden]
        blocks = h.unflatten(-1, (self.blocks, -1))  # [B, G, D / G]
        x = torch.cat([blocks, features[:, None].expand(-1, self.blocks, -1)], -1)
        x = torch.einsum("bgi,gio->bgo", x, self.mixing).flatten(1) + self.mixing_bias
        x = nn.functional.silu(self.norm(x)).unflatten(-1, (self.blocks, -1))
        reset, update, candidate = (torch.einsum("bgi,gio->bgo", x, self.gates) + self.gate_bias).chunk(3, -1)
        update = (update + self.update_bias).sigmoid()
        return (update * (reset.sigmoid() * candidate).tanh() + (1 - update) * blocks).flatten(1)


class Plain(nn.Module):
    """Prior and posterior."""

    def __init__(self, rssm: RSSM, filtering: Filtering) -> None:
        super().__init__()
        self.latent, self.size = rssm.latent, rssm.deterministic_size
        self.cell = PlainGRU(rssm.cell) if isinstance(rssm.cell, GRUCell) else PlainBlockGRU(rssm.cell)
        self.prior = copied_perceptron(rssm.head)
        head = filtering.head
        weight = torch.cat([head.from_deterministic.weight, head.from_features.weight], 1)
        norm = [] if head.gain is None else [gained(head.gain)]
        first = copied(weight, head.from_features.bias)
        self.posterior = nn.Sequential(first, *norm, nn.SiLU(), copied(head.out.weight, head.out.bias))

    def forward(self, features: Tensor, action: Tensor, is_init: Tensor, noise: Tensor) -> tuple[Tensor, ...]:
        """States `[B, L, S]`, statistics of posterior and prior `[B, L, Q]`."""
        h = features.new_zeros(len(features), self.size)
        z = features.new_zeros(len(features), self.latent.size)
        states, posteriors, priors = [], [], []
        for t in range(features.shape[1]):
            going_on = (~is_init[:, t]).to(h.dtype)
            h = self.cell(h * going_on, z * going_on, action[:, t] * going_on)
            priors.append(self.latent.read(self.prior(h)))
            posteriors.append(self.latent.read(self.posterior(torch.cat([h, features[:, t]], -1))))
            z = self.latent.sample(posteriors[-1], noise[:, t])
            states.append(torch.cat([h, z], -1))
        return torch.stack(states, 1), torch.stack(posteriors, 1), torch.stack(priors, 1)

    @torch.no_grad()
    def imagine(self, state: Tensor, actions: Tensor, noise: Tensor) -> Tensor:
        """The states `[H, N, S]` from states `[N, S]` under actions `[N, H, A]`, with noise `[H, N or 1, Z]`."""
        h, z = state.split([self.size, self.latent.size], -1)
        states = []
        for t in range(actions.shape[1]):
            h = self.cell(h, z, actions[:, t])
            z = self.latent.sample(self.latent.read(self.prior(h)), noise[t])
            states.append(torch.cat([h, z], -1))
        return torch.stack(states)
