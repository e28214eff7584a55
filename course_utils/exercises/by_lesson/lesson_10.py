"""Exercises of lesson 10: BERT."""

import math

from course_utils.exercises import exercise


@exercise(
    "10.1",
    title="Hide some words",
    stars=2,
    minutes=8,
    task="""
Positions are chosen already, and for each one a number `dice` in [0, 1) is drawn, and a random word. Return the input
of the model and its labels. At a chosen position with a dice below 0.8 the input is `"[MASK]"`; from 0.8 to below 0.9
it is the random word; from 0.9 it is the word itself. The label is the true word at *every* chosen position, and `None`
elsewhere.

`hide(["a", "b", "c"], {1: (0.5, "x")})` is `(["a", "[MASK]", "c"], [None, "b", None])`.
""",
    hints=(
        "Start from copies: `given = list(words)` and `labels = [None] * len(words)`.",
        "`for i, (dice, other) in chosen.items():` sets `labels[i]` always, and `given[i]` in two of three cases.",
    ),
    cases=lambda rng: [
        (["a", "b", "c"], {1: (0.5, "x")}),
        (["a", "b"], {}),
        ([], {}),
        (["a", "b"], {0: (0.85, "x"), 1: (0.95, "y")}),
        (["a", "b"], {0: (0.8, "x"), 1: (0.9, "y")}),
        (
            [rng.choice("abcde") for _ in range(8)],
            {i: (rng.random(), rng.choice("xyz")) for i in range(0, 8, 2)},
        ),
    ],
)
def hide(
    words: list[str],
    chosen: dict[int, tuple],
) -> tuple[list[str], list]:
    """Return what the model reads, and what it should say where."""
    given = list(words)
    labels: list = [None] * len(words)
    for i, (dice, other) in chosen.items():
        labels[i] = words[i]
        if dice < 0.8:
            given[i] = "[MASK]"
        elif dice < 0.9:
            given[i] = other
    return given, labels


def _hidden(words, chosen, labelled=lambda dice: True, low=0.8, high=0.9):
    given, labels = list(words), [None] * len(words)
    for i, (dice, other) in chosen.items():
        if labelled(dice):
            labels[i] = words[i]
        if dice < low:
            given[i] = "[MASK]"
        elif dice < high:
            given[i] = other
    return given, labels


@hide.mistake(
    "A chosen word that stays as it is has a label too: the model must not know which words it is asked for."
)
def _(words, chosen):
    return _hidden(words, chosen, labelled=lambda dice: dice < 0.9)


@hide.mistake(
    "Every chosen word became [MASK]: two in ten must not, one of them random and one as it is."
)
def _(words, chosen):
    return _hidden(words, chosen, low=1.0)


@hide.mistake(
    "The label is the word that stood there, and not the one that was put in its place."
)
def _(words, chosen):
    given, _ = _hidden(words, chosen)
    return given, [
        given[i] if i in chosen else None for i in range(len(words))
    ]


@hide.mistake(
    "The shares of random and unchanged words are swapped: random comes first, from 0.8 to below 0.9."
)
def _(words, chosen):
    turned = {
        i: (dice if dice < 0.8 else 1.69 - dice, other)
        for i, (dice, other) in chosen.items()
    }
    return _hidden(words, turned)


@exercise(
    "10.2",
    title="The loss, only there",
    stars=1,
    minutes=6,
    task="""
`probabilities[i]` is a dictionary: what the model thinks of each word at position i. `labels[i]` is the true word where
the model is asked, `None` elsewhere. Return the mean of `-log p(true word)` over the positions that are asked, 0.0 if
there are none.

`mlm_loss([{"a": 1.0}, {"a": 0.5, "b": 0.5}], [None, "b"])` is `log 2`, about 0.693.
""",
    hints=(
        "`zip(probabilities, labels)` gives pairs; leave out those whose label is `None`.",
        "Divide by the number of positions that are asked, and not by the length of the text.",
    ),
    cases=lambda rng: [
        ([{"a": 1.0}, {"a": 0.5, "b": 0.5}], [None, "b"]),
        ([{"a": 0.25, "b": 0.75}], ["a"]),
        ([{"a": 0.25, "b": 0.75}], [None]),
        ([], []),
        (
            [
                {"a": p, "b": 1 - p}
                for p in [rng.uniform(0.1, 0.9) for _ in range(6)]
            ],
            ["a", None, "b", None, "a", None],
        ),
    ],
)
def mlm_loss(probabilities: list[dict], labels: list) -> float:
    """Return the mean loss in nats over the positions asked for."""
    import math

    asked = [
        -math.log(p[word])
        for p, word in zip(probabilities, labels, strict=True)
        if word is not None
    ]
    return sum(asked) / len(asked) if asked else 0.0


