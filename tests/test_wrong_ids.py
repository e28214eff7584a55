"""Every model names a token id that its vocabulary does not have."""

import pytest
import torch

from course_utils.models import bart, bert, gpt, gpt2, roformer, t5, transformer
from course_utils.models.seq2seq import GRUConfig, GRUTranslator
from course_utils.models.speedrun import Speedrun, SpeedrunConfig

ONE_TEXT = {
    "GPT": gpt.GPT(gpt.TINY),
    "GPT2": gpt2.GPT2(gpt2.TINY),
    "Bert": bert.Bert(bert.TINY),
    "RoFormer": roformer.RoFormer(roformer.TINY),
    "Speedrun": Speedrun(SpeedrunConfig(vocab_size=500)),
}
TWO_TEXTS = {
    "Transformer": transformer.Transformer(transformer.TINY),
    "GRUTranslator": GRUTranslator(GRUConfig(500, 8)),
    "T5": t5.T5(t5.TINY),
    "Bart": bart.Bart(bart.TINY),
}
GOOD, BAD = torch.tensor([[5, 6, 7]]), torch.tensor([[5, 500, 7]])
SAID = "id 500 has no row in this table of 500"


@pytest.mark.parametrize("name", ONE_TEXT)
def test_in_a_text(name):
    with pytest.raises(IndexError, match=SAID):
        ONE_TEXT[name](BAD)


@pytest.mark.parametrize("name", TWO_TEXTS)
def test_in_a_source_or_a_target(name):
    for source, target in ((BAD, GOOD), (GOOD, BAD)):
        with pytest.raises(IndexError, match=SAID):
            TWO_TEXTS[name](source, target)
