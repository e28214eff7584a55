"""The optimiser and its learning rate: AdamW with the right decay groups, and schedules as functions of the step.

A schedule says what the learning rate is multiplied with in each step, counted from 0. Any function from a step to a
number is one: `lambda step: 0.5 ** (step // 1000)` halves the rate every thousand steps.
"""

import math
from collections.abc import Callable

import torch
from torch import nn

from course_utils.train._check import check_number

Schedule = Callable[[int], float]


def adamw(
    model: nn.Module, lr: float = 3e-4, weight_decay: float = 0.1, betas: tuple[float, float] = (0.9, 0.99)
) -> torch.optim.AdamW:
    """AdamW over the trainable parameters of a model, which pulls its matrices towards 0 and nothing else.

    w <- w - lr * (m / (sqrt(v) + eps) + weight_decay * w), with m and v the running means of g and g^2.

    Not decayed: vectors (norms and biases, where 0 means nothing special) and the tables of `nn.Embedding` (a rare
    token's row would shrink in every step in which the token does not occur). A shared matrix counts once; a head
    tied to an embedding is that embedding.
    `betas`: 0.99 remembers a hundred gradients. PyTorch's 0.999 is for runs of many thousand steps.
    Errors: ValueError for a number out of its range, and for a model in which nothing is trainable.
    Source: Loshchilov and Hutter 2017 (1711.05101), algorithm 2; the groups as in GPT-2's successors.
    Differs: minGPT's heirs decay embeddings too.

    >>> decayed, free = adamw(nn.Sequential(nn.Embedding(9, 2), nn.Linear(2, 3))).param_groups
    >>> [tuple(p.shape) for p in decayed["params"]], [tuple(p.shape) for p in free["params"]]
    ([(3, 2)], [(9, 2), (3,)])
    """
    check_number("lr", lr, low=0)
    check_number("weight_decay", weight_decay, low=0)
    tables = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    trainable = [p for p in model.parameters() if p.requires_grad]
    if not trainable:
        raise ValueError("nothing to train: the model has no parameter with requires_grad=True")
    decayed = [p for p in trainable if p.ndim >= 2 and id(p) not in tables]
    free = [p for p in trainable if p.ndim < 2 or id(p) in tables]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=lr, betas=betas, fused=True)


def constant(step: int) -> float:
    """The learning rate as it is.

    >>> constant(0), constant(1000)
    (1.0, 1.0)
    """
    return 1.0


def warmup_cosine(steps: int, warmup: int = 0, floor: float = 0.1) -> Schedule:
    """Up in a straight line for `warmup` steps, then down half a cosine wave, to `floor` in the last of `steps`.

    Source: Loshchilov and Hutter 2016 (1608.03983), equation 5, with one period; the floor as in GPT-3 (2005.14165).

    >>> rate = warmup_cosine(steps=6, warmup=2, floor=0.0)
    >>> [round(rate(step), 3) for step in range(6)]
    [0.5, 1.0, 0.854, 0.5, 0.146, 0.0]
    """
    _check_schedule(steps, warmup, floor)

    def rate(step: int) -> float:
        down = _way_down(step, steps, warmup)
        return _way_up(step, warmup) * (floor + (1 - floor) * (1 + math.cos(math.pi * down)) / 2)

    return rate


def warmup_linear(steps: int, warmup: int = 0, floor: float = 0.0) -> Schedule:
    """Up in a straight line for `warmup` steps, then down in a straight line, to `floor` in the last of `steps`.

    Source: Devlin 2018 (1810.04805), appendix A.2.

    >>> rate = warmup_linear(steps=6, warmup=2)
    >>> [rate(step) for step in range(6)]
    [0.5, 1.0, 0.75, 0.5, 0.25, 0.0]
    """
    _check_schedule(steps, warmup, floor)
    return lambda step: _way_up(step, warmup) * (1 - (1 - floor) * _way_down(step, steps, warmup))


def inverse_sqrt(warmup: int) -> Schedule:
    """Up in a straight line for `warmup` steps, then down with one over the square root of the step, for ever.

    With t = step + 1: min(t / warmup, sqrt(warmup / t)), so that the highest value is 1.
    Source: Vaswani 2017 (1706.03762), equation 3, whose rates are these times `lr = (d_model * warmup) ** -0.5`.

    >>> rate = inverse_sqrt(warmup=4)
    >>> [rate(step) for step in (0, 3, 15, 63)]
    [0.25, 1.0, 0.5, 0.25]
    """
    check_number("warmup", warmup, low=1, whole=True)
    return lambda step: min((step + 1) / warmup, math.sqrt(warmup / (step + 1)))


def _way_up(step: int, warmup: int) -> float:
    return 1.0 if step + 1 >= warmup else (step + 1) / warmup


def _way_down(step: int, steps: int, warmup: int) -> float:
    """0 while it warms up, 1 in the last step and after it."""
    return min(1.0, max(0.0, (step + 1 - warmup) / (steps - warmup)))


def _check_schedule(steps: int, warmup: int, floor: float) -> None:
    check_number("steps", steps, low=1, whole=True)
    check_number("warmup", warmup, low=0, whole=True)
    check_number("floor", floor, low=0, high=1)
    if warmup >= steps:
        raise ValueError(f"warmup={warmup} leaves none of steps={steps} to come down; give a shorter warm-up")
