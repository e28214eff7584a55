"""Alignment from end to end on a tiny policy: rewards rise, KL is held, and a run that goes wrong says so."""

import copy
import itertools
import math
from dataclasses import replace
from statistics import fmean

import pytest
import torch
from torch import Tensor, nn, tensor

from course_utils.align import dpo, ppo, reward
from course_utils.align.best_of_n import best_of_n, expected_best
from course_utils.align.texts import Texts, draw, join, split, token_logp
from course_utils.models.gpt2 import GPT2, GPT2Config
from course_utils.train import adamw, fit, mean_loss

V, STOP, SEVEN, D = 12, 1, 7, 32
CFG = GPT2Config(vocab_size=V, d_model=D, n_layers=1, n_heads=2, d_ff=64, max_len=24, dropout=0.0)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Tensors this small are computed fastest by one thread; on a busy machine two wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some_texts(step: int) -> tuple[Tensor, Tensor]:
    """Pre-training: tokens 2 to 11, all as often, and a stop after 4 to 13 of them."""
    ids = torch.randint(2, V, (32, 14), generator=generator(step))
    ends = torch.randint(4, 14, (32, 1), generator=generator(step + 10_000))
    ids = ids.where(torch.arange(14) < ends, STOP)
    return ids[:, :-1], ids[:, 1:]


def some_prompts(n: int, seed: int) -> list[list[int]]:
    return torch.randint(2, V, (n, 3), generator=generator(seed)).tolist()


def sevens(ids: Tensor, answer: Tensor) -> Tensor:
    """What people want, in this file."""
    return ((ids == SEVEN) & answer).sum(1).float()


@pytest.fixture(scope="module")
def pretrained() -> GPT2:
    torch.manual_seed(0)
    model = GPT2(CFG)
    fit(model, some_texts, 80, lr=1e-2, progress=False)
    return model


@pytest.fixture
def dropping() -> GPT2:
    """A model with dropout, which must be off wherever a policy is measured."""
    torch.manual_seed(3)
    return GPT2(replace(CFG, dropout=0.3))


def models(pretrained: GPT2, lr: float = 2e-3) -> tuple:
    """A policy, a value model, and the optimiser of both."""
    torch.manual_seed(1)
    policy = copy.deepcopy(pretrained)
    value = ppo.ValueModel(copy.deepcopy(pretrained), D)
    return policy, value, adamw(nn.ModuleList([policy, value]), lr, weight_decay=0.0)


def answers(model: GPT2, n: int = 2000) -> Texts:
    return draw(model, some_prompts(n, 99), stop=[STOP], max_new=10, generator=99)


def best_for(pretrained: GPT2, kl: float) -> float:
    """The highest mean score that a policy can have at this KL: that of reference(y) exp(score(y) / beta) / Z."""
    scores = sevens(*answers(pretrained, 10_000)).double()
    low, high = 0.1, 100.0
    for _ in range(60):
        beta = math.sqrt(low * high)
        shares = (scores / beta).softmax(0)
        found = float((shares * (shares * len(scores)).log().nan_to_num(neginf=0.0)).sum())
        low, high = (beta, high) if found > kl else (low, beta)
    return float((shares * scores).sum())


def train(pretrained: GPT2, price: ppo.AdaptiveKL | None, n: int, kl_coef: float = 0.0, **more) -> tuple:
    policy, value, optimizer = models(pretrained)
    chance, seen = generator(0), []
    for i in range(n):
        coef = kl_coef if price is None else price.coef
        done = ppo.iterate(
            policy,
            value,
            pretrained,
            sevens,
            some_prompts(64, i),
            optimizer,
            coef,
            stop=[STOP],
            max_new=10,
            generator=chance,
            **more,
        )
        seen.append(done)
        if price is not None:
            price.update(done.kl)
    return policy, seen


def test_ppo_raises_the_score_nearly_as_far_as_its_kl_allows_and_the_price_holds_the_kl(pretrained):
    """Over ten seeds: a KL of 0.93 to 1.21 nats in the last 20 iterations, and 85 to 92 % of the possible rise."""
    before = copy.deepcopy(pretrained.state_dict())
    policy, seen = train(pretrained, ppo.AdaptiveKL(target=1.0, coef=0.5), 40)
    kl, score = fmean(done.kl for done in seen[-20:]), fmean(done.score for done in seen[-20:])
    start, best = seen[0].score, best_for(pretrained, kl)
    assert 0.5 < kl < 2
    assert 0.5 < (score - start) / (best - start) < 1.2
    assert seen[0].kl == pytest.approx(0, abs=1e-4)
    assert sevens(*answers(policy)).mean() > 1.5 * sevens(*answers(pretrained)).mean()
    assert all(torch.equal(before[name], weight) for name, weight in pretrained.state_dict().items())


