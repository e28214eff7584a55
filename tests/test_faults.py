"""Each fault that a learner's machine can have, made for real: a message says what to do, and nothing is lost."""

import ast
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from faults import (
    COURSE,
    environment_without,
    fill,
    full_disk,
    needs_mounts,
    needs_owners,
    python,
    read_only,
    run,
    small_disk,
    somebody_elses,
    within,
    without_temporary_folders,
)
from tiny import tiny_course

ROOT = Path(__file__).parents[1]
SOLVE = "from course_utils.exercises import check; check('00.1', lambda days: days * 86_400)"
DOCTOR = """
import sys
from course_utils.toolchain import doctor
for finding in getattr(doctor, sys.argv[1])():
    print(finding.what, finding.mend)
"""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the faults are made with POSIX means")


def course_with(root: Path, **lessons: str) -> Path:
    """A course that takes a second or two to run; returns its folder."""
    return tiny_course(root / "course", **(lessons or {"_00_one": "# %%\nprint(1)"})).root


def wait_for(condition, seconds: int = 60):
    for _ in range(seconds * 20):
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s")


# --- read-only, other people's, full --------------------------------------------------------------------------------


@needs_mounts
def test_a_read_only_checkout_runs_into_another_folder(tmp_path):
    course = course_with(tmp_path)
    done = run(within([read_only(course)], [*COURSE, "run"]), course)
    assert done.returncode == 1
    assert f"Cannot write to {course}/build (Read-only file system)." in done.stdout
    assert "--build-dir FOLDER" in done.stdout
    done = run(within([read_only(course)], [*COURSE, "run", "--build-dir", str(tmp_path / "out")]), course)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "out" / "00_one.html").is_file()
    shutil.copy(tmp_path / "out" / "00_one.ipynb", course / "notebooks")
    done = run(within([read_only(tmp_path)], [*COURSE, "release", str(tmp_path / "class")]), course)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{tmp_path}/class cannot be written or read here (Read-only file system).")
    assert "`course doctor` names the ways out" in done.stdout


@needs_mounts
def test_where_nothing_can_be_written_lessons_go_on_and_doctor_names_the_ways_out(tmp_path):
    code = f"""
{SOLVE}
{SOLVE}
from course_utils import data
from course_utils.data._cache import kept_on_disk
print(kept_on_disk("words", "1", lambda: ["made"]))
try:
    data.download("tinyshakespeare")
except OSError as error:
    print(error)
"""
    folders = {"COURSE_CACHE_DIR": str(tmp_path / "cache"), "COURSE_USER_DIR": str(tmp_path / "user")}
    shown = run(within([read_only(tmp_path)], python(code)), tmp_path, **folders).stdout
    assert shown.count("Correct") == 2
    note = f"Noted in this notebook only: {tmp_path}/user cannot be written (Read-only file system)."
    assert shown.count(note) == 1
    assert "['made']" in shown
    assert re.search(r"can't write into .*cache/downloads \(Read-only file system\).*COURSE_CACHE_DIR", shown)
    found = run(within([read_only(tmp_path)], python(DOCTOR, "folders")), tmp_path, **folders).stdout
    for words in ("COURSE_CACHE_DIR", "COURSE_USER_DIR", "--build-dir FOLDER"):
        assert words in found


@needs_owners
def test_somebody_elses_private_folder_is_no_trouble(tmp_path):
    as_user = somebody_elses(tmp_path / "theirs")
    folders = {"COURSE_CACHE_DIR": str(tmp_path / "theirs/cache"), "COURSE_USER_DIR": str(tmp_path / "theirs/user")}
    code = f"""
{SOLVE}
from course_utils import data
from course_utils.exercises import progress
assert list(progress()) == ["00.1"]
try:
    data.download("tinyshakespeare")
except OSError as error:
    print(error)
"""
    shown = run([*as_user, *python(code)], tmp_path, **folders).stdout
    assert "Correct" in shown
    assert re.search(r"cannot be written \(Permission denied\).*COURSE_USER_DIR", shown)
    assert re.search(r"can't write into .*\(Permission denied\).*COURSE_CACHE_DIR", shown)
    found = run([*as_user, *python(DOCTOR, "folders")], tmp_path, **folders).stdout
    assert {"COURSE_CACHE_DIR", "COURSE_USER_DIR"} <= set(re.findall(r"COURSE_\w+", found))


