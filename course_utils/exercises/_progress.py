"""Which exercises were solved on this machine, and when first: nothing else is kept, and nobody else sees it."""

import contextlib
import datetime
import json
import os
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

from course_utils.data._paths import user_dir
from course_utils.exercises._define import lesson_exercises, lessons

_solved_here: dict[str, str] = {}  # by this kernel: kept even where the folder cannot be written
_remarks: set[str] = set()  # that were made already


class Row(NamedTuple):
    """One exercise and the date on which it was first solved, empty when it was not."""

    id: str
    title: str
    stars: int
    solved: str


def progress() -> dict[str, str]:
    """Exercise id to the date of its first solution, on this machine. Never fails: no file reads as no progress."""
    stored = None
    with contextlib.suppress(OSError):
        stored = _read(_file())
    return _merged(_solved_here, stored or {})


def progress_table() -> list[Row]:
    """All exercises of all lessons in order, with the dates of those that are solved."""
    solved = progress()
    every = [one for lesson in lessons() for one in lesson_exercises(lesson)]
    return [Row(one.id, one.title, one.stars, solved.get(one.id, "")) for one in every]


def record(id: str) -> str:
    """Note that an exercise is solved. Returns what the learner should know of it, empty where all is well.

    A folder that cannot be written costs nothing but the note; this kernel writes it later if it can. Each remark
    is made once.
    """
    _solved_here.setdefault(id, datetime.date.today().isoformat())
    remark = ""
    try:
        file = _file()
        file.parent.mkdir(parents=True, exist_ok=True)
        with _locked(file.with_suffix(".lock")):
            kept, aside = _kept(file)
            _write(file, _merged(_solved_here, kept))
        if aside:
            remark = f"The record of solved exercises could not be read. It is kept as {aside}, and a new one begins."
    except OSError as error:
        remark = (
            f"Noted in this notebook only: {user_dir()} cannot be written ({error.strerror}). The environment "
            "variable COURSE_USER_DIR names another folder."
        )
    new = remark not in _remarks
    _remarks.add(remark)
    return remark if new else ""


def _file() -> Path:
    return user_dir() / "progress.json"


def _merged(*records: dict[str, str]) -> dict[str, str]:
    """All ids, each with its earliest date."""
    pairs = sorted((pair for one in records for pair in one.items()), reverse=True)
    return dict(sorted(dict(pairs).items()))


def _read(file: Path) -> dict[str, str] | None:
    """The file's record, none when there is no file; None when it is damaged or not one of ours."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError):
        return None
    ours = isinstance(found, dict) and all(isinstance(date, str) for date in found.values())
    return found if ours else None


def _kept(file: Path) -> tuple[dict[str, str], Path | None]:
    """The file's record; a damaged file is moved aside, not overwritten, and its new name returned."""
    found, aside = _read(file), None
    if found is None:
        names = (file.with_suffix(f".json.bak{n or ''}") for n in count())
        aside = file.replace(next(name for name in names if not name.exists()))
    return found or {}, aside


def _write(file: Path, solved: dict[str, str]) -> None:
    """Replace the file as a whole, so that nobody ever reads half of it."""
    part = file.with_suffix(f".{os.getpid()}.part")
    try:
        part.write_text(json.dumps(solved, indent=1) + "\n", encoding="utf-8")
        part.replace(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _locked(lock: Path) -> Iterator[None]:
    """Hold a lock file; one older than two seconds was left behind by a kernel that died, and is ignored."""
    for _ in range(100):
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
            break
        except FileExistsError:
            pass
        except PermissionError:  # Windows says so while another kernel's lock is being removed
            if os.name != "nt":
                raise
        time.sleep(0.02)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
