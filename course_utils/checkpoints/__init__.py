"""Small models that the project has trained itself, for what takes longer than a lesson: `data/checkpoints/`.

Each has a module here, with its recipe, and a folder there: config.json, model.safetensors and tokenizer.json, as
`transformers` reads them, and log.json, how the training went. `course train NAME` trains one anew and writes such a
folder.

    roformer_wikipedia   RoFormer with 2,000 sub-words, pre-trained on the Wikipedia articles (lesson 10)
    bert_wikipedia       the same with BERT's table of positions, its log alone, to compare with
"""

import json
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAMES = ("roformer_wikipedia", "bert_wikipedia")


def read_log(name: str) -> dict[str, Any]:
    """How the training of a checkpoint went; "evaluations" maps steps to what was measured after them."""
    from course_utils.data import data_path

    log = json.loads(data_path("checkpoints", name, "log.json").read_text(encoding="utf-8"))
    return log | {"evaluations": {int(step): found for step, found in log["evaluations"].items()}}


def write_log(folder: Path, name: str, evaluations: Mapping[int, Any], cpu_seconds: float, measured: str) -> None:
    """log.json: what was run, on what, and the evaluations by step.

    `cpu_seconds`: since the last start. `measured`: what the evaluations are, in words.
    """
    import torch

    log = {
        "command": f"course train {name}",
        "date": time.strftime("%Y-%m-%d"),
        "torch": torch.__version__,
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "steps": max(evaluations),
        "cpu_seconds": round(cpu_seconds),
        "measured": measured,
        "evaluations": {step: round(float(found), 4) for step, found in evaluations.items()},
    }
    (folder / "log.json").write_text(json.dumps(log, indent=1) + "\n", encoding="utf-8")
