"""`course doctor`: what is missing on this machine, in plain words, and how to mend it."""

import importlib.util
import locale
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING

from course_utils.data import cache_dir
from course_utils.data._paths import user_dir

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

REINSTALL = "run `python3 course.py run` in the checkout, or `pip install --force-reinstall {}`"


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
        yield Finding("course-utils is not installed", "run `python3 course.py run` in the checkout")
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
    for what, folder in (("cache", cache_dir()), ("progress", user_dir()), ("working", Path.cwd())):
        if _writable(folder):
            yield Finding(f"the {what} folder can be written")
        else:
            variable = {"cache": "COURSE_CACHE_DIR", "progress": "COURSE_USER_DIR"}.get(what)
            mend = f"set {variable} to a folder of yours" if variable else "use `--build-dir FOLDER` with course run"
            yield Finding(
                f"the {what} folder {folder} cannot be written; the lessons run without it",
                mend,
                serious=False,
            )


def _writable(folder: Path) -> bool:
    for place in (folder, *folder.parents):
        if place.exists():
            return os.access(place, os.W_OK)
    return False


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
    torch,
    corpora,
    folders,
    disk,
    text_encoding,
    loopback,
)
