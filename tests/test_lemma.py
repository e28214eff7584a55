"""The lemmatizer agrees with NLTK's, which reads the same files; the lexicon is what its word lists make of it."""

import bz2
import contextlib
import os
import re
import runpy
import shutil
import string
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nltk
import pytest
from gensim.test.utils import datapath
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nltk.corpus import wordnet
from nltk.stem import WordNetLemmatizer

from course_utils.data import data_path
from course_utils.text import lemma
from course_utils.text.lemma import Candidate, Lemmatizer, nltk_data

LEXICON = data_path("lexicon")
DATABASE = LEXICON / "corpora" / "wordnet"
ENDINGS = ["", "s", "es", "ses", "ves", "ies", "men", "ed", "ied", "ing", "er", "est", "ier", "'s", "ful"]


make = SimpleNamespace(**runpy.run_path(str(LEXICON / "make.py")))
ENTRIES = {pos: make.read(LEXICON / f"{part}.txt") for part, pos in make.PARTS.items()}


@contextlib.contextmanager
def nltk_reading(root: str) -> Iterator[WordNetLemmatizer]:
    """NLTK's own lemmatizer, its corpus "wordnet" found in `root`; afterwards NLTK is as it was."""
    wordnet._unload()
    nltk.data.path.insert(0, root)
    try:
        yield WordNetLemmatizer()
    finally:
        nltk.data.path.remove(root)
        wordnet._unload()


def database(root: Path, files: dict[str, str]) -> Path:
    """A WordNet folder below `root`, private, as NLTK asks for."""
    folder = root / "corpora" / "wordnet"
    for new in (folder.parent, folder):
        new.mkdir(mode=0o700)
    for name, text in files.items():
        (folder / name).write_bytes(text.encode())
        (folder / name).chmod(0o600)
    return folder


Pair = tuple[Lemmatizer, WordNetLemmatizer]


@pytest.fixture
def course() -> Iterator[Pair]:
    with nltk_reading(nltk_data()) as theirs:
        yield Lemmatizer(), theirs


@pytest.fixture
def tricky(tmp_path: Path) -> Iterator[Pair]:
    """A lexicon in which every decision of morphy matters."""
    lists = {
        "noun": "ax axes, axe, axis axes, leaf, new_york, news, u, wolf",
        "verb": "ax, lay, lie lay, ski, sky, star, stare",
        "adj": "good better best, moist, well better best, wet, wide",
        "adv": "fast, well better",
    }
    for part, words in lists.items():
        (tmp_path / f"{part}.txt").write_text(words.replace(", ", "\n"), encoding="utf-8")
    files = make.make(tmp_path)
    files["noun.exc"] = "axes axis\nleaves\n"  # axes -> ax by rule only; a form without a lemma
    files["adj.exc"] += "best well unknown\n"  # the second line for a form counts
    files["data.adj"] = re.sub("a 01 moist 0 000", "s 01 moist 0 000", files["data.adj"])
    with nltk_reading(str(tmp_path)) as theirs:
        yield Lemmatizer(database(tmp_path, files)), theirs


POSITIONS: list[tuple[str, ...]] = [(), ("n",), ("v",), ("a",), ("r",), ("s",)]


def disagreements(pair: Pair, words: Iterable[str]) -> list[tuple[Any, ...]]:
    """Every call on which the two lemmatizers differ, for each part of speech and for the default."""
    ours, theirs = pair
    return [
        (word, *pos, ours.lemmatize(word, *pos), theirs.lemmatize(word, *pos))
        for word in words
        for pos in POSITIONS
        if ours.lemmatize(word, *pos) != theirs.lemmatize(word, *pos)
    ]


# ---- inflection by the rules of English spelling, written here and not taken from the lemmatizer ----


def plural(word: str) -> str:
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    return re.sub("(?<![aeiou])y$", "ie", word) + "s"


def doubled(word: str) -> str:
    """One syllable that ends in one vowel and one consonant doubles the consonant: stop -> stopp, big -> bigg."""
    return word + word[-1] if re.fullmatch("(qu|[^aeiou])*[aeiouy][^aeiouwxy]", word) else word


def suffixed(word: str, ending: str) -> str:
    """With -ed, -er or -est: bake -> baked, try -> tried, stop -> stopped."""
    if word.endswith("e"):
        return word + ending[1:]
    return re.sub("(?<![aeiou])y$", "i", doubled(word)) + ending


