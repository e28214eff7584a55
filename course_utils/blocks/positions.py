"""Positions: four ways to tell attention where the words stand, which it cannot see by itself.

- added to the embedding: a learned table (`torch.nn.Embedding`), or `sinusoidal`, the same in fixed numbers
- added to the scores: `T5Bias`, a learned number for each range of distances, and `alibi`, a slope
- turning queries and keys: `Rotary` and `RotaryPairs`, which are given to attention as `pos=`

>>> sinusoidal(2, 4)
tensor([[0.0000, 1.0000, 0.0000, 1.0000],
        [0.8415, 0.5403, 0.0100, 0.9999]])
>>> t5_bucket(torch.tensor([-1000, -91, -7, 0, 1, 7])).tolist()
[15, 15, 7, 0, 17, 23]
>>> alibi(2, 2, 3)[0]  # the slope of the first of two heads is 1/16
tensor([[-0.0625,  0.0000, -0.0625],
        [-0.1250, -0.0625,  0.0000]])
"""

import math
from numbers import Integral, Real
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_utils.blocks.masks import distances


def sinusoidal(
    n_positions: int,
    d_model: int,
    *,
    start: int = 0,
    base: float = 10_000.0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | None = None,
) -> Float[Tensor, "L D"]:
    """Sines and cosines of geometrically spaced frequencies, to be added to the embeddings.

        PE[p, 2i] = sin(p / base^(2i/D))        PE[p, 2i+1] = cos(p / base^(2i/D))        p = start, start + 1, ...

    Errors: ValueError if `d_model` is odd.
    Source: Vaswani 2017 (1706.03762), section 3.5.
    Differs: the angles are computed in float64, so that far positions are exact in any `dtype`.

    >>> sinusoidal(1, 2, start=1, dtype=torch.float64).tolist() == [[math.sin(1), math.cos(1)]]
    True
    """
    _check_whole(n_positions=(n_positions, 0), d_model=(d_model, 2), start=(start, 0))
    _check_even("d_model", d_model)
    angles = _angles(start, n_positions, d_model, base)
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(-2).to(device, dtype)


def t5_bucket(
    distance: Int[Tensor, "*shape"], n_buckets: int = 32, max_distance: int = 128, bidirectional: bool = True
) -> Int[Tensor, "*shape"]:
    """The bucket of each distance `key - query`: exact when near, logarithmic further off, one for all that is far.

    Of the N buckets of a direction the first E = N // 2 hold one distance n each, and the others

        bucket = min(E + floor(log(n / E) / log(max_distance / E) * (N - E)), N - 1)

    With `bidirectional` each direction has N = n_buckets / 2: first keys before the query and itself, then keys after.
    Without, all N = n_buckets are for what stands before, and what stands after shares bucket 0 with the query itself.
    Errors: ValueError for buckets too few or odd (when bidirectional), or a `max_distance` that E already covers.
    Source: Raffel 2019 (1910.10683), section 2.1, and its code, which computes the logarithm in float32: so do we.

    >>> t5_bucket(torch.tensor([-15, -16, -127, -128, 3]), bidirectional=False).tolist()
    [15, 16, 31, 31, 0]
    """
    n, exact = _check_buckets(n_buckets, max_distance, bidirectional)
    far = distance.abs() if bidirectional else (-distance).clamp(min=0)
    growth = torch.log(far.clamp(min=exact).float() / exact) / math.log(max_distance / exact)
    bucket = torch.where(far < exact, far, (exact + (growth * (n - exact)).long()).clamp(max=n - 1))
    return bucket + n * (distance > 0) if bidirectional else bucket


class T5Bias(nn.Module):
    """One learned number for each bucket of distances and each head, added to the scores.

        bias[1, h, i, j] = table[t5_bucket(j - i), h]

    `bias(n_queries, n_keys)` is (1, H, L, M) for L queries that are the last of M keys. T5 shares one such table
    between all layers. Errors: those of `t5_bucket`; ValueError for more queries than keys.
    Source: Raffel 2019 (1910.10683), section 2.1.

    >>> bias = T5Bias(n_heads=1)
    >>> _ = bias.table.weight.data.copy_(torch.arange(32.0)[:, None])
    >>> bias(2, 3).int()  # each number is its own bucket
    tensor([[[[ 1,  0, 17],
              [ 2,  1,  0]]]], dtype=torch.int32)
    """

    def __init__(self, n_heads: int, n_buckets: int = 32, max_distance: int = 128, bidirectional: bool = True) -> None:
        super().__init__()
        _check_whole(n_heads=(n_heads, 1))
        _check_buckets(n_buckets, max_distance, bidirectional)
        self.n_buckets, self.max_distance, self.bidirectional = n_buckets, max_distance, bidirectional
        self.table = nn.Embedding(n_buckets, n_heads)

    def forward(self, n_queries: int, n_keys: int | None = None) -> Float[Tensor, "1 H L M"]:
        n_keys = n_queries if n_keys is None else n_keys
        _check_whole(n_queries=(n_queries, 1), n_keys=(n_keys, n_queries))
        # All the distances that occur, once: each row of the matrix is a window on them (10 times faster backwards).
        distance = torch.arange(1 - n_keys, n_queries, device=self.table.weight.device)
        of_distance = self.table(t5_bucket(distance, self.n_buckets, self.max_distance, self.bidirectional))
        return of_distance.T.unfold(-1, n_keys, 1).flip(-2)[None]


