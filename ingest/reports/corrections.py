"""Corrections: what a person says a stage should have answered. They stand before every engine's results.

A correction is made from a document that names study, stage, input and output: as it stands, with another output. A
reading is whole, so every report that the correction is about is read anew.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError
from sqlmodel import Session

from ingest.reports.engine import Engine
from ingest.reports.ledger import Kept, add_correction, find_results, key_of
from ingest.reports.preservation import violations
from ingest.reports.sources import Source, get_study_id, read_sources, readable_reports
from ingest.reports.stages import (
    INPUTS,
    OUTPUTS,
    Extraction,
    Phrase,
    Rewrite,
    RewrittenReport,
    Stage,
    Strict,
    input_digest,
    misfits,
)
from schema.errors import NotFound, SourceError
from schema.queries.tables import OBSERVATION, READING
from schema.report import EngineName, LossKind


class Stand(Strict):
    """What stands for one input of a study's report; with another output, a correction of it."""

    study: str
    stage: Stage
    input: dict[str, Any]
    output: dict[str, Any]


def standing(session: Session, engine: Engine, study: str, stage: Stage) -> list[Stand]:
    """Give what stands for a study's reports in a stage: one for a report, or one for each phrase.

    Raises:
        NotFound: there is no such study, or nothing was answered yet.
    """
    study_id = get_study_id(session, study)
    found = [
        Stand(study=study, stage=stage, input=asked.model_dump(mode="json"), output=kept.output.model_dump(mode="json"))
        for source in read_sources(session, readable_reports(session, study_id))
        for asked, kept in _kept(session, engine, source, stage)
    ]
    if not found:
        raise NotFound(f"nothing was answered to {stage} of {study}: run `groundct reports process --study {study}`")
    return found


def _kept(session: Session, engine: Engine, source: Source, stage: Stage) -> Iterator[tuple[Strict, Kept]]:
    for asked in _inputs(session, engine, source, stage):
        if (kept := _find(session, engine, stage, asked)) is not None:
            yield asked, kept


def _inputs(session: Session, engine: Engine, source: Source, stage: Stage) -> list[Strict]:
    if stage is Stage.REWRITE:
        return [source.text]
    before = Stage.REWRITE if stage is Stage.EXTRACT else Stage.EXTRACT
    for _, kept in _kept(session, engine, source, before):
        match kept.output:
            case Rewrite(sentences=sentences):
                return [RewrittenReport(sentences=sentences)]
            case Extraction(observations=observations):
                return [Phrase(text=text) for text in dict.fromkeys(each.phrase for each in observations)]
    return []


def _find(session: Session, engine: Engine, stage: Stage, asked: Strict) -> Kept | None:
    digest = input_digest(asked)
    return find_results(session, key_of(engine, stage), [digest]).get(digest)


def read_corrections(path: Path) -> list[Stand]:
    """Read a file of documents as `standing` gives them.

    Raises:
        SourceError: it cannot be read, or is none.
    """
    try:
        return TypeAdapter(list[Stand]).validate_json(path.read_bytes())
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror})") from error
    except ValidationError as error:
        raise SourceError(f"{path}: {_first(error)}; `groundct reports show STUDY --stage STAGE` gives one") from error


def correct(session: Session, engine: Engine, given: Stand) -> list[int]:
    """Keep a correction, and give the reports that are to be read anew; none where it says what stands already.

    Raises:
        SourceError: the output is none of the stage, says what the input does not have, or names no code; or the input
            is none that was answered.
    """
    asked, output = _read(given)
    where = f"{given.study}, {given.stage}"
    if wrong := misfits(asked, output):
        raise SourceError(f"{where}: {wrong[0]}")
    if wrong := [str(each) for each in violations(asked, output) if each.kind is LossKind.CODE]:
        raise SourceError(f"{where}: {wrong[0]}")
    kept = _find(session, engine, given.stage, asked)
    if kept is None:
        raise SourceError(f"{where}: nothing was answered to this input; take it from `groundct reports show`")
    if kept.output == output:
        return []
    add_correction(session, given.stage, asked, output, overrides=kept.id)
    if isinstance(asked, Phrase):
        return _reports_with(session, asked.text)
    return readable_reports(session, get_study_id(session, given.study))


def _read(given: Stand) -> tuple[Strict, Strict]:
    try:
        return INPUTS[given.stage].model_validate(given.input), OUTPUTS[given.stage].model_validate(given.output)
    except ValidationError as error:
        raise SourceError(f"{given.study}, {given.stage}: {_first(error)}") from error


def _first(error: ValidationError) -> str:
    one = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, one['loc']))}: {one['msg']}"


def _reports_with(session: Session, phrase: str) -> list[int]:
    rows = READING.join(OBSERVATION, OBSERVATION.c.reading_id == READING.c.id)
    said = (READING.c.is_latest, OBSERVATION.c.phrase == phrase, READING.c.engine != EngineName.SOURCE)
    return list(session.scalars(sa.select(READING.c.report_id).select_from(rows).where(*said).distinct()))