def gerund(word: str) -> str:
    if word.endswith("ie"):
        return word[:-2] + "ying"
    if re.search("[^eoy]e$", word) and word != "be":
        return word[:-1] + "ing"
    return doubled(word) + "ing"


def gradable(word: str) -> bool:
    short = re.fullmatch("[^aeiou]*[aeiou]+[^aeiou]+[ey]?", word)
    return bool(short) and word not in {"top", "daily", "weekly", "monthly"}


def regular_forms(entry: Any, pos: str) -> list[str]:
    if pos == "n":
        return [] if entry.forms else [plural(entry.lemma)]
    if pos == "v":
        past = [] if entry.forms else [suffixed(entry.lemma, "ed")]
        return [plural(entry.lemma), *past, *([] if entry.lemma == "can" else [gerund(entry.lemma)])]
    if pos == "a" and not entry.forms and gradable(entry.lemma):
        return [suffixed(entry.lemma, "er"), suffixed(entry.lemma, "est")]
    return []


FORMS = [
    (form, pos, entry.lemma)
    for pos, entries in ENTRIES.items()
    for entry in entries
    for form in [entry.lemma, *entry.forms, *regular_forms(entry, pos)]
]

# ---- what the lemmatizer says ----


def test_the_five_outputs_of_the_text() -> None:
    """The lines that S1, the text on pretrained models, prints: every word is taken for a noun, the default."""
    words = ["running", "cats", "ate", "flying", "better"]
    lemmatizer = Lemmatizer()
    assert [lemmatizer.lemmatize(word) for word in words] == ["running", "cat", "ate", "flying", "better"]
    assert [lemmatizer.lemmatize(word, "n") for word in words] == ["running", "cat", "ate", "flying", "better"]


KNOWN = {
    "n": """running=running runs=run runner=runner runners=runner cats=cat cat=cat children=child mice=mouse
        feet=foot geese=goose teeth=tooth men=man women=woman oxen=ox people=person wolves=wolf leaves=leaf
        knives=knife lives=life churches=church dishes=dish boxes=box buses=bus quizzes=quiz parties=party
        potatoes=potato analyses=analysis crises=crisis criteria=criterion phenomena=phenomenon data=datum
        media=medium nuclei=nucleus matrices=matrix indices=index aardwolves=aardwolf species=species news=news
        glass=glass meeting=meeting us=u has=ha was=wa as=a does=doe mothers-in-law=mother-in-law
        ice_creams=ice_cream""",
    "v": """running=run runs=run ran=run ate=eat eaten=eat eating=eat went=go gone=go goes=go flies=fly flew=fly
        flying=fly is=be are=be was=be been=be has=have had=have did=do does=do done=do stopped=stop
        stopping=stop tried=try tries=try studied=study dying=die lying=lie making=make made=make wrote=write
        written=write thought=think taught=teach brought=bring bought=buy caught=catch began=begin begun=begin
        sang=sing sung=sing swam=swim took=take taken=take gave=give given=give knew=know known=know saw=see
        seen=see said=say paid=pay told=tell left=leave lost=lose met=meet meeting=meet kept=keep slept=sleep
        felt=feel stood=stand won=win panicked=panic travelled=travel traveled=travel would=will could=can
        skies=sky found=find staring=star""",
    "a": """better=good best=good worse=bad worst=bad further=far bigger=big hottest=hot happier=happy easiest=easy
        larger=large largest=large stronger=strong older=old eldest=old less=little running=running""",
    "r": """better=well best=well worse=badly further=far faster=fast sooner=soon earliest=early quickly=quickly
        cats=cats""",
    "s": "better=good bigger=big larger=large",
}


@pytest.mark.parametrize("pos", KNOWN)
def test_known_lemmas(pos: str) -> None:
    lemmatizer = Lemmatizer()
    expected = dict(pair.split("=") for pair in KNOWN[pos].split())
    assert {word: lemmatizer.lemmatize(word, pos) for word in expected} == expected


def test_every_form_goes_home() -> None:
    """Each form of each lemma gives the lemma, but for forms of two lemmas, of which the shorter or the first wins."""
    lemmatizer = Lemmatizer()
    homographs = """axes=axe bases=base ellipses=ellipse leaves=leaf found=find lay=lay skied=ski stares=star
        stared=star staring=star wound=wind worse=bad worst=bad more=many most=many better=good best=good"""
    got = {
        f"{form}={lemmatizer.lemmatize(form, pos)}"
        for form, pos, home in FORMS
        if lemmatizer.lemmatize(form, pos) != home
    }
    assert got == set(homographs.split())


