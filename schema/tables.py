"""Every table in one place: import this module, and `METADATA` is the whole database."""

from schema import (  # noqa: F401 - importing them declares their tables
    agreement,
    annotation,
    cohort,
    collection,
    descriptor,
    embedding,
    evaluation,
    finding,
    handout,
    import_run,
    location,
    model_call,
    ontology,
    organ,
    reasoning,
    release,
    report,
    review,
    round,
    scan,
    text_check,
    token,
)
from schema.base import Table, copy_to_hidden, write_comments

write_comments()
copy_to_hidden()

METADATA = Table.metadata
