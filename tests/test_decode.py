"""Decoding: against every possible text, against `transformers`' own `generate`, and with a cache against without."""

import gc
import itertools
import weakref
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.blocks.attention import MultiHeadAttention, record
from course_utils.blocks.norms import LayerNorm
from course_utils.decode import Continuation, Reread, beam, fast, gnmt, greedy, sample, texts
from course_utils.models import gpt, gpt2
from course_utils.models.transformer import Transformer, TransformerConfig, Translation

PAD, STOP = 0, 2
PROMPT = torch.ones(1, 1, dtype=torch.long)


class Table:
    """A model that is a table: its logits hang on the last two tokens, and each row of the batch has its own."""

    def __init__(self, n_tokens: int, seed: int, size: int = 1) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.table = 2 * torch.randn(size, n_tokens, n_tokens, n_tokens, generator=generator, dtype=torch.float64)
        self.rows = torch.arange(size)
        self.read = torch.zeros(size, 1, dtype=torch.long)
        self.calls = 0

    def __call__(self, ids):
        self.calls += 1
        self.read = torch.cat([self.read, ids], 1)
        return self.table[self.rows, self.read[:, -2], self.read[:, -1]]

    def reorder(self, rows):
        self.rows, self.read = self.rows[rows], self.read[rows]

    def log_p(self, text) -> float:
        read = [0, PROMPT.item(), *text]
        table = self.table[0].log_softmax(-1)
        return sum(table[a, b, c].item() for a, b, c in zip(read, read[1:], read[2:], strict=False))


def every_text(n_tokens: int, max_new: int) -> list[tuple[int, ...]]:
    """All texts there are: ended by a stop, or by their length."""
    return [
        text
        for n in range(1, max_new + 1)
        for text in itertools.product(range(n_tokens), repeat=n)
        if STOP not in text[:-1] and (n == max_new or text[-1] == STOP)
    ]


def cut(row) -> tuple[int, ...]:
    row = row.tolist()
    return tuple(row[: row.index(STOP) + 1] if STOP in row else row)


def found(out) -> dict[tuple[int, ...], float]:
    """The texts of the first row, with their scores."""
    return {cut(ids): score.item() for ids, score in zip(out.ids[0], out.scores[0], strict=True) if score.isfinite()}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.6, 1.0, 2.0]), st.integers(3, 4), st.integers(1, 4))
def test_a_wide_beam_finds_all_texts_and_ranks_them(seed, alpha, n_tokens, max_new):
    table = Table(n_tokens, seed)
    expected = {text: table.log_p(text) / gnmt(alpha)(len(text)) for text in every_text(n_tokens, max_new)}
    width = n_tokens**max_new
    out = beam(table, PROMPT, n_beams=width, n_best=width, stop=[STOP], max_new=max_new, penalty=gnmt(alpha))
    assert found(out) == pytest.approx(expected, abs=1e-12)
    assert out.scores[0].tolist() == sorted(out.scores[0].tolist(), reverse=True)


def plain_beam(table: Table, n_tokens: int, n_beams: int, max_new: int, penalty) -> dict[tuple[int, ...], float]:
    """Beam search with lists, to the very end."""
    running, finished = [()], []
    for n in range(1, max_new + 1):
        grown = sorted(((*text, c) for text in running for c in range(n_tokens)), key=table.log_p, reverse=True)
        finished += [text for text in grown[:n_beams] if text[-1] == STOP or n == max_new]
        running = [text for text in grown if text[-1] != STOP][:n_beams]
    scores = {text: table.log_p(text) / penalty(len(text)) for text in finished}
    return dict(sorted(scores.items(), key=lambda item: item[1], reverse=True)[:n_beams])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.6, 1.0, 2.0]), st.integers(1, 4))
