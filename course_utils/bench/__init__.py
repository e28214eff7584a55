"""Speed as a ratio: ours and a peer's, timed in turns in the same process."""

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import NamedTuple

NAMES = ("porter", "word2vec", "glove", "bpe", "subwords", "attention", "nanogpt", "gpt", "decode")  # with main()
GROUPS = {"words": ("word2vec", "glove", "bpe", "subwords")}


class Timing(NamedTuple):
    """CPU seconds of one side over the rounds."""

    min: float
    median: float


def compare(sides: Mapping[str, Callable[[], None]], rounds: int = 3) -> dict[str, Timing]:
    """The CPU seconds that each side takes, timed in turns so that slow spells meet them all.

    Every second round runs the sides in reverse order. The CPU time of all threads is added up, so a side
    gains nothing by threads; limit them (`torch.set_num_threads(1)`) for a fair picture. Compare sides by the
    ratio of their minima: it is steadier than seconds.

    Errors: ValueError without a side or with fewer than one round.

    >>> timings = compare({"ours": lambda: None, "theirs": lambda: None}, rounds=5)
    >>> list(timings), timings["ours"].min <= timings["ours"].median
    (['ours', 'theirs'], True)
    """
    if not sides or rounds < 1:
        raise ValueError(f"got {len(sides)} sides and {rounds} rounds; give at least one of each")
    order = list(sides)
    seconds: dict[str, list[float]] = {name: [] for name in order}
    for number in range(rounds):
        for name in order[:: -1 if number % 2 else 1]:
            seconds[name].append(_cpu_seconds(sides[name]))
    return {name: Timing(min(taken), median(taken)) for name, taken in seconds.items()}


def _cpu_seconds(side: Callable[[], None]) -> float:
    start = time.process_time()
    side()
    return time.process_time() - start