@needs_mounts
def test_a_full_disk_under_the_results_is_named(tmp_path):
    course, out = course_with(tmp_path), tmp_path / "out"
    out.mkdir()
    done = run(within([small_disk(out, 64)], [*COURSE, "run", "--build-dir", str(out)]), course)
    assert done.returncode == 1
    said = " ".join(done.stdout.split())
    assert re.search(r"Cannot write to .*out \(3\.0 MB are needed in .* free\)\. Make room, or .* --build-dir", said)


@needs_mounts
def test_a_full_disk_loses_no_progress(tmp_path):
    record = tmp_path / "progress.json"
    code = f"""
import os, pathlib
{SOLVE}
from course_utils.exercises import progress
assert list(progress()) == ["00.1", "31.4"], progress()
folder = pathlib.Path(os.environ["COURSE_USER_DIR"])
assert (folder / "progress.json").read_text() == {'{"31.4": "2021-01-01"}'!r}
print("left:", sorted(path.name for path in folder.iterdir()))
os.unlink(folder / "filler")
check('00.2', None)
from course_utils.exercises import _progress
assert _progress.record("00.1") == ""
print("then:", (folder / "progress.json").read_text())
"""
    disk = [small_disk(tmp_path, 64), f"echo '{{\"31.4\": \"2021-01-01\"}}' | tr -d '\\n' > '{record}'", fill(tmp_path)]
    shown = run(within(disk, python(code)), tmp_path, COURSE_USER_DIR=str(tmp_path)).stdout
    assert "cannot be written (No space left on device)" in shown
    assert "left: ['filler', 'progress.json']" in shown
    assert '"00.1": "20' in shown.partition("then:")[2]


@needs_mounts
def test_a_full_disk_costs_the_cache_only(tmp_path):
    code = """
import os, sys
from course_utils.data._cache import kept_on_disk
print(kept_on_disk("words", "1", lambda: ["made"] * 10_000)[:1], os.listdir(sys.argv[1]))
"""
    shown = run(within([full_disk(tmp_path)], python(code, tmp_path)), tmp_path, COURSE_CACHE_DIR=str(tmp_path)).stdout
    assert shown == "['made'] ['filler']\n"


TRAIN = """
import sys, torch
from pathlib import Path
from course_utils.train import fit

def train(folder, room):
    def batches(step):
        if step == 6 and room:
            (folder / "filler").write_bytes(b"x" * room)
        return torch.arange(64), torch.arange(64)
    torch.manual_seed(0)
    return fit(torch.nn.Embedding(64, 64).double(), batches, 20, checkpoint=folder / "run.pt", every=2, progress=False)

for folder, room in (Path(sys.argv[1]), 180_000), (Path(sys.argv[2]), 0):
    try:
        train(folder, room)
    except OSError as error:
        print("said:", error)
        print("left:", sorted(path.name for path in folder.iterdir()))
    if room:
        (folder / "filler").unlink()
        print("steps:", len(torch.load(folder / "run.pt", weights_only=True)["run"]["losses"]), len(train(folder, 0)))
"""


