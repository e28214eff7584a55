"""What several objectives share: chance, counting, packing to the left, and errors at the door."""

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor

Chance = torch.Generator | int


def as_generator(generator: Chance) -> torch.Generator:
    """The generator itself, or a new one with this seed."""
    if isinstance(generator, torch.Generator):
        return generator
    check_whole("generator", generator, low=0)
    return torch.Generator().manual_seed(int(generator))


def uniform(*shape: int, generator: torch.Generator) -> Tensor:
    """Numbers in [0, 1), fine enough that no two of a batch are equal."""
    return torch.rand(*shape, generator=generator, dtype=torch.float64, device=generator.device)


def randint(n: int, generator: torch.Generator) -> int:
    """One of 0 .. n - 1."""
    return int(torch.randint(n, (), generator=generator, device=generator.device))


def randperm(n: int, generator: torch.Generator) -> Int[Tensor, " n"]:
    """0 .. n - 1 in random order, on the CPU."""
    return torch.randperm(n, generator=generator, device=generator.device).cpu()


def share_of(rate: float, n: int, generator: torch.Generator) -> int:
    """A share of n things as a whole number: rate * n, rounded up or down at random so that the mean is right."""
    return int(rate * n + float(uniform(1, generator=generator)))


def pack(ids: Int[Tensor, "B L"], keep: Bool[Tensor, "B L"], fill: int) -> Int[Tensor, "B N"]:
    """The ids to keep of each row, moved to its left, and then `fill`, up to the length of the longest row."""
    length = int(keep.sum(1).max()) if len(keep) else 0
    order = (~keep).to(torch.uint8).argsort(dim=1, stable=True)[:, :length]
    return ids.gather(1, order).where(keep.gather(1, order), fill)


def stack(rows: Iterable[Tensor], fill: int) -> Shaped[Tensor, "B L"]:
    """Rows of different lengths as one tensor, filled up on the right."""
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_value=fill)


def check_whole(name: str, number: Any, low: int) -> None:
    """ValueError unless it is a whole number of at least `low`."""
    if isinstance(number, bool) or not isinstance(number, Integral) or int(number) < low:
        raise ValueError(f"{name}={number!r} is not possible; it must be a whole number of at least {low}")


def check_rate(name: str, rate: Any, low: float = 0.0, high: float = 1.0) -> None:
    """ValueError unless it is a number between `low` and `high`."""
    if isinstance(rate, bool) or not isinstance(rate, Real) or not low <= float(rate) <= high:
        raise ValueError(f"{name}={rate!r} is not possible; it must be a number from {low:g} to {high:g}")


def check_ids(ids: Any, n_axes: int, name: str = "ids") -> None:
    """ValueError unless these are ids: a tensor of whole numbers with so many axes."""
    wanted = "one row of whole numbers (tokens)" if n_axes == 1 else "whole numbers of shape (texts, tokens)"
    if not isinstance(ids, Tensor):
        raise ValueError(f"{name} is {type(ids).__name__}; give a tensor, {wanted}")
    if ids.ndim != n_axes or ids.is_floating_point() or ids.is_complex() or ids.dtype == torch.bool:
        raise ValueError(f"{name} is {ids.dtype} of shape {tuple(ids.shape)}; give {wanted}")
