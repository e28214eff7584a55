# ---
# jupyter:
#   course:
#     title: Self-attention
#     why: >-
#       In "the cat chases the dog" a word's meaning hangs on other words: who chases, and whom. Self-attention lets
#       each word ask all others and take from each as much as fits. It is one formula, and every model in the rest
#       of this course is made of it. You work it out by hand, prove your code against PyTorch and Hugging Face, and
#       measure what each part of a block is good for: scaling, masks, positions, heads, residuals, norms.
#     objectives:
#       - compute attention by hand, with loops and with matrices, and say what query, key and value are
#       - explain the division by the root of the width, and what happens without it
#       - draw the masks of BERT and of GPT, and prove that no token sees the future
#       - say what attention alone cannot know, and three ways in which order comes back
#       - build a whole block and show what heads, residual connections, norms and the net in it do
#     builds_on: [2, 4]
#     minutes: 75
#     budget: 110
#     systems: [B4, B5, B6, B7, B8, B9]
# ---

# %% [markdown]
# ## A look-up that is not sure
#
# A dictionary answers a question exactly: the key fits, and you get its value,
# or no key fits, and you get nothing. **Attention** is a soft dictionary. The
# question, called **query**, fits every **key** more or less, and the answer
# is a mean of all **values**, in which those with the fitting keys weigh most.
#
# Queries, keys and values are vectors. How well a query $q$ fits a key $k$ is
# their dot product, as in word2vec (lesson 02). Take the sentence *cat sees
# dog*. The word *sees* asks, with these numbers, chosen so that you can follow
# with a pencil:

# %%
query = [1, 1, 2, 0]  # of the word "sees"
keys = {"cat": [0, 2, 1, 1], "sees": [1, 1, 0, 1], "dog": [0, 0, 0, 3]}
values = {"cat": [10, 0], "sees": [0, 10], "dog": [10, 10]}
scores = {
    word: sum(a * b for a, b in zip(query, key)) for word, key in keys.items()
}
print("dot products:", scores)

# %% [markdown]
# Three steps lead from these scores to the answer.
#
# 1. **Scale**: divide by $\sqrt{K}$, where $K$ is the number of numbers in a
#    key, here 4. (Why, the section on the root measures.)
# 2. **Softmax**: $e$ to each score, divided by the sum of these. Now the
#    numbers are positive and add up to 1: they are the **weights**.
# 3. **Mix**: multiply each value by its weight and add them up.
#
# > **Predict** The scaled scores are 2, 1 and 0. Is the weight of *cat* twice
# > that of *sees*, or more?

# %%
from math import exp, sqrt

scaled = {word: score / sqrt(4) for word, score in scores.items()}
powers = {word: exp(score) for word, score in scaled.items()}
total = sum(powers.values())
weights = {word: power / total for word, power in powers.items()}
for word in keys:
    print(f"{word:5}{scaled[word]:4.0f}{powers[word]:7.3f}", end="")
    print(f"{weights[word]:7.3f}  times {values[word]}")
answer = [sum(weights[w] * values[w][i] for w in keys) for i in (0, 1)]
print(f"sum of powers {total:.3f}; answer {answer[0]:.3f}, {answer[1]:.3f}")

# %% [markdown]
# One more in the score is $e = 2.718$ times the weight. *sees* takes two
# thirds of its answer from *cat*. The picture holds the same numbers. A value
# has two numbers here, so it is a point of the plane:

# %%
import matplotlib.pyplot as plt

label = f"({answer[0]:.3f}, {answer[1]:.3f})"
with show.style():
    fig, (left, right) = plt.subplots(1, 2, figsize=(6.6, 2.9))
    bars = left.barh(list(weights), list(weights.values()))
    left.bar_label(bars, fmt="%.3f", padding=3)
    left.set(xlabel="weight", ylim=(2.5, -0.5), title='Where "sees" looks')
    for word, (x, y) in values.items():
        right.scatter(x, y, s=400 * weights[word], color=show.BLUE)
        right.text(x + 0.6, y + 0.6, f"{word} ({x}, {y})")
    right.fill(*zip(*values.values()), color=show.FAINT, zorder=0)
    right.scatter(*answer, marker="*", s=150, color=show.VERMILION)
    right.text(answer[0] - 0.8, answer[1] - 0.4, label, ha="right")
    right.set(xlim=(-4, 17), ylim=(-2, 13), title="The mean of values")
    right.set(xlabel="first number", ylabel="second number")
    fig.tight_layout()
seen = "bars of 0.665 for cat, 0.245 for sees and 0.090 for dog"
mixed = f"values as points, and a star at {label}, nearest to cat"
show.figure(fig, alt=f"Left: {seen}. Right: {mixed}.")

# %% [markdown]
# The answer, the star, lies inside the triangle of the values, and nearest to
# the value with most weight. Attention never leaves that triangle: it chooses
# and mixes, it does not invent.

# %% exercise 06.1

# %% [markdown]
# ## Loops, then matrices
#
# Every word asks. So there are as many queries as keys, here three. We write
# them as rows: $Q$, $K$ and $V$ have a row for each word. First with loops:

# %%
import torch
from torch import nn

torch.set_default_dtype(torch.float64)  # 16 digits, so that proofs are sharp
words = ["cat", "sees", "dog"]
Q = torch.tensor([[2.0, 0, 0, 0], [1, 1, 2, 0], [0, 1, 1, 1]])
K = torch.tensor([[0.0, 2, 1, 1], [1, 1, 0, 1], [0, 0, 0, 3]])
V = torch.tensor([[10.0, 0], [0, 10], [10, 10]])


def attention_loops(Q, K, V):
    """Attention, one query after the other: the answers, the weights."""
    answers, all_weights = [], []
    for q in Q:
        scores = [sum(a * b for a, b in zip(q, k)) / sqrt(len(k)) for k in K]
        powers = [exp(score) for score in scores]
        weights = [power / sum(powers) for power in powers]
        answers.append(sum(w * v for w, v in zip(weights, V)))
        all_weights.append(weights)
    return torch.stack(answers), torch.tensor(all_weights)


# %% [markdown]
# All dot products together are the product $QK^T$ of two matrices, and all
# mixtures are one more product. So attention is one line:
#
# $$\text{softmax}\left(\frac{Q K^T}{\sqrt{K}}\right) V$$
#
# (It is unlucky that $K$ is the matrix of keys above the line and the width of
# a key below it. Papers write $d_k$ for the width.)

# %%
assert_close = torch.testing.assert_close
answers, weights = attention_loops(Q, K, V)
matrices = torch.softmax(Q @ K.T / sqrt(4), dim=-1) @ V
fused = torch.nn.functional.scaled_dot_product_attention(Q, K, V)
assert_close(answers, matrices)
assert_close(answers, fused)
print("loops, matrices and PyTorch's fused function agree")
for word, row, out in zip(words, weights, answers):
    print(f"{word:5}", *(f"{w:.3f}" for w in row), end="   gets ")
    print(", ".join(f"{number:.3f}" for number in out))

# %% [markdown]
# The weights are a table: who looks at whom. It is the picture that you will
# see most often in this course, so learn to read it. A **row** is one token
# that asks, and its weights add up to 1. A **column** is one that is asked.


