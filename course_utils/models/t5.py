"""T5: every task is text to text, and one encoder-decoder learns them all.

Raffel 2019, "Exploring the limits of transfer learning with a unified text-to-text transformer" (1910.10683).

    source -> tok -> N x PreNorm[attention + bias, net] -> norm ------------------------> memory
    target -> tok -> N x PreNorm[attention to the past + bias, to memory, net] -> norm -> * 1/sqrt(D) @ tok^T -> logits

Against the Transformer of 2017: norms before the sublayers, only scaling (RMS) and one more after the last; no biases
anywhere; scores are not scaled; and instead of positions one learned number for each range of distances, shared by
all layers of a stack. `T5v11` is what version 1.1 and mT5 changed: a gated net, and a head of its own.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_utils import weights
from course_utils.blocks.attention import KVCache, MultiHeadAttention
from course_utils.blocks.embedding import Embedding
from course_utils.blocks.ffn import FeedForward, GatedFeedForward, gelu_tanh
from course_utils.blocks.heads import TiedHead
from course_utils.blocks.masks import causal, to_bias
from course_utils.blocks.norms import RMSNorm
from course_utils.blocks.positions import T5Bias
from course_utils.blocks.residual import PreNorm
from course_utils.decode import Answer as Answer
from course_utils.objectives.clm import shift_right
from course_utils.weights import Names, Part

Mask = Bool[Tensor, "B M"] | Int[Tensor, "B M"]


@dataclass(frozen=True)
class T5Config:
    """Sizes; the defaults are t5-small. `n_layers` counts each of the two stacks. Targets begin with `pad`."""

    vocab_size: int = 32_128
    d_model: int = 512
    n_layers: int = 6
    n_heads: int = 8
    d_head: int = 64
    d_ff: int = 2048
    n_buckets: int = 32
    max_distance: int = 128  # positions; all that is further away is in the last bucket
    dropout: float = 0.1
    pad: int = 0
    eos: int = 1


MT5_SMALL = T5Config(vocab_size=250_112, n_layers=8, n_heads=6, d_ff=1024)  # for T5v11
TINY = T5Config(vocab_size=500, d_model=64, n_layers=2, n_heads=4, d_head=16, d_ff=256)


def block(cfg: T5Config, ffn: nn.Module, cross: bool = False) -> PreNorm:
    """One layer of the encoder, or with `cross` of the decoder, around its net."""
    attention = partial(MultiHeadAttention, cfg.d_model, cfg.n_heads, d_head=cfg.d_head, bias=False, scale=1.0)
    return PreNorm(
        attention(dropout=cfg.dropout),
        ffn,
        norm=lambda: RMSNorm(cfg.d_model),
        cross=attention(dropout=cfg.dropout) if cross else None,
        dropout=cfg.dropout,
    )


class T5(nn.Module):
    """Logits for each next token of the target, given the source and the target so far.

    `mask` (B, M): True or 1 where the source is real, 0 where it is padding, as the `attention_mask` of `transformers`;
    without it, every token is real. A target that is padded at its end needs no mask.
    Source: Raffel 2019 (1910.10683), section 2.1, and its code.

    >>> import torch
    >>> model = T5(TINY)
    >>> source, target = torch.tensor([[5, 6, 7, 1]]), torch.tensor([[0, 8, 9]])
    >>> model(source, target).shape
    torch.Size([1, 3, 500])
    """

    HF: ClassVar[Names]
    HF_IGNORE: ClassVar[tuple[str, ...]]
    HF_FIXED: ClassVar[dict[str, Any]]

    def __init__(self, cfg: T5Config) -> None:
        super().__init__()
        self.cfg = cfg
        self.tok = Embedding(cfg.vocab_size, cfg.d_model)
        self.encoder_bias = T5Bias(cfg.n_heads, cfg.n_buckets, cfg.max_distance)
        self.encoder = nn.ModuleList(block(cfg, self.ffn()) for _ in range(cfg.n_layers))
        self.encoder_norm = RMSNorm(cfg.d_model)
        self.decoder_bias = T5Bias(cfg.n_heads, cfg.n_buckets, cfg.max_distance, bidirectional=False)
        self.decoder = nn.ModuleList(block(cfg, self.ffn(), cross=True) for _ in range(cfg.n_layers))
        self.decoder_norm = RMSNorm(cfg.d_model)
        self.dropout = nn.Dropout(cfg.dropout)
        self.head = self.make_head()
        self.apply(init)

    def ffn(self) -> nn.Module:
        """The net of one layer."""
        return FeedForward(self.cfg.d_model, self.cfg.d_ff, F.relu, bias=False, dropout=self.cfg.dropout)

    def make_head(self) -> nn.Module:
        """What gives each token its score."""
        return TiedHead(self.tok)

    def logits(self, x: Float[Tensor, "B L D"]) -> Float[Tensor, "B L V"]:
        """The scores of all tokens. The table's numbers are of size 1, so D products are brought to size 1."""
        return self.head(x * self.cfg.d_model**-0.5)

    def forward(
        self, ids: Int[Tensor, "B M"], decoder_ids: Int[Tensor, "B L"], mask: Mask | None = None
    ) -> Float[Tensor, "B L V"]:
        return self.decode(decoder_ids, self.encode(ids, mask), mask)

    def encode(self, ids: Int[Tensor, "B M"], mask: Mask | None = None) -> Float[Tensor, "B M D"]:
        """The memory: what the decoder will look at."""
        x, bias = self.dropout(self.tok(ids)), self.encoder_bias(ids.shape[1])
        if mask is not None:
            bias = bias + to_bias(mask.bool()[:, None, None], bias.dtype)
        for block in self.encoder:
            x = block(x, bias=bias)
        return self.dropout(self.encoder_norm(x))

    def decode(
        self,
        decoder_ids: Int[Tensor, "B L"],
        memory: Float[Tensor, "B M D"],
        mask: Mask | None = None,
        caches: list[tuple[KVCache, KVCache]] | None = None,
    ) -> Float[Tensor, "B L V"]:
        """Logits for what follows each target token. With `caches`, a pair a layer, it goes on where they end."""
        n_new, start = decoder_ids.shape[1], len(caches[0][0]) if caches else 0
        x, bias = self.dropout(self.tok(decoder_ids)), self.decoder_bias(n_new, start + n_new)
        bias = bias + to_bias(causal(n_new, start + n_new, decoder_ids.device), bias.dtype)
        looks = None if mask is None else mask.bool()[:, None, None]
        for i, block in enumerate(self.decoder):
            x = block(x, bias=bias, context=memory, context_bias=looks, cache=caches[i] if caches else None)
        return self.logits(self.dropout(self.decoder_norm(x)))

    def loss(self, ids: Int[Tensor, "B M"], labels: Int[Tensor, "B L"], mask: Mask | None = None) -> Float[Tensor, ""]:
        """Mean nats per target token; labels of -100 don't count. The decoder's inputs are the labels, shifted."""
        logits = self(ids, shift_right(labels, self.cfg.pad, self.cfg.pad), mask)
        return F.cross_entropy(logits.flatten(0, 1), labels.flatten())

    @classmethod
    def from_pretrained(cls, name_or_folder: str | Path) -> "T5":
        """A published checkpoint, such as "t5-small"; a `T5v11` where it is one of version 1.1, mT5 or Flan-T5.

        Errors: FileNotFoundError if there is none; ValueError where it is of another kind.
        """
        config, tensors = weights.read_checkpoint(name_or_folder)
        config = _plain(config)
        kind = T5v11 if config["feed_forward_proj"] == "gated-gelu" else cls
        same = {"num_decoder_layers": config.get("num_layers")}
        model = kind(weights.config_from_hf(T5Config, config, HF_CONFIG, kind.HF_FIXED | same))
        if kind is T5v11:  # `transformers` leaves a head out that equals the table
            tensors.setdefault("lm_head.weight", tensors["shared.weight"])
        weights.load_hf(model, tensors, kind.HF, kind.HF_IGNORE)
        return model.eval()

    def save_pretrained(self, folder: str | Path) -> None:
        """Write a checkpoint that `transformers` reads as a `T5ForConditionalGeneration`."""
        written = {"architectures": ["T5ForConditionalGeneration"], "decoder_start_token_id": self.cfg.pad}
        config = weights.config_to_hf(self.cfg, HF_CONFIG, self.HF_FIXED | written)
        weights.write_checkpoint(folder, config, weights.to_hf(self, self.HF))


