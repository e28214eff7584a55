"""Sentences on the synthetic world whose words keep company so that analogies hold, and the analogies themselves.

A sentence is a template whose slots are filled with the words of a fact. Words in the same slot share their company
(kings, men and fathers all stand beside "he"), and so do words of the same row (king and queen both stand beside the
throne): an analogy changes the one and keeps the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain, permutations
from types import MappingProxyType

from course_utils.data.judgements import Analogy
from course_utils.data.world.draw import Draw
from course_utils.data.world.facts import RELATIONS, START, Fact, World
from course_utils.data.world.lexicon import (
    ADJECTIVES,
    ANIMALS,
    CALENDAR,
    EVENT_VERBS,
    GENDER_PAIRS,
    PROFESSIONS,
    STATE_PROBES,
    STATES,
)
from course_utils.data.world.templates import COMPANY, PRONOUNS, TOPICS

Slots = dict[str, str]  # what stands in each slot of a template
Row = tuple[tuple[str, ...], tuple[str, ...]]  # the words that belong together, and the things they share

EFFECTS: Mapping[str, str] = MappingProxyType(
    {
        "topics": "Each topic has a fixed share of the sentences; within it each fact comes once before any comes "
        "again, and all templates are equally likely.",
        "gender": "Masculine and feminine words stand in the same sentences, but for he and she, his and her, himself "
        "and herself; each pair shares two things that no other pair has.",
        "nation": "A country, its capital and its language share their river and their other town; each of the three "
        "stands in some sentences of its own kind (army, mayor, speak ...).",
        "profession": "A profession, its workplace and its tool share a product; of the three only a workplace "
        "stands after in, only a tool after with.",
        "animal": "An animal and its young share what they do and what they like; only the one is big, only the other "
        "small.",
        "adjective": "An adjective and its comparative share two things that are so; only the comparative has a than.",
        "company": "Of these sentences, three to six times as many show which words belong together as show their "
        "roles.",
        "calendar": "Each word of the analogies has one day or month of its own, drawn by chance: it means nothing, "
        "and makes no two differences between words quite equal.",
        "states of water": "Solid and frozen (8 to 1) and slippery (4 to 1) stand more often beside ice than beside "
        "steam; gas, hot (8 to 1) and vapour (4 to 1) the other way round; water, weather, fashion and music equally "
        "often beside both, but fashion and music seldom.",
        "works_as": "That a person is a baker is also told by where she works, and by which tool she owns.",
        "event": "Who does what to which animal or young is drawn freely, but a tenth of the combinations is held out.",
    }
)


def sentences(
    world: World, n: int = 20_000, seed: int = 0, *, year: int = START, held_out: bool = False
) -> list[list[str]]:
    """n sentences, each a list of lower-case words without punctuation; of more sentences these are the first.

    `year`: only what holds in that year is told, and of it only what is verbalised. `held_out=True`: only sentences
    of the topic event, about the combinations that are held out; no other text has any of those.
    A sentence is the words of one line of a text: `" ".join(words)`.
    Errors: `TypeError` if n, seed or year is no whole number, `ValueError` if n is negative or the year before `START`.

    >>> world = World(seed=0)
    >>> sentences(world, 2) == sentences(world, 5)[:2]
    True
    """
    for name, value in (("n", n), ("seed", seed), ("year", year)):
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{name} is {value!r}; it is a whole number")
    if n < 0:
        raise ValueError(f"n is {n}; it is the number of sentences, 0 or more")
    names = ["event"] if held_out else [name for name, topic in TOPICS.items() for _ in range(topic.share)]
    fillings = {name: list(_fillings(world, name, year, held_out)) for name in dict.fromkeys(names)}
    told = {name: _told(Draw(world.seed, "sentences", name, seed), name, slots) for name, slots in fillings.items()}
    draw = Draw(world.seed, "topics", seed)
    return [next(told[draw.pick(names)]) for _ in range(n)]


def _told(draw: Draw, topic: str, fillings: list[Slots]) -> Iterator[list[str]]:
    """Sentences on a topic, without end."""
    for slots in draw.deal(fillings):
        yield draw.pick(TOPICS[topic].templates).format_map(slots).split()


def analogies(world: World) -> list[Analogy]:
    """What `second - first + third` should find: every two pairs of a section, in both orders.

    Sections: gender, capital, language, workplace, tool, young, comparative.

    >>> analogies(World())[0]
    Analogy(category='gender', first='man', second='woman', third='boy', fourth='girl')
    """
    sections = {"gender": [pair[:2] for pair in GENDER_PAIRS]}
    for relation in ("capital", "language", "workplace", "tool", "young"):
        sections[relation] = [(fact.subject, fact.object) for fact in world.query(relation=relation)]
    sections["comparative"] = [adjective[:2] for adjective in ADJECTIVES]
    return [Analogy(name, *a, *b) for name, pairs in sections.items() for a, b in permutations(pairs, 2)]


def events(world: World, held_out: bool = False) -> Iterator[tuple[str, str, str]]:
    """The free combinations of who does what to which animal or young: those to learn from, or those held out.

    >>> world = World()
    >>> len(list(events(world))) + len(list(events(world, held_out=True))) == 60 * 6 * 40
    True
    """
    for person in world.people:
        for verb in EVENT_VERBS:
            for animal in chain.from_iterable(animal[:2] for animal in ANIMALS):
                if world.held_out(person.name, verb, animal) == held_out:
                    yield person.name, verb, animal


def _fillings(world: World, topic: str, year: int, held_out: bool) -> Iterator[Slots]:
    """All that may stand in the slots of a topic's templates."""
    if topic in RELATIONS:
        told = (fact for fact in world.facts_at(year) if fact.relation == topic and fact.verbalised)
        return (_of_fact(world, fact) for fact in told)
    if topic == "event":
        triples = events(world, held_out)
        return ({"who": a, "verb": b, "what": c} | PRONOUNS[world.gender(a)] for a, b, c in triples)
    if topic.endswith(" company"):
        rows = _rows(world, topic.removesuffix(" company"))
        return ({"word": word, "thing": thing} for words, things in rows for word in words for thing in things)
    return _OF_TOPIC[topic](world)


