"""The machinery of the exercises: comparing, judging, protecting the kernel, cards, hints and progress."""

import copy
import dataclasses
import io
import itertools
import json
import linecache
import math
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import hypothesis.strategies as st
import lesson_99
import nbclient
import nbformat
import numpy as np
import pytest
import torch
from hypothesis import given

from course_utils import exercises
from course_utils.exercises import (
    Exercise,
    Verdict,
    _cards,
    _check,
    _progress,
    _sandbox,
    check,
    exercise,
    exercise_ids,
    get,
    hint,
    judge,
    lesson_exercises,
    progress,
    progress_table,
)
from course_utils.exercises._compare import difference
from course_utils.exercises._short import short

TESTS = Path(__file__).parent
TYPES, SCALE, VALUE, DRAW, LAST, DEPTH = lesson_exercises(99)
FORKS = pytest.mark.skipif(sys.platform != "linux", reason="checks run in a child process on Linux only")
BOTH_WAYS = pytest.mark.parametrize("way", ["thread", pytest.param("fork", marks=FORKS)])


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    """No progress and no hints from another test."""
    monkeypatch.setattr(_progress, "_solved_here", {})
    monkeypatch.setattr(_check, "_hints_given", {})


@pytest.fixture
def short_limit(monkeypatch):
    monkeypatch.setattr(TYPES, "seconds", 0.4)


# --- comparing ---

exact = st.none() | st.integers() | st.text(max_size=20) | st.binary(max_size=4)
nested = st.recursive(
    exact,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.sets(st.integers(), max_size=3)
    ),
    max_leaves=12,
)
floats = st.floats(allow_nan=True, allow_infinity=True)


@given(nested, nested)
def test_nested_values_differ_exactly_when_python_says_so(want, got):
    assert (difference(want, got) is None) == (want == got)
    assert difference(want, copy.deepcopy(want)) is None


@given(floats, floats | st.floats(-1e-6, 1e-6), st.booleans())
def test_floats_differ_by_the_stated_rule(want, other, near):
    got = want * (1 + other) if near else other
    alike = math.isclose(want, got, rel_tol=1e-6, abs_tol=1e-12) or (math.isnan(want) and math.isnan(got))
    assert (difference(want, got) is None) == alike
    assert (difference(np.array([1.0, want]), np.array([1.0, got])) is None) == alike
    pair = [torch.tensor([x, 1.0], dtype=torch.float64) for x in (want, got)]
    assert (difference(*pair) is None) == alike


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=4), min_size=1, max_size=4), st.data())
def test_the_first_differing_element_is_named(want, data):
    row = data.draw(st.integers(0, len(want) - 1))
    column = data.draw(st.integers(0, len(want[row]) - 1))
    got = copy.deepcopy(want)
    got[row][column] = 77
    expected = f"Element `[{row}][{column}]` is 77; {want[row][column]} was expected."
    assert difference(want, got) == expected
    width = max(map(len, want))
    as_arrays = [np.array([line + [5] * (width - len(line)) for line in rows]) for rows in (want, got)]
    assert difference(*as_arrays).startswith(f"Element `[{row}, {column}]` is 77")


SENTENCES = [
    ([1, 2], (1, 2), "The result is a tuple; a list was expected. `list(...)` makes a list of it."),
    ([1], {1}, "The result is a set; a list was expected. `list(...)` makes a list of it."),
    ((1,), iter([1]), "The result is a list_iterator; a tuple was expected. `tuple(...)` makes a tuple of it."),
    ([1], {1: 1}, "The result is a dict; a list was expected."),
    (["a"], "a", "The result is 'a' (a str); a list was expected."),
    (True, 1, "The result is 1 (an int); True (a bool) was expected."),
    (1, True, "The result is True (a bool); 1 (an int) was expected."),
    (3, "3", "The result is '3' (a str); 3 (an int) was expected."),
    (3, None, "The result is None; 3 (an int) was expected."),
    (2.5, float("nan"), "The result is nan; 2.5 was expected."),
    (0.5, np.zeros(3), "The result is a numpy array; 0.5 (a float) was expected."),
    (10**400, 1.0, None),
    ([1, 2], [1, 2, 3], "The result has 3 elements instead of 2."),
    ([1, 2], [9], "The result has 1 element instead of 2. Element `[0]` is 9; 1 was expected."),
    ({"a": [1]}, {"a": [2]}, "Element `['a'][0]` is 2; 1 was expected."),
    ({"a": 1, "b": 2}, {"c": 1}, "The result lacks the key 'a' (and 1 more) and should not have the key 'c'."),
    ({1, 2}, {2, 3}, "The result lacks 1 and should not have 3."),
    ("spam", "Spam", "The result is 'Spam'; 'spam' was expected."),
    (
        "a long sentence",
        "a long story",
        "The result is right for 8 characters; then 't' stands there, but 'e' was expected.",
    ),
    ("a long sentence", "a long", "The result is right for 6 characters; then it ends there, but ' ' was expected."),
    (
        "a long sentence",
        "a long sentences",
        "The result is right for 15 characters; then 's' stands there, but it should have ended.",
    ),
    (np.zeros((2, 3)), np.zeros((3, 2)), "The result has shape (3, 2); (2, 3) was expected."),
    (np.zeros(2), np.zeros(2, int), "The result holds whole numbers (int64); floats (float64) were expected."),
    (np.zeros(2), [0.0, 0.0], "The result is a list; a numpy array was expected."),
    (torch.zeros(2), np.zeros(2), "The result is a numpy array; a torch tensor was expected."),
    (
        0.5,
        torch.tensor(0.5),
        "The result is a torch tensor; 0.5 (a float) was expected. `.item()` takes the number out.",
    ),
    (np.array([1.0, 2.0]), np.array([1.0, 2.5]), "Element `[1]` is 2.5; 2.0 was expected. 1 of 2 elements differ."),
    (np.array(["a", "b"]), np.array(["a", "c"]), "Element `[1]` is 'c'; 'b' was expected. 1 of 2 elements differ."),
    ([np.array(1.0)], [np.array(2.0)], "Element `[0]` is 2.0; 1.0 was expected."),
    (np.array([1, None]), np.array([1, 2], dtype=object), "Element `[1]` is 2 (an int); None was expected."),
]


