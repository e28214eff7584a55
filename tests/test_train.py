"""The training loop: against a loop by hand, killed and resumed, shared by processes, stopped, and misused."""

import math
import os
import runpy
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from course_utils import train
from course_utils.bench import nanogpt
from course_utils.train import adamw, all_blocks, cross_entropy, fit, mean_loss, sample_blocks, shuffled
from course_utils.train import watch as watching
from course_utils.train.batches import mix, on_tensors, tokens_in
from course_utils.train.loop import Diverged
from course_utils.train.precision import bfloat16_products

V, LENGTH, BATCH = 11, 6, 5
TEXT = torch.randint(V, (400,), generator=torch.Generator().manual_seed(0))


class Model(nn.Module):
    """A language model of a few hundred weights, and what is hard to repeat: dropout, a tied head."""

    def __init__(self, dropout: float = 0.0, dtype: torch.dtype = torch.float64):
        super().__init__()
        self.tok = nn.Embedding(V, 8, dtype=dtype)
        self.hidden = nn.Linear(8, 8, dtype=dtype)
        self.norm = nn.LayerNorm(8, dtype=dtype)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(8, V, bias=False, dtype=dtype)
        self.head.weight = self.tok.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.dropout(self.norm(torch.tanh(self.hidden(self.tok(ids))))))


def new(seed: int = 0, **arguments) -> Model:
    torch.manual_seed(seed)
    return Model(**arguments)


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def blocks(seed: int = 0):
    return sample_blocks(TEXT, LENGTH, BATCH, seed)


# The loop is the loop that everybody would write


