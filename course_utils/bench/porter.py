"""Our Porter stemmer beside NLTK's: distinct words per CPU second, in each dialect."""

import bz2
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from course_utils.bench import compare
from course_utils.text.normalize import tokens
from course_utils.text.porter import PorterStemmer

NLTK_MODES = {"original": "ORIGINAL_ALGORITHM", "martin": "MARTIN_EXTENSIONS", "nltk": "NLTK_EXTENSIONS"}
"""Our name of each dialect, and NLTK's."""

SAMPLE = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"


def wikipedia_source() -> str:
    """The XML of gensim's Wikipedia sample as it is, mark-up included: 6 million characters."""
    spec = find_spec("gensim")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("the words come from gensim's test data: install gensim")
    path = Path(spec.origin).parent / "test" / "test_data" / SAMPLE
    return bz2.decompress(path.read_bytes()).decode("utf-8")


def main(rounds: int = 3) -> None:
    """Print the words per CPU second of NLTK and of ours, and the ratio of the two, from the fastest rounds.

    A word is stemmed once a round, and neither side keeps results, so nothing is won by a cache.
    """
    from nltk.stem.porter import PorterStemmer as Peer
    from rich.console import Console
    from rich.table import Table

    words = sorted(set(tokens(wikipedia_source().lower())))
    table = Table(title=f"Porter's stemmer on {len(words):,} distinct words, best of {rounds} rounds")
    for heading in ("dialect", "NLTK, words/s", "ours, words/s", "ratio"):
        table.add_column(heading, justify="left" if heading == "dialect" else "right")
    for dialect, mode in NLTK_MODES.items():
        sides = {"nltk": _over(words, Peer(mode).stem), "ours": _over(words, PorterStemmer(dialect).stem)}
        nltk, ours = (len(words) / timing.min for timing in compare(sides, rounds).values())
        table.add_row(dialect, f"{nltk:,.0f}", f"{ours:,.0f}", f"{ours / nltk:.2f}")
    Console().print(table)


def _over(words: list[str], stem: Callable[[str], str]) -> Callable[[], None]:
    def run() -> None:
        for word in words:
            stem(word)

    return run


if __name__ == "__main__":
    main()
