"""The rules that the entries of `systems.yaml`, `claims.yaml` and `glossary.yaml` must keep.

Each function yields the faults of a file as sentences, so that all of them can be reported at once.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

LESSONS = range(35)
SOURCES = ("S0", "S1", "S2", "S3", "S4")
KINDS = {
    "B": "built from scratch",
    "D": "demonstrated on the official library",
    "X": "explained only",
    "B+D": "built from scratch and demonstrated on the official library",
    "B+X": "partly built, partly explained",
}


@dataclass(frozen=True)
class Rule:
    holds: Callable[[Any], bool]
    says: str
    optional: bool = False


def is_text(value: object) -> bool:
    return isinstance(value, str) and value == value.strip() != ""


def _is_name_list(value: object) -> bool:
    return isinstance(value, list) and all(map(is_text, value)) and len(set(value)) == len(value)


def _is_paper(value: object) -> bool:
    if not isinstance(value, dict) or set(value) not in ({"title", "arxiv"}, {"title", "url"}):
        return False
    place = re.fullmatch(r"\d{4}\.\d{4,5}", str(value.get("arxiv"))) or str(value.get("url")).startswith("https://")
    return all(map(is_text, value.values())) and bool(place)


def _none_or(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or holds(value)


_TEXT = Rule(is_text, "text without blanks around it")
_SENTENCE = Rule(lambda v: is_text(v) and v.endswith("."), "a sentence that ends with a full stop")
_OPTIONAL_TEXT = Rule(_none_or(is_text), _TEXT.says, optional=True)
_LESSON = Rule(lambda v: type(v) is int and v in LESSONS, f"a lesson from 0 to {LESSONS[-1]}")
_FROM_SOURCES = Rule(
    lambda v: _is_name_list(v) and v != [] and set(v) <= set(SOURCES), f"a list of some of {', '.join(SOURCES)}"
)
_IDS = Rule(_is_name_list, "a list of different ids")

SYSTEM = {
    "id": Rule(lambda v: bool(re.fullmatch(r"[A-Z][1-9]\d*", str(v))), "a letter and a number"),
    "name": _TEXT,
    "label": Rule(lambda v: is_text(v) and len(v) <= 16, "text of at most 16 characters", optional=True),
    "zh": _OPTIONAL_TEXT,
    "year": Rule(_none_or(lambda v: type(v) is int and 1900 <= v <= 2100), "a year or null"),
    "organisation": Rule(_none_or(is_text), "text or null"),
    "paper": Rule(_none_or(_is_paper), "null, or a title with an arXiv id (in quotes) or a url"),
    "parents": _IDS,
    "predates": Rule(_is_name_list, _IDS.says, optional=True),
    "mechanism": _SENTENCE,
    "note": Rule(_none_or(_SENTENCE.holds), _SENTENCE.says, optional=True),
    "lesson": _LESSON,
    "sources": _FROM_SOURCES,
    "kind": Rule(lambda v: v in KINDS, f"one of {', '.join(KINDS)}"),
}
SOURCE = {"id": Rule(lambda v: v in SOURCES, f"one of {', '.join(SOURCES)}")} | dict.fromkeys(
    ("title", "english", "about"), _TEXT
)
CLAIM = {
    "id": Rule(lambda v: bool(re.fullmatch(r"[ER]\d{2,3}", str(v))), "E or R and a number"),
    "sources": _FROM_SOURCES,
    "claim": _SENTENCE,
    "quote": Rule(
        lambda v: isinstance(v, dict) and set(v) == {"zh", "en"} and all(map(is_text, v.values())),
        "a sentence zh and its translation en",
        optional=True,
    ),
    "correct": _SENTENCE,
    "evidence": _SENTENCE,
    "lesson": _LESSON,
}
TERM = {
    "term": _TEXT,
    "zh": Rule(_none_or(is_text), "text or null"),
    "definition": _SENTENCE,
    "lesson": _LESSON,
}


def entry_faults(entries: Any, rules: dict[str, Rule], key: str) -> Iterator[str]:
    """The faults of single entries, and names given twice. `key` is the field that names an entry."""
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        yield "should be a list of entries, each with named fields"
        return
    for number, entry in enumerate(entries, 1):
        where = entry.get(key, f"entry {number}")
        for field, rule in rules.items():
            if field not in entry:
                if not rule.optional:
                    yield f"{where}: {field} is missing"
            elif not rule.holds(entry[field]):
                yield f"{where}: {field} is {entry[field]!r}, should be {rule.says}"
        for field in sorted(set(entry) - set(rules)):
            yield f"{where}: there is no field {field}; known are {', '.join(rules)}"
    for field in [key] + ["name"] * ("name" in rules):
        values = [str(e[field]) for e in entries if field in e]
        yield from (f"{v}: this {field} is given twice" for v in sorted({v for v in values if values.count(v) > 1}))


def lineage_faults(entries: list[dict[str, Any]], groups: dict[str, str]) -> Iterator[str]:
    """Unknown groups and parents, circles, and systems older than what they are built from."""
    known = {str(e.get("id")): e for e in entries}
    for id, entry in known.items():
        if id[:1] not in groups:
            yield f"{id}: there is no group {id[:1]}; known are {', '.join(groups)}"
        yield from _paper_faults(id, entry)
        parents, marked = _sound(entry, "parents") or [], _sound(entry, "predates") or []
        for parent in parents:
            if parent not in known:
                yield f"{id}: its parent {parent} is unknown"
            else:
                yield from _age_faults(entry, known[parent], parent in marked)
        yield from (f"{id}: predates names {p}, which is not among its parents" for p in marked if p not in parents)
    try:
        TopologicalSorter({id: _sound(e, "parents") or [] for id, e in known.items()}).prepare()
    except CycleError as error:
        yield f"{' is built from '.join(error.args[1][::-1])}: a circle"


def _sound(entry: dict[str, Any], field: str) -> Any:
    """The entry's value of a field if it keeps the field's rule, else None."""
    value = entry.get(field)
    return value if SYSTEM[field].holds(value) else None


def _paper_faults(id: str, entry: dict[str, Any]) -> Iterator[str]:
    arxiv, year = (_sound(entry, "paper") or {}).get("arxiv"), _sound(entry, "year")
    if arxiv and year and year != 2000 + int(arxiv[:2]):
        yield f"{id}: year is {year}, but its arXiv id {arxiv} is of 20{arxiv[:2]}"
    if len({entry[field] is None for field in ("year", "organisation", "paper") if field in entry}) > 1:
        yield f"{id}: year, organisation and paper belong together: give all three or none"


def _age_faults(child: dict[str, Any], parent: dict[str, Any], marked: bool) -> Iterator[str]:
    child_year, parent_year = _sound(child, "year"), _sound(parent, "year")
    older = None not in (child_year, parent_year) and child_year < parent_year
    if older and not marked:
        yield (
            f"{child['id']} ({child_year}) is older than its parent {parent['id']} ({parent_year}); "
            "if that is true, name the parent in predates"
        )
    if marked and not older:
        yield f"{child['id']}: predates names {parent['id']}, which isn't younger"
