"""Denoising: a text is damaged, and the model writes it anew. The five noises of BART.

    text                    A B C . D E .
    token_masking           A _ C . _ E .        tokens become [MASK]
    token_deletion          A C . D .            tokens vanish, and the model finds out where
    text_infilling          A _ . D _ E .        spans become one [MASK] each, also spans of no tokens
    sentence_permutation    D E . A B C .        the sentences in random order
    document_rotation       C . D E . A B        the text begins anywhere, and what stood before follows the end

A noise is a function of one text and of chance, `noise(ids, generator=...)`. `partial` fixes its other arguments, and
`compose` joins noises: BART itself is text infilling of 30 % after sentence permutation.

Source: Lewis 2019 (1910.13461), section 2.2 and figure 2.

>>> from functools import partial
>>> bart = compose(partial(sentence_permutation, stops=[4]), partial(text_infilling, mask_id=3, rate=0.3))
>>> bart(torch.arange(4, 14), generator=0).numel() <= 14
True
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Int
from torch import Tensor

from course_utils.objectives._parts import (
    Chance,
    as_generator,
    check_ids,
    check_rate,
    randint,
    randperm,
    share_of,
    stack,
)
from course_utils.train.batches import IGNORE

Text = Int[Tensor, " N"]
Damaged = Int[Tensor, " n"]  # as long, or shorter, or longer


@runtime_checkable
class Noise(Protocol):
    """Damages one text."""

    def __call__(self, ids: Text, *, generator: Chance) -> Text:
        """The damaged text, as a new tensor."""


class Denoising(NamedTuple):
    """What the encoder reads, and what the decoder should write (-100 where the row is over)."""

    inputs: Int[Tensor, "B M"]
    targets: Int[Tensor, "B L"]


def token_masking(ids: Text, *, mask_id: int, generator: Chance, rate: float = 0.15) -> Text:
    """A share of the tokens becomes [MASK]: as many tokens as before.

    Of n tokens rate * n are chosen, rounded up or down at random so that the mean is right; so in all noises.

    >>> token_masking(torch.tensor([5, 6, 7]), mask_id=3, generator=0, rate=1.0)
    tensor([3, 3, 3])
    """
    return ids.index_fill(0, _some(ids, rate, as_generator(generator)), mask_id)


def token_deletion(ids: Text, *, generator: Chance, rate: float = 0.15) -> Damaged:
    """A share of the tokens vanishes; the others keep their order.

    >>> len(token_deletion(torch.arange(20), generator=0, rate=0.25))
    15
    """
    chosen = _some(ids, rate, as_generator(generator))
    return ids[torch.ones_like(ids, dtype=torch.bool).index_fill(0, chosen, False)]


def text_infilling(ids: Text, *, mask_id: int, generator: Chance, rate: float = 0.3, mean_span: float = 3.0) -> Damaged:
    """Spans of tokens become one [MASK] each; their lengths are drawn from Poisson(`mean_span`).

    Lengths are drawn until together they are `rate` of the text, and the last is cut to fit. A span of length 0 puts a
    [MASK] where nothing is missing: the model learns how many tokens a gap has. The order of spans and of the tokens
    that stay is random among all possible ones, so spans don't overlap, and may touch.
    Source: Lewis 2019 (1910.13461), section 2.2: lambda = 3. The 30 % are from section 5.1.

    >>> text_infilling(torch.arange(5, 15), mask_id=3, generator=0, rate=1.0).unique()
    tensor([3])
    """
    check_rate("mean_span", mean_span, 1e-3, float("inf"))
    chance = as_generator(generator)
    lengths = _span_lengths(_share(ids, rate, chance), mean_span, chance)
    kept = len(ids) - sum(lengths)
    slots = torch.tensor([1] * kept + lengths, dtype=torch.long)  # a token that stays, or a span
    order = randperm(len(slots), chance)
    is_span, first = order >= kept, slots[order].cumsum(0) - slots[order]
    tokens = ids[first.clamp(max=max(len(ids) - 1, 0)).to(ids.device)] if len(ids) else ids
    return tokens.masked_fill(is_span.to(ids.device), mask_id)


def _span_lengths(budget: int, mean: float, chance: torch.Generator) -> list[int]:
    lengths: list[int] = []
    rate = torch.tensor(float(mean), device=chance.device)
    while budget > 0:
        lengths.append(min(int(torch.poisson(rate, generator=chance)), budget))
        budget -= lengths[-1]
    return lengths


def sentence_permutation(ids: Text, *, stops: Sequence[int], generator: Chance) -> Text:
    """The sentences in random order; each ends with one of `stops` (full stops), the last perhaps without.

    Errors: ValueError if `stops` is empty.

    >>> sentence_permutation(torch.tensor([5, 6, 4, 7, 4]), stops=[4], generator=1)
    tensor([7, 4, 5, 6, 4])
    """
    check_ids(ids, 1)
    if not len(stops):
        raise ValueError("stops is empty; give the ids of the tokens that end a sentence")
    ends = torch.isin(ids, ids.new_tensor(stops)).nonzero().flatten() + 1
    sentences = [part for part in ids.tensor_split(ends.cpu()) if len(part)]
    order = randperm(len(sentences), as_generator(generator)).tolist()
    return torch.cat([ids[:0], *(sentences[i] for i in order)])


def document_rotation(ids: Text, *, generator: Chance) -> Text:
    """The text begins with a random one of its tokens, and what stood before it follows the end.

    >>> document_rotation(torch.arange(5), generator=0)
    tensor([4, 0, 1, 2, 3])
    """
    check_ids(ids, 1)
    return ids.roll(-randint(len(ids), as_generator(generator))) if len(ids) else ids


def compose(*noises: Noise) -> Noise:
    """One noise after the other, the first one first; without any, the text as it is.

    >>> compose()(torch.tensor([5, 6]), generator=0)
    tensor([5, 6])
    """

    def noise(ids: Text, *, generator: Chance) -> Damaged:
        chance = as_generator(generator)
        for each in noises:
            ids = each(ids, generator=chance)
        return ids

    return noise


def denoising(
    texts: Sequence[Tensor], noise: Noise, *, generator: Chance, bos: int = 0, eos: int = 2, pad: int = 1
) -> Denoising:
    """A batch for BART: `bos`, the damaged text, `eos` as inputs, and `bos`, the text, `eos` as targets.

    The texts come without special tokens; the defaults are BART's ids.
    Errors: ValueError for no texts, or texts that are no rows of ids.
    Source: Lewis 2019 (1910.13461), section 2.2.

    >>> denoising([torch.tensor([5, 6]), torch.tensor([7])], compose(), generator=0)
    Denoising(inputs=tensor([[0, 5, 6, 2],
            [0, 7, 2, 1]]), targets=tensor([[   0,    5,    6,    2],
            [   0,    7,    2, -100]]))
    """
    if not len(texts):
        raise ValueError("there are no texts; give at least one")
    for text in texts:
        check_ids(text, 1, "a text")
    chance = as_generator(generator)
    first, last = texts[0].new_tensor([bos]), texts[0].new_tensor([eos])
    damaged = stack((torch.cat([first, noise(text, generator=chance), last]) for text in texts), pad)
    return Denoising(damaged, stack((torch.cat([first, text, last]) for text in texts), IGNORE))


def _share(ids: Text, rate: float, chance: torch.Generator) -> int:
    check_ids(ids, 1)
    check_rate("rate", rate)
    return share_of(rate, len(ids), chance)


def _some(ids: Text, rate: float, chance: torch.Generator) -> Int[Tensor, " n"]:
    """Where the chosen tokens stand, in random order."""
    n = _share(ids, rate, chance)
    return randperm(len(ids), chance)[:n].to(ids.device)
