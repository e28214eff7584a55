"""GloVe: counts against a double loop, gradients against autograd, and proof that the comparisons see mistakes."""

import copy
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.bench.glove import Gathering, c_folder
from course_utils.vectors import glove
from course_utils.vectors.glove import Cooccurrences, GloVe, cooccurrence, ppmi, ppmi_svd, train

TEXTS = st.lists(st.lists(st.sampled_from(["a", "b", "c", "d", "E", "é", "北京"]), max_size=12), min_size=1, max_size=6)
WORDS = ["ice", "steam", "water", "solid", "gas", "fashion", "cold", "hot", "is", "the", "of"]


def text(seed=0, sentences=60):
    rng = np.random.default_rng(seed)
    return [list(rng.choice(WORDS, size=rng.integers(0, 15))) for _ in range(sentences)]


def small(seed=0) -> Cooccurrences:
    return cooccurrence([[str(w) for w in sentence] for sentence in text(seed)], window=4, min_count=2)


# ------------------------------------------------------------------------------------------------------ counting


def by_hand(sentences, window, min_count, *, weigh=lambda k: 1 / k, backwards=True, drop_rare=True):
    """The words and a dict of counts, pair by pair."""
    times = Counter(word for sentence in sentences for word in sentence)
    kept = {word for word in times if times[word] >= min_count}
    counts: Counter = Counter()
    for sentence in sentences:
        sentence = [word for word in sentence if word in kept] if drop_rare else sentence
        for i, word in enumerate(sentence):
            for k in range(1, window + 1):
                if i + k < len(sentence) and {word, sentence[i + k]} <= kept:
                    counts[word, sentence[i + k]] += weigh(k)
                    counts[sentence[i + k], word] += weigh(k) * backwards
    return sorted(kept, key=lambda word: (-times[word], word)), counts


def dense(words, counts):
    return np.array([[counts[a, b] for b in words] for a in words], dtype=float).reshape(len(words), -1)


@settings(deadline=None)
@given(TEXTS, st.integers(1, 15), st.integers(1, 4))
def test_counts_equal_a_double_loop(sentences, window, min_count):
    words, counts = by_hand(sentences, window, min_count)
    if not words:
        with pytest.raises(ValueError, match="no word"):
            cooccurrence(sentences, window=window, min_count=min_count)
        return
    ours = cooccurrence(sentences, window=window, min_count=min_count)
    assert ours.words == words
    assert list(ours.frequency) == [sum(sentence.count(word) for sentence in sentences) for word in words]
    np.testing.assert_allclose(ours.matrix.toarray(), dense(words, counts), atol=1e-12)


@pytest.mark.parametrize(
    "mistake", [{"weigh": lambda k: 1.0}, {"weigh": lambda k: 1 / (k + 1)}, {"backwards": False}, {"drop_rare": False}]
)
def test_the_comparison_of_counts_sees_mistakes(mistake):
    sentences = [["a", "b", "rare", "a", "c"], ["c", "b", "b", "a"]]
    words, wrong = by_hand(sentences, 3, 2, **mistake)
    assert not np.allclose(cooccurrence(sentences, window=3, min_count=2).matrix.toarray(), dense(words, wrong))


def test_counts_are_symmetric_and_do_not_depend_on_the_chunk(monkeypatch):
    whole = small()
    assert (whole.matrix != whole.matrix.T).nnz == 0
    monkeypatch.setattr(glove, "CHUNK", 7)
    np.testing.assert_allclose(small().matrix.toarray(), whole.matrix.toarray(), atol=1e-12)


def test_a_window_does_not_cross_the_end_of_a_sentence():
    assert cooccurrence([["a"], ["b"]], min_count=1).matrix.nnz == 0


def test_a_window_may_be_wider_than_the_text():
    assert cooccurrence([["a", "b"]], window=10**12, min_count=1).matrix.sum() == 2


def test_a_generator_is_enough():
    again = cooccurrence((list(map(str, sentence)) for sentence in text()), window=4, min_count=2)
    assert again.words == small().words
    assert (again.matrix != small().matrix).nnz == 0


