"""Diffusion: schedules, the noising process and the samplers, against diffusers, Bayes, and cases solved by hand."""

import math
from fractions import Fraction

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler
from hypothesis import given
from hypothesis import strategies as st

from course_utils.diffusion import (
    NO_LABEL,
    alpha_bars,
    convert,
    cosine,
    ddim,
    ddpm,
    denoising_loss,
    drop_labels,
    guided,
    inpaint,
    leading,
    linear,
    linspace,
    posterior_mean,
    q_sample,
    samplers,
    schedules,
    score,
    target,
    trailing,
    variances,
    x0_and_noise,
)
from course_utils.diffusion.process import KINDS
from course_utils.diffusion.samplers import ddim_step
from course_utils.train import Diverged, fit

THEIRS = {"epsilon": "epsilon", "x0": "sample", "v": "v_prediction"}
BARS = alpha_bars(linear(37, 0.002, 0.3))
SUBSETS = [None, [36, 20, 19, 3, 0], [36, 20, 19, 3], [17], [0], trailing(37, 7), leading(37, 6, offset=1)]

seeds = st.integers(0, 2**31 - 1)
kinds = st.sampled_from(KINDS)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def denoiser(x, t, label=None):
    """Some smooth function of all that a denoiser is told."""
    known = torch.zeros(len(x)) if label is None else label + 1.0
    told = (0.3 * torch.sin(t + 1.0) + 0.1 * known).to(x.dtype).view(-1, *[1] * (x.ndim - 1))
    return torch.tanh(x.roll(1, -1)) + 0.7 * x + told


def gaussian_denoiser(mean, cov, bars, kind):
    """The best denoiser there is, for data ~ N(m, C): by Bayes, E[x_0 | x_t] = m + a C (a^2 C + s^2)^-1 (x - a m)."""

    def model(x, t, label=None):
        bar = bars[int(t[0])]
        gain = bar.sqrt() * cov @ torch.linalg.inv(bar * cov + (1 - bar) * torch.eye(len(mean), dtype=torch.float64))
        x0 = mean + (x - bar.sqrt() * mean) @ gain.T
        return convert(x0, x, t, bars, "x0", kind)

    return model


# Schedules


@pytest.mark.parametrize("n", [1, 2, 50, 1000])
def test_schedules_are_those_of_diffusers(n):
    theirs = DDPMScheduler(n, beta_schedule="squaredcos_cap_v2")
    assert torch.allclose(cosine(n), theirs.betas.double(), rtol=1e-6, atol=0)  # theirs are float32
    assert torch.allclose(linear(n), DDPMScheduler(n).betas.double(), rtol=1e-6, atol=0)
    assert torch.allclose(alpha_bars(linear(n)), DDPMScheduler(n).alphas_cumprod.double(), rtol=1e-4)
    assert linear(n).dtype == cosine(n).dtype == torch.float64


@given(st.integers(1, 300), st.floats(0, 0.1))
def test_alpha_bars_of_the_cosine_follow_it_until_the_last_beta_is_cut(n, offset):
    def f(u):
        return math.cos((u + offset) / (1 + offset) * math.pi / 2) ** 2

    bars = alpha_bars(cosine(n, offset))
    exact = torch.tensor([f((t + 1) / n) / f(0) for t in range(n)], dtype=torch.float64)
    assert torch.allclose(bars[:-1], exact[:-1], rtol=1e-9)
    assert bars[-1] > 0
    assert bool((bars.diff() < 0).all())


@pytest.mark.parametrize("spacing", [leading, trailing, linspace])
@given(st.integers(1, 1200), st.data())
def test_a_subset_of_any_size_is_valid_and_that_of_diffusers(spacing, n_train, data):
    n = data.draw(st.integers(1, n_train))
    steps = spacing(n_train, n)
    assert len(steps) == n
    assert len(schedules.step_pairs(n_train, steps)) == n  # or it raises
    theirs = DDPMScheduler(n_train, timestep_spacing=spacing.__name__)
    theirs.set_timesteps(n)
    assert steps == theirs.timesteps.tolist()[:n]  # a rounding error gives them one more now and then


