"""What a person sees of a training, and the button that ends it."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

Show = Callable[[int, float, float], None]


@contextmanager
def bar(steps: int, shown: bool) -> Iterator[Show]:
    """A progress bar that vanishes at the end; call it with the steps done, the loss, and tokens per second.

    It is there only where somebody looks on: on a terminal, or in a notebook that a person runs.
    """
    if not (shown and _watched()):
        yield lambda done, loss, speed: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = "training", BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[now]}"), TimeRemainingColumn()
    with Progress(*columns, transient=True, refresh_per_second=4) as progress:
        task = progress.add_task("", total=steps, now="")
        yield lambda done, loss, speed: progress.update(
            task, completed=done, now=f"loss {loss:.3f} · {speed:,.0f} tokens/s"
        )


def _watched() -> bool:
    """Whether standard output is a terminal, or a notebook's front end that could ask a person for input.

    The programs that run notebooks on their own (nbclient, nbval) can't, and what they keep stays clean.
    """
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    kernel: Any = getattr(shell, "kernel", None)
    if kernel is not None:
        return bool(getattr(kernel, "_allow_stdin", False)) or "google.colab" in sys.modules
    return sys.stdout is not None and sys.stdout.isatty()


class StopButton:
    """Ctrl-C, or a notebook's stop button: pressed once, it ends the training after this step; twice, at once."""

    def __init__(self) -> None:
        self.pressed = False
        self._before = signal.getsignal(signal.SIGINT)
        # Only the main thread may listen, and a program that ignores the signal goes on ignoring it.
        self._listens = threading.current_thread() is threading.main_thread() and callable(self._before)

    def __enter__(self) -> "StopButton":
        if self._listens:
            signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._listens:
            signal.signal(signal.SIGINT, self._before)

    def _press(self, number: int, frame: FrameType | None) -> None:
        self.pressed = True
        signal.signal(signal.SIGINT, self._before)
