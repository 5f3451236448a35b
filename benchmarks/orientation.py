"""False alarms and detections of the orientation audit, on phantoms whose masks are right and then turned.

python -m benchmarks.orientation [--scans 30] [--first-seed 1000]
"""

import argparse

import numpy as np
from numpy.typing import NDArray

from compute.kernels.orientation import OrientationAudit, audit_orientation
from compute.kernels.runs import label_runs
from compute.kernels.samples import sample_inside_and_shell
from ingest.phantoms import PhantomScan, make_scan

TURNS = {
    "i mirrored": (0, 1, 2, (True, False, False)),
    "j mirrored": (0, 1, 2, (False, True, False)),
    "k mirrored": (0, 1, 2, (False, False, True)),
    "i and j mirrored": (0, 1, 2, (True, True, False)),
    "i and j swapped": (1, 0, 2, (False, False, False)),
}


def main() -> None:
    """Count, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=int, default=30)
    parser.add_argument("--first-seed", type=int, default=1000)
    arguments = parser.parse_args()
    alarms, found, wrong = 0, dict.fromkeys(TURNS, 0), 0
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.scans):
        scan = make_scan(seed)
        masks = [finding.labels for finding in scan.findings]
        alarms += _audit(scan, masks).suspect
        for name, (a, b, c, flips) in TURNS.items():
            audit = _audit(scan, [_turn(mask, (a, b, c), flips) for mask in masks])
            right = audit.suspect and audit.best_other is not None and audit.best_other.reading.name == name
            found[name] += right
            wrong += audit.suspect and not right
    print(f"{arguments.scans} phantoms as they are: {alarms} false alarms")  # noqa: T201
    for name, count in found.items():
        print(f"masks turned ({name}): {count} of {arguments.scans} suspected and named")  # noqa: T201
    print(f"suspected but named wrongly: {wrong}")  # noqa: T201


def _turn(mask: NDArray[np.generic], axes: tuple[int, int, int], flips: tuple[bool, ...]) -> NDArray[np.generic]:
    turned = mask.transpose(axes)
    return np.flip(turned, [axis for axis, flipped in enumerate(flips) if flipped])


def _audit(scan: PhantomScan, masks: list[NDArray[np.generic]]) -> OrientationAudit:
    image = np.ascontiguousarray(scan.volume.T)
    runs = [label_runs(np.ascontiguousarray(mask.T.astype(np.uint16))) for mask in masks]
    samples = [sample_inside_and_shell(each, image.shape) for each in runs]
    return audit_orientation(image, samples)


if __name__ == "__main__":
    main()
