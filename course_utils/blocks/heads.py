"""Heads: from the stream's vectors to answers."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_utils.blocks.norms import LayerNorm


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
        return F.linear(x, self._tok[0].weight)


class MaskedHead(nn.Module):
    """logits = norm(gelu(W x + b)) E^T + c: the scores of the words that may stand where one was masked.

    Shapes: (..., D) to (..., V). The table E is the embedding's own, as in `TiedHead`.
    Source: Devlin 2018 (1810.04805), section 3.1; the transformation before the table is in its code.

    >>> head = MaskedHead(nn.Embedding(7, 3))
    >>> head(torch.zeros(2, 5, 3)).shape, sorted(name for name, _ in head.named_parameters())
    (torch.Size([2, 5, 7]), ['bias', 'norm.bias', 'norm.weight', 'proj.bias', 'proj.weight'])
    """

    def __init__(self, tok: nn.Embedding, eps: float = 1e-12) -> None:
        super().__init__()
        self.proj = nn.Linear(tok.embedding_dim, tok.embedding_dim)
        self.norm = LayerNorm(tok.embedding_dim, eps)
        self.table = TiedHead(tok)
        self.bias = nn.Parameter(torch.zeros(tok.num_embeddings))

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B V"]:
        return self.table(self.norm(F.gelu(self.proj(x)))) + self.bias


class FirstTokenHead(nn.Module):
    """One score for each class, from the first position: W' tanh(W x[0] + b) + b'.

    Shapes: (B, L, D) to (B, C). Attention has to bring there what the whole text says. `dropout` acts on the tanh.
    Source: Devlin 2018 (1810.04805), section 3.1 for the next sentence, 4.1 for classes; the tanh is in its code.

    >>> FirstTokenHead(3, 2)(torch.zeros(4, 5, 3)).shape
    torch.Size([4, 2])
    """

    def __init__(self, d_model: int, n_classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.pool = nn.Linear(d_model, d_model)
        self.dropout = nn.Dropout(dropout)
        self.proj = nn.Linear(d_model, n_classes)

    def forward(self, x: Float[Tensor, "B L D"]) -> Float[Tensor, "B C"]:
        return self.proj(self.dropout(torch.tanh(self.pool(x[:, 0]))))


class TagHead(nn.Module):
    """One score for each tag, at each position: named entities, parts of speech.

    Shapes: (..., D) to (..., C). `dropout` acts on x. Source: Devlin 2018 (1810.04805), section 5.3.

    >>> TagHead(3, 9)(torch.zeros(4, 5, 3)).shape
    torch.Size([4, 5, 9])
    """

    def __init__(self, d_model: int, n_tags: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.proj = nn.Linear(d_model, n_tags)

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B C"]:
        return self.proj(self.dropout(x))


class SpanHead(nn.Module):
    """Two scores at each position: that the answer starts here, and that it ends here.

    Shapes: (B, L, D), and a mask (B, L), True where an answer may stand, to (B, 2, L). The loss is the mean
    cross-entropy of both against the true positions (B, 2).
    Source: Devlin 2018 (1810.04805), section 4.2.

    >>> SpanHead(3)(torch.zeros(4, 5, 3)).shape
    torch.Size([4, 2, 5])
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.proj = nn.Linear(d_model, 2)

    def forward(self, x: Float[Tensor, "B L D"], mask: Tensor | None = None) -> Float[Tensor, "B 2 L"]:
        scores = self.proj(x).transpose(1, 2)
        return scores if mask is None else scores.masked_fill(~mask.bool()[:, None], torch.finfo(x.dtype).min)


def best_span(scores: Float[Tensor, "B 2 L"], longest: int = 30) -> Int[Tensor, "B 2"]:
    """The first and last position of the answer with the highest sum of both scores, at most `longest` tokens long.

    Errors: ValueError if `longest` is less than 1.
    Source: Devlin 2018 (1810.04805), section 4.2.

    >>> best_span(torch.tensor([[[0.0, 5.0, 1.0], [9.0, 0.0, 1.0]]]))  # 0 to 0: the end may not stand before the start
    tensor([[0, 0]])
    """
    if longest < 1:
        raise ValueError(f"longest is {longest}; an answer has 1 token at least")
    start, end = scores.double().unbind(1)
    spans = torch.ones(end.shape[-1], end.shape[-1], dtype=torch.bool, device=end.device).triu().tril(longest - 1)
    best = (start[:, :, None] + end[:, None, :]).masked_fill(~spans, -torch.inf).flatten(1).argmax(-1)
    return torch.stack([best // end.shape[-1], best % end.shape[-1]], -1)


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
