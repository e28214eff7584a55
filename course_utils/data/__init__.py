"""The course's data: real corpora read out of installed packages, what `data/` holds, and optional downloads.

Every loader reads when it is called, not before: importing this package imports none of the packages with the data.
"""

from course_utils.data._paths import cache_dir, data_path
from course_utils.data.articles import Article, Section, wikipedia
from course_utils.data.downloads import DataSet, download, downloadable
from course_utils.data.images import Digits, digits
from course_utils.data.judgements import Analogy, WordPair, analogies, simlex999, wordsim353
from course_utils.data.lee import LeeNews, lee_news
from course_utils.data.multilingual import Pair, interface_pairs, territory_names
from course_utils.data.python import CodeFile, python_docs, stdlib_code

__all__ = [
    "Analogy",
    "Article",
    "CodeFile",
    "DataSet",
    "Digits",
    "LeeNews",
    "Pair",
    "Section",
    "WordPair",
    "analogies",
    "cache_dir",
    "data_path",
    "digits",
    "download",
    "downloadable",
    "interface_pairs",
    "lee_news",
    "python_docs",
    "simlex999",
    "stdlib_code",
    "territory_names",
    "wikipedia",
    "wordsim353",
]
