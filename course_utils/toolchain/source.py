"""Lesson sources: where the course's folders are, and what one lesson says of itself."""

import re
import tomllib
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

MOST_SECONDS = 120  # no lesson may take longer on one core of a laptop,
MOST_MEGABYTES = 2500  # or need more memory
HEADER = {
    **dict.fromkeys(("title", "why"), str),
    **dict.fromkeys(("objectives", "builds_on", "systems"), list),
    **dict.fromkeys(("minutes", "budget"), int),
}
KINDS = {str: "a text", list: "a list in brackets", int: "a whole number"}
EXERCISE_MARK = re.compile(r"exercise (\d\d\.\d+)$")


class CourseError(Exception):
    """A fault that the user can mend; its message says how, and the command line prints nothing else."""


@dataclass(frozen=True)
class Course:
    """The folders and settings of one checkout."""

    root: Path

    @classmethod
    def find(cls, start: Path | None = None) -> "Course":
        """The checkout around `start` (default: the working directory, then the folder of this package)."""
        places = [start] if start else [Path.cwd(), Path(__file__).resolve().parents[2]]
        for place in places:
            for folder in (place, *place.parents):
                if (folder / "lessons").is_dir() and (folder / "course.py").is_file():
                    return cls(folder)
        raise CourseError(
            "This command works on a checkout of the course, and there is none here. "
            "Clone the repository and run it inside that folder."
        )

    @property
    def sources(self) -> Path:
        return self.root / "lessons"

    @property
    def notebooks(self) -> Path:
        return self.root / "notebooks"

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The `[tool.course]` table of pyproject.toml: repository and branch."""
        return tomllib.loads((self.root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["course"]

    def lessons(self, wanted: list[str] | None = None) -> "list[Lesson]":
        """All lessons in order, or the wanted ones by number ("01", "1") or slug."""
        found = [read_lesson(path) for path in sorted(self.sources.glob("[0-9][0-9]_*.py"))]
        for one, two in pairwise(found):
            if one.number == two.number:
                raise CourseError(f"{one.path.name} and {two.path.name} have the same number. Give one another.")
        if not wanted:
            return found
        chosen = []
        for name in wanted:
            number = int(name) if name.isdigit() else None
            match = [lesson for lesson in found if lesson.number == number or lesson.slug.startswith(name)]
            if not match:
                known = ", ".join(lesson.slug for lesson in found)
                raise CourseError(f"There is no lesson {name!r}. There are: {known}.")
            chosen += [lesson for lesson in match if lesson not in chosen]
        return sorted(chosen, key=lambda lesson: lesson.number)


@dataclass(frozen=True)
class Cell:
    """One cell of a lesson's source: kind is "markdown", "code" or "exercise" (then the source is its id)."""

    kind: str
    source: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lesson:
    """A lesson as its author wrote it: the header's facts, and the cells in order."""

    path: Path
    number: int
    title: str
    why: str
    objectives: tuple[str, ...]
    builds_on: tuple[int, ...]
    minutes: int
    budget: int
    systems: tuple[str, ...]
    cells: tuple[Cell, ...] = field(repr=False)

    @property
    def slug(self) -> str:
        return self.path.stem

    @property
    def name(self) -> str:
        return f"{self.number:02d} · {self.title}"

    @property
    def exercises(self) -> list[str]:
        return [cell.source for cell in self.cells if cell.kind == "exercise"]


def read_lesson(path: Path) -> Lesson:
    """Read one source. Raises CourseError when its header lacks something or says something unknown."""
    import jupytext

    try:
        notebook = jupytext.read(path, fmt="py:percent")
    except yaml.YAMLError as error:
        raise CourseError(f"{path.name}: its header is no YAML (a text with a colon needs quotes):\n{error}") from None
    header = dict(notebook.metadata.get("course", {}))
    _check_header(path, header)
    return Lesson(
        path=path,
        number=int(path.stem[:2]),
        title=header["title"],
        why=" ".join(header["why"].split()),
        objectives=tuple(header["objectives"]),
        builds_on=tuple(header["builds_on"]),
        minutes=header["minutes"],
        budget=header["budget"],
        systems=tuple(header["systems"]),
        cells=tuple(_cell(cell, path) for cell in notebook.cells if cell.source.strip() or cell.metadata),
    )


def _check_header(path: Path, header: dict[str, Any]) -> None:
    faults = [f"lacks {name!r}" for name in HEADER if name not in header]
    faults += [f"does not know {name!r}" for name in header if name not in HEADER]
    for name, kind in HEADER.items():
        if name in header and not isinstance(header[name], kind):
            faults.append(f"wants {KINDS[kind]} for {name!r}, not {header[name]!r}")
    if faults:
        raise CourseError(f"{path.name}: its header {', '.join(faults)}.")


def _cell(cell: Any, path: Path) -> Cell:
    title = cell.metadata.get("title", "")
    if mark := EXERCISE_MARK.match(title):
        if cell.source.strip():
            raise CourseError(f"{path.name}: exercise {mark[1]} has text below its mark; it comes from the package.")
        return Cell("exercise", mark[1])
    if title:
        raise CourseError(f"{path.name}: a cell is called {title!r}; only `# %% exercise NN.n` is known.")
    return Cell(cell.cell_type, cell.source, tuple(cell.metadata.get("tags", ())))
