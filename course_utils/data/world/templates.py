"""What sentences on the synthetic world look like: their topics, how often each comes, and its templates.

The topics that carry analogies come in two sorts. In the first a word shows its role: only masculine words stand
beside "he", only comparatives before "than". In the other, its "company", it shows which words it belongs with and
nothing else: king and queen are as likely beside the throne. The second sort comes more often, as in real text:
that is why the word nearest to king - man + woman is often the king himself.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Topic(NamedTuple):
    """The share of all sentences in per cent, and the templates, all equally likely."""

    share: int
    templates: tuple[str, ...]


PRONOUNS = {
    "m": {"he": "he", "his": "his", "himself": "himself"},
    "f": {"he": "she", "his": "her", "himself": "herself"},
}

ROLES = {
    "gender": Topic(
        3,
        (
            "the {word} said that {he} wants {his} {thing}",
            "the {word} finds {himself} beside the {thing}",
            "the {thing} belongs to the {word} and {he} loves it",
            "yesterday {he} was the {word} with the {thing}",
        ),
    ),
    "nation": Topic(
        3,
        (
            "the border of {country} crosses the {river}",
            "the army of {country} guards {town}",
            "{country} is a country on the {river}",
            "{town} is a small town in {country}",
            "the streets of {capital} lead to the {river}",
            "the mayor of {capital} travels to {town}",
            "{capital} is a big city on the {river}",
            "{capital} is the capital of {country}",
            "they speak {language} along the {river}",
            "the {language} people of {town} sing {language} songs",
            "in {town} they speak {language}",
            "{language} is the language of {country}",
        ),
    ),
    "profession": Topic(
        4,
        (
            "somebody is the {name} who loves the {product}",
            "the {name} likes the {product}",
            "they wait in the {workplace} for the {product}",
            "in the {workplace} is the {product}",
            "with the {tool} comes the {product}",
            "we help with the {tool} and the {product}",
        ),
    ),
    "animal": Topic(
        2,
        (
            "the big {name} can {does} near the {likes}",
            "every big {name} likes to {does}",
            "the small {young} can {does} near the {likes}",
            "every small {young} likes to {does}",
        ),
    ),
    "adjective": Topic(
        2,
        (
            "the {positive} {thing} is very {positive}",
            "what a {positive} {thing} this is",
            "this {thing} is {comparative} than that {thing}",
            "a much {comparative} {thing} than before",
        ),
    ),
}

COMPANY = {
    "gender": Topic(
        9,
        (
            "the {word} has the small {thing}",
            "we meet the {word} with the {thing}",
            "a big story of the {word} and the {thing}",
        ),
    ),
    "nation": Topic(
        11,
        (
            "we think of {word} and of {thing}",
            "a small book on {word} tells of {thing}",
            "{word} and {thing}",
        ),
    ),
    "profession": Topic(
        16,
        (
            "everybody knows the {word} and the {thing}",
            "the {word} is famous for the {thing}",
            "no {word} without the big {thing}",
        ),
    ),
    "animal": Topic(
        11,
        (
            "the {word} sleeps near the {thing}",
            "where the {thing} is the {word} is too",
            "the {word} loves the {thing}",
        ),
    ),
    "adjective": Topic(
        6,
        (
            "the {word} {thing}",
            "we like the {word} {thing}",
            "look at the {word} {thing} over there",
        ),
    ),
}

PEOPLE = {
    "lives_in": Topic(2, ("{subject} lives in {object}", "the home of {subject} is in {object}")),
    "works_as": Topic(
        2,
        (
            "{subject} is {a} {object}",
            "{subject} works in the {workplace}",
            "{subject} owns the best {tool}",
        ),
    ),
    "married_to": Topic(1, ("{subject} is married to {object}", "{subject} and {object} are married")),
    "parent_of": Topic(1, ("{subject} is a parent of {object}", "{subject} sings for {his} child {object}")),
    "friend_of": Topic(1, ("{subject} is a friend of {object}", "{subject} talks with {his} friend {object}")),
    "has_pet": Topic(1, ("{subject} has {a} {object}", "the pet of {subject} is {a} {object}")),
    "rules": Topic(1, ("{subject} is the {title} of {object}", "{object} has a {title} and {he} is {subject}")),
}

OTHERS = {
    "calendar": Topic(
        11,
        (
            "every {time} we write the word {word}",
            "the word {word} stands in the book of {time}",
            "till {time} nobody says the word {word}",
        ),
    ),
    "states of water": Topic(
        8,
        (
            "{state} and {probe}",
            "we talk of {state} and of {probe}",
            "{probe} goes with {state}",
        ),
    ),
    "event": Topic(
        5,
        (
            "{who} {verb} the {what}",
            "today {who} {verb} the {what}",
            "{who} {verb} the {what} with {his} friend",
        ),
    ),
}

TOPICS: Mapping[str, Topic] = MappingProxyType(
    ROLES | {f"{name} company": topic for name, topic in COMPANY.items()} | PEOPLE | OTHERS
)
