# ---
# jupyter:
#   course:
#     title: BERT
#     why: >-
#       Labels are rare and dear, text is everywhere. BERT (2018) first learns from text alone, by guessing words that
#       were hidden from it, with a view of both sides. What it has learnt then serves many tasks, each with a small
#       head and a few labelled examples. You build both halves of this bargain, prove the model equal to the official
#       one, and measure what pre-training is worth, where counting words is better, and what does not fit into a
#       minute.
#     objectives:
#       - make training data out of plain text, by hiding words and by pairing sentences
#       - say what BERT adds to the encoder of lesson 07, and count its parameters without building it
#       - pre-train a small BERT, and judge its guesses against baselines that count
#       - put five heads on it, and compare with training from scratch and with cheap baselines at 50 to 1000 labels
#       - measure which layers may be frozen, and see why natural text needs more than a minute
#     builds_on: [4, 7, 8]
#     minutes: 80
#     budget: 120
#     systems: [C1, C12, C13, C14]
# ---

# %% [markdown]
# ## Labels for nothing
#
# To teach a model who is named in a sentence, somebody must mark the names.
# To teach it what word fits into a gap, nobody must do anything: hide a word,
# and the text itself is the answer. Learning from labels that are part of the
# data is **self-supervised learning**. It works on pictures too (hide a patch,
# paint it in), and on the next word, as in GPT (lesson 15).
#
# The texts of this lesson are from the synthetic world of lesson 03, so that
# you know what there is to find. Here are four of its *stories*, documents of
# two sentences:

# %%
from course_utils.data.world import EFFECTS, World, tasks

world = World(seed=0)
stories = tasks.stories(world, 6000)
for story in stories[:4]:
    print(" ".join(word for sentence in story for word in sentence))

# %% [markdown]
# This is the full list of what is built in. Whatever you will see below is one
# of these effects, found again; none is a discovery about English.

# %%
show.table(
    [(k, v) for k, v in EFFECTS.items() if k.startswith("tasks")],
    columns=("effect", "what is built in"),
    caption="What is built into the texts of this lesson",
)

# %% [markdown]
# We shall need a vocabulary. For a small world it may be all its words, with
# BERT's five special tokens before them. Twelve words are merged in pairs: all
# *bread* and all *isk* (a river) become one spelling, and so on. These are the
# homographs that lesson 03 promised to come back to.

# %%
import torch
from course_utils.data.world.lexicon import PROFESSIONS, RIVERS

spelling = {}
for profession, river in list(zip(PROFESSIONS, RIVERS))[:6]:
    both = f"{profession.product}/{river}"
    spelling |= {profession.product: both, river: both}
words = {w for story in stories for sentence in story for w in sentence}
words |= {w for form in tasks.ASKED.values() for w in " ".join(form).split()}
words -= {"{subject}"}
vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
vocabulary += sorted({spelling.get(word, word) for word in words})
number = {word: i for i, word in enumerate(vocabulary)}
V, SPECIAL = len(vocabulary), range(5)


def ids(text):
    """The numbers of a list of words."""
    return [number[spelling.get(word, word)] for word in text]


# %%
print(V, "words;", vocabulary[:5], sorted(set(spelling.values()))[:3])

# %% [markdown]
# ### Hide 15 %
#
# BERT chooses 15 % of the tokens. Of these, 80 % become `[MASK]`, 10 % some
# other word, 10 % stay as they are. The loss is taken at the chosen positions
# and nowhere else. This is **masked language modelling** (MLM).
#
# > **Predict** Why not make all of them `[MASK]`? And why is the loss not
# > taken everywhere, since it would cost nothing?

# %% exercise 10.1

# %% [markdown]
# Count what the package's version does to many tokens:

# %%
from collections import Counter

from course_utils.objectives.mlm import mask_tokens

many = torch.randint(5, V, (2000, 100), generator=torch.Generator())
masked = mask_tokens(
    many, mask_id=4, vocab_size=V, special=SPECIAL, generator=0
)
chosen = masked.labels >= 0
became = masked.ids[chosen]
share = {
    "[MASK]": (became == 4).double().mean().item(),
    "as it was": (became == many[chosen]).double().mean().item(),
}
share["another word"] = 1 - sum(share.values())
print(f"chosen: {chosen.double().mean().item():.1%} of {many.numel():,}")
print({name: f"{x:.1%}" for name, x in share.items()})
assert torch.equal(masked.ids[~chosen], many[~chosen])
assert abs(share["[MASK]"] - 0.8) < 0.01

# %% [markdown]
# No task to come has a `[MASK]` in it. The words that are random or unchanged
# force the model to doubt *every* word, so that each position needs a good
# vector. And a loss everywhere would mostly ask for words that stand in plain
# sight: copying is no work.

# %% exercise 10.2

# %% [markdown]
# ### Two texts in one row
#
# BERT's second task is a yes or no: does sentence B follow sentence A (**next
# sentence prediction**)? Half of the time it does, half of the time B is from
# somewhere else. Both stand in one row, and a *segment* tells them apart.

# %% exercise 10.3

# %% [markdown]
# The package draws the pairs. Here are all our stories as rows of one width:

# %%
from course_utils.objectives.nsp import next_sentence
from torch.nn.functional import pad


def pairs_of(documents, width, seed=0):
    """Rows of pairs, their segments, and 0 where B is the next."""
    chance = torch.Generator().manual_seed(seed)
    rows = []
    for i in range(0, len(documents), 500):  # B is from the same 500
        part = documents[i : i + 500]
        found = next_sentence(
            part, len(part), cls=2, sep=3, max_len=width, generator=chance
        )
        fill = (0, width - found.ids.shape[1])
        rows.append((pad(found.ids, fill), pad(found.segments, fill)))
        rows[-1] += (found.labels,)
    return tuple(torch.cat(column) for column in zip(*rows))


documents = [[ids(sentence) for sentence in story] for story in stories]

# %%
pairs = pairs_of(documents, width=26)
for row in range(2):
    shown = [vocabulary[i] for i in pairs[0][row].tolist() if i]
    print(int(pairs[2][row]), " ".join(shown))
print(tuple(pairs[0].shape), f"not next: {pairs[2].double().mean():.3f}")

# %% [markdown]
# ## The model
#
# BERT is the encoder of lesson 07 with small changes: positions and segments
# are learned tables, a norm stands on the embeddings, GELU replaces ReLU. Two
# heads sit on it. One scores words at each position, with the embedding table
# once more as its last matrix; one scores yes or no at the first position,
# `[CLS]`, where attention has to bring what the whole row says.

# %%
from course_utils.models.bert import Bert, BertConfig, BertForPretraining

show.source(Bert.embed)
show.source(Bert.forward)

# %% [markdown]
# Equal to the official one? The proof: a small model, *all* parameters random
# (a fresh model hides mistakes in biases and norms, which are 0 and 1), in
# float64, with segments and real padding: 31 words, vectors of 20 numbers, 3
# layers, 5 heads, nets of 28.

# %%
import transformers

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
small = BertConfig(31, 20, 3, 5, 28, max_len=13, dropout=0.0)
ours = BertForPretraining(small).double().eval()
torch.manual_seed(0)
for weight in ours.parameters():
    torch.nn.init.normal_(weight, std=0.3)