def test_the_search_ends_early_and_loses_nothing(seed, alpha, n_beams):
    expected = plain_beam(Table(5, seed), 5, n_beams, 7, gnmt(alpha))
    for n_best in range(1, n_beams + 1):
        special = {"stop": [STOP], "max_new": 7, "penalty": gnmt(alpha)}
        out = found(beam(Table(5, seed), PROMPT, n_beams=n_beams, n_best=n_best, **special))
        assert list(out.values()) == pytest.approx(list(expected.values())[:n_best], abs=1e-12)  # texts may tie
        true = {text: Table(5, seed).log_p(text) / gnmt(alpha)(len(text)) for text in out}
        assert out == pytest.approx(true, abs=1e-12)


def test_the_search_does_end_early():
    sure, eager = Table(5, 0), Table(5, 0)
    for table in (sure, eager):
        table.table[..., STOP] += 3
    beam(sure, PROMPT, n_beams=2, stop=[STOP], max_new=40, penalty=gnmt(0.0))
    assert sure.calls < 10
    beam(eager, PROMPT, n_beams=2, n_best=2, stop=[STOP], max_new=40, penalty=gnmt(1.0), early=True)
    assert eager.calls < 10


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 9), st.sampled_from([(), (STOP,), (STOP, 4)]))
def test_a_beam_of_one_is_greedy(seed, size, max_new, stop):
    ids = torch.arange(size)[:, None] % 5 + 3
    one = greedy(Table(9, seed, size), ids, stop=stop, max_new=max_new, pad=8)
    out = beam(Table(9, seed, size), ids, n_beams=1, stop=stop, max_new=max_new, pad=8, penalty=gnmt(0.0), early=True)
    assert out.ids[:, 0].tolist() == one.tolist()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5))
def test_a_batch_is_its_rows(seed, size):
    ids = torch.arange(size)[:, None] % 3
    together = beam(Table(6, seed, size), ids, n_beams=3, n_best=2, stop=[STOP], max_new=8)
    for row in range(size):
        table = Table(6, seed, size)
        table.reorder(torch.tensor([row]))
        alone = beam(table, ids[row : row + 1], n_beams=3, n_best=2, stop=[STOP], max_new=8)
        assert together.scores[row].tolist() == pytest.approx(alone.scores[0].tolist(), abs=1e-12)
        assert list(map(cut, together.ids[row])) == list(map(cut, alone.ids[0]))


def test_greedy_stops_and_pads():
    class Fixed:
        script = torch.tensor([[5, 6, STOP, 7, 7], [3, STOP, 9, 9, 9], [4, 4, 4, 4, 4]])
        at = -1

        def __call__(self, ids):
            self.at += 1
            return torch.nn.functional.one_hot(self.script[:, self.at], 10).float()

    start = torch.ones(3, 1, dtype=torch.long)
    out = greedy(Fixed(), start, stop=[STOP], max_new=5)
    assert out.tolist() == [[5, 6, STOP, PAD, PAD], [3, STOP, PAD, PAD, PAD], [4, 4, 4, 4, 4]]
    assert texts(out, [STOP]) == [[5, 6], [3], [4, 4, 4, 4, 4]]
    assert greedy(Fixed(), start, stop=[STOP, 4, 3, 5], max_new=5).tolist() == [[5], [3], [4]]  # all have ended
    assert greedy(Fixed(), start, max_new=2).tolist() == [[5, 6], [3, STOP], [4, 4]]


# Against `generate`


class Bart:
    """A tiny random BART as a step, without a cache."""

    def __init__(self, model, source, mask):
        self.model, self.mask = model, mask
        self.memory = model.model.encoder(input_ids=source, attention_mask=mask)[0]
        self.read = source[:, :0]

    def __call__(self, ids):
        self.read = torch.cat([self.read, ids], 1)
        kwargs = {"encoder_outputs": (self.memory,), "attention_mask": self.mask, "use_cache": False}
        return self.model(decoder_input_ids=self.read, **kwargs).logits[:, -1]

    def reorder(self, rows):
        self.read, self.memory, self.mask = self.read[rows], self.memory[rows], self.mask[rows]


