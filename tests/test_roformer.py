"""RoFormer: equal to the official one, layer by layer, and it forgets where a text begins."""

import math

import pytest
import torch
import transformers
from parity import handed_on, scramble

from course_utils.blocks.positions import Rotary
from course_utils.models.bert import BertConfig
from course_utils.models.roformer import TINY, RoFormer, RoFormerForMaskedLM
from course_utils.weights import load_hf

# All sizes differ; a head has an even number of numbers, which rotary positions need.
CFG = BertConfig(vocab_size=43, d_model=20, n_layers=3, n_heads=5, d_ff=37, max_len=19, n_segments=4, dropout=0.0)
CLOSE = 1e-12  # float64 rounds at 1e-16; three layers with sums of 40 terms make 1e-14 of it
SEEN = 1e-2  # what the planted mistakes must exceed


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def pair():
    """The official model with random parameters, and ours with the same."""
    config = transformers.RoFormerConfig(
        vocab_size=CFG.vocab_size,
        hidden_size=CFG.d_model,
        embedding_size=CFG.d_model,
        num_hidden_layers=CFG.n_layers,
        num_attention_heads=CFG.n_heads,
        intermediate_size=CFG.d_ff,
        max_position_embeddings=CFG.max_len,
        type_vocab_size=CFG.n_segments,
    )
    theirs = transformers.RoFormerForMaskedLM(config)
    table = theirs.roformer.encoder.embed_positions.weight
    rounded = table.detach().double()
    scramble(theirs)
    with torch.no_grad():
        table.copy_(sines())
    assert difference([table], [rounded]) < 1e-6  # theirs is made in float32
    ours = RoFormerForMaskedLM(CFG).double().eval()
    load_hf(ours, theirs.state_dict(), RoFormerForMaskedLM.HF, RoFormerForMaskedLM.HF_IGNORE)
    return ours, theirs


def sines():
    """The angles of the paper, equation 15, in the order of the official table: all sines, then all cosines."""
    d_head = CFG.d_model // CFG.n_heads
    angles = [[m / 10_000 ** (2 * i / d_head) for i in range(d_head // 2)] for m in range(CFG.max_len)]
    return torch.tensor([[f(a) for f in (math.sin, math.cos) for a in row] for row in angles], dtype=torch.float64)


def batch():
    """Three texts of different lengths; 0 pads, and nothing else is 0."""
    mask = torch.arange(11) < torch.tensor([[11], [7], [4]])
    ids = torch.randint(1, CFG.vocab_size, mask.shape) * mask
    return ids, torch.randint(CFG.n_segments, mask.shape), mask


def difference(a, b):
    return max((x - y).abs().max().item() for x, y in zip(a, b, strict=True))


def test_every_layer_and_the_head_equal_the_official_ones():
    (ours, theirs), (ids, segments, mask) = pair(), batch()
    expected = theirs(ids, token_type_ids=segments, attention_mask=mask.long(), output_hidden_states=True)
    states = handed_on((ours.roformer.norm, *ours.roformer.blocks), lambda: ours(ids, segments, mask))
    assert len(states) == CFG.n_layers + 1
    real = mask[..., None]
    assert difference([s * real for s in states], [s * real for s in expected.hidden_states]) < CLOSE
    assert difference([ours(ids, segments, mask) * real], [expected.logits * real]) < CLOSE


def test_loss_and_gradients_equal_the_official_ones():
    (ours, theirs), ids = pair(), torch.randint(1, CFG.vocab_size, (3, 11))  # theirs gives the padding no gradient
    words = torch.where(torch.rand(ids.shape) < 0.4, torch.randint(CFG.vocab_size, ids.shape), -100)
    losses = ours.loss(ids, words), theirs(ids, labels=words).loss
    for loss in losses:
        loss.backward()
    assert difference(losses[:1], losses[1:]) < CLOSE
    for mine, other in (
        (ours.roformer.tok, theirs.roformer.embeddings.word_embeddings),
        (ours.roformer.blocks[1].attn.k_proj, theirs.roformer.encoder.layer[1].attention.self.key),
    ):
        assert difference([mine.weight.grad], [other.weight.grad]) < CLOSE


@pytest.mark.parametrize("mistake", ["halves", "no turning", "segments left out"])
def test_a_planted_mistake_is_seen(mistake):
    (ours, theirs), (ids, segments, mask) = pair(), batch()
    expected = theirs(ids, token_type_ids=segments, attention_mask=mask.long()).logits
    if mistake == "halves":
        ours.roformer.pos = Rotary(CFG.d_model // CFG.n_heads)
    elif mistake == "no turning":
        ours.roformer.pos.forward = lambda x, start=0: x
    else:
        segments = None
    assert difference([ours(ids, segments, mask)[mask]], [expected[mask]]) > SEEN


def test_only_distances_count():
    """The same text further to the right, behind padding that nobody looks at, has the same vectors."""
    model = scramble(RoFormer(CFG))
    ids = torch.randint(1, CFG.vocab_size, (2, 6))
    behind = torch.cat([torch.zeros(2, 5, dtype=torch.long), ids], 1)
    assert difference([model(behind, mask=behind > 0)[:, 5:]], [model(ids)]) < 1e-12  # float64


def test_initial_loss_is_that_of_knowing_nothing():
    ids = torch.randint(TINY.vocab_size, (16, 40))
    assert abs(RoFormerForMaskedLM(TINY).eval().loss(ids, ids).item() - math.log(TINY.vocab_size)) < 0.1


def test_saved_and_read_by_both(tmp_path):
    ours, ids = scramble(RoFormerForMaskedLM(CFG)).float(), batch()[0]
    ours.save_pretrained(tmp_path)
    theirs = transformers.RoFormerForMaskedLM.from_pretrained(tmp_path).eval()
    again = RoFormerForMaskedLM.from_pretrained(tmp_path)
    with torch.no_grad():
        assert difference([again(ids)], [ours(ids)]) == 0
        assert difference([theirs(ids, attention_mask=torch.ones_like(ids)).logits], [ours(ids)]) < 1e-3  # float32
