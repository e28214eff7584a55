"""Exercises of lesson 06: self-attention."""

import math

from course_utils.exercises import exercise


def _softmax(scores):
    powers = [math.exp(score) for score in scores]
    return [power / sum(powers) for power in powers]


def _dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def _tensors(rng, *shape):
    import torch

    generator = torch.Generator().manual_seed(rng.randrange(1 << 30))
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def _attention_cases(rng):
    import torch

    some = torch.tensor([[True, False, True], [True, True, False]])
    return [
        (
            _tensors(rng, 1, 2),
            _tensors(rng, 1, 2),
            _tensors(rng, 1, 2),
            torch.ones(1, 1, dtype=torch.bool),
        ),
        (_tensors(rng, 2, 4), _tensors(rng, 3, 4), _tensors(rng, 3, 4), some),
        (
            _tensors(rng, 3, 5),
            _tensors(rng, 3, 5),
            _tensors(rng, 3, 5),
            torch.ones(3, 3, dtype=torch.bool).tril(),
        ),
        (
            _tensors(rng, 2, 2, 3, 3),
            _tensors(rng, 2, 2, 3, 3),
            _tensors(rng, 2, 2, 3, 3),
            torch.eye(3) == 0,
        ),
        (
            _tensors(rng, 2, 1, 2, 3),
            _tensors(rng, 2, 1, 3, 3),
            _tensors(rng, 2, 1, 3, 3),
            some[:, None, None],
        ),
    ]


def _counted(*shape):
    import torch

    return torch.arange(1, 1 + math.prod(shape)).reshape(shape)


@exercise(
    "06.1",
    title="Weights by hand",
    stars=1,
    minutes=6,
    task="""
One query looks at several keys. The score of a key is its dot product with the query, divided by $\\sqrt{K}$, where
$K$ is the number of numbers in a key. Return the softmax of the scores: $e^{\\text{score}}$ over the sum of them all.

`look([2.0, 0.0, 0.0, 0.0], [[1.0, 9.0, 9.0, 9.0], [1.0, 0.0, 0.0, 0.0]])` is `[0.5, 0.5]`: both scores are 1.
""",
    hints=(
        "Make the list of scores first: `sum(a * b for a, b in zip(query, key)) / math.sqrt(len(query))`.",
        "Then the list of `math.exp(score)`, and divide each by the sum of that list.",
    ),
    cases=lambda rng: [
        ([2.0, 0.0, 0.0, 0.0], [[1.0, 9.0, 9.0, 9.0], [1.0, 0.0, 0.0, 0.0]]),
        ([3.0], [[-2.0]]),
        (
            [1.0, 1.0, 2.0, 0.0],
            [[0.0, 2.0, 1.0, 1.0], [1.0, 1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 3.0]],
        ),
        *[
            (
                [rng.uniform(-2, 2) for _ in range(size)],
                [[rng.uniform(-2, 2) for _ in range(size)] for _ in range(5)],
            )
            for size in (3, 9)
        ],
    ],
)
def look(query: list[float], keys: list[list[float]]) -> list[float]:
    """Return how much the query looks at each key."""
    import math

    scores = []
    for key in keys:
        dot = sum(a * b for a, b in zip(query, key, strict=True))
        scores.append(dot / math.sqrt(len(query)))
    powers = [math.exp(score) for score in scores]
    return [power / sum(powers) for power in powers]


@look.mistake(
    "The scores are not divided by the root of K: the weights come out too sharp."
)
def _(query, keys):
    return _softmax([_dot(query, key) for key in keys])


@look.mistake(
    "You divided by K itself. It is the square root: a sum of K random products grows with the root of K."
)
def _(query, keys):
    return _softmax([_dot(query, key) / len(query) for key in keys])


@look.mistake(
    "You divided by the root of the number of keys. It is the number of numbers in one key that counts."
)
def _(query, keys):
    return _softmax([_dot(query, key) / math.sqrt(len(keys)) for key in keys])


@look.mistake(
    "Those are the scores. They must go through the softmax, so that they are positive and add up to 1."
)
def _(query, keys):
    return [_dot(query, key) / math.sqrt(len(query)) for key in keys]


