"""Sampling and rules: equal to those of `transformers`, value for value, and to `generate`, token for token."""

import itertools
from functools import partial

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from transformers.generation import logits_process as official

from course_utils.decode import (
    Answer,
    Continuation,
    beam,
    ends_with,
    greedy,
    no_repeat_ngram,
    nucleus,
    probabilities,
    repetition_penalty,
    sample,
    texts,
    top_k,
)
from course_utils.models import bart, gpt2
from course_utils.weights import load_hf

INF = float("inf")
PAD, STOP = 0, 2

finite = st.floats(-30, 30, width=32)
many_logits = st.integers(1, 9).flatmap(lambda v: arrays("float32", (3, v), elements=finite)).map(torch.from_numpy)


def some_ids(logits: torch.Tensor, length: int, seed: int) -> torch.Tensor:
    return torch.randint(logits.shape[1], (len(logits), length), generator=torch.Generator().manual_seed(seed))


# Rules: against those of transformers, and against their definitions


@settings(deadline=None)
@given(many_logits, st.integers(1, 12))
def test_top_k_is_the_official_one(logits, k):
    expected = official.TopKLogitsWarper(k)(None, logits)
    assert torch.equal(top_k(logits, k), expected)


@settings(deadline=None)
@given(many_logits, st.floats(0, 1, exclude_min=True))
def test_nucleus_is_the_official_one(logits, p):
    expected = official.TopPLogitsWarper(p)(None, logits)
    assert torch.equal(nucleus(logits, p), expected)


@settings(deadline=None)
@given(many_logits, st.floats(0.1, 5), st.integers(1, 12), st.integers(0, 99))
def test_repetition_penalty_is_the_official_one(logits, penalty, length, seed):
    ids = some_ids(logits, length, seed)
    expected = official.RepetitionPenaltyLogitsProcessor(penalty)(ids, logits)
    assert torch.equal(repetition_penalty(logits, ids, penalty), expected)


@settings(deadline=None)
@given(many_logits, st.integers(1, 5), st.integers(1, 12), st.integers(0, 99))
def test_no_repeat_ngram_is_the_official_one(logits, n, length, seed):
    ids = some_ids(logits, length, seed)
    expected = official.NoRepeatNGramLogitsProcessor(n)(ids, logits)
    assert torch.equal(no_repeat_ngram(logits, ids, n), expected)


@settings(deadline=None)
@given(many_logits, st.floats(0.1, 5), st.integers(1, 12), st.floats(0.01, 1))
def test_probabilities_are_those_that_generate_draws_from(logits, temperature, k, p):
    warpers = official.LogitsProcessorList(
        [
            official.TemperatureLogitsWarper(temperature),
            official.TopKLogitsWarper(k),
            official.TopPLogitsWarper(p),
        ]
    )
    assert torch.equal(probabilities(logits, temperature, k, p), warpers(None, logits).softmax(-1))


@settings(deadline=None)
@given(arrays("float64", st.integers(1, 8), elements=finite), st.floats(0.01, 1))
def test_the_nucleus_is_the_smallest_set_with_so_much_probability(logits, p):
    """By trying all sets."""
    logits = torch.from_numpy(logits)
    probability, kept = logits.softmax(-1), nucleus(logits, p).isfinite()
    assert probability[kept].sum() >= p - 1e-12
    for size in range(int(kept.sum())):
        assert all(
            probability[list(which)].sum() < p + 1e-12 for which in itertools.combinations(range(len(logits)), size)
        )


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(1, 4))
def test_no_sequence_stands_twice(prompt, n):
    """What is forbidden is exactly what would repeat."""
    ids = torch.tensor([prompt])
    seen = {tuple(prompt[i : i + n]) for i in range(len(prompt) - n + 1)}
    forbidden = [tuple([*prompt, token][-n:]) in seen and len(prompt) >= n for token in range(4)]
    assert no_repeat_ngram(torch.zeros(1, 4), ids, n).isinf()[0].tolist() == forbidden


def test_rules_leave_what_they_are_given():
    logits, ids = torch.randn(2, 5), torch.tensor([[1, 2, 1], [3, 3, 3]])
    before = logits.clone()
    for rule in (
        partial(top_k, k=2),
        partial(nucleus, p=0.5),
        partial(repetition_penalty, ids=ids, penalty=2.0),
        partial(no_repeat_ngram, ids=ids, n=2),
    ):
        assert not torch.equal(rule(logits), before)
        assert torch.equal(logits, before)


def test_what_sampling_draws_has_the_probabilities_it_says():
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0]])
    n = 20_000
    drawn = sample(
        lambda ids: logits.expand(n, -1), torch.zeros(n, 1, dtype=torch.long), top_k=3, generator=0, max_new=1
    )
    found = torch.bincount(drawn[:, 0], minlength=4) / n
    assert (found - probabilities(logits, k=3)[0]).abs().max() < 0.015  # 4 standard errors


