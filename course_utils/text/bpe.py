"""Byte pair encoding: learn the most frequent adjacent pairs of symbols, and cut text into what was learnt.

Training starts with words as rows of single symbols (characters, or bytes). The pair of neighbours that is most
frequent in the text becomes a symbol of its own, everywhere; this is repeated until the vocabulary is full. The list
of **merges**, in the order in which they were learnt, is the model. A new word is cut by the same merges: of the pairs
in it, the one learnt first is merged, the leftmost if there are several, until no pair is left that was learnt.

How it is fast in plain Python: every symbol is written as one character, so a word is a str, a pair is a str of
length 2, and `str.replace` merges. Training keeps each distinct word once with its count, knows for each pair how
often and in which words it occurs, and after a merge mends only what has changed.

Sources: Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with Subword Units", ACL 2016, section
3.2 and algorithm 1; for bytes Radford et al., "Language Models are Unsupervised Multitask Learners", 2019, section 2.2.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import chain, repeat
from operator import add
from pathlib import Path
from typing import Any, Self, TypeVar

import regex

T = TypeVar("T")
Merge = tuple[str, str]

GPT2_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""How GPT-2 cuts a text before any merge: letters, digits and other signs never meet in one piece."""

_GPT2_ASCII = r"'(?:[sdmt]|ll|ve|re)| ?[a-zA-Z]+| ?[0-9]+| ?[^\sa-zA-Z0-9]+|\s+(?!\S)|\s+"

WORD_END = "</w>"
UNKNOWN = "<unk>"
LONG = 100  # symbols; up to here looking at all pairs again after each merge is cheaper than a heap
CACHED = 1 << 18  # pieces whose ids are remembered


def byte_characters() -> dict[int, str]:
    """The visible character by which GPT-2's files write each byte.

    Printable bytes of Latin-1 stand for themselves; the others become the characters from U+0100 on, in order.

    >>> byte_characters()[ord("a")], byte_characters()[ord(" ")], byte_characters()[0]
    ('a', 'Ġ', 'Ā')
    """
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return {byte: chr(byte) for byte in visible} | {byte: chr(256 + i) for i, byte in enumerate(hidden)}


BYTE_TO_CHARACTER = byte_characters()
CHARACTER_TO_BYTE = {character: byte for byte, character in BYTE_TO_CHARACTER.items()}


# Training


def learn_merges(words: Mapping[str, int], pieces: list[str], vocab_size: int) -> list[Merge]:
    """Learn merges until `pieces` has `vocab_size` entries or no word has two symbols left; extends `pieces`.

    A word is a str whose characters are symbols: `chr(i)` stands for `pieces[i]`. The pair with the highest count is
    merged; of equal counts the one whose symbols have the smaller numbers, the left symbol compared first (the rule of
    the `tokenizers` library). Two merges that spell the same piece give the same symbol.

    The time is that of reading all words once, and for each merge that of the words in which its pair occurs.

    Source: Sennrich et al. 2016, algorithm 1.

    >>> pieces = ["a", "b", "c"]
    >>> learn_merges({chr(0) + chr(1) + chr(2): 3, chr(0) + chr(1): 1}, pieces, 5), pieces
    ([('a', 'b'), ('ab', 'c')], ['a', 'b', 'c', 'ab', 'abc'])
    """
    number = {piece: i for i, piece in enumerate(pieces)}
    index = _PairIndex(words)
    heap = [(-count, pair) for pair, count in index.counts.items()]
    heapify(heap)
    merges: dict[Merge, None] = {}
    while len(pieces) < vocab_size and heap:
        count, pair = heappop(heap)
        if (now := index.counts.get(pair, 0)) != -count:  # the count has fallen since this was put in
            if now:
                heappush(heap, (-now, pair))
            continue
        left, right = (pieces[ord(symbol)] for symbol in pair)
        symbol = chr(number.setdefault(left + right, len(pieces)))
        if len(number) > len(pieces):
            pieces.append(left + right)
        merges[left, right] = None
        for risen in index.merge(pair, symbol):
            heappush(heap, (-index.counts[risen], risen))
    return list(merges)


