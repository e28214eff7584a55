"""T5 and v1.1 equal the official implementation in float64, see what is planted, and learn."""

import copy
import json
import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from parity import Uncached, scramble
from torch import nn
from transformers import AutoModelForSeq2SeqLM
from transformers import MT5Config as TheirMT5Config
from transformers import MT5ForConditionalGeneration as TheirMT5
from transformers import T5Config as TheirConfig
from transformers import T5ForConditionalGeneration as Theirs
from transformers.models.mt5 import modeling_mt5
from transformers.models.t5 import modeling_t5

from course_utils.blocks.attention import KVCache
from course_utils.blocks.norms import LayerNorm
from course_utils.blocks.positions import T5Bias
from course_utils.blocks.residual import PostNorm
from course_utils.decode import beam, greedy, texts
from course_utils.models.t5 import MT5_SMALL, TINY, Answer, T5Config, T5v11
from course_utils.models.t5 import T5 as Ours
from course_utils.weights import load_hf, to_hf

V, D, N, H, K, FF = 41, 18, 3, 2, 5, 23
B, M, L = 3, 17, 11
SIZES = T5Config(V, D, N, H, K, FF, n_buckets=8, max_distance=13, dropout=0.0)
CONFIG = {
    "vocab_size": V,
    "d_model": D,
    "num_layers": N,
    "num_heads": H,
    "d_kv": K,
    "d_ff": FF,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 13,
    "dropout_rate": 0.0,
    "decoder_start_token_id": 0,
}
KINDS = ["T5", "v1.1", "mT5"]
# The same sums in float64 in another order: some hundred roundings of 1e-16, on numbers below 100.
CLOSE = {"rtol": 0, "atol": 1e-10}


pytestmark = pytest.mark.usefixtures("float64")


@pytest.fixture
def exact_norms(monkeypatch):
    """Their norm computes in float32 whatever comes in: torch's takes its place, so that small mistakes are seen."""

    def forward(self, x):
        return F.rms_norm(x, self.weight.shape, self.weight, self.variance_epsilon)

    monkeypatch.setattr(modeling_t5.T5LayerNorm, "forward", forward)
    monkeypatch.setattr(modeling_mt5.MT5LayerNorm, "forward", forward)


def reference(kind):
    """Their model with random parameters. Where the head is its own, this version of theirs must be told."""
    if kind == "T5":
        theirs = Theirs(TheirConfig(**CONFIG))
    elif kind == "v1.1":
        theirs = Theirs(TheirConfig(**CONFIG, feed_forward_proj="gated-gelu", tie_word_embeddings=False))
    else:
        theirs = TheirMT5(TheirMT5Config(**CONFIG))
    if kind != "T5":
        theirs.lm_head.weight = nn.Parameter(torch.empty(V, D))
    scramble(theirs, std=0.4, ones="norm")
    return theirs.eval()


def pair(kind):
    theirs = reference(kind)
    ours = (Ours if kind == "T5" else T5v11)(SIZES).eval()
    load_hf(ours, theirs.state_dict(), ours.HF, ours.HF_IGNORE)
    return ours, theirs


def batch():
    """Sources padded at the right, at the left, and not; targets padded at the right: ids, mask, labels."""
    ids, labels = torch.randint(2, V, (B, M)), torch.randint(2, V, (B, L))
    mask = torch.ones(B, M, dtype=torch.long)
    mask[0, -4:] = 0
    mask[1, :3] = 0
    labels[0, -3:] = labels[2, -1:] = -100
    return ids.where(mask == 1, 0), mask, labels


def layers(model, encoder, decoder):
    """What each layer puts out, as the model runs; the rows of both stacks."""
    found = []
    for stack in (encoder, decoder):
        for layer in stack:
            layer.register_forward_hook(lambda _, __, out: found.append(out[0] if isinstance(out, tuple) else out))
    return found


def gradients(ours, theirs):
    """Their gradients as a model of ours, whose parameters they are."""
    twin = copy.deepcopy(ours)
    load_hf(twin, {name: p.grad for name, p in theirs.named_parameters()}, ours.HF, ours.HF_IGNORE)
    return dict(twin.named_parameters())


