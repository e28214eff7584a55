"""Exercises of lesson 01: normalising words."""

import math

from course_utils.exercises import exercise


@exercise(
    "01.1",
    title="Tokens and types",
    stars=1,
    minutes=3,
    task="""
A *token* is a word as it stands in the text; a *type* is a different word. Return both counts of a list of words,
where `The` and `the` are one type.

`count(["The", "cat", "saw", "the", "dog"])` is `(5, 4)`.
""",
    hints=(
        "A `set` keeps every member once.",
        "Lower-case each word before it goes into the set.",
    ),
    cases=lambda rng: [
        (["The", "cat", "saw", "the", "dog"],),
        ([],),
        (["US", "us", "Us"],),
        (["a", "a", "a"],),
        (
            [
                rng.choice(["one", "One", "two", "three", "THREE"])
                for _ in range(15)
            ],
        ),
    ],
)
def count(words: list[str]) -> tuple[int, int]:
    """Return the numbers of tokens and of types, ignoring case."""
    return len(words), len({word.lower() for word in words})


@count.mistake(
    "Case still separates your types: `The` and `the` count as two. Lower-case before counting."
)
def _(words):
    return len(words), len(set(words))


@count.mistake(
    "Tokens come first, then types: every word of the text is a token."
)
def _(words):
    return len({word.lower() for word in words}), len(words)


@count.mistake(
    "You counted the words that occur exactly once. A type counts once however often it occurs."
)
def _(words):
    lower = [word.lower() for word in words]
    return len(words), sum(lower.count(word) == 1 for word in set(lower))


@exercise(
    "01.2",
    title="Fold only the first word of a sentence",
    stars=2,
    minutes=10,
    task="""
A capital at the start of a sentence says nothing about the word. Lower-case the first word of each sentence, *unless*
that capitalised form also stands somewhere inside a sentence, where only names are capitalised. All other words stay.

`fold_first([["The", "Thames", "froze"], ["Thames", "water"]])` is `[["the", "Thames", "froze"], ["Thames", "water"]]`.
""",
    hints=(
        "Collect first all words that do not start a sentence: `sentence[1:]`.",
        "Then go through the sentences again and look only at `sentence[0]`. A sentence may be empty.",
    ),
    cases=lambda rng: [
        ([["The", "Thames", "froze"], ["Thames", "water"]],),
        ([],),
        ([[], ["Go"]],),
        ([["Us", "too"], ["The", "US", "army"], ["US", "troops"]],),
        (
            [
                ["Apple", "pie"],
                ["an", "Apple", "phone"],
                ["The", "end"],
                ["The", "Apple"],
            ],
        ),
        ([["Rain", "fell"], ["Rain", "fell", "again"]],),
    ],
)
def fold_first(sentences: list[list[str]]) -> list[list[str]]:
    """Return the sentences with first words folded, except names."""
    inside = {word for sentence in sentences for word in sentence[1:]}
    folded = []
    for sentence in sentences:
        first = [
            word if word in inside else word.lower() for word in sentence[:1]
        ]
        folded.append(first + sentence[1:])
    return folded


@fold_first.mistake(
    "You lower-cased every word. Inside a sentence a capital is a name's, and stays."
)
def _(sentences):
    return [[word.lower() for word in sentence] for sentence in sentences]


@fold_first.mistake(
    "Every first word was folded, names too: look whether the form also stands inside a sentence."
)
def _(sentences):
    return [
        [word.lower() for word in sentence[:1]] + sentence[1:]
        for sentence in sentences
    ]


@fold_first.mistake(
    "You took the first words themselves as evidence that a form is a name. Only words inside a sentence are."
)
def _(sentences):
    everywhere = {word for sentence in sentences for word in sentence}
    return [
        [w if w in everywhere else w.lower() for w in sentence[:1]]
        + sentence[1:]
        for sentence in sentences
    ]


