"""Exercises of lesson 22: text to text."""

from course_utils.exercises import exercise


@exercise(
    "22.1",
    title="A number is a text too",
    stars=1,
    minutes=5,
    task="""
One of T5's tasks is to say how similar two sentences are, as a number from 0 to 5. The model writes text, so the number
becomes one: the nearest multiple of 0.2, with one decimal. Return it. No score lies in the middle of two multiples.

`as_text(2.57)` is `"2.6"`, and `as_text(3)` is `"3.0"`.
""",
    hints=(
        "Multiply by 5, round to a whole number, divide by 5.",
        'f"{number:.1f}" writes a number with one decimal, also a whole one.',
    ),
    cases=lambda rng: [
        (3,),
        (0.0,),
        (5.0,),
        (2.57,),
        (4.31,),
        (3.52,),
        (0.05,),
        (round(rng.randint(0, 24) / 5 + 0.07, 2),),
        (round(rng.randint(0, 24) / 5 + 0.13, 2),),
    ],
)
def as_text(score: float) -> str:
    """Return the score, rounded to a multiple of 0.2, as text."""
    return f"{round(score * 5) / 5:.1f}"


@as_text.mistake(
    "You rounded to the nearest tenth. With steps of 0.2 there are 26 possible answers, and fewer to confuse."
)
def _(score):
    return f"{score:.1f}"


@as_text.mistake(
    "You rounded to whole numbers, and lost what lies between 2.0 and 3.0."
)
def _(score):
    return f"{round(score):.1f}"


@as_text.mistake(
    "You cut off instead of rounding: 2.57 is nearer to 2.6 than to 2.4."
)
def _(score):
    return f"{int(score * 5 + 1e-9) / 5:.1f}"


@as_text.mistake(
    "That is a number. The model's targets are texts, so the answer is a string."
)
def _(score):
    return round(score * 5) / 5


@exercise(
    "22.2",
    title="Back from text to class",
    stars=1,
    minutes=6,
    task="""
A model that writes text may write anything. To score it as a classifier, return the number of the label that its words
are, or `-1` if they are none of the labels: T5's paper counts that as wrong. Each label is one text; the words of the
answer are joined by blanks.

`class_of(["bad"], ["good", "bad"])` is `1`, `class_of(["bad", "bad"], ["good", "bad"])` is `-1`.
""",
    hints=(
        "`' '.join(words)` is the whole answer.",
        "`labels.index(text)` finds a label, and raises a ValueError where there is none: ask `text in labels` first.",
    ),
    cases=lambda rng: [
        (["bad"], ["good", "bad"]),
        (["good"], ["good", "bad"]),
        ([], ["good", "bad"]),
        (["bad", "bad"], ["good", "bad"]),
        (["not", "good"], ["good", "not good"]),
        (["goo"], ["good", "bad"]),
        (["good", "morning"], ["good", "bad"]),
    ],
)
def class_of(words: list[str], labels: list[str]) -> int:
    """Return which label the words are, -1 for none."""
    text = " ".join(words)
    return labels.index(text) if text in labels else -1


@class_of.mistake(
    "You looked at the first word only. An answer that begins with a label and goes on is another text."
)
def _(words, labels):
    return labels.index(words[0]) if words and words[0] in labels else -1


@class_of.mistake(
    "You gave an answer that is no label the class 0: nonsense would be right whenever the first class is."
)
def _(words, labels):
    text = " ".join(words)
    return labels.index(text) if text in labels else 0


@class_of.mistake(
    "You looked for a label inside the answer. *not good* holds *good*, and says something else."
)
def _(words, labels):
    text = " ".join(words)
    found = [i for i, label in enumerate(labels) if label in text]
    return found[0] if found else -1


