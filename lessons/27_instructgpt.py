# ---
# jupyter:
#   course:
#     title: InstructGPT and ChatGPT
#     why: >-
#       A language model continues a text. Asked a question it may ask another one, and it explains a burglary as
#       readily as a recipe. InstructGPT is the same model after three more steps: imitate good answers, learn from
#       comparisons which answers people prefer, and practise to be preferred without forgetting what it was. You
#       take all three steps in a world whose facts you know, label answers yourself, and watch the method fail
#       as well as succeed: too much of a learned reward is bad for you.
#     objectives:
#       - fine-tune a base model on demonstrations, with a loss on the answers alone
#       - turn rankings into pairs and pairs into a reward model, and measure it against cheap judges
#       - build PPO's token rewards, advantages and clipped objective, and hold the KL at a target
#       - show over-optimisation, alignment tax and over-refusal, and compare PPO with best-of-n and DPO
#       - turn an aligned model into a chat, and check it over twenty turns
#     builds_on: [15]
#     minutes: 100
#     budget: 120
#     systems: [H1, H3, H4, D23]
# ---

# %% [markdown]
# ## A model that continues
#
# The world of this course again: sixty people with homes, jobs, pets and
# friends. A small GPT reads pages about them. Some of the pages are lists of
# questions, and some are a forum on which every question gets an answer, also
# those that should not:

# %%
import textwrap

from course_utils.data.world import World, instructions

world = World(seed=0)
pages = instructions.pages(world, 8000)
for sign in ("tell", "how"):
    page = next(page for page in pages if sign in page)
    print(textwrap.fill(" ".join(page[:42]), 76), "\n")

# %% [markdown]
# Everything that is built into this world is declared, as always:

# %%
for name, effect in instructions.EFFECTS.items():
    text = f"{name.removeprefix('instructions: ')}: {effect}"
    print(textwrap.fill(text, 76, subsequent_indent="   "))

# %% [markdown]
# Tokens are words. Three more of them are **marks**, which no page has: here a
# user speaks, here the assistant, here the answer ends. (The last one also
# separates pages.)

# %%
import torch

USUAL, draw_requests = instructions.USUAL, instructions.draw_requests
asked = draw_requests(world, 2000, kinds=[*USUAL, "chat"])
told = draw_requests(world, 4800, kinds=["summary"])
written = instructions.demonstrations(world, asked)
texts = [*pages, *(one.words for one in [*asked, *told]), *written]
words = sorted({word for text in texts for word in text})
vocabulary = ["<end>", "<user>", "<assistant>", *words]
index = {word: i for i, word in enumerate(vocabulary)}


def encode(words):
    return [index[word] for word in words]


def decode(ids):
    """The words of some ids, without the marks."""
    return [vocabulary[i] for i in ids if i > 2]


# %%
stream = torch.tensor([i for page in pages for i in [0, *encode(page)]])
print(f"{len(stream):,} tokens, {len(vocabulary)} different ones")

# %% [markdown]
# GPT-2 with two layers, and Muon, as in lesson 15. One function trains every
# model of this lesson:

# %% tags=["nbval-ignore-output"]
from course_utils.models.gpt2 import GPT2, GPT2Config
from course_utils.train import all_blocks, fit, mean_loss, sample_blocks
from course_utils.train.muon import Muon

WINDOW = 64  # tokens that a model can read and write


def gpt(d_model):
    torch.manual_seed(0)
    sizes = {"n_layers": 2, "n_heads": 4, "d_ff": 4 * d_model}
    sizes |= {"max_len": WINDOW, "dropout": 0.0}
    return GPT2(GPT2Config(len(vocabulary), d_model, **sizes))


def muon(model, lr):
    """Muon for the matrices of the blocks, Adam for the rest."""
    inside, rest = [], []
    for name, p in model.named_parameters():
        (inside if "blocks" in name and p.ndim == 2 else rest).append(p)
    return Muon(inside, rest, lr, lr / 4)


# %% tags=["nbval-ignore-output"]
def train(model, batches, steps, lr, **more):
    """Fit with a warm-up and a long cool-down."""
    return fit(
        model,
        batches,
        steps,
        optimizer=muon(model, lr),
        schedule=lambda s: min(1, (s + 1) / 20, (steps - s) / (0.6 * steps)),
        progress=False,
        **more,
    )


base = gpt(64)
train(base, sample_blocks(stream, WINDOW - 1, 16), 600, lr=0.03)
unseen = instructions.pages(world, 150, seed=1)
unseen = [i for page in unseen for i in [0, *encode(page)]]
blocks = all_blocks(torch.tensor(unseen), WINDOW - 1, 64)
print(f"base model: {mean_loss(base, blocks):.3f} nats a token")

# %% [markdown]
# > **Predict** You give this model the text *where does adra live ?* What will
# > it write?

# %% tags=["nbval-ignore-output"]
from course_utils.align.texts import draw, split


def write(model, prompts, max_new=24, seed=0, temperature=1.0, stop=(0,)):
    """What a model writes after each prompt, as ids."""
    how = {"max_new": max_new, "temperature": temperature, "stop": stop}
    return split(draw(model, prompts, generator=seed, **how))[1]


burglary = "how do i break into the house of orfi ?"
for text in ("where does adra live ?", "tell me about cadu .", burglary):
    (ids,) = write(base, [[0, *encode(text.split())]], 18, temperature=0.5)
    print(textwrap.fill(f"{text} ... {' '.join(decode(ids))}", 76))

# %% [markdown]
# It *continues*. After a question more questions may follow, for that is how
# such pages go on. And the last text is the example of S3, on **alignment**:
# asked how to break into a house, GPT-3 tells you, with a straight face. So
# does this model, because the forum does. (In this world the way into a house is to
# be told where somebody lives.) It is not stupid, nor evil. It does what it
# was trained to do, and that is not what we want from it.

# %% [markdown]
# ## Step 1: demonstrations
#
# So show it. People get requests and write answers: the **demonstrations**. The
# model learns to continue *request, mark, ...* with such an answer. This is
# **supervised fine-tuning** (SFT). Ours were written by people of different
# skill and care:

# %%
for i in (2, 6, 8, 15, 18, 30):
    print(f"{' '.join(asked[i].words)} -> {' '.join(written[i])}")

# %% [markdown]
# The objective is that of pre-training, with one change. The request is given
# and not to be learnt: the loss counts the answer only.

# %% exercise 27.1

# %%
from course_utils.align import sft
from course_utils.align.chat import Template
from course_utils.align.texts import join
from course_utils.train import IGNORE

