"""What the course is about: its systems and their lineage, the ledger of claims, and the glossary.

The data are `data/systems.yaml`, `data/claims.yaml` and `data/glossary.yaml`. They are checked when they are first
read, and every fault of a file is reported at once.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from course_utils._entries import CLAIM, KINDS, LESSONS, SOURCE, SYSTEM, TERM, entry_faults, is_text, lineage_faults
from course_utils.data import data_path

__all__ = [
    "KINDS",
    "LESSONS",
    "VERDICTS",
    "Claim",
    "Measurement",
    "Paper",
    "Quote",
    "Source",
    "System",
    "Term",
    "ancestors",
    "claim",
    "claims",
    "glossary",
    "groups",
    "recorded",
    "sources",
    "system",
    "systems",
]

VERDICTS = ("holds", "holds partly", "does not show at this scale", "wrong")


@dataclass(frozen=True)
class Paper:
    """Where a system was published: on arXiv, or at another address."""

    title: str
    arxiv: str | None = None
    url: str | None = None

    @property
    def link(self) -> str:
        """The paper's address: the arXiv abstract where there is one."""
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else str(self.url)


@dataclass(frozen=True)
class System:
    """A model, method or idea that the source texts name: one entry of `data/systems.yaml`.

    `year` is the year of the paper's first public version; techniques that no single paper introduced have none.
    `parents` are what it is directly built from; those in `predates` were published later than this system.
    """

    id: str
    name: str
    group: str
    lesson: int
    mechanism: str
    sources: tuple[str, ...]
    kind: str
    year: int | None = None
    organisation: str | None = None
    paper: Paper | None = None
    parents: tuple[str, ...] = ()
    predates: tuple[str, ...] = ()
    zh: str | None = None
    label: str = ""
    note: str | None = None


@dataclass(frozen=True)
class Source:
    """One of the source texts S0 to S4; a title in square brackets is a description, not the author's."""

    id: str
    title: str
    english: str
    about: str


@dataclass(frozen=True)
class Quote:
    """One sentence of a source text, in simplified Chinese, and its translation."""

    zh: str
    en: str


@dataclass(frozen=True)
class Claim:
    """What source texts say, what is right, and how that is known."""

    id: str
    sources: tuple[str, ...]
    claim: str
    correct: str
    evidence: str
    lesson: int
    quote: Quote | None = None


@dataclass(frozen=True)
class Term:
    """A term of the glossary: English, Chinese where there is a settled name, one line, the first lesson."""

    term: str
    zh: str | None
    definition: str
    lesson: int


@dataclass(frozen=True, repr=False)
class Measurement:
    """A claim together with what a lesson measured and its verdict."""

    claim: Claim
    measured: str
    verdict: str

    def __repr__(self) -> str:
        return f"{self.claim.id} {self.verdict}: {self.measured}"


def _refuse(faults: Iterable[str], file: str) -> None:
    if found := list(faults):
        raise ValueError(f"data/{file} has {len(found)} fault{'s' * (len(found) > 1)}:\n  " + "\n  ".join(found))


def parse_systems(content: Any, file: str = "systems.yaml") -> dict[str, System]:
    """The systems of a parsed `systems.yaml`, by id, in the file's order; a ValueError lists all its faults."""
    entries: Any = content.get("systems") if isinstance(content, dict) else None
    faults = list(entry_faults(entries, SYSTEM, "id"))
    if isinstance(entries, list):
        faults += lineage_faults([e for e in entries if isinstance(e, dict) and "id" in e], content.get("groups") or {})
    _refuse(faults, file)
    return {entry["id"]: _system(entry) for entry in entries}


def _system(entry: dict[str, Any]) -> System:
    tuples = {field: tuple(entry.get(field, ())) for field in ("parents", "predates", "sources")}
    paper = Paper(**entry["paper"]) if entry["paper"] else None
    derived = {"group": entry["id"][0], "label": entry.get("label") or entry["name"]}
    return System(**(entry | tuples | derived | {"paper": paper}))


def parse_claims(content: Any, file: str = "claims.yaml") -> dict[str, Claim]:
    """The claims of a parsed `claims.yaml`, by id, in the file's order; a ValueError lists all its faults."""
    known: dict[str, Any] = content if isinstance(content, dict) else {}
    entries, texts = known.get("claims"), known.get("sources")
    _refuse([*entry_faults(entries, CLAIM, "id"), *entry_faults(texts, SOURCE, "id")], file)
    return {entry["id"]: _claim(entry) for entry in entries or ()}


def _claim(entry: dict[str, Any]) -> Claim:
    quote = Quote(**entry["quote"]) if "quote" in entry else None
    return Claim(**(entry | {"sources": tuple(entry["sources"]), "quote": quote}))