@pytest.mark.parametrize(
    ("sentences", "settings", "error", "says"),
    [
        ("a cat", {}, TypeError, "not one string"),
        (["a cat"], {}, TypeError, "split it"),
        ([[1, 2]], {}, TypeError, "tokens are strings, not 1"),
        ([b"a cat"], {}, TypeError, "split it"),
        ([], {}, ValueError, "hold no word"),
        ([[]], {}, ValueError, "hold no word"),
        (iter([]), {}, ValueError, "generator"),
        ([["a", "b"]], {}, ValueError, "no word occurs 5 times"),
        ([["a"]], {"window": 0}, ValueError, "window=0"),
        ([["a"]], {"window": -3}, ValueError, "window=-3"),
        ([["a"]], {"window": 2.5}, TypeError, "whole number"),
        ([["a"]], {"min_count": 0}, ValueError, "min_count=0"),
    ],
)
def test_wrong_counting_is_refused(sentences, settings, error, says):
    with pytest.raises(error, match=says):
        cooccurrence(sentences, **settings)


# ------------------------------------------------------------------------------------------------------ training


def random_model(**settings) -> GloVe:
    """A model with vectors large enough for every mistake to show."""
    model = GloVe(small(), d=5, dtype=np.float64, **{"x_max": 20.0, **settings})
    for table, one in ((model.left, 6), (model.right, 5)):
        table[:] = np.random.default_rng(one).standard_normal(table.shape)
        table[:, one] = 1
    return model


def loss_of(model, batch, *, x_max=20.0, alpha=0.75, biases=True, logarithm=torch.log):
    """Equation 8 of the paper in torch, from the model's parameters, over the entries of one batch."""
    left, right = (torch.tensor(table, requires_grad=True) for table in (model.left, model.right))
    total = torch.zeros((), dtype=torch.float64)
    for i in range(len(left)):
        for j in batch.indices[batch.indptr[i] : batch.indptr[i + 1]]:
            x = torch.tensor(model.counts.matrix[i, j])
            guess = left[i, :5] @ right[j, :5] + (left[i, 5] + right[j, 6]) * biases
            total = total + min(1.0, float(x) / x_max) ** alpha * (guess - logarithm(x)) ** 2
    total.backward()
    return total.item(), left.grad.numpy(), right.grad.numpy()


def test_loss_and_gradients_equal_autograd():
    model = random_model()
    for batch in model._batches[:3]:
        loss, grad_left, grad_right = model._gradients(batch)
        expected, their_left, their_right = loss_of(model, batch)
        assert loss == pytest.approx(expected, rel=1e-12)
        np.testing.assert_allclose(2 * grad_left, their_left, atol=1e-10)
        np.testing.assert_allclose(2 * grad_right, their_right, atol=1e-10)


