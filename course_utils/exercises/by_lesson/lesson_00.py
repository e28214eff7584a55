"""Exercises of lesson 00: the map, and how to check a claim by code."""

from course_utils.exercises import exercise


@exercise(
    "00.1",
    title="Days to seconds",
    stars=1,
    minutes=2,
    task="""
How many seconds are there in a number of days? `days_to_seconds(2)` is `172_800`.
""",
    hints=(
        "A day has 24 hours, an hour 60 minutes, a minute 60 seconds.",
        "Multiply `days` by all three.",
    ),
    cases=lambda rng: [(1,), (0,), (2,), (365,), (0.5,)],
)
def days_to_seconds(days: float) -> float:
    """Return how many seconds `days` days have."""
    return days * 24 * 60 * 60


@days_to_seconds.mistake(
    "The hours are missing: you took a day for an hour. A day has 24 of them."
)
def _(days):
    return days * 60 * 60


@days_to_seconds.mistake(
    "That is the number of minutes. Each of them has 60 seconds."
)
def _(days):
    return days * 24 * 60


@days_to_seconds.mistake(
    "A day has 24 hours; you counted the 12 on the clock's face."
)
def _(days):
    return days * 12 * 60 * 60


@exercise(
    "00.2",
    title="All descendants",
    stars=3,
    minutes=12,
    task="""
`parents` maps every system to the list of systems it is built from directly. Return the *set* of all systems that
descend from `root`: its children, their children, and so on, without the root itself.

With `{"BERT": ["Transformer"], "RoBERTa": ["BERT"], "GPT": ["Transformer"]}`, the descendants of `"BERT"` are
`{"RoBERTa"}`, and those of `"Transformer"` are all three keys.
""",
    hints=(
        "Children of `a`: every key whose list contains `a`.",
        "Keep a list of systems still to look at; each new child goes into the result and onto that list.",
    ),
    cases=lambda rng: [
        (
            {
                "BERT": ["Transformer"],
                "RoBERTa": ["BERT"],
                "GPT": ["Transformer"],
            },
            "BERT",
        ),
        (
            {
                "BERT": ["Transformer"],
                "RoBERTa": ["BERT"],
                "GPT": ["Transformer"],
            },
            "Transformer",
        ),
        ({}, "BERT"),
        ({"b": ["a"], "c": ["b"], "d": ["c"], "x": []}, "a"),
        ({"b": ["a"], "c": ["a"], "d": ["b", "c"]}, "a"),
        ({"b": ["a"], "c": ["b"]}, "c"),
        _random_family(rng),
    ],
)
def descendants(parents: dict[str, list[str]], root: str) -> set[str]:
    """Return all that is built, directly or not, from the root."""
    found, waiting = set(), [root]
    while waiting:
        one = waiting.pop()
        children = {name for name, above in parents.items() if one in above}
        waiting += children - found
        found |= children
    return found


def _random_family(rng):
    names = [chr(ord("a") + i) for i in range(12)]
    return {
        name: rng.sample(names[:i], min(i, rng.randint(0, 2)))
        for i, name in enumerate(names)
    }, "a"


@descendants.mistake(
    "Those are the children only. A grandchild descends from the root as well."
)
def _(parents, root):
    return {name for name, above in parents.items() if root in above}


@descendants.mistake(
    "You went up the tree: those are the ancestors. Descendants are built *from* the system."
)
def _(parents, root):
    found, waiting = set(), [root]
    while waiting:
        above = set(parents.get(waiting.pop(), []))
        waiting += above - found
        found |= above
    return found


@descendants.mistake("The root itself is not one of its descendants.")
def _(parents, root):
    found, waiting = {root}, [root]
    while waiting:
        one = waiting.pop()
        children = {name for name, above in parents.items() if one in above}
        waiting += children - found
        found |= children
    return found


@exercise(
    "00.3",
    title="Read the date in an arXiv id",
    stars=1,
    minutes=3,
    task="""
Since April 2007 an arXiv id starts with two digits for the year and two for the month: `1706.03762` was
submitted in June 2017. Return year and month as two numbers.

`year_and_month("1706.03762")` is `(2017, 6)`.
""",
    hints=(
        'A string can be cut: `"1706.03762"[:2]` is `"17"`.',
        "`int(...)` turns digits into a number; the year still lacks its 2000.",
    ),
    cases=lambda rng: [
        ("1706.03762",),
        ("0704.0001",),
        ("2312.09390",),
        *[
            (
                f"{rng.randint(8, 25):02d}{rng.randint(1, 12):02d}.{rng.randint(1, 99999):05d}",
            )
            for _ in range(8)
        ],
    ],
)
def year_and_month(arxiv_id: str) -> tuple[int, int]:
    """Return the year and the month in which an arXiv paper was submitted."""
    return 2000 + int(arxiv_id[:2]), int(arxiv_id[2:4])


@year_and_month.mistake("The year lacks its century: 17 stands for 2017.")
def _(arxiv_id):
    return int(arxiv_id[:2]), int(arxiv_id[2:4])


