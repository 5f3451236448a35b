"""What readers disagree about: who may decide, and what a decision settles."""

from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from schema.annotation import Annotation, AnnotationState
from schema.review import Adjudication
from schema.round import Person, PersonRole


def waiting_rounds(session: Session, finding: UUID) -> list[int]:
    """Give the rounds whose readers disagree about a finding as long as nobody decided; none changes them meanwhile."""
    query = select(Adjudication.round_id).where(
        Adjudication.finding_id == finding, col(Adjudication.chosen_id).is_(None)
    )
    return list(session.exec(query.order_by(col(Adjudication.round_id)).with_for_update()))


def may_decide(person: Person) -> bool:
    """Tell whether somebody may decide about masks that readers disagree about."""
    return person.role is PersonRole.ADJUDICATOR


def settle(session: Session, rounds: list[int], chosen: Annotation, adjudicator: Person, reason: str) -> None:
    """Note what was chosen, whichever round it is of, and supersede what else the readers of those rounds drew."""
    decided = {
        "chosen_id": chosen.id,
        "adjudicator_id": adjudicator.id,
        "reason": reason,
        "decided_at": sa.func.now(),
    }
    waiting = sa.and_(col(Adjudication.finding_id) == chosen.finding_id, col(Adjudication.round_id).in_(rounds))
    session.execute(sa.update(Adjudication).where(waiting).values(**decided))
    others = sa.and_(
        col(Annotation.finding_id) == chosen.finding_id,
        col(Annotation.round_id).in_(rounds),
        col(Annotation.id) != chosen.id,
        col(Annotation.state).in_((AnnotationState.SUBMITTED, AnnotationState.IN_REVIEW)),
    )
    session.execute(sa.update(Annotation).where(others).values(state=AnnotationState.SUPERSEDED))
