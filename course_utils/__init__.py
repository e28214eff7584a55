"""The companion package of the Transformer course: the well-made library behind the lessons.

`import course_utils` is cheap on purpose: each part is imported where it is used.
"""

import importlib.util
import os
import random
import sys

__version__ = "0.1.0"
__all__ = ["__version__", "setup"]


def setup(seed: int = 0) -> None:
    """Make a lesson reproducible: one compute thread per process, and seeded random numbers.

    Every lesson calls it in its first cell, before numpy and torch are imported: the thread count of their
    libraries is read when they load. `$OMP_NUM_THREADS` wins where it is set. Torch starts from a fixed seed of
    its own; where it is loaded already it is seeded too. Raises ModuleNotFoundError, which says what to do, where it
    is missing.
    """
    if importlib.util.find_spec("torch") is None:
        import course_utils._torch  # noqa: F401 - has the message
    for library in ("OMP", "MKL", "OPENBLAS", "VECLIB_MAXIMUM"):
        os.environ.setdefault(f"{library}_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
