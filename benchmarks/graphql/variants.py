"""`python -m benchmarks.graphql.variants VARIANT HOME PORT`: our server without something, to see what it costs.

no-log: without a log; no-role: as the owner; no-limits: without what refuses requests at the door; fields: field by
field, as what cannot be compiled.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn

import api.app
from api.app import create_app
from api.entrance import Entrance
from api.graphql.execution import Answer, execute_fields
from api.logs import LogFormat, write_requests
from api.services import Services
from migrations.ready import ready_database
from schema.settings import Settings


def _by_fields(
    services: Services,
    query: str,
    variables: Mapping[str, Any] | None = None,
    operation: str | None = None,
    *,
    editor: str | None = None,  # noqa: ARG001 - nothing is changed here
) -> Answer:
    return Answer.of(execute_fields(services, query, variables or {}, operation))


def main(variant: str, home: str, port: str) -> None:
    """Serve until the end."""
    settings = Settings(home=Path(home))
    log = None if variant == "no-log" else write_requests(Path(os.devnull).open("w"), LogFormat.JSON)  # noqa: SIM115
    with ready_database(settings) as ready:
        database = replace(ready, api_url=ready.owner_url) if variant == "no-role" else ready
        if variant == "fields":
            api.app.answer_query = _by_fields
        app = create_app(Services.of_settings(database, settings), log=log)
        if variant == "no-limits":
            app.user_middleware = [each for each in app.user_middleware if each.cls is not Entrance]
        uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
