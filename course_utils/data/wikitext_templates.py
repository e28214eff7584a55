"""Wikipedia's templates that stand for words: what a reader sees where the markup says `{{convert|5|mi|km}}`.

Only those that the sample of articles uses in running text. All others (boxes, notes to editors, references,
pronunciations) show nothing.
"""

import re
from collections.abc import Callable

from course_utils.data.wikitext_formulas import lowered, raised
from course_utils.data.wikitext_layout import HOLE, ITEM

Arguments = dict[str, str]  # what a reader sees of each argument, by its name or number
Show = Callable[[Arguments], str]


def how_to_show(name: str) -> Show | None:
    """The function from a template's arguments to its text; None for a template that shows nothing.

    >>> how_to_show("convert")({"1": "1300", "2": "mi", "3": "km"})
    '1,300 miles'
    >>> how_to_show("citation needed") is None
    True
    """
    name = name.strip().lower().replace("_", " ")
    if name.startswith(("lang-", "script/")):
        return _first("1")
    if name.startswith("ipa-"):
        return _pronunciation
    if name.startswith("formatnum:"):
        return lambda arguments: _grouped(name.removeprefix("formatnum:"))
    return _TEMPLATES.get(name)


def _first(*keys: str, form: str = "{}") -> Show:
    """Shows the first of these arguments that is there."""
    return lambda arguments: form.format(next((arguments[key] for key in keys if key in arguments), ""))


def _always(text: str) -> Show:
    return lambda arguments: text


def _numbered(arguments: Arguments) -> list[str]:
    return [value for key, value in arguments.items() if key.isdigit()]


def _pronunciation(arguments: Arguments) -> str:
    """Phonetic signs, where the article talks about sounds: `{{IPA-de|tʃ|}}`; else nothing."""
    return f"[{arguments['1']}]" if arguments.get("2") == "" else ""


def _grouped(number: str) -> str:
    """A number with its thousands marked; a hole for what is no number."""
    match = re.fullmatch(r"([-−+]?)([\d,]+)(\.\d+)?", number.strip())
    return f"{match[1]}{int(match[2].replace(',', '')):,}{match[3] or ''}" if match else HOLE


def _convert(arguments: Arguments) -> str:
    """`{{convert|7|–|10|kg|lb}}` reads "7–10 kg": the quantity as the author gave it, without the converted one."""
    words = _numbered(arguments)
    quantity = _grouped(words.pop(0))
    while words[0] in _RANGES:
        quantity += _RANGES[words.pop(0)] + _grouped(words.pop(0))
    one, many = _UNITS.get(words[0], (HOLE, HOLE))
    if "on" in (arguments.get("adj"), arguments.get("sing")) and one != many:
        return f"{quantity}-{one}"
    inches = f" {words[1]} inches" if words[0] == "ft" and words[2:3] == ["in"] else ""
    number_only = HOLE if "number" in arguments.get("disp", "") else ""
    return f"{quantity} {one if quantity == '1' else many}{inches}{number_only}"


# fmt: off
_RANGES = {"to": " to ", "and": " and ", "and(-)": " and ", "by": " by ", "-": "–", "–": "–"}
_UNITS = {  # one, many
    **{symbol: (symbol, symbol) for symbol in ("km", "m", "cm", "mm", "kg", "g", "ha", "mph", "°C", "°F", "AU")},
    "km2": ("km²",) * 2, "m2": ("m²",) * 2, "m3": ("m³",) * 2, "ft3": ("cubic foot", "cubic feet"),
    "C": ("°C",) * 2, "C-change": ("°C",) * 2, "F": ("°F",) * 2,
    "in": ("inch", "inches"), "ft": ("foot", "feet"), "ft/s": ("feet per second",) * 2, "mi": ("mile", "miles"),
    "nmi": ("nautical mile", "nautical miles"), "sqmi": ("square mile", "square miles"),
    "PD/sqmi": ("people per square mile",) * 2, "acre": ("acre", "acres"), "e6acre": ("million acres",) * 2,
    "lb": ("pound", "pounds"), "LT": ("long ton", "long tons"), "MT": ("tonne", "tonnes"),
    "e6carat": ("million carats",) * 2, "USgal": ("gallon", "gallons"), "MUSgal": ("million gallons",) * 2,
    "oilbbl": ("barrel", "barrels"), "Moilbbl": ("million barrels",) * 2, "Goilbbl": ("billion barrels",) * 2,
    "oilbbl/d": ("barrels per day",) * 2, "koilbbl/d": ("thousand barrels per day",) * 2,
    "Moilbbl/d": ("million barrels per day",) * 2, "Tcuft": ("trillion cubic feet",) * 2,
}
_MONTHS = [
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
]
# fmt: on


