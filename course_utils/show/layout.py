"""The layout of the family tree: time runs down, each family has its columns, lines run from parent to child.

Pure Python and no drawing: the picture and the interactive view are both drawn from the same `Plan`.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from course_utils.systems import System

LANES = "ABCEDHFGJ"  # families that share many lines stand side by side
SLOTS = {"B": 2, "C": 2, "D": 2}  # columns of a family; one where nothing is said
FIRST_YEAR = 2013  # what is older shares one band
MARGIN, YEARS, HEAD, FOOT = 8, 44, 40, 20  # pixels: around everything, for years, families' names, the legend
ROW, BOX, GAP = 23, 16, 9  # pixels: from row to row, height of a box, between boxes and between bands
FONT = 9.6  # pixels
# Widths of characters in DejaVu Sans, in parts of the font size; what isn't listed is a lower-case letter.
_NARROW, _WIDE = dict.fromkeys("ijl.,:;'|!", 0.32), dict.fromkeys("mwMW@%", 0.98)
_WIDTHS = _NARROW | _WIDE | dict.fromkeys("frt()-/ ", 0.41) | dict.fromkeys("ABCDEFGHKLNOPQRSTUVXYZ&+", 0.72)


@dataclass(frozen=True)
class Box:
    """A system in the picture; x and y are the middle of its box, in pixels."""

    system: System
    x: float
    y: float
    width: float

    @property
    def top(self) -> float:
        return self.y - BOX / 2

    @property
    def bottom(self) -> float:
        return self.y + BOX / 2

    @property
    def left(self) -> float:
        return self.x - self.width / 2


@dataclass(frozen=True)
class Strip:
    """A band of a year, or the lane of a family: its name, and where it starts and ends in pixels."""

    name: str
    start: float
    end: float


@dataclass(frozen=True)
class Plan:
    """Where everything stands: boxes by id, (parent, child) lines, bands from top to bottom, lanes by group."""

    width: float
    height: float
    boxes: dict[str, Box]
    lines: list[tuple[str, str]]
    bands: list[Strip]
    lanes: dict[str, Strip]


def text_width(text: str, font: float = FONT) -> float:
    """About how many pixels a text takes in DejaVu Sans, rather too many than too few.

    >>> text_width("BERT") < text_width("Transformer")
    True
    """
    return font * sum(_WIDTHS.get(c, 0.635) for c in text)


def plan(systems: Iterable[System], names: dict[str, str]) -> Plan:
    """Lay out the systems that have a year and a relative, in lanes by family and bands by year.

    Within a band a child stands below its parents, and everything stands as high as it can.
    """
    shown = related(systems)
    rows = _rows(shown)
    lanes, columns = _lanes(shown, names)
    boxes, bands, y = {}, [], float(MARGIN + HEAD)
    for year in sorted(rows):
        depth = 1 + max(row for row, _ in rows[year].values())
        for id, (row, slot) in rows[year].items():
            x, width = columns[id[0]][slot]
            boxes[id] = Box(shown[id], x, y + GAP / 2 + ROW * (row + 0.5), width)
        bands.append(Strip(_band_name(year), y, y + ROW * depth + GAP))
        y = bands[-1].end
    lines = [(p, s.id) for s in shown.values() for p in s.parents if p in shown]
    order = {id: boxes[id] for id in shown}
    return Plan(max(lane.end for lane in lanes.values()) + MARGIN, y + FOOT + MARGIN, order, lines, bands, lanes)


Step = tuple[str, tuple[tuple[float, float], ...]]  # M, L or C as in an SVG path, and its points


def route(plan: Plan, parent: str, child: str) -> list[Step]:
    """The line from a parent to its child, with an arrow's head, as the steps of a path.

    It curves down from box to box. Within a column with other boxes between the two it runs beside them instead.
    """
    start, end = plan.boxes[parent], plan.boxes[child]
    between = (box for box in plan.boxes.values() if box.x == start.x and start.y < box.y < end.y)
    if start.x == end.x and any(between):
        return _beside(start, end)
    down = 1 if end.y > start.y else -1
    (x0, y0), (x1, y1) = (start.x, start.y + down * BOX / 2), (end.x, end.y - down * BOX / 2)
    bend = down * min(60.0, max(9.0, abs(y1 - y0) * 0.6))
    head = ((x1 - 2.6, y1 - 4 * down), (x1, y1), (x1 + 2.6, y1 - 4 * down))
    return [("M", ((x0, y0),)), ("C", ((x0, y0 + bend), (x1, y1 - bend), (x1, y1))), *_head(head)]


def _beside(start: Box, end: Box) -> list[Step]:
    x, gutter, turn = start.left, start.left - GAP / 2, 4
    head = ((x - 3, end.y - 2.6), (x, end.y), (x - 3, end.y + 2.6))
    return [
        ("M", ((x, start.y),)),
        ("C", ((gutter, start.y), (gutter, start.y), (gutter, start.y + turn))),
        ("L", ((gutter, end.y - turn),)),
        ("C", ((gutter, end.y), (gutter, end.y), (x, end.y))),
        *_head(head),
    ]


def _head(points: tuple[tuple[float, float], ...]) -> list[Step]:
    return [("M" if k == 0 else "L", (point,)) for k, point in enumerate(points)]


def related(systems: Iterable[System]) -> dict[str, System]:
    """The systems with a year that have a parent or a child with a year, by id."""
    dated = {s.id: s for s in systems if s.year is not None}
    linked = {id for s in dated.values() for p in s.parents if p in dated for id in (p, s.id)}
    return {id: s for id, s in dated.items() if id in linked}


def _band(system: System) -> int:
    return max(system.year or 0, FIRST_YEAR - 1)


def _band_name(band: int) -> str:
    return f"to {band}" if band < FIRST_YEAR else str(band)


def _rows(shown: dict[str, System]) -> dict[int, dict[str, tuple[int, int]]]:
    """For each band, the row and the slot (column within its family) of each system."""
    bands: dict[int, dict[str, tuple[int, int]]] = defaultdict(dict)
    slots: dict[str, int] = {}
    depth = _generations(shown)
    for id, s in sorted(shown.items(), key=lambda item: (_band(item[1]), depth[item[0]], *_older_first(item[1]))):
        band = bands[_band(s)]
        first = max((band[p][0] + 1 for p in s.parents if p in band), default=0)
        taken = {place for other, place in band.items() if other[0] == id[0]}
        nearest = _slots_by_nearness(s, slots)
        free = ((row, slot) for row in range(first, len(shown)) for slot in nearest)
        band[id] = next(place for place in free if place not in taken)
        slots[id] = band[id][1]
    return bands


def _slots_by_nearness(system: System, slots: dict[str, int]) -> list[int]:
    """The columns of the system's family, those nearest to its parents' columns first."""
    last = SLOTS.get(system.group, 1) - 1
    wished = [
        slots[p] if p[0] == system.group else last * (LANES.index(p[0]) > LANES.index(system.group))
        for p in system.parents
        if p in slots
    ]
    middle = sum(wished) / len(wished) if wished else 0
    return sorted(range(last + 1), key=lambda slot: (abs(slot - middle), slot))


def _older_first(system: System) -> tuple[int, str, int]:
    return system.year or 0, system.group, int(system.id[1:])


def _generations(shown: dict[str, System]) -> dict[str, int]:
    """How many ancestors of the same band stand above each system, at least."""
    depth: dict[str, int] = {}

    def of(id: str) -> int:
        if id not in depth:
            above = [p for p in shown[id].parents if p in shown and _band(shown[p]) == _band(shown[id])]
            depth[id] = 1 + max(map(of, above), default=-1)
        return depth[id]

    for id in shown:
        of(id)
    return depth


def _lanes(
    shown: dict[str, System], names: dict[str, str]
) -> tuple[dict[str, Strip], dict[str, list[tuple[float, float]]]]:
    """The lane of each family, and the middle and width of each of its columns."""
    lanes, columns, x = {}, {}, float(MARGIN + YEARS)
    for group in [g for g in LANES if any(id[0] == g for id in shown)]:
        slots = SLOTS.get(group, 1)
        widest = max(text_width(s.label) for s in shown.values() if s.group == group)
        width = widest + 9
        step = width + GAP
        columns[group] = [(x + GAP / 2 + width / 2 + step * k, width) for k in range(slots)]
        lanes[group] = Strip(names[group], x, x + step * slots)
        x = lanes[group].end + GAP / 2
    return lanes, columns
