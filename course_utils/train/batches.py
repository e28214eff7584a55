"""Batches as functions of the step: `batches(step)` is the batch of that step, each time the same.

So a run that was killed goes on with exactly the batch that would have come next, and nothing about the data needs to
be saved. A batch is a tensor, or tensors in a tuple, list or dict, all with one row for each example.
"""

import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from course_utils.train._check import check_number

IGNORE = -100  # a target that no loss counts, as in PyTorch and `transformers`

Batches = Callable[[int], Any]


def mix(*numbers: int) -> int:
    """One seed of 32 bits made of several numbers: neighbouring steps get seeds that have nothing in common.

    It is the CRC of the numbers as text. PyTorch's generator for the CPU reads no more than 32 bits of its seed.

    >>> mix(0, 1) != mix(1, 0)
    True
    """
    return zlib.crc32(" ".join(map(str, numbers)).encode())


def sample_blocks(ids: Any, length: int, batch_size: int, seed: int = 0) -> Batches:
    """For language models: blocks of `length` ids from random places of a text, and the ids that follow each.

    `ids`: the text (N,), as a list, an array or a tensor of any integer type. A batch is (inputs, targets), both
    (batch_size, length), int64; targets[i, j] follows inputs[i, j] in the text.
    Errors: ValueError for a text that isn't longer than a block; TypeError for what isn't a row of whole numbers.

    >>> inputs, targets = sample_blocks(range(100), length=4, batch_size=2)(step=0)
    >>> inputs.shape, torch.equal(inputs + 1, targets)
    (torch.Size([2, 4]), True)
    """
    text = _text(ids, length)
    check_number("batch_size", batch_size, low=1, whole=True)
    window = torch.arange(length + 1)

    def batch(step: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(mix(seed, step))
        starts = torch.randint(len(text) - length, (batch_size, 1), generator=generator)
        rows = text[starts + window].long()
        return rows[:, :-1], rows[:, 1:]

    return batch


def all_blocks(ids: Any, length: int, batch_size: int) -> list[tuple[Tensor, Tensor]]:
    """The whole text in blocks, one after the other, to measure a language model: each id but the first is a target.

    What fills up the last block is an input of 0, and a target that no loss counts (-100).

    >>> all_blocks(range(1, 7), length=3, batch_size=9)
    [(tensor([[1, 2, 3],
            [4, 5, 0]]), tensor([[   2,    3,    4],
            [   5,    6, -100]]))]
    """
    text = _text(ids, length).long()
    check_number("batch_size", batch_size, low=1, whole=True)
    missing = -(len(text) - 1) % length
    inputs = torch.cat([text[:-1], text.new_zeros(missing)]).view(-1, length)
    targets = torch.cat([text[1:], text.new_full((missing,), IGNORE)]).view(-1, length)
    return list(zip(inputs.split(batch_size), targets.split(batch_size), strict=True))


def _text(ids: Any, length: int) -> Tensor:
    check_number("length", length, low=1, whole=True)
    text = torch.as_tensor(list(ids) if isinstance(ids, range) else ids)
    if text.ndim != 1 or text.is_floating_point() or text.dtype == torch.bool:
        raise TypeError(f"ids are one row of whole numbers, not {text.dtype} of shape {tuple(text.shape)}")
    if len(text) <= length:
        raise ValueError(f"the text has {len(text)} ids: a block of {length} and the id after it need {length + 1}")
    return text


def shuffled(*tensors: Tensor, batch_size: int, seed: int = 0) -> Batches:
    """For data sets: the examples in random order, each once before any comes again.

    Row i of every tensor is example i. The epochs, each in its own order, follow one another without a gap: every
    batch is full, and one may hold the end of an epoch and the start of the next. ceil(epochs * N / batch_size) steps
    show all N examples so many times. A batch is a tuple with the rows of each tensor, or a tensor if there is one.
    Errors: TypeError for what isn't a tensor, ValueError for none of them, or different numbers of rows.

    >>> numbers = shuffled(torch.arange(6), batch_size=4)
    >>> sorted(torch.cat([numbers(step) for step in range(3)]).tolist())
    [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    """
    check_number("batch_size", batch_size, low=1, whole=True)
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise TypeError(f"shuffled takes tensors, not {type(tensor).__name__}; wrap it in torch.tensor(...)")
    sizes = sorted({len(tensor) if tensor.ndim else 0 for tensor in tensors})
    if len(sizes) != 1 or sizes == [0]:
        raise ValueError(f"row i of every tensor is example i, but the tensors have {sizes} rows")
    size = sizes[0]

    @lru_cache(maxsize=2)
    def order(epoch: int) -> Tensor:
        return torch.randperm(size, generator=torch.Generator().manual_seed(mix(seed, epoch)))

    def batch(step: int) -> Any:
        first, end = step * batch_size, (step + 1) * batch_size
        epochs = torch.cat([order(epoch) for epoch in range(first // size, (end - 1) // size + 1)])
        rows = epochs[first % size : first % size + batch_size]
        chosen = tuple(tensor[rows.to(tensor.device)] for tensor in tensors)
        return chosen if len(chosen) > 1 else chosen[0]

    return batch


# What `fit` does with a batch, whatever it is made of


def on_tensors(function: Callable[[Tensor], Any], batch: Any) -> Any:
    """The batch with a function applied to each of its tensors; what is no tensor stays."""
    if isinstance(batch, Tensor):
        return function(batch)
    if isinstance(batch, dict):
        return {key: on_tensors(function, value) for key, value in batch.items()}
    if isinstance(batch, (tuple, list)):
        parts = [on_tensors(function, value) for value in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return batch


def tensors_in(batch: Any) -> Iterator[Tensor]:
    """All tensors of a batch, in order."""
    found: list[Tensor] = []
    on_tensors(found.append, batch)
    return iter(found)


def tokens_in(batch: Any) -> int:
    """How many tokens a batch has: the numbers in its first tensor, or its rows if these are no whole numbers."""
    first = next(tensors_in(batch), None)
    if first is None or not first.ndim:
        return 1
    return len(first) if first.is_floating_point() else first.numel()


def fingerprint(batch: Any) -> int:
    """A number that differs, almost surely, between different batches."""
    found = 0
    for tensor in tensors_in(batch):
        found = zlib.crc32(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data, found)
    return found
