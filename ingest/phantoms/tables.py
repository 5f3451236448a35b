"""The tables that come with CT-RATE's volumes, for phantoms: scanner metadata and 18 abnormality labels."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from ingest.nifti_files import write_bytes
from ingest.phantoms.plan import ScanPlan, seed_of
from ingest.phantoms.scan import PhantomScan
from ingest.phantoms.study import stream

METADATA_NAME, ABNORMALITIES_NAME = "metadata.csv", "abnormality_labels.csv"
MAKERS = (("Phantom Medical", "Ellipse 64"), ("Phantom Medical", "Ellipse 128"), ("Analytic Imaging", "Torso One"))
ABNORMALITIES = (
    "Medical material",
    "Arterial wall calcification",
    "Cardiomegaly",
    "Pericardial effusion",
    "Coronary artery wall calcification",
    "Hiatal hernia",
    "Lymphadenopathy",
    "Emphysema",
    "Atelectasis",
    "Lung nodule",
    "Lung opacity",
    "Pulmonary fibrotic sequela",
    "Pleural effusion",
    "Mosaic attenuation pattern",
    "Peribronchial thickening",
    "Consolidation",
    "Bronchiectasis",
    "Interlobular septal thickening",
)
SHOWN_BY: Mapping[str, tuple[str, ...]] = {
    "1a": ("Peribronchial thickening",),
    "1b": ("Bronchiectasis",),
    "1c": ("Emphysema",),
    "1d": ("Interlobular septal thickening",),
    "1e": ("Lung nodule",),
    "2a": ("Atelectasis", "Pulmonary fibrotic sequela"),
    "2b": ("Consolidation", "Lung opacity"),
    "2c": ("Lung opacity",),
    "2d": ("Lung nodule",),
    "2e": ("Pleural effusion",),
    "2f": ("Pulmonary fibrotic sequela",),
}


def describe_scanner(plan: ScanPlan, scan: PhantomScan) -> dict[str, object]:
    """The metadata of a scan. The volumes hold HU already: slope and intercept are there to be left alone."""
    person = stream(seed_of(plan.seed, plan.patient), 5)
    visit = stream(seed_of(plan.seed, plan.study), 5)
    maker, model = MAKERS[person.integers(0, len(MAKERS))]
    x_mm, y_mm, z_mm = plan.spacing_mm
    return {
        "VolumeName": scan.name,
        "Manufacturer": maker,
        "SeriesDescription": f"CHEST {z_mm:.2f} mm",
        "ManufacturerModelName": model,
        "PatientSex": "FM"[person.integers(0, 2)],
        "PatientAge": f"{person.integers(19, 92):03d}Y",
        "KVP": (100, 120)[visit.integers(0, 2)],
        "XYSpacing": f"[{x_mm:.4f}, {y_mm:.4f}]",
        "RescaleIntercept": -1024,
        "RescaleSlope": 1,
        "NumberofSlices": plan.shape[2],
        "ZSpacing": f"{z_mm:.4f}",
        "StudyDate": f"2019{visit.integers(1, 13):02d}{visit.integers(1, 29):02d}",
    }


def list_abnormalities(plan: ScanPlan, scan: PhantomScan) -> dict[str, object]:
    """The 18 labels of a scan: those its findings show, and a chance of each that no lesion could show."""
    rng = stream(seed_of(plan.seed, plan.study), 6)
    shown = {name for finding in scan.findings for name in SHOWN_BY.get(finding.category, ())}
    lesional = {name for names in SHOWN_BY.values() for name in names}
    chance = dict(zip(ABNORMALITIES, (rng.random(len(ABNORMALITIES)) < 0.15).tolist(), strict=True))
    labels = {name: int(name in shown or (name not in lesional and chance[name])) for name in ABNORMALITIES}
    return {"VolumeName": scan.name, **labels}


def write_table(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows of the same columns as CSV; nothing where there are none."""
    rows = list(rows)
    if not rows:
        return
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_bytes(path, text.getvalue().encode())
