"""The view of attention weights, and masks as pictures: what they hold, that they are safe, and what they refuse."""

import base64
import json
import re
from importlib import import_module
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from course_utils import show
from course_utils.blocks import masks

view = import_module("course_utils.show.attention")  # the package's attribute of this name is the function
SVG = "{http://www.w3.org/2000/svg}"
ROWS, COLUMNS = ["猫", "追", "</script>"], ["cat", 'a "b"']
WEIGHTS = np.array([[[1, 0], [0.25, 0.75], [0.5, 0.5]], [[0, 1], [0.126, 0.874], [1, 0]]])


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would display."""
    outputs = []
    monkeypatch.setattr(view, "in_notebook", lambda: True)
    monkeypatch.setattr(view, "publish", lambda *parts: outputs.append(parts))
    return outputs


def data_of(html):
    return json.loads(re.search(r"const DATA = (\{.*?\});\n", html)[1])


def still_of(html):
    return ElementTree.fromstring(base64.b64decode(re.search(r'base64,([^"]+)"', html)[1]))


def test_outside_a_notebook_the_alternative_text_is_printed(capsys):
    show.attention(WEIGHTS, ROWS, COLUMNS, alt="Two  heads.")
    assert capsys.readouterr().out == "Figure: Two heads.\n"


def test_the_view_holds_every_weight_in_percent(shown):
    show.attention(torch.tensor(WEIGHTS, requires_grad=True), ROWS, COLUMNS, alt="Two heads.", title="T")
    ((plain, html, png, metadata),) = shown
    data = data_of(html)
    assert (data["rows"], data["columns"], data["title"]) == (ROWS, COLUMNS, "T")
    assert data["weights"] == [[[100, 0], [25, 75], [50, 50]], [[0, 100], [13, 87], [100, 0]]]
    assert (plain, png) == ("Figure: Two heads.", None)
    assert metadata == {"course": {"figures": 1}}


def test_the_still_picture_has_all_tokens_and_each_cell_at_its_place(shown):
    show.attention(WEIGHTS, ROWS, COLUMNS, alt="Two heads.")
    heads = still_of(shown[0][1]).findall(f"{SVG}g")
    assert len(heads) == 2
    for head, weights in zip(heads, WEIGHTS, strict=True):
        assert {*ROWS, *COLUMNS} <= {text.text for text in head.iter(f"{SVG}text")}
        drawn = np.zeros_like(weights)
        for path in head.iter(f"{SVG}path"):
            for x, y in re.findall(r"M(\d+) (\d+)h", path.get("d")):
                drawn[int(y) // view.CELL, int(x) // view.CELL] = float(path.get("opacity"))
        np.testing.assert_allclose(drawn, weights, atol=0.005)


def test_one_head_needs_no_axis_and_self_attention_no_second_list(shown):
    show.attention([[1.0, 0.0], [0.5, 0.5]], ["a", "b"], alt="x")
    data = data_of(shown[0][1])
    assert data["weights"] == [[[100, 0], [50, 50]]]
    assert data["columns"] == data["rows"]


def test_the_view_is_self_contained_safe_and_the_same_each_time(shown):
    for weights in (WEIGHTS, WEIGHTS + 1e-9, WEIGHTS[:, ::-1]):
        show.attention(weights, ROWS, COLUMNS, alt='Two "heads".')
    first, second, other = (html for _, html, _, _ in shown)
    assert first == second != other
    assert 'alt="Two &quot;heads&quot;."' in first
    assert first.count("</script>") == 1
    assert not re.search(r"url\(|@import|\bfetch\(|XMLHttpRequest|\bimport\b|(src|href)=\"http", first)
    for needed in ("aria-pressed", "aria-live", "ArrowRight", "tabIndex", "data-lm-suppress-shortcuts"):
        assert needed in first


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"weights": WEIGHTS[..., :1]}, r"\(2, 3, 1\) do not fit 3 rows and 2 columns"),
        ({"weights": WEIGHTS[None]}, "one example, not a batch"),
        ({"columns": None}, "3 rows and 3 columns"),
        ({"weights": WEIGHTS * 3}, "after the softmax"),
        ({"weights": WEIGHTS * np.nan}, "after the softmax"),
        ({"weights": np.zeros((65, 2)), "rows": ["a"] * 65}, "at most 64"),
        ({"alt": " "}, "alt"),
    ],
)
def test_what_cannot_be_shown_is_refused(changed, says):
    given = {"weights": WEIGHTS, "rows": ROWS, "columns": COLUMNS, "alt": "Two heads.", **changed}
    with pytest.raises(ValueError, match=says):
        show.attention(**given)


def test_a_mask_is_a_picture_whose_blue_squares_are_true(monkeypatch):
    figures = []
    monkeypatch.setattr(view, "figure", lambda fig, alt: figures.append((fig, alt)))
    causal = masks.causal(3)
    show.mask({"causal": causal, "cross": np.ones((2, 4), dtype=bool)}, alt="Two masks.", tokens=["a", "b", "c"])
    ((fig, alt),) = figures
    assert alt == "Two masks."
    first, second = fig.axes
    assert (first.images[0].get_array() == causal.numpy()).all()
    assert [label.get_text() for label in first.get_xticklabels()] == ["a", "b", "c"]
    assert [label.get_text() for label in second.get_xticklabels()] == ["1", "2", "3", "4"]


def test_a_mask_is_drawn_without_a_warning():
    show.mask({"causal": masks.causal(4)}, alt="A triangle.")


@pytest.mark.parametrize(
    ("given", "says"), [({}, "no masks"), ({"m": np.eye(2)}, "'m' is float64"), ({"m": np.array([True])}, "two axes")]
)
def test_what_is_no_mask_is_refused(given, says):
    with pytest.raises(ValueError, match=says):
        show.mask(given, alt="x")
