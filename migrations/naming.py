"""What of a database belongs to the declared schema, for Alembic's comparison."""

from collections.abc import MutableMapping
from typing import Any

from schema.base import HIDDEN, OPEN

VECTOR_INDEX = "ix_embedding_vector_model_"
"""Indexes of vectors are made model by model, when a model is first used."""


def include_name(name: str | None, kind: str, _parents: MutableMapping[Any, Any]) -> bool:
    """Tell whether a schema of the database is ours; whatever stands in ours is compared."""
    return kind != "schema" or name in (None, OPEN, HIDDEN)


def include_object(_object: object, name: str | None, kind: str, _reflected: bool, _compared: object) -> bool:
    """Tell whether an object is part of the declared schema."""
    return not (kind == "index" and (name or "").startswith(VECTOR_INDEX)) and name != "alembic_version"
