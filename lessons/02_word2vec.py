# ---
# jupyter:
#   course:
#     title: word2vec
#     why: >-
#       To a computer the words cat and dog have nothing in common. Yet anybody who reads enough finds both
#       beside food, owners and vets, and rarely beside parliament. word2vec turns this into numbers: it gives
#       each word a vector such that words in similar company have similar vectors. The model is two tables and a
#       dot product. You train it by hand first, then prove and use a fast version, and let people judge the result.
#     objectives:
#       - say what a one-hot vector, an embedding table and a dot product have to do with each other
#       - draw what CBOW and skip-gram predict, and count what they are trained on
#       - derive the gradient of negative sampling, write it, and prove it against automatic differentiation
#       - explain sub-sampling, the noise distribution and the random window, and what each is good for
#       - judge word vectors with people's ratings, against a baseline that only counts
#     builds_on: [1]
#     minutes: 60
#     budget: 110
#     systems: [A1, A2, A3]
# ---

# %% [markdown]
# ## Words in company
#
# *You shall know a word by the company it keeps*, wrote J. R. Firth in 1957.
# This is the **distributional hypothesis**: words that occur in similar
# contexts mean similar things. Look at it in the Wikipedia sample, a hundred
# articles in lower case, cut into sentences and words as in lesson 01.

# %%
from collections import Counter

from course_utils.data import wikipedia
from course_utils.text.normalize import sentences, tokens

text = []
for article in wikipedia():
    for sentence in sentences(article.text):
        text.append([word.lower() for word in tokens(sentence)])
text = [sentence for sentence in text if sentence]
counts = Counter(word for sentence in text for word in sentence)
print(f"{len(text):,} sentences, {counts.total():,} words")
print(f"{len(counts):,} types")

# %% [markdown]
# > **Predict** Take the words just before and just after *north*, *south* and
# > *music*, and of each list the 30 most frequent. How many are shared?

# %%
company = {word: Counter() for word in ("north", "south", "music")}
for sentence in text:
    for before, word, after in zip(sentence, sentence[1:], sentence[2:]):
        if word in company:
            company[word].update([before + " _", "_ " + after])
for word, around in company.items():
    print(f"{word:5}", [w for w, _ in around.most_common(6)])
often = {w: dict(c.most_common(30)).keys() for w, c in company.items()}
shared = {w: len(often["north"] & often[w]) for w in ("south", "music")}
print("of 30, shared with north:", shared)

# %% [markdown]
# *north* shares 18 of its 30 neighbours with *south*, and 8 with *music*. That
# is all the evidence that word2vec uses.

# %% [markdown]
# ## One-hot and dense
#
# A vocabulary of $V$ words can be written as vectors in the plainest way:
# word number $i$ is a list of $V$ numbers, all 0, with a single 1 at place
# $i$. This is a **one-hot vector**. Any two of them are at a right angle, so
# that every word is equally unlike every other word.
#
# A **word embedding** gives each word a short *dense* vector instead, of
# $d = 100$ numbers, say. All of them together are a table of $V$ rows. The two
# belong together: a one-hot vector times the table *is* one row of it.

# %%
import numpy as np

rng = np.random.default_rng(0)
V, d = 6, 3
table = rng.normal(size=(V, d)).round(1)
one_hot = np.eye(V)
assert (one_hot @ one_hot.T == np.eye(V)).all()  # all at right angles
assert (one_hot[4] @ table == table[4]).all()  # product = look-up
print("one-hot:", one_hot[4])
print("dense:  ", one_hot[4] @ table)

# %% exercise 02.1

# %% [markdown]
# ## A window slides over the text
#
# Nobody tells us what the vectors should be. So we set a task that needs good
# vectors, and whose answers are in the text for free. A **window** slides over
# each sentence. There are two ways to make a question of it:
#
# - **CBOW** (*continuous bag of words*): from the words around, guess the word
#   in the middle. The words around are averaged, so their order is lost.
# - **Skip-gram**: from the word in the middle, guess each word around it.


