"""Imported first by every package that computes: where torch is missing or does not load, it says what to do."""

import sys

try:
    import torch as torch
except ImportError as error:
    if not isinstance(error, ModuleNotFoundError):
        raise ImportError(f"torch is installed in {sys.executable} and does not load: {error}") from None
    raise ModuleNotFoundError(
        f"{error.name} is missing from {sys.executable}, and the models need it. In a notebook: %pip install torch, "
        "then restart the kernel. In a checkout: python3 course.py install.",
        name=error.name,
    ) from None
