"""What can be changed over the network: by the code of the commands, as a role of its own, and never what is hidden."""

import base64
import binascii
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa
import strawberry

from api.graphql.annotation import Annotation
from api.graphql.cohort import Cohort
from api.graphql.declare import described, field, graphql_input, graphql_type
from api.graphql.order import FindingField
from api.graphql.review import Review
from api.graphql.round import Round
from api.graphql.siblings import Info, Siblings, ViewOf
from api.graphql.where import FindingWhere, parse_id, to_filter, to_json
from compute.jobs.geometry import compute_geometry
from compute.jobs.selection import Selection
from ingest.faults import FaultDraft
from ingest.reviews.verdicts import VerdictDraft, give_verdict
from ingest.rounds.closing import CloseReport, close_round
from ingest.rounds.opening import RoundOptions, open_round
from ingest.rounds.receiving import Drawing, receive
from ingest.rounds.returning import Untaken
from ingest.rounds.saving import Saved
from schema.annotation import AnnotationPolicy, AnnotationState, Policy
from schema.database import Database, first_line
from schema.errors import Frozen, NotPermitted
from schema.import_run import FaultKind, Severity
from schema.queries import views
from schema.queries.cohorts import CohortRequest, create
from schema.queries.filters import FindingFilter
from schema.queries.mistakes import ReadMistake
from schema.queries.reading import rows_by_field
from schema.queries.scope import NOW
from schema.review import ReviewTarget, Verdict

for _words in (FaultKind, Saved, Severity, Untaken):
    strawberry.enum(_words, description=(_words.__doc__ or "").strip())


@graphql_input
class DrawingInput:
    """What an annotator drew for one finding in an open round."""

    round: str = described("The round's name.")
    annotator: str = described("The annotator's pseudonym.")
    finding: strawberry.ID
    mask: str = described(
        "A NIfTI file of labels, gzipped or not, as base64: 3D, on the grid of the finding's CT, whose affine it has; "
        "0 is background, each entity has a number of its own."
    )
    submit: bool = described("Whether it is done; else it is a draft, which may change again.", default=False)
    as_drawn: bool = described(
        "Take labels that look mirrored, swapped or shifted as they are, with a warning.", default=False
    )


@graphql_type
class Fault:
    """Something odd about what was sent, and what to do about it."""

    kind: FaultKind
    severity: Severity
    message: str
    remedy: str

    @classmethod
    def of(cls, draft: FaultDraft) -> "Fault":
        """Show a fault."""
        return cls(kind=draft.kind, severity=draft.severity, message=draft.message, remedy=draft.remedy)


@graphql_type
class SavedAnnotation:
    """What became of a drawing."""

    saved: Saved | None = described("Null where it was a draft of the very labels that went out: nothing was saved.")
    entities: int = described("Labels that it has.")
    annotation: Annotation | None = described("The annotator's latest version; null where nothing was ever saved.")
    faults: list[Fault]


@graphql_input
class PolicyInput:
    """What annotators are asked for."""

    kind: Policy
    limit: int | None = described("The entities drawn at most, under AT_MOST.", default=None)


@graphql_input
class RoundInput:
    """What a round is opened with, which never changes."""

    name: str
    cohort: str = described("The findings that are to be drawn, by the cohort's name.")
    protocol: str | None = described("It tells the policy where none is given.", default=None)
    policy: PolicyInput | None = None
    readers: int | None = described("How many draw each finding without seeing one another.", default=None)
    tolerance_mm: float | None = described("How far apart two surfaces may be and agree.", default=None)
    accept_above: float | None = described(
        "Mean Dice, 0 to 1, from which readers' consensus is accepted by rule.", default=None
    )
    instructions: str | None = described("What annotators are told to draw.", default=None)
    tool: str | None = None
    licence: str | None = None


@graphql_type
class Agreement:
    """A measure of how a round's readers agree, with the interval that covers 95 in 100."""

    measure: str = described("dice, surface, detection, each a mean over findings; or alpha, on presence.")
    value: float | None
    low: float | None
    high: float | None
    findings: int = described("Findings that it is told of.")


@graphql_type
class ClosedRound:
    """A round that is closed, and what that told."""

    round: Round
    findings: int = described("With two readers or more.")
    single: int = described("With one reader.")
    accepted: int = described("Whose consensus was accepted by the round's rule.")
    to_review: int
    to_adjudicate: int = described("Of those to review: whose readers disagree more than the rule allows.")
    agreement: list[Agreement]


@graphql_input
class VerdictInput:
    """What a reviewer decides about a named target of an annotation."""

    annotation: strawberry.ID
    target: ReviewTarget = ReviewTarget.MASK
    verdict: Verdict
    reviewer: str = described("The reviewer's pseudonym.")
    entity: int | None = described("The label, where the target is ENTITY.", default=None)
    reason: str | None = described("A code of the list of reasons; needed unless it accepts.", default=None)
    words: str | None = described("In the reviewer's own words.", default=None)
    correction: str | None = described(
        "With CORRECT: the new words, the code of a category, or a side: left, right, bilateral, midline.", default=None
    )


@graphql_input
class CohortInput:
    """How a cohort is drawn: findings under a filter, by patient."""

    name: str
    where: FindingWhere | None = None
    release: str | None = described("Draw from this release, in its words.", default=None)
    split: str | None = described("Only from this split of the release.", default=None)
    patients: int | None = described("How many, each with all such findings; null: all.", default=None)
    strata: FindingField | None = described("In proportion to this.", default=None)
    seed: int = 0


