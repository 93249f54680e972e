"""A perceptron whose weights are independent Gaussians: the mean-field posterior of a Bayesian neural network.

    q(w) = prod_i N(w_i; mu_i, sigma_i^2)        p(w) = prod_i N(w_i; 0, s_i^2)

In training the weights are not sampled but the sums they make, with noise of its own for every row, which gives
gradients of far lower variance (the local reparameterisation; Kingma, Salimans and Welling 2015, section 2.2):

    y = x mu_W + mu_b + sqrt( x^2 sigma_W^2 + sigma_b^2 ) epsilon        epsilon ~ N(0, 1)

Blundell et al. 2015 (Bayes by backprop). The prior of a weight into a layer of n units has s = prior_std / sqrt(n), so
that functions drawn from the prior are of one size whatever the width (Neal 1996, section 2.1).
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..equations.gaussian_kl import gaussian_kl
from .networks import ACTIVATIONS, MLP, Layers, squeezed


class VariationalMLP(nn.Module):
    """A distribution over perceptrons.

    Args:
        inputs: size of x.
        outputs: size of y.
        hidden: sizes of the hidden layers.
        activation: see `MLP`.
        prior_std: of the biases, and of the weights in units of 1 / sqrt(inputs of the layer).
        initial_std: sigma at the start, in units of the prior's.

    Raises:
        ValueError: unless both deviations are positive.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        hidden: Sequence[int] = (32, 32),
        activation: str = "silu",
        prior_std: float = 1.0,
        initial_std: float = 0.05,
    ) -> None:
        super().__init__()
        if prior_std <= 0 or initial_std <= 0:
            raise ValueError(f"need prior_std > 0 and initial_std > 0, got {prior_std} and {initial_std}")
        self.mean = MLP(inputs, outputs, hidden, 1, activation)
        self.activation = activation
        sizes = [weight.shape[-1] for weight in self.mean.weights]
        self.prior_log_std = [(math.log(prior_std / math.sqrt(size)), math.log(prior_std)) for size in sizes]
        self.log_std = nn.ParameterList()  # of weight and bias, layer by layer
        for (weight, bias), (of_weight, of_bias) in zip(self.mean.layers(), self.prior_log_std, strict=True):
            self.log_std.append(torch.full_like(weight, of_weight + math.log(initial_std)))
            self.log_std.append(torch.full_like(bias, of_bias + math.log(initial_std)))

    def log_stds(self) -> Layers:
        """log sigma of weights `[1, out, in]` and biases `[1, 1, out]`, as `MLP.layers` gives mu."""
        both = list(self.log_std.parameters())
        return list(zip(both[::2], both[1::2], strict=True))

    def forward(self, x: Tensor) -> Tensor:
        """Rows `[1, R, inputs]` -> `[1, R, outputs]`, with the noise of the weights while training, else without."""
        phi = ACTIVATIONS[self.activation]
        last = len(self.prior_log_std) - 1
        for i, ((w, b), (s, t)) in enumerate(zip(squeezed(self.mean.layers()), squeezed(self.log_stds()), strict=True)):
            y = F.linear(x, w, b)  # [1, R, out]
            if self.training:
                variance = F.linear(x.square(), (2 * s).exp(), (2 * t).exp())
                y = y + variance.sqrt() * torch.randn_like(y)
            x = y if i == last else phi(y, False)
        return x

    def kl(self) -> Tensor:
        """KL(q(w) || p(w)) of all weights together, a scalar in nats."""
        total = self.log_std[0].new_zeros(())
        for mean, log_std, prior in zip(self.mean.layers(), self.log_stds(), self.prior_log_std, strict=True):
            for mu, log_sigma, log_s in zip(mean, log_std, prior, strict=True):
                total = total + gaussian_kl(mu, log_sigma, torch.zeros_like(mu), mu.new_tensor(log_s)).sum()
        return total

    def sample(self, draws: int, generator: torch.Generator | None = None) -> Layers:
        """The layers of so many networks drawn from the posterior."""

        def drawn(mean: Tensor, log_std: Tensor) -> Tensor:  # [1, ...] -> [draws, ...]
            shape = (draws, *mean.shape[1:])
            noise = torch.randn(shape, generator=generator, device=mean.device, dtype=mean.dtype)
            return mean + log_std.exp() * noise

        return [
            (drawn(weight, of_weight), drawn(bias, of_bias))
            for (weight, bias), (of_weight, of_bias) in zip(self.mean.layers(), self.log_stds(), strict=True)
        ]
