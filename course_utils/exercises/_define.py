"""What an exercise is: one decorated function holds its task, its solution, its cases and its known mistakes."""

import inspect
import pkgutil
import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from course_utils.exercises import _source
from course_utils.exercises._compare import difference

Function = Callable[..., Any]

BY_LESSON = "course_utils.exercises.by_lesson"

_registry: dict[str, "Exercise"] = {}


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that learners give, and the sentence that tells them what went wrong."""

    sentence: str
    function: Function


@dataclass(eq=False)
class Exercise:
    """One exercise. Its solution is a function, a class, or, for a value exercise, a function without parameters.

    id: lesson and number, `"01.3"`. stars: 1 to 3. minutes: how long a learner takes. task, hints: Markdown.
    cases: gets a `random.Random` that is the same at every check, and gives tuples of arguments.
    reference: gives the expected result from the same arguments; by default the solution does.
    call: how an answer is used on a case, `call(answer, *args)`; by default `answer(*args)`.
    equal: `equal(expected, got) -> bool`; by default the rules of `difference`, with rtol and atol (0.0 where
    results are tiny, such as products of probabilities). seconds: the limit of a whole check.
    setup: imports that stub and solution need. pure: whether an answer that changes its input is wrong; otherwise
    the card only remarks on it.
    """

    id: str
    solution: Any
    title: str
    stars: int
    minutes: int
    task: str
    hints: tuple[str, ...]
    cases: Callable[[random.Random], Iterable[tuple[Any, ...]]] | None = None
    reference: Function | None = None
    call: Function | None = None
    equal: Callable[[Any, Any], bool] | None = None
    rtol: float = 1e-6
    atol: float = 1e-12
    seconds: float = 10.0
    setup: str = ""
    pure: bool = False
    mistakes: list[Mistake] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d\d\.[1-9]\d*", self.id):
            raise ValueError(f"an exercise's id is lesson and number such as '01.3', not {self.id!r}")
        if self.stars not in (1, 2, 3):
            raise ValueError(f"exercise {self.id} has 1, 2 or 3 stars, not {self.stars!r}")
        if (self.cases is None) != self.is_value:
            raise ValueError(f"exercise {self.id}: functions with parameters need cases=, values have none")

    @property
    def name(self) -> str:
        """What the learner's answer is called."""
        return str(self.solution.__name__)

    @property
    def lesson(self) -> int:
        return int(self.id[:2])

    @property
    def is_value(self) -> bool:
        """Whether the learner assigns a value instead of writing a function or class."""
        return inspect.isfunction(self.solution) and not inspect.signature(self.solution).parameters

    def __call__(self, *args: Any) -> Any:
        """The solution's result, so that a solution may call itself by its name."""
        return self.solution(*args)

    def mistake(self, sentence: str) -> Callable[[Function], Function]:
        """Decorate a wrong answer; `sentence` is what its author is told."""

        def add(function: Function) -> Function:
            self.mistakes.append(Mistake(sentence, function))
            return function

        return add

    def fresh_cases(self) -> list[tuple[Any, ...]]:
        """The cases from the smallest to the largest (by the length of what they print as); a value has one, ()."""
        if self.cases is None:
            return [()]
        return sorted(self.cases(random.Random(self.id)), key=lambda case: len(repr(case)))

    def argument(self, place: int) -> str:
        """What a case's argument is called."""
        called, skip = (self.call, 1) if self.call else (self.solution, 0)
        names = list(inspect.signature(called).parameters)[skip:]
        return names[place] if place < len(names) else f"argument {place + 1}"

    def apply(self, answer: Function, *args: Any) -> Any:
        """Use an answer on one case."""
        return self.call(answer, *args) if self.call else answer(*args)

    def expected(self, *args: Any) -> Any:
        """The right result for one case."""
        return self.reference(*args) if self.reference else self.apply(self.solution, *args)

    def differs(self, expected: Any, got: Any) -> str | None:
        """A sentence on how a result differs from the expected one, None when it is equal."""
        found = difference(expected, got, self.rtol, self.atol)
        if self.equal is None:
            return found
        try:
            same = self.equal(expected, got)
        except Exception:  # written for right types; a wrong answer may be of any
            same = False
        return None if same else found or "The result is not what was expected."

    def stub_source(self) -> str:
        """The cell that the learner fills in: signature, docstring and `return ...`, or `name = ...`."""
        return self._with_setup(_source.stub(self.solution, self.is_value))

    def solution_source(self) -> str:
        """The solution as a cell that runs on its own and defines `<name>_solution`."""
        return self._with_setup(_source.solution(self.solution, self.is_value))

    def _with_setup(self, code: str) -> str:
        return f"{inspect.cleandoc(self.setup)}\n\n\n{code}" if self.setup else code

    def task_markdown(self) -> str:
        """The task's cell: a heading with stars and minutes, and the task."""
        stars = "★" * self.stars + "☆" * (3 - self.stars)
        heading = f"### Exercise {self.id} {stars} {self.title} ({self.minutes} min)"
        return f"{heading}\n\n{inspect.cleandoc(self.task)}"


def exercise(id: str, **fields: Any) -> Callable[[Any], Exercise]:
    """Make the decorated solution an exercise; `fields` are those of `Exercise`.

    Raises ValueError when another definition has the id (a reloaded module replaces its own).
    """

    def define(solution: Any) -> Exercise:
        made = Exercise(id=id, solution=solution, **fields)
        other = _registry.get(id)
        if other and (other.solution.__module__, other.name) != (solution.__module__, made.name):
            raise ValueError(f"exercise {id} is defined twice: by {other.name} and by {made.name}")
        _registry[id] = made
        return made

    return define


def lessons() -> list[int]:
    """The numbers of the lessons that have exercises."""
    names = [module.name for module in pkgutil.iter_modules(import_module(BY_LESSON).__path__)]
    return sorted(int(name[7:]) for name in names if re.fullmatch(r"lesson_\d\d", name))


def lesson_exercises(lesson: int) -> list[Exercise]:
    """The exercises of one lesson in the order of their definitions; none for a lesson that has none."""
    if lesson in lessons():
        import_module(f"{BY_LESSON}.lesson_{lesson:02d}")
    return [one for one in _registry.values() if one.lesson == lesson]


def exercise_ids(lesson: int) -> list[str]:
    """The ids of a lesson's exercises, in order."""
    return [one.id for one in lesson_exercises(lesson)]


def get(id: str) -> Exercise:
    """The exercise with this id. Raises ValueError with the ids that exist when there is none."""
    number = id[:2] if isinstance(id, str) else ""
    known = exercise_ids(int(number)) if number.isdecimal() else []
    if id in known:
        return _registry[id]
    if known:
        raise ValueError(f"there is no exercise {id!r}; lesson {number} has {', '.join(known)}")
    have = ", ".join(f"{lesson:02d}" for lesson in lessons())
    raise ValueError(
        f"there is no exercise {id!r}: an id is lesson and number, such as '01.3'; lessons with exercises: {have}"
    )
