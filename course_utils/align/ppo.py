"""Proximal policy optimisation of a language model: to write what scores high, and to stay near where it started.

    draw answers, score them -> a reward for each token -> advantages -> a few epochs of clipped policy gradients

A token's reward is -beta log(policy / reference), and the last one's has the score of the answer added, so that the
rewards of an answer add up to  R(x, y) = score(x, y) - beta log(policy(y | x) / reference(y | x)).

Source: Schulman 2017 (1707.06347); for language models Ziegler 2019 (1909.08593), Stiennon 2020 (2009.01325) and Ouyang
2022 (2203.02155, InstructGPT). What papers don't say is as in the code of Ziegler 2019.
"""

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from course_utils.align._parts import (
    Ids,
    Mask,
    Number,
    PerText,
    PerToken,
    PositionScores,
    Scalar,
    Score,
    as_mask,
    check_positive,
    check_shapes,
    last,
    masked,
    masked_mean,
)
from course_utils.align.reward import RewardModel
from course_utils.align.texts import Lists, Texts, draw, evaluating, token_logp
from course_utils.train._check import check_number
from course_utils.train.losses import cross_entropy, pair
from course_utils.train.team import device_of

FAR, PATIENCE = 10.0, 5  # a KL of so many targets, in so many batches one after the other, is a run that failed


# Rewards and advantages


@torch.no_grad()
def token_rewards(scores: PerText, logp: PerToken, ref_logp: PerToken, mask: Mask, kl_coef: Number) -> PerToken:
    """The reward of each token: -beta (log p - log p of the reference), and the score at the last one.

    Shapes: scores (B,); log-probabilities of the tokens written, (B, L), in nats. 0 where nothing counts; no gradient.
    Errors: ValueError for other shapes, a text without a token that counts, a negative `kl_coef`.
    Source: Ziegler 2019 (1909.08593), equation 2; Ouyang 2022 (2203.02155), equation 2.

    >>> logp, ref_logp = torch.tensor([[-1.0, -1.0, -9.0]]), torch.tensor([[-1.0, -3.0, 0.0]])
    >>> token_rewards(torch.tensor([5.0]), logp, ref_logp, torch.tensor([[1, 1, 0]]), kl_coef=0.5)
    tensor([[0., 4., 0.]])
    """
    check_shapes(2, logp=logp, ref_logp=ref_logp, mask=mask)
    check_number("kl_coef", kl_coef, low=0)
    if scores.shape != logp.shape[:1]:
        raise ValueError(f"scores of shape {tuple(scores.shape)} for {len(logp)} texts; give one for each")
    counts = as_mask(mask, each=True)
    rewards = masked(kl_coef * (ref_logp - logp), counts)
    return rewards.scatter_add(1, last(counts)[:, None], scores[:, None].to(rewards))


@torch.no_grad()
def gae(
    rewards: PerToken, values: PerToken, mask: Mask, gamma: Number, lam: Number
) -> tuple[Float[Tensor, "B L"], Float[Tensor, "B L"]]:
    """Generalised advantages, and the returns (advantage + value) that the value model should have said.

        A_t = delta_t + gamma lam A_(t+1)          delta_t = r_t + gamma V_(t+1) - V_t

    After the last token V and A are 0: the answer is over. values[:, t] is what is expected from token t on, before it
    is written. `lam` = 1: all rewards to come, minus V; 0: the next step only. What doesn't count is passed over, as if
    it were not there. No gradient.
    Errors: ValueError for other shapes, a mask that is empty, gamma or lam outside 0 .. 1.
    Source: Schulman 2015 (1506.02438), equation 16; Schulman 2017 (1707.06347), equations 11 and 12.

    >>> rewards, values = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.5]])
    >>> gae(rewards, values, torch.tensor([[1, 1]]), gamma=1.0, lam=1.0)
    (tensor([[0.5000, 0.5000]]), tensor([[1., 1.]]))
    """
    check_shapes(2, rewards=rewards, values=values, mask=mask)
    check_number("gamma", gamma, low=0, high=1)
    check_number("lam", lam, low=0, high=1)
    counts = as_mask(mask)
    advantages = torch.zeros_like(values)
    next_value = next_advantage = torch.zeros_like(values[:, 0])
    for t in reversed(range(values.shape[1])):
        here, value = counts[:, t], values[:, t]
        delta = rewards[:, t] + gamma * next_value - value
        next_advantage = torch.where(here, delta + gamma * lam * next_advantage, next_advantage)
        next_value = torch.where(here, value, next_value)
        advantages[:, t] = next_advantage
    return masked(advantages, counts), masked(advantages + values, counts)


