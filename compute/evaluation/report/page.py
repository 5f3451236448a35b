"""Writing the report of a result, and of the comparison of two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from compute.evaluation.metrics import METRICS
from compute.evaluation.report.charts import SCATTER_SIZE, interval, scatter
from compute.evaluation.rows import CATEGORY_NAMES, FindingRow, finding_rows

SHOWN = 4
"""How many of the best findings are shown, and of the worst."""
TITLES = {
    "category": "Category",
    "parent": "Parent category",
    "focality": "Focality",
    "size": "Diameter of what is drawn",
    "protocol": "Protocol",
}


@dataclass(frozen=True)
class Picture:
    """A finding on its slice, as an image for the page."""

    row: FindingRow
    data_uri: str
    caption: str


def extremes(result: Mapping[str, Any]) -> tuple[list[FindingRow], list[FindingRow]]:
    """Give the best findings and the worst ones by Dice, of cases whose prediction could be read; no finding twice."""
    unread = {case["file"] for case in result["cases"] if "error" in case}
    rows = [row for row in finding_rows(result) if row.file not in unread and row.scores.get("truth_voxels")]
    ordered = sorted(rows, key=lambda row: (-row.scores["global_dice"], row.scores["truth_voxels"], row.file, row.name))
    best = ordered[: min(SHOWN, (len(ordered) + 1) // 2)]
    return best, ordered[len(best) :][-SHOWN:][::-1]


def write_report(result: Mapping[str, Any], best: Sequence[Picture] = (), worst: Sequence[Picture] = ()) -> str:
    """Give the page of a result."""
    rows = finding_rows(result)
    return _template("report.html").render(
        result=result,
        ours=result["groundct"],
        summary=result["summary"],
        figures=result["groundct"]["statistics"],
        titles=TITLES,
        names_of=CATEGORY_NAMES,
        lower_is_better={metric.name for metric in METRICS if not metric.higher_is_better},
        scatter=scatter(rows),
        scatter_size=SCATTER_SIZE,
        pictures={"Best findings": best, "Worst findings": worst},
    )


def write_comparison(comparison: Mapping[str, Any], first: str, second: str) -> str:
    """Give the page of a comparison of two results of these names."""
    return _template("comparison.html").render(comparison=comparison, first=first, second=second, titles=TITLES)


@cache
def _template(name: str) -> Template:
    loader = PackageLoader("compute.evaluation.report", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["interval"] = interval
    environment.filters["number"] = _number
    return environment.get_template(name)


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
