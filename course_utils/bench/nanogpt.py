"""Our `fit` and blocks beside nanoGPT: the same small model of characters, the same steps, in CPU seconds.

nanoGPT's own `train.py` runs unmodified, with the flags that its README gives for a computer without a GPU: 4 layers,
4 heads, 128 numbers wide, blocks of 64 characters, 12 in a batch, AdamW, 2000 steps. Ours is that model on
`course_utils.blocks`, trained by `fit` with the same settings, evaluations and checkpoints, once in float32 as theirs
and once with `bfloat16=True`. Each side is a process of its own, and all it does is counted, from its first import on.
Then the loss of each is measured alike, in float32 on all of the validation split.

nanoGPT is no part of the course. Its four files are downloaded and compared with the checksums below; or name a folder
that holds a copy in the environment variable NANOGPT.

    course bench nanogpt
    python -m course_utils.bench.nanogpt --steps 200 --text input.txt
"""

import argparse
import json
import math
import os
import pickle
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor, nn

COMMIT = "3adf61e154c3fe3fca428ad6bc3818b27a3b8291"
FILES = {
    "train.py": "413bd97b40bb400a2a0d01230e2946f056c263ebac1b7281c2367d964a123085",
    "model.py": "7c01703240dbec5d554527dc666e35b3df8391d0b117fddc07afcf325a21d11c",
    "configurator.py": "5cc23aca26b4ab3c0d9e5f82740f4781f9444f42718c15abcee70d93c5aabe8f",
    "config/train_shakespeare_char.py": "9b41cdfb2c917259d796a8184d835221a349c23cd18a0a63b46da431d95d9c05",
}
FLAGS = (
    "config/train_shakespeare_char.py --device=cpu --compile=False --eval_iters=20 --log_interval=1 --block_size=64 "
    "--batch_size=12 --n_layer=4 --n_head=4 --n_embd=128 --max_iters={steps} --lr_decay_iters={steps} --dropout=0.0"
)
DATA = Path("data", "shakespeare_char")  # where nanoGPT looks for any text of characters
LENGTH, BATCH, D_MODEL, LAYERS, HEADS = 64, 12, 128, 4, 4
SIDES = ("nanoGPT", "ours", "ours, bfloat16")
EVERY, EVALUATED = 250, 20  # steps between evaluations, and batches of each split in one


class Run(NamedTuple):
    """One training: CPU seconds of its process, and nats per character on the whole validation split."""

    seconds: float
    loss: float


def main(steps: int = 2000, rounds: int = 3, text: str | None = None, nanogpt: str | None = None) -> None:
    """Print CPU seconds, ratio and validation loss of each round; one line where there is no nanoGPT to be had.

    `text`: any text, by default Python's documentation of itself. `nanogpt`: a folder with its files.
    """
    from rich.console import Console

    with tempfile.TemporaryDirectory() as folder:
        try:
            _fetch(Path(folder), nanogpt or os.environ.get("NANOGPT"))
        except (OSError, ValueError) as error:
            Console().print(f"nanoGPT is not here, so nothing is measured: {error}", markup=False, highlight=False)
            return
        _prepare(Path(folder), _default_text() if text is None else text)
        found: dict[str, list[Run]] = {side: [] for side in SIDES}
        for number in range(rounds):
            for side in list(found)[:: -1 if number % 2 else 1]:
                found[side].append(_child(side, Path(folder), steps, seed=number))
    Console().print(_table(found, steps))


def _fetch(folder: Path, source: str | None) -> None:
    """Copy nanoGPT's files from a folder, or from what was downloaded, now or before."""
    import hashlib

    for name, checksum in FILES.items():
        path = Path(source, name) if source else _download(name, checksum)
        if hashlib.sha256(path.read_bytes()).hexdigest() != checksum:
            raise ValueError(f"{path} is not the file of commit {COMMIT[:7]}")
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(path, folder / name)


def _download(name: str, checksum: str) -> Path:
    import pooch
    import requests

    from course_utils.data import cache_dir

    pooch.get_logger().setLevel("WARNING")
    url = f"https://raw.githubusercontent.com/karpathy/nanoGPT/{COMMIT}/{name}"
    try:
        path = pooch.retrieve(url, f"sha256:{checksum}", Path(name).name, cache_dir() / "nanogpt")
    except requests.RequestException as error:
        raise ConnectionError("no connection to GitHub; set NANOGPT to a folder that holds a copy") from error
    return Path(path)


def _default_text() -> str:
    from course_utils.data import python_docs

    return "\n".join(python_docs().values())


def _prepare(folder: Path, text: str) -> None:
    """The text as nanoGPT wants it: the first nine tenths to train on, the rest to validate, as 16-bit ids."""
    characters = sorted(set(text))
    index = {character: i for i, character in enumerate(characters)}
    ids = np.array([index[character] for character in text], dtype=np.uint16)
    split = int(0.9 * len(ids))
    (folder / DATA).mkdir(parents=True)
    ids[:split].tofile(folder / DATA / "train.bin")
    ids[split:].tofile(folder / DATA / "val.bin")
    meta = {"vocab_size": len(characters), "stoi": index, "itos": dict(enumerate(characters))}
    (folder / DATA / "meta.pkl").write_bytes(pickle.dumps(meta))


