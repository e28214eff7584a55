"""The models of the course: one paper, one file, built from `course_utils.blocks`."""
