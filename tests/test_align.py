"""The losses of alignment: equal to trl's where it has them, and to plain loops over tokens where it has none."""

import math
from collections import defaultdict
from itertools import combinations
from statistics import fmean
from types import SimpleNamespace

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor, nn, tensor

from course_utils.align import best_of_n, dpo, ppo, reward, sft, texts
from course_utils.align.texts import Texts, join, split, token_logp
from course_utils.models.gpt2 import GPT2, GPT2Config
from course_utils.train import IGNORE, cross_entropy, fit, mean_loss

NAN = math.nan
CFG = GPT2Config(vocab_size=11, d_model=12, n_layers=1, n_heads=3, d_ff=20, max_len=16, dropout=0.3)
seeds = st.integers(0, 2**31 - 1)
shares = st.floats(0, 1)
betas = st.floats(0.01, 3)


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def several(seed: int, n: int, *shape: int) -> tuple[Tensor, ...]:
    """n different tensors of random numbers."""
    return normal(seed, n, *shape).unbind(0)


@st.composite
def masks(draw) -> Tensor:
    """Answers of 1 to 6 tokens, padded on the right, some of them behind a prompt."""
    spans = draw(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6)), min_size=1, max_size=4))
    length = max(map(sum, spans)) + draw(st.integers(0, 2))
    places = torch.arange(length)
    return torch.stack([(places >= start) & (places < start + n) for start, n in spans])


def tokens(x: Tensor, mask: Tensor) -> list[list[float]]:
    """What counts of each row, as plain numbers."""
    return [
        [value for value, counts in zip(*row, strict=True) if counts]
        for row in zip(x.tolist(), mask.tolist(), strict=True)
    ]


def spread(rows: list[list[float]], mask: Tensor) -> Tensor:
    """The numbers of `tokens` where the mask has them, 0 elsewhere."""
    out = torch.zeros(mask.shape, dtype=torch.float64)
    out[mask.bool()] = tensor([value for row in rows for value in row], dtype=torch.float64)
    return out


def spoilt(x: Tensor, mask: Tensor) -> Tensor:
    """The same, with no number where nothing counts."""
    return x.masked_fill(~mask.bool(), NAN)


def close(a: Tensor, b: Tensor) -> bool:
    return bool(torch.allclose(a, b, rtol=1e-9, atol=1e-11))


def gpt(seed: int = 0) -> GPT2:
    """A small model, all parameters of which are random and large enough to matter."""
    torch.manual_seed(seed)
    model = GPT2(CFG).double().eval()
    for p in model.parameters():
        nn.init.normal_(p, std=0.4)
    return model


PAIRS = join([[5, 6, 7], [5], [8, 9]], [[4, 1], [3, 4, 6, 1], [2]])


# References in plain Python: one text, one token after the other


def plain_rewards(scores, logp, ref_logp, mask, kl_coef):
    both = zip(tokens(logp, mask), tokens(ref_logp, mask), strict=True)
    rows = [[-kl_coef * (p - q) for p, q in zip(*row, strict=True)] for row in both]
    for row, score in zip(rows, scores.tolist(), strict=True):
        row[-1] += score
    return spread(rows, mask)


def plain_gae(rewards, values, mask, gamma, lam):
    """By the sum of equation 16 and not by its recursion."""
    advantages, returns = [], []
    for r, v in zip(tokens(rewards, mask), tokens(values, mask), strict=True):
        deltas = [r[t] + gamma * (v[t + 1] if t + 1 < len(r) else 0.0) - v[t] for t in range(len(r))]
        row = [sum((gamma * lam) ** k * delta for k, delta in enumerate(deltas[t:])) for t in range(len(r))]
        advantages.append(row)
        returns.append([a + value for a, value in zip(row, v, strict=True)])
    return spread(advantages, mask), spread(returns, mask)


def plain_policy_loss(logp, old_logp, advantages, mask, clip):
    losses = []
    for row in zip(tokens(logp, mask), tokens(old_logp, mask), tokens(advantages, mask), strict=True):
        for new, old, advantage in zip(*row, strict=True):
            ratio = math.exp(new - old)
            losses.append(-min(ratio * advantage, min(max(ratio, 1 - clip), 1 + clip) * advantage))
    return tensor(fmean(losses), dtype=torch.float64)


def plain_value_loss(values, old_values, returns, mask, clip):
    losses = []
    for row in zip(tokens(values, mask), tokens(old_values, mask), tokens(returns, mask), strict=True):
        for value, old, target in zip(*row, strict=True):
            near = min(max(value, old - clip), old + clip)
            losses.append(max((value - target) ** 2, (near - target) ** 2) / 2)
    return tensor(fmean(losses), dtype=torch.float64)


# Rewards and advantages


@given(masks(), seeds, st.floats(0, 2))
def test_token_rewards_are_those_of_the_loop_and_add_up_to_the_reward_of_the_answer(mask, seed, kl_coef):
    logp, ref_logp = several(seed, 2, *mask.shape)
    scores = normal(seed + 1, len(mask))
    found = ppo.token_rewards(scores, spoilt(logp, mask), spoilt(ref_logp, mask), mask, kl_coef)
    assert close(found, plain_rewards(scores, logp, ref_logp, mask, kl_coef))
    assert close(found.sum(1), scores - kl_coef * ((logp - ref_logp) * mask).sum(1))
    assert torch.equal(found, ppo.token_rewards(scores, logp, ref_logp, mask.long(), kl_coef))


