"""BERT, trained as `roformer_wikipedia` is, for comparison: only how the training went is kept."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.checkpoints import roformer_wikipedia as recipe
from course_utils.data import Article
from course_utils.models.bert import BertConfig, BertForPretraining
from course_utils.train.batches import IGNORE

NAME = "bert_wikipedia"


class Words(nn.Module):
    """BERT and its head for words, to be called as RoFormer is; its table has as many positions as a row of training.

    >>> import torch
    >>> Words(BertConfig(300, 64, 1, 2, 128))(torch.tensor([[5, 6, 7]])).shape
    torch.Size([1, 3, 300])
    """

    def __init__(self, cfg: BertConfig) -> None:
        super().__init__()
        self.both = BertForPretraining(replace(cfg, max_len=recipe.LENGTH))

    def forward(self, ids: Tensor) -> Tensor:
        return self.both.mlm(self.both.bert(ids))

    def loss(self, ids: Tensor, words: Tensor) -> Tensor:
        """Mean nats per word to be found; `words`: the true word where it is to be found, -100 elsewhere."""
        asked = words != IGNORE
        return F.cross_entropy(self.both.mlm(self.both.bert(ids)[asked]), words[asked])


def train(folder: Path, steps: int = recipe.STEPS, texts: Sequence[Article] | None = None) -> None:
    """Train, or go on where an interrupted run stopped, and write log.json into the folder."""
    recipe.pretrain(NAME, Words, folder, steps, texts)
