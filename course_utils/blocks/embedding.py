"""The table in front of every model: a row for each token."""

from jaxtyping import Float, Int
from torch import Tensor, nn


class Embedding(nn.Embedding):
    """`torch.nn.Embedding`, which says what is wrong with an id that has no row (torch: "index out of range in self").

    Shape: ids (...) to vectors (..., D). Raises IndexError for such an id, on a CPU; a GPU reports it in its own way.

    >>> import torch
    >>> Embedding(5, 3)(torch.tensor([4, 7]))
    Traceback (most recent call last):
    IndexError: id 7 has no row in this table of 5: its ids are 0 to 4. Was the model built for as many?
    """

    def forward(self, ids: Int[Tensor, "..."]) -> Float[Tensor, "... D"]:
        try:
            return super().forward(ids)
        except IndexError:
            n = self.num_embeddings
            wrong = next((id for id in ids.flatten().tolist() if not 0 <= id < n), None)
            if wrong is None:
                raise
            message = f"id {wrong} has no row in this table of {n}: its ids are 0 to {n - 1}."
            raise IndexError(f"{message} Was the model built for as many?") from None
