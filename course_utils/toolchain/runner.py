"""`course run`: every lesson, one a core; executed copies and pages in build/, unchanged lessons skipped."""

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib.metadata import distributions
from pathlib import Path
from statistics import median
from typing import Any

import nbformat
import psutil
from filelock import FileLock, Timeout
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Table
from rich.text import Text

from course_utils.data._paths import shortage
from course_utils.toolchain.execute import Effort, LessonStopped, execute
from course_utils.toolchain.notebook import generate, measured, without_outputs, write
from course_utils.toolchain.source import MOST_MEGABYTES, Course, CourseError, Lesson

SAVED_BYTES = 3_000_000  # what a lesson's copy and page need, at most
ROOM = 1.25  # seconds differ from run to run
SLOWEST = 3.0  # times slower than the machine that measured: beyond that, something is wrong with the course


@dataclass(frozen=True)
class Outcome:
    """What one lesson's run gave: seconds of wall time, kernel start included, and memory at its peak."""

    slug: str
    seconds: float
    megabytes: int
    cells: int
    claims: int
    figures: int
    cached: bool = False
    error: str = ""


def run(
    course: Course, wanted: list[str], *, fresh: bool, build: Path, console: Console, jobs: int | None = None
) -> list[Outcome]:
    """Run the wanted lessons (default: all), `jobs` at a time (default: one a core), and print the table.

    A failing lesson does not stop the others. The longest start first, so that no core waits at the end; each has
    its own kernel with one thread, so the results are the same as one after the other.
    """
    lessons = course.lessons(wanted)
    if not lessons:
        raise CourseError(f"There are no lessons in {course.sources}.")
    require_writable(build)
    jobs = min(jobs or default_jobs(), len(lessons))
    started = time.perf_counter()
    with _alone_in(build), _progress(console) as view:
        team = Team(course, package_key(course), fresh, build, view)
        try:
            team.work(lessons, jobs)
        finally:
            outcomes = [team.outcomes[lesson.slug] for lesson in lessons if lesson.slug in team.outcomes]
            view.stop()
            console.print(table(course, outcomes, time.perf_counter() - started))
            for outcome in outcomes:
                if outcome.error:
                    text = f"{outcome.slug} stopped\n{outcome.error}"
                    console.print(text, markup=False, highlight=False, soft_wrap=True)
            for slug, sentence in over_budget(course, outcomes).items():
                console.print(f"{slug} {sentence}", highlight=False)
    return outcomes


