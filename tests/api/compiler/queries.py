"""Random valid operations over the schema, with the names and ids of the archive of these tests in their arguments."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    Undefined,
    get_named_type,
    is_leaf_type,
)
from hypothesis import strategies as st

from api.graphql.schema import SCHEMA
from schema.identity import annotation_id, entity_id, finding_id
from tests.api.archive import COLLECTION

GRAPH = SCHEMA._schema
TOLD = {"roundDiff", "releaseDiff", "reviewQueue"}
"""Roots that are told by what commands tell them by, field by field."""
NOT_FROM_TABLES = {"search", "similarFindings", "entitiesAt", "status", *TOLD}
FINDINGS = [finding_id(COLLECTION, scan, n) for scan in ("train_1_a_1", "train_2_a_1", "valid_1_a_1") for n in (0, 1)]
ENTITIES = [entity_id(annotation_id(finding, name, None, 1), 1) for finding in FINDINGS for name in ("first", "second")]


def cursor_of(*key: Any) -> str:
    """Give a cursor with this sort key."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


NAMES: Mapping[str, Sequence[Any]] = {
    "asOf": ["base", "second", "second", "second", "base", "nothing"],
    "round": ["first", "second", "first", "second", "nothing"],
    "text": ["lobe", "nodule or mass", '"lower lobe" -bilateral', "mass"],
    "category": ["2d", "2c", "1a", "zz"],
    "categoryUnder": ["2", "1", "2d"],
    "patient": ["train_1", "valid_1"],
    "study": ["train_1_a", "valid_1_a", "train_2_a", "nothing"],
    "split": ["train", "test"],
    "protocol": ["partial"],
    "cohort": ["drawn", "nothing"],
    "reviewer": ["rae", "nothing"],
    "reason": ["mask_spills", "mask_elsewhere", "text_wrong", "nothing"],
    "contradicts": ["side", "count", "nothing"],
    "ontology": ["rexgroundingct", "nothing"],
    "after": [cursor_of("train_1_a_1", 0, "0" * 32), cursor_of("base", 0), cursor_of("zz", 0), "nothing"],
}
"""Texts by the name of their argument; what is not here is one of the names of scans, releases and rounds."""
SCANS = ["drawn", "train_1_a_1", "train_2_a_1.nii.gz", "valid_1_a_1", "valid_2_a_1", "first", "second", "base"]
DEEPEST = 5


@dataclass
class Operation:
    """An operation that is being drawn."""

    draw: Any
    fragments: list[str] = field(default_factory=list)
    variables: dict[str, tuple[str, Any]] = field(default_factory=dict)

    def text(self) -> str:
        selected = self.selection(GRAPH.query_type, 0)
        declared = ", ".join(f"${name}: {kind}" for name, (kind, _) in self.variables.items())
        return "\n".join([f"query Q{f'({declared})' if declared else ''} {selected}", *self.fragments])

    def values(self) -> dict[str, Any]:
        return {name: value for name, (_, value) in self.variables.items()}

    def one_of(self, values: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(values))

    def selection(self, kind: GraphQLObjectType, depth: int) -> str:
        names = [name for name, each in kind.fields.items() if self._fits(name, each, depth)]
        chosen = self.draw(st.lists(st.sampled_from(["__typename", *names]), min_size=1, max_size=4, unique=True))
        members = [self.member(name, kind, depth) for name in chosen]
        return "{ " + " ".join(members) + " }"

    def _fits(self, name: str, there: Any, depth: int) -> bool:
        return name not in NOT_FROM_TABLES and (depth < DEEPEST or is_leaf_type(get_named_type(there.type)))

    def member(self, name: str, kind: GraphQLObjectType, depth: int) -> str:
        if name == "__typename":
            return name
        there, alias = kind.fields[name], self.one_of(["", "", f"other_{name}: "])
        below = get_named_type(there.type)
        selected = "" if is_leaf_type(below) else " " + self.selection(below, depth + 1)
        text = f"{alias}{name}{self.arguments(there)}{self.directive()}{selected}"
        match self.one_of(["plain"] * 6 + ["inline", "named"]):
            case "inline":
                return f"... on {kind.name} {{ {text} }}"
            case "named":
                fragment = f"F{len(self.fragments)}"
                self.fragments.append(f"fragment {fragment} on {kind.name} {{ {text} }}")
                return f"...{fragment}"
        return text

    def directive(self) -> str:
        chosen = self.one_of([""] * 12 + [" @include(if: true)", " @skip(if: true)", " @skip(if: $switch)"])
        if "$switch" in chosen:
            self.variables.setdefault("switch", ("Boolean!", self.draw(st.booleans())))
        return str(chosen)

    def arguments(self, there: Any) -> str:
        given = []
        for name, argument in there.args.items():
            needed = isinstance(argument.type, GraphQLNonNull) and argument.default_value is Undefined
            if needed or name == "first" or self.draw(st.booleans()):
                given.append(f"{name}: {self.argument(name, argument.type)}")
        return f"({', '.join(given)})" if given else ""

    def argument(self, name: str, kind: Any) -> str:
        value = self.value(name, kind, 0)
        if self.draw(st.booleans()):
            variable = f"v{len(self.variables)}"
            self.variables[variable] = (str(kind), _as_json(value))
            return f"${variable}"
        return _as_literal(value)

    def value(self, name: str, kind: Any, depth: int) -> Any:
        if isinstance(kind, GraphQLNonNull):
            return self.value(name, kind.of_type, depth)
        if isinstance(kind, GraphQLList):
            return [self.value(name, kind.of_type, depth) for _ in range(self.draw(st.integers(0, 2)))]
        if isinstance(kind, GraphQLInputObjectType):
            return self._input(kind, depth)
        if isinstance(kind, GraphQLEnumType):
            return _Enum(self.one_of(list(kind.values)))
        return self._scalar(name, kind.name)

    def _input(self, kind: GraphQLInputObjectType, depth: int) -> dict[str, Any]:
        simple = {n: f for n, f in kind.fields.items() if depth < 2 or is_leaf_type(get_named_type(f.type))}
        needed = [n for n, f in simple.items() if isinstance(f.type, GraphQLNonNull)]
        chosen = self.draw(st.lists(st.sampled_from(list(simple)), max_size=2, unique=True))
        return {n: self.value(n, simple[n].type, depth + 1) for n in dict.fromkeys([*needed, *chosen])}

    def _scalar(self, name: str, kind: str) -> Any:
        match kind:
            case "Boolean":
                return self.draw(st.booleans())
            case "Int":
                return self.draw(st.integers(0, 3))
            case "Float":
                return self.one_of([0.0, 0.9, 1.0, 40.0, 100.0, -700.0])
            case "ID":
                return str(self.one_of([*FINDINGS, *ENTITIES]))
        return self.one_of(NAMES.get(name, SCANS))


class _Enum(str):
    """An enum's value, which in a query stands without quotes."""


def _as_literal(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_as_literal(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_as_literal, value)) + "]"
    if isinstance(value, _Enum):
        return str(value)
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"'.replace('"lower lobe"', '\\"lower lobe\\"') if isinstance(value, str) else repr(value)


def _as_json(value: Any) -> Any:
    return value


@st.composite
def operations(draw: Any) -> tuple[str, dict[str, Any]]:
    """A text and its variables' values."""
    operation = Operation(draw)
    return operation.text(), operation.values()
