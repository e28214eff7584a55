"""Our WordPiece and unigram tokenisers beside the libraries': characters encoded per CPU second."""

import io
from collections.abc import Callable, Sequence

from course_utils.bench import compare
from course_utils.data import wikipedia
from course_utils.text.unigram import Unigram
from course_utils.text.wordpiece import WordPiece

VOCAB_SIZE = 8000
TRAINED_ON = 20
"""Articles from which the vocabularies are learnt, which is no part of the comparison."""


def main(rounds: int = 3) -> None:
    """Print the characters per CPU second of each side, and our ratio to the library, from the fastest rounds.

    The same vocabulary and the same paragraphs on both sides, one call for each paragraph. Ours remember the words
    that they met: "cold" makes a new tokeniser in every round, and "warm" has met the text once before.
    """
    from rich.console import Console
    from rich.table import Table

    articles = [article.text for article in wikipedia()]
    texts = [line for article in articles for line in article.splitlines() if line]
    table = Table(title=f"Encoding {sum(map(len, texts)):,} characters, best of {rounds} rounds")
    for heading in ("tokeniser", "library", "library, chars/s", "ours, chars/s", "ratio"):
        table.add_column(heading, justify="right" if "/s" in heading or heading == "ratio" else "left")
    sample = [line for article in articles[:TRAINED_ON] for line in article.splitlines()]
    for name, library, sides in [*_wordpiece(sample, texts), *_unigram(sample, texts)]:
        theirs, ours = (sum(map(len, texts)) / timing.min for timing in compare(sides, rounds).values())
        table.add_row(name, library, f"{theirs:,.0f}", f"{ours:,.0f}", f"{ours / theirs:.2f}")
    Console().print(table)


Row = tuple[str, str, dict[str, Callable[[], None]]]


def _wordpiece(sample: Sequence[str], texts: Sequence[str]) -> list[Row]:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    ours = WordPiece.train(sample, vocab_size=VOCAB_SIZE, min_count=5)
    peer = Tokenizer(models.WordPiece(ours.vocab, unk_token="[UNK]"))
    peer.normalizer = normalizers.BertNormalizer()
    peer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    theirs = _over(texts, peer.encode)
    return [
        (
            "WordPiece, cold",
            "tokenizers",
            {"theirs": theirs, "ours": lambda: _over(texts, WordPiece(ours.vocab).encode)()},
        ),
        ("WordPiece, warm", "tokenizers", {"theirs": theirs, "ours": _over(texts, ours.encode)}),
    ]


def _unigram(sample: Sequence[str], texts: Sequence[str]) -> list[Row]:
    import sentencepiece
    from tokenizers import Tokenizer, models, pre_tokenizers

    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sample),
        model_writer=written,
        vocab_size=VOCAB_SIZE,
        normalization_rule_name="identity",
        num_threads=1,
        minloglevel=2,
    )
    peer = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    ours = Unigram.from_proto(written.getvalue())
    rust = Tokenizer(models.Unigram([(p.text, p.score) for p in ours.pieces], unk_id=ours.unknown, byte_fallback=False))
    rust.pre_tokenizer = pre_tokenizers.Metaspace()
    cold = lambda: _over(texts, Unigram(ours.pieces, ours.normalizer, single_precision=True).encode)()  # noqa: E731
    warm = _over(texts, ours.encode)
    return [
        (f"Unigram, {state}", library, {"theirs": _over(texts, encode), "ours": side})
        for library, encode in (("sentencepiece", peer.encode), ("tokenizers", rust.encode))
        for state, side in (("cold", cold), ("warm", warm))
    ]


def _over(texts: Sequence[str], encode: Callable[[str], object]) -> Callable[[], None]:
    def run() -> None:
        for text in texts:
            encode(text)

    return run


if __name__ == "__main__":
    main()