def random_bart(seed: int, stops: float):
    """`stops` raises the logit of the stop, so that texts end here and there."""
    from transformers import BartConfig, BartForConditionalGeneration

    sizes = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 20, "decoder_ffn_dim": 20}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    options = {"forced_eos_token_id": None, "tie_word_embeddings": False}  # tied, it repeats one token for ever
    config = BartConfig(vocab_size=19, max_position_embeddings=32, **options, **sizes, **heads)
    torch.manual_seed(seed)
    bart = BartForConditionalGeneration(config).eval()
    with torch.no_grad():
        for parameter in bart.parameters():
            parameter += torch.randn_like(parameter) * (0.5 if parameter.ndim > 1 else 0.05)
        bart.final_logits_bias[0, config.eos_token_id] = stops
        bart.final_logits_bias[0, config.pad_token_id] = -1e4  # else a text could hold padding
    return bart


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("power", [0.0, 0.7, 1.4])
def test_beams_are_those_of_transformers(power, early):
    lengths = set()
    for seed, n_beams in itertools.product(range(5), (2, 3, 5)):
        bart = random_bart(seed, stops=1.0 + seed)
        theirs, ours = (side(bart, n_beams, power, early) for side in (generate, our_beams))
        assert ours[0].tolist() == theirs[0].tolist(), (seed, n_beams)
        torch.testing.assert_close(ours[1], theirs[1], atol=1e-5, rtol=1e-5)  # float32 on both sides
        lengths |= set((theirs[0] != bart.config.pad_token_id).sum(1).tolist())
    assert len(lengths) > 4  # texts that end here and there, or else nothing was tested


def bart_batch(bart):
    source = torch.randint(4, 19, (3, 7))
    source[1, 5:] = bart.config.pad_token_id
    return source, (source != bart.config.pad_token_id).long()


def generate(bart, n_beams: int, power: float, early: bool):
    """All beams and scores of transformers, (beams, tokens) without the prompt."""
    torch.manual_seed(7)
    source, mask = bart_batch(bart)
    settings = {"num_beams": n_beams, "num_return_sequences": n_beams, "max_new_tokens": 11, "length_penalty": power}
    out = bart.generate(
        source,
        attention_mask=mask,
        early_stopping=False if early else "never",
        return_dict_in_generate=True,
        output_scores=True,
        **settings,
    )
    ids = out.sequences[:, 1:]
    return torch.nn.functional.pad(ids, (0, 11 - ids.shape[1]), value=bart.config.pad_token_id), out.sequences_scores


@torch.no_grad()
def our_beams(bart, n_beams: int, power: float, early: bool):
    torch.manual_seed(7)
    source, mask = bart_batch(bart)
    special = {"stop": [bart.config.eos_token_id], "pad": bart.config.pad_token_id}
    start = torch.full((3, 1), bart.config.decoder_start_token_id)
    step = Bart(bart, source, mask)
    out = beam(
        step, start, n_beams=n_beams, n_best=n_beams, max_new=11, penalty=lambda n: n**power, early=early, **special
    )
    ids = out.ids.flatten(0, 1)
    return torch.nn.functional.pad(ids, (0, 11 - ids.shape[1]), value=special["pad"]), out.scores.flatten()


# With a cache, and without


class Uncached(Translation):
    """Each step reads everything again."""

    read: torch.Tensor | None = None

    def __call__(self, ids):
        self.read = ids if self.read is None else torch.cat([self.read, ids], 1)
        return self.model.decode(self.read, self.memory, self.mask)[:, -1]

    def reorder(self, rows):
        super().reorder(rows)
        self.read = self.read[rows]


@pytest.fixture
def model():
    torch.manual_seed(0)
    cfg = TransformerConfig(vocab_size=23, d_model=12, n_layers=3, n_heads=3, d_ff=20, max_len=40, dropout=0.0)
    model = Transformer(cfg).double()
    model.head.register_forward_hook(lambda head, args, logits: logits.roll(5, -1))  # else it repeats one token
    return model


