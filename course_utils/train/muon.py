"""Muon: momentum whose step is made orthogonal, for the matrices inside a model; Adam for all else."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.train._check import check_number

# Of three steps, each the odd polynomial of degree 5 that brings singular values closest to 1: those from 0.02 to 1 in
# the first step, and what it makes of them in the next. Amsel 2025 (2505.16932), section 3; a test finds them again.
LOWEST = 0.02
POLAR = ((7.711, -22.1138, 16.2487), (3.2153, -2.4112, 0.5013), (2.2183, -1.594, 0.4107))


def orthogonal(x: Tensor) -> Tensor:
    """The nearest orthogonal matrix, nearly: U V^T where x = U S V^T, by matrix products only.

    Shapes: (..., m, n) with m <= n to the same. X <- a X + (b A + c A A) X with A = X X^T moves each singular value by
    a polynomial and leaves U and V alone. Singular values above 0.02 of the matrix's length end within 0.1 of 1.

    >>> torch.linalg.svdvals(orthogonal(torch.tensor([[3.0, 0.0], [0.0, 1.0]]))).round()
    tensor([1., 1.])
    """
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    for a, b, c in POLAR:
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


class Muon(torch.optim.Optimizer):
    """w <- w - lr * sqrt(max(1, rows / columns)) * orthogonal(momentum of the gradient): all directions move alike.

    `matrices`: the weights inside the blocks. `others`: embeddings, norms, biases, heads, which Adam trains with
    `other_lr`. Matrices of one shape, or of its transpose, are handled together. `momentum` is Nesterov's.
    Errors: ValueError for what is no matrix among `matrices`, and for a number out of its range.
    Source: Jordan 2024, "Muon: an optimizer for hidden layers in neural networks".
    Differs: three polynomials in place of five equal ones; no weight decay.

    >>> net = nn.Linear(3, 2)
    >>> optimizer = Muon([net.weight], [net.bias])
    >>> net(torch.ones(1, 3)).sum().backward()
    >>> optimizer.step()
    """

    def __init__(
        self,
        matrices: Iterable[nn.Parameter],
        others: Iterable[nn.Parameter],
        lr: float = 0.04,
        other_lr: float = 0.02,
        momentum: float = 0.9,
        betas: tuple[float, float] = (0.9, 0.99),
    ) -> None:
        for name, number in (("lr", lr), ("other_lr", other_lr), ("momentum", momentum)):
            check_number(name, number, low=0)
        matrices, others = list(matrices), list(others)
        if flat := [tuple(p.shape) for p in matrices if p.ndim != 2]:
            raise ValueError(f"matrices have two axes, and not the shapes {flat}; give those as `others`")
        groups: list[dict[str, Any]] = [
            {"params": matrices, "lr": lr, "momentum": momentum},
            {"params": others, "lr": other_lr, "betas": betas},
        ]
        super().__init__([group for group in groups if group["params"]], {})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move all parameters that have a gradient. A closure is not supported."""
        if closure is not None:
            raise ValueError("Muon takes no closure; compute the gradients first")
        for group in self.param_groups:
            pairs = [(p, p.grad) for p in group["params"] if p.grad is not None]
            if "momentum" in group:
                for alike in _by_shape(pairs):
                    self._muon(alike, group["lr"], group["momentum"])
            else:
                for parameter, gradient in pairs:
                    self._adam(parameter, gradient, group["lr"], *group["betas"])

    def _muon(self, alike: list[tuple[Tensor, Tensor]], lr: float, beta: float) -> None:
        steps = []
        for parameter, gradient in alike:
            state = self.state[parameter]
            mean = state.setdefault("mean", torch.zeros_like(parameter)).lerp_(gradient, 1 - beta)
            steps.append(_wide(gradient.lerp(mean, beta)))
        for (parameter, _), step in zip(alike, orthogonal(torch.stack(steps)), strict=True):
            rows, columns = parameter.shape
            parameter.sub_(step if rows <= columns else step.mT, alpha=lr * max(1, rows / columns) ** 0.5)

    def _adam(self, parameter: Tensor, gradient: Tensor, lr: float, beta1: float, beta2: float) -> None:
        state = self.state[parameter]
        t = state["t"] = state.get("t", 0) + 1
        mean = state.setdefault("mean", torch.zeros_like(parameter)).lerp_(gradient, 1 - beta1)
        square = state.setdefault("square", torch.zeros_like(parameter)).lerp_(gradient.square(), 1 - beta2)
        parameter.addcdiv_(mean / (1 - beta1**t), (square / (1 - beta2**t)).sqrt().add_(1e-8), value=-lr)


def _wide(matrix: Tensor) -> Tensor:
    return matrix if matrix.shape[0] <= matrix.shape[1] else matrix.mT


def _by_shape(pairs: list[tuple[Tensor, Tensor]]) -> Iterable[list[tuple[Tensor, Tensor]]]:
    found: dict[tuple[int, ...], list[tuple[Tensor, Tensor]]] = {}
    for parameter, gradient in pairs:
        found.setdefault(tuple(sorted(parameter.shape)), []).append((parameter, gradient))
    return found.values()
