"""Where the notebooks treat a system, a term or a claim, and what they measured about each claim."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import nbformat
import yaml

from course_utils.systems import System, Term, claims, glossary, systems
from course_utils.toolchain.source import Course, CourseError, Lesson

SECTIONS = Path(__file__).parent / "sections.yaml"
# Sections that list or repeat what the others treat.
OTHER = ("Exercise ", "Claims", "Summary", "Terms", "Further reading")
HEADING = re.compile(r"^(#{1,6}) +(.+?) *$", flags=re.MULTILINE)
MEASURED = re.compile(r"^(\w+) \([^)]*\): (.+)\n  the text: .*\n  measured: (.*)$", flags=re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """A section of a notebook: its title, and the cell and the line where that stands."""

    cell: int
    line: int
    level: int
    title: str


@dataclass(frozen=True)
class Verdict:
    """What a lesson's table of claims says of one."""

    verdict: str
    measured: str


@dataclass(frozen=True)
class Page:
    """A lesson and its committed notebook."""

    lesson: Lesson
    notebook: nbformat.NotebookNode

    @property
    def path(self) -> str:
        """Its place on the site, without suffix."""
        return f"notebooks/{self.lesson.slug}"

    @cached_property
    def places(self) -> "Places":
        """What the notebook treats where."""
        return find_places(self.notebook, self.lesson.number)


@dataclass(frozen=True)
class Places:
    """The sections that treat systems and terms, by their id or name, and the cells that record claims, by id."""

    systems: dict[str, Section]
    terms: dict[str, Section]
    claims: dict[str, int]
    verdicts: dict[str, Verdict]


def read_pages(course: Course) -> list[Page]:
    """All lessons that have a notebook."""
    paths = {lesson: course.notebooks / f"{lesson.slug}.ipynb" for lesson in course.lessons()}
    return [Page(lesson, nbformat.read(path, as_version=4)) for lesson, path in paths.items() if path.is_file()]


def find_places(notebook: nbformat.NotebookNode, number: int) -> Places:
    """Where a lesson's notebook treats its systems, terms and claims; what is found nowhere is left out."""
    parts, declared = list(sections(notebook)), _declared()
    treated = {
        s.id: treating(parts, names(s), declared["systems"].get(s.id), number)
        for s in systems().values()
        if s.lesson == number
    }
    defined = {
        t.term: treating(parts, names(t), declared["terms"].get(t.term), number) or _terms(parts)
        for t in glossary(number)
    }
    cells = {c.id: claim_cell(notebook, c.id) for c in claims().values() if c.lesson == number}
    return Places(
        {id: section for id, section in treated.items() if section},
        {term: section for term, section in defined.items() if section},
        {id: cell for id, cell in cells.items() if cell is not None},
        verdicts(notebook),
    )


@cache
def _declared() -> dict[str, dict[str, str]]:
    return yaml.safe_load(SECTIONS.read_text(encoding="utf-8"))


def sections(notebook: nbformat.NotebookNode) -> Iterator[Section]:
    """The sections of a notebook in order."""
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            for heading in HEADING.finditer(cell.source):
                line = cell.source.count("\n", 0, heading.start())
                yield Section(number, line, len(heading[1]), heading[2])


def names(entry: System | Term) -> list[str]:
    """What a system or a term is called, its whole name first.

    >>> from course_utils.systems import system
    >>> names(system("B19"))
    ['Rotary position embedding (RoPE, RoFormer)', 'RoPE', 'Rotary position embedding', 'RoFormer']
    """
    whole, label = (entry.name, entry.label) if isinstance(entry, System) else (entry.term, "")
    inside = [part for group in re.findall(r"\((.*?)\)", whole) for part in group.split(", ")]
    return list(dict.fromkeys(name for name in (whole, label, re.sub(r" *\(.*?\)", "", whole), *inside) if name))


def treating(parts: list[Section], called: list[str], declared: str | None, number: int) -> Section | None:
    """The section with the declared title; without one, the first whose title has one of the names.

    Raises CourseError when a title is declared that the lesson does not have.
    """
    if declared is not None:
        found = next((part for part in parts if part.title == declared), None)
        if found is None:
            raise CourseError(
                f"{SECTIONS.name} says that lesson {number:02d} treats {called[0]} under {declared!r}, and the lesson "
                "has no such section. Mend the title in course_utils/site/sections.yaml."
            )
        return found
    proper = [part for part in parts if part.level > 1 and not part.title.startswith(OTHER)]
    return next((part for name in called for part in proper if mention(name).search(part.title)), None)


def mention(name: str) -> re.Pattern[str]:
    """A pattern that finds a name as whole words, in the plural too, whatever its capitals, hyphens and blanks.

    >>> bool(mention("word embedding").search("Two Word-embeddings"))
    True
    """
    words = r"[- ]?".join(map(re.escape, re.split(r"[- ]+", name)))
    return re.compile(rf"(?<!\w){words}(?:s|es)?(?!\w)", flags=re.IGNORECASE)


def _terms(parts: list[Section]) -> Section | None:
    return next((part for part in parts if part.title == "Terms"), None)


def claim_cell(notebook: nbformat.NotebookNode, id: str) -> int | None:
    """The number of the cell that records a claim: one that names it, else the one with the table of all."""
    code = [(number, cell.source) for number, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    named = [(number, source) for number, source in code if re.search(rf"[\"']{id}[\"']", source)]
    recording = [pair for pair in named if "claim(" in pair[1]]
    tables = [(number, source) for number, source in code if "show.claims(" in source]
    return next((number for number, _ in (*recording, *named, *tables)), None)


def verdicts(notebook: nbformat.NotebookNode) -> dict[str, Verdict]:
    """What the lesson's own table of claims says, by the claims' ids."""
    shown = [
        output.data["text/plain"]
        for cell in notebook.cells
        if cell.cell_type == "code" and "show.claims(" in cell.source
        for output in cell.outputs
        if "text/plain" in output.get("data", {})
    ]
    return {id: Verdict(verdict, told) for text in shown for id, verdict, told in MEASURED.findall(text)}