def parse_glossary(content: Any, file: str = "glossary.yaml") -> list[Term]:
    """The terms of a parsed `glossary.yaml`; a ValueError lists all its faults."""
    _refuse(entry_faults(content, TERM, "term"), file)
    return [Term(**entry) for entry in content]


@cache
def _content(file: str) -> Any:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(data_path(file).read_text(encoding="utf-8"), Loader=loader)


@cache
def _systems() -> dict[str, System]:
    return parse_systems(_content("systems.yaml"))


@cache
def _claims() -> dict[str, Claim]:
    return parse_claims(_content("claims.yaml"))


@cache
def _glossary() -> list[Term]:
    return parse_glossary(_content("glossary.yaml"))


# ------------------------------------------------------------------ what lessons use


def systems() -> dict[str, System]:
    """All systems of the course by id, in the order of the inventory (A1 to J15).

    Raises ValueError with all faults of `data/systems.yaml` when it has any.

    >>> bert = systems()["C1"]
    >>> bert.name, bert.year, bert.parents
    ('BERT', 2018, ('A12', 'B10', 'B21', 'C13'))
    >>> bert.paper.link
    'https://arxiv.org/abs/1810.04805'
    """
    return dict(_systems())


def groups() -> dict[str, str]:
    """The names of the groups of systems by letter.

    >>> groups()["C"]
    'BERT family'
    """
    return dict(_content("systems.yaml")["groups"])


def system(key: str) -> System:
    """One system by its id, name or short label; capitals don't matter.

    Raises ValueError with similar names when there is none.

    >>> system("D10") == system("llama")
    True
    """
    index = {text.lower(): s for s in _systems().values() for text in (s.label, s.name, s.id)}
    if key.lower() in index:
        return index[key.lower()]
    close = [index[text].name for text in difflib.get_close_matches(key.lower(), index, n=3)]
    raise ValueError(f"there is no system {key!r}; {'similar: ' + ', '.join(close) if close else 'see systems()'}")


def ancestors(*keys: str) -> list[System]:
    """All that the given systems are built from, directly and indirectly, without the systems themselves.

    >>> [s.name for s in ancestors("CNN")], [s.name for s in ancestors("ResNet")]
    ([], ['Convolutional neural network (CNN)'])
    """
    start = {system(key).id for key in keys}
    found: set[str] = set()
    todo = list(start)
    while todo:
        new = set(_systems()[todo.pop()].parents) - found
        found |= new
        todo += new
    return [s for s in _systems().values() if s.id in found - start]


def sources() -> dict[str, Source]:
    """The source texts S0 to S4, with their titles.

    >>> sources()["S2"].english
    '[NLP] (task 3, part 2) Pre-trained language models: GPT-2'
    """
    _claims()  # checks the file
    return {entry["id"]: Source(**entry) for entry in _content("claims.yaml")["sources"]}


def claims() -> dict[str, Claim]:
    """The ledger of claims by id: what the source texts say, what is right, and the lesson that checks it.

    Raises ValueError with all faults of `data/claims.yaml` when it has any.

    >>> claims()["E92"].correct
    '4 March 2022.'
    """
    return dict(_claims())


def glossary(lesson: int | None = None) -> list[Term]:
    """The terms of the course, or those that one lesson introduces.

    >>> [term.term for term in glossary(1)]
    ['case normalisation', 'stemming', 'lemmatisation', 'type', 'tf-idf', 'bootstrap']
    >>> glossary(1)[1].zh
    '词干提取'
    """
    if lesson is not None and lesson not in LESSONS:
        raise ValueError(f"there is no lesson {lesson!r}; lessons go from 0 to {LESSONS[-1]}")
    return [term for term in _glossary() if lesson in (None, term.lesson)]


_recorded: dict[str, Measurement] = {}


def claim(id: str, measured: str, verdict: str) -> Measurement:
    """Record what a lesson measured about a claim; `show.claims()` shows the records.

    Recording an id again replaces its measurement and keeps its place. Raises ValueError for an unknown id, an
    empty measurement, or a verdict that isn't one of `VERDICTS`.

    >>> claim("E92", "2203.02155 is of March 2022", "wrong")
    E92 wrong: 2203.02155 is of March 2022
    """
    if id not in _claims():
        raise ValueError(f"there is no claim {id!r} in data/claims.yaml; known are {', '.join(_claims())}")
    if not is_text(measured):
        raise ValueError(f"claim {id}: say in a few words what was measured, not {measured!r}")
    if verdict not in VERDICTS:
        raise ValueError(f"claim {id}: {verdict!r} is no verdict; choose one of {', '.join(map(repr, VERDICTS))}")
    _recorded[id] = Measurement(_claims()[id], measured, verdict)
    return _recorded[id]


def recorded() -> list[Measurement]:
    """What was measured so far in this kernel, in the order of first recording."""
    return list(_recorded.values())
