"""Who looks at whom: the weights of attention as an interactive view, and masks as pictures."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

from course_utils.show.display import in_notebook, publish
from course_utils.show.figures import alt_text, figure
from course_utils.show.house import BLUE, FAINT, INK, ORANGE, PAPER, style

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Percents = list[list[int]]  # of one head: a row for each query
CELL = 18  # pixels
MOST_TOKENS = 64
WIDTH = 760  # pixels that the heat maps may take side by side
FONT = 'font-family="system-ui,\'DejaVu Sans\',sans-serif" font-size="11"'


def attention(
    weights: Any, rows: Sequence[str], columns: Sequence[str] | None = None, *, alt: str, title: str = ""
) -> None:
    """Show attention weights (H, L, M) or (L, M); in a notebook one chooses a token, and sees whom it looks at.

    `rows` are the L tokens that ask, `columns` the M tokens that are asked: the same ones by default. The weights,
    an array or a tensor, are shown as whole percents. The view needs nothing from outside; the tokens are in the
    browser's fonts, so that every script shows. Where no code runs it is a picture of all heads with its text.

    Errors: ValueError for shapes that do not fit, weights that are not between 0 and 1, over 64 tokens, no `alt`.

    >>> attention([[1, 0], [0.5, 0.5]], ["猫", "sat"], alt="The first token sees itself, the second sees both.")
    Figure: The first token sees itself, the second sees both.
    """
    columns = rows if columns is None else columns
    shares, text = _percents(weights, rows, columns), alt_text(alt)
    html = attention_html(shares, list(rows), list(columns), text, title) if in_notebook() else None
    publish(f"Figure: {text}", html, None, {"course": {"figures": 1}})


def attention_html(shares: list[Percents], rows: list[str], columns: list[str], alt: str, title: str) -> str:
    """The interactive view as one piece of HTML, in which a picture stands until the script runs."""
    svg = base64.b64encode(_draw(shares, rows, columns).encode()).decode("ascii")
    data = {"rows": rows, "columns": columns, "weights": shares, "alt": alt, "title": title, "cell": CELL}
    css, script = (
        (files("course_utils.show") / f"attention.{end}").read_text(encoding="utf-8") for end in ("css", "js")
    )
    script = script.replace("__DATA__", json.dumps(data, ensure_ascii=False).replace("<", "\\u003c"))
    id = hashlib.sha256((svg + script).encode()).hexdigest()[:12]
    return (
        f'<div class="course-attention" data-attention="{id}" data-lm-suppress-shortcuts="true"><style>{css}</style>'
        f'<img alt="{escape(alt)}" src="data:image/svg+xml;base64,{svg}"></div>'
        f"<script>{script.replace('__ID__', id)}</script>"
    )


def mask(masks: Mapping[str, Any], *, alt: str, tokens: Sequence[str] | None = None) -> None:
    """Draw boolean masks (L, M), True for "may look", side by side under their names; blue is True.

    `tokens` labels the axes of masks of that size; without it positions are numbered.
    Errors: ValueError for no masks, for one that is not boolean and of two axes, for no `alt`.
    """
    from matplotlib.figure import Figure

    if not isinstance(masks, Mapping):
        raise ValueError("give the masks with their names, such as {'causal': causal(6)}")
    pictures = {name: _boolean(name, one) for name, one in masks.items()}
    if not pictures:
        raise ValueError("there are no masks to draw")
    with style():
        fig = Figure(figsize=(max(2.6, min(9, 2.1 * len(pictures))), 2.5), layout="constrained")
        axes = fig.subplots(1, len(pictures), squeeze=False)[0]
        for ax, (name, picture) in zip(axes, pictures.items(), strict=True):
            _draw_mask(ax, picture, tokens)
            ax.set_title(name, fontsize=9.5)
        axes[0].set_ylabel("query")
        fig.supxlabel("key", fontsize=9.5)
        figure(fig, alt)


def _percents(weights: Any, rows: Sequence[str], columns: Sequence[str]) -> list[Percents]:
    """The weights (H, L, M) in whole percents."""
    import numpy as np

    given = weights.detach().cpu() if hasattr(weights, "detach") else weights
    array = np.asarray(given, dtype=float)
    array = array[None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[1:] != (len(rows), len(columns)) or 0 in array.shape:
        raise ValueError(
            f"weights of shape {tuple(np.shape(given))} do not fit {len(rows)} rows and {len(columns)} columns; give "
            "(heads, rows, columns) or (rows, columns), and one example, not a batch"
        )
    if not ((array >= -1e-6) & (array <= 1 + 1e-6)).all():
        raise ValueError("weights must lie between 0 and 1: take them after the softmax")
    if max(array.shape[1:]) > MOST_TOKENS:
        raise ValueError(f"{max(array.shape[1:])} tokens are too many to tell apart; show at most {MOST_TOKENS}")
    percents: list[Percents] = (array * 100).round().astype(int).tolist()
    return percents


def _draw(shares: list[Percents], rows: list[str], columns: list[str]) -> str:
    """All heads as heat maps in one SVG."""
    left, top = 8 + max(map(_width, rows)), 26 + max(map(_rise, columns))
    panel = left + CELL * len(columns) + 24, top + CELL * len(rows) + 12
    lines = -(-len(shares) // max(1, WIDTH // panel[0]))
    across = -(-len(shares) // lines)
    width, height = across * panel[0] + 24, lines * panel[1]
    heads = "".join(
        f'<g class="head" transform="translate({h % across * panel[0] + left} {h // across * panel[1] + top})">'
        f"{_head(share, rows, columns, f'head {h + 1}' if len(shares) > 1 else '', 14 - top)}</g>"
        for h, share in enumerate(shares)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" {FONT} fill="{INK}">'
        f'<rect class="p" width="{width}" height="{height}" fill="{PAPER}"/>{heads}</svg>'
    )


def _head(share: Percents, rows: list[str], columns: list[str], name: str, y: int) -> str:
    """One heat map: cells of the same weight share a path, which keeps the picture small."""
    cells = "".join(
        f'<path opacity="{percent / 100:g}" d="{_squares(share, percent)}"/>'
        for percent in sorted({percent for row in share for percent in row} - {0})
    )
    size = f'width="{CELL * len(columns)}" height="{CELL * len(rows)}"'
    row_names = (
        f'<text x="-5" y="{CELL * r + CELL * 0.7:g}" text-anchor="end">{escape(t)}</text>' for r, t in enumerate(rows)
    )
    return (
        f'<text class="h" y="{y}">{name}</text>{"".join(row_names)}{_column_names(columns)}'
        f'<g class="w" stroke="{ORANGE}" stroke-width="{CELL}" fill="none">{cells}</g>'
        f'<rect class="f" {size} fill-opacity="0" stroke="{FAINT}"/>'
        f'<rect class="row" width="{CELL * len(columns)}" height="{CELL}" fill="none"/>'
    )


def _squares(share: Percents, wanted: int) -> str:
    return "".join(
        f"M{CELL * k} {CELL * q + CELL // 2}h{CELL}"
        for q, row in enumerate(share)
        for k, percent in enumerate(row)
        if percent == wanted
    )


def _column_names(columns: list[str]) -> str:
    upright = max(map(_width, columns)) <= CELL
    return "".join(
        f'<text x="{CELL * k + CELL / 2:g}" y="-5" text-anchor="middle">{escape(text)}</text>'
        if upright
        else f'<text transform="translate({CELL * k + CELL * 0.6:g} -5) rotate(-55)">{escape(text)}</text>'
        for k, text in enumerate(columns)
    )


def _width(text: str) -> int:
    """Pixels that a text takes, about: Chinese characters are as wide as they are high."""
    return round(sum(11 if east_asian_width(c) in "WF" else 7 for c in text))


def _rise(text: str) -> int:
    """Pixels that a column's name takes upwards."""
    return 11 if _width(text) <= CELL else round(0.82 * _width(text)) + 8


