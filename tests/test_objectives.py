"""The objectives: what chance draws has the right shares, what it may not touch stays, and what is undone is undone."""

import math
from collections import Counter
from functools import partial
from itertools import pairwise, permutations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch import tensor
from transformers.loss.loss_utils import ForCausalLMLoss
from transformers.models.bart.modeling_bart import shift_tokens_right

from course_utils.objectives import IGNORE, clm, denoise, mlm, nsp, spans

SPECIAL, MASK, V = [0, 1, 2, 3], 3, 40
seeds = st.integers(0, 2**31 - 1)
rates = st.floats(0, 1)


def uniform(counts, n_outcomes):
    """Whether the outcomes are as often as equally likely ones would be: the chance of a worse fit is above 1 %."""
    assert len(counts) == n_outcomes
    return chisquare(list(counts.values())).pvalue > 0.01


def share(found, of, expected):
    """Whether a share is the expected one, within four standard deviations."""
    assert abs(found / of - expected) < 4 * math.sqrt(expected * (1 - expected) / of), (found / of, expected)


# Masked language modelling


@st.composite
def padded_batch(draw):
    """Texts as BERT reads them: [CLS] (1), tokens, [SEP] (2), padding (0)."""
    texts = draw(st.lists(st.lists(st.integers(4, V - 1), max_size=12), min_size=1, max_size=4))
    length = max(len(text) for text in texts) + 2
    return tensor([[1, *text, 2, *[0] * (length - 2 - len(text))] for text in texts])


def masked(ids, generator=0, **more):
    return mlm.mask_tokens(ids, mask_id=MASK, vocab_size=V, special=SPECIAL, generator=generator, **more)


@given(padded_batch(), rates, seeds)
def test_masking_touches_only_what_it_chose_and_chooses_no_special_token(ids, rate, seed):
    before = ids.clone()
    out = masked(ids, seed, rate=rate)
    chosen, ordinary = out.labels != IGNORE, ids > 3
    assert torch.equal(ids, before)
    assert torch.equal(out.ids[~chosen], ids[~chosen])
    assert torch.equal(out.labels[chosen], ids[chosen])
    assert not (chosen & ~ordinary).any()
    assert ((out.ids[chosen] > 3) | (out.ids[chosen] == MASK)).all()
    for row, n in zip(chosen.sum(1).tolist(), ordinary.sum(1).tolist(), strict=True):
        assert math.floor(rate * n) <= row <= math.floor(rate * n) + 1
        assert row <= n
    again = masked(ids, seed, rate=rate)
    assert torch.equal(out.ids, again.ids)
    assert torch.equal(out.labels, again.labels)


@given(padded_batch(), seeds)
def test_a_rate_of_1_chooses_all_and_of_0_none(ids, seed):
    assert torch.equal(masked(ids, seed, rate=1.0).labels != IGNORE, ids > 3)
    nothing = masked(ids, seed, rate=0.0)
    assert torch.equal(nothing.ids, ids)
    assert (nothing.labels == IGNORE).all()


def test_15_percent_are_chosen_and_80_10_10_become_of_them():
    ids = torch.randint(4, V, (2000, 37), generator=torch.Generator().manual_seed(1))
    out = masked(ids)
    chosen = out.labels != IGNORE
    n = int(chosen.sum())
    assert abs(n / ids.numel() - 0.15) < 4 * 0.5 / math.sqrt(2000) / 37  # a row's count is off by less than 1
    kept, hidden = int((out.ids == ids)[chosen].sum()), int((out.ids == MASK)[chosen].sum())
    share(hidden, n, 0.8)
    share(kept, n, 0.1 + 0.1 / (V - 4))  # a random token may be the one that stood there
    others = out.ids[chosen & (out.ids != MASK) & (out.ids != ids)]
    assert uniform(Counter(others.tolist()), V - 4)
    assert uniform(Counter(chosen.nonzero()[:, 1].tolist()), 37)


def test_short_texts_have_their_share_too():
    """Of 3 tokens 15 % is less than one; so about every second text has one, and not each, and not none."""
    ids = torch.full((4000, 3), 9)
    share(int((masked(ids).labels != IGNORE).sum()), 4000, 0.45)