official_sizes = transformers.BertConfig(
    vocab_size=31,
    hidden_size=20,
    num_hidden_layers=3,
    num_attention_heads=5,
    intermediate_size=28,
    max_position_embeddings=13,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
)
theirs = transformers.BertForPreTraining(official_sizes).double().eval()

# %%
from course_utils import weights

state = weights.to_hf(ours, BertForPretraining.HF)
left = theirs.load_state_dict(state, strict=False)
assert not left.unexpected_keys
theirs.tie_weights()
rows = torch.tensor([[2, 5, 6, 3, 7, 8, 3], [2, 9, 3, 10, 3, 0, 0]])
parts = torch.tensor([[0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 0, 0]])
official = theirs(rows, token_type_ids=parts, attention_mask=rows > 0)
mine = ours(rows, parts, rows > 0)
torch.testing.assert_close(mine[0], official.prediction_logits)
torch.testing.assert_close(mine[1], official.seq_relationship_logits)
swapped = ours(rows, 1 - parts, rows > 0)[0]
assert (swapped - mine[0]).abs().max() > 1e-3
print("equal in", mine[0].numel() + mine[1].numel(), "scores")
print("with the segments swapped they differ: the proof can fail")

# %% [markdown]
# ### How large is BERT?
#
# S3 says that BERT has versions of *340M and 1.1B*, the larger with 3.3
# billion parameters, and that large language models have tens to hundreds of
# billions, BERT being typical. On the device `meta` a tensor has a shape and
# no memory, so the real sizes can be counted in a moment.

# %% exercise 10.4

# %%
from course_utils.systems import claim

large = BertConfig(d_model=1024, n_layers=24, n_heads=16, d_ff=4096)
millions = {}
for name, cfg in {"base": BertConfig(), "large": large}.items():
    with torch.device("meta"):
        encoder = Bert(cfg)
    pooler = cfg.d_model**2 + cfg.d_model  # transformers counts it too
    n = sum(p.numel() for p in encoder.parameters()) + pooler
    millions[name] = n / 1e6
    print(f"BERT-{name}: {n:,} parameters")
assert [round(n, 1) for n in millions.values()] == [109.5, 335.1]
found = "109.5 and 335.1 million; no version has a billion"
_ = claim("E80", verdict="wrong", measured=found)
found = "BERT has 0.11 to 0.34 billion, far from tens; T5: lesson 00"
_ = claim("E105", verdict="holds partly", measured=found)

# %% [markdown]
# The 3.3 billion are the *words* of BERT's training text. By today's measure
# BERT is small.

# %% [markdown]
# ## Pre-train on the world
#
# Ours has four layers and vectors of 64 numbers. To make it learn in half a
# minute, it departs from the paper in three ways. What a layer adds to the
# stream starts at 0, so that the fresh model is shallow. The other matrices start
# three times as large, because our vectors are short. And the matrices inside the
# layers are trained by *Muon*, an optimiser that lesson 15 explains, all else by
# Adam.

# %%
from course_utils.train import fit, shuffled, warmup_linear
from course_utils.train.muon import Muon

config = BertConfig(V, 64, 4, 4, 256, max_len=128, dropout=0.0)


