"""One process, or the processes that `torchrun` started: which part of each batch is whose, and how they agree.

Each process takes its rows of every batch, and PyTorch's DistributedDataParallel adds up the gradients while they are
computed. What is divided by is counted over all processes, so that the result is that of one process with the whole
batch, also where some rows have fewer targets than others. Every process must be given the same batches.
"""

import atexit
import os
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn

from course_utils.train.batches import on_tensors, tensors_in

TORCHRUN = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")  # what it puts into the environment


def device_of(model: nn.Module) -> torch.device:
    """The one device of a model's parameters; ValueError for several."""
    devices = {parameter.device for parameter in model.parameters()}
    if len(devices) > 1:
        raise ValueError(f"the model lies on {' and '.join(sorted(map(str, devices)))}; move it to one device")
    return devices.pop() if devices else torch.device("cpu")


class Team(NamedTuple):
    """The processes that train together: this one's number, how many there are, and this one's device."""

    rank: int
    size: int
    device: torch.device

    @classmethod
    def of(cls, model: nn.Module) -> "Team":
        """The processes that `torchrun` started, or this one alone. On GPUs each moves the model to its own."""
        device = device_of(model)
        started = all(name in os.environ for name in TORCHRUN) and int(os.environ["WORLD_SIZE"]) > 1
        if not dist.is_available() or not (started or dist.is_initialized()):
            return cls(0, 1, device)
        if device.type == "cuda":
            device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", device.index or 0)))
            torch.cuda.set_device(device)
            model.to(device)
        if not dist.is_initialized():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
            atexit.register(dist.destroy_process_group)  # not before: a second `fit` uses the same group
        return cls(dist.get_rank(), dist.get_world_size(), device)

    def wrap(self, objective: nn.Module, done: int) -> nn.Module:
        """The module as PyTorch's DistributedDataParallel, with the weights of process 0 everywhere.

        `done`: the steps that were done before. ValueError unless all processes read the same from the checkpoint.
        """
        if self.size == 1:
            return objective
        everywhere: list[Any] = [None] * self.size
        dist.all_gather_object(everywhere, done)
        if len(set(everywhere)) > 1:
            raise ValueError(f"the processes have done {everywhere} steps: not all of them can read the checkpoint")
        # A parameter that nothing uses, since PyTorch complains where it is to look for some and finds none.
        objective.register_parameter("unused", nn.Parameter(torch.zeros((), device=self.device)))
        return nn.parallel.DistributedDataParallel(objective, find_unused_parameters=True)

    def part(self, batch: Any) -> tuple[Any, float]:
        """This process's rows of a batch, on its device, and the share of all rows that they are."""
        if self.size == 1:
            return on_tensors(lambda tensor: tensor.to(self.device), batch), 1.0
        sizes = {len(tensor) if tensor.ndim else 0 for tensor in tensors_in(batch)}
        if len(sizes) != 1 or min(sizes) < self.size:
            raise ValueError(
                f"the tensors of a batch have {sorted(sizes)} rows: {self.size} processes share a batch by its rows, "
                f"so all its tensors need the same number of them, at least {self.size}"
            )
        rows = sizes.pop()
        first, end = rows * self.rank // self.size, rows * (self.rank + 1) // self.size
        return on_tensors(lambda tensor: tensor[first:end].to(self.device), batch), (end - first) / rows

    def add(self, total: Tensor, count: Any, stop: bool) -> tuple[Tensor, Any, bool]:
        """The sums of all processes, and whether any of them wants to stop."""
        if self.size == 1:
            return total, count, stop
        sums = torch.stack([torch.as_tensor(x, dtype=torch.float64, device=self.device) for x in (total, count, stop)])
        dist.all_reduce(sums)
        return sums[0], sums[1], bool(sums[2] > 0)