def test_no_exception_is_superfluous() -> None:
    """The lists hold what the rules miss: without its line, each form would get other lemmas."""
    lemmatizer = Lemmatizer()
    for pos, exceptions in lemmatizer.exceptions.items():
        for form, lemmas in exceptions.items():
            by_rule = {candidate for candidate, _ in lemma._detach(form, pos)} & lemmatizer.words[pos]
            assert set(lemmas) != by_rule, (pos, form)


def test_candidates_show_every_step() -> None:
    lemmatizer = Lemmatizer()
    assert lemmatizer.candidates("staring", "v") == [
        Candidate("staring", "the word itself", False),
        Candidate("stare", "-ing → -e", True),
        Candidate("star", "-ing → -", True),
    ]
    assert lemmatizer.candidates("axes", "n") == [
        Candidate("axes", "the word itself", False),
        Candidate("axe", "the exception list", True),
        Candidate("axis", "the exception list", True),
    ]
    assert lemmatizer.candidates("glorped", "v")[1:] == [
        Candidate("glorpe", "-ed → -e", False),
        Candidate("glorp", "-ed → -", False),
    ]
    assert lemmatizer.candidates("", "r") == [Candidate("", "the word itself", False)]


@pytest.mark.parametrize("word", [None, 3, b"cats", ["cats"]])
def test_a_word_is_a_string(word: Any) -> None:
    with pytest.raises(TypeError, match="one word at a time"):
        Lemmatizer().lemmatize(word)


@pytest.mark.parametrize("pos", ["noun", "N", "VERB", "", "x", None])
def test_parts_of_speech_are_five_letters(pos: Any) -> None:
    with pytest.raises(ValueError, match=r"'n' \(noun\), 'v' \(verb\)"):
        Lemmatizer().lemmatize("cats", pos)


# ---- agreement with NLTK ----


def test_agreement_on_the_lexicon_and_its_forms(course: Pair) -> None:
    assert disagreements(course, {form for form, _, _ in FORMS}) == []


def test_agreement_on_made_up_forms(course: Pair) -> None:
    """Lemmas with every ending there is, fitting or not, and in capitals."""
    stems = {
        entry.lemma.rstrip(cut) for entries in ENTRIES.values() for entry in entries[::7] for cut in ("", "e", "y")
    }
    words = {stem + ending for stem in stems for ending in ENDINGS}
    assert disagreements(course, words | {word.upper() for word in stems} | {word.title() for word in stems}) == []


def test_agreement_on_wikipedia(course: Pair) -> None:
    """Every word type of gensim's Wikipedia sample, its markup included, as it stands and in small letters."""
    archive = datapath("enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2")
    with bz2.open(archive, "rt", encoding="utf-8") as file:
        words = set(re.findall(r"\w+(?:['’.-]\w+)*", file.read()))
    assert len(words) > 50_000
    assert disagreements(course, words | {word.lower() for word in words}) == []


STRANGE = ["", "s", "es", "ing", "ed", "er", "men", "Cats", "CATS", "ice cream", "ice creams", "ice-creams", "new_york"]
STRANGE += [
    "mother-in-laws",
    "cat's",
    "cats'",
    "1990s",
    "42",
    "🐈",
    "🐈s",
    "naïves",
    "ﬁshes",
    "ſs",
    "cats\n",
    " cats",
    "a\0s",
]
STRANGE += ["\ud800s", "猫", "s" * 10_000, "run" + "ing" * 4_000, "é" * 9_999 + "ies"]


def test_agreement_on_strange_strings(tricky: Pair) -> None:
    assert disagreements(tricky, STRANGE) == []


def test_agreement_on_strange_strings_with_the_course_lexicon(course: Pair) -> None:
    assert disagreements(course, STRANGE) == []


LEMMAS = sorted({entry.lemma for entries in ENTRIES.values() for entry in entries})
WORDLIKE = st.builds(str.__add__, st.sampled_from(LEMMAS), st.sampled_from(ENDINGS))
TAILED = st.builds(str.__add__, st.text(string.ascii_lowercase, max_size=4), st.sampled_from(ENDINGS))


def test_agreement_on_any_string(course: Pair) -> None:
    @given(st.one_of(WORDLIKE, TAILED, st.text()))
    @settings(max_examples=300, deadline=None, database=None)
    @example("İs")
    def check(word: str) -> None:
        assert disagreements(course, [word]) == []

    check()


TRICKY_WORDS = (
    "axes axe ax leaves wolves news us u skies skied sky staring stares lay lays better best wetter moister widest"
)
TRICKY_WORDS += " moist wells fasts faster new_york new_yorks New_York Leaf leafs leave"