@given(masks(), seeds, shares, shares)
def test_advantages_are_those_of_the_sum(mask, seed, gamma, lam):
    rewards, values = several(seed, 2, *mask.shape)
    found = ppo.gae(spoilt(rewards, mask), spoilt(values, mask), mask, gamma, lam)
    for one, other in zip(found, plain_gae(rewards, values, mask, gamma, lam), strict=True):
        assert close(one, other)


@given(masks(), seeds, shares)
def test_lam_1_is_all_that_comes_minus_the_value_and_lam_0_one_step(mask, seed, gamma):
    rewards, values = several(seed, 2, *mask.shape)
    far, far_returns = ppo.gae(rewards, values, mask, gamma, 1)
    near, _ = ppo.gae(rewards, values, mask, gamma, 0)
    for i, (r, v) in enumerate(zip(tokens(rewards, mask), tokens(values, mask), strict=True)):
        to_come = [sum(gamma**k * x for k, x in enumerate(r[t:])) for t in range(len(r))]
        error = [r[t] + gamma * next_value - v[t] for t, next_value in enumerate([*v[1:], 0.0])]
        assert tokens(far_returns, mask)[i] == pytest.approx(to_come)
        assert tokens(far, mask)[i] == pytest.approx([g - value for g, value in zip(to_come, v, strict=True)])
        assert tokens(near, mask)[i] == pytest.approx(error)


def test_values_that_are_right_leave_no_advantage():
    """A reward of 1 a token and values that know it: whatever lam is."""
    values = tensor([[3.0, 2.0, 1.0, 0.0]])
    mask = tensor([[1, 1, 1, 0]])
    for lam in (0.0, 0.5, 1.0):
        advantages, returns = ppo.gae(torch.ones(1, 4), values, mask, 1.0, lam)
        assert torch.equal(advantages, torch.zeros(1, 4))
        assert torch.equal(returns, values)


def test_what_lies_between_two_answers_of_a_dialogue_is_passed_over():
    rewards, values = several(3, 2, 1, 6)
    mask = tensor([[0, 1, 1, 0, 0, 1]]).bool()
    found = ppo.gae(rewards, values, mask, 0.9, 0.8)
    without = ppo.gae(rewards[mask][None], values[mask][None], torch.ones(1, 3), 0.9, 0.8)
    for one, other in zip(found, without, strict=True):
        assert close(one[mask][None], other)


@given(masks(), seeds)
def test_whitening_gives_mean_0_and_variance_1_to_what_counts(mask, seed):
    x = normal(seed, *mask.shape) * 5 + 3
    found = ppo.whiten(spoilt(x, mask), mask)
    assert (found[~mask] == 0).all()
    assert float(found[mask].mean()) == pytest.approx(0, abs=1e-9)
    if mask.sum() > 1:
        assert float(found[mask].var(unbiased=False)) == pytest.approx(1, abs=1e-4)


# Losses of PPO


@given(masks(), seeds, st.floats(0.01, 0.9))
def test_the_losses_are_those_of_the_loops(mask, seed, clip):
    new, old, third = several(seed, 3, *mask.shape)
    spoilt_ones = [spoilt(x, mask) for x in (new, old, third)]
    assert close(ppo.policy_loss(*spoilt_ones, mask, clip), plain_policy_loss(new, old, third, mask, clip))
    assert close(ppo.value_loss(*spoilt_ones, mask, clip), plain_value_loss(new, old, third, mask, clip))


@given(masks(), seeds, st.integers(1, 3))
def test_padding_changes_nothing_and_gets_no_gradient(mask, seed, n):
    """More columns of padding, filled with what is no number: the same losses, the same gradients, none on padding."""
    tensors = several(seed, 3, *mask.shape)
    wide_mask = nn.functional.pad(mask, (0, n))
    for loss in (ppo.policy_loss, ppo.value_loss):
        some = [x.clone().requires_grad_() for x in tensors]
        wide = [nn.functional.pad(spoilt(x, mask), (0, n), value=NAN).requires_grad_() for x in tensors]
        one, other = loss(*some, mask, 0.2), loss(*wide, wide_mask, 0.2)
        assert close(one, other)
        torch.autograd.backward([one, other])
        for x, y in zip(some, wide, strict=True):
            assert close(y.grad, nn.functional.pad(x.grad, (0, n)))
            assert (y.grad[~wide_mask] == 0).all()


@given(masks(), seeds)
def test_the_first_gradient_is_that_of_reinforce(mask, seed):
    logp, advantages = several(seed, 2, *mask.shape)
    logp = logp.requires_grad_()
    ppo.policy_loss(logp, logp.detach().clone(), advantages, mask, 0.2).backward()
    clipped = logp.grad.clone()
    logp.grad = None
    (-(advantages * logp)[mask].mean()).backward()
    assert close(clipped, logp.grad)


@given(masks(), seeds, st.floats(0.05, 0.5))
def test_no_gradient_where_the_ratio_has_gone_far_enough_and_a_full_one_on_the_way_back(mask, seed, clip):
    logp, old, advantages = several(seed, 3, *mask.shape)
    ratio = (logp - old).exp()
    logp = logp.requires_grad_()
    ppo.policy_loss(logp, old, advantages, mask, clip).backward()
    gone = ((ratio > 1 + clip) & (advantages > 0)) | ((ratio < 1 - clip) & (advantages < 0)) | ~mask
    assert (logp.grad[gone] == 0).all()
    assert close(logp.grad[~gone], (-ratio * advantages / mask.sum())[~gone])


