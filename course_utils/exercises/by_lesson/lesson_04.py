"""Exercises of lesson 04: sub-word tokenisers."""

import math
from collections import Counter
from itertools import pairwise

from course_utils.exercises import exercise


@exercise(
    "04.1",
    title="Count the pairs of neighbours",
    stars=1,
    minutes=6,
    task="""
A word is a tuple of symbols, and `words` says how often each word occurs. Count every pair of neighbouring symbols in
all words together, as often as the words occur. Pairs may overlap: `("a", "a", "a")` holds `("a", "a")` twice.

`count_pairs({("l", "o", "w"): 5, ("l", "o"): 2})` is `{("l", "o"): 7, ("o", "w"): 5}`.
""",
    hints=(
        "`zip(word, word[1:])`, or `itertools.pairwise(word)`, walks through the neighbours of one word.",
        "For each pair: `counts[pair] = counts.get(pair, 0) + n`, where `n` is how often the word occurs.",
    ),
    cases=lambda rng: [
        ({("l", "o", "w"): 5, ("l", "o"): 2},),
        ({},),
        ({("a",): 9},),
        ({("a", "a", "a"): 1},),
        ({("a", "b", "a", "b"): 3, ("b", "a"): 4},),
        (
            {
                tuple(rng.choice("abc") for _ in range(5)): rng.randint(2, 9)
                for _ in range(4)
            },
        ),
    ],
)
def count_pairs(words: dict) -> dict:
    """Return how often each pair of neighbours occurs."""
    from itertools import pairwise

    counts = {}
    for word, n in words.items():
        for pair in pairwise(word):
            counts[pair] = counts.get(pair, 0) + n
    return counts


@count_pairs.mistake(
    "Each different word counted once. A word that occurs five times gives five of each of its pairs."
)
def _(words):
    return dict(Counter(pair for word in words for pair in pairwise(word)))


@count_pairs.mistake(
    "A pair that stands twice in a word counts twice; you counted it once per word."
)
def _(words):
    counts = Counter()
    for word, n in words.items():
        for pair in set(pairwise(word)):
            counts[pair] += n
    return dict(counts)


@count_pairs.mistake(
    "You skipped every second neighbour: each symbol but the last starts a pair."
)
def _(words):
    counts = Counter()
    for word, n in words.items():
        for pair in zip(word[::2], word[1::2], strict=False):
            counts[pair] += n
    return dict(counts)


@exercise(
    "04.2",
    title="Merge one pair",
    stars=2,
    minutes=8,
    task="""
Replace every occurrence of a pair of neighbouring symbols by the two joined, from left to right. A symbol takes part in
one merge only, so of `a a a` the first two become `aa`.

`merge(["l", "o", "w", "l", "o"], ("l", "o"))` is `["lo", "w", "lo"]`.
""",
    hints=(
        "Go through the symbols and build a new list; compare the last symbol that you wrote, and the present one, with the pair.",
        "If they are the pair, `out[-1] += symbol`, else `out.append(symbol)`.",
    ),
    cases=lambda rng: [
        (["l", "o", "w", "l", "o"], ("l", "o")),
        ([], ("a", "b")),
        (["a", "a", "a"], ("a", "a")),
        (["a", "a", "a", "a"], ("a", "a")),
        (["ab", "a", "b"], ("a", "b")),
        (["b", "a"], ("a", "b")),
        (["l", "ow", "lo", "w"], ("lo", "w")),
        ([rng.choice("ab") for _ in range(12)], ("a", "b")),
    ],
)
def merge(symbols: list[str], pair: tuple[str, str]) -> list[str]:
    """Return the symbols with the pair joined wherever it stands."""
    out = []
    for symbol in symbols:
        if out and (out[-1], symbol) == pair:
            out[-1] += symbol
        else:
            out.append(symbol)
    return out


@merge.mistake(
    "Only the first occurrence was merged. The pair is joined wherever it stands."
)
def _(symbols, pair):
    for i, neighbours in enumerate(pairwise(symbols)):
        if neighbours == pair:
            return [*symbols[:i], "".join(pair), *symbols[i + 2 :]]
    return symbols


@merge.mistake(
    "In `a a a` a symbol was used twice. After a merge, go on behind both of its symbols."
)
def _(symbols, pair):
    out = []
    for i, symbol in enumerate(symbols):
        if tuple(symbols[i : i + 2]) == pair:
            out.append("".join(pair))
        elif i == 0 or (symbols[i - 1], symbol) != pair:
            out.append(symbol)
    return out


@merge.mistake(
    "You searched in the joined text, where `l ow` looks like `lo w`. Compare symbols, not letters."
)
def _(symbols, pair):
    rest, out, joined = "".join(symbols), [], "".join(pair)
    sizes = list(symbols)
    while rest:
        if rest.startswith(joined):
            out.append(joined)
            rest = rest[len(joined) :]
        else:
            size = next((len(s) for s in sizes if rest.startswith(s)), 1)
            out.append(rest[:size])
            rest = rest[size:]
    return out


