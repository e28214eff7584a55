"""`course lab`: JupyterLab on this machine only, with its token, opened at the course's start page."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from course_utils.data._paths import obstacle
from course_utils.toolchain.source import Course, CourseError
from course_utils.toolchain.terminal import missing

START = "notebooks/index.ipynb"
CONFIG = Path(__file__).parent / "jupyter"  # no pop-up that asks to fetch Jupyter's news


def command(course: Course, further: list[str]) -> list[str]:
    """The command line that starts JupyterLab. `further` options are added; what is set here cannot be set again."""
    start = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={course.root}",
        "--ServerApp.ip=127.0.0.1",
        f"--LabApp.default_url=/lab/tree/{START}",
        # Nothing is asked of the outside: no extension catalogue, no look for updates.
        "--LabApp.extension_manager=readonly",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        start.append("--allow-root")  # in a container there is no other user
    return [*start, *further]


def environment() -> dict[str, str]:
    """This process's environment with the course's Jupyter configuration added, not replacing the user's."""
    paths = [str(CONFIG), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    return {**os.environ, "JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, paths))}


def lab(course: Course, further: list[str]) -> int:
    """Run JupyterLab until it is stopped. A taken port is no fault: it takes the next one, and says which.

    Errors: CourseError where JupyterLab is not installed.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise CourseError(missing("jupyterlab"))
    if reason := obstacle(course.notebooks):
        print(f"{course.notebooks} cannot be written ({reason}): what you change there is not kept. Copy it elsewhere.")
    print("JupyterLab starts; your browser opens at the course's start page. Ctrl-C twice stops it.", flush=True)
    start = command(course, further)
    if os.name != "nt":
        os.chdir(course.root)
        os.execve(start[0], start, environment())  # become JupyterLab, so that a signal to us reaches it
    return subprocess.run(start, cwd=course.root, env=environment()).returncode
