"""GPT and GPT-2: equal to the official ones in every number, with tests that see each mistake; and their caches."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
import transformers
from parity import handed_on, scramble
from torch import nn

from course_utils.blocks.attention import KVCache, record
from course_utils.blocks.residual import PostNorm, PreNorm
from course_utils.decode import greedy
from course_utils.models import gpt, gpt2
from course_utils.models.gpt import GPT, Continuation, GPTConfig
from course_utils.models.gpt2 import GPT2, GPT2Config
from course_utils.train import adamw, cross_entropy, fit
from course_utils.weights import Part, load_hf

# All sizes differ, and are odd where they can be. GPT's net is 4 D wide there, and cannot be otherwise.
CFG = {
    GPT: GPTConfig(vocab_size=43, d_model=15, n_layers=3, n_heads=5, d_ff=60, max_len=19, dropout=0.0),
    GPT2: GPT2Config(vocab_size=43, d_model=15, n_layers=3, n_heads=5, d_ff=37, max_len=19, dropout=0.0),
}
CLOSE = 1e-12  # float64 rounds at 1e-16; three layers with numbers up to 30 and sums of 60 terms make 2e-15 of it
SEEN = 1e-7  # what a planted mistake must exceed; the smallest one, a norm's eps, makes 1e-6
both = pytest.mark.parametrize("kind", [GPT, GPT2])


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def official(kind):
    """The model of `transformers` with random parameters."""
    cfg = CFG[kind]
    sizes = {"vocab_size": 43, "n_embd": 15, "n_layer": 3, "n_head": 5, "n_positions": 19}
    if kind is GPT:
        config = transformers.OpenAIGPTConfig(**sizes, attn_implementation="eager")
        return scramble(transformers.OpenAIGPTLMHeadModel(config))
    config = transformers.GPT2Config(**sizes, n_inner=cfg.d_ff, bos_token_id=1, eos_token_id=2, pad_token_id=0)
    config._attn_implementation = "eager"
    return scramble(transformers.GPT2LMHeadModel(config))


def ours(kind, theirs):
    model = kind(CFG[kind]).double().eval()
    load_hf(model, theirs.state_dict(), kind.HF, kind.HF_IGNORE)
    return model


def batch(left=False):
    """Three texts of different lengths; 0 pads on the right, or on the left, and nothing else is 0."""
    mask = torch.arange(11) < torch.tensor([[11], [7], [4]])
    mask = mask.flip(1) if left else mask
    return torch.randint(1, 43, mask.shape) * mask, mask


def their_outputs(model, ids, mask):
    """Positions count from the first real token, as `generate` has it; padding is no label."""
    return model(
        ids,
        attention_mask=mask.long(),
        position_ids=(mask.cumsum(1) - 1).clamp(min=0),
        labels=ids.where(mask, -100),
        output_hidden_states=True,
    )


def loss(logits, ids, mask):
    """Mean nats for each next token. Theirs is the same in float32, which is too coarse for most tests."""
    targets = ids.where(mask, -100)[:, 1:]
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), targets.flatten())


def layers(model, run):
    """What the embeddings, each layer and the last norm hand on while `run()` runs."""
    return handed_on((model.dropout, *model.blocks, *([model.norm] if hasattr(model, "norm") else [])), run)


def difference(a, b):
    return max((x - y).abs().max().item() for x, y in zip(a, b, strict=True))


@both
@pytest.mark.parametrize("left", [False, True])
def test_every_layer_and_the_logits_equal_the_official_ones(kind, left):
    theirs, (ids, mask) = official(kind), batch(left)
    model, expected = ours(kind, theirs), their_outputs(theirs, ids, mask)
    states = layers(model, lambda: model(ids, mask))
    if kind is GPT2:
        del states[-2]  # theirs keeps what the last layer hands on only after the last norm
    assert len(states) == len(expected.hidden_states) == 4
    assert difference([x[mask] for x in states], [x[mask] for x in expected.hidden_states]) < CLOSE
    assert difference([model(ids, mask.long())[mask]], [expected.logits[mask]]) < CLOSE


@both
def test_without_a_mask_it_equals_the_official_one_too(kind):
    theirs, ids = official(kind), torch.randint(1, 43, (2, 19))
    model = ours(kind, theirs)
    expected = theirs(ids, output_attentions=True)
    with record(model) as weights:
        logits = model(ids)
    assert difference([logits], [expected.logits]) < CLOSE
    assert difference([weights[f"blocks.{i}.attn"] for i in range(3)], expected.attentions) < CLOSE


@both
def test_the_loss_equals_the_official_one(kind):
    theirs, (ids, mask) = official(kind), batch()
    found = loss(ours(kind, theirs)(ids, mask), ids, mask)
    assert difference([found], [their_outputs(theirs, ids, mask).loss]) < 1e-6  # theirs is float32


@both
def test_the_gradients_of_all_parameters_equal_the_official_ones(kind):
    theirs, (ids, mask) = official(kind), batch()
    model, gradients = ours(kind, theirs), kind(CFG[kind]).double()
    loss(model(ids, mask), ids, mask).backward()
    loss(their_outputs(theirs, ids, mask).logits, ids, mask).backward()
    load_hf(gradients, {name: parameter.grad for name, parameter in theirs.named_parameters()}, kind.HF)
    for (name, parameter), expected in zip(model.named_parameters(), gradients.parameters(), strict=True):
        assert difference([parameter.grad], [expected]) < CLOSE, name
        assert "k_proj.bias" in name or parameter.grad.abs().max() > 1e-6, name  # it moves all scores alike: no effect


@both
def test_five_steps_of_adamw_stay_together(kind):
    theirs = official(kind)
    model, before, after = (*(ours(kind, theirs) for _ in range(2)), kind(CFG[kind]).double())
    # eps: a key's bias has gradient 0, and what rounding leaves of it must not be divided by itself.
    optimizers = [torch.optim.AdamW(m.parameters(), lr=0.01, weight_decay=0.1, eps=1e-5) for m in (model, theirs)]
    for _ in range(5):
        ids, mask = batch()
        both_logits = model(ids, mask), their_outputs(theirs, ids, mask).logits
        for optimizer, logits in zip(optimizers, both_logits, strict=True):
            optimizer.zero_grad()
            loss(logits, ids, mask).backward()
            optimizer.step()
    load_hf(after, theirs.state_dict(), kind.HF, kind.HF_IGNORE)
    assert difference(model.parameters(), after.parameters()) < 1e-9  # five steps of 0.01 each, divided by sqrt(v)
    assert difference(model.parameters(), before.parameters()) > 0.01


def patterned(x, p=0.5, training=True, inplace=False):
    """What stands in for dropout: always the same numbers are dropped, so that two models can be compared."""
    return x * (torch.arange(x.numel()).view(x.shape) % 5 > 1) if training and p > 0 else x


@both
def test_dropout_stands_where_the_official_one_has_it(kind, monkeypatch):
    monkeypatch.setattr(F, "dropout", patterned)
    theirs, (ids, mask) = official(kind).train(), batch()
    model = kind(replace(CFG[kind], dropout=0.1)).double()
    load_hf(model, theirs.state_dict(), kind.HF, kind.HF_IGNORE)
    expected = their_outputs(theirs, ids, mask).logits
    with record(model):  # in plain steps: PyTorch's fused attention has a dropout of its own
        assert difference([model(ids, mask)[mask]], [expected[mask]]) < CLOSE
        for place in (model.dropout, model.blocks[1].dropout, model.blocks[2].attn):
            place.training = False
            assert difference([model(ids, mask)[mask]], [expected[mask]]) > SEEN
            place.training = True


def swap(a, b):
    a.data, b.data = b.data.clone(), a.data.clone()


def erf_gelu(model):
    for block in model.blocks:
        block.ffn.activation = F.gelu


def eps(model):
    for module in model.modules():
        if hasattr(module, "eps"):
            module.eps = 1e-6


def other_norm(model):
    for block in model.blocks:
        block.__class__ = PreNorm if type(block) is PostNorm else PostNorm


def swapped_norms(model):
    block = model.blocks[1]
    block.norm_attn, block.norm_ffn = block.norm_ffn, block.norm_attn


def untransposed(model):
    weight = model.blocks[2].attn.out_proj.weight
    weight.data = weight.data.T.clone()


def queries_for_keys(model):
    swap(model.blocks[0].attn.q_proj.weight, model.blocks[0].attn.k_proj.weight)


MISTAKES = {
    "GELU by erf": erf_gelu,
    "a norm's eps": eps,
    "norms swapped": swapped_norms,
    "norms on the other side": other_norm,
    "a square matrix not transposed": untransposed,
    "q and k swapped": queries_for_keys,
    "biases of q and k swapped": lambda model: swap(model.blocks[0].attn.q_proj.bias, model.blocks[0].attn.k_proj.bias),
    "positions from 1": lambda model: model.pos.weight.data.copy_(model.pos.weight.roll(-1, 0)),
    "wrong scale": lambda model: setattr(model.blocks[0].attn, "scale", 15**-0.5),
    "a head of its own": lambda model: setattr(model.head, "_tok", (nn.Embedding(43, 15).double(),)),
}


@both
@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_comparison_sees(mistake, kind):
    theirs, (ids, mask) = official(kind), batch()
    model = ours(kind, theirs)
    MISTAKES[mistake](model)
    assert difference([model(ids, mask)[mask]], [their_outputs(theirs, ids, mask).logits[mask]]) > SEEN


def test_the_comparison_sees_a_missing_norm_and_a_missing_mask():
    theirs, (ids, mask) = official(GPT2), batch(left=True)
    expected = their_outputs(theirs, ids, mask).logits[mask]
    assert difference([ours(GPT2, theirs)(ids)[mask]], [expected]) > SEEN
    model = ours(GPT2, theirs)
    model.norm = nn.Identity()
    assert difference([model(ids, mask)[mask]], [expected]) > SEEN


@both
def test_a_map_that_packs_in_another_order_is_seen(kind):
    theirs, (ids, mask) = official(kind), batch()
    q, k = kind.HF["blocks.{i}.attn.q_proj"], kind.HF["blocks.{i}.attn.k_proj"]
    model = kind(CFG[kind]).double().eval()
    names = {**kind.HF, "blocks.{i}.attn.q_proj": k, "blocks.{i}.attn.k_proj": q}
    load_hf(model, theirs.state_dict(), names, kind.HF_IGNORE)
    assert difference([model(ids, mask)[mask]], [their_outputs(theirs, ids, mask).logits[mask]]) > SEEN


# Training


@both
def test_before_training_every_token_is_as_probable_as_any_other(kind):
    tiny = {GPT: gpt.TINY, GPT2: gpt2.TINY}[kind]
    model, ids = kind(tiny).eval(), torch.randint(tiny.vocab_size, (8, 33))
    assert loss(model(ids), ids, ids >= 0).item() == pytest.approx(math.log(500), abs=0.05)


@both
def test_one_batch_is_learnt_with_dropout_on(kind):
    tiny = {GPT: gpt.TINY, GPT2: gpt2.TINY}[kind]
    model, ids = kind(tiny), torch.randint(tiny.vocab_size, (8, 17))
    inputs, targets = ids[:, :-1], ids[:, 1:]
    fit(model, lambda step: (inputs, targets), 120, optimizer=adamw(model, 3e-3), progress=False)
    total, count = cross_entropy(model, (inputs, targets))
    assert total.item() / count.item() < 0.2


@both
def test_no_token_sees_the_future(kind):
    model, ids = scramble(kind(CFG[kind])), torch.randint(1, 43, (1, 12))
    for changed in range(12):
        other = ids.clone()
        other[0, changed] = ids[0, changed] % 42 + 1
        far = (model(ids) - model(other)).abs().amax(-1)[0]
        assert (far[:changed] == 0).all()
        assert (far[changed:] > SEEN).all()


@both
@pytest.mark.parametrize("left", [False, True])
def test_padding_changes_nothing(kind, left):
    model, (ids, mask) = scramble(kind(CFG[kind])), batch(left)
    full = model(ids, mask)
    for row, real, text in zip(full, mask, ids, strict=True):
        assert difference([row[real]], [model(text[real][None])[0]]) < CLOSE
    assert difference([full[mask]], [model(ids.where(mask, 7), mask.long())[mask]]) < CLOSE
    assert torch.isfinite(full).all()


@both
def test_it_runs_where_its_weights_are(kind):
    with torch.device("meta"):
        model, ids = kind(CFG[kind]), torch.ones(2, 11, dtype=torch.long)
    assert model(ids, ids, [KVCache() for _ in range(3)]).device.type == "meta"  # a tensor elsewhere would be an error


SIZES = {
    "gpt2": ({}, 124_439_808),
    "gpt2-medium": ({"d_model": 1024, "n_layers": 24, "n_heads": 16, "d_ff": 4096}, 354_823_168),
    "gpt2-large": ({"d_model": 1280, "n_layers": 36, "n_heads": 20, "d_ff": 5120}, 774_030_080),
    "gpt2-xl": ({"d_model": 1600, "n_layers": 48, "n_heads": 25, "d_ff": 6400}, 1_557_611_200),
}


@pytest.mark.parametrize(
    ("kind", "cfg", "published"),
    [(GPT, GPTConfig(), 116_534_784), *((GPT2, GPT2Config(**sizes), n) for sizes, n in SIZES.values())],
)
def test_it_has_as_many_parameters_as_published(kind, cfg, published):
    with torch.device("meta"):
        model = kind(cfg)
    assert sum(p.numel() for p in model.parameters()) == published


@both
def test_the_initial_weights_are_as_published(kind):
    tiny = {GPT: gpt.TINY, GPT2: gpt2.TINY}[kind]
    for name, parameter in kind(tiny).named_parameters():
        if "norm" in name or name.endswith("bias"):
            assert (parameter == (1 if name.endswith("weight") else 0)).all(), name
        else:  # the four matrices that write to the stream start smaller, so that their sum does not grow with depth
            writes = kind is GPT2 and ("out_proj" in name or "down" in name)
            assert parameter.std().item() == pytest.approx(0.02 / (2 if writes else 1), rel=0.06), name


@both
def test_what_does_not_fit_the_positions_is_refused(kind):
    model, caches = kind(CFG[kind]), [KVCache() for _ in range(3)]
    with pytest.raises(ValueError, match="a text of 20 tokens; this model has max_len=19 positions"):
        model(torch.ones(1, 20, dtype=torch.long))
    model(torch.ones(1, 18, dtype=torch.long), caches=caches)
    with pytest.raises(ValueError, match="a text of 20 tokens; this model has max_len=19 positions"):
        model(torch.ones(1, 2, dtype=torch.long), caches=caches)
    with pytest.raises(ValueError, match="mask covers 1 positions; give all 19, those in the caches too"):
        model(torch.ones(1, 1, dtype=torch.long), torch.ones(1, 1, dtype=torch.long), caches)


# Decoding


@both
@pytest.mark.parametrize("steps", [(11,), (1,) * 11, (4, 3, 1, 3)])
@pytest.mark.parametrize("left", [False, True])
def test_cached_equals_uncached(kind, steps, left):
    model, (ids, mask) = scramble(kind(CFG[kind])), batch(left)
    caches, start, out = [KVCache() for _ in range(3)], 0, []
    for n in steps:
        out.append(model(ids[:, start : start + n], mask[:, : start + n], caches))
        start += n
    assert difference([torch.cat(out, 1)[mask]], [model(ids, mask)[mask]]) < CLOSE


@both
def test_a_continuation_brings_the_logits_for_what_follows(kind):
    model, (ids, mask) = scramble(kind(CFG[kind])), batch(left=True)
    step, rows = Continuation(model, mask), torch.tensor([2, 0, 0])
    assert difference([step(ids)], [model(ids, mask)[:, -1]]) < CLOSE
    step.reorder(rows)
    new = torch.randint(1, 43, (3, 2))
    longer, seen = torch.cat([ids[rows], new], 1), torch.cat([mask[rows], torch.ones(3, 2, dtype=torch.bool)], 1)
    assert difference([step(new)], [model(longer, seen)[:, -1]]) < CLOSE
    plain = Continuation(model)
    plain(ids)
    assert difference([plain(new)], [model(torch.cat([ids, new], 1))[:, -1]]) < CLOSE


def test_greedy_texts_equal_the_official_ones_token_for_token():
    theirs, (ids, mask) = official(GPT2), batch(left=True)
    theirs.transformer.wpe.weight.data *= 10  # so that the texts are not one token again and again
    theirs.transformer.ln_f.bias.data.zero_()
    expected = theirs.generate(ids, attention_mask=mask.long(), do_sample=False, max_new_tokens=8)
    model = ours(GPT2, theirs)
    with torch.no_grad():
        found = greedy(Continuation(model, mask), ids, stop=[2], max_new=8)
    assert found.tolist() == expected[:, 11:].tolist()
    assert len(set(found.flatten().tolist())) > 5


# Files


@both
def test_a_saved_model_comes_back(kind, tmp_path):
    model = scramble(kind(CFG[kind])).float()
    model.save_pretrained(tmp_path)
    again = kind.from_pretrained(tmp_path)
    assert again.cfg == CFG[kind]
    assert not again.training
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


@both
def test_the_official_library_loads_what_we_saved(kind, tmp_path):
    model, ids = scramble(kind(CFG[kind])), torch.randint(1, 43, (2, 12))
    model.save_pretrained(tmp_path)
    theirs, info = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values())
    assert theirs.config.architectures == [type(theirs).__name__]
    assert theirs.dtype == torch.float64
    assert difference([model(ids)], [theirs.eval()(ids).logits]) < CLOSE
    body = transformers.AutoModel.from_pretrained(tmp_path).eval()
    assert difference([model.hidden(ids)], [body(ids).last_hidden_state]) < CLOSE


def test_the_official_pipeline_writes_what_we_write(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    model = scramble(GPT2(CFG[GPT2]))
    model.save_pretrained(tmp_path)
    tokenizer = Tokenizer(models.WordLevel({f"w{i}": i for i in range(43)}, unk_token="w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="w0", eos_token="w2")
    fast.save_pretrained(tmp_path)
    write = transformers.pipeline("text-generation", model=str(tmp_path), device="cpu")
    settings = transformers.GenerationConfig(do_sample=False, max_new_tokens=6, pad_token_id=0, eos_token_id=42)
    (found,) = write("w5 w9 w7", generation_config=settings, return_full_text=False)
    expected = greedy(Continuation(model), torch.tensor([[5, 9, 7]]), stop=[42], max_new=6)[0].tolist()
    assert found["generated_text"].split() == [f"w{i}" for i in expected]


@both
@pytest.mark.parametrize("form", ["safetensors", "sharded", "pickled", "old"])
def test_official_checkpoints_are_read(kind, form, tmp_path):
    theirs, (ids, mask) = official(kind), batch()
    if form in ("safetensors", "sharded"):
        theirs.save_pretrained(tmp_path, max_shard_size="6KB" if form == "sharded" else "5GB")
        assert (len(list(tmp_path.glob("*.safetensors"))) > 1) == (form == "sharded")
    else:
        theirs.config.save_pretrained(tmp_path)
        state = theirs.state_dict()
        if form == "old":  # as published: without prefix and head, with the causal masks
            state = {name.removeprefix("transformer."): tensor for name, tensor in state.items() if "head" not in name}
            state |= {f"h.{i}.attn.bias": torch.ones(1, 1, 19, 19).tril() for i in range(3)}
        torch.save(state, tmp_path / "pytorch_model.bin")
    model = kind.from_pretrained(tmp_path)
    assert model.cfg == replace(CFG[kind], dropout=0.1)
    expected = ours(kind, theirs.float().double())  # our model is float32 at first
    assert all(torch.equal(a.double(), b) for a, b in zip(model.parameters(), expected.parameters(), strict=True))
    assert difference([model.double()(ids, mask)], [expected(ids, mask)]) < CLOSE


@both
def test_all_tensors_that_do_not_fit_are_said_at_once(kind):
    state = official(kind).state_dict()
    del state["transformer.h.1.ln_1.weight"]
    state["transformer.h.0.attn.c_attn.weight"] = torch.zeros(15, 46)
    state["transformer.h.3.ln_1.weight"] = torch.zeros(15)
    state["lm_head.weight"] = state["lm_head.weight"] + 1
    with pytest.raises(ValueError, match="don't fit") as caught:
        load_hf(kind(CFG[kind]), state, kind.HF, kind.HF_IGNORE)
    table = "wte" if kind is GPT2 else "tokens_embed"
    assert (
        str(caught.value).splitlines()[1:]
        == [
            f"  tok.weight: {table}.weight and lm_head.weight should be the same tensor, and differ",
            *(
                f"  blocks.0.attn.{p}_proj.weight: shape (15, 15), and h.0.attn.c_attn.weight has (15, 46)"
                for p in "qkv"
            ),
            "  blocks.1.norm_attn.weight: missing: h.1.ln_1.weight",
            "  unexpected: h.3.ln_1.weight (15,)",
        ]
        or kind is GPT2
    )  # whose blocks list their norm first


@pytest.mark.parametrize(
    ("setting", "other", "ours"),
    [
        ("activation_function", "relu", "gelu_new"),
        ("layer_norm_epsilon", 1e-6, 1e-5),
        ("scale_attn_weights", False, True),
        ("scale_attn_by_inverse_layer_idx", True, False),
        ("add_cross_attention", True, False),
        ("tie_word_embeddings", False, True),
    ],
)
def test_checkpoints_of_another_kind_are_refused(setting, other, ours, tmp_path):
    config = transformers.GPT2Config(vocab_size=9, n_embd=4, n_layer=1, n_head=1, **{setting: other})
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=f"no model for GPT2Config: {setting}={other!r} and not {ours!r}"):
        GPT2.from_pretrained(tmp_path)


def test_a_checkpoint_of_the_ancestor_is_refused(tmp_path):
    GPT(CFG[GPT]).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="no model for GPT2Config: model_type='openai-gpt' and not 'gpt2'"):
        GPT2.from_pretrained(tmp_path)


def test_the_width_of_the_net_may_be_left_open(tmp_path):
    config = transformers.GPT2Config(vocab_size=9, n_embd=4, n_layer=1, n_head=1)
    assert config.n_inner is None
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path)
    assert GPT2.from_pretrained(tmp_path).cfg.d_ff == 16


def test_gpt_is_saved_only_as_wide_as_the_official_one_can_be(tmp_path):
    with pytest.raises(ValueError, match=r"d_ff is 61; `transformers` knows GPT with 4 \* 15 only"):
        GPT(replace(CFG[GPT], d_ff=61)).save_pretrained(tmp_path)


def test_the_module_s_maps_are_the_class_s():
    assert (GPT.HF, GPT.HF_IGNORE) == (gpt.HF, gpt.HF_IGNORE)
    assert (GPT2.HF, GPT2.HF_IGNORE) == (gpt2.HF, gpt2.HF_IGNORE)
    assert isinstance(GPT2.HF["blocks.{i}.attn.q_proj"], Part)


@pytest.mark.official
@both
def test_the_published_model_is_read(kind):
    name = "openai-community/gpt2" if kind is GPT2 else "openai-community/openai-gpt"
    theirs, ids = transformers.AutoModelForCausalLM.from_pretrained(name).eval(), torch.randint(40_000, (2, 50))
    with torch.no_grad():
        logits, expected = kind.from_pretrained(name)(ids), theirs(ids).logits
    assert difference([logits], [expected]) < 1e-5 * expected.abs().max().item()  # float32
