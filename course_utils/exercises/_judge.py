"""What a learner's answer is worth: run it on every case, find the smallest failure, name the misconception."""

import contextlib
import copy
import inspect
import io
import linecache
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from course_utils.exercises._compare import difference
from course_utils.exercises._define import Exercise, Function
from course_utils.exercises._randomness import seed_all
from course_utils.exercises._sandbox import Tell, TimeLimit
from course_utils.exercises._short import short

OUTPUT_LIMIT = 2_000  # characters of what an answer prints that are kept
FORGOT_RETURN = "Your code returned None. Did you forget `return`?"
ADVICE: dict[type[BaseException], str] = {
    RecursionError: "Your code calls itself without end. Is there a case in which it returns at once, "
    "and does every call come closer to it?",
    MemoryError: "Your code needed more memory than a check may use. Does something grow without end?",
    SystemExit: "Your code called `exit`, which would end the whole kernel. A function ends with `return`.",
    KeyboardInterrupt: "Your code raised KeyboardInterrupt itself.",
}


@dataclass(frozen=True)
class Verdict:
    """What `check` found, all of it text for the card; empty where it does not apply.

    status: "not attempted", "raised", "wrong" or "correct". message: the sentence for the learner, a known mistake's
    own where the answer is one. case: the smallest failing input, written as a call. difference: which element.
    error and line: the exception, and the learner's own line. note: a remark that decides nothing. output: what the
    answer printed.
    """

    id: str
    title: str
    status: str
    message: str
    case: str = ""
    expected: str = ""
    got: str = ""
    difference: str = ""
    error: str = ""
    line: str = ""
    note: str = ""
    output: str = ""

    def _ipython_display_(self) -> None:
        """Nothing: `check` has already shown the card when the verdict is a cell's last expression."""

    def __repr__(self) -> str:
        return f"<{self.id}: {self.status}>"


@dataclass
class Outcome:
    """What an answer did on one case: a value or an exception, and the place of an argument that it changed."""

    value: Any = None
    error: BaseException | None = None
    changed: int | None = None


@dataclass
class Trial:
    """One case, what the reference and the answer did on it, and how they differ."""

    case: tuple[Any, ...]
    want: Outcome
    got: Outcome
    difference: str | None = None


@dataclass
class Printed(io.TextIOBase):
    """A stream that keeps the first characters and counts the rest."""

    report: Tell
    kept: str = ""
    total: int = 0

    def write(self, text: str) -> int:
        room = text[: OUTPUT_LIMIT - len(self.kept)]
        if room:
            self.kept += room
            self.report("output", room)
        self.total += len(text)
        return len(text)

    def __str__(self) -> str:
        dropped = self.total - len(self.kept)
        return f"{self.kept}\n… and {dropped:,} more characters" if dropped else self.kept


def judge(exercise: Exercise, answer: Any, tell: Tell = lambda kind, text: None) -> Verdict:
    """The verdict on an answer, unprotected and in this process; `check` is the safe way.

    `tell` hears of each case before it runs and of what is printed, for a report in case nothing comes back.
    """
    refusal = _wrong_kind(exercise, answer)
    if refusal:
        return Verdict(exercise.id, exercise.title, "wrong", refusal)
    printed = Printed(tell)
    trials = _trials(exercise, answer, printed)
    if not trials:
        return Verdict(exercise.id, exercise.title, "not attempted", _todo(exercise))
    verdict = partial(Verdict, exercise.id, exercise.title, note=_changed_note(exercise, trials), output=str(printed))
    failing = next((trial for trial in trials if trial.difference), None)
    if failing:
        return _failure(verdict, exercise, answer, failing, _misconception(exercise, trials, failing))
    return verdict("correct", "Your value is right." if exercise.is_value else f"All {len(trials)} cases pass.")


def _wrong_kind(exercise: Exercise, answer: Any) -> str:
    """A sentence when the answer is not at all what the exercise takes."""
    if exercise.is_value:
        asks = f"This exercise asks for a value, and you gave the function `{getattr(answer, '__name__', '')}`"
        return f"{asks}: call it, and check what it returns." if inspect.isroutine(answer) else ""
    if callable(answer) or answer is Ellipsis:
        return ""
    kind = "class" if inspect.isclass(exercise.solution) else "function"
    call = f'`check("{exercise.id}", {exercise.name})`'
    if isinstance(answer, str):
        return f"You gave a string. Give the {kind} itself, without quotes: {call}."
    return f"You gave {short(answer, 60)}, which is no {kind}. Give the {kind} itself, without calling it: {call}."


def _todo(exercise: Exercise) -> str:
    place = f"`{exercise.name} = ...`" if exercise.is_value else f"`{exercise.name}`"
    return f"Replace the `...` in {place}, run that cell, then run this one again."


def shown_call(exercise: Exercise, case: tuple[Any, ...]) -> str:
    """A case as the learner would write it; the arguments alone where the exercise defines its own call."""
    if exercise.is_value:
        return ""
    if exercise.call is None:
        return f"{exercise.name}({', '.join(short(arg) for arg in case)})"
    return ", ".join(f"{exercise.argument(i)} = {short(arg)}" for i, arg in enumerate(case))


def _trials(exercise: Exercise, answer: Any, printed: Printed) -> list[Trial]:
    """The answer beside the reference on every case; nothing when the first one shows an untouched stub."""
    use = (lambda: answer) if exercise.is_value else partial(exercise.apply, answer)
    trials: list[Trial] = []
    for case in exercise.fresh_cases():
        printed.report("case", shown_call(exercise, case))
        got = Outcome(value=...) if answer is Ellipsis else _outcome(use, case, printed)
        if got.value is Ellipsis and not trials:
            return []
        trial = Trial(case, _outcome(exercise.expected, case), got)
        trial.difference = _difference(exercise, trial)
        trials.append(trial)
    return trials


