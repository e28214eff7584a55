"""What takes long to compute, kept in a file."""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from course_utils.data._paths import cache_dir


def kept_on_disk(name: str, key: str, make: Callable[[], Any]) -> Any:
    """`make()`, a value that JSON can hold, read from the cache folder if it is there under this key.

    The file's first line is the checksum of the rest. A file that is missing, damaged or from another key, and a
    folder that can't be written, only cost the time of `make()`.
    """
    path = cache_dir() / f"{name}-{key}.json"
    with contextlib.suppress(OSError, ValueError):
        return json.loads(_body(path))
    body = json.dumps(make(), ensure_ascii=False)
    with contextlib.suppress(OSError):
        _write_whole(path, f"{_checksum(body)}\n{body}")
    return json.loads(body)


def is_whole(path: Path) -> bool:
    """Whether a file is one that `kept_on_disk` wrote, unchanged."""
    try:
        return bool(_body(path))
    except (OSError, ValueError):
        return False


def _body(path: Path) -> str:
    """What a file holds below its checksum. Raises ValueError where they don't agree."""
    checksum, _, body = path.read_text(encoding="utf-8").partition("\n")
    if checksum != _checksum(body):
        raise ValueError(f"{path} is damaged")
    return body


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _write_whole(path: Path, text: str) -> None:
    """Writes beside the file and moves into place, so that no reader ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
