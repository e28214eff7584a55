"""Best of n: draw n answers and keep the one with the highest score. Nothing is trained, but each answer costs n.

Source: Stiennon 2020 (2009.01325), figure 5 and appendix G.3; Nakano 2021 (2112.09332, WebGPT), section 3.2.
"""

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.align._parts import PerText, Score, check_shapes
from course_utils.align.texts import Lists, Texts, draw


class Best(NamedTuple):
    """The best answer to each prompt, its score, and the scores of all n."""

    texts: Texts
    scores: Float[Tensor, " B"]
    all_scores: Float[Tensor, "B n"]


@torch.no_grad()
def best_of_n(model: Any, prompts: Lists, score: Score, n: int, **drawing: Any) -> Best:
    """Draw n answers to each prompt and keep the best. `score(ids, answer)`: a `RewardModel`, or any function.

    `drawing`: the arguments of `align.texts.draw`. Errors: ValueError unless n is a whole number of at least 1.

    >>> from course_utils.models.gpt2 import GPT2, TINY
    >>> most_of_7 = lambda ids, answer: ((ids == 7) & answer).sum(1).float()
    >>> best_of_n(GPT2(TINY), [[5, 6]], most_of_7, n=3, max_new=4).all_scores.shape
    torch.Size([1, 3])
    """
    _check_n(n)
    texts = draw(model, [prompt for prompt in prompts for _ in range(n)], **drawing)
    scores = score(*texts).view(len(prompts), n)
    best = scores.max(1)
    rows = best.indices + torch.arange(len(prompts), device=scores.device) * n
    return Best(Texts(texts.ids[rows], texts.answer[rows]), best.values, scores)


def kl_bound(n: int) -> float:
    """log n - (n - 1) / n: how far, in nats, the best of n is from the policy that drew them: its KL, at most.

    It is the KL itself where no two answers are equal or have equal scores.
    Source: Stiennon 2020 (2009.01325), appendix G.3; that it is a bound: Beirami 2024 (2401.01879), theorem 1.

    >>> round(kl_bound(4), 4)  # ln 4 - 3/4
    0.6363
    """
    _check_n(n)
    return math.log(n) - (n - 1) / n


def expected_best(scores: Float[Tensor, "B N"], n: int, gold: Float[Tensor, "B N"] | None = None) -> PerText:
    """The mean score of the best of n answers, estimated without bias from N >= n answers to each prompt.

        sum over i of (i - 1 choose n - 1) / (N choose n) s_i          s_1 <= s_2 <= ... <= s_N

    The fraction is the share of the sets of n among the N whose best is s_i. With `gold`, the mean of another score of
    the answer that `scores` finds best: what is wanted of it, while `scores` chooses. Among equal scores the later one
    is taken.
    Errors: ValueError for n above N, or below 1.
    Source: Nakano 2021 (2112.09332); Hilton and Gao 2022, "Measuring Goodhart's law".

    >>> expected_best(torch.tensor([[1.0, 2.0, 6.0]]), n=2)  # of the 3 pairs, 2 have 6 as the best, 1 has 2
    tensor([4.6667])
    """
    _check_n(n)
    values = scores if gold is None else gold
    check_shapes(2, scores=scores, gold=values)
    size = scores.shape[1]
    if n > size:
        raise ValueError(f"the best of {n=} cannot be estimated from {size} answers; draw at least as many")
    shares = [math.comb(i, n - 1) / math.comb(size, n) for i in range(size)]
    return values.gather(1, scores.argsort(dim=1, stable=True)) @ scores.new_tensor(shares)


def _check_n(n: Any) -> None:
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ValueError(f"{n=} is not possible; it counts answers, from 1")