def whiten(x: PerToken, mask: Mask) -> PerToken:
    """(x - mean) / sqrt(variance + 1e-8) over the tokens that count, 0 elsewhere.

    Advantages of every scale make steps of one size then.
    Source: the code of Ziegler 2019. Differs: `trl` divided by n - 1 in the variance, this by n.

    >>> whiten(torch.tensor([[1.0, 3.0, 99.0]]), torch.tensor([[1, 1, 0]]))
    tensor([[-1.,  1.,  0.]])
    """
    check_shapes(2, x=x, mask=mask)
    counts = as_mask(mask)
    from_mean = masked(x - masked_mean(x, counts), counts)
    return from_mean * (masked_mean(from_mean.square(), counts) + 1e-8).rsqrt()


# Losses


def policy_loss(logp: PerToken, old_logp: PerToken, advantages: PerToken, mask: Mask, clip: Number) -> Scalar:
    """-min(ratio A, clip(ratio, 1 - clip, 1 + clip) A), the mean over all tokens of the batch that count.

    ratio = exp(logp - old_logp), old being the policy that wrote the answers. Where the ratio has gone as far as `clip`
    allows in the direction of the advantage, there is no gradient. At ratio 1 it is that of -A log p (REINFORCE).
    Errors: ValueError for other shapes, a mask that is empty, a clip that is not above 0.
    Source: Schulman 2017 (1707.06347), equation 7.

    >>> zero = torch.zeros(1, 2)
    >>> policy_loss(torch.tensor([[2.0, 0.5]]).log(), zero, torch.ones(1, 2), torch.ones(1, 2), clip=0.2)
    tensor(-0.8500)
    """
    check_shapes(2, logp=logp, old_logp=old_logp, advantages=advantages, mask=mask)
    check_positive(clip=clip)
    counts = as_mask(mask)
    ratio, advantages = masked(logp - old_logp, counts).exp(), masked(advantages, counts)
    return -masked_mean(torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages), counts)


def value_loss(values: PerToken, old_values: PerToken, returns: PerToken, mask: Mask, clip: Number) -> Scalar:
    """max((V - R)^2, (clip(V, old - clip, old + clip) - R)^2) / 2, the mean over all tokens that count.

    So that the values don't run far from the old ones, either. `clip` is in units of the reward; math.inf for none.
    Errors: ValueError for other shapes, a mask that is empty, a clip that is not above 0.
    Source: the code of Ziegler 2019; Schulman 2017 (1707.06347), equation 9, has (V - R)^2 without clip and half.

    >>> old, mask = torch.zeros(1, 1), torch.ones(1, 1)
    >>> value_loss(torch.tensor([[1.0]]), old, torch.tensor([[1.0]]), mask, clip=0.2)  # (0.2 - 1)^2 / 2
    tensor(0.3200)
    """
    check_shapes(2, values=values, old_values=old_values, returns=returns, mask=mask)
    if clip != math.inf:
        check_positive(clip=clip)
    counts = as_mask(mask)
    values, old, returns = masked(values, counts), masked(old_values, counts), masked(returns, counts)
    near = old + (values - old).clamp(-clip, clip)
    return masked_mean(torch.maximum((values - returns).square(), (near - returns).square()), counts) / 2


def ptx_loss(loss: Scalar, model: nn.Module, batch: Any, coef: Number) -> Scalar:
    """loss + coef * the cross-entropy of a batch (inputs, targets) of pre-training, so that nothing is unlearnt.

    Errors: ValueError for a negative coefficient.
    Source: Ouyang 2022 (2203.02155), equation 2, the last term (PPO-ptx); coef is its gamma.

    >>> uniform = nn.Embedding.from_pretrained(torch.zeros(9, 4))
    >>> ptx_loss(torch.tensor(1.0), uniform, (torch.tensor([[5]]), torch.tensor([[3]])), coef=2.0)  # 1 + 2 ln 4
    tensor(3.7726)
    """
    check_number("coef", coef, low=0)
    total, count = pair(cross_entropy(model, batch))
    return loss + coef * total / count