@exercise(
    "06.2",
    title="Read a heat map",
    stars=1,
    minutes=5,
    task="""
`weights[i][j]` says how much token `i` looks at token `j`. Return the token that is looked at most *by the others*: add
up what it gets from all tokens but itself. Of equal ones return the first.

`favourite([[0.9, 0.1], [0.3, 0.7]], ["cat", "sees"])` is `"cat"`: it gets 0.3, *sees* gets 0.1.
""",
    hints=(
        "A token's row is what it gives, its column is what it gets.",
        "`sum(weights[i][j] for i in range(n) if i != j)` is what token `j` gets.",
    ),
    cases=lambda rng: [
        ([[0.9, 0.1], [0.3, 0.7]], ["cat", "sees"]),
        ([[1.0]], ["cat"]),
        (
            [[0.25, 0.25, 0.5], [0.25, 0.5, 0.25], [0.0, 0.0, 1.0]],
            ["the", "cat", "sees"],
        ),
        (
            [[0.0, 1.0, 0.0], [0.5, 0.0, 0.5], [0.25, 0.0, 0.75]],
            ["a", "b", "c"],
        ),
        (
            [[0.5, 0.5, 0.0], [0.125, 0.125, 0.75], [0.0, 0.625, 0.375]],
            ["x", "y", "z"],
        ),
        (
            [
                _softmax([rng.uniform(-2, 2) for _ in range(5)])
                for _ in range(5)
            ],
            ["the", "dog", "sees", "a", "cat"],
        ),
    ],
)
def favourite(weights: list[list[float]], tokens: list[str]) -> str:
    """Return the token that the others look at most."""
    places = range(len(tokens))
    got = []
    for j in places:
        got.append(sum(weights[i][j] for i in places if i != j))
    return tokens[got.index(max(got))]


def _most(got, tokens):
    return tokens[got.index(max(got))]


@favourite.mistake(
    "You added up rows. A row is what one token gives; what a token gets is its column."
)
def _(weights, tokens):
    return _most([sum(row) - row[i] for i, row in enumerate(weights)], tokens)


@favourite.mistake(
    "You counted what a token gives to itself. Only the others are asked."
)
def _(weights, tokens):
    return _most(
        [sum(column) for column in zip(*weights, strict=True)], tokens
    )


@favourite.mistake(
    "You took the largest single weight. All that a token gets must be added up."
)
def _(weights, tokens):
    others = [
        [row[j] for i, row in enumerate(weights) if i != j] or [0.0]
        for j in range(len(tokens))
    ]
    return _most([max(column) for column in others], tokens)


@exercise(
    "06.3",
    title="How undecided is it",
    stars=1,
    minutes=5,
    task="""
The **entropy** of weights $p_1, \\dots, p_n$ says how spread out they are: $-\\sum_i p_i \\ln p_i$, in nats. A weight of
0 adds nothing. Return $e^{\\text{entropy}}$, the *effective number* of tokens that are looked at.

`looked_at([0.5, 0.5])` is 2, `looked_at([1.0, 0.0])` is 1.
""",
    hints=(
        "`math.log(0)` is an error: leave weights of 0 out of the sum.",
        "`math.exp(-sum(p * math.log(p) for p in weights if p > 0))`.",
    ),
    cases=lambda rng: [
        ([0.5, 0.5],),
        ([1.0, 0.0],),
        ([0.25] * 4,),
        ([0.7, 0.2, 0.1],),
        (_softmax([rng.uniform(-2, 2) for _ in range(7)]),),
    ],
)
def looked_at(weights: list[float]) -> float:
    """Return the effective number of tokens that are looked at."""
    import math

    entropy = -sum(p * math.log(p) for p in weights if p > 0)
    return math.exp(entropy)


def _entropy(weights):
    return -sum(p * math.log(p) for p in weights if p > 0)


@looked_at.mistake(
    "That is the entropy in nats. Raise e to it to get a number of tokens."
)
def _(weights):
    return _entropy(weights)


@looked_at.mistake(
    "The sign of the entropy is lost: p ln p is negative, so the sum needs a minus."
)
def _(weights):
    return math.exp(-_entropy(weights))


@looked_at.mistake(
    "You counted the weights above 0. A weight of 0.01 should hardly count."
)
def _(weights):
    return float(sum(p > 0 for p in weights))


@looked_at.mistake(
    "You took the logarithm to base 2 but raised e to the result; both must have the same base."
)
def _(weights):
    return math.exp(_entropy(weights) / math.log(2))