def by_hand(model: nn.Module, batches, steps: int, schedule, clip: float) -> list[float]:
    rest = [p for p in model.parameters() if p is not model.hidden.weight]
    groups = [{"params": [model.hidden.weight], "weight_decay": 0.1}, {"params": rest, "weight_decay": 0}]
    optimizer = torch.optim.AdamW(groups, lr=0.02, betas=(0.9, 0.99), fused=True)
    losses = []
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 0.02 * schedule(step)
        inputs, targets = batches(step)
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("clip", [0.3, math.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_fit_is_the_loop_by_hand_to_the_bit(clip, dtype):
    ours, theirs = new(dtype=dtype), new(dtype=dtype)
    schedule = train.warmup_cosine(25, warmup=5)
    history = fit(ours, blocks(), 25, lr=0.02, schedule=schedule, clip=clip)
    losses = by_hand(theirs, blocks(), 25, schedule, clip)
    assert history.losses == losses
    assert torch.equal(weights(ours), weights(theirs))
    assert history.rates == [0.02 * schedule(step) for step in range(25)]
    assert history.tokens == [LENGTH * BATCH * n for n in history.steps]
    assert len(history.seconds) == 25
    assert sorted(history.seconds) == history.seconds


def test_clipping_changes_the_result_and_is_by_the_whole_length():
    def one_step(clip):
        model = new()
        fit(model, blocks(), 1, optimizer=torch.optim.SGD(model.parameters(), lr=1.0), clip=clip)
        return weights(model) - weights(new())

    assert one_step(1e-3).norm() == pytest.approx(1e-3, rel=1e-3)  # torch divides by the length + 1e-6
    assert one_step(math.inf).norm() > 0.1


def test_a_mean_loss_and_a_sum_with_its_count_train_alike():
    def mean(model, batch):
        total, count = cross_entropy(model, batch)
        return total / count

    one, other = new(), new()
    assert fit(one, blocks(), 9).losses == fit(other, blocks(), 9, loss=mean).losses
    assert torch.equal(weights(one), weights(other))


def test_the_same_with_two_threads():
    """Sums are split at other places: float64 differs in the last digits, which 20 steps hardly multiply."""
    before = torch.get_num_threads()
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        model = new(dropout=0.2)
        fit(model, blocks(), 20, lr=0.01)
        found.append(weights(model))
    torch.set_num_threads(before)
    torch.testing.assert_close(*found, rtol=1e-10, atol=1e-12)


def test_seed_decides_about_dropout_and_the_callers_generator_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    results = []
    for seed in (0, 0, 1):
        model = new(dropout=0.3)
        torch.manual_seed(5)
        fit(model, blocks(), 5, seed=seed)
        assert torch.equal(torch.rand(3), expected)
        results.append(weights(model))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_what_an_evaluation_draws_does_not_change_the_training():
    one, other = new(dropout=0.3), new(dropout=0.3)
    fit(one, blocks(), 10)
    fit(other, blocks(), 10, every=3, evaluate=lambda model: float(torch.rand(1)))
    assert torch.equal(weights(one), weights(other))


def test_evaluation_is_without_dropout_and_gradient_and_the_model_ends_ready_for_use():
    seen = []

    def evaluate(model):
        seen.append((model.training, torch.is_grad_enabled()))
        return {"held out": mean_loss(model, all_blocks(TEXT, LENGTH, 7))}

    model = new(dropout=0.5)
    history = fit(model, blocks(), 7, every=3, evaluate=evaluate)
    assert seen == [(False, False)] * 3
    assert list(history.evaluations) == [3, 6, 7]
    assert history.evaluations[7] == evaluate(model)
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_optimizer_gets_its_learning_rates_back():
    model = new()
    optimizer = torch.optim.SGD([{"params": [model.tok.weight], "lr": 0.5}, {"params": model.hidden.parameters()}], 0.1)
    history = fit(model, blocks(), 4, optimizer=optimizer, schedule=lambda step: 1 / (step + 1))
    assert history.rates == [0.5, 0.25, 0.5 / 3, 0.125]
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.1]


def test_bfloat16_rounds_the_factors_of_products_and_nothing_else():
    x, weight, bias = torch.randn(2, 5, 7), torch.randn(3, 7), torch.randn(3)
    with bfloat16_products(torch.device("cpu")):
        out = F.linear(x, weight, bias)
        exact = F.linear(x.double(), weight.double())
    rounded = F.linear(x.bfloat16().double(), weight.bfloat16().double(), bias.double())
    assert out.dtype == torch.float32
    assert torch.equal(exact, F.linear(x.double(), weight.double()))  # float64 is left alone
    torch.testing.assert_close(out.double(), rounded, rtol=2**-8, atol=2**-8)  # the result is rounded once more
    assert (rounded - exact - bias).abs().max() > 1e-3


def test_gradients_of_bfloat16_products_are_those_of_float32_but_for_rounding():
    grads = []
    for context in (nullcontext(), bfloat16_products(torch.device("cpu"))):
        layer = nn.Sequential(nn.Linear(7, 30), nn.GELU(), nn.Linear(30, 3, bias=False))
        for parameter in layer.parameters():
            nn.init.normal_(parameter, generator=torch.Generator().manual_seed(parameter.numel()))
        x = torch.linspace(-1, 1, 70).view(2, 5, 7).requires_grad_()
        with context:
            out = layer(x)
        out.square().sum().backward()
        grads.append([x.grad, *(parameter.grad for parameter in layer.parameters())])
    for exact, rounded in zip(*grads, strict=True):
        assert (exact - rounded).norm() < 0.02 * exact.norm()
        assert not torch.equal(exact, rounded)


def test_fit_in_bfloat16_learns_and_keeps_float32_weights():
    model, exact = new(dtype=torch.float32), new(dtype=torch.float32)
    losses = fit(model, blocks(), 30, lr=0.03, bfloat16=True).losses
    expected = fit(exact, blocks(), 30, lr=0.03).losses
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert losses != expected
    assert losses == pytest.approx(expected, abs=0.05)


def test_one_batch_is_learnt():
    batch = blocks()(0)
    model = new(dtype=torch.float32)
    history = fit(model, lambda step: batch, 60, lr=0.05)
    assert history.losses[0] > 2
    assert mean_loss(model, [batch]) < history.losses[0] / 2


# The optimiser and the schedules


def test_decay_is_for_matrices_only_and_a_shared_one_counts_once():
    model = new()
    model.hidden.bias.requires_grad_(False)
    decayed, free = adamw(model, weight_decay=0.3).param_groups
    assert [id(p) for p in decayed["params"]] == [id(model.hidden.weight)]
    assert {id(p) for p in free["params"]} == {id(model.tok.weight), id(model.norm.weight), id(model.norm.bias)}
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.3, 0.0)
    assert len(free["params"]) == 3
    assert decayed["fused"]


