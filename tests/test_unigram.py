"""Unigram: equality with `sentencepiece` and `tokenizers`, brute force over all ways to cut, EM, planted mistakes."""

import io
import json
import math
import pickle
import random
from collections import Counter
from functools import cache
from itertools import pairwise, product

import numpy as np
import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from course_utils.data import lee_news
from course_utils.text import unigram
from course_utils.text.unigram import Kind, Lattices, Normalizer, Piece, Unigram, em_step, losses

# Models trained by `sentencepiece` itself, one for each way to treat a text

SETTINGS = {
    "identity": {"normalization_rule_name": "identity"},
    "nmt_nfkc": {"normalization_rule_name": "nmt_nfkc"},
    "nfkc_cf": {"normalization_rule_name": "nfkc_cf"},
    "all spaces": {"normalization_rule_name": "identity", "remove_extra_whitespaces": False},
    "no prefix": {"normalization_rule_name": "nmt_nfkc", "add_dummy_prefix": False},
    "bytes": {"normalization_rule_name": "identity", "byte_fallback": True},
    "symbols": {"user_defined_symbols": ["<x>", "<x>y", "qu", "▁the", "ﬁ"], "control_symbols": ["<c>"]},
    "across words": {"normalization_rule_name": "identity", "split_by_whitespace": False},
}


@cache
def corpus() -> list[str]:
    """Some news, and what news lack."""
    text = lee_news().documents
    odd = [
        "aaaa aaaaa aaaaaa " * 3,
        "1000 10000 100000 " * 3,
        "naïve café Ｆｕｌｌ ﬁn",
        "北京 北京大学 上海",
        "ha " * 20,
    ]
    return text + odd


@cache
def model(name: str) -> bytes:
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus()),
        model_writer=written,
        vocab_size=550 if name == "bytes" else 300,
        model_type="unigram",
        hard_vocab_limit=False,
        num_threads=1,
        minloglevel=2,
        **SETTINGS[name],
    )
    return written.getvalue()


@cache
def peer(name: str) -> sentencepiece.SentencePieceProcessor:
    return sentencepiece.SentencePieceProcessor(model_proto=model(name))


@cache
def ours(name: str) -> Unigram:
    return Unigram.from_proto(model(name))


# What has broken tokenisers: spaces, "▁" in the text, controls, marks, joiners, ligatures, Hangul, ties.
ODD = [
    *(" ", "  ", "▁", "\t", "\n", "\0", "\x01", "\x7f", "\u00a0", "\u00ad", "\u200b", "\u200d", "\u2028", "\u3000"),
    *("\ufeff", "\ufffd", "\u0301", "\u0327", "é", "ﬁ", "①", "㌀", "Ａ", "İ", "ı", "ß", "ſ", "ǅ", "\u1100\u1161\u11a8"),
    *(
        "각",
        "か\u3099",
        "ﷺ",
        "½",
        "Ω",
        "Å",
        "🙂",
        "👩‍👩‍👧",
        "🇮🇹",
        "北京",
        "，",
        "e",
        "a",
        "aa",
        "aaa",
        "0",
        "00",
        "the",
        "qu",
    ),
    *(
        "<x>",
        "<x>y",
        "<c>",
        "<unk>",
        "<s>",
        "</s>",
        "<0x41>",
        "ha",
        " the",
        "ing",
        "\U000e0001",
        "\ue000",
        "\U0010ffff",
    ),
]
TEXTS = st.lists(st.one_of(st.sampled_from(ODD), st.text(max_size=3), st.text("ahet 0", max_size=6))).map("".join)


@settings(deadline=None, max_examples=500)
@given(text=TEXTS, name=st.sampled_from(list(SETTINGS)))
def test_any_text_is_cut_as_by_sentencepiece(text, name):
    ids = peer(name).encode(text)
    assert ours(name).encode(text) == ids
    assert ours(name).tokens(text) == peer(name).encode(text, out_type=str)
    assert ours(name).decode(ids) == peer(name).decode(ids)


@pytest.mark.parametrize("name", SETTINGS)
def test_real_text_is_cut_as_by_sentencepiece(name):
    differing = [line for line in corpus() if ours(name).encode(line) != peer(name).encode(line)]
    assert not differing


