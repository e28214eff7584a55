"""Next sentence prediction: two sentences, and the question whether the second followed the first.

    [CLS] a [SEP] b [SEP]          segments 0 0 0 1 1          label 0: b follows a, 1: b is from another document

Source: Devlin 2018 (1810.04805), section 3.1, "Task #2", and appendix A.2; its code for the details.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from course_utils.objectives._parts import Chance, as_generator, check_whole, randint, randperm, share_of, stack

Sentence = Sequence[int]
Document = Sequence[Sentence]


class Pair(NamedTuple):
    """Two sentences, and 0 if the second follows the first, 1 if not."""

    a: Sentence
    b: Sentence
    label: int


class Pairs(NamedTuple):
    """A batch of pairs as a model reads them. `segments` are 0 up to the first [SEP], 1 after it, 0 in padding."""

    ids: Int[Tensor, "B L"]
    segments: Int[Tensor, "B L"]
    labels: Int[Tensor, " B"]


def sentence_pairs(documents: Sequence[Document], n_pairs: int, *, generator: Chance) -> list[Pair]:
    """`n_pairs` pairs in random order: half are neighbours, half have the second sentence from another document.

    If `n_pairs` is odd, chance decides which half has one more. Every sentence that has a next one is as likely to be
    an `a`; every sentence of all other documents is as likely to be the random `b`.
    Errors: ValueError unless there are two documents, one of them with two sentences, and no sentence is empty.
    Source: Devlin 2018 (1810.04805), section 3.1.
    Differs: single sentences, where the paper takes as many as fit into 512 tokens.

    >>> sentence_pairs([[[5], [6]], [[7]]], 2, generator=0)
    [Pair(a=[5], b=[7], label=1), Pair(a=[5], b=[6], label=0)]
    """
    check_whole("n_pairs", n_pairs, 1)
    _check(documents)
    chance = as_generator(generator)
    firsts = [(d, s) for d, document in enumerate(documents) for s in range(len(document) - 1)]
    n_next = share_of(0.5, n_pairs, chance)
    pairs = []
    for i in randperm(n_pairs, chance).tolist():
        d, s = firsts[randint(len(firsts), chance)]
        b = documents[d][s + 1] if i < n_next else _from_another(documents, d, chance)
        pairs.append(Pair(documents[d][s], b, int(i >= n_next)))
    return pairs


def _from_another(documents: Sequence[Document], mine: int, chance: torch.Generator) -> Sentence:
    others = sum(len(document) for d, document in enumerate(documents) if d != mine)
    number = randint(others, chance)
    for d, document in enumerate(documents):
        if d == mine:
            continue
        if number < len(document):
            return document[number]
        number -= len(document)
    raise AssertionError("the number is below the count of all")


def truncate(a: Sentence, b: Sentence, n_tokens: int, *, generator: Chance) -> tuple[list[int], list[int]]:
    """Shorten two sentences to `n_tokens` together: one token at a time from the longer, at a random end of it.

    Of two that are equally long, b gives. So the longer one bears it all, and neither start nor end is always lost.
    Errors: ValueError for less than two tokens: each sentence keeps one.
    Source: the code of Devlin 2018, `truncate_seq_pair`.

    >>> truncate([1, 2, 3], [9], 4, generator=0)
    ([1, 2, 3], [9])
    """
    check_whole("n_tokens", n_tokens, 2)
    chance = as_generator(generator)
    a, b = list(a), list(b)
    while len(a) + len(b) > n_tokens:
        longer = a if len(a) > len(b) else b
        longer.pop(0 if randint(2, chance) == 0 else -1)
    return a, b


def next_sentence(
    documents: Sequence[Document], n_pairs: int, *, cls: int, sep: int, max_len: int, generator: Chance, pad: int = 0
) -> Pairs:
    """A batch for next sentence prediction: pairs of sentences, joined, shortened to `max_len` and padded.

    Shapes: ids and segments (B, L), L at most `max_len`; labels (B,), 0 where b follows a, as in BERT's head.
    Errors: those of `sentence_pairs`; ValueError for a `max_len` below 5.
    Source: Devlin 2018 (1810.04805), section 3.1 and figure 2.

    >>> next_sentence([[[5], [6, 8]], [[7]]], 1, cls=1, sep=2, max_len=8, generator=0)
    Pairs(ids=tensor([[1, 5, 2, 6, 8, 2]]), segments=tensor([[0, 0, 0, 1, 1, 1]]), labels=tensor([0]))
    """
    check_whole("max_len", max_len, 5)
    chance = as_generator(generator)
    ids, segments, labels = [], [], []
    for pair in sentence_pairs(documents, n_pairs, generator=chance):
        a, b = truncate(pair.a, pair.b, max_len - 3, generator=chance)
        ids.append(torch.tensor([cls, *a, sep, *b, sep]))
        segments.append(torch.tensor([0] * (len(a) + 2) + [1] * (len(b) + 1)))
        labels.append(pair.label)
    return Pairs(stack(ids, pad), stack(segments, 0), torch.tensor(labels))


def _check(documents: Sequence[Document]) -> None:
    if sum(len(document) > 0 for document in documents) < 2:
        raise ValueError(f"{len(documents)} documents; half of the pairs need sentences from another: give two or more")
    if not any(len(document) > 1 for document in documents):
        raise ValueError("no document has two sentences, so none has a next one; split the documents into sentences")
    for d, document in enumerate(documents):
        for s, sentence in enumerate(document):
            if len(sentence) == 0:
                raise ValueError(f"sentence {s} of document {d} is empty; leave it out")
