"""Documents of the world as a web crawl: rare patterns, answers that follow from the prompt, honest hold-outs."""

import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.data.world import World, web
from course_utils.data.world.bilingual import COLOURS, NOUNS, NUMBERS

BASE = {base: verb for verb, base in web.VERBS.items()}
PLURALS = {noun.plural: noun.en for noun in NOUNS.values()}


@pytest.fixture(scope="module")
def world() -> World:
    return World(seed=0)


@pytest.fixture(scope="module")
def documents(world) -> list[web.Document]:
    return web.documents(world, 4000)


@pytest.fixture(scope="module")
def tests(world) -> list[web.Document]:
    return web.documents(world, 300, held_out=True)


def asked(words: list[str]) -> list[tuple[list[str], str]]:
    """Each question of a document, as (its words, its answer)."""
    starts = [i for i, word in enumerate(words) if word == "question"]
    ends = [words.index("answer", i) for i in starts]
    return [(words[i + 2 : j], words[j + 2]) for i, j in zip(starts, ends, strict=True)]


def combination(question: list[str], answer: str) -> tuple[str, str, str]:
    """What a question is about."""
    match question:
        case ["what", "does", name, verb, "?"]:
            return name, BASE[verb], answer
        case ["where", "does", name, "live", "?"]:
            return name, "lives_in", answer
        case ["what", "is", "the", "job", "of", name, "?"]:
            return name, "works_as", answer
        case ["which", "pet", "has", name, "?"]:
            return name, "has_pet", answer
        case ["who", "is", "the", "friend", "of", name, "?"]:
            return name, "friend_of", answer
    raise AssertionError(question)


def phrases(words: list[str]) -> list[tuple[str, str, str]]:
    """Number, colour and noun of each English phrase."""
    return [(words[i - 3], words[i - 2], PLURALS[words[i - 1]]) for i, word in enumerate(words) if word == "="]


def events(world: World, words: list[str]) -> list[tuple[str, str, str]]:
    """Who does what to which animal, in the stories of a document: the person was introduced before."""
    names, found, who = {person.name for person in world.people}, [], ""
    for i, word in enumerate(words):
        if word in names and words[i + 1] == "is":
            who = word
        if word in web.VERBS and words[i + 1] == "the":
            found.append((who, word, words[i + 2]))
    return found


def test_one_document_in_twenty_holds_a_pattern(documents):
    kinds = Counter(document.kind for document in documents)
    patterns = [kinds[kind] for kind in web.PATTERNS]
    assert sum(patterns) / len(documents) == pytest.approx(0.05, abs=0.01)
    assert min(patterns) > 0.7 * max(patterns)
    for document in documents:
        marks = {"question", "tl;dr", "="} & set(document.words)
        assert marks == {"story": set(), "translation": {"="}}.get(document.kind, {document.kind})
        assert (document.n_answer == 0) == (document.kind == "story")


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(0, 30))
def test_more_documents_begin_with_the_same(seed, n):
    world = World(seed)
    assert web.documents(world, n, seed) == web.documents(world, n + 5, seed)[:n]
    assert all(" ".join(d.words).split() == d.words and d.words[-1] == "." for d in web.documents(world, n))


def test_every_answer_follows_from_its_document(world, documents, tests):
    for document in [*documents, *tests]:
        if document.kind == "question":
            for question, answer in asked(document.words):
                name, relation, _ = combination(question, answer)
                assert name in document.prompt
                if relation in web.VERBS:
                    assert (name, relation, answer) in events(world, document.words)
                else:
                    (fact,) = world.query(name, relation)
                    assert (fact.object, fact.verbalised) == (answer, True)
        if document.kind == "tl;dr":
            name, _, _, animal, _ = document.answer
            assert (name, animal) in {(who, what) for who, _, what in events(world, document.words)}


def test_translations_are_those_of_the_tables(documents, tests):
    numbers, colours = ({phrase.en: phrase.zh for phrase in table} for table in (NUMBERS, COLOURS))
    for document in [*documents, *tests]:
        if document.kind == "translation":
            lines = " ".join(document.words).split(" .")[:-1]
            for line, (number, colour, en) in zip(lines, phrases(document.words), strict=True):
                noun = NOUNS[en]
                chinese = f"{numbers[number]} {noun.measure} {colours[colour]} 的 {noun.zh}"
                assert line.split(" = ")[1] == chinese


def test_what_is_held_out_is_asked_for_in_tests_only(world, documents, tests):
    for some, held_out in ((documents, False), (tests, True)):
        for document in some:
            if document.kind == "translation":
                assert {world.held_out(*phrase) for phrase in phrases(document.words)} == {held_out}
            if document.kind == "question":
                found = [combination(*one) for one in asked(document.words)]
                assert {world.held_out(*one) for one in found} == {held_out}
            if not held_out or document.kind == "tl;dr":
                assert {world.held_out(*event) for event in events(world, document.words)} <= {held_out}


def test_every_word_of_a_test_was_read_before(documents, tests):
    known = {word for document in documents for word in document.words}
    assert {word for document in tests for word in document.words} <= known
    assert {document.kind for document in tests} == set(web.PATTERNS)


def test_stories_tell_only_what_is_verbalised(world, documents):
    hidden = {(f.subject, f.object) for f in world.facts if f.relation == "lives_in" and not f.verbalised}
    told = [d.words for d in documents if "lives" in d.words and d.kind == "story"]
    homes = {(words[0], words[words.index("lives") + 2]) for words in told}
    assert homes
    assert not homes & hidden


def test_the_same_documents_in_every_process():
    code = "from course_utils.data.world import World, web; from hashlib import sha256; "
    code += "print(sha256(repr(web.documents(World(), 300)).encode()).hexdigest()[:16])"
    made = [
        subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True)
        for seed in ("0", "1")
    ]
    assert made[0].stdout == made[1].stdout != ""


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [((-1,), ValueError, "0 or more"), ((1.5,), TypeError, "whole number"), ((1, True), TypeError, "seed is True")],
)
def test_wrong_arguments(arguments, error, message, world):
    with pytest.raises(error, match=message):
        web.documents(world, *arguments)
