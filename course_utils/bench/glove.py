"""Our GloVe beside its authors' C program, and beside a plain loop that gathers rows: counts per CPU second.

The C program is no part of the course. To measure against it, build https://github.com/stanfordnlp/GloVe and name
the folder with its programs in the environment variable GLOVE_C.
"""

import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from course_utils.data import wikipedia, wordsim353
from course_utils.text.normalize import tokens
from course_utils.vectors.evaluate import similarity
from course_utils.vectors.glove import Cooccurrences, GloVe, _Batch, cooccurrence

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

D, EPOCHS, X_MAX, LR, WINDOW, MIN_COUNT = 100, 10, 10.0, 0.2, 10, 5
PROGRAMS = ("vocab_count", "cooccur", "shuffle", "glove")
GATHERED = 20_000  # counts whose rows the plain loop copies at a time


class Run(NamedTuple):
    """One training: CPU seconds for an epoch, and the vectors after the last, where the side was trained to the end."""

    seconds: float
    vectors: "KeyedVectors | None"


def main(seeds: int = 1) -> None:
    """Print the counts per CPU second of each side, the ratio of ours, and how well the vectors agree with people.

    All sides train on the same counts of the Wikipedia sample with the same settings, one thread each, in turns. At
    the C program's own learning rate of 0.05 its agreement would be lower, and its speed the same. The plain loop
    runs for one epoch, which is enough for its speed.
    """
    import torch
    from rich.console import Console

    console, folder = Console(), c_folder()
    torch.set_num_threads(1)
    texts = [tokens(article.text.lower()) for article in wikipedia()]
    counts = cooccurrence(texts, window=WINDOW, min_count=MIN_COUNT)
    sides: dict[str, Callable[[int], Run]] = {
        "ours": lambda seed: _ours(counts, seed),
        "loop that gathers rows": lambda seed: _gather(counts, seed),
    }
    with tempfile.TemporaryDirectory() as scratch:
        if folder is None:
            console.print(f"No C program is measured: GLOVE_C names no folder with {', '.join(PROGRAMS)}.")
        else:
            _c_counts(folder, Path(scratch), texts)
            sides["C program"] = lambda seed: _c(folder, Path(scratch), seed)
        runs: dict[str, list[Run]] = {name: [] for name in sides}
        for seed in range(1, seeds + 1):
            for name, side in sides.items():
                runs[name].append(side(seed))
    console.print(_table(runs, counts.matrix.nnz))


def _table(runs: dict[str, list[Run]], work: int) -> Any:
    from rich.table import Table

    n = len(runs["ours"])
    table = Table(title=f"GloVe, {work:,} counts, {D} numbers a word, {EPOCHS} epochs, best of {n}")
    for heading in ("", "counts/s", "ours to it", "WordSim-353"):
        table.add_column(heading, justify="right" if heading else "left")
    speeds = {name: work / min(run.seconds for run in found) for name, found in runs.items()}
    for name, found in runs.items():
        rhos = [similarity(run.vectors, wordsim353()).rho for run in found if run.vectors is not None]
        rho = f"{np.mean(rhos):.3f}" if rhos else ""
        table.add_row(name, f"{speeds[name]:,.0f}", f"{speeds['ours'] / speeds[name]:.1f}", rho)
    return table


def _ours(counts: Cooccurrences, seed: int) -> Run:
    start = time.process_time()
    model = GloVe(counts, d=D, x_max=X_MAX, lr=LR, seed=seed)
    for _ in range(EPOCHS):
        model.epoch()
    return Run((time.process_time() - start) / EPOCHS, model.vectors())


class Gathering(GloVe):
    """The same steps as they are written at first: copy the rows of both words, multiply, add the gradients up."""

    def _gradients(self, batch: _Batch) -> tuple[float, NDArray[Any], NDArray[Any]]:
        import torch

        left, right, loss = torch.from_numpy(self.left), torch.from_numpy(self.right), 0.0
        grad_left, grad_right = torch.zeros_like(left), torch.zeros_like(right)
        rows = np.repeat(np.arange(len(left)), np.diff(batch.indptr))
        for at in range(0, len(rows), GATHERED):
            part = slice(at, at + GATHERED)
            i, j = torch.from_numpy(rows[part]), torch.from_numpy(batch.indices[part]).long()
            u, v = left[i], right[j]
            miss = (u * v).sum(dim=1) - torch.from_numpy(batch.log[part])
            pull = torch.from_numpy(batch.weight[part]) * miss
            grad_left.index_add_(0, i, pull[:, None] * v)
            grad_right.index_add_(0, j, pull[:, None] * u)
            loss += float(pull @ miss)
        grad_left[:, self.d + 1] = grad_right[:, self.d] = 0
        return loss, grad_left.numpy(), grad_right.numpy()


def _gather(counts: Cooccurrences, seed: int) -> Run:
    model = Gathering(counts, d=D, x_max=X_MAX, lr=LR, seed=seed)
    start = time.process_time()
    model.epoch()
    return Run(time.process_time() - start, None)


def c_folder() -> Path | None:
    """The folder that GLOVE_C names, None without it; FileNotFoundError if a program is missing there."""
    named = os.environ.get("GLOVE_C")
    if not named:
        return None
    missing = [program for program in PROGRAMS if not (Path(named) / program).is_file()]
    if missing:
        raise FileNotFoundError(f"GLOVE_C={named} has no {', '.join(missing)}; name the folder that `make` filled")
    return Path(named).resolve()


def _c_counts(folder: Path, scratch: Path, texts: list[list[str]]) -> None:
    """The C programs' own vocabulary and shuffled counts of the same text, one article a line."""
    (scratch / "text").write_text("\n".join(" ".join(text) for text in texts) + "\n", encoding="utf-8")
    quiet, memory = ["-verbose", "0"], ["-memory", "2.0"]
    steps = [
        ("vocab_count", ["-min-count", str(MIN_COUNT), *quiet], "text", "vocabulary"),
        ("cooccur", ["-vocab-file", "vocabulary", "-window-size", str(WINDOW), *memory, *quiet], "text", "counts"),
        ("shuffle", ["-seed", "1", *memory, *quiet], "counts", "shuffled"),
    ]
    for program, options, source, target in steps:
        with (scratch / source).open("rb") as reads, (scratch / target).open("wb") as writes:
            command = [str(folder / program), *options]
            subprocess.run(command, cwd=scratch, stdin=reads, stdout=writes, stderr=subprocess.DEVNULL, check=True)


def _c(folder: Path, scratch: Path, seed: int) -> Run:
    from gensim.models import KeyedVectors

    options = {
        "save-file": "vectors",
        "input-file": "shuffled",
        "vocab-file": "vocabulary",
        "threads": 1,
        "x-max": X_MAX,
        "eta": LR,
        "iter": EPOCHS,
        "vector-size": D,
        "binary": 0,
        "verbose": 0,
        "seed": seed,
    }
    command = [str(folder / "glove"), *(str(part) for name, value in options.items() for part in (f"-{name}", value))]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run(command, cwd=scratch, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    vectors = KeyedVectors.load_word2vec_format(str(scratch / "vectors.txt"), binary=False, no_header=True)
    return Run(seconds / EPOCHS, vectors)


if __name__ == "__main__":
    main()