def test_without_a_clip_the_value_loss_is_half_the_mean_square():
    values, old, returns = several(0, 3, 4, 5)
    found = ppo.value_loss(values, old, returns, torch.ones(4, 5), math.inf)
    assert close(found, nn.functional.mse_loss(values, returns) / 2)


def test_the_mix_adds_the_cross_entropy_of_pre_training():
    model = gpt()
    batch = (tensor([[5, 6, 7], [8, 9, 0]]), tensor([[6, 7, IGNORE], [9, IGNORE, IGNORE]]))
    found = ppo.ptx_loss(tensor(1.5, dtype=torch.float64), model, batch, 0.5)
    assert found.item() == pytest.approx(1.5 + 0.5 * mean_loss(model, [batch]))


# Planted mistakes: the comparisons above must see them


def flipped_kl(scores, logp, ref_logp, mask, kl_coef):
    return ppo.token_rewards(scores, ref_logp, logp, mask, kl_coef)


def score_in_the_last_column(scores, logp, ref_logp, mask, kl_coef):
    rewards = kl_coef * (ref_logp - logp) * mask
    rewards[:, -1] += scores
    return rewards


def score_at_every_token(scores, logp, ref_logp, mask, kl_coef):
    return (scores[:, None] - kl_coef * (logp - ref_logp)) * mask


def bootstrapped_past_the_end(rewards, values, mask, gamma, lam):
    """The value after the last token is that of the padding, and not 0."""
    advantages, after = torch.zeros_like(values), torch.zeros(len(values), dtype=values.dtype)
    for t in reversed(range(values.shape[1])):
        next_value = values[:, t + 1] if t + 1 < values.shape[1] else after * 0
        after = (rewards[:, t] + gamma * next_value - values[:, t] + gamma * lam * after) * mask[:, t]
        advantages[:, t] = after
    return advantages, (advantages + values) * mask


def without_lambda(rewards, values, mask, gamma, lam):
    return ppo.gae(rewards, values, mask, gamma, 1.0)


def returns_without_the_value(rewards, values, mask, gamma, lam):
    advantages, _ = ppo.gae(rewards, values, mask, gamma, lam)
    return advantages, advantages


def mean_over_padding(new, old, third, mask, clip):
    ratio = (new - old).exp()
    return -(torch.minimum(ratio * third, ratio.clamp(1 - clip, 1 + clip) * third) * mask).mean()


def mean_of_means(new, old, third, mask, clip):
    """Each text counts the same, so tokens of long answers count less."""
    ratio = (new - old).exp()
    loss = -torch.minimum(ratio * third, ratio.clamp(1 - clip, 1 + clip) * third) * mask
    return (loss.sum(1) / mask.sum(1)).mean()


def largest_for_smallest(new, old, third, mask, clip):
    ratio = (new - old).exp()
    return -torch.maximum(ratio * third, ratio.clamp(1 - clip, 1 + clip) * third)[mask].mean()


def clipped_only(new, old, third, mask, clip):
    return -((new - old).exp().clamp(1 - clip, 1 + clip) * third)[mask].mean()


def smallest_for_largest(new, old, third, mask, clip):
    near = old + (new - old).clamp(-clip, clip)
    return torch.minimum((new - third) ** 2, (near - third) ** 2)[mask].mean() / 2


MISTAKES = {
    plain_rewards: (flipped_kl, score_in_the_last_column, score_at_every_token),
    plain_gae: (bootstrapped_past_the_end, without_lambda, returns_without_the_value),
    plain_policy_loss: (mean_over_padding, mean_of_means, largest_for_smallest, clipped_only),
    plain_value_loss: (smallest_for_largest,),
}


def example(reference) -> tuple:
    mask = tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 0]]).bool()
    first, second, third = several(7, 3, *mask.shape)
    if reference is plain_rewards:
        return normal(8, 2), first, second, mask, 0.3
    return (first, second, mask, 0.9, 0.8) if reference is plain_gae else (first, second, third, mask, 0.2)


@pytest.mark.parametrize(("reference", "mistake"), [(r, m) for r, some in MISTAKES.items() for m in some])
def test_the_references_see_mistakes(reference, mistake):
    arguments = example(reference)
    right, wrong = reference(*arguments), mistake(*arguments)
    for one, other in zip(right, wrong, strict=True) if isinstance(right, tuple) else [(right, wrong)]:
        if not torch.allclose(one, other, atol=1e-3):
            return
    pytest.fail("the mistake is not seen")


# The price of KL


def test_the_controller_of_ziegler():
    price = ppo.AdaptiveKL(target=6.0, coef=0.15, gain=0.1, limit=0.2, fast=0, wait=False)
    expected = 0.15
    for kl in (0.0, 3.0, 5.9, 6.5, 40.0, 7.0):
        expected *= 1 + 0.1 * min(max((kl - 6) / 6, -0.2), 0.2)
        assert price.update(kl) == pytest.approx(expected)
        assert price.coef == pytest.approx(expected)


@given(st.floats(0.1, 10), st.floats(0.05, 5), st.floats(0.01, 3))
def test_a_high_kl_raises_the_price_and_a_low_one_lowers_it(target, coef, kl):
    price = ppo.AdaptiveKL(target, coef)
    high = kl > target
    assume(abs(kl - target) > 1e-6)
    assert (price.update(kl) > coef) == high
    slow = price.slow
    price.update(kl)
    assert (price.slow > slow) == high


