"""A committed notebook as the site shows it: with targets for links, and without the author's runtime."""

from collections import defaultdict

import nbformat
from nbformat.v4 import new_markdown_cell

from course_utils.site.places import find_places


def system_target(id: str) -> str:
    """The name of the target at the section that treats a system."""
    return f"system-{id.lower()}"


def claim_target(id: str) -> str:
    """The name of the target at the cell that records a claim."""
    return f"claim-{id.lower()}"


def term_target(term: str) -> str:
    """The name of the target at the section that treats a term.

    >>> term_target("query, key, value")
    'about-query-key-value'
    """
    return "about-" + "-".join("".join(c if c.isalnum() else " " for c in term.lower()).split())


def prepare(notebook: nbformat.NotebookNode, number: int) -> nbformat.NotebookNode:
    """The notebook of lesson `number` for the site; the given one is changed."""
    places = find_places(notebook, number)
    at: dict[tuple[int, int], list[str]] = defaultdict(list)
    for names, name in ((places.systems, system_target), (places.terms, term_target)):
        for key, section in names.items():
            at[section.cell, section.line].append(name(key))
    for (cell, line), targets in sorted(at.items(), reverse=True):
        lines = notebook.cells[cell].source.split("\n")
        lines[line:line] = _targets(targets)
        notebook.cells[cell].source = "\n".join(lines)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace("](index.ipynb)", "](../index.md)")
        elif "setup" in cell.metadata.get("tags", []):
            cell.outputs = []  # it names the runtime of whoever built the notebook
    recorded = defaultdict(list)
    for id, cell in places.claims.items():
        recorded[cell].append(claim_target(id))
    for cell in sorted(recorded, reverse=True):
        notebook.cells.insert(cell, new_markdown_cell("\n".join(_targets(recorded[cell]))))
    return notebook


def _targets(names: list[str]) -> list[str]:
    return [f"({name})=" for name in names]