def _outcome(use: Function, case: tuple[Any, ...], printed: io.TextIOBase | None = None) -> Outcome:
    """Run one answer on its own copy of a case, with the same random draws as every other answer."""
    args, stream = copy.deepcopy(case), printed or io.StringIO()
    seed_all()
    try:
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            value = use(*args)
    except TimeLimit:
        raise
    except BaseException as error:
        return Outcome(error=error, changed=_changed(case, args))
    return Outcome(_snapshot(value), changed=_changed(case, args))


def _snapshot(value: Any) -> Any:
    """A copy, because an answer may go on to change what it has returned: a default argument, a global list."""
    try:
        return copy.deepcopy(value)
    except Exception:  # a generator, a tensor inside a graph, a module
        return value


def _changed(before: tuple[Any, ...], after: tuple[Any, ...]) -> int | None:
    """The place of the first argument that was changed, among those whose content can be compared."""
    pairs = enumerate(zip(before, after, strict=True))
    return next((i for i, (old, new) in pairs if _is_mutable(old) and difference(old, new, 0, 0)), None)


def _is_mutable(value: Any) -> bool:
    return isinstance(value, list | dict | set | bytearray) or hasattr(value, "shape")


def _difference(exercise: Exercise, trial: Trial) -> str | None:
    want, got = trial.want, trial.got
    if got.error:
        expected = want.error and isinstance(got.error, type(want.error))
        return None if expected else f"It raised {type(got.error).__name__}."
    if want.error:
        return f"The result is {short(got.value, 60)}; {type(want.error).__name__} should have been raised."
    if got.value is None and want.value is not None:
        return f"`{exercise.name}` is None." if exercise.is_value else FORGOT_RETURN
    if exercise.pure and _changes_alone(exercise, trial):
        return f"Your code changed its input `{exercise.argument(got.changed or 0)}`, which must stay as it was."
    return exercise.differs(want.value, got.value)


def _changes_alone(exercise: Exercise, trial: Trial) -> bool:
    """Whether the answer changes its input on a case and the solution does not."""
    if trial.got.changed is None:
        return False
    return _outcome(partial(exercise.apply, exercise.solution), trial.case).changed is None


def _changed_note(exercise: Exercise, trials: list[Trial]) -> str:
    trial = next((trial for trial in trials if _changes_alone(exercise, trial)), None)
    if trial is None or exercise.pure:
        return ""
    name = exercise.argument(trial.got.changed or 0)
    return f"Your code changed its input `{name}`. Whoever calls it may still need it as it was: work on a copy."


def _misconception(exercise: Exercise, trials: list[Trial], failing: Trial) -> str:
    """The sentence of the known mistake that the answer repeats, empty when there is none.

    A mistake counts when its outcome on the smallest failing case is the answer's, and also on at least half of all
    failing cases, so that a constant answer is not taken for a thought. The one that agrees most often wins.
    """
    best, sentence = 0, ""
    for mistake in exercise.mistakes:
        use = partial(exercise.apply, mistake.function)
        if not _alike(exercise, _outcome(use, failing.case), failing.got):
            continue
        alike = [_alike(exercise, _outcome(use, trial.case), trial.got) for trial in trials]
        on_failing = [same for same, trial in zip(alike, trials, strict=True) if trial.difference]
        if sum(alike) > best and 2 * sum(on_failing) >= len(on_failing):
            best, sentence = sum(alike), mistake.sentence
    return sentence


def _alike(exercise: Exercise, one: Outcome, other: Outcome) -> bool:
    if exercise.pure and (one.changed is None) != (other.changed is None):
        return False
    if one.error or other.error:
        return type(one.error) is type(other.error)
    return exercise.differs(one.value, other.value) is None


def _failure(verdict: Callable[..., Verdict], exercise: Exercise, answer: Any, trial: Trial, sentence: str) -> Verdict:
    verdict = partial(verdict, case=shown_call(exercise, trial.case), expected=_shown(trial.want))
    error = trial.got.error
    if error is None:
        reason, got = str(trial.difference), _shown(trial.got)
        plain = f"The result is {got}; {_shown(trial.want)} was expected."
        return verdict("wrong", sentence or reason, got=got, difference="" if reason == plain else reason)
    line = _own_line(error, answer)
    return verdict("raised", sentence or _advice(error, line), error=_one_line(error), line=line)


def _shown(outcome: Outcome) -> str:
    return f"raises {type(outcome.error).__name__}" if outcome.error else short(outcome.value)


def _advice(error: BaseException, line: str) -> str:
    known = next((ADVICE[kind] for kind in type(error).__mro__ if kind in ADVICE), None)
    if isinstance(error, TypeError) and not line:
        return "Your code cannot be called in the way that the check calls it."
    return known or "Your code stopped with an error."


def _one_line(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # a learner's own exception class may be broken, too
        text = ""
    return f"{type(error).__name__}: {text[:300]}".removesuffix(": ")


def _own_line(error: BaseException, answer: Any) -> str:
    """The innermost line of the learner's own code on the way to the error: no frame of a library or of ours."""
    own = {"__main__", getattr(answer, "__module__", None)}
    frames = [step for step in traceback.walk_tb(error.__traceback__) if step[0].f_globals.get("__name__") in own]
    if not frames:
        return ""
    frame, number = frames[-1]
    source = linecache.getline(frame.f_code.co_filename, number, frame.f_globals).strip()
    return f"line {number}: {source}" if source else f"line {number}"
