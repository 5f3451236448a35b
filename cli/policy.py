"""Options that are policies of annotation."""

import click

from schema.annotation import AnnotationPolicy


class PolicyType(click.ParamType[AnnotationPolicy]):
    """Reads `exhaustive`, `at_most N` or `unknown`."""

    name = "policy"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> AnnotationPolicy:
        """Give the policy, or say how one is written."""
        try:
            return AnnotationPolicy.parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
