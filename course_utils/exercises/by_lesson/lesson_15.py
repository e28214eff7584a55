"""Exercises of lesson 15: GPT."""

import math
from collections import Counter
from itertools import pairwise

from course_utils.exercises import exercise


def _text(rng, n, letters="abc"):
    return [rng.choice(letters) for _ in range(n)]


def _chances(rng, n):
    weights = rng.sample(range(1, 40), n)
    return [weight / sum(weights) for weight in weights]


@exercise(
    "15.1",
    title="One text, many examples",
    stars=1,
    minutes=5,
    task="""
Return all examples that a text holds for a model which sees at most `window` tokens: for each token but the first, the
pair of a list, the (at most `window`) tokens just before it in their order, and the token itself.

`examples(["a", "b", "c"], 2)` is `[(["a"], "b"), (["a", "b"], "c")]`.
""",
    hints=(
        "Loop over the places `i` from 1 on: the target is `tokens[i]`.",
        "What is seen starts at `max(0, i - window)` and ends before `i`.",
    ),
    cases=lambda rng: [
        (["a", "b", "c"], 2),
        ([], 3),
        (["a"], 1),
        (["a", "b", "c", "d"], 1),
        (["a", "b", "c", "d", "e"], 3),
        (["a", "b"], 9),
        (_text(rng, 7), 4),
    ],
)
def examples(tokens: list[str], window: int) -> list[tuple]:
    """Return what is seen and what is to be guessed, for each token."""
    return [
        (tokens[max(0, i - window) : i], tokens[i])
        for i in range(1, len(tokens))
    ]


@examples.mistake(
    "The target is in what the model sees: it would only have to copy. The context ends before the target."
)
def _(tokens, window):
    return [
        (tokens[max(0, i + 1 - window) : i + 1], tokens[i])
        for i in range(1, len(tokens))
    ]


@examples.mistake(
    "At the start of a text `i - window` is negative, and a negative index counts from the end: take `max(0, ...)`."
)
def _(tokens, window):
    return [(tokens[i - window : i], tokens[i]) for i in range(1, len(tokens))]


@examples.mistake(
    "You cut the text into blocks and predict one token after each. A text gives an example at every place."
)
def _(tokens, window):
    return [
        (tokens[i - window : i], tokens[i])
        for i in range(window, len(tokens), window)
    ]


@examples.mistake(
    "You kept only full windows. The first tokens have shorter contexts, and are examples as well."
)
def _(tokens, window):
    return [
        (tokens[i - window : i], tokens[i]) for i in range(window, len(tokens))
    ]


@exercise(
    "15.2",
    title="How many kinds of company",
    stars=2,
    minutes=8,
    task="""
*Francisco* is frequent, but stands after *San* only; after any other word it is improbable. So Kneser-Ney's shortest
context gives a token not its share of the text, but its share of the different *pairs*: how many different tokens
stand right before it, divided by the number of different pairs of neighbours in the text. Return this for every token
of the text that has a token before it.

`kinds(["san", "francisco", "san", "francisco", "or"])` is about `{"francisco": 0.33, "san": 0.33, "or": 0.33}`: the
three different pairs end with one of each.
""",
    hints=(
        "`set(pairwise(tokens))` is the set of different pairs.",
        "Count over that set, not over the text: each pair adds one to its *second* token.",
    ),
    cases=lambda rng: [
        (["san", "francisco", "san", "francisco", "or"],),
        (["a", "b"],),
        (["a", "a", "a", "b"],),
        (["a", "b", "c", "b", "a", "b"],),
        (_text(rng, 9),),
        (_text(rng, 12, "abcde"),),
    ],
    setup="from collections import Counter\nfrom itertools import pairwise",
)
def kinds(tokens: list[str]) -> dict[str, float]:
    """Return each token's share of the different pairs."""
    pairs = set(pairwise(tokens))
    return {
        token: n / len(pairs)
        for token, n in Counter(second for _, second in pairs).items()
    }


def _shares(tokens, place, unique):
    pairs = list(pairwise(tokens))
    pairs = set(pairs) if unique else pairs
    found = [pair[place] for pair in pairs]
    return {token: found.count(token) / len(found) for token in found}


