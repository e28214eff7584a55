"""Half the digits where they don't matter: matrix products in bfloat16, everything else in float32."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode


def bfloat16_products(device: torch.device) -> AbstractContextManager[Any]:
    """Within it, products with weights are computed in bfloat16: 8 digits of the 24 that float32 has, the same range.

    On a GPU this is PyTorch's autocast. On a CPU autocast turns the rest into bfloat16 too, attention among it, whose
    gradient is slower then. So there it is the products of linear layers only: both factors are rounded, the sums are
    not. It pays on processors with instructions for it (avx512_bf16, AMX), and costs time on others.

    >>> with bfloat16_products(torch.device("cpu")):
    ...     F.linear(torch.tensor([[1.001, 1.0]]), torch.tensor([[1.0, 2.0]]))
    tensor([[3.]])
    """
    return Products() if device.type == "cpu" else torch.autocast(device.type, torch.bfloat16)


class Products(TorchFunctionMode):
    """Calls of `F.linear` on float32 go to `Product`; all others go on as they are."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if function is F.linear and not kwargs and args[0].ndim > 1 and args[0].dtype == args[1].dtype == torch.float32:
            out = Product.apply(*args[:2])
            return out if len(args) < 3 or args[2] is None else out + args[2]
        return function(*args, **(kwargs or {}))


class Product(torch.autograd.Function):
    """x W^T in bfloat16, and its gradients; x (..., D), W (F, D) and the result (..., F) are float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        """Both factors are kept for the gradients, in half the space."""
        rows, table = x.flatten(0, -2).bfloat16(), weight.bfloat16()
        ctx.save_for_backward(rows, table)
        ctx.shape = x.shape
        return (rows @ table.T).float().view(*x.shape[:-1], len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """grad W, and grad^T x."""
        rows, table = ctx.saved_tensors
        grad = grad.flatten(0, -2).bfloat16()
        to_x = (grad @ table).float().view(ctx.shape) if ctx.needs_input_grad[0] else None
        return to_x, (grad.T @ rows).float() if ctx.needs_input_grad[1] else None
