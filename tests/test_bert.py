"""BERT: equal to the official one in every number, with tests that see each mistake; and its heads."""

import math
from dataclasses import replace
from functools import partial

import pytest
import torch
import torch.nn.functional as F
import transformers
from hypothesis import given
from hypothesis import strategies as st
from parity import handed_on, scramble
from torch import nn

from course_utils.blocks.attention import record
from course_utils.blocks.heads import FirstTokenHead, MaskedHead, SpanHead, TagHead, best_span
from course_utils.blocks.residual import PreNorm
from course_utils.models import bert
from course_utils.models.bert import TINY, Bert, BertConfig, BertForPretraining
from course_utils.train import adamw, fit
from course_utils.weights import load_hf

# All sizes differ, and are odd where they can be.
CFG = BertConfig(vocab_size=43, d_model=15, n_layers=3, n_heads=5, d_ff=37, max_len=19, n_segments=4, dropout=0.0)
CLOSE = 1e-12  # float64 rounds at 1e-16; three layers with numbers up to 10 and sums of 40 terms make 3e-15 of it
SEEN = 1e-7  # what a planted mistake must exceed; the smallest one, a norm's eps, makes 1e-6


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def official_config(cfg=CFG):
    return transformers.BertConfig(
        vocab_size=cfg.vocab_size,
        hidden_size=cfg.d_model,
        num_hidden_layers=cfg.n_layers,
        num_attention_heads=cfg.n_heads,
        intermediate_size=cfg.d_ff,
        max_position_embeddings=cfg.max_len,
        type_vocab_size=cfg.n_segments,
        attn_implementation="eager",
    )


def official():
    """A `transformers.BertForPreTraining` with random parameters."""
    return scramble(transformers.BertForPreTraining(official_config()))


def ours(theirs):
    model = BertForPretraining(CFG).double().eval()
    load_hf(model, theirs.state_dict(), BertForPretraining.HF, BertForPretraining.HF_IGNORE)
    return model


def batch():
    """Three texts of different lengths; 0 pads, and nothing else is 0."""
    mask = torch.arange(11) < torch.tensor([[11], [7], [4]])
    ids = torch.randint(1, CFG.vocab_size, mask.shape) * mask
    segments = torch.randint(CFG.n_segments, mask.shape)
    words = torch.where(mask & (torch.rand(mask.shape) < 0.4), torch.randint(CFG.vocab_size, mask.shape), -100)
    return ids, segments, mask, words, torch.tensor([0, 1, 1])


def their_outputs(model, ids, segments, mask, words, pairs):
    return model(
        ids,
        token_type_ids=segments,
        attention_mask=mask.long(),
        labels=words,
        next_sentence_label=pairs,
        output_hidden_states=True,
    )


def layers(model, run):
    """What each part of the encoder hands on while `run()` runs."""
    return handed_on((model.norm, *model.blocks), run)


def difference(a, b):
    return max((x - y).abs().max().item() for x, y in zip(a, b, strict=True))


def test_every_layer_and_both_heads_equal_the_official_ones():
    theirs, inputs = official(), batch()
    model = ours(theirs)
    expected = their_outputs(theirs, *inputs)
    states = layers(model.bert, lambda: model(*inputs[:3]))
    assert len(states) == CFG.n_layers + 1
    assert difference(states, expected.hidden_states) < CLOSE
    assert difference(model(*inputs[:3]), (expected.prediction_logits, expected.seq_relationship_logits)) < CLOSE
    assert difference([model.loss(*inputs)], [expected.loss]) < CLOSE


def test_attention_weights_equal_the_official_ones():
    theirs, (ids, segments, mask, *_) = official(), batch()
    model = ours(theirs).bert
    with record(model) as weights:
        model(ids, segments, mask)
    expected = theirs.bert(ids, token_type_ids=segments, attention_mask=mask.long(), output_attentions=True).attentions
    assert difference([weights[f"blocks.{i}.attn"] for i in range(CFG.n_layers)], expected) < CLOSE


def test_without_mask_and_segments_it_equals_the_official_one_too():
    theirs, (ids, *_) = official(), batch()
    expected = theirs.bert(ids, attention_mask=torch.ones_like(ids)).last_hidden_state
    assert difference([ours(theirs).bert(ids)], [expected]) < CLOSE


