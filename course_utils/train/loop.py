"""`fit`: the one training loop of all lessons."""

import math
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import nn

from course_utils.train._check import check_callable, check_number
from course_utils.train.batches import Batches, fingerprint, mix, tokens_in
from course_utils.train.checkpoint import Checkpoint
from course_utils.train.losses import Loss, cross_entropy, pair
from course_utils.train.optim import Schedule, adamw, constant
from course_utils.train.precision import bfloat16_products
from course_utils.train.team import Team
from course_utils.train.watch import StopButton, bar


@dataclass
class History:
    """What happened in a training: one entry for each step, ready to plot.

    >>> history = History(losses=[4.2, 3.1], evaluations={2: 3.3})
    >>> list(history.steps), len(history)
    ([1, 2], 2)
    """

    losses: list[float] = field(default_factory=list)
    """The loss of each step's batch, before the step."""
    rates: list[float] = field(default_factory=list)
    """The learning rate of each step (of the optimiser's first group)."""
    tokens: list[int] = field(default_factory=list)
    """Tokens read, from the start to the end of each step; examples, where a batch is no whole numbers."""
    seconds: list[float] = field(default_factory=list)
    """Seconds on the clock, from the start to the end of each step, without evaluations and checkpoints."""
    evaluations: dict[int, Any] = field(default_factory=dict)
    """What `evaluate` returned, by the number of steps done before it."""

    @property
    def steps(self) -> range:
        """1, 2, ... up to the number of steps done: the x-axis of a loss curve."""
        return range(1, len(self.losses) + 1)

    def __len__(self) -> int:
        """The number of steps done."""
        return len(self.losses)

    def __repr__(self) -> str:
        return f"History({len(self)} steps, {self.tokens[-1] if self.tokens else 0:,} tokens)"

    def add(self, loss: float, rate: float, tokens: int, seconds: float) -> None:
        """Add a step that took so many tokens and seconds."""
        self.losses.append(loss)
        self.rates.append(rate)
        self.tokens.append(tokens + (self.tokens[-1] if self.tokens else 0))
        self.seconds.append(seconds + (self.seconds[-1] if self.seconds else 0.0))


