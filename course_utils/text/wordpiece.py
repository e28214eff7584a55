"""WordPiece: BERT's sub-words, trained by likelihood gain, cut by the longest match from the left.

Sources: M. Schuster and K. Nakajima, "Japanese and Korean voice search", ICASSP 2012, section 3; Y. Wu et al.,
"Google's neural machine translation system", arXiv 1609.08144, section 4.1; J. Devlin et al., "BERT", arXiv
1810.04805, section 3, and the file tokenization.py that was published with it.

Three stages:

    split into words    `BertWords`: clean, set Chinese characters apart, fold case and accents, split at
                        white space and punctuation
    train               `merges`: words start as characters, those inside a word marked "##"; join again and
                        again the pair a b with the largest n(ab) / (n(a) n(b)), where n counts occurrences
    encode              `WordPiece`: of each word cut off the longest piece of the vocabulary, and so on;
                        where no piece fits, the whole word becomes [UNK]
"""

import heapq
import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, Self

INSIDE = "##"
"""The mark of a piece that continues a word."""

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""The first tokens of a vocabulary trained here."""

LONGEST_WORD = 100
"""A word of more characters becomes [UNK] unseen, as in BERT: this bounds the time that a word can take."""

Pair = tuple[str, str]

_SIGNS = "$+<=>^`|~"  # with these, all signs of ASCII count as punctuation

# The blocks of Chinese characters in tokenization.py; it leaves out U+2B820 to U+2B91F.
_CHINESE = [(0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F)]
_CHINESE += [(0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)]

# `tokenizers` has the character classes of Unicode 8.0 (2015). What is newer in these ranges counts as a letter
# there, and what changed its class later has the old one. With them the words do not depend on the Python.
_NEWER_THAN_UNICODE_8 = (
    "5c8-5c9 61d 7fd 890-8e2 9fd-9fe a76 afa-aff b53-b55 c04-c3c c77 c84 d00 d3b-d3c d81 eba ece 180f-1886 "
    "1abf-1af0 1b4e-1b4f 1b7d-1b7f 1df6-1dfb 2e43-2e63 a82c a8c5 a8ff a9bd 10d24-10f89 11070-11074 110c2-110cd "
    "111cf 1123e-11241 1133b 113bb-1145e 11660-1166c 116b9 1182f-11fff 12ff1-1612f 16d6d-16f4f 16fe2-16fe4 "
    "1cf00-1d128 1d25b-1d25c 1e000-1e6f5 1e944-1e95f"
)
_SPANS = (span.partition("-") for span in _NEWER_THAN_UNICODE_8.split())
_NEWER = [(int(first, 16), int(last or first, 16)) for first, _, last in _SPANS]
_OLDER_RUN = re.compile("[^" + "".join(f"{chr(first)}-{chr(last)}" for first, last in _NEWER) + "]+")
_OLD_CLASS = {"\u166d": "Po", "\U000111c9": "Po", "\u1734": "Mn", "\U0001171e": "Mn"}


def _category(char: str) -> str:
    """The general category of Unicode, as of version 8.0: "Lu" is a capital letter, "Mn" an accent."""
    if any(first <= ord(char) <= last for first, last in _NEWER):
        return "Lo"
    return _OLD_CLASS.get(char) or unicodedata.category(char)


class _Clean(dict[int, str]):
    """A table for str.translate, filled as characters come: controls go, white space becomes one space each."""

    def __missing__(self, code: int) -> str:
        char, category = chr(code), _category(chr(code))
        if char in "\t\n\r" or category in ("Zs", "Zl", "Zp"):
            clean = " "
        elif char == "\ufffd" or category in ("Cc", "Cf", "Co"):
            clean = ""
        elif any(first <= code <= last for first, last in _CHINESE):
            clean = f" {char} "
        else:
            clean = char
        return self.setdefault(code, clean)


class _Fold(dict[int, str]):
    """A table for str.translate: accents go, capitals become small, punctuation gets spaces around it."""

    def __init__(self, lowercase: bool, strip_accents: bool) -> None:
        super().__init__()
        self.lowercase, self.strip_accents = lowercase, strip_accents

    def __missing__(self, code: int) -> str:
        char, category = chr(code), _category(chr(code))
        if category == "Mn" and self.strip_accents:
            folded = ""
        elif category[0] == "P" or char in _SIGNS:
            folded = f" {char} "
        else:
            folded = char.lower() if self.lowercase else char
        return self.setdefault(code, folded)


class BertWords:
    """BERT's split of a text into words, with the options that its checkpoints differ in.

    Controls are removed (also U+200D, which joins emoji), every Chinese character and every punctuation mark is a
    word of its own, and white space separates. `lowercase` lower-cases; `strip_accents` removes accents, and does
    what `lowercase` does unless given. The time is linear in the length of the text.

    Source: tokenization.py of BERT, class BasicTokenizer.
    Differs: nothing from `tokenizers`: BertNormalizer and BertPreTokenizer, whose character classes are those of
    Unicode 8.0. Only letters too new for this Python's `unicodedata` keep their case here.

    >>> BertWords().split("Isn't Zoë at 北京?"), BertWords(lowercase=False).split("Zoë")
    (['isn', "'", 't', 'zoe', 'at', '北', '京', '?'], ['Zoë'])
    """

    def __init__(self, lowercase: bool = True, strip_accents: bool | None = None) -> None:
        self.lowercase = lowercase
        self.strip_accents = lowercase if strip_accents is None else strip_accents
        self._clean = _Clean()
        self._fold = _Fold(self.lowercase, self.strip_accents)

    def split(self, text: str) -> list[str]:
        """The words of a text, normalised."""
        text = text.translate(self._clean)
        if self.strip_accents and not text.isascii():
            # é becomes e and U+0301; newer characters neither decompose nor change places, as in `tokenizers`
            text = _OLDER_RUN.sub(lambda run: unicodedata.normalize("NFD", run[0]), text)
        return text.translate(self._fold).split()


def pieces_of(word: str) -> list[str]:
    """The characters of a word, those after the first marked as inside.

    >>> pieces_of("hug")
    ['h', '##u', '##g']
    """
    return [*word[:1], *(INSIDE + char for char in word[1:])]


def joined(a: str, b: str) -> str:
    """The piece that the pieces a and b make: b loses its mark.

    >>> joined("h", "##u"), joined("##u", "##g")
    ('hu', '##ug')
    """
    return a + b.removeprefix(INSIDE)


def merges(counts: Mapping[str, int], min_count: int = 1) -> Iterator[Pair]:
    """The pairs that training joins, in order, given how often each word occurs.

    In each step the pair of neighbours a b with the largest score n(ab) / (n(a) n(b)) becomes one piece; n counts
    occurrences as the words are cut at that moment. Of pairs with equal scores the alphabetically first is taken.
    For a unigram model of the pieces this is the pair whose probability exceeds most what independence foretells.
    Pairs that occur fewer than `min_count` times are left alone. Ends when no pair is left.

    The score favours rare pieces: a pair that occurs once, of pieces that occur once, scores 1, the maximum. So on a
    large text set `min_count` higher.

    The time: a step touches the words with the pair, and the scores of all pairs that share a piece with it.

    >>> list(merges({"hug": 10, "pug": 5, "hugs": 5}))[:2]  # the first scores 5 / (20 * 5) = 0.05
    [('##g', '##s'), ('##u', '##g')]
    """
    state = _Merger(counts, min_count)
    while pair := state.best():
        yield pair
        state.merge(pair)


class _Merger:
    """The words as they are cut, all counts kept up to date, and a heap of the scores."""

    def __init__(self, counts: Mapping[str, int], min_count: int) -> None:
        self.min_count = min_count
        self.words = [pieces_of(word) for word in counts]
        self.weights = list(counts.values())
        self.pieces: Counter[str] = Counter()
        self.pairs: Counter[Pair] = Counter()
        self.words_with: defaultdict[Pair, set[int]] = defaultdict(set)
        self.pairs_with: defaultdict[str, set[Pair]] = defaultdict(set)
        self.heap: list[tuple[float, Pair]] = []
        for index in range(len(self.words)):
            self._count(index)
        self._push(self.pairs)

    def best(self) -> Pair | None:
        """The pair with the largest score; entries of the heap whose score is no longer true are dropped."""
        while self.heap:
            negative, pair = self.heap[0]
            if self.pairs[pair] >= self.min_count and negative == self._negative_score(pair):
                return pair
            heapq.heappop(self.heap)
        return None

    def merge(self, pair: Pair) -> None:
        """Join the pair everywhere, in each word from the left."""
        for index in self.words_with.pop(pair):
            self._discount(index)
            self.words[index] = merged(self.words[index], pair)
            self._count(index)
        # Only the counts of three pieces have changed, but with them the score of every pair that has one of them.
        self._push({other for piece in (*pair, joined(*pair)) for other in self.pairs_with[piece]})

    def _count(self, index: int) -> None:
        pieces, weight = self.words[index], self.weights[index]
        for piece in pieces:
            self.pieces[piece] += weight
        for pair in pairwise(pieces):
            self.pairs[pair] += weight
            self.words_with[pair].add(index)
            for piece in pair:
                self.pairs_with[piece].add(pair)

    def _discount(self, index: int) -> None:
        pieces, weight = self.words[index], self.weights[index]
        for piece in pieces:
            self.pieces[piece] -= weight
        for pair in pairwise(pieces):
            self.pairs[pair] -= weight
            self.words_with[pair].discard(index)

    def _push(self, pairs: Iterable[Pair]) -> None:
        for pair in pairs:
            if self.pairs[pair] >= self.min_count:
                heapq.heappush(self.heap, (self._negative_score(pair), pair))

    def _negative_score(self, pair: Pair) -> float:
        a, b = pair
        return -self.pairs[pair] / (self.pieces[a] * self.pieces[b])


def merged(pieces: Sequence[str], pair: Pair) -> list[str]:
    """The pieces of a word after a b has become ab, from the left.

    >>> merged(["a", "##a", "##a", "##b"], ("##a", "##a")), merged(["h", "##u", "##g"], ("h", "##u"))
    (['a', '##aa', '##b'], ['hu', '##g'])
    """
    after: list[str] = []
    place = 0
    while place < len(pieces):
        if tuple(pieces[place : place + 2]) == pair:
            after.append(joined(*pair))
            place += 2
        else:
            after.append(pieces[place])
            place += 1
    return after


class _Cache(dict[str, list[int]]):
    """The ids of the words that were met; emptied when full, so that it stays small on endless text."""

    SIZE = 100_000

    def __init__(self, cut: Callable[[str], list[int]]) -> None:
        super().__init__()
        self.cut = cut

    def __missing__(self, word: str) -> list[int]:
        if len(self) >= self.SIZE:
            self.clear()
        return self.setdefault(word, self.cut(word))


class WordPiece:
    """A WordPiece vocabulary, which cuts texts into its pieces.

    Each word is cut from the left: the longest piece that fits, then the longest marked "##" that fits what is left.
    If nothing fits, the whole word is [UNK], and so is a word of more than 100 characters.

    `vocab` maps each token to its id. `lowercase` and `strip_accents` belong to the vocabulary, see `BertWords`:
    with the wrong ones most capitals are [UNK]. The time to encode is linear in the length of the text.

    Errors: ValueError for a vocabulary without [UNK], for ids that occur twice, and for text with half a surrogate
    pair, which no file can hold; TypeError for text that is not a str.
    Source: Devlin et al. 2018, tokenization.py, class WordpieceTokenizer.
    Differs: nothing from `tokenizers` or `transformers.BertTokenizer` with the same vocabulary; [CLS] and [SEP] are
    not added.

    >>> tokenizer = WordPiece({"[UNK]": 0, "un": 1, "##aff": 2, "##able": 3, "##a": 4})
    >>> tokenizer.tokens("Unaffable, una"), tokenizer.encode("unaffable")
    (['un', '##aff', '##able', '[UNK]', 'un', '##a'], [1, 2, 3])
    """

    def __init__(self, vocab: Mapping[str, int], *, lowercase: bool = True, strip_accents: bool | None = None) -> None:
        if "[UNK]" not in vocab:
            raise ValueError("the vocabulary has no [UNK], which stands for words that it cannot cut; add it")
        self.vocab = dict(vocab)
        self.words = BertWords(lowercase, strip_accents)
        self._by_id = {number: token for token, number in self.vocab.items()}
        if len(self._by_id) < len(self.vocab):
            raise ValueError(f"{len(self.vocab)} tokens share {len(self._by_id)} ids; give each token its own id")
        self._longest = max(map(len, self.vocab))
        self._ids = _Cache(self._cut)
        specials = [re.escape(token) for token in SPECIAL if token in self.vocab]
        self._special = re.compile(f"({'|'.join(specials)})")

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        *,
        vocab_size: int,
        min_count: int = 1,
        lowercase: bool = True,
        strip_accents: bool | None = None,
    ) -> Self:
        """Learn a vocabulary of `vocab_size` tokens: five special ones, the alphabet, and the joins of `merges`.

        The alphabet is every character that starts a word, and every one, marked "##", that continues a word. The
        texts are read once. When no pair of at least `min_count` occurrences is left, the vocabulary stays smaller.

        Errors: TypeError for a str in the place of several, or an item that is no str; ValueError if there is no
        word, or if `vocab_size` is smaller than the special tokens and the alphabet.
        Differs: the trainer of `tokenizers` called WordPieceTrainer joins the most frequent pair, as BPE does.

        >>> WordPiece.train(["hug hugs pug"], vocab_size=11).tokens("hugs")  # ##gs is the only merge
        ['h', '##u', '##gs']
        """
        words = BertWords(lowercase, strip_accents)
        counts = Counter(word for text in checked_texts(texts) for word in words.split(text))
        counts = Counter({word: count for word, count in sorted(counts.items()) if len(word) <= LONGEST_WORD})
        if not counts:
            raise ValueError("there is no word in the texts, so there is nothing to learn; check that they are read")
        tokens = [*SPECIAL, *sorted({piece for word in counts for piece in pieces_of(word)} - set(SPECIAL))]
        if vocab_size < len(tokens):
            raise ValueError(
                f"vocab_size is {vocab_size}, but {len(SPECIAL)} special tokens and the alphabet of the texts need "
                f"{len(tokens)}; raise vocab_size, or clean the texts of rare characters"
            )
        vocab = {token: number for number, token in enumerate(tokens)}
        for pair in merges(counts, min_count):
            if len(vocab) >= vocab_size:
                break
            vocab.setdefault(joined(*pair), len(vocab))
        return cls(vocab, lowercase=lowercase, strip_accents=strip_accents)

    def encode(self, text: str, special: bool = False) -> list[int]:
        """The ids of the pieces of a text.

        With `special`, the special tokens that stand in the text are taken as such, as `transformers` does;
        otherwise "[MASK]" is a word between brackets.

        >>> tokenizer = WordPiece({"[UNK]": 0, "[MASK]": 1, "a": 2})
        >>> tokenizer.encode("a [MASK]"), tokenizer.encode("a [MASK]", special=True)
        ([2, 0, 0, 0], [2, 1])
        """
        check_text(text)
        if not special:
            return self._encode(text)
        parts = self._special.split(text)  # texts and special tokens in turns
        return [n for i, part in enumerate(parts) for n in ([self.vocab[part]] if i % 2 else self._encode(part))]

    def _encode(self, text: str) -> list[int]:
        return list(chain.from_iterable(map(self._ids.__getitem__, self.words.split(text))))

    def _cut(self, word: str) -> list[int]:
        """The longest match first, from the left."""
        if len(word) > LONGEST_WORD:
            return [self.vocab["[UNK]"]]
        ids: list[int] = []
        start, mark = 0, ""
        while start < len(word):
            for end in range(min(len(word), start + self._longest), start, -1):
                number = self.vocab.get(mark + word[start:end])
                if number is not None:
                    break
            else:
                return [self.vocab["[UNK]"]]
            ids.append(number)
            start, mark = end, INSIDE
        return ids

    def tokens(self, text: str) -> list[str]:
        """The pieces of a text as they stand in the vocabulary."""
        return [self._by_id[number] for number in self.encode(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """The words of the ids, a space between them; case, accents and the text's own spaces are lost.

        >>> WordPiece({"[UNK]": 0, "hug": 1, "##s": 2}).decode([1, 2, 1])
        'hugs hug'
        """
        tokens = [self._token(number) for number in ids]
        rest = (token[len(INSIDE) :] if token.startswith(INSIDE) else " " + token for token in tokens[1:])
        return "".join([*tokens[:1], *rest])

    def _token(self, number: int) -> str:
        if number not in self._by_id:
            raise ValueError(f"no token has the id {number!r}; the vocabulary has {len(self.vocab)} tokens")
        return self._by_id[number]

    def save(self, path: str | Path) -> None:
        """Write a tokenizer.json, which `load` and `tokenizers.Tokenizer.from_file` read.

        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "tokenizer.json")
        >>> WordPiece({"[UNK]": 0, "a": 1}).save(path)
        >>> WordPiece.load(path).vocab
        {'[UNK]': 0, 'a': 1}
        """
        content: dict[str, Any] = {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [],
            "normalizer": {
                "type": "BertNormalizer",
                "clean_text": True,
                "handle_chinese_chars": True,
                "strip_accents": self.words.strip_accents,
                "lowercase": self.words.lowercase,
            },
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": None,
            "decoder": {"type": "WordPiece", "prefix": INSIDE, "cleanup": False},
            "model": {
                "type": "WordPiece",
                "unk_token": "[UNK]",
                "continuing_subword_prefix": INSIDE,
                "max_input_chars_per_word": LONGEST_WORD,
                "vocab": self.vocab,
            },
        }
        Path(path).write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path, *, lowercase: bool = True, strip_accents: bool | None = None) -> Self:
        """Read a tokenizer.json with a WordPiece model, or a BERT vocabulary file with one token a line.

        `lowercase` and `strip_accents` count for a vocabulary file only, which does not say what it was made for.

        Errors: ValueError if the file is neither, or asks for what `BertWords` does not do.
        """
        content = Path(path).read_text(encoding="utf-8")
        if content.lstrip().startswith("{") and '"model"' in content:
            return cls._from_json(json.loads(content))
        lines = content.split("\n")
        vocab = {line: number for number, line in enumerate(lines[:-1] if lines[-1] == "" else lines)}
        return cls(vocab, lowercase=lowercase, strip_accents=strip_accents)

    @classmethod
    def _from_json(cls, content: Mapping[str, Any]) -> Self:
        model, normalizer = content.get("model") or {}, content.get("normalizer") or {}
        needed = {
            "model.type": (model.get("type"), "WordPiece"),
            "model.unk_token": (model.get("unk_token"), "[UNK]"),
            "model.continuing_subword_prefix": (model.get("continuing_subword_prefix"), INSIDE),
            "model.max_input_chars_per_word": (model.get("max_input_chars_per_word"), LONGEST_WORD),
            "normalizer.type": (normalizer.get("type"), "BertNormalizer"),
            "normalizer.clean_text": (normalizer.get("clean_text"), True),
            "normalizer.handle_chinese_chars": (normalizer.get("handle_chinese_chars"), True),
            "pre_tokenizer.type": ((content.get("pre_tokenizer") or {}).get("type"), "BertPreTokenizer"),
        }
        for field, (given, known) in needed.items():
            if given != known:
                raise ValueError(f"the file has {field} = {given!r}; WordPiece reads {known!r} only")
        return cls(model["vocab"], lowercase=normalizer["lowercase"], strip_accents=normalizer["strip_accents"])

    def __repr__(self) -> str:
        return f"WordPiece({len(self.vocab)} tokens, lowercase={self.words.lowercase})"


def checked_texts(texts: Iterable[str]) -> Iterator[str]:
    """The texts one by one, each checked; a str in the place of several is refused."""
    if isinstance(texts, str) or not isinstance(texts, Iterable):
        raise TypeError(f"train() takes several texts, not {texts!r:.40}; for a single one write [text]")
    for text in texts:
        check_text(text)
        yield text


def check_text(text: str) -> None:
    """Refuse what is no str, and half a surrogate pair."""
    if not isinstance(text, str):
        raise TypeError(f"a text must be a str, not {type(text).__name__} ({text!r:.40}); decode bytes first")
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError(
                f"character {error.start} of the text is {text[error.start]!r}, half of a surrogate pair, which stands "
                "for no character; decode the source with errors='replace', or remove it"
            ) from None
