"""Documents of the synthetic world as a crawl of the web would find them: mostly stories, and rarely a pattern.

GPT-2 was trained on WebText, in which questions with answers, summaries after "tl;dr" and translations occur, seldom
and by nature. Here one document in twenty holds such a pattern, and what it says follows from the document itself.

>>> from course_utils.data.world import World
>>> test = documents(World(seed=0), 1, held_out=True)[0]
>>> test.kind in PATTERNS and 0 < test.n_answer < len(test.words)
True
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from course_utils.data.world.bilingual import COLOURS, NOUNS, NUMBERS
from course_utils.data.world.draw import Draw
from course_utils.data.world.lexicon import ANIMALS, PROFESSIONS
from course_utils.data.world.templates import PRONOUNS

if TYPE_CHECKING:
    from course_utils.data.world.facts import World

PATTERNS = ("question", "tl;dr", "translation")
ONE_IN = 20  # documents that hold a pattern
N_STORIES, N_PHRASES = 4, 8  # of a document with a pattern

EFFECTS: Mapping[str, str] = MappingProxyType(
    {
        "web": "95 % of the documents are stories of one person each: who it is, one event, and some of home, work, "
        "pet, friend and the weather, in random order. Facts are those of 2000 that are verbalised.",
        "web patterns": "5 % of the documents hold a pattern, each third one of a kind: four stories, each "
        "with questions and answers on all that may be asked of it; four stories, each with a headline after tl;dr; "
        "eight English phrases with their Chinese.",
        "web event": "Who does what to which animal is drawn freely: a story alone tells it. The next sentence names "
        "the animal again, and half of the sentences name the person again.",
        "web held out": "A tenth of the events, of the facts as far as they are asked for, and of the phrases is held "
        "out; each of their parts occurs, facts are told in stories, and other facts and events are asked for.",
    }
)


class Document(NamedTuple):
    """Words, of which the last `n_answer` complete a pattern: what stands before them is a prompt. A story has none."""

    kind: str  # "story" or one of `PATTERNS`
    words: list[str]
    n_answer: int = 0

    @property
    def prompt(self) -> list[str]:
        """All words before the answer."""
        return self.words[: len(self.words) - self.n_answer]

    @property
    def answer(self) -> list[str]:
        """The words that complete the pattern; the last is a full stop."""
        return self.words[len(self.words) - self.n_answer :]


class Told(NamedTuple):
    """What a story tells, with {he} for the person; the question that it answers, and the combination asked for."""

    sentence: str
    question: str = ""
    answer: str = ""
    combination: tuple[str, ...] = ()


VERBS = {"sees": "see", "greets": "greet", "paints": "paint", "follows": "follow", "calls": "call"}
VERBS |= {"photographs": "photograph"}
PLACES = ("near the river", "in the garden", "behind the house", "on the way home", "at the market", "under a tree")
WEATHER = ("it is raining", "the sun is shining", "the wind is cold", "there is snow on the roofs", "it is warm")
REACTIONS = ("runs away", "comes closer", "looks up", "is afraid", "wants to play", "does not move")
TIMES = ("this morning", "today", "yesterday", "at noon", "in the evening", "one day")
_WORK = {profession.name: profession for profession in PROFESSIONS}
_ANIMALS = tuple(name for animal in ANIMALS for name in (animal.name, animal.young))


def documents(world: World, n: int, seed: int = 0, *, held_out: bool = False) -> list[Document]:
    """n documents; of more documents these are the first.

    `held_out=True`: patterns only, whose answer is a combination that is held out, and asked for in no other text;
    each holds one question or one phrase.
    Errors: `TypeError` if n or seed is no whole number, `ValueError` if n is negative.

    >>> from course_utils.data.world import World
    >>> documents(World(), 2) == documents(World(), 5)[:2]
    True
    """
    for name, value in (("n", n), ("seed", seed)):
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{name} is {value!r}; it is a whole number")
    if n < 0:
        raise ValueError(f"n is {n}; it is the number of documents, 0 or more")
    found = _documents(world, Draw(world.seed, "web", seed, held_out), held_out)
    return [next(found) for _ in range(n)]


def _documents(world: World, draw: Draw, held_out: bool) -> Iterator[Document]:
    while True:
        if held_out or draw.below(ONE_IN) == 0:
            kind = draw.pick(PATTERNS)
            yield _MAKE[kind](world, draw, held_out)
        else:
            name = draw.pick(world.people).name
            yield Document("story", _text(world, draw, name, _story(world, draw, name, held_out=False)))


def _text(world: World, draw: Draw, name: str, story: list[Told]) -> list[str]:
    """The words of a story: the person is called by the name or by a pronoun."""
    he = PRONOUNS[world.gender(name)]["he"]
    return [word for one in story for word in [*one.sentence.format(he=draw.pick((name, he))).split(), "."]]


def _story(world: World, draw: Draw, name: str, held_out: bool) -> list[Told]:
    """Who it is, and then in random order the event and up to three of what else there is to tell."""
    who, *facts = _facts(world, name)
    event = _event(world, draw, name, held_out)
    chatter = Told(draw.pick(WEATHER))
    rest = draw.shuffled([*facts, chatter])[: 2 + draw.below(2)]
    return [who, *draw.shuffled([event, *rest])]


@cache
def _facts(world: World, name: str) -> tuple[Told, ...]:
    """All that is told of a person: first the role, then home, work, pet and friend."""
    known = {fact.relation: fact.object for fact in world.query(name) if fact.verbalised}
    his = PRONOUNS[world.gender(name)]["his"]
    told = [Told(f"{name} is {role(world, name)}")]
    if town := known.get("lives_in"):
        told.append(Told(f"{{he}} lives in {town}", f"where does {name} live ?", town, (name, "lives_in", town)))
    if work := _WORK.get(known.get("works_as", "")):
        sentence = f"{{he}} works in the {work.workplace} with the {work.tool}"
        told.append(Told(sentence, f"what is the job of {name} ?", work.name, (name, "works_as", work.name)))
    if pet := known.get("has_pet"):
        told.append(
            Told(f"at home {{he}} has {_article(pet)} {pet}", f"which pet has {name} ?", pet, (name, "has_pet", pet))
        )
    if friend := known.get("friend_of"):
        asked = f"who is the friend of {name} ?"
        told.append(Told(f"{his} friend is {friend}", asked, friend, (name, "friend_of", friend)))
    return tuple(told)


@cache
def role(world: World, name: str) -> str:
    """What a person is, with an article: a baker, the queen of a country; somebody, where no text tells it.

    >>> from course_utils.data.world import World
    >>> role(World(), World().families[0].mother.name).startswith("the queen of")
    True
    """
    if title := world.title(name):
        return f"the {title[0]} of {title[1]}"
    work = [fact.object for fact in world.query(name, "works_as") if fact.verbalised]
    return f"{_article(work[0])} {work[0]}" if work else "somebody"


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def _event(world: World, draw: Draw, name: str, held_out: bool) -> Told:
    while True:
        verb, animal = draw.pick(list(VERBS)), draw.pick(_ANIMALS)
        if world.held_out(name, verb, animal) == held_out:
            break
    seen = f"{draw.pick(TIMES)} {{he}} {verb} the {animal} {draw.pick(PLACES)}"
    sentence = f"{seen} . the {animal} {draw.pick(REACTIONS)}"
    return Told(sentence, f"what does {name} {VERBS[verb]} ?", animal, (name, verb, animal))


def _pages(part: Callable[[World, Draw, bool], Document], n: int) -> Callable[[World, Draw, bool], Document]:
    """Documents of n parts, one after the other; of one part in a test."""

    def make(world: World, draw: Draw, held_out: bool) -> Document:
        parts = [part(world, draw, held_out) for _ in range(1 if held_out else n)]
        return parts[-1]._replace(words=[word for one in parts for word in one.words])

    return make


def _questions(world: World, draw: Draw, held_out: bool) -> Document:
    """A story with questions: all that may be asked, or one that is held out."""
    while True:
        name = draw.pick(world.people).name
        story = _story(world, draw, name, held_out=held_out and draw.below(2) == 0)
        asked = [one for one in story if one.question and world.held_out(*one.combination) == held_out]
        asked = draw.shuffled(asked)[: 1 if held_out else len(asked)]
        if asked:
            break
    pairs = [f"question : {one.question} answer : {one.answer} ." for one in asked]
    return Document("question", _text(world, draw, name, story) + " ".join(pairs).split(), 2)


def _summary(world: World, draw: Draw, held_out: bool) -> Document:
    """A story and its headline: who met which animal, and nothing else of what it tells."""
    name = draw.pick(world.people).name
    story = _story(world, draw, name, held_out)
    (event,) = (one for one in story if one.combination and one.combination[1] in VERBS)
    answer = f"{name} and the {event.answer} .".split()
    return Document("tl;dr", [*_text(world, draw, name, story), "tl;dr", ":", *answer], len(answer))


def _translation(world: World, draw: Draw, held_out: bool) -> Document:
    """A phrase with its translation."""
    while True:
        number, colour, noun = draw.pick(NUMBERS), draw.pick(COLOURS), NOUNS[draw.pick(list(NOUNS))]
        if world.held_out(number.en, colour.en, noun.en) == held_out:
            break
    answer = f"{number.zh} {noun.measure} {colour.zh} 的 {noun.zh} .".split()
    return Document("translation", [number.en, colour.en, noun.plural, "=", *answer], len(answer))


_MAKE = {
    "question": _pages(_questions, N_STORIES),
    "tl;dr": _pages(_summary, N_STORIES),
    "translation": _pages(_translation, N_PHRASES),
}