# %%
def draw_window(ax, words, middle, window, inward):
    """A sentence in boxes, with an arrow for each question."""
    for i, word in enumerate(words):
        near = 0 < abs(i - middle) <= window
        colour = "#0072B2" if near else "#D55E00"
        colour = "#7A7F87" if abs(i - middle) > window else colour
        box = {"boxstyle": "round", "fc": "white", "ec": colour, "lw": 1.5}
        ax.text(i, 0, word, ha="center", va="center", bbox=box, fontsize=9)
        if near:
            a, b = (i, middle) if inward else (middle, i)
            curve = f"arc3,rad={-0.45 if a < b else 0.45}"
            arrow = {"arrowstyle": "-|>", "color": colour, "lw": 1.2}
            arrow |= {"connectionstyle": curve, "shrinkA": 10, "shrinkB": 10}
            ax.annotate("", (b, 0.12), (a, 0.12), arrowprops=arrow)
    ax.set(xlim=(-0.6, len(words) - 0.4), ylim=(-0.3, 0.8))
    ax.axis("off")


# %%
import matplotlib.pyplot as plt

example = ["the", "hungry", "cat", "chased", "a", "small", "mouse"]
with show.style():
    fig, axes = plt.subplots(2, 1, figsize=(6.4, 2.6), layout="constrained")
    draw_window(axes[0], example, middle=3, window=2, inward=True)
    axes[0].set_title("CBOW: the words around ask for the one in the middle")
    draw_window(axes[1], example, middle=3, window=2, inward=False)
    axes[1].set_title("Skip-gram: the middle asks for each word around")
seen = "the sentence 'the hungry cat chased a small mouse' with window 2"
ways = "CBOW's arrows lead to 'chased', skip-gram's lead away from it"
show.figure(fig, alt=f"Two pictures of {seen}: {ways}.")

# %% [markdown]
# Blue words are in the window, the orange one is in the middle, grey ones are
# too far away. Then the window moves on by one word.

# %% exercise 02.2

# %% [markdown]
# The text S1 says that CBOW's target is "usually chosen at random". Count:
# how often is each *position* of a sentence the word in the middle?

# %%
from course_utils.systems import claim
from course_utils.vectors import word2vec

asked = Counter()
for middle, _ in word2vec.pairs(range(7), window=2):
    asked[middle] += 1
print("questions about each position:", [asked[i] for i in range(7)])
assert sorted(asked) == list(range(7))
found = f"all {len(asked)} of 7 positions are targets, none is drawn"
_ = claim("E52", verdict="wrong", measured=found)

# %% [markdown]
# Every position takes its turn. At the edges there are fewer words around, so
# fewer questions. What *is* random, we shall see, is the width of the window
# and which very frequent words are skipped.

# %% [markdown]
# ## Two tables and a dot product
#
# Each word has two vectors: a row $v$ in the table `input`, used when it asks,
# and a row $u$ in the table `output`, used when it is asked for. The score of
# a pair is the dot product $v \cdot u$. That is the whole model.
#
# A *softmax* over all $V$ words ($e$ to each score, divided by the sum of all
# of these) would turn scores into probabilities, but it costs $V$ dot products
# a pair. **Negative sampling** asks an easier question: is this pair from the
# text, or is the second word drawn at random? The *logistic function* $\sigma$
# turns a score into the probability of "from the text". For one true pair
# $v, u$ and $k$ random words with the vectors $u_1, \dots, u_k$ the loss is
#
# $$L = -\log \sigma(v \cdot u) - \sum_{n=1}^{k} \log \sigma(-v \cdot u_n),
# \qquad \sigma(x) = \frac{1}{1 + e^{-x}}$$

# %% exercise 02.3

