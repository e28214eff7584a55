"""The unigram tokeniser: a vocabulary with probabilities, and of all ways to cut a text the most probable one.

Every piece x has a probability p(x). A way to cut a text into the pieces x1 ... xn has the probability
p(x1) ... p(xn), and the text has the sum over all ways to cut it. So four questions are asked of the lattice, the
graph whose nodes are the places between characters and whose edges are the pieces:

    the best way      `Unigram.encode`           Viterbi: max over the edges into a node
    the sum           `Unigram.log_probability`  forward: sum over the edges into a node
    a random way      `Unigram.sample`           forward, then draw edges from the end to the start
    expected counts   `Lattices.expectation`     forward and backward, over a corpus

Training starts with the frequent substrings, fits p by EM, throws away the pieces whose loss hurts the likelihood
least, and repeats.

Sources: T. Kudo, "Subword regularization", ACL 2018, arXiv 1804.10959, sections 2 and 3; T. Kudo and J. Richardson,
"SentencePiece", EMNLP 2018, arXiv 1808.06226, sections 2 and 3.
"""

import base64
import json
import math
import random
import re
import struct
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from course_utils.text.sentencepiece_files import SPACE, Normalizer, proto_field, proto_fields
from course_utils.text.wordpiece import check_text, checked_texts

UNKNOWN = "<unk>"
SPECIAL = (UNKNOWN, "<s>", "</s>")
"""The first tokens of a vocabulary trained here, as in SentencePiece; none of them is ever cut from a text."""

UNKNOWN_PENALTY = 10.0
"""An unknown character scores this much less than the least probable piece, in nats."""

LONGEST_PIECE = 16
"""Training considers no longer pieces; in characters."""

LEAST_COUNT = 1e-12
"""Training lets no expected count fall below this, so that every piece keeps a finite score."""


# Training


class Lattices:
    """The lattices of many words as arrays, so that EM over a corpus is a few operations of NumPy.

    Node f + i is the place before character i of the word whose first node is f. An edge goes from one node of a word
    to a later one, and carries the number of a piece. A sweep computes a value for every node from the nodes before
    it; all words go through it together, character by character.

    >>> lattices = Lattices.of({"ab": 3}, ["a", "b", "ab"])
    >>> counts, log_likelihood = lattices.expectation(np.log([0.5, 0.3, 0.2]))
    >>> counts.round(3).tolist(), round(log_likelihood / 3, 3)  # p(a) p(b) = 0.15, p(ab) = 0.2, ln 0.35 = -1.050
    ([1.286, 1.286, 1.714], -1.05)
    """

    def __init__(self, lengths: np.ndarray, weights: np.ndarray, edges: np.ndarray) -> None:
        """`edges` has the rows: start node, end node, piece."""
        self.lengths, self.weights, self.edges = lengths, weights, edges
        self.last = np.cumsum(lengths + 1) - 1
        self.first = self.last - lengths
        start, end, _ = edges
        word = np.searchsorted(self.first, start, side="right") - 1
        self.whole = (start == self.first[word]) & (end == self.last[word])
        self._forward = _steps(end, end - self.first[word])
        self._backward = _steps(start, self.last[word] - start)

    @classmethod
    def of(cls, counts: Mapping[str, int], pieces: Sequence[str]) -> Self:
        """The lattices of words that occur so often, over these pieces."""
        number = {piece: i for i, piece in enumerate(pieces)}
        longest = max(map(len, pieces))
        edges: list[tuple[int, int, int]] = []
        first = 0
        for word in counts:
            for start in range(len(word)):
                for end in range(start + 1, min(len(word), start + longest) + 1):
                    if (piece := number.get(word[start:end])) is not None:
                        edges.append((first + start, first + end, piece))
            first += len(word) + 1
        lengths, weights = np.array([*map(len, counts)]), np.array([*counts.values()], float)
        return cls(lengths, weights, np.array(edges).T)

    def keep(self, kept: np.ndarray) -> Self:
        """The lattices over some of the pieces; they are numbered anew in the order of `kept`."""
        number = np.full(self.edges[2].max() + 1, -1)
        number[kept] = np.arange(len(kept))
        piece = number[self.edges[2]]
        left = piece >= 0
        return type(self)(self.lengths, self.weights, np.stack([*self.edges[:2, left], piece[left]]))

    def expectation(self, scores: np.ndarray) -> tuple[np.ndarray, float]:
        """How often each piece occurs on average over all ways to cut the corpus, and the log-likelihood.

        Given the scores ln p: n(x) = sum over words w, and over the edges e with x, of count(w) p(e | w), where
        p(e | w) = alpha(start of e) p(x) beta(end of e) / alpha(end of w). The log-likelihood is in nats.

        Source: Kudo 2018, section 3.2; the forward-backward algorithm.
        """
        start, end, piece = self.edges
        edge_scores = scores[piece]
        alpha = self._sweep(np.logaddexp, self._forward, self.first, start, edge_scores)
        beta = self._sweep(np.logaddexp, self._backward, self.last, end, edge_scores)
        total = alpha[self.last]
        word = np.searchsorted(self.first, start, side="right") - 1
        posterior = np.exp(alpha[start] + edge_scores + beta[end] - total[word])
        counts = np.bincount(piece, posterior * self.weights[word], minlength=len(scores))
        return counts, float(total @ self.weights)

    def second_best(self, scores: np.ndarray) -> np.ndarray:
        """Of each word the score of the best way to cut it into more than one piece; -inf if there is none."""
        edge_scores = np.where(self.whole, -np.inf, scores[self.edges[2]])
        return self._sweep(np.maximum, self._forward, self.first, self.edges[0], edge_scores)[self.last]

    def _sweep(
        self, combine: np.ufunc, steps: list["_Step"], origin: np.ndarray, source: np.ndarray, edge_scores: np.ndarray
    ) -> np.ndarray:
        values = np.full(self.last[-1] + 1, -np.inf)
        values[origin] = 0.0
        for edges, targets, groups in steps:
            values[targets] = combine.reduceat(values[source[edges]] + edge_scores[edges], groups)
        return values


