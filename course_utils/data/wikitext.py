"""Wikipedia's markup turned into the text that a reader sees.

mwparserfromhell builds the tree; `render` walks it and keeps the words, line breaks and three marks; `layout` (in
`wikitext_layout.py`) makes tidy paragraphs of them. What stays: prose, list items (one a line, without bullets),
quotations, verse, headings as section titles, formulas that have a plain spelling. What goes: tables, boxes, pictures
with their captions, references, code listings, categories, links to other languages, the back matter (`BACK_MATTER`),
and a sentence with a formula or a computed number in its middle that has no plain spelling.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import singledispatch

import mwparserfromhell
from mwparserfromhell.nodes import ExternalLink, Heading, HTMLEntity, Node, Tag, Template, Text, Wikilink
from mwparserfromhell.wikicode import Wikicode

from course_utils.data.articles import Section
from course_utils.data.wikitext_formulas import formula, lowered, raised
from course_utils.data.wikitext_layout import CODE, GAP, HOLE, ITEM, layout, without_loose_end
from course_utils.data.wikitext_templates import how_to_show

BACK_MATTER = re.compile(
    r"see also|external links|further reading|works cited|cited texts|reference literature|gallery|.* gallery"
    r"|(?:.* )?(?:notes|footnotes|references|citations|sources|bibliography|bibliographies)(?: and .*)?",
    re.IGNORECASE,
)


def to_sections(title: str, markup: str) -> list[Section]:
    """The sections of an article that have text of their own, the lead first, without the back matter.

    >>> to_sections("Ant", "An '''ant''' is an [[insect]].<ref>Me</ref>\\n== References ==\\n* Me")
    [Section(title='Ant', level=1, text='An ant is an insect.')]
    """
    parts: list[tuple[str, int, list[Node]]] = [(title, 1, [])]
    for node in _parse(markup).nodes:
        if isinstance(node, Heading):
            parts.append((layout(_inner(node.title)), int(node.level), []))
        else:
            parts[-1][2].append(node)
    sections = [
        Section(name, level, without_loose_end(layout(_join(nodes)))) for name, level, nodes in _front_matter(parts)
    ]
    return [section for section in sections if section.text]


def to_text(markup: str) -> str:
    """What a reader sees of a piece of markup.

    >>> to_text("[[Lake Chad|The lake]] is {{convert|5|mi|km}} long ({{IPAc-en|l|eɪ|k}}).")
    'The lake is 5 miles long.'
    """
    return layout(_join(_parse(markup).nodes))


def _front_matter(parts: Iterable[tuple[str, int, list[Node]]]) -> Iterator[tuple[str, int, list[Node]]]:
    """The parts that are neither back matter nor below a heading that is."""
    dropped = None
    for part in parts:
        name, level, _ = part
        if dropped is None or level <= dropped:
            dropped = level if level > 1 and BACK_MATTER.fullmatch(name) else None
            if dropped is None:
                yield part


def _parse(markup: str) -> Wikicode:
    """The tree of the markup without comments, references, tables, and the quotes for bold and italics.

    The parser then takes a third of the time, and is not led astray by quotes that don't balance. Tables are cut
    out from the innermost on.
    """
    markup, found = _UNSEEN.sub("", markup), 1
    while found:
        markup, found = _TABLE.subn(GAP, markup)
    return mwparserfromhell.parse(markup)


_UNSEEN = re.compile(
    r"<!--.*?-->|<ref\b[^<>]*?/>|<ref\b[^<>]*>.*?</ref\s*>|'{2,}|(?-i:__[A-Z]+__)", re.DOTALL | re.IGNORECASE
)
_TABLE = re.compile(r"^[:* ]*\{\|(?:(?!^[:* ]*\{\|).)*?^\s*\|\}(?!\})", re.DOTALL | re.MULTILINE)


def _join(nodes: Iterable[Node]) -> str:
    return "".join(map(render, nodes))


def _inner(code: Wikicode | None) -> str:
    return "" if code is None else _join(code.nodes)


@singledispatch
def render(node: Node) -> str:
    """The words of one node of the tree, with marks; other nodes than those below (say comments) show nothing."""
    return ""


@render.register
def _(node: Text) -> str:
    return str(node.value).replace("\n ", "\n" + CODE)


@render.register
def _(node: HTMLEntity) -> str:
    return str(node.normalize())


@render.register
def _(node: Wikilink) -> str:
    target = str(node.title).strip()
    if _PICTURE_OR_CATEGORY.match(target) or (node.text is None and _OTHER_LANGUAGE.match(target)):
        return ""
    return _inner(node.title).strip().lstrip(":") if node.text is None else _inner(node.text)


_PICTURE_OR_CATEGORY = re.compile(r"(?:file|image|category|media)\s*:", re.IGNORECASE)
_OTHER_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z]+)*:")


@render.register
def _(node: ExternalLink) -> str:
    return _inner(node.title)


@render.register
def _(node: Template) -> str:
    show = how_to_show(str(node.name))
    if show is None:
        return ""
    try:
        return show({str(p.name).strip(): _inner(p.value).strip() for p in node.params})
    except (IndexError, KeyError, ValueError):  # other arguments than Wikipedia's authors give it
        return HOLE


@render.register
def _(node: Tag) -> str:
    name = str(node.tag).strip().lower()
    if node.wiki_markup in ("*", "#", ":", ";"):
        return ITEM
    if name == "nowiki":
        return str(node.contents)
    return _TAGS.get(name, str)(_inner(node.contents))


_TAGS: dict[str, Callable[[str], str]] = {
    "math": formula,
    "sub": lowered,
    "sup": raised,
    "br": lambda text: " ",
    "hr": lambda text: "\n\n",
    "poem": lambda text: "\n\n" + "".join(f"{ITEM}{line}\n" for line in text.split("\n")) + "\n",
    **dict.fromkeys(("ref", "references", "s", "del"), lambda text: ""),
    **dict.fromkeys(("source", "syntaxhighlight", "pre"), lambda text: HOLE),
    **dict.fromkeys(("gallery", "timeline", "table"), lambda text: GAP),
    **dict.fromkeys(("blockquote", "center", "div", "p"), lambda text: f"\n\n{text}\n\n"),
    "li": lambda text: f"\n{ITEM}{text}\n",
}
