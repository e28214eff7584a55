"""Translation before the Transformer: one GRU reads, another writes, with attention between them or without.

Cho 2014 (1406.1078) has no attention: all that the decoder gets of the source is one vector, the same for each word.
Bahdanau 2014 (1409.0473) gives it a look at all states of the encoder, anew for each word.

    source -> tok -> GRU in both directions -> memory (B, M, 2D)
    state, memory -> context -> GRUCell([tok(target), context], state) -> state -> @ tok^T -> logits

    attention:  e[m] = v . tanh(W state + U memory[m]),  context = sum of softmax(e)[m] memory[m]
    without:    context = the encoder's last states
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from course_utils.blocks.embedding import Embedding
from course_utils.blocks.heads import TiedHead
from course_utils.decode import greedy


@dataclass(frozen=True)
class GRUConfig:
    """Sizes; the defaults are those of Bahdanau's RNNsearch (1409.0473, appendix A.2), but for one size for all."""

    vocab_size: int = 30_000
    d_model: int = 1000
    attention: bool = True
    pad: int = 0
    bos: int = 1
    eos: int = 2


class Memory:
    """What the decoder knows of the sources: states (B, M, 2D), which are no padding, the last ones, and their keys."""

    def __init__(self, states: Tensor, unpadded: Tensor, last: Tensor, keys: Tensor) -> None:
        self.states, self.unpadded, self.last, self.keys = states, unpadded, last, keys

    def rows(self, rows: Tensor) -> "Memory":
        """Those of other texts."""
        return Memory(self.states[rows], self.unpadded[rows], self.last[rows], self.keys[rows])


class GRUTranslator(nn.Module):
    """Logits for each next token of the target, given the source and the target so far; padding stands at the end.

    Errors: ValueError for a source that is padding alone.
    Source: Cho 2014 (1406.1078), Bahdanau 2014 (1409.0473), appendix A.
    Differs: one table of embeddings for source, target and output; a plain tanh layer before it where the papers have
    maxout; the decoder's first state is made from the last states of both directions.

    >>> model = GRUTranslator(GRUConfig(vocab_size=20, d_model=8))
    >>> model(torch.tensor([[5, 6, 7, 0]]), torch.tensor([[1, 8, 9]])).shape
    torch.Size([1, 3, 20])
    """

    def __init__(self, cfg: GRUConfig) -> None:
        super().__init__()
        self.cfg, d = cfg, cfg.d_model
        self.tok = Embedding(cfg.vocab_size, d)
        self.encoder = nn.GRU(d, d, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(2 * d, d)
        self.decoder = nn.GRUCell(3 * d, d)
        self.query, self.key = nn.Linear(d, d), nn.Linear(2 * d, d, bias=False)
        self.energy = nn.Linear(d, 1, bias=False)
        self.out = nn.Linear(3 * d, d)
        self.head = TiedHead(self.tok)
        nn.init.normal_(self.tok.weight, std=d**-0.5)
        if not cfg.attention:
            del self.query, self.key, self.energy

    def forward(self, source: Int[Tensor, "B M"], target: Int[Tensor, "B L"]) -> Float[Tensor, "B L V"]:
        memory = self.encode(source)
        state, outputs = self.start(memory), []
        for token in self.tok(target).unbind(1):
            state, output, _ = self.step(token, state, memory)
            outputs.append(output)
        return self.head(torch.stack(outputs, 1))

    def encode(self, source: Int[Tensor, "B M"]) -> Memory:
        """Read each source to its end, and from there back."""
        unpadded = source != self.cfg.pad
        lengths = unpadded.sum(1)
        if (lengths == 0).any():
            raise ValueError("a source is padding alone; each needs a token")
        packed = pack_padded_sequence(self.tok(source), lengths.cpu(), batch_first=True, enforce_sorted=False)
        states, last = self.encoder(packed)
        states, _ = pad_packed_sequence(states, batch_first=True, total_length=source.shape[1])
        keys = self.key(states) if self.cfg.attention else states
        return Memory(states, unpadded, torch.cat([last[0], last[1]], -1), keys)

    def start(self, memory: Memory) -> Float[Tensor, "B D"]:
        """The decoder's first state."""
        return torch.tanh(self.bridge(memory.last))

    def step(
        self, token: Float[Tensor, "B D"], state: Float[Tensor, "B D"], memory: Memory
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B D"], Float[Tensor, "B M"] | None]:
        """One token on: the new state, what the head reads, and the weights of attention."""
        context, weights = memory.last, None
        if self.cfg.attention:
            scores = self.energy(torch.tanh(self.query(state)[:, None] + memory.keys))[..., 0]
            weights = scores.masked_fill(~memory.unpadded, -torch.inf).softmax(-1)
            context = (weights[:, None] @ memory.states)[:, 0]
        state = self.decoder(torch.cat([token, context], -1), state)
        return state, torch.tanh(self.out(torch.cat([state, context], -1))), weights

    def loss(self, source: Int[Tensor, "B M"], target: Int[Tensor, "B L"], smoothing: float = 0.1) -> Float[Tensor, ""]:
        """Mean nats per target token, as in `Transformer.loss`."""
        logits = self(source, target[:, :-1]).flatten(0, 1)
        return F.cross_entropy(logits, target[:, 1:].flatten(), ignore_index=self.cfg.pad, label_smoothing=smoothing)

    @torch.no_grad()
    def translate(self, source: Int[Tensor, "B M"], max_new: int | None = None) -> Int[Tensor, "B L"]:
        """The most probable token, again and again: new tokens up to `eos`, then padding."""
        ids, pad = source.new_full((len(source), 1), self.cfg.bos), self.cfg.pad
        limit = max_new or source.shape[1] + 50
        return greedy(Writing(self, source), ids, stop=(self.cfg.eos,), max_new=limit, pad=pad)


class Writing:
    """Targets in the making, for `course_utils.decode`: the next tokens in, the logits for what follows out."""

    def __init__(self, model: GRUTranslator, source: Int[Tensor, "B M"]) -> None:
        self.model, self.memory = model, model.encode(source)
        self.state = model.start(self.memory)

    def __call__(self, ids: Int[Tensor, "B L"]) -> Float[Tensor, "B V"]:
        for token in self.model.tok(ids).unbind(1):
            self.state, output, _ = self.model.step(token, self.state, self.memory)
        return self.model.head(output)

    def reorder(self, rows: Int[Tensor, " N"]) -> None:
        """Text i becomes what text `rows[i]` was."""
        self.state, self.memory = self.state[rows], self.memory.rows(rows)