def test_agreement_where_every_decision_matters(tricky: Pair) -> None:
    ours, _ = tricky
    assert disagreements(tricky, TRICKY_WORDS.split()) == []
    said = {(word, pos): ours.lemmatize(word, pos) for word in TRICKY_WORDS.split() for pos in "nva"}
    assert said["axes", "n"] == "axis"  # the exception list alone, though a rule finds the shorter "ax"
    assert said["axes", "v"] == "ax"
    assert said["skies", "v"] == "sky"  # as short as "ski", and its rule comes first
    assert said["us", "n"] == "u"
    assert said["lay", "v"] == "lay"
    assert said["best", "a"] == "well"
    assert said["New_York", "n"] == "New_York"


def last_rule_first(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lemma, "RULES", {pos: rules[::-1] for pos, rules in lemma.RULES.items()})


def no_rule_for_ves(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(lemma.RULES, "n", [rule for rule in lemma.RULES["n"] if rule[0] != "ves"])


def exceptions_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lemma, "_read_exceptions", lambda file: {})


def first_line_of_a_form_counts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lemma, "_read_exceptions", lambda file: {f[0]: f[1:] for f in reversed(list(lemma._lines(file)))})


def rules_beside_exceptions(patch: pytest.MonkeyPatch) -> None:
    def candidates(self: Lemmatizer, word: str, pos: str) -> list[Candidate]:
        forms = [word, *self.exceptions[pos].get(word, []), *(form for form, _ in lemma._detach(word, pos))]
        return [Candidate(form, "", form in self.words[pos]) for form in forms]

    patch.setattr(Lemmatizer, "candidates", candidates)


def word_itself_forgotten(patch: pytest.MonkeyPatch) -> None:
    right = Lemmatizer.candidates
    patch.setattr(Lemmatizer, "candidates", lambda self, word, pos: right(self, word, pos)[1:])


def first_instead_of_shortest(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lemma, "min", lambda known, key, default: known[0] if known else default, raising=False)


def lower_cased(patch: pytest.MonkeyPatch) -> None:
    right = Lemmatizer.lemmatize
    patch.setattr(Lemmatizer, "lemmatize", lambda self, word, pos="n": right(self, word.lower(), pos))


def default_is_a_verb(patch: pytest.MonkeyPatch) -> None:
    right = Lemmatizer.lemmatize
    patch.setattr(Lemmatizer, "lemmatize", lambda self, word, pos="v": right(self, word, pos))