def test_without_special_tokens_all_may_be_chosen_and_drawn():
    out = mlm.mask_tokens(torch.zeros(40, 50).long(), mask_id=3, vocab_size=4, special=[], generator=0, rate=1.0)
    assert torch.equal(out.labels, torch.zeros(40, 50).long())
    assert set(out.ids.flatten().tolist()) == {0, 1, 2, 3}


def test_a_generator_moves_on_and_a_seed_does_not():
    ids = torch.randint(4, V, (8, 30))
    generator = torch.Generator().manual_seed(5)
    first, second = masked(ids, generator), masked(ids, generator)
    assert torch.equal(first.ids, masked(ids, 5).ids)
    assert not torch.equal(first.labels, second.labels)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=8), st.floats(0.05, 1), seeds)
def test_whole_words_are_masked_whole(lengths, rate, seed):
    words = tensor([[-1, *[i for i, n in enumerate(lengths) for _ in range(n)], -1]])
    ids = torch.where(words < 0, 1, 9)
    out = masked(ids, seed, rate=rate, words=words)
    chosen = (out.labels != IGNORE)[0]
    taken = {int(word) for word in words[0][chosen]}
    n, wanted = int(chosen.sum()), rate * sum(lengths)
    assert n == sum(lengths[word] for word in taken)
    assert n >= math.floor(wanted)
    assert n - max((lengths[word] for word in taken), default=0) < wanted + 1  # without its last word it is not enough


def test_static_masks_are_several_and_each_is_one_that_could_be_drawn():
    ids = torch.randint(4, V, (300, 40))
    out = mlm.static_masks(ids, mask_id=MASK, vocab_size=V, special=SPECIAL, generator=0, n_masks=7)
    assert out.ids.shape == out.labels.shape == (7, 300, 40)
    chosen = out.labels != IGNORE
    assert torch.equal(out.labels[chosen], ids.expand_as(chosen)[chosen])
    assert (chosen.sum(2) == 6).all()  # 0.15 * 40, exactly
    together = (chosen[:-1] & chosen[1:]).sum().item()
    share(together, 6 * 300 * 40, 0.15**2)  # two masks of a text have nothing in common


def test_planted_mistakes_of_masking_are_seen():
    """The rates tell 80/10/10 of 15 % from the usual mistakes, at the size of the test above."""
    n = 2000 * 5.55
    for wrong in (0.15 * 0.8, 0.9, 0.7):  # of all tokens; random ones counted as masked; 70/20/10
        with pytest.raises(AssertionError):
            share(wrong * n, n, 0.8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rate": 1.5}, "rate=1.5 is not possible"),
        ({"rate": True}, "rate=True"),
        ({"ids": tensor([[9, 40]])}, "outside the vocabulary, 0 to 39"),
        ({"ids": tensor([[9, -100]])}, "outside the vocabulary"),
        ({"ids": tensor([9, 9])}, r"torch.int64 of shape \(2,\); give whole numbers of shape \(texts, tokens\)"),
        ({"ids": torch.ones(1, 2)}, "torch.float32"),
        ({"ids": [[9, 9]]}, "ids is list"),
        ({"mask_id": 40}, "outside the vocabulary"),
        ({"mask_id": -1}, "mask_id=-1"),
        ({"special": range(40)}, "all 40 tokens are special"),
        ({"generator": "chance"}, "generator='chance'"),
        ({"words": tensor([[0]])}, r"words of shape \(1, 1\)"),
    ],
)
@pytest.mark.usefixtures("as_in_a_notebook")
def test_wrong_arguments_of_masking_are_refused(change, message):
    arguments = {"ids": tensor([[9, 9]]), "mask_id": MASK, "vocab_size": V, "special": SPECIAL, "generator": 0} | change
    with pytest.raises(ValueError, match=message):
        mlm.mask_tokens(arguments.pop("ids"), **arguments)


# Next sentence prediction


def library(lengths):
    """Documents in which every sentence is one token of its own: 100 * document + sentence."""
    return [[[100 * d + s + 4] for s in range(n)] for d, n in enumerate(lengths)]


@given(st.lists(st.integers(1, 5), min_size=2, max_size=5).filter(lambda x: max(x) > 1), st.integers(1, 20), seeds)
def test_half_of_the_pairs_are_neighbours_and_half_from_other_documents(lengths, n_pairs, seed):
    pairs = nsp.sentence_pairs(library(lengths), n_pairs, generator=seed)
    labels = [pair.label for pair in pairs]
    assert len(pairs) == n_pairs
    assert abs(labels.count(0) - labels.count(1)) <= n_pairs % 2
    for (a,), (b,), label in pairs:
        if label == 0:
            assert b == a + 1
        else:
            assert (a - 4) // 100 != (b - 4) // 100
    assert pairs == nsp.sentence_pairs(library(lengths), n_pairs, generator=seed)


