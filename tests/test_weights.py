"""Published weights: each tensor in its place or an error, and files that come back as they went."""

import json
import os
import pickle
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from course_utils.weights import (
    Part,
    config_from_hf,
    config_to_hf,
    load_hf,
    read_checkpoint,
    to_hf,
    write_checkpoint,
)


class Layer(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(d, d) for _ in range(3))
        self.up = nn.Linear(d, 2 * d)


class Model(nn.Module):
    """A table, two layers with q, k and v, and a lone number."""

    def __init__(self, d=3, n_layers=12):
        super().__init__()
        self.tok = nn.Embedding(7, d)
        self.blocks = nn.ModuleList(Layer(d) for _ in range(n_layers))
        self.temperature = nn.Parameter(torch.tensor(2.0))


NAMES = {
    "tok": Part("wte", copies=("lm_head",)),
    "blocks.{i}.q": Part("h.{i}.qkv", 0, 3, transposed=True),
    "blocks.{i}.k": Part("h.{i}.qkv", 1, 3, transposed=True),
    "blocks.{i}.v": Part("h.{i}.qkv", 2, 3, transposed=True),
    "blocks.{i}.up": "h.{i}.LayerNorm",
    "temperature": "temperature",
}


def published(model):
    """What their file would hold, written down without the map."""
    state = {"wte.weight": model.tok.weight, "temperature": model.temperature}
    for i, layer in enumerate(model.blocks):
        parts = [layer.q, layer.k, layer.v]
        state[f"h.{i}.qkv.weight"] = torch.cat([part.weight.T for part in parts], 1)
        state[f"h.{i}.qkv.bias"] = torch.cat([part.bias for part in parts])
        state[f"h.{i}.LayerNorm.weight"], state[f"h.{i}.LayerNorm.bias"] = layer.up.weight, layer.up.bias
    return {name: tensor.detach().clone() for name, tensor in state.items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_every_tensor_finds_its_place():
    source, model = Model(), Model()
    load_hf(model, published(source), NAMES)
    assert same(model.state_dict(), source.state_dict())
    assert same(to_hf(model, NAMES), published(source))


@pytest.mark.parametrize("prefix", ["", "transformer.", "blocks.", "h."])
def test_the_prefix_of_the_base_model_may_be_there_or_not(prefix):
    source, model = Model(), Model()
    state = {prefix + name: tensor for name, tensor in published(source).items()}
    load_hf(model, state | {"lm_head.weight": source.tok.weight}, NAMES)
    assert same(model.state_dict(), source.state_dict())


def test_the_old_names_of_norms_are_understood():
    source, model = Model(), Model()
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    state = {name.replace(x, y): t for x, y in [*old.items()] for name, t in published(source).items() if x in name}
    rest = {name: t for name, t in published(source).items() if "LayerNorm" not in name}
    load_hf(model, state | rest, NAMES)
    assert same(model.state_dict(), source.state_dict())


def test_all_mismatches_come_in_one_error_and_nothing_is_loaded():
    source, model = Model(), Model()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = published(source)
    del state["h.3.qkv.bias"], state["temperature"]
    state["wte.weight"] = torch.zeros(8, 3)
    state["h.1.qkv.weight"] = torch.zeros(3, 10)  # does not divide by 3
    state["h.12.LayerNorm.weight"] = torch.zeros(6, 3)
    state["cls.bias"] = torch.zeros(2)
    with pytest.raises(ValueError, match="the weights don't fit this Model") as caught:
        load_hf(model, state, NAMES, ignore=[r"pooler\.", r"bias$"])
    assert set(str(caught.value).splitlines()[1:]) == {
        "  tok.weight: shape (7, 3), and wte.weight has (8, 3)",
        "  temperature: missing: temperature",
        "  blocks.1.q.weight: shape (3, 3), and h.1.qkv.weight has (3, 10)",
        "  blocks.1.k.weight: shape (3, 3), and h.1.qkv.weight has (3, 10)",
        "  blocks.1.v.weight: shape (3, 3), and h.1.qkv.weight has (3, 10)",
        "  blocks.3.q.bias: missing: h.3.qkv.bias",
        "  blocks.3.k.bias: missing: h.3.qkv.bias",
        "  blocks.3.v.bias: missing: h.3.qkv.bias",
        "  unexpected: h.12.LayerNorm.weight (6, 3)",
        "  unexpected: cls.bias (2,)",
    }
    assert same(model.state_dict(), before)


@pytest.mark.parametrize("name", sorted(published(Model(n_layers=1))))
def test_no_tensor_may_be_missing_and_none_may_be_more(name):
    state = published(Model(n_layers=1))
    renamed = {**state, name + "_": state[name]}
    del renamed[name]
    with pytest.raises(ValueError, match=rf"missing: {name}\n(.|\n)*unexpected: {name}_"):
        load_hf(Model(n_layers=1), renamed, NAMES)
    with pytest.raises(ValueError, match=f"unexpected: {name}_"):
        load_hf(Model(n_layers=1), {**state, name + "_": state[name]}, NAMES)


def test_what_is_ignored_begins_with_the_expression():
    model, state = Model(), published(Model())
    load_hf(model, state | {"cls.x": torch.zeros(1), "h.0.mask": torch.ones(2)}, NAMES, [r"cls\.", r"h\.\d+\.mask"])
    with pytest.raises(ValueError, match=r"unexpected: h.0.cls.x \(1,\)"):
        load_hf(model, state | {"h.0.cls.x": torch.zeros(1)}, NAMES, [r"cls\."])


def test_a_copy_may_stand_alone_but_may_not_differ():
    source, model = Model(), Model()
    state = published(source)
    only_copy = {name: t for name, t in state.items() if name != "wte.weight"} | {"lm_head.weight": state["wte.weight"]}
    load_hf(model, only_copy, NAMES)
    assert same(model.state_dict(), source.state_dict())
    with pytest.raises(ValueError, match=r"wte.weight and lm_head.weight should be the same tensor, and differ"):
        load_hf(model, state | {"lm_head.weight": state["wte.weight"] + 1}, NAMES)


def test_a_tensor_that_the_map_forgets_is_an_error():
    names = {key: value for key, value in NAMES.items() if key != "temperature"}
    with pytest.raises(
        ValueError, match="temperature: the map of names has no place for it\n  unexpected: temperature"
    ):
        load_hf(Model(), published(Model()), names)
    with pytest.raises(ValueError, match="temperature: the map of names has no place"):
        to_hf(Model(), names)


@given(st.integers(1, 5), st.integers(1, 4), st.booleans(), st.randoms(use_true_random=False))
def test_packed_tensors_come_back_as_they_went(d, n, transposed, random):
    order = random.sample(range(n), n)
    names = {f"{i}": Part("packed", order[i], n, transposed) for i in range(n)}
    source, model = (nn.Sequential(*(nn.Linear(d, 2) for _ in range(n))) for _ in range(2))
    packed = to_hf(source, names)
    assert packed["packed.weight"].shape == ((d, 2 * n) if transposed else (2 * n, d))
    load_hf(model, packed, names)
    assert same(model.state_dict(), source.state_dict())


def test_other_number_types_are_converted_and_theirs_stays_its_own():
    source, model = Model().double(), Model()
    state = published(source)
    load_hf(model, state, NAMES)
    assert model.tok.weight.dtype == torch.float32
    with torch.no_grad():
        state["wte.weight"].zero_()
    assert model.tok.weight.abs().sum() > 0


# Files


@pytest.fixture
def tensors():
    return {"a.weight": torch.randn(3, 2), "b.weight": torch.randn(5)}


def test_a_checkpoint_comes_back_as_it_went(tmp_path):
    tensors, folder = to_hf(Model(), NAMES), tmp_path / "new" / "folder"
    write_checkpoint(folder, {"n": 3, "name": "é"}, tensors)
    config, again = read_checkpoint(folder)
    assert config == {"n": 3, "name": "é"}
    assert same(tensors, again)
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}  # without it transformers 4 refuses the file