# %%
def draw_weights(ax, weights, tokens):
    """A heat map of weights with its numbers; dark is much."""
    ax.imshow(weights, cmap="Blues", vmin=0, vmax=1)
    for i, row in enumerate(weights):
        for j, weight in enumerate(row):
            ink = "white" if weight > 0.6 else show.INK
            ax.text(j, i, f"{weight:.3f}", ha="center", va="center", color=ink)
    ax.set_xticks(range(len(tokens)), tokens)
    ax.set_yticks(range(len(tokens)), tokens)
    ax.set(xlabel="is asked", ylabel="asks")


with show.style():
    fig, ax = plt.subplots(figsize=(3, 2.9), layout="constrained")
    draw_weights(ax, weights, words)
rows = "; ".join(
    f"{word}: " + ", ".join(f"{w:.3f}" for w in row)
    for word, row in zip(words, weights)
)
show.figure(fig, alt=f"Heat map of three rows of weights. {rows}.")

# %% exercise 06.2

# %% [markdown]
# ## Why divide by the root
#
# The text S3 gives the formula without $\sqrt{K}$. Does it matter? Take
# queries and keys of random numbers with mean 0 and variance 1. A dot product
# is a sum of $K$ such products. Its variance is $K$, so its typical size is
# $\sqrt{K}$: with wide vectors the scores become large, and the softmax puts
# all weight on one key. Then nothing is learnt any more: the gradient of a
# weight $p$ in its own score is $p\,(1 - p)$, and that is 0 at both ends, for
# a weight of 0 and for one of 1.
#
# Two numbers show it, for 64 keys. The **entropy** of the weights,
# $-\sum p \ln p$, is $\ln 64 = 4.16$ when all are equal and 0 when one has
# everything. And the gradient: the sum of $p\,(1 - p)$ over all keys.
#
# > **Predict** Which of the two depends on the width once the scores are
# > divided by its root?

# %%
widths = [16, 64, 256, 1024]
generator = torch.Generator().manual_seed(0)
entropy, slope = {}, {}
for scaled in (True, False):
    entropy[scaled], slope[scaled] = [], []
    for width in widths:
        q = torch.randn(2000, 1, width, generator=generator)
        k = torch.randn(20, 64, width, generator=generator).repeat(100, 1, 1)
        scores = (q @ k.transpose(1, 2)).squeeze(1)
        p = torch.softmax(scores / (sqrt(width) if scaled else 1), dim=-1)
        nats = -(p * p.clamp(min=1e-300).log()).sum(-1).mean()
        entropy[scaled].append(nats.item())
        slope[scaled].append((p * (1 - p)).sum(-1).mean().item())
for i, width in enumerate(widths):
    print(f"K = {width:4}", end="")
    for name, of in (("entropy", entropy), ("gradient", slope)):
        scaled, plain = of[True][i], of[False][i]
        print(f"   {name} {scaled:.2f}, unscaled {plain:.2f}", end="")
    print()

# %% [markdown]
# The same numbers, drawn:

# %%
with show.style():
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 2.8))
    names = ("entropy of the weights (nats)", "gradient, sum of p (1 − p)")
    for ax, of, name in zip(axes, (entropy, slope), names):
        ax.semilogx(widths, of[True], "o-", label="divided by √K")
        ax.semilogx(widths, of[False], "s--", label="not divided")
        ax.set_xticks(widths, [str(width) for width in widths], minor=False)
        ax.set(xlabel="width K of a key", ylabel=name, ylim=(0, None))
        ax.minorticks_off()
    axes[0].legend(loc="center right")
    fig.tight_layout()
flat = "divided by the root, both stay the same for all widths"
falls = "not divided, the entropy falls towards 0 and so does the gradient"
seen = f"{flat}; {falls}"
show.figure(fig, alt=f"Entropy and gradient against the width: {seen}.")

# %% [markdown]
# With the root, width changes nothing. Without it, a head of 1,024 numbers
# looks at one single token before it has learnt anything, and hardly any
# gradient is left to change its mind.

# %%
from course_utils.systems import claim

assert max(entropy[True]) - min(entropy[True]) < 0.1
assert entropy[False][-1] < 0.1 * entropy[True][-1]
assert slope[False][-1] < 0.1 * slope[True][-1]
low, high = entropy[False][-1], entropy[True][-1]
found = f"width 1024: entropy {low:.2f} without the root, {high:.2f} with it"
_ = claim("E06", verdict="holds partly", measured=found)

# %% exercise 06.3

# %% [markdown]
# ## One text asks itself: heads
#
# Where do queries, keys and values come from? In **self-attention** all three
# are made of the same text. Each token is a vector $x$ of $D$ numbers (at the
# start its row in the table of embeddings, lesson 02; $D$ is the $d$ of lesson
# 00 and the $d_{model}$ of papers). Three matrices that are *learnt* turn it
# into a query, a key and a value: what I look for, what I offer to be found
# by, what I hand over.
#
# One softmax makes one choice, and a word may need several: the verb wants its
# subject and its object. So the $D$ numbers are cut into $H$ **heads** of $K =
# D / H$ numbers, each with a softmax of its own. Their answers are put side by
# side, and a fourth matrix mixes them. That is **multi-head attention**:


# %%
def multi_head(x, attn, mask=None):
    """Attention in H heads; `attn` holds the four learnt matrices."""
    B, L, D = x.shape
    q, k, v = (
        project(x).view(B, L, -1, attn.d_head).transpose(1, 2)
        for project in (attn.q_proj, attn.k_proj, attn.v_proj)
    )  # each (B, H, L, K)
    scores = q @ k.transpose(-2, -1) / sqrt(attn.d_head)  # (B, H, L, L)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    weights = torch.softmax(scores, dim=-1)
    heads = (weights @ v).transpose(1, 2).reshape(B, L, D)
    return attn.out_proj(heads), weights


# %% [markdown]
# $B$ is the number of texts in a batch, $L$ the number of tokens; `d_head` is
# $K$. The four `..._proj` are the learnt matrices, each with a bias: linear
# layers. (The mask is for later.) Prove it twice, with random numbers
# everywhere: against the package, and against PyTorch, which keeps the three
# matrices in one piece:

# %%
from course_utils.blocks.attention import MultiHeadAttention

torch.manual_seed(0)
attn = MultiHeadAttention(d_model=12, n_heads=3)
for parameter in attn.parameters():
    torch.nn.init.normal_(parameter)
x = torch.randn(2, 7, 12)
ours, our_weights = multi_head(x, attn)
package, package_weights = attn(x, need_weights=True)
assert_close(ours, package)
assert_close(our_weights, package_weights)
assert_close(ours, attn(x))  # the fused path, without weights

theirs = torch.nn.MultiheadAttention(12, 3, batch_first=True)
projections = (attn.q_proj, attn.k_proj, attn.v_proj)
theirs.in_proj_weight.data = torch.cat([p.weight.data for p in projections])
theirs.in_proj_bias.data = torch.cat([p.bias.data for p in projections])
theirs.out_proj.load_state_dict(attn.out_proj.state_dict())
assert_close(ours, theirs(x, x, x)[0])
print("three heads of", attn.d_head, "numbers; all three agree")

# %% [markdown]
# From here on we use the package's. Look at its heart; it is our formula
# twice, once fused and fast, once in plain steps for when we want to see the
# weights:

# %%
show.source(MultiHeadAttention.attend)

# %% exercise 06.4

