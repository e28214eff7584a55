"""The project's own promises: pins agree, the bootstrap speaks clearly, the wheel is whole, tests stay offline."""

import json
import re
import shutil
import socket
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
CONDA_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
FIXED = {"jupyterlab", "torch", "matplotlib", "gensim", "nltk", "nbval"}


def project_bounds() -> dict[str, str]:
    extras = PROJECT["optional-dependencies"]
    lines = [*PROJECT["dependencies"], *extras["lab"], *extras["site"], *extras["test"]]
    needs = [Requirement(line) for line in lines if not line.startswith("course-utils")]
    return {canonicalize_name(need.name): str(need.specifier) for need in needs}


def conda_bounds(environment) -> dict[str, str]:
    lines = [line for line in environment["dependencies"] if isinstance(line, str)]
    needs = [Requirement(line) for line in lines if line != "pip" and not line.startswith("python=")]
    return {canonicalize_name(CONDA_NAMES.get(need.name, need.name)): str(need.specifier) for need in needs}


def test_environment_and_project_agree():
    from_pip = {"sphinx-mathjax-offline"}
    assert conda_bounds(ENVIRONMENT) == {
        name: bound for name, bound in project_bounds().items() if name not in from_pip
    }
    assert set(project_bounds()) >= FIXED
    assert ENVIRONMENT["dependencies"][-1] == {"pip": ["-e .[test]"]}


def test_the_comparison_sees_a_planted_difference():
    changed = [
        line.replace("numpy>=2.0", "numpy>=1.26") for line in ENVIRONMENT["dependencies"] if isinstance(line, str)
    ]
    assert conda_bounds({"dependencies": changed}) != project_bounds()


def test_the_package_has_lower_bounds_only_and_what_was_tested_satisfies_them():
    for bound in project_bounds().values():
        assert re.fullmatch(r">=[\d.]+", bound), bound
    pins = [Requirement(line) for line in _constraint_lines()]
    for name, bound in project_bounds().items():
        versions = [str(pin.specifier).removeprefix("==") for pin in pins if canonicalize_name(pin.name) == name]
        assert versions, f"{name} is not pinned in constraints.txt"
        assert all(Requirement(f"x{bound}").specifier.contains(version) for version in versions)


def test_constraints_hold_no_cuda_and_no_place():
    text = "\n".join(_constraint_lines())
    assert not re.search(r"nvidia|cuda|triton|://|@", text)


def _constraint_lines() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


# --- the bootstrap ---------------------------------------------------------------------------------------------------


@pytest.fixture
def bootstrap(monkeypatch, tmp_path):
    """course.py as a module, with an environment that is a temporary folder."""
    monkeypatch.setenv("COURSE_VENV", str(tmp_path / "venv"))
    monkeypatch.syspath_prepend(str(ROOT))
    sys.modules.pop("course", None)
    import course

    return course


def test_without_a_command_it_names_the_commands(bootstrap, capsys):
    assert bootstrap.main([]) == 0
    shown = capsys.readouterr().out
    assert [word for word in ("run", "test", "lab", "check") if f"course.py {word}" not in shown] == []


def test_a_python_that_does_not_fit_says_what_to_do(bootstrap, monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 9, 18, "final", 0))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert bootstrap.main(["run"]) == 1
    assert "needs Python 3.11, 3.12 or 3.13; this is Python 3.9.18" in capsys.readouterr().out


def test_a_python_that_does_not_fit_goes_on_with_one_that_does(bootstrap, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 14, 0, "final", 0))
    monkeypatch.setattr(shutil, "which", lambda name: sys.executable if name == "python3.12" else None)
    handed = []
    monkeypatch.setattr(bootstrap, "hand_over", lambda command: handed.append(command) or 0)
    assert bootstrap.main(["run", "01"]) == 0
    assert handed == [[sys.executable, str(ROOT / "course.py"), "run", "01"]]


def test_what_is_installed_is_not_installed_again_until_the_pins_change(bootstrap, monkeypatch):
    calls = []

    def call(command, **_):
        calls.append([str(part) for part in command])
        return 0

    monkeypatch.setattr(subprocess, "call", call)
    monkeypatch.setattr(bootstrap, "works", lambda python: True)
    bootstrap.VENV.mkdir()
    bootstrap.install("lab")
    assert calls[-1][-1].endswith("[lab]")
    assert str(ROOT / "constraints.txt") in calls[-1]
    bootstrap.install("lab")
    assert len(calls) == 1
    bootstrap.install("test")
    assert len(calls) == 2
    bootstrap.install("lab")
    assert len(calls) == 2
    monkeypatch.setattr(bootstrap, "key", lambda: "other pins")
    bootstrap.install("lab")
    assert len(calls) == 3


def test_an_installation_that_fails_leaves_no_stamp(bootstrap, monkeypatch):
    monkeypatch.setattr(subprocess, "call", lambda command, **_: 1)
    monkeypatch.setattr(bootstrap, "works", lambda python: True)
    with pytest.raises(SystemExit, match="did not finish"):
        bootstrap.install("lab")
    assert not bootstrap.STAMP.exists()


def test_an_environment_that_cannot_be_made_says_why(bootstrap, monkeypatch):
    monkeypatch.setattr(subprocess, "call", lambda command, **_: 1)
    with pytest.raises(SystemExit, match="python3-venv"):
        bootstrap.install("lab")


@pytest.mark.parametrize(
    ("system", "gpu", "links", "wanted"),
    [
        ("Linux", None, None, True),
        ("Linux", "/usr/bin/nvidia-smi", None, False),
        ("Darwin", None, None, False),
        ("Linux", None, "/wheels", False),
    ],
)
def test_the_cpu_build_of_torch_is_for_linux_without_a_gpu(bootstrap, monkeypatch, system, gpu, links, wanted):
    monkeypatch.setattr(bootstrap.platform, "system", lambda: system)
    monkeypatch.setattr(shutil, "which", lambda name: gpu)
    monkeypatch.setattr(Path, "exists", lambda self: False)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    if links:
        monkeypatch.setenv("PIP_FIND_LINKS", links)
    assert bool(bootstrap.cpu_torch()) == wanted


# --- the wheel -------------------------------------------------------------------------------------------------------


def test_the_wheel_holds_the_package_and_the_data(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in (ROOT / "data").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert f"course_utils/_data/{path.relative_to(ROOT / 'data').as_posix()}" in names
    assert "course_utils/exercises/by_lesson/lesson_01.py" in names
    assert not any(name.startswith(("tests/", "notebooks/", "lessons/")) for name in names)
    assert Path(wheel).stat().st_size < 5_000_000


# --- habits ----------------------------------------------------------------------------------------------------------


def test_tests_cannot_reach_the_outside():
    with pytest.raises(OSError, match="tests are offline"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)


def test_importing_the_package_and_the_command_line_loads_nothing_heavy():
    code = (
        "import sys, json, course_utils.cli, course_utils.data, course_utils.exercises, course_utils.show;"
        "print(json.dumps(sorted({n.split('.')[0] for n in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "transformers", "gensim", "nltk", "sklearn", "matplotlib", "scipy", "pandas", "numpy"}
    assert heavy & set(json.loads(done.stdout)) == set()


def test_nothing_names_a_place_of_one_machine():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    place = re.compile(r"\.\./" + "shared|/" + r"work/main|/" + "work/shared")
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.is_file() and path.suffix in {".py", ".md", ".yaml", ".yml", ".toml", ".ipynb", ".txt"}:
            assert not place.search(path.read_text(encoding="utf-8")), name
