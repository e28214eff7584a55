"""Random draws during a check: the same at every call, and none of them felt outside."""

import contextlib
import random
import sys
from collections.abc import Iterator

SEED = 20170612  # any number would do; this is the day of "Attention Is All You Need"


def seed_all() -> None:
    """Seed `random`, and numpy and torch when they are loaded."""
    random.seed(SEED)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(SEED)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(SEED)


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Leave the global random states as they were found."""
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    python_state = random.getstate()
    numpy_state = numpy and numpy.random.get_state()
    torch_state = torch and torch.get_rng_state()
    cuda_states = torch.cuda.get_rng_state_all() if torch and torch.cuda.is_initialized() else []
    try:
        yield
    finally:
        random.setstate(python_state)
        if numpy:
            numpy.random.set_state(numpy_state)
        if torch:
            torch.set_rng_state(torch_state)
        if cuda_states and torch:
            torch.cuda.set_rng_state_all(cuda_states)
