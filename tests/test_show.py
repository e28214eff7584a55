"""The house style: alternative texts, determinism, escaping, and a family tree that needs nothing from outside."""

import base64
import html
import io
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser

import matplotlib as mpl
import nbformat
import numpy as np
import pytest
from matplotlib.figure import Figure
from nbconvert.exporters import HTMLExporter
from PIL import Image

from course_utils import show
from course_utils.show import code, display, family, figures, layout
from course_utils.show.layout import plan
from course_utils.systems import claim, groups, systems

EVIL = "<script>alert('x')</script> & \"quotes\""


@pytest.fixture
def shown(monkeypatch):
    """What would reach a notebook: a list of (data, metadata)."""
    import IPython.display

    outputs = []
    monkeypatch.setattr(display, "in_notebook", lambda: True)
    monkeypatch.setattr(figures, "in_notebook", lambda: True)
    monkeypatch.setattr(family, "in_notebook", lambda: True)
    monkeypatch.setattr(IPython.display, "display", lambda data, raw, metadata: outputs.append((data, metadata)))
    return outputs


@pytest.fixture(scope="module")
def tree():
    return plan(systems().values(), groups())


class Tags(HTMLParser):
    """All tags of a piece of HTML with their attributes, and the text outside of scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.inside = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside.append(tag)

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data):
        if not {"script", "style"} & set(self.inside):
            self.text += data

    def of(self, *names):
        return [attrs for tag, attrs in self.tags if tag in names]


def plot(xlabel="step", ylabel="loss (nats)"):
    fig = Figure()
    fig.add_subplot().plot([1, 2, 3])
    fig.axes[0].set(xlabel=xlabel, ylabel=ylabel)
    return fig


def in_a_fresh_process(program, seed):
    environment = os.environ | {"PYTHONHASHSEED": str(seed)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
    return done.stdout


# ------------------------------------------------------------------ figures


def test_import_is_cheap():
    program = "import sys, course_utils.show; print([m for m in sys.modules if m in {%s}])"
    heavy = "'matplotlib', 'numpy', 'torch', 'IPython', 'PIL', 'pygments'"
    assert in_a_fresh_process(program % heavy, 0) == b"[]\n"


def test_a_figure_has_its_text_in_all_forms(shown):
    show.figure(plot(), alt="  The loss\n rises.  ")
    ((data, metadata),) = shown
    assert data["text/plain"] == "Figure: The loss rises."
    assert metadata["image/png"]["alt"] == "The loss rises."
    assert metadata["course"] == {"figures": 1}
    image = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert 0 <= image.width - 2 * metadata["image/png"]["width"] <= 1, "twice the pixels of the page"
    assert type(metadata["image/png"]["width"]) is int, "JupyterLab takes numbers only"


@pytest.mark.parametrize("alt", ["", "  \n ", None])
def test_no_figure_without_an_alternative_text(shown, alt):
    with pytest.raises(ValueError, match="say in `alt` what the figure shows"):
        show.figure(plot(), alt=alt)
    assert shown == []


def test_a_figure_is_closed_and_axes_are_refused(shown):
    import matplotlib.pyplot as plt

    with mpl.rc_context({"backend": "agg"}):
        fig, ax = plt.subplots()
    ax.set(xlabel="x", ylabel="y")
    with pytest.raises(TypeError, match=r"not Axes; of axes, pass ax\.figure"):
        show.figure(ax, alt="x")
    show.figure(fig, alt="x")
    assert not plt.fignum_exists(fig.number)


def test_axes_need_labels(shown):
    with pytest.raises(ValueError, match="no label on x axis of plot 1, y axis of plot 1"):
        show.figure(plot("", ""), alt="x")
    bare = plot("", "")
    bare.axes[0].axis("off")
    named = plot("", "")
    named.axes[0].set_xticks([0, 1], ["a", "b"])
    named.axes[0].set_yticks([])
    grid = Figure()
    upper, lower = grid.subplots(2, 1, sharex=True)
    upper.set(ylabel="a")
    lower.set(xlabel="step", ylabel="b")
    common = Figure()
    common.subplots(2, 2)
    common.supxlabel("step")
    common.supylabel("loss")
    for fig in (bare, named, grid, common):
        show.figure(fig, alt="x")
    mapped = Figure()
    mapped.colorbar(mapped.add_subplot(xlabel="key", ylabel="query").imshow(np.eye(3)))
    with pytest.raises(ValueError, match="y axis of plot 2"):
        show.figure(mapped, alt="x")


def test_outside_a_notebook_nothing_is_displayed(capsys):
    show.figure(plot(), alt="x")
    show.tree()
    assert capsys.readouterr().out == ""


def test_png_bytes_are_deterministic():
    program = (
        "from matplotlib.figure import Figure; from course_utils.show.figures import to_png; import hashlib;"
        "fig = Figure(); ax = fig.add_subplot(); ax.plot(range(9), label='a'); ax.legend();"
        "print(hashlib.sha256(to_png(fig)[0]).hexdigest())"
    )
    first, second = (in_a_fresh_process(program, seed) for seed in (1, 2))
    assert first == second != b""


def test_colours_of_lines_are_kept_exactly_and_photographs_untouched():
    noise = np.random.default_rng(0).normal(size=(12, 60))
    with show.style():
        fig = Figure()
        ax = fig.add_subplot()
        for k, line in enumerate(noise):  # blends of many colours, which crowd out the rare ones
            ax.plot(line, color=mpl.colormaps["viridis"](k / 12), linewidth=1)
        for k, colour in enumerate(show.PALETTE):
            ax.plot([0, 1], [4 + k, 4 + k], color=colour, linewidth=2)
        png, _ = figures.to_png(fig)
    image = Image.open(io.BytesIO(png))
    assert image.mode == "P"
    colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 16)}
    assert {tuple(bytes.fromhex(c[1:])) for c in (*show.PALETTE, show.PAPER)} <= colours
    photograph = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8))
    assert figures._few_colours(photograph) is photograph


def test_the_readers_settings_are_untouched(shown):
    with mpl.rc_context({"lines.linewidth": 7.0, "font.size": 23.0}):
        before = dict(mpl.rcParams)
        with show.style():
            assert mpl.rcParams["font.size"] != 23.0
        show.bars({"a": 1.0}, xlabel="x", title="t")
        show.figure(plot(), alt="x")
        show.tree()
        assert dict(mpl.rcParams) == before


def test_alternative_texts_survive_into_html(shown):
    alt = 'Loss "falls" & <stops>'
    show.figure(plot(), alt=alt)
    data, metadata = shown[0]
    output = nbformat.v4.new_output("display_data", data=data, metadata=metadata)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", outputs=[output])])
    page, _ = HTMLExporter(template_name="lab").from_notebook_node(notebook)
    (image,) = Tags(page).of("img")
    assert image["alt"] == alt == metadata["image/png"]["alt"]
    assert f"width:{metadata['image/png']['width']}px" in image["style"]


# ------------------------------------------------------------------ bars


def test_bars_say_their_numbers(shown):
    show.bars({"cased": 0.593, "lower": 0.591}, xlabel="r", title="Lee", baseline={"chance": 0.1}, fmt=".2%")
    alt = shown[0][1]["image/png"]["alt"]
    assert all(part in alt for part in ("Lee", "cased 59.30%", "lower 59.10%", "chance 10.00%"))
    show.bars({"a": -1.0, "b": 0.0}, xlabel="gain", title="t", alt="My own text.")
    assert shown[1][1]["image/png"]["alt"] == "My own text."
    assert len(base64.b64decode(shown[0][0]["image/png"])) < 60_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": {}}, "at least one value"),
        ({"values": {"a": float("nan")}}, "'a': nan is not a finite number"),
        ({"baseline": {"b": float("inf")}}, "'b': inf"),
        ({"xlabel": " "}, "needs xlabel"),
        ({"title": ""}, "needs title"),
    ],
)
def test_bars_refuse_what_they_cant_draw(arguments, message):
    good = {"values": {"a": 1.0}, "xlabel": "x", "title": "t"}
    with pytest.raises(ValueError, match=message):
        show.bars(**(good | arguments))


# ------------------------------------------------------------------ tables


def test_a_table_is_escaped_scoped_and_scrollable(shown):
    show.table([(EVIL, 8084, 0.59312), ("b", None, 0.5)], [EVIL, "types", "r"], caption=EVIL)
    data, _ = shown[0]
    page = Tags(data["text/html"])
    assert page.of("script") == []
    assert page.text.count(EVIL) == 3
    assert [th["scope"] for th in page.of("th")] == ["col"] * 3 + ["row"] * 2
    assert all("text-align:right" in td["style"] for td in page.of("td"))
    (region,) = page.of("div")
    assert region["role"] == "region"
    assert region["tabindex"] == "0"
    assert "overflow-x:auto" in region["style"]
    assert re.findall(r"<td[^>]*>([^<]*)", data["text/html"]) == ["8,084", "0.5931", "–", "0.5"]


def test_a_table_as_text_is_aligned_whatever_the_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "20")
    rows = [{"词": "词干提取", "n": 12}, {"词": "stem", "n": 3.5}]
    show.table(rows, ["词", "n"], caption="Terms", align={"n": "center"})
    lines = ["Terms", "词         n", "--------  ---", "词干提取  12", "stem      3.5"]
    assert capsys.readouterr().out.splitlines() == lines
    show.table([("a", 0.5)], ["x", "share"], caption="c", fmt={"share": ".1%"})
    assert "50.0%" in capsys.readouterr().out
    show.table([], ["x"], caption="Nothing")
    assert capsys.readouterr().out == "Nothing\nx\n-\n"


@pytest.mark.parametrize(
    ("rows", "more", "message"),
    [
        ([(1,)], {}, r"\(1,\) should have 2 values: a, b"),
        (["xy"], {}, "'xy' should have 2 values"),
        ([{"a": 1, "c": 2}], {}, "has no column for 'c'"),
        ([], {"align": {"c": "left"}}, "no column 'c'"),
        ([], {"align": {"a": "middle"}}, "can't be aligned 'middle'"),
    ],
)
def test_a_wrong_table_is_refused(rows, more, message):
    with pytest.raises(ValueError, match=message):
        show.table(rows, ["a", "b"], caption="c", **more)


def test_claims_show_what_was_recorded(shown, monkeypatch):
    from course_utils import systems as module

    monkeypatch.setattr(module, "_recorded", {})
    show.claims()
    claim("E92", EVIL, "wrong")
    claim("R05", "39 % fewer", "holds partly")
    claim("E92", EVIL + "!", "wrong")
    show.claims()
    show.claims([claim("E80", "109.5 million", "wrong")])
    assert [metadata["course"]["claims"] for _, metadata in shown] == [0, 2, 1]
    data = shown[1][0]
    page = Tags(data["text/html"])
    assert page.of("script") == []
    assert EVIL + "!" in page.text
    assert "✗ wrong" in page.text
    assert "≈ holds partly" in page.text
    assert data["text/plain"].index("E92 (S4): wrong") < data["text/plain"].index("R05 (S0, S4): holds partly")


# ------------------------------------------------------------------ code


class Ancestor:
    """An example <b>."""

    @property
    def size(self):
        return 1

    def method(self):
        return "<script>alert(1)</script>"


class Child:
    """An example <b>."""

    @property
    def size(self):
        return 2

    def method(self):
        return "<script>alert(1)</script>"


def test_source_is_dedented_escaped_and_complete(shown):
    show.source(Ancestor.method)
    data, _ = shown[0]
    assert data["text/plain"] == 'def method(self):\n    return "<script>alert(1)</script>"'
    page = Tags(data["text/html"])
    assert page.of("script") == []
    assert data["text/plain"] in page.text
    assert data["text/html"].count("<code>tests/test_show.py</code>") + data["text/html"].count(">test_show.py<") == 1


def test_source_names_the_file_from_the_package_on():
    from course_utils.data import data_path

    assert code.origin(data_path) == "course_utils/data/_paths.py"
    assert code.origin(show) == "course_utils/show/__init__.py"
    assert code.origin(type(Ancestor.size)) == "builtins.py"
    assert code.read(Ancestor.size).startswith("@property")
    home = os.path.expanduser("~")
    assert all(home not in code.origin(x) and not code.origin(x).startswith("/") for x in (show.bars, Figure))


def test_source_of_what_is_typed_in_a_notebook():
    program = (
        "from IPython.core.interactiveshell import InteractiveShell as S; s = S.instance();"
        "s.run_cell('def f(x):\\n    return x\\nfrom course_utils.show.code import read, origin\\n"
        "print(read(f)); print(origin(f))', store_history=True)"
    )
    assert in_a_fresh_process(program, 0).decode().splitlines() == ["def f(x):", "    return x", "this notebook"]


@pytest.mark.parametrize("thing", [len, 3, "text", None, np.add, dict, Ancestor()])
def test_source_of_what_has_none_is_refused(thing):
    with pytest.raises(ValueError, match=r"show\.source needs a function, class, method or module"):
        show.source(thing)


def test_highlighting_keeps_every_character():
    text = code.read(code)
    assert html.unescape(re.sub(r"<[^>]+>", "", code.highlight(text))) == text
    assert "color:" in code.highlight("def f(): pass")


def test_diff_counts_and_marks_lines(shown):
    show.diff(Ancestor, Child)
    data, _ = shown[0]
    assert data["text/plain"].splitlines()[0] == "Ancestor → Child: 2 lines removed, 2 added"
    assert "-        return 1" in data["text/plain"]
    assert "+        return 2" in data["text/plain"]
    page = Tags(data["text/html"])
    assert page.of("script", "b") == []
    assert len(page.of("ins")) == len(page.of("del")) == 2
    assert page.text.endswith(data["text/plain"].split("\n", 1)[1])


def test_diff_of_strings(capsys):
    show.diff("a\nb", "a\nb")
    assert capsys.readouterr().out == "before → after: no line differs\n"
    show.diff("", "--- x\n+++ y", names=("nothing", "signs"))
    assert capsys.readouterr().out.splitlines() == [
        "nothing → signs: 0 lines removed, 2 added",
        "@@ -0,0 +1,2 @@",
        "+--- x",
        "++++ y",
    ]


# ------------------------------------------------------------------ the family tree


def test_the_picture_has_everybody_with_a_year_and_a_relative(tree):
    dated = {s.id for s in systems().values() if s.year}
    children = {p for s in systems().values() if s.year for p in s.parents}
    wanted = {id for id in dated if id in children or dated & set(systems()[id].parents)}
    assert set(tree.boxes) == wanted
    assert len(tree.boxes) > 100
    assert set(tree.lines) == {(p, id) for id in wanted for p in systems()[id].parents if p in wanted}


def test_boxes_do_not_overlap_and_stand_in_their_year_and_family(tree):
    boxes = list(tree.boxes.values())
    for k, a in enumerate(boxes):
        for b in boxes[k + 1 :]:
            assert abs(a.x - b.x) >= (a.width + b.width) / 2 or abs(a.y - b.y) >= layout.BOX + 2, (a, b)
        lane = tree.lanes[a.system.group]
        assert lane.start <= a.left
        assert a.left + a.width <= lane.end
        (band,) = (s for s in tree.bands if s.start <= a.y - layout.BOX / 2 and a.y + layout.BOX / 2 <= s.end)
        assert band.name == (str(a.system.year) if a.system.year >= layout.FIRST_YEAR else "to 2012")
    assert max(b.x + b.width / 2 for b in boxes) < tree.width < 1300
    assert tree.bands[-1].end < tree.height < 1150


def test_children_stand_below_their_parents_unless_marked(tree):
    for parent, child in tree.lines:
        marked = parent in systems()[child].predates
        assert (tree.boxes[parent].y < tree.boxes[child].y) != marked


def test_labels_fit_their_boxes(tree):
    """Measured with the font that draws them, in bold, which is how hubs and chosen systems are written."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    bold = FontProperties(family="DejaVu Sans", weight="bold")
    for box in tree.boxes.values():
        extent = TextPath((0, 0), box.system.label, size=layout.FONT, prop=bold).get_extents()
        assert extent.width <= box.width + 1, box.system.label


