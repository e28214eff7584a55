"""Our blocks beside PyTorch's and those of `transformers`, the fused attention beside plain steps, a cache beside none.

One thread, CPU seconds, the sides take turns. Each pair has the same weights, and is first shown to compute the same
outputs and gradients; then a training step is timed: forward, and back to the weights and the input.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from course_utils.bench import compare, nanogpt

if TYPE_CHECKING:
    from torch import Tensor, nn

Run = Callable[["Tensor"], "Tensor"]
Pair = tuple["nn.Module", Run, "nn.Module", Run]  # ours and how it is called, then the peer and how it is called


class Size(NamedTuple):
    """What a block is fed, and how wide it is."""

    batch: int
    length: int
    d_model: int
    n_heads: int


SIZES = (Size(12, 64, 128, 4), Size(8, 128, 256, 8), Size(4, 128, 512, 8))
NEW_TOKENS = 64
SECONDS = 0.5
"""About so long each side takes in each round."""


def main(rounds: int = 3) -> None:
    """Print CPU milliseconds and ratios, from the fastest rounds: above 1, ours is the faster."""
    import torch
    from rich.console import Console
    from rich.table import Table

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    table = Table(title=f"CPU milliseconds of one thread, best of {rounds} rounds")
    for heading in ("what", "size", "peer", "peer, ms", "ours, ms", "ratio"):
        table.add_column(heading, justify="right" if "ms" in heading or heading == "ratio" else "left")
    for size in SIZES:
        shape = f"{size.batch} x {size.length} x {size.d_model}"
        for peer, pair in pairs(size).items():
            table.add_row("block, step", shape, peer, *_times(*_steps(pair, size), rounds))
        table.add_row("attention, step", shape, "plain steps", *_times(*_steps(_plain(size), size), rounds))
    for batch in (1, 16):
        table.add_row("greedy", f"{batch} x {NEW_TOKENS} tokens", "no cache", *_times(*_decoders(batch), rounds))
    torch.set_num_threads(threads)
    Console().print(table)
    nanogpt.main(steps=200, rounds=rounds)


def _times(theirs: Callable[[], object], ours: Callable[[], object], rounds: int) -> tuple[str, str, str]:
    """Milliseconds of both, and their ratio."""
    once = compare({"theirs": _repeated(theirs, 1), "ours": _repeated(ours, 1)}, rounds=2)
    n = max(1, int(SECONDS / once["ours"].min))
    sides = {"theirs": _repeated(theirs, n), "ours": _repeated(ours, n)}
    peer, own = (1000 * timing.min / n for timing in compare(sides, rounds).values())
    return f"{peer:.2f}", f"{own:.2f}", f"{peer / own:.2f}"


def _repeated(side: Callable[[], object], n: int) -> Callable[[], None]:
    def run() -> None:
        for _ in range(n):
            side()

    return run


def _steps(pair: Pair, size: Size) -> tuple[Callable[[], object], Callable[[], object]]:
    """A training step of the peer and of ours, which have been shown to compute the same."""
    import torch

    ours, run_ours, theirs, run_theirs = pair
    x = torch.randn(size.batch, size.length, size.d_model, requires_grad=True)
    towards = torch.randn_like(x)

    def step(model: "nn.Module", run: Run) -> "Tensor":
        model.zero_grad()
        x.grad = None
        out = run(x)
        out.backward(towards)
        return out

    results = []
    for side in (partial(step, theirs, run_theirs), partial(step, ours, run_ours)):
        results.append((side().detach(), x.grad))
    # float32: sums of d_ff products in another order, and GELU's tail
    torch.testing.assert_close(results[1], results[0], atol=1e-4, rtol=1e-4)
    return partial(step, theirs, run_theirs), partial(step, ours, run_ours)


# The pairs: the same weights on both sides


def pairs(size: Size) -> dict[str, Pair]:
    """Our block and a peer's of the same kind, by the name of the peer."""
    return {"torch.nn": _torch(size), "BertLayer": _bert(size), "GPT2Block": _gpt2(size)}


def _block(size: Size, kind: type["nn.Module"], eps: float, tanh: bool = False) -> "nn.Module":
    import torch.nn.functional as F

    from course_utils.blocks import attention, ffn, norms

    return kind(
        attention.MultiHeadAttention(size.d_model, size.n_heads),
        ffn.FeedForward(size.d_model, 4 * size.d_model, activation=ffn.gelu_tanh if tanh else F.gelu),
        norm=lambda: norms.LayerNorm(size.d_model, eps),
    )


def _torch(size: Size) -> Pair:
    from torch import nn

    from course_utils.blocks.residual import PostNorm

    theirs = nn.TransformerEncoderLayer(size.d_model, size.n_heads, 4 * size.d_model, 0.0, "gelu", batch_first=True)
    ours = _block(size, PostNorm, eps=1e-5)
    _copy(theirs, ours, IN_TORCH)
    return ours, ours, theirs, theirs