@pytest.mark.parametrize("name", ["nmt_nfkc", "all spaces"])
def test_a_million_characters_are_cut_as_by_sentencepiece(name):
    """Where the sum of scores has become so large that single precision decides between close ways to cut."""
    text = " ".join(corpus())
    text *= 1 + 1_000_000 // len(text)
    assert ours(name).encode(text) == peer(name).encode(text)


@settings(deadline=None, max_examples=300)
@given(data=st.data(), name=st.sampled_from(list(SETTINGS)))
def test_any_ids_are_decoded_as_by_sentencepiece(data, name):
    ids = data.draw(st.lists(st.integers(0, len(ours(name).pieces) - 1), max_size=12))
    assert ours(name).decode(ids) == peer(name).decode(ids)


@pytest.mark.parametrize("name", ["nmt_nfkc", "all spaces", "bytes", "symbols"])
def test_a_model_is_written_as_sentencepiece_reads_it(tmp_path, name):
    path = tmp_path / "again.model"
    ours(name).save(path)
    theirs, again = sentencepiece.SentencePieceProcessor(model_file=str(path)), Unigram.load(path)
    for text in [*corpus()[-8:], "".join(ODD)]:
        assert theirs.encode(text) == peer(name).encode(text) == again.encode(text)


def test_every_replacement_of_a_charsmap_is_made_as_by_sentencepiece():
    replacements = ours("nmt_nfkc").normalizer.replacements
    assert len(replacements) > 200_000
    single = [key for key in replacements if len(key) == 1]
    text = "x".join(single + random.Random(1).sample(sorted(replacements), 5_000))
    assert ours("nmt_nfkc")._normalize(text) == peer("nmt_nfkc").normalize(text)


@cache
def ties() -> tuple[Unigram, sentencepiece.SentencePieceProcessor]:
    """All ways to cut a run of a have the same sum, but for the rounding of what comes before."""
    runs = [Piece("a" * n, -1.1 * n) for n in range(1, 6)]
    special = [Piece("<unk>", 0.0, Kind.UNKNOWN), Piece("▁", -2.3), Piece("b", -1.7)]
    written = Unigram([*special, *runs]).to_proto()
    return Unigram.from_proto(written), sentencepiece.SentencePieceProcessor(model_proto=written)


RUNS = [" ".join("a" * n + "b" * m for n in range(9)) for m in range(12)]


def test_ties_are_broken_as_by_sentencepiece():
    tokenizer, reference = ties()
    assert [tokenizer.encode(text) for text in RUNS] == reference.encode(RUNS)
    long = " ".join(RUNS) * 200
    assert tokenizer.encode(long) == reference.encode(long)


def test_ties_are_not_broken_so_in_double_precision():
    """Which shows that the test above sees how sums are rounded."""
    rounded, reference = ties()
    tokenizer = Unigram(rounded.pieces, rounded.normalizer)
    assert [tokenizer.encode(text) for text in RUNS] != reference.encode(RUNS)


def test_sums_that_never_start_again_are_seen(monkeypatch):
    monkeypatch.setattr(unigram, "START_AGAIN", math.inf)
    tokenizer, reference = ties()
    long = " ".join(RUNS) * 200
    assert Unigram(tokenizer.pieces, tokenizer.normalizer, single_precision=True).encode(long) != reference.encode(long)


# Equality with `tokenizers`


def in_tokenizers(tokenizer: Unigram) -> Tokenizer:
    vocab = [(piece.text, piece.score) for piece in tokenizer.pieces]
    built = Tokenizer(models.Unigram(vocab, unk_id=tokenizer.unknown, byte_fallback=False))
    built.pre_tokenizer = pre_tokenizers.Metaspace()
    built.decoder = decoders.Metaspace()
    return built


@cache
def trained() -> Unigram:
    return Unigram.train(corpus(), vocab_size=400)


@cache
def files(folder) -> tuple[Unigram, Tokenizer, Unigram, Tokenizer]:
    """Our own tokeniser and one built by `tokenizers`, each read by both from a tokenizer.json."""
    paths = [folder / "ours.json", folder / "theirs.json"]
    trained().save(paths[0])
    in_tokenizers(trained()).save(str(paths[1]))
    return tuple(read for path in paths for read in (Unigram.load(path), Tokenizer.from_file(str(path))))


