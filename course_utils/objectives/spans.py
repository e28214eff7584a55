"""Span corruption: gaps in a text, each marked by one sentinel, and the target is what stood in them.

    text      Thank you for inviting me to your party last week
    inputs    Thank you <X> me to your party <Y> week
    targets   <X> for inviting <Y> last <Z>

15 % of the tokens are hidden, in spans of 3 on average, so targets are short, and a step is cheap. <Z> ends a target
only where the text goes on after its last gap; the gaps of `noise_mask`, as of T5's own code, always end the text.

Source: Raffel 2019 (1910.10683), sections 3.1.4 and 3.3.4, figure 2; its code for the lengths and their rounding.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Int
from torch import Tensor

from course_utils.objectives._parts import (
    Chance,
    as_generator,
    check_ids,
    check_rate,
    check_whole,
    pack,
    randperm,
    stack,
)
from course_utils.train.batches import IGNORE


class Corrupted(NamedTuple):
    """What the encoder reads, and what the decoder should say (-100 where the row is over)."""

    inputs: Int[Tensor, "B M"]
    targets: Int[Tensor, "B L"]


class Sizes(NamedTuple):
    """How many tokens are hidden, and in how many spans."""

    n_hidden: int
    n_spans: int


def countdown(vocab_size: int, n: int = 100) -> list[int]:
    """The ids of the sentinels <extra_id_0>, <extra_id_1>, ...: the last of the vocabulary, from the end down.

    `vocab_size` is the tokeniser's: 32,100 for T5, though its table of embeddings has 32,128 rows.

    >>> countdown(32_100)[:3]
    [32099, 32098, 32097]
    """
    check_whole("n", n, 1)
    check_whole("vocab_size", vocab_size, n)
    return list(range(vocab_size - 1, vocab_size - 1 - n, -1))


def sizes(length: int, rate: float = 0.15, mean_span: float = 3.0) -> Sizes:
    """How much of a text of `length` tokens is hidden: round(rate * length) tokens, round(hidden / mean_span) spans.

    At least one token is hidden and one left. With `eos` at the end of both, inputs have length - hidden + spans + 1
    tokens, targets hidden + spans + 1. Halves are rounded to even numbers, as in T5's code.
    Errors: ValueError for a text of less than 2 tokens, a rate outside 0 .. 1, a mean span below 1.

    >>> sizes(512)
    Sizes(n_hidden=77, n_spans=26)
    """
    check_whole("length", length, 2)
    check_rate("rate", rate)
    check_rate("mean_span", mean_span, 1.0, float("inf"))
    hidden = min(max(round(length * rate), 1), length - 1)
    return Sizes(hidden, min(max(round(hidden / mean_span), 1), length - hidden))


def noise_mask(
    length: int, *, generator: Chance, rate: float = 0.15, mean_span: float = 3.0
) -> Bool[Tensor, " length"]:
    """Which tokens are hidden: True in spans of random lengths, between stretches of random lengths.

    All ways to cut the hidden tokens into spans, and the others into as many stretches, are equally likely. The text
    begins with a stretch and ends with a span: its first token is never hidden, its last one always.
    Errors: those of `sizes`. Source: the code of Raffel 2019, `random_spans_noise_mask`.
    Differs: there are never more spans than tokens that are left, where the original would make empty stretches.

    >>> mask = noise_mask(20, generator=0)
    >>> int(mask.sum()), bool(mask[0]), bool(mask[-1])
    (3, False, True)
    """
    chance = as_generator(generator)
    hidden, n_spans = sizes(length, rate, mean_span)
    lengths = torch.stack([_cut(length - hidden, n_spans, chance), _cut(hidden, n_spans, chance)], 1).flatten()
    return (torch.arange(2 * n_spans) % 2 == 1).repeat_interleave(lengths)


def _cut(n: int, parts: int, chance: torch.Generator) -> Int[Tensor, " parts"]:
    """n as a sum of so many numbers, none of them 0, all such sums equally likely."""
    places = randperm(n - 1, chance)[: parts - 1].sort().values + 1
    return torch.diff(torch.cat([torch.tensor([0]), places, torch.tensor([n])]))


def corrupt(
    ids: Int[Tensor, "B L"],
    hidden: Bool[Tensor, "B L"],
    *,
    sentinels: Sequence[int],
    eos: int = 1,
    pad: int = 0,
) -> Corrupted:
    """Inputs with a sentinel in place of each hidden span, and targets with each sentinel and what it stands for.

    Both end with `eos`. Rows of `ids` end with `pad` where they are shorter; what is hidden there does not matter.
    Errors: ValueError for ids that are no (texts, tokens), hold sentinels, or have more spans than there are sentinels.
    Source: Raffel 2019 (1910.10683), figure 2.

    >>> ids, hidden = torch.tensor([[5, 6, 7, 8]]), torch.tensor([[False, True, True, False]])
    >>> corrupt(ids, hidden, sentinels=[99, 98])
    Corrupted(inputs=tensor([[ 5, 99,  8,  1]]), targets=tensor([[99,  6,  7, 98,  1]]))
    """
    check_ids(ids, 2)
    if hidden.shape != ids.shape or hidden.dtype != torch.bool:
        raise ValueError(f"hidden is {hidden.dtype} of shape {tuple(hidden.shape)}; ids have {tuple(ids.shape)}")
    if torch.isin(ids, ids.new_tensor(sentinels)).any():
        raise ValueError("the text holds sentinels; take ids that no token of a text has")
    ids = F.pad(ids, (0, 1), value=pad)  # a place for `eos`, where each row is over
    real, places = ids != pad, torch.arange(ids.shape[1], device=ids.device)
    over = places == real.sum(1, keepdim=True)
    if (real != (places < real.sum(1, keepdim=True))).any():
        raise ValueError("there is padding before a token; rows are padded at their end")
    hidden = F.pad(hidden, (0, 1)) & real
    opens = (hidden | over) & ~F.pad(hidden, (1, -1))  # a gap, or the rest of the text that no gap ended
    if (n := int(opens.sum(1).max())) > len(sentinels):
        raise ValueError(f"a text with {n} sentinels, and {len(sentinels)} are given; give more, or lower the rate")
    marks = ids.new_tensor(sentinels)[(opens.cumsum(1) - 1).clamp(min=0)]
    tokens = ids.masked_fill(over, eos)
    inputs = pack(marks.where(opens & hidden, tokens), (real & ~hidden) | (opens & hidden) | over, pad)
    told = torch.stack([opens, hidden | over], 2).flatten(1)  # at each place a sentinel, and the token itself
    targets = pack(torch.stack([marks, tokens], 2).flatten(1), told, IGNORE)
    return Corrupted(inputs, targets)


def span_corruption(
    ids: Int[Tensor, "B L"],
    *,
    sentinels: Sequence[int],
    generator: Chance,
    rate: float = 0.15,
    mean_span: float = 3.0,
    eos: int = 1,
    pad: int = 0,
) -> Corrupted:
    """A batch for T5: `noise_mask` for each text, and `corrupt`.

    Texts without `eos`, of at least 2 tokens, `pad` after them. Errors: those of `noise_mask` and `corrupt`.
    Source: Raffel 2019 (1910.10683), sections 3.1.4 and 3.3.4.

    >>> inputs, targets = span_corruption(torch.arange(2, 22)[None], sentinels=countdown(99, 9), generator=0)
    >>> inputs.shape, targets.tolist()
    (torch.Size([1, 19]), [[98, 19, 20, 21, 1]])
    """
    check_ids(ids, 2)
    chance = as_generator(generator)
    lengths = (ids != pad).sum(1).tolist()
    masks = stack((noise_mask(n, generator=chance, rate=rate, mean_span=mean_span) for n in lengths), False)
    hidden = F.pad(masks, (0, ids.shape[1] - masks.shape[1])).to(ids.device)
    return corrupt(ids, hidden, sentinels=sentinels, eos=eos, pad=pad)


def fill(
    inputs: Int[Tensor, "B M"],
    targets: Int[Tensor, "B L"],
    *,
    sentinels: Sequence[int],
    eos: int = 1,
    pad: int = 0,
) -> Int[Tensor, "B N"]:
    """The texts: each sentinel of the inputs replaced by what follows it in the targets. It undoes `corrupt`.

    Targets may be a model's answer: what it does not say of a gap stays empty, and a gap told of twice is filled with
    the first. What stands before its first sentinel is left out.

    >>> fill(torch.tensor([[5, 99, 8, 1]]), torch.tensor([[99, 6, 7, 98, 1]]), sentinels=[99, 98])
    tensor([[5, 6, 7, 8]])
    """
    check_ids(inputs, 2, "inputs")
    check_ids(targets, 2, "targets")
    marks, nothing = set(sentinels), {eos, pad, IGNORE}
    rows = []
    for row, answer in zip(inputs.tolist(), targets.tolist(), strict=True):
        spans: dict[int | None, list[int]] = {}
        span: list[int] = []
        for token in answer:
            if token in marks:
                span = []
                spans.setdefault(token, span)
            elif token not in nothing:
                span.append(token)
        text = [
            part
            for token in row
            if token not in nothing
            for part in (spans.get(token, []) if token in marks else [token])
        ]
        rows.append(torch.tensor(text, dtype=inputs.dtype))
    return stack(rows, pad).to(inputs.device)
