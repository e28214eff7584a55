"""Exercises of lesson 03: GloVe, analogies, homographs."""

import math

from course_utils.exercises import exercise


@exercise(
    "03.1",
    title="Count the pairs",
    stars=2,
    minutes=10,
    task="""
Two words that stand *k* tokens apart add `1 / k` to the count of their pair, as long as `k <= window`. Return a dict
from `(word, context)` to the count. Every pair counts in both directions.

`count_pairs(["ice", "is", "cold"], window=2)` gives `("ice", "is")` the count 1, `("ice", "cold")` the count 0.5, and
the same to `("is", "ice")` and `("cold", "ice")`; `("is", "cold")` and `("cold", "is")` have 1.
""",
    hints=(
        "Two loops: over the position `i`, and over the distance `k` from 1 to `window`; stop at the end of the list.",
        "`counts[pair] = counts.get(pair, 0) + 1 / k`, once for `(words[i], words[i + k])` and once the other way round.",
    ),
    cases=lambda rng: [
        (["ice", "is", "cold"], 2),
        ([], 3),
        (["a"], 1),
        (["a", "a", "a"], 2),
        (["a", "b", "a"], 1),
        ([rng.choice("abc") for _ in range(9)], 4),
    ],
)
def count_pairs(
    words: list[str],
    window: int,
) -> dict[tuple[str, str], float]:
    """Return how often each two words meet, weighted by 1 / distance."""
    counts: dict[tuple[str, str], float] = {}
    for i, word in enumerate(words):
        for k in range(1, window + 1):
            if i + k < len(words):
                other = words[i + k]
                for pair in ((word, other), (other, word)):
                    counts[pair] = counts.get(pair, 0) + 1 / k
    return counts


def _count(words, window, weigh=lambda k: 1 / k, back=True, last=0):
    counts: dict = {}
    for i, word in enumerate(words):
        for k in range(1, window + 1 - last):
            if i + k < len(words):
                pairs = [(word, words[i + k]), (words[i + k], word)]
                for pair in pairs if back else pairs[:1]:
                    counts[pair] = counts.get(pair, 0) + weigh(k)
    return counts


@count_pairs.mistake(
    "Each pair counted as 1, however far apart. GloVe divides by the distance: neighbours tell more."
)
def _(words, window):
    return _count(words, window, weigh=lambda k: 1)


@count_pairs.mistake(
    "You looked to the right only. A word is context on both sides, so every pair counts both ways."
)
def _(words, window):
    return _count(words, window, back=False)


@count_pairs.mistake(
    "`range(1, window)` ends before `window`: a word exactly `window` tokens away still counts."
)
def _(words, window):
    return _count(words, window, last=1)


@count_pairs.mistake(
    "Every pair counted twice: your loops meet it from both sides, and each time you add it in both directions."
)
def _(words, window):
    return {pair: 2 * n for pair, n in _count(words, window).items()}


@exercise(
    "03.2",
    title="A ratio of probabilities",
    stars=1,
    minutes=6,
    task="""
`counts[word][context]` is how often two words meet; a pair that is not there was never seen. The probability of a
context given a word is $P(c \\mid w) = X_{wc} / \\sum_k X_{wk}$. Return the ratio $P(c \\mid a) / P(c \\mid b)$. You may
rely on `c` being seen with `b`.

With `counts = {"ice": {"solid": 3, "water": 3}, "steam": {"solid": 1, "water": 4}}` the ratio for `"solid"` is
`0.5 / 0.2 = 2.5`.
""",
    hints=(
        "`sum(counts[a].values())` is the sum in the denominator of P(c | a).",
        "`counts[a].get(c, 0)`: a context that was never seen with `a` has probability 0.",
    ),
    cases=lambda rng: [
        (
            {
                "ice": {"solid": 3, "water": 3},
                "steam": {"solid": 1, "water": 4},
            },
            "ice",
            "steam",
            "solid",
        ),
        ({"a": {"x": 2}, "b": {"y": 1, "x": 4}}, "a", "b", "x"),
        ({"a": {"x": 2}, "b": {"y": 1, "x": 4}}, "a", "b", "y"),
        *[
            (
                {
                    w: {c: rng.randint(1, 9) for c in "xyz"[: 2 + n]}
                    for n, w in enumerate("ab")
                },
                "a",
                "b",
                rng.choice("xy"),
            )
            for _ in range(3)
        ],
    ],
)
def ratio(
    counts: dict[str, dict[str, float]], a: str, b: str, c: str
) -> float:
    """Return P(c | a) / P(c | b)."""
    p_a = counts[a].get(c, 0) / sum(counts[a].values())
    p_b = counts[b].get(c, 0) / sum(counts[b].values())
    return p_a / p_b