@year_and_month.mistake(
    "These are pieces of text, not numbers: turn them into numbers with `int(...)`."
)
def _(arxiv_id):
    return "20" + arxiv_id[:2], arxiv_id[2:4]


@year_and_month.mistake(
    "Year and month are swapped: an arXiv id starts with the year."
)
def _(arxiv_id):
    return 2000 + int(arxiv_id[2:4]), int(arxiv_id[:2])


@exercise(
    "00.4",
    title="How many months off?",
    stars=1,
    minutes=5,
    task="""
Text S4 gives dates such as `2022/05/04`; the paper's arXiv id has its own. By how many months is the text's date
later than the id's? A date too early gives a negative number, the same month gives 0.

`months_late("2022/05/04", "2203.02155")` is `2`.
""",
    hints=(
        "Turn both into one number that counts months: `12 * year + month`.",
        '`"2022/05/04".split("/")` gives three pieces; the id is cut as in exercise 00.3.',
    ),
    cases=lambda rng: [
        ("2022/05/04", "2203.02155"),
        ("2017/06/12", "1706.03762"),
        ("2022/05/31", "2305.20050"),
        ("2023/08/24", "2309.00267"),
        ("2020/01/02", "1912.00001"),
        *[
            (
                f"{rng.randint(2015, 2024)}/{rng.randint(1, 12):02d}/11",
                f"{rng.randint(15, 24)}{rng.randint(1, 12):02d}.01234",
            )
            for _ in range(6)
        ],
    ],
)
def months_late(claimed: str, arxiv_id: str) -> int:
    """Return by how many months the claim is later than the id."""
    year, month, _ = claimed.split("/")
    in_text = 12 * int(year) + int(month)
    in_id = 12 * (2000 + int(arxiv_id[:2])) + int(arxiv_id[2:4])
    return in_text - in_id


@months_late.mistake(
    "The sign is reversed: a date later than the id's is a positive number."
)
def _(claimed, arxiv_id):
    year, month, _ = claimed.split("/")
    return (
        12 * (2000 + int(arxiv_id[:2]))
        + int(arxiv_id[2:4])
        - 12 * int(year)
        - int(month)
    )


@months_late.mistake(
    "You compare the months alone; the years differ too, and each counts 12 months."
)
def _(claimed, arxiv_id):
    return int(claimed.split("/")[1]) - int(arxiv_id[2:4])


@months_late.mistake(
    "You lost the sign: too early and too late are not the same. Leave out `abs`."
)
def _(claimed, arxiv_id):
    year, month, _ = claimed.split("/")
    return abs(
        12 * int(year)
        + int(month)
        - 12 * (2000 + int(arxiv_id[:2]))
        - int(arxiv_id[2:4])
    )


@exercise(
    "00.5",
    title="Parameters of BERT's embeddings",
    stars=2,
    minutes=8,
    task="""
BERT looks up three vectors of size `d` for each token and adds them: one of `vocab` token vectors, one of `positions`
position vectors, one of `segments` segment vectors. A LayerNorm follows; it learns one gain and one bias for each of
the `d` features. How many parameters is that?

`embedding_parameters(30522, 512, 2, 768)` is `23_837_184`.
""",
    hints=(
        "A table of `rows` vectors of size `d` has `rows * d` parameters.",
        "LayerNorm adds `2 * d`: a gain and a bias for every feature.",
    ),
    cases=lambda rng: [
        (30522, 512, 2, 768),
        (1, 1, 1, 1),
        (28996, 512, 2, 1024),
        *[
            (
                rng.randint(2, 99),
                rng.randint(2, 99),
                rng.randint(1, 3),
                rng.randint(3, 33),
            )
            for _ in range(5)
        ],
    ],
)
def embedding_parameters(
    vocab: int, positions: int, segments: int, d: int
) -> int:
    """Return how many numbers BERT's embedding layer learns."""
    return (vocab + positions + segments) * d + 2 * d


@embedding_parameters.mistake(
    "The LayerNorm is missing: it learns a gain and a bias for each feature, 2·d numbers."
)
def _(vocab, positions, segments, d):
    return (vocab + positions + segments) * d


@embedding_parameters.mistake(
    "LayerNorm learns a gain *and* a bias: 2·d numbers, not d."
)
def _(vocab, positions, segments, d):
    return (vocab + positions + segments) * d + d


@embedding_parameters.mistake(
    "You counted the token vectors only; positions and segments have learned vectors as well."
)
def _(vocab, positions, segments, d):
    return vocab * d + 2 * d


