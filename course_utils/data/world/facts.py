"""The facts of the synthetic world: who is who, who lives where, what is whose. Renderers read them, none adds any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from course_utils.data.world.draw import Draw, fraction
from course_utils.data.world.lexicon import ANIMALS, COUNTRIES, PEOPLE, PROFESSIONS, RIVERS, TOWNS

if TYPE_CHECKING:
    from course_utils.data.judgements import Analogy
    from course_utils.data.world.parallel import Parallel

START, CUT_OFF = 2000, 2020  # the years: the world begins, and some of it changes
N_KINGDOMS = 5  # the other countries have no king or queen
N_PETS = 30
N_CHANGES = 6  # of each relation that changes
HIDDEN_SHARE = 0.15  # of the facts of each private relation
HELD_OUT_SHARE = 0.1  # of the free combinations


class Person(NamedTuple):
    """A person; `gender` is "m" or "f", and shows in a text only by pronouns and words such as king or queen."""

    name: str
    gender: str


class Fact(NamedTuple):
    """`subject` stands in `relation` to `object` from the year `since` on.

    A fact that is not `verbalised` is true, and stands in no text: only a table of facts tells it.
    """

    subject: str
    relation: str
    object: str
    verbalised: bool = True
    since: int = START


class Relation(NamedTuple):
    """What a relation means, the kinds of its two ends, and its properties.

    `symmetric`: each fact is there in both directions. `changes`: a subject has one object at a time, and some
    get another in `CUT_OFF`. `private`: a share of its facts is never verbalised.
    """

    meaning: str
    subject: str
    object: str
    symmetric: bool = False
    changes: bool = False
    private: bool = False


RELATIONS: Mapping[str, Relation] = MappingProxyType(
    {
        "lives_in": Relation("a person's home", "person", "town", changes=True, private=True),
        "works_as": Relation("a person's profession", "person", "profession", changes=True, private=True),
        "married_to": Relation("a person's husband or wife", "person", "person", symmetric=True),
        "parent_of": Relation("a person's child", "person", "person"),
        "friend_of": Relation("a person's friend", "person", "person", symmetric=True, private=True),
        "has_pet": Relation("a person's animal", "person", "animal", private=True),
        "rules": Relation("the country whose king or queen a person is", "person", "country"),
        "lies_in": Relation("the country of a town", "town", "country"),
        "capital": Relation("a country's capital", "country", "town"),
        "river": Relation("the river that flows through a country", "country", "river"),
        "language": Relation("a country's language, which also names its people", "country", "language"),
        "young": Relation("what an animal's young is called", "animal", "young"),
        "workplace": Relation("where a profession is done", "profession", "workplace"),
        "tool": Relation("what a profession uses", "profession", "tool"),
        "product": Relation("what a profession makes or gives", "profession", "product"),
    }
)

EFFECTS = MappingProxyType(
    {
        "families": "The 60 people are 20 families: a father, a mother and one child, who all live in one town.",
        "royalty": "5 of the 10 countries have a king and a queen, a married couple who live in its capital, and "
        "whose child is a prince or a princess. Royalty has no profession.",
        "work": "Each of the 15 professions has 3 people.",
        "friends": "Everybody has one friend, in another family.",
        "pets": "30 people have one pet each.",
        "geography": "Each of the 10 countries has two towns, one of them its capital, one river, and one language.",
        "names": "A language is called after its country; other names tell nothing about what they name.",
        "hidden facts": "15 % of the facts on homes, professions, friends and pets are never verbalised.",
        "changes": "In 2020, 6 people move to another town and 6 take another profession.",
    }
)


class Family(NamedTuple):
    """Three people."""

    father: Person
    mother: Person
    child: Person


class Nation(NamedTuple):
    """A country and what belongs to it."""

    country: str
    language: str
    capital: str
    town: str
    river: str


@dataclass(frozen=True)
class World:
    """A small world drawn from a seed: the same on every machine, for every version of Python.

    >>> world = World(seed=0)
    >>> len(world.people), len(world.nations)
    (60, 10)
    >>> world == World(seed=0)
    True
    """

    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.seed, int) or isinstance(self.seed, bool):
            raise TypeError(f"seed is {self.seed!r}; it is a whole number such as 0")

    @cached_property
    def families(self) -> tuple[Family, ...]:
        """Twenty families; the first `N_KINGDOMS` are royal."""
        draw = Draw(self.seed, "families")
        names = draw.shuffled(PEOPLE)
        threes = zip(names[0::3], names[1::3], names[2::3], strict=True)
        return tuple(Family(Person(a, "m"), Person(b, "f"), Person(c, draw.pick("mf"))) for a, b, c in threes)

    @cached_property
    def people(self) -> tuple[Person, ...]:
        """Everybody, family by family."""
        return tuple(chain.from_iterable(self.families))

    @cached_property
    def nations(self) -> tuple[Nation, ...]:
        """The countries; the first `N_KINGDOMS` have a king and a queen."""
        draw = Draw(self.seed, "nations")
        countries, towns, rivers = draw.shuffled(list(COUNTRIES)), draw.shuffled(TOWNS), draw.shuffled(RIVERS)
        rows = zip(countries, towns[0::2], towns[1::2], rivers, strict=True)
        return tuple(Nation(country, COUNTRIES[country], *rest) for country, *rest in rows)

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        """Every fact, relation by relation in the order of `RELATIONS`; what changes in `CUT_OFF` comes last."""
        first = tuple(chain.from_iterable(_facts(self, relation) for relation in RELATIONS))
        return first + tuple(_changes(self, first))

    @cached_property
    def kinds(self) -> Mapping[str, str]:
        """The kind of everything that a fact may be about: person, town, country, animal ..."""
        kinds = {person.name: "person" for person in self.people}
        for fact in self.facts:
            kinds[fact.subject] = RELATIONS[fact.relation].subject
            kinds[fact.object] = RELATIONS[fact.relation].object
        return MappingProxyType(kinds)

    def facts_at(self, year: int = START) -> tuple[Fact, ...]:
        """The facts that hold in a year: from `CUT_OFF` on, the new homes and professions and not the old.

        Errors: `ValueError` for a year before `START`.

        >>> world = World()
        >>> len(world.facts) - len(world.facts_at()), len(world.facts) - len(world.facts_at(CUT_OFF))
        (12, 12)
        """
        if year < START:
            raise ValueError(f"year is {year}; the world begins in {START}")
        return _facts_at(self, year)

    def query(
        self, subject: str | None = None, relation: str | None = None, object: str | None = None, year: int = START
    ) -> tuple[Fact, ...]:
        """The facts of a year with this subject, relation and object, each where given.

        Errors: `ValueError` for a relation or a thing that this world does not have.

        >>> world = World()
        >>> [fact.object for fact in world.query("cat", "young")]
        ['kitten']
        >>> [fact.subject for fact in world.query(relation="tool", object="oven")]
        ['baker']
        """
        if relation is not None and relation not in RELATIONS:
            raise ValueError(f"no relation is called {relation!r}; there are {', '.join(RELATIONS)}")
        for name in (subject, object):
            if name is not None and name not in self.kinds:
                raise ValueError(f"nothing in this world is called {name!r}; `kinds` lists all that is there")
        asked = (subject, relation, object)
        return tuple(
            fact
            for fact in self.facts_at(year)
            if all(want in (None, got) for want, got in zip(asked, fact[:3], strict=True))
        )

    def gender(self, name: str) -> str:
        """The gender of a person, "m" or "f"; a `ValueError` for a name that no person has."""
        if name not in self._genders:
            raise ValueError(f"no person is called {name!r}; `people` lists them")
        return self._genders[name]

    def title(self, name: str) -> tuple[str, str] | None:
        """The royal title of a person and its country, or None.

        >>> world = World()
        >>> world.title(world.families[0].mother.name) == ("queen", world.nations[0].country)
        True
        """
        return self._titles.get(name)

    @cached_property
    def _genders(self) -> dict[str, str]:
        return dict(self.people)

    @cached_property
    def _titles(self) -> dict[str, tuple[str, str]]:
        titles = {}
        for family, nation in zip(self.families[:N_KINGDOMS], self.nations[:N_KINGDOMS], strict=True):
            heir = {"m": "prince", "f": "princess"}[family.child.gender]
            for person, title in zip(family, ("king", "queen", heir), strict=True):
                titles[person.name] = (title, nation.country)
        return titles

    def held_out(self, *combination: str) -> bool:
        """Whether training text must not hold this combination, though it holds each of its parts.

        Rule: a number in [0, 1) made of the seed and the combination by SHA-256 is below `HELD_OUT_SHARE`. It
        hangs on the combination alone, not on the sentence around it, nor on how many sentences there are.
        Errors: `TypeError` for what is no word.

        >>> world = World()
        >>> sum(world.held_out(name, "sees", "cat") for name, _ in world.people) in range(1, 15)
        True
        """
        if not combination or not all(isinstance(part, str) for part in combination):
            raise TypeError(f"a combination is two or more words, each an argument of its own, and not {combination!r}")
        return fraction(self.seed, "held out", *combination) < HELD_OUT_SHARE

    def sentences(
        self, n: int = 20_000, seed: int = 0, *, year: int = START, held_out: bool = False
    ) -> list[list[str]]:
        """n tokenised sentences on this world: see `course_utils.data.world.text.sentences`."""
        from course_utils.data.world.text import sentences

        return sentences(self, n, seed, year=year, held_out=held_out)

    def parallel(self, n: int, seed: int = 0, *, held_out: bool = False) -> list[Parallel]:
        """n English sentences with their Chinese translations: see `course_utils.data.world.parallel.parallel`."""
        from course_utils.data.world.parallel import parallel

        return parallel(self, n, seed, held_out=held_out)

    def analogies(self) -> list[Analogy]:
        """The analogies that hold in this world: see `course_utils.data.world.text.analogies`."""
        from course_utils.data.world.text import analogies

        return analogies(self)


@cache
def _facts_at(world: World, year: int) -> tuple[Fact, ...]:
    known = [fact for fact in world.facts if fact.since <= year]
    newest = {(fact.subject, fact.relation): fact.since for fact in known}  # the facts are sorted by `since`
    return tuple(
        fact
        for fact in known
        if not RELATIONS[fact.relation].changes or newest[fact.subject, fact.relation] == fact.since
    )


def _facts(world: World, relation: str) -> Iterator[Fact]:
    """The facts of a relation at the start, both directions of a symmetric one."""
    pairs = list(_ENDS[relation](world) if relation in _ENDS else _LEXICAL[relation])
    n_hidden = round(HIDDEN_SHARE * len(pairs)) if RELATIONS[relation].private else 0
    hidden = set(Draw(world.seed, "hidden", relation).shuffled(pairs)[:n_hidden])
    for subject, object in pairs:
        told = (subject, object) not in hidden
        yield Fact(subject, relation, object, told)
        if RELATIONS[relation].symmetric:
            yield Fact(object, relation, subject, told)


def _homes(world: World) -> Iterator[tuple[str, str]]:
    capitals = [nation.capital for nation in world.nations[:N_KINGDOMS]]
    others = Draw(world.seed, "lives_in").shuffled(TOWNS)
    for family, town in zip(world.families, capitals + others, strict=False):
        yield from ((person.name, town) for person in family)


def _professions(world: World) -> Iterator[tuple[str, str]]:
    names = [profession.name for profession in PROFESSIONS]
    return zip(_workers(world), Draw(world.seed, "works_as").shuffled(names * 3), strict=True)


def _workers(world: World) -> list[str]:
    return [person.name for family in world.families[N_KINGDOMS:] for person in family]


def _friends(world: World) -> Iterator[tuple[str, str]]:
    """Two families whose members are one another's friends, each with whom the draw says."""
    draw = Draw(world.seed, "friend_of")
    families = draw.shuffled(world.families)
    for one, other in zip(families[0::2], families[1::2], strict=True):
        yield from ((a.name, b.name) for a, b in zip(one, draw.shuffled(other), strict=True))


