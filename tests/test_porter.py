"""Porter's stemmer: the paper's own examples, equality with NLTK, and proof that the comparison sees mistakes."""

import pickle
import re
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.stem.porter import PorterStemmer as Peer

from course_utils.bench.porter import NLTK_MODES, wikipedia_source
from course_utils.text import porter
from course_utils.text.porter import DIALECTS, PorterStemmer

DIALECT_NAMES = list(DIALECTS)

# What a user may pass and what has broken stemmers: nothing, short words, other scripts, signs, runs of y.
EDGES = [
    *("", "a", "s", "y", "I", "ed", "ing", "as", "is", "US", "by", "ie", "ll", "e", "eed", "ies", "ied", "sses", "ion"),
    *("don't", "'s", "o'clock's", "rock’n’roll", "café", "cafés", "naïvely", "cafe\u0301s", "\u0301", "1990s", "42"),
    *(
        "🙂",
        "🙂🙂ing",
        "👩‍👩‍👧s",
        "ısparta",
        "ISPARTA",
        "İs",
        "İS",
        "İng",
        "ß",
        "Straßen",
        "ſing",
        "ﬁlling",
        "\ud800ing",
    ),
    *(" ", "\n", "cats\n", " cats ", "two words", "tab\ting", "\x00ed", "北京", "кошки", "hopping.", "e-mailing"),
    *(
        "yy",
        "yyy",
        "yyyy",
        "syzygy",
        "yyying",
        "byyed",
        "ayyed",
        "ayyyed",
        "sayyyly",
        "yying",
        "yyed",
        "aying",
        "toyyed",
    ),
    *("ab*ded", "*ded", "a*ding", "o*dded", "*d", "aing", "oed", "eeing", "uued", "ooing", "00ed", "a00ed", "a''ing"),
    *(
        "dies",
        "flies",
        "died",
        "spied",
        "ied",
        "skies",
        "ate",
        "owed",
        "ated",
        "eed",
        "abli",
        "alli",
        "logi",
        "geologi",
    ),
    *("geology", "apology", "relationalli", "operationally", "rationally", "conditionally", "fully", "joyfully", "ogi"),
    *("agreed", "feed", "freeing", "agreeing", "exing", "boxed", "snowed", "played", "played", "controlled", "roll"),
    *("animator", "hesitancy", "sensibilities", "homologou", "defensible", "triplicate", "formative", "gyroscopic"),
    *porter.NLTK_IRREGULAR,
]


@cache
def word_types() -> list[str]:
    """Every word type of the Wikipedia sample as it stands there, by a pattern that the package does not use."""
    return sorted(set(re.findall(r"\w+(?:'\w+)*", wikipedia_source())))


@cache
def lowered() -> list[str]:
    return EDGES + sorted({word.lower() for word in word_types()})


@cache
def reference(dialect: str) -> list[str]:
    stem = Peer(NLTK_MODES[dialect]).stem
    return [stem(word) for word in lowered()]


def disagreements(dialect: str) -> Iterator[tuple[str, str, str]]:
    """(word, our stem, NLTK's stem) wherever the two differ."""
    stem = PorterStemmer(dialect).stem
    for word, expected in zip(lowered(), reference(dialect), strict=True):
        got = stem(word)
        if got != expected:
            yield word, got, expected


# Equality with NLTK


@pytest.mark.parametrize("dialect", DIALECT_NAMES)
def test_stems_of_the_whole_vocabulary_are_those_of_nltk(dialect):
    assert len(lowered()) > 60_000
    assert not list(disagreements(dialect))


@pytest.mark.parametrize("to_lowercase", [True, False])
@pytest.mark.parametrize("dialect", DIALECT_NAMES)
def test_words_with_capitals_are_treated_as_by_nltk(dialect, to_lowercase):
    ours, peer = PorterStemmer(dialect).stem, Peer(NLTK_MODES[dialect]).stem
    words = EDGES + [word for word in word_types() if word != word.lower()]
    if Peer("NLTK_EXTENSIONS").stem("News") == "new":  # NLTK 3.9.1, see "Differs" in PorterStemmer
        words = [word for word in words if word.lower() not in DIALECTS[dialect].irregular]
    assert len(words) > 20_000
    differing = [word for word in words if ours(word, to_lowercase) != peer(word, to_lowercase)]
    assert not differing