PLAIN = TEXTS.filter(lambda text: "<" not in text)  # `tokenizers` finds special tokens in the text


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("json")


@settings(deadline=None, max_examples=500)
@given(text=PLAIN)
def test_a_tokenizer_file_is_read_as_by_tokenizers(folder, text):
    our_own, theirs_of_ours, ours_of_theirs, their_own = files(folder)
    assert our_own.encode(text) == theirs_of_ours.encode(text).ids == trained().encode(text)
    assert ours_of_theirs.encode(text) == their_own.encode(text).ids


def test_a_tokenizer_file_of_transformers_is_read(tmp_path):
    from transformers import T5Tokenizer

    vocab = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((p.text, p.score) for p in trained().pieces[3:])]
    reference = T5Tokenizer(vocab=vocab, extra_ids=2)
    reference.save_pretrained(tmp_path)
    tokenizer = Unigram.load(tmp_path / "tokenizer.json")
    assert "<extra_id_1>" in tokenizer.vocab
    for text in [*corpus(), "  a \t\n b  "]:
        assert tokenizer.encode(text) == reference.encode(text, add_special_tokens=False)


# The lattice against brute force: all ways to cut a short text

SMALL = [Piece("<unk>", 0.0, Kind.UNKNOWN), Piece("▁", -2.5)]
SMALL += [
    Piece(text, score)
    for text, score in zip(["a", "b", "ab", "ba", "aab", "bb", "▁a"], (-2, -3, -3, -4, -4.5, -5.5, -3), strict=True)
]
TINY = Unigram(SMALL)


def all_ways(text: str, tokenizer: Unigram) -> list[tuple[list[int], float]]:
    """Every way to cut a normalised text, with its score; the unknown piece for single characters that are none."""
    score = {p.text: p.score for p in tokenizer.pieces if p.kind is Kind.NORMAL}
    unknown = min(score.values()) - 10
    ways = []
    for cuts in product([False, True], repeat=max(0, len(text) - 1)):
        places = [0, *(i + 1 for i, cut in enumerate(cuts) if cut), len(text)]
        pieces = [text[i:j] for i, j in pairwise(places)]
        if all(piece in score or len(piece) == 1 for piece in pieces):
            total = sum(score.get(piece, unknown) for piece in pieces)
            ways.append(([tokenizer.vocab.get(piece, tokenizer.unknown) for piece in pieces], total))
    return ways


SHORT = st.text("abc ", min_size=1, max_size=9)


@settings(deadline=None, max_examples=300)
@given(text=SHORT)
def test_the_best_of_all_ways_is_found(text):
    normalized = "▁" + text.replace(" ", "▁")
    ways = all_ways(normalized, TINY)
    ids = TINY._cut(normalized)
    assert {tuple(way): total for way, total in ways}[tuple(ids)] == pytest.approx(max(t for _, t in ways))


@settings(deadline=None, max_examples=300)
@given(text=SHORT)
def test_the_probability_is_the_sum_over_all_ways(text):
    ways = all_ways("▁" + text.replace(" ", "▁"), TINY)
    expected = math.log(math.fsum(math.exp(total) for _, total in ways))
    assert TINY.log_probability(text) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None, max_examples=300)
@given(scores=st.lists(st.integers(-4, -1), min_size=6, max_size=6), text=st.text("ab", min_size=1, max_size=8))
def test_of_equal_sums_the_way_with_the_longer_last_piece_wins(scores, text):
    pieces = [Piece(piece, float(s)) for piece, s in zip(["a", "b", "ab", "ba", "aa", "bab"], scores, strict=True)]
    tokenizer = Unigram([Piece("<unk>", 0.0, Kind.UNKNOWN), *pieces], Normalizer(dummy_prefix=False))
    ways = all_ways(text, tokenizer)
    best = max(total for _, total in ways)
    lengths = lambda ids: [len(tokenizer.pieces[i].text) for i in reversed(ids)]  # noqa: E731
    expected = max((ids for ids, total in ways if total == best), key=lengths)
    assert tokenizer.encode(text) == expected


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0, 2.0])
def test_samples_follow_the_exact_distribution(alpha):
    ways = all_ways("▁aabab", TINY)
    weights = np.exp([alpha * total for _, total in ways])
    draws = 4000
    counts = Counter(tuple(TINY.sample("aabab", alpha, seed)) for seed in range(draws))
    observed = np.array([counts[tuple(ids)] for ids, _ in ways])
    expected = draws * weights / weights.sum()
    assert observed.sum() == draws
    # Pearson's statistic has the mean n - 1 and the standard deviation sqrt(2 (n - 1)); rare ways are put together.
    common = expected >= 5
    pairs = [*zip(observed[common], expected[common], strict=True), (observed[~common].sum(), expected[~common].sum())]
    statistic = sum((o - e) ** 2 / e for o, e in pairs if e)
    assert statistic < len(pairs) + 5 * math.sqrt(2 * len(pairs))