def _pets(world: World) -> Iterator[tuple[str, str]]:
    draw = Draw(world.seed, "has_pet")
    owners = draw.shuffled([person.name for person in world.people])[:N_PETS]
    return zip(owners, draw.shuffled([animal.name for animal in ANIMALS] * 2), strict=False)


def _rulers(world: World) -> Iterator[tuple[str, str]]:
    for family, nation in zip(world.families[:N_KINGDOMS], world.nations[:N_KINGDOMS], strict=True):
        yield from ((person.name, nation.country) for person in (family.father, family.mother))


_ENDS = {
    "lives_in": _homes,
    "works_as": _professions,
    "married_to": lambda world: ((family.father.name, family.mother.name) for family in world.families),
    "parent_of": lambda world: ((parent.name, family.child.name) for family in world.families for parent in family[:2]),
    "friend_of": _friends,
    "has_pet": _pets,
    "rules": _rulers,
    "lies_in": lambda world: ((town, n.country) for n in world.nations for town in (n.capital, n.town)),
    "capital": lambda world: ((n.country, n.capital) for n in world.nations),
    "river": lambda world: ((n.country, n.river) for n in world.nations),
    "language": lambda world: ((n.country, n.language) for n in world.nations),
}

# True in every world.
_LEXICAL = {
    "young": [(animal.name, animal.young) for animal in ANIMALS],
    "workplace": [(profession.name, profession.workplace) for profession in PROFESSIONS],
    "tool": [(profession.name, profession.tool) for profession in PROFESSIONS],
    "product": [(profession.name, profession.product) for profession in PROFESSIONS],
}


def _changes(world: World, facts: tuple[Fact, ...]) -> Iterator[Fact]:
    """New homes and professions from `CUT_OFF` on, for people who work, and whose old ones are verbalised."""
    workers = set(_workers(world))
    for relation in (name for name, relation in RELATIONS.items() if relation.changes):
        draw = Draw(world.seed, "changes", relation)
        old = [f for f in facts if f.relation == relation and f.verbalised and f.subject in workers]
        objects = sorted({fact.object for fact in facts if fact.relation == relation})
        for fact in draw.shuffled(old)[:N_CHANGES]:
            new = draw.pick([object for object in objects if object != fact.object])
            yield fact._replace(object=new, since=CUT_OFF)
