"""Which of two answers is better? A view in which a person says so by clicking, while the kernel listens."""

import html
from collections.abc import Sequence
from typing import Any, NamedTuple

from course_utils.show.display import in_notebook
from course_utils.show.tables import html_table

VIEW = "application/vnd.jupyter.widget-view+json"


class Pair(NamedTuple):
    """A request and two answers to it, as text."""

    request: str
    first: str
    second: str


class Choices:
    """What was chosen, 0 for the first answer and 1 for the second, pair by pair.

    `stored`: choices that stand in where nobody has clicked. `clicked`: those of the reader, by the pair's number.

    >>> choices = Choices([Pair("where ?", "here .", "no .")], stored=[0])
    >>> choices.take(1)
    >>> choices.chosen, str(choices)
    ([1], '1 of 1 choices are yours')
    """

    def __init__(self, pairs: Sequence[Pair], stored: Sequence[int]) -> None:
        if len(pairs) != len(stored) or not pairs or set(stored) - {0, 1}:
            raise ValueError(f"{len(pairs)} pairs and the stored choices {list(stored)}; give one for each, 0 or 1")
        self.pairs, self.stored = list(pairs), list(stored)
        self.clicked: dict[int, int] = {}

    @property
    def chosen(self) -> list[int]:
        """The reader's choice for each pair, or the stored one."""
        return [self.clicked.get(i, choice) for i, choice in enumerate(self.stored)]

    @property
    def ranked(self) -> list[tuple[int, str, str]]:
        """Each pair as its number, the better answer and the worse one."""
        return [(i, self.pairs[i][1 + choice], self.pairs[i][2 - choice]) for i, choice in enumerate(self.chosen)]

    @property
    def next(self) -> int | None:
        """The first pair that nobody has judged, or None."""
        return next((i for i in range(len(self.pairs)) if i not in self.clicked), None)

    def take(self, choice: int) -> None:
        """The reader prefers this answer of the next pair; when all are judged, nothing happens."""
        if self.next is not None:
            self.clicked[self.next] = choice

    def __str__(self) -> str:
        if not self.clicked:
            return f"nobody clicked: {len(self.stored)} stored choices stand in"
        return f"{len(self.clicked)} of {len(self.pairs)} choices are yours"


def choose(pairs: Sequence[Pair], stored: Sequence[int]) -> Choices:
    """Show the pairs one after the other, with a button for each answer; returns at once what is chosen now and later.

    On a page without a kernel, and outside a notebook, the pairs are listed with the stored choices.
    Errors: ValueError unless there is a stored choice, 0 or 1, for each pair.
    """
    choices = Choices([Pair(*pair) for pair in pairs], stored)
    if not in_notebook():
        print(listed(choices))
        return choices
    from IPython.display import display

    model = view(choices).model_id
    data = {VIEW: {"version_major": 2, "version_minor": 0, "model_id": model}}
    display({**data, "text/html": choices_html(choices), "text/plain": listed(choices)}, raw=True)
    return choices


def view(choices: Choices) -> Any:
    """The buttons, as a widget."""
    from ipywidgets import HTML, Button, Layout, VBox

    head, wide = HTML(), Layout(width="auto", height="auto", min_height="2.5em")
    buttons = [Button(layout=wide), Button(layout=wide)]

    def refresh() -> None:
        i = choices.next
        for button in buttons:
            button.disabled = i is None
        if i is None:
            head.value = "All are judged. Thank you! Now run the cells below."
            return
        head.value = f"{i + 1} of {len(choices.pairs)}. Which is better? <b>{html.escape(choices.pairs[i].request)}</b>"
        for button, answer in zip(buttons, choices.pairs[i][1:], strict=True):
            button.description = button.tooltip = said(answer)

    def take(button: Any) -> None:
        choices.take(buttons.index(button))
        refresh()

    for button in buttons:
        button.on_click(take)
    refresh()
    return VBox([head, *buttons])


def said(answer: str) -> str:
    """An answer as it is shown: one without words can't be read, or clicked."""
    return answer or "(no words)"


def listed(choices: Choices) -> str:
    """The pairs as text, the better answer first."""
    lines = [
        f"{i + 1}. {choices.pairs[i].request}\n   + {said(good)}\n   - {said(bad)}" for i, good, bad in choices.ranked
    ]
    return "\n".join(lines)


def choices_html(choices: Choices) -> str:
    """The pairs as a table, for where no kernel answers."""
    rows = [[choices.pairs[i].request, said(good), said(bad)] for i, good, bad in choices.ranked]
    caption = "Stored choices: where a kernel runs, you choose by clicking"
    return html_table(rows, ["request", "better", "worse"], ["left"] * 3, caption)
