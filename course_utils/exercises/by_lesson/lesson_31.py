"""Exercises of lesson 31: diffusion, VAE, GAN."""

import math
import statistics

from course_utils.exercises import exercise


def _numbers(rng, n):
    return [round(rng.uniform(-2, 2), 2) for _ in range(n)]


def _bar(rng):
    return round(rng.uniform(0.1, 0.9), 2)


@exercise(
    "31.1",
    title="How much of the picture is left",
    stars=1,
    minutes=6,
    task="""
Each noising step keeps the share $1 - \\beta$ of the variance. Given the list `betas`, return the list of all
$\\bar\\alpha$: what is left of the picture's variance after each step, the product of all $1 - \\beta$ so far.

`alpha_bar([0.5, 0.5])` is `[0.5, 0.25]`.
""",
    hints=(
        "Keep one running product, which begins at 1, and note it down after each step.",
        "`left *= 1 - beta`, then `bars.append(left)`.",
    ),
    cases=lambda rng: [
        ([0.5, 0.5],),
        ([0.1],),
        ([],),
        ([0.1, 0.2, 0.3],),
        ([round(rng.uniform(0.01, 0.4), 2) for _ in range(5)],),
    ],
)
def alpha_bar(betas: list[float]) -> list[float]:
    """Return the share of the variance that is left after each step."""
    bars, left = [], 1.0
    for beta in betas:
        left *= 1 - beta
        bars.append(left)
    return bars


@alpha_bar.mistake(
    "You multiplied the betas themselves: that is what is lost. What is left is the product of 1 - beta."
)
def _(betas):
    return alpha_bar.solution([1 - beta for beta in betas])


@alpha_bar.mistake(
    "You subtracted each beta from what was left. A step takes a share of what is still there: multiply by 1 - beta."
)
def _(betas):
    return [1 - sum(betas[: i + 1]) for i in range(len(betas))]


@alpha_bar.mistake(
    "Those are the shares that each step keeps, not yet multiplied with those of the steps before."
)
def _(betas):
    return [1 - beta for beta in betas]


@alpha_bar.mistake(
    "You noted the product before multiplying, so the list begins with 1 and lags one step behind."
)
def _(betas):
    return [1.0, *alpha_bar.solution(betas)][: len(betas)]


@exercise(
    "31.2",
    title="All steps at once",
    stars=1,
    minutes=6,
    task="""
Return the noised picture after as many steps as you like, in one go:

$$x_t = \\sqrt{\\bar\\alpha}\\; x_0 + \\sqrt{1 - \\bar\\alpha}\\; \\varepsilon$$

`x0` and `noise` are lists of the same length, `bar` is $\\bar\\alpha$.

`noised([1.0, 0.0], [0.0, 1.0], 0.64)` is `[0.8, 0.6]`.
""",
    hints=(
        "There are two numbers to compute, `math.sqrt(bar)` and `math.sqrt(1 - bar)`; the rest is a loop over pairs.",
        "`[a * x + s * e for x, e in zip(x0, noise)]`",
    ),
    cases=lambda rng: [
        ([1.0, 0.0], [0.0, 1.0], 0.64),
        ([2.0], [5.0], 1.0),
        ([2.0], [5.0], 0.0),
        (_numbers(rng, 3), _numbers(rng, 3), 0.25),
        (_numbers(rng, 4), _numbers(rng, 4), _bar(rng)),
    ],
    atol=1e-9,
    setup="import math",
)
def noised(
    x0: list[float],
    noise: list[float],
    bar: float,
) -> list[float]:
    """Return x_t."""
    a, s = math.sqrt(bar), math.sqrt(1 - bar)
    return [a * x + s * e for x, e in zip(x0, noise, strict=True)]


def _mixed(x0, noise, a, s):
    return [a * x + s * e for x, e in zip(x0, noise, strict=True)]


@noised.mistake(
    "The roots are missing. Variances add up, so it is the squares of the two factors that make 1, not the factors."
)
def _(x0, noise, bar):
    return _mixed(x0, noise, bar, 1 - bar)


@noised.mistake(
    "The factors are swapped: alpha-bar is what is left of the picture, 1 - alpha-bar is the noise's."
)
def _(x0, noise, bar):
    return noised.solution(x0, noise, 1 - bar)


