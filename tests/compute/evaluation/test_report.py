"""The report is one file that needs nothing else, says what is wrong, and shows no text as markup."""

import re
from html.parser import HTMLParser
from typing import Any

from compute.evaluation.comparison import compare
from compute.evaluation.report.charts import interval, scatter
from compute.evaluation.report.page import Picture, extremes, write_comparison, write_report
from compute.evaluation.rows import finding_rows
from compute.evaluation.settings import GROUNDCT
from compute.evaluation.statistics import statistics

FAULT = {
    "kind": "not_binary",
    "file": "<b>x</b>.nii.gz",
    "path": "x",
    "message": "it holds 2",
    "remedy": "save 0 and 1",
}


def result(dices: list[float], **ours: Any) -> dict[str, Any]:
    """A result of one finding a case."""
    files = [f"train_{n}_a_1.nii.gz" for n in range(len(dices))]
    rows = [
        {"global_dice": dice, "global_hit": dice >= 0.1, "truth_volume_ml": 1.0 + n, "truth_voxels": 5}
        for n, dice in enumerate(dices)
    ]
    document: dict[str, Any] = {
        "summary": {
            "total_cases": len(files),
            "total_findings": len(files),
            "recall_by_size": [
                {"from_mm": 0.0, "to_mm": 6.0, "instances": 0, "found": 0, "recall": None},
                {"from_mm": 6.0, "to_mm": None, "instances": 4, "found": 3, "recall": 0.75},
            ],
        },
        "cases": [{"file": file, "findings": {"finding_0": row}} for file, row in zip(files, rows, strict=True)],
        "groundct": {
            "settings": GROUNDCT.to_json(),
            "settings_sha256": GROUNDCT.digest,
            "software": "1",
            "dataset": {"name": "dataset.json", "sha256": "0", "split": "test"},
            "inputs": {
                file: {"patient": file, "categories": {"0": "2d" if n else "1a"}} for n, file in enumerate(files)
            },
            "faults": [],
            "suspicions": [],
            **ours,
        },
    }
    document["groundct"]["statistics"] = statistics(finding_rows(document))
    return document


class Tags(HTMLParser):
    """The tags and addresses of a page, and the tags that are open."""

    VOID = frozenset({"meta", "br", "img", "line", "circle", "rect"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_it_is_one_file_that_needs_nothing_else() -> None:
    made = result([0.2, 0.9, 0.5])
    picture = Picture(finding_rows(made)[0], "data:image/jpeg;base64,AAAA", "k = 3")
    tags = Tags(write_report(made, [picture], [picture]))
    assert tags.open == []
    assert tags.addresses == ["data:image/jpeg;base64,AAAA"] * 2
    assert not tags.seen & {"script", "link", "iframe"}
    assert {"svg", "table", "figure"} <= tags.seen


def test_faults_and_suspicions_are_shown_and_text_is_no_markup() -> None:
    suspicion = {"file": "train_1_a_1.nii.gz", "arrangement": "i mirrored", "dice": 0.9, "stored_dice": 0.1}
    page = write_report(result([0.2, 0.3], faults=[FAULT], suspicions=[suspicion]))
    assert "&lt;b&gt;x&lt;/b&gt;.nii.gz" in page
    assert "<b>x</b>" not in page
    assert "save 0 and 1" in page
    assert "i mirrored" in page


def test_nothing_scored_is_a_page_too() -> None:
    assert Tags(write_report(result([], faults=[FAULT]))).open == []


def test_groups_of_few_findings_are_marked() -> None:
    page = write_report(result([0.5] * 12))
    (one_a, two_d) = re.findall(r"<tr[^>]*><td class=\"name\">(?:1a|2d).*?</tr>", page, re.DOTALL)
    assert "(few)" in one_a
    assert "(few)" not in two_d


def test_best_and_worst_are_not_the_same_findings() -> None:
    for count in range(12):
        best, worst = extremes(result([n / 12 for n in range(count)]))
        assert len(best) <= 4
        assert len(worst) <= 4
        assert not {row.file for row in best} & {row.file for row in worst}
        dices = [row.scores["global_dice"] for row in [*best, *reversed(worst)]]
        assert dices == sorted(dices, reverse=True)


def test_what_could_not_be_read_is_no_worst_finding() -> None:
    made = result([0.0, 0.5, 0.9])
    made["cases"][0]["error"] = "not_binary"
    assert "train_0_a_1.nii.gz" not in {row.file for rows in extremes(made) for row in rows}


def test_charts_stay_in_their_fields() -> None:
    made = result([0.0, 1.0, 0.5])
    made["cases"][0]["findings"]["finding_0"]["truth_volume_ml"] = 1e9
    made["cases"][1]["findings"]["finding_0"]["truth_volume_ml"] = 1e-9
    points = scatter(finding_rows(made)).points
    assert [(point.x, point.y) for point in points[:2]] == [(560, 260), (0, 0)]
    assert interval({"value": None, "low": None, "high": None}) is None
    found = interval({"value": 0.5, "low": 0.25, "high": 1.25})
    assert found is not None
    assert (found.at, found.low, found.width) == (50, 25, 75)


def test_a_comparison_is_one_file_too() -> None:
    page = write_comparison(compare(result([0.2, 0.3, 0.4]), result([0.5, 0.3, 0.6])), "one", "<two>")
    assert Tags(page).open == []
    assert "&lt;two&gt; against one" in page
    assert "+0.167" in page