def test_gradients_equal_a_loop_that_gathers_rows():
    model = random_model()
    peer = Gathering(model.counts, d=5, x_max=20.0, dtype=np.float64)
    peer.left[:], peer.right[:] = model.left, model.right
    for batch in model._batches:
        for ours, theirs in zip(model._gradients(batch), peer._gradients(batch), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_the_loss_is_the_mean_over_all_counts():
    model = random_model()
    total = sum(loss_of(model, batch)[0] for batch in model._batches)
    assert model.loss() == pytest.approx(total / model.counts.matrix.nnz, rel=1e-12)


@pytest.mark.parametrize("mistake", [{"x_max": 100}, {"alpha": 1.0}, {"biases": False}, {"logarithm": torch.log1p}])
def test_the_comparison_of_gradients_sees_mistakes(mistake):
    model = random_model()
    wrong_loss, wrong_left, _ = loss_of(model, model._batches[0], **mistake)
    loss, left, _ = model._gradients(model._batches[0])
    assert abs(loss - wrong_loss) > 1e-3
    assert np.abs(2 * left - wrong_left).max() > 1e-3


def test_a_step_equals_adagrad_written_out():
    model, squares = random_model(), {}
    before = copy.deepcopy((model.left, model.right))
    batch = model._batches[0]
    _, *gradients = loss_of(model, batch)
    model._step(batch)
    for table, start, grad in zip((model.left, model.right), before, gradients, strict=True):
        for where in np.ndindex(table.shape):
            half = grad[where] / 2
            squares[where] = 1 + half**2
            assert table[where] == pytest.approx(start[where] - 0.2 * half / squares[where] ** 0.5, abs=1e-12)


def test_batches_hold_every_count_once(monkeypatch):
    monkeypatch.setattr(glove, "BATCH", 3)
    model = GloVe(small(), d=2)
    together = sum(batch.matrix(np.exp(batch.log.astype(float))) for batch in model._batches)
    assert len(model._batches) == -(-model.counts.matrix.nnz // 3)
    np.testing.assert_allclose(together.toarray(), model.counts.matrix.toarray(), rtol=1e-6)


def test_training_recovers_a_matrix_that_it_can_represent():
    rng = np.random.default_rng(0)
    factor = rng.standard_normal((12, 3))
    log_x = factor @ factor.T
    counts = Cooccurrences([f"w{i}" for i in range(12)], np.ones(12, int), glove.sparse.csr_array(np.exp(log_x)))
    model = GloVe(counts, d=3, dtype=np.float64)
    losses = [model.epoch() for _ in range(400)]
    assert losses[-1] < 1e-3 < losses[0]
    guess = model.left @ model.right.T
    assert np.corrcoef(guess.ravel(), log_x.ravel())[0, 1] > 0.999


def test_training_is_deterministic_and_depends_on_the_seed():
    first, same, other = (train(small(), d=4, epochs=2, seed=seed, progress=False).vectors for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 1e-3


def test_float32_stays_near_float64():
    double, single = (train(small(), d=4, epochs=3, dtype=kind, progress=False) for kind in (np.float64, np.float32))
    assert single.vectors.dtype == np.float32
    assert double.vectors.dtype == np.float64
    np.testing.assert_allclose(single.vectors, double.vectors, atol=1e-3)


def test_train_returns_gensims_vectors_with_counts():
    vectors = train([["ice", "cold"]] * 7, d=3, epochs=1, progress=False)
    assert vectors.index_to_key == ["cold", "ice"]
    assert vectors.get_vecattr("ice", "count") == 7
    assert vectors.most_similar("ice")[0][0] == "cold"


@pytest.mark.parametrize("wrong", [{"d": 0}, {"epochs": 0}, {"lr": 0.0}, {"x_max": -1.0}, {"alpha": float("nan")}])
def test_wrong_settings_are_refused_before_a_word_is_read(wrong):
    def unread():
        raise AssertionError("read")
        yield

    with pytest.raises(ValueError, match="got"):
        train(unread(), progress=False, **wrong)


def test_a_text_without_pairs_is_refused():
    with pytest.raises(ValueError, match="no two words"):
        train([["alone"]] * 5, progress=False)


# ---------------------------------------------------------------------------------------------------------- ppmi


def test_ppmi_equals_its_formula():
    counts = small()
    x = counts.matrix.toarray()
    p = x / x.sum()
    q = p.sum(axis=0) ** 0.75 / (p.sum(axis=0) ** 0.75).sum()
    with np.errstate(divide="ignore"):
        expected = np.maximum(0, np.log(p / np.outer(p.sum(axis=1), q)))
    np.testing.assert_allclose(ppmi(counts).toarray(), expected, atol=1e-12)
    unsmoothed = ppmi(counts, smoothing=1.0).toarray()
    np.testing.assert_allclose(unsmoothed, unsmoothed.T, atol=1e-12)
    assert np.abs(unsmoothed - expected).max() > 1e-3


def test_svd_vectors_equal_numpys_up_to_signs():
    counts = small()
    u, s, _ = np.linalg.svd(ppmi(counts).toarray())
    ours = ppmi_svd(counts, d=4).vectors
    np.testing.assert_allclose(np.abs(ours), np.abs(u[:, :4] * s[:4] ** 0.5), atol=1e-8)
    np.testing.assert_array_equal(ours, ppmi_svd(counts, d=4).vectors)


@pytest.mark.parametrize("d", [0, 11, 50])
def test_more_dimensions_than_words_are_refused(d):
    with pytest.raises(ValueError, match=f"got d={d}"):
        ppmi_svd(small(), d=d)


# --------------------------------------------------------------------------------------------------------- bench


def test_the_c_program_is_optional_but_a_wrong_folder_is_an_error(monkeypatch, tmp_path):
    monkeypatch.delenv("GLOVE_C", raising=False)
    assert c_folder() is None
    monkeypatch.setenv("GLOVE_C", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="has no vocab_count, cooccur, shuffle, glove"):
        c_folder()
    for program in ("vocab_count", "cooccur", "shuffle", "glove"):
        (tmp_path / program).touch()
    assert c_folder() == tmp_path.resolve()
