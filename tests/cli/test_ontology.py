"""`groundct ontology`, as its users run it."""

from collections import Counter
from pathlib import Path
from typing import Any

from ingest.phantoms import JSON_NAME, make_dataset
from schema.ontology import assignable_codes, rexgroundingct_ontology


def test_trees_with_counts_over_subtrees(command_line: Any, tmp_path: Path) -> None:
    expected = make_dataset(tmp_path, scans=2, faults=False, second=False, shape=(56, 60, 58))
    command_line.read("ingest", "rexgroundingct", tmp_path / JSON_NAME, "--round", "r", "--no-embed", "--workers", 1)
    ontology = rexgroundingct_ontology()
    (listed,) = command_line.read("ontology", "list")
    numbers = {"categories": len(ontology.categories), "assignable": len(assignable_codes())}
    assert listed == {"name": ontology.name, "version": ontology.version, **numbers}
    (shown,) = command_line.read("ontology", "show", ontology.name, "--counts")
    counts = {row["code"]: row["finding_count"] for row in shown["tree"]}
    codes = Counter(finding.category for scan in expected.scans for finding in scan.findings)
    parents = Counter(dict.fromkeys(counts, 0)) + codes
    for code, number in codes.items():
        parents[code.rstrip("abcdefgh")] += number
    assert counts == {code: parents[code] for code in counts}
    assert {row["observation_count"] for row in shown["tree"]} == {0}
    assert "Pulmonary nodules" in command_line.run("ontology", "show", ontology.name).stdout
    unknown = command_line.run("ontology", "show", ontology.name, "--version", "0")
    assert (unknown.returncode, ontology.version in unknown.stderr) == (1, True)
