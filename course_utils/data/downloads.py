"""Optional public data sets: downloaded when asked for, kept, and never used unless they are the published file."""

import difflib
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from course_utils.data._paths import cache_dir, data_path, obstacle, shortage

TIMEOUT = 30  # seconds without an answer


class DataSet(NamedTuple):
    """An entry of `data/downloads.yaml`: where a file is published, and how to know that it is that file."""

    name: str
    what: str
    url: str
    file: str
    bytes: int
    sha256: str
    checked: str  # against what the checksum was checked when the entry was written
    licence: str
    offline: str  # what to use where there is no network


def downloadable() -> dict[str, DataSet]:
    """The data sets that `download` knows, by name.

    >>> downloadable()["tinyshakespeare"].bytes
    1115394
    """
    import yaml

    entries = yaml.safe_load(data_path("downloads.yaml").read_text(encoding="utf-8"))
    return {name: DataSet(name=name, **entry) for name, entry in entries.items()}


def download(name: str) -> Path:
    """The path of a public data set's file, fetched over the network only the first time, with a progress bar.

    The file lies in `cache_dir()/downloads` (set the folder with the environment variable COURSE_CACHE_DIR). Every
    call compares its size and SHA-256 with `data/downloads.yaml`: a file that was cut off or altered is fetched
    anew. A download arrives under another name and is moved into place only when it is the published file. Where
    another process fetches the same file, this one waits and then uses it.

    Raises ValueError for an unknown name (it names near ones) and for a file that is not what was published,
    ConnectionError without a network (it names what to use instead), and OSError for a folder that can't be written
    or a disk without the room.
    """
    known = downloadable()
    if name not in known:
        near = difflib.get_close_matches(str(name), known, n=2, cutoff=0.4)
        hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
        raise ValueError(f"no data set is called {name!r}; {hint}There are: {', '.join(sorted(known))}")
    data_set = known[name]
    path = cache_dir() / "downloads" / data_set.file
    if difference(path, data_set) is not None:
        _check_writable(path.parent, data_set)
        with _alone(path, data_set):
            if difference(path, data_set) is not None:  # nobody has fetched it while we waited
                _fetch(data_set, path)
    return path


def difference(path: Path, data_set: DataSet) -> str | None:
    """What makes a file differ from the published one, in words; None when it is the same."""
    try:
        if not path.is_file():
            return "it is not there"
        size = path.stat().st_size
        if size != data_set.bytes:
            return f"it has {size:,} bytes, the published file has {data_set.bytes:,}"
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:  # somebody else's folder, a disk that fails
        return f"it can't be read ({error.strerror})"
    return None if found == data_set.sha256 else f"its SHA-256 is {found}, published is {data_set.sha256}"


def _check_writable(folder: Path, data_set: DataSet) -> None:
    reason = obstacle(folder) or shortage(folder, data_set.bytes)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = reason or str(error.strerror)
    if reason:
        raise OSError(f"can't write into {folder} ({reason}), where {data_set.name} belongs; {_ways_out(data_set)}")


def _ways_out(data_set: DataSet) -> str:
    return (
        "make room there, set the environment variable COURSE_CACHE_DIR to a folder that you may write, or use "
        f"{data_set.offline}"
    )


@contextmanager
def _alone(path: Path, data_set: DataSet) -> Iterator[None]:
    """Only one process at a time fetches a file; the system lets go of the lock when the process ends, however."""
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"Another process is fetching {data_set.name}; waiting for it.", flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _fetch(data_set: DataSet, path: Path) -> None:
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")  # its messages name folders of this machine
    damaged = f" (the copy in {path} is no use: {difference(path, data_set)})" if path.exists() else ""
    try:
        with _ProgressBar(data_set) as bar:
            fetch = pooch.HTTPDownloader(progressbar=bar, timeout=TIMEOUT, chunk_size=2**16)
            pooch.retrieve(data_set.url, f"sha256:{data_set.sha256}", path.name, path.parent, downloader=fetch)
    except requests.RequestException as error:
        raise ConnectionError(
            f"{data_set.name} didn't arrive from {data_set.url}: {_reason(error)}{damaged}. Try again with a network, "
            f"or fetch it by other means and put it at {path}, or use instead: {data_set.offline}"
        ) from error
    except OSError as error:
        raise OSError(
            f"{data_set.name} from {data_set.url} could not be written to {path} ({error.strerror}); it needs "
            f"{data_set.bytes / 1e6:,.1f} MB. To mend: {_ways_out(data_set)}"
        ) from error
    except ValueError as error:  # the checksum differs; pooch has deleted what arrived
        raise ValueError(
            f"what {data_set.url} sent is not the published {data_set.name}, and was thrown away. Try again; if that "
            "doesn't help, a proxy or a sign-in page stands in between, or the publisher changed the file (then "
            f"data/downloads.yaml needs its new checksum). Use instead: {data_set.offline}"
        ) from error


def _reason(error: Exception) -> str:
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return f"no answer within {TIMEOUT} seconds"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return "the transfer was cut off"


class _ProgressBar:
    """What pooch asks of a progress bar, done by rich's."""

    def __init__(self, data_set: DataSet) -> None:
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
        self.total = data_set.bytes
        self._bar = Progress(*columns, transient=True)
        self._task = self._bar.add_task(f"downloading {data_set.name}", total=self.total)

    def update(self, size: int) -> None:
        self._bar.update(self._task, advance=size)

    def reset(self) -> None:
        self._bar.reset(self._task)

    def close(self) -> None:
        self._bar.stop()

    def __enter__(self) -> "_ProgressBar":
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
