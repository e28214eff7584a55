"""What `fit` minimises: a function of a model and a batch, and the mean of it over held-out data.

A loss returns its mean over the batch, one number. Better, it returns (sum, count): the sum over what it counts, such
as the targets that are not masked, and how many there are. Then several processes, and several batches of different
size, give exactly the mean over all that is counted.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.train._check import check_callable
from course_utils.train.batches import IGNORE, on_tensors
from course_utils.train.team import device_of

Loss = Callable[[nn.Module, Any], Any]


def cross_entropy(model: nn.Module, batch: Any) -> tuple[Tensor, Tensor]:
    """-log softmax(model(*inputs))[target], in nats: its sum, and the number of targets that are not -100.

    `batch` is (inputs, ..., targets): `model(inputs, ...)` returns logits (..., V), one row for each target (...).
    Errors: TypeError for another kind of batch or output.

    >>> uniform = nn.Embedding.from_pretrained(torch.zeros(4, 8))
    >>> total, count = cross_entropy(uniform, (torch.tensor([[0, 1, 2]]), torch.tensor([[1, 2, -100]])))
    >>> round(float(total / count), 4), int(count)  # ln 8
    (2.0794, 2)
    """
    if not isinstance(batch, (tuple, list)) or len(batch) < 2:
        raise TypeError(f"cross_entropy takes batches (inputs, targets), not {type(batch).__name__}; or give a `loss`")
    *inputs, targets = batch
    logits = model(*inputs)
    if not isinstance(logits, Tensor):
        raise TypeError(
            f"the model returned {type(logits).__name__}, not a tensor of logits; give a `loss` of your own"
        )
    if logits.shape[:-1] != targets.shape:
        raise ValueError(f"logits {tuple(logits.shape)} don't fit targets {tuple(targets.shape)}: one row for each")
    total = F.cross_entropy(logits.flatten(0, -2), targets.flatten(), ignore_index=IGNORE, reduction="sum")
    return total, (targets != IGNORE).sum()


def mean_loss(model: nn.Module, batches: Iterable[Any], loss: Loss = cross_entropy) -> float:
    """The mean loss over some batches, without training: dropout off, no gradient, the model's mode as it was.

    With a loss that returns (sum, count) it is the mean over all that was counted; otherwise over the batches.

    >>> uniform = nn.Embedding.from_pretrained(torch.zeros(4, 8))
    >>> round(mean_loss(uniform, [(torch.tensor([0]), torch.tensor([1])), (torch.tensor([2]), torch.tensor([3]))]), 4)
    2.0794
    """
    check_callable("loss", loss, "give a function of the model and a batch")
    device, training = device_of(model), model.training
    total, count = 0.0, 0.0
    model.eval()
    try:
        with torch.no_grad():
            for batch in batches:
                one, n = pair(loss(model, on_tensors(lambda tensor: tensor.to(device), batch)))
                total, count = total + float(one), count + float(n)
    finally:
        model.train(training)
    if not count:
        raise ValueError("there is nothing to take the mean of: no batch, or none with a target that counts")
    return total / count


def pair(out: Any, weight: float = 1.0) -> tuple[Tensor, Any]:
    """What a loss returned as (sum, count); a mean counts as often as `weight` says.

    Errors: TypeError for anything else.
    """
    total, count = out if isinstance(out, tuple) and len(out) == 2 else (out, None)
    if not isinstance(total, Tensor) or total.ndim:
        shape = f" of shape {tuple(total.shape)}" if isinstance(total, Tensor) else ""
        raise TypeError(
            f"loss(model, batch) returned {type(out).__name__}{shape}; it must return one number as a tensor, the mean "
            "loss, or the pair (sum, count)"
        )
    return (total * weight, weight) if count is None else (total, count)
