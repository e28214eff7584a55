"""Real faults for tests: disks that are full or read-only, folders of other people, environments that lack a package.

Mounts are made in a namespace of the command's own, so that nothing of them is seen outside or left behind.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNSHARE = ["unshare", "-m"] if hasattr(os, "geteuid") and os.geteuid() == 0 else ["unshare", "-r", "-m"]
COURSE = [sys.executable, "-m", "course_utils"]
NOBODY = 65534


def run(command: list[str], cwd: Path, **environment: str | None) -> subprocess.CompletedProcess[str]:
    """Run a command; `None` takes a variable away. What it prints is in `stdout`, and no traceback is in it."""
    changed = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    kept = {name: value for name, value in changed.items() if value is not None}
    done = subprocess.run(
        command, cwd=cwd, env=kept, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, encoding="utf-8"
    )
    assert "Traceback" not in done.stdout, done.stdout
    return done


def python(code: str, *arguments: object) -> list[str]:
    """A command that runs some code with its arguments in `sys.argv`."""
    return [sys.executable, "-c", code, *map(str, arguments)]


def within(mounts: list[str], command: list[str]) -> list[str]:
    """The command with these mounts, which it alone sees; it starts in the working directory as they made it."""
    return [*UNSHARE, "sh", "-ec", "\n".join([*mounts, 'cd "$PWD"', 'exec "$@"']), "sh", *command]


def read_only(folder: Path | str) -> str:
    return f"mount --bind '{folder}' '{folder}' && mount -o remount,bind,ro '{folder}'"


def small_disk(folder: Path, kilobytes: int) -> str:
    """An empty disk of this size; memory pages make it whole multiples of four."""
    return f"mount -t tmpfs -o size={kilobytes}k none '{folder}'"


def full_disk(folder: Path, kilobytes: int = 64) -> str:
    """A disk of this size with not a byte left."""
    return f"{small_disk(folder, kilobytes)}\n{fill(folder)}"


def fill(folder: Path) -> str:
    return f"cat /dev/zero > '{folder}/filler' 2> /dev/null || true"


def without_temporary_folders() -> list[str]:
    return [read_only(place) for place in ("/tmp", "/var/tmp", "/usr/tmp") if Path(place).is_dir()]


def _mounts_work() -> bool:
    if not shutil.which("unshare"):
        return False
    trial = within([small_disk(Path("/mnt"), 4), read_only("/mnt")], ["true"])
    return subprocess.run(trial, capture_output=True).returncode == 0


needs_mounts = pytest.mark.skipif(
    not _mounts_work(), reason="this machine lets no test mount a disk of its own (Linux)"
)


def somebody_elses(folder: Path) -> list[str]:
    """Make the folder another person's private one. Returns what a command must begin with to be a plain user there."""
    folder.mkdir(parents=True)
    folder.chmod(0o700)
    if os.geteuid() != 0:
        folder.chmod(0)
        return []
    os.chown(folder, NOBODY, NOBODY)
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


needs_owners = pytest.mark.skipif(
    not hasattr(os, "geteuid") or (os.geteuid() == 0 and not shutil.which("setpriv")),
    reason="needs POSIX permissions, and setpriv where the tests run as root",
)


def environment_without(folder: Path, *packages: str) -> Path:
    """A virtual environment that has all packages of this one but some; returns its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/*/site-packages")
    for path in Path(pytest.__file__).parents[1].iterdir():
        if path.name.partition("-")[0].replace("_", "-") not in {name.replace("_", "-") for name in packages}:
            (site / path.name).symlink_to(path)
    shutil.rmtree(folder / "share", ignore_errors=True)
    (folder / "share").symlink_to(Path(sys.prefix) / "share")
    return folder / "bin" / "python"
