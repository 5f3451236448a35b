"""A BERT sentence encoder as an ONNX graph: token ids and mask in, unit vectors out.

The weights stay out of the serialised graph, which names them only: they are handed over in memory. Built so at every
start, it is ready in 0.1 s, and there is no file to keep.

Devlin et al. 2019 (arXiv:1810.04805) for the encoder; the mean over the tokens and the unit length are those of
Sentence-BERT (Reimers and Gurevych 2019, arXiv:1908.10084).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

Weights = Mapping[str, NDArray[np.float32]]
"""Tensors by the names of the Hugging Face BertModel; a dense layer's weight is (out, in)."""

OPSET = 20
IR_VERSION = 9
HIDDEN_FROM_SOFTMAX = float(np.finfo(np.float32).min)
"""Added to the score of what is padding, so that its share becomes exactly 0."""


@dataclass(frozen=True)
class BertShape:
    """What of a BERT model its weights do not tell."""

    layers: int
    heads: int
    epsilon: float


@dataclass(frozen=True)
class EncoderGraph:
    """A serialised ONNX model, and the tensors that it names but does not hold."""

    model: bytes
    tensors: Weights


@dataclass
class GraphBuilder:
    """Nodes, constants and tensors as they are added; every method gives the name of what it adds."""

    weights: Weights
    nodes: list[NodeProto] = field(default_factory=list)
    constants: list[TensorProto] = field(default_factory=list)
    tensors: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def add(self, operator: str, *inputs: str, **attributes: int | float | list[int]) -> str:
        """A node with one output."""
        output = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def integers(self, *values: int) -> str:
        """A constant, int64 of shape (value,)."""
        return self.constant(np.array(values, np.int64))

    def number(self, value: float) -> str:
        """A constant, float32 of shape (1,)."""
        return self.constant(np.array([value], np.float32))

    def constant(self, value: NDArray[np.int64] | NDArray[np.float32]) -> str:
        """A small tensor that is held by the graph itself."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def weight(self, name: str) -> str:
        """A weight as it is."""
        self.tensors[name] = self.weights[name]
        return name

    def dense(self, source: str, layer: str) -> str:
        """`source @ weight.T + bias`."""
        transposed = f"{layer}.weight.T"
        self.tensors[transposed] = np.ascontiguousarray(self.weights[f"{layer}.weight"].T)
        return self.add("Add", self.add("MatMul", source, transposed), self.weight(f"{layer}.bias"))

    def normalise(self, source: str, layer: str, epsilon: float) -> str:
        """Layer normalisation over the last axis."""
        scale, bias = self.weight(f"{layer}.weight"), self.weight(f"{layer}.bias")
        return self.add("LayerNormalization", source, scale, bias, epsilon=epsilon, axis=-1)


def build_graph(weights: Weights, shape: BertShape) -> EncoderGraph:
    """The model whose inputs `ids` and `mask`, int64 (text, token), give `vectors`, float32 (text, dimension).

    `mask` is 1 where there is a token and 0 where there is padding; every text has a token.

    Raises:
        KeyError: a weight is missing.
    """
    graph = GraphBuilder(weights)
    mask = graph.add("Cast", "mask", to=TensorProto.FLOAT)
    penalty = _mask_penalty(graph, mask)
    states = _embed_tokens(graph, shape)
    for index in range(shape.layers):
        states = _encode(graph, states, penalty, f"encoder.layer.{index}", shape)
    _pool(graph, states, mask)
    model = _to_model(graph, len(weights["embeddings.LayerNorm.bias"]))
    return EncoderGraph(model.SerializeToString(), graph.tensors)


def _mask_penalty(graph: GraphBuilder, mask: str) -> str:
    absent = graph.add("Sub", graph.number(1), mask)
    penalty = graph.add("Mul", absent, graph.number(HIDDEN_FROM_SOFTMAX))
    return graph.add("Unsqueeze", penalty, graph.integers(1, 2))


def _embed_tokens(graph: GraphBuilder, shape: BertShape) -> str:
    words = graph.add("Gather", graph.weight("embeddings.word_embeddings.weight"), "ids")
    length = graph.add("Shape", "ids", start=1)
    start, axis = graph.integers(0), graph.integers(0)
    places = graph.add("Slice", graph.weight("embeddings.position_embeddings.weight"), start, length, axis)
    kind = graph.constant(graph.weights["embeddings.token_type_embeddings.weight"][0])
    tokens = graph.add("Add", graph.add("Add", words, places), kind)
    return graph.normalise(tokens, "embeddings.LayerNorm", shape.epsilon)


def _encode(graph: GraphBuilder, states: str, penalty: str, layer: str, shape: BertShape) -> str:
    attended = graph.dense(_attend(graph, states, penalty, layer, shape), f"{layer}.attention.output.dense")
    states = graph.normalise(graph.add("Add", attended, states), f"{layer}.attention.output.LayerNorm", shape.epsilon)
    wide = graph.add("Gelu", graph.dense(states, f"{layer}.intermediate.dense"))
    narrow = graph.dense(wide, f"{layer}.output.dense")
    return graph.normalise(graph.add("Add", narrow, states), f"{layer}.output.LayerNorm", shape.epsilon)


def _attend(graph: GraphBuilder, states: str, penalty: str, layer: str, shape: BertShape) -> str:
    width = len(graph.weights[f"{layer}.attention.self.query.bias"])
    to_heads = graph.integers(0, 0, shape.heads, width // shape.heads)

    def project(name: str, axes: list[int]) -> str:
        projected = graph.dense(states, f"{layer}.attention.self.{name}")
        return graph.add("Transpose", graph.add("Reshape", projected, to_heads), perm=axes)

    query, key, value = project("query", [0, 2, 1, 3]), project("key", [0, 2, 3, 1]), project("value", [0, 2, 1, 3])
    root = graph.number(np.sqrt(width // shape.heads))
    scores = graph.add("Add", graph.add("Div", graph.add("MatMul", query, key), root), penalty)
    heads = graph.add("MatMul", graph.add("Softmax", scores, axis=-1), value)
    joined = graph.add("Transpose", heads, perm=[0, 2, 1, 3])
    return graph.add("Reshape", joined, graph.integers(0, 0, width))


def _pool(graph: GraphBuilder, states: str, mask: str) -> None:
    tokens = graph.add("Unsqueeze", mask, graph.integers(2))
    total = graph.add("ReduceSum", graph.add("Mul", states, tokens), graph.integers(1), keepdims=0)
    # The mean's divisor falls out of the unit length, so the sum is normalised as it is.
    graph.nodes.append(helper.make_node("LpNormalization", [total], ["vectors"], axis=-1, p=2))


def _to_model(graph: GraphBuilder, dimensions: int) -> ModelProto:
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["text", "token"]) for name in ("ids", "mask")]
    output = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["text", dimensions])
    initializers = graph.constants + [_name_tensor(name, value) for name, value in graph.tensors.items()]
    built = helper.make_graph(graph.nodes, "encoder", inputs, [output], initializers)
    return helper.make_model(built, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def _name_tensor(name: str, value: NDArray[np.float32]) -> TensorProto:
    tensor = TensorProto(name=name, dims=value.shape, data_type=TensorProto.FLOAT)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="memory")  # the format asks for one; no file of this name exists
    return tensor
