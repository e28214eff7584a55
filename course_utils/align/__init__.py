"""Alignment: a language model learns to answer as people want it to. One method, one file, functions and no trainer.

    texts      prompts and answers as rows of ids; answers drawn from a model; log-probabilities of tokens
    sft        supervised fine-tuning: the next token, but of answers only
    reward     a model that scores answers, learnt from comparisons
    ppo        reinforcement learning against the scores, held near the model that it started from
    dpo        the same aim without scores and without reinforcement learning
    best_of_n  no training at all: draw n answers and keep the best
    chat       marks that say who speaks, and a history that is cut to what the model can read

One layout everywhere: a text is a row `prompt, answer, padding`. Padding stands on the right, where a decoder that
looks back never sees it. A mask (B, L), boolean or 0 and 1, says where the tokens of the answers are; what stands
elsewhere changes no number, and gets no gradient. A model's logits at a token speak of the next one, so all that is
said of tokens (log-probabilities, values, rewards) has L - 1 columns, and `answer[:, 1:]` is its mask.

>>> from course_utils.align.texts import join
>>> join([[7, 8], [7]], [[5, 2], [6, 4, 2]])
Texts(ids=tensor([[7, 8, 5, 2],
        [7, 6, 4, 2]]), answer=tensor([[False, False,  True,  True],
        [False,  True,  True,  True]]))
"""

import course_utils._torch  # noqa: F401 - says what to do where torch is missing