def test_the_price_waits_while_the_policy_is_under_way_to_the_target():
    price = ppo.AdaptiveKL(target=4.0, coef=0.5)
    for kl in (0.1, 0.5, 1.0, 2.0, 3.9):
        price.update(kl)
        assert price.slow == 0.5
    price.update(4.0)  # it is there; from now on the price goes both ways
    price.update(3.0)
    price.update(3.5)
    assert price.slow == pytest.approx(0.5 * (1 - 0.2 / 4) * (1 - 0.2 / 8))


@given(st.floats(0.2, 5), st.floats(0.3, 3), st.floats(0.5, 3))
def test_the_controller_holds_its_target_where_kl_follows_the_price_with_a_lag(target, wrong, best):
    """KL goes half the way, in each step, to where the price leads in the end. The first price is wrong."""
    price, kl, seen = ppo.AdaptiveKL(target, wrong * best / target), 0.0, []
    for _ in range(150):
        kl += 0.5 * (best / price.coef - kl)
        price.update(kl)
        seen.append(kl)
    assert fmean(seen[-40:]) == pytest.approx(target, rel=0.1)


def test_a_price_that_does_not_hold_is_reported():
    price = ppo.AdaptiveKL(target=1.0)
    for kl in (11.0, 12.0, 13.0, 14.0, 9.0, 11.0, 12.0, 13.0, 14.0):
        price.update(kl)
    with pytest.raises(ppo.Diverged, match=r"KL is 15 nats an answer, its target 1: .*higher `coef`"):
        price.update(15.0)
    with pytest.raises(ppo.Diverged, match="KL is nan"):
        ppo.AdaptiveKL(target=1.0).update(NAN)


def test_kl_is_the_mean_over_answers_of_their_sums():
    logp, ref_logp = several(5, 2, 2, 4)
    mask = tensor([[1, 1, 1, 0], [1, 0, 0, 0]]).bool()
    rows = [sum(row) for row in tokens(logp - ref_logp, mask)]
    assert ppo.kl(spoilt(logp, mask), ref_logp, mask) == pytest.approx(fmean(rows))


def test_kl_estimates_the_true_one():
    """Of two distributions over 11 tokens, from 20,000 draws: within four standard errors."""
    p, q = several(1, 2, 11)
    p, q = p.log_softmax(0), q.log_softmax(0)
    drawn = p.exp().multinomial(20_000, replacement=True, generator=torch.Generator().manual_seed(0))
    error = float((p - q)[drawn].std()) / math.sqrt(20_000)
    found = ppo.kl(p[drawn][:, None], q[drawn][:, None], torch.ones(20_000, 1))
    assert found == pytest.approx(float((p.exp() * (p - q)).sum()), abs=4 * error)


# Rewards from comparisons


@given(seeds, st.integers(1, 6), st.floats(-5, 5))
def test_only_differences_of_scores_count(seed, n, constant):
    chosen, rejected = several(seed, 2, n)
    assert close(reward.pairwise_loss(chosen + constant, rejected + constant), reward.pairwise_loss(chosen, rejected))


@given(seeds, st.integers(1, 6), st.floats(-2, 2))
def test_a_margin_is_a_head_start_of_the_rejected(seed, n, margin):
    chosen, rejected = several(seed, 2, n)
    found = reward.pairwise_loss(chosen, rejected, margin)
    assert close(found, reward.pairwise_loss(chosen, rejected + margin))
    assert close(found, reward.pairwise_loss(chosen, rejected, torch.full_like(chosen, margin)))
    ahead = (chosen - rejected - margin).tolist()
    assert float(found) == pytest.approx(fmean(math.log1p(math.exp(-x)) for x in ahead))


@given(seeds, st.integers(1, 4), st.integers(2, 6))
def test_a_ranking_is_all_its_pairs(seed, n, k):
    scores = normal(seed, n, k)
    pairs = [(row[i], row[j]) for row in scores.tolist() for i, j in combinations(range(k), 2)]
    assert len(pairs) == n * k * (k - 1) // 2
    better, worse = (tensor(side, dtype=torch.float64) for side in zip(*pairs, strict=True))
    assert close(reward.ranking_loss(scores), reward.pairwise_loss(better, worse))
    assert close(reward.ranking_loss(scores), reward.ranking_loss(scores[torch.randperm(n)]))
    assert close(reward.ranking_loss(scores + 3.0), reward.ranking_loss(scores))


def test_a_ranking_the_wrong_way_round_costs_more():
    scores = tensor([[3.0, 2.0, 0.0, -1.0]])
    assert reward.ranking_loss(scores) < math.log(2) < reward.ranking_loss(scores.flip(1))


def test_a_batch_of_rankings_has_the_answers_in_their_order():
    prompts, ranked = [[5], [6, 7], [8, 9]], [[[4, 1], [3], [1]], [[2, 1], [7, 7, 7], [3]], [[3], [1], [2, 2]]]
    made, model = reward.rank_batches(prompts, ranked, batch_size=2), reward.RewardModel(gpt(), CFG.d_model).double()
    for step in range(3):
        ids, answer = made(step)
        scores = []
        for some, where in zip(ids, answer, strict=True):
            same, answers = split(Texts(some, where))
            assert (same[0], answers) in zip(prompts, ranked, strict=True)
            assert same == same[:1] * 3
            scores.append([model(*join(same[:1], [reply])).item() for reply in answers])
        found = reward.comparison_loss(model, (ids, answer))
        assert close(found, reward.ranking_loss(tensor(scores, dtype=torch.float64)))


def test_accuracy_is_the_area_under_the_curve_of_pairs():
    chosen, rejected = tensor([1.0, 2.0, 2.0, 5.0]), tensor([0.0, 2.0, 3.0, 4.0])
    assert reward.accuracy(chosen, rejected) == 2.5 / 4


