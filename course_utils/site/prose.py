"""What the data files and docstrings say, as Markdown: nothing in them is taken for markup but code in backticks."""

import re
from collections.abc import Iterator
from inspect import cleandoc

SPECIAL = re.compile(r"([\\*_<>$\[\]|#~{}&])")
ADDRESS = re.compile(r"https?://[^\s;,)>]*[^\s;,)>.]")


def escaped(text: str) -> str:
    r"""A text as Markdown that shows it as it is; what stands in backticks stays code, and addresses become links.

    >>> print(escaped("2 * `x[0]` costs $1, see https://example.org/a_b."))
    2 \* `x[0]` costs \$1, see <https://example.org/a_b>.
    """
    return "".join(
        f"<{part}>" if ADDRESS.fullmatch(part) else part if k % 2 else SPECIAL.sub(r"\\\1", part)
        for k, part in enumerate(re.split(rf"(``.+?``|`[^`\n]+`|{ADDRESS.pattern})", text))
    )


def chinese(text: str) -> str:
    """A Chinese text, marked as such for screen readers and fonts."""
    return f'<span lang="zh-Hans">{escaped(text)}</span>'


def docstring(text: str | None) -> str:
    """A docstring as Markdown: paragraphs as prose, examples as Python, indented lines as they were set.

    >>> print(docstring("Half of `x`.\\n\\n    h = x / 2\\n\\nNo more."))
    Half of `x`.
    <BLANKLINE>
    ```text
    h = x / 2
    ```
    <BLANKLINE>
    No more.
    """
    blocks: list[tuple[str, str]] = []
    for kind, block in _blocks(cleandoc(text or "")):
        if blocks and kind and blocks[-1][0] == kind:
            blocks[-1] = (kind, f"{blocks[-1][1]}\n\n{block}")
        else:
            blocks.append((kind, block))
    return "\n\n".join(f"```{kind}\n{cleandoc(block)}\n```" if kind else escaped(block) for kind, block in blocks)


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """The blocks between blank lines, divided where the indentation begins or ends: "text", "pycon" or "" for prose."""
    for block in re.split(r"\n\s*\n", text):
        if block.lstrip().startswith(">>>"):
            yield "pycon", block
            continue
        for lines in re.findall(r"(?:^ +.*\n?)+|(?:^[^ \n].*\n?)+", block, flags=re.MULTILINE):
            yield ("text" if lines.startswith(" ") else ""), lines.rstrip()