class _Step(NamedTuple):
    """The edges into all nodes of one distance from the origin, grouped by node."""

    edges: np.ndarray
    targets: np.ndarray
    groups: np.ndarray  # where in `edges` those of each target start


def _steps(target: np.ndarray, distance: np.ndarray) -> list[_Step]:
    order = np.lexsort((target, distance))
    bounds = np.searchsorted(distance[order], np.arange(1, distance.max() + 2))
    steps = []
    for edges in np.split(order, bounds[1:-1]):
        targets, groups = np.unique(target[edges], return_index=True)
        steps.append(_Step(edges, targets, groups))
    return steps


def frequent_substrings(counts: Mapping[str, int], size: int) -> dict[str, int]:
    """All characters, and of the substrings that occur twice or more the `size` with the largest count times length.

    The value is the count. A substring has at most 16 characters.

    >>> frequent_substrings({"▁hug": 10, "▁hugs": 5}, size=2)
    {'g': 15, 'h': 15, 's': 5, 'u': 15, '▁': 15, '▁hug': 15, 'hug': 15}
    """
    found: Counter[str] = Counter()
    for word, count in counts.items():
        for start in range(len(word)):
            for end in range(start + 1, min(len(word), start + LONGEST_PIECE) + 1):
                found[word[start:end]] += count
    longer = [piece for piece, count in found.items() if len(piece) > 1 and count > 1]
    longer.sort(key=lambda piece: (-found[piece] * len(piece), piece))
    characters = sorted(piece for piece in found if len(piece) == 1)
    return {piece: found[piece] for piece in (*characters, *longer[:size])}


def em_step(lattices: Lattices, scores: np.ndarray) -> tuple[np.ndarray, float]:
    """One step of EM: the scores that fit the expected counts best, and the log-likelihood of the given scores.

    p(x) becomes n(x) / sum of all n. No such step lowers the likelihood.

    >>> lattices = Lattices.of({"ab": 1}, ["a", "b", "ab"])
    >>> scores, before = em_step(lattices, np.log([0.5, 0.3, 0.2]))
    >>> before < em_step(lattices, scores)[1]
    True
    """
    counts, log_likelihood = lattices.expectation(scores)
    counts = np.maximum(counts, LEAST_COUNT)
    return np.log(counts / counts.sum()), log_likelihood