template = Template(user=1, assistant=2, end=0)


def prompt(request):
    return template.prompt([], encode(request.words))


answers = [[*encode(words), 0] for words in written]
inputs, targets = sft.targets(join([prompt(asked[2])], [answers[2]]))
for read, say in zip(inputs[0].tolist(), targets[0].tolist()):
    say = "-" if say == IGNORE else vocabulary[say]
    print(f"reads {vocabulary[read]:12} learns {say}")

# %% [markdown]
# It starts from the base model:

# %% tags=["nbval-ignore-output"]
import copy

prompts = [prompt(request) for request in asked]
imitator = copy.deepcopy(base)
train(imitator, sft.batches(prompts, answers, 32), 150, lr=0.01)
tests = draw_requests(world, 300, seed=1, held_out=True)
test_prompts = [prompt(request) for request in tests]
said = write(imitator, test_prompts)
for i in range(6):
    print(f"{' '.join(tests[i].words)} -> {' '.join(decode(said[i]))}")

# %% [markdown]
# The base model continues; this one answers, and stops. The tests are about
# facts and people that no training text asked for, so it has not learnt the
# answers by heart: it uses what the base model knows. Not all of it is true.
#
# And it imitates *all* of its teachers: the careful, the curt, the chatty, those
# who guess, and those who help a burglar. To do better, it must be told which
# answers are better. This is more than imitation can say.

# %% [markdown]
# ## What do people want?
#
# In this world we can look behind the curtain. People have a **preference**,
# hidden from all models, and it is a function of request and answer. It
# likes what was asked and true, a friendly ending, and refusals of what is harmful:

# %%
for i in (2, 6, 8, 15, 18, 30):
    points = instructions.marks(world, asked[i], written[i])
    print(f"{' '.join(asked[i].words)} -> {' '.join(written[i])}")
    print(f"   {sum(points.values()):+.1f}  {points}")

# %% [markdown]
# With real people nobody can call this function. Here we use it for two
# things: to play the labellers, and to measure in the end what people would
# think. No model is trained on it directly. We call it **gold**.


# %% tags=["nbval-ignore-output"]
def gold(asks, answers):
    """What people think of each answer, in points."""
    return torch.tensor(
        [
            instructions.judge(world, request, decode(ids))
            for request, ids in zip(asks, answers)
        ]
    )


gold_before = gold(tests, said)
print(f"the imitator: {gold_before.mean():.2f} points an answer")


# %% [markdown]
# Two rates belong into every report. A model that refuses everything is safe
# and useless, so **refusal** is counted on harmful requests, and
# **over-refusal** on those that only sound alarming (*how do i save adra
# from a thief ?*).


# %%
def rate(asks, answers, kind):
    """How often a request of this kind is refused."""
    refused = [
        instructions.REFUSAL in " ".join(decode(ids))
        for request, ids in zip(asks, answers)
        if request.kind == kind
    ]
    return sum(refused) / len(refused)


def report(model, seed=0):
    """Gold, the share of tests won against the imitator, refusals."""
    new = write(model, test_prompts, seed=seed)
    points = gold(tests, new)
    ahead = points - gold_before
    wins = (ahead > 0).float().mean() + (ahead == 0).float().mean() / 2
    refusals = {"refuses harm": rate(tests, new, "harm")}
    refusals["over-refuses"] = rate(tests, new, "alarm")
    return {"gold": points.mean().item(), "wins": wins.item(), **refusals}


# %% tags=["nbval-ignore-output"]
def row(name, found):
    rest = [f"{found[key]:.0%}" for key in list(found)[1:]]
    return name, f"{found['gold']:.2f}", *rest


columns = ("model", "gold", "wins", "refuses harm", "over-refuses")
caption = "300 questions of which none was trained on"
reports = {"SFT": report(imitator, seed=1)}


def show_reports():
    rows = [row(*one) for one in reports.items()]
    show.table(rows, columns, caption=caption)


show_reports()

# %% [markdown]
# A win is an answer that people like better than the imitator's to the same
# request, ties count a half. The row *SFT* is a second draw of the same imitator, so
# it wins about half, and its gold differs a little from the first draw's.

# %% [markdown]
# ## Step 2: comparisons
#
# Writing a good answer is hard, saying which of two is better is easy. So the
# model writes, and people compare. InstructGPT's labellers *ranked* $K$ = 4 to
# 9 answers to a request.

# %% exercise 27.2

# %% [markdown]
# People are not quite consistent. The model for that is by **Bradley and
# Terry**: if $a$ and $b$ are worth $r_a$ and $r_b$, then
#
# $$P(a \text{ is preferred to } b) = \sigma(r_a - r_b), \qquad
# \sigma(x) = \frac{1}{1 + e^{-x}}$$
#
# Ours follow it exactly, with twice the gold as worth: rank by twice the gold plus
# a little noise (Gumbel's, for which this formula is exact).


# %% tags=["nbval-ignore-output"]
def ranked(model, asks, k=4, seed=0):
    """k answers to each request, best first, and their gold."""
    lists = [prompt(request) for request in asks]
    drawn = [write(model, lists, seed=k * seed + i) for i in range(k)]
    points = torch.stack([gold(asks, some) for some in drawn], 1)
    chance = torch.Generator().manual_seed(seed)
    noise = -(-torch.rand(points.shape, generator=chance).log()).log()
    order = (2 * points + noise).argsort(1, descending=True)
    best = [[drawn[j][i] for j in row] for i, row in enumerate(order.tolist())]
    return best, points.gather(1, order)


questions = draw_requests(world, 1000, seed=2)
rankings, points = ranked(imitator, questions)
print(" ".join(questions[0].words))
for ids, worth in zip(rankings[0], points[0].tolist()):
    print(f"   {worth:+.1f}  {' '.join(decode(ids))}")

# %% [markdown]
# ### Now you
#
# You are a labeller too. Here are eight requests with two answers each. Click
# the one that you like better; your choices go into the reward model's
# training below. (Nobody has to agree with the hidden preference. Where
# nobody clicks, stored choices stand in, and the output says so.)

# %% tags=["nbval-ignore-output"]
yours = draw_requests(world, 60, seed=3)
drawn = [
    write(imitator, [prompt(one) for one in yours], seed=s) for s in (8, 9)
]
worth = torch.stack([gold(yours, some) for some in drawn])
unlike = (worth[0] != worth[1]).nonzero().flatten().tolist()[:8]
pairs = [
    [" ".join(words) for words in (yours[i].words, *both)]
    for i in unlike
    for both in [[decode(some[i]) for some in drawn]]
]
choices = show.choose(pairs, stored=worth[:, unlike].argmax(0).tolist())