def test_sampling_is_repeatable_and_sharpens_to_the_best_way():
    text = corpus()[0]
    assert trained().sample(text, 0.2, seed=7) == trained().sample(text, 0.2, seed=7)
    assert trained().sample(text, 0.2, seed=7) != trained().sample(text, 0.2, seed=8)
    assert trained().sample("hugs and pugs", 1e6) == trained().encode("hugs and pugs")
    assert trained().decode(trained().sample(text, 0.0)) == text


# Training

WORDS = st.dictionaries(st.text("▁abc", min_size=1, max_size=7), st.integers(1, 9), min_size=1, max_size=8)


def pieces_of(words: dict[str, int]) -> list[str]:
    return sorted({word[i:j] for word in words for i in range(len(word)) for j in range(i + 1, len(word) + 1)})


@settings(deadline=None, max_examples=150)
@given(words=WORDS, seed=st.integers(0, 99))
def test_expected_counts_are_those_of_all_ways(words, seed):
    pieces = pieces_of(words)
    scores = np.log(np.random.default_rng(seed).dirichlet(np.ones(len(pieces))))
    counts, log_likelihood = Lattices.of(words, pieces).expectation(scores)
    expected, total = np.zeros(len(pieces)), 0.0
    tokenizer = Unigram([*map(Piece, pieces, scores), Piece("<unk>", 0.0, Kind.UNKNOWN)])
    for word, count in words.items():
        ways = all_ways(word, tokenizer)
        likelihood = math.fsum(math.exp(score) for _, score in ways)
        total += count * math.log(likelihood)
        for ids, score in ways:
            np.add.at(expected, ids, count * math.exp(score) / likelihood)
    np.testing.assert_allclose(counts, expected, rtol=1e-9, atol=1e-12)
    assert log_likelihood == pytest.approx(total)


@settings(deadline=None, max_examples=150)
@given(words=WORDS, seed=st.integers(0, 99))
def test_em_never_lowers_the_likelihood(words, seed):
    pieces = pieces_of(words)
    scores = np.log(np.random.default_rng(seed).dirichlet(np.ones(len(pieces))))
    lattices = Lattices.of(words, pieces)
    likelihoods = []
    for _ in range(6):
        scores, likelihood = em_step(lattices, scores)
        likelihoods.append(likelihood)
        assert np.exp(scores).sum() == pytest.approx(1)
    assert all(after >= before - 1e-9 * (1 + abs(before)) for before, after in pairwise(likelihoods))


@settings(deadline=None, max_examples=100)
@given(words=WORDS, seed=st.integers(0, 99))
def test_lattices_that_keep_some_pieces_are_those_built_of_them(words, seed):
    pieces = pieces_of(words)
    generator = np.random.default_rng(seed)
    kept = np.array([i for i, piece in enumerate(pieces) if len(piece) == 1 or generator.random() < 0.5])
    fewer = [pieces[i] for i in kept]
    scores = np.log(generator.dirichlet(np.ones(len(fewer))))
    counts, likelihood = Lattices.of(words, pieces).keep(kept).expectation(scores)
    expected, same = Lattices.of(words, fewer).expectation(scores)
    np.testing.assert_allclose(counts, expected, rtol=1e-9)
    assert likelihood == pytest.approx(same)


def test_the_loss_is_what_the_next_best_way_costs():
    pieces = ["a", "b", "ab", "abb"]
    scores = np.array([-1.0, -2.0, -2.5, -3.0])
    counts = np.array([1.0, 1.0, 4.0, 3.0])
    # ab -> a b costs 3.0 in the place of 2.5; abb -> ab b costs 4.5 in the place of 3.0
    assert losses(pieces, counts, scores).tolist() == [math.inf, math.inf, 4 * 0.5, 3 * 1.5]