@exercise(
    "04.3",
    title="Cut a new word by the merges",
    stars=2,
    minutes=8,
    task="""
BPE's model is the list of its merges, in the order in which they were learnt. To cut a new word, start with its letters
and apply the merges in that order, each wherever its pair stands.

`cut("lower", [("l", "o"), ("e", "r"), ("lo", "w")])` is `["low", "er"]`.
""",
    hints=(
        "Two loops: for each merge in order, go once through the symbols and build the new list, as in 04.2.",
        "Start with `symbols = list(word)`; after each merge the new list takes its place.",
    ),
    cases=lambda rng: [
        ("lower", [("l", "o"), ("e", "r"), ("lo", "w")]),
        ("lower", []),
        ("abc", [("b", "c"), ("a", "b")]),
        ("", [("a", "b")]),
        ("abc", [("b", "c"), ("a", "b"), ("a", "bc")]),
        ("abab", [("a", "b"), ("ab", "ab")]),
        ("aaaaa", [("a", "a"), ("aa", "aa")]),
        ("bca", [("ab", "c"), ("b", "c")]),
        ("abcd", [("c", "d"), ("a", "b"), ("b", "c"), ("ab", "cd")]),
        ("abc", [("a", "b")]),
    ],
)
def cut(word: str, merges: list[tuple[str, str]]) -> list[str]:
    """Return the pieces of the word."""
    symbols = list(word)
    for pair in merges:
        out = []
        for symbol in symbols:
            if out and (out[-1], symbol) == pair:
                out[-1] += symbol
            else:
                out.append(symbol)
        symbols = out
    return symbols


def _merge(symbols, pair):
    out = []
    for symbol in symbols:
        if out and (out[-1], symbol) == pair:
            out[-1] += symbol
        else:
            out.append(symbol)
    return out


@cut.mistake(
    "The merges went from the last to the first. What was learnt first is merged first."
)
def _(word, merges):
    symbols = list(word)
    for pair in reversed(merges):
        symbols = _merge(symbols, pair)
    return symbols


@cut.mistake(
    "You took the longest known piece from the left. That is WordPiece's way; BPE replays its merges."
)
def _(word, merges):
    known, out = {a + b for a, b in merges} | set(word), []
    while word:
        piece = next(
            word[:k] for k in range(len(word), 0, -1) if word[:k] in known
        )
        out.append(piece)
        word = word[len(piece) :]
    return out


@cut.mistake(
    "You merged the leftmost pair that is known at all. The order of the merges decides, not the place."
)
def _(word, merges):
    symbols = list(word)
    while pair := next((p for p in pairwise(symbols) if p in merges), None):
        symbols = _merge(symbols, pair)
    return symbols


@exercise(
    "04.4",
    title="From byte tokens to text",
    stars=2,
    minutes=6,
    task="""
In a byte-level vocabulary a token is a `bytes` object, and it may hold only a part of a character. Return the text of a
list of ids. Bytes that are no UTF-8 even in the whole text become the replacement character `"\\ufffd"`.

`decode([0, 1], {0: b"\\xc3", 1: b"\\xa9!"})` is `"é!"`.
""",
    hints=(
        'Join the bytes of all tokens first: `b"".join(...)`.',
        '`data.decode("utf-8", errors="replace")` never fails.',
    ),
    cases=lambda rng: [
        ([0, 1], {0: b"\xc3", 1: b"\xa9!"}),
        ([], {0: b"a"}),
        ([0, 0], {0: b"low"}),
        ([2, 1, 0], {0: b"\x99\x82", 1: b"\x9f", 2: b"\xf0"}),
        ([0], {0: b"\xe5\x8c"}),
        ([1, 0, 1], {0: b"\xff", 1: b"x"}),
    ],
)
def decode(ids: list[int], vocabulary: dict[int, bytes]) -> str:
    """Return the text of the tokens."""
    data = b"".join(vocabulary[i] for i in ids)
    return data.decode("utf-8", errors="replace")


@decode.mistake(
    "Each token was decoded by itself, so a character cut in two never came together. Join first."
)
def _(ids, vocabulary):
    return "".join(
        vocabulary[i].decode("utf-8", errors="replace") for i in ids
    )


@decode.mistake(
    "Bytes that are no UTF-8 were dropped. They should show as the replacement character."
)
def _(ids, vocabulary):
    return b"".join(vocabulary[i] for i in ids).decode(
        "utf-8", errors="ignore"
    )


@decode.mistake(
    "You took every byte for a character (Latin-1). In UTF-8 `é` has two bytes, and an emoji four."
)
def _(ids, vocabulary):
    return b"".join(vocabulary[i] for i in ids).decode("latin-1")


