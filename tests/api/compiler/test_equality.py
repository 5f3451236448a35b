"""Whatever is asked, the compiled statement gives what field-by-field execution gives."""

from typing import Any

from hypothesis import HealthCheck, event, example, given, settings

from api.graphql.compiler.plans import Plan
from api.graphql.execution import execute_fields, execute_query
from api.services import Services
from tests.api.compiler.queries import operations


def test_compiled_is_field_by_field(services: Services) -> None:
    # Services are no argument of what Hypothesis runs, which would print all that they keep.
    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @example(operation=("{ cohorts { edges { node { findings { totalCount edges { cursor } } } } } }", {}))
    @given(operation=operations())
    def compare(operation: tuple[str, dict[str, Any]]) -> None:
        text, values = operation
        expected = execute_fields(services, text, values)
        assert execute_query(services, text, values) == expected
        assert execute_query(services, text, values) == expected
        document = services.documents.find((text, None))
        plans = [] if document is None else document.plans.all()
        event("compiled" if any(isinstance(plan, Plan) for plan in plans) else "not compiled")

    compare()
