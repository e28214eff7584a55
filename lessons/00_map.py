# ---
# jupyter:
#   course:
#     title: The map, and how to check a claim
#     why: >-
#       This course starts from five texts that people really read to learn about BERT, GPT and their
#       relatives. They are lively, useful, and wrong in more than a hundred places: dates, sizes, who built
#       what, code that does not run. Nobody can remember all the facts, but anybody with a laptop can check
#       many of them. This lesson shows you the whole family on one page, and how a few lines of code settle
#       what is true.
#     objectives:
#       - run a lesson, do an exercise, and read what its check tells you
#       - find your way in the family tree of 122 systems and say what descends from what
#       - test a date against an arXiv id, and a size against a count of the real architecture
#       - tell claims that code can settle from those that need a paper
#     builds_on: []
#     minutes: 40
#     budget: 60
#     systems: [A15]
# ---

# %% [markdown]
# ## How a lesson works
#
# A lesson is a page of text and **cells** of Python. Click into a cell and
# press **Shift+Enter**: it runs, its output appears below, and the next cell
# is selected. Always go from top to bottom; the menu *Run → Run All Cells*
# does it in one go. Nothing here needs a network or a GPU, and nothing can be
# broken: *Kernel → Restart* puts everything back. The lessons are numbered 00
# to 34. A number that is missing is a lesson still to come; a text may point
# ahead to one.
#
# Exercises stand where the idea is fresh. Each has four cells: the task, a
# stub for your answer, a check, and the solution, folded away. The check says
# more than "wrong". Watch it work on an answer that we spoil on purpose: how
# many seconds are there in some days?

# %%
def days_to_seconds(days):
    return days * 60 * 60


verdict = check("00.1", days_to_seconds, record=False)

# %% [markdown]
# The card names the case that failed and what is probably wrong. When that is
# not enough, ask for a hint:

# %%
hint("00.1")

# %% [markdown]
# So a day has 24 hours. Mended, the same check says:


# %%
def days_to_seconds(days):
    return days * 24 * 60 * 60


verdict = check("00.1", days_to_seconds, record=False)

# %% [markdown]
# Your turn. Type your own version in place of `...`, run the cell, and run the
# check. Make a mistake on purpose, too: nothing is graded, and nobody sees it.

# %% exercise 00.1

# %% [markdown]
# ## The family on one page
#
# The course covers every system that the five texts describe: 122 of them,
# from stemming to diffusion models. One file holds the whole map.

# %%
from course_utils.systems import systems

family = systems()
bert = family["C1"]
facts = {
    "name": bert.name,
    "first published": str(bert.year),
    "by": bert.organisation,
    "built from": ", ".join(family[p].name for p in bert.parents),
    "idea": bert.mechanism,
}
show.table(
    list(facts.items()),
    columns=("", "one of the systems"),
    caption=f"{len(family)} systems; this is number C1",
)

# %% [markdown]
# > **Predict** In which year did most of these systems appear? And which one
# > has the most descendants?

# %%
show.tree()

# %% [markdown]
# Time runs down. An arrow goes from a system to one that is built on it; point
# at a box, or type a name, and its ancestors and descendants light up. (The
# tree draws the 104 systems that have a year and a relative. The search finds
# the rest.) Two things stand out: almost everything after 2017 descends from
# the **Transformer**, and it splits at once into readers (the BERT family) and
# writers (the GPT family), which meet again in T5, in the instruction-tuned
# models and in the models that see.

# %%
from collections import Counter

years = Counter(s.year for s in family.values() if s.year)
show.bars(
    {str(y): years[y] for y in sorted(years) if y >= 2013},
    xlabel="systems of the course",
    fmt="d",
    title="When they appeared",
)

# %% [markdown]
# The most, 17, are of 2022. There are two waves: 2019, when everybody
# improved on BERT, and 2022 with 2023, when models learnt to follow
# instructions.

# %% exercise 00.2

# %% [markdown]
# With such a function the second question of the prediction can be answered.
# The package has the opposite one, `ancestors`, and counting with it gives
# the same numbers. Here are the leader and some famous names:

# %%
from course_utils.systems import ancestors

