"""A reward model: a score for an answer, learnt from which of several answers people like better.

    P(a is preferred to b) = sigmoid(score(a) - score(b))          Bradley and Terry 1952

Only differences of scores count, so a constant is free; `centre` chooses it before reinforcement learning.

Source: Stiennon 2020 (2009.01325), equation 1 of section 3.4, two answers; Ouyang 2022 (2203.02155), equation 1, K.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_utils.align._parts import Ids, Mask, Number, PerText, PositionScores, Scalar, as_mask, check_shapes, last
from course_utils.align.texts import Lists, evaluating, join
from course_utils.train.batches import Batches, shuffled


def pairwise_loss(chosen: PerText, rejected: PerText, margin: Number | PerText = 0.0) -> Scalar:
    """-log sigmoid(chosen - rejected - margin), the mean over the pairs: -log P of what people said.

    `margin`: by how much the chosen one should be ahead, a number or one a pair.
    Errors: ValueError unless there are as many chosen as rejected scores, and as many margins or one.
    Source: Ouyang 2022 (2203.02155), equation 1 with K = 2; the margin: Touvron 2023 (2307.09288), equation 2.

    >>> pairwise_loss(torch.tensor([2.0]), torch.tensor([2.0]))  # ln 2: no idea
    tensor(0.6931)
    """
    check_shapes(1, chosen=chosen, rejected=rejected)
    if isinstance(margin, Tensor) and margin.shape not in ((), chosen.shape):
        raise ValueError(f"{tuple(margin.shape)} margins for {len(chosen)} pairs; give one for each, or one number")
    return -F.logsigmoid(chosen - rejected - margin).mean()


def ranking_loss(scores: Float[Tensor, "B n"]) -> Scalar:
    """-log sigmoid(score of the better - score of the worse), the mean over all K (K - 1) / 2 pairs of K answers.

    scores[i] belong to the K answers to one prompt, best first. All pairs of a prompt make one example: each answer
    is read once, and the pairs, which are no independent evidence, don't make it overfit.
    Errors: ValueError for less than two answers.
    Source: Ouyang 2022 (2203.02155), equation 1.

    >>> ranking_loss(torch.tensor([[3.0, 3.0, 3.0]]))  # ln 2 for each of the 3 pairs
    tensor(0.6931)
    """
    check_shapes(2, scores=scores)
    if scores.shape[1] < 2:
        raise ValueError("one answer a prompt cannot be ranked; give the scores of two at least, best first")
    better, worse = torch.triu_indices(scores.shape[1], scores.shape[1], offset=1, device=scores.device)
    return -F.logsigmoid(scores[:, better] - scores[:, worse]).mean()


def accuracy(chosen: PerText, rejected: PerText) -> float:
    """The share of pairs in which the chosen answer has the higher score; equal scores count a half, as a guess would.

    >>> accuracy(torch.tensor([3.0, 1.0, 2.0]), torch.tensor([1.0, 1.0, 1.0]))
    0.8333333333333334
    """
    check_shapes(1, chosen=chosen, rejected=rejected)
    right = (chosen > rejected).double() + (chosen == rejected).double() / 2
    return float(right.mean())


class RewardModel(PositionScores):
    """A score for each text (B,), read at its last token that the mask has: ids (B, L), mask (B, L).

    `body`: a model with `hidden(ids)`, or one that returns hidden states (B, L, D) itself, which is used, not copied:
    give `copy.deepcopy(model)` if the model is to stay as it is. The mask may be that of the answer.
    Errors: ValueError for a text without a token that counts.
    Source: Ouyang 2022 (2203.02155), section 3.5: the model without its last layer, and a scalar on top.

    >>> from course_utils.models.gpt2 import GPT2, TINY
    >>> ids = torch.tensor([[5, 6, 0], [5, 6, 7]])
    >>> RewardModel(GPT2(TINY), TINY.d_model)(ids, ids > 0).shape
    torch.Size([2])
    """

    def forward(self, ids: Ids, mask: Mask) -> PerText:
        check_shapes(2, ids=ids, mask=mask)
        end = last(as_mask(mask, each=True))
        return self.positions(ids).gather(1, end[:, None])[:, 0]


@torch.no_grad()
def centre(model: RewardModel, ids: Ids, mask: Mask) -> float:
    """Change the bias so that the mean score of these texts is 0, and return the mean that it was.

    Give texts of people, such as those of `sft`; then a score says how much better than they an answer is.
    Source: Ouyang 2022 (2203.02155), section 3.5: "labeler demonstrations achieve a mean score of 0".
    """
    with evaluating(model):
        mean = model(ids, mask).mean()
    model.head.bias.sub_(mean)
    return float(mean)


def comparison_loss(model: nn.Module, batch: tuple[Int[Tensor, "B n L"], Tensor]) -> Scalar:
    """For `fit`: `ranking_loss` of the model's scores for texts (B, K, L), best first, and where their answers are."""
    ids, answer = batch
    return ranking_loss(model(ids.flatten(0, 1), answer.flatten(0, 1)).view(ids.shape[:2]))


def rank_batches(prompts: Lists, ranked: Sequence[Lists], batch_size: int, pad: int = 0, seed: int = 0) -> Batches:
    """For `fit` with `comparison_loss`: prompts in random order, each with its K answers, best first.

    A batch is ids and answer mask, both (B, K, L). Errors: ValueError unless each prompt has K >= 2 answers.

    >>> ids, answer = rank_batches([[7, 8]], [[[5, 2], [2]]], batch_size=1)(0)
    >>> ids
    tensor([[[7, 8, 5, 2],
             [7, 8, 2, 0]]])
    """
    counts = sorted({len(answers) for answers in ranked})
    if len(prompts) != len(ranked) or len(counts) != 1 or counts[0] < 2:
        raise ValueError(
            f"{len(prompts)} prompts, {len(ranked)} rankings of {counts} answers; give all as many, K >= 2"
        )
    rows = shuffled(torch.arange(len(prompts)), batch_size=batch_size, seed=seed)

    def batch(step: int) -> Any:
        chosen = rows(step).tolist()
        texts = join([prompts[i] for i in chosen for _ in ranked[i]], [a for i in chosen for a in ranked[i]], pad)
        return tuple(part.view(len(chosen), counts[0], -1) for part in texts)

    return batch