# Equal to the official implementation


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("exact_norms")
def test_every_layer_loss_and_gradient_is_the_same(kind):
    ours, theirs = pair(kind)
    ids, mask, labels = batch()
    our_layers = layers(ours, ours.encoder, ours.decoder)
    their_layers = layers(theirs, theirs.encoder.block, theirs.decoder.block)
    result = theirs(input_ids=ids, attention_mask=mask, labels=labels)
    loss = ours.loss(ids, labels, mask)
    assert len(our_layers) == len(their_layers) == 2 * N
    for mine, official in zip(our_layers, their_layers, strict=True):
        torch.testing.assert_close(mine, official, **CLOSE)
    torch.testing.assert_close(loss, result.loss, **CLOSE)
    loss.backward()
    result.loss.backward()
    expected = gradients(ours, theirs)
    for name, parameter in ours.named_parameters():
        assert parameter.grad.abs().max() > 0, name
        torch.testing.assert_close(parameter.grad, expected[name], **CLOSE)


@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_the_same_with_their_norm_in_float32(kind):
    ours, theirs = pair(kind)
    ids, mask, _ = batch()
    decoder_ids, decoder_mask = torch.randint(2, V, (B, L)), torch.ones(B, L, dtype=torch.long)
    decoder_mask[1, -5:] = 0
    result = theirs(
        input_ids=ids, attention_mask=mask, decoder_input_ids=decoder_ids, decoder_attention_mask=decoder_mask
    )
    real = decoder_mask.bool()
    # float32 rounds the squares' mean by 6e-8 in each of some 20 norms
    torch.testing.assert_close(ours(ids, decoder_ids, mask)[real], result.logits[real], rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", ["T5", "v1.1"])
@pytest.mark.usefixtures("exact_norms")
def test_five_steps_of_training_stay_together(kind):
    ours, theirs = pair(kind)
    optimizers = [torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1) for model in (ours, theirs)]
    for _ in range(5):
        ids, mask, labels = batch()
        losses = ours.loss(ids, labels, mask), theirs(input_ids=ids, attention_mask=mask, labels=labels).loss
        torch.testing.assert_close(*losses, rtol=0, atol=1e-8)  # a step divides by gradients, some of them tiny
        for loss, optimizer in zip(losses, optimizers, strict=True):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    twin = copy.deepcopy(ours)
    load_hf(twin, theirs.state_dict(), ours.HF, ours.HF_IGNORE)
    for mine, official in zip(ours.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, official, rtol=0, atol=1e-7)


def with_bias(bias):
    """A hook that gives a layer another bias."""
    return lambda module, args, kwargs: (args, kwargs | {"bias": bias(kwargs["bias"])})


def change_attentions(model, change):
    for layer in [*model.encoder, *model.decoder]:
        change(layer.attn)


def scaled(model):
    change_attentions(model, lambda attn: setattr(attn, "scale", K**-0.5))


def bias_per_layer(model):
    other = T5Bias(H, 8, 13)
    model.encoder[1].register_forward_pre_hook(
        with_bias(lambda bias: bias - model.encoder_bias(M) + other(M)), with_kwargs=True
    )


def bias_in_the_first_layer_only(model):
    hook = with_bias(lambda bias: bias - model.decoder_bias(L))
    model.decoder[1].register_forward_pre_hook(hook, with_kwargs=True)


def bidirectional_decoder(model):
    model.decoder_bias.bidirectional = True


def one_sided_encoder(model):
    model.encoder_bias.bidirectional = False


def post_norm(model):
    for layer in model.encoder:
        layer.__class__ = PostNorm


def means_subtracted(model):
    norm = LayerNorm(D, eps=1e-6, bias=False)
    norm.weight = model.decoder_norm.weight
    model.decoder_norm = norm


def larger_eps(model):
    model.encoder_norm.eps = 1e-5


def no_last_norm(model):
    model.encoder_norm = nn.Identity()


def no_scale_of_the_output(model):
    model.logits = lambda x: model.head(x)


def embeddings_scaled(model):
    model.tok.register_forward_hook(lambda _, __, out: out * D**0.5)


def other_activation(activation, model):
    for layer in [*model.encoder, *model.decoder]:
        layer.ffn.activation = activation


def gate_and_up_swapped(model):
    for layer in model.encoder:
        layer.ffn.gate, layer.ffn.up = layer.ffn.up, layer.ffn.gate


def output_scaled(model):
    head = model.head
    model.logits = lambda x: head(x * D**-0.5)


