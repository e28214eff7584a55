"""A map of words: a picture, and the same picture as an interactive view to move in and to search."""

import hashlib
import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.show.display import in_notebook, publish
from course_utils.show.figures import alt_text, figure_html, figure_metadata, to_png
from course_utils.show.house import INK, PALETTE, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_GROUPS = len(PALETTE)
N_NEAR = 8  # words that light up with the one pointed at
N_LABELLED = 90  # words with a label in the still picture
HINT = "Point at a word, or click to keep it. Drag to move, + and − to zoom (or Ctrl and the wheel)."
CSS = """
.course-map{max-width:760px;color-scheme:light;color:#1F2328;background:#fff;padding:.5em;font:13px sans-serif}
.course-map .bar{display:flex;flex-wrap:wrap;gap:.4em;align-items:center;margin-bottom:.4em}
.course-map .bar button{width:2em;font:inherit}.course-map .say{flex:1 1 60%;min-height:2.6em}
.course-map svg{width:100%;touch-action:none;border:1px solid #D5D9DF;cursor:grab;font:11px sans-serif}
.course-map svg .off{opacity:.15}.course-map svg g{cursor:pointer}.course-map svg text{user-select:none}
.course-map svg text{paint-order:stroke;stroke:#fff;stroke-width:2.5px}
""".strip().replace("\n", "")


def word_map(
    words: Sequence[str], points: ArrayLike, vectors: ArrayLike, *, alt: str, groups: Sequence[str] | None = None
) -> None:
    """Show words at points of the plane; in a notebook one can move, zoom, search, and point at a word.

    `points` is n x 2, in any unit; `vectors` is n x d: pointing at a word lights up the eight words of the largest
    cosine with it in d dimensions, wherever they are on the map. Words that come first get their label first.
    `groups` names a group for each word and gives it a colour, for at most seven groups. The output needs nothing
    from outside, and where scripts don't run it is a picture with its alternative text.

    Errors: ValueError if the lengths differ, for no words, numbers that are not finite, too many groups, no `alt`.

    >>> word_map(["cup", "mug"], [[0, 0], [1, 0]], [[1, 0], [1, 1]], alt="Cup is left of mug.")
    Figure: Cup is left of mug.
    """
    at, alike = np.asarray(points, dtype=float), np.asarray(vectors, dtype=float)
    _check(words, at, alike, groups)
    text, at, colours = alt_text(alt), _unit_square(at), _colours(words, groups)
    if not in_notebook():
        print(f"Figure: {text}")
        return
    with style():
        png, width = to_png(_draw(words, at, colours, groups))
    html = map_html(words, at, _nearest(alike), colours, text, figure_html(png, text, width))
    publish(f"Figure: {text}", html, png, figure_metadata(text, width))


def map_html(
    words: Sequence[str], points: NDArray[np.float64], near: list[list[int]], colours: list[str], alt: str, still: str
) -> str:
    """The interactive view as one piece of HTML, in which `still` stands until the script runs."""
    data = {
        "words": list(words),
        "points": points.round(4).tolist(),
        "near": near,
        "colours": colours,
        "alt": alt,
        "hint": HINT,
    }
    script = (files("course_utils.show") / "map.js").read_text(encoding="utf-8")
    script = script.replace("__DATA__", json.dumps(data, ensure_ascii=False).replace("<", "\\u003c"))
    id = hashlib.sha256(script.encode()).hexdigest()[:12]
    return (
        f'<div class="course-map" data-map="{escape(id)}" data-lm-suppress-shortcuts="true"><style>{CSS}</style>'
        f"{still}</div><script>{script.replace('__ID__', id)}</script>"
    )


def _check(
    words: Sequence[str], at: NDArray[np.float64], alike: NDArray[np.float64], groups: Sequence[str] | None
) -> None:
    if not len(words):
        raise ValueError("there are no words to show")
    if at.shape != (len(words), 2) or alike.ndim != 2 or len(alike) != len(words):
        raise ValueError(f"{len(words)} words need as many points (n x 2, not {at.shape}) and vectors ({alike.shape})")
    if not (np.isfinite(at).all() and np.isfinite(alike).all()):
        raise ValueError("points and vectors must be finite numbers")
    if groups is not None and (len(groups) != len(words) or len(set(groups)) > MOST_GROUPS):
        raise ValueError(f"give each of the {len(words)} words one of at most {MOST_GROUPS} groups")


def _unit_square(at: NDArray[np.float64]) -> NDArray[np.float64]:
    low, size = at.min(axis=0), np.ptp(at, axis=0)
    square: NDArray[np.float64] = (at - low) / np.where(size > 0, size, 1)
    return square


def _colours(words: Sequence[str], groups: Sequence[str] | None) -> list[str]:
    if groups is None:
        return [INK] * len(words)
    palette = dict(zip(dict.fromkeys(groups), PALETTE, strict=False))
    return [palette[group] for group in groups]


def _nearest(vectors: NDArray[np.float64]) -> list[list[int]]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(lengths > 0, lengths, 1)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -np.inf)
    near: list[list[int]] = np.argsort(-cosines, axis=1, kind="stable")[:, : min(N_NEAR, len(unit) - 1)].tolist()
    return near


def _draw(words: Sequence[str], at: NDArray[np.float64], colours: list[str], groups: Sequence[str] | None) -> "Figure":
    """All words as dots, the first with labels where there is room."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(7.2, 4.8))  # not pyplot's: a notebook would show that one a second time, below the view
    ax = fig.add_subplot()
    ax.scatter(at[:, 0], at[:, 1], s=5, c=colours, linewidths=0)
    for name, colour in dict(zip(groups or (), colours, strict=False)).items():
        ax.scatter([], [], s=12, color=colour, label=name)
    if groups is not None:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), ncols=4)
    taken: list[tuple[float, float, float]] = []
    for word, (x, y), colour in zip(words, at, colours, strict=True):
        end = x + 0.012 * (len(word) + 1)
        if len(taken) < N_LABELLED and not any(a < end and x < b and abs(y - c) < 0.03 for a, b, c in taken):
            taken.append((x, end, y))
            ax.annotate(word, (x, y), xytext=(3, -2.5), textcoords="offset points", fontsize=7.5, color=colour)
    ax.set_axis_off()
    fig.tight_layout()
    return fig