@ratio.mistake(
    "That is the ratio of the counts. A frequent word has larger counts with everything: divide by its sum."
)
def _(counts, a, b, c):
    return counts[a].get(c, 0) / counts[b].get(c, 0)


@ratio.mistake("Upside down: P(c | a) belongs above the line.")
def _(counts, a, b, c):
    p_a, p_b = (counts[w].get(c, 0) / sum(counts[w].values()) for w in (a, b))
    return p_b / p_a if p_a else 0.0


@ratio.mistake(
    "That is the difference of the two probabilities, not their ratio."
)
def _(counts, a, b, c):
    p_a, p_b = (counts[w].get(c, 0) / sum(counts[w].values()) for w in (a, b))
    return p_a - p_b


@exercise(
    "03.3",
    title="How much a count weighs",
    stars=1,
    minutes=5,
    task="""
A count seen often is worth more than one seen once, but not without end: $f(x) = (x / x_{max})^{\\alpha}$ up to
$x = x_{max}$, and 1 beyond.

`weight(1, x_max=16, alpha=0.75)` is `0.125`; `weight(100, x_max=16, alpha=0.75)` is `1.0`.
""",
    hints=(
        "`min` takes care of the two cases at once.",
        "`min(1.0, x / x_max) ** alpha`: first cut off at 1, then take the power.",
    ),
    cases=lambda rng: [
        (1, 16, 0.75),
        (100, 16, 0.75),
        (16, 16, 0.75),
        (0, 10, 0.5),
        (4.5, 10, 1.0),
        (rng.uniform(0.1, 9), 10, 0.75),
    ],
)
def weight(x: float, x_max: float, alpha: float) -> float:
    """Return GloVe's weight f of a count x."""
    return float(min(1.0, x / x_max) ** alpha)


@weight.mistake(
    "Above `x_max` the weight must stop growing: very frequent pairs would drown all others."
)
def _(x, x_max, alpha):
    return float((x / x_max) ** alpha)


@weight.mistake(
    "The power is missing. With alpha = 0.75 rare pairs count more than in proportion."
)
def _(x, x_max, alpha):
    return float(min(1.0, x / x_max))


@weight.mistake(
    "`x / x_max ** alpha` takes the power of `x_max` alone. Divide first: `(x / x_max) ** alpha`."
)
def _(x, x_max, alpha):
    return float(x / x_max**alpha) if x < x_max else 1.0


@weight.mistake("You multiplied by alpha; it is an exponent.")
def _(x, x_max, alpha):
    return float(min(1.0, x / x_max) * alpha)


@exercise(
    "03.4",
    title="The loss of one pair",
    stars=2,
    minutes=8,
    task="""
A word has the vector `w` and the bias `a`, a context the vector `c` and the bias `b`; they met `x` times, and the
count has the weight `f`. Return the pair's share of GloVe's loss, $f \\cdot (w \\cdot c + a + b - \\log x)^2$, with the
natural logarithm.

`pair_loss([1, 2], [3, 0], 0.5, 0.5, 1.0, f=0.5)` is `0.5 * (3 + 1 - 0)² = 8.0`.
""",
    hints=(
        "The product of two vectors: `sum(u * v for u, v in zip(w, c, strict=True))`.",
        "Square only the miss; the weight stays outside the square. `import math` for `math.log`.",
    ),
    cases=lambda rng: [
        ([1, 2], [3, 0], 0.5, 0.5, 1.0, 0.5),
        ([1.0], [2.0], 0.0, -1.0, math.e, 1.0),
        ([0, 0], [0, 0], 0, 0, 7.0, 0.3),
        *[
            (
                [rng.uniform(-1, 1) for _ in range(3)],
                [rng.uniform(-1, 1) for _ in range(3)],
                rng.uniform(-1, 1),
                rng.uniform(-1, 1),
                rng.uniform(0.2, 20),
                rng.uniform(0.1, 0.9),
            )
            for _ in range(3)
        ],
    ],
)
def pair_loss(
    w: list[float], c: list[float], a: float, b: float, x: float, f: float
) -> float:
    """Return f (w . c + a + b - log x)^2."""
    import math

    miss = sum(u * v for u, v in zip(w, c, strict=True)) + a + b - math.log(x)
    return f * miss**2