def test_what_is_learnt_explains_text_as_well_as_what_sentencepiece_learns():
    """In fewer pieces and with a higher likelihood, both on the texts of training and on others."""
    texts, others = lee_news().background[:60], lee_news().documents
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=written,
        vocab_size=500,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        character_coverage=1.0,
        num_threads=1,
        minloglevel=2,
    )
    reference, tokenizer = Unigram.from_proto(written.getvalue()), Unigram.train(texts, vocab_size=500)
    assert len(reference.vocab) == len(tokenizer.vocab) == 500
    for part in (texts[:20], others[:20]):
        assert sum(len(tokenizer.encode(text)) for text in part) < sum(len(reference.encode(text)) for text in part)
        assert sum(map(tokenizer.log_probability, part)) > sum(map(reference.log_probability, part))


def test_a_trained_vocabulary_is_sorted_and_a_distribution():
    pieces = trained().pieces
    assert [piece.text for piece in pieces[:3]] == ["<unk>", "<s>", "</s>"]
    assert len(pieces) == 400
    scores = [piece.score for piece in pieces[3:]]
    assert scores == sorted(scores, reverse=True)
    assert math.fsum(map(math.exp, scores)) == pytest.approx(1)
    assert set("".join(corpus()).replace(" ", "▁")) <= trained().vocab.keys()


def test_training_reads_a_generator_once_and_does_not_depend_on_the_order():
    texts = corpus()[:30]
    first = Unigram.train(iter(texts), vocab_size=120)
    second = Unigram.train(reversed(texts), vocab_size=120)
    assert list(first.vocab) == list(second.vocab)


def test_more_training_text_is_explained_better_than_by_characters():
    text = corpus()[3]
    characters = Unigram.train([text], vocab_size=3 + len(set(text.replace(" ", "▁")) | {"▁"}))
    pieces = Unigram.train([text], vocab_size=150)
    assert pieces.log_probability(text) > characters.log_probability(text)
    assert len(pieces.encode(text)) < 0.7 * len(characters.encode(text))


KNOWN = sorted(set("".join(corpus())) - {"▁"})


@settings(deadline=None, max_examples=300)
@given(text=st.text([*KNOWN, " "], max_size=30))
def test_text_of_known_characters_comes_back(text):
    assert trained().decode(trained().encode(text)) == text


# The door


@pytest.mark.parametrize(
    ("texts", "error", "message"),
    [
        ("a str", TypeError, r"several texts, not 'a str'; for a single one write \[text\]"),
        (7, TypeError, "several texts, not 7"),
        (["a", 7], TypeError, "must be a str, not int"),
        ([b"a"], TypeError, "must be a str, not bytes"),
        ([], ValueError, "no text in the texts"),
        ([""], ValueError, "no text in the texts"),
        (["ab\ud800"], ValueError, r"character 2 of the text is '\\ud800', half of a surrogate pair"),
        (["abcdefgh"], ValueError, "vocab_size is 11, but 3 special tokens and the characters of the texts need 12"),
    ],
)
def test_wrong_texts_are_refused(texts, error, message):
    with pytest.raises(error, match=message):
        Unigram.train(texts, vocab_size=11)


def test_wrong_input_is_refused():
    for method in (TINY.encode, TINY.tokens, TINY.sample, TINY.log_probability):
        with pytest.raises(ValueError, match="half of a surrogate pair"):
            method("a\udc00")
        with pytest.raises(TypeError, match="must be a str, not list"):
            method(["a"])
    for number in (len(SMALL), -1):
        with pytest.raises(ValueError, match=f"no piece has the id {number}"):
            TINY.decode([number])
    for alpha in (-0.1, math.inf, math.nan):
        with pytest.raises(ValueError, match=f"alpha is {alpha}"):
            TINY.sample("a", alpha)
    with pytest.raises(ValueError, match="has 0 pieces of the kind UNKNOWN"):
        Unigram([Piece("a", -1.0)])
    with pytest.raises(ValueError, match="'a' occurs twice"):
        Unigram([*SMALL, Piece("a", -1.0)])


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "file"
    for content in (b"", b"PK\x03\x04 no model", b"\xff" * 20, model("identity")[:-3]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"neither a tokenizer\.json nor a SentencePiece model"):
            Unigram.load(path)
    path.write_text(json.dumps({"model": {"type": "BPE"}}), encoding="utf-8")
    with pytest.raises(ValueError, match="model of the type 'BPE'"):
        Unigram.load(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"model_type": "bpe"}, "other than unigram"), ({"treat_whitespace_as_suffix": True}, "whitespace_as_suffix")],
)
def test_models_that_ask_for_something_else_are_refused(tmp_path, options, message):
    path = tmp_path / "other.model"
    with path.open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(corpus()), model_writer=file, vocab_size=200, minloglevel=2, num_threads=1, **options
        )
    with pytest.raises(ValueError, match=message):
        Unigram.load(path)


