"""GPT, later called GPT-1: the decoder of the Transformer alone, which learns to predict the next token of any text.

Radford 2018, "Improving language understanding by generative pre-training".

    ids -> tok + pos -> N x [attention to the past, net], norm after each -> @ tok^T -> logits

Beside the decoder of the Transformer: no encoder and so no cross-attention, learned positions, GELU for ReLU,
dropout on the attention's weights.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_utils import weights
from course_utils.blocks.attention import KVCache, MultiHeadAttention
from course_utils.blocks.embedding import Embedding
from course_utils.blocks.ffn import FeedForward, gelu_tanh
from course_utils.blocks.heads import TiedHead
from course_utils.blocks.masks import causal, to_bias
from course_utils.blocks.norms import LayerNorm
from course_utils.blocks.residual import PostNorm
from course_utils.decode import Continuation as Continuation
from course_utils.weights import Names, Part

Ids = Int[Tensor, "B L"]
Mask = Bool[Tensor, "B M"] | Int[Tensor, "B M"]


@dataclass(frozen=True)
class GPTConfig:
    """Sizes; the defaults are openai-gpt (section 4.1)."""

    vocab_size: int = 40_478
    d_model: int = 768
    n_layers: int = 12
    n_heads: int = 12
    d_ff: int = 3072
    max_len: int = 512  # positions
    dropout: float = 0.1


TINY = GPTConfig(vocab_size=500, d_model=64, n_layers=2, n_heads=4, d_ff=256, max_len=128)


def block(cfg: GPTConfig) -> PostNorm:
    """One layer. Its GELU is the approximation by a tanh."""
    return PostNorm(
        MultiHeadAttention(cfg.d_model, cfg.n_heads, dropout=cfg.dropout),
        FeedForward(cfg.d_model, cfg.d_ff, activation=gelu_tanh),
        norm=lambda: LayerNorm(cfg.d_model),
        dropout=cfg.dropout,
    )


class GPT(nn.Module):
    """Logits (B, L, V) for what follows each token.

    `mask`: 1 or True where a token is real; positions count from the first real token, so that texts of different
    length may be padded on the left. `caches`: one `KVCache` a layer; the ids go on where they end, and `mask` covers
    what they keep too.
    Errors: ValueError for a text of more than `max_len` tokens.
    Source: Radford 2018, sections 3.1 and 4.1.
    Differs: one `dropout` for embeddings, attention and stream, where `transformers` has a number for each.

    >>> GPT(TINY)(torch.tensor([[5, 6, 7]])).shape
    torch.Size([1, 3, 500])
    """

    HF: ClassVar[Names]
    HF_IGNORE: ClassVar[tuple[str, ...]]

    def __init__(self, cfg: GPTConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.tok = Embedding(cfg.vocab_size, cfg.d_model)
        self.pos = nn.Embedding(cfg.max_len, cfg.d_model)
        self.dropout = nn.Dropout(cfg.dropout)
        self.blocks = nn.ModuleList(block(cfg) for _ in range(cfg.n_layers))
        self.head = TiedHead(self.tok)
        self.apply(init)

    def forward(
        self, ids: Ids, mask: Mask | None = None, caches: list[KVCache] | None = None
    ) -> Float[Tensor, "B L V"]:
        return self.head(self.hidden(ids, mask, caches))

    def hidden(self, ids: Ids, mask: Mask | None = None, caches: list[KVCache] | None = None) -> Float[Tensor, "B L D"]:
        """The vectors from which the head predicts."""
        x, bias = self.embed(ids, mask, start=len(caches[0]) if caches else 0)
        for i, block in enumerate(self.blocks):
            x = block(x, bias=bias, cache=caches[i] if caches else None)
        return x

    def embed(
        self, ids: Ids, mask: Mask | None = None, start: int = 0
    ) -> tuple[Float[Tensor, "B L D"], Float[Tensor, "..."] | None]:
        """What the first block reads, and the bias of all: nobody looks ahead, or at padding. `start`: ids before."""
        end = start + ids.shape[1]
        if end > self.cfg.max_len:
            raise ValueError(f"a text of {end} tokens; this model has max_len={self.cfg.max_len} positions")
        if mask is not None and mask.shape[1] != end:
            raise ValueError(f"mask covers {mask.shape[1]} positions; give all {end}, those in the caches too")
        places = torch.arange(start, end, device=ids.device)
        if mask is not None:
            places = (mask.cumsum(1) - 1).clamp(min=0)[:, start:]
        x = self.dropout(self.tok(ids) + self.pos(places))
        if mask is None and ids.shape[1] == 1:
            return x, None  # a single token may look at all that was before
        looks = causal(ids.shape[1], end, ids.device)
        return x, to_bias(looks if mask is None else looks & mask.bool()[:, None, None], x.dtype)

    @classmethod
    def from_pretrained(cls, name_or_folder: str | Path) -> "GPT":
        """A published model, such as "openai-gpt", from a folder or the hub."""
        config, tensors = weights.read_checkpoint(name_or_folder)
        cfg = weights.config_from_hf(GPTConfig, config, HF_CONFIG, HF_FIXED)
        model = weights.unfilled(cls, replace(cfg, d_ff=4 * cfg.d_model))
        weights.load_hf(model, tensors, HF, HF_IGNORE)
        return model.eval()

    def save_pretrained(self, folder: str | Path) -> None:
        """A checkpoint that `transformers` reads. Errors: ValueError unless `d_ff` is 4 D, as it is there."""
        if self.cfg.d_ff != 4 * self.cfg.d_model:
            raise ValueError(f"d_ff is {self.cfg.d_ff}; `transformers` knows GPT with 4 * {self.cfg.d_model} only")
        config = weights.config_to_hf(self.cfg, HF_CONFIG, HF_FIXED | {"architectures": ["OpenAIGPTLMHeadModel"]})
        weights.write_checkpoint(folder, config, weights.to_hf(self, HF))


def init(module: nn.Module) -> None:
    """Matrices and embeddings from a normal distribution of width 0.02 (section 4.1); biases 0."""
    if isinstance(module, nn.Embedding | nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)


HF: Names = {
    "tok": Part("tokens_embed", copies=("lm_head",)),
    "pos": "positions_embed",
    "blocks.{i}.attn.q_proj": Part("h.{i}.attn.c_attn", 0, 3, transposed=True),
    "blocks.{i}.attn.k_proj": Part("h.{i}.attn.c_attn", 1, 3, transposed=True),
    "blocks.{i}.attn.v_proj": Part("h.{i}.attn.c_attn", 2, 3, transposed=True),
    "blocks.{i}.attn.out_proj": Part("h.{i}.attn.c_proj", transposed=True),
    "blocks.{i}.norm_attn": "h.{i}.ln_1",
    "blocks.{i}.ffn.up": Part("h.{i}.mlp.c_fc", transposed=True),
    "blocks.{i}.ffn.down": Part("h.{i}.mlp.c_proj", transposed=True),
    "blocks.{i}.norm_ffn": "h.{i}.ln_2",
}
HF_IGNORE = (r"h\.\d+\.attn\.bias$", r"position_ids$")  # masks and positions, which old files hold
HF_CONFIG = {
    "vocab_size": "vocab_size",
    "n_embd": "d_model",
    "n_layer": "n_layers",
    "n_head": "n_heads",
    "n_positions": "max_len",
    "resid_pdrop": "dropout",
    "embd_pdrop": "dropout",
    "attn_pdrop": "dropout",
}
HF_FIXED = {"model_type": "openai-gpt", "afn": "gelu", "layer_norm_epsilon": 1e-5, "tie_word_embeddings": True}
GPT.HF, GPT.HF_IGNORE = HF, HF_IGNORE
