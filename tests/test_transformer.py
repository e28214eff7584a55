"""The Transformer against `torch.nn.Transformer`, with planted mistakes that this must see; then its training."""

import dataclasses
import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.blocks.attention import MultiHeadAttention, record
from course_utils.blocks.norms import LayerNorm
from course_utils.blocks.residual import PreNorm
from course_utils.decode import texts
from course_utils.models.transformer import TINY, Transformer, TransformerConfig, from_torch

PAD, BOS, EOS = 0, 1, 2
ODD = TransformerConfig(vocab_size=23, d_model=12, n_layers=3, n_heads=3, d_ff=17, max_len=19, dropout=0.0)

# float64 has 16 digits; forward and back through 15 sublayers, in another order of sums, cost up to four of them
EXACT = 1e-11


@pytest.fixture
def batch():
    """Three sentences each way, of odd and different lengths, padded at their ends."""
    torch.manual_seed(1)
    source, target = torch.randint(3, 23, (3, 7)), torch.randint(3, 23, (3, 5))
    source[0, 6:], source[1, 3:] = PAD, PAD
    target[1, 4:], target[2, 2:] = PAD, PAD
    return source, target


def torch_transformer(cfg: TransformerConfig) -> nn.Transformer:
    """PyTorch's own, without the two norms at the end that the paper does not have; every parameter random."""
    size = {"d_model": cfg.d_model, "nhead": cfg.n_heads, "dim_feedforward": cfg.d_ff, "dropout": 0.0}
    encoder_layer = nn.TransformerEncoderLayer(**size, batch_first=True)
    decoder_layer = nn.TransformerDecoderLayer(**size, batch_first=True)
    model = nn.Transformer(
        cfg.d_model,
        cfg.n_heads,
        custom_encoder=nn.TransformerEncoder(encoder_layer, cfg.n_layers, enable_nested_tensor=False),
        custom_decoder=nn.TransformerDecoder(decoder_layer, cfg.n_layers),
        batch_first=True,
    ).double()
    torch.manual_seed(2)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    return model


@pytest.fixture
def pair():
    theirs = torch_transformer(ODD)
    ours = Transformer(ODD).double()
    ours.load_state_dict(from_torch(theirs.state_dict()) | {"tok.weight": torch.randn(23, 12).double()})
    return ours, theirs


def run_theirs(ours: Transformer, theirs: nn.Transformer, source, target) -> torch.Tensor:
    """PyTorch's model between our embedding and our head, with its own masks: there, True forbids."""
    return ours.head(
        theirs(
            embedded(ours, source),
            embedded(ours, target),
            tgt_mask=torch.ones(target.shape[1], target.shape[1]).triu(1).bool(),
            src_key_padding_mask=source == PAD,
            memory_key_padding_mask=source == PAD,
            tgt_key_padding_mask=target == PAD,
        )
    )


def embedded(model: Transformer, ids) -> torch.Tensor:
    """Section 3.4 and 3.5, written out."""
    n, d = ids.shape[1], model.cfg.d_model
    angle = torch.arange(n).double()[:, None] / 10_000 ** (torch.arange(0, d, 2).double() / d)
    positions = torch.zeros(n, d).double()
    positions[:, ::2], positions[:, 1::2] = angle.sin(), angle.cos()
    return F.embedding(ids, model.tok.weight) * math.sqrt(d) + positions.float()  # a model keeps its table in float32


def layers(ours: Transformer, theirs: nn.Transformer) -> list[tuple[nn.Module, nn.Module]]:
    return [
        *zip(ours.encoder, theirs.encoder.layers, strict=True),
        *zip(ours.decoder, theirs.decoder.layers, strict=True),
    ]


def outputs(modules: list[nn.Module], run: Callable[[], torch.Tensor]) -> tuple[list[torch.Tensor], torch.Tensor]:
    """What each module returned while the model ran, and what the model returned."""
    kept: list[torch.Tensor] = []
    hooks = [module.register_forward_hook(lambda _, args, result: kept.append(result)) for module in modules]
    result = run()
    for hook in hooks:
        hook.remove()
    return kept, result


def differences(ours: Transformer, theirs: nn.Transformer, source, target) -> dict[str, float]:
    """The largest difference of every layer's output, of the logits and of every gradient, at what is no padding."""
    their_layers = [b for _, b in layers(ours, theirs)]
    our_kept, our_logits = outputs([*ours.encoder, *ours.decoder], lambda: ours(source, target))
    their_kept, their_logits = outputs(their_layers, lambda: run_theirs(ours, theirs, source, target))
    real = [source != PAD] * ODD.n_layers + [target != PAD] * ODD.n_layers
    gaps = {f"layer {i}": gap(a[m], b[m]) for i, (a, b, m) in enumerate(zip(our_kept, their_kept, real, strict=True))}
    torch.manual_seed(3)
    weights = torch.randn_like(our_logits) * (target != PAD)[..., None]
    gaps["logits"] = gap(our_logits * weights, their_logits * weights)
    names, parameters = zip(*ours.named_parameters(), strict=True)
    ours_grad = dict(zip(names, torch.autograd.grad((our_logits * weights).sum(), parameters), strict=True))
    wanted = [ours.tok.weight, *theirs.parameters()]
    tok, *grads = torch.autograd.grad((their_logits * weights).sum(), wanted)
    named = zip([name for name, _ in theirs.named_parameters()], grads, strict=True)
    theirs_grad = from_torch(dict(named)) | {"tok.weight": tok}
    return gaps | {f"d {name}": gap(ours_grad[name], theirs_grad[name]) for name in names}


