"""The second pass over Wikipedia's text: lines with marks become tidy paragraphs."""

import re

# Marks between the two passes: code points that Unicode promises never to assign to a character.
ITEM = "\ue000"  # a list item or a line of verse starts here
HOLE = "\ue001"  # something that has no plain spelling stood here
GAP = "\ue003"  # a table or a row of pictures stood here
CODE = "\ue002"  # a preformatted line starts here


def layout(text: str) -> str:
    """Paragraphs with a blank line between them, and one list item or verse a line.

    >>> layout(f"An ant\\nwalks.\\n{ITEM}red\\n{ITEM}black\\n\\n{CODE} print(ant)")
    'An ant walks.\\nred\\nblack'
    """
    text = re.sub(rf":\s*{GAP}", f": {HOLE}\n\n", text).replace(GAP, "\n\n")
    for pattern, joined in _DISPLAYED:
        text = pattern.sub(joined, text)
    lines = [""]
    for raw in _ITEMS.sub(f"\n{ITEM}", text).split("\n"):
        line = raw.strip(f"{ITEM} \t")
        if raw.startswith(ITEM):
            lines += [ITEM + line] if line else []
        elif not line or raw.startswith(CODE):
            lines.append("")
        elif lines[-1] and not lines[-1].startswith(ITEM):
            lines[-1] += " " + line
        else:
            lines += ["", line]
    text = tidy("\n".join(_without_holes(line.lstrip(ITEM)) for line in lines))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


_ITEMS = re.compile(rf"\n?{ITEM}+")
# A formula on lines of its own belongs to the sentence that leads to it or goes on after it.
_DISPLAYED = [
    (re.compile(rf"(?<=[a-z:,])[\s{ITEM}]*{HOLE}"), f" {HOLE}"),
    (re.compile(rf"{HOLE}([,.;]?)[\s{ITEM}]+(?=[a-z])"), rf"{HOLE}\1 "),
]


def _without_holes(line: str) -> str:
    """A hole takes the brackets around it with it, or else its sentence.

    >>> _without_holes(f"Rain fell. The sum is {HOLE}. It cost $5 (${HOLE} today).")
    'Rain fell. It cost $5 .'
    """
    if HOLE not in line:
        return line
    line = re.sub(rf"\([^()]*{HOLE}[^()]*\)", "", line)
    return " ".join(sentence for sentence in _SENTENCE_END.split(line) if HOLE not in sentence)


_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"“(])")


def tidy(text: str) -> str:
    """Lines without what removed markup leaves behind; a line with no word outside brackets becomes empty.

    >>> tidy("Abacus  (; plural abaci ) , a tool\\n ,")
    'Abacus (plural abaci), a tool\\n'
    """
    text, before = text.translate(_INVISIBLE), ""
    while text != before:
        before = text
        for pattern, replacement in _LEFTOVERS:
            text = pattern.sub(replacement, text)
    return text


_INVISIBLE = {
    **dict.fromkeys(map(ord, "\t\u00a0\u2002\u2003\u2009\u200a\u202f"), " "),
    **dict.fromkeys(map(ord, "\u00ad\u200b\u200e\u200f\u2060\ufeff"), None),
}
_LEFTOVERS = [
    (re.compile(pattern, re.MULTILINE), replacement)
    for pattern, replacement in (
        (r"\[ *\]|,? *\bISBN [\d-]{9,}[\dXx]\b", ""),
        (r"([(\[])[ ,;:]+", r"\1"),
        (r"[ ,;:]+([)\]])", r"\1"),
        (r"\(\)", ""),
        (r"([,;:])(?: *[,;])+", r"\1"),
        (r"[,;:](?=\.(?: |$))", ""),
        (r"(?<=\w)\.\.(?!\.)", "."),
        (r" +([,;:.!?])(?=[)\]\"”’']*(?: |$))", r"\1"),
        (r"^[ ,;:.)]+(?= )|  +", " "),
        (r"^ +| +$|^[^\w\n]+$|^\([^()\n]{1,60}\)$", ""),
    )
]


def without_loose_end(text: str) -> str:
    """A section's text without a last sentence that announces what is no longer there.

    >>> without_loose_end("Ants are social. The biggest nests are:")
    'Ants are social.'
    """
    return re.sub(r"(?:^|(?<=\n)|(?<=[.!?] ))[^.!?\n]*:$", "", text).strip()
