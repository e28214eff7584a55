"""Checkpoints: all that a run needs to go on as if nothing had happened, in a file that is whole or not there.

A file arrives under another name, is brought to the disk, and takes its name in one step; the one before it is kept
beside it. So a process, or the machine, may die at any moment. A lock keeps a second run away from the same file.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
from filelock import FileLock, Timeout
from torch import nn

from course_utils.data._paths import shortage

FORMAT = 1


class Checkpoint:
    """The file of a run. `settings` is what must be the same when it goes on: names and plain values.

    The folder is made if there is none. Errors: OSError if a file can't be written there, the disk has no room for
    it, or another run writes it: `with checkpoint:` keeps the others away.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        settings: dict[str, Any],
        writes: bool = True,
    ) -> None:
        self.path = Path(path)
        self.previous = self.path.with_name(self.path.name + ".previous")
        self.model, self.optimizer = model, optimizer
        self.settings = settings | _describe_model(model) | _describe_optimizer(optimizer)
        self._lock = FileLock(self.path.with_name(self.path.name + ".lock")) if writes else None
        if writes:
            self._check_writable()

    def __enter__(self) -> Self:
        if self._lock:
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise OSError(f"another run writes the checkpoint {self.path}; give this one another file") from None
        return self

    def __exit__(self, *exception: object) -> None:
        if self._lock:
            self._lock.release()

    def _check_writable(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.is_dir():
                raise IsADirectoryError("it is a folder")
            with tempfile.TemporaryFile(dir=self.path.parent) as file:
                file.write(b"x")
        except OSError as error:
            raise OSError(f"can't write the checkpoint {self.path}: {error.strerror or error}") from error
        if reason := shortage(self.path.parent, self._bytes()):
            raise OSError(f"no room for the checkpoint {self.path}: {reason}; make room, or give another folder")

    def _bytes(self) -> int:
        """What the disk must still take, at least: the file, the one before it, and a third while it is written."""
        weights = sum(tensor.numel() * tensor.element_size() for tensor in self.model.state_dict().values())
        return weights * (3 - self.path.exists() - self.previous.exists())

    def read(self) -> dict[str, Any] | None:
        """What was saved last, None if nothing was.

        Errors: ValueError for a damaged file, which is left as it is, and for one of another run.
        """
        found = next((path for path in (self.path, self.previous) if path.exists()), None)
        if found is None:
            return None
        saved = self._load(found)
        if different := _differences(saved["settings"], self.settings):
            raise ValueError(f"the checkpoint {found} is of another run: {'; '.join(different[:3])}; give another file")
        return saved

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Bring model and optimiser to where they were."""
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])

    def save(self, run: dict[str, Any]) -> None:
        """Write model, optimiser and `run` (plain values only)."""
        saved = {
            "format": FORMAT,
            "settings": self.settings,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "run": run,
        }
        try:
            with self._new.open("wb") as file:
                torch.save(saved, file)
                file.flush()
                os.fsync(file.fileno())
        except Exception as error:  # torch turns an OSError into a RuntimeError
            self._new.unlink(missing_ok=True)
            raise OSError(self._not_written(error)) from error
        if self.path.exists():
            os.replace(self.path, self.previous)
        os.replace(self._new, self.path)

    def _not_written(self, error: Exception) -> str:
        """What to do where the disk filled up, or failed, in the middle of a training."""
        size = self.path.stat().st_size if self.path.exists() else self._bytes()
        reason = shortage(self.path.parent, size) or str(error).splitlines()[0]
        kept = f"; {self.path} is whole, and the same call goes on from it" if self.path.exists() else ""
        return f"the checkpoint {self._new} could not be written: {reason}{kept}. Make room, then run it again."

    @property
    def _new(self) -> Path:
        return self.path.with_name(self.path.name + ".new")

    def _load(self, path: Path) -> dict[str, Any]:
        with path.open("rb") as file:
            try:
                saved = torch.load(file, map_location="cpu", weights_only=True)
            except Exception as error:  # whatever zip, pickle and torch say of a file that was cut off
                if path != self.previous and self.previous.exists():
                    way_out = f"the one before it is {self.previous}: give it this one's name to go on from there"
                else:
                    way_out = "delete it to start anew"
                raise ValueError(f"the checkpoint {path} is damaged, and was left as it is; {way_out}") from error
        if not isinstance(saved, dict) or saved.get("format") != FORMAT:
            raise ValueError(f"{path} is no checkpoint of `fit`; give another file")
        return saved


def _describe_model(model: nn.Module) -> dict[str, str]:
    return {f"model {name}": f"{tensor.dtype} {tuple(tensor.shape)}" for name, tensor in model.state_dict().items()}


def _describe_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    described: dict[str, Any] = {"optimizer": type(optimizer).__name__}
    for i, group in enumerate(optimizer.param_groups):
        described |= {f"optimizer {key} of group {i}": value for key, value in group.items() if key != "params"}
        described[f"optimizer shapes of group {i}"] = [tuple(parameter.shape) for parameter in group["params"]]
    return described


def _differences(saved: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    missing = object()
    return [
        f"{name} was {saved.get(name, 'not there')} and is {now.get(name, 'not there')}"
        for name in {**saved, **now}
        if saved.get(name, missing) != now.get(name, missing)
    ]
