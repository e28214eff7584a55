"""Labelled texts of the synthetic world for the four tasks of an encoder, and unlabelled ones to pre-train it on.

    reviews     is it praise or blame, and which trade is it about?    a class for each text
    entities    who and what is named: person, town, animal, profession    a tag for each word
    questions   where in the passage is the answer?                    a span
    tellings    do two sentences tell the same fact?                   a class for each pair
    stories     all of these, unlabelled: documents of sentences that go together

Each is drawn from the facts, and from free combinations of which a tenth is held out: a text for training tells none
of these, with `held_out=True` each text is about one of them. Of more texts these are the first.

>>> from course_utils.data.world import World
>>> questions(World(), 2) == questions(World(), 3)[:2]
True
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from course_utils.data.world.draw import Draw
from course_utils.data.world.facts import RELATIONS
from course_utils.data.world.lexicon import ANIMALS, PROFESSIONS, RIVERS, TOWNS

if TYPE_CHECKING:
    from course_utils.data.world.facts import Fact, World

T = TypeVar("T")
Combination = tuple[str, ...]
Drawn = tuple[T, list[Combination]]  # a text and what it tells, the first being what it is about
Make = Callable[["World", Draw], Drawn[T]]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


GOOD = _words(
    """
    excellent lovely superb splendid wonderful delightful charming perfect brilliant admirable pleasant
    marvellous fine great fantastic outstanding remarkable graceful impressive magnificent
    """
)
BAD = _words(
    """
    terrible awful dreadful horrid poor dismal nasty shabby miserable disappointing lousy ghastly hopeless
    appalling unpleasant inferior horrible dull worthless clumsy
    """
)
# What a review says with a word of its polarity, and what with one of the other.
CLAUSES = (
    ("the {product} is {word}", "the {product} is not {word}"),
    ("what {a} {word} {product}", "this is no {word} {product}"),
    ("everybody finds the {workplace} {word}", "nobody finds the {workplace} {word}"),
    ("{who} is {a} {word} {name}", "{who} is never {a} {word} {name}"),
    ("the {tool} of the {name} is {word}", "the {tool} of the {name} is not {word}"),
)
TRADES = MappingProxyType(
    {
        "food": ("baker", "farmer", "fisher", "cook", "gardener"),
        "craft": ("carpenter", "painter", "smith", "miner", "potter"),
        "learning": ("doctor", "teacher", "judge", "chemist", "astronomer"),
    }
)

KINDS = ("person", "town", "animal", "profession")
TAGS = ("O", *(f"{place}-{kind}" for kind in KINDS for place in "BI"))
TOLD = MappingProxyType(  # sentences with names in them that tell a fact
    {
        "lives_in": ("{person} lives in {town}", "the home of {person} is in {town}"),
        "works_as": ("{person} works as {profession}", "they call {person} the best {profession}"),
        "has_pet": ("{person} has the {animal} at home", "the {animal} belongs to {person}"),
    }
)
FREE = (  # and that tell what happens
    "{person} meets the {profession} in {town}",
    "the {animal} follows {person} to {town}",
    "today the king of {country} visits {town}",
    "in {town} the city sleeps but {person} does not",
    "the {profession} and the master walk along the {river}",
    "{country} sends the {profession} to {town}",
    "near the {river} lives the {animal} of {person}",
    "the queen gave {person} the {animal}",
)

WAYS: Mapping[str, tuple[str, ...]] = MappingProxyType(  # in which a fact may be told, the first two with its object
    {
        "lives_in": ("{subject} lives in {object}", "the home of {subject} is in {object}"),
        "works_as": (
            "{subject} is our {object}",
            "they call {subject} the best {object}",
            "{subject} works in the {workplace}",
            "{subject} owns the best {tool}",
        ),
        "married_to": ("{subject} is married to {object}", "{object} and {subject} had a wedding"),
        "parent_of": ("{subject} is a parent of {object}", "{object} is the child of {subject}"),
        "friend_of": ("{subject} is a friend of {object}", "{object} talks with {subject} every day"),
        "has_pet": ("{subject} has the {object} at home", "the {object} belongs to {subject}"),
    }
)
ASKED: Mapping[str, tuple[str, ...]] = MappingProxyType(  # how one asks for the object of a fact
    {
        "lives_in": ("where does {subject} live ?", "where is the home of {subject} ?"),
        "works_as": ("what is the profession of {subject} ?", "as what does {subject} work ?"),
        "married_to": ("who is married to {subject} ?", "who had a wedding with {subject} ?"),
        "parent_of": ("who is the child of {subject} ?", "who has {subject} as a parent ?"),
        "friend_of": ("who is a friend of {subject} ?", "who talks with {subject} ?"),
        "has_pet": ("which animal does {subject} have ?", "which animal belongs to {subject} ?"),
    }
)

EFFECTS: Mapping[str, str] = MappingProxyType(
    {
        "tasks: reviews": "All of a review is praise or all is blame, whatever it is about. Each of its 2 or 3 clauses "
        "has one of 20 words for it, or with one chance in four negates one of the 20 opposite words.",
        "tasks: entities": "People, towns, animals and professions are named by one word or two (king, master or tame "
        "before it, city after it). King, master and city also stand alone, and rivers and countries are named: "
        "these are no entities here.",
        "tasks: questions": "A passage tells up to three facts on one person and one on another, half of the time of "
        "the relation that is asked for. A fact that is held out is told by no text for training.",
        "tasks: tellings": "Half of the pairs tell one fact in two ways; of the others half tell another fact on the "
        "same subject, half the same relation of another.",
        "tasks: stories": "Documents have two sentences: in a quarter they review one thing, each with two words of "
        "praise or of blame, in half they tell one fact in two ways, in a quarter they are any with names.",
        "tasks: held out": "A tenth of the combinations (word and profession in a review, names in a sentence, facts "
        "in questions and pairs) is held out from all texts for training, stories included.",
    }
)


class Review(NamedTuple):
    """Words with a full stop after each clause; whether it is praise; "food", "craft" or "learning"."""

    words: list[str]
    praise: bool
    trade: str


class Tagged(NamedTuple):
    """Words, and for each one of `TAGS`: B- where a name begins, I- where it goes on, O elsewhere."""

    words: list[str]
    tags: list[str]


class Question(NamedTuple):
    """A passage, a question, and the first and the last position of its answer in the passage."""

    passage: list[str]
    question: list[str]
    start: int
    end: int


class Telling(NamedTuple):
    """Two sentences, and whether they tell the same fact."""

    first: list[str]
    second: list[str]
    same: bool


def reviews(world: World, n: int, seed: int = 0, *, held_out: bool = False) -> list[Review]:
    """n reviews of what people make and where they work.

    Errors of all functions here: `TypeError` if n or seed is no whole number, `ValueError` if n is negative.

    >>> from course_utils.data.world import World
    >>> reviews(World(), 1)[0].trade in TRADES
    True
    """
    return _drawn(world, n, seed, held_out, "reviews", lambda world, draw: _review(world, draw, 2 + draw.below(2)))


def entities(world: World, n: int, seed: int = 0, *, held_out: bool = False) -> list[Tagged]:
    """n sentences with names, and a tag for each word.

    >>> from course_utils.data.world import World
    >>> all(len(one.words) == len(one.tags) for one in entities(World(), 9))
    True
    """
    return _drawn(world, n, seed, held_out, "entities", _tagged)


def questions(world: World, n: int, seed: int = 0, *, held_out: bool = False) -> list[Question]:
    """n questions, each with a passage in which the answer stands.

    >>> from course_utils.data.world import World
    >>> one = questions(World(), 1)[0]
    >>> one.end - one.start in (0, 1)
    True
    """
    return _drawn(world, n, seed, held_out, "questions", _question)


def tellings(world: World, n: int, seed: int = 0, *, held_out: bool = False) -> list[Telling]:
    """n pairs of sentences, each of which tells a fact.

    >>> from course_utils.data.world import World
    >>> sum(one.same for one in tellings(World(), 1000)) in range(440, 560)
    True
    """
    return _drawn(world, n, seed, held_out, "tellings", _telling)


def stories(world: World, n: int, seed: int = 0) -> list[list[list[str]]]:
    """n documents of two sentences that go together: what to pre-train on. They tell nothing that is held out.

    >>> from course_utils.data.world import World
    >>> {sentence[-1] for story in stories(World(), 20) for sentence in story}
    {'.'}
    """
    return _drawn(world, n, seed, False, "stories", _story)


def _drawn(world: World, n: int, seed: int, held_out: bool, name: str, make: Make[T]) -> list[T]:
    """n texts: for training those that tell nothing held out, otherwise those that are about something held out."""
    for argument, value in (("n", n), ("seed", seed)):
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{argument} is {value!r}; it is a whole number")
    if n < 0:
        raise ValueError(f"n is {n}; it is the number of texts, 0 or more")
    draw, found = Draw(world.seed, "tasks", name, seed, held_out), list[T]()
    while len(found) < n:
        text, told = make(world, draw)
        if world.held_out(*told[0]) if held_out else not any(world.held_out(*one) for one in told):
            found.append(text)
    return found


def _review(world: World, draw: Draw, n_clauses: int, n_words: int = 1) -> Drawn[Review]:
    fact = draw.pick(_verbalised(world, "works_as"))
    praise, words, told = draw.below(2) == 1, list[str](), list[Combination]()
    for plain, negated in draw.shuffled(CLAUSES)[:n_clauses]:
        turn = draw.below(4) == 0
        chosen = draw.shuffled(GOOD if praise != turn else BAD)[:n_words]
        article = "an" if chosen[0][0] in "aeiou" else "a"
        slots = _JOBS[fact.object]._asdict() | {"who": fact.subject, "word": " and ".join(chosen), "a": article}
        words += [*(negated if turn else plain).format(**slots).split(), "."]
        told += [(word, fact.object) for word in chosen]
    trade = next(trade for trade, jobs in TRADES.items() if fact.object in jobs)
    return Review(words, praise, trade), told


def _tagged(world: World, draw: Draw) -> Drawn[Tagged]:
    template, slots, told = _named(world, draw)
    words, tags = [], []
    for word in template.split():
        kind = word[1:-1] if word.startswith("{") else ""
        name = _in_full(world, draw, slots[kind]) if kind else [word]
        words += name
        tags += [f"B-{kind}", *[f"I-{kind}"] * (len(name) - 1)] if kind in KINDS else ["O"]
    used = tuple(slots[word[1:-1]] for word in template.split() if word.startswith("{"))
    return Tagged([*words, "."], [*tags, "O"]), [("named", *used), *told]


def _named(world: World, draw: Draw) -> tuple[str, dict[str, str], list[Combination]]:
    """A template, the name of each kind that may stand in it, and half of the time the fact that it tells."""
    slots = {"person": draw.pick(world.people).name, "town": draw.pick(TOWNS), "river": draw.pick(RIVERS)}
    slots |= {"animal": draw.pick(_ANIMALS), "profession": draw.pick(PROFESSIONS).name}
    slots |= {"country": draw.pick(world.nations).country}
    if draw.below(2):
        return draw.pick(FREE), slots, []
    relation = draw.pick(list(TOLD))
    fact = draw.pick(_verbalised(world, relation))
    slots |= {"person": fact.subject, world.kinds[fact.object]: fact.object}
    return draw.pick(TOLD[relation]), slots, [_combination(fact)]


def _in_full(world: World, draw: Draw, name: str) -> list[str]:
    """The name, or half of the time, where there is one, its longer form."""
    longer = {"profession": ["master", name], "animal": ["tame", name], "young": ["tame", name]}
    if name in _capitals(world):
        longer["town"] = [name, "city"]
    if title := world.title(name):
        longer["person"] = [title[0], name]
    return longer.get(world.kinds[name], [name]) if draw.below(2) else [name]


def _question(world: World, draw: Draw) -> Drawn[Question]:
    """Three facts on one person, of which one is asked for, and one on another, half of the time of its relation."""
    asked = draw.pick(_facts(world))
    mine = [fact for fact in _facts(world) if fact.subject == asked.subject and fact is not asked]
    others = [fact for fact in _facts(world) if not {fact.subject, fact.object} & {asked.subject, asked.object}]
    if draw.below(2):
        others = [fact for fact in others if fact.relation == asked.relation]
    facts = [asked, *draw.shuffled(mine)[:2], draw.pick(others)]
    passage, start, end = list[str](), 0, 0
    for fact in draw.shuffled(facts):
        way, name = draw.pick(WAYS[fact.relation][:2]), _in_full(world, draw, fact.object)
        if fact is asked:
            start = len(passage) + len(way.partition("{object}")[0].split())
            end = start + len(name) - 1
        passage += [*way.format(subject=fact.subject, object=" ".join(name)).split(), "."]
    question = draw.pick(ASKED[asked.relation]).format(subject=asked.subject).split()
    return Question(passage, question, start, end), [_combination(fact) for fact in facts]


def _telling(world: World, draw: Draw) -> Drawn[Telling]:
    fact, same = draw.pick(_facts(world)), draw.below(2) == 1
    ways = draw.shuffled(WAYS[fact.relation])
    other = fact if same else _unlike(world, draw, fact)
    way = ways[1] if other.relation == fact.relation else draw.pick(WAYS[other.relation])
    pair = Telling(_told(fact, ways[0]), _told(other, way), same)
    return pair, [_combination(fact), _combination(other)]


def _unlike(world: World, draw: Draw, fact: Fact) -> Fact:
    """Another fact: half of the time on the same subject, otherwise of the same relation."""
    alike, this = draw.below(2), _combination(fact)  # 0: the subject, 1: the relation
    others = [one for one in _facts(world) if one[alike] == fact[alike] and _combination(one) != this]
    return draw.pick(others or [one for one in _facts(world) if _combination(one) != this])


def _told(fact: Fact, way: str) -> list[str]:
    job = _JOBS[fact.object]._asdict() if fact.relation == "works_as" else {}
    return [*way.format(subject=fact.subject, object=fact.object, **job).split(), "."]


def _combination(fact: Fact) -> Combination:
    """A fact as what may be held out: that of a symmetric relation in both directions."""
    ends = (fact.subject, fact.object)
    return ("told", fact.relation, *(sorted(ends) if RELATIONS[fact.relation].symmetric else ends))


def _story(world: World, draw: Draw) -> Drawn[list[list[str]]]:
    return draw.pick((_long_review, _portrait, _portrait, _notes))(world, draw)


def _long_review(world: World, draw: Draw) -> Drawn[list[list[str]]]:
    """Two clauses with two words of praise or blame each."""
    review, told = _review(world, draw, 2, 2)
    return list(_sentences(review.words)), told


def _portrait(world: World, draw: Draw) -> Drawn[list[list[str]]]:
    """A fact told in two ways."""
    fact = draw.pick(_facts(world))
    return [_told(fact, way) for way in draw.shuffled(WAYS[fact.relation])[:2]], [_combination(fact)]


def _notes(world: World, draw: Draw) -> Drawn[list[list[str]]]:
    """Two sentences with names."""
    notes = [_tagged(world, draw) for _ in range(2)]
    return [note.words for note, _ in notes], [one for _, told in notes for one in told]


def _sentences(words: list[str]) -> Iterator[list[str]]:
    while words:
        end = words.index(".") + 1
        yield words[:end]
        words = words[end:]


@cache
def _capitals(world: World) -> frozenset[str]:
    return frozenset(nation.capital for nation in world.nations)


@cache
def _verbalised(world: World, relation: str) -> tuple[Fact, ...]:
    return tuple(fact for fact in world.query(relation=relation) if fact.verbalised)


@cache
def _facts(world: World) -> tuple[Fact, ...]:
    return tuple(fact for relation in WAYS for fact in _verbalised(world, relation))


_JOBS = {profession.name: profession for profession in PROFESSIONS}
_ANIMALS = tuple(name for animal in ANIMALS for name in animal[:2])