def test_pairs_are_drawn_evenly_and_stand_in_random_order():
    pairs = nsp.sentence_pairs(library([3, 1, 4]), 6000, generator=0)
    assert uniform(Counter(pair.a[0] for pair in pairs), 2 + 3)
    assert uniform(Counter(pair.b[0] for pair in pairs if pair.label == 1 and pair.a[0] < 100), 1 + 4)
    assert uniform(Counter(zip([p.label for p in pairs[::2]], [p.label for p in pairs[1::2]], strict=True)), 4)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(2, 20), seeds)
def test_the_longer_sentence_gives_at_either_end(n_a, n_b, room, seed):
    a, b = list(range(n_a)), list(range(100, 100 + n_b))
    short_a, short_b = nsp.truncate(a, b, room, generator=seed)
    assert len(short_a) + len(short_b) == min(room, n_a + n_b)
    assert short_a in [a[i : i + len(short_a)] for i in range(n_a)]
    assert short_b in [b[i : i + len(short_b)] for i in range(n_b)]
    if room < n_a + n_b:  # the shorter one gives nothing before the other is as short
        assert len(short_a) == n_a or len(short_b) == n_b or len(short_a) - len(short_b) in (0, 1)
        assert min(len(short_a), len(short_b)) >= min(n_a, n_b, room // 2)


def test_both_ends_are_cut_as_often():
    starts = Counter(nsp.truncate([1, 2, 3, 4], [9], 4, generator=seed)[0][0] for seed in range(500))
    assert uniform(starts, 2)


@given(seeds, st.integers(5, 12))
def test_a_batch_of_pairs_is_read_back(seed, max_len):
    documents = [[[10, 11, 12], [13, 14], [15]], [[20, 21], [22, 23, 24, 25]]]
    batch = nsp.next_sentence(documents, 6, cls=1, sep=2, max_len=max_len, generator=seed)
    assert batch.ids.shape == batch.segments.shape
    assert batch.ids.shape[1] <= max_len
    assert sorted(batch.labels.tolist()) == [0, 0, 0, 1, 1, 1]
    for ids, segments, label in zip(*(part.tolist() for part in batch), strict=True):
        first, second = (i for i, token in enumerate(ids) if token == 2)
        assert ids[0] == 1
        assert set(ids[second + 1 :]) <= {0}
        assert segments == [0] * (first + 1) + [1] * (second - first) + [0] * (len(ids) - second - 1)
        a, b = ids[1:first], ids[first + 1 : second]
        assert a
        assert b
        assert (a[0] // 10 == b[0] // 10) == (label == 0)


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([[[5], [6]]], "1 documents; half of the pairs need sentences from another"),
        ([[[5], [6]], []], "half of the pairs need"),
        ([[[5]], [[6]]], "no document has two sentences"),
        ([[[5], []], [[6]]], "sentence 1 of document 0 is empty"),
    ],
)
@pytest.mark.usefixtures("as_in_a_notebook")
def test_documents_without_pairs_are_refused(documents, message):
    with pytest.raises(ValueError, match=message):
        nsp.sentence_pairs(documents, 3, generator=0)


@pytest.mark.usefixtures("as_in_a_notebook")
def test_wrong_numbers_of_pairs_are_refused():
    with pytest.raises(ValueError, match="n_pairs=0"):
        nsp.sentence_pairs(library([2, 2]), 0, generator=0)
    with pytest.raises(ValueError, match="max_len=4 is not possible; it must be a whole number of at least 5"):
        nsp.next_sentence(library([2, 2]), 1, cls=1, sep=2, max_len=4, generator=0)
    with pytest.raises(ValueError, match="n_tokens=1"):
        nsp.truncate([1], [2], 1, generator=0)


# Causal language modelling