def _asked(probabilities, labels):
    return [
        -math.log(p[w])
        for p, w in zip(probabilities, labels, strict=True)
        if w is not None
    ]


@mlm_loss.mistake(
    "You divided by all positions. Only those that are asked count, and only they divide."
)
def _(probabilities, labels):
    return sum(_asked(probabilities, labels)) / max(1, len(labels))


@mlm_loss.mistake(
    "That is the sum. The mean keeps texts with many hidden words from weighing more."
)
def _(probabilities, labels):
    return float(sum(_asked(probabilities, labels)))


@mlm_loss.mistake(
    "The sign is turned: log p is below 0, and a loss is minus that."
)
def _(probabilities, labels):
    asked = _asked(probabilities, labels)
    return -sum(asked) / len(asked) if asked else 0.0


@exercise(
    "10.3",
    title="Two texts in one row",
    stars=2,
    minutes=8,
    task="""
BERT reads a pair of texts as `[CLS] a [SEP] b [SEP]`, and is told by *segments* which is which: 0 up to and with the
first `[SEP]`, 1 after it. Then `[PAD]` follows up to `length`, with segment 0. Return the tokens and the segments.

`pair(["x"], ["y"], 6)` is `(["[CLS]", "x", "[SEP]", "y", "[SEP]", "[PAD]"], [0, 0, 0, 1, 1, 0])`.
""",
    hints=(
        "The first part has `len(a) + 2` tokens, the second `len(b) + 1`.",
        "`[0] * n` makes n zeros; the padding has `length` minus the number of tokens so far.",
    ),
    cases=lambda rng: [
        (["x"], ["y"], 6),
        (["x"], ["y"], 5),
        ([], [], 4),
        (["a", "b", "c"], ["d"], 9),
        (["a"] * rng.randint(1, 4), ["b"] * rng.randint(1, 4), 12),
    ],
)
def pair(
    a: list[str],
    b: list[str],
    length: int,
) -> tuple[list[str], list[int]]:
    """Return the tokens of a pair, and the segment of each."""
    tokens = ["[CLS]", *a, "[SEP]", *b, "[SEP]"]
    segments = [0] * (len(a) + 2) + [1] * (len(b) + 1)
    missing = length - len(tokens)
    return tokens + ["[PAD]"] * missing, segments + [0] * missing


def _paired(a, b, length, first, padding=0):
    tokens = ["[CLS]", *a, "[SEP]", *b, "[SEP]"]
    missing = length - len(tokens)
    segments = [0] * first + [1] * (len(tokens) - first) + [padding] * missing
    return tokens + ["[PAD]"] * missing, segments


@pair.mistake("The first [SEP] belongs to the first text: its segment is 0.")
def _(a, b, length):
    return _paired(a, b, length, len(a) + 1)


@pair.mistake("Padding has segment 0, whatever stands before it.")
def _(a, b, length):
    return _paired(a, b, length, len(a) + 2, padding=1)


@pair.mistake("The second text ends with [SEP] as well.")
def _(a, b, length):
    tokens = ["[CLS]", *a, "[SEP]", *b]
    missing = length - len(tokens)
    return tokens + ["[PAD]"] * missing, [0] * (len(a) + 2) + [1] * len(b) + [
        0
    ] * missing


@pair.mistake(
    "Your row is not padded up to `length`, so that it can't stand in a batch with others."
)
def _(a, b, length):
    return _paired(a, b, len(a) + len(b) + 3, len(a) + 2)