@noised.mistake(
    "The noise's factor is the root of 1 - alpha-bar, not 1 minus the root of alpha-bar: the picture would fade away."
)
def _(x0, noise, bar):
    return _mixed(x0, noise, math.sqrt(bar), 1 - math.sqrt(bar))


@noised.mistake(
    "You added all of the noise. It has the factor sqrt(1 - alpha-bar), or x_t grows and grows."
)
def _(x0, noise, bar):
    return _mixed(x0, noise, math.sqrt(bar), 1)


@exercise(
    "31.3",
    title="The perfect denoiser",
    stars=3,
    minutes=15,
    task="""
You know all the points of a data set (here, numbers on a line), and you see `x`, which is one of them after noising:
$x = \\sqrt{\\bar\\alpha}\\, x_0 + \\sqrt{1 - \\bar\\alpha}\\,\\varepsilon$. Every point is as likely beforehand. Return
your best guess of $x_0$, the *mean* of the points, weighted by how likely each of them would have led to `x`:

$$w_i \\propto \\exp\\left(-\\frac{(x - \\sqrt{\\bar\\alpha}\\, x_i)^2}{2\\,(1 - \\bar\\alpha)}\\right), \\qquad
\\sum_i w_i = 1$$

`best_guess(0.0, [-1.0, 1.0], 0.5)` is 0: both are as likely.
""",
    hints=(
        "Compute all weights first, then `sum(w * p) / sum(w)`: dividing by the sum makes them add up to 1.",
        "`math.exp(-((x - math.sqrt(bar) * p) ** 2) / (2 * (1 - bar)))` for each point `p`.",
    ),
    cases=lambda rng: [
        (0.0, [-1.0, 1.0], 0.5),
        (0.5, [2.0], 0.5),
        (0.5, [-1.0, 1.0], 0.5),
        (0.5, [-1.0, 1.0], 0.9),
        (-0.4, [-1.0, 0.0, 2.0], 0.2),
        (round(rng.uniform(-1, 1), 2), _numbers(rng, 5), _bar(rng)),
    ],
    atol=1e-9,
    setup="import math",
)
def best_guess(x: float, points: list[float], bar: float) -> float:
    """Return the mean of x_0, given x."""
    weights = [
        math.exp(-((x - math.sqrt(bar) * p) ** 2) / (2 * (1 - bar)))
        for p in points
    ]
    total = sum(w * p for w, p in zip(weights, points, strict=True))
    return total / sum(weights)


def _weighted(points, weight):
    weights = [weight(p) for p in points]
    return sum(w * p for w, p in zip(weights, points, strict=True)) / sum(
        weights
    )


@best_guess.mistake("The weights do not add up to 1 yet: divide by their sum.")
def _(x, points, bar):
    a = math.sqrt(bar)
    return sum(
        p * math.exp(-((x - a * p) ** 2) / (2 * (1 - bar))) for p in points
    )


@best_guess.mistake(
    "You returned the nearest point. The best guess for squared errors is the mean, which lies between the points."
)
def _(x, points, bar):
    return min(points, key=lambda p: abs(x - math.sqrt(bar) * p))


@best_guess.mistake(
    "You compared x with the points as they are. Noising has shrunk them: compare with sqrt(alpha-bar) times each."
)
def _(x, points, bar):
    return _weighted(
        points, lambda p: math.exp(-((x - p) ** 2) / (2 * (1 - bar)))
    )


@best_guess.mistake(
    "The exponent is divided by *twice* the variance of the noise: the 2 is missing."
)
def _(x, points, bar):
    a = math.sqrt(bar)
    return _weighted(
        points, lambda p: math.exp(-((x - a * p) ** 2) / (1 - bar))
    )


@best_guess.mistake(
    "The variance of the noise, 1 - alpha-bar, is missing from the exponent: the noisier, the more points come into question."
)
def _(x, points, bar):
    return _weighted(
        points, lambda p: math.exp(-((x - math.sqrt(bar) * p) ** 2) / 2)
    )


