"""From a lesson's source to its notebook: generate the cells, execute them, write the same bytes every time."""

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils import exercises
from course_utils.systems import claims, glossary, systems
from course_utils.toolchain.execute import Effort
from course_utils.toolchain.source import Course, CourseError, Lesson

SETUP = """\
# Set-up: the same cell in every lesson. On Colab it installs the course.
try:
    import course_utils
except ModuleNotFoundError:
    import os
    home = "https://github.com/{repository}"
    source = os.environ.get("COURSE_SOURCE", f"git+{{home}}@{branch}")
    %pip install -q "{{source}}"
    import course_utils
from course_utils import show
from course_utils.exercises import check, hint

course_utils.setup()
show.runtime()"""

PROGRESS = """\
from course_utils import show

show.progress()"""
FOLDED = {"jupyter": {"source_hidden": True}, "cellView": "form"}


def generate(course: Course, lesson: Lesson) -> nbformat.NotebookNode:
    """The whole notebook of a lesson, not executed: head, set-up, the author's cells, exercises unfolded, foot."""
    neighbours = course.lessons()
    cells = [new_markdown_cell(head(course, lesson, neighbours)), _code(setup_source(course), tags=["setup"])]
    for cell in lesson.cells:
        if cell.kind == "exercise":
            cells += _exercise_of(lesson, cell.source)
        elif cell.kind == "markdown":
            cells.append(new_markdown_cell(cell.source))
        else:
            cells.append(_code(cell.source, tags=list(cell.tags)))
    cells.append(new_markdown_cell(foot(course, lesson, neighbours)))
    return _notebook(cells)


def _exercise_of(lesson: Lesson, id: str) -> list[nbformat.NotebookNode]:
    try:
        return exercise_cells(id)
    except (ValueError, SyntaxError) as error:
        file = f"course_utils/exercises/by_lesson/lesson_{id[:2]}.py"
        raise CourseError(f"{lesson.path.name} places exercise {id}: {error}. Define it in {file}.") from None


def start_page(course: Course) -> nbformat.NotebookNode:
    """`notebooks/index.ipynb`: the page that `course lab` opens, with every lesson and what it is about."""
    rows = ["| lesson | what it covers | read | run |", "|---|---|---|---|"]
    efforts = measured(course)
    for lesson in course.lessons():
        names = ", ".join(systems()[id].name for id in lesson.systems) or "how to use the course"
        run = f"{efforts[lesson.slug].seconds}&nbsp;s" if lesson.slug in efforts else "?"
        rows.append(f"| [{lesson.name}]({lesson.slug}.ipynb) | {names} | {lesson.minutes}&nbsp;min | {run} |")
    text = "\n".join(
        [
            "# The Transformer family from scratch",
            "",
            "Run the lessons in order: open one, read, and press Shift+Enter from cell to cell. "
            "Every lesson works offline, on a laptop's CPU. The exercises tell you what went wrong; "
            "`hint(...)` helps, and the solution is folded below each.",
            "",
            *rows,
            "",
            "Which exercises have you solved on this machine? Run the cell below.",
        ]
    )
    own = ["nbval-ignore-output"]  # everyone's progress is their own
    return _notebook([new_markdown_cell(text), _code(PROGRESS, tags=own)])


def setup_source(course: Course) -> str:
    """The set-up cell, with the place that Colab installs from."""
    return SETUP.format(**course.settings)


def exercise_cells(id: str) -> list[nbformat.NotebookNode]:
    """The four cells of an exercise: task, stub, check, folded solution."""
    exercise = exercises.get(id)
    solution = f"#@title Solution {id}\n{exercise.solution_source().rstrip()}"
    return [
        new_markdown_cell(exercise.task_markdown()),
        _code(exercise.stub_source().rstrip(), tags=["exercise"]),
        _code(f'check("{id}", {exercise.name})  # stuck? run hint("{id}")', tags=["check"]),
        _code(solution, tags=["solution", "hide-input"], **FOLDED),
    ]


def head(course: Course, lesson: Lesson, neighbours: list[Lesson]) -> str:
    """Title, why, navigation, objectives, what it builds on, time, systems with their papers, contents."""
    lines = [f"# {lesson.name}", "", _navigation(course, lesson, neighbours), "", lesson.why, ""]
    lines += ["**You will be able to**", "", *(f"- {goal}" for goal in lesson.objectives), ""]
    lines += [_facts(course, lesson), ""]
    if unknown := [id for id in lesson.systems if id not in systems()]:
        raise CourseError(f"{lesson.path.name}: data/systems.yaml has no system {', '.join(unknown)}.")
    if lesson.systems:
        lines += ["**Systems**", "", *(_system_line(id) for id in lesson.systems), ""]
    lines += ["**Contents**", "", *(f"- [{title}](#{anchor(title)})" for title in headings(lesson))]
    return "\n".join(lines)


