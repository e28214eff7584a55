"""Exercises of lesson 08: positions."""

import math

from course_utils.exercises import exercise


def _numbers(rng, n):
    return [round(rng.uniform(-2, 2), 2) for _ in range(n)]


@exercise(
    "08.1",
    title="The wave of one position",
    stars=1,
    minutes=6,
    task="""
Return the sinusoidal encoding of the position `p`: a list of `d` numbers (`d` is even), in which pair number `i` is

$$\\sin(p\\, \\omega_i),\\ \\cos(p\\, \\omega_i) \\qquad \\text{with} \\quad \\omega_i = 10000^{-2i/d}$$

`wave(0, 4)` is `[0.0, 1.0, 0.0, 1.0]`.
""",
    hints=(
        "There are `d // 2` pairs, numbered from 0; each adds two numbers to the list, first the sine.",
        "`angle = p / 10_000 ** (2 * i / d)`, and then `encoding += [math.sin(angle), math.cos(angle)]`.",
    ),
    cases=lambda rng: [
        (0, 4),
        (1, 2),
        (3, 6),
        (100, 8),
        (rng.randint(2, 500), 10),
    ],
    setup="import math",
)
def wave(p: int, d: int) -> list[float]:
    """Return the sinusoidal encoding of position p."""
    encoding = []
    for i in range(d // 2):
        angle = p / 10_000 ** (2 * i / d)
        encoding += [math.sin(angle), math.cos(angle)]
    return encoding


def _waves(p, d, exponent):
    angles = [p / 10_000 ** exponent(i) for i in range(d // 2)]
    return [f(angle) for angle in angles for f in (math.sin, math.cos)]


@wave.mistake(
    "Sine and cosine are swapped: the even places hold the sine, so that position 0 reads 0, 1, 0, 1."
)
def _(p, d):
    angles = [p / 10_000 ** (2 * i / d) for i in range(d // 2)]
    return [f(angle) for angle in angles for f in (math.cos, math.sin)]


@wave.mistake(
    "The exponent is 2i/d, where i counts pairs. With i/d the frequencies fall half as fast and end at 1/100."
)
def _(p, d):
    return _waves(p, d, lambda i: i / d)


@wave.mistake(
    "You let `i` count all numbers. It counts pairs: the numbers 2i and 2i + 1 belong to one hand, and have one angle."
)
def _(p, d):
    angles = [p / 10_000 ** (2 * j / d) for j in range(d)]
    return [
        math.cos(a) if j % 2 else math.sin(a) for j, a in enumerate(angles)
    ]


@wave.mistake(
    "You gave the sine and the cosine of a pair different frequencies: both have the exponent 2i/d of their pair."
)
def _(p, d):
    angles = [p / 10_000 ** (j / d) for j in range(d)]
    return [
        math.cos(a) if j % 2 else math.sin(a) for j, a in enumerate(angles)
    ]


@wave.mistake(
    "All sines first, then all cosines: that is another library's order. Here they alternate."
)
def _(p, d):
    both = _waves(p, d, lambda i: 2 * i / d)
    return both[::2] + both[1::2]


@exercise(
    "08.2",
    title="Walk on without knowing where you are",
    stars=2,
    minutes=8,
    task="""
A pair of the encoding is `(sin a, cos a)`. Return the same pair `k` positions further on, `(sin(a + k w), cos(a + k w))`
for the frequency `w`. You do *not* get the angle `a`: the two numbers, times numbers that depend on `k * w` only, are
enough. This is the linear map $M_k$ of the text.

`further([0.0, 1.0], 1, 0.0)` is `[0.0, 1.0]`: with frequency 0 nothing moves.
""",
    hints=(
        "The addition theorems: sin(a+b) = sin a cos b + cos a sin b, and cos(a+b) = cos a cos b - sin a sin b.",
        "With `b = k * w` the first number of the result is `sine * math.cos(b) + cosine * math.sin(b)`.",
    ),
    cases=lambda rng: [
        ([0.0, 1.0], 1, 0.0),
        ([0.0, 1.0], 1, 0.5),
        ([0.6, 0.8], 3, 1.0),
        ([0.6, 0.8], 0, 1.0),
        ([-0.8, 0.6], rng.randint(2, 9), 0.25),
    ],
    setup="import math",
)
def further(pair: list[float], k: int, w: float) -> list[float]:
    """Return the pair k positions further on."""
    sine, cosine = pair
    b = k * w
    return [
        sine * math.cos(b) + cosine * math.sin(b),
        cosine * math.cos(b) - sine * math.sin(b),
    ]


@further.mistake(
    "You walked backwards: the signs of the two sin(k w) terms belong the other way round."
)
def _(pair, k, w):
    return further.solution(pair, -k, w)


@further.mistake(
    "You added the pair of k to the pair. Positions add up inside the sine, not outside."
)
def _(pair, k, w):
    return [pair[0] + math.sin(k * w), pair[1] + math.cos(k * w)]


@further.mistake(
    "You multiplied each number by its own kind only. Sine and cosine mix: each result needs both."
)
def _(pair, k, w):
    return [pair[0] * math.cos(k * w), pair[1] * math.cos(k * w)]


@further.mistake(
    "You walked one position. The angle that is added is k times w."
)
def _(pair, k, w):
    return further.solution(pair, 1, w)


@exercise(
    "08.3",
    title="T5's buckets",
    stars=2,
    minutes=10,
    task="""
Return the bucket of a key `n` positions before the query (`n` is 0 or more) in T5's decoder. With $N$ buckets the first
$E = N/2$ hold one distance each: bucket $n$. The others grow with the logarithm up to the distance $M$
(`max_distance`), and everything further away is in the last one:

$$\\min\\left(E + \\left\\lfloor \\frac{\\log(n/E)}{\\log(M/E)}\\,(N - E) \\right\\rfloor,\\ N - 1\\right)$$

`bucket(3, 32, 128)` is 3, and `bucket(1000, 32, 128)` is 31.
""",
    hints=(
        "Two cases: `if n < exact: return n`; everything else goes through the logarithm.",
        "`int(x)` rounds a positive number down; `min(..., n_buckets - 1)` keeps what is far in the last bucket.",
    ),
    cases=lambda rng: [
        (3, 32, 128),
        (0, 32, 128),
        (16, 32, 128),
        (1000, 32, 128),
        (30, 32, 128),
        (7, 8, 20),
        (90, 8, 20),
        *[(rng.randint(20, 120), 32, 128) for _ in range(3)],
    ],
    setup="import math",
)
def bucket(n: int, n_buckets: int, max_distance: int) -> int:
    """Return the bucket of the distance n."""
    exact = n_buckets // 2
    if n < exact:
        return n
    grown = math.log(n / exact) / math.log(max_distance / exact)
    return min(exact + int(grown * (n_buckets - exact)), n_buckets - 1)


@bucket.mistake(
    "The far distances run out of buckets: nothing may be above N - 1."
)
def _(n, n_buckets, max_distance):
    exact = n_buckets // 2
    grown = math.log(max(n, exact) / exact) / math.log(max_distance / exact)
    return n if n < exact else exact + int(grown * (n_buckets - exact))


@bucket.mistake(
    "You cut the distances off at the last bucket and let them grow one by one until there. Only the first half is "
    "exact; the other half grows with the logarithm."
)
def _(n, n_buckets, max_distance):
    return min(n, n_buckets - 1)


@bucket.mistake(
    "You rounded to the nearest whole number. The brackets in the formula mean: round down."
)
def _(n, n_buckets, max_distance):
    exact = n_buckets // 2
    if n < exact:
        return n
    grown = math.log(n / exact) / math.log(max_distance / exact)
    return min(exact + round(grown * (n_buckets - exact)), n_buckets - 1)


@bucket.mistake(
    "What is further than the maximum got bucket 0. That is what the text S0 believes; T5 puts it into the last bucket."
)
def _(n, n_buckets, max_distance):
    return (
        0 if n >= max_distance else bucket.solution(n, n_buckets, max_distance)
    )


@exercise(
    "08.4",
    title="Which buckets never learn",
    stars=2,
    minutes=8,
    task="""
A model is trained on texts of `length` tokens, so a key is at most `length - 1` positions before its query. Given
`bucket_of`, a function from such a distance to its bucket, return the sorted list of the buckets of `range(n_buckets)`
that no distance of the training falls into: their numbers keep their random start.

With `min(n, 3)` as bucket, four buckets and length 3, bucket 3 is never met: `never_met(bucket_of, 4, 3)` is `[3]`.
""",
    hints=(
        "Collect the buckets that are met in a set: `{bucket_of(n) for n in range(length)}`.",
        "The answer is what is in `range(n_buckets)` and not in that set, in order.",
    ),
    cases=lambda rng: [
        (_Steps(1, 4), 4, 3),
        (_Steps(1, 4), 4, 4),
        (_Steps(1, 4), 4, 1),
        (_Steps(8, 16), 16, 65),
        (_Steps(5, 12), 12, 5 * rng.randint(3, 8)),
    ],
)
def never_met(bucket_of, n_buckets: int, length: int) -> list[int]:
    """Return the buckets that training never meets."""
    met = {bucket_of(n) for n in range(length)}
    return [b for b in range(n_buckets) if b not in met]


class _Steps:
    """A function from distances to buckets that are `width` wide, of which there are n."""

    def __init__(self, width, n):
        self.width, self.n = width, n

    def __call__(self, distance):
        return min(distance // self.width, self.n - 1)

    def __repr__(self):
        return f"lambda n: min(n // {self.width}, {self.n - 1})"


@never_met.mistake(
    "The largest distance is length - 1: from the last position back to the first."
)
def _(bucket_of, n_buckets, length):
    met = {bucket_of(n) for n in range(length + 1)}
    return [b for b in range(n_buckets) if b not in met]


@never_met.mistake(
    "A position is its own neighbour at distance 0. You began with distance 1."
)
def _(bucket_of, n_buckets, length):
    met = {bucket_of(n) for n in range(1, length)}
    return [b for b in range(n_buckets) if b not in met]


@never_met.mistake(
    "Those are the buckets that are met. The others are wanted."
)
def _(bucket_of, n_buckets, length):
    return sorted({bucket_of(n) for n in range(length)})


@exercise(
    "08.5",
    title="The row of the newest word",
    stars=2,
    minutes=8,
    task="""
ALiBi: of `n_heads` heads (a power of two), head `h` = 0, 1, 2, ... has the slope $2^{-8(h+1)/n}$, where $n$ is the
number of heads. The query is the last of `n_keys` positions. Return what is added to its scores, one number for each
key: minus the slope times the distance.

`penalty(3, 0, 8)` is `[-1.0, -0.5, 0.0]`: the first of eight heads has the slope 1/2.
""",
    hints=(
        "The query stands at `n_keys - 1`, so the key `j` is `n_keys - 1 - j` positions away.",
        "`slope = 2 ** (-8 * (h + 1) / n_heads)`: head 0 of 8 gets 2 to the power -1.",
    ),
    cases=lambda rng: [
        (3, 0, 8),
        (1, 0, 8),
        (4, 7, 8),
        (3, 0, 1),
        (5, rng.randint(1, 2), 4),
    ],
)
def penalty(n_keys: int, h: int, n_heads: int) -> list[float]:
    """Return what is added to the scores of the last query."""
    slope = 2 ** (-8 * (h + 1) / n_heads)
    return [-slope * (n_keys - 1 - j) for j in range(n_keys)]


def _penalties(n_keys, slope):
    return [-slope * (n_keys - 1 - j) for j in range(n_keys)]


@penalty.mistake(
    "The sign: far keys must score lower, so the numbers are negative."
)
def _(n_keys, h, n_heads):
    return [-x for x in penalty.solution(n_keys, h, n_heads)]


@penalty.mistake(
    "You measured from the start of the text, so that the nearest key is punished most. The query stands at the end."
)
def _(n_keys, h, n_heads):
    return penalty.solution(n_keys, h, n_heads)[::-1]


@penalty.mistake(
    "The first head has the exponent -8/n, not 0: heads are counted from 1 in the formula, hence h + 1."
)
def _(n_keys, h, n_heads):
    return _penalties(n_keys, 2 ** (-8 * h / n_heads))


@penalty.mistake(
    "All heads got the slope of the last one, 1/256. The exponent is -8 (h + 1) / n: it depends on the head."
)
def _(n_keys, h, n_heads):
    return _penalties(n_keys, 2**-8)


@exercise(
    "08.6",
    title="Turn a pair",
    stars=1,
    minutes=4,
    task="""
Turn the arrow `(x, y)` by `angle` radians, against the clock:

$$(x \\cos a - y \\sin a,\\ \\ x \\sin a + y \\cos a)$$

`turn([1.0, 0.0], 0.0)` is `[1.0, 0.0]`, and a quarter turn, `math.pi / 2`, brings it to `[0.0, 1.0]`.
""",
    hints=(
        "`math.cos` and `math.sin` take radians, as the angle is given.",
        "Both results use the old `x` and the old `y`.",
    ),
    cases=lambda rng: [
        ([1.0, 0.0], 0.0),
        ([1.0, 0.0], math.pi / 2),
        ([1.0, 2.0], 0.5),
        ([-3.0, 0.5], -2.0),
        (_numbers(rng, 2), 20.0),
    ],
    atol=1e-9,
    setup="import math",
)
def turn(pair: list[float], angle: float) -> list[float]:
    """Return the pair, turned by the angle."""
    x, y = pair
    c, s = math.cos(angle), math.sin(angle)
    return [x * c - y * s, x * s + y * c]


@turn.mistake(
    "You turned with the clock: the signs of the two sines are swapped."
)
def _(pair, angle):
    return turn.solution(pair, -angle)


@turn.mistake(
    "The second number was computed from the new x. Keep the old one, or return both at once."
)
def _(pair, angle):
    x, y = pair
    x = x * math.cos(angle) - y * math.sin(angle)
    return [x, x * math.sin(angle) + y * math.cos(angle)]


@turn.mistake("The angle is in radians already: no conversion from degrees.")
def _(pair, angle):
    return turn.solution(pair, math.radians(angle))


@exercise(
    "08.7",
    title="Turn a whole head",
    stars=2,
    minutes=10,
    task="""
Rotary embedding in the layout of LLaMA: of the $d$ numbers of a query, number $i$ and number $i + d/2$ are a pair, for
$i = 0, ..., d/2 - 1$. Pair $i$ turns by the angle $p \\cdot 10000^{-2i/d}$ at the position $p$. Return the `d` numbers in
their places.

`rotate([1.0, 0.0], 1)` is `[cos 1, sin 1]`, about `[0.54, 0.84]`.
""",
    hints=(
        "Split it: `first, second = x[:half], x[half:]`; pair `i` is `(first[i], second[i])`.",
        "Turn each pair as in 08.6, put the first numbers into one list, the second ones into another, and join them.",
    ),
    cases=lambda rng: [
        ([1.0, 0.0], 1),
        ([1.0, 2.0, 3.0, 4.0], 0),
        ([1.0, 0.0, 0.0, 0.0], 2),
        (_numbers(rng, 6), 5),
        (_numbers(rng, 8), rng.randint(50, 99)),
    ],
    atol=1e-9,
    setup="import math",
)
def rotate(x: list[float], p: int) -> list[float]:
    """Return the query or key x, turned for position p."""
    half = len(x) // 2
    first, second = [], []
    for i in range(half):
        a = p / 10_000 ** (2 * i / len(x))
        c, s = math.cos(a), math.sin(a)
        first.append(x[i] * c - x[i + half] * s)
        second.append(x[i] * s + x[i + half] * c)
    return first + second


def _rotated(x, p, exponent):
    half, turned = len(x) // 2, list(x)
    for i in range(half):
        a = p / 10_000 ** exponent(i)
        turned[i], turned[i + half] = turn.solution([x[i], x[i + half]], a)
    return turned


@rotate.mistake(
    "You paired neighbours, as the paper and GPT-J do. In LLaMA's layout the partner is half a head away."
)
def _(x, p):
    turned = []
    for i in range(len(x) // 2):
        a = p / 10_000 ** (2 * i / len(x))
        turned += turn.solution(x[2 * i : 2 * i + 2], a)
    return turned


@rotate.mistake(
    "All pairs turned by the same angle, p. Pair i is slower: its angle is p times 10000^(-2i/d)."
)
def _(x, p):
    return _rotated(x, p, lambda i: 0)


@rotate.mistake(
    "The exponent is 2i/d: with i/d the pairs do not slow down enough."
)
def _(x, p):
    return _rotated(x, p, lambda i: i / len(x))


@rotate.mistake(
    "Positions count from 0 here, so that position 0 turns nothing: the angle is p times the frequency, not p + 1."
)
def _(x, p):
    return rotate.solution(x, p + 1)


@exercise(
    "08.8",
    title="From one layout to the other",
    stars=2,
    minutes=8,
    task="""
A query in the paper's layout has its pairs side by side. LLaMA's layout has the first numbers of all pairs, then the
second numbers. Whoever loads one into the other must re-order every head. `x` holds the numbers of `n_heads` heads, one
head after the other; return them with each head re-ordered.

`to_halves([1, 2, 3, 4], 1)` is `[1, 3, 2, 4]`.
""",
    hints=(
        "Of one head, `head[::2]` are the first numbers of its pairs, and `head[1::2]` the second.",
        "A head has `len(x) // n_heads` numbers; cut `x` into heads first and re-order each by itself.",
    ),
    cases=lambda rng: [
        ([1, 2, 3, 4], 1),
        ([1, 2], 1),
        ([1, 2, 3, 4], 2),
        ([1, 2, 3, 4, 5, 6, 7, 8], 2),
        (list(range(12)), 1),
        (rng.sample(range(50), 18), 3),
    ],
)
def to_halves(x: list[int], n_heads: int) -> list[int]:
    """Return x with each head's pairs split into halves."""
    d_head = len(x) // n_heads
    joined = []
    for start in range(0, len(x), d_head):
        head = x[start : start + d_head]
        joined += head[::2] + head[1::2]
    return joined


@to_halves.mistake(
    "You re-ordered all heads as if they were one, so numbers wander from head to head. Cut first."
)
def _(x, n_heads):
    return x[::2] + x[1::2]


@to_halves.mistake("That is the way back, from halves to pairs.")
def _(x, n_heads):
    d, joined = len(x) // n_heads, []
    for start in range(0, len(x), d):
        first = x[start : start + d // 2]
        second = x[start + d // 2 : start + d]
        joined += [n for pair in zip(first, second, strict=True) for n in pair]
    return joined


@to_halves.mistake(
    "The halves are in the wrong order: first the first numbers of all pairs, then the second ones."
)
def _(x, n_heads):
    d, joined = len(x) // n_heads, []
    for start in range(0, len(x), d):
        joined += x[start + 1 : start + d : 2] + x[start : start + d : 2]
    return joined


@exercise(
    "08.9",
    title="Longer, better or worse?",
    stars=1,
    minutes=5,
    task="""
The same tokens were predicted twice, with short and with long texts before them. Given both lists of losses in nats per
token, return the *ratio of the perplexities*, long over short. Perplexity is $e$ to the power of the mean loss.

`ratio([2.0, 2.0], [2.0, 2.0])` is 1: the longer text did neither help nor hurt. Below 1 it helped.
""",
    hints=(
        "Take the mean of each list first, then `math.exp`.",
        "`exp(a) / exp(b)` is `exp(a - b)`.",
    ),
    cases=lambda rng: [
        ([2.0, 2.0], [2.0, 2.0]),
        ([1.0, 3.0], [1.5, 2.0]),
        ([2.0], [2.5]),
        (_numbers(rng, 5), _numbers(rng, 5)),
    ],
    setup="import math",
)
def ratio(short: list[float], long: list[float]) -> float:
    """Return the perplexity of the long over that of the short."""
    return math.exp(sum(long) / len(long) - sum(short) / len(short))


def _mean(numbers):
    return sum(numbers) / len(numbers)


@ratio.mistake(
    "That is the ratio of the mean losses. Perplexity is e to the power of the mean loss, and its ratio e to the power "
    "of the difference."
)
def _(short, long):
    return _mean(long) / _mean(short)


@ratio.mistake(
    "You averaged e to the power of each loss. The mean comes first, then the power; else a few hard tokens decide."
)
def _(short, long):
    return _mean([math.exp(x) for x in long]) / _mean(
        [math.exp(x) for x in short]
    )


@ratio.mistake("Upside down: the long text's perplexity belongs on top.")
def _(short, long):
    return math.exp(_mean(short) - _mean(long))


@ratio.mistake(
    "That is the difference of the mean losses, in nats. The ratio is e to the power of it."
)
def _(short, long):
    return _mean(long) - _mean(short)
