"""From noise to pictures: the random walk of DDPM, and DDIM, which can do without chance and with few steps.

At step t both ask the denoiser for the picture x_0 and the noise epsilon in x_t, and go to x_before, which has less:

    ddpm   x_before ~ N(posterior mean of x_0 and x_t, small or large variance)
    ddim   x_before = sqrt(b) x_0 + sqrt(1 - b - sigma^2) epsilon + sigma z          b = alpha-bar of the step before

Step by step they equal diffusers' `DDPMScheduler` and `DDIMScheduler`.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.diffusion.process import Denoiser, Guess, Images, Labels, gaussian, posterior_mean, x0_and_noise
from course_utils.diffusion.schedules import Schedule, Steps, bar_before, step_pairs
from course_utils.train._check import check_number


class State(NamedTuple):
    """Where a sampler stands before a step: x_t, and the picture x_0 that the denoiser sees in it."""

    t: int
    x: Images
    x0: Images


Watch = Callable[[State], object]


@torch.no_grad()
def ddpm(
    model: Denoiser,
    noise: Images,
    bars: Schedule,
    *,
    kind: str = "epsilon",
    steps: Steps = None,
    label: Labels | None = None,
    clip: float | None = None,
    variance: str = "small",
    generator: torch.Generator | None = None,
    watch: Watch | None = None,
) -> Images:
    """Walk from noise to pictures; each step draws from the posterior, as if the picture that is seen were the truth.

    - `model(x, t, label)`: a denoiser that predicts `kind`: "epsilon", "x0" or "v". It is handed `label`.
    - `noise`: x_T ~ N(0, I), as many as pictures are wanted.
    - `steps`: None for all, a number for that many (`trailing`), or a falling list of any of 0 .. T - 1.
    - `clip`: the pictures that the denoiser sees are cut to -clip .. clip.
    - `variance`: "small" for beta-tilde, "large" for beta (see `variances`).
    - `watch(state)`: called before each step with t, x_t and the picture seen in it. The end is what is returned.
    Errors: ValueError for a wrong argument; FloatingPointError, which names the step, when numbers are not finite.
    Source: Ho 2020 (2006.11239), algorithm 2; steps left out: Nichol and Dhariwal 2021 (2102.09672), section 4.
    Differs: the last step adds no noise, whichever it is; diffusers leaves it out at t = 0 only.

    >>> from course_utils.diffusion.schedules import alpha_bars, linear
    >>> def sure(x, t, label):  # whatever it is shown, it sees the picture 1
    ...     return torch.ones_like(x)
    >>> ddpm(sure, torch.randn(1, 2), alpha_bars(linear(10)), kind="x0")
    tensor([[1., 1.]])
    """
    if variance not in ("small", "large"):
        raise ValueError(f"variance={variance!r} is not known; it is small (beta-tilde) or large (beta)")
    x = noise
    for t, before in step_pairs(len(bars), steps):
        guess = see(model, x, t, bars, kind, label, clip, watch)
        bar, b = float(bars[t]), bar_before(bars, before)
        beta = 1 - bar / b
        spread = beta if variance == "large" and before >= 0 else (1 - b) / (1 - bar) * beta
        x = draw(posterior_mean(guess.x0, x, bar, b), spread**0.5, generator)
    return finite(x, "x_0")


@torch.no_grad()
def ddim(
    model: Denoiser,
    noise: Images,
    bars: Schedule,
    *,
    eta: float = 0.0,
    kind: str = "epsilon",
    steps: Steps = None,
    label: Labels | None = None,
    clip: float | None = None,
    reclip: bool = True,
    last: float = 1.0,
    generator: torch.Generator | None = None,
    watch: Watch | None = None,
) -> Images:
    """Walk from noise to pictures without chance (`eta` = 0), as randomly as DDPM (1), or something in between.

    With eta = 0 the same noise gives the same picture, and nearby noise a nearby one: many steps follow a differential
    equation, few steps follow it coarsely. The other arguments are those of `ddpm`, and
    - `reclip`: after clipping, take the noise from x_t and the cut picture, so that both still make up x_t, and eta = 1
      is DDPM with the small variance. It is diffusers' `use_clipped_model_output`, which is off there by default:
      then picture and noise no longer fit, and strong guidance spoils what it should make clearer.
    - `last`: alpha-bar after the last step; `float(bars[0])` is diffusers' `set_alpha_to_one=False`.
    Errors: as `ddpm`; ValueError for an eta that is not 0 .. 1.
    Source: Song 2020 (2010.02502), equations 12 and 16.
    Differs: a step goes to the next one of `steps`. diffusers goes down by T // n, which for some spacings (`linspace`,
    `trailing` if n does not divide T) is not the step that comes next.

    >>> from course_utils.diffusion.schedules import alpha_bars, linear
    >>> bars, noise = alpha_bars(linear(10)), torch.ones(1, 1)
    >>> def silent(x, t, label):  # it sees no noise: then x only grows, to x / sqrt(alpha-bar)
    ...     return torch.zeros_like(x)
    >>> torch.allclose(ddim(silent, noise, bars, steps=3), noise / bars[-1].sqrt().float())
    True
    """
    check_number("last", last, low=float(bars[0]), high=1)
    x = noise
    for t, before in step_pairs(len(bars), steps):
        guess = see(model, x, t, bars, kind, label, clip, watch)
        if reclip and clip is not None:
            guess = x0_and_noise(guess.x0, x, t, bars, "x0")
        x = ddim_step(guess, float(bars[t]), bar_before(bars, before, last), eta, generator)
    return finite(x, "x_0")


def ddim_step(guess: Guess, bar: float, before: float, eta: float, generator: torch.Generator | None = None) -> Images:
    """x_before of equation 12, from what is seen in x_t; sigma of equation 16.

        sigma = eta sqrt((1 - before) / (1 - bar)) sqrt(1 - bar / before)

    >>> ddim_step(Guess(torch.tensor([[1.0]]), torch.tensor([[0.5]])), bar=0.3, before=0.64, eta=0.0)
    tensor([[1.1000]])
    """
    check_number("eta", eta, low=0, high=1)
    sigma = eta * ((1 - before) / (1 - bar) * (1 - bar / before)) ** 0.5
    direction = (1 - before - sigma**2) ** 0.5
    return draw(before**0.5 * guess.x0 + direction * guess.noise, sigma, generator)


def see(
    model: Denoiser,
    x: Images,
    t: int,
    bars: Schedule,
    kind: str,
    label: Labels | None = None,
    clip: float | None = None,
    watch: Watch | None = None,
) -> Guess:
    """The picture that the denoiser sees in x_t, cut to -clip .. clip, and the noise, as the denoiser said it.

    Somebody who watches is told before the step is taken.

    Errors: FloatingPointError when x_t, or what the denoiser says of it, is not finite.

    >>> bars = torch.tensor([0.64], dtype=torch.float64)
    >>> see(lambda x, t, label: -x, torch.ones(1, 1), 0, bars, "epsilon", clip=1.0)
    Guess(x0=tensor([[1.]]), noise=tensor([[-1.]]))
    """
    finite(x, f"step t={t}: x_t")
    output = model(x, torch.full((len(x),), t, device=x.device), label)
    guess = x0_and_noise(finite(output, f"step t={t}: what the denoiser says of x_t"), x, t, bars, kind)
    if clip is not None:
        check_number("clip", clip, low=0)
        guess = guess._replace(x0=guess.x0.clamp(-clip, clip))
    if watch is not None:
        watch(State(t, x, guess.x0))
    return guess


def draw(mean: Images, std: float, generator: torch.Generator | None = None) -> Images:
    """A sample of N(mean, std^2); without spread no random number is used.

    >>> draw(torch.ones(1, 2), 0.0)
    tensor([[1., 1.]])
    """
    if not std:
        return mean
    return mean + std * gaussian(mean.shape, mean, generator)


def finite(x: Tensor, what: str) -> Tensor:
    """x itself; FloatingPointError when a number of it is not finite."""
    if not bool(x.isfinite().all()):
        raise FloatingPointError(
            f"{what} is not finite. Usual reasons: the denoiser was trained for another kind of prediction than `kind` "
            "says, on another schedule, or diverged in training; or the guidance is too strong: try clip=1.0"
        )
    return x
