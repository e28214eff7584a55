"""Figures: every one has an alternative text, and is displayed and closed in one way."""

import base64
import io
import math
import sys
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from course_utils.show.display import in_notebook, publish
from course_utils.show.house import BLUE, DPI, INK, PAPER, VERMILION, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from PIL.Image import Image

MANY_COLOURS = 1 << 14


def figure(fig: "Figure", alt: str) -> None:
    """Display a matplotlib figure as a crisp PNG with an alternative text, and close it.

    The text is in each form of the output: as `alt` in its HTML (JupyterLab and nbconvert's lab template give an
    `image/png` none), in the metadata of its PNG, and in its plain form.
    Outside a notebook nothing is displayed. Raises ValueError when `alt` is empty or an axis that shows numbers
    has no label, TypeError when `fig` is not a figure.

    >>> from matplotlib.figure import Figure
    >>> fig = Figure()
    >>> fig.add_subplot().set(xlabel="step", ylabel="loss (nats)")
    [Text(0.5, 0, 'step'), Text(0, 0.5, 'loss (nats)')]
    >>> figure(fig, alt="An empty plot of the loss against the step.")
    """
    from matplotlib.figure import Figure

    if not isinstance(fig, Figure):
        raise TypeError(f"figure() takes a matplotlib Figure, not {type(fig).__name__}; of axes, pass ax.figure")
    alt = alt_text(alt)
    if missing := unlabelled(fig):
        raise ValueError(f"no label on {', '.join(missing)}; use set_xlabel and set_ylabel, with units, or axis('off')")
    try:
        if in_notebook():
            png, width = to_png(fig)
            publish(f"Figure: {alt}", figure_html(png, alt, width), png, figure_metadata(alt, width))
    finally:
        if pyplot := sys.modules.get("matplotlib.pyplot"):
            pyplot.close(fig)


def alt_text(alt: str) -> str:
    """The alternative text with its blanks tidied; ValueError when there is none."""
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError("say in `alt` what the figure shows, for readers who can't see it")
    return " ".join(alt.split())


def figure_html(png: bytes, alt: str, width: int) -> str:
    """A figure as an HTML image, `width` pixels wide or as wide as a narrower page."""
    data = base64.b64encode(png).decode("ascii")
    style = f"width:{width}px;max-width:100%;height:auto"
    return f'<img alt="{escape(alt)}" style="{style}" src="data:image/png;base64,{data}">'


def figure_metadata(alt: str, width: int) -> dict[str, Any]:
    """The metadata of a figure's output: its alternative text, its width on the page, and a count for the runner."""
    return {"image/png": {"alt": alt, "width": width}, "course": {"figures": 1}}


def to_png(fig: "Figure") -> tuple[bytes, int]:
    """A figure's PNG at twice the resolution of the page, and its width on the page in pixels.

    The bytes depend on nothing but the figure and the versions of matplotlib and Pillow.
    """
    from PIL import Image

    drawn, packed = io.BytesIO(), io.BytesIO()
    with style():
        fig.savefig(drawn, format="png", dpi=2 * DPI, bbox_inches="tight", pad_inches=0.08, transparent=False)
    image = _few_colours(Image.open(drawn).convert("RGB"))
    image.save(packed, format="png", optimize=True)
    return packed.getvalue(), image.width // 2


def _few_colours(image: "Image") -> "Image":
    """A drawing in 256 colours, which halves the file; a photograph (of many colours) as it is.

    The colours of most pixels are kept exactly, so that no line changes its hue; only the blends at edges are
    replaced by the nearest colour kept.
    """
    import numpy as np
    from PIL import Image

    pixels = np.asarray(image).astype(np.int32)
    codes = pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]
    colours, place, count = np.unique(codes, return_inverse=True, return_counts=True)
    if len(colours) > MANY_COLOURS:
        return image
    channels = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1)
    common = channels[np.argsort(-count, kind="stable")[:96]]
    blends = np.array(image.quantize(160, dither=Image.Dither.NONE).getpalette(), np.int32).reshape(-1, 3)
    palette = np.concatenate([common, blends])[:256]
    nearest = ((channels[:, None] - palette) ** 2).sum(axis=-1).argmin(axis=1).astype(np.uint8)
    packed = Image.frombytes("P", image.size, nearest[place.ravel()].tobytes())
    packed.putpalette(palette.astype(np.uint8).tobytes())
    return packed


def unlabelled(fig: "Figure") -> list[str]:
    """The axes that show numbers without saying what of, as "y axis of plot 1"."""
    missing = []
    for number, ax in enumerate((ax for ax in fig.axes if ax.get_visible() and ax.axison), 1):
        for name in ("x", "y"):
            shared = fig.get_supxlabel() if name == "x" else fig.get_supylabel()
            axis = getattr(ax, f"{name}axis")
            if not shared and not axis.get_label_text() and _shows_numbers(axis, ax):
                missing.append(f"{name} axis of plot {number}")
    return missing


