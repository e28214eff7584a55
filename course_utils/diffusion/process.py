"""The noising process in closed form, and the three things that a denoiser may be asked for.

    x_t = a x_0 + s epsilon      a = sqrt(alpha-bar_t),  s = sqrt(1 - alpha-bar_t),  epsilon ~ N(0, I)

    "epsilon"   the noise                        Ho 2020 (2006.11239), section 3.2
    "x0"        the picture                      the same
    "v"         v = a epsilon - s x_0            Salimans and Ho 2022 (2202.00512), section 4

With x_t known each of them tells the other two, so a model that was trained for one can be asked for another. They
differ in what the loss weighs: an error e of x_0 is an error of a / s e of the noise, and of 1 / s e of v.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.diffusion.schedules import Schedule

Images = Float[Tensor, "B *shape"]  # pictures, points, whatever is made of numbers
Times = Int[Tensor, " B"] | int  # one step for each, or one for all
Labels = Int[Tensor, " B"]
Denoiser = Callable[[Tensor, Tensor, Tensor | None], Tensor]  # model(x_t, t, label): epsilon, x_0 or v

KINDS = ("epsilon", "x0", "v")


class Guess(NamedTuple):
    """What a denoiser's output says of both parts of x_t."""

    x0: Images
    noise: Images


def q_sample(x0: Images, t: Times, noise: Images, bars: Schedule) -> Images:
    """x_t = sqrt(alpha-bar_t) x_0 + sqrt(1 - alpha-bar_t) epsilon: all t + 1 steps of noise at once.

    `t`: steps from 0 to T - 1, the papers' t minus 1. Errors: ValueError for others, or a noise of another shape.
    Source: Ho 2020 (2006.11239), equation 4.

    >>> bars = torch.tensor([0.64], dtype=torch.float64)
    >>> q_sample(torch.tensor([[1.0, 0.0]]), 0, torch.tensor([[0.0, 1.0]]), bars)
    tensor([[0.8000, 0.6000]])
    """
    _check_alike("noise", noise, x0)
    a, s = _amounts(bars, t, x0)
    return a * x0 + s * noise


def posterior_mean(x0: Images, x_t: Images, bar: float, before: float) -> Images:
    """The mean of q(x_before | x_t, x_0): where a step of the noising came from, if x_0 is known.

        sqrt(b) beta / (1 - bar) x_0 + sqrt(1 - beta) (1 - b) / (1 - bar) x_t       b = before, beta = 1 - bar / b

    `bar`, `before`: alpha-bar of this step and of the one before it. The variance is `variances(...).small`.
    Source: Ho 2020 (2006.11239), equation 7.

    >>> posterior_mean(torch.tensor([[3.0]]), torch.tensor([[9.0]]), bar=0.5, before=1.0)
    tensor([[3.]])
    """
    beta = 1 - bar / before
    return (before**0.5 * beta * x0 + (1 - beta) ** 0.5 * (1 - before) * x_t) / (1 - bar)


def target(x0: Images, noise: Images, t: Times, bars: Schedule, kind: str) -> Images:
    """What a denoiser of this kind should answer when it is shown `q_sample(x0, t, noise, bars)`.

    Errors: ValueError for another kind than "epsilon", "x0" and "v".

    >>> bars = torch.tensor([0.64], dtype=torch.float64)
    >>> target(torch.tensor([[1.0]]), torch.tensor([[0.5]]), 0, bars, "v")  # 0.8 * 0.5 - 0.6 * 1
    tensor([[-0.2000]])
    """
    check_kind("kind", kind)
    _check_alike("noise", noise, x0)
    if kind != "v":
        return noise if kind == "epsilon" else x0
    a, s = _amounts(bars, t, x0)
    return a * noise - s * x0


def x0_and_noise(output: Images, x_t: Images, t: Times, bars: Schedule, kind: str) -> Guess:
    """The picture and the noise that a denoiser's output speaks of: x_t = a x_0 + s epsilon holds for them.

    Errors: ValueError for another kind, or an output that is not shaped like x_t.

    >>> bars = torch.tensor([0.64], dtype=torch.float64)
    >>> guess = x0_and_noise(torch.tensor([[1.0]]), torch.tensor([[1.4]]), 0, bars, "epsilon")
    >>> guess.x0  # (1.4 - 0.6) / 0.8
    tensor([[1.0000]])
    """
    check_kind("kind", kind)
    _check_alike("the denoiser's output", output, x_t)
    a, s = _amounts(bars, t, x_t)
    if kind == "epsilon":
        return Guess((x_t - s * output) / a, output)
    if kind == "x0":
        return Guess(output, (x_t - a * output) / s)
    return Guess(a * x_t - s * output, s * x_t + a * output)


