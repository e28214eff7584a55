"""Decoding: from a model's logits to texts.

The functions here know no model. They ask a `Step`: given the next tokens of each text, (B, L), it returns the logits
(B, V) for what follows, and remembers what it was given, as a rule in a `KVCache` for each layer.

>>> import torch.nn.functional as F
>>> class Count:  # a model that counts: 3 follows 2, and so on
...     def __call__(self, ids):
...         return 9.0 * F.one_hot((ids[:, -1] + 1) % 10, 10)
...     def reorder(self, rows):
...         pass
>>> start = torch.tensor([[2], [6]])
>>> greedy(Count(), start, stop=[8], max_new=4)
tensor([[3, 4, 5, 6],
        [7, 8, 0, 0]])
>>> texts(beam(Count(), start, n_beams=2, stop=[8], max_new=4).ids[:, 0], stop=[8])
[[3, 4, 5, 6], [7]]
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor


@runtime_checkable
class Step(Protocol):
    """A model in the middle of texts."""

    def __call__(self, ids: Int[Tensor, "B L"]) -> Float[Tensor, "B V"]:
        """Read on, and return the logits for what follows. The first call brings the whole prompt."""

    def reorder(self, rows: Int[Tensor, " N"]) -> None:
        """Text i becomes what text `rows[i]` was, for as many texts as there are `rows`."""


@torch.no_grad()
def greedy(
    step: Callable[[Tensor], Tensor],
    ids: Int[Tensor, "B L"],
    *,
    stop: Sequence[int] = (),
    max_new: int = 50,
    pad: int = 0,
) -> Int[Tensor, "B N"]:
    """The most probable token, again and again: up to `max_new` new tokens, or a `stop` id and then padding.

    `step` is a `Step`, or any function that does its first half. Errors: ValueError without a prompt.
    """
    _check(ids, max_new)
    stops, going, new = ids.new_tensor(stop), ids.new_ones(len(ids), dtype=torch.bool), []
    for _ in range(max_new):
        ids = step(ids).argmax(-1, keepdim=True).where(going[:, None], pad)
        new.append(ids)
        going = going & ~torch.isin(ids[:, 0], stops)
        if not going.any():
            break
    return torch.cat(new, 1)


class Beams(NamedTuple):
    """Texts for each prompt, best first: their new tokens, padded, and their scores."""

    ids: Int[Tensor, "B k N"]
    scores: Float[Tensor, "B k"]


Penalty = Callable[[int], float]  # from a text's number of new tokens to what its log-probability is divided by


def gnmt(alpha: float = 0.6) -> Penalty:
    """((5 + n) / 6)^alpha: long texts are less probable, and this makes up for some of it; 0 for none of it.

    Source: Wu 2016 (1609.08144), equation 14. `transformers` has n^alpha in its place: `lambda n: n**alpha`.

    >>> gnmt(0.5)(19)
    2.0
    """
    return lambda n: ((5 + n) / 6) ** alpha


@torch.no_grad()
def beam(
    step: Step,
    ids: Int[Tensor, "B L"],
    *,
    n_beams: int = 4,
    n_best: int = 1,
    stop: Sequence[int] = (),
    max_new: int = 50,
    pad: int = 0,
    penalty: Penalty = gnmt(0.6),  # noqa: B008 - a function, and never changed
    early: bool = False,
) -> Beams:
    """The `n_best` texts that a search finds which reads on from the `n_beams` most probable beginnings.

        score = log p(new tokens) / penalty(n)          n counts the stop id

    A text is finished by a `stop` id, or by `max_new` tokens. The search ends when no beginning can still get among
    the `n_best` finished texts, even if all its further tokens were certain; with `early`, when none would as it
    stands, which is quicker and may miss a longer, better one. Wide enough, a beam finds the best text that there is.
    Source: Wu 2016 (1609.08144), section 7. With `n_best=n_beams` and `penalty=lambda n: n**length_penalty` it is
    `generate` of `transformers` with `early_stopping="never"`, or, if `early`, with `early_stopping=False`.
    """
    _check(ids, max_new, n_beams, n_best)
    stops, rows = ids.new_tensor(stop), torch.arange(len(ids), device=ids.device)[:, None].expand(-1, n_beams)
    logits = step(ids)[rows.flatten()]
    step.reorder(rows.flatten())
    finished = Beams(ids.new_full((*rows.shape, max_new), pad), logits.new_full(rows.shape, -torch.inf))
    running = Beams(finished.ids, finished.scores.index_fill(1, rows.new_zeros(1), 0.0))  # the others are its copies
    going = ids.new_ones((len(ids), 1), dtype=torch.bool)
    for n in range(1, max_new + 1):
        parents, grown = _grow(running, logits, n, n_beams * (1 + len(stop)))
        ends = torch.isin(grown.ids[..., n - 1], stops) | (n == max_new)
        counts = ends & going & (torch.arange(ends.shape[1], device=ids.device) < n_beams)
        scores = (grown.scores / penalty(n)).where(counts, -torch.inf)
        _, finished = _best(torch.cat([finished.ids, grown.ids], 1), torch.cat([finished.scores, scores], 1), n_beams)
        kept, running = _best(grown.ids, grown.scores.masked_fill(ends, -torch.inf), n_beams)
        reach = penalty(n) if early else max(penalty(n), penalty(max_new))
        going = going & (running.scores[:, :1] / reach > finished.scores[:, n_best - 1 : n_best])
        if not going.any():
            break
        parents = (rows[:, :1] * n_beams + parents.gather(1, kept)).flatten()
        step.reorder(parents)
        logits = step(running.ids[..., n - 1].reshape(-1, 1))
    return Beams(finished.ids[:, :n_best, :n], finished.scores[:, :n_best])


def _grow(beams: Beams, logits: Float[Tensor, "Bk V"], n: int, k: int) -> tuple[Int[Tensor, "B m"], Beams]:
    """The k most probable texts with an n-th token, and which of the beams each goes on from."""
    total = (beams.scores[..., None] + logits.log_softmax(-1).view(*beams.scores.shape, -1)).flatten(1)
    scores, where = total.topk(min(k, total.shape[1]))
    n_tokens = logits.shape[-1]
    parents = where // n_tokens
    ids = beams.ids.take_along_dim(parents[..., None], 1)
    ids[..., n - 1] = where % n_tokens
    return parents, Beams(ids, scores)


def _best(ids: Int[Tensor, "B m N"], scores: Float[Tensor, "B m"], k: int) -> tuple[Int[Tensor, "B k"], Beams]:
    """The k texts with the highest scores, best first, and where they stood."""
    scores, where = scores.topk(k)
    return where, Beams(ids.take_along_dim(where[..., None], 1), scores)


def texts(ids: Int[Tensor, "B N"], stop: Iterable[int] = ()) -> list[list[int]]:
    """Each row as a list that ends before its first `stop` id.

    >>> texts(torch.tensor([[5, 7, 2, 0], [5, 2, 0, 0]]), stop=[2])
    [[5, 7], [5]]
    """
    stops = set(stop)
    return [list(takewhile(lambda token: token not in stops, row)) for row in ids.tolist()]


def _check(ids: Tensor, max_new: int, n_beams: int = 1, n_best: int = 1) -> None:
    """ValueError unless there is a prompt, and something to do."""
    if ids.ndim != 2 or ids.shape[1] < 1:
        raise ValueError(f"ids of shape {tuple(ids.shape)}; give (texts, tokens), one token at least, such as `bos`")
    if max_new < 1 or not 1 <= n_best <= n_beams:
        raise ValueError(f"{max_new=}, {n_beams=}, {n_best=}; all count from 1, and n_best goes up to n_beams")