def test_the_gradients_of_all_parameters_equal_the_official_ones():
    theirs, inputs = official(), batch()
    model, gradients = ours(theirs), BertForPretraining(CFG).double()
    model.loss(*inputs).backward()
    their_outputs(theirs, *inputs).loss.backward()
    named = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    load_hf(gradients, named, BertForPretraining.HF, BertForPretraining.HF_IGNORE)
    for (name, parameter), expected in zip(model.named_parameters(), gradients.parameters(), strict=True):
        assert difference([parameter.grad], [expected]) < CLOSE, name
        assert "k_proj.bias" in name or parameter.grad.abs().max() > 1e-6, name  # it moves all scores alike: no effect


def test_five_steps_of_adamw_stay_together():
    theirs = official()
    model, after = ours(theirs), BertForPretraining(CFG).double()
    # eps: a key's bias has gradient 0, and what rounding leaves of it must not be divided by itself.
    optimizers = [torch.optim.AdamW(m.parameters(), lr=0.01, weight_decay=0.1, eps=1e-5) for m in (model, theirs)]
    for _ in range(5):
        inputs = batch()
        for optimizer, loss in zip(optimizers, (model.loss, lambda *x: their_outputs(theirs, *x).loss), strict=True):
            optimizer.zero_grad()
            loss(*inputs).backward()
            optimizer.step()
    load_hf(after, theirs.state_dict(), BertForPretraining.HF, BertForPretraining.HF_IGNORE)
    assert difference(model.parameters(), after.parameters()) < 1e-9  # five steps of 0.01 each, divided by sqrt(v)
    assert difference(model.parameters(), ours(official()).parameters()) > 0.1


def patterned(x, p=0.5, training=True, inplace=False):
    """What stands in for dropout: always the same numbers are dropped, so that two models can be compared."""
    return x * (torch.arange(x.numel()).view(x.shape) % 5 > 1) if training and p > 0 else x


def test_dropout_stands_where_the_official_one_has_it(monkeypatch):
    monkeypatch.setattr(F, "dropout", patterned)
    theirs, inputs = official().train(), batch()
    model = BertForPretraining(replace(CFG, dropout=0.1)).double()
    load_hf(model, theirs.state_dict(), BertForPretraining.HF, BertForPretraining.HF_IGNORE)
    expected = their_outputs(theirs, *inputs).loss
    with record(model):  # in plain steps: PyTorch's fused attention has a dropout of its own
        assert difference([model.loss(*inputs)], [expected]) < CLOSE
        for place in (model.bert.dropout, model.bert.blocks[1].dropout, model.bert.blocks[2].attn):
            place.training = False
            assert difference([model.loss(*inputs)], [expected]) > SEEN
            place.training = True


def swap(a, b):
    a.data, b.data = b.data.clone(), a.data.clone()


def tanh_gelu(model):
    for block in model.bert.blocks:
        block.ffn.activation = partial(F.gelu, approximate="tanh")


def eps(model):
    for module in model.bert.modules():
        if hasattr(module, "eps"):
            module.eps = 1e-5


def swapped_norms(model):
    block = model.bert.blocks[1]
    block.norm_attn, block.norm_ffn = block.norm_ffn, block.norm_attn


def pre_for_post(model):
    for block in model.bert.blocks:
        block.__class__ = PreNorm


def wrong_scale(model):
    model.bert.blocks[0].attn.scale = CFG.d_model**-0.5


MISTAKES = {
    "GELU by tanh": tanh_gelu,
    "a norm's eps": eps,
    "a norm's eps in the head": lambda model: setattr(model.mlm.norm, "eps", 1e-5),
    "norms swapped": swapped_norms,
    "norms before": pre_for_post,
    "wrong scale": wrong_scale,
    "no segments": lambda model: model.bert.seg.weight.data.zero_(),
    "positions from 1": lambda model: model.bert.pos.weight.data.copy_(model.bert.pos.weight.roll(-1, 0)),
    "no norm on the embeddings": lambda model: setattr(model.bert, "norm", nn.Identity()),
    "biases of q and k swapped": lambda model: swap(*(model.bert.blocks[0].attn.get_parameter(n) for n in QK)),
    "q transposed": lambda model: model.bert.blocks[2].attn.q_proj.weight.data.copy_(
        model.bert.blocks[2].attn.q_proj.weight.T.clone()
    ),
    "no bias in the head": lambda model: model.mlm.bias.data.zero_(),
    "no tanh": lambda model: setattr(model.nsp, "forward", lambda x: model.nsp.proj(model.nsp.pool(x[:, 0]))),
    "classes swapped": lambda model: model.nsp.proj.weight.data.copy_(model.nsp.proj.weight.flip(0)),
}
QK = ("q_proj.bias", "k_proj.bias")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_comparison_sees(mistake):
    theirs, inputs = official(), batch()
    model = ours(theirs)
    MISTAKES[mistake](model)
    expected = their_outputs(theirs, *inputs)
    assert difference(model(*inputs[:3]), (expected.prediction_logits, expected.seq_relationship_logits)) > SEEN


