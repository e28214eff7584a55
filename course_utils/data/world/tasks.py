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
from course_utils.data.world.lexicon import ANIMALS, PROFESSIONS, RIVERS, TOWNS

if TYPE_CHECKING:
    from course_utils.data.world.facts import Fact, World

T = TypeVar("T")
Combination = tuple[str, ...]
Drawn = tuple[T, list[Combination]]  # a text and what it tells, the first being what it is about
Make = Callable[["World", Draw], Drawn[T]]

GOOD = tuple(
    """excellent lovely superb splendid wonderful delightful charming perfect brilliant admirable pleasant marvellous
    fine great fantastic outstanding remarkable graceful impressive magnificent""".split()
)
BAD = tuple(
    """terrible awful dreadful horrid poor dismal nasty shabby miserable disappointing lousy ghastly hopeless appalling
    unpleasant inferior horrible dull worthless clumsy""".split()
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

# The verb in each of its forms: adra sees, see, is seen.
VERBS = (
    ("sees", "see", "seen"),
    ("greets", "greet", "greeted"),
    ("paints", "paint", "painted"),
    ("follows", "follow", "followed"),
    ("calls", "call", "called"),
    ("photographs", "photograph", "photographed"),
)
ACTIVE = ("{who} {verb} the {what}", "today {who} {verb} the {what}")
OTHERWISE = ("the {what} is {done} by {who}", "it is {who} who {verb} the {what}", "it is the {what} that {who} {verb}")
ASK_WHAT = ("what does {who} {base} ?", "what is {done} by {who} ?")
ASK_WHO = ("who {verb} the {what} ?", "by whom is the {what} {done} ?")

WAYS: Mapping[str, tuple[str, ...]] = MappingProxyType(  # in which a fact may be told
    {
        "lives_in": ("{subject} lives in {object}", "the home of {subject} is in {object}"),
        "works_as": ("{subject} works in the {workplace}", "{subject} owns the best {tool}", "{subject} is our {object}"),
        "married_to": ("{subject} is married to {object}", "{object} and {subject} had a wedding"),
        "parent_of": ("{subject} is a parent of {object}", "{object} is the child of {subject}"),
        "friend_of": ("{subject} is a friend of {object}", "{object} talks with {subject} every day"),
        "has_pet": ("{subject} has the {object} at home", "the {object} belongs to {subject}"),
    }
)

EFFECTS: Mapping[str, str] = MappingProxyType(
    {
        "tasks: reviews": "All of a review is praise or all is blame, whatever it is about. Each of its 2 or 3 clauses "
        "has one of 20 words for it, or with one chance in three negates one of the 20 opposite words.",
        "tasks: entities": "People, towns, animals and professions are named by one word or two (king, master or tame "
        "before it, city after it). King, master and city also stand alone, and rivers and countries are named: these "
        "are no entities here.",
        "tasks: questions": "A passage tells three events. One other event shares the verb of the one that is asked "
        "for, and one shares the person or the animal in the question: either alone is not enough to answer.",
        "tasks: tellings": "Half of the pairs tell one fact in two ways; of the others half tell another fact on the "
        "same subject, half the same relation of another.",
        "tasks: stories": "Documents of one kind in four each: a longer review, three events of which two are told "
        "again in other words, facts on one person told in two ways, and sentences with names.",
        "tasks: held out": "A tenth of the combinations (word and profession, who does what to which animal, the names "
        "of a sentence, the facts of the pairs) is held out from all texts for training, stories included.",
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


class Event(NamedTuple):
    """Who does what to which animal; `verb` is a row of `VERBS`."""

    who: str
    verb: tuple[str, str, str]
    what: str

    def told(self, template: str) -> list[str]:
        """The words of the template for this event."""
        forms = dict(zip(("verb", "base", "done"), self.verb, strict=True))
        return template.format(who=self.who, what=_sized(self.what), **forms).split()

    @property
    def combination(self) -> Combination:
        """What may be held out, as in the sentences on events."""
        return self.who, self.verb[0], self.what


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
    >>> one.passage[one.start - 1] == "the" or one.start == one.end
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
    """n documents, each a list of sentences: what to pre-train on. They tell nothing that is held out.

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


def _review(world: World, draw: Draw, n_clauses: int) -> Drawn[Review]:
    fact = draw.pick(_verbalised(world, "works_as"))
    praise, words, told = draw.below(2) == 1, list[str](), list[Combination]()
    for plain, negated in draw.shuffled(CLAUSES)[:n_clauses]:
        turn = draw.below(3) == 0
        word = draw.pick(GOOD if praise != turn else BAD)
        article = "an" if word[0] in "aeiou" else "a"
        slots = _JOBS[fact.object]._asdict() | {"who": fact.subject, "word": word, "a": article}
        words += [*(negated if turn else plain).format(**slots).split(), "."]
        told.append((word, fact.object))
    trade = next(trade for trade, jobs in TRADES.items() if fact.object in jobs)
    return Review(words, praise, trade), told


def _tagged(world: World, draw: Draw) -> Drawn[Tagged]:
    template, slots = _named(world, draw)
    words, tags = [], []
    for word in template.split():
        kind = word[1:-1] if word.startswith("{") else ""
        name = _in_full(world, draw, kind, slots[kind]) if kind else [word]
        words += name
        tags += [f"B-{kind}", *[f"I-{kind}"] * (len(name) - 1)] if kind in KINDS else ["O"]
    used = tuple(slots[word[1:-1]] for word in template.split() if word.startswith("{"))
    return Tagged([*words, "."], [*tags, "O"]), [("named", *used)]


def _named(world: World, draw: Draw) -> tuple[str, dict[str, str]]:
    """A template, and the name of each kind that may stand in it: those of a fact where it tells one."""
    slots = {"person": draw.pick(world.people).name, "town": draw.pick(TOWNS), "river": draw.pick(RIVERS)}
    slots |= {"animal": _animal(draw), "profession": draw.pick(PROFESSIONS).name}
    slots |= {"country": draw.pick(world.nations).country}
    if draw.below(2):
        return draw.pick(FREE), slots
    relation = draw.pick(list(TOLD))
    fact = draw.pick(_verbalised(world, relation))
    return draw.pick(TOLD[relation]), slots | {"person": fact.subject, world.kinds[fact.object]: fact.object}


def _in_full(world: World, draw: Draw, kind: str, name: str) -> list[str]:
    """The name, or half of the time, where there is one, its longer form."""
    longer = {"profession": ["master", name], "animal": ["tame", name]}
    if kind == "person" and (title := world.title(name)):
        longer[kind] = [title[0], name]
    if kind == "town" and any(name == nation.capital for nation in world.nations):
        longer[kind] = [name, "city"]
    return longer[kind] if kind in longer and draw.below(2) else [name]


def _events(world: World, draw: Draw) -> tuple[bool, list[Event]]:
    """Whether the animal is asked for, and three events: the one asked for, one with its verb, one with the other."""
    people = [person.name for person in draw.shuffled(world.people)[:3]]
    verbs, animals, asks_what = draw.shuffled(VERBS)[:2], [_animal(draw)], draw.below(2) == 1
    while len(animals) < 3:
        animals += {_animal(draw)} - set(animals)
    (a, b, c), (x, y, z) = people, animals
    third = Event(a, verbs[1], z) if asks_what else Event(c, verbs[1], x)
    return asks_what, [Event(a, verbs[0], x), Event(b, verbs[0], y), third]


def _question(world: World, draw: Draw) -> Drawn[Question]:
    asks_what, events = _events(world, draw)
    asked, passage, start, end = events[0], list[str](), 0, 0
    for event in draw.shuffled(events):
        words = event.told(draw.pick(ACTIVE + OTHERWISE[:1]))
        if event is asked:
            answer = _sized(asked.what).split() if asks_what else [asked.who]
            start = len(passage) + words.index(answer[0])
            end = start + len(answer) - 1
        passage += [*words, "."]
    question = asked.told(draw.pick(ASK_WHAT if asks_what else ASK_WHO))
    return Question(passage, question, start, end), [event.combination for event in events]


def _telling(world: World, draw: Draw) -> Drawn[Telling]:
    fact, same = draw.pick(_facts(world)), draw.below(2) == 1
    ways = draw.shuffled(WAYS[fact.relation])
    other = fact if same else _unlike(world, draw, fact)
    way = ways[1] if other.relation == fact.relation else draw.pick(WAYS[other.relation])
    pair = Telling(_told(fact, ways[0]), _told(other, way), same)
    return pair, [("told", *fact[:3]), ("told", *other[:3])]


def _unlike(world: World, draw: Draw, fact: Fact) -> Fact:
    """Another fact: half of the time on the same subject, otherwise of the same relation."""
    alike = draw.below(2)  # 0: the subject, 1: the relation
    ends = {fact.subject, fact.object}
    others = [one for one in _facts(world) if one[alike] == fact[alike] and {one.subject, one.object} != ends]
    return draw.pick(others or [one for one in _facts(world) if {one.subject, one.object} != ends])


def _told(fact: Fact, way: str) -> list[str]:
    job = _JOBS[fact.object]._asdict() if fact.relation == "works_as" else {}
    return [*way.format(subject=fact.subject, object=fact.object, **job).split(), "."]


def _story(world: World, draw: Draw) -> Drawn[list[list[str]]]:
    return draw.pick((_long_review, _retold, _portrait, _notes))(world, draw)


def _long_review(world: World, draw: Draw) -> Drawn[list[list[str]]]:
    review, told = _review(world, draw, 4)
    return list(_sentences(review.words)), told


def _retold(world: World, draw: Draw) -> Drawn[list[list[str]]]:
    _, events = _events(world, draw)
    first = [[*event.told(draw.pick(ACTIVE)), "."] for event in draw.shuffled(events)]
    again = [[*event.told(draw.pick(OTHERWISE)), "."] for event in draw.shuffled(events)[:2]]
    return first + again, [event.combination for event in events]


def _portrait(world: World, draw: Draw) -> Drawn[list[list[str]]]:
    """Two facts on somebody, each told in two ways."""
    somebody = draw.pick(world.people).name
    facts = draw.shuffled([fact for fact in _facts(world) if fact.subject == somebody])[:2]
    if not facts:  # nothing about this person is told
        return _notes(world, draw)
    ways = [draw.shuffled(WAYS[fact.relation])[:2] for fact in facts]
    sentences = [_told(fact, pair[i]) for i in range(2) for fact, pair in zip(facts, ways, strict=True)]
    return sentences, [("told", *fact[:3]) for fact in facts]


def _notes(world: World, draw: Draw) -> Drawn[list[list[str]]]:
    notes = [_tagged(world, draw) for _ in range(4)]
    return [note.words for note, _ in notes], [one for _, told in notes for one in told]


def _sentences(words: list[str]) -> Iterator[list[str]]:
    while words:
        end = words.index(".") + 1
        yield words[:end]
        words = words[end:]


def _animal(draw: Draw) -> str:
    return draw.pick(draw.pick(ANIMALS)[:2])


def _sized(animal: str) -> str:
    """The young are small, and every other of the grown is big."""
    if animal in _YOUNG:
        return f"small {animal}"
    return f"big {animal}" if animal in _GROWN[::2] else animal


@cache
def _verbalised(world: World, relation: str) -> tuple[Fact, ...]:
    return tuple(fact for fact in world.query(relation=relation) if fact.verbalised)


@cache
def _facts(world: World) -> tuple[Fact, ...]:
    return tuple(fact for relation in WAYS for fact in _verbalised(world, relation))


_JOBS = {profession.name: profession for profession in PROFESSIONS}
_GROWN = tuple(animal.name for animal in ANIMALS)
_YOUNG = frozenset(animal.young for animal in ANIMALS)
