"""BART equals the official implementation in float64, sees what is planted, and learns."""

import copy
import json
import math

import pytest
import torch
import torch.nn.functional as F
from parity import Uncached, scramble
from torch import nn
from transformers import AutoModelForSeq2SeqLM
from transformers import BartConfig as TheirConfig
from transformers import BartForConditionalGeneration as Theirs
from transformers import BartModel as TheirBareModel

from course_utils.blocks.attention import KVCache
from course_utils.blocks.residual import PreNorm
from course_utils.decode import beam, greedy, texts
from course_utils.models import bart
from course_utils.models.bart import TINY, Bart, BartConfig
from course_utils.models.t5 import Answer
from course_utils.objectives.clm import shift_right
from course_utils.weights import load_hf, to_hf

V, D, N, H, FF = 41, 21, 3, 3, 26
B, M, L = 3, 17, 11
PAD, EOS = 1, 2
SIZES = BartConfig(V, D, N, H, FF, max_len=19, dropout=0.0)
CONFIG = {
    "vocab_size": V,
    "d_model": D,
    "encoder_layers": N,
    "decoder_layers": N,
    "encoder_attention_heads": H,
    "decoder_attention_heads": H,
    "encoder_ffn_dim": FF,
    "decoder_ffn_dim": FF,
    "max_position_embeddings": 19,
    "dropout": 0.0,
    "forced_eos_token_id": None,
}
# The same sums in float64 in another order: some hundred roundings of 1e-16, on numbers below 100.
CLOSE = {"rtol": 0, "atol": 1e-10}


pytestmark = pytest.mark.usefixtures("float64")


def pair():
    theirs = Theirs(TheirConfig(**CONFIG))
    scramble(theirs, std=0.4, ones="norm.weight").final_logits_bias.normal_()
    ours = Bart(SIZES)
    load_hf(ours, theirs.state_dict(), Bart.HF, Bart.HF_IGNORE)
    return ours.eval(), theirs.eval()


def batch():
    """Sources padded at the right, at the left, and not; targets padded at the right: ids, mask, labels."""
    ids, labels = torch.randint(3, V, (B, M)), torch.randint(3, V, (B, L))
    mask = torch.ones(B, M, dtype=torch.long)
    mask[0, -4:] = 0
    mask[1, :3] = 0
    labels[0, -3:] = labels[2, -1:] = -100
    return ids.where(mask == 1, PAD), mask, labels


def layers(encoder, decoder):
    """What each layer puts out, as the model runs; the rows of both stacks."""
    found = []
    for layer in [*encoder, *decoder]:
        layer.register_forward_hook(lambda _, __, out: found.append(out[0] if isinstance(out, tuple) else out))
    return found


def as_ours(ours, tensors):
    """Their tensors as a model of ours, whose parameters they are."""
    twin = copy.deepcopy(ours)
    load_hf(twin, {"final_logits_bias": ours.logits_bias} | tensors, Bart.HF, Bart.HF_IGNORE)
    return dict(twin.named_parameters())


# Equal to the official implementation


def test_every_layer_loss_and_gradient_is_the_same():
    ours, theirs = pair()
    ids, mask, labels = batch()
    our_layers = layers(ours.encoder, ours.decoder)
    their_layers = layers(theirs.model.encoder.layers, theirs.model.decoder.layers)
    result = theirs(input_ids=ids, attention_mask=mask, labels=labels)
    loss = ours.loss(ids, labels, mask)
    assert len(our_layers) == len(their_layers) == 2 * N
    for mine, official in zip(our_layers, their_layers, strict=True):
        torch.testing.assert_close(mine, official, **CLOSE)
    torch.testing.assert_close(loss, result.loss, **CLOSE)
    loss.backward()
    result.loss.backward()
    expected = as_ours(ours, {name: p.grad for name, p in theirs.named_parameters()})
    for name, parameter in ours.named_parameters():
        # a bias of keys adds the same to all scores of a query, and softmax does not see it
        assert parameter.grad.abs().max() > 0 or "k_proj.bias" in name, name
        torch.testing.assert_close(parameter.grad, expected[name], **CLOSE)


