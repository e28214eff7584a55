"""What SentencePiece does beside cutting: its normalisation of texts, and the format of its model files.

A `.model` file is a protocol buffer; the few parts that are needed are read and written by hand, so that it takes no
library to open one. Source: the message definitions `sentencepiece_model.proto` of SentencePiece 0.2.
"""

import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

SPACE = "▁"
"""U+2581, which stands for a space, so that pieces can be written and the text restored."""


class _Table(dict[int, int | str]):
    """A table for str.translate that notes which characters stay as they are; this spares an exception for each."""

    def __missing__(self, code: int) -> int:
        self[code] = code
        return code


class Normalizer:
    """What SentencePiece does to a text before it is cut.

    First characters are replaced: from the left, the longest key of `replacements` that fits, or the character
    itself. Then `remove_extra_spaces` strips spaces at both ends and makes runs of spaces one; `dummy_prefix` puts a
    space in front, so that the first word of a text is cut like any other (with `prefix_once` only if the text does
    not start with a space, as `tokenizers` does); and every space becomes "▁".

    `charsmap` is where the replacements were read from, kept for saving.

    >>> Normalizer({"ﬁ": "fi"}, remove_extra_spaces=True)(" a  ﬁg ")
    '▁a▁fig'
    >>> Normalizer()("a  fig")
    '▁a▁▁fig'
    """

    def __init__(
        self,
        replacements: Mapping[str, str] = {},
        *,
        dummy_prefix: bool = True,
        prefix_once: bool = False,
        remove_extra_spaces: bool = False,
        charsmap: bytes = b"",
    ) -> None:
        self.replacements = read_charsmap(charsmap) | dict(replacements)
        self.dummy_prefix = dummy_prefix
        self.prefix_once = prefix_once
        self.remove_extra_spaces = remove_extra_spaces
        self.charsmap = charsmap
        self.can_be_saved = not replacements
        self._single = _Table({ord(key): value for key, value in self.replacements.items() if len(key) == 1})
        self._later = {char for key in self.replacements for char in key[1:]}
        self._longest = max(map(len, self.replacements), default=0)

    def __call__(self, text: str) -> str:
        if not text:
            return ""
        text = self._replace(text)
        if self.remove_extra_spaces:
            text = re.sub(" +", " ", text.strip(" "))
        text = text.replace(" ", SPACE)
        if self.dummy_prefix and not (self.prefix_once and text.startswith(SPACE)):
            text = SPACE + text
        return text.rstrip(SPACE) if self.remove_extra_spaces else text

    def sparing(self, symbols: Iterable[str]) -> "Normalizer":
        """The same, but the symbols are found first, the longest that fits, and stay as they are.

        >>> Normalizer({"ﬁ": "fi"}).sparing(["<ﬁ>"])("ﬁ<ﬁ>")
        '▁fi<ﬁ>'
        """
        spared = tuple(symbols)
        if not spared:
            return self
        left = {key: value for key, value in self.replacements.items() if not key.startswith(spared)}
        return Normalizer(
            left | dict(zip(spared, spared, strict=True)),
            dummy_prefix=self.dummy_prefix,
            prefix_once=self.prefix_once,
            remove_extra_spaces=self.remove_extra_spaces,
        )

    def _replace(self, text: str) -> str:
        if self._later.isdisjoint(text):  # then only keys of one character can fit
            return text.translate(self._single) if self._single else text
        replaced: list[str] = []
        place = 0
        while place < len(text):
            for end in range(min(len(text), place + self._longest), place, -1):
                if (replacement := self.replacements.get(text[place:end])) is not None:
                    break
            else:
                end, replacement = place + 1, text[place]
            replaced.append(replacement)
            place = end
        return "".join(replaced)


def read_charsmap(blob: bytes) -> dict[str, str]:
    """The replacements in a `precompiled_charsmap`, which SentencePiece and `tokenizer.json` carry.

    The blob is the size of a double-array trie in bytes, the trie, and the replacements, each ended by a zero byte.
    The trie is an array of 32-bit units. A unit holds a label, an offset, and whether a key ends there; or, at the
    end of a key, where in the replacements its value starts. A node is a number, and its child for the byte b is at
    the place (node xor b), if the unit there has the label b; the number of the child is this place xor its offset.

    >>> read_charsmap(b"")
    {}
    """
    if not blob:
        return {}
    (size,) = struct.unpack_from("<I", blob)
    units = np.frombuffer(blob, "<u4", size // 4, 4).astype(np.int64)
    values = blob[4 + size :]
    labels = units & 0x800000FF
    numbers = np.arange(len(units)) ^ (units >> 10) << ((units & 0x200) >> 6)
    children = np.flatnonzero((labels > 0) & (labels < 256))
    parents = children ^ labels[children]
    children = children[np.argsort(parents, kind="stable")]
    parents = np.sort(parents)
    nodes, keys, found = numbers[:1], [b""], {}
    while len(nodes):  # all keys of one length in bytes at a time
        start, end = np.searchsorted(parents, nodes), np.searchsorted(parents, nodes, side="right")
        rows = np.repeat(np.arange(len(nodes)), end - start)
        places = children[np.arange(len(rows)) + np.repeat(end - np.cumsum(end - start), end - start)]
        keys = [keys[row] + _BYTES[label] for row, label in zip(rows.tolist(), labels[places].tolist(), strict=True)]
        nodes = numbers[places]
        leaves = np.flatnonzero(units[places] & 0x100)
        for i, value in zip(leaves.tolist(), (units[nodes[leaves]] & 0x7FFFFFFF).tolist(), strict=True):
            found[keys[i].decode("utf-8")] = values[value : values.index(b"\0", value)].decode("utf-8")
    return found


_BYTES = [bytes([byte]) for byte in range(256)]


def proto_fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a protocol buffer as (number, value): all that is needed to read a SentencePiece model.

    A field starts with a varint, seven bits a byte from the lowest on, that holds its number and, in its last three
    bits, what follows: 0 a varint, 1 eight bytes, 2 a length and that many bytes, 5 four bytes.

    >>> list(proto_fields(bytes([0x08, 0x96, 0x01, 0x12, 0x02]) + b"hi"))
    [(1, 150), (2, b'hi')]
    """
    place = 0

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = message[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(message):
        key = varint()
        kind = key & 7
        if kind == 0:
            yield key >> 3, varint()
            continue
        length = varint() if kind == 2 else {1: 8, 5: 4}[kind]
        if place + length > len(message):
            raise IndexError("the message ends within a field")
        yield key >> 3, message[place : place + length]
        place += length


def proto_field(number: int, value: int | bytes) -> bytes:
    """One field of a protocol buffer: a varint, or bytes with their length. (Single-precision floats are 4 bytes.)

    >>> proto_field(1, 150).hex(), proto_field(2, b"hi").hex()
    ('089601', '12026869')
    """
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])
