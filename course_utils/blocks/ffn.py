"""Feed-forward nets: what each position does on its own, between two layers of attention."""

from collections.abc import Callable

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

Activation = Callable[[Tensor], Tensor]


class FeedForward(nn.Module):
    """down(activation(up(x))): widen, bend, narrow.

    Shapes: (..., D) to (..., D); F = `d_ff` inside, 4 D in most papers. `dropout` acts on the F numbers.
    Source: Vaswani 2017 (1706.03762), equation 2, with `activation=F.relu`; GELU since GPT-1 and BERT.

    >>> import torch
    >>> ffn = FeedForward(d_model=2, d_ff=8)
    >>> ffn(torch.zeros(3, 5, 2)).shape
    torch.Size([3, 5, 2])
    """

    def __init__(
        self, d_model: int, d_ff: int, activation: Activation = F.gelu, bias: bool = True, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.up = nn.Linear(d_model, d_ff, bias)
        self.down = nn.Linear(d_ff, d_model, bias)
        self.activation = activation
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        return self.down(self.dropout(self.activation(self.up(x))))


class GatedFeedForward(nn.Module):
    """down(activation(gate(x)) * up(x)): one half decides how much of the other half passes.

    Shapes as for `FeedForward`. With three matrices instead of two, 2/3 of its `d_ff` has as many parameters.
    Source: Shazeer 2020 (2002.05202), equation 6: GEGLU with `F.gelu`, SwiGLU with `F.silu`.

    >>> sum(p.numel() for p in GatedFeedForward(6, 16).parameters())
    288
    """

    def __init__(
        self, d_model: int, d_ff: int, activation: Activation = F.silu, bias: bool = False, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.gate = nn.Linear(d_model, d_ff, bias)
        self.up = nn.Linear(d_model, d_ff, bias)
        self.down = nn.Linear(d_ff, d_model, bias)
        self.activation = activation
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        return self.down(self.dropout(self.activation(self.gate(x)) * self.up(x)))
