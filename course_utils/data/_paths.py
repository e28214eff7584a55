"""Where the course's files live: the data it ships, and the folders it may write."""

import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import platformdirs

APP = "transformer-course"


def data_path(*parts: str) -> Path:
    """The path of a file or folder that the project ships in `data/`.

    In an installed wheel the folder is `course_utils/_data`, in a checkout it is `data/`.
    Raises FileNotFoundError with the names that exist when there is no such file.

    >>> data_path("README.md").name
    'README.md'
    """
    package = Path(__file__).parents[1]
    root = package / "_data"
    if not root.is_dir():
        root = package.parent / "data"
    path = root.joinpath(*parts)
    if not path.exists():
        known = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else []
        raise FileNotFoundError(f"data/{'/'.join(parts)} is not part of this course; there is {known}")
    return path


def cache_dir() -> Path:
    """The folder for downloads and parsed corpora: `$COURSE_CACHE_DIR`, else the user's cache folder.

    The folder may not exist or not be writable; whoever writes there copes with that.
    """
    return Path(os.environ.get("COURSE_CACHE_DIR") or _of_the_user(platformdirs.user_cache_path))


def user_dir() -> Path:
    """The folder for the learner's own progress: `$COURSE_USER_DIR`, else the user's data folder."""
    return Path(os.environ.get("COURSE_USER_DIR") or _of_the_user(platformdirs.user_data_path))


def _of_the_user(place: Callable[[str], Path]) -> Path:
    try:
        return place(APP)
    except RuntimeError:  # no $HOME, and the system knows no home of this user, as in some containers
        return temporary_home() / APP


def temporary_home() -> Path:
    """A folder among the temporary ones that belongs to this user alone, and is the same in every process."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"{APP}-{user}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    ours = stat.S_ISDIR(found.st_mode) and (user == "user" or found.st_uid == user) and not found.st_mode & 0o022
    return folder if ours else Path(tempfile.mkdtemp(prefix=f"{APP}-"))  # somebody else took the name


def obstacle(folder: Path) -> str:
    """What keeps files from being written to a folder, in the system's words, and empty where nothing does.

    A folder that does not exist yet is judged by the nearest one above it that does. A byte is really written:
    permissions alone don't tell of a full disk, or of one that is mounted read-only.
    """
    for place in (folder, *folder.absolute().parents):
        try:
            with tempfile.TemporaryFile(dir=place) as file:
                file.write(b"x")
            return ""
        except FileNotFoundError:
            continue
        except OSError as error:
            return error.strerror or str(error)
    return "there is no such place"


def shortage(folder: Path, needed: int) -> str:
    """What is missing for so many more bytes in a folder, in words; empty where there is room for them."""
    existing = next(place for place in (folder, *folder.absolute().parents) if os.path.isdir(place))
    free = shutil.disk_usage(existing).free
    return "" if free >= needed else f"{needed / 1e6:,.1f} MB are needed in {folder}, and {free / 1e6:,.1f} MB are free"