# %% [markdown]
# Click first, then run on.

# %%
print(choices)

# %% [markdown]
# ### The reward model
#
# A **reward model** is the imitator without its last layer, and with one number on
# top, read at the end of the answer. It learns to give the preferred answer
# the higher number. The loss is minus the logarithm of Bradley and Terry's probability:
#
# $$-\log \sigma(r_{\text{better}} - r_{\text{worse}})$$

# %% exercise 27.3


# %%
def ranking_loss(scores):
    """The mean over all pairs of K scores, best first."""
    k, total = len(scores), 0
    for i in range(k):
        for j in range(i + 1, k):
            total = total - torch.sigmoid(scores[i] - scores[j]).log()
    return total / (k * (k - 1) / 2)


# %% [markdown]
# Prove it, against the package:

# %%
from course_utils.align import reward
from torch.testing import assert_close

some = torch.randn(4, dtype=torch.float64)
assert_close(ranking_loss(some), reward.ranking_loss(some[None]))
assert_close(ranking_loss(some[:2]), reward.pairwise_loss(some[:1], some[1:2]))
print("equal to the package's, for four answers and for two")

# %% [markdown]
# All six pairs of a request go into one example. InstructGPT's authors found
# that shuffled pairs overfit: the same answer comes back three times as if it
# were new. Your eight choices are mixed in at every fifth step. A pair tells only
# differences of scores, so at the end all are shifted by one number (`centre`): the
# answers that were ranked first then have a mean score of 0.

# %% tags=["nbval-ignore-output"]
mine = [
    [[*encode(text.split()), 0] for text in both]
    for _, *both in choices.ranked
]
my_prompts = [prompt(yours[i]) for i in unlike]


def reward_model(prompts, rankings, steps=100, model=imitator, mix=True):
    """A copy of a model that learns to score answers."""
    torch.manual_seed(0)
    scorer = reward.RewardModel(copy.deepcopy(model), 64)
    crowd = reward.rank_batches(prompts, rankings, 16)
    me = reward.rank_batches(my_prompts, mine, 8)

    def batches(step):
        return me(step) if mix and step % 5 == 4 else crowd(step)

    train(scorer, batches, steps, lr=0.01, loss=reward.comparison_loss)
    reward.centre(scorer, *join(prompts, [best[0] for best in rankings]))
    return scorer


# %% tags=["nbval-ignore-output"]
question_prompts = [prompt(request) for request in questions]
judge = reward_model(question_prompts, rankings)


# %% [markdown]
# How good is it? Take new requests, about facts and people that were never
# asked for, and all pairs of which people (without noise) prefer one. Two
# cheap judges beside it: the length of the answer, and a logistic regression on
# tf-idf features of request and answer.


# %% tags=["nbval-ignore-output"]
def scores_of(scorer, prompts, answers):
    with torch.no_grad():
        return scorer(*join(prompts, answers))


def all_pairs(values):
    """Left and right member of the six pairs of four."""
    i, j = torch.triu_indices(4, 4, offset=1)
    return values[:, i].flatten(), values[:, j].flatten()


# %% tags=["nbval-ignore-output"]
fresh = draw_requests(world, 200, seed=4, held_out=True)
fresh_ranks, fresh_gold = ranked(imitator, fresh, seed=1)
four = [prompt(request) for request in fresh for _ in range(4)]
flat = [ids for best in fresh_ranks for ids in best]
left, right = all_pairs(fresh_gold)
differ = left != right


def agreement(values):
    """The share of pairs that these scores order as people do."""
    a, b = all_pairs(values.view(-1, 4).double())
    a, b = a[differ], b[differ]
    ahead = (left > right)[differ]
    up = torch.where(ahead, a, b)
    return reward.accuracy(up, torch.where(ahead, b, a))


# %% [markdown]
# The regression sees differences of features, of the preferred answer minus
# the other and the other way round:

# %% tags=["nbval-ignore-output"]
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression


def lines(asks, rankings):
    return [
        " ".join([*request.words, *decode(ids)])
        for request, best in zip(asks, rankings)
        for ids in best
    ]


tfidf = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+")
x = tfidf.fit_transform(lines(questions, rankings)).toarray()
x = x.reshape(len(questions), 4, -1)
i, j = np.triu_indices(4, k=1)
gap = (x[:, i] - x[:, j]).reshape(-1, x.shape[-1])

# %% tags=["nbval-ignore-output"]
sign = np.where(np.arange(len(gap)) % 2, 1, -1)
counting = LogisticRegression(fit_intercept=False, max_iter=200)
_ = counting.fit(gap * sign[:, None], sign)

# %% tags=["nbval-ignore-output"]
by_words = tfidf.transform(lines(fresh, fresh_ranks)) @ counting.coef_[0]
length = torch.tensor([float(len(ids)) for ids in flat])
agreed = {
    "shorter is better": agreement(-length),
    "longer is better": agreement(length),
    "tf-idf, logistic regression": agreement(torch.tensor(by_words)),
    "reward model": agreement(scores_of(judge, four, flat)),
}
show.bars(
    agreed,
    xlabel="share of new pairs ordered as people do",
    title="Judges of answers",
    fmt=".2f",
    baseline={"a coin": 0.5},
)

# %% [markdown]
# The reward model is ahead, and far from perfect. InstructGPT's agreed with its
# labellers in about seven of ten pairs, which is also how often two labellers agree.
# What a regression on words cannot see is whether an answer is *true*, or
# whether a refusal belongs to *this* request. Remember that the reward
# model has errors. They will matter.

# %% [markdown]
# ## Step 3: practise
#
# Now reinforcement learning. The model, called the **policy** $\pi$, answers;
# the reward model scores; the policy changes so that what scored high gets more
# probable. But there is a leash. The reward of an answer $y$ to a request $x$ is
#
# $$R(x, y) = r(x, y) - \beta \log\frac{\pi(y \mid x)}{\pi_{\text{SFT}}(y \mid x)}$$
#
# with $r(x, y)$ for the reward model's score, and $\pi(y \mid x)$ for the probability
# of the answer under the policy; $\pi_{\text{SFT}}$ is the imitator, with whom the
# policy starts. The second part, in the mean, is the **KL divergence** from there,
# and $\beta$ is its price. The price is paid token by token, and the
# score comes with the last one.

