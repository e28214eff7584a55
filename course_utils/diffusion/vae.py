"""The variational auto-encoder: a picture becomes a cloud of short codes, a code becomes a picture.

Kingma and Welling 2013, "Auto-encoding variational Bayes" (1312.6114).

    x, label -> encoder -> mean, log variance -> code = mean + sigma epsilon -> decoder -> x'

The loss asks for x' like x, and for clouds like N(0, I), so that a code drawn from there is worth decoding.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_utils.diffusion.condition import check_shape, one_hot_beside
from course_utils.diffusion.process import Images, gaussian
from course_utils.train._check import check_number


class Terms(NamedTuple):
    """The two terms of the loss, in nats (up to a constant) for each picture."""

    reconstruction: Float[Tensor, ""]
    kl: Float[Tensor, ""]


class VAE(nn.Module):
    """An encoder and a decoder of two hidden layers each; with `n_classes` both are told the label.

    With the defaults it is as large as the denoiser `MLP`.

    Errors: ValueError for pictures of another shape, and labels that are missing, out of range or not expected.

    >>> model = VAE()
    >>> mean, logvar = model.encode(torch.randn(3, 1, 8, 8), torch.tensor([5, 0, 4]))
    >>> mean.shape, model.decode(mean, torch.tensor([5, 0, 4])).shape
    (torch.Size([3, 8]), torch.Size([3, 1, 8, 8]))
    """

    def __init__(
        self, shape: tuple[int, ...] = (1, 8, 8), n_classes: int = 10, d_latent: int = 8, d_model: int = 576
    ) -> None:
        super().__init__()
        self.shape, self.n_classes, self.d_latent = tuple(shape), n_classes, d_latent
        n = math.prod(shape)
        self.encoder = net(n + n_classes, d_model, 2 * d_latent)
        self.decoder = net(d_latent + n_classes, d_model, n)

    def encode(
        self, x: Images, label: Int[Tensor, " B"] | None = None
    ) -> tuple[Float[Tensor, "B Z"], Float[Tensor, "B Z"]]:
        """Mean and log variance of the codes of each picture."""
        check_shape(x, self.shape)
        mean, logvar = self.encoder(one_hot_beside(x.flatten(1), label, self.n_classes)).chunk(2, dim=-1)
        return mean, logvar

    def decode(self, code: Float[Tensor, "B Z"], label: Int[Tensor, " B"] | None = None) -> Images:
        """The picture that each code stands for."""
        return self.decoder(one_hot_beside(code, label, self.n_classes)).unflatten(1, self.shape)

    @torch.no_grad()
    def sample(self, code: Float[Tensor, "B Z"], label: Int[Tensor, " B"] | None = None) -> Images:
        """New pictures from codes that were drawn from N(0, I)."""
        return self.decode(code, label)


def kl(mean: Float[Tensor, "B Z"], logvar: Float[Tensor, "B Z"]) -> Float[Tensor, " B"]:
    """KL(N(mean, sigma^2) || N(0, I)) in nats: sum of (mean^2 + sigma^2 - 1 - log sigma^2) / 2 over the code.

    Source: Kingma and Welling 2013 (1312.6114), appendix B.

    >>> kl(torch.tensor([[2.0, 0.0]]), torch.zeros(1, 2))
    tensor([2.])
    """
    return 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum(-1)


def reparametrise(
    mean: Float[Tensor, "B Z"], logvar: Float[Tensor, "B Z"], noise: Float[Tensor, "B Z"]
) -> Float[Tensor, "B Z"]:
    """mean + sigma epsilon: a draw from N(mean, sigma^2) through which the gradient reaches mean and sigma.

    Source: Kingma and Welling 2013 (1312.6114), section 2.4.

    >>> reparametrise(torch.tensor([[1.0]]), torch.zeros(1, 1), torch.tensor([[0.5]]))
    tensor([[1.5000]])
    """
    return mean + (0.5 * logvar).exp() * noise


def elbo_terms(
    model: VAE, x: Images, label: Int[Tensor, " B"] | None = None, *, generator: torch.Generator | None = None
) -> Terms:
    """How far pictures are from what one code of theirs decodes to, and how far their codes are from N(0, I).

        reconstruction = sum (x - x')^2 / 2, -log N(x; x', I) up to a constant          both are means over the pictures

    Source: Kingma and Welling 2013 (1312.6114), equation 10.

    >>> terms = elbo_terms(VAE((2,), n_classes=0), torch.randn(5, 2))
    >>> bool(terms.kl > 0)
    True
    """
    mean, logvar = model.encode(x, label)
    noise = gaussian(mean.shape, x, generator)
    seen = model.decode(reparametrise(mean, logvar, noise), label)
    return Terms(0.5 * (x - seen).square().flatten(1).sum(1).mean(), kl(mean, logvar).mean())


def elbo_loss(
    model: VAE,
    x: Images,
    label: Int[Tensor, " B"] | None = None,
    kl_weight: float = 1.0,
    *,
    generator: torch.Generator | None = None,
) -> Float[Tensor, ""]:
    """reconstruction + kl_weight * KL: with weight 1, minus the lower bound of the log-likelihood.

    A lower weight gives sharper pictures, and codes that N(0, I) misses; a higher one the contrary. A weight of w is
    a decoder whose pixels have the variance w.
    Errors: TypeError and ValueError for a negative weight.
    Source: Higgins 2017, "beta-VAE", equation 4.

    >>> bool(elbo_loss(VAE((2,), n_classes=0), torch.randn(5, 2), kl_weight=0.1) > 0)
    True
    """
    check_number("kl_weight", kl_weight, low=0)
    terms = elbo_terms(model, x, label, generator=generator)
    return terms.reconstruction + kl_weight * terms.kl


def net(n_in: int, d_model: int, n_out: int) -> nn.Sequential:
    """Two hidden layers.

    >>> [layer.out_features for layer in net(3, 5, 2) if isinstance(layer, nn.Linear)]
    [5, 5, 2]
    """
    first, second, last = nn.Linear(n_in, d_model), nn.Linear(d_model, d_model), nn.Linear(d_model, n_out)
    return nn.Sequential(first, nn.SiLU(), second, nn.SiLU(), last)
