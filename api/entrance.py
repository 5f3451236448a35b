"""What every request passes: it is recorded, and it is refused when it may not come, or comes too often."""

from collections.abc import Callable
from math import ceil

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access import Access
from api.errors import FORBIDDEN, TOO_OFTEN, UNAUTHENTICATED, describe, told
from api.rates import Rates
from api.record import Record
from api.requests import answer_with, refuse
from schema.limits import Limits
from schema.token import Pass, TokenRole

OPEN = frozenset({"/", "/healthz", "/readyz"})
"""Paths that show no data, so that everybody may come, as often as they like."""
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="groundct"'}


class Recording:
    """Tells somebody of each request once it is answered, or its client gone."""

    def __init__(self, app: ASGIApp, tell: Callable[[Record], None]) -> None:
        self._app, self._tell = app, tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, as ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = Record.begin(scope)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
            else:
                record.bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            record.status = 500
            raise
        finally:
            self._tell(record)


class Entrance:
    """Looks at tokens, refuses who needs one and has none, and counts how often each client comes."""

    def __init__(self, app: ASGIApp, limits: Limits, access: Access | None, asks: bool) -> None:
        self._app, self._limits, self._access, self._asks = app, limits, access, asks
        self._rates = Rates(limits.requests_a_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on or refuse it, as ASGI."""
        refused = None
        if scope["type"] == "http" and scope["path"] not in OPEN:
            refused = await self._refusal(scope)
        await (refused or self._app)(scope, receive, send)

    async def _refusal(self, scope: Scope) -> Response | None:
        found, who = None, (scope.get("client") or ("",))[0]
        given = Headers(scope=scope).get("authorization", "")
        if self._access is not None and (given or self._asks):
            try:
                found = await self._access.find(given)
            except Exception as error:  # whatever it is, nobody comes in
                return answer_with([describe(error, self._limits)], told(error).status)
        if found is not None:
            record, who = Record.of(scope), found.name
            record.token, record.edits = found.name, found.role is TokenRole.MAINTAINER and found.covers
        if wait_s := self._rates.take(who):
            return self._refuse_for_now(wait_s)
        return self._refuse_by(found) if self._asks else None

    def _refuse_for_now(self, wait_s: float) -> Response:
        seconds = ceil(wait_s)
        message = f"at most {self._limits.requests_a_minute} requests a minute are answered; come again in {seconds} s"
        return refuse(TOO_OFTEN, message, self._limits, {"Retry-After": str(seconds)})

    def _refuse_by(self, found: Pass | None) -> Response | None:
        if found is None:
            message = "a token is needed: Authorization: Bearer groundct_...; `groundct token create NAME` makes one"
            return refuse(UNAUTHENTICATED, message, self._limits, CHALLENGE)
        if not found.covers:
            message = "there are collections that this token is not for, which this version cannot leave out"
            return refuse(FORBIDDEN, message, self._limits)
        return None
