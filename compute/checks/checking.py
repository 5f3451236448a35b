"""All checks by name, with their versions, and an annotation through all of them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from compute.checks.attenuation import check_attenuation
from compute.checks.counts import check_count
from compute.checks.duplicates import check_duplicate
from compute.checks.facts import FindingFacts, Verdict
from compute.checks.lobes import check_lobe
from compute.checks.shapes import check_category_shape
from compute.checks.sides import check_bilateral, check_side
from compute.checks.sizes import check_size
from compute.checks.voxels import check_outside_body, check_single_voxel
from schema.text_check import CheckOutcome


@dataclass(frozen=True)
class Check:
    """One check; its version rises with every change that may change a result."""

    version: str
    run: Callable[[FindingFacts], Verdict]


CHECKS: Mapping[str, Check] = {
    "count": Check("1", check_count),
    "size": Check("1", check_size),
    "side": Check("1", check_side),
    "bilateral": Check("1", check_bilateral),
    "lobe": Check("1", check_lobe),
    "attenuation_hu": Check("1", check_attenuation),
    "category_shape": Check("1", check_category_shape),
    "duplicate_finding": Check("1", check_duplicate),
    "single_voxel": Check("1", check_single_voxel),
    "outside_body": Check("1", check_outside_body),
}


@dataclass(frozen=True)
class CheckResult:
    """What one check says of an annotation."""

    name: str
    version: str
    outcome: CheckOutcome
    severity: float | None
    evidence: Mapping[str, Any]


def run_checks(facts: FindingFacts) -> Iterator[CheckResult]:
    """Put an annotation through every check, in the order of `CHECKS`; the evidence says what read the words."""
    for name, check in CHECKS.items():
        found = check.run(facts)
        evidence = {**found.evidence, "described_by": facts.words.described_by}
        yield CheckResult(name, check.version, found.outcome, found.severity, evidence)
