"""What of the exercises is solved on this machine, in a notebook and in the terminal."""

from itertools import groupby
from typing import TYPE_CHECKING

from course_utils.show.tables import table

if TYPE_CHECKING:
    from course_utils.exercises._progress import Row


def progress(lesson: int | None = None) -> None:
    """Show how many exercises of each lesson are solved on this machine; with a number, that lesson's one by one.

    Errors: ValueError for a lesson that has no exercises.

    >>> progress()  # doctest: +SKIP
    3 of 166 exercises solved on this machine
    lesson  solved  next
    ------  ------  ------------------------
    00      3 of 8  00.4 An id and its month
    """
    from course_utils.exercises import progress_table

    rows = progress_table()
    solved = sum(bool(row.solved) for row in rows)
    caption = f"{solved} of {len(rows)} exercises solved on this machine"
    by_lesson = {number: list(group) for number, group in groupby(rows, lambda row: int(row.id[:2]))}
    if lesson is None:
        table(
            [_summary(number, group) for number, group in by_lesson.items()],
            ("lesson", "solved", "next"),
            caption=caption,
        )
        return
    if lesson not in by_lesson:
        known = ", ".join(f"{number:02d}" for number in by_lesson)
        raise ValueError(f"lesson {lesson:02d} has no exercises; those that have some are {known}")
    one_by_one = [(row.id, "★" * row.stars, row.title, row.solved or "open") for row in by_lesson[lesson]]
    table(one_by_one, ("exercise", "", "title", "solved"), caption=caption, align={"solved": "left"})


def _summary(number: int, rows: "list[Row]") -> tuple[str, str, str]:
    todo = [row for row in rows if not row.solved]
    following = f"{todo[0].id} {todo[0].title}" if todo else "all done"
    return f"{number:02d}", f"{len(rows) - len(todo)} of {len(rows)}", following