def head_of_the_table(model):
    model.head.weight = model.tok.weight


MISTAKES = {
    "T5": [
        scaled,
        bias_per_layer,
        bias_in_the_first_layer_only,
        bidirectional_decoder,
        one_sided_encoder,
        post_norm,
        means_subtracted,
        larger_eps,
        no_last_norm,
        no_scale_of_the_output,
        embeddings_scaled,
        partial(other_activation, F.gelu),
    ],
    "v1.1": [
        gate_and_up_swapped,
        output_scaled,
        head_of_the_table,
        *(partial(other_activation, f) for f in (F.gelu, F.silu)),
    ],
}


@pytest.mark.usefixtures("exact_norms")
@pytest.mark.parametrize(("kind", "plant"), [(kind, plant) for kind, all_ in MISTAKES.items() for plant in all_])
def test_a_planted_mistake_is_seen(kind, plant):
    ours, theirs = pair(kind)
    ids, mask, labels = batch()
    official = theirs(input_ids=ids, attention_mask=mask, labels=labels).loss
    plant(ours)
    difference = (ours.loss(ids, labels, mask) - official).abs()
    assert difference > 10 * CLOSE["atol"], f"{plant}: only {difference:.1e}"


def test_a_mask_that_is_forgotten_is_seen():
    ours, _ = pair("T5")
    ids, mask, _ = batch()
    memory = ours.encode(ids, mask)
    assert (ours.encode(ids) - memory).abs().max() > 1e-3
    assert (ours.decode(ids, memory) - ours.decode(ids, memory, mask)).abs().max() > 1e-3


# Decoding


STOP = [7, 12, 23]


@pytest.mark.parametrize("kind", ["T5", "v1.1"])
def test_cached_equals_uncached(kind):
    ours, _ = pair(kind)
    ids, mask, _ = batch()
    decoder_ids, memory = torch.randint(2, V, (B, L)), ours.encode(ids, mask)
    caches = [(KVCache(), KVCache()) for _ in ours.decoder]
    parts = [ours.decode(part, memory, mask, caches) for part in decoder_ids.split([4, 1, 1, 3, 2], 1)]
    torch.testing.assert_close(torch.cat(parts, 1), ours(ids, decoder_ids, mask), **CLOSE)


