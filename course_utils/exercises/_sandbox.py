"""Run a check so that the learner's kernel survives whatever the answer does, and a card comes within seconds.

On Linux the whole check runs in a forked child, which is killed at the limit. So endless loops, also inside C calls,
`os._exit`, crashes and memory bombs end the child alone; only text comes back. A child cannot use CUDA once its
parent has, nor be forked safely on macOS, nor at all on Windows, nor from a second thread. There the check runs in
a thread, into which an exception is raised at the limit, again and again until it ends. That stops loops in Python
code, also most of those which catch every exception. It does NOT stop a C call that never returns (if the call holds
the interpreter's lock, the kernel hangs; otherwise the card comes, and the call runs on), `os._exit`, a crash, or
a memory bomb.

`COURSE_CHECK=fork` or `COURSE_CHECK=thread` in the environment chooses one way.
"""

import builtins
import contextlib
import contextvars
import ctypes
import faulthandler
import gc
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, NoReturn, TypeVar

from course_utils.exercises import _randomness

T = TypeVar("T")
Tell = Callable[[str, str], None]
Work = Callable[[Tell], T]

MEMORY = 2 * 2**30  # bytes that a check may allocate, and per core what idle threads reserve
MEMORY_PER_CORE = 2**28
PATIENCE = 2.0  # seconds in which a thread must end


class TimeLimit(BaseException):
    """Raised into a check that runs in a thread when its time is over."""


@dataclass
class Stopped:
    """A check that brought no result: why, and what was heard of it until then."""

    reason: str
    heard: dict[str, str] = field(default_factory=lambda: {"case": "", "output": ""})

    def hear(self, kind: str, text: str) -> None:
        """Note the case that runs now, or more output."""
        self.heard[kind] = self.heard["output"] + text if kind == "output" else text


def run(work: "Work[T]", seconds: float) -> "T | Stopped":
    """Do the work, which gets a `tell(kind, text)`, within the limit; `Stopped` when it has no result."""
    return _in_child(work, seconds) if way() == "fork" else _in_thread(work, seconds)


def way() -> str:
    """How checks run here: "fork" or "thread"."""
    asked = os.environ.get("COURSE_CHECK", "")
    if asked not in ("", "fork", "thread"):
        raise ValueError(f"COURSE_CHECK is {asked!r}; it can be 'fork', 'thread' or empty")
    in_main = threading.current_thread() is threading.main_thread()
    safe = sys.platform == "linux" and in_main and not _uses_cuda()
    return asked or ("fork" if safe else "thread")


def _uses_cuda() -> bool:
    torch = sys.modules.get("torch")
    return bool(torch and torch.cuda.is_initialized())


def _too_long(seconds: float) -> str:
    return f"Stopped after {seconds:g} s: your code was still running. Is there a loop that never ends?"


# --- in a child process ---


def _in_child(work: "Work[T]", seconds: float) -> "T | Stopped":
    reader, writer = multiprocessing.Pipe(duplex=False)
    with warnings.catch_warnings():  # Python 3.12 warns of forks beside threads; the child touches none of them
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        _be_child(work, writer, seconds)
    try:
        writer.close()
        return _listen(reader, pid, seconds)
    finally:  # also on Ctrl-C
        reader.close()
        _kill(pid)


def _listen(reader: Connection, pid: int, seconds: float) -> Any:
    end = time.monotonic() + seconds
    stopped = Stopped(_too_long(seconds))
    while reader.poll(max(0.0, end - time.monotonic())):
        try:
            kind, content = reader.recv()
        except (EOFError, OSError):
            stopped.reason = _cause_of_death(pid)
            return stopped
        if kind == "result":
            return content
        stopped.hear(kind, content)
    return stopped


def _cause_of_death(pid: int) -> str:
    end = time.monotonic() + 1.0  # the pipe closes a moment before the process is gone
    while time.monotonic() < end:
        death = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if death:
            signalled = death.si_code != os.CLD_EXITED
            how = signal.Signals(death.si_status).name if signalled else f"exit code {death.si_status}"
            return f"Your code ended the whole process ({how}). The kernel was protected from it."
        time.sleep(0.01)
    return "Your code cut the connection to the check."


