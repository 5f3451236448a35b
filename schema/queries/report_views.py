"""What rows of reports are in SQL: reports, sentences, and what the latest reading made of them."""

from dataclasses import replace
from functools import lru_cache

import sqlalchemy as sa

from schema.queries.scope import NOW, Scope
from schema.queries.tables import (
    DESCRIPTOR,
    FINDING,
    FINDING_SENTENCE,
    OBSERVATION,
    OBSERVATION_SOURCE,
    READING,
    REPORT,
    REWRITTEN_SENTENCE,
    REWRITTEN_SOURCE,
    SENTENCE,
    SENTENCE_ACCOUNT,
    SENTENCE_ALIGNMENT,
    STUDY,
)
from schema.queries.views import Expression, View, columns_of, findings

REPORT_SECTIONS = ("clinical_information", "technique", "findings", "impression")


@lru_cache(maxsize=64)
def reports(_scope: Scope = NOW) -> View:
    """Reports by study, one a language, English before others."""
    names = ("id", "study_id", "language", "machine_translated", *REPORT_SECTIONS)
    return View(
        REPORT.join(STUDY, STUDY.c.id == REPORT.c.study_id),
        {**columns_of(REPORT, *names), "study": STUDY.c.name},
        order=(STUDY.c.name, sa.not_(REPORT.c.language.startswith("en")), REPORT.c.language, REPORT.c.id),
        settled={"study_id": 1},
    )


@lru_cache(maxsize=64)
def sentences(_scope: Scope = NOW) -> View:
    """Sentences of reports in their order, with what the latest reading made of them."""
    return View(
        _with_account(SENTENCE),
        {
            **columns_of(SENTENCE, "id", "report_id", "section", "start_char", "end_char", "text"),
            **columns_of(SENTENCE_ACCOUNT, "use", "reason"),
            "score": sa.cast(sa.null(), sa.Double),
        },
        order=(SENTENCE.c.report_id, SENTENCE.c.section, SENTENCE.c.start_char, SENTENCE.c.id),
        settled={"report_id": 1},
    )


def _with_account(rows: sa.FromClause) -> sa.FromClause:
    read = sa.and_(READING.c.report_id == SENTENCE.c.report_id, READING.c.is_latest)
    account = sa.and_(SENTENCE_ACCOUNT.c.sentence_id == SENTENCE.c.id, SENTENCE_ACCOUNT.c.reading_id == READING.c.id)
    return rows.outerjoin(READING, read).outerjoin(SENTENCE_ACCOUNT, account)


def _sentences_reached(
    scope: Scope, by: sa.FromClause, sentence: Expression, score: Expression, **reached: Expression
) -> View:
    """Give sentences joined to what reaches them, with the score of that."""
    plain = sentences(scope)
    rows = _with_account(by.join(SENTENCE, SENTENCE.c.id == sentence))
    return replace(plain, rows=rows, fields={**plain.fields, "score": score}, reached=reached, settled={})


@lru_cache(maxsize=64)
def sentences_of_findings(scope: Scope = NOW) -> View:
    """Sentences by the findings that they say."""
    by = FINDING_SENTENCE
    return _sentences_reached(scope, by, by.c.sentence_id, by.c.score, finding_id=by.c.finding_id)


@lru_cache(maxsize=64)
def originals(scope: Scope = NOW) -> View:
    """Sentences of originals by those of their translations."""
    by = SENTENCE_ALIGNMENT
    return _sentences_reached(scope, by, by.c.original_id, by.c.score, translation_id=by.c.sentence_id)


@lru_cache(maxsize=64)
def translations(scope: Scope = NOW) -> View:
    """Sentences of translations by those of their originals."""
    by = SENTENCE_ALIGNMENT
    return _sentences_reached(scope, by, by.c.sentence_id, by.c.score, original_id=by.c.original_id)


