"""word2vec: vectors of words from the words around them, by skip-gram or CBOW, as fast as matrix products allow.

Two tables of V rows and d columns are all there is to the model: `input` holds the vectors that are kept, `output`
what they are compared with. The score of a word i beside a word o is the plain dot product input[i] . output[o]: no
non-linearity, no bias. Skip-gram asks each word for each of its neighbours; CBOW asks the mean of the neighbours for
the word between them. The answer is trained by logistic regression, against words drawn at random (negative sampling)
or along the branches of a Huffman tree (hierarchical softmax).

The clear way is one pair at a time: `pairs` and `pair_gradients`. `train` does the same with matrix products. What it
does to get there, and what each trick costs:

    blocks       24 neighbouring words are taken at once, 40 blocks make one update. All gradients of an update are
                 taken at the same weights and added up. Where that would overshoot, with a high learning rate or few
                 different words, an update takes fewer words (`words_at_once`), and the training is slower.
    negatives    the words of a block share 12 random words instead of drawing k for each pair. Each counts k/12 times,
                 so the expected gradient is the same, but the draws of neighbouring words are no longer independent.
                 A random word that happens to be the right one is not left out.
    window       the original draws a width between 1 and `window` at each word. Skip-gram takes its expectation: a
                 neighbour at distance t has weight (window + 1 - t) / window. This costs nothing, and less is left to
                 chance. (CBOW, where the width is inside the mean, draws it.)
    rows         `index_select` and `index_add_` read and write whole rows many times faster than `table[ids]` does.

Hierarchical softmax has nothing to share, since each word has its own way down the tree: it is here to be complete and
to be compared, at half of gensim's speed. The updates of the crowded nodes near the root are held back (`update`).

Source: T. Mikolov et al. 2013, "Efficient Estimation of Word Representations in Vector Space", arXiv:1301.3781, and
"Distributed Representations of Words and Phrases and their Compositionality", arXiv:1310.4546, section 2. The blocks
follow S. Ji et al. 2016, "Parallelizing Word2Vec in Shared and Distributed Memory", arXiv:1604.04661.
"""

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

BLOCK = 24  # neighbouring words that share their negatives
WORDS_PER_NEGATIVE = 2  # so that a block shares 12 random words
WORDS_AT_ONCE = 960  # words of one update, at most
TREE_WORDS_AT_ONCE = 96  # the same for hierarchical softmax, where every word meets the root
REPEATS = 0.04  # learning rate times how often an average word of an update occurs in it again
MOST = 0.4  # learning rate times how often an update may move the same node of the tree
END = 1e-4  # the learning rate of the last word

T = TypeVar("T")


# The parts, each as small as its formula


def pairs(sentence: Sequence[T], window: int) -> Iterator[tuple[T, T]]:
    """Each word of a sentence with each word at most `window` positions away: (word, neighbour), in order.

    Every position takes its turn as the word in the middle; none is chosen at random. ValueError for a window below 1.

    >>> list(pairs(["the", "cat", "sat"], window=1))
    [('the', 'cat'), ('cat', 'the'), ('cat', 'sat'), ('sat', 'cat')]
    """
    _check("window", window, whole=True, low=1)
    for i, word in enumerate(sentence):
        for j in range(max(0, i - window), min(len(sentence), i + window + 1)):
            if j != i:
                yield word, sentence[j]


def noise_distribution(counts: Sequence[int] | np.ndarray) -> np.ndarray:
    """The probability of each word as a negative: its count to the power 0.75, over the sum of them all.

    The power lifts rare words: a word 16 times as frequent is drawn 8 times as often.

    Source: arXiv:1310.4546, section 2.2.

    >>> noise_distribution([16, 1]).round(3).tolist()
    [0.889, 0.111]
    """
    weights = np.asarray(counts, dtype=np.float64) ** 0.75
    return weights / weights.sum()


def keep_probability(counts: Sequence[int] | np.ndarray, sample: float) -> np.ndarray:
    """The probability that an occurrence of each word survives sub-sampling: min(1, (sqrt(f/s) + 1) * s/f).

    f is the word's share of all occurrences and s is `sample`; s = 0 keeps everything.

    Differs: the paper has 1 - sqrt(s/f) for the probability to drop; this is what its program computes, and gensim.

    >>> keep_probability([96, 4], sample=0.04).round(3).tolist()
    [0.246, 1.0]
    """
    frequency = np.asarray(counts, dtype=np.float64) / np.sum(counts)
    if sample == 0:
        return np.ones_like(frequency)
    ratio = frequency / sample
    return np.minimum(1, (np.sqrt(ratio) + 1) / ratio)