@pytest.fixture
def source():
    return torch.tensor([[5, 6, 7, 8, 9], [10, 11, 12, 0, 0], [13, 14, 3, 4, 0]])


@torch.no_grad()
def test_cached_logits_equal_uncached_ones(model, source):
    cached, plain = Translation(model, source), Uncached(model, source)
    start = torch.tensor([[1, 4], [1, 5], [1, 6]])  # a prompt of two tokens, then one by one
    for ids in [start, *torch.randint(3, 23, (6, 3, 1))]:
        torch.testing.assert_close(cached(ids), plain(ids), atol=1e-12, rtol=0)  # float64: the order of sums
        rows = torch.tensor([2, 0, 0])
        cached.reorder(rows)
        plain.reorder(rows)


def test_a_cache_changes_no_token(model, source):
    start, special = source.new_ones(3, 1), {"stop": [2], "max_new": 30}
    assert torch.equal(
        greedy(Translation(model, source), start, **special), greedy(Uncached(model, source), start, **special)
    )
    cached, plain = (beam(kind(model, source), start, n_beams=3, **special) for kind in (Translation, Uncached))
    assert torch.equal(cached.ids, plain.ids)
    torch.testing.assert_close(cached.scores, plain.scores, atol=1e-12, rtol=0)


def test_a_cache_that_is_not_reordered_is_noticed(model, source):
    class Forgetful(Translation):
        def reorder(self, rows):
            if len(rows) != len(self.sources):  # the first time, when the beams are made
                super().reorder(rows)

    start, special = source.new_ones(3, 1), {"stop": [2], "max_new": 30, "n_beams": 3}
    forgetful, right = (beam(kind(model, source), start, **special) for kind in (Forgetful, Translation))
    assert not torch.equal(forgetful.ids, right.ids)


# One token at a time through `decode.fast`, and through the modules

SIZES = {"vocab_size": 43, "d_model": 15, "n_layers": 3, "n_heads": 5, "max_len": 40, "dropout": 0.0}
DECODERS = {
    "GPT": lambda: gpt.GPT(gpt.GPTConfig(**SIZES, d_ff=60)),
    "GPT2": lambda: gpt2.GPT2(gpt2.GPT2Config(**SIZES, d_ff=37)),
    "GPT2 in a narrow net": lambda: gpt2.GPT2(gpt2.GPT2Config(**SIZES, d_ff=7)),
}
CLOSE = {"atol": 1e-12, "rtol": 0}  # float64: the order of sums


def decoder(kind: str = "GPT2"):
    """All parameters random."""
    torch.manual_seed(0)
    model = DECODERS[kind]().double().eval()
    for parameter in model.parameters():
        parameter.data.normal_(std=0.5)
    return model


def prompts(left: bool):
    ids = torch.randint(3, 43, (3, 6), generator=torch.Generator().manual_seed(1))
    return ids, torch.arange(6) >= torch.tensor([[0], [4], [1]]) if left else None


class Slow(Continuation):
    """Always through the modules."""

    packed = None


@torch.no_grad()
def steps(step, ids) -> torch.Tensor:
    """Logits after a prompt, single tokens, a change of rows, and two tokens at once."""
    out, generator = [step(ids)], torch.Generator().manual_seed(2)
    for n in (1,) * 9 + (2, 1, 1):
        out.append(step(torch.randint(3, 43, (3, n), generator=generator)))
        step.reorder(torch.tensor([2, 0, 0]))
    return torch.stack(out)


@pytest.fixture
def count(monkeypatch):
    """How often the fast way was taken."""
    calls, call = [], fast.Packed.__call__
    monkeypatch.setattr(fast.Packed, "__call__", lambda *args: calls.append(1) or call(*args))
    return calls


@pytest.mark.parametrize("kind", DECODERS)
@pytest.mark.parametrize("left", [False, True])
def test_the_fast_way_is_the_same_computation(kind, left, count):
    model, (ids, mask) = decoder(kind), prompts(left)
    found = steps(Continuation(model, mask), ids)
    assert len(count) == 11
    torch.testing.assert_close(found, steps(Slow(model, mask), ids), **CLOSE)