def learnt(kind):
    """A pair that learnt a little, so that its texts differ, and end at different places; and sources to read."""
    ours, theirs = pair(kind)
    ids, mask, _ = batch()
    labels = torch.randint(2, V, (B, L)).where(torch.arange(L) % 4 < 3, torch.tensor(STOP * 4)[:L])
    optimizer = torch.optim.AdamW(theirs.parameters(), lr=0.03)
    for _ in range(15):
        optimizer.zero_grad()
        theirs(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
        optimizer.step()
    load_hf(ours, theirs.state_dict(), ours.HF, ours.HF_IGNORE)
    return ours, theirs, ids, mask


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stop", [STOP, [5]])
def test_greedy_and_beam_equal_generate_token_for_token(kind, stop):
    ours, theirs, ids, mask = learnt(kind)
    start, pad = ids.new_full((B, 1), 0), 0
    settings = {"attention_mask": mask, "max_new_tokens": 12, "do_sample": False, "eos_token_id": stop}
    official = theirs.generate(ids, num_beams=1, **settings)[:, 1:]
    best = texts(theirs.generate(ids, num_beams=3, length_penalty=1.0, early_stopping=False, **settings)[:, 1:], stop)
    options = {"n_beams": 3, "n_best": 3, "penalty": lambda n: n**1.0, "early": True}
    for kind_of_step in (Answer, Uncached):
        new = greedy(kind_of_step(ours, ids, mask), start, stop=stop, max_new=12, pad=pad)
        assert torch.equal(new, official)
        found = beam(kind_of_step(ours, ids, mask), start, stop=stop, max_new=12, pad=pad, **options)
        assert texts(found.ids[:, 0], stop) == best
    assert len(set(map(tuple, best))) > 1
    assert len(set(map(len, texts(official, STOP)))) > 1


# Training


@pytest.mark.parametrize("kind", [Ours, T5v11])
def test_the_first_loss_is_about_ln_v(kind):
    """The first logits have variance 1, and not 0: this costs 1/2 nat. A target's own input costs a little more."""
    losses = []
    for seed in range(3):
        torch.manual_seed(seed)
        model, size = kind(TINY).eval(), TINY.vocab_size
        ids, labels = torch.randint(2, size, (8, 20)), torch.randint(2, size, (8, 12))
        logits = model(ids, labels)
        assert 0.6 < logits.std() < 1.6
        losses.append(model.loss(ids, labels).item())
    mean = sum(losses) / len(losses)
    assert math.log(TINY.vocab_size) + 0.3 < mean < math.log(TINY.vocab_size) + 1.0


def test_the_official_start_of_a_head_of_its_own_is_far_from_ln_v():
    """Why `init` differs there: their numbers of size 1 make logits of size sqrt(D)."""
    model = T5v11(TINY).eval()
    nn.init.normal_(model.head.weight)
    ids, labels = torch.randint(2, TINY.vocab_size, (8, 20)), torch.randint(2, TINY.vocab_size, (8, 12))
    assert model.loss(ids, labels) > 3 * math.log(TINY.vocab_size)


@pytest.mark.parametrize("kind", [Ours, T5v11])
def test_one_batch_is_learnt_with_dropout_on(kind):
    torch.set_default_dtype(torch.float32)
    model = kind(TINY).train()
    ids, labels = torch.randint(2, 500, (4, 9)), torch.randint(2, 500, (4, 7))
    labels[0, -2:] = -100
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(100):
        optimizer.zero_grad()
        loss = model.loss(ids, labels)
        loss.backward()
        optimizer.step()
    assert model.eval().loss(ids, labels) < 0.3
    step = Answer(model, ids)
    assert torch.equal(greedy(step, ids.new_zeros(4, 1), max_new=7)[1:], labels[1:])


@pytest.mark.parametrize("place", range(1, L))
def test_no_token_sees_the_future(place):
    ours, _ = pair("T5")
    ids, mask, _ = batch()
    decoder_ids = torch.randint(2, V, (B, L))
    changed = torch.cat([decoder_ids[:, :place], (decoder_ids[:, place:] + 5) % V], 1)
    before, after = ours(ids, decoder_ids, mask), ours(ids, changed, mask)
    torch.testing.assert_close(before[:, :place], after[:, :place], **CLOSE)
    assert (before[:, place:] - after[:, place:]).abs().max() > 1e-3


def test_padding_changes_nothing_on_either_side():
    """Only distances count, so that even padding at the left of a source is not seen."""
    ours, _ = pair("T5")
    ids, decoder_ids = torch.randint(2, V, (B, M)), torch.randint(2, V, (B, L))
    plain, pad = ours(ids, decoder_ids), ids.new_zeros(B, 4)
    longer = torch.cat([pad, ids, pad], 1)
    padded = ours(longer, torch.cat([decoder_ids, pad], 1), longer != 0)
    torch.testing.assert_close(padded[:, :L], plain, **CLOSE)


@pytest.mark.parametrize(
    ("kind", "cfg", "millions"),
    [
        (Ours, T5Config(), 60.5),
        (Ours, T5Config(d_model=768, n_layers=12, n_heads=12, d_ff=3072), 222.9),
        (Ours, T5Config(d_model=1024, n_layers=24, n_heads=16, d_ff=4096), 737.7),
        (Ours, T5Config(d_model=1024, n_layers=24, n_heads=32, d_head=128, d_ff=16_384), 2851.6),
        (Ours, T5Config(d_model=1024, n_layers=24, n_heads=128, d_head=128, d_ff=65_536), 11_307.3),
        (T5v11, MT5_SMALL, 300.2),
        (T5v11, T5Config(n_layers=8, n_heads=6, d_ff=1024), 77.0),
    ],
)
def test_published_sizes(kind, cfg, millions):
    with torch.device("meta"):
        model = kind(cfg)
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.05)


# Checkpoints


