"""Exercises of lesson 02: word2vec."""

import math

from course_utils.exercises import exercise


@exercise(
    "02.1",
    title="One-hot times table",
    stars=1,
    minutes=4,
    task="""
A table of vectors has one row for each word. Multiply a one-hot vector by it, as the equation of a linear layer says:
the result's column `j` is the sum over all words `i` of `x[i] * table[i][j]`. Do it without assuming that `x` is
one-hot: then your function is the layer, and looking up a row is a special case of it.

`layer([0, 1, 0], [[1, 2], [3, 4], [5, 6]])` is `[3, 4]`, the second row.
""",
    hints=(
        "One result for each column: loop over `j` in `range(len(table[0]))`.",
        "`sum(weight * row[j] for weight, row in zip(x, table))` is column `j` of the result.",
    ),
    cases=lambda rng: [
        ([0, 1, 0], [[1, 2], [3, 4], [5, 6]]),
        ([1], [[7, 8, 9]]),
        ([0, 0], [[1, 2, 3], [4, 5, 6]]),
        ([1, 1, 0], [[1, 2], [3, 4], [5, 6]]),
        *[
            (
                [rng.randint(-2, 2) for _ in range(4)],
                [[rng.randint(-5, 5) for _ in range(3)] for _ in range(4)],
            )
            for _ in range(3)
        ],
    ],
)
def layer(x: list[int], table: list[list[int]]) -> list[int]:
    """Return the row vector x times the table."""
    columns = range(len(table[0]))
    return [
        sum(a * row[j] for a, row in zip(x, table, strict=True))
        for j in columns
    ]


@layer.mistake(
    "That looks up the row of the largest entry. It is right for a one-hot vector only; a layer adds up all rows."
)
def _(x, table):
    return table[x.index(max(x))]


@layer.mistake(
    "You added the rows whose entry is not zero, without multiplying each by its entry."
)
def _(x, table):
    return [
        sum(row[j] for a, row in zip(x, table, strict=True) if a)
        for j in range(len(table[0]))
    ]


@layer.mistake(
    "You scaled the rows but did not add them up: the result has one number for each column, not one row for each word."
)
def _(x, table):
    return [
        [a * value for value in row] for a, row in zip(x, table, strict=True)
    ]


@exercise(
    "02.2",
    title="All pairs of a sentence",
    stars=1,
    minutes=6,
    task="""
Return the pairs `(word, neighbour)` that skip-gram learns from: each word of the sentence in turn, with every word at
most `window` positions before or after it, from left to right. A word is no neighbour of its own position.

`all_pairs(["the", "cat", "sat"], 1)` is
`[("the", "cat"), ("cat", "the"), ("cat", "sat"), ("sat", "cat")]`.
""",
    hints=(
        "Loop over positions, not words: the same word may stand twice in a sentence.",
        "The neighbours of `i` go from `max(0, i - window)` to `min(len(words), i + window + 1)`, without `i` itself.",
    ),
    cases=lambda rng: [
        (["the", "cat", "sat"], 1),
        ([], 2),
        (["alone"], 3),
        (["a", "b", "a", "a"], 1),
        (["a", "b", "c", "d", "e"], 2),
        (["a", "b"], 5),
        ([rng.choice("abcd") for _ in range(7)], 3),
    ],
)
def all_pairs(words: list[str], window: int) -> list[tuple[str, str]]:
    """Return every word with each of its neighbours."""
    found = []
    for i, word in enumerate(words):
        last = min(len(words), i + window + 1)
        for j in range(max(0, i - window), last):
            if j != i:
                found.append((word, words[j]))
    return found


def _pairs(words, start, stop, same=lambda words, i, j: i == j):
    return [
        (word, words[j])
        for i, word in enumerate(words)
        for j in range(start(i), stop(i))
        if 0 <= j < len(words) and not same(words, i, j)
    ]


@all_pairs.mistake(
    "You looked ahead only. The words before are neighbours as well."
)
def _(words, window):
    return _pairs(words, lambda i: i + 1, lambda i: i + window + 1)


