"""A reading as rows: rewritten sentences, observations with descriptors, accounts and losses, all or nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from ingest.reports.accounting import Account, accounts
from ingest.reports.answers import Answer
from ingest.reports.preservation import Violation
from ingest.reports.sources import Source
from ingest.reports.stages import Categorisation, Description, Extraction, Rewrite
from schema.queries.tables import (
    DESCRIPTOR,
    LOSS,
    OBSERVATION,
    OBSERVATION_SOURCE,
    READING,
    REWRITTEN_SENTENCE,
    REWRITTEN_SOURCE,
    SENTENCE_ACCOUNT,
)
from schema.report import EngineName, SentenceUse


@dataclass(frozen=True)
class Read:
    """All answers about one report."""

    source: Source
    rewrite: Answer
    extraction: Answer
    phrases: Mapping[str, tuple[Answer, Answer]]
    """The description and the categorisation of each observation's phrase."""

    @property
    def rewritten(self) -> Rewrite:
        """The rewritten report."""
        assert isinstance(self.rewrite.output, Rewrite)  # noqa: S101 - as the stage says
        return self.rewrite.output

    @property
    def extracted(self) -> Extraction:
        """What it observes."""
        assert isinstance(self.extraction.output, Extraction)  # noqa: S101 - as the stage says
        return self.extraction.output

    @property
    def accounts(self) -> list[Account]:
        """What became of each source sentence."""
        return accounts(len(self.source.sentence_ids), self.rewritten, self.extracted)

    def losses(self) -> Iterator[tuple[Violation, int | None, bool]]:
        """Give what was lost, the source sentence's row where one is known, and whether it was repaired."""
        first_source = [each.sources[0].sentence for each in self.rewritten.sentences]
        for answer, numbers in ((self.rewrite, range(len(self.source.sentence_ids))), (self.extraction, first_source)):
            for one, repaired in _losses(answer):
                place = None if one.sentence is None else numbers[one.sentence]
                yield one, None if place is None else self.source.sentence_ids[place], repaired
        for _, categorisation in self.phrases.values():
            yield from ((one, None, repaired) for one, repaired in _losses(categorisation))


def _losses(answer: Answer) -> Iterator[tuple[Violation, bool]]:
    yield from ((each, False) for each in answer.lost)
    yield from ((each, True) for each in answer.repaired)


def save_reading(session: Session, read: Read, engine: EngineName, version: str, categories: Mapping[str, int]) -> int:
    """Add a reading with all its rows, which becomes its report's latest, and give its id."""
    told = read.accounts
    reading = {
        "report_id": read.source.report_id,
        "engine": engine,
        "engine_version": version,
        "is_latest": True,
        "sentences": len(told),
        "flagged": sum(each.use is SentenceUse.FLAGGED for each in told),
    }
    key = int(session.execute(sa.insert(READING).values(reading).returning(READING.c.id)).scalar_one())
    rewritten = _save_rewritten(session, key, read)
    observations = _save_observations(session, key, read, categories)
    sources = [
        {"observation_id": observation, "rewritten_id": rewritten[number]}
        for observation, each in zip(observations, read.extracted.observations, strict=True)
        for number in sorted(set(each.sentences))
    ]
    _add(session, OBSERVATION_SOURCE, sources)
    _add(session, DESCRIPTOR, list(_descriptors(read, observations, version)))
    _add(
        session,
        SENTENCE_ACCOUNT,
        [_account_row(key, *each) for each in zip(read.source.sentence_ids, told, strict=True)],
    )
    _add(session, LOSS, [_loss_row(key, *each) for each in read.losses()])
    return key


def _add(session: Session, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        session.execute(sa.insert(table), rows)


def add_in_order(session: Session, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Add rows, and give their keys in the order of the rows."""
    if not rows:
        return []
    statement = sa.insert(table).returning(table.c.id, sort_by_parameter_order=True)
    return list(session.scalars(statement, rows))


def _save_rewritten(session: Session, key: int, read: Read) -> list[int]:
    rows = [
        {"reading_id": key, "position": n, "region": each.region, "text": each.text}
        for n, each in enumerate(read.rewritten.sentences)
    ]
    ids = add_in_order(session, REWRITTEN_SENTENCE, rows)
    links = {
        (rewritten, read.source.sentence_ids[link.sentence]): link.score
        for rewritten, each in zip(ids, read.rewritten.sentences, strict=True)
        for link in each.sources
    }
    sources = [{"rewritten_id": a, "sentence_id": b, "score": score} for (a, b), score in links.items()]
    _add(session, REWRITTEN_SOURCE, sources)
    return ids


def _save_observations(session: Session, key: int, read: Read, categories: Mapping[str, int]) -> list[int]:
    rows = []
    for n, each in enumerate(read.extracted.observations):
        categorised = read.phrases[each.phrase][1].output
        code = categorised.code if isinstance(categorised, Categorisation) else None
        said = {"phrase": each.phrase, "present": each.present, "refers_to_prior": each.refers_to_prior}
        category = {"category_code": code, "category_id": categories.get(code) if code else None}
        rows.append({"reading_id": key, "position": n, **said, **category})
    return add_in_order(session, OBSERVATION, rows)


def _descriptors(read: Read, observations: Sequence[int], version: str) -> Iterator[dict[str, Any]]:
    for observation, each in zip(observations, read.extracted.observations, strict=True):
        for row in descriptor_rows(read.phrases[each.phrase][0], version):
            yield {"observation_id": observation, **row}


def descriptor_rows(answer: Answer, version: str) -> Iterator[dict[str, Any]]:
    """Give the rows of a description, of whatever text it is."""
    described = answer.output.descriptors if isinstance(answer.output, Description) else ()
    for each in described:
        sizes_mm = list(each.sizes_mm) if each.sizes_mm else None
        values = {"kind": each.kind, "value": each.value, "sizes_mm": sizes_mm, "number": each.number}
        yield {**values, "start_char": each.start, "end_char": each.end, "engine_version": version}


def _account_row(key: int, sentence: int, account: Account) -> dict[str, Any]:
    return {"reading_id": key, "sentence_id": sentence, "use": account.use, "reason": account.reason}


def _loss_row(key: int, loss: Violation, sentence: int | None, repaired: bool) -> dict[str, Any]:
    return {"reading_id": key, "sentence_id": sentence, "kind": loss.kind, "what": loss.what, "repaired": repaired}