def test_a_fixed_low_price_lets_the_kl_grow(pretrained):
    _, seen = train(pretrained, None, 16, kl_coef=0.05)
    assert seen[-1].kl > 5
    assert seen[-1].score > 4


def test_the_same_seed_gives_the_same_run(pretrained):
    one, other = (train(pretrained, ppo.AdaptiveKL(1.0), 2)[1] for _ in range(2))
    assert one == other


def test_what_the_mix_is_for(pretrained):
    """With batches of pre-training beside, the policy unlearns less of them, at the same price."""
    held_out = [some_texts(5000)]
    alone, _ = train(pretrained, None, 12, kl_coef=0.05)
    batches = map(some_texts, itertools.count(300))
    mixed, _ = train(pretrained, None, 12, kl_coef=0.05, settings=ppo.Settings(ptx_coef=1.0), pretraining=batches)
    losses = [mean_loss(model, held_out) for model in (pretrained, mixed, alone)]
    assert losses[1] - losses[0] < 0.5 * (losses[2] - losses[0])


def test_a_rollout_knows_its_tokens(dropping):
    policy, value, _ = models(dropping)
    policy.train()
    done = ppo.rollout(policy, value, dropping.train(), sevens, some_prompts(5, 0), stop=[STOP], max_new=6, generator=0)
    assert policy.training
    policy.eval()
    assert torch.equal(done.logp, token_logp(policy, done.texts.ids))
    assert torch.equal(done.ref_logp, done.logp)
    assert torch.equal(done.scores, sevens(*done.texts))
    assert torch.equal(done.values, value.eval()(done.texts.ids)[:, :-1])
    assert not done.logp.requires_grad
    for prompt, answer, mask in zip(*split(done.texts), done.mask, strict=True):
        assert mask.nonzero()[:, 0].tolist() == list(range(len(prompt) - 1, len(prompt) + len(answer) - 1))


def test_the_first_step_is_taken_from_where_the_answers_were_written(dropping):
    policy, value, optimizer = models(dropping)
    done = ppo.rollout(policy, value, dropping, sevens, some_prompts(8, 0), stop=[STOP], max_new=6, generator=0)
    stats = ppo.update(policy, value, done, optimizer, 0.1, ppo.Settings(epochs=1))
    assert stats.moved == pytest.approx(0, abs=1e-6)
    assert stats.clipped == 0
    assert stats.policy_loss == pytest.approx(0, abs=1e-5)  # the mean of whitened advantages
    later = ppo.update(policy, value, done, optimizer, 0.1, ppo.Settings(epochs=1))
    assert later.moved > 1e-6


def test_every_answer_is_learnt_from_once_an_epoch(pretrained, monkeypatch):
    policy, value, optimizer = models(pretrained)
    done = ppo.rollout(policy, value, pretrained, sevens, some_prompts(7, 0), stop=[STOP], max_new=6, generator=0)
    rows: list[int] = []
    whole = ppo.policy_loss
    known = {tuple(row): i for i, row in enumerate(done.logp.tolist())}

    def noted(logp, old_logp, *others):
        rows.extend(known[tuple(row)] for row in old_logp.tolist())
        return whole(logp, old_logp, *others)

    monkeypatch.setattr(ppo, "policy_loss", noted)
    ppo.update(policy, value, done, optimizer, 0.1, ppo.Settings(epochs=3, minibatches=2), generator=0)
    assert [sorted(rows[i : i + 7]) for i in (0, 7, 14)] == [list(range(7))] * 3


# A run that goes wrong


def test_scores_that_are_no_numbers_stop_the_run_before_they_reach_the_weights(pretrained):
    policy, value, optimizer = models(pretrained)

    def no_number(ids, answer):
        return sevens(ids, answer) * math.nan

    with pytest.raises(ppo.Diverged, match=r"the loss is nan.*weights are as before.*not finite"):
        ppo.iterate(policy, value, pretrained, no_number, some_prompts(4, 0), optimizer, 0.1, max_new=4, generator=0)
    assert all(torch.equal(p, q) for p, q in zip(policy.parameters(), pretrained.parameters(), strict=True))


def test_steps_that_are_too_long_stop_the_run(pretrained):
    policy, value, optimizer = models(pretrained, lr=1.0)
    prompts = some_prompts(8, 0)
    with pytest.raises(ppo.Diverged, match=r"moved .* nats a token away .*lower learning rate, or fewer epochs"):
        ppo.iterate(policy, value, pretrained, sevens, prompts, optimizer, 0.1, max_new=8, generator=0)


