"""The loaders: counts straight from the files, other people's parsers, cleanliness, determinism, clear errors."""

import ast
import bz2
import csv
import gettext
import gzip
import hashlib
import html
import json
import os
import re
import subprocess
import sys
import zipfile
from collections import Counter
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import data
from course_utils.data import _cache, _packages, articles, python
from course_utils.data.wikitext import to_sections, to_text
from course_utils.data.wikitext_layout import CODE, GAP, HOLE, ITEM, tidy


def gensim_file(name: str) -> Path:
    """Found by another way than the loaders'."""
    return Path(distribution("gensim").locate_file(f"gensim/test/test_data/{name}"))


def python_says(code: str, **environment: str) -> str:
    """What a fresh interpreter prints."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache folder of these tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("COURSE_CACHE_DIR", str(folder))
        articles._articles.cache_clear()
        yield folder
    articles._articles.cache_clear()


@pytest.fixture(scope="module")
def wiki(cache):
    return data.wikipedia()


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """Title and markup of all pages that aren't redirects, by regular expressions instead of an XML parser."""
    dump = bz2.decompress(gensim_file(articles.DUMP).read_bytes()).decode()
    found = {}
    for page in re.findall(r"<page>(.*?)</page>", dump, re.DOTALL):
        markup = re.search(r"<text [^>]*>(.*?)</text>", page, re.DOTALL)
        if markup and "<redirect " not in page:
            found[html.unescape(re.search("<title>(.*?)</title>", page)[1])] = html.unescape(markup[1])
    return found


# --- importing


def test_importing_the_package_imports_nothing_heavy():
    heavy = ["gensim", "sklearn", "babel", "numpy", "torch", "mwparserfromhell", "pooch", "requests", "rich"]
    loaded = python_says(f"import sys, course_utils.data; print([m for m in {heavy} if m in sys.modules])")
    assert loaded == "[]"


def test_all_public_names_are_there_and_documented():
    for name in data.__all__:
        assert getattr(data, name).__doc__, name
    loaders = set(data.__all__) - {"data_path", "cache_dir", "download", "downloadable"}
    for name in (name for name in loaders if name[0].islower()):
        assert "Licence:" in getattr(data, name).__doc__, name


# --- Wikipedia

# What must not be left, with a line in which each would be found.
DIRT = {
    r"\[\[|\]\]|\{\{|\}\}|\{\||\|\}": "an [[ant",
    r"''": "an ''ant''",
    r"</?[a-zA-Z!]": "an <br> ant",
    r"&#?\w+;": "an&nbsp;ant",
    r"==|__[A-Z]+__": "== Ants ==",
    r"\(\s*[,;:.]*\s*\)|\[\s*\]": "an ant ( ; ) is",
    r"[(\[]\s|\s[)\]]|\([,;:]|[,;:]\)": "an ant (, Latin formica)",
    r" {2}": "an  ant",
    r"\s[,;:.!?](?:\s|$)": "an ant , red",
    r"(?m)^[*#:;|!= ]| $": "* ants",
    r",,|;;|,;|;,|,\.(?!\.)": "an ant,, red",
    r"https?:|ISBN": "see http://ants.org",
    r"(?i)\b(?:file|image|category):|\bthumb\||\d+px": "File:Ant.jpg",
    r"(?i)style=|colspan|rowspan|align=|bgcolor": 'style="ant"',
    r"(?i)\bcitation needed|\bcite (?:web|book|journal)|\bdefaultsort": "ants bite citation needed",
    "[\x00-\x09\x0b-\x1f\x7f-\xa0\xad\u200b\u200e\u200f\u2028-\u202f\u2060\ue000-\uf8ff\ufeff\ufffc\ufffd]": "a\xa0b",
    r"\n{3}": "ants\n\n\nbees",
}


@pytest.mark.parametrize("dirt", DIRT)
def test_wikipedia_is_clean(wiki, dirt):
    assert re.search(dirt, DIRT[dirt]), "this pattern would not find what it is for"
    found = [
        (article.title, article.text[max(0, match.start() - 40) : match.end() + 40])
        for article in wiki
        for match in re.finditer(dirt, article.text)
    ]
    assert found == []


