"""Masked language modelling: hide some tokens, and ask what stood there.

Of the tokens of each text 15 % are chosen. Of these 80 % become [MASK], 10 % a random token, and 10 % stay as they
are; the loss counts the chosen ones only. [MASK] does not occur in the tasks to come: the other 20 % make the model
keep a good idea of every token, whatever stands there.

    dynamic   `mask_tokens` at each step: a text is masked anew whenever it is seen (RoBERTa)
    static    `static_masks` once: the text is seen with the same few masks again and again (BERT: 10)

Source: Devlin 2018 (1810.04805), section 3.1, "Task #1", and appendix A.1; Liu 2019 (1907.11692), section 4.1.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from course_utils.objectives._parts import Chance, as_generator, check_ids, check_rate, check_whole, uniform
from course_utils.train.batches import IGNORE

MASKED, RANDOM = 0.8, 0.1  # shares of the chosen tokens; the rest stays as it is


class Masked(NamedTuple):
    """What the model reads, and what stood at the chosen places, -100 elsewhere."""

    ids: Int[Tensor, "*B L"]
    labels: Int[Tensor, "*B L"]


def mask_tokens(
    ids: Int[Tensor, "B L"],
    *,
    mask_id: int,
    vocab_size: int,
    special: Sequence[int],
    generator: Chance,
    rate: float = 0.15,
    words: Int[Tensor, "B L"] | None = None,
) -> Masked:
    """Choose `rate` of each text's tokens and hide most of them: 80 % [MASK], 10 % random, 10 % as they are.

    `special`: ids that are never chosen, and never put in place of another: padding, [CLS], [SEP], ...
    A text with n other tokens has rate * n of them chosen, rounded up or down at random so that the mean is right.
    `words`: the number of the word that each token is part of (any number where the token is special); then whole
    words are chosen, until the share of tokens is reached, and the last word may exceed it.
    Errors: ValueError for ids that are no (texts, tokens) or outside the vocabulary, or a rate outside 0 .. 1.
    Source: Devlin 2018 (1810.04805), section 3.1; whole words: its code of May 2019.
    Differs: its code also draws special tokens at random, and rounds to at least one token a text.

    >>> ids = torch.tensor([[1, 5, 6, 7, 8, 2, 0]])
    >>> masked = mask_tokens(ids, mask_id=3, vocab_size=9, special=[0, 1, 2, 3], generator=0, rate=1.0)
    >>> masked.labels
    tensor([[-100,    5,    6,    7,    8, -100, -100]])
    """
    _check(ids, mask_id, vocab_size, special, rate)
    if words is not None and words.shape != ids.shape:
        raise ValueError(f"words of shape {tuple(words.shape)} for ids of shape {tuple(ids.shape)}; give one a token")
    chance = as_generator(generator)
    chosen = _choose(~torch.isin(ids, ids.new_tensor(special)), rate, words, chance)
    fate = uniform(*ids.shape, generator=chance).to(ids.device)
    ordinary = torch.arange(vocab_size)[~torch.isin(torch.arange(vocab_size), torch.tensor(special))]
    others = ordinary[torch.randint(len(ordinary), ids.shape, generator=chance, device=chance.device).cpu()]
    hidden = ids.where(fate >= MASKED + RANDOM, others.to(ids)).where(fate >= MASKED, mask_id)
    return Masked(hidden.where(chosen, ids), ids.where(chosen, IGNORE))


def static_masks(
    ids: Int[Tensor, "B L"],
    *,
    mask_id: int,
    vocab_size: int,
    special: Sequence[int],
    generator: Chance,
    rate: float = 0.15,
    n_masks: int = 10,
) -> Masked:
    """Each text with `n_masks` masks that are drawn once, (n_masks, B, L): epoch e takes number e % n_masks.

    Arguments and errors as for `mask_tokens`.
    Source: Liu 2019 (1907.11692), section 4.1: BERT saw each text with 10 masks in 40 epochs.

    >>> masked = static_masks(torch.tensor([[5, 6]]), mask_id=3, vocab_size=9, special=[3], generator=0, n_masks=4)
    >>> masked.ids.shape
    torch.Size([4, 1, 2])
    """
    check_ids(ids, 2)
    check_whole("n_masks", n_masks, 1)
    every = ids.repeat(n_masks, 1)
    masked = mask_tokens(every, mask_id=mask_id, vocab_size=vocab_size, special=special, generator=generator, rate=rate)
    return Masked(*(part.view(n_masks, *ids.shape) for part in masked))


def _choose(
    may: Bool[Tensor, "B L"], rate: float, words: Int[Tensor, "B L"] | None, chance: torch.Generator
) -> Bool[Tensor, "B L"]:
    """`rate` of the tokens of each row that may be chosen: those with the lowest of random scores."""
    words = torch.arange(may.shape[1], device=may.device).expand_as(may) if words is None else words.clamp(min=0)
    scores = uniform(len(may), int(words.max()) + 1, generator=chance).to(may.device)
    scores = scores.gather(1, words).masked_fill(~may, 2.0)
    wanted = (rate * may.sum(1) + uniform(len(may), generator=chance).to(may.device)).long()
    highest = scores.sort(1).values.gather(1, (wanted - 1).clamp(min=0)[:, None])
    return (scores <= highest) & may & (wanted > 0)[:, None]


def _check(ids: Tensor, mask_id: int, vocab_size: int, special: Sequence[int], rate: float) -> None:
    check_ids(ids, 2)
    check_rate("rate", rate)
    check_whole("vocab_size", vocab_size, 1)
    check_whole("mask_id", mask_id, 0)
    if (ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < vocab_size) or mask_id >= vocab_size:
        raise ValueError(f"there are ids outside the vocabulary, 0 to {vocab_size - 1}; give its true vocab_size")
    if len(set(special) & set(range(vocab_size))) == vocab_size:
        raise ValueError(f"all {vocab_size} tokens are special; none is left that could be chosen")