@kinds.mistake(
    "You counted every pair as often as it occurs, which is plain frequency. Each different pair counts once."
)
def _(tokens):
    return _shares(tokens, 1, unique=False)


@kinds.mistake(
    "You counted what stands after each token. What matters is after how many different tokens it stands itself."
)
def _(tokens):
    return _shares(tokens, 0, unique=True)


@kinds.mistake(
    "You divided by the number of different tokens. Then it does not add up to 1: divide by the different pairs."
)
def _(tokens):
    shares, pairs = _shares(tokens, 1, True), set(pairwise(tokens))
    return {t: p * len(pairs) / len(set(tokens)) for t, p in shares.items()}


@exercise(
    "15.3",
    title="What a loss means",
    stars=1,
    minutes=5,
    task="""
A model gave the tokens of a text the probabilities `p`. Return three numbers: the loss in nats for each token, the same
in bits, and the **perplexity**, which is $e$ to the loss in nats: among so many equally likely tokens the model is as
unsure.

`meaning([0.5, 0.5])` is about `(0.693, 1.0, 2.0)`.
""",
    hints=(
        "The loss is the mean of `-math.log(x)`; one bit is `math.log(2)` nats.",
        "`return nats, nats / math.log(2), math.exp(nats)`.",
    ),
    cases=lambda rng: [
        ([0.5, 0.5],),
        ([1.0],),
        ([0.25, 0.5],),
        ([0.1, 0.9, 0.01],),
        (_chances(rng, 5),),
    ],
    setup="import math",
)
def meaning(p: list[float]) -> tuple[float, float, float]:
    """Return nats and bits for each token, and the perplexity."""
    nats = sum(-math.log(x) for x in p) / len(p)
    return nats, nats / math.log(2), math.exp(nats)


@meaning.mistake(
    "You took the logarithm of the mean. It is the mean of the logarithms: one token that was thought impossible "
    "spoils a whole text."
)
def _(p):
    nats = -math.log(sum(p) / len(p))
    return nats, nats / math.log(2), math.exp(nats)


@meaning.mistake(
    "You added up the surprise of all tokens. Divide by their number, or a long text looks worse than a short one."
)
def _(p):
    nats = sum(-math.log(x) for x in p)
    return nats, nats / math.log(2), math.exp(nats)


@meaning.mistake(
    "A bit is less than a nat, so the number of bits is larger: divide by ln 2."
)
def _(p):
    nats = sum(-math.log(x) for x in p) / len(p)
    return nats, nats * math.log(2), math.exp(nats)


@meaning.mistake(
    "Perplexity is e to the loss in nats, or 2 to the loss in bits; you mixed the two."
)
def _(p):
    nats = sum(-math.log(x) for x in p) / len(p)
    return nats, nats / math.log(2), 2**nats