def test_wikipedia_headings_are_clean_and_no_back_matter(wiki):
    for article in wiki:
        for section in article.sections[1:]:
            assert section.title == tidy(section.title) != "", article.title
            assert not re.fullmatch(
                "(?i)references|see also|notes|external links|further reading|bibliography|gallery", section.title
            )


def test_wikipedia_has_the_dumps_articles_in_order(wiki, pages):
    assert len(pages) == 106
    kept = [article.title for article in wiki]
    assert kept == [title for title in pages if title in set(kept)]
    assert set(pages) - set(kept) == {"Asia Minor (disambiguation)", "Algorithms (journal)"}  # under 500 characters
    assert sum(title.startswith("A") for title in kept) > 0.9 * len(kept)


def test_wikipedia_size(wiki):
    words = re.findall(r"\w+", " ".join(article.text for article in wiki))
    assert 440_000 < len(words) < 460_000
    assert 36_000 < len(set(words)) < 39_000
    assert min(len(article.text) for article in wiki) >= articles.SHORTEST


def test_wikipedia_sections_make_up_the_text(wiki):
    for article in wiki:
        assert article.text == "\n\n".join(section.text for section in article.sections)
        levels = [section.level for section in article.sections]
        assert (levels[0] == 1) == (article.sections[0].title == article.title)
        assert all(2 <= level <= 6 for level in levels[1:])
        assert all(section.text == section.text.strip() != "" for section in article.sections)
        assert all(re.search(r"\w", line) for line in article.text.split("\n") if line)


def test_wikipedia_sentences(wiki):
    text = {article.title: article.text for article in wiki}
    assert text["Anarchism"].startswith("Anarchism is a political philosophy that advocates self-governed societies")
    assert text["Alabama"].startswith("Alabama is a state located in the southeastern region of the United States.")
    assert "At 1,300 miles, Alabama has one of the longest navigable inland waterways" in text["Alabama"]
    assert text["Aristotle"].startswith("Aristotle (Ἀριστοτέλης, Aristotélēs; 384–322 BC) was a Greek philosopher")
    assert "\nethane, C₂H₆ – two carbon and six hydrogen\n" in text["Alkane"]
    assert "He also raised tax revenue" not in text["Abraham Lincoln"]  # a planted sentence is not found


def test_wikipedia_agrees_with_gensims_own_cleaner(wiki, pages):
    """Nearly every word of ours is among the words that gensim's regular expressions leave of the same page.

    Two pages aside, where they lose whole paragraphs to a brace too many; ours has quantities and formulas on top.
    """
    from gensim.corpora.wikicorpus import filter_wiki

    for article in wiki:
        if article.title not in ("Asphalt", "A Modest Proposal"):
            ours = Counter(re.findall("[a-z]+", article.text.lower()))
            theirs = Counter(re.findall("[a-z]+", filter_wiki(pages[article.title]).lower()))
            assert (ours - theirs).total() < 0.08 * ours.total(), article.title


def test_wikipedia_is_the_same_everywhere(wiki, tmp_path):
    """In another process, with another hash seed, and with a cache folder that can't be: a file is in its place."""
    (tmp_path / "file").touch()
    code = "import hashlib, course_utils.data as d; print(hashlib.sha256(repr(d.wikipedia()).encode()).hexdigest())"
    there = python_says(code, COURSE_CACHE_DIR=str(tmp_path / "file"), PYTHONHASHSEED="7")
    assert there == hashlib.sha256(repr(wiki).encode()).hexdigest()


def test_wikipedia_comes_from_the_cache_without_the_parser(wiki, cache):
    assert len(list(cache.glob("wikipedia-*.json"))) == 1
    code = "import sys, course_utils.data as d; print(len(d.wikipedia()), 'mwparserfromhell' in sys.modules)"
    assert python_says(code, COURSE_CACHE_DIR=str(cache)) == f"{len(wiki)} False"


def test_wikipedia_gives_each_caller_a_list_of_its_own(wiki):
    data.wikipedia().clear()
    assert data.wikipedia() == wiki