def test_the_comparison_sees_a_missing_mask_and_missing_segments():
    theirs, inputs = official(), batch()
    ids, segments, mask = inputs[:3]
    model, expected = ours(theirs), their_outputs(theirs, *inputs).prediction_logits
    for wrong in ((ids, segments, None), (ids, None, mask)):
        assert difference([model(*wrong)[0]], [expected]) > SEEN


# Training


def tiny_batch():
    ids = torch.randint(5, TINY.vocab_size, (8, 24))
    words = torch.where(torch.rand(ids.shape) < 0.3, ids, -100)
    return ids.where(words < 0, 4), (torch.arange(24) > 11).long().expand(8, -1), None, words, torch.arange(8) % 2


def test_before_training_every_word_is_as_probable_as_any_other():
    model, (ids, segments, mask, words, pairs) = BertForPretraining(TINY).eval(), tiny_batch()
    both = math.log(TINY.vocab_size) + math.log(2)
    assert model.loss(ids, segments, mask, words, pairs).item() == pytest.approx(both, abs=0.1)


def test_one_batch_is_learnt_with_dropout_on():
    model, inputs = BertForPretraining(TINY), tiny_batch()
    fit(
        model,
        lambda step: inputs,
        120,
        loss=lambda model, batch: model.loss(*batch),
        optimizer=adamw(model, 3e-3),
        progress=False,
    )
    assert model.loss(*inputs).item() < 0.1


def test_padding_changes_nothing():
    model = scramble(Bert(CFG))
    ids, segments, mask, *_ = batch()
    full = model(ids, segments, mask)
    for i, n in enumerate(mask.sum(1)):
        assert difference([full[i, :n]], [model(ids[i : i + 1, :n], segments[i : i + 1, :n])[0]]) < CLOSE
    assert difference([full[mask]], [model(ids.where(mask, 7), segments, mask.long())[mask]]) < CLOSE


def test_every_token_sees_every_other():
    model, ids = scramble(Bert(CFG)), batch()[0][:1]
    for changed in range(ids.shape[1]):
        other = ids.clone()
        other[0, changed] = ids[0, changed] % (CFG.vocab_size - 1) + 1
        assert ((model(ids) - model(other)).abs().amax(-1) > SEEN).all()


def test_it_runs_where_its_weights_are():
    with torch.device("meta"):
        model, ids = BertForPretraining(CFG), torch.ones(2, 11, dtype=torch.long)
    assert model(ids, None, ids)[0].device.type == "meta"  # a tensor elsewhere would be an error


@pytest.mark.parametrize(
    ("sizes", "encoder", "all_together"),
    [
        ({}, 109_482_240, 110_106_428),
        ({"d_model": 1024, "n_layers": 24, "n_heads": 16, "d_ff": 4096}, 335_141_888, 336_226_108),
    ],
)
def test_it_has_as_many_parameters_as_published(sizes, encoder, all_together):
    with torch.device("meta"):
        model = BertForPretraining(BertConfig(**sizes))
    assert sum(p.numel() for p in model.parameters()) == all_together
    pooler = sum(p.numel() for p in model.nsp.pool.parameters())  # which is counted with the encoder there
    assert sum(p.numel() for p in model.bert.parameters()) + pooler == encoder


def test_the_initial_weights_are_as_in_the_paper_s_code():
    model = BertForPretraining(TINY)
    for name, parameter in model.named_parameters():
        if "norm" in name or name.endswith("bias"):
            assert (parameter == (1 if name.endswith("weight") else 0)).all(), name
        elif parameter.numel() > 1000:
            assert 0.016 < parameter.std() < 0.019, name  # 0.02, less what is cut off
            assert parameter.abs().max() <= 0.04, name


def test_a_text_that_is_too_long_is_refused():
    with pytest.raises(ValueError, match="a text of 20 tokens; this model has max_len=19 positions"):
        Bert(CFG)(torch.ones(1, 20, dtype=torch.long))


# Files