@exercise(
    "10.4",
    title="Count BERT",
    stars=2,
    minutes=12,
    task="""
Count the numbers in BERT's encoder, without a head: `vocab` words, vectors of `d`, `layers` layers, nets of `ff`.

- three tables: words, 512 positions, 2 segments; and a norm over them (a norm has `2 d` numbers);
- each layer: four linear maps from d to d; two from d to ff and back; two norms. A linear map has a bias for each
  output.

`encoder_size(30522, 768, 12, 3072)` is 108,891,648; with the pooler, one more map from d to d, it is 109.5 million.
""",
    hints=(
        "A linear map from m to n has `m * n + n` numbers.",
        "Tables: `(vocab + 512 + 2) * d`. A layer: `4 * (d * d + d) + (d * ff + ff) + (ff * d + d) + 2 * 2 * d`.",
    ),
    cases=lambda rng: [
        (30522, 768, 12, 3072),
        (30522, 1024, 24, 4096),
        (10, 2, 0, 8),
        (1, 1, 1, 1),
        (rng.randint(100, 999), 8 * rng.randint(1, 9), 2, rng.randint(10, 99)),
    ],
)
def encoder_size(vocab: int, d: int, layers: int, ff: int) -> int:
    """Return the number of parameters of the encoder."""
    tables = (vocab + 512 + 2) * d + 2 * d
    attention = 4 * (d * d + d)
    net = (d * ff + ff) + (ff * d + d)
    return tables + layers * (attention + net + 2 * 2 * d)


def _counted(vocab, d, layers, ff, maps=4, bias=1, norms=2, segments=2):
    tables = (vocab + 512 + segments) * d + 2 * d
    net = 2 * d * ff + bias * (ff + d)
    return tables + layers * (maps * (d * d + bias * d) + net + norms * 2 * d)


@encoder_size.mistake(
    "You counted the words and the large matrices alone. Positions, segments, norms and biases are parameters as well."
)
def _(vocab, d, layers, ff):
    return vocab * d + layers * (4 * d * d + 2 * d * ff)


@encoder_size.mistake(
    "The biases are missing: a linear map has one number more for each of its outputs."
)
def _(vocab, d, layers, ff):
    return _counted(vocab, d, layers, ff, bias=0)


@encoder_size.mistake(
    "Attention has four maps: besides queries, keys and values there is the one of the output."
)
def _(vocab, d, layers, ff):
    return _counted(vocab, d, layers, ff, maps=3)


@encoder_size.mistake(
    "Each layer has two norms, one after attention and one after the net."
)
def _(vocab, d, layers, ff):
    return _counted(vocab, d, layers, ff, norms=1)


@encoder_size.mistake("The table of the two segments is missing.")
def _(vocab, d, layers, ff):
    return _counted(vocab, d, layers, ff, segments=0)


@exercise(
    "10.5",
    title="A gap without a network",
    stars=2,
    minutes=10,
    task="""
The baseline that BERT has to beat looks at the two neighbours of a gap. `bigrams` maps pairs of words to counts. Return
the word `w` with the highest product of `count(left, w)` and `count(w, right)`, divided by how often `w` stands first
in any pair; of equals the first in the alphabet. A pair that is not in `bigrams` counts 0.1.

With `{("a", "x"): 2, ("x", "b"): 3, ("a", "y"): 5}` the gap between `a` and `b`: `x` scores 2 · 3 / 3 and `y` scores
5 · 0.1 / 0.1, so it is `"y"`. A word that never stands first is divided by 0.1.
""",
    hints=(
        "The candidates are all words that stand second in some pair.",
        "`min(candidates, key=lambda w: (-score(w), w))` takes the best, and of equals the first in the alphabet.",
    ),
    cases=lambda rng: [
        ("a", "b", {("a", "x"): 2, ("x", "b"): 3, ("a", "y"): 5}),
        (
            "a",
            "b",
            {
                ("a", "x"): 2,
                ("x", "b"): 3,
                ("x", "c"): 90,
                ("a", "y"): 1,
                ("y", "b"): 1,
            },
        ),
        ("q", "r", {("a", "x"): 2, ("a", "w"): 2}),
        (
            "a",
            "b",
            {("a", "x"): 1, ("x", "b"): 9, ("a", "y"): 4, ("y", "b"): 4},
        ),
        (
            "a",
            "b",
            {("a", "x"): 5, ("x", "c"): 5, ("a", "y"): 4, ("y", "b"): 4},
        ),
        (
            "a",
            "b",
            {
                (rng.choice("abcd"), rng.choice("abcd")): rng.randint(1, 9)
                for _ in range(14)
            },
        ),
    ],
)
def between(
    left: str,
    right: str,
    bigrams: dict[tuple, int],
) -> str:
    """Return the likeliest word between two words."""
    first = {}
    for (one, _), count in bigrams.items():
        first[one] = first.get(one, 0) + count

    def score(w):
        both = bigrams.get((left, w), 0.1) * bigrams.get((w, right), 0.1)
        return both / first.get(w, 0.1)

    words = {second for _, second in bigrams}
    return min(words, key=lambda w: (-score(w), w))