def learning_rate(progress: float, start: float = 0.025, end: float = END) -> float:
    """The learning rate after a share `progress` (0 to 1) of the training: a straight line from `start` to `end`.

    >>> learning_rate(0.0), round(learning_rate(0.5), 5), round(learning_rate(1.0), 5)
    (0.025, 0.01255, 0.0001)
    """
    return start + (end - start) * progress


class PairGradients(NamedTuple):
    """The loss of one pair, in nats, and its gradient in each of the vectors that took part."""

    loss: float
    word: np.ndarray
    neighbour: np.ndarray
    negatives: np.ndarray


def pair_gradients(word: np.ndarray, neighbour: np.ndarray, negatives: np.ndarray) -> PairGradients:
    """The loss of one pair with k negatives, and its gradients: -log s(v.u) - sum over n of log s(-v.n).

    v is the word's row of `input` (d,), u the neighbour's row of `output` (d,), n each row of `negatives` (k, d), also
    from `output`; s is the logistic function. With g = s(score) - label: dv = sum of g * row, d row = g * v.

    >>> gradients = pair_gradients(np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.array([[0.0, 2.0]]))
    >>> round(gradients.loss, 4), gradients.word.tolist(), gradients.negatives.tolist()
    (1.3863, [0.0, 0.5], [[0.5, 0.0]])
    """
    rows = np.vstack([neighbour, negatives])
    scores = rows @ word
    signs = np.where(np.arange(len(rows)) == 0, 1.0, -1.0)
    error = 1 / (1 + np.exp(-scores)) - (signs > 0)
    to_rows = np.outer(error, word)
    return PairGradients(float(np.logaddexp(0, -signs * scores).sum()), error @ rows, to_rows[0], to_rows[1:])


def huffman(counts: Sequence[int] | np.ndarray) -> list[tuple[list[int], list[int]]]:
    """For each word the inner nodes on its way down a Huffman tree, and the branch taken at each (0 or 1).

    V words have V - 1 inner nodes; the root is the last. Frequent words have short ways, so that the mean way is about
    as long as the words' entropy in bits.

    >>> huffman([5, 2, 1])
    [([1], [1]), ([1, 0], [0, 1]), ([1, 0], [0, 0])]
    """
    size = len(counts)
    heap = [(int(count), node) for node, count in enumerate(counts)]
    heapq.heapify(heap)
    above: dict[int, tuple[int, int]] = {}
    for node in range(size, 2 * size - 1):
        (rare, left), (common, right) = heapq.heappop(heap), heapq.heappop(heap)
        above[left], above[right] = (node, 0), (node, 1)
        heapq.heappush(heap, (rare + common, node))
    return [_way_down(word, above, size) for word in range(size)]


def _way_down(node: int, above: dict[int, tuple[int, int]], size: int) -> tuple[list[int], list[int]]:
    nodes, branches = [], []
    while node in above:
        node, branch = above[node]
        nodes.append(node - size)
        branches.append(branch)
    return nodes[::-1], branches[::-1]


# The model, and one update of it


class Model(NamedTuple):
    """All the weights there are: two tables of shape (V, d)."""

    input: Tensor
    output: Tensor

    @classmethod
    def random(cls, size: int, d: int, generator: torch.Generator) -> "Model":
        """`input` uniform between -1/2d and 1/2d, `output` all zeros, as in the original program.

        >>> model = Model.random(7, 4, torch.Generator().manual_seed(0))
        >>> sum(table.numel() for table in model) == 2 * 7 * 4
        True
        """
        return cls((torch.rand(size, d, generator=generator) - 0.5) / d, torch.zeros(size, d))


class Batch(NamedTuple):
    """What one update compares, for B blocks at once: H hidden vectors and O output rows in each.

    Its loss is the sum of weights * -log s(score) where the label is 1, and of weights * -log s(-score) where it is 0.
    """

    inputs: Tensor
    """Rows of `input` (B, I)."""
    window: Tensor | None
    """CBOW: which of the I rows make up each hidden vector (B, H, I), as zeros and ones. None: each is one (H = I)."""
    outputs: Tensor
    """Rows of `output` (B, O)."""
    labels: Tensor
    """1 where the two belong together, else 0; broadcasts to (B, H, O)."""
    weights: Tensor
    """How often each comparison counts (B, H, O)."""


