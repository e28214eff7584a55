"""`python -m course_utils` is the `course` command."""

import sys

try:
    from course_utils.cli import main
except ModuleNotFoundError as error:  # not even what the command line itself needs is there
    sys.exit(f"The package {error.name} is missing from {sys.executable}: python3 course.py install puts it there.")

main()
