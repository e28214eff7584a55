"""What the site adds to Sphinx: the notebooks are prepared as they are read."""

from typing import Any

import nbformat

from course_utils.site.notebooks import prepare

FOLDER = "notebooks/"


def setup(app: Any) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("source-read", read_notebook)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def read_notebook(app: Any, place: str, content: list[str]) -> None:
    """Replace a lesson's text, just read, by what the site shows of it; its file stays what learners download."""
    if place.startswith(FOLDER):
        notebook = nbformat.reads(content[0], as_version=4)
        content[0] = nbformat.writes(prepare(notebook, int(place.removeprefix(FOLDER)[:2])), version=4)
