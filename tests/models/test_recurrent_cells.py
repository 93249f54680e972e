"""Recurrent cells against torch's and against one with dense weights."""

import pytest
import torch
from torch import Tensor, nn

from fulgurite.equations.rms_norm import EPS, rms_norm, rms_norm_backward
from fulgurite.models.block_gru_cell import BlockGRUCell
from fulgurite.models.explicit import EXPLICIT_ACTIVATIONS
from fulgurite.models.gru_cell import GRUCell
from fulgurite.models.recurrent_cell import RecurrentCell

SIZE, Z, A, HIDDEN, BLOCKS = 12, 5, 2, 7, 3
WIDTH = SIZE // BLOCKS


def built(cell: RecurrentCell) -> RecurrentCell:
    torch.manual_seed(0)
    cell = cell.build(Z, A, SIZE).double()
    for parameter in cell.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return cell


def inputs(*shape: int) -> tuple[Tensor, Tensor, Tensor]:
    """h, z and a."""
    h, z, a = (torch.randn(*shape, n, dtype=torch.float64, requires_grad=True) for n in (SIZE, Z, A))
    return h, z, a


def test_the_gru_is_that_of_torch() -> None:
    cell = built(GRUCell(HIDDEN))
    h, z, a = inputs(4)
    theirs = nn.GRUCell(HIDDEN, SIZE).double()
    theirs.load_state_dict(cell.gru.state_dict())
    x = nn.functional.elu(cell.inputs(torch.cat([z, a], -1)))
    torch.testing.assert_close(cell(h, z, cell.drive(a)), theirs(x, h))


def dense(cell: BlockGRUCell, h: Tensor, z: Tensor, a: Tensor) -> Tensor:
    """The same with matrices of all of h, zero outside the blocks, as in the formula."""

    def phi(x: Tensor, gain: Tensor) -> Tensor:
        return nn.functional.silu(nn.functional.rms_norm(x, x.shape[-1:], gain, EPS))

    f = [
        phi(cell.from_deterministic(h), cell.feature_gain[0]),
        phi(cell.from_stochastic(z), cell.feature_gain[1]),
        phi(cell.from_action(a), cell.action_gain),
    ]
    k = phi(h @ torch.block_diag(*cell.carry) + cell.features(torch.cat(f, -1)), cell.gain)
    reset, update, candidate = (
        k @ torch.block_diag(*weight) + bias.flatten()
        for weight, bias in zip(cell.gates.split(WIDTH, -1), cell.gate_bias.split(WIDTH, -1), strict=True)
    )
    update = (update - 1).sigmoid()
    return update * torch.tanh(reset.sigmoid() * candidate) + (1 - update) * h


def test_blocks_are_a_dense_unit_with_block_diagonal_weights() -> None:
    cell = built(BlockGRUCell(HIDDEN, BLOCKS))
    h, z, a = inputs(4)
    torch.testing.assert_close(cell(h, z, cell.drive(a)), dense(cell, h, z, a))


@pytest.mark.parametrize("cell", [GRUCell(HIDDEN), BlockGRUCell(HIDDEN, BLOCKS)], ids=["gru", "blocks"])
def test_any_shape_of_batch(cell: RecurrentCell) -> None:
    cell = built(cell)
    h, z, a = inputs(2, 3, 4)
    got = cell(h, z, cell.drive(a))
    assert got.shape == (2, 3, 4, SIZE)
    torch.testing.assert_close(got[1, 2], cell(h[1, 2], z[1, 2], cell.drive(a[1, 2])))


def test_a_new_unit_with_blocks_remembers() -> None:
    torch.manual_seed(0)
    cell = BlockGRUCell(64, 8).build(32, A, 512)
    h, z, a = torch.randn(1000, 512).tanh(), torch.randn(1000, 32), torch.randn(1000, A)
    new = cell(h, z, cell.drive(a))
    kept = torch.linalg.lstsq(h.reshape(-1, 1), new.reshape(-1, 1)).solution.item()
    assert kept == pytest.approx(1 - torch.tensor(-1.0).sigmoid().item(), abs=0.05)


def test_rms_norm_is_that_of_torch_with_its_gradient() -> None:
    x = torch.randn(5, 2, SIZE, dtype=torch.float64, requires_grad=True)
    gain = torch.randn(2, SIZE, dtype=torch.float64, requires_grad=True)
    y, unit, r = rms_norm(x, gain)
    torch.testing.assert_close(y, nn.functional.rms_norm(x, [SIZE], None, EPS) * gain)
    grad = torch.randn_like(y)
    of_x, of_gain = torch.autograd.grad(y, [x, gain], grad)
    torch.testing.assert_close(rms_norm_backward(grad, unit, r, gain), of_x)
    torch.testing.assert_close((grad * unit).sum(0), of_gain)


@pytest.mark.parametrize("name", EXPLICIT_ACTIVATIONS)
def test_activations_are_those_of_torch_with_their_gradients(name: str) -> None:
    x = torch.linspace(-9, 9, 500, dtype=torch.float64, requires_grad=True)
    phi = EXPLICIT_ACTIVATIONS[name]
    expected = torch.tanh(x) if name == "tanh" else getattr(nn.functional, name)(x)
    torch.testing.assert_close(phi.run(x), expected)
    grad = torch.randn_like(x)
    (of_x,) = torch.autograd.grad(expected, x, grad)
    torch.testing.assert_close(phi.back(grad, x.detach(), expected.detach()), of_x)
