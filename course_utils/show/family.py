"""The family tree of all systems: a picture, and the same picture as an interactive view."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from course_utils.show.display import in_notebook, publish
from course_utils.show.figures import figure_metadata, to_png
from course_utils.show.house import style
from course_utils.show.layout import Plan, plan
from course_utils.show.picture import LEGEND, draw, hubs
from course_utils.show.svg import draw_svg
from course_utils.systems import LESSONS, System, ancestors, groups, system, systems


def tree(highlight: Sequence[str] = (), *, lesson: int | None = None) -> None:
    """Show the family tree of the course's systems, with some of them and their ancestors brought out.

    `highlight` lists ids, names or labels ("D10", "LLaMA"), `lesson` adds the systems of a lesson. The output has
    a picture with an alternative text and an interactive view that needs nothing from outside: pointing at a
    system, or moving to it with the keys, lights up its ancestors and descendants and tells what it is.
    Systems without a year or without relatives are found by the view's search only.

    Raises ValueError for an unknown system or lesson.
    """
    chosen = _chosen(highlight, lesson)
    layout = plan(systems().values(), groups())
    alt = tree_alt(layout, chosen)
    if not in_notebook():
        return
    ids, lit = _lit(chosen)
    with style():
        png, width = to_png(draw(layout, lit, ids))
    publish(f"Figure: {alt}", tree_html(layout, chosen, alt), png, figure_metadata(alt, width))


def _chosen(highlight: Sequence[str], lesson: int | None) -> list[System]:
    if isinstance(highlight, str):
        raise TypeError(f"highlight is a list of systems: highlight=[{highlight!r}]")
    if lesson is not None and lesson not in LESSONS:
        raise ValueError(f"there is no lesson {lesson!r}; lessons go from 0 to {LESSONS[-1]}")
    wanted = {system(key).id for key in highlight} | {s.id for s in systems().values() if s.lesson == lesson}
    return [s for s in systems().values() if s.id in wanted]


def _lit(chosen: list[System]) -> tuple[set[str], set[str]]:
    """The ids of the chosen systems, and of these together with their ancestors."""
    ids = {s.id for s in chosen}
    return ids, ids | {s.id for s in ancestors(*ids)}


def tree_alt(layout: Plan, chosen: list[System]) -> str:
    """The tree in words: how many systems there are, the families, the hubs, and what is highlighted."""
    families = ", ".join(
        f"{lane.name} {sum(id[0] == group for id in layout.boxes)}" for group, lane in layout.lanes.items()
    )
    hub = ", ".join(f"{s.name} ({s.year})" for s in (layout.boxes[id].system for id in hubs(layout)))
    text = (
        f"Family tree of {len(layout.boxes)} systems with {len(layout.lines)} lines of descent. {LEGEND} "
        f"Systems in each family: {families}. Most others were built from {hub}."
    )
    for s in chosen:
        above = ", ".join(a.label for a in ancestors(s.id))
        text += f" Highlighted: {s.name}, built from {above}." if above else f" Highlighted: {s.name}."
    return text


def tree_html(layout: Plan, chosen: list[System], alt: str, links: Mapping[str, tuple[str, str]] | None = None) -> str:
    """The interactive view as one piece of HTML; where scripts don't run, it is a picture with its text.

    `links` makes it a way in: by id the address where a system is treated, and what stands there. Clicking such a
    system goes there; the others are dashed and say that their lesson is not written yet.
    """
    ids, lit = _lit(chosen)
    svg = base64.b64encode(draw_svg(layout, lit, ids).encode()).decode("ascii")
    data = {
        "systems": [_facts(s) for s in systems().values()],
        "groups": groups(),
        "highlight": [s.id for s in chosen],
        "start": [s.id for s in chosen] or hubs(layout),
        "summary": f"{len(layout.boxes)} systems in {len(layout.lanes)} families. {LEGEND}",
    }
    if links is not None:
        data["links"] = links
    script = (files("course_utils.show") / "tree.js").read_text(encoding="utf-8")
    script = script.replace("__DATA__", json.dumps(data, ensure_ascii=False).replace("<", "\\u003c"))
    id = hashlib.sha256((svg + script).encode()).hexdigest()[:12]
    css = (files("course_utils.show") / "tree.css").read_text(encoding="utf-8")
    return (
        f'<div class="course-tree" data-tree="{id}" data-lm-suppress-shortcuts="true"><style>{css}</style>'
        f'<img alt="{_attribute(alt)}" src="data:image/svg+xml;base64,{svg}"></div>'
        f"<script>{script.replace('__ID__', id)}</script>"
    )


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")


def _facts(s: System) -> dict[str, Any]:
    facts = {
        "id": s.id,
        "name": s.name,
        "label": s.label,
        "zh": s.zh,
        "group": s.group,
        "year": s.year,
        "organisation": s.organisation,
        "title": s.paper and s.paper.title,
        "link": s.paper and s.paper.link,
        "mechanism": s.mechanism,
        "note": s.note,
        "lesson": s.lesson,
        "parents": s.parents,
    }
    return {name: value for name, value in facts.items() if value is not None}
