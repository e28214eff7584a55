"""Drawing at random so that a seed gives the same world on every machine and in every version of Python.

Only `Random.random()` is used, since Python promises the same sequence for it alone, and the seed is a SHA-256 of
what is drawn for, so nothing hangs on `PYTHONHASHSEED`. Every purpose draws from a stream of its own: what a later
lesson adds changes nothing that is already there.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """A stream of random choices for one purpose, named by `parts`.

    >>> Draw(0, "doctest").pick("abcdef") == Draw(0, "doctest").pick("abcdef")
    True
    """

    def __init__(self, *parts: object) -> None:
        self._random = Random(_number(*parts)).random

    def below(self, n: int) -> int:
        """An integer from 0 to n - 1, all equally likely."""
        return int(self._random() * n)

    def pick(self, items: Sequence[T]) -> T:
        """One of the items, all equally likely."""
        return items[self.below(len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in random order (Fisher and Yates' shuffle)."""
        order = list(items)
        for last in range(len(order) - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order

    def deal(self, items: Sequence[T]) -> Iterator[T]:
        """Items without end, like cards: all of them come in random order before any comes again."""
        while items:
            yield from self.shuffled(items)


def fraction(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone, and looks random: "is it below 0.1" holds out a tenth.

    >>> fraction(0, "cat", "sees", "dog") == fraction(0, "cat", "sees", "dog")
    True
    """
    return (_number(*parts) >> 203) / (1 << 53)  # the first 53 of 256 bits: as many as a float holds


def _number(*parts: object) -> int:
    return int.from_bytes(sha256("\x1f".join(map(str, parts)).encode()).digest(), "big")