def test_the_layout_stands_still_when_the_order_of_the_file_changes(tree):
    backwards = plan(reversed(systems().values()), groups())
    assert backwards.boxes == tree.boxes
    assert sorted(backwards.lines) == sorted(tree.lines)


def test_the_tree_says_what_it_shows(shown):
    show.tree(["LLaMA"], lesson=1)
    data, metadata = shown[0]
    alt = metadata["image/png"]["alt"]
    assert data["text/plain"] == f"Figure: {alt}"
    assert "Transformer (2017)" in alt
    assert "Highlighted: LLaMA, built from" in alt
    assert "Highlighted: Porter stemming." in alt
    assert metadata["course"] == {"figures": 1}
    assert set(data) == {"text/plain", "text/html", "image/png"}


def test_the_interactive_tree_fetches_nothing_and_is_small(tree):
    text = family.tree_html(tree, [], "alt")
    assert len(text.encode()) < 150_000
    page = Tags(text)
    (image,) = page.of("img")
    svg = base64.b64decode(image["src"].removeprefix("data:image/svg+xml;base64,")).decode()
    assert image["alt"] == "alt"
    for tag, attrs in page.tags + Tags(svg).tags:
        assert tag not in {"link", "iframe", "object", "embed", "image", "use", "foreignobject"}
        assert not {"href", "xlink:href", "srcset", "data"} & set(attrs), tag
        assert tag == "img" or "src" not in attrs
    scripts = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    assert not re.search(r"url\(|@import|\bfetch\(|XMLHttpRequest|\bimport\b|new Image|WebSocket|\beval\(", text)
    assert len(scripts) == 1
    links = set(re.findall(r"https?://[^\s\"'<>]+", text)) - {"http://www.w3.org/2000/svg"}
    assert links == {s.paper.link for s in systems().values() if s.paper}


