"""Does a result equal the expected one, and if not: where, in words?"""

import cmath
import dataclasses
import math
import numbers
from collections.abc import Callable, Iterable
from itertools import zip_longest
from typing import Any

from course_utils.exercises._short import as_numpy, is_tensor, short

# Two right ways to compute a thing in low precision differ by this much: (relative, absolute).
PRECISION = {
    "float32": (1e-4, 1e-6),
    "complex64": (1e-4, 1e-6),
    "float16": (1e-2, 1e-3),
    "bfloat16": (1e-2, 1e-3),
}
Rule = Callable[["_Comparison", Any, Any, str], str | None]


def difference(want: Any, got: Any, rtol: float = 1e-6, atol: float = 1e-12) -> str | None:
    """A sentence that says where `got` differs from `want`; None when they are equal.

    Containers are compared element by element. A list is not a tuple and True is not 1, but 2 equals 2.0. When
    `want` is an int it must be met exactly, when it is a float |got - want| <= max(rtol * max(|want|, |got|), atol).
    Arrays and tensors agree in shape and in kind (bools, whole, float, complex numbers) as well; float32 and less is
    compared with at least the tolerances in PRECISION. NaN equals NaN. Objects without an == of their own, and
    dataclasses, are compared by their attributes.

    >>> difference([1, {"a": 2.0}], [1, {"a": 2.5}])
    "Element `[1]['a']` is 2.5; 2.0 was expected."
    """
    try:
        return _Comparison(rtol, atol).difference(want, got, "")
    except Exception as error:  # a learner's object may do anything when it is looked at
        return f"The result cannot be compared with what was expected ({type(error).__name__})."


@dataclasses.dataclass(frozen=True)
class _Comparison:
    rtol: float
    atol: float

    def difference(self, want: Any, got: Any, path: str) -> str | None:
        if want is got:
            return None
        kind = _kind(want)
        if _kind(got) != kind:
            return _wrong_type(want, got, path)
        return _RULES.get(kind, _objects)(self, want, got, path)

    def first(self, steps: Iterable[tuple[Any, Any, str]]) -> str | None:
        """The first difference among pairs of elements."""
        found = (self.difference(want, got, path) for want, got, path in steps)
        return next((sentence for sentence in found if sentence), None)

    def tolerances(self, *dtypes: str) -> tuple[float, float]:
        """rtol and atol for values of these types."""
        least = [PRECISION[name] for name in dtypes if name in PRECISION]
        return max([self.rtol, *(r for r, _ in least)]), max([self.atol, *(a for _, a in least)])


_BASES: dict[str, Any] = {
    "bool": bool,
    "number": numbers.Number,
    "str": str,
    "bytes": bytes,
    "list": list,
    "tuple": tuple,
    "dict": dict,
    "set": (set, frozenset),
}


def _kind(value: Any) -> str:
    """The type as far as comparison goes: subclasses count as their base, all numbers as one kind."""
    if is_tensor(value):
        return "tensor"
    return next((name for name, base in _BASES.items() if isinstance(value, base)), type(value).__name__)


def _subject(path: str) -> str:
    return f"Element `{path}`" if path else "The result"


def _described(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, str | bytes | numbers.Number):
        return f"{short(value, 60)} ({_with_article(type(value).__name__)})"
    nouns = {"ndarray": "numpy array", "tensor": "torch tensor"}
    kind = _kind(value)
    return _with_article(nouns.get(kind, kind))


def _with_article(noun: str) -> str:
    return f"an {noun}" if noun[0].lower() in "aeiou" else f"a {noun}"


def _wrong_type(want: Any, got: Any, path: str) -> str:
    expected, actual = _kind(want), _kind(got)
    sentence = f"{_subject(path)} is {_described(got)}; {_described(want)} was expected."
    if expected in ("list", "tuple") and isinstance(got, Iterable) and actual not in ("str", "bytes", "dict"):
        return f"{sentence} `{expected}(...)` makes a {expected} of it."
    if expected == "number" and actual in ("ndarray", "tensor") and math.prod(got.shape) == 1:
        return f"{sentence} `.item()` takes the number out."
    return sentence


def _instead(want: Any, got: Any, path: str) -> str:
    return f"{_subject(path)} is {short(got, 60)}; {short(want, 60)} was expected."


def _numbers(to: _Comparison, want: Any, got: Any, path: str) -> str | None:
    if want == got or (want != want and got != got):
        return None
    if isinstance(want, numbers.Integral):
        return _instead(want, got, path)
    rtol, atol = to.tolerances(type(want).__name__, type(got).__name__)
    try:
        close = cmath.isclose(got, want, rel_tol=rtol, abs_tol=atol)
    except OverflowError:  # an int too large for a float
        close = False
    return None if close else _instead(want, got, path)