@pytest.mark.parametrize("kind", DECODERS)
@pytest.mark.parametrize("left", [False, True])
def test_the_fast_way_writes_the_same_texts(kind, left, count):
    model, (ids, mask) = decoder(kind), prompts(left)
    for write in (greedy, partial(sample, generator=0), lambda *args, **more: beam(*args, **more).ids):
        found, expected = (write(make(model, mask), ids, stop=[2], max_new=20) for make in (Continuation, Slow))
        assert torch.equal(found, expected)
    assert len(count) > 30


@pytest.mark.parametrize("name", ["order", "scale", "norms", "norm", "gelu", "bias"])
@pytest.mark.parametrize("kind", ["GPT", "GPT2"])
def test_a_mistake_in_the_fast_way_is_seen(kind, name, monkeypatch):
    model, (ids, mask) = decoder(kind), prompts(left=True)
    right = steps(Slow(model, mask), ids)
    make, product = fast.Block.__init__, fast.product

    def wrong(self, block):
        make(self, block)
        attn = block.attn
        if name == "order":
            self.qkv = product(attn.k_proj, attn.q_proj, attn.v_proj)
        if name == "norms":
            self.before, self.after = self.after, self.before
        if name == "norm":
            self.before, self.after = self.before[::-1], self.after[::-1]
        if name == "scale":
            self.attn = SimpleNamespace(d_head=attn.d_head, scale=1.0)
        if name == "bias":
            self.down = lambda x: block.ffn.down(x) - block.ffn.down.bias

    monkeypatch.setattr(fast.Block, "__init__", wrong)
    if name == "gelu":
        monkeypatch.setattr(fast.Block, "activate", lambda self, x: torch.nn.functional.gelu(x))
    assert (steps(Continuation(model, mask), ids) - right).abs().max() > 1e-6


def _step(model):
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    model(torch.tensor([[5, 6, 7]])).sum().backward()
    optimizer.step()