def test_near_zero_temperature_is_greedy():
    table = torch.randn(40, 40, generator=torch.Generator().manual_seed(0))
    start = torch.tensor([[3], [8]])
    cold = sample(lambda ids: table[ids[:, -1]], start, temperature=1e-4, generator=0)
    assert torch.equal(cold, greedy(lambda ids: table[ids[:, -1]], start))


def test_a_seed_a_generator_and_pytorch_s_own():
    table, start = torch.randn(40, 40, generator=torch.Generator().manual_seed(0)), torch.tensor([[3], [8]])
    draw = partial(sample, lambda ids: table[ids[:, -1]], start, max_new=9)
    first = draw(generator=5)
    assert torch.equal(draw(generator=5), first)
    assert not torch.equal(draw(generator=6), first)
    generator = torch.Generator().manual_seed(5)
    assert torch.equal(draw(generator=generator), first)
    assert not torch.equal(draw(generator=generator), first)  # it went on
    torch.manual_seed(5)
    assert torch.equal(draw(), first)


# Stopping


def fixed(*script: list[int]):
    """A step that writes what it is told."""
    columns = iter(torch.tensor(script).T)
    return lambda ids: 99.0 * torch.nn.functional.one_hot(next(columns), 10)


@pytest.mark.parametrize("write", [greedy, partial(sample, generator=0)])
def test_a_text_ends_with_a_phrase(write):
    start = torch.tensor([[7], [1], [1]])
    script = [7, 9, 7, 9, 5], [9, 9, 9, 7, 9], [7, 8, 9, 1, 1]
    out = write(fixed(*script), start, stop=ends_with([7, 9]), max_new=5)
    assert out.tolist() == [[7, 9, PAD, PAD, PAD], [9, 9, 9, 7, 9], [7, 8, 9, 1, 1]]  # the prompt's 7 does not count
    assert write(fixed(*script), start, stop=lambda new: new[:, -1] > 6, max_new=5).tolist() == [[7], [9], [7]]
    assert write(fixed(*script), start, stop=[9, 8], max_new=5).tolist() == [[7, 9], [9, PAD], [7, 8]]


# Against `generate`


def official_gpt2(**more):
    sizes = {"vocab_size": 43, "n_embd": 15, "n_layer": 2, "n_head": 5, "n_positions": 40, "n_inner": 37}
    config = transformers.GPT2Config(**sizes, bos_token_id=1, eos_token_id=STOP, pad_token_id=PAD, **more)
    torch.manual_seed(0)
    theirs = transformers.GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.normal_(std=0.4)
        theirs.transformer.ln_f.bias.zero_()
        theirs.transformer.wte.weight[PAD] = 0  # so that texts hardly contain it,
        theirs.transformer.wte.weight[STOP] *= 0.3  # and don't end too soon
    return theirs


@pytest.fixture(scope="module")
def pair():
    theirs = official_gpt2()
    cfg = gpt2.GPT2Config(vocab_size=43, d_model=15, n_layers=2, n_heads=5, d_ff=37, max_len=40, dropout=0.0)
    ours = gpt2.GPT2(cfg).eval()
    load_hf(ours, theirs.state_dict(), gpt2.GPT2.HF, gpt2.GPT2.HF_IGNORE)
    return ours, theirs


def left_padded():
    ids = torch.randint(3, 43, (4, 7), generator=torch.Generator().manual_seed(3))
    mask = torch.arange(7) >= torch.tensor([[0], [3], [6], [1]])
    return ids.where(mask, PAD), mask


def generate(theirs, ids, mask, **options):
    found = theirs.generate(ids, attention_mask=mask.long(), max_new_tokens=20, **options)
    return found[:, ids.shape[1] :]


RULES = {
    "none": ([], {}),
    "penalty": ([partial(repetition_penalty, penalty=1.7)], {"repetition_penalty": 1.7}),
    "ngram": ([partial(no_repeat_ngram, n=2)], {"no_repeat_ngram_size": 2}),
    "both": (
        [partial(repetition_penalty, penalty=0.6), partial(no_repeat_ngram, n=3)],
        {"repetition_penalty": 0.6, "no_repeat_ngram_size": 3},
    ),
}


@pytest.mark.parametrize("rules", RULES)
def test_greedy_with_rules_is_generate(pair, rules):
    ours, theirs = pair
    mine, options = RULES[rules]
    ids, mask = left_padded()
    expected = generate(theirs, ids, mask, do_sample=False, **options)
    found = greedy(Continuation(ours, mask), ids, rules=mine, stop=[STOP], max_new=20)
    assert found.tolist() == expected.tolist()
    plain = greedy(Continuation(ours, mask), ids, stop=[STOP], max_new=20)
    assert (found.tolist() == plain.tolist()) == (rules == "none")


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize(
    "shape", [{}, {"temperature": 0.7}, {"top_k": 5}, {"top_p": 0.8}, {"temperature": 1.4, "top_k": 9, "top_p": 0.9}]
)
def test_samples_are_those_of_generate_with_the_same_seed(pair, rules, shape):
    ours, theirs = pair
    mine, options = RULES[rules]
    ids, mask = left_padded()
    torch.manual_seed(11)
    expected = generate(theirs, ids, mask, do_sample=True, **({"top_k": 0} | shape | options))
    found = sample(Continuation(ours, mask), ids, rules=mine, generator=11, stop=[STOP], max_new=20, **shape)
    assert found.tolist() == expected.tolist()
    assert len({tuple(row) for row in found.tolist()}) == 4


