"""`course lint`: the anatomy of a lesson. Each rule is a small function that yields what it finds wrong.

A rule sees the lesson's source and its committed notebook; `faults` runs all of them and adds where.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat

from course_utils import exercises
from course_utils.systems import systems
from course_utils.toolchain.notebook import claims_of, headings, is_current, measured
from course_utils.toolchain.source import MOST_MEGABYTES, MOST_SECONDS, Course, Lesson

CELL_LINES = 20
LINE_LENGTH = 79
OUTPUT_LINES = 40
GENERATED = {"setup", "exercise", "check", "solution"}
NETWORK = re.compile(r"\b(requests|urllib|httpx|socket)\b|https?://|\bdownload\(|nltk\.download|from_pretrained\(")
MACHINE_PATH = re.compile(r"/home/\w|/Users/\w|/root/|/tmp/|/var/folders/|[A-Z]:\\\\?Users|site-packages")
# A float of eight or more digits was not rounded: its last digits differ between machines.
LONG_FLOAT = re.compile(r"\d\.\d{7,}")


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, and where."""

    lesson: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.lesson}: {self.where}: {self.message}"


@dataclass(frozen=True)
class Subject:
    """What the rules look at."""

    course: Course
    lesson: Lesson
    notebook: nbformat.NotebookNode

    def code(self, *, authored: bool = False) -> Iterator[tuple[str, nbformat.NotebookNode]]:
        """The code cells with a name for each; `authored`: only those the lesson's author wrote."""
        for number, cell in enumerate(self.notebook.cells, start=1):
            if cell.cell_type == "code" and not (authored and GENERATED & set(tags(cell))):
                yield f"cell {number}", cell


def faults(course: Course, lesson: Lesson) -> list[Fault]:
    """Everything that is wrong with a lesson, in the order of the rules."""
    path = course.notebooks / f"{lesson.slug}.ipynb"
    if not path.is_file():
        return [Fault(lesson.slug, "notebook", f"not built yet: run `course build {lesson.number:02d}`")]
    subject = Subject(course, lesson, nbformat.read(path, as_version=4))
    return [Fault(lesson.slug, where, message) for rule in RULES for where, message in rule(subject)]


Findings = Iterator[tuple[str, str]]


def tags(cell: nbformat.NotebookNode) -> list[str]:
    """The tags of a cell."""
    return cell.metadata.get("tags", [])


def objectives(subject: Subject) -> Findings:
    """Three to five objectives."""
    count = len(subject.lesson.objectives)
    if not 3 <= count <= 5:
        yield "header", f"{count} objectives; a lesson has 3 to 5"


def system_ids(subject: Subject) -> Findings:
    """The systems are known, and belong to this lesson."""
    for id in subject.lesson.systems:
        if id not in systems():
            yield "header", f"system {id} is not in data/systems.yaml"
        elif systems()[id].lesson != subject.lesson.number:
            yield "header", f"system {id} belongs to lesson {systems()[id].lesson:02d} in data/systems.yaml"


def navigation(subject: Subject) -> Findings:
    """It builds on earlier lessons, and every link of its contents has one target."""
    numbers = [lesson.number for lesson in subject.course.lessons()]
    for number in subject.lesson.builds_on:
        if number >= subject.lesson.number or number not in numbers:
            yield "header", f"builds on lesson {number:02d}, which does not come before it or does not exist"
    titles = headings(subject.lesson)
    for title in {title for title in titles if titles.count(title) > 1}:
        yield "contents", f"two sections are called {title!r}"


def exercise_count(subject: Subject) -> Findings:
    """At least six exercises, those that the package defines, in order."""
    placed, defined = subject.lesson.exercises, exercises.exercise_ids(subject.lesson.number)
    if len(placed) < 6:
        yield "exercises", f"{len(placed)} exercises; a lesson has at least 6"
    if placed != defined:
        yield "exercises", f"the source places {placed}, the package defines {defined}"


def exercise_anatomy(subject: Subject) -> Findings:
    """Two hints and three known mistakes each."""
    for id in subject.lesson.exercises:
        found = exercises.get(id)
        if len(found.hints) < 2:
            yield f"exercise {id}", f"{len(found.hints)} hints; at least 2"
        if len(found.mistakes) < 3:
            yield f"exercise {id}", f"{len(found.mistakes)} known mistakes; at least 3"


def sections(subject: Subject) -> Findings:
    """The sections that every lesson has, and a question to think about."""
    for wanted in ("Claims", "Summary", "Further reading"):
        if wanted not in headings(subject.lesson):
            yield "contents", f"there is no section {wanted!r}"
    if not any("**Predict**" in cell.source for cell in subject.lesson.cells if cell.kind == "markdown"):
        yield "contents", "no **Predict** question asks the learner to think before running"


def claims(subject: Subject) -> Findings:
    """The table of claims holds all of this lesson's claims."""
    tables = [cell for _, cell in subject.code(authored=True) if "show.claims(" in cell.source]
    if not tables:
        yield "claims", "no cell shows the table of claims"
    shown = {id for cell in tables for output in cell.outputs for id in re.findall(r"\b[ER]\d+\b", _text(output))}
    for id in claims_of(subject.lesson):
        if id not in shown:
            yield "claims", f"{id} belongs to this lesson in data/claims.yaml, and its table of claims lacks it"


