"""The proofs of every exercise of every lesson, made from the definitions alone: a new exercise brings its own.

A proof is a function that raises AssertionError. The planted bad definitions below show that each one can fail.
"""

import builtins
import linecache
import math
import numbers
import random
import re
import traceback
from collections.abc import Callable
from pathlib import Path

import lesson_99
import pytest

from course_utils.exercises import Exercise, judge, lesson_exercises, lessons
from course_utils.exercises._compare import difference
from course_utils.exercises._define import Mistake
from course_utils.exercises._judge import _outcome

LESSON_SOURCES = Path(__file__).parents[1] / "lessons"


def prove_the_solution_passes(one: Exercise) -> None:
    verdict = judge(one, answer_of(one, one.solution))
    assert verdict.status == "correct", f"{one.id}: the solution is {verdict.status}: {verdict.message}"


def prove_the_stub_is_not_attempted(one: Exercise) -> None:
    verdict = judge(one, run_cell(one.stub_source())[one.name])
    assert verdict.status == "not attempted", f"{one.id}: the stub is {verdict.status}: {verdict.message}"


def prove_each_mistake_hears_its_own_sentence(one: Exercise) -> None:
    for mistake in one.mistakes:
        verdict = judge(one, answer_of(one, mistake.function))
        assert verdict.status in ("wrong", "raised"), f"{one.id}: a mistake is {verdict.status}: {mistake.sentence}"
        assert verdict.message == mistake.sentence, f"{one.id}: {mistake.sentence!r} is told {verdict.message!r}"


def prove_the_definition_is_complete(one: Exercise) -> None:
    sentences = [mistake.sentence for mistake in one.mistakes]
    assert len(sentences) >= 3, f"{one.id} has {len(sentences)} known mistakes, and needs 3"
    assert len(set(sentences)) == len(sentences), f"{one.id}: two mistakes have the same sentence"
    assert len(set(one.hints)) >= 2, f"{one.id} needs two hints"
    texts = [one.title, one.task, *one.hints, *sentences]
    assert all(text.strip() for text in texts), f"{one.id}: a text is empty"
    assert one.minutes > 0, f"{one.id} takes no time"


def prove_the_cases_reach_the_edges(one: Exercise) -> None:
    """At least three cases, not all of one size and with ordinary results: an edge has nothing, one, or zero."""
    cases = one.fresh_cases()
    assert one.is_value or len(cases) >= 3, f"{one.id} has {len(cases)} cases, and needs 3"
    sizes = {len(repr(case)) for case in cases}
    results = [_outcome(one.expected, case) for case in cases]
    edges = [result for result in results if result.error or is_edge(result.value)]
    assert one.is_value or len(sizes) > 1 or edges, f"{one.id}: no case is an edge case"


def prove_expected_errors_are_meant(one: Exercise) -> None:
    """Where the expected result is an exception, a `raise` raises it: a solution that breaks is no reference."""
    for case in one.fresh_cases():
        error = _outcome(one.expected, case).error
        if error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            line = linecache.getline(last.filename, last.lineno).strip()
            assert line.startswith("raise "), f"{one.id}: {error!r} on {case!r}, from `{line}`"


def prove_the_solution_is_quiet_and_pure(one: Exercise) -> None:
    for case in one.fresh_cases():
        outcome = _outcome(lambda *args: one.apply(one.solution, *args), case)
        assert outcome.changed is None, f"{one.id}: the solution changes its input on {case!r}"
    assert not judge(one, answer_of(one, one.solution)).output, f"{one.id}: the solution prints"


def prove_the_cases_are_the_same_twice(one: Exercise) -> None:
    random.seed()  # cases draw from the generator they are given, not from this one
    first, second = one.fresh_cases(), one.fresh_cases()
    assert difference(first, second, 0, 0) is None, f"{one.id}: its cases differ from check to check"


def prove_the_solution_cell_runs_alone(one: Exercise) -> None:
    verdict = judge(one, run_cell(one.solution_source())[f"{one.name}_solution"])
    assert verdict.status == "correct", f"{one.id}: its solution's cell is {verdict.status}: {verdict.message}"


def prove_the_lesson_is_in_order(lesson: int, exercises: list[Exercise]) -> None:
    ids = [one.id for one in exercises]
    assert ids == [f"{lesson:02d}.{n + 1}" for n in range(len(ids))], f"lesson {lesson}: ids out of order: {ids}"
    homes = {one.solution.__module__.rpartition(".")[2] for one in exercises}
    assert homes <= {f"lesson_{lesson:02d}"}, f"lesson {lesson}: exercises are defined in {sorted(homes)}"
    names = [one.name for one in exercises]
    assert len(set(names)) == len(names), f"lesson {lesson}: two exercises have one name: {names}"
    assert len(ids) >= 6, f"lesson {lesson} has {len(ids)} exercises, and needs 6"


PROOFS = [value for name, value in list(globals().items()) if name.startswith("prove_") and "lesson" not in name]


def answer_of(one: Exercise, definition: Callable) -> object:
    """What a learner passes to `check` who has written this definition."""
    return definition() if one.is_value else definition


def run_cell(source: str) -> dict:
    """The names that a cell defines when it runs in a fresh kernel."""
    namespace = {"__name__": "__main__", "__builtins__": builtins}
    exec(compile(source, "<cell>", "exec"), namespace)
    return namespace


