"""The house style: one palette that colour-blind readers can tell apart, one set of fonts, light paper."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Okabe and Ito's palette (Color Universal Design, 2008), in the order in which figures use it. Yellow is left out:
# on light paper it can't be read.
BLUE = "#0072B2"
VERMILION = "#D55E00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREY = "#7A7F87"
PALETTE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, GREY)

INK = "#1F2328"
FAINT = "#D5D9DF"
PAPER = "#FFFFFF"  # opaque, so that a figure reads in dark mode too
DPI = 100  # a figure's inch is 100 pixels wide on the page, and 200 in the file


def settings() -> dict[str, Any]:
    """Matplotlib's settings for the house style. DejaVu ships with matplotlib, so every machine draws the same."""
    from cycler import cycler

    return {
        "figure.figsize": (6.4, 3.6),
        "figure.dpi": DPI,
        "figure.facecolor": PAPER,
        "savefig.facecolor": "auto",
        "savefig.bbox": None,
        "axes.facecolor": PAPER,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlecolor": INK,
        "axes.titlepad": 10,
        "axes.labelsize": 9.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.prop_cycle": cycler(color=PALETTE),
        "grid.color": FAINT,
        "grid.linewidth": 0.8,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "xtick.labelsize": 8.5,
        "ytick.labelsize": 8.5,
        "legend.frameon": False,
        "legend.fontsize": 8.5,
        "lines.linewidth": 1.8,
        "image.cmap": "viridis",
        "font.family": ["DejaVu Sans"],
        "font.size": 9.5,
        "mathtext.fontset": "dejavusans",
        "text.usetex": False,
    }


@contextmanager
def style() -> Iterator[None]:
    """Draw in the house style inside a `with` block; the reader's own settings are untouched.

    >>> import matplotlib.pyplot as plt
    >>> with style():
    ...     fig, ax = plt.subplots()
    >>> plt.close(fig)
    """
    import matplotlib

    house: Any = settings()  # matplotlib 3.11 types each key, older versions don't
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(house)
        yield