def _as_of(arguments: Arguments) -> str:
    """`{{as of|2010|7|lc=y}}` reads "as of July 2010"."""
    year, month, day = (arguments.get(key, "") for key in "123")
    month = _MONTHS[int(month) - 1] if month.isdigit() else month
    opening = "as of" if "lc" in arguments else "As of"
    return arguments.get("alt") or " ".join(filter(None, (opening, day, month, year)))


def _coordinates(arguments: Arguments) -> str:
    """`{{Coord|13|19|N|169|9|W}}` reads "13°19′N 169°9′W"; those for the top of the page show nothing here."""
    if arguments.get("display") == "title":
        return ""
    halves = re.findall(r"([\d.]+)\|(?:([\d.]+)\|)?(?:([\d.]+)\|)?([NSEW])", "|".join(_numbered(arguments)))
    return " ".join(f"{d}°{m and m + '′'}{s and s + '″'}{side}" for d, m, s, side in halves) or HOLE


def _fraction(arguments: Arguments) -> str:
    """`1{{frac|1|4}}` reads "1¹⁄₄", `{{frac|3}}` reads "¹⁄₃"."""
    above, below = ["1", *_numbered(arguments)][-2:]
    return f"{raised(above)}⁄{lowered(below)}" if (above + below).isdigit() else f"({above})/{below}"


def _value(arguments: Arguments) -> str:
    """`{{val|6.2|e=18|u=C}}` reads "6.2 × 10¹⁸ C"."""
    power = f" × 10{raised(arguments['e'])}" if "e" in arguments else ""
    return f"{arguments['1']}{power} {arguments.get('u', '')}".strip()


# fmt: off
_TEMPLATES: dict[str, Show] = {
    "convert": _convert, "cvt": _convert, "val": _value, "as of": _as_of, "coord": _coordinates,
    "frac": _fraction, "sfrac": _fraction,
    "e": lambda arguments: f" × 10{raised(arguments['1'])}",
    "chem": lambda arguments: "".join(map(lowered, _numbered(arguments))),
    "railgauge": lambda arguments: arguments["1"].replace("mm", " mm"),
    # Words in another size, colour, script or language.
    **dict.fromkeys(("nowrap", "smaller", "small", "midsize", "big", "large", "sc", "vr", "nq"), _first("1")),
    **dict.fromkeys(("vanchor", "tooltip", "flag", "ipa"), _first("1")),
    **dict.fromkeys(("lang", "rtl-lang", "script", "ill"), _first("2")),
    "nihongo": _first("1", "3"), "transl": lambda arguments: _numbered(arguments)[-1],
    "ipaslink": _first("1", form="/{}/"), "angbr": _first("1", form="⟨{}⟩"),
    **dict.fromkeys(("quote", "bquote", "cquote", "quotation"), _first("1", "text", "quote", form="\n\n{}\n\n")),
    # Names and dates.
    "uss": _first("1", form="USS {}"), "hms": _first("1", form="HMS {}"),
    "us$": _first("1", form="US${}"), "us patent": _first("1", form="U.S. patent {}"),
    "bibleref": lambda arguments: " ".join(_numbered(arguments)[:2]),
    "oldstyledate": lambda arguments: ", ".join(_numbered(arguments)[:2]),
    "harvtxt": lambda arguments: "{} and {} ({})".format(*_numbered(arguments)),
    # Lists.
    **dict.fromkeys(("columns-list", "columns"), _first("2", "col1", form="\n{}\n")),
    "hlist": lambda arguments: ", ".join(_numbered(arguments)),
    "ordered list": lambda arguments: "".join(f"\n{ITEM}{item}" for item in _numbered(arguments)) + "\n",
    # Single characters.
    "music": lambda arguments: {"flat": "♭", "sharp": "♯"}.get(arguments["1"], HOLE),
    **dict.fromkeys(("nbsp", "thinsp", "spaces"), _always(" ")),
    **dict.fromkeys(("mdash", "mdashb"), _always("—")),
    **dict.fromkeys(("snd", "snds", "spaced ndash"), _always(" – ")),
    **dict.fromkeys(("sep", "dot"), _always(" · ")),
    "ndash": _always("–"), "'": _always("'"), "'s": _always("'s"), "eqm": _always("⇌"),
    "' \"": _always("'\""), '-"': _always("'\""), "carbon": _always("C"), "hydrogen": _always("H"),
    # What Wikipedia would compute today, or draw.
    **dict.fromkeys(("inflation", "format price", "currentyear", "age"), _always(HOLE)),
    **dict.fromkeys(("pop density", "dentalformula", "nuclide2"), _always(HOLE)),
}
# fmt: on