@all_pairs.mistake(
    "The last neighbour is missing: `range` stops before its end, so it must be `i + window + 1`."
)
def _(words, window):
    return _pairs(words, lambda i: i - window, lambda i: i + window)


@all_pairs.mistake(
    "You compared words instead of positions. In `a a` both words are each other's neighbours."
)
def _(words, window):
    return _pairs(
        words,
        lambda i: i - window,
        lambda i: i + window + 1,
        lambda words, i, j: words[i] == words[j],
    )


@all_pairs.mistake(
    "You paired each word with itself too: leave out the position `i`."
)
def _(words, window):
    return _pairs(
        words,
        lambda i: i - window,
        lambda i: i + window + 1,
        lambda words, i, j: False,
    )


@exercise(
    "02.3",
    title="The loss of one pair",
    stars=2,
    minutes=8,
    task="""
A true neighbour has the score `positive`, random words have the scores `negatives`. With the logistic function
$\\sigma(x) = 1 / (1 + e^{-x})$ the loss is

$$-\\log \\sigma(\\text{positive}) - \\sum_n \\log \\sigma(-\\text{negative}_n)$$

Return it (natural logarithm). `pair_loss(0.0, [0.0])` is `2 log 2`, about 1.386.
""",
    hints=(
        "Write `sigma` as a small function first; `math.exp` and `math.log` are all you need.",
        "The negatives' scores change their sign: a *low* score is right for them.",
    ),
    cases=lambda rng: [
        (0.0, [0.0]),
        (2.0, []),
        (-1.0, [3.0, -2.0]),
        (1.5, [0.5]),
        *[
            (
                rng.uniform(-3, 3),
                [rng.uniform(-3, 3) for _ in range(rng.randint(1, 5))],
            )
            for _ in range(3)
        ],
    ],
)
def pair_loss(positive: float, negatives: list[float]) -> float:
    """Return the negative-sampling loss of one pair."""
    import math

    def sigma(x):
        return 1 / (1 + math.exp(-x))

    loss = -math.log(sigma(positive))
    return loss - sum(math.log(sigma(-score)) for score in negatives)


def _sigma(x):
    return 1 / (1 + math.exp(-x))


@pair_loss.mistake(
    "You want the negatives' scores to be high as well: their sign must be turned inside sigma."
)
def _(positive, negatives):
    return -sum(math.log(_sigma(score)) for score in [positive, *negatives])


@pair_loss.mistake(
    "You averaged over the negatives. The formula adds them up: k negatives weigh k times."
)
def _(positive, negatives):
    wrong = [math.log(_sigma(-score)) for score in negatives]
    return -math.log(_sigma(positive)) - sum(wrong) / max(1, len(wrong))


@pair_loss.mistake(
    "That is the log-likelihood, which training makes larger. The loss is its negative."
)
def _(positive, negatives):
    return math.log(_sigma(positive)) + sum(
        math.log(_sigma(-score)) for score in negatives
    )


@pair_loss.mistake(
    "The logarithm is missing: the loss adds up -log of the probabilities, not one minus them."
)
def _(positive, negatives):
    return 1 - _sigma(positive) + sum(1 - _sigma(-s) for s in negatives)