def _between(left, right, bigrams, use_left=True, use_right=True, divide=True):
    first = {}
    for (one, _), count in bigrams.items():
        first[one] = first.get(one, 0) + count

    def score(w):
        a = bigrams.get((left, w), 0.1) if use_left else 1
        b = bigrams.get((w, right), 0.1) if use_right else 1
        return a * b / (first.get(w, 0.1) if divide else 1)

    return min({second for _, second in bigrams}, key=lambda w: (-score(w), w))


@between.mistake(
    "You looked to the left only. That is what a GPT may do; BERT's gap has a right side too."
)
def _(left, right, bigrams):
    return _between(left, right, bigrams, use_right=False, divide=False)


@between.mistake(
    "You did not divide: a word that stands before everything is no evidence for `right`."
)
def _(left, right, bigrams):
    return _between(left, right, bigrams, divide=False)


@between.mistake("The left neighbour is not in your product.")
def _(left, right, bigrams):
    return _between(left, right, bigrams, use_left=False)


@exercise(
    "10.6",
    title="From tags to names",
    stars=2,
    minutes=10,
    task="""
In BIO tags a name begins with `B-kind` and goes on with `I-kind`; `O` is outside. Return the names as a list of
`(first, last, kind)`, both positions inclusive. An `I-kind` that does not go on with a name of the same kind (after
`O`, at the start, or after another kind) begins a new name.

`names(["B-town", "I-town", "O", "B-person"])` is `[(0, 1, "town"), (3, 3, "person")]`.
""",
    hints=(
        "`place, _, kind = tag.partition('-')` takes a tag apart; for `O` the kind is empty.",
        "Go on with the last name if the place is `I`, the last name is of this kind, and it ends at `i - 1`.",
    ),
    cases=lambda rng: [
        (["B-town", "I-town", "O", "B-person"],),
        ([],),
        (["O", "O"],),
        (["B-town", "B-town", "I-town"],),
        (["B-town", "I-person"],),
        (["I-town", "O", "I-town"],),
        ([rng.choice(["O", "B-a", "I-a", "B-b", "I-b"]) for _ in range(12)],),
    ],
)
def names(tags: list[str]) -> list[tuple]:
    """Return each name as (first, last, kind)."""
    found = []
    for i, tag in enumerate(tags):
        place, _, kind = tag.partition("-")
        goes_on = found and found[-1][1:] == (i - 1, kind)
        if place == "I" and goes_on:
            found[-1] = (found[-1][0], i, kind)
        elif kind:
            found.append((i, i, kind))
    return found


def _names(tags, goes_on):
    found = []
    for i, tag in enumerate(tags):
        place, _, kind = tag.partition("-")
        if (
            kind
            and found
            and found[-1][1] == i - 1
            and goes_on(place, kind, found[-1][2])
        ):
            found[-1] = (found[-1][0], i, found[-1][2])
        elif kind:
            found.append((i, i, kind))
    return found


@names.mistake(
    "Two names of one kind side by side are two: the B says where the second begins."
)
def _(tags):
    return _names(tags, lambda place, kind, last: kind == last)


@names.mistake("An I of another kind does not go on with the name before it.")
def _(tags):
    return _names(tags, lambda place, kind, last: place == "I")


@names.mistake(
    "Each word became a name of its own: I-kind goes on with the name before it."
)
def _(tags):
    return _names(tags, lambda place, kind, last: False)


