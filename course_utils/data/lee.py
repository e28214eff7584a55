"""The Lee news corpus: short documents, and how alike people found each two of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from course_utils.data._packages import GENSIM_DATA, file_of

if TYPE_CHECKING:
    import numpy as np


class LeeNews(NamedTuple):
    """`background` to learn from, 50 `documents` to compare, and their `similarity` (50, 50) in people's eyes.

    The similarity is symmetric, from 0.2 (highly unrelated) to 1 (highly related, and every document with itself).
    """

    background: list[str]
    documents: list[str]
    similarity: np.ndarray


def lee_news() -> LeeNews:
    """Short news stories, and the mean of people's judgements on all 1,225 pairs of 50 of them.

    What: 300 stories of the Australian Broadcasting Corporation, and 50 others of 45 to 126 words. About ten people
    rated each pair of the 50 from 1 (highly unrelated) to 5 (highly related); here is the mean, divided by 5.
    Size: 350 documents, 64,000 words.
    Licence: none stated (research data of the University of Adelaide); gensim's wheel carries it.
    Source: M. D. Lee, B. Pincombe, M. Welsh (2005), An empirical evaluation of models of text document similarity;
    `gensim/test/test_data/{lee_background.cor,lee.cor,similarities0-1.txt}`.

    >>> len(lee_news().background), lee_news().similarity.shape
    (300, (50, 50))
    """
    import numpy as np

    upper = np.loadtxt(file_of("gensim", GENSIM_DATA, "similarities0-1.txt"))
    return LeeNews(_lines("lee_background.cor"), _lines("lee.cor"), np.maximum(upper, upper.T))


def _lines(name: str) -> list[str]:
    # Not UTF-8: a pound sign is one byte.
    return [line.strip() for line in file_of("gensim", GENSIM_DATA, name).read_text(encoding="latin-1").splitlines()]