def update(model: Model, batch: Batch, lr: float, most: float = float("inf")) -> None:
    """One step down the gradient of the batch's loss, in place: three matrix products (CBOW: five).

    An output row that the batch compares more than `most` times moves as far as the mean of its gradients would take
    it in `most` steps. Otherwise the root of a tree, which every word meets, would overshoot.

    Differs from the gradient: in CBOW each of the n words of a window gets the whole gradient of their mean, not an
    n-th of it, as in the original program and in gensim. It amounts to a higher learning rate for the inputs.
    """
    hidden = _rows(model.input, batch.inputs)
    if batch.window is not None:
        hidden = batch.window / batch.window.sum(2, keepdim=True).clamp_(min=1) @ hidden
    output = _rows(model.output, batch.outputs)
    push = (hidden @ output.mT).sigmoid_().neg_().add_(batch.labels).mul_(batch.weights).mul_(lr)
    to_hidden, to_output = push @ output, push.mT @ hidden
    if batch.window is not None:
        to_hidden = batch.window.mT @ to_hidden
    if most < float("inf"):
        times = torch.bincount(batch.outputs.flatten(), batch.weights.sum(1).flatten(), len(model.output))
        to_output *= (most / times).clamp_(max=1)[batch.outputs][..., None]
    # Without `alpha`, which makes index_add_ three times slower: lr is in `push` already.
    model.input.index_add_(0, batch.inputs.reshape(-1), to_hidden.reshape(-1, to_hidden.shape[2]))
    model.output.index_add_(0, batch.outputs.reshape(-1), to_output.reshape(-1, to_output.shape[2]))


def _rows(table: Tensor, ids: Tensor) -> Tensor:
    return table.index_select(0, ids.reshape(-1)).view(*ids.shape, table.shape[1])


# From text to batches


class Text(NamedTuple):
    """Words as ids, and the number of the sentence that each is in: a whole text (n,) or blocks of it (B, C)."""

    words: Tensor
    sentence: Tensor


def cut(text: Text, size: int, window: int) -> Text:
    """Cut a text (n,) into blocks of `size` words, with `window` words of context on both sides (C = size + 2 window).

    What fills up the ends belongs to no sentence.

    >>> cut(Text(torch.tensor([7, 8, 9]), torch.tensor([0, 0, 1])), size=2, window=1).words.tolist()
    [[0, 7, 8, 9], [8, 9, 0, 0]]
    """
    blocks = max(1, math.ceil(len(text.words) / size))
    fill = window + blocks * size - len(text.words)
    alone = -1 - torch.arange(window + fill)  # each a sentence of its own, so that it is nobody's neighbour
    words = torch.cat([text.words.new_zeros(window), text.words, text.words.new_zeros(fill)])
    sentence = torch.cat([alone[:window], text.sentence, alone[window:]])
    return Text(*(column.unfold(0, size + 2 * window, size) for column in (words, sentence)))


def neighbours(sentence: Tensor, window: int, width: Tensor | None = None, dtype: Any = torch.float32) -> Tensor:
    """How much each of the C words of a block is a neighbour of each word in its middle (B, size, C).

    Neighbours are of the same sentence. With a `width` of 1 to `window` for each middle word (B, size, 1) it is 1 for
    the words at most so far away; without, it is what that is on average: (window + 1 - distance) / window.

    >>> neighbours(torch.zeros(1, 6), window=2)
    tensor([[[0.5000, 1.0000, 0.0000, 1.0000, 0.5000, 0.0000],
             [0.0000, 0.5000, 1.0000, 0.0000, 1.0000, 0.5000]]])
    """
    context = sentence.shape[1]
    size = context - 2 * window
    distance = (torch.arange(size)[:, None] + window - torch.arange(context)).abs()
    same = sentence[:, window : window + size, None] == sentence[:, None]
    if width is None:
        share = ((window + 1 - distance).clamp(min=0) / window).to(dtype)
        return share * (distance > 0) * same
    return ((distance <= width) & (distance > 0) & same).to(dtype)