SUFFIXES = sorted({*porter.STEP_2, *porter.STEP_3, *porter.STEP_4, "sses", "ies", "ied", "ed", "ing", "eed", "logi"})
PIECES = st.one_of(st.sampled_from(SUFFIXES), st.sampled_from("aeiouybdlstwxz'*dİé1S"), st.text(max_size=2))
BUILT = st.lists(PIECES, max_size=7).map("".join)


@settings(deadline=None, max_examples=2000)
@given(word=st.one_of(BUILT, st.text()), dialect=st.sampled_from(DIALECT_NAMES), to_lowercase=st.booleans())
def test_any_string_is_stemmed_as_by_nltk(word, dialect, to_lowercase):
    expected = Peer(NLTK_MODES[dialect]).stem(word, to_lowercase)
    assert PorterStemmer(dialect).stem(word, to_lowercase) == expected


@pytest.mark.parametrize("dialect", DIALECT_NAMES)
@pytest.mark.parametrize("word", ["x" * 10_000, "a" * 9_993 + "ational", "ba" * 5_000 + "ization", "é" * 9_997 + "ing"])
def test_ten_thousand_letters(dialect, word):
    assert PorterStemmer(dialect).stem(word) == Peer(NLTK_MODES[dialect]).stem(word)


@pytest.mark.parametrize("dialect", DIALECT_NAMES)
def test_ten_thousand_y(dialect):
    """Here older releases of NLTK raise RecursionError, so the rules decide: CVCV...V, whose last Y becomes I."""
    assert porter.shape("y" * 10_000) == "cv" * 5_000
    assert PorterStemmer(dialect).stem("y" * 10_000) == "y" * 9_999 + "i"


# The paper


PAPER = [
    (porter.step_1a, "caresses caress ponies poni ties ti caress caress cats cat"),
    (porter.step_1b, "feed feed agreed agree plastered plaster bled bled motoring motor sing sing"),
    (porter.step_1b, "conflated conflate troubled trouble sized size hopping hop tanned tan falling fall"),
    (porter.step_1b, "hissing hiss fizzed fizz failing fail filing file"),
    (porter.step_1c, "happy happi sky sky"),
    (porter.step_2, "relational relate conditional condition rational rational valenci valence"),
    (porter.step_2, "hesitanci hesitance digitizer digitize conformabli conformable radicalli radical"),
    (porter.step_2, "differentli different vileli vile analogousli analogous vietnamization vietnamize"),
    (porter.step_2, "predication predicate operator operate feudalism feudal decisiveness decisive"),
    (porter.step_2, "hopefulness hopeful callousness callous formaliti formal sensitiviti sensitive"),
    (porter.step_2, "sensibiliti sensible"),
    (porter.step_3, "triplicate triplic formative form formalize formal electriciti electric"),
    (porter.step_3, "electrical electric hopeful hope goodness good"),
    (porter.step_4, "revival reviv allowance allow inference infer airliner airlin gyroscopic gyroscop"),
    (porter.step_4, "adjustable adjust defensible defens irritant irrit replacement replac adjustment adjust"),
    (porter.step_4, "dependent depend adoption adopt homologou homolog communism commun activate activ"),
    (porter.step_4, "angulariti angular homologous homolog effective effect bowdlerize bowdler"),
    (porter.step_5a, "probate probat rate rate cease ceas"),
    (porter.step_5b, "controll control roll roll"),
]


@pytest.mark.parametrize(("step", "line"), PAPER)
def test_examples_of_the_paper(step, line):
    words = line.split()
    assert [step(word) for word in words[::2]] == words[1::2]


def test_every_rule_of_the_paper_has_its_example():
    rules = {2: porter.STEP_2, 3: porter.STEP_3, 4: porter.STEP_4}
    steps = {2: porter.step_2, 3: porter.step_3, 4: porter.step_4}
    for number, table in rules.items():
        words = [word for step, line in PAPER if step is steps[number] for word in line.split()[::2]]
        changed = [word for word in words if steps[number](word) != word]
        fired = [max((s for s in table if word.endswith(s)), key=len) for word in changed]
        assert sorted(fired) == sorted(table)


