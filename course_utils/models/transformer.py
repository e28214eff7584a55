"""The Transformer of 2017: an encoder reads the source, a decoder writes the target, and both are attention only.

Vaswani 2017, "Attention is all you need" (1706.03762), figure 1.

    source -> tok * sqrt(D) + pos -> N x [attention, net] ---------------------> memory
    target -> tok * sqrt(D) + pos -> N x [attention to the past, to memory, net] -> @ tok^T -> logits

One vocabulary and one table `tok` serve source, target and output. The paper leaves the initialisation open.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_utils.blocks.attention import KVCache, MultiHeadAttention
from course_utils.blocks.embedding import Embedding
from course_utils.blocks.ffn import FeedForward
from course_utils.blocks.heads import TiedHead
from course_utils.blocks.masks import causal, unpadded
from course_utils.blocks.norms import LayerNorm
from course_utils.blocks.positions import sinusoidal
from course_utils.blocks.residual import PostNorm
from course_utils.decode import Answer, beam, gnmt, greedy


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes; the defaults are the base model of the paper (table 3). `n_layers` counts each of the two stacks."""

    vocab_size: int = 37_000
    d_model: int = 512
    n_layers: int = 6
    n_heads: int = 8
    d_ff: int = 2048
    max_len: int = 512  # positions
    dropout: float = 0.1
    pad: int = 0
    bos: int = 1
    eos: int = 2


TINY = TransformerConfig(vocab_size=500, d_model=64, n_layers=2, n_heads=4, d_ff=256, max_len=128)


def block(cfg: TransformerConfig, cross: bool = False) -> PostNorm:
    """One layer of the encoder, or with `cross` of the decoder; dropout on what each sublayer adds (section 5.4)."""
    return PostNorm(
        MultiHeadAttention(cfg.d_model, cfg.n_heads),
        FeedForward(cfg.d_model, cfg.d_ff, activation=F.relu),
        norm=lambda: LayerNorm(cfg.d_model),
        cross=MultiHeadAttention(cfg.d_model, cfg.n_heads) if cross else None,
        dropout=cfg.dropout,
    )


