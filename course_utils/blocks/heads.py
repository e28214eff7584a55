"""Heads: from the stream's vectors to answers."""

from jaxtyping import Float
from torch import Tensor, nn


class TiedHead(nn.Module):
    """logits = x E^T: each token's score is the dot product with its own row of the embedding table.

    Shapes: (..., D) to (..., V). The table is the embedding's own, trained once for both uses; it is no parameter
    of this module, so that it is counted, saved and decayed once.
    Source: Press and Wolf 2016 (1608.05859), section 2.

    >>> import torch
    >>> tok = nn.Embedding(7, 3)
    >>> head = TiedHead(tok)
    >>> head(torch.zeros(2, 5, 3)).shape, sum(p.numel() for p in head.parameters())
    (torch.Size([2, 5, 7]), 0)
    """

    def __init__(self, tok: nn.Embedding) -> None:
        super().__init__()
        self._tok = (tok,)  # in a tuple torch does not see it, and does not count its parameters again

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B V"]:
        return nn.functional.linear(x, self._tok[0].weight)


class Classifier(nn.Module):
    """One score for each class, from the mean over the positions that count.

    Shapes: (B, L, D) and a mask (B, L), True where a position counts, to (B, C).

    >>> import torch
    >>> Classifier(3, 2)(torch.zeros(4, 5, 3)).shape
    torch.Size([4, 2])
    """

    def __init__(self, d_model: int, n_classes: int) -> None:
        super().__init__()
        self.proj = nn.Linear(d_model, n_classes)

    def forward(self, x: Float[Tensor, "B L D"], mask: Tensor | None = None) -> Float[Tensor, "B C"]:
        if mask is None:
            return self.proj(x.mean(1))
        counts = mask[..., None].to(x.dtype)
        return self.proj((x * counts).sum(1) / counts.sum(1).clamp(min=1))
