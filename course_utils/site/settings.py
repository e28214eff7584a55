"""Sphinx's configuration."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from course_utils.toolchain.source import CourseError

STATIC = Path(__file__).parent / "static"
MATHJAX = "tex-svg-full.js"  # one file that loads no other


def settings(repository: str, branch: str, version: str) -> dict[str, Any]:
    """What the site's conf.py says: MyST-NB that executes nothing, the book theme, and nothing from outside."""
    return _content(version) | _look(repository, branch)


def mathjax() -> Path:
    """MathJax, as the package sphinx-mathjax-offline brings it; as an extension it would copy ten times as much."""
    found = find_spec("sphinx-mathjax-offline")
    if found is None or found.origin is None:
        raise CourseError("MathJax is missing: pip install sphinx-mathjax-offline")
    return Path(found.origin).parent / "static" / "mathjax" / MATHJAX


def _content(version: str) -> dict[str, Any]:
    return {
        "project": "The Transformer family from scratch",
        "version": version,
        "language": "en",
        "extensions": ["myst_nb", "course_utils.site.extension"],
        "mathjax_path": MATHJAX,
        "exclude_patterns": ["_build", "jupyter_execute"],
        "smartquotes": False,  # docstrings and lessons stay as they were written
        "suppress_warnings": ["ref.python"],  # a type in a signature that several modules have stays without a link
        "nb_execution_mode": "off",
        "nb_ipywidgets_js": {},  # else every page asks a server for them, and without a kernel they are no use
        "nb_merge_streams": True,
        "nb_code_prompt_show": "Show the solution",
        "nb_code_prompt_hide": "Hide the solution",
        "myst_enable_extensions": ["amsmath", "colon_fence", "deflist", "dollarmath"],
        "myst_heading_anchors": 3,
        "myst_heading_slug_func": "course_utils.toolchain.notebook.anchor",
    }


def _look(repository: str, branch: str) -> dict[str, Any]:
    return {
        "html_theme": "sphinx_book_theme",
        "html_title": "The Transformer family from scratch",
        "html_static_path": [str(STATIC), str(mathjax())],
        "html_css_files": ["site.css"],
        "html_js_files": [("site.js", {"defer": "defer"})],
        "html_favicon": str(STATIC / "icon.svg"),
        "html_context": {"default_mode": "auto"},
        "html_use_index": False,  # search finds what the index would list
        "html_show_sphinx": False,
        "html_show_copyright": False,
        "html_sourcelink_suffix": "",
        "html_theme_options": {
            "repository_url": f"https://github.com/{repository}",
            "repository_branch": branch,
            "launch_buttons": {"colab_url": "https://colab.research.google.com"},
            "use_download_button": True,
            "use_repository_button": True,
            "home_page_in_toc": True,
            "navbar_persistent": [],
            "search_bar_text": "Search the course",
            "pygments_light_style": "a11y-high-contrast-light",
            "pygments_dark_style": "a11y-high-contrast-dark",
        },
    }