def test_wikipedia_key_changes_with_dump_and_parser(monkeypatch, tmp_path):
    dump = gensim_file(articles.DUMP)
    other = tmp_path / "dump"
    other.write_bytes(dump.read_bytes() + b"\n")
    before = articles._key(dump)
    assert before != articles._key(other)
    monkeypatch.setattr(articles, "version", lambda name: "0")
    assert before != articles._key(dump)


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("'''Ants''' are [[insect]]s, see [[Bee (animal)|bees]].", "Ants are insects, see bees."),
        ("An ant<ref name=a>Ants, p. 3</ref> is<ref name=a /> red.<ref>\nB</ref>", "An ant is red."),
        ("Ants ({{IPAc-en|æ|n|t|s}}; from {{lang|ang|ǣmete}}) bite.", "Ants (from ǣmete) bite."),
        ("Ants ({{IPAc-en|æ|n|t|s}}) bite{{citation needed|date=May 2016}}.", "Ants bite."),
        ("Ants <!-- [[not]] --> bite", "Ants bite"),
        ("[[File:Ant.jpg|thumb|An [[ant]] at ''work'']]\nAnts work.", "Ants work."),
        ("Ants work.\n[[Category:Ants]]\n[[de:Ameisen]]", "Ants work."),
        ("[[:Category:Ants]]", "Category:Ants"),
        ("Ants\n{| class=wikitable\n| a || '''b\n{|\n| c\n|}\n|}\nwork.", "Ants\n\nwork."),
        ("Ants work. The table says:\n{|\n|a\n|}\nNext.", "Ants work.\n\nNext."),
        ("* red ants\n** [[black ant]]s\n# first", "red ants\nblack ants\nfirst"),
        ("; Ant : an insect", "Ant\nan insect"),
        ("Ants\nwork.\n\nBees fly.", "Ants work.\n\nBees fly."),
        ("It is {{convert|7|–|10|kg|lb}} heavy.", "It is 7–10 kg heavy."),
        ("A {{convert|5|mi|km|adj=on}} walk", "A 5-mile walk"),
        ("{{convert|6|ft|4|in|cm}} tall, {{convert|1|in}} wide", "6 feet 4 inches tall, 1 inch wide"),
        ("{{convert|663,268|sqmi|km2|0}}, {{convert|-27|°F}}", "663,268 square miles, -27 °F"),
        ("Old. It has {{convert|3|unheard-of}} legs. New.", "Old. New."),
        ("{{As of|2010|7}}, and {{as of|2015|lc=y}}", "As of July 2010, and as of 2015"),
        ("H<sub>2</sub>O, 10<sup>−19</sup>, the 19<sup>th</sup>", "H₂O, 10⁻¹⁹, the 19th"),
        ("C{{chem|H|4}} and 1{{frac|1|4}} or {{val|6.241|e=18|u=C}}", "CH₄ and 1¹⁄₄ or 6.241 × 10¹⁸ C"),
        ("at {{Coord|13|19|N|169|9|W|type:event}}{{coord|1|N|2|E|display=title}}", "at 13°19′N 169°9′W"),
        ("Let <math>x_1,\\ldots,x_n</math> be.", "Let x₁,…,xₙ be."),
        ("Good. The mean is\n:<math>\\frac{1}{n}\\sum_{i=1}^n a_i</math>,\nwhere n counts. Fine.", "Good. Fine."),
        ("It cost $5 (${{Inflation|US|5|1929}} today).", "It cost $5."),
        ("Run:\n print('ants')\n\nDone.", "Run:\n\nDone."),
        ("<poem>\nAnts\nwork\n</poem>", "Ants\nwork"),
        ("So:{{quote|Ants work.|Aesop}}", "So:\n\nAnts work."),
        ("OS&nbsp;X, [[OS&nbsp;X]], AT&amp;T, 5&thinsp;m", "OS X, OS X, AT&T, 5 m"),
        ("<code><nowiki>[[x]]</nowiki></code> is a link", "[[x]] is a link"),
        ("''Ants''{{'s}} [http://ants.org page] [http://ants.org]", "Ants's page"),
        ("''The Ant'', ISBN 978-0821842102", "The Ant"),
        ("* ISBN 978-0821842102 (paperback)\n* {{UK}} (UK)\n* (An ant) bit", "(An ant) bit"),
        ("__NOTOC__ __init__", "__init__"),
        ("Wait ... no , never .NET", "Wait ... no, never .NET"),
        ("{{unheard of|a [[b]]}}", ""),
        ("{{convert}}", ""),
        ("", ""),
    ],
)
def test_markup_to_text(markup, text):
    assert to_text(markup) == text


