"""Run a notebook's cells in a fresh kernel, one after the other, and say clearly what stopped it."""

import asyncio
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from course_utils.toolchain.source import CourseError

CELL_SECONDS = 600
SAMPLE_SECONDS = 0.2
WIDGET = "application/vnd.jupyter.widget-view+json"
NEEDS_KERNEL = "This part answers where Python runs: open the lesson in JupyterLab or in Colab and run this cell."


@dataclass(frozen=True)
class Effort:
    """What an execution took: seconds of wall time, kernel start included, and megabytes of memory at its peak."""

    seconds: float
    megabytes: int


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
    on_kernel: Callable[[psutil.Process], None] = lambda kernel: None,
    on_cell: Callable[[int], None] = lambda index: None,
    cell_seconds: int = CELL_SECONDS,
) -> Effort:
    """Execute the notebook in place with `folder` as its working directory; return what it took.

    `on_kernel(process)` is called when the kernel has started, `on_cell(i)` before the i-th cell. What the kernel
    itself writes goes to the file `log`.
    Raises LessonStopped; the outputs up to then are kept in the notebook. Raises CourseError where no kernel can start.
    """
    _require_temporary_folder()
    client = NotebookClient(
        notebook,
        timeout=cell_seconds,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )

    async def all_cells() -> list[int]:
        async with client.async_setup_kernel(stderr=errors):
            manager: Any = client.km
            kernel = psutil.Process(manager.provisioner.pid)
            on_kernel(kernel)
            with _peak_memory(kernel) as samples:
                for index, cell in enumerate(notebook.cells):
                    on_cell(index)
                    await _execute_cell(client, cell, index, cell_seconds)
        return samples

    started = time.perf_counter()
    with _stream(log) as errors:
        samples = asyncio.run(all_cells())
    _normalise(notebook)
    return Effort(time.perf_counter() - started, round(max(samples) / 1e6))


def _require_temporary_folder() -> None:
    """Jupyter writes a kernel's address to a temporary file."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        raise CourseError(f"{error.strerror}. Name a folder that you can write: set TMPDIR=FOLDER.") from None


async def _execute_cell(client: NotebookClient, cell: nbformat.NotebookNode, index: int, cell_seconds: int) -> None:
    try:
        await client.async_execute_cell(cell, index)
    except CellExecutionError as error:
        raise LessonStopped(index, f"{error.ename}: {error.evalue}\n\n{_excerpt(cell.source)}") from None
    except CellTimeoutError:
        raise LessonStopped(index, f"still running after {cell_seconds} s\n\n{_excerpt(cell.source)}") from None
    except DeadKernelError:
        message = "the kernel died (out of memory, or killed from outside): close other programs, run it again alone"
        raise LessonStopped(index, f"{message}\n\n{_excerpt(cell.source)}") from None


@contextmanager
def _peak_memory(kernel: psutil.Process) -> Iterator[list[int]]:
    """The bytes of memory that the kernel and its children hold, sampled five times a second.

    Of a child only what is its own: one that was forked shares the rest with the kernel.
    """
    samples, done = [0], threading.Event()

    def sample() -> None:
        while not done.wait(SAMPLE_SECONDS):
            with suppress(psutil.Error):
                own = [child.memory_full_info().uss for child in kernel.children(recursive=True)]
                samples.append(kernel.memory_info().rss + sum(own))

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield samples
    finally:
        done.set()
        sampler.join()


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
    """Remove what differs from run to run, so that building twice gives the same bytes, and what no kernel answers."""
    notebook.metadata.get("language_info", {}).pop("version", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            _replace_widget(output)


def _replace_widget(output: nbformat.NotebookNode) -> None:
    """Take a stored widget out of an output, as JupyterLab shows an error there: its HTML stays, or a sentence does."""
    if output.get("data", {}).pop(WIDGET, None) and "text/html" not in output.data:
        output.data = {"text/html": f"<em>{NEEDS_KERNEL}</em>", "text/plain": NEEDS_KERNEL}