@pytest.mark.parametrize("kind", [Bert, BertForPretraining])
def test_a_saved_model_comes_back(kind, tmp_path):
    model = scramble(kind(CFG)).float()
    model.save_pretrained(tmp_path)
    again = kind.from_pretrained(tmp_path)
    assert again.cfg == CFG
    assert not again.training
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_the_official_library_loads_our_encoder(tmp_path):
    model, (ids, segments, mask, *_) = scramble(Bert(CFG)), batch()
    model.save_pretrained(tmp_path)
    theirs = transformers.AutoModel.from_pretrained(tmp_path).eval()
    assert theirs.config.architectures == ["BertModel"]
    assert theirs.dtype == torch.float64
    expected = theirs(ids, token_type_ids=segments, attention_mask=mask).last_hidden_state
    assert difference([model(ids, segments, mask)], [expected]) < CLOSE


def test_the_official_library_loads_our_heads_and_fills_masks_with_them(tmp_path):
    model, inputs = scramble(BertForPretraining(CFG)), batch()
    model.save_pretrained(tmp_path)
    theirs, info = transformers.BertForPreTraining.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values())
    assert theirs.config.architectures == ["BertForPreTraining"]
    assert difference([model.loss(*inputs)], [their_outputs(theirs.eval(), *inputs).loss]) < CLOSE
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(5, CFG.vocab_size))]
    tokenizer = transformers.BertTokenizer(vocab={word: i for i, word in enumerate(words)})
    tokenizer.save_pretrained(tmp_path)
    fill = transformers.pipeline("fill-mask", model=str(tmp_path), device="cpu")
    (best, *_) = fill("w7 [MASK] w9")
    probabilities = model(torch.tensor([[2, 7, 4, 9, 3]]))[0][0, 2].softmax(-1)
    assert best["token"] == probabilities.argmax()
    assert best["score"] == pytest.approx(probabilities.max().item())


def old_names(state):
    for new, old in (("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta")):
        state = {name.replace(new, old): tensor for name, tensor in state.items()}
    return state


@pytest.mark.parametrize("form", ["safetensors", "sharded", "pickled", "with old names"])
def test_official_checkpoints_are_read(form, tmp_path):
    theirs, inputs = official(), batch()
    if form in ("safetensors", "sharded"):
        theirs.save_pretrained(tmp_path, max_shard_size="6KB" if form == "sharded" else "5GB")
        assert (len(list(tmp_path.glob("*.safetensors"))) > 1) == (form == "sharded")
    else:
        theirs.config.save_pretrained(tmp_path)
        state = old_names(theirs.state_dict()) if form == "with old names" else theirs.state_dict()
        torch.save(state, tmp_path / "pytorch_model.bin")
    expected = their_outputs(theirs, *inputs)
    model = BertForPretraining.from_pretrained(tmp_path).double()
    assert model.cfg == BertConfig(43, 15, 3, 5, 37, 19, 4)
    assert difference([model.loss(*inputs)], [expected.loss]) < 1e-4  # our model is float32 at first
    hidden = Bert.from_pretrained(tmp_path).double()(*inputs[:3])
    assert difference([hidden], [expected.hidden_states[-1]]) < 1e-4


@pytest.mark.parametrize(
    "task",
    ["Model", "ForMaskedLM", "ForNextSentencePrediction", "ForSequenceClassification", "ForQuestionAnswering"],
)
def test_an_encoder_is_found_under_every_head(task):
    theirs = scramble(getattr(transformers, f"Bert{task}")(official_config()))
    model = Bert(CFG).double().eval()
    load_hf(model, theirs.state_dict(), Bert.HF, Bert.HF_IGNORE)
    ids, segments, mask, *_ = batch()
    expected = theirs.base_model(ids, token_type_ids=segments, attention_mask=mask).last_hidden_state
    assert difference([model(ids, segments, mask)], [expected]) < CLOSE


def test_what_does_not_fit_is_said_all_at_once():
    state = transformers.BertForMaskedLM(official_config()).state_dict()
    state["bert.encoder.layer.0.intermediate.dense.weight"] = torch.zeros(36, 15)
    with pytest.raises(ValueError, match="don't fit this BertForPretraining") as caught:
        load_hf(BertForPretraining(CFG), state, BertForPretraining.HF, BertForPretraining.HF_IGNORE)
    assert str(caught.value).splitlines()[1:] == [
        "  bert.blocks.0.ffn.up.weight: shape (37, 15), "
        "and bert.encoder.layer.0.intermediate.dense.weight has (36, 15)",
        "  nsp.pool.weight: missing: bert.pooler.dense.weight",
        "  nsp.pool.bias: missing: bert.pooler.dense.bias",
        "  nsp.proj.weight: missing: cls.seq_relationship.weight",
        "  nsp.proj.bias: missing: cls.seq_relationship.bias",
    ]