@exercise(
    "01.3",
    title="Porter's measure m",
    stars=2,
    minutes=10,
    task="""
Mark every letter of a lower-case word as consonant (c) or vowel (v): `a e i o u` are vowels, and `y` is a vowel when a
consonant stands before it (`happy`, but not `toy` or `yes`). Porter's measure *m* counts how often a run of vowels is
followed by a run of consonants.

`measure("tree")` is 0 (ccvv), `measure("trouble")` is 1 (ccvvccv), `measure("private")` is 2 (ccvcvcv).
""",
    hints=(
        'Build a string of "c" and "v" letter by letter; for `y`, look at the mark you wrote last.',
        'Every switch from vowel to consonant shows in that string as `"vc"`: count those.',
    ),
    cases=lambda rng: [
        (word,)
        for word in [
            "tree",
            "trouble",
            "private",
            "",
            "y",
            "by",
            "toy",
            "oats",
            "ivy",
            "orrery",
            "syzygy",
            "yoyo",
            "happy",
            "flyy",
        ]
    ],
)
def measure(word: str) -> int:
    """Return m: how often consonants follow a run of vowels."""
    marks = ""
    for letter in word:
        vowel = letter in "aeiou" or (letter == "y" and marks[-1:] == "c")
        marks += "v" if vowel else "c"
    return marks.count("vc")


def _marks(word: str, y_is_vowel) -> str:
    marks = ""
    for letter in word:
        marks += (
            "v"
            if letter in "aeiou" or (letter == "y" and y_is_vowel(marks))
            else "c"
        )
    return marks


@measure.mistake(
    "You always took `y` as a vowel. After a vowel, or at the start, it is a consonant (`toy`, `yes`)."
)
def _(word):
    return _marks(word, lambda marks: True).count("vc")


@measure.mistake(
    "You always took `y` as a consonant. After a consonant it is a vowel (`happy`, `syzygy`)."
)
def _(word):
    return _marks(word, lambda marks: False).count("vc")


@measure.mistake(
    "You looked at the letter before `y`. Look at its mark: in `flyy` the first `y` is a vowel, so the second is none."
)
def _(word):
    marks = ""
    for letter, before in zip(word, " " + word, strict=False):
        vowel = letter in "aeiou" or (letter == "y" and before not in " aeiou")
        marks += "v" if vowel else "c"
    return marks.count("vc")


@measure.mistake(
    "You counted consonants followed by vowels. m counts the other way round: vowels, then consonants."
)
def _(word):
    return _marks(word, lambda marks: marks[-1:] == "c").count("cv")


@measure.mistake(
    "You counted the runs of vowels. A run at the end, with no consonant after it, does not count."
)
def _(word):
    marks = _marks(word, lambda marks: marks[-1:] == "c")
    return sum(
        mark == "v" and marks[i - 1 : i] != "v" for i, mark in enumerate(marks)
    )


@exercise(
    "01.4",
    title="Step 1a: plurals",
    stars=1,
    minutes=6,
    task="""
Porter's first step has four rules. The *longest* ending that fits is replaced, and no other rule is tried:

| ending | becomes | example |
|---|---|---|
| sses | ss | caresses → caress |
| ies | i | ponies → poni |
| ss | ss | caress → caress |
| s | (nothing) | cats → cat |

`step_1a("ponies")` is `"poni"`.
""",
    hints=(
        "`word.endswith(ending)` tells whether a rule fits; try the rules from the longest to the shortest.",
        "`word.removesuffix(ending) + becomes` does the replacement; `return` at once, so that no other rule is tried.",
    ),
    cases=lambda rng: [
        (word,)
        for word in [
            "cats",
            "ponies",
            "caress",
            "caresses",
            "ties",
            "",
            "s",
            "cat",
            "bus",
            "news",
        ]
    ],
)
def step_1a(word: str) -> str:
    """Return the word after Porter's step 1a."""
    for ending, becomes in [
        ("sses", "ss"),
        ("ies", "i"),
        ("ss", "ss"),
        ("s", ""),
    ]:
        if word.endswith(ending):
            return word.removesuffix(ending) + becomes
    return word