@pytest.mark.parametrize(("want", "got", "sentence"), SENTENCES, ids=range(len(SENTENCES)))
def test_differences_are_said_in_words(want, got, sentence):
    said = difference(want, got)
    assert said is not None
    assert sentence is None or said == sentence


EQUAL = [
    (2, 2.0),
    (2.0, 2),
    (2.0, np.float32(2)),
    (2, np.int64(2)),
    (True, np.True_),
    (float("nan"), float("nan")),
    (float("inf"), float("inf")),
    (0.3, 0.1 + 0.2),
    (0.0, 1e-17),
    ({1}, frozenset({1})),
    (np.array([1, 2], dtype="int32"), np.array([1, 2])),
    (np.array([np.nan, np.inf]), np.array([np.nan, np.inf])),
    (np.array([1j]), np.array([1j + 1e-15])),
    (torch.ones(2, dtype=torch.bfloat16), torch.full((2,), 1.004, dtype=torch.bfloat16)),
    (torch.ones(2), torch.ones(2, dtype=torch.float64, requires_grad=True) * (1 + 5e-5)),
    (torch.eye(2).to_sparse(), torch.eye(2)),
    (len, len),
]
UNEQUAL = [
    (1e-20, 2e-20, {"atol": 0.0}),
    (1e-20, 0.0, {"atol": 0.0}),
    (1.0, 1.00001, {}),
    (3, 3.0000001, {}),
    (float("inf"), float("-inf"), {}),
    (float("nan"), 1.0, {}),
    (torch.ones(2), torch.ones(2) * 1.001, {}),
    (torch.ones(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64) * (1 + 1e-5), {}),
    (torch.tensor([1, 2]), torch.tensor([True, True]), {}),
    (np.array([np.inf]), np.array([1.0]), {}),
]


@pytest.mark.parametrize(("want", "got"), EQUAL, ids=range(len(EQUAL)))
def test_equal_enough(want, got):
    assert difference(want, got) is None


@pytest.mark.parametrize(("want", "got", "tolerances"), UNEQUAL, ids=range(len(UNEQUAL)))
def test_not_equal_enough(want, got, tolerances):
    assert difference(want, got, **tolerances) is not None


class Pair:
    def __init__(self, a, b):
        self.a, self.b = a, b


def test_objects_are_compared_by_their_attributes():
    point = dataclasses.make_dataclass("Point", ["x"])
    assert difference(Pair(1, [2]), Pair(1, [2])) is None
    assert "`['b'][0]` is 3" in difference(Pair(1, [2]), Pair(1, [3]))
    assert difference(point(np.ones(2)), point(np.ones(2))) is None
    assert difference(complex(1, 2), complex(1, 2.1)) == "The result is (1+2.1j); (1+2j) was expected."


class Evil:
    def refuse(self, *args):
        raise RuntimeError("no")

    __eq__ = __len__ = __iter__ = __repr__ = __getattr__ = __hash__ = refuse


def zoo():
    """What a function might return one day."""
    cyclic = []
    cyclic.append(cyclic)
    deep = []
    for _ in range(5_000):
        deep = [deep]
    yield from (None, ..., object(), int, len, math, Evil(), [Evil()], {"a": Evil()}, cyclic, deep, (x for x in "ab"))
    yield from (True, 0, 1, -1.5, float("nan"), 10**400, 1j, Decimal("0.1"), Fraction(1, 3), range(3), deque([1]))
    yield from ("", "text", b"bytes", bytearray(b"b"), [], [1], (1,), {}, {1: 2}, {1}, frozenset(), {}.keys(), iter([]))
    yield from (np.zeros(0), np.ones((2, 3)), np.array(1), np.array(["a"]), np.array([b"a"]), np.array([None]))
    yield from (np.float32(1), np.datetime64("2017-06-12"), np.ma.masked_array([1.0], [True]), np.array([1j]))
    yield from (torch.ones(2), torch.tensor(1), torch.ones(2, dtype=torch.complex64), torch.ones(2, device="meta"))
    yield from (torch.eye(2).to_sparse(), torch.ones(2).half(), torch.nn.Linear(1, 1), ValueError("x"), NotImplemented)


