"""Rewrites a report: every sentence in American radiology language and in its region, linked to the one it says."""

from collections.abc import Iterator

from ingest.reports.rules.clauses import split_clauses
from ingest.reports.rules.cues import ANAPHORIC, EMPTY, RECOMMENDATION, SPECULATION, TECHNIQUE
from ingest.reports.rules.regions import STRONG, find_region, first_region
from ingest.reports.rules.wording import capitalised, lead_in, reworded, without_lead_ins
from ingest.reports.stages import Dropped, ReportText, Rewrite, RewrittenSentence, SourceLink, SourceSentence
from schema.report import DropReason, Region, Section

_REMARKS = (
    (TECHNIQUE, DropReason.TECHNIQUE),
    (RECOMMENDATION, DropReason.RECOMMENDATION),
    (SPECULATION, DropReason.SPECULATION),
)


class _Rewriting:
    """A report while it is rewritten; a sentence without a place of its own goes where the one before it went."""

    def __init__(self) -> None:
        self.sentences: list[RewrittenSentence] = []
        self.dropped: list[Dropped] = []
        self.undecided: list[int] = []
        self._region: Region | None = None
        self._section: Section | None = None

    def add(self, source: SourceSentence) -> None:
        """Place one sentence, drop it with a reason, or leave it undecided."""
        if source.section is not self._section:
            self._section, self._region = source.section, None
        text = reworded(source.text)
        if EMPTY.fullmatch(source.text) or EMPTY.fullmatch(text):
            self.dropped.append(Dropped(sentence=source.number, reason=DropReason.NOT_A_FINDING))
        elif not (parts := list(self._placed(source, text))):
            self._set_aside(source.number, text)
        else:
            self._keep(source.number, parts)

    def _placed(self, source: SourceSentence, text: str) -> Iterator[tuple[Region, str]]:
        if source.section is Section.IMPRESSION:
            yield Region.IMPRESSION, text
            return
        for part in _by_region(text):
            region = self._find_region(part, source.text)
            if region is None:
                return
            self._region = region
            yield region, part

    def _find_region(self, text: str, source: str) -> Region | None:
        if self._region is not None and ANAPHORIC.match(text):
            return find_region(text, least=STRONG) or self._region
        own = find_region(text, least=STRONG)
        hinted = first_region([lead_in(source), source], least=STRONG)
        weak = find_region(text)
        return own or hinted or (self._region if weak is None else weak)

    def _set_aside(self, number: int, text: str) -> None:
        reason = next((reason for pattern, reason in _REMARKS if pattern.search(text)), None)
        if reason is None:
            self.undecided.append(number)
        else:
            self.dropped.append(Dropped(sentence=number, reason=reason))

    def _keep(self, number: int, parts: list[tuple[Region, str]]) -> None:
        source = (SourceLink(sentence=number),)
        self.sentences += [RewrittenSentence(text=text, region=region, sources=source) for region, text in parts]


def rewrite(report: ReportText) -> Rewrite:
    """Rewrite a report; every sentence is linked, dropped or undecided, and an empty report gives an empty one."""
    rewriting = _Rewriting()
    for source in report.sentences:
        rewriting.add(source)
    return Rewrite(
        sentences=tuple(rewriting.sentences),
        dropped=tuple(rewriting.dropped),
        undecided=tuple(rewriting.undecided),
    )


def _by_region(text: str) -> list[str]:
    """Split a sentence whose clauses speak of different regions; each part ends with a stop."""
    clauses = split_clauses(text)
    regions = {find_region(clause, least=STRONG) for clause in clauses} - {None}
    if len(clauses) < 2 or len(regions) < 2 or any(find_region(clause, least=STRONG) is None for clause in clauses):
        return [text]
    return [_sentence(clause) for clause in clauses]


def _sentence(clause: str) -> str:
    clause = capitalised(without_lead_ins(clause).strip(" ,;"))
    return clause if clause.endswith((".", "?", "!", ")")) else f"{clause}."