@step_1a.mistake(
    "`caress` lost its s: words in `ss` have a rule of their own that leaves them as they are."
)
def _(word):
    for ending, becomes in [("sses", "ss"), ("ies", "i"), ("s", "")]:
        if word.endswith(ending):
            return word.removesuffix(ending) + becomes
    return word


@step_1a.mistake(
    "The shortest ending was tried first, so the other rules never had their turn. Longest first."
)
def _(word):
    return word.removesuffix("s")


@step_1a.mistake(
    "That would be good spelling, but it is not Porter's rule: `ies` becomes `i`, so `ponies` → `poni`."
)
def _(word):
    for ending, becomes in [
        ("sses", "ss"),
        ("ies", "y"),
        ("ss", "ss"),
        ("s", ""),
    ]:
        if word.endswith(ending):
            return word.removesuffix(ending) + becomes
    return word


@exercise(
    "01.5",
    title="The condition *o",
    stars=2,
    minutes=8,
    task="""
Several of Porter's rules ask whether a stem ends like a short syllable, written *\\*o*: its last three letters are
consonant, vowel, consonant, and the last one is not `w`, `x` or `y`. Then `hop(ing)` is completed to `hope`, while
`fail(ing)` stays `fail`.

`short_end("hop")` is `True`; `short_end("fail")`, `short_end("snow")` and `short_end("op")` are `False`.
Vowels are `a e i o u`, and `y` after a consonant.
""",
    hints=(
        "Mark consonants and vowels as in exercise 01.3; then the last three marks must be `cvc`.",
        'A string can be compared with its end: `marks.endswith("cvc")`; then look at `stem[-1]`.',
    ),
    cases=lambda rng: [
        (stem,)
        for stem in [
            "hop",
            "fail",
            "snow",
            "box",
            "op",
            "",
            "tray",
            "fil",
            "syl",
            "wil",
            "ho",
            "aid",
            "hopp",
            "yes",
            "stray",
        ]
    ],
)
def short_end(stem: str) -> bool:
    """Return whether the stem ends cvc, the last not w, x or y."""
    marks = ""
    for letter in stem:
        vowel = letter in "aeiou" or (letter == "y" and marks[-1:] == "c")
        marks += "v" if vowel else "c"
    return marks.endswith("cvc") and stem[-1] not in "wxy"


@short_end.mistake(
    "`snow`, `box` and `tray` must not count: the last letter may not be w, x or y."
)
def _(stem):
    return _marks(stem, lambda marks: marks[-1:] == "c").endswith("cvc")


@short_end.mistake(
    "Three letters are needed, the first a consonant: `op` and `fail` do not end so."
)
def _(stem):
    return (
        _marks(stem, lambda marks: marks[-1:] == "c").endswith("vc")
        and stem[-1] not in "wxy"
    )


@short_end.mistake(
    "In `syl` the `y` stands after a consonant, so it is a vowel and the stem does end so."
)
def _(stem):
    return (
        _marks(stem, lambda marks: False).endswith("cvc")
        and stem[-1] not in "wxy"
    )


@exercise(
    "01.6",
    title="Detach an ending",
    stars=2,
    minutes=8,
    task="""
A lemmatiser proposes candidates before it asks the dictionary. Each rule is a pair `(ending, becomes)`. Return the
candidates of *all* rules that fit, in the order of the rules.

`detach("wives", [("s", ""), ("ves", "f"), ("es", "e")])` is `["wive", "wif", "wive"]`: none of them need be a word yet.
""",
    hints=(
        "Go through the rules; `word.endswith(ending)` tells whether one fits.",
        "Cut the ending from the end only: `word.removesuffix(ending) + becomes`.",
    ),
    cases=lambda rng: [
        ("wives", [("s", ""), ("ves", "f"), ("es", "e")]),
        ("cat", [("s", "")]),
        ("", [("s", "")]),
        ("glasses", [("s", ""), ("ses", "s"), ("es", "")]),
        ("sses", [("s", ""), ("sses", "ss")]),
        ("flying", [("ing", "e"), ("ing", ""), ("ed", "")]),
        ("men", [("men", "man"), ("s", "")]),
    ],
)
def detach(word: str, rules: list[tuple[str, str]]) -> list[str]:
    """Return what each fitting rule makes of the word, in order."""
    return [
        word.removesuffix(ending) + becomes
        for ending, becomes in rules
        if word.endswith(ending)
    ]


