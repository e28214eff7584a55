"""The film: that it holds every picture, is safe and self-contained, and what it refuses."""

import base64
import io
import json
import re
from importlib import import_module

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils import show

view = import_module("course_utils.show.film")  # the package's attribute of this name is the function
FRAMES = np.random.default_rng(0).uniform(size=(7, 3, 5))
CAPTIONS = [f"step {k}" for k in range(6)] + ["</script> é"]


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would display."""
    outputs = []
    monkeypatch.setattr(view, "in_notebook", lambda: True)
    monkeypatch.setattr(view, "publish", lambda *parts: outputs.append(parts))
    return outputs


def data_of(html):
    return json.loads(re.search(r"const DATA = (\{.*?\});\n", html)[1])


def test_outside_a_notebook_the_alternative_text_is_printed(capsys):
    show.film(FRAMES, CAPTIONS, alt="Seven  pictures.")
    assert capsys.readouterr().out == "Figure: Seven pictures.\n"


def test_the_strip_holds_every_picture_in_order(shown):
    show.film(torch.tensor(FRAMES, requires_grad=True), CAPTIONS, alt="Seven pictures.")
    ((plain, html, png, metadata),) = shown
    data = data_of(html)
    assert (data["captions"], data["width"], data["height"]) == (CAPTIONS, 5, 3)
    packed = base64.b64decode(data["strip"].removeprefix("data:image/png;base64,"))
    strip = np.asarray(Image.open(io.BytesIO(packed)).convert("L"), dtype=float)
    darkest, lightest = (Image.new("RGB", (1, 1), c).convert("L").getpixel((0, 0)) for c in (show.INK, show.PAPER))
    ink = ((lightest - strip) / (lightest - darkest)).reshape(FRAMES.shape)
    np.testing.assert_allclose(ink, FRAMES, atol=0.5 / 15 + 0.01)  # 16 shades, and colours are whole numbers
    assert plain == "Figure: Seven pictures."
    assert metadata["image/png"]["alt"] == "Seven pictures."
    assert Image.open(io.BytesIO(png)).width > 300


def test_what_lies_beyond_paper_and_ink_is_cut_off(shown):
    wild = np.where(FRAMES > 0.5, 9.0, -9.0)
    show.film(wild, CAPTIONS, alt="x")
    show.film(FRAMES > 0.5, CAPTIONS, alt="x")
    assert shown[0][1] == shown[1][1]


def test_the_film_is_self_contained_safe_and_its_words_do_not_hang_on_its_pixels(shown):
    for frames in (FRAMES, FRAMES, 1 - FRAMES):
        show.film(frames, CAPTIONS, alt='Seven "pictures".')
    first, second, other = (html for _, html, _, _ in shown)
    assert first == second != other
    masked = [re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "PICTURE", html) for html in (first, other)]
    assert masked[0] == masked[1]
    assert 'alt="Seven &quot;pictures&quot;."' in first
    assert first.count("</script>") == 1
    assert not re.search(r"url\(|@import|\bfetch\(|XMLHttpRequest|\bimport\b|(src|href)=\"http", first)
    for needed in ("aria-live", "aria-label", "aria-valuetext", "data-lm-suppress-shortcuts"):
        assert needed in first


def test_forty_mosaics_of_digits_stay_light(shown):
    show.film(np.random.default_rng(1).uniform(size=(40, 36, 90)), ["x"] * 40, alt="Noise.")
    assert len(data_of(shown[0][1])["strip"]) < 100_000  # half a byte a pixel, and a third more in base64


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"frames": FRAMES[0]}, r"shape \(3, 5\)"),
        ({"frames": FRAMES[:0], "captions": []}, r"shape \(0, 3, 5\)"),
        ({"captions": CAPTIONS[1:]}, "6 captions for 7 frames"),
        ({"frames": FRAMES * np.nan}, "finite"),
        ({"frames": np.zeros((201, 1, 1)), "captions": [""] * 201}, "at most 200"),
        ({"alt": " "}, "alt"),
    ],
)
def test_what_cannot_be_shown_is_refused(changed, says):
    with pytest.raises(ValueError, match=says):
        show.film(**{"frames": FRAMES, "captions": CAPTIONS, "alt": "Seven pictures.", **changed})
