"""How a release is cited: `CITATION.cff`, in the Citation File Format 1.2.0, with digests, licence and counts."""

from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from ingest.exports.released import Released
from ingest.exports.terms import spdx_of

NAME = "CITATION.cff"


def write_citation(path: Path, released: Released) -> None:
    """Write the file of a release that goes out."""
    text = yaml.safe_dump(citation_of(released), sort_keys=False, allow_unicode=True, width=100)
    path.write_text(text, encoding="utf-8")


def citation_of(released: Released) -> dict[str, Any]:
    """Give the file's keys; what is not known has none."""
    known = {"url": released.publication.url, "license": _licence(released)}
    return {
        "cff-version": "1.2.0",
        "type": "dataset",
        "title": title_of(released),
        "message": f"Cite this dataset as below. Terms: {'; '.join(released.terms.known) or 'not known'}.",
        "version": released.name,
        "date-released": released.created_on.isoformat(),
        "authors": [{"name": name} for name in creators_of(released)],
        **{key: value for key, value in known.items() if value},
        "abstract": description_of(released),
        "identifiers": [
            {"type": "other", "value": f"sha256:{released.digest}", "description": "What the release says."},
            {"type": "other", "value": f"sha256:{released.storage_digest}", "description": "Its stored arrays."},
        ],
    }


def title_of(released: Released) -> str:
    """Name a release with its collection."""
    return f"{released.collection} {released.name}"


def creators_of(released: Released) -> tuple[str, ...]:
    """Give who made it; whoever sends it out may not have said."""
    return released.publication.creators or (f"The makers of {title_of(released)}",)


def description_of(released: Released) -> str:
    """Say in words what goes out: counts, splits, the part, notes."""
    splits = Counter((scan.split, scan.hidden) for scan in released.scans)
    told = ", ".join(f"{name} {count}{' (hidden)' * hidden}" for (name, hidden), count in sorted(splits.items()))
    findings = [finding for scan in released.scans for finding in scan.findings]
    drawn = sum(finding.drawn is not None for finding in findings)
    words = f"{len(released.scans)} CT scans ({told}), {len(findings)} findings, {drawn} of them with masks."
    part = f"The scans that cohort {released.cohort} has a finding of; digests are of the whole release."
    return " ".join(filter(None, (words, part if released.cohort else "", released.notes)))


def _licence(released: Released) -> str | None:
    """One SPDX identifier where all that is known is one licence."""
    known = [spdx_of(text) for text in released.terms.known]
    return known[0] if len(known) == 1 and not released.terms.unknown else None