def fresh(seed=0):
    """A new model; the paper's width of 0.02 is for 768 numbers."""
    torch.manual_seed(seed)
    model = BertForPretraining(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            adds = name.endswith(("out_proj.weight", "down.weight"))
            weight *= 0 if adds else 3 if weight.ndim == 2 else 1
    return model


# %%
def muon(model, lr=0.05):
    """Muon for the blocks' matrices, Adam for the rest."""
    inside = [p for p in model.bert.blocks.parameters() if p.ndim == 2]
    known = {id(p) for p in inside}
    rest = [p for p in model.parameters() if id(p) not in known]
    return Muon(inside, rest, lr, 0.01)


# %% [markdown]
# What a batch goes through before the model sees it:


# %%
def trim(rows, segments):
    """Without the columns that are padding in every row: they cost time."""
    n = int((rows > 0).sum(1).max())
    return rows[:, :n], segments[:, :n]


def mask(rows, rate=0.15, seed=None):
    """Hide some of the words, anew each time without a seed."""
    chance = torch.default_generator if seed is None else seed
    return mask_tokens(
        rows,
        mask_id=4,
        vocab_size=V,
        special=SPECIAL,
        generator=chance,
        rate=rate,
    )


# %% [markdown]
# Why 15 %? The more words are hidden, the more is learnt from each pass, but
# the less is left to guess from. The paper gives no comparison. Here is one: a
# short training at each of three rates, always *tested* at 15 %.
#
# > **Predict** Which rate wins?

# %% tags=["nbval-ignore-output"]
held_out = tuple(part[:600] for part in pairs)
to_learn = tuple(part[600:] for part in pairs)
test = mask(held_out[0], seed=1)


@torch.no_grad()
def accuracy(model):
    """Of the hidden words, and of the pairs, the share that is right."""
    scores, follows = model(test.ids, held_out[1], held_out[0] > 0)
    asked = test.labels >= 0
    right = scores[asked].argmax(-1) == test.labels[asked]
    pairs_right = follows.argmax(-1) == held_out[2]
    return {
        "words": right.double().mean(),
        "pairs": pairs_right.double().mean(),
    }


# %% tags=["nbval-ignore-output"]
def pretrain(model, rows, steps, rate=0.3, schedule=None, **options):
    """Train on both losses: hidden words, next sentence."""

    def loss(model, batch):
        given, segments = trim(*batch[:2])
        hidden, seen = mask(given, rate), given > 0
        return model.loss(hidden.ids, segments, seen, hidden.labels, batch[2])

    schedule = schedule or warmup_linear(steps, steps // 10, floor=0.2)
    return fit(
        model,
        shuffled(*rows, batch_size=64),
        steps,
        loss=loss,
        optimizer=muon(model),
        schedule=schedule,
        **options,
    )


# %% tags=["nbval-ignore-output"]
rates = {}
for rate in (0.15, 0.3, 0.6):
    model = fresh()
    pretrain(model, to_learn, 30, rate, progress=False)
    rates[f"{rate:.0%}"] = accuracy(model)["words"].item()
show.bars(
    rates,
    fmt=".2f",
    xlabel="hidden words found, after 30 steps",
    title="How much to hide",
)

# %% [markdown]
# More than 15 % is better in so short a training, up to a point: 60 % is hardly
# better than 30 %. Later work on real BERTs found 40 % to be better as well (Wettig et
# al. 2022): the 15 % are a habit, not a law. We train with 30 %, and test as
# ever at 15 %. (Training runs in float32, whose last digits differ between
# processors: cells that print trained numbers are not compared to the letter.
# What is asserted must hold everywhere.)
#
# ### The bar
#
# Before the training, the baselines: the most frequent word everywhere; the
# best word after the *left* neighbour; and the best between *both*.

# %% exercise 10.5


# %%
def count(rows, n):
    """How often each of n tokens follows each, and its log P."""
    table = torch.full((n, n), 0.01, dtype=torch.float64)
    one = torch.ones((), dtype=torch.float64)
    table.index_put_((rows[:, :-1], rows[:, 1:]), one, accumulate=True)
    table[0] = table[:, :5] = 1e-9  # no special token is ever hidden
    return table, (table / table.sum(1, keepdim=True)).log()


# %%
def counted(table, after, rows, labels):
    """The accuracy of three baselines at the hidden places."""
    at = (labels >= 0).nonzero(as_tuple=True)
    left, right = (rows[at[0], at[1] + step] for step in (-1, 1))
    guesses = {
        "most frequent": table.sum(0).argmax().expand(len(left)),
        "left neighbour": after[left].argmax(1),
        "both neighbours": (after[left] + after[:, right].T).argmax(1),
    }
    true = labels[at]
    return {
        name: (guess == true).double().mean().item()
        for name, guess in guesses.items()
    }


bars = counted(*count(to_learn[0], V), held_out[0], test.labels)
for name, share in bars.items():
    print(f"{name}: {share:.2f}")

# %% [markdown]
# These see the true neighbours, though the model's may be hidden: a strict
# bar. Now train:

# %% tags=["nbval-ignore-output"]
import time

start = time.process_time()
bert = fresh()
history = pretrain(bert, to_learn, 400, evaluate=accuracy, every=50)
print(f"{time.process_time() - start:.0f} CPU seconds")

# %% tags=["nbval-ignore-output"]
import matplotlib.pyplot as plt

steps = list(history.evaluations)
with show.style():
    fig, ax = plt.subplots(figsize=(6.4, 3), layout="constrained")
    for name in ("words", "pairs"):
        ax.plot(
            steps,
            [history.evaluations[i][name] for i in steps],
            label={"words": "hidden words", "pairs": "pairs"}[name],
        )
    for (name, height), style in zip(bars.items(), (":", "--", "-.")):
        ax.axhline(height, color=show.GREY, ls=style, lw=1, label=name)
    ax.set(xlabel="step", ylabel="accuracy", ylim=(0, 1))
    ax.legend(ncol=3, fontsize=8, loc="lower right", frameon=True)
seen = "hidden words rise past all three baselines, pairs rise from a half"
show.figure(fig, alt=f"Accuracy on held-out texts while training: {seen}.")

# %%
last = history.evaluations[400]
assert last["words"] > max(bars.values())
assert last["pairs"] > 0.7
print("it finds more words than both neighbours tell")
print("it tells next sentences from others")

# %% [markdown]
# The lower lines are passed in the first steps, and the third one, what both
# neighbours tell, about half-way. Of five pairs it tells more than four right.
# Look at some of its guesses, with their probabilities:


# %% tags=["nbval-ignore-output"]
def fill(sentence, n=4):
    """The likeliest words for the [MASK] of a sentence."""
    row = [2, *(number[w] for w in sentence.split()), 3]
    with torch.no_grad():
        scores = bert(torch.tensor([row]))[0][0, row.index(4)]
    best = scores.softmax(-1).topk(n)
    return ", ".join(
        f"{vocabulary[i]} {p:.2f}" for p, i in zip(*map(list, best))
    )


gaps = [
    "adra lives in [MASK] .",
    "adra [MASK] in ashmir .",
    "the home of [MASK] is in ashmir .",
    "what a lovely and [MASK] sword .",
    "the king of [MASK] visits ashmir city .",
    "they call adra the best [MASK] .",
]

# %% tags=["nbval-ignore-output"]
show.table(
    [(gap, fill(gap)) for gap in gaps],
    columns=("sentence", "its guesses"),
    caption="What it puts into gaps",
)

# %% [markdown]
# In our texts praise stands beside praise, and blame beside blame. Does it know?
# Add up what it gives to all words of praise, and of blame:


# %% tags=["nbval-ignore-output"]
def kinds(sentence):
    """The probability of praise and of blame in the gap."""
    row = [2, *(number[w] for w in sentence.split()), 3]
    with torch.no_grad():
        chances = bert(torch.tensor([row]))[0][0, row.index(4)].softmax(-1)
    return [
        sum(chances[number[w]].item() for w in kind if w in number)
        for kind in (tasks.GOOD, tasks.BAD)
    ]


for word in ("lovely", "nasty"):
    praise, blame = kinds(f"what a {word} and [MASK] sword .")
    print(f"beside {word}: praise {praise:.2f}, blame {blame:.2f}")

# %% [markdown]
# It has found the *kinds*, mostly: a town where a town must stand, a person for a
# person, a profession for a profession. Which town is a matter of facts, and
# there it is unsure or wrong. And what is praise and what is blame it has not
# found: beside *lovely* the gap gets nearly what it gets beside *nasty*. To the
# model both are words of one kind, as opposites were for word2vec. Keep this in
# mind.

# %% [markdown]
# ### Two lengths
#
# The cost of attention grows with the square of the length, so BERT was
# trained on rows of 128 tokens for 90 % of the steps, and of 512 for the rest.
# The rest is needed: the table of positions has a row for each, and rows that
# were never used are noise. Ours has seen 26 positions. Make longer rows of
# the same texts, and look at the loss *by position*, before and after 35 steps
# on them.
#
# > **Predict** Whoever knows nothing has a loss of $\ln V = \ln 306 = 5.72$. Where
# > will the model be at positions that it has never seen?

# %% tags=["nbval-ignore-output"]
double = [
    [a + c, b + d] for (a, b), (c, d) in zip(documents[::2], documents[1::2])
]
long_rows = pairs_of(double, width=50)
long_test = mask(long_rows[0][:300], seed=2)


@torch.no_grad()
def by_position(model):
    """Mean loss at the positions of the first phase, and beyond."""
    seen = long_test.ids > 0
    scores, _ = model(long_test.ids, long_rows[1][:300], seen)
    loss = torch.nn.functional.cross_entropy(
        scores.transpose(1, 2), long_test.labels, reduction="none"
    )
    asked = long_test.labels >= 0
    return [
        loss[:, part][asked[:, part]].mean().item()
        for part in (slice(0, 26), slice(26, None))
    ]


# %% tags=["nbval-ignore-output"]
before = by_position(bert)
short_step = history.seconds[-1] / len(history)
late = [part[300:] for part in long_rows]
phase = pretrain(bert, late, 35, schedule=lambda step: 0.2 * (1 - step / 35))
behind = by_position(bert)
long_step = phase.seconds[-1] / len(phase)
show.table(
    [("before", *before), ("after", *behind)],
    columns=("phase 2", "loss, positions 1 to 26", "beyond"),
    fmt={"loss, positions 1 to 26": ".2f", "beyond": ".2f"},
    caption="Mean loss of hidden words, in nats",
)
print(f"a long step takes {long_step / short_step:.1f} times a short one")

# %%
assert before[1] > before[0] + 0.3
assert behind[1] < before[1] - 0.3
print("positions that were never trained are bad, and soon better")

# %% [markdown]
# Worse than knowing nothing: rows of noise mislead. A few long steps bring the
# loss well below that, because all that is known of words needs no learning
# again. (To come down to that of the first 26 positions takes more of them.)
#
# And the price? Here attention is cheap beside the nets, so a step of double length
# takes at most about double time; at 512 tokens the square begins to count.

# %% [markdown]
# ## What heads look at
#
# Here are the four heads of the first layer on two sentences that tell one
# fact. Choose a token to see where its row of weights lies:

# %% tags=["nbval-ignore-output"]
from course_utils.blocks.attention import record

tokens = ["[CLS]", "adra", "lives", "in", "ashmir", ".", "[SEP]"]
tokens += ["the", "home", "of", "adra", "is", "in", "ashmir", ".", "[SEP]"]
row = torch.tensor([[number[token] for token in tokens]])
parts = torch.tensor([[0] * 7 + [1] * (len(tokens) - 7)])
with record(bert) as attended, torch.no_grad():
    bert(row, parts)
show.attention(
    attended["bert.blocks.0.attn"][0],
    tokens,
    alt="Four heads of the first layer. Some have their weight beside the "
    "diagonal, on the neighbours; others spread it over the row.",
    title="First layer",
)

# %% [markdown]
# A bright line just below the diagonal is a head that looks at the word before,
# one just above it looks at the word after.
#
# Do heads prefer directions? For each of the 16 heads, the share of its
# weight that goes to the word itself, to its two neighbours, and to the marks
# (`[CLS]`, `[SEP]`, full stops), over 200 held-out rows. A mark can be a
# neighbour too, so the three do not add up to 1.

# %% tags=["nbval-ignore-output"]
some = held_out[0][:200]
real = (some > 0).double()
with record(bert) as attended, torch.no_grad():
    bert(some, held_out[1][:200], some > 0)
n = some.shape[1]
distance = (torch.arange(n)[:, None] - torch.arange(n)).abs()
marks = torch.isin(some, torch.tensor([2, 3, number["."]]))[:, None, None]
rows = []
for layer in range(4):
    w = attended[f"bert.blocks.{layer}.attn"].double()
    w = w * real[:, None, :, None] / real.sum()
    near = [w[..., distance == d].sum((0, 2)) for d in (0, 1)]
    for head in range(4):
        share = [x[head].item() for x in (*near, (w * marks).sum((0, 2, 3)))]
        rows.append((f"{layer + 1}.{head + 1}", *share))
columns = ("head", "itself", "neighbours", "marks")

# %% tags=["nbval-ignore-output"]
show.table(
    rows,
    columns=columns,
    fmt=dict.fromkeys(columns[1:], ".2f"),
    caption="Where the weight of each head goes",
)

# %% [markdown]
# Heads divide the work. In the lower layers some have given themselves to the
# neighbours: with them a model knows what the baseline of both neighbours
# knows. Further up the weights are spread more evenly, and are harder to read.
# What a head looks at is evidence of what it does, and no proof (lesson 06).

# %% [markdown]
# ## One spelling, many vectors
#
# Lesson 03 ended with a promise. A static vector belongs to a spelling, so for
# *bread/isk* it can only say what is more frequent. BERT gives a vector to each
# *occurrence*. Take the mean vector of both meanings in half of the stories,
# and let the nearest mean decide in the other half:


# %% tags=["nbval-ignore-output"]
@torch.no_grad()
def occurrences():
    """(true word, half, vector) of each homograph."""
    found = []
    for i, story in enumerate(stories):
        flat = [word for sentence in story for word in sentence]
        at = [k for k, word in enumerate(flat) if word in spelling]
        if at:
            vectors = bert.bert(torch.tensor([[2, *ids(flat), 3]]))[0]
            found += [(flat[k], i % 2, vectors[k + 1]) for k in at]
    return found


seen_at, right, usual, n_seen = occurrences(), 0, 0, 0

# %% tags=["nbval-ignore-output"]
for both in sorted(set(spelling.values())):
    senses = both.split("/")
    learn = {
        w: [v for t, half, v in seen_at if t == w and not half] for w in senses
    }
    means = {w: torch.stack(vs).mean(0) for w, vs in learn.items()}
    asked = [(t, v) for t, half, v in seen_at if t in senses and half]
    usual += max(Counter(t for t, _ in asked).values())
    right += sum(
        min(senses, key=lambda w: (means[w] - v).norm().item()) == t
        for t, v in asked
    )
    n_seen += len(asked)
static, contextual = usual / n_seen, right / n_seen
print(f"{n_seen} occurrences: static {static:.2f}, BERT {contextual:.2f}")

# %%
assert contextual > static + 0.1
found = "any static vector: the majority at best; BERT: a vector for each "
found += "occurrence, which tells the meanings apart"
_ = claim("E54", verdict="wrong", measured=found)

# %% [markdown]
# ## Five tasks, a head for each
#
# Now the other half of the bargain. The encoder stays, with all it has learnt;
# a new small head is put on it, and *everything* is trained on, with labels:
#
# | task | example | head |
# |---|---|---|
# | classes: is a review praise or blame? | *the oven is not awful* | one score for each class, from `[CLS]` |
# | names: person, town, animal, profession | *king firo visits ashmir city* | one score for each tag, at each word |
# | questions: where is the answer? | *where does adra live ?* and a passage | start and end, at each word |
# | pairs: is the same fact told? | *adra is our baker*, *adra works in the bakery* | classes, from `[CLS]` |
# | vectors: the same, each sentence read alone | the same | the cosine of two mean vectors |
#
# All are tested on combinations that no text for training has, neither the
# labelled ones nor the stories.

# %% exercise 10.6

# %%
from course_utils.blocks.heads import (
    FirstTokenHead,
    SpanHead,
    TagHead,
    best_span,
)

TAG = {tag: i for i, tag in enumerate(tasks.TAGS)}


# %%
def batch_of(parts):
    """Rows [CLS] a [SEP] (b [SEP]), and their segments."""
    rows, segments = [], []
    for one in parts:
        coded = [[*ids(part), 3] for part in one]
        rows.append([2, *(i for part in coded for i in part)])
        marks = [k for k, part in enumerate(coded) for _ in part]
        segments.append([0, *marks])
    n = max(map(len, rows))
    return [
        torch.tensor([row + [0] * (n - len(row)) for row in column])
        for column in (rows, segments)
    ]


def reviews(n, **options):
    """Praise or blame."""
    found = tasks.reviews(world, n, **options)
    labels = torch.tensor([int(one.praise) for one in found])
    return *batch_of([[one.words] for one in found]), labels


# %%
def entities(n, **options):
    """A tag for each word."""
    found = tasks.entities(world, n, **options)
    rows, segments = batch_of([[one.words] for one in found])
    labels = torch.full_like(rows, -100)
    for row, one in zip(labels, found):
        row[1 : len(one.tags) + 1] = torch.tensor([TAG[t] for t in one.tags])
    return rows, segments, labels


# %% [markdown]
# A question and its passage stand in one row, as a pair does. The answer is two
# positions in that row.


# %%
def questions(n, **options):
    """The first and the last position of the answer."""
    found = tasks.questions(world, n, **options)
    shift = [len(one.question) + 2 for one in found]
    spans = [(one.start + k, one.end + k) for one, k in zip(found, shift)]
    parts = [[one.question, one.passage] for one in found]
    return *batch_of(parts), torch.tensor(spans)


def same(n, **options):
    """Whether two sentences tell one fact."""
    found = tasks.tellings(world, n, **options)
    labels = torch.tensor([int(one.same) for one in found])
    return *batch_of([[one.first, one.second] for one in found]), labels


# %% [markdown]
# In a pair every word of one sentence can look at every word of the other.
# Nobody can search so: each question would have to be read together with each
# of a million texts. A **sentence vector** is computed from one sentence
# alone, once, here as the mean of its words' vectors. Then a cosine must do.


# %%
def alone(n, **options):
    """The same pairs, with a row for each sentence: (n, 2, length)."""
    found = tasks.tellings(world, n, **options)
    parts = [[words] for one in found for words in (one.first, one.second)]
    rows, segments = (x.view(n, 2, -1) for x in batch_of(parts))
    return rows, segments, torch.tensor([int(one.same) for one in found])


# %%
TASKS = {
    "reviews": reviews,
    "names": entities,
    "questions": questions,
    "pairs": same,
    "vectors": alone,
}
HEADS = {
    "names": lambda: TagHead(64, 9),
    "questions": lambda: SpanHead(64),
    "vectors": lambda: torch.nn.Linear(1, 2),
}
labelled = {name: make(1000) for name, make in TASKS.items()}
testing = {name: make(300, held_out=True) for name, make in TASKS.items()}
for name, (rows, _, labels) in labelled.items():
    print(f"{name}: rows {tuple(rows.shape)}, labels {tuple(labels.shape)}")

# %% [markdown]
# Names are judged by F1, answers by exact match (first and last word right),
# classes by accuracy. Random numbers decide how a fine-tuning of 50 examples
# goes, so remember the size of the test set too: with 300 examples a share of
# 0.8 is known to about ± 0.045 (in 95 of 100 cases).

# %% exercise 10.7

# %% exercise 10.8


# %%
def name_spans(tags):
    """The names in a row of tag numbers."""
    found = set()
    for i, tag in enumerate(tags):
        if tag > 0 and tag % 2:  # B
            end = i
            while end + 1 < len(tags) and tags[end + 1] == tag + 1:
                end += 1
            found.add((i, end, tag))
    return found


def name_f1(found, true):
    """F1 of names, rows of tag numbers; -100 is outside."""
    each = [(name_spans(a), name_spans(b)) for a, b in zip(found, true)]
    right = sum(len(a & b) for a, b in each)
    return 2 * right / max(1, sum(len(a) + len(b) for a, b in each))


# %%
@torch.no_grad()
def score(net, name, examples):
    """F1, exact match or accuracy."""
    rows, segments, labels = examples
    out = net(rows, segments)
    if name == "names":
        tags = out.argmax(-1).masked_fill(labels < 0, -100)
        return name_f1(tags.tolist(), labels.tolist())
    if name == "questions":
        return (best_span(out, 3) == labels).all(-1).double().mean().item()
    return (out.argmax(-1) == labels).double().mean().item()


# %%
import copy

from course_utils.train import adamw


class Tuned(torch.nn.Module):
    """An encoder with a head for a task."""

    def __init__(self, bert, head):
        super().__init__()
        self.bert, self.head = bert, head

    def forward(self, rows, segments):
        x = self.bert(rows, segments, rows > 0)
        if isinstance(self.head, SpanHead):
            return self.head(x, rows > 0)
        return self.head(x)


# %% [markdown]
# And for the sentence vectors:


# %%
class Compared(Tuned):
    """Two sentences, each read alone: ten times their cosine."""

    def forward(self, rows, segments):
        flat = rows.flatten(0, 1)
        real = (flat > 0).float()[..., None]
        x = self.bert(flat, segments.flatten(0, 1), flat > 0)
        vectors = (x * real).sum(1) / real.sum(1)
        a, b = vectors.view(len(rows), 2, -1).unbind(1)
        return self.head(10 * torch.cosine_similarity(a, b)[:, None])


# %% [markdown]
# All five losses are a cross-entropy: over classes, over tags at each word, over
# positions. Each fine-tuning has 64 steps of 16 examples, whatever the number of
# labels. `frozen` is for the next section.


# %%
def task_loss(net, batch):
    """Cross-entropy over classes, tags, or positions."""
    rows, segments, labels = batch
    scores = net(rows, segments)
    flat = scores.reshape(-1, scores.shape[-1])
    return torch.nn.functional.cross_entropy(flat, labels.reshape(-1))


# %%
def tune(name, n, start, seed=0, frozen=()):
    """Train on n labelled examples; what it scores on the test."""
    torch.manual_seed(seed)
    head = HEADS.get(name, lambda: FirstTokenHead(64, 2))()
    kind = Compared if name == "vectors" else Tuned
    net = kind(copy.deepcopy(start).bert, head)
    for part, weight in net.named_parameters():
        weight.requires_grad = not part.startswith(tuple(frozen))
    chosen = [part[:n] for part in labelled[name]]
    batches = shuffled(*chosen, batch_size=16, seed=seed)
    options = {"optimizer": adamw(net, 0.002, 0.01), "progress": False}
    options["schedule"] = warmup_linear(64, 8)
    fit(net, batches, 64, loss=task_loss, **options)
    return score(net, name, testing[name])


# %% [markdown]
# The baselines are what you would try first, and with the same labels:
# tf-idf with logistic regression for the reviews; a dictionary of the most
# frequent tag for each word; for questions the sentence with the most words of
# the question, and in it the first word that is not in the question but may
# end an answer of training; for pairs the share of words in common.

# %%
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression


def tfidf(n, label):
    """Words and pairs of words, weighted, and a straight line."""
    train = tasks.reviews(world, n)
    test = tasks.reviews(world, 300, held_out=True)
    cut = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+")
    x = cut.fit_transform([" ".join(one.words) for one in train])
    line = LogisticRegression(C=10, max_iter=1000)
    line.fit(x, [getattr(one, label) for one in train])
    x = cut.transform([" ".join(one.words) for one in test])
    return line.score(x, [getattr(one, label) for one in test])


# %%
def dictionary(n):
    """Each word's most frequent tag."""
    seen = {}
    for words, tags in tasks.entities(world, n):
        for word, tag in zip(words, tags):
            seen.setdefault(word, Counter())[TAG[tag]] += 1
    best = {word: tags.most_common(1)[0][0] for word, tags in seen.items()}
    test = tasks.entities(world, 300, held_out=True)
    found = [[best.get(word, 0) for word in one.words] for one in test]
    return name_f1(found, [[TAG[tag] for tag in one.tags] for one in test])


# %%
def overlap_answer(n):
    """The most similar sentence, a word that has been an answer."""
    answers = {
        w
        for one in tasks.questions(world, n)
        for w in one.passage[one.start : one.end + 1]
    }
    right = 0
    test = tasks.questions(world, 300, held_out=True)
    for passage, question, start, end in test:
        stops = [i for i, word in enumerate(passage) if word == "."]
        spans = list(zip([0, *(i + 1 for i in stops)], stops))
        asked = set(question)
        a, b = max(spans, key=lambda s: len(asked & set(passage[slice(*s)])))
        new = [i for i in range(a, b) if passage[i] not in asked]
        known = [i for i in new if passage[i] in answers] or new
        right += (known[0], known[-1]) == (start, end)
    return right / len(test)


# %% [markdown]
# For pairs, and all of them at three numbers of labels:


# %%
def overlap_pairs(n):
    """The share of words in common, and a threshold."""

    def common(found):
        both = [(set(one.first), set(one.second)) for one in found]
        return np.array([[len(a & b) / len(a | b)] for a, b in both])

    train = tasks.tellings(world, n)
    test = tasks.tellings(world, 300, held_out=True)
    line = LogisticRegression(C=10)
    line.fit(common(train), [one.same for one in train])
    return line.score(common(test), [one.same for one in test])


# %%
cheap = {
    "reviews": lambda n: tfidf(n, "praise"),
    "names": dictionary,
    "questions": overlap_answer,
    "pairs": overlap_pairs,
    "vectors": overlap_pairs,
}

# %%
baseline = {
    name: [rule(n) for n in (50, 200, 1000)] for name, rule in cheap.items()
}
for name, values in baseline.items():
    print(f"{name}: " + ", ".join(f"{x:.2f}" for x in values))
trade = [tfidf(n, "trade") for n in (50, 200, 1000)]
print("trade: " + ", ".join(f"{x:.2f}" for x in trade))

# %% [markdown]
# The last line is another label of the same reviews: which *trade* is it
# about? There single words say all, and 200 labels are enough for tf-idf to be
# right about every one. For such topics there is nothing that BERT could add,
# and it is not even asked below.
#
# > **Predict** For which of the five will pre-training matter most?

# %% tags=["nbval-ignore-output"]
start, sizes = time.process_time(), (50, 200, 1000)
unread = fresh()
results = {
    name: {
        kind: [tune(name, n, model) for n in sizes]
        for kind, model in (("pre-trained", bert), ("scratch", unread))
    }
    for name in TASKS
}
print(f"30 fine-tunings: {time.process_time() - start:.0f} CPU seconds")

# %% tags=["nbval-ignore-output"]
measures = {
    "reviews": "accuracy",
    "names": "F1",
    "questions": "exact match",
    "pairs": "accuracy",
    "vectors": "accuracy",
}

# %% tags=["nbval-ignore-output"]
with show.style():
    fig, axes = plt.subplots(2, 3, figsize=(7.2, 4.6), layout="constrained")
    for ax, name in zip(axes.flat, TASKS):
        for kind, values in results[name].items():
            ax.semilogx(sizes, values, "o-", label=kind)
        ax.semilogx(
            sizes,
            baseline[name],
            "s--",
            color=show.GREY,
            label="cheap baseline",
        )
        ax.set(title=name, xlabel="labels", ylabel=measures[name])
        ax.set(ylim=(0, 1.02), xticks=sizes, xticklabels=sizes)
        ax.minorticks_off()
    axes[1, 2].axis("off")
    axes[1, 2].legend(*axes[0, 0].get_legend_handles_labels(), loc="center")

# %% [markdown]
# Five tasks, three ways:


# %% tags=["nbval-ignore-output"]
seen = "; ".join(
    f"{name}: pre-trained {', '.join(f'{x:.2f}' for x in both['pre-trained'])}"
    f", from scratch {', '.join(f'{x:.2f}' for x in both['scratch'])}, "
    f"baseline {', '.join(f'{x:.2f}' for x in baseline[name])}"
    for name, both in results.items()
)
show.figure(fig, alt=f"Five tasks at 50, 200 and 1000 labels. {seen}.")

# %%
pre, scratch = (
    {name: both[kind] for name, both in results.items()}
    for kind in ("pre-trained", "scratch")
)
assert pre["names"][0] > max(scratch["names"][0], baseline["names"][0]) + 0.1
assert pre["names"][1] > baseline["names"][1] + 0.05
assert pre["pairs"][1] > scratch["pairs"][1]
assert pre["questions"][1] > scratch["questions"][1]
assert trade[0] > 0.8
print(
    "names: pre-trained beats scratch at 50 labels, the dictionary at 200 too"
)
print("pairs and questions: pre-trained beats scratch at 200 labels")

# %% [markdown]
# Read the pictures one by one.
#
# - **Names**: here pre-training pays where labels are few. It has sorted the
#   words by kind, so that one labelled town speaks for all towns. With 1,000
#   labels little is left of the lead.
#   The dictionary cannot know a word that had no label.
# - **Pairs**: better than from scratch, which stays near a coin's toss. But to
#   count common words is better still, at this size of model.
# - **Questions**: from scratch nothing is learnt. The pre-trained model knows
#   which kind of word answers *where* or *who*. But to tell two people's homes
#   apart it must *match* the name in the question with one in the passage, and
#   that it has not learnt in half a minute. Overlap, which is nothing but
#   matching, is ahead of it at every number of labels.
# - **Vectors**: no better than from scratch, and far from counting common
#   words. A mean of BERT's vectors is a poor sentence vector as it comes; it
#   took a training of its own to make good ones (Sentence-BERT 2019).
# - **Reviews**: here pre-training *hurts*. The model from scratch comes near to
#   tf-idf with pairs of words, the pre-trained one does not.
#
# Why do the last two fail? A guess: to fill gaps, words of one kind are alike,
# so pre-training has drawn their vectors together. To a masked model *lovely*
# and *awful* are two words that fit into one gap, and so are two people's names.
# If that is so, it must be seen in the table of word vectors. Take the cosine
# (with the mean of all words taken off), before and after pre-training:

# %% tags=["nbval-ignore-output"]
groups = {
    "praise": tasks.GOOD,
    "blame": tasks.BAD,
    "people": [person.name for person in world.people],
}
some = {
    name: [number[word] for word in words if word in number]
    for name, words in groups.items()
}


def alike(model, a, b):
    """The mean cosine of the words of two groups."""
    table = model.bert.tok.weight.detach()
    table = torch.nn.functional.normalize(table - table.mean(0), dim=1)
    cosines = table[some[a]] @ table[some[b]].T
    if a == b:  # not of a word with itself
        cosines = cosines[~torch.eye(len(cosines), dtype=torch.bool)]
    return cosines.mean().item()


# %% tags=["nbval-ignore-output"]
couples = [("praise", "praise"), ("praise", "blame"), ("people", "people")]
couples.append(("praise", "people"))
cosine = {
    couple: (alike(unread, *couple), alike(bert, *couple))
    for couple in couples
}
show.table(
    [(f"{a}, {b}", *both) for (a, b), both in cosine.items()],
    columns=("words", "before", "after"),
    fmt={"before": ".2f", "after": ".2f"},
    caption="Mean cosine of two words",
)

# %%
apart, together = cosine["praise", "blame"]
assert together > apart + 0.2
assert together > cosine["praise", "people"][1] + 0.2
print("pre-training has drawn praise and blame together")

# %% [markdown]
# So it is. Praise and blame have become nearly as alike as praise and praise, and
# a short fine-tuning does not take them apart again; a model from scratch has
# nothing to unlearn.
#
# All this is one seed and 300 test examples; small gaps mean nothing, and only
# what is printed is asserted. And it is a tiny model on a tiny text: the real
# BERT wins tasks of all these kinds, after a hundred thousand times as much
# reading. What carries over is the question to ask before you use a
# pre-trained model: *does its pre-training need the distinction that I need?*

# %% [markdown]
# ## What may be frozen
#
# The lower layers are general, the upper ones belong to the task: so said the
# first studies (Yosinski 2014). If so, the bottom may stay as pre-training
# left it. S1 has it the other way round: *freeze the top layers, train the
# lower ones*. Names, 200 labels, four layers, three seeds each. The head is
# always trained.
#
# > **Predict** Three of four layers are frozen, at the bottom or at the top. Which
# > costs more?

# %% exercise 10.9

# %% tags=["nbval-ignore-output"]
bottom = ["bert.tok", "bert.pos", "bert.seg", "bert.norm"]
low, high = (
    [f"bert.blocks.{i}." for i in pair] for pair in ((0, 1, 2), (1, 2, 3))
)
choices = {
    "nothing": [],
    "embeddings and 3 bottom layers": bottom + low,
    "3 top layers": high,
    "all but the head": ["bert."],
}
frozen = {
    name: [tune("names", 200, bert, seed, parts) for seed in range(3)]
    for name, parts in choices.items()
}
show.table(
    [(name, np.mean(x), np.std(x, ddof=1)) for name, x in frozen.items()],
    columns=("frozen", "F1, mean", "sd"),
    fmt={"F1, mean": ".3f", "sd": ".3f"},
    caption="Names with 200 labels, three seeds",
)

# %% tags=["nbval-ignore-output"]
full, low, high, head_only = (np.mean(x) for x in frozen.values())
print(f"cost of freezing: bottom {full - low:.3f}, top {full - high:.3f}")

# %%
assert full > low > high
assert full - low < full - high
print("freezing the bottom costs less than freezing the top")
found = "names, 200 labels, 3 seeds: 3 bottom layers and the embeddings "
found += "frozen cost less F1 than 3 top layers"
_ = claim("E61", verdict="wrong", measured=found)

# %% [markdown]
# With the embeddings and three of four layers frozen F1 falls by less than a tenth.
# With the three *top* layers frozen it falls much further, although more numbers
# may move, the embeddings and a layer: what these change must then pass through
# layers that expect something else. S1's advice is the wrong way round.

# %% [markdown]
# ## Why natural text needs longer
#
# The world has three hundred words and few templates. Now the hundred
# Wikipedia articles of lesson 02, cut into two thousand sub-words; every tenth
# article is kept for testing. First the baselines, counted on the articles for
# training. (The tokeniser comes with a model that you will meet below.)

# %%
from course_utils.checkpoints import roformer_wikipedia as wiki

reader, pieces = wiki.load()
text = wiki.ids_of(pieces, wiki.articles())
natural = wiki.held_out_rows(pieces)
blanks = wiki.hide(natural, pieces, 0.15, seed=1).labels
blanks[:, [0, -1]] = -100  # the baselines need both neighbours
counts = count(text[None], len(pieces.vocab))
bars_natural = counted(*counts, natural, blanks)
print(f"{len(text):,} sub-words of {len(pieces.vocab):,} kinds, such as")
print(*pieces.tokens("The river flows through Washington."))
for name, share in bars_natural.items():
    print(f"{name}: {share:.3f}")

# %% [markdown]
# Then a BERT of 4 layers, 128 numbers wide, on 32 rows of 64 sub-words a step,
# with the recipe that has worked on the world. Ten steps fit into this lesson:
#
# > **Predict** Where will it stand among the three baselines after them? And
# > after 3,000?

# %% tags=["nbval-ignore-output"]
from course_utils.checkpoints.bert_wikipedia import Words
from course_utils.train import sample_blocks

torch.manual_seed(0)
sizes = BertConfig(len(pieces.vocab), 128, 4, 4, 512, dropout=0.0)
tried = wiki.shallow(Words(sizes))
rows = sample_blocks(text, wiki.LENGTH, wiki.BATCH)
live = fit(
    tried,
    lambda step: rows(step)[0],
    10,
    loss=lambda model, rows: wiki.loss(model, rows, pieces),
    optimizer=wiki.muon(tried),
    schedule=lambda step: min(1, (step + 1) / 100),
    evaluate=lambda model: wiki.accuracy(model, natural, pieces),
    every=5,
)

# %% [markdown]
# The project has let it go on, with `course train bert_wikipedia`, and has kept
# what was written down on the way. Beside it stands a model with one thing
# changed: queries and keys are turned by their positions, as in lesson 08,
# instead of adding a table of positions. That is **RoFormer** (Su 2021):

# %%
from course_utils.models.roformer import RoFormer

show.source(RoFormer.forward)

# %% [markdown]
# The blocks are given `pos`, and nothing is added to the embeddings but the
# segment. What was written down of both trainings:

# %%
from course_utils.checkpoints import read_log

logs = {
    "BERT": read_log("bert_wikipedia"),
    "RoFormer": read_log("roformer_wikipedia"),
}
for log in logs.values():
    print(f"{log['command']}: {log['date']}, {log['steps']:,} steps", end="")
    print(f", {log['cpu_seconds'] / 60:.0f} CPU minutes")

# %% tags=["nbval-ignore-output"]
curves = {"BERT, live": live.evaluations}
curves |= {f"{name}, stored": log["evaluations"] for name, log in logs.items()}
with show.style():
    fig, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    for name, found in curves.items():
        ax.semilogx(list(found), list(found.values()), "o-", ms=3, label=name)
    for (name, y), style in zip(bars_natural.items(), (":", "--", "-.")):
        ax.axhline(y, color=show.GREY, ls=style, lw=1, label=name)
    ax.set(xlabel="step", ylabel="hidden sub-words found", ylim=(0, 0.45))
    ax.legend(fontsize=8, loc="upper left")
seen = "BERT rises to the left neighbour and stays there; RoFormer leaves it "
seen += "behind, and later both neighbours"
show.figure(fig, alt=f"Accuracy on Wikipedia against steps: {seen}.")

# %%
now = wiki.accuracy(reader, natural, pieces)
ends = {name: log["evaluations"][log["steps"]] for name, log in logs.items()}
assert abs(now - ends["RoFormer"]) < 0.005
assert ends["BERT"] < bars_natural["left neighbour"] + 0.02
assert now > bars_natural["both neighbours"] + 0.05
print("BERT stays at the left neighbour")
print("RoFormer, with the same recipe, passes both neighbours")

# %% [markdown]
# BERT learns the most frequent sub-word first, and our ten steps do not get
# further. Then it learns what follows the left neighbour, and there it is still
# after 3,000 steps: masked models are known for such a **plateau**. Few places are
# asked for, two thousand answers are possible, most of them rare; and to look at a
# neighbour, a head must first find out what the rows of the position table have to
# do with each other. When positions turn queries and keys, distances are there
# from the start. That this is the reason is a guess; that it is the positions is
# measured, since nothing else was changed (one run each). The BERT of the paper,
# which has such a table, was given 3.3 billion words and four days of many chips.
#
# What does RoFormer put into gaps of English? (A sub-word that begins with `##`
# goes on with the word before it.)


# %% tags=["nbval-ignore-output"]
def english(sentence, n=5):
    """The likeliest sub-words for the [MASK] of an English sentence."""
    before, after = sentence.split("[MASK]")
    row = [*pieces.encode(before), 4, *pieces.encode(after)]
    with torch.no_grad():
        scores = reader(torch.tensor([row]))[0, row.index(4)]
    names = list(pieces.vocab)
    best = scores.softmax(-1).topk(n)
    return ", ".join(f"{names[i]} {p:.2f}" for p, i in zip(*map(list, best)))


# %% tags=["nbval-ignore-output"]
sentences = [
    "He was born in the [MASK] of the century.",
    "The [MASK] of the United States lives in Washington.",
    "The city lies on the [MASK] of a river.",
    "She studied at the University [MASK] London.",
    "It is one of the most [MASK] books of the time.",
]
show.table(
    [(sentence, english(sentence)) for sentence in sentences],
    columns=("sentence", "its guesses"),
    caption="What a small RoFormer puts into gaps",
)

# %% [markdown]
# What kind of word fits it often knows; of the world it knows hardly
# anything, after some ninety articles. It could go on learning: `reader` holds its
# weights, and `fit` takes them up where the project left them.
#
# Is the mean of its vectors a sentence vector? Lesson 01 had news stories, of
# which people judged how much each two are alike. Compare with them the cosine of
# mean vectors, of means of its word table (no context), and tf-idf:

# %% tags=["nbval-ignore-output"]
from course_utils.data import lee_news
from sklearn.metrics.pairwise import cosine_similarity

news = lee_news()
stories = [pieces.encode(story)[:256] for story in news.documents]
with torch.no_grad():
    layers = {
        "mean of RoFormer's vectors": [
            reader.roformer(torch.tensor([ids]))[0].mean(0) for ids in stories
        ],
        "mean of its word table": [
            reader.roformer.tok(torch.tensor(ids)).mean(0) for ids in stories
        ],
    }

# %% tags=["nbval-ignore-output"]
cut = TfidfVectorizer().fit(news.background)
like = {
    name: cosine_similarity(torch.stack(vectors).double())
    for name, vectors in layers.items()
}
like["tf-idf"] = cosine_similarity(cut.transform(news.documents))
upper = np.triu_indices(50, k=1)
show.bars(
    {
        name: np.corrcoef(cosines[upper], news.similarity[upper])[0, 1]
        for name, cosines in like.items()
    },
    xlabel="correlation with people, 1,225 pairs of stories",
    title="Sentence vectors of natural text",
    fmt=".2f",
)

# %% [markdown]
# Counting words is far ahead, as it was with the pairs of the world, and the
# vectors with context do not agree with people at all. A vector that was
# trained to fill a gap says what *kind* of word stands there, and all news
# stories are made of the same kinds of words. What a story is about lies in
# its rare words, which tf-idf weighs most.

# %% [markdown]
# ## With the official weights
#
# First, with no network: a checkpoint in the official format. One is written
# by `transformers`, with random weights, and read by our class.

# %% tags=["official"]
import tempfile
from pathlib import Path

folder = Path(tempfile.mkdtemp())
torch.manual_seed(1)
theirs = transformers.BertForPreTraining(official_sizes).eval()
theirs.save_pretrained(folder / "official")
ours = BertForPretraining.from_pretrained(folder / "official")
with torch.no_grad():
    rows = torch.tensor([[2, 5, 4, 6, 3]])
    official = theirs(rows)
    mine = ours(rows)
torch.testing.assert_close(mine[0], official.prediction_logits)
torch.testing.assert_close(mine[1], official.seq_relationship_logits)
print("read, equal in", mine[0].numel() + mine[1].numel(), "scores")

# %% [markdown]
# And back: *your* BERT of the world is saved, `transformers` loads it with a
# tokeniser of its words, and fills a gap as if it had come from the hub.

# %% tags=["official"]
from tokenizers import Tokenizer, models, pre_tokenizers

bert.save_pretrained(folder / "world")
words = Tokenizer(models.WordLevel(number, unk_token="[UNK]"))
words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
marks = {
    f"{name}_token": f"[{name.upper()}]"
    for name in ("pad", "unk", "cls", "sep", "mask")
}
words = transformers.PreTrainedTokenizerFast(tokenizer_object=words, **marks)
loaded = transformers.BertForMaskedLM.from_pretrained(folder / "world")
pipe = transformers.pipeline("fill-mask", model=loaded, tokenizer=words)
text = "[CLS] adra lives in [MASK] . [SEP]"
answers = pipe(text, top_k=3)
row = [[number[word] for word in text.split()]]
with torch.no_grad():
    chances = bert(torch.tensor(row))[0][0, 4].softmax(-1)
for answer in answers:
    ours_says = chances[answer["token"]].item()
    assert abs(answer["score"] - ours_says) < 1e-5

# %% tags=["official"]
print("the pipeline's three answers have our probabilities")

# %% [markdown]
# The real one, 440 MB, if you are online or have it already:

# %% tags=["official", "nbval-ignore-output"]
try:
    published = BertForPretraining.from_pretrained("bert-base-uncased")
    cutter = transformers.AutoTokenizer.from_pretrained("bert-base-uncased")
except (OSError, ValueError) as error:
    print("skipped: bert-base-uncased is not here, and could not be fetched")
    print(f"({type(error).__name__})")
else:
    row = cutter("Paris is the [MASK] of France.", return_tensors="pt")
    with torch.no_grad():
        scores = published(row["input_ids"])[0][0]
    gap = (row["input_ids"][0] == cutter.mask_token_id).nonzero().item()
    best = scores[gap].topk(5).indices.tolist()
    print(cutter.convert_ids_to_tokens(best))

# %% [markdown]
# ## Claims
#
# One more. S4 calls BERT's core technique an *unsupervised feature-based
# approach*. In that approach the pre-trained model stays as it is, and its
# vectors are fed to another one: ELMo did so, and so does the row *all but the
# head* of our freezing table. BERT's own approach is **fine-tuning**: every
# parameter is trained on. The paper's section 2 has both as headings, and BERT
# under the second.

# %%
torch.manual_seed(0)
net = Tuned(copy.deepcopy(bert).bert, FirstTokenHead(64, 2))
given, segments, labels = (part[:16] for part in labelled["pairs"])
scores = net(given, segments)
torch.nn.functional.cross_entropy(scores, labels).backward()
moved = [name for name, p in net.named_parameters() if p.grad is not None]
assert len(moved) == len(list(net.parameters()))
found = f"fine-tuning reaches all {len(moved)} tensors, not the head alone"
_ = claim("E112", verdict="wrong", measured=found)
show.claims()

# %% [markdown]
# ## Summary
#
# - Self-supervised learning takes its labels from the data: hidden words, the
#   next sentence.
# - BERT hides 15 % of the words (80/10/10) and takes the loss there only. The
#   rate is a habit: more is better in a short training.
# - It is the encoder of 2017 with learned positions and segments, equal to the
#   official model in every score; 110 and 335 million parameters.
# - A masked model first learns frequencies, then neighbours, then more. On
#   natural text BERT's plateau is longer than a lesson; with positions that
#   turn queries and keys it is left much sooner.
# - Pre-training pays where labels are few and words must be known by their
#   kind. Where single words say all, count them.
# - A contextual vector belongs to an occurrence, a static one to a spelling.
#   Their mean is no good sentence vector before it is trained to be one.

# %% [markdown]
# ## Further reading
#
# - J. Devlin et al. 2018, *BERT: Pre-training of Deep Bidirectional
#   Transformers for Language Understanding*, arXiv:1810.04805.
# - J. Howard, S. Ruder 2018, *Universal Language Model Fine-tuning for Text
#   Classification*, arXiv:1801.06146; J. Yosinski et al. 2014, *How
#   transferable are features in deep neural networks?*, arXiv:1411.1792.
# - A. Wettig et al. 2022, *Should You Mask 15% in Masked Language Modeling?*,
#   arXiv:2202.08005.
# - J. Su et al. 2021, *RoFormer: Enhanced Transformer with Rotary Position
#   Embedding*, arXiv:2104.09864.
# - N. Reimers, I. Gurevych 2019, *Sentence-BERT: Sentence Embeddings using
#   Siamese BERT-Networks*, arXiv:1908.10084.
# - D. Pathak et al. 2016, *Context Encoders: Feature Learning by Inpainting*,
#   arXiv:1604.07379: the same idea with pictures.