@exercise(
    "22.3",
    title="How large is a T5?",
    stars=3,
    minutes=20,
    task="""
Count the parameters of a T5 with vocabulary `V`, width `D`, `N` layers in *each* stack, `H` heads of width `K`, nets of
width `F`, and 32 buckets of distances:

- one table of `V` rows, which is also the head;
- an attention: four matrices between `D` and `H * K`, no biases;
- a net: two matrices between `D` and `F`, no biases;
- a norm: `D` numbers. One stands before each attention and each net, and one at the end of each stack;
- an encoder layer has one attention and a net, a decoder layer two attentions and a net;
- in each stack one number for each head and each bucket.

t5-small is `t5_size(32128, 512, 6, 8, 64, 2048)`: 60,506,624.
""",
    hints=(
        "Write three lines: `attention = 4 * D * H * K`, `net = 2 * D * F`, and the two kinds of layer made of them.",
        "An encoder layer has 2 norms, a decoder layer 3; and then one at the end of each stack: `N * 5 + 2` norms.",
    ),
    cases=lambda rng: [
        (32_128, 512, 6, 8, 64, 2048),
        (32_128, 768, 12, 12, 64, 3072),
        (32_128, 1024, 24, 128, 128, 65_536),
        (10, 4, 1, 1, 3, 5),
        (10, 4, 0, 1, 3, 5),
        (7, 6, 2, 3, 1, 4),
    ],
)
def t5_size(V: int, D: int, N: int, H: int, K: int, F: int) -> int:
    """Return the number of parameters of a T5."""
    attention, net, norm = 4 * D * H * K, 2 * D * F, D
    encoder = attention + net + 2 * norm
    decoder = 2 * attention + net + 3 * norm
    return V * D + N * (encoder + decoder) + 2 * norm + 2 * 32 * H


def _size(
    V,
    D,
    N,
    H,
    K,
    F,
    *,
    tables=1,
    cross=1,
    inner=None,
    norms=5,
    ends=2,
    biases=2,
):
    attention, net = 4 * D * (inner or H * K), 2 * D * F
    layer = (2 + cross) * attention + 2 * net + (norms - 1 + cross) * D
    return tables * V * D + N * layer + ends * D + biases * 32 * H


@t5_size.mistake(
    "You counted the head as well. It is the embedding table, used a second time: these weights are there once."
)
def _(V, D, N, H, K, F):
    return _size(V, D, N, H, K, F, tables=2)


@t5_size.mistake(
    "The decoder's layers have two attentions: one to what was written, and one to what the encoder read."
)
def _(V, D, N, H, K, F):
    return _size(V, D, N, H, K, F, cross=0)


@t5_size.mistake(
    "You took the heads to be as wide as the model together. In T5 that need not be so: H * K is 16,384 in the largest."
)
def _(V, D, N, H, K, F):
    return _size(V, D, N, H, K, F, inner=D)


@t5_size.mistake(
    "The numbers of the distances are there once a stack, shared by its layers; you counted them in each layer."
)
def _(V, D, N, H, K, F):
    return _size(V, D, N, H, K, F, biases=2 * N)


@t5_size.mistake(
    "A decoder layer has three norms: one before each of its two attentions, and one before the net."
)
def _(V, D, N, H, K, F):
    return _size(V, D, N, H, K, F, norms=4)


@t5_size.mistake("Each stack ends with one more norm: yours have none.")
def _(V, D, N, H, K, F):
    return _size(V, D, N, H, K, F, ends=0)


@exercise(
    "22.4",
    title="How often does each task come?",
    stars=2,
    minutes=8,
    task="""
T5 mixes tasks *in proportion to their examples*, but no task counts for more than `limit` of them, or the largest would
crowd out the rest. Return the share of each task, in the order of `sizes`: min(size, limit), divided by the sum of
these over all tasks.

`shares([100, 300], 1000)` is `[0.25, 0.75]`, `shares([100, 300], 100)` is `[0.5, 0.5]`.
""",
    hints=(
        "First `counted = [min(size, limit) for size in sizes]`.",
        "Then divide each of them by `sum(counted)`, so that the shares add up to 1.",
    ),
    cases=lambda rng: [
        ([100, 300], 1000),
        ([100, 300], 100),
        ([100, 300], 200),
        ([5], 2),
        ([1, 10, 100, 1000], 50),
        ([rng.randint(1, 500) for _ in range(4)], 200),
    ],
)
def shares(sizes: list[int], limit: int) -> list[float]:
    """Return how large a part of the mixture each task is."""
    counted = [min(size, limit) for size in sizes]
    return [count / sum(counted) for count in counted]


@shares.mistake(
    "You divided by the number of all examples. After the limit the shares must be divided by what is left, to add up "
    "to 1."
)
def _(sizes, limit):
    return [min(size, limit) / sum(sizes) for size in sizes]