@names.mistake(
    "Your last position is one too far: it is the position of the last word itself."
)
def _(tags):
    return [
        (a, b + 1, kind)
        for a, b, kind in _names(
            tags, lambda place, kind, last: place == "I" and kind == last
        )
    ]


@exercise(
    "10.7",
    title="F1 of names",
    stars=2,
    minutes=8,
    task="""
Names count only if they are right as a whole: first, last, kind. With `right` the number of names that are in both
lists, precision is `right` over the number found, recall is `right` over the number that are there, and
$F_1 = 2PR / (P + R)$. `found` and `true` have a list of names for each text; count over all texts together. Return 0.0
if nothing is right.

`f1([[(0, 1, "town")]], [[(0, 1, "town"), (3, 3, "person")]])` is `2 · 1 · 0.5 / 1.5`, about 0.667.
""",
    hints=(
        "`set(a) & set(b)` holds the names of one text that are in both.",
        "It comes to `2 * right / (n_found + n_true)`: multiply it out.",
    ),
    cases=lambda rng: [
        ([[(0, 1, "town")]], [[(0, 1, "town"), (3, 3, "person")]]),
        ([[]], [[(0, 0, "a")]]),
        ([[(0, 0, "a")]], [[(0, 0, "b")]]),
        ([[(0, 0, "a")], []], [[], [(0, 0, "a")]]),
        (
            [[(0, 0, "a"), (1, 1, "a"), (2, 2, "b")], [(0, 3, "a")]],
            [[(0, 0, "a")], [(0, 3, "a"), (5, 5, "b")]],
        ),
        (
            [[(i, i, "a") for i in range(rng.randint(2, 5))], [(0, 0, "b")]],
            [[(i, i, "a") for i in range(4)], [(0, 0, "b"), (1, 2, "b")]],
        ),
    ],
)
def f1(
    found: list[list[tuple]],
    true: list[list[tuple]],
) -> float:
    """Return the F1 over the names of all texts together."""
    right = sum(len(set(a) & set(b)) for a, b in zip(found, true, strict=True))
    total = sum(map(len, found)) + sum(map(len, true))
    return 2 * right / total if right else 0.0


def _right(found, true):
    return sum(len(set(a) & set(b)) for a, b in zip(found, true, strict=True))


@f1.mistake("That is the precision: what was not found must count as well.")
def _(found, true):
    return _right(found, true) / max(1, sum(map(len, found)))


@f1.mistake("That is the recall: what was found in error must count as well.")
def _(found, true):
    return _right(found, true) / max(1, sum(map(len, true)))


@f1.mistake(
    "All texts were thrown together: a name must be right in its own text."
)
def _(found, true):
    a, b = ([name for text in side for name in text] for side in (found, true))
    right = len(set(a) & set(b))
    return 2 * right / (len(a) + len(b)) if right else 0.0


@f1.mistake(
    "You took the plain mean of precision and recall. F1 is their harmonic mean, near the lower of them."
)
def _(found, true):
    right = _right(found, true)
    return (
        right / max(1, sum(map(len, found)))
        + right / max(1, sum(map(len, true)))
    ) / 2


@exercise(
    "10.8",
    title="The best span",
    stars=3,
    minutes=12,
    task="""
A head for questions gives each position a score for *the answer starts here* and one for *it ends here*. Return the
span `(i, j)` with `i <= j`, at most `longest` tokens long, whose `start[i] + end[j]` is highest. Of equals take the one
with the smallest i, then the smallest j.

`span([0, 5, 1], [9, 0, 1], 3)` is `(0, 0)`: the end may not stand before the start.
""",
    hints=(
        "Two loops: `for i in range(n)`, and `for j in range(i, min(n, i + longest))`.",
        "`max` keeps the first of equals, if you list the spans in order.",
    ),
    cases=lambda rng: [
        ([0, 5, 1], [9, 0, 1], 3),
        ([1], [1], 1),
        ([9, 0, 0, 0], [0, 0, 0, 9], 2),
        ([9, 0, 0, 8], [0, 7, 0, 9], 1),
        ([0, 0, 0], [0, 0, 0], 3),
        *[
            (
                [rng.randint(-9, 9) for _ in range(7)],
                [rng.randint(-9, 9) for _ in range(7)],
                rng.randint(2, 4),
            )
            for _ in range(4)
        ],
    ],
)
def span(
    start: list[int],
    end: list[int],
    longest: int,
) -> tuple[int, int]:
    """Return the first and last position of the best answer."""
    n = len(start)
    spans = [(i, j) for i in range(n) for j in range(i, min(n, i + longest))]
    return max(spans, key=lambda s: start[s[0]] + end[s[1]])