# The distance from the reference, and its price


@torch.no_grad()
def kl(logp: PerToken, ref_logp: PerToken, mask: Mask) -> float:
    """KL(policy, reference) in nats an answer, estimated: the mean over the texts of the sum of logp - ref_logp.

    The answers are drawn from the policy. A single estimate may be negative; in the mean it is right.
    Source: Ziegler 2019 (1909.08593), section 2.2; Stiennon 2020 (2009.01325), section 3.4.

    >>> kl(torch.tensor([[-1.0, -1.0]]), torch.tensor([[-2.0, -1.5]]), torch.ones(1, 2))
    1.5
    """
    check_shapes(2, logp=logp, ref_logp=ref_logp, mask=mask)
    return float(masked(logp - ref_logp, as_mask(mask)).sum(1).mean())


class Diverged(ArithmeticError):
    """A policy that has left the region in which its numbers mean something. The message says why and what to do."""


class AdaptiveKL:
    """A price of KL, `coef`, that rises while the policy is farther from the reference than `target`, and falls else.

        error = clip(KL / target - 1, -limit, limit)
        slow <- slow (1 + gain error)                     coef = slow exp(fast error)

    With `wait`, slow does not fall as long as the KL rises for the first time, by 1 % of the target in a batch: the
    policy is under way, and the price not too high.
    `target`: nats an answer, as `kl` measures them. `coef`: the first price, in units of the score a nat; a good guess
    is the wanted rise of the score divided by the target. `update(kl)` after each batch returns the next price.
    Errors: ValueError for numbers that are not possible; `Diverged` from a KL that is no number, or more than 10 times
    the target in 5 batches one after the other.
    Source: Ziegler 2019 (1909.08593), section 2.2, is gain 0.1, limit 0.2, fast 0, without `wait`.
    Differs: that changes the price by 2 % a batch at most, for runs of thousands. In a run of tens the price comes too
    late, and a higher gain alone swings to and fro; the fast part, which answers a high KL at once, calms it.

    >>> price = AdaptiveKL(target=2.0, coef=0.1, gain=0.1, limit=0.2, fast=0.0, wait=False)
    >>> round(price.update(9.0), 6), round(price.update(1.8), 6)  # 2 % more, then 1 % less
    (0.102, 0.10098)
    """

    def __init__(
        self,
        target: Number,
        coef: Number = 0.2,
        gain: Number = 0.2,
        limit: Number = 2.0,
        fast: Number = 0.5,
        wait: bool = True,
    ) -> None:
        check_positive(target=target, coef=coef, gain=gain, limit=limit)
        check_number("fast", fast, low=0)
        if gain * limit >= 1:
            raise ValueError(f"{gain=} times {limit=} is not below 1: the price could become 0 or negative")
        self.target, self.coef, self.gain, self.limit, self.fast = target, coef, gain, limit, fast
        self.wait, self.slow, self.last, self.n_far = wait, coef, 0.0, 0

    def update(self, kl: Number) -> float:
        """The price for the next batch, after a batch with this KL."""
        self.n_far = self.n_far + 1 if kl > FAR * self.target else 0
        if not math.isfinite(kl) or self.n_far >= PATIENCE:
            raise Diverged(
                f"the KL is {kl:.3g} nats an answer, its target {self.target:g}: the policy ran away, and the price, "
                f"{self.coef:.3g} by now, does not bring it back. Start with a higher `coef`, or a lower learning rate."
            )
        error = min(max(kl / self.target - 1, -self.limit), self.limit)
        self.wait = self.wait and kl < self.target
        if not (self.wait and kl > self.last + self.target / 100):
            self.slow *= 1 + self.gain * error
        self.last = kl
        self.coef = self.slow * math.exp(self.fast * error)
        return self.coef


# One iteration


