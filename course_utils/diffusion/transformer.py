"""The denoiser without convolutions: the picture is cut into patches, and they are the words of a Transformer.

Peebles and Xie 2022, "Scalable diffusion models with Transformers" (2212.09748), figure 3.

    x -> patches -> linear + position -> N x [attention, net] -> norm, linear -> patches -> output
                          step, label -> scale, shift and gate of each block

It differs from a Transformer encoder in how it is told: the norms have no weights of their own; step and label choose
their scale and shift, and a gate on what is added. All gates begin at 0 (adaLN-Zero): a new block does nothing.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_utils.blocks.attention import MultiHeadAttention
from course_utils.blocks.ffn import FeedForward, gelu_tanh
from course_utils.blocks.positions import sinusoidal
from course_utils.diffusion.condition import Condition, check_shape, zero
from course_utils.train._check import check_number

Picture = Float[Tensor, "B C Y X"]


class DiTBlock(nn.Module):
    """x = x + gate * sublayer(norm(x) (1 + scale) + shift), for attention and then for the net.

    >>> DiTBlock(8, n_heads=2)(torch.randn(1, 16, 8), torch.randn(1, 8)).shape
    torch.Size([1, 16, 8])
    """

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        self.attn = MultiHeadAttention(d_model, n_heads)
        self.ffn = FeedForward(d_model, 4 * d_model, gelu_tanh)
        self.tell = zero(nn.Linear(d_model, 6 * d_model))

    def forward(self, x: Float[Tensor, "B L D"], told: Float[Tensor, "B D"]) -> Float[Tensor, "B L D"]:
        shift_attn, scale_attn, gate_attn, shift_ffn, scale_ffn, gate_ffn = self.tell(told)[:, None].chunk(6, dim=-1)
        x = x + gate_attn * self.attn(modulate(x, shift_attn, scale_attn))
        return x + gate_ffn * self.ffn(modulate(x, shift_ffn, scale_ffn))


class DiT(nn.Module):
    """model(x, t, label=None): pictures (B, C, Y, X) to the same.

    `patch`: the picture is cut into squares of this side, which must divide both of its sides. Positions are sinusoids,
    half of the numbers for the row and half for the column. A new model answers 0 to everything.
    Errors: ValueError for a patch or width that does not divide, an x of another shape, unknown steps or labels.
    Source: Peebles and Xie 2022 (2212.09748), section 3.2, adaLN-Zero.
    Differs: predicts no variances; step and label are embedded in `d_model` numbers by `Condition`.

    >>> DiT()(torch.randn(3, 1, 8, 8), torch.tensor([0, 1, 2]), torch.tensor([5, 0, 4])).shape
    torch.Size([3, 1, 8, 8])
    """

    pos: Tensor

    def __init__(
        self,
        shape: tuple[int, int, int] = (1, 8, 8),
        n_classes: int = 10,
        patch: int = 2,
        d_model: int = 64,
        n_layers: int = 3,
        n_heads: int = 4,
        max_steps: int = 1000,
    ) -> None:
        super().__init__()
        check_number("patch", patch, low=1, whole=True)
        if any(side % patch for side in shape[1:]):
            sides = " x ".join(map(str, shape[1:]))
            raise ValueError(f"a picture of {sides} can't be cut into patches of {patch}; give one that divides both")
        if d_model % 4:
            raise ValueError(f"d_model={d_model}; rows and columns need sines and cosines: give a multiple of 4")
        self.shape, self.patch = tuple(shape), patch
        n = shape[0] * patch**2
        self.condition = Condition(d_model, n_classes, max_steps)
        self.tok = nn.Linear(n, d_model)
        self.register_buffer("pos", grid_positions(shape[1] // patch, shape[2] // patch, d_model), persistent=False)
        self.blocks = nn.ModuleList(DiTBlock(d_model, n_heads) for _ in range(n_layers))
        self.tell = zero(nn.Linear(d_model, 2 * d_model))
        self.head = zero(nn.Linear(d_model, n))

    def forward(self, x: Picture, t: Int[Tensor, " B"], label: Int[Tensor, " B"] | None = None) -> Picture:
        check_shape(x, self.shape)
        told = F.silu(self.condition(t, label))
        h = self.tok(F.unfold(x, self.patch, stride=self.patch).transpose(1, 2)) + self.pos
        for block in self.blocks:
            h = block(h, told)
        shift, scale = self.tell(told)[:, None].chunk(2, dim=-1)
        patches = self.head(modulate(h, shift, scale)).transpose(1, 2)
        return F.fold(patches, x.shape[2:], self.patch, stride=self.patch)


def modulate(x: Float[Tensor, "B L D"], shift: Float[Tensor, "B 1 D"], scale: Float[Tensor, "B 1 D"]) -> Tensor:
    """norm(x) (1 + scale) + shift, the norm without weights of its own.

    >>> modulate(torch.tensor([[[3.0, 5.0]]]), torch.ones(1, 1, 2), torch.ones(1, 1, 2))
    tensor([[[-1.0000,  3.0000]]])
    """
    return F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1 + scale) + shift


def grid_positions(n_rows: int, n_columns: int, d_model: int) -> Float[Tensor, "L D"]:
    """Sinusoids of the row and of the column of each patch, in reading order: half of the D numbers for each.

    >>> grid_positions(3, 2, 8).shape
    torch.Size([6, 8])
    """
    rows = sinusoidal(n_rows, d_model // 2).repeat_interleave(n_columns, dim=0)
    return torch.cat([rows, sinusoidal(n_columns, d_model // 2).repeat(n_rows, 1)], dim=-1)
