"""What every denoiser is told beside x_t: which step it is, and what the picture shows."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_utils.blocks.positions import sinusoidal
from course_utils.diffusion.guidance import NO_LABEL
from course_utils.train._check import check_number


class Condition(nn.Module):
    """A vector for the step plus one for the label: net(sinusoids of t) + table[label], (B, D).

    `n_classes` 0: no labels. Otherwise the table has one row more, for pictures without label (None or `NO_LABEL`).
    Errors: ValueError for steps that are not 0 .. max_steps - 1, and labels that are not known.
    Source: Ho 2020 (2006.11239), appendix B; labels: Dhariwal and Nichol 2021 (2105.05233), section 3.1.

    >>> Condition(4, n_classes=10)(torch.tensor([0, 999]), torch.tensor([3, NO_LABEL])).shape
    torch.Size([2, 4])
    """

    steps: Tensor

    def __init__(self, d_model: int, n_classes: int = 0, max_steps: int = 1000) -> None:
        super().__init__()
        check_number("n_classes", n_classes, low=0, whole=True)
        self.n_classes = n_classes
        self.register_buffer("steps", sinusoidal(max_steps, d_model), persistent=False)
        self.net = nn.Sequential(nn.Linear(d_model, d_model), nn.SiLU(), nn.Linear(d_model, d_model))
        self.label = nn.Embedding(n_classes + 1, d_model) if n_classes else None

    def forward(self, t: Int[Tensor, " B"], label: Int[Tensor, " B"] | None = None) -> Float[Tensor, "B D"]:
        _check_range("t", t, 0, len(self.steps) - 1, "; give the model a higher max_steps")
        vector = self.net(self.steps[t])
        if self.label is None:
            if label is not None:
                raise ValueError("this denoiser knows no labels; make it with n_classes, or give none")
            return vector
        label = torch.full_like(t, NO_LABEL) if label is None else label
        _check_range("label", label, NO_LABEL, self.n_classes - 1, f", where {NO_LABEL} is no label")
        return vector + self.label(label.where(label != NO_LABEL, self.n_classes))


def check_shape(x: Tensor, shape: tuple[int, ...]) -> None:
    """ValueError unless each of the batch has this shape."""
    if tuple(x.shape[1:]) != shape:
        raise ValueError(f"x has the shape {tuple(x.shape)}; this model takes a batch of {shape}")


def zero(layer: nn.Linear | nn.Conv2d) -> nn.Linear | nn.Conv2d:
    """The layer with all its parameters 0: what it is the last part of begins by doing nothing."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def one_hot_beside(x: Float[Tensor, "B N"], label: Int[Tensor, " B"] | None, n_classes: int) -> Float[Tensor, "B M"]:
    """Numbers, and beside them the label in one-hot form; x itself for a model without classes.

    Errors: ValueError for a label that is missing, out of range, or given to a model without classes.

    >>> one_hot_beside(torch.tensor([[0.5]]), torch.tensor([1]), 3)
    tensor([[0.5000, 0.0000, 1.0000, 0.0000]])
    """
    if (label is None) != (n_classes == 0):
        has = f"{n_classes} classes: give a label" if n_classes else "no classes: give no label"
        raise ValueError(f"this model has {has}")
    if label is None:
        return x
    _check_range("label", label, 0, n_classes - 1)
    return torch.cat([x, F.one_hot(label, n_classes).to(x.dtype)], dim=-1)


def _check_range(name: str, numbers: Tensor, low: int, high: int, advice: str = "") -> None:
    if numbers.numel() and not low <= int(numbers.min()) <= int(numbers.max()) <= high:
        given = f"{int(numbers.min())} to {int(numbers.max())}"
        raise ValueError(f"{name} from {given}; this model knows {low} to {high}{advice}")