@needs_mounts
def test_a_disk_that_fills_up_leaves_the_last_checkpoint_and_one_without_room_stops_before_the_first_step(tmp_path):
    """Weights and the optimiser's two averages take 100 kB; two files are there when the disk fills up."""
    filling, small = tmp_path / "filling", tmp_path / "small"
    filling.mkdir()
    small.mkdir()
    disks = [small_disk(filling, 420), small_disk(small, 80)]
    lines = run(within(disks, python(TRAIN, filling, small)), tmp_path).stdout.splitlines()
    assert re.search(r"run.pt.new could not be written: 0.1 MB are needed in .*, and 0.0 MB are free", lines[0])
    assert "run.pt is whole, and the same call goes on from it. Make room" in lines[0]
    assert lines[1] == "left: ['filler', 'run.pt', 'run.pt.lock', 'run.pt.previous']"
    assert lines[2] == "steps: 6 20"
    assert re.search(r"said: no room for the checkpoint .*run.pt: 0.1 MB are needed .* give another folder", lines[3])
    assert "run.pt'" not in lines[4]


@needs_mounts
def test_a_download_that_does_not_fit_says_how_much_it_needs(tmp_path):
    code = (
        "from course_utils import data\ntry:\n    data.download('tinyshakespeare')\nexcept OSError as e:\n    print(e)"
    )
    shown = run(within([small_disk(tmp_path, 256)], python(code)), tmp_path, COURSE_CACHE_DIR=str(tmp_path)).stdout
    assert re.search(r"can't write into .* \(1.1 MB are needed in .*, and 0.3 MB are free\)", shown), shown
    assert "make room there, set the environment variable COURSE_CACHE_DIR" in shown


@needs_mounts
def test_without_a_folder_for_temporary_files_its_variable_is_named(tmp_path):
    course = course_with(tmp_path)
    mounts = [*without_temporary_folders(), read_only(course), small_disk(tmp_path, 4_000)]
    mounts = [f"cp -r '{course}' /dev/shm/$$", *mounts, f"mv /dev/shm/$$ '{course}'", read_only(course)]
    done = run(within(mounts, [*COURSE, "run", "--build-dir", str(tmp_path / "out")]), course, TMPDIR=None)
    assert done.returncode == 1
    assert "No usable temporary directory" in done.stdout
    assert "set TMPDIR=FOLDER" in done.stdout
    found = run(within(mounts, python(DOCTOR, "temporary")), course, TMPDIR=None).stdout
    assert "set TMPDIR to a folder of yours" in found


# --- no home --------------------------------------------------------------------------------------------------------


NO_HOME = ["unshare", "-U", "--map-user=54321", "--map-group=54321", "env", "-u", "HOME"]
NOTHING_SET = dict.fromkeys(("COURSE_USER_DIR", "COURSE_CACHE_DIR", "XDG_CACHE_HOME", "XDG_DATA_HOME"))


@needs_mounts
@pytest.mark.parametrize(
    ("home", "command"), [("unknown", "run"), ("nowhere", "progress"), ("read-only", "progress"), ("full", "progress")]
)
def test_without_a_home_folder_the_course_works(tmp_path, home, command):
    course, folder = course_with(tmp_path), tmp_path / "home"
    folder.mkdir()
    (tmp_path / "nobody").write_text("", encoding="utf-8")
    prefix, variable, said = {
        "unknown": (lambda command: [*NO_HOME, *command], None, "This user has no home folder."),
        "nowhere": (list, str(tmp_path / "nobody" / "home"), "cannot be written (Not a directory)"),
        "read-only": (partial(within, [read_only(folder)]), str(folder), "cannot be written (Read-only file system)"),
        "full": (partial(within, [full_disk(folder)]), str(folder), "cannot be written (No space left on device)"),
    }[home]
    done = run(prefix([*COURSE, command]), course, HOME=variable, TMPDIR=str(tmp_path), **NOTHING_SET)
    assert done.returncode == 0, done.stdout
    assert said in done.stdout
    assert f"go to {tmp_path}/transformer-course-" in done.stdout
    shown = run(prefix(python(SOLVE)), course, HOME=variable, TMPDIR=str(tmp_path), **NOTHING_SET).stdout
    assert "Correct" in shown