def test_any_two_values_can_be_compared_and_shown():
    for want, got in itertools.product(zoo(), zoo()):
        said = difference(want, got)
        assert said is None or (isinstance(said, str) and said.endswith((".", ")")) and len(said) < 500)
    assert all(len(short(value)) <= 200 for value in zoo())


def test_values_are_shown_short():
    assert short([1, "a", {"k": (2.5,)}]) == "[1, 'a', {'k': (2.5,)}]"
    assert len(short("x" * 10**6)) <= 200
    assert len(short(list(range(10**5)))) <= 200
    assert short(np.float64(0.5)) == "0.5"
    assert short(np.arange(3)) == "array([0, 1, 2], dtype=int64)"
    assert short(np.zeros((100, 100))).startswith("array of shape (100, 100), float64:\n[[0., 0., ...,")
    assert short(torch.ones(2, requires_grad=True)) == "tensor([1., 1.], dtype=float32)"
    assert "int" in short(10**10_000)  # more digits than Python prints
    assert short({"b", "a"}) == "{'a', 'b'}"

    class Broken:
        def __repr__(self):
            raise RuntimeError

    assert "Broken" in short(Broken())


# --- definitions ---


def test_cells_are_made_from_the_definition():
    assert TYPES.task_markdown().startswith("### Exercise 99.1 ★☆☆ Count the types (3 min)\n\nReturn how many *diff")
    assert TYPES.stub_source() == (
        "def count_types(words: list[str]) -> int:\n"
        '    """Return how many different words there are."""\n'
        "    return ..."
    )
    assert VALUE.stub_source() == "# The number of weights and biases.\nn_parameters = ..."
    assert VALUE.solution_source() == (
        "inner, outer = 768, 3072\n# the weights, then the biases\nn_parameters_solution = inner * outer + outer"
    )
    assert DRAW.stub_source().startswith("import random\n\n\ndef draw(words: str, n: int)")
    assert "max((depth_solution(one) for one" in DEPTH.solution_source()
    assert SCALE.stub_source().count("return ...") == 1
    assert "super().__init__()\n        ...\n" in SCALE.stub_source()


def define(id="98.1", **changes):
    fields = {"title": "", "stars": 1, "minutes": 1, "task": "", "hints": (), "cases": lambda rng: [([],)]}
    return exercise(id, **{**fields, **changes})(lambda xs: xs)


def test_definitions_are_refused_at_the_door():
    with pytest.raises(ValueError, match=r"such as '01.3', not '1.3'"):
        define(id="1.3")
    with pytest.raises(ValueError, match="has 1, 2 or 3 stars, not 4"):
        define(stars=4)
    with pytest.raises(ValueError, match="functions with parameters need cases="):
        define(cases=None)
    with pytest.raises(TypeError, match="star"):
        define(star=3)


def test_an_id_is_taken_once_and_a_reload_replaces(monkeypatch):
    monkeypatch.setattr("course_utils.exercises._define._registry", {})
    first, second = define(), define()
    assert first is not second
    assert get("98.1") is second
    with pytest.raises(ValueError, match=r"98\.1 is defined twice: by <lambda> and by len_of"):

        @exercise("98.1", title="", stars=1, minutes=1, task="", hints=(), cases=lambda rng: [])
        def len_of(xs):
            return len(xs)


def test_an_unknown_id_names_the_known_ones():
    assert exercise_ids(99) == ["99.1", "99.2", "99.3", "99.4", "99.5", "99.6"]
    assert exercise_ids(77) == []
    with pytest.raises(ValueError, match=r"no exercise '99.9'; lesson 99 has 99.1, 99.2, 99.3"):
        check("99.9", len)
    for unknown in ("77.1", "", "x", 99.1, None):
        with pytest.raises(ValueError, match=r"lessons with exercises: (\d\d, )*\d\d|exercises: $"):
            get(unknown)


# --- judging ---


def cell(source: str) -> dict:
    """Run source as a notebook does: in the main namespace, with the source known to tracebacks."""
    name = f"<cell {hash(source)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    names = {"__name__": "__main__"}
    exec(compile(source, name, "exec"), names)
    return names


