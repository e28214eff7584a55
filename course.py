#!/usr/bin/env python3
"""The course in one command: `python3 course.py run`, `test`, `lab` or `check`.

A small bootstrap that needs only Python itself: it makes the environment `.venv` on first use, installs the course
into it, and hands over to the installed `course` command. `$COURSE_VENV` names another folder for the environment.
Once installed it needs no network. (No newer syntax here: an old Python must get as far as its message.)
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = Path(os.environ.get("COURSE_VENV") or ROOT / ".venv")
STAMP = VENV / "course-installed.json"
WHEELS = ROOT / "wheels"
EXTRAS = ["lab", "site", "test", "browser"]  # each holds those before it
PYTHONS = ("3.13", "3.12", "3.11")
CPU_TORCH = "https://download.pytorch.org/whl/cpu"
USAGE = """\
python3 course.py run      run all lessons in order; results in build/
python3 course.py test     run all tests, the lessons included
python3 course.py lab      open the lessons in JupyterLab
python3 course.py site     build the lessons as a web site in build/site
python3 course.py check    everything that CI runs
python3 course.py doctor   what is missing on this machine, and how to mend it
python3 course.py install  put what is missing into the environment again
python3 course.py --help   all commands
"""


def main(arguments):
    if not (3, 11) <= sys.version_info[:2] < (3, 14):
        return with_another_python(arguments)
    if not arguments:
        print(USAGE, end="")
        return 0
    if arguments == ["install"]:
        install((installed() or ["lab"])[-1], anew=True)
        return 0
    install(extra_for(arguments))
    return hand_over([str(python_in(VENV)), "-m", "course_utils", *arguments])


def extra_for(arguments):
    """The extra of pyproject.toml that a command needs. Each holds the smaller ones: lab, site, test, browser."""
    if arguments[0] in ("test", "check"):
        return "browser" if "browser" in arguments else "test"
    return "site" if arguments[0] == "site" else "lab"


def with_another_python(arguments):
    """This Python is too old or too new: go on with one that fits, or say what to do."""
    here = ".".join(map(str, sys.version_info[:3]))
    for version in PYTHONS:
        found = shutil.which("python" + version)
        if found and subprocess.call([found, "-c", "import venv, ensurepip"], stderr=subprocess.DEVNULL) == 0:
            print(f"Python {here} does not fit, going on with {found}")
            return hand_over([found, str(ROOT / "course.py"), *arguments])
    print(f"The course needs Python 3.11, 3.12 or 3.13; this is Python {here}.")
    print("Install one (python.org, or your system's package manager) and run: python3.12 course.py run")
    return 1


def install(extra, anew=False):
    """Make the environment complete for `extra`; do nothing when it is already, unless it is asked for anew."""
    if extra in installed() and not anew:
        return
    require_writable(VENV)
    require_writable(VENV.parent)
    with alone():
        if extra in installed() and not anew:  # another course.py did it while this one waited
            return
        make_environment()
        print(f"Installing the course into {VENV} (the first time this takes a few minutes) ...", flush=True)
        command = [python_in(VENV), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command += ["-c", ROOT / "constraints.txt", *places(), "-e", f"{ROOT}[{extra}]"]
        if subprocess.call([str(part) for part in command]) != 0:
            sys.exit(
                "\nThe installation did not finish; what pip says is above. Is there a network, and 4 GB of disk? "
                "Running the same command again goes on where it stopped."
            )
        write_stamp(EXTRAS[: EXTRAS.index(extra) + 1])


def write_stamp(extras):
    """Only a whole stamp says that the environment is complete."""
    new = STAMP.with_suffix(".new")
    try:
        new.write_text(json.dumps({"key": key(), "extras": extras}), encoding="utf-8")
        os.replace(str(new), str(STAMP))
    except OSError as error:
        sys.exit(f"{STAMP} could not be written ({error.strerror}). Make room there, and give the same command again.")


def require_writable(folder):
    """A byte is really written, at the nearest folder that exists: a disk may be full, or mounted read-only."""
    place = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    trial = place / f".course-{os.getpid()}"
    try:
        trial.write_bytes(b"x")
    except OSError as error:
        sys.exit(
            f"The environment belongs into {folder}, which cannot be written ({error.strerror}). Name another "
            "folder, with 4 GB of room: COURSE_VENV=FOLDER python3 course.py run"
        )
    finally:
        if trial.exists():
            trial.unlink()


@contextmanager
def alone():
    """One installation at a time. The system lets go of the lock when the process ends, however it does."""
    VENV.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{VENV}.lock", "w", encoding="utf-8") as file:
        said = False
        while not taken(file):
            if not said:
                print("Another course.py is installing into the same folder; waiting for it ...", flush=True)
            said = True
            time.sleep(0.2)
        yield


def taken(file):
    """Lock an open file, unless another process has it."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # a file system without locks
        pass
    return True


def installed():
    """The extras that are installed from this very pyproject.toml and constraints.txt."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
        return stamp["extras"] if stamp["key"] == key() and works(python_in(VENV)) else []
    except (OSError, ValueError, TypeError, KeyError):
        return []


def key():
    digest = hashlib.sha256(str(ROOT).encode())
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def make_environment():
    if works(python_in(VENV)):
        return
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    if subprocess.call(command) != 0:
        sys.exit(
            f"\nThe environment {VENV} could not be made. On Debian or Ubuntu: sudo apt install python3-venv. "
            "Is the folder writable? COURSE_VENV=FOLDER names another one."
        )


def works(python):
    """Whether an environment's Python starts and has pip."""
    if not python.is_file():
        return False
    check = [str(python), "-c", "import importlib.util as u, sys; sys.exit(u.find_spec('pip') is None)"]
    return subprocess.call(check, stderr=subprocess.DEVNULL) == 0


def python_in(venv):
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def places():
    """Where packages come from: the folder that `course wheelhouse` filled, and nowhere else, or the usual index."""
    if WHEELS.is_dir():
        print(f"(from {WHEELS}, without the network)", flush=True)
        return ["--no-index", "--find-links", WHEELS]
    return cpu_torch()


def cpu_torch():
    """On Linux without a GPU: the CPU build of torch instead of gigabytes of CUDA."""
    gpu = shutil.which("nvidia-smi") or Path("/proc/driver/nvidia/version").exists()
    if platform.system() != "Linux" or gpu or os.environ.get("PIP_FIND_LINKS"):
        return []
    return ["--extra-index-url", CPU_TORCH]


def hand_over(command):
    """Become the other program; on Windows, wait for it."""
    environment = {**os.environ, "PYTHONUTF8": "1"}
    if os.name == "nt":
        return subprocess.call(command, env=environment)
    sys.stdout.flush()
    os.execve(command[0], command, environment)
    return 1


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("\nStopped. The same command goes on from there.")