@exercise(
    "04.5",
    title="WordPiece's choice of a pair",
    stars=2,
    minutes=10,
    task="""
WordPiece joins the pair whose join raises the likelihood of the text most. With $n(a)$ the number of occurrences of a
symbol and $n(ab)$ that of a pair, it takes the pair with the largest $n(ab) / (n(a)\\,n(b))$.

Words are tuples of symbols with their counts. Return the best pair; of equal ones the first in the order of tuples
(`min`); `None` if there is no pair. `best_pair({("a", "b"): 9, ("a", "c"): 9, ("x", "y"): 2})` is `("x", "y")`.
""",
    hints=(
        "Count symbols and pairs in the same loop, each as often as its word occurs.",
        "`min(pairs, key=lambda p: (-pairs[p] / (symbols[p[0]] * symbols[p[1]]), p))` takes the best, and the first of equals.",
    ),
    cases=lambda rng: [
        ({("a", "b"): 9, ("a", "c"): 9, ("x", "y"): 2},),
        ({},),
        ({("a",): 4},),
        ({("a", "b"): 1, ("c", "d"): 1},),
        ({("q", "u"): 3, ("u", "n"): 8, ("i", "n"): 6, ("i", "t"): 9},),
        ({("a", "b", "c"): 1, ("c", "b"): 8, ("b", "c", "a"): 2},),
        ({("a", "b"): 3, ("c", "d"): 2, ("c", "e"): 1},),
        (
            {
                ("q", "b"): 2,
                ("d", "b"): 18,
                ("d",): 30,
                ("x", "y"): 3,
                ("x",): 1,
            },
        ),
    ],
)
def best_pair(words: dict) -> tuple | None:
    """Return the pair with the largest n(ab) / (n(a) n(b))."""
    from itertools import pairwise

    symbols, pairs = {}, {}
    for word, n in words.items():
        for symbol in word:
            symbols[symbol] = symbols.get(symbol, 0) + n
        for pair in pairwise(word):
            pairs[pair] = pairs.get(pair, 0) + n
    if not pairs:
        return None
    return min(
        pairs, key=lambda p: (-pairs[p] / (symbols[p[0]] * symbols[p[1]]), p)
    )


def _counted(words):
    symbols, pairs = Counter(), Counter()
    for word, n in words.items():
        for symbol in word:
            symbols[symbol] += n
        for pair in pairwise(word):
            pairs[pair] += n
    return symbols, pairs


@best_pair.mistake(
    "That is BPE's choice, the most frequent pair. Divide by the counts of both symbols."
)
def _(words):
    _, pairs = _counted(words)
    return min(pairs, key=lambda p: (-pairs[p], p), default=None)


@best_pair.mistake(
    "You divided by the sum of the symbols' counts; it is their product."
)
def _(words):
    symbols, pairs = _counted(words)
    return min(
        pairs,
        key=lambda p: (-pairs[p] / (symbols[p[0]] + symbols[p[1]]), p),
        default=None,
    )


@best_pair.mistake("You divided by the first symbol's count only.")
def _(words):
    symbols, pairs = _counted(words)
    return min(
        pairs, key=lambda p: (-pairs[p] / symbols[p[0]], p), default=None
    )


@best_pair.mistake(
    "Words count as often as they occur; you counted each different word once."
)
def _(words):
    symbols, pairs = _counted(dict.fromkeys(words, 1))
    return min(
        pairs,
        key=lambda p: (-pairs[p] / (symbols[p[0]] * symbols[p[1]]), p),
        default=None,
    )


@exercise(
    "04.6",
    title="The longest piece from the left",
    stars=2,
    minutes=10,
    task="""
WordPiece cuts a word greedily: take the longest piece of the vocabulary that starts the word, then the longest that
starts the rest, and so on. A piece inside a word is written with `##` in front. If at some place no piece fits, the
whole word is `["[UNK]"]`.

`longest_match("lowering", {"low", "lower", "##ing", "##er"})` is `["lower", "##ing"]`.
""",
    hints=(
        'For each start, try the ends from the far one to the near; the mark is `"##" if start else ""`.',
        '`for ... else` tells whether a loop ended without `break`: there return `["[UNK]"]`.',
    ),
    cases=lambda rng: [
        ("lowering", {"low", "lower", "##ing", "##er"}),
        ("lower", {"low"}),
        ("low", {"low", "lo", "##w"}),
        ("lowlow", {"low"}),
        ("lowlow", {"low", "##low"}),
        ("abcd", {"abc", "ab", "##cd"}),
        ("xa", {"##a", "a", "##xa"}),
        ("aaa", {"a", "##a", "##aa"}),
    ],
)
def longest_match(word: str, vocabulary: set[str]) -> list[str]:
    """Return the pieces of the word, or [UNK]."""
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                break
        else:
            return ["[UNK]"]
        pieces.append(piece)
        start = end
    return pieces


