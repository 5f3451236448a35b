"""`python -m benchmarks.graphql.variants VARIANT HOME PORT`: our server without something, to see what it costs.

fields: field by field, as what cannot be compiled; owner: without the API's role.
"""

import sys
from dataclasses import replace
from pathlib import Path

import uvicorn

import api.app
from api.app import create_app
from api.graphql.execution import Answer, execute_fields
from api.services import Services
from migrations.ready import ready_database
from schema.settings import Settings


def _by_fields(services: Services, query: str, variables: dict[str, object] | None, operation: str | None) -> Answer:
    return Answer.of(execute_fields(services, query, variables or {}, operation))


def main(variant: str, home: str, port: str) -> None:
    """Serve until the end."""
    settings = Settings(home=Path(home))
    with ready_database(settings) as ready:
        database = replace(ready, api_url=ready.owner_url) if variant == "owner" else ready
        if variant == "fields":
            api.app.answer_query = _by_fields  # type: ignore[assignment]
        app = create_app(Services.of_settings(database, settings))
        uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main(*sys.argv[1:])
