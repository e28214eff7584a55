"""BERT: an encoder that looks both ways, pre-trained on words that were masked and on pairs of sentences.

Devlin 2018, "BERT: Pre-training of deep bidirectional Transformers for language understanding" (1810.04805).

    ids -> tok + pos + seg -> norm -> N x [attention, net], norm after each -> hidden states -> head of the task

Beside the encoder of the Transformer: learned positions, segments, a norm on the embeddings, GELU for ReLU, dropout on
the attention's weights, eps 1e-12.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_utils import weights
from course_utils.blocks.attention import MultiHeadAttention
from course_utils.blocks.embedding import Embedding
from course_utils.blocks.ffn import FeedForward
from course_utils.blocks.heads import FirstTokenHead, MaskedHead
from course_utils.blocks.masks import to_bias
from course_utils.blocks.norms import LayerNorm
from course_utils.blocks.residual import PostNorm
from course_utils.train.batches import IGNORE
from course_utils.weights import Names, Part

Ids = Int[Tensor, "B L"]
Mask = Bool[Tensor, "B L"] | Int[Tensor, "B L"]
EPS = 1e-12


@dataclass(frozen=True)
class BertConfig:
    """Sizes; the defaults are bert-base-uncased (section 3)."""

    vocab_size: int = 30_522
    d_model: int = 768
    n_layers: int = 12
    n_heads: int = 12
    d_ff: int = 3072
    max_len: int = 512  # positions
    n_segments: int = 2
    dropout: float = 0.1


TINY = BertConfig(vocab_size=500, d_model=64, n_layers=2, n_heads=4, d_ff=256, max_len=128)


def block(cfg: BertConfig) -> PostNorm:
    """One layer."""
    return PostNorm(
        MultiHeadAttention(cfg.d_model, cfg.n_heads, dropout=cfg.dropout),
        FeedForward(cfg.d_model, cfg.d_ff, activation=F.gelu),
        norm=lambda: LayerNorm(cfg.d_model, EPS),
        dropout=cfg.dropout,
    )


class Bert(nn.Module):
    """The encoder: one vector for each token, which knows its neighbours on both sides.

    `segments`: which sentence each token belongs to, all 0 by default. `mask`: 1 or True where a token is real.
    Errors: ValueError for a text of more than `max_len` tokens.
    Source: Devlin 2018 (1810.04805), section 3.
    Differs: the pooler that `transformers` counts with the encoder is part of `FirstTokenHead`;
    one `dropout` for embeddings, attention and stream, where `transformers` has a number for each.

    >>> model = Bert(TINY)
    >>> model(torch.tensor([[5, 6, 7, 0]]), mask=torch.tensor([[1, 1, 1, 0]])).shape
    torch.Size([1, 4, 64])
    """

    HF: ClassVar[Names]
    HF_IGNORE: ClassVar[tuple[str, ...]]

    def __init__(self, cfg: BertConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.tok = Embedding(cfg.vocab_size, cfg.d_model)
        self.pos = nn.Embedding(cfg.max_len, cfg.d_model)
        self.seg = Embedding(cfg.n_segments, cfg.d_model)
        self.norm = LayerNorm(cfg.d_model, EPS)
        self.dropout = nn.Dropout(cfg.dropout)
        self.blocks = nn.ModuleList(block(cfg) for _ in range(cfg.n_layers))
        self.apply(init)

    def forward(self, ids: Ids, segments: Ids | None = None, mask: Mask | None = None) -> Float[Tensor, "B L D"]:
        x = self.embed(ids, segments)
        bias = None if mask is None else to_bias(mask.bool()[:, None, None], x.dtype)
        for block in self.blocks:
            x = block(x, bias=bias)
        return x

    def embed(self, ids: Ids, segments: Ids | None = None) -> Float[Tensor, "B L D"]:
        """Tokens, positions and segments, added up and brought to size (figure 2)."""
        if ids.shape[1] > self.cfg.max_len:
            raise ValueError(f"a text of {ids.shape[1]} tokens; this model has max_len={self.cfg.max_len} positions")
        segments = torch.zeros_like(ids) if segments is None else segments
        return self.dropout(self.norm(self.tok(ids) + self.pos.weight[: ids.shape[1]] + self.seg(segments)))

    @classmethod
    def from_pretrained(cls, name_or_folder: str | Path) -> "Bert":
        """A published encoder, such as "bert-base-uncased", from a folder or the hub; heads on it are left out."""
        config, tensors = weights.read_checkpoint(name_or_folder)
        model = weights.unfilled(cls, weights.config_from_hf(BertConfig, config, HF_CONFIG, HF_FIXED))
        weights.load_hf(model, tensors, HF, HF_IGNORE)
        return model.eval()

    def save_pretrained(self, folder: str | Path) -> None:
        """A checkpoint that `transformers.AutoModel` reads; it draws a pooler of its own, which we don't have."""
        config = weights.config_to_hf(self.cfg, HF_CONFIG, HF_FIXED | {"architectures": ["BertModel"]})
        weights.write_checkpoint(folder, config, weights.to_hf(self, HF))


