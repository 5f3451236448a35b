"""What the archive holds, as GraphQL shows it."""

from api.graphql.declare import described, graphql_type
from api.graphql.siblings import Reading
from api.graphql.vocabulary import BigInt
from schema.queries.status import archive_status


@graphql_type
class DatabaseStatus:
    """The server."""

    version: str
    embedded: bool = described("Whether it is this installation's own.")


@graphql_type
class Counts:
    """Rows that may be seen."""

    scans: int
    findings: int
    entities: int = described("Of accepted annotations.")
    reports: int = described("Those that have text.")
    sentences: int


@graphql_type
class ArrayBytes:
    """Bytes in the array store."""

    volume_bytes: BigInt
    mask_bytes: BigInt


@graphql_type
class Status:
    """What the archive holds."""

    database: DatabaseStatus
    counts: Counts
    arrays: ArrayBytes


def read_status(reading: Reading) -> Status:
    """Count everything."""
    found = archive_status(reading.session)
    names = ("scans", "findings", "entities", "reports", "sentences")
    return Status(
        database=DatabaseStatus(version=found.version, embedded=reading.services.database.embedded),
        counts=Counts(**{name: getattr(found, name) for name in names}),
        arrays=ArrayBytes(volume_bytes=BigInt(found.volume_bytes), mask_bytes=BigInt(found.mask_bytes)),
    )