class ValueModel(PositionScores):
    """What is still to come after each token of a text, in units of the reward: ids (B, L) to (B, L).

    `body` as for `RewardModel`. Source: Ouyang 2022 (2203.02155), section 3.5: a model of its own that starts as the
    reward model.

    >>> from course_utils.models.gpt2 import GPT2, TINY
    >>> ValueModel(GPT2(TINY), TINY.d_model)(torch.tensor([[5, 6, 7]])).shape
    torch.Size([1, 3])
    """

    @classmethod
    def from_reward(cls, model: RewardModel) -> "ValueModel":
        """A copy of a reward model that speaks at each token."""
        value = cls(copy.deepcopy(model.body), model.head.in_features)
        value.head.load_state_dict(model.head.state_dict())
        return value

    def forward(self, ids: Ids) -> PerToken:
        return self.positions(ids)


@dataclass(frozen=True)
class Settings:
    """The numbers of `update`; the defaults are those of Ziegler 2019 where it has them."""

    clip: Number = 0.2  # of the ratio
    value_clip: Number = 0.2  # in units of the reward
    gamma: Number = 1.0
    lam: Number = 0.95
    epochs: int = 4  # times that each answer is learnt from
    minibatches: int = 1  # steps an epoch
    value_coef: Number = 0.1  # of the value loss
    ptx_coef: Number = 0.0  # of the pre-training loss
    max_norm: Number = 1.0  # longer gradients are cut to this length
    far: Number = 1.0  # nats a token that one update may move the policy


class Rollout(NamedTuple):
    """Answers of the policy and all that is known of their tokens; columns as in `align`: the first token has none."""

    texts: Texts
    scores: Float[Tensor, " B"]
    logp: Float[Tensor, "B M"]
    ref_logp: Float[Tensor, "B M"]
    values: Float[Tensor, "B M"]
    mask: Bool[Tensor, "B M"]


class Stats(NamedTuple):
    """What happened in an iteration."""

    score: float  # of the answers, the mean
    kl: float  # nats an answer, of the policy that wrote them
    length: float  # tokens an answer
    moved: float  # nats a token that the policy moved since it wrote them, at the last step
    clipped: float  # share of tokens with a ratio outside the clip, at the last step
    policy_loss: float
    value_loss: float


@torch.no_grad()
def rollout(
    policy: Any,
    value: ValueModel,
    reference: nn.Module,
    score: Score,
    prompts: Lists,
    *,
    stop: Sequence[int] = (),
    max_new: int = 50,
    pad: int = 0,
    generator: int | torch.Generator | None = None,
) -> Rollout:
    """The policy answers the prompts, and its answers are scored; see `draw` for what is not explained here.

    `score(ids, answer)`: a `RewardModel`, or any function from texts (B, L) to (B,).
    """
    texts = draw(policy, prompts, stop=stop, max_new=max_new, pad=pad, generator=generator)
    models = [model for model in (policy, value, reference, score) if isinstance(model, nn.Module)]
    with evaluating(*models):
        logp, ref_logp = token_logp(policy, texts.ids), token_logp(reference, texts.ids)
        scores, values = score(*texts), value(texts.ids[:, :-1])
    return Rollout(texts, scores.to(logp), logp, ref_logp, values, texts.answer[:, 1:])