def test_sections_drop_back_matter_with_what_is_below_it():
    markup = (
        "Lead.\n==A==\n===B===\nb\n==Notes and references==\nn\n===Sources of ants===\ns\n==''C''==\nc:\n==See also==\n"
    )
    assert to_sections("Ants", markup) == [("Ants", 1, "Lead."), ("B", 3, "b")]
    assert [s.title for s in to_sections("Gallery", "Pictures.\n==Noteworthy==\nx\n==Galleries==\ny")] == [
        "Gallery",
        "Noteworthy",
        "Galleries",
    ]


PIECES = [
    "[[",
    "]]",
    "{{",
    "}}",
    "|",
    "''",
    "<ref>",
    "</ref>",
    "<math>",
    "</math>",
    "\\frac{",
    "==",
    "\n",
    " ",
    "(",
    ")",
]
PIECES += ["convert", "as of", "frac", "1", "ant", ",", ".", "*", ":", "{|", "|}", "<!--", "-->", "&nbsp;", "<br>", "é"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_any_markup_gives_text_without_marks_or_loose_spaces(markup):
    text = to_text(markup)
    assert not set(text) & {ITEM, HOLE, CODE, GAP}
    assert not re.search("  |\n\n\n", text)
    assert text == text.strip()
    assert tidy(text) == text
    to_sections("Ant", markup)


# --- the cache


def test_kept_on_disk(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path / "new" / "folder"))
    made = []

    def make():
        made.append(1)
        return ["é", 1]

    assert _cache.kept_on_disk("a", "1", make) == ["é", 1] == _cache.kept_on_disk("a", "1", make)
    assert len(made) == 1
    assert _cache.kept_on_disk("a", "2", make) == ["é", 1]
    assert len(made) == 2
    assert sorted(p.name for p in (tmp_path / "new" / "folder").iterdir()) == ["a-1.json", "a-2.json"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-3],
        lambda content: content.replace(b"ant", b"bee"),
        lambda content: b"\xff" + content,
        lambda content: content.split(b"\n")[1],
    ],
    ids=["empty", "cut off", "altered", "not text", "without checksum"],
)
def test_damaged_cache_is_made_anew(monkeypatch, tmp_path, damage):
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path))
    assert _cache.kept_on_disk("a", "1", lambda: ["ant"]) == ["ant"]
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert _cache.kept_on_disk("a", "1", lambda: ["ant"]) == ["ant"]
    assert file.read_bytes() == whole


def test_cache_that_cannot_be_written_is_no_error(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path / "file"))
    assert _cache.kept_on_disk("a", "1", lambda: 5) == 5


def test_interrupted_write_leaves_nothing_behind(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path))

    def full(*paths):
        raise OSError("no space left")

    monkeypatch.setattr(_cache.os, "replace", full)
    assert _cache.kept_on_disk("a", "1", lambda: 5) == 5
    assert list(tmp_path.iterdir()) == []


# --- news and words that people judged


def test_lee_news_against_the_files():
    news = data.lee_news()
    assert len(news.background) == gensim_file("lee_background.cor").read_bytes().count(b"\n") + 1 == 300
    assert len(news.documents) == gensim_file("lee.cor").read_bytes().count(b"\n") + 1 == 50
    assert all(line == line.strip() != "" for line in news.background + news.documents)
    assert any("wearing his £3,000" in document for document in news.documents)
    upper = [
        [float(number) for number in line.split()]
        for line in gensim_file("similarities0-1.txt").read_text().splitlines()
    ]
    assert news.similarity.shape == (50, 50)
    assert all(news.similarity[j, i] == news.similarity[i, j] == upper[i][j] for i in range(50) for j in range(i, 50))
    assert np.all(np.diag(news.similarity) == 1)
    assert news.similarity.min() == 0.2