def alt_text(subject: Subject) -> Findings:
    """Every picture can be read by those who cannot see it."""
    for where, cell in subject.code():
        for output in cell.outputs:
            if "image/png" in output.get("data", {}) and not output.metadata.get("image/png", {}).get("alt"):
                yield where, "a figure without alt text; draw it through course_utils.show"
    for number, cell in enumerate(subject.notebook.cells, start=1):
        if cell.cell_type == "markdown" and re.search(r"!\[\s*\]\(|<img(?![^>]*\balt=)", cell.source):
            yield f"cell {number}", "a picture without alt text"


def cell_length(subject: Subject) -> Findings:
    """Code fits a screen, in height and in width."""
    for where, cell in subject.code(authored=True):
        lines = cell.source.splitlines()
        if len(lines) > CELL_LINES:
            yield where, f"{len(lines)} lines of code; at most {CELL_LINES}"
    for where, cell in subject.code():
        longest = max(map(len, cell.source.splitlines()), default=0)
        if longest > LINE_LENGTH:
            yield where, f"a line of {longest} characters; at most {LINE_LENGTH}, or a narrow screen scrolls"


def rhythm(subject: Subject) -> Findings:
    """Prose between the code."""
    run = 0
    for number, cell in enumerate(subject.notebook.cells, start=1):
        run = run + 1 if cell.cell_type == "code" and not GENERATED & set(tags(cell)) else 0
        if run == 4:
            yield f"cell {number}", "more than three code cells in a row without prose"


def network(subject: Subject) -> Findings:
    """Nothing is fetched, except in cells tagged `official`."""
    for where, cell in subject.code(authored=True):
        if "official" not in tags(cell) and (found := NETWORK.search(_without_comments(cell.source))):
            yield (
                where,
                f"{found[0]!r} needs a network; tag the cell `official` and let it skip politely offline",
            )


def semicolons(subject: Subject) -> Findings:
    """No trailing semicolon."""
    for where, cell in subject.code():
        if cell.source.rstrip().endswith(";"):
            yield where, "a trailing `;` does not silence the output under nbval; assign to `_`"


def executed(subject: Subject) -> Findings:
    """Every cell was run, without an error."""
    for where, cell in subject.code():
        if cell.execution_count is None:
            yield where, "was not executed, so nbval would compare nothing"
        if any(output.output_type == "error" for output in cell.outputs) and "raises-exception" not in tags(cell):
            yield where, "its stored output is an error"


def outputs(subject: Subject) -> Findings:
    """Outputs hold no path of a machine and no raw float, and are no wall."""
    for where, cell in subject.code():
        if found := MACHINE_PATH.search("\n".join(map(_text, cell.outputs))):
            yield where, f"its output names a path of one machine ({found[0]})"
        printed = "\n".join(map(_printed, cell.outputs))
        if "nbval-ignore-output" not in tags(cell) and (found := LONG_FLOAT.search(printed)):
            yield where, f"its output holds an unrounded float ({found[0]}); format it"
        lines = sum(len(_printed(output).splitlines()) for output in cell.outputs if not _is_rich(output))
        if lines > OUTPUT_LINES:
            yield where, f"{lines} lines of output; at most {OUTPUT_LINES}"


def budget(subject: Subject) -> Findings:
    """Measured, and within the budget of seconds and of memory."""
    lesson, effort = subject.lesson, measured(subject.course).get(subject.lesson.slug)
    if lesson.budget > MOST_SECONDS:
        yield "header", f"a budget of {lesson.budget} s; at most {MOST_SECONDS}"
    if effort is None:
        yield "budget", f"its running time was never measured: run `course build {lesson.number:02d} --measure`"
        return
    if effort.seconds > lesson.budget:
        yield "budget", f"took {effort.seconds} s when measured, over its budget of {lesson.budget} s"
    if effort.megabytes > MOST_MEGABYTES:
        yield "budget", f"took {effort.megabytes} MB when measured, over the budget of {MOST_MEGABYTES} MB"


def current(subject: Subject) -> Findings:
    """The notebook is what the source builds."""
    if not is_current(subject.course, subject.lesson):
        yield "notebook", f"is not what its source builds: run `course build {subject.lesson.number:02d}`"


RULES: tuple[Callable[[Subject], Findings], ...] = (
    objectives,
    system_ids,
    navigation,
    exercise_count,
    exercise_anatomy,
    sections,
    claims,
    alt_text,
    cell_length,
    rhythm,
    network,
    semicolons,
    executed,
    outputs,
    budget,
    current,
)


def _text(output: nbformat.NotebookNode) -> str:
    """All text of an output, HTML included."""
    data = output.get("data", {})
    return "\n".join([output.get("text", ""), *(str(data[kind]) for kind in data if kind.startswith("text/"))])


def _printed(output: nbformat.NotebookNode) -> str:
    """An output as plain text: a stream, or the text form of a richer one."""
    return output.get("text", "") or str(output.get("data", {}).get("text/plain", ""))


def _is_rich(output: nbformat.NotebookNode) -> bool:
    """Whether a front end shows something better than its text."""
    return any(kind in output.get("data", {}) for kind in ("text/html", "image/png"))


def _without_comments(source: str) -> str:
    """The code alone: comments may name a web page. What does not parse (a magic) is returned as it is."""
    try:
        return ast.unparse(ast.parse(source))
    except SyntaxError:
        return source


def start_page_is_current(course: Course) -> bool:
    """Whether `notebooks/index.ipynb` is what the lessons build."""
    from course_utils.toolchain.notebook import start_page, without_outputs

    path: Path = course.notebooks / "index.ipynb"
    if not path.is_file():
        return False
    return without_outputs(nbformat.read(path, as_version=4)) == without_outputs(start_page(course))
