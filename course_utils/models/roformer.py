"""RoFormer: BERT whose positions turn queries and keys, instead of being added to the embeddings.

Su 2021, "RoFormer: Enhanced Transformer with rotary position embedding" (2104.09864).

    ids -> tok + seg -> norm -> N x [attention of turned queries and keys, net], norm after each -> hidden states

Beside BERT: no table of positions, so no longest text either; no task of next sentences.
"""

from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from course_utils import weights
from course_utils.blocks.embedding import Embedding
from course_utils.blocks.heads import MaskedHead
from course_utils.blocks.masks import to_bias
from course_utils.blocks.norms import LayerNorm
from course_utils.blocks.positions import RotaryPairs
from course_utils.models import bert
from course_utils.models.bert import EPS, BertConfig, Ids, Mask, block, init
from course_utils.train.batches import IGNORE
from course_utils.weights import Names, Part

TINY = bert.TINY


class RoFormer(nn.Module):
    """The encoder; arguments and sizes are those of `Bert`, but `max_len` sets no limit here.

    Source: Su 2021 (2104.09864), section 4.2.
    Differs: `transformers` keeps tables of sines for `max_len` positions, which ours computes as they are needed.

    >>> RoFormer(TINY)(torch.tensor([[5, 6, 7, 0]]), mask=torch.tensor([[1, 1, 1, 0]])).shape
    torch.Size([1, 4, 64])
    """

    def __init__(self, cfg: BertConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.tok = Embedding(cfg.vocab_size, cfg.d_model)
        self.seg = Embedding(cfg.n_segments, cfg.d_model)
        self.pos = RotaryPairs(cfg.d_model // cfg.n_heads)
        self.norm = LayerNorm(cfg.d_model, EPS)
        self.dropout = nn.Dropout(cfg.dropout)
        self.blocks = nn.ModuleList(block(cfg) for _ in range(cfg.n_layers))
        self.apply(init)

    def forward(self, ids: Ids, segments: Ids | None = None, mask: Mask | None = None) -> Float[Tensor, "B L D"]:
        segments = torch.zeros_like(ids) if segments is None else segments
        x = self.dropout(self.norm(self.tok(ids) + self.seg(segments)))
        bias = None if mask is None else to_bias(mask.bool()[:, None, None], x.dtype)
        for layer in self.blocks:
            x = layer(x, bias=bias, pos=self.pos)
        return x


class RoFormerForMaskedLM(nn.Module):
    """The encoder with the head that scores words: (B, L, V).

    >>> RoFormerForMaskedLM(TINY)(torch.tensor([[5, 6, 7]])).shape
    torch.Size([1, 3, 500])
    """

    HF: ClassVar[Names]
    HF_IGNORE: ClassVar[tuple[str, ...]] = (r"roformer\.encoder\.embed_positions\.",)

    def __init__(self, cfg: BertConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.roformer = RoFormer(cfg)
        self.mlm = MaskedHead(self.roformer.tok, EPS)
        self.mlm.apply(init)

    def forward(self, ids: Ids, segments: Ids | None = None, mask: Mask | None = None) -> Float[Tensor, "B L V"]:
        return self.mlm(self.roformer(ids, segments, mask))

    def loss(self, ids: Ids, words: Ids) -> Float[Tensor, ""]:
        """Mean nats per word to be found; `words`: the true word where it is to be found, -100 elsewhere."""
        asked = words != IGNORE
        return F.cross_entropy(self.mlm(self.roformer(ids)[asked]), words[asked])

    @classmethod
    def from_pretrained(cls, name_or_folder: str | Path) -> "RoFormerForMaskedLM":
        """A published model, such as "junnyu/roformer_chinese_base", from a folder or the hub."""
        config, tensors = weights.read_checkpoint(name_or_folder)
        model = weights.unfilled(cls, weights.config_from_hf(BertConfig, config, bert.HF_CONFIG, HF_FIXED))
        weights.load_hf(model, tensors, cls.HF, cls.HF_IGNORE)
        return model.eval()

    def save_pretrained(self, folder: str | Path) -> None:
        """A checkpoint that `transformers` reads: `pipeline("fill-mask")` works on it."""
        fixed = HF_FIXED | {"architectures": ["RoFormerForMaskedLM"], "embedding_size": self.cfg.d_model}
        config = weights.config_to_hf(self.cfg, bert.HF_CONFIG, fixed)
        weights.write_checkpoint(folder, config, weights.to_hf(self, self.HF))


HF_FIXED = {"model_type": "roformer", "hidden_act": "gelu", "layer_norm_eps": EPS, "rotary_value": False}
RoFormerForMaskedLM.HF = {
    f"roformer.{ours}": f"roformer.{theirs}" for ours, theirs in bert.HF.items() if ours != "pos"
} | {
    "roformer.tok": Part("roformer.embeddings.word_embeddings", copies=("cls.predictions.decoder",)),
    "mlm.proj": "cls.predictions.transform.dense",
    "mlm.norm": "cls.predictions.transform.LayerNorm",
    "mlm.bias": Part("cls.predictions.bias", copies=("cls.predictions.decoder.bias",)),
}