def alibi_slopes(n_heads: int) -> list[float]:
    """The slope of each head: for n heads, a power of two, the geometric series that starts with 2^(-8/n).

        slope[h] = 2^(-8 (h + 1) / n)

    For other numbers of heads: the slopes of the next lower power of two, then every other one of the next higher.
    Source: Press 2021 (2108.12409), section 3, and its code for numbers that are no power of two.

    >>> alibi_slopes(4)
    [0.25, 0.0625, 0.015625, 0.00390625]
    >>> alibi_slopes(3)
    [0.0625, 0.00390625, 0.25]
    """
    _check_whole(n_heads=(n_heads, 1))
    power = 2 ** (int(n_heads).bit_length() - 1)
    slopes = [2 ** (-8 * (h + 1) / power) for h in range(power)]
    return slopes + [2 ** (-4 * (h + 1) / power) for h in range(0, 2 * (n_heads - power), 2)]


def alibi(
    n_heads: int,
    n_queries: int,
    n_keys: int | None = None,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | None = None,
) -> Float[Tensor, "H L M"]:
    """Attention with linear biases: the further away a key stands, the lower its score. Nothing is learned.

        bias[h, i, j] = -slope[h] * |i - j|

    The queries are the last of the keys. Errors: ValueError for more queries than keys.
    Source: Press 2021 (2108.12409), equation in section 3.
    Differs: keys after the query count as well, so that it serves encoders; under a causal mask this changes nothing.

    >>> alibi(8, 1, 3)[0]
    tensor([[-1.0000, -0.5000,  0.0000]])
    """
    slopes = torch.tensor(alibi_slopes(n_heads), dtype=dtype, device=device)
    return slopes[:, None, None] * -distances(n_queries, n_keys, device).abs()


class Rotary(nn.Module):
    """Turn each pair of numbers of a query or key by an angle in proportion to its position.

        pair i of position p turns by a = p / scale * base^(-2i/R):   (x, y) -> (x cos a - y sin a, x sin a + y cos a)

    so that the dot product of a query and a key depends on their distance only: <R_m q, R_n k> = <q, R_(n-m) k>.
    Here pair i is the numbers i and i + R/2 ("halves", as in GPT-NeoX and LLaMA).

    - `n_rotated`: turn the first R numbers of a head only and leave the rest (GPT-NeoX: a quarter); None turns all.
    - `scale`: above 1, positions are squeezed together (position interpolation): scale 4 makes 256 look like 64.

    `rotary(x, start)` turns x (..., L, K), whose positions are start, start + 1, ...; sines and cosines are kept for
    the next call. Errors: ValueError for odd or impossible sizes.
    Source: Su 2021 (2104.09864), equation 34; scale: Chen 2023 (2306.15595), equation 4.
    Differs: eq. 34 pairs adjacent numbers, as `RotaryPairs` does. The angles are computed in float64 and then rounded.

    >>> rotary = Rotary(d_head=2)
    >>> rotary(torch.tensor([[1.0, 0.0], [1.0, 0.0]]))  # the second stands at position 1 and turns by 1 radian
    tensor([[1.0000, 0.0000],
            [0.5403, 0.8415]])
    """

    def __init__(self, d_head: int, base: float = 10_000.0, n_rotated: int | None = None, scale: float = 1.0) -> None:
        super().__init__()
        n_rotated = d_head if n_rotated is None else n_rotated
        _check_whole(d_head=(d_head, 1), n_rotated=(n_rotated, 2))
        _check_even("n_rotated" if n_rotated != d_head else "d_head", n_rotated)
        if n_rotated > d_head:
            raise ValueError(f"n_rotated={n_rotated} of d_head={d_head} numbers can't be turned; give {d_head} or less")
        _check_positive(base=base, scale=scale)
        self.d_head, self.base, self.n_rotated, self.scale = d_head, base, n_rotated, scale
        self._kept: dict[tuple[torch.dtype, torch.device], tuple[Tensor, Tensor]] = {}

    def forward(self, x: Float[Tensor, "*B L K"], start: int = 0) -> Float[Tensor, "*B L K"]:
        if x.shape[-1] != self.d_head:
            raise ValueError(f"x has {x.shape[-1]} numbers a position and head; this rotary turns {self.d_head}")
        _check_whole(start=(start, 0))
        cos, sin = self._tables(start + x.shape[-2], x)
        turned, rest = x[..., : self.n_rotated], x[..., self.n_rotated :]
        turned = torch.addcmul(turned * cos[start:], self.partners(turned), sin[start:])
        return torch.cat([turned, rest], -1) if self.n_rotated < self.d_head else turned

    def partners(self, x: Float[Tensor, "*B R"]) -> Float[Tensor, "*B R"]:
        """The other number of each one's pair."""
        first, second = x.chunk(2, -1)
        return torch.cat([second, first], -1)

    def join(self, first: Float[Tensor, "*B r"], second: Float[Tensor, "*B r"]) -> Float[Tensor, "*B R"]:
        """The first and the second numbers of all pairs, in the order of the layout."""
        return torch.cat([first, second], -1)

    def extra_repr(self) -> str:
        return f"{self.d_head}, base={self.base:g}, n_rotated={self.n_rotated}, scale={self.scale:g}"

    def _tables(self, length: int, x: Tensor) -> tuple[Tensor, Tensor]:
        """cos and signed sin of `length` positions (L, R) in the dtype and on the device of x, kept for later calls."""
        kept = self._kept.get((x.dtype, x.device))
        if kept is None or len(kept[0]) < length:
            with torch.inference_mode(False):  # else tables made during inference could not be used in training
                angles = _angles(0, max(64, 2 ** (length - 1).bit_length()), self.n_rotated, self.base, self.scale)
                cos, sin = angles.cos(), angles.sin()
                kept = self.join(cos, cos).to(x), self.join(-sin, sin).to(x)
            self._kept[x.dtype, x.device] = kept
        return kept[0][:length], kept[1][:length]


