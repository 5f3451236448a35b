"""Whether what an export holds may be passed on, by the terms of its assets."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from schema.errors import SourceError

PASSED_ON = ("CC0", "CC-BY", "CC BY", "APACHE-2.0", "MIT", "PDDL", "ODC-BY")
"""Beginnings of licences that let copies be passed on under the same terms."""
_FORBIDDEN = re.compile(
    r"\b(no[- ]redistribution|not? (be )?(passed|redistributed|shared)|forbid\w*|all rights reserved|CT-RATE)\b",
    re.IGNORECASE,
)


_CREATIVE_COMMONS = re.compile(r"CC[- ]BY((?:-(?:NC|SA|ND))*)[- ]([1-4]\.[05])", re.IGNORECASE)
_OTHER_SPDX = ("CC0-1.0", "PDDL-1.0", "ODC-By-1.0", "ODbL-1.0", "Apache-2.0", "MIT")


class TermsForbid(SourceError):
    """The terms of an asset forbid passing it on; `--recipient-holds-terms` says that who gets it holds them."""


@dataclass(frozen=True)
class Terms:
    """The terms of the assets of an export: each text once, sorted."""

    known: tuple[str, ...]
    unknown: bool
    """Whether some asset has no terms at all."""

    @property
    def forbidding(self) -> tuple[str, ...]:
        """Give those that forbid passing a copy on."""
        return tuple(text for text in self.known if _FORBIDDEN.search(text))

    @property
    def unclear(self) -> bool:
        """Tell whether some are missing, or say nothing that is understood here."""
        understood = (text.upper().startswith(PASSED_ON) or text in self.forbidding for text in self.known)
        return self.unknown or not all(understood)


def spdx_of(text: str) -> str | None:
    """Give the SPDX identifier of a licence that is named, and nothing beside it; None for any other text."""
    if match := _CREATIVE_COMMONS.fullmatch(text.strip()):
        return f"CC-BY{match[1].upper()}-{match[2]}"
    return next((code for code in _OTHER_SPDX if code.lower() == text.strip().lower()), None)


def terms_of(texts: Iterable[str | None]) -> Terms:
    """Gather the terms of assets."""
    found = set(texts)
    return Terms(tuple(sorted(text for text in found if text)), unknown=bool(found & {None, ""}))


def require_passing_on(terms: Terms, *, held: bool) -> None:
    """Make sure that copies may be passed on, or that their recipient holds the terms.

    Raises:
        TermsForbid: they may not.
    """
    if terms.forbidding and not held:
        raise TermsForbid(
            f"terms forbid passing this on: {'; '.join(terms.forbidding)}; "
            "say --recipient-holds-terms where who gets it has agreed to them"
        )