def test_the_loss_of_next_tokens_is_that_of_transformers():
    ids, logits = torch.randint(1, V, (3, 9)), torch.randn(3, 9, V)
    ids[0, -2:] = 0
    inputs, targets = clm.next_tokens(ids, pad=0)
    assert torch.equal(inputs, ids[:, :-1])
    ours = F.cross_entropy(logits[:, :-1].flatten(0, 1), targets.flatten())
    torch.testing.assert_close(ours, ForCausalLMLoss(logits, ids.where(ids > 0, IGNORE), V))
    assert torch.equal(clm.next_tokens(ids).targets, ids[:, 1:])


@given(st.lists(st.lists(st.integers(4, V), min_size=1, max_size=6), min_size=1, max_size=3), st.integers(0, 3))
def test_a_decoders_inputs_are_those_of_transformers(texts, start):
    labels = torch.nn.utils.rnn.pad_sequence([tensor(text) for text in texts], True, IGNORE)
    assert torch.equal(clm.shift_right(labels, start, pad=1), shift_tokens_right(labels, 1, start))


@pytest.mark.usefixtures("as_in_a_notebook")
def test_wrong_arguments_of_shifting_are_refused():
    with pytest.raises(ValueError, match="two tokens at least"):
        clm.next_tokens(tensor([[5]]))
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        clm.next_tokens(tensor([5, 6]))
    with pytest.raises(ValueError, match="start=-1"):
        clm.shift_right(tensor([[5]]), -1)
    with pytest.raises(ValueError, match="labels is"):
        clm.shift_right(torch.ones(1, 2), 0)


# Span corruption

SENTINELS = range(999, 939, -1)


def test_sentinels_count_down_from_the_end_of_the_vocabulary():
    assert spans.countdown(1000, 60) == list(SENTINELS)


def naive_corrupt(ids, hidden):
    """Figure 2 of the paper, token by token, for one text without padding."""
    inputs, targets, n = [], [], 0
    for i, token in enumerate(ids):
        if hidden[i]:
            if i == 0 or not hidden[i - 1]:
                inputs.append(SENTINELS[n])
                targets.append(SENTINELS[n])
                n += 1
            targets.append(token)
        else:
            inputs.append(token)
    if not ids or not hidden[-1]:
        targets.append(SENTINELS[n])
    return [*inputs, 1], [*targets, 1]


def t5_sizes(length, rate, mean_span):
    """As T5's code computes them, with numpy's rounding."""
    hidden = min(max(int(np.round(length * rate)), 1), length - 1)
    return hidden, max(int(np.round(hidden / mean_span)), 1)


@given(st.integers(2, 700), st.sampled_from([0.1, 0.15, 0.3, 0.5]), st.sampled_from([2.0, 3.0, 5.0, 10.0]))
def test_sizes_are_those_of_t5(length, rate, mean_span):
    assert spans.sizes(length, rate, mean_span) == t5_sizes(length, rate, mean_span)


@given(st.integers(2, 200), rates, st.floats(1, 20), seeds)
def test_a_mask_has_exactly_its_tokens_and_spans(length, rate, mean_span, seed):
    mask = spans.noise_mask(length, generator=seed, rate=rate, mean_span=mean_span).tolist()
    n_spans = sum(b and not a for a, b in pairwise([False, *mask]))
    assert (sum(mask), n_spans) == spans.sizes(length, rate, mean_span)
    assert len(mask) == length
    assert not mask[0]
    assert mask[-1]


def test_all_masks_of_these_sizes_are_equally_likely():
    """12 tokens, 4 hidden in 2 spans: 7 ways to cut the other 8 in two, times 3 to cut the 4."""
    generator = torch.Generator().manual_seed(0)
    drawn = Counter(
        tuple(spans.noise_mask(12, generator=generator, rate=1 / 3, mean_span=2.0).tolist()) for _ in range(4200)
    )
    assert uniform(drawn, 7 * 3)


def test_lengths_of_inputs_and_targets_are_the_published_ones():
    """T5 reads 512 tokens and writes 114: they come from 568 tokens of text."""
    ids = torch.randint(2, 900, (3, 568))
    inputs, targets = spans.span_corruption(ids, sentinels=SENTINELS, generator=0)
    assert (inputs.shape, targets.shape) == ((3, 512), (3, 114))
    assert (targets != IGNORE).all()


