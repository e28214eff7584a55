"""Lessons are compared strictly, from any working directory: nbval's settings by absolute path."""

from pathlib import Path


def pytest_configure(config):
    config.option.nbval_sanitize_with = str(Path(__file__).parent / "tests" / "nbval_sanitize.cfg")
