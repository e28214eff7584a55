"""`check` and `hint`: what a learner calls in a lesson."""

from functools import partial
from typing import Any

from course_utils.exercises import _cards, _progress, _sandbox
from course_utils.exercises._define import Exercise, get
from course_utils.exercises._judge import Verdict, judge

NO_MORE = ("No more hints", "That was the last one. The solution is folded away below the check.")

_hints_given: dict[str, int] = {}


def check(id: str, mine: Any, record: bool = True) -> Verdict:
    """Try an answer on the exercise's cases and show a card that says what came of it.

    mine: your function, class or value. The verdict's status is "not attempted", "raised", "wrong" or "correct";
    nothing that the answer does is an error here. It runs within a time limit, on copies of its input, with fixed
    random draws, and on Linux in a process of its own (so it changes no variable of yours); `_sandbox` says what it
    cannot be protected from elsewhere. record: whether a solution is noted in your own progress.
    Raises ValueError when there is no such exercise.
    """
    exercise = get(id)
    found = _sandbox.run(partial(judge, exercise, mine), exercise.seconds)
    verdict = found if isinstance(found, Verdict) else _stopped(exercise, found)
    remark = _progress.record(id) if record and verdict.status == "correct" else ""
    _cards.show(_card(verdict, remark))
    return verdict


def _stopped(exercise: Exercise, found: _sandbox.Stopped) -> Verdict:
    heard = found.heard
    return Verdict(exercise.id, exercise.title, "raised", found.reason, case=heard["case"], output=heard["output"])


def _card(verdict: Verdict, remark: str = "") -> _cards.Card:
    rows = {
        "input": verdict.case,
        "expected": verdict.expected,
        "got": verdict.got,
        "error": verdict.error,
        "your code": verdict.line,
    }
    head = verdict.status.capitalize()
    if verdict.status == "raised":
        head = "Raised an error" if verdict.error else "Stopped"
    more = verdict.difference if verdict.difference != verdict.message else ""
    stuck = f'`hint("{verdict.id}")` gives you a hint.' if verdict.status in ("wrong", "raised") else ""
    return _cards.Card(
        look=verdict.status,
        head=f"{head} · Exercise {verdict.id} {verdict.title}",
        message=verdict.message,
        rows=[(label, text) for label, text in rows.items() if text],
        notes=[note for note in (more, verdict.note, stuck, remark) if note],
        output=verdict.output,
    )


def hint(id: str, number: int | None = None) -> None:
    """Show the exercise's next hint, or the one with this number (from 1).

    Raises ValueError when there is no such exercise or no such hint.
    """
    exercise = get(id)
    last = len(exercise.hints)
    if number is not None and (not isinstance(number, int) or not 1 <= number <= last):
        raise ValueError(f"exercise {id} has hints 1 to {last}, not {number!r}")
    if number is None:
        number = _hints_given[id] = min(_hints_given.get(id, 0), last) + 1
    head, text = (f"Hint {number} of {last}", exercise.hints[number - 1]) if number <= last else NO_MORE
    _cards.show(_cards.Card("hint", f"{head} · Exercise {id} {exercise.title}", text))
