"""Texts to vectors: what every embedder offers, and the one that runs here by onnxruntime."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from compute.embedder.graph import EncoderGraph, build_graph
from compute.embedder.weights import EncoderFiles, load_files
from schema.errors import ModelError

BATCH = 32
"""Texts a run; larger batches were no faster."""


class Embedder(Protocol):
    """A model that turns texts into vectors; vectors of different names or versions must not be compared."""

    @property
    def name(self) -> str:
        """The model's name, as people know it."""

    @property
    def version(self) -> str:
        """What tells its weights from others of that name."""

    @property
    def dimensions(self) -> int:
        """The length of a vector."""

    def knows(self, text: str) -> bool:
        """Tell whether it can give a text a vector."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, float32 of shape (text, dimension), in the order of the texts; (0, dimension) for none.

        Raises:
            ModelError: the model fails or cannot be reached.
        """


class LocalEmbedder:
    """A BERT sentence encoder on this machine's processor; threads may share it.

    Longer texts than the model knows (256 tokens for all-MiniLM-L6-v2) count up to there. A text's vector does not
    depend on the others beside it by more than 1e-5, and is the same at every run.
    """

    def __init__(self, files: EncoderFiles, *, threads: int = 2) -> None:
        self.name = files.name
        self.version = files.version
        self._tokenizer = _open_tokenizer(files)
        self._session = _open_session(files, threads)
        self.dimensions = int(self._session.get_outputs()[0].shape[1])
        self.embed(["weights that do not fit one another fail at the first run"])

    def knows(self, text: str) -> bool:  # noqa: ARG002 - of every embedder
        """Tell that any text can be given a vector."""
        return True

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, float32 of shape (text, dimension), in the order of the texts; (0, dimension) for none."""
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        encodings = self._tokenizer.encode_batch(list(texts))
        for places in _batches([len(encoding.ids) for encoding in encodings]):
            ids, mask = _pad([encodings[place] for place in places])
            vectors[places] = self._run(ids, mask)
        return vectors

    def _run(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        try:
            return np.asarray(self._session.run(["vectors"], {"ids": ids, "mask": mask})[0])
        except Exception as error:  # onnxruntime's errors have no root of their own
            raise ModelError(f"embedding model {self.name} fails; copy its folder again ({error})") from error


def open_embedder(model: str, *, threads: int = 2) -> Embedder:
    """The embedder for `all-MiniLM-L6-v2`, whose files are installed with the software, or for a folder of files.

    Opening takes some 0.3 s, a third of it to see that the weights are the original ones.

    Raises:
        ModelError: the files are missing, damaged, not the original ones, or of a model that is not understood.
    """
    return LocalEmbedder(load_files(model), threads=threads)


def _open_tokenizer(files: EncoderFiles) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_str(files.tokenizer)
    except Exception as error:  # the tokenizers package raises bare Exception
        raise ModelError(f"the tokenizer.json of {files.name} cannot be used: {error}") from error
    tokenizer.enable_truncation(files.max_tokens)
    tokenizer.no_padding()
    return tokenizer


def _open_session(files: EncoderFiles, threads: int) -> onnxruntime.InferenceSession:
    try:
        graph = build_graph(files.weights, files.shape)
        return onnxruntime.InferenceSession(graph.model, _options(graph, threads), providers=["CPUExecutionProvider"])
    except KeyError as error:
        raise ModelError(f"the weights of {files.name} lack {error}: copy the model's folder again") from error
    except Exception as error:  # onnxruntime's errors have no root of their own
        raise ModelError(f"the weights of {files.name} do not fit its config.json: {error}") from error


def _options(graph: EncoderGraph, threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what is wrong is raised; standard error belongs to the caller
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # a waiting thread takes what others need
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(tensor) for tensor in graph.tensors.values()]
    options.add_external_initializers(list(graph.tensors), values)
    return options


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places of texts, those of like length together, so that little is padding."""
    order = sorted(range(len(lengths)), key=lambda place: lengths[place])
    for start in range(0, len(order), BATCH):
        yield order[start : start + BATCH]


def _pad(encodings: Sequence[Encoding]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Token ids and mask, both (text, token), as long as the longest text."""
    shape = len(encodings), max(len(encoding.ids) for encoding in encodings)
    ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for row, encoding in enumerate(encodings):
        ids[row, : len(encoding.ids)] = encoding.ids
        mask[row, : len(encoding.ids)] = 1
    return ids, mask