def skip_gram_batch(words: Tensor, near: Tensor, negatives: Tensor, k: int) -> Batch:
    """Skip-gram with negative sampling: each middle word against the block's C words and its M negatives.

    words (B, C), near (B, size, C) from `neighbours`, negatives (B, M): a pair of weight p is opposed by k * p.
    """
    opposed = near.sum(2, keepdim=True) * (k / negatives.shape[1])
    weights = torch.cat([near, opposed.expand(-1, -1, negatives.shape[1])], 2)
    outputs = torch.cat([words, negatives], 1)
    labels = (torch.arange(outputs.shape[1]) < words.shape[1]).to(near.dtype)
    return Batch(_middle(words, near), None, outputs, labels, weights)


def cbow_batch(words: Tensor, near: Tensor, negatives: Tensor, k: int) -> Batch:
    """CBOW with negative sampling: the mean of each middle word's neighbours against that word and M negatives."""
    middle = _middle(words, near)
    size, found = middle.shape[1], near.amax(2, keepdim=True)  # a word without neighbours predicts nothing
    itself = torch.eye(size, dtype=near.dtype) * found
    opposed = found * (k / negatives.shape[1])
    weights = torch.cat([itself, opposed.expand(-1, -1, negatives.shape[1])], 2)
    outputs = torch.cat([middle, negatives], 1)
    labels = (torch.arange(outputs.shape[1]) < size).to(near.dtype)
    return Batch(words, near, outputs, labels, weights)


class Tree(NamedTuple):
    """The ways down a Huffman tree as tensors (V, longest way); `there` is 0 beyond the end of a way."""

    nodes: Tensor
    branches: Tensor
    there: Tensor

    @classmethod
    def of(cls, counts: np.ndarray) -> "Tree":
        """The tree of a vocabulary's counts.

        >>> Tree.of(np.array([5, 2, 1])).nodes.tolist()
        [[1, 0], [1, 0], [1, 0]]
        """
        ways = huffman(counts)
        shape = (3, len(ways), max(1, *(len(nodes) for nodes, _ in ways)))
        table = np.zeros(shape, dtype=np.int64)
        for word, (nodes, branches) in enumerate(ways):
            table[:, word, : len(nodes)] = nodes, branches, np.ones(len(nodes))
        nodes, branches, there = torch.from_numpy(table)
        return cls(nodes, branches.float(), there.float())


def tree_batch(words: Tensor, near: Tensor, tree: Tree, *, skip_gram: bool) -> Batch:
    """Hierarchical softmax, for blocks of one word: its neighbours, or their mean, against the nodes on its way.

    The branch 0 has label 1. Skip-gram asks the neighbour for the word in the middle here; since both are neighbours
    of each other, the pairs are the same.
    """
    middle = _middle(words, near)[:, 0]
    labels, there = 1 - tree.branches[middle][:, None], tree.there[middle][:, None]
    if skip_gram:
        return Batch(words, None, tree.nodes[middle], labels, near.mT * there)
    return Batch(words, near, tree.nodes[middle], labels, near.amax(2, keepdim=True) * there)


def _middle(words: Tensor, near: Tensor) -> Tensor:
    window = (words.shape[1] - near.shape[1]) // 2
    return words[:, window : window + near.shape[1]]


# Training


class Vocabulary(NamedTuple):
    """The words that are frequent enough, most frequent first (ties in order of the alphabet), and their counts."""

    words: list[str]
    counts: np.ndarray


def vocabulary(sentences: Iterable[Sequence[str]], min_count: int = 1) -> Vocabulary:
    """Count the words of tokenised sentences and keep those that occur at least `min_count` times.

    Errors: TypeError if the sentences are a string or can be read only once, if a sentence is a string, or a token is
    none; ValueError if no word is left.

    >>> vocabulary([["a", "rose", "is", "a", "rose"]], min_count=2).words
    ['a', 'rose']
    """
    if isinstance(sentences, (str, bytes)) or not isinstance(sentences, Iterable):
        given = type(sentences).__name__
        raise TypeError(f'the sentences are lists of tokens, such as [["the", "cat"], ["a", "dog"]], not {given}')
    if isinstance(sentences, Iterator):
        given = type(sentences).__name__
        raise TypeError(f"a {given} can be read only once, and the text is read twice; give list(sentences)")
    counts: Counter[str] = Counter()
    for number, sentence in enumerate(sentences):
        counts.update(_checked(sentence, number))
    if not counts:
        raise ValueError("there is no word in the sentences; give at least one sentence with a few tokens")
    words = sorted((w for w, n in counts.items() if n >= min_count), key=lambda w: (-counts[w], w))
    if not words:
        most = max(counts.values())
        raise ValueError(f"no word occurs min_count={min_count} times: the most frequent one occurs {most} times")
    return Vocabulary(words, np.array([counts[word] for word in words]))