offspring = Counter(a.name for id in family for a in ancestors(id))
models = ["Recurrent neural network (RNN)", "Transformer", "GPT-1"]
models += ["GPT-3", "BERT", "T5"]
show.bars(
    {name: offspring[name] for name in models},
    fmt="d",
    xlabel=f"descendants, of {len(family)} systems",
    title="Descendants in the family tree",
)

# %% [markdown]
# An old one has the most, as in any family: the recurrent network of 1990,
# from which the line leads to the Transformer and on. But more than half of
# all systems in this course descend from one paper of 2017.

# %% [markdown]
# ## The five texts
#
# The course cites its sources as S0 to S4:

# %%
from course_utils.systems import sources

show.table(
    [(s.id, s.title, s.english) for s in sources().values()],
    columns=("", "title", "in English"),
    caption="The five source texts",
)

# %% [markdown]
# While the course was made, every statement of the five was checked, and what
# is wrong or imprecise went into a ledger: claim, correction, evidence. There
# a number with E is a claim that needs correcting, one with R a claim that was
# found right. Each lesson takes its claims from the ledger and lets a cell
# decide. Here are three kinds of claim that code can settle, and one that it
# can't.

# %% [markdown]
# ## Check a date
#
# S4 lists 31 papers with the day they were published and a link. For papers
# on **arXiv** the link itself holds the month: the paper of the Transformer
# is `1706.03762`, so it was submitted in June 2017.

# %% exercise 00.3

# %%
import csv

from course_utils.data import data_path

with open(data_path("s4_dates.csv"), encoding="utf-8") as file:
    papers = list(csv.DictReader(file))
on_arxiv = [p for p in papers if "arxiv.org" in p["link"]]
print(len(papers), "papers,", len(on_arxiv), "with an arXiv link")
print(papers[0])

# %% [markdown]
# > **Predict** How many of the dates disagree with their own link?

# %% exercise 00.4

# %% [markdown]
# The cell below does not need your answer; it brings its own.


# %%
def months(year, month):
    return 12 * int(year) + int(month)


late = {}
for paper in on_arxiv:
    number = paper["link"].split("/pdf/")[1]
    claimed = months(*paper["date"].split("/")[:2])
    late[paper["system"]] = claimed - months("20" + number[:2], number[2:4])
wrong = {name: n for name, n in late.items() if n}
show.bars(
    wrong,
    xlabel="months by which S4's date is later than the id",
    title="Dates that disagree with their link",
    fmt="+.0f",
)

# %% [markdown]
# Five of 29. Four are slips of the calendar: *Let's Verify Step by Step* lost
# a whole year. GPT-1 is another matter: the date is right, the **link** is
# not. arXiv 1810.03993 is a paper about documenting models, and GPT-1's was
# never on arXiv. The function `claim` enters what was found into the table at
# the end of the lesson:

# %%
from course_utils.systems import claim

for id, name in [
    ("E91", "GPT-1"),
    ("E92", "InstructGPT"),
    ("E95", "GPT-4"),
    ("E94", "Let's Verify"),
    ("E96", "RLAIF"),
]:
    gap = f"months against the arXiv id: {late[name]:+d}"
    _ = claim(id, verdict="wrong", measured=gap)
right = f"{len(late) - len(wrong)} of {len(late)} agree to the month"
claim("R10", verdict="holds partly", measured=right)

# %% [markdown]
# The same four digits settle claims of the other texts: S3 dates LLaMA to
# March 2023 and the paper on emergent abilities to August 2022, S0 counts
# LaMDA among the models of 2021 (it was announced that May), and S2 calls
# Transformer-XL later than GPT-2 (14 February 2019).

# %%
for id, said, arxiv, verdict in [
    ("E97", "2023/03", "2302.13971", "wrong"),
    ("E104", "2022/08", "2206.07682", "wrong"),
    ("E121", "2021/05", "2201.08239", "holds partly"),
    ("E90", "2019/02", "1901.02860", "wrong"),
]:
    gap = months(*said.split("/")) - months("20" + arxiv[:2], arxiv[2:4])
    told = f"months from arXiv {arxiv} to {said}: {gap:+d}"
    print(claim(id, verdict=verdict, measured=told))

# %% [markdown]
# LLaMA and the emergent abilities are dated one and two months late.
# Transformer-XL came a month *before* GPT-2. LaMDA holds partly: the model was
# announced in 2021, its paper followed eight months later.