def test_the_words_that_the_paper_follows_through_all_steps():
    stem = PorterStemmer("original").stem
    assert [stem(word) for word in ("generalizations", "oscillators")] == ["gener", "oscil"]


@pytest.mark.parametrize(
    ("m", "words"),
    [(0, "tr ee tree y by"), (1, "trouble oats trees ivy"), (2, "troubles private oaten orrery")],
)
def test_measure_of_the_papers_words(m, words):
    assert [porter.measure(word) for word in words.split()] == [m] * len(words.split())


def is_consonant(word: str, i: int) -> bool:
    """The paper's sentence: a letter other than A E I O U, and other than Y preceded by a consonant."""
    if word[i] == "y":
        return i == 0 or not is_consonant(word, i - 1)
    return word[i] not in "aeiou"


@given(st.text("aeybtéÉY1'\n", max_size=30))
def test_shape_and_measure_follow_their_definitions(word):
    shape = "".join("c" if is_consonant(word, i) else "v" for i in range(len(word)))
    assert porter.shape(word) == shape
    runs = re.fullmatch("c*((?:v+c+)*)v*", shape)
    assert porter.measure(word) == len(re.findall("v+c+", runs[1]))


# The door


@pytest.mark.parametrize("word", [None, 3, b"cats", ["cats"]])
def test_what_is_not_a_string_is_refused_with_advice(word):
    with pytest.raises(TypeError, match=r"one word as a str, not .*write \[stemmer\.stem\(word\)"):
        PorterStemmer().stem(word)


@pytest.mark.parametrize("dialect", ["porter", "", None, ["nltk"], "NLTK_EXTENSIONS"])
def test_unknown_dialect_is_refused_with_the_choices(dialect):
    with pytest.raises(ValueError, match="choose one of 'original', 'martin', 'nltk'"):
        PorterStemmer(dialect)


def test_a_stemmer_can_be_sent_to_another_process():
    stemmer = pickle.loads(pickle.dumps(PorterStemmer("nltk")))
    assert (repr(stemmer), stemmer.stem("dies")) == ("PorterStemmer('nltk')", "die")


# Planted mistakes: each must make some stem differ from NLTK's, or the comparison above would prove nothing.


def notices(dialect: str) -> bool:
    return next(disagreements(dialect), None) is not None


def plant(monkeypatch, dialect: str, *mistakes: tuple[Callable, Callable]) -> None:
    """Put a wrong step in the place of a right one."""
    steps = tuple(dict(mistakes).get(step, step) for step in DIALECTS[dialect].steps)
    assert steps != DIALECTS[dialect].steps
    monkeypatch.setitem(DIALECTS, dialect, DIALECTS[dialect]._replace(steps=steps))


shape, has_vowel, ends_double, tidy = porter.shape, porter.has_vowel, porter.ends_double, porter._tidy

WRONG_FUNCTIONS = {
    "m counts CV": ("measure", lambda stem: shape(stem).count("cv")),
    "m counts a last V too": ("measure", lambda stem: len(re.findall("v+", shape(stem)))),
    "m is one too high": ("measure", lambda stem: shape(stem).count("vc") + 1),
    "y is never a vowel": ("_settle_y", lambda classes: classes.replace("y", "c")),
    "y is always a vowel": ("_settle_y", lambda classes: classes.replace("y", "v")),
    "y is a vowel at the start": ("_settle_y", lambda c: re.sub("^y", "v", c).replace("cy", "cv").replace("y", "c")),
    "y after y is a consonant": ("_settle_y", lambda classes: classes.replace("cy", "cv").replace("y", "c")),
    "accented vowels are vowels": ("shape", lambda word: shape(re.sub("[áéíóúàèâêôäöüïã]", "a", word))),
    "*v* always holds": ("has_vowel", lambda stem: True),
    "*v* knows no y": ("has_vowel", lambda stem: re.search("[aeiou]", stem) is not None),
    "*d never holds": ("ends_double", lambda stem: False),
    "*d holds for vowels": ("ends_double", lambda stem: len(stem) > 1 and stem[-1] == stem[-2]),
    "E is not put back": ("_tidy", lambda stem, star_o: stem[:-1] if ends_double(stem) else stem),
    "LL, SS and ZZ are halved": ("_tidy", lambda stem, star_o: stem[:-1] if ends_double(stem) else tidy(stem, star_o)),
    "the star of *d is not a suffix": (
        "_tidy",
        lambda stem, star_o: stem if stem.endswith("*d") else tidy(stem, star_o),
    ),
}


