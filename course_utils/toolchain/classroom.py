"""For a class without a network: the course and all packages it needs in one folder."""

import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from rich.console import Console

from course_utils.toolchain import authoring
from course_utils.toolchain.source import Course, CourseError

LEFT_OUT = (".git", ".venv", "build", "dist", "wheels", "__pycache__", ".*_cache", ".hypothesis", ".ipynb_checkpoints")
BUILDING = ("hatchling", "editables")  # what pip needs to install the course itself from its folder


def stick(course: Course, folder: Path, *, solutions: bool, console: Console) -> None:
    """Copy the course to `folder` and download its packages into `folder`/wheels, where course.py looks for them.

    The packages are those of this kind of machine and this Python. Done on another kind with the same folder, its
    packages are added. Raises CourseError when the folder is no good place or the download fails.
    """
    outside = not folder.resolve().is_relative_to(course.root) and not course.root.is_relative_to(folder.resolve())
    if not outside and not folder.resolve().is_relative_to(course.root / "build"):
        raise CourseError(f"{folder} and the course would lie in each other. Name a folder outside the course.")
    ignore = shutil.ignore_patterns(*LEFT_OUT)
    try:
        shutil.copytree(course.root, folder, ignore=ignore, dirs_exist_ok=True)
    except OSError as error:
        raise CourseError(f"The copy to {folder} failed ({error}). Is there room, and may you write there?") from None
    if not solutions:
        authoring.release(course, folder / "notebooks")
    console.print("Downloading the packages (about 400 MB) ...", highlight=False)
    if subprocess.call(download_command(course, folder / "wheels")) != 0:
        raise CourseError("The download did not finish; what pip says is above. The same command goes on from there.")
    console.print(f"Ready: {folder}\nOn each computer: copy it, and there `python3 course.py lab`.", soft_wrap=True)


def download_command(course: Course, wheels: Path) -> list[str]:
    """pip's command line: every package of the tested versions as a file."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--dest", str(wheels)]
    command += ["--constraint", str(course.root / "constraints.txt"), *_bootstrap(course).cpu_torch()]
    return [*command, f"{course.root}[lab]", "pip", *BUILDING]


def _bootstrap(course: Course) -> ModuleType:
    """course.py, which knows where the CPU build of torch comes from."""
    spec = spec_from_file_location("course_bootstrap", course.root / "course.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
