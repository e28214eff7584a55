"""One token after the other, and none taken back: the most probable one, or one drawn by lot."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import takewhile

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from course_utils.decode.rules import Rule, apply_rules, probabilities
from course_utils.decode.steps import check_prompt

Stop = Sequence[int] | Callable[[Tensor], Tensor]  # ids, or a function from new tokens (B, N) to whether a text ends


def greedy(
    step: Callable[[Tensor], Tensor],
    ids: Int[Tensor, "B L"],
    *,
    rules: Sequence[Rule] = (),
    stop: Stop = (),
    max_new: int = 50,
    pad: int = 0,
) -> Int[Tensor, "B N"]:
    """The most probable token, again and again: up to `max_new` new tokens, or a `stop` and then padding.

    `step` is a `Step`, or any function that does its first half. `rules` change the logits, each after the one before:
    `rules=[partial(no_repeat_ngram, n=3)]`. `stop`: ids, or a function such as `ends_with`.
    Errors: ValueError without a prompt.
    """
    return _write(step, ids, partial(torch.argmax, dim=-1), rules, stop, max_new, pad)


def sample(
    step: Callable[[Tensor], Tensor],
    ids: Int[Tensor, "B L"],
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    rules: Sequence[Rule] = (),
    generator: int | torch.Generator | None = None,
    stop: Stop = (),
    max_new: int = 50,
    pad: int = 0,
) -> Int[Tensor, "B N"]:
    """Each token drawn from the model's probabilities: up to `max_new` new tokens, or a `stop` and then padding.

    `temperature`, `top_k`, `top_p`: see `probabilities`; the other arguments are those of `greedy`. `generator`: a
    seed, or a generator that goes on where it stands; without one PyTorch's own. With the same seed, a model in
    float32 and the same probabilities, `generate` of `transformers` draws the same tokens.
    Errors: ValueError without a prompt, and for a temperature, top_k or top_p that leaves nothing to draw from.
    """
    probabilities(torch.zeros(1, 1), temperature, top_k, top_p)  # what is wrong with them shows before the model runs
    if isinstance(generator, int):
        generator = torch.Generator(ids.device).manual_seed(generator)

    def draw(logits: Tensor) -> Tensor:
        return probabilities(logits, temperature, top_k, top_p).multinomial(1, generator=generator)[:, 0]

    return _write(step, ids, draw, rules, stop, max_new, pad)


@torch.no_grad()
def _write(
    step: Callable[[Tensor], Tensor],
    ids: Int[Tensor, "B L"],
    choose: Callable[[Tensor], Tensor],
    rules: Sequence[Rule],
    stop: Stop,
    max_new: int,
    pad: int,
) -> Int[Tensor, "B N"]:
    """The loop of both: `choose` takes logits (B, V) to tokens (B,)."""
    check_prompt(ids, max_new)
    stops = ids.new_tensor(() if callable(stop) else stop)
    read, start, going = ids, ids.shape[1], ids.new_ones(len(ids), dtype=torch.bool)
    for _ in range(max_new):
        ids = choose(apply_rules(rules, step(ids), read))[:, None]
        if stop:
            ids = ids.where(going[:, None], pad)
        read = torch.cat([read, ids], 1)
        if stop:
            going = going & ~(stop(read[:, start:]) if callable(stop) else torch.isin(ids[:, 0], stops))
            if not going.any():
                break
    return read[:, start:]


def ends_with(phrase: Sequence[int]) -> Callable[[Tensor], Tensor]:
    """A `stop` for several ids in a row, such as those of an empty line: has a text come to its end with them?

    Errors: ValueError without an id.

    >>> ends_with([7, 9])(torch.tensor([[5, 7, 9], [7, 9, 5]]))
    tensor([ True, False])
    """
    if not phrase:
        raise ValueError("an empty phrase; every text would end with it at once")

    def ended(new: Int[Tensor, "B N"]) -> Bool[Tensor, " B"]:
        if new.shape[1] < len(phrase):
            return new.new_zeros(len(new), dtype=torch.bool)
        return (new[:, -len(phrase) :] == new.new_tensor(phrase)).all(1)

    return ended


def texts(ids: Int[Tensor, "B N"], stop: Iterable[int] = ()) -> list[list[int]]:
    """Each row as a list that ends before its first `stop` id.

    >>> texts(torch.tensor([[5, 7, 2, 0], [5, 2, 0, 0]]), stop=[2])
    [[5, 7], [5]]
    """
    stops = set(stop)
    return [list(takewhile(lambda token: token not in stops, row)) for row in ids.tolist()]
