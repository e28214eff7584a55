"""A small synthetic world with ground truth: facts first, and beside them what renders them.

`World(seed)` holds people, families, places, animals, professions and the facts about them; `world.sentences()`
tells them, `world.analogies()` says what word vectors should find, `world.parallel(n)` gives English sentences with
their Chinese translations. `EFFECTS` declares every regularity that is built in: print it where an experiment on this
world shows one. The modules:

    draw       random choices that are the same everywhere
    lexicon    the words
    facts      `World`, `Fact`, and the fifteen `RELATIONS`
    text       sentences whose words keep the company that analogies need
    parallel   English sentences and their Chinese translations
    bilingual  the words of those
    tasks      labelled texts for four tasks, and unlabelled stories to pre-train on
    web        documents as of a crawl: stories, and rarely questions with answers, headlines, translations
    instructions  requests to an assistant, answers of all qualities, and a hidden preference that judges them

A new renderer is a module of its own with a function of a `World`, that reads facts and adds none, draws from a
stream of its own (`Draw(world.seed, "its name", ...)`), asks `world.held_out` about what it combines freely, and
declares its `EFFECTS`, which are added here. Then nothing that was there before changes.

>>> world = World(seed=0)
>>> [fact.object for fact in world.query("dog", "young")]
['puppy']
"""

from collections.abc import Mapping
from types import MappingProxyType

from course_utils.data.world import facts, instructions, parallel, tasks, text, web
from course_utils.data.world.facts import CUT_OFF, RELATIONS, START, Fact, Family, Nation, Person, Relation, World

EFFECTS: Mapping[str, str] = MappingProxyType(
    {**facts.EFFECTS, **text.EFFECTS, **parallel.EFFECTS, **tasks.EFFECTS, **web.EFFECTS, **instructions.EFFECTS}
)

__all__ = [
    "CUT_OFF",
    "EFFECTS",
    "RELATIONS",
    "START",
    "Fact",
    "Family",
    "Nation",
    "Person",
    "Relation",
    "World",
]
