"""Prompts and answers as rows of ids, answers drawn from a model, and how probable it finds them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_utils.align._parts import Ids
from course_utils.decode import Continuation, sample
from course_utils.train.team import device_of

Lists = Sequence[Sequence[int]]


class Texts(NamedTuple):
    """Rows of prompt, answer and padding, and where the answer stands. A stop id belongs to the answer."""

    ids: Int[Tensor, "B L"]
    answer: Bool[Tensor, "B L"]


def join(prompts: Lists, answers: Lists, pad: int = 0) -> Texts:
    """Each prompt with its answer, padded on the right up to the longest.

    Errors: ValueError unless there is one answer for each prompt, each of one token at least.

    >>> join([[7, 8]], [[5, 2]]).ids
    tensor([[7, 8, 5, 2]])
    """
    if len(prompts) != len(answers) or not prompts:
        raise ValueError(f"{len(prompts)} prompts and {len(answers)} answers; give one answer for each prompt")
    empty = [i for i, pair in enumerate(zip(prompts, answers, strict=True)) if not all(map(len, pair))]
    if empty:
        raise ValueError(f"the prompt or the answer of {empty[:5]} is empty; each has one token at least")
    length = max(len(p) + len(a) for p, a in zip(prompts, answers, strict=True))
    ids = torch.full((len(prompts), length), pad)
    answer = torch.zeros(ids.shape, dtype=torch.bool)
    for i, (prompt, reply) in enumerate(zip(prompts, answers, strict=True)):
        end = len(prompt) + len(reply)
        ids[i, :end] = torch.tensor([*prompt, *reply])
        answer[i, len(prompt) : end] = True
    return Texts(ids, answer)


def split(texts: Texts) -> tuple[list[list[int]], list[list[int]]]:
    """The prompts and the answers of `join`.

    >>> split(join([[7, 8], [7]], [[5, 2], [6, 4, 2]]))
    ([[7, 8], [7]], [[5, 2], [6, 4, 2]])
    """
    prompts, answers = [], []
    for ids, where in zip(texts.ids.tolist(), texts.answer.tolist(), strict=True):
        start, end = where.index(True), len(where) - where[::-1].index(True)
        prompts.append(ids[:start])
        answers.append(ids[start:end])
    return prompts, answers


def draw(
    model: Any,
    prompts: Lists,
    *,
    stop: Sequence[int] = (),
    max_new: int = 50,
    pad: int = 0,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: int | torch.Generator | None = None,
) -> Texts:
    """An answer of the model to each prompt, drawn from its probabilities: up to a `stop`, or `max_new` tokens.

    `model`: what `course_utils.decode.Continuation` takes; the other arguments are those of `decode.sample`. Prompts
    may differ in length. Dropout is off. Errors: ValueError for an empty prompt, or none.

    >>> from course_utils.models.gpt2 import GPT2, TINY
    >>> texts = draw(GPT2(TINY), [[5, 6, 7], [8]], max_new=4, generator=0)
    >>> [len(answer) for answer in split(texts)[1]]
    [4, 4]
    """
    if not prompts or not all(map(len, prompts)):
        raise ValueError("a prompt is empty, or there is none; each has one token at least, such as `bos`")
    longest, device = max(map(len, prompts)), device_of(model)
    rows = [[pad] * (longest - len(prompt)) + [*prompt] for prompt in prompts]
    real = [[False] * (longest - len(prompt)) + [True] * len(prompt) for prompt in prompts]
    mask = None if all(map(all, real)) else torch.tensor(real, device=device)
    with evaluating(model), torch.no_grad():
        new = sample(
            Continuation(model, mask),
            torch.tensor(rows, device=device),
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            generator=generator,
            stop=stop,
            max_new=max_new,
            pad=pad,
        )
    texts = join(prompts, [_until(stop, answer) for answer in new.tolist()], pad)
    return Texts(*(part.to(device) for part in texts))


def token_logp(model: nn.Module, ids: Ids) -> Float[Tensor, "B M"]:
    """log p of each token but the first, given those before it: (B, L) to (B, L - 1), in nats.

    >>> uniform = nn.Embedding.from_pretrained(torch.zeros(9, 4))
    >>> token_logp(uniform, torch.tensor([[5, 3, 2]]))  # -ln 4
    tensor([[-1.3863, -1.3863]])
    """
    return select_logp(model(ids[:, :-1]), ids[:, 1:])


def select_logp(logits: Float[Tensor, "*B V"], ids: Int[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """log softmax(logits) at the ids.

    >>> select_logp(torch.tensor([[0.2, 0.8]]).log(), torch.tensor([1])).exp()
    tensor([0.8000])
    """
    return logits.log_softmax(-1).gather(-1, ids[..., None])[..., 0]


@contextmanager
def evaluating(*models: nn.Module) -> Iterator[None]:
    """Dropout is off, and afterwards as it was."""
    before = [model.training for model in models]
    try:
        for model in models:
            model.eval()
        yield
    finally:
        for model, training in zip(models, before, strict=True):
            model.train(training)


def _until(stop: Sequence[int], answer: list[int]) -> list[int]:
    """The answer up to its first stop id, which belongs to it."""
    ends = [i for i, token in enumerate(answer) if token in stop]
    return answer[: ends[0] + 1] if ends else answer
