"""The strongest model that only counts: n-grams with interpolated Kneser-Ney smoothing.

It is the bar for every neural language model. Texts are rows of ids (characters, words, tokens), n-grams are numbers
to the base V, and all counts are sorted arrays: a text of half a million characters is counted and measured within
seconds.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ids = NDArray[np.int64]
Numbers = NDArray[np.float64]


class _Table(NamedTuple):
    """The n-grams of one order: what was seen how often, and what followed each context."""

    grams: Ids  # sorted
    counts: Ids
    contexts: Ids  # sorted: the grams without their last id
    totals: Ids  # the sum of the counts after each context
    kinds: Ids  # how many different ids followed each context


class KneserNey:
    """P(w | h) = max(c(hw) - d, 0) / c(h) + d * N(h) / c(h) * P(w | h without its first id).

    c is a count in the longest n-grams. In shorter ones it is the number of different ids that stand before the
    n-gram: "Francisco" is frequent, but stands after one word only, and so is improbable after any other. N(h) is
    the number of different ids after h. Where h was never seen, P(w | h) is that of the shorter context.

    `ids`: the text. `order`: n. `discount`: d; by default n1 / (n1 + 2 n2) for each order, n1 and n2 being how many
    n-grams have the count 1 and 2. `vocab_size`: V; the shortest context of all gives each id 1 / V, so that no id
    is impossible. Without it, only ids of the text are possible, and single ids are not discounted.
    Errors: ValueError for an empty text, an id that isn't in the vocabulary, or V^n of more than 63 bits.
    Source: Kneser and Ney 1995; Chen and Goodman 1998, equations 21 to 23.
    Differs: NLTK's `KneserNeyInterpolated` has one discount, 0.1, for all orders, and no 1 / V; equal to it with
    `discount=0.1` and without `vocab_size`, but for n-grams at the very start of the text, before which nothing
    stands: there NLTK counts another N(h), and its probabilities do not add up to 1, or it divides by 0.

    >>> model = KneserNey([0, 1, 0, 1, 0, 2], order=2, discount=0.5)
    >>> model.next([0]).round(3).tolist()  # after 0 stood 1 twice and 2 once; each of 0, 1, 2 has one kind before it
    [0.111, 0.611, 0.278]
    """

    def __init__(
        self, ids: ArrayLike, order: int = 5, *, vocab_size: int | None = None, discount: float | None = None
    ) -> None:
        text = _checked(ids, vocab_size)
        if not len(text):
            raise ValueError("an empty text has nothing to count; give at least one id")
        self.order, self.uniform = order, vocab_size is not None
        self.vocab_size = vocab_size or int(text.max()) + 1
        if order < 1 or self.vocab_size**order >= 2**63:
            raise ValueError(f"order is {order} with {self.vocab_size} ids; it is at least 1, and V^n fits 63 bits")
        self.tables = self._count(text)
        self.discounts = [_discount(table.counts) if discount is None else discount for table in self.tables]

    def _count(self, text: Ids) -> list[_Table]:
        """The tables of the orders 1, 2, ...: each shorter n-gram counts how many longer ones end with it."""
        grams, counts = np.unique(self._codes(text, min(self.order, len(text))), return_counts=True)
        tables = [_table(grams, counts, self.vocab_size)]
        for n in range(min(self.order, len(text)) - 1, 0, -1):
            grams, counts = np.unique(grams % self.vocab_size**n, return_counts=True)
            tables.append(_table(grams, counts, self.vocab_size))
        return tables[::-1]

    def probabilities(self, ids: ArrayLike) -> Numbers:
        """P of each id of a text, given up to n - 1 ids before it: (N,) to (N,).

        The first ids have shorter contexts. -log of their mean is the loss in nats.

        >>> KneserNey([0, 1] * 4, order=2, vocab_size=2).probabilities([0, 1]).shape
        (2,)
        """
        text = _checked(ids, self.vocab_size)
        p = np.full(len(text), 1 / self.vocab_size)
        for n in range(1, min(len(self.tables), len(text)) + 1):
            p[n - 1 :] = self._mixed(n, self._codes(text, n), p[n - 1 :])
        return p

    def loss(self, ids: ArrayLike) -> float:
        """The mean of -log P over a text, in nats for each id.

        >>> round(KneserNey([0, 1, 2, 3], order=1, vocab_size=4).loss([3, 1, 2]), 4)  # ln 4
        1.3863
        """
        with np.errstate(divide="ignore"):
            return float(-np.log(self.probabilities(ids)).mean())

    def next(self, context: Sequence[int]) -> Numbers:
        """P of every id after a context, of which the last n - 1 ids count: (V,)."""
        known = _checked(context, self.vocab_size)
        p = np.full(self.vocab_size, 1 / self.vocab_size)
        for n in range(1, min(len(self.tables), len(known) + 1) + 1):
            before = self._codes(known[len(known) - n + 1 :], n - 1)[-1] if n > 1 else 0
            p = self._mixed(n, before * self.vocab_size + np.arange(self.vocab_size), p)
        return p

    def _codes(self, ids: Ids, n: int) -> Ids:
        """The n-grams of a text as numbers to the base V."""
        code = np.zeros(len(ids) - n + 1, dtype=np.int64)
        for i in range(n):
            code = code * self.vocab_size + ids[i : len(code) + i]
        return code

    def _mixed(self, n: int, grams: Ids, shorter: Numbers) -> Numbers:
        """The equation above: one order on top of the shorter ones."""
        table, d = self.tables[n - 1], self.discounts[n - 1]
        if n == 1 and not self.uniform:
            return _look_up(table.grams, table.counts, grams) / table.totals[0]
        contexts = grams // self.vocab_size
        total = _look_up(table.contexts, table.totals, contexts)
        kinds = _look_up(table.contexts, table.kinds, contexts)
        seen = np.maximum(_look_up(table.grams, table.counts, grams) - d, 0) / np.maximum(total, 1)
        return np.where(total > 0, seen + d * kinds / np.maximum(total, 1) * shorter, shorter)


def _table(grams: Ids, counts: Ids, vocab_size: int) -> _Table:
    contexts, first, kinds = np.unique(grams // vocab_size, return_index=True, return_counts=True)
    return _Table(grams, counts, contexts, np.add.reduceat(counts, first), kinds)


def _look_up(keys: Ids, values: Ids, wanted: Ids) -> Ids:
    """The value of each wanted key, 0 where there is none."""
    at = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], 0)


def _discount(counts: Ids) -> float:
    once, twice = (counts == 1).sum(), (counts == 2).sum()
    return float(once / (once + 2 * twice)) if once else 0.5


def _checked(ids: ArrayLike, vocab_size: int | None) -> Ids:
    text = np.asarray(ids)
    if text.ndim != 1 or (text.size and not np.issubdtype(text.dtype, np.integer)):
        raise ValueError(f"ids are one row of whole numbers, not {text.dtype} of shape {text.shape}")
    if text.size and (text.min() < 0 or (vocab_size is not None and text.max() >= vocab_size)):
        raise ValueError(f"ids from {text.min()} to {text.max()}; the vocabulary has 0 to {(vocab_size or 0) - 1}")
    return text.astype(np.int64)
