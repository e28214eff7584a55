"""Exercises of lesson 27: InstructGPT and ChatGPT."""

import math

from course_utils.exercises import exercise


def _numbers(rng, n, low=-2.0, high=2.0):
    return [round(rng.uniform(low, high), 2) for _ in range(n)]


@exercise(
    "27.1",
    title="What the loss counts",
    stars=1,
    minutes=6,
    task="""
A text is `prompt` + `answer`, both lists of ids. The model reads all of it but the last id, and at each place it should say the
id that comes next. Return these *targets*, with `-100` wherever the next id belongs to the prompt: the loss does not
count it.

`masked_targets([7, 8], [5, 2])` is `[-100, 5, 2]`: after 7 comes 8, which nobody has to learn; after 8 comes 5.
""",
    hints=(
        "The text without its first id is what should be said. How many of these belong to the prompt?",
        "One less than the prompt has: `[-100] * (len(prompt) - 1) + answer`.",
    ),
    cases=lambda rng: [
        ([7, 8], [5, 2]),
        ([7], [5, 2]),
        ([7, 8, 9], [2]),
        ([5, 5, 5], [5, 5]),
        (
            [rng.randint(3, 50) for _ in range(6)],
            [rng.randint(3, 50) for _ in range(4)],
        ),
    ],
)
def masked_targets(prompt: list[int], answer: list[int]) -> list[int]:
    """Return what the model should say at each place."""
    return [-100] * (len(prompt) - 1) + answer


@masked_targets.mistake(
    "Off by one: the last id of the prompt already has to predict the first of the answer, so it is not masked."
)
def _(prompt, answer):
    return [-100] * len(prompt) + answer[1:]


@masked_targets.mistake(
    "One target too many: the first id of the text is read and never said, so `len(prompt) - 1` places are masked."
)
def _(prompt, answer):
    return [-100] * len(prompt) + answer


@masked_targets.mistake(
    "Nothing is masked: so the model learns to write requests, too."
)
def _(prompt, answer):
    return prompt[1:] + answer


@masked_targets.mistake(
    "These are the ids that are read, not those that come next. Shift by one: what is read at a place is not what is "
    "said there."
)
def _(prompt, answer):
    return ([-100] * len(prompt) + answer)[:-1]


@masked_targets.mistake(
    "It is the prompt that is given and the answer that is learnt: you masked the wrong half."
)
def _(prompt, answer):
    return prompt[1:] + [-100] * len(answer)


@exercise(
    "27.2",
    title="From a ranking to pairs",
    stars=1,
    minutes=5,
    task="""
A labeller ranked the answers to one request, best first. Return all pairs `(better, worse)` that follow from it, in the
order of the better one, and then of the worse one. $K$ answers make $K(K-1)/2$ pairs.

`pairs_of(["a", "b", "c"])` is `[("a", "b"), ("a", "c"), ("b", "c")]`.
""",
    hints=(
        "Two loops: for each place `i`, all places `j` after it.",
        "`for j in range(i + 1, len(ranked))`, and the pair is `(ranked[i], ranked[j])`.",
    ),
    cases=lambda rng: [
        (["a", "b", "c"],),
        (["a"],),
        (["z", "a"],),
        ([f"answer {i}" for i in range(rng.randint(4, 5))],),
        (["x", "y", "x"],),
    ],
)
def pairs_of(ranked: list[str]) -> list[tuple[str, str]]:
    """Return all pairs of a better and a worse answer."""
    found = []
    for i in range(len(ranked)):
        for j in range(i + 1, len(ranked)):
            found.append((ranked[i], ranked[j]))
    return found


@pairs_of.mistake(
    "Only neighbours are paired. The first is better than the third as well."
)
def _(ranked):
    return [(ranked[i], ranked[i + 1]) for i in range(len(ranked) - 1)]


@pairs_of.mistake(
    "Every pair is there in both orders, so the two cancel. Only (better, worse) is what the labeller said."
)
def _(ranked):
    n = len(ranked)
    return [
        (ranked[i], ranked[j]) for i in range(n) for j in range(n) if i != j
    ]


@pairs_of.mistake(
    "The worse one stands first. The list is ranked best first, so the earlier answer is the better one."
)
def _(ranked):
    return [(worse, better) for better, worse in pairs_of.solution(ranked)]


