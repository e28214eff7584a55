"""Exercises of lesson 07: the Transformer translates."""

import math
from collections import Counter

from course_utils.exercises import exercise


@exercise(
    "07.1",
    title="Word by word",
    stars=1,
    minutes=5,
    task="""
Translate `words` with a dictionary, one after the other. A translation may be several words, separated by blanks, or
none at all: `""`. A word that is not in the dictionary stays as it is.

`word_by_word(["the", "cat", "of", "adra"], {"the": "", "cat": "猫", "of": "的"})` is `["猫", "的", "adra"]`.
""",
    hints=(
        "`dictionary.get(word, word)` gives the translation, or the word itself where there is none.",
        "`result += translation.split()` adds several words, one, or none: `''.split()` is the empty list.",
    ),
    cases=lambda rng: [
        (
            ["the", "cat", "of", "adra"],
            {"the": "", "cat": "猫", "of": "的"},
        ),
        ([], {"a": "一"}),
        (["his", "book"], {"his": "他 的", "book": "书"}),
        (["did", "did"], {"did": ""}),
        (["x", "y", "x"], {}),
        (
            [rng.choice("abcd") for _ in range(6)],
            {"a": "甲", "b": "乙 丙", "c": ""},
        ),
    ],
)
def word_by_word(
    words: list[str],
    dictionary: dict[str, str],
) -> list[str]:
    """Return the translation of every word, in the order of the words."""
    result = []
    for word in words:
        result += dictionary.get(word, word).split()
    return result


@word_by_word.mistake(
    "A translation of two words stands in your list as one item, with a blank in it: split it."
)
def _(words, dictionary):
    found = [dictionary.get(word, word) for word in words]
    return [translation for translation in found if translation]


@word_by_word.mistake(
    "You dropped the words that the dictionary lacks. A name, for one, should stay as it is."
)
def _(words, dictionary):
    return [
        part for word in words for part in dictionary.get(word, "").split()
    ]


@word_by_word.mistake(
    "A word whose translation is empty is not unknown: it has none, and must not stay in English."
)
def _(words, dictionary):
    return [
        part
        for word in words
        for part in (dictionary.get(word) or word).split()
    ]


@exercise(
    "07.2",
    title="Clipped precision",
    stars=2,
    minutes=10,
    task="""
BLEU asks how many n-grams (runs of n words) of a translation stand in the reference. So that *the the the* gets no full
marks, each n-gram counts at most as often as in the reference. Return how many of the translation's n-grams count,
divided by how many it has; 0.0 if it has none.

`precision(["the", "the", "cat"], ["the", "cat", "sat"], 1)` is `2/3`: one *the* counts, and *cat*.
""",
    hints=(
        "`Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))` counts the n-grams.",
        "`(a & b).total()` of two Counters adds up the smaller count of each: that is the clipping.",
    ),
    cases=lambda rng: [
        (["the", "the", "cat"], ["the", "cat", "sat"], 1),
        (["the", "cat"], ["the", "cat"], 2),
        (["cat", "the"], ["the", "cat"], 2),
        ([], ["a"], 1),
        (["a"], ["a", "b"], 2),
        (["a", "b", "a", "b"], ["a", "b", "c"], 2),
        (
            [rng.choice("ab") for _ in range(8)],
            [rng.choice("ab") for _ in range(6)],
            2,
        ),
        (
            [rng.choice("abc") for _ in range(9)],
            [rng.choice("abc") for _ in range(5)],
            1,
        ),
    ],
)
def precision(
    words: list[str],
    reference: list[str],
    n: int,
) -> float:
    """Return the share of the n-grams that the reference has, clipped."""
    from collections import Counter

    def grams(text):
        return Counter(
            tuple(text[i : i + n]) for i in range(len(text) - n + 1)
        )

    found = grams(words)
    if not found:
        return 0.0
    return (found & grams(reference)).total() / found.total()


def _grams(text, n):
    return Counter(tuple(text[i : i + n]) for i in range(len(text) - n + 1))


@precision.mistake(
    "Not clipped: an n-gram that you repeat counts each time, though the reference has it once."
)
def _(words, reference, n):
    found, there = _grams(words, n), _grams(reference, n)
    right = sum(count for gram, count in found.items() if gram in there)
    return right / found.total() if found else 0.0