# %% [markdown]
# Its gradient is short, because the derivative of $-\log\sigma(x)$ is
# $\sigma(x) - 1$. Call $g = \sigma(\text{score}) - \text{label}$ the *error*
# of a comparison, with label 1 for the true word and 0 for a random one. Then
# the gradient in $v$ is the sum of $g\,u$ over all comparisons, and in each
# $u$ it is $g\,v$. Here it is, one pair at a time:


# %%
def train_pair(input, output, word, neighbour, negatives, lr):
    """One step of skip-gram on one pair; returns the loss before it."""
    rows = [neighbour, *negatives]
    label = np.array([1] + [0] * len(negatives))
    v, u = input[word], output[rows]
    score = u @ v
    loss = np.logaddexp(0, np.where(label == 1, -score, score)).sum()
    error = 1 / (1 + np.exp(-score)) - label
    step = lr * error @ u  # from the old u
    np.add.at(output, rows, -lr * np.outer(error, v))
    input[word] -= step
    return loss


# %% [markdown]
# Prove it: on random tables, one step with `lr=1` must move them by exactly
# the gradient that automatic differentiation computes from the loss alone.

# %%
import torch
from torch.nn.functional import logsigmoid

tables = rng.normal(size=(2, V, d))
word, neighbour, negatives = 0, 1, [2, 3, 3]
v_table, u_table = torch.tensor(tables, requires_grad=True)
v_table.retain_grad(), u_table.retain_grad()
v, u = v_table[word], u_table[neighbour]
loss = -logsigmoid(u @ v) - logsigmoid(-u_table[negatives] @ v).sum()
loss.backward()
moved = tables.copy()
ours = train_pair(*moved, word, neighbour, negatives, lr=1.0)
theirs = torch.stack([v_table.grad, u_table.grad]).numpy()
np.testing.assert_allclose(ours, loss.item())
np.testing.assert_allclose(tables - moved, theirs, atol=1e-12)
print("the step is the gradient, in all", moved.size, "numbers")

# %% exercise 02.4

# %% [markdown]
# Now train on a text so small that you can see what should come out. Each of
# its 30 sentences is about the sky or about the sea, and no label says which.
# An *epoch* is one pass over the text.

# %%
topics = ["sun sky day light cloud", "fish sea net boat wave"]
topics = [topic.split() for topic in topics]
toy = [rng.choice(topics[i % 2], size=6).tolist() for i in range(30)]
index = {word: i for i, word in enumerate([*topics[0], *topics[1]])}
toy_input = (rng.random((10, 2)) - 0.5) / 2
toy_output = np.zeros((10, 2))
losses = []
for _ in range(20):
    total = []
    for sentence in toy:
        for word, neighbour in word2vec.pairs(sentence, window=2):
            drawn = rng.integers(10, size=2)
            pair = index[word], index[neighbour]
            tables = toy_input, toy_output
            total.append(train_pair(*tables, *pair, drawn, lr=0.05))
    losses.append(np.mean(total))
print("loss of a pair:", " ".join(f"{x:.2f}" for x in losses[::2]))

# %% [markdown]
# With two numbers a word, the vectors can be drawn as they are.

# %%
with show.style():
    fig, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3))
    left.plot(range(1, 21), losses, label="skip-gram")
    left.axhline(3 * np.log(2), ls="--", color="#7A7F87", label="untrained")
    left.set(xlabel="epoch", ylabel="loss of a pair, in nats")
    left.legend()
    for topic, marker in zip(topics, "o^"):
        right.plot(*toy_input[[index[w] for w in topic]].T, marker, alpha=0.6)
    right.legend([" ".join(topic) for topic in topics], loc="center")
    right.set(xlabel="first number", ylabel="second number")
    fig.tight_layout()
curve = "the loss falls from 2.08, the untrained value, to about 1.4"
seen = "the five words of the sky and the five of the sea lie apart"
show.figure(fig, alt=f"Left: {curve}. Right: {seen}.")

