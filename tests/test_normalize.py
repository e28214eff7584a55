"""Tokens, sentences and case: rules with examples, invariants, and planted words whose right case is known."""

import re
import unicodedata
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.bench.porter import wikipedia_source
from course_utils.text.normalize import case_counts, sentences, tokens, truecase


def is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] in "LM"


def is_number(character: str) -> bool:
    return unicodedata.category(character)[0] == "N"


def tokens_by_hand(text: str) -> list[str]:
    """The same rules without a pattern: cut at everything else, strip apostrophes, refuse what holds a number."""
    text = text.replace("’", "'").replace("''", " ")
    text = "".join(c if is_letter(c) or is_number(c) or c == "'" else " " for c in text)
    runs = (run for piece in text.split() for run in re.split("''+", piece))
    return [run for run in (run.strip("'") for run in runs) if run and not any(map(is_number, run))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("The cat, the CAT.", ["The", "cat", "the", "CAT"]),
        ("don't 'quoted' dogs' rock'n'roll '' ' a''b", ["don't", "quoted", "dogs", "rock'n'roll", "a", "b"]),
        ("O’Neil don’t", ["O'Neil", "don't"]),
        ("well-known e-mail snake_case a/b", ["well", "known", "e", "mail", "snake", "case", "a", "b"]),
        ("1990s 42 B2B 3.5 x² ½ Ⅷ 1990's fine", ["fine"]),
        ("café cafe\u0301s naïve ß İ ﬁ", ["café", "cafe\u0301s", "naïve", "ß", "İ", "ﬁ"]),
        ("हिन्दी मुंबई", ["हिन्दी", "मुंबई"]),
        ("北京大学，你好", ["北京大学", "你好"]),
        ("U.S. and a 🙂 smile🙂s", ["U", "S", "and", "a", "smile", "s"]),
    ],
)
def test_tokens(text, expected):
    assert tokens(text) == expected


@settings(deadline=None)
@given(st.one_of(st.text(), st.text("aB'’1² -_.é\u0301\n北")))
def test_tokens_follow_their_rules(text):
    assert tokens(text) == tokens_by_hand(text)


@given(st.lists(st.from_regex(r"[a-zA-Zéßü]+('[a-zA-Z]+)?", fullmatch=True)), st.sampled_from([" ", "-", "... ", "\n"]))
def test_tokens_are_found_again(words, separator):
    assert tokens(separator.join(words)) == words


def test_tokens_of_a_long_run_are_found_in_one_pass():
    assert tokens("a\u0301" * 50_000 + "2") == []
    assert tokens("a'" * 50_000) == ["a'" * 49_999 + "a"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("He said “No.” Then he left.", ["He said “No.”", "Then he left."]),
        ("It rose 3.5 points, e.g. here.", ["It rose 3.5 points, e.g. here."]),
        ("The U.S. Army and J. Smith.", ["The U.S. Army and J. Smith."]),
        ("A heading\n\nA line\nand more.  \n", ["A heading", "A line", "and more."]),
        ("Stop.   now", ["Stop.   now"]),
        ("Dr. Smith", ["Dr.", "Smith"]),  # the documented price of a rule without a list of abbreviations
    ],
)
def test_sentences(text, expected):
    assert sentences(text) == expected


@given(st.text("aB.!?'” \n", max_size=60))
def test_sentences_lose_nothing_but_white_space(text):
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


PLANTED = [
    "The US won.",
    "US help reached us.",
    "It came to us from Apple.",
    "Apple sold one apple to Apple.",
    "Rain fell on Paris.",
    "When I saw rain I left.",
    "I saw the US flag.",
]


def planted() -> list[list[str]]:
    return [tokens(sentence) for sentence in PLANTED]


def test_sentence_initial_words_are_counted_apart():
    counts = case_counts(planted())
    assert counts.initial == Counter(["The", "US", "It", "Apple", "Rain", "When", "I"])
    assert (counts.inner["US"], counts.inner["us"], counts.inner["Apple"], counts.inner["apple"]) == (2, 2, 2, 1)
    assert counts.inner["The"] == 0
    assert counts.initial + counts.inner == Counter(tokens(" ".join(PLANTED)))


def test_case_counts_of_nothing():
    counts = case_counts([[], []])
    assert not counts.initial
    assert not counts.inner


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The US won", "the US won"),
        ("US help", "US help"),  # more than one capital: the position does not explain it
        ("Us two", "us two"),
        ("us two", "us two"),
        ("Apple fell", "Apple fell"),  # mid-sentence: Apple twice, apple once
        ("Rain fell", "rain fell"),
        ("I saw", "I saw"),
        ("McDonald sang", "McDonald sang"),
        ("Unheard Of", "unheard Of"),
        ("Élan", "élan"),
        ("İzmir", "i\u0307zmir"),
    ],
)
def test_truecase(sentence, expected):
    assert truecase(sentence.split(), case_counts(planted()).inner) == expected.split()


def test_truecase_takes_the_majority_and_lowers_at_a_tie():
    assert truecase(["May"], {"May": 2, "may": 1}) == ["May"]
    assert truecase(["May"], {"May": 1, "may": 1}) == ["may"]
    assert truecase([], {}) == []


def test_truecase_with_sentence_initial_counts_would_keep_every_capital():
    """Why the two counts are kept apart: at the start of sentences the corpus has `The` only."""
    counts = case_counts(planted())
    assert truecase(["The"], counts.initial) == ["The"]
    assert truecase(["The"], counts.inner) == ["the"]


@given(st.lists(st.text(min_size=1)), st.dictionaries(st.text(), st.integers(0, 5)))
def test_truecase_changes_at_most_the_first_letter_and_settles(sentence, inner):
    once = truecase(sentence, inner)
    assert once[1:] == sentence[1:]
    assert [word.lower() for word in once[:1]] == [word.lower() for word in sentence[:1]]
    assert truecase(once, inner) == once


def test_us_and_us_on_wikipedia():
    """Row A7: lower-casing merges two words of similar frequency, true-casing keeps them apart."""
    counts = case_counts(map(tokens, sentences(wikipedia_source())))
    assert counts.inner["US"] > 100
    assert counts.inner["us"] > 100
    assert truecase(["US", "troops"], counts.inner) == ["US", "troops"]
    assert truecase(["The", "United", "States"], counts.inner) == ["the", "United", "States"]
    assert truecase(["Abraham", "Lincoln"], counts.inner) == ["Abraham", "Lincoln"]


@pytest.mark.parametrize("function", [tokens, sentences])
@pytest.mark.parametrize("text", [None, b"text", ["a", "b"]])
def test_what_is_not_a_text_is_refused(function, text):
    with pytest.raises(TypeError, match="must be one str, not"):
        function(text)


def test_a_sentence_that_is_not_cut_into_tokens_is_refused():
    with pytest.raises(TypeError, match="list of tokens, not the str 'The cat'"):
        truecase("The cat", {})
    with pytest.raises(TypeError, match="list of tokens"):
        case_counts(["The cat"])
