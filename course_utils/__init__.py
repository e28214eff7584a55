"""The companion package of the Transformer course: the well-made library behind the lessons.

`import course_utils` is cheap on purpose: each part is imported where it is used.
"""

import os
import random
import sys
from importlib.metadata import PackageNotFoundError, version

__version__ = "0.1.0"
__all__ = ["__version__", "setup"]


def setup(seed: int = 0) -> None:
    """Make a lesson reproducible: one compute thread per process, and seeded random numbers.

    Every lesson calls it in its first cell, before numpy and torch are imported: the thread count of their
    libraries is read when they load. `$OMP_NUM_THREADS` wins where it is set. Torch starts from a fixed seed of
    its own; where it is loaded already it is seeded too. On Colab the versions found are printed.
    """
    for library in ("OMP", "MKL", "OPENBLAS", "VECLIB_MAXIMUM"):
        os.environ.setdefault(f"{library}_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    if "google.colab" in sys.modules:
        print(versions())


def versions() -> str:
    """One line that names the versions of this package, of Python and of the libraries the lessons lean on.

    >>> versions().startswith("course-utils ")
    True
    """
    found = [f"course-utils {__version__}", f"Python {sys.version.split()[0]}"]
    for package in ("torch", "numpy", "transformers", "gensim", "nltk", "matplotlib"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} missing")
    return " · ".join(found)