def convert(output: Images, x_t: Images, t: Times, bars: Schedule, kind: str, to: str) -> Images:
    """A denoiser's output of one kind as if it had been asked for another.

    Errors: as for `x0_and_noise`.

    >>> bars = torch.tensor([0.64], dtype=torch.float64)
    >>> convert(torch.tensor([[1.0]]), torch.tensor([[1.4]]), 0, bars, "epsilon", "v")  # 0.8 * 1 - 0.6 * 1
    tensor([[0.2000]])
    """
    guess = x0_and_noise(output, x_t, t, bars, kind)
    check_kind("to", to)
    return target(guess.x0, guess.noise, t, bars, to)


def denoising_loss(
    model: Denoiser,
    x0: Images,
    bars: Schedule,
    kind: str = "epsilon",
    label: Labels | None = None,
    *,
    generator: torch.Generator | None = None,
) -> Float[Tensor, ""]:
    """mean (model(x_t, t, label) - target)^2, with a random step and random noise for each example.

    The same for all kinds: but of the error of x_0, "epsilon" counts alpha-bar / (1 - alpha-bar) times the square, the
    signal-to-noise ratio, "x0" the square itself, and "v" 1 / (1 - alpha-bar) times.
    `generator`: of steps and noise; PyTorch's own by default, which `fit` seeds anew in each step.
    Errors: ValueError for another kind.
    Source: Ho 2020 (2006.11239), equation 14 and algorithm 1; Salimans and Ho 2022 (2202.00512), section 4.

    >>> silent = lambda x, t, label: torch.zeros_like(x)
    >>> torch.manual_seed(0).initial_seed()
    0
    >>> loss = denoising_loss(silent, torch.zeros(5000, 2), torch.tensor([0.5], dtype=torch.float64))
    >>> round(float(loss), 1)  # the variance of the noise
    1.0
    """
    t = torch.randint(len(bars), (len(x0),), generator=generator, device=place(x0, generator)).to(x0.device)
    noise = gaussian(x0.shape, x0, generator)
    output = model(q_sample(x0, t, noise, bars), t, label)
    wanted = target(x0, noise, t, bars, kind)
    _check_alike("the denoiser's output", output, wanted)
    return F.mse_loss(output, wanted)


def score(output: Images, x_t: Images, t: Times, bars: Schedule, kind: str) -> Images:
    """-epsilon / sqrt(1 - alpha-bar): the gradient of log q(x_t), which points to where data is denser.

    It is exact for the best denoiser. Errors: as for `x0_and_noise`.
    Source: Song and Ermon 2019 (1907.05600), section 2; Ho 2020 (2006.11239), section 3.2.

    >>> bars = torch.tensor([0.64], dtype=torch.float64)
    >>> score(torch.tensor([[0.3]]), torch.tensor([[1.4]]), 0, bars, "epsilon")
    tensor([[-0.5000]])
    """
    return -x0_and_noise(output, x_t, t, bars, kind).noise / _amounts(bars, t, x_t)[1]


def gaussian(shape: Sequence[int], like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Numbers drawn from N(0, 1), of the type and on the device of another tensor, wherever the generator is.

    >>> gaussian((2, 3), torch.zeros(1, dtype=torch.float64), None).dtype
    torch.float64
    """
    drawn = torch.randn(*shape, generator=generator, dtype=like.dtype, device=place(like, generator))
    return drawn.to(like.device)


def place(like: Tensor, generator: torch.Generator | None) -> torch.device:
    """Where to draw: on the generator's device, or without one on the tensor's.

    >>> place(torch.zeros(1), None)
    device(type='cpu')
    """
    return like.device if generator is None else generator.device


def check_kind(name: str, kind: str) -> None:
    """ValueError unless it is one of the three kinds of prediction."""
    if kind not in KINDS:
        raise ValueError(f"{name}={kind!r} is not known; a denoiser predicts one of {', '.join(KINDS)}")


def _amounts(bars: Schedule, t: Times, x: Tensor) -> tuple[Tensor, Tensor]:
    """a and s of these steps, computed in float64, then in the type and with the axes of x."""
    steps = torch.as_tensor(t, device=bars.device)
    if steps.numel() and not 0 <= int(steps.min()) <= int(steps.max()) < len(bars):
        raise ValueError(
            f"t from {int(steps.min())} to {int(steps.max())}; the schedule has steps 0 to {len(bars) - 1}"
        )
    bar = bars[steps].reshape(-1, *[1] * (x.ndim - 1)).to(x.device)
    return bar.sqrt().to(x.dtype), (1 - bar).sqrt().to(x.dtype)


def _check_alike(name: str, given: Tensor, like: Tensor) -> None:
    if given.shape != like.shape:
        raise ValueError(f"{name} has the shape {tuple(given.shape)}; it must be that of x, {tuple(like.shape)}")
