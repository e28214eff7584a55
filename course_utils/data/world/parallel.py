"""English sentences of the synthetic world and their Chinese translations: word by word apart, yet not word for word.

`bilingual` holds the words, `TOPICS` pairs of templates. A slot stands in both templates of a pair, often at another
place: in Chinese time and place come before the verb, a relative clause before its noun, and a question has the order
of its answer. Some words have no translation of their own (the, is, did), some Chinese words no English one (吗, 把,
了), and `AMBIGUOUS` lists English words that the context translates. Chinese is segmented by construction.

>>> from course_utils.data.world import World
>>> pair = World(seed=0).parallel(1)[0]
>>> pair.source[-1] in ".?", pair.target[-1] in "。？"
(True, True)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from course_utils.data.world.bilingual import (
    ADJECTIVES,
    ATTRIBUTES,
    CHANGING,
    COLOURS,
    FEELINGS,
    FUNCTION_WORDS,
    FUTURE,
    GAMES,
    GARMENTS,
    GIFTS,
    HAPPY,
    LAID,
    MAKING,
    NAMES,
    NOUNS,
    NUMBERS,
    OWNED,
    PAST,
    PLACES,
    PROFESSIONS,
    SAD,
    SPOTS,
    THAT,
    THE,
    THIS,
    VEHICLES,
    Phrase,
    Verb,
    phrases,
    rows,
)
from course_utils.data.world.draw import Draw
from course_utils.data.world.facts import RELATIONS
from course_utils.data.world.lexicon import TOWNS

if TYPE_CHECKING:
    from course_utils.data.world.facts import Fact, World

EFFECTS: Mapping[str, str] = MappingProxyType(
    {
        "parallel": "Each English sentence has one Chinese translation: what is to be learnt is a function. The people "
        "are the 30 of the last ten families; names are transliterated syllable by syllable.",
        "parallel order": "In Chinese, time and then place come before the verb, a relative clause and a possessor "
        "before the noun, the place before what is there, the reason before what follows from it.",
        "parallel senses": "Which Chinese word stands for old, older, short, shorter, play, plays, playing, wearing, "
        "by, has, have, a, the and is, or whether any does, depends on the words around; a noun has its measure word.",
        "parallel topics": "Each topic has a fixed share of the sentences; its templates are equally likely, and their "
        "slots are filled independently, but for verbs and adjectives, which choose their nouns and places.",
        "parallel facts": "Homes, professions, pets, marriages, friends and parents are told as the facts of 2000 have "
        "them, where they are verbalised; nothing else in these sentences is a fact.",
        "parallel held out": "A tenth of the combinations (who does what to what, who or what is how, what is where) "
        "is held out, from all templates that tell it; sentences of facts hold out nothing.",
    }
)


class Parallel(NamedTuple):
    """An English sentence and its Chinese translation, each a list of words of which the last is a full stop or "?"."""

    source: list[str]
    target: list[str]


class Actor(NamedTuple):
    """Who does something: named in full, as an object, by a pronoun, as a possessor, and the forms that agree."""

    who: Phrase
    whom: str
    he: Phrase
    his: Phrase
    forms: tuple[str, str, str] = ("is", "does", "has")


Filling = tuple[dict[str, Phrase], tuple[str, ...]]  # what stands in each slot, and the combination that it tells


class Topic(NamedTuple):
    """The share of all sentences in per cent, what fills the slots, and the pairs of templates."""

    share: int
    fill: Callable[[World, Draw], Filling]
    templates: tuple[Phrase, ...]


_FORMS = {"i": ("am", "do", "have"), "you": ("are", "do", "have")}
_FORMS |= dict.fromkeys(("we", "they"), ("are", "do", "have"))
PRONOUNS = tuple(
    Actor(Phrase(who, zh), whom, Phrase(who, zh), Phrase(his, zh), _FORMS.get(who, ("is", "does", "has")))
    for who, whom, his, zh in rows(
        """
        i | me | my | 我
        you | you | your | 你
        he | him | his | 他
        she | her | her | 她
        we | us | our | 我们
        they | them | their | 他们
        """
    )
)
_I, _YOU, _HE, _SHE, _WE, _THEY = PRONOUNS
KIN = {
    en: (Phrase(en, zh), {"m": _HE, "f": _SHE}[gender])
    for en, zh, gender in rows(
        """
        father | 爸爸 | m
        mother | 妈妈 | f
        older brother | 哥哥 | m
        younger brother | 弟弟 | m
        older sister | 姐姐 | f
        younger sister | 妹妹 | f
        uncle | 叔叔 | m
        aunt | 阿姨 | f
        grandfather | 爷爷 | m
        grandmother | 奶奶 | f
        son | 儿子 | m
        daughter | 女儿 | f
        """
    )
}


def _named(name: str) -> Phrase:
    return Phrase(name, NAMES[name])


def _the(noun: str, determiner: Phrase = THE) -> Phrase:
    """A noun that is known: the book, 那 本 书; a profession has its measure word too."""
    zh, measure = (NOUNS[noun].zh, NOUNS[noun].measure) if noun in NOUNS else (PROFESSIONS[noun], "位")
    return Phrase(f"{determiner.en} {noun}", f"{determiner.zh} {measure} {zh}")


def _bare(noun: str) -> Phrase:
    """A noun in English, as it stands alone in Chinese."""
    return Phrase(noun, NOUNS[noun].zh)


def _article(phrase: str) -> str:
    return f"an {phrase}" if phrase[0] in "aeiou" else f"a {phrase}"


def _any(noun: str) -> Phrase:
    """A noun of which none is meant: a car, 汽车, as in "does she have a car"."""
    return Phrase(_article(noun), NOUNS[noun].zh)


def _one(noun: str) -> Phrase:
    """One of them: a book, 一 本 书."""
    return Phrase(_article(noun), f"一 {NOUNS[noun].measure} {NOUNS[noun].zh}")


def _some(draw: Draw, noun: str) -> Phrase:
    """A noun that is new, or several: a book, 一 本 书; two books, 两 本 书; a red book, 一 本 红色 的 书."""
    number, word = draw.pick(NUMBERS), NOUNS[noun]
    kind = draw.below(4)
    if kind == 0:
        return Phrase(f"{number.en} {word.plural}", f"{number.zh} {word.measure} {word.zh}")
    fitting = [adjective for adjective in ADJECTIVES if noun in adjective.nouns and adjective.zh in ATTRIBUTES]
    if kind == 1 and fitting:
        adjective = draw.pick(fitting)
        return Phrase(_article(f"{adjective.en} {noun}"), f"一 {word.measure} {adjective.zh} {word.zh}")
    return _one(noun)


def _mark(noun: str) -> Actor:
    """Somebody who is not named: the woman."""
    he = _SHE if noun in ("woman", "girl") else _HE
    return Actor(_the(noun), f"the {noun}", he.he, he.his)


def _relative(draw: Draw, of: Phrase) -> Actor:
    """Somebody's relative: her mother, 她 妈妈; their mother, 他们 的 妈妈."""
    kin, he = KIN[draw.pick(list(KIN))]
    linked = of.zh if of.zh in "我你他她" else f"{of.zh} 的"
    who = Phrase(f"{of.en} {kin.en}", f"{linked} {kin.zh}")
    return Actor(who, who.en, he.he, he.his)