def gap(a: torch.Tensor, b: torch.Tensor) -> float:
    """The largest difference, as a share of the largest number if that is above 1."""
    return ((a - b).abs().max() / b.abs().max().clamp(min=1)).item()


def test_everything_equals_pytorchs(pair, batch):
    gaps = differences(*pair, *batch)
    assert len(gaps) == 2 * ODD.n_layers + 1 + len(list(pair[0].parameters()))
    assert max(gaps.values()) < EXACT, gaps


def test_the_weights_attention_reports_change_nothing(pair, batch):
    """The explicit path of attention through the whole model, and the shapes that the lesson draws."""
    model = pair[0]
    logits = model(*batch)
    with record(model) as weights:
        torch.testing.assert_close(model(*batch), logits, atol=EXACT, rtol=EXACT)
    assert weights["decoder.1.cross"].shape == (3, 3, 5, 7)
    assert weights["decoder.1.cross"][1, :, :, 3:].max() == 0  # nobody looks at padding
    assert weights["decoder.1.attn"].triu(1).max() == 0  # nor at what comes later
    assert len(weights) == 3 * ODD.n_layers


# Mistakes that the comparison must see


def drop(name: str) -> Callable[..., None]:
    """Take one keyword argument from every block of a stack."""

    def hook(module, args, kwargs):
        return args, kwargs | {name: None}

    return lambda blocks: [block.register_forward_pre_hook(hook, with_kwargs=True) for block in blocks]


def attentions(model: nn.Module) -> list[MultiHeadAttention]:
    return [module for module in model.modules() if isinstance(module, MultiHeadAttention)]


def pre_norm(model):
    for block in model.decoder:
        block.__class__ = PreNorm


def unscaled(model):
    for attn in attentions(model):
        attn.scale = 1.0


def swapped_queries_and_keys(model):
    for attn in attentions(model):
        attn.q_proj, attn.k_proj = attn.k_proj, attn.q_proj


def swapped_biases(model):
    for attn in attentions(model):
        attn.q_proj.bias, attn.k_proj.bias = attn.k_proj.bias, attn.q_proj.bias


def gelu(model):
    for block in model.encoder:
        block.ffn.activation = F.gelu


def swapped_norms(model):
    for block in model.decoder:
        block.norm_cross, block.norm_ffn = block.norm_ffn, block.norm_cross


def other_eps(model):
    for module in model.modules():
        if isinstance(module, LayerNorm):
            module.eps = 1e-6


def unscaled_embeddings(model):
    model.tok.register_forward_hook(lambda module, args, result: result / math.sqrt(model.cfg.d_model))


def positions_from_one(model):
    model.pos = model.pos.roll(-1, 0)


MISTAKES = {
    "pre-norm instead of post-norm": pre_norm,
    "no 1/sqrt(K)": unscaled,
    "queries and keys swapped": swapped_queries_and_keys,
    "their biases swapped": swapped_biases,
    "GELU instead of ReLU": gelu,
    "two norms swapped": swapped_norms,
    "another eps": other_eps,
    "the decoder sees the future": lambda model: drop("bias")(model.decoder),
    "the encoder looks at padding": lambda model: drop("bias")(model.encoder),
    "cross-attention looks at padding": lambda model: drop("context_bias")(model.decoder),
    "embeddings without sqrt(D)": unscaled_embeddings,
    "positions counted from one": positions_from_one,
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_planted_mistake_is_seen(pair, batch, name):
    MISTAKES[name](pair[0])
    source, target = batch
    ours = pair[0](source, target)
    pair[0].tok._forward_hooks.clear()
    theirs = run_theirs(*pair, source, target)
    assert gap(ours[target != PAD], theirs[target != PAD]) > 1e4 * EXACT


# Its way through training


def words(n_texts: int, seed: int = 0, n_words: int = TINY.vocab_size) -> tuple[torch.Tensor, torch.Tensor]:
    """Sources of up to nine tokens, and as targets the same tokens backwards between `bos` and `eos`."""
    generator = torch.Generator().manual_seed(seed)
    source, target = torch.zeros(n_texts, 9, dtype=torch.long), torch.zeros(n_texts, 11, dtype=torch.long)
    for i in range(n_texts):
        n = 4 + i % 6
        text = torch.randint(3, n_words, (n,), generator=generator)
        source[i, :n] = text
        target[i, : n + 2] = torch.tensor([BOS, *text.flip(0).tolist(), EOS])
    return source, target


def test_the_first_loss_is_that_of_random_logits():
    """Logits from N(0, 1) cost ln V + 1/2, and the last token, which the stream still resembles, a little more."""
    torch.manual_seed(0)
    loss = Transformer(TINY).eval().loss(*words(64), smoothing=0.0)
    assert math.log(TINY.vocab_size) < loss < math.log(TINY.vocab_size) + 1


def test_one_batch_is_learnt_with_dropout_on():
    torch.manual_seed(0)
    model = Transformer(TINY)
    source, target = words(8)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, betas=(0.9, 0.98), eps=1e-9)
    for _ in range(120):
        optimizer.zero_grad()
        model.loss(source, target).backward()
        optimizer.step()
    assert model.training
    assert model.eval().loss(source, target, smoothing=0.0) < 0.2
    for n_beams in (1, 3):
        assert texts(model.translate(source, n_beams=n_beams), [EOS]) == texts(target[:, 1:], [EOS])


