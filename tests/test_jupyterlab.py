"""The lessons in JupyterLab itself: opened from the start page, run, answered wrong and right, their views used.

`-k 00_map` chooses lessons. Every lesson runs once, in a server of its own.
"""

import ast
import inspect
import json
import re
import textwrap
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from learner import Learner, errors, served
from playwright.sync_api import Error, Locator, expect

from course_utils.exercises import Exercise, judge, lesson_exercises
from course_utils.exercises._cards import LOOKS
from course_utils.exercises._define import Mistake
from course_utils.systems import systems
from course_utils.toolchain.source import Course, Lesson, read_lesson

pytestmark = pytest.mark.browser

COURSE = Course.find()
SOURCES = sorted(COURSE.sources.glob("[0-9][0-9]_*.py"))


@pytest.fixture
def server(tmp_path):
    with served(COURSE, tmp_path) as running:
        yield running


def test_the_server_listens_on_this_machine_only_and_wants_its_token(server):
    listening = [one.laddr.ip for one in psutil.Process(server.process.pid).net_connections() if one.status == "LISTEN"]
    assert set(listening) == {"127.0.0.1"}
    assert server.token
    for place in ("api/contents", "api/kernels"):
        assert status(f"{server.url}{place}") == 403
        assert status(f"{server.url}{place}?token=wrong") == 403
        assert status(f"{server.url}{place}?token={server.token}") == 200


def status(url: str) -> int:
    try:
        return urllib.request.urlopen(url).status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_lesson(source, server, chromium, tmp_path):
    lesson = read_lesson(source)
    learner = Learner(chromium, server, lesson.slug)
    with pictured(learner, tmp_path / f"{lesson.slug}.png"):
        learner.open(lesson.name)
        cells = learner.run_all()
        assert [fault for cell in cells for fault in errors(cell)] == []
        assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
        try_an_exercise(learner, lesson)
        for view in views(lesson):
            view(learner)
        assert learner.watched.faults == []


@contextmanager
def pictured(learner: Learner, path: Path) -> Iterator[None]:
    """Where something fails, the page is kept as a picture that the message names."""
    try:
        yield
    except (AssertionError, Error) as error:
        learner.watched.screenshot(path)
        raise AssertionError(f"{error}\nThe page when it failed: {path}") from error


# --- an exercise, answered with a known mistake and then right ---


def try_an_exercise(learner: Learner, lesson: Lesson) -> None:
    one, mistake = wrong_answer(lesson)
    card = learner.answer(one.id, one.name, mistaken_source(one, mistake))
    expect(card).to_contain_text(f"Wrong · Exercise {one.id}")
    expect(card).to_contain_text(mistake.sentence.replace("`", ""))
    expect(card).to_have_css("border-left-color", as_rgb(LOOKS["wrong"][1]))
    card = learner.answer(one.id, one.name, right_source(one))
    expect(card).to_contain_text(f"Correct · Exercise {one.id}")
    expect(card).to_have_css("border-left-color", as_rgb(LOOKS["correct"][1]))
    assert one.id in learner.server.progress.read_text(encoding="utf-8")


def wrong_answer(lesson: Lesson) -> tuple[Exercise, Mistake]:
    """The lesson's first exercise with a known mistake that a learner could have typed into one cell as it is.

    Others use helpers of their module, or end in an exception; the tests of the exercises prove those.
    """
    for one in lesson_exercises(lesson.number):
        for mistake in one.mistakes:
            cell: dict[str, Any] = {}
            with suppress(Exception):
                exec(mistaken_source(one, mistake), cell)
            verdict = judge(one, cell.get(one.name))
            if verdict.status == "wrong" and verdict.message == mistake.sentence:
                return one, mistake
    raise AssertionError(f"no known mistake of {lesson.slug} runs alone in a cell: give one of them its own helpers")