def losses(pieces: Sequence[str], counts: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """What the log-likelihood loses if a piece goes, and what was cut into it is cut in the next best way.

    loss(x) = n(x) (ln p(x) - best score of a way to cut x without x); infinite for a single character.

    Source: Kudo 2018, section 3.2, step 2b.
    Differs: the counts are expected ones, not those of the best cuts, and the other probabilities stay as they are.
    """
    alternatives = Lattices.of(dict.fromkeys(pieces, 1), pieces).second_best(scores)
    return counts * (scores - alternatives)


def learn(counts: Mapping[str, int], size: int, *, seed_size: int, shrink: float = 0.75) -> dict[str, float]:
    """The `size` pieces, all characters among them, that EM with pruning finds, and their scores ln p.

    Start from the frequent substrings. Repeat: two steps of EM; keep the share `shrink` of the pieces, those with
    the largest losses, and all characters. End with `size` pieces and some more steps of EM.

    Source: Kudo 2018, section 3.2.
    Differs: SentencePiece takes the digamma of the counts in place of their logarithm, which favours frequent pieces,
    and drops pieces with an expected count below 0.5.
    """
    seeds = frequent_substrings(counts, seed_size)
    pieces = list(seeds)
    weights = np.array([count * len(piece) for piece, count in seeds.items()], float)
    scores = np.log(weights / weights.sum())
    lattices = Lattices.of(counts, pieces)
    while len(pieces) > size:
        for _ in range(2):
            scores, _ = em_step(lattices, scores)
        expected, _ = lattices.expectation(scores)
        loss = np.round(losses(pieces, expected, scores), 6)  # so that no rounding of a processor decides
        order = np.argsort(-loss, kind="stable")
        kept = np.sort(order[: max(size, int(len(pieces) * shrink))])
        lattices, pieces, scores = lattices.keep(kept), [pieces[i] for i in kept], scores[kept]
    for _ in range(4):
        scores, _ = em_step(lattices, scores)
    return dict(sorted(zip(pieces, scores.tolist(), strict=True), key=lambda item: (-item[1], item[0])))


# The tokeniser


class Kind(IntEnum):
    """What a token of the vocabulary is, numbered as in SentencePiece's model files."""

    NORMAL = 1
    UNKNOWN = 2
    """Stands for characters that no piece has."""
    CONTROL = 3
    """Such as </s>: never cut from a text, and invisible when decoded."""
    USER_DEFINED = 4
    """Cut from a text before anything else, and not normalised."""
    UNUSED = 5
    BYTE = 6
    """Such as <0xE2>: unknown characters become their UTF-8 bytes."""


class Piece(NamedTuple):
    """A token of the vocabulary with its score ln p, in nats."""

    text: str
    score: float
    kind: Kind = Kind.NORMAL


class Cut(NamedTuple):
    """The best way to cut a text, and how large the sum of all scores before it may be for it to stay the best."""

    ids: list[int]
    size: float  # the sum of the scores' absolute values
    reach: float
    end: float  # the sum with what was before


CACHED, LONGEST_CACHED = 100_000, 100
"""How many words, of how many characters at most, are remembered with their cut."""

MATCHED = (Kind.NORMAL, Kind.USER_DEFINED)
"""The kinds that are cut from a text."""

START_AGAIN = 1e5
"""In single precision, a sum of scores that falls below -START_AGAIN counts from zero again, as in SentencePiece."""

Trie = dict[str, tuple["Trie", int, float]]
"""Pieces by their characters: each leads to the next ones, an id, -1 if no piece ends there, and a score."""

Edge = tuple[int, int, int, float]
"""Start and end in the text, id and score of a piece."""


class Unigram:
    """A unigram vocabulary, which cuts a text in the most probable way.

    The text is normalised (see `Normalizer`), so that every word starts with "▁"; then of all ways to cut it into
    pieces the one with the largest sum of scores is taken. Where two ways into a place have the same sum, the one
    whose last piece is longer wins. A character that is no piece by itself can be cut off as `<unk>`, at a score 10
    nats below the least probable piece; neighbouring `<unk>` become one, or bytes if the vocabulary has them.

    `vocab` maps each token to its id.

    `single_precision` adds scores up from the start of the text in 32-bit floats, and from zero again once the sum is
    below -100,000, as SentencePiece (0.2.3) does, so that its encoding is met to the letter: the sum has steps of up
    to 0.008, and a word whose best two ways are closer than that is cut either way, depending on where it stands.
    Otherwise every word is cut by itself in 64-bit floats, as `tokenizers` does.

    Errors: ValueError for a vocabulary without exactly one unknown token, and for text with half a surrogate pair;
    TypeError for text that is not a str.
    Source: Kudo 2018, section 3.2, and SentencePiece's own behaviour where the paper is silent.
    Differs: `decode` loses a "▁" that stood in the text itself: it becomes a space, as in SentencePiece.

    >>> pieces = [Piece("<unk>", 0.0, Kind.UNKNOWN), Piece("▁", -3.0), Piece("▁h", -2.0), Piece("ug", -1.0)]
    >>> tokenizer = Unigram([*pieces, Piece("▁hug", -4.0)])
    >>> tokenizer.tokens("hug hugo"), tokenizer.encode("hug")  # -2.0 - 1.0 is more than -4.0
    (['▁h', 'ug', '▁h', 'ug', 'o'], [2, 3])
    """

    def __init__(
        self, pieces: Iterable[Piece], normalizer: Normalizer | None = None, *, single_precision: bool = False
    ) -> None:
        self.pieces = [Piece(text, score, Kind(kind)) for text, score, kind in pieces]
        self.vocab = {piece.text: number for number, piece in enumerate(self.pieces)}
        self.normalizer = normalizer or Normalizer()
        self.single_precision = single_precision
        self.unknown = self._find_unknown()
        normal = [piece.score for piece in self.pieces if piece.kind is Kind.NORMAL]
        self._worst = min(normal, default=0.0) - UNKNOWN_PENALTY
        if single_precision:
            self._worst = float(np.float32(self._worst))
        self._scores = [self._score(piece, max(normal, default=0.0)) for piece in self.pieces]
        if single_precision:
            self._scores = np.array(self._scores, np.float32).tolist()
        self._trie = self._build_trie()
        self._single = {piece.text for piece in self.pieces if piece.kind in MATCHED and len(piece.text) == 1}
        self._longest = max((len(piece.text) for piece in self.pieces if piece.kind in MATCHED), default=1)
        self._bytes = [self.vocab[f"<0x{byte:02X}>"] for byte in range(256)] if self._has_bytes() else []
        self._normalize = self.normalizer.sparing(p.text for p in self.pieces if p.kind is Kind.USER_DEFINED)
        across = any(SPACE in piece.text[1:] for piece in self.pieces if piece.kind in MATCHED)
        self._word = re.compile("(?s).+" if across else f"{SPACE}?[^{SPACE}]+|{SPACE}")
        self._cuts: dict[str, Cut] = {}

    def _find_unknown(self) -> int:
        if len(self.vocab) < len(self.pieces):
            twice = next(text for text, count in Counter(piece.text for piece in self.pieces).items() if count > 1)
            raise ValueError(f"the piece {twice!r} occurs twice in the vocabulary; leave one out")
        unknown = [i for i, piece in enumerate(self.pieces) if piece.kind is Kind.UNKNOWN]
        if len(unknown) != 1:
            raise ValueError(f"the vocabulary has {len(unknown)} pieces of the kind UNKNOWN; it needs exactly one")
        return unknown[0]

    def _has_bytes(self) -> bool:
        return any(piece.kind is Kind.BYTE for piece in self.pieces)

    def _score(self, piece: Piece, best: float) -> float:
        if piece.kind is Kind.UNKNOWN:
            return self._worst
        if piece.kind is Kind.USER_DEFINED:  # SentencePiece's way to have it beat every other way to cut its characters
            return len(piece.text.encode("utf-8")) * max(best, 0.0) - 0.1
        return piece.score

    def _build_trie(self) -> "Trie":
        trie: Trie = {}
        for number, piece in enumerate(self.pieces):
            if piece.kind in MATCHED:
                children, last = trie, piece.text[-1]
                for char in piece.text[:-1]:
                    children = children.setdefault(char, ({}, -1, 0.0))[0]
                longer = children[last][0] if last in children else {}
                children[last] = (longer, number, self._scores[number])
        return trie

    # Cutting

    def _edges(self, text: str) -> Iterator[Edge]:
        """The edges of the lattice, by start and then by end."""
        for start in range(len(text)):
            if text[start] not in self._single:
                yield start, start + 1, self.unknown, self._worst
            children = self._trie
            for end in range(start + 1, len(text) + 1):
                if (node := children.get(text[end - 1])) is None:
                    break
                children, number, score = node
                if number >= 0:
                    yield start, end, number, score

    def _best(self, word: str) -> Cut:
        """Viterbi: best(end) = max over the edges into it of best(start) + score, from the left."""
        # The edges are those of `_edges`, written out: this is what takes the time when words are new.
        trie, single = self._trie, self._single
        best = [0.0] + [-math.inf] * len(word)
        arrived = [(0, 0)] * len(best)
        margin = math.inf
        for start in range(len(word)):
            before, end, children = best[start], start, trie
            if word[start] not in single:
                gap = before + self._worst - best[start + 1]
                margin = min(margin, abs(gap))
                if gap > 0:
                    best[start + 1], arrived[start + 1] = before + self._worst, (start, self.unknown)
            for char in word[start : start + self._longest]:
                if (node := children.get(char)) is None:
                    break
                end += 1
                children, number, score = node
                if number >= 0:
                    total = before + score
                    gap = total - best[end]
                    if gap > 0:
                        best[end], arrived[end] = total, (start, number)
                        if gap < margin:
                            margin = gap
                    elif -gap < margin:
                        margin = -gap
        return self._traced(arrived, best[-1], self._reach(margin, len(word)))

    def _best_rounded(self, word: str, before: float) -> Cut:
        """The same in single precision, after a sum of scores before the word."""
        # An array of single-precision floats rounds what is put in, and the sum must be rounded before it is compared.
        best = array("f", [before] + [-math.inf] * len(word))
        rounded = array("f", [0.0])
        arrived = [(0, 0)] * len(best)
        for start, end, number, score in self._edges(word):
            if best[start] < -START_AGAIN:
                reached = slice(start, start + self._longest + 1)
                best[reached] = array("f", [total - best[start] for total in best[reached]])
            rounded[0] = best[start] + score
            if rounded[0] > best[end]:
                best[end] = rounded[0]
                arrived[end] = (start, number)
        return self._traced(arrived, best[-1], math.inf)

    def _traced(self, arrived: Sequence[tuple[int, int]], total: float, reach: float) -> Cut:
        """The way that ends at the last place, given from where and with which piece each place was reached."""
        ids: list[int] = []
        end = len(arrived) - 1
        while end:
            end, number = arrived[end]
            ids.append(number)
        return Cut(ids[::-1], sum(abs(self._scores[number]) for number in ids), reach, total)

    def _reach(self, margin: float, length: int) -> float:
        """How large a sum before the text may be for no decision to change by rounding.

        A sum of n scores that stays within M is off by at most n M 2^-24 in single precision. A decision compares two
        sums, here and after other text, so it holds while its margin is more than 4 n M 2^-24.
        """
        if not self.single_precision:
            return math.inf
        largest = length * abs(self._worst)
        return min(margin / (length * 2**-22), START_AGAIN) - largest

    def _cut(self, normalized: str) -> list[int]:
        """The ids of the best way to cut a normalised text, word by word."""
        ids: list[int] = []
        before, summed = 0.0, 0  # the sum of the scores of ids[:summed], as rounded
        size = 0.0  # no sum so far is larger
        for word in self._word.findall(normalized):
            cut = self._cuts.get(word) or self._remember(word)
            if size < cut.reach:
                ids += cut.ids
                size += cut.size
            else:
                cut = self._best_rounded(word, self._sum(before, ids[summed:]))
                ids += cut.ids
                before, summed, size = cut.end, len(ids), abs(cut.end)
        return ids

    def _remember(self, word: str) -> Cut:
        cut = self._best(word)
        if len(self._cuts) >= CACHED:
            self._cuts.clear()
        if len(word) <= LONGEST_CACHED:
            self._cuts[word] = cut
        return cut

    def _sum(self, before: float, ids: Iterable[int]) -> float:
        """The sum in single precision, rounded after every piece."""
        total = array("f", [before])
        for number in ids:
            total[0] += self._scores[number]
        return total[0]

    # From text to ids and back

    @classmethod
    def train(cls, texts: Iterable[str], *, vocab_size: int, seed_size: int | None = None) -> Self:
        """Learn a vocabulary of `vocab_size` tokens: three special ones, and the pieces that `learn` finds.

        The texts are read once and not normalised, so that every text of known characters can be restored. A piece
        never reaches beyond a word, which starts at a space; it has at most 16 characters. Training starts with
        `seed_size` frequent substrings, ten times `vocab_size` unless given. If there are not enough of them, the
        vocabulary stays smaller.

        Errors: TypeError for a str in the place of several, or an item that is no str; ValueError if there is no
        text, or if `vocab_size` is smaller than the special tokens and the alphabet.

        >>> Unigram.train(["hug hugs pug pugs hug"], vocab_size=11).tokens("hug pugs")
        ['▁hug', '▁pug', 's']
        """
        words = re.compile(f"{SPACE}?[^{SPACE}]+|{SPACE}")
        normalize = Normalizer()
        found = Counter(word for text in checked_texts(texts) for word in words.findall(normalize(text)))
        counts = dict(sorted(found.items()))
        if not counts:
            raise ValueError("there is no text in the texts, so there is nothing to learn; check that they are read")
        needed = len(SPECIAL) + len(set().union(*counts))
        if vocab_size < needed:
            raise ValueError(
                f"vocab_size is {vocab_size}, but {len(SPECIAL)} special tokens and the characters of the texts need "
                f"{needed}; raise vocab_size, or clean the texts of rare characters"
            )
        learnt = learn(counts, vocab_size - len(SPECIAL), seed_size=seed_size or 10 * vocab_size)
        unknown, *controls = SPECIAL
        special = [Piece(unknown, 0.0, Kind.UNKNOWN), *(Piece(text, 0.0, Kind.CONTROL) for text in controls)]
        return cls([*special, *(Piece(text, score) for text, score in learnt.items() if text not in SPECIAL)])

    def encode(self, text: str) -> list[int]:
        """The ids of the most probable way to cut a text."""
        check_text(text)
        normalized = self._normalize(text)
        return self._known(normalized, self._cut(normalized))

    def _known(self, normalized: str, ids: list[int]) -> list[int]:
        """The ids with a run of unknown characters as one, or as their bytes."""
        if self.unknown not in ids:
            return ids
        if not self._bytes:
            return [number for before, number in pairwise([-1, *ids]) if not before == number == self.unknown]
        known: list[int] = []
        for number, surface in self._surfaces(normalized, ids):
            unknown = number == self.unknown
            known.extend([self._bytes[byte] for byte in surface.encode("utf-8")] if unknown else [number])
        return known

    def _surfaces(self, normalized: str, ids: Iterable[int]) -> Iterator[tuple[int, str]]:
        """Each id, as cut, with what it stands for in the normalised text."""
        place = 0
        for number in ids:
            length = 1 if number == self.unknown else len(self.pieces[number].text)
            yield number, normalized[place : place + length]
            place += length

    def tokens(self, text: str) -> list[str]:
        """The pieces of a text, "▁" for a space; a run of unknown characters as it stands in the text.

        >>> Unigram([Piece("<unk>", 0.0, Kind.UNKNOWN), Piece("▁", -1.0), Piece("h", -1.0)]).tokens("h 🙂é")
        ['▁', 'h', '▁', '🙂é']
        """
        check_text(text)
        normalized = self._normalize(text)
        ids = self._cut(normalized)
        if self._bytes:
            return [self.pieces[number].text for number in self._known(normalized, ids)]
        tokens: list[str] = []
        before = None
        for number, surface in self._surfaces(normalized, ids):
            if before == number == self.unknown:
                tokens[-1] += surface
            else:
                tokens.append(surface)
            before = number
        return tokens

    def decode(self, ids: Iterable[int]) -> str:
        """The text of the ids: "▁" becomes a space, and the space in front of the text is taken off.

        Control tokens are invisible, the unknown token reads " ⁇ ", and bytes that are no UTF-8 read "\ufffd", as in
        SentencePiece.

        >>> tokenizer = Unigram([Piece("<unk>", 0.0, Kind.UNKNOWN), Piece("▁", -1.0), Piece("h", -1.0)])
        >>> tokenizer.decode([1, 2, 1, 0])
        'h  ⁇ '
        """
        text, run = "", bytearray()
        leading = self.normalizer.dummy_prefix or self.normalizer.remove_extra_spaces
        for number in ids:
            piece = self._piece(number)
            if piece.kind is Kind.BYTE:
                run.append(int(piece.text[3:5], 16))
                continue
            text, run = text + _utf8(run), bytearray()
            surface = _VISIBLE.get(piece.kind, piece.text)
            if leading and not text and piece.kind in MATCHED and surface.startswith(SPACE):
                surface = surface[1:]
                leading = self.normalizer.remove_extra_spaces
            text += surface.replace(SPACE, " ")
        return text + _utf8(run)

    def _piece(self, number: int) -> Piece:
        if not 0 <= number < len(self.pieces):
            raise ValueError(f"no piece has the id {number}; the vocabulary has {len(self.pieces)} pieces")
        return self.pieces[number]

    # All ways to cut a text

    def log_probability(self, text: str) -> float:
        """The logarithm of the probability of a text, in nats: the sum over all ways to cut it.

        >>> half = math.log(0.5)
        >>> pieces = [Piece("<unk>", 0.0, Kind.UNKNOWN), Piece("▁", 0.0), Piece("a", half), Piece("aa", half)]
        >>> math.exp(Unigram(pieces).log_probability("aa"))  # 0.5 * 0.5 + 0.5
        0.75
        """
        check_text(text)
        return sum(self._forward(word, 1.0)[0][-1] for word in self._word.findall(self._normalize(text)))

    def sample(self, text: str, alpha: float = 1.0, seed: int = 0) -> list[int]:
        """A way to cut the text, drawn with the probability p(way)^alpha / sum over all ways of p^alpha.

        With alpha = 0 all ways are equally likely, with a large alpha the best one nearly always comes. Forward
        filtering gives alpha(i), the sum over all ways up to place i; backward sampling then draws, from the end, the
        edge into the place with the probability alpha(start) p(x)^alpha / alpha(end).

        Source: Kudo 2018, section 3.1.
        Differs: the paper draws from the n best ways or from all of them; here always from all.

        >>> tokenizer = Unigram.train(["hug hugs pug pugs hug"], vocab_size=11)
        >>> tokenizer.decode(tokenizer.sample("hugs", alpha=0.1, seed=1))
        'hugs'
        """
        check_text(text)
        if not 0 <= alpha < math.inf:
            raise ValueError(f"alpha is {alpha}; give 0 for equal chances of all ways to cut, or a positive number")
        generator = random.Random(seed)
        normalized = self._normalize(text)
        ids: list[int] = []
        for word in self._word.findall(normalized):
            ids += self._draw(word, alpha, generator)
        return self._known(normalized, ids)

    def _forward(self, word: str, alpha: float) -> tuple[list[float], list[list[Edge]]]:
        """For each place the logarithm of the sum over all ways to it, and the edges into it."""
        sums = [0.0] + [-math.inf] * len(word)
        into: list[list[Edge]] = [[] for _ in sums]
        for edge in self._edges(word):
            start, end, _, score = edge
            sums[end] = float(np.logaddexp(sums[end], sums[start] + alpha * score))
            into[end].append(edge)
        return sums, into

    def _draw(self, word: str, alpha: float, generator: random.Random) -> list[int]:
        sums, into = self._forward(word, alpha)
        ids: list[int] = []
        end = len(word)
        while end:
            weights = [math.exp(sums[start] + alpha * score - sums[end]) for start, _, _, score in into[end]]
            ((end, _, number, _),) = generator.choices(into[end], weights)
            ids.append(number)
        return ids[::-1]

    # Files

    def save(self, path: str | Path) -> None:
        """Write a tokenizer.json if the path ends in .json, else a SentencePiece model.

        `tokenizers` and `sentencepiece` read them, and `load` does. A model holds scores in single precision. A
        tokenizer.json has no place for user-defined pieces; and where there is a charsmap, `tokenizers` applies it
        to what looks like one character (a grapheme), not to the longest match.

        Errors: ValueError for user-defined or unused pieces in a tokenizer.json, and for a normaliser whose
        replacements do not come from a charsmap.

        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "hug.model")
        >>> Unigram([Piece("<unk>", 0.0, Kind.UNKNOWN), Piece("▁hug", -1.5)]).save(path)
        >>> Unigram.load(path).pieces[1]
        Piece(text='▁hug', score=-1.5, kind=<Kind.NORMAL: 1>)
        """
        if not self.normalizer.can_be_saved:
            raise ValueError("replacements can only be saved as a charsmap; build the Normalizer from one")
        if Path(path).suffix == ".json":
            content = json.dumps(self._to_json(), ensure_ascii=False, indent=1)
            Path(path).write_text(content, encoding="utf-8", newline="\n")
        else:
            Path(path).write_bytes(self.to_proto())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a tokenizer.json with a Unigram model, or a SentencePiece model of type unigram.

        Differs: the charsmap of a tokenizer.json is applied as SentencePiece does, by the longest match; `tokenizers`
        applies it to graphemes. Special tokens that stand in a text are not looked for.

        Errors: ValueError if the file is neither, or asks for a step that `Normalizer` does not have.
        """
        content = Path(path).read_bytes()
        if content.lstrip().startswith(b"{"):
            return cls._from_json(json.loads(content))
        return cls.from_proto(content)

    def to_proto(self) -> bytes:
        """The bytes of a SentencePiece model (sentencepiece_model.proto)."""
        pieces = [
            proto_field(1, piece.text.encode("utf-8"))
            + b"\x15"
            + struct.pack("<f", piece.score)  # field 2, four bytes
            + proto_field(3, int(piece.kind))
            for piece in self.pieces
        ]
        normalizer = (
            proto_field(1, b"charsmap" if self.normalizer.charsmap else b"identity")
            + proto_field(2, self.normalizer.charsmap)
            + proto_field(3, int(self.normalizer.dummy_prefix))
            + proto_field(4, int(self.normalizer.remove_extra_spaces))
        )
        trainer = proto_field(3, UNIGRAM_MODEL) + proto_field(35, int(bool(self._bytes)))
        parts = [*(proto_field(1, piece) for piece in pieces), proto_field(2, trainer), proto_field(3, normalizer)]
        return b"".join(parts)

    @classmethod
    def from_proto(cls, content: bytes) -> Self:
        """Read the bytes of a SentencePiece model, without the library."""
        try:
            fields = list(proto_fields(content))
            pieces = [_read_piece(value) for number, value in fields if number == 1]
            trainer, normalizer = (
                {k: v for n, m in fields if n == part for k, v in proto_fields(m)} for part in (2, 3)
            )
            if not pieces:
                raise KeyError("no pieces")
        except (IndexError, KeyError, TypeError, ValueError, struct.error) as error:
            raise ValueError("the file is neither a tokenizer.json nor a SentencePiece model") from error
        unsupported = {
            "a model type other than unigram": trainer.get(3, UNIGRAM_MODEL) != UNIGRAM_MODEL,
            "treat_whitespace_as_suffix": trainer.get(24, 0),
            "escape_whitespaces=false": not normalizer.get(5, 1),
        }
        for what, asked in unsupported.items():
            if asked:
                raise ValueError(f"the model asks for {what}, which Unigram does not do; use sentencepiece for it")
        return cls(
            pieces,
            Normalizer(
                charsmap=normalizer.get(2, b""),
                dummy_prefix=bool(normalizer.get(3, 1)),
                remove_extra_spaces=bool(normalizer.get(4, 1)),
            ),
            single_precision=True,
        )

    def _to_json(self) -> dict[str, Any]:
        other = sorted({piece.kind.name for piece in self.pieces if piece.kind in (Kind.USER_DEFINED, Kind.UNUSED)})
        if other:
            raise ValueError(f"a tokenizer.json has no place for pieces of the kind {other}; save as a model")
        charsmap = base64.b64encode(self.normalizer.charsmap).decode("ascii")
        steps: list[dict[str, Any]] = [{"type": "Precompiled", "precompiled_charsmap": charsmap}] if charsmap else []
        if self.normalizer.remove_extra_spaces:
            steps += [_replace({"Regex": OUTER_SPACES}, ""), _replace({"Regex": EXTRA_SPACES}, " ")]
        steps.append(_replace({"String": " "}, SPACE))
        if self.normalizer.dummy_prefix and not self.normalizer.prefix_once:
            steps.append({"type": "Prepend", "prepend": SPACE})
        scheme = "always" if self.normalizer.dummy_prefix and self.normalizer.prefix_once else "never"
        metaspace = {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": scheme, "split": True}
        controls = [
            (i, piece.text) for i, piece in enumerate(self.pieces) if piece.kind in (Kind.CONTROL, Kind.UNKNOWN)
        ]
        flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [{"id": i, "content": text, **flags} for i, text in controls],
            "normalizer": {"type": "Sequence", "normalizers": steps},
            "pre_tokenizer": metaspace,
            "post_processor": None,
            "decoder": metaspace | {"prepend_scheme": "always" if self.normalizer.dummy_prefix else "never"},
            "model": {
                "type": "Unigram",
                "unk_id": self.unknown,
                "vocab": [[piece.text, piece.score] for piece in self.pieces],
                "byte_fallback": bool(self._bytes),
            },
        }

    @classmethod
    def _from_json(cls, content: Mapping[str, Any]) -> Self:
        model = content.get("model") or {}
        if model.get("type") != "Unigram":
            raise ValueError(f"the file has a model of the type {model.get('type')!r}; Unigram reads 'Unigram' only")
        controls = {token["content"]: token["id"] for token in content.get("added_tokens", []) if token["special"]}
        texts = [text for text, _ in model["vocab"]]
        pieces = [
            Piece(text, score, _json_kind(text, number == model["unk_id"], controls, model.get("byte_fallback", False)))
            for number, (text, score) in enumerate(model["vocab"])
        ]
        added = sorted((number, text) for text, number in controls.items() if text not in texts)
        return cls(pieces + [Piece(text, 0.0, Kind.CONTROL) for _, text in added], _json_normalizer(content))

    def __repr__(self) -> str:
        return f"Unigram({len(self.pieces):,} pieces)"


_VISIBLE = {Kind.CONTROL: "", Kind.UNKNOWN: " ⁇ "}
UNIGRAM_MODEL = 1  # ModelType in sentencepiece_model.proto
OUTER_SPACES, EXTRA_SPACES = "^ +| +$", " {2,}"


def _utf8(run: bytes | bytearray) -> str:
    """Bytes as text; each byte that is no part of a character as U+FFFD."""
    text = ""
    while run:
        try:
            return text + run.decode("utf-8")
        except UnicodeDecodeError as error:
            text += run[: error.start].decode("utf-8") + "\ufffd"
            run = run[error.start + 1 :]
    return text


def _read_piece(message: bytes) -> Piece:
    fields = dict(proto_fields(message))
    (score,) = struct.unpack("<f", fields.get(2, bytes(4)))
    return Piece(fields[1].decode("utf-8"), score, Kind(fields.get(3, Kind.NORMAL)))


def _replace(pattern: dict[str, str], content: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": pattern, "content": content}


def _json_kind(text: str, unknown: bool, controls: Mapping[str, int], byte_fallback: bool) -> Kind:
    if unknown:
        return Kind.UNKNOWN
    if text in controls:
        return Kind.CONTROL
    return Kind.BYTE if byte_fallback and re.fullmatch("<0x[0-9A-F]{2}>", text) else Kind.NORMAL


def _json_normalizer(content: Mapping[str, Any]) -> Normalizer:
    """The normaliser that the steps of a tokenizer.json come to."""
    options: dict[str, Any] = {"dummy_prefix": False}
    for step in _sequence(content.get("normalizer"), "normalizers") + _sequence(
        content.get("pre_tokenizer"), "pretokenizers"
    ):
        match step:
            case {"type": "Precompiled", "precompiled_charsmap": charsmap}:
                options["charsmap"] = base64.b64decode(charsmap or "")
            case {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}:
                pass
            case {"type": "Replace", "pattern": {"Regex": " {2,}" | "^ +| +$"}}:
                options["remove_extra_spaces"] = True
            case {"type": "Prepend", "prepend": "▁"}:
                options["dummy_prefix"] = True
            case {"type": "WhitespaceSplit"}:
                options["remove_extra_spaces"] = True
                options["replacements"] = dict.fromkeys(WHITE_SPACE, " ")
            case {"type": "Metaspace", "replacement": "▁"}:
                if step.get("prepend_scheme", "always" if step.get("add_prefix_space", True) else "never") != "never":
                    options |= {"dummy_prefix": True, "prefix_once": True}
            case _:
                raise ValueError(f"the file asks for the step {step}, which Unigram does not do; use tokenizers for it")
    return Normalizer(**options)


WHITE_SPACE = "\t\n\v\f\r\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


def _sequence(step: Mapping[str, Any] | None, name: str) -> list[Mapping[str, Any]]:
    if step is None:
        return []
    return list(step[name]) if step["type"] == "Sequence" else [step]