def test_lee_similarity_belongs_to_the_documents():
    """tf-idf agrees with people on these documents, and not at all when they are shifted by one."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    news = data.lee_news()
    vectors = TfidfVectorizer().fit(news.background + news.documents).transform(news.documents).toarray()
    pairs = np.triu_indices(50, 1)
    right = np.corrcoef((vectors @ vectors.T)[pairs], news.similarity[pairs])[0, 1]
    shifted = np.roll(vectors, 1, axis=0)
    wrong = np.corrcoef((shifted @ shifted.T)[pairs], news.similarity[pairs])[0, 1]
    assert right > 0.5 > 0.2 > wrong


def test_word_pairs_against_the_files():
    for pairs, name, size in (
        (data.wordsim353(), "wordsim353.tsv", 353),
        (data.simlex999(), "simlex999.txt", 999),
    ):
        with gensim_file(name).open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file, delimiter="\t") if not row[0].startswith("#")]
        assert [[p.first, p.second, p.score] for p in pairs] == [[a, b, float(s)] for a, b, s in rows]
        assert len(pairs) == size
        assert all(0 <= pair.score <= 10 for pair in pairs)
    assert Counter((p.first, p.second) for p in data.wordsim353()).most_common(1) == [(("money", "cash"), 2)]


def test_analogies_against_the_file():
    text = gensim_file("questions-words.txt").read_text(encoding="utf-8")
    found = data.analogies()
    assert len(found) == len(re.findall(r"(?m)^[^:].*$", text)) == 19_544
    counts = Counter(analogy.category for analogy in found)
    assert list(counts) == re.findall(r"(?m)^: (.*)$", text)
    assert len(counts) == 14
    assert counts["capital-common-countries"] == counts["family"] == 506
    assert data.Analogy("family", "king", "queen", "man", "woman") in found


# --- Python


def test_python_docs():
    from pydoc_data.topics import topics

    docs = data.python_docs()
    assert docs == topics
    assert list(docs) == sorted(docs)
    assert len(docs) > 70
    docs.clear()
    assert data.python_docs() == topics


def test_python_without_docs_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(ModuleNotFoundError, match="without pydoc_data"):
        data.python_docs()


def test_stdlib_code_is_the_standard_library():
    import inspect
    import textwrap

    files = list(data.stdlib_code())
    by_module = {file.module: file for file in files}
    assert len(by_module) == len(files) > 400
    assert [file.path for file in files] == [file.path for file in data.stdlib_code()]
    for module in (textwrap, json, json.decoder, inspect):
        assert by_module[module.__name__].text == inspect.getsource(module)
    assert by_module["json"].path == "json/__init__.py"
    assert not {name for file in files for name in Path(file.path).parts} & {"test", "tests", "site-packages"}
    names = {file.module.partition(".")[0] for file in files}
    assert names <= sys.stdlib_module_names | {"__hello__", "__phello__", "_sysconfigdata"}
    for file in files[::25]:
        ast.parse(file.text)


LIBRARY = {
    "b/__init__.py": b"x = 'b'",
    "b/c.py": "# -*- coding: latin-1 -*-\ny = 'é'".encode("latin-1"),
    "b/test/d.py": b"",
    "site-packages/e.py": b"",
    "bad.py": b"\xff\xff",
    "a.py": b"z = 1\r\n",
    "a.pyc": b"",
}
MODULES = ["a", "b", "b.c"]


@pytest.mark.parametrize("zipped", [False, True])
def test_stdlib_code_of_a_small_library(monkeypatch, tmp_path, zipped):
    """From a folder or a zip: tests, packages and files that can't be decoded left out, encodings minded."""
    library, archive = tmp_path / "lib", tmp_path / "python311.zip"
    if zipped:
        with zipfile.ZipFile(archive, "w") as file:
            for name, content in LIBRARY.items():
                file.writestr(name, content)
    else:
        for name, content in LIBRARY.items():
            (library / name).parent.mkdir(parents=True, exist_ok=True)
            (library / name).write_bytes(content)
    monkeypatch.setattr(python.sysconfig, "get_path", lambda name: str(library))
    monkeypatch.setattr(python.sys, "path", [str(archive), "/nowhere/python399.zip"])
    files = list(data.stdlib_code())
    assert [file.module for file in files] == MODULES
    assert files[0] == ("a", "a.py", "z = 1\n")
    assert files[2].text.endswith("y = 'é'")


# --- digits


