"""A denoiser that knows nothing of pictures: a residual net on all numbers at once. On tiny ones it is the fastest."""

import math

from jaxtyping import Float, Int
from torch import Tensor, nn

from course_utils.blocks.norms import LayerNorm
from course_utils.diffusion.condition import Condition, check_shape, zero
from course_utils.diffusion.process import Images


class Block(nn.Module):
    """h = h + down(silu(up(norm(h) (1 + scale) + shift))), scale and shift made of what the denoiser is told."""

    def __init__(self, d_model: int, d_ff: int) -> None:
        super().__init__()
        self.norm = LayerNorm(d_model)
        self.tell = nn.Linear(d_model, 2 * d_model)
        self.up, self.down, self.activation = nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model), nn.SiLU()

    def forward(self, h: Float[Tensor, "B D"], told: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        scale, shift = self.tell(told).chunk(2, dim=-1)
        return h + self.down(self.activation(self.up(self.norm(h) * (1 + scale) + shift)))


class MLP(nn.Module):
    """model(x, t, label=None): x of any `shape`, (2,) for points of the plane or (1, 8, 8) for digits.

    A new model answers 0 to everything, so the first loss is the variance of what it should say.
    Errors: ValueError for an x of another shape, and for steps and labels that it does not know.

    >>> import torch
    >>> MLP(shape=(2,), n_classes=0)(torch.randn(3, 2), torch.tensor([0, 1, 2])).shape
    torch.Size([3, 2])
    """

    def __init__(
        self,
        shape: tuple[int, ...] = (1, 8, 8),
        n_classes: int = 10,
        d_model: int = 192,
        n_layers: int = 3,
        max_steps: int = 1000,
    ) -> None:
        super().__init__()
        self.shape = tuple(shape)
        n = math.prod(shape)
        self.condition = Condition(d_model, n_classes, max_steps)
        self.first = nn.Linear(n, d_model)
        self.blocks = nn.ModuleList(Block(d_model, 2 * d_model) for _ in range(n_layers))
        self.norm = LayerNorm(d_model)
        self.last = zero(nn.Linear(d_model, n))

    def forward(self, x: Images, t: Int[Tensor, " B"], label: Int[Tensor, " B"] | None = None) -> Images:
        check_shape(x, self.shape)
        told = self.condition(t, label)
        h = self.first(x.flatten(1))
        for block in self.blocks:
            h = block(h, told)
        return self.last(self.norm(h)).view_as(x)