def fit(
    model: nn.Module,
    batches: Batches,
    steps: int,
    *,
    loss: Loss = cross_entropy,
    lr: float | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    schedule: Schedule = constant,
    clip: float = 1.0,
    evaluate: Callable[[nn.Module], Any] | None = None,
    every: int = 100,
    checkpoint: str | os.PathLike[str] | None = None,
    bfloat16: bool = False,
    seed: int = 0,
    progress: bool = True,
) -> History:
    """Train a model for so many steps, and return what happened. Everything that is given has a plain form:

    - `batches(step)`: the batch of a step, counted from 0, each time the same (`sample_blocks`, `shuffled`, or any
      function, such as `lambda step: batch`). It may draw from PyTorch's generator, which is seeded anew in each step.
    - `loss(model, batch)`: the mean loss, or (sum, count); see `losses`. By default the cross-entropy of batches
      (inputs, targets).
    - `optimizer`: `adamw(model, lr)` by default, with `lr` 3e-4. `schedule(step)`: what its rates are multiplied with.
    - `clip`: gradients longer than this are cut to this length; `math.inf` leaves them.
    - `evaluate(model)`: a number, or a dict of them, taken after each `every` steps and at the end, without gradient
      and dropout.
    - `checkpoint`: a file that is written after each `every` steps, at the end, and when the training is stopped. If
      it is there already, the training goes on from it, and ends with the same weights, to the bit on as many threads,
      as if it had never been interrupted. A file of other settings is refused. `steps` may grow.
    - `bfloat16`: compute products with weights in this type (see `precision`): faster on GPUs, and on processors with
      instructions for it. The weights stay in float32.
    - `seed`: of dropout and of whatever is drawn in a step. The caller's generator is left as it was.
    - `progress`: a bar, where somebody looks on.

    The model is trained on its device, and is in evaluation mode afterwards. Ctrl-C or a notebook's stop button ends
    the training after the current step with a warning, and the history so far is returned. Under `torchrun` the
    processes share each batch (see `team`); process 0 writes the checkpoint, which all must be able to read.

    Errors: `Diverged` as soon as a loss or gradient is not finite, before it reaches the weights. ValueError and
    TypeError for wrong arguments, OSError for a checkpoint that can't be written, before anything is trained.

    >>> model = nn.Embedding(4, 4)  # which number follows which
    >>> history = fit(model, lambda step: (torch.arange(4), torch.tensor([1, 2, 3, 0])), steps=50, lr=0.1)
    >>> model(torch.tensor([0, 1, 2, 3])).argmax(-1)
    tensor([1, 2, 3, 0])
    """
    _check_arguments(model, batches, steps, loss, schedule, clip, evaluate, every, seed)
    optimizer = _optimizer(model, optimizer, lr)
    team = Team.of(model)
    file = _checkpoint(checkpoint, model, optimizer, team, seed=seed, clip=float(clip), bfloat16=bfloat16)
    with (
        file or nullcontext(),
        _mode(model, optimizer),
        _rates(optimizer, schedule) as set_rate,
        _randomness(seed, team.device) as draw_anew,
        StopButton() as button,
        bar(steps, progress and team.rank == 0) as show,
    ):
        history = _resume(file, steps, set_rate, draw_anew, batches)
        objective = team.wrap(_Objective(model, loss), len(history))
        for step in range(len(history), steps):
            start, rate = time.perf_counter(), set_rate(step)
            draw_anew(step, 0)
            batch = batches(step)
            draw_anew(step, 1 + team.rank)  # each process of a team drops other units
            with bfloat16_products(team.device) if bfloat16 else nullcontext():
                total, count = objective(*team.part(batch))
            all_total, all_count, stop = team.add(total.detach(), count, button.pressed)
            (total / all_count * team.size).backward()  # times the size: a team's gradients are averaged
            norm = float(nn.utils.clip_grad_norm_(model.parameters(), clip))
            mean = float(all_total / all_count)
            if not math.isfinite(mean + norm):
                raise Diverged(history, mean, norm, rate, float(all_count))
            optimizer.step()
            optimizer.zero_grad()
            history.add(mean, rate, tokens_in(batch), time.perf_counter() - start)
            show(len(history), mean, history.tokens[-1] / history.seconds[-1])
            due = len(history) % every == 0 or len(history) == steps
            if evaluate is not None and due:
                history.evaluations[len(history)] = _evaluated(model, evaluate)
            if file is not None and team.rank == 0 and (due or stop):
                file.save(asdict(history) | {"batch": fingerprint(batch)})
            if stop:
                warnings.warn(f"stopped after {len(history)} of {steps} steps", stacklevel=2)
                break
    return history


class Diverged(ArithmeticError):
    """A loss or a gradient that is not finite. The model is as the step before left it; `history` ends there."""

    def __init__(self, history: History, loss: float, norm: float, rate: float, count: float) -> None:
        self.history = history
        where = f"step {len(history) + 1}: the loss is {loss:g}, the length of the gradient {norm:g}"
        hint = (
            "no target of the batch is counted, all are masked"
            if not count
            else (
                f"usual reasons: a learning rate that is too high (it was {rate:g}; try a third, or a longer warm-up), "
                "clip=math.inf, a row in which everything is masked with -inf (the lowest finite number is safe), the "
                "logarithm or the root of 0"
            )
        )
        super().__init__(f"{where}. The model is as it was before this step. To mend: {hint}.")


class _Objective(nn.Module):
    """The loss as a module, so that DistributedDataParallel sees one call whatever the loss does with the model."""

    def __init__(self, model: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, batch: Any, share: float) -> tuple[torch.Tensor, Any]:
        total, count = pair(self.loss(self.model, batch), share)
        if not total.requires_grad:
            raise ValueError("the loss hangs on no trainable parameter; was it detached, or computed under no_grad?")
        return total, count


@contextmanager
def _rates(optimizer: torch.optim.Optimizer, schedule: Schedule) -> Iterator[Callable[[int], float]]:
    """A function that sets the learning rates of a step and returns the first; at the end they are put back."""
    base = [group["lr"] for group in optimizer.param_groups]

    def multiply(factor: float) -> None:
        for group, rate in zip(optimizer.param_groups, base, strict=True):
            group["lr"] = rate * factor

    def set_rate(step: int) -> float:
        factor = schedule(step)
        check_number(f"schedule({step})", factor, low=0)
        multiply(factor)
        return optimizer.param_groups[0]["lr"]

    try:
        yield set_rate
    finally:
        multiply(1.0)


