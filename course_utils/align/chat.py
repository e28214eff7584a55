"""Talking to a language model: marks that say who speaks, and a history that is cut to what the model can read.

    <user> where does adra live ? <assistant> adra lives in hollim . <end> <user> and who is her friend ? <assistant>

A model keeps nothing from one answer to the next. What looks like memory is the talk so far, put before each request.

Source: OpenAI 2022, "Introducing ChatGPT"; the marks are as in its ChatML, with one token each.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from course_utils.align.texts import draw, split

Ids = Sequence[int]
Turn = tuple[Ids, Ids]  # a request, and its answer


class Template(NamedTuple):
    """The ids of the marks: who speaks from here on, and that an answer is over."""

    user: int
    assistant: int
    end: int

    def prompt(self, history: Sequence[Turn], request: Ids) -> list[int]:
        """The turns so far and the request, up to where the answer begins.

        >>> Template(user=1, assistant=2, end=0).prompt([([7, 8], [5])], [9])
        [1, 7, 8, 2, 5, 0, 1, 9, 2]
        """
        before = [i for asked, said in history for i in (self.user, *asked, self.assistant, *said, self.end)]
        return [*before, self.user, *request, self.assistant]


def recent(history: Sequence[Turn], request: Ids, template: Template, room: int) -> list[Turn]:
    """The latest turns that leave the prompt at most `room` tokens long; what is older is forgotten, turn by turn.

    Errors: ValueError for a request that is too long even alone.

    >>> recent([([7], [5]), ([8], [6])], [9], Template(user=1, assistant=2, end=0), room=8)
    [([8], [6])]
    """
    for start in range(len(history) + 1):
        if len(template.prompt(history[start:], request)) <= room:
            return list(history[start:])
    alone = len(template.prompt([], request))
    raise ValueError(f"the request alone makes a prompt of {alone} tokens, and there is room for {room}; shorten it")


class Chat:
    """A talk with a model: `say(request)` returns the answer's ids and remembers both.

    `window`: how many tokens the model can read and write; `max_new` of them are kept free for the answer. The other
    arguments are those of `decode.sample`; a low temperature gives nearly the most probable answer.
    Errors: ValueError if the answer leaves no room for a prompt.

    >>> from course_utils.models.gpt2 import GPT2, TINY
    >>> chat = Chat(GPT2(TINY), Template(user=1, assistant=2, end=0), window=20, max_new=6)
    >>> len(chat.say([7, 8, 9])) <= 6, len(chat.history)
    (True, 1)
    """

    def __init__(
        self, model: Any, template: Template, window: int, *, max_new: int = 50, temperature: float = 0.1, seed: int = 0
    ) -> None:
        if not 0 < max_new < window:
            raise ValueError(f"{max_new=} of a window of {window} tokens; leave some of them for the prompt")
        self.model, self.template, self.room, self.max_new = model, template, window - max_new, max_new
        self.temperature, self.generator = temperature, torch.Generator().manual_seed(seed)
        self.history: list[Turn] = []

    def say(self, request: Ids) -> list[int]:
        """The answer to a request, without the mark at its end."""
        turns = recent(self.history, request, self.template, self.room)
        texts = draw(
            self.model,
            [self.template.prompt(turns, request)],
            stop=[self.template.end],
            max_new=self.max_new,
            temperature=self.temperature,
            generator=self.generator,
        )
        ((answer,),) = split(texts)[1:]
        said = answer[:-1] if answer[-1] == self.template.end else answer
        self.history.append((list(request), said))
        return said