def test_logits_are_the_same_where_the_target_is_padded():
    ours, theirs = pair()
    ids, mask, _ = batch()
    decoder_ids, decoder_mask = torch.randint(3, V, (B, L)), torch.ones(B, L, dtype=torch.long)
    decoder_mask[1, -5:] = 0
    result = theirs(
        input_ids=ids, attention_mask=mask, decoder_input_ids=decoder_ids, decoder_attention_mask=decoder_mask
    )
    real = decoder_mask.bool()
    torch.testing.assert_close(ours(ids, decoder_ids, mask)[real], result.logits[real], **CLOSE)
    everything_real = theirs(input_ids=ids, decoder_input_ids=decoder_ids).logits
    torch.testing.assert_close(ours(ids, decoder_ids), everything_real, **CLOSE)


def test_five_steps_of_training_stay_together():
    ours, theirs = pair()
    optimizers = [torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1) for model in (ours, theirs)]
    for _ in range(5):
        ids, _, labels = batch()  # without a mask: the padding's own row must not be trained by what reads it
        losses = ours.loss(ids, labels), theirs(input_ids=ids, labels=labels).loss
        torch.testing.assert_close(*losses, rtol=0, atol=1e-8)  # a step divides by gradients, some of them tiny
        for model, loss, optimizer in zip((ours, theirs), losses, optimizers, strict=True):
            optimizer.zero_grad()
            loss.backward()
            for name, parameter in model.named_parameters():
                if "k_proj.bias" in name:  # its true gradient is 0, and AdamW would blow its roundings up to steps
                    parameter.grad.zero_()
            optimizer.step()
    twin = as_ours(ours, theirs.state_dict())
    for name, mine in ours.named_parameters():
        torch.testing.assert_close(mine, twin[name], rtol=0, atol=1e-7)


def positions_without_offset(model, patch):
    patch.setattr(bart, "OFFSET", 0)


def positions_shared(model, patch):
    model.decoder_pos = model.encoder_pos


def gelu_by_tanh(model, patch):
    for layer in model.encoder:
        layer.ffn.activation = lambda x: F.gelu(x, approximate="tanh")


def pre_norm(model, patch):
    for layer in model.decoder:
        layer.__class__ = PreNorm


def no_norm_of_embeddings(model, patch):
    model.encoder_norm = nn.Identity()


def embeddings_scaled(model, patch):
    model.tok.register_forward_hook(lambda _, __, out: out * D**0.5)


def no_bias_of_logits(model, patch):
    model.logits_bias.zero_()


def smaller_eps(model, patch):
    model.decoder_norm.eps = 1e-6


def biases_swapped(model, patch):
    attn = model.encoder[0].attn
    attn.q_proj.bias, attn.k_proj.bias = attn.k_proj.bias, attn.q_proj.bias


def norms_swapped(model, patch):
    layer = model.decoder[1]
    layer.norm_attn, layer.norm_cross = layer.norm_cross, layer.norm_attn


def targets_begin_with_bos(model, patch):
    patch.setattr(bart, "shift_right", lambda labels, start, pad: shift_right(labels, 0, pad))


def one_head(model, patch):
    for layer in model.encoder:
        layer.attn.d_head = D


MISTAKES = [
    positions_without_offset,
    positions_shared,
    gelu_by_tanh,
    pre_norm,
    no_norm_of_embeddings,
    embeddings_scaled,
    no_bias_of_logits,
    smaller_eps,
    biases_swapped,
    norms_swapped,
    targets_begin_with_bos,
    one_head,
]


@pytest.mark.parametrize("plant", MISTAKES)
def test_a_planted_mistake_is_seen(plant, monkeypatch):
    ours, theirs = pair()
    ids, mask, labels = batch()
    official = theirs(input_ids=ids, attention_mask=mask, labels=labels).loss
    plant(ours, monkeypatch)
    difference = (ours.loss(ids, labels, mask) - official).abs()
    assert difference > 10 * CLOSE["atol"], f"{plant}: only {difference:.1e}"