@precision.mistake(
    "You divided by the n-grams of the reference. That is recall; BLEU asks how much of the *translation* is right."
)
def _(words, reference, n):
    there = _grams(reference, n)
    right = (_grams(words, n) & there).total()
    return right / there.total() if there and _grams(words, n) else 0.0


@precision.mistake(
    "You counted each n-gram once, however often the translation has it: what is counted are places, not kinds."
)
def _(words, reference, n):
    found, there = set(_grams(words, n)), set(_grams(reference, n))
    return len(found & there) / len(found) if found else 0.0


@exercise(
    "07.3",
    title="BLEU, all of it",
    stars=3,
    minutes=12,
    task="""
Given for n = 1 to 4 how many n-grams are right and how many there are, summed over a whole test set, and the lengths of
all translations and of all references in words, return BLEU from 0 to 100:

$$100 \\cdot \\min\\left(1, e^{1 - r / t}\\right) \\cdot \\left(\\prod_{n=1}^{4} \\frac{\\text{right}_n}{\\text{all}_n}
\\right)^{1/4}$$

with $t$ the length of the translations and $r$ that of the references. The factor in front is the *brevity penalty*. If
any precision is 0, so is BLEU.

`bleu([8, 4, 2, 1], [8, 8, 8, 8], 10, 10)` is about 35.36.
""",
    hints=(
        "The fourth root of a product: `math.prod(...) ** 0.25`.",
        "The penalty is below 1 only if the translations are shorter: `min(1, math.exp(1 - references / translations))`.",
    ),
    cases=lambda rng: [
        ([8, 4, 2, 1], [8, 8, 8, 8], 10, 10),
        ([8, 7, 6, 5], [8, 7, 6, 5], 8, 8),
        ([8, 7, 6, 5], [8, 7, 6, 5], 8, 16),
        ([5, 3, 1, 0], [8, 7, 6, 5], 8, 8),
        ([5, 3, 2, 1], [8, 7, 6, 5], 16, 8),
        *[
            (
                [rng.randint(5, 20) for _ in range(4)],
                [rng.randint(21, 40) for _ in range(4)],
                rng.randint(20, 60),
                rng.randint(20, 60),
            )
            for _ in range(3)
        ],
    ],
)
def bleu(
    right: list[int], total: list[int], translations: int, references: int
) -> float:
    """Return BLEU from counts, between 0 and 100."""
    import math

    shares = [a / b for a, b in zip(right, total, strict=True)]
    penalty = min(1, math.exp(1 - references / translations))
    return 100 * penalty * math.prod(shares) ** 0.25


def _shares(right, total):
    return [a / b for a, b in zip(right, total, strict=True)]


def _penalty(translations, references):
    return min(1, math.exp(1 - references / translations))


@bleu.mistake(
    "You took the arithmetic mean of the four precisions. BLEU takes the geometric one, which is 0 if any of them is."
)
def _(right, total, translations, references):
    mean = sum(_shares(right, total)) / 4
    return 100 * _penalty(translations, references) * mean


@bleu.mistake(
    "The brevity penalty is missing: without it a translation of three safe words would win."
)
def _(right, total, translations, references):
    return 100 * math.prod(_shares(right, total)) ** 0.25


@bleu.mistake(
    "The penalty is turned round: it is for translations that are *shorter* than the references."
)
def _(right, total, translations, references):
    penalty = _penalty(references, translations)
    return 100 * penalty * math.prod(_shares(right, total)) ** 0.25


@bleu.mistake(
    "There is no reward for long translations: the factor in front is never above 1."
)
def _(right, total, translations, references):
    penalty = math.exp(1 - references / translations)
    return 100 * penalty * math.prod(_shares(right, total)) ** 0.25


@exercise(
    "07.4",
    title="What goes in, what should come out",
    stars=1,
    minutes=5,
    task="""
`target` holds the ids of a translation. With teacher forcing the decoder reads `bos` and then the target; at each
position it should predict the *next* token, and at the end `eos`. Return the pair `(inputs, labels)`, two lists of the
same length.

`shifted([7, 8], bos=1, eos=2)` is `([1, 7, 8], [7, 8, 2])`.
""",
    hints=(
        "Both lists have one token more than the target.",
        "`inputs[i + 1]` and `labels[i]` are the same token: one list is the other, moved by one.",
    ),
    cases=lambda rng: [
        ([7, 8], 1, 2),
        ([], 1, 2),
        ([5], 3, 4),
        ([9, 9, 7], 1, 2),
        ([rng.randint(5, 50) for _ in range(6)], 1, 2),
    ],
)
def shifted(
    target: list[int], bos: int, eos: int
) -> tuple[list[int], list[int]]:
    """Return what the decoder reads, and what it should predict."""
    return [bos, *target], [*target, eos]


