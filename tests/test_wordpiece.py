"""WordPiece: equality with `tokenizers` and `transformers`, training against its definition, and planted mistakes."""

import pickle
import random
import unicodedata
from collections import Counter
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordPiece as PeerModel
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from transformers import BertTokenizer

from course_utils.text import wordpiece
from course_utils.text.wordpiece import SPECIAL, BertWords, WordPiece, joined, merged, merges, pieces_of

OPTIONS = [(True, None), (False, None), (True, False), (False, True)]

# Pieces that leave something to cut wrong: several lengths, all the signs below, initial and inside.
STEMS = [
    "un",
    "a",
    "aff",
    "able",
    "affable",
    "e",
    "i",
    "s",
    "ss",
    "ß",
    "é",
    "ı",
    "i̇",
    "I",
    "A",
    "É",
    "北",
    "🙂",
    "👩",
    "l",
    "h",
]
ALONE = [*"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "京", "東", "，", "。", "—", "…", "«", "٪", "\u166d", "\u037e", "`"]
VOCAB = {
    token: number
    for number, token in enumerate(dict.fromkeys([*SPECIAL, *STEMS, *ALONE, *("##" + stem for stem in STEMS)]))
}

# What has broken tokenisers: controls, spaces of all kinds, marks, joiners, special casing, blocks of Chinese.
ODD = [
    *("\0", "\x01", "\t", "\n", "\r", "\x0b", "\x1c", "\x1f", "\x7f", "\x85", "\u00a0", "\u00ad", "\u200b", "\u200d"),
    *("\u2028", "\u2029", "\u3000", "\ufeff", "\ufffd", "\u0301", "\u0307", "\u0327", "\u20dd", "\u1734", "\U000111c9"),
    *(
        "É",
        "ﬁ",
        "İ",
        "I",
        "ı",
        "ß",
        "ẞ",
        "ǅ",
        "Σ",
        "ς",
        "ſ",
        "K",
        "Å",
        "각",
        "\u1112\u1161",
        "か\u3099",
        "🙂",
        "👩‍👩‍👧",
        "🇮🇹",
    ),
    *("北", "\u3400", "\U00020000", "\U0002b820", "\U0002b920", "\uf900", "\U0002f800", "、", "ー", "\ue000", "[MASK]"),
    *(
        "\U0001e944",
        "\u1ac0",
        "\u061d",
        "\U000110cd",
        "\U0001d165",
        "\U0001d16d",
        "\u302e",
        "\u1171",
        "\U0001171e",
        "Ω",
    ),
]
TEXT = st.lists(st.one_of(st.sampled_from(STEMS), st.sampled_from(ALONE), st.sampled_from(ODD), st.text(max_size=3)))
TEXTS = TEXT.map("".join)


def peer(vocab, lowercase=True, strip_accents=None) -> Tokenizer:
    tokenizer = Tokenizer(PeerModel(vocab, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = BertNormalizer(lowercase=lowercase, strip_accents=strip_accents)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    return tokenizer


OURS = {option: WordPiece(VOCAB, lowercase=option[0], strip_accents=option[1]) for option in OPTIONS}
PEERS = {option: peer(VOCAB, *option) for option in OPTIONS}

# Equality with the reference implementations


@settings(deadline=None, max_examples=500)
@given(text=TEXTS, option=st.sampled_from(OPTIONS))
def test_any_text_is_cut_as_by_tokenizers(text, option):
    expected = PEERS[option].encode(text)
    assert OURS[option].encode(text) == expected.ids
    assert OURS[option].tokens(text) == expected.tokens


@pytest.mark.parametrize("option", OPTIONS)
def test_words_around_every_character_are_those_of_tokenizers(option):
    normalizer, splitter, words = PEERS[option].normalizer, PEERS[option].pre_tokenizer, BertWords(*option)
    characters = [char for block in BLOCKS for char in map(chr, block) if not newer_letter(char)]
    text = "".join(f"a{char}B " for char in characters)
    assert len(characters) > 50_000
    assert words.split(text) == [word for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))]


# All planes but the middle of the blocks of Chinese, of Hangul and for private use.
BLOCKS = [range(0x3500), range(0x4DA0, 0x4F00), range(0x9F00, 0xAD00), range(0xD700, 0xD800), range(0xF800, 0x20100)]
BLOCKS += [range(0x2A600, 0x2BA00), range(0x2CE00, 0x2FA30), range(0xE0000, 0xE0200), range(0x10FF00, 0x110000)]


def newer_letter(char: str) -> bool:
    """Unassigned in this Python, so perhaps a capital or a composed letter since."""
    return unicodedata.category(char) == "Cn" and 0x300 < ord(char) < 0x20000


@settings(deadline=None, max_examples=300)
@given(text=TEXTS, lowercase=st.booleans())
def test_special_tokens_in_a_text_are_found_as_by_transformers(text, lowercase):
    reference = transformers_tokenizer(lowercase)
    assert OURS[lowercase, None].encode(text, special=True) == reference.encode(text, add_special_tokens=False)


_TRANSFORMERS: dict[bool, BertTokenizer] = {}


def transformers_tokenizer(lowercase: bool) -> BertTokenizer:
    if lowercase not in _TRANSFORMERS:
        _TRANSFORMERS[lowercase] = BertTokenizer(vocab=VOCAB, do_lower_case=lowercase)
    return _TRANSFORMERS[lowercase]


def test_words_of_a_hundred_characters_are_cut_and_longer_ones_are_not():
    for length in (99, 100, 101, 5000):
        assert OURS[True, None].encode("a" * length) == PEERS[True, None].encode("a" * length).ids
    assert OURS[True, None].tokens("a" * 101) == ["[UNK]"]


def test_a_million_characters_are_cut_as_by_tokenizers():
    generator = random.Random(4)
    text = "".join(generator.choices([*STEMS, *ALONE, *ODD, " ", " ", "unaffable", "s" * 99], k=520_000))
    assert len(text) > 1_000_000
    assert OURS[True, None].encode(text) == PEERS[True, None].encode(text).ids


def test_time_is_linear_even_without_a_space():
    """A single word of a million letters is refused unseen; a million punctuation marks are a million words."""
    assert OURS[True, None].tokens("a" * 1_000_000) == ["[UNK]"]
    assert OURS[True, None].encode("!" * 1_000_000) == [VOCAB["!"]] * 1_000_000


# Training


def naive_merges(counts: dict[str, int], steps: int, min_count: int) -> list[tuple[str, str]]:
    """The definition: count everything anew in every step."""
    words = {word: pieces_of(word) for word in counts}
    found = []
    for _ in range(steps):
        single, pairs = Counter(), Counter()
        for word, pieces in words.items():
            for piece in pieces:
                single[piece] += counts[word]
            for pair in pairwise(pieces):
                pairs[pair] += counts[word]
        scores = {(a, b): n / (single[a] * single[b]) for (a, b), n in pairs.items() if n >= min_count}
        if not scores:
            break
        best = min(scores, key=lambda pair: (-scores[pair], pair))
        found.append(best)
        words = {word: merged(pieces, best) for word, pieces in words.items()}
    return found


COUNTS = st.dictionaries(st.text("abcé", min_size=1, max_size=7), st.integers(1, 9), max_size=12)


@settings(deadline=None, max_examples=400)
@given(counts=COUNTS, min_count=st.sampled_from([1, 2, 5]))
def test_merges_are_those_of_the_definition(counts, min_count):
    assert list(merges(counts, min_count)) == naive_merges(counts, 1000, min_count)


def test_merges_of_real_text_are_those_of_the_definition():
    from course_utils.data import lee_news

    words = Counter(word for text in lee_news().documents[:12] for word in BertWords().split(text))
    expected = naive_merges(words, 25, min_count=2)
    assert len(expected) == 25
    assert [pair for pair, _ in zip(merges(words, 2), range(25), strict=False)] == expected


def test_the_score_prefers_pairs_that_belong_together_to_frequent_ones():
    """th is the most frequent pair; q is always followed by u."""
    counts = {"that": 9, "then": 9, "thin": 9, "qu": 2, "hat": 5, "uh": 3}
    assert next(merges(counts)) == ("q", "##u")
    frequent = Counter(pair for word in counts for pair in pairwise(pieces_of(word)) for _ in range(counts[word]))
    assert frequent.most_common(1)[0][0] == ("t", "##h")


def test_a_trained_vocabulary_has_the_special_tokens_the_alphabet_and_the_merges():
    tokenizer = WordPiece.train(["hug hugs pug", "pugs!"], vocab_size=15)
    alphabet = sorted(["h", "p", "!", "##u", "##g", "##s"])
    expected = [*SPECIAL, *alphabet, *(joined(*pair) for pair in merges(Counter(["hug", "hugs", "pug", "pugs", "!"])))]
    assert list(tokenizer.vocab) == expected[:15]
    assert list(tokenizer.vocab.values()) == list(range(15))


def test_training_ends_when_every_word_is_whole():
    tokenizer = WordPiece.train(["ab abc"], vocab_size=100)
    assert tokenizer.tokens("ab abc") == ["ab", "abc"]
    assert len(tokenizer.vocab) < 15


def test_training_does_not_depend_on_the_order_of_the_texts_and_reads_them_once():
    texts = ["the cat sat on the mat", "a hat that fits", "Straßen in Zürich"]
    first = WordPiece.train(iter(texts), vocab_size=60)
    assert WordPiece.train(reversed(texts), vocab_size=60).vocab == first.vocab
    assert "[UNK]" not in first.tokens("the hat in zurich")


def test_training_leaves_out_words_that_are_never_cut():
    assert "##z" not in WordPiece.train(["ab " + "z" * 101], vocab_size=20).vocab


# Files


@pytest.mark.parametrize("option", OPTIONS)
def test_a_saved_vocabulary_is_read_by_us_and_by_tokenizers(tmp_path, option):
    path = tmp_path / "tokenizer.json"
    OURS[option].save(path)
    text = "Unaffable AÉé ßs 北京 [MASK] '!' 🙂"
    ours, theirs = WordPiece.load(path), Tokenizer.from_file(str(path))
    assert ours.encode(text) == theirs.encode(text).ids == OURS[option].encode(text)
    assert (ours.vocab, ours.words.lowercase) == (VOCAB, option[0])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_bert_vocabulary_file_is_read_as_by_transformers(tmp_path, end):
    path = tmp_path / "vocab.txt"
    path.write_bytes((end.join(VOCAB) + end).encode())
    reference = BertTokenizer.from_pretrained(str(tmp_path))
    assert WordPiece.load(path).vocab == VOCAB == reference.get_vocab()
    assert WordPiece.load(path, lowercase=False).tokens("A") == ["A"]


def test_a_tokenizer_file_of_transformers_is_read(tmp_path):
    reference = BertTokenizer(vocab=VOCAB, do_lower_case=False)
    reference.save_pretrained(tmp_path)
    ours = WordPiece.load(tmp_path / "tokenizer.json")
    text = "unaffable AÉ é 北京"
    assert ours.encode(text) == reference.encode(text, add_special_tokens=False)


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [("model", "type", "BPE"), ("model", "continuing_subword_prefix", "@@"), ("normalizer", "clean_text", False)],
)
def test_a_file_that_asks_for_something_else_is_refused(tmp_path, part, field, value):
    import json

    path = tmp_path / "tokenizer.json"
    OURS[True, None].save(path)
    content = json.loads(path.read_text(encoding="utf-8"))
    content[part][field] = value
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match=rf"{part}.{field} = {value!r}"):
        WordPiece.load(path)


# Decoding


@given(ids=st.lists(st.sampled_from(sorted(VOCAB.values()))))
def test_ids_are_decoded_as_by_tokenizers(ids):
    from tokenizers.decoders import WordPiece as PeerDecoder

    tokens = [list(VOCAB)[number] for number in ids]
    assert OURS[True, None].decode(ids) == PeerDecoder(prefix="##", cleanup=False).decode(tokens)


@given(words=st.lists(st.text("auns", min_size=1, max_size=20)))
def test_known_words_come_back(words):
    text = " ".join(words)
    tokenizer = WordPiece({"[UNK]": 0} | {mark + c: 1 + i for i, (mark, c) in enumerate(BOTH)})
    assert tokenizer.decode(tokenizer.encode(text)) == text


BOTH = [(mark, char) for mark in ("", "##") for char in "auns"] + [("", "un"), ("##", "ans")]


# The door


@pytest.mark.parametrize(
    ("texts", "error", "message"),
    [
        ("a str", TypeError, r"several texts, not 'a str'; for a single one write \[text\]"),
        (7, TypeError, "several texts, not 7"),
        (["a", 7], TypeError, "must be a str, not int"),
        ([b"a"], TypeError, "must be a str, not bytes"),
        ([["a", "b"]], TypeError, "must be a str, not list"),
        ([], ValueError, "no word in the texts"),
        (["", " \n"], ValueError, "no word in the texts"),
        (["ab\ud800"], ValueError, r"character 2 of the text is '\\ud800', half of a surrogate pair"),
        (["abcdef ghijkl"], ValueError, "vocab_size is 14, but 5 special tokens and the alphabet of the texts need 17"),
    ],
)
def test_wrong_texts_are_refused(texts, error, message):
    with pytest.raises(error, match=message):
        WordPiece.train(texts, vocab_size=14)


def test_wrong_input_is_refused():
    tokenizer = OURS[True, None]
    for method in (tokenizer.encode, tokenizer.tokens):
        with pytest.raises(ValueError, match="half of a surrogate pair"):
            method("a\udc00")
        with pytest.raises(TypeError, match="must be a str, not list"):
            method(["a"])
    for number in (len(VOCAB), -1, None):
        with pytest.raises(ValueError, match=f"no token has the id {number}"):
            tokenizer.decode([number])
    with pytest.raises(ValueError, match=r"has no \[UNK\]"):
        WordPiece({"a": 0})
    with pytest.raises(ValueError, match="2 tokens share 1 ids"):
        WordPiece({"[UNK]": 0, "a": 0})


def test_the_memory_of_words_is_bounded(monkeypatch):
    monkeypatch.setattr(wordpiece._Cache, "SIZE", 3)
    tokenizer = WordPiece(VOCAB)
    assert tokenizer.tokens("a un e s l a h un") == ["a", "un", "e", "s", "l", "a", "h", "un"]
    assert len(tokenizer._ids) <= 3


def test_a_tokeniser_can_be_sent_to_another_process():
    copy = pickle.loads(pickle.dumps(OURS[False, None]))
    assert copy.encode("unaffable A") == OURS[False, None].encode("unaffable A")
    assert repr(copy) == f"WordPiece({len(VOCAB)} tokens, lowercase=False)"


# Planted mistakes: each must be seen by the comparison with `tokenizers`.

SAMPLES = ["unaffable", "a!b É[MASK]", "unaffablex a", "北京 a", "a\u200dlé", "UN ß", "a+l", "ss" * 51, "a" * 100]


def sees_a_difference() -> bool:
    ours = {option: WordPiece(VOCAB, lowercase=option[0], strip_accents=option[1]) for option in OPTIONS}
    return any(ours[o].encode(text) != PEERS[o].encode(text).ids for o in OPTIONS for text in SAMPLES)


def shortest_match(self, word):
    ids, start, mark = [], 0, ""
    while start < len(word):
        ends = [end for end in range(start + 1, len(word) + 1) if mark + word[start:end] in self.vocab]
        if not ends:
            return [self.vocab["[UNK]"]]
        ids.append(self.vocab[mark + word[start : ends[0]]])
        start, mark = ends[0], "##"
    return ids


def mark_forgotten(self, word):
    both = SimpleNamespace(vocab=VOCAB | {"##" + token: VOCAB[token] for token in STEMS}, _longest=10)
    return RIGHT_CUT(both, word)


def unknown_by_piece(self, word):
    """[UNK] for the part that does not fit, where the whole word should be."""
    for end in range(len(word), 0, -1):
        ids = RIGHT_CUT(self, word[:end])
        if VOCAB["[UNK]"] not in ids:
            return ids + [VOCAB["[UNK]"]] * (end < len(word))
    return [VOCAB["[UNK]"]]


RIGHT_CUT = WordPiece._cut
RIGHT_CATEGORY = wordpiece._category

MISTAKES = {
    "the shortest match": (WordPiece, "_cut", shortest_match),
    "## is forgotten": (WordPiece, "_cut", mark_forgotten),
    "[UNK] for a part of a word": (WordPiece, "_cut", unknown_by_piece),
    "a word may be longer": (wordpiece, "LONGEST_WORD", 1000),
    "a word must be shorter": (wordpiece, "LONGEST_WORD", 99),
    "Chinese is not set apart": (wordpiece, "_CHINESE", []),
    "joiners stay": (wordpiece, "_category", lambda c: "Lo" if c == "\u200d" else RIGHT_CATEGORY(c)),
    "accents stay": (wordpiece, "_category", lambda c: "Lo" if c == "\u0301" else RIGHT_CATEGORY(c)),
    "brackets stay": (wordpiece, "_category", lambda c: "Lo" if c in "[]" else RIGHT_CATEGORY(c)),
    "signs are no punctuation": (wordpiece, "_SIGNS", ""),
}


def test_without_a_mistake_there_is_no_difference():
    assert not sees_a_difference()


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_seen(monkeypatch, mistake):
    monkeypatch.setattr(*MISTAKES[mistake])
    assert sees_a_difference()


def test_a_wrong_score_is_seen(monkeypatch):
    """The number of occurrences alone is BPE."""
    counts = {"that": 9, "then": 9, "thin": 9, "qu": 2, "hat": 5, "uh": 3}
    right = naive_merges(counts, 5, 1)
    monkeypatch.setattr(wordpiece._Merger, "_negative_score", lambda self, pair: -self.pairs[pair])
    assert list(merges(counts))[:5] != right