# %% exercise 27.4

# %% [markdown]
# Which token earned the reward? A **value model** says before each token $t$ what is
# still to come, $V_t$. The surprise $\delta_t$ is what the token brought, its reward
# $r_t$ and what is expected after it, minus what was expected before. The
# **advantage** $A_t$ of a token is how much better things went than expected; in its
# generalised form (GAE) the surprises at later tokens count too, less and less.
# $\gamma$ is the discount of what comes later (1 for answers), $\lambda$ how far
# ahead surprises count:
#
# $$\delta_t = r_t + \gamma V_{t+1} - V_t, \qquad
# A_t = \delta_t + \gamma\lambda\, A_{t+1}$$

# %% exercise 27.5

# %% [markdown]
# Last, the step. **Proximal policy optimisation** (PPO) uses each answer a few
# times. Meanwhile the policy changes. The ratio $\rho = \pi / \pi_{\text{old}}$ of a
# token's probabilities, now and when the answer was written, says how far. For each
# token with its advantage $A$, PPO raises this objective, in which beyond
# $1 \pm \varepsilon$ (here $\varepsilon = 0.2$) there is nothing more to gain:
#
# $$\min\big(\rho A,\ \text{clip}(\rho, 1 - \varepsilon, 1 + \varepsilon) A\big)$$

# %% exercise 27.6

# %% [markdown]
# All three in plain loops, for one answer:


# %%
def token_rewards(score, logp, ref_logp, beta):
    rewards = [-beta * (p - q) for p, q in zip(logp, ref_logp)]
    rewards[-1] += score
    return rewards


def gae(rewards, values, gamma, lam):
    advantages, next_value, next_advantage = [], 0.0, 0.0
    for r, value in zip(rewards[::-1], values[::-1]):
        delta = r + gamma * next_value - value
        next_advantage = delta + gamma * lam * next_advantage
        next_value = value
        advantages.insert(0, next_advantage)
    return advantages


def clipped(ratio, advantage, epsilon=0.2):
    near = min(max(ratio, 1 - epsilon), 1 + epsilon)
    return min(ratio * advantage, near * advantage)


# %% [markdown]
# Prove it, against the package, which does whole batches:

# %%
from course_utils.align import ppo

logp, old, ref, values = -torch.rand(4, 1, 7, dtype=torch.float64)
everywhere, score = torch.ones(1, 7), torch.tensor([1.5])
r = ppo.token_rewards(score, old, ref, everywhere, kl_coef=0.3)
plain = token_rewards(1.5, old[0].tolist(), ref[0].tolist(), 0.3)
assert_close(r[0], torch.tensor(plain, dtype=torch.float64))
a, _ = ppo.gae(r, values, everywhere, gamma=0.9, lam=0.8)
plain = gae(plain, values[0].tolist(), 0.9, 0.8)
assert_close(a[0], torch.tensor(plain, dtype=torch.float64))
ratios = (logp - old).exp()[0].tolist()
plain = [clipped(*one) for one in zip(ratios, plain)]
loss = ppo.policy_loss(logp, old, a, everywhere, clip=0.2)
assert_close(loss.item(), -sum(plain) / 7)
print("token rewards, advantages and clipped objective agree")

# %% [markdown]
# Before the first step: who learns, and what do we look at on the way? The
# distance to the start (KL, in nats an answer), the reward model's score, which
# is the **proxy**, and gold, for which it stands.


# %%
def learner(start, scorer):
    """A policy, its value model, and Adam for both."""
    torch.manual_seed(0)
    policy = copy.deepcopy(start)
    value = ppo.ValueModel.from_reward(scorer)
    both = [*policy.parameters(), *value.parameters()]
    return policy, value, torch.optim.Adam(both, 1e-3, betas=(0.9, 0.95))


# %%
from course_utils.align.texts import token_logp


@torch.no_grad()
def look(policy, start, scorer, probes):
    """KL, proxy and gold of fresh answers."""
    prompts = [prompt(request) for request in probes]
    new = write(policy, prompts, seed=7)
    ids, answer = join(prompts, new)
    logp, ref_logp = token_logp(policy, ids), token_logp(start, ids)
    kl = ppo.kl(logp, ref_logp, answer[:, 1:])
    proxy = scorer(ids, answer).mean().item()
    return kl, proxy, gold(probes, new).mean().item()


# %% [markdown]
# A round is one call: 64 requests, an answer to each, and two steps of
# learning from them. (`ptx` and the adaptive price wait for their sections.)

# %%
import itertools

practice = draw_requests(world, 64 * 24, seed=5)
page_blocks = sample_blocks(stream, WINDOW - 1, 8)


def rounds_of(scorer, start, on, price, ptx):
    """Endless rounds of PPO: the policy and the KL, after each."""
    policy, value, adam = learner(start, scorer)
    models = (policy, value, start, scorer)
    settings = ppo.Settings(epochs=2, ptx_coef=ptx)
    chance = torch.Generator().manual_seed(0)
    more = {"stop": [0], "max_new": 24, "generator": chance}
    more["pretraining"] = map(page_blocks, itertools.count()) if ptx else None
    for i in itertools.count(0, 64):
        todo = [prompt(request) for request in on[i : i + 64]]
        beta = getattr(price, "coef", price)
        yield policy, ppo.iterate(*models, todo, adam, beta, settings, **more)


# %%
def practise(scorer, n=16, price=0.1, ptx=0.0, start=None, on=practice, to=()):
    """n rounds: the policy, a look after each fourth, the KL of each."""
    start, probes, kls = start or imitator, to or tests[:150], []
    looks = [look(start, start, scorer, probes)]
    rounds = rounds_of(scorer, start, on, price, ptx)
    for i, (policy, stats) in enumerate(itertools.islice(rounds, n), 1):
        if isinstance(price, ppo.AdaptiveKL):
            price.update(stats.kl)
        kls.append(stats.kl)
        if i % 4 == 0:
            looks.append(look(policy, start, scorer, probes))
    return policy, looks, kls


# %% [markdown]
# > **Predict** After sixteen rounds, about a thousand answers: how often will people
# > prefer the new model's answer to the imitator's? And does it refuse more, or
# > less?

# %% tags=["nbval-ignore-output"]
policy, looks, _ = practise(judge)
reports["PPO"] = report(policy)
show_reports()
new = write(policy, test_prompts)
for i in range(6):
    print(f"{' '.join(tests[i].words)} -> {' '.join(decode(new[i]))}")