def is_edge(value: object) -> bool:
    """None, nothing, one of something, zero or one."""
    if value is None or isinstance(value, numbers.Number):
        return value in (None, 0, 1)
    size = math.prod(value.shape) if hasattr(value, "shape") else len(value) if hasattr(value, "__len__") else 2
    return size <= 1


def by_id(one: object) -> str:
    return one.id if isinstance(one, Exercise) else getattr(one, "__name__", str(one)).removeprefix("prove_")


EVERY_LESSON = {**{n: lesson_exercises(n) for n in lessons()}, 99: lesson_exercises(99)}
EVERY_EXERCISE = [one for exercises in EVERY_LESSON.values() for one in exercises]


@pytest.mark.parametrize("proof", PROOFS, ids=by_id)
@pytest.mark.parametrize("one", EVERY_EXERCISE, ids=by_id)
def test_exercise(one, proof):
    proof(one)


@pytest.mark.parametrize("lesson", EVERY_LESSON)
def test_lesson(lesson):
    prove_the_lesson_is_in_order(lesson, EVERY_LESSON[lesson])


def test_every_lesson_has_its_exercises():
    numbers = {int(path.name[:2]) for path in LESSON_SOURCES.glob("*.py") if re.match(r"\d\d_", path.name)}
    assert numbers <= set(lessons()), f"no exercises for lessons {sorted(numbers - set(lessons()))}"


# --- planted bad definitions: the proofs see them ---


def double(xs: list[int]) -> list[int]:
    """Return every number doubled."""
    return [2 * x for x in xs]


def doubles_in_place(xs):
    for i, x in enumerate(xs):
        xs[i] = 2 * x
    return xs


def doubles_aloud(xs):
    print("doubling")
    return [2 * x for x in xs]


def doubles_with_help(xs):
    return [double([x])[0] for x in xs]


def doubles_strings_only(xs):
    return [x.removesuffix(x) for x in xs]


SQUARED = Mistake("You squared.", lambda xs: [x * x for x in xs])
ADDED = Mistake("You added two.", lambda xs: [x + 2 for x in xs])
REPEATED = Mistake("You doubled the list, not its numbers.", lambda xs: xs + xs)


def planted(solution=double, mistakes=(SQUARED, ADDED, REPEATED), **changes) -> Exercise:
    """A good definition but for the changes."""
    good = {
        "title": "Double",
        "stars": 1,
        "minutes": 1,
        "task": "Double every number.",
        "hints": ("Times two.", "For each."),
        "cases": lambda rng: [([],), ([1],), ([3, rng.randint(1, 9)],)],
    }
    return Exercise("97.1", solution, mistakes=list(mistakes), **{**good, **changes})


def test_the_definition_without_flaws_passes_every_proof():
    for proof in PROOFS:
        proof(planted())


BAD = [
    (prove_the_solution_passes, planted(reference=lambda xs: [3 * x for x in xs])),
    (prove_the_stub_is_not_attempted, planted(call=lambda answer, xs: (answer(xs), 1))),
    (prove_each_mistake_hears_its_own_sentence, planted(mistakes=[Mistake("Right.", lambda xs: [x + x for x in xs])])),
    (prove_each_mistake_hears_its_own_sentence, planted(mistakes=[SQUARED, Mistake("Again.", SQUARED.function)])),
    # no case can tell these squares from doubles
    (prove_each_mistake_hears_its_own_sentence, planted(cases=lambda rng: [([],), ([0],), ([2, 2],)])),
    (prove_the_definition_is_complete, planted(mistakes=[SQUARED, ADDED])),
    (prove_the_definition_is_complete, planted(mistakes=[SQUARED, ADDED, Mistake("You squared.", len)])),
    (prove_the_definition_is_complete, planted(mistakes=[SQUARED, ADDED, Mistake("", len)])),
    (prove_the_definition_is_complete, planted(hints=("The only one.",))),
    (prove_the_definition_is_complete, planted(hints=("Twice.", "Twice."))),
    (prove_the_definition_is_complete, planted(task=" ")),
    (prove_the_cases_reach_the_edges, planted(cases=lambda rng: [([],), ([1],)])),
    (prove_the_cases_reach_the_edges, planted(cases=lambda rng: [([3, 4],), ([5, 6],), ([7, 8],)])),
    (prove_expected_errors_are_meant, planted(doubles_strings_only)),
    (prove_the_solution_is_quiet_and_pure, planted(doubles_in_place)),
    (prove_the_solution_is_quiet_and_pure, planted(doubles_aloud)),
    (prove_the_cases_are_the_same_twice, planted(cases=lambda rng: [([random.random()],)])),
    (prove_the_solution_cell_runs_alone, planted(doubles_with_help)),
]


@pytest.mark.parametrize(("proof", "one"), BAD, ids=[f"{i}-{by_id(proof)}" for i, (proof, _) in enumerate(BAD)])
def test_a_bad_definition_is_rejected(proof, one):
    with pytest.raises(AssertionError):
        proof(one)


def test_a_lesson_in_disorder_is_rejected():
    good = lesson_exercises(99)
    for bad in (good[::-1], good[1:], good[:5], [*good[:5], planted()], [*good, *good[:1]]):
        with pytest.raises(AssertionError):
            prove_the_lesson_is_in_order(99, bad)
    with pytest.raises(AssertionError):
        prove_the_lesson_is_in_order(98, good)
    assert lesson_99.count_types in good
