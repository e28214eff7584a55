"""Published weights: into our models and out again, in the file format of the library `transformers`.

A model says with a map where its tensors stand in theirs, `{i}` being the number of a layer and a module standing for
its weight and bias. Nothing is skipped in silence: `load_hf` reports each tensor that does not fit, all at once.

>>> import torch
>>> model = torch.nn.ModuleDict({"q": torch.nn.Linear(2, 1), "k": torch.nn.Linear(2, 1)})
>>> names = {"q": Part("qk", 0, 2), "k": Part("qk", 1, 2)}  # theirs holds both, one above the other
>>> load_hf(model, {"qk.weight": torch.tensor([[1.0, 2.0], [3.0, 4.0]]), "qk.bias": torch.tensor([5.0, 6.0])}, names)
>>> model["k"].weight.tolist(), model["k"].bias.tolist()
([[3.0, 4.0]], [6.0])
>>> to_hf(model, names)["qk.bias"].tolist()
[5.0, 6.0]
"""

import json
import pickle
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

Config = TypeVar("Config")
Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True)
class Part:
    """Where one of our tensors stands: part `index` of the `n` equal parts of theirs, split over its outputs.

    `transposed`: their matrices are (inputs, outputs), as in GPT's `Conv1D`; a linear layer has (outputs, inputs).
    `copies`: other names under which the same tensor may be stored, once more or alone: tied heads.
    """

    name: str
    index: int = 0
    n: int = 1
    transposed: bool = False
    copies: tuple[str, ...] = ()


Names = Mapping[str, str | Part]


def load_hf(model: nn.Module, state_dict: Mapping[str, Tensor], names: Names, ignore: Iterable[str] = ()) -> None:
    """Copy their tensors into our model, each into its place.

    `names` maps our names to theirs. Those are written without the prefix of the base model ("bert.",
    "transformer."), which a state dict may have or not. `ignore`: regular expressions of their names that may be
    there and are not ours. The norms' old names, `LayerNorm.gamma` and `beta`, are understood.
    Errors: one ValueError that lists all that is missing, unexpected, of another shape, or differs between copies;
    the model is as before then.
    """
    places, new, faults = {}, {}, []
    ours = model.state_dict()
    for name in ours:
        try:
            places[name] = _place(name, names)
        except ValueError as fault:
            faults.append(str(fault))
    theirs = _plain({_modern(name): tensor for name, tensor in state_dict.items()}, places.values())
    for name, place in places.items():
        try:
            new[name] = _read(theirs, place, ours[name].shape)
        except ValueError as fault:
            faults.append(f"{name}: {fault}")
    known = {name for place in places.values() for name in (place.name, *place.copies)}
    allowed = [re.compile(pattern) for pattern in ignore]
    strange = [name for name in theirs if name not in known and not any(p.match(name) for p in allowed)]
    faults += [f"unexpected: {name} {tuple(theirs[name].shape)}" for name in strange]
    if faults:
        raise ValueError(f"the weights don't fit this {type(model).__name__}:\n  " + "\n  ".join(faults))
    model.load_state_dict(new)


def unfilled(kind: Callable[[Any], Model], config: Any) -> Model:
    """A model whose parameters hold anything, for `load_hf` to fill: drawing initial weights takes longer than that.

    Only for models all of whose tensors are in their state dict: others would be lost.
    """
    with torch.device("meta"):
        model = kind(config)
    return model.to_empty(device="cpu")


def to_hf(model: nn.Module, names: Names) -> dict[str, Tensor]:
    """The model's tensors under their names, parts joined, copies left out: what `load_hf` reads back."""
    parts: dict[Part, Tensor] = {}
    for name, tensor in model.state_dict().items():
        parts[_place(name, names)] = tensor
    theirs: dict[str, Tensor] = {}
    for place in parts:
        rows = [parts[replace(place, index=i)] for i in range(place.n)]
        joined = torch.cat(rows) if len(rows) > 1 else rows[0]
        theirs[place.name] = (joined.T if place.transposed and joined.ndim == 2 else joined).contiguous()
    return theirs


def _place(name: str, names: Names) -> Part:
    """Where `names` puts one of our tensors: by its own name or its module's, with or without the layer's number."""
    number = re.search(r"(?<=\.)\d+(?=\.)", name)
    layer = number.group() if number else ""
    for form in (name, name.replace(f".{layer}.", ".{i}.", 1)):
        module, _, kind = form.rpartition(".")
        for key, tail in ((form, ""), (module, f".{kind}")):
            if key in names:
                found = names[key]
                place = found if isinstance(found, Part) else Part(found)
                there, *copies = (text.replace("{i}", layer) + tail for text in (place.name, *place.copies))
                return replace(place, name=there, copies=tuple(copies))
    raise ValueError(f"{name}: the map of names has no place for it")