# %%
assert reports["PPO"]["wins"] > 0.55
assert reports["PPO"]["gold"] > gold_before.mean() + 0.25
gain = reports["PPO"]["refuses harm"]
assert gain > reports["SFT"]["refuses harm"] + 0.1
print("people prefer the new model, and it refuses more of what is harmful")

# %% [markdown]
# The base model helped every burglar, and so did some of the people who wrote
# demonstrations. Nobody wrote new ones. Comparisons alone told the model which of its
# habits to keep. (Many answers end with a friendly sentence now: people like it.) Look
# at the last column too: to refuse *harm* more is no art for a model that refuses
# everything. This one refuses more of the harmful requests and *less* of those that
# only sound alarming.

# %% [markdown]
# ### The tax, and who pays it
#
# The policy was changed on requests only. What happened to the rest of what it
# knew? Ask the language model's own question, the loss on unseen pages:

# %% tags=["nbval-ignore-output"]
loss_on_pages = {
    "base model": mean_loss(base, blocks),
    "SFT": mean_loss(imitator, blocks),
    "PPO": mean_loss(policy, blocks),
}
price = ppo.AdaptiveKL(target=2.0, coef=0.1, gain=0.2)
assistant, mixed_looks, held = practise(judge, 16, price=price, ptx=0.5)
loss_on_pages["PPO-ptx"] = mean_loss(assistant, blocks)
reports["PPO-ptx"] = report(assistant)

# %% tags=["nbval-ignore-output"]
show.bars(
    loss_on_pages,
    xlabel="loss on unseen pages, in nats a token",
    title="The alignment tax, and a remedy",
    fmt=".2f",
)
show_reports()

# %%
tax = loss_on_pages["PPO"] - loss_on_pages["base model"]
assert tax > 0.3
assert loss_on_pages["PPO-ptx"] < loss_on_pages["base model"] + tax / 2
print("the tax is there, and mixing in the pages pays most of it back")

# %% [markdown]
# The **alignment tax**: a model made to please has become worse at what it could do
# before. Most of it falls due with the fine-tuning already. InstructGPT's remedy
# is to mix the pre-training loss into the policy's (**ptx**, in its equation 2). Eight
# blocks of pages a step, at half weight, are enough here. The answers are about as good as
# without (this run also has another price, of which more below).
#
# (InstructGPT's authors started from an SFT model, too, and measured the tax on
# public benchmarks. Our measure is stricter: the whole distribution.)

# %% [markdown]
# ## How far from home?
#
# The price $\beta$ decides how far the policy goes. Three fixed prices, each
# with a look after every fourth round:

# %% tags=["nbval-ignore-output"]
runs = {0.1: looks}
_, runs[0.6], _ = practise(judge, 8, price=0.6)
_, runs[0.02], fixed = practise(judge, 16, price=0.02)

# %% tags=["nbval-ignore-output"]
import matplotlib.pyplot as plt

with show.style():
    fig, axes = plt.subplots(1, 2, figsize=(8.4, 3.4))
    for beta, marker in zip(sorted(runs), "so^"):
        kl, proxy, worth = zip(*runs[beta])
        line = {"marker": marker, "label": f"price {beta}"}
        axes[0].plot(kl, proxy, **line)
        axes[1].plot(kl, worth, **line)
    axes[0].set(xlabel="KL (nats an answer)", ylabel="reward model's score")
    axes[1].set(xlabel="KL (nats an answer)", ylabel="gold (points)")
    axes[0].legend()
    fig.tight_layout()
note = "the lower the price, the further the runs go"
show.figure(fig, alt=f"Score and gold against KL for three prices; {note}.")

# %% [markdown]
# This is the **frontier** of reward and distance. All runs start at the left, with
# the imitator. The dearest (8 rounds) stays near home, the cheapest goes farthest. But
# on the right people like its answers no better than those of the middle price: the
# further way bought nothing. (Each line is one run.)
#
# A price is hard to choose in advance, because it is in points for nats. So
# fix the *distance* instead, and let the price follow: when the KL is above its target, the
# price rises (Ziegler 2019).

# %% exercise 27.7

# %% tags=["nbval-ignore-output"]
with show.style():
    fig, ax = plt.subplots(figsize=(6.4, 3))
    ax.plot(range(1, 17), fixed, "s-", label="fixed price 0.02")
    ax.plot(range(1, 17), held, "o-", label="adaptive price")
    ax.axhline(2.0, color=show.GREY, ls=":", label="target")
    ax.set(xlabel="round", ylabel="KL (nats an answer)")
    ax.set_xticks(range(0, 17, 4))
    ax.legend()
    fig.tight_layout()
note = "KL of each round; the adaptive price swings about its target, 2"
show.figure(fig, alt=f"{note}, and the fixed price drifts away.")
late = sum(fixed[-8:]) / 8, sum(held[-8:]) / 8
print(
    f"mean of the last 8 rounds: {late[0]:.1f} and {late[1]:.1f}, target 2.0"
)
print(f"the adaptive price ended at {price.coef:.3f}")

# %%
assert 1.0 < late[1] < 4.0
print("the adaptive price keeps the KL near its target")

# %% [markdown]
# At the fixed price the KL grows on the whole, and nothing holds it. The adaptive price
# lets it overshoot at first, when it is still cheap, and then holds the target. (The
# adaptive run is *PPO-ptx* from above, so it has pages mixed in, too.)

# %% [markdown]
# ## Too much of a good thing
#
# The reward model is a stand-in, with errors. A policy that gets better and
# better at pleasing it will find them. Goodhart's law: *when a measure becomes a target, it
# ceases to be a good measure.* To see it clearly, take a poor reward model, from 30
# rankings only.
#
# The simplest way to please it needs no training: draw $n$ answers and keep the
# one that scores highest, **best-of-n**. Its distance from the start is at most
# $\log n - (n-1)/n$.

# %% exercise 27.8

# %% tags=["nbval-ignore-output"]
from course_utils.align.best_of_n import expected_best, kl_bound

poor = reward_model(question_prompts[:30], rankings[:30], 60, mix=False)
agreed["poor"] = agreement(scores_of(poor, four, flat))
some = [prompt(request) for request in tests[:60]]
draws = [write(imitator, some, seed=100 + i) for i in range(16)]
true = torch.stack([gold(tests[:60], d) for d in draws], 1).float()
best_of = {}
for name, scorer in {"1000 rankings": judge, "30 rankings": poor}.items():
    proxy = torch.stack([scores_of(scorer, some, d) for d in draws], 1)
    best_of[name] = [
        (
            kl_bound(n),
            expected_best(proxy, n).mean().item(),
            expected_best(proxy, n, true).mean().item(),
        )
        for n in (1, 2, 4, 8, 16)
    ]

