"""The exercises: their definitions, and `check`, `hint` and `progress` for learners.

A lesson's exercises are defined in `by_lesson/lesson_NN.py`, one decorated function each; see `Exercise`
for what a definition holds. Adding an exercise there adds its proofs to the test run.
"""

from course_utils.exercises._check import check, hint
from course_utils.exercises._define import (
    Exercise,
    exercise,
    exercise_ids,
    get,
    lesson_exercises,
    lessons,
)
from course_utils.exercises._judge import Verdict, judge
from course_utils.exercises._progress import progress, progress_table

__all__ = [
    "Exercise",
    "Verdict",
    "check",
    "exercise",
    "exercise_ids",
    "get",
    "hint",
    "judge",
    "lesson_exercises",
    "lessons",
    "progress",
    "progress_table",
]