def _cast(world: World) -> tuple[tuple[str, str], ...]:
    """The people of these sentences: the last ten families."""
    return world.people[-30:]


def _person(world: World, draw: Draw) -> Actor:
    name, gender = draw.pick(_cast(world))
    he = {"m": _HE, "f": _SHE}[gender]
    return Actor(_named(name), name, he.he, he.his)


def _actor(world: World, draw: Draw, asked: bool = False) -> Actor:
    """Anybody; nobody asks what they do themselves."""
    kind = draw.below(5)
    if kind == 0:
        return draw.pick((_YOU, _HE, _SHE, _THEY) if asked else PRONOUNS)
    if kind == 1:
        return _relative(draw, draw.pick((_I, _YOU, _HE, _SHE)).his)
    if kind == 2:
        return _mark(draw.pick(("man", "woman", "boy", "girl")))
    return _person(world, draw)


def _other(world: World, draw: Draw, actor: Actor) -> Phrase:
    """Somebody else, as an object."""
    if draw.below(2):
        other = _relative(draw, actor.his)
    else:
        other = _person(world, draw) if actor in PRONOUNS else draw.pick(PRONOUNS)
    return Phrase(other.whom, other.who.zh)


def _slots(actor: Actor) -> dict[str, Phrase]:
    """Whoever does something, and the words that agree; English agreement has no translation."""
    agreement = dict(zip(("is", "does", "has"), (Phrase(form, "") for form in actor.forms), strict=True))
    return agreement | {
        "who": actor.who,
        "by": Phrase(actor.whom, actor.who.zh),
        "he": actor.he,
        "s": Phrase("s" if actor.forms[1] == "does" else "", ""),
    }


