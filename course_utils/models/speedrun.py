"""A small GPT that learns characters fast on one thread: what was found since GPT-2, put together.

    ids -> tok + tables of the 3 characters before -> norm -> N x [attention, net], pre-norm -> norm -> head

What differs from GPT-2, with the source of each: rotary positions (Su 2021, 2104.09864) instead of a table; queries
and keys brought to one length (Henry 2020, 2010.04245); the squared ReLU (So 2021, 2109.08668) instead of GELU;
the characters just before are added to each embedding, as the convolutions of the same paper mix neighbours; no
biases; matrices that write to the stream start at 0, and so does the head, which is not tied.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_utils.blocks.attention import Keys, MultiHeadAttention, Queries, Weights
from course_utils.blocks.embedding import Embedding
from course_utils.blocks.ffn import FeedForward
from course_utils.blocks.masks import causal
from course_utils.blocks.norms import LayerNorm
from course_utils.blocks.positions import Rotary
from course_utils.blocks.residual import PreNorm
from course_utils.train.muon import Muon


@dataclass(frozen=True)
class SpeedrunConfig:
    """Sizes; the defaults are those of the speed run on tiny Shakespeare's 65 characters."""

    vocab_size: int = 65
    d_model: int = 96
    n_layers: int = 2
    n_heads: int = 3
    d_ff: int = 384
    n_before: int = 3  # how many characters before it each position is told of


class NormedAttention(MultiHeadAttention):
    """Attention between queries and keys of length sqrt(K): a score cannot grow by length alone."""

    def attend(
        self, q: Queries, k: Keys, v: Keys, bias: Tensor | None, need_weights: bool
    ) -> tuple[Queries, Weights | None]:
        """Bring queries and keys to one length, and attend."""
        q, k = F.rms_norm(q, q.shape[-1:]), F.rms_norm(k, k.shape[-1:])
        return super().attend(q, k, v, bias, need_weights)


def squared_relu(x: Tensor) -> Tensor:
    """max(0, x)^2."""
    return F.relu(x).square()


def block(cfg: SpeedrunConfig) -> PreNorm:
    """One layer."""
    return PreNorm(
        NormedAttention(cfg.d_model, cfg.n_heads, bias=False),
        FeedForward(cfg.d_model, cfg.d_ff, squared_relu, bias=False),
        norm=lambda: LayerNorm(cfg.d_model, bias=False),
    )


class Speedrun(nn.Module):
    """Logits for each next character.

    >>> import torch
    >>> Speedrun(SpeedrunConfig())(torch.tensor([[5, 6, 7]])).shape
    torch.Size([1, 3, 65])
    """

    def __init__(self, cfg: SpeedrunConfig) -> None:
        super().__init__()
        self.tok = Embedding(cfg.vocab_size, cfg.d_model)
        self.before = nn.ModuleList(Embedding(cfg.vocab_size, cfg.d_model) for _ in range(cfg.n_before))
        self.pos = Rotary(cfg.d_model // cfg.n_heads)
        self.norm_tok = LayerNorm(cfg.d_model, bias=False)
        self.blocks = nn.ModuleList(block(cfg) for _ in range(cfg.n_layers))
        self.norm = LayerNorm(cfg.d_model, bias=False)
        self.head = nn.Linear(cfg.d_model, cfg.vocab_size, bias=False)
        self.init()

    def init(self) -> None:
        """A character's own table counts most, those before it less and less; what writes to the stream is 0."""
        tables = [p for name, p in self.named_parameters() if name.startswith(("tok", "before"))]
        for distance, table in enumerate(tables):
            nn.init.normal_(table, std=0.5 / distance if distance else 1.0)
        for name, weight in self.named_parameters():
            if name.endswith(("out_proj.weight", "down.weight", "head.weight")):
                nn.init.zeros_(weight)

    def forward(self, ids: Int[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        x = self.tok(ids)
        for distance, table in enumerate(self.before, 1):
            x = x + F.pad(table(ids), (0, 0, distance, 0))[:, : ids.shape[1]]
        x, bias = self.norm_tok(x), causal(ids.shape[1], device=ids.device)
        for layer in self.blocks:
            x = layer(x, bias=bias, pos=self.pos)
        return self.head(self.norm(x))

    def muon(self, lr: float = 0.04, other_lr: float = 0.02) -> Muon:
        """The optimiser of the speed run: Muon for the matrices of the blocks, Adam for tables, norms and head."""
        inside = {id(p) for p in self.blocks.parameters() if p.ndim == 2}
        matrices = [p for p in self.parameters() if id(p) in inside]
        return Muon(matrices, [p for p in self.parameters() if id(p) not in inside], lr, other_lr)
