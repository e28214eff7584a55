"""Attention: each position asks all others, and takes a weighted mean of what they hold."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_utils.blocks.masks import to_bias

Queries = Float[Tensor, "B H L K"]
Keys = Float[Tensor, "B H M K"]  # and values
SharedKeys = Float[Tensor, "B G M K"]  # G heads, each shared by H / G query heads
Weights = Float[Tensor, "B H L M"]
Turn = Callable[[Tensor, int], Tensor]  # queries or keys, and the position of the first of them


class KVCache:
    """The keys and values of what was read so far, so that the next token costs one query and not the whole text.

    One cache for each attention layer. The space doubles when it is full, so that appending is cheap.

    >>> cache = KVCache()
    >>> k, v = cache.append(torch.ones(1, 2, 3, 4), torch.ones(1, 2, 3, 4))
    >>> k, v = cache.append(torch.ones(1, 2, 1, 4), torch.ones(1, 2, 1, 4))
    >>> len(cache), k.shape
    (4, torch.Size([1, 2, 4, 4]))
    """

    def __init__(self) -> None:
        self._space: Tensor | None = None  # (2, B, G, positions, K)
        self._length = 0

    def __len__(self) -> int:
        """How many positions are kept."""
        return self._length

    def append(self, k: Float[Tensor, "B G L K"], v: Float[Tensor, "B G L K"]) -> tuple[SharedKeys, SharedKeys]:
        """Keep more positions, and return all that are kept: both (B, G, M, K)."""
        start, self._length = self._length, self._length + k.shape[2]
        if self._space is None or self._space.shape[3] < self._length:
            with torch.inference_mode(False):  # or else nobody outside of it could write there
                space = k.new_empty(2, *k.shape[:2], max(2 * start, self._length), k.shape[3])
            if self._space is not None:
                space[:, :, :, :start] = self._space[:, :, :, :start]
            self._space = space
        self._space[0, :, :, start : self._length] = k
        self._space[1, :, :, start : self._length] = v
        return self.kept()

    def kept(self) -> tuple[SharedKeys, SharedKeys]:
        """The keys and the values, both (B, G, M, K). Errors: ValueError while nothing is kept."""
        if self._space is None:
            raise ValueError("the cache is empty; `append` keys and values first")
        k, v = self._space[:, :, :, : self._length]
        return k, v

    def reorder(self, rows: Int[Tensor, " B"]) -> None:
        """Go on from other examples of the batch: row i becomes what row `rows[i]` was. Beam search needs it."""
        if self._space is not None:
            self._space = self._space.index_select(1, rows)


class MultiHeadAttention(nn.Module):
    """softmax(Q K^T / sqrt(K) + bias) V in several heads at once, whose results are joined and projected.

    `n_kv_heads` < `n_heads`: groups of query heads share keys and values (1: multi-query attention).
    `d_head`: the width of a head, D / H by default. `bias`: whether the four projections add one.
    `dropout`: share of the weights set to 0 in training. `scale`: what the scores are multiplied with, 1 / sqrt(K)
    by default (T5 takes 1).
    Errors: ValueError for sizes that do not divide.
    Source: Vaswani 2017 (1706.03762), section 3.2; grouped queries: Ainslie 2023 (2305.13245).
    Differs: the projections are four separate matrices, never one; dropout acts on the weights only.

    >>> attn = MultiHeadAttention(d_model=6, n_heads=3)
    >>> out, weights = attn(torch.randn(2, 5, 6), need_weights=True)
    >>> weights.shape, torch.allclose(weights.sum(-1), torch.ones(2, 3, 5))
    (torch.Size([2, 3, 5, 5]), True)
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        n_kv_heads: int | None = None,
        d_head: int | None = None,
        bias: bool = True,
        dropout: float = 0.0,
        scale: float | None = None,
    ) -> None:
        super().__init__()
        n_kv_heads = n_heads if n_kv_heads is None else n_kv_heads
        if d_head is None and (n_heads < 1 or d_model % n_heads):
            raise ValueError(f"d_model {d_model} does not divide into {n_heads} heads; give d_head, or another number")
        if n_kv_heads < 1 or n_heads % n_kv_heads:
            raise ValueError(f"{n_heads} query heads cannot share {n_kv_heads} key heads evenly")
        self.d_head = d_model // n_heads if d_head is None else d_head
        self.n_groups = n_heads // n_kv_heads
        self.scale = self.d_head**-0.5 if scale is None else scale
        self.dropout = dropout
        self.q_proj = nn.Linear(d_model, n_heads * self.d_head, bias)
        self.k_proj = nn.Linear(d_model, n_kv_heads * self.d_head, bias)
        self.v_proj = nn.Linear(d_model, n_kv_heads * self.d_head, bias)
        self.out_proj = nn.Linear(n_heads * self.d_head, d_model, bias)

    def forward(
        self,
        x: Float[Tensor, "B L D"],
        context: Float[Tensor, "B M D"] | None = None,
        *,
        bias: Float[Tensor, "..."] | Bool[Tensor, "..."] | None = None,
        pos: Turn | None = None,
        cache: KVCache | None = None,
        need_weights: bool = False,
    ) -> Float[Tensor, "B L D"] | tuple[Float[Tensor, "B L D"], Weights]:
        """Attend from x to itself, or to `context`; (B, L, D) to (B, L, D).

        `bias` is added to the scores: numbers, or a mask in which True means "may look", that broadcast to
        (B, H, L, M). `pos(q_or_k, start)` turns queries and keys, whose first stands at position `start`.
        `cache`: x goes on where the cached text ends; with `context`, its keys and values are computed once.
        `need_weights`: return also the weights (B, H, L, M), before dropout.
        """
        for name, given in (("x", x), ("context", x if context is None else context)):
            if given.ndim != 3 or given.shape[-1] != self.q_proj.in_features:
                wanted = f"(batch, positions, {self.q_proj.in_features})"
                raise ValueError(f"{name} has the shape {tuple(given.shape)}; this attention takes {wanted}")
        start = len(cache) if cache is not None and context is None else 0
        q = self._split(self.q_proj(x))
        q = q if pos is None else pos(q, start)
        k, v = self._keys_values(x if context is None else context, context is not None, pos, cache)
        if bias is not None:
            bias = _finite(bias, q.dtype)
        out, weights = self.attend(q, k, v, bias, need_weights)
        out = self.out_proj(out.transpose(1, 2).flatten(2))
        return (out, weights) if need_weights and weights is not None else out

    def scores(self, q: Queries, k: Keys) -> Weights:
        """How well each query fits each key. A subclass may add terms, such as one for the distance."""
        return q @ k.transpose(-2, -1) * self.scale

    def attend(
        self, q: Queries, k: Keys, v: Keys, bias: Tensor | None, need_weights: bool
    ) -> tuple[Queries, Weights | None]:
        """The weighted means (B, H, L, K), and the weights where they are asked for.

        PyTorch's fused attention where nobody looks at scores or weights; the same sum in plain steps otherwise.
        """
        dropout = self.dropout if self.training else 0.0
        if not need_weights and type(self).scores is MultiHeadAttention.scores:
            return F.scaled_dot_product_attention(q, k, v, bias, dropout, scale=self.scale), None
        scores = self.scores(q, k)
        scores = scores if bias is None else _finite(scores + bias, q.dtype)
        weights = torch.softmax(scores, dim=-1)
        return F.dropout(weights, dropout) @ v, weights

    def _keys_values(self, source: Tensor, cross: bool, pos: Turn | None, cache: KVCache | None) -> tuple[Keys, Keys]:
        if cross and cache:
            k, v = cache.kept()
        else:
            k, v = self._split(self.k_proj(source)), self._split(self.v_proj(source))
            k = k if pos is None else pos(k, len(cache) if cache else 0)
            k, v = (k, v) if cache is None else cache.append(k, v)
        return _repeat(k, self.n_groups), _repeat(v, self.n_groups)

    def _split(self, x: Float[Tensor, "B L HK"]) -> Queries:
        return x.unflatten(-1, (-1, self.d_head)).transpose(1, 2)