def test_a_model_with_no_matrix_to_decay_has_one_group():
    assert len(adamw(nn.LayerNorm(4)).param_groups) == 1


@given(st.integers(1, 300), st.data())
def test_schedules_rise_to_one_and_end_at_the_floor(steps, data):
    warmup = data.draw(st.integers(0, steps - 1))
    floor = data.draw(st.floats(0, 1))
    for make in (train.warmup_cosine, train.warmup_linear):
        rates = [make(steps, warmup, floor)(step) for step in range(steps + 5)]
        assert rates[:warmup] == [(step + 1) / warmup for step in range(warmup)]
        assert all(a >= b - 1e-12 for a, b in zip(rates[warmup:], rates[warmup + 1 :], strict=False))
        assert rates[steps - 1 :] == pytest.approx([floor] * 6)


def test_schedules_in_closed_form():
    cosine, linear = train.warmup_cosine(110, 10, 0.1), train.warmup_linear(110, 10, 0.1)
    for t in range(10, 111):
        share = (t - 10) / 100
        assert cosine(t - 1) == pytest.approx(0.1 + 0.9 * (1 + math.cos(math.pi * share)) / 2)
        assert linear(t - 1) == pytest.approx(1 - 0.9 * share)


@given(st.integers(1, 10_000))
def test_the_inverse_root_is_the_papers(t):
    d_model, warmup = 512, 4000
    papers = d_model**-0.5 * min(t**-0.5, t * warmup**-1.5)
    assert (d_model * warmup) ** -0.5 * train.inverse_sqrt(warmup)(t - 1) == pytest.approx(papers)


# Batches


@given(st.integers(2, 30), st.integers(1, 5), st.integers(1, 40), st.integers(0, 99))
def test_sampled_blocks_are_of_the_text_and_targets_come_next(extra, length, batch_size, step):
    batches = sample_blocks(torch.arange(length + extra) * 3, length, batch_size, seed=extra)
    inputs, targets = batches(step)
    assert inputs.shape == targets.shape == (batch_size, length)
    assert torch.equal(inputs + 3, targets)
    assert inputs.min() >= 0
    assert targets.max() <= 3 * (length + extra - 1)
    assert torch.equal(batches(step)[0], inputs)


def test_sampled_blocks_reach_both_ends_of_the_text_and_differ_by_step_and_seed():
    inputs, targets = sample_blocks(list(range(6)), 3, 200)(0)
    assert (inputs.min(), targets.max()) == (0, 5)
    assert not torch.equal(sample_blocks(TEXT, 4, 9, seed=1)(0)[0], sample_blocks(TEXT, 4, 9, seed=2)(0)[0])
    assert not torch.equal(sample_blocks(TEXT, 4, 9)(0)[0], sample_blocks(TEXT, 4, 9)(1)[0])


@given(st.integers(2, 60), st.integers(1, 9), st.integers(1, 4))
def test_all_blocks_hold_every_target_once(size, length, batch_size):
    length = min(length, size - 1)
    batches = all_blocks(torch.arange(size), length, batch_size)
    targets = torch.cat([targets.flatten() for _, targets in batches])
    inputs = torch.cat([inputs.flatten() for inputs, _ in batches])
    counted = targets != train.IGNORE
    assert targets[counted].tolist() == list(range(1, size))
    assert torch.equal(inputs[counted] + 1, targets[counted])


@given(st.integers(1, 20), st.integers(1, 25), st.integers(1, 4))
def test_each_example_comes_once_before_any_comes_again(size, batch_size, epochs):
    examples = torch.arange(size)
    batches = shuffled(examples, examples * 10, batch_size=batch_size)
    rows = []
    for step in range(math.ceil(epochs * size / batch_size)):
        one, other = batches(step)
        assert len(one) == batch_size
        assert torch.equal(one * 10, other)
        rows += one.tolist()
    for epoch in range(epochs):
        assert sorted(rows[epoch * size : (epoch + 1) * size]) == list(range(size))