def _forms(verb: Verb) -> dict[str, Phrase]:
    """A verb's forms: Chinese has one."""
    return {form: Phrase(getattr(verb, form), verb.zh) for form in ("base", "past", "done", "doing")}


def _when(draw: Draw) -> dict[str, Phrase]:
    return {"ago": draw.pick(PAST), "soon": draw.pick(FUTURE)}


def _objects(draw: Draw, verb: Verb) -> tuple[dict[str, Phrase], str]:
    """What a verb is done to, named in several ways, and where it is done."""
    noun = draw.pick(verb.objects)
    place = PLACES[draw.pick(verb.places)]
    named = {"some": _some(draw, noun), "the": _the(noun), "bare": _bare(noun), "where": place}
    return named | _forms(verb) | _when(draw), noun


def _doing(world: World, draw: Draw, verbs: tuple[Verb, ...], asked: bool = False) -> Filling:
    """Who does what to what."""
    actor, verb = _actor(world, draw, asked), draw.pick(verbs)
    objects, noun = _objects(draw, verb)
    return _slots(actor) | objects, (actor.who.en, verb.base, noun)


def _asking_what(world: World, draw: Draw) -> Filling:
    actor, verb = _actor(world, draw, asked=True), draw.pick(MAKING)
    objects, _ = _objects(draw, verb)
    return _slots(actor) | objects, (actor.who.en, verb.base, objects["where"].en)


def _because(world: World, draw: Draw) -> Filling:
    actor, verb = _actor(world, draw), draw.pick([verb for verb in CHANGING if verb.base in FEELINGS])
    objects, noun = _objects(draw, verb)
    own = Phrase(f"{actor.his.en} {noun}", f"{actor.his.zh} 的 {NOUNS[noun].zh}")
    return _slots(actor) | objects | {"glad": FEELINGS[verb.base], "own": own}, (actor.who.en, verb.base, noun)


def _clause(world: World, draw: Draw) -> Filling:
    """A man or a woman who does something, and who that is."""
    noun, verb = draw.pick(("man", "woman", "boy", "girl")), draw.pick(MAKING)
    objects, thing = _objects(draw, verb)
    profession = draw.pick(list(PROFESSIONS))
    child = noun in ("boy", "girl")
    kin = draw.pick(["younger brother", "son"] if noun in ("boy", "man") else ["younger sister", "daughter"])
    job = Phrase(f"my {kin}", f"我 {KIN[kin][0].zh}") if child else _any_profession(profession)
    slots = objects | {"noun": _bare(noun), "job": job}
    return slots | _slots(_person(world, draw)), (noun, verb.base, thing)


def _any_profession(profession: str) -> Phrase:
    return Phrase(_article(profession), PROFESSIONS[profession])


def _done(world: World, draw: Draw) -> Filling:
    """What somebody did something to, and how it is."""
    adjective = draw.pick([a for a in ADJECTIVES if a.zh in ("旧", "贵", "漂亮", "新", "大")])
    verbs = [verb for verb in MAKING + CHANGING if set(verb.objects) & set(adjective.nouns)]
    actor, verb = _actor(world, draw), draw.pick(verbs)
    noun = draw.pick([noun for noun in verb.objects if noun in adjective.nouns])
    slots = {"noun": _bare(noun), "the": _the(noun), "how": Phrase(adjective.en, adjective.zh)}
    return _slots(actor) | _forms(verb) | _when(draw) | slots, (actor.who.en, verb.base, noun)


def _comparison(world: World, draw: Draw) -> Filling:
    adjective = draw.pick(ADJECTIVES)
    if adjective.of_people:
        actor = _actor(world, draw)
        slots, other = _slots(actor), _other(world, draw, actor)
    else:
        one, two = draw.pick(adjective.nouns), draw.pick(adjective.nouns)
        slots = {"who": _the(one, THIS), "is": Phrase("is", "")}
        other = _the(two, THAT)
    more = Phrase(adjective.comparative, adjective.compared)
    slots |= {"other": other, "more": more, "so": Phrase(adjective.en, adjective.compared)}
    return slots, (slots["who"].en, adjective.en, other.en)


