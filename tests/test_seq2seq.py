"""The GRU translator: equal to a loop by hand, its attention to padding is 0, and it learns."""

import pytest
import torch

from course_utils.decode import beam, texts
from course_utils.models.seq2seq import GRUConfig, GRUTranslator, Writing
from course_utils.train import fit

SOURCE = torch.tensor([[5, 6, 7, 8], [9, 10, 0, 0], [4, 3, 5, 0]])
TARGET = torch.tensor([[1, 11, 12, 13, 2], [1, 14, 2, 0, 0], [1, 4, 4, 2, 0]])
WITH_AND_WITHOUT = pytest.mark.parametrize("attention", [True, False])


def translator(attention: bool, d_model: int = 7) -> GRUTranslator:
    """A model whose parameters are all random, in float64."""
    torch.manual_seed(0)
    model = GRUTranslator(GRUConfig(vocab_size=15, d_model=d_model, attention=attention)).double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return model


def by_hand(model: GRUTranslator, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """One sentence without padding, by PyTorch's cells and the papers' formulas."""
    forth, back = (torch.nn.GRUCell(7, 7).double() for _ in range(2))
    for cell, suffix in ((forth, ""), (back, "_reverse")):
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(cell, name).data = getattr(model.encoder, f"{name}_l0{suffix}").data
    words = model.tok.weight[source]
    there, here = [torch.zeros(7).double()], [torch.zeros(7).double()]
    for word in words:
        there.append(forth(word[None], there[-1][None])[0])
    for word in words.flip(0):
        here.append(back(word[None], here[-1][None])[0])
    states = [torch.cat(pair) for pair in zip(there[1:], here[:0:-1], strict=True)]
    last = torch.cat([there[-1], here[-1]])
    state, logits = torch.tanh(model.bridge(last)), []
    for token in target:
        context = last
        if model.cfg.attention:
            energies = [model.energy(torch.tanh(model.query(state) + model.key(h))) for h in states]
            context = sum(w * h for w, h in zip(torch.cat(energies).softmax(0), states, strict=True))
        state = model.decoder(torch.cat([model.tok.weight[token], context])[None], state[None])[0]
        logits.append(torch.tanh(model.out(torch.cat([state, context]))) @ model.tok.weight.T)
    return torch.stack(logits)


@WITH_AND_WITHOUT
def test_equals_the_formulas(attention):
    model = translator(attention)
    source, target = SOURCE[0], TARGET[0]
    torch.testing.assert_close(model(source[None], target[None])[0], by_hand(model, source, target))


def test_attention_changes_the_result():
    """The check above would see a missing attention."""
    model = translator(attention=True)
    expected = model(SOURCE, TARGET)
    model.energy.weight.data += 1
    assert (model(SOURCE, TARGET) - expected).abs().max() > 1e-3


@WITH_AND_WITHOUT
def test_padding_changes_nothing(attention):
    model = translator(attention)
    together = model(SOURCE, TARGET)
    for i, length in enumerate((4, 2, 3)):
        alone = model(SOURCE[i : i + 1, :length], TARGET[i : i + 1])
        torch.testing.assert_close(together[i], alone[0])


def test_attention_looks_at_no_padding():
    model = translator(attention=True)
    memory = model.encode(SOURCE)
    _, _, weights = model.step(model.tok(TARGET[:, 0]), model.start(memory), memory)
    torch.testing.assert_close(weights.sum(1), torch.ones(3).double())
    assert weights[SOURCE == 0].eq(0).all()


@WITH_AND_WITHOUT
def test_no_token_sees_the_future(attention):
    model = translator(attention)
    changed = TARGET.clone()
    changed[:, 3] = 9
    assert torch.equal(model(SOURCE, TARGET)[:, :3], model(SOURCE, changed)[:, :3])


@WITH_AND_WITHOUT
def test_it_learns_and_writes_what_it_learnt(attention):
    torch.manual_seed(0)
    model = GRUTranslator(GRUConfig(vocab_size=15, d_model=16, attention=attention))
    first = model.loss(SOURCE, TARGET, smoothing=0.0)
    assert first.item() == pytest.approx(torch.tensor(15.0).log().item(), abs=0.6)
    fit(model, lambda step: (SOURCE, TARGET), 150, loss=lambda m, batch: m.loss(*batch), lr=0.02, progress=False)
    expected = [[11, 12, 13], [14], [4, 4]]
    assert texts(model.translate(SOURCE), stop=[2]) == expected
    ids = torch.ones(3, 1, dtype=torch.long)
    beams = beam(Writing(model, SOURCE), ids, n_beams=3, stop=(2,), max_new=8)
    assert texts(beams.ids[:, 0], stop=[2]) == expected


def test_a_source_of_padding_alone():
    with pytest.raises(ValueError, match="padding alone"):
        translator(attention=True).encode(torch.tensor([[5, 6], [0, 0]]))