def default_jobs() -> int:
    """One lesson a core, as far as the free memory holds them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, psutil.virtual_memory().available // (MOST_MEGABYTES * 10**6)))


class Team:
    """Threads that each look after one kernel at a time. An interrupt kills the kernels, and so ends the threads."""

    def __init__(self, course: Course, common: str, fresh: bool, build: Path, view: "View"):
        self.course, self.common, self.fresh, self.build, self.view = course, common, fresh, build, view
        self.outcomes: dict[str, Outcome] = {}
        self.kernels: list[psutil.Process] = []
        self.stopped = False

    def work(self, lessons: list[Lesson], jobs: int) -> None:
        with ThreadPoolExecutor(jobs) as pool:
            futures = [pool.submit(self.run_one, lesson) for lesson in self.order(lessons, jobs)]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                self.stop()
                pool.shutdown(cancel_futures=True)
                raise

    def order(self, lessons: list[Lesson], jobs: int) -> list[Lesson]:
        """In order when one runs after the other; else the longest first, as measured."""
        known = measured(self.course)
        if jobs == 1:
            return lessons
        return sorted(lessons, key=lambda one: -known[one.slug].seconds if one.slug in known else -one.budget)

    def stop(self) -> None:
        self.stopped = True
        for kernel in self.kernels:
            with suppress(psutil.Error):
                kernel.kill()

    def run_one(self, lesson: Lesson) -> None:
        notebook = generate(self.course, lesson)
        key = hashlib.sha256((self.common + without_outputs(notebook)).encode()).hexdigest()
        if not self.fresh and (known := cached(self.build, lesson, key)):
            self.outcomes[lesson.slug] = known
            self.view.skip(lesson)
            return
        try:
            outcome = self.execute(lesson, notebook)
            if self.stopped:
                return
            if not outcome.error:
                notebook.metadata["course"] = {"key": key, "outcome": asdict(outcome)}
            save(notebook, self.build, lesson)
        except OSError as error:
            outcome = measure(lesson, notebook, Effort(0.0, 0), _cannot_write(self.build, error))
        self.outcomes[lesson.slug] = outcome
        self.view.done(lesson, outcome)

    def execute(self, lesson: Lesson, notebook: nbformat.NotebookNode) -> Outcome:
        """Run one lesson in a fresh kernel; a stop is part of the outcome."""
        error, effort = "", Effort(0.0, 0)
        log = self.build / "logs" / f"{lesson.slug}.log"
        with self.view.lesson(lesson, len(notebook.cells)) as on_cell:
            try:
                effort = execute(notebook, self.course.notebooks, log=log, on_kernel=self.on_kernel, on_cell=on_cell)
            except LessonStopped as stopped:
                error = f"cell {stopped.cell + 1} of {len(notebook.cells)}: {stopped}"
        return measure(lesson, notebook, effort, error)

    def on_kernel(self, kernel: psutil.Process) -> None:
        self.kernels.append(kernel)
        if self.stopped:  # the interrupt came while this kernel was starting
            kernel.kill()


def measure(lesson: Lesson, notebook: nbformat.NotebookNode, effort: Effort, error: str = "") -> Outcome:
    """Count what an executed notebook shows. `show` marks figures and claims in its outputs' metadata."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    marks = [output.get("metadata", {}).get("course", {}) for cell in code for output in cell.outputs]
    return Outcome(
        slug=lesson.slug,
        seconds=round(effort.seconds, 1),
        megabytes=effort.megabytes,
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


@contextmanager
def _alone_in(build: Path) -> Iterator[None]:
    """Only one run at a time writes to a build folder. Raises CourseError when another one is at work there."""
    try:
        with FileLock(build / ".running", timeout=0):
            yield
    except Timeout:
        raise CourseError(
            f"Another run is writing to {build}. Wait until it is done, or name another folder: --build-dir FOLDER."
        ) from None


def require_writable(folder: Path) -> None:
    """Raise CourseError, which names the way out, when nothing can be written to the folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").write_bytes(b"")
        (folder / ".writable").unlink()
    except OSError as error:
        raise CourseError(_cannot_write(folder, error)) from None


def _cannot_write(folder: Path, error: OSError) -> str:
    reason = shortage(folder, SAVED_BYTES) or error.strerror
    return f"Cannot write to {folder} ({reason}). Make room, or name another folder: --build-dir FOLDER."


def over_budget(course: Course, outcomes: list[Outcome]) -> dict[str, str]:
    """The lessons that left their budget of time or memory, and a sentence for each.

    A slow machine is no fault of a lesson: the budget of seconds grows by what the lessons take here against what
    was written down (their median ratio, at most `SLOWEST`), and by `ROOM`. Fewer than three lessons cannot tell a slow
    machine from a slow lesson; they get the room alone.
    """
    ran = [outcome for outcome in outcomes if not outcome.cached and not outcome.error]
    known, budgets = measured(course), {lesson.slug: lesson.budget for lesson in course.lessons()}
    ratios = [one.seconds / known[one.slug].seconds for one in ran if one.slug in known]
    pace = min(max(1.0, median(ratios)), SLOWEST) if len(ratios) >= 3 else 1.0
    over = {}
    for outcome in ran:
        seconds = budgets[outcome.slug] * pace * ROOM
        if outcome.seconds > seconds:
            over[outcome.slug] = f"took {outcome.seconds:.0f} s, at most {seconds:.0f} s here"
        elif outcome.megabytes > MOST_MEGABYTES:
            over[outcome.slug] = f"took {outcome.megabytes} MB, at most {MOST_MEGABYTES} MB"
    return over


def table(course: Course, outcomes: list[Outcome], seconds: float) -> Table:
    """Lesson, seconds, memory, cells, claims, figures; the last row adds up, with the wall time of the whole run."""
    view = Table(title="The course", title_justify="left")
    view.add_column("lesson")
    for title in ("seconds", "MB", "cells", "claims", "figures"):
        view.add_column(title, justify="right")
    view.add_column("")
    over = over_budget(course, outcomes)
    for outcome in outcomes:
        note = "[dim]unchanged, not run again[/]" if outcome.cached else ""
        if outcome.error or outcome.slug in over:
            note = f"[red]{'stopped' if outcome.error else 'over budget'}[/]"
        numbers = (f"{outcome.seconds:.1f}", outcome.megabytes, outcome.cells, outcome.claims, outcome.figures)
        view.add_row(outcome.slug, *map(str, numbers), note)
    if len(outcomes) > 1:
        view.add_section()
        total = sum(outcome.seconds for outcome in outcomes)
        memory = max(outcome.megabytes for outcome in outcomes)
        sums = [sum(getattr(outcome, name) for outcome in outcomes) for name in ("cells", "claims", "figures")]
        view.add_row("together", f"{total:.1f}", *map(str, (memory, *sums)), f"{seconds:.1f} s on the clock")
    return view


class _Elapsed(ProgressColumn):
    """Seconds so far against the lesson's budget, red when over."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        seconds, budget = task.elapsed or 0.0, task.fields["budget"]
        return Text(f"{seconds:5.1f} s of {budget} s", style="red" if seconds > budget else "green")


class View:
    """The live view on a terminal; plain lines elsewhere."""

    def __init__(self, console: Console, progress: Progress | None):
        self.console, self.progress = console, progress

    def stop(self) -> None:
        if self.progress:
            self.progress.stop()

    @contextmanager
    def lesson(self, lesson: Lesson, cells: int) -> Iterator[Any]:
        if self.progress is None:
            self.console.print(f"{lesson.slug}: budget {lesson.budget} s ...", highlight=False)
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

    def skip(self, lesson: Lesson) -> None:
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