@exercise(
    "02.4",
    title="One step for one comparison",
    stars=2,
    minutes=10,
    task="""
A word's vector `v` is compared with an output vector `u`; `label` is 1 for a true neighbour, 0 for a random word. Take
one step of gradient descent on both and return the new `(v, u)`:

$$g = \\sigma(v \\cdot u) - \\text{label}$$

$$v \\leftarrow v - \\eta\\, g\\, u, \\qquad u \\leftarrow u - \\eta\\, g\\, v$$

where `lr` is $\\eta$ and both use the *old* vectors. `step([1.0, 0.0], [0.0, 2.0], 1, 0.5)` is
`([1.0, 0.5], [0.25, 2.0])`.
""",
    hints=(
        "The score is the dot product: `sum(a * b for a, b in zip(v, u))`.",
        "Compute both new vectors in one `return`, so that the second does not see the first one's change.",
    ),
    cases=lambda rng: [
        ([1.0, 0.0], [0.0, 2.0], 1, 0.5),
        ([1.0, 0.0], [0.0, 2.0], 0, 0.5),
        ([0.0], [0.0], 1, 0.1),
        *[
            (
                [rng.uniform(-1, 1) for _ in range(3)],
                [rng.uniform(-1, 1) for _ in range(3)],
                rng.randint(0, 1),
                rng.uniform(0.1, 1),
            )
            for _ in range(4)
        ],
    ],
)
def step(
    v: list[float], u: list[float], label: int, lr: float
) -> tuple[list[float], list[float]]:
    """Return both vectors after one step of gradient descent."""
    import math

    score = sum(a * b for a, b in zip(v, u, strict=True))
    g = 1 / (1 + math.exp(-score)) - label
    return (
        [a - lr * g * b for a, b in zip(v, u, strict=True)],
        [b - lr * g * a for a, b in zip(v, u, strict=True)],
    )


def _error(v, u, label):
    return _sigma(sum(a * b for a, b in zip(v, u, strict=True))) - label


def _moved(v, by, u):
    return [a - by * b for a, b in zip(v, u, strict=True)]


@step.mistake(
    "You went up the gradient: the step is *minus* lr times g, so that a true pair comes closer."
)
def _(v, u, label, lr):
    g = -lr * _error(v, u, label)
    return _moved(v, g, u), _moved(u, g, v)


@step.mistake(
    "The learning rate is missing: you took the whole gradient as the step."
)
def _(v, u, label, lr):
    g = _error(v, u, label)
    return _moved(v, g, u), _moved(u, g, v)


@step.mistake(
    "The second vector was moved along the *new* v. Both steps are taken from the old vectors."
)
def _(v, u, label, lr):
    g = lr * _error(v, u, label)
    v = _moved(v, g, u)
    return v, _moved(u, g, v)


@step.mistake(
    "You used the score itself as the error. It must go through sigma first: g = sigma(v.u) - label."
)
def _(v, u, label, lr):
    g = lr * (sum(a * b for a, b in zip(v, u, strict=True)) - label)
    return _moved(v, g, u), _moved(u, g, v)


@step.mistake(
    "Each vector was pulled along itself. The gradient in v is g times *u*, and the other way round."
)
def _(v, u, label, lr):
    g = lr * _error(v, u, label)
    return _moved(v, g, v), _moved(u, g, u)


@exercise(
    "02.5",
    title="The noise distribution",
    stars=1,
    minutes=4,
    task="""
Negatives are drawn with a probability in proportion to the word's count to the power 0.75. Return the probabilities of
all words.

`noise([16, 1])` is `[8/9, 1/9]`: sixteen times as frequent, but only eight times as likely.
""",
    hints=(
        "`count**0.75` is the weight of a word; the probabilities are the weights over their sum.",
        "The sum is that of the powers, not of the counts.",
    ),
    cases=lambda rng: [
        ([16, 1],),
        ([5],),
        ([1, 1, 1],),
        ([81, 16, 1],),
        ([rng.randint(1, 500) for _ in range(6)],),
    ],
)
def noise(counts: list[int]) -> list[float]:
    """Return each word's probability as a negative."""
    weights = [count**0.75 for count in counts]
    return [weight / sum(weights) for weight in weights]


@noise.mistake(
    "Those are the words' plain shares of the text: raise the counts to the power 0.75 first."
)
def _(counts):
    return [count / sum(counts) for count in counts]


@noise.mistake(
    "The probabilities do not add up to 1: divide by the sum of the powers, not of the counts."
)
def _(counts):
    return [count**0.75 / sum(counts) for count in counts]


@noise.mistake(
    "You took the power of the sum: each count is raised by itself, then they are added."
)
def _(counts):
    return [count**0.75 / sum(counts) ** 0.75 for count in counts]


