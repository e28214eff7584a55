"""Wrong arguments are refused at the door, in words."""

from numbers import Integral, Real
from typing import Any


def check_number(name: str, number: Any, *, low: float, high: float = float("inf"), whole: bool = False) -> None:
    if isinstance(number, bool) or not isinstance(number, Integral if whole else Real):
        raise TypeError(f"{name} is a {'whole number' if whole else 'number'}, not {number!r}")
    if not low <= float(number) <= high:
        limits = f"at least {low:g}" if high == float("inf") else f"between {low:g} and {high:g}"
        raise ValueError(f"{name}={number!r} is not possible; it must be {limits}")


def check_callable(name: str, given: Any, advice: str) -> None:
    if not callable(given):
        raise TypeError(f"{name} is {type(given).__name__} {given!r:.40}, which can't be called; {advice}")