def _boolean(name: str, one: Any) -> "NDArray[np.bool_]":
    import numpy as np

    array = np.asarray(one.detach().cpu() if hasattr(one, "detach") else one)
    if array.dtype != bool or array.ndim != 2:
        raise ValueError(f"the mask {name!r} is {array.dtype} of shape {array.shape}; draw booleans of two axes")
    return array


def _draw_mask(ax: Any, picture: "NDArray[np.bool_]", tokens: Sequence[str] | None) -> None:
    from matplotlib.colors import ListedColormap

    ax.imshow(picture, cmap=ListedColormap([PAPER, BLUE]), vmin=0, vmax=1)
    n_queries, n_keys = picture.shape
    for axis, n in ((ax.xaxis, n_keys), (ax.yaxis, n_queries)):
        axis.set_ticks(range(n), tokens if tokens is not None and len(tokens) == n else [str(i + 1) for i in range(n)])
        axis.set_ticks([i + 0.5 for i in range(n - 1)], minor=True)
    ax.tick_params(length=0, which="both", labelsize=7.5)
    ax.grid(which="minor", color=FAINT)
    ax.spines[:].set(visible=True, color=FAINT)
    if tokens is not None and len(tokens) == n_keys:
        ax.tick_params(axis="x", labelrotation=90)