def _child(side: str, folder: Path, steps: int, seed: int) -> Run:
    """Train in a process of its own, with one thread."""
    command = [sys.executable, "-m", "course_utils.bench.nanogpt", "--child", side, "--steps", str(steps)]
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS")}
    done = subprocess.run(
        [*command, "--seed", str(seed)], cwd=folder, env=os.environ | threads, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{side} failed:\n{done.stderr[-2000:]}")
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def _table(found: dict[str, list[Run]], steps: int) -> Any:
    """CPU seconds, their ratio to nanoGPT's of the same round, and the loss, for each side and round."""
    from rich.table import Table

    table = Table(title=f"Character model, {steps:,} steps, CPU seconds of one thread")
    for heading in ("side", "round", "CPU s", "ratio", "loss, nats"):
        table.add_column(heading, justify="left" if heading == "side" else "right")
    theirs = [run.seconds for run in found["nanoGPT"]]
    for side, runs in found.items():
        for i, (run, peer) in enumerate(zip(runs, theirs, strict=True)):
            table.add_row(side, str(i + 1), f"{run.seconds:.1f}", f"{run.seconds / peer:.2f}", f"{run.loss:.3f}")
        average = Run(*map(mean, zip(*runs, strict=True)))
        ratio = average.seconds / mean(theirs)
        table.add_row(side, "mean", f"{average.seconds:.1f}", f"{ratio:.2f}", f"{average.loss:.3f}", end_section=True)
    return table


# In the child processes; the current folder is the one with nanoGPT's files


def _train_theirs(steps: int) -> Callable[["Tensor"], "Tensor"]:
    """Run train.py as it is, and return its model: ids (B, L) to logits (B, L, V). Its seed is its own."""
    sys.argv = ["train.py", *FLAGS.format(steps=steps).split()]
    model = runpy.run_path("train.py", run_name="__main__")["model"].eval()
    return lambda ids: model(ids, ids)[0]  # without targets it gives the last position only


def _train_ours(steps: int, seed: int, bfloat16: bool) -> Callable[["Tensor"], "Tensor"]:
    """The same with `fit`. nanoGPT does one step more than it is told, so this does too."""
    import torch

    from course_utils.train import adamw, fit, mean_loss, sample_blocks, warmup_cosine

    torch.manual_seed(seed)
    model = gpt(vocab_size=pickle.loads((DATA / "meta.pkl").read_bytes())["vocab_size"])
    train, held_out = (sample_blocks(_ids(split), LENGTH, BATCH, seed) for split in ("train", "val"))

    def evaluate(model: "nn.Module") -> dict[str, float]:
        splits = {"train": train, "val": held_out}
        return {name: mean_loss(model, map(split, range(EVALUATED))) for name, split in splits.items()}

    fit(
        model,
        train,
        steps + 1,
        optimizer=adamw(model, lr=1e-3, weight_decay=0.1, betas=(0.9, 0.99)),
        schedule=warmup_cosine(steps, warmup=min(100, steps // 2), floor=0.1),
        evaluate=evaluate,
        every=EVERY,
        checkpoint=Path(f"ours_{seed}_{bfloat16}.pt"),
        bfloat16=bfloat16,
        seed=seed,
        progress=False,
    )
    return model


def gpt(vocab_size: int) -> "nn.Module":
    """nanoGPT's model on `course_utils.blocks`: GPT-2's, with no biases, from ids (B, L) to logits (B, L, V)."""
    import torch
    from torch import nn

    from course_utils.blocks.attention import MultiHeadAttention
    from course_utils.blocks.ffn import FeedForward
    from course_utils.blocks.heads import TiedHead
    from course_utils.blocks.masks import causal, to_bias
    from course_utils.blocks.norms import LayerNorm
    from course_utils.blocks.residual import PreNorm

    def norm() -> nn.Module:
        return LayerNorm(D_MODEL, bias=False)

    def block() -> nn.Module:
        attention = MultiHeadAttention(D_MODEL, HEADS, bias=False)
        return PreNorm(attention, FeedForward(D_MODEL, 4 * D_MODEL, bias=False), norm)

    class GPT(nn.Module):
        bias: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.tok, self.pos = nn.Embedding(vocab_size, D_MODEL), nn.Embedding(LENGTH, D_MODEL)
            self.blocks = nn.ModuleList(block() for _ in range(LAYERS))
            self.norm, self.head = norm(), TiedHead(self.tok)
            for name, parameter in self.named_parameters():
                if parameter.ndim > 1:
                    to_stream = name.endswith(("out_proj.weight", "down.weight"))
                    nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * LAYERS) if to_stream else 0.02)
            self.register_buffer("bias", to_bias(causal(LENGTH)), persistent=False)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            length = ids.shape[1]
            x = self.tok(ids) + self.pos.weight[:length]
            for block in self.blocks:
                x = block(x, bias=self.bias[:length, :length])
            return self.head(self.norm(x))

    return GPT()


def _ids(split: str) -> np.ndarray:
    return np.fromfile(DATA / f"{split}.bin", dtype=np.uint16).astype(np.int64)


def _whole_loss(logits: Callable[["Tensor"], "Tensor"]) -> float:
    """Nats per character, over all blocks of the validation split, one after the other."""
    import torch

    from course_utils.train import all_blocks, cross_entropy

    with torch.no_grad():
        parts = [cross_entropy(logits, batch) for batch in all_blocks(_ids("val"), LENGTH, 64)]  # type: ignore[arg-type]
    return float(sum(total for total, _ in parts) / sum(count for _, count in parts))


def _run_child(side: str, steps: int, seed: int) -> None:
    logits = _train_theirs(steps) if side == "nanoGPT" else _train_ours(steps, seed, bfloat16="bfloat16" in side)
    seconds = time.process_time()
    print(json.dumps({"seconds": seconds, "loss": _whole_loss(logits)}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="fit beside nanoGPT")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--text", help="a text file to train on")
    parser.add_argument("--nanogpt", help="a folder with nanoGPT's files")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        _run_child(given.child, given.steps, given.seed)
    else:
        content = Path(given.text).read_text(encoding="utf-8") if given.text else None
        main(given.steps, given.rounds, content, given.nanogpt)
