"""Labelled texts of the synthetic world: labels are right, nothing held out leaks, no text changes by itself."""

import os
import re
import subprocess
import sys
from collections import Counter
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.data.world import EFFECTS, RELATIONS, World, lexicon, tasks
from course_utils.data.world.tasks import ASKED, BAD, CLAUSES, GOOD, KINDS, TAGS, TRADES, WAYS

FINGERPRINT = """
from hashlib import sha256
from course_utils.data.world import World, tasks
world = World(seed=0)
makers = (tasks.reviews, tasks.entities, tasks.questions, tasks.tellings)
texts = [make(world, 200, held_out=held_out) for make in makers for held_out in (False, True)]
print(sha256(repr([texts, tasks.stories(world, 200)]).encode()).hexdigest()[:16])
"""
GOLDEN = "d4719038f2df087a"  # another value means that lesson 10 learns from other texts
TOLD_WITHOUT_KINDS = {  # sentences with names tell facts as well
    relation: [re.sub(r"\{(?!person)\w+\}", "{object}", way).replace("{person}", "{subject}") for way in ways]
    for relation, ways in tasks.TOLD.items()
}
MAKERS = (tasks.reviews, tasks.entities, tasks.questions, tasks.tellings)
FEW = settings(max_examples=8, deadline=None)


@pytest.fixture(scope="module")
def world() -> World:
    return World(seed=0)


@pytest.fixture(scope="module")
def read(world) -> list[list[str]]:
    """All sentences that may be learnt from."""
    found = list(chain.from_iterable(tasks.stories(world, 6000)))
    found += [one.words for one in tasks.entities(world, 1000)]
    for question in tasks.questions(world, 1000):
        found += sentences(question.passage)
    for pair in tasks.tellings(world, 1000):
        found += [pair.first, pair.second]
    return found


def sentences(words: list[str]) -> list[list[str]]:
    return [[*sentence.split(), "."] for sentence in " ".join(words).split(" .")[:-1]]


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_the_same_texts_in_every_process(hash_seed):
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    result = subprocess.run([sys.executable, "-c", FINGERPRINT], env=environment, capture_output=True, check=True)
    assert result.stdout.decode().strip() == GOLDEN


@pytest.mark.parametrize("make", [*MAKERS, tasks.stories])
def test_of_more_texts_these_are_the_first(world, make):
    assert make(world, 30) == make(world, 90)[:30]
    assert make(world, 30, seed=1) != make(world, 30)
    assert make(world, 0) == []


@FEW
@given(seed=st.integers(-5, 10_000))
def test_every_world_has_texts(seed):
    world = World(seed)
    for make in MAKERS:
        assert len(make(world, 40)) == len(make(world, 20, held_out=True)) * 2
    for story in tasks.stories(world, 40):
        assert 2 <= len(story) <= 4
        assert all(sentence[-1] == "." and "{" not in " ".join(sentence) for sentence in story)


def test_a_review_says_what_its_label_says(world):
    """Counted without the generator: a clause with a negation says the opposite of its word."""
    negations = {"not", "no", "nobody", "never"}
    reviews = tasks.reviews(world, 500) + tasks.reviews(world, 100, held_out=True)
    for review in reviews:
        for clause in sentences(review.words):
            (word,) = set(clause) & {*GOOD, *BAD}
            assert ((word in GOOD) != bool(negations & set(clause))) == review.praise
    assert 0.45 < sum(review.praise for review in reviews) / len(reviews) < 0.55
    negated = sum(word in negations for review in reviews for word in review.words)
    assert negated / sum(review.words.count(".") for review in reviews) == pytest.approx(0.25, abs=0.05)


def test_polarity_hangs_on_no_trade(world):
    counts = Counter((review.trade, review.praise) for review in tasks.reviews(world, 3000))
    assert {trade for trade, _ in counts} == set(TRADES)
    for trade in TRADES:
        assert counts[trade, True] / (counts[trade, True] + counts[trade, False]) == pytest.approx(0.5, abs=0.05)
    assert sorted(chain(*TRADES.values())) == sorted(profession.name for profession in lexicon.PROFESSIONS)


def test_tags_mark_the_names_and_nothing_else(world):
    kinds = dict(world.kinds) | {animal.young: "animal" for animal in lexicon.ANIMALS}
    seen = set()
    for words, tags in tasks.entities(world, 800):
        assert len(words) == len(tags)
        assert set(tags) <= set(TAGS)
        for i, (word, tag) in enumerate(zip(words, tags, strict=True)):
            place, _, kind = tag.partition("-")
            seen.add((word, place))
            assert place != "I" or tags[i - 1].partition("-")[2] == kind
            assert (kinds.get(word) in KINDS) <= (kinds.get(word) == kind), (word, tag)
    for word in ("king", "queen", "master", "city"):
        assert (word, "O") in seen
    assert {("master", "B"), ("city", "I"), ("tame", "B")} <= seen