def shards(folder, tensors, stem, save):
    files = {name: f"{stem}-{i:05}-of-{len(tensors):05}" for i, name in enumerate(tensors, 1)}
    for name, file in files.items():
        save({name: tensors[name]}, folder / file)
    return json.dumps({"metadata": {}, "weight_map": files})


def test_all_published_layouts_are_read(tmp_path, tensors):
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    index = tmp_path / "pytorch_model.bin.index.json"
    index.write_text(shards(tmp_path, tensors, "torch", torch.save), encoding="utf-8")
    assert same(read_checkpoint(tmp_path)[1], tensors)
    other = {name: tensor + 1 for name, tensor in tensors.items()}
    torch.save(other, tmp_path / "pytorch_model.bin")
    assert same(read_checkpoint(tmp_path)[1], other)
    index = tmp_path / "model.safetensors.index.json"
    for_each = {name: tensor + 2 for name, tensor in tensors.items()}
    index.write_text(
        shards(tmp_path, for_each, "safe", save_file).replace("of-00002", "of-00002.safetensors"), encoding="utf-8"
    )
    for path in tmp_path.glob("safe-*"):
        path.rename(f"{path}.safetensors")
    assert same(read_checkpoint(tmp_path)[1], for_each)
    save_file(tensors, tmp_path / "model.safetensors")
    assert same(read_checkpoint(tmp_path)[1], tensors)


