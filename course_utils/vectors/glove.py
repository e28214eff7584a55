"""GloVe: word vectors whose products are the logarithms of how often words stand near each other.

Source: J. Pennington, R. Socher, C. Manning (2014), GloVe: Global vectors for word representation, EMNLP.
"""

import math
import warnings
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from scipy import sparse
from scipy.sparse.linalg import svds

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

CHUNK = 1 << 18  # tokens: what is paired at a time, so that memory depends on the vocabulary only
BATCH = 100_000  # counts in one step of AdaGrad, at most
STEPS = 20  # in an epoch, at least: small matrices are cut into smaller batches


class Cooccurrences(NamedTuple):
    """A vocabulary, the most frequent word first, and the weighted counts of its pairs.

    `frequency[i]` is how often `words[i]` occurs in the text. `matrix[i, j]` adds up 1 / distance (in tokens) over
    all places where words i and j stand in a common window: a symmetric V x V matrix in CSR format.
    """

    words: list[str]
    frequency: NDArray[np.int64]
    matrix: sparse.csr_array


def cooccurrence(sentences: Iterable[Sequence[str]], *, window: int = 10, min_count: int = 5) -> Cooccurrences:
    """The words that occur at least `min_count` times, and how often each two of them stand near each other.

    X[i, j] = sum of 1 / k over all pairs of i and j that are k tokens apart, k <= window, in one sentence.
    Rarer words are taken out first, so that distances count the known words only. The sentences are read once, so
    a generator will do, and of the text nothing but one number for each token is kept.

    Errors: TypeError for a sentence that is a string or has tokens that are not; ValueError for a window or a
    `min_count` below 1, for a text without words, and when no word is frequent enough.
    Source: GloVe, section 3 and 4.2 (the weight 1 / distance); the counts equal those of the authors' program.

    >>> counts = cooccurrence([["ice", "is", "cold"], ["cold", "ice"]], min_count=1)
    >>> counts.words
    ['cold', 'ice', 'is']
    >>> counts.matrix.toarray()
    array([[0. , 1.5, 1. ],
           [1.5, 0. , 1. ],
           [1. , 1. , 0. ]])
    """
    _at_least(1, window=window, min_count=min_count)
    types, ids, sentence = _encode(sentences)
    words, frequency, number = _vocabulary(types, ids, min_count)
    ids = number[ids]
    known = ids >= 0
    return Cooccurrences(words, frequency, _pairs(ids[known], sentence[known], len(words), window))


def _encode(sentences: Iterable[Sequence[str]]) -> tuple[list[str], NDArray[np.int32], NDArray[np.int32]]:
    """The types in order of appearance, the text as their numbers, and the sentence that each token is in."""
    if isinstance(sentences, str):
        raise TypeError('the sentences are lists of tokens, not one string: [["a", "cat"], ["the", "dog"]]')
    index: defaultdict[str, int] = defaultdict()
    index.default_factory = index.__len__  # a new word gets the next number
    ids, lengths = array("i"), array("i")
    for sentence in sentences:
        if isinstance(sentence, (str, bytes)):
            raise TypeError(f"a sentence is a list of tokens, not {sentence[:20]!r}: split it")
        ids.extend(map(index.__getitem__, sentence))
        lengths.append(len(sentence))
    for word in index:
        if not isinstance(word, str):
            raise TypeError(f"tokens are strings, not {word!r} ({type(word).__name__})")
    if not index:
        raise ValueError("the sentences hold no word; a generator that was read before is empty")
    places = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    return list(index), np.frombuffer(ids, dtype=np.int32), places


def _vocabulary(
    types: list[str], ids: NDArray[np.int32], min_count: int
) -> tuple[list[str], NDArray[np.int64], NDArray[np.int32]]:
    """The frequent words, their frequencies, and each type's number among them (-1 for the rare)."""
    times = np.bincount(ids)
    kept = [i for i in range(len(types)) if times[i] >= min_count]
    if not kept:
        raise ValueError(f"no word occurs {min_count} times (min_count); the most frequent occurs {times.max()} times")
    kept.sort(key=lambda i: (-times[i], types[i]))
    number = np.full(len(types), -1, dtype=np.int32)
    number[kept] = np.arange(len(kept))
    return [types[i] for i in kept], times[kept], number