def test_a_reward_model_reads_the_last_token_and_nothing_after_it():
    model = reward.RewardModel(gpt(), CFG.d_model).double().eval()
    scores = model(*PAIRS)
    for i, (prompt, answer) in enumerate(zip(*split(PAIRS), strict=True)):
        ids = tensor([prompt + answer])
        hidden = model.body.hidden(ids)[0, -1]
        assert close(scores[i], hidden @ model.head.weight[0] + model.head.bias[0])
    other = PAIRS.ids.masked_fill(PAIRS.ids == 0, 9)
    assert torch.equal(model(other, PAIRS.answer), scores)
    real = PAIRS.ids > 0
    assert torch.equal(model(PAIRS.ids, real.long()), scores)


def test_a_body_may_be_a_function_to_hidden_states():
    model = reward.RewardModel(nn.Embedding(11, 7), 7)
    assert model(*PAIRS).shape == (3,)


def test_centring_moves_the_mean_to_0_and_no_loss():
    model = reward.RewardModel(gpt(), CFG.d_model).double()
    before = model.eval()(*PAIRS).detach()
    mean = reward.centre(model.train(), *PAIRS)
    after = model.eval()(*PAIRS).detach()
    assert mean == pytest.approx(float(before.mean()))
    assert close(after, before - before.mean())


# Direct preference optimisation


@given(seeds, st.integers(1, 6), betas)
def test_dpo_at_the_reference_is_ln_2(seed, n, beta):
    chosen, rejected = several(seed, 2, n)
    found = {kind: float(dpo.dpo_loss(chosen, rejected, chosen, rejected, beta, kind)) for kind in dpo.KINDS}
    assert found == pytest.approx({"sigmoid": math.log(2), "hinge": 1.0, "ipo": 1 / (4 * beta**2)})


@given(seeds, st.integers(1, 6), betas)
def test_dpo_is_the_pairwise_loss_of_implicit_rewards(seed, n, beta):
    a, b, ref_a, ref_b = several(seed, 4, n)
    chosen, rejected = dpo.implicit_rewards(a, ref_a, beta), dpo.implicit_rewards(b, ref_b, beta)
    assert close(dpo.dpo_loss(a, b, ref_a, ref_b, beta), reward.pairwise_loss(chosen, rejected))


@given(seeds, betas, st.floats(0, 0.49))
def test_smoothing_puts_the_best_margin_where_the_labels_are_as_often_wrong(seed, beta, wrong):
    """The gradient is 0 where sigmoid(beta h) = 1 - wrong."""
    assume(wrong > 0.001)
    h = tensor([math.log((1 - wrong) / wrong) / beta], dtype=torch.float64, requires_grad=True)
    zero = torch.zeros_like(h)
    dpo.dpo_loss(h, zero, zero, zero, beta, label_smoothing=wrong).backward()
    assert float(h.grad) == pytest.approx(0, abs=1e-9 * beta + 1e-12)


def test_reductions():
    four = several(2, 4, 5)
    each = dpo.dpo_loss(*four, 0.3, reduction="none")
    assert each.shape == (5,)
    assert close(dpo.dpo_loss(*four, 0.3), each.mean())
    assert close(dpo.dpo_loss(*four, 0.3, reduction="sum"), each.sum())


def test_the_gradient_of_dpo_weighs_pairs_by_how_wrong_they_are():
    """Rafailov 2023, the gradient below equation 7: -beta sigmoid(r(rejected) - r(chosen))."""
    a, b, ref_a, ref_b = several(4, 4, 5)
    a, b = a.requires_grad_(), b.requires_grad_()
    dpo.dpo_loss(a, b, ref_a, ref_b, 0.7, reduction="sum").backward()
    weight = 0.7 * torch.sigmoid(0.7 * (b - ref_b) - 0.7 * (a - ref_a)).detach()
    assert close(a.grad, -weight)
    assert close(b.grad, weight)


def test_an_answer_is_as_probable_alone_as_in_a_batch():
    model = gpt()
    found, means = dpo.answer_logp(model, *PAIRS), dpo.answer_logp(model, *PAIRS, average=True)
    for i, (prompt, answer) in enumerate(zip(*split(PAIRS), strict=True)):
        text, total = list(prompt), 0.0
        for token in answer:
            total += model(tensor([text]))[0, -1].log_softmax(0)[token].item()
            text.append(token)
        assert found[i].item() == pytest.approx(total)
        assert means[i].item() == pytest.approx(total / len(answer))


def test_logits_where_nothing_counts_may_be_anything():
    logits, mask = normal(0, 3, 5, 11), PAIRS.answer[:, 1:6]
    mask = nn.functional.pad(mask, (0, 5 - mask.shape[1]))
    ids = torch.randint(11, (3, 5), generator=torch.Generator().manual_seed(0))
    clean, wild = logits.clone().requires_grad_(), logits.masked_fill(~mask[..., None], NAN).requires_grad_()
    one, other = dpo.sequence_logp(clean, ids, mask), dpo.sequence_logp(wild, ids.masked_fill(~mask, IGNORE), mask)
    assert torch.equal(one, other)
    torch.autograd.backward([one.sum(), other.sum()])
    assert torch.equal(clean.grad, wild.grad)
    assert (wild.grad[~mask] == 0).all()