@shifted.mistake(
    "Your labels are the inputs: the decoder would learn to copy the token it has just been given."
)
def _(target, bos, eos):
    return [bos, *target], [bos, *target]


@shifted.mistake("The decoder never learns to stop: the last label is `eos`.")
def _(target, bos, eos):
    return [bos, *target[:-1]], list(target)


@shifted.mistake(
    "You turned the two round: the decoder would see the token that it has to predict."
)
def _(target, bos, eos):
    return [*target, eos], [bos, *target]


@exercise(
    "07.5",
    title="Label smoothing",
    stars=2,
    minutes=8,
    task="""
The model gives each token the log-probability `log_p[i]`. Instead of all probability for the right token, the target
gives it $1 - \\varepsilon$, and shares $\\varepsilon$ evenly among *all* $V$ tokens, the right one too. The loss is the
cross-entropy

$$-\\sum_i q_i \\log p_i, \\qquad q_i = \\frac{\\varepsilon}{V} + (1 - \\varepsilon)\\,[i = \\text{right}]$$

where $[i = \\text{right}]$ is 1 for the right token and 0 for the others, and $\\varepsilon$ is `smoothing`. Return it.
With `smoothing=0` it is `-log_p[right]`.
""",
    hints=(
        "Two parts: (1 - smoothing) times the loss of the right token, and smoothing times the mean loss of all.",
        "`-(1 - smoothing) * log_p[right] - smoothing * sum(log_p) / len(log_p)`.",
    ),
    cases=lambda rng: [
        ([math.log(0.5), math.log(0.25), math.log(0.25)], 0, 0.0),
        ([math.log(0.5), math.log(0.25), math.log(0.25)], 0, 0.1),
        ([math.log(0.5), math.log(0.25), math.log(0.25)], 2, 0.5),
        ([math.log(0.9), math.log(0.1)], 1, 1.0),
        *[
            (_log_softmax([rng.uniform(-2, 2) for _ in range(5)]), 3, 0.1)
            for _ in range(3)
        ],
    ],
)
def smoothed_loss(
    log_p: list[float],
    right: int,
    smoothing: float,
) -> float:
    """Return the cross-entropy with the smoothed target, in nats."""
    everyone = -sum(log_p) / len(log_p)
    return (1 - smoothing) * -log_p[right] + smoothing * everyone


def _log_softmax(scores):
    total = math.log(sum(math.exp(score) for score in scores))
    return [score - total for score in scores]


@smoothed_loss.mistake(
    "The share of all tokens is a mean: divide the sum of their losses by V."
)
def _(log_p, right, smoothing):
    return -(1 - smoothing) * log_p[right] - smoothing * sum(log_p)


@smoothed_loss.mistake(
    "You shared epsilon among the wrong tokens only. In the formula, and in PyTorch, the right one has its part of it."
)
def _(log_p, right, smoothing):
    others = sum(log_p) - log_p[right]
    return -(1 - smoothing) * log_p[right] - smoothing * others / (
        len(log_p) - 1
    )


@smoothed_loss.mistake(
    "The right token has 1 - epsilon: your loss gives it all, and the smoothing on top."
)
def _(log_p, right, smoothing):
    return -log_p[right] - smoothing * sum(log_p) / len(log_p)


@smoothed_loss.mistake(
    "A loss is minus the log-probability: yours gets better as the probability falls."
)
def _(log_p, right, smoothing):
    return (1 - smoothing) * log_p[right] + smoothing * sum(log_p) / len(log_p)


