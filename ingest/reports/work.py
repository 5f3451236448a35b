"""What a run is to do, and what of it lies ahead."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from ingest.reports.engine import Engine
from ingest.reports.sources import get_study_id, reports_to_read
from ingest.reports.stages import Stage


@dataclass(frozen=True)
class Work:
    """What a run is to do: all of it, unless it says less."""

    last: Stage | None = None
    """The stage after which it ends; readings are written only by a run of all stages."""
    study: str | None = None
    limit: int | None = None
    """How many reports at most; findings are then left alone."""
    again: Sequence[int] | None = None
    """Reports to read whether or not they were read, in place of those that were not; and no findings."""

    def asks_of_reports(self, stage: Stage) -> bool:
        """Tell whether reports are asked about in a stage."""
        order = list(Stage)
        return self.last is None or order.index(stage) <= order.index(self.last)

    def asks_of_findings(self, stage: Stage) -> bool:
        """Tell whether findings are asked about in a stage."""
        whole = self.limit is None and self.again is None
        return whole and stage in {Stage.DESCRIBE, Stage.CATEGORISE} and self.last in {None, stage}

    def study_id(self, session: Session) -> int | None:
        """Give the key of the study; None where it is not about one.

        Raises:
            NotFound: there is no such study.
        """
        return None if self.study is None else get_study_id(session, self.study)

    def reports(self, session: Session, engine: Engine) -> Sequence[int]:
        """Give the reports that lie ahead.

        Raises:
            NotFound: there is no such study.
        """
        if self.again is not None:
            return self.again
        return reports_to_read(session, engine, self.study_id(session), self.limit)
