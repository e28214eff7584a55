"""Lemmatisation: from a word in a text to the form under which a dictionary lists it.

WordNet's morphy in three steps, all of them table look-ups:

    1. irregular forms come from an exception list       children -> child, went -> go
    2. other words lose a suffix by detachment rules     ponies -> pony, ponie
    3. a lexicon says which candidates are words         pony

Tables and lexicon belong to a part of speech, so the same word has several lemmas: `meeting` is a noun, and a form of
the verb `meet`. Source: the manual page morphy(7WN) of WordNet 3.0.
"""

import atexit
import functools
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple

from course_utils.data import data_path

# What comes off the end of a word > what goes on in its place.
_RULES = {
    "n": "s> ses>s ves>f xes>x zes>z ches>ch shes>sh men>man ies>y",
    "v": "s> ies>y es>e es> ed>e ed> ing>e ing>",
    "a": "er> est> er>e est>e",
    "r": "",
    "s": "er> est> er>e est>e",  # "satellites" are adjectives that lean on another one: moist and soggy on wet
}
RULES = {pos: [tuple(rule.split(">")) for rule in table.split()] for pos, table in _RULES.items()}
FILES = {"n": "noun", "v": "verb", "a": "adj", "r": "adv", "s": "adj"}


class Candidate(NamedTuple):
    """A form that may be the lemma: who proposed it, and whether the lexicon knows it as a word."""

    form: str
    source: str
    is_word: bool


class Lemmatizer:
    """Finds lemmas with the exception lists and the lexicon of a folder in WordNet's file format.

    The lemma is the shortest candidate that the lexicon knows, the first one of several that are equally short, and
    the word itself when there is none. Nothing is lower-cased, and no part of speech is guessed.

    `folder` holds `index.*` and `*.exc` for noun, verb, adj and adv; without it the course's own lexicon is read.
    Raises FileNotFoundError when one of them is missing.

    Source: morphy(7WN); the choice of the shortest candidate is that of NLTK's `WordNetLemmatizer`, with which this
    class agrees on every string.
    Differs: WordNet's morphy takes the first candidate that it finds, has no rule for -ves, and looks into phrases and
    at words in -ful, which NLTK and this class do not. An unknown `pos` is a ValueError, in NLTK a KeyError.

    >>> lemmatizer = Lemmatizer()
    >>> [lemmatizer.lemmatize(word) for word in ("cats", "children", "ate")]
    ['cat', 'child', 'ate']
    >>> lemmatizer.lemmatize("ate", pos="v")
    'eat'
    """

    def __init__(self, folder: str | Traversable | None = None) -> None:
        if folder is None:
            folder = data_path("lexicon", "corpora", "wordnet")
        root = Path(folder) if isinstance(folder, str) else folder
        self.words = {pos: _read_index(root / f"index.{name}") for pos, name in FILES.items()}
        self.exceptions = {pos: _read_exceptions(root / f"{name}.exc") for pos, name in FILES.items()}

    @classmethod
    def wordnet(cls) -> "Lemmatizer":
        """A lemmatizer with the lexicon of the full WordNet, which NLTK's downloader fetches.

        Raises LookupError when WordNet is in none of the folders of `nltk.data.path`.
        """
        for folder in _wordnet_folders():
            lemmatizer = cls(folder)
            if lemmatizer.words != cls().words:  # the course's lexicon may be there too, see nltk_data
                return lemmatizer
        raise LookupError(
            "WordNet is not on this machine. With a network, nltk.download('wordnet') fetches it (10 MB). "
            "Without one, Lemmatizer() reads the course's own lexicon, which holds about two thousand common words."
        )

    def candidates(self, word: str, pos: str = "n") -> list[Candidate]:
        """Every form that may be the lemma, in the order in which morphy thinks of them.

        The word itself comes first. Then come its lemmas from the exception list or, only when it is not in that
        list, what each detachment rule that fits makes of it. Raises TypeError or ValueError like `lemmatize`.

        >>> for candidate in Lemmatizer().candidates("ponies", "n"):
        ...     print(*candidate, sep=" | ")
        ponies | the word itself | False
        ponie | -s → - | False
        pony | -ies → -y | True
        """
        _check(word, pos)
        forms = [(word, "the word itself")]
        if word in self.exceptions[pos]:
            forms += [(lemma, "the exception list") for lemma in self.exceptions[pos][word]]
        else:
            forms += _detach(word, pos)
        return [Candidate(form, source, form in self.words[pos]) for form, source in forms]

    def lemmatize(self, word: str, pos: str = "n") -> str:
        """The lemma of `word` as a noun "n", verb "v", adjective "a" (or "s") or adverb "r".

        Raises TypeError when the word is not a string, and ValueError for another part of speech.

        >>> lemmatizer = Lemmatizer()
        >>> lemmatizer.lemmatize("better"), lemmatizer.lemmatize("better", "a"), lemmatizer.lemmatize("better", "r")
        ('better', 'good', 'well')
        """
        known = [candidate.form for candidate in self.candidates(word, pos) if candidate.is_word]
        return min(known, key=len, default=word)


@functools.cache
def nltk_data() -> str:
    """A folder for `nltk.data.path` in which NLTK finds the course's lexicon as its corpus "wordnet".

    It is a private copy, removed when Python ends: recent versions of NLTK refuse to read from folders that a group
    may write to and from files with a second hard link, and installed packages often are just that.

    >>> sorted(path.name for path in Path(nltk_data(), "corpora").iterdir())
    ['wordnet']
    """
    root = tempfile.mkdtemp(prefix="course-lexicon-")
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    folder = Path(root, "corpora", "wordnet")
    for new in (folder.parent, folder):
        new.mkdir(mode=0o700)
    for file in data_path("lexicon", "corpora", "wordnet").iterdir():
        shutil.copyfile(file, folder / file.name)
        (folder / file.name).chmod(0o600)
    return root


def _check(word: str, pos: str) -> None:
    if not isinstance(word, str):
        raise TypeError(f"a word is a str, not {word!r}: lemmatize one word at a time")
    if pos not in RULES:
        raise ValueError(
            f"{pos!r} is no part of speech: give 'n' (noun), 'v' (verb), 'a' or 's' (adjective) or 'r' (adverb)"
        )


def _detach(word: str, pos: str) -> Iterator[tuple[str, str]]:
    """What each rule makes of the word, when the word ends as the rule wants, and the rule."""
    for old, new in RULES[pos]:
        if word.endswith(old):
            yield word.removesuffix(old) + new, f"-{old} → -{new}"


def _lines(file: Traversable) -> Iterator[list[str]]:
    """The fields of each line, but for the licence at the head, whose lines begin with a space."""
    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing: WordNet's folder has index.* and *.exc for noun, verb, adj, adv")
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith(" "):
            yield line.split()


def _read_index(file: Traversable) -> frozenset[str]:
    return frozenset(fields[0] for fields in _lines(file))


def _read_exceptions(file: Traversable) -> dict[str, list[str]]:
    return {form: lemmas for form, *lemmas in _lines(file)}


def _wordnet_folders() -> Iterator[Traversable]:
    """Where NLTK would find WordNet, unpacked or as the archive that its downloader leaves."""
    import nltk.data

    for root in map(Path, nltk.data.path):
        if (root / "corpora" / "wordnet").is_dir():
            yield root / "corpora" / "wordnet"
        if (root / "corpora" / "wordnet.zip").is_file():
            yield zipfile.Path(root / "corpora" / "wordnet.zip", "wordnet/")
