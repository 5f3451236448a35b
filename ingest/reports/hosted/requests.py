"""One request to a language model after another, until there is an output: every one of them in the ledger."""

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

import openai
from pydantic import BaseModel, ValidationError

from ingest.reports.hosted.faults import ENDING, PASSING, Fault, FaultName, fault_of
from ingest.reports.hosted.limits import Budget, Pace, exhausted_s
from ingest.reports.hosted.pricing import Prices, Usage, cost_usd
from ingest.reports.hosted.schema import read_answer, strict_schema
from ingest.reports.ledger import CallDraft
from ingest.reports.stages import Stage, Strict, input_digest
from schema.errors import RunStopped, StageFailed

MOST_ATTEMPTS = 6
"""How often the same is sent where what went wrong may pass."""
CHARACTERS_A_TOKEN = 4

# What it logs at `debug` holds the texts that are sent.
logging.getLogger("openai").setLevel(logging.WARNING)


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Cached(BaseModel):
    cached_tokens: int | None = None


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _Cached | None = None


class Completion(BaseModel):
    """What of an answer of the protocol is read."""

    choices: list[_Choice]
    model: str | None = None
    usage: _Usage | None = None

    def content(self) -> str:
        """Give the text that was answered.

        Raises:
            Fault: there is none, or not all of it.
        """
        if not self.choices:
            raise Fault(FaultName.NOT_THE_PROTOCOL, "no choices")
        choice = self.choices[0]
        if choice.message.refusal or choice.finish_reason == "content_filter":
            raise Fault(FaultName.REFUSED, advice="The answer was a refusal; these are texts of reports to sort")
        if choice.finish_reason == "length":
            raise Fault(FaultName.TRUNCATED, advice="The answer was too long and was cut off: be brief")
        return choice.message.content or ""


@dataclass
class _Told:
    """What is known of a request when it ends."""

    completion: Completion | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def usage(self) -> Usage | None:
        """Its tokens; None where the server did not count them."""
        if self.completion is None or (counted := self.completion.usage) is None:
            return None
        details = counted.prompt_tokens_details
        cached = (details.cached_tokens if details else None) or 0
        return Usage(counted.prompt_tokens, counted.completion_tokens, cached)


@dataclass(frozen=True)
class Question:
    """What is asked of a model, and the key that it stands under in the ledger."""

    stage: Stage
    prompt_version: str
    asked: Strict
    messages: Sequence[dict[str, str]]

    @property
    def tokens(self) -> int:
        """About how many tokens it has."""
        return sum(len(each["content"]) for each in self.messages) // CHARACTERS_A_TOKEN


@dataclass(frozen=True)
class Requester:
    """Sends questions to one model. Threads may share it."""

    client: openai.OpenAI
    model: str
    parameters: Mapping[str, Any]
    prices: Prices
    record: Callable[[CallDraft], None]
    """Keeps a request in the ledger, at once."""
    pace: Pace = field(default_factory=Pace)
    budget: Budget = field(default_factory=Budget)
    patience_s: float = 1.0
    """The wait after a first failure of which the server does not say how long it lasts; it doubles each time."""

    def send(self, question: Question) -> Strict:
        """Send a question until it is answered, with the same parameters each time.

        Raises:
            Fault: it was answered, but not as it should be; asking again with the fault named may help.
            StageFailed: it was not answered.
            RunStopped: no other question would be answered either.
        """
        for attempt in range(1, MOST_ATTEMPTS + 1):
            try:
                return self._send_once(question)
            except Fault as fault:
                self._end_run(fault)
                if fault.name is FaultName.BAD_REQUEST:
                    raise StageFailed(f"{question.stage}: {fault}") from fault
                if fault.name not in PASSING:
                    raise
                last = fault
            if attempt < MOST_ATTEMPTS:
                self._wait(last, attempt)
        if last.name is FaultName.RATE_LIMITED:
            raise RunStopped(f"{self.model} takes no more requests now: run the same command again later to go on")
        raise StageFailed(f"{question.stage}: {last}, {MOST_ATTEMPTS} times")

    def _wait(self, fault: Fault, attempt: int) -> None:
        if fault.wait_s is not None:
            self.pace.hold(fault.wait_s)
        else:
            doubled = self.patience_s * 2 ** (attempt - 1)
            self.pace.wait(doubled * random.uniform(0.5, 1))  # noqa: S311 - so that threads do not come all at once

    def _end_run(self, fault: Fault) -> None:
        if fault.name in ENDING:
            raise RunStopped(f"{fault}: {ENDING[fault.name]}, and run the same command again to go on") from fault

    def _send_once(self, question: Question) -> Strict:
        self.pace.wait()
        told, start = _Told(), time.monotonic()
        with self.budget.reserved(self._expected_usd(question)):
            try:
                output = self._ask(question, told)
            except Fault as fault:
                self._keep(question, told, start, error=str(fault))
                raise
            self._keep(question, told, start, output=output)
        if (wait := exhausted_s(told.headers, question.tokens)) is not None:
            self.pace.hold(wait)
        return output

    def _ask(self, question: Question, told: _Told) -> Strict:
        try:
            raw = self.client.chat.completions.with_raw_response.create(
                model=self.model,
                messages=cast("Any", question.messages),
                **self.parameters,
                response_format=_format(question.stage),
            )
        except openai.OpenAIError as error:
            raise fault_of(error) from error
        told.headers = raw.headers
        try:
            told.completion = Completion.model_validate_json(raw.content)
        except ValidationError as error:
            raise Fault(FaultName.NOT_THE_PROTOCOL, "no completion in its JSON") from error
        return read_answer(question.stage, question.asked, told.completion.content())

    def _expected_usd(self, question: Question) -> Decimal | None:
        price = self.prices.price_of(self.model)
        return cost_usd(price, Usage(question.tokens, question.tokens // 4)) if price else None

    def _keep(self, question: Question, told: _Told, start: float, **came: Any) -> None:
        answered = told.completion.model if told.completion else None
        usage, price = told.usage, self.prices.price_of(answered, self.model)
        cost = cost_usd(price, usage) if usage and price else None
        self.budget.spend(cost)
        call = CallDraft(
            stage=question.stage,
            prompt_version=question.prompt_version,
            model=self.model,
            input_sha256=input_digest(question.asked),
            parameters=self.parameters,
            latency_ms=round((time.monotonic() - start) * 1000),
            model_answered=answered,
            tokens_in=usage.tokens_in if usage else None,
            tokens_out=usage.tokens_out if usage else None,
            cost_usd=cost,
            **came,
        )
        self.record(call)


def _format(stage: Stage) -> Any:
    schema = {"name": str(stage), "strict": True, "schema": strict_schema(stage)}
    return {"type": "json_schema", "json_schema": schema}