def test_trailing_has_never_a_step_too_many():
    """diffusers 0.42 ends at step -1 for some of these numbers."""
    for n in range(1, 1001):
        steps = trailing(1000, n)
        assert (len(steps), steps[0]) == (n, 999)
        assert steps[-1] >= 0


def test_leading_begins_at_the_offset():
    theirs = DDIMScheduler(100, timestep_spacing="leading", steps_offset=1)
    theirs.set_timesteps(7)
    assert leading(100, 7, offset=1) == theirs.timesteps.tolist()
    with pytest.raises(ValueError, match="offset=10 begins at step 108"):
        leading(100, 50, offset=10)


@pytest.mark.parametrize("steps", SUBSETS)
def test_variances_are_those_of_diffusers(steps):
    theirs = double(DDPMScheduler, steps)
    ours = variances(BARS, steps)
    for kind, mine in (("fixed_large", ours.large), ("fixed_small", ours.small)):
        expected = [float(theirs._get_variance(t, variance_type=kind)) for t in theirs.timesteps]
        assert mine.tolist() == pytest.approx(expected, rel=1e-12, abs=1e-19)  # they make 0 to 1e-20


def test_betas_come_back_from_their_products():
    betas = linear(50)
    assert torch.allclose(variances(alpha_bars(betas)).large.flip(0), betas, rtol=1e-12)


# The noising process


@given(seeds)
def test_noise_added_step_by_step_has_the_variance_of_the_closed_form(seed):
    betas = torch.rand(9, generator=generator(seed), dtype=torch.float64).clamp(0.01, 0.99)
    signal, variance = 1.0, 0.0
    for t, beta in enumerate(betas.tolist()):  # x_t = sqrt(1 - beta) x_(t-1) + sqrt(beta) z
        signal, variance = signal * math.sqrt(1 - beta), variance * (1 - beta) + beta
        one, zero = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
        assert float(q_sample(one, t, zero, alpha_bars(betas))) == pytest.approx(signal)
        assert float(q_sample(zero, t, one, alpha_bars(betas))) ** 2 == pytest.approx(variance)


def test_q_sample_keeps_the_variance_of_data_that_has_1_and_adds_noise_as_diffusers():
    x0, noise, t = normal(5, 3, 4, 2), normal(5, 3, 4, 2, seed=1), torch.tensor([0, 36, 7, 7, 20])
    theirs = double(DDPMScheduler, None)
    assert torch.allclose(q_sample(x0, t, noise, BARS), theirs.add_noise(x0, noise, t), atol=1e-14)
    x_t = q_sample(normal(100_000, 1), 20, normal(100_000, 1, seed=1), BARS)
    assert float(x_t.var()) == pytest.approx(1, abs=0.02)
    assert torch.equal(q_sample(x0, 7, noise, BARS)[2:4], q_sample(x0, t, noise, BARS)[2:4])


@given(st.integers(1, 36), st.floats(-3, 3), st.floats(-3, 3))
def test_the_posterior_is_what_bayes_says(t, x0, x_t):
    """q(x_before | x_0) and q(x_t | x_before) are two normal densities of x_before; their product is the posterior."""
    bar, before = float(BARS[t]), float(BARS[t - 1])
    keep = bar / before
    prior = (math.sqrt(before) * x0, 1 - before)
    evidence = (x_t / math.sqrt(keep), (1 - keep) / keep)
    variance = 1 / (1 / prior[1] + 1 / evidence[1])
    mean = variance * (prior[0] / prior[1] + evidence[0] / evidence[1])
    given_x0, given_xt = torch.tensor([[x0]], dtype=torch.float64), torch.tensor([[x_t]], dtype=torch.float64)
    assert float(posterior_mean(given_x0, given_xt, bar, before)) == pytest.approx(mean, abs=1e-9)
    assert float(variances(BARS).small[36 - t]) == pytest.approx(variance)
    assert float(variances(BARS).large[36 - t]) == pytest.approx(1 - keep)


# Three kinds of prediction


