"""Sentences and names in several languages."""

import difflib
import json
import re
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, NamedTuple

from course_utils.data._packages import folder_of

if TYPE_CHECKING:
    from babel import Locale


class Pair(NamedTuple):
    """An English sentence and its translation."""

    source: str
    target: str


def interface_pairs(language: str = "zh-CN") -> list[Pair]:
    """Sentences, labels and messages of JupyterLab and its extensions in English and another language.

    What: all translated texts of the language pack, each English text once (the main program's translation first),
    white space made one blank. Left out: what is not translated or has no letters. Placeholders stay as they are:
    `%1`, `%2`, … for a value to insert (in one text of eleven), and `%%` for a per cent sign; so does markup, in 50
    texts (`<a href=…>`, backquotes for code). Drafts that a translator marked as fuzzy are not in the packs.
    Size: 3,000 pairs in Chinese, half of them up to three English words long.
    Licence: BSD 3-Clause, by the Jupyter Development Team and its translators.
    Source: the installed `jupyterlab-language-pack-…`.
    Raises ValueError, which names the installed languages, for one that is not.

    >>> dict(interface_pairs("zh-CN"))["%1 is read-only"]
    '%1 是只读的'
    """
    return list(_pairs(language))


@cache
def _pairs(language: str) -> tuple[Pair, ...]:
    packs = {entry.name: entry.value for entry in entry_points(group="jupyterlab.languagepack")}
    name = language.replace("-", "_")
    if name not in packs:
        known = ", ".join(sorted(packs)).replace("_", "-") or "none"
        raise ValueError(
            f"no language pack for {language!r} is installed (installed: {known}); "
            f"get it with: python -m pip install jupyterlab-language-pack-{language.replace('_', '-')}"
        )
    folder = folder_of(packs[name]) / "locale" / name / "LC_MESSAGES"
    found: dict[str, str] = {}
    for path in sorted(folder.glob("*.json"), key=lambda path: (path.stem != "jupyterlab", path.stem)):
        for message, translations in json.loads(path.read_text(encoding="utf-8")).items():
            source, target = _plain(message.rpartition("\x04")[2]), _plain(translations[0]) if message else ""
            if target and target.casefold() != source.casefold() and re.search(r"[^\W\d_]", source):
                found.setdefault(source, target)
    return tuple(Pair(*pair) for pair in found.items())


def _plain(text: str) -> str:
    return " ".join(text.split())


def territory_names(languages: list[str]) -> dict[str, dict[str, str]]:
    """What the world's countries and territories are called: language -> two-letter code -> name.

    What: the ISO 3166 codes for which the Common Locale Data Repository has a name in that language; no continents,
    unions of states or codes for tests.
    Size: about 250 names a language, in some 200 languages.
    Licence: Unicode License v3; Babel (BSD 3-Clause) carries it.
    Source: Babel's copy of CLDR.
    Raises ValueError, which names near matches, for a language that Babel doesn't know.

    >>> names = territory_names(["en", "zh", "sw"])
    >>> names["en"]["DE"], names["zh"]["DE"], names["sw"]["DE"]
    ('Germany', '德国', 'Ujerumani')
    """
    if isinstance(languages, str):
        raise TypeError(f"languages is a list of codes, not a string: write [{languages!r}]")
    return {language: _territories(language) for language in languages}


_NO_TERRITORY = {"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"}


def _territories(language: str) -> dict[str, str]:
    names = sorted((str(code), name) for code, name in _locale(language).territories.items())
    return {code: name for code, name in names if re.fullmatch("[A-Z]{2}", code) and code not in _NO_TERRITORY}


def _locale(language: str) -> "Locale":
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError, TypeError) as error:
        near = ", ".join(_near(str(language))) or "nothing"
        raise ValueError(
            f"Babel knows no language {language!r} (near it: {near}); give a code such as 'de', 'zh' or 'pt-BR'"
        ) from error


def _near(language: str) -> list[str]:
    """Codes of languages whose code or English name looks like what was asked for."""
    from babel import Locale
    from babel.localedata import locale_identifiers

    codes = {code: code for code in locale_identifiers()}
    names = {name.lower(): code for code, name in Locale("en").languages.items() if code in codes}
    near = difflib.get_close_matches(language.lower(), [*names, *codes], n=4, cutoff=0.5)
    return [f"{(names | codes)[match]!r} ({match})" if match in names else repr(match) for match in near]