def test_the_four_verdicts():
    assert judge(TYPES, ...).status == "not attempted"
    assert judge(TYPES, lambda words: ...).status == "not attempted"
    assert judge(TYPES, lambda words: len(set(words))).status == "correct"
    wrong = judge(TYPES, lambda words: 5)
    assert (wrong.status, wrong.case, wrong.expected, wrong.got) == ("wrong", "count_types([])", "0", "5")
    assert wrong.message == "The result is 5; 0 was expected."
    raised = judge(TYPES, cell("def f(words):\n    x = 1\n    return words[0]")["f"])
    assert (raised.status, raised.case) == ("raised", "count_types([])")
    assert raised.error == "IndexError: list index out of range"
    assert raised.line == "line 3: return words[0]"


def test_the_smallest_failing_case_is_shown():
    verdict = judge(TYPES, lambda words: len(set(words)) + (len(words) > 1))
    assert (verdict.case, verdict.expected, verdict.got) == ("count_types(['b', 'a'])", "2", "3")


def test_a_known_mistake_gives_its_sentence():
    verdict = judge(TYPES, lambda words: sum(1 for _ in words))
    assert verdict.message == "You counted every token; a type counts once, however often it occurs."
    assert verdict.difference == ""
    raised = judge(LAST, lambda words: list(words)[-1])
    assert raised.message == "An empty list should raise ValueError; indexing it raises IndexError."
    assert (raised.status, raised.expected) == ("raised", "raises ValueError")
    element = judge(SCALE, lambda factor: lambda xs: [x + factor for x in xs])
    assert element.message == "You added the factor instead of multiplying by it."
    assert element.difference.startswith("Element `[0]` is ")
    assert element.case.startswith("factor = ")


def test_a_constant_is_not_taken_for_a_thought():
    """It equals "no empty list" on the smallest case, but on that one alone."""
    verdict = judge(TYPES, lambda words: 1)
    assert verdict.case == "count_types([])"
    assert verdict.message == "The result is 1; 0 was expected."


def test_the_mistake_that_agrees_most_is_named():
    counting = dataclasses.replace(TYPES, mistakes=[])
    counting.mistake("less alike")(lambda words: len(words) if len(words) < 4 else 7)
    counting.mistake("more alike")(len)
    assert judge(counting, lambda words: len(words)).message == "more alike"


def test_an_answer_of_the_wrong_kind():
    assert judge(TYPES, "count_types").message == (
        'You gave a string. Give the function itself, without quotes: `check("99.1", count_types)`.'
    )
    assert judge(TYPES, 2).message.startswith("You gave 2, which is no function. Give the function itself")
    assert "no class. Give the class itself" in judge(SCALE, [2.0]).message
    assert judge(TYPES, lambda words: None).message == "Your code returned None. Did you forget `return`?"
    assert judge(TYPES, lambda: 1).message == "Your code cannot be called in the way that the check calls it."
    assert judge(TYPES, None).status == "wrong"


def test_values():
    assert judge(VALUE, 768 * 3072 + 3072).status == "correct"
    assert judge(VALUE, 768 * 3072).message == "The biases are missing."
    assert judge(VALUE, ...).status == "not attempted"
    assert judge(VALUE, None).message == "`n_parameters` is None."
    assert judge(VALUE, len).message == (
        "This exercise asks for a value, and you gave the function `len`: call it, and check what it returns."
    )


def test_a_changed_input_is_remarked_upon_or_wrong():
    def sorts(words):
        words.sort()
        return len(set(words))

    verdict = judge(TYPES, sorts)
    assert verdict.status == "correct"
    assert verdict.note.startswith("Your code changed its input `words`.")
    popped = judge(LAST, lambda words: words.pop() if words else LAST.solution(words))
    assert popped.status == "wrong"
    assert popped.message == "Your code changed its input `words`, which must stay as it was."
    assert judge(LAST, LAST.solution).note == ""
    in_place = dataclasses.replace(TYPES, solution=lambda words: words.sort() or len(set(words)))
    assert judge(in_place, sorts).note == ""


def test_a_result_is_shown_as_it_was_returned():
    def squares(words, results=[]):  # noqa: B006 - the classic
        results.append(len(set(words)))
        return results

    verdict = judge(TYPES, squares)
    assert (verdict.case, verdict.got) == ("count_types([])", "[0]")
    drawn = dataclasses.replace(
        TYPES, solution=lambda words: [(x for x in words), torch.ones(1, requires_grad=True) * 2]
    )
    assert judge(drawn, lambda words: [0, 0]).status == "wrong"


def test_only_the_learners_own_output_is_shown(capsys):
    chatty = dataclasses.replace(TYPES, solution=lambda words: print("reference") or len(set(words)))
    assert judge(chatty, lambda words: print("mine") or 0).output == "mine\n" * 5
    assert capsys.readouterr().out == ""


def test_every_answer_gets_the_same_draws():
    assert judge(DRAW, lambda words, n: random.choices(list(words), k=n)).status == "correct"
    drawn = dataclasses.replace(
        TYPES,
        solution=lambda words: (random.random(), np.random.rand(), torch.rand(2)),  # noqa: NPY002
        reference=None,
    )
    assert judge(drawn, drawn.solution.__call__).status == "correct"


