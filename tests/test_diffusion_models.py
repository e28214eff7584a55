"""Denoisers, their rivals VAE and GAN, and the measures: against diffusers, PyTorch, SciPy, and cases done by hand."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
import torch.nn.functional as F
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.resnet import ResnetBlock2D
from hypothesis import given
from hypothesis import strategies as st
from parity import scramble
from torch import nn
from torch.distributions import Normal, kl_divergence

from course_utils.blocks.positions import sinusoidal
from course_utils.diffusion import (
    MLP,
    NO_LABEL,
    DiT,
    UNet,
    alpha_bars,
    cosine,
    ddim,
    denoising_loss,
    drop_labels,
    frechet_distance,
    frechet_gaussians,
    gan,
    guided,
    nearest,
    vae,
)
from course_utils.diffusion.condition import Condition
from course_utils.diffusion.transformer import DiTBlock
from course_utils.diffusion.unet import ResBlock
from course_utils.train import adamw, fit, shuffled

MAKE = {
    "mlp": lambda n_classes=10: MLP((2, 8, 8), n_classes, d_model=24, n_layers=2),
    "unet": lambda n_classes=10: UNet((2, 8, 8), n_classes, channels=(6, 12, 10), n_heads=2),
    "dit": lambda n_classes=10: DiT((2, 8, 8), n_classes, patch=2, d_model=12, n_layers=2, n_heads=3),
}
T, LABEL = torch.tensor([0, 999, 41]), torch.tensor([9, NO_LABEL, 0])

every_denoiser = pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)


def pictures(n=3):
    return torch.randn(n, 2, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


# All denoisers


@every_denoiser
def test_a_new_denoiser_says_0_so_the_first_loss_is_the_variance_of_what_is_asked(make):
    model, x0 = make().double(), 0.5 * torch.randn(400, 2, 8, 8, dtype=torch.float64)
    assert not model(pictures(), T, LABEL).any()
    bars = alpha_bars(cosine(100))
    loss = {kind: denoising_loss(model, x0, bars, kind).item() for kind in ("epsilon", "x0", "v")}
    assert loss["epsilon"] == pytest.approx(1, rel=0.03)
    assert loss["x0"] == pytest.approx(0.25, rel=0.03)
    assert loss["v"] == pytest.approx(float((bars + 0.25 * (1 - bars)).mean()), rel=0.06)


@every_denoiser
def test_every_parameter_gets_a_gradient(make):
    model = scramble(make(), std=0.3)
    model(pictures(), T, LABEL).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


@every_denoiser
def test_step_and_label_are_heard_and_each_example_is_on_its_own(make):
    model, x = scramble(make(), std=0.3), pictures()
    out = model(x, T, LABEL)
    assert out.shape == x.shape
    assert not torch.allclose(model(x, T + torch.tensor([1, 0, 0]), LABEL)[0], out[0], atol=1e-4)
    assert not torch.allclose(model(x, T, torch.tensor([8, NO_LABEL, 0]))[0], out[0], atol=1e-4)
    assert torch.allclose(model(x[1:2], T[1:2], None)[0], out[1])  # None is NO_LABEL
    assert torch.allclose(model(x[[2, 0]], T[[2, 0]], LABEL[[2, 0]]), out[[2, 0]])
    assert all(p.numel() for p in model.parameters())


@every_denoiser
@pytest.mark.usefixtures("as_in_a_notebook")
def test_what_a_denoiser_does_not_know_is_refused(make):
    model, x = make(), pictures().float()
    for label, message in ((torch.tensor([10, 0, 0]), "label from 0 to 10.*-1 to 9"), (LABEL - 1, "from -2")):
        with pytest.raises(ValueError, match=message):
            model(x, T, label)
    with pytest.raises(ValueError, match=r"t from 1 to 1000.*0 to 999.*max_steps"):
        model(x, T + 1, LABEL)
    with pytest.raises(ValueError, match=r"\(3, 2, 4, 8\).*\(2, 8, 8\)"):
        model(x[:, :, :4], T, LABEL)
    with pytest.raises(ValueError, match="knows no labels"):
        make(n_classes=0)(x, T, LABEL)
    assert make(n_classes=0)(x, T).shape == x.shape


@every_denoiser
def test_a_denoiser_samples_with_guidance(make):
    model, noise, label = scramble(make(), std=0.1), pictures(), torch.tensor([0, 5, 9])
    bars = alpha_bars(cosine(60))
    one = ddim(guided(model, 1.0), noise, bars, kind="v", steps=4, label=label)
    assert torch.allclose(one, ddim(model, noise, bars, kind="v", steps=4, label=label))
    assert not torch.allclose(one, ddim(guided(model, 3.0), noise, bars, kind="v", steps=4, label=label), atol=1e-4)


def test_the_condition_is_sinusoids_through_a_net_and_a_row_of_a_table():
    condition = scramble(Condition(6, n_classes=3))
    rows = torch.cat([sinusoidal(1, 6, start=int(t)) for t in T]).double()
    time = condition.net(rows)
    table = condition.label.weight
    told = condition(T, torch.tensor([2, NO_LABEL, 0]))
    assert torch.allclose(told, time + table[[2, 3, 0]])
    assert torch.allclose(condition(T), time + table[3])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: UNet((1, 8, 10), channels=(8, 8, 8)), "8 x 10 can't be halved 2 times"),
        (lambda: UNet(channels=()), "fewer channels"),
        (lambda: UNet(channels=(8, 10), n_heads=3), "10 does not divide into 3 heads"),
        (lambda: DiT(patch=3), "8 x 8 can't be cut into patches of 3"),
        (lambda: DiT(d_model=66, n_heads=3), "multiple of 4"),
        (lambda: MLP(n_classes=-1), "n_classes=-1"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# U-Net


@pytest.mark.parametrize(("n_in", "n_out"), [(6, 10), (10, 10)])
def test_the_block_of_the_unet_is_that_of_diffusers(n_in, n_out):
    theirs = ResnetBlock2D(in_channels=n_in, out_channels=n_out, temb_channels=7, groups=1, eps=1e-5).double()
    ours = scramble(ResBlock(n_in, n_out, 7))
    theirs.norm1.num_groups, theirs.norm2.num_groups = ours.norm_1.num_groups, ours.norm_2.num_groups
    names = {"norm1": "norm_1", "norm2": "norm_2", "conv1": "conv_1", "conv2": "conv_2"}
    names |= {"time_emb_proj": "tell", "conv_shortcut": "skip"}
    state = ours.state_dict()
    theirs.load_state_dict({k: state[f"{names[k.split('.')[0]]}.{k.split('.')[1]}"] for k in theirs.state_dict()})
    x, told = torch.randn(2, n_in, 4, 6, dtype=torch.float64), torch.randn(2, 7, dtype=torch.float64)
    assert torch.allclose(ours(x, F.silu(told)), theirs(x, told), atol=1e-12)


def test_a_mirrored_unet_sees_mirrored_pictures():
    """Convolutions with mirrored kernels, halving by means, growing by repeating, attention: all keep the mirror."""
    model, x = scramble(MAKE["unet"](), std=0.3), pictures()
    out = model(x, T, LABEL).flip(-1)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data = module.weight.data.flip(-1)
    assert torch.allclose(model(x.flip(-1), T, LABEL), out, atol=1e-9)


def test_every_pixel_reaches_every_other_one():
    model, x = scramble(MAKE["unet"](), std=0.3), pictures().requires_grad_()
    model(x, T, LABEL)[0, 0, 0, 0].backward()
    assert bool((x.grad[0] != 0).all())
    assert not x.grad[1:].any()


def test_unets_of_any_depth_hand_across_what_they_saw():
    for channels, shape in (((8,), (3, 5, 7)), ((4, 8, 12, 16), (3, 16, 8))):
        model = scramble(UNet(shape, 0, channels), std=0.3)
        x = torch.randn(2, *shape, dtype=torch.float64)
        assert model(x, T[:2]).shape == x.shape


# Transformer


def test_the_block_of_the_transformer_is_that_of_diffusers():
    """DiT's block as diffusers has it, handed the same vector instead of its own embedding of step and label."""
    d, n_heads = 12, 3
    kind = {"activation_fn": "gelu-approximate", "attention_bias": True, "norm_elementwise_affine": False}
    theirs = BasicTransformerBlock(d, n_heads, d // n_heads, num_embeds_ada_norm=5, norm_type="ada_norm_zero", **kind)
    theirs, ours = theirs.double().eval(), scramble(DiTBlock(d, n_heads))
    theirs.norm3.eps = 1e-6
    names = {"to_q": "attn.q_proj", "to_k": "attn.k_proj", "to_v": "attn.v_proj", "to_out.0": "attn.out_proj"}
    for name, module in {f"attn1.{n}": m for n, m in names.items()}.items():
        theirs.get_submodule(name).load_state_dict(ours.get_submodule(module).state_dict())
    theirs.norm1.linear.load_state_dict(ours.tell.state_dict())
    theirs.ff.net[0].proj.load_state_dict(ours.ffn.up.state_dict())
    theirs.ff.net[2].load_state_dict(ours.ffn.down.state_dict())
    x, told = torch.randn(2, 5, d, dtype=torch.float64), torch.randn(2, d, dtype=torch.float64)
    theirs.norm1.emb.forward = lambda *args, **kwargs: told
    assert torch.allclose(ours(x, F.silu(told)), theirs(x, timestep=T[:2], class_labels=T[:2]), atol=1e-10)


def test_without_positions_the_patches_are_a_set_and_with_them_a_picture():
    model, x = scramble(MAKE["dit"](), std=0.5), pictures()

    def swapped(picture):  # the patches at (0, 0) and (1, 3) change places
        out = picture.clone()
        out[:, :, 0:2, 0:2], out[:, :, 2:4, 6:8] = picture[:, :, 2:4, 6:8], picture[:, :, 0:2, 0:2]
        return out

    assert not torch.allclose(model(swapped(x), T, LABEL), swapped(model(x, T, LABEL)), atol=1e-3)
    assert len(model.pos.unique(dim=0)) == 16  # each place has its own
    model.pos.zero_()
    assert torch.allclose(model(swapped(x), T, LABEL), swapped(model(x, T, LABEL)), atol=1e-9)


def test_a_new_transformer_block_hands_on_what_it_gets():
    x = torch.randn(2, 5, 12)
    assert torch.equal(DiTBlock(12, 3)(x, torch.randn(2, 12)), x)


# VAE


def test_the_rivals_are_as_large_as_the_denoiser():
    sizes = [sum(p.numel() for p in model().parameters()) for model in (MLP, vae.VAE, gan.GAN)]
    assert max(sizes) < 1.05 * min(sizes)


@given(st.integers(0, 2**31 - 1))
def test_kl_is_that_of_pytorch(seed):
    chance = torch.Generator().manual_seed(seed)
    mean, logvar = 3 * torch.randn(2, 5, 4, dtype=torch.float64, generator=chance)
    expected = kl_divergence(Normal(mean, (0.5 * logvar).exp()), Normal(torch.zeros(4), torch.ones(4))).sum(-1)
    assert torch.allclose(vae.kl(mean, logvar), expected)


class Linear1d(vae.VAE):
    """A VAE with one code and a linear decoder, x' = w code + b, whose exact posterior is known."""

    def __init__(self, w, b, off=0.0):
        nn.Module.__init__(self)
        self.w, self.b, self.off = w, b, off

    def encode(self, x, label):
        precision = 1 + self.w @ self.w
        mean = (x - self.b) @ self.w[:, None] / precision + self.off
        return mean, torch.full_like(mean, -math.log(precision))

    def decode(self, code, label):
        return code * self.w + self.b


def test_the_bound_is_tight_for_the_exact_posterior_and_higher_for_any_other():
    w, b = torch.tensor([0.9, -0.4, 1.2], dtype=torch.float64), torch.tensor([0.5, 0.0, -1.0], dtype=torch.float64)
    x = torch.tensor([[1.0, -0.3, 0.8]], dtype=torch.float64)
    gaussian = torch.distributions.MultivariateNormal(b, torch.outer(w, w) + torch.eye(3))
    surprise = float(-gaussian.log_prob(x)) - 1.5 * math.log(2 * math.pi)  # the constant is left out of the loss
    many = x.expand(200_000, 3)
    assert float(vae.elbo_loss(Linear1d(w, b), many)) == pytest.approx(surprise, abs=0.02)
    assert float(vae.elbo_loss(Linear1d(w, b, off=0.5), many)) > surprise + 0.2


def test_the_weight_counts_the_kl_and_the_terms_are_sums_over_a_picture():
    model, x, label = scramble(vae.VAE((2, 3), 4, d_latent=5, d_model=7)), torch.randn(6, 2, 3).double(), T % 4
    label = label.repeat(2)
    chance = [torch.Generator().manual_seed(3) for _ in range(4)]
    terms = vae.elbo_terms(model, x, label, generator=chance[0])
    loss = vae.elbo_loss(model, x, label, 0.3, generator=chance[1])
    assert torch.allclose(loss, terms.reconstruction + 0.3 * terms.kl)
    mean, logvar = model.encode(x, label)
    noise = torch.randn(6, 5, generator=chance[2], dtype=torch.float64)
    seen = model.decode(mean + logvar.exp().sqrt() * noise, label)
    assert torch.allclose(terms.reconstruction, 3 * F.mse_loss(seen, x))  # half of six numbers
    assert torch.allclose(terms.kl, vae.kl(mean, logvar).sum() / 6)
    loss.backward()
    assert all(p.grad.any() for p in model.parameters())


def test_gradients_of_the_reparametrised_draw_are_those_of_the_moments():
    """d/dmean E[z^2] = 2 mean, d/dlogvar E[z^2] = sigma^2."""
    mean, logvar = (torch.tensor([[v]], dtype=torch.float64, requires_grad=True) for v in (0.7, -0.5))
    noise = torch.randn(400_000, 1, dtype=torch.float64)
    vae.reparametrise(mean.expand_as(noise), logvar.expand_as(noise), noise).square().mean().backward()
    assert float(mean.grad) == pytest.approx(1.4, abs=0.01)
    assert float(logvar.grad) == pytest.approx(math.exp(-0.5), abs=0.01)


def test_a_vae_without_classes_and_what_it_refuses():
    model = vae.VAE((2,), n_classes=0, d_latent=3)
    assert model.sample(torch.randn(4, 3)).shape == (4, 2)
    with pytest.raises(ValueError, match="no classes"):
        model.sample(torch.randn(3, 3), LABEL)
    with pytest.raises(ValueError, match="10 classes: give a label"):
        vae.VAE().encode(torch.randn(3, 1, 8, 8))
    with pytest.raises(ValueError, match="from -1 to 9; this model knows 0 to 9"):
        vae.VAE().encode(torch.randn(3, 1, 8, 8), LABEL)
    with pytest.raises(ValueError, match="kl_weight=-1"):
        vae.elbo_loss(model, torch.randn(3, 2), kl_weight=-1.0)
    with pytest.raises(ValueError, match=r"takes a batch of \(2,\)"):
        model.encode(torch.randn(3, 4))


# GAN


def test_each_net_learns_from_its_own_loss_only():
    model, x, label = scramble(gan.GAN((2, 3), 4, 5, 7)), torch.randn(6, 2, 3).double(), (T % 4).repeat(2)
    gan.loss(model, x, label, generator=torch.Generator().manual_seed(3)).backward()
    together = {name: p.grad.clone() for name, p in model.named_parameters()}
    code = torch.randn(6, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    fake = model.generator(code, label)
    of_generator = gan.generator_loss(model.discriminator(fake, label))
    of_judge = gan.discriminator_loss(model.discriminator(x, label), model.discriminator(fake.detach(), label))
    for part, loss in ((model.generator, of_generator), (model.discriminator, of_judge)):
        alone = torch.autograd.grad(loss, list(part.parameters()))
        name = "generator" if part is model.generator else "discriminator"
        for (key, _), gradient in zip(part.named_parameters(), alone, strict=True):
            assert torch.allclose(together[f"{name}.{key}"], gradient)
            assert gradient.any()


@given(st.floats(-30, 30), st.floats(-30, 30))
def test_the_losses_are_cross_entropies_and_the_generators_does_not_saturate(real, fake):
    real, fake = (
        torch.tensor([real], dtype=torch.float64),
        torch.tensor([fake], dtype=torch.float64, requires_grad=True),
    )
    bce = F.binary_cross_entropy_with_logits
    one, zero = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    assert torch.allclose(gan.discriminator_loss(real, fake), bce(real, one) + bce(fake, zero))
    loss = gan.generator_loss(fake)
    assert torch.allclose(loss, bce(fake, one))
    (slope,) = torch.autograd.grad(loss, fake)
    assert float(slope) == pytest.approx(torch.sigmoid(fake).item() - 1)  # near -1 where the judge is sure: no plateau


def test_a_gan_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match="give a label"):
        gan.GAN().generator(torch.randn(3, 16))
    with pytest.raises(ValueError, match=r"takes a batch of \(1, 8, 8\)"):
        gan.GAN().discriminator(torch.randn(3, 1, 4, 4), T % 10)


# Measures


def covariance(d, rank, chance):
    root = torch.randn(d, rank, dtype=torch.float64, generator=chance)
    return root @ root.T


@given(st.integers(1, 6), st.integers(0, 2**31 - 1))
def test_frechet_distance_is_that_of_scipys_matrix_root(d, seed):
    chance = torch.Generator().manual_seed(seed)
    means = torch.randn(2, d, dtype=torch.float64, generator=chance)
    a, b = covariance(d, d + 2, chance), covariance(d, d + 2, chance)
    root = scipy.linalg.sqrtm((a @ b).numpy()).real
    expected = float((means[0] - means[1]).square().sum() + a.trace() + b.trace()) - 2 * np.trace(root)
    assert frechet_gaussians(means[0], a, means[1], b) == pytest.approx(expected, abs=1e-6)
    assert frechet_gaussians(means[1], b, means[0], a) == pytest.approx(expected, abs=1e-6)


@given(st.lists(st.tuples(st.floats(0, 4), st.floats(0, 4), st.floats(-3, 3)), min_size=1, max_size=5))
def test_frechet_distance_of_independent_features_is_that_of_their_standard_deviations(features):
    s, t, apart = torch.tensor(features, dtype=torch.float64).T
    expected = float((apart**2 + (s - t) ** 2).sum())
    found = frechet_gaussians(apart, torch.diag(s**2), torch.zeros_like(apart), torch.diag(t**2))
    assert found == pytest.approx(expected, abs=1e-6)


def test_frechet_distance_of_samples_and_of_covariances_without_full_rank():
    chance = torch.Generator().manual_seed(0)
    a, b = torch.randn(50, 4, generator=chance), 2 * torch.randn(70, 4, generator=chance) + 1
    mean, cov = (a.double().mean(0), b.double().mean(0)), (np.cov(a.numpy().T), np.cov(b.numpy().T))
    root = scipy.linalg.sqrtm(cov[0] @ cov[1]).real
    expected = float((mean[0] - mean[1]).square().sum()) + np.trace(cov[0] + cov[1] - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-5)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    flat = torch.randn(9, 64, generator=chance)  # 9 pictures of 64 pixels: rank 8
    assert frechet_distance(flat, flat) == pytest.approx(0, abs=1e-5)
    assert frechet_distance(flat, flat + 1) == pytest.approx(64, rel=1e-5)


@pytest.mark.usefixtures("as_in_a_notebook")
def test_measures_refuse_what_they_cannot_compare():
    with pytest.raises(ValueError, match="at least two"):
        frechet_distance(torch.randn(1, 3), torch.randn(5, 3))
    with pytest.raises(ValueError, match="3 features on one side and 4"):
        frechet_distance(torch.randn(5, 3), torch.randn(5, 4))
    with pytest.raises(ValueError, match="only the number may differ"):
        nearest(torch.randn(5, 3), torch.randn(5, 4))


def test_the_nearest_is_found_as_by_looking_at_all():
    images, others = torch.randn(7, 1, 4, 4), torch.randn(11, 1, 4, 4)
    found = nearest(images, others)
    for i, image in enumerate(images):
        apart = [float((image - other).norm()) for other in others]
        assert int(found.which[i]) == int(np.argmin(apart))
        assert float(found.distance[i]) == pytest.approx(min(apart), rel=1e-4)
    assert nearest(others, others).which.tolist() == list(range(11))


# Training


def moons(n, seed):
    """Two half circles, and which of them."""
    chance = torch.Generator().manual_seed(seed)
    angle, label = math.pi * torch.rand(n, generator=chance), torch.randint(2, (n,), generator=chance)
    sign = 1.0 - 2 * label
    points = torch.stack([angle.cos() * sign + label - 0.5, angle.sin() * sign + 0.5 * label - 0.25], dim=1)
    return points + 0.03 * torch.randn(n, 2, generator=chance), label


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_points_of_the_plane_are_learnt(seed):
    """Seeds 0 to 5: the loss falls to 0.73 to 0.77 of its start (most of it nobody can know), 95 to 99 % of the samples
    lie nearer to their own half circle, half of them within 0.024 of one of its points."""
    points, label = moons(2000, seed)
    torch.manual_seed(seed)
    model, bars = MLP((2,), n_classes=2, d_model=32, n_layers=2), alpha_bars(cosine(50))
    batches = shuffled(points, label, batch_size=128, seed=seed)

    def loss(model, batch):
        return denoising_loss(model, batch[0], bars, "v", drop_labels(batch[1], 0.1))

    history = fit(model, batches, 400, loss=loss, optimizer=adamw(model, 3e-3), seed=seed, progress=False)
    assert np.mean(history.losses[-50:]) < 0.85 * np.mean(history.losses[:20])
    x = ddim(model, torch.randn(500, 2), bars, kind="v", steps=20, label=label[:500])
    mine, other = (nearest(x, points[label == k]).distance for k in (0, 1))
    right = torch.where(label[:500] == 0, mine < other, other < mine)
    assert float(right.float().mean()) > 0.85
    assert float(torch.where(label[:500] == 0, mine, other).median()) < 0.08


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_vae_trains_with_fit(seed):
    """Seeds 0 to 5: the loss falls from 0.5 to 0.06."""
    points, label = moons(2000, seed)
    torch.manual_seed(seed)
    batches = shuffled(points, label, batch_size=128, seed=seed)
    model = vae.VAE((2,), n_classes=2, d_latent=2, d_model=32)
    history = fit(
        model, batches, 300, loss=lambda model, b: vae.elbo_loss(model, *b, 0.02), lr=3e-3, seed=seed, progress=False
    )
    assert np.mean(history.losses[-50:]) < 0.5 * history.losses[0]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_gan_trains_with_fit(seed):
    """Seeds 0 to 5: the Frechet distance of the points falls from 0.9 to 0.04 to 0.28."""
    points, label = moons(2000, seed)
    torch.manual_seed(seed)
    net = gan.GAN((2,), n_classes=2, d_latent=2, d_model=32)
    code = torch.randn(500, 2)
    before = frechet_distance(net.generator(code, label[:500]).detach(), points)
    batches = shuffled(points, label, batch_size=128, seed=seed)
    optimizer = torch.optim.Adam(net.parameters(), 1e-3, betas=(0.5, 0.99))
    fit(net, batches, 300, loss=lambda net, b: gan.loss(net, *b), optimizer=optimizer, progress=False)
    assert frechet_distance(net.generator(code, label[:500]).detach(), points) < 0.6 * before
