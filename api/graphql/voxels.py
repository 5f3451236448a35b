"""From a voxel to the entities drawn there: boxes from the database, the label itself from the arrays."""

from collections.abc import Sequence
from functools import cache
from uuid import UUID

from api.graphql.siblings import Reading
from schema.arrays.store import ArrayStore
from schema.queries.scope import Scope
from schema.queries.voxels import Voxel, candidates_at


def entities_at(reading: Reading, scan_id: UUID, voxel: Voxel, scope: Scope) -> Sequence[UUID]:
    """Give the keys of the entities whose label stands at the voxel [i, j, k]; one small read a finding."""

    @cache
    def label_at(digest: str, array_index: int) -> int:
        return read_label(reading.services.arrays, digest, array_index, voxel)

    candidates = candidates_at(reading.session, scan_id, voxel, scope)
    return [each.entity_id for each in candidates if label_at(each.digest, each.array_index) == each.label]


def read_label(arrays: ArrayStore, digest: str, array_index: int, voxel: Voxel) -> int:
    """Read the label of one voxel [i, j, k]."""
    i, j, k = voxel
    return int(arrays.read_labels(digest, "labels", array_index, ((k, j, i), (k + 1, j + 1, i + 1))).item())
