"""The published evaluator, written from its description (dataset.md, section 5): dense, plain and slow.

Nothing here is shared with the evaluator under test.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

HIT, MATCH, EPSILON, CAP = 0.1, 0.2, 1e-6, 50

Array = NDArray[Any]
Row = dict[str, Any]


def load(values_fijk: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return values_fijk.astype(np.uint8)


def dice(a: Array, b: Array) -> float:
    a, b = a > 0, b > 0
    shared, total = np.logical_and(a, b).sum(), a.sum() + b.sum()
    return 1.0 if total == 0 else float((2 * shared + EPSILON) / (total + EPSILON))


def components(mask: Array, min_size: int, cc_connectivity: int) -> tuple[Array, list[int]]:
    """Label the components that are kept, and give their ids."""
    labelled, count = ndimage.label(mask, ndimage.generate_binary_structure(3, cc_connectivity))
    kept = np.zeros_like(labelled)
    sizes: list[tuple[int, int]] = []
    for component in range(1, count + 1):
        size = int((labelled == component).sum())
        if size >= min_size:
            sizes.append((len(sizes) + 1, size))
            kept[labelled == component] = len(sizes)
    largest = sorted(sizes, key=lambda each: each[1], reverse=True)[:CAP]
    ids = sorted(name for name, _ in largest)
    return np.where(np.isin(kept, ids), kept, 0), ids


def match(truth: Array, predicted: Array, truth_ids: list[int], predicted_ids: list[int]) -> list[Row]:
    scores = {(g, p): dice(truth == g, predicted == p) for g in truth_ids for p in predicted_ids}
    remaining_gt, remaining_pred = set(truth_ids), set(predicted_ids)
    matches: list[Row] = []
    while remaining_gt and remaining_pred:
        best, pair = -1.0, (0, 0)
        for g in remaining_gt:
            for p in remaining_pred:
                if scores[g, p] > best:
                    best, pair = scores[g, p], (g, p)
        if best < MATCH:
            break
        matches.append({"gt_id": pair[0], "pred_id": pair[1], "dice": best})
        remaining_gt.remove(pair[0])
        remaining_pred.remove(pair[1])
    return matches


def prf(tp: int, fp: int, fn: int) -> tuple[float, float, float]:
    precision = tp / (tp + fp) if tp + fp else 1.0
    recall = tp / (tp + fn) if tp + fn else 1.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0
    return precision, recall, f1


def mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def global_finding(truth: Array, prediction: Array) -> Row:
    value = dice(truth, prediction)
    return {"global_dice": value, "global_hit": value >= HIT}


def finding(truth: Array, prediction: Array, min_size: int, cc_connectivity: int) -> Row:
    predicted, predicted_ids = components(prediction > 0, min_size, cc_connectivity)
    truth_ids = [int(label) for label in np.unique(truth) if label]
    matches = match(truth, predicted, truth_ids, predicted_ids)
    unmatched_gt = sorted(set(truth_ids) - {each["gt_id"] for each in matches})
    unmatched_pred = sorted(set(predicted_ids) - {each["pred_id"] for each in matches})
    precision, recall, f1 = prf(len(matches), len(unmatched_pred), len(unmatched_gt))
    return {
        **global_finding(truth, predicted),
        "tp": len(matches),
        "fp": len(unmatched_pred),
        "fn": len(unmatched_gt),
        "instance_precision": precision,
        "instance_recall": recall,
        "instance_f1": f1,
        "mean_matched_dice": mean([each["dice"] for each in matches]),
        "matched_instances": matches,
        "unmatched_gt": unmatched_gt,
        "unmatched_pred": unmatched_pred,
        "num_gt_instances": len(truth_ids),
        "num_pred_instances": len(predicted_ids),
    }


def case_stats(rows: list[Row], *, global_only: bool) -> Row:
    dices = [row["global_dice"] for row in rows]
    hits = sum(row["global_hit"] for row in rows)
    rate = hits / len(rows) if rows else 0.0
    hit_stats = {"hits": hits, "misses": len(rows) - hits, "hit_rate": rate}
    if global_only:
        return {"mean_global_dice": mean(dices), **hit_stats, "finding_global_dice_list": dices}
    tp, fp, fn = (sum(row[name] for row in rows) for name in ("tp", "fp", "fn"))
    precision, recall, f1 = prf(tp, fp, fn)
    matched = [row["mean_matched_dice"] for row in rows if row["matched_instances"]]
    return {
        "tp": tp,
        "fp": fp,
        "fn": fn,
        "gt_instances": sum(row["num_gt_instances"] for row in rows),
        "pred_instances": sum(row["num_pred_instances"] for row in rows),
        "mean_global_dice": mean(dices),
        "mean_matched_dice": mean(matched),
        "instance_precision": precision,
        "instance_recall": recall,
        "instance_f1": f1,
        **hit_stats,
        "finding_global_dice_list": dices,
        "matched_dice_list": matched,
    }


def case(
    name: str, truth_fijk: Array, predicted_fijk: Array | None, *, global_only: bool, min_size: int, cc: int
) -> Row:
    if predicted_fijk is None:
        return {"file": name, "error": "missing_prediction"}
    truth, predicted = load(truth_fijk), load(predicted_fijk)
    if truth.shape != predicted.shape:
        raise SystemExit("the shapes differ")
    pairs = list(zip(truth, predicted, strict=True))
    rows = [global_finding(*each) if global_only else finding(*each, min_size, cc) for each in pairs]
    return {
        "file": name,
        "findings": {f"finding_{n}": row for n, row in enumerate(rows)},
        "case_stats": case_stats(rows, global_only=global_only),
    }


def summary(cases: list[Row], *, global_only: bool, min_size: int, cc: int) -> Row:
    scored = [each for each in cases if "findings" in each]
    rows = [row for each in scored for row in each["findings"].values()]
    hits = sum(row["global_hit"] for row in rows)
    totals = {
        "total_cases": len(scored),
        "total_findings": len(rows),
        "total_hits": hits,
        "total_misses": len(rows) - hits,
        "hit_rate": hits / len(rows) if rows else 0.0,
    }
    dices = {
        "mean_global_dice_per_finding": mean([row["global_dice"] for row in rows]),
        "mean_global_dice_per_case": mean([each["case_stats"]["mean_global_dice"] for each in scored]),
    }
    findings = {"mean_findings_per_case": mean([len(each["findings"]) for each in scored])}
    if global_only:
        return {"params": {"global_only": True, "global_hit_thr": HIT}, **totals, **dices, **findings}
    tp, fp, fn = (sum(row[name] for row in rows) for name in ("tp", "fp", "fn"))
    precision, recall, f1 = prf(tp, fp, fn)
    return {
        "params": {
            "global_only": False,
            "global_hit_thr": HIT,
            "match_dice_thr": MATCH,
            "min_size": min_size,
            "cc_connectivity": cc,
        },
        **totals,
        "total_tp": tp,
        "total_fp": fp,
        "total_fn": fn,
        "total_gt_instances": sum(row["num_gt_instances"] for row in rows),
        "total_pred_instances": sum(row["num_pred_instances"] for row in rows),
        "overall_instance_precision": precision,
        "overall_instance_recall": recall,
        "overall_instance_f1": f1,
        **dices,
        "mean_matched_dice_per_finding": mean([m["dice"] for row in rows for m in row["matched_instances"]]),
        **findings,
    }
