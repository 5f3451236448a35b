"""The ledger: every request to a language model, and the results of stages, each under the key that it is found by.

A request is committed by itself as soon as it ends, so that what it cost outlives a crash. A result is an output that
was accepted; it is kept once for a key, and a person's own, for whatever engine, stands before it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlmodel import Session

from ingest.reports.engine import Engine
from ingest.reports.stages import OUTPUTS, SCHEMA_VERSIONS, Stage, Strict, input_digest
from schema.database import Database
from schema.queries.tables import MODEL_CALL, STAGE_RESULT
from schema.report import EngineName


@dataclass(frozen=True)
class ResultKey:
    """What asks for the same: a stage in one version by one engine and model. With an input's digest it is unique."""

    stage: Stage
    engine: EngineName
    prompt_version: str
    model: str
    schema_version: str


@dataclass(frozen=True)
class Kept:
    """A result that stands."""

    id: int
    output: Strict
    engine: EngineName


@dataclass(frozen=True)
class CallDraft:
    """A request that ended: with an output of the stage's type, or with an error."""

    stage: Stage
    prompt_version: str
    model: str
    input_sha256: str
    parameters: Mapping[str, Any]
    latency_ms: int
    output: Strict | None = None
    error: str | None = None
    """Its kind, and what else may be told: never a word of what was asked or answered."""
    model_answered: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: Decimal | None = None


def key_of(engine: Engine, stage: Stage) -> ResultKey:
    """Give the key of what an engine answers now."""
    return ResultKey(stage, engine.name, engine.version(stage), engine.model, SCHEMA_VERSIONS[stage])


def add_call(database: Database, call: CallDraft) -> None:
    """Add a request, and commit it. Its attempt counts all requests for the same."""
    key = {
        "stage": call.stage,
        "prompt_version": call.prompt_version,
        "model": call.model,
        "schema_version": SCHEMA_VERSIONS[call.stage],
        "input_sha256": call.input_sha256,
    }
    same = (MODEL_CALL.c[name] == value for name, value in key.items())
    attempt = sa.select(sa.func.count() + 1).select_from(MODEL_CALL).where(*same).scalar_subquery()
    told = ("latency_ms", "error", "model_answered", "tokens_in", "tokens_out", "cost_usd")
    row = {name: getattr(call, name) for name in told}
    row |= {"parameters": dict(call.parameters), "output": _json(call.output) if call.output is not None else None}
    with database.transaction() as session:
        session.execute(sa.insert(MODEL_CALL).values(**key, **row, attempt=attempt))


def find_results(session: Session, key: ResultKey, digests: Collection[str]) -> dict[str, Kept]:
    """Give the results that stand for inputs, by digest: the last one of a person, or the engine's."""
    result = STAGE_RESULT.c
    by_person = result.engine == EngineName.PERSON
    by_engine = sa.and_(
        result.engine == key.engine, result.prompt_version == key.prompt_version, result.model == key.model
    )
    statement = (
        sa.select(result.input_sha256, result.id, result.output, result.engine)
        .ext(distinct_on(result.input_sha256))
        .where(result.stage == key.stage, result.schema_version == key.schema_version)
        .where(result.input_sha256.in_(digests), by_person | by_engine)
        .order_by(result.input_sha256, by_person.desc(), result.id.desc())
    )
    read = OUTPUTS[key.stage].model_validate
    return {digest: Kept(id_, read(output), engine) for digest, id_, output, engine in session.execute(statement)}


def add_results(session: Session, key: ResultKey, answers: Sequence[tuple[Strict, Strict]]) -> None:
    """Keep the outputs that were accepted, as pairs of input and output; whatever is kept already stays as it is."""
    if not answers:
        return
    statement = insert(STAGE_RESULT).on_conflict_do_nothing()
    rows = [_row(key, input_digest(asked)) | {"output": _json(output)} for asked, output in answers]
    if key.engine is not EngineName.OPENAI:
        session.execute(statement, rows)
        return
    for row in rows:
        session.execute(statement.values(row | {"model_call_id": _call_of(row)}))


