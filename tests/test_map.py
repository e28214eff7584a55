"""The map of words: what it prints, its interactive view, and what it refuses."""

import json
import re

import numpy as np
import pytest

from course_utils.show import map as word_maps
from course_utils.show.map import word_map

WORDS = ["cup", "mug", "</script>", "naïve"]
POINTS = [[0, 0], [1, 5], [2, 10], [0.5, 2]]
VECTORS = [[1, 0], [1, 0.1], [0, 1], [-1, 0.2]]


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would display."""
    outputs = []
    monkeypatch.setattr(word_maps, "in_notebook", lambda: True)
    monkeypatch.setattr(word_maps, "publish", lambda *parts: outputs.append(parts))
    return outputs


def data_of(html):
    return json.loads(re.search(r"const DATA = (\{.*?\});\n", html)[1])


def test_outside_a_notebook_the_alternative_text_is_printed(capsys):
    word_map(WORDS, POINTS, VECTORS, alt="Four words.")
    assert capsys.readouterr().out == "Figure: Four words.\n"


def test_the_view_has_every_word_its_place_and_its_neighbours(shown):
    word_map(WORDS, POINTS, VECTORS, alt="Four words.", groups=["a", "a", "b", "b"])
    ((plain, html, png, metadata),) = shown
    data = data_of(html)
    assert data["words"] == WORDS
    assert data["points"] == [[0, 0], [0.5, 0.5], [1, 1], [0.25, 0.2]]
    assert data["near"][0] == [1, 2, 3]  # by cosine: 0.995, 0, below 0
    assert data["colours"][0] == data["colours"][1] != data["colours"][2]
    assert plain == "Figure: Four words."
    assert png.startswith(b"\x89PNG")
    assert metadata["image/png"]["alt"] == "Four words."


def test_the_view_is_self_contained_safe_and_the_same_each_time(shown):
    for _ in range(2):
        word_map(WORDS, POINTS, VECTORS, alt='Four "words".')
    first, second = (html for _, html, _, _ in shown)
    assert first == second
    assert 'alt="Four &quot;words&quot;."' in first
    assert first.count("</script>") == 1
    assert not re.search(r"(src|href)=\"http", first)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"words": []}, "no words"),
        ({"points": [[0, 0]]}, "as many points"),
        ({"vectors": [[0, 0]]}, "as many points"),
        ({"points": np.full((4, 2), np.nan)}, "finite"),
        ({"groups": ["a"]}, "groups"),
        ({"alt": " "}, "alt"),
    ],
)
def test_what_cannot_be_shown_is_refused(changed, says):
    good = {"words": WORDS, "points": POINTS, "vectors": VECTORS, "alt": "Four words."}
    given = {**good, **changed}
    with pytest.raises(ValueError, match=says):
        word_map(given.pop("words"), given.pop("points"), given.pop("vectors"), **given)
