"""From reduced-size scans to the published release, on assumptions that are printed."""

from collections.abc import Iterator
from dataclasses import dataclass

SCANS, FINDINGS = 3142, 8028
MASKS_RAW = 0.71 * 2**40
"""Bytes of the published masks as uint8, over all findings."""
VOLUMES_RAW = 2 * MASKS_RAW / FINDINGS * SCANS
"""Bytes of their volumes as int16: every scan with the voxels of a mean finding's channel."""


@dataclass(frozen=True)
class Sample:
    """A scan: bytes of its mask and volume before compression, what it took of one worker, bytes stored."""

    raw: float
    seconds: float
    stored: float


def iter_extrapolation(small: Sample, large: Sample, workers: int) -> Iterator[str]:
    """What a full release would take: a cost for each scan and one for each raw byte, from a small and a large scan."""
    a_byte = (large.seconds - small.seconds) / (large.raw - small.raw)
    a_scan = max(0.0, small.seconds - a_byte * small.raw)
    raw = MASKS_RAW + VOLUMES_RAW
    hours = (SCANS * a_scan + raw * a_byte) / workers / 3600
    yield (
        f"assumed: seconds = {a_scan:.3f} a scan + {a_byte * 1e9:.2f} a raw GB, from the scans of this run and one "
        f"large phantom; {SCANS:,} scans of {raw / 1e12:.2f} TB raw; no slower as the database grows"
    )
    yield f"{SCANS:,} scans of full size: {hours:.1f} h with {workers} workers, files on a disk as fast as this one"
    yield (
        f"in the store {raw * large.stored / large.raw / 1e9:,.0f} GB, as the large phantom compresses; "
        "real noise compresses less"
    )