# %% [markdown]
# Untrained, all scores are 0 and every comparison is a coin toss: the loss is
# $3 \log 2 = 2.08$ *nats*, the unit of natural logarithms. Then the two topics
# go to different sides. Nobody told the model that there are two topics: only
# who stands beside whom.
#
# Note what the model is *not*. S1 calls it a deep neural network. Count the
# weights, ours and gensim's, the library that everybody uses:

# %%
from gensim.models import Word2Vec

untrained = Word2Vec(vector_size=100, min_count=5, workers=1)
untrained.build_vocab(text)
V, d = untrained.wv.vectors.shape
weights = untrained.wv.vectors.size + untrained.syn1neg.size
mine = word2vec.Model.random(V, d, torch.Generator())
assert weights == sum(table.numel() for table in mine) == 2 * V * d
print(f"V = {V:,}, d = {d}: 2 · V · d = {weights:,} weights")
found = f"two tables, {weights:,} = 2·V·d weights, no non-linearity"
_ = claim("E50", verdict="wrong", measured=found)

# %% [markdown]
# Two tables, one product: no hidden layer with a non-linearity, nothing deep.
# And do BERT and GPT-3 take their vectors from word2vec, as S1 has it? Look at
# an untrained BERT: its table of embeddings is there from the start, random,
# and it is trained together with everything else.

# %%
from transformers import BertConfig, BertModel

small = BertConfig(
    vocab_size=1000, hidden_size=32, num_hidden_layers=1, num_attention_heads=2
)
embedding = BertModel(small).embeddings.word_embeddings.weight
assert embedding.requires_grad
print("shape", tuple(embedding.shape), "trained:", embedding.requires_grad)
print(f"spread of the untrained table: {embedding.std().item():.2f}")
found = "an untrained BERT has a random table that takes part in training"
_ = claim("E51", verdict="wrong", measured=found)

# %% [markdown]
# ## What makes it work
#
# Three details of the original program matter more than they seem to.
#
# **The noise.** Random words are drawn by their count to the power 0.75.

# %% exercise 02.5

# %% [markdown]
# **Sub-sampling.** *the* stands beside everything, so it says nothing about
# its neighbours. Occurrences of frequent words are skipped at random: a word
# with the share $f$ of the text survives with the probability
# $\min(1, (\sqrt{f/s} + 1)\, s/f)$, where $s = 0.001$.

# %% exercise 02.6

# %%
words, numbers = word2vec.vocabulary(text, min_count=5)
keep = word2vec.keep_probability(numbers, sample=1e-3)
noise_share = word2vec.noise_distribution(numbers)
share = numbers / numbers.sum()
rank = np.arange(1, len(words) + 1)
with show.style():
    fig, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3))
    left.semilogx(rank, keep)
    left.set(xlabel="rank of the word", ylabel="chance to survive")
    right.loglog(rank, share, label="share of the text")
    right.loglog(rank, noise_share, label="share of the noise")
    right.set(xlabel="rank of the word", ylabel="probability")
    right.legend()
    fig.tight_layout()
one = "the chance to survive rises with the rank and is soon 1"
two = "the noise is flatter than the text: lower first, higher last"
show.figure(fig, alt=f"Against the rank, left: {one}; right: {two}.")

# %% [markdown]
# Left: only the most frequent words, some thirty, are thinned out at all.
# Right: noise draws frequent words less often than the text does, and rare
# ones more often. Prove that both are gensim's, for every word of the
# vocabulary:

# %%
theirs = untrained.wv
order = [theirs.key_to_index[word] for word in words]
kept = theirs.expandos["sample_int"][order] / (2**32 - 1)
np.testing.assert_allclose(keep, kept, atol=1e-6)
cumulative = untrained.cum_table / untrained.cum_table[-1]
gensims = np.diff(cumulative, prepend=0)[order]
np.testing.assert_allclose(noise_share, gensims, atol=1e-8)
print(f"equal to gensim's for all {len(words):,} words")
thinned = keep < 1
print(f"thinned out: {thinned.sum()} words, {share[thinned].sum():.0%} of all")
print(f"expected to survive: {(keep * share).sum():.0%} of the text")

