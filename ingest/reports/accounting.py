"""What became of every source sentence: used, dropped with a reason, or flagged."""

from collections.abc import Mapping
from dataclasses import dataclass

from ingest.reports.stages import Extraction, Rewrite
from schema.report import DropReason, SentenceUse


@dataclass(frozen=True)
class Account:
    """What became of one sentence."""

    use: SentenceUse
    reason: DropReason | None = None


FLAGGED = Account(SentenceUse.FLAGGED)
USED = Account(SentenceUse.USED)


def accounts(count: int, rewrite: Rewrite, extraction: Extraction) -> list[Account]:
    """Say it of each of `count` source sentences, in their order.

    A sentence is flagged where it, or a rewritten one that says it, is undecided or spoken of nowhere; else it is used
    where an observation was read from it, else dropped, with the first reason that was given.
    """
    rewritten = _by_source(rewrite)
    dropped = {each.sentence: each.reason for each in reversed(rewrite.dropped)}
    later = _of_rewritten(len(rewrite.sentences), extraction)
    return [
        _account(n in rewrite.undecided, dropped.get(n), [later[m] for m in rewritten.get(n, ())]) for n in range(count)
    ]


def _account(undecided: bool, reason: DropReason | None, later: list[Account]) -> Account:
    if undecided or FLAGGED in later:
        return FLAGGED
    if USED in later:
        return USED
    if reason is not None:
        return Account(SentenceUse.DROPPED, reason)
    return later[0] if later else FLAGGED


def _of_rewritten(count: int, extraction: Extraction) -> list[Account]:
    used = {number for each in extraction.observations for number in each.sentences}
    dropped = {each.sentence: each.reason for each in reversed(extraction.dropped)}
    return [_account(n in extraction.undecided, dropped.get(n), [USED] if n in used else []) for n in range(count)]


def _by_source(rewrite: Rewrite) -> Mapping[int, list[int]]:
    numbers: dict[int, list[int]] = {}
    for number, each in enumerate(rewrite.sentences):
        for link in each.sources:
            numbers.setdefault(link.sentence, []).append(number)
    return numbers
