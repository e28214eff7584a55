"""word2vec: its formulas against gensim and autograd, the fast update against the plain one, and what it learns."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.vectors import word2vec
from course_utils.vectors.word2vec import Batch, Model, Text, Tree

TOPICS = [["sun", "sky", "day", "light", "cloud"], ["fish", "sea", "net", "boat", "wave"]]


def topical_text(sentences: int = 400) -> list[list[str]]:
    """Sentences whose words are all of one of two topics."""
    rng = np.random.default_rng(0)
    return [rng.choice(TOPICS[i % 2], size=8).tolist() for i in range(sentences)]


# The text, and what is taken from it


def naive_pairs(sentence, window):
    return [
        (sentence[i], sentence[j])
        for i in range(len(sentence))
        for j in range(len(sentence))
        if 0 < abs(i - j) <= window
    ]


@given(st.lists(st.integers(), max_size=12), st.integers(1, 6))
def test_pairs_follow_their_definition(sentence, window):
    assert list(word2vec.pairs(sentence, window)) == naive_pairs(sentence, window)


@given(st.integers(2, 30), st.integers(1, 5))
def test_every_position_is_a_target(length, window):
    targets = Counter(i for i, _ in word2vec.pairs(range(length), window))
    assert sorted(targets) == list(range(length))
    assert targets[length // 2] == min(window, length // 2) + min(window, length - 1 - length // 2)


sentences_of_ids = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=9), min_size=1, max_size=6)


def as_text(sentences) -> Text:
    numbers = [number for number, sentence in enumerate(sentences) for _ in sentence]
    return Text(torch.tensor([i for sentence in sentences for i in sentence]), torch.tensor(numbers))


@given(sentences_of_ids, st.integers(1, 3), st.integers(1, 7))
def test_blocks_hold_exactly_the_pairs_of_the_text(sentences, window, size):
    blocks = word2vec.cut(as_text(sentences), size, window)
    near = word2vec.neighbours(blocks.sentence, window)
    found: Counter = Counter()
    for block, middle, other in near.nonzero().tolist():
        ids = blocks.words[block]
        distance = abs(window + middle - other)
        assert near[block, middle, other] == pytest.approx((window + 1 - distance) / window)
        found[ids[window + middle].item(), ids[other].item()] += 1
    assert found == Counter(pair for sentence in sentences for pair in naive_pairs(sentence, window))


def test_the_weight_of_a_neighbour_is_the_chance_that_a_random_window_reaches_it():
    sentence = torch.zeros(1, 11)
    drawn = [word2vec.neighbours(sentence, 3, torch.full((1, 5, 1), width)) for width in (1, 2, 3)]
    torch.testing.assert_close(torch.stack(drawn).mean(0), word2vec.neighbours(sentence, 3))


# The formulas, against gensim's


@pytest.fixture(scope="module")
def gensim_model():
    from gensim.models import Word2Vec

    counts = [900, 400, 100, 25, 9, 5]
    text = [[f"w{i}"] * n for i, n in enumerate(counts)]
    model = Word2Vec(text, vector_size=4, min_count=1, sample=1e-2, hs=1, negative=5, epochs=1, workers=1, seed=1)
    return model, counts


def test_keep_probability_is_gensims(gensim_model):
    model, counts = gensim_model
    theirs = [model.wv.get_vecattr(f"w{i}", "sample_int") / (2**32 - 1) for i in range(len(counts))]
    np.testing.assert_allclose(word2vec.keep_probability(counts, 1e-2), theirs, atol=1e-6)


def test_noise_distribution_is_gensims(gensim_model):
    model, counts = gensim_model
    theirs = model.cum_table / model.cum_table[-1]
    np.testing.assert_allclose(word2vec.noise_distribution(counts).cumsum(), theirs, atol=1e-6)


def test_keep_probability_and_noise_at_the_edges():
    assert word2vec.keep_probability([5, 3], 0).tolist() == [1, 1]
    assert word2vec.noise_distribution([7]).tolist() == [1]


def test_the_tree_is_as_short_as_gensims(gensim_model):
    model, counts = gensim_model
    ways = word2vec.huffman(counts)
    theirs = [len(model.wv.get_vecattr(f"w{i}", "code")) for i in range(len(counts))]
    assert [len(nodes) for nodes, _ in ways] == theirs


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=40))
def test_a_huffman_tree_is_a_code_near_the_entropy(counts):
    ways = word2vec.huffman(counts)
    codes = {tuple(branches) for _, branches in ways}
    assert len(codes) == len(counts)
    assert sum(2.0 ** -len(code) for code in codes) == 1  # every branch leads to a word
    assert {nodes[0] for nodes, _ in ways} == {len(counts) - 2}  # all start at the root
    share = np.array(counts) / sum(counts)
    mean = sum(p * len(nodes) for p, (nodes, _) in zip(share, ways, strict=True))
    entropy = -(share * np.log2(share)).sum()
    assert entropy - 1e-9 <= mean < entropy + 1


def test_the_tree_of_one_word_has_no_node():
    assert word2vec.huffman([3]) == [([], [])]
    assert Tree.of(np.array([3])).there.tolist() == [[0]]


def test_the_learning_rate_falls_in_a_straight_line():
    rates = [word2vec.learning_rate(x, 0.1, 0.02) for x in (0, 0.25, 0.5, 0.75, 1)]
    assert rates == pytest.approx([0.1, 0.08, 0.06, 0.04, 0.02])


# The gradients, against autograd and against each other


def autograd(model: Model, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """The gradient of the loss as the documentation of `Batch` states it."""
    leaves = [table.clone().requires_grad_() for table in model]
    rows, output = leaves[0][batch.inputs], leaves[1][batch.outputs]
    if batch.window is not None:
        rows = batch.window @ rows / batch.window.sum(2, keepdim=True).clamp(min=1)
    scores = torch.einsum("bhd,bod->bho", rows, output)
    labels = batch.labels.expand(scores.shape)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(scores, labels, batch.weights, reduction="sum")
    return torch.autograd.grad(loss, leaves)


def test_pair_gradients_are_autograds():
    rng = np.random.default_rng(1)
    word, neighbour, negatives = rng.normal(size=5), rng.normal(size=5), rng.normal(size=(3, 5))
    ours = word2vec.pair_gradients(word, neighbour, negatives)
    v, u, n = (torch.tensor(x, requires_grad=True) for x in (word, neighbour, negatives))
    loss = -torch.nn.functional.logsigmoid(u @ v) - torch.nn.functional.logsigmoid(-n @ v).sum()
    assert ours.loss == pytest.approx(loss.item(), rel=1e-12)
    for gradient, theirs in zip(ours[1:], torch.autograd.grad(loss, (v, u, n)), strict=True):
        np.testing.assert_allclose(gradient, theirs, rtol=1e-12)


def random_model(size: int = 10, d: int = 7) -> Model:
    rng = torch.Generator().manual_seed(3)
    return Model(*torch.randn(2, size, d, generator=rng, dtype=torch.float64))


SENTENCES = [[0, 1, 2, 3, 1, 1, 4], [5], [6, 7, 8, 2, 0, 9, 9, 3, 2, 1], [4, 4]]
NEGATIVES = torch.tensor([[0, 3, 9], [1, 1, 5], [2, 8, 0], [7, 6, 4]])


def blocks_of(size: int, window: int = 2, width=None) -> tuple[torch.Tensor, torch.Tensor]:
    blocks = word2vec.cut(as_text(SENTENCES), size, window)
    return blocks.words, word2vec.neighbours(blocks.sentence, window, width, dtype=torch.float64)


def naive_skip_gram(model: Model, k: int, size: int = 5, window: int = 2) -> Model:
    """The descent pair by pair: every pair has its weight, and each of the block's M negatives counts k/M times."""
    moved = Model(*(table.numpy().copy() for table in model))
    words = [(s, i) for s, sentence in enumerate(SENTENCES) for i in range(len(sentence))]
    for position, (s, i) in enumerate(words):
        negatives = NEGATIVES[position // size].numpy()
        for j, other in enumerate(SENTENCES[s]):
            if not 0 < abs(i - j) <= window:
                continue
            weight, word = (window + 1 - abs(i - j)) / window, SENTENCES[s][i]
            v, u, n = model.input[word].numpy(), model.output[other].numpy(), model.output[negatives].numpy()
            pair = word2vec.pair_gradients(v, u, n)
            alone = word2vec.pair_gradients(v, u, n[:0])
            share = k / len(negatives)
            moved.input[word] -= weight * (alone.word + share * (pair.word - alone.word))
            moved.output[other] -= weight * pair.neighbour
            np.subtract.at(moved.output, negatives, weight * share * pair.negatives)
    return moved


def fast_skip_gram(model: Model, k: int) -> Model:
    moved = Model(*(table.clone() for table in model))
    word2vec.update(moved, word2vec.skip_gram_batch(*blocks_of(5), NEGATIVES, k), lr=1.0)
    return moved


def differ(a, b) -> float:
    return max(float(np.abs(np.asarray(x) - np.asarray(y)).max()) for x, y in zip(a, b, strict=True))


def test_one_block_step_is_the_sum_of_the_pairs_gradients():
    model = random_model()
    assert differ(fast_skip_gram(model, k=5), naive_skip_gram(model, k=5)) < 1e-12  # float64


MISTAKES = {
    "the word itself is its neighbour": (
        "neighbours",
        lambda near: near + torch.eye(5, 9, dtype=near.dtype).roll(2, 1),
    ),
    "the window is not weighted": ("neighbours", lambda near: near.ceil()),
    "the window ends at the block": ("neighbours", lambda near: near * (torch.arange(9) < 7)),
    "sentences run into each other": ("neighbours", lambda near: near[:1].expand(len(near), -1, -1)),
    "negatives count once": ("skip_gram_batch", lambda batch: batch._replace(weights=batch.weights.clamp(max=1))),
    "labels are swapped": ("skip_gram_batch", lambda batch: batch._replace(labels=1 - batch.labels)),
    "inputs are shifted": ("skip_gram_batch", lambda batch: batch._replace(inputs=batch.inputs.roll(1, 1))),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_in_the_block_step_is_seen(monkeypatch, mistake):
    name, spoil = MISTAKES[mistake]
    right = getattr(word2vec, name)
    model = random_model()
    expected = naive_skip_gram(model, k=5)
    monkeypatch.setattr(word2vec, name, lambda *args, **kwargs: spoil(right(*args, **kwargs)))
    assert differ(fast_skip_gram(model, k=5), expected) > 1e-3


def batches() -> dict[str, Batch]:
    widths = torch.tensor([1, 2, 2, 1, 2]).view(1, 5, 1)
    tree = Tree(
        *(x.double() if x.is_floating_point() else x for x in Tree.of(np.array([50, 30, 20, 9, 8, 7, 5, 3, 2, 1])))
    )
    return {
        "skip-gram": word2vec.skip_gram_batch(*blocks_of(5), NEGATIVES, 5),
        "CBOW": word2vec.cbow_batch(*blocks_of(5, width=widths), NEGATIVES, 5),
        "skip-gram, tree": word2vec.tree_batch(*blocks_of(1), tree, skip_gram=True),
        "CBOW, tree": word2vec.tree_batch(*blocks_of(1, width=torch.tensor(2)), tree, skip_gram=False),
    }


@pytest.mark.parametrize("kind", batches())
def test_an_update_follows_autograd(kind):
    batch, model = batches()[kind], random_model()
    moved = Model(*(table.clone() for table in model))
    word2vec.update(moved, batch, lr=0.5)
    to_input, to_output = autograd(model, batch)
    torch.testing.assert_close(moved.output, model.output - 0.5 * to_output)
    if batch.window is None:
        torch.testing.assert_close(moved.input, model.input - 0.5 * to_input)
    else:  # the whole gradient of the mean for each of its n words, as the docstring says
        assert not torch.allclose(moved.input, model.input - 0.5 * to_input)
        n = batch.window.sum(2, keepdim=True)
        mean = (batch.window @ model.input[batch.inputs] / n.clamp(min=1)).requires_grad_()
        scores = mean @ model.output[batch.outputs].mT
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            scores, batch.labels.expand(scores.shape), batch.weights, reduction="sum"
        )
        (to_mean,) = torch.autograd.grad(loss, mean)
        expected = model.input.clone()
        for block, ids in enumerate(batch.inputs.tolist()):
            for middle, place in batch.window[block].nonzero().tolist():
                expected[ids[place]] -= 0.5 * to_mean[block, middle]
        torch.testing.assert_close(moved.input, expected)


def test_cbow_ignores_the_order_of_the_window():
    words, near = blocks_of(5, width=torch.tensor(2))
    batch, model = word2vec.cbow_batch(words, near, NEGATIVES, 5), random_model()
    order = torch.randperm(words.shape[1], generator=torch.Generator().manual_seed(0))
    shuffled = batch._replace(inputs=batch.inputs[:, order], window=batch.window[:, :, order])
    moved = [Model(*(table.clone() for table in model)) for _ in range(2)]
    for copy, version in zip(moved, (batch, shuffled), strict=True):
        word2vec.update(copy, version, lr=0.5)
    torch.testing.assert_close(moved[0], moved[1])


def test_a_crowded_output_row_takes_no_more_than_its_share():
    batch, model = batches()["skip-gram, tree"], random_model()
    free, held = (Model(*(table.clone() for table in model)) for _ in range(2))
    word2vec.update(free, batch, lr=0.1)
    word2vec.update(held, batch, lr=0.1, most=3)
    times = torch.bincount(batch.outputs.flatten(), batch.weights.sum(1).flatten(), minlength=10)
    share = torch.where(times > 3, 3 / times, 1.0)[:, None]
    torch.testing.assert_close(held.output - model.output, (free.output - model.output) * share)
    assert (times > 3).any()
    assert (times <= 3).any()
    torch.testing.assert_close(held.input, free.input)


def test_scores_are_bilinear_in_two_tables_and_nothing_else():
    model = Model.random(50, 8, torch.Generator().manual_seed(0))
    assert sum(table.numel() for table in model) == 2 * 50 * 8
    assert model._fields == ("input", "output")
    assert model.input.abs().max() <= 0.5 / 8
    assert not model.output.any()
    # The first loss is that of a coin toss at every comparison: all scores are zero.
    gradients = word2vec.pair_gradients(model.input[0].numpy(), model.output[1].numpy(), model.output[2:7].numpy())
    assert gradients.loss == pytest.approx(6 * math.log(2))


# Training


@pytest.mark.parametrize("hierarchical", [False, True])
@pytest.mark.parametrize("skip_gram", [True, False])
def test_two_topics_part(skip_gram, hierarchical):
    vectors = word2vec.train(
        topical_text(),
        d=10,
        epochs=20,
        sample=0,
        skip_gram=skip_gram,
        hierarchical=hierarchical,
        lr=0.05,
        progress=False,
    )
    for topic in TOPICS:
        for word in topic:
            closest = {other for other, _ in vectors.most_similar(word, topn=4)}
            assert closest == set(topic) - {word}


def test_a_training_that_diverges_says_so():
    with pytest.raises(ValueError, match=r"diverged with lr=50.*lower"):
        word2vec.train(topical_text(), d=10, epochs=5, sample=0, lr=50, progress=False)


def test_the_vectors_carry_words_counts_and_size():
    text = topical_text(50)
    vectors = word2vec.train(text, d=6, epochs=1, min_count=1, progress=False)
    counts = Counter(word for sentence in text for word in sentence)
    assert vectors.index_to_key == sorted(counts, key=lambda word: (-counts[word], word))
    assert [vectors.get_vecattr(word, "count") for word in vectors.index_to_key] == sorted(
        counts.values(), reverse=True
    )
    assert vectors.vectors.shape == (10, 6)
    assert np.isfinite(vectors.vectors).all()


def test_the_same_seed_gives_the_same_vectors_on_any_number_of_threads():
    def trained(seed, threads=1):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            return word2vec.train(topical_text(100), d=10, epochs=2, sample=1e-2, seed=seed, progress=False).vectors
        finally:
            torch.set_num_threads(before)

    state = torch.random.get_rng_state()
    first = trained(1)
    np.testing.assert_array_equal(first, trained(1))
    np.testing.assert_allclose(first, trained(1, threads=2), atol=1e-5)
    assert np.abs(first - trained(2)).max() > 1e-3
    torch.testing.assert_close(torch.random.get_rng_state(), state)  # the global generator is left alone


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abc"), max_size=6), min_size=1, max_size=40), st.booleans(), st.booleans())
def test_small_texts_give_finite_vectors(text, skip_gram, hierarchical):
    if any(text):
        vectors = word2vec.train(
            text, d=3, epochs=2, min_count=1, lr=0.05, skip_gram=skip_gram, hierarchical=hierarchical, progress=False
        )
        assert np.isfinite(vectors.vectors).all()


def test_no_bar_is_shown_where_nobody_would_see_it(capsys):
    word2vec.train([["a", "b"]] * 3, d=2, epochs=1, min_count=1)
    assert capsys.readouterr() == ("", "")


# The door


@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        ("the cat sat", "lists of tokens.*not str"),
        (None, "not NoneType"),
        (["the cat", "sat"], "sentence 0 is str.*a list of tokens"),
        ([["the"], [b"cat"]], "a token of sentence 1 is bytes"),
        ([["the", 3]], "a token of sentence 0 is int 3"),
        ([["the", ["cat"]]], "a token of sentence 0 is list"),
        ([["the"], 5], "sentence 1 is int"),
        ((s for s in [["the", "cat"]]), "generator can be read only once.*give list"),
        (iter([["the", "cat"]]), "can be read only once"),
        ([(w for w in ["the"])], "sentence 0 is generator"),
    ],
)
def test_what_is_no_text_is_refused(sentences, message):
    with pytest.raises(TypeError, match=message):
        word2vec.train(sentences, progress=False)


