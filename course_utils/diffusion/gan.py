"""The generative adversarial net: one net makes pictures, another tells them from real ones, and both get better.

Goodfellow 2014, "Generative adversarial nets" (1406.2661).

    code ~ N(0, I), label -> generator -> picture -> discriminator -> logit: is it real?

The discriminator is trained to be right, the generator to make it wrong. Nothing measures how far they are: the two
losses do not fall when the pictures get better.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.func import functional_call

from course_utils.diffusion.condition import check_shape, one_hot_beside
from course_utils.diffusion.process import Images, gaussian


class Generator(nn.Module):
    """A picture for each code; with `n_classes` it is told what to show.

    >>> Generator()(torch.randn(3, 16), torch.tensor([5, 0, 4])).shape
    torch.Size([3, 1, 8, 8])
    """

    def __init__(
        self, shape: tuple[int, ...] = (1, 8, 8), n_classes: int = 10, d_latent: int = 16, d_model: int = 576
    ) -> None:
        super().__init__()
        self.shape, self.n_classes, self.d_latent = tuple(shape), n_classes, d_latent
        first, second = nn.Linear(d_latent + n_classes, d_model), nn.Linear(d_model, d_model)
        self.net = nn.Sequential(first, nn.SiLU(), second, nn.SiLU(), nn.Linear(d_model, math.prod(shape)))

    def forward(self, code: Float[Tensor, "B Z"], label: Int[Tensor, " B"] | None = None) -> Images:
        return self.net(one_hot_beside(code, label, self.n_classes)).unflatten(1, self.shape)


class Discriminator(nn.Module):
    """A logit for each picture: above 0 for "real". With `n_classes` it is told what the picture should show.

    >>> Discriminator()(torch.randn(3, 1, 8, 8), torch.tensor([5, 0, 4])).shape
    torch.Size([3])
    """

    def __init__(self, shape: tuple[int, ...] = (1, 8, 8), n_classes: int = 10, d_model: int = 576) -> None:
        super().__init__()
        self.shape, self.n_classes = tuple(shape), n_classes
        first, second = nn.Linear(math.prod(shape) + n_classes, d_model), nn.Linear(d_model, d_model)
        self.net = nn.Sequential(first, nn.LeakyReLU(0.2), second, nn.LeakyReLU(0.2), nn.Linear(d_model, 1))

    def forward(self, x: Images, label: Int[Tensor, " B"] | None = None) -> Float[Tensor, " B"]:
        check_shape(x, self.shape)
        return self.net(one_hot_beside(x.flatten(1), label, self.n_classes)).squeeze(1)


class GAN(nn.Module):
    """Both nets in one module, so that `course_utils.train.fit` trains them with `loss`.

    With the defaults both together are as large as the denoiser `MLP`.

    >>> model = GAN()
    >>> model.generator(torch.randn(3, 16), torch.tensor([5, 0, 4])).shape
    torch.Size([3, 1, 8, 8])
    """

    def __init__(
        self, shape: tuple[int, ...] = (1, 8, 8), n_classes: int = 10, d_latent: int = 16, d_model: int = 576
    ) -> None:
        super().__init__()
        self.generator = Generator(shape, n_classes, d_latent, d_model)
        self.discriminator = Discriminator(shape, n_classes, d_model)


def discriminator_loss(real: Float[Tensor, " B"], fake: Float[Tensor, " B"]) -> Float[Tensor, ""]:
    """-mean log D(real) - mean log(1 - D(fake)), from logits; D is their sigmoid. Without a clue it is 2 ln 2 nats.

    Source: Goodfellow 2014 (1406.2661), algorithm 1.

    >>> discriminator_loss(torch.zeros(3), torch.zeros(3))
    tensor(1.3863)
    """
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_loss(fake: Float[Tensor, " B"]) -> Float[Tensor, ""]:
    """-mean log D(fake), from logits: the form that does not saturate.

    It has a gradient also when the discriminator is sure, which mean log(1 - D(fake)), the game's own, has not.
    Source: Goodfellow 2014 (1406.2661), end of section 3.

    >>> generator_loss(torch.zeros(3))
    tensor(0.6931)
    """
    return F.softplus(-fake).mean()


def loss(
    model: GAN, x: Images, label: Int[Tensor, " B"] | None = None, *, generator: torch.Generator | None = None
) -> Float[Tensor, ""]:
    """Both losses in one number, each with a gradient for its own net only: one step trains both.

    `generator`: of the codes; PyTorch's own by default.
    Differs: the paper's nets take turns; here they step at once, with the same fakes.

    >>> bool(loss(GAN((2,), n_classes=0), torch.randn(5, 2)) > 0)
    True
    """
    code = gaussian((len(x), model.generator.d_latent), x, generator)
    fake = model.generator(code, label)
    judge = model.discriminator
    of_judge = discriminator_loss(judge(x, label), judge(fake.detach(), label))
    frozen = {name: parameter.detach() for name, parameter in judge.named_parameters()}
    return of_judge + generator_loss(functional_call(judge, frozen, (fake, label)))
