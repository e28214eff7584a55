"""Porter's stemmer: strip the suffixes of English words in five steps, in three dialects.

Source: M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980, pages 130-137. The steps below
follow its section 2, in its order. The notation of the paper, and the function which computes it here:

    c, v     a consonant, a vowel: the vowels are A E I O U, and Y after a consonant       `shape`
             (TOY is cvc, SYZYGY is cvcvcv; whatever is no such vowel counts as a consonant)
    C, V     a run of consonants, a run of vowels: every word is [C] VC VC ... VC [V]
    m        the measure: how often VC occurs, roughly the number of syllables;            `measure`
             TREE and BY have m = 0, TROUBLE and IVY have m = 1, TROUBLES has m = 2
    *v*      the stem contains a vowel                                                     `has_vowel`
    *d       the stem ends with a double consonant: -TT, -SS                               `ends_double`
    *o       the stem ends cvc, and the second c is not W, X or Y: -WIL, -HOP              `ends_cvc`
    *S       the stem ends with the letter S (likewise for other letters)

A rule "(condition) S1 -> S2" reads: if the word ends with the suffix S1, and the stem, which is what stands
before S1, meets the condition, then put S2 in the place of S1. Of the rules of a step only the one with the
longest S1 that the word ends with is tried: if its condition fails, the step does nothing.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

Step = Callable[[str], str]
Condition = Callable[[str], bool]
Rules = Mapping[str, str]

# The class of each of the 256 bytes; a y is settled later, by what stands before it.
_CLASSES = "".join("v" if c in "aeiou" else "y" if c == "y" else "c" for c in map(chr, range(256))).encode()


def shape(word: str) -> str:
    """The word with every consonant written c and every vowel written v.

    >>> shape("toy"), shape("syzygy"), shape("trouble")
    ('cvc', 'cvcvcv', 'ccvvccv')
    """
    # Whatever is not ASCII, an accented vowel too, becomes one "?" here, and with it a consonant.
    classes = word.encode("ascii", "replace").translate(_CLASSES).decode("ascii")
    return _settle_y(classes) if "y" in classes else classes


def _settle_y(classes: str) -> str:
    """Make y a vowel after a consonant and a consonant elsewhere, from the left, since y may follow y."""
    settled = []
    before = "v"
    for letter in classes:
        before = letter if letter != "y" else "v" if before == "c" else "c"
        settled.append(before)
    return "".join(settled)


def measure(stem: str) -> int:
    """The m of [C](VC)^m[V].

    >>> [measure(word) for word in ("tree", "by", "trouble", "ivy", "troubles", "private")]
    [0, 0, 1, 1, 2, 2]
    """
    return shape(stem).count("vc")


def has_vowel(stem: str) -> bool:
    """The condition *v*."""
    return "v" in shape(stem)


def ends_double(stem: str) -> bool:
    """The condition *d."""
    return len(stem) > 1 and stem[-1] == stem[-2] and shape(stem)[-1] == "c"


def ends_cvc(stem: str) -> bool:
    """The condition *o."""
    return stem[-1:] not in ("w", "x", "y") and shape(stem).endswith("cvc")


def step_1a(word: str) -> str:
    """Plurals: SSES -> SS, IES -> I, SS -> SS, S -> nothing.

    >>> [step_1a(word) for word in ("caresses", "ponies", "caress", "cats")]
    ['caress', 'poni', 'caress', 'cat']
    """
    if word[-1:] != "s":
        return word
    if word.endswith(("sses", "ies")):
        return word[:-2]
    return word if word.endswith("ss") else word[:-1]


def step_1b(word: str, star_o: Condition = ends_cvc) -> str:
    """Past tenses and participles: (m>0) EED -> EE, (*v*) ED -> nothing, (*v*) ING -> nothing.

    >>> [step_1b(word) for word in ("feed", "agreed", "bled", "plastered", "sing", "motoring", "hopping")]
    ['feed', 'agree', 'bled', 'plaster', 'sing', 'motor', 'hop']
    """
    if word.endswith("ed"):
        if word.endswith("eed"):
            return word[:-1] if measure(word[:-3]) > 0 else word
        stem = word[:-2]
    elif word.endswith("ing"):
        stem = word[:-3]
    else:
        return word
    return _tidy(stem, star_o) if has_vowel(stem) else word


def _tidy(stem: str, star_o: Condition) -> str:
    """Once ED or ING is gone: AT -> ATE, BL -> BLE, IZ -> IZE,
    (*d and not (*L or *S or *Z)) -> a single letter, (m=1 and *o) -> E.

    >>> [_tidy(stem, ends_cvc) for stem in ("conflat", "troubl", "siz", "hopp", "fall", "fail", "fil")]
    ['conflate', 'trouble', 'size', 'hop', 'fall', 'fail', 'file']
    """
    if stem.endswith(("at", "bl", "iz")):
        return stem + "e"
    if ends_double(stem):
        return stem if stem[-1] in "lsz" else stem[:-1]
    if stem.endswith("*d"):  # not in the paper: see "Differs" in `PorterStemmer`
        return stem[:-2] + "d"
    return stem + "e" if measure(stem) == 1 and star_o(stem) else stem


def step_1c(word: str) -> str:
    """Final Y: (*v*) Y -> I.

    >>> step_1c("happy"), step_1c("sky")
    ('happi', 'sky')
    """
    return word[:-1] + "i" if word[-1:] == "y" and has_vowel(word[:-1]) else word


def suffix_step(rules: Rules, more_than: int, after: Mapping[str, str] = {}) -> Step:
    """The step that has the rule (m > more_than) S1 -> S2 for each S1 and S2 of `rules`.

    `after` narrows the condition of a suffix to stems that end with one of some letters:
    {"ion": "st"} makes it (m > more_than and (*S or *T)) ION -> S2.

    >>> step = suffix_step({"ion": "", "ous": ""}, more_than=1, after={"ion": "st"})
    >>> step("adoption"), step("companion"), step("homologous")
    ('adopt', 'companion', 'homolog')
    """
    # As in Porter's own program, the end of the word picks the few rules that can fit; most words have none.
    by_ending: dict[str, list[tuple[str, str, tuple[str, ...]]]] = {}
    for suffix in sorted(rules, key=len, reverse=True):
        letters = tuple(after.get(suffix, "")) or ("",)  # every stem ends with ""
        by_ending.setdefault(suffix[-2:], []).append((suffix, rules[suffix], letters))

    def step(word: str) -> str:
        for suffix, replacement, letters in by_ending.get(word[-2:], ()):
            if word.endswith(suffix):
                stem = word[: -len(suffix)]
                fits = measure(stem) > more_than and stem.endswith(letters)
                return stem + replacement if fits else word
        return word

    return step


STEP_2 = {
    "ational": "ate",  # relational -> relate
    "tional": "tion",  # conditional -> condition
    "enci": "ence",  # valenci -> valence
    "anci": "ance",  # hesitanci -> hesitance
    "izer": "ize",  # digitizer -> digitize
    "abli": "able",  # conformabli -> conformable
    "alli": "al",  # radicalli -> radical
    "entli": "ent",  # differentli -> different
    "eli": "e",  # vileli -> vile
    "ousli": "ous",  # analogousli -> analogous
    "ization": "ize",  # vietnamization -> vietnamize
    "ation": "ate",  # predication -> predicate
    "ator": "ate",  # operator -> operate
    "alism": "al",  # feudalism -> feudal
    "iveness": "ive",  # decisiveness -> decisive
    "fulness": "ful",  # hopefulness -> hopeful
    "ousness": "ous",  # callousness -> callous
    "aliti": "al",  # formaliti -> formal
    "iviti": "ive",  # sensitiviti -> sensitive
    "biliti": "ble",  # sensibiliti -> sensible
}
step_2 = suffix_step(STEP_2, more_than=0)

STEP_3 = {
    "icate": "ic",  # triplicate -> triplic
    "ative": "",  # formative -> form
    "alize": "al",  # formalize -> formal
    "iciti": "ic",  # electriciti -> electric
    "ical": "ic",  # electrical -> electric
    "ful": "",  # hopeful -> hope
    "ness": "",  # goodness -> good
}
step_3 = suffix_step(STEP_3, more_than=0)

# What is taken off for good: nothing takes its place.
STEP_4 = {
    "al": "",  # revival -> reviv
    "ance": "",  # allowance -> allow
    "ence": "",  # inference -> infer
    "er": "",  # airliner -> airlin
    "ic": "",  # gyroscopic -> gyroscop
    "able": "",  # adjustable -> adjust
    "ible": "",  # defensible -> defens
    "ant": "",  # irritant -> irrit
    "ement": "",  # replacement -> replac
    "ment": "",  # adjustment -> adjust
    "ent": "",  # dependent -> depend
    "ion": "",  # adoption -> adopt, where S or T stands before ION
    "ou": "",  # homologou -> homolog
    "ism": "",  # communism -> commun
    "ate": "",  # activate -> activ
    "iti": "",  # angulariti -> angular
    "ous": "",  # homologous -> homolog
    "ive": "",  # effective -> effect
    "ize": "",  # bowdlerize -> bowdler
}
step_4 = suffix_step(STEP_4, more_than=1, after={"ion": "st"})


def step_5a(word: str, star_o: Condition = ends_cvc) -> str:
    """Final E: (m>1) E -> nothing, (m=1 and not *o) E -> nothing; with the same suffix, both are tried.

    >>> step_5a("probate"), step_5a("rate"), step_5a("cease"), step_5a("file")
    ('probat', 'rate', 'ceas', 'file')
    """
    if word[-1:] != "e":
        return word
    stem = word[:-1]
    m = measure(stem)
    return stem if m > 1 or (m == 1 and not star_o(stem)) else word


def step_5b(word: str) -> str:
    """Final LL: (m>1 and *d and *L) -> one letter, where m is that of the word without its last letter.

    >>> step_5b("controll"), step_5b("roll")
    ('control', 'roll')
    """
    return word[:-1] if word.endswith("ll") and measure(word[:-1]) > 1 else word


# What Porter changed later, in the programs on his page: BLI for ABLI (which may stay: m is the same), LOGI.
martin_2 = suffix_step(STEP_2 | {"bli": "ble", "logi": "log"}, more_than=0)


def ends_cvc_or_vc(stem: str) -> bool:
    """NLTK's *o: the paper's, or the whole stem is vc: AT, OW."""
    return ends_cvc(stem) or shape(stem) == "vc"


def nltk_1a(word: str) -> str:
    """Step 1a, but IES -> IE after a single letter: dies -> die, flies -> fli."""
    return word[:-1] if len(word) == 4 and word.endswith("ies") else step_1a(word)


def nltk_1b(word: str) -> str:
    """Step 1b with NLTK's *o; and IED -> IE after a single letter, else I: died -> die, spied -> spi."""
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    return step_1b(word, star_o=ends_cvc_or_vc)