def _greedy(
    word,
    vocabulary,
    ends=reversed,
    mark="##",
    unknown=lambda pieces: ["[UNK]"],
):
    pieces, start = [], 0
    while start < len(word):
        for end in ends(range(start + 1, len(word) + 1)):
            piece = (mark if start else "") + word[start:end]
            if piece in vocabulary:
                break
        else:
            return unknown(pieces)
        pieces.append(piece)
        start = end
    return pieces


@longest_match.mistake(
    "The shortest piece that fits was taken. Try the long ones first."
)
def _(word, vocabulary):
    return _greedy(word, vocabulary, ends=iter)


@longest_match.mistake(
    "Inside a word the vocabulary's pieces have `##` in front: look for those."
)
def _(word, vocabulary):
    return _greedy(word, vocabulary, mark="")


@longest_match.mistake(
    "When no piece fits, the whole word is unknown; what was found before is dropped."
)
def _(word, vocabulary):
    return _greedy(word, vocabulary, unknown=lambda pieces: [*pieces, "[UNK]"])


@exercise(
    "04.7",
    title="The most probable cut (Viterbi)",
    stars=3,
    minutes=15,
    task="""
In a unigram model each piece has a log-probability, and a cut has the sum of those of its pieces. Return the cut of a
text with the largest sum, or `[]` if no cut exists. Do not try all cuts: keep for each place in the text the best way
to reach it.

`best_cut("abc", {"a": -1.0, "b": -1.0, "c": -1.0, "ab": -3.0, "bc": -1.5})` is `["a", "bc"]`, with the sum -2.5.
""",
    hints=(
        "`best[end]` is the best sum up to `end`; it is the largest of `best[start] + log_p[text[start:end]]` over all starts.",
        "Keep beside each sum the pieces that reach it: `best = {0: (0.0, [])}`, and skip starts that cannot be reached.",
    ),
    cases=lambda rng: [
        ("abc", {"a": -1.0, "b": -1.0, "c": -1.0, "ab": -3.0, "bc": -1.5}),
        ("", {"a": -1.0}),
        ("abx", {"a": -1.0, "b": -1.0}),
        ("abcd", {"abc": -1.0, "d": -9.0, "ab": -2.0, "cd": -2.5}),
        ("aaaa", {"a": -1.0, "aa": -1.7, "aaa": -4.0}),
        ("abab", {"ab": -2.5, "a": -1.0, "b": -1.0, "abab": -6.0}),
        ("xyz", {"xyz": -7.0, "x": -2.0, "y": -2.0, "z": -2.0, "yz": -4.5}),
        ("lowing", {"low": -9.0, "ing": -6.0, "lo": -9.5, "wing": -8.0}),
    ],
)
def best_cut(text: str, log_p: dict[str, float]) -> list[str]:
    """Return the pieces of the most probable cut."""
    best = {0: (0.0, [])}
    for end in range(1, len(text) + 1):
        for start in range(end):
            piece = text[start:end]
            if start in best and piece in log_p:
                total = best[start][0] + log_p[piece]
                if end not in best or total > best[end][0]:
                    best[end] = total, [*best[start][1], piece]
    return best[len(text)][1] if len(text) in best else []


def _all_cuts(text, log_p):
    if not text:
        yield []
    for end in range(1, len(text) + 1):
        if text[:end] in log_p:
            for rest in _all_cuts(text[end:], log_p):
                yield [text[:end], *rest]


@best_cut.mistake(
    "You took the longest piece from the left. A shorter start can leave a better rest."
)
def _(text, log_p):
    pieces = []
    while text:
        piece = next(
            (text[:k] for k in range(len(text), 0, -1) if text[:k] in log_p),
            None,
        )
        if piece is None:
            return []
        pieces.append(piece)
        text = text[len(piece) :]
    return pieces


@best_cut.mistake(
    "The cut with the fewest pieces is not always the most probable one: add up the log-probabilities."
)
def _(text, log_p):
    return min(_all_cuts(text, log_p), key=len, default=[])


@best_cut.mistake(
    "You added probabilities. They multiply along a cut, so it is their logarithms that add up."
)
def _(text, log_p):
    return max(
        _all_cuts(text, log_p),
        key=lambda cut: sum(math.exp(log_p[piece]) for piece in cut),
        default=[],
    )


@best_cut.mistake(
    "You found the least probable cut: log-probabilities are negative, and the largest is nearest to 0."
)
def _(text, log_p):
    return min(
        _all_cuts(text, log_p),
        key=lambda cut: sum(log_p[piece] for piece in cut),
        default=[],
    )