# %% [markdown]
# ## Masks are pictures
#
# Sometimes a token must not look at another. A **mask** says who may look at
# whom. It is a table of yes and no, so it is a picture: blue is "may look".
#
# - **Padding**: the texts of a batch have different lengths, and the shorter
#   are filled up with a blank token. Nobody may look at blanks.
# - **Causal**: a model that writes must not see what comes next.
# - **Window**: only near tokens, which is cheap for long texts.
#
# Masks are combined with "and" and "or":

# %%
from course_utils.blocks.masks import causal, unpadded, window

ids = torch.tensor([[5, 8, 3, 9, 4, 0, 0]])  # two blanks at the end
padding = unpadded(ids)[0, 0].expand(7, 7)
masks = {
    "padding": padding,
    "causal": causal(7),
    "window of 1": window(7, left=1, right=1),
    "causal and padding": causal(7) & padding,
}
show.mask(
    masks,
    alt="Four masks of 7 by 7 squares. Padding: the last two columns are "
    "empty. Causal: the lower triangle is blue. Window: a band of three "
    "along the diagonal. Causal and padding: the triangle without the last "
    "two columns.",
)

# %% [markdown]
# A mask is applied to the *scores*, before the softmax: where it says no, the
# score becomes as low as possible, and $e$ to that is 0. The other weights
# still add up to 1. The token itself stays in the text; S2 puts it well: the
# model does not replace later words by a `[MASK]`, as BERT's training does, it
# *blocks them inside the computation*.
#
# Here is the proof that it works. Change the last token of a text. What comes
# out at earlier places must not change: not a little, but not at all.
#
# > **Predict** And without the mask: which of the seven outputs change?

# %%
changed = x.clone()
changed[:, -1] = torch.randn(2, 12)
for name, mask in (("causal mask", causal(7)), ("no mask", None)):
    before, after = attn(x, bias=mask), attn(changed, bias=mask)
    moved = (before - after).abs().amax(dim=(0, 2))
    print(f"{name:12}", " ".join(f"{m:.2f}" for m in moved))
    if mask is not None:
        assert torch.equal(before[:, :-1], after[:, :-1])  # exactly 0

# %% [markdown]
# With the causal mask only the last output has moved. Without it all seven
# have: each of them looks at the token that was changed.

# %% exercise 06.5

# %% [markdown]
# ### BERT and GPT: the same attention, another mask
#
# S1 says that BERT uses attention and GPT-3 *self-attention*. Take one set of
# weights, and put it into the attention of BERT and into that of GPT-2, both
# from the library `transformers`. Nothing is downloaded: the weights are the
# random ones from above. (GPT-2 stands for GPT-3, which is GPT-2 made larger,
# with masks that let some layers see a part of the text only.)

# %%
from transformers import BertConfig, GPT2Config
from transformers.models.bert.modeling_bert import BertSelfAttention
from transformers.models.gpt2.modeling_gpt2 import GPT2Attention

sizes = dict(hidden_size=12, num_attention_heads=3, num_hidden_layers=1)
bert_config = BertConfig(**sizes, attn_implementation="eager")
bert = BertSelfAttention(bert_config).eval()
for name in ("q", "k", "v"):
    full = {"q": "query", "k": "key", "v": "value"}[name]
    source = getattr(attn, f"{name}_proj")
    getattr(bert, full).load_state_dict(source.state_dict())
gpt_config = GPT2Config(n_embd=12, n_head=3, attn_implementation="eager")
gpt = GPT2Attention(gpt_config, layer_idx=0).eval()
gpt.c_attn.weight.data = theirs.in_proj_weight.data.T.contiguous()
gpt.c_attn.bias.data = theirs.in_proj_bias.data
gpt.c_proj.weight.data = attn.out_proj.weight.data.T.contiguous()
gpt.c_proj.bias.data = attn.out_proj.bias.data

# %% [markdown]
# BERT keeps the last matrix in another module, so we apply it ourselves. Then
# our one attention is compared with both, once without a mask and once with
# the causal one:

# %%
from course_utils.blocks.masks import to_bias

encoder = attn.out_proj(bert(x)[0])
future = to_bias(causal(7), torch.float64)[None, None]
decoder = gpt(x, attention_mask=future)[0]
assert_close(attn(x), encoder)
assert_close(attn(x, bias=causal(7)), decoder)
assert (encoder - decoder).abs().max() > 0.1
print("BERT's self-attention = ours without a mask")
print("GPT-2's self-attention = ours with the causal mask")
found = "one set of weights gives BERT's output without, GPT-2's with a mask"
_ = claim("E08", verdict="wrong", measured=found)

# %% [markdown]
# Both are self-attention. The encoder's tokens look both ways, the decoder's
# only back. What the two are *trained* to do differs too, and fills lessons 10
# and 15.

# %% exercise 06.6

# %% exercise 06.7

# %% [markdown]
# ## What attention cannot know: order
#
# Nothing in the formula says where a token stands. Shuffle the tokens, and the
# outputs are shuffled in the same way, and nothing else changes. One says that
# attention is **permutation equivariant**. So for it *the cat chases the dog*
# and *the dog chases the cat* are the same bag of words.

# %%
order = torch.randperm(7, generator=torch.Generator().manual_seed(3))
print("order:", order.tolist())
assert_close(attn(x[:, order]), attn(x)[:, order])
print("shuffled in, shuffled out, nothing else")
one_by_one = [attn(x[:, i : i + 1], context=x) for i in range(7)]
assert_close(torch.cat(one_by_one, dim=1), attn(x))
print("each query on its own gives the same as all at once")
found = "shuffled tokens give shuffled outputs; all are computed at once"
_ = claim("E10", verdict="holds partly", measured=found)

# %% [markdown]
# S1 says in one paragraph that self-attention follows the words "in time", in
# the next that it looks at all at once without regard to order, and then that
# the model does not read all at once. The middle one is right, for attention
# alone: no query waits for another. Order comes in from outside. (A model that
# *writes* is another matter: it needs its own last word before the next.)
#
# There are three ways for order to come in: a vector for each position, learnt
# or fixed, which is added to the embedding; a change of the scores (lesson
# 08); and, as we shall see, the causal mask. The fixed vectors of the 2017
# paper are sines and cosines of different wavelengths: number $2i$ of position
# $p$ is $\sin(p / 10000^{2i/D})$, number $2i + 1$ the cosine of the same.

# %%
from course_utils.blocks.positions import sinusoidal