def test_a_checkpoint_of_another_kind_is_refused(tmp_path):
    config = official_config()
    config.hidden_act = "relu"
    transformers.BertModel(config).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="no model for BertConfig: hidden_act='relu' and not 'gelu'"):
        Bert.from_pretrained(tmp_path)


# Heads of the tasks


@pytest.mark.parametrize(
    ("task", "head", "names"),
    [
        ("SequenceClassification", FirstTokenHead(15, 7, 0.1), {"pool": "bert.pooler.dense", "proj": "classifier"}),
        ("TokenClassification", TagHead(15, 7, 0.1), {"proj": "classifier"}),
        ("QuestionAnswering", SpanHead(15), {"proj": "qa_outputs"}),
    ],
)
def test_the_heads_of_the_tasks_equal_the_official_ones(task, head, names, monkeypatch):
    monkeypatch.setattr(F, "dropout", patterned)
    config = official_config()
    config.num_labels = 2 if task == "QuestionAnswering" else 7
    theirs, (ids, segments, mask, *_) = scramble(getattr(transformers, f"BertFor{task}")(config)), batch()
    encoder, head = Bert(CFG).double().eval(), head.double().train()
    theirs.train().base_model.eval()  # the dropout of the head only
    load_hf(encoder, theirs.state_dict(), Bert.HF, Bert.HF_IGNORE)
    load_hf(head, theirs.state_dict(), names, [r"bert\."])
    out = theirs(ids, token_type_ids=segments, attention_mask=mask)
    expected = torch.stack([out.start_logits, out.end_logits], 1) if task == "QuestionAnswering" else out.logits
    assert difference([head(encoder(ids, segments, mask))], [expected]) < CLOSE


def test_the_masked_head_shares_the_table():
    tok = nn.Embedding(9, 6)
    head = MaskedHead(tok)
    assert head.norm.eps == 1e-12
    head(torch.randn(2, 6)).sum().backward()
    assert tok.weight.grad.abs().max() > 0
    assert sum(p.numel() for p in head.parameters()) == 6 * 6 + 6 + 6 + 6 + 9


def test_no_span_ends_in_padding():
    head = SpanHead(4)
    mask = torch.arange(6) < torch.tensor([[6], [3]])
    scores = head(torch.randn(2, 6, 4), mask)
    assert (scores[1, :, 3:] == torch.finfo(torch.float32).min).all()
    assert torch.isfinite(scores).all()
    assert (best_span(scores)[1] < 3).all()


@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 10), st.integers(0, 10**6))
def test_the_best_span_is_the_best_of_all_spans(n_texts, length, longest, seed):
    scores = torch.randn(n_texts, 2, length, generator=torch.Generator().manual_seed(seed))
    for row, (start, end) in zip(scores.double(), best_span(scores, longest).tolist(), strict=True):
        spans = [(a, b) for a in range(length) for b in range(a, min(a + longest, length))]
        assert (start, end) == max(spans, key=lambda span: float(row[0, span[0]] + row[1, span[1]]))


def test_an_answer_of_no_tokens_is_refused():
    with pytest.raises(ValueError, match="longest is 0; an answer has 1 token at least"):
        best_span(torch.zeros(1, 2, 3), longest=0)


def test_the_module_s_maps_are_the_class_s():
    assert Bert.HF is bert.HF
    assert Bert.HF_IGNORE is bert.HF_IGNORE


@pytest.mark.official
def test_the_published_model_is_read():
    name = "google-bert/bert-base-uncased"
    theirs, ids = transformers.BertForPreTraining.from_pretrained(name).eval(), torch.randint(1000, 30_000, (2, 50))
    with torch.no_grad():
        words, expected = BertForPretraining.from_pretrained(name)(ids)[0], theirs(ids).prediction_logits
        assert difference([words], [expected]) < 1e-5 * expected.abs().max().item()  # float32
        hidden, expected = Bert.from_pretrained(name)(ids), theirs.bert(ids).last_hidden_state
        assert difference([hidden], [expected]) < 1e-5 * expected.abs().max().item()