def test_the_example_of_the_paper():
    text = ["Thank", "you", "for", "inviting", "me", "to", "your", "party", "last", "week"]
    words = dict(enumerate(text, 10)) | {999: "<X>", 998: "<Y>", 997: "<Z>", 1: "</s>"}
    hidden = tensor([[word in ("for", "inviting", "last") for word in text]])
    both = spans.corrupt(torch.arange(10, 20)[None], hidden, sentinels=SENTINELS)
    inputs, targets = (" ".join(words[i] for i in row[0].tolist()) for row in both)
    assert inputs == "Thank you <X> me to your party <Y> week </s>"
    assert targets == "<X> for inviting <Y> last <Z> </s>"


@st.composite
def texts_with_gaps(draw):
    rows = draw(st.lists(st.lists(st.tuples(st.integers(2, 900), st.booleans()), max_size=15), min_size=1, max_size=4))
    return [[token for token, _ in row] for row in rows], [[gap for _, gap in row] for row in rows]


@given(texts_with_gaps())
def test_corruption_is_that_of_the_paper_for_any_gaps_and_fill_undoes_it(drawn):
    texts, gaps = drawn
    length = max(map(len, texts))
    ids = tensor([text + [0] * (length - len(text)) for text in texts]).view(len(texts), length).long()
    hidden = tensor([gap + [True] * (length - len(gap)) for gap in gaps]).view(len(texts), length).bool()
    inputs, targets = spans.corrupt(ids, hidden, sentinels=SENTINELS)
    for row, text, gap in zip(range(len(texts)), texts, gaps, strict=True):
        expected = naive_corrupt(text, gap)
        assert [i for i in inputs[row].tolist() if i != 0] == expected[0]
        assert [i for i in targets[row].tolist() if i != IGNORE] == expected[1]
        assert not inputs[row, len(expected[0]) :].any()
    filled = spans.fill(inputs, targets, sentinels=SENTINELS)
    assert filled.shape == ids.shape
    assert torch.equal(filled, ids)


@given(st.lists(st.integers(2, 60), min_size=1, max_size=4), st.floats(0.05, 0.6), st.floats(1, 6), seeds)
def test_span_corruption_of_texts_of_any_length_is_undone(lengths, rate, mean_span, seed):
    ids = torch.nn.utils.rnn.pad_sequence([torch.arange(2, n + 2) for n in lengths], True)
    both = spans.span_corruption(ids, sentinels=SENTINELS, generator=seed, rate=rate, mean_span=mean_span)
    assert torch.equal(spans.fill(*both, sentinels=SENTINELS), ids)
    for row, n in enumerate(lengths):
        hidden, n_spans = spans.sizes(n, rate, mean_span)
        assert (both.inputs[row] != 0).sum() == n - hidden + n_spans + 1
        assert (both.targets[row] != IGNORE).sum() == hidden + n_spans + 1
        assert both.targets[row, 0] == SENTINELS[0]
    again = spans.span_corruption(ids, sentinels=SENTINELS, generator=seed, rate=rate, mean_span=mean_span)
    assert torch.equal(both.inputs, again.inputs)
    assert torch.equal(both.targets, again.targets)


def test_a_models_answer_fills_what_it_tells_of():
    """Text before the first sentinel is no gap's; a gap not told of stays empty; of two answers the first counts."""
    inputs = tensor([[5, 999, 6, 998, 7, 1]])
    answer = tensor([[40, 998, 41, 997, 42, 998, 43, 1]])
    assert spans.fill(inputs, answer, sentinels=SENTINELS).tolist() == [[5, 6, 41, 7]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: spans.sizes(1), "length=1"),
        (lambda: spans.sizes(9, rate=2), "rate=2"),
        (lambda: spans.sizes(9, mean_span=0.5), "mean_span=0.5"),
        (lambda: spans.countdown(50, 60), "vocab_size=50"),
        (lambda: spans.noise_mask(9, generator=-1), "generator=-1"),
        (lambda: spans.span_corruption(tensor([[5, 0, 0]]), sentinels=[9], generator=0), "length=1"),
        (lambda: spans.span_corruption(tensor([[5, 9]]), sentinels=[9], generator=0), "the text holds sentinels"),
        (lambda: spans.span_corruption(tensor([5, 6]), sentinels=[9], generator=0), r"shape \(2,\)"),
        (
            lambda: spans.corrupt(tensor([[5, 6, 7]]), tensor([[True, False, True]]), sentinels=[9]),
            "a text with 2 sentinels, and 1 are given",
        ),
        (
            lambda: spans.corrupt(tensor([[5, 0, 6, 0]]), torch.ones(1, 4, dtype=torch.bool), sentinels=[9]),
            "there is padding before a token",
        ),
        (lambda: spans.corrupt(tensor([[5, 6]]), tensor([[1, 0]]), sentinels=[9]), "hidden is torch.int64"),
        (lambda: spans.fill(tensor([5]), tensor([[5]]), sentinels=[9]), "inputs is"),
    ],
)
@pytest.mark.usefixtures("as_in_a_notebook")
def test_wrong_arguments_of_spans_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# Denoising

