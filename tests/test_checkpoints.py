"""The models that the project trained itself: what is stored is what its log says, and it can be made again."""

import json

import pytest
import torch
from torch.testing import assert_close

from course_utils.checkpoints import NAMES, bert_wikipedia, read_log
from course_utils.checkpoints import roformer_wikipedia as wiki
from course_utils.data import data_path
from course_utils.models.roformer import TINY, RoFormerForMaskedLM

FILES = {"config.json", "model.safetensors", "tokenizer.json", "log.json"}
KEPT = {"roformer_wikipedia": FILES, "bert_wikipedia": {"log.json"}}


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_checkpoint_is_complete_and_small(name):
    files = {file.name: file.stat().st_size for file in data_path("checkpoints", name).iterdir()}
    assert files.keys() == KEPT[name]
    assert sum(files.values()) < 6e6


def test_roformer_is_as_good_as_its_log_says():
    (model, pieces), log = wiki.load(), read_log(wiki.NAME)
    assert log["steps"] == wiki.STEPS == max(log["evaluations"])
    found = wiki.accuracy(model, wiki.held_out_rows(pieces), pieces)
    assert found == pytest.approx(log["evaluations"][log["steps"]], abs=0.005)  # another processor, other last digits


def test_both_logs_are_of_the_same_training():
    ours, theirs = map(read_log, NAMES)
    assert ours["evaluations"].keys() == theirs["evaluations"].keys()
    assert ours["measured"] == theirs["measured"]


def test_no_article_is_both_learnt_and_tested():
    learnt, tested = wiki.articles(), wiki.articles(held_out=True)
    assert not {article.title for article in learnt} & {article.title for article in tested}
    assert len(tested) == (len(learnt) + len(tested)) // wiki.HELD_OUT


def test_training_writes_what_transformers_reads(tmp_path):
    from transformers import PreTrainedTokenizerFast
    from transformers import RoFormerForMaskedLM as Official

    wiki.train(tmp_path, steps=2, texts=wiki.articles()[:4])
    assert {file.name for file in tmp_path.iterdir()} == FILES
    log = json.loads((tmp_path / "log.json").read_text(encoding="utf-8"))
    assert log["steps"] == 2
    assert log["evaluations"].keys() == {"2"}
    ours, theirs = (kind.from_pretrained(tmp_path).eval() for kind in (RoFormerForMaskedLM, Official))
    cutter = PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    ids = torch.tensor([cutter.encode("the city and the river")])
    with torch.no_grad():
        assert_close(ours(ids), theirs(ids).logits, rtol=0, atol=1e-4)  # float32


def test_of_bert_only_the_log_is_kept(tmp_path):
    bert_wikipedia.train(tmp_path, steps=1, texts=wiki.articles()[:4])
    assert {file.name for file in tmp_path.iterdir()} == {"log.json"}


def test_the_loss_counts_hidden_words_only():
    torch.manual_seed(0)
    model = bert_wikipedia.Words(TINY).eval()
    ids, words = torch.randint(TINY.vocab_size, (2, 3, 9))
    words[:, ::2] = -100
    expected = torch.nn.functional.cross_entropy(model(ids).transpose(1, 2), words, ignore_index=-100)
    assert_close(model.loss(ids, words), expected)
