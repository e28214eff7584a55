"""Models in the middle of texts: what `greedy`, `sample` and `beam` ask for logits."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from course_utils.blocks.attention import KVCache
from course_utils.decode import fast

Mask = Bool[Tensor, "B M"] | Int[Tensor, "B M"]


@runtime_checkable
class Step(Protocol):
    """A model in the middle of texts."""

    def __call__(self, ids: Int[Tensor, "B L"]) -> Float[Tensor, "B V"]:
        """Read on, and return the logits for what follows. The first call brings the whole prompt."""

    def reorder(self, rows: Int[Tensor, " N"]) -> None:
        """Text i becomes what text `rows[i]` was, for as many texts as there are `rows`."""


class Continuation:
    """Texts that a decoder goes on with, as a `Step`: the next tokens in, the logits (B, V) for what follows out.

    `model` has `blocks`, `hidden(ids, mask, caches)`, which is `embed(ids, mask, start)`, the blocks, and `norm` if
    there is one, and `head`. `mask`: where the tokens of the prompts are real, if they are padded on the left.
    Single tokens go the way of `course_utils.decode.fast` where it serves; it is the same computation.

    >>> from course_utils.decode import greedy
    >>> from course_utils.models.gpt2 import GPT2, TINY
    >>> greedy(Continuation(GPT2(TINY).eval()), torch.tensor([[5, 6, 7]]), max_new=4).shape
    torch.Size([1, 4])
    """

    def __init__(self, model: Any, mask: Mask | None = None) -> None:
        self.model, self.mask = model, mask
        self.caches = [KVCache() for _ in model.blocks]

    def __call__(self, ids: Int[Tensor, "B L"]) -> Float[Tensor, "B V"]:
        """Read on. See `Step`."""
        start = len(self.caches[0])
        if self.mask is not None and start:
            self.mask = torch.cat([self.mask, self.mask.new_ones(ids.shape)], 1)
        packed = self.packed if start and ids.shape[1] == 1 else None
        if packed is None or not packed.serves():
            return self.model.head(self.model.hidden(ids, self.mask, self.caches)[:, -1])
        x, bias = self.model.embed(ids, self.mask, start)
        return packed(x[:, 0], bias, self.caches)

    @cached_property
    def packed(self) -> fast.Packed | None:
        """The model packed for single tokens, when the first of them comes; None where that cannot be."""
        return fast.packed(self.model)

    def reorder(self, rows: Int[Tensor, " N"]) -> None:
        """Text i becomes what text `rows[i]` was."""
        self.mask = None if self.mask is None else self.mask[rows]
        for cache in self.caches:
            cache.reorder(rows)


class Reread:
    """Any model from ids (B, L) to logits (B, L, V) as a `Step`, without a cache: it reads all again for each token.

    >>> from course_utils.decode import greedy
    >>> step = Reread(lambda ids: 9.0 * torch.nn.functional.one_hot(ids + 1, 10))
    >>> greedy(step, torch.tensor([[5, 6]]), max_new=3)
    tensor([[7, 8, 9]])
    """

    def __init__(self, model: Callable[[Tensor], Tensor]) -> None:
        self.model = model
        self.read: Tensor | None = None

    def __call__(self, ids: Int[Tensor, "B L"]) -> Float[Tensor, "B V"]:
        """Read on. See `Step`."""
        self.read = ids if self.read is None else torch.cat([self.read, ids], 1)
        return self.model(self.read)[:, -1]

    def reorder(self, rows: Int[Tensor, " N"]) -> None:
        """Text i becomes what text `rows[i]` was."""
        self.read = None if self.read is None else self.read[rows]


class Answer:
    """Texts that an encoder-decoder writes, as a `Step`: the next tokens in, the logits (B, V) for what follows out.

    `model` has `encode(ids, mask)`, `decode(decoder_ids, memory, mask, caches)` and `decoder`, its layers. `mask`:
    where the source is real.

    >>> from course_utils.decode import greedy
    >>> from course_utils.models.t5 import T5, TINY
    >>> step = Answer(T5(TINY).eval(), torch.tensor([[5, 6, 7, 1]]))
    >>> greedy(step, torch.tensor([[0]]), max_new=3).shape
    torch.Size([1, 3])
    """

    def __init__(self, model: Any, ids: Int[Tensor, "B M"], mask: Mask | None = None) -> None:
        self.model, self.mask = model, mask
        self.memory = model.encode(ids) if mask is None else model.encode(ids, mask)
        self.caches = [(KVCache(), KVCache()) for _ in model.decoder]
        self.sources = torch.arange(len(ids), device=ids.device)  # which source each text answers

    def __call__(self, ids: Int[Tensor, "B L"]) -> Float[Tensor, "B V"]:
        """Read on. See `Step`."""
        return self.model.decode(ids, self.memory, self.mask, self.caches)[:, -1]

    def reorder(self, rows: Int[Tensor, " N"]) -> None:
        """Text i becomes what text `rows[i]` was."""
        sources = self.sources[rows]
        moved = not torch.equal(sources, self.sources)  # texts of one source share what was read of it
        if moved:
            self.sources, self.memory = sources, self.memory[rows]
            self.mask = None if self.mask is None else self.mask[rows]
        for own, other in self.caches:
            own.reorder(rows)
            if moved:
                other.reorder(rows)


def check_prompt(ids: Tensor, max_new: int) -> None:
    """ValueError unless there is a prompt, and something to do."""
    if not isinstance(ids, Tensor) or ids.is_floating_point():
        given = f"a tensor of {ids.dtype}" if isinstance(ids, Tensor) else f"{ids!r:.40}"
        raise ValueError(f"ids is {given}; give a tensor of whole numbers, such as torch.tensor([[1, 2]])")
    if ids.ndim != 2 or ids.shape[1] < 1:
        raise ValueError(f"ids of shape {tuple(ids.shape)}; give (texts, tokens), one token at least, such as `bos`")
    if max_new < 1:
        raise ValueError(f"{max_new=}; it counts from 1")