CHANGES = {
    "an optimiser's step": _step,
    "other weights loaded": lambda model: model.load_state_dict({k: 0.7 * v for k, v in model.state_dict().items()}),
    "a matrix, through .data": lambda model: model.blocks[1].ffn.up.weight.data.mul_(1.5),
    "a row, through .data": lambda model: model.blocks[1].attn.q_proj.weight.data[3].zero_(),
    "a table": lambda model: torch.nn.init.normal_(model.tok.weight),
    "a norm replaced": lambda model: setattr(model.blocks[0], "norm_ffn", LayerNorm(15, eps=0.3).double()),
    "a layer replaced": lambda model: setattr(model.blocks[0].ffn, "down", torch.nn.Linear(37, 15).double()),
    "another activation": lambda model: setattr(model.blocks[0].ffn, "activation", torch.relu),
    "another scale": lambda model: setattr(model.blocks[0].attn, "scale", 0.7),
    "another eps": lambda model: setattr(model.norm, "eps", 0.7),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changes_of_a_model_are_noticed(change, count):
    model, (ids, _) = decoder(), prompts(left=False)
    before = steps(Continuation(model), ids)
    with torch.set_grad_enabled(change == "an optimiser's step"):
        CHANGES[change](model.eval())
    after = steps(Continuation(model.eval()), ids)
    assert len(count) == 22
    assert (after - before).abs().max() > 1e-3
    torch.testing.assert_close(after, steps(Slow(model), ids), **CLOSE)


def test_the_copies_are_made_once_and_go_with_the_model(monkeypatch):
    model, (ids, _) = decoder(), prompts(left=False)
    steps(Continuation(model), ids)
    packed = fast.packed(model)
    steps(Continuation(model), ids)
    assert fast.packed(model) is packed
    gone = weakref.ref(packed)
    del model, packed
    gc.collect()
    assert gone() is None


class Narrow(torch.nn.Linear):
    """A layer that does something else, as an adapter would."""

    def forward(self, x):
        return super().forward(x) * 0.5


class Louder(gpt2.GPT2):
    """A model that does more than its blocks."""

    def hidden(self, ids, mask=None, caches=None):
        return 2 * super().hidden(ids, mask, caches)


def _narrow(model):
    model.blocks[2].ffn.down = Narrow(37, 15).double()


def _grouped(model):
    model.blocks[0].attn = MultiHeadAttention(15, 4, n_kv_heads=2, d_head=5).double()


def _louder(model):
    model.__class__ = Louder


def _dropout(model):
    model.blocks[0].attn.train()  # someone wants its dropout, which is 0 here


@pytest.mark.parametrize("change", [_narrow, _grouped, _louder, _dropout])
def test_other_parts_go_through_the_modules(change, count):
    model, (ids, mask) = decoder(), prompts(left=True)
    change(model)
    torch.testing.assert_close(steps(Continuation(model, mask), ids), steps(Slow(model, mask), ids), **CLOSE)
    assert not count


def test_who_looks_on_sees_everything(count):
    model, (ids, _) = decoder(), prompts(left=False)
    step = Continuation(model)
    with torch.no_grad():
        step(ids)
        step(ids[:, :1])
        assert len(count) == 1
        with record(model) as weights:
            step(ids[:, :1])
        assert weights["blocks.2.attn"].shape == (3, 5, 1, 8)
    step(ids[:, :1]).sum().backward()  # with gradients
    assert model.blocks[0].attn.q_proj.weight.grad.abs().max() > 0
    assert len(count) == 1


def test_the_fast_way_leaves_ordinary_tensors():
    model, (ids, _) = decoder(), prompts(left=False)
    step = Continuation(model)
    with torch.no_grad():
        step(ids)
        for _ in range(9):  # the cache grows twice
            logits = step(ids[:, :1])
    assert not logits.is_inference()
    (torch.ones(43, dtype=torch.float64, requires_grad=True) * logits).sum().backward()
    keys, _ = step.caches[0].kept()
    keys += 1


def test_the_benchmark_compares_equal_texts(monkeypatch, capsys):
    from course_utils.bench import decode

    monkeypatch.setattr(decode, "SIZES", (decode.Size(2, 8, 2, 30),))
    decode.main(rounds=1, new_tokens=4)
    assert "16 + 4 tokens" in capsys.readouterr().out
    models = decode.models
    monkeypatch.setattr(decode, "models", lambda size: (decoder().float(), models(size)[1]))  # others' weights
    with pytest.raises(AssertionError):
        decode.main(rounds=1, new_tokens=4)


def test_reading_all_again_is_the_same():
    model, (ids, _) = decoder(), prompts(left=False)
    torch.testing.assert_close(steps(Reread(model), ids), steps(Continuation(model), ids), **CLOSE)
    found, expected = (beam(step, ids, stop=[2], max_new=9) for step in (Reread(model), Continuation(model)))
    assert torch.equal(found.ids, expected.ids)


@pytest.mark.usefixtures("as_in_a_notebook")
@pytest.mark.parametrize(
    ("ids", "kwargs", "said"),
    [
        (torch.ones(3, dtype=torch.long), {}, r"shape \(3,\)"),
        (torch.ones(3, 0, dtype=torch.long), {}, "one token at least"),
        (PROMPT, {"max_new": 0}, "max_new=0"),
        (PROMPT, {"n_beams": 0}, "n_beams=0"),
        (PROMPT, {"n_beams": 2, "n_best": 3}, "n_best=3"),
    ],
)
def test_nonsense_is_refused(ids, kwargs, said):
    with pytest.raises(ValueError, match=said):
        beam(Table(5, 0), ids, **kwargs)
    if "n_beams" not in kwargs:
        with pytest.raises(ValueError, match=said):
            greedy(Table(5, 0), ids, **kwargs)