@exercise(
    "02.6",
    title="Who is thinned out",
    stars=2,
    minutes=8,
    task="""
A word that makes up the share `f` of the text survives with the probability
$\\left(\\sqrt{f/s} + 1\\right) \\cdot s/f$, but never more than 1. Given the counts of all words and `s`, return the
*expected number* of tokens that survive.

`survivors([96, 4], 0.04)` is `96 · 0.246 + 4 · 1`, about 27.6.
""",
    hints=(
        "The share of a word is its count over the sum of all counts.",
        "`min(1, (math.sqrt(f / s) + 1) * s / f)` is the probability; multiply by the count and add up.",
    ),
    cases=lambda rng: [
        ([96, 4], 0.04),
        ([10], 0.001),
        ([1, 1, 1, 1], 0.5),
        ([500, 300, 150, 50], 0.1),
        ([rng.randint(1, 900) for _ in range(6)], 0.05),
    ],
)
def survivors(counts: list[int], s: float) -> float:
    """Return the expected number of tokens that survive."""
    import math

    kept = 0.0
    for count in counts:
        f = count / sum(counts)
        kept += count * min(1, (math.sqrt(f / s) + 1) * s / f)
    return kept


@survivors.mistake(
    "A probability is never above 1: without `min` the rare words multiply."
)
def _(counts, s):
    shares = [count / sum(counts) for count in counts]
    return sum(
        n * (math.sqrt(f / s) + 1) * s / f
        for n, f in zip(counts, shares, strict=True)
    )


@survivors.mistake(
    "That is the paper's formula, sqrt(s/f), which is close. The program has a second term: s/f is added to it."
)
def _(counts, s):
    shares = [count / sum(counts) for count in counts]
    return sum(
        n * min(1, math.sqrt(s / f))
        for n, f in zip(counts, shares, strict=True)
    )


@survivors.mistake(
    "You added up the probabilities, one for each type. Each must be multiplied by the word's count."
)
def _(counts, s):
    shares = [count / sum(counts) for count in counts]
    return float(sum(min(1, (math.sqrt(f / s) + 1) * s / f) for f in shares))


@survivors.mistake(
    "You counted the tokens that are dropped. Those that survive are wanted."
)
def _(counts, s):
    shares = [count / sum(counts) for count in counts]
    return sum(
        n * (1 - min(1, (math.sqrt(f / s) + 1) * s / f))
        for n, f in zip(counts, shares, strict=True)
    )


@exercise(
    "02.7",
    title="CBOW's question",
    stars=2,
    minutes=8,
    task="""
CBOW compares the word in the middle with the *mean* of its neighbours' vectors. Given the vectors of a sentence's words
in order, return that mean for position `i` and a window of `window` words on each side. Without any neighbour return
zeros.

`context_mean([[2.0], [9.0], [4.0]], 1, 1)` is `[3.0]`.
""",
    hints=(
        "Collect the neighbours' vectors as in 02.2: positions `max(0, i - window)` to `i + window`, without `i`.",
        "At the edge of a sentence there are fewer neighbours: divide by how many you found.",
    ),
    cases=lambda rng: [
        ([[2.0], [9.0], [4.0]], 1, 1),
        ([[5.0, 6.0]], 0, 2),
        ([[1.0, 0.0], [0.0, 1.0], [4.0, 4.0]], 0, 5),
        *[
            (
                [[rng.uniform(-1, 1) for _ in range(2)] for _ in range(6)],
                rng.randrange(6),
                rng.randint(1, 3),
            )
            for _ in range(4)
        ],
    ],
)
def context_mean(
    vectors: list[list[float]], i: int, window: int
) -> list[float]:
    """Return the mean of the vectors around position i."""
    before = vectors[max(0, i - window) : i]
    near = before + vectors[i + 1 : i + 1 + window]
    if not near:
        return [0.0] * len(vectors[i])
    return [sum(column) / len(near) for column in zip(*near, strict=True)]


def _near(vectors, i, window):
    return vectors[max(0, i - window) : i] + vectors[i + 1 : i + 1 + window]


