"""Diffusion: pictures are turned to noise in small steps, and a denoiser learns the way back.

    schedules    how fast the noise comes in (`linear`, `cosine`), and which steps a sampler takes
    process      `q_sample`, the three kinds of prediction, `denoising_loss`
    samplers     `ddpm` and `ddim`
    guidance     `drop_labels` in training and `guided` in sampling: classifier-free guidance
    inpainting   `inpaint`: part of the picture is known
    mlp, unet, transformer    denoisers: `MLP`, `UNet`, `DiT`
    vae, gan     what else makes pictures from noise, as baselines of about the same size
    measure      `frechet_distance`, `nearest`

A denoiser is any function `model(x, t, label=None)`: x (B, ...), t (B,) from 0 to T - 1, label (B,), -1 for none. A
schedule is its alpha-bars, (T,) in float64.

>>> import torch
>>> bars = alpha_bars(cosine(50))
>>> model = MLP(shape=(2,), n_classes=0)
>>> loss = denoising_loss(model, torch.randn(8, 2), bars, kind="v")
>>> ddim(model, torch.randn(3, 2), bars, kind="v", steps=5).shape
torch.Size([3, 2])
"""

import course_utils._torch  # noqa: F401 - says what to do where torch is missing
from course_utils.diffusion.guidance import NO_LABEL, drop_labels, guided
from course_utils.diffusion.inpainting import inpaint
from course_utils.diffusion.measure import frechet_distance, frechet_gaussians, nearest
from course_utils.diffusion.mlp import MLP
from course_utils.diffusion.process import (
    convert,
    denoising_loss,
    posterior_mean,
    q_sample,
    score,
    target,
    x0_and_noise,
)
from course_utils.diffusion.samplers import State, ddim, ddpm
from course_utils.diffusion.schedules import alpha_bars, cosine, leading, linear, linspace, trailing, variances
from course_utils.diffusion.transformer import DiT
from course_utils.diffusion.unet import UNet

__all__ = [
    "MLP",
    "NO_LABEL",
    "DiT",
    "State",
    "UNet",
    "alpha_bars",
    "convert",
    "cosine",
    "ddim",
    "ddpm",
    "denoising_loss",
    "drop_labels",
    "frechet_distance",
    "frechet_gaussians",
    "guided",
    "inpaint",
    "leading",
    "linear",
    "linspace",
    "nearest",
    "posterior_mean",
    "q_sample",
    "score",
    "target",
    "trailing",
    "variances",
    "x0_and_noise",
]
