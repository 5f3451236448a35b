"""What imports share of the database's manners: the lock that keeps arrays, and what is said when it goes away."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from schema.database import LOCK_ARRAYS, Database, first_line
from schema.errors import ServerError


@contextmanager
def arrays_kept(database: Database) -> Iterator[None]:
    """Keep garbage collection away while arrays are written whose rows are not yet committed."""
    with database.engine().connect() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_lock_shared(LOCK_ARRAYS)))
        connection.commit()
        try:
            yield
        finally:
            with suppress(OperationalError):  # a connection that is gone has taken its lock along
                connection.rollback()
                connection.execute(sa.select(sa.func.pg_advisory_unlock_shared(LOCK_ARRAYS)))


def database_gone(error: OperationalError) -> ServerError:
    """Say that the database went away within an import, and what to do."""
    what = f"the database went away ({first_line(error)}); what was imported stays: run the same command to go on"
    return ServerError(what)
