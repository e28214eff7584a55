"""The family tree as an SVG picture, which the interactive view brings to life."""

from html import escape

from course_utils.show.house import INK, PAPER
from course_utils.show.layout import BOX, FONT, Plan, Step, route
from course_utils.show.picture import COLOURS, LEGEND, hubs

# On its own the picture has light paper; inside a page the interactive view has a style that suits the page.
CSS = (
    f"svg{{background:{PAPER};font:{FONT}px 'DejaVu Sans',Verdana,sans-serif}}"
    f"text{{fill:{INK};text-anchor:middle;dominant-baseline:central}}.y,.l{{text-anchor:start}}"
    ".y,.f,.hub text,.chosen text{font-weight:bold}.band{fill:#F3F4F6}"
    ".e{fill:none;stroke-width:.8;opacity:.45}.e.off{opacity:.1}.e.on{stroke-width:1.3;opacity:1}"
    f".p{{fill:{PAPER}}}.b{{fill-opacity:.15}}.hub .b{{fill-opacity:.35;stroke-width:1.6}}"
    ".chosen .b{fill-opacity:.5;stroke-width:2.4}.n.off .b{opacity:.3}.n.off text{opacity:.4}"
)


def draw_svg(plan: Plan, lit: set[str], chosen: set[str]) -> str:
    """The plan as an SVG document without references to anything outside of it.

    Where something is chosen, only what is lit keeps its colour.
    """
    width, height = f"{plan.width:.0f}", f"{plan.height:.0f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f"<style>{CSS}</style>{_background(plan)}<g>{_lines(plan, lit)}</g><g>{_boxes(plan, lit, chosen)}</g></svg>"
    )


def _background(plan: Plan) -> str:
    parts = [f'<text class="l" x="8" y="{plan.height - 13:.0f}">{LEGEND}</text>']
    for number, band in enumerate(plan.bands):
        if number % 2 == 0:
            height = band.end - band.start
            parts.append(f'<rect class="band" y="{band.start:g}" width="{plan.width:.0f}" height="{height:g}"/>')
        parts.append(f'<text class="y" x="8" y="{(band.start + band.end) / 2:g}">{band.name}</text>')
    for group, lane in plan.lanes.items():
        top, middle = plan.bands[0].start, (lane.start + lane.end) / 2
        words = escape(lane.name).split(" ", 1)
        for row, word in enumerate(reversed(words)):
            parts.append(f'<text class="f" x="{middle:.1f}" y="{top - 11 - 12 * row:g}">{word}</text>')
        line = f"M{lane.start + 3:.1f} {top - 1.5}H{lane.end - 3:.1f}"
        parts.append(f'<path d="{line}" stroke="{COLOURS[group]}" stroke-width="2.2"/>')
    return "".join(parts)


def _lines(plan: Plan, lit: set[str]) -> str:
    return "".join(
        f'<path class="e{_lit(lit, {p, c} <= lit)}" data-p="{p}" data-c="{c}" stroke="{COLOURS[p[0]]}" '
        f'd="{_path(route(plan, p, c))}"/>'
        for p, c in plan.lines
    )


def _lit(lit: set[str], on: bool) -> str:
    return "" if not lit else " on" if on else " off"


def _path(steps: list[Step]) -> str:
    return "".join(kind + " ".join(f"{x:.4g} {y:.4g}" for x, y in points) for kind, points in steps)


def _boxes(plan: Plan, lit: set[str], chosen: set[str]) -> str:
    hub, parts = hubs(plan), []
    for id, box in plan.boxes.items():
        rect = f'x="{-box.width / 2:.1f}" y="{-BOX / 2:g}" width="{box.width:.1f}" height="{BOX}" rx="4"'
        colour = COLOURS[box.system.group]
        look = " hub" * (id in hub) + " chosen" * (id in chosen) + " off" * bool(lit and id not in lit)
        parts.append(
            f'<g class="n{look}" data-id="{id}" transform="translate({box.x:.1f} {box.y:g})">'
            f'<rect class="p" {rect}/><rect class="b" fill="{colour}" stroke="{colour}" {rect}/>'
            f"<text>{escape(box.system.label)}</text></g>"
        )
    return "".join(parts)
