"""What the learner sees: a card in a notebook, plain text elsewhere."""

import os
import re
import sys
import textwrap
from dataclasses import dataclass, field
from html import escape

# Icon, colour of icon and bar (at least 3:1 on white and on black), and the like in a terminal.
LOOKS = {
    "correct": ("✓", "#009E73", 32),
    "wrong": ("✗", "#D55E00", 31),
    "raised": ("!", "#B35C9E", 35),
    "not attempted": ("○", "#808080", 36),
    "hint": ("?", "#3B82C4", 34),
}
BOX = "padding: 0.5em 0.9em; margin: 0.4em 0; background: rgba(128, 128, 128, 0.09); line-height: 1.45;"
GRID = "display: grid; grid-template-columns: max-content 1fr; gap: 0.25em 1.2em; margin: 0.5em 0;"
LABEL = "opacity: 0.75; white-space: nowrap;"
PRE = (
    "margin: 0; padding: 0; border: none; background: none; color: inherit; line-height: inherit; "
    "font-family: var(--jp-code-font-family, monospace); white-space: pre-wrap; overflow-wrap: anywhere;"
)
TEXT_LINES = 20  # of what an answer printed, where it cannot be folded


@dataclass
class Card:
    """A head, a sentence, labelled rows of code, notes, and what can be unfolded; backticks mark code in prose."""

    look: str
    head: str
    message: str
    rows: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    output: str = ""

    def html(self) -> str:
        """For a notebook: readable on light and dark pages, and also where a viewer strips the styles."""
        icon, colour, _ = LOOKS[self.look]
        parts = [
            f'<div><strong><span style="color: {colour};" aria-hidden="true">{icon}</span> '
            f"{escape(self.head)}</strong></div>",
            f"<div>{_prose(self.message)}</div>",
            _grid(self.rows),
            *(f'<div style="margin-top: 0.3em;">{_prose(note)}</div>' for note in self.notes),
            _folded("What your code printed", self.output),
        ]
        return f'<div style="border-left: 4px solid {colour}; {BOX}">{"".join(parts)}</div>'

    def text(self, colours: bool = False) -> str:
        """For everywhere else."""
        icon, _, code = LOOKS[self.look]
        head = f"{icon} {self.head}"
        lines = [f"\033[1;{code}m{head}\033[0m" if colours else head, self.message]
        width = max((len(label) for label, _ in self.rows), default=0)
        for label, value in self.rows:
            lines.append(f"  {label:<{width}}  " + textwrap.indent(value, " " * (width + 4)).lstrip())
        lines += self.notes
        printed = self.output.splitlines()
        if printed:
            more = ["  …"] if len(printed) > TEXT_LINES else []
            lines += ["What your code printed:", *(f"  {line}" for line in printed[:TEXT_LINES]), *more]
        return "\n".join(lines)


def _prose(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _grid(rows: list[tuple[str, str]]) -> str:
    cells = "".join(
        f'<div style="{LABEL}">{name}</div><pre style="{PRE}">{escape(value)}</pre>' for name, value in rows
    )
    return f'<div style="{GRID}">{cells}</div>' if rows else ""


def _folded(summary: str, text: str) -> str:
    body = f'<pre style="{PRE} max-height: 20em; overflow: auto;">{escape(text)}</pre>'
    return f'<details style="margin-top: 0.3em;"><summary>{summary}</summary>{body}</details>' if text else ""


def show(card: Card) -> None:
    """Display the card in a notebook's cell, or print it."""
    if _in_kernel():
        from IPython.display import display

        display({"text/html": card.html(), "text/plain": card.text()}, raw=True)
        return
    text = card.text(colours=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, errors="replace").decode(encoding))


def _in_kernel() -> bool:
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return hasattr(shell, "kernel")