def test_a_batch_of_pairs_has_both_answers_and_what_the_reference_says():
    model, prompts, chosen, rejected = gpt(), [[5], [6, 7], [8]], [[4, 1], [2, 1], [3]], [[2], [9, 9, 9], [1]]
    made = dpo.pair_batches(gpt(1), prompts, chosen, rejected, batch_size=2)
    for step in range(3):
        ids, answer, ref = made(step)
        assert close(ref, dpo.answer_logp(gpt(1), ids.flatten(0, 1), answer.flatten(0, 1)).view(2, 2))
        for one, where in zip(ids, answer, strict=True):
            (prompt, same), (good, bad) = split(Texts(one, where))
            assert prompt == same
            assert (good, bad) in zip(chosen, rejected, strict=True)
        loss = dpo.preference_loss(0.3)(model, (ids, answer, ref))
        logp = dpo.answer_logp(model, ids.flatten(0, 1), answer.flatten(0, 1)).view(2, 2)
        assert close(loss, dpo.dpo_loss(logp[:, 0], logp[:, 1], ref[:, 0], ref[:, 1], 0.3))


# trl, where it has the same


@pytest.fixture(scope="module")
def trl():
    """Its trainers' losses as functions: the methods are called with what they read of a trainer, and no training."""
    pytest.importorskip("trl")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")  # it warns that CPO may change
        from trl.experimental.cpo.cpo_trainer import CPOTrainer
    from trl.trainer.dpo_trainer import DPOTrainer
    from trl.trainer.reward_trainer import RewardTrainer

    return SimpleNamespace(CPO=CPOTrainer, DPO=DPOTrainer, Reward=RewardTrainer)


def trainer(**more) -> SimpleNamespace:
    same = SimpleNamespace(device="cpu", gather=lambda x: x, gather_for_metrics=lambda x: x)
    model = SimpleNamespace(training=False)
    metrics = defaultdict(lambda: defaultdict(list))
    return SimpleNamespace(accelerator=same, model=model, _metrics=metrics, _total_train_tokens=0, **more)


@pytest.mark.parametrize("margin", [None, 0.5])
def test_the_reward_loss_is_the_one_of_trl(trl, margin):
    chosen, rejected = several(0, 2, 5)
    margins = None if margin is None else margin * normal(1, 5).abs()
    inputs = {} if margin is None else {"margin": margins}
    head = lambda **inputs: SimpleNamespace(logits=torch.cat([chosen, rejected])[:, None])  # noqa: E731
    made = trainer(args=SimpleNamespace(center_rewards_coefficient=None))
    theirs = trl.Reward.compute_loss(made, head, inputs)
    assert close(reward.pairwise_loss(chosen, rejected, 0.0 if margin is None else margins), theirs)
    assert made._metrics["eval"]["accuracy"] == pytest.approx([reward.accuracy(chosen, rejected)])


@pytest.mark.parametrize("kind", ["sigmoid", "hinge", "ipo"])
@pytest.mark.parametrize("beta", [0.1, 1.7])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_dpo_losses_are_those_of_trl_given_log_ratios(trl, kind, beta, smoothing):
    """trl smooths in CPO, whose loss is that of DPO without a reference: so it is given the log-ratios."""
    smoothing = smoothing if kind == "sigmoid" else 0.0
    a, b, ref_a, ref_b = several(3, 4, 6)
    made = trainer(alpha=0.0, loss_type=kind, beta=beta, label_smoothing=smoothing)
    theirs, better, worse = trl.CPO.cpo_loss(made, a - ref_a, b - ref_b)
    assert close(dpo.dpo_loss(a, b, ref_a, ref_b, beta, kind, smoothing, "none"), theirs)
    assert close(dpo.implicit_rewards(a, ref_a, beta), better)
    assert close(dpo.implicit_rewards(b, ref_b, beta), worse)


@pytest.mark.parametrize("average", [False, True])
def test_the_log_probability_of_a_text_is_the_one_of_trl(trl, average):
    logits, ids, mask = normal(1, 3, 7, 11), PAIRS.ids, PAIRS.answer
    logits = logits[:, : ids.shape[1]]
    labels = ids.masked_fill(~mask, IGNORE)
    theirs = trl.CPO.get_batch_logps(logits, labels, average_log_prob=average)
    assert close(dpo.sequence_logp(logits[:, :-1], ids[:, 1:], mask[:, 1:], average), theirs)


@pytest.mark.parametrize("kind", ["sigmoid", "hinge", "ipo"])
def test_a_step_of_dpo_is_the_one_of_trl(trl, kind):
    """From texts to the loss, with two models: chosen texts, then rejected ones, as its collator gives them."""
    policy, reference = gpt(1), gpt(2)
    some = join([[5, 6]] * 2 + [[7]] * 2, [[4, 1], [9, 9, 9, 1], [2, 3, 3], [1]])
    rows = tensor([0, 2, 1, 3])
    ids, answer = some.ids[rows], some.answer[rows]

    def fused(input_ids, labels, **more):
        logp = token_logp(policy, input_ids).masked_fill(labels[:, 1:] == IGNORE, 0.0)
        return SimpleNamespace(log_probs=logp, entropy=logp, mean_logits=logp, is_top1=logp > -1)

    ref = dpo.answer_logp(reference, ids, answer).chunk(2)
    inputs = {"input_ids": ids, "completion_mask": answer.long()}
    inputs |= {"ref_chosen_logps": ref[0], "ref_rejected_logps": ref[1]}
    settings = {"loss_types": [kind], "loss_weights": [1.0], "beta": 0.3, "label_smoothing": 0.0, "ld_alpha": None}
    flags = {"aux_loss_enabled": False, "precompute_ref_logps": True, "use_weighting": False}
    made = trainer(f_divergence_type="reverse_kl", **settings, **flags)
    theirs = trl.DPO._compute_loss(made, fused, inputs, False)
    batch = (some.ids.view(2, 2, -1), some.answer.view(2, 2, -1), torch.stack(ref, 1))
    assert close(dpo.preference_loss(0.3, kind, average=kind == "ipo")(policy, batch), theirs)


