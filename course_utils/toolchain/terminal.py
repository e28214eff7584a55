"""What every command stands on: a terminal that can show its signs, a home folder, and sentences for common faults."""

import codecs
import errno
import os
import sys
from pathlib import Path

from course_utils.data._paths import obstacle, temporary_home
from course_utils.toolchain.source import CourseError

PLAIN = {"★": "*", "✓": "+", "✗": "x", "→": "->", "←": "<-", "·": "-", "…": "...", "±": "+-", "×": "x", "−": "-"}
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


def prepare() -> None:
    """Make the best of where we run: no sign stops a command, and Jupyter finds a home folder that it can write."""
    codecs.register_error("course", _in_plain_signs)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="course")
    if reason := _homeless():
        home = temporary_home()
        print(f"{reason} Settings of Jupyter go to {home} instead. To keep them, set HOME to a folder of yours.")
        os.environ["HOME"] = str(home)


def _homeless() -> str:
    try:
        home = Path.home()
    except RuntimeError:
        return "This user has no home folder."
    return f"The home folder {home} cannot be written ({reason})." if (reason := obstacle(home)) else ""


def _in_plain_signs(error: UnicodeError) -> tuple[str, int]:
    """What a terminal shows that lacks some signs, such as one in the C locale."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(PLAIN.get(sign, "?") for sign in error.object[error.start : error.end]), error.end


def sentence(error: Exception) -> str:
    """What a person should read instead of the traceback; empty for an error that is ours to mend."""
    if isinstance(error, CourseError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("course_utils"):
        return missing(str(error.name))
    if isinstance(error, OSError):
        return _of_the_system(error)
    return ""


def missing(package: str) -> str:
    """What to do about a package that is not there."""
    return (
        f"The package {package} is missing from {sys.executable}. In a checkout, `python3 course.py install` puts it "
        "there; elsewhere, `pip install 'course-utils[lab]'`. `course doctor` looks for more."
    )


def _of_the_system(error: OSError) -> str:
    place = error.filename or "a file"
    if error.errno == errno.ENOSPC:
        return f"The disk is full: {place} could not be written. Make room, and give the same command again."
    if error.errno in REFUSED:
        return f"{place} cannot be written or read here ({error.strerror}). `course doctor` names the ways out."
    if "temporary directory" in str(error.strerror):
        return f"There is no folder for temporary files: {error.strerror}. Set TMPDIR to a folder of yours."
    return str(error) if isinstance(error, ConnectionError) and error.errno is None else ""
