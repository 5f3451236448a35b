"""The report of a phantom's study, in the manner of machine-translated ones: a sentence for every finding. Made up."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.phantoms.plan import ScanPlan, seed_of
from ingest.phantoms.scan import PhantomScan
from ingest.phantoms.study import stream

REPORTS_NAME = "reports.csv"
REASONS = ("cough", "Shortness of breath.", "Not given.", "follow-up")
BEFORE = (
    "Trachea, both main bronchi are open.",
    "Heart size is natural.",
    "Calibration of the great vessels is normal.",
    "No enlarged lymph nodes were detected in the mediastinum.",
)
AFTER = (
    "Upper abdominal organs included in the sections are normal.",
    "No lytic lesion was detected in the bone structures.",
    "Vertebral corpus heights are preserved.",
)
SAID = ("{0} is observed.", "{0} was detected.", "There is an appearance as follows: {0}.", "{0}.")
LEAD_IN = "When examined in the lung parenchyma window; "


def write_report(plan: ScanPlan, scan: PhantomScan) -> dict[str, object]:
    """The row of a study: what its scans show stands in findings and, shorter, in the impression."""
    rng = stream(seed_of(plan.seed, plan.study), 7)
    texts = [finding.text for finding in scan.findings]
    said = [SAID[rng.integers(0, len(SAID))].format(text) for text in texts]
    before, after = (_some(rng.permutation(len(each)).tolist(), each) for each in (BEFORE, AFTER))
    seen = LEAD_IN + " ".join(said) if said else "No nodule or infiltration was detected in both lungs."
    return {
        "VolumeName": plan.study,
        "ClinicalInformation_EN": REASONS[rng.integers(0, len(REASONS))],
        "Technique_EN": "Non-contrast sections of 3 mm were taken in the axial plane.",
        "Findings_EN": " ".join([*before, seen, *after]),
        "Impressions_EN": "  ".join(texts) or "Findings within normal limits.",
    }


def _some(order: Sequence[int], texts: Sequence[str]) -> list[str]:
    """Two of the texts, as they were drawn."""
    return [texts[n] for n in order[:2]]
