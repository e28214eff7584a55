"""Decoding: from a model's logits to texts.

The functions here know no model. They ask a `Step`: given the next tokens of each text, (B, L), it returns the logits
(B, V) for what follows, and remembers what it was given, as a rule in a `KVCache` for each layer.

>>> import torch
>>> import torch.nn.functional as F
>>> class Count:  # a model that counts: 3 follows 2, and so on
...     def __call__(self, ids):
...         return 9.0 * F.one_hot((ids[:, -1] + 1) % 10, 10)
...     def reorder(self, rows):
...         pass
>>> start = torch.tensor([[2], [6]])
>>> greedy(Count(), start, stop=[8], max_new=4)
tensor([[3, 4, 5, 6],
        [7, 8, 0, 0]])
>>> texts(beam(Count(), start, n_beams=2, stop=[8], max_new=4).ids[:, 0], stop=[8])
[[3, 4, 5, 6], [7]]
>>> sample(Count(), start, temperature=0.5, top_k=3, generator=0, max_new=4).tolist()
[[3, 4, 5, 6], [7, 8, 9, 0]]

`sampling` has greedy decoding and sampling, `rules` what may change the logits before, `beams` the search for the most
probable text, `steps` the models of this course as steps, and `fast` what makes decoders fast.
"""

import course_utils._torch  # noqa: F401 - says what to do where torch is missing
from course_utils.decode.beams import Beams, Penalty, beam, gnmt
from course_utils.decode.rules import Rule, no_repeat_ngram, nucleus, probabilities, repetition_penalty, top_k
from course_utils.decode.sampling import ends_with, greedy, sample, texts
from course_utils.decode.steps import Answer, Continuation, Reread, Step

__all__ = [
    "Answer",
    "Beams",
    "Continuation",
    "Penalty",
    "Reread",
    "Rule",
    "Step",
    "beam",
    "ends_with",
    "gnmt",
    "greedy",
    "no_repeat_ngram",
    "nucleus",
    "probabilities",
    "repetition_penalty",
    "sample",
    "texts",
    "top_k",
]
