"""Direct preference optimisation: from comparisons straight to a policy, with no reward model and no sampling.

The best policy for a reward r at KL price beta is ref(y) exp(r(y) / beta) / Z. Solved for r, it is
beta log(policy(y) / ref(y)) + const, and the loss of a reward model becomes a loss of the policy.

Source: Rafailov 2023 (2305.18290).
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_utils.align._parts import (
    Ids,
    Mask,
    Number,
    PerText,
    Scalar,
    as_mask,
    check_positive,
    check_shapes,
    masked,
)
from course_utils.align.texts import Lists, evaluating, join, select_logp, token_logp
from course_utils.train._check import check_number
from course_utils.train.batches import Batches, shuffled
from course_utils.train.losses import Loss
from course_utils.train.team import device_of


def sequence_logp(
    logits: Float[Tensor, "B L V"], ids: Int[Tensor, "B L"], mask: Mask, average: bool = False
) -> PerText:
    """log p of each text's tokens that the mask has: their sum, or with `average` their mean, in nats.

    logits[:, i] is what the model says of ids[:, i]: `model(ids[:, :-1])`, `ids[:, 1:]`, `answer[:, 1:]`.
    Errors: ValueError for other shapes, and for a text without a token that counts.

    >>> logits = torch.tensor([[[0.2, 0.8], [0.5, 0.5]]]).log()
    >>> sequence_logp(logits, torch.tensor([[1, 0]]), torch.tensor([[1, 1]])).exp()  # 0.8 * 0.5
    tensor([0.4000])
    """
    check_shapes(2, logits=logits[..., 0], ids=ids, mask=mask)
    counts = as_mask(mask, each=True)
    logits, ids = logits.masked_fill(~counts[..., None], 0.0), ids.masked_fill(~counts, 0)
    return _over_tokens(select_logp(logits, ids), counts, average)


def answer_logp(model: nn.Module, ids: Ids, answer: Mask, average: bool = False) -> PerText:
    """log p of each answer, given its prompt; ids and answer as in `align.texts`.

    >>> uniform = nn.Embedding.from_pretrained(torch.zeros(9, 4))
    >>> answer_logp(uniform, torch.tensor([[7, 3, 2]]), torch.tensor([[0, 1, 1]]))  # 2 ln 1/4
    tensor([-2.7726])
    """
    check_shapes(2, ids=ids, answer=answer)
    return _over_tokens(token_logp(model, ids), as_mask(answer[:, 1:], each=True), average)


def _over_tokens(logp: Float[Tensor, "B L"], mask: Tensor, average: bool) -> PerText:
    total = masked(logp, mask).sum(1)
    return total / mask.sum(1) if average else total


def sigmoid(margin: PerText, beta: Number, label_smoothing: Number) -> PerText:
    """-log sigmoid(beta h), with a share of labels taken to be wrong: Rafailov 2023, equation 7; Mitchell 2023."""
    right, wrong = F.logsigmoid(beta * margin), F.logsigmoid(-beta * margin)
    return -(1 - label_smoothing) * right - label_smoothing * wrong


def hinge(margin: PerText, beta: Number) -> PerText:
    """max(0, 1 - beta h): Zhao 2023 (2305.10425, SLiC), in the form with a reference of Liu 2023 (2309.06657)."""
    return F.relu(1 - beta * margin)


def ipo(margin: PerText, beta: Number) -> PerText:
    """(h - 1 / (2 beta))^2, with beta for tau: Azar 2023 (2310.12036), equation 17."""
    return (margin - 1 / (2 * beta)).square()


KINDS: dict[str, Callable[..., PerText]] = {"sigmoid": sigmoid, "hinge": hinge, "ipo": ipo}
REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {"mean": torch.mean, "sum": torch.sum, "none": torch.clone}


def dpo_loss(
    policy_chosen: PerText,
    policy_rejected: PerText,
    ref_chosen: PerText,
    ref_rejected: PerText,
    beta: Number,
    kind: str = "sigmoid",
    label_smoothing: Number = 0.0,
    reduction: str = "mean",
) -> Float[Tensor, "*B"]:
    """How badly the policy prefers what people prefer, measured against the reference; all are log p of answers.

        h = log(policy(chosen) / ref(chosen)) - log(policy(rejected) / ref(rejected))

        sigmoid   -log sigmoid(beta h)        Rafailov 2023 (2305.18290), equation 7
        hinge     max(0, 1 - beta h)          Zhao 2023 (2305.10425), relative to the reference
        ipo       (h - 1 / (2 beta))^2        Azar 2023 (2310.12036), equation 17

    `label_smoothing`: the share of comparisons that are the wrong way round; -(1 - e) log sigmoid(beta h)
    - e log sigmoid(-beta h), conservative DPO (Mitchell 2023). `reduction`: "mean", "sum" or "none".
    `trl` gives ipo the mean log p of an answer's tokens, `average=True`, where the equation has the sum.
    Errors: ValueError for other kinds and shapes, for beta that is not above 0, for smoothing outside [0, 0.5) or of
    another kind than sigmoid.

    >>> zero = torch.zeros(3)
    >>> dpo_loss(zero, zero, zero, zero, beta=0.1)  # ln 2: the policy is the reference
    tensor(0.6931)
    """
    check_shapes(
        1,
        policy_chosen=policy_chosen,
        policy_rejected=policy_rejected,
        ref_chosen=ref_chosen,
        ref_rejected=ref_rejected,
    )
    loss = _checked(beta, kind, label_smoothing)
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction=}; there are {', '.join(REDUCTIONS)}")
    return REDUCTIONS[reduction](loss((policy_chosen - ref_chosen) - (policy_rejected - ref_rejected)))


def _checked(beta: Number, kind: str, label_smoothing: Number) -> Callable[[Tensor], Tensor]:
    """The loss of a margin h, if its numbers are possible."""
    check_positive(beta=beta)
    check_number("label_smoothing", label_smoothing, low=0)
    if kind not in KINDS:
        raise ValueError(f"{kind=}; there are {', '.join(KINDS)}")
    if label_smoothing >= 0.5:
        raise ValueError(f"{label_smoothing=}; below 0.5, or the labels say nothing, or the opposite")
    if label_smoothing and kind != "sigmoid":
        raise ValueError(f"{label_smoothing=} with {kind=}; smoothing belongs to sigmoid")
    return (
        partial(sigmoid, beta=beta, label_smoothing=label_smoothing)
        if kind == "sigmoid"
        else partial(KINDS[kind], beta=beta)
    )


def implicit_rewards(policy: PerText, ref: PerText, beta: Number) -> PerText:
    """beta log(policy(y) / ref(y)): the reward whose best policy this is, up to a constant for each prompt.

    Source: Rafailov 2023 (2305.18290), equation 5 and the paragraph below equation 7.

    >>> implicit_rewards(torch.tensor([-3.0]), torch.tensor([-5.0]), beta=0.5)
    tensor([1.])
    """
    check_shapes(1, policy=policy, ref=ref)
    check_positive(beta=beta)
    return beta * (policy - ref)


def preference_loss(beta: Number, kind: str = "sigmoid", label_smoothing: Number = 0.0, average: bool = False) -> Loss:
    """A loss for `fit` on the batches of `pair_batches`; with `average`, of the mean log p of an answer's tokens."""
    _checked(beta, kind, label_smoothing)

    def loss(model: nn.Module, batch: Any) -> Scalar:
        ids, answer, ref = batch
        logp = answer_logp(model, ids.flatten(0, 1), answer.flatten(0, 1)).view(ref.shape)
        if average:
            lengths = answer.sum(-1)
            logp, ref = logp / lengths, ref / lengths
        return dpo_loss(logp[:, 0], logp[:, 1], ref[:, 0], ref[:, 1], beta, kind, label_smoothing)

    return loss


