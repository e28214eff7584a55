"""Our word2vec beside gensim's: words per CPU second and agreement with people, at equal settings on one thread."""

from collections.abc import Callable
from statistics import mean
from typing import TYPE_CHECKING, Any, NamedTuple

from course_utils.bench import compare
from course_utils.data import wikipedia
from course_utils.text.normalize import sentences, tokens
from course_utils.vectors.word2vec import train

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

SETTINGS = {"window": 5, "negative": 5, "min_count": 5, "sample": 1e-3}
SEEDS = (0, 1, 2)


class Agreement(NamedTuple):
    """Spearman's correlation with people's judgements, of the pairs whose words are both in the vocabulary."""

    wordsim: float
    simlex: float


def wikipedia_sentences() -> list[list[str]]:
    """The lower-case tokens of each sentence of the Wikipedia sample, 434 thousand of them."""
    found = [
        [word.lower() for word in tokens(sentence)] for article in wikipedia() for sentence in sentences(article.text)
    ]
    return [sentence for sentence in found if sentence]


def agreement(vectors: "KeyedVectors") -> Agreement:
    """How well the cosines of word vectors agree with WordSim-353 and SimLex-999."""
    from gensim.test.utils import datapath

    files = ("wordsim353.tsv", "simlex999.txt")
    return Agreement(*(float(vectors.evaluate_word_pairs(datapath(file))[1].statistic) for file in files))


def main(epochs: int = 10) -> None:
    """Print words per CPU second and agreement of both, mean over three seeds; the sides take turns."""
    import torch
    from rich.console import Console
    from rich.table import Table

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    text = wikipedia_sentences()
    words = sum(map(len, text)) * epochs
    table = Table(title=f"word2vec, {words:,} words ({epochs} epochs), d = 100, mean of seeds {SEEDS}")
    for heading in ("model", "side", "words/CPU s", "ratio", "WordSim-353", "SimLex-999"):
        table.add_column(heading, justify="left" if heading in ("model", "side") else "right")
    for skip_gram in (True, False):
        sides = {"gensim": _gensim, "ours": _ours}
        results: dict[str, list[KeyedVectors]] = {name: [] for name in sides}
        runs = {name: _seeds_in_turn(side, text, epochs, skip_gram, results[name]) for name, side in sides.items()}
        speed = {name: words / timing.min for name, timing in compare(runs, rounds=len(SEEDS)).items()}
        for name, vectors in results.items():
            wordsim, simlex = zip(*map(agreement, vectors), strict=True)
            table.add_row(
                "skip-gram" if skip_gram else "CBOW",
                name,
                f"{speed[name]:,.0f}",
                f"{speed[name] / speed['gensim']:.2f}",
                f"{mean(wordsim):.3f} ({min(wordsim):.3f} to {max(wordsim):.3f})",
                f"{mean(simlex):.3f} ({min(simlex):.3f} to {max(simlex):.3f})",
            )
    torch.set_num_threads(threads)
    Console().print(table)


def _seeds_in_turn(side: Any, text: Any, epochs: int, skip_gram: bool, results: list[Any]) -> Callable[[], None]:
    """Each call trains with the next seed and keeps the vectors."""
    return lambda: results.append(side(text, epochs, skip_gram, SEEDS[len(results)]))


def _gensim(text: list[list[str]], epochs: int, skip_gram: bool, seed: int) -> "KeyedVectors":
    from gensim.models import Word2Vec

    return Word2Vec(text, vector_size=100, sg=int(skip_gram), epochs=epochs, seed=seed, workers=1, **SETTINGS).wv


def _ours(text: list[list[str]], epochs: int, skip_gram: bool, seed: int) -> "KeyedVectors":
    return train(text, d=100, skip_gram=skip_gram, epochs=epochs, seed=seed, progress=False, **SETTINGS)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