def mistaken_source(one: Exercise, mistake: Mistake) -> str:
    """A known mistake as the cell of someone who makes it."""
    node = ast.parse(textwrap.dedent(inspect.getsource(mistake.function))).body[0]
    node.decorator_list, node.name = [], one.name
    call = f"{one.name} = {one.name}()" if one.is_value else ""
    return "\n".join([inspect.cleandoc(one.setup), ast.unparse(node), call])


def right_source(one: Exercise) -> str:
    return re.sub(rf"\b{one.name}_solution\b", one.name, one.solution_source())


def as_rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))})"


# --- the views ---


def code_of(lesson: Lesson) -> str:
    return "\n".join(cell.source for cell in lesson.cells if cell.kind == "code")


def views(lesson: Lesson) -> list[Callable[[Learner], None]]:
    """How to try each view of a lesson, by what its code says."""
    code = code_of(lesson)
    return [view for mark, view in {**VIEWS, **OWN_VIEWS}.items() if mark in code]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_view_of_a_lessons_own_is_known_here(source):
    code = code_of(read_lesson(source))
    handmade = re.findall(r"^from (?:IPython\.display|ipywidgets) import .*(?:HTML|Button)", code, flags=re.M)
    assert sum(mark in code for mark in OWN_VIEWS) >= len(handmade)


def press_in_view(learner: Learner, key: str) -> None:
    """Press a key where the focus is, in a view. JupyterLab, to which "a" means a new cell, must not hear of any."""
    cells = learner.panel.locator(".jp-Cell")
    before = cells.count()
    learner.page.keyboard.press("a")
    learner.page.keyboard.press(key)
    assert cells.count() == before


def every(learner: Learner, kind: str) -> list[Locator]:
    """All views of a kind: as many as the saved file has."""
    found = learner.panel.locator(f".{kind}")
    stored = sum(json.dumps(cell["outputs"]).count(f'class=\\"{kind}\\"') for cell in learner.cells())
    assert stored, f"no cell gave a {kind}"
    expect(found).to_have_count(stored)
    return found.all()


def try_tree(learner: Learner) -> None:
    """A system that is clicked tells what it is; Escape lets it go."""
    tree = learner.panel.locator(".course-tree")
    wanted = next(one for one in systems().values() if one.parents)
    tree.locator(f'.n[data-id="{wanted.id}"]').click()
    expect(tree.locator(".panel .title b")).to_have_text(wanted.name)
    expect(tree.locator(".n.chosen")).to_have_count(1)
    press_in_view(learner, "Escape")
    expect(tree.locator(".panel")).to_contain_text("Start with")
    tree.get_by_role("searchbox").fill(wanted.name)
    expect(tree.locator(".panel")).to_contain_text("found")
    expect(tree.locator(".n.chosen")).not_to_have_count(0)


def try_attention(learner: Learner) -> None:
    """Each view tells whom its last token looks at, by a click and by a key."""
    for view in every(learner, "course-attention"):
        tokens = view.get_by_role("group", name="Choose a token").get_by_role("button")
        last = tokens.count()
        tokens.last.click()
        expect(tokens.last).to_have_attribute("aria-pressed", "true")
        expect(view.locator(".say")).to_contain_text(f"oken {last}, {tokens.last.text_content()}, looks at")
        press_in_view(learner, "ArrowLeft")
        expect(view.locator(".say")).to_contain_text(f"oken {last - 1}, ")


def try_film(learner: Learner) -> None:
    """Each film plays to its end, and its picture changes on the way."""
    for film in every(learner, "course-film"):
        play, slider, canvas = film.get_by_role("button"), film.get_by_role("slider"), film.locator("canvas")
        first = canvas.evaluate("it => it.toDataURL()")
        play.click()
        expect(play).to_have_text("pause")
        expect(slider).to_have_value(slider.get_attribute("max"))
        expect(play).to_have_text("play")
        assert canvas.evaluate("it => it.toDataURL()") != first
        slider.fill("0")
        assert canvas.evaluate("it => it.toDataURL()") == first
        slider.focus()
        press_in_view(learner, "ArrowRight")
        expect(slider).to_have_value("1")