@contextmanager
def _randomness(seed: int, device: torch.device) -> Iterator[Callable[[int, int], None]]:
    """A function that seeds PyTorch's generators for a step and a process; at the end they are as they were.

    So a step's random numbers hang on nothing that happened before it, and a run that goes on draws the same.
    """
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):

        def draw_anew(step: int, rank: int) -> None:
            number = mix(seed, step, rank)
            torch.default_generator.manual_seed(number)
            if device.type != "cpu":
                getattr(torch, device.type).manual_seed(number)

        yield draw_anew


@contextmanager
def _mode(model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Dropout is on while the model is trained, and off afterwards; no gradients are left."""
    model.train()
    try:
        yield
    finally:
        model.eval()
        optimizer.zero_grad()


def _evaluated(model: nn.Module, evaluate: Callable[[nn.Module], Any]) -> Any:
    model.eval()
    with torch.no_grad():
        found = evaluate(model)
    model.train()
    return {name: _number(value) for name, value in found.items()} if isinstance(found, dict) else _number(found)


def _number(value: Any) -> float:
    """A plain number, so that a checkpoint needs to hold no objects."""
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"evaluate(model) returns a number, or a dict of them, not {value!r:.40}") from error


# Before the first step


def _optimizer(model: nn.Module, optimizer: torch.optim.Optimizer | None, lr: float | None) -> torch.optim.Optimizer:
    if optimizer is None:
        return adamw(model) if lr is None else adamw(model, lr)
    if lr is not None:
        raise ValueError("both optimizer and lr are given; give the rate to the optimizer: adamw(model, lr=...)")
    own = {id(parameter) for parameter in model.parameters()}
    if any(id(parameter) not in own for group in optimizer.param_groups for parameter in group["params"]):
        raise ValueError("the optimizer holds parameters that aren't this model's; make it from model.parameters()")
    return optimizer


def _checkpoint(
    path: str | os.PathLike[str] | None, model: nn.Module, optimizer: torch.optim.Optimizer, team: Team, **settings: Any
) -> Checkpoint | None:
    return None if path is None else Checkpoint(path, model, optimizer, settings, writes=team.rank == 0)


def _resume(
    file: Checkpoint | None,
    steps: int,
    set_rate: Callable[[int], float],
    draw_anew: Callable[[int, int], None],
    batches: Batches,
) -> History:
    """The history of the checkpoint, if it is what these arguments would have come to; an empty one without a file."""
    saved = None if file is None else file.read()
    if file is None or saved is None:
        return History()
    last = saved["run"].pop("batch")
    history = History(**saved["run"])
    other = f"the checkpoint {file.path} is of another run"
    if len(history) > steps:
        raise ValueError(f"{other}: it has {len(history)} steps already, more than steps={steps}; give another file")
    for step, rate in enumerate(history.rates):
        if set_rate(step) != rate:
            raise ValueError(
                f"{other}: the learning rate of step {step} was {rate:g}, with this schedule it is {set_rate(step):g}"
            )
    draw_anew(len(history) - 1, 0)
    if fingerprint(batches(len(history) - 1)) != last:
        raise ValueError(f"{other}: the batch of its last step was not batches({len(history) - 1}) as it is now")
    file.restore(saved)
    return history


def _check_arguments(
    model: Any, batches: Any, steps: Any, loss: Any, schedule: Any, clip: Any, evaluate: Any, every: Any, seed: Any
) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is {type(model).__name__}, not a torch.nn.Module")
    check_callable("batches", batches, "give a function of the step: sample_blocks, shuffled, or lambda step: batch")
    check_callable("loss", loss, "give a function of the model and a batch")
    check_callable("schedule", schedule, "give a function of the step, such as warmup_cosine(steps, warmup)")
    if evaluate is not None:
        check_callable("evaluate", evaluate, "give a function of the model that returns a number")
    check_number("steps", steps, low=1, whole=True)
    check_number("every", every, low=1, whole=True)
    check_number("seed", seed, low=0, whole=True)
    check_number("clip", clip, low=0)
    if clip == 0:
        raise ValueError("clip=0 would leave nothing of any gradient; math.inf leaves them as they are")