@pairs_of.mistake(
    "An answer was paired with itself, which says nothing: begin with the place after it."
)
def _(ranked):
    n = len(ranked)
    return [(ranked[i], ranked[j]) for i in range(n) for j in range(i, n)]


def _log_sigmoid(x):
    return -math.log1p(math.exp(-x)) if x >= 0 else x - math.log1p(math.exp(x))


@exercise(
    "27.3",
    title="The pairwise loss",
    stars=2,
    minutes=8,
    task="""
Given the scores of the preferred answers and those of the rejected ones, return the mean of
$-\\log \\sigma(r_{\\text{better}} - r_{\\text{worse}})$, with $\\sigma(x) = 1 / (1 + e^{-x})$.

It must work for a difference of $-1000$, too, where $e^{1000}$ is more than a float can hold. (For a large negative $x$,
$-\\log\\sigma(x)$ is nearly $-x$.)

`pairwise([2.0], [2.0])` is `math.log(2)`: no idea which is better.
""",
    hints=(
        "$-\\log\\sigma(x) = \\log(1 + e^{-x})$. For which x does the power overflow?",
        "For x < 0 take $e^x$ out of the logarithm: $\\log(1 + e^{-x}) = -x + \\log(1 + e^{x})$. Python: `math.log1p`.",
    ),
    cases=lambda rng: [
        ([2.0], [2.0]),
        ([3.0], [1.0]),
        ([0.0], [1000.0]),
        ([1000.0, 0.5], [0.0, 1.0]),
        (_numbers(rng, 5), _numbers(rng, 5)),
    ],
    setup="import math",
)
def pairwise(better: list[float], worse: list[float]) -> float:
    """Return the mean loss of the pairs."""
    total = 0.0
    for a, b in zip(better, worse, strict=True):
        x = a - b
        total += max(-x, 0.0) + math.log1p(math.exp(-abs(x)))
    return total / len(better)


@pairwise.mistake(
    "You summed over the pairs. The loss is their mean, so that it does not depend on how many there are."
)
def _(better, worse):
    return pairwise.solution(better, worse) * len(better)


@pairwise.mistake(
    "The sign: the better answer's score minus the worse one's. Yours rewards a model that prefers what people reject."
)
def _(better, worse):
    return pairwise.solution(worse, better)


@pairwise.mistake(
    "That is the mean of the probabilities. The loss is minus the mean of their logarithms."
)
def _(better, worse):
    both = zip(better, worse, strict=True)
    return sum(math.exp(_log_sigmoid(a - b)) for a, b in both) / len(better)


@pairwise.mistake(
    "The minus in front is missing: a loss gets smaller as the model gets better."
)
def _(better, worse):
    return -pairwise.solution(better, worse)


@exercise(
    "27.4",
    title="Token by token",
    stars=2,
    minutes=8,
    task="""
An answer has the tokens 1 to n. Given the `score` of the whole answer, the log-probabilities of its tokens under the policy and under the
reference, and the price `beta`, return the reward of each token: minus `beta` times (log-probability of the policy minus
that of the reference); the last token gets the score as well.

`rewards(5.0, [-1.0, -1.0], [-1.0, -3.0], 0.5)` is `[0.0, 4.0]`.
""",
    hints=(
        "First the price: `[-beta * (p - q) for p, q in zip(logp, ref_logp)]`.",
        "Then add the score to the last number of the list: `prices[-1] += score`.",
    ),
    cases=lambda rng: [
        (5.0, [-1.0, -1.0], [-1.0, -3.0], 0.5),
        (1.0, [-0.5], [-2.0], 1.0),
        (-2.0, [-1.0, -2.0, -3.0], [-1.5, -1.0, -3.0], 0.0),
        (
            round(rng.uniform(-3, 3), 1),
            _numbers(rng, 5, -4, 0),
            _numbers(rng, 5, -4, 0),
            0.2,
        ),
    ],
)
def rewards(
    score: float, logp: list[float], ref_logp: list[float], beta: float
) -> list[float]:
    """Return the reward of each token."""
    prices = [-beta * (p - q) for p, q in zip(logp, ref_logp, strict=True)]
    prices[-1] += score
    return prices


@rewards.mistake(
    "Every token got the score. It was given once, for the whole answer, and comes with the last token."
)
def _(score, logp, ref_logp, beta):
    both = zip(logp, ref_logp, strict=True)
    return [score - beta * (p - q) for p, q in both]