# %% [markdown]
# Thirty-one words make up nearly two fifths of the text. After thinning, a
# quarter of the text is gone.
#
# **A window of random width.** At each word the width is drawn between 1 and
# 5. So the next word is always in, the fifth only one time in five: a word at
# distance $t$ counts $(5 + 1 - t) / 5$ on average. Near words count more.

# %% exercise 02.7

# %% [markdown]
# ### The other way out: a tree
#
# Negative sampling gives up the probabilities of the softmax. **Hierarchical
# softmax** keeps them and is cheap all the same. The words become the leaves
# of a binary tree, frequent ones near the top (a *Huffman tree*), and the
# vectors $u$ belong to its forks. At each fork the word in the middle goes
# left with the probability $\sigma(v \cdot u)$ and right with the rest,
# $\sigma(-v \cdot u)$. The probability of a word is the product along its
# way down, and over all words these products add up to 1.
#
# > **Predict** A softmax compares $v$ with all 8,414 words. How many forks
# > are on the way to a word, on average over the text?

# %%
ways = word2vec.huffman(numbers)
generator = np.random.default_rng(1)
asking = generator.normal(size=20)
forks = generator.normal(size=(len(ways) - 1, 20))


def probability(nodes, branches):
    """The product of the turns on the way down to one word."""
    turns = 1 - 2 * np.array(branches)  # branch 0 is +1, branch 1 is -1
    return np.prod(1 / (1 + np.exp(-turns * (forks[nodes] @ asking))))


total = sum(probability(*way) for way in ways)
assert abs(total - 1) < 1e-9
steps = np.array([len(nodes) for nodes, _ in ways])
mean = (steps * numbers).sum() / numbers.sum()
print(f"sum of all probabilities: {total:.6f}")
print(f"forks: {mean:.1f} on average, {steps.min()} to {steps.max()}")

# %% [markdown]
# About ten comparisons instead of thousands, and true probabilities. In the
# package it is `train(..., hierarchical=True)`. We go on with negative
# sampling, which is simpler and became the standard.

# %% [markdown]
# ## Fast: many words at once
#
# `train_pair` takes one pair at a time: ten epochs of the Wikipedia sample
# would take some ten minutes, and the paper's text had 1.6 billion words. The
# package takes blocks of 24 neighbouring words. All words of a block share 12
# random words, so that its scores are *one* matrix product, and 40 blocks go
# together. Instead of drawing the width of a window, each pair gets its
# expected weight.

# %%
show.source(word2vec.update)

# %% [markdown]
# Read the lines around `push`: it holds minus the error of every comparison,
# with its weight and the learning rate. It is the `error` of `train_pair`, for
# hundreds of pairs. (The lines with `window` are CBOW's, those with `most` the
# tree's.) What do the shortcuts cost?
# The gradients are the same, as the next cell proves. But those of 960 words
# are taken at the same weights and added up, and neighbouring words see the
# same random words. Whether this hurts, people will tell us below.


# %%
def naive(model, ids, negatives, window, k):
    """A block step, pair by pair: the sum of all pairs' gradients."""
    moved = [table.numpy().copy() for table in model]
    share = k / len(negatives)  # M shared words stand for k
    for i, j in word2vec.pairs(range(len(ids)), window):
        weight = (window + 1 - abs(i - j)) / window
        v, u = model.input[ids[i]].numpy(), model.output[ids[j]].numpy()
        n = model.output[negatives].numpy()
        pair = word2vec.pair_gradients(v, u, n)
        true = word2vec.pair_gradients(v, u, n[:0])  # no random words
        by_noise = share * (pair.word - true.word)
        moved[0][ids[i]] -= weight * (true.word + by_noise)
        moved[1][ids[j]] -= weight * pair.neighbour
        by_noise = weight * share * pair.negatives
        np.subtract.at(moved[1], negatives, by_noise)
    return moved


