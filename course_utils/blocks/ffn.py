"""Feed-forward nets: what each position does on its own, between two layers of attention."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

Activation = Callable[[Tensor], Tensor]


def gelu_tanh(x: Float[Tensor, "*B F"]) -> Float[Tensor, "*B F"]:
    """x / 2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))): the GELU of GPT and T5 1.1, within 0.001 of the exact one.

    It is `F.gelu(x, approximate="tanh")`, on a CPU in about half of its time: tanh is written as a sigmoid.
    Source: Hendrycks and Gimpel 2016 (1606.08415), section 2.

    >>> gelu_tanh(torch.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.1588,  0.0000,  0.8412])
    """
    return _GeluTanh.apply(x)


class _GeluTanh(torch.autograd.Function):
    """y = x s(u), with s the sigmoid and u = x (a + b x^2); so dy/dx = s (1 + x u' (1 - s))."""

    A = 2 * math.sqrt(2 / math.pi)
    B = 0.044715 * A

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        gate = (x * x).mul_(_GeluTanh.B).add_(_GeluTanh.A).mul_(x).sigmoid_()
        ctx.save_for_backward(x, gate)
        return x * gate

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        x, gate = ctx.saved_tensors
        slope = (x * x).mul_(3 * _GeluTanh.B).add_(_GeluTanh.A).mul_(x)
        return slope.addcmul_(slope, gate, value=-1).add_(1).mul_(gate).mul_(grad)


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