def _quality(world: World, draw: Draw) -> Filling:
    adjective = draw.pick(ADJECTIVES)
    if adjective.of_people:
        slots = _slots(_actor(world, draw))
    else:
        slots = {"who": _the(draw.pick(adjective.nouns), draw.pick((THIS, THAT, THE))), "is": Phrase("is", "")}
    return slots | {"how": Phrase(adjective.en, adjective.zh)}, (slots["who"].en, adjective.en)


def _lying(world: World, draw: Draw) -> Filling:
    """What lies where, and who put it there."""
    noun, spot = draw.pick(LAID), draw.pick(SPOTS)
    some = _some(draw, noun)
    many = some.en.split()[0] in {number.en for number in NUMBERS}
    slots = {"some": some, "any": _any(noun), "the": _the(noun), "bare": _bare(noun), "spot": spot}
    slots |= {"are": Phrase("are" if many else "is", "有")}
    return _slots(_actor(world, draw)) | slots, (noun, spot.en)


def _wearing(world: World, draw: Draw) -> Filling:
    actor, colour, garment = _actor(world, draw), draw.pick(COLOURS), draw.pick(list(GARMENTS))
    noun = NOUNS[garment]
    one = Phrase(f"a {colour.en} {garment}", f"一 {noun.measure} {colour.zh} 的 {noun.zh}")
    plain = Phrase(one.en, f"{colour.zh} {noun.zh}")
    wear = Phrase("wearing", GARMENTS[garment])
    slots = {"one": one, "plain": plain, "wear": wear, "colour": colour, "the": _the(garment), "bare": _bare(garment)}
    return _slots(actor) | slots, (actor.who.en, colour.en, garment)


def _playing(world: World, draw: Draw, asked: bool = False) -> Filling:
    actor, (game, zh, places) = _actor(world, draw, asked), draw.pick(GAMES)
    plays = "plays" if actor.forms[1] == "does" else "play"
    verb = {form: Phrase(form, zh) for form in ("play", "playing", "played")} | {"plays": Phrase(plays, zh)}
    slots = {"game": game, "where": PLACES[draw.pick(places)]}
    return _slots(actor) | verb | slots | _when(draw), (actor.who.en, "play", game.en)


def _giving(world: World, draw: Draw) -> Filling:
    actor, noun = _actor(world, draw), draw.pick(GIFTS)
    whom = _other(world, draw, actor)
    return _slots(actor) | _when(draw) | {"whom": whom, "some": _some(draw, noun)}, (actor.who.en, whom.en, noun)


def _going(world: World, draw: Draw, asked: bool = False) -> Filling:
    actor, vehicle, town = _actor(world, draw, asked), draw.pick(VEHICLES), draw.pick(TOWNS)
    slots = {"vehicle": vehicle, "town": _named(town), "whom": _other(world, draw, actor)}
    return _slots(actor) | _when(draw) | slots, (actor.who.en, vehicle.en, town)


def _owning(world: World, draw: Draw) -> Filling:
    actor, noun = _actor(world, draw), draw.pick(OWNED)
    return _slots(actor) | {"some": _some(draw, noun), "any": _any(noun)}, (actor.who.en, "have", noun)


@cache
def _told(world: World, relation: str) -> tuple[Fact, ...]:
    """The facts on these people that are verbalised, where there are words for them."""
    people = {name for name, _ in _cast(world)}
    facts = (fact for fact in world.query(relation=relation) if fact.verbalised and fact.subject in people)
    if relation == "has_pet":
        return tuple(fact for fact in facts if fact.object in NOUNS)
    return tuple(fact for fact in facts if world.kinds[fact.object] != "person" or fact.object in people)


def _fact(relation: str) -> Callable[[World, Draw], Filling]:
    """Slots with the two ends of a fact."""

    def fill(world: World, draw: Draw) -> Filling:
        fact = draw.pick(_told(world, relation))
        he = {"m": _HE, "f": _SHE}[world.gender(fact.subject)]
        slots = {"who": _named(fact.subject), "he": he.he}
        if relation == "works_as":
            (place,) = world.query(fact.object, "workplace")
            return slots | {"job": _any_profession(fact.object), "where": PLACES[place.object]}, ()
        if relation == "has_pet":
            return slots | {"one": _one(fact.object), "the": _the(fact.object)}, ()
        return slots | {"what": _named(fact.object)} | _family(world, fact), ()

    return fill