def test_what_is_printed_is_kept_short():
    verdict = judge(TYPES, lambda words: print("ab" * 10**6))
    assert verdict.output.startswith("abab")
    assert len(verdict.output) < 2_100
    assert verdict.output.endswith("… and 9,998,005 more characters")
    assert judge(TYPES, lambda words: print(sys.stderr.write("warned"))).output.startswith("warned6\n")


def test_errors_of_every_kind_are_verdicts():
    class Unspeakable(Exception):
        def __str__(self):
            raise RuntimeError

    def fails(error):
        def answer(words):
            raise error

        return answer

    for error in (SystemExit(1), KeyboardInterrupt(), MemoryError(), GeneratorExit(), Unspeakable()):
        verdict = judge(TYPES, fails(error))
        assert verdict.status == "raised"
        assert verdict.error.startswith(type(error).__name__)
    assert judge(TYPES, fails(SystemExit(1))).message.startswith("Your code called `exit`")
    endless = judge(TYPES, cell("def f(words):\n    return f(words)")["f"])
    assert endless.message.startswith("Your code calls itself without end.")
    assert endless.line == "line 2: return f(words)"


def test_the_learners_line_is_the_innermost_of_their_own():
    source = "import json\ndef helper(word):\n    return json.loads(word)\ndef f(words):\n    return helper('{')\n"
    assert judge(TYPES, cell(source)["f"]).line == "line 3: return json.loads(word)"


def test_a_comparison_of_ones_own_may_meet_any_answer():
    assert judge(DRAW, lambda words, n: 3).status == "wrong"  # sorted(3) raises in the exercise's `equal`
    assert judge(DRAW, lambda words, n: ["z"] * n).difference.startswith("Element `[0]` is 'z'")


# --- protecting the kernel ---


def loops(words):
    while True:
        pass


def loops_and_catches(words):
    while True:
        try:
            sum(range(10))
        except:  # noqa: E722 - what a learner may write
            continue


@BOTH_WAYS
@pytest.mark.parametrize("answer", [loops, loops_and_catches])
def test_endless_loops_are_stopped(way, answer, monkeypatch, short_limit, capsys):
    monkeypatch.setenv("COURSE_CHECK", way)
    verdict = check("99.1", answer)
    assert verdict.status == "raised"
    assert verdict.message == "Stopped after 0.4 s: your code was still running. Is there a loop that never ends?"
    assert verdict.case == "count_types([])"
    assert "Stopped · Exercise 99.1" in capsys.readouterr().out


@BOTH_WAYS
def test_what_a_stopped_answer_printed_is_shown(way, monkeypatch, short_limit, capsys):
    monkeypatch.setenv("COURSE_CHECK", way)

    def prints(words):
        for n in itertools.count():
            print("round", n)

    verdict = check("99.1", prints)
    assert verdict.output.startswith("round 0\nround 1\n")
    assert len(verdict.output) <= 2_000
    print("still here")
    assert capsys.readouterr().out.endswith("still here\n")


@BOTH_WAYS
def test_both_ways_give_the_same_verdicts(way, monkeypatch):
    monkeypatch.setenv("COURSE_CHECK", way)
    for one in lesson_exercises(99):
        for answer in [one.solution, *(mistake.function for mistake in one.mistakes)]:
            mine = answer() if one.is_value else answer
            assert check(one.id, mine, record=False) == judge(one, mine)


def random_states():
    numpy_state = np.random.get_state()[1].tolist()  # noqa: NPY002 - the global one is the point
    return random.getstate(), numpy_state, torch.get_rng_state().tolist()


@BOTH_WAYS
def test_random_states_are_left_alone(way, monkeypatch):
    monkeypatch.setenv("COURSE_CHECK", way)
    before = random_states()
    check("99.4", DRAW.solution)
    assert random_states() == before