def try_map(learner: Learner) -> None:
    """A word that is searched for is found, with its neighbours."""
    view = learner.panel.locator(".course-map")
    word = view.locator("svg text").first.text_content()
    view.get_by_role("searchbox").fill(word)
    expect(view.locator(".say")).to_contain_text(f"{word}: near ")
    expect(view.locator("svg g:not(.off)")).not_to_have_count(view.locator("svg g").count())
    dot = view.locator("svg g").first
    before = dot.get_attribute("transform")
    view.locator("svg").focus()
    press_in_view(learner, "ArrowLeft")
    expect(dot).not_to_have_attribute("transform", before)


def try_labelling(learner: Learner) -> None:
    """A click takes the answer, asks the next, and the kernel has heard it."""
    view = learner.code_cell("show.choose(").locator(".widget-vbox")
    expect(view).to_contain_text("1 of ")
    view.get_by_role("button").last.click()
    expect(view).to_contain_text("2 of ")
    told = learner.run_cell(learner.code_cell("show.choose(", step=1))
    expect(told).to_contain_text("1 of ")
    expect(told).to_contain_text("choices are yours")


def try_rotary(learner: Learner) -> None:
    """Moving both arrows leaves the product; changing their distance changes it."""
    view = learner.panel.locator("#rotary")
    place, distance = view.get_by_role("slider").all()

    def product() -> str:
        return view.locator("output").text_content().split("=")[-1]

    before, whole = product(), view.locator("output").text_content()
    place.press("ArrowRight")
    expect(view.locator("output")).not_to_have_text(whole)
    assert product() == before
    distance.press("ArrowRight")
    expect(view.locator("output")).not_to_contain_text(before)


def try_next_tokens(learner: Learner) -> None:
    """A click on a token writes it, and asks for the next; one can start again."""
    view = learner.panel.locator("#next10")
    start, choices = view.locator("#n10text").text_content(), view.locator("#n10list button")
    for _ in range(2):
        before, word = view.locator("#n10text").text_content(), choices.first.text_content().split()[0]
        choices.first.click()
        expect(view.locator("#n10text")).to_have_text(f"{before} {word}")
        expect(choices).to_have_count(10)
    view.get_by_role("button", name="start again").click()
    expect(view.locator("#n10text")).to_have_text(start)


def try_writer(learner: Learner) -> None:
    """The same with the kernel's answer."""
    view = learner.code_cell("VBox([line, *choices])").locator(".widget-vbox")
    said, choices = view.locator(".widget-label"), view.get_by_role("button")
    for _ in range(2):
        before, word = said.text_content(), choices.first.get_attribute("title")
        choices.first.click()
        expect(said).to_have_text(f"{before} {word}")


def try_chat(learner: Learner) -> None:
    """What is sent gets an answer; a word that the model does not know is named."""
    view = learner.code_cell("VBox([talked, line, send])").locator(".widget-vbox")
    line, talk = view.get_by_role("textbox"), view.locator(".widget-html-content")
    asked = line.input_value()
    view.get_by_role("button", name="send").click()
    expect(talk).to_have_text(re.compile(rf"{re.escape(asked)}\s*\w+"))
    line.fill("zyzzyva ?")
    line.press("Tab")
    view.get_by_role("button", name="send").click()
    expect(talk).to_contain_text("unknown words: zyzzyva")


VIEWS = {
    "show.tree(": try_tree,
    "show.attention(": try_attention,
    "show.film(": try_film,
    "show.choose(": try_labelling,
    "word_map(": try_map,
}
OWN_VIEWS = {
    "id=rotary": try_rotary,
    'id="next10"': try_next_tokens,
    "VBox([line, *choices])": try_writer,
    "VBox([talked, line, send])": try_chat,
}