def test_the_interactive_tree_holds_all_systems_and_roles(tree):
    text = family.tree_html(tree, [], "alt")
    data = json.loads(re.search(r"const DATA = (\{.*\});", text)[1])
    assert [s["id"] for s in data["systems"]] == list(systems())
    assert all(s["mechanism"] and s["lesson"] is not None for s in data["systems"])
    for needed in ("aria-label", '"role", "button"', "aria-live", "ArrowDown", "Escape", "data-lm-suppress-shortcuts"):
        assert needed in text


def test_the_tree_escapes_what_a_system_is_called(tree, monkeypatch):
    from dataclasses import replace

    evil = systems() | {"C1": replace(systems()["C1"], name=EVIL, label="</script><b>")}
    monkeypatch.setattr(family, "systems", lambda: evil)
    text = family.tree_html(plan(evil.values(), groups()), [evil["C1"]], EVIL)
    page = Tags(text)
    assert len(page.of("script")) == 1
    assert page.of("b") == []
    assert page.of("img")[0]["alt"] == EVIL
    assert Tags(base64.b64decode(page.of("img")[0]["src"].split(",")[1]).decode()).of("b") == []


def test_the_tree_is_deterministic():
    program = (
        "import hashlib; from course_utils.show import family; from course_utils.systems import *;"
        "p = family.plan(systems().values(), groups()); c = [system('LLaMA'), system('BERT')];"
        "from course_utils.show.figures import to_png; from course_utils.show.picture import draw;"
        "print(hashlib.sha256(family.tree_html(p, c, 'alt').encode()).hexdigest(),"
        "hashlib.sha256(to_png(draw(p, {'C1', 'D1', 'B10'}, {'C1'}))[0]).hexdigest())"
    )
    first, second = (in_a_fresh_process(program, seed) for seed in (1, 2))
    assert first == second != b""


def test_a_wrong_highlight_is_refused():
    with pytest.raises(ValueError, match="no system 'BURT'"):
        show.tree(["BURT"])
    with pytest.raises(ValueError, match="no lesson 99"):
        show.tree(lesson=99)
    with pytest.raises(TypeError, match=r"highlight=\['BERT'\]"):
        show.tree("BERT")
