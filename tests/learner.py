"""JupyterLab as a learner starts it, and a learner's hands in it: open a lesson, Run All, answer."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from browser import Watched
from playwright.sync_api import Browser, Locator, expect

from course_utils.toolchain import lab
from course_utils.toolchain.source import Course

START_LIMIT = 120.0  # seconds until the server answers, on a busy machine
RUN_LIMIT = 900.0  # seconds until a lesson has run: the slowest takes two minutes on a quiet machine
STEP_LIMIT = 90_000.0  # milliseconds until the page has done one thing
LOOK_EVERY = 2_000.0  # milliseconds between two looks at the file
VIEWPORT = {"width": 1400, "height": 1000}
# What belongs to a Jupyter of one's own; without the token the server must choose one itself.
OWN = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")


@dataclass
class Server:
    """A running `course lab`, the checkout-like folder that it serves, and where its learner's things are kept."""

    process: subprocess.Popen[bytes]
    folder: Path
    url: str
    token: str
    start_file: Path

    @property
    def notebooks(self) -> Path:
        return self.folder / "course" / "notebooks"

    @property
    def progress(self) -> Path:
        return self.folder / "user" / "progress.json"


@contextmanager
def served(course: Course, folder: Path, further: tuple[str, ...] = ()) -> Iterator[Server]:
    """`course lab` on a copy of the course's notebooks, with nobody's settings and no browser of its own.

    The copy has no execution counts: the saved file then says which cells have run.
    """
    copy_notebooks(course.notebooks, folder / "course" / "notebooks")
    command = lab.command(Course(folder / "course"), ["--no-browser", "--ServerApp.port=0", *further])
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder / "course", env=environment(folder), stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield await_server(process, folder)
    finally:
        process.terminate()  # the server takes its kernels with it
        process.wait(timeout=60)


def copy_notebooks(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    for path in target.glob("*.ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in code_cells(notebook):
            cell["execution_count"] = None
        path.write_text(json.dumps(notebook), encoding="utf-8")


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def environment(folder: Path) -> dict[str, str]:
    """The environment of `course lab`, with Jupyter's folders and the learner's own in `folder`."""
    kept = {name: value for name, value in lab.environment().items() if name != "JUPYTER_TOKEN"}
    own = {f"JUPYTER_{name}": str(folder / name.lower()) for name in OWN}
    settings = {f"JUPYTERLAB_{name}_DIR": str(folder / name.lower()) for name in ("SETTINGS", "WORKSPACES")}
    ours = {"IPYTHONDIR": str(folder / "ipython"), "COURSE_USER_DIR": str(folder / "user")}
    return {**kept, **own, **settings, **ours}


def await_server(process: subprocess.Popen[bytes], folder: Path) -> Server:
    """The server, as soon as it has written the page that would open in the learner's browser."""
    runtime, until = folder / "runtime_dir", time.monotonic() + START_LIMIT
    page = runtime / f"jpserver-{process.pid}-open.html"
    while not (page.is_file() and page.stat().st_size):
        log = (folder / "server.log").read_text(encoding="utf-8", errors="replace")
        assert process.poll() is None, f"JupyterLab stopped:\n{log}"
        assert time.monotonic() < until, f"JupyterLab did not start in {START_LIMIT:.0f} s:\n{log}"
        time.sleep(0.2)
    info = json.loads((runtime / f"jpserver-{process.pid}.json").read_text(encoding="utf-8"))
    return Server(process, folder, info["url"], info["token"], page)


class Learner:
    """Someone at JupyterLab's page, who opens one lesson and works in it."""

    def __init__(self, browser: Browser, server: Server, slug: str) -> None:
        self.server = server
        self.file = server.notebooks / f"{slug}.ipynb"
        self.watched = Watched(browser, viewport=VIEWPORT)
        self.page = self.watched.page
        self.page.set_default_timeout(STEP_LIMIT)
        expect.set_options(timeout=STEP_LIMIT)
        self.panel = self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")  # the notebook in front

    def open(self, name: str) -> None:
        """Go from the page that `course lab` opens to the lesson, by its link there."""
        self.page.goto(self.server.start_file.as_uri())
        self.page.get_by_role("link", name=name, exact=True).click()
        expect(self.panel.locator(".jp-RenderedMarkdown h1").first).to_contain_text(name)
        self.await_idle()

    def await_idle(self) -> None:
        """Wait for the kernel: what is asked of it before it is there, JupyterLab forgets."""
        expect(self.panel.locator(".jp-Notebook-ExecutionIndicator")).to_have_attribute("data-status", "idle")
        expect(self.page.locator("#jp-main-statusbar")).to_contain_text("| Idle")

    def run_all(self) -> list[dict[str, Any]]:
        """Run all cells by the menu, and give the code cells of the file once they have run, or one has failed."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        until, cells = time.monotonic() + RUN_LIMIT, self.cells()
        while not (all(cell["execution_count"] for cell in cells) or any(map(errors, cells))):
            ran = sum(bool(cell["execution_count"]) for cell in cells)
            assert time.monotonic() < until, f"{ran} of {len(cells)} cells ran in {RUN_LIMIT:.0f} s"
            asked = self.page.locator(".jp-Dialog-content").all_inner_texts()
            assert not asked, f"JupyterLab asks something after {ran} cells: {asked}"
            self.page.keyboard.press("ControlOrMeta+s")
            self.page.wait_for_timeout(LOOK_EVERY)
            cells = self.cells()
        self.await_idle()
        self.save()
        return self.cells()

    def save(self) -> None:
        """Save with the keys, and wait until nothing is left to save."""
        self.page.keyboard.press("ControlOrMeta+s")
        tab = self.page.locator("#jp-main-dock-panel .lm-TabBar-tab.jp-mod-current")
        expect(tab).not_to_have_class(re.compile("jp-mod-dirty"))

    def cells(self) -> list[dict[str, Any]]:
        """The code cells of the saved file."""
        until = time.monotonic() + STEP_LIMIT / 1000
        while True:
            try:
                return code_cells(json.loads(self.file.read_text(encoding="utf-8")))
            except ValueError:  # the server is in the middle of writing it
                assert time.monotonic() < until, f"{self.file.name} is no notebook any more"
                self.page.wait_for_timeout(100)

    def code_cell(self, source: str, step: int = 0) -> Locator:
        """The first code cell in whose source this stands, or the one so many code cells further on."""
        place = next(i for i, cell in enumerate(self.cells()) if source in "".join(cell["source"]))
        return self.panel.locator(".jp-CodeCell").nth(place + step)

    def run_cell(self, cell: Locator) -> Locator:
        """Run one cell with Shift+Enter, and give the place of its output."""
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Shift+Enter")
        return cell.locator(".jp-OutputArea")

    def answer(self, id: str, name: str, code: str) -> Locator:
        """Write code where the exercise's stub is, run it, run the check below, and give the check's card."""
        check = f'check("{id}", {name})  # stuck?'
        stub = self.code_cell(check, step=-1)
        stub.locator(".cm-content").click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.insert_text(code)
        self.run_cell(stub)
        return self.run_cell(self.code_cell(check)).locator("div[style*=border-left]")


def errors(cell: dict[str, Any]) -> list[str]:
    """What went wrong in a code cell of a file, each with its cell."""
    found = [one for one in cell["outputs"] if one["output_type"] == "error"]
    return [f"{one['ename']}: {one['evalue']}, in the cell\n{''.join(cell['source'])}" for one in found]
