"""The parts that have a textbook name: attention, masks, positions, norms, feed-forward nets, residual blocks, heads.

Each module is read on its own. Shapes are written with one legend of letters everywhere:

    B  batch            D  d_model, the width of the residual stream
    L  queries          H  heads (G of them carry keys and values, where queries are grouped)
    M  keys             K  d_head, the width of a head
    V  vocabulary       F  d_ff, the width inside a feed-forward net

>>> import torch
>>> from course_utils.blocks.attention import MultiHeadAttention
>>> from course_utils.blocks.masks import causal
>>> attn = MultiHeadAttention(d_model=6, n_heads=2)
>>> attn(torch.randn(3, 5, 6), bias=causal(5)).shape
torch.Size([3, 5, 6])
"""

import course_utils._torch  # noqa: F401 - says what to do where torch is missing