@exercise(
    "15.4",
    title="Was the test in the training text?",
    stars=2,
    minutes=8,
    task="""
Return the share of the pieces of `n` words of the text `test` which also stand in the text `train`, as GPT-2's authors
did with n = 8. Pieces overlap: a text of 10 words has 3 pieces of 8. Each piece of the test counts, as often as it
occurs; if there is none, the share is 0.0.

`overlap(["a", "b", "c"], ["b", "c", "d"], 2)` is `0.5`: of *a b* and *b c* the second stands in both.
""",
    hints=(
        "`tuple(words[i : i + n])` is a piece; `i` goes from 0 to `len(words) - n`, both included.",
        "Put the pieces of `train` in a set, and count the pieces of `test`, in a list, that are in it.",
    ),
    cases=lambda rng: [
        (["a", "b", "c"], ["b", "c", "d"], 2),
        (["a"], ["a", "b"], 2),
        (["a", "b", "a", "b", "c"], ["a", "b", "d"], 2),
        (["a", "b", "c"], ["c", "x", "a", "x", "b"], 2),
        (["a", "b", "c", "d"], ["a", "b", "c", "d"], 3),
        (_text(rng, 12), _text(rng, 12), 3),
        (_text(rng, 20, "ab"), _text(rng, 10, "ab"), 4),
    ],
)
def overlap(test: list[str], train: list[str], n: int) -> float:
    """Return the share of the test's pieces that the training text has."""
    known, asked = (
        [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
        for words in (train, test)
    )
    return sum(p in set(known) for p in asked) / len(asked) if asked else 0.0


def _pieces(words, n, step=1, end=1):
    return [
        tuple(words[i : i + n]) for i in range(0, len(words) - n + end, step)
    ]


def _share(asked, known):
    return sum(p in known for p in asked) / len(asked) if asked else 0.0


@overlap.mistake(
    "You looked for single words. Nearly every word of a test is in the training text; the question is about pieces."
)
def _(test, train, n):
    return _share(test, set(train))


@overlap.mistake(
    "Each different piece counted once. A piece that the test has twice counts twice."
)
def _(test, train, n):
    return _share(list(set(_pieces(test, n))), set(_pieces(train, n)))


@overlap.mistake(
    "Your pieces do not overlap: you cut the texts into blocks. A piece starts at every word."
)
def _(test, train, n):
    return _share(_pieces(test, n, n), set(_pieces(train, n, n)))


@overlap.mistake(
    "The last piece is missing: the last start is `len(words) - n`, and `range` stops before its end."
)
def _(test, train, n):
    return _share(_pieces(test, n, end=0), set(_pieces(train, n, end=0)))


@overlap.mistake(
    "You divided by the pieces of the training text. The share is that of the test."
)
def _(test, train, n):
    known, asked = _pieces(train, n), _pieces(test, n)
    return sum(p in known for p in asked) / len(known) if known else 0.0


@exercise(
    "15.5",
    title="Start, delimiter, extract",
    stars=1,
    minutes=6,
    task="""
Write GPT-1's inputs (its figure 1). The tokens are `"<s>"` (start), `"$"` (delimiter) and `"<e>"` (extract). Return a
*list of sequences*:

- one text: a single sequence;
- `"entailment"`: premise, delimiter, hypothesis;
- `"similarity"`: two sequences, one in each order, because neither text comes first.

`inputs("entailment", ["a"], ["b"])` is `[["<s>", "a", "$", "b", "<e>"]]`. For the task `"classification"` the second
text is an empty list, and there is no delimiter.
""",
    hints=(
        'Write a helper that puts `["<s>"]` before a list of tokens and `["<e>"]` after it.',
        'For similarity return the sequence of `a + ["$"] + b` and that of `b + ["$"] + a`.',
    ),
    cases=lambda rng: [
        ("entailment", ["a"], ["b"]),
        ("classification", ["a", "b"], []),
        ("similarity", ["a"], ["b"]),
        ("similarity", ["a", "b"], ["c"]),
        ("entailment", ["a", "b"], ["c", "d", "e"]),
    ],
)
def inputs(task: str, a: list[str], b: list[str]) -> list[list[str]]:
    """Return the sequences that GPT-1 reads for a task."""
    if task == "classification":
        return [["<s>", *a, "<e>"]]
    pairs = [(a, b)]
    if task == "similarity":
        pairs.append((b, a))
    return [["<s>", *x, "$", *y, "<e>"] for x, y in pairs]


@inputs.mistake(
    "Similarity has no order: the paper feeds both orders, and adds their features."
)
def _(task, first, second):
    return inputs.solution(
        "entailment" if task == "similarity" else task, first, second
    )


@inputs.mistake(
    "Without a delimiter the model cannot tell where the premise ends."
)
def _(task, first, second):
    sequences = inputs.solution(task, first, second)
    return [[token for token in one if token != "$"] for one in sequences]


@inputs.mistake(
    "The extract token belongs at the end: a causal model has read everything only there. That is where BERT's "
    "[CLS] and GPT differ."
)
def _(task, first, second):
    sequences = inputs.solution(task, first, second)
    return [["<e>", "<s>", *one[1:-1]] for one in sequences]


@inputs.mistake(
    "With one text there is nothing to separate: no delimiter in a classification."
)
def _(task, first, second):
    if task == "classification":
        return [["<s>", *first, "$", *second, "<e>"]]
    return inputs.solution(task, first, second)


@exercise(
    "15.6",
    title="Temperature and top k",
    stars=2,
    minutes=8,
    task="""
Return the probabilities from which a token is drawn: only the `k` highest `logits` stay in the game (there are no
ties), these are divided by the temperature `t`, and their softmax is taken. All other tokens get 0.0.

`top_k([1.0, 3.0, 2.0], 1.0, 1)` is `[0.0, 1.0, 0.0]`: with `k=1` only the best is left, whatever the temperature.
""",
    hints=(
        "`sorted(logits, reverse=True)[:k]` are those that stay; the last of them is the limit.",
        "`math.exp(x / t)` for each that stays, 0.0 for the others; then divide by the sum.",
    ),
    cases=lambda rng: [
        ([1.0, 3.0, 2.0], 1.0, 1),
        ([1.0, 3.0, 2.0], 1.0, 3),
        ([1.0, 3.0, 2.0], 0.5, 2),
        ([0.0, -1.0, 0.7, 0.3], 2.0, 3),
        ([rng.uniform(-3, 3) for _ in range(6)], 0.7, 4),
        ([1.0, 2.0], 1.0, 9),
    ],
    setup="import math",
)
def top_k(logits: list[float], t: float, k: int) -> list[float]:
    """Return the probabilities of all tokens."""
    limit = min(sorted(logits, reverse=True)[:k])
    powers = [math.exp(x / t) if x >= limit else 0.0 for x in logits]
    return [power / sum(powers) for power in powers]


def _softmax(logits, t):
    powers = [math.exp(x / t) for x in logits]
    return [power / sum(powers) for power in powers]


@top_k.mistake(
    "You multiplied by the temperature. Low temperatures sharpen: divide the logits by it."
)
def _(logits, t, k):
    return top_k.solution(logits, 1 / t, k)


@top_k.mistake(
    "What is left does not add up to 1: cut before the softmax, or divide by the sum afterwards."
)
def _(logits, t, k):
    limit = min(sorted(logits, reverse=True)[:k])
    p = _softmax(logits, t)
    return [q if x >= limit else 0.0 for q, x in zip(p, logits, strict=True)]


@top_k.mistake(
    "You set the logits of the others to 0. That is a logit like any other; their probability must be 0."
)
def _(logits, t, k):
    limit = min(sorted(logits, reverse=True)[:k])
    return _softmax([x if x >= limit else 0.0 for x in logits], t)


@top_k.mistake(
    "You divided the probabilities by the temperature, which falls out again. The logits are divided, before the exp."
)
def _(logits, t, k):
    return top_k.solution(logits, 1.0, k)


@exercise(
    "15.7",
    title="The nucleus",
    stars=2,
    minutes=10,
    task="""
Return which tokens may be drawn with nucleus sampling: their numbers, the most probable first, as few as have together
*at least* the probability `top`. The probabilities `p` are all different and add up to 1.

`nucleus([0.2, 0.5, 0.3], 0.6)` is `[1, 2]`: 0.5 is not enough, and 0.5 + 0.3 is.
""",
    hints=(
        "`sorted(range(len(p)), key=lambda i: -p[i])` are the tokens, best first.",
        "Append tokens to a list until the sum of what it holds reaches `top`: the one that crosses the line stays in.",
    ),
    cases=lambda rng: [
        ([0.2, 0.5, 0.3], 0.6),
        ([0.2, 0.5, 0.3], 0.3),
        ([0.1, 0.7, 0.2], 0.85),
        ([0.05, 0.15, 0.1, 0.45, 0.25], 0.8),
        (_chances(rng, 6), 0.5),
        (_chances(rng, 8), 0.9),
    ],
)
def nucleus(p: list[float], top: float) -> list[int]:
    """Return the tokens of the nucleus, the most probable first."""
    found: list[int] = []
    for i in sorted(range(len(p)), key=lambda i: -p[i]):
        if sum(p[j] for j in found) >= top:
            break
        found.append(i)
    return found


def _best_first(p):
    return sorted(range(len(p)), key=lambda i: -p[i])


@nucleus.mistake(
    "The token that crosses the line is missing: without it the nucleus has less than `top`, and may be empty."
)
def _(p, top):
    found, total = [], 0.0
    for i in _best_first(p):
        total += p[i]
        if total > top:
            break
        found.append(i)
    return found


@nucleus.mistake(
    "You kept every token whose own probability is large enough. It is the sum that counts."
)
def _(p, top):
    return [i for i in _best_first(p) if p[i] >= 1 - top]


@nucleus.mistake(
    "You went through the tokens in the order of the vocabulary. Begin with the most probable."
)
def _(p, top):
    found = []
    for i in range(len(p)):
        if sum(p[j] for j in found) >= top:
            break
        found.append(i)
    return found


@nucleus.mistake(
    "One token too many: stop as soon as the sum has reached `top`."
)
def _(p, top):
    return _best_first(p)[: len(nucleus.solution(p, top)) + 1]


@exercise(
    "15.8",
    title="distinct-n",
    stars=1,
    minutes=5,
    task="""
Return the share of different ones among all runs of `n` words in a row of a text: 1.0 if none comes twice, small if the
text goes round in circles; 1.0 if the text is shorter than `n` words.

`distinct(["a", "b", "a", "b"], 2)` is 2/3: of *a b*, *b a*, *a b* two are different.
""",
    hints=(
        "A list of all runs: `[tuple(words[i : i + n]) for i in range(len(words) - n + 1)]`.",
        "`len(set(runs)) / len(runs)`, and a line for the empty list.",
    ),
    cases=lambda rng: [
        (["a", "b", "a", "b"], 2),
        (["a"], 2),
        (["a", "b", "c"], 2),
        (["a", "a", "a", "a"], 1),
        (["a", "b", "b", "a", "b", "b"], 3),
        (_text(rng, 12), 2),
    ],
)
def distinct(words: list[str], n: int) -> float:
    """Return the share of different runs of n words."""
    runs = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    return len(set(runs)) / len(runs) if runs else 1.0


@distinct.mistake(
    "You divided by the number of words. A text has fewer runs than words: len(words) - n + 1."
)
def _(words, n):
    return len(set(_pieces(words, n))) / len(words) if words else 1.0


@distinct.mistake(
    "That is the share of runs that are repeated. The exercise asks for the share of different ones."
)
def _(words, n):
    return 1 - distinct.solution(words, n)


@distinct.mistake(
    "You counted different words. `a b a b a c` has few different words and still different runs."
)
def _(words, n):
    return distinct.solution(words, 1)


@distinct.mistake(
    "You cut the text into blocks of n words. Runs overlap: one starts at every word."
)
def _(words, n):
    runs = _pieces(words, n, n)
    return len(set(runs)) / len(runs) if runs else 1.0


@exercise(
    "15.9",
    title="What a cache saves",
    stars=2,
    minutes=8,
    task="""
A model with one layer gets a prompt of `n` tokens and writes `m` new ones. In each of the m steps it is given tokens,
computes a key for each token that it is given, and says one new token. Return how many keys are computed in all,
without a cache (each step is given all tokens so far) and with one (the first step is given the prompt, each later one
only the newest token), as a pair.

`keys(3, 2)` is `(7, 4)`: 3 + 4 without, 3 + 1 with a cache. The last token that is written is not read any more.
""",
    hints=(
        "Step number i (from 0) without a cache is given n + i tokens.",
        "With a cache: n for the first step, and 1 for each of the m - 1 others.",
    ),
    cases=lambda rng: [
        (3, 2),
        (1, 1),
        (5, 1),
        (1, 4),
        (10, 100),
        (rng.randint(2, 50), rng.randint(2, 50)),
    ],
)
def keys(n: int, m: int) -> tuple[int, int]:
    """Return the keys that are computed without and with a cache."""
    return sum(n + i for i in range(m)), n + m - 1


@keys.mistake(
    "The token that is written last is not read any more: there are m steps, and the last is given n + m - 1 tokens."
)
def _(n, m):
    return sum(n + i for i in range(m + 1)), n + m


@keys.mistake(
    "Without a cache the text grows: step i is given n + i tokens, and not n each time."
)
def _(n, m):
    return n * m, n + m - 1


@keys.mistake(
    "The first step has to read the prompt, with a cache too: n keys, then one for each later step."
)
def _(n, m):
    return sum(n + i for i in range(m)), m


@keys.mistake(
    "You counted scores, a query with each key. A cache saves keys and values; each query still looks at all of them."
)
def _(n, m):
    scores = sum(n + i for i in range(m))
    return sum((n + i) ** 2 for i in range(m)), scores