def _family(world: World, fact: Fact) -> dict[str, Phrase]:
    """What a parent is to a child, and the child to the parent."""
    parent = KIN[{"m": "father", "f": "mother"}[world.gender(fact.subject)]][0]
    if world.kinds[fact.object] != "person":
        return {}
    return {"parent": parent, "child": KIN[{"m": "son", "f": "daughter"}[world.gender(fact.object)]][0]}


def _topic(share: int, fill: Callable[[World, Draw], Filling], templates: str) -> Topic:
    return Topic(share, fill, phrases(templates))


TOPICS: Mapping[str, Topic] = MappingProxyType(
    {
        "making": _topic(
            11,
            lambda world, draw: _doing(world, draw, MAKING),
            """
            {who} {past} {some} {where} {ago} . | {who} {ago} {where} {past} 了 {some} 。
            {ago} {who} {past} {some} {where} . | {who} {ago} {where} {past} 了 {some} 。
            {who} {is} {doing} {some} {where} . | {who} 正 {where} {doing} {some} 。
            {who} {has} already {done} {some} . | {who} 已经 {done} 了 {some} 。
            {who} did not {base} {the} {ago} . | {who} {ago} 没 {base} {the} 。
            {who} will {base} {some} {where} {soon} . | {who} {soon} 要 {where} {base} {some} 。
            """,
        ),
        "changing": _topic(
            11,
            lambda world, draw: _doing(world, draw, CHANGING),
            """
            {who} {past} {some} {where} {ago} . | {who} {ago} {where} {past} 了 {some} 。
            {who} {has} already {done} {some} . | {who} 已经 {done} 了 {some} 。
            {who} did not {base} {the} . | {who} 没 {base} {the} 。
            {who} {past} {the} {ago} . | {who} {ago} 把 {bare} {past} 了 。
            {the} was {done} by {by} {ago} . | {the} {ago} 被 {by} {done} 了 。
            was {the} {done} by {by} ? | {the} 是 被 {by} {done} 的 吗 ？
            """,
        ),
        "asking": _topic(
            8,
            lambda world, draw: _doing(world, draw, MAKING, asked=True),
            """
            did {who} {base} {the} {ago} ? | {who} {ago} {base} 了 {the} 吗 ？
            {is} {who} {doing} {some} {where} ? | {who} 正 {where} {doing} {some} 吗 ？
            will {who} {base} {some} {soon} ? | {who} {soon} 要 {base} {some} 吗 ？
            where did {who} {base} {the} ? | {who} 是 在 哪里 {base} 的 {the} ？
            when did {who} {base} {the} ? | {who} 是 什么 时候 {base} 的 {the} ？
            """,
        ),
        "asking what": _topic(
            4,
            _asking_what,
            """
            what did {who} {base} {where} {ago} ? | {who} {ago} {where} {base} 了 什么 ？
            what {is} {who} {doing} {where} ? | {who} {where} {doing} 什么 ？
            what will {who} {base} {where} {soon} ? | {who} {soon} 要 {where} {base} 什么 ？
            """,
        ),
        "because": _topic(
            4,
            _because,
            """
            {who} {is} {glad} because {he} {past} {own} . | 因为 {who} {past} 了 {own} ， 所以 {he} 很 {glad} 。
            """,
        ),
        "who clause": _topic(
            7,
            _clause,
            """
            the {noun} who {past} {some} {ago} is {job} . | {ago} {past} 了 {some} 的 那 个 {noun} 是 {job} 。
            the {noun} who is {doing} {some} {where} is {job} . | 正 {where} {doing} {some} 的 那 个 {noun} 是 {job} 。
            {who} knows the {noun} who {past} {some} {ago} . | {who} 认识 {ago} {past} 了 {some} 的 那 个 {noun} 。
            """,
        ),
        "that clause": _topic(
            8,
            _done,
            """
            the {noun} that {who} {past} {ago} is very {how} . | {who} {ago} {past} 的 {the} 很 {how} 。
            the {noun} that {who} {past} is not {how} . | {who} {past} 的 {the} 不 {how} 。
            is the {noun} that {who} {past} {ago} {how} ? | {who} {ago} {past} 的 {the} {how} 吗 ？
            """,
        ),
        "comparison": _topic(
            7,
            _comparison,
            """
            {who} {is} {more} than {other} . | {who} 比 {other} {more} 。
            {who} {is} much {more} than {other} . | {who} 比 {other} {more} 得 多 。
            {who} {is} as {so} as {other} . | {who} 和 {other} 一样 {so} 。
            {who} {is} not as {so} as {other} . | {who} 没有 {other} {so} 。
            {is} {who} {more} than {other} ? | {who} 比 {other} {more} 吗 ？
            """,
        ),
        "quality": _topic(
            4,
            _quality,
            """
            {who} {is} very {how} . | {who} 很 {how} 。
            {who} {is} not {how} . | {who} 不 {how} 。
            {is} {who} {how} ? | {who} {how} 吗 ？
            """,
        ),
        "place": _topic(
            6,
            _lying,
            """
            there {are} {some} {spot} . | {spot} {are} {some} 。
            is there {any} {spot} ? | {spot} 有 {any} 吗 ？
            {the} is {spot} . | {the} 在 {spot} 。
            {who} put {the} {spot} . | {who} 把 {bare} 放 在 {spot} 了 。
            who put {the} {spot} ? | 谁 把 {bare} 放 在 {spot} 了 ？
            """,
        ),
        "wearing": _topic(
            4,
            _wearing,
            """
            {who} {is} wearing {one} . | {who} {wear} 着 {one} 。
            {who} {is} not wearing {one} . | {who} 没 {wear} {plain} 。
            the {bare} that {who} {is} wearing is {colour} . | {who} {wear} 着 的 {the} 是 {colour} 的 。
            """,
        ),
        "playing": _topic(
            5,
            _playing,
            """
            {who} can {play} {game} . | {who} 会 {play} {game} 。
            {who} often {plays} {game} {where} . | {who} 经常 {where} {plays} {game} 。
            {who} {is} {playing} {game} {where} . | {who} 正 {where} {playing} {game} 。
            {who} like{s} to {play} {game} . | {who} 喜欢 {play} {game} 。
            {who} {does} not like to {play} {game} . | {who} 不 喜欢 {play} {game} 。
            """,
        ),
        "giving": _topic(
            5,
            _giving,
            """
            {who} gave {whom} {some} . | {who} 给 了 {whom} {some} 。
            {who} gave {some} to {whom} {ago} . | {who} {ago} 给 了 {whom} {some} 。
            {who} sent {some} to {whom} {ago} . | {who} {ago} 给 {whom} 寄 了 {some} 。
            {who} will send {whom} {some} {soon} . | {who} {soon} 要 给 {whom} 寄 {some} 。
            """,
        ),
        "going": _topic(
            5,
            _going,
            """
            {who} went to {town} by {vehicle} {ago} . | {who} {ago} {vehicle} 去 了 {town} 。
            {who} will go to {town} by {vehicle} {soon} . | {who} {soon} 要 {vehicle} 去 {town} 。
            {who} went to {town} with {whom} by {vehicle} . | {who} 和 {whom} 一起 {vehicle} 去 了 {town} 。
            did {who} go to {town} by {vehicle} {ago} ? | {who} {ago} 是 {vehicle} 去 {town} 的 吗 ？
            """,
        ),
        "owning": _topic(
            3,
            _owning,
            """
            {who} {has} {some} . | {who} 有 {some} 。
            {who} {does} not have {any} . | {who} 没有 {any} 。
            {does} {who} have {any} ? | {who} 有 {any} 吗 ？
            """,
        ),
        "lives_in": _topic(
            1,
            _fact("lives_in"),
            """
            {who} lives in {what} . | {who} 住 在 {what} 。
            the home of {who} is in {what} . | {who} 的 家 在 {what} 。
            """,
        ),
        "works_as": _topic(
            3,
            _fact("works_as"),
            """
            {who} is {job} . | {who} 是 {job} 。
            {who} works {where} . | {who} {where} 工作 。
            {who} works {where} because {he} is {job} . | 因为 {who} 是 {job} ， 所以 {he} {where} 工作 。
            """,
        ),
        "parent_of": _topic(
            1,
            _fact("parent_of"),
            """
            {who} is the {parent} of {what} . | {who} 是 {what} 的 {parent} 。
            the {child} of {who} is called {what} . | {who} 的 {child} 叫 {what} 。
            """,
        ),
        "married_to": _topic(1, _fact("married_to"), "{who} is married to {what} . | {who} 和 {what} 结婚 了 。"),
        "friend_of": _topic(
            1,
            _fact("friend_of"),
            """
            {who} and {what} are friends . | {who} 和 {what} 是 朋友 。
            {who} is a friend of {what} . | {who} 是 {what} 的 朋友 。
            """,
        ),
        "has_pet": _topic(
            1,
            _fact("has_pet"),
            """
            {who} has {one} . | {who} 有 {one} 。
            {the} belongs to {who} . | {the} 是 {who} 的 。
            """,
        ),
    }
)


