"""Word pairs that people judged, and the word analogies of word2vec's authors."""

from functools import cache
from typing import NamedTuple

from course_utils.data._packages import GENSIM_DATA, file_of


class WordPair(NamedTuple):
    """Two words and how alike people found them, from 0 to 10."""

    first: str
    second: str
    score: float


class Analogy(NamedTuple):
    """`first` is to `second` as `third` is to `fourth`, an example of `category`."""

    category: str
    first: str
    second: str
    third: str
    fourth: str


def wordsim353() -> list[WordPair]:
    """353 English word pairs with the mean of 13 to 16 people's ratings of relatedness, from 0 to 10.

    What: relatedness counts (coast and shore, but computer and keyboard too). `money, cash` is in it twice.
    Licence: CC BY 4.0, by E. Gabrilovich; gensim's wheel carries it.
    Source: L. Finkelstein et al. (2002), Placing search in context; `gensim/test/test_data/wordsim353.tsv`.

    >>> wordsim353()[1]
    WordPair(first='tiger', second='cat', score=7.35)
    """
    return list(_pairs("wordsim353.tsv"))


def simlex999() -> list[WordPair]:
    """999 English word pairs with the mean of people's ratings of similarity, from 0 to 10.

    What: similarity alone counts (coast and shore, not clothes and closet): 666 pairs of nouns, 222 of verbs, 111
    of adjectives, here without their part of speech.
    Licence: none stated, the authors ask to be cited; gensim's wheel carries it.
    Source: F. Hill, R. Reichart, A. Korhonen (2015), SimLex-999, arXiv:1408.3456;
    `gensim/test/test_data/simlex999.txt`.

    >>> simlex999()[0]
    WordPair(first='old', second='new', score=1.58)
    """
    return list(_pairs("simlex999.txt"))


def analogies() -> list[Analogy]:
    """19,544 English word analogies in 14 categories, five about the world and nine about grammar.

    Licence: Apache 2.0, by Google; gensim's wheel carries it.
    Source: T. Mikolov et al. (2013), Efficient estimation of word representations in vector space,
    arXiv:1301.3781, section 4.1; `gensim/test/test_data/questions-words.txt`.

    >>> analogies()[0]
    Analogy(category='capital-common-countries', first='Athens', second='Greece', third='Baghdad', fourth='Iraq')
    """
    return list(_analogies())


@cache
def _pairs(name: str) -> tuple[WordPair, ...]:
    lines = file_of("gensim", GENSIM_DATA, name).read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return tuple(WordPair(first, second, float(score)) for first, second, score in rows)


@cache
def _analogies() -> tuple[Analogy, ...]:
    category, found = "", []
    for line in file_of("gensim", GENSIM_DATA, "questions-words.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith(":"):
            category = line[1:].strip()
        else:
            found.append(Analogy(category, *line.split()))
    return tuple(found)