def test_a_step_that_is_not_known_is_refused(tmp_path):
    from tokenizers.normalizers import NFKD

    built = in_tokenizers(TINY)
    built.normalizer = NFKD()
    built.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ValueError, match=r"the step \{'type': 'NFKD'\}"):
        Unigram.load(tmp_path / "tokenizer.json")


def test_what_cannot_be_saved_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no place for pieces of the kind .'USER_DEFINED'."):
        ours("symbols").save(tmp_path / "tokenizer.json")
    with pytest.raises(ValueError, match="only be saved as a charsmap"):
        Unigram(SMALL, Normalizer({"x": "y"})).save(tmp_path / "a.model")


def test_the_memory_of_words_is_bounded(monkeypatch):
    monkeypatch.setattr(unigram, "CACHED", 3)
    tokenizer = Unigram(SMALL)
    for text in ("a b aa bb ab ba", "a b aa bb"):
        assert tokenizer.encode(text) == TINY.encode(text)
        assert len(tokenizer._cuts) <= 3


def test_a_tokeniser_can_be_sent_to_another_process():
    copy = pickle.loads(pickle.dumps(trained()))
    assert copy.encode(corpus()[0]) == trained().encode(corpus()[0])
    assert repr(copy) == "Unigram(400 pieces)"


# Planted mistakes: each must be seen by the comparison with `sentencepiece`, or with the definition.


def sees_a_difference() -> bool:
    fresh = Unigram.from_proto(model("all spaces"))
    return any(
        fresh.encode(text) != peer("all spaces").encode(text) for text in [*corpus(), "".join(ODD), "a  ▁ 北🙂🙂 x"]
    )


def longest_first(self, text, before=0.0):
    """The longest piece from the left, as WordPiece does."""
    ids, place = [], 0
    while place < len(text):
        _, place, number, _ = max((e for e in self._edges(text) if e[0] == place), key=lambda edge: edge[1])
        ids.append(number)
    return unigram.Cut(ids, 0.0, math.inf, 0.0)


def of_the_last_piece(self, text, before=0.0):
    """The scores are not summed: each place takes the likeliest piece that ends there."""
    best = {}
    for start, end, number, score in self._edges(text):
        if end not in best or score > best[end][0]:
            best[end] = (score, start, number)
    ids, end = [], len(text)
    while end:
        _, end, number = best[end]
        ids.append(number)
    return unigram.Cut(ids[::-1], 0.0, math.inf, 0.0)


def probabilities_summed(self, text, before=0.0):
    """Sums of probabilities in the place of their logarithms."""
    best = [(0.0, 0, 0)] + [(-1.0, 0, 0)] * len(text)
    for start, end, number, score in self._edges(text):
        best[end] = max(best[end], (best[start][0] + math.exp(score), start, number))
    ids, end = [], len(text)
    while end:
        _, end, number = best[end]
        ids.append(number)
    return unigram.Cut(ids[::-1], 0.0, math.inf, 0.0)


MISTAKES = {
    "longest piece first": (Unigram, "_best", longest_first),
    "scores not summed": (Unigram, "_best", of_the_last_piece),
    "probabilities summed": (Unigram, "_best", probabilities_summed),
    "unknowns not fused": (Unigram, "_known", lambda self, normalized, ids: ids),
    "no space in front": (Normalizer, "__call__", lambda self, text: self._replace(text).replace(" ", "▁")),
}


def test_without_a_mistake_there_is_no_difference():
    assert not sees_a_difference()


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_seen(monkeypatch, mistake):
    monkeypatch.setattr(*MISTAKES[mistake])
    assert sees_a_difference()
