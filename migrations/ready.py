"""A database that is ready to use: reached, migrated, with the ontology in it."""

from collections.abc import Iterator
from contextlib import contextmanager

from migrations.run import current, head, require_migrated, upgrade
from schema.database import Database, Role, open_database
from schema.ontology import rexgroundingct_ontology, save_ontology
from schema.settings import Settings


def prepare(database: Database) -> None:
    """Run the migrations that are missing, and add the ontology, as the owner."""
    with database.engine(Role.OWNER).connect() as connection:
        upgrade(connection)
    with database.transaction(Role.OWNER) as session:
        save_ontology(session, rexgroundingct_ontology())


@contextmanager
def ready_database(settings: Settings) -> Iterator[Database]:
    """Reach a database that is ready; an embedded one is prepared when it is not, another one is left as it is.

    Raises:
        ServerError: it cannot be reached.
        NotMigrated: it is not embedded, and not at this software's migration.
    """
    with open_database(settings) as database:
        with database.engine(Role.OWNER).connect() as connection:
            if database.embedded and current(connection) != head():
                prepare(database)
            else:
                require_migrated(connection)
        yield database