# %% [markdown]
# And PPO without any price:

# %% tags=["nbval-ignore-output"]
lost, greedy_looks, _ = practise(poor, 20, price=0.0)


def proxy_and_gold(ax, found, title):
    """Both against the KL, each with an axis of its own."""
    kl, proxy, worth = zip(*found)
    right = ax.twinx()
    (a,) = right.plot(kl, proxy, "s--", color=show.ORANGE, label="proxy")
    (b,) = ax.plot(kl, worth, "o-", color=show.BLUE, label="gold")
    ax.set(xlabel="KL (nats an answer)", ylabel="gold (points)", title=title)
    right.set_ylabel("proxy (the reward model's score)")
    ax.legend(handles=[a, b], loc="lower center")


# %% tags=["nbval-ignore-output"]
with show.style():
    fig, axes = plt.subplots(1, 3, figsize=(11.5, 3.4))
    titles = [f"best of n, {name}" for name in best_of]
    titles.append("PPO, 30 rankings")
    found = [best_of["1000 rankings"], best_of["30 rankings"], greedy_looks]
    for one in zip(axes, found, titles):
        proxy_and_gold(*one)
    fig.tight_layout()
note = "the proxy always rises; under PPO gold falls"
show.figure(fig, alt=f"Proxy and gold against KL, for three ways; {note}.")
print(f"the poor reward model agrees in {agreed['poor']:.0%} of pairs")

# %%
assert greedy_looks[-1][1] > greedy_looks[0][1] + 1
assert greedy_looks[-1][2] < looks[-1][2] - 0.3
print("the proxy is up by far, and people like the answers much less than")
print("those of the policy that practised with 1000 rankings and a price")

# %% [markdown]
# **Over-optimisation** (Gao 2022). The proxy climbs and climbs. Best-of-n does not go
# far: there gold levels off, or turns. PPO goes much further, and gold falls below
# where it began (by how much differs between seeds). The reward model sees no fault:
# the answers *are* what it likes. What it likes is only partly what people like, and
# the further the policy goes, the less the two agree. What the policy found:

# %% tags=["nbval-ignore-output"]
for i, ids in enumerate(write(lost, test_prompts[:6])):
    print(f"{' '.join(tests[i].words)} -> {' '.join(decode(ids))}")

# %% [markdown]
# Compare them with those of the policy above, to the same requests. Against it help:
# more comparisons, a price on the distance, to stop early, and
# new comparisons of what the policy writes *now*.

# %% [markdown]
# ## Without reinforcement learning
#
# **DPO** (Rafailov 2023) turns the argument round. If a policy is the best there is
# for a reward and a price, then the reward can be read off the policy: $r = \beta
# \log(\pi / \pi_{\text{ref}})$, up to what depends on the request alone. Put that
# into Bradley and Terry's loss, and there is no reward model and nothing is drawn.
# With $y_w$ for the answer that won, $y_l$ for the one that lost, and
# $\pi_{\text{ref}}$ for the policy at the start:
#
# $$-\log\sigma\Big(\beta\log\frac{\pi(y_w)}{\pi_{\text{ref}}(y_w)} -
# \beta\log\frac{\pi(y_l)}{\pi_{\text{ref}}(y_l)}\Big)$$

# %% exercise 27.9

# %%
from course_utils.align import dpo

ours = torch.tensor([-2.0, -5.0]), torch.tensor([-4.0, -6.0])
refs = torch.tensor([-3.0, -5.0]), torch.tensor([-4.0, -4.0])
margin = (ours[0] - refs[0]) - (ours[1] - refs[1])
plain = -torch.sigmoid(0.3 * margin).log().mean()
assert_close(dpo.dpo_loss(*ours, *refs, beta=0.3), plain)
print(f"margins {margin.tolist()}, loss {plain:.4f}, equal to the package's")

# %% [markdown]
# The same rankings as before, of each the best against the worst and the
# second against the third:

# %% tags=["nbval-ignore-output"]
better = [best[i] for best in rankings for i in (0, 1)]
worse = [best[i] for best in rankings for i in (3, 2)]
twice = [p for p in question_prompts for _ in range(2)]
direct = copy.deepcopy(imitator)
adam = torch.optim.Adam(direct.parameters(), 5e-4, betas=(0.9, 0.95))
fit(
    direct,
    dpo.pair_batches(imitator, twice, better, worse, 32),
    80,
    loss=dpo.preference_loss(beta=0.3),
    optimizer=adam,
    schedule=lambda s: min(1, (80 - s) / 40),
    progress=False,
)
reports["DPO"] = report(direct)
distance = {"DPO": look(direct, imitator, judge, tests)[0]}
distance["PPO"], distance["PPO-ptx"] = looks[-1][0], mixed_looks[-1][0]

# %% [markdown]
# And the best of 8 answers, by the same reward model:

# %% tags=["nbval-ignore-output"]
eight = [write(imitator, test_prompts, seed=200 + i) for i in range(8)]
scores = torch.stack([scores_of(judge, test_prompts, d) for d in eight], 1)
kept = [eight[j][i] for i, j in enumerate(scores.argmax(1).tolist())]
won = gold(tests, kept) - gold_before
reports["best of 8"] = {
    "gold": gold(tests, kept).mean().item(),
    "wins": ((won > 0).float() + (won == 0).float() / 2).mean().item(),
    "refuses harm": rate(tests, kept, "harm"),
    "over-refuses": rate(tests, kept, "alarm"),
}
distance["best of 8"] = kl_bound(8)
rows = [
    (*row(*one), f"{distance.get(one[0], 0):.1f}") for one in reports.items()
]
show.table(rows, (*columns, "KL (nats)"), caption=caption)

# %% [markdown]
# PPO, DPO and the best of 8 use the same thousand rankings. Best-of-n is a
# strong baseline: no training, and hard to beat at its small KL; but each answer
# costs eight. DPO needs no reward model, and no drawing while it learns. It is a single
# run; three seeds would be needed to say which of the two trained ones is ahead here.

# %% [markdown]
# ## Small and aligned, or large?
#
# S4 quotes the paper's best-known result: people preferred a small InstructGPT
# to GPT-3, which is 100 times larger. S4 gives GPT-3's size as 175亿. One
# 亿 is $10^8$:

# %%
from course_utils.systems import claim

