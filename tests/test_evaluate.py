"""Evaluation of vectors: equality with gensim's, and proof that the comparison sees mistakes."""

import numpy as np
import pytest
from gensim.models import KeyedVectors
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.data import Analogy, WordPair, wordsim353
from course_utils.vectors.evaluate import Agreement, analogies, similarity

NAMES = [f"w{i}" for i in range(30)]


def random_vectors(seed, d=6, names=NAMES) -> KeyedVectors:
    vectors = KeyedVectors(d, dtype=np.float64)
    vectors.add_vectors(names, np.random.default_rng(seed).standard_normal((len(names), d)))
    return vectors


def random_questions(seed, number=80) -> list[Analogy]:
    rng = np.random.default_rng(seed)
    return [Analogy("all", *(str(w) for w in rng.choice(NAMES[:7], 4, replace=False))) for _ in range(number)]


def gensims_similarity(vectors, pairs, tmp_path):
    file = tmp_path / "pairs.tsv"
    file.write_text("".join(f"{a}\t{b}\t{score}\n" for a, b, score in pairs), encoding="utf-8")
    _, spearman, missing = vectors.evaluate_word_pairs(str(file))
    return float(spearman[0]), round(len(pairs) * (1 - missing / 100))


def test_similarity_equals_gensims(tmp_path):
    words = sorted({word.lower() for pair in wordsim353()[::3] for word in pair[:2]})
    vectors = random_vectors(0, names=words)
    ours = similarity(vectors, wordsim353())
    rho, covered = gensims_similarity(vectors, wordsim353(), tmp_path)
    assert ours.rho == pytest.approx(rho, abs=1e-12)
    assert ours.covered == covered
    assert 0 < covered < 353


@settings(deadline=None)
@given(st.integers(0, 1000), st.lists(st.integers(0, 3), min_size=8, max_size=8, unique=False))
def test_similarity_lies_between_the_ends_and_ignores_lengths(seed, scores):
    pairs = [WordPair(NAMES[i], NAMES[i + 9], score) for i, score in enumerate([*scores, 4])]
    vectors = random_vectors(seed)
    rho, covered = similarity(vectors, pairs)
    longer = KeyedVectors(6, dtype=np.float64)
    longer.add_vectors(NAMES, vectors.vectors * np.arange(1, 31)[:, None])
    assert -1 <= rho <= 1
    assert covered == 9
    assert similarity(longer, pairs).rho == pytest.approx(rho, abs=1e-12)
    reverse = [pair._replace(score=-pair.score) for pair in pairs]
    assert similarity(vectors, reverse).rho == pytest.approx(-rho, abs=1e-12)


def test_ranks_not_values_count():
    vectors = KeyedVectors(2)
    vectors.add_vectors(["a", "b", "c", "d"], [[1, 0], [1, 0.1], [1, 1], [0, 1]])
    pairs = [WordPair("a", "b", 1000.0), WordPair("a", "c", 2.0), WordPair("a", "d", 1.0), WordPair("a", "x", 5.0)]
    rho, covered = similarity(vectors, pairs)
    assert (round(rho, 9), covered) == (1.0, 3)
    assert isinstance(similarity(vectors, pairs), Agreement)


def test_words_are_found_in_lower_case():
    assert similarity(random_vectors(0), [WordPair("W1", "w2", 1.0), WordPair("w3", "W4", 2.0)]).covered == 2


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ([], "0 of 0 pairs"),
        ([WordPair("w1", "no", 1.0), WordPair("w1", "w2", 1.0)], "1 of 2 pairs"),
        ([WordPair("w1", "w2", 1.0), WordPair("w3", "w4", 1.0)], "no order"),
    ],
)
def test_too_few_pairs_are_refused(pairs, says):
    with pytest.raises(ValueError, match=says):
        similarity(random_vectors(0), pairs)


def gensims_analogies(vectors, questions, tmp_path):
    file = tmp_path / "questions.txt"
    lines = ": all\n" + "".join(" ".join(question[1:]) + "\n" for question in questions)
    file.write_text(lines, encoding="utf-8")
    return vectors.evaluate_word_analogies(str(file))[0]


@pytest.mark.parametrize("seed", range(4))
def test_analogies_equal_gensims(seed, tmp_path):
    names = NAMES[:7]
    vectors, questions = random_vectors(seed, names=names), random_questions(seed)
    ours = analogies(vectors, questions)
    assert ours.accuracy == pytest.approx(gensims_analogies(vectors, questions, tmp_path))
    assert 0 < ours.accuracy < 1
    assert ours.repeated == 0
    assert ours.covered == 80


def naive(vectors, questions, *, exclude, normalise=True):
    unit = vectors.vectors / np.linalg.norm(vectors.vectors, axis=1, keepdims=True)
    source = unit if normalise else vectors.vectors
    right = repeated = 0
    for _, a, b, c, d in questions:
        ids = [vectors.key_to_index[w] for w in (a, b, c)]
        scores = unit @ (source[ids[1]] - source[ids[0]] + source[ids[2]])
        best = max((i for i in range(len(unit)) if not (exclude and i in ids)), key=lambda i: scores[i])
        right, repeated = right + (best == vectors.key_to_index[d]), repeated + (best in ids)
    return right / len(questions), repeated / len(questions)


@pytest.mark.parametrize("exclude", [True, False])
def test_analogies_equal_a_loop(exclude, monkeypatch):
    monkeypatch.setattr("course_utils.vectors.evaluate.BLOCK", 7)
    vectors, questions = random_vectors(5), random_questions(5)
    ours = analogies(vectors, questions, exclude=exclude)
    assert ours[:2] == pytest.approx(naive(vectors, questions, exclude=exclude))


def test_the_comparison_sees_mistakes():
    vectors, questions = random_vectors(5), random_questions(5)
    assert naive(vectors, questions, exclude=False)[1] > 0.5 > analogies(vectors, questions).repeated
    unequal = KeyedVectors(6, dtype=np.float64)
    unequal.add_vectors(NAMES, vectors.vectors * np.arange(1, 31)[:, None] ** 2)
    wrong = naive(unequal, questions, exclude=False, normalise=False)
    assert wrong != pytest.approx(analogies(unequal, questions, exclude=False)[:2])


def test_unknown_words_are_left_out_or_refused():
    known, unknown = Analogy("", "W1", "w2", "w3", "w4"), Analogy("", "w1", "w2", "w3", "nowhere")
    assert analogies(random_vectors(0), [known, unknown]).covered == 1
    with pytest.raises(ValueError, match="none of the 1 questions"):
        analogies(random_vectors(0), [unknown])
