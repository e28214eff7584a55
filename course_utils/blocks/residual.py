"""Residual blocks: attention and a feed-forward net, each added to the stream that flows past it.

The two classes differ in one place, where the norm stands, and that place decides how deep a stack trains.
"""

from collections.abc import Callable
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from course_utils.blocks.attention import KVCache

Stream = Float[Tensor, "B L D"]


class PreNorm(nn.Module):
    """x = x + sublayer(norm(x)), for attention, then for cross-attention if there is any, then for the net.

    `norm()` makes a new norm for each sublayer. `dropout` acts on what is added to the stream.
    `ffn` is any module from (B, L, D) to (B, L, D).
    Source: Radford 2019 (GPT-2), section 2.3; Xiong 2020 (2002.04745), figure 1 b.

    >>> import torch
    >>> from course_utils.blocks import attention, ffn, norms
    >>> block = PreNorm(attention.MultiHeadAttention(6, 2), ffn.FeedForward(6, 24), lambda: norms.LayerNorm(6))
    >>> block(torch.randn(2, 5, 6)).shape
    torch.Size([2, 5, 6])
    """

    def __init__(
        self,
        attn: nn.Module,
        ffn: nn.Module,
        norm: Callable[[], nn.Module],
        cross: nn.Module | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.norm_attn, self.attn = norm(), attn
        self.norm_cross, self.cross = nn.Identity() if cross is None else norm(), cross
        self.norm_ffn, self.ffn = norm(), ffn
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Stream,
        *,
        bias: Tensor | None = None,
        pos: Callable[[Tensor, int], Tensor] | None = None,
        context: Float[Tensor, "B M D"] | None = None,
        context_bias: Tensor | None = None,
        cache: tuple[KVCache, KVCache] | KVCache | None = None,
    ) -> Stream:
        """`bias` and `pos` as in `MultiHeadAttention`; `context` and its bias go to the cross-attention.

        `cache`: one `KVCache`, or a pair of them where the block has cross-attention.
        """
        if (context is None) != (self.cross is None):
            has = "has no" if self.cross is None else "has"
            raise ValueError(
                f"this block {has} cross-attention, and context is {'' if context is None else 'not '}None"
            )
        own, other = cache if isinstance(cache, tuple) else (cache, None)
        x = self.residual(x, self.norm_attn, self.attn, bias=bias, pos=pos, cache=own)
        if self.cross is not None:
            x = self.residual(x, self.norm_cross, self.cross, context=context, bias=context_bias, cache=other)
        return self.residual(x, self.norm_ffn, self.ffn)

    def residual(self, x: Stream, norm: nn.Module, sublayer: nn.Module, **more: Any) -> Stream:
        """The stream with what one sublayer adds to it."""
        return x + self.dropout(sublayer(norm(x), **more))


class PostNorm(PreNorm):
    """x = norm(x + sublayer(x)): the norm stands on the stream itself, after each sublayer.

    Everything else is as in `PreNorm`. Deep stacks need a warm-up of the learning rate.
    Source: Vaswani 2017 (1706.03762), section 3.1; so do GPT-1 and BERT.
    """

    def residual(self, x: Stream, norm: nn.Module, sublayer: nn.Module, **more: Any) -> Stream:
        """The stream with what one sublayer adds to it, brought to size."""
        return norm(x + self.dropout(sublayer(x, **more)))
