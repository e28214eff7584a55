"""English Wikipedia articles, read out of the gensim wheel and cleaned."""

import bz2
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from course_utils.data._cache import kept_on_disk
from course_utils.data._packages import GENSIM_DATA, file_of

DUMP = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
SHORTEST = 500  # characters: what is shorter is a stub


class Section(NamedTuple):
    """A heading, its level (1 for the lead, 2 for `== heading ==`, and so on), and the text right below it."""

    title: str
    level: int
    text: str


class Article(NamedTuple):
    """A title, the sections with text of their own (the lead first, under the title), and all their text.

    Paragraphs are separated by a blank line; the items of a list, and verses, stand one a line.
    """

    title: str
    text: str
    sections: tuple[Section, ...]


def wikipedia() -> list[Article]:
    """A little over a hundred English Wikipedia articles as plain text, nearly all with titles in A.

    What: the beginning of the dump of April 2016, shortened by gensim for its tests. Redirects and articles under
    500 characters are left out, and of each article all that is not running text: tables, boxes, pictures,
    references, code, and the sections at the end (see `wikitext.py`). Lists stay, so the few disambiguation pages do.
    Size: 104 articles, 2.8 million characters, 450,000 words.
    Licence: CC BY-SA 3.0 and GFDL, by Wikipedia's contributors; gensim's wheel carries it, this course does not.
    Source: `gensim/test/test_data/enwiki-latest-pages-articles1…shortened.bz2`.
    Takes a few seconds the first time on a machine, then a fraction of a second (kept in `cache_dir()`).
    Raises FileNotFoundError where gensim is installed without its test data.

    >>> wikipedia()[0].title
    'Anarchism'
    """
    return list(_articles())


@cache
def _articles() -> tuple[Article, ...]:
    dump = file_of("gensim", GENSIM_DATA, DUMP)
    pages = kept_on_disk("wikipedia", _key(dump), lambda: list(_clean(dump)))
    return tuple(_article(title, sections) for title, sections in pages)


def _key(dump: Path) -> str:
    """Changes when the dump, the cleaning code or the parser does."""
    code = sorted(Path(__file__).parent.glob("wikitext*.py"))
    parts = [dump, Path(__file__), *code]
    digest = hashlib.sha256(version("mwparserfromhell").encode())
    for part in parts:
        digest.update(part.read_bytes())
    return digest.hexdigest()[:16]


def _clean(dump: Path) -> Iterator[tuple[str, list[Section]]]:
    from course_utils.data.wikitext import to_sections

    for title, markup in _pages(dump):
        sections = to_sections(title, markup)
        if len(_article(title, sections).text) >= SHORTEST:
            yield title, sections


def _pages(dump: Path) -> Iterator[tuple[str, str]]:
    """Title and markup of each article of the dump that is not a redirect."""
    with bz2.open(dump) as file:
        for page in ElementTree.parse(file).iterfind("{*}page"):
            if page.find("{*}redirect") is None and page.findtext("{*}ns") == "0":
                yield page.findtext("{*}title", ""), page.findtext("{*}revision/{*}text") or ""


def _article(title: str, sections: list[Section]) -> Article:
    sections = [Section(*section) for section in sections]
    return Article(title, "\n\n".join(section.text for section in sections), tuple(sections))