def test_a_mask_that_is_forgotten_is_seen():
    ours, _ = pair()
    ids, mask, _ = batch()
    memory = ours.encode(ids, mask)
    assert (ours.encode(ids) - memory).abs().max() > 1e-3
    assert (ours.decode(ids, memory) - ours.decode(ids, memory, mask)).abs().max() > 1e-3


# Decoding


STOP = [7, 12, 23]


def test_cached_equals_uncached():
    ours, _ = pair()
    ids, mask, _ = batch()
    decoder_ids, memory = torch.randint(3, V, (B, L)), ours.encode(ids, mask)
    caches = [(KVCache(), KVCache()) for _ in ours.decoder]
    parts = [ours.decode(part, memory, mask, caches) for part in decoder_ids.split([4, 1, 1, 3, 2], 1)]
    torch.testing.assert_close(torch.cat(parts, 1), ours(ids, decoder_ids, mask), **CLOSE)


def learnt():
    """A pair that learnt a little, so that its texts differ, and end at different places; and sources to read.

    It starts as models start: from the scrambled ones, which repeat the token that they read, nothing is learnt.
    """
    ours, theirs = Bart(SIZES).eval(), Theirs(TheirConfig(**CONFIG)).eval()
    ids, mask, _ = batch()
    labels = torch.randint(3, V, (B, L))
    labels[range(B), [4, 2, 7]] = torch.tensor(STOP)
    optimizer = torch.optim.AdamW(theirs.parameters(), lr=0.01)
    for _ in range(20):
        optimizer.zero_grad()
        theirs(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
        optimizer.step()
    load_hf(ours, theirs.state_dict(), Bart.HF, Bart.HF_IGNORE)
    return ours, theirs, ids, mask


@pytest.mark.parametrize("stop", [STOP, [5]])
def test_greedy_and_beam_equal_generate_token_for_token(stop):
    ours, theirs, ids, mask = learnt()
    start, pad = ids.new_full((B, 1), EOS), PAD
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


def test_the_first_loss_is_ln_v():
    model = Bart(TINY).eval()
    ids, labels = torch.randint(3, 500, (8, 20)), torch.randint(3, 500, (8, 12))
    assert model.loss(ids, labels).item() == pytest.approx(math.log(500), abs=0.1)


def test_one_batch_is_learnt_with_dropout_on():
    torch.set_default_dtype(torch.float32)
    model = Bart(TINY).train()
    ids, labels = torch.randint(3, 500, (4, 9)), torch.randint(3, 500, (4, 7))
    labels[0, -2:] = -100
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(100):
        optimizer.zero_grad()
        loss = model.loss(ids, labels)
        loss.backward()
        optimizer.step()
    assert model.eval().loss(ids, labels) < 0.3
    assert torch.equal(greedy(Answer(model, ids), ids.new_full((4, 1), EOS), max_new=7)[1:], labels[1:])


@pytest.mark.parametrize("place", range(1, L))
def test_no_token_sees_the_future(place):
    ours, _ = pair()
    ids, mask, _ = batch()
    decoder_ids = torch.randint(3, V, (B, L))
    changed = torch.cat([decoder_ids[:, :place], (decoder_ids[:, place:] + 5) % V], 1)
    before, after = ours(ids, decoder_ids, mask), ours(ids, changed, mask)
    torch.testing.assert_close(before[:, :place], after[:, :place], **CLOSE)
    assert (before[:, place:] - after[:, place:]).abs().max() > 1e-3


def test_padding_changes_nothing_at_the_right_and_shifts_positions_at_the_left():
    ours, _ = pair()
    ids, decoder_ids = torch.randint(3, V, (B, M)), torch.randint(3, V, (B, L))
    plain, pad = ours(ids, decoder_ids), ids.new_full((B, 2), PAD)
    longer = torch.cat([ids, pad], 1)
    padded = ours(longer, torch.cat([decoder_ids, pad], 1), longer != PAD)
    torch.testing.assert_close(padded[:, :L], plain, **CLOSE)
    shifted = torch.cat([pad, ids], 1)
    assert (ours(shifted, decoder_ids, shifted != PAD) - plain).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("cfg", "millions"),
    [(BartConfig(), 139.4), (BartConfig(d_model=1024, n_layers=12, n_heads=16, d_ff=4096), 406.3)],
)
def test_published_sizes(cfg, millions):
    with torch.device("meta"):
        model = Bart(cfg)
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.05)


