"""Values as a learner reads them on a card: long ones abbreviated, arrays rounded, nothing that raises."""

import reprlib
from typing import Any

LIMIT = 200  # characters


class _Short(reprlib.Repr):
    """reprlib with room for a sentence's words; arrays and tensors are summarised instead of cut."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = self.maxdeque = 20
        self.maxstring = self.maxother = LIMIT
        self.maxlong = 60

    def repr_instance(self, value: Any, level: int) -> str:
        is_numpy_scalar = type(value).__module__ == "numpy" and hasattr(value, "item")
        return self.repr(value.item()) if is_numpy_scalar else super().repr_instance(value, level)

    def repr_ndarray(self, array: Any, level: int) -> str:
        return _array("array", array, array.dtype)

    def repr_Tensor(self, tensor: Any, level: int) -> str:
        return _array("tensor", as_numpy(tensor), str(tensor.dtype).removeprefix("torch."))


def _array(name: str, array: Any, dtype: Any) -> str:
    import numpy as np

    large = array.size > 30
    prefix = "" if large else f"{name}("
    body = np.array2string(array, precision=4, threshold=30, edgeitems=2, separator=", ", prefix=prefix)
    return f"{name} of shape {array.shape}, {dtype}:\n{body}" if large else f"{name}({body}, dtype={dtype})"


def as_numpy(value: Any) -> Any:
    """A numpy array as it is; a torch tensor as a numpy array, whatever its device, layout or precision."""
    if not is_tensor(value):
        return value
    import torch

    plain = value.detach().cpu().to_dense().resolve_conj().resolve_neg()
    return (plain.float() if plain.dtype == torch.bfloat16 else plain).numpy()


def is_tensor(value: Any) -> bool:
    return any(base.__module__ == "torch" and base.__name__ == "Tensor" for base in type(value).__mro__)


_short = _Short()


def short(value: Any, limit: int = LIMIT) -> str:
    """The value's repr in at most `limit` characters.

    >>> short(list(range(100)), limit=24)
    '[0, 1, 2, 3, 4, 5, 6, 7…'
    """
    try:
        text = _short.repr(value)
    except Exception:  # a learner's own __repr__, or an int with more digits than Python prints
        text = f"<{type(value).__name__} that cannot be printed>"
    return text if len(text) <= limit else text[: limit - 1] + "…"