@rewards.mistake(
    "The sign of the price: a token that the policy finds more probable than the reference does must cost something."
)
def _(score, logp, ref_logp, beta):
    return rewards.solution(score, ref_logp, logp, beta)


@rewards.mistake(
    "The last token pays no price. It gets the score in addition, not instead."
)
def _(score, logp, ref_logp, beta):
    return [*rewards.solution(score, logp, ref_logp, beta)[:-1], score]


@rewards.mistake(
    "You used the ratio of the probabilities. The price is for the difference of the logarithms."
)
def _(score, logp, ref_logp, beta):
    both = zip(logp, ref_logp, strict=True)
    prices = [-beta * math.exp(p - q) for p, q in both]
    return [*prices[:-1], prices[-1] + score]


@exercise(
    "27.5",
    title="How much better than expected",
    stars=3,
    minutes=12,
    task="""
Given the rewards $r_t$ and the values $V_t$ of an answer's tokens, return the generalised advantages

$$A_t = \\delta_t + \\gamma\\lambda A_{t+1}, \\qquad \\delta_t = r_t + \\gamma V_{t+1} - V_t$$

After the last token $V$ and $A$ are 0.

`advantages([0.0, 1.0], [0.5, 0.5], 1.0, 1.0)` is `[0.5, 0.5]`: one point came, half a point was expected.
""",
    hints=(
        "Walk backwards, from the last token to the first: then $A_{t+1}$ is known when you need it.",
        "Keep `next_value` and `next_advantage`, both 0 at first, and put each new one at the front of the list.",
    ),
    cases=lambda rng: [
        ([0.0, 1.0], [0.5, 0.5], 1.0, 1.0),
        ([2.0], [0.5], 0.9, 0.5),
        ([0.0, 0.0, 1.0], [0.1, 0.2, 0.4], 1.0, 0.0),
        ([1.0, -1.0, 2.0], [0.3, 0.0, -0.5], 0.9, 0.8),
        (_numbers(rng, 6), _numbers(rng, 6), 0.95, 0.9),
    ],
)
def advantages(
    rewards: list[float], values: list[float], gamma: float, lam: float
) -> list[float]:
    """Return the advantage of each token."""
    found, next_value, next_advantage = [], 0.0, 0.0
    for r, v in zip(rewards[::-1], values[::-1], strict=True):
        delta = r + gamma * next_value - v
        next_advantage = delta + gamma * lam * next_advantage
        next_value = v
        found.insert(0, next_advantage)
    return found


def _advantages(rewards, values, gamma, decay, later=1.0):
    found, next_value, following = [], 0.0, 0.0
    for r, v in zip(rewards[::-1], values[::-1], strict=True):
        following = r + later * gamma * next_value - v + decay * following
        next_value = v
        found.insert(0, following)
    return found


@advantages.mistake(
    "Later surprises count with gamma times lambda, and yours with lambda alone."
)
def _(rewards, values, gamma, lam):
    return _advantages(rewards, values, gamma, lam)


@advantages.mistake(
    "That is what each single step brought, the delta. The advantage adds the deltas of later tokens."
)
def _(rewards, values, gamma, lam):
    return _advantages(rewards, values, gamma, 0.0)


@advantages.mistake(
    "The value of the next token is missing in delta: what is still to come counts as well as the reward."
)
def _(rewards, values, gamma, lam):
    return _advantages(rewards, values, gamma, gamma * lam, later=0.0)


@advantages.mistake(
    "After the last token nothing is to come: there the next value is 0, not the last token's own value."
)
def _(rewards, values, gamma, lam):
    kept = [*rewards[:-1], rewards[-1] + gamma * values[-1]]
    return advantages.solution(kept, values, gamma, lam)


@advantages.mistake(
    "These are the returns: the advantages plus the values. Take what was expected away."
)
def _(rewards, values, gamma, lam):
    found = advantages.solution(rewards, values, gamma, lam)
    return [a + v for a, v in zip(found, values, strict=True)]


@advantages.mistake(
    "You walked forwards, so that a token is praised for what came before it. Walk from the last token to the first."
)
def _(rewards, values, gamma, lam):
    found, following = [], 0.0
    for t, (r, v) in enumerate(zip(rewards, values, strict=True)):
        ahead = values[t + 1] if t + 1 < len(values) else 0.0
        following = r + gamma * ahead - v + gamma * lam * following
        found.append(following)
    return found