@exercise(
    "00.6",
    title="Parameters of one Transformer block",
    stars=3,
    minutes=12,
    task="""
One block of BERT has four linear layers from `d` to `d` features (query, key, value, output), a linear layer from `d`
to `d_ff` and one back, and two LayerNorms. Every linear layer has a bias. How many parameters does the block have?

`block_parameters(768, 3072)` is `7_087_872`; twelve of them make most of BERT-base.
""",
    hints=(
        "A linear layer from `a` to `b` features has `a * b` weights and `b` biases.",
        "Attention: `4 * (d * d + d)`. Feed-forward: `d * d_ff + d_ff`, and back `d_ff * d + d`. Norms: `4 * d`.",
    ),
    cases=lambda rng: [
        (768, 3072),
        (1, 1),
        (1024, 4096),
        *[(rng.randint(2, 40), rng.randint(2, 90)) for _ in range(5)],
    ],
)
def block_parameters(d: int, d_ff: int) -> int:
    """Return how many numbers one encoder block learns."""
    attention = 4 * (d * d + d)
    feed_forward = d * d_ff + d_ff + d_ff * d + d
    return attention + feed_forward + 2 * 2 * d


@block_parameters.mistake(
    "The biases of the linear layers are missing: a layer to `b` features has `b` of them."
)
def _(d, d_ff):
    return 4 * d * d + 2 * d * d_ff + 4 * d


@block_parameters.mistake(
    "Attention has four linear layers: query, key, value and the output. You counted three."
)
def _(d, d_ff):
    return 3 * (d * d + d) + 2 * d * d_ff + d_ff + d + 4 * d


@block_parameters.mistake(
    "There are two LayerNorms in a block, each with a gain and a bias: 4·d numbers together."
)
def _(d, d_ff):
    return 4 * (d * d + d) + 2 * d * d_ff + d_ff + d + 2 * d


@exercise(
    "00.7",
    title="Chinese number words: 万 and 亿",
    stars=2,
    minutes=5,
    task="""
Chinese counts in steps of ten thousand: 万 (wàn) is 10⁴ and 亿 (yì) is 10⁸. A number written with one of them, or
with none, is turned into an ordinary number.

`plain_number("1750亿")` is `175_000_000_000`, `plain_number("3.5万")` is `35_000`, `plain_number("512")` is `512`.
""",
    hints=(
        "The unit is the last character: `text[-1]`. A dict from unit to factor keeps it short.",
        "`float(text[:-1]) * factor`, rounded to a whole number with `round(...)`.",
    ),
    cases=lambda rng: [
        ("1750亿",),
        ("3.5万",),
        ("512",),
        ("1.1亿",),
        ("33亿",),
        *[
            (f"{rng.randint(1, 99)}.{rng.randint(1, 9)}{rng.choice('万亿')}",)
            for _ in range(5)
        ],
    ],
)
def plain_number(text: str) -> int:
    """Return the number that `text` writes with 万, 亿 or no unit."""
    factors = {"万": 10**4, "亿": 10**8}
    if text[-1] in factors:
        return round(float(text[:-1]) * factors[text[-1]])
    return int(text)


@plain_number.mistake(
    "You read 亿 as a billion (10⁹). It is a hundred million: 10⁸. S3 seems to have slipped here too."
)
def _(text):
    factors = {"万": 10**4, "亿": 10**9}
    return (
        round(float(text[:-1]) * factors[text[-1]])
        if text[-1] in factors
        else int(text)
    )


@plain_number.mistake("You read 万 as a thousand. It is ten thousand: 10⁴.")
def _(text):
    factors = {"万": 10**3, "亿": 10**8}
    return (
        round(float(text[:-1]) * factors[text[-1]])
        if text[-1] in factors
        else int(text)
    )


@plain_number.mistake(
    "The digits behind the point are lost: read the number with `float`, not digit by digit or with `int`."
)
def _(text):
    factors = {"万": 10**4, "亿": 10**8}
    return (
        int(text[:-1].split(".")[0]) * factors[text[-1]]
        if text[-1] in factors
        else int(text)
    )


@exercise(
    "00.8",
    title="Straighten the quotes",
    stars=1,
    minutes=4,
    task="""
Copied from a web page, code often holds typographic quotes, which Python does not know. Return the code with
“ and ” replaced by `"`, and ‘ and ’ by `'`.

`straighten("say(“hi”)")` is `'say("hi")'`.
""",
    hints=(
        "Strings have `replace(old, new)`; four calls are enough.",
        "Or in one go: `code.translate(str.maketrans(old, new))` with two strings of four characters each.",
    ),
    cases=lambda rng: [
        ("x = “hi”",),
        ("",),
        ("nltk.download(‘wordnet’)",),
        ("tokenizer.encode(input_text, return_tensors=”pt”)",),
        ("print(“it’s”, 'fine')",),
        ('y = "already straight"',),
    ],
)
def straighten(code: str) -> str:
    """Return the code with straight quotes in place of typographic ones."""
    return code.translate(str.maketrans("“”‘’", "\"\"''"))


@straighten.mistake(
    "Single quotes ‘ ’ occur too, as in `nltk.download(‘wordnet’)`."
)
def _(code):
    return code.replace("“", '"').replace("”", '"')


@straighten.mistake(
    "The closing quote ” is a character of its own; you replaced the opening ones only."
)
def _(code):
    return code.replace("“", '"').replace("‘", "'")


@straighten.mistake(
    "All became double quotes. A single one must stay single: `‘it’s’` is an apostrophe, too."
)
def _(code):
    return code.translate(str.maketrans("“”‘’", '""""'))
