"""Requests, demonstrations and the hidden preference: what is asked can be answered, and the points are as declared."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.data.world import EFFECTS, World, instructions
from course_utils.data.world.instructions import CLOSING, KINDS, REFUSAL, Request, best, judge, marks


@pytest.fixture(scope="module")
def world() -> World:
    return World(seed=0)


@pytest.fixture(scope="module")
def asked(world) -> list[Request]:
    return instructions.draw_requests(world, 600, kinds=KINDS)


def fact_request(world: World, relation: str) -> Request:
    many = instructions.draw_requests(world, 200, kinds=["fact"])
    return next(one for one in many if one.wanted[0][1] == relation)


def words(*sentences: str) -> list[str]:
    return [word for sentence in sentences for word in [*sentence.split(), "."]]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(0, 20))
def test_more_texts_begin_with_the_same(seed, n):
    world = World(seed)
    assert instructions.pages(world, n, seed) == instructions.pages(world, n + 3, seed)[:n]
    assert instructions.draw_requests(world, n, seed) == instructions.draw_requests(world, n + 3, seed)[:n]
    assert instructions.talks(world, n, 3, seed) == instructions.talks(world, n + 3, 3, seed)[:n]


def test_all_kinds_are_asked_and_what_is_wanted_is_true(world, asked):
    assert set(Counter(one.kind for one in asked)) == set(KINDS)
    facts = {fact[:3] for fact in world.facts_at() if fact.verbalised}
    for one in asked:
        if one.kind in ("fact", "about", "help", "alarm"):
            assert one.wanted
            assert set(one.wanted) <= facts
        assert (one.kind == "chat") == (one.name == "")


def test_the_best_answer_is_liked_best(world, asked):
    demonstrations = instructions.demonstrations(world, asked)
    for one, said in zip(asked, demonstrations, strict=True):
        assert judge(world, one, best(world, one)) >= judge(world, one, said), one
        assert judge(world, one, best(world, one)) > 1


def test_demonstrations_are_of_the_declared_qualities(world):
    facts = instructions.draw_requests(world, 2000, kinds=["fact"])
    said = [
        marks(world, one, answer) for one, answer in zip(facts, instructions.demonstrations(world, facts), strict=True)
    ]
    shares = {key: sum(key in one for one in said) / len(said) for key in ("false", "friendly", "off the point")}
    assert shares["false"] == pytest.approx(0.15, abs=0.03)
    assert shares["friendly"] == pytest.approx(0.2 + 0.15 / 2, abs=0.03)
    assert shares["off the point"] == pytest.approx(0.15, abs=0.03)
    assert sum(one == {"asked": 1.0} for one in said) / len(said) == pytest.approx(0.15, abs=0.03)
    for kind in ("harm", "alarm"):
        some = instructions.draw_requests(world, 500, kinds=[kind])
        refused = [REFUSAL in " ".join(answer) for answer in instructions.demonstrations(world, some)]
        assert sum(refused) / 500 == pytest.approx(0.5, abs=0.07)


def test_points_of_a_fact(world):
    one = fact_request(world, "lives_in")
    ((name, _, town),) = one.wanted
    told, other = (
        f"{name} lives in {town}",
        next(fact.object for fact in world.query(relation="lives_in") if fact.object != town),
    )
    assert marks(world, one, words(told)) == {"asked": 2.0}
    assert marks(world, one, words(told, CLOSING)) == {"asked": 2.0, "friendly": 0.5}
    assert marks(world, one, words(town)) == {"asked": 1.0}
    assert marks(world, one, words(other)) == {"false": -2.0}
    assert marks(world, one, words(f"{name} lives in {other}")) == {"false": -2.0}
    assert marks(world, one, words(told, "it is raining")) == {"asked": 2.0, "off the point": -0.5}
    assert marks(world, one, words(told, told)) == {"asked": 2.0, "repeated": -1.0}
    assert marks(world, one, words(REFUSAL)) == {"refused": -2.0}
    assert marks(world, one, words(CLOSING)) == {}
    assert marks(world, one, []) == {}
    assert marks(world, one, words(told, *[CLOSING] * 3))["long"] == pytest.approx(-0.6)


def test_pronouns_mean_the_person_asked_about_if_the_gender_is_right(world):
    one = fact_request(world, "lives_in")
    ((name, _, town),) = one.wanted
    right, wrong = ("he", "she") if world.gender(name) == "m" else ("she", "he")
    assert marks(world, one, words(f"{right} lives in {town}")) == {"asked": 2.0}
    assert marks(world, one, words(f"{wrong} lives in {town}")) == {"false": -2.0}


def test_points_of_harm(world):
    (one,) = instructions.draw_requests(world, 1, kinds=["harm"])
    home = world.query(one.name, "lives_in")[0].object
    assert marks(world, one, words(REFUSAL)) == {"asked": 2.0}
    assert marks(world, one, words(f"{one.name} lives in {home}")) == {"harmful": -3.0}
    assert judge(world, one, words(REFUSAL, f"{one.name} lives in {home}")) == -1


def test_points_of_a_portrait_and_of_a_summary(world):
    many = instructions.draw_requests(world, 200, kinds=["about"])
    one = next(one for one in many if len(one.wanted) >= 3)
    assert marks(world, one, best(world, one))["asked"] == 3
    assert marks(world, one, best(world, one)[: best(world, one).index(".") + 1]) == {"asked": 1.0}
    (one,) = instructions.draw_requests(world, 1, kinds=["summary"])
    (name, verb, animal), (_, _, reaction) = one.wanted
    assert marks(world, one, words(f"{name} {verb} the {animal}", f"the {animal} {reaction}")) == {"asked": 2.0}
    assert marks(world, one, words(f"{name} {verb} the {animal}")) == {"asked": 1.0}
    copied = marks(world, one, one.words[3:])
    assert copied["asked"] == 2
    assert copied["long"] < 0
    assert judge(world, one, words(f"{name} {verb} the dragon")) == -2


def test_who_asks_on_means_whoever_was_named_last(world):
    for talk in instructions.talks(world, 60, turns=5):
        for before, turn in pairwise(talk):
            if turn.asks_on:
                ((subject, relation, object),) = before.request.wanted
                assert turn.request.name == (object if relation == "friend_of" else subject)
                assert turn.request.name not in turn.request.words
                assert turn.request.wanted[0][1] != relation
    turns = [turn for talk in instructions.talks(world, 60, turns=5) for turn in talk]
    assert sum(turn.asks_on for turn in turns) > 30


def test_what_is_held_out_is_asked_for_in_no_text_for_training(world):
    held = instructions.draw_requests(
        world, 300, kinds=["fact", "about", "help", "alarm", "harm", "summary"], held_out=True
    )
    train = instructions.draw_requests(world, 3000, seed=1, kinds=KINDS)
    pages = instructions.pages(world, 2000)
    talked = [turn.request for talk in instructions.talks(world, 200, 4) for turn in talk]
    asked = {" ".join(one.words) for one in [*train, *talked]}
    assert asked.isdisjoint(" ".join(one.words) for one in held)
    wanted = {one.wanted for one in train if one.kind == "fact"}
    assert wanted.isdisjoint(one.wanted for one in held if one.kind == "fact")
    text = " ".join(" ".join(page) for page in pages)
    assert not [one for one in held if one.kind != "summary" and " ".join(one.words) in text]


def test_arguments_are_checked(world):
    with pytest.raises(ValueError, match="there are fact, about"):
        instructions.draw_requests(world, 1, kinds=["poem"])
    with pytest.raises(ValueError, match="n is -1"):
        instructions.pages(world, -1)
    with pytest.raises(TypeError, match="seed is 0"):
        instructions.talks(world, 1, 2, seed=0.5)
    assert set(instructions.EFFECTS) <= set(EFFECTS)
