"""One more token of each text: the same sums as through the modules, in fewer calls and from better laid out weights.

With one token in hand, the time goes into calls and into reading the weights, not into arithmetic. So, for blocks that
are made of `MultiHeadAttention` and `FeedForward`:

- no module is called where a function does, and what does nothing here (dropout, checks, gradients) is left out;
- queries, keys and values come out of one product: x [Wq Wk Wv] = [x Wq, x Wk, x Wv];
- a matrix with more outputs than inputs is stored the other way round: its product with one row is then a sum of rows,
  which a processor reads about twice as fast as it takes many dot products.

The numbers are those of the modules up to the order of sums. `Continuation` uses this by itself where it can: on a
CPU, without gradients, dropout and hooks. The matrices are copied once, and again when the model's weights changed.
"""

from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from course_utils.blocks.attention import KVCache, MultiHeadAttention
from course_utils.blocks.ffn import FeedForward, gelu_tanh
from course_utils.blocks.heads import TiedHead
from course_utils.blocks.norms import LayerNorm, RMSNorm
from course_utils.blocks.residual import PostNorm, PreNorm

Function = Callable[[Tensor], Tensor]

PARTS = {PreNorm, PostNorm, MultiHeadAttention, FeedForward, LayerNorm, RMSNorm, nn.Linear, nn.Dropout, nn.Identity}


class Packed:
    """A decoder's blocks, last norm and head, with the weights that it had when this was made."""

    def __init__(self, model: Any) -> None:
        self.marks = marks(model)
        self.hooks = [hooks for part in model.modules() for hooks in (part._forward_hooks, part._forward_pre_hooks)]
        self.blocks = [Block(block) for block in model.blocks]
        self.norm = norm(getattr(model, "norm", None))
        self.head = product(model.head._tok[0] if isinstance(model.head, TiedHead) else model.head)

    def serves(self) -> bool:
        """Are numbers all that is wanted, without gradients, and without hooks that look on?"""
        return not (torch.is_grad_enabled() or any(self.hooks))

    def __call__(self, x: Float[Tensor, "B D"], bias: Tensor | None, caches: Sequence[KVCache]) -> Float[Tensor, "B V"]:
        """From what the first block reads to the logits."""
        with torch.inference_mode():
            for block, cache in zip(self.blocks, caches, strict=True):
                x = block(x, bias, cache)
            x = self.norm(x)
        return self.head(x)  # outside, so that the logits are an ordinary tensor


class Block:
    """A `PreNorm` or `PostNorm` block for one token of each text."""

    def __init__(self, block: PreNorm) -> None:
        attn: Any = block.attn
        ffn: Any = block.ffn
        self.attn, self.ffn = attn, ffn
        self.qkv, self.out = product(attn.q_proj, attn.k_proj, attn.v_proj), product(attn.out_proj)
        self.up, self.down = product(ffn.up), product(ffn.down)
        norms, none = (norm(block.norm_attn), norm(block.norm_ffn)), (norm(None), norm(None))
        self.before, self.after = (none, norms) if isinstance(block, PostNorm) else (norms, none)

    def __call__(self, x: Float[Tensor, "B D"], bias: Tensor | None, cache: KVCache) -> Float[Tensor, "B D"]:
        x = self.after[0](x + self.attend(self.before[0](x), bias, cache))
        return self.after[1](x + self.down(self.activate(self.up(self.before[1](x)))))

    def attend(self, x: Float[Tensor, "B D"], bias: Tensor | None, cache: KVCache) -> Float[Tensor, "B D"]:
        """Look at the token itself and at what the cache keeps."""
        q, k, v = self.qkv(x).view(len(x), 3, -1, 1, self.attn.d_head).unbind(1)
        out = F.scaled_dot_product_attention(q, *cache.append(k, v), bias, scale=self.attn.scale)
        return self.out(out.flatten(1))

    def activate(self, x: Float[Tensor, "B F"]) -> Float[Tensor, "B F"]:
        """The net's function; `gelu_tanh`, which is made for training, in one call."""
        return F.gelu(x, approximate="tanh") if self.ffn.activation is gelu_tanh else self.ffn.activation(x)


def product(*layers: nn.Linear | nn.Embedding) -> Function:
    """What layers make of the same x, side by side. A table of embeddings gives each row's product with x."""
    weights = [layer.weight.detach() for layer in layers]
    weight = torch.cat(weights) if len(weights) > 1 else weights[0]
    biases = [layer.bias.detach() for layer in layers if isinstance(layer, nn.Linear) and layer.bias is not None]
    bias = torch.cat(biases) if biases else None
    if len(weight) <= weight.shape[1]:
        return lambda x: F.linear(x, weight, bias)
    weight = weight.T.contiguous()
    return (lambda x: torch.mm(x, weight)) if bias is None else (lambda x: torch.addmm(bias, x, weight))


def norm(module: nn.Module | None) -> Function:
    """A norm as a function; without one, x stays."""
    if not isinstance(module, LayerNorm):
        return (lambda x: x) if module is None else module.forward
    weight, bias = module.weight, module.bias
    return lambda x: F.layer_norm(x, weight.shape, weight, bias, module.eps)


_packed: WeakKeyDictionary[nn.Module, Packed] = WeakKeyDictionary()


def packed(model: Any) -> Packed | None:
    """The model packed, anew if its weights are others by now; None if it is not made of what is known here."""
    if not packable(model):
        return None
    if model not in _packed or _packed[model].marks != marks(model):
        _packed[model] = Packed(model)
    return _packed[model]


def packable(model: Any) -> bool:
    """Is it a decoder on a CPU, not in training, whose parts are those above and no subclasses of them?"""
    return (
        _owner(model, "hidden") is _owner(model, "embed") is not None
        and model.tok.weight.device.type == "cpu"
        and not any(part.training for part in model.modules())
        and type(model.head) in (TiedHead, nn.Linear)
        and all(type(part) in PARTS for block in model.blocks for part in block.modules())
        and all(block.cross is None and block.attn.n_groups == 1 for block in model.blocks)
    )


def _owner(model: Any, method: str) -> type | None:
    """The class that wrote a method: a `hidden` of another class than `embed` may do more than its blocks."""
    return next((kind for kind in type(model).__mro__ if method in vars(kind)), None)


def marks(model: nn.Module) -> list[tuple[int, int, float]]:
    """What tells a model's weights from others: where they lie, how often they were written on, and their sums.

    The sums see what is written through `weight.data`, which PyTorch does not count.
    """
    return [(p.data_ptr(), 0 if p.is_inference() else p._version, p.sum().item()) for p in model.parameters()]