def _kill(pid: int) -> None:
    """End the child and whatever it started."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _be_child(work: "Work[Any]", writer: Connection, seconds: float) -> NoReturn:
    """Do the work and leave at once: nothing of the kernel that the child inherits may run its course here."""
    try:
        _isolate(seconds)
        writer.send(("result", _result(work, lambda kind, text: writer.send((kind, text)))))
    finally:
        os._exit(70)


def _result(work: "Work[T]", tell: Tell) -> "T | Stopped":
    try:
        return work(tell)
    except Exception as error:
        return Stopped(f"The check itself failed ({type(error).__name__}: {error}). This is a fault of the course.")


def _isolate(seconds: float) -> None:
    os.setpgid(0, 0)  # Ctrl-C reaches the parent only, which then ends this group
    faulthandler.disable()  # a crash is told on the card, not in the server's log
    gc.freeze()  # the parent's garbage, sockets among it, is not ours to collect
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(math.ceil(seconds) + 2)  # should the parent be gone
    null = open(os.devnull, "r+", encoding="utf-8")  # noqa: SIM115 - lives as long as the process
    for number in range(3):
        os.dup2(null.fileno(), number)
    sys.stdin = sys.stdout = sys.stderr = null
    builtins.input = _no_input
    _mute_kernel()
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)  # the parent's other threads do not exist here
    _limit_memory()


def _no_input(prompt: object = "") -> str:
    raise EOFError("a check cannot ask for input: the arguments are all there is")


def _mute_kernel() -> None:
    """Displays in a child go nowhere: the kernel's sockets belong to the parent."""
    kernel = getattr(sys.modules["IPython"].get_ipython(), "kernel", None) if "IPython" in sys.modules else None
    if kernel is not None:
        kernel.session.send = lambda *args, **kwargs: None


def _limit_memory() -> None:
    import resource

    with open("/proc/self/statm", encoding="utf-8") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = size + MEMORY + MEMORY_PER_CORE * (os.cpu_count() or 1)
    resource.setrlimit(resource.RLIMIT_AS, (soft if hard < 0 else min(soft, hard), hard))


# --- in a thread ---


def _in_thread(work: "Work[T]", seconds: float) -> "T | Stopped":
    stopped, results, running = Stopped(_too_long(seconds)), [], threading.Lock()
    running.acquire()

    def target() -> None:
        try:
            try:
                results.append(_result(work, stopped.hear))
            finally:
                running.release()
        except TimeLimit:  # outermost: another one may come while the first is handled
            pass

    # The copied context keeps displays in the cell that runs the check.
    worker = threading.Thread(target=contextvars.copy_context().run, args=(target,), daemon=True)
    streams = sys.stdout, sys.stderr
    with _randomness.kept():
        worker.start()
        try:
            running.acquire(timeout=seconds)  # not join(): Ctrl-C in it makes Python 3.11 take the thread for dead
        finally:  # also on Ctrl-C
            if not results and not _ended(worker):
                stopped.reason += " It could not be stopped from here: restart the kernel."
            sys.stdout, sys.stderr = streams
    return results[0] if results else stopped


def _ended(worker: threading.Thread) -> bool:
    """End the thread: raise TimeLimit in it until nothing catches it, or patience ends.

    The exception comes where the thread hands over to another. Handing over often makes it likely to come soon
    where no `except` of the answer is in force.
    """
    interval, end = sys.getswitchinterval(), time.monotonic() + PATIENCE
    sys.setswitchinterval(1e-4)
    while worker.is_alive() and time.monotonic() < end:
        ident = ctypes.c_ulong(worker.ident or 0)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(TimeLimit))
        time.sleep(0.001)
    sys.setswitchinterval(interval)
    return not worker.is_alive()
