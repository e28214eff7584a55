"""Objectives: from texts to what a model is given and what it should answer, as pure functions on batches.

    clm      the next token (GPT), and a decoder's inputs from its targets
    mlm      masked language modelling (BERT): 15 % of the tokens, 80/10/10, static or dynamic
    nsp      next sentence prediction (BERT): does b follow a?
    spans    span corruption (T5): spans become sentinels, and the target is the spans
    denoise  the five noises of BART: masking, deletion, infilling, permutation, rotation

What is random is drawn from `generator`: a `torch.Generator`, which moves on with every call, or a seed, which gives
the same each time. Targets that no loss counts are -100 (`IGNORE`), as in PyTorch and `transformers`.

>>> import torch
>>> from course_utils.objectives.clm import next_tokens
>>> next_tokens(torch.tensor([[5, 6, 7, 0]]), pad=0)
Shifted(inputs=tensor([[5, 6, 7]]), targets=tensor([[   6,    7, -100]]))
"""

import course_utils._torch  # noqa: F401 - says what to do where torch is missing
from course_utils.train.batches import IGNORE

__all__ = ["IGNORE"]