class RotaryPairs(Rotary):
    """`Rotary` with adjacent pairs: pair i is the numbers 2i and 2i + 1 (the paper, RoFormer, GPT-J).

    The two layouts differ by a permutation of the columns of the query and key projections, so weights trained with
    one give nonsense with the other.

    >>> RotaryPairs(d_head=4)(torch.tensor([[1.0, 0.0, 1.0, 0.0]]), start=1)
    tensor([[0.5403, 0.8415, 0.9999, 0.0100]])
    """

    def partners(self, x: Float[Tensor, "*B R"]) -> Float[Tensor, "*B R"]:
        return self.join(x[..., 1::2], x[..., ::2])

    def join(self, first: Float[Tensor, "*B r"], second: Float[Tensor, "*B r"]) -> Float[Tensor, "*B R"]:
        return torch.stack([first, second], -1).flatten(-2)


def ntk_base(base: float, scale: float, n_rotated: int) -> float:
    """A base for `Rotary` that squeezes its slowest pair by `scale` and leaves its fastest alone.

        base' = base * scale^(R / (R - 2))

    An alternative to `Rotary(scale=...)`, which squeezes all pairs alike, even those that tell neighbours apart.
    Source: "NTK-aware" scaling, which has no paper of its own; Peng 2023 (2309.00071), section 3.1.

    >>> ntk_base(10_000.0, scale=4.0, n_rotated=4)
    160000.0
    """
    _check_whole(n_rotated=(n_rotated, 4))
    _check_positive(base=base, scale=scale)
    return base * scale ** (n_rotated / (n_rotated - 2))


def _angles(start: int, n_positions: int, d: int, base: float, scale: float = 1.0) -> Float[Tensor, "L r"]:
    """p / scale * base^(-2i/d) for all positions and i < d / 2, in float64."""
    _check_positive(base=base)
    positions = torch.arange(start, start + n_positions, dtype=torch.float64) / scale
    return positions[:, None] * base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)


def _check_buckets(n_buckets: int, max_distance: int, bidirectional: bool) -> tuple[int, int]:
    """How many buckets a direction has, and how many of these are exact."""
    _check_whole(n_buckets=(n_buckets, 4 if bidirectional else 2))
    if bidirectional:
        _check_even("n_buckets", n_buckets)
    n = n_buckets // 2 if bidirectional else n_buckets
    _check_whole(max_distance=(max_distance, n // 2 + 1))
    return n, n // 2


def _check_whole(**numbers: tuple[Any, int]) -> None:
    for name, (number, low) in numbers.items():
        if isinstance(number, bool) or not isinstance(number, Integral) or int(number) < low:
            raise ValueError(f"{name}={number!r} is not possible; it must be a whole number of at least {low}")


def _check_even(name: str, number: int) -> None:
    if number % 2:
        raise ValueError(f"{name}={number} is odd, but the numbers go in pairs; give {number - 1} or {number + 1}")


def _check_positive(**numbers: Any) -> None:
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, Real) or not 0 < float(number) < math.inf:
            raise ValueError(f"{name}={number!r} is not possible; it must be a number above 0")
