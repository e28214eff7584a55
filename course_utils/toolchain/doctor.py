"""`course doctor`: what is missing on this machine, in plain words, and how to mend it."""

import importlib.util
import locale
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING

from course_utils.data import cache_dir, downloadable
from course_utils.data._cache import is_whole
from course_utils.data._paths import obstacle, user_dir
from course_utils.data.downloads import difference

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

REINSTALL = "run `python3 course.py install` in the checkout, or `pip install --force-reinstall {}`"


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `mend` says what to do; it is empty where all is well."""

    what: str
    mend: str = ""
    serious: bool = True

    @property
    def ok(self) -> bool:
        return not self.mend


def examine() -> list[Finding]:
    """All findings; a check that itself fails is a finding too."""
    found: list[Finding] = []
    for check in CHECKS:
        try:
            found += check()
        except ModuleNotFoundError as error:
            found.append(Finding(f"{error.name} is missing", REINSTALL.format(error.name)))
        except Exception as error:
            found.append(Finding(f"{check.__name__}: {error!r}", "please report this as a bug of `course doctor`"))
    return found


def python() -> Iterator[Finding]:
    """The version of Python."""
    here = f"Python {sys.version.split()[0]}"
    if not (3, 11) <= sys.version_info[:2] < (3, 14):
        yield Finding(here, "the course needs Python 3.11, 3.12 or 3.13: install one and run course.py with it")
    else:
        yield Finding(here)


def packages() -> Iterator[Finding]:
    """Every package the lessons need, against the lower bounds of this package."""
    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(line) for line in requires("course-utils") or []]
    except PackageNotFoundError:
        yield Finding("course-utils is not installed", "run `python3 course.py install` in the checkout")
        return
    needed = [need for need in wanted if not need.marker or need.marker.evaluate({"extra": "lab"})]
    faults = [(need.name, _fault(need.name, need.specifier)) for need in needed]
    if not any(fault for _, fault in faults):
        yield Finding(f"all {len(needed)} packages are there and new enough")
    for name, fault in faults:
        if fault:
            yield Finding(fault, REINSTALL.format(name))


def _fault(name: str, bounds: "SpecifierSet") -> str:
    try:
        found = version(name)
    except PackageNotFoundError:
        return f"{name} is missing"
    return "" if bounds.contains(found, prereleases=True) else f"{name} {found} is too old, {bounds} is needed"


def torch() -> Iterator[Finding]:
    """Whether torch loads, and on what it computes."""
    try:
        module = importlib.import_module("torch")
    except FileNotFoundError:
        yield Finding("torch cannot be loaded without a folder for temporary files", "see above")
        return
    except (ImportError, OSError) as error:
        yield Finding(f"torch cannot be loaded: {error}", REINSTALL.format("torch"))
        return
    device = "with a GPU" if module.cuda.is_available() else "on the CPU, which is all the course needs"
    yield Finding(f"torch {module.__version__} works {device}")


def corpora() -> Iterator[Finding]:
    """The texts that the lessons read out of installed packages."""
    for package, file in (
        ("gensim", "test/test_data/lee_background.cor"),
        ("sklearn", "datasets/data/digits.csv.gz"),
        ("jupyterlab_language_pack_zh_CN", "locale/zh_CN/LC_MESSAGES/jupyterlab.json"),
    ):
        spec = importlib.util.find_spec(package)
        root = Path(spec.origin).parent if spec and spec.origin else None
        if root and (root / file).is_file():
            yield Finding(f"the data inside {package} are there")
        else:
            yield Finding(f"{package} has no {file}", REINSTALL.format(package))


def folders() -> Iterator[Finding]:
    """Where the course writes, if it may."""
    for what, folder, mend in (
        ("cache", cache_dir(), "set COURSE_CACHE_DIR to a folder of yours"),
        ("progress", user_dir(), "set COURSE_USER_DIR to a folder of yours"),
        ("working", Path.cwd(), "use `--build-dir FOLDER` with course run"),
    ):
        if reason := obstacle(folder):
            sentence = f"the {what} folder {folder} cannot be written ({reason}); the lessons run without it"
            yield Finding(sentence, mend, serious=False)
        else:
            yield Finding(f"the {what} folder can be written")


def temporary() -> Iterator[Finding]:
    """Jupyter and torch keep files for the time of a run."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        yield Finding(f"there is no folder for temporary files: {error.strerror}", "set TMPDIR to a folder of yours")
    else:
        yield Finding("there is a folder for temporary files")


def cache() -> Iterator[Finding]:
    """What lies in the cache folder: files of this and other versions, and what a killed process left there."""
    files = [path for path in _files(cache_dir()) if not path.name.endswith(".lock")]
    if not files:
        return
    size = f"{sum(path.stat().st_size for path in files) / 1e6:,.0f} MB"
    yield Finding(f"the cache holds {len(files)} files, {size}; it may be deleted at any time")
    for path in files:
        if fault := _fault_of(path):
            yield Finding(f"{path} {fault} and is never used", "delete it, or leave it: it does no harm", serious=False)


def _files(folder: Path) -> list[Path]:
    """All files below a folder, and none where it can't be read."""
    return [Path(root) / name for root, _, names in os.walk(folder) for name in names]


def _fault_of(path: Path) -> str:
    """What is wrong with a file in the cache; empty where nothing is, or nothing is known of it."""
    if path.parent == cache_dir():
        if path.suffix != ".json":
            return "was left half-written"
        return "" if is_whole(path) else "is damaged"
    published = {data_set.file: data_set for data_set in downloadable().values()}
    if path.parent == cache_dir() / "downloads" and path.name in published:
        fault = difference(path, published[path.name])
        return f"is not the published file ({fault})" if fault else ""
    return ""


def disk() -> Iterator[Finding]:
    """Room for downloads and results."""
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    if free < 1:
        yield Finding(f"{free:.1f} GB of disk are free", "free at least 1 GB", serious=False)
    else:
        yield Finding(f"{free:.0f} GB of disk are free")


def text_encoding() -> Iterator[Finding]:
    """Whether the terminal shows all signs."""
    name = locale.getpreferredencoding(False)
    if name.lower().replace("-", "") == "utf8":
        yield Finding("text is UTF-8")
    else:
        yield Finding(f"this terminal writes {name}, not UTF-8", "set PYTHONUTF8=1", serious=False)


def loopback() -> Iterator[Finding]:
    """Jupyter talks to its kernels over 127.0.0.1."""
    try:
        with socket.create_server(("127.0.0.1", 0)):
            yield Finding("programs here can talk over 127.0.0.1, as Jupyter does")
    except OSError as error:
        yield Finding(f"nothing can listen on 127.0.0.1 ({error})", "allow local connections in the firewall")


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    python,
    packages,
    temporary,
    torch,
    corpora,
    folders,
    cache,
    disk,
    text_encoding,
    loopback,
)