@given(kinds, kinds, seeds)
def test_conversions_invert_and_tell_the_truth(kind, to, seed):
    x0, noise = normal(4, 3, seed=seed), normal(4, 3, seed=seed + 1)
    t = torch.randint(37, (4,), generator=generator(seed))
    x_t = q_sample(x0, t, noise, BARS)
    output = target(x0, noise, t, BARS, kind)
    assert torch.allclose(convert(output, x_t, t, BARS, kind, to), target(x0, noise, t, BARS, to), atol=1e-11)
    guess = x0_and_noise(output, x_t, t, BARS, kind)
    assert torch.allclose(guess.x0, x0, atol=1e-11)
    assert torch.allclose(guess.noise, noise, atol=1e-11)
    back = convert(convert(output, x_t, t, BARS, kind, to), x_t, t, BARS, to, kind)
    assert torch.allclose(back, output, atol=1e-10)


def test_v_is_that_of_diffusers():
    x0, noise, t = normal(5, 3, 4), normal(5, 3, 4, seed=1), torch.tensor([0, 36, 7, 7, 20])
    theirs = double(DDPMScheduler, None).get_velocity(x0, noise, t)
    assert torch.allclose(target(x0, noise, t, BARS, "v"), theirs, atol=1e-14)


@pytest.mark.parametrize("t", [0, 5, 36])
def test_the_losses_weigh_an_error_as_the_docstring_says(t):
    x0, noise = normal(6, 5), normal(6, 5, seed=1)
    wrong = x0 + 0.1 * normal(6, 5, seed=2)
    x_t, bar = q_sample(x0, t, noise, BARS), float(BARS[t])
    error = {}
    for kind in KINDS:
        said = convert(wrong, x_t, t, BARS, "x0", kind)
        error[kind] = float((said - target(x0, noise, t, BARS, kind)).square().mean())
    assert error["epsilon"] / error["x0"] == pytest.approx(bar / (1 - bar))
    assert error["v"] / error["x0"] == pytest.approx(1 / (1 - bar))


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_of_the_best_denoiser_is_the_variance_that_no_one_can_know(kind):
    mean, cov = torch.zeros(2, dtype=torch.float64), 0.5 * torch.eye(2, dtype=torch.float64)
    bars = BARS[12:13]  # a single step, so that one matrix serves the whole batch
    x0, bar = 0.5**0.5 * normal(50_000, 2), float(BARS[12])
    unknown = 0.5 * (1 - bar) / (0.5 * bar + 1 - bar)  # the variance of x_0 given x_t
    weight = {"x0": 1.0, "epsilon": bar / (1 - bar), "v": 1 / (1 - bar)}[kind]
    best = gaussian_denoiser(mean, cov, bars, kind)
    found = float(denoising_loss(best, x0, bars, kind, generator=generator()))
    assert found == pytest.approx(weight * unknown, rel=0.03)
    worse = float(denoising_loss(lambda x, t, label: 1.1 * best(x, t), x0, bars, kind, generator=generator()))
    assert worse > found


def test_the_loss_draws_every_step_and_hands_on_the_label():
    seen = []

    def model(x, t, label):
        seen.append((t, label))
        return torch.zeros_like(x)

    label = torch.arange(2000) % 10
    denoising_loss(model, normal(2000, 2), BARS, "v", label, generator=generator())
    (t, handed_on) = seen[0]
    assert set(t.tolist()) == set(range(37))
    assert torch.equal(handed_on, label)


@pytest.mark.parametrize("kind", KINDS)
def test_the_score_of_the_best_denoiser_is_the_gradient_of_the_log_density(kind):
    x, t, bar = normal(5, 3).requires_grad_(), torch.full((5,), 20), BARS[20]
    density = torch.distributions.MultivariateNormal(
        bar.sqrt() * MEAN, bar * COV + (1 - bar) * torch.eye(3, dtype=torch.float64)
    )
    (gradient,) = torch.autograd.grad(density.log_prob(x).sum(), x)
    said = gaussian_denoiser(MEAN, COV, BARS, kind)(x.detach(), t)
    assert torch.allclose(score(said, x.detach(), t, BARS, kind), gradient)


# Samplers against diffusers


def double(kind, steps, bars=BARS, **more):
    """Their scheduler with our alpha-bars in float64, and these steps."""
    theirs = kind(len(bars), **more)
    theirs.alphas_cumprod = bars
    theirs.one = torch.tensor(1.0, dtype=torch.float64)
    if hasattr(theirs, "final_alpha_cumprod"):
        theirs.final_alpha_cumprod = theirs.one if theirs.config.set_alpha_to_one else bars[0]
    pairs = schedules.step_pairs(len(bars), steps)
    theirs.timesteps = torch.tensor([t for t, _ in pairs])
    theirs.custom_timesteps = True
    return theirs