def test_beams_with_rules_are_those_of_generate():
    config = transformers.BartConfig(
        vocab_size=19, max_position_embeddings=32, d_model=16, forced_eos_token_id=None, scale_embedding=False
    )
    config.update(
        {f"{side}_{what}": n for side in ("encoder", "decoder") for what, n in (("layers", 1), ("ffn_dim", 20))}
    )
    config.update({"encoder_attention_heads": 2, "decoder_attention_heads": 2})
    torch.manual_seed(0)
    theirs = transformers.BartForConditionalGeneration(config).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter += 0.5 * torch.randn_like(parameter)
        theirs.final_logits_bias[0, config.pad_token_id] = -1e4
    sizes = {"vocab_size": 19, "d_model": 16, "n_layers": 1, "n_heads": 2, "d_ff": 20, "max_len": 32}
    ours = bart.Bart(bart.BartConfig(**sizes)).eval()
    load_hf(ours, theirs.state_dict(), bart.Bart.HF, bart.Bart.HF_IGNORE)
    source, start, seen = torch.randint(4, 19, (3, 7)), torch.full((3, 1), 2), set()
    for rules, options in RULES.values():
        settings = {"num_beams": 3, "num_return_sequences": 3, "max_new_tokens": 12, "early_stopping": "never"}
        expected = theirs.generate(source, eos_token_id=STOP, length_penalty=1.0, **settings, **options)[:, 1:]
        search = {"n_beams": 3, "n_best": 3, "stop": [STOP], "max_new": 12, "pad": 1, "penalty": float}
        found = beam(Answer(ours, source), start, rules=rules, **search).ids.flatten(0, 1)
        assert texts(found, [STOP, 1]) == texts(expected, [STOP, 1])
        seen.add(str(found.tolist()))
    assert len(seen) == len(RULES)


# Texts of different length in one batch


@pytest.mark.parametrize("rules", RULES)
def test_a_padded_text_is_written_as_it_is_alone(pair, rules):
    ours, _ = pair
    ids, mask = left_padded()
    write = partial(greedy, rules=RULES[rules][0], stop=[STOP], max_new=20)
    together = write(Continuation(ours, mask), ids)
    for row, real, text in zip(ids, mask, together, strict=True):
        alone = write(Continuation(ours), row[real][None])
        assert texts(text[None], [STOP]) == texts(alone, [STOP])


def test_padded_texts_are_sampled_from_the_probabilities_that_they_have_alone(pair):
    """The draws of a batch come from one stream, so what is compared is what they are drawn from."""
    ours, _ = pair
    ids, mask = left_padded()
    seen: list[torch.Tensor] = []

    def spied(step):
        def call(ids):
            seen.append(step(ids).double())
            return seen[-1]

        return call

    new = sample(spied(Continuation(ours.double(), mask)), ids, generator=0, max_new=10)
    together = torch.stack(seen, 1)
    for i, (row, real) in enumerate(zip(ids, mask, strict=True)):
        step, alone = Continuation(ours), []
        with torch.no_grad():
            for part in (row[real][None], *new[i, :-1, None, None]):
                alone.append(step(part)[0])
        torch.testing.assert_close(torch.stack(alone), together[i], atol=1e-12, rtol=0)
    ours.float()


# Errors


@pytest.mark.usefixtures("as_in_a_notebook")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"temperature": 0}, "temperature is 0; give a number above 0, or decode greedily"),
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"top_k": 0}, "top_k is 0; at least 1 token"),
        ({"top_p": 0.0}, "top_p is 0.0; it is a probability above 0"),
        ({"top_p": 1.1}, "top_p is 1.1"),
        ({"top_p": INF}, "top_p is inf"),
        ({"max_new": 0}, "max_new=0"),
    ],
)
def test_nonsense_is_refused_before_the_model_runs(options, said):
    def never(ids):
        raise AssertionError("the model ran")

    with pytest.raises(ValueError, match=said):
        sample(never, torch.ones(1, 1, dtype=torch.long), **options)


@pytest.mark.usefixtures("as_in_a_notebook")
def test_rules_refuse_nonsense():
    logits, ids = torch.zeros(1, 3), torch.ones(1, 1, dtype=torch.long)
    with pytest.raises(ValueError, match="penalty is 0; give a number above 0"):
        repetition_penalty(logits, ids, 0)
    with pytest.raises(ValueError, match="n is 0; a sequence has 1 token at least"):
        no_repeat_ngram(logits, ids, 0)
    with pytest.raises(ValueError, match="an empty phrase"):
        ends_with([])
