"""A tiny course in a temporary folder, for tests of the toolchain."""

from pathlib import Path

from course_utils.toolchain.source import Course

HEADER = """\
# ---
# jupyter:
#   course:
#     title: {title}
#     why: Because a test needs it.
#     objectives: [see, try, know]
#     builds_on: []
#     minutes: 1
#     budget: 30
#     systems: []
# ---
"""

LESSON = """
# %% [markdown]
# ## First section
# **Predict** what comes.

# %%
print("hello", 6 * 7)

# %% exercise 00.1

# %% [markdown]
# ## Claims

# %%
show.table([(1, 2)], columns=("a", "b"), caption="Two numbers")
"""


def tiny_course(root: Path, **lessons: str) -> Course:
    """A course with one source per keyword: `tiny_course(tmp, _00_first="# %%\\nprint(1)")`."""
    (root / "lessons").mkdir(parents=True)
    (root / "course.py").write_text("", encoding="utf-8")
    (root / "notebooks").mkdir()
    for folder in ("course_utils", "data"):
        (root / folder).mkdir()
        (root / folder / "part.txt").write_text("one", encoding="utf-8")
    settings = '[tool.course]\nrepository = "someone/somewhere"\nbranch = "main"\n'
    (root / "pyproject.toml").write_text(settings, encoding="utf-8")
    for name, body in (lessons or {"_00_tiny": LESSON}).items():
        write_lesson(root, name, body)
    return Course(root)


def write_lesson(root: Path, name: str, body: str) -> Path:
    path = root / "lessons" / f"{name.lstrip('_')}.py"
    path.write_text(HEADER.format(title=name.strip("_0123456789").title()) + "\n" + body, encoding="utf-8")
    return path
