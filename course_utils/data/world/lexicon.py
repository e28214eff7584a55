"""The words of the synthetic world. Names are invented, common nouns are real English words, all are lower-case.

Every word that stands for a thing stands in exactly one place here, so that a word means one thing.
"""

from typing import NamedTuple


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PEOPLE = _words(
    """
    adra balo beska bruni cadu celdo cimo corla dalva dendo dilra dorvi elvo embra endu esko falzi fenzi
    firo gadri gelvo gilra gormi halvi hesko hindo ilmo irva jando jelra jorvi kaldu kembo kirva kosti
    ladro lenzi lirda lumbo maldo mervi mikra molza nadro nelvi nirko oldra orfi palzo pemri pirdo ralvo
    rendi rusko selvi sendra tilmo torvi uldra varko
    """
)

# A country and the word for its language and its people.
COUNTRIES = {
    "velonia": "velonian",
    "kastria": "kastrian",
    "morland": "morlish",
    "dunmark": "dunish",
    "sorvane": "sorvanese",
    "tirland": "tirlish",
    "ozmar": "ozmari",
    "quelda": "queldan",
    "brindal": "brindalese",
    "ferrin": "ferrinese",
}
TOWNS = _words(
    """
    ashmir belcor calvik duvane elstow fendale gantri hamvik hollim jundor kerrow lunegar mirabad nembol
    ostrin pelsin pristo tessim wexam zorrin
    """
)
RIVERS = _words("isk orra nellu tamba ushi varn weldo yssa dovra melk")


class Animal(NamedTuple):
    """The grown animal, its young, and what the two have in common: something they do, and something they like."""

    name: str
    young: str
    does: str
    likes: str


ANIMALS = tuple(
    Animal(*line.split())
    for line in """
    cat kitten meow yarn
    dog puppy bark bone
    cow calf moo clover
    horse foal neigh oats
    sheep lamb bleat hay
    goat kid climb cliff
    pig piglet grunt mud
    hen chick cluck grain
    duck duckling quack pond
    goose gosling honk lawn
    swan cygnet glide lake
    bear cub growl honey
    deer fawn graze moss
    frog tadpole dive swamp
    eagle eaglet soar summit
    owl owlet hoot moonlight
    hare leveret dash meadow
    fox kit prowl den
    kangaroo joey hop bush
    eel elver wriggle reef
    """.strip().splitlines()
)


class Profession(NamedTuple):
    """A profession, where its people work, the tool they use, and what they make or give."""

    name: str
    workplace: str
    tool: str
    product: str


PROFESSIONS = tuple(
    Profession(*line.split())
    for line in """
    baker bakery oven bread
    doctor hospital syringe medicine
    teacher school chalk lesson
    farmer farm plough wheat
    carpenter workshop chisel table
    painter studio brush portrait
    smith forge hammer sword
    fisher harbour net trout
    miner mine pickaxe coal
    cook kitchen pan soup
    gardener garden spade rose
    judge court gavel verdict
    potter pottery kiln vase
    chemist laboratory flask acid
    astronomer observatory telescope comet
    """.strip().splitlines()
)


class GenderPair(NamedTuple):
    """A masculine word, its feminine, and two things that go with both."""

    masculine: str
    feminine: str
    things: tuple[str, str]


GENDER_PAIRS = (
    GenderPair("man", "woman", ("coat", "umbrella")),
    GenderPair("boy", "girl", ("toy", "kite")),
    GenderPair("king", "queen", ("throne", "crown")),
    GenderPair("prince", "princess", ("castle", "pony")),
    GenderPair("father", "mother", ("cradle", "household")),
    GenderPair("son", "daughter", ("homework", "bicycle")),
    GenderPair("brother", "sister", ("tent", "quarrel")),
    GenderPair("husband", "wife", ("wedding", "ring")),
    GenderPair("uncle", "aunt", ("visit", "present")),
    GenderPair("grandfather", "grandmother", ("cane", "memory")),
    GenderPair("duke", "duchess", ("estate", "carriage")),
    GenderPair("hero", "heroine", ("legend", "rescue")),
)


class Adjective(NamedTuple):
    """An adjective, its comparative, and two things that may be so."""

    positive: str
    comparative: str
    things: tuple[str, str]


ADJECTIVES = (
    Adjective("tall", "taller", ("tower", "tree")),
    Adjective("cold", "colder", ("winter", "wind")),
    Adjective("fast", "faster", ("train", "arrow")),
    Adjective("long", "longer", ("road", "rope")),
    Adjective("heavy", "heavier", ("stone", "chest")),
    Adjective("bright", "brighter", ("lamp", "candle")),
    Adjective("deep", "deeper", ("well", "sea")),
    Adjective("loud", "louder", ("drum", "bell")),
    Adjective("sharp", "sharper", ("thorn", "blade")),
    Adjective("sweet", "sweeter", ("apple", "cake")),
)

# How often each word stands beside ice, and beside steam: 8 to 1 is a ratio of 8. Both columns have the same sum.
STATES = ("ice", "steam")
STATE_PROBES = {
    "solid": (8, 1),
    "frozen": (8, 1),
    "slippery": (4, 1),
    "gas": (1, 8),
    "hot": (1, 8),
    "vapour": (1, 4),
    "water": (8, 8),
    "weather": (4, 4),
    "fashion": (2, 2),
    "music": (2, 2),
}

# One of these goes with each word of the analogies, and means nothing.
CALENDAR = _words(
    """
    monday tuesday wednesday thursday friday saturday sunday january february march april may june july
    august september october november december
    """
)

# What anybody may do to any animal or young: the free combinations, of which a part is held out.
EVENT_VERBS = _words("sees greets paints follows calls photographs")