def test_epochs_differ_and_a_single_tensor_comes_alone():
    batches = shuffled(torch.arange(50), batch_size=50, seed=3)
    assert not torch.equal(batches(0), batches(1))
    assert torch.equal(batches(0), shuffled(torch.arange(50), batch_size=50, seed=3)(0))


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_mixed_seeds_differ(a, b, c, d):
    assert (mix(a, b) == mix(c, d)) == ((a, b) == (c, d))


def test_any_container_of_tensors_is_a_batch():
    x = torch.tensor([[1, 2], [3, 4]])
    assert on_tensors(lambda t: int(t.sum()), {"a": [x, "kept"], "b": (x, 3)}) == {"a": [10, "kept"], "b": (10, 3)}
    assert (tokens_in({"a": x}), tokens_in([x.double(), x]), tokens_in(("no", "tensor"))) == (4, 2, 1)


def test_mean_loss_counts_targets_not_batches():
    model = new()
    batch = blocks()(0)
    few = (batch[0], torch.where(torch.arange(LENGTH) < 2, batch[1], train.IGNORE))
    logits = torch.cat([model(batch[0]).flatten(0, 1), model(batch[0])[:, :2].flatten(0, 1)])
    expected = F.cross_entropy(logits, torch.cat([batch[1].flatten(), batch[1][:, :2].flatten()]))
    assert mean_loss(model, [batch, few]) == pytest.approx(expected.item(), rel=1e-12)
    assert model.training


# Killed, stopped, damaged


RUN = """
    import sys, time, torch
    sys.path.insert(0, {tests!r})
    from test_train import blocks, new, weights
    from course_utils.train import fit, warmup_cosine

    torch.set_num_threads({threads})  # as in the other process: sums in another order differ in the last bit

    def slow(step):
        time.sleep(0.02)
        return blocks()(step)

    model = new(dropout=0.3)
    fit(model, slow, 200, lr=0.02, schedule=warmup_cosine(200, 20), checkpoint="run.pt", every=7)
"""


def script(tmp_path, text: str):
    path = tmp_path / "script.py"
    path.write_text(
        textwrap.dedent(text).format(tests=os.path.dirname(__file__), threads=torch.get_num_threads()), encoding="utf-8"
    )
    return path


def uninterrupted(**arguments) -> tuple[Model, train.History]:
    model = new(dropout=0.3)
    return model, fit(model, blocks(), 200, lr=0.02, schedule=train.warmup_cosine(200, 20), **arguments)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_killed_for_good_and_resumed_equals_uninterrupted(tmp_path):
    process = subprocess.Popen([sys.executable, str(script(tmp_path, RUN))], cwd=tmp_path)
    while not (tmp_path / "run.pt.previous").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = len(torch.load(tmp_path / "run.pt", weights_only=True)["run"]["losses"])
    assert 14 <= done < 200
    model, history = uninterrupted(checkpoint=tmp_path / "run.pt", every=7)
    expected, whole = uninterrupted()
    assert torch.equal(weights(model), weights(expected))
    assert (history.losses, history.rates, history.tokens) == (whole.losses, whole.rates, whole.tokens)


@pytest.fixture
def ten_steps(tmp_path):
    """A checkpoint after ten steps, and the file."""
    path = tmp_path / "deep" / "run.pt"
    fit(new(), blocks(), 10, checkpoint=path, every=4)
    return path