class T5v11(T5):
    """T5 version 1.1, mT5 and Flan-T5: GEGLU instead of ReLU, and a head of its own instead of the scaled table.

    Source: Shazeer 2020 (2002.05202), and Xue 2020 (2010.11934, mT5), section 3.2.

    >>> T5v11(TINY).head.weight.shape
    torch.Size([500, 64])
    """

    def ffn(self) -> nn.Module:
        """The net of one layer, with the approximation of GELU by tanh."""
        return GatedFeedForward(self.cfg.d_model, self.cfg.d_ff, gelu_tanh, dropout=self.cfg.dropout)

    def make_head(self) -> nn.Module:
        """What gives each token its score."""
        return nn.Linear(self.cfg.d_model, self.cfg.vocab_size, bias=False)

    def logits(self, x: Float[Tensor, "B L D"]) -> Float[Tensor, "B L V"]:
        """The scores of all tokens, which nothing scales."""
        return self.head(x)


def init(module: nn.Module) -> None:
    """Normal numbers: of size 1 in the table, 1/sqrt(inputs) in matrices, and smaller in q: no scale will do it later.

    The first logits then have variance 1, so the first loss is ln V and some 0.4 nats (t5-small: 10.75, not 10.38).
    Differs: `transformers` starts a head of its own with size 1, and a first loss far above ln V; the original as here.
    """
    if isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight)
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=module.in_features**-0.5)
    if isinstance(module, MultiHeadAttention):
        nn.init.normal_(module.q_proj.weight, std=(module.q_proj.in_features * module.d_head) ** -0.5)
    if isinstance(module, T5):
        for bias in (module.encoder_bias, module.decoder_bias):
            nn.init.normal_(bias.table.weight, std=module.cfg.d_model**-0.5)