@exercise(
    "31.4",
    title="One step back",
    stars=2,
    minutes=10,
    task="""
If $x_0$ were known, the step from $x_t$ back to $x_{t-1}$ would have the mean

$$\\frac{\\sqrt{b}\\,\\beta}{1 - \\bar\\alpha}\\, x_0 + \\frac{\\sqrt{1 - \\beta}\\,(1 - b)}{1 - \\bar\\alpha}\\, x_t,
\\qquad \\beta = 1 - \\frac{\\bar\\alpha}{b}$$

where `bar` is $\\bar\\alpha_t$ and `before` is $b = \\bar\\alpha_{t-1}$. Return it, for numbers.

`step_back(3.0, 9.0, 0.5, 1.0)` is 3: before the first step there is no noise, so only $x_0$ counts.
""",
    hints=(
        "First `beta = 1 - bar / before`; with it both factors can be copied from the formula.",
        "Both fractions have the denominator `1 - bar`, and the roots are of `before` and of `1 - beta`.",
    ),
    cases=lambda rng: [
        (3.0, 9.0, 0.5, 1.0),
        (1.0, 0.0, 0.5, 0.8),
        (0.0, 1.0, 0.5, 0.8),
        (2.0, -1.0, 0.3, 0.4),
        (*_numbers(rng, 2), 0.2, _bar(rng) / 2 + 0.5),
    ],
    atol=1e-9,
    setup="import math",
)
def step_back(
    x0: float,
    x_t: float,
    bar: float,
    before: float,
) -> float:
    """Return the mean of x_(t-1), given x_0 and x_t."""
    beta = 1 - bar / before
    of_x0 = math.sqrt(before) * beta / (1 - bar)
    of_x_t = math.sqrt(1 - beta) * (1 - before) / (1 - bar)
    return of_x0 * x0 + of_x_t * x_t


@step_back.mistake(
    "The factors are swapped: the first belongs to x_0, the second to x_t."
)
def _(x0, x_t, bar, before):
    return step_back.solution(x_t, x0, bar, before)


@step_back.mistake(
    "alpha-bar of this step and of the one before are swapped; the one before is the larger."
)
def _(x0, x_t, bar, before):
    beta = 1 - bar / before
    first = math.sqrt(bar) * beta / (1 - bar)
    return first * x0 + math.sqrt(1 - beta) * (1 - before) / (1 - bar) * x_t


@step_back.mistake(
    "You wrote 1 - before in the denominator. What is divided by is the noise that x_t has now: 1 - bar."
)
def _(x0, x_t, bar, before):
    beta = 1 - bar / before
    now = max(1 - before, 1e-9)
    return (
        math.sqrt(before) * beta * x0
        + math.sqrt(1 - beta) * (1 - before) * x_t
    ) / now


@step_back.mistake(
    "beta is what this one step takes away, 1 - bar / before. You used 1 - bar, what all steps together took."
)
def _(x0, x_t, bar, before):
    beta = 1 - bar
    return (
        math.sqrt(before) * beta * x0
        + math.sqrt(1 - beta) * (1 - before) * x_t
    ) / (1 - bar)


@exercise(
    "31.5",
    title="A step of DDIM",
    stars=2,
    minutes=10,
    task="""
A network says that the noise in `x_t` is `noise`. First find the picture that it sees, from
$x_t = \\sqrt{\\bar\\alpha}\\,x_0 + \\sqrt{1 - \\bar\\alpha}\\,\\varepsilon$. Then put the same picture and the same noise
together again, as an *earlier* step would have them, with $b$ instead of $\\bar\\alpha$. Return that, for numbers;
`bar` is $\\bar\\alpha$, `before` is $b$.

`ddim_step(1.4, 1.0, 0.64, 1.0)` is about 1: the picture itself, $(1.4 - 0.6) / 0.8$.
""",
    hints=(
        "Solve the equation for `x0`: subtract the noise's part, then divide by `math.sqrt(bar)`.",
        "The result is `math.sqrt(before) * x0 + math.sqrt(1 - before) * noise`.",
    ),
    cases=lambda rng: [
        (1.4, 1.0, 0.64, 1.0),
        (1.4, 1.0, 0.64, 0.64),
        (0.5, -0.5, 0.2, 0.8),
        (*_numbers(rng, 2), 0.1, _bar(rng)),
    ],
    atol=1e-9,
    setup="import math",
)
def ddim_step(
    x_t: float,
    noise: float,
    bar: float,
    before: float,
) -> float:
    """Return x at the earlier step."""
    x0 = (x_t - math.sqrt(1 - bar) * noise) / math.sqrt(bar)
    return math.sqrt(before) * x0 + math.sqrt(1 - before) * noise


@ddim_step.mistake(
    "You returned the picture that the network sees. At an earlier step it still has noise, just less."
)
def _(x_t, noise, bar, before):
    return (x_t - math.sqrt(1 - bar) * noise) / math.sqrt(bar)