@context_mean.mistake(
    "The word in the middle is in your mean. It is the answer: CBOW must not see it."
)
def _(vectors, i, window):
    near = vectors[max(0, i - window) : i + 1 + window]
    return [sum(column) / len(near) for column in zip(*near, strict=True)]


@context_mean.mistake(
    "You divided by twice the window. At the edge of a sentence there are fewer neighbours than that."
)
def _(vectors, i, window):
    near = _near(vectors, i, window)
    return [
        sum((v[j] for v in near), 0.0) / (2 * window)
        for j in range(len(vectors[i]))
    ]


@context_mean.mistake(
    "That is the sum of the neighbours. CBOW takes their mean, so that a long window is no louder than a short one."
)
def _(vectors, i, window):
    near = _near(vectors, i, window)
    return [sum((v[j] for v in near), 0.0) for j in range(len(vectors[i]))]


@exercise(
    "02.8",
    title="Nearest neighbours",
    stars=3,
    minutes=12,
    task="""
`vectors` maps words to lists of numbers, none of them all zero. Return the `n` words whose vectors have the highest
cosine with that of `word`, the closest first, without the word itself. Words with equal cosines stand in the order of
the alphabet.

`nearest({"a": [1, 0], "b": [2, 1], "c": [0, 3]}, "a", 1)` is `["b"]`.
""",
    hints=(
        "The cosine is the dot product over both lengths; the length is the root of the sum of squares.",
        "`sorted(others, key=lambda w: (-cosine(w), w))[:n]` puts high cosines first and breaks ties by the alphabet.",
    ),
    cases=lambda rng: [
        ({"a": [1, 0], "b": [2, 1], "c": [0, 3]}, "a", 1),
        ({"a": [1, 0], "long": [9, 9], "near": [1, 0.1]}, "a", 2),
        ({"a": [1, 2], "z": [1, 0], "y": [2, 0], "x": [-1, -2]}, "a", 3),
        ({"a": [1, 1]}, "a", 3),
        *[
            (
                {
                    w: [rng.uniform(-1, 1) * scale for _ in range(3)]
                    for w, scale in zip(
                        "abcdef", (1, 5, 0.2, 3, 1, 9), strict=True
                    )
                },
                "a",
                3,
            )
            for _ in range(3)
        ],
    ],
)
def nearest(vectors: dict[str, list], word: str, n: int) -> list[str]:
    """Return the n words with the highest cosine to the word."""
    import math

    def cosine(other):
        a, b = vectors[word], vectors[other]
        dot = sum(x * y for x, y in zip(a, b, strict=True))
        return round(dot / math.hypot(*a) / math.hypot(*b), 9)

    others = [w for w in vectors if w != word]
    return sorted(others, key=lambda w: (-cosine(w), w))[:n]


def _ranked(vectors, word, n, score, keep_itself=False):
    others = [w for w in vectors if keep_itself or w != word]
    return sorted(
        others, key=lambda w: (-round(score(vectors[word], vectors[w]), 9), w)
    )[:n]


def _dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def _cosine(a, b):
    return _dot(a, b) / math.hypot(*a) / math.hypot(*b)


@nearest.mistake(
    "You ranked by the plain dot product, which long vectors win. Divide by both lengths."
)
def _(vectors, word, n):
    return _ranked(vectors, word, n, _dot)


@nearest.mistake(
    "The word itself is in your list: its cosine with itself is always 1."
)
def _(vectors, word, n):
    return _ranked(vectors, word, n, _cosine, keep_itself=True)


@nearest.mistake(
    "Your list begins with the farthest words: the highest cosine comes first."
)
def _(vectors, word, n):
    return _ranked(vectors, word, n, lambda a, b: -_cosine(a, b))


@nearest.mistake(
    "You ranked by the distance between the points. The cosine looks at directions only, whatever the lengths."
)
def _(vectors, word, n):
    return _ranked(vectors, word, n, lambda a, b: -math.dist(a, b))
