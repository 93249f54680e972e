"""The GRU that forgets at marked steps, against torch's cell step by step."""

import torch

from fulgurite.models.reset_gru import ResetGRU

B, L, N, H = 3, 7, 2, 5


def case() -> tuple[ResetGRU, torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    forget = torch.zeros(B, L, 1, dtype=torch.bool)
    forget[0, 3] = forget[1, 0] = forget[1, 5] = True
    return ResetGRU(N, H).double(), torch.randn(B, L, N).double(), forget, torch.randn(B, H).double()


def test_it_is_torchs_cell_where_nothing_is_forgotten() -> None:
    gru, x, forget, h = case()
    cell = torch.nn.GRUCell(N, H).double()
    with torch.no_grad():
        for theirs, ours in zip(cell.parameters(), gru.parameters(), strict=True):
            theirs.copy_(ours)
    found = gru(x, torch.zeros_like(forget), h)
    for t in range(L):
        h = cell(x[:, t], h)
        torch.testing.assert_close(found[:, t], h)


def test_nothing_passes_a_mark() -> None:
    """Not a bit: what is after it is the same whatever was before, and there is no gradient from before."""
    gru, x, forget, h = case()
    x.requires_grad_()
    found = gru(x, forget, h)
    (gradient,) = torch.autograd.grad(found[0, 3:].square().sum(), x)
    assert not gradient[0, :3].any()
    assert gradient[0, 3:].abs().min() > 0
    other = x.detach().clone()
    other[0, :3] += 100
    again = gru(other, forget, h + 10)
    assert torch.equal(again[0, 3:], found[0, 3:])
    assert torch.equal(again[1], found[1])  # forgotten at its first step
    assert not torch.isclose(again[2], found[2]).any()


def test_a_marked_step_is_like_a_beginning() -> None:
    gru, x, forget, h = case()
    found = gru(x, forget, h)
    torch.testing.assert_close(gru(x[:1, 3:], forget[:1, 3:], h[:1] * 0), found[:1, 3:])


def test_in_one_call_or_step_by_step() -> None:
    gru, x, forget, h = case()
    found = gru(x, forget, h)
    for t in range(L):
        h = gru(x[:, t : t + 1], forget[:, t : t + 1], h)[:, 0]
        torch.testing.assert_close(h, found[:, t])


def test_gradients_by_finite_differences() -> None:
    gru, x, forget, h = case()
    parameters = [parameter.detach().requires_grad_() for parameter in gru.parameters()]
    names = [name for name, _ in gru.named_parameters()]

    def states(x: torch.Tensor, h: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(gru, dict(zip(names, values, strict=True)), (x, forget, h))

    assert torch.autograd.gradcheck(states, (x.requires_grad_(), h.requires_grad_(), *parameters), fast_mode=True)
