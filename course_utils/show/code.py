"""Code: the source of an object, and the computed difference of two sources."""

import difflib
import inspect
import textwrap
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from types import ModuleType
from typing import Any

from course_utils.show.display import REGION, publish

# JupyterLab's own colours where the page has them, else tones that read on white and on near-black.
COLOURS = {
    "Comment": "var(--jp-mirror-editor-comment-color,#71767d)",
    "Keyword": "var(--jp-mirror-editor-keyword-color,#1c7f3f)",
    "Literal.String": "var(--jp-mirror-editor-string-color,#c0392b)",
    "Literal.Number": "var(--jp-mirror-editor-number-color,#1c7f3f)",
    "Name.Builtin": "var(--jp-mirror-editor-builtin-color,#1c7f3f)",
    "Name.Function": "var(--jp-mirror-editor-def-color,#2f7bd0)",
    "Name.Class": "var(--jp-mirror-editor-def-color,#2f7bd0)",
    "Name.Decorator": "var(--jp-mirror-editor-meta-color,#9a5fd0)",
    "Operator.Word": "var(--jp-mirror-editor-keyword-color,#1c7f3f)",
}
HEAD = "font-size:.85em;opacity:.75;margin:.6em 0 .2em"
PRE = f"{REGION};margin:0;padding:.5em .8em;border-left:3px solid rgba(127,127,127,.5);color:inherit;background:none"
# Colour only repeats what the sign at the start of the line says.
CHANGED = {
    "+": '<ins style="text-decoration:none;background:rgba(0,158,115,.22);color:inherit">',
    "-": '<del style="text-decoration:none;background:rgba(213,94,0,.22);color:inherit">',
    "@": '<span style="opacity:.65">',
}

Inspectable = type | ModuleType | Callable[..., Any] | property


def source(obj: Inspectable) -> None:
    """Show the source of a function, class, method or module, and the file it comes from.

    Raises ValueError for an object whose source can't be read: built in, typed at a plain prompt, or an instance.
    """
    code = read(obj)
    publish(code, _framed(origin(obj), highlight(code)))


def _framed(head: str, body: str) -> str:
    return f'<div style="{HEAD}"><code>{escape(head)}</code></div><pre style="{PRE}"><code>{body}</code></pre>'


def read(obj: Inspectable) -> str:
    """The source code of an object, without the indentation that all its lines share.

    >>> print(read(origin).splitlines()[0])
    def origin(obj: Inspectable) -> str:
    """
    target = _unwrapped(obj)
    try:
        return textwrap.dedent(inspect.getsource(target)).rstrip()
    except TypeError:
        what = f"{obj!r} is built in or an instance of {type(obj).__name__}"
    except OSError:
        what = f"the file with the source of {obj!r} can't be read"
    raise ValueError(f"{what}; show.source needs a function, class, method or module written in Python")


def _unwrapped(obj: Any) -> Any:
    if isinstance(obj, property):
        obj = obj.fget
    return inspect.unwrap(obj) if callable(obj) else obj


def origin(obj: Inspectable) -> str:
    """Where an object is defined, as a path that starts at its package, the same on every machine.

    >>> origin(read)
    'course_utils/show/code.py'
    """
    target = _unwrapped(obj)
    name = target.__name__ if inspect.ismodule(target) else getattr(target, "__module__", None)
    if name in (None, "__main__"):
        return "this notebook"
    module = inspect.getmodule(target)
    inside = "/__init__.py" if Path(getattr(module, "__file__", None) or "").name == "__init__.py" else ".py"
    return str(name).replace(".", "/") + inside


def highlight(code: str) -> str:
    """Python code as escaped HTML in which keywords, strings, comments and names have colours.

    >>> highlight("x = '<b>'")
    'x = <span style="color:var(--jp-mirror-editor-string-color,#c0392b)">&#x27;&lt;b&gt;&#x27;</span>'
    """
    from pygments.lexers.python import PythonLexer

    spans: list[tuple[str, str]] = []
    for kind, text in PythonLexer(stripnl=False, ensurenl=False).get_tokens(code):
        colour = _colour(str(kind).removeprefix("Token."))
        if spans and spans[-1][0] == colour:
            spans[-1] = (colour, spans[-1][1] + text)
        else:
            spans.append((colour, text))
    return "".join(f'<span style="color:{c}">{escape(t)}</span>' if c else escape(t) for c, t in spans)


def _colour(kind: str) -> str:
    while kind:
        if kind in COLOURS:
            return COLOURS[kind]
        kind = kind.rpartition(".")[0]
    return ""


def diff(a: Inspectable | str, b: Inspectable | str, *, names: tuple[str, str] = ("before", "after")) -> None:
    """Show how the source of `b` differs from that of `a`, as a unified diff.

    Objects are shown under their own names, strings under `names`. Lines taken away start with -, lines added with +.

    >>> diff("x = 1\\ny = 2", "x = 1\\ny = 3", names=("old", "new"))
    old → new: 1 line removed, 1 added
    @@ -1,2 +1,2 @@
     x = 1
    -y = 2
    +y = 3
    """
    first, second = (_named(obj, name) for obj, name in zip((a, b), names, strict=True))
    lines = list(_changes(first[1], second[1]))
    removed, added = (sum(line.startswith(sign) for line in lines) for sign in "-+")
    count = f"{removed} line{'s' * (removed != 1)} removed, {added} added" if lines else "no line differs"
    head = f"{first[0]} → {second[0]}: {count}"
    body = "\n".join(map(_marked, lines))
    publish("\n".join([head, *lines]), _framed(head, body))


def _named(obj: Inspectable | str, name: str) -> tuple[str, str]:
    if isinstance(obj, str):
        return name, obj
    source = read(obj)
    return str(getattr(_unwrapped(obj), "__qualname__", None) or obj.__name__), source  # type: ignore[union-attr]


def _changes(before: str, after: str) -> Iterator[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3)
    yield from list(lines)[2:]  # the first two lines name files


def _marked(line: str) -> str:
    if (opening := CHANGED.get(line[0])) is None:
        return escape(line)
    return f"{opening}{escape(line)}</{opening[1:].split()[0]}>"
