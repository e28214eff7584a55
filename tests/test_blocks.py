"""The blocks equal torch's and the libraries' own, in float64, with every parameter random and every size odd."""

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from parity import scramble
from torch import nn

from course_utils.blocks.attention import KVCache, MultiHeadAttention, record
from course_utils.blocks.embedding import Embedding
from course_utils.blocks.ffn import FeedForward, GatedFeedForward, gelu_tanh
from course_utils.blocks.heads import Classifier, TiedHead
from course_utils.blocks.masks import causal, distances, prefix, same_segment, to_bias, unpadded, window
from course_utils.blocks.norms import LayerNorm, RMSNorm
from course_utils.blocks.residual import PostNorm, PreNorm

B, L, M, H, K, FF = 2, 5, 7, 3, 9, 31
D = H * K
# Both sides do the same sums in float64, in another order: about 100 roundings of 1e-16 each, on numbers below 100.
CLOSE = {"rtol": 0, "atol": 1e-11}


pytestmark = pytest.mark.usefixtures("float64")


def packed(attn):
    """Our projections under the names of torch.nn.MultiheadAttention."""
    projections = (attn.q_proj, attn.k_proj, attn.v_proj)
    return {
        "in_proj_weight": torch.cat([p.weight for p in projections]),
        "in_proj_bias": torch.cat([p.bias for p in projections]),
        "out_proj.weight": attn.out_proj.weight,
        "out_proj.bias": attn.out_proj.bias,
    }


def reference(attn):
    theirs = nn.MultiheadAttention(D, H, batch_first=True)
    theirs.load_state_dict(packed(attn))
    return theirs


def padding():
    ids = torch.ones(B, M, dtype=torch.long)
    ids[0, 4:] = 0
    return ids


