"""Run a notebook's cells in a fresh kernel, one after the other, and say clearly what stopped it."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

CELL_SECONDS = 600


class LessonStopped(Exception):
    """A cell failed, took too long, or its kernel died. The message is for a person; `cell` is its index."""

    def __init__(self, cell: int, message: str):
        super().__init__(message)
        self.cell = cell


def execute(
    notebook: nbformat.NotebookNode,
    folder: Path,
    *,
    log: Path | None = None,
    on_cell: Callable[[int], None] = lambda index: None,
    cell_seconds: int = CELL_SECONDS,
) -> float:
    """Execute the notebook in place with `folder` as its working directory; return the seconds it took.

    `on_cell(i)` is called before the i-th cell. What the kernel itself writes goes to the file `log`.
    Raises LessonStopped; the outputs up to then are kept in the notebook.
    """
    client = NotebookClient(
        notebook,
        timeout=cell_seconds,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    started = time.perf_counter()
    with _stream(log) as errors, client.setup_kernel(stderr=errors):
        for index, cell in enumerate(notebook.cells):
            on_cell(index)
            _execute_cell(client, cell, index, cell_seconds)
    _normalise(notebook)
    return time.perf_counter() - started


def _execute_cell(client: NotebookClient, cell: nbformat.NotebookNode, index: int, cell_seconds: int) -> None:
    try:
        client.execute_cell(cell, index)
    except CellExecutionError as error:
        raise LessonStopped(index, f"{error.ename}: {error.evalue}\n\n{_excerpt(cell.source)}") from None
    except CellTimeoutError:
        raise LessonStopped(index, f"still running after {cell_seconds} s\n\n{_excerpt(cell.source)}") from None
    except DeadKernelError:
        message = "the kernel died (out of memory, or killed from outside)"
        raise LessonStopped(index, f"{message}\n\n{_excerpt(cell.source)}") from None


def _excerpt(source: str, lines: int = 8) -> str:
    rows = source.splitlines()
    return "\n".join("    " + row for row in rows[:lines] + (["..."] if len(rows) > lines else []))


@contextmanager
def _stream(log: Path | None) -> Iterator[int]:
    """A file descriptor for the kernel's own messages: the log, or nowhere."""
    if log:
        log.parent.mkdir(parents=True, exist_ok=True)
    with open(log or os.devnull, "wb") as file:
        yield file.fileno()


def _normalise(notebook: nbformat.NotebookNode) -> None:
    """Remove what differs from run to run, so that building twice gives the same bytes."""
    notebook.metadata.get("language_info", {}).pop("version", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