@exercise(
    "27.6",
    title="Far enough",
    stars=2,
    minutes=8,
    task="""
Return PPO's clipped objective of one token: the smaller one of $\\rho A$ and $\\text{clip}(\\rho, 1-\\varepsilon, 1+\\varepsilon)\\, A$,
where $\\rho = e^{\\text{logp} - \\text{old logp}}$ is how much more probable the token has become, and $A$ its advantage.

With `logp == old_logp` it is the advantage itself. A token with the advantage 1 that is twice as probable as before gives
1.2 with $\\varepsilon = 0.2$: no reason to go further.
""",
    hints=(
        "`ratio = math.exp(logp - old_logp)`, and `near = min(max(ratio, 1 - eps), 1 + eps)`.",
        "Take the `min` of the two products, not the product with the smaller ratio: with a negative advantage it is another.",
    ),
    cases=lambda rng: [
        (-1.0, -1.0, 3.0, 0.2),
        (math.log(0.8), math.log(0.4), 1.0, 0.2),
        (math.log(0.8), math.log(0.4), -1.0, 0.2),
        (math.log(0.2), math.log(0.4), 2.0, 0.2),
        (math.log(0.2), math.log(0.4), -2.0, 0.2),
        (*_numbers(rng, 2, -2, 0), round(rng.uniform(-2, 2), 2), 0.1),
    ],
    setup="import math",
)
def objective(
    logp: float, old_logp: float, advantage: float, eps: float
) -> float:
    """Return the clipped objective of one token."""
    ratio = math.exp(logp - old_logp)
    near = min(max(ratio, 1 - eps), 1 + eps)
    return min(ratio * advantage, near * advantage)


def _near(logp, old_logp, eps):
    ratio = math.exp(logp - old_logp)
    return ratio, min(max(ratio, 1 - eps), 1 + eps)


@objective.mistake(
    "You always clip. The minimum of both is taken, so that a token which went the wrong way is called back from any "
    "distance."
)
def _(logp, old_logp, advantage, eps):
    return _near(logp, old_logp, eps)[1] * advantage


@objective.mistake(
    "You took the smaller ratio, then the product. For a negative advantage the smaller product has the larger ratio."
)
def _(logp, old_logp, advantage, eps):
    return min(_near(logp, old_logp, eps)) * advantage


@objective.mistake(
    "Nothing is clipped: one lucky answer could pull the policy as far as it likes."
)
def _(logp, old_logp, advantage, eps):
    return _near(logp, old_logp, eps)[0] * advantage


@objective.mistake(
    "The ratio is e to the power of the difference of the logarithms, not the difference."
)
def _(logp, old_logp, advantage, eps):
    ratio = logp - old_logp
    near = min(max(ratio, 1 - eps), 1 + eps)
    return min(ratio * advantage, near * advantage)


@exercise(
    "27.7",
    title="A price that follows",
    stars=2,
    minutes=8,
    task="""
After each round the price of the KL is changed. With the error $e = \\text{KL} / \\text{target} - 1$, cut off at $-1$ and at
$+1$, the new price is $\\beta\\,(1 + g\\, e)$ with the gain $g$. Given the KL of each round, return the prices *after* each
round.

`prices([4.0, 1.0], 2.0, 0.1, 0.5)` is `[0.15, 0.1125]`: twice the target makes it dearer by half, half the target cheaper by
a quarter.
""",
    hints=(
        "`error = min(max(kl / target - 1, -1), 1)`; then `beta = beta * (1 + gain * error)`.",
        "The price of the next round starts from the price of this one: change `beta` in the loop and collect it.",
    ),
    cases=lambda rng: [
        ([4.0, 1.0], 2.0, 0.1, 0.5),
        ([2.0], 2.0, 0.3, 0.5),
        ([90.0, 90.0], 3.0, 0.1, 0.2),
        ([0.0, 6.0, 1.0], 4.0, 1.0, 0.1),
        (_numbers(rng, 5, 0, 9), 2.5, 0.2, 0.3),
    ],
)
def prices(
    kls: list[float], target: float, beta: float, gain: float
) -> list[float]:
    """Return the price after each round."""
    found = []
    for kl in kls:
        error = min(max(kl / target - 1, -1.0), 1.0)
        beta = beta * (1 + gain * error)
        found.append(beta)
    return found


def _prices(kls, beta, factor):
    found = []
    for kl in kls:
        beta = beta * factor(kl)
        found.append(beta)
    return found


