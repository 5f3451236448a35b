"""What all tables share: metadata with named constraints, comments from docstrings, the three PostgreSQL schemas.

`public` holds what everybody may see. What a hidden split must not show stands in tables that exist twice, as the
same models: in `open`, and in `hidden`, on which the role `groundct_api` has no grant at all.
"""

from collections.abc import Iterator
from enum import Enum
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlmodel import Field, SQLModel
from sqlmodel._compat import SQLModelConfig

OPEN = "open"
HIDDEN = "hidden"
API_ROLE = "groundct_api"
EDITOR_ROLE = "groundct_editor"
"""Who changes things over the network; nobody logs in as this one, the API's role acts as it."""

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Table(SQLModel):
    """The base of every table in `public`; docstrings of classes and fields become comments in the database."""

    model_config = SQLModelConfig(use_attribute_docstrings=True, arbitrary_types_allowed=True)
    metadata: ClassVar[sa.MetaData] = sa.MetaData(naming_convention=_NAMES)


class HideableTable(Table):
    """The base of every table that stands in `open` and, for hidden splits, once more in `hidden`."""


def enum_column(kind: type[Enum]) -> sa.Enum:
    """Give the PostgreSQL enum of a Python one: named in snake case, holding its values, standing in `public`."""
    name = "".join(f"_{c.lower()}" if c.isupper() else c for c in kind.__name__).lstrip("_")
    return sa.Enum(kind, name=name, values_callable=lambda k: [m.value for m in k], inherit_schema=False)


def identity(description: str = "Key, made by the database.") -> Any:
    """Give the field of a bigint key that the database makes."""
    column = sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True, comment=description)
    return Field(default=None, sa_column=column)


def now_column() -> Any:
    """Give the field of a time stamp that the database sets."""
    return Field(default=None, sa_type=sa.DateTime(timezone=True), sa_column_kwargs={"server_default": sa.func.now()})


def three_positive(column: str) -> sa.CheckConstraint:
    """Check that an array column holds three positive numbers."""
    positive = " AND ".join(f"{column}[{n}] > 0" for n in (1, 2, 3))
    return sa.CheckConstraint(f"cardinality({column}) = 3 AND {positive}", name=f"{column}_three_positive")


def digest_check(column: str) -> sa.CheckConstraint:
    """Check that a text column holds a sha256 in lower-case hex."""
    return sa.CheckConstraint(f"{column} ~ '^[0-9a-f]{{64}}$'", name=f"{column}_is_sha256")


def subclasses(cls: type[Table]) -> Iterator[type[Table]]:
    """Give every table model below a base."""
    for child in cls.__subclasses__():
        if "__table__" in vars(child):
            yield child
        yield from subclasses(child)


def write_comments() -> None:
    """Copy the docstrings of models and fields to their tables and columns, as comments."""
    for model in subclasses(Table):
        table: sa.Table = model.__table__  # type: ignore[attr-defined]
        table.comment = " ".join((model.__doc__ or "").split())
        for name, field in model.model_fields.items():
            if field.description and table.c[name].comment is None:
                table.c[name].comment = " ".join(field.description.split())


def hideable_tables() -> list[sa.Table]:
    """Give the tables of `open`, parents before children."""
    return [table for table in Table.metadata.sorted_tables if table.schema == OPEN]


def copy_to_hidden() -> None:
    """Add the twin in `hidden` of every table in `open` to the metadata."""
    for table in hideable_tables():
        twin = table.to_metadata(
            Table.metadata,
            schema=HIDDEN,
            referred_schema_fn=lambda _table, _to_schema, _constraint, referred: (
                HIDDEN if referred == OPEN else referred
            ),
        )
        for column in table.columns:
            twin.c[column.name].type = column.type  # a copied enum would become a second type in `hidden`
