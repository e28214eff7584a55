"""Formulas, and raised and lowered text, in plain characters."""

import re
from collections.abc import Callable

from course_utils.data.wikitext_layout import HOLE

_SUPERSCRIPTS = dict(zip("0123456789+-−=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ", strict=True))
_SUBSCRIPTS = dict(zip("0123456789+-−=()aehijkmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))


def raised(text: str) -> str:
    """Superscript in Unicode's own characters; words and what they lack stay on the line.

    >>> raised("−2"), raised("th")
    ('⁻²', 'th')
    """
    return _shifted(text, _SUPERSCRIPTS)


def lowered(text: str) -> str:
    """Subscript in Unicode's own characters; words and what they lack stay on the line.

    >>> "H" + lowered("2") + "O", "20" + lowered("hex")
    ('H₂O', '20hex')
    """
    return _shifted(text, _SUBSCRIPTS)


def _shifted(text: str, table: dict[str, str]) -> str:
    shiftable = all(c in table for c in text) and not re.search("[a-z]{3}", text)
    return "".join(table[c] for c in text) if shiftable else text


def formula(latex: str) -> str:
    """A LaTeX formula in plain characters, or a hole when it needs two dimensions.

    >>> formula(r"x_1,\\dotsc,x_n"), formula(r"\\bar{x}"), formula(r"\\int_0^1 x") == HOLE
    ('x₁,…,xₙ', 'x̄', True)
    """
    for pattern, plain in _LATEX:
        latex = re.sub(pattern, plain, latex)
    return HOLE if re.search(r"[\\^_{}&]", latex) else latex


def _script(match: re.Match[str]) -> str:
    inner = match[2].strip("{}").replace(" ", "")
    shifted = lowered(inner) if match[1] == "_" else raised(inner)
    return shifted if shifted != inner else match[0]


# fmt: off
_SYMBOLS = {
    "alpha": "α", "theta": "θ", "varepsilon": "ε", "sigma": "σ", "tau": "τ", "omega": "ω",
    "ldots": "…", "dotsc": "…", "dotsb": "⋯", "cdot": "⋅", "times": " × ", "rangle": "⟩", "in": " ∈ ",
    "to": " → ", "leftrightarrow": " ↔ ", "mapsto": " ↦ ", "neg": "¬", "thicksim": " ∼ ",
    "sin": "sin", "arcsin": "arcsin", "exp": "exp",
}
# fmt: on

_LATEX: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
    (r"\\(?:left|right|displaystyle|textstyle|rm)(?![A-Za-z])|\\[,;!: ]|~|\n", " "),
    (r"\\(?:text|mbox)\s*\{([^{}]*)\}", r"\1"),
    (r"\\bar\s*\{?\s*(\w)\s*\}?", "\\1\u0304"),
    (r"\\t?frac\s*\{\s*(\w+)\s*\}\s*\{\s*(\w+)\s*\}", r"\1/\2"),
    (r"\\([A-Za-z]+) ?", lambda match: _SYMBOLS.get(match[1], match[0])),
    (r"(?<=sin|exp)(?=[a-zα-ω])", " "),
    (r"([_^])(\w|\{[^{}]*\})", _script),
    (r"\{([^{}]*)\}", r"\1"),
]