@shares.mistake(
    "There is no limit in yours: a task with a million examples would be all that the model sees."
)
def _(sizes, limit):
    return [size / sum(sizes) for size in sizes]


@shares.mistake(
    "You raised small tasks to the limit. It is an upper one: `min(size, limit)`."
)
def _(sizes, limit):
    counted = [max(size, limit) for size in sizes]
    return [count / sum(counted) for count in counted]


@exercise(
    "22.5",
    title="Span corruption by hand",
    stars=2,
    minutes=15,
    task="""
`hidden` says of each word whether it is hidden. Return the pair `(inputs, targets)`, two lists of words:

- inputs: the text with one sentinel in place of each *run* of hidden words; the sentinels are `"<X0>"`, `"<X1>"`, ...
- targets: each sentinel, followed by the words that it stands for.

Both end with `"</s>"`. (The sentinel that closes the targets in the paper's figure is left out.)

`hide_spans(["a", "b", "c", "d"], [False, True, True, False])` is
`(["a", "<X0>", "d", "</s>"], ["<X0>", "b", "c", "</s>"])`.
""",
    hints=(
        "Go through the words, and remember whether the word before was hidden: a run begins where it was not.",
        'Where a run begins, add `f"<X{n}>"` to both lists and count n up; a hidden word then goes to the targets.',
    ),
    cases=lambda rng: [
        (["a", "b", "c", "d"], [False, True, True, False]),
        (["a", "b", "c", "d", "e"], [True, False, True, False, True]),
        (["a", "b"], [False, False]),
        (["a", "b"], [True, True]),
        ([], []),
        (list("abcdef"), [False, True, True, False, True, True]),
        *[
            (list("abcdefgh"), [rng.random() < 0.4 for _ in range(8)])
            for _ in range(3)
        ],
    ],
)
def hide_spans(
    words: list[str], hidden: list[bool]
) -> tuple[list[str], list[str]]:
    """Return what the encoder reads, and what the decoder should write."""
    inputs, targets, n, before = [], [], 0, False
    for word, hide in zip(words, hidden, strict=True):
        if hide and not before:
            inputs.append(f"<X{n}>")
            targets.append(f"<X{n}>")
            n += 1
        (targets if hide else inputs).append(word)
        before = hide
    return [*inputs, "</s>"], [*targets, "</s>"]


def _spans(words, hidden, *, each=False, same=False, end=True, named=True):
    inputs, targets, n, before = [], [], 0, False
    for word, hide in zip(words, hidden, strict=True):
        if hide and (each or not before):
            inputs.append(f"<X{0 if same else n}>")
            targets += [f"<X{0 if same else n}>"] * named
            n += 1
        (targets if hide else inputs).append(word)
        before = hide
    return inputs + ["</s>"] * end, targets + ["</s>"] * end


@hide_spans.mistake(
    "You put a sentinel in place of each hidden word. One stands for a whole run: how many words are missing is for the "
    "model to find out."
)
def _(words, hidden):
    return _spans(words, hidden, each=True)


@hide_spans.mistake(
    "All your sentinels are the same. They are numbered, so that the target can say which gap it is about."
)
def _(words, hidden):
    return _spans(words, hidden, same=True)


@hide_spans.mistake(
    "Your targets hold the words without the sentinels: nobody knows which words belong to which gap."
)
def _(words, hidden):
    return _spans(words, hidden, named=False)


@hide_spans.mistake(
    "You closed the targets with one more sentinel, as the paper's figure does. Here they end with the last gap's words."
)
def _(words, hidden):
    inputs, targets = hide_spans.solution(words, hidden)
    runs = sum(word.startswith("<X") for word in targets)
    return inputs, [*targets[:-1], f"<X{runs}>", "</s>"]


@hide_spans.mistake(
    "The end is missing: both lists end with `</s>`, so that the decoder learns to stop."
)
def _(words, hidden):
    return _spans(words, hidden, end=False)


@hide_spans.mistake(
    "That is the target of BERT's objective in this setting: the whole text. T5 writes only what is missing."
)
def _(words, hidden):
    return _spans(words, hidden)[0], [*words, "</s>"]