@pytest.mark.usefixtures("as_in_a_notebook")
def test_a_text_that_is_too_long_is_refused():
    ours, _ = pair()
    with pytest.raises(ValueError, match="a text of 20 tokens; this model has max_len=19 positions"):
        ours(torch.full((1, 20), 5), torch.full((1, 3), 5))
    with pytest.raises(ValueError, match="a text of 20 tokens"):
        ours(torch.full((1, 3), 5), torch.full((1, 20), 5))


# Checkpoints


def test_transformers_reads_what_we_save(tmp_path):
    ours, _ = pair()
    ours.float().save_pretrained(tmp_path)
    theirs = AutoModelForSeq2SeqLM.from_pretrained(tmp_path).double().eval()
    again = Bart.from_pretrained(tmp_path).double()
    assert again.cfg == ours.cfg
    ids, mask, labels = batch()
    official = theirs(input_ids=ids, attention_mask=mask, labels=labels).loss
    torch.testing.assert_close(ours.double().loss(ids, labels, mask), official, **CLOSE)
    torch.testing.assert_close(again.loss(ids, labels, mask), official, **CLOSE)


def test_we_read_what_transformers_saves_in_one_file_or_many(tmp_path):
    _, theirs = pair()
    ids, mask, labels = batch()
    official = theirs(input_ids=ids, attention_mask=mask, labels=labels).loss
    for folder, size in ((tmp_path / "one", "1GB"), (tmp_path / "many", "20KB")):
        theirs.save_pretrained(folder, max_shard_size=size)
        torch.testing.assert_close(Bart.from_pretrained(folder).loss(ids, labels, mask), official, **CLOSE)
    assert (tmp_path / "many" / "model.safetensors.index.json").exists()


def test_a_checkpoint_of_the_bare_model_has_no_bias_of_logits(tmp_path):
    """As the published bart-base."""
    theirs = TheirBareModel(TheirConfig(**CONFIG)).eval()
    theirs.save_pretrained(tmp_path)
    ours = Bart.from_pretrained(tmp_path)
    ids, mask, _ = batch()
    expected = theirs.encoder(ids, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(ours.encode(ids, mask), expected, **CLOSE)
    assert not ours.logits_bias.any()


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"decoder_layers": 2}, "decoder_layers"),
        ({"activation_function": "relu"}, "activation_function"),
        ({"scale_embedding": True}, "scale_embedding"),
        ({"normalize_before": True}, "normalize_before"),
        ({"model_type": "mbart"}, "model_type"),
    ],
)
def test_a_checkpoint_of_another_kind_is_refused(changes, what, tmp_path):
    pair()[0].save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")
    with pytest.raises(ValueError, match=what):
        Bart.from_pretrained(tmp_path)


def test_weights_that_do_not_fit_are_all_named():
    ours, theirs = pair()
    state = dict(theirs.state_dict())
    del state["model.encoder.layernorm_embedding.weight"]
    state["model.decoder.strange"] = state.pop("model.decoder.layers.2.fc1.weight")
    with pytest.raises(ValueError, match=r"(?s)encoder_norm.*strange") as caught:
        load_hf(ours, state, Bart.HF, Bart.HF_IGNORE)
    assert "decoder.2.ffn.up" in str(caught.value)


def test_saving_undoes_loading():
    ours, theirs = pair()
    state = theirs.state_dict()
    for name, tensor in to_hf(ours, Bart.HF).items():
        assert torch.equal(tensor, state[name if name == "final_logits_bias" else f"model.{name}"]), name