@exercise(
    "07.6",
    title="Warm-up",
    stars=1,
    minutes=5,
    task="""
The learning rate of the paper's equation 3, for `step` 1, 2, 3, ..., where `d` is the width of the model and `warmup`
the number of steps in which the rate rises:

$$d^{-1/2} \\cdot \\min(\\text{step}^{-1/2},\\; \\text{step} \\cdot \\text{warmup}^{-3/2})$$

Return it. It is highest at `step = warmup`, where the two terms are equal: `rate(4, 16, 4)` is `0.125`.
""",
    hints=(
        "`x**-0.5` is one over the square root of x.",
        "The second term grows with the step: it is the smaller one, and so counts, before `warmup`.",
    ),
    cases=lambda rng: [
        (4, 16, 4),
        (1, 64, 400),
        (100, 64, 400),
        (1600, 64, 400),
        (rng.randint(1, 5000), 512, 4000),
    ],
)
def rate(step: int, d: int, warmup: int) -> float:
    """Return the learning rate of a step, counted from 1."""
    return d**-0.5 * min(step**-0.5, step * warmup**-1.5)


@rate.mistake(
    "With `max` the rate starts very high and grows for ever: it is the smaller of the two terms that counts."
)
def _(step, d, warmup):
    return d**-0.5 * max(step**-0.5, step * warmup**-1.5)


@rate.mistake(
    "You left out the width: wide models get smaller rates, by one over the square root of d."
)
def _(step, d, warmup):
    return min(step**-0.5, step * warmup**-1.5)


@rate.mistake(
    "Your two terms do not meet at the end of the warm-up: its exponent is -3/2, so that they do."
)
def _(step, d, warmup):
    return d**-0.5 * min(step**-0.5, step / warmup)


@exercise(
    "07.7",
    title="Greedy decoding",
    stars=2,
    minutes=8,
    task="""
`model` maps each token to the probabilities of what may follow it, `{token: {next: probability}}`. Begin after
`"<bos>"`, take the most probable token again and again, and stop at `"<eos>"`, or after `most` tokens. Return the tokens
without `"<bos>"` and `"<eos>"`. No two probabilities are equal.

With `{"<bos>": {"a": 0.6, "b": 0.4}, "a": {"<eos>": 1.0}, "b": {"<eos>": 1.0}}` it is `["a"]`.
""",
    hints=(
        "Keep the last token in a variable; it starts as `'<bos>'`.",
        "`max((p, token) for token, p in model[last].items())` is the most probable next token with its probability.",
    ),
    cases=lambda rng: [
        (
            {
                "<bos>": {"a": 0.6, "b": 0.4},
                "a": {"<eos>": 1.0},
                "b": {"<eos>": 1.0},
            },
            5,
        ),
        ({"<bos>": {"<eos>": 0.9, "a": 0.1}, "a": {"<eos>": 1.0}}, 5),
        (
            {
                "<bos>": {"a": 1.0},
                "a": {"b": 0.7, "<eos>": 0.3},
                "b": {"a": 0.8, "<eos>": 0.2},
            },
            5,
        ),
        (
            {
                "<bos>": {"b": 1.0},
                "b": {"a": 0.4, "c": 0.35, "<eos>": 0.25},
                "c": {"<eos>": 1.0},
                "a": {"c": 0.9, "<eos>": 0.1},
            },
            9,
        ),
        (_chain(rng), 4),
    ],
)
def greedy(
    model: dict[str, dict[str, float]],
    most: int,
) -> list[str]:
    """Return the text that always takes the most probable token."""
    last, text = "<bos>", []
    while len(text) < most:
        _, last = max((p, token) for token, p in model[last].items())
        if last == "<eos>":
            break
        text.append(last)
    return text


def _chain(rng):
    """A random model over three tokens."""
    model = {}
    for token in ("<bos>", "a", "b", "c"):
        weights = {
            after: rng.uniform(0.1, 1) for after in ("a", "b", "c", "<eos>")
        }
        total = sum(weights.values())
        model[token] = {after: w / total for after, w in weights.items()}
    return model


def _greedy(model, most, best=max, stop=True, keep_end=False):
    last, text = "<bos>", []
    while len(text) < most:
        last = best(model[last], key=model[last].get)
        if last == "<eos>" and stop:
            return [*text, last] if keep_end else text
        if last not in model:
            return text
        text.append(last)
    return text


@greedy.mistake("`<eos>` says that the text is over; it is no part of it.")
def _(model, most):
    return _greedy(model, most, keep_end=True)


@greedy.mistake(
    "You took the least probable token. `max` over pairs (probability, token) finds the most probable."
)
def _(model, most):
    return _greedy(model, most, best=min)