def nltk_1c(word: str) -> str:
    """Y -> I after a consonant that is not the whole stem: spy -> spi, but enjoy -> enjoy and by -> by."""
    fits = word[-1:] == "y" and len(word) > 2 and shape(word[:-1])[-1] == "c"
    return word[:-1] + "i" if fits else word


_nltk_rules = STEP_2 | {"bli": "ble", "fulli": "ful", "ogi": "og"}
_nltk_2 = suffix_step(_nltk_rules, more_than=0, after={"ogi": "l"})


def nltk_2(word: str) -> str:
    """(m>0) ALLI -> AL, and then step 2, with more rules: operationalli -> operational -> operate."""
    return _nltk_2(word[:-2] if word.endswith("alli") and measure(word[:-4]) > 0 else word)


def nltk_5a(word: str) -> str:
    """Step 5a with NLTK's *o: ate stays ate."""
    return step_5a(word, star_o=ends_cvc_or_vc)


NLTK_UNCHANGED = ("sky", "news", "inning", "outing", "canning", "howe", "proceed", "exceed", "succeed")
NLTK_IRREGULAR = {word: word for word in NLTK_UNCHANGED} | {
    "skies": "sky",
    "dying": "die",
    "lying": "lie",
    "tying": "tie",
    "innings": "inning",
    "outings": "outing",
    "cannings": "canning",
}