class _PairIndex:
    """Words as they are cut so far, how often each pair of neighbours occurs, and in which words it may occur."""

    def __init__(self, words: Mapping[str, int]) -> None:
        self.words = list(words)
        self.frequency = list(words.values())
        self.counts: dict[str, int] = defaultdict(int)
        self.where: dict[str, list[int]] = defaultdict(list)
        for i, (word, n) in enumerate(words.items()):
            for pair in map(add, word, word[1:]):
                self.counts[pair] += n
                self.where[pair].append(i)

    def merge(self, pair: str, symbol: str) -> set[str]:
        """Put `symbol` in the place of `pair` in all words; the pairs that have become more frequent."""
        first, last = pair[0], pair[1]
        risen = set()
        for i in self.where.pop(pair):
            parts = self.words[i].split(pair)
            if len(parts) == 1:  # the pair was here once, and has gone since
                continue
            self.words[i] = symbol.join(parts)
            n = self.frequency[i]
            for old, new in _neighbours(parts, first, last, symbol):
                self.counts[old] -= n
                self.counts[new] += n
                self.where[new].append(i)
                risen.add(new)
        del self.counts[pair]
        return risen


def _neighbours(parts: list[str], first: str, last: str, symbol: str) -> Iterator[tuple[str, str]]:
    """The pairs at the edges of the parts between which `first + last` stood, and what each of them becomes."""
    end = len(parts) - 1
    for i, part in enumerate(parts):
        if part:
            if i > 0:
                yield last + part[0], symbol + part[0]
            if i < end:
                yield part[-1] + first, part[-1] + symbol
        elif 0 < i < end:  # two occurrences touch
            yield last + first, symbol + symbol


# Cutting


class _Merger:
    """Cuts a word of symbols by the learnt merges: always the one learnt first, and of several the leftmost."""

    def __init__(self, merges: Sequence[tuple[str, str]]) -> None:
        self.symbols = [symbol for _, symbol in merges]
        self.rank = {pair: i for i, (pair, _) in enumerate(merges)}

    def __call__(self, word: str) -> str:
        if len(word) > LONG:
            return self._merge_long(word)
        rank, never = self.rank.get, len(self.symbols)
        ranks = [*map(rank, map(add, word, word[1:]), repeat(never)), never]  # of the pair that starts at each place
        while (best := min(ranks)) < never:
            i, symbol = ranks.index(best), self.symbols[best]
            if i:
                ranks[i - 1] = rank(word[i - 1] + symbol, never)
            ranks[i : i + 2] = [rank(symbol + word[i + 2 : i + 3], never)]
            word = word[:i] + symbol + word[i + 2 :]
        return word

    def _merge_long(self, word: str) -> str:
        """The same in n log n steps: a heap of (rank, place), and links from each symbol to its neighbours."""
        rank, n = self.rank, len(word)
        symbols = list(word)  # "" once merged into the symbol before it
        before, after = list(range(-1, n - 1)), list(range(1, n + 1))
        heap = [(rank[pair], i) for i, pair in enumerate(map(add, word, word[1:])) if pair in rank]
        heapify(heap)
        while heap:
            best, i = heappop(heap)
            j = after[i]
            if j >= n or rank.get(symbols[i] + symbols[j]) != best:  # one of the two has changed since
                continue
            symbols[i], symbols[j] = self.symbols[best], ""
            after[i] = after[j]
            if after[i] < n:
                before[after[i]] = i
            for left in (before[i], i):
                right = after[left]
                if left >= 0 and right < n and (found := rank.get(symbols[left] + symbols[right])) is not None:
                    heappush(heap, (found, left))
        return "".join(symbols)


class _Remembered(dict[str, tuple[int, ...]]):
    """The ids of each piece of text, computed once. Long pieces, and more than CACHED, are not kept."""

    def __init__(self, compute: Callable[[str], tuple[int, ...]]) -> None:
        super().__init__()
        self.compute = compute

    def __missing__(self, piece: str) -> tuple[int, ...]:
        ids = self.compute(piece)
        if len(piece) <= LONG:
            if len(self) >= CACHED:
                self.clear()
            self[piece] = ids
        return ids

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.compute,)


# The tokenisers