def satellites_apart(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(lemma.RULES, "s", [])


MISTAKES = [last_rule_first, no_rule_for_ves, exceptions_ignored, first_line_of_a_form_counts, rules_beside_exceptions]
MISTAKES += [word_itself_forgotten, first_instead_of_shortest, lower_cased, default_is_a_verb, satellites_apart]


@pytest.mark.parametrize("plant", MISTAKES)
def test_planted_mistakes_are_seen(
    plant: Callable[[pytest.MonkeyPatch], None], tricky: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    mistaken = Lemmatizer(tmp_path / "corpora" / "wordnet")
    assert disagreements((mistaken, tricky[1]), TRICKY_WORDS.split()) != []


COURSE_MISTAKES = [m for m in MISTAKES if m not in (first_line_of_a_form_counts, rules_beside_exceptions)]


@pytest.mark.parametrize("plant", COURSE_MISTAKES)
def test_planted_mistakes_are_seen_on_the_course_lexicon(
    plant: Callable[[pytest.MonkeyPatch], None], course: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    words = {form for form, _, _ in FORMS} | {form.title() for form, _, _ in FORMS[::50]}
    assert disagreements((Lemmatizer(), course[1]), words) != []


# ---- the files ----


@pytest.mark.parametrize("seed", ["0", "1"])
def test_the_script_makes_the_same_bytes_again(tmp_path: Path, seed: str) -> None:
    command = [sys.executable, str(LEXICON / "make.py"), str(tmp_path / "again")]
    subprocess.run(command, check=True, cwd=tmp_path, env=os.environ | {"PYTHONHASHSEED": seed})
    again = {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()}
    assert again == {path.name: path.read_bytes() for path in DATABASE.iterdir()}
    assert all(text.isascii() and b"\r" not in text for text in again.values())


def test_word_lists_are_of_the_promised_size() -> None:
    assert 1_500 < sum(map(len, ENTRIES.values())) < 2_500
    assert sum(entry.gloss != make.NO_GLOSS for entries in ENTRIES.values() for entry in entries) >= 60


@pytest.mark.parametrize(
    ("line", "says"),
    [("Cat", "noun.txt, line 1"), ("cat | a pet", "line 1"), ("café", "ASCII"), ("dog\ncat", "'cat' must not come")],
)
def test_the_script_refuses_a_bad_list(tmp_path: Path, line: str, says: str) -> None:
    (tmp_path / "noun.txt").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=says):
        make.read(tmp_path / "noun.txt")


def test_nltk_reads_every_synset(course: Pair) -> None:
    assert len(list(wordnet.all_synsets())) == sum(map(len, ENTRIES.values()))
    for pos, entries in ENTRIES.items():
        assert set(wordnet.all_lemma_names(pos)) == {entry.lemma for entry in entries}
        for entry in entries:
            synset = wordnet.synset(f"{entry.lemma}.{pos}.01")
            assert (synset.pos(), synset.lemma_names()) == (pos, [entry.lemma])
            assert synset.definition() == entry.gloss


def test_nltk_looks_words_up(course: Pair) -> None:
    assert [str(synset) for synset in wordnet.synsets("cats")] == ["Synset('cat.n.01')"]
    assert [str(synset) for synset in wordnet.synsets("flies")] == ["Synset('fly.n.01')", "Synset('fly.v.01')"]
    assert "furry" in wordnet.synset("cat.n.01").definition()
    assert wordnet.morphy("children") == "child"
    assert wordnet.get_version() is None  # it does not pass for a version of WordNet


def test_nltk_finds_sense_keys(course: Pair) -> None:
    for word, key in [("cat", "cat%1:00:00::"), ("run", "run%2:01:00::"), ("well", "well%4:03:00::")]:
        assert wordnet.lemma_from_key(key).name() == word
        assert wordnet.lemma_from_key(key).count() == 0
    keys = [line.split()[0] for line in (DATABASE / "index.sense").read_text("ascii").splitlines()]
    assert all(wordnet.lemma_from_key(key).key() == key for key in keys[::20])
    assert len(keys) == sum(map(len, ENTRIES.values()))


def test_exception_lists_hold_the_irregular_forms() -> None:
    for part, pos in make.PARTS.items():
        lines = (DATABASE / f"{part}.exc").read_text("ascii").splitlines()
        assert lines == sorted(lines)
        pairs = {(form, base) for form, *bases in map(str.split, lines) for base in bases}
        assert pairs == {(form, entry.lemma) for entry in ENTRIES[pos] for form in entry.forms}


# ---- other folders ----


def test_a_folder_that_lacks_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"index\.noun is missing"):
        Lemmatizer(str(tmp_path))


def test_without_wordnet_the_message_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nltk.data, "path", [str(LEXICON), nltk_data(), str(tmp_path)])
    with pytest.raises(LookupError, match=r"nltk\.download\('wordnet'\).*Lemmatizer\(\) reads the course's own"):
        Lemmatizer.wordnet()


@pytest.mark.parametrize("packed", [False, True])
def test_wordnet_is_found_where_nltk_keeps_it(packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for the full WordNet, unpacked or in the archive that the downloader leaves."""
    entries = {"noun": "aardvark\n", "verb": "zigzag zigzagged\n", "adj": "zany\n", "adv": "zestfully\n"}
    for part, text in entries.items():
        (tmp_path / f"{part}.txt").write_text(text, encoding="utf-8")
    folder = database(tmp_path, make.make(tmp_path))
    if packed:
        shutil.make_archive(str(folder), "zip", folder.parent, "wordnet")
        shutil.rmtree(folder)
    monkeypatch.setattr(nltk.data, "path", [nltk_data(), str(tmp_path)])
    full = Lemmatizer.wordnet()
    assert full.lemmatize("aardvarks") == "aardvark"
    assert full.lemmatize("zigzagged", "v") == "zigzag"
    assert full.lemmatize("cats") == "cats"


def test_nltk_data_is_a_private_copy() -> None:
    folder = Path(nltk_data(), "corpora", "wordnet")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in DATABASE.iterdir()
    }
    if os.name == "posix":
        assert all(path.stat().st_mode & 0o022 == 0 and path.stat().st_nlink == 1 for path in folder.iterdir())
        assert folder.stat().st_mode & 0o022 == 0


def test_the_import_is_cheap() -> None:
    code = "import sys, course_utils.text.lemma; print(sorted({'nltk', 'numpy', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
