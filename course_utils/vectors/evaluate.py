"""How good word vectors are: agreement with people's judgements, and analogies solved."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from course_utils.data import Analogy, WordPair

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

BLOCK = 512  # questions answered at a time, so that the scores fit into memory


class Agreement(NamedTuple):
    """Spearman's rho between the cosines and the judgements of the `covered` pairs, whose words both have a vector."""

    rho: float
    covered: int


class Solved(NamedTuple):
    """Of the `covered` questions: the share answered right, and the share answered by a word of the question."""

    accuracy: float
    repeated: float
    covered: int


def similarity(vectors: "KeyedVectors", pairs: Iterable[WordPair]) -> Agreement:
    """How well the cosines of word vectors order the pairs as people did.

    rho = correlation of the ranks of cos(u, v) with the ranks of the scores; ties share their mean rank. A pair with
    a word that has no vector is left out. Words are looked up as they are written, then in lower case.

    Errors: ValueError if fewer than two pairs are covered, or all cosines or all scores are equal.
    Source: C. Spearman (1904), The proof and measurement of association between two things; equals `spearman` of
    gensim's `evaluate_word_pairs`.

    >>> from gensim.models import KeyedVectors
    >>> vectors = KeyedVectors(2)
    >>> vectors.add_vectors(["cup", "mug", "sky"], [[1, 0], [1, 1], [0, 1]])
    >>> pairs = [WordPair("cup", "mug", 9.0), WordPair("cup", "sky", 1.0), WordPair("cup", "tea", 5.0)]
    >>> rho, covered = similarity(vectors, pairs)
    >>> round(rho, 6), covered
    (1.0, 2)
    """
    from scipy.stats import spearmanr

    found = [(_row(vectors, pair.first), _row(vectors, pair.second), pair.score) for pair in pairs]
    known = [row for row in found if row[0] is not None and row[1] is not None]
    if len(known) < 2:
        raise ValueError(f"{len(known)} of {len(found)} pairs have vectors for both words; two are needed")
    first, second = (np.array([row[side] for row in known], dtype=int) for side in (0, 1))
    unit = _unit(vectors)
    cosines, scores = (unit[first] * unit[second]).sum(axis=1), np.array([row[2] for row in known])
    if np.ptp(cosines) == 0 or np.ptp(scores) == 0:
        raise ValueError("all cosines or all scores are equal: there is no order to compare")
    return Agreement(float(spearmanr(cosines, scores)[0]), len(known))


def analogies(vectors: "KeyedVectors", questions: Iterable[Analogy], *, exclude: bool = True) -> Solved:
    """How many analogies "a is to b as c is to d" the vectors solve: is d the word nearest to b - a + c?

    answer = argmax over words x of cos(x, u_b - u_a + u_c) with vectors u of length 1. With `exclude` (the usual way)
    a, b and c can't be the answer; without, they can. A question with a word that has no vector is left out.

    Errors: ValueError if no question is covered.
    Source: T. Mikolov, W. Yih, G. Zweig (2013), Linguistic regularities in continuous space word representations,
    section 4; equals gensim's `evaluate_word_analogies`.

    >>> from gensim.models import KeyedVectors
    >>> vectors = KeyedVectors(2)
    >>> vectors.add_vectors(["man", "woman", "king", "queen"], [[5, 0], [5, 1], [0, 9], [0, 8]])
    >>> analogies(vectors, [Analogy("", "man", "woman", "king", "queen")])
    Solved(accuracy=1.0, repeated=0.0, covered=1)
    """
    rows = [[_row(vectors, word) for word in question[1:]] for question in questions]
    known = np.array([row for row in rows if None not in row], dtype=int).reshape(-1, 4)
    if not len(known):
        raise ValueError(f"none of the {len(rows)} questions has vectors for all four words")
    unit = _unit(vectors)
    answers = np.concatenate([_answers(unit, known[i : i + BLOCK, :3], exclude) for i in range(0, len(known), BLOCK)])
    right, repeated = answers == known[:, 3], (answers[:, None] == known[:, :3]).any(axis=1)
    return Solved(float(right.mean()), float(repeated.mean()), len(known))


def _answers(unit: NDArray[np.floating], asked: NDArray[np.int_], exclude: bool) -> NDArray[np.int_]:
    a, b, c = asked.T
    scores = (unit[b] - unit[a] + unit[c]) @ unit.T
    if exclude:
        np.put_along_axis(scores, asked, -np.inf, axis=1)
    return scores.argmax(axis=1)


def _row(vectors: "KeyedVectors", word: str) -> int | None:
    rows: dict[str, int] = vectors.key_to_index
    return rows.get(word, rows.get(word.lower()))


def _unit(vectors: "KeyedVectors") -> NDArray[np.floating]:
    lengths = np.linalg.norm(vectors.vectors, axis=1, keepdims=True)
    unit: NDArray[np.floating] = vectors.vectors / np.where(lengths > 0, lengths, 1)
    return unit