# %% [markdown]
# ## Check a size
#
# A model's size is the number of its **parameters**: the numbers that training
# sets. Its paper says how many there are, and the texts repeat it, sometimes
# with a slip. But the size is not a matter of opinion: it follows from a
# handful of numbers, the **configuration**. Take BERT-base:
#
# - a vocabulary of 30,522 sub-words, 512 positions, 2 segments,
# - vectors of $d = 768$ features (a feature is one number of a vector),
# - 12 equal blocks with an inner width $d_{ff} = 3072$.
#
# You can count it by hand. First what comes in:

# %% exercise 00.5

# %% [markdown]
# Then the blocks. What happens inside one is the subject of lesson 06; for
# counting, the list of its layers is enough. A *linear layer* from $a$ to $b$
# features is a matrix of $a \cdot b$ numbers; with a *bias* it adds one more
# number to each of the $b$ results.

# %% exercise 00.6

# %% [markdown]
# On top sits one more linear layer, the *pooler*, from 768 to 768 features.
# Together:

# %%
d, d_ff = 768, 3072
embeddings = (30522 + 512 + 2) * d + 2 * d
block = 4 * (d * d + d) + (d * d_ff + d_ff) + (d_ff * d + d) + 2 * 2 * d
by_hand = embeddings + 12 * block + (d * d + d)
print(f"{by_hand:,} parameters")

# %% [markdown]
# Now the proof. The library `transformers` holds the official architecture.
# A trick makes it cheap: on torch's **meta device** a tensor has a shape but
# no memory, so that even GPT-3 can be "built" on a laptop.

# %%
import torch
import transformers as hf


def count(model, config, **sizes):
    """Parameters of a model that is never given any memory."""
    with torch.device("meta"):
        built = model(config(**sizes))
    return sum(p.numel() for p in built.parameters())


official = count(hf.BertModel, hf.BertConfig)
assert by_hand == official
print(f"counted from the official code: {official:,}")

# %% [markdown]
# Equal to the last parameter. So let us count fifteen models. Some
# configurations are the library's defaults; for the others we give the
# numbers of their papers.

# %%
large = dict(hidden_size=1024, num_hidden_layers=24)
large |= dict(num_attention_heads=16, intermediate_size=4096)
roberta = dict(vocab_size=50265, max_position_embeddings=514)
roberta |= dict(type_vocab_size=1)
counted = {
    "BERT-base": count(hf.BertModel, hf.BertConfig),
    "BERT-large": count(hf.BertModel, hf.BertConfig, **large),
    "RoBERTa-base": count(hf.RobertaModel, hf.RobertaConfig, **roberta),
    "DistilBERT": count(hf.DistilBertModel, hf.DistilBertConfig),
    "XLNet-large": count(hf.XLNetModel, hf.XLNetConfig),
}
albert = large | dict(embedding_size=128)
roberta |= large
counted |= {
    "RoBERTa-large": count(hf.RobertaModel, hf.RobertaConfig, **roberta),
    "ALBERT-large": count(hf.AlbertModel, hf.AlbertConfig, **albert),
}

# %%
xl = dict(n_embd=1600, n_layer=48, n_head=25)
gpt3 = dict(n_embd=12288, n_layer=96, n_head=96, n_positions=2048)
t5_11b = dict(d_ff=65536, d_model=1024, d_kv=128)
t5_11b |= dict(num_layers=24, num_heads=128)
llama = dict(hidden_size=8192, intermediate_size=22016)
llama |= dict(num_hidden_layers=80, num_attention_heads=64)
counted |= {
    "GPT-1": count(hf.OpenAIGPTModel, hf.OpenAIGPTConfig),
    "GPT-2": count(hf.GPT2Model, hf.GPT2Config),
    "GPT-2 XL": count(hf.GPT2Model, hf.GPT2Config, **xl),
    "GPT-3": count(hf.GPT2Model, hf.GPT2Config, **gpt3),
    "T5-small": count(hf.T5Model, hf.T5Config),
    "T5-11B": count(hf.T5Model, hf.T5Config, **t5_11b),
    "LLaMA-7B": count(hf.LlamaForCausalLM, hf.LlamaConfig),
    "LLaMA-65B": count(hf.LlamaForCausalLM, hf.LlamaConfig, **llama),
}

