"""Causal language modelling: each token is the target of all that stands before it.

Source: Radford 2018 (GPT-1), equation 1: the sum over i of log P(u_i | u_1 .. u_(i-1)) is to be made large.
"""

from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from course_utils.objectives._parts import check_ids, check_whole
from course_utils.train.batches import IGNORE


class Shifted(NamedTuple):
    """What a model reads, and what it should say at each place: targets[:, i] follows inputs[:, i]."""

    inputs: Int[Tensor, "B L"]
    targets: Int[Tensor, "B L"]


def next_tokens(ids: Int[Tensor, "B L"], pad: int | None = None) -> Shifted:
    """All tokens but the last as inputs, all but the first as targets: (B, L) to twice (B, L - 1).

    Where the target is `pad` no loss counts it; without `pad`, every target counts.
    Errors: ValueError for ids that are no (texts, tokens), or texts of less than two tokens.
    Source: Radford 2018 (GPT-1), equation 1.

    >>> next_tokens(torch.tensor([[5, 6, 7]]))
    Shifted(inputs=tensor([[5, 6]]), targets=tensor([[6, 7]]))
    """
    check_ids(ids, 2)
    if ids.shape[1] < 2:
        raise ValueError(f"ids of shape {tuple(ids.shape)}; the next token needs texts of two tokens at least")
    targets = ids[:, 1:]
    return Shifted(ids[:, :-1], targets if pad is None else targets.masked_fill(targets == pad, IGNORE))


def shift_right(labels: Int[Tensor, "B L"], start: int, pad: int = 0) -> Int[Tensor, "B L"]:
    """A decoder's inputs for these targets: `start`, and all targets but the last. Targets of -100 become `pad`.

    T5 starts with `pad`, BART with `eos`, the Transformer of 2017 with `bos`.
    Source: Vaswani 2017 (1706.03762), section 3.1: "the output embeddings are offset by one position".

    >>> shift_right(torch.tensor([[5, 6, 7], [8, 9, -100]]), start=2)
    tensor([[2, 5, 6],
            [2, 8, 9]])
    """
    check_ids(labels, 2, "labels")
    check_whole("start", start, 0)
    check_whole("pad", pad, 0)
    first = torch.full_like(labels[:, :1], start)
    return torch.cat([first, labels[:, :-1].masked_fill(labels[:, :-1] == IGNORE, pad)], 1)[:, : labels.shape[1]]