def _texts(to: _Comparison, want: Any, got: Any, path: str) -> str | None:
    if want == got:
        return None
    at = next(i for i, (w, g) in enumerate(zip_longest(want, got)) if w != g)
    if len(want) < 12 or at == 0:
        return _instead(want, got, path)
    here = f"{got[at : at + 1]!r} stands there" if at < len(got) else "it ends there"
    due = f"{want[at : at + 1]!r} was expected" if at < len(want) else "it should have ended"
    return f"{_subject(path)} is right for {at:,} characters; then {here}, but {due}."


def _sequences(to: _Comparison, want: Any, got: Any, path: str) -> str | None:
    pairs = enumerate(zip(want, got, strict=False))
    first = to.first((w, g, f"{path}[{i}]") for i, (w, g) in pairs)
    if len(want) == len(got):
        return first
    count = "1 element" if len(got) == 1 else f"{len(got):,} elements"
    return " ".join([f"{_subject(path)} has {count} instead of {len(want):,}.", *([first] if first else [])])


def _membership(want: Any, got: Any, path: str, noun: str = "") -> str | None:
    lacks, extra = want - got, got - want
    parts = [f"lacks {noun}{_some(lacks)}"] if lacks else []
    parts += [f"should not have {noun}{_some(extra)}"] if extra else []
    return f"{_subject(path)} {' and '.join(parts)}." if parts else None


def _some(values: Iterable[Any]) -> str:
    """The first of some values in an order that does not depend on hashes, and how many more there are."""
    first, *others = sorted(short(value, 60) for value in values)
    return f"{first} (and {len(others):,} more)" if others else first


def _sets(to: _Comparison, want: Any, got: Any, path: str) -> str | None:
    return _membership(want, got, path)


def _dicts(to: _Comparison, want: Any, got: Any, path: str) -> str | None:
    keys = _membership(want.keys(), got.keys(), path, "the key ")
    return keys or to.first((want[key], got[key], f"{path}[{short(key, 40)}]") for key in want)


def _arrays(to: _Comparison, want: Any, got: Any, path: str) -> str | None:
    if want.shape != got.shape:
        return f"{_subject(path)} has shape {tuple(got.shape)}; {tuple(want.shape)} was expected."
    w, g = as_numpy(want), as_numpy(got)
    if _holds(w) != _holds(g):
        return f"{_subject(path)} holds {_holds(g)} ({got.dtype}); {_holds(w)} ({want.dtype}) were expected."
    if w.dtype == object:
        return to.difference(w.tolist(), g.tolist(), path)
    names = [str(one.dtype).removeprefix("torch.") for one in (want, got)]
    apart = _apart(w, g, *to.tolerances(*names))
    return _first_apart(w, g, apart, path) if apart.any() else None


def _holds(array: Any) -> str:
    kinds = {"b": "bools", "i": "whole numbers", "u": "whole numbers", "f": "floats", "c": "complex numbers"}
    return kinds.get(array.dtype.kind, "values of another type")


def _apart(want: Any, got: Any, rtol: float, atol: float) -> Any:
    """Which elements differ, as an array of bools: the rule of `difference`."""
    import numpy as np

    if want.dtype.kind not in "fc":
        return np.asarray(want != got)
    w, g = (x.astype(np.complex128 if x.dtype.kind == "c" else np.float64) for x in (want, got))
    with np.errstate(invalid="ignore", over="ignore"):
        near = np.abs(g - w) <= np.maximum(rtol * np.maximum(np.abs(w), np.abs(g)), atol)
    near &= np.isfinite(w) & np.isfinite(g)
    return ~(near | (w == g) | (np.isnan(w) & np.isnan(g)))


def _first_apart(want: Any, got: Any, apart: Any, path: str) -> str:
    import numpy as np

    index = tuple(int(i) for i in np.argwhere(apart)[0])
    where = f"{path}[{', '.join(map(str, index))}]" if index else path
    sentence = _instead(want[index].item(), got[index].item(), where)
    return f"{sentence} {int(apart.sum()):,} of {apart.size:,} elements differ." if apart.size > 1 else sentence


def _objects(to: _Comparison, want: Any, got: Any, path: str) -> str | None:
    by_attributes = type(want).__eq__ is object.__eq__ or dataclasses.is_dataclass(want)
    if by_attributes and hasattr(want, "__dict__") and hasattr(got, "__dict__"):
        return to.difference(vars(want), vars(got), path)
    return None if want == got else _instead(want, got, path)


def _bools(to: _Comparison, want: Any, got: Any, path: str) -> str | None:
    return None if want == got else _instead(want, got, path)


_RULES: dict[str, Rule] = {
    "bool": _bools,
    "number": _numbers,
    "str": _texts,
    "bytes": _texts,
    "list": _sequences,
    "tuple": _sequences,
    "dict": _dicts,
    "set": _sets,
    "ndarray": _arrays,
    "tensor": _arrays,
}
