"""What is done to logits before a token is chosen: small functions that return new logits, in any order.

Those that look at the text so far take it as `ids` (B, N): the prompt and all new tokens. Padding on the left counts
as tokens there, as it does in `transformers`: pad with an id that no text contains, and it changes nothing.
"""

from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float, Int
from torch import Tensor

Rule = Callable[[Tensor, Tensor], Tensor]  # from logits (B, V) and the texts so far (B, N) to logits


def top_k(logits: Float[Tensor, "*B V"], k: int) -> Float[Tensor, "*B V"]:
    """Only the k highest logits stay, and what equals the last of them; all others become -inf.

    A k beyond the vocabulary changes nothing. Errors: ValueError if k is less than 1.
    Source: Fan 2018 (1805.04833), section 5.

    >>> top_k(torch.tensor([1.0, 4.0, 2.0, 3.0]), k=2)
    tensor([-inf, 4., -inf, 3.])
    """
    if k < 1:
        raise ValueError(f"top_k is {k}; at least 1 token must stay")
    lowest = logits.topk(min(k, logits.shape[-1])).values[..., -1:]
    return logits.masked_fill(logits < lowest, -torch.inf)


def nucleus(logits: Float[Tensor, "*B V"], p: float) -> Float[Tensor, "*B V"]:
    """Only the most probable tokens stay, as few as have a probability of p together; all others become -inf.

    Errors: ValueError unless 0 < p <= 1. Source: Holtzman 2019 (1904.09751), section 3.1, called top-p as well.

    >>> nucleus(torch.tensor([0.1, 0.6, 0.3]).log(), p=0.8).exp()
    tensor([0.0000, 0.6000, 0.3000])
    """
    if not 0 < p <= 1:
        raise ValueError(f"top_p is {p}; it is a probability above 0, and 1 keeps every token")
    ascending, order = logits.sort()
    out = ascending.softmax(-1).cumsum(-1) <= 1 - p  # summed from the small end, where rounding would show
    out[..., -1] = False
    return logits.masked_fill(torch.empty_like(out).scatter(-1, order, out), -torch.inf)


def repetition_penalty(logits: Float[Tensor, "B V"], ids: Int[Tensor, "B N"], penalty: float) -> Float[Tensor, "B V"]:
    """Each token that the text has already: its logit divided by `penalty` if above 0, multiplied if below.

    Above 1 it makes repetitions rarer, below 1 more frequent. Errors: ValueError unless `penalty` is above 0.
    Source: Keskar 2019 (1909.05858), section 4.1; it divides negative logits too, which would make them larger.

    >>> repetition_penalty(torch.tensor([[3.0, 3.0, -3.0]]), torch.tensor([[1, 2, 2]]), penalty=1.5)
    tensor([[ 3.0000,  2.0000, -4.5000]])
    """
    if penalty <= 0:
        raise ValueError(f"penalty is {penalty}; give a number above 0, such as 1.2; 1 changes nothing")
    seen = logits.gather(1, ids)
    return logits.scatter(1, ids, torch.where(seen < 0, seen * penalty, seen / penalty))


def no_repeat_ngram(logits: Float[Tensor, "B V"], ids: Int[Tensor, "B N"], n: int) -> Float[Tensor, "B V"]:
    """-inf for each token that would end a sequence of n tokens which the text has already.

    Errors: ValueError if n is less than 1. Source: Paulus 2017 (1705.04304), section 2.5, with n = 3.

    >>> no_repeat_ngram(torch.zeros(1, 4), torch.tensor([[1, 2, 3, 1]]), n=2)  # 1 2 is there; so 2 may not follow 1
    tensor([[0., 0., -inf, 0.]])
    """
    if n < 1:
        raise ValueError(f"n is {n}; a sequence has 1 token at least")
    if ids.shape[1] < n:
        return logits
    ngrams, end = ids.unfold(1, n, 1), ids[:, ids.shape[1] - n + 1 :]
    rows, places = (ngrams[..., :-1] == end[:, None]).all(-1).nonzero(as_tuple=True)
    return logits.index_put((rows, ngrams[rows, places, -1]), logits.new_tensor(-torch.inf))


def probabilities(
    logits: Float[Tensor, "*B V"], temperature: float = 1.0, k: int | None = None, p: float | None = None
) -> Float[Tensor, "*B V"]:
    """softmax(logits / temperature) of the tokens that `top_k` and then `nucleus` leave; 0 for the others.

    Below 1 the temperature makes probable tokens more probable; near 0 only the best is left, as in greedy decoding.
    Errors: ValueError unless the temperature is above 0.

    >>> probabilities(torch.tensor([0.5, 0.3, 0.2]).log(), temperature=0.5, k=2)
    tensor([0.7353, 0.2647, 0.0000])
    """
    if temperature <= 0:
        raise ValueError(f"temperature is {temperature}; give a number above 0, or decode greedily")
    logits = logits / temperature
    logits = logits if k is None else top_k(logits, k)
    logits = logits if p is None else nucleus(logits, p)
    return logits.softmax(-1)


def apply_rules(rules: Iterable[Rule], logits: Float[Tensor, "B V"], ids: Int[Tensor, "B N"]) -> Float[Tensor, "B V"]:
    """Each rule in turn."""
    for rule in rules:
        logits = rule(logits, ids)
    return logits