def headings(lesson: Lesson) -> list[str]:
    """The titles of the lesson's sections: the second-level headings of its markdown cells."""
    found = []
    for cell in lesson.cells:
        if cell.kind == "markdown":
            found += re.findall(r"^## (.+)$", cell.source, flags=re.MULTILINE)
    return [title.strip() for title in found]


def foot(course: Course, lesson: Lesson, neighbours: list[Lesson]) -> str:
    """The lesson's terms in English and Chinese, and the way on."""
    lines = []
    if terms := glossary(lesson.number):
        lines += ["## Terms", "", "| English | 中文 | meaning |", "|---|---|---|"]
        lines += [f"| {term.term} | {term.zh or ''} | {term.definition} |" for term in terms] + [""]
    lines += ["---", "", _navigation(course, lesson, neighbours)]
    return "\n".join(lines)


def _navigation(course: Course, lesson: Lesson, neighbours: list[Lesson]) -> str:
    before = [other for other in neighbours if other.number < lesson.number]
    after = [other for other in neighbours if other.number > lesson.number]
    links = [f"[← {before[-1].name}]({before[-1].slug}.ipynb)"] if before else []
    links.append("[All lessons](index.ipynb)")
    links += [f"[{after[0].name} →]({after[0].slug}.ipynb)"] if after else []
    links.append(f"[Open in Colab]({colab_url(course, lesson)})")
    return " · ".join(links)


def colab_url(course: Course, lesson: Lesson) -> str:
    """Where Colab finds the committed notebook."""
    place = "{repository}/blob/{branch}".format(**course.settings)
    return f"https://colab.research.google.com/github/{place}/notebooks/{lesson.slug}.ipynb"


def _facts(course: Course, lesson: Lesson) -> str:
    effort = measured(course).get(lesson.slug)
    run = "not measured yet"
    if effort:
        run = f"about {effort.seconds} s on one CPU core (budget {lesson.budget} s), {effort.megabytes} MB of memory"
    before = ", ".join(f"{number:02d}" for number in lesson.builds_on) or "nothing but Python"
    return f"**Builds on** {before} · **Reading** {lesson.minutes} min · **Running** {run}"


def _system_line(id: str) -> str:
    system = systems()[id]
    if not system.paper:
        return f"- {system.name}"
    return f"- {system.name}: [{system.paper.title}]({system.paper.link}), {system.year}"


def anchor(title: str) -> str:
    """The anchor that JupyterLab gives a heading.

    >>> anchor("Turn, don't `add`")
    "Turn,-don't-add"
    """
    return re.sub(r"[`*]", "", title).replace(" ", "-")


def _code(source: str, *, tags: list[str], **metadata: Any) -> nbformat.NotebookNode:
    return new_code_cell(source, metadata={**({"tags": tags} if tags else {}), **metadata})


def _notebook(cells: list[nbformat.NotebookNode]) -> nbformat.NotebookNode:
    seen: Counter[str] = Counter()
    for cell in cells:
        digest = hashlib.sha1(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        seen[digest] += 1
        cell["id"] = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    notebook = new_notebook(cells=cells)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
        }
    )
    return notebook


def without_outputs(notebook: nbformat.NotebookNode) -> str:
    """What the source alone determines of a notebook: its text without outputs and execution counts."""
    bare = nbformat.from_dict(json.loads(nbformat.writes(notebook, version=4)))
    for cell in bare.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return nbformat.writes(bare, version=4)


def is_current(course: Course, lesson: Lesson) -> bool:
    """Whether the committed notebook is what its source builds, outputs aside (nbval compares those)."""
    path = course.notebooks / f"{lesson.slug}.ipynb"
    if not path.is_file():
        return False
    return without_outputs(nbformat.read(path, as_version=4)) == without_outputs(generate(course, lesson))


def write(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write a notebook with line feeds and without anything that differs from machine to machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nbformat.writes(notebook, version=4) + "\n", encoding="utf-8", newline="\n")


def measured(course: Course) -> dict[str, Effort]:
    """What each lesson took when it was last measured (`course build --measure`), from lessons/measured.json."""
    path = course.sources / "measured.json"
    if not path.is_file():
        return {}
    return {slug: Effort(**one) for slug, one in json.loads(path.read_text(encoding="utf-8")).items()}


def claims_of(lesson: Lesson) -> list[str]:
    """The ids of the ledger's claims that this lesson checks."""
    return [claim.id for claim in claims().values() if claim.lesson == lesson.number]