@ddim_step.mistake(
    "The noise is missing: an earlier step has the same noise in it still, times sqrt(1 - before)."
)
def _(x_t, noise, bar, before):
    x0 = (x_t - math.sqrt(1 - bar) * noise) / math.sqrt(bar)
    return math.sqrt(before) * x0


@ddim_step.mistake(
    "bar and before are swapped: that is a step towards more noise."
)
def _(x_t, noise, bar, before):
    x0 = (x_t - math.sqrt(1 - before) * noise) / math.sqrt(before)
    return math.sqrt(bar) * x0 + math.sqrt(1 - bar) * noise


@ddim_step.mistake(
    "To find x_0, what is left after subtracting the noise must be divided by sqrt(alpha-bar)."
)
def _(x_t, noise, bar, before):
    x0 = x_t - math.sqrt(1 - bar) * noise
    return math.sqrt(before) * x0 + math.sqrt(1 - before) * noise


@ddim_step.mistake(
    "The roots are missing: the factors are sqrt(before) and sqrt(1 - before)."
)
def _(x_t, noise, bar, before):
    x0 = (x_t - math.sqrt(1 - bar) * noise) / math.sqrt(bar)
    return before * x0 + (1 - before) * noise


@exercise(
    "31.6",
    title="What to aim at: v",
    stars=1,
    minutes=5,
    task="""
A third thing that a network can be asked for, beside the noise and the picture, is a mixture of the two:

$$v = \\sqrt{\\bar\\alpha}\\;\\varepsilon - \\sqrt{1 - \\bar\\alpha}\\; x_0$$

Return it. `v_target([1.0], [0.5], 0.64)` is about `[-0.2]`, from $0.8 \\cdot 0.5 - 0.6 \\cdot 1$.
""",
    hints=(
        "The same two roots as in $x_t$, but they have changed partners, and there is a minus.",
        "`[a * e - s * x for x, e in zip(x0, noise)]`",
    ),
    cases=lambda rng: [
        ([1.0], [0.5], 0.64),
        ([1.0, 2.0], [3.0, 4.0], 1.0),
        ([1.0, 2.0], [3.0, 4.0], 0.0),
        (_numbers(rng, 4), _numbers(rng, 4), _bar(rng)),
    ],
    atol=1e-9,
    setup="import math",
)
def v_target(
    x0: list[float],
    noise: list[float],
    bar: float,
) -> list[float]:
    """Return v."""
    a, s = math.sqrt(bar), math.sqrt(1 - bar)
    return [a * e - s * x for x, e in zip(x0, noise, strict=True)]


@v_target.mistake(
    "That is x_t itself, which the network is shown. In v the two roots change partners."
)
def _(x0, noise, bar):
    return noised.solution(x0, noise, bar)


@v_target.mistake("The sign: the noise counts plus, the picture minus.")
def _(x0, noise, bar):
    return [-v for v in v_target.solution(x0, noise, bar)]


@v_target.mistake("A plus where a minus belongs, before the picture's part.")
def _(x0, noise, bar):
    return noised.solution(noise, x0, bar)


@v_target.mistake(
    "The roots stayed with their old partners: in v the noise gets sqrt(alpha-bar), the picture the other."
)
def _(x0, noise, bar):
    return _mixed(x0, noise, -math.sqrt(bar), math.sqrt(1 - bar))


@exercise(
    "31.7",
    title="The distance of Fréchet",
    stars=2,
    minutes=10,
    task="""
How far apart are two crowds of numbers? Replace each by the normal distribution with its mean $m$ and standard
deviation $s$. Then the Fréchet distance, as it is used for pictures, is

$$(m_a - m_b)^2 + (s_a - s_b)^2$$

Return it for the lists `a` and `b`, with the variance as a mean over `n - 1`.

`frechet([0.0, 2.0], [5.0, 7.0])` is 25: the same spread, and means that are 5 apart.
""",
    hints=(
        "`statistics.mean` and `statistics.stdev` are just what is wanted; `stdev` divides by n - 1.",
        "Both differences are squared; the standard deviations are roots of variances.",
    ),
    cases=lambda rng: [
        ([0.0, 2.0], [5.0, 7.0]),
        ([0.0, 2.0], [0.0, 2.0]),
        ([0.0, 2.0], [-3.0, 5.0]),
        ([1.0, 2.0, 6.0], [0.0, 1.0]),
        (_numbers(rng, 5), _numbers(rng, 4)),
    ],
    atol=1e-9,
    setup="import statistics",
)
def frechet(a: list[float], b: list[float]) -> float:
    """Return the Fréchet distance of two crowds."""
    apart = statistics.mean(a) - statistics.mean(b)
    wider = statistics.stdev(a) - statistics.stdev(b)
    return apart**2 + wider**2


