"""GraphQL beside other ways to ask the same, and at a million findings."""
