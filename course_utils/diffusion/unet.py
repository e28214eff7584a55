"""The denoiser of DDPM: a convolutional net that shrinks the picture, attends, and grows it again.

Ho 2020 (2006.11239), appendix B, after Ronneberger 2015 (1505.04597).

    x -> conv -> [res] -> half -> [res] -> half -> ... -> res, attention, res -> ... -> [res] -> norm, conv -> output
                   |                |                                              |
                   +----------------+------------------ as it was on the way down -+

Convolutions see the neighbourhood; halving the picture makes far places near; attention at the bottom joins what is
still apart. What was seen on the way down is handed across, so that no detail is lost.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_utils.blocks.attention import MultiHeadAttention
from course_utils.blocks.norms import LayerNorm
from course_utils.diffusion.condition import Condition, check_shape, zero

Picture = Float[Tensor, "B C Y X"]
Widened = Float[Tensor, "B N Y X"]  # the same with another number of channels


class ResBlock(nn.Module):
    """x + conv(silu(norm(conv(silu(norm(x))) + what it is told))); a 1 x 1 convolution where channels change.

    >>> ResBlock(3, 6, d_model=4)(torch.randn(1, 3, 8, 8), torch.randn(1, 4)).shape
    torch.Size([1, 6, 8, 8])
    """

    def __init__(self, n_in: int, n_out: int, d_model: int) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = group_norm(n_in), group_norm(n_out)
        self.conv_1 = nn.Conv2d(n_in, n_out, 3, padding=1)
        self.conv_2 = zero(nn.Conv2d(n_out, n_out, 3, padding=1))
        self.tell = nn.Linear(d_model, n_out)
        self.skip = nn.Identity() if n_in == n_out else nn.Conv2d(n_in, n_out, 1)

    def forward(self, x: Picture, told: Float[Tensor, "B D"]) -> Widened:
        h = self.conv_1(F.silu(self.norm_1(x))) + self.tell(told)[:, :, None, None]
        return self.skip(x) + self.conv_2(F.silu(self.norm_2(h)))


class PictureAttention(nn.Module):
    """Each place of the picture asks all others: x + attention(norm(x)), the places being a sequence.

    >>> PictureAttention(6, n_heads=2)(torch.randn(1, 6, 4, 4)).shape
    torch.Size([1, 6, 4, 4])
    """

    def __init__(self, channels: int, n_heads: int) -> None:
        super().__init__()
        self.norm = LayerNorm(channels)
        self.attn = MultiHeadAttention(channels, n_heads)

    def forward(self, x: Picture) -> Picture:
        places = x.flatten(2).transpose(1, 2)
        return x + self.attn(self.norm(places)).transpose(1, 2).view_as(x)


class UNet(nn.Module):
    """model(x, t, label=None): pictures (B, C, Y, X) to the same, with step and label told to every block.

    `channels`: one number for each size of the picture; it is halved between them, so both sides must divide by
    2 ** (len(channels) - 1). A new model answers 0 to everything.
    Errors: ValueError for a size that cannot be halved so often, an x of another shape, unknown steps or labels.
    Differs: one block at each size instead of two, no dropout; halved by averaging, grown by repeating.

    >>> UNet()(torch.randn(3, 1, 8, 8), torch.tensor([0, 1, 2]), torch.tensor([5, 0, 4])).shape
    torch.Size([3, 1, 8, 8])
    """

    def __init__(
        self,
        shape: tuple[int, int, int] = (1, 8, 8),
        n_classes: int = 10,
        channels: tuple[int, ...] = (16, 32),
        n_heads: int = 4,
        max_steps: int = 1000,
    ) -> None:
        super().__init__()
        if not channels or any(side % 2 ** (len(channels) - 1) for side in shape[1:]):
            sides = " x ".join(map(str, shape[1:]))
            raise ValueError(f"a picture of {sides} can't be halved {len(channels) - 1} times; give fewer channels")
        self.shape = tuple(shape)
        d_model, wide = 2 * channels[-1], channels[-1]
        self.condition = Condition(d_model, n_classes, max_steps)
        self.first = nn.Conv2d(shape[0], channels[0], 3, padding=1)
        widths = [channels[0], *channels]
        self.down = nn.ModuleList(ResBlock(n, m, d_model) for n, m in pairwise(widths))
        self.middle = nn.ModuleList(ResBlock(wide, wide, d_model) for _ in range(2))
        self.attention = PictureAttention(wide, n_heads)
        self.up = nn.ModuleList(ResBlock(2 * m, n, d_model) for m, n in pairwise(widths[::-1]))
        self.norm = group_norm(channels[0])
        self.last = zero(nn.Conv2d(channels[0], shape[0], 3, padding=1))

    def forward(self, x: Picture, t: Int[Tensor, " B"], label: Int[Tensor, " B"] | None = None) -> Picture:
        check_shape(x, self.shape)
        told = F.silu(self.condition(t, label))
        h, seen = self.first(x), []
        for i, block in enumerate(self.down):
            h = block(F.avg_pool2d(h, 2) if i else h, told)
            seen.append(h)
        h = self.middle[1](self.attention(self.middle[0](h, told)), told)
        for i, block in enumerate(self.up):
            h = F.interpolate(h, scale_factor=2.0) if i else h
            h = block(torch.cat([h, seen.pop()], dim=1), told)
        return self.last(F.silu(self.norm(h)))


def group_norm(channels: int) -> nn.GroupNorm:
    """A norm over groups of channels: 8 groups, or the next fewer that divide them.

    >>> group_norm(12).num_groups
    6
    """
    return nn.GroupNorm(next(n for n in range(8, 0, -1) if channels % n == 0), channels)
