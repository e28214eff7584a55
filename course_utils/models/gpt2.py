"""GPT-2: GPT with the norms moved to where deep stacks can be trained, and with more of everything.

Radford 2019, "Language models are unsupervised multitask learners".

    ids -> tok + pos -> N x [norm, attention to the past, norm, net] -> norm -> @ tok^T -> logits

Beside GPT: the norm stands before each sublayer and not after it, one more norm at the end, the layers that write to
the stream start smaller, twice the positions, a vocabulary of bytes and what they merge to.
"""

from dataclasses import dataclass
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
from course_utils.blocks.residual import PreNorm
from course_utils.weights import Names, Part

Ids = Int[Tensor, "B L"]
Mask = Bool[Tensor, "B M"] | Int[Tensor, "B M"]


@dataclass(frozen=True)
class GPT2Config:
    """Sizes; the defaults are gpt2, the smallest of the four (section 2.3)."""

    vocab_size: int = 50_257
    d_model: int = 768
    n_layers: int = 12
    n_heads: int = 12
    d_ff: int = 3072
    max_len: int = 1024  # positions
    dropout: float = 0.1


TINY = GPT2Config(vocab_size=500, d_model=64, n_layers=2, n_heads=4, d_ff=256, max_len=128)


def block(cfg: GPT2Config) -> PreNorm:
    """One layer. Its GELU is the approximation by a tanh."""
    return PreNorm(
        MultiHeadAttention(cfg.d_model, cfg.n_heads, dropout=cfg.dropout),
        FeedForward(cfg.d_model, cfg.d_ff, activation=gelu_tanh),
        norm=lambda: LayerNorm(cfg.d_model),
        dropout=cfg.dropout,
    )


class GPT2(nn.Module):
    """Logits (B, L, V) for what follows each token.

    `mask`: 1 or True where a token is real; positions count from the first real token, so that texts of different
    length may be padded on the left. `caches`: one `KVCache` a layer; the ids go on where they end, and `mask` covers
    what they keep too.
    Errors: ValueError for a text of more than `max_len` tokens.
    Source: Radford 2019, section 2.3.
    Differs: one `dropout` for embeddings, attention and stream, where `transformers` has a number for each.

    >>> GPT2(TINY)(torch.tensor([[5, 6, 7]])).shape
    torch.Size([1, 3, 500])
    """

    HF: ClassVar[Names]
    HF_IGNORE: ClassVar[tuple[str, ...]]

    def __init__(self, cfg: GPT2Config) -> None:
        super().__init__()
        self.cfg = cfg
        self.tok = Embedding(cfg.vocab_size, cfg.d_model)
        self.pos = nn.Embedding(cfg.max_len, cfg.d_model)
        self.dropout = nn.Dropout(cfg.dropout)
        self.blocks = nn.ModuleList(block(cfg) for _ in range(cfg.n_layers))
        self.norm = LayerNorm(cfg.d_model)
        self.head = TiedHead(self.tok)
        self.apply(init)
        for name, weight in self.named_parameters():
            if name.endswith(("attn.out_proj.weight", "ffn.down.weight")):
                nn.init.normal_(weight, std=0.02 / (2 * cfg.n_layers) ** 0.5)

    def forward(
        self, ids: Ids, mask: Mask | None = None, caches: list[KVCache] | None = None
    ) -> Float[Tensor, "B L V"]:
        return self.head(self.hidden(ids, mask, caches))

    def hidden(self, ids: Ids, mask: Mask | None = None, caches: list[KVCache] | None = None) -> Float[Tensor, "B L D"]:
        """The vectors from which the head predicts."""
        x, bias = self.embed(ids, mask, start=len(caches[0]) if caches else 0)
        for i, block in enumerate(self.blocks):
            x = block(x, bias=bias, cache=caches[i] if caches else None)
        return self.norm(x)

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
    def from_pretrained(cls, name_or_folder: str | Path) -> "GPT2":
        """A published model, such as "gpt2", "gpt2-medium" or "distilgpt2", from a folder or the hub."""
        config, tensors = weights.read_checkpoint(name_or_folder)
        config["n_inner"] = config.get("n_inner") or 4 * config["n_embd"]
        model = weights.unfilled(cls, weights.config_from_hf(GPT2Config, config, HF_CONFIG, HF_FIXED))
        weights.load_hf(model, tensors, HF, HF_IGNORE)
        return model.eval()

    def save_pretrained(self, folder: str | Path) -> None:
        """A checkpoint that `transformers` reads: `pipeline("text-generation")` works on it."""
        config = weights.config_to_hf(self.cfg, HF_CONFIG, HF_FIXED | {"architectures": ["GPT2LMHeadModel"]})
        weights.write_checkpoint(folder, config, weights.to_hf(self, HF))


def init(module: nn.Module) -> None:
    """Matrices and embeddings from a normal distribution of width 0.02; biases 0."""
    if isinstance(module, nn.Embedding | nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)


HF: Names = {
    "tok": Part("wte", copies=("lm_head",)),
    "pos": "wpe",
    "blocks.{i}.attn.q_proj": Part("h.{i}.attn.c_attn", 0, 3, transposed=True),
    "blocks.{i}.attn.k_proj": Part("h.{i}.attn.c_attn", 1, 3, transposed=True),
    "blocks.{i}.attn.v_proj": Part("h.{i}.attn.c_attn", 2, 3, transposed=True),
    "blocks.{i}.attn.out_proj": Part("h.{i}.attn.c_proj", transposed=True),
    "blocks.{i}.norm_attn": "h.{i}.ln_1",
    "blocks.{i}.ffn.up": Part("h.{i}.mlp.c_fc", transposed=True),
    "blocks.{i}.ffn.down": Part("h.{i}.mlp.c_proj", transposed=True),
    "blocks.{i}.norm_ffn": "h.{i}.ln_2",
    "norm": "ln_f",
}
HF_IGNORE = (r"h\.\d+\.attn\.(masked_)?bias$",)  # masks, which old files hold
HF_CONFIG = {
    "vocab_size": "vocab_size",
    "n_embd": "d_model",
    "n_layer": "n_layers",
    "n_head": "n_heads",
    "n_inner": "d_ff",
    "n_positions": "max_len",
    "resid_pdrop": "dropout",
    "embd_pdrop": "dropout",
    "attn_pdrop": "dropout",
}
HF_FIXED = {
    "model_type": "gpt2",
    "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-5,
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "add_cross_attention": False,
    "tie_word_embeddings": True,
}
GPT2.HF, GPT2.HF_IGNORE = HF, HF_IGNORE