def test_a_finished_run_is_only_read_and_may_grow(ten_steps):
    def never(step):
        assert step == 9, "only the last batch is compared"
        return blocks()(step)

    model = new(seed=1)
    assert len(fit(model, never, 10, checkpoint=ten_steps)) == 10
    longer = new(seed=1)
    fit(longer, blocks(), 15, checkpoint=ten_steps)
    whole = new()
    fit(whole, blocks(), 15)
    assert torch.equal(weights(longer), weights(whole))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lr": 0.5}, "optimizer lr of group 0 was 0.0003 and is 0.5"),
        ({"clip": 2.0}, "clip was 1.0 and is 2.0"),
        ({"seed": 3}, "seed was 0 and is 3"),
        ({"schedule": train.inverse_sqrt(5)}, "learning rate of step 0"),
        ({"batches": blocks(seed=9)}, "batch of its last step"),
        ({"model": new(dtype=torch.float32)}, "model tok.weight was torch.float64"),
        ({"model": nn.Embedding(V, V)}, "model tok.weight was .* and is not there"),
        ({"steps": 9}, "10 steps already"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_and_nothing_is_changed(ten_steps, change, said):
    arguments = {"model": new(), "batches": blocks(), "steps": 20} | change
    before, file = weights(arguments["model"]).clone(), ten_steps.read_bytes()
    with pytest.raises(ValueError, match=said):
        fit(**arguments, checkpoint=ten_steps)
    assert torch.equal(weights(arguments["model"]), before)
    assert ten_steps.read_bytes() == file


def test_another_optimizer_is_refused(ten_steps):
    model = new()
    with pytest.raises(ValueError, match="optimizer was AdamW and is SGD"):
        fit(model, blocks(), 20, optimizer=torch.optim.SGD(model.parameters(), 3e-4), checkpoint=ten_steps)


@pytest.mark.parametrize("left", [0, 1000, -50])
def test_a_file_cut_off_is_named_and_left_and_the_one_before_it_works(ten_steps, left):
    content = ten_steps.read_bytes()
    ten_steps.write_bytes(content[:left])
    previous = ten_steps.with_name("run.pt.previous")
    with pytest.raises(ValueError, match=r"run\.pt is damaged.*run\.pt\.previous"):
        fit(new(), blocks(), 20, checkpoint=ten_steps)
    assert ten_steps.read_bytes() == content[:left]
    previous.replace(ten_steps)
    model, whole = new(), new()
    assert len(fit(model, blocks(), 20, checkpoint=ten_steps)) == 20
    fit(whole, blocks(), 20)
    assert torch.equal(weights(model), weights(whole))


def test_killed_between_the_two_renamings_the_previous_file_counts(ten_steps):
    ten_steps.unlink()
    history = fit(new(), blocks(), 12, checkpoint=ten_steps)
    assert len(history) == 12


def test_a_file_of_something_else_is_refused(tmp_path):
    torch.save({"model": 1}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="no checkpoint of `fit`"):
        fit(new(), blocks(), 3, checkpoint=tmp_path / "other.pt")


@pytest.mark.parametrize("name", ["file/run.pt", "."])
def test_a_checkpoint_that_cannot_be_written_stops_before_the_first_step(tmp_path, name):
    """A file stands where the folder should be, or a folder where the file should be: root can't write there either."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="can't write the checkpoint"):
        fit(new(), lambda step: pytest.fail("trained"), 3, checkpoint=tmp_path / name)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="everything is writable for root")
def test_a_read_only_folder_stops_before_the_first_step(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match="can't write the checkpoint"):
        fit(new(), lambda step: pytest.fail("trained"), 3, checkpoint=tmp_path / "run.pt")


def test_a_disk_that_fills_up_leaves_the_last_checkpoint(ten_steps, monkeypatch):
    before = ten_steps.read_bytes()

    def full(saved, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space left"):
        fit(new(), blocks(), 20, checkpoint=ten_steps)
    assert ten_steps.read_bytes() == before


@pytest.fixture
def interrupts(monkeypatch):
    """Python's own way with Ctrl-C, whatever started these tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def pressing(at: int, times: int = 1):
    def batches(step):
        if step == at:
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)
        return blocks()(step)

    return batches


