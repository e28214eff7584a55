"""Positions against transformers, in float64 and odd sizes, with mistakes planted that the checks must see."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import GPTNeoXConfig, LlamaConfig, T5Config
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.gpt_neox import modeling_gpt_neox as neox
from transformers.models.gptj import modeling_gptj as gptj
from transformers.models.llama import modeling_llama as llama
from transformers.models.marian.modeling_marian import MarianSinusoidalPositionalEmbedding
from transformers.models.roformer.modeling_roformer import RoFormerSelfAttention, RoFormerSinusoidalPositionalEmbedding
from transformers.models.t5.modeling_t5 import T5Attention

from course_utils.blocks.masks import causal
from course_utils.blocks.positions import (
    Rotary,
    RotaryPairs,
    T5Bias,
    alibi,
    alibi_slopes,
    ntk_base,
    sinusoidal,
    t5_bucket,
)

LAYOUTS = pytest.mark.parametrize("layout", [Rotary, RotaryPairs])
EXACT = {"rtol": 0, "atol": 1e-12}  # float64, a few operations on numbers of size 1


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def angles(n_positions, n_rotated, base=10_000.0, scale=1.0):
    """The angle of every position and pair, one number after the other."""
    pairs = n_rotated // 2
    rows = [[p / scale / base ** (2 * i / n_rotated) for i in range(pairs)] for p in range(n_positions)]
    return torch.tensor(rows, dtype=torch.float64)


# Sinusoids


@pytest.mark.parametrize(("n_positions", "d_model"), [(1, 2), (7, 6), (301, 10), (1000, 64)])
def test_sinusoids_are_the_papers_formula(n_positions, d_model):
    wanted = np.empty((n_positions, d_model))
    for p in range(n_positions):
        for i in range(d_model // 2):
            wanted[p, 2 * i] = math.sin(p / 10_000 ** (2 * i / d_model))
            wanted[p, 2 * i + 1] = math.cos(p / 10_000 ** (2 * i / d_model))
    ours = sinusoidal(n_positions, d_model, dtype=torch.float64).numpy()
    np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-10)  # angles to 1000 leave 13 digits
    assert not np.allclose(sinusoidal(n_positions, d_model).roll(1, -1), wanted)  # planted: sin and cos swapped


@pytest.mark.parametrize("module", [MarianSinusoidalPositionalEmbedding, RoFormerSinusoidalPositionalEmbedding])
def test_sinusoids_are_marians_in_another_order(module):
    marian = module(50, 14)
    theirs = marian.create_weight()  # all sines, then all cosines
    ours = sinusoidal(50, 14)
    torch.testing.assert_close(torch.cat([ours[:, ::2], ours[:, 1::2]], 1), theirs, rtol=0, atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 30), st.integers(0, 2000), st.integers(0, 500))
def test_a_shift_of_sinusoids_is_a_linear_map(pairs, p, k):
    """PE(p + k) = M_k PE(p), M_k turning each pair by k times its frequency: the seed of RoPE."""
    d = 2 * pairs
    here, there = (sinusoidal(1, d, start=q, dtype=torch.float64)[0].unflatten(0, (-1, 2)) for q in (p, p + k))
    cos, sin = angles(k + 1, d)[k].cos(), angles(k + 1, d)[k].sin()
    moved = torch.stack([here[:, 0] * cos + here[:, 1] * sin, here[:, 1] * cos - here[:, 0] * sin], -1)
    torch.testing.assert_close(moved, there, rtol=0, atol=1e-10)


def test_sinusoids_from_the_middle_and_far_away():
    torch.testing.assert_close(sinusoidal(5, 8, start=11), sinusoidal(16, 8)[11:])
    far = sinusoidal(1, 2, start=1_000_003)  # in float32 the angle itself would be off by 0.06
    torch.testing.assert_close(far[0, 0].item(), math.sin(1_000_003), rtol=0, atol=1e-6)
    assert sinusoidal(0, 4).shape == (0, 4)
    assert sinusoidal(3, 4, dtype=torch.bfloat16).dtype == torch.bfloat16
    assert sinusoidal(3, 4, device=torch.device("meta")).is_meta


# T5's buckets


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("n_buckets", "max_distance"), [(32, 128), (32, 129), (34, 77), (6, 5), (4, 9), (128, 1001)])
def test_buckets_are_t5s(n_buckets, max_distance, bidirectional):
    distance = torch.arange(-3000, 3001)
    theirs = T5Attention._relative_position_bucket(distance, bidirectional, n_buckets, max_distance)
    ours = t5_bucket(distance, n_buckets, max_distance, bidirectional)
    assert torch.equal(ours, theirs)
    assert ours.min() == 0
    assert ours.max() == n_buckets - 1


@pytest.mark.parametrize(("n_buckets", "max_distance"), [(31, 127), (3, 2), (9, 50)])
def test_buckets_of_one_direction_may_be_odd_in_number(n_buckets, max_distance):
    distance = torch.arange(-3000, 3001)
    theirs = T5Attention._relative_position_bucket(distance, False, n_buckets, max_distance)
    assert torch.equal(t5_bucket(distance, n_buckets, max_distance, False), theirs)


def test_erratum_21_far_positions_share_the_last_bucket():
    far = torch.arange(-1000, -90)
    assert t5_bucket(far).unique().tolist() == [15]
    assert t5_bucket(-far).unique().tolist() == [31]
    assert t5_bucket(torch.tensor([-90])).item() == 14
    decoder = t5_bucket(-torch.arange(1001), bidirectional=False)
    assert decoder[:17].tolist() == list(range(17))
    assert decoder[113:].unique().tolist() == [31]
    assert decoder[112] == 30


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 40), st.integers(1, 300), st.booleans())
def test_buckets_never_fall_with_distance(n, beyond, bidirectional):
    n_buckets = 2 * n if bidirectional else n
    back = t5_bucket(-torch.arange(800), n_buckets, n // 2 + beyond, bidirectional)
    assert (back.diff() >= 0).all()
    assert back[: n // 2].tolist() == list(range(n // 2))  # one bucket for each near distance
    assert back[n // 2 + beyond :].unique().tolist() == [n - 1]  # and one for everything far


@pytest.mark.parametrize(
    "mistaken",
    [
        lambda d: t5_bucket(d + 1),
        lambda d: t5_bucket(-d),  # query - key
        lambda d: torch.where(d.abs() <= 8, t5_bucket(d), (t5_bucket(d) + 1).clamp(max=31)),  # off by one in the logs
        lambda d: t5_bucket(d, max_distance=127),
    ],
)
def test_mistakes_with_buckets_are_seen(mistaken):
    distance = torch.arange(-200, 201)
    assert not torch.equal(mistaken(distance), T5Attention._relative_position_bucket(distance))


def t5_attention(bidirectional, n_heads=3, n_buckets=10, max_distance=21):
    config = T5Config(
        d_model=9,
        d_kv=3,
        num_heads=n_heads,
        relative_attention_num_buckets=n_buckets,
        relative_attention_max_distance=max_distance,
        is_decoder=not bidirectional,
    )
    theirs = T5Attention(config, has_relative_attention_bias=True, layer_idx=0).double()
    theirs.relative_attention_bias.weight.data = random(n_buckets, n_heads)
    ours = T5Bias(n_heads, n_buckets, max_distance, bidirectional).double()
    ours.table.load_state_dict(theirs.relative_attention_bias.state_dict())
    return ours, theirs


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("n_queries", "n_keys"), [(1, 1), (5, 5), (37, 37), (1, 37), (4, 41)])
def test_the_bias_is_t5s(n_queries, n_keys, bidirectional):
    ours, theirs = t5_attention(bidirectional)
    wanted = theirs.compute_bias(n_queries, n_keys, past_seen_tokens=n_keys - n_queries)
    bias = ours(n_queries, n_keys)
    assert torch.equal(bias, wanted)
    assert n_keys == 1 or not torch.equal(bias.flip(-1), wanted)
    assert not 1 < n_queries == n_keys or not torch.equal(bias.mT, wanted)


def test_the_bias_passes_its_gradient_to_the_table():
    ours, theirs = t5_attention(bidirectional=True)
    weight = random(1, 3, 7, 12)
    (ours(7, 12) * weight).sum().backward()
    (theirs.compute_bias(7, 12, past_seen_tokens=5) * weight).sum().backward()
    torch.testing.assert_close(ours.table.weight.grad, theirs.relative_attention_bias.weight.grad, **EXACT)


# ALiBi


@pytest.mark.parametrize("n_heads", [1, 2, 3, 4, 6, 7, 8, 12, 16, 20, 25, 71])
def test_slopes_are_blooms(n_heads):
    theirs = build_alibi_tensor(torch.ones(1, 2), n_heads, torch.float64)[:, 0, 1]
    torch.testing.assert_close(torch.tensor(alibi_slopes(n_heads), dtype=torch.float64), theirs, rtol=1e-6, atol=0)


def test_slopes_for_twelve_heads_are_neither_those_of_sixteen_cut_nor_a_series_of_their_own():
    theirs = build_alibi_tensor(torch.ones(1, 2), 12, torch.float64)[:, 0, 1]
    for mistaken in (alibi_slopes(16)[:12], [2 ** (-8 * (h + 1) / 12) for h in range(12)], sorted(alibi_slopes(12))):
        assert not torch.allclose(torch.tensor(mistaken, dtype=torch.float64), theirs)


@pytest.mark.parametrize("n_heads", [5, 8, 12])
@pytest.mark.parametrize(("n_queries", "n_keys"), [(9, 9), (1, 9), (3, 10)])
def test_attention_with_alibi_is_blooms(n_heads, n_queries, n_keys):
    """Bloom adds slope * key; that differs from -slope * distance by a constant in each row, which softmax ignores."""
    scores, mask = random(n_heads, n_queries, n_keys), ~causal(n_queries, n_keys)
    bloom = build_alibi_tensor(torch.ones(1, n_keys), n_heads, torch.float64)

    def weights(bias):
        return (scores + bias).masked_fill(mask, -math.inf).softmax(-1)

    ours = alibi(n_heads, n_queries, n_keys, dtype=torch.float64)
    torch.testing.assert_close(weights(ours), weights(bloom), rtol=0, atol=1e-6)  # Bloom's slopes are float32
    assert not torch.allclose(weights(-ours), weights(bloom), atol=1e-3)  # planted: the sign
    assert not torch.allclose(weights(ours.flip(0)), weights(bloom), atol=1e-3)  # planted: the order of the heads


def test_alibi_is_symmetric_and_sees_the_last_positions_as_queries():
    whole = alibi(3, 8)
    assert torch.equal(whole, whole.mT)
    assert torch.equal(alibi(3, 2, 8), whole[:, -2:])
    assert alibi(3, 2, dtype=torch.float64).dtype == torch.float64
    assert alibi(3, 2, device=torch.device("meta")).is_meta


# Rotation


def neox_config(**settings):
    sizes = {"hidden_size": 24, "num_attention_heads": 2, "num_hidden_layers": 1}
    return GPTNeoXConfig(**sizes, **settings)


@pytest.mark.parametrize(("n_rotated", "base"), [(12, 10_000.0), (4, 10_000.0), (6, 500.0)])
def test_halves_are_gpt_neoxs_and_llamas(n_rotated, base):
    q, k = random(3, 2, 7, 12, seed=1), random(3, 2, 7, 12, seed=2)
    both = torch.cat([angles(7, n_rotated, base)] * 2, -1)[None]
    wanted = neox.apply_rotary_pos_emb(q, k, both.cos(), both.sin())
    rotary = Rotary(12, base, n_rotated)
    torch.testing.assert_close((rotary(q), rotary(k)), wanted, **EXACT)
    assert not torch.allclose(RotaryPairs(12, base, n_rotated)(q), wanted[0])  # planted: the other layout
    if n_rotated == 12:
        torch.testing.assert_close((rotary(q), rotary(k)), llama.apply_rotary_pos_emb(q, k, both.cos(), both.sin()))


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_halves_with_the_tables_of_the_library(scale):
    """Their tables are float32, hence the tolerance; interpolation is their rope_type "linear"."""
    x, position = random(1, 2, 50, 12), torch.arange(50)[None]
    kind = {"rope_type": "linear", "factor": scale} if scale != 1 else {"rope_type": "default"}
    parameters = {"rope_theta": 10_000.0, "partial_rotary_factor": 1.0} | kind
    cos, sin = neox.GPTNeoXRotaryEmbedding(neox_config(rope_parameters=parameters))(x, position)
    wanted, _ = neox.apply_rotary_pos_emb(x, x, cos, sin)
    torch.testing.assert_close(Rotary(12, scale=scale)(x), wanted, rtol=0, atol=2e-5)
    assert not torch.allclose(Rotary(12, scale=2.0)(x), wanted, atol=1e-2)
    parameters = kind | {"rope_theta": 10_000.0}
    config = LlamaConfig(hidden_size=24, num_attention_heads=2, rope_parameters=parameters)
    cos, sin = llama.LlamaRotaryEmbedding(config)(x, position)
    torch.testing.assert_close(
        Rotary(12, scale=scale)(x), llama.apply_rotary_pos_emb(x, x, cos, sin)[0], atol=2e-5, rtol=0
    )


@pytest.mark.parametrize("n_rotated", [10, 4])
def test_pairs_are_gpt_js(n_rotated):
    x = random(3, 2, 7, 10)
    angle = angles(7, n_rotated)[None]
    head, rest = x[..., :n_rotated], x[..., n_rotated:]
    turned = gptj.apply_rotary_pos_emb(head.transpose(1, 2), angle.sin(), angle.cos()).transpose(1, 2)
    wanted = torch.cat([turned, rest], -1)
    torch.testing.assert_close(RotaryPairs(10, n_rotated=n_rotated)(x), wanted, **EXACT)
    assert not torch.allclose(Rotary(10, n_rotated=n_rotated)(x), wanted)  # planted: the other layout
    swapped = gptj.apply_rotary_pos_emb(head.transpose(1, 2), angle.cos(), angle.sin()).transpose(1, 2)
    assert not torch.allclose(RotaryPairs(10, n_rotated=n_rotated)(x)[..., :n_rotated], swapped)  # sin and cos


def test_pairs_are_roformers():
    q, k = random(3, 2, 7, 10, seed=1), random(3, 2, 7, 10, seed=2)
    tables = torch.cat([angles(7, 10).sin(), angles(7, 10).cos()], -1)
    wanted = RoFormerSelfAttention.apply_rotary_position_embeddings(tables, q, k)
    rotary = RotaryPairs(10)
    torch.testing.assert_close((rotary(q), rotary(k)), wanted, **EXACT)
    assert not torch.allclose(rotary(q, start=1), wanted[0])  # planted: off by one position


@LAYOUTS
def test_pairs_and_complex_numbers(layout):
    """A turn is a product of complex numbers: (x + iy) e^(ia)."""
    x = random(2, 9, 6)
    first, second = (x[..., :3], x[..., 3:]) if layout is Rotary else (x[..., ::2], x[..., 1::2])
    wanted = torch.complex(first, second) * torch.polar(torch.ones(9, 3, dtype=torch.float64), angles(9, 6))
    turned = layout(6)(x)
    halves = (turned[..., :3], turned[..., 3:]) if layout is Rotary else (turned[..., ::2], turned[..., 1::2])
    torch.testing.assert_close(torch.complex(*halves), wanted, **EXACT)


@LAYOUTS
@settings(max_examples=60, deadline=None)
@given(
    m=st.integers(0, 300),
    n=st.integers(0, 300),
    shift=st.integers(0, 300),
    d=st.integers(1, 8),
    seed=st.integers(0, 99),
)
def test_products_depend_on_the_distance_only(layout, m, n, shift, d, seed):
    """<R_m q, R_n k> = <R_(m+s) q, R_(n+s) k> = <q, R_(n-m) k>."""
    rotary = layout(2 * d)
    q, k = random(2, 1, 2 * d, seed=seed)
    here = (rotary(q, m) * rotary(k, n)).sum()
    torch.testing.assert_close((rotary(q, m + shift) * rotary(k, n + shift)).sum(), here, rtol=0, atol=1e-10)
    near, far = (q, k) if n >= m else (k, q)
    torch.testing.assert_close((near * rotary(far, abs(n - m))).sum(), here, rtol=0, atol=1e-10)


@LAYOUTS
@pytest.mark.parametrize("n_rotated", [None, 4])
def test_rotation_keeps_lengths_and_the_first_position(layout, n_rotated):
    x = random(2, 3, 11, 9 if n_rotated else 10)
    turned = layout(x.shape[-1], n_rotated=n_rotated)(x)
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1), **EXACT)
    assert torch.equal(turned[..., 0, :], x[..., 0, :])
    if n_rotated:
        assert torch.equal(turned[..., 4:], x[..., 4:])


@LAYOUTS
@settings(max_examples=40, deadline=None)
@given(start=st.integers(0, 200), length=st.integers(1, 100))
def test_a_later_start_is_a_slice(layout, start, length):
    """Whatever was asked before: the kept tables must not show."""
    x, rotary = random(1, 1, 300, 6), layout(6, scale=1.5, n_rotated=4)
    whole = layout(6, scale=1.5, n_rotated=4)(x)
    part = slice(start, start + length)
    torch.testing.assert_close(rotary(x[..., part, :], start), whole[..., part, :], **EXACT)
    torch.testing.assert_close(rotary(x), whole, **EXACT)


@LAYOUTS
def test_gradients(layout):
    x = random(2, 3, 7).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: layout(7, n_rotated=4)(x, 2), x)


@LAYOUTS
def test_tables_follow_the_input_and_are_never_saved(layout):
    rotary = layout(6)
    x = random(5, 6)
    with torch.inference_mode():
        rotary(x)
    grown = x.clone().requires_grad_()
    rotary(grown).sum().backward()  # tables made during inference serve training
    assert rotary(x).dtype == torch.float64
    assert rotary(x.float()).dtype == torch.float32
    torch.testing.assert_close(rotary(x), rotary(x.float()).double(), rtol=0, atol=1e-6)
    assert not torch.equal(rotary(x), rotary(x.float()).double())  # float64 has tables of its own
    assert rotary(x.bfloat16()).dtype == torch.bfloat16
    assert rotary(x.to("meta")).is_meta
    assert rotary.state_dict() == {}
    for twin in (copy.deepcopy(rotary), pickle.loads(pickle.dumps(rotary))):
        assert torch.equal(twin(x), rotary(x))


@LAYOUTS
def test_tables_are_made_once_for_each_length(layout, monkeypatch):
    rotary, x = layout(6), random(100, 6)
    rotary(x)
    made = rotary._tables(100, x)[0].data_ptr()
    for length in (1, 50, 100):
        rotary(x[:length])
        assert rotary._tables(length, x)[0].data_ptr() == made


def test_interpolation_puts_long_texts_into_the_trained_range():
    x = random(1, 1, 6).expand(1, 256, 6)
    torch.testing.assert_close(Rotary(6, scale=4.0)(x)[:, ::4], Rotary(6)(x[:, :64]), **EXACT)


def test_ntk_base_squeezes_the_slowest_pair_only():
    old, new = angles(2, 32)[1], angles(2, 32, base=ntk_base(10_000.0, 8.0, 32))[1]
    assert new[0] == old[0] == 1
    torch.testing.assert_close(new[-1], old[-1] / 8)
    assert ((new <= old) & (new >= old / 8 * (1 - 1e-12))).all()
    torch.testing.assert_close(Rotary(32, base=ntk_base(10_000.0, 8.0, 32))(x := random(4, 32))[0], x[0])


# Wrong arguments


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: sinusoidal(4, 7), "d_model=7 is odd.*give 6 or 8"),
        (lambda: sinusoidal(-1, 8), "n_positions=-1"),
        (lambda: sinusoidal(4, 8, start=-2), "start=-2"),
        (lambda: sinusoidal(4, 8, base=0.0), "base=0.0"),
        (lambda: Rotary(7), "d_head=7 is odd.*give 6 or 8"),
        (lambda: RotaryPairs(8, n_rotated=3), "n_rotated=3 is odd.*give 2 or 4"),
        (lambda: Rotary(8, n_rotated=10), "n_rotated=10 of d_head=8"),
        (lambda: Rotary(8, n_rotated=0), "n_rotated=0"),
        (lambda: Rotary(0), "d_head=0"),
        (lambda: Rotary(8, base=-1.0), "base=-1.0"),
        (lambda: Rotary(8, scale=0.0), "scale=0.0"),
        (lambda: Rotary(8, scale=math.nan), "scale=nan"),
        (lambda: Rotary(8)(torch.zeros(1, 1, 3, 6)), "6 numbers.*turns 8"),
        (lambda: Rotary(8)(torch.zeros(1, 1, 3, 8), start=-1), "start=-1"),
        (lambda: T5Bias(2, n_buckets=31), "n_buckets=31 is odd.*give 30 or 32"),
        (lambda: T5Bias(0), "n_heads=0"),
        (lambda: T5Bias(2, n_buckets=2), "n_buckets=2.*at least 4"),
        (lambda: T5Bias(2, n_buckets=1, bidirectional=False), "n_buckets=1.*at least 2"),
        (lambda: T5Bias(2, max_distance=8), "max_distance=8.*at least 9"),
        (lambda: T5Bias(2)(5, 4), "n_keys=4.*at least 5"),
        (lambda: t5_bucket(torch.arange(3), n_buckets=33), "n_buckets=33"),
        (lambda: t5_bucket(torch.arange(3), max_distance=16, bidirectional=False), "max_distance=16.*at least 17"),
        (lambda: alibi_slopes(0), "n_heads=0"),
        (lambda: alibi(True, 3), "n_heads=True"),
        (lambda: alibi(2, 5, 4), "5 queries and 4 keys"),
        (lambda: ntk_base(10_000.0, 4.0, 2), "n_rotated=2"),
        (lambda: ntk_base(10_000.0, -4.0, 8), "scale=-4.0"),
    ],
)
def test_wrong_arguments_say_what_is_possible(call, says):
    with pytest.raises(ValueError, match=says):
        call()