def parallel(world: World, n: int, seed: int = 0, *, held_out: bool = False) -> list[Parallel]:
    """n pairs of an English sentence and its Chinese translation; of more pairs these are the first.

    `held_out=True`: only sentences that tell a combination which is held out, of words that all stand in other
    sentences; no other pair has any of those.
    Errors: `TypeError` if n or seed is no whole number, `ValueError` if n is negative.

    >>> from course_utils.data.world import World
    >>> parallel(World(), 2) == parallel(World(), 5)[:2]
    True
    """
    for name, value in (("n", n), ("seed", seed)):
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{name} is {value!r}; it is a whole number")
    if n < 0:
        raise ValueError(f"n is {n}; it is the number of pairs, 0 or more")
    told_here = {name for name in TOPICS if name not in RELATIONS or (not held_out and _told(world, name))}
    names = [name for name, topic in TOPICS.items() for _ in range(topic.share) if name in told_here]
    told = {name: _pairs(world, name, seed, held_out) for name in TOPICS}
    draw = Draw(world.seed, "parallel topics", seed, held_out)
    return [next(told[draw.pick(names)]) for _ in range(n)]


def _pairs(world: World, name: str, seed: int, held_out: bool) -> Iterator[Parallel]:
    """Sentences of a topic, without end."""
    topic, draw = TOPICS[name], Draw(world.seed, "parallel", name, seed, held_out)
    while True:
        slots, combination = topic.fill(world, draw)
        if not combination or world.held_out(*combination) == held_out:
            template = draw.pick(topic.templates)
            source = template.en.format_map({slot: phrase.en for slot, phrase in slots.items()})
            target = template.zh.format_map({slot: phrase.zh for slot, phrase in slots.items()})
            yield Parallel(source.split(), target.split())


