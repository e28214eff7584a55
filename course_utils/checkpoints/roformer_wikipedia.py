"""RoFormer, pre-trained to find hidden sub-words on ninety-four articles.

BERT with rotary positions, of 4 layers, 128 wide; `bert_wikipedia` is the same with BERT's own table of positions. As
in lesson 10 its blocks start by adding nothing and are trained by Muon, and 30 % of the sub-words are hidden, not 15 %.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_utils.checkpoints import write_log

if TYPE_CHECKING:
    from torch import Tensor

    from course_utils.data import Article
    from course_utils.models.roformer import RoFormerForMaskedLM
    from course_utils.objectives.mlm import Masked
    from course_utils.text.wordpiece import WordPiece
    from course_utils.train.muon import Muon

NAME = "roformer_wikipedia"
STEPS, BATCH, LENGTH = 3000, 32, 64
HELD_OUT = 10  # every tenth article is for tests


def load() -> "tuple[RoFormerForMaskedLM, WordPiece]":
    """The model and its tokeniser."""
    from course_utils.data import data_path
    from course_utils.models.roformer import RoFormerForMaskedLM
    from course_utils.text.wordpiece import WordPiece

    folder = data_path("checkpoints", NAME)
    return RoFormerForMaskedLM.from_pretrained(folder), WordPiece.load(folder / "tokenizer.json")


def articles(held_out: bool = False) -> "list[Article]":
    """The Wikipedia articles that it has learnt from, or those that it has not seen."""
    from course_utils.data import wikipedia

    return [article for i, article in enumerate(wikipedia()) if (i % HELD_OUT == HELD_OUT - 1) == held_out]


def train(folder: Path, steps: int = STEPS, texts: "Sequence[Article] | None" = None) -> None:
    """Train, or go on where an interrupted run stopped, and write the checkpoint into the folder.

    `texts`: by default `articles()`. On one thread the default takes about ten minutes.
    """
    from course_utils.models.roformer import RoFormerForMaskedLM

    found = pretrain(NAME, RoFormerForMaskedLM, folder, steps, texts)
    if found is not None:
        model, tokeniser = found
        model.save_pretrained(folder)
        tokeniser.save(folder / "tokenizer.json")


def pretrain(
    name: str, build: Callable[..., Any], folder: Path, steps: int, texts: "Sequence[Article] | None"
) -> "tuple[Any, WordPiece] | None":
    """Train `build(config)` and write its log; the model and its tokeniser, or None if it was stopped by hand.

    The model has `loss(ids, words)`, and gives the scores of the words.
    """
    import torch

    from course_utils.models.bert import BertConfig
    from course_utils.text.wordpiece import WordPiece
    from course_utils.train import fit, sample_blocks

    texts = articles() if texts is None else texts
    tokeniser = WordPiece.train([text.text for text in texts], vocab_size=2000, min_count=200)
    blocks, test = sample_blocks(ids_of(tokeniser, texts), LENGTH, BATCH), held_out_rows(tokeniser)
    torch.manual_seed(0)
    model = shallow(build(BertConfig(len(tokeniser.vocab), 128, 4, 4, 512, dropout=0.0)))
    folder.mkdir(parents=True, exist_ok=True)
    start = time.process_time()
    history = fit(
        model,
        lambda step: blocks(step)[0],
        steps,
        loss=lambda model, rows: loss(model, rows, tokeniser),
        optimizer=muon(model),
        schedule=lambda step: min(1.0, (step + 1) / 100, (steps - step) / (0.7 * steps)),
        evaluate=lambda model: accuracy(model, test, tokeniser),
        every=100,
        checkpoint=folder / "run.pt",
    )
    if len(history) < steps:
        return None
    measured = "share of hidden sub-words found, on articles that were not trained on"
    write_log(folder, name, history.evaluations, time.process_time() - start, measured)
    for file in folder.glob("run.pt*"):
        file.unlink()
    return model, tokeniser


def shallow(model: Any) -> Any:
    """The model, changed so that its blocks add nothing at first: it learns sooner."""
    import torch

    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith(("out_proj.weight", "down.weight")):
                weight.zero_()
    return model


def muon(model: Any) -> "Muon":
    """Muon for the matrices of the blocks, Adam for everything else."""
    from course_utils.train.muon import Muon

    matrices = [p for name, p in model.named_parameters() if ".blocks." in name and p.ndim == 2]
    inside = {id(p) for p in matrices}
    return Muon(matrices, [p for p in model.parameters() if id(p) not in inside], lr=0.03, other_lr=0.006)


def ids_of(tokeniser: "WordPiece", texts: "Sequence[Article]") -> "Tensor":
    """All articles as one row of ids."""
    import torch

    return torch.tensor([i for text in texts for i in tokeniser.encode(text.text)])


def held_out_rows(tokeniser: "WordPiece", n: int = 500) -> "Tensor":
    """The first rows of the articles that are held out: (n, 64)."""
    return ids_of(tokeniser, articles(held_out=True))[: n * LENGTH].view(n, LENGTH)


def hide(ids: "Tensor", tokeniser: "WordPiece", rate: float, seed: int | None = None) -> "Masked":
    """Hide some sub-words: anew each time, or by a seed."""
    import torch

    from course_utils.objectives.mlm import mask_tokens
    from course_utils.text.wordpiece import SPECIAL

    return mask_tokens(
        ids,
        mask_id=tokeniser.vocab["[MASK]"],
        vocab_size=len(tokeniser.vocab),
        special=[tokeniser.vocab[name] for name in SPECIAL],
        rate=rate,
        generator=torch.default_generator if seed is None else seed,
    )


def loss(model: Any, rows: "Tensor", tokeniser: "WordPiece") -> "Tensor":
    """Mean nats per hidden sub-word, with 30 % of them hidden."""
    hidden = hide(rows, tokeniser, 0.3)
    return model.loss(hidden.ids, hidden.labels)


def accuracy(model: Any, rows: "Tensor", tokeniser: "WordPiece") -> float:
    """The share of hidden sub-words (15 %) that it finds."""
    import torch

    hidden = hide(rows, tokeniser, 0.15, seed=1)
    asked = hidden.labels >= 0
    with torch.no_grad():
        found = model(hidden.ids)[asked].argmax(-1)
    return (found == hidden.labels[asked]).double().mean().item()
