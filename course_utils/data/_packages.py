"""Files inside installed packages, found without importing the packages."""

import importlib.util
from pathlib import Path

GENSIM_DATA = "test/test_data"


def folder_of(package: str) -> Path:
    """The folder of an installed top-level package.

    Raises ModuleNotFoundError, which says how to install it, when it isn't there.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        name = package.replace("_", "-")
        raise ModuleNotFoundError(f"{name} is not installed; install it with: python -m pip install {name}")
    return Path(spec.submodule_search_locations[0])


def file_of(package: str, *parts: str) -> Path:
    """A file that an installed package carries.

    Raises FileNotFoundError, which says what to reinstall, when this copy of the package comes without it.

    >>> file_of("gensim", GENSIM_DATA, "lee.cor").name
    'lee.cor'
    """
    path = folder_of(package).joinpath(*parts)
    if not path.is_file():
        name = package.replace("_", "-")
        raise FileNotFoundError(
            f"the installed {name} lacks {'/'.join(parts)}, which the course reads its data from (some distributions "
            f"leave it out). Put the full package in its place: "
            f"python -m pip install --force-reinstall --no-deps {name}"
        )
    return path
