"""Where the course's files live: the data it ships, and the cache it may write."""

import os
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
    return Path(os.environ.get("COURSE_CACHE_DIR") or platformdirs.user_cache_path(APP))


def user_dir() -> Path:
    """The folder for the learner's own progress: `$COURSE_USER_DIR`, else the user's data folder."""
    return Path(os.environ.get("COURSE_USER_DIR") or platformdirs.user_data_path(APP))