claimed, true_size, small = 175e8, 1750e8, 13e8
print(f"175亿 = {claimed:.3g}: {claimed / small:.1f} times as many")
print(f"1750亿 = {true_size:.3g}: {true_size / small:.0f} times as many")
assert 10 < claimed / small < 20
assert 100 < true_size / small < 150
found = "175亿 would be 13 times as many, 1750亿 is 135 times"
_ = claim("E93", verdict="wrong", measured=found)
year, month = 2000 + int("2203.02155"[:2]), int("2203.02155"[2:4])
found = f"arXiv 2203.02155 is of {year}-{month:02}, S4 says 2022/05/04"
_ = claim("E92", verdict="wrong", measured=found)

# %% [markdown]
# In our budget *large* is 96 numbers wide instead of 64: 2.25 times the weights
# in the blocks. It gets what one does with a base model, two good examples in
# the prompt, in the form of its own pages: *question answer question answer*. Its answer
# ends where it begins another question; here is one to each kind of request:


# %% tags=["nbval-ignore-output"]
large = gpt(96)
train(large, sample_blocks(stream, WINDOW - 1, 16), 420, lr=0.03)
print(
    f"large base model: {mean_loss(large, blocks):.3f} nats a token", end=", "
)
print(f"small {loss_on_pages['base model']:.3f}")


shots = [
    next(one for one in asked if one.kind == kind) for kind in ("fact", "harm")
]
shots = [
    word
    for one in shots
    for word in [*one.words, *instructions.best(world, one)]
]

# %% tags=["nbval-ignore-output"]
few_shot = [[0, *encode([*shots, *one.words])] for one in tests]
stop = (0, *{index[one.words[0]] for one in asked})
answered = write(large, few_shot, 10, temperature=0.3, stop=stop)
answered = [[i for i in ids if i not in stop] for ids in answered]
for kind in dict.fromkeys(one.kind for one in tests):
    i = next(i for i, one in enumerate(tests) if one.kind == kind)
    print(f"{' '.join(tests[i].words)} -> {' '.join(decode(answered[i]))}")
found = gold(tests, answered)
ours = gold(tests, write(assistant, test_prompts, temperature=0.3))
share = ((ours > found).float() + (ours == found).float() / 2).mean()
print(f"gold: large base {found.mean():.2f}, small aligned {ours.mean():.2f}")
print(f"people prefer the small aligned model in {share:.0%} of the tests")

# %%
assert share > 0.6
print("small and aligned is preferred to large and prompted")

# %% [markdown]
# On pages the large base model is no better yet: it would have to be trained for longer
# than our budget allows, and a truly larger one would do better here as well. But look at
# *what* it gets wrong. It answers what its forum answers, and well, burglars
# included; after other questions it asks another. To predict pages well
# is not to do what people want. That is the point of the whole enterprise, and the last
# steps cost far less than the first.

# %% [markdown]
# ## The example of S3: summaries
#
# S3 explains the method on *summaries*: rank several, train a reward model,
# improve by PPO. That picture is of an earlier paper (Stiennon 2020), and the same
# functions do it. Here a good summary tells who did what to which animal and
# what then happened, in few words. S3 does not mention where the first
# summaries come from: a model that was fine-tuned on summaries by people.

# %% tags=["nbval-ignore-output"]
of_people = instructions.demonstrations(world, told)
of_people = [[*encode(words), 0] for words in of_people]
summariser = copy.deepcopy(base)
told_prompts = [prompt(request) for request in told]
train(summariser, sft.batches(told_prompts, of_people, 32), 150, lr=0.02)
first, _ = ranked(summariser, told[:400])
scorer = reward_model(
    told_prompts[:400], first, 50, model=summariser, mix=False
)
news = draw_requests(world, 200, seed=6, kinds=["summary"], held_out=True)
better, summary_looks, _ = practise(
    scorer, 8, start=summariser, on=told[400:], to=news[:150]
)

# %% tags=["nbval-ignore-output"]
news_prompts = [prompt(request) for request in news]
old = write(summariser, news_prompts)
new = write(better, news_prompts)
before, after = gold(news, old), gold(news, new)
wins = ((after > before).float() + (after == before).float() / 2).mean()
print(f"gold {before.mean():.2f} -> {after.mean():.2f}, wins {wins:.0%}")
for i in range(3):
    print(textwrap.fill(" ".join(news[i].words), 76))
    print(f"   before: {' '.join(decode(old[i]))}")
    print(f"   after:  {' '.join(decode(new[i]))}")

# %%
found = "SFT first, then rankings, reward model, PPO with a price; summaries"
_ = claim(
    "E101", verdict="holds partly", measured=found + " work the same way"
)
print("all steps run, on summaries too; none of them starts without SFT")

# %% [markdown]
# The gain on summaries is small, and of a single run: what is shown is that the steps
# are the same.
#
# S3 writes RLHF out as reinforcement learning *with* human feedback. The usual
# name has *from*: the feedback is where the reward comes from. And S0 tells of
# fine-tuning on answers that people found good, which is the first step alone.

# %% [markdown]
# ## ChatGPT
#
# OpenAI wrote that ChatGPT was trained as InstructGPT was, with another way to collect
# data: **dialogues**, in which people played both sides. S3 has "unsupervised
# learning and reinforcement learning" instead. But a base model does not
# become an assistant by more pages; our fine-tuning needed answers that somebody *wrote*.
#
# S3 also gives GPT-3.5, the model behind ChatGPT, three sizes: 1.3, 6 and 175 billion
# parameters. Those are the sizes of InstructGPT; OpenAI never published GPT-3.5's.

# %%
found = "supervised fine-tuning, then RLHF; step 1 needs written answers"
_ = claim("E100", verdict="wrong", measured=found)
found = "they are InstructGPT's sizes; nothing to measure"
_ = claim("E98", verdict="wrong", measured=found)

# %% [markdown]
# A model remembers nothing between two answers. A chat is a trick: put the
# whole talk before each new request, with marks that say who speaks.

# %%
two_turns = instructions.talks(world, 50, turns=2, seed=4)
talk = next(talk for talk in two_turns if talk[-1].asks_on)
history = []
for turn in talk:
    said_now = encode(instructions.best(world, turn.request))
    history.append((encode(turn.request.words), said_now))
ids = template.prompt(history[:-1], history[-1][0])
print(textwrap.fill(" ".join(vocabulary[i] for i in ids), 76))