def update(
    policy: nn.Module,
    value: ValueModel,
    done: Rollout,
    optimizer: torch.optim.Optimizer,
    kl_coef: Number,
    settings: Settings = Settings(),
    *,
    generator: int | torch.Generator | None = None,
    pretraining: Iterator[Any] | None = None,
) -> Stats:
    """Learn from a rollout: rewards, advantages, and `epochs` times its answers in `minibatches` steps.

    `optimizer`: over the parameters of policy and value. `pretraining`: batches (inputs, targets), one a step, for
    `ptx_coef`. Dropout is off: it would change the ratios.
    Errors: `Diverged`, before it reaches the weights; ValueError for `ptx_coef` without pre-training, and the reverse.
    """
    cfg, mask = settings, done.mask
    if (pretraining is None) == (cfg.ptx_coef > 0):
        raise ValueError(f"ptx_coef is {cfg.ptx_coef:g}, pretraining is {pretraining}; give both, or neither")
    rewards = token_rewards(done.scores, done.logp, done.ref_logp, mask, kl_coef)
    advantages, returns = gae(rewards, done.values, mask, cfg.gamma, cfg.lam)
    advantages = whiten(advantages, mask)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    with evaluating(policy, value):
        for rows in _minibatches(len(mask), cfg, _chance(generator, policy)):
            ids, counts, old_logp = done.texts.ids[rows], mask[rows], done.logp[rows]
            logp, values = token_logp(policy, ids), value(ids[:, :-1])
            of_policy = policy_loss(logp, old_logp, advantages[rows], counts, cfg.clip)
            of_value = value_loss(values, done.values[rows], returns[rows], counts, cfg.value_clip)
            loss = of_policy + cfg.value_coef * of_value
            if pretraining is not None:
                loss = ptx_loss(loss, policy, next(pretraining), cfg.ptx_coef)
            optimizer.zero_grad()
            loss.backward()
            norm = float(nn.utils.clip_grad_norm_(parameters, cfg.max_norm))
            moved, clipped = _moved(logp.detach() - old_logp, counts, cfg.clip)
            _check(float(loss.detach()), norm, moved, cfg.far)
            optimizer.step()
    optimizer.zero_grad()
    distance, length = kl(done.logp, done.ref_logp, mask), float(mask.sum(1).double().mean())
    losses = float(of_policy.detach()), float(of_value.detach())
    return Stats(float(done.scores.mean()), distance, length, moved, clipped, *losses)


def iterate(
    policy: nn.Module,
    value: ValueModel,
    reference: nn.Module,
    score: Score,
    prompts: Lists,
    optimizer: torch.optim.Optimizer,
    kl_coef: Number,
    settings: Settings = Settings(),
    *,
    stop: Sequence[int] = (),
    max_new: int = 50,
    pad: int = 0,
    generator: int | torch.Generator | None = None,
    pretraining: Iterator[Any] | None = None,
) -> Stats:
    """One iteration of PPO: `rollout`, and `update` from it. With the price of an `AdaptiveKL` it is the whole method:

    stats = iterate(policy, value, reference, score, prompts, optimizer, price.coef, ...)
    price.update(stats.kl)
    """
    chance = _chance(generator, policy)
    done = rollout(policy, value, reference, score, prompts, stop=stop, max_new=max_new, pad=pad, generator=chance)
    return update(policy, value, done, optimizer, kl_coef, settings, generator=chance, pretraining=pretraining)


def _chance(generator: int | torch.Generator | None, model: nn.Module) -> torch.Generator | None:
    """A generator on the model's device, if a seed is given."""
    return torch.Generator(device_of(model)).manual_seed(generator) if isinstance(generator, int) else generator


def _minibatches(n: int, cfg: Settings, chance: torch.Generator | None) -> Iterator[Tensor]:
    """The rows of each step."""
    check_number("epochs", cfg.epochs, low=1, whole=True)
    check_number("minibatches", cfg.minibatches, low=1, high=n, whole=True)
    device = None if chance is None else chance.device
    for _ in range(cfg.epochs):
        yield from torch.randperm(n, generator=chance, device=device).tensor_split(cfg.minibatches)


def _moved(difference: Tensor, mask: Bool[Tensor, "B L"], clip: Number) -> tuple[float, float]:
    """KL(old, new) in nats a token, estimated by ratio - 1 - log ratio, and the share of ratios beyond the clip."""
    log_ratio = masked(difference, mask)
    ratio = log_ratio.exp()
    beyond = ((ratio - 1).abs() > clip).to(ratio)
    return float(masked_mean(ratio - 1 - log_ratio, mask)), float(masked_mean(beyond, mask))


def _check(loss: float, norm: float, moved: float, far: Number) -> None:
    if not math.isfinite(loss + norm):
        raise Diverged(
            f"the loss is {loss:g} and the length of the gradient {norm:g}. The weights are as before this step. Usual "
            "reasons: a learning rate that is too high, scores or log-probabilities that are not finite."
        )
    if moved > far:
        raise Diverged(
            f"the policy moved {moved:.3g} nats a token away from the one that wrote these answers, more than {far:g}: "
            "they say nothing of it any more. Take a lower learning rate, or fewer epochs."
        )
