"""One line that says what a lesson runs on, and what the course was tested with.

Everything is read from the packages' metadata: nothing heavy is imported.
"""

import re
import sys
from collections.abc import Iterable
from html import escape
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from course_utils.show.display import publish

NAMED = ("torch", "numpy", "transformers")


def runtime() -> None:
    """Show the versions of Python and of the main libraries here, and those that the course was tested with.

    Where a package is missing, older than the course's lower bound, or was updated while an older one was already
    loaded, a sentence says what to do.

    >>> runtime()  # doctest: +SKIP
    Your runtime: Python 3.13, torch 2.11, numpy 2.1, transformers 5.15 · tested with Python 3.11 to 3.13, ...
    """
    line = f"Your runtime: {here()} · tested with {tested()}"
    advice = [sentence for sentence in (to_install(requirements()), to_restart()) if sentence]
    publish("\n".join([line, *advice]), _html(line, advice))


def here() -> str:
    """Python and the main libraries as they are installed."""
    found = [f"{name} {_short(at) if (at := _installed(name)) else 'missing'}" for name in NAMED]
    return ", ".join([f"Python {sys.version_info.major}.{sys.version_info.minor}", *found])


def tested() -> str:
    """Python and the main libraries as constraints.txt pins them; a range where it depends on the platform."""
    text = constraints().read_text(encoding="utf-8")
    pins = [Requirement(line) for line in text.splitlines() if line and not line.startswith("#")]
    named = [f"{name} {_span(_pinned(pin) for pin in pins if canonicalize_name(pin.name) == name)}" for name in NAMED]
    (pythons,) = re.findall(r"Python (\d\.\d+ to \d\.\d+)", text.partition("\n")[0])
    return ", ".join([f"Python {pythons}", *named])


def constraints() -> Path:
    """The file with the tested versions: inside an installed package, or at the root of a checkout."""
    package = Path(__file__).parents[1]
    shipped = package / "_data" / "constraints.txt"
    return shipped if shipped.is_file() else package.parent / "constraints.txt"


def requirements() -> list[Requirement]:
    """What the lessons need, with lower bounds; nothing where the course was not installed but put on the path."""
    try:
        lines = metadata("course-utils").get_all("Requires-Dist") or []
    except PackageNotFoundError:
        return []
    needs = [Requirement(line) for line in lines]
    return [need for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]


def to_install(needs: Iterable[Requirement]) -> str:
    """What to do about packages that are missing or too old; empty if there are none."""
    found = {need: _installed(need.name) for need in needs}
    faults = {need: at for need, at in found.items() if at is None or not _fits(at, need.specifier)}
    if not faults:
        return ""
    named = ", ".join(f"{need.name} {f'{at} is too old' if at else 'is missing'}" for need, at in faults.items())
    wanted = " ".join(f'"{need.name}{need.specifier}"' for need in faults)
    return f"{named}. Run %pip install {wanted} in a new cell, restart the kernel, and start this lesson again."


def to_restart() -> str:
    """What to do about libraries that were updated after this kernel had loaded them; empty if there are none."""
    stale = []
    for name in NAMED:
        loaded, installed = getattr(sys.modules.get(name), "__version__", None), _installed(name)
        if loaded and installed and Version(loaded).base_version != Version(installed).base_version:
            stale.append(f"{name} {_short(loaded)} is loaded, {_short(installed)} installed")
    return f"{', '.join(stale)}. Restart the kernel and start this lesson again." if stale else ""


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _fits(installed: str, bound: SpecifierSet) -> bool:
    return bound.contains(installed, prereleases=True)


def _pinned(pin: Requirement) -> str:
    return str(pin.specifier).removeprefix("==")


def _span(versions: Iterable[str]) -> str:
    ordered = [_short(each) for each in sorted(versions, key=Version)]
    return ordered[0] if ordered[0] == ordered[-1] else f"{ordered[0]} to {ordered[-1]}"


def _short(full: str) -> str:
    """The first two parts of a version: "2.11.0+cu128" is 2.11."""
    return ".".join(map(str, Version(full).release[:2]))


def _html(line: str, advice: list[str]) -> str:
    sentences = "".join(f"<div><strong>{escape(sentence)}</strong></div>" for sentence in advice)
    return f'<div style="font-size:90%">{escape(line)}{sentences}</div>'