@pytest.mark.parametrize("dialect", DIALECT_NAMES)
@pytest.mark.parametrize("mistake", WRONG_FUNCTIONS)
def test_a_wrong_condition_is_noticed(monkeypatch, mistake, dialect):
    monkeypatch.setattr(porter, *WRONG_FUNCTIONS[mistake])
    assert notices(dialect)


def eed_falls_through(word: str) -> str:
    if word.endswith("eed") and porter.measure(word[:-3]) == 0 and has_vowel(word[:-2]):
        return tidy(word[:-2], porter.ends_cvc)
    return porter.step_1b(word)


def tries_shorter_suffixes(word: str) -> str:
    """Step 4, going on to MENT and ENT when the condition of EMENT fails. (In step 2 this has no effect.)"""
    for suffix in sorted(porter.STEP_4, key=len, reverse=True):
        result = porter.suffix_step({suffix: ""}, 1, {"ion": "st"})(word)
        if result != word:
            return result
    return word


STEP_2, STEP_3, STEP_4, suffix_step = porter.STEP_2, porter.STEP_3, porter.STEP_4, porter.suffix_step

WRONG_STEPS = {
    "IES becomes IE": (porter.step_1a, lambda word: word[:-1] if word.endswith("ies") else porter.step_1a(word)),
    "SS loses an S": (porter.step_1a, lambda word: word[:-1] if word.endswith("ss") else porter.step_1a(word)),
    "EED falls through to ED": (porter.step_1b, eed_falls_through),
    "1b: *o is ignored": (porter.step_1b, lambda word: porter.step_1b(word, lambda stem: True)),
    "1b: *o never holds": (porter.step_1b, lambda word: porter.step_1b(word, lambda stem: False)),
    "1b: *o allows w, x, y": (porter.step_1b, lambda word: porter.step_1b(word, lambda s: shape(s).endswith("cvc"))),
    "1c: no *v*": (porter.step_1c, lambda word: word[:-1] + "i" if word.endswith("y") else word),
    "2: m > 1": (porter.step_2, suffix_step(STEP_2, 1)),
    "2: no condition": (porter.step_2, suffix_step(STEP_2, -1)),
    "3: m > 1": (porter.step_3, suffix_step(STEP_3, 1)),
    "3: no condition": (porter.step_3, suffix_step(STEP_3, -1)),
    "4: m > 0": (porter.step_4, suffix_step(STEP_4, 0, {"ion": "st"})),
    "4: m > 2": (porter.step_4, suffix_step(STEP_4, 2, {"ion": "st"})),
    "4: any ION": (porter.step_4, suffix_step(STEP_4, 1)),
    "4: shorter suffixes": (porter.step_4, tries_shorter_suffixes),
    "5a: *o is ignored": (porter.step_5a, lambda word: porter.step_5a(word, lambda stem: False)),
    "5a: *o always holds": (porter.step_5a, lambda word: porter.step_5a(word, lambda stem: True)),
    "5b: m of the word without LL": (
        porter.step_5b,
        lambda word: word[:-1] if word.endswith("ll") and porter.measure(word[:-2]) > 1 else word,
    ),
    "5b: no condition": (porter.step_5b, lambda word: word[:-1] if word.endswith("ll") else word),
}


@pytest.mark.parametrize("mistake", WRONG_STEPS)
def test_a_wrong_step_is_noticed(monkeypatch, mistake):
    plant(monkeypatch, "original", WRONG_STEPS[mistake])
    assert notices("original")


@pytest.mark.parametrize("dialect", DIALECT_NAMES)
@pytest.mark.parametrize("place", range(8))
def test_a_step_left_out_is_noticed(monkeypatch, dialect, place):
    plant(monkeypatch, dialect, (DIALECTS[dialect].steps[place], str))
    assert notices(dialect)


