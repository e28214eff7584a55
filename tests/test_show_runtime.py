"""The line about the runtime: what is there, what was tested, and what to do where the two don't go together."""

import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from course_utils import show
from course_utils.show import display

ROOT = Path(__file__).parents[1]
lines = import_module("course_utils.show.runtime")  # the function of the same name hides the module
NEEDS = [Requirement("numpy>=2.0"), Requirement("torch>=2.6"), Requirement("gensim>=4.4")]


@pytest.fixture
def installed(monkeypatch):
    """Pretend that these are the versions installed here."""
    versions = {"numpy": "2.1.3", "torch": "2.11.0+cu128", "transformers": "5.15.0", "gensim": "4.4.0"}
    monkeypatch.setattr(lines, "_installed", versions.get)
    monkeypatch.setattr(lines, "requirements", lambda: NEEDS)
    for name in lines.NAMED:
        monkeypatch.setitem(sys.modules, name, SimpleNamespace())
    return versions


def test_the_line_names_what_is_here_and_what_was_tested(installed, capsys):
    show.runtime()
    line = capsys.readouterr().out
    here = f"Python {sys.version_info.major}.{sys.version_info.minor}, torch 2.11, numpy 2.1, transformers 5.15"
    assert line == f"Your runtime: {here} · tested with {lines.tested()}\n"


def test_what_was_tested_is_what_constraints_pin_and_the_project_allows():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pythons = Requirement("python" + project["requires-python"]).specifier
    allowed = [f"3.{minor}" for minor in range(9, 20) if f"3.{minor}" in pythons]
    shown = lines.tested()
    assert shown.startswith(f"Python {allowed[0]} to {allowed[-1]}, torch ")
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    for name in lines.NAMED:
        pinned = sorted(re.findall(rf"^{name}==(\d+\.\d+)", pins, re.MULTILINE), key=Version)
        span = pinned[0] if len(set(pinned)) == 1 else f"{pinned[0]} to {pinned[-1]}"
        assert f", {name} {span}" in shown
    assert lines.constraints() == ROOT / "constraints.txt"


def test_what_is_too_old_or_missing_is_named_with_the_command_that_mends_it(installed, capsys):
    assert lines.to_install(NEEDS) == ""
    installed.update(numpy="1.26.4")
    del installed["gensim"]
    show.runtime()
    first, second = capsys.readouterr().out.splitlines()
    assert "numpy 1.26" in first
    assert second == (
        'numpy 1.26.4 is too old, gensim is missing. Run %pip install "numpy>=2.0" "gensim>=4.4" in a new cell, '
        "restart the kernel, and start this lesson again."
    )
    del installed["torch"]
    assert "torch missing" in lines.here()


def test_a_release_candidate_and_a_local_build_are_versions_too(installed):
    installed.update(numpy="2.0.0rc1", torch="2.6.0+cpu")
    assert lines.to_install([Requirement("torch>=2.6")]) == ""
    assert lines.to_install([Requirement("numpy>=2.0")]).startswith("numpy 2.0.0rc1 is too old")


def test_a_library_that_was_updated_under_a_running_kernel_asks_for_a_restart(installed, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(__version__="2.11.0+cu128"))
    assert lines.to_restart() == ""
    monkeypatch.setitem(sys.modules, "numpy", SimpleNamespace(__version__="2.0.2"))
    assert lines.to_restart() == ("numpy 2.0 is loaded, 2.1 installed. Restart the kernel and start this lesson again.")


def test_extras_are_not_asked_for_and_nothing_is_without_an_installation(monkeypatch):
    names = {need.name for need in lines.requirements()}
    assert {"numpy", "torch", "gensim"} <= names
    assert not {"jupyterlab", "nbval", "playwright"} & names
    monkeypatch.setattr(lines, "metadata", lambda name: lines.version("a package that nobody has"))
    assert lines.requirements() == []


def test_this_environment_is_well():
    assert lines.to_install(lines.requirements()) == ""


def test_in_a_notebook_it_is_one_output_and_escaped(installed, monkeypatch):
    import IPython.display

    outputs = []
    monkeypatch.setattr(display, "in_notebook", lambda: True)
    monkeypatch.setattr(IPython.display, "display", lambda data, raw, metadata: outputs.append(data))
    installed.update(numpy="1.26.4")
    show.runtime()
    (data,) = outputs
    assert data["text/plain"].startswith("Your runtime: Python 3.")
    assert "Your runtime: Python 3." in data["text/html"]
    assert "<strong>numpy 1.26.4 is too old. Run %pip install &quot;numpy&gt;=2.0&quot;" in data["text/html"]


def test_it_imports_nothing_heavy():
    code = "import sys; from course_utils import show; show.runtime(); print({'torch', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