# Best of n


@given(seeds, st.integers(1, 3), st.integers(1, 6), st.data())
def test_the_estimate_is_the_mean_over_all_sets_of_n(seed, n_prompts, size, data):
    n = data.draw(st.integers(1, size))
    scores, gold = several(seed, 2, n_prompts, size)
    found, found_gold = best_of_n.expected_best(scores, n), best_of_n.expected_best(scores, n, gold)
    for i in range(n_prompts):
        best = [max(some, key=lambda j: scores[i, j]) for some in combinations(range(size), n)]
        assert float(found[i]) == pytest.approx(fmean(float(scores[i, j]) for j in best))
        assert float(found_gold[i]) == pytest.approx(fmean(float(gold[i, j]) for j in best))


def test_the_estimate_of_1_is_the_mean_and_of_all_the_maximum():
    scores = normal(0, 3, 8)
    assert close(best_of_n.expected_best(scores, 1), scores.mean(1))
    assert close(best_of_n.expected_best(scores, 8), scores.max(1).values)


@pytest.mark.parametrize("n", [1, 2, 4, 16])
def test_the_kl_of_the_best_of_n_is_the_integral_and_bounds_what_few_answers_give(n):
    """Of scores without ties: the density of the best rank u is n u^(n-1), and its KL from the uniform the integral."""
    u = (torch.arange(1_000_000, dtype=torch.float64) + 0.5) / 1_000_000
    density = n * u ** (n - 1)
    exact = float((density * density.clamp(min=1e-300).log()).mean())
    assert best_of_n.kl_bound(n) == pytest.approx(exact, abs=1e-4)
    cumulative = torch.arange(9, dtype=torch.float64) / 8  # eight answers, equally probable
    best = (cumulative[1:] ** n - cumulative[:-1] ** n).clamp(min=1e-300)
    assert float((best * (8 * best).log()).sum()) <= best_of_n.kl_bound(n) + 1e-12


def test_the_best_of_n_has_the_highest_of_n_scores():
    def sevens(ids, answer):
        return ((ids == 7) & answer).sum(1).double()

    prompts = [[5, 6, 7], [8]]
    best = best_of_n.best_of_n(gpt(), prompts, sevens, n=5, stop=[1], max_new=6, generator=3)
    assert best.all_scores.shape == (2, 5)
    assert torch.equal(best.scores, best.all_scores.max(1).values)
    assert torch.equal(sevens(*best.texts), best.scores)
    assert split(best.texts)[0] == prompts
    drawn = texts.draw(gpt(), [p for p in prompts for _ in range(5)], stop=[1], max_new=6, generator=3)
    assert torch.equal(sevens(*drawn).view(2, 5), best.all_scores)


# Texts


@given(st.lists(st.tuples(*[st.lists(st.integers(0, 10), min_size=1, max_size=5)] * 2), min_size=1, max_size=4))
def test_split_undoes_join(pairs):
    prompts, answers = (list(side) for side in zip(*pairs, strict=True))
    assert split(join(prompts, answers, pad=0)) == (prompts, answers)


def test_answers_end_with_their_stop_and_hang_on_no_padding():
    """Each prompt alone or among longer ones: greedy answers (the best of 1 token) are the same."""
    model, prompts = gpt(), [[5, 6, 7, 8], [9], [3, 2]]
    drawn = texts.draw(model, prompts, stop=[4, 6], max_new=8, top_k=1)
    assert split(drawn)[0] == prompts
    for prompt, answer in zip(*split(drawn), strict=True):
        (alone,) = split(texts.draw(model, [prompt], stop=[4, 6], max_new=8, top_k=1))[1]
        assert answer == alone
        assert not {4, 6} & set(answer[:-1])
        assert len(answer) == 8 or answer[-1] in (4, 6)


def test_drawing_is_seeded_and_leaves_dropout_as_it_was():
    model = gpt().train()
    one, other, third = (texts.draw(model, [[5, 6]] * 4, max_new=9, generator=seed) for seed in (1, 1, 2))
    assert model.training
    assert torch.equal(one.ids, other.ids)
    assert not torch.equal(one.ids, third.ids)


def test_answers_are_drawn_from_the_policy_whose_log_probabilities_are_taken():
    """Two tokens a text, 121 texts: observed against expected shares, within four standard deviations."""
    model = gpt(4)
    drawn = texts.draw(model, [[5]] * 4000, max_new=2, generator=0)
    answers = [tuple(answer) for answer in split(drawn)[1]]
    every = join([[5]] * 121, [[a, b] for a in range(11) for b in range(11)], pad=0)
    shares = dpo.answer_logp(model, *every).exp().detach()
    assert float(shares.sum()) == pytest.approx(1)
    for (a, b), share in zip(((a, b) for a in range(11) for b in range(11)), shares.tolist(), strict=True):
        bound = 4.5 * math.sqrt(share * (1 - share) / 4000) + 1e-3
        assert answers.count((a, b)) / 4000 == pytest.approx(share, abs=bound)


# Supervised fine-tuning


