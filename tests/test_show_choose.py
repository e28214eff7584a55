"""The labelling view: clicks go where they should, and without clicks the stored choices stand in and say so."""

import pytest

from course_utils import show
from course_utils.show.choose import Choices, Pair, choices_html, listed, view

PAIRS = [Pair("where ?", "here .", "no <idea> ."), Pair("who ?", "me .", "you ."), Pair("why ?", "so .", "well .")]


def test_without_clicks_the_stored_choices_stand_in():
    choices = Choices(PAIRS, [0, 1, 0])
    assert choices.chosen == [0, 1, 0]
    assert choices.ranked[1] == (1, "you .", "me .")
    assert str(choices) == "nobody clicked: 3 stored choices stand in"


def test_clicks_are_counted_pair_by_pair_and_overrule_what_is_stored():
    choices = Choices(PAIRS, [0, 1, 0])
    head, first, second = view(choices).children
    assert "1 of 3" in head.value
    assert "where ?" in head.value
    assert (first.description, second.description) == ("here .", "no <idea> .")
    second.click()
    assert choices.chosen == [1, 1, 0]
    assert "who ?" in head.value
    assert first.description == "me ."
    first.click()
    assert choices.chosen == [1, 0, 0]
    assert str(choices) == "2 of 3 choices are yours"
    second.click()
    assert choices.chosen == [1, 0, 1]
    assert first.disabled
    assert second.disabled
    assert "All are judged" in head.value
    choices.take(0)
    assert choices.chosen == [1, 0, 1]


def test_pages_without_a_kernel_show_the_pairs_escaped():
    page = choices_html(Choices(PAIRS, [1, 0, 0]))
    assert "no &lt;idea&gt; ." in page
    assert "<idea>" not in page
    assert page.count("<tr") == 4
    assert listed(Choices(PAIRS, [1, 0, 0])).startswith("1. where ?\n   + no <idea> .\n   - here .")


def test_an_answer_without_words_can_be_read_and_clicked():
    choices = Choices([Pair("where ?", "here .", "")], [0])
    _, first, second = view(choices).children
    assert (first.description, second.description) == ("here .", "(no words)")
    assert "(no words)" in choices_html(choices)
    assert listed(choices) == "1. where ?\n   + here .\n   - (no words)"
    second.click()
    assert choices.ranked == [(0, "", "here .")]


def test_outside_a_notebook_the_pairs_are_printed(capsys):
    choices = show.choose([tuple(pair) for pair in PAIRS], [0, 0, 0])
    assert "1. where ?" in capsys.readouterr().out
    assert choices.chosen == [0, 0, 0]


@pytest.mark.parametrize("stored", [[0, 1], [0, 1, 2], []])
def test_wrong_stored_choices_are_refused(stored):
    with pytest.raises(ValueError, match="3 pairs and the stored choices"):
        Choices(PAIRS, stored)
    with pytest.raises(ValueError, match="0 pairs"):
        Choices([], [])