def test_no_target_token_sees_the_future(pair, batch):
    model, (source, target) = pair[0], batch
    changed = target.clone()
    changed[:, 3:] = 3 + (changed[:, 3:] + 7) % 20
    before, after = model(source, target), model(source, changed)
    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.isclose(before[:, 3:], after[:, 3:]).all(-1).any()


def test_padding_changes_nothing(pair, batch):
    model, (source, target) = pair[0], batch
    more = F.pad(source, (0, 4)), F.pad(target, (0, 3))
    kept = model(*more)[:, :5][target != PAD]
    torch.testing.assert_close(kept, model(source, target)[target != PAD], atol=EXACT, rtol=EXACT)
    for row in range(3):  # each sentence alone, without any padding
        alone = source[row][source[row] != PAD][None], target[row][target[row] != PAD][None]
        torch.testing.assert_close(
            model(*alone)[0], model(source, target)[row, : alone[1].shape[1]], atol=EXACT, rtol=0
        )


def test_the_loss_is_smoothed_cross_entropy_written_out(pair, batch):
    """Section 5.4: the label gets 1 - smoothing, and smoothing / V is spread over all of the vocabulary."""
    model, (source, target) = pair[0], batch
    log_p = model(source, target[:, :-1]).log_softmax(-1)
    total, n = 0.0, 0
    for row, labels in enumerate(target[:, 1:].tolist()):
        for i, label in enumerate(labels):
            if label != PAD:
                total -= 0.9 * log_p[row, i, label] + 0.1 / 23 * log_p[row, i].sum()
                n += 1
    torch.testing.assert_close(model.loss(source, target), total / n, atol=EXACT, rtol=EXACT)
    assert model.loss(source, target, smoothing=0.0) != model.loss(source, target)


def n_parameters(**sizes: int) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in Transformer(TransformerConfig(**sizes)).parameters())


ROWS_OF_TABLE_3 = [  # millions of parameters
    ({}, 65),
    ({"n_layers": 2}, 36),
    ({"n_layers": 4}, 50),
    ({"n_layers": 8}, 80),
    ({"d_model": 256}, 28),
    ({"d_model": 1024}, 168),
    ({"d_ff": 1024}, 53),
    ({"d_ff": 4096}, 90),
]


@pytest.mark.parametrize(("sizes", "millions"), ROWS_OF_TABLE_3)
def test_table_3_is_met_with_41_thousand_tokens(sizes, millions):
    """The text says "about 37000 tokens"; rows base and C of the table fit 41,000, and the big model fits 37,000."""
    assert n_parameters(vocab_size=41_000, **sizes) / 1e6 == pytest.approx(millions, abs=1)


def test_the_base_and_the_big_model_with_the_vocabulary_of_the_text():
    d, f, v, n = 512, 2048, 37_000, 6
    attention, net, norm = 4 * (d * d + d), 2 * d * f + f + d, 2 * d
    assert n_parameters() == v * d + n * (attention + net + 2 * norm) + n * (2 * attention + net + 3 * norm)
    assert n_parameters() == 63_082_496
    assert n_parameters(d_model=1024, n_heads=16, d_ff=4096) / 1e6 == pytest.approx(213, abs=1.5)


def test_saved_and_loaded_it_is_the_same(tmp_path, pair, batch):
    torch.save(pair[0].state_dict(), tmp_path / "weights.pt")
    loaded = Transformer(ODD).double()
    loaded.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    assert torch.equal(loaded(*batch), pair[0](*batch))


def test_translations_of_a_model_in_training_are_without_dropout():
    torch.manual_seed(0)
    model = Transformer(dataclasses.replace(TINY, dropout=0.5))
    source = words(4)[0]
    first, second = model.translate(source, max_new=9), model.translate(source, max_new=9)
    assert torch.equal(first, second)
    assert model.training
    assert first.requires_grad is False


def test_what_is_too_long_or_unknown_is_refused():
    model = Transformer(ODD)
    with pytest.raises(ValueError, match="20 tokens; this model has max_len=19"):
        model.encode(torch.ones(1, 20, dtype=torch.long))
    with pytest.raises(ValueError, match=r"'encoder\.norm\.weight' has no place"):
        from_torch(nn.Transformer(12, 2, 1, 1, 17, batch_first=True).state_dict())