def _modern(name: str) -> str:
    return re.sub(r"LayerNorm\.gamma$", "LayerNorm.weight", re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", name))


def _plain(theirs: dict[str, Tensor], places: Iterable[Part]) -> dict[str, Tensor]:
    """Their tensors without the prefix, if most of those that we want have one."""
    wanted = {place.name for place in places}
    heads = Counter({"": len(wanted & set(theirs))})
    heads.update(name.partition(".")[0] + "." for name in theirs if name.partition(".")[2] in wanted)
    prefix = heads.most_common(1)[0][0]
    return {name.removeprefix(prefix): tensor for name, tensor in theirs.items()}


def _read(theirs: Mapping[str, Tensor], place: Part, shape: torch.Size) -> Tensor:
    """The tensor that stands at this place. Errors: ValueError if there is none, or none of this shape."""
    there = [name for name in (place.name, *place.copies) if name in theirs]
    if not there:
        raise ValueError(f"missing: {place.name}")
    whole = theirs[there[0]]
    if unlike := [name for name in there[1:] if not torch.equal(theirs[name], whole)]:
        raise ValueError(f"{there[0]} and {', '.join(unlike)} should be the same tensor, and differ")
    rows = whole.T if place.transposed and whole.ndim == 2 else whole
    size = shape[0] if shape else 0
    if rows.shape != (torch.Size([size * place.n, *shape[1:]]) if shape else shape):
        raise ValueError(f"shape {tuple(shape)}, and {there[0]} has {tuple(whole.shape)}")
    return rows[size * place.index : size * (place.index + 1)] if place.n > 1 else rows


FILES = (  # in the order in which they are looked for: one file, or a list of which tensor is in which file
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)


def read_checkpoint(name_or_folder: str | Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A published checkpoint's configuration and its tensors, from a folder or from the Hugging Face hub.

    A name that is no folder here, such as "gpt2", is fetched from the hub, or found where it was kept last time.
    Safetensors are preferred. Pickled files are read with `weights_only=True`: they can't run code here.
    Errors: FileNotFoundError if there is no such checkpoint, or the hub can't be reached; ValueError for a pickle
    that holds more than tensors.
    """
    folder = Path(name_or_folder)
    if not folder.is_dir():
        folder = _from_hub(str(name_or_folder))
    found = [name for name in FILES if (folder / name).is_file()]
    if not found or not (folder / "config.json").is_file():
        raise FileNotFoundError(f"{folder} is no checkpoint: it needs config.json, and one of {', '.join(FILES)}")
    names = [found[0]]
    if found[0].endswith(".json"):
        names = sorted(set(json.loads((folder / found[0]).read_text(encoding="utf-8"))["weight_map"].values()))
    tensors: dict[str, Tensor] = {}
    for name in names:
        tensors |= _read_file(folder / name)
    return json.loads((folder / "config.json").read_text(encoding="utf-8")), tensors


def write_checkpoint(folder: str | Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """config.json and model.safetensors, as `transformers` reads them. The folder is made if it is not there."""
    from safetensors.torch import save_file

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    save_file(dict(tensors), folder / "model.safetensors", metadata={"format": "pt"})


def _from_hub(name: str) -> Path:
    """The folder in which the hub's library keeps this repository's files."""
    from huggingface_hub import snapshot_download

    try:
        for weights in (["model.safetensors", "model-*.safetensors"], ["pytorch_model.bin", "pytorch_model-*.bin"]):
            patterns = ["config.json", *weights, weights[0] + ".index.json"]
            folder = Path(snapshot_download(name, allow_patterns=patterns))
            if any((folder / file).is_file() for file in FILES):
                break
    except Exception as error:
        raise FileNotFoundError(
            f"{name!r} is no folder here, and the Hugging Face hub did not give it ({type(error).__name__}). Give a "
            f"folder with config.json and model.safetensors, or the name of a repository, such as 'gpt2', while online"
        ) from error
    return folder


def _read_file(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(f"{path} holds more than tensors, which could run code: it is not loaded") from error


def config_from_hf(
    kind: type[Config], config: Mapping[str, Any], keys: Mapping[str, str], fixed: Mapping[str, Any]
) -> Config:
    """Our configuration from theirs. `keys`: their name of each number to ours; the first counts where two share one.

    `fixed`: what must be so, because our model can't be otherwise. What theirs leaves out is as in our defaults.
    Errors: ValueError that lists everything which is not as in `fixed`.
    """
    given = {key: value for key, value in config.items() if value is not None}
    wrong = [
        f"{key}={given[key]!r} and not {value!r}" for key, value in fixed.items() if given.get(key, value) != value
    ]
    if wrong:
        raise ValueError(f"this checkpoint is no model for {kind.__name__}: {', '.join(wrong)}")
    return kind(**{our: given[key] for key, our in reversed(list(keys.items())) if key in given})


def config_to_hf(config: Any, keys: Mapping[str, str], fixed: Mapping[str, Any]) -> dict[str, Any]:
    """Their configuration from ours: the inverse of `config_from_hf`."""
    return {**fixed, **{key: getattr(config, our) for key, our in keys.items()}}