# %% [markdown]
# Eight words, three shared random words, in float64:

# %%
ids, negatives = [0, 1, 2, 1, 3, 4, 4, 0], torch.tensor([5, 1, 3])
model = word2vec.Model(*torch.tensor(rng.normal(size=(2, 6, 4))))
slow = naive(model, ids, negatives, window=2, k=5)
line = word2vec.Text(torch.tensor(ids), torch.zeros(8, dtype=torch.long))
blocks = word2vec.cut(line, size=8, window=2)
near = word2vec.neighbours(blocks.sentence, 2, dtype=torch.float64)
batch = word2vec.skip_gram_batch(blocks.words, near, negatives[None], k=5)
word2vec.update(model, batch, lr=1.0)
np.testing.assert_allclose(model.input, slow[0], atol=1e-12)
np.testing.assert_allclose(model.output, slow[1], atol=1e-12)
print("one fast step equals", len(list(word2vec.pairs(ids, 2))), "slow ones")

# %% [markdown]
# ## Train on Wikipedia
#
# Now the real text, ten times over, skip-gram and CBOW, ours with two seeds,
# gensim with one at equal settings. This takes the better part of a minute.
# Training runs in float32, where the last digits differ between processors. So
# in this section and the next two, what you see may differ a little from what
# is stored here, and the cells that print it are not compared to the letter.

# %% tags=["nbval-ignore-output"]
import time

settings = {"window": 5, "negative": 5, "epochs": 10, "sample": 1e-3}
vectors, seconds = {}, {}
for name in ("skip-gram", "CBOW"):
    is_skip_gram = name == "skip-gram"
    start = time.process_time()
    reference = Word2Vec(
        text, vector_size=100, sg=is_skip_gram, workers=1, seed=0, **settings
    )
    seconds[f"{name}, gensim"] = time.process_time() - start
    vectors[f"{name}, gensim"] = [reference.wv]
    start, chosen = time.process_time(), settings | {"progress": False}
    vectors[name] = [
        word2vec.train(text, skip_gram=is_skip_gram, seed=seed, **chosen)
        for seed in range(2)
    ]
    seconds[name] = (time.process_time() - start) / 2

# %% [markdown]
# Words for each second of one processor:

# %% tags=["nbval-ignore-output"]
read = 10 * counts.total()
show.bars(
    {name: read / taken for name, taken in seconds.items()},
    fmt=",.0f",
    xlabel="words for each CPU second, one thread",
    title="Speed on the Wikipedia sample",
)

# %% [markdown]
# Skip-gram profits from blocks: it has many comparisons for each word, which
# become one product. CBOW has one mean and one question for each word, so
# gensim's compiled loop is hard to beat.

# %% [markdown]
# ## Ask people
#
# Two collections hold people's judgements of word pairs. **WordSim-353** asks
# how *related* two words are, so that *computer* and *keyboard* score high.
# **SimLex-999** asks how *similar* they are, and there *clothes* and *closet*
# score low. We compare the ranking of the pairs by people with the ranking by
# cosine: **Spearman's rho** is the correlation of the two rankings, 1 when
# they are the same, 0 when they have nothing in common.

# %% exercise 02.8

# %% [markdown]
# A baseline first, without any training. Count how often two words stand
# within 5 words of each other, weighted as above. The **positive pointwise
# mutual information** is $\max(0, \log \frac{p(a, b)}{p(a)\,p(b)})$: how much
# more often than by chance. Here $p(a, b)$ is the share of the pair in all
# counts, $p(a)$ and $p(b)$ are the shares of the words. A word's vector is its
# row of these numbers. This takes a second or two.

# %%
from scipy.sparse import coo_array

number = {word: i for i, word in enumerate(words)}
rows, columns, weight = [], [], []
for sentence in text:
    known = [number[word] for word in sentence if word in number]
    for t in range(1, 6):
        rows += known[:-t] + known[t:]
        columns += known[t:] + known[:-t]
        weight += [(6 - t) / 5] * 2 * len(known[t:])
