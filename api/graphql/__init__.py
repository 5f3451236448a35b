"""GraphQL: one module a type, thin over `schema.queries`. Reading order: `siblings`, `listing`, the types, `query`.

Nothing is loaded row by row: a field that leads to other rows is answered for all siblings by one statement.
"""