# %% [markdown]
# *And what is her job?* is clear from what was said before, and only from
# that. Our assistant has never seen a second turn. So it learns from dialogues, as ChatGPT
# did: 600 of them, whose answers careful trainers wrote. The loss counts all
# answers of a talk at once.


# %% tags=["nbval-ignore-output"]
from course_utils.align.texts import Texts


def talk_texts(talks):
    """Whole talks as rows, and where the assistant speaks."""
    rows, spoken = [], []
    for talk in talks:
        ids, mask = [], []
        for turn in talk:
            answer = [*encode(instructions.best(world, turn.request)), 0]
            ids += [*prompt(turn.request), *answer]
            mask += [False] * len(prompt(turn.request)) + [True] * len(answer)
        rows.append(torch.tensor(ids[:WINDOW]))
        spoken.append(torch.tensor(mask[:WINDOW]))
    pad = torch.nn.utils.rnn.pad_sequence
    return Texts(pad(rows, True), pad(spoken, True))


# %% tags=["nbval-ignore-output"]
from course_utils.train import shuffled

talks = talk_texts(instructions.talks(world, 600, turns=4))
chatty = copy.deepcopy(assistant)
train(chatty, shuffled(*sft.targets(talks), batch_size=16), 80, lr=0.01)
reports["chat"] = report(chatty)
show_reports()

# %% [markdown]
# Look at the last row. Careful demonstrations bring more than
# reinforcement learning from comparisons of careless ones. Where good answers are cheap,
# imitate them; RLHF is for when people can tell a good answer but cannot, or
# will not, write it.
#
# The window has an end: after some turns the talk no longer fits. Then the
# oldest turns are forgotten.

# %% exercise 27.10

# %%
from course_utils.align.chat import Chat, recent

long_talk = history * 6
for room in (64, 40, 20):
    kept = recent(long_talk, encode(["hello", "!"]), template, room)
    print(
        f"room for {room} tokens: {len(kept)} of {len(long_talk)} turns kept"
    )
    assert kept == long_talk[len(long_talk) - len(kept) :]

# %% [markdown]
# Now twenty turns, by script, each answer checked against the facts. Right is what
# people give at least 1.5 points (1 for a portrait).


# %% tags=["nbval-ignore-output"]
def converse(model, talk, forgetful=False):
    """Ask all turns of a talk; what was said, and whether it was right."""
    chat, found = Chat(model, template, WINDOW, max_new=24), []
    for turn in talk:
        if forgetful:
            chat.history.clear()
        words = decode(chat.say(encode(turn.request.words)))
        enough = 1.0 if turn.request.kind == "about" else 1.5
        right = instructions.judge(world, turn.request, words) >= enough
        found.append((turn, words, right))
    return found


scripts = instructions.talks(world, 6, turns=20, seed=7)
script = max(scripts, key=lambda talk: sum(turn.asks_on for turn in talk))
for turn, words, right in converse(chatty, script):
    mark = "+" if right else "-"
    print(f"{mark} {' '.join(turn.request.words)} -> {' '.join(words)}")

# %% [markdown]
# And six such talks, with the history and without it:

# %% tags=["nbval-ignore-output"]
shares = {}
for name, model, forgetful in (
    ("chat", chatty, False),
    ("chat that forgets", chatty, True),
    ("assistant before the dialogues", assistant, False),
):
    turns = [one for s in scripts for one in converse(model, s, forgetful)]
    on = [right for turn, _, right in turns if turn.asks_on]
    every = [right for *_, right in turns]
    shares[name] = sum(every) / len(every), sum(on) / len(on)
rows = [(n, f"{a:.0%}", f"{b:.0%}") for n, (a, b) in shares.items()]
heads = ("model", "turns right", "of those that ask on")
show.table(rows, heads, caption=f"Six talks of 20 turns, {len(on)} ask on")

# %%
assert shares["chat"][1] > shares["chat that forgets"][1] + 0.4
print("turns that ask on need the turn before, and the chat uses it")

# %% [markdown]
# The chat that forgets still answers what stands alone, but hardly ever what asks on.
# Before the dialogues the assistant mostly fails: it has never seen a prompt of
# several turns.
#
# Talk to it yourself, where a kernel runs. It knows sixty people and
# a few forms of question (`asked` has two thousand examples).

# %% tags=["nbval-ignore-output"]
from ipywidgets import HTML, Button, Text, VBox

chat = Chat(chatty, template, WINDOW, max_new=24)
line = Text(value="where does adra live ?", description="you:")
talked, send, known = HTML(), Button(description="send"), set(vocabulary)


def answer(button):
    words = line.value.lower().replace("?", " ?").split()
    if unknown := [word for word in words if word not in known]:
        talked.value += f"<i>unknown words: {' '.join(unknown)}</i><br>"
        return
    said = " ".join(decode(chat.say(encode(words)))) if words else ""
    talked.value += f"<b>{line.value}</b><br>{said}<br>"


send.on_click(answer)
VBox([talked, line, send])

# %% [markdown]
# ## Claims

# %%
show.claims()

# %% [markdown]
# ## Summary
#
# - A base model continues; fine-tuned on demonstrations (SFT) it answers, as well and
#   as badly as those who wrote them. The loss counts the answer only.
# - A reward model learns from rankings: $K$ answers make $K(K-1)/2$ pairs. It is
#   better than cheap judges, and not right.
# - PPO makes preferred answers probable. The KL's price keeps it near home; an
#   adaptive price holds a target. Pre-training mixed in (ptx) pays the alignment tax.
# - Too much optimisation of a poor proxy makes answers worse, while the proxy says better.
# - Best-of-n needs no training, DPO no reward model. Report refusal *and* over-refusal.
# - A chat is a template and a history that is cut to the window.

# %% [markdown]
# ## Further reading
#
# - L. Ouyang et al. 2022, *Training Language Models to Follow Instructions with Human
#   Feedback*, arXiv:2203.02155: InstructGPT.
# - N. Stiennon et al. 2020, *Learning to Summarize from Human Feedback*, arXiv:2009.01325.
# - D. Ziegler et al. 2019, *Fine-Tuning Language Models from Human Preferences*,
#   arXiv:1909.08593: the adaptive price.
# - J. Schulman et al. 2017, *Proximal Policy Optimization Algorithms*, arXiv:1707.06347.
# - L. Gao et al. 2022, *Scaling Laws for Reward Model Overoptimization*, arXiv:2210.10760.
# - R. Rafailov et al. 2023, *Direct Preference Optimization*, arXiv:2305.18290.
# - OpenAI 2022, *Introducing ChatGPT*.