@pytest.mark.parametrize("dialect", DIALECT_NAMES)
@pytest.mark.parametrize("place", range(7))
def test_two_steps_in_the_wrong_order_are_noticed(monkeypatch, dialect, place):
    first, second = DIALECTS[dialect].steps[place : place + 2]
    plant(monkeypatch, dialect, (first, second), (second, first))
    assert notices(dialect)


TABLES = [
    ("original", porter.step_2, STEP_2, 0, {}),
    ("original", porter.step_3, STEP_3, 0, {}),
    ("original", porter.step_4, STEP_4, 1, {"ion": "st"}),
]
RULES = [(*table, suffix) for table in TABLES for suffix in table[2]]
RULES += [
    ("martin", porter.martin_2, STEP_2 | {"bli": "ble", "logi": "log"}, 0, {}, suffix) for suffix in ("bli", "logi")
]
RULES += [("nltk", porter.nltk_2, porter._nltk_rules, 0, {"ogi": "l"}, suffix) for suffix in ("bli", "fulli", "ogi")]


@pytest.mark.parametrize(("dialect", "step", "rules", "more_than", "after", "suffix"), RULES)
def test_a_missing_rule_is_noticed(monkeypatch, dialect, step, rules, more_than, after, suffix):
    fewer = {key: value for key, value in rules.items() if key != suffix}
    plant(monkeypatch, dialect, (step, suffix_step(fewer, more_than, after)))
    assert notices(dialect) == (suffix != "ousness")  # superfluous in the paper: step 3 removes NESS all the same


# The dialects


@pytest.mark.parametrize("other", DIALECT_NAMES)
@pytest.mark.parametrize("dialect", DIALECT_NAMES)
@pytest.mark.parametrize("place", range(8))
def test_a_step_of_another_dialect_is_noticed(monkeypatch, dialect, other, place):
    own, foreign = DIALECTS[dialect].steps[place], DIALECTS[other].steps[place]
    if own is not foreign:
        plant(monkeypatch, dialect, (own, foreign))
    assert notices(dialect) == (own is not foreign)


@pytest.mark.parametrize(
    ("dialect", "shortest"), [("original", 2), ("martin", 2), ("martin", 4), ("nltk", 2), ("nltk", 4)]
)
def test_another_least_length_is_noticed(monkeypatch, dialect, shortest):
    monkeypatch.setitem(DIALECTS, dialect, DIALECTS[dialect]._replace(shortest=shortest))
    assert notices(dialect)


@pytest.mark.parametrize("word", porter.NLTK_IRREGULAR)
def test_a_missing_irregular_word_is_noticed(monkeypatch, word):
    fewer = {key: value for key, value in porter.NLTK_IRREGULAR.items() if key != word}
    monkeypatch.setitem(DIALECTS, "nltk", DIALECTS["nltk"]._replace(irregular=fewer))
    assert notices("nltk")


def test_nltks_rules_beyond_the_paper_are_noticed(monkeypatch):
    plant(monkeypatch, "nltk", (porter.nltk_2, porter._nltk_2))  # ALLI not first
    assert notices("nltk")
    plant(monkeypatch, "nltk", (porter._nltk_2, suffix_step(porter._nltk_rules, 0)))  # OGI after any letter
    assert notices("nltk")


def test_the_dialects_differ_where_their_description_says():
    words = ["as", "archaeology", "geology", "dies", "died", "enjoy", "spy", "joyfully", "ate", "skies", "flies"]
    stems = {dialect: [PorterStemmer(dialect).stem(word) for word in words] for dialect in DIALECT_NAMES}
    assert stems == {
        "original": ["a", "archaeologi", "geologi", "di", "di", "enjoi", "spy", "joyfulli", "at", "ski", "fli"],
        "martin": ["as", "archaeolog", "geologi", "di", "di", "enjoi", "spy", "joyfulli", "at", "ski", "fli"],
        "nltk": ["as", "archaeolog", "geolog", "die", "die", "enjoy", "spi", "joy", "ate", "sky", "fli"],
    }
