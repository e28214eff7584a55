"""Kneser-Ney n-grams: equal to NLTK's, a distribution in every context, and the textbook's example."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.text.ngram import KneserNey

TEXTS = st.lists(st.integers(0, 4), min_size=1, max_size=40)


def nltks(text, order, discount=0.1):
    from nltk.lm import KneserNeyInterpolated
    from nltk.util import everygrams

    words = [str(i) for i in text]
    model = KneserNeyInterpolated(order, discount=discount)
    model.fit([list(everygrams(words, max_len=order))], vocabulary_text=words)
    return model


@settings(max_examples=15, deadline=None)
@given(text=st.lists(st.integers(0, 3), min_size=5, max_size=25), order=st.integers(2, 4))
def test_equal_to_nltk(text, order):
    text = text + text[: order + 1] + text[: order + 1]  # what stands at the start stands elsewhere too
    ours, theirs = KneserNey(text, order, discount=0.1), nltks(text, order)
    asked = [*text, *sorted(set(text))]
    for i in range(len(asked)):
        context = asked[max(0, i - order + 1) : i]
        for word in sorted(set(text)):
            expected = theirs.score(str(word), [str(c) for c in context])
            assert ours.next(context)[word] == pytest.approx(expected, abs=1e-12)


def test_where_nltk_differs():
    text = [1, 2, 3, 1, 3]  # nothing stands before "1 2": NLTK counts 2 among what follows 1, and not the pair
    total = sum(nltks(text, 3).score(str(w), ["1"]) for w in (1, 2, 3))
    assert total != pytest.approx(1, abs=1e-3)
    assert KneserNey(text, 3, discount=0.1).next([1]).sum() == pytest.approx(1)
    with pytest.raises(ZeroDivisionError):  # after 9 nothing but such pairs
        nltks([9, *text], 3).score("1", ["9"])
    assert KneserNey([9, *text], 3).next([9]).sum() == pytest.approx(1)


@settings(deadline=None)
@given(text=TEXTS, context=st.lists(st.integers(0, 6), max_size=6), order=st.integers(1, 5), smooth=st.booleans())
def test_a_distribution_in_every_context(text, context, order, smooth):
    model = KneserNey(text, order, vocab_size=7 if smooth else None)
    p = model.next([i for i in context if i < model.vocab_size])
    assert p.sum() == pytest.approx(1)
    assert p.min() >= 0
    assert not smooth or p.min() > 0


@settings(deadline=None)
@given(text=TEXTS, asked=TEXTS, order=st.integers(1, 5))
def test_a_text_is_measured_as_if_id_by_id(text, asked, order):
    model = KneserNey(text, order, vocab_size=5)
    expected = [model.next(asked[:i])[word] for i, word in enumerate(asked)]
    np.testing.assert_allclose(model.probabilities(asked), expected)
    assert model.loss(asked) == pytest.approx(-np.log(expected).mean())


def test_kinds_of_company_count_and_not_frequency():
    san, francisco, glasses = 0, 1, 2
    text = [san, francisco] * 20 + [3, glasses, 4, glasses, 5, glasses, 6, 7]
    p = KneserNey(text, 2, vocab_size=8).next([7])  # nothing stood after 7: the shorter context decides
    assert p[glasses] > p[francisco]


def test_the_longer_context_is_better_on_a_text_with_order():
    text = np.tile([0, 1, 0, 2, 0, 3], 50)
    losses = [KneserNey(text[:200], n, vocab_size=4).loss(text[200:]) for n in (1, 2, 3)]
    assert losses[0] > losses[1] > losses[2]


@pytest.mark.parametrize(
    ("ids", "settings", "message"),
    [
        ([], {}, "nothing to count"),
        ([0, 9], {"vocab_size": 5}, "vocabulary has 0 to 4"),
        ([0, -1], {}, "ids from -1"),
        ([[0, 1]], {}, "one row"),
        ([0.5], {}, "whole numbers"),
        ([0, 1], {"order": 0}, "at least 1"),
        ([0, 1], {"order": 5, "vocab_size": 50_257}, "63 bits"),
    ],
)
def test_wrong_arguments(ids, settings, message):
    with pytest.raises(ValueError, match=message):
        KneserNey(ids, **settings)