@pytest.mark.usefixtures("interrupts")
def test_the_stop_button_ends_after_the_step_and_loses_nothing(tmp_path):
    model, shorter = new(dropout=0.3), new(dropout=0.3)
    with pytest.warns(UserWarning, match="stopped after 5 of 40 steps"):
        history = fit(model, pressing(at=4), 40, checkpoint=tmp_path / "run.pt")
    assert len(history) == 5
    fit(shorter, blocks(), 5)
    assert torch.equal(weights(model), weights(shorter))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    whole = new(dropout=0.3)
    fit(model, blocks(), 40, checkpoint=tmp_path / "run.pt")
    fit(whole, blocks(), 40)
    assert torch.equal(weights(model), weights(whole))


@pytest.mark.usefixtures("interrupts")
def test_pressed_twice_it_ends_at_once():
    with pytest.raises(KeyboardInterrupt):
        fit(new(), pressing(at=2, times=2), 40)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_it_trains_in_another_thread():
    results = []
    thread = threading.Thread(target=lambda: results.append(fit(new(), blocks(), 3)))
    thread.start()
    thread.join()
    assert len(results[0]) == 3


# Losses that are no numbers


def spoilt(at: int, how):
    def loss(model, batch):
        total, count = cross_entropy(model, batch)
        loss.step += 1
        return (how(total), count) if loss.step == at else (total, count)

    loss.step = 0
    return loss


