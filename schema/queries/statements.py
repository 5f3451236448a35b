"""Statements compiled once to their text, and the values that come with each sending."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlmodel import Session

from schema.queries.slots import Slot

NAMED: PGDialect = PGDialect_psycopg()  # type: ignore[no-untyped-call]
"""As SQLAlchemy's connections send a text."""


@dataclass(frozen=True)
class Parameter:
    """A value of a sending, always the same or in a slot, and how PostgreSQL takes it."""

    value: Any
    process: Callable[[Any], Any] | None

    def of(self, given: Any) -> Any:
        """Give it for what is given with a sending."""
        value = self.value.value(given) if isinstance(self.value, Slot) else self.value
        return value if self.process is None else self.process(value)


@dataclass(frozen=True)
class Statement:
    """A statement as PostgreSQL takes it, and its parameters by name, in the order in which they are numbered."""

    text: str
    parameters: Mapping[str, Parameter]

    def values(self, given: Any) -> dict[str, Any]:
        """Give the parameters for what is given with a sending.

        Raises:
            ReadMistake: a value cannot be used.
        """
        return {name: each.of(given) for name, each in self.parameters.items()}

    def send(self, session: Session, given: Any, *, before: str = "") -> sa.CursorResult[Any]:
        """Send it by a session, with something before it."""
        return session.connection().exec_driver_sql(before + self.text, self.values(given))


def make_statement(statement: sa.Select[*tuple[Any, ...]], dialect: PGDialect = NAMED) -> Statement:
    """Compile a statement to text, and find its parameters."""
    compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    values = compiled.params
    names = compiled.positiontup if compiled.positiontup is not None else list(values)
    parameters = {name: _parameter(values[name], compiled.binds.get(name), dialect) for name in names}
    return Statement(str(compiled), parameters)


def _parameter(value: Any, bind: sa.BindParameter[Any] | None, dialect: PGDialect) -> Parameter:
    process = None if bind is None else bind.type.dialect_impl(dialect).bind_processor(dialect)
    if isinstance(value, Slot):
        return Parameter(value, process)
    return Parameter(value if process is None else process(value), None)