@pytest.mark.parametrize("kind", ["T5", "v1.1"])
@pytest.mark.usefixtures("exact_norms")
def test_transformers_reads_what_we_save(kind, tmp_path):
    ours, _ = pair(kind)
    ours.float().save_pretrained(tmp_path)
    theirs = AutoModelForSeq2SeqLM.from_pretrained(tmp_path).double().eval()
    again = type(ours).from_pretrained(tmp_path).double()
    assert again.cfg == ours.cfg
    ids, mask, labels = batch()
    official = theirs(input_ids=ids, attention_mask=mask, labels=labels).loss
    torch.testing.assert_close(ours.double().loss(ids, labels, mask), official, **CLOSE)
    torch.testing.assert_close(again.loss(ids, labels, mask), official, **CLOSE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("exact_norms")
def test_we_read_what_transformers_saves_in_one_file_or_many(kind, tmp_path):
    _, theirs = pair(kind)
    ids, mask, labels = batch()
    official = theirs(input_ids=ids, attention_mask=mask, labels=labels).loss
    for folder, size in ((tmp_path / "one", "1GB"), (tmp_path / "many", "20KB")):
        theirs.save_pretrained(folder, max_shard_size=size)
        ours = Ours.from_pretrained(folder)
        assert type(ours) is (Ours if kind == "T5" else T5v11)
        torch.testing.assert_close(ours.loss(ids, labels, mask), official, **CLOSE)
    assert (tmp_path / "many" / "model.safetensors.index.json").exists()


def rewrite(folder, **changes):
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | changes
    kept = {key: value for key, value in config.items() if value is not ...}
    path.write_text(json.dumps(kept), encoding="utf-8")


def test_configurations_as_they_were_published_are_understood(tmp_path):
    """t5-small says nothing of its net; v1.1 says that its head is its own; neither tells of a scale."""
    for kind, changes in (
        ("T5", {"feed_forward_proj": ..., "tie_word_embeddings": ..., "scale_decoder_outputs": ...}),
        ("v1.1", {"tie_word_embeddings": False, "scale_decoder_outputs": ...}),
        ("mT5", {"tie_word_embeddings": False}),
    ):
        ours, theirs = pair(kind)
        theirs.save_pretrained(tmp_path / kind)
        rewrite(tmp_path / kind, **changes)
        again = Ours.from_pretrained(tmp_path / kind)
        assert type(again) is type(ours)
        for mine, official in zip(again.parameters(), ours.parameters(), strict=True):
            assert torch.equal(mine, official)


def test_a_head_that_equals_the_table_may_be_left_out(tmp_path):
    theirs = Theirs(TheirConfig(**CONFIG, feed_forward_proj="gated-gelu", tie_word_embeddings=False))
    theirs.save_pretrained(tmp_path)
    assert torch.equal(Ours.from_pretrained(tmp_path).head.weight, theirs.shared.weight)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"num_decoder_layers": 2}, "num_decoder_layers"),
        ({"feed_forward_proj": "gated-silu"}, "feed_forward_proj"),
        ({"feed_forward_proj": "gated-gelu"}, "tie_word_embeddings"),  # a net of v1.1 under a head of v1.0
        ({"scale_decoder_outputs": False}, "tie_word_embeddings"),
        ({"layer_norm_epsilon": 1e-5}, "layer_norm_epsilon"),
        ({"model_type": "umt5"}, "model_type"),
    ],
)
def test_a_checkpoint_of_another_kind_is_refused(changes, what, tmp_path):
    pair("T5")[0].save_pretrained(tmp_path)
    rewrite(tmp_path, **changes)
    with pytest.raises(ValueError, match=what):
        Ours.from_pretrained(tmp_path)


def test_v11_is_not_made_of_a_checkpoint_of_version_1_0(tmp_path):
    pair("T5")[0].save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="feed_forward_proj='relu' and not 'gated-gelu'"):
        T5v11.from_pretrained(tmp_path)


def test_weights_that_do_not_fit_are_all_named():
    ours, theirs = pair("T5")
    state = dict(theirs.state_dict())
    del state["encoder.final_layer_norm.weight"]
    state["decoder.strange"] = state.pop("decoder.block.2.layer.2.DenseReluDense.wi.weight")
    with pytest.raises(ValueError, match=r"(?s)encoder_norm.*strange") as caught:
        load_hf(ours, state, ours.HF, ours.HF_IGNORE)
    assert "decoder.2.ffn.up" in str(caught.value)


def test_old_checkpoints_hold_a_table_that_was_never_used():
    ours, theirs = pair("T5")
    name = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
    load_hf(ours, theirs.state_dict() | {name: torch.zeros(8, H)}, ours.HF, ours.HF_IGNORE)
    assert name not in to_hf(ours, ours.HF)
