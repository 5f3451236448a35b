"""Reports of our own invention in a database, as an import of reports would bring them."""

import re

from sqlmodel import Session, select

from schema.collection import Collection
from schema.database import Database, Role
from schema.report import Report, Section, Sentence
from schema.scan import Patient, Study

FINDINGS = (
    "The trachea is normal. There is a stable 7 x 5 mm nodule in the right upper lobe. No pleural effusion.",
    "Emphysema in the left lung. A nodule of 1.2 cm in the left lower lobe. Follow-up is recommended.",
    "No pleural effusion. Rib fracture on the right. ???",
    "The heart is normal.",
)
IMPRESSION = "Atelectasis in the left lower lobe."


def add_reports(database: Database, count: int = len(FINDINGS), start: int = 1) -> list[str]:
    """Add studies with a report each, whose texts repeat after a while but for a number, and give their names."""
    names = [f"train_{n}_a" for n in range(start, start + count)]
    with database.transaction(Role.OWNER) as session:
        key = _collection(session)
        for n, name in enumerate(names, start):
            findings = FINDINGS[(n - 1) % len(FINDINGS)]
            if n > len(FINDINGS):
                findings += f" A nodule of {n} mm on the right."
            _add_report(session, key, name, findings)
    return names


def _collection(session: Session) -> int:
    found = session.exec(select(Collection).where(Collection.name == "ct-rate")).one_or_none()
    row = found or Collection(name="ct-rate")
    session.add(row)
    session.flush()
    return row.id


def _add_report(session: Session, collection: int, name: str, findings: str) -> None:
    patient = Patient(collection_id=collection, key=name.rsplit("_", 1)[0])
    session.add(patient)
    session.flush()
    study = Study(collection_id=collection, patient_id=patient.id, name=name)
    session.add(study)
    session.flush()
    report = Report(study_id=study.id, language="en", findings=findings, impression=IMPRESSION)
    session.add(report)
    session.flush()
    for section, text in ((Section.FINDINGS, findings), (Section.IMPRESSION, IMPRESSION)):
        for match in re.finditer(r"\S(?:[^.?]|\.\d)*(?:\.|\?+)", text):
            span = {"start_char": match.start(), "end_char": match.end()}
            session.add(Sentence(report_id=report.id, section=section, text=match.group(), **span))
