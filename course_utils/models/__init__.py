"""The models of the course: one paper, one file, built from `course_utils.blocks`."""

import course_utils._torch  # noqa: F401 - says what to do where torch is missing