def init(module: nn.Module) -> None:
    """Matrices and embeddings from a normal distribution of width 0.02, cut at twice that; biases 0."""
    if isinstance(module, nn.Embedding | nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02, a=-0.04, b=0.04)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)


class BertForPretraining(nn.Module):
    """The encoder with the two heads of its pre-training: words that were masked, and whether sentence B follows A.

    Returns the scores of the words (B, L, V), and of two classes (B, 2): 0 where B follows A, 1 where it is any other.
    Source: Devlin 2018 (1810.04805), section 3.1.

    >>> words, pairs = BertForPretraining(TINY)(torch.tensor([[5, 6, 7]]))
    >>> words.shape, pairs.shape
    (torch.Size([1, 3, 500]), torch.Size([1, 2]))
    """

    HF: ClassVar[Names]
    HF_IGNORE: ClassVar[tuple[str, ...]]

    def __init__(self, cfg: BertConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.bert = Bert(cfg)
        self.mlm = MaskedHead(self.bert.tok, EPS)
        self.nsp = FirstTokenHead(cfg.d_model, 2)
        self.mlm.apply(init)
        self.nsp.apply(init)

    def forward(
        self, ids: Ids, segments: Ids | None = None, mask: Mask | None = None
    ) -> tuple[Float[Tensor, "B L V"], Float[Tensor, "B 2"]]:
        x = self.bert(ids, segments, mask)
        return self.mlm(x), self.nsp(x)

    def loss(
        self, ids: Ids, segments: Ids | None, mask: Mask | None, words: Ids, pairs: Int[Tensor, " B"]
    ) -> Float[Tensor, ""]:
        """Mean nats per word to be found, plus mean nats per pair of sentences.

        `words`: the true word where it is to be found, -100 elsewhere. `pairs`: the true class, 0 or 1.
        """
        x, asked = self.bert(ids, segments, mask), words != IGNORE
        return F.cross_entropy(self.mlm(x[asked]), words[asked]) + F.cross_entropy(self.nsp(x), pairs)

    @classmethod
    def from_pretrained(cls, name_or_folder: str | Path) -> "BertForPretraining":
        """A published encoder with both heads, such as "bert-base-uncased", from a folder or the hub."""
        config, tensors = weights.read_checkpoint(name_or_folder)
        model = weights.unfilled(cls, weights.config_from_hf(BertConfig, config, HF_CONFIG, HF_FIXED))
        weights.load_hf(model, tensors, cls.HF, cls.HF_IGNORE)
        return model.eval()

    def save_pretrained(self, folder: str | Path) -> None:
        """A checkpoint that `transformers` reads, with both heads: `pipeline("fill-mask")` works on it."""
        config = weights.config_to_hf(self.cfg, HF_CONFIG, HF_FIXED | {"architectures": ["BertForPreTraining"]})
        weights.write_checkpoint(folder, config, weights.to_hf(self, self.HF))


HF: Names = {
    "tok": "embeddings.word_embeddings",
    "pos": "embeddings.position_embeddings",
    "seg": "embeddings.token_type_embeddings",
    "norm": "embeddings.LayerNorm",
    "blocks.{i}.attn.q_proj": "encoder.layer.{i}.attention.self.query",
    "blocks.{i}.attn.k_proj": "encoder.layer.{i}.attention.self.key",
    "blocks.{i}.attn.v_proj": "encoder.layer.{i}.attention.self.value",
    "blocks.{i}.attn.out_proj": "encoder.layer.{i}.attention.output.dense",
    "blocks.{i}.norm_attn": "encoder.layer.{i}.attention.output.LayerNorm",
    "blocks.{i}.ffn.up": "encoder.layer.{i}.intermediate.dense",
    "blocks.{i}.ffn.down": "encoder.layer.{i}.output.dense",
    "blocks.{i}.norm_ffn": "encoder.layer.{i}.output.LayerNorm",
}
HF_IGNORE = (r"embeddings\.position_ids$", r"pooler\.", r"cls\.", r"classifier\.", r"qa_outputs\.")
HF_CONFIG = {
    "vocab_size": "vocab_size",
    "hidden_size": "d_model",
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "intermediate_size": "d_ff",
    "max_position_embeddings": "max_len",
    "type_vocab_size": "n_segments",
    "hidden_dropout_prob": "dropout",
    "attention_probs_dropout_prob": "dropout",
}
HF_FIXED = {"model_type": "bert", "hidden_act": "gelu", "layer_norm_eps": EPS, "position_embedding_type": "absolute"}
Bert.HF, Bert.HF_IGNORE = HF, HF_IGNORE

BertForPretraining.HF_IGNORE = (r"bert\.embeddings\.position_ids$",)
BertForPretraining.HF = {f"bert.{ours}": f"bert.{theirs}" for ours, theirs in HF.items()} | {
    "bert.tok": Part("bert.embeddings.word_embeddings", copies=("cls.predictions.decoder",)),
    "mlm.proj": "cls.predictions.transform.dense",
    "mlm.norm": "cls.predictions.transform.LayerNorm",
    "mlm.bias": Part("cls.predictions.bias", copies=("cls.predictions.decoder.bias",)),
    "nsp.pool": "bert.pooler.dense",
    "nsp.proj": "cls.seq_relationship",
}