@pytest.mark.parametrize("sentences", [[], [[]], [[], []]])
def test_an_empty_text_is_refused(sentences):
    with pytest.raises(ValueError, match="no word in the sentences"):
        word2vec.train(sentences, progress=False)


def test_a_text_of_rare_words_only_is_refused():
    with pytest.raises(ValueError, match="no word occurs min_count=5 times: the most frequent one occurs 2 times"):
        word2vec.train([["a", "b", "a"]], progress=False)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"window": -1}, ValueError, "window=-1 is not possible; it must be at least 1"),
        ({"window": 0}, ValueError, "window=0"),
        ({"d": 0}, ValueError, "d=0"),
        ({"epochs": 0}, ValueError, "epochs=0"),
        ({"negative": 0}, ValueError, "negative=0"),
        ({"negative": -1, "hierarchical": True}, ValueError, "negative=-1"),
        ({"min_count": 0}, ValueError, "min_count=0"),
        ({"seed": -1}, ValueError, "seed=-1"),
        ({"sample": 1.5}, ValueError, "sample=1.5 .* between 0 and 1"),
        ({"lr": 0}, ValueError, "lr=0"),
        ({"lr": float("nan")}, ValueError, "lr=nan"),
        ({"window": 2.5}, TypeError, "window is a whole number, not 2.5"),
        ({"epochs": True}, TypeError, "epochs is a whole number, not True"),
        ({"lr": "fast"}, TypeError, "lr is a number, not 'fast'"),
    ],
)
def test_numbers_out_of_range_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        word2vec.train([["a", "b"]] * 9, progress=False, **settings)


def test_a_window_without_words_has_no_pairs():
    with pytest.raises(ValueError, match="window=-1 is not possible"):
        next(word2vec.pairs(["a", "b"], -1))


def test_a_text_that_can_be_read_twice_need_not_be_a_list():
    class Lines:
        def __iter__(self):
            return iter([["a", "b"], ("b", "c")] * 5)

    assert word2vec.train(Lines(), d=2, epochs=1, progress=False).index_to_key == ["b", "a", "c"]