def _attention(ours: str, theirs: str) -> dict[str, str]:
    return {f"{ours}.{p}_proj": f"{theirs}.{p}" for p in "qkv"} | {f"{ours}.out_proj": f"{theirs}.o"}


HF: Names = {
    "tok": Part("shared", copies=("encoder.embed_tokens", "decoder.embed_tokens", "lm_head")),
    "encoder_bias.table": "encoder.block.0.layer.0.SelfAttention.relative_attention_bias",
    "encoder.{i}.norm_attn": "encoder.block.{i}.layer.0.layer_norm",
    **_attention("encoder.{i}.attn", "encoder.block.{i}.layer.0.SelfAttention"),
    "encoder.{i}.norm_ffn": "encoder.block.{i}.layer.1.layer_norm",
    "encoder.{i}.ffn.up": "encoder.block.{i}.layer.1.DenseReluDense.wi",
    "encoder.{i}.ffn.down": "encoder.block.{i}.layer.1.DenseReluDense.wo",
    "encoder_norm": "encoder.final_layer_norm",
    "decoder_bias.table": "decoder.block.0.layer.0.SelfAttention.relative_attention_bias",
    "decoder.{i}.norm_attn": "decoder.block.{i}.layer.0.layer_norm",
    **_attention("decoder.{i}.attn", "decoder.block.{i}.layer.0.SelfAttention"),
    "decoder.{i}.norm_cross": "decoder.block.{i}.layer.1.layer_norm",
    **_attention("decoder.{i}.cross", "decoder.block.{i}.layer.1.EncDecAttention"),
    "decoder.{i}.norm_ffn": "decoder.block.{i}.layer.2.layer_norm",
    "decoder.{i}.ffn.up": "decoder.block.{i}.layer.2.DenseReluDense.wi",
    "decoder.{i}.ffn.down": "decoder.block.{i}.layer.2.DenseReluDense.wo",
    "decoder_norm": "decoder.final_layer_norm",
}
HF_V11: Names = {
    **HF,
    "tok": Part("shared", copies=("encoder.embed_tokens", "decoder.embed_tokens")),
    "encoder.{i}.ffn.gate": "encoder.block.{i}.layer.1.DenseReluDense.wi_0",
    "encoder.{i}.ffn.up": "encoder.block.{i}.layer.1.DenseReluDense.wi_1",
    "decoder.{i}.ffn.gate": "decoder.block.{i}.layer.2.DenseReluDense.wi_0",
    "decoder.{i}.ffn.up": "decoder.block.{i}.layer.2.DenseReluDense.wi_1",
    "head": "lm_head",
}
HF_IGNORE = (r"decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias",)  # in old files, never used
HF_CONFIG = {
    "vocab_size": "vocab_size",
    "d_model": "d_model",
    "num_layers": "n_layers",
    "num_decoder_layers": "n_layers",
    "num_heads": "n_heads",
    "d_kv": "d_head",
    "d_ff": "d_ff",
    "relative_attention_num_buckets": "n_buckets",
    "relative_attention_max_distance": "max_distance",
    "dropout_rate": "dropout",
    "pad_token_id": "pad",
    "eos_token_id": "eos",
}
HF_FIXED = {
    "model_type": "t5",
    "is_encoder_decoder": True,
    "layer_norm_epsilon": 1e-6,
    "feed_forward_proj": "relu",
    "tie_word_embeddings": True,
}
T5.HF, T5.HF_IGNORE, T5.HF_FIXED = HF, HF_IGNORE, HF_FIXED
T5v11.HF, T5v11.HF_FIXED = HF_V11, HF_FIXED | {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    """Their configuration, with what mT5 and versions of `transformers` write in other ways brought to one form."""
    kind = config.get("model_type", "t5")
    tied = config.get("scale_decoder_outputs", config.get("tie_word_embeddings", True)) and kind != "mt5"
    plain = {"model_type": "t5" if kind == "mt5" else kind, "tie_word_embeddings": bool(tied)}
    return {"feed_forward_proj": "relu", **config, **plain}