texts = st.integers(0, 40).map(lambda n: torch.arange(10, 10 + n))
STOP = 4


def is_within(part, whole):
    """Whether `part` is what is left of `whole` when some of it is taken out."""
    rest = iter(whole)
    return all(token in rest for token in part)


def a_share(n, rate, of):
    return math.floor(rate * of) <= n <= math.floor(rate * of) + 1 and n <= of


@given(texts, rates, seeds)
def test_token_masking_keeps_the_length(ids, rate, seed):
    out = denoise.token_masking(ids, mask_id=MASK, generator=seed, rate=rate)
    assert len(out) == len(ids)
    assert torch.equal(out[out != MASK], ids[out != MASK])
    assert a_share(int((out == MASK).sum()), rate, len(ids))


@given(texts, rates, seeds)
def test_token_deletion_keeps_the_order(ids, rate, seed):
    out = denoise.token_deletion(ids, generator=seed, rate=rate)
    assert is_within(out.tolist(), ids.tolist())
    assert a_share(len(ids) - len(out), rate, len(ids))


@given(texts, rates, st.floats(0.5, 8), seeds)
def test_text_infilling_keeps_the_order_of_what_stays(ids, rate, mean_span, seed):
    out = denoise.text_infilling(ids, mask_id=MASK, generator=seed, rate=rate, mean_span=mean_span).tolist()
    kept = [token for token in out if token != MASK]
    assert is_within(kept, ids.tolist())
    assert a_share(len(ids) - len(kept), rate, len(ids))
    assert (MASK in out) or len(kept) == len(ids)
    gaps = sum(b != a + 1 for a, b in pairwise([9, *kept, 10 + len(ids)]))
    assert out.count(MASK) >= gaps
    places = "".join("m" if token == MASK else "t" for token in out)
    assert sum(bool(run) for run in places.split("t")) >= gaps  # every gap has its mask, at its place


def test_spans_are_drawn_from_poisson_with_mean_3():
    lengths = denoise._span_lengths(30_000, 3.0, torch.Generator().manual_seed(0))
    assert sum(lengths) == 30_000
    counts = Counter(min(n, 9) for n in lengths)
    expected = [math.exp(-3) * 3**n / math.factorial(n) for n in range(9)]
    expected = np.array([*expected, 1 - sum(expected)]) * len(lengths)
    assert chisquare([counts[n] for n in range(10)], expected).pvalue > 0.01


def test_a_span_of_no_tokens_is_a_mask_where_nothing_is_missing():
    out = denoise.text_infilling(torch.arange(10, 1010), mask_id=MASK, generator=0).tolist()
    alone = [i for i in range(1, len(out) - 1) if out[i] == MASK and out[i + 1] == out[i - 1] + 1]
    share(len(alone), out.count(MASK), math.exp(-3) * 0.8**2)  # about: a mask's neighbour is often no mask


def test_all_places_of_the_spans_are_equally_likely(monkeypatch):
    """Two tokens stay, and spans of 2 and 0 stand among them: all orders of these four things."""
    monkeypatch.setattr(denoise, "_span_lengths", lambda *_: [2, 0])
    things, ids = [1, 1, 2, 0], [10, 11, 12, 13]

    def result(order):
        out, at = [], 0
        for thing in order:
            out.append(ids[at] if thing < 2 else MASK)
            at += things[thing]
        return tuple(out)

    expected = Counter(result(order) for order in permutations(range(4)))
    generator = torch.Generator().manual_seed(0)
    drawn = Counter(
        tuple(denoise.text_infilling(tensor(ids), mask_id=MASK, generator=generator).tolist()) for _ in range(2400)
    )
    assert set(drawn) == set(expected)
    assert chisquare([drawn[key] for key in expected], [100 * n for n in expected.values()]).pvalue > 0.01


def sentences(tokens):
    found, sentence = [], []
    for token in tokens:
        sentence.append(token)
        if token == STOP:
            found.append(tuple(sentence))
            sentence = []
    return [*found, tuple(sentence)] if sentence else found


