"""How Alembic meets the database: the caller's connection, one transaction a migration, short waits for locks."""

from alembic import context
from sqlalchemy import text
from sqlalchemy.engine import Connection

from migrations.naming import include_name, include_object
from schema.tables import METADATA

LOCK_KEY = 0x67726F756E64
"""The advisory lock that lets only one process migrate at a time."""


def _migrate(connection: Connection) -> None:
    connection.execute(text("SET lock_timeout = '10s'"))
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK_KEY})
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        include_schemas=True,
        include_name=include_name,
        include_object=include_object,
        transaction_per_migration=True,
    )
    try:
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK_KEY})
        connection.execute(text("RESET lock_timeout"))
        connection.commit()


_migrate(context.config.attributes["connection"])