@pytest.fixture
def _sigint_raises():
    """A test run in the background of a shell ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals between threads")
@pytest.mark.usefixtures("_sigint_raises")
@BOTH_WAYS
def test_ctrl_c_passes_through_and_leaves_nothing_behind(way, monkeypatch):
    monkeypatch.setenv("COURSE_CHECK", way)
    threads = threading.active_count()
    streams = sys.stdout, sys.stderr
    ctrl_c = threading.Timer(0.2, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
    ctrl_c.start()
    with pytest.raises(KeyboardInterrupt):
        check("99.1", loops)
    ctrl_c.join()
    assert threading.active_count() == threads
    assert (sys.stdout, sys.stderr) == streams
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@BOTH_WAYS
def test_a_fault_of_the_course_is_said_to_be_one(way, monkeypatch):
    monkeypatch.setenv("COURSE_CHECK", way)
    monkeypatch.setattr(TYPES, "cases", lambda rng: 1 / 0)
    assert check("99.1", loops).message == (
        "The check itself failed (ZeroDivisionError: division by zero). This is a fault of the course."
    )


def test_a_thread_cannot_stop_a_call_into_c(monkeypatch, short_limit, capsys):
    monkeypatch.setenv("COURSE_CHECK", "thread")
    monkeypatch.setattr(_sandbox, "PATIENCE", 0.3)
    threads, stream = threading.active_count(), sys.stdout
    assert "restart the kernel" in check("99.1", lambda words: time.sleep(1.5)).message
    assert sys.stdout is stream
    while threading.active_count() > threads:  # it ends when the call into C does
        time.sleep(0.05)
    assert sys.stdout is stream


def dies_of_memory(words):
    kept = [0]
    while True:
        kept += kept


DEATHS = [
    (lambda words: sum(itertools.repeat(1)), "Stopped after 0.4 s"),
    (lambda words: pow(7, 10**9), "Stopped after 0.4 s"),
    (lambda words: time.sleep(60), "Stopped after 0.4 s"),
    (lambda words: os._exit(1), "Your code ended the whole process (exit code 1)."),
    (lambda words: os.kill(os.getpid(), signal.SIGSEGV), "Your code ended the whole process (SIGSEGV)."),
    (lambda words: os.closerange(3, 200) or time.sleep(60), "Your code cut the connection to the check."),
    (lambda words: os.closerange(3, 200), "Your code ended the whole process (exit code 70)."),
    (lambda words: "x" * 10**11, "Your code needed more memory than a check may use."),
    (lambda words: input("number? "), "Your code stopped with an error."),
]


@FORKS
@pytest.mark.parametrize(("answer", "message"), DEATHS, ids=range(len(DEATHS)))
def test_a_child_dies_alone(answer, message, monkeypatch, short_limit):
    monkeypatch.setenv("COURSE_CHECK", "fork")
    verdict = check("99.1", answer)
    assert verdict.status == "raised"
    assert verdict.message.startswith(message)
    assert verdict.case == "count_types([])"


@FORKS
def test_memory_that_grows_step_by_step_ends_too(monkeypatch):
    monkeypatch.setenv("COURSE_CHECK", "fork")
    monkeypatch.setattr(_sandbox, "MEMORY", 2**26)
    monkeypatch.setattr(_sandbox, "MEMORY_PER_CORE", 0)
    verdict = check("99.1", dies_of_memory)
    assert (verdict.error, verdict.got) == ("MemoryError", "")


@FORKS
def test_what_an_answer_starts_ends_with_it(monkeypatch, short_limit):
    monkeypatch.setenv("COURSE_CHECK", "fork")

    def starts(words):
        print(subprocess.Popen(["sleep", "60"]).pid)
        loops(words)

    stat = Path("/proc") / check("99.1", starts).output.strip() / "stat"
    for _ in range(100):
        if not stat.exists() or stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.02)
    pytest.fail("the answer's process lives on")


@FORKS
def test_an_answer_changes_nothing_here(monkeypatch):
    monkeypatch.setenv("COURSE_CHECK", "fork")
    seen = []
    assert check("99.1", lambda words: seen.append(1) or len(set(words))).status == "correct"
    assert seen == []


@FORKS
def test_torch_works_in_a_child_of_a_process_that_uses_it(monkeypatch):
    monkeypatch.setenv("COURSE_CHECK", "fork")
    torch.randn(400, 400).mm(torch.randn(400, 400)).sum()
    (torch.ones(3, requires_grad=True) ** 2).sum().backward()

    def answer(words):
        x = torch.ones(300, 300, requires_grad=True)
        (x @ x).sum().backward()
        return len(set(words)) if x.grad.sum() == 300**3 * 2 else -1

    assert check("99.1", answer).status == "correct"


def test_the_way_is_chosen_by_what_is_safe(monkeypatch):
    monkeypatch.delenv("COURSE_CHECK", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert _sandbox.way() == "fork"
    with monkeypatch.context() as patch:
        patch.setattr(torch.cuda, "is_initialized", lambda: True)
        assert _sandbox.way() == "thread"
    elsewhere = []
    thread = threading.Thread(target=lambda: elsewhere.append(_sandbox.way()))
    thread.start()
    thread.join()
    assert elsewhere == ["thread"]
    for platform in ("darwin", "win32"):
        monkeypatch.setattr(sys, "platform", platform)
        assert _sandbox.way() == "thread"
    monkeypatch.setenv("COURSE_CHECK", "fork")
    assert _sandbox.way() == "fork"
    monkeypatch.setenv("COURSE_CHECK", "docker")
    with pytest.raises(ValueError, match="'docker'; it can be 'fork', 'thread' or empty"):
        check("99.1", len)


# --- cards and hints ---


def test_a_card_as_text(capsys):
    check("99.1", len)
    assert capsys.readouterr().out == (
        "✗ Wrong · Exercise 99.1 Count the types\n"
        "You counted every token; a type counts once, however often it occurs.\n"
        "  input     count_types(['a', 'b', 'a'])\n"
        "  expected  2\n"
        "  got       3\n"
        '`hint("99.1")` gives you a hint.\n'
    )
    check("99.1", lambda words: print("hello"))
    assert capsys.readouterr().out.endswith("What your code printed:\n" + "  hello\n" * 5)


def test_colours_on_a_terminal_only(capsys, monkeypatch):
    check("99.1", len)
    assert "\033" not in capsys.readouterr().out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    check("99.1", len)
    assert capsys.readouterr().out.startswith("\033[1;31m✗ Wrong")
    monkeypatch.setenv("NO_COLOR", "1")
    check("99.1", len)
    assert "\033" not in capsys.readouterr().out


def test_a_terminal_without_the_signs_gets_question_marks(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", stream)
    _cards.show(_cards.Card("wrong", "Wrong", "→"))
    stream.flush()
    assert stream.buffer.getvalue().split() == [b"?", b"Wrong", b"?"]


def test_a_card_as_html_escapes_what_learners_write():
    card = _cards.Card("wrong", "<head>", "say `<b>`", [("got", "<script>")], ["<note>"], "<printed>")
    html = card.html()
    assert not re.search(r"<(b|script|note|printed|head)>", html)
    assert "<code>&lt;b&gt;</code>" in html
    assert html.count("<div") == html.count("</div>")
    assert card.text().startswith("✗ <head>\nsay `<b>`\n  got  <script>\n<note>")


def test_every_status_has_a_sign_and_a_word():
    verdicts = [judge(TYPES, answer) for answer in (..., len, TYPES.solution, lambda words: 1 / 0)]
    cards = [_check._card(verdict) for verdict in verdicts]
    words = [card.head.partition(" · ")[0] for card in cards]
    assert words == ["Not attempted", "Wrong", "Correct", "Raised an error"]
    assert len({card.text()[0] for card in cards}) == 4


def test_a_verdict_is_not_shown_twice():
    verdict = Verdict("99.1", "Count", "wrong", "No.")
    assert repr(verdict) == "<99.1: wrong>"
    assert verdict._ipython_display_() is None


def test_hints_come_one_after_the_other(capsys):
    heads = []
    for _ in range(4):
        hint("99.1")
        heads.append(capsys.readouterr().out.splitlines())
    assert heads[0] == ["? Hint 1 of 2 · Exercise 99.1 Count the types", "A set keeps every word once."]
    assert heads[1][0].startswith("? Hint 2 of 2")
    assert heads[2] == heads[3] == ["? No more hints · Exercise 99.1 Count the types", _check.NO_MORE[1]]
    hint("99.1", 1)
    assert "Hint 1 of 2" in capsys.readouterr().out
    hint("99.2")
    assert "Hint 1 of 2 · Exercise 99.2" in capsys.readouterr().out
    for number in (0, 3, -1):
        with pytest.raises(ValueError, match="hints 1 to 2, not"):
            hint("99.1", number)


# --- progress ---


def folder() -> Path:
    return Path(os.environ["COURSE_USER_DIR"])


def test_only_solutions_are_recorded():
    assert progress() == {}
    check("99.1", len)
    check("99.1", TYPES.solution, record=False)
    assert progress() == {}
    assert list(folder().iterdir()) == []
    check("99.1", TYPES.solution)
    check("99.3", 768 * 3072 + 3072)
    stored = json.loads((folder() / "progress.json").read_text(encoding="utf-8"))
    assert stored == progress()
    assert list(stored) == ["99.1", "99.3"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", date) for date in stored.values())
    assert [path.name for path in folder().iterdir()] == ["progress.json"]


def test_the_first_date_stays():
    (folder() / "progress.json").write_text('{"99.1": "2020-02-02", "31.4": "2021-01-01"}', encoding="utf-8")
    _progress.record("99.1")
    _progress.record("99.2")
    assert progress()["99.1"] == "2020-02-02"
    assert list(progress()) == ["31.4", "99.1", "99.2"]


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"99.1": 3}', "[" * 100_000, "\x00\xff"])
def test_a_damaged_file_is_set_aside(content):
    file = folder() / "progress.json"
    file.write_bytes(content.encode("latin-1"))
    assert progress() == {}
    _progress.record("99.1")
    assert list(progress()) == ["99.1"]
    assert (folder() / "progress.json.bak").read_bytes() == content.encode("latin-1")
    file.write_text("again", encoding="utf-8")
    _progress.record("99.2")
    assert list(progress()) == ["99.1", "99.2"]
    assert (folder() / "progress.json.bak1").read_text(encoding="utf-8") == "again"


def test_a_folder_that_cannot_be_written_costs_no_error(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("COURSE_USER_DIR", str(tmp_path / "file" / "folder"))
    assert progress() == {}
    assert check("99.1", TYPES.solution).status == "correct"
    assert list(progress()) == ["99.1"]
    monkeypatch.setenv("COURSE_USER_DIR", str(tmp_path / "folder"))
    check("99.3", 768 * 3072 + 3072)
    assert list(json.loads((tmp_path / "folder" / "progress.json").read_text(encoding="utf-8"))) == ["99.1", "99.3"]


def test_two_kernels_lose_nothing():
    code = "from course_utils.exercises._progress import record\nfor n in range(1, 41): record(f'{kernel}.{n}')"
    kernels = [subprocess.Popen([sys.executable, "-c", f"kernel = {n}\n{code}"]) for n in (41, 42, 43)]
    assert [kernel.wait() for kernel in kernels] == [0, 0, 0]
    assert len(progress()) == 120


def test_a_lock_left_behind_is_overcome(monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    (folder() / "progress.lock").write_text("", encoding="utf-8")
    _progress.record("99.1")
    assert (folder() / "progress.json").exists()
    assert not (folder() / "progress.lock").exists()


def test_the_table_lists_every_exercise(monkeypatch):
    monkeypatch.setattr(_progress, "lessons", lambda: [99])
    check("99.2", SCALE.solution)
    rows = progress_table()
    assert [row.id for row in rows] == exercise_ids(99)
    assert [bool(row.solved) for row in rows] == [False, True, False, False, False, False]
    assert rows[1][:3] == ("99.2", "A class that scales", 2)


# --- in a real kernel ---

SET_UP = "import itertools, os, lesson_99\nfrom course_utils.exercises import check, hint"
CELLS = {
    "stub": "def count_types(words): return ...\ncheck('99.1', count_types)",
    "wrong": "check('99.1', len)",
    "raised": "def count_types(words):\n    first = words[0]\ncheck('99.1', count_types)",
    "correct": "check('99.1', lambda words: len(set(words)), record=False)",
    "loop": "def count_types(words):\n    while True: pass\ncheck('99.1', count_types)",
    "50 MB": "check('99.1', lambda words: print('x' * 50_000_000))",
    "hint": "hint('99.1')",
}
DEADLY_CELLS = {
    "loop in C": "check('99.1', lambda words: sum(itertools.repeat(1)))",
    "exit": "check('99.1', lambda words: os._exit(1))",
    "crash": "check('99.1', lambda words: os.kill(os.getpid(), 11))",
    "memory": "check('99.1', lambda words: 'x' * 10**11)",
    "displays": "def shows(words):\n    display('a stray display')\n    return input()\ncheck('99.1', shows)",
}


def run_in_kernel(cells: dict[str, str]) -> dict[str, dict[str, str]]:
    """What each cell displays, by MIME type; each displays one card, and the kernel goes on."""
    sources = [SET_UP, *cells.values(), "1 + 1"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    place = {"metadata": {"path": str(TESTS)}}
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3", resources=place).execute()
    outputs = [cell.outputs for cell in notebook.cells]
    assert outputs[0] == []
    assert outputs[-1][0].data["text/plain"] == "2"
    for shown in outputs[1:-1]:
        assert [output.output_type for output in shown] == ["display_data"]
        assert shown[0].data["text/html"].startswith("<div style")
        assert len(str(shown)) < 10_000
    return {name: shown[0].data for name, shown in zip(cells, outputs[1:-1], strict=True)}


@BOTH_WAYS
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_in_a_real_kernel(way, monkeypatch, capfd):
    monkeypatch.setenv("COURSE_CHECK", way)
    with monkeypatch.context() as patch:
        patch.delenv("PYTEST_CURRENT_TEST")  # a kernel that sees it leaves its streams alone
        shown = run_in_kernel({**CELLS, **(DEADLY_CELLS if way == "fork" else {})})
    log = capfd.readouterr().err
    assert not re.search("from fork|Fatal|Traceback", log), log  # the server's log stays quiet, too
    texts = {name: data["text/plain"] for name, data in shown.items()}
    assert texts["stub"].startswith("○ Not attempted")
    assert texts["wrong"].startswith("✗ Wrong · Exercise 99.1 Count the types\nYou counted every token")
    assert "line 2: first = words[0]" in texts["raised"]
    assert texts["correct"].endswith("All 5 cases pass.")
    assert "Stopped after 1 s" in texts["loop"]
    assert "more characters" in shown["50 MB"]["text/html"]
    assert texts["hint"].startswith("? Hint 1 of 2")
    if way == "fork":
        assert "Stopped after 1 s" in texts["loop in C"]
        assert "ended the whole process (exit code 1)" in texts["exit"]
        assert "SIGSEGV" in texts["crash"]
        assert "MemoryError" in texts["memory"]
        assert "a check cannot ask for input" in texts["displays"]


def test_importing_is_cheap():
    heavy = "{'torch', 'transformers', 'gensim', 'nltk', 'sklearn', 'numpy', 'IPython', 'matplotlib.pyplot'}"
    code = f"import sys, course_utils.exercises; assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_public_names():
    assert sorted(exercises.__all__) == exercises.__all__ or set(exercises.__all__) <= set(dir(exercises))
    assert isinstance(lesson_99.count_types, Exercise)
    assert lesson_99.depth([[]]) == 2