def test_digits_against_the_file():
    table = gzip.decompress(
        Path(distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz")).read_bytes()
    )
    rows = np.array([[int(float(cell)) for cell in line.split(b",")] for line in table.splitlines()])
    images, labels = data.digits()
    assert images.shape == (1797, 8, 8)
    assert images.dtype == np.uint8
    assert np.array_equal(images.reshape(-1, 64), rows[:, :-1])
    assert np.array_equal(labels, rows[:, -1])
    assert set(labels) == set(range(10))
    images[:] = 0
    assert data.digits().images.max() == 16


# --- languages


def test_interface_pairs_against_the_compiled_catalogues():
    """The loader reads the packs' JSON; Python's gettext reads the .mo files beside it."""
    pack = distribution("jupyterlab-language-pack-zh-CN")
    catalogues = []
    for path in pack.files or []:
        if path.name.endswith(".mo"):
            with Path(pack.locate_file(path)).open("rb") as file:
                catalogues.append(gettext.GNUTranslations(file)._catalog)
    translations: dict[str, set[str]] = {}
    for catalogue in catalogues:
        for message, target in catalogue.items():
            source = message[0] if isinstance(message, tuple) else message
            source = " ".join(source.rpartition("\x04")[2].split())
            translations.setdefault(source, set()).add(" ".join(target.split()))
    pairs = data.interface_pairs("zh-CN")
    assert all(pair.target in translations[pair.source] for pair in pairs)
    missing = set(translations) - {pair.source for pair in pairs}
    untranslated = {s for s in missing if {t.casefold() for t in translations[s]} <= {s.casefold(), ""}}
    assert all(not re.search("[A-Za-z]", s) for s in missing - untranslated)
    assert len(pairs) > 2_500


def test_interface_pairs_are_clean_and_once_each():
    pairs = data.interface_pairs()
    assert pairs == data.interface_pairs("zh_CN")
    assert len({pair.source for pair in pairs}) == len(pairs)
    for source, target in pairs:
        assert source == " ".join(source.split()) != ""
        assert target == " ".join(target.split()) != ""
        assert source.casefold() != target.casefold()
    chinese = sum(bool(re.search("[\u4e00-\u9fff]", pair.target)) for pair in pairs)
    assert chinese > 0.99 * len(pairs)


def test_language_without_a_pack():
    with pytest.raises(ValueError, match=r"'fr-FR' is installed \(installed: zh-CN.*pip install jupyterlab-.*-fr-FR"):
        data.interface_pairs("fr-FR")


def test_territory_names_against_babel():
    from babel import Locale

    names = data.territory_names(["en", "zh", "zh-Hant", "pt_BR", "sw"])
    assert list(names) == ["en", "zh", "zh-Hant", "pt_BR", "sw"]
    assert names["zh"]["CN"] == Locale("zh").territories["CN"] == "中国"
    assert names["zh-Hant"]["DE"] == "德國"
    assert names["pt_BR"]["DE"] == "Alemanha"
    for territories in names.values():
        assert list(territories) == sorted(territories)
        assert all(re.fullmatch("[A-Z]{2}", code) for code in territories)
        assert not set(territories) & {"EU", "UN", "ZZ"}
        assert len(territories) > 240


def test_unknown_language_names_near_ones():
    with pytest.raises(ValueError, match=r"no language 'Germn'.*'de' \(german\)"):
        data.territory_names(["en", "Germn"])
    with pytest.raises(ValueError, match="no language 'xx'"):
        data.territory_names(["xx"])
    with pytest.raises(ValueError, match="no language ''"):
        data.territory_names([""])
    with pytest.raises(TypeError, match="write \\['en'\\]"):
        data.territory_names("en")


# --- packages that are not whole


def test_package_without_its_data(monkeypatch, tmp_path):
    monkeypatch.setattr(_packages, "folder_of", lambda package: tmp_path)
    with pytest.raises(FileNotFoundError, match=r"lacks test/test_data/lee\.cor.*--force-reinstall --no-deps gensim"):
        _packages.file_of("gensim", _packages.GENSIM_DATA, "lee.cor")


def test_package_that_is_not_installed():
    with pytest.raises(ModuleNotFoundError, match="no-such-package is not installed; install it with"):
        _packages.folder_of("no_such_package")