@needs_mounts
def test_a_temporary_home_is_nobody_elses(tmp_path):
    """Under a link of its name, which somebody else may have set, no file is ever written: another folder is made."""
    command = [*NO_HOME, *python("from course_utils.data._paths import cache_dir; print(cache_dir())")]

    def found() -> Path:
        return Path(run(command, tmp_path, TMPDIR=str(tmp_path), **NOTHING_SET).stdout.strip()).parent

    first = found()
    assert first.stat().st_mode & 0o077 == 0
    assert found() == first
    first.rmdir()
    first.symlink_to(tmp_path)
    assert found() != first


# --- terminals ------------------------------------------------------------------------------------------------------

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("command", ["run", "progress", "doctor", "--help", "progress 00"])
def test_a_terminal_without_the_signs_stops_no_command(tmp_path, command):
    done = run([*COURSE, *command.split()], course_with(tmp_path), **ASCII)
    assert done.returncode == 0, done.stdout
    assert done.stdout.isascii()
    if command == "doctor":
        assert "+ Python 3" in done.stdout
        assert "set PYTHONUTF8=1" in done.stdout


def test_cards_and_hints_are_shown_where_signs_are_missing(tmp_path):
    code = f"{SOLVE}\ncheck('00.1', lambda days: days)\nfrom course_utils.exercises import hint\nhint('00.1')"
    done = run(python(code), tmp_path, **ASCII)
    assert done.returncode == 0, done.stdout
    assert done.stdout.isascii()
    assert "Correct" in done.stdout
    assert "Hint 1 of" in done.stdout


# --- killed, and two at once ----------------------------------------------------------------------------------------

DIES = "# %%\nimport os, signal\nprint('going')\nos.kill(os.getpid(), signal.SIGKILL)"
SLOW = """# %%
import pathlib, time
pathlib.Path("../started").touch()
while not pathlib.Path("../go").exists():
    time.sleep(0.05)
"""


def test_a_killed_kernel_stops_its_lesson_only_and_the_next_run_goes_on(tmp_path):
    course = course_with(tmp_path, _00_one="# %%\nprint(1)", _01_dies=DIES)
    done = run([*COURSE, "run"], course)
    assert done.returncode == 1
    assert "01_dies stopped" in done.stdout
    assert re.search(r"the kernel died \(out of memory, or killed from\s+outside\)", done.stdout)
    assert "00_one: ok" in done.stdout
    tiny = (course / "lessons" / "01_dies.py").read_text(encoding="utf-8")
    (course / "lessons" / "01_dies.py").write_text(tiny.replace("os.kill(", "print("), encoding="utf-8")
    done = run([*COURSE, "run"], course)
    assert done.returncode == 0, done.stdout
    assert "00_one: unchanged" in done.stdout
    assert "01_dies: ok" in done.stdout


def test_a_second_run_in_the_same_folder_says_so_and_a_killed_one_bars_nobody(tmp_path):
    course = course_with(tmp_path, _00_slow=SLOW)
    first = subprocess.Popen([*COURSE, "run"], cwd=course, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for((course / "started").exists)
        done = run([*COURSE, "run"], course)
        assert done.returncode == 1
        assert "Another run is writing to" in done.stdout
        assert "--build-dir FOLDER" in done.stdout
    finally:
        first.kill()
        first.wait()
        (course / "go").touch()
    done = run([*COURSE, "run"], course)
    assert done.returncode == 0, done.stdout
    assert "00_slow: ok" in done.stdout


def train(path: Path, dies: str = "never") -> list[float]:
    import torch

    from course_utils.train import fit

    def batches(step):
        if step == 6 and dies == "in the middle of the file":
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # the system kills whoever writes past the limit
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        if step == 6 and dies == "before it has its name":
            os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)
        return torch.arange(64), torch.arange(64)

    torch.manual_seed(0)
    model = torch.nn.Embedding(64, 64).double()
    history = fit(model, batches, 20, checkpoint=path, every=2, progress=False)
    return [*history.losses, float(model.weight.detach().sum())]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python 3.12 warns of forks beside threads
