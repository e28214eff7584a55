"""The systems, the ledger of claims and the glossary: complete, consistent, and faults are all reported."""

import copy
import re
from collections import Counter

import pytest
import yaml

from course_utils import systems as module
from course_utils.data import data_path
from course_utils.systems import (
    VERDICTS,
    ancestors,
    claim,
    claims,
    glossary,
    groups,
    parse_claims,
    parse_glossary,
    parse_systems,
    recorded,
    sources,
    system,
    systems,
)

INVENTORY = {"A": 16, "B": 22, "C": 16, "D": 23, "E": 5, "F": 8, "G": 5, "H": 12, "J": 15}


@pytest.fixture
def content():
    """A fresh copy of the systems file, to plant faults in."""
    return yaml.safe_load(data_path("systems.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def ledger():
    return yaml.safe_load(data_path("claims.yaml").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def _no_records(monkeypatch):
    monkeypatch.setattr(module, "_recorded", {})


def entry(content, id):
    return next(e for e in content["systems"] if e["id"] == id)


# ------------------------------------------------------------------ the data


def test_every_row_of_the_inventory_is_there_in_order():
    wanted = [f"{group}{n}" for group, count in INVENTORY.items() for n in range(1, count + 1)]
    assert len(wanted) == 122
    assert list(systems()) == wanted
    assert list(groups()) == list(INVENTORY)


def test_every_lesson_but_none_too_many_has_systems():
    assert {s.lesson for s in systems().values()} == set(range(35))


def test_names_and_labels_fit_a_picture():
    assert all(len(s.label) <= 16 for s in systems().values())
    labels = Counter(s.label for s in systems().values())
    assert [label for label, n in labels.items() if n > 1] == []
    assert all(s.label.isascii() for s in systems().values()), "pictures have no glyphs beyond DejaVu's"


def test_mechanisms_are_single_sentences():
    for s in systems().values():
        assert len(s.mechanism) <= 160, s.id
        assert not re.search(r"[a-z]\. [A-Z]", s.mechanism), s.id


@pytest.mark.parametrize(
    ("id", "year", "organisation", "parents"),
    [
        ("B10", 2017, "Google", set()),
        ("C2", 2019, "Facebook", {"C1"}),
        ("C8", 2019, "Hugging Face", {"C1"}),  # not Google (E86)
        ("C4", 2019, "Google", set()),  # not Carnegie Mellon alone (E87)
        ("D2", 2019, "OpenAI", {"D1"}),  # not 2018 (E88)
        ("D12", 2021, "Google", {"E1"}),  # not CMU (E85)
        ("D21", 2022, "Google", set()),  # not 2021 (E121)
        ("H3", 2022, "OpenAI", {"D4"}),
        ("H9", 2023, "OpenAI", set()),  # not 2022 (E94)
        ("D10", 2023, "Meta", {"D4", "D9"}),
    ],
)
def test_facts_agree_with_the_errata(id, year, organisation, parents):
    found = systems()[id]
    assert found.year == year
    assert organisation in found.organisation
    assert parents <= set(found.parents)


def test_papers_that_s4_links_have_the_id_that_it_gives():
    """S4's ids are right but for GPT-1's (E91); they were typed by somebody else than ours."""
    rows = data_path("s4_dates.csv").read_text(encoding="utf-8").splitlines()[1:]
    linked = {m[1]: m[2] for row in rows if (m := re.match(r"([^,]+),.*arxiv\.org/pdf/(\d{4}\.\d{5})", row))}
    ours = {s.paper.arxiv for s in systems().values() if s.paper}
    assert set(linked.values()) - ours == {"1810.03993"}


def test_readers_give_copies():
    systems().clear()
    claims().clear()
    assert len(systems()) == 122
    assert claims()


# ------------------------------------------------------------------ planted faults


@pytest.mark.parametrize(
    ("id", "change", "message"),
    [
        ("C2", {"parents": ["C99"]}, "C2: its parent C99 is unknown"),
        ("C2", {"parents": ["C1", "C1"]}, "C2: parents is .*a list of different ids"),
        ("C1", {"parents": ["D4"]}, r"C1 \(2018\) is older than its parent D4 \(2020\)"),
        ("B10", {"parents": ["B4"], "predates": ["B5"]}, "B10: predates names B5, which is not among its parents"),
        ("C2", {"predates": ["C1"]}, "C2: predates names C1, which isn't younger"),
        ("C1", {"year": 2019}, "C1: year is 2019, but its arXiv id 1810.04805 is of 2018"),
        ("C1", {"year": "2018"}, "C1: year is '2018'"),
        ("C1", {"organisation": None}, "C1: year, organisation and paper belong together"),
        ("C1", {"paper": {"title": "BERT", "arxiv": 1810.04805}}, "C1: paper is"),
        ("C1", {"paper": {"title": "BERT"}}, "C1: paper is"),
        ("C1", {"paper": {"title": "BERT", "url": "http://example.org"}}, "C1: paper is"),
        ("C1", {"lesson": 35}, "C1: lesson is 35, should be a lesson from 0 to 34"),
        ("C1", {"lesson": True}, "C1: lesson is True"),
        ("C1", {"sources": ["S5"]}, "C1: sources is .* S0, S1, S2, S3, S4"),
        ("C1", {"sources": []}, "C1: sources is"),
        ("C1", {"kind": "Z"}, "C1: kind is 'Z'"),
        ("C1", {"name": "RoBERTa"}, "RoBERTa: this name is given twice"),
        ("C1", {"mechanism": "no full stop"}, "C1: mechanism is"),
        ("C1", {"label": "a label that is much too long"}, "C1: label is"),
        ("C1", {"colour": "red"}, "C1: there is no field colour"),
        ("C1", {"id": "C2"}, "C2: this id is given twice"),
        ("C1", {"id": "Z1"}, "Z1: there is no group Z"),
    ],
)
def test_a_planted_fault_is_named(content, id, change, message):
    entry(content, id).update(change)
    with pytest.raises(ValueError, match=message):
        parse_systems(content)


def test_a_parent_may_be_younger_when_that_is_marked(content):
    assert parse_systems(content)["E4"].predates == ("D21",)
    del entry(content, "E4")["predates"]
    with pytest.raises(ValueError, match=r"E4 \(2021\) is older than its parent D21 \(2022\)"):
        parse_systems(content)


def test_a_missing_field_is_named(content):
    del entry(content, "J15")["mechanism"]
    with pytest.raises(ValueError, match="J15: mechanism is missing"):
        parse_systems(content)


def test_a_circle_is_named(content):
    for id in ("C1", "C2", "C11"):
        entry(content, id)["year"] = None
    entry(content, "C1")["parents"] = ["C11"]
    with pytest.raises(ValueError, match=r"C\d+ is built from C\d+ is built from C\d+ is built from C\d+: a circle"):
        parse_systems(content)


def test_all_faults_are_reported_at_once(content):
    entry(content, "A1")["kind"] = "?"
    entry(content, "C2")["parents"] = ["C99"]
    del entry(content, "J3")["lesson"]
    with pytest.raises(ValueError, match="3 faults") as caught:
        parse_systems(content)
    assert all(part in str(caught.value) for part in ("A1: kind", "C2: its parent", "J3: lesson is missing"))


@pytest.mark.parametrize("broken", [None, [], {}, {"systems": {"C1": {}}}, {"systems": ["C1"]}, {"systems": [{}]}])
@pytest.mark.parametrize("parse", [parse_systems, parse_claims])
def test_a_file_of_another_shape_is_refused(parse, broken):
    with pytest.raises(ValueError, match="fault"):
        parse(broken)


def test_faults_of_claims_and_terms(ledger):
    broken = copy.deepcopy(ledger)
    broken["claims"][0]["quote"] = {"zh": "只有中文。"}
    broken["claims"][1]["id"] = "X1"
    broken["sources"][0]["english"] = ""
    with pytest.raises(ValueError, match="3 faults"):
        parse_claims(broken)
    with pytest.raises(ValueError, match=r"token: definition is 'a unit'(.|\n)*token: this term is given twice"):
        parse_glossary(
            [
                {"term": "token", "zh": None, "definition": "a unit", "lesson": 4},
                {"term": "token", "zh": "标记", "definition": "A unit.", "lesson": 4},
            ]
        )


# ------------------------------------------------------------------ look-ups


def test_a_system_is_found_by_id_name_and_label():
    assert system("b10") is system("Transformer") is system("TRANSFORMER")
    assert system("RoPE").id == "B19"
    with pytest.raises(ValueError, match=r"no system 'RoBERTo'; similar: RoBERTa"):
        system("RoBERTo")
    with pytest.raises(ValueError, match="see systems"):
        system("qqqqqq")


def test_ancestors_are_what_following_parents_gives():
    def by_hand(id):
        parents = systems()[id].parents
        return set(parents).union(*map(by_hand, parents))

    for id in systems():
        assert {s.id for s in ancestors(id)} == by_hand(id)
    assert {s.id for s in ancestors("C1", "D1")} == (by_hand("C1") | by_hand("D1")) - {"C1", "D1"}
    assert "B10" in {s.id for s in ancestors("LLaMA")}


# ------------------------------------------------------------------ claims


def test_the_ledger_holds_what_lessons_00_and_01_check():
    numbers = [*range(55, 61), 70, 72, *range(80, 98), 105, 120]
    assert {f"E{n}" for n in numbers} <= set(claims())
    assert {claims()[f"E{n}"].lesson for n in numbers} == {0, 1}
    assert list(sources()) == ["S0", "S1", "S2", "S3", "S4"]
    assert all(re.match(r"[\[【]", s.title) for s in sources().values())


def test_quotes_are_one_sentence_of_simplified_chinese():
    for c in claims().values():
        if c.quote:
            assert c.quote.zh.count("。") == 1
            assert c.quote.zh.endswith("。")
            assert not set(c.quote.zh) & set("個億參數兩為與單詞"), "traditional characters"


def test_a_recorded_claim_is_replaced_in_place():
    claim("E92", "first", "holds")
    claim("E80", "109.5 million", "wrong")
    again = claim("E92", "second", "wrong")
    assert [(m.claim.id, m.measured) for m in recorded()] == [("E92", "second"), ("E80", "109.5 million")]
    assert again.claim == claims()["E92"]
    assert repr(again) == "E92 wrong: second"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("E999", "x", "wrong"), "no claim 'E999'.*E55"),
        (("E92", "x", "right"), "'right' is no verdict; choose one of 'holds', 'holds partly'"),
        (("E92", " ", "wrong"), "say in a few words what was measured"),
    ],
)
def test_a_wrong_record_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        claim(*arguments)
    assert recorded() == []
    assert len(VERDICTS) == 4


# ------------------------------------------------------------------ glossary


def test_the_glossary_covers_the_course_in_simplified_chinese():
    terms = glossary()
    assert len(terms) == len({t.term for t in terms}) > 100
    assert {t.lesson for t in terms} == set(range(1, 35))
    assert not set("".join(t.zh or "" for t in terms)) & set("詞語學習機變換損轉")


def test_the_glossary_of_a_lesson():
    assert {t.term for t in glossary(21)} >= {"LoRA", "quantisation"}
    assert glossary(0) == []
    with pytest.raises(ValueError, match="no lesson 35"):
        glossary(35)