def _pairs(ids: NDArray[np.int32], sentence: NDArray[np.int32], size: int, window: int) -> sparse.csr_array:
    """The symmetric matrix of 1 / distance: each pair is found once, from its left word, then mirrored."""
    total = sparse.csr_array((size, size))
    for start in range(0, len(ids), CHUNK):
        left, right, weight = [], [], []
        for k in range(1, min(window, len(ids)) + 1):
            after = ids[start + k : start + CHUNK + k]
            stop = start + len(after)
            together = sentence[start:stop] == sentence[start + k : stop + k]
            left.append(ids[start:stop][together])
            right.append(after[together])
            weight.append(np.full(len(left[-1]), 1 / k))
        where = np.concatenate(left), np.concatenate(right)
        total = total + sparse.coo_array((np.concatenate(weight), where), shape=(size, size)).tocsr()
    both = (total + total.T).tocsr()
    both.sort_indices()
    return both


class GloVe:
    """A GloVe model in training: `epoch()` goes once through all counts, `vectors()` gives what was learnt.

    Minimises the mean over the non-zero counts X_ij of

        f(X_ij) * (w_i . c_j + a_i + b_j - log X_ij)^2    with f(x) = min(1, x / x_max)^alpha,

    where w_i, a_i are a word's vector and bias and c_j, b_j those of a context word. `left` is [w, a, 1] and
    `right` is [c, 1, b], each V x (d + 2), so that one product gives w.c + a + b.

    Errors: ValueError for d below 1, for an `x_max`, `alpha` or `lr` that is not positive, and without any count.
    Source: GloVe, equations 8 and 9, with the values of section 4.2 but for x_max = 10 instead of 100 and lr = 0.2
    instead of 0.05, which suit small texts.
    Differs: AdaGrad takes the summed gradients of a batch of counts, not those of one count, so that a step is three
    sparse matrix products. The counts are dealt into batches once, and only the batches' order is shuffled.

    >>> model = GloVe(cooccurrence([["ice", "is", "cold"], ["cold", "ice"]] * 9), d=2)
    >>> first = model.epoch()
    >>> model.epoch() < first
    True
    """

    def __init__(
        self,
        counts: Cooccurrences,
        *,
        d: int = 100,
        x_max: float = 10.0,
        alpha: float = 0.75,
        lr: float = 0.2,
        seed: int = 0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        _at_least(1, d=d)
        _positive(x_max=x_max, alpha=alpha, lr=lr)
        if not counts.matrix.nnz:
            raise ValueError("no two words stand together: there is nothing to learn from")
        self.counts, self.d, self.lr = counts, d, lr
        self._rng = np.random.default_rng(seed)
        size = len(counts.words), d + 2
        self.left, self.right = (((self._rng.random(size) - 0.5) / d).astype(dtype) for _ in range(2))
        self.left[:, d + 1] = self.right[:, d] = 1  # the constants beside the other side's bias
        self._squares = [np.ones_like(self.left), np.ones_like(self.right)]  # AdaGrad: start from 1, as the authors do
        self._batches = list(_batches(counts.matrix, x_max, alpha, self._rng, np.dtype(dtype)))

    def epoch(self) -> float:
        """One pass over all counts, in batches in random order; returns the mean loss of a count before its step."""
        losses = [self._step(self._batches[i]) for i in self._rng.permutation(len(self._batches))]
        return sum(losses) / self.counts.matrix.nnz

    def loss(self) -> float:
        """The mean loss of a count with the vectors as they are."""
        return sum(self._gradients(batch)[0] for batch in self._batches) / self.counts.matrix.nnz

    def vectors(self) -> "KeyedVectors":
        """w + c for each word: by symmetry the two are alike, and their sum is a little better than either."""
        return _keyed(self.counts, self.left[:, : self.d] + self.right[:, : self.d])

    def _step(self, batch: "_Batch") -> float:
        loss, *gradients = self._gradients(batch)
        tables = zip((self.left, self.right), gradients, self._squares, strict=True)
        for table, grad, squares in tables:
            squares += grad * grad
            table -= self.lr * grad / np.sqrt(squares)
        return loss

    def _gradients(self, batch: "_Batch") -> tuple[float, NDArray[Any], NDArray[Any]]:
        """The summed loss of a batch, and half its gradients: AdaGrad all but cancels the factor 2."""
        miss = batch.products(self.left, self.right) - batch.log
        pull = batch.weight * miss
        residual = batch.matrix(pull)
        grad_left, grad_right = residual @ self.right, residual.T @ self.left
        grad_left[:, self.d + 1] = grad_right[:, self.d] = 0  # the constants stay 1
        return float(pull @ miss), grad_left, grad_right


class _Batch(NamedTuple):
    """Some entries of the count matrix: where they are (CSR), their logarithms and their weights f."""

    indptr: NDArray[np.int32]
    indices: NDArray[np.int32]
    log: NDArray[Any]
    weight: NDArray[Any]

    def matrix(self, data: NDArray[Any]) -> sparse.csr_array:
        """The sparse V x V matrix with these values at the batch's places."""
        size = len(self.indptr) - 1
        return sparse.csr_array((data, self.indices, self.indptr), shape=(size, size))

    def products(self, left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
        """left[i] . right[j] at the batch's places. Torch's kernel is ten times faster than to gather the rows."""
        size = len(self.indptr) - 1
        with warnings.catch_warnings():
            # Torch calls its CSR tensors beta; 2.11 also warns of unchecked invariants where they were declined.
            warnings.filterwarnings("ignore", message="Sparse (CSR tensor support|invariant checks)")
            places = torch.sparse_csr_tensor(
                torch.from_numpy(self.indptr),
                torch.from_numpy(self.indices),
                torch.zeros(len(self.indices), dtype=torch.from_numpy(left).dtype),
                size=(size, size),
                check_invariants=False,
            )
        found = torch.sparse.sampled_addmm(places, torch.from_numpy(left), torch.from_numpy(right).T, beta=0.0)
        values: NDArray[Any] = found.values().numpy()
        return values


def _batches(
    matrix: sparse.csr_array, x_max: float, alpha: float, rng: np.random.Generator, dtype: np.dtype[Any]
) -> Iterator[_Batch]:
    """The counts dealt at random into batches of at most BATCH, and into at least STEPS of them."""
    entries = matrix.tocoo()
    order = rng.permutation(matrix.nnz)
    number = min(matrix.nnz, max(STEPS, math.ceil(matrix.nnz / BATCH)))
    for i in range(number):
        mine = order[i::number]
        where = entries.row[mine], entries.col[mine]
        part = sparse.coo_array((entries.data[mine], where), shape=matrix.shape).tocsr()
        part.sort_indices()
        weight = np.minimum(1, part.data / x_max) ** alpha
        yield _Batch(
            part.indptr.astype(np.int32),
            part.indices.astype(np.int32),
            np.log(part.data).astype(dtype),
            weight.astype(dtype),
        )


def train(
    counts: Cooccurrences | Iterable[Sequence[str]],
    *,
    d: int = 100,
    x_max: float = 10.0,
    alpha: float = 0.75,
    lr: float = 0.2,
    epochs: int = 10,
    seed: int = 0,
    dtype: DTypeLike = np.float32,
    progress: bool = True,
) -> "KeyedVectors":
    """GloVe vectors of d numbers for each word, from counts or directly from sentences (window 10, min_count 5).

    The settings are those of the class GloVe, which is what trains; `epochs` is how often it sees all counts. With
    `dtype=np.float64` the result is the same to the printed digit on all machines. The bar of `progress` shows on a
    terminal and in a notebook only.

    Errors: ValueError and TypeError as in `cooccurrence` and `GloVe`, before any training.

    >>> vectors = train([["ice", "is", "cold"], ["cold", "ice"]] * 9, d=2, progress=False)
    >>> vectors.index_to_key, vectors.vectors.shape
    (['cold', 'ice', 'is'], (3, 2))
    """
    _at_least(1, d=d, epochs=epochs)
    _positive(x_max=x_max, alpha=alpha, lr=lr)
    if not isinstance(counts, Cooccurrences):
        counts = cooccurrence(counts)
    model = GloVe(counts, d=d, x_max=x_max, alpha=alpha, lr=lr, seed=seed, dtype=dtype)
    for _ in _with_bar(range(epochs), progress):
        model.epoch()
    return model.vectors()


def ppmi(counts: Cooccurrences, *, smoothing: float = 0.75) -> sparse.csr_array:
    """Positive pointwise mutual information: how much more often two words meet than chance would have it.

    PPMI[i, j] = max(0, log(P(i, j) / (P(i) Q(j)))) with P(i, j) = X_ij / sum of X, P(i) = sum over j of P(i, j), and
    Q(j) proportional to P(j)^smoothing, which keeps rare contexts from looking too telling.

    Errors: ValueError for a smoothing that is not positive.
    Source: K. Church, P. Hanks (1990), Word association norms, mutual information, and lexicography; smoothing from
    O. Levy, Y. Goldberg, I. Dagan (2015), Improving distributional similarity, TACL 3, section 3.2.

    >>> counts = cooccurrence([["a", "b"], ["a", "b"], ["a", "c"]], min_count=1)
    >>> ppmi(counts, smoothing=1).toarray().round(3)  # log(2/6 / (3/6 * 2/6)) = log 2
    array([[0.   , 0.693, 0.693],
           [0.693, 0.   , 0.   ],
           [0.693, 0.   , 0.   ]])
    """
    _positive(smoothing=smoothing)
    entries = counts.matrix.tocoo()
    margin = counts.matrix.sum(axis=1)
    context = margin**smoothing / (margin**smoothing).sum()
    chance = margin[entries.row] * context[entries.col]
    positive = sparse.coo_array(
        (np.maximum(0, np.log(entries.data / chance)), (entries.row, entries.col)), shape=entries.shape
    ).tocsr()
    positive.eliminate_zeros()
    return positive


def ppmi_svd(counts: Cooccurrences, d: int = 100, *, smoothing: float = 0.75, power: float = 0.5) -> "KeyedVectors":
    """The best rank-d summary of the PPMI matrix as word vectors: the strong baseline that trains nothing.

    PPMI ~ U S V^T with the d largest singular values; a word's vector is its row of U S^power.

    Errors: ValueError unless 1 <= d < the number of words, and for a smoothing that is not positive.
    Source: Levy, Goldberg, Dagan (2015), sections 2 and 3.3 (power 0.5 is better than 1).

    >>> counts = cooccurrence([["a", "b"], ["a", "b"], ["a", "c"]], min_count=1)
    >>> vectors = ppmi_svd(counts, d=2, smoothing=1)
    >>> round(float(vectors.similarity("b", "c")), 3)  # the same company
    1.0
    """
    if not 1 <= d < len(counts.words):
        raise ValueError(f"got d={d}; {len(counts.words)} words allow 1 to {len(counts.words) - 1}")
    start = np.random.default_rng(0).standard_normal(len(counts.words))
    u, s, _ = svds(ppmi(counts, smoothing=smoothing), k=d, v0=start)
    u, s = u[:, ::-1], s[::-1]  # the largest first
    sign = np.sign(u[np.abs(u).argmax(axis=0), np.arange(d)])  # the SVD leaves the signs open
    return _keyed(counts, u * sign * s**power)


def _keyed(counts: Cooccurrences, vectors: NDArray[Any]) -> "KeyedVectors":
    from gensim.models import KeyedVectors

    keyed = KeyedVectors(vectors.shape[1], dtype=vectors.dtype)
    keyed.add_vectors(counts.words, vectors)
    for word, times in zip(counts.words, counts.frequency, strict=True):
        keyed.set_vecattr(word, "count", int(times))
    return keyed


def _with_bar(epochs: range, progress: bool) -> Iterable[int]:
    from rich.console import Console
    from rich.progress import track

    console = Console()
    if not progress or not (console.is_terminal or console.is_jupyter):
        return epochs
    return track(epochs, description="GloVe", console=console, transient=True)


def _at_least(least: int, **given: int) -> None:
    for name, value in given.items():
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
            raise TypeError(f"{name} is a whole number, not {value!r}")
        if value < least:
            raise ValueError(f"got {name}={value}; it must be at least {least}")


def _positive(**given: float) -> None:
    for name, value in given.items():
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"got {name}={value}; it must be a positive number")