def _finite(bias: Tensor, dtype: torch.dtype) -> Tensor:
    """A mask or numbers as finite numbers of this type: two masks that were added up stay finite too."""
    if bias.dtype == torch.bool:
        return to_bias(bias, dtype)
    return bias.to(dtype).clamp(min=torch.finfo(dtype).min)


def _repeat(heads: SharedKeys, n_groups: int) -> Keys:
    """Each key head as often as query heads share it."""
    return heads if n_groups == 1 else heads.repeat_interleave(n_groups, dim=1)


@contextmanager
def record(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Collect the weights of every attention in a model, by the module's name, while the model runs.

    The newest run counts; the weights are detached. The model's outputs are the same up to rounding.

    >>> attn = nn.Sequential(MultiHeadAttention(4, 2))
    >>> with record(attn) as weights:
    ...     _ = attn(torch.randn(1, 3, 4))
    >>> weights["0"].shape
    torch.Size([1, 2, 3, 3])
    """
    weights: dict[str, Tensor] = {}

    def ask(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return args, kwargs | {"need_weights": True}

    def keep(name: str) -> Callable[[nn.Module, Any, Any], Tensor]:
        def hook(module: nn.Module, args: Any, result: Any) -> Tensor:
            weights[name] = result[1].detach()
            return result[0]

        return hook

    handles = []
    for name, module in model.named_modules():
        if isinstance(module, MultiHeadAttention):
            handles.append(module.register_forward_pre_hook(ask, with_kwargs=True))
            handles.append(module.register_forward_hook(keep(name)))
    try:
        yield weights
    finally:
        for handle in handles:
            handle.remove()
