"""Make the course's lexicon: the word lists beside this script become files in the format of WordNet's database.

    python data/lexicon/make.py            writes data/lexicon/corpora/wordnet
    python data/lexicon/make.py FOLDER     writes FOLDER instead

The format is that of the manual pages wndb(5WN) and senseidx(5WN). Each lemma gets one synset of its own, and no
pointers. The same lists give the same bytes on every machine: offsets count bytes, so every file is ASCII with LF.
"""

import itertools
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
# File name -> synset type. The position is the number of the lexicographer file, and that plus one of the sense key.
PARTS = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}
NO_GLOSS = "a word of the course's lexicon that has no definition here"
HEADER = """\
The lexicon of this course, in the file format of WordNet's database.
It is not WordNet and was not derived from it: the words, the forms and the
definitions were written for the course, and are under its MIT licence.
Made by data/lexicon/make.py from the word lists beside it: edit those.
"""
LINE = re.compile(r"(?P<words>[a-z_' -]+?)( : (?P<gloss>[^|\"]+))?")


class Entry(NamedTuple):
    """One line of a word list."""

    lemma: str
    forms: list[str]
    gloss: str


def parse(line: str, where: str) -> Entry:
    """`child children : a young human being` -> its lemma, its irregular forms and its definition."""
    match = LINE.fullmatch(line)
    if not (line.isascii() and match):
        raise ValueError(f"{where}: {line!r} is not 'lemma form form : definition' (ASCII, no capitals in words)")
    lemma, *forms = match["words"].split()
    return Entry(lemma, forms, match["gloss"] or NO_GLOSS)


def read(path: Path) -> list[Entry]:
    """The entries of one word list; raises ValueError when they are not in order, or a lemma is there twice."""
    lines = path.read_text(encoding="utf-8").splitlines()
    numbered = [(n, line) for n, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    entries = [parse(line, f"{path.name}, line {n}") for n, line in numbered]
    for before, entry in itertools.pairwise(entries):
        if before.lemma >= entry.lemma:
            raise ValueError(f"{path.name}: {entry.lemma!r} must not come after {before.lemma!r}: sort the list")
    return entries


def header() -> str:
    """The licence lines; WordNet's readers skip lines that begin with a space."""
    return "".join(f"  {n} {line}  \n" for n, line in enumerate(HEADER.splitlines(), 1))


def data_file(entries: list[Entry], part: str) -> tuple[str, list[int]]:
    """The text of `data.<part>`, and where in it each entry's synset begins (bytes, the text is ASCII)."""
    number, kind = list(PARTS).index(part), PARTS[part]
    frames = " 00" if kind == "v" else ""  # a verb says how many sentence frames follow
    text, offsets = header(), []
    for entry in entries:
        offsets.append(len(text))
        text += f"{len(text):08d} {number:02d} {kind} 01 {entry.lemma} 0 000{frames} | {entry.gloss}  \n"
    return text, offsets


def index_file(entries: list[Entry], offsets: list[int], part: str) -> str:
    """The text of `index.<part>`: each lemma has one synset, no pointers, and no tagged senses."""
    rows = (f"{e.lemma} {PARTS[part]} 1 0 1 0 {at:08d}  \n" for e, at in zip(entries, offsets, strict=True))
    return header() + "".join(sorted(rows))


def exception_file(entries: list[Entry]) -> str:
    """The text of `<part>.exc`: a form, then every lemma that has it, in the order of the word list."""
    lemmas: dict[str, list[str]] = {}
    for entry in entries:
        for form in entry.forms:
            lemmas.setdefault(form, []).append(entry.lemma)
    return "".join(f"{form} {' '.join(lemmas[form])}\n" for form in sorted(lemmas))


def sense_rows(entries: list[Entry], offsets: list[int], part: str) -> Iterable[str]:
    """The rows of `index.sense` for one part of speech: sense key, offset, sense number, tag count."""
    number = list(PARTS).index(part)
    for entry, offset in zip(entries, offsets, strict=True):
        yield f"{entry.lemma}%{number + 1}:{number:02d}:00:: {offset:08d} 1 0\n"


def make(source: Path = HERE) -> dict[str, str]:
    """Every file of the lexicon: its name and its text."""
    files = {
        "lexnames": "".join(f"{n:02d}\t{part}.course\t{n + 1}\n" for n, part in enumerate(PARTS)),
        "cntlist.rev": "",  # how often a sense was tagged in a corpus: none was
    }
    senses: list[str] = []
    for part in PARTS:
        entries = read(source / f"{part}.txt")
        files[f"data.{part}"], offsets = data_file(entries, part)
        files[f"index.{part}"] = index_file(entries, offsets, part)
        files[f"{part}.exc"] = exception_file(entries)
        senses += sense_rows(entries, offsets, part)
    return files | {"index.sense": "".join(sorted(senses))}


def main(folder: Path) -> None:
    """Write the files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in make().items():
        (folder / name).write_bytes(text.encode("ascii"))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "corpora" / "wordnet")