def add_correction(session: Session, stage: Stage, asked: Strict, output: Strict, overrides: int | None) -> int:
    """Keep what a person says an input gives, linked to the result that it corrects, and give its id."""
    key = ResultKey(stage, EngineName.PERSON, "", "", SCHEMA_VERSIONS[stage])
    row = _row(key, input_digest(asked)) | {"output": _json(output), "overrides_id": overrides}
    statement = insert(STAGE_RESULT).values(row).returning(STAGE_RESULT.c.id)
    return int(session.execute(statement).scalar_one())


def first_outputs(session: Session, key: ResultKey, digests: Collection[str]) -> dict[str, Strict]:
    """Give what an engine said first of inputs, by digest, before it was asked to repair it, or corrected."""
    if key.engine is EngineName.OPENAI:
        return _first_called(session, key, digests)
    result = STAGE_RESULT.c
    same = (result[name] == value for name, value in asdict(key).items())
    statement = sa.select(result.input_sha256, result.output).where(*same, result.input_sha256.in_(digests))
    read = OUTPUTS[key.stage].model_validate
    return {digest: read(output) for digest, output in session.execute(statement)}


def _first_called(session: Session, key: ResultKey, digests: Collection[str]) -> dict[str, Strict]:
    call = MODEL_CALL.c
    statement = (
        sa.select(call.input_sha256, call.output)
        .ext(distinct_on(call.input_sha256))
        .where(call.stage == key.stage, call.prompt_version == key.prompt_version, call.model == key.model)
        .where(call.schema_version == key.schema_version, call.input_sha256.in_(digests), call.output.is_not(None))
        .order_by(call.input_sha256, call.id)
    )
    read = OUTPUTS[key.stage].model_validate
    return {digest: read(output) for digest, output in session.execute(statement)}


def _json(value: Strict) -> dict[str, Any]:
    plain: dict[str, Any] = value.model_dump(mode="json")
    return plain


def _row(key: ResultKey, digest: str) -> dict[str, Any]:
    return {
        "stage": key.stage,
        "engine": key.engine,
        "prompt_version": key.prompt_version,
        "model": key.model,
        "schema_version": key.schema_version,
        "input_sha256": digest,
    }


def _call_of(row: Mapping[str, Any]) -> sa.ScalarSelect[Any]:
    """The request whose output a result is; the last one, where several said the same."""
    same = (MODEL_CALL.c[name] == value for name, value in row.items() if name != "engine")
    return sa.select(sa.func.max(MODEL_CALL.c.id)).where(*same).scalar_subquery()


def last_call(session: Session) -> int:
    """Give the number of the last request; 0 where there is none."""
    return int(session.execute(sa.select(sa.func.coalesce(sa.func.max(MODEL_CALL.c.id), 0))).scalar_one())


def spending(session: Session, after: int = 0) -> list[dict[str, Any]]:
    """Sum the requests after one by stage, prompt version, model as asked and as answered.

    `cost_usd` sums what has a price; `unpriced` counts the requests that were answered and have none.
    """
    call = MODEL_CALL.c
    group = (call.stage, call.prompt_version, call.model, call.model_answered)
    unpriced = sa.and_(call.cost_usd.is_(None), call.tokens_in.is_not(None))
    sums = (
        sa.func.count().label("calls"),
        sa.func.count(call.error).label("failed"),
        sa.func.coalesce(sa.func.sum(call.tokens_in), 0).label("tokens_in"),
        sa.func.coalesce(sa.func.sum(call.tokens_out), 0).label("tokens_out"),
        sa.func.sum(call.cost_usd).label("cost_usd"),
        sa.func.count().filter(unpriced).label("unpriced"),
    )
    statement = sa.select(*group, *sums).where(call.id > after).group_by(*group).order_by(*group)
    return [dict(row) for row in session.execute(statement).mappings()]
