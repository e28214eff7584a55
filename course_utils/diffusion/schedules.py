"""Schedules: how fast the noise comes in, and at which of the steps a sampler stops.

A schedule is its betas: the variance of the noise that each step adds. All that follows hangs on their running product

    alpha-bar_t = (1 - beta_0) (1 - beta_1) ... (1 - beta_t)

the share of the picture's variance that is left after step t. It is what every function of this package takes, as
`bars`: (T,), in float64. Before the first step it is 1.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from course_utils.train._check import check_number

Schedule = Float64[Tensor, " T"]
Steps = int | Sequence[int] | Tensor | None  # how many, or which, or all of them


def linear(n_steps: int, start: float = 1e-4, end: float = 0.02) -> Schedule:
    """Betas that grow evenly from `start` to `end`.

    The defaults are made for 1000 steps, which leave 0.004 % of the variance. With n steps multiply both by 1000 / n.
    Errors: TypeError and ValueError for less than one step, or betas that are not between 0 and 1.
    Source: Ho 2020 (2006.11239), section 4.

    >>> linear(3, 0.1, 0.3).tolist()
    [0.1, 0.2, 0.3]
    """
    check_number("n_steps", n_steps, low=1, whole=True)
    betas = torch.linspace(start, end, n_steps, dtype=torch.float64)
    _check_betas(betas)
    return betas


def cosine(n_steps: int, offset: float = 0.008) -> Schedule:
    """Betas whose alpha-bars fall like a squared cosine: slowly at both ends, for small pictures.

        alpha-bar(u) = f(u) / f(0)      f(u) = cos^2((u + s) / (1 + s) pi / 2)      u = 1/T, 2/T, ... 1

    s = `offset` makes the first steps less tiny. No beta is above 0.999, or the last one would be 1.
    Errors: TypeError and ValueError for less than one step, or a negative offset.
    Source: Nichol and Dhariwal 2021 (2102.09672), equation 17.

    >>> alpha_bars(cosine(2, offset=0.0))[0]  # cos^2(45 degrees)
    tensor(0.5000, dtype=torch.float64)
    """
    check_number("n_steps", n_steps, low=1, whole=True)
    check_number("offset", offset, low=0)
    u = torch.arange(n_steps + 1, dtype=torch.float64) / n_steps
    f = torch.cos((u + offset) / (1 + offset) * math.pi / 2) ** 2
    return (1 - f[1:] / f[:-1]).clamp(max=0.999)


def alpha_bars(betas: Schedule) -> Schedule:
    """The running product of 1 - beta: the share of the variance of x_0 that is left in x_t.

    Errors: ValueError for betas that are not between 0 and 1. Source: Ho 2020 (2006.11239), below equation 4.

    >>> alpha_bars(torch.tensor([0.5, 0.5], dtype=torch.float64)).tolist()
    [0.5, 0.25]
    """
    _check_betas(betas)
    return (1 - betas.double()).cumprod(0)


class Variances(NamedTuple):
    """The two variances that a step of DDPM may have, each (N,); the right one is in between.

    `large`: beta_t = 1 - alpha-bar_t / alpha-bar_before, right if x_0 ~ N(0, I).
    `small`: beta-tilde_t = (1 - alpha-bar_before) / (1 - alpha-bar_t) beta_t, right if x_0 is a single point.
    """

    large: Float64[Tensor, " N"]
    small: Float64[Tensor, " N"]


def variances(bars: Schedule, steps: Steps = None) -> Variances:
    """Both variances of each step, in the order of `steps`: from noise to picture.

    Of a subset the steps are longer: beta_t is what lies between a step and the next one of the subset.
    Source: Ho 2020 (2006.11239), section 3.2 and equation 7; subsets: Nichol and Dhariwal 2021, section 4.

    >>> variances(torch.tensor([0.5, 0.25], dtype=torch.float64)).small.tolist()
    [0.3333333333333333, 0.0]
    """
    chosen = [(float(bars[t]), bar_before(bars, before)) for t, before in step_pairs(len(bars), steps)]
    bar, before = torch.tensor(chosen, dtype=torch.float64).T
    large = 1 - bar / before
    return Variances(large, (1 - before) / (1 - bar) * large)


# Which steps, and how they are spaced


def leading(n_train: int, n_steps: int, offset: int = 0) -> list[int]:
    """Every (T // n)-th step from `offset` on, the last one first. It never begins at pure noise.

    Errors: ValueError for more steps than there are, or an offset that leads beyond them.
    Source: Lin 2023 (2305.08891), table 2; diffusers' `timestep_spacing="leading"`, with its `steps_offset`.

    >>> leading(10, 3)
    [6, 3, 0]
    """
    _check_spacing(n_train, n_steps)
    check_number("offset", offset, low=0, whole=True)
    first = (n_steps - 1) * (n_train // n_steps) + offset
    if first >= n_train:
        raise ValueError(f"offset={offset} begins at step {first}, and the last of {n_train} is {n_train - 1}")
    return [first - i * (n_train // n_steps) for i in range(n_steps)]


def trailing(n_train: int, n_steps: int) -> list[int]:
    """Steps evenly spaced from the last one down: the best choice when they are few, and ours by default.

    Errors: ValueError for more steps than there are.
    Source: Lin 2023 (2305.08891), table 2; diffusers' `timestep_spacing="trailing"`.
    Differs: always `n_steps` of them. Rounding errors make diffusers take one more, step -1, for some numbers.

    >>> trailing(10, 3)
    [9, 6, 2]
    """
    _check_spacing(n_train, n_steps)
    spaced = np.arange(n_train, 0, -n_train / n_steps)[:n_steps]
    return (spaced.round().astype(int) - 1).tolist()


def linspace(n_train: int, n_steps: int) -> list[int]:
    """Steps evenly spaced with both ends, T - 1 and 0. A single one is step 0, which cannot begin at noise.

    Errors: ValueError for more steps than there are.
    Source: Lin 2023 (2305.08891), table 2; diffusers' `timestep_spacing="linspace"`.

    >>> linspace(10, 3)
    [9, 4, 0]
    """
    _check_spacing(n_train, n_steps)
    gap = (n_train - 1) / max(1, n_steps - 1)
    return [round(i * gap) for i in reversed(range(n_steps))]


def step_pairs(n_train: int, steps: Steps = None) -> list[tuple[int, int]]:
    """Each step with the one that follows it on the way to the picture; after the last comes -1, the picture itself.

    `steps`: None for all, a number for that many (`trailing`), or the steps themselves, from noise to picture.
    Errors: ValueError for no steps, steps that do not fall, or that are not 0 .. T - 1; TypeError for no whole numbers.

    >>> step_pairs(1000, [999, 499, 99])
    [(999, 499), (499, 99), (99, -1)]
    """
    if steps is None or isinstance(steps, int | np.integer):
        steps = trailing(n_train, n_train if steps is None else int(steps))
    chosen: list[Any] = steps.tolist() if isinstance(steps, Tensor) else list(steps)
    for t in chosen:
        check_number("a step in steps", t, low=0, high=n_train - 1, whole=True)
    if not chosen or any(t <= after for t, after in pairwise(chosen)):
        raise ValueError(f"steps={_short(chosen)}; give at least one, falling, as in {trailing(n_train, 1)}")
    return list(pairwise([*map(int, chosen), -1]))


def bar_before(bars: Schedule, t: int, last: float = 1.0) -> float:
    """alpha-bar of step t, and `last` for t = -1: where no step is left.

    >>> bar_before(alpha_bars(linear(10)), -1)
    1.0
    """
    return float(bars[t]) if t >= 0 else last


def _short(steps: list[int]) -> str:
    return str(steps) if len(steps) < 8 else f"[{', '.join(map(str, steps[:7]))}, ...]"


def _check_betas(betas: Any) -> None:
    if not isinstance(betas, Tensor) or betas.ndim != 1 or not len(betas) or not betas.is_floating_point():
        raise TypeError("betas are a row of numbers, at least one, as `linear` and `cosine` make it")
    if not bool(((betas > 0) & (betas < 1)).all()):
        low, high = float(betas.min()), float(betas.max())
        raise ValueError(f"betas from {low:g} to {high:g}; they are variances, above 0 and below 1")


def _check_spacing(n_train: int, n_steps: int) -> None:
    check_number("n_train", n_train, low=1, whole=True)
    check_number("n_steps", n_steps, low=1, high=n_train, whole=True)
