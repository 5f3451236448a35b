"""Extracts observations from a rewritten report: what is there, what is denied, and why a sentence says neither."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ingest.reports.rules.clauses import BE, SEEN, split_clauses
from ingest.reports.rules.coordination import split_findings
from ingest.reports.rules.cues import (
    ABNORMAL,
    ANAPHORIC,
    EMPTY,
    HEAD,
    HYPOTHESIS,
    NORMAL,
    NOTHING,
    RECOMMENDATION,
    SPECULATION,
    TECHNIQUE,
    names_finding,
    names_inference_only,
    refers_to_prior,
)
from ingest.reports.rules.measurements import find_measurements
from ingest.reports.rules.negation import Denial, find_denial, find_gone, split_without
from ingest.reports.rules.phrases import finding_words, subject, trimmed
from ingest.reports.rules.regions import STRONG, find_region
from ingest.reports.rules.wording import capitalised, reworded
from ingest.reports.stages import Dropped, Extracted, Extraction, RewrittenReport, RewrittenSentence
from schema.report import DropReason, Region

_QUESTION_BRACKET = re.compile(r"\s*\([^()]*\?[^()]*\)|\s*\([^()]*\?\s*$")
_CUT = re.compile(
    r"[,;]\s+(?:and\s+|which\s+)?|\s*\(|\s+and\s+(?=(?:was|were|is|are|it|should|may|evaluated)\b)|\s+which\s+|"
    r"\s+that\s+(?=(?:can|could|may|might|is|are|was|were)\b)",
    re.IGNORECASE,
)
_SEEN_AFTER = re.compile(rf"\b(?:is|are|was|were)\s+(?:also\s+)?{SEEN}\b", re.IGNORECASE)
_GUESS_FIRST = re.compile(r"(?:and\s+)?(?:compatible|consistent|may|might|could|suspicious|evaluated)\b", re.IGNORECASE)
_COMMA = re.compile(r"[,;]\s+(?:and\s+)?")
_PLACED = re.compile(r"\d|\b(?:right|left|both|bilateral|lobes?|segments?|lungs)\b", re.IGNORECASE)
_SIGN_OF = re.compile(
    r"^(?:any )?(?:\w+ )?(?:findings?|signs?|evidence|appearances?|lesions?|images?)\s+"
    r"(?:that (?:may|can|could) be )?"
    r"(?:compatible|consistent|in accordance|in favou?r|suggest\w*|indicat\w*|of|in terms)\s*(?:of|with)?\s+",
    re.IGNORECASE,
)
_CHANGE = re.compile(
    r"^(?P<place>.*?)\b(?:no|not?)\s+(?:\w+\s+){0,2}?"
    r"(?:changes?|differences?|progression|regression|increase|decrease)\b(?P<rest>.*)$",
    re.IGNORECASE,
)
_IN_OR_OF = re.compile(r"\b(?:in|of)\s+(?:the\s+)?", re.IGNORECASE)
_ALSO_NO = re.compile(r"\s*,?\s*\b(?:and\s+|or\s+)?(?:no|nor)\s+", re.IGNORECASE)
_SOMEWHERE = re.compile(r"\b(?:in|on|at)\b", re.IGNORECASE)
_BE_LAST = re.compile(rf"\s*\b{BE}\s*$", re.IGNORECASE)
_PLACE_FIRST = re.compile(r"(?:in|at|on|within|around)\b", re.IGNORECASE)
_DESCRIBED = re.compile(r"the\b(?!\s+(?:largest|biggest|larger|smaller|other|same))", re.IGNORECASE)
_SHOWED = re.compile(
    r"\s*,?\s*\b(?:which\s+)?(?:shows?|showed|had|has|with|there (?:is|was|are|were)|did|does|do|is|are|was|were)\s*$",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"^(?:all |the )?(?:other|remaining) (?:findings?|lesions?|appearances?|structures?)\b", re.IGNORECASE
)
_SUBJECT_VAGUE = re.compile(
    r"(?:there (?:is|are|was|were) )?(?:an? |the )?"
    r"(?:(?:radiological|described|defined|similar|these|same|aforementioned) )*(?:findings?|outlooks?|looks?)\b|"
    r"(?:there (?:is|are|was|were) )?(?:a )?similar (?:appearance|view|area|change|densit|image)\w*|"
    r"the (?:appearances?|views?|images?|changes|distribution)\b(?! (?:of|in|at)\b)",
    re.IGNORECASE,
)
_PRONOUN = re.compile(r"^(?:it|they|these|this|those)\s+(?:also\s+)?", re.IGNORECASE)
_STATE = re.compile(
    r"^(?:it|they|these|this|those|findings?|appearances?|all)\b[\w\s]*\b(?:stable|unchanged|same|"
    r"persist\w*)\b[\w\s]*\.?$",
    re.IGNORECASE,
)
_MOST_WORDS_UNKNOWN = 30
_MOST_WORDS_PLACE = 6
_PRECEDENCE = (
    DropReason.NORMAL,
    DropReason.QUESTION,
    DropReason.SPECULATION,
    DropReason.RECOMMENDATION,
    DropReason.TECHNIQUE,
    DropReason.NOT_A_FINDING,
)


@dataclass(frozen=True)
class Said:
    """One thing that a clause says is there or not."""

    phrase: str
    present: bool
    refers_to_prior: bool = False


@dataclass(frozen=True)
class More:
    """What a clause adds to the thing said before it: words, a state, or a comparison."""

    words: str
    refers_to_prior: bool


@dataclass
class _Reading:
    """What the clauses of a sentence gave."""

    said: list[Said] = field(default_factory=list)
    more: list[More] = field(default_factory=list)
    reasons: set[DropReason] = field(default_factory=set)


def extract(report: RewrittenReport) -> Extraction:
    """Give the observations of a rewritten report; every sentence is in one, dropped with a reason, or undecided."""
    extracting = _Extracting()
    for number, sentence in enumerate(report.sentences):
        extracting.add(number, sentence)
    return Extraction(
        observations=tuple(extracting.observations),
        dropped=tuple(extracting.dropped),
        undecided=tuple(extracting.undecided),
    )


class _Extracting:
    """A report while it is read; `It is stable.` joins the observation before it in the same region."""

    def __init__(self) -> None:
        self.observations: list[Extracted] = []
        self.dropped: list[Dropped] = []
        self.undecided: list[int] = []
        self._last: int | None = None
        self._region: Region | None = None

    def add(self, number: int, sentence: RewrittenSentence) -> None:
        """Read one sentence."""
        if sentence.region is not self._region:
            self._region, self._last = sentence.region, None
        reading = read_sentence(sentence.text)
        used = self._say(number, reading.said)
        used |= self._join(number, reading.more)
        if not used:
            self._set_aside(number, reading)

    def _say(self, number: int, said: list[Said]) -> bool:
        for one in said:
            if one.present:
                self._last = len(self.observations)
            self.observations.append(
                Extracted(
                    phrase=capitalised(one.phrase),
                    present=one.present,
                    refers_to_prior=one.refers_to_prior,
                    sentences=(number,),
                )
            )
        return bool(said)

    def _join(self, number: int, more: list[More]) -> bool:
        if self._last is None:
            return False
        for one in more:
            last = self.observations[self._last]
            self.observations[self._last] = last.model_copy(
                update={
                    "phrase": f"{last.phrase}, {one.words}" if one.words else last.phrase,
                    "refers_to_prior": last.refers_to_prior or one.refers_to_prior,
                    "sentences": tuple(sorted({*last.sentences, number})),
                }
            )
        return bool(more)

    def _set_aside(self, number: int, reading: _Reading) -> None:
        reasons = reading.reasons | ({DropReason.NOT_A_FINDING} if reading.more else set())
        reason = next((reason for reason in _PRECEDENCE if reason in reasons), None)
        if reason is None:
            self.undecided.append(number)
        else:
            self.dropped.append(Dropped(sentence=number, reason=reason))


def read_sentence(text: str) -> _Reading:
    """Read what a sentence says, clause by clause."""
    reading = _Reading()
    text = reworded(text)
    plain = _QUESTION_BRACKET.sub("", text)
    if plain != text and not plain.strip(" .,;"):
        reading.reasons.add(DropReason.QUESTION)
    about = ""
    for clause in split_clauses(plain):
        results = list(_read_clause(clause.strip(" .,;:")))
        for result in results:
            if isinstance(result, Said):
                reading.said.append(_said_of(about, result))
            elif isinstance(result, More):
                reading.more.append(result)
            else:
                reading.reasons.add(result)
        about = subject(clause) if results == [DropReason.NORMAL] else ""
    return reading


def _said_of(about: str, said: Said) -> Said:
    """Give a denial the place that the clause before calls normal: `The liver is normal and no mass is seen`."""
    if not about or said.present or _PLACED.search(said.phrase) or not find_region(about):
        return said
    place = about[:1].lower() + about[1:]
    joint = ", " if _SOMEWHERE.search(said.phrase) else " in "
    return replace(said, phrase=f"{said.phrase}{joint}{place}")


def _read_clause(clause: str) -> Iterator[Said | More | DropReason]:
    """Give what a clause says; nothing where it cannot be told."""
    if EMPTY.fullmatch(clause):
        yield DropReason.NOT_A_FINDING
    elif "?" in clause:
        yield from _asked(clause)
    elif cue := RECOMMENDATION.search(clause):
        yield from _with_rest(clause, cue.start(), DropReason.RECOMMENDATION)
    elif cue := TECHNIQUE.search(clause):
        yield from _with_rest(clause, cue.start(), DropReason.TECHNIQUE)
    elif (gone := find_gone(clause)) and names_finding(gone):
        phrases = split_findings(finding_words(gone))
        yield from (Said(phrase, present=False, refers_to_prior=True) for phrase in phrases)
    elif denial := find_denial(clause):
        yield from _denied(denial, clause)
    elif change := _CHANGE.match(clause):
        yield from _unchanged(change)
    else:
        yield from _stated(clause)


def _asked(clause: str) -> Iterator[Said | More | DropReason]:
    """Set aside what is asked; where that names no finding of its own, all of the clause is asked."""
    rest = _without_part(clause, clause.index("?"))
    if names_finding(rest) and names_finding(_removed(clause, rest)):
        yield from _read_clause(rest)
    else:
        yield DropReason.QUESTION


def _with_rest(clause: str, cue: int, reason: DropReason) -> Iterator[Said | More | DropReason]:
    """Set aside the part of a clause that holds the cue, and read what stands before it."""
    rest = _without_part(clause, cue)
    if names_finding(clause[:cue]) and _SEEN_AFTER.search(clause, cue) and not find_denial(clause[cue:]):
        yield from _present(clause)
    elif names_finding(rest):
        yield from _read_clause(rest)
    else:
        yield reason


def _without_part(clause: str, cue: int) -> str:
    """Take away the part of a clause that holds a cue, from the joint before to the next comma; empty if all."""
    cuts = [match for match in _CUT.finditer(clause) if match.start() < cue]
    after = _COMMA.search(clause, cue)
    rest = clause[after.end() :] if after else ""
    rest = rest if names_finding(rest) or _PLACED.search(rest) else ""
    if not cuts:
        return rest if names_finding(rest) else ""
    before = clause[: cuts[-1].start()]
    return f"{before}, {rest}" if rest else before


def _denied(denial: Denial, clause: str) -> Iterator[Said | More | DropReason]:
    if names_finding(denial.excepted):
        yield from _present(denial.excepted)
    if names_finding(denial.before) or NORMAL.search(denial.before):
        yield from _read_clause(denial.before)
    words = _SIGN_OF.sub("", finding_words(denial.words))
    nothing = NOTHING.match(words)
    if nothing:
        yield DropReason.NORMAL
        words = words[nothing.end() :].lstrip(" ,") if names_finding(words[nothing.end() :]) else ""
    if HEAD.search(words):
        prior = refers_to_prior(clause)
        phrases = split_findings(_with_place(_ALSO_NO.sub(" and ", words), denial.before))
        yield from (Said(phrase, present=False, refers_to_prior=prior) for phrase in phrases)
    elif not nothing:
        yield from _denied_other(words, clause)


def _with_place(words: str, before: str) -> str:
    """Add the place that stands before a denial: `In the mediastinum`, or `The esophagus`."""
    place = _BE_LAST.sub("", before).strip(" ,")
    if _PLACE_FIRST.match(place):
        return f"{words} {place[:1].lower()}{place[1:]}"
    if place and not names_finding(place) and find_region(place) and len(place.split()) <= _MOST_WORDS_PLACE:
        return f"{words} in {place[:1].lower()}{place[1:]}"
    return words


def _denied_other(words: str, clause: str) -> Iterator[Said | More | DropReason]:
    """Read the denial of what is no known finding: a missing organ is there to be seen, other words are denied."""
    if refers_to_prior(clause):
        yield More("", refers_to_prior=True) if ANAPHORIC.match(clause) else DropReason.NOT_A_FINDING
    elif re.search(r"\b(?:gallbladder|spleen|kidney|uterus|thyroid|lobe|breast|stomach|gland)\b", words, re.IGNORECASE):
        yield Said(trimmed(clause), present=True)
    elif words and len(words.split()) <= _MOST_WORDS_UNKNOWN:
        yield Said(words, present=False)


def _unchanged(change: re.Match[str]) -> Iterator[Said | More | DropReason]:
    """Read `no change`: of a thing that is named, it is there as before; else it is said of the one before."""
    rest = change["rest"]
    after = (rest[match.end() :] for match in _IN_OR_OF.finditer(rest))
    things = [thing for thing in (*after, _SHOWED.sub("", change["place"])) if names_finding(thing)]
    if things and not _points_back(things[0]):
        yield from (replace(said, refers_to_prior=True) for said in _present(things[0]))
    else:
        yield More("", refers_to_prior=True)


def _points_back(clause: str) -> bool:
    """Whether a clause goes on about what was said before, and names no thing at a place of its own."""
    own = _DESCRIBED.match(clause) and names_finding(clause) and _PLACED.search(clause)
    return bool(ANAPHORIC.match(clause)) and not own


def _stated(clause: str) -> Iterator[Said | More | DropReason]:
    cue = SPECULATION.search(clause)
    if _GUESS_FIRST.match(clause):
        yield DropReason.SPECULATION
    elif cue:
        yield from _guessed(clause, cue)
    elif _OTHERS.match(clause) and not ABNORMAL.search(clause):
        yield DropReason.NORMAL if NORMAL.search(clause) else DropReason.NOT_A_FINDING
    elif _STATE.match(clause):
        yield More("", refers_to_prior=True)
    elif _SUBJECT_VAGUE.match(clause) and NORMAL.search(clause):
        yield DropReason.NORMAL
    elif (_points_back(clause) or _SUBJECT_VAGUE.match(clause)) and not _names_own(clause):
        yield _more(clause)
    elif NORMAL.search(clause) and not ABNORMAL.search(clause):
        yield DropReason.NORMAL
    elif names_finding(clause) or ABNORMAL.search(clause) or any(find_measurements(clause)):
        yield from _present(clause)
    else:
        yield from _unknown(clause)


def _guessed(clause: str, cue: re.Match[str]) -> Iterator[Said | More | DropReason]:
    """Read a clause with a guess: what it is about is there, what it might mean is dropped."""
    rest = _without_part(clause, cue.start())
    guess = clause[: cue.start()]
    if names_inference_only(rest) and HYPOTHESIS.search(clause):
        yield DropReason.SPECULATION
    elif names_finding(rest) and not _points_back(rest):
        yield from _present(clause) if _PLACED.search(_removed(clause, rest)) else _stated(rest)
    elif HYPOTHESIS.search(clause) or _points_back(clause) or names_inference_only(clause):
        yield DropReason.SPECULATION
    elif names_finding(guess) or (cue.start() == 0 and names_finding(clause)) or _is_described(guess, clause):
        yield from _present(clause)
    else:
        yield DropReason.SPECULATION


def _is_described(guess: str, clause: str) -> bool:
    """Whether `a density that may be ...` is one at a place, and no word for what was said before."""
    return bool(HEAD.search(guess) and find_region(clause, least=STRONG)) and not _SUBJECT_VAGUE.match(clause)


def _removed(clause: str, rest: str) -> str:
    """Give the words of a clause that are not in the rest of it."""
    kept = set(rest.split())
    return " ".join(word for word in clause.split() if word not in kept)


def _names_own(clause: str) -> bool:
    """Whether a clause that begins by pointing back names a finding of its own: after its verb, or as `findings of`."""
    sign = _SIGN_OF.match(clause)
    if sign and names_finding(clause[sign.end() :]):
        return True
    verb = re.search(r"\b(?:there (?:is|are)|is|are|was|were)\b", clause)
    return bool(verb and names_finding(clause[verb.end() :]))


def _more(clause: str) -> More:
    words = trimmed(_PRONOUN.sub("", finding_words(clause)))
    says = re.search(
        r"\d|\b(?:right|left|both|bilateral|lobe|segment|calcified|cavit\w*|ground-glass)\b", words, re.IGNORECASE
    )
    return More(words if says else "", refers_to_prior=refers_to_prior(clause))


def _present(clause: str) -> Iterator[Said]:
    prior = refers_to_prior(clause)
    there, absent = split_without(clause)
    for phrase in split_findings(finding_words(there)):
        yield Said(phrase, present=True, refers_to_prior=prior)
    if HEAD.search(absent):
        yield from (
            Said(phrase, present=False, refers_to_prior=prior) for phrase in split_findings(finding_words(absent))
        )


def _unknown(clause: str) -> Iterator[Said | More | DropReason]:
    """Read a clause without a known finding: a comparison or a vague noun is no finding."""
    if refers_to_prior(clause):
        yield More("", refers_to_prior=True)
    elif HEAD.search(clause) and ANAPHORIC.match(clause):
        yield DropReason.NOT_A_FINDING
    elif HEAD.search(clause):
        yield from _present(clause)
