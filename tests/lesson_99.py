"""A small lesson for testing the exercises' machinery: one exercise of every kind."""

import random
from collections import Counter

from course_utils.exercises import exercise


@exercise(
    "99.1",
    title="Count the types",
    stars=1,
    minutes=3,
    task="""
    Return how many *different* words there are.

    `count_types(["a", "b", "a"])` is `2`.
    """,
    hints=("A set keeps every word once.", "`len(set(words))`"),
    cases=lambda rng: [
        (["a", "b", "a"],),
        ([],),
        (["c"],),
        (["b", "a"],),
        ([rng.choice("abc") for _ in range(9)],),
    ],
    seconds=1.0,
)
def count_types(words: list[str]) -> int:
    """Return how many different words there are."""
    return len(set(words))


@count_types.mistake("You counted every token; a type counts once, however often it occurs.")
def _(words):
    return len(words)


@count_types.mistake("You counted the words that occur once. A word that occurs twice is a type as well.")
def _(words):
    return sum(count == 1 for count in Counter(words).values())


@count_types.mistake("An empty list has no types at all.")
def _(words):
    return max(1, len(set(words)))


@exercise(
    "99.2",
    title="A class that scales",
    stars=2,
    minutes=5,
    task="Write a class: made with a factor, called with numbers, it gives the numbers times the factor.",
    hints=("`__init__` keeps the factor.", "`__call__` is what `scale(xs)` calls."),
    cases=lambda rng: [(2.0, [1.0, 3.0]), (1.5, []), (0.5, [rng.random() for _ in range(3)])],
    call=lambda cls, factor, xs: cls(factor)(xs),
    reference=lambda factor, xs: [x * factor for x in xs],
)
class Scale:
    """Multiplies numbers by a factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def __call__(self, xs: list[float]) -> list[float]:
        """Return the scaled numbers."""
        return [self.factor * x for x in xs]


@Scale.mistake("The factor is lost: keep it in `self` and use it.")
class _(Scale.solution):
    def __call__(self, xs):
        return xs


@Scale.mistake("You added the factor instead of multiplying by it.")
class _(Scale.solution):
    def __call__(self, xs):
        return [x + self.factor for x in xs]


@Scale.mistake("You scaled the sum; every number is scaled by itself.")
class _(Scale.solution):
    def __call__(self, xs):
        return [self.factor * sum(xs)]


@exercise(
    "99.3",
    title="A value",
    stars=1,
    minutes=1,
    task="How many parameters has a linear layer from 768 to 3072 features, with a bias?",
    hints=("Weights: one for every pair.", "Biases: one for every feature that comes out."),
)
def n_parameters() -> int:
    """The number of weights and biases."""
    inner, outer = 768, 3072
    # the weights, then the biases
    return inner * outer + outer


@n_parameters.mistake("The biases are missing.")
def _():
    return 768 * 3072


@n_parameters.mistake("There is one bias for every feature that comes out, not for every one that goes in.")
def _():
    return 768 * 3072 + 768


@n_parameters.mistake("You added the two sizes; there is a weight for every pair of features.")
def _():
    return 768 + 3072


@exercise(
    "99.4",
    title="Draw words",
    stars=2,
    minutes=4,
    task="Draw `n` words with replacement, with the functions of `random`.",
    hints=("`random.choices` draws with replacement.", "Its parameter `k` says how many."),
    cases=lambda rng: [("ab", 3), ("a", 1), ("abcdefgh", 6), ("ab", 0)],
    equal=lambda expected, got: len(expected) == len(got) and sorted(expected) == sorted(got),
    setup="import random",
)
def draw(words: str, n: int) -> list[str]:
    """Return n words drawn at random."""
    return random.choices(words, k=n)


@draw.mistake("You drew one word too few.")
def _(words, n):
    return random.choices(words, k=n)[:-1]


@draw.mistake("All your words are the same: draw anew for each.")
def _(words, n):
    return [random.choice(words)] * n


@draw.mistake("You drew nothing at random.")
def _(words, n):
    return [words[i % len(words)] for i in range(n)]


@exercise(
    "99.5",
    title="The last word",
    stars=3,
    minutes=4,
    task="Return the last word. An empty list raises `ValueError`. The list stays as it was.",
    hints=("`words[-1]` is the last word.", "`raise ValueError(...)` when there is none."),
    cases=lambda rng: [([],), (["a"],), (["b", "a"],), (["c", "a", "b"],)],
    pure=True,
)
def last_word(words: list[str]) -> str:
    """Return the last word."""
    if not words:
        raise ValueError("no words")
    return words[-1]


@last_word.mistake("An empty list should raise ValueError; indexing it raises IndexError.")
def _(words):
    return words[-1]


@last_word.mistake("That is the first word.")
def _(words):
    if not words:
        raise ValueError("no words")
    return words[0]


@last_word.mistake("An empty list has no last word, not even None.")
def _(words):
    return words[-1] if words else None


@exercise(
    "99.6",
    title="Nesting",
    stars=3,
    minutes=6,
    task="How deep is a nested list? `[]` has depth 1, `[[]]` has depth 2.",
    hints=("The depth of a list is one more than that of its deepest member.", "`max(..., default=0)`"),
    cases=lambda rng: [([],), ([[]],), ([[], [[]]],), ([[[[]]], []],)],
)
def depth(nested: list) -> int:  # the solution calls itself
    """Return the depth of a nested list."""
    return 1 + max((depth(one) for one in nested), default=0)


@depth.mistake("You counted the members, not how deep they nest.")
def _(nested):
    return len(nested)


@depth.mistake("You looked into the first member only; a later one may be deeper.")
def _(nested):
    deep = 1
    while nested:
        nested, deep = nested[0], deep + 1
    return deep


@depth.mistake("A list without members has depth 1: you start from 0.")
def _(nested):
    return str(nested).replace(" ", "").split(",")[0].count("[") - 1