# %%
rows = [(name, f"{n / 1e6:,.1f}") for name, n in counted.items()]
show.table(
    rows,
    columns=("model", "million parameters"),
    caption="Parameters, counted from the official architectures",
    align={"million parameters": "right"},
)

# %% [markdown]
# The smallest and the largest differ by a factor of ten thousand. S3 gives
# sizes for several of these families. Some of its numbers come in Chinese
# units, 万 (10⁴) and 亿 (10⁸), which are a trap for anybody who thinks in
# thousands, millions and billions.

# %% exercise 00.7

# %%
said = {"BERT-large": 3.3e9, "RoBERTa-large": 2.7e9}
said |= {"XLNet-large": 1.8e9, "T5-11B": 22e9}
show.bars(
    {
        f"{name}: {n / 1e9:g} billion": n / counted[name]
        for name, n in said.items()
    },
    xlabel="largest size in S3 / largest size counted",
    fmt=".1f",
    title="How far off S3 is",
    baseline={"right": 1.0},
)

# %% [markdown]
# All four bars end beyond the dashed line: S3's largest sizes are two to ten
# times too large.
#
# BERT's story is instructive. S3 knows versions of "340M and 1.1B" and then
# gives the second "3.3 billion parameters". The real pair is 110 and 340
# million. *1.1B* looks like 1.1亿, which is 110 million, read as if 亿 were a
# billion; and *33亿* is in BERT's paper, but as the number of **words** it
# was trained on. A unit misread, and a number moved to another noun.

# %%
M = {name: f"{n / 1e6:,.1f} million" for name, n in counted.items()}
for id, measured in {
    "E80": f"base {M['BERT-base']}, large {M['BERT-large']}",
    "E81": f"base {M['RoBERTa-base']}, large {M['RoBERTa-large']}",
    "E82": f"{M['T5-small']} to {M['T5-11B']}; no 22 billion",
    "E83": f"XLNet-large {M['XLNet-large']}",
}.items():
    _ = claim(id, measured=measured, verdict="wrong")
for id, measured in {
    "E72": f"{counted['GPT-3'] / 1e9:.1f} billion, so not quite 175",
    "E105": f"BERT-large {M['BERT-large']}, T5-11B {M['T5-11B']}",
}.items():
    _ = claim(id, measured=measured, verdict="holds partly")

# %% [markdown]
# Checking is not only finding fault. Many sizes in the texts are right, or
# nearly. S2 says that the smallest GPT-2 takes 500 MB and the largest over
# 6.5 GB, S3 that GPT-1 has 0.1 and GPT-2 1.5 billion parameters, S0 and S4
# that DistilBERT is 40 % smaller than BERT, S0 that ALBERT has 18 times fewer
# parameters, S3 and S4 that LLaMA has 7 to 65 billion:

# %%
share = counted["DistilBERT"] / counted["BERT-base"]
times = counted["BERT-large"] / counted["ALBERT-large"]
small, big = counted["GPT-2"] * 4 / 1e6, counted["GPT-2 XL"] * 4 / 1e9
for id, verdict, measured in [
    ("R03", "holds partly", f"4 bytes each: {small:.0f} MB, {big:.1f} GB"),
    ("R04", "holds", f"GPT-1 {M['GPT-1']}, GPT-2 XL {M['GPT-2 XL']}"),
    ("R05", "holds", f"{1 - share:.0%} fewer parameters"),
    ("R06", "holds", f"BERT-large / ALBERT-large = {times:.1f}"),
    ("R07", "holds", f"{M['LLaMA-7B']} to {M['LLaMA-65B']}"),
]:
    print(claim(id, measured, verdict))

# %% [markdown]
# The configurations also hold the size of the **vocabulary**. S2 gives GPT-2
# a vocabulary of "5000 words"; S0 speaks of 50K, and of 250K for CTRL and mT5.

# %%
gpt2, ctrl, mt5 = hf.GPT2Config(), hf.CTRLConfig(), hf.MT5Config()
assert gpt2.vocab_size == 256 + 50_000 + 1
pieces = f"{gpt2.vocab_size:,} = 256 bytes + 50,000 merges + 1"
print(claim("E89", verdict="wrong", measured=pieces))
print(claim("R08", verdict="holds", measured=f"{ctrl.vocab_size:,}"))
gated = f"{mt5.vocab_size:,}, {mt5.feed_forward_proj}"
print(claim("R09", verdict="holds", measured=gated))

