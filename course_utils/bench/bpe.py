"""Our byte-level BPE beside `tokenizers` (Rust), `tiktoken` (Rust) and the plain algorithm, in CPU seconds."""

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice, pairwise
from typing import Any

import regex

from course_utils.bench import Timing, compare
from course_utils.data import python_docs, stdlib_code, wikipedia
from course_utils.text.bpe import BYTE_TO_CHARACTER, GPT2_PATTERN, ByteBPE

BYTE_NUMBER = {byte: i for i, byte in enumerate(sorted(BYTE_TO_CHARACTER, key=BYTE_TO_CHARACTER.__getitem__))}
Encode = Callable[[str], list[int]]


def corpus(characters: int = 5_000_000) -> list[str]:
    """English articles, Python's documentation and the source of its library, up to so many characters."""
    texts = [article.text for article in wikipedia()] + list(python_docs().values())
    texts += [file.text for file in islice(stdlib_code(), 400)]
    chosen, left = [], characters
    for text in texts:
        if left > 0:
            chosen.append(text[:left])
            left -= len(text)
    return chosen


def plain_merge(tokens: list[int], pair: tuple[int, int], new: int) -> list[int]:
    """The tokens with the pair replaced, in one loop."""
    out, i = [], 0
    while i < len(tokens):
        if i + 1 < len(tokens) and (tokens[i], tokens[i + 1]) == pair:
            out.append(new)
            i += 2
        else:
            out.append(tokens[i])
            i += 1
    return out


def plain_training_step(pieces: list[list[int]], new: int) -> list[list[int]]:
    """One merge as the definition says it: count every pair of the whole text, then go through the whole text."""
    counts = Counter(pair for piece in pieces for pair in pairwise(piece))
    best = max(counts, key=counts.__getitem__)
    return [plain_merge(piece, best, new) for piece in pieces]


def plain_merges(bpe: ByteBPE) -> dict[tuple[int, int], int]:
    """The merges as numbers, in the order in which they were learnt."""
    return {(bpe.vocab[a], bpe.vocab[b]): bpe.vocab[a + b] for a, b in bpe.merges}


def plain_encode(text: str, merges: dict[tuple[int, int], int]) -> list[int]:
    """Piece by piece as the definition says it: of all pairs take the one learnt first, merge it, look again."""
    order = {pair: i for i, pair in enumerate(merges)}
    ids = []
    for piece in regex.findall(GPT2_PATTERN, text):
        tokens = [BYTE_NUMBER[byte] for byte in piece.encode("utf-8")]
        while len(tokens) > 1:
            pair = min(Counter(pairwise(tokens)), key=lambda pair: order.get(pair, len(order)))
            if pair not in order:
                break
            tokens = plain_merge(tokens, pair, merges[pair])
        ids += tokens
    return ids


def rust_tokenizer() -> Any:
    """An empty byte-level BPE of `tokenizers`."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def rust_training(texts: list[str], vocab_size: int) -> Any:
    """The `tokenizers` library's own training, byte-level, on the same texts."""
    from tokenizers import pre_tokenizers, trainers

    tokenizer = rust_tokenizer()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def main(rounds: int = 3) -> None:
    """Print how long training and encoding take, ours and the peers', with the ratio, from the fastest rounds.

    One thread each. Results are compared as well: a ratio is printed only where both sides give the same.
    """
    os.environ["RAYON_NUM_THREADS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    from rich.console import Console

    texts = corpus()
    console = Console()
    console.print(_training(texts, rounds))
    console.print(_encoding(texts, ByteBPE.train(texts, vocab_size=10_000), rounds))


def _table(title: str) -> Any:
    from rich.table import Table

    table = Table(title=title)
    for heading in ("task", "peer", "peer, s", "ours, s", "ours faster by"):
        table.add_column(heading, justify="left" if heading in ("task", "peer") else "right")
    return table


def _training(texts: list[str], rounds: int) -> Any:
    table = _table(f"Training byte-level BPE on {_millions(texts)} characters, best of {rounds} rounds")
    for vocab_size in (5_000, 10_000):
        ours, rust = partial(ByteBPE.train, texts, vocab_size=vocab_size), partial(rust_training, texts, vocab_size)
        merges = ours().merges
        _same(merges, [tuple(merge) for merge in json.loads(rust().to_str())["model"]["merges"]])
        times = compare({"peer": lambda: _drop(rust()), "ours": lambda: _drop(ours())}, rounds)  # noqa: B023
        _row(table, f"{vocab_size:,} tokens", "tokenizers", times)
    pieces = [list(piece.encode("utf-8")) for text in texts for piece in regex.findall(GPT2_PATTERN, text)]
    step = compare({"step": lambda: _drop(plain_training_step(pieces, 256))}, 1)["step"].min
    estimate = {"peer": Timing(step * len(merges), 0), "ours": times["ours"]}
    _row(table, f"{vocab_size:,} tokens", "plain algorithm (first merge, times all)", estimate)
    return table


def _encoding(texts: list[str], ours: ByteBPE, rounds: int) -> Any:
    import tiktoken

    ranks, merges = ours.mergeable_ranks(), plain_merges(ours)
    tik = tiktoken.Encoding("ours", pat_str=ours.pattern, mergeable_ranks=ranks, special_tokens={})
    rust = _as_rust(ours)
    table = _table(f"Encoding {_millions(texts)} characters, {len(ours):,} tokens, best of {rounds} rounds")
    cases: list[tuple[str, str, Callable[[], Encode], Callable[[], Encode]]] = [
        ("first time", "tokenizers", lambda: _rust_encode(_as_rust(ours)), lambda: _copy(ours).encode),
        ("again", "tokenizers", lambda: _rust_encode(rust), lambda: ours.encode),
        ("first time", "tiktoken", lambda: tik.encode_ordinary, lambda: _copy(ours).encode),
        ("first time", "plain algorithm", lambda: partial(plain_encode, merges=merges), lambda: _copy(ours).encode),
    ]
    for task, peer, theirs, own in cases:
        _same([theirs()(text) for text in texts[::20]], [ours.encode(text) for text in texts[::20]])
        _row(table, task, peer, compare({"peer": _over(texts, theirs), "ours": _over(texts, own)}, rounds))
    return table


def _as_rust(ours: ByteBPE) -> Any:
    from tokenizers import Tokenizer

    return Tokenizer.from_str(json.dumps(ours._to_json()))


def _copy(ours: ByteBPE) -> ByteBPE:
    """The same tokeniser, which remembers nothing yet."""
    return ByteBPE(ours.vocab, ours.merges, pattern=ours.pattern)


def _rust_encode(tokenizer: Any) -> Encode:
    return lambda text: tokenizer.encode(text).ids


def _over(texts: list[str], make: Callable[[], Encode]) -> Callable[[], None]:
    def run() -> None:
        encode = make()
        for text in texts:
            encode(text)

    return run


def _millions(texts: list[str]) -> str:
    return f"{sum(map(len, texts)) / 1e6:.1f} million"


def _row(table: Any, task: str, peer: str, times: Mapping[str, Timing]) -> None:
    theirs, ours = times["peer"].min, times["ours"].min
    table.add_row(task, peer, f"{theirs:,.2f}", f"{ours:.2f}", f"{theirs / ours:,.2f}")


def _same(theirs: object, ours: object) -> None:
    if theirs != ours:
        raise AssertionError("the two sides do not give the same result")


def _drop(result: object) -> None:
    del result


if __name__ == "__main__":
    main()
