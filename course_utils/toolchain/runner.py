"""`course run`: every lesson in order, executed copies and pages in build/, unchanged lessons skipped."""

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import nbformat
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Table
from rich.text import Text

from course_utils.toolchain.execute import LessonStopped, execute
from course_utils.toolchain.notebook import generate, without_outputs, write
from course_utils.toolchain.source import Course, CourseError, Lesson


@dataclass(frozen=True)
class Outcome:
    """What one lesson's run gave. `seconds` is wall time, kernel start included."""

    slug: str
    seconds: float
    cells: int
    claims: int
    figures: int
    cached: bool = False
    error: str = ""


def run(course: Course, wanted: list[str], *, fresh: bool, build: Path, console: Console) -> list[Outcome]:
    """Run the wanted lessons (default: all) and print the table. A failing lesson does not stop the others."""
    lessons = course.lessons(wanted)
    if not lessons:
        raise CourseError(f"There are no lessons in {course.sources}.")
    require_writable(build)
    common = package_key(course)
    outcomes: list[Outcome] = []
    try:
        with _progress(console) as progress:
            for lesson in lessons:
                outcomes.append(_run_one(course, lesson, common, fresh, build, progress))
    finally:
        console.print(table(outcomes))
        for outcome in outcomes:
            if outcome.error:
                console.print(f"[red]{outcome.slug} stopped[/]", outcome.error, sep="\n", markup=False)
    return outcomes


def _run_one(course: Course, lesson: Lesson, common: str, fresh: bool, build: Path, progress: "View") -> Outcome:
    notebook = generate(course, lesson)
    key = hashlib.sha256((common + without_outputs(notebook)).encode()).hexdigest()
    if not fresh and (known := cached(build, lesson, key)):
        progress.skip(lesson, known)
        return known
    outcome = execute_lesson(course, lesson, notebook, build, progress)
    if not outcome.error:
        notebook.metadata["course"] = {"key": key, "outcome": asdict(outcome)}
    save(notebook, build, lesson)
    return outcome


def execute_lesson(
    course: Course, lesson: Lesson, notebook: nbformat.NotebookNode, build: Path, progress: "View"
) -> Outcome:
    """Run one lesson in a fresh kernel; a stop is part of the outcome."""
    error, started = "", time.perf_counter()
    with progress.lesson(lesson, len(notebook.cells)) as on_cell:
        try:
            execute(notebook, course.notebooks, log=build / "logs" / f"{lesson.slug}.log", on_cell=on_cell)
        except LessonStopped as stopped:
            error = f"cell {stopped.cell + 1} of {len(notebook.cells)}: {stopped}"
    outcome = measure(lesson, notebook, time.perf_counter() - started, error)
    progress.done(lesson, outcome)
    return outcome


