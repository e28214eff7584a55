"""Show: the house style for figures, tables, code, claims and the family tree.

Nothing here imports matplotlib until something is drawn, and nothing changes the reader's own settings.
"""

from course_utils.show.attention import attention, mask
from course_utils.show.choose import choose
from course_utils.show.code import diff, source
from course_utils.show.family import tree
from course_utils.show.figures import bars, figure
from course_utils.show.film import film
from course_utils.show.house import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALETTE,
    PAPER,
    PURPLE,
    SKY,
    VERMILION,
    style,
)
from course_utils.show.progress import progress
from course_utils.show.runtime import runtime
from course_utils.show.tables import claims, table

__all__ = [
    "BLUE",
    "FAINT",
    "GREEN",
    "GREY",
    "INK",
    "ORANGE",
    "PALETTE",
    "PAPER",
    "PURPLE",
    "SKY",
    "VERMILION",
    "attention",
    "bars",
    "choose",
    "claims",
    "diff",
    "figure",
    "film",
    "mask",
    "progress",
    "runtime",
    "source",
    "style",
    "table",
    "tree",
]
