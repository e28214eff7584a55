"""Training: `fit`, the one loop of all lessons, and what it is given.

    fit           the loop: gradient, clipping, learning rate, evaluation, checkpoint, progress bar (`loop`)
    adamw         the optimiser, with weight decay on matrices only; schedules of its learning rate (`optim`)
    shuffled      batches as functions of the step: `sample_blocks`, `all_blocks` for language models (`batches`)
    cross_entropy the loss, unless another is given; `mean_loss` measures it on held-out data (`losses`)

The same script runs on one processor, on a GPU, and under `torchrun` on many (`team`), in float32 or with products in
bfloat16 (`precision`).
"""

import course_utils._torch  # noqa: F401 - says what to do where torch is missing
from course_utils.train.batches import IGNORE, all_blocks, sample_blocks, shuffled
from course_utils.train.loop import Diverged, History, fit
from course_utils.train.losses import cross_entropy, mean_loss
from course_utils.train.optim import adamw, constant, inverse_sqrt, warmup_cosine, warmup_linear

__all__ = [
    "IGNORE",
    "Diverged",
    "History",
    "adamw",
    "all_blocks",
    "constant",
    "cross_entropy",
    "fit",
    "inverse_sqrt",
    "mean_loss",
    "sample_blocks",
    "shuffled",
    "warmup_cosine",
    "warmup_linear",
]