@torch.no_grad()
def pair_batches(
    reference: nn.Module,
    prompts: Lists,
    chosen: Lists,
    rejected: Lists,
    batch_size: int,
    pad: int = 0,
    seed: int = 0,
) -> Batches:
    """For `fit` with `preference_loss`: pairs in random order, and how probable the reference finds both answers.

    A batch is ids and answer mask, both (B, 2, L), the chosen one first, and the reference's log p (B, 2), which is
    computed once, here.
    """
    logp, device = [], device_of(reference)
    with evaluating(reference):
        for i in range(0, len(prompts), batch_size):
            part = slice(i, i + batch_size)
            sides = [join(prompts[part], side[part], pad) for side in (chosen, rejected)]
            pair = [answer_logp(reference, texts.ids.to(device), texts.answer.to(device)) for texts in sides]
            logp.append(torch.stack(pair, 1).cpu())
    ref = torch.cat(logp)
    rows = shuffled(torch.arange(len(prompts)), batch_size=batch_size, seed=seed)

    def batch(step: int) -> Any:
        some = rows(step).tolist()
        texts = join(
            [prompts[i] for i in some for _ in range(2)], [s[i] for i in some for s in (chosen, rejected)], pad
        )
        return (*(part.view(len(some), 2, -1) for part in texts), ref[some])

    return batch