def naive_attention(attn, x, context, allowed):
    """Attention in loops over examples, heads and queries."""
    q, k, v = attn.q_proj(x), attn.k_proj(context), attn.v_proj(context)
    group = q.shape[-1] // k.shape[-1]
    out = torch.zeros_like(q)
    for b in range(x.shape[0]):
        for h in range(q.shape[-1] // attn.d_head):
            mine = slice(h * attn.d_head, (h + 1) * attn.d_head)
            shared = slice(h // group * attn.d_head, (h // group + 1) * attn.d_head)
            for i in range(x.shape[1]):
                scores = [(q[b, i, mine] @ k[b, j, shared]) / attn.d_head**0.5 for j in range(context.shape[1])]
                seen = [j for j in range(context.shape[1]) if allowed[b, i, j]]
                weights = torch.stack([scores[j] for j in seen]).exp()
                weights = weights / weights.sum()
                out[b, i, mine] = sum(w * v[b, j, shared] for w, j in zip(weights, seen, strict=True))
    return attn.out_proj(out)


# Attention


@pytest.mark.parametrize("explicit", [False, True], ids=["fused", "explicit"])
def test_attention_equals_torch_with_cross_attention_and_padding(explicit):
    attn = scramble(MultiHeadAttention(D, H))
    x, context, ids = torch.randn(B, L, D), torch.randn(B, M, D), padding()
    theirs, their_weights = reference(attn)(x, context, context, key_padding_mask=ids == 0, average_attn_weights=False)
    result = attn(x, context, bias=unpadded(ids), need_weights=explicit)
    out, weights = result if explicit else (result, their_weights)
    torch.testing.assert_close(out, theirs, **CLOSE)
    torch.testing.assert_close(weights, their_weights, **CLOSE)


def test_attention_equals_torch_with_a_causal_mask_gradients_too():
    attn = scramble(MultiHeadAttention(D, H))
    theirs = reference(attn)
    x = torch.randn(B, L, D)
    goal = torch.randn(B, L, D)
    (attn(x, bias=causal(L)) * goal).sum().backward()
    (theirs(x, x, x, attn_mask=~causal(L))[0] * goal).sum().backward()
    q, k, v = theirs.in_proj_weight.grad.chunk(3)
    for ours, grad in (
        (attn.q_proj, q),
        (attn.k_proj, k),
        (attn.v_proj, v),
        (attn.out_proj, theirs.out_proj.weight.grad),
    ):
        torch.testing.assert_close(ours.weight.grad, grad, **CLOSE)


def test_a_planted_mistake_in_attention_is_seen():
    """The same comparison as above sees each of these; with biases of 0 it would miss the first."""
    attn = scramble(MultiHeadAttention(D, H))
    x = torch.randn(B, L, D)
    theirs = reference(attn)(x, x, x, attn_mask=~causal(L))[0]

    def wrong(change):
        copied = copy.deepcopy(attn)
        change(copied)
        return copied(x, bias=causal(L))

    def swap_biases(a):
        a.q_proj.bias, a.k_proj.bias = a.k_proj.bias, a.q_proj.bias

    def no_scale(a):
        a.scale = 1.0

    def one_head(a):
        a.d_head = D

    broken = {
        "q and k biases swapped": wrong(swap_biases),
        "no scale": wrong(no_scale),
        "one head": wrong(one_head),
        "no mask": attn(x),
        "mask the other way round": attn(x, bias=causal(L).T),
    }
    for mistake, out in broken.items():
        assert (out - theirs).abs().max() > 1e-3, mistake


@pytest.mark.parametrize("n_kv_heads", [1, 2, 4])
def test_grouped_queries_equal_loops(n_kv_heads):
    attn = scramble(MultiHeadAttention(12, 4, n_kv_heads))
    x, context = torch.randn(B, L, 12), torch.randn(B, M, 12)
    allowed = unpadded(padding()).squeeze(1).expand(B, L, M)
    expected = naive_attention(attn, x, context, allowed)
    mask = unpadded(padding())
    torch.testing.assert_close(attn(x, context, bias=mask), expected, **CLOSE)
    out, weights = attn(x, context, bias=mask, need_weights=True)
    torch.testing.assert_close(out, expected, **CLOSE)
    assert weights.shape == (B, 4, L, M)


def test_a_head_may_have_any_width():
    attn = scramble(MultiHeadAttention(5, 3, d_head=7))
    x = torch.randn(B, L, 5)
    torch.testing.assert_close(attn(x), naive_attention(attn, x, x, torch.ones(B, L, L)), **CLOSE)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_fused_and_explicit_paths_agree_for_any_mask_and_bias(data):
    """Rows in which nothing is allowed included: both give them equal weights, and both stay finite."""
    torch.manual_seed(data.draw(st.integers(0, 99)))
    n, m = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
    mask = torch.rand(B, data.draw(st.sampled_from([1, H])), n, m) < data.draw(st.sampled_from([0.0, 0.3, 0.8]))
    attn = scramble(MultiHeadAttention(D, H))
    x, context = torch.randn(B, n, D, requires_grad=True), torch.randn(B, m, D, requires_grad=True)
    bias = torch.randn(H, n, m) + to_bias(mask, torch.float64) if data.draw(st.booleans()) else mask
    fused = attn(x, context, bias=bias)
    explicit, weights = attn(x, context, bias=bias, need_weights=True)
    torch.testing.assert_close(fused, explicit, **CLOSE)
    torch.testing.assert_close(weights.sum(-1), torch.ones(B, H, n), **CLOSE)
    somewhere = mask.any(-1, keepdim=True).expand(B, H, n, m)
    assert (weights[~mask.expand(B, H, n, m) & somewhere] == 0).all()
    for path in (fused, explicit):
        grads = torch.autograd.grad(path.square().sum(), (x, context), retain_graph=True)
        assert all(torch.isfinite(grad).all() for grad in grads)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_rows_that_may_look_nowhere_stay_finite_in_every_type(dtype):
    attn = scramble(MultiHeadAttention(D, H)).to(dtype)
    attn.k_proj.bias.data.fill_(-9)  # strongly negative scores: with the mask they fall below the lowest number
    attn.q_proj.bias.data.fill_(9)
    x = torch.randn(B, L, D, dtype=dtype)
    nowhere = torch.zeros(L, L, dtype=torch.bool)
    twice = to_bias(nowhere) + to_bias(nowhere)  # minus infinity, had nobody thought of it
    for bias in (nowhere, to_bias(nowhere), twice):
        out, weights = attn(x, bias=bias, need_weights=True)
        assert torch.isfinite(attn(x, bias=bias)).all()
        assert torch.isfinite(out).all()
        if dtype != torch.float16:  # whose lowest number is -65504: there a score still shows beside it
            torch.testing.assert_close(weights, torch.full_like(weights, 1 / L), rtol=0, atol=1e-2)


def test_gradients_of_attention_are_right():
    attn = scramble(MultiHeadAttention(4, 2))
    x = torch.randn(1, 3, 4, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: attn(x, bias=causal(3), need_weights=True), (x,))
    assert torch.autograd.gradcheck(lambda x: attn(x, bias=causal(3)), (x,))


def test_dropout_acts_on_weights_in_training_only():
    attn = scramble(MultiHeadAttention(D, H, dropout=0.4))
    x = torch.randn(1, L, D)
    plain = attn.eval()(x)
    torch.testing.assert_close(plain, attn(x, need_weights=True)[0], **CLOSE)
    attn.train()
    for need_weights in (False, True):
        draws = [attn(x, need_weights=need_weights) for _ in range(3000)]
        draws = torch.stack([draw[0] if need_weights else draw for draw in draws]).detach()
        error = (draws.mean(0) - plain).abs() / (draws.std(0) / len(draws) ** 0.5)
        assert draws.std(0).min() > 0
        assert error.max() < 5  # standard errors: dropout keeps the mean


def test_weights_are_those_before_dropout():
    attn = MultiHeadAttention(D, H, dropout=0.9).train()
    _, weights = attn(torch.randn(B, L, D), need_weights=True)
    torch.testing.assert_close(weights.sum(-1), torch.ones(B, H, L), **CLOSE)


def test_a_subclass_may_change_the_scores():
    class Closer(MultiHeadAttention):
        def scores(self, q, k):
            return super().scores(q, k) - distances(q.shape[2], k.shape[2]).abs()

    attn = scramble(Closer(D, H))
    x = torch.randn(B, L, D)
    plain = MultiHeadAttention(D, H)
    plain.load_state_dict(attn.state_dict())
    expected = plain(x, bias=-distances(L).abs().double())
    torch.testing.assert_close(attn(x), expected, **CLOSE)


def test_positions_turn_queries_and_keys():
    attn = scramble(MultiHeadAttention(D, H))
    x = torch.randn(B, L, D)
    seen = []

    def pos(heads, start):
        seen.append((tuple(heads.shape), start))
        return 2 * heads

    fourfold = scramble(MultiHeadAttention(D, H, scale=4 * K**-0.5))
    fourfold.load_state_dict(attn.state_dict())
    torch.testing.assert_close(attn(x, pos=pos), fourfold(x), **CLOSE)
    assert seen == [((B, H, L, K), 0)] * 2


# The cache


@pytest.mark.parametrize("pieces", [[1, 1, 1, 1, 1], [2, 3], [4, 1], [5]])
def test_reading_in_pieces_equals_reading_at_once(pieces):
    attn = scramble(MultiHeadAttention(12, 4, n_kv_heads=2))
    x, cache, done, outs = torch.randn(B, L, 12), KVCache(), 0, []

    def pos(heads, start):  # depends on the place, as rotary positions do
        return heads * torch.arange(start + 1, start + 1 + heads.shape[2])[:, None].sqrt()

    for n in pieces:
        outs.append(attn(x[:, done : done + n], bias=causal(n, done + n), pos=pos, cache=cache))
        done += n
        assert len(cache) == done
    torch.testing.assert_close(torch.cat(outs, 1), attn(x, bias=causal(L), pos=pos), **CLOSE)


def test_the_context_is_projected_once():
    attn = scramble(MultiHeadAttention(D, H))
    x, context, cache = torch.randn(B, L, D), torch.randn(B, M, D), KVCache()
    calls = []
    attn.k_proj.register_forward_hook(lambda *_: calls.append(1))
    outs = [attn(x[:, i : i + 1], context, bias=unpadded(padding()), cache=cache) for i in range(L)]
    assert len(calls) == 1
    torch.testing.assert_close(torch.cat(outs, 1), attn(x, context, bias=unpadded(padding())), **CLOSE)


def test_a_reordered_cache_goes_on_from_other_rows():
    attn = scramble(MultiHeadAttention(D, H))
    x, new, rows, cache = torch.randn(3, 4, D), torch.randn(3, 1, D), torch.tensor([2, 0, 0]), KVCache()
    attn(x, bias=causal(4), cache=cache)
    cache.reorder(rows)
    expected = attn(torch.cat([x[rows], new], 1), bias=causal(5))[:, -1:]
    torch.testing.assert_close(attn(new, bias=causal(1, 5), cache=cache), expected, **CLOSE)


def test_an_empty_cache_has_nothing_to_give():
    KVCache().reorder(torch.tensor([0]))
    with pytest.raises(ValueError, match="empty"):
        KVCache().kept()


# Recording


def test_weights_of_a_whole_model_are_recorded_by_name():
    model = nn.Sequential(*(scramble(MultiHeadAttention(D, H)) for _ in range(2)))
    x = torch.randn(B, L, D)
    plain = model(x)
    with record(model) as weights:
        recorded = model(x)
    torch.testing.assert_close(recorded, plain, **CLOSE)
    assert {name: tuple(w.shape) for name, w in weights.items()} == {"0": (B, H, L, L), "1": (B, H, L, L)}
    assert torch.equal(weights["0"], model[0](x, need_weights=True)[1])


def test_recording_ends_with_the_block_also_after_an_error():
    attn = MultiHeadAttention(D, H)
    with pytest.raises(RuntimeError, match="stop"), record(attn):
        raise RuntimeError("stop")
    assert isinstance(attn(torch.randn(B, L, D)), torch.Tensor)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((10, 3), "does not divide into 3 heads"),
        ((10, 0), "does not divide into 0 heads"),
        ((12, 4, 3), "cannot share 3"),
        ((12, 4, 0), "cannot share 0"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        MultiHeadAttention(*arguments)


def test_inputs_that_do_not_fit_are_refused(as_in_a_notebook):
    attn = MultiHeadAttention(D, H)
    with pytest.raises(ValueError, match=r"x has the shape \(5, 27\)"):
        attn(torch.randn(L, D))
    with pytest.raises(ValueError, match=r"context has the shape \(2, 7, 5\)"):
        attn(torch.randn(B, L, D), torch.randn(B, M, 5))


# Masks


@given(st.integers(0, 6), st.integers(0, 4), st.integers(0, 4), st.integers(0, 4))
def test_masks_say_who_may_look_where(n_keys, left, right, fewer):
    n_queries = max(0, n_keys - fewer)
    places = range(n_keys - n_queries, n_keys)
    expected = [[j <= i for j in range(n_keys)] for i in places]
    assert causal(n_queries, n_keys).tolist() == expected
    expected = [[i - left <= j <= i + right for j in range(n_keys)] for i in places]
    assert window(n_queries, n_keys, left=left, right=right).tolist() == expected


@given(st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=1, max_size=3))
def test_masks_of_a_batch(rows):
    ids = torch.tensor(rows)
    assert unpadded(ids, pad=3).tolist() == [[[[i != 3 for i in row]]] for row in rows]
    assert same_segment(ids).tolist() == [[[[i == j for j in row] for i in row]] for row in rows]
    lengths = [row[0] for row in rows]
    expected = [[[[j <= i or j < n for j in range(4)] for i in range(4)]] for n in lengths]
    assert prefix(torch.tensor(lengths), 4).tolist() == expected


def test_masks_refuse_what_makes_no_sense():
    with pytest.raises(ValueError, match="4 queries and 3 keys"):
        causal(4, 3)
    with pytest.raises(ValueError, match="left is -1"):
        window(3, left=-1, right=0)


# Norms, feed-forward nets, heads


@pytest.mark.parametrize("ids", [torch.tensor([[0, 3], [7, -1]]), torch.tensor([[-1]]), torch.tensor(9)])
def test_an_id_without_a_row_is_named(ids):
    table = Embedding(7, D)
    first = next(id for id in ids.flatten().tolist() if not 0 <= id < 7)
    with pytest.raises(IndexError, match=rf"^id {first} has no row in this table of 7: its ids are 0 to 6\. Was"):
        table(ids)


def test_an_embedding_equals_torchs():
    ours, theirs = Embedding(7, D, padding_idx=0), nn.Embedding(7, D, padding_idx=0)
    theirs.load_state_dict(ours.state_dict())
    ids = torch.tensor([[0, 6], [3, 3]])
    assert torch.equal(ours(ids), theirs(ids))
    for table in (ours, theirs):
        table(ids).square().sum().backward()
    assert torch.equal(ours.weight.grad, theirs.weight.grad)


def test_layer_norm_equals_torch():
    ours, theirs = scramble(LayerNorm(D, eps=1e-3)), nn.LayerNorm(D, eps=1e-3)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(B, L, D) * 3 + 1
    torch.testing.assert_close(ours(x), theirs(x), **CLOSE)
    by_hand = (x - x.mean(-1, keepdim=True)) / (x.var(-1, correction=0, keepdim=True) + 1e-3).sqrt()
    torch.testing.assert_close(ours(x), by_hand * ours.weight + ours.bias, **CLOSE)
    assert (nn.LayerNorm(D)(x) - ours(x)).abs().max() > 1e-3  # the comparison sees the weights and eps
    assert "bias" not in LayerNorm(D, bias=False).state_dict()


def test_rms_norm_equals_t5s_and_llamas():
    from transformers.models.llama.modeling_llama import LlamaRMSNorm

    ours, theirs = scramble(RMSNorm(D, eps=1e-3)), LlamaRMSNorm(D, eps=1e-3)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(B, L, D) * 3 + 1
    torch.testing.assert_close(ours(x), x / (x.square().mean(-1, keepdim=True) + 1e-3).sqrt() * ours.weight, **CLOSE)
    # their norm goes through float32, whatever comes in: 24 bits, so 1e-6 of numbers below 10
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=1e-5)


def test_feed_forward_equals_torch_and_sees_the_wrong_gelu():
    ffn = scramble(FeedForward(D, FF))
    theirs = nn.Sequential(nn.Linear(D, FF), nn.GELU(), nn.Linear(FF, D))
    theirs.load_state_dict({f"{i}.{k}": v for i, m in ((0, ffn.up), (2, ffn.down)) for k, v in m.state_dict().items()})
    x = torch.randn(B, L, D)
    torch.testing.assert_close(ffn(x), theirs(x), **CLOSE)
    ffn.activation = lambda x: F.gelu(x, approximate="tanh")
    assert (ffn(x) - theirs(x)).abs().max() > 1e-5


def test_gelu_by_tanh_equals_torchs_and_so_does_its_gradient():
    x = (torch.randn(50, 7) * 4).requires_grad_()
    goal = torch.randn(50, 7)
    ours, theirs = gelu_tanh(x), F.gelu(x, approximate="tanh")
    torch.testing.assert_close(ours, theirs, **CLOSE)
    for y in (ours, theirs):
        y.backward(goal)
        if y is ours:
            found, x.grad = x.grad, None
    torch.testing.assert_close(found, x.grad, **CLOSE)
    assert torch.autograd.gradcheck(gelu_tanh, (x,))
    assert torch.isfinite(gelu_tanh(torch.tensor([-1e4, 1e4], dtype=torch.float32))).all()
    assert (F.gelu(x) - ours).abs().max() > 1e-5  # the comparison sees the other GELU


def test_gated_feed_forward_equals_llamas():
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaMLP

    theirs = LlamaMLP(
        LlamaConfig(
            hidden_size=D, head_dim=4, num_attention_heads=H, intermediate_size=FF, hidden_act="silu", mlp_bias=True
        )
    )
    ours = scramble(GatedFeedForward(D, FF, bias=True))
    theirs.load_state_dict({name.replace(".", "_proj."): value for name, value in ours.state_dict().items()})
    x = torch.randn(B, L, D)
    torch.testing.assert_close(ours(x), theirs(x), **CLOSE)
    ours.gate, ours.up = ours.up, ours.gate
    assert (ours(x) - theirs(x)).abs().max() > 1e-3


def test_dropout_in_the_feed_forward_nets_is_off_when_evaluating():
    for ffn in (FeedForward(D, FF, dropout=0.5), GatedFeedForward(D, FF, dropout=0.5)):
        x = torch.randn(B, L, D)
        assert not torch.equal(ffn(x), ffn(x))
        assert torch.equal(ffn.eval()(x), ffn(x))


def test_a_tied_head_has_the_embeddings_table_even_after_a_copy():
    model = nn.ModuleDict({"tok": nn.Embedding(11, D)})
    model["head"] = TiedHead(model["tok"])
    x = torch.randn(B, L, D)
    torch.testing.assert_close(model["head"](x), x @ model["tok"].weight.T, **CLOSE)
    assert list(model.state_dict()) == ["tok.weight"]
    copied = copy.deepcopy(model)
    with torch.no_grad():
        copied["tok"].weight.zero_()
    assert copied["head"](x).abs().max() == 0
    assert model["head"](x).abs().max() > 0


def test_the_classifier_takes_the_mean_of_what_counts():
    head, x = scramble(Classifier(D, 3)), torch.randn(B, M, D)
    mask = padding() != 0
    expected = torch.stack([head.proj(row[keep].mean(0)) for row, keep in zip(x, mask, strict=True)])
    torch.testing.assert_close(head(x, mask), expected, **CLOSE)
    torch.testing.assert_close(head(x), head(x, torch.ones(B, M, dtype=torch.bool)), **CLOSE)
    assert torch.isfinite(head(x, torch.zeros(B, M, dtype=torch.bool))).all()


# Whole blocks


def a_block(kind, cross=False):
    other = MultiHeadAttention(D, H) if cross else None
    return scramble(kind(MultiHeadAttention(D, H), FeedForward(D, FF, F.relu), lambda: LayerNorm(D), other)).eval()


def load_layer(theirs, block):
    """Copy a block into torch's encoder or decoder layer."""
    names = {"self_attn": block.attn, "multihead_attn": block.cross}
    state = {f"{name}.{k}": v for name, attn in names.items() if attn is not None for k, v in packed(attn).items()}
    norms = [block.norm_attn, *([] if block.cross is None else [block.norm_cross]), block.norm_ffn]
    parts = {f"norm{i}": norm for i, norm in enumerate(norms, 1)} | {"linear1": block.ffn.up, "linear2": block.ffn.down}
    state |= {f"{name}.{k}": v for name, part in parts.items() for k, v in part.state_dict().items()}
    theirs.load_state_dict(state)
    return theirs.eval()


@pytest.mark.parametrize("kind", [PreNorm, PostNorm])
def test_a_block_equals_torchs_encoder_layer(kind):
    block = a_block(kind)
    theirs = load_layer(nn.TransformerEncoderLayer(D, H, FF, batch_first=True, norm_first=kind is PreNorm), block)
    x, ids = torch.randn(B, M, D, requires_grad=True), padding()
    ours = block(x, bias=unpadded(ids) & causal(M))
    expected = theirs(x, src_mask=~causal(M), src_key_padding_mask=ids == 0)
    torch.testing.assert_close(ours, expected, **CLOSE)
    goal = torch.randn_like(ours)
    torch.testing.assert_close(
        torch.autograd.grad((ours * goal).sum(), x), torch.autograd.grad((expected * goal).sum(), x), **CLOSE
    )


@pytest.mark.parametrize("kind", [PreNorm, PostNorm])
def test_a_block_with_cross_attention_equals_torchs_decoder_layer(kind):
    block = a_block(kind, cross=True)
    theirs = load_layer(nn.TransformerDecoderLayer(D, H, FF, batch_first=True, norm_first=kind is PreNorm), block)
    x, context, ids = torch.randn(B, L, D), torch.randn(B, M, D), padding()
    ours = block(x, bias=causal(L), context=context, context_bias=unpadded(ids))
    expected = theirs(x, context, tgt_mask=~causal(L), memory_key_padding_mask=ids == 0)
    torch.testing.assert_close(ours, expected, **CLOSE)


@pytest.mark.parametrize("kind", [PreNorm, PostNorm])
def test_planted_mistakes_in_a_block_are_seen(kind):
    block = a_block(kind, cross=True)
    theirs = load_layer(nn.TransformerDecoderLayer(D, H, FF, batch_first=True, norm_first=kind is PreNorm), block)
    x, context = torch.randn(B, L, D), torch.randn(B, M, D)
    expected = theirs(x, context, tgt_mask=~causal(L))

    def swap(one, other):
        def change(b):
            a, c = getattr(b, one), getattr(b, other)
            setattr(b, one, c)
            setattr(b, other, a)

        return change

    def eps(b):
        b.norm_ffn.eps = 1e-3

    def activation(b):
        b.ffn.activation = F.gelu

    mistakes = {
        "norms": swap("norm_attn", "norm_ffn"),
        "attentions": swap("attn", "cross"),
        "eps": eps,
        "gelu": activation,
    }
    for name, change in mistakes.items():
        broken = copy.deepcopy(block)
        change(broken)
        out = broken(x, bias=causal(L), context=context)
        assert (out - expected).abs().max() > 1e-6, name  # the tolerance is 1e-11
    other = PostNorm if kind is PreNorm else PreNorm
    misplaced = a_block(other, cross=True)
    misplaced.load_state_dict(block.state_dict())
    assert (misplaced(x, bias=causal(L), context=context) - expected).abs().max() > 1e-3


def test_a_block_reads_in_pieces_with_a_pair_of_caches():
    block = a_block(PreNorm, cross=True)
    x, context, caches = torch.randn(B, L, D), torch.randn(B, M, D), (KVCache(), KVCache())
    pieces = [
        block(x[:, i : i + 1], bias=causal(1, i + 1), context=context, context_bias=unpadded(padding()), cache=caches)
        for i in range(L)
    ]
    whole = block(x, bias=causal(L), context=context, context_bias=unpadded(padding()))
    torch.testing.assert_close(torch.cat(pieces, 1), whole, **CLOSE)


def test_a_block_says_when_context_and_cross_attention_do_not_match():
    with pytest.raises(ValueError, match="has no cross-attention"):
        a_block(PreNorm)(torch.randn(B, L, D), context=torch.randn(B, M, D))
    with pytest.raises(ValueError, match="has cross-attention"):
        a_block(PreNorm, cross=True)(torch.randn(B, L, D))


def test_dropout_in_a_block_acts_on_what_is_added():
    block = PreNorm(MultiHeadAttention(D, H), FeedForward(D, FF), lambda: LayerNorm(D), dropout=1.0)
    x = torch.randn(B, L, D)
    assert torch.equal(block(x), x)
    assert not torch.equal(block.eval()(x), x)