def one_by_one(sample, noise, steps, step, seed, **more):
    """Our whole walk, and what they make of each of our states; the same random numbers for both."""
    states = []
    end = sample(denoiser, noise, BARS, steps=steps, generator=generator(seed), watch=states.append, **more)
    ours = [state.x for state in states[1:]] + [end]
    chance = generator(seed)
    for state, x, (t, before) in zip(states, ours, schedules.step_pairs(37, steps), strict=True):
        assert state.t == t
        yield state, x, step(denoiser(state.x, torch.full((len(noise),), t)), t, before, state.x, chance)


@pytest.mark.parametrize("steps", SUBSETS)
@pytest.mark.parametrize("clip", [None, 0.8])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("variance", ["small", "large"])
def test_ddpm_is_that_of_diffusers_step_by_step(steps, clip, kind, variance):
    theirs = double(
        DDPMScheduler,
        steps,
        prediction_type=THEIRS[kind],
        clip_sample=clip is not None,
        clip_sample_range=clip or 1.0,
        variance_type=f"fixed_{variance}",
    )

    def step(output, t, before, x, chance):
        return theirs.step(output, t, x, chance)

    for state, x, out in one_by_one(ddpm, normal(3, 2, 5), steps, step, 7, kind=kind, clip=clip, variance=variance):
        assert torch.allclose(state.x0, out.pred_original_sample, atol=1e-11)
        last_but_not_0 = steps is not None and state.t == steps[-1] > 0  # here they add noise: see below
        expected = out.pred_original_sample if last_but_not_0 else out.prev_sample
        assert torch.allclose(x, expected, atol=1e-11)