table = sinusoidal(64, 32)
with show.style():
    fig, ax = plt.subplots(figsize=(6.4, 2.8), layout="constrained")
    image = ax.imshow(table.T, cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
    fig.colorbar(image, label="value")
    ax.set(xlabel="position", ylabel="number in the vector")
stripes = "fast waves in the first numbers, slow ones in the last"
show.figure(fig, alt=f"64 positions as columns of colour: {stripes}.")

# %% [markdown]
# Each column is the vector of one position: no two are alike. The first
# numbers tell neighbours apart, as the seconds of a clock do, the last ones
# far from near, as the hours do.

# %% [markdown]
# ### Who chases whom?
#
# Now a test. Sentences name two animals and what one does to the other, in
# English or in Chinese: *the cat chases the dog .* or *猫 追 狗 。* A model reads
# the sentence and says who does it. All is asked in both orders, so that a bag
# of words gives nothing away, and the test's pairs of animals never occur
# together in training.

# %%
english = "cat dog fox hen cow pig owl ant rat bee horse sheep tiger bear wolf"
chinese = "猫 狗 狐狸 母鸡 牛 猪 猫头鹰 蚂蚁 老鼠 蜜蜂 马 羊 虎 熊 狼"
animals = dict(zip(english.split(), chinese.split())) | {"frog": "青蛙"}
deeds = {"chases": "追", "sees": "看见", "follows": "跟着"}
names = list(animals)
special = ["<pad>", "<bos>", "<eos>", "the", ".", "。"]
vocabulary = special + [w for both in (animals, deeds) for w in both]
vocabulary += [w for both in (animals, deeds) for w in both.values()]
number = {word: i for i, word in enumerate(vocabulary)}


def sentence(who, does, whom, chinese=False):
    """The sentence as a list of tokens."""
    if chinese:
        return [animals[who], deeds[does], animals[whom], "。"]
    return ["the", who, does, "the", whom, "."]


# %% [markdown]
# The blank `<pad>` is number 0. It fills up the Chinese sentences, which are
# shorter.


# %%
def data(pairs):
    """Ids (N, 6), and who does it to whom (N, 2), in both orders."""
    ids, answers = [], []
    for pair in pairs:
        for who, whom in (pair, pair[::-1]):
            for does in deeds:
                for chinese in (False, True):
                    tokens = sentence(who, does, whom, chinese)
                    row = [number[token] for token in tokens]
                    ids.append(row + [0] * (6 - len(row)))
                    answers.append([names.index(who), names.index(whom)])
    return torch.tensor(ids), torch.tensor(answers)


pairs = [(a, b) for i, a in enumerate(names) for b in names[:i]]
order = torch.randperm(120, generator=torch.Generator().manual_seed(0))
train, test = (data([pairs[i] for i in part]) for part in order.split(90))
print(len(train[0]), "sentences to learn from,", len(test[0]), "to be tested")
for ids in test[0][:2]:
    print(" ".join(vocabulary[i] for i in ids))

# %% [markdown]
# The model has two blocks from the package, which the second half of this
# lesson takes apart. It answers at the full stop, the last token, which may
# look at everything before it.


# %%
class Reader(nn.Module):
    """Blocks of attention; the answers come from the full stop."""

    def __init__(self, blocks, positions, decoder=False, answers=1):
        super().__init__()
        d = positions.shape[1]
        self.tok, self.pos = nn.Embedding(len(vocabulary), d), positions
        self.blocks, self.decoder = nn.ModuleList(blocks), decoder
        self.head = nn.Linear(d, answers * len(names))

    def forward(self, ids):
        x, mask = self.tok(ids) + self.pos, unpadded(ids)
        if self.decoder:
            mask = mask & causal(6)
        for block in self.blocks:
            x = block(x, bias=mask)
        last = (ids != 0).sum(1) - 1
        out = self.head(x[torch.arange(len(x)), last])
        return out.unflatten(1, (-1, len(names)))


# %% [markdown]
# In the test the model has to choose between the two animals in the sentence,
# so that guessing gives 50 %.
#
# > **Predict** Three of the six below are told nothing of positions: one
# > encoder, and decoders of one and of two blocks, which see only what comes
# > before. Which of the three will be at 50 %?


# %%
from course_utils.blocks.ffn import FeedForward
from course_utils.blocks.norms import LayerNorm
from course_utils.blocks.residual import PreNorm
from course_utils.train import fit, shuffled


def block(d, heads=2):
    """One block, as in GPT-2."""
    net = FeedForward(d, 4 * d)
    return PreNorm(MultiHeadAttention(d, heads), net, lambda: LayerNorm(d))


def positions(kind, d=32):
    """Vectors of six positions: none, sines, or numbers to be learnt."""
    if kind == "learnt":
        return nn.Parameter(torch.randn(6, d) / 2)
    fixed = sinusoidal(6, d).to(torch.float64)
    return fixed if kind == "sines" else torch.zeros(6, d)


# %% [markdown]
# Training is the package's `fit`: steps of gradient descent on batches. It
# uses AdamW, which gives each number a step size of its own, as lesson 03's
# AdaGrad does. The loss is the **cross-entropy**: minus the logarithm of the
# probability that a softmax of the model's scores gives to the right answer.


# %%
def chaser(n_blocks, kind="none", decoder=False):
    """Train a reader to say who does it; the share of right choices."""
    torch.manual_seed(0)
    blocks = [block(32) for _ in range(n_blocks)]
    model = Reader(blocks, positions(kind), decoder)
    batches = shuffled(train[0], train[1][:, :1], batch_size=64)
    fit(model, batches, steps=150, lr=3e-3, progress=False)
    with torch.no_grad():
        choice = model(test[0])[:, 0].gather(1, test[1])
    return (choice[:, 0] > choice[:, 1]).double().mean().item()


right = {
    "encoder, no positions": chaser(2),
    "encoder, sines": chaser(2, "sines"),
    "encoder, learnt positions": chaser(2, "learnt"),
    "decoder, no positions, 1 block": chaser(1, decoder=True),
    "decoder, no positions, 2 blocks": chaser(2, decoder=True),
    "decoder, learnt positions": chaser(2, "learnt", decoder=True),
}

# %% [markdown]
# The share of right choices:

# %%
show.bars(
    right,
    fmt=".0%",
    xlabel="right choices, on pairs never seen",
    title="Who chases whom?",
    baseline={"guessing": 0.5},
)
assert right["encoder, no positions"] == 0.5
assert right["decoder, no positions, 1 block"] == 0.5
assert right["decoder, no positions, 2 blocks"] > 0.9
assert min(right[f"encoder, {k}"] for k in ("sines", "learnt positions")) > 0.9

# %% [markdown]
# Without positions the encoder is at exactly 50 %: it gives both sentences the
# same answer. Any kind of position solves it. The surprise is the decoder
# *without* positions: its mask shows each token another part of the sentence,
# so the tokens differ by where they stand, and a second block can use that
# (Haviv et al. 2022). One block cannot: the full stop sees a bag of plain
# words. (One seed each; what is at 50 % is so for any.)

# %% [markdown]
# ## Why several heads
#
# Now ask two questions at once: who does it, *and to whom*? The full stop must
# fetch two different words. One softmax can put half of its weight on each,
# but then the answer is a mean, in which it is hard to tell who is who. Give
# the same attention layer, nothing else around it, one head, two or four. The
# number of parameters is the same: 64 numbers are one head, or two of 32.


# %%
class Bare(nn.Module):
    """Attention and nothing around it, in the place of a block."""

    def __init__(self, d, heads):
        super().__init__()
        self.attn = MultiHeadAttention(d, heads)

    def forward(self, x, bias):
        return self.attn(x, bias=bias)


# %% [markdown]
# A sentence counts as right if both answers are.


# %%
def both_right(heads, seed):
    """Train on both questions; a model, its share of right sentences."""
    torch.manual_seed(seed)
    model = Reader([Bare(64, heads)], positions("learnt", 64), answers=2)
    batches = shuffled(*train, batch_size=64, seed=seed)
    fit(model, batches, steps=250, lr=1e-2, progress=False)
    with torch.no_grad():
        found = model(test[0]).argmax(-1)
    return model, (found == test[1]).all(1).double().mean().item()


# %% [markdown]
# Three seeds each:

# %%
import numpy as np

readers, shares = {}, {}
for heads in (1, 2, 4):
    runs = [both_right(heads, seed) for seed in range(3)]
    readers[heads] = runs[0][0]
    shares[heads] = np.array([share for _, share in runs])
for heads, share in shares.items():
    name = "1 head: " if heads == 1 else f"{heads} heads:"
    print(f"{name} {share.mean():.0%} ± {share.std(ddof=1):.0%} right")
assert shares[1].max() < shares[2].min()

# %% [markdown]
# One head gets little more than a quarter of the sentences right, two heads
# all of them, four nearly all. What do the heads of a trained model look at?
# Choose a head, and point at a token. The full stop, the last token, is the
# one that has learnt to look:

# %%
from course_utils.blocks.attention import record


def watch(model, tokens):
    """The weights of a reader's attention for one sentence (H, L, L)."""
    ids = torch.tensor([[number[token] for token in tokens]])
    padded = nn.functional.pad(ids, (0, 6 - len(tokens)))
    with record(model) as seen, torch.no_grad():
        model(padded)
    weights = seen["blocks.0.attn"][0]
    return weights[:, : len(tokens), : len(tokens)]


# %% [markdown]
# *The cat chases the dog .* in the model with two heads:

# %%
english = sentence("cat", "chases", "dog")
show.attention(
    watch(readers[2], english),
    english,
    alt="Weights of two heads for 'the cat chases the dog .'. At the full "
    "stop one head looks at cat and the other at dog.",
    title="Two heads read English",
)

# %% [markdown]
# The two heads have divided the work between them: one fetches who does it,
# the other to whom. Nobody told them to. And in Chinese, where the words stand
# at other places?

# %%
chinese = sentence("cat", "chases", "dog", chinese=True)
show.attention(
    watch(readers[2], chinese),
    chinese,
    alt="Weights of the same two heads for the Chinese sentence. At the full "
    "stop one head looks at the first word, cat, the other at the third.",
    title="The same two heads read Chinese",
)
for tokens in (english, chinese):
    seen = watch(readers[2], tokens)[:, -1].argmax(-1)
    print("the full stop's heads look at", [tokens[i] for i in seen])

# %% [markdown]
# A warning: this model is so small that its weights explain what it does. In a
# large model they are a clue, no more. What a head hands over is changed by
# what comes after it.

# %% [markdown]
# ## Far away: recall against GRU and CNN
#
# Before 2017 texts were read by **recurrent networks**, which carry a state
# from token to token (such as the GRU, *gated recurrent unit*), or by
# **convolutions** (CNN, *convolutional neural network*), small filters that
# see a few neighbours. Attention reaches every token in one step. Compare the
# three at *recall*.
#
# A list has 128 places. Eight of them, at random, hold a key and its value;
# the rest is blank. Then one of the keys is asked for, and its value is the
# answer. The distance from the question to the place is between 1 and 128,
# short ones as often as long ones.
#
# We make it as easy as we can, for all three alike: key and value stand at the
# *same* place, as the sum of two embeddings. (Were they neighbours, attention
# would need positions and a second layer.)


# %%
def recall(step, n=32, places=128, pairs=8):
    """A batch: keys, values, the right answers, the distances."""
    g = torch.Generator().manual_seed(step)
    distance = (2 ** (7 * torch.rand(n, generator=g))).round().long()
    rows, asked = torch.arange(n), places - distance
    chance = torch.rand(n, places, generator=g)
    chance[rows, asked] = 2  # the place that is asked for comes first
    at = chance.argsort(1, descending=True)[:, :pairs]
    key = torch.rand(n, pairs, generator=g).argsort(1) + 1  # 0 is a blank
    value = torch.randint(1, 9, (n, pairs), generator=g)
    keys, values = torch.zeros(2, n, places + 1, dtype=torch.long)
    keys.scatter_(1, at, key), values.scatter_(1, at, value)
    keys[:, -1] = key[:, 0]  # the question is the last token
    return keys, values, value[:, 0] - 1, distance


keys, values, answer, distance = recall(0, n=1)
place = 128 - distance.item()
print("asked for key", keys[0, -1].item(), "at distance", distance.item())
print("there: key", keys[0, place].item(), "value", values[0, place].item())

# %% [markdown]
# The three models. They share the embeddings and the answer at the end; one
# line differs. The CNN has three layers of filters of three tokens each, so it
# sees $1 + 3 \cdot 2 = 7$ tokens: up to distance 6.


# %%
class Recaller(nn.Module):
    """Embeddings, a way to read them, an answer."""

    def __init__(self, read, d=64):
        super().__init__()
        self.keys, self.values = nn.Embedding(9, d), nn.Embedding(9, d)
        self.read, self.head = read, nn.Linear(d, 8)

    def forward(self, keys, values):
        return self.head(self.read(self.keys(keys) + self.values(values)))


# %% [markdown]
# And the three ways to read. Each gives one vector, that of the question:


# %%
class Attend(MultiHeadAttention):
    def forward(self, x):
        return super().forward(x[:, -1:], context=x)[:, 0]


class Recur(nn.GRU):
    def forward(self, x):
        return super().forward(x)[0][:, -1]


class Convolve(nn.Sequential):
    def forward(self, x):
        return super().forward(x.transpose(1, 2))[:, :, -1]


# %% [markdown]
# Each gets five seconds of one processor, however many steps that makes. So
# the numbers of this section differ a little from run to run.

# %% tags=["nbval-ignore-output"]
import functools
import time

from course_utils.train import adamw


def questions(start, step):
    """Keys, values and right answers of a batch."""
    return recall(start + step)[:3]


# %% tags=["nbval-ignore-output"]
torch.set_default_dtype(torch.float32)  # as one trains in practice
torch.set_num_threads(1)  # a fair race: seconds of one processor
torch.manual_seed(0)
layers = []
for _ in range(3):  # blanks on the left: a filter sees the past only
    layers += [nn.ConstantPad1d((2, 0), 0.0), nn.Conv1d(64, 64, 3)]
    layers.append(nn.ReLU())
recallers = {
    "attention": Recaller(Attend(64, 1)),
    "GRU": Recaller(Recur(64, 64, batch_first=True)),
    "CNN": Recaller(Convolve(*layers)),
}
done = dict.fromkeys(recallers, 0)
for name, model in recallers.items():
    start, adam = time.process_time(), adamw(model, lr=3e-3)
    while time.process_time() - start < 5:
        batches = functools.partial(questions, done[name])
        fit(model, batches, steps=25, optimizer=adam, progress=False)
        done[name] += 25
print("steps:", done)

# %% [markdown]
# > **Predict** Up to which distance will each of the three be right?

# %% tags=["nbval-ignore-output"]
keys, values, answer, distance = recall(10**9, n=3000)
edges = [1, 2, 4, 8, 16, 32, 64, 129]
spans = [(low, high - 1) for low, high in zip(edges, edges[1:])]
accuracy = {}
for name, model in recallers.items():
    with torch.no_grad():
        right = (model(keys, values).argmax(-1) == answer).double()
    inside = [(a <= distance) & (distance <= b) for a, b in spans]
    accuracy[name] = [right[span].mean().item() for span in inside]
assert max(accuracy["CNN"][3:]) < 0.25  # it cannot see so far
assert accuracy["attention"][-1] > accuracy["GRU"][-1]

# %% tags=["nbval-ignore-output"]
with show.style():
    fig, ax = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    for (name, line), mark in zip(accuracy.items(), "os^"):
        ax.plot(line, mark + "-", label=name)
    ax.axhline(1 / 8, ls="--", color=show.GREY, label="guessing")
    ax.set_xticks(range(7), [f"{a}–{b}" if b > a else a for a, b in spans])
    ax.set(xlabel="distance (tokens)", ylabel="share right", ylim=(0, 1.05))
    ax.legend()
lines = "attention is right at every distance, the GRU's line falls with"
ends = "distance, the CNN's drops to guessing beyond 6 tokens"
show.figure(fig, alt=f"Right answers against distance: {lines} {ends}.")

# %% [markdown]
# Attention does not care how far away the pair stands. The CNN is blind beyond
# its six tokens, however long one trains. The GRU learns the near ones first,
# and has to carry the far ones through all the steps between. Mind what this
# does *not* say: recurrent networks are not incapable of it. In these seconds,
# at this size, they have not learnt it yet.
#
# And the speed? A GRU must go step by step, attention does all at once, but
# for all *pairs* of tokens. The time of a training step, GRU over attention:

# %% tags=["nbval-ignore-output"]
from course_utils.bench import compare


def ratio(length):
    """CPU seconds of a GRU's step over those of attention."""
    x = torch.randn(8, length, 64)
    attn = MultiHeadAttention(64, 1)
    gru = nn.GRU(64, 64, batch_first=True)
    sides = {
        "attention": lambda: attn(x).sum().backward(),
        "GRU": lambda: gru(x)[0].sum().backward(),
    }
    seconds = compare(sides, rounds=7)
    return seconds["GRU"].min / seconds["attention"].min


# %% tags=["nbval-ignore-output"]
ratios = {f"{length} tokens": ratio(length) for length in (64, 128, 256, 512)}
torch.set_default_dtype(torch.float64)
show.bars(
    ratios,
    fmt=".1f",
    xlabel="CPU seconds of the GRU / CPU seconds of attention",
    title="One training step, one thread",
)

# %% [markdown]
# The GRU is slower at all four lengths. But its work grows with the number of
# tokens, attention's with the number of pairs, so with long texts the ratio
# falls. On one thread this shows early; a graphics card computes thousands of
# pairs at once, but still has to wait for each step of a GRU.

# %% exercise 06.8

# %% [markdown]
# ## The block
#
# Attention moves information *between* tokens. The rest of a block works on
# each token alone, and keeps the whole thing trainable.
#
# - The **feed-forward net** has two layers with a bend between them: $D$
#   numbers become $F$, mostly $4D$, negative ones are cut off (ReLU; GELU does
#   so softly), and $F$ become $D$ again. Attention only mixes; here things are
#   computed.
# - A **residual connection** adds what a sublayer makes to what came in:
#   $x + f(x)$. So there is a straight way from the last block to the first,
#   for the information and for the gradient.
# - **Layer normalisation** brings each token's numbers to mean 0 and variance
#   1, and then gives them a scale and a shift that are learnt.
#
# In 2017 the norm stood after the sum (**post-norm**). Since GPT-2 it mostly
# stands before the sublayer (**pre-norm**), and nothing stands on the straight
# way.
#
# $$\text{post-norm: } \text{norm}(x + f(x)) \qquad
# \text{pre-norm: } x + f(\text{norm}(x))$$


# %%
def draw_block(ax, boxes, ways, title):
    """Boxes from bottom to top on a line, with ways around them."""
    for y, (name, colour) in enumerate(boxes):
        box = {"boxstyle": "round", "fc": "white", "ec": colour, "lw": 1.5}
        ax.text(0, y, name, ha="center", va="center", bbox=box, fontsize=9)
        if y:
            arrow = {"arrowstyle": "-|>", "color": show.INK, "shrinkA": 9}
            ax.annotate("", (0, y - 0.25), (0, y - 1), arrowprops=arrow)
    for start, end in ways:  # out of the line, around, and into the sum
        x, y = [0, 1.1, 1.1, 0.3], [start + 0.45, start + 0.45, end, end]
        ax.plot(x, y, color=show.VERMILION)
        ax.plot(0.26, end, "<", color=show.VERMILION)
    ax.set(xlim=(-1.5, 1.7), ylim=(-0.4, len(boxes) - 0.5), title=title)
    ax.axis("off")


# %% [markdown]
# The two kinds, from bottom to top; orange lines are the residuals. Go up
# along them: in the post-norm block you pass through both norms, in the
# pre-norm block through none.

# %%
norm, attention_box = ("norm", show.GREY), ("attention", show.BLUE)
add, net = ("+", show.VERMILION), ("net", show.GREEN)
ends = ("x", show.INK), ("x, to the next block", show.INK)
after = [attention_box, add, norm, net, add, norm]
before = [norm, attention_box, add, norm, net, add]
with show.style():
    fig, axes = plt.subplots(1, 2, figsize=(6, 4), layout="constrained")
    after, before = ([ends[0], *kind, ends[1]] for kind in (after, before))
    draw_block(axes[0], after, [(0, 2), (3, 5)], "post-norm (2017)")
    draw_block(axes[1], before, [(0, 3), (3, 6)], "pre-norm (GPT-2)")
one = "post-norm: attention, plus x, norm, net, plus, norm"
two = "pre-norm: norm, attention, plus x, norm, net, plus"
show.figure(fig, alt=f"Two blocks from bottom to top. {one}; {two}.")

# %% exercise 06.9

# %% exercise 06.10

# %% [markdown]
# Here is the block of 2017, written out. The prove-it is against
# `torch.nn.TransformerEncoderLayer`: all weights random, one text padded, and
# a table that says which of its weights is which of ours.


# %%
def post_norm_block(x, parts, mask):
    """The encoder's block of 2017, step by step."""
    attended, _ = multi_head(x, parts.attn, mask)
    x = parts.norm_attn(x + attended)
    wide = torch.relu(parts.ffn.up(x))
    return parts.norm_ffn(x + parts.ffn.down(wide))


# %%
from course_utils.blocks.residual import PostNorm

net = FeedForward(12, 40, activation=torch.relu)
parts = PostNorm(MultiHeadAttention(12, 3), net, lambda: LayerNorm(12))
for parameter in parts.parameters():
    nn.init.normal_(parameter)
layer = nn.TransformerEncoderLayer(12, 3, 40, dropout=0.0, batch_first=True)

# %% [markdown]
# The map of the weights:

# %%
same = {"linear1": parts.ffn.up, "linear2": parts.ffn.down}
same |= {"norm1": parts.norm_attn, "norm2": parts.norm_ffn}
same |= {"self_attn.out_proj": parts.attn.out_proj}
state = {
    f"{theirs}.{kind}": getattr(ours, kind)
    for theirs, ours in same.items()
    for kind in ("weight", "bias")
}
projections = (parts.attn.q_proj, parts.attn.k_proj, parts.attn.v_proj)
for kind in ("weight", "bias"):
    joined = torch.cat([getattr(p, kind) for p in projections])
    state[f"self_attn.in_proj_{kind}"] = joined
_ = layer.load_state_dict(state)

# %% [markdown]
# And the proof, everywhere but at the blanks, where nobody reads the result:

# %%
x = torch.randn(2, 7, 12)
mask = unpadded(torch.tensor([[1] * 7, [1] * 4 + [0] * 3]))
blank = ~mask[:, 0, 0]  # PyTorch's padding mask says who is *not* looked at
assert_close(post_norm_block(x, parts, mask), parts(x, bias=mask))
reference = layer(x, src_key_padding_mask=blank)
assert_close(parts(x, bias=mask)[~blank], reference[~blank])
total = sum(p.numel() for p in parts.parameters())
print(f"a block of {total:,} weights: ours, the package's, PyTorch's agree")

# %% exercise 06.11

# %% [markdown]
# ### What if a part is missing?
#
# Stacks of 1, 4 and 12 blocks, whole and with one part taken out, learn to
# guess the next character of Wikipedia, 100 steps each. (Language models have
# lessons of their own; here it is a task with a loss.) The baseline knows
# how frequent each character is, and nothing else.

# %%
from course_utils.data import wikipedia
from course_utils.train import sample_blocks

text = wikipedia()[0].text.lower().encode("ascii", "ignore").decode()
characters = sorted(set(text))
index = {character: i for i, character in enumerate(characters)}
text = torch.tensor([index[character] for character in text])
frequency = torch.bincount(text) / len(text)
baseline = -(frequency * frequency.log()).sum().item()
print(f"{len(text):,} letters, {len(characters)} different ones")
print(f"frequencies alone: {baseline:.2f} nats")

# %% [markdown]
# The parts that are taken out, and the model:


# %%
class NoResidual(PreNorm):
    """A block without the straight way."""

    def residual(self, x, norm, sublayer, **more):
        return sublayer(norm(x), **more)


class Nothing(nn.Module):
    """A net that adds nothing."""

    def forward(self, x):
        return torch.zeros_like(x)


# %%
class Characters(nn.Module):
    """A stack of blocks that guesses the next character."""

    def __init__(self, depth, without, d=32):
        super().__init__()
        norm = nn.Identity if "norm" in without else lambda: LayerNorm(d)
        kind = NoResidual if "residual" in without else PreNorm
        self.tok = nn.Embedding(len(characters), d)
        self.blocks = nn.ModuleList()
        for _ in range(depth):
            net = Nothing() if "net" in without else FeedForward(d, 4 * d)
            self.blocks.append(kind(MultiHeadAttention(d, 2), net, norm))
        self.norm, self.head = norm(), nn.Linear(d, len(characters))

    def forward(self, ids):
        n = ids.shape[1]
        x = self.tok(ids) + sinusoidal(n, 32).to(torch.float64)
        for block in self.blocks:
            x = block(x, bias=causal(n))
        return self.head(self.norm(x))


# %% [markdown]
# Before any training, how long is the gradient that reaches the first block?
# The losses of deep stacks hang on that.

# %%
windows = sample_blocks(text, length=32, batch_size=4)
variants = {
    "whole": "",
    "no residual": "residual",
    "no norm": "norm",
    "no net": "net",
    "no residual, no norm": "residual norm",
}
depths = [1, 4, 12]
inputs, targets = windows(0)
gradient = {}
for name, without in variants.items():
    for depth in depths:
        torch.manual_seed(0)
        model = Characters(depth, without)
        logits = model(inputs).flatten(0, 1)
        nn.functional.cross_entropy(logits, targets.flatten()).backward()
        first = model.blocks[0].attn.q_proj.weight.grad
        gradient[name, depth] = first.norm().item()
rows = [(name, *(gradient[name, n] for n in depths)) for name in variants]

# %% [markdown]
# We look at the matrix that makes the queries, for it decides who looks at
# whom:

# %%
show.table(
    rows,
    columns=("block", *(f"{n} blocks" for n in depths)),
    caption="Length of the gradient at the first block's queries",
    fmt={f"{n} blocks": ".1e" for n in depths},
)
assert gradient["no residual", 12] < 0.1 * gradient["no residual", 1]
assert gradient["no residual, no norm", 12] < 1e-6

# %% [markdown]
# With residuals the first block hears about as much in a stack of 12 as alone.
# Without them its gradient shrinks with each block, and without norms as well,
# nothing is left of it.
#
# > **Predict** Which of the first four learns nothing when there are 12?

# %%
final = {}
for name in list(variants)[:4]:
    for depth in depths:
        torch.manual_seed(0)
        model = Characters(depth, variants[name])
        rates = {"lr": 5e-3, "schedule": lambda step: min(1, (step + 1) / 20)}
        history = fit(model, windows, steps=100, progress=False, **rates)
        final[name, depth] = sum(history.losses[-20:]) / 20

# %% [markdown]
# The rate of learning rises over the first 20 steps, then it is constant.

# %%
with show.style():
    fig, ax = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    for name, mark in zip(variants, "os^D"):
        line = [final[name, n] for n in depths]
        ax.plot(depths, line, mark + "-", label=name)
    ax.axhline(baseline, ls="--", color=show.GREY, label="frequencies")
    ax.set(xlabel="blocks", ylabel="loss of the last steps (nats)")
    ax.set_xticks(depths)
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
seen = "without residual the loss of 4 and 12 blocks stays at the baseline"
show.figure(fig, alt=f"Loss against depth for four kinds of block: {seen}.")

# %% [markdown]
# The numbers of the picture:

# %%
show.table(
    [(name, *(final[name, n] for n in depths)) for name in list(variants)[:4]],
    columns=("block", *(f"{n} blocks" for n in depths)),
    caption="Loss of the last 20 of 100 steps, in nats for each character",
    fmt={f"{n} blocks": ".2f" for n in depths},
)
assert final["no residual", 12] > final["whole", 12] + 0.2
assert final["no residual", 12] > baseline - 0.1
assert all(final["no net", n] > final["whole", n] for n in depths)

# %% [markdown]
# - Depth alone gains nothing in so few steps: it costs some. What matters here
#   is whether a deep stack learns at all.
# - **Without residuals** a deep stack learns how frequent the characters are
#   and hardly anything else.
# - **Without the net** the loss is worse at every depth. (Part of that is
#   size: count as in exercise 06.11, and two thirds of the weights are the
#   net's.)
# - **Without the norm** stacks of 1 and 4 blocks learn as well; only with 12
#   is the whole block ahead, by little, and with one seed. So at this size the
#   need for norms does **not show**. The table of gradients hints at it:
#   without norms they grow with the depth.

# %% [markdown]
# ## An aside: hierarchical attention
#
# S1 says that all these models use "spatial and hierarchical attention".
# **Hierarchical attention** is something else (Yang et al. 2016): one
# attention weighs the words of each *sentence*, a second one the sentences of
# the *document*. **Spatial attention** weighs the regions of a picture. Is
# either in BERT or GPT-2? We saw above that their attention is ours, in all
# digits.

# %%
found = "BERT's and GPT-2's attention is plain multi-head attention"
_ = claim("E09", verdict="wrong", measured=found)

# %% [markdown]
# When is a hierarchy good for something? When it matters which words share a
# sentence. We build such documents on purpose: six sentences of six words,
# each with *good* or *bad* in it, and in one of them stands *verdict*. The
# label is the mood of that sentence. A mean over all words sees, say, three
# *good* and three *bad*, and cannot tell which counts.


# %%
def documents(n, seed):
    """Documents (n, 6, 6) and their moods; 0 is *verdict*, 1 and 2 moods."""
    g = torch.Generator().manual_seed(seed)
    words = torch.randint(3, 40, (n, 6, 6), generator=g)
    mood = torch.randint(2, (n, 6), generator=g)
    place = torch.rand(n, 6, 6, generator=g).argsort(-1)
    words.scatter_(2, place[..., :1], mood[..., None] + 1)
    rows, verdict = torch.arange(n), torch.randint(6, (n,), generator=g)
    words[rows, verdict, place[rows, verdict, 1]] = 0
    return words, mood[rows, verdict]


# %% [markdown]
# Yang's way to make one vector of many is an attention with a single query,
# which is learnt:


# %%
class Pool(nn.Module):
    """One vector for many: a mean whose weights are learnt."""

    def __init__(self, d):
        super().__init__()
        self.proj, self.query = nn.Linear(d, d), nn.Linear(d, 1, bias=False)

    def forward(self, x):
        scores = self.query(torch.tanh(self.proj(x)))
        return (torch.softmax(scores, dim=-2) * x).sum(-2)


# %% [markdown]
# Three models that differ in one step: how many vectors become one. The flat
# ones see all 36 words as one heap.


# %%
class Judge(nn.Module):
    """Words to one vector to a mood; `way` says how."""

    def __init__(self, way, d=24):
        super().__init__()
        self.way, self.tok = way, nn.Embedding(40, d)
        self.words, self.sentences = Pool(d), Pool(d)
        self.mix, self.out = nn.Linear(d, d), nn.Linear(d, d)
        self.head = nn.Linear(d, 2)

    def forward(self, words):
        x = self.tok(words)
        if self.way == "flat mean":
            x = x.mean((1, 2))
        elif self.way == "flat attention":
            x = self.words(x.flatten(1, 2))
        else:
            x = self.sentences(torch.tanh(self.mix(self.words(x))))
        return self.head(torch.tanh(self.out(x)))


# %% [markdown]
# Three seeds, 250 steps each:

# %%
judged = {}
for way in ("flat mean", "flat attention", "hierarchical"):
    judged[way] = []
    for seed in range(3):
        torch.manual_seed(seed)
        model = Judge(way)
        batches = shuffled(*documents(3000, seed), batch_size=64, seed=seed)
        fit(model, batches, steps=250, lr=1e-2, progress=False)
        words_, moods = documents(2000, seed + 100)
        with torch.no_grad():
            right = model(words_).argmax(-1) == moods
        judged[way].append(right.double().mean().item())
for way, shares_ in judged.items():
    spread = np.std(shares_, ddof=1)
    print(f"{way:15} {np.mean(shares_):.0%} ± {spread:.0%} right")

# %% [markdown]
# The cheap rival trains nothing. It counts the moods of the six sentences,
# says the more frequent one, and tosses a coin when there are three of each:

# %%
words_, moods = documents(20_000, seed=7)
lead = (words_ == 2).sum((1, 2)) - 3
right = ((lead > 0) == (moods == 1)).double()
right[lead == 0] = 0.5
print(f"counting moods  {right.mean():.0%} right")

# %% [markdown]
# On documents that are made for it, the hierarchy finds the sentence, and the
# flat models do what counting does. It is a built-in effect and says nothing
# about real documents. The models of the rest of this course build in no
# levels: with positions, a Transformer can learn to group words by itself.

# %% [markdown]
# ## Your attention runs a Transformer
#
# The package has the whole Transformer of 2017, with encoder, decoder and
# attention from one to the other; the next lesson is about it. Let it
# translate our sentences into Chinese. It takes some seconds to learn that.

# %%
from course_utils.models.transformer import Transformer, TransformerConfig

config = TransformerConfig(
    len(vocabulary), d_model=32, n_layers=1, n_heads=2, d_ff=64, max_len=12
)
torch.manual_seed(0)
translator = Transformer(config).double()
both, _ = data([pairs[i] for i in order[:90]])
source, target = both[::2], both[1::2, :4]
begin = torch.full((len(target), 1), number["<bos>"])
end = torch.full((len(target), 1), number["<eos>"])
target = torch.cat([begin, target, end], dim=1)
batches = shuffled(source, target, batch_size=64)

# %% [markdown]
# Each Chinese sentence starts with `<bos>` and ends with `<eos>`. The loss
# comes with the model (with *label smoothing*, which lesson 07 explains):


# %%
def translation_loss(model, batch):
    """The loss of a batch of English and Chinese sentences."""
    return model.loss(*batch)


fit(translator, batches, 150, loss=translation_loss, lr=3e-3, progress=False)
to_read = torch.tensor([[number[word] for word in english]])
out = translator.translate(to_read, n_beams=1)[0]
print(" ".join(english), "->", " ".join(vocabulary[i] for i in out if i > 2))

# %% [markdown]
# Now put **your** function from exercise 06.7 into it. The class `Mine` is the
# package's attention with one method replaced; all weights stay. (As long as
# the exercise is not done, the solution takes its place.)


# %%
q = torch.randn(1, 3)
yes = torch.ones(1, 1, dtype=torch.bool)
done = attention(q, q, q, yes) is not ...
mine = attention if done else attention_solution


class Mine(MultiHeadAttention):
    """The package's attention, with your function at its heart."""

    def attend(self, q, k, v, bias, need_weights):
        return mine(q, k, v, yes if bias is None else bias == 0), None


with torch.no_grad():
    expected = translator(source[:50], target[:50])
replaced = 0
for module in translator.modules():
    if isinstance(module, MultiHeadAttention):
        module.__class__ = Mine
        replaced += 1

# %% [markdown]
# Self-attention of the encoder with its padding, causal self-attention of the
# decoder, attention from one to the other: your function does them all.

# %%
with torch.no_grad():
    got = translator(source[:50], target[:50])
same = torch.allclose(got, expected)
says = "no output has changed" if same else "outputs have changed: check it"
out = translator.translate(to_read, n_beams=1)[0]
print(f"{replaced} attentions are yours, and {says}")
print(" ".join(english), "->", " ".join(vocabulary[i] for i in out if i > 2))

# %% [markdown]
# ## Claims
#
# What the texts say about attention, and what was measured above:

# %%
show.claims()

# %% [markdown]
# ## Summary
#
# - Attention is a soft look-up: a query is compared with all keys, a softmax
#   makes weights of the scores, the answer is the weighted mean of the values.
# - Scores are divided by the root of the width, or else wide heads saturate.
# - Masks are applied before the softmax. BERT and GPT differ in the mask.
# - Attention alone does not see order. Positions bring it in, and so does a
#   causal mask from the second block on.
# - Each head makes one choice; two questions need two heads.
# - Distance costs nothing, pairs cost: work grows with the square of the
#   length.
# - Residual connections make deep stacks trainable; the net computes; norms
#   show their use in larger models than these.

# %% [markdown]
# ## Further reading
#
# - A. Vaswani et al. 2017, *Attention Is All You Need*, arXiv:1706.03762.
# - A. Haviv et al. 2022, *Transformer Language Models without Positional
#   Encodings Still Learn Positional Information*, arXiv:2203.16634.
# - R. Xiong et al. 2020, *On Layer Normalization in the Transformer
#   Architecture*, arXiv:2002.04745: where the norm stands.
# - Z. Yang et al. 2016, *Hierarchical Attention Networks for Document
#   Classification*, NAACL: attention on two levels.
# - S. Jain, B. Wallace 2019, *Attention is not Explanation*, arXiv:1902.10186,
#   and S. Wiegreffe, Y. Pinter 2019, *Attention is not not Explanation*,
#   arXiv:1908.04626: what a heat map of weights does and does not say.