@pytest.mark.parametrize("when", ["in the middle of the file", "before it has its name"])
def test_a_training_killed_while_it_writes_goes_on_from_the_last_whole_checkpoint(tmp_path, when):
    expected = train(tmp_path / "other.pt")
    child = os.fork()
    if child == 0:
        try:
            train(tmp_path / "run.pt", when)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == (signal.SIGXFSZ if when == "in the middle of the file" else signal.SIGKILL)
    left, whole = ((tmp_path / name).stat().st_size for name in ("run.pt.new", "run.pt"))
    assert (left < whole / 2) == (when == "in the middle of the file")
    assert train(tmp_path / "run.pt") == expected
    assert not (tmp_path / "run.pt.new").exists()


def test_a_second_training_into_the_same_file_is_refused_before_its_first_step(tmp_path):
    import torch

    from course_utils.train import fit

    def new():
        return torch.nn.Embedding(4, 4)

    def never(step):
        pytest.fail("trained")

    def batches(step):
        if step == 1:
            with pytest.raises(
                OSError, match=r"another run writes the checkpoint .*run.pt; give this one another file"
            ):
                fit(new(), never, 3, checkpoint=tmp_path / "run.pt", progress=False)
        return torch.arange(4), torch.arange(4)

    assert len(fit(new(), batches, 3, checkpoint=tmp_path / "run.pt", progress=False)) == 3
    assert len(fit(new(), batches, 3, checkpoint=tmp_path / "run.pt", progress=False)) == 3  # it was let go


def test_a_record_of_another_version_is_set_aside_and_said(tmp_path, capsys, monkeypatch):
    from course_utils.exercises import _progress

    monkeypatch.setattr(_progress, "_solved_here", {})
    record = Path(os.environ["COURSE_USER_DIR"]) / "progress.json"
    newer = json.dumps({"version": 2, "solved": {"00.2": "2030-01-01"}})
    record.write_text(newer, encoding="utf-8")
    said = _progress.record("00.1")
    assert (
        said == f"The record of solved exercises could not be read. It is kept as {record}.bak, and a new one begins."
    )
    assert Path(f"{record}.bak").read_text(encoding="utf-8") == newer
    assert _progress.record("00.3") == ""


# --- JupyterLab -----------------------------------------------------------------------------------------------------


@needs_mounts
def test_lab_takes_the_next_port_and_needs_no_home(tmp_path):
    course, home = course_with(tmp_path), tmp_path / "home"
    home.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = within([read_only(home)], [*COURSE, "lab", "--no-browser", f"--port={port}"])
        log = tmp_path / "log"
        with log.open("wb") as file:
            server = subprocess.Popen(
                command, cwd=course, env={**os.environ, "HOME": str(home)}, stdout=file, stderr=subprocess.STDOUT
            )
        try:
            found = wait_for(lambda: re.search(r"http://127.0.0.1:(\d+)/lab/tree/notebooks", log.read_text()))
        finally:
            server.terminate()
            server.wait(timeout=60)
    said = log.read_text(encoding="utf-8")
    assert int(found[1]) != port
    assert f"The port {port} is already in use, trying another port." in said
    assert "cannot be written (Read-only file system)" in said
    assert "Traceback" not in said


def test_a_wrong_option_ends_lab_with_a_sentence(tmp_path):
    done = run([*COURSE, "lab", "--no-browser", "--port=eight"], course_with(tmp_path))
    assert done.returncode != 0
    assert "expected an int, not the str 'eight'" in done.stdout


# --- pythons and packages -------------------------------------------------------------------------------------------


def old_pythons() -> list[str]:
    """Interpreters on this machine that are too old for the course, one a version."""
    kept = Path.home() / ".pyenv" / "versions"
    found = {f"3.{minor}": sorted(kept.glob(f"3.{minor}.*/bin/python")) for minor in range(6, 11)}
    elsewhere = {version: shutil.which(f"python{version}") for version in found}
    every = {version: [*map(str, paths), elsewhere[version]] for version, paths in found.items()}
    return [next(filter(None, paths)) for paths in every.values() if any(paths)]


