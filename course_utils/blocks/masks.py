"""Masks: boolean tensors in which True means "may look". Join them with `&` and `|`; a mask is a picture.

>>> causal(4).int()
tensor([[1, 0, 0, 0],
        [1, 1, 0, 0],
        [1, 1, 1, 0],
        [1, 1, 1, 1]], dtype=torch.int32)
>>> (causal(4) & window(4, left=1, right=0)).int()
tensor([[1, 0, 0, 0],
        [1, 1, 0, 0],
        [0, 1, 1, 0],
        [0, 0, 1, 1]], dtype=torch.int32)
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def distances(n_queries: int, n_keys: int | None = None, device: torch.device | None = None) -> Int[Tensor, "L M"]:
    """How far each key stands to the right of each query: `key - query`, in positions.

    The queries are the last `n_queries` of the `n_keys` positions, as when a text is continued from a cache.
    Errors: ValueError if there are more queries than keys.

    >>> distances(2, 3)
    tensor([[-1,  0,  1],
            [-2, -1,  0]])
    """
    n_keys = n_queries if n_keys is None else n_keys
    if not 0 <= n_queries <= n_keys:
        raise ValueError(f"{n_queries} queries and {n_keys} keys; the queries are the last of the keys, so no more")
    keys = torch.arange(n_keys, device=device)
    return keys[None, :] - keys[n_keys - n_queries :, None]


def causal(n_queries: int, n_keys: int | None = None, device: torch.device | None = None) -> Bool[Tensor, "L M"]:
    """Each position sees itself and what stands before it.

    >>> causal(1, 3)  # the newest position sees all three
    tensor([[True, True, True]])
    """
    return distances(n_queries, n_keys, device) <= 0


def window(
    n_queries: int, n_keys: int | None = None, *, left: int, right: int, device: torch.device | None = None
) -> Bool[Tensor, "L M"]:
    """Each position sees `left` positions before it, itself, and `right` positions after it.

    Errors: ValueError if `left` or `right` is negative.
    """
    if left < 0 or right < 0:
        raise ValueError(f"left is {left} and right is {right}; both count positions, 0 or more")
    distance = distances(n_queries, n_keys, device)
    return (-left <= distance) & (distance <= right)


def prefix(lengths: Int[Tensor, " B"], n: int) -> Bool[Tensor, "B 1 n n"]:
    """The first `lengths` positions of each example see one another; the rest sees itself and what stands before.

    Source: Raffel 2019 (1910.10683), section 3.2.1, "prefix LM".

    >>> prefix(torch.tensor([2]), 3).int()
    tensor([[[[1, 1, 0],
              [1, 1, 0],
              [1, 1, 1]]]], dtype=torch.int32)
    """
    in_prefix = torch.arange(n, device=lengths.device) < lengths[:, None]
    return causal(n, device=lengths.device) | in_prefix[:, None, None, :]


def unpadded(ids: Int[Tensor, "B M"], pad: int = 0) -> Bool[Tensor, "B 1 1 M"]:
    """Nobody looks at padding.

    >>> unpadded(torch.tensor([[5, 7, 0]]))
    tensor([[[[ True,  True, False]]]])
    """
    return (ids != pad)[:, None, None, :]


def same_segment(segments: Int[Tensor, "B L"]) -> Bool[Tensor, "B 1 L L"]:
    """Only positions with the same segment number see one another: several texts packed into one row.

    >>> same_segment(torch.tensor([[0, 0, 1]])).int()
    tensor([[[[1, 1, 0],
              [1, 1, 0],
              [0, 0, 1]]]], dtype=torch.int32)
    """
    return (segments[:, :, None] == segments[:, None, :])[:, None]


def to_bias(mask: Bool[Tensor, "*shape"], dtype: torch.dtype = torch.float32) -> Float[Tensor, "*shape"]:
    """A mask as numbers to add to the scores: 0 where one may look, the lowest finite number elsewhere.

    Finite, and not minus infinity: a row in which nothing is allowed then gets equal weights, and no NaN.

    >>> to_bias(torch.tensor([True, False]), torch.float16)
    tensor([     0., -65504.], dtype=torch.float16)
    """
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(~mask, torch.finfo(dtype).min)