def _checked(sentence: Sequence[str], number: int) -> Sequence[str]:
    advice = "a sentence is a list of tokens; write [tokens(sentence) for sentence in sentences(text)]"
    if isinstance(sentence, (str, bytes)) or not isinstance(sentence, Iterable) or isinstance(sentence, Iterator):
        raise TypeError(f"sentence {number} is {type(sentence).__name__} {sentence!r:.40}; {advice}")
    for token in sentence:
        if not isinstance(token, str):
            raise TypeError(f"a token of sentence {number} is {type(token).__name__} {token!r:.40}, not str; {advice}")
    return sentence


def train(
    sentences: Iterable[Sequence[str]],
    *,
    d: int = 100,
    window: int = 5,
    negative: int = 5,
    epochs: int = 5,
    skip_gram: bool = True,
    hierarchical: bool = False,
    min_count: int = 5,
    sample: float = 1e-3,
    lr: float = 0.025,
    seed: int = 0,
    progress: bool = True,
) -> "KeyedVectors":
    """Train word vectors on tokenised sentences: gensim `KeyedVectors`, with its `most_similar` and all the rest.

    - `d`: numbers in a vector. `window`: words on each side that count as neighbours, at most.
    - `negative`: random words against each pair. `hierarchical`: a Huffman tree instead of them.
    - `skip_gram`: False trains CBOW.
    - `epochs`: how often the text is read. `lr`: the learning rate, which falls in a straight line to 0.0001.
    - `min_count`: rarer words are left out. `sample`: the share of the text above which a word is thinned out.
    - `seed`: the same seed gives the same vectors. `progress`: show a bar, on a terminal or in a notebook.

    Errors: those of `vocabulary`; ValueError for a number out of its range, and when a high `lr` made
    the training diverge; TypeError for what is not a number.
    Source: arXiv:1301.3781 and 1310.4546. Differs: see the head of this module.

    >>> text = [["sun", "sky"], ["sun", "day"], ["fish", "sea"], ["fish", "net"]] * 100
    >>> vectors = train(text, d=8, epochs=5, sample=0, progress=False)
    >>> vectors.most_similar("sky", topn=1)[0][0]
    'day'
    """
    _check_whole(1, d=d, window=window, epochs=epochs, min_count=min_count)
    _check_whole(0 if hierarchical else 1, negative=negative)
    _check("seed", seed, whole=True, low=0, high=2**63 - 1)
    _check("sample", sample, whole=False, low=0, high=1)
    _check("lr", lr, whole=False, low=END)
    words, counts = vocabulary(sentences, min_count)
    generator = torch.Generator().manual_seed(seed)
    model = Model.random(len(words), d, generator)
    reader = _Reader(_encode(sentences, words), counts, window, negative, skip_gram, hierarchical, generator)
    with torch.inference_mode():
        for done, batch in _with_bar(reader.batches(epochs, sample, lr), shown=progress):
            update(model, batch, learning_rate(done, lr), most=MOST / lr if hierarchical else float("inf"))
    if not model.input.isfinite().all():
        raise ValueError(f"the training diverged with lr={lr!r}: give a lower learning rate (usual is 0.025)")
    return _keyed(words, counts, model.input.numpy())


def _check_whole(low: int, **numbers: Any) -> None:
    for name, number in numbers.items():
        _check(name, number, whole=True, low=low)


def _check(name: str, number: Any, *, whole: bool, low: float, high: float = float("inf")) -> None:
    if isinstance(number, bool) or not isinstance(number, Integral if whole else Real):
        raise TypeError(f"{name} is a {'whole number' if whole else 'number'}, not {number!r}")
    if not low <= float(number) <= high:
        limits = f"at least {low:g}" if high == float("inf") else f"between {low:g} and {high:g}"
        raise ValueError(f"{name}={number!r} is not possible; it must be {limits}")


