"""What a lesson's author and a teacher do with notebooks: build, see what is stale, release without solutions."""

import json
from dataclasses import asdict
from pathlib import Path

import nbformat
from rich.console import Console

from course_utils.toolchain import notebook as notebooks
from course_utils.toolchain.execute import Effort, LessonStopped, execute
from course_utils.toolchain.lint import start_page_is_current
from course_utils.toolchain.notebook import generate, is_current, measured, start_page, write
from course_utils.toolchain.source import Course, CourseError, Lesson


def build(course: Course, wanted: list[str], *, measure: bool = False, text: bool = False, console: Console) -> None:
    """Build and execute the wanted lessons (default: all) and the start page.

    What was measured stands in a lesson's head, so it is written down only when asked for. `text`: execute nothing
    and carry the outputs over; CourseError for a lesson whose code changed.
    """
    if text:
        for lesson in course.lessons(wanted):
            _renew_text(course, lesson)
        write(start_page(course), course.notebooks / "index.ipynb")
        return
    for lesson in course.lessons(wanted):
        console.print(f"{lesson.slug} ...", highlight=False, end=" ")
        effort = _build_one(course, lesson)
        console.print(f"{effort.seconds:.1f} s, {effort.megabytes} MB", highlight=False)
        if measure:
            _write_down(course, lesson, effort)
            _replace_head(course, lesson)
    write(start_page(course), course.notebooks / "index.ipynb")


def _build_one(course: Course, lesson: Lesson) -> Effort:
    notebook = generate(course, lesson)
    try:
        effort = execute(notebook, course.notebooks)
    except LessonStopped as stopped:
        raise CourseError(f"{lesson.slug} stopped at cell {stopped.cell + 1}: {stopped}") from None
    write(notebook, course.notebooks / f"{lesson.slug}.ipynb")
    return effort


def _renew_text(course: Course, lesson: Lesson) -> None:
    """Everything but code as the source has it now: head, text, tags. The outputs stay with their cells."""
    path = course.notebooks / f"{lesson.slug}.ipynb"
    if not path.is_file():
        raise CourseError(f"{path.name} is not built yet: run `course build {lesson.number:02d}`.")
    old, new = nbformat.read(path, as_version=4), generate(course, lesson)
    before, now = ([cell for cell in one.cells if cell.cell_type == "code"] for one in (old, new))
    if [cell.source for cell in before] != [cell.source for cell in now]:
        raise CourseError(f"The code of {lesson.slug} changed, so it has to run: `course build {lesson.number:02d}`.")
    for done, cell in zip(before, now, strict=True):
        cell.outputs, cell.execution_count = done.outputs, done.execution_count
    new.metadata = old.metadata
    write(new, path)


def _write_down(course: Course, lesson: Lesson, effort: Effort) -> None:
    whole = Effort(max(1, round(effort.seconds)), effort.megabytes)
    known = dict(sorted({**measured(course), lesson.slug: whole}.items()))
    rows = [f"  {json.dumps(slug)}: {json.dumps(asdict(one))}" for slug, one in known.items()]
    text = "{\n" + ",\n".join(rows) + "\n}\n"
    (course.sources / "measured.json").write_text(text, encoding="utf-8", newline="\n")


def _replace_head(course: Course, lesson: Lesson) -> None:
    """The head names the measured seconds: renew it without running the lesson again."""
    path = course.notebooks / f"{lesson.slug}.ipynb"
    done = nbformat.read(path, as_version=4)
    done.cells[0] = generate(course, lesson).cells[0]
    write(done, path)


def stale(course: Course) -> list[str]:
    """The notebooks that are not what their sources build, and those that have no source."""
    lessons = course.lessons()
    found = [lesson.slug for lesson in lessons if not is_current(course, lesson)]
    if not start_page_is_current(course):
        found.append("index")
    known = {lesson.slug for lesson in lessons} | {"index"}
    return found + [path.stem for path in sorted(course.notebooks.glob("*.ipynb")) if path.stem not in known]


def release(course: Course, folder: Path) -> int:
    """Write every notebook without its solution cells; return how many. Nothing else changes."""
    lessons = course.lessons()
    for lesson in lessons:
        path = course.notebooks / f"{lesson.slug}.ipynb"
        if not path.is_file():
            raise CourseError(f"{path.name} is not built yet: run `course build {lesson.number:02d}`.")
        notebook = nbformat.read(path, as_version=4)
        notebook.cells = [cell for cell in notebook.cells if "solution" not in cell.metadata.get("tags", [])]
        write(notebook, folder / path.name)
    write(notebooks.start_page(course), folder / "index.ipynb")
    return len(lessons)