def _bert(size: Size) -> Pair:
    from transformers import BertConfig
    from transformers.models.bert.modeling_bert import BertLayer

    from course_utils.blocks.residual import PostNorm

    sizes = {"hidden_size": size.d_model, "num_attention_heads": size.n_heads, "intermediate_size": 4 * size.d_model}
    no_dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    config = BertConfig.from_dict(sizes | no_dropout, attn_implementation="sdpa")
    theirs, ours = BertLayer(config), _block(size, PostNorm, eps=1e-12)
    _copy(theirs, ours, IN_BERT)
    return ours, ours, theirs, lambda x: _first(theirs(x))


def _gpt2(size: Size) -> Pair:
    from transformers import GPT2Config
    from transformers.models.gpt2.modeling_gpt2 import GPT2Block

    from course_utils.blocks.masks import causal, to_bias
    from course_utils.blocks.residual import PreNorm

    sizes = {"n_embd": size.d_model, "n_head": size.n_heads, "resid_pdrop": 0.0, "attn_pdrop": 0.0}
    config = GPT2Config.from_dict(sizes, attn_implementation="sdpa")
    theirs, ours = GPT2Block(config, 0), _block(size, PreNorm, eps=1e-5, tanh=True)
    _copy(theirs, ours, IN_GPT2, transposed=True)
    bias = to_bias(causal(size.length))
    return ours, lambda x: ours(x, bias=bias), theirs, lambda x: _first(theirs(x))


def _plain(size: Size) -> Pair:
    """Our attention twice: asked for its weights it takes the plain steps."""
    from course_utils.blocks.attention import MultiHeadAttention

    ours = MultiHeadAttention(size.d_model, size.n_heads)
    return ours, ours, ours, lambda x: ours(x, need_weights=True)[0]


def _first(result: Any) -> "Tensor":
    """Some versions of transformers return a tuple."""
    return result[0] if isinstance(result, tuple) else result


QKV = "attn.q_proj attn.k_proj attn.v_proj"
IN_TORCH = {
    QKV: "self_attn.in_proj",
    "attn.out_proj": "self_attn.out_proj",
    "norm_attn": "norm1",
    "ffn.up": "linear1",
    "ffn.down": "linear2",
    "norm_ffn": "norm2",
}
IN_BERT = {
    "attn.q_proj": "attention.self.query",
    "attn.k_proj": "attention.self.key",
    "attn.v_proj": "attention.self.value",
    "attn.out_proj": "attention.output.dense",
    "norm_attn": "attention.output.LayerNorm",
    "ffn.up": "intermediate.dense",
    "ffn.down": "output.dense",
    "norm_ffn": "output.LayerNorm",
}
IN_GPT2 = {
    QKV: "attn.c_attn",
    "attn.out_proj": "attn.c_proj",
    "norm_attn": "ln_1",
    "ffn.up": "mlp.c_fc",
    "ffn.down": "mlp.c_proj",
    "norm_ffn": "ln_2",
}


def _copy(theirs: "nn.Module", ours: "nn.Module", names: Mapping[str, str], transposed: bool = False) -> None:
    """Give ours the peer's weights; where several of ours are one of theirs, each gets its part."""
    for parameter in theirs.parameters():  # or else norms and biases are 1 and 0, and could be swapped unseen
        parameter.data += 0.1 * parameter.data.new_empty(parameter.shape).normal_()
    state = {name.replace("in_proj_", "in_proj."): tensor for name, tensor in theirs.state_dict().items()}
    new: dict[str, Tensor] = {}
    for own, other in names.items():
        for leaf in ("weight", "bias"):
            tensor = state[f"{other}.{leaf}"]
            tensor = tensor.T if transposed and tensor.ndim == 2 else tensor
            parts = own.split()
            new |= {f"{part}.{leaf}": rows for part, rows in zip(parts, tensor.chunk(len(parts)), strict=True)}
    ours.load_state_dict(new)


def _decoders(batch: int) -> tuple[Callable[[], object], Callable[[], object]]:
    """Greedy decoding without and with a cache, of a Transformer of 4 + 4 layers, 128 wide, which agree."""
    import torch

    from course_utils.decode import greedy
    from course_utils.models.transformer import Transformer, TransformerConfig, Translation

    sizes = {"d_model": 128, "n_layers": 4, "n_heads": 4, "d_ff": 512}
    model = Transformer(TransformerConfig(vocab_size=500, max_len=256, **sizes)).eval()
    source = torch.randint(3, 500, (batch, 20))
    start = source.new_ones(batch, 1)

    class Uncached(Translation):
        read = source[:, :0]

        def __call__(self, ids: "Tensor") -> "Tensor":
            self.read = torch.cat([self.read, ids], 1)
            return model.decode(self.read, self.memory, source)[:, -1]

    @torch.no_grad()
    def decode(kind: type[Translation]) -> "Tensor":
        return greedy(kind(model, source), start, max_new=NEW_TOKENS)

    assert torch.equal(decode(Uncached), decode(Translation))
    return partial(decode, Uncached), partial(decode, Translation)


if __name__ == "__main__":
    main()
