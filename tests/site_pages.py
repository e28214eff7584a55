"""The built site for the tests, and a checker of its pages: links, pictures, and what they ask of the outside."""

import atexit
import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

from course_utils.site.build import build
from course_utils.toolchain.source import Course

COURSE = Course.find(Path(__file__).parent)
# What a page loads, as opposed to what it links to.
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "video": "src"}
NAVIGATION = {"index", "search", "next", "prev", "canonical"}
IN_CSS = re.compile(r"""url\(\s*["']?((?:https?:)?//[^)"']+)|@import\s+["']((?:https?:)?//[^"']+)""")


@cache
def built() -> Path:
    """The site of this checkout, built once for all tests of a run."""
    folder = Path(mkdtemp(prefix="course-tests-")) / "site"
    atexit.register(shutil.rmtree, folder.parent)
    build(COURSE, folder)
    return folder


@cache
def soup(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "lxml")


def page_paths(site: Path) -> list[Path]:
    return sorted(site.rglob("*.html"))


def broken_links(site: Path) -> list[str]:
    """Links within the site whose file or whose #anchor does not exist."""
    return [f"{path.relative_to(site)}: {link}" for path in page_paths(site) for link in _broken(site, path)]


def _broken(site: Path, path: Path) -> Iterator[str]:
    for tag in soup(path).find_all(href=True):
        parts = urlsplit(tag["href"])
        if parts.scheme or parts.netloc:
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        inside = target.is_file() and target.is_relative_to(site.resolve())
        anchor = unquote(parts.fragment)
        if not inside or (anchor and target.suffix == ".html" and anchor not in _ids(target)):
            yield tag["href"]


@cache
def _ids(path: Path) -> set[str]:
    return {tag["id"] for tag in soup(path).find_all(id=True)}


def pictures_without_text(site: Path) -> list[str]:
    """Pictures that tell nothing to those who cannot see them."""
    pictures = [(path, tag) for path in page_paths(site) for tag in soup(path).find_all("img")]
    return [f"{path.relative_to(site)}: {str(tag)[:80]}" for path, tag in pictures if not tag.get("alt", "").strip()]


def asks_outside(site: Path) -> list[str]:
    """Scripts, styles, fonts and pictures that a page would load from another server."""
    return [f"{path.relative_to(site)}: {what}" for path in page_paths(site) for what in _loaded_from_outside(path)] + [
        f"{path.relative_to(site)}: {found[0]}"
        for path in sorted(site.rglob("*.css"))
        for found in IN_CSS.finditer(path.read_text(encoding="utf-8"))
    ]


def _loaded_from_outside(path: Path) -> Iterator[str]:
    for name, attribute in LOADED.items():
        for tag in soup(path).find_all(name, **{attribute: True}):
            if urlsplit(tag[attribute]).netloc and not NAVIGATION & set(tag.get("rel", ())):
                yield tag[attribute]
    styles = [tag.get_text() for tag in soup(path).find_all("style")]
    for text in [*styles, *(tag["style"] for tag in soup(path).find_all(style=True))]:
        yield from (found[0] for found in IN_CSS.finditer(text))
