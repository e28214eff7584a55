"""Beam search: several beginnings are read on at once, so that a text may win whose first tokens did not."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.decode.rules import Rule, apply_rules
from course_utils.decode.steps import Step, check_prompt


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
    rules: Sequence[Rule] = (),
    stop: Sequence[int] = (),
    max_new: int = 50,
    pad: int = 0,
    penalty: Penalty = gnmt(0.6),  # noqa: B008 - a function, and never changed
    early: bool = False,
) -> Beams:
    """The `n_best` texts that a search finds which reads on from the `n_beams` most probable beginnings.

        score = log p(new tokens) / penalty(n)          n counts the stop id

    `rules` change the log-probabilities, as they change the logits in `greedy`.
    A text is finished by a `stop` id, or by `max_new` tokens. The search ends when no beginning can still get among
    the `n_best` finished texts, even if all its further tokens were certain; with `early`, when none would as it
    stands, which is quicker and may miss a longer, better one. Wide enough, a beam finds the best text that there is.
    Source: Wu 2016 (1609.08144), section 7. With `n_best=n_beams` and `penalty=lambda n: n**length_penalty` it is
    `generate` of `transformers` with `early_stopping="never"`, or, if `early`, with `early_stopping=False`.
    """
    check_prompt(ids, max_new)
    if not 1 <= n_best <= n_beams:
        raise ValueError(f"{n_beams=}, {n_best=}; both count from 1, and n_best goes up to n_beams")
    stops, rows = ids.new_tensor(stop), torch.arange(len(ids), device=ids.device)[:, None].expand(-1, n_beams)
    prompts, logits = ids[rows.flatten()], step(ids)[rows.flatten()]
    step.reorder(rows.flatten())
    finished = Beams(ids.new_full((*rows.shape, max_new), pad), logits.new_full(rows.shape, -torch.inf))
    running = Beams(finished.ids, finished.scores.index_fill(1, rows.new_zeros(1), 0.0))  # the others are its copies
    going = ids.new_ones((len(ids), 1), dtype=torch.bool)
    for n in range(1, max_new + 1):
        read = torch.cat([prompts, running.ids[..., : n - 1].flatten(0, 1)], 1)
        log_p = apply_rules(rules, logits.log_softmax(-1), read)
        parents, grown = _grow(running, log_p, n, n_beams * (1 + len(stop)))
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


def _grow(beams: Beams, log_p: Float[Tensor, "Bk V"], n: int, k: int) -> tuple[Int[Tensor, "B m"], Beams]:
    """The k most probable texts with an n-th token, and which of the beams each goes on from."""
    total = (beams.scores[..., None] + log_p.view(*beams.scores.shape, -1)).flatten(1)
    scores, where = total.topk(min(k, total.shape[1]))
    n_tokens = log_p.shape[-1]
    parents = where // n_tokens
    ids = beams.ids.take_along_dim(parents[..., None], 1)
    ids[..., n - 1] = where % n_tokens
    return parents, Beams(ids, scores)


def _best(ids: Int[Tensor, "B m N"], scores: Float[Tensor, "B m"], k: int) -> tuple[Int[Tensor, "B k"], Beams]:
    """The k texts with the highest scores, best first, and where they stood."""
    scores, where = scores.topk(k)
    return where, Beams(ids.take_along_dim(where[..., None], 1), scores)