def _shows_numbers(axis: "Axis", ax: "Axes") -> bool:
    from matplotlib.ticker import LogFormatter, PercentFormatter, ScalarFormatter

    if not axis.get_visible() or not isinstance(
        axis.get_major_formatter(), ScalarFormatter | LogFormatter | PercentFormatter
    ):
        return False
    sides = ("labelbottom", "labeltop") if axis is ax.xaxis else ("labelleft", "labelright")
    ticks = axis.get_tick_params()
    return any(ticks.get(side) for side in sides) and len(axis.get_majorticklocs()) > 0


def bars(
    values: Mapping[str, float],
    *,
    xlabel: str,
    title: str,
    baseline: Mapping[str, float] | None = None,
    fmt: str = ".3g",
    alt: str | None = None,
) -> None:
    """Compare numbers as horizontal bars, each with its value, and a dashed line for each baseline.

    `fmt` is a format specification for the values (".3f", ".1%", ",d"). The alternative text is computed from the
    numbers unless `alt` gives one. Raises ValueError for no values, for one that isn't a finite number, and for an
    empty `xlabel` or `title`.

    >>> bars({"cased": 8084, "lower": 7447}, xlabel="word types", title="Vocabulary of the Lee corpus", fmt=",d")
    """
    from matplotlib.figure import Figure

    for argument in (values, baseline or {}):
        if not isinstance(argument, Mapping):
            raise ValueError(f"bars() takes names and their numbers, such as {{'cased': 8084}}, not {argument!r:.40}")
    lines = dict(baseline or {})
    _check_bars(values, lines, xlabel, title)
    alt = alt or bars_alt(values, xlabel=xlabel, title=title, baseline=lines, fmt=fmt)
    with style():
        fig = Figure(figsize=(6.4, 0.9 + 0.34 * len(values) + 0.16 * len(lines)), layout="constrained")
        ax = fig.add_subplot()
        ax.barh(list(values), list(values.values()), color=BLUE, height=0.66)
        _write_values(ax, values, fmt)
        _draw_lines(ax, lines, fmt)
        ax.set_title(title, pad=10 + 11 * len(lines))
        ax.set_xlabel(xlabel)
        ax.invert_yaxis()
        ax.tick_params(length=0, labelbottom=False)  # the numbers stand at the bars
        ax.spines[["left", "bottom"]].set_visible(False)
        ax.axvline(0, color=INK, linewidth=1)
        figure(fig, alt)


def _check_bars(values: Mapping[str, float], lines: Mapping[str, float], xlabel: str, title: str) -> None:
    if not values:
        raise ValueError("bars() needs at least one value to draw")
    for name, value in [*values.items(), *lines.items()]:
        if not math.isfinite(value):
            raise ValueError(f"bars() can't draw {name!r}: {value!r} is not a finite number")
    for argument, text in (("xlabel", xlabel), ("title", title)):
        if not text.strip():
            raise ValueError(f"bars() needs {argument}: say what the numbers are, with their unit")


def _write_values(ax: "Axes", values: Mapping[str, float], fmt: str) -> None:
    look: Any = {"va": "center", "zorder": 4, "bbox": {"facecolor": PAPER, "edgecolor": "none", "pad": 1}}
    for row, value in enumerate(values.values()):
        offset, side = ((4, 0), "left") if value >= 0 else ((-4, 0), "right")
        ax.annotate(f"{value:{fmt}}", (value, row), offset, textcoords="offset points", ha=side, **look)
    low, high = min(0, *values.values()), max(0, *values.values())
    room = 0.16 * (high - low or 1)
    ax.set_xlim(low - room * (low < 0), high + room * (high > 0))


def _draw_lines(ax: "Axes", lines: Mapping[str, float], fmt: str) -> None:
    for row, (name, value) in enumerate(lines.items()):
        ax.axvline(value, color=VERMILION, linestyle=(0, (4, 2)), linewidth=1.4, zorder=3)
        ax.annotate(
            f"{name} {value:{fmt}}",
            (value, 1),
            (0, 3 + 11 * row),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            color=VERMILION,
        )
    low, high = ax.get_xlim()
    ax.set_xlim(min(low, *lines.values(), low), max(high, *(1.05 * v for v in lines.values()), high))


def bars_alt(values: Mapping[str, float], *, xlabel: str, title: str, baseline: Mapping[str, float], fmt: str) -> str:
    """The alternative text of a bar chart: its title, every number, and the baselines.

    >>> bars_alt({"a": 0.5, "b": 0.25}, xlabel="accuracy", title="Two models", baseline={"chance": 0.1}, fmt=".0%")
    'Two models. Bar chart of accuracy: a 50%, b 25%. Dashed line: chance 10%.'
    """
    text = f"{title}. Bar chart of {xlabel}: {', '.join(f'{name} {value:{fmt}}' for name, value in values.items())}."
    if baseline:
        text += f" Dashed line: {', '.join(f'{name} {value:{fmt}}' for name, value in baseline.items())}."
    return text