@pytest.mark.parametrize(
    ("says", "settings"),
    [
        ("give both, or neither", ppo.Settings(ptx_coef=0.5)),
        ("epochs", ppo.Settings(epochs=0)),
        ("between 1 and 4", ppo.Settings(minibatches=5)),
    ],
)
def test_settings_that_are_not_possible_are_refused(pretrained, says, settings):
    policy, value, optimizer = models(pretrained)
    done = ppo.rollout(policy, value, pretrained, sevens, some_prompts(4, 0), max_new=3, generator=0)
    with pytest.raises(ValueError, match=says):
        ppo.update(policy, value, done, optimizer, 0.1, settings)


# Reward model, DPO


@pytest.fixture(scope="module")
def ranked() -> tuple:
    """400 prompts with 4 answers each: with 3 sevens, with 2, 1 and 0 of them."""
    chance, prompts, replies = generator(5), some_prompts(400, 5), []
    for _ in prompts:
        others = torch.randint(2, SEVEN, (4, 6), generator=chance)
        places = torch.rand(4, 6, generator=chance).argsort(1)
        rows = others.where(places >= tensor([[3], [2], [1], [0]]), SEVEN).tolist()
        replies.append([[*row, STOP] for row in rows])
    return prompts, replies


def test_a_reward_model_learns_the_ranking_and_the_value_model_starts_as_it(pretrained, ranked):
    torch.manual_seed(2)
    model = reward.RewardModel(copy.deepcopy(pretrained), D)
    batches = reward.rank_batches(*ranked, batch_size=16)
    history = fit(model, batches, 120, loss=reward.comparison_loss, lr=2e-3, progress=False)
    assert fmean(history.losses[-10:]) < 0.5 * math.log(2)
    with torch.no_grad():
        best, *_, worst = (model(*join(ranked[0], [some[i] for some in ranked[1]])) for i in range(4))
    assert reward.accuracy(best, worst) > 0.9
    fresh = answers(pretrained, 50)
    value = ppo.ValueModel.from_reward(model).eval()
    for i, (prompt, answer) in enumerate(zip(*split(fresh), strict=True)):
        assert torch.allclose(value(tensor([prompt + answer]))[0, -1], model(*fresh)[i], atol=1e-5)
    assert value.body is not model.body


def test_dpo_raises_the_margin_and_what_people_want(pretrained):
    """The pairs are answers of the policy itself: those of which people prefer one."""
    drawn = draw(pretrained, 2 * some_prompts(600, 5), stop=[STOP], max_new=10, generator=5)
    (first, second), (prompts, replies) = sevens(*drawn).view(2, 600).tolist(), split(drawn)
    pairs = [(prompts[i], replies[i], replies[i + 600]) for i in range(600) if first[i] > second[i]]
    prompts, chosen, rejected = (list(side) for side in zip(*pairs, strict=True))
    batches = dpo.pair_batches(pretrained, prompts, chosen, rejected, batch_size=32)
    policy, loss = copy.deepcopy(pretrained), dpo.preference_loss(beta=0.5)
    ids, answer, ref = batches(0)

    def margin() -> Tensor:
        with torch.no_grad():
            logp = dpo.answer_logp(policy, ids.flatten(0, 1), answer.flatten(0, 1)).view(ref.shape)
        rewards = dpo.implicit_rewards(logp.flatten(), ref.flatten(), beta=0.5).view(ref.shape)
        return rewards[:, 0] - rewards[:, 1]

    assert margin().abs().max() < 1e-4
    history = fit(policy, batches, 60, loss=loss, lr=2e-3, progress=False)
    assert history.losses[0] == pytest.approx(math.log(2), abs=1e-4)
    assert (margin() > 0).float().mean() > 0.85
    assert sevens(*answers(policy)).mean() > 1.5 * sevens(*answers(pretrained)).mean()


def test_best_of_n_is_as_good_as_its_estimate(pretrained):
    prompts = some_prompts(300, 7)
    best = best_of_n(pretrained, prompts, sevens, 4, stop=[STOP], max_new=10, generator=1)
    wide = best_of_n(pretrained, prompts, sevens, 12, stop=[STOP], max_new=10, generator=2)
    estimate = expected_best(wide.all_scores, 4)
    error = math.hypot(float(best.scores.std()), float(estimate.std())) / math.sqrt(300)
    assert float(best.scores.mean()) == pytest.approx(float(estimate.mean()), abs=4 * error)
    assert best.scores.mean() > 1.5 * best.all_scores.mean()