class _PairTokeniser:
    """What BPE over characters and over bytes share: a vocabulary, merges, and their files."""

    def __init__(self, vocab: Mapping[str, int], merges: Sequence[Merge]) -> None:
        self.vocab = dict(vocab)
        self.merges = [(left, right) for left, right in merges]
        self._check()
        symbols = {piece: chr(i) for i, piece in enumerate(self.vocab)}
        self._symbols = symbols
        self._id = {symbols[piece]: i for piece, i in self.vocab.items()}
        self._by_id = {i: piece for piece, i in self.vocab.items()}
        self._merge = _Merger([(symbols[a] + symbols[b], symbols[a + b]) for a, b in self.merges])
        self._remembered = _Remembered(self._cut)

    def _check(self) -> None:
        ids = list(self.vocab.values())
        if not all(isinstance(i, int) and i >= 0 for i in ids) or len(set(ids)) < len(ids):
            raise ValueError("the ids of a vocabulary are whole numbers from 0 on, each given to one piece only")
        for left, right in self.merges:
            missing = [piece for piece in (left, right, left + right) if piece not in self.vocab]
            if missing:
                raise ValueError(f"the merge {left!r} {right!r} needs {missing[0]!r}, which is not in the vocabulary")

    def _spell(self, piece: str) -> str:
        """The symbols with which the merging of a piece starts."""
        raise NotImplementedError

    def _cut(self, piece: str) -> tuple[int, ...]:
        return tuple(map(self._id.__getitem__, self._merge(self._spell(piece))))

    def _encode(self, pieces: Iterable[str]) -> list[int]:
        return list(chain.from_iterable(map(self._remembered.__getitem__, pieces)))

    def __len__(self) -> int:
        """The number of entries in the vocabulary."""
        return len(self.vocab)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} tokens, {len(self.merges):,} merges)"

    def save(self, path: str | Path) -> None:
        """Write `tokenizer.json` if the path ends in .json, else `vocab.json` and `merges.txt` into that folder.

        Both are the published formats; `tokenizers` reads them. Missing folders are made.
        """
        path = Path(path)
        if path.suffix == ".json":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(self._to_json(), ensure_ascii=False, indent=1), encoding="utf-8", newline="\n")
            return
        path.mkdir(parents=True, exist_ok=True)
        vocab = json.dumps(self._all_tokens(), ensure_ascii=False)
        path.joinpath("vocab.json").write_text(vocab, encoding="utf-8", newline="\n")
        lines = ["#version: 0.2", *map(" ".join, self.merges), ""]
        path.joinpath("merges.txt").write_text("\n".join(lines), encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` writes, or a published file of the same format.

        Errors: FileNotFoundError; ValueError for a file that holds another kind of tokeniser.
        """
        path = Path(path)
        if path.suffix == ".json":
            return cls._from_json(json.loads(path.read_text(encoding="utf-8")))
        return cls._from_parts(*_read_files(path / "vocab.json", path / "merges.txt"))

    @classmethod
    def _from_parts(cls, tokens: Mapping[str, int], merges: list[Merge]) -> Self:
        return cls(tokens, merges)

    def _all_tokens(self) -> dict[str, int]:
        return self.vocab

    def _to_json(self) -> dict[str, Any]:
        raise NotImplementedError

    @classmethod
    def _from_json(cls, description: Mapping[str, Any]) -> Self:
        raise NotImplementedError


class BPE(_PairTokeniser):
    """Byte pair encoding over characters: words between white space, the last character of each marked `</w>`.

    `low` starts as `l o w</w>`, so `w` at the end of a word and `w` within are different symbols, and a merge never
    crosses from one word into the next. A character that the training text did not have becomes `<unk>`, whose id is
    0; then come the other symbols by code point, those without the mark first, then the merges in order.

    Errors: ValueError for merges that the vocabulary does not have, or a vocabulary without `<unk>`.
    Source: Sennrich et al. 2016; the mark is part of the last character, as in their released program and in GPT-1.
    Differs: a word of the text that itself contains `</w>` decodes as two.

    >>> bpe = BPE.train(["low low low lower lowest"], vocab_size=14)
    >>> bpe.merges[:2], bpe.tokens("lowest sly")
    ([('l', 'o'), ('lo', 'w</w>')], ['lowe', 'st</w>', 's', 'l', '<unk>'])
    >>> bpe.decode(bpe.encode("low  lower"))
    'low lower'
    """

    def _check(self) -> None:
        if UNKNOWN not in self.vocab:
            raise ValueError(f"the vocabulary has no {UNKNOWN!r} for characters that it does not know")
        super()._check()

    @classmethod
    def train(cls, texts: Iterable[str], *, vocab_size: int) -> Self:
        """Learn from the texts, which are read once, so a generator will do.

        The vocabulary ends smaller than `vocab_size` if every word has become one piece before.

        Errors: TypeError for texts that are no strings, or one str; ValueError for texts without a word, a lone
        surrogate, or a `vocab_size` that is smaller than the alphabet.
        """
        _check_size(vocab_size, 1)
        words = _count(texts, _words)
        spelled = {word: _letters(word) for word in words}
        alphabet = set(chain.from_iterable(spelled.values()))
        pieces = [UNKNOWN, *sorted(alphabet, key=lambda symbol: (symbol.endswith(WORD_END), symbol))]
        _check_size(vocab_size, len(pieces))
        symbols = {piece: chr(i) for i, piece in enumerate(pieces)}
        cut = {"".join(map(symbols.__getitem__, spelled[word])): n for word, n in words.items()}
        merges = learn_merges(cut, pieces, vocab_size)
        return cls({piece: i for i, piece in enumerate(pieces)}, merges)

    def _spell(self, piece: str) -> str:
        unknown = self._symbols[UNKNOWN]
        return "".join(self._symbols.get(letter, unknown) for letter in _letters(piece))

    def encode(self, text: str) -> list[int]:
        """The ids of the text's sub-words.

        Errors: TypeError for what is not a str, ValueError for a lone surrogate.
        """
        return self._encode(_words(_checked(text)))

    def tokens(self, text: str) -> list[str]:
        """The sub-words themselves, `</w>` included."""
        return [self._by_id[i] for i in self.encode(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """The words of the ids, one blank between them; what was unknown shows as `<unk>`.

        Errors: ValueError for an id that is not in the vocabulary.
        """
        return "".join(_look_up(self._by_id, ids)).replace(WORD_END, " ").removesuffix(" ")

    def _to_json(self) -> dict[str, Any]:
        splitter, decoder = {"type": "WhitespaceSplit"}, {"type": "BPEDecoder", "suffix": WORD_END}
        model = {"unk_token": UNKNOWN, "end_of_word_suffix": WORD_END}
        return _tokenizer_json(self, model, splitter, decoder, {})

    @classmethod
    def _from_json(cls, description: Mapping[str, Any]) -> Self:
        model = _bpe_model(description, unk_token=UNKNOWN, end_of_word_suffix=WORD_END)
        if description.get("pre_tokenizer") != {"type": "WhitespaceSplit"}:
            raise ValueError(f"BPE splits at white space, this file by {description.get('pre_tokenizer')}")
        return cls(model["vocab"], list(map(_pair, model["merges"])))


class ByteBPE(_PairTokeniser):
    """Byte-level byte pair encoding, as in GPT-2: no text is unknown, since every text is bytes.

    The text is first cut by `pattern`; the bytes of each piece, in UTF-8, are then merged. `vocab` and `merges` write
    a byte as one visible character (`byte_characters`; a blank is Ġ). Training numbers the 256 bytes first, then the
    merges, then the special tokens.

    A special token such as `<|endoftext|>` is found in a text only if `encode` is told to look for it.

    Errors: ValueError for a vocabulary that lacks a byte or what a merge needs, or special tokens that clash with it.
    Source: Radford et al. 2019, section 2.2, and the code released with it; ids as by `tokenizers` and `tiktoken`.
    Differs: `tiktoken` refuses a text with a special token that was not allowed; here it is ordinary text. `tokenizers`
    always takes it as special.

    >>> bpe = ByteBPE.train(["a dog! a dog. a dog?"], vocab_size=260, special_tokens=["<|endoftext|>"])
    >>> bpe.merges
    [('d', 'o'), ('Ġ', 'do'), ('Ġdo', 'g')]
    >>> bpe.tokens("a dog!"), bpe.decode(bpe.encode("naïve 🙂"))
    (['a', ' dog', '!'], 'naïve 🙂')
    >>> bpe.encode("<|endoftext|>", allowed_special="all"), len(bpe.encode("<|endoftext|>"))
    ([259], 12)
    """

    def __init__(
        self,
        vocab: Mapping[str, int],
        merges: Sequence[Merge],
        *,
        special_tokens: Mapping[str, int] | None = None,
        pattern: str = GPT2_PATTERN,
    ) -> None:
        self.special_tokens = dict(special_tokens or {})
        self.pattern = pattern
        self._split = _Splitter(pattern)
        super().__init__(vocab, merges)
        self._byte_symbols = {byte: self._symbols[piece] for byte, piece in BYTE_TO_CHARACTER.items()}
        self._bytes = {i: token for token, i in self.mergeable_ranks().items()}
        self._bytes |= {i: token.encode("utf-8") for token, i in self.special_tokens.items()}

    def _check(self) -> None:
        super()._check()
        if missing := [byte for byte, piece in BYTE_TO_CHARACTER.items() if piece not in self.vocab]:
            raise ValueError(f"the vocabulary lacks {len(missing)} of the 256 bytes, the first is {missing[0]:#04x}")
        if odd := [piece for piece in self.vocab if not piece or not CHARACTER_TO_BYTE.keys() >= set(piece)]:
            raise ValueError(f"{odd[0]!r} does not stand for bytes; give such tokens as special_tokens")
        ids = set(self.vocab.values())
        clash = "" in self.special_tokens or self.special_tokens.keys() & self.vocab.keys()
        if clash or len(ids | set(self.special_tokens.values())) < len(self):
            raise ValueError(f"special tokens need a text and an id that no other token has: {self.special_tokens}")

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        *,
        vocab_size: int,
        special_tokens: Collection[str] = (),
        pattern: str = GPT2_PATTERN,
    ) -> Self:
        """Learn from the texts, which are read once, so a generator will do.

        The vocabulary, special tokens counted, ends smaller than `vocab_size` if every piece has become one token.
        What the pattern does not match is left out.

        Errors: TypeError for texts that are no strings, or one str; ValueError for texts without content, a lone
        surrogate, or a `vocab_size` that leaves no room for 256 bytes and the special tokens.
        """
        if isinstance(special_tokens, str):
            raise TypeError(f"special_tokens is a list of strings: write [{special_tokens!r}]")
        special_tokens = list(dict.fromkeys(special_tokens))
        _check_size(vocab_size, 256 + len(special_tokens))
        pieces = sorted(CHARACTER_TO_BYTE)
        symbols = {CHARACTER_TO_BYTE[piece]: chr(i) for i, piece in enumerate(pieces)}
        words = _count(texts, _Splitter(pattern))
        cut = {_bytes_as_text(word).translate(symbols): n for word, n in words.items()}
        merges = learn_merges(cut, pieces, vocab_size - len(special_tokens))
        special = {token: len(pieces) + i for i, token in enumerate(special_tokens)}
        vocab = {piece: i for i, piece in enumerate(pieces)}
        return cls(vocab, merges, special_tokens=special, pattern=pattern)

    def _spell(self, piece: str) -> str:
        return _bytes_as_text(piece).translate(self._byte_symbols)

    def encode(self, text: str, *, allowed_special: Collection[str] = ()) -> list[int]:
        """The ids of the text's tokens; `allowed_special` names the special tokens to look for, or is "all".

        Errors: TypeError for what is not a str; ValueError for a lone surrogate, which UTF-8 cannot write, and for a
        special token that does not exist.
        """
        allowed = self._allowed(allowed_special)
        ids: list[int] = []
        for part, is_special in _parts(_checked(text), allowed):
            if is_special:
                ids.append(self.special_tokens[part])
            else:
                ids += self._encode(self._split(part))
        return ids

    def _allowed(self, names: Collection[str]) -> Collection[str]:
        if names == "all":
            return self.special_tokens
        if isinstance(names, str) or not self.special_tokens.keys() >= set(names):
            raise ValueError(
                f'allowed_special is "all" or some of {sorted(self.special_tokens)} in a list, not {names!r}'
            )
        return names

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """The bytes of the ids; a part of a character is possible.

        Errors: ValueError for an id that does not exist.
        """
        return b"".join(_look_up(self._bytes, ids))

    def decode(self, ids: Iterable[int]) -> str:
        """The text of the ids. Bytes that are not UTF-8, as in half a character, become U+FFFD each time.

        Errors: ValueError for an id that does not exist.
        """
        return self.decode_bytes(ids).decode("utf-8", errors="replace")

    def tokens(self, text: str) -> list[str]:
        """The text of each token by itself; where a token is part of a character, that is U+FFFD."""
        return [self.decode([i]) for i in self.encode(text)]

    def mergeable_ranks(self) -> dict[bytes, int]:
        """The vocabulary without the special tokens, as `tiktoken.Encoding` wants it."""
        return {bytes(map(CHARACTER_TO_BYTE.__getitem__, piece)): i for piece, i in self.vocab.items()}

    def __len__(self) -> int:
        """The number of tokens, special ones counted."""
        return len(self.vocab) + len(self.special_tokens)

    @classmethod
    def from_gpt2(cls, vocab: str | Path, merges: str | Path) -> Self:
        """Read GPT-2's two files, `vocab.json` and `merges.txt` (`encoder.json` and `vocab.bpe`).

        An entry of the vocabulary that is neither a byte nor the result of a merge is a special token.
        """
        return cls._from_parts(*_read_files(Path(vocab), Path(merges)))

    @classmethod
    def _from_parts(cls, tokens: Mapping[str, int], merges: list[Merge], pattern: str = GPT2_PATTERN) -> Self:
        ordinary = CHARACTER_TO_BYTE.keys() | {left + right for left, right in merges}
        vocab = {token: i for token, i in tokens.items() if token in ordinary}
        special = {token: i for token, i in tokens.items() if token not in ordinary}
        return cls(vocab, merges, special_tokens=special, pattern=pattern)

    def save(self, path: str | Path) -> None:
        """Write `tokenizer.json` if the path ends in .json, else `vocab.json` and `merges.txt` into that folder.

        Errors: ValueError for two files and another pattern than GPT-2's, since they cannot say how a text is split.
        """
        if self.pattern != GPT2_PATTERN and Path(path).suffix != ".json":
            raise ValueError("vocab.json and merges.txt cannot keep a pattern of one's own: save a tokenizer.json")
        super().save(path)

    def _all_tokens(self) -> dict[str, int]:
        return self.vocab | self.special_tokens

    def _to_json(self) -> dict[str, Any]:
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
        splitter: dict[str, Any] = byte_level
        if self.pattern != GPT2_PATTERN:
            split = {"type": "Split", "pattern": {"Regex": self.pattern}, "behavior": "Isolated", "invert": False}
            splitter = {"type": "Sequence", "pretokenizers": [split, byte_level | {"use_regex": False}]}
        return _tokenizer_json(self, {}, splitter, byte_level, self.special_tokens)

    @classmethod
    def _from_json(cls, description: Mapping[str, Any]) -> Self:
        model = _bpe_model(description)
        pattern = _byte_level_pattern(description.get("pre_tokenizer") or {})
        added = {token["content"]: token["id"] for token in description.get("added_tokens", ())}
        return cls._from_parts(model["vocab"] | added, list(map(_pair, model["merges"])), pattern)


# Splitting


def _words(text: str) -> list[str]:
    return regex.findall(r"\S+", text)  # str.split() would also split at U+001C to U+001F


def _letters(word: str) -> list[str]:
    return [*word[:-1], word[-1] + WORD_END]


def _bytes_as_text(piece: str) -> str:
    """The UTF-8 bytes of a piece, each as the character with its number."""
    return piece.encode("utf-8").decode("latin-1")


class _Splitter:
    """Cuts a text into pieces. GPT-2's pattern on ASCII text is left to `re`, which is three times as fast."""

    def __init__(self, pattern: str) -> None:
        self.general = regex.compile(pattern)
        if self.general.groups:
            raise ValueError(f"a pattern may have no groups that capture: write (?:...) for (...) in {pattern!r}")
        self.ascii_only = re.compile(_GPT2_ASCII, re.ASCII) if pattern == GPT2_PATTERN else None

    def __call__(self, text: str) -> list[str]:
        if self.ascii_only and text.isascii():
            return self.ascii_only.findall(text)
        return self.general.findall(text)


# Doors and files


def _check_size(vocab_size: int, least: int) -> None:
    if not isinstance(vocab_size, int) or isinstance(vocab_size, bool):
        raise TypeError(f"vocab_size is a whole number, not {vocab_size!r}")
    if vocab_size < least:
        raise ValueError(f"vocab_size={vocab_size} is too small: the alphabet alone needs {least}; give at least that")


def _checked(text: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"a text is a str, not {type(text).__name__} ({text!r:.60})")
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError(
                f"the text has a lone surrogate, U+{ord(text[error.start]):04X}, at position {error.start}; it is half "
                'of a character: remove it with text.encode("utf-8", "ignore").decode("utf-8")'
            ) from None
    return text


def _count(texts: Iterable[str], split: Callable[[str], list[str]]) -> Counter[str]:
    if isinstance(texts, str | bytes):
        raise TypeError(f"give an iterable of texts, not one {type(texts).__name__}: write [text]")
    words: Counter[str] = Counter()
    for text in texts:
        words.update(split(_checked(text)))
    if not words:
        raise ValueError("there is nothing to learn from: the texts have no words")
    return words


def _look_up(pieces: Mapping[int, T], ids: Iterable[int]) -> list[T]:
    try:
        return [pieces[i] for i in ids]
    except KeyError as error:
        raise ValueError(f"there is no token with the id {error.args[0]!r}; ids run to {max(pieces)}") from None


def _parts(text: str, special: Collection[str]) -> Iterator[tuple[str, bool]]:
    """The text cut at special tokens, the longest where several fit, each part with whether it is one."""
    if not special:
        yield text, False
        return
    longest_first = "|".join(map(regex.escape, sorted(special, key=len, reverse=True)))
    for i, part in enumerate(regex.split(f"({longest_first})", text)):
        yield part, i % 2 == 1


def _read_files(vocab: Path, merges: Path) -> tuple[dict[str, int], list[Merge]]:
    # split("\n"), as splitlines() also splits at characters that a merge may contain
    lines = merges.read_text(encoding="utf-8").split("\n")
    pairs = [_pair(line) for line in lines if line and not line.startswith("#version")]
    return json.loads(vocab.read_text(encoding="utf-8")), pairs


def _pair(merge: str | Sequence[str]) -> Merge:
    """One merge of a file: "a b", or ["a", "b"] in newer ones."""
    parts = merge.split(" ") if isinstance(merge, str) else list(merge)
    if len(parts) != 2:
        raise ValueError(f"{merge!r} is not a merge: two pieces are wanted")
    return parts[0], parts[1]


def _tokenizer_json(
    tokeniser: _PairTokeniser,
    model: Mapping[str, Any],
    splitter: Mapping[str, Any],
    decoder: Mapping[str, Any],
    special: Mapping[str, int],
) -> dict[str, Any]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": i, "content": token, **flags} for token, i in special.items()],
        "normalizer": None,
        "pre_tokenizer": splitter,
        "post_processor": None,
        "decoder": decoder,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            **model,
            "vocab": tokeniser._all_tokens(),
            "merges": list(map(list, tokeniser.merges)),
        },
    }


def _bpe_model(description: Mapping[str, Any], **expected: Any) -> Mapping[str, Any]:
    """The model of a tokenizer.json, if it is a BPE without anything that would give other ids."""
    model = description.get("model") or {}
    if model.get("type", "BPE") != "BPE" or "merges" not in model:
        raise ValueError(f"the file holds a {model.get('type')} model, not BPE")
    wanted = {"unk_token": None, "end_of_word_suffix": None, "continuing_subword_prefix": None} | expected
    wanted |= {"byte_fallback": False, "ignore_merges": False, "fuse_unk": False, "dropout": None}
    odd = {key: model[key] for key, value in wanted.items() if (model.get(key) or None) != (value or None)}
    if description.get("normalizer"):
        odd["normalizer"] = description["normalizer"]
    if odd:
        raise ValueError(f"the file asks for what is not done here: {odd}")
    return model


def _byte_level_pattern(splitter: Mapping[str, Any]) -> str:
    """The pattern of a byte-level pre-tokeniser: GPT-2's, or one that stands before it in a sequence."""
    steps = splitter.get("pretokenizers", [splitter])
    last = steps[-1] if steps else {}
    if last.get("type") == "ByteLevel" and not last.get("add_prefix_space"):
        if len(steps) == 1 and last.get("use_regex", True):
            return GPT2_PATTERN
        split = {key: steps[0].get(key) for key in ("type", "behavior", "invert")}
        if len(steps) == 2 and split == {"type": "Split", "behavior": "Isolated", "invert": False}:
            pattern = steps[0]["pattern"].get("Regex")
            if pattern and not last.get("use_regex", True):
                return str(pattern)
    raise ValueError(f"the file splits text in a way that is not known here: {splitter}")