def _best(start, end, allowed):
    n = len(start)
    return max(
        ((i, j) for i in range(n) for j in range(n) if allowed(i, j)),
        key=lambda s: start[s[0]] + end[s[1]],
    )


@span.mistake(
    "Your answer ends before it starts: the best start and the best end must fit together."
)
def _(start, end, longest):
    return _best(start, end, lambda i, j: True)


@span.mistake("Your answer is longer than `longest` tokens.")
def _(start, end, longest):
    return _best(start, end, lambda i, j: i <= j)


@span.mistake(
    "A span from i to j has j - i + 1 tokens: yours may be one token too long."
)
def _(start, end, longest):
    return _best(start, end, lambda i, j: i <= j <= i + longest)


@span.mistake(
    "You chose the best start first, and then an end for it. The *sum* of both is to be highest."
)
def _(start, end, longest):
    i = max(range(len(start)), key=lambda i: start[i])
    return i, max(range(i, min(len(start), i + longest)), key=lambda j: end[j])


@exercise(
    "10.9",
    title="What is trained",
    stars=2,
    minutes=8,
    task="""
Freeze the bottom of a model: the embeddings and its first `n` layers are left as they are. Given the names of all
parameters, return those that are *trained*, in their order. Names of layers begin with `blocks.0.`, `blocks.1.` and so
on, names of the head with `head.`; whatever else there is belongs to the embeddings.

`trained(["tok.weight", "blocks.0.up", "blocks.1.up", "head.bias"], 1)` is `["blocks.1.up", "head.bias"]`. With `n = 0`
the embeddings are frozen and all layers are trained.
""",
    hints=(
        "`name.split('.')` gives the parts: the number of the layer is `int(parts[1])` if `parts[0]` is `blocks`.",
        "Compare numbers, and not text: as text, `10` stands before `2`.",
    ),
    cases=lambda rng: [
        (["tok.weight", "blocks.0.up", "blocks.1.up", "head.bias"], 1),
        ([], 3),
        (["tok.weight", "norm.bias", "blocks.0.up", "head.bias"], 0),
        (["blocks.2.up", "blocks.10.up", "blocks.1.up"], 2),
        (
            [
                "pos.weight",
                *[f"blocks.{i}.norm_ffn.bias" for i in range(4)],
                "head.proj.weight",
            ],
            rng.randint(2, 3),
        ),
        (["blocks.0.up", "head.pool.weight"], 12),
    ],
)
def trained(names: list[str], n: int) -> list[str]:
    """Return the names of the parameters that are not frozen."""

    def free(name):
        parts = name.split(".")
        if parts[0] == "blocks":
            return int(parts[1]) >= n
        return parts[0] == "head"

    return [name for name in names if free(name)]


def _free(names, layer, other):
    split = [(name, name.split(".")) for name in names]
    return [
        name
        for name, p in split
        if (layer(int(p[1])) if p[0] == "blocks" else other(p[0]))
    ]


@trained.mistake(
    "You returned the frozen ones. Wanted are those that are trained."
)
def _(names, n):
    return _free(names, lambda layer: layer < n, lambda part: part != "head")


@trained.mistake(
    "The embeddings are still trained: they lie below the first layer."
)
def _(names, n):
    return _free(names, lambda layer: layer >= n, lambda part: True)


@trained.mistake(
    "One layer too few is frozen: layers count from 0, so the first one that is trained is layer n."
)
def _(names, n):
    return _free(
        names, lambda layer: layer >= n - 1, lambda part: part == "head"
    )


@trained.mistake(
    "The head is frozen in your list. It starts at random, and must be trained whatever else is."
)
def _(names, n):
    return _free(names, lambda layer: layer >= n, lambda part: False)