@given(st.lists(st.integers(STOP, 8), max_size=25), seeds)
def test_permutation_keeps_every_sentence_whole(tokens, seed):
    ids = tensor([*tokens, STOP])
    out = denoise.sentence_permutation(ids, stops=[STOP], generator=seed)
    assert Counter(sentences(out.tolist())) == Counter(sentences(ids.tolist()))


def test_permutation_of_a_text_that_ends_without_a_stop_and_of_none():
    found = {tuple(denoise.sentence_permutation(tensor([5, 4, 6]), stops=[4], generator=i).tolist()) for i in range(9)}
    assert found == {(5, 4, 6), (6, 5, 4)}
    assert denoise.sentence_permutation(tensor([], dtype=torch.long), stops=[4], generator=0).tolist() == []


def test_all_orders_of_sentences_and_all_rotations_are_equally_likely():
    generator, ids = torch.Generator().manual_seed(0), tensor([5, 4, 6, 4, 7, 4])
    drawn = Counter(
        tuple(denoise.sentence_permutation(ids, stops=[4], generator=generator).tolist()) for _ in range(1200)
    )
    assert uniform(drawn, 6)
    ids = torch.arange(10, 17)
    drawn = Counter(int(denoise.document_rotation(ids, generator=generator)[0]) for _ in range(1400))
    assert uniform(drawn, 7)


@given(texts, seeds)
def test_a_rotation_is_undone_by_the_place_of_the_first_token(ids, seed):
    out = denoise.document_rotation(ids, generator=seed)
    if len(ids):
        out = out.roll(-out.tolist().index(10))
    assert torch.equal(out, ids)


@given(texts, seeds)
def test_noises_are_composed_from_the_first_to_the_last(ids, seed):
    delete, infill = partial(denoise.token_deletion, rate=0.3), partial(denoise.text_infilling, mask_id=MASK)
    rotate = denoise.document_rotation
    generator = torch.Generator().manual_seed(seed)
    expected = rotate(infill(delete(ids, generator=generator), generator=generator), generator=generator)
    before = ids.clone()
    assert torch.equal(denoise.compose(delete, infill, rotate)(ids, generator=seed), expected)
    assert torch.equal(ids, before)


def test_a_batch_is_framed_and_padded_and_the_same_for_the_same_seed():
    noise = denoise.compose(
        partial(denoise.sentence_permutation, stops=[STOP]), partial(denoise.text_infilling, mask_id=MASK)
    )
    documents = [torch.arange(5, 5 + n) for n in (20, 1, 9)]
    inputs, targets = denoise.denoising(documents, noise, generator=3)
    for row, document in zip(targets.tolist(), documents, strict=True):
        assert row == [0, *document.tolist(), 2, *[IGNORE] * (20 - len(document))]
    for row in inputs.tolist():
        assert row[0] == 0
        assert row.count(2) == 1
        assert set(row[row.index(2) + 1 :]) <= {1}
    again = denoise.denoising(documents, noise, generator=3)
    assert torch.equal(inputs, again.inputs)
    assert not torch.equal(inputs, denoise.denoising(documents, noise, generator=torch.Generator()).inputs)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ids: denoise.token_masking(ids, mask_id=3, generator=0, rate=-0.1), "rate=-0.1"),
        (lambda ids: denoise.token_deletion(ids, generator=0, rate="all"), "rate='all'"),
        (lambda ids: denoise.token_deletion(ids[None], generator=0), "one row of whole numbers"),
        (lambda ids: denoise.text_infilling(ids, mask_id=3, generator=0, mean_span=0), "mean_span=0"),
        (lambda ids: denoise.sentence_permutation(ids, stops=[], generator=0), "stops is empty"),
        (lambda ids: denoise.document_rotation(ids.tolist(), generator=0), "ids is list"),
        (lambda ids: denoise.document_rotation(ids, generator=1.5), "generator=1.5"),
        (lambda ids: denoise.denoising([], denoise.compose(), generator=0), "there are no texts"),
        (lambda ids: denoise.denoising([ids, ids * 1.0], denoise.compose(), generator=0), "a text is torch.float32"),
    ],
)
@pytest.mark.usefixtures("as_in_a_notebook")
def test_wrong_arguments_of_noises_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(tensor([5, 6]))
