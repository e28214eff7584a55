"""`course lint` sees every planted fault, and finds none in a lesson that is well made."""

import dataclasses

import nbformat
import pytest
from tiny import LESSON, tiny_course

from course_utils.toolchain import lint
from course_utils.toolchain.notebook import generate
from course_utils.toolchain.source import Cell


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    """A lesson as the rules see it, marked as executed (no kernel is needed for that)."""
    course = tiny_course(tmp_path_factory.mktemp("course"), _00_tiny=LESSON)
    lesson = course.lessons()[0]
    notebook = generate(course, lesson)
    for count, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), start=1):
        cell.execution_count = count
    return lint.Subject(course, lesson, notebook)


def found(rule, subject) -> list[str]:
    return [message for _, message in rule(subject)]


def with_code(subject, source, *, tags=(), outputs=(), after=3):
    """The same notebook with one more authored code cell."""
    notebook = nbformat.from_dict(subject.notebook)
    cell = nbformat.v4.new_code_cell(source, execution_count=9, outputs=list(outputs), metadata={"tags": list(tags)})
    notebook.cells = [*notebook.cells[:after], cell, *notebook.cells[after:]]
    return dataclasses.replace(subject, notebook=notebook)


def with_lesson(subject, **changes):
    return dataclasses.replace(subject, lesson=dataclasses.replace(subject.lesson, **changes))


def stream(text):
    return nbformat.v4.new_output("stream", text=text)


def picture(**metadata):
    return nbformat.v4.new_output("display_data", {"image/png": "AAAA"}, metadata={"image/png": metadata})


CLEAN = [lint.objectives, lint.system_ids, lint.navigation, lint.alt_text, lint.cell_length, lint.rhythm]
CLEAN += [lint.network, lint.semicolons, lint.executed, lint.outputs]


@pytest.mark.parametrize("rule", CLEAN, ids=lambda rule: rule.__name__)
def test_a_clean_lesson_has_no_faults(rule, subject):
    assert found(rule, subject) == []


PLANTED_IN_HEADER = [
    (lint.objectives, {"objectives": ("one", "two")}, "2 objectives"),
    (lint.system_ids, {"systems": ("Z9",)}, "Z9 is not in"),
    (lint.system_ids, {"systems": ("A8",)}, "belongs to lesson 01"),
    (lint.navigation, {"builds_on": (5,)}, "builds on lesson 05"),
    (lint.budget, {"budget": 500}, "a budget of 500 s"),
    (lint.navigation, {"cells": (Cell("markdown", "## A"), Cell("markdown", "## A"))}, "two sections"),
    (lint.exercise_count, {"cells": ()}, "0 exercises"),
    (lint.exercise_count, {"cells": (Cell("exercise", "00.2"), Cell("exercise", "00.1"))}, "the package defines"),
    (lint.sections, {"cells": ()}, "no section 'Claims'"),
    (lint.sections, {"cells": ()}, "no **Predict**"),
]


@pytest.mark.parametrize(("rule", "changes", "words"), PLANTED_IN_HEADER)
def test_a_fault_in_the_source_is_found(rule, changes, words, subject):
    assert any(words in message for message in found(rule, with_lesson(subject, **changes)))


PLANTED_IN_CODE = [
    (lint.cell_length, {"source": "x = 1\n" * 21}, "21 lines"),
    (lint.cell_length, {"source": "x = " + "1" * 80}, "84 characters"),
    (lint.network, {"source": "import requests"}, "requests"),
    (lint.network, {"source": "data = download('glove')"}, "download("),
    (lint.network, {"source": "Bert.from_pretrained('bert-base-uncased')"}, "from_pretrained("),
    (lint.semicolons, {"source": "ax.plot(x);"}, "trailing"),
    (lint.executed, {"source": "1/0", "outputs": [nbformat.v4.new_output("error", ename="E", evalue="")]}, "error"),
    (lint.outputs, {"source": "p", "outputs": [stream("/home/someone/x.txt")]}, "path of one machine"),
    (lint.outputs, {"source": "p", "outputs": [stream("C:\\Users\\me")]}, "path of one machine"),
    (lint.outputs, {"source": "p", "outputs": [stream("0.30000000000000004")]}, "unrounded float"),
    (lint.outputs, {"source": "p", "outputs": [stream("line\n" * 41)]}, "41 lines of output"),
    (lint.alt_text, {"source": "p", "outputs": [picture()]}, "without alt text"),
]


@pytest.mark.parametrize(("rule", "cell", "words"), PLANTED_IN_CODE)
def test_a_fault_in_a_cell_is_found(rule, cell, words, subject):
    assert any(words in message for message in found(rule, with_code(subject, **cell)))


def test_what_only_looks_like_a_fault_is_none(subject):
    assert not found(lint.network, with_code(subject, "x = 1  # see https://example.org"))
    assert not found(lint.network, with_code(subject, "download('glove')", tags=["official"]))
    assert not found(lint.outputs, with_code(subject, "p", outputs=[stream("0.333333")]))
    assert not found(
        lint.outputs, with_code(subject, "p", tags=["nbval-ignore-output"], outputs=[stream("0.12345678")])
    )
    assert not found(lint.alt_text, with_code(subject, "p", outputs=[picture(alt="A curve.")]))


def test_a_markdown_picture_needs_alt_text(subject):
    notebook = nbformat.from_dict(subject.notebook)
    notebook.cells.append(nbformat.v4.new_markdown_cell("![](figure.png)"))
    assert found(lint.alt_text, dataclasses.replace(subject, notebook=notebook))


def test_four_code_cells_in_a_row_are_found(subject):
    for _ in range(2):
        subject = with_code(subject, "x = 1")
    assert not found(lint.rhythm, subject)
    assert found(lint.rhythm, with_code(subject, "x = 1"))


def test_a_cell_that_was_not_run_is_found(subject):
    notebook = nbformat.from_dict(subject.notebook)
    notebook.cells[3].execution_count = None
    assert found(lint.executed, dataclasses.replace(subject, notebook=notebook)) == [
        "was not executed, so nbval would compare nothing"
    ]


def test_claims_of_the_ledger_must_be_in_the_table(subject):
    assert any("no cell shows" in message for message in found(lint.claims, subject))
    ids = lint.claims_of(subject.lesson)
    table = with_code(subject, "show.claims()", outputs=[stream(" ".join(ids))])
    assert not found(lint.claims, table)
    table = with_code(subject, "show.claims()", outputs=[stream(" ".join(id for id in ids if id != "E70"))])
    assert found(lint.claims, table) == [
        "E70 belongs to this lesson in data/claims.yaml, and its table of claims lacks it"
    ]


def test_a_lesson_that_was_not_built_is_one_fault(tmp_path):
    course = tiny_course(tmp_path)
    (fault,) = lint.faults(course, course.lessons()[0])
    assert "course build" in str(fault)
