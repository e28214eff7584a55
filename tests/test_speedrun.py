"""The speed run's parts: Muon against its definition, the model against the future, the training against itself."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from torch import nn

from course_utils.bench import gpt
from course_utils.models.speedrun import NormedAttention, Speedrun, SpeedrunConfig
from course_utils.train.muon import LOWEST, POLAR, Muon, orthogonal

SMALL = SpeedrunConfig(vocab_size=13, d_model=24, n_layers=2, n_heads=3, d_ff=48)


def best_polynomial(low, high):
    """The odd polynomial of degree 5 that is closest to 1 between two numbers, and how far it is off at most."""
    x = np.linspace(low, high, 4001)
    powers, ones = np.stack([x, x**3, x**5], 1), np.ones((len(x), 1))
    bounds = np.vstack([np.hstack([powers, -ones]), np.hstack([-powers, -ones])])
    found = linprog([0, 0, 0, 1], bounds, np.concatenate([ones[:, 0], -ones[:, 0]]), bounds=[(None, None)] * 4)
    return found.x[:3], found.x[3]


def test_the_polynomials_are_the_best_ones():
    low, high = LOWEST, 1.0
    for coefficients in POLAR:
        best, off = best_polynomial(low, high)
        np.testing.assert_allclose(coefficients, best, atol=6e-5)  # they are written with four decimals
        low, high = 1 - off, 1 + off
    assert off < 0.1


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 8), st.integers(0, 5), st.integers(0, 99))
def test_orthogonal_brings_singular_values_to_one_and_keeps_directions(rows, more, seed):
    torch.manual_seed(seed)
    u, s, vt = torch.linalg.svd(torch.randn(3, rows, rows + more, dtype=torch.float64), full_matrices=False)
    ours = orthogonal(u * s[:, None] @ vt)
    values = (u.mT @ ours @ vt.mT).diagonal(dim1=1, dim2=2)
    large = s >= LOWEST * s.norm(dim=1, keepdim=True)
    assert ((values - 1).abs()[large] < 0.1).all()
    torch.testing.assert_close(u * values[:, None] @ vt, ours, rtol=0, atol=1e-8)


def test_muon_moves_as_its_definition_says():
    """Three steps by hand, with a wide and a tall matrix that share a shape, and a third that does not."""
    torch.manual_seed(0)
    matrices = [nn.Parameter(torch.randn(shape, dtype=torch.float64)) for shape in ((3, 5), (5, 3), (4, 4))]
    other = nn.Parameter(torch.randn(7, dtype=torch.float64))
    adam = torch.optim.Adam([copy.deepcopy(other)], lr=0.01, betas=(0.9, 0.99), eps=1e-8)
    by_hand, means = [m.detach().clone() for m in matrices], [torch.zeros_like(m) for m in matrices]
    optimizer = Muon(matrices, [other], lr=0.3, other_lr=0.01, momentum=0.8)
    for _ in range(3):
        for i, parameter in enumerate(matrices):
            parameter.grad = torch.randn_like(parameter)
            means[i] = 0.8 * means[i] + 0.2 * parameter.grad
            look_ahead = 0.2 * parameter.grad + 0.8 * means[i]
            tall = parameter.shape[0] > parameter.shape[1]
            step = orthogonal(look_ahead.T).T if tall else orthogonal(look_ahead)
            by_hand[i] -= 0.3 * max(1, parameter.shape[0] / parameter.shape[1]) ** 0.5 * step
        other.grad = torch.randn_like(other)
        adam.param_groups[0]["params"][0].grad = other.grad.clone()
        optimizer.step()
        adam.step()
    for ours, expected in zip(matrices, by_hand, strict=True):
        torch.testing.assert_close(ours.detach(), expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(other, adam.param_groups[0]["params"][0], rtol=0, atol=1e-12)


def test_muon_leaves_alone_what_has_no_gradient_and_refuses_what_is_no_matrix():
    matrix, vector = nn.Parameter(torch.eye(2)), nn.Parameter(torch.ones(2))
    Muon([matrix], [vector]).step()
    assert torch.equal(matrix, torch.eye(2))
    with pytest.raises(ValueError, match=r"\(2,\)"):
        Muon([vector], [matrix])
    with pytest.raises(ValueError, match="lr"):
        Muon([matrix], [vector], lr=-1)
    with pytest.raises(ValueError, match="closure"):
        Muon([matrix], [vector]).step(lambda: 0.0)


def test_muons_memory_survives_saving():
    torch.manual_seed(0)
    gradients = torch.randn(4, 3, 3)
    whole, split = nn.Parameter(torch.eye(3)), nn.Parameter(torch.eye(3))
    one, two = Muon([whole], []), Muon([split], [])
    for i, gradient in enumerate(gradients):
        whole.grad, split.grad = gradient.clone(), gradient.clone()
        if i == 2:
            state, two = two.state_dict(), Muon([split], [])
            two.load_state_dict(state)
        one.step()
        two.step()
    assert torch.equal(whole, split)


def test_normed_attention_does_not_care_for_the_length_of_queries_and_keys():
    torch.manual_seed(0)
    attn = NormedAttention(6, 2, bias=False).double()
    x = torch.randn(2, 5, 6, dtype=torch.float64)
    before = attn(x, need_weights=True)
    with torch.no_grad():
        attn.q_proj.weight *= 7
        attn.k_proj.weight *= 0.3
    after = attn(x, need_weights=True)
    torch.testing.assert_close(before, after, rtol=0, atol=1e-6)  # the norm's eps
    torch.testing.assert_close(attn(x), after[0], rtol=0, atol=1e-12)


def test_the_first_guess_is_uniform_and_no_character_sees_the_future():
    torch.manual_seed(0)
    model = Speedrun(SMALL).double()
    ids = torch.randint(13, (3, 11))
    assert (model(ids) == 0).all()  # so that the loss is ln 13
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3)
    changed = ids.clone()
    changed[:, 6] = (ids[:, 6] + 1) % 13
    difference = (model(ids) - model(changed)).abs().amax((0, 2))
    assert (difference[:6] == 0).all()
    assert (difference[6:] > 0).all()


def test_muon_gets_the_matrices_of_the_blocks_and_adam_the_rest():
    model = Speedrun(SMALL)
    matrices, others = (group["params"] for group in model.muon().param_groups)
    assert len(matrices) == SMALL.n_layers * 6
    assert {id(p) for p in matrices + others} == {id(p) for p in model.parameters()}
    assert model.head.weight.shape in {p.shape for p in others}


def test_the_run_learns_and_is_the_same_twice():
    text = "".join("abcdefgh"[(i * i) % 8] + " " for i in range(3000))
    train, held_out, n = gpt.split(text)
    assert len(held_out) == 600
    first, second = (gpt.run(train, held_out, n, seed=3, steps=12).loss for _ in range(2))
    assert first == second
    assert first < 0.5 * np.log(n)
