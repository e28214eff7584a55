"""The family tree as a static picture."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from course_utils.show.house import BLUE, DPI, GREEN, GREY, INK, ORANGE, PURPLE, SKY, VERMILION
from course_utils.show.layout import FONT, Box, Plan, Step, route

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.path import Path

# Families that share a colour stand far apart, and every one has its own lane: colour is never the only sign.
COLOURS = {
    "A": GREY,
    "B": BLUE,
    "C": GREEN,
    "D": VERMILION,
    "E": ORANGE,
    "F": SKY,
    "G": GREY,
    "H": PURPLE,
    "J": GREEN,
}
POINT = 72 / DPI  # points in a pixel
LEGEND = "Time runs down. An arrow leads from a system to another that was directly built from it."
HUB = 8  # children that make a system a hub, drawn in bold


def draw(plan: Plan, lit: set[str], chosen: set[str]) -> "Figure":
    """Draw the plan; where something is chosen, only what is lit keeps its colour, and the chosen are in bold."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(plan.width / DPI, plan.height / DPI))
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, plan.width), ylim=(plan.height, 0))
    ax.axis("off")
    ax.text(8, plan.height - 8, LEGEND, fontsize=FONT * POINT, color="#59616B", va="bottom")
    _draw_background(ax, plan)
    _draw_lines(ax, plan, lit)
    for id, box in plan.boxes.items():
        _draw_box(ax, box, faded=bool(chosen) and id not in lit, bold=id in (chosen or hubs(plan)))
    return fig


def hubs(plan: Plan) -> list[str]:
    """The systems that many others were directly built from."""
    children = Counter(parent for parent, _ in plan.lines)
    return [id for id in plan.boxes if children[id] >= HUB]


def _draw_background(ax: "Axes", plan: Plan) -> None:
    for number, band in enumerate(plan.bands):
        if number % 2 == 0:
            ax.axhspan(band.start, band.end, color="#F3F4F6", linewidth=0)
        ax.text(8, (band.start + band.end) / 2, band.name, va="center", fontsize=FONT * POINT, weight="bold")
    for group, lane in plan.lanes.items():
        name = lane.name.replace(" ", "\n", 1)
        middle, top = (lane.start + lane.end) / 2, plan.bands[0].start
        ax.text(middle, top - 5, name, ha="center", va="bottom", fontsize=(FONT + 1) * POINT, weight="bold", color=INK)
        ax.plot((lane.start + 3, lane.end - 3), (top - 1.5,) * 2, color=COLOURS[group], linewidth=2.2)


def _draw_lines(ax: "Axes", plan: Plan, lit: set[str]) -> None:
    from matplotlib.collections import PathCollection

    for on, alpha, width in ((False, 0.10 if lit else 0.42, 0.7), (True, 0.95, 1.2)):
        pairs = [(p, c) for p, c in plan.lines if ({p, c} <= lit) == on]
        paths = [_path(route(plan, p, c)) for p, c in pairs]
        colours = [COLOURS[p[0]] for p, _ in pairs]
        ax.add_collection(PathCollection(paths, edgecolors=colours, facecolors="none", linewidths=width, alpha=alpha))


def _path(steps: list[Step]) -> "Path":
    from matplotlib.path import Path

    codes = {"M": Path.MOVETO, "L": Path.LINETO, "C": Path.CURVE4}
    return Path(
        [point for _, points in steps for point in points], [codes[kind] for kind, points in steps for _ in points]
    )


def _draw_box(ax: "Axes", box: Box, faded: bool, bold: bool) -> None:
    from matplotlib.colors import to_rgb
    from matplotlib.patches import FancyBboxPatch

    colour, strength = COLOURS[box.system.group], 0.04 if faded else 0.32 if bold else 0.14
    paper = tuple(1 - strength * (1 - c) for c in to_rgb(colour))
    edge = tuple(1 - (0.25 if faded else 1) * (1 - c) for c in to_rgb(colour))
    shape = FancyBboxPatch(
        (box.x - box.width / 2 + 4, box.top + 4),
        box.width - 8,
        box.bottom - box.top - 8,
        boxstyle="round,pad=4,rounding_size=4",
        facecolor=paper,
        edgecolor=edge,
        linewidth=1.6 if bold else 0.8,
        zorder=2,
    )
    ax.add_patch(shape)
    ink = "#A3A8B0" if faded else INK
    weight = "bold" if bold else "normal"
    ax.text(box.x, box.y + 0.5, box.system.label, ha="center", va="center", color=ink, weight=weight, **_TEXT)


_TEXT: dict[str, Any] = {"fontsize": FONT * POINT, "zorder": 3}