@exercise(
    "22.6",
    title="Fill the gaps",
    stars=2,
    minutes=12,
    task="""
The way back. `inputs` is a text with sentinels (words that begin with `"<X"`), `answer` what a model wrote: sentinels,
each followed by words. Return the text, with each sentinel of the inputs replaced by what the answer says of it; by
nothing, if it says nothing. There is no `"</s>"` in either.

`fill_gaps(["a", "<X0>", "d"], ["<X0>", "b", "c"])` is `["a", "b", "c", "d"]`.
""",
    hints=(
        "First make a dictionary of the answer: each sentinel with the list of words after it, up to the next one.",
        "Then go through the inputs, and add `found.get(word, [])` for a sentinel, the word itself for another.",
    ),
    cases=lambda rng: [
        (["a", "<X0>", "d"], ["<X0>", "b", "c"]),
        (["<X0>", "b", "<X1>"], ["<X0>", "a", "<X1>", "c", "d"]),
        (["<X0>", "b", "<X1>"], ["<X1>", "c", "<X0>", "a"]),
        (["a", "<X0>", "b"], []),
        (["a", "b"], ["<X0>", "c"]),
        ([], []),
        (["a", "<X0>", "<X1>"], ["<X0>", "<X1>", "b"]),
    ],
)
def fill_gaps(inputs: list[str], answer: list[str]) -> list[str]:
    """Return the text with its gaps filled."""
    found, gap = {}, None
    for word in answer:
        if word.startswith("<X"):
            gap = found.setdefault(word, [])
        elif gap is not None:
            gap.append(word)
    text = []
    for word in inputs:
        text += found.get(word, []) if word.startswith("<X") else [word]
    return text


def _found(answer):
    found, gap = {}, None
    for word in answer:
        if word.startswith("<X"):
            gap = found.setdefault(word, [])
        elif gap is not None:
            gap.append(word)
    return found


@fill_gaps.mistake(
    "You kept the sentinels of gaps of which the answer says nothing. Such a gap stays empty."
)
def _(inputs, answer):
    found = _found(answer)
    return [part for word in inputs for part in found.get(word, [word])]


@fill_gaps.mistake(
    "You filled the gaps in the order of the answer. Look each one up by its name: a model may tell them in any order."
)
def _(inputs, answer):
    spans = list(_found(answer).values())
    text = []
    for word in inputs:
        if word.startswith("<X"):
            text += spans.pop(0) if spans else []
        else:
            text.append(word)
    return text


@fill_gaps.mistake(
    "You took only the first word after each sentinel: a gap may have several, or none."
)
def _(inputs, answer):
    found = _found(answer)
    text = []
    for word in inputs:
        text += found.get(word, [])[:1] if word.startswith("<X") else [word]
    return text


@exercise(
    "22.7",
    title="How long are the two texts?",
    stars=1,
    minutes=6,
    task="""
Of a text of `length` tokens, `hidden` are hidden in `spans` runs. Return the pair (length of the inputs, length of the
targets), the end `</s>` included in both.

`two_lengths(512, 77, 26)` is `(462, 104)`.
""",
    hints=(
        "The inputs lose the hidden tokens and win a sentinel for each span.",
        "The targets have the hidden tokens, a sentinel for each span, and the end.",
    ),
    cases=lambda rng: [
        (512, 77, 26),
        (64, 10, 3),
        (2, 1, 1),
        (20, 3, 1),
        (100, 15, 15),
        (rng.randint(60, 200), 21, 7),
    ],
)
def two_lengths(
    length: int,
    hidden: int,
    spans: int,
) -> tuple[int, int]:
    """Return how many tokens the encoder reads, and the decoder writes."""
    return length - hidden + spans + 1, hidden + spans + 1


@two_lengths.mistake(
    "The inputs keep a sentinel for each span; you took the hidden tokens out and left nothing in their place."
)
def _(length, hidden, spans):
    return length - hidden + 1, hidden + spans + 1


@two_lengths.mistake(
    "The targets name each gap before they fill it: a sentinel for each span is missing."
)
def _(length, hidden, spans):
    return length - hidden + spans + 1, hidden + 1


@two_lengths.mistake("You forgot the end: `</s>` is one token more in both.")
def _(length, hidden, spans):
    return length - hidden + spans, hidden + spans


@two_lengths.mistake(
    "You gave every hidden token a sentinel. One stands for a whole span: that is why the targets are short."
)
def _(length, hidden, spans):
    return length + 1, 2 * hidden + 1