def _mean(numbers):
    return sum(numbers) / len(numbers)


def _variance(numbers, less=1):
    m = _mean(numbers)
    return sum((x - m) ** 2 for x in numbers) / (len(numbers) - less)


@frechet.mistake(
    "You took the difference of the variances. The formula has that of their roots, the deviations."
)
def _(a, b):
    return (_mean(a) - _mean(b)) ** 2 + (_variance(a) - _variance(b)) ** 2


@frechet.mistake(
    "Only the means are compared. Two crowds with the same centre may have very different spreads."
)
def _(a, b):
    return (_mean(a) - _mean(b)) ** 2


@frechet.mistake("You divided the variance by n; here it is n - 1.")
def _(a, b):
    return (_mean(a) - _mean(b)) ** 2 + (
        _variance(a, 0) ** 0.5 - _variance(b, 0) ** 0.5
    ) ** 2


@frechet.mistake(
    "The squares are missing: the distance adds squared differences."
)
def _(a, b):
    return abs(_mean(a) - _mean(b)) + abs(
        _variance(a) ** 0.5 - _variance(b) ** 0.5
    )


@exercise(
    "31.8",
    title="Guidance",
    stars=1,
    minutes=5,
    task="""
The same network is asked twice: once `told` the label, once not (`untold`). Guidance with `scale` $w$ returns

$$\\text{untold} + w\\,(\\text{told} - \\text{untold})$$

`guide([1.0], [3.0], 2.0)` is `[5.0]`; the order of the arguments is untold, told, scale.
""",
    hints=(
        "One line with `zip`, number by number.",
        "`u + scale * (t - u)`: with scale 1 it is `t`, with scale 0 it is `u`.",
    ),
    cases=lambda rng: [
        ([1.0], [3.0], 2.0),
        ([1.0], [3.0], 1.0),
        ([1.0], [3.0], 0.0),
        (_numbers(rng, 3), _numbers(rng, 3), 2.5),
    ],
    atol=1e-9,
)
def guide(
    untold: list[float],
    told: list[float],
    scale: float,
) -> list[float]:
    """Return the guided answer."""
    return [u + scale * (t - u) for u, t in zip(untold, told, strict=True)]


@guide.mistake(
    "You started from the answer that knows the label, so that scale 1 already exaggerates."
)
def _(untold, told, scale):
    return [t + scale * (t - u) for u, t in zip(untold, told, strict=True)]


@guide.mistake(
    "Told and untold are swapped: this leads away from what the label asks for."
)
def _(untold, told, scale):
    return guide.solution(told, untold, scale)


@guide.mistake(
    "You only scaled the answer with the label. What is scaled is the difference that the label makes."
)
def _(untold, told, scale):
    return [scale * t for t in told]


@guide.mistake(
    "You returned the scaled difference alone; it is added to the answer without label."
)
def _(untold, told, scale):
    return [scale * (t - u) for u, t in zip(untold, told, strict=True)]


@exercise(
    "31.9",
    title="Half a picture is known",
    stars=2,
    minutes=8,
    task="""
In-painting: `mask[i]` is True where the pixel `known[i]` of the finished picture is known. Before each step of the
sampler these pixels of `x` are replaced by the known ones, *noised as much as `x` is now* (31.2, with `noise` and
`bar`). The others stay. Return the new list, and leave `x` as it is.

`paste([9.0, 9.0], [1.0, 1.0], [0.0, 0.0], [True, False], 0.25)` is `[0.5, 9.0]`.
""",
    hints=(
        "Noise the known pixels first: `math.sqrt(bar) * k + math.sqrt(1 - bar) * e`.",
        "Then choose pixel by pixel: the noised known one `if m else` the one of `x`.",
    ),
    cases=lambda rng: [
        ([9.0, 9.0], [1.0, 1.0], [0.0, 0.0], [True, False], 0.25),
        ([9.0, 8.0], [1.0, 1.0], [0.5, 0.5], [False, False], 0.25),
        ([9.0, 8.0], [1.0, 2.0], [0.5, 0.5], [True, True], 0.64),
        (
            _numbers(rng, 4),
            _numbers(rng, 4),
            _numbers(rng, 4),
            [True, False, True, False],
            _bar(rng),
        ),
    ],
    atol=1e-9,
    setup="import math",
    pure=True,
)
def paste(
    x: list[float],
    known: list[float],
    noise: list[float],
    mask: list[bool],
    bar: float,
) -> list[float]:
    """Return x with what is known in place."""
    a, s = math.sqrt(bar), math.sqrt(1 - bar)
    rows = zip(x, known, noise, mask, strict=True)
    return [a * k + s * e if m else here for here, k, e, m in rows]