def _encode(sentences: Iterable[Sequence[str]], words: list[str]) -> Text:
    index = {word: i for i, word in enumerate(words)}
    ids = [[index[word] for word in sentence if word in index] for sentence in sentences]
    flat = torch.tensor([i for sentence in ids for i in sentence])
    return Text(flat, torch.arange(len(ids)).repeat_interleave(torch.tensor([len(sentence) for sentence in ids])))


@dataclass(frozen=True)
class _Reader:
    """Reads the text once an epoch, thinned out, in blocks of random order, and makes batches of them."""

    text: Text
    counts: np.ndarray
    window: int
    negative: int
    skip_gram: bool
    hierarchical: bool
    generator: torch.Generator

    def batches(self, epochs: int, sample: float, lr: float) -> Iterator[tuple[float, Batch]]:
        """The batches of all epochs, each with the share of the training that is done before it."""
        keep = torch.from_numpy(keep_probability(self.counts, sample))
        most = TREE_WORDS_AT_ONCE if self.hierarchical else WORDS_AT_ONCE
        words = max(1, words_at_once(self.counts * keep.numpy(), lr, most))
        size = 1 if self.hierarchical else min(BLOCK, words)
        at_once = words // size
        for epoch in range(epochs):
            kept = self._uniform(len(self.text.words)) < keep[self.text.words]
            blocks = cut(Text(self.text.words[kept], self.text.sentence[kept]), size, self.window)
            order = torch.randperm(len(blocks.words), generator=self.generator)
            for start in range(0, len(order), at_once):
                part = order[start : start + at_once]
                batch = self._batch(Text(blocks.words[part], blocks.sentence[part]))
                yield (epoch + start / len(order)) / epochs, batch

    def _batch(self, blocks: Text) -> Batch:
        near = neighbours(blocks.sentence, self.window, None if self.skip_gram else self._widths(blocks))
        if self.hierarchical:
            return tree_batch(blocks.words, near, self._tree, skip_gram=self.skip_gram)
        make = skip_gram_batch if self.skip_gram else cbow_batch
        return make(blocks.words, near, self._negatives(*near.shape[:2]), self.negative)

    def _widths(self, blocks: Text) -> Tensor:
        shape = (len(blocks.words), blocks.words.shape[1] - 2 * self.window, 1)
        return torch.randint(1, self.window + 1, shape, generator=self.generator)

    def _negatives(self, blocks: int, size: int) -> Tensor:
        return torch.searchsorted(self._cumulative, self._uniform(blocks, math.ceil(size / WORDS_PER_NEGATIVE)))

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.generator, dtype=torch.float64)

    @cached_property
    def _cumulative(self) -> Tensor:
        cumulative = torch.from_numpy(noise_distribution(self.counts).cumsum())
        return cumulative / cumulative[-1]  # so that it ends with 1, which no draw reaches

    @cached_property
    def _tree(self) -> Tree:
        return Tree.of(self.counts)


def words_at_once(counts: np.ndarray, lr: float, most: int = WORDS_AT_ONCE) -> int:
    """How many words one update takes: `most`, or so few that each meets itself only 0.04/lr times on average.

    The gradients of an update are taken at the same weights and added up, so a word met too often overshoots.

    >>> words_at_once(np.full(1000, 7), lr=0.025), words_at_once(np.array([5, 5]), lr=0.02)
    (960, 4)
    """
    shares = counts / counts.sum()
    return int(min(most, REPEATS / lr / (shares @ shares)))


def _with_bar(batches: Iterator[tuple[float, Batch]], shown: bool) -> Iterator[tuple[float, Batch]]:
    from rich.console import Console
    from rich.progress import Progress

    console = Console()
    if not (shown and (console.is_terminal or console.is_jupyter)):
        yield from batches
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("word2vec", total=1.0)
        for done, batch in batches:
            bar.update(task, completed=done)
            yield done, batch


def _keyed(words: list[str], counts: np.ndarray, table: np.ndarray) -> "KeyedVectors":
    from gensim.models import KeyedVectors

    vectors = KeyedVectors(table.shape[1])
    vectors.add_vectors(words, table)
    vectors.allocate_vecattrs(attrs=["count"], types=[counts.dtype])
    vectors.expandos["count"][:] = counts
    return vectors