@exercise(
    "22.8",
    title="A fair share for small languages",
    stars=2,
    minutes=8,
    task="""
mT5 draws a language with n pages with a probability in proportion to $n^\\alpha$. With $\\alpha = 1$ a language comes as
often as it is written, with $\\alpha = 0$ all come equally often; mT5 took 0.3. Return the probabilities.

`chances([1, 100], 0.5)` is `[1/11, 10/11]`.
""",
    hints=(
        "`weights = [n**alpha for n in pages]`.",
        "Divide each by the sum of all, so that they add up to 1.",
    ),
    cases=lambda rng: [
        ([1, 100], 0.5),
        ([1, 100], 1.0),
        ([1, 100], 0.0),
        ([7], 0.3),
        ([3000, 50, 1], 0.3),
        ([rng.randint(1, 900) for _ in range(4)], 0.7),
    ],
)
def chances(pages: list[int], alpha: float) -> list[float]:
    """Return how often each language should come."""
    weights = [n**alpha for n in pages]
    return [weight / sum(weights) for weight in weights]


@chances.mistake(
    "You raised the shares to the power and left them so: they no longer add up to 1."
)
def _(pages, alpha):
    return [(n / sum(pages)) ** alpha for n in pages]


@chances.mistake(
    "You multiplied by alpha. That changes nothing once you divide by the sum: it is a power."
)
def _(pages, alpha):
    return [n / sum(pages) for n in pages]


@chances.mistake(
    "The power is 1/alpha in yours, which favours large languages even more."
)
def _(pages, alpha):
    weights = [n ** (1 / (alpha or 1e-1)) for n in pages]
    return [weight / sum(weights) for weight in weights]


@exercise(
    "22.9",
    title="Text infilling",
    stars=3,
    minutes=15,
    task="""
BART's best noise. `spans` are pairs (start, length), in order and without overlap. Replace each span of the text by *one*
`"[MASK]"`. A span of length 0 puts a `"[MASK]"` before the word at its start, where nothing is missing.

`infill(["a", "b", "c", "d"], [(1, 2), (4, 0)])` is `["a", "[MASK]", "d", "[MASK]"]`.
""",
    hints=(
        "Copy the words up to the start of a span, add one mask, and go on at start + length.",
        "After the last span the rest of the words is copied: keep the place where you are in a variable.",
    ),
    cases=lambda rng: [
        (["a", "b", "c", "d"], [(1, 2), (4, 0)]),
        (["a", "b", "c"], []),
        (["a", "b", "c"], [(0, 3)]),
        (["a", "b", "c"], [(0, 0)]),
        ([], [(0, 0)]),
        (list("abcdef"), [(0, 1), (2, 3)]),
        (list("abcdef"), [(1, 0), (1, 2), (5, 1)]),
    ],
)
def infill(
    words: list[str],
    spans: list[tuple[int, int]],
) -> list[str]:
    """Return the text with one mask in place of each span."""
    text, place = [], 0
    for start, length in spans:
        text += [*words[place:start], "[MASK]"]
        place = start + length
    return text + words[place:]


@infill.mistake(
    "You put a mask for each word. Then the model is told how long the gap is, which is what it should find out."
)
def _(words, spans):
    text, place = [], 0
    for start, length in spans:
        text += [*words[place:start], *["[MASK]"] * max(length, 1)]
        place = start + length
    return text + words[place:]


@infill.mistake(
    "You left out the spans of length 0. A mask where nothing is missing teaches the model that a gap may be empty."
)
def _(words, spans):
    text, place = [], 0
    for start, length in spans:
        text += [*words[place:start], *["[MASK]"] * (length > 0)]
        place = start + length
    return text + words[place:]


@infill.mistake(
    "You removed the spans and put no mask: that is another of the five noises, token deletion."
)
def _(words, spans):
    gone = {i for start, n in spans for i in range(start, start + n)}
    return [word for i, word in enumerate(words) if i not in gone]


@infill.mistake(
    "The second number is a length, not an end: the text goes on at start + length."
)
def _(words, spans):
    text, place = [], 0
    for start, end in spans:
        text += [*words[place:start], "[MASK]"]
        place = max(start, end)
    return text + words[place:]