together = coo_array((weight, (rows, columns)), shape=(V, V)).tocsr().tocoo()
margin = together.sum(axis=0)
a, b = together.coords
chance = margin[a] * margin[b] / margin.sum()
together.data = np.maximum(0, np.log(together.data / chance))
ppmi = together.tocsr()
print(f"{ppmi.nnz / V**2:.1%} of the {V:,} x {V:,} table is not zero")

# %% [markdown]
# Both collections, and one function for all kinds of vectors:

# %%
from course_utils.data import simlex999, wordsim353
from scipy.stats import spearmanr


def rho(table, index, judged):
    """Spearman's rho with people, and how many pairs are known."""
    judged = [(a.lower(), b.lower(), score) for a, b, score in judged]
    known = [p for p in judged if p[0] in index and p[1] in index]
    a = table[[index[p[0]] for p in known]]
    b = table[[index[p[1]] for p in known]]
    dots = (a * b).sum(axis=1)
    lengths = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    people = [score for _, _, score in known]
    return float(spearmanr(dots / lengths, people).statistic), len(known)


ws, sl = wordsim353(), simlex999()
baseline = [rho(ppmi, number, judged) for judged in (ws, sl)]
for name, (value, known) in zip(("WordSim", "SimLex"), baseline):
    print(f"counting alone, {name}: rho {value:.2f} ({known} pairs known)")

# %% [markdown]
# > **Predict** Will word2vec beat counting on a text this small? And which of
# > skip-gram and CBOW will people prefer?

# %% tags=["nbval-ignore-output"]
agreement = {
    name: [
        [rho(v.vectors, v.key_to_index, judged)[0] for judged in (ws, sl)]
        for v in trained
    ]
    for name, trained in vectors.items()
}

# %% [markdown]
# The mean over the seeds, and the baseline below:

# %% tags=["nbval-ignore-output"]
table = [
    (name, len(each), *(f"{x:.3f}" for x in np.mean(each, axis=0)))
    for name, each in agreement.items()
]
counted = [f"{value:.3f}" for value, _ in baseline]
table.append(("counting (PPMI)", "", *counted))
show.table(
    table,
    columns=("vectors", "seeds", "WordSim-353", "SimLex-999"),
    caption="Agreement with people, Spearman's rho",
)

# %% [markdown]
# Three things to read here. First, our skip-gram is not below gensim's, so the
# shortcuts did not hurt (`course bench` repeats this with three seeds each).
# Second, skip-gram is clearly ahead of CBOW on this text, with every seed.
# Third, plain counting is a serious rival on a text of under half a million
# words, as it has been since the 1990s. Word vectors need no neural network;
# lesson 03 goes on from there.

# %%
skip_gram = [ws for ws, _ in agreement["skip-gram"]]
cbow = [ws for ws, _ in agreement["CBOW"]]
assert min(skip_gram) > max(cbow)
print("WordSim-353: skip-gram's worst seed is above CBOW's best")
found = "on 434,000 words skip-gram is ahead of CBOW with both seeds"
_ = claim("E53", verdict="holds partly", measured=found)

# %% [markdown]
# S1 says that skip-gram suits short texts and is more accurate, and that CBOW
# suits long ones. Our text is short, and skip-gram wins: that part holds. What
# the authors of word2vec report is more mixed. On word analogies skip-gram
# solved 55 % of the questions about meaning, CBOW 24 %; of those about grammar
# 59 % against 64 %. And in their program, as in gensim's above, CBOW is the
# faster one.

# %% [markdown]
# ## What it knows, and what it gets wrong
#
# How often a few words occur, and their nearest neighbours by cosine:

# %% tags=["nbval-ignore-output"]
best = vectors["skip-gram"][0]
looks = ("france", "philosopher", "music", "north", "daughter", "apple")
rows = [
    (word, counts[word], ", ".join(w for w, _ in best.most_similar(word)[:5]))
    for word in looks
]
show.table(
    rows,
    columns=("word", "times", "nearest"),
    caption="How often a word occurs, and its nearest neighbours",
)