class BadGradient(torch.autograd.Function):
    """Itself, with a gradient that is infinite."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        return grad * math.inf


@pytest.mark.parametrize("how", [lambda x: x * math.nan, lambda x: x * math.inf, BadGradient.apply])
def test_what_is_not_finite_stops_before_it_reaches_the_weights(tmp_path, how):
    model, good = new(), new()
    with pytest.raises(Diverged, match=r"step 6: .*(nan|inf).*learning rate.*0\.0003") as caught:
        fit(model, blocks(), 20, loss=spoilt(6, how), checkpoint=tmp_path / "run.pt", every=2)
    fit(good, blocks(), 5)
    assert torch.equal(weights(model), weights(good))
    assert len(caught.value.history) == 5
    assert len(torch.load(tmp_path / "run.pt", weights_only=True)["run"]["losses"]) == 4


def test_a_batch_that_is_masked_entirely_is_named():
    inputs, targets = blocks()(0)
    with pytest.raises(Diverged, match="no target of the batch is counted"):
        fit(new(), lambda step: (inputs, torch.full_like(targets, train.IGNORE)), 3)


def test_a_learning_rate_far_too_high_is_noticed():
    model = nn.Linear(1, 1, bias=False)
    nn.init.ones_(model.weight)
    x = torch.ones(4, 1)

    def loss(model, batch):
        return model(batch).square().square().mean()

    with pytest.raises(Diverged, match="learning rate"):
        fit(model, lambda step: x, 500, loss=loss, optimizer=torch.optim.SGD(model.parameters(), 1e4), clip=math.inf)


# What is wrong is said at the door


def expensive(step):
    pytest.fail("a batch was taken")


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"model": "gpt"}, TypeError, "not a torch.nn.Module"),
        ({"batches": [1, 2]}, TypeError, "function of the step"),
        ({"steps": 0}, ValueError, "steps=0"),
        ({"steps": 2.5}, TypeError, "whole number"),
        ({"loss": "mse"}, TypeError, "loss is str"),
        ({"lr": -1}, ValueError, "lr=-1"),
        ({"lr": math.nan}, ValueError, "lr=nan"),
        ({"schedule": 0.1}, TypeError, "schedule is float"),
        ({"schedule": lambda step: -1.0}, ValueError, r"schedule\(0\)=-1.0"),
        ({"clip": 0}, ValueError, "math.inf"),
        ({"clip": -1}, ValueError, "clip=-1"),
        ({"evaluate": 3}, TypeError, "evaluate is int"),
        ({"every": 0}, ValueError, "every=0"),
        ({"seed": -1}, ValueError, "seed=-1"),
        ({"model": nn.Embedding.from_pretrained(torch.ones(2, 2))}, ValueError, "nothing to train"),
        ({"optimizer": torch.optim.SGD([torch.ones(1, requires_grad=True)], 1.0)}, ValueError, "aren't this model's"),
    ],
)
def test_wrong_arguments(change, error, said):
    with pytest.raises(error, match=said):
        fit(**({"model": new(), "batches": expensive, "steps": 3} | change))


def test_a_rate_given_twice():
    model = new()
    with pytest.raises(ValueError, match="both optimizer and lr"):
        fit(model, expensive, 3, lr=0.1, optimizer=adamw(model))


@pytest.mark.parametrize(
    ("loss", "error", "said"),
    [
        (lambda model, batch: 3.0, TypeError, "returned float"),
        (lambda model, batch: model(batch[0]), TypeError, r"returned Tensor of shape \(5, 6, 11\)"),
        (lambda model, batch: model(batch[0]).mean().detach(), ValueError, "detached"),
    ],
)
def test_wrong_losses(loss, error, said):
    with pytest.raises(error, match=said):
        fit(new(), blocks(), 3, loss=loss)


@pytest.mark.parametrize("found", [None, "good", {"a": [1, 2]}])
def test_an_evaluation_returns_numbers(found):
    with pytest.raises(TypeError, match="returns a number"):
        fit(new(), blocks(), 3, evaluate=lambda model: found)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: sample_blocks([1, 2, 3], 3, 1), ValueError, "need 4"),
        (lambda: sample_blocks(torch.ones(9), 3, 1), TypeError, "whole numbers"),
        (lambda: sample_blocks(torch.ones(3, 3).long(), 2, 1), TypeError, "one row"),
        (lambda: sample_blocks(TEXT, 3, 0), ValueError, "batch_size=0"),
        (lambda: shuffled(torch.ones(3), torch.ones(4), batch_size=1), ValueError, r"\[3, 4\]"),
        (lambda: shuffled(batch_size=1), ValueError, "rows"),
        (lambda: shuffled([1, 2], batch_size=1), TypeError, "torch.tensor"),
        (lambda: train.warmup_cosine(10, 10), ValueError, "shorter warm-up"),
        (lambda: train.warmup_linear(10, 1, 2.0), ValueError, "floor=2.0"),
        (lambda: train.inverse_sqrt(0), ValueError, "warmup=0"),
        (lambda: mean_loss(new(), []), ValueError, "nothing to take the mean of"),
        (lambda: cross_entropy(new(), TEXT), TypeError, "inputs, targets"),
        (lambda: cross_entropy(new(), (TEXT, TEXT[:3])), ValueError, "don't fit"),
    ],
)
def test_wrong_batches_and_schedules(call, error, said):
    with pytest.raises(error, match=said):
        call()


# The bar


def test_nothing_is_printed_where_nobody_looks(capfd):
    fit(new(), blocks(), 3)
    assert capfd.readouterr() == ("", "")


def test_a_terminal_gets_a_bar_that_goes_away():
    pty = pytest.importorskip("pty")
    here = os.path.dirname(__file__)
    code = f"import sys; sys.path.insert(0, {here!r}); from test_train import *; fit(new(), blocks(), 40)"
    main, other = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen([sys.executable, "-c", code], stdout=other, stderr=other, env=environment)
    os.close(other)
    shown = b""
    try:
        while part := os.read(main, 4096):
            shown += part
    except OSError:  # the other end was closed
        pass
    os.close(main)
    assert process.wait() == 0
    assert b"training" in shown
    assert b"tokens/s" in shown
    assert shown.rstrip().endswith(b"\x1b[2K")  # the last thing is that the line is wiped


@pytest.mark.parametrize("asks", [True, False])
def test_in_a_notebook_the_bar_is_for_people(monkeypatch, asks):
    class Shell:
        class kernel:
            _allow_stdin = asks

    monkeypatch.setattr("IPython.get_ipython", lambda: Shell)
    assert watching._watched() is asks


# Several processes


SHARED = """
    import os, sys, torch
    sys.path.insert(0, {tests!r})
    from test_train import BATCH, LENGTH, blocks, new, weights
    from course_utils.train import IGNORE, fit

    def masked(step):  # the rows of the first process have one target each, those of the second all
        inputs, targets = blocks()(step)
        some = torch.arange(LENGTH) < torch.where(torch.arange(BATCH)[:, None] < BATCH // 2, 1, LENGTH)
        return inputs, torch.where(some, targets, IGNORE)

    def rows(model, batch):  # a mean over the rows, of a part of the model that not all of the others use
        return model.hidden(model.tok(batch[0])).square().mean()

    model = new()
    histories = [
        fit(model, masked, 12, lr=0.01, checkpoint="shared.pt", every=5),
        fit(model, blocks(), 6, lr=0.01, loss=rows, evaluate=lambda model: weights(model).sum(), every=2),
    ]
    found = weights(model), histories[0].losses, histories[1].losses, histories[1].evaluations
    torch.save(found, "found_" + os.environ.get("RANK", "alone") + ".pt")
"""


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this PyTorch has no torch.distributed")
def test_two_processes_of_torchrun_are_one_with_the_whole_batch(tmp_path, monkeypatch):
    """float64, so that only the order of sums differs: 1e-16 a step, some thousands of times more after Adam's 18."""
    path = script(tmp_path, SHARED)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run([*torchrun, str(path)], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "find_unused_parameters" not in done.stderr
    (tmp_path / "shared.pt").unlink()
    (tmp_path / "shared.pt.previous").unlink()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    runpy.run_path(str(path))
    alone, first, second = (torch.load(tmp_path / f"found_{name}.pt") for name in ("alone", "0", "1"))
    assert torch.equal(first[0], second[0])
    assert first[1:] == second[1:]
    torch.testing.assert_close(first, alone, rtol=1e-11, atol=1e-12)


def test_a_wrong_division_would_be_seen():
    """What averaging the processes' own means would give, as plain DistributedDataParallel does: far from the mean."""
    model, (inputs, targets) = new(), blocks()(0)
    first, rest = (inputs[:2], torch.where(torch.arange(LENGTH) < 1, targets[:2], -100)), (inputs[2:], targets[2:])
    of_means = (mean_loss(model, [first]) + mean_loss(model, [rest])) / 2
    assert abs(of_means - mean_loss(model, [first, rest])) > 1e-3


# The benchmark beside nanoGPT, without nanoGPT


@pytest.mark.parametrize("folder", ["", "wrong"])
def test_without_nanogpt_one_line_says_so(tmp_path, monkeypatch, capsys, folder):
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.delenv("NANOGPT", raising=False)
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "train.py").write_text("something else")
    nanogpt.main(nanogpt=str(tmp_path / folder) if folder else None)
    printed = capsys.readouterr().out
    assert printed.startswith("nanoGPT is not here, so nothing is measured: ")
    assert printed.count("\n") == 1
    assert ("is not the file of commit" if folder else "set NANOGPT to a folder") in printed


def test_the_benchmarks_model_has_nanogpts_size_and_sees_no_future():
    model = nanogpt.gpt(vocab_size=65)
    assert sum(p.numel() for n, p in model.named_parameters() if n != "pos.weight") == 795_904  # it prints 0.80M
    ids, targets = torch.randint(65, (2, 2, 64))  # targets that have nothing to do with the inputs
    changed = torch.cat([ids[:, :40], (ids[:, 40:] + 1) % 65], 1)
    with torch.no_grad():
        assert F.cross_entropy(model(ids).flatten(0, 1), targets.flatten()).item() == pytest.approx(
            math.log(65), abs=0.1
        )
        torch.testing.assert_close(model(ids)[:, :40], model(changed)[:, :40])


def test_the_benchmarks_table_gives_the_ratio_of_each_round(monkeypatch, tmp_path, capsys):
    seconds = {"nanoGPT": 10.0, "ours": 8.0, "ours, bfloat16": 5.0}
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(nanogpt, "_fetch", lambda folder, source: None)
    monkeypatch.setattr(nanogpt, "_child", lambda side, folder, steps, seed: nanogpt.Run(seconds[side], 2.0))
    nanogpt.main(steps=9, rounds=2, text="some text")
    printed = capsys.readouterr().out
    assert (printed.count("0.80"), printed.count("0.50"), printed.count("1.00")) == (3, 3, 3)
