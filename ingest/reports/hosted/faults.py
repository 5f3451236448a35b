"""What goes wrong with a request to a language model, by name, and what is done about it."""

from dataclasses import dataclass
from enum import StrEnum

import openai

from ingest.reports.hosted.limits import retry_after_s

MOST_DETAIL = 60
"""Characters of what a server calls its error; its sentences may repeat what was asked, and are not kept."""


class FaultName(StrEnum):
    """Why a request gave no output; the ledger's `error` begins with it."""

    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    NO_CONNECTION = "no_connection"
    NO_CREDIT = "no_credit"
    NOT_ALLOWED = "not_allowed"
    UNKNOWN_MODEL = "unknown_model"
    BAD_REQUEST = "bad_request"
    NOT_THE_PROTOCOL = "not_the_protocol"
    REFUSED = "refused"
    TRUNCATED = "truncated"
    NOT_JSON = "not_json"
    WRONG_TYPE = "wrong_type"
    NOT_IN_TEXT = "not_in_text"


PASSING = {FaultName.RATE_LIMITED, FaultName.SERVER_ERROR, FaultName.TIMEOUT, FaultName.NO_CONNECTION}
"""What the same request may not meet again a moment later."""
REPAIRABLE = {
    *(FaultName.NOT_THE_PROTOCOL, FaultName.REFUSED, FaultName.TRUNCATED, FaultName.NOT_JSON, FaultName.WRONG_TYPE),
    FaultName.NOT_IN_TEXT,
}
"""What may go away when the model is told of it."""
ENDING = {
    FaultName.NO_CREDIT: "the account has no credit left: add some",
    FaultName.NOT_ALLOWED: "the server does not accept the key: check OPENAI_API_KEY",
    FaultName.UNKNOWN_MODEL: "the server does not know the model: check GROUNDCT_LLM_MODEL and OPENAI_BASE_URL",
}
"""What every other request would meet too, and what to do."""

_NO_CREDIT = {"insufficient_quota", "billing_hard_limit_reached"}
_BY_STATUS = {
    401: FaultName.NOT_ALLOWED,
    402: FaultName.NO_CREDIT,
    403: FaultName.NOT_ALLOWED,
    404: FaultName.UNKNOWN_MODEL,
    408: FaultName.TIMEOUT,
    409: FaultName.SERVER_ERROR,
    429: FaultName.RATE_LIMITED,
}


@dataclass(eq=False)
class Fault(Exception):
    """A request gave no output."""

    name: FaultName
    detail: str = ""
    """Short, and never a word of a report."""
    advice: str = ""
    """What the model is told when it is asked again."""
    wait_s: float | None = None
    """How long the server asks to wait, where it says so."""

    def __str__(self) -> str:
        return f"{self.name}: {self.detail}" if self.detail else str(self.name)


def fault_of(error: openai.OpenAIError) -> Fault:
    """Name what the client raised."""
    match error:
        case openai.APITimeoutError():
            return Fault(FaultName.TIMEOUT)
        case openai.APIConnectionError():
            return Fault(FaultName.NO_CONNECTION, type(error.__cause__ or error).__name__)
        case openai.APIStatusError():
            return Fault(_name_of(error), _detail_of(error), wait_s=retry_after_s(error.response.headers))
    return Fault(FaultName.NOT_THE_PROTOCOL, type(error).__name__)


def _name_of(error: openai.APIStatusError) -> FaultName:
    if error.code in _NO_CREDIT or error.type in _NO_CREDIT:
        return FaultName.NO_CREDIT
    if error.status_code >= 500:
        return FaultName.SERVER_ERROR
    return _BY_STATUS.get(error.status_code, FaultName.BAD_REQUEST)


def _detail_of(error: openai.APIStatusError) -> str:
    named = (error.code, error.type, error.param)
    words = [str(error.status_code), *(each[:MOST_DETAIL] for each in named if each and " " not in each)]
    return " ".join(dict.fromkeys(words))