@paste.mistake(
    "You pasted the known pixels clean. The network expects noise of this step's strength everywhere."
)
def _(x, known, noise, mask, bar):
    return [
        k if m else here for here, k, m in zip(x, known, mask, strict=True)
    ]


@paste.mistake(
    "The mask is the wrong way round: True means known, so there the known pixel is put."
)
def _(x, known, noise, mask, bar):
    return paste.solution(x, known, noise, [not m for m in mask], bar)


@paste.mistake(
    "You mixed x into the known pixels. Where the mask is True nothing of x is kept."
)
def _(x, known, noise, mask, bar):
    full = paste.solution(x, known, noise, mask, bar)
    return [
        (here + p) / 2 if m else here
        for here, p, m in zip(x, full, mask, strict=True)
    ]


@paste.mistake(
    "You noised the pixels that are not known, too: those of x have their noise already."
)
def _(x, known, noise, mask, bar):
    a, s = math.sqrt(bar), math.sqrt(1 - bar)
    rows = zip(x, known, noise, mask, strict=True)
    return [a * (k if m else here) + s * e for here, k, e, m in rows]


@exercise(
    "31.10",
    title="How far from the standard normal",
    stars=2,
    minutes=8,
    task="""
A VAE's encoder gives a mean $\\mu_i$ and a log variance $l_i = \\log \\sigma_i^2$ for each number of the code. Return
how far this cloud is from the standard normal distribution, in nats:

$$\\mathrm{KL} = \\sum_i \\tfrac12\\left(\\mu_i^2 + \\sigma_i^2 - 1 - l_i\\right)$$

`kl([2.0], [0.0])` is 2: the spread is right, the mean is not.
""",
    hints=(
        "The encoder gives the *logarithm* of the variance: the variance itself is `math.exp(l)`.",
        "`sum(0.5 * (m * m + math.exp(l) - 1 - l) for m, l in zip(mean, logvar))`",
    ),
    cases=lambda rng: [
        ([2.0], [0.0]),
        ([0.0, 0.0], [0.0, 0.0]),
        ([0.0], [1.0]),
        ([1.0, -1.0], [-2.0, 0.5]),
        (_numbers(rng, 4), _numbers(rng, 4)),
    ],
    atol=1e-9,
    setup="import math",
)
def kl(mean: list[float], logvar: list[float]) -> float:
    """Return KL(N(mean, exp(logvar)) || N(0, 1)) in nats."""
    pairs = zip(mean, logvar, strict=True)
    return sum(0.5 * (m * m + math.exp(v) - 1 - v) for m, v in pairs)


@kl.mistake(
    "You took the log variance for the variance: sigma squared is its exponential."
)
def _(mean, logvar):
    return sum(
        0.5 * (m * m + v - 1 - math.log(abs(v) + 1e-9))
        for m, v in zip(mean, logvar, strict=True)
    )


@kl.mistake("The factor 1/2 is missing.")
def _(mean, logvar):
    return 2 * kl.solution(mean, logvar)


@kl.mistake(
    "You averaged over the numbers of the code. Divergences of independent numbers add up."
)
def _(mean, logvar):
    return kl.solution(mean, logvar) / len(mean)


@kl.mistake(
    "That is sigma: the formula has its square, the variance, which is exp(logvar)."
)
def _(mean, logvar):
    return sum(
        0.5 * (m * m + math.exp(v / 2) - 1 - v)
        for m, v in zip(mean, logvar, strict=True)
    )


@kl.mistake("exp(logvar) is the variance already; you squared it once more.")
def _(mean, logvar):
    return sum(
        0.5 * (m * m + math.exp(2 * v) - 1 - v)
        for m, v in zip(mean, logvar, strict=True)
    )
