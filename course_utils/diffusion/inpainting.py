"""In-painting: part of a picture is known, and a denoiser that never heard of masks fills in the rest."""

import torch
from jaxtyping import Bool
from torch import Tensor

from course_utils.diffusion.process import Denoiser, Images, Labels, gaussian, q_sample, x0_and_noise
from course_utils.diffusion.samplers import Watch, ddim_step, draw, finite, see
from course_utils.diffusion.schedules import Schedule, Steps, bar_before, step_pairs
from course_utils.train._check import check_number


@torch.no_grad()
def inpaint(
    model: Denoiser,
    known: Images,
    mask: Bool[Tensor, "*mask"],
    bars: Schedule,
    *,
    kind: str = "epsilon",
    steps: Steps = None,
    label: Labels | None = None,
    clip: float | None = None,
    eta: float = 1.0,
    repeats: int = 1,
    generator: torch.Generator | None = None,
    watch: Watch | None = None,
) -> Images:
    """Pictures that are `known` where the mask is True, and made up elsewhere.

    After each step, what is known of the picture is put in place with as much noise as x_t has there. Alone, this makes
    the new part follow the known one only from afar, for the two were noised apart. So with `repeats` > 1 each step is
    taken several times: noise is added again to both, and they are denoised together.
    `mask`: True where known, of a shape that broadcasts to `known`. `eta`: of the steps, see `ddim`; 1 as in DDPM.
    Errors: as `ddim`; ValueError for a mask that does not fit, or less than one repeat.
    Source: Lugmayr 2022 (2201.09865, RePaint), algorithm 1, with jumps of one step.

    >>> from course_utils.diffusion.schedules import alpha_bars, linear
    >>> def sure(x, t, label):  # whatever it is shown, it sees the picture 1
    ...     return torch.ones_like(x)
    >>> known, mask = torch.tensor([[5.0, 0.0]]), torch.tensor([True, False])
    >>> inpaint(sure, known, mask, alpha_bars(linear(10)), kind="x0")
    tensor([[5., 1.]])
    """
    check_number("repeats", repeats, low=1, whole=True)
    mask = _fitting(mask, known)
    x = gaussian(known.shape, known, generator)
    for t, before in step_pairs(len(bars), steps):
        bar, b = float(bars[t]), bar_before(bars, before)
        for again in reversed(range(repeats if before >= 0 else 1)):
            guess = see(model, x, t, bars, kind, label, clip, watch)
            if clip is not None:
                guess = x0_and_noise(guess.x0, x, t, bars, "x0")
            x = ddim_step(guess, bar, b, eta, generator)
            x = torch.where(mask, _noised(known, before, bars, generator), x)
            if again:
                x = draw((bar / b) ** 0.5 * x, (1 - bar / b) ** 0.5, generator)
    return finite(x, "x_0")


def _noised(known: Tensor, t: int, bars: Schedule, generator: torch.Generator | None) -> Tensor:
    """What is known, with as much noise as x_t has; none at the end, after step 0."""
    return known if t < 0 else q_sample(known, t, gaussian(known.shape, known, generator), bars)


def _fitting(mask: Tensor, known: Tensor) -> Tensor:
    try:
        fits = mask.dtype == torch.bool and torch.broadcast_shapes(mask.shape, known.shape) == known.shape
    except RuntimeError:
        fits = False
    if not fits:
        shape = tuple(known.shape)
        raise ValueError(f"a mask of {mask.dtype} {tuple(mask.shape)}; give booleans that broadcast to {shape}")
    return mask