@detach.mistake(
    "You stopped at the first rule that fits. All candidates are wanted; the dictionary chooses among them."
)
def _(word, rules):
    for ending, becomes in rules:
        if word.endswith(ending):
            return [word.removesuffix(ending) + becomes]
    return []


@detach.mistake(
    "The ending was cut off, and what replaces it forgotten: `ves` becomes `f`."
)
def _(word, rules):
    return [
        word.removesuffix(ending)
        for ending, becomes in rules
        if word.endswith(ending)
    ]


@detach.mistake(
    "`str.replace` replaces every occurrence in the word: `glasses` lost its inner s. Cut at the end only."
)
def _(word, rules):
    return [
        word.replace(ending, becomes)
        for ending, becomes in rules
        if word.endswith(ending)
    ]


@exercise(
    "01.7",
    title="Cosine of two documents",
    stars=3,
    minutes=10,
    task="""
A document is a dict from word to weight; words that are not in it have weight 0. The cosine of two documents is the
sum of the products of their weights, divided by the lengths of both vectors, where a vector's length is the root of
the sum of its squared weights. If either is empty or all zeros, return `0.0`.

`cosine({"cat": 3.0, "dog": 4.0}, {"cat": 1.0})` is `0.6`.
""",
    hints=(
        "Only words in both have a product: `sum(weight * b.get(word, 0) for word, weight in a.items())`.",
        "`math.sqrt(sum(weight**2 for weight in a.values()))` is a length; `import math` first.",
    ),
    cases=lambda rng: [
        ({"cat": 3.0, "dog": 4.0}, {"cat": 1.0}),
        ({}, {"cat": 1.0}),
        ({"cat": 0.0}, {"cat": 1.0}),
        ({"a": 2.0}, {"b": 5.0}),
        *[
            (
                {w: rng.uniform(0.1, 3) for w in rng.sample("abcdef", 3)},
                {w: rng.uniform(0.1, 3) for w in "cdefg"},
            )
            for _ in range(3)
        ],
    ],
)
def cosine(a: dict[str, float], b: dict[str, float]) -> float:
    """Return the cosine of the angle between two documents."""
    import math

    product = sum(weight * b.get(word, 0.0) for word, weight in a.items())
    lengths = [
        math.sqrt(sum(weight**2 for weight in x.values())) for x in (a, b)
    ]
    return product / (lengths[0] * lengths[1]) if all(lengths) else 0.0


def _dot(a, b):
    return sum(weight * b.get(word, 0.0) for word, weight in a.items())


@cosine.mistake(
    "That is the plain product, which grows with the documents' length. Divide by both vectors' lengths."
)
def _(a, b):
    return float(_dot(a, b))


@cosine.mistake(
    "You divided by the sums of the weights. A vector's length is the root of the sum of *squared* weights."
)
def _(a, b):
    return (
        _dot(a, b) / (sum(a.values()) * sum(b.values()))
        if any(a.values()) and any(b.values())
        else 0.0
    )


@cosine.mistake(
    "A vector's length counts all its words, not only those that both documents share."
)
def _(a, b):
    shared = a.keys() & b.keys()
    lengths = [math.sqrt(sum(x[word] ** 2 for word in shared)) for x in (a, b)]
    return _dot(a, b) / (lengths[0] * lengths[1]) if all(lengths) else 0.0


@cosine.mistake(
    "The root is missing: you divided by the sums of the squares, not by the lengths."
)
def _(a, b):
    lengths = [sum(weight**2 for weight in x.values()) for x in (a, b)]
    return _dot(a, b) / (lengths[0] * lengths[1]) if all(lengths) else 0.0