@exercise(
    "06.4",
    title="Split into heads",
    stars=2,
    minutes=8,
    task="""
The projections give `x` of shape (L, D). Cut each row into `n_heads` pieces of K = D / n_heads numbers: head 0 gets the
first K numbers of every token, head 1 the next K. Return the tensor (n_heads, L, K).

For `x = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])` and two heads, head 0 is `[[1, 2], [5, 6]]`.
""",
    hints=(
        "`reshape` keeps the order in which the numbers stand. First cut the last axis: (L, n_heads, K).",
        "Then swap the first two axes with `transpose(0, 1)`.",
    ),
    cases=lambda rng: [
        (_counted(2, 4), 2),
        (_counted(1, 3), 1),
        (_counted(3, 2), 2),
        (_counted(4, 6), 2),
        (_counted(5, 12), 3),
    ],
)
def split_heads(x, n_heads):
    """Return the heads of all tokens, (n_heads, L, K)."""
    length, width = x.shape
    pieces = x.reshape(length, n_heads, width // n_heads)
    return pieces.transpose(0, 1)


@split_heads.mistake(
    "You reshaped without swapping axes: head 0 then holds the first tokens instead of the first numbers of each token."
)
def _(x, n_heads):
    return x.reshape(n_heads, x.shape[0], -1)


@split_heads.mistake(
    "Your axes stand in the order (L, n_heads, K). The heads come first, so that each is a matrix."
)
def _(x, n_heads):
    return x.reshape(x.shape[0], n_heads, -1)


@split_heads.mistake(
    "Each head got every so many numbers of a token. It should get K numbers that stand side by side."
)
def _(x, n_heads):
    return x.reshape(x.shape[0], -1, n_heads).permute(2, 0, 1)


@split_heads.mistake("Your heads are turned on their side, (n_heads, K, L).")
def _(x, n_heads):
    return x.reshape(x.shape[0], n_heads, -1).permute(1, 2, 0)


@exercise(
    "06.5",
    title="Who may look at whom",
    stars=2,
    minutes=8,
    task="""
A batch holds a text of `ids`, filled up at its end with the number 0. Return the mask of a **causal** model as a list of
rows, one for each query: True where the query may look at the key. A position may look at itself and at what stands
before it, and nobody may look at padding. Rows of padding follow the same rule; nobody reads their result.

`may_look([5, 7, 0])` is `[[True, False, False], [True, True, False], [True, True, False]]`.
""",
    hints=(
        "Row `i`, column `j`: two conditions, on `j` and `i`, and on `ids[j]`.",
        "`[[j <= i and ids[j] != 0 for j in range(len(ids))] for i in range(len(ids))]`.",
    ),
    cases=lambda rng: [
        ([5, 7, 0],),
        ([3],),
        ([4, 9, 2],),
        ([8, 0, 0, 0],),
        ([rng.randint(1, 9) for _ in range(4)] + [0, 0],),
    ],
)
def may_look(ids: list[int]) -> list[list[bool]]:
    """Return the causal mask of a padded text."""
    places = range(len(ids))
    return [[j <= i and ids[j] != 0 for j in places] for i in places]


def _mask(ids, rule):
    return [[rule(i, j) for j in range(len(ids))] for i in range(len(ids))]


@may_look.mistake(
    "A position may look at itself as well: j <= i, not j < i. The first one would see nothing."
)
def _(ids):
    return _mask(ids, lambda i, j: j < i and ids[j] != 0)


@may_look.mistake(
    "Your mask looks to the right. Row i may look at columns up to i."
)
def _(ids):
    return _mask(ids, lambda i, j: j >= i and ids[j] != 0)


@may_look.mistake(
    "You masked the padding's rows. It is its columns that nobody may look at."
)
def _(ids):
    return _mask(ids, lambda i, j: j <= i and ids[i] != 0)


@may_look.mistake(
    "That mask keeps padding out but lets everybody see what comes later: it is an encoder's."
)
def _(ids):
    return _mask(ids, lambda i, j: ids[j] != 0)


@may_look.mistake(
    "That mask is causal, but the numbers 0 at the end are looked at like words."
)
def _(ids):
    return _mask(ids, lambda i, j: j <= i)


@exercise(
    "06.6",
    title="A window to the left",
    stars=1,
    minutes=4,
    task="""
Long texts are often read with a window: each query sees itself and the `left` positions before it. Return how many
pairs of query and key are left in a text of `n` tokens: the number of blue squares in the mask's picture.

`pairs_seen(4, 1)` is 7: one for the first token and two for each of the others.
""",
    hints=(
        "Query `i`, counted from 0, has `i` positions before it. How many of them are in the window?",
        "`sum(min(i, left) + 1 for i in range(n))`.",
    ),
    cases=lambda rng: [
        (4, 1),
        (1, 3),
        (3, 5),
        (5, 0),
        (6, 2),
        (rng.randint(20, 40), rng.randint(3, 9)),
    ],
)
def pairs_seen(n: int, left: int) -> int:
    """Return how many pairs of query and key a causal window has."""
    return sum(min(i, left) + 1 for i in range(n))


@pairs_seen.mistake(
    "The first tokens have fewer positions before them: at the edge the window is cut off."
)
def _(n, left):
    return n * (left + 1)


@pairs_seen.mistake(
    "Each query sees itself too, besides the positions before it."
)
def _(n, left):
    return sum(min(i, left) for i in range(n))


@pairs_seen.mistake(
    "You counted a window to both sides. This one looks to the left only."
)
def _(n, left):
    return sum(min(i, left) + 1 + min(n - 1 - i, left) for i in range(n))


@pairs_seen.mistake(
    "That is the whole causal triangle. The window cuts off what is further than `left` away."
)
def _(n, left):
    return n * (n + 1) // 2


@exercise(
    "06.7",
    title="Attention, all of it",
    stars=3,
    minutes=15,
    task="""
Write attention for tensors. `q` is (..., L, K), `k` and `v` are (..., M, K), and `mask` is boolean and broadcasts to
(..., L, M): True where a query may look at a key. Return the weighted means of `v`, (..., L, K):

$$\\text{softmax}\\left(\\frac{q k^T}{\\sqrt{K}} \\text{, where the mask is True}\\right) v$$

Whoever is masked gets the weight 0 and the others' weights add up to 1. Each query may look at one key at least. At the
end of this lesson your function runs inside a Transformer.
""",
    hints=(
        "`k.transpose(-2, -1)` turns (..., M, K) into (..., K, M), so that `q @ k.transpose(-2, -1)` is (..., L, M).",
        "`scores.masked_fill(~mask, -math.inf)` before `torch.softmax(scores, dim=-1)`: e to minus infinity is 0.",
        "The softmax goes over the keys, the last axis. Then one more `@ v`.",
    ),
    cases=_attention_cases,
)
def attention(q, k, v, mask):
    """Return for each query the mean of the values it looks at."""
    import torch

    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    scores = scores.masked_fill(~mask, float("-inf"))
    return torch.softmax(scores, dim=-1) @ v


def _scores(q, k):
    return q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5


def _masked(scores, mask):
    return scores.masked_fill(~mask, -math.inf)


@attention.mistake(
    "The mask came after the softmax: the weights that are left no longer add up to 1."
)
def _(q, k, v, mask):
    return (_scores(q, k).softmax(-1) * mask) @ v


@attention.mistake(
    "The softmax went over the queries. It is the keys, the last axis, that share a query's attention."
)
def _(q, k, v, mask):
    return _masked(_scores(q, k), mask).softmax(-2).nan_to_num() @ v


@attention.mistake("The scores are not divided by the root of K.")
def _(q, k, v, mask):
    return _masked(q @ k.transpose(-2, -1), mask).softmax(-1) @ v


@attention.mistake(
    "The mask is the wrong way round: True means that a query *may* look."
)
def _(q, k, v, mask):
    return _masked(_scores(q, k), ~mask).softmax(-1).nan_to_num() @ v


@attention.mistake(
    "You multiplied the scores by the mask. A score of 0 is not nothing: e to the 0 is 1. Use minus infinity."
)
def _(q, k, v, mask):
    return (_scores(q, k) * mask).softmax(-1) @ v


@attention.mistake("You did not use the mask.")
def _(q, k, v, mask):
    return _scores(q, k).softmax(-1) @ v


@exercise(
    "06.8",
    title="The price of length",
    stars=2,
    minutes=8,
    task="""
Count the multiplications of self-attention for one text of `L` tokens of width `D`: four projections of every token,
D · D each; the scores, one product of K numbers for each pair of tokens and each of H heads, where K = D / H; and the
weighted sum of the values, as much again. Return the share of the last two, which grow with the square of L, in the
total.

`pair_share(2, 1)` is 0.5: 8 multiplications for the projections, 4 for the scores, 4 for the sum.
""",
    hints=(
        "The projections: `4 * L * D * D`. All heads together: L · L pairs times H · K = D, twice.",
        "The share is `2·L·L·D / (4·L·D·D + 2·L·L·D)`.",
    ),
    cases=lambda rng: [
        (2, 1),
        (1, 1),
        (512, 768),
        (4096, 768),
        (rng.randint(5, 50), rng.randint(5, 50)),
    ],
)
def pair_share(L: int, D: int) -> float:
    """Return the share of the multiplications that pairs of tokens take."""
    projections = 4 * L * D * D
    pairs = 2 * L * L * D
    return pairs / (projections + pairs)


@pair_share.mistake(
    "You counted the scores only. The weighted sum of the values takes as many again."
)
def _(L, D):
    return L / (4 * D + L)


@pair_share.mistake(
    "There are four projections: query, key, value, and the output of the heads."
)
def _(L, D):
    return 2 * L / (3 * D + 2 * L)


@pair_share.mistake(
    "That is the ratio of the two. The share is what pairs take of the total."
)
def _(L, D):
    return L / (2 * D)


@pair_share.mistake(
    "Your count is that of one query. Every token asks, so that pairs go with L times L."
)
def _(L, D):
    return 2 * L * D / (4 * L * D * D + 2 * L * D)


@exercise(
    "06.9",
    title="Layer norm",
    stars=2,
    minutes=8,
    task="""
Layer normalisation brings the numbers of one token to mean 0 and variance 1:

$$y_i = \\frac{x_i - m}{\\sqrt{s + \\varepsilon}}$$

where $m$ is the mean of the numbers, $s$ the mean of $(x_i - m)^2$, and $\\varepsilon$ is `eps`, which avoids a division
by 0. (The weight and the bias that a layer learns are left out.)

`layer_norm([3.0, 5.0], 0.0)` is `[-1.0, 1.0]`.
""",
    hints=(
        "`mean = sum(x) / len(x)`, then the variance with the same `len(x)`.",
        "`eps` is added to the variance, before the root is taken.",
    ),
    cases=lambda rng: [
        ([3.0, 5.0], 0.0),
        ([2.0], 1e-5),
        ([1.0, 1.0, 1.0], 1e-5),
        ([0.0, 0.1, 0.2], 0.01),
        ([rng.uniform(-3, 3) for _ in range(5)], 0.1),
        ([rng.uniform(2, 9) for _ in range(4)], 1e-5),
    ],
)
def layer_norm(x: list[float], eps: float) -> list[float]:
    """Return the numbers with mean 0 and variance 1."""
    import math

    mean = sum(x) / len(x)
    variance = sum((value - mean) ** 2 for value in x) / len(x)
    return [(value - mean) / math.sqrt(variance + eps) for value in x]


def _moments(x):
    mean = sum(x) / len(x)
    return mean, sum((value - mean) ** 2 for value in x) / len(x)


@layer_norm.mistake(
    "You divided by the variance. It is its square root that has the unit of the numbers."
)
def _(x, eps):
    mean, variance = _moments(x)
    return [
        (value - mean) / (variance + eps) if variance + eps else 0.0
        for value in x
    ]


@layer_norm.mistake(
    "Your variance divides by one less than the number of numbers. Layer norm divides by their number."
)
def _(x, eps):
    mean, variance = _moments(x)
    return [
        (value - mean)
        / math.sqrt(variance * len(x) / max(1, len(x) - 1) + eps)
        for value in x
    ]


@layer_norm.mistake(
    "The mean is not subtracted. That is RMSNorm, which LLaMA uses, not layer norm."
)
def _(x, eps):
    return [
        value / math.sqrt(sum(v * v for v in x) / len(x) + eps) for value in x
    ]


@layer_norm.mistake(
    "You added eps to the root. It belongs under the root, to the variance."
)
def _(x, eps):
    mean, variance = _moments(x)
    return [(value - mean) / (math.sqrt(variance) + eps) for value in x]


@exercise(
    "06.10",
    title="Where the norm stands",
    stars=2,
    minutes=8,
    task="""
A sublayer is a function, here $f(x) = x W$ with a matrix `W` (a list of rows). Here $\\text{norm}(x)$ only subtracts
the mean of the numbers from each. Return one step of a **pre-norm** block:

$$x + f(\\text{norm}(x))$$

`pre_norm([1.0, 3.0], [[1.0, 0.0], [0.0, 2.0]])` is `[0.0, 5.0]`: the norm is `[-1, 1]`, the sublayer gives `[-1, 2]`.
""",
    hints=(
        "Three lines: the normed numbers, the sublayer's numbers, the sum with the *old* x.",
        "Column `j` of $x W$ is `sum(a * row[j] for a, row in zip(x, W))`.",
    ),
    cases=lambda rng: [
        ([1.0, 3.0], [[1.0, 0.0], [0.0, 2.0]]),
        ([2.0], [[3.0]]),
        ([1.0, 1.0], [[5.0, -1.0], [2.0, 7.0]]),
        *[
            (
                [rng.uniform(-2, 2) for _ in range(3)],
                [[rng.uniform(-2, 2) for _ in range(3)] for _ in range(3)],
            )
            for _ in range(3)
        ],
    ],
)
def pre_norm(x: list[float], W: list[list[float]]) -> list[float]:
    """Return x plus what the sublayer makes of the normed x."""
    mean = sum(x) / len(x)
    normed = [value - mean for value in x]
    columns = zip(*W, strict=True)
    made = [
        sum(a * b for a, b in zip(normed, column, strict=True))
        for column in columns
    ]
    return [old + new for old, new in zip(x, made, strict=True)]


def _centred(x):
    return [value - sum(x) / len(x) for value in x]


def _times(x, W):
    return [_dot(x, column) for column in zip(*W, strict=True)]


def _plus(a, b):
    return [x + y for x, y in zip(a, b, strict=True)]


@pre_norm.mistake(
    "That is post-norm: you normed the sum. Here the norm stands before the sublayer only."
)
def _(x, W):
    return _centred(_plus(x, _times(x, W)))


@pre_norm.mistake(
    "The residual is missing: x itself must be added to what the sublayer makes."
)
def _(x, W):
    return _times(_centred(x), W)


@pre_norm.mistake(
    "You added the normed x. The stream that flows past the block is the x that came in, untouched."
)
def _(x, W):
    normed = _centred(x)
    return _plus(normed, _times(normed, W))


@pre_norm.mistake("You normed what the sublayer made, not what goes into it.")
def _(x, W):
    return _plus(x, _centred(_times(x, W)))


@exercise(
    "06.11",
    title="Count a block",
    stars=2,
    minutes=8,
    task="""
In exercise 00.6 you counted the parameters of a block from a list of its layers. Now you have built one: count again,
from the code above and without looking back. `D` is the width of a token, `F` the width inside the feed-forward net.
Each of its layers has a bias, and each of the two norms a scale and a shift for every number.

`parameters(2, 8)` is `4 · 6 + 24 + 18 + 8 = 74`. BERT's block has D = 768 and F = 3072.
""",
    hints=(
        "A layer from a to b has a · b weights and b biases.",
        "The number of heads does not matter: H heads of D / H numbers are D numbers.",
    ),
    cases=lambda rng: [
        (2, 8),
        (1, 1),
        (768, 3072),
        (rng.randint(3, 9), rng.randint(10, 40)),
    ],
)
def parameters(D: int, F: int) -> int:
    """Return the number of parameters of a block."""
    attention = 4 * (D * D + D)
    net = D * F + F + F * D + D
    norms = 2 * (D + D)
    return attention + net + norms


@parameters.mistake(
    "The biases are missing: every layer has one for each number that comes out."
)
def _(D, F):
    return 4 * D * D + 2 * D * F + 4 * D


@parameters.mistake(
    "There are four projections. The output projection, which mixes the heads, is missing."
)
def _(D, F):
    return 3 * (D * D + D) + 2 * D * F + F + D + 4 * D


@parameters.mistake("The two layer norms learn D weights and D biases each.")
def _(D, F):
    return 4 * (D * D + D) + 2 * D * F + F + D


@parameters.mistake(
    "The net has two layers: from D up to F, and from F down to D."
)
def _(D, F):
    return 4 * (D * D + D) + D * F + F + 4 * D
