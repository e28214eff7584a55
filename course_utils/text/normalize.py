"""Word tokens and case: what is decided about a text before its words are counted."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

# White space after . ! or ? and perhaps a closing quote, unless a small letter follows. A full stop after a
# single letter is no end: "J. Smith", "the U.S. Army". With + in the place of the possessive ++ the white
# space could be cut short, so that no small letter follows.
_SENTENCE_END = re.compile(r"""(?:(?<=[.!?])(?<!\b[^\W\d_]\.)|(?<=[.!?]["'”’)\]]))\s++(?![a-z])|\n""")


def tokens(text: str) -> list[str]:
    """The words of a text in order: runs of letters of any script, with the apostrophes inside them.

    A typographic apostrophe becomes a plain one: `don’t` and `don't` are one type. Case stays.
    Accents written as marks of their own (U+0301), and vowel signs, belong to the letter before. A
    hyphen separates (`well-known` is two words), and so does an underscore. What contains a digit is no word
    and is left out as a whole: `1990s` does not leave an `s` behind. Scripts without spaces stay uncut:
    a Chinese clause is one token.

    Errors: TypeError if the text is not a string.

    >>> tokens("Don’t shout: 'US' isn't us, well-known since the 1990s!")
    ["Don't", 'shout', 'US', "isn't", 'us', 'well', 'known', 'since', 'the']
    """
    runs = _run().findall(_checked(text).replace("’", "'").replace("_", " "))
    return [run for run in runs if run.isalpha() or _is_word(run)]


@cache
def _run() -> re.Pattern[str]:
    """What might be a token: no spaces, no punctuation. `re` has no class for marks: they are listed once."""
    marks = "".join(c for c in map(chr, range(0x20000)) if unicodedata.category(c)[0] == "M")
    return re.compile(rf"[\w{marks}]+(?:'[\w{marks}]+)*")


def _is_word(run: str) -> bool:
    """Letters, marks and apostrophes only: neither digits nor other numbers such as ² and ½."""
    return all(unicodedata.category(c)[0] in "LM" for c in run.replace("'", ""))


def sentences(text: str) -> list[str]:
    """The sentences of a text: they end with a line, and after . ! or ? unless one of a to z follows.

    A heading on its own line is therefore a sentence, and so is each line of a text with hard line breaks. A
    full stop after one letter ends nothing (`J. Smith`, `U.S. Army`, but also `World War I. He`); after a
    longer abbreviation it does (`Dr. | Smith`).

    Errors: TypeError if the text is not a string.

    >>> sentences("The U.S. Army came. Who paid? 'I did!' she said.")
    ['The U.S. Army came.', 'Who paid?', "'I did!' she said."]
    """
    parts = (part.strip() for part in _SENTENCE_END.split(_checked(text)))
    return [part for part in parts if part]


class CaseCounts(NamedTuple):
    """How often each form of a word occurs, in the two places where a capital does not mean the same."""

    initial: Counter[str]
    """First words of sentences: a capital says nothing."""
    inner: Counter[str]
    """All other words: a capital marks a name, or a word like I."""


def case_counts(sentences: Iterable[Sequence[str]]) -> CaseCounts:
    """Count the tokens of tokenised sentences, sentence-initial and mid-sentence ones apart.

    Errors: TypeError if a sentence is a string instead of its tokens.

    >>> counts = case_counts([["The", "US", "won"], ["US", "help", "reached", "us"]])
    >>> counts.initial["US"], counts.inner["US"], counts.inner["us"], counts.inner["The"]
    (1, 1, 1, 0)
    """
    counts = CaseCounts(Counter(), Counter())
    for sentence in sentences:
        _check_tokens(sentence)
        counts.initial.update(sentence[:1])
        counts.inner.update(sentence[1:])
    return counts


def truecase(sentence: Sequence[str], inner: Mapping[str, int]) -> list[str]:
    """The sentence with its first word in the case that it would have in the middle of a sentence.

    The position explains one capital, the first. So `The` becomes `the`, unless `inner`, the counts of
    mid-sentence words (`case_counts(...).inner`), has it with the capital more often than without. A word
    with further capitals (`US`, `McDonald`) and all words after the first stay as they are.

    Errors: TypeError if the sentence is a string instead of its tokens.
    Source: the idea is that of Lita et al. 2003, "tRuEcasIng" (ACL), section 2, without its language model.

    >>> inner = {"the": 9, "The": 1, "Paris": 4}
    >>> truecase(["The", "US"], inner), truecase(["Paris", "fell"], inner), truecase(["US", "aid"], inner)
    (['the', 'US'], ['Paris', 'fell'], ['US', 'aid'])
    """
    _check_tokens(sentence)
    if not sentence:
        return []
    first, *rest = sentence
    has_further_capitals = first[1:] != first[1:].lower()
    if has_further_capitals or inner.get(first, 0) > inner.get(first.lower(), 0):
        return [first, *rest]
    return [first.lower(), *rest]


def _checked(text: str) -> str:
    if not isinstance(text, str):
        given = type(text).__name__
        raise TypeError(f"the text must be one str, not {given}; decode bytes, and loop over several texts")
    return text


def _check_tokens(sentence: Sequence[str]) -> None:
    if isinstance(sentence, str):
        raise TypeError(
            f"a sentence is a list of tokens, not the str {sentence!r:.40}; "
            "write [tokens(sentence) for sentence in sentences(text)]"
        )
