"""Texts that the interpreter brings with it: Python's documentation of the language, and its standard library."""

import importlib.util
import re
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple


class CodeFile(NamedTuple):
    """A module's dotted name, its path inside the standard library (with `/`), and its source text."""

    module: str
    path: str
    text: str


def python_docs() -> dict[str, str]:
    """The language reference that `help("while")` shows: topic -> text, in the order of the alphabet.

    Size: about 80 topics, 465,000 characters; both depend on the version of Python.
    Licence: PSF License Agreement.
    Source: `pydoc_data.topics` of this interpreter.
    Raises ModuleNotFoundError where the interpreter was packed without its documentation.

    >>> python_docs()["while"].splitlines()[0]
    'The "while" statement'
    """
    try:
        from pydoc_data.topics import topics
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "this Python was installed without pydoc_data, its built-in documentation; "
            "use the installer of python.org, conda or uv, or your system's full python3 package"
        ) from error
    return dict(sorted(topics.items()))


def stdlib_code() -> Iterator[CodeFile]:
    """The standard library's Python source, one file after the other in the order of their paths.

    What: all modules written in Python except tests, installed packages, and `pydoc_data` (see `python_docs`).
    Where the library is zipped or some of it is missing, what there is; a file that can't be read is passed over.
    Size: 730 files, 11.3 million characters in Python 3.11; 626 files, 10.6 million in 3.13.
    Licence: PSF License Agreement.

    >>> next(file.path for file in stdlib_code() if file.module == "json.decoder")
    'json/decoder.py'
    """
    zips = [Path(entry) for entry in sys.path if re.fullmatch(r"python\d+\.zip", Path(entry).name)]
    yield from _code_files(Path(sysconfig.get_path("stdlib")))
    for archive in filter(zipfile.is_zipfile, zips):
        yield from _code_files(zipfile.Path(archive))


_NOT_LIBRARY = {"test", "tests", "idle_test", "pydoc_data", "__pycache__"}


def _code_files(folder: Traversable, above: str = "") -> Iterator[CodeFile]:
    """The modules of a folder and of those below; names that can't be imported (`site-packages`) are left out."""
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        name, path = entry.name.removesuffix(".py"), above + entry.name
        if not name.isidentifier() or name in _NOT_LIBRARY:
            continue
        if entry.is_dir():
            yield from _code_files(entry, f"{path}/")
        elif path.endswith(".py"):
            try:
                text = importlib.util.decode_source(entry.read_bytes())
            except (OSError, SyntaxError, UnicodeDecodeError):
                continue
            module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            yield CodeFile(module, path, text)