class Harmful:
    def __reduce__(self):
        return os.mkdir, (os.environ["COURSE_USER_DIR"] + "/harm",)


@pytest.mark.parametrize("save", [torch.save, lambda what, path: path.write_bytes(pickle.dumps(what, protocol=2))])
def test_a_pickle_that_would_run_code_is_refused(tmp_path, save):
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    save({"a": Harmful()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ValueError, match="could run code: it is not loaded"):
        read_checkpoint(tmp_path)
    assert not os.path.exists(os.environ["COURSE_USER_DIR"] + "/harm")


def test_a_folder_without_a_checkpoint_says_what_it_needs(tmp_path, tensors):
    with pytest.raises(FileNotFoundError, match=r"needs config.json, and one of model.safetensors"):
        read_checkpoint(tmp_path)
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(FileNotFoundError, match=r"needs config.json"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("name", ["gpt2", "nobody/nothing", "no/such/folder/here"])
@pytest.mark.parametrize("offline", ["0", "1"])
def test_without_a_network_the_error_says_what_to_do(name, offline, monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline == "1")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=f"'{name}' is no folder here, and the Hugging Face hub did not give"):
        read_checkpoint(name)


# Configurations


@dataclass(frozen=True)
class Config:
    d_model: int = 8
    dropout: float = 0.1
    n_layers: int = 2


KEYS = {"hidden_size": "d_model", "hidden_dropout": "dropout", "attention_dropout": "dropout", "layers": "n_layers"}


def test_a_configuration_goes_to_theirs_and_back():
    config = config_to_hf(Config(d_model=6, dropout=0.2), KEYS, {"act": "gelu"})
    assert config == {"act": "gelu", "hidden_size": 6, "hidden_dropout": 0.2, "attention_dropout": 0.2, "layers": 2}
    assert config_from_hf(Config, config, KEYS, {"act": "gelu"}) == Config(d_model=6, dropout=0.2)
    theirs = {"hidden_size": 4, "hidden_dropout": 0.3, "attention_dropout": 0.0, "layers": None, "unknown": 1}
    assert config_from_hf(Config, theirs, KEYS, {"act": "gelu"}) == Config(4, 0.3, 2)


def test_what_our_model_cannot_be_is_an_error():
    with pytest.raises(ValueError, match=r"no model for Config: act='relu' and not 'gelu', tied=False and not True"):
        config_from_hf(Config, {"act": "relu", "tied": False, "eps": 1}, KEYS, {"act": "gelu", "tied": True, "eps": 1})
