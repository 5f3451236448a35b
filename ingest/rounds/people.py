"""The people of rounds: annotators and reviewers, each under a public pseudonym."""

import re

from sqlmodel import Session, col, select

from schema.errors import NotFound, SourceError
from schema.round import Person, PersonRole

_PSEUDONYM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def add_person(session: Session, pseudonym: str, role: PersonRole) -> Person:
    """Add somebody.

    Raises:
        SourceError: the pseudonym is taken, or is not made of letters, digits, dots, dashes and underscores.
    """
    if not _PSEUDONYM.fullmatch(pseudonym):
        raise SourceError(f"{pseudonym!r} is no pseudonym: up to 63 letters, digits, dots, dashes and underscores")
    if find_person(session, pseudonym) is not None:
        raise SourceError(f"there is a person {pseudonym!r} already; choose another pseudonym")
    person = Person(pseudonym=pseudonym, role=role)
    session.add(person)
    session.flush()
    return person


def find_person(session: Session, pseudonym: str) -> Person | None:
    """Give the person of a pseudonym, or None."""
    return session.exec(select(Person).where(Person.pseudonym == pseudonym)).one_or_none()


def get_annotator(session: Session, pseudonym: str) -> Person:
    """Give the annotator of a pseudonym.

    Raises:
        NotFound: there is nobody of this name.
        SourceError: it is a reviewer.
    """
    person = find_person(session, pseudonym)
    if person is None:
        known = ", ".join(annotators(session)) or "none"
        raise NotFound(
            f"there is no annotator {pseudonym!r}; there are: {known}; "
            f"`groundct person add {pseudonym} --role annotator` adds one"
        )
    if person.role is not PersonRole.ANNOTATOR:
        raise SourceError(f"{pseudonym} is a {person.role}, not an annotator; who does both has two pseudonyms")
    return person


def annotators(session: Session) -> dict[str, int]:
    """Give the key of every annotator by pseudonym."""
    query = select(Person.pseudonym, Person.id).where(Person.role == PersonRole.ANNOTATOR)
    return dict(session.exec(query.order_by(col(Person.pseudonym))).all())
