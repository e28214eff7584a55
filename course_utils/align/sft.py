"""Supervised fine-tuning: a language model reads prompts with good answers, and learns the answers.

It is the objective of pre-training, the next token, but the prompt's tokens are read and not learnt.

Source: Ouyang 2022 (2203.02155, InstructGPT), section 3.5, first paragraph.
"""

import torch

from course_utils.align.texts import Lists, Texts, join
from course_utils.objectives.clm import Shifted, next_tokens
from course_utils.train.batches import IGNORE, Batches, shuffled


def targets(texts: Texts) -> Shifted:
    """What the model reads, and what it should say: the next token if the answer has it, else -100 (not counted).

    Shapes: (B, L) to twice (B, L - 1); made for `train.cross_entropy`.

    >>> targets(join([[7, 8]], [[5, 2]]))
    Shifted(inputs=tensor([[7, 8, 5]]), targets=tensor([[-100,    5,    2]]))
    """
    shifted = next_tokens(texts.ids)
    return Shifted(shifted.inputs, shifted.targets.masked_fill(~texts.answer[:, 1:].bool(), IGNORE))


def batches(prompts: Lists, answers: Lists, batch_size: int, pad: int = 0, seed: int = 0) -> Batches:
    """For `fit`: the pairs in random order, as `shuffled` gives them, each batch padded to its own longest text.

    Errors: ValueError unless there is one answer for each prompt, each of one token at least.

    >>> batch = batches([[7, 8], [7]], [[5, 2], [6, 2]], batch_size=2)
    >>> sorted(batch(0).targets.tolist())
    [[-100, 5, 2], [6, 2, -100]]
    """
    join(prompts, answers)  # what is wrong with them shows here
    rows = shuffled(torch.arange(len(prompts)), batch_size=batch_size, seed=seed)

    def batch(step: int) -> Shifted:
        chosen = rows(step).tolist()
        return targets(join([prompts[i] for i in chosen], [answers[i] for i in chosen], pad))

    return batch