@prices.mistake(
    "The wrong way round: a KL above the target must make it dearer, not cheaper."
)
def _(kls, target, beta, gain):
    return _prices(
        kls, beta, lambda kl: 1 - gain * min(max(kl / target - 1, -1), 1)
    )


@prices.mistake(
    "The error is not cut off: one round with a wild KL would throw the price far away."
)
def _(kls, target, beta, gain):
    return _prices(kls, beta, lambda kl: 1 + gain * (kl / target - 1))


@prices.mistake(
    "You always started from the first price. Each round changes the price that the round before left."
)
def _(kls, target, beta, gain):
    return [prices.solution([kl], target, beta, gain)[0] for kl in kls]


@prices.mistake(
    "The error is relative to the target: KL / target - 1, not KL - target."
)
def _(kls, target, beta, gain):
    return _prices(
        kls, beta, lambda kl: 1 + gain * min(max(kl - target, -1), 1)
    )


@exercise(
    "27.8",
    title="The best of n",
    stars=2,
    minutes=8,
    task="""
Several answers to one request were drawn, with a `proxy` score and a true (`gold`) score each. Best-of-n looks at the first `n` of them and
keeps the one with the highest *proxy*. Return the gold of the answer that is kept. Among equals the first one is kept.

`kept_gold([1.0, 3.0, 2.0], [0.5, -1.0, 2.0], 2)` is `-1.0`: the proxy likes the second answer, people don't.
""",
    hints=(
        "The place of the best: `max(range(n), key=lambda i: proxy[i])`. Python's `max` keeps the first among equals.",
        "Then return `gold[place]`.",
    ),
    cases=lambda rng: [
        ([1.0, 3.0, 2.0], [0.5, -1.0, 2.0], 2),
        ([1.0, 3.0, 9.0], [0.5, -1.0, 2.0], 1),
        ([1.0, 3.0, 9.0], [5.0, -1.0, 2.0], 3),
        ([2.0, 2.0, 1.0], [0.5, 4.0, 9.0], 3),
        (_numbers(rng, 8), _numbers(rng, 8), 6),
    ],
)
def kept_gold(proxy: list[float], gold: list[float], n: int) -> float:
    """Return the gold of the answer that best-of-n keeps."""
    place = max(range(n), key=lambda i: proxy[i])
    return gold[place]


@kept_gold.mistake(
    "You kept the answer that people like best. Nobody can ask them: the choice is the proxy's."
)
def _(proxy, gold, n):
    return max(gold[:n])


@kept_gold.mistake(
    "You looked at all answers. Best-of-n draws n of them: the first n."
)
def _(proxy, gold, n):
    return kept_gold.solution(proxy, gold, len(proxy))


@kept_gold.mistake(
    "That is the proxy's score of the answer. Asked for is what it is really worth: its gold."
)
def _(proxy, gold, n):
    return max(proxy[:n])


@kept_gold.mistake(
    "Among equal scores the first answer is kept, not the last."
)
def _(proxy, gold, n):
    return gold[max(range(n), key=lambda i: (proxy[i], i))]


@exercise(
    "27.9",
    title="DPO",
    stars=2,
    minutes=10,
    task="""
For one pair: the log-probabilities of the chosen and of the rejected answer under the policy, and under the reference.
Return DPO's loss

$$-\\log\\sigma\\big(\\beta\\,[(\\log\\pi_w - \\log\\pi^{\\text{ref}}_w) - (\\log\\pi_l - \\log\\pi^{\\text{ref}}_l)]\\big)$$

`dpo_of_pair(-3.0, -4.0, -3.0, -4.0, 0.1)` is `math.log(2)`: the policy is still the reference.
""",
    hints=(
        "The margin is a difference of two differences: how much the chosen answer gained, minus how much the rejected gained.",
        "Then `math.log(1 + math.exp(-beta * margin))`.",
    ),
    cases=lambda rng: [
        (-3.0, -4.0, -3.0, -4.0, 0.1),
        (-2.0, -6.0, -3.0, -4.0, 0.5),
        (-5.0, -1.0, -3.0, -4.0, 0.5),
        (-1.0, -1.0, -2.0, -3.0, 1.0),
        (*_numbers(rng, 4, -9, 0), 0.3),
    ],
    setup="import math",
)
def dpo_of_pair(
    chosen: float,
    rejected: float,
    ref_chosen: float,
    ref_rejected: float,
    beta: float,
) -> float:
    """Return DPO's loss of one pair."""
    margin = (chosen - ref_chosen) - (rejected - ref_rejected)
    return math.log(1 + math.exp(-beta * margin))