@pytest.mark.parametrize("held_out", [False, True])
def test_the_answer_is_in_the_passage_and_right(world, held_out):
    told = {fact[:3] for fact in world.facts_at() if fact.verbalised}
    for passage, question, start, end in tasks.questions(world, 400, held_out=held_out):
        (relation,) = {r for r, forms in ASKED.items() for form in forms if _fits(form, question)}
        (subject,) = [word for word in question if world.kinds.get(word) == "person"]
        *before, name = passage[start : end + 1]
        name, before = (before[0], [name]) if name == "city" else (name, before)
        assert (subject, relation, name) in told
        assert before in ([], ["city"], ["master"], ["tame"], [(world.title(name) or [""])[0]])
        rest = [fact for fact in told if fact[:2] == (subject, relation) and fact[2] != name]
        if relation != "parent_of":
            assert not rest  # only one answer is right


def _fits(form: str, question: list[str]) -> bool:
    parts = form.split()
    return len(parts) == len(question) and all(a in (b, "{subject}") for a, b in zip(parts, question, strict=True))


def test_pairs_tell_the_same_exactly_if_their_labels_say_so(world):
    for first, second, same in tasks.tellings(world, 800):
        assert first != second
        assert (_fact_of(world, first) == _fact_of(world, second)) == same, (first, second)


def _fact_of(world, sentence: list[str]) -> tuple[str, ...]:
    """What a sentence tells, found by trying all ways to tell all facts."""
    found = {
        tasks._combination(f)
        for f in tasks._facts(world)
        for way in WAYS[f.relation]
        if tasks._told(f, way) == sentence
    }
    (one,) = found
    return one


def test_what_is_held_out_is_told_by_no_text_to_learn_from(world, read):
    hidden = {tasks._combination(fact) for fact in tasks._facts(world) if world.held_out(*tasks._combination(fact))}
    assert len(hidden) / len(tasks._facts(world)) == pytest.approx(0.1, abs=0.04)
    forbidden = {
        tuple(tasks._told(fact, way))
        for fact in tasks._facts(world)
        for way in (*WAYS[fact.relation], *TOLD_WITHOUT_KINDS.get(fact.relation, ()))
        if tasks._combination(fact) in hidden
    }
    assert len(forbidden) > 30
    assert not forbidden & {tuple(sentence) for sentence in read}
    for question in tasks.questions(world, 200, held_out=True):  # though each is about one of these
        (subject,) = [word for word in question.question if world.kinds.get(word) == "person"]
        assert {subject, question.passage[question.end]} & set(chain(*(one[2:] for one in hidden)))


def test_words_of_praise_with_a_profession_are_held_out_from_reviews(world):
    for review in tasks.reviews(world, 500):
        trade = next(p for p in lexicon.PROFESSIONS if {p.name, p.workplace, p.product, p.tool} & set(review.words))
        assert not any(world.held_out(word, trade.name) for word in review.words if word in GOOD + BAD)


def test_stories_hold_every_word_of_the_tasks(world):
    """So what is pre-trained on them knows each word, but for those that only questions have."""
    known = set(chain(*chain.from_iterable(tasks.stories(world, 8000))))
    only_asked = set(" ".join(chain(*ASKED.values())).split())
    for make in MAKERS:
        for one in make(world, 300) + make(world, 100, held_out=True):
            texts = [part for part in one if isinstance(part, list)]
            assert set(chain(*texts)) - set(TAGS) <= known | only_asked


def test_words_of_praise_and_blame_are_no_other_words(world):
    words = {
        *world.kinds,
        *chain(*lexicon.PROFESSIONS),
        *chain(*lexicon.ANIMALS),
        *chain(*(a[:2] for a in lexicon.ADJECTIVES)),
    }
    assert len({*GOOD, *BAD}) == 40
    assert not words & {*GOOD, *BAD, *(word for pair in CLAUSES for one in pair for word in one.split())}


def test_relations_and_effects():
    assert set(WAYS) == set(ASKED) <= set(RELATIONS)
    assert set(tasks.EFFECTS) <= set(EFFECTS)
    assert all(effect.endswith(".") for effect in tasks.EFFECTS.values())


@pytest.mark.parametrize("make", [*MAKERS, tasks.stories])
@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [((-1,), ValueError, "n is -1"), ((1.5,), TypeError, "n is 1.5"), ((1, None), TypeError, "seed is None")],
)
def test_wrong_arguments(world, make, arguments, error, says):
    with pytest.raises(error, match=says):
        make(world, *arguments)