class Transformer(nn.Module):
    """Logits for each next token of the target, given the source and the target so far.

    Padding stands at the end of a row. Errors: ValueError for a text of more than `max_len` tokens.
    Source: Vaswani 2017 (1706.03762), sections 3 and 5.4.
    Differs: the attention's projections have biases, as in `torch.nn.Transformer`, which has dropout on the attention's
    weights and inside the net as well.

    >>> model = Transformer(TINY)
    >>> source, target = torch.tensor([[5, 6, 7, 0]]), torch.tensor([[1, 8, 9]])
    >>> model(source, target).shape
    torch.Size([1, 3, 500])
    """

    pos: Tensor

    def __init__(self, cfg: TransformerConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.tok = Embedding(cfg.vocab_size, cfg.d_model)
        self.register_buffer("pos", sinusoidal(cfg.max_len, cfg.d_model), persistent=False)
        self.encoder = nn.ModuleList(block(cfg) for _ in range(cfg.n_layers))
        self.decoder = nn.ModuleList(block(cfg, cross=True) for _ in range(cfg.n_layers))
        self.dropout = nn.Dropout(cfg.dropout)
        self.head = TiedHead(self.tok)
        self.apply(init)

    def forward(self, source: Int[Tensor, "B M"], target: Int[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        return self.decode(target, self.encode(source), source)

    def encode(self, source: Int[Tensor, "B M"]) -> Float[Tensor, "B M D"]:
        """The memory: what the decoder will look at."""
        x, bias = self.embed(source), unpadded(source, self.cfg.pad)
        for block in self.encoder:
            x = block(x, bias=bias)
        return x

    def decode(
        self,
        target: Int[Tensor, "B L"],
        memory: Float[Tensor, "B M D"],
        source: Int[Tensor, "B M"],
        caches: list[tuple[KVCache, KVCache]] | None = None,
    ) -> Float[Tensor, "B L V"]:
        """Logits for what follows each target token. With `caches`, a pair a layer, it goes on where they end."""
        start = len(caches[0][0]) if caches else 0
        x, looks = self.embed(target, start), unpadded(source, self.cfg.pad)
        past = causal(target.shape[1], start + target.shape[1], device=target.device)
        for i, block in enumerate(self.decoder):
            x = block(x, bias=past, context=memory, context_bias=looks, cache=caches[i] if caches else None)
        return self.head(x)

    def embed(self, ids: Int[Tensor, "B L"], start: int = 0) -> Float[Tensor, "B L D"]:
        """Tokens and positions, brought to like size by sqrt(D) (section 3.4)."""
        end = start + ids.shape[1]
        if end > self.cfg.max_len:
            raise ValueError(f"a text of {end} tokens; this model has max_len={self.cfg.max_len} positions")
        return self.dropout(self.tok(ids) * self.cfg.d_model**0.5 + self.pos[start:end])

    def loss(self, source: Int[Tensor, "B M"], target: Int[Tensor, "B L"], smoothing: float = 0.1) -> Float[Tensor, ""]:
        """Mean nats per target token, labels smoothed (section 5.4). `target` is `bos`, the text, `eos`, padding."""
        logits = self(source, target[:, :-1]).flatten(0, 1)
        return F.cross_entropy(logits, target[:, 1:].flatten(), ignore_index=self.cfg.pad, label_smoothing=smoothing)

    @torch.no_grad()
    def translate(
        self, source: Int[Tensor, "B M"], n_beams: int = 4, alpha: float = 0.6, max_new: int | None = None
    ) -> Int[Tensor, "B L"]:
        """The best target found for each source: new tokens up to `eos`, then padding (section 6.1).

        One beam is greedy decoding. `max_new`: at most so many tokens, the source's length + 50 by default.
        """
        was_training = self.training
        self.eval()
        limit = min(source.shape[1] + 50 if max_new is None else max_new, self.cfg.max_len)
        ids, stop, pad = source.new_full((len(source), 1), self.cfg.bos), (self.cfg.eos,), self.cfg.pad
        step = Translation(self, source)
        if n_beams == 1:
            out = greedy(step, ids, stop=stop, max_new=limit, pad=pad)
        else:
            out = beam(step, ids, n_beams=n_beams, stop=stop, max_new=limit, pad=pad, penalty=gnmt(alpha)).ids[:, 0]
        self.train(was_training)
        return out


class Translation(Answer):
    """Targets in the making: the next tokens in, the logits (B, V) for what follows out. See `course_utils.decode`."""

    def __init__(self, model: Transformer, source: Int[Tensor, "B M"]) -> None:
        super().__init__(model, source)
        self.mask = source  # `Transformer.decode` sees from it where the padding is


def init(module: nn.Module) -> None:
    """Matrices by Glorot's rule, biases 0, embeddings so that times sqrt(D) each number has variance 1."""
    if isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=module.embedding_dim**-0.5)
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


COMMON = {"self_attn": "attn", "norm1": "norm_attn", "linear1": "ffn.up", "linear2": "ffn.down"}
TORCH = {  # torch.nn.Transformer's names in a layer of each stack -> ours
    "encoder": COMMON | {"norm2": "norm_ffn"},
    "decoder": COMMON | {"multihead_attn": "cross", "norm2": "norm_cross", "norm3": "norm_ffn"},
}


def from_torch(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of a `torch.nn.Transformer`, whose q, k and v are rows of one matrix, under our names.

    It has no embeddings, so `model.load_state_dict(from_torch(state) | {"tok.weight": table})`. And it ends each
    stack with a norm that the paper does not have; make it with `custom_encoder` and `custom_decoder` to be without.
    """
    ours: dict[str, Tensor] = {}
    for name, weight in state.items():
        found = re.fullmatch(r"(\w+)\.layers\.(\d+)\.(\w+)\.(.+)", name)
        if not found:
            raise ValueError(f"{name!r} has no place in the paper's Transformer; make it without that part")
        stack, layer, part, kind = found.groups()
        kinds = [f"{p}_proj.{kind[8:]}" for p in "qkv"] if kind.startswith("in_proj_") else [kind]
        here = f"{stack}.{layer}.{TORCH[stack][part]}."
        ours |= {here + kind: rows for kind, rows in zip(kinds, weight.chunk(len(kinds)), strict=True)}
    return ours