@contextmanager
def _changing(info: Info) -> Iterator[Database]:
    """Give the database to change; what is read afterwards is read anew.

    Raises:
        NotPermitted: who asks may change nothing.
        Frozen: the database refuses it.
    """
    reading = info.context
    if reading.editor is None:
        raise NotPermitted(
            "changes need a maintainer's token and POST; `groundct token create NAME --role maintainer` makes one"
        )
    try:
        yield reading.services.database.as_editor()
    except sa.exc.IntegrityError as error:
        if isinstance(error.orig, psycopg.errors.IntegrityConstraintViolation):  # a trigger's own words
            raise Frozen(first_line(error)) from error
        raise
    finally:
        reading.renew()


def _shown(info: Info, view_of: ViewOf, name: str, value: Any) -> Any:
    """Give the object of the row whose field has a value, or None."""
    rows = rows_by_field(info.context.session, view_of(NOW), name, [value])
    return next(iter(Siblings(info.context, NOW, view_of, rows).records()), None)


@graphql_type
class Mutation:
    """Changes, one after the other: what one refuses does not undo the one before. They need a maintainer's token."""

    @field
    def save_annotation(self, info: Info, drawing: DrawingInput) -> SavedAnnotation:
        """Save what an annotator drew for a finding, as `groundct ingest round` does, superseding what he drew before.

        What lies elsewhere or looks mirrored is refused, as is what would replace what was accepted.
        """
        services = info.context.services
        with _changing(info) as database:
            received = receive(database, services.arrays, _drawing(drawing, info.context.editor or ""))
        outcome, key = received.outcome, received.annotation
        return SavedAnnotation(
            saved=outcome.became if isinstance(outcome.became, Saved) else None,
            entities=outcome.entities,
            annotation=_shown(info, views.any_annotation, "id", key) if key else None,
            faults=[Fault.of(each) for each in outcome.faults],
        )

    @field
    def give_verdict(self, info: Info, verdict: VerdictInput) -> Review:
        """Accept, reject or correct, as `groundct review` does; `docs/reviews.md` says what follows from it."""
        with _changing(info) as database, database.transaction() as session:
            given = give_verdict(session, _verdict(verdict))
            key = given.id if given is not None else None
        return _shown(info, views.reviews, "id", key)  # type: ignore[no-any-return]

    @field
    def create_cohort(self, info: Info, cohort: CohortInput) -> Cohort:
        """Draw a cohort and keep it, as `groundct cohort create` does. The same archive and seed give the same one."""
        with _changing(info) as database, database.transaction() as session:
            create(session, cohort.name, _cohort(cohort))
        return _shown(info, views.cohorts, "name", cohort.name)  # type: ignore[no-any-return]

    @field
    def open_round(self, info: Info, round: RoundInput) -> Round:  # noqa: A002
        """Open a round over the findings of a cohort, as `groundct round open` does."""
        with _changing(info) as database, database.transaction() as session:
            open_round(session, RoundOptions(**{**vars(round), "policy": _policy(round.policy)}))
        return _shown(info, views.rounds, "name", round.name)  # type: ignore[no-any-return]

    @field
    def close_round(self, info: Info, name: str) -> ClosedRound:
        """Close a round, as `groundct round close` does: nobody can add to it from then on.

        One with more findings of several readers than a limit allows is left for the command.
        """
        services = info.context.services
        with _changing(info) as database:
            report = close_round(database, services.arrays, name, most=services.limits.comparisons)
            compute_geometry(database, services.arrays, selection=Selection(round=name, with_hidden=False))
        return _closed(_shown(info, views.rounds, "name", name), report)


def _drawing(given: DrawingInput, sender: str) -> Drawing:
    try:
        content = base64.b64decode(given.mask, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ReadMistake("`mask` is not base64") from error
    return Drawing(
        round=given.round,
        annotator=given.annotator,
        finding=parse_id(given.finding),
        content=content,
        sender=sender,
        state=AnnotationState.SUBMITTED if given.submit else AnnotationState.DRAFT,
        as_drawn=given.as_drawn,
    )


def _verdict(given: VerdictInput) -> VerdictDraft:
    return VerdictDraft(**{**vars(given), "annotation": parse_id(given.annotation)})


def _cohort(given: CohortInput) -> CohortRequest:
    return CohortRequest(
        to_filter(given.where) or FindingFilter(),
        to_json(given.where) or {},
        release=given.release,
        split=given.split,
        patients=given.patients,
        strata=given.strata.value if given.strata else None,
        seed=given.seed,
    )


def _policy(given: PolicyInput | None) -> AnnotationPolicy | None:
    if given is None:
        return None
    try:
        return AnnotationPolicy.parse(" ".join(map(str, filter(None, (given.kind, given.limit)))))
    except ValueError as error:
        raise ReadMistake(f"`policy`: {error}") from error


def _closed(round: Round, report: CloseReport) -> ClosedRound:  # noqa: A002
    return ClosedRound(
        round=round,
        findings=report.findings,
        single=report.single,
        accepted=report.accepted,
        to_review=report.to_review,
        to_adjudicate=report.to_adjudicate,
        agreement=[Agreement(measure=name, **figure) for name, figure in report.figures.items()],
    )
