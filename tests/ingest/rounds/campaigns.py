"""An archive with an open round, for tests of rounds: phantoms on mirrored affines, a cohort of all, people."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from ingest.options import ImportOptions
from ingest.phantoms import make_dataset
from ingest.rexgroundingct import import_dataset
from ingest.rounds.handing_out import SIDECAR, HandoutOptions, HandoutReport, hand_out
from ingest.rounds.opening import RoundOptions, open_round
from ingest.rounds.people import add_person
from ingest.rounds.returning import ReturnOptions, ReturnReport, take_back
from ingest.rounds.sidecar import SidecarRow, read_sidecar, write_sidecar
from schema.arrays.store import ArrayStore
from schema.database import Database, Role
from schema.queries.cohorts import CohortPlan, draw, freeze
from schema.round import PersonRole

SHAPE = (60, 62, 64)
SCANS = 7
NewDatabase = Callable[[], Any]


@dataclass(frozen=True)
class Desk:
    """Where rounds are opened, handed out and taken back."""

    database: Database
    arrays: ArrayStore
    folder: Path

    def rows(self, query: str, **values: Any) -> list[Any]:
        with self.database.engine(Role.OWNER).connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query), values)]

    def execute(self, statement: str, **values: Any) -> None:
        with self.database.transaction(Role.OWNER) as session:
            session.execute(sa.text(statement), values)

    def add_people(self, *names: str, role: PersonRole = PersonRole.ANNOTATOR) -> None:
        with self.database.transaction() as session:
            for name in names:
                add_person(session, name, role)

    def open(self, name: str, **options: Any) -> None:
        with self.database.transaction() as session:
            open_round(session, RoundOptions(name, "all", **options))

    def hand_out(self, name: str, annotator: str, **options: Any) -> HandoutReport:
        out = options.pop("out", self.folder / name / annotator)
        return hand_out(self.database, self.arrays, HandoutOptions(name, annotator, out, **options))

    def take_back(self, folder: Path, name: str, **options: Any) -> ReturnReport:
        sidecar = options.pop("sidecar", folder / SIDECAR)
        return take_back(self.database, self.arrays, ReturnOptions(folder, sidecar, name, **options))


@contextmanager
def desk_of(new_database: NewDatabase, folder: Path, **options: Any) -> Iterator[Desk]:
    """An archive of a few scans, whose volumes point LPS, RAS and LAS, and the cohort `all`."""
    make_dataset(folder / "data", scans=SCANS, seed=3, faults=False, second=False, shape=SHAPE)
    what = ImportOptions(
        folder / "data" / "dataset.json", "first", release="base", collection="phantom", workers=1, **options
    )
    with new_database() as database, ArrayStore(str(folder / "arrays")) as arrays:
        assert not import_dataset(database, arrays, what).left_out
        with database.transaction() as session:
            plan = CohortPlan()
            freeze(session, "all", draw(session, plan), plan, {"where": {}})
        yield Desk(database, arrays, folder)


def rows_of(folder: Path) -> list[SidecarRow]:
    return read_sidecar(folder / SIDECAR)


def set_rows(folder: Path, change: Callable[[SidecarRow], SidecarRow]) -> None:
    write_sidecar(folder / SIDECAR, [change(row) for row in rows_of(folder)])


def path_of(folder: Path, row: SidecarRow) -> Path:
    return folder / f"{row.scan}__{row.finding}.nii.gz"


def labels_at(path: Path) -> NDArray[Any]:
    return np.asanyarray(nib.load(path).dataobj)


def save_labels(path: Path, labels: NDArray[Any], affine: NDArray[np.float64] | None = None) -> None:
    """Save with nibabel, on the affine that the file has, unless another is given."""
    frame = nib.load(path).affine if affine is None else affine
    nib.Nifti1Image(np.asarray(labels, np.uint8), frame).to_filename(path)


def drawn(desk: Desk, row: SidecarRow, round_name: str, annotator: str, schema: str = "open") -> list[tuple[Any, ...]]:
    """Versions of what somebody says of a finding: version, state, voxels, digest."""
    return desk.rows(
        f"SELECT a.version, a.state::text, a.voxels, a.labels_digest FROM {schema}.annotation a "
        "JOIN finding f ON f.id = a.finding_id JOIN scan s ON s.id = f.scan_id JOIN round r ON r.id = a.round_id "
        "JOIN person p ON p.id = a.annotator_id WHERE s.name = :scan AND f.source_index = :finding "
        "AND r.name = :round AND p.pseudonym = :annotator ORDER BY a.version",
        scan=row.scan,
        finding=int(row.finding),
        round=round_name,
        annotator=annotator,
    )