@lru_cache(maxsize=64)
def sources(scope: Scope = NOW) -> View:
    """Source sentences by the rewritten ones that say them."""
    by = REWRITTEN_SOURCE
    return _sentences_reached(scope, by, by.c.sentence_id, by.c.score, rewritten_id=by.c.rewritten_id)


@lru_cache(maxsize=64)
def sentences_of_observations(scope: Scope = NOW) -> View:
    """Source sentences by the observations that were read from them, each once."""
    said, read = REWRITTEN_SOURCE, OBSERVATION_SOURCE
    by = (
        sa.select(read.c.observation_id, said.c.sentence_id, sa.func.max(said.c.score).label("score"))
        .join_from(read, said, said.c.rewritten_id == read.c.rewritten_id)
        .group_by(read.c.observation_id, said.c.sentence_id)
        .subquery("observed")
    )
    return _sentences_reached(scope, by, by.c.sentence_id, by.c.score, observation_id=by.c.observation_id)


@lru_cache(maxsize=64)
def findings_of_sentences(scope: Scope = NOW) -> View:
    """Findings by the sentences that say them."""
    plain = findings(scope)
    rows = plain.rows.join(FINDING_SENTENCE, FINDING_SENTENCE.c.finding_id == FINDING.c.id)
    return replace(plain, rows=rows, reached=columns_of(FINDING_SENTENCE, "sentence_id"), settled={})


@lru_cache(maxsize=64)
def readings(_scope: Scope = NOW) -> View:
    """The latest reading of each report."""
    names = ("id", "report_id", "engine", "engine_version", "sentences", "flagged", "created_at")
    return View(READING, columns_of(READING, *names), order=(READING.c.id,), where=READING.c.is_latest)


@lru_cache(maxsize=64)
def rewritten(_scope: Scope = NOW) -> View:
    """Sentences of rewritten reports, of the latest readings."""
    return View(
        REWRITTEN_SENTENCE.join(READING, READING.c.id == REWRITTEN_SENTENCE.c.reading_id),
        columns_of(REWRITTEN_SENTENCE, "id", "reading_id", "position", "region", "text"),
        order=(REWRITTEN_SENTENCE.c.reading_id, REWRITTEN_SENTENCE.c.position),
        where=READING.c.is_latest,
        reached=columns_of(READING, "report_id"),
    )


@lru_cache(maxsize=64)
def rewritten_of_observations(scope: Scope = NOW) -> View:
    """Rewritten sentences by the observations that were read from them."""
    plain = rewritten(scope)
    rows = OBSERVATION_SOURCE.join(REWRITTEN_SENTENCE, REWRITTEN_SENTENCE.c.id == OBSERVATION_SOURCE.c.rewritten_id)
    rows = rows.join(READING, READING.c.id == REWRITTEN_SENTENCE.c.reading_id)
    return replace(plain, rows=rows, reached=columns_of(OBSERVATION_SOURCE, "observation_id"))


@lru_cache(maxsize=64)
def observations(_scope: Scope = NOW) -> View:
    """What the latest readings say is there or not."""
    names = ("id", "phrase", "present", "refers_to_prior", "category_id", "category_code", "finding_id", "match_score")
    return View(
        OBSERVATION.join(READING, READING.c.id == OBSERVATION.c.reading_id),
        columns_of(OBSERVATION, *names, "position"),
        order=(OBSERVATION.c.reading_id, OBSERVATION.c.position),
        where=READING.c.is_latest,
        reached=columns_of(READING, "report_id"),
    )


def descriptors(_scope: Scope = NOW) -> View:
    """What words say of findings and observations."""
    names = ("id", "revision_id", "observation_id", "kind", "value", "sizes_mm", "number", "start_char", "end_char")
    order = (DESCRIPTOR.c.start_char, DESCRIPTOR.c.end_char, DESCRIPTOR.c.id)
    return View(DESCRIPTOR, columns_of(DESCRIPTOR, *names, "engine_version"), order=order)