def _dictionary() -> dict[str, str]:
    """The first sense of every word: of an adjective that of its first row, of "older brother" that of older."""
    words = dict(FUNCTION_WORDS)
    for noun in NOUNS.values():
        words |= dict.fromkeys((noun.en, noun.plural), noun.zh)
    for verb in MAKING + CHANGING:
        words |= dict.fromkeys(verb[:4], verb.zh)
    for adjective in reversed(ADJECTIVES):
        words |= dict.fromkeys((adjective.en, adjective.comparative.split()[-1]), adjective.zh)
    for actor in PRONOUNS:
        words |= {actor.who.en: actor.who.zh, actor.whom: actor.who.zh, actor.his.en: f"{actor.his.zh} 的"}
    single = (*COLOURS, *NUMBERS, THIS, THAT, THE, HAPPY, SAD, *(kin for kin, _ in KIN.values()), *PAST, *FUTURE)
    words |= {phrase.en: phrase.zh for phrase in single if " " not in phrase.en}
    words |= {phrase.en.split()[-1]: phrase.zh.split()[-1] for phrase in (*PLACES.values(), *VEHICLES)}
    words |= {game.en.split()[-1]: game.zh for game, _, _ in GAMES}
    return words | dict(PROFESSIONS) | dict(NAMES)


# The first sense of each English word, Chinese words separated by spaces: what a translation word by word knows.
WORDS: Mapping[str, str] = MappingProxyType({word: sense for word, sense in _dictionary().items() if word})

# Some words that the context translates, and their senses.
AMBIGUOUS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "old": ("旧", "老", "大"),
        "older": ("旧", "老", "大", "哥哥", "姐姐"),
        "short": ("短", "矮"),
        "shorter": ("短", "矮"),
        "play": ("弹", "拉", "踢", "打", "下", "玩"),
        "playing": ("弹", "拉", "踢", "打", "下", "玩"),
        "wearing": ("戴", "穿"),
        "by": ("被", "坐", "骑"),
        "has": ("有", "已经"),
        "who": ("谁", "的"),
        "brother": ("哥哥", "弟弟"),
        "sister": ("姐姐", "妹妹"),
    }
)