# %% [markdown]
# Countries stand with countries, professions with professions, arts with arts,
# mostly: here and there a name or a scrap has slipped in. Company is not
# meaning, and a hundred articles are not the world:
#
# - The vectors know *this text*. Its daughters are mostly those of Greek and
#   Trojan kings, and so are the neighbours of *daughter*.
# - Rare words are half noise. *apple* stands 13 times in the text, its
#   neighbours tell you nothing, and the fruit and the company share *one*
#   vector. Lesson 03 looks at such homographs.
# - **Opposites** keep the same company. Look at the cosines:

# %% tags=["nbval-ignore-output"]
pairs = ["good bad", "son daughter", "north south", "war peace", "war music"]
show.bars(
    {pair: best.similarity(*pair.split()) for pair in pairs},
    fmt=".2f",
    xlabel="cosine",
    title="Opposites are close",
)

# %% [markdown]
# *north* and *south*, *son* and *daughter* come near to 1, the largest cosine.
# Even *war* and *peace* are far closer than *war* and *music*.
#
# The famous *king - man + woman = queen* is not on show here. Of Google's
# 19,544 analogies some 3,300 can be asked with this vocabulary. How many does
# our skip-gram model solve? One question in eight, to save time:

# %% tags=["nbval-ignore-output"]
from course_utils.data import analogies

asked = [[w.lower() for w in analogy[1:]] for analogy in analogies()]
asked = [q for q in asked if all(w in best for w in q)][::8]
unit = best.get_normed_vectors()
at = np.array([[best.key_to_index[w] for w in q] for q in asked])
wanted = unit[at[:, 1]] - unit[at[:, 0]] + unit[at[:, 2]]
scores = wanted @ unit.T
np.put_along_axis(scores, at[:, :3], -9, axis=1)  # not the query's words
solved = (scores.argmax(axis=1) == at[:, 3]).mean()
print(f"{len(asked)} analogies asked, {solved:.1%} solved")
assert solved < 0.1

# %% [markdown]
# A few percent. Analogies need a far longer text (the paper's had six billion
# words); at this scale they **do not show**, and whoever shows you the one
# that works has picked it. Lesson 03 returns to them with a text that holds
# the relations on purpose.

# %% [markdown]
# ## Claims
#
# What S1 says about word vectors, and what was measured above:

# %%
show.claims()

# %% [markdown]
# ## Summary
#
# - Words in similar company get similar vectors; no more is known to the
#   model.
# - word2vec is two tables of $V$ rows and $d$ columns, and a dot product. A
#   one-hot vector times a table is a row of it.
# - Skip-gram asks the word for its neighbours, CBOW the mean of the neighbours
#   for the word. Every position takes its turn.
# - Negative sampling replaces a softmax by $1 + k$ yes-or-no questions, whose
#   gradient is error times vector.
# - Blocks that share their random words turn all this into matrix products:
#   the same gradients, faster, and here no worse.
# - On a small text skip-gram is ahead of CBOW, counting is a serious rival,
#   and analogies do not show.

# %% [markdown]
# ## Further reading
#
# - T. Mikolov et al. 2013, *Efficient Estimation of Word Representations in
#   Vector Space*, arXiv:1301.3781: CBOW and skip-gram.
# - T. Mikolov et al. 2013, *Distributed Representations of Words and Phrases
#   and their Compositionality*, arXiv:1310.4546: negative sampling.
# - O. Levy, Y. Goldberg 2014, *Neural Word Embedding as Implicit Matrix
#   Factorization*, NeurIPS: why counting is such a close relative.
# - S. Ji et al. 2016, *Parallelizing Word2Vec in Shared and Distributed
#   Memory*, arXiv:1604.04661: the blocks of the fast version.