@greedy.mistake(
    "You looked at what follows `<bos>` in every step. The next token hangs on the last one."
)
def _(model, most):
    first = max(model["<bos>"], key=model["<bos>"].get)
    return [] if first == "<eos>" else [first] * most


@greedy.mistake(
    "Your text has a token too many: stop as soon as it has `most` tokens."
)
def _(model, most):
    return _greedy(model, most + 1)


# The first step tempts: a is more probable than b, but what follows b is certain.
_TRAP: dict[str, dict[str, float]] = {
    "<bos>": {"a": 0.6, "b": 0.4},
    "a": {"c": 0.45, "d": 0.35, "<eos>": 0.2},
    "b": {"d": 1.0},
    "c": {"<eos>": 1.0},
    "d": {"<eos>": 1.0},
}


@exercise(
    "07.8",
    title="Beam search",
    stars=3,
    minutes=20,
    task="""
The same kind of model. Keep the `width` most probable beginnings side by side. In each of `most` rounds replace every
unfinished beginning by all its continuations, keep the finished ones, and of all these keep the `width` most probable. A
text's probability is the product over its tokens, `"<eos>"` included. Return the most probable text that is finished in
the end, without `"<eos>"`, or `[]` if none is.

Greedy search is this with `width=1`. No two texts have the same probability.
""",
    hints=(
        "Hold tuples `(probability, tokens)`, starting with `[(1.0, ['<bos>'])]`; a beginning is finished if its last "
        "token is `'<eos>'`.",
        "One round: `grown = [(p * q, [*text, after]) for ... in model[text[-1]].items()]` for the unfinished, the "
        "finished as they are; then `sorted(grown, reverse=True)[:width]`.",
    ),
    cases=lambda rng: [
        (_TRAP, 1, 4),
        (_TRAP, 2, 4),
        ({"<bos>": {"a": 1.0}, "a": {"a": 0.9, "<eos>": 0.1}}, 2, 3),
        ({"<bos>": {"a": 1.0}, "a": {"a": 0.9, "<eos>": 0.1}}, 1, 3),
        *[(_chain(rng), width, 4) for width in (1, 2, 3, 4)],
    ],
)
def beam(
    model: dict[str, dict[str, float]], width: int, most: int
) -> list[str]:
    """Return the most probable finished text that the beam finds."""
    beams = [(1.0, ["<bos>"])]
    for _ in range(most):
        grown = []
        for p, text in beams:
            if text[-1] == "<eos>":
                grown.append((p, text))
                continue
            for after, q in model[text[-1]].items():
                grown.append((p * q, [*text, after]))
        beams = sorted(grown, reverse=True)[:width]
    done = [text for _, text in beams if text[-1] == "<eos>"]
    return done[0][1:-1] if done else []


def _beam(
    model,
    width,
    most,
    join=lambda p, q: p * q,
    branch=True,
    drop_done=False,
    unfinished=False,
):
    beams = [(1.0, ["<bos>"])]
    for _ in range(most):
        grown = []
        for p, text in beams:
            if text[-1] == "<eos>":
                grown += [] if drop_done else [(p, text)]
                continue
            after = [
                (join(p, q), [*text, token])
                for token, q in model[text[-1]].items()
            ]
            grown += after if branch else [max(after)]
        if not grown:
            break
        beams = sorted(grown, reverse=True)[:width]
    done = [text for _, text in beams if unfinished or text[-1] == "<eos>"]
    return [t for t in done[0][1:] if t != "<eos>"] if done else []


@beam.mistake(
    "You ranked by the last token's probability alone: a text's is the product over all its tokens."
)
def _(model, width, most):
    return _beam(model, width, most, join=lambda p, q: q)


@beam.mistake(
    "Your beam never branches: each beginning got its best continuation only, and that is greedy search. Take them all, "
    "and cut to `width` afterwards."
)
def _(model, width, most):
    return _beam(model, width, most, branch=False)


@beam.mistake(
    "You dropped the finished texts. They stay in the beam, and compete with those that go on."
)
def _(model, width, most):
    return _beam(model, width, most, drop_done=True)


@beam.mistake(
    "You returned a text that is not finished: only one that ends with `<eos>` counts."
)
def _(model, width, most):
    return _beam(model, width, most, unfinished=True)
