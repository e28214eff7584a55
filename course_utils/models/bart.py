"""BART: an encoder-decoder that learns to write damaged texts anew.

Lewis 2019, "BART: denoising sequence-to-sequence pre-training" (1910.13461). See `course_utils.objectives.denoise`.

    source -> norm(tok + pos) -> N x PostNorm[attention, net] ------------------------------> memory
    target -> norm(tok + pos) -> N x PostNorm[attention to the past, to memory, net] -> @ tok^T + bias -> logits

Against the Transformer of 2017: learned positions, a norm on the embeddings, and GELU. The encoder is BERT's without
segments; the decoder is GPT's with cross-attention. Targets begin with `eos`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_utils import weights
from course_utils.blocks.attention import KVCache, MultiHeadAttention
from course_utils.blocks.embedding import Embedding
from course_utils.blocks.ffn import FeedForward
from course_utils.blocks.heads import TiedHead
from course_utils.blocks.masks import causal
from course_utils.blocks.norms import LayerNorm
from course_utils.blocks.residual import PostNorm
from course_utils.objectives.clm import shift_right
from course_utils.weights import Names, Part

OFFSET = 2  # the first position is row 2: the original counted up from the id of padding, which is 1

Mask = Bool[Tensor, "B M"] | Int[Tensor, "B M"]


@dataclass(frozen=True)
class BartConfig:
    """Sizes; the defaults are bart-base. `n_layers` counts each of the two stacks."""

    vocab_size: int = 50_265
    d_model: int = 768
    n_layers: int = 6
    n_heads: int = 12
    d_ff: int = 3072
    max_len: int = 1024  # positions
    dropout: float = 0.1
    bos: int = 0
    pad: int = 1
    eos: int = 2


TINY = BartConfig(vocab_size=500, d_model=64, n_layers=2, n_heads=4, d_ff=256, max_len=128)


def block(cfg: BartConfig, cross: bool = False) -> PostNorm:
    """One layer of the encoder, or with `cross` of the decoder."""
    return PostNorm(
        MultiHeadAttention(cfg.d_model, cfg.n_heads, dropout=cfg.dropout),
        FeedForward(cfg.d_model, cfg.d_ff, F.gelu, dropout=cfg.dropout),
        norm=lambda: LayerNorm(cfg.d_model),
        cross=MultiHeadAttention(cfg.d_model, cfg.n_heads, dropout=cfg.dropout) if cross else None,
        dropout=cfg.dropout,
    )


class Bart(nn.Module):
    """Logits for each next token of the target, given the source and the target so far.

    `mask` (B, M): True or 1 where the source is real, 0 where it is padding, as the `attention_mask` of `transformers`;
    without it, every token is real. A target that is padded at its end needs no mask.
    Errors: ValueError for a text of more than `max_len` tokens.
    Source: Lewis 2019 (1910.13461), section 2.1, and its code.

    >>> model = Bart(TINY)
    >>> source, target = torch.tensor([[0, 5, 6, 2]]), torch.tensor([[2, 0, 8]])
    >>> model(source, target).shape
    torch.Size([1, 3, 500])
    """

    HF: ClassVar[Names]
    HF_IGNORE: ClassVar[tuple[str, ...]]

    logits_bias: Tensor

    def __init__(self, cfg: BartConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.tok = Embedding(cfg.vocab_size, cfg.d_model, padding_idx=cfg.pad)
        self.encoder_pos = nn.Embedding(cfg.max_len + OFFSET, cfg.d_model)
        self.encoder_norm = LayerNorm(cfg.d_model)
        self.encoder = nn.ModuleList(block(cfg) for _ in range(cfg.n_layers))
        self.decoder_pos = nn.Embedding(cfg.max_len + OFFSET, cfg.d_model)
        self.decoder_norm = LayerNorm(cfg.d_model)
        self.decoder = nn.ModuleList(block(cfg, cross=True) for _ in range(cfg.n_layers))
        self.dropout = nn.Dropout(cfg.dropout)
        self.head = TiedHead(self.tok)
        self.register_buffer("logits_bias", torch.zeros(1, cfg.vocab_size))  # published, never trained
        self.apply(init)

    def forward(
        self, ids: Int[Tensor, "B M"], decoder_ids: Int[Tensor, "B L"], mask: Mask | None = None
    ) -> Float[Tensor, "B L V"]:
        return self.decode(decoder_ids, self.encode(ids, mask), mask)

    def encode(self, ids: Int[Tensor, "B M"], mask: Mask | None = None) -> Float[Tensor, "B M D"]:
        """The memory: what the decoder will look at."""
        x = self.dropout(self.encoder_norm(self.tok(ids) + self.positions(self.encoder_pos, 0, ids.shape[1])))
        looks = None if mask is None else mask.bool()[:, None, None]
        for block in self.encoder:
            x = block(x, bias=looks)
        return x

    def decode(
        self,
        decoder_ids: Int[Tensor, "B L"],
        memory: Float[Tensor, "B M D"],
        mask: Mask | None = None,
        caches: list[tuple[KVCache, KVCache]] | None = None,
    ) -> Float[Tensor, "B L V"]:
        """Logits for what follows each target token. With `caches`, a pair a layer, it goes on where they end."""
        n_new, start = decoder_ids.shape[1], len(caches[0][0]) if caches else 0
        positions = self.positions(self.decoder_pos, start, start + n_new)
        x = self.dropout(self.decoder_norm(self.tok(decoder_ids) + positions))
        past = causal(n_new, start + n_new, decoder_ids.device)
        looks = None if mask is None else mask.bool()[:, None, None]
        for i, block in enumerate(self.decoder):
            x = block(x, bias=past, context=memory, context_bias=looks, cache=caches[i] if caches else None)
        return self.head(x) + self.logits_bias

    def positions(self, table: nn.Embedding, start: int, end: int) -> Float[Tensor, "L D"]:
        """The rows of the positions `start` to `end - 1`."""
        if end > self.cfg.max_len:
            raise ValueError(f"a text of {end} tokens; this model has max_len={self.cfg.max_len} positions")
        return table.weight[OFFSET + start : OFFSET + end]

    def loss(self, ids: Int[Tensor, "B M"], labels: Int[Tensor, "B L"], mask: Mask | None = None) -> Float[Tensor, ""]:
        """Mean nats per target token; labels of -100 don't count. The decoder's inputs are the labels, shifted."""
        logits = self(ids, shift_right(labels, self.cfg.eos, self.cfg.pad), mask)
        return F.cross_entropy(logits.flatten(0, 1), labels.flatten())

    @classmethod
    def from_pretrained(cls, name_or_folder: str | Path) -> "Bart":
        """A published checkpoint, such as "facebook/bart-base".

        Errors: FileNotFoundError if there is none; ValueError where it is of another kind.
        """
        config, tensors = weights.read_checkpoint(name_or_folder)
        same = {f"decoder_{part}": config.get(f"encoder_{part}") for part in ("layers", "attention_heads", "ffn_dim")}
        model = cls(weights.config_from_hf(BartConfig, config, HF_CONFIG, HF_FIXED | same))
        tensors.setdefault("final_logits_bias", model.logits_bias)  # a checkpoint of the bare model has none
        weights.load_hf(model, tensors, HF, HF_IGNORE)
        return model.eval()

    def save_pretrained(self, folder: str | Path) -> None:
        """Write a checkpoint that `transformers` reads as a `BartForConditionalGeneration`."""
        written = {"architectures": ["BartForConditionalGeneration"], "decoder_start_token_id": self.cfg.eos}
        config = weights.config_to_hf(self.cfg, HF_CONFIG, HF_FIXED | written)
        weights.write_checkpoint(folder, config, weights.to_hf(self, HF))


def init(module: nn.Module) -> None:
    """Normal numbers of size 0.02, as in BERT and GPT; biases and the row of padding 0."""
    if isinstance(module, nn.Embedding | nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
    if isinstance(module, nn.Embedding) and module.padding_idx is not None:
        nn.init.zeros_(module.weight[module.padding_idx])


def _attention(ours: str, theirs: str) -> dict[str, str]:
    return {f"{ours}.{p}_proj": f"{theirs}.{p}_proj" for p in ("q", "k", "v", "out")}


HF: Names = {
    "tok": Part("shared", copies=("encoder.embed_tokens", "decoder.embed_tokens", "lm_head")),
    "encoder_pos": "encoder.embed_positions",
    "encoder_norm": "encoder.layernorm_embedding",
    **_attention("encoder.{i}.attn", "encoder.layers.{i}.self_attn"),
    "encoder.{i}.norm_attn": "encoder.layers.{i}.self_attn_layer_norm",
    "encoder.{i}.ffn.up": "encoder.layers.{i}.fc1",
    "encoder.{i}.ffn.down": "encoder.layers.{i}.fc2",
    "encoder.{i}.norm_ffn": "encoder.layers.{i}.final_layer_norm",
    "decoder_pos": "decoder.embed_positions",
    "decoder_norm": "decoder.layernorm_embedding",
    **_attention("decoder.{i}.attn", "decoder.layers.{i}.self_attn"),
    "decoder.{i}.norm_attn": "decoder.layers.{i}.self_attn_layer_norm",
    **_attention("decoder.{i}.cross", "decoder.layers.{i}.encoder_attn"),
    "decoder.{i}.norm_cross": "decoder.layers.{i}.encoder_attn_layer_norm",
    "decoder.{i}.ffn.up": "decoder.layers.{i}.fc1",
    "decoder.{i}.ffn.down": "decoder.layers.{i}.fc2",
    "decoder.{i}.norm_ffn": "decoder.layers.{i}.final_layer_norm",
    "logits_bias": "final_logits_bias",
}
HF_IGNORE = (r"(encoder|decoder)\.version$",)  # in old files
HF_CONFIG = {
    "vocab_size": "vocab_size",
    "d_model": "d_model",
    "encoder_layers": "n_layers",
    "decoder_layers": "n_layers",
    "encoder_attention_heads": "n_heads",
    "decoder_attention_heads": "n_heads",
    "encoder_ffn_dim": "d_ff",
    "decoder_ffn_dim": "d_ff",
    "max_position_embeddings": "max_len",
    "dropout": "dropout",
    "attention_dropout": "dropout",
    "activation_dropout": "dropout",
    "bos_token_id": "bos",
    "pad_token_id": "pad",
    "eos_token_id": "eos",
}
HF_FIXED = {
    "model_type": "bart",
    "is_encoder_decoder": True,
    "activation_function": "gelu",
    "scale_embedding": False,
    "normalize_before": False,
    "normalize_embedding": True,
    "add_final_layer_norm": False,
}
Bart.HF, Bart.HF_IGNORE = HF, HF_IGNORE