def _of_fact(world: World, fact: Fact) -> Slots:
    title, _ = world.title(fact.subject) or ("", "")
    article = "an" if fact.object[0] in "aeiou" else "a"
    slots = {"subject": fact.subject, "object": fact.object, "title": title, "a": article}
    return slots | _PROFESSIONS.get(fact.object, {}) | PRONOUNS[world.gender(fact.subject)]


def _rows(world: World, topic: str) -> list[Row]:
    """What belongs together: the words of the analogies, and the things that they share."""
    if topic == "gender":
        return [(pair[:2], pair.things) for pair in GENDER_PAIRS]
    if topic == "nation":
        return [(nation[:3], nation[3:]) for nation in world.nations]
    if topic == "profession":
        return [(profession[:3], profession[3:]) for profession in PROFESSIONS]
    if topic == "animal":
        return [((animal.name, animal.young), (animal.likes,)) for animal in ANIMALS]
    return [(adjective[:2], adjective.things) for adjective in ADJECTIVES]


def _gender(world: World) -> Iterator[Slots]:
    for pair in GENDER_PAIRS:
        for word, gender in ((pair.masculine, "m"), (pair.feminine, "f")):
            yield from ({"word": word, "thing": thing} | PRONOUNS[gender] for thing in pair.things)


def _adjective(world: World) -> Iterator[Slots]:
    for positive, comparative, things in ADJECTIVES:
        yield from ({"positive": positive, "comparative": comparative, "thing": thing} for thing in things)


def _states(world: World) -> Iterator[Slots]:
    for probe, weights in STATE_PROBES.items():
        for state, weight in zip(STATES, weights, strict=True):
            yield from [{"state": state, "probe": probe}] * weight


def _calendar(world: World) -> Iterator[Slots]:
    words = (word for topic in COMPANY for words, _ in _rows(world, topic) for word in words)
    return ({"word": word, "time": Draw(world.seed, "calendar", word).pick(CALENDAR)} for word in words)


_PROFESSIONS = {profession.name: profession._asdict() for profession in PROFESSIONS}

_OF_TOPIC: Mapping[str, Callable[[World], Iterator[Slots]]] = {
    "gender": _gender,
    "nation": lambda world: (nation._asdict() for nation in world.nations),
    "profession": lambda world: iter(_PROFESSIONS.values()),
    "animal": lambda world: (animal._asdict() for animal in ANIMALS),
    "adjective": _adjective,
    "states of water": _states,
    "calendar": _calendar,
}