# %% [markdown]
# One more slip of the same kind: S4 says that InstructGPT, with 1.3 billion
# parameters, beat a GPT-3 of 175亿 (17.5 billion) and was "100 times
# smaller". Arithmetic alone shows that one of the two is wrong:

# %%
for size in (17.5e9, 175e9):
    print(f"{size / 1e9:5.1f} billion / 1.3 billion = {size / 1.3e9:.0f}")
fits = f"17.5 / 1.3 = {17.5 / 1.3:.0f}, 175 / 1.3 = {175 / 1.3:.0f}"
_ = claim("E93", verdict="wrong", measured=fits)

# %% [markdown]
# Only 175 billion (1750亿) fits "100 times smaller": a digit was lost.

# %% [markdown]
# ## Check some code
#
# S1 shows several programs. Copying one from a web page and running it is the
# first thing that a learner does, so let us do the same with one of its
# lines. `compile` reads code without running it:

# %%
line = "input_text = “Love, her rain-filled eyes towards the blue sky.”"
try:
    compile(line, "S1", "exec")
except SyntaxError as error:
    print("SyntaxError:", error.msg)

# %% exercise 00.8

# %% [markdown]
# The quotes are typographic ones, put there by the web page. A second fault
# of the same origin: loops that lost their indentation.


# %%
def python_says(code):
    """What Python says to a piece of code, without running it."""
    try:
        compile(code, "S1", "exec")
    except SyntaxError as error:
        return f"{type(error).__name__}: {error.msg}"
    return "compiles"


loop = "for word in words:\nstemmed_word = stemmer.stem(word)"
pieces = {
    "quotes, as printed": line,
    "quotes, straightened": line.replace("“", '"').replace("”", '"'),
    "loop, as printed": loop,
    "loop, indented": loop.replace("\nstem", "\n    stem"),
}

# %%
results = [(name, python_says(code)) for name, code in pieces.items()]
show.table(
    results,
    columns=("code", "Python says"),
    caption="Two pieces of S1's code, as printed and mended",
)
told = ", ".join(f"{name}: {said}" for name, said in results)
_ = claim("E70", verdict="wrong", measured=told)

# %% [markdown]
# ## What code can't settle
#
# Who built Switch Transformer? On which day of 2019 did GPT-2 appear? No cell
# computes that. For such claims the ledger names the paper, and you can look
# it up. What is left of this lesson's claims is of that kind:

# %%
from course_utils.systems import claims, recorded

done = {measurement.claim.id for measurement in recorded()}
rest = [c for c in claims().values() if c.lesson == 0 and c.id not in done]
partly = {"E87"}  # right, but only half of it
for c in rest:
    verdict = "holds partly" if c.id in partly else "wrong"
    _ = claim(c.id, measured=f"by reading: {c.evidence}", verdict=verdict)
show.table(
    [(c.id, ", ".join(c.sources), c.claim, c.correct) for c in rest],
    columns=("claim", "text", "it says", "correct"),
    caption="Settled by reading",
)

# %% [markdown]
# Several of them were found without reading any paper: the texts contradict
# each other. When two texts disagree, at least one is wrong.

# %% [markdown]
# ## Claims
#
# Every lesson ends its argument with this table: what the texts say, what was
# measured above, and the verdict.

# %%
show.claims()

# %% [markdown]
# ## Summary
#
# - A lesson runs from top to bottom, offline. Checks say what is wrong; hints
#   and folded solutions help.
# - 122 systems form one family: after 2017 nearly all descend from the
#   Transformer.
# - An arXiv id holds year and month. Five of S4's 29 dates disagree with it.
# - A model's size follows from its configuration; on the meta device it can
#   be counted without memory. Four of S3's families are off, by up to ten
#   times.
# - Code from a web page may not even compile: look at quotes and indentation.
#
# The habit to keep: before you believe a number, ask which cell would show
# that it is wrong.

# %% [markdown]
# ## Further reading
#
# - A. Vaswani and others, *Attention Is All You Need*, 2017: the root of the
#   tree.
# - J. Kaplan and others, *Scaling Laws for Neural Language Models*, 2020,
#   section 2.1: how to count parameters and compute.
# - arXiv, *Understanding the arXiv identifier*: what the digits mean.