class Dialect(NamedTuple):
    """The steps of one dialect, and the words that do not go through them."""

    irregular: Mapping[str, str]  # words whose stem is looked up
    shortest: int  # words of fewer letters stay as they are
    steps: tuple[Step, ...]


# All that differs between the dialects.
# fmt: off
DIALECTS = {
    "original": Dialect({}, 0, (step_1a, step_1b, step_1c, step_2, step_3, step_4, step_5a, step_5b)),
    "martin": Dialect({}, 3, (step_1a, step_1b, step_1c, martin_2, step_3, step_4, step_5a, step_5b)),
    "nltk": Dialect(NLTK_IRREGULAR, 3, (nltk_1a, nltk_1b, nltk_1c, nltk_2, step_3, step_4, nltk_5a, step_5b)),
}
# fmt: on


class PorterStemmer:
    """Porter's stemmer in one of three dialects.

    - "original": the paper of 1980.
    - "martin": with the changes in the programs that Martin Porter publishes: words of one or two letters
      stay as they are, and step 2 has BLI -> BLE for ABLI -> ABLE, and LOGI -> LOG.
    - "nltk": with the further changes that NLTK makes unless told otherwise: a table of irregular words, and
      other rules for IES, IED, Y, ALLI, FULLI, LOGI and *o.

    A stem need not be a word; it need only be the same for words that belong together. Prefixes are never
    removed, and `ran` is not brought together with `run`. The time is linear in the length of the word.

    Errors: ValueError for a dialect that does not exist, TypeError for a word that is not a string.
    Source: Porter 1980; https://www.tartarus.org/~martin/PorterStemmer/; the documentation of NLTK's stemmer.
    Differs: the stems are those of NLTK's PorterStemmer, for every string. Two of its oddities are therefore
    kept: a stem that literally ends with the characters `*d` before ED or ING loses the star (the sign of the
    condition is also taken for a suffix), and the length that exempts short words is the one before
    lower-casing (`İs` has two letters, but three once lowered). Older releases of NLTK raise RecursionError
    for a thousand y in a row; here they have a stem. NLTK 3.9.1 looks irregular words up before it lower-cases,
    so that `News` loses its s there. What is not a string is an AttributeError in NLTK.

    >>> stemmer = PorterStemmer("original")
    >>> [stemmer.stem(word) for word in ("cats", "running", "ran", "unhappiness", "universities", "dies")]
    ['cat', 'run', 'ran', 'unhappi', 'univers', 'di']
    >>> PorterStemmer("nltk").stem("dies")
    'die'
    """

    def __init__(self, dialect: str = "original") -> None:
        if dialect not in list(DIALECTS):  # a list, so that an unhashable value is refused as well
            known = ", ".join(map(repr, DIALECTS))
            raise ValueError(f"there is no dialect {dialect!r}; choose one of {known}")
        self.dialect = dialect

    def stem(self, word: str, to_lowercase: bool = True) -> str:
        """The stem of one word; the rules know small letters only, so without lower-casing `US` stays.

        >>> PorterStemmer("original").stem("US"), PorterStemmer("original").stem("US", to_lowercase=False)
        ('u', 'US')
        """
        if not isinstance(word, str):
            raise TypeError(
                f"stem() takes one word as a str, not {type(word).__name__} ({word!r:.60}); "
                "for several words write [stemmer.stem(word) for word in words]"
            )
        irregular, shortest, steps = DIALECTS[self.dialect]
        stem = word.lower() if to_lowercase else word
        if stem in irregular:
            return irregular[stem]
        if len(word) < shortest:
            return stem
        for step in steps:
            stem = step(stem)
        return stem

    def __repr__(self) -> str:
        return f"PorterStemmer({self.dialect!r})"