def _product(w, c):
    return sum(u * v for u, v in zip(w, c, strict=True))


@pair_loss.mistake(
    "The products should match the *logarithm* of the count, not the count itself."
)
def _(w, c, a, b, x, f):
    return f * (_product(w, c) + a + b - x) ** 2


@pair_loss.mistake(
    "The biases are missing: they take up how frequent the two words are anyway."
)
def _(w, c, a, b, x, f):
    return f * (_product(w, c) - math.log(x)) ** 2


@pair_loss.mistake(
    "The weight went into the square. It belongs outside: f times the squared miss."
)
def _(w, c, a, b, x, f):
    return (f * (_product(w, c) + a + b - math.log(x))) ** 2


@exercise(
    "03.5",
    title="Solve an analogy",
    stars=2,
    minutes=12,
    task="""
`vectors` is a dict from word to a vector of length 1. Solve "a is to b as c is to ?": return the word with the
largest dot product with `b - a + c`. The three words of the question are no answers. On a tie take the word that comes
first in the dict.

With `{"man": [1, 0], "woman": [0.6, 0.8], "king": [0.8, -0.6], "queen": [0, 1]}` the answer to
`analogy(vectors, "man", "woman", "king")` is `"queen"`.
""",
    hints=(
        "First the target, number by number: `[y - x + z for x, y, z in zip(vectors[a], vectors[b], vectors[c])]`.",
        "`max(candidates, key=...)` with a list of candidates without a, b and c; `max` keeps the first of equals.",
    ),
    cases=lambda rng: [
        (
            {
                "man": [1, 0],
                "woman": [0.6, 0.8],
                "king": [0.8, -0.6],
                "queen": [0, 1],
            },
            "man",
            "woman",
            "king",
        ),
        (
            {
                "a": [1.0, 0.0],
                "b": [0.8, 0.6],
                "c": [0.0, 1.0],
                "d": [-0.6, 0.8],
                "e": [0.0, -1.0],
            },
            "a",
            "b",
            "c",
        ),
        *[
            (
                {
                    name: [math.cos(angle), math.sin(angle)]
                    for name in "pqrstuvw"
                    for angle in [rng.uniform(0, 6.28)]
                },
                *rng.sample("pqrstuvw", 3),
            )
            for _ in range(9)
        ],
    ],
)
def analogy(
    vectors: dict[str, list[float]],
    a: str,
    b: str,
    c: str,
) -> str:
    """Return the word nearest to b - a + c, other than a, b, c."""
    three = zip(vectors[a], vectors[b], vectors[c], strict=True)
    target = [y - x + z for x, y, z in three]
    candidates = [word for word in vectors if word not in (a, b, c)]

    def score(word):
        return sum(u * v for u, v in zip(vectors[word], target, strict=True))

    return max(candidates, key=score)


def _nearest(vectors, target, banned):
    def score(word):
        return sum(u * v for u, v in zip(vectors[word], target, strict=True))

    return max((w for w in vectors if w not in banned), key=score)


@analogy.mistake(
    "Your answer may be a word of the question, and mostly is. Leave a, b and c out."
)
def _(vectors, a, b, c):
    return _nearest(
        vectors,
        [
            y - x + z
            for x, y, z in zip(vectors[a], vectors[b], vectors[c], strict=True)
        ],
        (),
    )


@analogy.mistake(
    "The signs are swapped: you went from b to a. The step from a to b is b - a."
)
def _(vectors, a, b, c):
    return _nearest(
        vectors,
        [
            x - y + z
            for x, y, z in zip(vectors[a], vectors[b], vectors[c], strict=True)
        ],
        (a, b, c),
    )


@analogy.mistake(
    "You looked for the word nearest to c alone; the step from a to b was never taken."
)
def _(vectors, a, b, c):
    return _nearest(vectors, vectors[c], (a, b, c))