@pytest.mark.parametrize("steps", SUBSETS)
@pytest.mark.parametrize("clip", [None, 0.8])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
@pytest.mark.parametrize(("reclip", "to_one"), [(False, True), (True, False)])
def test_ddim_is_that_of_diffusers_step_by_step(steps, clip, kind, eta, reclip, to_one):
    theirs = double(
        DDIMScheduler,
        steps,
        prediction_type=THEIRS[kind],
        clip_sample=clip is not None,
        clip_sample_range=clip or 1.0,
        set_alpha_to_one=to_one,
    )

    def step(output, t, before, x, chance):
        theirs.num_inference_steps = Fraction(37, t - before)  # they go down by T // this
        noise = torch.randn(x.shape, generator=chance, dtype=x.dtype)
        return theirs.step(output, t, x, eta, use_clipped_model_output=reclip, variance_noise=noise)

    last = 1.0 if to_one else float(BARS[0])
    more = {"kind": kind, "clip": clip, "eta": eta, "reclip": reclip, "last": last}
    for state, x, out in one_by_one(ddim, normal(3, 2, 5), steps, step, 7, **more):
        assert torch.allclose(state.x0, out.pred_original_sample, atol=1e-11)
        assert torch.allclose(x, out.prev_sample, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_whole_walks_are_those_of_diffusers_as_they_are_used(kind):
    """Their own schedule (in float32, made float64), their own loop, one generator, 5 of 1000 steps."""
    bars, noise = alpha_bars(cosine(1000)), normal(2, 1, 4, 4)
    settings = {"beta_schedule": "squaredcos_cap_v2", "prediction_type": THEIRS[kind]}
    for scheduler, ours, more, theirs_too in (
        (DDPMScheduler, ddpm, {}, {}),
        (DDIMScheduler, ddim, {"eta": 1.0, "reclip": False}, {"eta": 1.0}),
        (DDIMScheduler, ddim, {"reclip": False}, {}),
        (DDIMScheduler, ddim, {}, {"use_clipped_model_output": True}),
    ):
        theirs, chance = scheduler(1000, **settings), generator(3)
        theirs.set_timesteps(5)
        x = noise
        for t in theirs.timesteps:
            output = denoiser(x, t.expand(2))
            x = theirs.step(output, t, x, generator=chance, **theirs_too).prev_sample
        end = ours(denoiser, noise, bars, kind=kind, steps=leading(1000, 5), clip=1.0, generator=generator(3), **more)
        assert torch.allclose(end, x, atol=1e-4)  # their alpha-bars have seven digits


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("clip", [None, 0.8])
@pytest.mark.parametrize("steps", SUBSETS)
def test_ddim_with_eta_1_is_ddpm(steps, clip, kind):
    more = {"kind": kind, "clip": clip, "steps": steps, "label": torch.tensor([0, 1, 2])}
    small = ddpm(denoiser, normal(3, 5), BARS, generator=generator(1), **more)
    assert torch.allclose(ddim(denoiser, normal(3, 5), BARS, eta=1.0, generator=generator(1), **more), small)


def test_diffusers_last_step_adds_noise_unless_it_is_step_0():
    """The difference that the docstring declares: here with all the variance of 17 steps."""
    theirs = double(DDPMScheduler, [17], variance_type="fixed_large", clip_sample=False)
    x = normal(1000, 2)
    out = theirs.step(denoiser(x, torch.full((1000,), 17)), 17, x, generator())
    added = out.prev_sample - out.pred_original_sample
    assert float(added.var()) == pytest.approx(1 - float(BARS[17]), rel=0.1)


# Cases that are solved by hand


MEAN = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
COV = torch.tensor([[1.0, 0.6, 0.0], [0.6, 0.8, -0.2], [0.0, -0.2, 0.3]], dtype=torch.float64)


@pytest.mark.parametrize("kind", KINDS)
def test_ddpm_with_the_best_denoiser_makes_data_of_the_right_mean_and_covariance(kind):
    bars = alpha_bars(linear(400, 2e-4, 0.05))
    x = ddpm(gaussian_denoiser(MEAN, COV, bars, kind), normal(20_000, 3), bars, kind=kind, generator=generator(1))
    assert torch.allclose(x.mean(0), MEAN, atol=0.03)
    assert torch.allclose(x.T.cov(), COV, atol=0.04)


def test_ddpm_follows_the_exact_variance_of_its_chain():
    """Each step is linear, so mean and variance of x_t are known to the last digit; 1-D, of both variances."""
    mean, var = 0.7, 0.2
    data = (torch.tensor([mean], dtype=torch.float64), torch.tensor([[var]], dtype=torch.float64))
    best = gaussian_denoiser(*data, BARS, "x0")
    steps = [36, 30, 24, 12, 5, 0]
    for variance in ("small", "large"):
        m, v = 0.0, 1.0
        for t, before in schedules.step_pairs(37, steps):
            bar, b = float(BARS[t]), schedules.bar_before(BARS, before)
            gain = math.sqrt(bar) * var / (bar * var + 1 - bar)
            on_x0 = math.sqrt(b) * (1 - bar / b) / (1 - bar)
            slope = on_x0 * gain + math.sqrt(bar / b) * (1 - b) / (1 - bar)
            added = (1 - bar / b) * (1.0 if variance == "large" and before >= 0 else (1 - b) / (1 - bar))
            m = on_x0 * (mean - gain * math.sqrt(bar) * mean) + slope * m
            v = slope**2 * v + added
        x = ddpm(best, normal(200_000, 1), BARS, kind="x0", steps=steps, variance=variance, generator=generator(2))
        assert float(x.mean()) == pytest.approx(m, abs=4 * math.sqrt(v / 200_000))
        assert float(x.var()) == pytest.approx(v, rel=4 * math.sqrt(2 / 200_000))


@pytest.mark.parametrize(("n", "tolerance"), [(200, 0.02), (2000, 0.002)])
def test_ddim_with_the_best_denoiser_is_the_map_of_the_flow(n, tolerance):
    """dx/dt of the probability flow of N(0, v) is linear: x_0 = x_T sqrt(v / (bar_T v + 1 - bar_T))."""
    v, bars = 0.09, alpha_bars(cosine(n))[:-1]  # without the last step, whose beta is cut
    zero = torch.zeros(1, dtype=torch.float64)
    noise = normal(50, 1)
    x = ddim(gaussian_denoiser(zero, v * torch.eye(1, dtype=torch.float64), bars, "v"), noise, bars, kind="v")
    exact = noise * math.sqrt(v / (float(bars[-1]) * v + 1 - float(bars[-1])))
    assert float((x / exact - 1).abs().max()) < tolerance


def test_one_step_of_ddim_on_a_gaussian_is_the_formula():
    """From alpha-bar 0.36 to 0.64 with data ~ N(0, 1), the best guess of x_0 is 0.6 x and of the noise 0.8 x."""
    x = normal(4, 2)
    out = ddim_step(x0_and_noise(0.6 * x, x, 0, torch.tensor([0.36], dtype=torch.float64), "x0"), 0.36, 0.64, eta=0.0)
    assert torch.allclose(out, x * (0.8 * 0.6 + 0.6 * 0.8))


def test_few_steps_of_ddim_beat_few_steps_of_ddpm_on_a_gaussian():
    bars, steps = alpha_bars(cosine(500)), 10
    best = gaussian_denoiser(MEAN, COV, bars, "v")
    walks = [ddim(best, normal(20_000, 3), bars, kind="v", steps=steps)]
    walks += [ddpm(best, normal(20_000, 3), bars, kind="v", steps=steps, generator=generator(1))]
    errors = [float((x.T.cov() - COV).norm()) for x in walks]
    assert errors[0] < 0.7 * errors[1]


def test_what_was_seen_is_told_before_each_step_and_nothing_is_changed():
    states, noise = [], normal(3, 2)
    before = noise.clone()
    end = ddim(denoiser, noise, BARS, steps=4, watch=states.append)
    assert torch.equal(noise, before)
    assert [state.t for state in states] == trailing(37, 4)
    assert torch.equal(states[0].x, noise)
    assert torch.equal(end, states[-1].x0)
    assert not end.requires_grad


def test_a_walk_hangs_on_its_generator_only():
    torch.manual_seed(5)
    first = ddpm(denoiser, normal(3, 2), BARS, generator=generator(1))
    torch.manual_seed(6)
    assert torch.equal(ddpm(denoiser, normal(3, 2), BARS, generator=generator(1)), first)
    assert not torch.equal(ddpm(denoiser, normal(3, 2), BARS, generator=generator(2)), first)


@pytest.mark.parametrize(
    "slip",
    [
        lambda x0, x, bar, b: posterior_mean(x0, x, bar, bar**0.5),  # alpha-bar of another step
        lambda x0, x, bar, b: posterior_mean(x, x0, bar, b),  # the two pictures swapped
        lambda x0, x, bar, b: b**0.5 * (1 - bar / b) / (1 - bar) * x0 + (1 - bar / b) ** 0.5 * x,
        lambda x0, x, bar, b: bar**0.5 * (1 - bar / b) / (1 - bar) * x0 + (bar / b) ** 0.5 * (1 - b) / (1 - bar) * x,
    ],
)
def test_the_comparison_with_diffusers_sees_a_slip_in_the_posterior(slip, monkeypatch):
    theirs, x = double(DDPMScheduler, [36, 20], clip_sample=False), normal(3, 5)
    out = theirs.step(denoiser(x, torch.full((3,), 36)), 36, x, generator(7)).prev_sample
    for right in (True, False):
        states = []
        ddpm(denoiser, x, BARS, steps=[36, 20], generator=generator(7), watch=states.append)
        assert torch.allclose(states[1].x, out, atol=1e-11) == right
        monkeypatch.setattr(samplers, "posterior_mean", slip)


# Guidance


@given(kinds, st.floats(-1, 9), st.integers(0, 36))
def test_guidance_is_the_same_in_every_kind_of_prediction(kind, scale, t):
    """Two guesses of one x_t and a weighted mean of them whose weights sum to 1: no conversion changes it."""
    x, label, steps = normal(4, 3), torch.tensor([0, 3, 9, 9]), torch.full((4,), t)

    def spoken(x, t, label):
        return convert(denoiser(x, t, label), x, t, BARS, "x0", kind)

    plain = convert(guided(denoiser, scale)(x, steps, label), x, t, BARS, "x0", kind)
    assert torch.allclose(guided(spoken, scale)(x, steps, label), plain, atol=1e-9)


def test_scale_1_is_with_label_0_is_without_and_2_goes_as_far_again():
    x, t, label = normal(4, 3), torch.tensor([0, 5, 36, 7]), torch.tensor([0, 3, 9, 9])
    told, untold = denoiser(x, t, label), denoiser(x, t, torch.full((4,), NO_LABEL))
    assert torch.equal(guided(denoiser, 1.0)(x, t, label), told)
    assert torch.equal(guided(denoiser, 0.0)(x, t, label), untold)
    assert torch.allclose(guided(denoiser, 2.0)(x, t, label), told + (told - untold))
    paper = 0.5  # their w
    assert torch.allclose(guided(denoiser, 1.5)(x, t, label), (1 + paper) * told - paper * untold)


def test_guidance_works_inside_a_sampler_and_needs_a_label():
    label = torch.tensor([1, 2, 3])
    assert torch.equal(
        ddim(guided(denoiser, 1.0), normal(3, 2), BARS, label=label), ddim(denoiser, normal(3, 2), BARS, label=label)
    )
    with pytest.raises(ValueError, match="give the sampler label="):
        ddim(guided(denoiser, 2.0), normal(3, 2), BARS)


@given(st.floats(0, 1), seeds)
def test_labels_are_dropped_at_their_rate_and_the_others_stay(rate, seed):
    label = torch.randint(10, (400,), generator=generator(seed))
    dropped = drop_labels(label, rate, generator(seed))
    gone = dropped == NO_LABEL
    assert torch.equal(dropped[~gone], label[~gone])
    assert abs(float(gone.float().mean()) - rate) <= 4 * math.sqrt(rate * (1 - rate) / 400) + 0.01
    assert bool(gone.all()) >= (rate == 1)
    assert bool(gone.any()) <= (rate > 0)


# In-painting


def test_what_is_known_stays_and_the_best_denoiser_fills_in_what_belongs_there():
    """Data ~ N(MEAN, COV) of which the first number is known: the others given it are normal, by a textbook formula."""
    bars, n = alpha_bars(linear(100, 1e-3, 0.2)), 4000
    known = torch.tensor([[2.5, 0.0, 0.0]], dtype=torch.float64).expand(n, 3)
    mask = torch.tensor([True, False, False])
    expected = MEAN[1:] + COV[1:, 0] / COV[0, 0] * (2.5 - MEAN[0])
    spread = COV[1:, 1:] - COV[1:, :1] @ COV[:1, 1:] / COV[0, 0]
    best, errors = gaussian_denoiser(MEAN, COV, bars, "x0"), []
    for repeats in (1, 8):
        x = inpaint(best, known, mask, bars, kind="x0", repeats=repeats, generator=generator())
        assert torch.equal(x[:, 0], known[:, 0])
        errors.append(float((x[:, 1:].mean(0) - expected).abs().max()))
    assert errors[1] < 0.12  # RePaint draws from the right distribution as repeats grow
    assert errors[1] < errors[0]
    assert torch.allclose(x[:, 1:].T.cov(), spread, atol=0.1)


def test_in_painting_nothing_known_is_ddim_and_all_known_is_what_was_known():
    known = normal(3, 2, 4, seed=3)
    none, every = torch.zeros(2, 4, dtype=torch.bool), torch.ones(4, dtype=torch.bool)
    chance = generator(5)
    noise = torch.randn(known.shape, generator=chance, dtype=torch.float64)
    free = inpaint(denoiser, known, none, BARS, eta=0.0, kind="v", steps=5, generator=generator(5))
    assert torch.allclose(free, ddim(denoiser, noise, BARS, kind="v", steps=5))
    assert torch.equal(inpaint(denoiser, known, every, BARS, kind="v", steps=5, clip=1.0, repeats=2), known)


@pytest.mark.parametrize("repeats", [1, 3])
def test_each_step_is_repeated_but_the_last(repeats):
    seen = []
    inpaint(
        denoiser, normal(2, 3), torch.tensor([True, False, True]), BARS, steps=4, repeats=repeats, watch=seen.append
    )
    last = trailing(37, 4)[-1]
    assert [state.t for state in seen] == [t for t in trailing(37, 4) for _ in range(1 if t == last else repeats)]


# Errors at the door, and what diverges


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linear(0), "n_steps=0"),
        (lambda: cosine(-3), "n_steps=-3"),
        (lambda: linear(10, 0.1, 1.0), "above 0 and below 1"),
        (lambda: linear(10, 0.0), "above 0 and below 1"),
        (lambda: alpha_bars(torch.tensor([0.1, 1.5], dtype=torch.float64)), "1.5"),
        (lambda: trailing(10, 11), "n_steps=11 is not possible; it must be between 1 and 10"),
        (lambda: leading(10, 0), "n_steps=0"),
        (lambda: ddim(denoiser, normal(2, 3), BARS, steps=38), "n_steps=38"),
        (lambda: ddim(denoiser, normal(2, 3), BARS, steps=[0, 20]), "falling"),
        (lambda: ddim(denoiser, normal(2, 3), BARS, steps=[20, 20]), "falling"),
        (lambda: ddim(denoiser, normal(2, 3), BARS, steps=[]), "at least one"),
        (lambda: ddim(denoiser, normal(2, 3), BARS, steps=[37, 0]), "37"),
        (lambda: ddim(denoiser, normal(2, 3), BARS, steps=[5, -1]), "-1"),
        (lambda: ddim(denoiser, normal(2, 3), BARS, kind="noise"), "'noise' is not known.*epsilon, x0, v"),
        (lambda: ddpm(denoiser, normal(2, 3), BARS, variance="fixed_small"), "small.*or large"),
        (lambda: ddim(denoiser, normal(2, 3), BARS, eta=1.5), "eta=1.5"),
        (lambda: ddim(denoiser, normal(2, 3), BARS, clip=-1.0), "clip=-1"),
        (lambda: ddim(lambda x, t, label: x[:, :2], normal(2, 3), BARS), r"\(2, 2\).*\(2, 3\)"),
        (lambda: denoising_loss(denoiser, normal(2, 3), BARS, "image"), "'image' is not known"),
        (lambda: convert(normal(2, 3), normal(2, 3), 0, BARS, "v", "w"), "to='w'"),
        (lambda: q_sample(normal(2, 3), 37, normal(2, 3), BARS), "steps 0 to 36"),
        (lambda: q_sample(normal(2, 3), -1, normal(2, 3), BARS), "-1"),
        (lambda: q_sample(normal(2, 3), 0, normal(3), BARS), r"noise has the shape \(3,\)"),
        (lambda: drop_labels(torch.tensor([1]), 1.5), "rate=1.5"),
        (lambda: inpaint(denoiser, normal(2, 3), torch.tensor([True, False]), BARS), "broadcast"),
        (lambda: inpaint(denoiser, normal(2, 3), torch.tensor([1.0, 0, 0]), BARS), "booleans"),
        (lambda: inpaint(denoiser, normal(2, 3), torch.ones(3).bool(), BARS, repeats=0), "repeats=0"),
    ],
)
@pytest.mark.usefixtures("as_in_a_notebook")
def test_wrong_arguments_are_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.usefixtures("as_in_a_notebook")
def test_wrong_types_are_refused_in_words():
    for call in (
        lambda: linear(2.5),
        lambda: alpha_bars([0.1]),
        lambda: ddim(denoiser, normal(2, 3), BARS, steps=[3.5]),
        lambda: guided(denoiser, "strong"),
    ):
        with pytest.raises(TypeError):
            call()


@pytest.mark.parametrize("sample", [ddpm, ddim])
def test_a_walk_that_diverges_names_the_step(sample):
    def breaks(x, t, label):
        return torch.full_like(x, math.nan) if int(t[0]) == 20 else x

    with pytest.raises(FloatingPointError, match=r"step t=20: what the denoiser says.*trained for another kind"):
        sample(breaks, normal(2, 3), BARS, steps=[36, 20, 3])
    with pytest.raises(FloatingPointError, match="step t=36: x_t"):
        sample(denoiser, normal(2, 3) / 0, BARS)
    with pytest.raises(FloatingPointError, match="x_0 is not finite"):  # too large once it is divided by a
        sample(lambda x, t, label: 1e308 * torch.sign(x), normal(2, 3), BARS, steps=[36])


def test_a_training_that_diverges_stops_and_says_so():
    class Explodes(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.tensor(1e30))

        def forward(self, x, t, label=None):
            return self.scale * x

    with pytest.raises(Diverged, match="step 1"):
        fit(Explodes(), lambda step: torch.ones(4, 2), 3, loss=lambda model, x: denoising_loss(model, x, BARS))
