import pytest
import torch
from torch import nn

from fulgurite.models.networks import MLP


def member(network: MLP, index: int) -> nn.Sequential:
    """The same perceptron as torch would write it."""
    layers: list[nn.Module] = []
    for weight, bias in zip(network.weights, network.biases, strict=True):
        linear = nn.Linear(weight.shape[2], weight.shape[1])
        linear.weight.data, linear.bias.data = weight[index].data, bias[index, 0].data
        layers += [linear, nn.SiLU()]
    return nn.Sequential(*layers[:-1])


@pytest.mark.parametrize("members", [1, 3])
def test_fused_is_each_member_alone(members):
    torch.manual_seed(0)
    network = MLP(4, 2, (16, 8), members)
    x = torch.randn(members, 10, 4)
    expected = torch.stack([member(network, e)(x[e]) for e in range(members)])
    torch.testing.assert_close(network(x), expected)
    with torch.no_grad():  # where activations overwrite their argument
        torch.testing.assert_close(network(x), expected.detach())
    torch.testing.assert_close(network(x[:1]), torch.stack([member(network, e)(x[0]) for e in range(members)]))


def test_chosen_members():
    torch.manual_seed(0)
    network = MLP(2, 1, (8,), 4)
    chosen = network.layers(torch.tensor([3, 0]))
    assert torch.equal(chosen[0][0], network.weights[0][[3, 0]])


def test_no_grad_does_not_change_its_input():
    network = MLP(2, 2, (4,), 1, "relu")
    x = torch.randn(1, 5, 2)
    before = x.clone()
    with torch.no_grad():
        network(x)
    assert torch.equal(x, before)


def test_unknown_activation():
    with pytest.raises(ValueError, match="need one of silu, relu, elu, tanh, gelu, got 'swish'"):
        MLP(1, 1, activation="swish")