def test_only_answers_are_learnt():
    inputs, targets = sft.targets(PAIRS)
    model = gpt()
    total, count = cross_entropy(model, (inputs, targets))
    assert int(count) == sum(map(len, split(PAIRS)[1]))
    assert close(total, -dpo.answer_logp(model, *PAIRS).sum())
    assert not set(targets[~PAIRS.answer[:, 1:]].tolist()) - {IGNORE}


def test_a_model_learns_answers_with_fit():
    prompts = [[a, b] for a in range(2, 6) for b in range(2, 6)]
    answers = [[a, 1] if a < 4 else [b, a, 1] for a, b in prompts]
    torch.manual_seed(0)
    model = GPT2(GPT2Config(vocab_size=11, d_model=24, n_layers=1, n_heads=3, d_ff=48, max_len=16, dropout=0.0))
    history = fit(model, sft.batches(prompts, answers, batch_size=16), 150, lr=1e-2, progress=False)
    assert history.losses[-1] < 0.1 < history.losses[0]
    assert split(texts.draw(model, prompts, stop=[1], max_new=5, top_k=1))[1] == answers


# Errors at the door


def door_cases():
    x, mask, one = torch.zeros(2, 3), torch.ones(2, 3), torch.zeros(2)
    none, half = torch.zeros(2, 3), tensor([[1, 1, 0], [0, 0, 0]])
    return [
        ("one shape", lambda: ppo.policy_loss(x, x[:, :2], x, mask, 0.2)),
        ("texts, tokens", lambda: ppo.policy_loss(one, one, one, one, 0.2)),
        ("no token counts", lambda: ppo.policy_loss(x, x, x, none, 0.2)),
        ("no token counts", lambda: ppo.value_loss(x, x, x, none, 0.2)),
        ("no token counts", lambda: ppo.gae(x, x, none, 1.0, 1.0)),
        ("no token counts", lambda: ppo.whiten(x, none)),
        (r"no token counts in the texts \[1\]", lambda: ppo.token_rewards(one, x, x, half, 0.1)),
        ("0 and 1", lambda: ppo.gae(x, x, mask * 2, 1.0, 1.0)),
        ("scores of shape", lambda: ppo.token_rewards(torch.zeros(3), x, x, mask, 0.1)),
        ("kl_coef", lambda: ppo.token_rewards(one, x, x, mask, -0.1)),
        ("gamma", lambda: ppo.gae(x, x, mask, 1.5, 1.0)),
        ("lam", lambda: ppo.gae(x, x, mask, 1.0, -0.5)),
        ("clip", lambda: ppo.policy_loss(x, x, x, mask, 0.0)),
        ("clip", lambda: ppo.value_loss(x, x, x, mask, -1.0)),
        ("coef", lambda: ppo.ptx_loss(one.sum(), nn.Identity(), (), -1.0)),
        ("target", lambda: ppo.AdaptiveKL(target=0.0)),
        ("not below 1", lambda: ppo.AdaptiveKL(target=1.0, gain=0.5, limit=2.0)),
        ("fast", lambda: ppo.AdaptiveKL(target=1.0, fast=-1.0)),
        ("beta", lambda: dpo.dpo_loss(one, one, one, one, -0.1)),
        ("beta", lambda: dpo.implicit_rewards(one, one, 0.0)),
        ("sigmoid, hinge, ipo", lambda: dpo.dpo_loss(one, one, one, one, 0.1, "huber")),
        ("label_smoothing", lambda: dpo.dpo_loss(one, one, one, one, 0.1, label_smoothing=0.5)),
        ("label_smoothing", lambda: dpo.dpo_loss(one, one, one, one, 0.1, label_smoothing=-0.1)),
        ("belongs to sigmoid", lambda: dpo.dpo_loss(one, one, one, one, 0.1, "ipo", label_smoothing=0.1)),
        ("mean, sum, none", lambda: dpo.dpo_loss(one, one, one, one, 0.1, reduction="max")),
        ("one shape", lambda: dpo.dpo_loss(one, one[:1], one, one, 0.1)),
        ("one shape", lambda: dpo.sequence_logp(torch.zeros(2, 3, 5), torch.zeros(2, 4).long(), torch.ones(2, 4))),
        ("no token counts in", lambda: dpo.sequence_logp(torch.zeros(2, 3, 5), torch.zeros(2, 3).long(), half)),
        ("ranked", lambda: reward.ranking_loss(torch.zeros(2, 1))),
        ("K >= 2", lambda: reward.rank_batches([[5]], [[[6]]], 1)),
        ("K >= 2", lambda: reward.rank_batches([[5], [5]], [[[6], [7]], [[6], [7], [8]]], 1)),
        ("one shape", lambda: reward.pairwise_loss(one, torch.zeros(3))),
        ("margins", lambda: reward.pairwise_loss(one, one, torch.zeros(3))),
        ("one shape", lambda: reward.accuracy(one, torch.zeros(3))),
        ("draw at least as many", lambda: best_of_n.expected_best(x, 4)),
        ("n=0", lambda: best_of_n.kl_bound(0)),
        ("n=0", lambda: best_of_n.best_of_n(gpt(), [[5]], lambda ids, answer: ids[:, 0], 0)),
        ("one answer for each", lambda: join([[5]], [])),
        ("empty", lambda: join([[5]], [[]])),
        ("empty", lambda: texts.draw(gpt(), [[5], []])),
        ("one answer for each", lambda: sft.batches([[5]], [[6], [7]], 1)),
    ]


@pytest.mark.usefixtures("as_in_a_notebook")
@pytest.mark.parametrize(("says", "call"), door_cases())
def test_what_is_wrong_is_refused_at_the_door(says, call):
    with pytest.raises(ValueError, match=says):
        call()
