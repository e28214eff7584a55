"""Tables: HTML that reads on light and dark pages, and aligned plain text."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from unicodedata import east_asian_width

from course_utils.show.display import REGION, publish
from course_utils.systems import Measurement, recorded

ALIGNMENTS = ("left", "right", "center")
# Half-transparent grey and inherited ink read on light and on dark pages alike.
RULE = "1px solid rgba(127,127,127,.4)"
CELL = "padding:.3em .7em;vertical-align:top;white-space:normal;border:0"
MARKS = {"holds": "✓", "holds partly": "≈", "does not show at this scale": "○", "wrong": "✗"}

Row = Mapping[str, object] | Sequence[object]


def table(
    rows: Iterable[Row],
    columns: Sequence[str],
    *,
    caption: str,
    align: Mapping[str, str] | None = None,
    fmt: Mapping[str, str] | None = None,
) -> None:
    """Show rows as a table; a row is a sequence with one value per column, or a mapping by column name.

    Columns of numbers are aligned to the right, `align` overrules it per column. `fmt` gives format
    specifications per column (".1%"); without one integers get thousands separators and floats four significant
    digits. The first column heads its row. Raises ValueError for a row of the wrong length or an unknown column.

    >>> table([("cased", 8084, 0.593), ("lower", 7447, 0.591)], ["text", "types", "r"], caption="Lee corpus")
    Lee corpus
    text   types      r
    -----  -----  -----
    cased  8,084  0.593
    lower  7,447  0.591
    """
    cells = [_cells(row, columns) for row in rows]
    _check_columns(columns, align or {}, fmt or {})
    sides = [(align or {}).get(name) or _side([row[k] for row in cells]) for k, name in enumerate(columns)]
    texts = [[_text(value, (fmt or {}).get(name)) for value, name in zip(row, columns, strict=True)] for row in cells]
    publish(plain_table(texts, columns, sides, caption), html_table(texts, columns, sides, caption))


def _cells(row: Row, columns: Sequence[str]) -> list[object]:
    if isinstance(row, Mapping):
        if unknown := set(row) - set(columns):
            raise ValueError(f"the row {dict(row)!r} has no column for {', '.join(map(repr, sorted(unknown)))}")
        return [row.get(name) for name in columns]
    if isinstance(row, str) or len(row) != len(columns):
        raise ValueError(f"the row {row!r} should have {len(columns)} values: {', '.join(columns)}")
    return list(row)


def _check_columns(columns: Sequence[str], align: Mapping[str, str], fmt: Mapping[str, str]) -> None:
    if unknown := [name for name in (*align, *fmt) if name not in columns]:
        raise ValueError(f"there is no column {unknown[0]!r}; columns are {', '.join(columns)}")
    for name, side in align.items():
        if side not in ALIGNMENTS:
            raise ValueError(f"column {name!r} can't be aligned {side!r}; choose one of {', '.join(ALIGNMENTS)}")


def _side(values: list[object]) -> str:
    numbers = [v for v in values if v is not None]
    return "right" if numbers and all(_is_number(v) for v in numbers) else "left"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: object, spec: str | None) -> str:
    if value is None:
        return "–"
    if spec is not None:
        return format(value, spec)
    if _is_number(value):
        return format(value, ",d" if isinstance(value, int) else ".4g")
    return " ".join(str(value).split())


def _width(text: str) -> int:
    """Columns that a text takes in a terminal: Chinese characters take two."""
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def plain_table(rows: list[list[str]], columns: Sequence[str], sides: list[str], caption: str) -> str:
    """The table as text with aligned columns."""
    widths = [max(map(_width, column)) for column in zip(columns, *rows, strict=True)]
    lines = [list(columns), ["-" * w for w in widths], *rows]
    padded = (map(_pad, line, widths, sides) for line in lines)
    return "\n".join([caption, *("  ".join(line).rstrip() for line in padded)])


def _pad(text: str, width: int, side: str) -> str:
    room = width - _width(text)
    left = {"left": 0, "right": room, "center": room // 2}[side]
    return " " * left + text + " " * (room - left)


def html_table(rows: list[list[str]], columns: Sequence[str], sides: list[str], caption: str) -> str:
    """The table as HTML: every text escaped, headers with their scope, wide tables scroll in their own region."""
    head = "".join(_cell("th scope=col", name, side) for name, side in zip(columns, sides, strict=True))
    body = "".join(f'<tr style="border-top:{RULE};background:none">{_row(row, sides)}</tr>' for row in rows)
    return (
        f'<div role="region" tabindex="0" aria-label="{escape(caption)}" style="{REGION}">'
        f'<table style="border-collapse:collapse;margin:.5em 0;color:inherit">'
        f'<caption style="text-align:left;font-weight:bold;padding:.3em .7em;caption-side:top;color:inherit">'
        f"{escape(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(row: list[str], sides: list[str]) -> str:
    head, *rest = (
        _cell("th scope=row" if k == 0 else "td", text, side)
        for k, (text, side) in enumerate(zip(row, sides, strict=True))
    )
    return head + "".join(rest)


def _cell(tag: str, text: str, side: str) -> str:
    name, _, scope = tag.partition(" scope=")
    weight = ";font-weight:normal" if scope == "row" else ""
    scoped = f' scope="{scope}"' if scope else ""
    return f'<{name}{scoped} style="text-align:{side};{CELL}{weight}">{escape(text)}</{name}>'


def claims(measurements: Iterable[Measurement] | None = None) -> None:
    """Show what was measured about claims: those given, or all recorded with `systems.claim` in this kernel.

    The output's metadata carries their number (`course`, `claims`).

    >>> from course_utils.systems import claim
    >>> claims([claim("E94", "2305.20050 is of May 2023", "wrong")])
    1 claim
    E94 (S4): wrong
      the text: Let's Verify Step by Step was published on 31 May 2022.
      measured: 2305.20050 is of May 2023
    """
    shown = recorded() if measurements is None else list(measurements)
    caption = f"{len(shown)} claim{'s' * (len(shown) != 1)}"
    publish(plain_claims(shown, caption), html_claims(shown, caption), metadata={"course": {"claims": len(shown)}})


def plain_claims(shown: list[Measurement], caption: str) -> str:
    """Claims and measurements as text, one paragraph of three lines each."""
    return "\n".join(
        [caption]
        + [
            f"{m.claim.id} ({', '.join(m.claim.sources)}): {m.verdict}\n"
            f"  the text: {m.claim.claim}\n  measured: {m.measured}"
            for m in shown
        ]
    )


def html_claims(shown: list[Measurement], caption: str) -> str:
    """Claims and measurements as an HTML table."""
    columns = ["claim", "source", "the text says", "measured here", "verdict"]
    rows = [
        [m.claim.id, ", ".join(m.claim.sources), m.claim.claim, m.measured, f"{MARKS[m.verdict]} {m.verdict}"]
        for m in shown
    ]
    return html_table(rows, columns, ["left"] * len(columns), caption)