@pytest.mark.parametrize("interpreter", old_pythons())
def test_an_old_python_gets_as_far_as_the_message(tmp_path, interpreter):
    done = run([interpreter, str(ROOT / "course.py"), "run"], tmp_path, PATH=str(tmp_path), PYTHONPATH=None)
    assert done.returncode == 1
    assert "The course needs Python 3.11, 3.12 or 3.13; this is Python 3." in done.stdout
    assert "python3.12 course.py run" in done.stdout


def test_the_bootstrap_has_no_newer_syntax():
    ast.parse((ROOT / "course.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def bootstrap(tmp_path: Path) -> Path:
    """A folder with all that `course.py` reads."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("course.py", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    return folder


@needs_mounts
@pytest.mark.parametrize("disk", ["read-only", "full"])
def test_an_environment_that_cannot_be_written_names_the_variable(tmp_path, disk):
    folder = bootstrap(tmp_path)
    environment = tmp_path / "environments"
    environment.mkdir()
    if disk == "read-only":
        mount, variable, reason = read_only(folder), None, "Read-only file system"
    else:
        mount, variable, reason = full_disk(environment), str(environment / "course"), "No space left on device"
    done = run(within([mount], [sys.executable, "course.py", "run"]), folder, COURSE_VENV=variable)
    assert done.returncode == 1
    assert f"cannot be written ({reason})" in done.stdout
    assert "COURSE_VENV=FOLDER" in done.stdout


def test_two_first_runs_install_once(tmp_path):
    """The slow part, pip, is replaced; the environment, the lock and the stamp are real."""
    folder = bootstrap(tmp_path)
    code = f"""
import pathlib, subprocess, sys, time
sys.path.insert(0, {str(folder)!r})
import course
real = subprocess.call
def call(command, **given):
    if "pip" in command:
        with open("installed", "a") as file:
            file.write("once\\n")
        time.sleep(1)
        return 0
    return real([*command, "--without-pip"] if "venv" in command else command, **given)
course.works = lambda python: python.is_file()
subprocess.call = call
course.install("lab")
"""
    both = [subprocess.Popen(python(code), cwd=folder, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = "".join(one.communicate(timeout=60)[0] for one in both)
    assert [one.returncode for one in both] == [0, 0]
    assert (folder / "installed").read_text(encoding="utf-8") == "once\n"
    assert said.count("Another course.py is installing into the same folder; waiting for it") == 1


def test_install_mends_a_whole_environment_too(tmp_path):
    """As much of it as was there; pip, which would need a network, only tells what it was asked for."""
    folder = bootstrap(tmp_path)
    code = """
import subprocess, sys
import course
course.works = lambda python: True
course.VENV.mkdir()
course.write_stamp(["lab", "site"])
subprocess.call = lambda command, **given: print("asked for", command[-1]) or 0
course.main(["install"])
print(course.installed())
"""
    shown = run(python(code), folder, PYTHONPATH=str(folder)).stdout
    assert f"asked for {folder}[site]\n['lab', 'site']\n" in shown


@pytest.mark.parametrize("stamp", ["", "[]", "{}", '{"key": 3}', "null"])
def test_a_damaged_stamp_reads_as_not_installed(tmp_path, stamp):
    folder = bootstrap(tmp_path)
    (folder / ".venv").mkdir()
    (folder / ".venv" / "course-installed.json").write_text(stamp, encoding="utf-8")
    assert run(python("import course; print(course.installed())"), folder, PYTHONPATH=str(folder)).stdout == "[]\n"


def test_without_torch_every_way_in_says_what_to_install(tmp_path):
    bare = str(environment_without(tmp_path / "venv", "torch"))
    for code in (
        "import course_utils.blocks",
        "import course_utils; course_utils.setup()",
        "import course_utils.models",
    ):
        raised = subprocess.run([bare, "-c", code], capture_output=True, text=True)
        last = raised.stderr.strip().splitlines()[-1]
        assert last.startswith(f"ModuleNotFoundError: torch is missing from {bare}"), raised.stderr
        assert "%pip install torch" in last
    found = run([bare, "-m", "course_utils", "doctor"], tmp_path)
    assert found.returncode == 1
    assert "torch is missing" in found.stdout
    assert "python3 course.py install" in found.stdout
    done = run([bare, "-m", "course_utils", "run"], course_with(tmp_path))
    assert done.returncode == 1
    assert re.search(r"cell 2 of \d+: ModuleNotFoundError: torch is missing", done.stdout), done.stdout
    done = run([bare, "-m", "course_utils", "train", "roformer_wikipedia", "weights"], tmp_path)
    assert (done.returncode, "The package torch is missing" in done.stdout) == (1, True)


@pytest.mark.parametrize(
    ("package", "command"), [("jupyterlab", "lab"), ("jupytext", "run"), ("typer", "progress"), ("nbclient", "run")]
)
def test_without_a_package_a_command_says_how_to_get_it(tmp_path, package, command):
    bare = str(environment_without(tmp_path / "venv", package))
    done = run([bare, "-m", "course_utils", command], course_with(tmp_path))
    assert done.returncode == 1
    assert f"{package} is missing from {bare}" in done.stdout
    assert "python3 course.py install" in done.stdout


def test_a_package_that_is_too_old_is_named_with_what_is_needed(tmp_path):
    bare = environment_without(tmp_path / "venv", "gensim")
    (site,) = (tmp_path / "venv").glob("lib/*/site-packages")
    old = site / "gensim-4.0.0.dist-info"
    old.mkdir()
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: gensim\nVersion: 4.0.0\n", encoding="utf-8")
    found = run([str(bare), "-c", DOCTOR, "packages"], tmp_path)
    assert "gensim 4.0.0 is too old, >=4.4 is needed" in found.stdout


# --- clumsy calls ---------------------------------------------------------------------------------------------------

CLUMSY = {
    "check(6.1, len)": r"no exercise 6.1: an id is lesson and number, such as '01.3'",
    "check('06.99', len)": r"no exercise '06.99'; lesson 06 has 06.1, 06.2",
    "hint('06.1', 'a')": r"exercise 06.1 has hints 1 to 2, not 'a'",
    "data.download('tinyshakespear')": r"did you mean 'tinyshakespeare'\?",
    "data.territory_names(['xx'])": r"Babel knows no language 'xx'",
    "decode.sample(step, [1, 2])": r"ids is \[1, 2\]; give a tensor of whole numbers",
    "decode.greedy(step, torch.tensor([[1.0]]))": r"ids is a tensor of torch.float32; give a tensor of whole",
    "decode.sample(step, ids, temperature=-1)": r"temperature",
    "decode.sample(step, ids, top_k=0)": r"top_k is 0; at least 1 token must stay",
    "show.bars([1, 2], xlabel='x', title='t')": r"bars\(\) takes names and their numbers, such as .*, not \[1, 2\]",
    "show.mask(torch.ones(3, 3).bool(), alt='a mask')": r"give the masks with their names",
    "show.diff(3, 4)": r"3 is built in or an instance of int; show.source needs a function",
    "show.attention(torch.rand(3, 4), ['a'], alt='weights')": r"weights of shape \(3, 4\) do not fit 1 rows",
    "show.table([(1, 2)], columns=('a',), caption='two')": r"the row \(1, 2\) should have 1 values: a",
}


@pytest.mark.usefixtures("as_in_a_notebook")
@pytest.mark.parametrize(("call", "said"), CLUMSY.items(), ids=CLUMSY)
def test_a_clumsy_call_says_what_is_possible(call, said):
    import torch

    from course_utils import data, decode, show
    from course_utils.exercises import check, hint

    names = {"check": check, "hint": hint, "data": data, "decode": decode, "show": show, "torch": torch}
    names |= {"step": lambda ids: torch.zeros(len(ids), 7), "ids": torch.tensor([[1, 2]])}
    with pytest.raises(ValueError, match=said):
        eval(call, names)
