"""The speed run: a GPT of characters, trained until it is as good as nanoGPT's, in a few CPU seconds.

The text is split like tiny Shakespeare: nine tenths to train on, the rest to validate, and all of the rest is
measured, in blocks of 64 characters. nanoGPT's configuration for a computer without a GPU came to 1.898 nats a
character there; `course bench nanogpt` measures its CPU seconds on this machine.

    course bench gpt --text input.txt
"""

import time
from statistics import mean
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

    from course_utils.models.speedrun import Speedrun

STEPS, TOKENS = 220, 1024  # tokens a step
SHORT, LONG = 32, 64  # the length of a block in the first and the second half of the steps
LATE = 0.7  # the share of the steps in which the learning rate falls


class Run(NamedTuple):
    """One training: CPU and wall seconds of its steps, and nats per character on the whole validation split."""

    cpu: float
    wall: float
    loss: float


def main(text: str | None = None, seeds: int = 5, steps: int = STEPS) -> None:
    """Print CPU seconds, wall seconds and validation loss of several seeds.

    `text`: any text, by default Python's documentation of itself.
    """
    import torch
    from rich.console import Console
    from rich.table import Table

    from course_utils.data import python_docs

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    train, held_out, n_characters = split("\n".join(python_docs().values()) if text is None else text)
    console = Console()
    table = Table(title=f"Speed run: {n_characters} characters, {steps} steps, one thread")
    for heading in ("seed", "CPU s", "wall s", "validation loss, nats/character"):
        table.add_column(heading, justify="right")
    runs = []
    for seed in range(1, seeds + 1):
        runs.append(run(train, held_out, n_characters, seed, steps))
        table.add_row(str(seed), f"{runs[-1].cpu:.1f}", f"{runs[-1].wall:.1f}", f"{runs[-1].loss:.3f}")
    torch.set_num_threads(threads)
    cpu, wall, loss = map(mean, zip(*runs, strict=True))
    table.add_row("mean", f"{cpu:.1f}", f"{wall:.1f}", f"{loss:.3f}")
    console.print(table)
    console.print(f"worst seed: {max(one.loss for one in runs):.3f} nats/character")


def split(text: str) -> tuple["Tensor", "Tensor", int]:
    """The first nine tenths of the text and the rest, as ids, and the number of different characters."""
    import torch

    index = {character: i for i, character in enumerate(sorted(set(text)))}
    ids = torch.tensor([index[character] for character in text])
    cut = int(0.9 * len(ids))
    return ids[:cut], ids[cut:], len(index)


def run(train: "Tensor", held_out: "Tensor", n_characters: int, seed: int, steps: int = STEPS) -> Run:
    """Train once, and measure."""
    from course_utils.train import all_blocks, mean_loss

    cpu, wall = time.process_time(), time.perf_counter()
    model = trained(train, n_characters, seed, steps)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Run(cpu, wall, mean_loss(model, all_blocks(held_out, LONG, batch_size=64)))


def trained(train: "Tensor", n_characters: int, seed: int, steps: int = STEPS) -> "Speedrun":
    """A model after the speed run's training: short blocks first, then longer ones."""
    import torch

    from course_utils.models.speedrun import Speedrun, SpeedrunConfig
    from course_utils.train import fit, sample_blocks

    torch.manual_seed(seed)
    model = Speedrun(SpeedrunConfig(vocab_size=n_characters))
    short, long = (sample_blocks(train, length, TOKENS // length, seed) for length in (SHORT, LONG))
    fit(
        model,
        lambda step: (short if step < steps // 2 else long)(step),
        steps,
        optimizer=model.muon(),
        schedule=lambda step: min(1.0, (steps - step) / (LATE * steps)),
        clip=float("inf"),
        seed=seed,
        progress=False,
    )
    return model
