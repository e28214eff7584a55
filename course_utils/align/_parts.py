"""What several methods share: masks, means under a mask, a number at each position, and errors at the door."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

Ids = Int[Tensor, "B L"]
Mask = Bool[Tensor, "B L"] | Int[Tensor, "B L"] | Float[Tensor, "B L"]  # True or 1 where a token counts
PerToken = Float[Tensor, "B L"]
PerText = Float[Tensor, " B"]
Scalar = Float[Tensor, ""]
Number = float | int  # where types are checked at run time, an int is no float
Score = Callable[[Tensor, Tensor], Tensor]  # from ids (B, L) and where the answer is (B, L) to scores (B,)


class PositionScores(nn.Module):
    """A number at each position, w . h + b, from the hidden states h of a body.

    `body`: a model with `hidden(ids)`, or one that returns hidden states (B, L, D) itself. It is used, not copied.
    Source: Stiennon 2020 (2009.01325), appendix B.1: w from a normal distribution of variance 1 / (D + 1), b = 0.
    """

    def __init__(self, body: nn.Module, d_model: int) -> None:
        super().__init__()
        self.body, self.head = body, nn.Linear(d_model, 1)
        nn.init.normal_(self.head.weight, std=(d_model + 1) ** -0.5)
        nn.init.zeros_(self.head.bias)

    def positions(self, ids: Ids) -> PerToken:
        """A number for each token and what stands before it."""
        hidden = getattr(self.body, "hidden", self.body)
        return self.head(hidden(ids))[..., 0]


def masked(x: PerToken, mask: Bool[Tensor, "B L"]) -> PerToken:
    """x where the mask is True, 0 elsewhere, whatever stood there: a product would keep what is not finite."""
    return x.masked_fill(~mask, 0.0)


def masked_mean(x: PerToken, mask: Bool[Tensor, "B L"]) -> Scalar:
    """The mean over the tokens that count, all of the batch together."""
    return masked(x, mask).sum() / mask.sum()


def as_mask(mask: Mask, each: bool = False) -> Bool[Tensor, "B L"]:
    """The mask as booleans.

    Errors: ValueError for numbers that are not 0 or 1, and where nothing counts: in the batch, or in `each` text.
    """
    found = mask.bool()
    if not torch.equal(found.to(mask), mask):
        raise ValueError("the mask has other numbers than 0 and 1; give True where a token counts")
    empty = (~found.any(-1)).nonzero()[:, 0].tolist()
    if len(empty) == len(found) or (each and empty):
        which = "no token counts" if len(empty) == len(found) else f"no token counts in the texts {empty}"
        raise ValueError(f"{which}; the mask must be True at the tokens of the answers")
    return found


def last(mask: Bool[Tensor, "B L"]) -> Int[Tensor, " B"]:
    """Where the last True of each row is."""
    return mask.shape[1] - 1 - mask.flip(1).to(torch.uint8).argmax(1)


def check_shapes(n_axes: int, **tensors: Any) -> None:
    """ValueError unless these are tensors of one shape with so many axes, and not empty."""
    shapes = {name: tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__ for name, x in tensors.items()}
    wanted = {1: "(texts,)", 2: "(texts, tokens)"}[n_axes]
    first = next(iter(shapes.values()))
    if len(set(shapes.values())) > 1 or len(first) != n_axes or isinstance(first, str) or 0 in first:
        given = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"{given}; give tensors of one shape, {wanted}")


def check_positive(**numbers: Any) -> None:
    """ValueError unless each is a number above 0."""
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < float("inf"):
            raise ValueError(f"{name}={number!r} is not possible; give a number above 0")
