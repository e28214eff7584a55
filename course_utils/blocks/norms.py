"""Norms: each position's vector is brought to a fixed size, so that a deep stack neither explodes nor fades."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class LayerNorm(nn.Module):
    """y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias, over the last axis; the variance divides by D.

    Shapes: any (..., D) to the same. `bias=False` leaves the last term out.
    Source: Ba 2016 (1607.06450), equation 4. It is `torch.nn.LayerNorm`, with names that the course uses.

    >>> LayerNorm(2, eps=0.0)(torch.tensor([3.0, 5.0])).tolist()
    [-1.0, 1.0]
    """

    def __init__(self, d: int, eps: float = 1e-5, bias: bool = True) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(d))
        self.bias = nn.Parameter(torch.zeros(d)) if bias else None

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


class RMSNorm(nn.Module):
    """y = x / sqrt(mean(x^2) + eps) * weight, over the last axis: no mean is subtracted, no bias is added.

    Shapes: any (..., D) to the same. Source: Zhang and Sennrich 2019 (1910.07467), equation 4.

    >>> RMSNorm(2, eps=0.0)(torch.tensor([3.0, 3.0])).tolist()
    [1.0, 1.0]
    """

    def __init__(self, d: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(d))

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)