def measure(lesson: Lesson, notebook: nbformat.NotebookNode, seconds: float, error: str = "") -> Outcome:
    """Count what an executed notebook shows. `show` marks figures and claims in its outputs' metadata."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    marks = [output.get("metadata", {}).get("course", {}) for cell in code for output in cell.outputs]
    return Outcome(
        slug=lesson.slug,
        seconds=round(seconds, 1),
        cells=len(code),
        claims=max((mark.get("claims", 0) for mark in marks), default=0),
        figures=sum(mark.get("figures", 0) for mark in marks),
        error=error,
    )


def package_key(course: Course) -> str:
    """A hash of all that a lesson's result may hang on beside its own cells: package, data, versions."""
    digest = hashlib.sha256(sys.version.encode())
    for folder in ("course_utils", "data"):
        for path in sorted((course.root / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(path.relative_to(course.root).as_posix().encode() + b"\0" + path.read_bytes())
    for name in sorted({f"{found.name}=={found.version}" for found in distributions()}):
        digest.update(name.encode())
    return digest.hexdigest()


def cached(build: Path, lesson: Lesson, key: str) -> Outcome | None:
    """The outcome of an earlier run with the same key, if its copy and page are still there and whole."""
    path = build / f"{lesson.slug}.ipynb"
    if not path.with_suffix(".html").is_file():
        return None
    try:
        course = json.loads(path.read_text(encoding="utf-8"))["metadata"]["course"]
        return Outcome(**{**course["outcome"], "cached": True}) if course["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save(notebook: nbformat.NotebookNode, build: Path, lesson: Lesson) -> None:
    """The executed copy and its HTML page. The notebook is written last: it says that both are whole."""
    from nbconvert import HTMLExporter

    templates = str(Path(__file__).parent / "template")
    exporter = HTMLExporter(template_name="course", extra_template_basedirs=[templates], embed_images=True)
    page, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": lesson.name}})
    build.mkdir(parents=True, exist_ok=True)
    (build / f"{lesson.slug}.html").write_text(page, encoding="utf-8")
    draft = build / f"{lesson.slug}.ipynb.part"
    write(notebook, draft)
    os.replace(draft, build / f"{lesson.slug}.ipynb")


def require_writable(folder: Path) -> None:
    """Raise CourseError, which names the way out, when nothing can be written to the folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").write_bytes(b"")
        (folder / ".writable").unlink()
    except OSError as error:
        raise CourseError(
            f"Cannot write to {folder} ({error.strerror}). Name another folder: --build-dir FOLDER."
        ) from None


def table(outcomes: list[Outcome]) -> Table:
    """Lesson, seconds, cells, claims, figures; the last row adds them up."""
    view = Table(title="The course", title_justify="left")
    view.add_column("lesson")
    for title in ("seconds", "cells", "claims", "figures"):
        view.add_column(title, justify="right")
    view.add_column("")
    for outcome in outcomes:
        note = "[red]stopped[/]" if outcome.error else "[dim]unchanged, not run again[/]" if outcome.cached else ""
        numbers = (f"{outcome.seconds:.1f}", outcome.cells, outcome.claims, outcome.figures)
        view.add_row(outcome.slug, *map(str, numbers), note)
    if len(outcomes) > 1:
        view.add_section()
        sums = [sum(getattr(outcome, name) for outcome in outcomes) for name in ("cells", "claims", "figures")]
        total = sum(outcome.seconds for outcome in outcomes)
        view.add_row("together", f"{total:.1f}", *map(str, sums), "")
    return view


class _Elapsed(ProgressColumn):
    """Seconds so far against the lesson's budget, red when over."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        seconds, budget = task.elapsed or 0.0, task.fields["budget"]
        return Text(f"{seconds:5.1f} s of {budget} s", style="red" if seconds > budget else "green")


class View:
    """The live view on a terminal; one plain line a lesson elsewhere."""

    def __init__(self, console: Console, progress: Progress | None):
        self.console, self.progress = console, progress

    @contextmanager
    def lesson(self, lesson: Lesson, cells: int) -> Iterator[Any]:
        if self.progress is None:
            self.console.print(f"{lesson.slug}: {cells} cells, budget {lesson.budget} s ...", highlight=False)
            yield lambda index: None
            return
        progress = self.progress
        task = progress.add_task(lesson.name, total=cells, budget=lesson.budget)
        try:
            yield lambda index: progress.update(task, completed=index + 1)
        finally:
            progress.stop_task(task)

    def done(self, lesson: Lesson, outcome: Outcome) -> None:
        if self.progress is None:
            state = "STOPPED" if outcome.error else "ok"
            self.console.print(f"{lesson.slug}: {state}, {outcome.seconds:.1f} s", highlight=False)

    def skip(self, lesson: Lesson, outcome: Outcome) -> None:
        self.console.print(f"{lesson.slug}: unchanged since its last run, skipped", highlight=False)


@contextmanager
def _progress(console: Console) -> Iterator[View]:
    if not console.is_terminal:
        yield View(console, None)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("cells"),
        _Elapsed(),
    )
    with Progress(*columns, console=console) as progress:
        yield View(console, progress)