@exercise(
    "03.6",
    title="Positive pointwise mutual information",
    stars=2,
    minutes=10,
    task="""
`x` is a table of counts (a list of rows). With $P(i, j) = x_{ij} / \\text{total}$, and $P(i)$, $P(j)$ the sums over
row *i* and over column *j* divided by the total, return $\\max(0, \\log \\frac{P(i, j)}{P(i) P(j)})$ with the natural
logarithm. A pair that was never seen gets 0.

`ppmi([[0, 2], [2, 4]], 0, 1)` is `log((2/8) / (2/8 * 6/8))`, about 0.288.
""",
    hints=(
        "`sum(x[i])` is a row's sum, `sum(row[j] for row in x)` a column's, `sum(map(sum, x))` the total.",
        "Return `0.0` for a count of zero before you take its logarithm.",
    ),
    cases=lambda rng: [
        ([[0, 2], [2, 4]], 0, 1),
        ([[0, 2], [2, 4]], 0, 0),
        ([[0, 2], [2, 4]], 1, 1),
        ([[5]], 0, 0),
        *[
            (
                [[rng.randint(0, 9) for _ in range(3)] for _ in range(3)]
                + [[1, 1, 1]],
                rng.randrange(3),
                rng.randrange(3),
            )
            for _ in range(6)
        ],
    ],
)
def ppmi(x: list[list[float]], i: int, j: int) -> float:
    """Return max(0, log P(i, j) / (P(i) P(j)))."""
    import math

    if x[i][j] == 0:
        return 0.0
    total = sum(map(sum, x))
    row, column = sum(x[i]), sum(r[j] for r in x)
    return max(0.0, math.log(x[i][j] * total / (row * column)))


@ppmi.mistake(
    "Negative values must become 0: that is what the first P, positive, stands for."
)
def _(x, i, j):
    if x[i][j] == 0:
        return 0.0
    total = sum(map(sum, x))
    return math.log(x[i][j] * total / (sum(x[i]) * sum(r[j] for r in x)))


@ppmi.mistake("The logarithm is missing: you returned the ratio itself.")
def _(x, i, j):
    total = sum(map(sum, x))
    return x[i][j] * total / (sum(x[i]) * sum(r[j] for r in x) or 1)


@ppmi.mistake(
    "You took the row's sum twice. The second one is the sum of column j."
)
def _(x, i, j):
    if x[i][j] == 0:
        return 0.0
    return max(0.0, math.log(x[i][j] * sum(map(sum, x)) / sum(x[i]) ** 2))


@exercise(
    "03.7",
    title="Ranks, with ties",
    stars=2,
    minutes=10,
    task="""
Spearman's correlation compares ranks. Give the smallest value the rank 1, the next the rank 2, and so on. Equal values
share the mean of the ranks that they take up together.

`ranks([10, 30, 20])` is `[1.0, 3.0, 2.0]`; `ranks([5, 7, 5])` is `[1.5, 3.0, 1.5]`.
""",
    hints=(
        "For each value: how many are smaller, and how many are equal (itself included)?",
        "With s smaller and e equal values, the equal ones take the ranks s + 1 to s + e: their mean is s + (e + 1) / 2.",
    ),
    cases=lambda rng: [
        ([10, 30, 20],),
        ([5, 7, 5],),
        ([],),
        ([4],),
        ([2, 2, 2, 2],),
        ([rng.randint(0, 4) for _ in range(8)],),
    ],
)
def ranks(values: list[float]) -> list[float]:
    """Return the rank of each value, ties sharing their mean rank."""
    return [
        sum(other < value for other in values) + (values.count(value) + 1) / 2
        for value in values
    ]


@ranks.mistake(
    "Equal values got different ranks, by their place in the list. They share the mean."
)
def _(values):
    order = sorted(range(len(values)), key=lambda i: values[i])
    return [float(order.index(i) + 1) for i in range(len(values))]


@ranks.mistake(
    "Equal values share the smallest of their ranks; take the mean."
)
def _(values):
    return [float(sorted(values).index(value) + 1) for value in values]


@ranks.mistake("Ranks start at 1: yours are all one too low.")
def _(values):
    return [
        sum(o < v for o in values) + (values.count(v) - 1) / 2 for v in values
    ]


@ranks.mistake(
    "You gave the largest value the rank 1; it goes to the smallest."
)
def _(values):
    return [
        sum(o > v for o in values) + (values.count(v) + 1) / 2 for v in values
    ]