@dpo_of_pair.mistake(
    "The reference is missing. It is not the probability that counts, but how much it changed since the start."
)
def _(chosen, rejected, ref_chosen, ref_rejected, beta):
    return -_log_sigmoid(beta * (chosen - rejected))


@dpo_of_pair.mistake(
    "The sign: the chosen answer's gain comes first. Yours teaches the rejected one."
)
def _(chosen, rejected, ref_chosen, ref_rejected, beta):
    return dpo_of_pair.solution(
        rejected, chosen, ref_rejected, ref_chosen, beta
    )


@dpo_of_pair.mistake(
    "Beta multiplies the margin inside the sigmoid. Outside it would only scale the loss."
)
def _(chosen, rejected, ref_chosen, ref_rejected, beta):
    return beta * dpo_of_pair.solution(
        chosen, rejected, ref_chosen, ref_rejected, 1.0
    )


@dpo_of_pair.mistake(
    "Both gains were added. A pair says which of the two should have gained more: subtract."
)
def _(chosen, rejected, ref_chosen, ref_rejected, beta):
    return -_log_sigmoid(
        beta * ((chosen - ref_chosen) + (rejected - ref_rejected))
    )


def _turns(rng, n):
    return [
        ([rng.randint(3, 9)] * rng.randint(1, 3), [rng.randint(3, 9)] * 2)
        for _ in range(n)
    ]


@exercise(
    "27.10",
    title="What the chat remembers",
    stars=2,
    minutes=12,
    task="""
A turn is `(request, answer)`, two lists of ids. In the prompt a turn takes `len(request) + len(answer) + 3` tokens, because of its three
marks; the new request takes `len(request) + 2`, since its answer is still to come. Given the `history` (oldest turn
first), the new `request` and the `room` for the prompt, return the latest turns that fit, as many as possible, oldest first. Only
whole turns are kept.

`remembered([([7], [5]), ([8], [6])], [9], 8)` is `[([8], [6])]`: 5 tokens for the turn and 3 for the request. If nothing
fits, return `[]`.
""",
    hints=(
        "Go through the history from the end, and stop at the first turn that does not fit any more.",
        "`for turn in reversed(history)`: if it fits, take its length off the room and `kept.insert(0, turn)`, else `break`.",
    ),
    cases=lambda rng: [
        ([([7], [5]), ([8], [6])], [9], 8),
        ([([7], [5]), ([8], [6])], [9], 13),
        ([([7], [5]), ([8], [6])], [9], 12),
        ([([7], [5]), ([8, 8, 8], [6, 6, 6])], [9], 10),
        ([], [9, 9], 20),
        (_turns(rng, 6), [3, 4], 26),
        (_turns(rng, 3), [3], 5),
    ],
)
def remembered(history: list, request: list[int], room: int) -> list:
    """Return the latest turns that fit."""
    room -= len(request) + 2
    kept = []
    for turn in reversed(history):
        asked, answer = turn
        room -= len(asked) + len(answer) + 3
        if room < 0:
            break
        kept.insert(0, turn)
    return kept


def _remembered(history, room, marks=3, skip=False):
    kept = []
    for turn in reversed(history):
        size = sum(map(len, turn)) + marks
        if size <= room:
            room -= size
            kept.insert(0, turn)
        elif not skip:
            break
    return kept


@remembered.mistake(
    "You kept the oldest turns. What was said last matters most: start from the end."
)
def _(history, request, room):
    return _remembered(history[::-1], room - len(request) - 2)[::-1]


@remembered.mistake(
    "The marks take room, too: three for a turn, two for the request."
)
def _(history, request, room):
    return _remembered(history, room - len(request), marks=0)


@remembered.mistake(
    "The new request was forgotten in the count. It must fit as well."
)
def _(history, request, room):
    return _remembered(history, room)


@remembered.mistake(
    "A turn that does not fit was jumped over, and an older one kept. Then the talk has a hole: stop there instead."
)
def _(history, request, room):
    return _remembered(history, room - len(request) - 2, skip=True)


@remembered.mistake("The latest turn stands first. Oldest first is wanted.")
def _(history, request, room):
    return remembered.solution(history, request, room)[::-1]
