"""Greedy decoding beside `generate` of `transformers`: tokens per CPU second, the same weights, one thread.

Both have a cache of keys and values. The texts are first shown to be the same, token for token; the sides take turns.
What ours copies of the weights, once for each model, has a column of its own.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from course_utils.bench import compare

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import GPT2LMHeadModel

    from course_utils.models.gpt2 import GPT2


class Size(NamedTuple):
    """A GPT-2's layers, width, heads and vocabulary."""

    n_layers: int
    d_model: int
    n_heads: int
    vocab_size: int


SIZES = (Size(4, 128, 4, 500), Size(4, 128, 4, 50_257), Size(12, 768, 12, 50_257))
PROMPT, NEW_TOKENS = 16, 256


def main(rounds: int = 3, new_tokens: int = NEW_TOKENS) -> None:
    """Print tokens per CPU second and ratios, from the fastest rounds: above 1, ours is the faster."""
    import torch
    from rich.console import Console
    from rich.table import Table

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    table = Table(title=f"Tokens per CPU second, {PROMPT} + {new_tokens} tokens, one text, best of {rounds} rounds")
    for heading in ("layers", "width", "vocabulary", "generate", "ours", "ratio", "copying once, s"):
        table.add_column(heading, justify="right")
    for size in SIZES:
        copying, theirs, ours = sides(size, new_tokens)
        taken = compare({"theirs": theirs, "ours": ours}, rounds)
        speeds = [new_tokens / taken[side].min for side in ("theirs", "ours")]
        shape = (str(size.n_layers), str(size.d_model), f"{size.vocab_size:,}")
        table.add_row(*shape, *(f"{speed:.0f}" for speed in speeds), f"{speeds[1] / speeds[0]:.2f}", f"{copying:.2f}")
    torch.set_num_threads(threads)
    Console().print(table)


def sides(size: Size, new_tokens: int) -> tuple[float, Callable[[], Any], Callable[[], Any]]:
    """The CPU seconds of copying weights, `generate`, and ours; both have been shown to write the same text."""
    import torch

    from course_utils.decode import Continuation, fast, greedy

    ours, theirs = models(size)
    prompt = torch.randint(size.vocab_size, (1, PROMPT))
    options: dict[str, Any] = {"do_sample": False, "max_new_tokens": new_tokens, "pad_token_id": 0}

    def generate() -> "Tensor":
        return theirs.generate(prompt, attention_mask=torch.ones_like(prompt), **options)[:, PROMPT:]

    def write() -> "Tensor":
        return greedy(Continuation(ours), prompt, max_new=new_tokens)

    start = time.process_time()
    assert fast.packed(ours)
    copying = time.process_time() - start
    assert torch.equal(generate(), write())
    return copying, generate, write


def models(size: Size) -> tuple["GPT2", "GPT2LMHeadModel"]:
    """A new GPT-2, and the same with the weights of the official class."""
    import torch
    import transformers

    from course_utils.models.gpt2 import GPT2, GPT2Config
    from course_utils.weights import load_hf

    torch.manual_seed(0)
    n_layers, width, n_heads, vocab_size = size
    config = transformers.GPT2Config(
        vocab_size=vocab_size, n_embd=width, n_layer=n_layers, n_head=n_heads, bos_token_id=None, eos_token_id=None
    )
    theirs = transformers.GPT2LMHeadModel(config).eval()
    ours = GPT2(GPT2Config(vocab_size, width, n_layers, n_heads, d_ff=4 * width)).eval()
    load_hf(ours, theirs.state_dict(), GPT2.HF, GPT2.HF_IGNORE)
    return ours, theirs


if __name__ == "__main__":
    main()
